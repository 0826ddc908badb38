/* A lesson as JSON (RFC 8259): its blocks in their order, each with its kind. */
#include <string.h>

#include "apps/explain/doc.h"

/* A string with its quotes; the document's text is UTF-8, as RFC 8259 8.1 wants it. */
static void string(struct draft *out, const char *s)
{
    draft_add(out, "\"");
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            draft_addf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            draft_addf(out, "\\u%04x", (unsigned)c);
        } else {
            draft_bytes(out, s, 1);
        }
    }
    draft_add(out, "\"");
}

static void member(struct draft *out, const char *name, const char *value)
{
    draft_addf(out, ",\"%s\":", name);
    string(out, value);
}

static void fact(struct draft *out, const struct doc_fact *f)
{
    draft_add(out, "{\"id\":");
    string(out, f->id);
    member(out, "name", f->name);
    member(out, "value", f->value);
    member(out, "note", f->note);
    draft_add(out, f->measured ? ",\"measured\":true}" : "}");
}

static void rung(struct draft *out, const struct doc_rung *r)
{
    static const char *const sides[] = {
        [RUNG_LEFT] = "left", [RUNG_MIDDLE] = "middle", [RUNG_RIGHT] = "right"};
    draft_addf(out, "{\"kind\":\"%s\",\"%s\":\"%s\"", r->kind == DOC_ARROW ? "arrow" : "note",
               r->kind == DOC_ARROW ? "from" : "side", sides[r->side]);
    if (r->kind == DOC_ARROW) {
        draft_addf(out, ",\"at_ns\":%lld,\"encrypted\":%s", (long long)r->at,
                   r->encrypted ? "true" : "false");
    }
    member(out, "label", r->label);
    draft_add(out, "}");
}

static void mark(struct draft *out, const struct doc_mark *m)
{
    draft_addf(out, "{\"from\":%zu,\"len\":%zu", m->from, m->len);
    member(out, "name", m->name);
    member(out, "text", m->text);
    draft_add(out, "}");
}

static void row(struct draft *out, const struct doc_block *b, const struct doc_item *i)
{
    for (unsigned c = 0; c < b->columns; c++) {
        draft_add(out, c == 0 ? "[" : ",");
        string(out, i->cell[c]);
    }
    draft_add(out, "]");
}

static void items(struct draft *out, const struct doc_block *b, const char *name)
{
    draft_addf(out, ",\"%s\":[", name);
    for (const struct doc_item *i = b->items; i != NULL; i = i->next) {
        draft_add(out, i == b->items ? "\n " : ",\n ");
        switch (b->kind) {
        case DOC_FACTS:
            fact(out, &i->fact);
            break;
        case DOC_LADDER:
            rung(out, &i->rung);
            break;
        case DOC_BYTES:
            mark(out, &i->mark);
            break;
        default:
            row(out, b, i);
        }
    }
    draft_add(out, "]");
}

static void hex(struct draft *out, const struct doc_block *b)
{
    draft_add(out, ",\"hex\":\"");
    for (size_t i = 0; i < b->len; i++) {
        draft_addf(out, "%02x", b->bytes[i]);
    }
    draft_add(out, "\"");
}

static void block(struct draft *out, const struct doc_block *b)
{
    static const char *const kinds[] = {
        [DOC_SECTION] = "section", [DOC_TEXT] = "text",     [DOC_FACTS] = "facts",
        [DOC_TABLE] = "table",     [DOC_LADDER] = "ladder", [DOC_BYTES] = "bytes"};
    draft_addf(out, "{\"kind\":\"%s\"", kinds[b->kind]);
    switch (b->kind) {
    case DOC_SECTION:
    case DOC_TEXT:
        member(out, "text", b->text);
        break;
    case DOC_FACTS:
        items(out, b, "facts");
        break;
    case DOC_TABLE:
        items(out, b, "rows");
        break;
    case DOC_LADDER:
        member(out, "left", b->left);
        member(out, "right", b->right);
        items(out, b, "rungs");
        break;
    case DOC_BYTES:
        member(out, "caption", b->text);
        hex(out, b);
        items(out, b, "marks");
        break;
    }
    draft_add(out, "}");
}

void doc_json(const struct doc *d, struct draft *out)
{
    draft_add(out, "{\"chapter\":");
    string(out, d->name);
    member(out, "title", d->title);
    draft_add(out, ",\"blocks\":[");
    for (const struct doc_block *b = d->blocks; b != NULL; b = b->next) {
        draft_add(out, b == d->blocks ? "\n" : ",\n");
        block(out, b);
    }
    draft_add(out, "]}\n");
}
