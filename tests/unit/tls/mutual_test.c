/* Mutual TLS: our server asks our client for a certificate (RFC 8446 4.3.2, 4.4.2, 6.2; RFC 5246 7.4.4, 7.4.6).
 * What the server says of the client is what was issued; the alerts are those of the RFCs. tests/e2e/mutual.sh has
 * other people's clients and servers.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/unit/tls/both.h"
#include "tests/unit/tls/tls_rig.h"
#include "tls/ca.h"

Suite *mutual_suite(void);

enum { CERTIFICATE_EXPIRED = 45, UNSUPPORTED_CERTIFICATE = 43, UNKNOWN_CA = 48 };
enum { HANDSHAKE_FAILURE = 40, CERTIFICATE_REQUIRED = 116 };

static void issue(const char *dir, const char *out, struct ca_request request)
{
    static const char *const names[] = {"person.test", NULL};
    char error[256];
    request.names = names;
    ck_assert_msg(ca_issue(dir, out, &request, error, sizeof(error)), "%s", error);
}

static void prepare(void)
{
    int64_t now = (int64_t)time(NULL);
    issue(rig_dir(), "person", (struct ca_request){.client = true});
    issue(rig_dir(), "person-rsa", (struct ca_request){.client = true, .key = CA_KEY_RSA});
    issue(rig_dir(), "old", (struct ca_request){.client = true, .now = now - 200 * 86400});
    issue(rig_dir(), "young", (struct ca_request){.client = true, .now = now + 30 * 86400});
    issue(rig_path("stranger"), "person", (struct ca_request){.client = true});
}

/* Even: TLS 1.3, odd: TLS 1.2. */
static struct choice with(const char *certificate, enum tls_client_auth auth, int i)
{
    uint16_t version = i & 1 ? TLS_1_2 : TLS_1_3;
    return (struct choice){
        .client = {.min_version = version, .max_version = version},
        .server = {.client_auth = auth, .trust = "ca.pem", .no_tickets = true},
        .client_certificate = certificate,
    };
}

static const char flights_13[] =
    ">ClientHello <ServerHello <ChangeCipherSpec <(EncryptedExtensions) <(CertificateRequest) "
    "<(Certificate) <(CertificateVerify) <(Finished) >ChangeCipherSpec >(Certificate) "
    ">(CertificateVerify) >(Finished)";
static const char flights_12[] =
    ">ClientHello <ServerHello <Certificate <ServerKeyExchange <CertificateRequest "
    "<ServerHelloDone "
    ">Certificate >ClientKeyExchange >CertificateVerify >ChangeCipherSpec >(Finished) "
    "<ChangeCipherSpec <(Finished)";

static void check_told(const struct both *b, uint32_t conn, const char *flights)
{
    const char *told = both_told(b, conn);
    ck_assert_msg(strncmp(told, flights, strlen(flights)) == 0, "%s", told);
}

static const char *const keys[] = {"person", "person-rsa"};

/* Both versions, both kinds of key, whole and in pieces. */
START_TEST(the_client_is_known)
{
    struct both b;
    struct choice o = with(keys[_i / 2 % 2], TLS_CLIENT_AUTH_REQUIRED, _i);
    o.chunk = _i >= 4 ? 7 : 0;
    both_connect(&b, o);
    ck_assert_uint_eq(b.client.opened, 1);
    ck_assert_uint_eq(b.server.opened, 1);
    check_told(&b, CLIENT_ID, _i & 1 ? flights_12 : flights_13);
    check_told(&b, SERVER_ID, _i & 1 ? flights_12 : flights_13);
    both_check_lengths(&b);
    const struct tls_info *ends[] = {&b.server.info, &b.client.info};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        ck_assert(ends[i]->certificate_asked);
        ck_assert_str_eq(ends[i]->client_subject, "CN=person.test");
        ck_assert_str_eq(ends[i]->client_san, "DNS:person.test");
        ck_assert_str_eq(ends[i]->client_fault, "");
        ck_assert_str_eq(ends[i]->certificate_subject, "CN=vitrine.test");
        ck_assert_uint_eq(strlen(ends[i]->client_fingerprint_sha256), 64);
    }
    ck_assert_str_eq(ends[0]->client_fingerprint_sha256, ends[1]->client_fingerprint_sha256);
    const struct event *e = both_event(&b, SERVER_ID, EV_tls_client, 0);
    ck_assert_ptr_nonnull(e);
    ck_assert_uint_eq(e->u.tls_client.faults, 0);
    ck_assert_str_eq(e->u.tls_client.subject, "CN=person.test");
    end_write(&b.client, "question");
    both_run(&b);
    ck_assert_str_eq(b.server.got, "question");
    end_write(&b.server, "answer");
    both_run(&b);
    ck_assert_str_eq(b.client.got, "answer");
    both_done(&b);
}
END_TEST

static const struct {
    const char *certificate; /* NULL: the client has none */
    const char *fault;
    uint8_t alert, alert_12;
} bad[] = {
    {NULL, "there is none", CERTIFICATE_REQUIRED, HANDSHAKE_FAILURE},
    {"stranger/person", "no trusted root has signed it", UNKNOWN_CA, UNKNOWN_CA},
    {"old", "it has expired", CERTIFICATE_EXPIRED, CERTIFICATE_EXPIRED},
    {"young", "it is not valid yet", CERTIFICATE_EXPIRED, CERTIFICATE_EXPIRED},
    {"server", "its key is not for a client", UNSUPPORTED_CERTIFICATE, UNSUPPORTED_CERTIFICATE},
};

static void check_refused(struct both *b, int i)
{
    ck_assert_uint_eq(b->server.opened, 0);
    ck_assert_str_eq(b->server.info.client_fault, bad[i / 2].fault);
    const struct event *e = both_event(b, SERVER_ID, EV_tls_client, 0);
    ck_assert_ptr_nonnull(e);
    ck_assert_uint_ne(e->u.tls_client.faults, 0);
    /* In TLS 1.3 the client had finished by then: it hears of it later. */
    ck_assert_uint_eq(b->client.opened, i & 1 ? 0 : 1);
    both_check_alert(b, SERVER_ID, i & 1 ? bad[i / 2].alert_12 : bad[i / 2].alert);
}

START_TEST(a_bad_one_is_refused)
{
    struct both b;
    both_connect(&b, with(bad[_i / 2].certificate, TLS_CLIENT_AUTH_REQUIRED, _i));
    check_refused(&b, _i);
    both_done(&b);
}
END_TEST

/* Optional means that there may be none, not that it may be bad. */
START_TEST(a_bad_one_is_refused_also_when_optional)
{
    struct both b;
    both_connect(&b, with(bad[_i / 2].certificate, TLS_CLIENT_AUTH_OPTIONAL, _i));
    check_refused(&b, _i);
    both_done(&b);
}
END_TEST

START_TEST(none_is_fine_when_optional)
{
    struct both b;
    both_connect(&b, with(NULL, TLS_CLIENT_AUTH_OPTIONAL, _i));
    ck_assert_uint_eq(b.client.opened, 1);
    ck_assert_uint_eq(b.server.opened, 1);
    ck_assert(b.server.info.certificate_asked && b.client.info.certificate_asked);
    ck_assert_str_eq(b.server.info.client_subject, "");
    ck_assert_str_eq(b.client.info.client_subject, "");
    end_write(&b.client, "question");
    both_run(&b);
    ck_assert_str_eq(b.server.got, "question");
    both_done(&b);
}
END_TEST

/* Who is not asked shows nothing, and nothing is known. */
START_TEST(nobody_asks)
{
    struct both b;
    both_connect(&b, with("person", TLS_CLIENT_AUTH_NONE, _i));
    ck_assert_uint_eq(b.server.opened, 1);
    ck_assert(!b.server.info.certificate_asked && !b.client.info.certificate_asked);
    ck_assert_str_eq(b.server.info.client_subject, "");
    ck_assert_str_eq(b.client.info.client_subject, "");
    ck_assert_ptr_null(both_event(&b, SERVER_ID, EV_tls_client, 0));
    both_done(&b);
}
END_TEST

START_TEST(roots_are_needed)
{
    char error[256] = "";
    struct tls_config c = {.client_auth = TLS_CLIENT_AUTH_REQUIRED};
    ck_assert_ptr_null(tls_context_new(&c, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "roots"));
    c.trust = "/proc/no/such";
    ck_assert_ptr_null(tls_context_new(&c, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "/proc/no/such"));
}
END_TEST

Suite *mutual_suite(void)
{
    Suite *s = suite_create("mutual");
    TCase *t = tcase_create("mutual");
    tcase_add_unchecked_fixture(t, prepare, NULL);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, the_client_is_known, 0, 8);
    tcase_add_loop_test(t, a_bad_one_is_refused, 0, 2 * (int)COUNT_OF(bad));
    tcase_add_loop_test(t, a_bad_one_is_refused_also_when_optional, 2, 2 * (int)COUNT_OF(bad));
    tcase_add_loop_test(t, none_is_fine_when_optional, 0, 2);
    tcase_add_loop_test(t, nobody_asks, 0, 2);
    tcase_add_test(t, roots_are_needed);
    suite_add_tcase(s, t);
    return s;
}
