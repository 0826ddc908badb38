/* The one tape of a process: everything that a host and its services are given from outside goes through
 * it. While it is off, nothing is in between. While it records, each thing that is had from the system is
 * written down as it is handed on. While it replays, nothing is had from the system: the same things come from the
 * recording, in the same order, to the same code; and every frame that goes out is held against the one that went
 * out then. So the recorder and the replayer are the same few functions, one for each kind of input.
 *
 * What is recorded, and how, is told in docs/recording.md.
 */
#ifndef VITRINE_APPS_TAPE_TAPE_H
#define VITRINE_APPS_TAPE_TAPE_H

#include "apps/http/files.h"
#include "apps/tape/format.h"
#include "stack/host.h"
#include "stack/link/tap.h"

struct tape_options {
    const char *file; /* NULL: nothing is recorded */
    uint64_t limit;   /* bytes of the file; 0: 4 GiB */
    bool tls;         /* there will be secrets of TLS in it */
    bool no_secrets;  /* TCP alone: what is above it is recorded by what it does with its streams */
};

/* Begins to record; says on stderr what is recorded, or why nothing can be. `argv` is what the command was
 * called with: a replay begins by reading it again. Nothing must have been asked of the outside before. */
bool tape_record(const struct tape_options *o, int argc, char **argv);
/* The command is done. Says on stderr how much has been recorded. */
void tape_end_recording(void);

/* How a replay came to its end. */
enum tape_outcome {
    TAPE_RAN,     /* to the end of the recording */
    TAPE_STOPPED, /* where it was asked to (tape_stop_replay) */
    TAPE_BROKEN,  /* to where the file is cut or damaged */
    TAPE_DIFFERS, /* the program did something else than then */
};

struct tape_report {
    enum tape_outcome outcome;
    char build[TAPE_BUILD_MAX + 1]; /* of the program that recorded it */
    bool other_build;               /* and that is not this one */
    uint64_t frames_in, frames_out, records;
    char text[4096]; /* for people: what ended it; "" when there is nothing to say */
};

struct tape_replay {
    const char *file;
    /* Called once the host stands, before anything comes in: who wants its events listens from here on. May
     * be NULL. */
    void (*host_begins)(void *arg, struct host *h);
    void *arg;
    /* Runs the command that was recorded, with its arguments; its status is of no interest. */
    int (*command)(int argc, char **argv);
};

/* Replays. false: there is no such recording, or none that can be read: said in out->text. When the replay ends
 * elsewhere than at the command's own end, the command's frames are left behind as they are (longjmp), and
 * what it had open with them. */
bool tape_replay(const struct tape_replay *r, struct tape_report *out);
/* From inside of a replay: ends it here. */
_Noreturn void tape_stop_replay(void);

/* ---- for the code that is recorded and replayed ---- */

bool tape_is_replaying(void);
/* Once, when a host has been made. */
void tape_host(struct host *h);
/* tap_open, and every frame of that TAP from then on. */
int tape_tap_open(struct tap *t, const char *name, uint32_t caps, uint32_t flags,
                  uint64_t address_seed);
/* The next number in a pipe of signals; 0: none. */
int tape_signal(int fd);
/* Seconds since 1970. */
int64_t tape_wall_clock(void);
/* Recorded, or replayed, is TCP alone (--no-secrets). */
bool tape_is_tcp_only(void);
/* The wheel for the timers of what is above TCP: of that host, unless TCP alone is recorded. Once, before anything
 * listens. */
struct wheel *tape_wheel(struct host *h);
/* Before tcp_listen: the tape stands between TCP and whoever accepts, where TCP alone is recorded. */
void tape_listen(struct tcp_listen_args *args);
/* What is above TCP has ended by itself, outside of any event. */
void tape_services_ended(void);
/* Before a TLS context is made: its randomness and its clocks. 0, or an mbedTLS error. */
int tape_tls(void);
/* The file to read in place of this one, of certificates or a key: itself, whose content is recorded, or in a
 * replay one that has the recorded content. NULL stays NULL. */
const char *tape_pem(const char *file);
/* For http_server_config.files: NULL while the tape is off. */
const struct http_files *tape_http_files(void);

#endif
