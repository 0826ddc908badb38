/* Coming back: our client resumes a session with our server by its ticket (RFC 8446 2.2, 4.6.1; RFC 5077), and both meet
 * on a pre-shared key from outside (RFC 8446 4.2.11). tests/e2e/resume.sh has other people's clients and servers.
 */
#include <check.h>
#include <string.h>
#include <time.h>

#include "tests/unit/tls/both.h"
#include "tests/unit/tls/tls_rig.h"
#include "tls/ca.h"
#include "tls/internal.h"

Suite *resume_suite(void);

static struct both first, again;
static uint8_t saved[TLS_SAVED_MAX];
static size_t saved_len;

enum { DECRYPT_ERROR = 51 };

static void issue(const char *out, int64_t ago)
{
    static const char *const names[] = {"person.test", NULL};
    char error[256];
    struct ca_request r = {.names = names, .client = true, .now = (int64_t)time(NULL) - ago};
    ck_assert_msg(ca_issue(rig_dir(), out, &r, error, sizeof(error)), "%s", error);
}

static void prepare(void)
{
    issue("person", 0);
    issue("old", 200 * 86400);
}

/* Even: TLS 1.3, odd: TLS 1.2. */
static struct choice version(int i, struct choice o)
{
    o.client.min_version = o.client.max_version = i & 1 ? TLS_1_2 : TLS_1_3;
    return o;
}

/* The first connection, and what the client keeps of it. */
static void begin(struct choice o)
{
    both_connect(&first, o);
    ck_assert_uint_eq(first.server.opened, 1);
    both_run(&first);
    end_write(&first.server, "so that the client reads");
    both_run(&first);
    saved_len = tls_save(tls_of_stream(first.client.stream), saved, sizeof(saved));
    ck_assert_uint_gt(saved_len, 0);
}

static void come_back(struct choice o, nsec later)
{
    o.share = &first;
    o.later = later;
    o.offer = saved;
    o.offer_len = saved_len;
    both_connect(&again, o);
}

static void end(void)
{
    both_done(&again);
    both_done(&first);
}

static void check_resumed(const struct both *b, bool resumed)
{
    const struct end *ends[] = {&b->server, &b->client};
    const uint32_t ids[] = {SERVER_ID, CLIENT_ID};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        ck_assert_uint_eq(ends[i]->opened, 1);
        ck_assert_int_eq(ends[i]->info.resumed, resumed);
        ck_assert_int_eq(ends[i]->info.proof, resumed ? PROOF_TICKET : PROOF_CERTIFICATE);
        const struct event *e = both_event(b, ids[i], EV_tls_established, 0);
        ck_assert_ptr_nonnull(e);
        ck_assert_int_eq(e->u.tls_established.resumed, resumed);
        ck_assert_int_eq(e->u.tls_established.proof, resumed ? PROOF_TICKET : PROOF_CERTIFICATE);
    }
    ck_assert(resumed == (strstr(both_told(b, CLIENT_ID), "Certificate") == NULL));
}

/* Twice: the resumed session gives a ticket of its own. */
START_TEST(a_ticket_resumes)
{
    struct choice o = version(_i, (struct choice){.client = {0}});
    begin(o);
    check_resumed(&first, false);
    come_back(o, NS_PER_SEC);
    ck_assert_ptr_null(again.not_offered);
    check_resumed(&again, true);
    end_write(&again.server, "so that the client reads");
    both_run(&again);
    ck_assert_str_eq(again.client.got, "so that the client reads");
    saved_len = tls_save(tls_of_stream(again.client.stream), saved, sizeof(saved));
    ck_assert_uint_gt(saved_len, 0);
    both_done(&again);
    come_back(o, 2 * NS_PER_SEC);
    check_resumed(&again, true);
    end();
}
END_TEST

/* The keys change once in a lifetime; what the key before sealed still opens, until its own lifetime is over. */
START_TEST(tickets_of_rotated_keys)
{
    static const struct {
        nsec later;
        bool resumed;
        enum drop_reason why;
    } cases[] = {
        {99 * NS_PER_SEC, true, DROP_REASONS},
        {101 * NS_PER_SEC, false, DROP_TLS_TICKET_OLD},
        {300 * NS_PER_SEC, false, DROP_TLS_TICKET_STRANGE},
    };
    struct choice o = version(_i, (struct choice){.server = {.ticket_lifetime = 100}});
    begin(o);
    come_back(o, cases[_i / 2].later);
    check_resumed(&again, cases[_i / 2].resumed);
    for (unsigned r = DROP_TLS_TICKET_STRANGE; r < DROP_REASONS; r++) {
        ck_assert_uint_eq(both_drops(&again, (enum drop_reason)r), r == cases[_i / 2].why);
    }
    end();
}
END_TEST

/* Where the ticket lies in what the client keeps: it begins with the name of the server's key. */
static uint8_t *ticket_in_saved(void)
{
    const struct ticket_keys *k = &first.server.context->tickets;
    uint8_t *at = memmem(saved, saved_len, k->key[k->newest].name, TICKET_NAME);
    ck_assert_ptr_nonnull(at);
    return at;
}

/* Bytes of the ticket that lie in what is saved: the seal is broken, the handshake is a full one. */
START_TEST(a_forged_ticket)
{
    struct choice o = version(_i, (struct choice){.client = {0}});
    begin(o);
    ticket_in_saved()[TICKET_HEAD] ^= 1;
    come_back(o, NS_PER_SEC);
    check_resumed(&again, false);
    ck_assert_uint_eq(both_drops(&again, DROP_TLS_TICKET_FORGED), 1);
    end();
}
END_TEST

/* Who the client was, the ticket says. */
START_TEST(a_ticket_knows_the_client)
{
    struct choice o =
        version(_i, (struct choice){
                        .server = {.client_auth = TLS_CLIENT_AUTH_REQUIRED, .trust = "ca.pem"},
                        .client_certificate = "person",
                    });
    begin(o);
    come_back(o, NS_PER_SEC);
    check_resumed(&again, true);
    ck_assert_str_eq(again.server.info.client_subject, "CN=person.test");
    ck_assert_str_eq(again.server.info.client_fingerprint_sha256,
                     first.server.info.client_fingerprint_sha256);
    /* and the ticket of the resumed session says it as well */
    end_write(&again.server, "so that the client reads");
    both_run(&again);
    saved_len = tls_save(tls_of_stream(again.client.stream), saved, sizeof(saved));
    both_done(&again);
    come_back(o, 2 * NS_PER_SEC);
    check_resumed(&again, true);
    ck_assert_str_eq(again.server.info.client_subject, "CN=person.test");
    end();
}
END_TEST

/* Puts another certificate into the ticket, as if the client had shown that one. The ticket is the last of what is
 * saved (TLS 1.3), behind its length. */
static void change_client(const char *certificate)
{
    static uint8_t sealed[TLS_SAVED_MAX];
    uint8_t *ticket = ticket_in_saved();
    struct slice plain;
    nsec issued;
    struct tls_context *c = first.server.context;
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    ck_assert_int_eq(mbedtls_x509_crt_parse_file(&crt, rig_path(certificate)), 0);
    size_t len = saved_len - (size_t)(ticket - saved);
    ck_assert_int_eq(
        ticket_keys_open(&c->tickets, again.recorder.now, ticket, len, &plain, &issued),
        TICKET_GOOD);
    struct rd r = rd_slice(plain);
    struct wr w = wr_of(sealed + TICKET_HEAD, sizeof(sealed) - TICKET_OVERHEAD);
    wr_be64(&w, rd_be64(&r));
    rd_skip(&r, rd_be16(&r));
    wr_be16(&w, (uint16_t)crt.raw.len);
    wr_bytes(&w, crt.raw.p, crt.raw.len);
    struct slice state = rd_take(&r, rd_left(&r));
    wr_bytes(&w, state.data, state.len);
    mbedtls_x509_crt_free(&crt);
    ck_assert_int_eq(ticket_keys_seal(&c->tickets, issued, sealed, wr_len(&w)), 0);
    len = TICKET_OVERHEAD + wr_len(&w);
    struct wr to = wr_of(ticket - 2, sizeof(saved) - (size_t)(ticket - 2 - saved));
    wr_be16(&to, (uint16_t)len);
    wr_bytes(&to, sealed, len);
    saved_len = (size_t)(ticket - saved) + len;
}

/* Whose certificate has expired since its ticket was issued must show a better one. */
START_TEST(a_ticket_ends_with_the_certificate)
{
    struct choice o =
        version(0, (struct choice){
                       .server = {.client_auth = TLS_CLIENT_AUTH_REQUIRED, .trust = "ca.pem"},
                       .client_certificate = "person",
                   });
    begin(o);
    again.recorder.now = first.recorder.now;
    change_client("person.pem");
    come_back(o, NS_PER_SEC);
    check_resumed(&again, true);
    both_done(&again);
    again.recorder.now = first.recorder.now;
    change_client("old.pem");
    come_back(o, NS_PER_SEC);
    check_resumed(&again, false);
    ck_assert_uint_eq(both_drops(&again, DROP_TLS_TICKET_CLIENT), 1);
    ck_assert_str_eq(again.server.info.client_subject, "CN=person.test");
    end();
}
END_TEST

START_TEST(what_cannot_be_offered)
{
    struct choice o = version(_i, (struct choice){.client = {0}});
    begin(o);
    o.name = "www.vitrine.test";
    come_back(o, NS_PER_SEC);
    ck_assert_str_eq(again.not_offered, "it was with another server");
    check_resumed(&again, false);
    both_done(&again);
    o.name = NULL;
    saved[0] ^= 1;
    come_back(o, NS_PER_SEC);
    ck_assert_str_eq(again.not_offered, "it is no saved session");
    saved[0] ^= 1;
    both_done(&again);
    for (size_t n = 0; n < saved_len; n++) {
        struct both *b = &again;
        o.share = &first;
        o.offer = saved;
        o.offer_len = n;
        both_connect(b, o);
        ck_assert_ptr_nonnull(b->not_offered);
        both_done(b);
        n += n < 64 ? 0 : 40;
    }
    both_done(&first);
}
END_TEST

/* What was not verified then is not verified by coming back. */
START_TEST(an_unverified_session_stays_one)
{
    struct choice o = version(_i, (struct choice){.client = {.trust_anything = true}});
    begin(o);
    come_back(o, NS_PER_SEC);
    ck_assert_ptr_null(again.not_offered);
    check_resumed(&again, true);
    both_done(&again);
    struct choice strict = version(_i, (struct choice){.offer = saved, .offer_len = saved_len});
    both_connect(&again, strict);
    ck_assert_str_eq(again.not_offered, "its server was not verified");
    end();
}
END_TEST

/* ---- early data ---- */

static void check_early(enum tls_early early, const char *got)
{
    const struct end *ends[] = {&again.server, &again.client};
    const uint32_t ids[] = {SERVER_ID, CLIENT_ID};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        ck_assert_uint_eq(ends[i]->opened, 1);
        ck_assert_int_eq(ends[i]->info.early, early);
        const struct event *e = both_event(&again, ids[i], EV_tls_established, 0);
        ck_assert_int_eq(e->u.tls_established.early, early);
    }
    ck_assert_str_eq(again.server.got, got);
}

/* RFC 8446 2.3, figure 4: with the first flight, and once for each ticket (8.1). */
START_TEST(early_data)
{
    struct choice o = {.server = {.early_data = true}, .client = {.early_data = true}};
    o.chunk = _i ? 7 : 0;
    begin(o);
    o.early = "early";
    come_back(o, NS_PER_SEC);
    check_resumed(&again, true);
    check_early(EARLY_ACCEPTED, "early");
    ck_assert_ptr_nonnull(strstr(both_told(&again, CLIENT_ID), ">(EndOfEarlyData)"));
    ck_assert_ptr_nonnull(strstr(both_told(&again, SERVER_ID), ">(EndOfEarlyData)"));
    end_write(&again.client, " and late");
    both_run(&again);
    ck_assert_str_eq(again.server.got, "early and late");
    both_done(&again);
    come_back(o, 2 * NS_PER_SEC);
    check_resumed(&again, true);
    check_early(EARLY_REJECTED, "");
    ck_assert_uint_eq(both_drops(&again, DROP_TLS_EARLY_REPLAYED), 1);
    end_write(&again.client, "late");
    both_run(&again);
    ck_assert_str_eq(again.server.got, "late");
    end();
}
END_TEST

/* Off unless asked for: a ticket allows none, and a client that may not, does not. */
START_TEST(early_data_is_off)
{
    struct choice o = {.server = {.early_data = _i == 1}, .client = {.early_data = _i == 0}};
    begin(o);
    o.early = "early";
    come_back(o, NS_PER_SEC);
    check_resumed(&again, true);
    check_early(EARLY_NONE, "");
    end();
}
END_TEST

/* A ticket that cannot be opened: what follows is passed over, and the handshake is a full one. */
START_TEST(early_data_on_an_old_ticket)
{
    struct choice o = {.server = {.early_data = true, .ticket_lifetime = 100},
                       .client = {.early_data = true}};
    begin(o);
    o.early = "early";
    come_back(o, 300 * NS_PER_SEC);
    check_resumed(&again, false);
    check_early(EARLY_REJECTED, "");
    end();
}
END_TEST

/* ---- pre-shared keys ---- */

static struct tls_psk keys_a[] = {
    {"ann", "0123456789abcdef", 16},
    {"bob", "a key of forty-eight bytes, which is the maximum", 48},
};
static struct tls_psk key_b[] = {{"bob", "a key of forty-eight bytes, which is the maximum", 48}};
static struct tls_psk wrong[] = {{"bob", "not the same as what the server has for bob", 43}};
static struct tls_psk stranger[] = {{"eve", "0123456789abcdef", 16}};
static const struct tls_psks of_server = {keys_a, 2}, of_bob = {key_b, 1}, of_wrong = {wrong, 1},
                             of_eve = {stranger, 1};

START_TEST(a_pre_shared_key)
{
    both_connect(&first,
                 (struct choice){.server = {.psks = &of_server}, .client = {.psks = &of_bob}});
    const struct end *ends[] = {&first.server, &first.client};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        ck_assert_uint_eq(ends[i]->opened, 1);
        ck_assert_int_eq(ends[i]->info.proof, PROOF_PSK);
        ck_assert(!ends[i]->info.resumed);
        ck_assert_str_eq(ends[i]->info.psk_identity, "bob");
        ck_assert_str_eq(ends[i]->info.group_name, "x25519"); /* psk_dhe_ke: fresh keys as well */
        ck_assert_str_eq(ends[i]->info.certificate_subject, "");
    }
    const struct event *e = both_event(&first, SERVER_ID, EV_tls_established, 0);
    ck_assert_int_eq(e->u.tls_established.proof, PROOF_PSK);
    ck_assert(!e->u.tls_established.resumed);
    ck_assert_ptr_null(strstr(both_told(&first, CLIENT_ID), "Certificate"));
    end_write(&first.client, "question");
    both_run(&first);
    ck_assert_str_eq(first.server.got, "question");
    both_done(&first);
}
END_TEST

/* Its session resumes like any other; the ticket comes before the key. */
START_TEST(a_session_of_a_pre_shared_key_resumes)
{
    struct choice o = {.server = {.psks = &of_server}, .client = {.psks = &of_bob}};
    begin(o);
    come_back(o, NS_PER_SEC);
    check_resumed(&again, true);
    both_done(&again);
    come_back(o, 3 * 86400 * NS_PER_SEC); /* its ticket is no good any more, but the key is */
    ck_assert_int_eq(again.server.info.proof, PROOF_PSK);
    ck_assert_int_eq(again.client.info.proof, PROOF_PSK);
    ck_assert_uint_eq(both_drops(&again, DROP_TLS_TICKET_STRANGE), 1);
    end();
}
END_TEST

/* RFC 8446 4.2.11: a binder that does not verify ends the handshake. */
START_TEST(a_wrong_key)
{
    both_connect(&first,
                 (struct choice){.server = {.psks = &of_server}, .client = {.psks = &of_wrong}});
    both_run(&first);
    both_check_alert(&first, SERVER_ID, DECRYPT_ERROR);
    ck_assert_uint_eq(both_drops(&first, DROP_TLS_PSK_WRONG), 1);
    both_done(&first);
}
END_TEST

/* An identity that nobody knows is passed over: certificates do as well. */
START_TEST(an_unknown_identity)
{
    both_connect(&first,
                 (struct choice){.server = {.psks = &of_server}, .client = {.psks = &of_eve}});
    ck_assert_uint_eq(first.client.opened, 1);
    ck_assert_int_eq(first.server.info.proof, PROOF_CERTIFICATE);
    ck_assert_int_eq(first.client.info.proof, PROOF_CERTIFICATE);
    ck_assert_uint_eq(both_drops(&first, DROP_TLS_PSK_UNKNOWN), 1);
    both_done(&first);
}
END_TEST

/* A server without keys, one of TLS 1.2. */
START_TEST(nobody_has_keys)
{
    uint16_t max = _i ? TLS_1_2 : TLS_1_3;
    both_connect(&first,
                 (struct choice){.server = {.max_version = max}, .client = {.psks = &of_bob}});
    ck_assert_uint_eq(first.client.opened, 1);
    ck_assert_int_eq(first.client.info.proof, PROOF_CERTIFICATE);
    both_done(&first);
}
END_TEST

Suite *resume_suite(void)
{
    Suite *s = suite_create("resume");
    TCase *t = tcase_create("resume");
    tcase_add_unchecked_fixture(t, prepare, NULL);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, a_ticket_resumes, 0, 2);
    tcase_add_loop_test(t, tickets_of_rotated_keys, 0, 6);
    tcase_add_loop_test(t, a_forged_ticket, 0, 2);
    tcase_add_loop_test(t, a_ticket_knows_the_client, 0, 2);
    tcase_add_test(t, a_ticket_ends_with_the_certificate);
    tcase_add_loop_test(t, what_cannot_be_offered, 0, 2);
    tcase_add_loop_test(t, an_unverified_session_stays_one, 0, 2);
    tcase_add_loop_test(t, early_data, 0, 2);
    tcase_add_loop_test(t, early_data_is_off, 0, 2);
    tcase_add_test(t, early_data_on_an_old_ticket);
    tcase_add_test(t, a_pre_shared_key);
    tcase_add_test(t, a_session_of_a_pre_shared_key_resumes);
    tcase_add_test(t, a_wrong_key);
    tcase_add_test(t, an_unknown_identity);
    tcase_add_loop_test(t, nobody_has_keys, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
