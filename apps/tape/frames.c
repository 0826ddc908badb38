/* The frames of a TAP on the tape. What comes in is kept as it was read, with the device's header in front
 * of it; of what goes out, the first bytes and a hash of the whole. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include "apps/draft.h"
#include "apps/frame_text.h"
#include "apps/tape/room.h"
#include "stack/base/siphash.h"

#define OUT_BYTES 128U /* of a frame that goes out: enough for all its headers */
#define OUT_MAX (NETDEV_BIG_BYTES + 64U)
#define DIFFERS_TEXT 2048U

static const struct siphash_key out_key; /* no secret: it guards against accidents */

/* ---- in ---- */

static void put_frame_in(const void *data, ptrdiff_t len)
{
    if (len > 0) {
        tape_put_one(TAPE_FRAME_IN, data, (size_t)len);
    } else {
        uint8_t bytes[TAPE_VARINT_MAX];
        struct wr w = wr_of(bytes, sizeof bytes);
        wr_varint(&w, len < 0 ? (uint64_t)errno : 0);
        tape_put_one(TAPE_NO_FRAME, bytes, wr_len(&w));
    }
}

static ptrdiff_t record_read(struct tap *t, void *data, size_t len)
{
    ptrdiff_t got = tap_system_calls.read(t, data, len);
    int error = errno;
    put_frame_in(data, got);
    errno = error;
    return got;
}

static ptrdiff_t replay_read(struct tap *t, void *data, size_t len)
{
    (void)t;
    enum tape_type type = tape_peek();
    if (type == TAPE_NO_FRAME) {
        struct rd r = tape_take(TAPE_NO_FRAME);
        int error = (int)rd_varint(&r);
        tape_taken(&r, TAPE_NO_FRAME);
        errno = error;
        return error != 0 ? -1 : 0;
    }
    struct rd r = tape_take(TAPE_FRAME_IN);
    size_t got = rd_left(&r);
    if (got > len) {
        tape_leave(TAPE_DIFFERS, "a frame of %zu bytes came in then, and there is room for %zu now",
                   got, len);
    }
    rd_copy(&r, data, got);
    tape_report()->frames_in++;
    return (ptrdiff_t)got;
}

/* ---- out ---- */

static struct slice gather(const struct iovec *parts, int count)
{
    static uint8_t frame[OUT_MAX];
    struct wr w = wr_of(frame, sizeof frame);
    for (int i = 0; i < count; i++) {
        wr_bytes(&w, parts[i].iov_base, parts[i].iov_len);
    }
    return (struct slice){frame, wr_len(&w)};
}

/* One frame as its record has it. */
struct out_frame {
    bool taken; /* the device took it */
    size_t len;
    struct slice bytes; /* the first OUT_BYTES of it */
    uint64_t hash;      /* of all, where these are not all */
};

static struct out_frame out_frame_of(struct slice frame, bool taken)
{
    return (struct out_frame){
        .taken = taken,
        .len = frame.len,
        .bytes = {frame.data, size_min(frame.len, OUT_BYTES)},
        .hash = frame.len > OUT_BYTES ? siphash(&out_key, frame.data, frame.len) : 0,
    };
}

static ptrdiff_t record_write(struct tap *t, const struct iovec *parts, int count)
{
    uint8_t head[2 * TAPE_VARINT_MAX], hash[8];
    struct wr w = wr_of(head, sizeof head), tail = wr_of(hash, sizeof hash);
    struct slice frame = gather(parts, count);
    ptrdiff_t written = tap_system_calls.write(t, parts, count);
    int error = errno;
    struct out_frame f = out_frame_of(frame, written >= 0 && (size_t)written == frame.len);
    wr_u8(&w, f.taken ? 1 : 0);
    wr_varint(&w, f.len);
    if (f.len > OUT_BYTES) {
        wr_be32(&tail, (uint32_t)(f.hash >> 32));
        wr_be32(&tail, (uint32_t)f.hash);
    }
    tape_put(TAPE_FRAME_OUT, (struct slice[]){{head, wr_len(&w)}, f.bytes, {hash, wr_len(&tail)}},
             3);
    errno = error;
    return written;
}

static struct out_frame read_out_frame(struct rd *r)
{
    struct out_frame f = {.taken = rd_u8(r) == 1};
    f.len = (size_t)rd_varint(r);
    f.bytes = rd_take(r, size_min(f.len, OUT_BYTES));
    f.hash = f.len > OUT_BYTES ? rd_be64(r) : 0;
    return f;
}

/* ---- what differs ---- */

static void frame_line(const struct tap *t, const char *when, const struct out_frame *f,
                       struct draft *out)
{
    struct slice bytes = f->bytes;
    size_t skip = size_min(t != NULL ? t->header : 0, bytes.len);
    draft_addf(out, "\n  %s: ", when);
    frame_text((struct slice){bytes.data + skip, bytes.len - skip}, f->len - skip, out);
}

static _Noreturn void leave_with(const struct draft *text)
{
    char kept[DIFFERS_TEXT];
    snprintf(kept, sizeof kept, "%s", text->data != NULL ? text->data : "no memory");
    free(text->data);
    tape_leave(TAPE_DIFFERS, "%s", kept);
}

static struct draft begin_text(void)
{
    struct draft text;
    draft_init(&text, DIFFERS_TEXT);
    draft_addf(&text, "outgoing frame %" PRIu64, tape_report()->frames_out + 1);
    return text;
}

static _Noreturn void leave_different(const struct tap *t, const struct out_frame *then,
                                      const struct out_frame *now)
{
    struct draft text = begin_text();
    size_t at = 0;
    while (at < then->bytes.len && at < now->bytes.len &&
           then->bytes.data[at] == now->bytes.data[at]) {
        at++;
    }
    bool behind = at == then->bytes.len && at == now->bytes.len;
    draft_addf(&text, " differs from byte %zu on%s", at - size_min(at, t->header),
               behind ? ", or behind it" : "");
    frame_line(t, "recorded", then, &text);
    frame_line(t, "replayed", now, &text);
    leave_with(&text);
}

_Noreturn void tape_leave_frame(struct slice content, enum tape_type wanted)
{
    struct rd r = rd_slice(content);
    struct out_frame then = read_out_frame(&r);
    struct draft text = begin_text();
    draft_addf(&text, " is missing: the program asks for %s instead", tape_type_text(wanted));
    frame_line(NULL, "recorded", &then, &text);
    leave_with(&text);
}

static _Noreturn void leave_additional(const struct tap *t, const struct out_frame *now)
{
    struct draft text = begin_text();
    draft_addf(&text, " was not sent then: there came %s", tape_type_text(tape_peek()));
    frame_line(t, "replayed", now, &text);
    leave_with(&text);
}

static ptrdiff_t replay_write(struct tap *t, const struct iovec *parts, int count)
{
    struct slice frame = gather(parts, count);
    struct out_frame now = out_frame_of(frame, true);
    enum tape_type next = tape_peek();
    if (next != TAPE_FRAME_OUT && next != TAPE_NOTHING) {
        leave_additional(t, &now);
    }
    struct rd r = tape_take(TAPE_FRAME_OUT);
    struct out_frame then = read_out_frame(&r);
    tape_taken(&r, TAPE_FRAME_OUT);
    bool same_len = then.len == now.len && then.bytes.len == now.bytes.len && now.bytes.len > 0;
    if (!same_len || then.hash != now.hash ||
        memcmp(then.bytes.data, now.bytes.data, now.bytes.len) != 0) {
        leave_different(t, &then, &now);
    }
    tape_report()->frames_out++;
    if (!then.taken) {
        errno = EAGAIN;
        return -1;
    }
    return (ptrdiff_t)frame.len;
}

/* ---- the device ---- */

static const struct tap_calls recording = {.read = record_read, .write = record_write};
static const struct tap_calls replaying = {.read = replay_read, .write = replay_write};

/* A descriptor that a loop can watch, and on which nothing ever comes. */
static int replay_open(struct tap *t, uint64_t address_seed)
{
    struct rd r = tape_take(TAPE_DEVICE);
    uint32_t mtu = (uint32_t)rd_varint(&r), caps = (uint32_t)rd_varint(&r);
    int error = (int)rd_varint(&r);
    tape_taken(&r, TAPE_DEVICE);
    if (error != 0) {
        return -error;
    }
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    tap_of_fd(t, fd, mtu, caps, address_seed);
    t->calls = &replaying;
    return 0;
}

int tape_tap_open(struct tap *t, const char *name, uint32_t caps, uint32_t flags,
                  uint64_t address_seed)
{
    if (tape_mode() == TAPE_REPLAYS_NOW) {
        return replay_open(t, address_seed);
    }
    int result = tap_open(t, name, caps, flags, address_seed);
    if (tape_mode() == TAPE_RECORDS_NOW) {
        uint8_t bytes[3 * TAPE_VARINT_MAX];
        struct wr w = wr_of(bytes, sizeof bytes);
        wr_varint(&w, t->dev.mtu);
        wr_varint(&w, t->dev.caps);
        wr_varint(&w, (uint64_t)-result);
        tape_put_one(TAPE_DEVICE, bytes, wr_len(&w));
        t->calls = &recording;
    }
    return result;
}
