/* The story of one connection, for whoever is at its other end: what `GET /` answers.
 *
 * It is collected once from the stack's own snapshots (tcp_get_info, tls_get_info) and told in three
 * ways: as text, as JSON (RFC 8259), and, by page.h, as a page for browsers.
 */
#ifndef VITRINE_APPS_STORY_H
#define VITRINE_APPS_STORY_H

#include "apps/draft.h"
#include "stack/tcp/info.h"
#include "tls/tls.h"

struct story {
    nsec now;
    struct tcp_info tcp;
    bool over_tls;
    struct tls_info tls; /* only when over_tls */
};

/* One line of the story: a name, a value, and what it means ("" when it needs no word). */
struct story_fact {
    const char *name;
    char value[320];
    const char *note;
};

#define STORY_FACTS 24U

struct story_facts {
    unsigned count;
    struct story_fact fact[STORY_FACTS];
};

/* One of the three segments of the handshake (RFC 9293 3.5). */
struct story_segment {
    const char *from, *flags;
    nsec at; /* since the SYN */
    uint32_t seq, ack;
    bool has_ack;
    uint32_t window;  /* bytes */
    uint32_t len;     /* bytes of data */
    char options[64]; /* "mss 1460, wscale 7, SACK, timestamps"; "" for none */
};

#define STORY_SEGMENTS 3U

/* Asks the stack about a stream, TCP or TLS. The text in `out->tls` lives as long as the stream. */
void story_collect(struct stream *s, nsec now, struct story *out);

/* How many of them there were so far: what came with the SYN may be answered before the others (RFC 7413). */
unsigned story_segments(const struct story *s, struct story_segment out[STORY_SEGMENTS]);
void story_tcp_facts(const struct story *s, struct story_facts *out);
void story_tls_facts(const struct story *s, struct story_facts *out); /* none without TLS */

void story_text(const struct story *s, struct draft *out); /* at most 100 columns */
/* The same at any moment, for those who are not its reader: TLS once it is established, and not a word where there is none, for it may
 * still begin. */
void story_so_far(const struct story *s, struct draft *out);
void story_json(const struct story *s, struct draft *out);

#endif
