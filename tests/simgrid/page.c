/* The table: a line for each cell, and what must hold in it. */
#include <inttypes.h>

#include "tests/simgrid/cell.h"

#define PAYLOAD 1448U /* bytes of a full segment, of ... */
#define MEDIUM 1538U  /* ... so many on an Ethernet */
#define NUMBER 24U

/* num / den with so many decimals, rounded down. */
static const char *fixed(uint64_t num, uint64_t den, unsigned decimals, char out[NUMBER])
{
    uint64_t scale = decimals == 0 ? 1 : decimals == 1 ? 10 : decimals == 2 ? 100 : 1000;
    uint64_t v = den > 0 ? (uint64_t)((unsigned __int128)num * scale / den) : 0;
    if (decimals == 0) {
        snprintf(out, NUMBER, "%" PRIu64, v);
    } else {
        snprintf(out, NUMBER, "%" PRIu64 ".%0*" PRIu64, v / scale, (int)decimals, v % scale);
    }
    return out;
}

static uint64_t bytes_of(const struct grid_cell *c, const struct grid_outcome *o)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < c->flows; i++) {
        sum += o->received[i];
    }
    return sum;
}

/* Payload bits a second. */
static uint64_t goodput(const struct grid_cell *c, const struct grid_outcome *o)
{
    uint64_t us = (uint64_t)(o->took / NS_PER_US);
    return us > 0 ? bytes_of(c, o) * 8U * 1000U / (us / 1000U + (us < 1000U)) : 0;
}

/* Jain's index in thousandths: (sum x)^2 / (n sum x^2). */
static uint64_t jain(const struct grid_cell *c, const struct grid_outcome *o)
{
    uint64_t sum = 0;
    uint64_t squares = 0;
    for (unsigned i = 0; i < c->flows; i++) {
        uint64_t x = o->received[i] / 1024U;
        sum += x;
        squares += x * x;
    }
    return squares > 0 ? sum * sum / c->flows * 1000U / squares : 0;
}

/* "cubic 61 %, newreno 38 %" */
static void shares(const struct grid_cell *c, const struct grid_outcome *o, char *out, size_t size)
{
    uint64_t all = bytes_of(c, o);
    size_t at = 0;
    out[0] = '\0';
    for (unsigned k = 0; k < c->mixed && c->mixed > 1 && at < size; k++) {
        uint64_t sum = 0;
        for (unsigned i = k; i < c->flows; i += c->mixed) {
            sum += o->received[i];
        }
        int n = snprintf(out + at, size - at, "%s%s %u %%", k > 0 ? ", " : "", c->cc[k],
                         all > 0 ? (unsigned)(sum * 100U / all) : 0);
        at += n > 0 ? (size_t)n : 0;
    }
}

void grid_line(const struct grid_cell *c, const struct grid_outcome *o, char out[GRID_LINE])
{
    char mbit[NUMBER];
    char use[NUMBER];
    char again[NUMBER];
    char marked[NUMBER];
    char spurious[NUMBER];
    char refused[NUMBER];
    char wait[NUMBER];
    char fair[NUMBER];
    char who[GRID_NAME];
    uint64_t mean = o->queue_frames > 0 ? o->queued / o->queue_frames : 0;
    fixed(goodput(c, o), 1000000, 2, mbit);
    fixed(goodput(c, o) * 100U, c->rate / MEDIUM * PAYLOAD, 1, use);
    fixed(o->again * 100U, o->sent, 2, again);
    fixed(o->marked * 100U, o->sent, 2, marked);
    fixed(o->duplicate * 100U, o->arrived, 2, spurious);
    fixed(o->refused * 100U * PAYLOAD, o->arrived, 2, refused);
    fixed(mean * 8U * 1000U, c->rate, 2, wait);
    fixed(jain(c, o), 1000, 3, fair);
    shares(c, o, who, sizeof who);
    snprintf(out, GRID_LINE,
             "| %s | %s | %s | %s | %s | %s | %s | %" PRIu64 " | %" PRIu64 " | %" PRIu64
             " | %s | %s | %s |",
             c->name, mbit, use, again, spurious, refused, marked, o->timeouts, o->recoveries,
             o->undone, wait, c->flows > 1 ? fair : "", who);
}

/* ---- bars ---- */

/* What a path with loss lets through at the least: Reno's response function, W = sqrt(3 / 2p) segments a round
 * trip (RFC 9438 4.3 keeps CUBIC from falling below), or the link. Bits a second. */
static uint64_t expected(const struct grid_cell *c)
{
    uint64_t link = c->rate / MEDIUM * PAYLOAD;
    uint32_t lost = c->loss + c->burst_p; /* a burst counts as one event */
    if (lost == 0) {
        return link;
    }
    uint64_t square = UINT64_C(15000000) * 10U / lost; /* (10 W)^2 */
    uint64_t w = 1;
    while ((w + 1) * (w + 1) <= square) {
        w++;
    }
    uint64_t path = w * PAYLOAD * 8U / 10U * (uint64_t)NS_PER_SEC / (uint64_t)c->rtt;
    return path < link ? path : link;
}

const char *grid_short_of(const struct grid_cell *c, const struct grid_outcome *o)
{
    if (!o->ran) {
        return "it could not be built";
    }
    if (!o->intact) {
        return "what arrived is not what was sent";
    }
    if ((c->bars & BAR_NO_COLLAPSE) != 0 && goodput(c, o) * 2 < expected(c)) {
        return "less than half of what the path lets through";
    }
    if ((c->bars & BAR_NO_COLLAPSE) != 0 && o->timeouts * 50U > o->again + 50U) {
        return "more than one timeout in 50 retransmissions";
    }
    if ((c->bars & BAR_FAIR) != 0 && jain(c, o) < 950) {
        return "Jain's index below 0.95";
    }
    if ((c->bars & BAR_FEW_LOST) != 0 && (o->marked == 0 || o->dropped * 1000U > o->sent)) {
        return "no marks, or more than one frame in 1000 lost in spite of them";
    }
    if ((c->bars & BAR_NO_OVERFLOW) != 0 && o->dropped * 1000U > o->sent) {
        return "more than one frame in 1000 lost to the queue";
    }
    if ((c->bars & BAR_FEW_SPURIOUS) != 0 && o->duplicate * 100U >= o->arrived) {
        return "1 % of what arrived, or more, had arrived before";
    }
    return NULL;
}

/* ---- the page ---- */

static const char head[] =
    "# The grid of links, in virtual time\n"
    "\n"
    "Written by `make sim-grid`; `make test` runs some of it and compares. "
    "Two hosts of this stack and one wire, all\n"
    "flows through one drop-tail queue of one bandwidth-delay product (10 "
    "frames at the least), buffers that are\n"
    "never the limit. Flows last 60 s of virtual time, 15 s at 1 Gbit/s. "
    "Loss is on the way of data only. All\n"
    "this where the cell does not say otherwise. The same numbers on every machine: a change of "
    "the "
    "stack shows here\n"
    "as a difference.\n"
    "\n"
    "Columns: payload delivered; that as a share of what the link carries; "
    "segments that were retransmissions;\n"
    "bytes that arrived though they had arrived before (spurious "
    "retransmissions); of these the late segments\n"
    "that PAWS refused, whose retransmissions were needed; frames that the queue marked, where it "
    "marks (from a\n"
    "quarter of its size on, by RFC 9768); retransmission timeouts; recoveries begun; losses that "
    "proved to be none\n"
    "and were undone; what a data frame waited in the queue on average; Jain's index of the flows; "
    "and who had how\n"
    "much.\n"
    "\n"
    "| cell | Mbit/s | use % | resent % | spurious % | PAWS % | marked % | timeouts | "
    "recoveries | undone | queue ms | Jain | "
    "shares |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|\n";

static const char foot[] =
    "\n"
    "What must hold, or `make sim-grid` fails: with random loss or bursts, at least half of what "
    "Reno's response\n"
    "function or the link lets through, and at most one timeout in 50 retransmissions (no collapse "
    "to one segment a\n"
    "timeout); Jain's index of 8 flows of one algorithm 0.95 or more; less than 1 % spurious where "
    "5 % of the\n"
    "segments are late, or ACKs are lost; at most one frame in 1000 lost where the queue marks, "
    "but "
    "with BBR, and\n"
    "in the first 5 s where it holds a bandwidth-delay product or more, so that slow start must "
    "end "
    "before it is full; and\n"
    "every transfer of 100 MiB arrives, byte by byte.\n"
    "\n"
    "Late segments have a second enemy: when a retransmission fills the hole in front, the "
    "timestamp that it brings is\n"
    "newer than theirs, and PAWS refuses them when they come (RFC 7323 5.3, which names the case "
    "and holds it for\n"
    "unlikely). Their own retransmissions, which are then needed, make the next ones late. The "
    "column PAWS has what was\n"
    "refused; only the rest of the spurious bytes was sent for nothing. Without timestamps the "
    "same links have next to\n"
    "none, and carry what they can. Such a chain begins with a true loss, when a queue overflows, "
    "and lives as long as late\n"
    "segments are under way at every retransmission. CUBIC and NewReno take a third and a half off "
    "their window, and it\n"
    "ends; BBR goes on at nearly the rate that is delivered, and probes every second or two until "
    "the queue overflows: it\n"
    "has more chains, and longer ones. Over 300 s its share at 100 Mbit/s and 20 ms is 0.86 %, of "
    "which PAWS has 0.85.\n";

void grid_page(FILE *out, const struct grid_outcome *outcomes)
{
    const struct grid_cell *cells;
    unsigned count = grid_cells(&cells);
    char line[GRID_LINE];
    fputs(head, out);
    for (unsigned i = 0; i < count; i++) {
        grid_line(&cells[i], &outcomes[i], line);
        fprintf(out, "%s\n", line);
    }
    fputs(foot, out);
    bool all = true;
    for (unsigned i = 0; i < count; i++) {
        const char *missed = grid_short_of(&cells[i], &outcomes[i]);
        if (missed != NULL) {
            fprintf(out, "%s- %s: %s\n", all ? "\nNot held now:\n\n" : "", cells[i].name, missed);
            all = false;
        }
    }
}
