/* Marks in place of losses: two hosts on a wire whose queue marks and never drops. */
#include <check.h>

#include "stack/tcp/cc.h"
#include "tests/sim/world.h"

Suite *ecn_wire_suite(void);

#define BYTES 4000000U
#define RATE 20000000U          /* bits a second */
#define ONE_WAY (5 * NS_PER_MS) /* a round trip holds 25,000 bytes */
#define MARK 15000U             /* bytes in the queue above which it marks */

static struct sim_plan plan; /* each test has a process of its own */
static struct sim_world world;

struct outcome {
    uint64_t marked, again;
    nsec took;
};

static void plan_flow(enum tcp_ecn_policy ecn, const struct tcp_cc_ops *cc)
{
    plan = (struct sim_plan){.seed = 1, .hosts = 2, .wires = 1, .flows = 1, .start = NS_PER_SEC};
    plan.wire[0] = (struct sim_wire_plan){.host = {0, 1}, .mtu = 1500};
    for (unsigned i = 0; i < 2; i++) {
        struct sim_way_plan *way = &plan.wire[0].way[i];
        way->nodes[0] = (struct wire_node_config){.kind = WIRE_QUEUE, .queue = {0, MARK}};
        way->nodes[1] = (struct wire_node_config){.kind = WIRE_RATE, .rate = {RATE, 0}};
        way->nodes[2] = (struct wire_node_config){.kind = WIRE_DELAY, .delay = {.base = ONE_WAY}};
        way->node_count = 3;
        plan.host[i].tcp.ecn = ecn;
        plan.host[i].tcp.cc = cc;
        plan.host[i].tcp.msl = NS_PER_SEC;
        plan.flow[0].host[i] = (uint8_t)i;
        plan.flow[0].options[i].user_timeout = 4 * SIM_HOUR;
    }
    plan.flow[0].app[SIM_CLIENT] = (struct sim_app_plan){.total = BYTES, .first = BYTES};
}

/* Until all has been read. The oracles look on, the observer too. */
static struct outcome run(void)
{
    struct outcome o = {0};
    ck_assert(sim_world_init(&world, &plan, NULL));
    while (o.took == 0 && sim_world_step(&world)) {
        struct sim_app *server = &world.app[0][SIM_SERVER];
        if (server->received >= BYTES) {
            o.took = world.now - world.began;
        }
    }
    o.marked = wire_stats(&world.wire[0], 0).marked;
    o.again = world.host[0].host.tcp.totals.retransmitted;
    while (sim_world_step(&world)) {
    }
    ck_assert_msg(!world.failure.set, "%s: %s", world.failure.rule, world.failure.text);
    sim_world_done(&world);
    return o;
}

static const struct {
    enum tcp_ecn_policy ecn;
    const struct tcp_cc_ops *cc;
} cases[] = {
    {TCP_ECN_ASK_CLASSIC, &cc_cubic},
    {TCP_ECN_ASK_CLASSIC, &cc_newreno},
    {TCP_ECN_ASK, &cc_cubic},
    {TCP_ECN_ASK, &cc_newreno},
};

/* The link is used, nothing is lost, and the queue stays short: it is marks that hold the sender. */
START_TEST(marks_hold_a_sender)
{
    plan_flow(cases[_i].ecn, cases[_i].cc);
    struct outcome o = run();
    nsec ideal = (nsec)BYTES * 8 * NS_PER_SEC / RATE;
    ck_assert_uint_gt(o.marked, 10);
    ck_assert_uint_eq(o.again, 0);
    ck_assert_int_lt(o.took, ideal + ideal / 4);
}
END_TEST

/* Without them it fills the queue without end: the same wire then holds much more than a round trip. */
START_TEST(without_marks_the_queue_grows)
{
    plan_flow(TCP_ECN_OFF, &cc_newreno);
    struct outcome o = run();
    ck_assert_uint_eq(o.marked, 0);
}
END_TEST

Suite *ecn_wire_suite(void)
{
    Suite *s = suite_create("ecn_wire");
    TCase *t = tcase_create("wire");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, marks_hold_a_sender, 0, COUNT_OF(cases));
    tcase_add_test(t, without_marks_the_queue_grows);
    suite_add_tcase(s, t);
    return s;
}
