/* apps/ladder.c: what is drawn for a scripted run of events. */
#include <check.h>
#include <string.h>

#include "apps/ladder.h"
#include "tls/tls.h"

#define MS NS_PER_MS

static struct recorder recorder;
static struct ladder ladder;
static struct draft out;
static unsigned lines;

static void on_line(void *arg, const char *line, size_t len)
{
    (void)arg;
    ck_assert_uint_gt(len, 0);
    ck_assert_int_eq(line[len - 1], '\n');
    ck_assert_ptr_eq(memchr(line, '\n', len), line + len - 1);
    draft_bytes(&out, line, len);
    lines++;
}

static void start(bool colour)
{
    draft_init(&out, 1000000);
    ck_assert(recorder_init(&recorder, 64));
    ladder_init(&ladder, on_line, NULL, colour);
    recorder_listen(&recorder, &ladder.listener);
    lines = 0;
}

static void set_up(void)
{
    start(false);
}

static void tear_down(void)
{
    recorder_unlisten(&recorder, &ladder.listener);
    ladder_done(&ladder);
    recorder_done(&recorder);
    draft_done(&out);
}

static void at(nsec now)
{
    recorder_begin(&recorder, CAUSE_FRAME, now);
}

static void open_conn(uint32_t id, bool passive)
{
    TRACE(&recorder, id, tcp_open, .local = ip4_addr(0x0a090002), .remote = ip4_addr(0x0a090001),
          .local_port = 443, .remote_port = 51234, .passive = passive);
}

#define SYN_OPTS (TCP_OPT_HAS_MSS | TCP_OPT_HAS_WSCALE | TCP_OPT_HAS_SACK_OK | TCP_OPT_HAS_TS)

static void handshake(uint32_t id)
{
    open_conn(id, true);
    TRACE(&recorder, id, tcp_in, .seq = 1000, .wnd = 64240, .flags = TCP_SYN, .mss = 1460,
          .wscale = 7, .opts = SYN_OPTS);
    TRACE(&recorder, id, tcp_state, .from = TCP_LISTEN, .to = TCP_SYN_RCVD);
    TRACE(&recorder, id, tcp_out, .seq = 5000, .ack = 1001, .wnd = 65535,
          .flags = TCP_SYN | TCP_ACK, .mss = 1400, .wscale = 4, .opts = SYN_OPTS);
    at(recorder.now + MS / 4);
    TRACE(&recorder, id, tcp_in, .seq = 1001, .ack = 5001, .wnd = 64256, .flags = TCP_ACK,
          .opts = TCP_OPT_HAS_TS);
    TRACE(&recorder, id, tcp_state, .from = TCP_SYN_RCVD, .to = TCP_ESTABLISHED);
    TRACE(&recorder, id, tcp_established, .took = 250000, .rtt = 200000, .snd_mss = 1388);
}

static void closed(uint32_t id, enum close_reason reason)
{
    TRACE(&recorder, id, tcp_closed, .reason = (uint8_t)reason);
}

/* The line that holds `what`; fails when there is none. */
static const char *line_of(const char *what)
{
    static char line[1024];
    const char *found = out.len > 0 ? strstr(out.data, what) : NULL;
    ck_assert_msg(found != NULL, "not drawn: %s\n%s", what, out.len > 0 ? out.data : "");
    while (found > out.data && found[-1] != '\n') {
        found--;
    }
    size_t n = strcspn(found, "\n");
    memcpy(line, found, n);
    line[n] = '\0';
    return line;
}

static void holds(const char *line, const char *what)
{
    ck_assert_msg(strstr(line, what) != NULL, "'%s' is not in: %s", what, line);
}

static unsigned count(const char *what)
{
    unsigned n = 0;
    for (const char *c = out.len > 0 ? strstr(out.data, what) : NULL; c != NULL;
         c = strstr(c + 1, what)) {
        n++;
    }
    return n;
}

/* All lines with bars have them in the same columns. */
static void aligned(void)
{
    size_t right = 0;
    for (const char *line = out.data; *line != '\0'; line += strcspn(line, "\n") + 1) {
        size_t column = 0, last = 0;
        for (const char *c = line; *c != '\n'; c++) {
            column += ((unsigned char)*c & 0xc0) != 0x80 ? 1 : 0;
            last = strncmp(c, "│", strlen("│")) == 0 ? column : last;
        }
        if (last > 0) {
            right = right == 0 ? last : right;
            ck_assert_msg(last == right, "the bar stands elsewhere: %.100s", line);
        }
        ck_assert_uint_le(column, 100);
    }
}

START_TEST(draws_the_tcp_handshake)
{
    at(100 * MS);
    handshake(3);
    const char *syn = line_of("SYN  seq 1000");
    holds(syn, "#3 ");
    holds(syn, "0 ns");
    holds(syn, "win 64240");
    holds(syn, "▶│");
    holds(line_of("mss 1460"), "mss 1460, wscale 7, SACK, timestamps");
    const char *syn_ack = line_of("SYN ACK  seq 5000");
    holds(syn_ack, "ack 1001 = ISN + 1");
    holds(syn_ack, "│◀");
    line_of("mss 1400, wscale 4, SACK, timestamps");
    const char *ack = line_of("ack 5001 = ISN + 1");
    holds(ack, "250.0 us");
    holds(ack, "▶│");
    line_of("LISTEN → SYN-RECEIVED");
    line_of("SYN-RECEIVED → ESTABLISHED");
    holds(line_of("TCP is established"), "250.0 us, round trip 200.0 us, 1388 B");
    holds(line_of("client 10.9.0.1:51234"), "10.9.0.2:443 vitrine");
    aligned();
}
END_TEST

START_TEST(cuts_what_is_too_wide)
{
    at(100 * MS);
    open_conn(1, true);
    TRACE(&recorder, 1, tcp_in, .seq = UINT32_MAX, .ack = UINT32_MAX, .wnd = UINT32_MAX,
          .len = UINT32_MAX, .flags = 0xff);
    holds(line_of("FIN"), "…");
    aligned();
}
END_TEST

START_TEST(sums_up_data)
{
    at(100 * MS);
    handshake(1);
    unsigned before = lines;
    for (int i = 0; i < 500; i++) {
        TRACE(&recorder, 1, tcp_in, .flags = TCP_ACK, .len = 10);
        TRACE(&recorder, 1, tcp_out, .flags = TCP_ACK, .len = 1400, .retransmission = i < 2);
        TRACE(&recorder, 1, tcp_in, .flags = TCP_ACK); /* carries none of them */
        TRACE(&recorder, 1, tcp_out, .flags = TCP_ACK);
    }
    ck_assert_uint_eq(lines, before);
    TRACE(&recorder, 1, tcp_in, .seq = 77, .flags = TCP_FIN | TCP_ACK, .ack = 99);
    const char *data = line_of("data ");
    holds(data, "5.0 kB in 500 segments");
    holds(data, "700.0 kB in 500, 2 again");
    holds(line_of("FIN ACK  seq 77"), "▶│");
    closed(1, CLOSE_NORMAL);
    holds(line_of("the end"), close_reason_name(CLOSE_NORMAL));
    aligned();
}
END_TEST

START_TEST(draws_the_tls_handshake)
{
    at(100 * MS);
    handshake(1);
    at(102 * MS);
    TRACE(&recorder, 1, tls_message, .type = TLS_CLIENT_HELLO, .len = 517);
    TRACE(&recorder, 1, tls_message, .outgoing = 1, .type = TLS_SERVER_HELLO, .len = 90);
    TRACE(&recorder, 1, tls_secret, .label = TLS_SECRET_CLIENT_HANDSHAKE);
    TRACE(&recorder, 1, tls_message, .outgoing = 1, .type = TLS_CERTIFICATE, .len = 600,
          .encrypted = 1);
    TRACE(&recorder, 1, tls_message, .outgoing = 1, .type = TLS_CERTIFICATE_VERIFY, .encrypted = 1);
    TRACE(&recorder, 1, tls_client, .subject = "CN=ann.test");
    TRACE(&recorder, 1, tls_client, .faults = 1, .subject = "CN=bob.test");
    TRACE(&recorder, 1, tls_established, .took = 3200000, .version = TLS_1_3, .suite = 0x1301,
          .group = 0x001d, .resumed = 1, .proof = PROOF_TICKET, .early = EARLY_REJECTED,
          .bytes_in = 517, .bytes_out = 1500);
    TRACE(&recorder, 1, http_request, .method = 1, .target = "/story");
    TRACE(&recorder, 1, http_response, .status = 200, .length = 2048);
    const char *hello = line_of("ClientHello  517 B");
    holds(hello, "─▶│");
    holds(hello, "2.000 ms");
    holds(line_of("ServerHello  90 B"), "│◀─");
    holds(line_of("Certificate  600 B"), "│◀═");
    ck_assert_ptr_null(strstr(line_of("CertificateVerify"), " B")); /* a length that is not known */
    line_of("CLIENT_HANDSHAKE_TRAFFIC_SECRET");
    holds(line_of("TLS is established"), "3.200 ms, 517 B in, 1.5 kB out");
    holds(line_of("TLS 1.3"), "TLS_AES_128_GCM_SHA256, x25519, resumed");
    line_of("the client's certificate: CN=ann.test, verified");
    line_of("the client's certificate: CN=bob.test, it has expired");
    line_of("early data: rejected");
    holds(line_of("GET /story"), "═▶│");
    holds(line_of("200  2.0 kB"), "│◀═");
    aligned();
}
END_TEST

START_TEST(draws_alerts_and_refusals)
{
    at(100 * MS);
    handshake(1);
    TRACE(&recorder, 1, tls_alert, .outgoing = 1, .level = 2, .description = 40);
    TRACE(&recorder, 1, drop, .reason = DROP_TCP_PAWS, .len = 5);
    TRACE(&recorder, 1, tcp_in, .flags = TCP_RST, .seq = 9);
    closed(1, CLOSE_RESET);
    holds(line_of("alert: "), "(fatal)");
    line_of("refused, TCP_PAWS");
    line_of("RST  seq 9");
    holds(line_of("the end"), close_reason_name(CLOSE_RESET));
}
END_TEST

START_TEST(a_reset_after_the_peers_end_is_harmless)
{
    at(100 * MS);
    handshake(1);
    TRACE(&recorder, 1, tls_alert, .level = 1, .description = 0); /* its close_notify */
    closed(1, CLOSE_RESET);
    holds(line_of("the end"), "which had closed before");
}
END_TEST

START_TEST(draws_data_in_a_syn)
{
    at(100 * MS);
    open_conn(1, true);
    TRACE(&recorder, 1, tcp_in, .seq = 1000, .wnd = 64240, .len = 81, .flags = TCP_SYN,
          .opts = SYN_OPTS | TCP_OPT_HAS_FAST_OPEN, .mss = 1460);
    TRACE(&recorder, 1, tcp_fast_open, .len = 81, .what = FAST_OPEN_ACCEPTED);
    TRACE(&recorder, 1, tcp_fast_open, .what = FAST_OPEN_GIVEN);
    holds(line_of("SYN  seq 1000"), "81 B");
    holds(line_of("mss 1460"), "timestamps, Fast Open");
    line_of("Fast Open: accepted, 81 bytes");
    line_of("Fast Open: cookie given");
}
END_TEST

START_TEST(draws_an_active_open)
{
    at(100 * MS);
    open_conn(1, false);
    TRACE(&recorder, 1, tcp_out, .seq = 5000, .wnd = 65535, .flags = TCP_SYN, .mss = 1460,
          .opts = TCP_OPT_HAS_MSS);
    TRACE(&recorder, 1, tcp_in, .seq = 1000, .ack = 5001, .wnd = 64240, .flags = TCP_SYN | TCP_ACK);
    TRACE(&recorder, 1, tcp_established, .took = 250000);
    TRACE(&recorder, 1, tcp_out, .seq = 5001, .ack = 1001, .flags = TCP_ACK);
    line_of("server 10.9.0.1:51234");
    holds(line_of("SYN  seq 5000"), "│◀");
    holds(line_of("SYN ACK  seq 1000"), "ack 5001 = ISN + 1");
    holds(line_of("ACK  seq 5001"), "ack 1001 = ISN + 1");
    line_of("no options");
}
END_TEST

START_TEST(shows_a_few_of_many)
{
    at(100 * MS);
    for (uint32_t id = 1; id <= 200; id++) {
        handshake(id);
    }
    ck_assert_uint_eq(count("TCP is established"), LADDER_CONNS);
    unsigned before = lines;
    TRACE(&recorder, 150, tcp_in, .flags = TCP_FIN | TCP_ACK); /* of one that is not shown */
    ck_assert_uint_eq(lines, before);
    at(recorder.now + 2 * NS_PER_SEC);
    handshake(201); /* takes the place of one that is quiet */
    line_of("192 more connections");
    holds(line_of("open, but not shown any more"), "#1 ");
    ck_assert_uint_eq(count("TCP is established"), LADDER_CONNS + 1);
    aligned();
}
END_TEST

START_TEST(shows_a_few_in_a_second)
{
    at(100 * MS);
    for (uint32_t id = 1; id <= 100; id++) {
        handshake(id);
        closed(id, CLOSE_NORMAL);
        at(100 * MS + id * MS);
    }
    ck_assert_uint_eq(count("TCP is established"), LADDER_PER_SECOND);
    at(1200 * MS);
    handshake(101);
    closed(101, CLOSE_NORMAL);
    line_of("92 more connections");
    ck_assert_uint_eq(count("TCP is established"), LADDER_PER_SECOND + 1);
}
END_TEST

START_TEST(a_busy_connection_keeps_its_place)
{
    at(100 * MS);
    for (uint32_t id = 1; id <= LADDER_CONNS; id++) {
        handshake(id);
    }
    at(recorder.now + 2 * NS_PER_SEC);
    for (uint32_t id = 1; id <= LADDER_CONNS; id++) {
        TRACE(&recorder, id, tcp_in, .flags = TCP_ACK, .len = 10);
    }
    at(recorder.now + LADDER_IDLE / 2);
    handshake(100);
    ck_assert_uint_eq(count("TCP is established"), LADDER_CONNS);
    TRACE(&recorder, 3, http_request, .method = 1, .target = "/still-here");
    line_of("/still-here");
}
END_TEST

START_TEST(a_long_connection_draws_a_bounded_ladder)
{
    at(100 * MS);
    handshake(1);
    for (int i = 0; i < 1000; i++) {
        TRACE(&recorder, 1, http_request, .method = 1, .target = "/");
    }
    ck_assert_uint_le(lines, LADDER_LINES + 4);
    closed(1, CLOSE_NORMAL);
    line_of("lines left out");
    line_of("the end");
}
END_TEST

START_TEST(colours_only_when_told)
{
    at(100 * MS);
    handshake(1);
    ck_assert_uint_eq(count("\033"), 0);
    tear_down();
    start(true);
    at(100 * MS);
    handshake(1);
    ck_assert_uint_gt(count("\033[32m"), 0);
    ck_assert_uint_eq(count("\033[0m") * 2, count("\033"));
}
END_TEST

Suite *ladder_suite(void);
Suite *ladder_suite(void)
{
    Suite *s = suite_create("ladder");
    TCase *t = tcase_create("ladder");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, draws_the_tcp_handshake);
    tcase_add_test(t, cuts_what_is_too_wide);
    tcase_add_test(t, sums_up_data);
    tcase_add_test(t, draws_the_tls_handshake);
    tcase_add_test(t, draws_alerts_and_refusals);
    tcase_add_test(t, a_reset_after_the_peers_end_is_harmless);
    tcase_add_test(t, draws_an_active_open);
    tcase_add_test(t, draws_data_in_a_syn);
    tcase_add_test(t, shows_a_few_of_many);
    tcase_add_test(t, shows_a_few_in_a_second);
    tcase_add_test(t, a_busy_connection_keeps_its_place);
    tcase_add_test(t, a_long_connection_draws_a_bounded_ladder);
    tcase_add_test(t, colours_only_when_told);
    suite_add_tcase(s, t);
    return s;
}
