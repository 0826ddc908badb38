/* Runs a script: event after event on virtual time, and judges what the host does. */
#ifndef VITRINE_CONFORMANCE_RUN_H
#define VITRINE_CONFORMANCE_RUN_H

#include "tests/conformance/flow.h"
#include "tests/conformance/lexer.h"
#include "tests/conformance/match.h"
#include "tests/conformance/script.h"
#include "tests/conformance/settings.h"

#define RUN_TEXT 1536U                   /* bytes of a verdict's text */
#define RUN_EVENTS_TEXT 16384U           /* bytes of the events that are shown with a failure */
#define ANY_TIME_MAX (3600 * NS_PER_SEC) /* so long `*` waits for a packet */

enum verdict_kind {
    VERDICT_PASS,
    VERDICT_FAIL,
    VERDICT_SKIP, /* it needs what this runner or the stack does not have */
};

struct verdict {
    enum verdict_kind kind;
    unsigned line; /* 0: none in particular */
    char text[RUN_TEXT];
    char events[RUN_EVENTS_TEXT]; /* the host's latest events before a failure, a line each */
};

/* A system call under way. */
struct attempt {
    const struct call *call;
    const struct script_event *event; /* NULL: none */
    nsec origin;                      /* against which the script counts the time of its return */
    nsec since;                       /* when it was called */
    nsec wake;   /* when it must be asked again although nothing happened; NEVER */
    size_t done; /* bytes that a write has queued so far */
    bool begun;  /* it was asked before */
};

struct run {
    struct world world;
    struct sockets sockets;
    struct flows flows;
    struct settings settings;
    struct script *script;
    const char *dir; /* of the script */
    struct match_rules rules;
    struct attempt blocked;
    nsec origin; /* the host's clock at the script's time 0 */
    bool over;   /* the verdict is found */
    struct verdict *verdict;
    unsigned events_shown; /* of the recorder, with a failure */
};

struct run_options {
    const struct defines *defines;
    const struct script_setting *settings; /* of the command line; they win over the script's */
    unsigned events;                       /* to show with a failure */
};

/* One script, from its text. `dir` is where its includes are. */
void run_script(const char *text, size_t len, const char *dir, const struct run_options *options,
                struct verdict *out);

/* ---- for the parts of the runner ---- */

/* The verdict is found, unless there is one already. */
__attribute__((format(printf, 4, 5))) void run_end(struct run *r, enum verdict_kind kind,
                                                   unsigned line, const char *form, ...);
/* Moves the clock to `target`; calls that are under way go on meanwhile. */
void run_until(struct run *r, nsec target);
/* The same, but stops as soon as the host has sent something. */
void run_until_packet(struct run *r, nsec target);

/* run_packet.c */
void run_packet_in(struct run *r, const struct script_event *e);
void run_packet_out(struct run *r, const struct script_event *e, nsec from, nsec to);
/* A script that names no ports follows one connection at a time: what the host still says on one that was
 * closed before, and its answers to pings, are left out. */
void run_leave_out_others(struct run *r);

/* calls.c: a reason for which the call cannot be made here; NULL: it can. */
const char *call_unsupported(const struct call *c, struct arena *arena);
/* One try; `wait` in the outcome: it has to be asked again. */
struct outcome call_try(struct run *r, struct attempt *a);
/* What it returned is what the script says. Else `why`. */
bool call_result_good(const struct run *r, const struct call *c, const struct outcome *o,
                      char why[MATCH_TEXT]);

/* tcpi.c: the fields of tcp_info of the latest connection; `arg` is the run. */
bool tcpi_lookup(void *arg, const char *name, double *out);

#endif
