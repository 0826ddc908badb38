/* The key schedule with the values of RFC 8448: section 3 (simple), 4 (resumed, with a PSK) and 5 (the transcript of a
 * HelloRetryRequest). Each step is looked up by its name. For TLS 1.2 there is no such RFC: its PRF has the test vector
 * for SHA-256 that the TLS working group's list gave (2009), and watch_test compares the rest with mbedTLS. */
#include "tls/schedule.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tls/hex.h"
#include "tests/unit/tls/rfc8448.h"
#include "tls/protection.h"

Suite *schedule_suite(void);

#define STEPS 64U

static struct {
    char name[64], made[160], value[2 * TLS_VALUE_MAX + 1], context[2 * TLS_HASH_MAX + 1];
    enum tls_check check;
} steps[STEPS];
static size_t step_count;

static void put_hex(char *out, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        sprintf(out + 2 * i, "%02x", bytes.data[i]);
    }
    out[2 * bytes.len] = '\0';
}

static void on_step(void *arg, const struct tls_step *s)
{
    (void)arg;
    ck_assert_uint_lt(step_count, STEPS);
    ck_assert_uint_eq(s->len, s->value.len);
    snprintf(steps[step_count].name, sizeof(steps[0].name), "%s", s->name);
    snprintf(steps[step_count].made, sizeof(steps[0].made), "%s", s->made);
    put_hex(steps[step_count].value, s->value);
    put_hex(steps[step_count].context, s->context);
    steps[step_count++].check = s->check;
}

/* The n-th step (from 0) of that name has this value. */
static void check_step(const char *name, unsigned n, const char *value)
{
    for (size_t i = 0; i < step_count; i++) {
        if (strcmp(steps[i].name, name) == 0 && n-- == 0) {
            ck_assert_str_eq(steps[i].value, value);
            return;
        }
    }
    ck_abort_msg("no step %s", name);
}

static enum tls_check check_of(const char *name)
{
    for (size_t i = 0; i < step_count; i++) {
        if (strcmp(steps[i].name, name) == 0) {
            return steps[i].check;
        }
    }
    return TLS_UNCHECKED;
}

static void set(struct tls_value *v, const char *hex)
{
    uint8_t bytes[TLS_VALUE_MAX];
    ck_assert(tls_value_set(v, bytes, hex_bytes(hex, bytes, sizeof(bytes))));
}

static struct tls_schedule begin(void)
{
    struct tls_schedule s = {.told = on_step};
    step_count = 0;
    ck_assert(tls_suite_find(0x1301, &s.suite));
    return s;
}

/* The hash of messages one after the other, "" the last. */
static struct slice hash_of(const struct tls_schedule *s, const char *const *messages)
{
    static uint8_t bytes[4096];
    static struct tls_value hash;
    size_t len = 0;
    for (; (*messages)[0] != '\0'; messages++) {
        len += hex_bytes(*messages, bytes + len, sizeof(bytes) - len);
    }
    tls_hash(&s->suite, (struct slice){bytes, len}, &hash);
    return tls_value_slice(&hash);
}

static const char *const to_server_hello[] = {RFC8448_CLIENT_HELLO, RFC8448_SERVER_HELLO, ""};
static const char *const to_certificate_verify[] = {
    RFC8448_CLIENT_HELLO, RFC8448_SERVER_HELLO,       RFC8448_ENCRYPTED_EXTENSIONS,
    RFC8448_CERTIFICATE,  RFC8448_CERTIFICATE_VERIFY, ""};
static const char *const to_server_finished[] = {RFC8448_CLIENT_HELLO,
                                                 RFC8448_SERVER_HELLO,
                                                 RFC8448_ENCRYPTED_EXTENSIONS,
                                                 RFC8448_CERTIFICATE,
                                                 RFC8448_CERTIFICATE_VERIFY,
                                                 RFC8448_SERVER_FINISHED,
                                                 ""};
static const char *const to_client_finished[] = {
    RFC8448_CLIENT_HELLO,         RFC8448_SERVER_HELLO,
    RFC8448_ENCRYPTED_EXTENSIONS, RFC8448_CERTIFICATE,
    RFC8448_CERTIFICATE_VERIFY,   RFC8448_SERVER_FINISHED,
    RFC8448_CLIENT_FINISHED,      ""};

START_TEST(simple)
{
    struct tls_schedule s = begin();
    set(&s.shared, "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
    set(&s.library_handshake, "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac");
    set(&s.exported[TLS_SECRET_CLIENT_HANDSHAKE],
        "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
    tls_schedule_handshake(&s, hash_of(&s, to_server_hello));
    check_step("Early Secret", 0,
               "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a");
    check_step("derived", 0, "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba");
    check_step("Handshake Secret", 0,
               "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac");
    check_step("client_handshake_traffic_secret", 0,
               "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
    check_step("server_handshake_traffic_secret", 0,
               "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
    check_step("server_write_key", 0, "3fce516009c21727d0f2e4e86ee403bc");
    check_step("server_write_iv", 0, "5d313eb2671276ee13000b30");
    check_step("client_write_key", 0, "dbfaa693d1762c5b666af5d950258d01");
    check_step("client_write_iv", 0, "5bd3c71b836e0b76bb73265f");
    ck_assert_int_eq(check_of("Handshake Secret"), TLS_AGREES);
    ck_assert_int_eq(check_of("client_handshake_traffic_secret"), TLS_AGREES);
    ck_assert_int_eq(check_of("server_handshake_traffic_secret"), TLS_UNCHECKED);
    tls_schedule_application(&s, hash_of(&s, to_server_finished));
    check_step("derived", 1, "43de77e0c77713859a944db9db2590b53190a65b3ee2e4f12dd7a0bb7ce254b4");
    check_step("Master Secret", 0,
               "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919");
    check_step("client_application_traffic_secret_0", 0,
               "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
    check_step("server_application_traffic_secret_0", 0,
               "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
    check_step("exporter_master_secret", 0,
               "fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50");
    check_step("server_write_key", 1, "9f02283b6c9c07efc26bb9f2ac92e356");
    check_step("server_write_iv", 1, "cf782b88dd83549aadf1e984");
    check_step("client_write_key", 1, "17422dda596ed5d9acd890e3c63f5051");
    check_step("client_write_iv", 1, "5b78923dee08579033e523d9");
    tls_schedule_resumption(&s, hash_of(&s, to_client_finished));
    check_step("resumption_master_secret", 0,
               "7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c");
    static const uint8_t nonce[] = {0, 0};
    tls_schedule_ticket(&s, (struct slice){nonce, sizeof(nonce)});
    check_step("PSK of the ticket", 0,
               "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3");
}
END_TEST

START_TEST(finished)
{
    struct tls_schedule s = begin();
    struct tls_value out;
    uint8_t expected[36];
    set(&s.shared, "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
    tls_schedule_handshake(&s, hash_of(&s, to_server_hello));
    tls_schedule_finished(&s, false, hash_of(&s, to_certificate_verify), &out);
    hex_bytes(RFC8448_SERVER_FINISHED, expected, sizeof(expected));
    ck_assert_uint_eq(out.len, 32);
    ck_assert_mem_eq(out.data, expected + 4, 32);
    tls_schedule_finished(&s, true, hash_of(&s, to_server_finished), &out);
    hex_bytes(RFC8448_CLIENT_FINISHED, expected, sizeof(expected));
    ck_assert_mem_eq(out.data, expected + 4, 32);
}
END_TEST

START_TEST(resumed)
{
    static const char *const hello[] = {RFC8448_RESUMED_CLIENT_HELLO, RFC8448_RESUMED_SERVER_HELLO,
                                        ""};
    static const char *const flight[] = {RFC8448_RESUMED_CLIENT_HELLO, RFC8448_RESUMED_SERVER_HELLO,
                                         RFC8448_RESUMED_ENCRYPTED_EXTENSIONS,
                                         RFC8448_RESUMED_SERVER_FINISHED, ""};
    struct tls_schedule s = begin();
    s.psk_used = true;
    set(&s.psk, "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3");
    set(&s.shared, "f44194756ff9ec9d25180635d66ea6824c6ab3bf179977be37f723570e7ccb2e");
    set(&s.binder, "3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d");
    set(&s.binder_hash, "63224b2e4573f2d3454ca84b9d009a04f6be9e05711a8396473aefa01e924a14");
    tls_schedule_handshake(&s, hash_of(&s, hello));
    check_step("Early Secret", 0,
               "9b2188e9b2fc6d64d71dc329900e20bb41915000f678aa839cbb797cb7d8332c");
    check_step("binder_key", 0, "69fe131a3bbad5d63c64eebcc30e395b9d8107726a13d074e389dbc8a4e47256");
    check_step("binder", 0, "3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d");
    ck_assert_int_eq(check_of("binder"), TLS_AGREES);
    check_step("Handshake Secret", 0,
               "005cb112fd8eb4ccc623bb88a07c64b3ede1605363fc7d0df8c7ce4ff0fb4ae6");
    check_step("client_handshake_traffic_secret", 0,
               "2faac08f851d35fea3604fcb4de82dc62c9b164a70974d0462e27f1ab278700f");
    tls_schedule_application(&s, hash_of(&s, flight));
    check_step("server_application_traffic_secret_0", 0,
               "cc21f1bf8feb7dd5fa505bd9c4b468a9984d554a993dc49e6d285598fb672691");
    check_step("exporter_master_secret", 0,
               "3fd93d4ffddc98e64b14dd107aedf8ee4add23f4510f58a4592d0b201bee56b4");
}
END_TEST

/* What the library says otherwise is told, not hidden; and without what it keeps, its own secrets have to do. */
START_TEST(disagreement)
{
    struct tls_schedule s = begin();
    set(&s.shared, "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
    set(&s.exported[TLS_SECRET_CLIENT_HANDSHAKE],
        "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a20");
    tls_schedule_handshake(&s, hash_of(&s, to_server_hello));
    ck_assert_int_eq(check_of("client_handshake_traffic_secret"), TLS_DIFFERS);
    s = begin();
    set(&s.exported[TLS_SECRET_CLIENT_HANDSHAKE],
        "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
    tls_schedule_handshake(&s, hash_of(&s, to_server_hello));
    check_step("client_handshake_traffic_secret", 0,
               "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
    ck_assert_int_eq(check_of("client_handshake_traffic_secret"), TLS_UNCHECKED);
    check_step("client_write_key", 0, "dbfaa693d1762c5b666af5d950258d01");
}
END_TEST

START_TEST(prf)
{
    struct tls_suite suite;
    struct tls_value secret;
    uint8_t seed[16], out[100], expected[100];
    ck_assert(tls_suite_find(0xc02b, &suite));
    set(&secret, "9bbe436ba940f017b17652849a71db35");
    hex_bytes("a0ba9f936cda311827a6f796ffd5198c", seed, sizeof(seed));
    hex_bytes("e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a4"
              "6b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d1"
              "22ee42c5a72e5a5110fff70187347b66",
              expected, sizeof(expected));
    ck_assert(tls_prf(&suite, &secret, "test label", (struct slice){seed, sizeof(seed)}, out,
                      sizeof(out)));
    ck_assert_mem_eq(out, expected, sizeof(out));
}
END_TEST

/* RFC 8448 3: the client's application data, bytes 00 to 31, in its first record. */
START_TEST(a_record)
{
    static const char record[] =
        "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20"
        "441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";
    struct tls_schedule s = begin();
    struct tls_keys keys;
    uint8_t bytes[128], out[128], type = 0;
    size_t len = hex_bytes(record, bytes, sizeof(bytes));
    set(&keys.key, "17422dda596ed5d9acd890e3c63f5051");
    set(&keys.iv, "5b78923dee08579033e523d9");
    struct slice payload = {bytes + 5, len - 5};
    ck_assert_uint_eq(tls_open_record(&s.suite, &keys, 0, bytes, payload, out, &type), 50);
    ck_assert_uint_eq(type, 23);
    for (unsigned i = 0; i < 50; i++) {
        ck_assert_uint_eq(out[i], i);
    }
    type = 0;
    ck_assert_uint_eq(tls_open_record(&s.suite, &keys, 1, bytes, payload, out, &type), 0);
    ck_assert_uint_eq(type, 0);
    for (size_t n = 0; n < payload.len; n++) {
        ck_assert_uint_eq(
            tls_open_record(&s.suite, &keys, 0, bytes, (struct slice){payload.data, n}, out, &type),
            0);
    }
}
END_TEST

Suite *schedule_suite(void)
{
    Suite *s = suite_create("schedule");
    TCase *t = tcase_create("schedule");
    tcase_add_test(t, simple);
    tcase_add_test(t, finished);
    tcase_add_test(t, resumed);
    tcase_add_test(t, disagreement);
    tcase_add_test(t, prf);
    tcase_add_test(t, a_record);
    suite_add_tcase(s, t);
    return s;
}
