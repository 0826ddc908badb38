/* Events as lines for people. */
#include "stack/trace/line.h"

#include "stack/base/text.h"
#include "stack/trace/fields.h"

#include <inttypes.h>
#include <stdio.h>

const char *span_text(nsec span, char out[SPAN_TEXT_MAX])
{
    const char *sign = span < 0 ? "-" : "";
    uint64_t v = span < 0 ? 0 - (uint64_t)span : (uint64_t)span;
    if (v < 1000) {
        snprintf(out, SPAN_TEXT_MAX, "%s%" PRIu64 " ns", sign, v);
    } else if (v < 1000000) {
        snprintf(out, SPAN_TEXT_MAX, "%s%" PRIu64 ".%" PRIu64 " us", sign, v / 1000,
                 v % 1000 / 100);
    } else {
        uint64_t us = v / 1000;
        const char *unit = us < 1000000 ? "ms" : "s";
        uint64_t whole = us < 1000000 ? us : us / 1000;
        snprintf(out, SPAN_TEXT_MAX, "%s%" PRIu64 ".%03" PRIu64 " %s", sign, whole / 1000,
                 whole % 1000, unit);
    }
    return out;
}

static void add_number(struct text *t, const struct event_field *f, uint64_t v)
{
    char out[FIELD_WORD_MAX];
    const char *word = field_word((enum field_unit)f->unit, v, out);
    if (word != NULL) {
        text_add(t, word);
    } else if (f->unit == UNIT_BOOL) {
        text_add(t, v != 0 ? "yes" : "no");
    } else if (f->unit == UNIT_HEX) {
        text_addf(t, "0x%0*" PRIx64, 2 * f->size, v);
    } else if (f->type == FIELD_NS) {
        char span[SPAN_TEXT_MAX];
        text_add(t, span_text((nsec)v, span));
    } else {
        text_addf(t, "%" PRIu64 "%s", v, f->unit == UNIT_BYTES ? " B" : "");
    }
}

static void add_field(struct text *t, const struct event *e, const struct event_field *f)
{
    text_addf(t, " %s=", f->name);
    if (f->type == FIELD_IP) {
        char addr[IP_TEXT_MAX];
        text_add(t, ip_text(field_addr(e, f), addr));
    } else if (f->type == FIELD_TEXT) {
        text_add_quoted(t, field_text(e, f), f->size);
    } else {
        add_number(t, f, field_number(e, f));
    }
}

static void add_fields(struct text *t, const struct event *e)
{
    size_t count;
    const struct event_field *fields = event_fields((enum event_type)e->type, &count);
    for (size_t i = 0; i < count; i++) {
        add_field(t, e, &fields[i]);
    }
}

size_t event_fields_line(const struct event *e, char *out, size_t cap)
{
    struct text t = text_of(out, cap);
    add_fields(&t, e);
    return t.len;
}

size_t event_line(const struct event *e, nsec since, char *out, size_t cap)
{
    struct text t = text_of(out, cap);

    nsec after = e->at - since;
    uint64_t us = (after < 0 ? 0 - (uint64_t)after : (uint64_t)after) / 1000;
    text_addf(&t, "%s%" PRIu64 ".%06" PRIu64, after < 0 ? "-" : "", us / 1000000, us % 1000000);
    if (e->conn != 0) {
        text_addf(&t, "  conn %" PRIu32, e->conn);
    }
    text_addf(&t, "  %s %" PRIu64 "  %s", cause_name((enum cause_kind)e->cause.kind),
              (uint64_t)e->cause.number, event_name((enum event_type)e->type));
    add_fields(&t, e);
    return t.len;
}
