/* The options of `vitrine wire`; see cable_options.h. */
#include "apps/cable_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/units.h"

#define FRAME_BYTES 1514U /* a full frame of Ethernet */
#define QUEUE_FRAMES 10U  /* a queue of some bandwidth-delay products holds no fewer full frames */
#define TICK_DEFAULT (50 * NS_PER_US)

static const char usage_text[] =
    "usage: vitrine wire --a TAP --b TAP [OPTION…]\n\n"
    "Joins two TAP devices by a cable as good or bad as you like, so that any two stacks can be\n"
    "compared over the same link. What comes to it on one comes out of the other.\n\n"
    "  --a TAP[@NETNS]       one end; made if it does not exist, and gone at the end then. NETNS "
    "is a\n"
    "  --b TAP[@NETNS]       name (ip netns), a process number, or a path; ours without it\n\n"
    "the link; each for both directions, or with -ab or -ba for one (--loss-ab 1%)\n"
    "  --rate RATE           bits a second: 10m, 1.5g\n"
    "  --queue SIZE          bytes in front of the rate, what is beyond is lost: 100k, 1bdp (rate\n"
    "                        times both delays, but 10 full frames) [no limit]\n"
    "  --ecn SIZE            a frame that finds more than this in the queue is marked (RFC 3168)\n"
    "  --delay TIME          one way: 20ms, 300us\n"
    "  --jitter TIME         0 to so much more, in order\n"
    "  --reorder SHARE,TIME  that share takes so much longer, and is overtaken: 1%,5ms\n"
    "  --loss SHARE          each frame by itself: 1%\n"
    "  --burst-loss P,R[,L]  loss by Gilbert and Elliott: chance to go from the good state to the\n"
    "                        bad, and back, after each frame; share lost while bad [100%]\n"
    "  --duplicate SHARE[,TIME]  so many come twice, the copy so much later [0]\n"
    "  --corrupt SHARE       one bit flips, within the IP packet\n"
    "  --mtu BYTES           larger IP packets are lost, and nobody is told\n"
    "  --seed N              the same seed and the same frames: the same fate of each [random]\n\n"
    "how\n"
    "  --for SECONDS         ends by itself; else SIGINT and SIGTERM end it\n"
    "  --stats               what it did, at the end. SIGUSR1 prints it at any time\n"
    "  --every SECONDS       and again and again\n"
    "  --json                each report as one line of JSON\n"
    "  --tick TIME           frames are let go at most so often, and then as super-segments where\n"
    "                        they continue each other [50us]\n"
    "  --single-frames       what comes out are single frames with finished checksums, for "
    "tcpdump\n\n"
    "Without rate, queue or chance super-segments of 64 KiB cross it whole; with any, each frame "
    "has\n"
    "its own fate.\n";

enum {
    OPT_RATE = 0x100, /* those of a direction; | OPT_AB or OPT_BA for one */
    OPT_QUEUE,
    OPT_ECN,
    OPT_DELAY,
    OPT_JITTER,
    OPT_REORDER,
    OPT_LOSS,
    OPT_BURST,
    OPT_DUPLICATE,
    OPT_CORRUPT,
    OPT_WAYS, /* the end of them */
    OPT_A = 0x200,
    OPT_B,
    OPT_MTU,
    OPT_SEED,
    OPT_FOR,
    OPT_STATS,
    OPT_EVERY,
    OPT_JSON,
    OPT_TICK,
    OPT_SINGLE,
    OPT_HELP,
    OPT_AB = 0x1000,
    OPT_BA = 0x2000,
};

#define BOTH_WAYS(name, option)                                                                    \
    {name, required_argument, NULL, option},                                                       \
        {name "-ab", required_argument, NULL, (option) | OPT_AB},                                  \
    {                                                                                              \
        name "-ba", required_argument, NULL, (option) | OPT_BA                                     \
    }

static const struct option long_options[] = {
    BOTH_WAYS("rate", OPT_RATE),
    BOTH_WAYS("queue", OPT_QUEUE),
    BOTH_WAYS("ecn", OPT_ECN),
    BOTH_WAYS("delay", OPT_DELAY),
    BOTH_WAYS("jitter", OPT_JITTER),
    BOTH_WAYS("reorder", OPT_REORDER),
    BOTH_WAYS("loss", OPT_LOSS),
    BOTH_WAYS("burst-loss", OPT_BURST),
    BOTH_WAYS("duplicate", OPT_DUPLICATE),
    BOTH_WAYS("corrupt", OPT_CORRUPT),
    {"a", required_argument, NULL, OPT_A},
    {"b", required_argument, NULL, OPT_B},
    {"mtu", required_argument, NULL, OPT_MTU},
    {"seed", required_argument, NULL, OPT_SEED},
    {"for", required_argument, NULL, OPT_FOR},
    {"stats", no_argument, NULL, OPT_STATS},
    {"every", required_argument, NULL, OPT_EVERY},
    {"json", no_argument, NULL, OPT_JSON},
    {"tick", required_argument, NULL, OPT_TICK},
    {"single-frames", no_argument, NULL, OPT_SINGLE},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* ---- values with commas ---- */

#define PARTS 3U

/* The parts of `text` between commas, each in its own memory; 0: too many, or too long. */
static unsigned split(const char *text, char parts[PARTS][32])
{
    unsigned n = 0;
    for (;;) {
        size_t len = strcspn(text, ",");
        if (n == PARTS || len >= sizeof parts[0]) {
            return 0;
        }
        memcpy(parts[n], text, len);
        parts[n++][len] = '\0';
        if (text[len] == '\0') {
            return n;
        }
        text += len + 1;
    }
}

static bool wrong(const char *option, const char *text, const char *wanted)
{
    fprintf(stderr, "vitrine: --%s takes %s, not '%s'\n", option, wanted, text);
    return false;
}

static bool take_reorder(const char *text, struct cable_way *w)
{
    char part[PARTS][32];
    if (split(text, part) != 2) {
        return wrong("reorder", text, "SHARE,TIME, as 1%,5ms");
    }
    return unit_share("reorder", part[0], &w->reorder) &&
           unit_time("reorder", part[1], &w->reorder_by);
}

static bool take_duplicate(const char *text, struct cable_way *w)
{
    char part[PARTS][32];
    unsigned n = split(text, part);
    if (n < 1 || n > 2) {
        return wrong("duplicate", text, "SHARE or SHARE,TIME, as 1% or 1%,5ms");
    }
    w->duplicate_by = 0;
    return unit_share("duplicate", part[0], &w->duplicate) &&
           (n == 1 || unit_time("duplicate", part[1], &w->duplicate_by));
}

static bool take_burst(const char *text, struct cable_way *w)
{
    char part[PARTS][32];
    unsigned n = split(text, part);
    if (n < 2) {
        return wrong("burst-loss", text, "P,R or P,R,LOSS, as 0.5%,25% or 0.5%,25%,80%");
    }
    w->burst_loss = WIRE_MILLION;
    return unit_share("burst-loss", part[0], &w->burst_p) &&
           unit_share("burst-loss", part[1], &w->burst_r) &&
           (n == 2 || unit_share("burst-loss", part[2], &w->burst_loss));
}

static bool take_way(int option, const char *value, struct cable_way *w)
{
    switch (option) {
    case OPT_RATE:
        return unit_rate("rate", value, &w->rate);
    case OPT_QUEUE:
        return unit_queue("queue", value, &w->queue, &w->queue_products);
    case OPT_ECN:
        return unit_queue("ecn", value, &w->mark, &w->mark_products);
    case OPT_DELAY:
        return unit_time("delay", value, &w->delay);
    case OPT_JITTER:
        return unit_time("jitter", value, &w->jitter);
    case OPT_REORDER:
        return take_reorder(value, w);
    case OPT_LOSS:
        return unit_share("loss", value, &w->loss);
    case OPT_BURST:
        return take_burst(value, w);
    case OPT_DUPLICATE:
        return take_duplicate(value, w);
    case OPT_CORRUPT:
        return unit_share("corrupt", value, &w->corrupt);
    default:
        return false;
    }
}

/* ---- the others ---- */

/* TAP, or TAP@NETNS with a path, a process number, or a name that ip netns gave. */
static bool take_end(const char *option, const char *text, struct cable_options *o, unsigned end)
{
    static char name[2][32];
    size_t len = strcspn(text, "@");
    if (len == 0 || len >= sizeof name[0]) {
        return wrong(option, text, "a TAP device, as vt0, vt0@NAME or vt0@PID");
    }
    memcpy(name[end], text, len);
    name[end][len] = '\0';
    o->tap[end] = name[end];
    if (text[len] == '\0') {
        return true;
    }
    const char *place = text + len + 1;
    const char *form = strchr(place, '/') != NULL                     ? "%s"
                       : strspn(place, "0123456789") == strlen(place) ? "/proc/%s/ns/net"
                                                                      : "/run/netns/%s";
    int n = snprintf(o->place[end], sizeof o->place[end], form, place);
    o->netns[end] = o->place[end];
    return (n > 0 && (size_t)n < sizeof o->place[end] && place[0] != '\0') ||
           wrong(option, text, "a network namespace behind the @");
}

static bool take_seed(const char *text, struct cable_options *o)
{
    o->has_seed = true;
    return option_number("seed", text, 0, UINT64_MAX, &o->seed);
}

static bool take_mtu(const char *text, struct cable_options *o)
{
    uint64_t mtu;
    if (!option_number("mtu", text, 68, 65535, &mtu)) { /* RFC 791 3.2 */
        return false;
    }
    o->mtu = (uint32_t)mtu;
    return true;
}

static bool take_other(int option, const char *value, struct cable_options *o)
{
    switch (option) {
    case OPT_A:
        return take_end("a", value, o, 0);
    case OPT_B:
        return take_end("b", value, o, 1);
    case OPT_MTU:
        return take_mtu(value, o);
    case OPT_SEED:
        return take_seed(value, o);
    case OPT_FOR:
        return option_seconds("for", value, &o->lasts);
    case OPT_STATS:
        return o->stats = true;
    case OPT_EVERY:
        return option_seconds("every", value, &o->every);
    case OPT_JSON:
        return o->json = o->stats = true;
    case OPT_TICK:
        return unit_time("tick", value, &o->tick);
    case OPT_SINGLE:
        return o->single = true;
    default:
        fprintf(stderr, "vitrine: vitrine wire --help lists the options\n");
        return false;
    }
}

static bool take_option(int option, const char *value, struct cable_options *o)
{
    int plain = option & ~(OPT_AB | OPT_BA);
    if (plain < OPT_RATE || plain >= OPT_WAYS) {
        return take_other(option, value, o);
    }
    bool good = true;
    if ((option & OPT_BA) == 0) {
        good = take_way(plain, value, &o->way[0]);
    }
    if ((option & OPT_AB) == 0 && good) {
        good = take_way(plain, value, &o->way[1]);
    }
    return good;
}

/* What only all options together can tell: sizes in bandwidth-delay products become bytes. */
static bool agree_way(struct cable_way *w, nsec rtt)
{
    if (w->rate == 0 &&
        (w->queue > 0 || w->queue_products > 0 || w->mark > 0 || w->mark_products > 0)) {
        fprintf(stderr, "vitrine: --queue and --ecn are in front of a rate: --rate is missing\n");
        return false;
    }
    double product = (double)w->rate / 8 * (double)rtt / 1e9;
    double least = QUEUE_FRAMES * FRAME_BYTES;
    double queue = w->queue_products * product;
    if (w->queue_products > 0) {
        queue = queue < least ? least : queue;
        w->queue = queue < UINT32_MAX ? (uint32_t)queue : UINT32_MAX;
    }
    if (w->mark_products > 0) {
        queue = w->mark_products * product;
        queue = queue < FRAME_BYTES ? FRAME_BYTES : queue;
        w->mark = queue < UINT32_MAX ? (uint32_t)queue : UINT32_MAX;
    }
    return true;
}

static bool agree(struct cable_options *o)
{
    if (o->tap[0] == NULL || o->tap[1] == NULL) {
        fprintf(stderr, "vitrine: --a TAP and --b TAP are needed: the two devices to join\n");
        return false;
    }
    nsec rtt = o->way[0].delay + o->way[1].delay;
    return agree_way(&o->way[0], rtt) && agree_way(&o->way[1], rtt);
}

enum options_result cable_options_parse(int argc, char **argv, struct cable_options *out)
{
    int option;
    *out = (struct cable_options){.tick = TICK_DEFAULT};
    optind = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPT_HELP) {
            fputs(usage_text, stdout);
            return OPTIONS_HELP;
        }
        if (!take_option(option, optarg, out)) {
            return OPTIONS_BAD;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "vitrine: '%s' is no option; vitrine wire --help lists them\n",
                argv[optind]);
        return OPTIONS_BAD;
    }
    return agree(out) ? OPTIONS_GOOD : OPTIONS_BAD;
}

/* ---- nodes ---- */

static void add(struct wire_node_config *nodes, unsigned *count, bool wanted,
                struct wire_node_config node)
{
    if (wanted) {
        nodes[(*count)++] = node;
    }
}

/* The bottleneck first; what a radio or a long way does to frames comes behind it. */
void cable_nodes(const struct cable_options *o, unsigned way,
                 struct wire_node_config nodes[WIRE_NODES], unsigned *count)
{
    const struct cable_way *w = &o->way[way];
    *count = 0;
    add(nodes, count, o->mtu > 0, (struct wire_node_config){WIRE_MTU, .mtu = {o->mtu}});
    add(nodes, count, w->queue > 0 || w->mark > 0,
        (struct wire_node_config){WIRE_QUEUE, .queue = {w->queue, w->mark}});
    add(nodes, count, w->rate > 0, (struct wire_node_config){WIRE_RATE, .rate = {w->rate, 0}});
    add(nodes, count, w->delay > 0 || w->jitter > 0,
        (struct wire_node_config){WIRE_DELAY, .delay = {w->delay, w->jitter, true}});
    add(nodes, count, w->reorder > 0,
        (struct wire_node_config){WIRE_REORDER, .reorder = {w->reorder, w->reorder_by}});
    add(nodes, count, w->loss > 0, (struct wire_node_config){WIRE_LOSS, .loss = {w->loss}});
    add(nodes, count, w->burst_p > 0,
        (struct wire_node_config){WIRE_BURST, .burst = {w->burst_p, w->burst_r, 0, w->burst_loss}});
    add(nodes, count, w->corrupt > 0,
        (struct wire_node_config){WIRE_CORRUPT, .corrupt = {w->corrupt, 1, false, false}});
    add(nodes, count, w->duplicate > 0,
        (struct wire_node_config){WIRE_DUPLICATE, .duplicate = {w->duplicate, w->duplicate_by}});
}
