/* The services of `vitrine serve` on a host, as apps/serve.c puts them together; see driver.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/echo.h"
#include "apps/http/server.h"
#include "stack/tcp/info.h"
#include "tests/bench/instructions/driver.h"
#include "tls/aead.h"
#include "tls/ca.h"
#include "tls/tls.h"

#define NOON INT64_C(1767268800) /* 2026-01-01 12:00:00 UTC, at every run */

static struct {
    struct host *host;
    struct http_server http;
    struct echo_service echo;
    struct tls_context *tls;
} server;

/* ---- what would differ from run to run ---- */

static int entropy(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    memset(out, 0x5a, len);
    return 0;
}

static int64_t seconds(void)
{
    return NOON;
}

static int64_t milliseconds(void)
{
    return NOON * 1000;
}

static const struct tls_system fixed = {entropy, seconds, milliseconds};

/* ---- accepting ---- */

static struct http_conn *new_http(struct stream *s)
{
    struct http_conn *c = http_conn_new(&server.http, tcp_get_id(s));
    if (c == NULL) {
        die("too many connections");
    }
    return c;
}

static void accept_plain(void *arg, struct stream *s)
{
    (void)arg;
    http_conn_attach(new_http(s), s);
}

static void accept_tls(void *arg, struct stream *s)
{
    struct http_conn *c = new_http(s);
    (void)arg;
    http_conn_attach(c, tls_server(server.tls, s, &server.host->recorder, tcp_get_id(s),
                                   &http_stream_events, c));
}

static void accept_discard(void *arg, struct stream *s)
{
    (void)arg;
    discard_accept(&server.echo, s);
}

static void accept_chargen(void *arg, struct stream *s)
{
    (void)arg;
    chargen_accept(&server.echo, s);
}

static void listen_on(uint16_t port, void (*accept)(void *arg, struct stream *s))
{
    struct tcp_listener *l;
    struct tcp_listen_args args = {
        .local = {ip4_addr(0x0a090002U), port}, .options = {.no_delay = true}, .accept = accept};
    if (tcp_listen(&server.host->tcp, &args, &l) != TCP_OK) {
        die("listen");
    }
}

/* ---- files ---- */

static void write_file(const char *dir, const char *name, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    for (size_t i = 0; f != NULL && i < size; i++) {
        fputc((int)(i * 31 % 251), f);
    }
    struct timespec settled[2] = {{.tv_sec = NOON - 3600}, {.tv_sec = NOON - 3600}};
    if (f == NULL || fclose(f) != 0 || utimensat(AT_FDCWD, path, settled, 0) != 0) {
        die(path);
    }
}

static void make_context(const char *dir)
{
    static const char *const names[] = {"vitrine.test", NULL};
    struct ca_request request = {.names = names, .key = CA_KEY_EC, .now = NOON};
    struct tls_config config = {.min_version = TLS_1_3, .engine = aead_engine(0)};
    char error[256], ca[400], chain[512], key[512];
    snprintf(ca, sizeof ca, "%s/ca", dir);
    snprintf(chain, sizeof chain, "%s/server.pem", ca);
    snprintf(key, sizeof key, "%s/server.key", ca);
    if (tls_use_system(&fixed) != 0 || !ca_create(ca, error, sizeof error) ||
        !ca_issue(ca, "server", &request, error, sizeof error) ||
        (server.tls = tls_context_new(&config, error, sizeof error)) == NULL ||
        !tls_context_add_certificate(server.tls, chain, key, error, sizeof error)) {
        die(error);
    }
}

void server_begin(struct host *h, const char *dir)
{
    server.host = h;
    write_file(dir, "small", 128);
    write_file(dir, "mib", MIB);
    make_context(dir);
    struct http_server_config config = {.wheel = &h->wheel,
                                        .recorder = &h->recorder,
                                        .root_fd = http_root_open(dir),
                                        .clock = seconds,
                                        .files = &http_system_files};
    http_server_init(&server.http, &config);
    echo_init(&server.echo, &h->wheel, &h->recorder, 16, 300 * NS_PER_SEC);
    listen_on(HTTP_PORT, accept_plain);
    listen_on(HTTPS_PORT, accept_tls);
    listen_on(DISCARD_PORT, accept_discard);
    listen_on(CHARGEN_PORT, accept_chargen);
}

/* ---- what is counted ---- */

__attribute__((noinline)) void server_turn(struct host *h, struct iface *iface, struct list *frames,
                                           nsec now)
{
    host_input(h, iface, frames, now);
    host_advance(h, now);
    host_flush(h, now);
}

__attribute__((noinline)) bool server_transmit(struct netdev *dev, const struct packet *frame)
{
    return end_take(CONTAINER_OF(dev, struct end, dev), frame);
}
