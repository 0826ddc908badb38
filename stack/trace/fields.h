/* The fields of each event as data, from events.def: for JSON, for a line of text, and for whoever
 * else shows events without knowing them.
 */
#ifndef VITRINE_TRACE_FIELDS_H
#define VITRINE_TRACE_FIELDS_H

#include "stack/base/text.h"
#include "stack/trace/trace.h"

enum field_type {
    FIELD_U8,
    FIELD_U16,
    FIELD_U32,
    FIELD_U64,
    FIELD_NS,
    FIELD_IP,
    FIELD_TEXT,
};

/* How the number is to be shown. */
enum field_unit {
    UNIT_NONE, /* text */
    UNIT_COUNT,
    UNIT_BYTES,
    UNIT_NS,
    UNIT_SEQ,
    UNIT_HEX,
    UNIT_BOOL,
    UNIT_ADDR,
    /* these have words in names.h */
    UNIT_DROP_REASON,
    UNIT_NEIGHBOUR_STATE,
    UNIT_TCP_FLAGS,
    UNIT_TCP_OPTS,
    UNIT_TCP_STATE,
    UNIT_TCP_TIMER,
    UNIT_CWND_WHY,
    UNIT_LOSS_HOW,
    UNIT_MTU_WHY,
    UNIT_CC_STATE,
    UNIT_IP_ECN,
    UNIT_ECN_MODE,
    UNIT_ECN_WHY,
    UNIT_FAST_OPEN,
    UNIT_CLOSE_REASON,
    UNIT_TLS_PROOF,
    UNIT_TLS_EARLY,
    /* the words of these are known on floors above */
    UNIT_TLS_MESSAGE,
    UNIT_TLS_STATE,
    UNIT_TLS_SECRET,
    UNIT_TLS_ALERT,
    UNIT_TLS_VERSION,
    UNIT_TLS_SUITE,
    UNIT_TLS_GROUP,
    UNIT_HTTP_METHOD,
};

struct event_field {
    const char *name;
    uint8_t type;   /* enum field_type */
    uint8_t unit;   /* enum field_unit */
    uint8_t offset; /* bytes from the start of the event's `u` */
    uint8_t size;   /* bytes */
};

/* The fields of an event in their order, `*count` of them; none for a number that is no event. */
const struct event_field *event_fields(enum event_type type, size_t *count);
/* A field's number; 0 for addresses and text. */
uint64_t field_number(const struct event *e, const struct event_field *f);
struct ip_addr field_addr(const struct event *e, const struct event_field *f); /* FIELD_IP only */
const char *field_text(const struct event *e, const struct event_field *f);    /* FIELD_TEXT only */

#define FIELD_WORD_MAX 40 /* bytes, with the NUL */
/* The number in words, possibly in `out`; NULL when its unit has none here. */
const char *field_word(enum field_unit unit, uint64_t number, char out[FIELD_WORD_MAX]);

const char *cause_name(enum cause_kind kind); /* "frame" */

#endif
