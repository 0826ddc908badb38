/* `explain compare`: the same request over TCP alone and over TLS, side by side; what each of the differences means is
 * shown on the wire.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "apps/explain/chapters.h"
#include "apps/explain/rungs.h"
#include "apps/explain/secure.h"
#include "apps/explain/wire_seen.h"
#include "stack/link/frame_facts.h"

#define PLAIN_PORT 80U
#define SECRET "secret=42" /* in EXCHANGE_REQUEST */
#define BALANCE "1,234"    /* in EXCHANGE_ANSWER */
#define ROUND_TRIP (2 * WORLD_DELAY)

enum { PLAIN, MODERN, OLD, RUNS }; /* TCP alone, with TLS 1.3, with TLS 1.2 */

struct run {
    struct secure s; /* of PLAIN only its exchange is used */
    struct eavesdropper eve;
    nsec processor; /* time that it took to compute */
};

struct lesson {
    struct doc *d;
    const struct explain_options *o;
    struct run run[RUNS];
};

/* ---- the runs ---- */

static nsec processor_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (nsec)t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

static bool run_plain(struct exchange *x, const struct explain_options *o,
                      const struct tamper_rule *attack)
{
    *x = (struct exchange){.port = PLAIN_PORT};
    x->world = world_new(o->seed, o->now, attack);
    return x->world != NULL && exchange_run(x);
}

static bool run_all(struct lesson *l, char *error, size_t error_size)
{
    for (unsigned i = 0; i < RUNS; i++) {
        struct run *r = &l->run[i];
        struct secure_options how = {.version = i == OLD ? TLS_1_2 : TLS_1_3};
        nsec began = processor_time();
        bool good = i == PLAIN ? run_plain(&r->s.x, l->o, NULL)
                               : secure_run(&r->s, l->d, l->o, &how, error, error_size);
        r->processor = processor_time() - began;
        if (!good || r->s.x.end[WORLD_CLIENT].got_len == 0 || !eavesdrop(r->s.x.world, &r->eve)) {
            if (error[0] == '\0') {
                snprintf(error, error_size, "the client got no answer");
            }
            return false;
        }
    }
    return true;
}

/* ---- side by side ---- */

static nsec ready_after(const struct run *r)
{
    return r->s.x.end[WORLD_CLIENT].opened_at - r->s.x.syn_at;
}

/* Frames, and their bytes, that were sent before `until`. */
static unsigned frames_before(const struct run *r, nsec until, uint64_t *bytes)
{
    unsigned n = 0;
    *bytes = 0;
    for (size_t i = 0; i < r->s.x.world->frame_count; i++) {
        const struct world_frame *f = &r->s.x.world->frames[i];
        if (f->sent < until) {
            n++;
            *bytes += f->len;
        }
    }
    return n;
}

/* A row of the table: one cell for each run. */
static void row(struct doc *d, const char *what, const char *const cells[RUNS])
{
    doc_row(d, (const char *const[]){what, cells[PLAIN], cells[MODERN], cells[OLD]});
}

static void row_times(struct lesson *l)
{
    struct doc *d = l->d;
    const char *ready[RUNS], *trips[RUNS], *answered[RUNS];
    for (unsigned i = 0; i < RUNS; i++) {
        const struct run *r = &l->run[i];
        char text[NSEC_TEXT_MAX];
        const struct exchange_end *client = &r->s.x.end[WORLD_CLIENT];
        ready[i] = doc_keep(d, "%s", nsec_text(ready_after(r), text));
        trips[i] = doc_keep(d, "%d", (int)(ready_after(r) / ROUND_TRIP));
        answered[i] = doc_keep(d, "%s", nsec_text(client->answered_at - client->asked_at, text));
    }
    row(d, "the client may ask after", ready);
    row(d, "that is round trips", trips);
    row(d, "from request to answer", answered);
}

static void row_sizes(struct lesson *l)
{
    struct doc *d = l->d;
    const char *before[RUNS], *request[RUNS], *all[RUNS];
    for (unsigned i = 0; i < RUNS; i++) {
        const struct run *r = &l->run[i];
        uint64_t bytes;
        struct record record;
        unsigned frames = frames_before(r, r->s.x.end[WORLD_CLIENT].opened_at + 1, &bytes);
        before[i] = doc_keep(d, "%u with %u bytes", frames, (unsigned)bytes);
        frames = frames_before(r, NEVER, &bytes);
        all[i] = doc_keep(d, "%u with %u bytes", frames, (unsigned)bytes);
        size_t len = i == PLAIN                       ? strlen(EXCHANGE_REQUEST)
                     : wire_request(&r->eve, &record) ? record.whole.len
                                                      : 0;
        request[i] = doc_keep(d, "%zu bytes", len);
    }
    row(d, "frames until then", before);
    row(d, "the request, 64 bytes", request);
    row(d, "frames in all", all);
}

static void row_names(struct lesson *l)
{
    struct doc *d = l->d;
    const char *suite[RUNS], *who[RUNS], *found[RUNS];
    for (unsigned i = 0; i < RUNS; i++) {
        const struct run *r = &l->run[i];
        const char *peer = r->s.x.end[WORLD_CLIENT].peer;
        suite[i] = "none";
        found[i] = "no";
        for (size_t e = 0; e < r->s.x.world->event_count; e++) {
            const struct event *event = &r->s.x.world->events[e].event;
            if (event->type == EV_tls_established) {
                suite[i] = tls_suite_name(event->u.tls_established.suite);
            }
        }
        who[i] = peer[0] != '\0' ? doc_keep(d, "%s, proven", peer) : "whoever answered";
        for (size_t f = 0; f < r->s.x.world->frame_count; f++) {
            const struct world_frame *frame = &r->s.x.world->frames[f];
            if (memmem(frame->data, frame->len, SECRET, strlen(SECRET)) != NULL) {
                found[i] = doc_keep(d, "yes, in frame %zu", f + 1);
            }
        }
    }
    row(d, "encryption", suite);
    row(d, "the server is", who);
    row(d, doc_keep(d, "\"%s\" on the wire", SECRET), found);
}

static void tell_table(struct lesson *l)
{
    struct doc *d = l->d;
    const struct run *r = l->run;
    doc_say(d, "The same client asks the same server the same thing, three times: over TCP alone, "
               "over TCP and TLS 1.3, over TCP and TLS 1.2. The wire takes 10 ms each way, and all "
               "figures are of these three runs.");
    doc_section(d, "Side by side");
    doc_table(d, 4, (const char *const[]){"", "TCP alone", "with TLS 1.3", "with TLS 1.2"});
    row_times(l);
    row_sizes(l);
    row_names(l);
    doc_facts(d);
    doc_measured(d, "processor", "processor time",
                 "Both hosts together; of the runs with TLS with the making of the certificates. "
                 "On the virtual clock above computing takes no time.",
                 "%.1f ms, %.1f ms, %.1f ms", (double)r[PLAIN].processor / 1e6,
                 (double)r[MODERN].processor / 1e6, (double)r[OLD].processor / 1e6);
    doc_section(d, "Step by step");
    doc_say(d,
            "TCP's three segments come first in each case: TLS needs the stream that they make.");
    rungs_draw(d, &r[PLAIN].s.x, RUNGS_SEGMENTS, r[PLAIN].s.x.syn_at,
               r[PLAIN].s.x.end[WORLD_CLIENT].opened_at + WORLD_DELAY);
    doc_say(d, "Then, with TLS 1.3, one more round trip:");
    rungs_draw(d, &r[MODERN].s.x, RUNGS_MESSAGES, r[MODERN].s.x.syn_at,
               r[MODERN].s.x.end[WORLD_CLIENT].opened_at + WORLD_DELAY);
    doc_say(d, "With TLS 1.2, two:");
    rungs_draw(d, &r[OLD].s.x, RUNGS_MESSAGES, r[OLD].s.x.syn_at,
               r[OLD].s.x.end[WORLD_CLIENT].opened_at);
}

/* ---- the differences ---- */

static void tell_security(struct lesson *l)
{
    struct doc *d = l->d;
    struct record r;
    struct slice request = {l->run[PLAIN].eve.stream[WORLD_CLIENT], strlen(EXCHANGE_REQUEST)};
    doc_section(d, "The first difference: secrecy");
    doc_say(d, "TCP's handshake agrees on numbers, and on no secret. What an eavesdropper reads of "
               "the request over TCP alone:");
    wire_text(d, request, "The request over TCP");
    doc_say(d, "And of the same request over TLS 1.3:");
    if (wire_request(&l->run[MODERN].eve, &r)) {
        wire_record(d, &r, TLS_1_3, "The request over TLS 1.3");
    }
    doc_say(d, "An eavesdropper still sees who speaks to whom, when, and how much. And the name of "
               "the server: the ClientHello says it in the clear.");
}

/* Changes the balance in an answer that can be read, and makes the checksums right again. */
static bool forge(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    bool *done = arg;
    uint8_t *at = memmem(buf_data(frame) + facts->payload, facts->len, BALANCE, strlen(BALANCE));
    if (at != NULL) {
        *at = '9';
        *done = frame_fix_checksums(frame);
    }
    return true;
}

/* In an answer that cannot be read, one bit of its middle. */
static bool damage(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    bool *done = arg;
    buf_data(frame)[facts->payload + facts->len / 2] ^= 1U;
    *done = frame_fix_checksums(frame);
    return true;
}

static bool tell_forged_tcp(struct lesson *l)
{
    struct doc *d = l->d;
    struct exchange x;
    bool done = false;
    struct tamper_rule rule = {.by_len = true,
                               .len_min = 1,
                               .len_max = 1460,
                               .action = TAMPER_REWRITE,
                               .rewrite = forge,
                               .arg = &done};
    bool good = run_plain(&x, l->o, &rule) && done;
    if (good) {
        const char *body = strstr(x.end[WORLD_CLIENT].got, "\r\n\r\n");
        doc_facts(d);
        doc_fact(d, "sent_plain", "the server sent", "", "%.*s",
                 (int)strcspn(strstr(EXCHANGE_ANSWER, "Your"), "\n"),
                 strstr(EXCHANGE_ANSWER, "Your"));
        doc_fact(
            d, "got_plain", "the client reads",
            "Over TCP alone. The checksum was made right again, and TCP has nothing else to go by.",
            "%.*s", body != NULL ? (int)strcspn(body + 4, "\n") : 0, body != NULL ? body + 4 : "");
    }
    world_free(x.world);
    return good;
}

static bool tell_forged_tls(struct lesson *l, char *error, size_t error_size)
{
    struct doc *d = l->d;
    struct secure s;
    bool done = false;
    size_t len = l->run[MODERN].s.x.end[WORLD_CLIENT].got_len;
    struct tamper_rule rule = {.by_len = true,
                               .len_min =
                                   (uint32_t)len + 5, /* the answer's record, by its length */
                               .len_max = (uint32_t)len + 40,
                               .action = TAMPER_REWRITE,
                               .rewrite = damage,
                               .arg = &done};
    struct secure_options how = {.version = TLS_1_3, .attack = &rule};
    bool good = secure_run(&s, d, l->o, &how, error, error_size) && done &&
                s.x.end[WORLD_CLIENT].got_len == 0;
    if (good) {
        doc_fact(d, "got_tls", "the client reads",
                 "Over TLS 1.3, one bit changed, which one does not matter: the tag does not fit.",
                 "nothing: %s", close_reason_name(s.x.end[WORLD_CLIENT].reason));
        rungs_draw(d, &s.x, RUNGS_MESSAGES,
                   s.x.end[WORLD_CLIENT].opened_at + EXCHANGE_THINKS + ROUND_TRIP, NEVER);
    }
    secure_done(&s);
    return good;
}

static bool tell_authentication(struct lesson *l, char *error, size_t error_size)
{
    struct doc *d = l->d;
    doc_section(d, "The second difference: authentication, and nothing changed on the way");
    doc_say(d, "Over TCP the server is whoever answered at that address. Over TLS it has shown a "
               "certificate for the name that was asked for and signed this very handshake "
               "(`vitrine explain certificate`). And each record is sealed. Somebody on the wire "
               "now changes the answer:");
    if (!tell_forged_tcp(l) || !tell_forged_tls(l, error, error_size)) {
        if (error[0] == '\0') {
            snprintf(error, error_size, "the forged answers did not go as they should");
        }
        return false;
    }
    return true;
}

static void tell_layers(struct lesson *l)
{
    struct doc *d = l->d;
    const struct world *w = l->run[MODERN].s.x.world;
    nsec asked = l->run[MODERN].s.x.end[WORLD_CLIENT].opened_at + EXCHANGE_THINKS;
    doc_section(d, "The third difference: the layer");
    doc_say(
        d, "TCP lives in the transport layer, and its handshake opens a connection. TLS lives "
           "above it: its handshake is made of bytes that TCP carries like any others. It is often "
           "counted to the application layer; to be exact, it lies between that and TCP, and the "
           "application speaks through it as if it were TCP. The frame that carried the request:");
    for (size_t i = 0; i < w->frame_count; i++) {
        const struct world_frame *f = &w->frames[i];
        if (f->sent >= asked && f->from == WORLD_CLIENT && f->payload_len > 0) {
            wire_layers(d, f, "One frame, layer by layer");
            break;
        }
    }
    doc_say(
        d, "In short: both handshakes open a connection between a client and a server. TCP's makes "
           "a stream out of packets; TLS's makes out of the stream one that nobody else can read "
           "or change, with a server that has proven who it is. HTTP over it is called HTTPS.");
}

bool explain_compare(struct doc *d, const struct explain_options *o, char *error, size_t error_size)
{
    static struct lesson l;
    l = (struct lesson){.d = d, .o = o};
    doc_init(d, "compare", "Two handshakes side by side: TCP alone, and TCP with TLS");
    bool good = run_all(&l, error, error_size);
    if (good) {
        tell_table(&l);
        tell_security(&l);
        good = tell_authentication(&l, error, error_size);
        tell_layers(&l);
        good = good && secure_write(&l.run[MODERN].s, o, error, error_size);
    }
    for (unsigned i = 0; i < RUNS; i++) {
        eavesdropper_done(&l.run[i].eve);
        secure_done(&l.run[i].s);
    }
    return good;
}
