/* The wires of a world from its seed: rate, delay, loss and disorder of each way, and what tampers with them. */
#include "stack/trace/names.h"
#include "tests/sim/draw.h"

#define PER_MILLE (WIRE_MILLION / 1000)

/* ---- weather ---- */

static void add(struct sim_way_plan *way, struct wire_node_config node)
{
    if (way->node_count < SIM_NODES) {
        way->nodes[way->node_count++] = node;
    }
}

static nsec some_delay(struct lcg *g)
{
    static const nsec delays[] = {0, 10 * NS_PER_US, NS_PER_MS, 30 * NS_PER_MS, 300 * NS_PER_MS};
    return delays[below(g, COUNT_OF(delays))];
}

static void draw_rate(struct lcg *g, struct sim_way_plan *way)
{
    static const uint64_t rates[] = {0, 0, 300000, 1000000, 20000000, 1000000000};
    static const uint32_t limits[] = {0, 16000, 64000};
    uint64_t rate = rates[below(g, COUNT_OF(rates))];
    struct wire_node_config queue = {.kind = WIRE_QUEUE};
    queue.queue.limit = limits[below(g, COUNT_OF(limits))];
    queue.queue.mark = one_in(g, 3) ? 3000 + below(g, 10000) : 0;
    if (rate > 0) {
        struct wire_node_config node = {.kind = WIRE_RATE};
        node.rate.bits_per_second = rate;
        node.rate.overhead = one_in(g, 2) ? 24 : 0;
        add(way, queue);
        add(way, node);
    }
}

static void draw_delay(struct lcg *g, struct sim_way_plan *way)
{
    static const uint32_t jitters[] = {0, 0, 1, 3};
    struct wire_node_config node = {.kind = WIRE_DELAY};
    node.delay.base = some_delay(g);
    node.delay.jitter = node.delay.base * jitters[below(g, COUNT_OF(jitters))];
    node.delay.keep_order = one_in(g, 3);
    if (node.delay.base > 0) {
        add(way, node);
    }
}

static void draw_loss(struct lcg *g, enum sim_kind kind, struct sim_way_plan *way)
{
    static const uint32_t rare[] = {0, 0, 5, 20, 50};
    struct wire_node_config loss = {.kind = WIRE_LOSS};
    loss.loss.chance = (kind == SIM_WORST ? 200 : rare[below(g, COUNT_OF(rare))]) * PER_MILLE;
    if (loss.loss.chance > 0) {
        add(way, loss);
    }
    struct wire_node_config burst = {.kind = WIRE_BURST};
    burst.burst.p = (2 + below(g, 30)) * PER_MILLE;
    burst.burst.r = (200 + below(g, 300)) * PER_MILLE;
    burst.burst.loss_good = one_in(g, 2) ? 0 : 2 * PER_MILLE;
    burst.burst.loss_bad = (300 + below(g, 701)) * PER_MILLE;
    if (one_in(g, 5)) {
        add(way, burst);
    }
}

static void draw_disorder(struct lcg *g, struct sim_way_plan *way)
{
    static const uint32_t rare[] = {0, 0, 5, 20, 50};
    struct wire_node_config reorder = {.kind = WIRE_REORDER};
    reorder.reorder.chance = (1 + below(g, 100)) * PER_MILLE;
    reorder.reorder.delay = (1 + below(g, 20000)) * NS_PER_US;
    if (one_in(g, 5)) {
        add(way, reorder);
    }
    struct wire_node_config twice = {.kind = WIRE_DUPLICATE};
    twice.duplicate.chance = rare[below(g, COUNT_OF(rare))] * PER_MILLE;
    twice.duplicate.delay = below(g, 3) * (nsec)below(g, 30000) * NS_PER_US;
    if (twice.duplicate.chance > 0) {
        add(way, twice);
    }
}

static void draw_corruption(struct lcg *g, struct sim_way_plan *way)
{
    static const uint32_t rare[] = {0, 0, 5, 20, 50};
    struct wire_node_config corrupt = {.kind = WIRE_CORRUPT};
    corrupt.corrupt.chance = rare[below(g, COUNT_OF(rare))] * PER_MILLE;
    corrupt.corrupt.bits = one_in(g, 2) ? 1 : 2 + below(g, WIRE_CORRUPT_BITS - 1);
    corrupt.corrupt.in_word = true; /* what no Internet checksum misses */
    if (corrupt.corrupt.chance > 0) {
        add(way, corrupt);
    }
}

/* What has been through a switch is not corrupted there again: a checksum can miss the second bit. */
static void draw_way(struct lcg *g, enum sim_kind kind, nsec batch, bool from_switch,
                     struct sim_way_plan *way)
{
    static const uint32_t refused[] = {0, 0, 5, 20, 50};
    *way = (struct sim_way_plan){0};
    if (kind == SIM_ROUTER || kind == SIM_HOLE) {
        struct wire_node_config mtu = {.kind = WIRE_MTU};
        mtu.mtu.mtu = 576 + below(g, 1200);
        add(way, mtu);
    }
    draw_rate(g, way);
    draw_delay(g, way);
    draw_loss(g, kind, way);
    draw_disorder(g, way);
    if (!from_switch) {
        draw_corruption(g, way);
    }
    if (batch > 0) {
        struct wire_node_config node = {.kind = WIRE_BATCH};
        node.batch.period = batch;
        add(way, node);
    }
    if (kind == SIM_FAULT || one_in(g, 16)) {
        way->refuse = refused[below(g, COUNT_OF(refused))] * PER_MILLE;
    }
}

void draw_wire(struct lcg *g, enum sim_kind kind, uint8_t a, uint8_t b, struct sim_wire_plan *wire)
{
    static const uint32_t mtus[] = {1500, 1500, 1500, 576, 200, 9000};
    nsec batch = one_in(g, 3) ? (nsec)(10 + below(g, 1000)) * NS_PER_US : 0;
    *wire = (struct sim_wire_plan){.host = {a, b}, .mtu = mtus[below(g, COUNT_OF(mtus))]};
    draw_way(g, kind, batch, a == SIM_SWITCH, &wire->way[0]);
    draw_way(g, kind, batch, b == SIM_SWITCH, &wire->way[1]);
}

/* ---- tampering ---- */

/* One rule that hits a few segments: which, and what becomes of them, by chance. */
static struct tamper_rule some_rule(struct lcg *g)
{
    static const uint8_t flags[] = {0, TCP_SYN, TCP_FIN, TCP_PSH, TCP_RST};
    struct tamper_rule r = {.nth = 1 + below(g, 5), .times = 1 + below(g, 4)};
    r.flags_mask = r.flags_value = flags[below(g, COUNT_OF(flags))];
    switch (below(g, 4)) {
    case 0:
        r.by_seq = true;
        r.seq_from = below(g, 4000);
        r.seq_to = r.seq_from + 1 + below(g, 3000);
        break;
    case 1:
        r.by_len = true;
        r.len_min = below(g, 2); /* pure acknowledgments, or anything with payload */
        r.len_max = r.len_min == 0 ? 0 : 65535;
        r.times = 1 + below(g, 12);
        break;
    default:
        break;
    }
    switch (below(g, 4)) {
    case 0:
        r.action = TAMPER_DROP;
        break;
    case 1:
        r.action = TAMPER_DELAY;
        r.delay = (1 + below(g, 3000)) * NS_PER_MS;
        break;
    case 2:
        r.action = TAMPER_DUPLICATE;
        r.delay = below(g, 3000) * NS_PER_MS;
        break;
    default:
        r.action = TAMPER_REWRITE;
        r.rewrite = sim_break_checksum;
        break;
    }
    return r;
}

/* A middlebox that takes an option away does so on both ways, from SYN and SYN-ACK. */
static void add_middlebox(struct lcg *g, struct sim_wire_plan *wire)
{
    static sim_rewrite *const all[] = {sim_strip_sack_ok, sim_strip_timestamps, sim_strip_wscale,
                                       sim_clamp_mss};
    sim_rewrite *rewrite = all[below(g, COUNT_OF(all))];
    for (unsigned end = 0; end < 2; end++) {
        struct sim_way_plan *way = &wire->way[end];
        way->rules[way->rule_count++] = (struct tamper_rule){.flags_mask = TCP_SYN,
                                                             .flags_value = TCP_SYN,
                                                             .action = TAMPER_REWRITE,
                                                             .rewrite = rewrite};
    }
}

/* One that writes into the field of ECN does so on one way, from some packet on. */
static void add_ecn_mangler(struct lcg *g, struct sim_way_plan *way)
{
    static sim_rewrite *const all[] = {sim_clear_ecn, sim_mark_all};
    way->rules[way->rule_count++] = (struct tamper_rule){
        .nth = 1 + below(g, 10), .action = TAMPER_REWRITE, .rewrite = all[below(g, COUNT_OF(all))]};
}

void draw_wire_tampering(struct lcg *g, struct sim_wire_plan *wire)
{
    for (unsigned end = 0; end < 2; end++) {
        struct sim_way_plan *way = &wire->way[end];
        for (uint32_t n = below(g, SIM_RULES); n > 0; n--) {
            way->rules[way->rule_count++] = some_rule(g);
        }
    }
    if (one_in(g, 2)) {
        add_middlebox(g, wire);
    } else if (one_in(g, 2)) {
        add_ecn_mangler(g, &wire->way[below(g, 2)]);
    }
}

void draw_wire_death(struct lcg *g, struct sim_wire_plan *wire)
{
    for (unsigned end = 0; end < 2; end++) {
        struct sim_way_plan *way = &wire->way[end];
        way->rules[way->rule_count++] =
            (struct tamper_rule){.nth = 1 + below(g, 40), .action = TAMPER_DROP};
        if (one_in(g, 3)) {
            break; /* the other way lives */
        }
    }
}
