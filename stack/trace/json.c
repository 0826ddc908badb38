/* Events as JSON (RFC 8259). */
#include "stack/trace/json.h"

#include "stack/base/text.h"
#include "stack/trace/fields.h"

#include <inttypes.h>

static void add_number(struct text *t, const struct event_field *f, uint64_t v)
{
    char out[FIELD_WORD_MAX];
    const char *word = field_word((enum field_unit)f->unit, v, out);
    if (word != NULL) {
        text_add_quoted(t, word, SIZE_MAX);
    } else if (f->unit == UNIT_BOOL) {
        text_add(t, v != 0 ? "true" : "false");
    } else if (f->unit == UNIT_HEX) {
        text_addf(t, "\"0x%0*" PRIx64 "\"", 2 * f->size, v);
    } else if (f->type == FIELD_NS) {
        text_addf(t, "%" PRId64, (nsec)v);
    } else {
        text_addf(t, "%" PRIu64, v);
    }
}

static void add_field(struct text *t, const struct event *e, const struct event_field *f)
{
    text_addf(t, ",\"%s\":", f->name);
    if (f->type == FIELD_IP) {
        char addr[IP_TEXT_MAX];
        text_addf(t, "\"%s\"", ip_text(field_addr(e, f), addr));
    } else if (f->type == FIELD_TEXT) {
        text_add_quoted(t, field_text(e, f), f->size);
    } else {
        add_number(t, f, field_number(e, f));
    }
}

size_t event_json(const struct event *e, char *out, size_t cap)
{
    struct text t = text_of(out, cap);
    size_t count;
    const struct event_field *fields = event_fields((enum event_type)e->type, &count);

    text_addf(&t, "{\"at\":%" PRId64 ",\"cause\":{\"kind\":\"%s\",\"number\":%" PRIu64 "}", e->at,
              cause_name((enum cause_kind)e->cause.kind), (uint64_t)e->cause.number);
    text_addf(&t, ",\"conn\":%" PRIu32 ",\"event\":\"%s\"", e->conn,
              event_name((enum event_type)e->type));
    for (size_t i = 0; i < count; i++) {
        add_field(&t, e, &fields[i]);
    }
    text_add(&t, "}");
    if (t.full) {
        if (cap > 0) {
            out[0] = '\0';
        }
        return 0;
    }
    return t.len;
}
