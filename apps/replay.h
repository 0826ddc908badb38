/* Recordings run again: for `vitrine replay`, and for whatever else tells about one. */
#ifndef VITRINE_APPS_REPLAY_H
#define VITRINE_APPS_REPLAY_H

#include "apps/tape/tape.h"

struct replay_run {
    const char *file;
    /* Is told every event of the recorded host, from its beginning on; NULL: nobody is. It may call
     * tape_stop_replay. */
    void (*on_event)(void *arg, const struct event *e);
    /* Once the host stands, before the first event; may be NULL. It lives until replay_run returns or the replay
     * is left. */
    void (*on_host)(void *arg, struct host *h);
    void *arg;
};

/* Runs the recording, whichever command made it. false: it cannot be read, as out->text says. */
bool replay_run(const struct replay_run *run, struct tape_report *out);

/* Where a replay halts, when a debugger holds the process: `break replay_stop_here`. Without a breakpoint
 * there it raises SIGTRAP. */
void replay_stop_here(void);

#endif
