/* The simulator must be able to fail: worlds with a planted fault, and the oracle that sees it; that a
 * world repeats to the byte; and what single worlds show that no random one is asked for.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stack/tcp/timers.h"
#include "tests/sim/run.h"

Suite *sim_suite(void);

#define TRIES 400U

static struct sim_plan plan; /* each test has a process of its own */
static struct sim_world world;

/* Two hosts on one plain wire; the client sends so many bytes, and the server none. */
static void plain(uint32_t bytes)
{
    plan = (struct sim_plan){.seed = 1, .hosts = 2, .wires = 1, .flows = 1, .start = NS_PER_SEC};
    plan.wire[0] = (struct sim_wire_plan){.host = {0, 1}, .mtu = 1500};
    for (unsigned i = 0; i < 2; i++) {
        struct sim_way_plan *way = &plan.wire[0].way[i];
        way->nodes[0] = (struct wire_node_config){.kind = WIRE_DELAY};
        way->nodes[0].delay.base = NS_PER_MS;
        way->node_count = 1;
        plan.host[i].tcp.msl = NS_PER_SEC;
        plan.flow[0].host[i] = (uint8_t)i;
        plan.flow[0].options[i].user_timeout = 4 * SIM_HOUR;
    }
    plan.flow[0].app[SIM_CLIENT] = (struct sim_app_plan){.total = bytes, .first = bytes};
}

static void add_rule(unsigned way, struct tamper_rule rule)
{
    struct sim_way_plan *w = &plan.wire[0].way[way];
    w->rules[w->rule_count++] = rule;
}

static struct sim_failure run_guarded(void)
{
    struct sim_result r;
    sim_run_guarded(&plan, NULL, &r);
    return r.failure;
}

static void expect_rule(const char *rule)
{
    struct sim_failure f = run_guarded();
    ck_assert_msg(f.set, "no oracle saw it");
    ck_assert_msg(strncmp(f.rule, rule, strlen(rule)) == 0, "%s (%s), not %s", f.rule, f.text,
                  rule);
}

static void begin(void)
{
    ck_assert(sim_world_init(&world, &plan, NULL));
}

START_TEST(nothing_is_wrong_with_a_plain_world)
{
    plain(50000);
    struct sim_failure f = run_guarded();
    ck_assert_msg(!f.set, "%s: %s", f.rule, f.text);
}
END_TEST

/* ---- planted faults ---- */

START_TEST(a_changed_byte_is_seen)
{
    plain(20000);
    add_rule(0, (struct tamper_rule){.by_len = true,
                                     .len_min = 1,
                                     .len_max = 65535,
                                     .nth = 3,
                                     .times = 1,
                                     .action = TAMPER_REWRITE,
                                     .rewrite = sim_forge_payload});
    expect_rule("stream: bytes");
}
END_TEST

static bool make_reset(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    (void)arg;
    buf_data(frame)[facts->tcp + 13] |= TCP_RST;
    return frame_fix_checksums(frame);
}

START_TEST(a_forged_reset_is_seen)
{
    plain(20000);
    add_rule(0, (struct tamper_rule){
                    .nth = 5, .times = 1, .action = TAMPER_REWRITE, .rewrite = make_reset});
    expect_rule("judge: not in order");
}
END_TEST

/* Both ends wait, and the watchdog names them. */
START_TEST(a_silent_way_is_seen)
{
    plain(20000);
    add_rule(1, (struct tamper_rule){.nth = 3, .action = TAMPER_DROP});
    expect_rule("watchdog: no progress");
    struct sim_failure f = run_guarded();
    ck_assert_ptr_nonnull(strstr(f.text, "client (host 0) sent 20000 of 20000"));
}
END_TEST

/* An application that waits for what its peer never sends. */
START_TEST(a_plan_that_cannot_end_is_seen)
{
    plain(20000);
    plan.flow[0].app[SIM_SERVER] =
        (struct sim_app_plan){.total = 10, .unit_in = 30000, .unit_out = 10};
    expect_rule("judge: not in order");
}
END_TEST

static bool crash(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    (void)arg;
    (void)frame;
    (void)facts;
    abort();
}

START_TEST(a_crash_is_a_failure)
{
    plain(20000);
    add_rule(0, (struct tamper_rule){.nth = 5, .action = TAMPER_REWRITE, .rewrite = crash});
    expect_rule("signal 6");
}
END_TEST

/* Steps until the client is established. */
static struct tcp_conn *establish(void)
{
    plain(200000);
    begin();
    while (!world.app[0][SIM_CLIENT].opened) {
        ck_assert(sim_world_step(&world));
    }
    return tcp_of_stream(world.app[0][SIM_CLIENT].stream);
}

static void expect_next_step_fails(const char *file)
{
    while (sim_world_step(&world)) {
    }
    ck_assert_msg(world.failure.set && strstr(world.failure.rule, file) != NULL, "%s: %s",
                  world.failure.rule, world.failure.text);
}

START_TEST(a_window_that_shrinks_is_seen)
{
    struct tcp_conn *c = establish();
    c->rcv_adv = seq_sub(c->rcv_adv, 1000);
    expect_next_step_fails("tests/sim/invariants.c");
}
END_TEST

START_TEST(a_lost_timer_is_seen)
{
    struct tcp_conn *c = establish();
    while (!timers_running(c, TCP_TIMER_RTO)) {
        ck_assert(sim_world_step(&world));
    }
    c->due[TCP_TIMER_RTO] = NEVER;
    world.host[0].touched = true;
    sim_watch_event(&world); /* before the next acknowledgment sets it again */
    expect_next_step_fails("tests/sim/invariants.c");
}
END_TEST

START_TEST(a_lost_buffer_is_seen)
{
    establish();
    struct buf *lost = buf_new(&world.host[1].host.pools, 0, 100);
    ck_assert_ptr_nonnull(lost);
    expect_next_step_fails("tests/sim/invariants.c");
    buf_free(lost);
}
END_TEST

/* The server acknowledges what never came: the observer says so before any other oracle. */
START_TEST(a_false_acknowledgment_is_seen)
{
    establish();
    while (world.app[0][SIM_SERVER].received == 0) {
        ck_assert(sim_world_step(&world));
    }
    struct tcp_conn *c = tcp_of_stream(world.app[0][SIM_SERVER].stream);
    c->rcv_nxt = seq_add(c->rcv_nxt, 100000);
    c->rcv_adv = seq_add(c->rcv_adv, 100000);
    c->ack_due = true;
    conn_mark_dirty(c);
    world.host[1].touched = true;
    expect_next_step_fails("observer: ");
}
END_TEST

START_TEST(a_state_out_of_the_diagram_is_seen)
{
    struct tcp_conn *c = establish();
    conn_set_state(c, TCP_SYN_RCVD);
    ck_assert_str_eq(world.failure.rule, "diagram: no such change");
}
END_TEST

/* RFC 9293 3.3.2, figure 5, counted by hand: 16 arrows that do not lead to CLOSED, with the one of note
 * 2, and from each of the 10 other states a way to CLOSED. */
START_TEST(the_diagram_is_the_rfcs)
{
    unsigned arrows = 0;
    for (unsigned from = 0; from < TCP_STATES; from++) {
        for (unsigned to = 0; to < TCP_STATES; to++) {
            arrows += sim_diagram_has((enum tcp_state)from, (enum tcp_state)to);
        }
    }
    ck_assert_uint_eq(arrows, 16 + 10);
    ck_assert(sim_diagram_has(TCP_SYN_SENT, TCP_SYN_RCVD));
    ck_assert(!sim_diagram_has(TCP_ESTABLISHED, TCP_TIME_WAIT));
    ck_assert(!sim_diagram_has(TCP_CLOSE_WAIT, TCP_FIN_WAIT_1));
}
END_TEST

/* ---- shrinking ---- */

/* A stormy world with many flows, in which one rule changes bytes: what is left is that rule. */
START_TEST(a_failure_shrinks)
{
    uint64_t seed = 1;
    do {
        sim_draw(&plan, seed++);
    } while (plan.kind != SIM_STORM || plan.flows < 8);
    plan.wire[0].way[0].rule_count = plan.wire[0].way[1].rule_count = 0;
    add_rule(0, (struct tamper_rule){.by_len = true,
                                     .len_min = 1,
                                     .len_max = 65535,
                                     .action = TAMPER_REWRITE,
                                     .rewrite = sim_forge_payload});
    struct sim_plan smaller = plan;
    struct sim_failure f = run_guarded();
    ck_assert_str_eq(f.rule, "stream: bytes");
    struct sim_shrunk shrunk;
    sim_shrink(&smaller, &f, TRIES, &shrunk);
    ck_assert_str_eq(f.rule, "stream: bytes");
    unsigned flows = 0;
    for (unsigned i = 0; i < smaller.flows; i++) {
        flows += !smaller.flow[i].absent;
    }
    ck_assert_uint_eq(flows, 1);
    ck_assert_uint_eq(smaller.wire[0].way[0].rule_count, 1);
    ck_assert_uint_eq(smaller.wire[0].way[0].node_count, 0);
    ck_assert_uint_eq(smaller.wire[0].way[1].node_count, 0);
    for (unsigned i = 0; i < shrunk.count; i++) { /* the list says how to get there */
        ck_assert(sim_reduce(&plan, shrunk.numbers[i]));
    }
    ck_assert_mem_eq(&plan, &smaller, sizeof plan);
}
END_TEST

START_TEST(every_reduction_has_a_text_and_an_end)
{
    char text[128];
    sim_draw(&plan, 12);
    for (unsigned i = 0; i < sim_reductions(); i++) {
        sim_reduction_text(i, text, sizeof text);
        ck_assert_ptr_null(strchr(text, '%'));
        for (unsigned times = 0; sim_reduce(&plan, i); times++) {
            ck_assert_uint_lt(times, 40);
        }
    }
    ck_assert(!sim_reduce(&plan, sim_reductions()));
    struct sim_failure f = run_guarded();
    ck_assert_msg(!f.set, "%s: %s", f.rule, f.text); /* nothing left, and that is no fault */
}
END_TEST

/* ---- the same again ---- */

START_TEST(the_same_seed_gives_the_same_bytes)
{
    bool seen[SIM_KINDS] = {false};
    unsigned kinds = 0;
    uint64_t last = 0;
    for (uint64_t seed = 1; kinds < SIM_KINDS; seed++) {
        struct sim_result a, b, c;
        sim_draw(&plan, seed);
        if (seen[plan.kind]) {
            continue;
        }
        seen[plan.kind] = true;
        kinds++;
        sim_run(&plan, NULL, &a);
        sim_run(&plan, NULL, &b);
        sim_run_guarded(&plan, NULL, &c);
        ck_assert_uint_gt(a.frames, 0);
        ck_assert_uint_eq(a.hash, b.hash);
        ck_assert_uint_eq(a.hash, c.hash);
        ck_assert_uint_eq(a.events, b.events);
        ck_assert_uint_ne(a.hash, last);
        last = a.hash;
    }
}
END_TEST

START_TEST(many_worlds_are_counted)
{
    struct sim_report *r = sim_run_many(1, 60, 2);
    ck_assert_ptr_nonnull(r);
    ck_assert_uint_eq(r->passed_total, 60);
    ck_assert_uint_eq(r->failed_total, 0);
    free(r);
}
END_TEST

/* Whatever is going on, hosts can be taken apart, and nothing is left. */
START_TEST(hosts_may_end_at_any_moment)
{
    struct lcg g = {.state = 3};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        sim_draw(&plan, seed);
        begin();
        for (uint32_t steps = lcg_below(&g, 400); steps > 0 && sim_world_step(&world); steps--) {
        }
        sim_world_done(&world);
        ck_assert_msg(!world.failure.set, "seed %u: %s: %s", (unsigned)seed, world.failure.rule,
                      world.failure.text);
    }
}
END_TEST

/* ---- the capture ---- */

static uint32_t number_at(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

/* Blocks as the format's draft has them: type, length, body, length again. */
START_TEST(a_capture_holds_every_frame)
{
    char path[] = "/tmp/vitrine-sim-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    plain(5000);
    struct sim_result r;
    sim_run(&plan, path, &r);
    ck_assert(!r.failure.set);
    static uint8_t bytes[1 << 20];
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    size_t len = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    unlink(path);
    unsigned interfaces = 0, packets = 0;
    ck_assert_uint_eq(number_at(bytes), 0x0a0d0d0aU);
    ck_assert_uint_eq(number_at(bytes + 8), 0x1a2b3c4dU);
    for (size_t at = 0; at < len;) {
        uint32_t block = number_at(bytes + at + 4);
        ck_assert_uint_eq(block % 4, 0);
        ck_assert_uint_le(at + block, len);
        ck_assert_uint_eq(number_at(bytes + at + block - 4), block);
        interfaces += number_at(bytes + at) == 1;
        packets += number_at(bytes + at) == 6;
        at += block;
    }
    ck_assert_uint_eq(interfaces, 2);
    ck_assert_uint_eq(packets, 2 * r.frames); /* none is lost here: each leaves and arrives */
}
END_TEST

/* ---- single runs ---- */

/* Bits of payload a second from one host to the other, over 1 Gbit/s with a round trip of 1 ms. */
static double bulk_rate(uint32_t bytes, uint32_t loss, uint64_t *resent)
{
    plain(bytes);
    plan.flow[0].app[SIM_SERVER].peer_first = true;
    for (unsigned i = 0; i < 2; i++) {
        struct sim_way_plan *way = &plan.wire[0].way[i];
        way->nodes[0] = (struct wire_node_config){.kind = WIRE_RATE};
        way->nodes[0].rate.bits_per_second = 1000000000;
        way->nodes[1] = (struct wire_node_config){.kind = WIRE_DELAY};
        way->nodes[1].delay.base = 500 * NS_PER_US;
        way->node_count = 2;
    }
    plan.wire[0].way[0].nodes[2] = (struct wire_node_config){.kind = WIRE_LOSS};
    plan.wire[0].way[0].nodes[2].loss.chance = loss * (WIRE_MILLION / 1000);
    plan.wire[0].way[0].node_count = 3;
    begin();
    while (world.app[0][SIM_SERVER].received < bytes) {
        ck_assert_msg(sim_world_step(&world), "%s: %s", world.failure.rule, world.failure.text);
    }
    double seconds = (double)(world.now - world.began) / 1e9;
    *resent = world.host[0].host.tcp.totals.retransmitted;
    ck_assert(sim_world_run(&world));
    sim_world_done(&world);
    return (double)bytes * 8 / seconds;
}

/* The most that frames of 1514 bytes with 1448 of payload allow is 956 Mbit/s. */
START_TEST(bulk_fills_a_gigabit)
{
    uint64_t resent;
    double rate = bulk_rate(50000000, 0, &resent);
    ck_assert_uint_eq(resent, 0);
    ck_assert_double_gt(rate, 900e6);
}
END_TEST

/* One segment per timeout of 200 ms would be 58 kbit/s. */
START_TEST(bulk_survives_one_percent_loss)
{
    uint64_t resent;
    double rate = bulk_rate(20000000, 10, &resent);
    ck_assert_uint_gt(resent, 50);
    ck_assert_double_gt(rate, 20e6);
}
END_TEST

static TCase *group(Suite *s, const char *name, const TTest *const *tests, size_t count)
{
    TCase *t = tcase_create(name);
    tcase_set_timeout(t, 600);
    for (size_t i = 0; i < count; i++) {
        tcase_add_test(t, tests[i]);
    }
    suite_add_tcase(s, t);
    return t;
}

Suite *sim_suite(void)
{
    Suite *s = suite_create("sim");
    const TTest *const faults[] = {nothing_is_wrong_with_a_plain_world,
                                   a_changed_byte_is_seen,
                                   a_forged_reset_is_seen,
                                   a_silent_way_is_seen,
                                   a_plan_that_cannot_end_is_seen,
                                   a_crash_is_a_failure,
                                   a_window_that_shrinks_is_seen,
                                   a_lost_timer_is_seen,
                                   a_lost_buffer_is_seen,
                                   a_false_acknowledgment_is_seen,
                                   a_state_out_of_the_diagram_is_seen,
                                   the_diagram_is_the_rfcs};
    const TTest *const rest[] = {a_failure_shrinks,
                                 every_reduction_has_a_text_and_an_end,
                                 the_same_seed_gives_the_same_bytes,
                                 many_worlds_are_counted,
                                 hosts_may_end_at_any_moment,
                                 a_capture_holds_every_frame,
                                 bulk_fills_a_gigabit,
                                 bulk_survives_one_percent_loss};
    group(s, "faults", faults, COUNT_OF(faults));
    group(s, "worlds", rest, COUNT_OF(rest));
    return s;
}
