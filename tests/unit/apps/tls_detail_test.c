/* apps/tls_detail.c: messages and steps on the ladder and as JSON, also when the peer chose the bytes. The messages
 * are those of RFC 8448; what they say is known from there. */
#include "apps/tls_detail.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/apps/json_check.h"
#include "tests/unit/tls/hex.h"
#include "tests/unit/tls/rfc8448.h"

Suite *tls_detail_suite(void);

static struct recorder recorder;
static struct terminal terminal;
static struct event_file events;
static struct tls_detail detail;
static struct draft drawn;
static struct tls_context *context;
static char *written;
static size_t written_len;

static void on_line(void *arg, const char *line, size_t len)
{
    (void)arg;
    ck_assert_ptr_eq(memchr(line, '\n', len), line + len - 1);
    draft_bytes(&drawn, line, len);
}

static void start(bool reveal)
{
    static const struct tls_config config = {.client = false};
    struct tls_options o = {.handshake = true, .reveal = reveal};
    char error[256];
    draft_init(&drawn, 1000000);
    ck_assert(recorder_init(&recorder, 64));
    terminal.open = true;
    ladder_init(&terminal.ladder, on_line, NULL, false);
    recorder_listen(&recorder, &terminal.ladder.listener);
    events.file = open_memstream(&written, &written_len);
    ck_assert_ptr_nonnull(events.file);
    context = tls_context_new(&config, error, sizeof error);
    ck_assert_msg(context != NULL, "%s", error);
    tls_detail_open(&detail, &o, context, &terminal, &events, &recorder);
    recorder_begin(&recorder, CAUSE_FRAME, NS_PER_SEC);
    TRACE(&recorder, 1, tcp_open, .local = ip4_addr(0x0a090002), .remote = ip4_addr(0x0a090001),
          .local_port = 443, .remote_port = 51234, .passive = true);
}

static void stop(void)
{
    tls_context_free(context);
    tls_detail_close(&detail);
    recorder_unlisten(&recorder, &terminal.ladder.listener);
    ladder_done(&terminal.ladder);
    recorder_done(&recorder);
    draft_done(&drawn);
    ck_assert_int_eq(fclose(events.file), 0);
    free(written);
}

static void say(uint32_t conn, uint8_t type, struct slice bytes, const char *verdict)
{
    struct tls_message_view m = {.by_client = type == TLS_CLIENT_HELLO,
                                 .type = type,
                                 .version = TLS_1_3,
                                 .bytes = bytes,
                                 .verdict = verdict};
    detail.watcher.message(detail.watcher.arg, conn, &m);
    fflush(events.file);
}

static void say_hex(uint32_t conn, uint8_t type, const char *hex)
{
    uint8_t bytes[2048];
    say(conn, type, (struct slice){bytes, hex_bytes(hex, bytes, sizeof bytes)}, "");
}

/* The last line of JSON says this at that path. */
static void check_json(const char *path, const char *expected)
{
    static char out[8192];
    const char *end = written + written_len, *line = end - 1;
    ck_assert_int_eq(*line, '\n');
    while (line > written && line[-1] != '\n') {
        line--;
    }
    size_t len = (size_t)(end - line) - 1;
    ck_assert(json_valid(line, len));
    ck_assert_str_eq(json_at(line, len, path, out, sizeof out), expected);
}

static void check_drawn(const char *text)
{
    ck_assert_msg(strstr(drawn.data, text) != NULL, "no '%s' in:\n%s", text, drawn.data);
}

START_TEST(a_message)
{
    start(false);
    say_hex(1, TLS_CLIENT_HELLO, RFC8448_CLIENT_HELLO);
    check_drawn("cipher_suites            TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256,\n");
    check_drawn("    server_name              server\n");
    check_json("event", "\"tls_fields\"");
    check_json("message", "\"ClientHello\"");
    check_json("len", "196");
    check_json("fields.1.name", "\"random\"");
    check_json("fields.1.value",
               "\"cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7\"");
    check_json("fields.3.numbers.1", "4867"); /* 0x1303 */
    check_json("fields.5.name", "\"extensions\"");
    check_json("fields.5.parts.0.name", "\"server_name\"");
    check_json("fields.5.parts.0.value", "\"server\"");
    check_json("fields.5.parts.4.name", "\"key_share\"");
    check_json("fields.5.parts.4.parts.0.note", "\"x25519\"");
    check_json("fields.5.parts.5.name", "\"supported_versions\"");
    stop();
}
END_TEST

/* Every message, and every byte of a ClientHello changed: the JSON is JSON, and nothing drawn moves a cursor. */
START_TEST(whatever_the_peer_says)
{
    static const uint8_t odd[] = {0, '"', '\\', 0x1b, 0x7f, 0xff};
    uint8_t bytes[2048];
    size_t len = hex_bytes(RFC8448_CLIENT_HELLO, bytes, sizeof bytes);
    start(false);
    say_hex(1, TLS_CERTIFICATE, RFC8448_CERTIFICATE);
    check_json("fields.1.parts.0.parts.0.value", "\"CN=rsa\"");
    say_hex(1, TLS_NEW_SESSION_TICKET, RFC8448_NEW_SESSION_TICKET);
    check_json("fields.0.value", "\"30 s\"");
    for (size_t i = 0; i < len; i++) {
        uint8_t was = bytes[i];
        for (size_t k = 0; k < COUNT_OF(odd); k++) {
            bytes[i] = odd[k];
            say(1, TLS_CLIENT_HELLO, (struct slice){bytes, len}, "");
            check_json("message", "\"ClientHello\"");
        }
        bytes[i] = was;
        for (const char *p = drawn.data; p != NULL && *p != '\0'; p++) {
            ck_assert(*p == '\n' || (unsigned char)*p >= ' ');
        }
        drawn.len = 0;
    }
    stop();
}
END_TEST

static size_t count_lines(void)
{
    size_t n = 0;
    for (const char *p = drawn.data; *p != '\0'; p++) {
        n += *p == '\n';
    }
    return n;
}

/* 4000 empty extensions: the ladder has a limit, and says what it left out. */
START_TEST(too_much)
{
    static uint8_t bytes[4 + 2 + 16000] = {
        TLS_ENCRYPTED_EXTENSIONS, 0, 16002 >> 8, 16002 & 255, 16000 >> 8, 16000 & 255};
    for (size_t i = 6; i < sizeof bytes; i += 4) {
        bytes[i] = 0x55;
    }
    start(false);
    size_t before = count_lines();
    say(1, TLS_ENCRYPTED_EXTENSIONS, (struct slice){bytes, sizeof bytes}, "");
    ck_assert_uint_le(count_lines() - before, 190);
    check_drawn("more fields\n");
    check_json("fields.0.parts.3999.name", "\"extension 0x5500\"");
    stop();
}
END_TEST

/* Of a connection that the ladder does not show nothing is drawn; the file has it. */
START_TEST(not_shown)
{
    start(false);
    size_t before = drawn.len;
    say_hex(2, TLS_FINISHED, RFC8448_SERVER_FINISHED);
    ck_assert_uint_eq(drawn.len, before);
    check_json("conn", "2");
    check_json("message", "\"Finished\"");
    say(1, TLS_FINISHED, (struct slice){NULL, 0}, "");
    check_drawn("its bytes could not be read\n");
    stop();
}
END_TEST

START_TEST(steps)
{
    static const uint8_t value[32] = {0xab}, hash[32] = {0xcd};
    struct tls_step s = {.name = "Early Secret",
                         .made = "HKDF-Extract(salt 0, IKM 0)",
                         .context = {hash, sizeof hash},
                         .len = sizeof value,
                         .check = TLS_AGREES};
    start(true);
    ck_assert(detail.watcher.reveal);
    fflush(events.file);
    check_json("event", "\"reveal\"");
    detail.watcher.step(detail.watcher.arg, 1, &s);
    fflush(events.file);
    check_json("event", "\"tls_step\"");
    check_json("check", "\"agrees\"");
    check_json("value", "null");
    check_drawn("key schedule: Early Secret, 32 bytes, as mbedTLS has it\n");
    ck_assert_ptr_null(strstr(drawn.data, "SECRET"));
    s.value = (struct slice){value, sizeof value};
    s.check = TLS_DIFFERS;
    detail.watcher.step(detail.watcher.arg, 1, &s);
    fflush(events.file);
    check_json("value", "\"ab00000000000000000000000000000000000000000000000000000000000000\"");
    check_drawn("key schedule: Early Secret, 32 bytes, NOT as mbedTLS has it\n");
    check_drawn("SECRET                   ab00000000");
    stop();
}
END_TEST

Suite *tls_detail_suite(void)
{
    Suite *s = suite_create("tls_detail");
    TCase *t = tcase_create("tls_detail");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_message);
    tcase_add_test(t, whatever_the_peer_says);
    tcase_add_test(t, too_much);
    tcase_add_test(t, not_shown);
    tcase_add_test(t, steps);
    suite_add_tcase(s, t);
    return s;
}
