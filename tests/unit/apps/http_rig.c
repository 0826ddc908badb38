/* An HTTP server for tests; see http_rig.h. */
#include "tests/unit/apps/http_rig.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/apps/tree.h"

struct http_rig web;

static bool page(void *arg, struct stream *s, struct http_page *p)
{
    (void)arg;
    (void)s;
    if (strcmp(p->path, "/") != 0) {
        return false;
    }
    bool json = http_accepts(p->accept, "application/json") || http_same(p->query, "json");
    p->type = json ? "application/json" : "text/plain; charset=utf-8";
    draft_add(p->text, json ? "{}" : "the page\n");
    return true;
}

static int64_t fixed_clock(void)
{
    return 784111777;
}

static uint64_t told_unsent(struct stream *s)
{
    (void)s;
    return web.unsent;
}

static void make_files(void)
{
    tree_make(web.root, sizeof web.root);
    web.big = malloc(RIG_BIG);
    ck_assert_ptr_nonnull(web.big);
    for (size_t i = 0; i < RIG_BIG; i++) {
        web.big[i] = (uint8_t)(i * 2654435761U >> 13);
    }
    tree_put(web.root, "big.bin", web.big, RIG_BIG);
    tree_put(web.root, "a.txt", "0123456789", 10);
    tree_put(web.root, "none.txt", "", 0);
    web.root_fd = open(web.root, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(web.root_fd, 0);
}

/* The lowest descriptor that is not in use. */
static int lowest_free(void)
{
    int fd = dup(web.root_fd);
    close(fd);
    return fd;
}

void http_rig_set_up(void)
{
    web = (struct http_rig){.now = 1000 * NS_PER_SEC};
    make_files();
    web.free_fd = lowest_free();
    wheel_init(&web.wheel, web.now);
    ck_assert(recorder_init(&web.recorder, 64));
    recorder_begin(&web.recorder, CAUSE_APP, web.now);
    http_server_init(&web.server, &(struct http_server_config){.wheel = &web.wheel,
                                                               .recorder = &web.recorder,
                                                               .root_fd = web.root_fd,
                                                               .max_connections = 2,
                                                               .page = page,
                                                               .unsent = told_unsent,
                                                               .clock = fixed_clock});
    mock_init(&web.mock, RIG_QUEUE);
}

void http_rig_tear_down(void)
{
    http_rig_hang_up();
    ck_assert_uint_eq(web.server.conn_pool.in_use, 0);
    ck_assert_uint_eq(web.server.exchange_pool.in_use, 0);
    ck_assert_uint_eq(web.wheel.armed, 0);
    ck_assert_int_eq(lowest_free(), web.free_fd); /* every file was closed */
    http_server_done(&web.server);
    recorder_done(&web.recorder);
    mock_done(&web.mock);
    close(web.root_fd);
    free(web.big);
    tree_remove(web.root);
}

void http_rig_connect(void)
{
    mock_done(&web.mock);
    mock_init(&web.mock, RIG_QUEUE);
    struct http_conn *c = http_conn_new(&web.server, 7);
    ck_assert_ptr_nonnull(c);
    http_conn_attach(c, &web.mock.stream);
    mock_open(&web.mock);
}

void http_rig_advance(nsec by)
{
    web.now += by;
    wheel_advance(&web.wheel, web.now);
    recorder_begin(&web.recorder, CAUSE_APP, web.now);
}

void http_rig_drain(void)
{
    while (web.mock.taken < web.mock.out_len) {
        mock_take(&web.mock, SIZE_MAX);
    }
}

void http_rig_ask(const char *text)
{
    mock_give_text(&web.mock, text);
    http_rig_drain();
}

void http_rig_hang_up(void)
{
    if (web.mock.stream.app != NULL) {
        mock_close(&web.mock, CLOSE_NORMAL);
    }
}

/* ---- reading answers ---- */

bool http_rig_has(const struct rig_answer *a, const char *line)
{
    char text[256];
    int n = snprintf(text, sizeof text, "\r\n%s\r\n", line);
    return memmem(a->head, a->head_len, text, (size_t)n) != NULL;
}

static const char *find_value(const struct rig_answer *a, const char *name)
{
    char text[64];
    int n = snprintf(text, sizeof text, "\r\n%s: ", name);
    const char *at = memmem(a->head, a->head_len, text, (size_t)n);
    return at != NULL ? at + n : NULL;
}

/* Undoes the chunks at `at`; the bytes that they took. */
static size_t unchunk(struct rig_answer *a, const char *at, const char *end)
{
    const char *start = at;
    a->unchunked = malloc((size_t)(end - at) + 1);
    for (;;) {
        char *after;
        size_t n = strtoul(at, &after, 16);
        ck_assert(after > at && after + 2 + n + 2 <= end);
        ck_assert(after[0] == '\r' && after[1] == '\n');
        memcpy(a->unchunked + a->length, after + 2, n);
        a->length += n;
        at = after + 2 + n + 2;
        ck_assert(at[-2] == '\r' && at[-1] == '\n');
        if (n == 0) {
            a->content = a->unchunked;
            return (size_t)(at - start);
        }
    }
}

struct rig_answer http_rig_next(size_t *at, bool to_head)
{
    const char *text = web.mock.out + *at, *end = web.mock.out + web.mock.out_len;
    struct rig_answer a = {.head = text};
    const char *empty = memmem(text, (size_t)(end - text), "\r\n\r\n", 4);
    ck_assert_msg(empty != NULL, "no answer, but: %s", text);
    a.head_len = (size_t)(empty - text) + 4;
    ck_assert(memcmp(text, "HTTP/1.1 ", 9) == 0);
    a.status = (unsigned)strtoul(text + 9, NULL, 10);
    a.content = empty + 4;
    size_t used = a.head_len;
    const char *length = find_value(&a, "Content-Length");
    if (http_rig_has(&a, "Transfer-Encoding: chunked")) {
        ck_assert_ptr_null(length);
        used += unchunk(&a, a.content, end);
    } else if (!to_head && length != NULL) {
        a.length = strtoul(length, NULL, 10);
        used += a.length;
    }
    *at += used;
    ck_assert_uint_le(*at, web.mock.out_len);
    return a;
}

void http_rig_answer_done(struct rig_answer *a)
{
    free(a->unchunked);
}
