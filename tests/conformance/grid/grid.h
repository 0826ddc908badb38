/* The grid: every state of RFC 9293 3.3.2 by every event of 3.10, each cell a test.
 *
 * grid.def is the table, to be read beside the RFC; table.c makes rows of it, setup.c brings a host into a state by
 * exchanges on the wire and calls of the public interface, event.c lets the event happen, judge.c compares what came
 * of it with the cell, page.c writes the table as a page.
 */
#ifndef VITRINE_GRID_GRID_H
#define VITRINE_GRID_GRID_H

#include "stack/trace/trace.h"
#include "tests/conformance/script.h"

/* Bits, so that a line of the table can name several. */
enum grid_state {
    SAME = 0, /* as the state after: the one before */
    CLOSED = 0x001,
    LISTEN = 0x002,
    SYN_SENT = 0x004,
    SYN_RCVD = 0x008, /* from LISTEN */
    CROSSED = 0x010,  /* SYN-RECEIVED from SYN-SENT: a simultaneous open */
    ESTAB = 0x020,    /* with DATA_LEN bytes in flight */
    FIN_WAIT_1 = 0x040,
    FIN_WAIT_2 = 0x080,
    CLOSE_WAIT = 0x100, /* with DATA_LEN bytes in flight */
    CLOSING = 0x200,
    LAST_ACK = 0x400,
    TIME_WAIT = 0x800,

    OPENING = SYN_RCVD | CROSSED,
    OPEN = ESTAB | FIN_WAIT_1 | FIN_WAIT_2, /* the peer may still send */
    ENDING = CLOSING | LAST_ACK,
    AFTER_FIN = CLOSE_WAIT | ENDING,
    SYNCED = OPEN | AFTER_FIN, /* synchronized, but for TIME-WAIT */
    ALL = CLOSED | LISTEN | SYN_SENT | OPENING | SYNCED | TIME_WAIT,
};

#define GRID_STATES 12U
#define DATA_LEN 1000U /* bytes of ours in flight in ESTABLISHED and CLOSE-WAIT */

/* What the host sends. SND.NXT and the like: as they were before the event. */
enum grid_answer {
    NOTHING,
    ACK,        /* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> */
    ACK_ALL,    /* <SEQ=SND.NXT><ACK=SEG.SEQ+SEG.LEN><CTL=ACK>, and what waited behind it */
    SYN,        /* <SEQ=ISS><CTL=SYN> */
    SYN_ACK,    /* <SEQ=ISS><ACK=IRS+1><CTL=SYN,ACK> */
    RST_AT_ACK, /* <SEQ=SEG.ACK><CTL=RST> */
    RST_ACK,    /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
    RST,        /* <SEQ=SND.NXT><CTL=RST>; with <ACK=RCV.NXT> or without */
    FIN,        /* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=FIN,ACK> */
    FIN_AGAIN,  /* <SEQ=SND.UNA><ACK=RCV.NXT><CTL=FIN,ACK> */
    DATA,       /* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> with all that was written */
    DATA_AGAIN, /* <SEQ=SND.UNA><ACK=RCV.NXT><CTL=ACK> with what is in flight, or the first part of it */
    PROBE,      /* <SEQ=SND.NXT-1><ACK=RCV.NXT><CTL=ACK> */
    ANSWERS,
};

/* What the application sees; bits. */
enum grid_sees {
    NONE = 0,
    OPENED = 0x001,
    READS = 0x002, /* exactly the bytes that the event's `reads` says */
    PEER_CLOSED = 0x004,
    DONE = 0x008, /* closed: both sides have */
    RESET = 0x010,
    REFUSED = 0x020,
    TIMEOUT = 0x040,
    UNREACHABLE = 0x080,
    OTHER_END = 0x100, /* closed for a reason that no cell has */
    REPORT = 0x200,    /* of a soft error */
    TROUBLE = 0x400,   /* of retransmissions without an answer: R1 */
    URGENT = 0x800,    /* of urgent data */
    FAILS = 0x1000,    /* the call is refused */
};

/* ---- events ---- */

enum grid_how {
    SEGMENT,
    ICMP,
    CALL,
    TIME,
};

/* Numbers of the connection from which an event's numbers are counted. */
enum grid_base {
    ZERO,
    RCV_NXT,  /* before there is one: the peer's ISS */
    RCV_EDGE, /* RCV.NXT+RCV.WND */
    IRS,
    SND_UNA,
    SND_NXT,
    ACK_OK, /* an ACK that brings nothing: SND.UNA, while the SYN is in flight SND.NXT */
};

enum grid_flag { /* as on the wire; names of the table */
                 F = 0x01,
                 S = 0x02,
                 R = 0x04,
                 A = 0x10,
                 U = 0x20,
};

enum grid_quirk {
    PLAIN,
    BAD_CHECKSUM,
    BAD_OFFSET,     /* data offset beyond the segment */
    BAD_OPTION,     /* an option of length 0 */
    UNKNOWN_OPTION, /* an option of a kind that nothing has */
    OLD_TIMESTAMP,  /* before the latest one */
    NO_TIMESTAMP,   /* though they are in use */
};

enum grid_prepare {
    AS_IS = 0,
    TIMESTAMPS = 0x01,   /* both sides use them */
    ACKED = 0x02,        /* nothing is in flight */
    FULL = 0x04,         /* RCV.WND is 0: the application does not read */
    HOLE = 0x08,         /* 100 bytes from RCV.NXT+100 have come */
    GONE = 0x10,         /* the application has closed both ways (tcp_close) */
    KEEPALIVE = 0x20,    /* on, with its defaults */
    USER_TIMEOUT = 0x40, /* 10 s */
    FIN_LATE = 0x80,     /* 100 s have passed, and the peer's FIN has come again */
    TIMED_OUT = 0x100,   /* the retransmission timer has fired: what is in flight went again */
};

enum grid_call {
    CALL_OPEN,   /* active, the same pair of sockets */
    CALL_LISTEN, /* on the same port */
    CALL_SEND,
    CALL_CLOSE, /* of the sending side; of a listener: unlisten */
    CALL_ABORT, /* of a listener and of what is in its handshake: unlisten */
};

struct grid_event {
    const char *name, *title;
    enum grid_how how;
    unsigned prepare; /* enum grid_prepare */
    bool twice; /* it is judged only by what comes after what is sent again (an end by timeout) */

    /* SEGMENT; of ICMP: seq is that of the quoted packet */
    enum grid_base seq_from, ack_from;
    int32_t seq_off, ack_off;
    uint8_t flags; /* enum grid_flag */
    uint16_t len, reads, urg;
    uint16_t more; /* ACK_ALL: bytes that waited behind the segment */
    enum grid_quirk quirk;

    /* ICMP */
    uint8_t type, code;
    uint16_t mtu; /* of the next hop */

    enum grid_call call;

    /* TIME: so long, or until something is sent or the state changes */
    nsec span;
    bool until_sent;
};

/* ---- cells ---- */

/* One line of the table: an event, a cell for several states, or the states that an event cannot meet. */
struct grid_row {
    const struct grid_event *event; /* not NULL: an event begins */
    unsigned states;                /* enum grid_state */
    const char *absent;             /* there is no such cell, and why */
    enum grid_answer answer;
    unsigned after; /* enum grid_state */
    unsigned sees;  /* enum grid_sees */
    int drop;       /* enum drop_reason, NO_DROP */
    const char *clause;
    const char *ids; /* requirements that the cell holds */
};

#define NO_DROP (-1)

size_t grid_row_count(void);
const struct grid_row *grid_row(size_t i);
/* The event to which row i belongs. */
const struct grid_event *grid_event_of(size_t i);
const char *grid_state_name(unsigned state); /* "SYN-RECEIVED" */
/* false: a cell stands there twice or not at all; it is printed. */
bool grid_complete(void);

struct grid_fault {
    char text[400]; /* empty: the cell is as it should be */
};
void grid_run(const struct grid_event *e, unsigned state, const struct grid_row *cell,
              struct grid_fault *fault);

#include <stdio.h>
void grid_page(FILE *out);
void grid_ids(FILE *out); /* "id<TAB>cell" for each requirement that a cell names */

#endif
