/* apps/explain: the document and its three renderers, the chapters, and that what they say was on the wire. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/explain/chapters.h"
#include "apps/explain/exchange.h"
#include "tests/unit/apps/json_check.h"

static struct doc doc;
static struct draft out;

static void set_up(void)
{
    doc_init(&doc, "test", "A title with <tags> & \"quotes\"");
    draft_init(&out, DOC_SIZE);
}

static void tear_down(void)
{
    doc_done(&doc);
    draft_done(&out);
}

/* One of each block, with what can go wrong in it. */
static void build(void)
{
    static const uint8_t bytes[200] = {0xde, 0xad, 0xbe, 0xef};
    const char *const word = "aVeryLongWordThatDoesNotFitIntoAnyLineOfATerminalBecauseItGoesOnAndOn"
                             "AndOnAndOnAndOnAndOnAndOn";
    doc_section(&doc, "Section → one");
    doc_say(&doc,
            "`code` and <b>text</b>… with %s and much more to say, so that it takes more than one "
            "line.",
            word);
    doc_facts(&doc);
    doc_fact(&doc, "a_fact", "a name that is longer than its column", "a note with `code` & more",
             "<script>alert('%s')</script>", word);
    doc_measured(&doc, "measured", "a measure", "", "%d × AES", 42);
    doc_table(&doc, 3, (const char *const[]){"one", "two", "three"});
    doc_row(&doc, (const char *const[]){"x", word, "a cell of several words that must be wrapped"});
    doc_row(&doc, (const char *const[]){"", "", "y"});
    doc_ladder(&doc, "client <1>", "server");
    doc_arrow(&doc, 1500000, RUNG_LEFT, false, DOC_PLAIN, "SYN → %s", word);
    doc_arrow(&doc, 0, RUNG_RIGHT, true, DOC_BAD, "alert: <bad>");
    doc_note(&doc, RUNG_MIDDLE, DOC_GOOD, "established");
    doc_bytes(&doc, bytes, sizeof bytes, "Some bytes");
    doc_mark(&doc, 0, 4, "magic", "%s", word);
    doc_mark(&doc, 4, 196, "the rest", "zeros");
    doc_mark(&doc, 190, 100, "beyond the end", "%s", "");
}

static size_t columns(const char *line, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        n += ((unsigned char)line[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return n;
}

/* No line is wider, none ends in a blank, and all of it is ASCII if it must be. */
static void check_lines(unsigned width, bool ascii)
{
    for (const char *line = out.data; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        ck_assert_msg(columns(line, n) <= width, "%u columns: %.*s", width, (int)n, line);
        ck_assert_msg(n == 0 || line[n - 1] != ' ', "a blank ends: %.*s", (int)n, line);
        for (size_t i = 0; ascii && i < n; i++) {
            ck_assert_msg(line[i] >= ' ' && line[i] < 0x7f, "not ASCII: %.*s", (int)n, line);
        }
        line += n + 1;
    }
}

static void has(const char *what)
{
    ck_assert_msg(strstr(out.data, what) != NULL, "'%s' is not in: %s", what, out.data);
}

static void has_not(const char *what)
{
    ck_assert_msg(strstr(out.data, what) == NULL, "'%s' is in: %s", what, out.data);
}

START_TEST(text_keeps_to_its_width)
{
    build();
    for (unsigned width = DOC_WIDTH_MIN; width <= DOC_WIDTH_MAX; width++) {
        for (unsigned ascii = 0; ascii < 2; ascii++) {
            out.len = 0;
            doc_text(&doc, &(struct doc_terminal){.width = width, .ascii = ascii != 0}, &out);
            check_lines(width, ascii != 0);
        }
    }
    out.len = 0;
    doc_text(&doc, &(struct doc_terminal){.width = 10}, &out);
    check_lines(DOC_WIDTH_MIN, false);
    ck_assert(!doc.failed && !out.failed);
}
END_TEST

START_TEST(text_shows_every_block)
{
    build();
    doc_text(&doc, &(struct doc_terminal){.width = 100}, &out);
    has("1. Section → one\n");
    has("code and <b>text</b>… with");
    has("42 × AES (measured here)");
    has("a note with code & more");
    has("de ad be ef");
    has("and 148 bytes more"); /* 196 of which 48 are shown */
    has("1.500 ms │SYN → ");
    has("│◀══");
    has_not("\033");
    out.len = 0;
    doc_text(&doc, &(struct doc_terminal){.width = 100, .ascii = true, .colour = true}, &out);
    has("1. Section -> one");
    has("|<==");
    has("42 x AES");
    has("\033[31m|<==");
}
END_TEST

START_TEST(json_is_whole)
{
    char at[200];
    build();
    doc_json(&doc, &out);
    ck_assert(json_valid(out.data, out.len));
    ck_assert_str_eq(json_at(out.data, out.len, "chapter", at, sizeof at), "\"test\"");
    ck_assert_str_eq(json_at(out.data, out.len, "title", at, sizeof at),
                     "\"A title with <tags> & \\\"quotes\\\"\"");
    ck_assert_str_eq(json_at(out.data, out.len, "blocks.0.text", at, sizeof at),
                     "\"Section → one\"");
    ck_assert_str_eq(json_at(out.data, out.len, "blocks.2.facts.1.id", at, sizeof at),
                     "\"measured\"");
    ck_assert_str_eq(json_at(out.data, out.len, "blocks.2.facts.1.measured", at, sizeof at),
                     "true");
    ck_assert_str_eq(json_at(out.data, out.len, "blocks.3.rows.2.2", at, sizeof at), "\"y\"");
    ck_assert_str_eq(json_at(out.data, out.len, "blocks.4.rungs.0.at_ns", at, sizeof at),
                     "1500000");
    ck_assert_str_eq(json_at(out.data, out.len, "blocks.4.rungs.1.from", at, sizeof at),
                     "\"right\"");
    ck_assert_str_eq(json_at(out.data, out.len, "blocks.5.marks.2.len", at, sizeof at), "10");
}
END_TEST

START_TEST(html_is_escaped)
{
    build();
    doc_html(&doc, &out);
    has("<title>A title with &lt;tags&gt; &amp; &quot;quotes&quot;</title>");
    has("<code>code</code> and &lt;b&gt;text&lt;/b&gt;…");
    has("&lt;script&gt;alert(&#39;");
    has("client &lt;1&gt;");
    has("alert: &lt;bad&gt;");
    has_not("<script");
    has_not("http://"); /* nothing is loaded from elsewhere */
    has_not("https://");
    has_not("src=");
}
END_TEST

START_TEST(code_ends_with_its_paragraph)
{
    doc_say(&doc, "an `open end");
    doc_html(&doc, &out);
    has("an <code>open end</code></p>");
}
END_TEST

START_TEST(what_does_not_belong_fails)
{
    doc_say(&doc, "text");
    doc_fact(&doc, "id", "name", "", "a fact without a table of them");
    ck_assert(doc.failed);
}
END_TEST

/* ---- chapters ---- */

static struct explain_options seeded(uint8_t seed)
{
    return (struct explain_options){.seed = {seed}, .now = 77 * NS_PER_SEC};
}

/* The value of a fact by its id; "" when there is none. */
static const char *fact(const char *id)
{
    for (const struct doc_block *b = doc.blocks; b != NULL; b = b->next) {
        for (const struct doc_item *i = b->items; b->kind == DOC_FACTS && i != NULL; i = i->next) {
            if (strcmp(i->fact.id, id) == 0) {
                return i->fact.value;
            }
        }
    }
    return "";
}

static void check_forms(void)
{
    for (unsigned width = DOC_WIDTH_MIN; width <= DOC_WIDTH_MAX; width += 7) {
        out.len = 0;
        doc_text(&doc, &(struct doc_terminal){.width = width, .ascii = width % 2 == 0}, &out);
        check_lines(width, width % 2 == 0);
    }
    out.len = 0;
    doc_json(&doc, &out);
    ck_assert(json_valid(out.data, out.len));
    out.len = 0;
    doc_html(&doc, &out);
    has_not("<script");
    ck_assert(!doc.failed && !out.failed);
}

/* The n-th number in the value of a fact. */
static uint32_t number(const char *id, unsigned n)
{
    const char *s = fact(id);
    for (;;) {
        s += strcspn(s, "0123456789");
        ck_assert_msg(*s != '\0', "%s has no number %u", id, n);
        char *end;
        unsigned long long v = strtoull(s, &end, 10);
        if (n-- == 0) {
            return (uint32_t)v;
        }
        s = end;
    }
}

START_TEST(tcp_adds_up)
{
    char error[256] = "";
    struct explain_options o = seeded(1);
    ck_assert_msg(explain_tcp(&doc, &o, error, sizeof error), "%s", error);
    uint32_t client = number("client_isn", 2), server = number("server_isn", 2);
    ck_assert_uint_eq(number("client_isn", 0), 77 * 250000); /* 4 microseconds a tick */
    ck_assert_uint_eq(number("client_isn", 0) + number("client_isn", 1), client);
    ck_assert_uint_eq(number("server_isn", 0), 77 * 250000 + 2500); /* 10 ms later */
    ck_assert_uint_eq(number("server_isn", 0) + number("server_isn", 1), server);
    ck_assert_uint_eq(number("syn_ack_ack", 0), client + 1);
    ck_assert_uint_eq(number("ack_ack", 0), server + 1);
    ck_assert_uint_eq(number("ack_seq", 0), client + 1);
    ck_assert_uint_eq(number("request_end", 0), client + 1 + strlen(EXCHANGE_REQUEST));
    ck_assert_str_eq(fact("rtt"), "20.000 ms");
    check_forms();
}
END_TEST

START_TEST(a_seed_repeats)
{
    char error[256] = "";
    struct explain_options o = seeded(1);
    char *first;
    ck_assert(explain_tcp(&doc, &o, error, sizeof error));
    doc_json(&doc, &out);
    first = strdup(out.data);
    doc_done(&doc);
    out.len = 0;
    ck_assert(explain_tcp(&doc, &o, error, sizeof error));
    doc_json(&doc, &out);
    ck_assert_str_eq(first, out.data);
    doc_done(&doc);
    out.len = 0;
    o = seeded(2);
    ck_assert(explain_tcp(&doc, &o, error, sizeof error));
    doc_json(&doc, &out);
    ck_assert_str_ne(first, out.data);
    free(first);
}
END_TEST

START_TEST(keys_do_what_they_should)
{
    char error[256] = "";
    struct explain_options o = seeded(3);
    ck_assert_msg(explain_keys(&doc, &o, error, sizeof error), "%s", error);
    ck_assert_uint_eq(strlen(fact("rsa_modulus")), 512);
    ck_assert_uint_eq(strlen(fact("ciphertext")), 512);
    ck_assert_str_eq(fact("decrypted"), fact("message"));
    ck_assert(strstr(fact("eve_decrypts"), "(-0x4") != NULL); /* an error of RSA, and no message */
    /* printf 'I owe Alice 100 crowns. Bob' | sha256sum */
    ck_assert_str_eq(fact("rsa_digest"),
                     "caa5ed01cb08832ad5916ee821b8a9dc7360341dc82f89501b6ddce910a57158");
    ck_assert_str_eq(fact("rsa_verified"), "good");
    ck_assert_str_eq(fact("ecdsa_verified"), "good");
    ck_assert_str_ne(fact("rsa_changed"), "good");
    ck_assert_str_ne(fact("ecdsa_damaged"), "good");
    check_forms();
}
END_TEST

static unsigned count_facts_that_end(const char *id_end, const char *begin)
{
    unsigned n = 0;
    for (const struct doc_block *b = doc.blocks; b != NULL; b = b->next) {
        for (const struct doc_item *i = b->items; b->kind == DOC_FACTS && i != NULL; i = i->next) {
            size_t len = strlen(i->fact.id), end = strlen(id_end);
            if (len >= end && strcmp(i->fact.id + len - end, id_end) == 0) {
                ck_assert_msg(strncmp(i->fact.value, begin, strlen(begin)) == 0, "%s: %s",
                              i->fact.id, i->fact.value);
                n++;
            }
        }
    }
    return n;
}

/* Both versions, with and without a client certificate: what can be checked is, and is good. */
START_TEST(tls_is_told_whole)
{
    /* Certificate, CertificateVerify or ServerKeyExchange, two Finished; mutual: two more; PSK: Finished only */
    static const unsigned verdicts[] = {4, 4, 6, 6, 2};
    char error[256] = "";
    struct explain_options o = seeded(4);
    o.tls = _i % 2 == 0 ? TLS_1_3 : TLS_1_2;
    o.mutual = _i == 2 || _i == 3;
    o.psk = _i == 4;
    o.repeatable = true;
    ck_assert_msg(explain_tls(&doc, &o, error, sizeof error), "%s", error);
    ck_assert_uint_eq(count_facts_that_end("_verdict", "good"), verdicts[_i]);
    check_forms();
    doc_text(&doc, &(struct doc_terminal){.width = 100}, &out);
    has(o.tls == TLS_1_3 ? "client_application_traffic_secret_0" : "master_secret");
    has_not("THE LIBRARY HAS ANOTHER");
    has_not("malformed");
    has("GET /account");
}
END_TEST

START_TEST(bad_certificates_end_in_alerts)
{
    char error[256] = "";
    struct explain_options o = seeded(5);
    o.tls = _i == 0 ? TLS_1_3 : TLS_1_2;
    ck_assert_msg(explain_certificate(&doc, &o, error, sizeof error), "%s", error);
    ck_assert_str_eq(fact("check_signature"), "good");
    ck_assert_str_eq(fact("expired_alert"), "certificate_expired");
    ck_assert_str_eq(fact("name_alert"), "bad_certificate");
    ck_assert_str_eq(fact("ca_alert"), "unknown_ca");
    ck_assert_str_eq(fact("signature_alert"), "unknown_ca");
    ck_assert(strstr(fact("signature_check"), "not valid") != NULL);
    ck_assert_uint_eq(
        count_facts_that_end("_ends", "client: TLS failed on our side; server: fatal"), 4);
    check_forms();
    has_not("<td>NO\n"); /* both ends derive the same */
}
END_TEST

START_TEST(what_is_forged_is_read_over_tcp_alone)
{
    char error[256] = "";
    struct explain_options o = seeded(6);
    ck_assert_msg(explain_compare(&doc, &o, error, sizeof error), "%s", error);
    ck_assert_str_eq(fact("got_plain"), "Your balance: 9,234.");
    ck_assert(strncmp(fact("got_tls"), "nothing", strlen("nothing")) == 0);
    check_forms();
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_told)
{
    char error[256] = "";
    struct explain_options o = seeded(1);
    o.pcapng = "/nowhere/at/all";
    ck_assert(!explain_tcp(&doc, &o, error, sizeof error));
    ck_assert(strstr(error, "/nowhere/at/all: No such file") != NULL);
}
END_TEST

Suite *explain_suite(void);
Suite *explain_suite(void)
{
    Suite *s = suite_create("explain");
    TCase *t = tcase_create("explain");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, text_keeps_to_its_width);
    tcase_add_test(t, text_shows_every_block);
    tcase_add_test(t, json_is_whole);
    tcase_add_test(t, html_is_escaped);
    tcase_add_test(t, code_ends_with_its_paragraph);
    tcase_add_test(t, what_does_not_belong_fails);
    tcase_add_test(t, tcp_adds_up);
    tcase_add_test(t, a_seed_repeats);
    tcase_add_test(t, keys_do_what_they_should);
    tcase_add_loop_test(t, tls_is_told_whole, 0, 5);
    tcase_add_loop_test(t, bad_certificates_end_in_alerts, 0, 2);
    tcase_add_test(t, what_is_forged_is_read_over_tcp_alone);
    tcase_add_test(t, a_file_that_cannot_be_written_is_told);
    suite_add_tcase(s, t);
    return s;
}
