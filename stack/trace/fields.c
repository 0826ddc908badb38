/* The fields of each event as data, generated from events.def. */
#include "stack/trace/fields.h"

#include "stack/trace/names.h"

#include <string.h>

_Static_assert(TCP_FLAGS_TEXT_MAX <= FIELD_WORD_MAX, "flags fit in a word");
_Static_assert(TCP_OPTS_TEXT_MAX <= FIELD_WORD_MAX, "options fit in a word");

#define FIELD(name, type, unit)                                                                    \
    {#name, type, unit, offsetof(record, name), sizeof(((record *)NULL)->name)},
#define U8(name, unit) FIELD(name, FIELD_U8, UNIT_##unit)
#define U16(name, unit) FIELD(name, FIELD_U16, UNIT_##unit)
#define U32(name, unit) FIELD(name, FIELD_U32, UNIT_##unit)
#define U64(name, unit) FIELD(name, FIELD_U64, UNIT_##unit)
#define NS(name, unit) FIELD(name, FIELD_NS, UNIT_##unit)
#define IP(name, unit) FIELD(name, FIELD_IP, UNIT_##unit)
#define TEXT(name, size) FIELD(name, FIELD_TEXT, UNIT_NONE)
#define EVENT(name, text, fields)                                                                  \
    case EV_##name: {                                                                              \
        typedef struct ev_##name record;                                                           \
        static const struct event_field list[] = {fields};                                         \
        *count = COUNT_OF(list);                                                                   \
        return list;                                                                               \
    }

const struct event_field *event_fields(enum event_type type, size_t *count)
{
    switch (type) {
#include "stack/trace/events.def"
    case EVENT_TYPES:
        break;
    }
    *count = 0;
    return NULL;
}

static const uint8_t *field_bytes(const struct event *e, const struct event_field *f)
{
    return (const uint8_t *)&e->u + f->offset;
}

uint64_t field_number(const struct event *e, const struct event_field *f)
{
    const uint8_t *p = field_bytes(e, f);
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch ((enum field_type)f->type) {
    case FIELD_U8:
        return *p;
    case FIELD_U16:
        memcpy(&u16, p, sizeof u16);
        return u16;
    case FIELD_U32:
        memcpy(&u32, p, sizeof u32);
        return u32;
    case FIELD_U64:
    case FIELD_NS:
        memcpy(&u64, p, sizeof u64);
        return u64;
    case FIELD_IP:
    case FIELD_TEXT:
        break;
    }
    return 0;
}

struct ip_addr field_addr(const struct event *e, const struct event_field *f)
{
    struct ip_addr a;
    memcpy(a.b, field_bytes(e, f), sizeof a.b);
    return a;
}

const char *field_text(const struct event *e, const struct event_field *f)
{
    return (const char *)field_bytes(e, f);
}

const char *field_word(enum field_unit unit, uint64_t number, char out[FIELD_WORD_MAX])
{
    switch (unit) {
    case UNIT_DROP_REASON:
        return drop_name((enum drop_reason)number);
    case UNIT_NEIGHBOUR_STATE:
        return neighbour_state_name((enum neighbour_state)number);
    case UNIT_TCP_FLAGS:
        return tcp_flags_text((uint16_t)number, out);
    case UNIT_TCP_OPTS:
        return tcp_opts_text((uint8_t)number, out);
    case UNIT_TCP_STATE:
        return tcp_state_name((enum tcp_state)number);
    case UNIT_TCP_TIMER:
        return tcp_timer_name((enum tcp_timer)number);
    case UNIT_CWND_WHY:
        return cwnd_why_name((enum cwnd_why)number);
    case UNIT_MTU_WHY:
        return mtu_why_name((enum mtu_why)number);
    case UNIT_CC_STATE:
        return cc_state_name((enum cc_state)number);
    case UNIT_LOSS_HOW:
        return loss_how_name((enum loss_how)number);
    case UNIT_IP_ECN:
        return ip_ecn_name((enum ip_ecn)number);
    case UNIT_ECN_MODE:
        return ecn_mode_name((enum ecn_mode)number);
    case UNIT_ECN_WHY:
        return ecn_why_name((enum ecn_why)number);
    case UNIT_FAST_OPEN:
        return fast_open_name((enum fast_open)number);
    case UNIT_TLS_EARLY:
        return tls_early_name((enum tls_early)number);
    case UNIT_TLS_PROOF:
        return tls_proof_name((enum tls_proof)number);
    case UNIT_CLOSE_REASON:
        return close_reason_name((enum close_reason)number);
    default:
        return NULL;
    }
}

const char *cause_name(enum cause_kind kind)
{
    switch (kind) {
    case CAUSE_NONE:
        return "none";
    case CAUSE_FRAME:
        return "frame";
    case CAUSE_TIMER:
        return "timer";
    case CAUSE_APP:
        return "app";
    }
    return "?";
}
