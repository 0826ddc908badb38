/* Tampering acts on exactly the segments that a rule matches. */
#include "stack/link/tamper.h"

#include <check.h>
#include <string.h>

#include "stack/trace/names.h"
#include "tests/unit/link/wire_rig.h"

#define ISN 0xffffff00U /* so that the sequence numbers wrap after 256 bytes */

static const struct slab_limits limits = {.slabs = {4, 4, 4, 4}, .bufs = 8};
static struct slab_pools pools;
static struct tamper tamper;
static struct wire_rig rig; /* large: not on the stack */

static void setup(void)
{
    slab_pools_init(&pools, &limits);
}

static void teardown(void)
{
    ck_assert_uint_eq(pools.bufs.in_use, 0);
    slab_pools_done(&pools);
}

static struct tamper_verdict judge(const struct frame *f)
{
    struct buf *b = buf_copy_of(&pools, f->b, f->len);
    ck_assert_ptr_nonnull(b);
    struct tamper_verdict v = tamper_judge(&tamper, b);
    buf_free(b);
    return v;
}

/* `seq` counts from the SYN. */
static bool drops(uint8_t flags, uint32_t seq, uint32_t len)
{
    struct frame f = frame_tcp(flags, ISN + seq, len);
    return judge(&f).drop;
}

static void init(const struct tamper_rule *rules, unsigned count)
{
    ck_assert(tamper_init(&tamper, rules, count));
}

START_TEST(only_the_nth_match)
{
    const struct tamper_rule rules[] = {
        {.flags_mask = TCP_PSH, .flags_value = TCP_PSH, .nth = 3, .times = 1}};
    init(rules, 1);
    for (unsigned i = 1; i <= 6; i++) {
        ck_assert(!drops(TCP_ACK, 1, 10)); /* is not counted */
        ck_assert_int_eq(drops(TCP_ACK | TCP_PSH, 1, 10), i == 3);
    }
}
END_TEST

START_TEST(so_many_from_the_nth_on)
{
    const struct tamper_rule some[] = {{.nth = 2, .times = 3}};
    init(some, 1);
    for (unsigned i = 1; i <= 8; i++) {
        ck_assert_int_eq(drops(TCP_ACK, 1, 0), i >= 2 && i <= 4);
    }
    const struct tamper_rule rest[] = {{.nth = 4}};
    init(rest, 1);
    for (unsigned i = 1; i <= 8; i++) {
        ck_assert_int_eq(drops(TCP_ACK, 1, 0), i >= 4);
    }
    const struct tamper_rule first[] = {{.times = 1}};
    init(first, 1);
    for (unsigned i = 1; i <= 3; i++) {
        ck_assert_int_eq(drops(TCP_ACK, 1, 0), i == 1);
    }
}
END_TEST

START_TEST(flags_by_mask_and_value)
{
    const struct tamper_rule rules[] = {
        {.flags_mask = TCP_SYN | TCP_ACK | TCP_RST, .flags_value = TCP_SYN | TCP_ACK}};
    init(rules, 1);
    ck_assert(!drops(TCP_SYN, 0, 0));
    ck_assert(drops(TCP_SYN | TCP_ACK, 0, 0));
    ck_assert(drops(TCP_SYN | TCP_ACK | TCP_ECE, 0, 0));
    ck_assert(!drops(TCP_ACK, 1, 0));
    ck_assert(!drops(TCP_SYN | TCP_ACK | TCP_RST, 0, 0));
    const struct tamper_rule pure[] = {
        {.flags_mask = TCP_SYN | TCP_FIN, .flags_value = 0, .by_len = true}};
    init(pure, 1); /* neither SYN nor FIN, no payload */
    ck_assert(!drops(TCP_SYN, 0, 0));
    ck_assert(!drops(TCP_FIN | TCP_ACK, 1, 0));
    ck_assert(!drops(TCP_ACK, 1, 1));
    ck_assert(drops(TCP_ACK, 1, 0));
}
END_TEST

START_TEST(payload_length_between_two_bounds)
{
    const struct tamper_rule rules[] = {{.by_len = true, .len_min = 10, .len_max = 12}};
    init(rules, 1);
    ck_assert(!drops(TCP_ACK, 1, 9));
    ck_assert(drops(TCP_ACK, 1, 10));
    ck_assert(drops(TCP_ACK, 1, 12));
    ck_assert(!drops(TCP_ACK, 1, 13));
}
END_TEST

START_TEST(sequence_range_counts_from_the_first_syn)
{
    /* Bytes 200 to 299; number 256 is 0 on the wire. */
    const struct tamper_rule rules[] = {{.by_seq = true, .seq_from = 200, .seq_to = 300}};
    init(rules, 1);
    ck_assert(!drops(TCP_ACK, 250, 10)); /* no SYN was seen */
    ck_assert(!drops(TCP_SYN, 0, 0));
    ck_assert(!drops(TCP_ACK, 100, 100)); /* 100 to 199 */
    ck_assert(drops(TCP_ACK, 100, 101));
    ck_assert(drops(TCP_ACK, 100, 900)); /* all of the range and more */
    ck_assert(drops(TCP_ACK, 250, 2));
    ck_assert(drops(TCP_ACK, 299, 50));
    ck_assert(!drops(TCP_ACK, 300, 50));
    ck_assert(!drops(TCP_ACK, 199, 0)); /* without octets, the number itself counts */
    ck_assert(drops(TCP_ACK, 200, 0));
    ck_assert(drops(TCP_FIN, 199, 1)); /* its FIN is octet 200 */
    ck_assert(!drops(TCP_FIN, 198, 1));
    struct frame late = frame_tcp(TCP_SYN, 5, 0); /* another SYN does not move the origin */
    judge(&late);
    ck_assert(drops(TCP_ACK, 200, 1));
    const struct tamper_rule none[] = {{.by_seq = true, .seq_from = 5, .seq_to = 5}};
    init(none, 1);
    ck_assert(!drops(TCP_SYN, 0, 0));
    ck_assert(!drops(TCP_ACK, 0, 100));
}
END_TEST

START_TEST(the_syn_itself_is_number_zero)
{
    const struct tamper_rule rules[] = {{.by_seq = true, .seq_from = 0, .seq_to = 1, .nth = 2}};
    init(rules, 1);
    ck_assert(!drops(TCP_SYN, 0, 0));
    ck_assert(!drops(TCP_ACK, 1, 9));
    ck_assert(drops(TCP_SYN, 0, 0)); /* sent again */
}
END_TEST

START_TEST(what_several_rules_want_is_joined)
{
    const struct tamper_rule rules[] = {
        {.action = TAMPER_DELAY, .delay = 5 * NS_PER_MS},
        {.action = TAMPER_DELAY, .delay = 2 * NS_PER_MS, .nth = 2},
        {.action = TAMPER_DUPLICATE, .delay = NS_PER_MS, .nth = 2},
        {.action = TAMPER_DROP, .nth = 3},
    };
    init(rules, COUNT_OF(rules));
    struct frame f = frame_tcp(TCP_ACK, 1, 5);
    struct tamper_verdict v = judge(&f);
    ck_assert_uint_eq(v.acted, 1);
    ck_assert(!v.drop && !v.copy);
    ck_assert_int_eq(v.delay, 5 * NS_PER_MS);
    v = judge(&f);
    ck_assert_uint_eq(v.acted, 3);
    ck_assert(!v.drop && v.copy);
    ck_assert_int_eq(v.delay, 7 * NS_PER_MS);
    ck_assert_int_eq(v.copy_delay, NS_PER_MS);
    v = judge(&f);
    ck_assert_uint_eq(v.acted, 4);
    ck_assert(v.drop);
}
END_TEST

struct rewriter {
    unsigned calls;
    bool keep;
};

static bool clear_window(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    struct rewriter *r = arg;
    r->calls++;
    ck_assert_uint_eq(facts->len, 7);
    put16(buf_data(frame) + facts->tcp + 14, 0);
    ck_assert(frame_fix_checksums(frame));
    return r->keep;
}

START_TEST(a_callback_rewrites_the_segment)
{
    struct rewriter rewriter = {.keep = true};
    const struct tamper_rule rules[] = {{.by_len = true,
                                         .len_min = 7,
                                         .len_max = 7,
                                         .action = TAMPER_REWRITE,
                                         .rewrite = clear_window,
                                         .arg = &rewriter}};
    init(rules, 1);
    struct frame other = frame_tcp(TCP_ACK, 1, 8);
    ck_assert_uint_eq(judge(&other).acted, 0);
    ck_assert_uint_eq(rewriter.calls, 0);

    struct frame want = frame_tcp(TCP_ACK, 1, 7);
    struct buf *b = buf_copy_of(&pools, want.b, want.len);
    struct tamper_verdict v = tamper_judge(&tamper, b);
    ck_assert(v.acted == 1 && !v.drop);
    put16(want.b + 34 + 14, 0);
    put16(want.b + 34 + 16, plain_tcp_checksum(&want));
    ck_assert_mem_eq(buf_data(b), want.b, want.len);
    buf_free(b);

    rewriter.keep = false;
    struct frame f = frame_tcp(TCP_ACK, 1, 7);
    ck_assert(judge(&f).drop);
    ck_assert_uint_eq(rewriter.calls, 2);
}
END_TEST

START_TEST(other_frames_are_let_through)
{
    const struct tamper_rule rules[] = {{.action = TAMPER_DROP}};
    init(rules, 1);
    struct frame arp = frame_to_us(0x0806);
    ck_assert_uint_eq(judge(&arp).acted, 0);
    struct ip4_spec spec = ip4_spec_to_us(17);
    struct frame udp = frame_ip4(&spec, "12345678", 8);
    ck_assert_uint_eq(judge(&udp).acted, 0);
}
END_TEST

static bool cut_short(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    (void)arg;
    buf_trim_back(frame, facts->len);
    return true;
}

/* Segments 0 to 7 of 10 bytes: 2 is lost, 3 late, 4 doubled, 5 shortened. */
START_TEST(tampering_acts_on_the_wire)
{
    const struct tamper_rule rules[] = {
        {.by_seq = true, .seq_from = 21, .seq_to = 31, .action = TAMPER_DROP},
        {.nth = 5, .times = 1, .action = TAMPER_DELAY, .delay = 700},
        {.nth = 6, .times = 1, .action = TAMPER_DUPLICATE, .delay = 50},
        {.nth = 7, .times = 1, .action = TAMPER_REWRITE, .rewrite = cut_short},
    };
    const struct wire_node_config nodes[] = {
        {.kind = WIRE_TAMPER, .tamper = {rules, COUNT_OF(rules)}}};
    wire_rig_init(&rig, 1, nodes, 1);
    struct frame syn = frame_tcp(TCP_SYN, 1000, 0);
    wire_rig_send_frame(&rig, 0, &syn);
    for (uint32_t i = 0; i < 8; i++) {
        struct frame f = frame_tcp(TCP_ACK, 1001 + 10 * i, 10);
        wire_rig_send_frame(&rig, 0, &f);
        wire_rig_run(&rig, (nsec)(i + 1) * 100);
    }
    wire_rig_run(&rig, NEVER);
    static const nsec at[] = {0, 0, 100, 400, 450, 500, 600, 700, 1000};
    ck_assert_uint_eq(rig.arrived, COUNT_OF(at));
    for (unsigned i = 0; i < COUNT_OF(at); i++) {
        ck_assert_int_eq(rig.log[i].at, at[i]);
        ck_assert_uint_eq(rig.log[i].len, i == 0 || i == 5 ? 54 : 64);
    }
    ck_assert_uint_eq(wire_stats(&rig.w, 0).tampered_away, 1);
    ck_assert_uint_eq(wire_stats(&rig.w, 0).tampered, 4);
    ck_assert_uint_eq(wire_stats(&rig.w, 0).copied, 1);
    wire_rig_done(&rig);
}
END_TEST

START_TEST(rules_that_make_no_sense_are_refused)
{
    static const struct tamper_rule many[TAMPER_RULES + 1];
    ck_assert(tamper_init(&tamper, many, TAMPER_RULES));
    ck_assert(!tamper_init(&tamper, many, TAMPER_RULES + 1));
    const struct tamper_rule empty[] = {{.action = TAMPER_REWRITE}};
    ck_assert(!tamper_init(&tamper, empty, 1));
    const struct tamper_rule back[] = {{.action = TAMPER_DELAY, .delay = -1}};
    ck_assert(!tamper_init(&tamper, back, 1));
}
END_TEST

Suite *tamper_suite(void);
Suite *tamper_suite(void)
{
    Suite *s = suite_create("tamper");
    TCase *c = tcase_create("tamper");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, only_the_nth_match);
    tcase_add_test(c, so_many_from_the_nth_on);
    tcase_add_test(c, flags_by_mask_and_value);
    tcase_add_test(c, payload_length_between_two_bounds);
    tcase_add_test(c, sequence_range_counts_from_the_first_syn);
    tcase_add_test(c, the_syn_itself_is_number_zero);
    tcase_add_test(c, what_several_rules_want_is_joined);
    tcase_add_test(c, a_callback_rewrites_the_segment);
    tcase_add_test(c, other_frames_are_let_through);
    tcase_add_test(c, tampering_acts_on_the_wire);
    tcase_add_test(c, rules_that_make_no_sense_are_refused);
    suite_add_tcase(s, c);
    return s;
}
