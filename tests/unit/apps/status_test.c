/* apps/status.c: the state of a host, as text and JSON. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/status.h"
#include "tests/unit/apps/json_check.h"

static struct host host;
static struct http_server http;
static struct echo_service echo;
static struct status status;

static void nobody(void *arg, struct stream *s)
{
    (void)arg;
    (void)s;
}

static void set_up(void)
{
    struct host_config config = {.seed = {1}};
    ck_assert(host_init(&host, &config, NS_PER_SEC));
    struct tcp_listen_args listen = {.local = {ip_any, 80}, .accept = nobody};
    ck_assert_int_eq(tcp_listen(&host.tcp, &listen, NULL), TCP_OK);
    http_server_init(&http, &(struct http_server_config){
                                .wheel = &host.wheel, .recorder = &host.recorder, .root_fd = -1});
    echo_init(&echo, &host.wheel, &host.recorder, 10, NS_PER_SEC);
    trace_drop(&host.recorder, DROP_TCP_PAWS, 0, 10);
    trace_drop(&host.recorder, DROP_TCP_PAWS, 0, 10);
    ck_assert_ptr_nonnull(http_conn_new(&http, 1));
    status = (struct status){&host, &http, &echo};
}

static void tear_down(void)
{
    http_server_done(&http);
    echo_done(&echo);
    host_done(&host);
}

static void expect(const char *text, size_t len, const char *path, const char *value)
{
    char out[64];
    ck_assert_str_eq(json_at(text, len, path, out, sizeof out), value);
}

static void check_json(const char *text, size_t len)
{
    ck_assert_msg(json_valid(text, len), "%s", text);
    expect(text, len, "tcp.connections", "0");
    expect(text, len, "tcp.by_state.ESTABLISHED", "0");
    expect(text, len, "tcp.by_state.LAST-ACK", "0");
    expect(text, len, "tcp.by_mtu_search.SEARCHING", "0");
    expect(text, len, "tcp.time_wait", "0");
    expect(text, len, "tcp.listeners", "1");
    expect(text, len, "drops.TCP_PAWS", "2");
    expect(text, len, "drops.TCP_BAD_CHECKSUM", ""); /* what never happened is left out */
    expect(text, len, "pools.http_conn.in_use", "1");
    expect(text, len, "pools.http_conn.peak", "1");
    expect(text, len, "pools.tcp_conn.in_use", "0");
    expect(text, len, "http.connections", "1");
    expect(text, len, "timers_armed", "1"); /* that connection's deadline */
}

START_TEST(says_it_as_json)
{
    struct draft d;
    draft_init(&d, 100000);
    status_json(&status, &d);
    ck_assert(!d.failed);
    check_json(d.data, d.len);
    draft_done(&d);
}
END_TEST

START_TEST(says_it_as_text)
{
    struct draft d;
    draft_init(&d, 100000);
    status_text(&status, &d);
    ck_assert(!d.failed);
    ck_assert_ptr_nonnull(
        strstr(d.data, "tcp: 0 connections; 0 in TIME-WAIT; 1 listeners; 1 timers"));
    ck_assert_ptr_nonnull(strstr(d.data, "TCP_PAWS"));
    ck_assert_ptr_nonnull(strstr(d.data, "http: 1 connections"));
    draft_done(&d);
}
END_TEST

START_TEST(replaces_a_file)
{
    char dir[] = "/tmp/vitrine-status-XXXXXX", file[64], text[10000];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/status.json", dir);
    ck_assert(status_write(&status, file));
    ck_assert(status_write(&status, file));
    FILE *f = fopen(file, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    fclose(f);
    check_json(text, n);
    unlink(file);
    ck_assert_int_eq(rmdir(dir), 0); /* nothing else was left there */
    ck_assert(!status_write(&status, file));
}
END_TEST

Suite *status_suite(void);
Suite *status_suite(void)
{
    Suite *s = suite_create("status");
    TCase *t = tcase_create("status");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, says_it_as_json);
    tcase_add_test(t, says_it_as_text);
    tcase_add_test(t, replaces_a_file);
    suite_add_tcase(s, t);
    return s;
}
