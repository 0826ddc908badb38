/* The story as a page for browsers; see page.h. */
#include "apps/page.h"

#include <inttypes.h>

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Vitrine</title>\n<style>\n"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1c2430;background:#fbfaf7}\n"
    "h2{margin-top:2.5rem;border-bottom:1px solid #cbd2d9}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "td,th{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0}\n"
    "td{overflow-wrap:anywhere}\n"
    "th{white-space:nowrap;font-weight:600}\n"
    "code,.v{font:14px/1.5 ui-monospace,monospace}\nsmall{display:block;color:#5b6670}\n"
    "@media(prefers-color-scheme:dark){body{color:#dfe5ea;background:#14181d}small{color:#93a0ab}"
    "h2{border-color:#37414b}}\n</style>\n";

static void facts_html(struct draft *out, const struct story_facts *f)
{
    draft_add(out, "<table>\n");
    for (unsigned i = 0; i < f->count; i++) {
        draft_addf(out, "<tr><th>%s<td class=\"v\">", f->fact[i].name);
        draft_html(out, f->fact[i].value);
        if (f->fact[i].note[0] != '\0') {
            draft_add(out, "<small>");
            draft_html(out, f->fact[i].note);
            draft_add(out, "</small>");
        }
        draft_add(out, "\n");
    }
    draft_add(out, "</table>\n");
}

static void segments_html(struct draft *out, const struct story *s)
{
    struct story_segment segment[STORY_SEGMENTS];
    unsigned count = story_segments(s, segment);
    draft_add(out, "<table class=\"v\">\n<tr><th>time<th>from<th>flags<th>seq<th>ack<th>window"
                   "<th>options\n");
    for (unsigned i = 0; i < count; i++) {
        const struct story_segment *g = &segment[i];
        char at[NSEC_TEXT_MAX];
        draft_addf(out, "<tr><td>%s<td>%s<td>%s<td>%" PRIu32 "<td>", nsec_text(g->at, at), g->from,
                   g->flags, g->seq);
        if (g->has_ack) {
            draft_addf(out, "%" PRIu32, g->ack);
        }
        draft_addf(out, "<td>%" PRIu32 "<td>%s\n", g->window, g->options);
    }
    draft_add(out, "</table>\n");
}

void story_html(const struct story *s, struct draft *out)
{
    char local[ENDPOINT_TEXT_MAX], remote[ENDPOINT_TEXT_MAX];
    struct story_facts facts;
    draft_add(out, page_head);
    draft_addf(
        out,
        "<h1>The story of this connection</h1>\n<p>You are <code>%s</code>, this is "
        "<code>%s</code>, connection %" PRIu32 ". No socket of the kernel's was used here.\n",
        endpoint_text(&s->tcp.remote, remote), endpoint_text(&s->tcp.local, local), s->tcp.id);
    draft_add(out, "<h2>TCP: three segments</h2>\n");
    segments_html(out, s);
    story_tcp_facts(s, &facts);
    facts_html(out, &facts);
    if (s->over_tls) {
        draft_add(out, "<h2>TLS: a secret for two, and proof of who the server is</h2>\n");
        story_tls_facts(s, &facts);
        facts_html(out, &facts);
    } else {
        draft_add(out,
                  "<h2>No TLS</h2>\n<p>Everyone on the way can read this page, and change it. Ask "
                  "again with <code>https://</code> to see the second handshake.\n");
    }
    draft_add(out, "<p><small>The same as <a href=\"/?json\">JSON</a> or as "
                   "<a href=\"/?text\">text</a>.</small>\n</html>\n");
}
