/* TLS in full, for people and as JSON; see tls_detail.h. */
#include "apps/tls_detail.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define JSON_MAX (512U * 1024U)
#define MESSAGE_LINES 160U /* of one message on the ladder */
#define VALUE_LINES 24U    /* of one field */
#define VALUE_WIDTH 66U    /* columns */
#define NAME_WIDTH 24
#define LINE_MAX 256U

static const char meaning[] =
    "reveal: this output has the secrets of TLS connections in it. Whoever reads it can decrypt "
    "them, from a "
    "capture too, alter them while they last, and resume them: keep it like a private key.";

void tls_detail_announce(const struct tls_options *o, FILE *out)
{
    if (o->reveal) {
        fprintf(out, "%s\n", meaning);
        fflush(out);
    }
}

/* ---- the ladder ---- */

static bool is_shown(const struct tls_detail *d, uint32_t conn)
{
    return d->terminal != NULL && d->terminal->open && ladder_shows(&d->terminal->ladder, conn);
}

/* How much of a text goes onto a line: up to the last comma or space that fits. */
static size_t fitting(const char *text)
{
    size_t len = strlen(text);
    if (len <= VALUE_WIDTH) {
        return len;
    }
    for (size_t n = size_min(len, VALUE_WIDTH); n > VALUE_WIDTH / 2; n--) {
        if (text[n - 1] == ' ') {
            return n;
        }
    }
    return VALUE_WIDTH;
}

static void trim(char *line)
{
    size_t n = strlen(line);
    while (n > 0 && line[n - 1] == ' ') {
        line[--n] = '\0';
    }
}

static void draw(struct tls_detail *d, int indent, const char *name, const char *value)
{
    char line[LINE_MAX];
    for (unsigned i = 0; i < VALUE_LINES; i++) {
        size_t n = fitting(value);
        bool cut = i + 1 == VALUE_LINES && n < strlen(value);
        snprintf(line, sizeof line, "%*s%-*s %.*s%s", indent, "", NAME_WIDTH, i == 0 ? name : "",
                 (int)n, value, cut ? "…" : "");
        trim(line);
        ladder_detail(&d->terminal->ladder, d->conn, line);
        d->lines++;
        value += n;
        if (*value == '\0') {
            return;
        }
    }
}

static void draw_field(void *arg, const struct tls_field *f)
{
    struct tls_detail *d = arg;
    char value[TLS_FIELD_TEXT + 160];
    if (d->lines >= MESSAGE_LINES) {
        d->left_out++;
        return;
    }
    int n = snprintf(value, sizeof value, "%s", f->value);
    if (f->note[0] != '\0' && n >= 0 && (size_t)n < sizeof value) {
        snprintf(value + n, sizeof value - (size_t)n, "%s(%s)", n > 0 ? " " : "", f->note);
    }
    draw(d, 2 * (int)(f->depth < 8 ? f->depth : 8), f->name, value);
}

static void draw_message(struct tls_detail *d, const struct tls_message_view *m)
{
    char text[64];
    d->lines = 0;
    d->left_out = 0;
    if (m->bytes.len == 0) {
        draw(d, 0, "", "its bytes could not be read");
        return;
    }
    if (m->type != TLS_CHANGE_CIPHER_SPEC) {
        tls_message_fields(m, draw_field, d);
    }
    if (d->left_out > 0) {
        snprintf(text, sizeof text, "… and %u more fields", d->left_out);
        draw(d, 0, "", text);
    }
}

static const char *check_text(enum tls_check check)
{
    return check == TLS_AGREES    ? ", as mbedTLS has it"
           : check == TLS_DIFFERS ? ", NOT as mbedTLS has it"
                                  : "";
}

/* At most 64 bytes. */
static const char *hex_text(struct slice bytes, char out[2 * 64 + 1])
{
    size_t n = 0;
    for (; n < bytes.len && n < 64; n++) {
        snprintf(out + 2 * n, 3, "%02x", bytes.data[n]);
    }
    out[2 * n] = '\0';
    return out;
}

static void draw_step(struct tls_detail *d, const struct tls_step *s)
{
    char text[LINE_MAX], hex[2 * 64 + 1];
    snprintf(text, sizeof text, "key schedule: %s, %zu bytes%s", s->name, s->len,
             check_text(s->check));
    ladder_detail(&d->terminal->ladder, d->conn, text);
    draw(d, 2, "= made by", s->made);
    if (s->context.len > 0) {
        draw(d, 2, "context", hex_text(s->context, hex));
    }
    if (s->value.len > 0) {
        draw(d, 2, "SECRET", hex_text(s->value, hex));
    }
}

/* ---- JSON ---- */

static void begin_line(struct tls_detail *d, const char *event)
{
    d->json.len = 0;
    d->json.failed = false;
    draft_addf(&d->json, "{\"at\":%" PRId64 ",\"conn\":%" PRIu32 ",\"event\":\"%s\"",
               d->recorder->now, d->conn, event);
}

static void end_line(struct tls_detail *d)
{
    draft_add(&d->json, "}\n");
    if (!d->json.failed) {
        event_file_line(d->events, d->json.data, d->json.len);
    }
}

static void add_text(struct draft *t, const char *name, const char *value)
{
    draft_addf(t, ",\"%s\":", name);
    draft_json(t, value);
}

static void add_numbers(struct draft *t, const struct tls_field *f)
{
    if (f->count == 0) {
        return;
    }
    draft_add(t, ",\"numbers\":[");
    for (size_t i = 0; i < f->count; i++) {
        draft_addf(t, "%s%" PRIu32, i > 0 ? "," : "", f->numbers[i]);
    }
    draft_add(t, "]");
}

/* Ends the objects between the field that was written last and one of this depth. */
static void step_to(struct tls_detail *d, unsigned depth)
{
    struct draft *t = &d->json;
    if (d->first) {
        d->first = false;
        return;
    }
    if (depth > d->depth) {
        draft_add(t, ",\"parts\":[");
        return;
    }
    for (unsigned i = depth; i < d->depth; i++) {
        draft_add(t, "}]");
    }
    draft_add(t, "},");
}

static void write_field(void *arg, const struct tls_field *f)
{
    struct tls_detail *d = arg;
    step_to(d, f->depth);
    d->depth = f->depth;
    draft_add(&d->json, "{\"name\":");
    draft_json(&d->json, f->name);
    add_text(&d->json, "value", f->value);
    if (f->note[0] != '\0') {
        add_text(&d->json, "note", f->note);
    }
    add_numbers(&d->json, f);
}

static void write_message(struct tls_detail *d, const struct tls_message_view *m)
{
    struct draft *t = &d->json;
    begin_line(d, "tls_fields");
    draft_addf(t, ",\"outgoing\":%s,\"encrypted\":%s", m->outgoing ? "true" : "false",
               m->encrypted ? "true" : "false");
    add_text(t, "message", tls_message_name(m->type));
    add_text(t, "version", tls_version_name(m->version));
    draft_addf(t, ",\"len\":%zu", m->bytes.len);
    add_text(t, "verdict", m->verdict);
    draft_add(t, ",\"fields\":[");
    d->first = true;
    d->depth = 0;
    tls_message_fields(m, write_field, d);
    if (!d->first) {
        for (unsigned i = 0; i < d->depth; i++) {
            draft_add(t, "}]");
        }
        draft_add(t, "}");
    }
    draft_add(t, "]");
    end_line(d);
}

static void write_step(struct tls_detail *d, const struct tls_step *s)
{
    static const char *const checks[] = {
        [TLS_UNCHECKED] = "none", [TLS_AGREES] = "agrees", [TLS_DIFFERS] = "differs"};
    char hex[2 * 64 + 1];
    begin_line(d, "tls_step");
    add_text(&d->json, "name", s->name);
    add_text(&d->json, "made", s->made);
    add_text(&d->json, "context", hex_text(s->context, hex));
    draft_addf(&d->json, ",\"len\":%zu,\"check\":\"%s\"", s->len, checks[s->check]);
    add_text(&d->json, "value", s->value.len > 0 ? hex_text(s->value, hex) : NULL);
    end_line(d);
}

/* ---- both ---- */

static void on_message(void *arg, uint32_t conn, const struct tls_message_view *m)
{
    struct tls_detail *d = arg;
    char summary[TLS_SUMMARY_MAX];
    d->conn = conn;
    if (tls_message_summary(m, summary)[0] != '\0') {
        recorder_remark(d->recorder, summary);
    }
    if (d->in_full && is_shown(d, conn)) {
        draw_message(d, m);
    }
    if (d->in_full && d->events->file != NULL) {
        write_message(d, m);
    }
}

static void on_step(void *arg, uint32_t conn, const struct tls_step *s)
{
    struct tls_detail *d = arg;
    d->conn = conn;
    if (d->in_full && is_shown(d, conn)) {
        draw_step(d, s);
    }
    if (d->in_full && d->events->file != NULL) {
        write_step(d, s);
    }
}

void tls_detail_open(struct tls_detail *d, const struct tls_options *o, struct tls_context *c,
                     struct terminal *terminal, struct event_file *events, struct recorder *r)
{
    *d = (struct tls_detail){
        .watcher = {.message = on_message, .step = on_step, .arg = d, .reveal = o->reveal},
        .in_full = o->handshake,
        .terminal = terminal,
        .events = events,
        .recorder = r,
    };
    draft_init(&d->json, JSON_MAX);
    if (c == NULL || (!o->handshake && !recorder_wants_remarks(r))) {
        return;
    }
    if (o->reveal && events->file != NULL) {
        begin_line(d, "reveal");
        add_text(&d->json, "text", meaning);
        end_line(d);
    }
    tls_context_watch(c, &d->watcher);
}

void tls_detail_close(struct tls_detail *d)
{
    draft_done(&d->json);
}
