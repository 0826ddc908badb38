/* The file of a recording: a header, and records one after the other (docs/recording.md).
 *
 *   header   "VITRINE\x1a", version (2 bytes), byte order of the machine (1), flags (1), length (2) and text of
 *            the program's build, check (4)
 *   record   type (1 byte), length (varint), content, check (4)
 *
 * Numbers are big-endian, or varints: seven bits a byte, the lowest first, bit 7 says that more follow. A
 * check is the lower half of SipHash-2-4 over the bytes before it, from the header's or the record's first
 * on, with the number of the record and the check before it as key: so a record that is damaged, lost or in
 * a wrong place is seen at that place. Here are no system calls: bytes in, bytes out.
 */
#ifndef VITRINE_APPS_TAPE_FORMAT_H
#define VITRINE_APPS_TAPE_FORMAT_H

#include "stack/base/cursor.h"

#define TAPE_VERSION 1U
#define TAPE_BUILD_MAX 128U              /* bytes of text */
#define TAPE_CONTENT_MAX (1024U * 1024U) /* bytes of one record's content */
#define TAPE_OVERHEAD 16U                /* bytes around the content of a record, at most */
#define TAPE_HEADER_MAX (32U + TAPE_BUILD_MAX)
#define TAPE_VARINT_MAX 10U

enum tape_flag { TAPE_NO_SECRETS = 1 };

/* Every kind of record once: TAPE(NAME, "what it is"). The order is the number in the file: only add. */
#define TAPE_RECORDS                                                                               \
    TAPE(NOTHING, "nothing (the recording was not ended)")                                         \
    TAPE(END, "the end")                                                                           \
    TAPE(ARGUMENTS, "the arguments of the command")                                                \
    TAPE(SEED, "the host's seed")                                                                  \
    TAPE(TIME, "the clock")                                                                        \
    TAPE(WAIT, "what is ready")                                                                    \
    TAPE(DEVICE, "a TAP device")                                                                   \
    TAPE(FRAME_IN, "a frame that came in")                                                         \
    TAPE(NO_FRAME, "no frame")                                                                     \
    TAPE(FRAME_OUT, "a frame that went out")                                                       \
    TAPE(SIGNAL, "a signal")                                                                       \
    TAPE(WALL_CLOCK, "the time of day")                                                            \
    TAPE(FILE_OPEN, "a file that was asked for")                                                   \
    TAPE(FILE_READ, "bytes of a file")                                                             \
    TAPE(ENTROPY, "randomness for TLS")                                                            \
    TAPE(MILLISECONDS, "the clock by which tickets age")                                           \
    TAPE(PEM, "a file of certificates or keys")                                                    \
    TAPE(CALL, "a call from above TCP")                                                            \
    TAPE(RETURN, "a return to TCP")                                                                \
    TAPE(PAUSE, "time in which the process stood still")

enum tape_type {
#define TAPE(name, text) TAPE_##name,
    TAPE_RECORDS
#undef TAPE
        TAPE_TYPES,
};

const char *tape_type_text(enum tape_type type); /* "the clock"; "?" for a number that is none */

struct tape_header {
    uint16_t version;
    bool big_endian; /* the machine's numbers in frames (linux/virtio_net.h) */
    uint8_t flags;   /* enum tape_flag */
    char build[TAPE_BUILD_MAX + 1];
};

void wr_varint(struct wr *w, uint64_t v);
uint64_t rd_varint(struct rd *r);        /* more than 64 bits, or more bytes than needed: fails */
void wr_signed(struct wr *w, int64_t v); /* zigzag: small numbers of either sign are short */
int64_t rd_signed(struct rd *r);

/* ---- writing ---- */

/* What the next record's check depends on. */
struct tape_chain {
    uint64_t number; /* records so far */
    uint32_t check;  /* the last one */
};

/* Each appends to `w`, whose room must suffice: TAPE_HEADER_MAX, or the content and TAPE_OVERHEAD. The content is in
 * `parts`, one after the other. */
void tape_write_header(struct wr *w, struct tape_chain *chain, const struct tape_header *h);
void tape_write_record(struct wr *w, struct tape_chain *chain, enum tape_type type,
                       const struct slice *parts, size_t count);

/* ---- reading ---- */

enum tape_found {
    TAPE_FOUND_RECORD,
    TAPE_FOUND_END,     /* the END record, or nothing more after it */
    TAPE_FOUND_PADDING, /* only zeros until the file's end: the recorder had no time to end it */
    TAPE_FOUND_CUT,     /* the file ends inside a record */
    TAPE_FOUND_DAMAGE,  /* a check does not hold, a length or type is impossible */
};

struct tape_reader {
    struct slice file;
    size_t at; /* bytes: where the next record begins */
    struct tape_chain chain;
    struct tape_header header;
};

struct tape_record {
    enum tape_type type;
    struct slice content; /* in the file */
};

/* false: no recording, or of a version that is not known; `why` gets a sentence. */
bool tape_open(struct tape_reader *r, struct slice file, char *why, size_t why_size);
/* The next record; the reader stays where it is unless there is one. */
enum tape_found tape_next(struct tape_reader *r, struct tape_record *out);

#endif
