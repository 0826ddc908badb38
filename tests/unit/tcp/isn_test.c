/* Initial sequence numbers (RFC 9293 3.4.1, RFC 6528). */
#include "stack/tcp/isn.h"

#include <stdlib.h>

#include "tests/unit/tcp/tcp_rig.h"

static struct tcp_tuple tuple_of(uint16_t port)
{
    return (struct tcp_tuple){.local = {ip4_addr(OUR_IP), 80}, .remote = {ip4_addr(PEER_IP), port}};
}

/* requires: MUST-8, SHLD-1, 6528-3-1, 6528-3-2, 6528-3-5 */
START_TEST(they_rise_with_the_clock) /* MUST-8: a step each 4 microseconds */
{
    struct tcp_tuple t = tuple_of(1000);
    tcp_seq first = isn_choose(&rig.host.tcp, &t, SEC(100));
    static const struct {
        nsec later;
        uint32_t steps;
    } cases[] = {{0, 0}, {3999, 0}, {4000, 1}, {NS_PER_MS, 250}, {NS_PER_SEC, 250000}};
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        tcp_seq next = isn_choose(&rig.host.tcp, &t, SEC(100) + cases[i].later);
        ck_assert_uint_eq(seq_span(first, next), cases[i].steps);
    }
}
END_TEST

/* requires: MUST-9, SHLD-1, 6528-3-1, 6528-3-4 */
START_TEST(each_tuple_has_its_own)
{
    struct tcp_tuple a = tuple_of(1000);
    struct tcp_tuple others[4] = {a, a, a, a};
    others[0].remote.port++;
    others[1].local.port++;
    others[2].remote.addr = ip4_addr(PEER_IP + 1);
    others[3].local.addr = ip4_addr(OUR_IP + 1);
    tcp_seq isn = isn_choose(&rig.host.tcp, &a, 0);
    for (unsigned i = 0; i < 4; i++) {
        tcp_seq other = isn_choose(&rig.host.tcp, &others[i], 0);
        ck_assert_int_gt(labs((long)seq_diff(isn, other)), 1000); /* 1 in 2 million by chance */
    }
}
END_TEST

/* requires: MUST-9, SHLD-1, 6528-3-3, 6528-3-4, 6528-3-6 */
START_TEST(the_distance_between_tuples_is_secret)
{
    struct tcp_tuple a = tuple_of(1000);
    struct tcp_tuple b = tuple_of(1001);
    int32_t here = seq_diff(isn_choose(&rig.host.tcp, &a, 0), isn_choose(&rig.host.tcp, &b, 0));
    rig_tear_down();
    rig_restart_with(&(struct host_config){.seed = {77}});
    int32_t there = seq_diff(isn_choose(&rig.host.tcp, &a, 0), isn_choose(&rig.host.tcp, &b, 0));
    ck_assert_int_ne(here, there);
}
END_TEST

/* requires: MUST-8, 6528-3-5 */
START_TEST(the_wire_shows_them)
{
    struct peer p = peer_new();
    half_open(&p);
    uint32_t first = p.irs;
    peer_send(&p, TCP_RST, 1, 0);
    run_for(SEC(2));
    p.knows_irs = false;
    half_open(&p);
    ck_assert_uint_eq(p.irs - first, 500000);
}
END_TEST

/* RFC 7323 7.1: the timestamps begin elsewhere on each connection, and do not tell the uptime.
 * requires: 7323-7.1-1 */
START_TEST(timestamps_begin_anywhere)
{
    struct peer a = peer_new();
    struct peer b = peer_new();
    a.offer.ts = true;
    b.offer.ts = true;
    b.port++;
    rig_listen(NULL);
    uint32_t uptime = (uint32_t)(rig.now / NS_PER_MS);
    uint32_t first = half_open(&a).tsval;
    uint32_t second = half_open(&b).tsval;
    ck_assert_int_gt(labs((long)(int32_t)(first - second)), 1000); /* 1 in 2 million by chance */
    ck_assert_int_gt(labs((long)(int32_t)(first - uptime)), 1000);
    ck_assert_int_gt(labs((long)(int32_t)(second - uptime)), 1000);
    peer_send(&a, TCP_RST, 1, 0);
    peer_send(&b, TCP_RST, 1, 0);
}
END_TEST

Suite *isn_suite(void);

Suite *isn_suite(void)
{
    Suite *s = suite_create("isn");
    TCase *tc = rig_case(s, "isn");
    ADD(tc, they_rise_with_the_clock);
    ADD(tc, each_tuple_has_its_own);
    ADD(tc, the_distance_between_tuples_is_secret);
    ADD(tc, the_wire_shows_them);
    ADD(tc, timestamps_begin_anywhere);
    return s;
}
