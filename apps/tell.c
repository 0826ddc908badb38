/* `vitrine tell`: the account of a recording: why each frame did what it did, and which way a byte of an answer went. The
 * recording is run again, and what is told is what the stack says of itself on the way. See docs/seeing.md. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/commands.h"
#include "apps/narrate.h"
#include "apps/node_options.h"
#include "apps/provenance.h"
#include "apps/replay.h"
#include "stack/host.h"
#include "stack/trace/fields.h"

static const char usage[] =
    "usage: vitrine tell FILE [OPTION…]\n\n"
    "Tells a recording of `vitrine serve --record FILE`: what each frame, timer and call was,\n"
    "the check that let it pass or refused it, and all that it led to, a line each.\n\n"
    "  --conn N    only connection N\n"
    "  --frame N   only frame N that came in, and the frames that it led to\n"
    "  --out N     only frame N that went out, with its cause, and which bytes of the answers on\n"
    "              connection --conn [1] it carried\n"
    "  --byte N    the way of byte N (from 0) of what was answered on connection --conn [1]:\n"
    "              its TLS record, its sequence number, and each frame that carried it\n";

struct tell {
    const char *file;
    uint64_t conn, frame, out, byte; /* conn, frame, out: 0: any */
    bool byte_asked;
    struct narrator narrator;
    struct provenance provenance;
    struct recorder *recorder;
    nsec began;
    uint64_t told; /* lines */
};

/* ---- lines ---- */

static bool names(const char *text, const char *what, uint64_t number)
{
    char want[48];
    int n = snprintf(want, sizeof want, "%s %" PRIu64, what, number);
    for (const char *at = strstr(text, want); at != NULL; at = strstr(at + 1, want)) {
        if (at[n] < '0' || at[n] > '9') {
            return true;
        }
    }
    return false;
}

static bool wanted(const struct tell *t, const struct account *a)
{
    if (t->conn != 0 && a->conn != t->conn) {
        return false;
    }
    if (t->frame != 0) {
        return (a->kind == ACCOUNT_IN && a->number == t->frame) ||
               (a->kind == ACCOUNT_OUT && names(a->text, "because of frame", t->frame));
    }
    return t->out == 0 || (a->kind == ACCOUNT_OUT && a->number == t->out);
}

static void on_account(void *arg, const struct account *a)
{
    struct tell *t = arg;
    char line[ACCOUNT_LINE_MAX];
    if (!t->byte_asked && wanted(t, a)) {
        account_line(a, t->began, line, sizeof line);
        puts(line);
        t->told++;
    }
}

/* ---- ways ---- */

static void print_frames(const struct tell *t, uint64_t stream_at, uint64_t len)
{
    const struct provenance *p = &t->provenance;
    for (uint32_t i = 0; i < p->frame_count; i++) {
        const struct provenance_frame *f = &p->frames[i];
        if (!provenance_carries(f, stream_at, len)) {
            continue;
        }
        nsec after = f->at - t->began;
        printf("  frame   out %" PRIu64 " at %" PRId64 ".%06" PRId64 ", seq %" PRIu32 " … %" PRIu32
               ", because of %s %" PRIu64 "%s%s\n",
               f->number, after / NS_PER_SEC, after % NS_PER_SEC / 1000, f->seq,
               f->seq + f->len - 1, cause_name((enum cause_kind)f->cause.kind),
               (uint64_t)f->cause.number, f->again ? ", again" : "",
               f->number == 0 ? ", which did not leave"
               : f->lost      ? ", taken for lost"
                              : "");
    }
}

static void print_answer(const struct provenance *p, const struct provenance_way *w, uint64_t byte)
{
    if (w->answer != NULL) {
        printf("  answer  %u of the connection, status %u: byte %" PRIu64
               " of its head and content\n",
               (unsigned)(w->answer - p->answers) + 1, w->answer->status, byte - w->answer->at);
    }
}

static int print_byte(const struct tell *t)
{
    const struct provenance *p = &t->provenance;
    struct provenance_way w;
    if (!provenance_of_byte(p, t->byte, &w)) {
        fprintf(stderr, "vitrine: byte %" PRIu64 " was not sent on connection %" PRIu64 "%s\n",
                t->byte, t->conn, p->cut ? ", or comes after what is kept" : "");
        return EXIT_FAILURE;
    }
    printf("byte %" PRIu64 " of what connection %" PRIu64 " answered\n", t->byte, t->conn);
    print_answer(p, &w, t->byte);
    if (w.record != NULL) {
        printf("  record  number %" PRIu64 " of the server's application traffic key, %" PRIu32
               " B, data %" PRIu64 " … %" PRIu64 ": byte %" PRIu64 " of its data\n",
               w.record->number, w.record->len, w.record->text_at,
               w.record->text_at + w.record->text_len - 1, t->byte - w.record->text_at);
    }
    printf("  stream  seq %" PRIu32 " … %" PRIu32 ", %s\n", w.seq, w.seq + w.len - 1,
           p->acked >= w.stream_at + w.len ? "acknowledged"
                                           : "not acknowledged as far as is known");
    print_frames(t, w.stream_at, w.len);
    return EXIT_SUCCESS;
}

static void print_carried(const struct tell *t)
{
    const struct provenance *p = &t->provenance;
    const struct provenance_frame *f = provenance_frame(p, t->out);
    uint64_t from, to;
    if (f != NULL && provenance_bytes_in(p, f->stream_at, f->len, &from, &to)) {
        printf("  carried bytes %" PRIu64 " … %" PRIu64 " of what connection %" PRIu32
               " answered%s\n",
               from, to - 1, p->conn, p->tls ? ", or parts of the records with them" : "");
    }
}

/* ---- the command ---- */

static void on_host(void *arg, struct host *h)
{
    struct tell *t = arg;
    t->recorder = &h->recorder;
    t->began = h->now;
    recorder_listen(&h->recorder, &t->narrator.listener);
    recorder_listen(&h->recorder, &t->provenance.listener);
}

static enum options_result parse(int argc, char **argv, struct tell *t)
{
    enum { OPT_CONN = 256, OPT_FRAME, OPT_OUT, OPT_BYTE, OPT_HELP };
    static const struct option options[] = {
        {"conn", required_argument, NULL, OPT_CONN}, {"frame", required_argument, NULL, OPT_FRAME},
        {"out", required_argument, NULL, OPT_OUT},   {"byte", required_argument, NULL, OPT_BYTE},
        {"help", no_argument, NULL, OPT_HELP},       {NULL, 0, NULL, 0},
    };
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool good = false;
        switch (option) {
        case OPT_CONN:
            good = option_number("conn", optarg, 1, UINT32_MAX, &t->conn);
            break;
        case OPT_FRAME:
            good = option_number("frame", optarg, 1, INT64_MAX, &t->frame);
            break;
        case OPT_OUT:
            good = option_number("out", optarg, 1, INT64_MAX, &t->out);
            break;
        case OPT_BYTE:
            t->byte_asked = good = option_number("byte", optarg, 0, INT64_MAX, &t->byte);
            break;
        case OPT_HELP:
            fputs(usage, stdout);
            return OPTIONS_HELP;
        default:
            break;
        }
        if (!good) {
            return OPTIONS_BAD;
        }
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "vitrine: tell takes one FILE; vitrine tell --help says more\n");
        return OPTIONS_BAD;
    }
    t->file = argv[optind];
    return OPTIONS_GOOD;
}

/* What was asked for, once the recording is at its end. */
static int conclude(struct tell *t, const struct tape_report *r)
{
    int status = r->outcome == TAPE_RAN ? EXIT_SUCCESS : EXIT_FAILURE;
    if (r->outcome != TAPE_RAN) { /* what was told until then is true nevertheless */
        fprintf(stderr, "vitrine: %s: %s\n", t->file, r->text);
    }
    if (t->byte_asked) {
        return print_byte(t) == EXIT_SUCCESS ? status : EXIT_FAILURE;
    }
    if (t->out != 0) {
        print_carried(t);
    }
    if (t->told == 0) {
        fprintf(stderr, "vitrine: %s has nothing of that\n", t->file);
        return EXIT_FAILURE;
    }
    return status;
}

static int tell(struct tell *t)
{
    struct tape_report report;
    struct replay_run run = {.file = t->file, .on_host = on_host, .arg = t};
    if (t->byte_asked && t->conn == 0) {
        t->conn = 1;
    }
    if (!narrator_init(&t->narrator, on_account, t)) {
        fprintf(stderr, "vitrine: no memory\n");
        return EXIT_FAILURE;
    }
    int status = EXIT_FAILURE;
    if (!provenance_init(&t->provenance, t->conn != 0 ? (uint32_t)t->conn : 1)) {
        fprintf(stderr, "vitrine: no memory\n");
    } else if (!replay_run(&run, &report)) {
        fprintf(stderr, "vitrine: %s: %s\n", t->file, report.text);
    } else {
        narrator_done(&t->narrator); /* what the end of the recording left open */
        status = conclude(t, &report);
    }
    narrator_done(&t->narrator);
    provenance_done(&t->provenance);
    return status;
}

int cmd_tell(int argc, char **argv)
{
    static struct tell t;
    t = (struct tell){0};
    switch (parse(argc, argv, &t)) {
    case OPTIONS_GOOD:
        return tell(&t);
    case OPTIONS_HELP:
        return EXIT_SUCCESS;
    default:
        return 2;
    }
}
