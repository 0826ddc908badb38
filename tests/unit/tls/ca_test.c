/* The development CA: chains that mbedTLS and OpenSSL accept, names, addresses, file modes, renewal.
 */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mbedtls/x509_crt.h>

#include "tests/unit/tls/tls_files.h"
#include "tls/ca.h"

Suite *ca_suite(void);

static const char *const names[] = {"vitrine.test", "*.vitrine.test", NULL};
static const char *const ips[] = {"10.9.0.2", "fd00::2", NULL};

static char dir[64];
static char error[512];

static void setup(void)
{
    snprintf(dir, sizeof(dir), "/tmp/vitrine-ca-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    error[0] = '\0';
}

static void teardown(void)
{
    files_remove(dir);
}

static const char *path(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
    return p;
}

static void create(void)
{
    ck_assert_msg(ca_create(dir, error, sizeof(error)), "%s", error);
}

static void issue(const char *out, const struct ca_request *request)
{
    ck_assert_msg(ca_issue(dir, out, request, error, sizeof(error)), "%s", error);
}

static mode_t mode_of(const char *name)
{
    struct stat st;
    ck_assert_int_eq(stat(path(name), &st), 0);
    return st.st_mode & 0777;
}

static void load(mbedtls_x509_crt *crt, const char *name)
{
    mbedtls_x509_crt_init(crt);
    ck_assert_int_eq(mbedtls_x509_crt_parse_file(crt, path(name)), 0);
}

/* 0, or mbedTLS' reasons against the certificate for that host. */
static uint32_t verdict(const char *name, const char *host)
{
    mbedtls_x509_crt ca, crt;
    uint32_t flags = 0;
    load(&ca, "ca.pem");
    load(&crt, name);
    (void)mbedtls_x509_crt_verify(&crt, &ca, NULL, host, &flags, NULL, NULL);
    mbedtls_x509_crt_free(&ca);
    mbedtls_x509_crt_free(&crt);
    return flags;
}

START_TEST(a_chain_that_verifies)
{
    struct ca_request request = {.names = names, .ips = ips, .key = (enum ca_key)_i};
    create();
    issue("server", &request);
    ck_assert_uint_eq(verdict("server.pem", "vitrine.test"), 0);
    ck_assert_uint_eq(verdict("server.pem", "www.vitrine.test"), 0);
    ck_assert_uint_eq(verdict("server.pem", "10.9.0.2"), 0);
    ck_assert_uint_eq(verdict("server.pem", "other.test"), MBEDTLS_X509_BADCERT_CN_MISMATCH);
    ck_assert(openssl_says(dir, "verify -x509_strict -purpose sslserver -CAfile ca.pem server.pem",
                           "server.pem: OK"));
    ck_assert(openssl_says(dir, "x509 -in server.pem -noout -checkhost www.vitrine.test",
                           "does match certificate"));
    ck_assert(openssl_says(dir, "x509 -in server.pem -noout -checkhost a.b.vitrine.test",
                           "does NOT match certificate"));
    ck_assert(openssl_says(dir, "x509 -in server.pem -noout -checkip 10.9.0.2",
                           "does match certificate"));
    ck_assert(
        openssl_says(dir, "x509 -in server.pem -noout -checkip fd00::2", "does match certificate"));
    ck_assert(openssl_says(dir, "x509 -in server.pem -noout -checkip 10.9.0.3",
                           "does NOT match certificate"));
    ck_assert(openssl_says(dir, "x509 -in server.pem -noout -text",
                           _i == CA_KEY_RSA ? "Public-Key: (2048 bit)" : "NIST CURVE: P-256"));
}
END_TEST

START_TEST(for_clients_only)
{
    struct ca_request request = {.names = names, .client = true};
    create();
    issue("alice", &request);
    ck_assert(openssl_says(dir, "verify -x509_strict -purpose sslclient -CAfile ca.pem alice.pem",
                           "alice.pem: OK"));
    ck_assert(openssl_says(dir, "verify -purpose sslserver -CAfile ca.pem alice.pem", "purpose"));
}
END_TEST

START_TEST(only_the_owner_reads_keys)
{
    mode_t old = umask(0);
    create();
    issue("server", &(struct ca_request){.names = names});
    umask(0777 & ~0700);
    issue("second", &(struct ca_request){.names = names});
    umask(old);
    ck_assert_uint_eq(mode_of("ca.key"), 0600);
    ck_assert_uint_eq(mode_of("server.key"), 0600);
    ck_assert_uint_eq(mode_of("second.key"), 0600);
    ck_assert_uint_eq(mode_of("ca.pem"), 0644);
    ck_assert_uint_eq(mode_of("second.pem"), 0644);
}
END_TEST

/* Nothing half-written stays behind. */
START_TEST(no_other_files)
{
    create();
    issue("server", &(struct ca_request){.names = names});
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    int files = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        files += e->d_name[0] != '.';
        ck_assert(e->d_name[0] != '.' || strcmp(e->d_name, ".lock") == 0 ||
                  strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
    }
    closedir(d);
    ck_assert_int_eq(files, 4);
}
END_TEST

static int64_t seconds(const mbedtls_x509_time *t)
{
    struct tm tm = {.tm_year = t->year - 1900,
                    .tm_mon = t->mon - 1,
                    .tm_mday = t->day,
                    .tm_hour = t->hour,
                    .tm_min = t->min,
                    .tm_sec = t->sec};
    return (int64_t)timegm(&tm);
}

START_TEST(validity)
{
    mbedtls_x509_crt ca, crt;
    int64_t now = (int64_t)time(NULL);
    create();
    load(&ca, "ca.pem");
    issue("a", &(struct ca_request){.names = names, .now = now});
    load(&crt, "a.pem");
    ck_assert_int_eq(seconds(&crt.valid_from), now - 3600);
    ck_assert_int_eq(seconds(&crt.valid_to), now + 90 * 86400);
    mbedtls_x509_crt_free(&crt);
    issue("b", &(struct ca_request){.names = names, .now = now, .days = 3});
    load(&crt, "b.pem");
    ck_assert_int_eq(seconds(&crt.valid_to), now + 3 * 86400);
    mbedtls_x509_crt_free(&crt);
    /* no longer than the CA itself */
    issue("c", &(struct ca_request){.names = names, .now = now + 86400, .days = 3650});
    load(&crt, "c.pem");
    ck_assert_int_eq(seconds(&crt.valid_to), seconds(&ca.valid_to));
    mbedtls_x509_crt_free(&crt);
    mbedtls_x509_crt_free(&ca);
}
END_TEST

static void check_refused(const char *out, const struct ca_request *request, const char *word)
{
    error[0] = '\0';
    ck_assert(!ca_issue(dir, out, request, error, sizeof(error)));
    ck_assert_msg(strstr(error, word) != NULL, "the error is: %s", error);
}

START_TEST(refusals)
{
    static const char *const bad_names[][2] = {{"a b"}, {"a..b"}, {""}, {"*"}, {"a,CN=b"}, {".a"}};
    static const char *const bad_ips[][2] = {{"10.9.0.256"}, {"vitrine.test"}, {""}};
    struct ca_request good = {.names = names};
    check_refused("server", &good, "ca.pem"); /* there is no CA yet */
    create();
    ck_assert(!ca_create(dir, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "already"));
    check_refused("ca", &good, "not a name");
    check_refused("../x", &good, "not a name");
    check_refused("", &good, "not a name");
    check_refused("x", &(struct ca_request){0}, "at least one");
    for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
        check_refused("x", &(struct ca_request){.names = bad_names[i]}, "not a DNS name");
    }
    for (size_t i = 0; i < sizeof(bad_ips) / sizeof(bad_ips[0]); i++) {
        check_refused("x", &(struct ca_request){.ips = bad_ips[i]}, "not an IP address");
    }
    ck_assert_int_ne(access(path("x.key"), F_OK), 0);
}
END_TEST

/* ---- ca_ensure ---- */

static void ensure(void)
{
    ck_assert_msg(ca_ensure(dir, names, ips, error, sizeof(error)), "%s", error);
    ck_assert_uint_eq(verdict("server.pem", "vitrine.test"), 0);
    ck_assert_uint_eq(verdict("server-rsa.pem", "10.9.0.2"), 0);
}

struct fingerprint {
    unsigned char serial[3][32];
};

static void look(struct fingerprint *f)
{
    static const char *const files[] = {"ca.pem", "server.pem", "server-rsa.pem"};
    memset(f, 0, sizeof(*f));
    for (int i = 0; i < 3; i++) {
        mbedtls_x509_crt crt;
        load(&crt, files[i]);
        ck_assert_uint_eq(crt.serial.len, 16);
        memcpy(f->serial[i], crt.serial.p, 16);
        mbedtls_x509_crt_free(&crt);
    }
}

/* Which of ca, server and server-rsa ensure makes anew, as bits. */
static unsigned renewed(void)
{
    struct fingerprint before, after;
    unsigned changed = 0;
    look(&before);
    ensure();
    look(&after);
    for (int i = 0; i < 3; i++) {
        changed |= (unsigned)(memcmp(before.serial[i], after.serial[i], 16) != 0) << i;
    }
    return changed;
}

START_TEST(ensure_makes_and_keeps)
{
    char top[sizeof(dir)];
    snprintf(top, sizeof(top), "%s", dir);
    snprintf(dir, sizeof(dir), "%.40s/a/b", top); /* directories that are not there yet */
    ensure();
    ck_assert_uint_eq(mode_of("server.key"), 0600);
    ck_assert_uint_eq(mode_of("server-rsa.key"), 0600);
    ck_assert_uint_eq(renewed(), 0);
    snprintf(dir, sizeof(dir), "%s", top);
}
END_TEST

START_TEST(ensure_repairs)
{
    ensure();
    ck_assert_int_eq(unlink(path("server-rsa.key")), 0);
    ck_assert_uint_eq(renewed(), 4);
    ck_assert_int_eq(rename(path("server-rsa.key"), path("server.key")), 0);
    ck_assert_uint_eq(renewed(), 2 | 4);
    ck_assert_int_eq(truncate(path("ca.key"), 20), 0);
    ck_assert_uint_eq(renewed(), 1 | 2 | 4);
}
END_TEST

START_TEST(ensure_renews)
{
    int64_t now = (int64_t)time(NULL);
    ensure();
    issue("server", &(struct ca_request){.names = names, .ips = ips, .now = now - 84 * 86400});
    ck_assert_uint_eq(renewed(), 2); /* 6 days are left */
    issue("server", &(struct ca_request){.names = names, .ips = ips, .now = now - 82 * 86400});
    ck_assert_uint_eq(renewed(), 0); /* 8 days are left */
    issue("server-rsa",
          &(struct ca_request){
              .names = names, .ips = ips, .key = CA_KEY_RSA, .now = now - 91 * 86400});
    ck_assert_uint_eq(renewed(), 4);
    issue("server", &(struct ca_request){.names = names});
    ck_assert_uint_eq(renewed(), 2); /* the addresses are missing */
    issue("server-rsa", &(struct ca_request){.names = names, .ips = ips});
    ck_assert_uint_eq(renewed(), 4); /* it is not RSA */
}
END_TEST

/* Several processes at once leave one CA and files that fit together. */
START_TEST(ensure_together)
{
    pid_t children[4];
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        ck_assert_int_ge(children[i], 0);
        if (children[i] == 0) {
            _exit(ca_ensure(dir, names, ips, error, sizeof(error)) ? 0 : 1);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_uint_eq(renewed(), 0);
}
END_TEST

Suite *ca_suite(void)
{
    Suite *s = suite_create("ca");
    TCase *t = tcase_create("ca");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, a_chain_that_verifies, 0, 2);
    tcase_add_test(t, for_clients_only);
    tcase_add_test(t, only_the_owner_reads_keys);
    tcase_add_test(t, no_other_files);
    tcase_add_test(t, validity);
    tcase_add_test(t, refusals);
    tcase_add_test(t, ensure_makes_and_keeps);
    tcase_add_test(t, ensure_repairs);
    tcase_add_test(t, ensure_renews);
    tcase_add_test(t, ensure_together);
    suite_add_tcase(s, t);
    return s;
}
