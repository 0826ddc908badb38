/* A script in the packetdrill language, read: settings, commands, and events in order.
 *
 * Everything lives in the script's arena. Sequence numbers, timestamps and ports are as written;
 * run.c and match.c translate them to what is on the wire.
 */
#ifndef VITRINE_CONFORMANCE_SCRIPT_H
#define VITRINE_CONFORMANCE_SCRIPT_H

#include "tests/conformance/arena.h"

/* ---- when ---- */

enum when_kind {
    WHEN_ABSOLUTE, /* 1.5: so long after the script began */
    WHEN_RELATIVE, /* +0.1: so long after the event before */
    WHEN_ANY,      /* *: whenever */
};

struct when {
    enum when_kind kind;
    nsec from, to; /* equal unless a range was written */
};

/* ---- what: a system call ---- */

enum expr_kind {
    EXPR_ELLIPSIS,
    EXPR_NUMBER,
    EXPR_TEXT,   /* "…" */
    EXPR_SYMBOL, /* a constant by its name */
    EXPR_CALL,   /* htons(80) */
    EXPR_LIST,   /* […] */
    EXPR_STRUCT, /* {…} */
    EXPR_OR,     /* a | b */
    EXPR_NOT,    /* ~a */
};

struct expr {
    enum expr_kind kind;
    unsigned line;
    int64_t number;
    const char *text;   /* TEXT, the name of SYMBOL and CALL */
    const char *field;  /* inside of a STRUCT: `field = …`; else NULL */
    struct expr *first; /* the parts of LIST, STRUCT, CALL, OR and NOT … */
    struct expr *next;  /* … in a row */
};

#define CALL_ARGS 8U

struct call {
    const char *name;
    unsigned argc;
    struct expr *args[CALL_ARGS];
    struct expr *result; /* ELLIPSIS: any */
    const char *error;   /* the name of the errno, NULL: none is asked for */
    bool blocks;         /* `...`: it returns at `end` */
    nsec end;            /* against the same origin as the event's own time */
};

/* ---- what: a packet ---- */

enum packet_kind {
    PACKET_TCP,
    PACKET_UDP,
    PACKET_ICMP,
};

enum option_kind_name {
    OPT_EOL = 0,
    OPT_NOP = 1,
    OPT_MSS = 2,
    OPT_WSCALE = 3,
    OPT_SACK_OK = 4,
    OPT_SACK = 5,
    OPT_TS = 8,
    OPT_FO = 34,
    OPT_ACCECN0 = 172,
    OPT_ACCECN1 = 174,
};

#define PACKET_OPTIONS 40U /* a header has room for 40 bytes of them */
#define SACK_RANGES 4U
#define COOKIE_MAX 16U
#define ACCECN_COUNTERS_MAX 3U

struct option {
    uint8_t kind;   /* as on the wire */
    uint8_t count;  /* SACK: ranges; FO: bytes of the cookie; ACCECN: counters */
    uint32_t value; /* MSS, WSCALE, TS val */
    uint32_t echo;  /* TS ecr */
    uint32_t sack[SACK_RANGES][2];
    uint8_t cookie[COOKIE_MAX];
    uint32_t counters[ACCECN_COUNTERS_MAX]; /* ACCECN: in the order of the option */
};

enum ecn_mark {
    ECN_ANY, /* not said */
    ECN_NOT = 1,
    ECN_ECT0,
    ECN_ECT1,
    ECN_ECT01, /* either */
    ECN_CE,
};

struct packet_line {
    enum packet_kind kind;
    bool inbound;
    uint8_t ecn;            /* enum ecn_mark */
    int tos, ttl;           /* -1: not said */
    int src_port, dst_port; /* -1: not said */

    /* TCP */
    uint8_t flags; /* as on the wire */
    bool ae;       /* the flag before them (RFC 9768) */
    uint32_t seq, len;
    bool has_ack, has_win, has_urg, any_options;
    uint32_t ack;
    uint16_t win, urg;
    uint8_t option_count;
    struct option options[PACKET_OPTIONS];

    /* ICMP: about a packet that was sent */
    uint8_t type, code;
    uint16_t mtu;    /* of "fragmentation needed" */
    bool quotes_tcp; /* … with these bytes of sequence space */
    bool quotes_udp;
    uint32_t quoted_seq, quoted_len;
};

/* ---- a script ---- */

enum event_kind {
    SCRIPT_PACKET,
    SCRIPT_CALL,
    SCRIPT_SHELL, /* `…` */
    SCRIPT_CODE,  /* %{ … }% */
};

struct script_event {
    enum event_kind kind;
    unsigned line;
    struct when when;
    const char *source; /* the line's text, for people */
    union {
        struct packet_line *packet;
        struct call *call;
        const char *text; /* SHELL, CODE */
    } u;
    struct script_event *next;
};

struct script_setting {       /* --name=value */
    const char *name, *value; /* value "": none was given */
    unsigned line;
    struct script_setting *next;
};

struct script {
    struct arena arena;
    struct script_setting *settings;
    struct script_event *events; /* in order; a command before the first is at time 0 */
    unsigned error_line;         /* of `error` or `unsupported` */
    const char *error;           /* it cannot be read; NULL: it can */
    const char *unsupported;     /* a construct that is known and not supported; NULL: none */
};

#endif
