/* apps/options.c and the values that apps/node.c reads. What is wrong is said on stderr, which is
 * closed here. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/options.h"
#include "tls/aead.h"

static struct serve_options o;

static enum options_result parse(const char *line)
{
    static char text[512];
    char *argv[64] = {(char *)"serve"};
    int argc = 1;
    ck_assert_uint_lt(strlen(line), sizeof text);
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        ck_assert_int_lt(argc, (int)COUNT_OF(argv) - 1);
        argv[argc++] = word;
    }
    return serve_options_parse(argc, argv, &o);
}

static void set_up(void)
{
    unsetenv("SSLKEYLOGFILE");
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
}

START_TEST(has_defaults)
{
    ck_assert_int_eq(parse("--tap vt0"), OPTIONS_GOOD);
    ck_assert_str_eq(o.node.tap, "vt0");
    ck_assert_uint_eq(ip4_value(o.node.address), 0x0a090002);
    ck_assert_uint_eq(o.node.prefix, 24);
    ck_assert(ip_is_any(o.node.gateway));
    ck_assert_uint_eq(o.port, 443);
    ck_assert_uint_eq(o.plain_port, 80);
    ck_assert_uint_eq(o.echo_port, 7);
    ck_assert_uint_eq(o.discard_port, 9);
    ck_assert_uint_eq(o.chargen_port, 0);
    ck_assert_str_eq(o.ca_dir, "build/ca");
    ck_assert_str_eq(o.tls.alpn[0], "http/1.1");
    ck_assert_ptr_null(o.tls.alpn[1]);
    ck_assert_ptr_null(o.tls.config.keylog);
    ck_assert(!o.quiet && !o.rsa && !o.stats && o.node.wire == NODE_TRUE_FRAMES && !o.node.batches);
}
END_TEST

START_TEST(takes_everything)
{
    ck_assert_int_eq(parse("--tap t --address 192.0.2.7/25 --gateway 192.0.2.1 --port 8443 "
                           "--plain-port 0 --root /srv --cert a.pem --key a.key --cert b.pem "
                           "--key b.key --tls-min 1.3 --alpn x,y --no-tickets --keylog k --quiet "
                           "--msl 0.5 --reveal --narrate --pcapng f --pcapng-size 4096 "
                           "--pcapng-files 7 --wire offload --io batches"),
                     OPTIONS_GOOD);
    ck_assert(o.node.narrate);
    ck_assert_str_eq(o.node.pcapng.name, "f");
    ck_assert_uint_eq(o.node.pcapng.size, 4096);
    ck_assert_uint_eq(o.node.pcapng.files, 7);
    ck_assert_uint_eq(ip4_value(o.node.address), 0xc0000207);
    ck_assert_uint_eq(o.node.prefix, 25);
    ck_assert_uint_eq(ip4_value(o.node.gateway), 0xc0000201);
    ck_assert_uint_eq(o.port, 8443);
    ck_assert_uint_eq(o.plain_port, 0);
    ck_assert_uint_eq(o.tls.certificates, 2);
    ck_assert_str_eq(o.tls.certificate[1].chain, "b.pem");
    ck_assert_str_eq(o.tls.certificate[1].key, "b.key");
    ck_assert_uint_eq(o.tls.config.min_version, TLS_1_3);
    ck_assert_str_eq(o.tls.alpn[0], "x");
    ck_assert_str_eq(o.tls.alpn[1], "y");
    ck_assert_ptr_null(o.tls.alpn[2]);
    ck_assert(o.tls.config.no_tickets && o.quiet);
    ck_assert_str_eq(o.tls.config.keylog, "k");
    ck_assert(o.tls.reveal && o.tls.handshake);
    ck_assert_int_eq(o.node.tcp.msl, NS_PER_SEC / 2);
    ck_assert(o.node.wire == NODE_OFFLOAD && o.node.batches);
    ck_assert_int_eq(parse("--tap t --wire coalesced --io calls"), OPTIONS_GOOD);
    ck_assert(o.node.wire == NODE_COALESCED && !o.node.batches);
    ck_assert_int_eq(parse("--tap t --wire vlan"), OPTIONS_BAD);
    ck_assert_int_eq(parse("--tap t --threads 2"), OPTIONS_GOOD);
    ck_assert_uint_eq(o.threads, 2);
    ck_assert_int_eq(parse("--tap t --threads 0"), OPTIONS_BAD);
    ck_assert_int_eq(parse("--tap t --threads 65"), OPTIONS_BAD);
    ck_assert_int_eq(parse("--tap t --threads 2 --record f"), OPTIONS_BAD);
    ck_assert_int_eq(parse("--tap t --threads 2 --narrate"), OPTIONS_BAD);
    ck_assert_int_eq(parse("--tap t --io fast"), OPTIONS_BAD);
    ck_assert_int_eq(parse("--tap t --fast-open"), OPTIONS_GOOD);
    ck_assert_int_eq(o.node.tcp.fast_open, TCP_FAST_OPEN_SERVER);
    ck_assert_int_eq(parse("--tap t --fast"), OPTIONS_GOOD);
    ck_assert_int_eq(o.node.tcp.fast_open, TCP_FAST_OPEN_OFF);
    ck_assert(o.node.wire == NODE_BIG && o.node.batches);
    ck_assert_int_eq(parse("--tap t --fast --wire true-frames"), OPTIONS_GOOD);
    ck_assert(o.node.wire == NODE_TRUE_FRAMES && o.node.batches);
}
END_TEST

START_TEST(takes_the_key_log_from_the_environment)
{
    setenv("SSLKEYLOGFILE", "/tmp/keys", 1);
    ck_assert_int_eq(parse("--tap t"), OPTIONS_GOOD);
    ck_assert_str_eq(o.tls.config.keylog, "/tmp/keys");
    ck_assert_int_eq(parse("--tap t --keylog other"), OPTIONS_GOOD);
    ck_assert_str_eq(o.tls.config.keylog, "other");
}
END_TEST

START_TEST(takes_link_addresses)
{
    struct mac m;
    ck_assert(option_mac("mac", "02:00:0a:0B:ff:01", &m));
    ck_assert_uint_eq(m.b[3], 0x0b);
    ck_assert(!option_mac("mac", "02:00:0a:0b:ff", &m));
    ck_assert(!option_mac("mac", "02:00:0a:0b:ff:01:02", &m));
    ck_assert(!option_mac("mac", "01:00:5e:00:00:01", &m)); /* a group */
}
END_TEST

/* Records are ours, with the first engine there is, unless it is said otherwise. */
START_TEST(takes_the_engine_and_whose_records)
{
    ck_assert_int_eq(parse("--tap t"), OPTIONS_GOOD);
    ck_assert_ptr_eq(o.tls.config.engine, aead_engine(0));
    ck_assert(!o.tls.config.library_records);
    ck_assert_int_eq(parse("--tap t --engine mbedtls --records mbedtls"), OPTIONS_GOOD);
    ck_assert_ptr_eq(o.tls.config.engine, aead_engine_named("mbedtls"));
    ck_assert(o.tls.config.library_records);
    ck_assert_int_eq(parse("--tap t --records mbedtls --records own"), OPTIONS_GOOD);
    ck_assert(!o.tls.config.library_records);
    ck_assert_int_eq(parse("--tap t --key-records 16777216"), OPTIONS_GOOD);
    ck_assert_uint_eq(o.tls.config.key_records, 0x1000000);
}
END_TEST

/* Each of HTTP's two ports may have so many: the stack's own limit is not below their sum. */
START_TEST(makes_room_for_very_many_connections)
{
    ck_assert_int_eq(parse("--tap t --max-connections 10000"), OPTIONS_GOOD);
    ck_assert_uint_eq(o.node.tcp.max_connections, 0); /* the stack's default: 65536 */
    ck_assert_int_eq(parse("--tap t --max-connections 100000"), OPTIONS_GOOD);
    ck_assert_uint_ge(o.node.tcp.max_connections, 200000);
}
END_TEST

static const char *const wrong[] = {
    "--nonsense",
    "--tap",
    "--tap t extra",
    "--tap t --port 65536",
    "--tap t --port -1",
    "--tap t --port x",
    "--tap t --port 1x",
    "--tap t --address 10.9.0.2/33",
    "--tap t --address 10.9.0",
    "--tap t --gateway fe80::1",
    "--tap t --mac 1:2",
    "--tap t --msl 0",
    "--tap t --wire copper",
    "--tap t --msl nan",
    "--tap t --max-connections 0",
    "--tap t --tls-min 1.1",
    "--tap t --tls-min 1.3 --tls-max 1.2",
    "--tap t --cert a.pem",
    "--tap t --key a.key",
    "--tap t --cert a --key b --key c",
    "--tap t --alpn a,b,c,d,e,f,g,h,i",
    "--tap t --engine abacus",
    "--tap t --records theirs",
    "--port 443",
    "--tap t --address 0.0.0.0/0",
    "--tap t --address 10.9.0.0/24",
    "--tap t --address 10.9.0.255/24",
    "--tap t --address 127.0.0.2/8",
    "--tap t --address 224.0.0.2/24",
    "--tap t --address 255.255.255.255/32",
    "--tap t --gateway 192.0.2.1",
    "--tap t --pcapng-size 4096",
    "--tap t --pcapng f --pcapng-files 2",
    "--tap t --no-secrets",
    "--tap t --record-limit 5",
    "--tap t --key-records 0",
    "--tap t --key-records 16777217",
};

/* Both addresses of a link between two hosts are theirs (RFC 3021). */
START_TEST(takes_addresses_of_small_networks)
{
    ck_assert_int_eq(parse("--tap t --address 10.9.0.1/31 --gateway 10.9.0.0"), OPTIONS_GOOD);
    ck_assert_int_eq(parse("--tap t --address 10.9.0.255/32"), OPTIONS_GOOD);
    ck_assert_int_eq(parse("--tap t --address 10.9.1.0/23"), OPTIONS_GOOD);
}
END_TEST

START_TEST(refuses)
{
    ck_assert_msg(parse(wrong[_i]) == OPTIONS_BAD, "%s", wrong[_i]);
}
END_TEST

Suite *options_suite(void);
Suite *options_suite(void)
{
    Suite *s = suite_create("options");
    TCase *t = tcase_create("options");
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, has_defaults);
    tcase_add_test(t, takes_everything);
    tcase_add_test(t, takes_the_key_log_from_the_environment);
    tcase_add_test(t, takes_the_engine_and_whose_records);
    tcase_add_test(t, takes_link_addresses);
    tcase_add_test(t, makes_room_for_very_many_connections);
    tcase_add_test(t, takes_addresses_of_small_networks);
    tcase_add_loop_test(t, refuses, 0, (int)COUNT_OF(wrong));
    suite_add_tcase(s, t);
    return s;
}
