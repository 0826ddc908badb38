/* Which cells there are. */
#include <string.h>

#include "tests/simgrid/cell.h"

#define CELLS 256U
#define FRAME_BYTES 1514U /* of a full segment on an Ethernet link */
#define QUEUE_MIN (10U * FRAME_BYTES)
#define PER_MILLE (WIRE_MILLION / 1000U)
#define MBIT UINT64_C(1000000)
#define MINUTE (60 * NS_PER_SEC)
#define INTACT_BYTES (100U << 20U)

static struct grid_cell all[CELLS];
static unsigned count;

static const char *const algorithms[] = {"cubic", "newreno", "bbr"};

/* One bandwidth-delay product, and room for a few segments on a short path. */
static uint32_t one_bdp(uint64_t rate, nsec rtt)
{
    return u32_max((uint32_t)(rate / 8 * (uint64_t)rtt / (uint64_t)NS_PER_SEC), QUEUE_MIN);
}

static const char *rate_name(uint64_t rate)
{
    return rate == 10 * MBIT ? "10 Mbit/s" : rate == 100 * MBIT ? "100 Mbit/s" : "1 Gbit/s";
}

/* A cell with one flow of `cc`; the rest is for the caller to change. */
static struct grid_cell *add(const char *cc, uint64_t rate, nsec rtt)
{
    struct grid_cell *c = &all[count++];
    *c = (struct grid_cell){.cc = {cc},
                            .mixed = 1,
                            .flows = 1,
                            .rate = rate,
                            .rtt = rtt,
                            .queue = one_bdp(rate, rtt),
                            .lasts = MINUTE,
                            .seed = count};
    return c;
}

static void name(struct grid_cell *c, const char *what)
{
    snprintf(c->name, sizeof c->name, "%s, %s, %d ms, %s", c->cc[0], rate_name(c->rate),
             (int)(c->rtt / NS_PER_MS), what);
}

/* ---- one flow ---- */

static void add_links(const char *cc)
{
    static const uint64_t rates[] = {10 * MBIT, 100 * MBIT, 1000 * MBIT};
    static const nsec rtts[] = {NS_PER_MS, 20 * NS_PER_MS, 100 * NS_PER_MS};
    static const struct {
        uint32_t chance;
        const char *text;
    } losses[] = {{0, "no loss"},
                  {PER_MILLE, "0.1 % lost"},
                  {10 * PER_MILLE, "1 % lost"},
                  {30 * PER_MILLE, "3 % lost"}};
    for (unsigned i = 0; i < COUNT_OF(rates) * COUNT_OF(rtts) * COUNT_OF(losses); i++) {
        unsigned rate = i / (COUNT_OF(rtts) * COUNT_OF(losses));
        unsigned rtt = i / COUNT_OF(losses) % COUNT_OF(rtts);
        unsigned loss = i % COUNT_OF(losses);
        struct grid_cell *c = add(cc, rates[rate], rtts[rtt]);
        c->loss = losses[loss].chance;
        c->lasts = rates[rate] == 1000 * MBIT ? MINUTE / 4 : MINUTE;
        c->bars = BAR_NO_COLLAPSE;
        c->quick =
            rates[rate] == 10 * MBIT || (rates[rate] == 100 * MBIT && c->loss == 10 * PER_MILLE);
        name(c, losses[loss].text);
    }
}

/* ---- disorder, bursts, ACKs that are lost ---- */

static void add_weather(const char *cc)
{
    struct grid_cell *c = add(cc, 100 * MBIT, 20 * NS_PER_MS);
    c->reorder = 50 * PER_MILLE;
    c->late = c->rtt / 2;
    c->bars = BAR_FEW_SPURIOUS;
    c->quick = strcmp(cc, "bbr") != 0; /* which falls short of it, as the page says */
    name(c, "5 % late by half a round trip");
    c = add(cc, 100 * MBIT, 20 * NS_PER_MS);
    c->reorder = 50 * PER_MILLE;
    c->late = c->rtt / 8;
    c->bars = BAR_FEW_SPURIOUS;
    name(c, "5 % late by an eighth");
    c = add(cc, 10 * MBIT, 100 * NS_PER_MS);
    c->reorder = 50 * PER_MILLE;
    c->late = c->rtt / 2;
    c->bars = BAR_FEW_SPURIOUS;
    name(c, "5 % late by half a round trip");
    c = add(cc, 100 * MBIT, 20 * NS_PER_MS);
    c->burst_p = PER_MILLE;
    c->burst_r = 100 * PER_MILLE;
    c->bars = BAR_NO_COLLAPSE;
    c->quick = true;
    name(c, "bursts of 10 lost, one in 1000");
    c = add(cc, 100 * MBIT, 20 * NS_PER_MS);
    c->ack_loss = 100 * PER_MILLE;
    c->bars = BAR_FEW_SPURIOUS;
    name(c, "10 % of ACKs lost");
    c = add(cc, 100 * MBIT, 20 * NS_PER_MS);
    c->ack_loss = 500 * PER_MILLE;
    c->bars = BAR_FEW_SPURIOUS;
    name(c, "50 % of ACKs lost");
}

/* ---- many flows ---- */

static void add_crowds(const char *cc)
{
    static const unsigned flows[] = {1, 2, 8, 32};
    for (unsigned i = 0; i < 2 * COUNT_OF(flows); i++) {
        bool far = i >= COUNT_OF(flows);
        struct grid_cell *c =
            far ? add(cc, 10 * MBIT, 100 * NS_PER_MS) : add(cc, 100 * MBIT, 20 * NS_PER_MS);
        c->flows = flows[i % COUNT_OF(flows)];
        c->bars = c->flows == 8 ? BAR_FAIR : 0;
        c->quick = far;
        snprintf(c->name, sizeof c->name, "%s, %s, %d ms, %u flow%s", cc, rate_name(c->rate),
                 (int)(c->rtt / NS_PER_MS), c->flows, c->flows > 1 ? "s" : "");
    }
}

/* The queue marks from a quarter of it on, and both ends speak ECN. */
static void add_marks(const char *cc)
{
    static const unsigned flows[] = {1, 8};
    for (unsigned i = 0; i < COUNT_OF(flows); i++) {
        struct grid_cell *c = add(cc, 100 * MBIT, 20 * NS_PER_MS);
        c->mark = c->queue / 4;
        c->flows = flows[i];
        c->bars = c->flows == 8 ? BAR_FAIR : 0;
        if (strcmp(cc, "bbr") != 0) { /* to which a mark is less than a loss */
            c->bars |= BAR_FEW_LOST;
        }
        snprintf(c->name, sizeof c->name, "%s, 100 Mbit/s, 20 ms, marks, %u flow%s", cc, c->flows,
                 c->flows > 1 ? "s" : "");
    }
}

static void add_mix(const char *a, const char *b)
{
    for (unsigned flows = 2; flows <= 8; flows += 6) {
        struct grid_cell *c = add(a, 100 * MBIT, 20 * NS_PER_MS);
        c->cc[c->mixed++] = b;
        c->flows = flows;
        snprintf(c->name, sizeof c->name, "%s against %s, 100 Mbit/s, 20 ms, %u flows", a, b,
                 flows);
    }
}

static void add_mix_of_all(void)
{
    struct grid_cell *c = add(algorithms[0], 100 * MBIT, 20 * NS_PER_MS);
    for (unsigned i = 1; i < COUNT_OF(algorithms); i++) {
        c->cc[c->mixed++] = algorithms[i];
    }
    c->flows = 4 * c->mixed;
    snprintf(c->name, sizeof c->name, "all against each other, 100 Mbit/s, 20 ms, %u flows",
             c->flows);
}

/* ---- slow start alone, into queues of other sizes ---- */

static void add_starts(void)
{
    static const struct {
        unsigned percent; /* of a bandwidth-delay product */
        const char *text;
    } queues[] = {{20, "first 5 s, queue of a fifth BDP"},
                  {50, "first 5 s, queue of a half BDP"},
                  {100, "first 5 s, queue of one BDP"},
                  {400, "first 5 s, queue of four BDP"}};
    static const struct {
        uint64_t rate;
        nsec rtt;
    } links[] = {{10 * MBIT, 100 * NS_PER_MS},
                 {100 * MBIT, 20 * NS_PER_MS},
                 {100 * MBIT, 100 * NS_PER_MS},
                 {1000 * MBIT, 100 * NS_PER_MS}};
    for (unsigned i = 0; i < COUNT_OF(links) * COUNT_OF(queues); i++) {
        unsigned link = i / COUNT_OF(queues);
        unsigned queue = i % COUNT_OF(queues);
        struct grid_cell *c = add("cubic", links[link].rate, links[link].rtt);
        c->queue = (uint32_t)((uint64_t)c->queue * queues[queue].percent / 100U);
        c->lasts = 5 * NS_PER_SEC;
        c->bars = queues[queue].percent >= 100 ? BAR_NO_OVERFLOW : 0;
        c->quick = c->rate < 1000 * MBIT;
        name(c, queues[queue].text);
    }
}

/* ---- worst ---- */

static void add_worst(void)
{
    for (unsigned i = 1; i <= 5; i++) {
        struct grid_cell *c = add("cubic", 100 * MBIT, 20 * NS_PER_MS);
        c->loss = c->ack_loss = 200 * PER_MILLE;
        c->total = INTACT_BYTES;
        c->bars = BAR_INTACT;
        snprintf(c->name, sizeof c->name, "100 MiB, 20 %% lost both ways, seed %u", i);
    }
}

/* ---- disorder, where PAWS refuses nothing ---- */

static void add_unstamped(const char *cc)
{
    struct grid_cell *c = add(cc, 100 * MBIT, 20 * NS_PER_MS);
    c->reorder = 50 * PER_MILLE;
    c->late = c->rtt / 2;
    c->no_timestamps = true;
    c->bars = BAR_FEW_SPURIOUS;
    c->quick = true;
    name(c, "5 % late by half, no timestamps");
}

unsigned grid_cells(const struct grid_cell **cells)
{
    if (count == 0) {
        for (unsigned i = 0; i < COUNT_OF(algorithms); i++) {
            add_links(algorithms[i]);
        }
        for (unsigned i = 0; i < COUNT_OF(algorithms); i++) {
            add_weather(algorithms[i]);
        }
        for (unsigned i = 0; i < COUNT_OF(algorithms); i++) {
            add_crowds(algorithms[i]);
            for (unsigned k = i + 1; k < COUNT_OF(algorithms); k++) {
                add_mix(algorithms[i], algorithms[k]);
            }
        }
        add_mix_of_all();
        for (unsigned i = 0; i < COUNT_OF(algorithms); i++) {
            add_marks(algorithms[i]);
        }
        add_worst();
        add_starts();
        for (unsigned i = 0; i < COUNT_OF(algorithms); i++) {
            add_unstamped(algorithms[i]);
        }
    }
    *cells = all;
    return count;
}
