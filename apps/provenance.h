/* Which way a byte went: from the answer of an HTTP server into a TLS record, from there into the sequence space of
 * TCP, and onto the wire in frames, the first time and again; and back from a frame to the bytes that it carried.
 *
 * Learned from the recorder's events alone, of what one connection sends. Bytes are counted from the first that the
 * server said on it, heads and contents of all answers in a row.
 *
 * Bounded: PROVENANCE_RECORDS records, PROVENANCE_FRAMES segments and PROVENANCE_ANSWERS answers; of more the
 * earliest are kept, and `cut` says that there were more.
 */
#ifndef VITRINE_APPS_PROVENANCE_H
#define VITRINE_APPS_PROVENANCE_H

#include "stack/trace/trace.h"

#define PROVENANCE_RECORDS 65536U
#define PROVENANCE_FRAMES 262144U
#define PROVENANCE_ANSWERS 4096U

/* A TLS record with application data. */
struct provenance_record {
    uint64_t number; /* with which it is protected (RFC 8446 5.3) */
    uint64_t text_at,
        stream_at; /* where its data begins among that of all, and the record in TCP's stream */
    uint32_t text_len, len;
};

/* A segment that carried bytes of the stream. */
struct provenance_frame {
    uint64_t stream_at; /* where its bytes begin in TCP's stream */
    uint32_t seq, len;  /* the same as a sequence number; bytes */
    uint64_t number;    /* the frame, among those that went out; 0: it did not leave */
    nsec at;
    struct cause cause;
    bool again;
    bool lost; /* it was marked lost later */
};

struct provenance_answer {
    uint64_t at;     /* where its head begins */
    uint64_t length; /* bytes of its content, as its head says; 0: none, or not told there */
    uint16_t status;
};

struct provenance {
    struct listener listener; /* give this to recorder_listen */
    uint32_t conn; /* the one that it is about; 0: the first with an answer that is told */
    bool tls, isn_known, cut;
    uint32_t isn;   /* ours */
    uint32_t heard; /* the ACK of the segment at hand */
    nsec ended;     /* of the connection; 0: not yet */
    uint64_t acked; /* bytes of the stream that the peer has acknowledged */
    struct provenance_record *records;
    struct provenance_frame *frames;
    struct provenance_answer *answers;
    uint32_t record_count, frame_count, answer_count;
    bool leaving; /* the latest of `frames` waits for its number */
};

/* From before the connection opens. false: no memory. */
bool provenance_init(struct provenance *p, uint32_t conn);
void provenance_done(struct provenance *p);

/* Where a byte of the answers went. */
struct provenance_way {
    const struct provenance_answer *answer; /* NULL: none is known */
    const struct provenance_record *record; /* NULL: the connection has no TLS */
    uint64_t stream_at; /* in TCP's stream: of the byte, or of the first byte of its record */
    uint32_t seq;       /* the same as a sequence number */
    uint32_t len;       /* bytes there: 1, or the whole record */
};

/* false: no such byte was sent, or it is beyond what is kept. */
bool provenance_of_byte(const struct provenance *p, uint64_t byte, struct provenance_way *out);
/* The frame that went out with this number; NULL: it carried no byte of this connection. */
const struct provenance_frame *provenance_frame(const struct provenance *p, uint64_t number);
/* Whether a frame has any byte of the stretch of the stream. */
bool provenance_carries(const struct provenance_frame *f, uint64_t stream_at, uint64_t len);
/* The answers' bytes in a stretch of the stream, of every record that touches it: [*from, *to). false: none. */
bool provenance_bytes_in(const struct provenance *p, uint64_t stream_at, uint64_t len,
                         uint64_t *from, uint64_t *to);

#endif
