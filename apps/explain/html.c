/* A lesson as one page for browsers: no script, nothing loaded from elsewhere; for a screen, a phone, paper, by
 * day and by night. */
#include <string.h>

#include "apps/explain/doc.h"

static const char head[] = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width\">\n"
                           "<meta name=\"color-scheme\" content=\"light dark\">\n<title>";

static const char style[] =
    "</title>\n<style>\n"
    ":root{--ink:#1c2430;--paper:#fbfaf7;--faint:#5b6670;--line:#cbd2d9;--panel:#f2f0ea;"
    "--good:#1a7f37;--bad:#c0271f;--secret:#0b6e82}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#dfe5ea;--paper:#14181d;--faint:#93a0ab;"
    "--line:#37414b;--panel:#1c2229;--good:#5fc27e;--bad:#ff7b72;--secret:#56c7dc}}\n"
    "body{font:16px/1.55 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;"
    "color:var(--ink);background:var(--paper)}\n"
    "h1{font-size:1.7rem;line-height:1.25}\n"
    "main{counter-reset:h}\n"
    "h2{font-size:1.25rem;line-height:1.3;margin:2.6rem 0 1rem;padding-bottom:.3rem;"
    "border-bottom:1px solid var(--line)}\n"
    "h2::before{counter-increment:h;content:counter(h) \". \"}\n"
    "code,.v{font:.875em/1.5 ui-monospace,monospace}\n"
    "p,td{overflow-wrap:anywhere}\n"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}\n"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .9rem .35rem 0}\n"
    "thead th{border-bottom:1px solid var(--line)}\n"
    ".facts th{width:11rem;font-weight:600}\n"
    ".facts .v{color:var(--secret)}\n"
    "small{display:block;color:var(--faint);font:.9em/1.45 system-ui,sans-serif}\n"
    ".bytes{background:var(--panel);border-radius:.4rem;padding:.6rem .8rem;margin:1rem 0}\n"
    ".bytes p{margin:0 0 .5rem;font-weight:600}\n"
    ".bytes table{margin:0}\n"
    ".bytes td{padding:.15rem .8rem .15rem 0}\n"
    ".bytes td:nth-child(1){color:var(--faint);white-space:nowrap;width:2.6rem}\n"
    ".bytes td:nth-child(2){width:13.5rem;color:var(--secret)}\n"
    ".ladder{margin:1rem 0;font-size:.875rem}\n"
    ".ends{display:flex;justify-content:space-between;gap:1rem;padding-left:5.2rem;"
    "font-weight:600}\n.ends span+span{text-align:right}\n"
    ".ladder ol{list-style:none;margin:0;padding:0}\n"
    ".ladder li{display:flex}\n"
    ".ladder time{flex:0 0 5.2rem;color:var(--faint);align-self:end;padding-bottom:.1rem;"
    "font:.85em ui-monospace,monospace}\n"
    ".ladder li>div{flex:1;min-width:0;border:solid var(--ink);border-width:0 2px;"
    "padding:.15rem .7rem;text-align:left;overflow-wrap:anywhere}\n"
    ".ladder .right>div{text-align:right}\n.ladder .middle>div{text-align:center}\n"
    ".ladder .arrow>div{padding:.35rem 0 .45rem}\n"
    ".ladder .arrow span{display:block;position:relative;padding:0 .8rem .1rem;"
    "border-bottom:2px solid}\n"
    ".ladder .encrypted span{border-bottom:5px double}\n"
    ".ladder .arrow span::after{content:\"\";position:absolute;bottom:-.45rem;border:.4rem solid "
    "transparent}\n"
    ".ladder .encrypted span::after{bottom:-.55rem}\n"
    ".ladder .left span::after{right:0;border-left:.7rem solid;border-right:0}\n"
    ".ladder .right span::after{left:0;border-right:.7rem solid;border-left:0}\n"
    ".faint{color:var(--faint)}.good{color:var(--good)}.bad{color:var(--bad)}"
    ".secret{color:var(--secret)}\n"
    "footer{margin-top:3rem;color:var(--faint);font-size:.875rem}\n"
    "@media(max-width:34rem){.facts,.facts tbody,.facts tr,.facts th,.facts td,.bytes "
    "table,.bytes tbody,.bytes tr{display:block;width:auto}.facts th{padding-bottom:0}"
    ".bytes td{display:inline-block;width:auto!important}.bytes td:nth-child(3){display:block}"
    ".ladder time{flex-basis:4.4rem}.ends{padding-left:4.4rem}.ends{font-size:.8rem}"
    ".table{overflow-x:auto}}\n"
    "@media print{body{font-size:10.5pt;max-width:none;margin:0;--ink:#000;--paper:#fff;"
    "--faint:#444;--line:#999;--panel:#fff;--good:#000;--bad:#000;--secret:#000}"
    "h2{break-after:avoid}.ladder li,tr{break-inside:avoid}.bytes{border:1px solid var(--line)}"
    "@page{margin:18mm}}\n"
    "</style>\n<main>\n";

static const char *const looks[] = {[DOC_PLAIN] = "",
                                    [DOC_FAINT] = " faint",
                                    [DOC_GOOD] = " good",
                                    [DOC_BAD] = " bad",
                                    [DOC_SECRET] = " secret"};

/* Text with `code` in it. */
static void prose(struct draft *out, const char *s)
{
    bool code = false;
    while (*s != '\0') {
        size_t n = strcspn(s, "`");
        char part[256];
        for (size_t done = 0; done < n;) {
            size_t some = size_min(n - done, sizeof part - 1);
            memcpy(part, s + done, some);
            part[some] = '\0';
            draft_html(out, part);
            done += some;
        }
        s += n;
        if (*s == '`') {
            code = !code;
            draft_add(out, code ? "<code>" : "</code>");
            s++;
        }
    }
    draft_add(out, code ? "</code>" : "");
}

static void fact(struct draft *out, const struct doc_fact *f)
{
    draft_add(out, "<tr><th>");
    prose(out, f->name);
    draft_add(out, "<td><span class=\"v\">");
    draft_html(out, f->value);
    draft_add(out, f->measured ? "</span> (measured here)<small>" : "</span><small>");
    prose(out, f->note);
    draft_add(out, "</small>\n");
}

static void rung(struct draft *out, const struct doc_rung *r)
{
    static const char *const sides[] = {
        [RUNG_LEFT] = "left", [RUNG_MIDDLE] = "middle", [RUNG_RIGHT] = "right"};
    char time[NSEC_TEXT_MAX] = "";
    draft_addf(out, "<li class=\"%s%s%s\"><time>%s</time><div><span class=\"%s\">", sides[r->side],
               r->kind == DOC_ARROW ? " arrow" : "", r->encrypted ? " encrypted" : "",
               r->at >= 0 ? nsec_text(r->at, time) : "",
               looks[r->look][0] != '\0' ? looks[r->look] + 1 : "");
    draft_html(out, r->label);
    draft_add(out, "</span></div>\n");
}

static void ladder(struct draft *out, const struct doc_block *b)
{
    draft_add(out, "<div class=\"ladder\"><div class=\"ends\"><span>");
    draft_html(out, b->left);
    draft_add(out, "</span><span>");
    draft_html(out, b->right);
    draft_add(out, "</span></div><ol>\n");
    for (const struct doc_item *i = b->items; i != NULL; i = i->next) {
        rung(out, &i->rung);
    }
    draft_add(out, "</ol></div>\n");
}

static void mark(struct draft *out, const struct doc_block *b, const struct doc_mark *m)
{
    draft_add(out, "<tr><td class=\"v\">");
    if (m->len > 0) {
        draft_addf(out, "%04zx", m->from);
    }
    draft_add(out, "<td class=\"v\">");
    for (size_t i = 0; i < m->len; i++) {
        draft_addf(out, "%s%02x", i > 0 ? " " : "", b->bytes[m->from + i]);
    }
    draft_add(out, "<td><b>");
    draft_html(out, m->name);
    draft_add(out, m->text[0] != '\0' ? "</b>: " : "</b>");
    prose(out, m->text);
    draft_add(out, "\n");
}

static void bytes(struct draft *out, const struct doc_block *b)
{
    draft_add(out, "<div class=\"bytes\"><p>");
    prose(out, b->text);
    draft_add(out, "</p>\n<table>\n");
    for (const struct doc_item *i = b->items; i != NULL; i = i->next) {
        mark(out, b, &i->mark);
    }
    draft_add(out, "</table></div>\n");
}

static void table(struct draft *out, const struct doc_block *b)
{
    draft_add(out, "<div class=\"table\"><table>\n<thead>");
    for (const struct doc_item *i = b->items; i != NULL; i = i->next) {
        draft_add(out, "<tr>");
        for (unsigned c = 0; c < b->columns; c++) {
            draft_add(out, i == b->items ? "<th>" : "<td>");
            prose(out, i->cell[c]);
        }
        draft_add(out, i == b->items ? "</thead>\n" : "\n");
    }
    draft_add(out, "</table></div>\n");
}

static void block(struct draft *out, const struct doc_block *b)
{
    switch (b->kind) {
    case DOC_SECTION:
        draft_add(out, "<h2>");
        prose(out, b->text);
        draft_add(out, "</h2>\n");
        break;
    case DOC_TEXT:
        draft_add(out, "<p>");
        prose(out, b->text);
        draft_add(out, "</p>\n");
        break;
    case DOC_FACTS:
        draft_add(out, "<table class=\"facts\">\n");
        for (const struct doc_item *i = b->items; i != NULL; i = i->next) {
            fact(out, &i->fact);
        }
        draft_add(out, "</table>\n");
        break;
    case DOC_TABLE:
        table(out, b);
        break;
    case DOC_LADDER:
        ladder(out, b);
        break;
    case DOC_BYTES:
        bytes(out, b);
        break;
    }
}

void doc_html(const struct doc *d, struct draft *out)
{
    draft_add(out, head);
    draft_html(out, d->title);
    draft_add(out, style);
    draft_add(out, "<h1>");
    draft_html(out, d->title);
    draft_add(out, "</h1>\n");
    for (const struct doc_block *b = d->blocks; b != NULL; b = b->next) {
        block(out, b);
    }
    draft_addf(out,
               "<footer>Made by <code>vitrine explain %s</code>: every value on this page was seen "
               "in one run.</footer>\n",
               d->name);
    draft_add(out, "</main>\n</html>\n");
}
