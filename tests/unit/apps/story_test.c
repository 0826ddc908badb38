/* apps/story.c, story_json.c and page.c: the story of invented connections. */
#include <check.h>
#include <string.h>

#include "apps/page.h"
#include "apps/story.h"
#include "tests/unit/apps/json_check.h"

static struct draft out;

static void set_up(void)
{
    draft_init(&out, 100000);
}

static void tear_down(void)
{
    draft_done(&out);
}

static struct story plain_story(void)
{
    return (struct story){
        .now = 5000000,
        .tcp =
            {
                .id = 42,
                .state = TCP_ESTABLISHED,
                .local = {ip4_addr(0x0a090002), 443},
                .remote = {ip4_addr(0x0a090001), 51234},
                .passive = true,
                .iss = 4294967295U, /* its SYN wraps to 0 */
                .irs = 305419896,   /* 0x12345678 */
                .syn_at = 1000000,
                .syn_ack_at = 1041000,
                .ack_at = 1212000,
                .syn_wnd = 64240,
                .syn_ack_wnd = 65535,
                .ack_wnd = 64256,
                .mss_in = 1460,
                .mss_out = 1400,
                .snd_mss = 1448,
                .wscale_ok = true,
                .ts_ok = true,
                .sack_ok = true,
                .snd_wscale = 7,
                .rcv_wscale = 4,
                .srtt = 171000,
                .rttvar = 10000,
                .rto = 200000000,
                .rtt_min = 160000,
                .bytes_in = 78,
                .bytes_out = 2100,
                .retransmitted = 3,
            },
    };
}

static struct story tls_story(void)
{
    struct story s = plain_story();
    s.over_tls = true;
    s.tls = (struct tls_info){
        .established = true,
        .version = TLS_1_3,
        .suite = 0x1301,
        .suite_name = "TLS_AES_128_GCM_SHA256",
        .group_name = "x25519",
        .signature_algorithm = "ecdsa_secp256r1_sha256",
        .alpn = "http/1.1",
        .sni = "<script>\"x\"</script>",
        .started = 2000000,
        .finished = 5200000,
        .handshake_bytes_in = 517,
        .handshake_bytes_out = 1501,
        .certificate_subject = "CN=vitrine.test",
        .certificate_issuer = "CN=Some CA",
        .certificate_san = "DNS:vitrine.test, IP:10.9.0.2",
        .certificate_not_before = "2026-01-31 12:00:00",
        .certificate_not_after = "2026-05-01 12:00:00",
        .key_type = "EC P-256",
        .key_bits = 256,
        .public_key_hex =
            "04aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeef"
            "f00112233445566778899aabbccddeeff00112233445566778899",
        .fingerprint_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    };
    return s;
}

static void says(const char *what)
{
    ck_assert_msg(strstr(out.data, what) != NULL, "not there: %s\n%s", what, out.data);
}

static void says_not(const char *what)
{
    ck_assert_msg(strstr(out.data, what) == NULL, "there: %s\n%s", what, out.data);
}

/* No line is wider than a terminal; columns are counted as characters. */
static void fits(size_t width)
{
    size_t n = 0;
    for (const char *c = out.data; *c != '\0'; c++) {
        n = *c == '\n' ? 0 : n + (((unsigned char)*c & 0xc0) != 0x80 ? 1 : 0);
        ck_assert_msg(n <= width, "a line is wider than %zu: ...%.40s", width,
                      c > out.data + 40 ? c - 40 : c);
    }
}

START_TEST(tells_plain_tcp)
{
    struct story s = plain_story();
    story_text(&s, &out);
    ck_assert(!out.failed);
    fits(100);
    says("10.9.0.1:51234");
    says("10.9.0.2:443");
    says("connection 42");
    says("305419896   0x12345678");
    says("4294967295  0xffffffff");
    says("0          client   SYN      305419896   -           64240    "
         "mss 1460, wscale 7, SACK, timestamps");
    says("41.0 us    vitrine  SYN ACK  4294967295  305419897   65535    "
         "mss 1400, wscale 4, SACK, timestamps");
    says("212.0 us   client   ACK      305419897   0           64256    timestamps");
    says("client x128, vitrine x16");
    says("171.0 us smoothed, 160.0 us at least");
    says("78 B in, 2.1 kB out, 3 retransmitted");
    says("212.0 us, 172 bytes of headers"); /* 3 x 40, options 20 + 20 + 12 */
    says("No TLS");
    says("can be read");
    says_not("certificate");
}
END_TEST

START_TEST(tells_what_was_not_negotiated)
{
    struct story s = plain_story();
    s.tcp.wscale_ok = s.tcp.ts_ok = s.tcp.sack_ok = false;
    s.tcp.mss_in = 0;
    story_text(&s, &out);
    says("one side did not offer it");
    says("124 bytes of headers"); /* 3 x 40, and our MSS option */
}
END_TEST

START_TEST(tells_tls)
{
    struct story s = tls_story();
    story_text(&s, &out);
    ck_assert(!out.failed);
    fits(100);
    says("TLS 1.3");
    says("TLS_AES_128_GCM_SHA256 (0x1301)");
    says("x25519");
    says("CN=vitrine.test");
    says("CN=Some CA");
    says("DNS:vitrine.test, IP:10.9.0.2");
    says("2026-01-31 12:00:00 to 2026-05-01 12:00:00 UTC");
    says("EC P-256, 256 bits");
    says("ecdsa_secp256r1_sha256");
    says("it encrypts nothing here");
    says("http/1.1");
    says("3.200 ms, 517 bytes in, 1501 bytes out");
    says("04aabbccddeeff");
    says("445566778899\n"); /* its last line is whole */
    says("resumed             no");
    says("seen both public shares");
    says("times, and the name above. The certificate went by encrypted.");
    says_not("No TLS");
}
END_TEST

/* What was not on the wire is not said to have been. */
START_TEST(tells_what_an_eavesdropper_sees)
{
    struct story s = tls_story();
    s.tls.version = TLS_1_2;
    s.tls.sni = "";
    story_text(&s, &out);
    says("addresses, sizes, times. In TLS 1.2 the certificate too.");
    draft_done(&out);
    draft_init(&out, 100000);
    s.tls.resumed = true;
    s.tls.group_name = "";
    story_text(&s, &out);
    says("nothing of the secret");
    says_not("shares, and");
    says_not("certificate too");
    draft_done(&out);
    draft_init(&out, 100000);
    s = tls_story();
    s.tls.proof = PROOF_PSK;
    s.tls.psk_identity = "ann";
    story_text(&s, &out);
    fits(100);
    says("times, and the name above.\n");
    says_not("went by encrypted");
}
END_TEST

/* In the middle of things: of TLS nothing before it is there, and nothing of plain HTTP either. */
START_TEST(tells_so_far)
{
    struct story s = plain_story();
    s.tcp.srtt = s.tcp.rtt_min = 0;
    story_so_far(&s, &out);
    says("not measured yet; we retransmit after");
    says_not("No TLS");
    says_not("curl");
    draft_done(&out);
    draft_init(&out, 100000);
    s = tls_story();
    s.tls.established = false;
    story_so_far(&s, &out);
    says_not("2. TLS");
}
END_TEST

START_TEST(tells_a_resumed_session)
{
    struct story s = tls_story();
    s.tls.resumed = true;
    s.tls.certificate_subject = s.tls.certificate_issuer = s.tls.certificate_san = "";
    s.tls.proof = PROOF_TICKET;
    s.tls.public_key_hex = s.tls.fingerprint_sha256 = s.tls.signature_algorithm = "";
    story_text(&s, &out);
    says("this session resumes an earlier one");
    says("resumed             yes");
    says_not("issued by");
    says_not("signature  ");
    draft_done(&out);
    story_json(&s, &out);
    char value[64];
    ck_assert(json_valid(out.data, out.len));
    ck_assert_str_eq(json_at(out.data, out.len, "tls.certificate", value, sizeof value), "null");
    ck_assert_str_eq(json_at(out.data, out.len, "tls.resumed", value, sizeof value), "true");
}
END_TEST

static const struct {
    const char *path, *value;
} members[] = {
    {"connection", "42"},
    {"client.address", "\"10.9.0.1\""},
    {"client.port", "51234"},
    {"server.port", "443"},
    {"tcp.state", "\"ESTABLISHED\""},
    {"tcp.client_isn", "305419896"},
    {"tcp.client_isn_hex", "\"0x12345678\""},
    {"tcp.server_isn", "4294967295"},
    {"tcp.handshake.0.flags", "\"SYN\""},
    {"tcp.handshake.0.ack", "null"},
    {"tcp.handshake.1.seq", "4294967295"},
    {"tcp.handshake.1.ack", "305419897"},
    {"tcp.handshake.1.at_ns", "41000"},
    {"tcp.handshake.2.ack", "0"},
    {"tcp.handshake.2.window", "64256"},
    {"tcp.took_ns", "212000"},
    {"tcp.syn_bytes", "0"},
    {"tcp.handshake.0.len", "0"},
    {"tcp.mss_in", "1460"},
    {"tcp.sack", "true"},
    {"tcp.srtt_ns", "171000"},
    {"tls.version", "\"TLS 1.3\""},
    {"tls.suite", "\"TLS_AES_128_GCM_SHA256\""},
    {"tls.suite_hex", "\"0x1301\""},
    {"tls.group", "\"x25519\""},
    {"tls.sni", "\"<script>\\\"x\\\"</script>\""},
    {"tls.took_ns", "3200000"},
    {"tls.handshake_bytes_in", "517"},
    {"tls.certificate.subject", "\"CN=vitrine.test\""},
    {"tls.certificate.key_bits", "256"},
};

START_TEST(tells_json)
{
    char value[128];
    struct story s = tls_story();
    story_json(&s, &out);
    ck_assert(!out.failed);
    ck_assert_msg(json_valid(out.data, out.len), "%s", out.data);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        ck_assert_str_eq(json_at(out.data, out.len, members[i].path, value, sizeof value),
                         members[i].value);
    }
    draft_done(&out);
    s = plain_story();
    story_json(&s, &out);
    ck_assert(json_valid(out.data, out.len));
    ck_assert_str_eq(json_at(out.data, out.len, "tls", value, sizeof value), "null");
}
END_TEST

START_TEST(tells_html)
{
    struct story s = tls_story();
    story_html(&s, &out);
    ck_assert(!out.failed);
    says("<!doctype html>");
    says("305419896");
    says("TLS_AES_128_GCM_SHA256");
    says("&lt;script&gt;"); /* a name that the client made up stays text */
    says_not("<script");
    draft_done(&out);
    s = plain_story();
    story_html(&s, &out);
    says("No TLS");
}
END_TEST

/* RFC 7413: the request came with the SYN, and is answered before there is a SYN-ACK; or later, on the same connection. */
START_TEST(tells_an_early_request)
{
    char value[64];
    struct story_segment g[STORY_SEGMENTS];
    struct story s = plain_story();
    nsec ack_at = s.tcp.ack_at;
    s.tcp.syn_bytes = 80;
    s.tcp.syn_ack_at = s.tcp.ack_at = 0;
    ck_assert_uint_eq(story_segments(&s, g), 1);
    story_text(&s, &out);
    fits(100);
    says("not over yet: 80 bytes");
    draft_done(&out);
    story_json(&s, &out);
    ck_assert(json_valid(out.data, out.len));
    ck_assert_str_eq(json_at(out.data, out.len, "tcp.took_ns", value, sizeof value), "null");
    ck_assert_str_eq(json_at(out.data, out.len, "tcp.handshake.0.len", value, sizeof value), "80");
    draft_done(&out);
    story_html(&s, &out);
    says("not over yet");
    draft_done(&out);
    s.tcp.syn_ack_at = s.tcp.ack_at = ack_at;
    ck_assert_uint_eq(story_segments(&s, g), 3);
    ck_assert_uint_eq(g[1].ack, 305419896 + 1 + 80);
    ck_assert_uint_eq(g[2].seq, 305419896 + 1 + 80);
    story_text(&s, &out);
    fits(100);
    says("80 of data");
}
END_TEST

START_TEST(tells_an_active_open)
{
    struct story_segment g[STORY_SEGMENTS];
    struct story s = plain_story();
    s.tcp.passive = false;
    story_segments(&s, g);
    ck_assert_str_eq(g[0].from, "vitrine");
    ck_assert_uint_eq(g[0].seq, 4294967295U);
    ck_assert_str_eq(g[0].options, "mss 1400, wscale 4, SACK, timestamps");
    ck_assert_str_eq(g[1].from, "server");
    ck_assert_uint_eq(g[1].seq, 305419896);
    ck_assert_uint_eq(g[1].ack, 0);
    ck_assert_str_eq(g[1].options, "mss 1460, wscale 7, SACK, timestamps");
}
END_TEST

Suite *story_suite(void);
Suite *story_suite(void)
{
    Suite *s = suite_create("story");
    TCase *t = tcase_create("story");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, tells_plain_tcp);
    tcase_add_test(t, tells_what_was_not_negotiated);
    tcase_add_test(t, tells_tls);
    tcase_add_test(t, tells_what_an_eavesdropper_sees);
    tcase_add_test(t, tells_so_far);
    tcase_add_test(t, tells_a_resumed_session);
    tcase_add_test(t, tells_json);
    tcase_add_test(t, tells_html);
    tcase_add_test(t, tells_an_early_request);
    tcase_add_test(t, tells_an_active_open);
    suite_add_tcase(s, t);
    return s;
}
