/* The client side: our client and our server at the two ends of a pipe. What the client tells is compared with
 * the flights of RFC 8446 2 and RFC 5246 7.3, and with what the server's end saw of the same handshake.
 * tests/e2e/get.sh has other people's servers.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/tls/both.h"
#include "tests/unit/tls/tls_rig.h"
#include "tls/ca.h"

Suite *client_suite(void);

/* RFC 8446 2, figure 1, with the ChangeCipherSpecs of appendix D.4 and a ticket; RFC 5246 7.3, figure 1. */
static const char flights_13[] =
    ">ClientHello <ServerHello <ChangeCipherSpec <(EncryptedExtensions) <(Certificate) "
    "<(CertificateVerify) <(Finished) >ChangeCipherSpec >(Finished)";
static const char flights_12[] = ">ClientHello <ServerHello <Certificate <ServerKeyExchange "
                                 "<ServerHelloDone >ClientKeyExchange >ChangeCipherSpec "
                                 ">(Finished) <ChangeCipherSpec <(Finished)";

/* Even: TLS 1.3, odd: TLS 1.2; from 2 on in small pieces. */
START_TEST(handshake)
{
    struct both b;
    uint16_t version = _i & 1 ? TLS_1_2 : TLS_1_3;
    both_connect(&b, (struct choice){
                         .client = {.min_version = version, .max_version = version},
                         .server = {.no_tickets = true},
                         .chunk = _i >= 2 ? 7 : 0,
                     });
    ck_assert_uint_eq(b.client.opened, 1);
    ck_assert_uint_eq(b.server.opened, 1);
    ck_assert_str_eq(both_told(&b, CLIENT_ID), _i & 1 ? flights_12 : flights_13);
    both_check_lengths(&b);
    const struct tls_info *c = &b.client.info;
    const struct tls_info *s = &b.server.info;
    ck_assert(c->client && !s->client && c->established && !c->resumed && !c->certificate_asked);
    ck_assert_uint_eq(c->version, version);
    ck_assert_uint_eq(c->version, s->version);
    ck_assert_uint_eq(c->suite, s->suite);
    ck_assert_str_eq(c->group_name, s->group_name);
    ck_assert_str_eq(c->signature_algorithm, s->signature_algorithm);
    ck_assert_str_eq(c->certificate_subject, s->certificate_subject);
    ck_assert_str_eq(c->fingerprint_sha256, s->fingerprint_sha256);
    ck_assert_uint_eq(strlen(c->fingerprint_sha256), 64);
    ck_assert_str_eq(c->certificate_fault, "");
    both_done(&b);
}
END_TEST

START_TEST(talk_and_close)
{
    struct both b;
    uint16_t version = _i ? TLS_1_2 : TLS_1_3;
    both_connect(&b, (struct choice){.client = {.max_version = version}});
    end_write(&b.client, "question");
    both_run(&b);
    ck_assert_str_eq(b.server.got, "question");
    end_write(&b.server, "answer");
    stream_shutdown(b.server.stream);
    both_run(&b);
    ck_assert_str_eq(b.client.got, "answer");
    ck_assert_uint_eq(b.client.peer_closed, 1);
    stream_shutdown(b.client.stream);
    both_run(&b);
    ck_assert_uint_eq(b.client.closed, 1);
    ck_assert_int_eq(b.client.reason, CLOSE_NORMAL);
    ck_assert_int_eq(b.server.reason, CLOSE_NORMAL);
    both_done(&b);
}
END_TEST

/* In TLS 1.3 tickets come after the handshake (RFC 8446 4.6.1); they disturb nothing, and are told. */
START_TEST(tickets)
{
    struct both b;
    both_connect(&b, (struct choice){.client = {0}});
    end_write(&b.server, "behind the ticket");
    both_run(&b);
    ck_assert_str_eq(b.client.got, "behind the ticket");
    ck_assert_ptr_nonnull(strstr(both_told(&b, CLIENT_ID), "<(NewSessionTicket)"));
    both_check_lengths(&b);
    both_done(&b);
}
END_TEST

/* A group that the server does not have comes first: HelloRetryRequest (RFC 8446 4.1.4). */
START_TEST(retry)
{
    static const char *const client_groups[] = {"secp384r1", "x25519", NULL};
    static const char *const server_groups[] = {"x25519", NULL};
    struct both b;
    both_connect(&b, (struct choice){.client = {.groups = client_groups},
                                     .server = {.groups = server_groups}});
    ck_assert_uint_eq(b.client.opened, 1);
    ck_assert_str_eq(b.client.info.group_name, "x25519");
    static const char begin[] = ">ClientHello <HelloRetryRequest";
    ck_assert_msg(strncmp(both_told(&b, CLIENT_ID), begin, strlen(begin)) == 0, "%s",
                  both_told(&b, CLIENT_ID));
    both_done(&b);
}
END_TEST

START_TEST(alpn)
{
    static const char *const offered[] = {"h2", "http/1.1", NULL};
    static const char *const known[] = {"http/1.1", NULL};
    struct both b;
    both_connect(&b, (struct choice){.client = {.alpn = offered}, .server = {.alpn = known}});
    struct tls_info info;
    tls_get_info(tls_of_stream(b.client.stream), &info);
    ck_assert_str_eq(info.alpn, "http/1.1");
    ck_assert_str_eq(info.sni, "vitrine.test");
    both_done(&b);
}
END_TEST

/* The server's certificate is for vitrine.test, *.vitrine.test and 10.9.0.2. */
static const struct {
    const char *wanted, *fault;
} names[] = {
    {"vitrine.test", ""},
    {"VITRINE.test", ""},
    {"www.vitrine.test", ""},
    {"10.9.0.2", ""},
    {"a.b.vitrine.test", "it is made out to another name"},
    {"test", "it is made out to another name"},
    {"vitrine.tes", "it is made out to another name"},
    {"10.9.0.3", "it is made out to another name"},
};

static void check_verdict(struct both *b, const char *fault, uint8_t alert)
{
    ck_assert_str_eq(b->client.info.certificate_fault, fault);
    ck_assert_uint_eq(b->client.opened, fault[0] == '\0');
    if (fault[0] != '\0') {
        both_run(b);
        both_check_alert(b, CLIENT_ID, alert);
    }
}

START_TEST(the_name_counts)
{
    struct both b;
    both_connect(&b, (struct choice){.name = names[_i].wanted});
    check_verdict(&b, names[_i].fault, 42); /* bad_certificate */
    /* RFC 6066 3: an address is not sent as a name */
    bool is_ip = names[_i].wanted[0] == '1';
    ck_assert_str_eq(b.server.info.sni, is_ip ? "" : names[_i].wanted);
    both_done(&b);
}
END_TEST

START_TEST(an_unknown_root)
{
    struct both b;
    both_connect(&b, (struct choice){.client = {.max_version = _i ? TLS_1_2 : TLS_1_3},
                                     .trust = "stranger/ca.pem"});
    check_verdict(&b, "no trusted root has signed it", 48); /* unknown_ca */
    ck_assert_ptr_nonnull(strstr(both_told(&b, CLIENT_ID), "Certificate"));
    both_done(&b);
}
END_TEST

/* What was issued long ago, or is for later. */
START_TEST(dates_count)
{
    static const char *const for_names[] = {"vitrine.test", NULL};
    char error[256];
    struct ca_request r = {.names = for_names, .now = (int64_t)time(NULL)};
    r.now += _i ? 30 * 86400 : -200 * 86400;
    struct both b;
    ck_assert_msg(ca_issue(rig_dir(), "dated", &r, error, sizeof(error)), "%s", error);
    both_connect(&b, (struct choice){.certificate = "dated"});
    if (_i) {
        check_verdict(&b, "it is not valid yet", 45);
    } else {
        check_verdict(&b, "it has expired", 45); /* certificate_expired */
    }
    both_done(&b);
}
END_TEST

/* Told, and not heeded. */
START_TEST(trust_anything)
{
    struct both b;
    both_connect(&b, (struct choice){.client = {.trust_anything = true}, .name = "else.test"});
    ck_assert_uint_eq(b.client.opened, 1);
    ck_assert_str_eq(b.client.info.certificate_fault,
                     "it is made out to another name; no trusted root has signed it");
    both_done(&b);
}
END_TEST

START_TEST(the_server_leaves)
{
    struct both b;
    both_connect(&b, (struct choice){.client = {0}});
    pipe_reset(&b.pipe.b);
    both_run(&b);
    ck_assert_int_eq(b.client.reason, CLOSE_RESET);
    both_done(&b);
}
END_TEST

START_TEST(no_roots)
{
    char error[256] = "";
    struct tls_config c = {.client = true, .trust = "/proc/no/such"};
    ck_assert_ptr_null(tls_context_new(&c, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "/proc/no/such"));
    c.trust = rig_path("server.key");
    ck_assert_ptr_null(tls_context_new(&c, error, sizeof(error)));
}
END_TEST

static void prepare(void)
{
    rig_dir();
}

Suite *client_suite(void)
{
    Suite *s = suite_create("client");
    TCase *t = tcase_create("client");
    tcase_add_unchecked_fixture(t, prepare, NULL);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, handshake, 0, 4);
    tcase_add_loop_test(t, talk_and_close, 0, 2);
    tcase_add_test(t, tickets);
    tcase_add_test(t, retry);
    tcase_add_test(t, alpn);
    tcase_add_loop_test(t, the_name_counts, 0, (int)COUNT_OF(names));
    tcase_add_loop_test(t, an_unknown_root, 0, 2);
    tcase_add_loop_test(t, dates_count, 0, 2);
    tcase_add_test(t, trust_anything);
    tcase_add_test(t, the_server_leaves);
    tcase_add_test(t, no_roots);
    suite_add_tcase(s, t);
    return s;
}
