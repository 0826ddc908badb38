/* Segments on the wire: RFC 9293 3.1 and 3.2, RFC 7323 2.2 and 3.2, RFC 2018. */
#include "stack/tcp/segment.h"

#include <string.h>

#include "tests/unit/tcp/tcp_rig.h"

/* Parses the raw bytes as a packet from the peer to us; the payload's buf is freed. */
static bool parse(const struct raw *r, struct tcp_segment *s, enum drop_reason *why)
{
    struct ip_packet p = {.buf = buf_copy_of(&rig.host.pools, r->b, r->len),
                          .src = ip4_addr(PEER_IP),
                          .dst = ip4_addr(OUR_IP),
                          .protocol = 6};
    bool good = segment_parse(&p, s, why);
    if (good) {
        ck_assert_uint_eq(s->payload->len, s->len);
        ck_assert_mem_eq(buf_data(s->payload), r->b + r->len - s->len, s->len);
    }
    buf_free(p.buf);
    s->payload = NULL;
    return good;
}

static struct tcp_segment parse_good(const struct raw *r)
{
    struct tcp_segment s;
    enum drop_reason why = DROP_REASONS;
    bool good = parse(r, &s, &why);
    ck_assert_msg(good, "refused as %s", why < DROP_REASONS ? drop_name(why) : "?");
    return s;
}

static void expect_refused(const struct raw *r, enum drop_reason want, unsigned number)
{
    struct tcp_segment s;
    enum drop_reason why = DROP_REASONS;
    ck_assert_msg(!parse(r, &s, &why), "case %u was taken", number);
    ck_assert_msg(why == want, "case %u: %s", number, drop_name(why));
}

static struct raw with_options(const uint8_t *options, size_t len)
{
    struct peer p = peer_new();
    p.irs = 0;
    return raw_with_options(&p, TCP_ACK | TCP_PSH, 5, 0x01020304, options, len, "abc", 3);
}

/* ---- in ---- */

START_TEST(every_field_is_read)
{
    struct raw r = with_options(NULL, 0);
    put16(r.b + 14, 0xfedc);
    put16(r.b + 18, 0x7654);
    raw_fix(&r);
    struct tcp_segment s = parse_good(&r);
    ck_assert_uint_eq(s.src.port, PEER_PORT);
    ck_assert_uint_eq(s.dst.port, SERVER_PORT);
    ck_assert_uint_eq(ip4_value(s.src.addr), PEER_IP);
    ck_assert_uint_eq(ip4_value(s.dst.addr), OUR_IP);
    ck_assert_uint_eq(s.seq.v, PEER_ISS + 5);
    ck_assert_uint_eq(s.ack.v, 0x01020304);
    ck_assert_uint_eq(s.flags, 0x18);
    ck_assert_uint_eq(s.wnd, 0xfedc);
    ck_assert_uint_eq(s.urgent, 0x7654);
    ck_assert_uint_eq(s.len, 3);
    ck_assert_uint_eq(s.opts, 0);
    ck_assert_uint_eq(segment_span(&s), 3);
    ck_assert_uint_eq(segment_end(&s).v, PEER_ISS + 8);
}
END_TEST

START_TEST(syn_and_fin_take_a_number_each) /* 3.4 */
{
    struct tcp_segment s = {.seq = seq_of(0xffffffff), .len = 10, .flags = TCP_SYN};
    ck_assert_uint_eq(segment_span(&s), 11);
    s.flags = TCP_FIN | TCP_ACK;
    ck_assert_uint_eq(segment_span(&s), 11);
    s.flags = TCP_SYN | TCP_FIN;
    ck_assert_uint_eq(segment_span(&s), 12);
    ck_assert_uint_eq(segment_end(&s).v, 11);
    s = (struct tcp_segment){.flags = TCP_ACK | TCP_RST | TCP_PSH | TCP_URG};
    ck_assert_uint_eq(segment_span(&s), 0);
}
END_TEST

START_TEST(the_reserved_bits_are_ignored) /* 3.1 */
{
    struct raw r = with_options(NULL, 0);
    r.b[12] |= 0x0f;
    raw_fix(&r);
    ck_assert_uint_eq(parse_good(&r).len, 3);
}
END_TEST

/* requires: MUST-4, MUST-6, MUST-64, MUST-68 */
START_TEST(options_are_read)
{
    static const struct {
        const char *hex;
        uint8_t opts;
        uint16_t mss;
        uint8_t wscale;
    } cases[] = {
        {"020405b4", TCP_OPT_HAS_MSS, 1460, 0},
        {"01 020405b4", TCP_OPT_HAS_MSS, 1460, 0},
        {"030307 020405b4 0402", TCP_OPT_HAS_MSS | TCP_OPT_HAS_WSCALE | TCP_OPT_HAS_SACK_OK, 1460,
         7},
        {"00 020405b4", 0, 0, 0},                        /* behind the end nothing counts */
        {"fe04aabb 020405b4", TCP_OPT_HAS_MSS, 1460, 0}, /* unknown kinds are passed over */
        {"fd02 1e05000102 020405b4", TCP_OPT_HAS_MSS, 1460, 0},
        {"0103030e", TCP_OPT_HAS_WSCALE, 0, 14},
        {"0103030f", TCP_OPT_HAS_WSCALE, 0, 14}, /* RFC 7323 2.3 */
        {"010303ff", TCP_OPT_HAS_WSCALE, 0, 14},
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct frame f = frame_of_hex(cases[i].hex);
        struct raw r = with_options(f.b, f.len);
        struct tcp_segment s = parse_good(&r);
        ck_assert_msg(s.opts == cases[i].opts, "case %u: %x", i, s.opts);
        ck_assert_uint_eq(s.mss, cases[i].mss);
        ck_assert_uint_eq(s.wscale, cases[i].wscale);
        ck_assert_uint_eq(s.len, 3);
    }
}
END_TEST

START_TEST(timestamps_and_sack_blocks_are_read)
{
    struct frame f =
        frame_of_hex("0101 080a 89abcdef 00000001 0101 0512 00000010 00000020 fffffff0 00000005");
    struct raw r = with_options(f.b, f.len);
    struct tcp_segment s = parse_good(&r);
    ck_assert_uint_eq(s.opts, TCP_OPT_HAS_TS | TCP_OPT_HAS_SACK);
    ck_assert_uint_eq(s.tsval, 0x89abcdef);
    ck_assert_uint_eq(s.tsecr, 1);
    ck_assert_uint_eq(s.sack_count, 2);
    ck_assert_uint_eq(s.sack[0].start.v, 0x10);
    ck_assert_uint_eq(s.sack[0].end.v, 0x20);
    ck_assert_uint_eq(s.sack[1].start.v, 0xfffffff0);
    ck_assert_uint_eq(s.sack[1].end.v, 5);
    f = frame_of_hex(
        "0522 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008");
    r = with_options(f.b, f.len);
    ck_assert_uint_eq(parse_good(&r).sack_count, 4);
}
END_TEST

/* requires: 7413-4.1.1-1, 7413-4.1.1-2 */
START_TEST(fast_open_cookies_are_read)
{
    static const struct {
        const char *hex;
        bool good;
        uint8_t len;
    } cases[] = {
        {"2202 0101", true, 0},
        {"2206 a1b2c3d4 0101", true, 4},
        {"220a 0102030405060708 0000", true, 8},
        {"2212 000102030405060708090a0b0c0d0e0f 0101", true, 16},
        {"2204 a1b2", false, 0},
        {"2203 aa 01010101 01", false, 0},
        {"2207 a1b2c3d4e5 01", false, 0},
        {"2214 000102030405060708090a0b0c0d0e0f1011", false, 0},
    };
    struct peer p = peer_new();
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct frame f = frame_of_hex(cases[i].hex);
        struct raw r = raw_with_options(&p, TCP_SYN, 5, 0, f.b, f.len, "abc", 3);
        struct tcp_segment s = parse_good(&r);
        ck_assert_msg(s.opts == (cases[i].good ? TCP_OPT_HAS_FAST_OPEN : 0), "case %u", i);
        ck_assert_uint_eq(s.fast_open.len, cases[i].len);
        ck_assert_mem_eq(s.fast_open.bytes, f.b + 2, cases[i].len);
        r = with_options(f.b, f.len); /* without SYN */
        ck_assert_uint_eq(parse_good(&r).opts, 0);
    }
}
END_TEST

/* requires: MUST-7 */
START_TEST(option_lengths_that_cannot_be_are_refused)
{
    static const char *const cases[] = {
        "02000000", "02010000", "02050000", "020405b4 01010203", "08ff0000", "01010102",
        "01010305", "fe000000", "fe010000", "fe080000",          "010101fe", "05040000 010105ff",
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct frame f = frame_of_hex(cases[i]);
        ck_assert_uint_eq(f.len % 4, 0);
        struct raw r = with_options(f.b, f.len);
        expect_refused(&r, DROP_TCP_BAD_OPTION, i);
    }
}
END_TEST

/* A known kind with a length that is not its own is passed over, by that length. */
START_TEST(options_of_a_strange_length_are_passed_over)
{
    static const char *const cases[] = {
        "020305 01 020405b4", "0205050505 010101 020405b4 ",        "0302 0101 020405b4",
        "04030001 020405b4",  "0809aaaaaaaaaaaaaa 010101 020405b4", "0504aaaa 020405b4",
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct frame f = frame_of_hex(cases[i]);
        struct raw r = with_options(f.b, f.len);
        struct tcp_segment s = parse_good(&r);
        ck_assert_msg(s.opts == TCP_OPT_HAS_MSS, "case %u: %x", i, s.opts);
        ck_assert_uint_eq(s.mss, 1460);
    }
}
END_TEST

START_TEST(a_header_that_is_cut_is_refused)
{
    struct raw whole = with_options(NULL, 0);
    for (size_t len = 0; len < 20; len++) {
        struct raw r = whole;
        r.len = len;
        expect_refused(&r, DROP_TCP_TRUNCATED, (unsigned)len);
    }
}
END_TEST

START_TEST(a_data_offset_that_cannot_be_is_refused)
{
    for (unsigned words = 0; words < 16; words++) {
        struct raw r = with_options(NULL, 0); /* 23 bytes */
        r.b[12] = (uint8_t)(words << 4);
        raw_fix(&r);
        if (words != 5) {
            expect_refused(&r, DROP_TCP_BAD_OFFSET, words);
        }
    }
}
END_TEST

/* requires: MUST-3 */
START_TEST(every_wrong_bit_is_seen)
{
    struct raw whole = with_options(NULL, 0); /* of odd length */
    for (unsigned bit = 0; bit < 8 * whole.len; bit++) {
        if (bit / 8 == 12) {
            continue; /* the data offset is looked at before */
        }
        struct raw r = whole;
        r.b[bit / 8] = (uint8_t)(r.b[bit / 8] ^ 1U << bit % 8);
        expect_refused(&r, DROP_TCP_BAD_CHECKSUM, bit);
    }
    struct raw r = whole;
    r.len--; /* the pseudo-header counts the length */
    expect_refused(&r, DROP_TCP_BAD_CHECKSUM, 0);
}
END_TEST

START_TEST(a_device_may_vouch_for_the_checksum)
{
    static const enum csum_state states[] = {CSUM_VERIFIED, CSUM_PARTIAL};
    for (unsigned i = 0; i < COUNT_OF(states); i++) {
        struct raw r = with_options(NULL, 0);
        r.b[16] ^= 0x55;
        struct ip_packet p = {.buf = buf_copy_of(&rig.host.pools, r.b, r.len),
                              .src = ip4_addr(PEER_IP),
                              .dst = ip4_addr(OUR_IP)};
        p.buf->offload.csum = (uint8_t)states[i];
        struct tcp_segment s;
        enum drop_reason why;
        ck_assert(segment_parse(&p, &s, &why));
        buf_free(p.buf);
    }
}
END_TEST

/* ---- out ---- */

/* Writes `s` before the payload "hello" and compares with `hex`, the checksum apart. */
static void expect_written(const struct tcp_segment *s, const char *hex)
{
    struct packet p;
    packet_init(&p);
    ck_assert(packet_add(&p, (struct slice){(const uint8_t *)"hel", 3}));
    ck_assert(packet_add(&p, (struct slice){(const uint8_t *)"lo", 2}));
    segment_write(s, &p);
    struct slice header = packet_header(&p);
    struct frame want = frame_of_hex(hex);
    ck_assert_uint_eq(header.len, want.len);
    ck_assert_uint_eq(header.len - 20, segment_options_len(s));
    struct raw r = {.len = header.len + 5};
    memcpy(r.b, header.data, header.len);
    memcpy(r.b + header.len, "hello", 5);
    struct raw fixed = r;
    raw_fix(&fixed); /* the sum is the same in both directions */
    ck_assert_mem_eq(r.b, fixed.b, r.len);
    put16(r.b + 16, 0);
    ck_assert_mem_eq(r.b, want.b, want.len);
}

static struct tcp_segment outgoing(uint8_t flags, uint8_t opts)
{
    return (struct tcp_segment){.src = {ip4_addr(OUR_IP), 0x0050},
                                .dst = {ip4_addr(PEER_IP), 0x9c40},
                                .seq = seq_of(0x01020304),
                                .ack = seq_of(0xa1a2a3a4),
                                .flags = flags,
                                .opts = opts,
                                .wnd = 0xbeef,
                                .urgent = 0,
                                .mss = 1460,
                                .wscale = 7,
                                .tsval = 0x11223344,
                                .tsecr = 0x55667788};
}

START_TEST(a_plain_header_is_written)
{
    struct tcp_segment s = outgoing(TCP_ACK | TCP_PSH, 0);
    expect_written(&s, "0050 9c40 01020304 a1a2a3a4 5018 beef 0000 0000");
}
END_TEST

START_TEST(timestamps_are_aligned) /* RFC 7323 appendix A */
{
    struct tcp_segment s = outgoing(TCP_ACK, TCP_OPT_HAS_TS);
    expect_written(&s,
                   "0050 9c40 01020304 a1a2a3a4 8010 beef 0000 0000 0101080a 11223344 55667788");
}
END_TEST

START_TEST(sack_blocks_are_written)
{
    struct tcp_segment s = outgoing(TCP_ACK, TCP_OPT_HAS_SACK);
    s.sack_count = 1;
    s.sack[0] = (struct tcp_sack_block){seq_of(0xfffffff0), seq_of(0x10)};
    expect_written(&s,
                   "0050 9c40 01020304 a1a2a3a4 8010 beef 0000 0000 0101050a fffffff0 00000010");
}
END_TEST

/* RFC 7413 4.1.1. Beside all others there is room for the longest: 20 and 18 bytes. */
START_TEST(cookies_are_written)
{
    struct tcp_segment s = outgoing(TCP_SYN, TCP_OPT_HAS_FAST_OPEN);
    expect_written(&s, "0050 9c40 01020304 a1a2a3a4 6002 beef 0000 0000 2202 0000");
    s.fast_open = (struct fast_open_cookie){.len = 6, .bytes = {1, 2, 3, 4, 5, 6}};
    expect_written(&s, "0050 9c40 01020304 a1a2a3a4 7002 beef 0000 0000 2208 0102 03040506");
    s.fast_open.len = 16;
    s.opts = TCP_OPT_HAS_FAST_OPEN | TCP_OPT_HAS_MSS | TCP_OPT_HAS_WSCALE | TCP_OPT_HAS_SACK_OK |
             TCP_OPT_HAS_TS;
    ck_assert_uint_eq(segment_options_len(&s), 40);
}
END_TEST

START_TEST(what_is_written_is_read_again)
{
    struct tcp_segment s = outgoing(TCP_SYN, TCP_OPT_HAS_MSS | TCP_OPT_HAS_WSCALE |
                                                 TCP_OPT_HAS_SACK_OK | TCP_OPT_HAS_TS);
    struct packet p;
    packet_init(&p);
    segment_write(&s, &p);
    struct slice header = packet_header(&p);
    ck_assert_uint_eq(header.len, 40); /* 4 + 2 + 10 + 4 fit into 20 */
    struct raw r = {.len = header.len};
    memcpy(r.b, header.data, header.len);
    struct tcp_segment back = parse_good(&r);
    ck_assert_uint_eq(back.opts, s.opts);
    ck_assert_uint_eq(back.mss, 1460);
    ck_assert_uint_eq(back.wscale, 7);
    ck_assert_uint_eq(back.tsval, 0x11223344);
    ck_assert_uint_eq(back.tsecr, 0x55667788);
    ck_assert_uint_eq(back.seq.v, s.seq.v);
    ck_assert_uint_eq(back.ack.v, s.ack.v);
}
END_TEST

/* requires: MUST-69 */
START_TEST(each_choice_of_syn_options_is_aligned) /* MUST-69: zeros behind the end */
{
    for (unsigned opts = 0; opts < 16; opts++) {
        struct tcp_segment s = outgoing(TCP_SYN | TCP_ACK, (uint8_t)opts);
        struct packet p;
        packet_init(&p);
        segment_write(&s, &p);
        struct slice header = packet_header(&p);
        ck_assert_uint_eq(header.len % 4, 0);
        ck_assert_uint_eq((size_t)(header.data[12] >> 4) * 4, header.len);
        struct raw r = {.len = header.len};
        memcpy(r.b, header.data, header.len);
        ck_assert_uint_eq(parse_good(&r).opts, opts);
    }
}
END_TEST

Suite *segment_suite(void);

Suite *segment_suite(void)
{
    Suite *s = suite_create("segment");
    TCase *in = rig_case(s, "in");
    ADD(in, every_field_is_read);
    ADD(in, syn_and_fin_take_a_number_each);
    ADD(in, the_reserved_bits_are_ignored);
    ADD(in, options_are_read);
    ADD(in, timestamps_and_sack_blocks_are_read);
    ADD(in, fast_open_cookies_are_read);
    ADD(in, option_lengths_that_cannot_be_are_refused);
    ADD(in, options_of_a_strange_length_are_passed_over);
    ADD(in, a_header_that_is_cut_is_refused);
    ADD(in, a_data_offset_that_cannot_be_is_refused);
    ADD(in, every_wrong_bit_is_seen);
    ADD(in, a_device_may_vouch_for_the_checksum);
    TCase *out = rig_case(s, "out");
    ADD(out, a_plain_header_is_written);
    ADD(out, timestamps_are_aligned);
    ADD(out, sack_blocks_are_written);
    ADD(out, cookies_are_written);
    ADD(out, what_is_written_is_read_again);
    ADD(out, each_choice_of_syn_options_is_aligned);
    return s;
}
