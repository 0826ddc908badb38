/* What a request gets: a page, a file or part of it, the echo, or a refusal. RFC 9110 (8, 9, 13, 14,
 * 15), RFC 9112 (6.3, 9.3). See conn.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "apps/commands.h"
#include "apps/http/conn.h"
#include "apps/http/date.h"
#include "apps/http/field.h"
#include "apps/http/files.h"
#include "apps/http/range.h"
#include "apps/http/target.h"

#define ECHO_PATH "/echo"
#define DISCARD_PATH "/discard"
#define NO_LENGTH UINT64_MAX /* the content comes in chunks, or there can be none */

/* "404 Not Found" */
static const char *status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } known[] = {
        {200, "200 OK"},
        {204, "204 No Content"},
        {206, "206 Partial Content"},
        {304, "304 Not Modified"},
        {400, "400 Bad Request"},
        {404, "404 Not Found"},
        {405, "405 Method Not Allowed"},
        {408, "408 Request Timeout"},
        {413, "413 Content Too Large"},
        {414, "414 URI Too Long"},
        {425, "425 Too Early"},
        {416, "416 Range Not Satisfiable"},
        {417, "417 Expectation Failed"},
        {431, "431 Request Header Fields Too Large"},
        {500, "500 Internal Server Error"},
        {501, "501 Not Implemented"},
        {503, "503 Service Unavailable"},
        {505, "505 HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (known[i].status == status) {
            return known[i].text;
        }
    }
    return "500 Internal Server Error";
}

/* ---- events ---- */

static void tell_request(const struct http_conn *c)
{
    const struct http_parser *p = &c->exchange->parser;
    struct recorder *r = c->server->config.recorder;
    struct slice target = http_span_of(p, p->request.target);
    struct event *e = recorder_next(r, c->id, EV_http_request);
    struct ev_http_request *u = &e->u.http_request;
    *u = (struct ev_http_request){.method = (uint8_t)p->request.method};
    memcpy(u->target, target.data, size_min(target.len, sizeof u->target - 1));
    TRACE_PROBE(http_request, c->id, e);
    if (r->listening) {
        recorder_tell(r, e);
    }
}

/* Its head begins `start` bytes into the exchange's text. */
static void tell_answer(struct http_conn *c, unsigned status, uint64_t length, size_t start)
{
    c->server->answers[status / 100 % 6]++;
    TRACE(c->server->config.recorder, c->id, http_response, .status = (uint16_t)status,
          .at = c->said + (start - c->exchange->text_sent),
          .length = length == NO_LENGTH ? 0 : length);
}

/* ---- the head of an answer ---- */

struct head {
    unsigned status;
    const char *type; /* NULL: no content */
    uint64_t length;  /* bytes of content, or NO_LENGTH */
    bool chunked;
};

static int64_t wall_clock(const struct http_server *s)
{
    return s->config.clock != NULL ? s->config.clock() : (int64_t)time(NULL);
}

/* What every answer has behind its status: the end of its first line, Date (RFC 9110 6.6.1) and Server, made once a second. */
static const char *common_fields(struct http_server *s)
{
    int64_t now = wall_clock(s);
    if (now != s->date_second || s->date[0] == '\0') {
        char date[HTTP_DATE_MAX];
        s->date_second = now;
        snprintf(s->date, sizeof s->date, "\r\nDate: %s\r\nServer: vitrine/" VITRINE_VERSION "\r\n",
                 http_date(now, date));
    }
    return s->date;
}

static bool has_body(const struct http_request *r)
{
    return r->chunked || r->length > 0;
}

/* The request has a body that will not be read: one that waits for 100 (Continue) and may never come
 * (RFC 9110 10.1.1), or one that is too long to read for nothing. */
static bool leaves_body(const struct http_conn *c)
{
    const struct http_request *r = &c->exchange->parser.request;
    bool unread = c->state != HTTP_CONN_ECHO && has_body(r) && c->exchange->body.total == 0;
    return unread && (r->expect_continue || r->length > HTTP_DISCARD_MAX);
}

/* Begins the answer's text: everything but the empty line, so that fields can be added. */
static struct draft *begin_head(struct http_conn *c, const struct head *h)
{
    struct http_exchange *x = c->exchange;
    struct draft *t = &x->text;
    size_t start = t->len;
    x->close = x->close || leaves_body(c);
    draft_add(t, "HTTP/1.1 ");
    draft_add(t, status_text(h->status));
    draft_add(t, common_fields(c->server));
    if (h->type != NULL) {
        draft_add(t, "Content-Type: ");
        draft_add(t, h->type);
        draft_add(t, "\r\nX-Content-Type-Options: nosniff\r\n");
    }
    if (h->chunked) {
        draft_add(t, "Transfer-Encoding: chunked\r\n");
    } else if (h->length != NO_LENGTH) {
        draft_add(t, "Content-Length: ");
        draft_number(t, h->length);
        draft_add(t, "\r\n");
    }
    if (x->close) {
        draft_add(t, "Connection: close\r\n");
    } else if (x->parser.request.minor == 0) {
        draft_add(t, "Connection: keep-alive\r\n");
    }
    tell_answer(c, h->status, h->length, start);
    return t;
}

/* The answer stands. What is left of the request's body is read first, so that the next request is
 * found behind it. */
static void answer_ready(struct http_conn *c)
{
    struct http_exchange *x = c->exchange;
    if (x->text.failed) { /* no memory: better no answer than half of one */
        x->close = true;
        x->text_sent = x->text.len;
        x->file_left = 0;
    }
    bool unread = !x->close && has_body(&x->parser.request) && x->body.state != HTTP_BODY_DONE;
    http_enter(c, unread ? HTTP_CONN_DISCARD : HTTP_CONN_SEND);
}

static void forget_answer(struct http_conn *c)
{
    struct http_exchange *x = c->exchange;
    if (x->file != NULL) {
        http_cache_close(&c->server->cache, x->file);
        x->file = NULL;
    }
    x->file_left = 0;
    x->text_sent = 0;
    draft_done(&x->text);
}

/* `fields`: more field lines, each with its end. */
static void refuse(struct http_conn *c, unsigned status, const char *why, const char *fields)
{
    struct http_exchange *x = c->exchange;
    struct http_request *r = &x->parser.request;
    char content[256];
    int n = snprintf(content, sizeof content, "%s: %s\n", status_text(status), why);
    forget_answer(c);
    struct draft *t = begin_head(c, &(struct head){.status = status,
                                                   .type = "text/plain; charset=utf-8",
                                                   .length = (uint64_t)n});
    draft_addf(t, "%s\r\n", fields);
    if (r->method != HTTP_HEAD) {
        draft_bytes(t, content, (size_t)n);
    }
    answer_ready(c);
}

void http_answer_error(struct http_conn *c, unsigned status, const char *why, bool close_after)
{
    c->exchange->close = c->exchange->close || close_after;
    refuse(c, status, why, "");
}

/* 405 says what the path would take (RFC 9110 15.5.6). */
static void refuse_method(struct http_conn *c, bool takes_bodies)
{
    if (takes_bodies) {
        refuse(c, 405, "this path takes POST and PUT", "Allow: POST, PUT\r\n");
    } else {
        refuse(c, 405, "only /echo and /discard take other methods than GET and HEAD",
               "Allow: GET, HEAD\r\n");
    }
}

/* ---- pages ---- */

static bool answer_page(struct http_conn *c, const struct http_target *target)
{
    struct http_exchange *x = c->exchange;
    const struct http_server_config *config = &c->server->config;
    struct draft content;
    draft_init(&content, HTTP_ANSWER_MAX - HTTP_FIELDS_BYTES_MAX);
    struct http_page page = {
        .path = target->path,
        .query = target->query,
        .accept = http_span_of(&x->parser, x->parser.request.accept),
        .type = "text/plain; charset=utf-8",
        .text = &content,
    };
    if (config->page == NULL || !config->page(config->page_arg, c->stream, &page)) {
        draft_done(&content);
        return false;
    }
    if (content.failed) {
        http_answer_error(c, 500, "no memory for this page", false);
    } else {
        struct draft *t =
            begin_head(c, &(struct head){.status = 200, .type = page.type, .length = content.len});
        draft_add(t, "Cache-Control: no-store\r\nVary: Accept\r\n\r\n");
        if (x->parser.request.method != HTTP_HEAD) {
            draft_bytes(t, content.data, content.len);
        }
        answer_ready(c);
    }
    draft_done(&content);
    return true;
}

/* ---- files ---- */

/* An entity tag in a list of them, weakly compared (RFC 9110 8.8.3.2, 13.1.2). */
static bool lists_etag(struct slice list, const char *etag)
{
    struct rd r = rd_slice(list);
    struct slice item;
    while (http_field_next(&r, &item)) {
        if (item.len == 1 && item.data[0] == '*') {
            return true;
        }
        if (item.len > 2 && item.data[0] == 'W' && item.data[1] == '/') {
            item.data += 2;
            item.len -= 2;
        }
        if (item.len == strlen(etag) && memcmp(item.data, etag, item.len) == 0) {
            return true;
        }
    }
    return false;
}

/* RFC 9110 13.2.2: If-None-Match decides; without it, If-Modified-Since. */
static bool not_modified(const struct http_parser *p, const struct http_file *f)
{
    const struct http_request *r = &p->request;
    int64_t since;
    if (r->if_none_match.len > 0) {
        return lists_etag(http_span_of(p, r->if_none_match), f->etag);
    }
    return r->if_modified_since.len > 0 &&
           http_date_parse(http_span_of(p, r->if_modified_since), &since) && f->modified <= since;
}

/* The Range field counts: a GET, and If-Range (RFC 9110 13.1.5) names the file as it is. */
static bool range_applies(const struct http_parser *p, const struct http_file *f)
{
    const struct http_request *r = &p->request;
    if (!r->has_range || r->method != HTTP_GET) {
        return false;
    }
    if (r->if_range.len == 0) {
        return true;
    }
    struct slice s = http_span_of(p, r->if_range);
    char modified[HTTP_DATE_MAX];
    http_date(f->modified, modified);
    return (s.len == strlen(f->etag) && memcmp(s.data, f->etag, s.len) == 0) ||
           (s.len == strlen(modified) && memcmp(s.data, modified, s.len) == 0);
}

static void answer_range_error(struct http_conn *c, const struct http_file *f)
{
    struct draft *t = begin_head(c, &(struct head){.status = 416, .length = 0});
    draft_addf(t, "Content-Range: bytes */%" PRIu64 "\r\n\r\n", f->size);
    answer_ready(c);
}

/* The whole file. To clients of HTTP/1.1 its head is written once a second, and then repeated. */
static void answer_whole(struct http_conn *c)
{
    struct http_exchange *x = c->exchange;
    const struct http_file *f = &x->file->file;
    bool usual = x->parser.request.minor != 0;
    x->close = x->close || leaves_body(c);
    struct http_head *kept = &x->file->heads[x->close ? 1 : 0];
    if (usual && kept->len > 0 && kept->second == wall_clock(c->server)) {
        tell_answer(c, 200, f->size, x->text.len);
        draft_bytes(&x->text, kept->text, kept->len);
        return;
    }
    size_t start = x->text.len;
    struct draft *t =
        begin_head(c, &(struct head){.status = 200, .type = f->type, .length = f->size});
    draft_add(t, x->file->fields);
    draft_add(t, "\r\n");
    if (usual && !t->failed && t->len - start <= sizeof kept->text) {
        kept->second = c->server->date_second;
        kept->len = (uint32_t)(t->len - start);
        memcpy(kept->text, t->data + start, kept->len);
    }
}

static void answer_part(struct http_conn *c, uint64_t first, uint64_t length)
{
    const struct http_cached *file = c->exchange->file;
    struct draft *t =
        begin_head(c, &(struct head){.status = 206, .type = file->file.type, .length = length});
    draft_add(t, file->fields);
    draft_addf(t, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n\r\n", first,
               first + length - 1, file->file.size);
}

static void answer_file(struct http_conn *c)
{
    struct http_exchange *x = c->exchange;
    const struct http_file *f = &x->file->file;
    struct http_parser *p = &x->parser;
    uint64_t first = 0, length = f->size;
    enum http_range range = HTTP_RANGE_WHOLE;
    if (not_modified(p, f)) {
        struct draft *t = begin_head(c, &(struct head){.status = 304, .length = NO_LENGTH});
        draft_add(t, x->file->fields);
        draft_add(t, "\r\n");
        answer_ready(c);
        return;
    }
    if (range_applies(p, f)) {
        range = http_range_of(http_span_of(p, p->request.range), f->size, &first, &length);
    }
    if (range == HTTP_RANGE_UNSATISFIED) {
        answer_range_error(c, f);
        return;
    }
    if (range == HTTP_RANGE_PART) {
        answer_part(c, first, length);
    } else {
        answer_whole(c);
    }
    x->file_at = first;
    x->file_left = p->request.method == HTTP_HEAD ? 0 : length;
    answer_ready(c);
}

/* ---- the echo, and what is forgotten ---- */

static void answer_echo(struct http_conn *c, bool forgets)
{
    struct http_exchange *x = c->exchange;
    x->forgets = forgets;
    if (x->parser.request.expect_continue && x->body.state != HTTP_BODY_DONE) {
        tell_answer(c, 100, 0, x->text.len);
        draft_add(&x->text, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    http_enter(c, HTTP_CONN_ECHO);
}

void http_answer_echo_head(struct http_conn *c)
{
    struct http_exchange *x = c->exchange;
    struct draft *t =
        begin_head(c, &(struct head){
                          .status = 200,
                          .type = "application/octet-stream",
                          .length = x->body.chunked ? NO_LENGTH : x->parser.request.length,
                          .chunked = x->body.chunked,
                      });
    draft_add(t, "Cache-Control: no-store\r\n\r\n");
    x->answered = true;
}

void http_answer_forgotten(struct http_conn *c)
{
    struct draft *t = begin_head(c, &(struct head){.status = 204, .length = NO_LENGTH});
    draft_add(t, "\r\n");
    answer_ready(c);
}

/* ---- which of them ---- */

static void answer_get(struct http_conn *c, const struct http_target *target)
{
    if (answer_page(c, target)) {
        return;
    }
    struct http_server *s = c->server;
    c->exchange->file = http_cache_open(&s->cache, target->path, http_now(c), wall_clock(s));
    if (c->exchange->file != NULL) {
        answer_file(c);
    } else {
        http_answer_error(c, 404, "there is nothing at this path", false);
    }
}

static void answer_target(struct http_conn *c)
{
    const struct http_parser *p = &c->exchange->parser;
    enum http_method method = p->request.method;
    bool get = method == HTTP_GET || method == HTTP_HEAD;
    bool post = method == HTTP_POST || method == HTTP_PUT;
    struct http_target target;
    enum http_target_fault fault = http_target_parse(http_span_of(p, p->request.target), &target);
    bool forgets = fault == HTTP_TARGET_GOOD && strcmp(target.path, DISCARD_PATH) == 0;
    if (forgets || (fault == HTTP_TARGET_GOOD && strcmp(target.path, ECHO_PATH) == 0)) {
        if (post) {
            answer_echo(c, forgets);
        } else {
            refuse_method(c, true);
        }
    } else if (!get) {
        refuse_method(c, false);
    } else if (fault == HTTP_TARGET_MALFORMED) {
        http_answer_error(c, 400, "the request target is malformed (RFC 9112 3.2)", true);
    } else if (fault == HTTP_TARGET_NOWHERE) {
        http_answer_error(c, 404, "there is nothing at this path", false);
    } else {
        answer_get(c, &target);
    }
}

void http_answer_request(struct http_conn *c)
{
    struct http_exchange *x = c->exchange;
    const struct http_request *r = &x->parser.request;
    http_body_init(&x->body, r->chunked, r->length);
    tell_request(c);
    x->close = !r->keep_alive;
    bool get = r->method == HTTP_GET || r->method == HTTP_HEAD;
    if (!get && (x->early || r->early)) {
        /* RFC 8470 5.2: what would change something is asked for again, after the handshake */
        http_answer_error(c, 425, "this method is not answered when it comes as early data", true);
    } else if (r->method == HTTP_UNKNOWN) {
        http_answer_error(c, 501, "a method that is not known here (RFC 9110 9.1)", true);
    } else if (get && r->length > HTTP_DISCARD_MAX) {
        http_answer_error(c, 413, "a body of more than 1 MiB where none is wanted", true);
    } else {
        answer_target(c);
    }
}
