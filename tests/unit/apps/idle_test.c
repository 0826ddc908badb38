/* What an idle HTTP connection holds: its handle of TCP and its block of HTTP, and nothing of what it needed for its request. */
#include <string.h>

#include "apps/http/conn.h"
#include "tests/unit/tcp/tcp_rig.h"

#define HTTP_PORT 8080U
/* Bytes of the two together. Who makes them smaller lowers this. */
#define IDLE_BYTES 536U

static struct http_server http;

static void accept_http(void *arg, struct stream *s)
{
    (void)arg;
    struct http_conn *c = http_conn_new(&http, 1);
    ck_assert_ptr_nonnull(c);
    http_conn_attach(c, s);
}

static size_t slabs_in_use(void)
{
    size_t n = rig.host.pools.bufs.in_use;
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        n += rig.host.pools.slabs[i].in_use;
    }
    return n;
}

START_TEST(an_idle_connection_holds_its_handle)
{
    static const char request[] = "GET /none HTTP/1.1\r\nHost: a\r\n\r\n";
    struct tcp_listen_args args = {.local = {ip_any, HTTP_PORT}, .accept = accept_http};
    struct tcp_listener *l;
    http_server_init(&http, &(struct http_server_config){.wheel = &rig.host.wheel,
                                                         .recorder = &rig.host.recorder,
                                                         .root_fd = -1});
    ck_assert_int_eq(tcp_listen(&rig.host.tcp, &args, &l), TCP_OK);
    size_t before = slabs_in_use();
    struct peer p = peer_new();
    p.our_port = HTTP_PORT;
    half_open(&p);
    peer_send(&p, TCP_ACK, 1, 1);
    struct raw r = raw_segment(&p, TCP_ACK | TCP_PSH, 1, 1, request, sizeof request - 1);
    raw_send(&r);
    struct wire answer = take_segment(__LINE__);
    ck_assert_uint_gt(answer.len, 0);
    ck_assert_uint_eq(http.exchange_pool.in_use, 0); /* sent, as far as HTTP is concerned */
    peer_send(&p, TCP_ACK, (uint32_t)sizeof request, 1 + (uint32_t)answer.len);
    run_for(SEC(1));
    ck_assert_uint_eq(slabs_in_use(), before);
    ck_assert_uint_eq(rig.host.tcp.sent_pool.in_use, 0);
    ck_assert_uint_eq(rig.host.tcp.range_pool.in_use, 0);
    ck_assert_uint_eq(rig.host.tcp.conn_pool.in_use, 0);
    ck_assert_uint_eq(rig.host.tcp.rest_pool.in_use, 0);
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 1);
    ck_assert_uint_eq(http.conn_pool.in_use, 1);
    ck_assert_uint_le(rig.host.tcp.handle_pool.object_size + http.conn_pool.object_size,
                      IDLE_BYTES);
    host_enter(&rig.host, rig.now);
    tcp_unlisten(&rig.host.tcp, l);
    http_server_done(&http);
    rig_flush();
    discard_sent();
}
END_TEST

Suite *idle_suite(void);
Suite *idle_suite(void)
{
    Suite *s = suite_create("idle");
    TCase *t = rig_case(s, "idle");
    ADD(t, an_idle_connection_holds_its_handle);
    return s;
}
