/* The account of causes, in words: one for each frame that came in, timer that fired and call of the application, with
 * the check that let it pass or refused it and all that it led to; and one for each frame that went out, with
 * what led to it.
 *
 * Made from the recorder's events alone: what is told is what the stack says it did. Events of one cause come
 * in several pieces (a batch of frames is taken in, then applications are told, then the flush sends), so an
 * account is given when the flush is over, in the order in which they began.
 *
 * Frames that came in have the number of their cause, frames that went out the number that the recorder gave
 * them: both count from 1, each by itself.
 *
 * Bounded: NARRATE_OPEN accounts at once, of NARRATE_TEXT bytes each. When one more is needed, the oldest is given
 * early, and what it still leads to follows in another that goes on with it.
 */
#ifndef VITRINE_APPS_NARRATE_H
#define VITRINE_APPS_NARRATE_H

#include "stack/base/text.h"
#include "stack/trace/trace.h"

#define NARRATE_OPEN 512U
#define NARRATE_HEAD 224U  /* bytes of what it was */
#define NARRATE_TEXT 4096U /* bytes of what it led to */

enum account_kind {
    ACCOUNT_IN,    /* a frame came in */
    ACCOUNT_OUT,   /* a frame went out */
    ACCOUNT_TIMER, /* a timer fired */
    ACCOUNT_APP,   /* an application acted of its own accord */
    ACCOUNT_OTHER, /* before there was any cause */
    ACCOUNT_KINDS,
};

struct account {
    nsec at;
    enum account_kind kind;
    uint64_t number;  /* counts from 1 within its kind */
    uint32_t conn;    /* 0: none */
    const char *text; /* "SYN seq 1000 …: passes …; LISTEN → SYN-RECEIVED; leads to out 3" */
    size_t len;       /* bytes, without the NUL */
};

struct account_open;

struct narrator {
    struct listener listener; /* give this to recorder_listen */
    void (*tell)(void *arg, const struct account *a);
    void *arg;
    struct account_open *open;   /* a ring of NARRATE_OPEN */
    uint32_t first, count;       /* of those in use */
    struct account_open *latest; /* the one of the latest event; NULL: none */
    /* What is about to go out, until its frame has gone. */
    struct cause leaving_cause;
    uint32_t leaving_conn;
    bool leaving_known, leaving_used;
    char leaving[NARRATE_HEAD];
};

/* false: no memory. */
bool narrator_init(struct narrator *n, void (*tell)(void *arg, const struct account *a), void *arg);
void narrator_done(struct narrator *n); /* gives what is still open */

#define ACCOUNT_LINE_MAX (NARRATE_HEAD + NARRATE_TEXT + 128U)
/* "   0.001204  #1    frame 5     SYN seq …", its time in seconds after `since`, without a newline; the bytes
 * written without the NUL. */
size_t account_line(const struct account *a, nsec since, char *out, size_t cap);

const char *account_kind_name(enum account_kind kind); /* "frame", "out", "timer", "app" */

/* ---- for narrate.c: one event in words (narrate_words.c) ---- */

/* What the event says that its frame, timer or call was; nothing when it says no such thing. */
void narrate_head(struct text *t, const struct event *e);
/* What it says that came of it; the same. */
void narrate_effect(struct text *t, const struct event *e);

#endif
