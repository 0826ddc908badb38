/* IP options: routes written and turned round, and what an echo reply repeats. Bytes by RFC 791 3.1. */
#include "stack/ip/options.h"

#include <check.h>
#include <string.h>

#include "tests/unit/ip/ip_rig.h"

static struct ip_rig r;

static void set_up(void)
{
    ip_rig_init(&r);
    r.ip.config.source_routes = true;
}

static void tear_down(void)
{
    ip_rig_done(&r);
}

static struct slice slice_of(const struct frame *f)
{
    return (struct slice){f->b, f->len};
}

static void expect_options(const struct ip_options *o, const char *hex)
{
    struct frame want = frame_of_hex(hex);
    ck_assert_uint_eq(o->len, want.len);
    ck_assert_mem_eq(o->bytes, want.b, want.len);
}

/* ---- routes ---- */

/* requires: 1122-3.2.1.8-3 */
START_TEST(a_route_begins_at_its_first_hop_and_lists_the_rest)
{
    struct ip_source_route route = {
        .hops = {ip4_addr(0xc0000201), ip4_addr(0xc6336401), ip4_addr(0xcb007101)}, .count = 3};
    struct ip_options o;
    ck_assert(ip_route_write(&route, ip4_addr(PEER_IP), &o));
    expect_options(&o, "830f04 c6336401 cb007101 0a090001 00");
    ck_assert(ip_equal(o.first_hop, ip4_addr(0xc0000201)));
    route.strict = true;
    route.count = 1;
    ck_assert(ip_route_write(&route, ip4_addr(PEER_IP), &o));
    expect_options(&o, "890704 0a090001 00");
}
END_TEST

START_TEST(the_longest_route)
{
    struct ip_source_route route = {.count = IP_ROUTE_HOPS};
    for (unsigned i = 0; i < IP_ROUTE_HOPS; i++) {
        route.hops[i] = ip4_addr(0xc0000200U + i);
    }
    struct ip_options o;
    ck_assert(ip_route_write(&route, ip4_addr(PEER_IP), &o));
    expect_options(&o, "832704 c0000201 c0000202 c0000203 c0000204 c0000205 c0000206 c0000207"
                       "c0000208 0a090001 00");
    route.count++;
    ck_assert(!ip_route_write(&route, ip4_addr(PEER_IP), &o));
}
END_TEST

START_TEST(what_is_no_route)
{
    struct ip_source_route route = {.count = 0};
    struct ip_options o;
    struct ip_addr six;
    ck_assert(!ip_route_write(&route, ip4_addr(PEER_IP), &o));
    route.count = 1;
    ck_assert(ip_parse("2001:db8::1", &six));
    static const uint32_t bad[] = {0, 0xe0000001, 0x7f000001, 0xffffffff};
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        route.hops[0] = ip4_addr(bad[i]);
        ck_assert(!ip_route_write(&route, ip4_addr(PEER_IP), &o));
    }
    route.hops[0] = six;
    ck_assert(!ip_route_write(&route, ip4_addr(PEER_IP), &o));
    route.hops[0] = ip4_addr(0xc0000201);
    ck_assert(!ip_route_write(&route, six, &o));
}
END_TEST

/* requires: 1122-3.2.1.8-5 */
START_TEST(the_way_back)
{
    struct frame f = frame_of_hex("830f10 c0000201 c6336401 cb007101");
    struct ip_options o;
    ck_assert(ip_route_complete(slice_of(&f)));
    ck_assert(ip_route_reverse(slice_of(&f), ip4_addr(PEER_IP), &o));
    expect_options(&o, "830f04 c6336401 c0000201 0a090001 00");
    ck_assert(ip_equal(o.first_hop, ip4_addr(0xcb007101)));
}
END_TEST

/* requires: 1122-3.2.1.8-6 */
START_TEST(the_way_back_when_the_sender_put_itself_first)
{
    struct frame f = frame_of_hex("890f10 0a090001 c6336401 cb007101");
    struct ip_options o;
    ck_assert(ip_route_reverse(slice_of(&f), ip4_addr(PEER_IP), &o));
    expect_options(&o, "890b04 c6336401 0a090001 00");
    f = frame_of_hex("830708 0a090001"); /* nothing else */
    ck_assert(!ip_route_reverse(slice_of(&f), ip4_addr(PEER_IP), &o));
    f = frame_of_hex("830304"); /* nothing at all */
    ck_assert(!ip_route_reverse(slice_of(&f), ip4_addr(PEER_IP), &o));
}
END_TEST

START_TEST(only_what_is_marked_goes_on_later_fragments)
{
    struct ip_options all = {.len = 16};
    struct frame f = frame_of_hex("01 070304 94040000 8307040a090001 00");
    ck_assert_uint_eq(f.len, 16);
    memcpy(all.bytes, f.b, 16);
    struct ip_options later;
    ip_options_copied(&all, &later);
    expect_options(&later, "94040000 8307040a090001 00");
}
END_TEST

/* ---- echo ---- */

/* An echo request with these options comes in; the reply's options must be those. */
static void expect_echo(const char *request, const char *reply, uint32_t wire_dst)
{
    static const uint8_t echo[] = {8,   0,   0xe9, 0x7a, 0xbe, 0xef, 0,   7,   'p', 'i', 'n',
                                   'g', ' ', 'p',  'a',  'y',  'l',  'o', 'a', 'd', '!'};
    uint8_t message[sizeof(echo)];
    memcpy(message, echo, sizeof(echo));
    put16(message + 2, 0);
    put16(message + 2, plain_checksum(message, sizeof(message), 0));
    struct frame options = frame_of_hex(request);
    struct ip4_spec spec = ip4_spec_to_us(1);
    spec.options = options.b;
    spec.options_len = options.len;
    struct frame f = frame_ip4(&spec, message, sizeof(message));
    ip_rig_receive(&r, &f);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.count, 1);
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
    struct frame want = frame_of_hex(reply);
    const uint8_t *ip = r.link.dev.frames[0].bytes + FRAME_ETH;
    ck_assert_uint_eq((ip[0] & 15U) * 4U, 20 + want.len);
    ck_assert_mem_eq(ip + 20, want.b, want.len);
    ck_assert_uint_eq(plain_checksum(ip, 20 + want.len, 0), 0);
    struct rd dst = rd_of(ip + 16, 4);
    ck_assert_uint_eq(rd_be32(&dst), wire_dst);
    const uint8_t *icmp = ip + 20 + want.len;
    ck_assert_uint_eq(icmp[0], 0);
    ck_assert_mem_eq(icmp + 8, "ping payload!", 13);
}

/* requires: 1122-3.2.2.6-7, 1122-3.2.1.8-8 */
START_TEST(an_echo_with_a_record_route)
{
    expect_echo("070b08 c0000201 00000000 00", "070b0c c0000201 0a090002 00", PEER_IP);
}
END_TEST

START_TEST(an_echo_with_a_full_record_route)
{
    expect_echo("070708 c0000201 00", "070708 c0000201 00", PEER_IP);
}
END_TEST

START_TEST(a_record_route_whose_pointer_is_too_small)
{
    expect_echo("070702 c0000201 00", "070702 c0000201 00", PEER_IP);
}
END_TEST

/* We stand at one second since the origin of time, which is not midnight: the top bit says so. */
/* requires: 1122-3.2.2.6-8, 1122-3.2.1.8-9, 1122-3.2.1.8-14 */
START_TEST(an_echo_with_a_timestamp)
{
    expect_echo("440c0500 00000000 00000000", "440c0900 800003e8 00000000", PEER_IP);
}
END_TEST

START_TEST(an_echo_with_addressed_timestamps)
{
    expect_echo("440c0501 00000000 00000000", "440c0d01 0a090002 800003e8", PEER_IP);
}
END_TEST

START_TEST(an_echo_with_timestamps_asked_of_others)
{
    expect_echo("440c0503 c0000201 00000000", "440c0503 c0000201 00000000", PEER_IP);
}
END_TEST

START_TEST(an_echo_with_a_timestamp_asked_of_us)
{
    expect_echo("440c0503 0a090002 00000000", "440c0d03 0a090002 800003e8", PEER_IP);
}
END_TEST

START_TEST(an_echo_with_full_timestamps_counts_the_overflow)
{
    expect_echo("44080910 11223344", "44080920 11223344", PEER_IP);
}
END_TEST

START_TEST(an_echo_with_timestamps_whose_overflow_is_full)
{
    expect_echo("440809f0 11223344", "440809f0 11223344", PEER_IP);
}
END_TEST

/* requires: 1122-3.2.2.6-9 */
START_TEST(an_echo_that_came_by_a_source_route_goes_back_by_it)
{
    expect_echo("830b0c c0000201 c6336401 00", "830b04 c0000201 0a090001 00", 0xc6336401);
}
END_TEST

/* requires: 1122-3.2.1.8-7 */
START_TEST(an_echo_with_everything)
{
    expect_echo("070708 c0000201 830708 c0000202 44080500 00000000 0000",
                "830704 0a090001 070708 c0000201 44080900 800003e8 0000", 0xc0000202);
}
END_TEST

/* requires: 1122-3.2.1.8-1, 1122-3.2.1.8-2, 1122-3.2.1.8-13 */
START_TEST(options_that_we_do_not_know_are_passed_over_and_not_repeated)
{
    expect_echo("94040000 820b010203040506070809 88040000 00", "", PEER_IP);
}
END_TEST

static TCase *case_of(const char *name)
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, set_up, tear_down);
    return t;
}

Suite *ip_options_suite(void);

Suite *ip_options_suite(void)
{
    Suite *s = suite_create("ip_options");
    TCase *routes = case_of("routes");
    tcase_add_test(routes, a_route_begins_at_its_first_hop_and_lists_the_rest);
    tcase_add_test(routes, the_longest_route);
    tcase_add_test(routes, what_is_no_route);
    tcase_add_test(routes, the_way_back);
    tcase_add_test(routes, the_way_back_when_the_sender_put_itself_first);
    tcase_add_test(routes, only_what_is_marked_goes_on_later_fragments);
    suite_add_tcase(s, routes);
    TCase *echo = case_of("echo");
    tcase_add_test(echo, an_echo_with_a_record_route);
    tcase_add_test(echo, an_echo_with_a_full_record_route);
    tcase_add_test(echo, a_record_route_whose_pointer_is_too_small);
    tcase_add_test(echo, an_echo_with_a_timestamp);
    tcase_add_test(echo, an_echo_with_addressed_timestamps);
    tcase_add_test(echo, an_echo_with_timestamps_asked_of_others);
    tcase_add_test(echo, an_echo_with_a_timestamp_asked_of_us);
    tcase_add_test(echo, an_echo_with_full_timestamps_counts_the_overflow);
    tcase_add_test(echo, an_echo_with_timestamps_whose_overflow_is_full);
    tcase_add_test(echo, an_echo_that_came_by_a_source_route_goes_back_by_it);
    tcase_add_test(echo, an_echo_with_everything);
    tcase_add_test(echo, options_that_we_do_not_know_are_passed_over_and_not_repeated);
    suite_add_tcase(s, echo);
    return s;
}
