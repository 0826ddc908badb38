/* `vitrine replay`: runs a recording again, without TAP, network or root, and holds every outgoing frame
 * against the recorded one; stops at a frame or an event. See docs/recording.md. */
#include "apps/replay.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/commands.h"
#include "apps/node_options.h"
#include "apps/status.h"
#include "apps/story.h"
#include "apps/terminal.h"
#include "stack/tcp/conn.h"
#include "stack/trace/line.h"

#define STATE_MAX (1024U * 1024U) /* bytes of text about the state at a stop */

static const char usage[] =
    "usage: vitrine replay FILE [OPTION…]\n\n"
    "Runs a recording of `vitrine serve --record FILE` again: the same code, without TAP, network "
    "or\n"
    "root. Every frame that goes out is held against the recorded one. Ends with status 0 when "
    "all\n"
    "are the same, and with 1 at the first that is not, or where the file is damaged.\n\n"
    "  --until N             stop when incoming frame N is about to be handled\n"
    "  --break-on EVENT[@N]  stop at that event (of connection N); again for more of them\n"
    "  --events FILE         every event as a line of JSON\n\n"
    "Under a debugger a stop is a halt in replay_stop_here, and `continue` goes on to the next "
    "one.\n"
    "Without one it prints the state at that moment, and ends.\n";

/* ---- running ---- */

struct running {
    const struct replay_run *run;
    struct listener listener;
};

static void host_begins(void *arg, struct host *h)
{
    struct running *r = arg;
    if (r->run->on_host != NULL) {
        r->run->on_host(r->run->arg, h);
    }
    if (r->run->on_event != NULL) {
        r->listener = (struct listener){.on_event = r->run->on_event, .arg = r->run->arg};
        recorder_listen(&h->recorder, &r->listener);
    }
}

static int run_command(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {{"serve", cmd_serve}};
    for (size_t i = 0; argc > 0 && i < COUNT_OF(commands); i++) {
        if (strcmp(argv[0], commands[i].name) == 0) {
            return commands[i].run(argc, argv);
        }
    }
    return EXIT_FAILURE;
}

bool replay_run(const struct replay_run *run, struct tape_report *out)
{
    struct running r = {.run = run};
    struct tape_replay replay = {
        .file = run->file,
        .host_begins = host_begins,
        .arg = &r,
        .command = run_command,
    };
    return tape_replay(&replay, out);
}

/* ---- stopping ---- */

#define BREAKS_MAX 16U

struct place {
    enum event_type event;
    uint32_t conn; /* 0: of any */
    bool reached;
};

struct replay {
    const char *file, *events;
    uint64_t until; /* 0: no such frame */
    bool reached;   /* that frame */
    struct place breaks[BREAKS_MAX];
    unsigned break_count;
    struct host *host;
    nsec began;
    struct event_file event_file;
};

/* A debugger holds this process (proc_pid_status(5), TracerPid). */
static bool debugged(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    bool held = false;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "TracerPid:", 10) == 0) {
            held = strtol(line + 10, NULL, 10) != 0;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return held;
}

__attribute__((noinline)) void replay_stop_here(void)
{
    kill(getpid(), SIGTRAP);
    __asm__ volatile(""); /* so that this is no last call, and the function is on the stack */
}

static void connection_text(struct tcp_handle *h, nsec now, struct draft *out)
{
    struct story story;
    struct tcp_conn room;
    const struct tcp_conn *c = rest_look(h, &room);
    struct stream *tls = tls_above(&h->stream);
    draft_addf(out, "\n---- connection %u, %s ----\n\n", c->id, tcp_state_name(c->state));
    story_collect(tls != NULL ? tls : &h->stream, now, &story);
    story_so_far(&story, out);
    if (story.over_tls && !story.tls.established) {
        draft_add(out, "\n  TLS is in its handshake.\n");
    }
}

static void print_state(const struct replay *p, const struct event *e)
{
    struct draft text;
    char line[EVENT_LINE_MAX];
    const struct host *h = p->host;
    draft_init(&text, STATE_MAX);
    event_line(e, p->began, line, sizeof line);
    draft_addf(&text, "stopped at: %s\n\n", line);
    status_text(&(struct status){.host = h}, &text);
    for (const struct list *n = h->tcp.all.next; n != &h->tcp.all; n = n->next) {
        connection_text(handle_of_link(n), h->now, &text);
    }
    fputs(text.data != NULL ? text.data : "no memory\n", stdout);
    fflush(stdout);
    draft_done(&text);
}

static void stop(struct replay *p, const struct event *e)
{
    if (debugged()) {
        event_file_flush(&p->event_file);
        replay_stop_here();
        return;
    }
    print_state(p, e);
    tape_stop_replay();
}

static bool is_at(struct replay *p, const struct event *e)
{
    bool at = false;
    for (unsigned i = 0; i < p->break_count; i++) {
        struct place *b = &p->breaks[i];
        if (b->event == e->type && (b->conn == 0 || b->conn == e->conn)) {
            b->reached = at = true;
        }
    }
    return at;
}

static void on_event(void *arg, const struct event *e)
{
    struct replay *p = arg;
    bool now =
        !p->reached && p->until != 0 && e->cause.kind == CAUSE_FRAME && e->cause.number >= p->until;
    p->reached = p->reached || now;
    if (now || is_at(p, e)) {
        stop(p, e);
    }
}

static void on_host(void *arg, struct host *h)
{
    struct replay *p = arg;
    p->host = h;
    p->began = h->now;
    /* Before us, so that the event at which we stop is in the file. */
    if (!event_file_open(&p->event_file, p->events, &h->recorder)) {
        tape_stop_replay();
    }
}

/* ---- the command ---- */

static bool take_break(struct replay *p, const char *text)
{
    size_t len = strcspn(text, "@");
    uint64_t conn = 0;
    if (text[len] == '@' &&
        !option_number("break-on EVENT@", text + len + 1, 1, UINT32_MAX, &conn)) {
        return false;
    }
    if (p->break_count == BREAKS_MAX) {
        fprintf(stderr, "vitrine: at most %u --break-on\n", BREAKS_MAX);
        return false;
    }
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        const char *name = event_name((enum event_type)i);
        if (strlen(name) == len && memcmp(name, text, len) == 0) {
            p->breaks[p->break_count++] =
                (struct place){.event = (enum event_type)i, .conn = (uint32_t)conn};
            return true;
        }
    }
    fprintf(stderr, "vitrine: --break-on: there is no event '%.*s'; there are", (int)len, text);
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        fprintf(stderr, " %s", event_name((enum event_type)i));
    }
    fputc('\n', stderr);
    return false;
}

static enum options_result parse(int argc, char **argv, struct replay *p)
{
    enum { OPT_UNTIL = 256, OPT_BREAK_ON, OPT_EVENTS, OPT_HELP };
    static const struct option options[] = {
        {"until", required_argument, NULL, OPT_UNTIL},
        {"break-on", required_argument, NULL, OPT_BREAK_ON},
        {"events", required_argument, NULL, OPT_EVENTS},
        {"help", no_argument, NULL, OPT_HELP},
        {NULL, 0, NULL, 0},
    };
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool good = true;
        switch (option) {
        case OPT_UNTIL:
            good = option_number("until", optarg, 1, UINT64_MAX, &p->until);
            break;
        case OPT_BREAK_ON:
            good = take_break(p, optarg);
            break;
        case OPT_EVENTS:
            p->events = optarg;
            break;
        case OPT_HELP:
            fputs(usage, stdout);
            return OPTIONS_HELP;
        default:
            good = false;
        }
        if (!good) {
            return OPTIONS_BAD;
        }
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "vitrine: replay takes one FILE; vitrine replay --help says more\n");
        return OPTIONS_BAD;
    }
    p->file = argv[optind];
    return OPTIONS_GOOD;
}

/* Where it was to stop, and never came. */
static void print_missed(const struct replay *p)
{
    if (p->until != 0 && !p->reached) {
        printf("frame %" PRIu64 " did not come\n", p->until);
    }
    for (unsigned i = 0; i < p->break_count; i++) {
        const struct place *b = &p->breaks[i];
        if (!b->reached && b->conn != 0) {
            printf("%s of connection %" PRIu32 " did not come\n", event_name(b->event), b->conn);
        } else if (!b->reached) {
            printf("%s did not come\n", event_name(b->event));
        }
    }
}

static int conclude(const struct replay *p, const struct tape_report *r)
{
    static const char *const outcomes[] = {
        [TAPE_RAN] = "all frames are the same",
        [TAPE_STOPPED] = "stopped; all frames so far are the same",
        [TAPE_BROKEN] = "broken; all frames so far are the same",
        [TAPE_DIFFERS] = "DIFFERENT",
    };
    if (r->text[0] != '\0') {
        fprintf(r->outcome == TAPE_RAN ? stdout : stderr, "%s\n", r->text);
    }
    if (r->outcome == TAPE_RAN) {
        print_missed(p);
    }
    printf("%s: %" PRIu64 " frames in, %" PRIu64 " frames out, %" PRIu64 " records: %s\n", p->file,
           r->frames_in, r->frames_out, r->records, outcomes[r->outcome]);
    return r->outcome == TAPE_RAN || r->outcome == TAPE_STOPPED ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int replay(struct replay *p)
{
    bool stops = p->until != 0 || p->break_count > 0;
    struct replay_run run = {
        .file = p->file,
        .on_event = stops ? on_event : NULL,
        .on_host = on_host,
        .arg = p,
    };
    struct tape_report report;
    bool good = replay_run(&run, &report);
    event_file_close(&p->event_file);
    if (!good) {
        fprintf(stderr, "vitrine: %s: %s\n", p->file, report.text);
        return EXIT_FAILURE;
    }
    if (report.other_build) {
        fprintf(stderr, "vitrine: %s was recorded by another build of the program (%s)\n", p->file,
                report.build);
    }
    return conclude(p, &report);
}

int cmd_replay(int argc, char **argv)
{
    static struct replay p;
    p = (struct replay){0};
    switch (parse(argc, argv, &p)) {
    case OPTIONS_GOOD:
        return replay(&p);
    case OPTIONS_HELP:
        return EXIT_SUCCESS;
    default:
        return 2;
    }
}
