/* The one tape; see tape.h. Here: its beginning and end, and the inputs of the loop. */
#include "apps/tape/tape.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "apps/tape/build.h"
#include "apps/tape/room.h"
#include "stack/loop.h"

#define DEFAULT_LIMIT (UINT64_C(4) << 30U)
#define ARGUMENTS_MAX 256

static struct {
    enum tape_mode mode;
    bool tcp_only;
    nsec last;    /* the clock's last reading */
    int64_t wall; /* the wall clock's */
    struct loop_system system;
    /* recording */
    const char *file;
    struct tape_writer writer;
    /* replaying */
    const struct tape_replay *replay;
    struct tape_reader reader;
    struct tape_report *report;
    jmp_buf leave;
} tape;

enum tape_mode tape_mode(void)
{
    return tape.mode;
}

bool tape_is_tcp_only(void)
{
    return tape.mode != TAPE_OFF && tape.tcp_only;
}

bool tape_is_replaying(void)
{
    return tape.mode == TAPE_REPLAYS_NOW;
}

/* ---- recording ---- */

void tape_fail(int error)
{
    if (tape.mode != TAPE_RECORDS_NOW) {
        return;
    }
    tape.mode = TAPE_OFF;
    bool full = error == -EFBIG;
    fprintf(stderr, "vitrine: --record %s ends here, after %" PRIu64 " bytes: %s\n", tape.file,
            tape.writer.at, full ? "that is the limit (--record-limit)" : strerror(-error));
    tape_writer_close(&tape.writer, full ? TAPE_END_LIMIT : TAPE_END_FAILED);
}

void tape_put(enum tape_type type, const struct slice *parts, size_t count)
{
    if (tape.mode == TAPE_RECORDS_NOW) {
        int result = tape_writer_put(&tape.writer, type, parts, count);
        if (result < 0) {
            tape_fail(result);
        }
    }
}

void tape_put_one(enum tape_type type, const void *data, size_t len)
{
    tape_put(type, &(struct slice){data, len}, 1);
}

static void put_arguments(int argc, char **argv)
{
    struct slice parts[ARGUMENTS_MAX];
    size_t count = 0;
    for (int i = 0; i < argc && count < COUNT_OF(parts); i++) {
        parts[count++] = (struct slice){(const uint8_t *)argv[i], strlen(argv[i]) + 1};
    }
    tape_put(TAPE_ARGUMENTS, parts, count);
}

/* ---- replaying ---- */

void tape_leave(enum tape_outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tape.report->outcome = outcome;
    vsnprintf(tape.report->text, sizeof tape.report->text, format, args);
    va_end(args);
    longjmp(tape.leave, 1);
}

void tape_stop_replay(void)
{
    tape_leave(TAPE_STOPPED, "%s", "");
}

static const char *end_text(struct slice content)
{
    switch (content.len == 1 ? content.data[0] : TAPE_END_DONE) {
    case TAPE_END_LIMIT:
        return "the recording ends here: its file had the size that it was to have";
    case TAPE_END_FAILED:
        return "the recording ends here: it could not be written any further";
    default:
        return NULL;
    }
}

/* What stands there in place of the record that the program asks for ends the replay. */
static _Noreturn void leave_at(enum tape_found found, const struct tape_record *record,
                               enum tape_type wanted)
{
    uint64_t number = tape.reader.chain.number;
    size_t at = tape.reader.at;
    switch (found) {
    case TAPE_FOUND_PADDING:
        tape_leave(TAPE_RAN, "the recording was not ended: the recorded process was killed");
    case TAPE_FOUND_CUT:
        tape_leave(TAPE_BROKEN, "the file is cut off in record %" PRIu64 ", at byte %zu", number,
                   at);
    case TAPE_FOUND_DAMAGE:
        tape_leave(TAPE_BROKEN, "the file is damaged in record %" PRIu64 ", at byte %zu", number,
                   at);
    case TAPE_FOUND_END:
        if (end_text(record->content) != NULL) {
            tape_leave(TAPE_RAN, "%s", end_text(record->content));
        }
        break;
    default:
        break;
    }
    if (record->type == TAPE_FRAME_OUT) {
        tape_leave_frame(record->content, wanted);
    }
    tape_leave(TAPE_DIFFERS,
               "the program goes another way at record %" PRIu64
               " (byte %zu): it asks for %s, and then came %s",
               number, at, tape_type_text(wanted), tape_type_text(record->type));
}

enum tape_type tape_peek(void)
{
    struct tape_reader ahead = tape.reader;
    struct tape_record record;
    return tape_next(&ahead, &record) == TAPE_FOUND_RECORD ? record.type : TAPE_NOTHING;
}

struct rd tape_take(enum tape_type type)
{
    struct tape_record record;
    enum tape_found found = tape_next(&tape.reader, &record);
    if (found != TAPE_FOUND_RECORD || record.type != type) {
        leave_at(found, &record, type);
    }
    tape.report->records++;
    return rd_slice(record.content);
}

void tape_taken(const struct rd *r, enum tape_type type)
{
    if (r->failed || rd_left(r) != 0) {
        tape_leave(TAPE_BROKEN, "record %" PRIu64 " is none of %s that this program knows",
                   tape.reader.chain.number - 1, tape_type_text(type));
    }
}

/* ---- the loop ---- */

static nsec tape_now(void)
{
    if (tape.mode == TAPE_REPLAYS_NOW) {
        struct rd r = tape_take(TAPE_TIME);
        tape.last += rd_signed(&r);
        tape_taken(&r, TAPE_TIME);
        return tape.last;
    }
    nsec now = tape.system.now();
    uint8_t bytes[TAPE_VARINT_MAX];
    struct wr w = wr_of(bytes, sizeof bytes);
    wr_signed(&w, now - tape.last);
    tape.last = now;
    tape_put_one(TAPE_TIME, bytes, wr_len(&w));
    return now;
}

/* Rare, so there is a record only of one. */
static nsec tape_paused(void)
{
    if (tape.mode == TAPE_REPLAYS_NOW) {
        if (tape_peek() != TAPE_PAUSE) {
            return 0;
        }
        struct rd r = tape_take(TAPE_PAUSE);
        nsec paused = rd_signed(&r);
        tape_taken(&r, TAPE_PAUSE);
        return paused;
    }
    nsec paused = tape.system.paused();
    if (paused != 0) {
        uint8_t bytes[TAPE_VARINT_MAX];
        struct wr w = wr_of(bytes, sizeof bytes);
        wr_signed(&w, paused);
        tape_put_one(TAPE_PAUSE, bytes, wr_len(&w));
    }
    return paused;
}

static bool tape_seed(uint8_t seed[32])
{
    if (tape.mode == TAPE_REPLAYS_NOW) {
        struct rd r = tape_take(TAPE_SEED);
        rd_copy(&r, seed, 32);
        tape_taken(&r, TAPE_SEED);
        return true;
    }
    bool good = tape.system.seed(seed);
    if (good) {
        tape_put_one(TAPE_SEED, seed, 32);
    }
    return good;
}

static int take_wait(struct epoll_event *events, int max)
{
    struct rd r = tape_take(TAPE_WAIT);
    int n = 0;
    while (rd_left(&r) > 0 && n < max) {
        events[n].data.u32 = (uint32_t)rd_varint(&r);
        events[n].events = (uint32_t)rd_varint(&r);
        n++;
    }
    tape_taken(&r, TAPE_WAIT);
    return n;
}

static int tape_wait(struct loop *l, struct epoll_event *events, int max, nsec wait)
{
    uint8_t bytes[(size_t)(LOOP_TAPS + LOOP_WATCHES) * 2 * TAPE_VARINT_MAX];
    struct wr w = wr_of(bytes, sizeof bytes);
    if (tape.mode == TAPE_REPLAYS_NOW) {
        return take_wait(events, max);
    }
    int n = tape.system.wait(l, events, max, wait);
    for (int i = 0; i < n; i++) {
        wr_varint(&w, events[i].data.u32);
        wr_varint(&w, events[i].events);
    }
    tape_put_one(TAPE_WAIT, bytes, wr_len(&w));
    return n;
}

static void begin(void)
{
    tape.system = loop_system;
    tape.last = 0;
    tape.wall = 0;
    loop_system = (struct loop_system){
        .now = tape_now, .paused = tape_paused, .seed = tape_seed, .wait = tape_wait};
}

/* ---- single things ---- */

int tape_signal(int fd)
{
    unsigned char number = 0;
    if (tape.mode == TAPE_REPLAYS_NOW) {
        struct rd r = tape_take(TAPE_SIGNAL);
        number = rd_u8(&r);
        tape_taken(&r, TAPE_SIGNAL);
        return number;
    }
    if (read(fd, &number, 1) != 1) {
        number = 0;
    }
    tape_put_one(TAPE_SIGNAL, &number, 1);
    return number;
}

int64_t tape_wall_clock(void)
{
    if (tape.mode == TAPE_REPLAYS_NOW && !tape.tcp_only) {
        struct rd r = tape_take(TAPE_WALL_CLOCK);
        tape.wall += rd_signed(&r);
        tape_taken(&r, TAPE_WALL_CLOCK);
        return tape.wall;
    }
    int64_t now = (int64_t)time(NULL);
    if (tape.mode == TAPE_RECORDS_NOW && !tape.tcp_only) {
        uint8_t bytes[TAPE_VARINT_MAX];
        struct wr w = wr_of(bytes, sizeof bytes);
        wr_signed(&w, now - tape.wall);
        tape.wall = now;
        tape_put_one(TAPE_WALL_CLOCK, bytes, wr_len(&w));
    }
    return now;
}

void tape_host(struct host *h)
{
    if (tape.mode == TAPE_REPLAYS_NOW && tape.replay->host_begins != NULL) {
        tape.replay->host_begins(tape.replay->arg, h);
    }
}

struct tape_report *tape_report(void)
{
    return tape.report;
}

/* ---- from beginning to end ---- */

static void announce(const struct tape_options *o)
{
    const char *what = "SECRETS are written there: what is served and sent, and the host's seed";
    if (o->no_secrets) {
        what = "TCP alone is written there, and no secrets of TLS; what goes in the clear is in it";
    } else if (o->tls) {
        what = "SECRETS are written there: the private keys and all randomness of TLS.\n"
               "         Who has the file can read every connection in it, and be this server";
    }
    fprintf(stderr, "vitrine: --record %s: %s\n", o->file, what);
}

bool tape_record(const struct tape_options *o, int argc, char **argv)
{
    struct tape_header header = {
        .version = TAPE_VERSION,
        .big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__,
        .flags = o->no_secrets ? TAPE_NO_SECRETS : 0,
    };
    if (o->file == NULL) {
        return true;
    }
    tape_build(header.build);
    uint64_t limit = o->limit != 0 ? o->limit : DEFAULT_LIMIT;
    int result = tape_writer_open(&tape.writer, o->file, limit, &header);
    if (result < 0) {
        fprintf(stderr, "vitrine: --record %s: %s\n", o->file,
                result == -EINVAL ? "this is no regular file" : strerror(-result));
        return false;
    }
    announce(o);
    tape.tcp_only = o->no_secrets;
    tape.file = o->file;
    tape.mode = TAPE_RECORDS_NOW;
    begin();
    put_arguments(argc, argv);
    return true;
}

void tape_end_recording(void)
{
    if (tape.mode == TAPE_RECORDS_NOW) {
        tape.mode = TAPE_OFF;
        tape_files_forget();
        tape_tls_forget();
        tape_streams_forget();
        tape_writer_close(&tape.writer, TAPE_END_DONE);
        fprintf(stderr, "vitrine: --record %s: %" PRIu64 " bytes\n", tape.file, tape.writer.at);
    }
}

/* As the command was called. */
static int take_arguments(char *arguments[ARGUMENTS_MAX + 1])
{
    int count = 0;
    struct rd r = tape_take(TAPE_ARGUMENTS);
    while (rd_left(&r) > 0 && count < ARGUMENTS_MAX) {
        size_t len = strnlen((const char *)r.pos, rd_left(&r));
        /* The mapping is our own, and may be written to, as a command may with its arguments. */
        arguments[count++] = (char *)(uintptr_t)r.pos;
        rd_skip(&r, len + 1); /* without a NUL in the rest it fails */
    }
    tape_taken(&r, TAPE_ARGUMENTS);
    arguments[count] = NULL;
    return count;
}

/* Runs the command, up to its end or to where the replay is left. */
static void run(struct tape_report *out)
{
    static char *arguments[ARGUMENTS_MAX + 1];
    struct tape_record end;
    if (setjmp(tape.leave) != 0) {
        return;
    }
    tape.replay->command(take_arguments(arguments), arguments);
    enum tape_found found = tape_next(&tape.reader, &end);
    if (found != TAPE_FOUND_END) {
        leave_at(found, &end, TAPE_END);
    }
    out->outcome = TAPE_RAN;
}

static bool map_file(const char *name, struct slice *out, struct tape_report *report)
{
    struct stat st = {0};
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        void *at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        *out = (struct slice){at, (size_t)st.st_size};
    }
    bool good = out->data != NULL && out->data != MAP_FAILED;
    if (!good) {
        snprintf(report->text, sizeof report->text, "%s",
                 fd < 0 || !S_ISREG(st.st_mode) ? strerror(fd < 0 ? errno : EINVAL)
                                                : "the file is empty");
    }
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

bool tape_replay(const struct tape_replay *r, struct tape_report *out)
{
    struct slice file = {0};
    *out = (struct tape_report){.outcome = TAPE_BROKEN};
    if (!map_file(r->file, &file, out)) {
        return false;
    }
    bool good = tape_open(&tape.reader, file, out->text, sizeof out->text);
    if (good) {
        char build[TAPE_BUILD_MAX + 1];
        tape_build(build);
        memcpy(out->build, tape.reader.header.build, sizeof out->build);
        out->other_build = strcmp(build, out->build) != 0;
        tape.tcp_only = (tape.reader.header.flags & TAPE_NO_SECRETS) != 0;
        tape.replay = r;
        tape.report = out;
        tape.mode = TAPE_REPLAYS_NOW;
        begin();
        run(out);
        tape_files_forget();
        tape_tls_forget();
        tape_streams_forget();
        loop_system = tape.system;
        tape.mode = TAPE_OFF;
    }
    munmap((void *)(uintptr_t)file.data, file.len);
    return good;
}
