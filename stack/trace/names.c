/* Names for the numbers in events: states and timers in the words of RFC 9293, and the lists of
 * drops.def and events.def.
 */
#include "stack/trace/names.h"

#include "stack/trace/trace.h"

#include <string.h>

static const char *name_of(const char *const *names, size_t count, size_t i)
{
    return i < count ? names[i] : "?";
}

const char *tcp_state_name(enum tcp_state s)
{
    static const char *const names[TCP_STATES] = {
        [TCP_CLOSED] = "CLOSED",           [TCP_LISTEN] = "LISTEN",
        [TCP_SYN_SENT] = "SYN-SENT",       [TCP_SYN_RCVD] = "SYN-RECEIVED",
        [TCP_ESTABLISHED] = "ESTABLISHED", [TCP_FIN_WAIT_1] = "FIN-WAIT-1",
        [TCP_FIN_WAIT_2] = "FIN-WAIT-2",   [TCP_CLOSE_WAIT] = "CLOSE-WAIT",
        [TCP_CLOSING] = "CLOSING",         [TCP_LAST_ACK] = "LAST-ACK",
        [TCP_TIME_WAIT] = "TIME-WAIT",
    };
    return name_of(names, COUNT_OF(names), (size_t)s);
}

const char *tcp_timer_name(enum tcp_timer t)
{
    static const char *const names[TCP_TIMERS] = {
        [TCP_TIMER_RTO] = "rto",
        [TCP_TIMER_PERSIST] = "persist",
        [TCP_TIMER_DELACK] = "delayed-ack",
        [TCP_TIMER_KEEPALIVE] = "keep-alive",
        [TCP_TIMER_FIN_WAIT] = "fin-wait",
        [TCP_TIMER_REORDER] = "reordering",
        [TCP_TIMER_PROBE] = "tail-loss probe",
        [TCP_TIMER_PACE] = "pacing",
    };
    return name_of(names, COUNT_OF(names), (size_t)t);
}

const char *close_reason_name(enum close_reason r)
{
    static const char *const names[CLOSE_REASONS] = {
        [CLOSE_NORMAL] = "closed by both sides",
        [CLOSE_RESET] = "reset by peer",
        [CLOSE_REFUSED] = "refused by peer",
        [CLOSE_TIMEOUT] = "peer stopped answering",
        [CLOSE_UNREACHABLE] = "peer unreachable",
        [CLOSE_ABORTED] = "aborted by our application",
        [CLOSE_NO_RESOURCES] = "a limit of ours was reached",
        [CLOSE_TRUNCATED] = "truncated: FIN without close_notify",
        [CLOSE_TLS_ALERT] = "fatal TLS alert from peer",
        [CLOSE_TLS_FAILED] = "TLS failed on our side",
    };
    return name_of(names, COUNT_OF(names), (size_t)r);
}

const char *cwnd_why_name(enum cwnd_why w)
{
    static const char *const names[CWND_WHYS] = {
        [CWND_INITIAL] = "initial window",
        [CWND_SLOW_START] = "slow start",
        [CWND_AVOIDANCE] = "congestion avoidance",
        [CWND_FAST_RETRANSMIT] = "fast retransmit",
        [CWND_RECOVERY] = "fast recovery",
        [CWND_RECOVERED] = "recovered",
        [CWND_TIMEOUT] = "timeout",
        [CWND_IDLE] = "idle",
        [CWND_UNDONE] = "undone",
        [CWND_UNUSED] = "unused",
        [CWND_MODEL] = "model",
        [CWND_MARK] = "congestion mark",
    };
    return name_of(names, COUNT_OF(names), (size_t)w);
}

const char *cc_state_name(enum cc_state s)
{
    static const char *const names[CC_STATES] = {
        [CC_SLOW_START] = "slow start",     [CC_AVOIDANCE] = "congestion avoidance",
        [CC_BBR_STARTUP] = "Startup",       [CC_BBR_DRAIN] = "Drain",
        [CC_BBR_DOWN] = "ProbeBW_DOWN",     [CC_BBR_CRUISE] = "ProbeBW_CRUISE",
        [CC_BBR_REFILL] = "ProbeBW_REFILL", [CC_BBR_UP] = "ProbeBW_UP",
        [CC_BBR_PROBE_RTT] = "ProbeRTT",
    };
    return name_of(names, COUNT_OF(names), (size_t)s);
}

const char *loss_how_name(enum loss_how h)
{
    static const char *const names[LOSS_HOWS] = {
        [LOSS_DUPLICATE_ACKS] = "duplicate acks",
        [LOSS_PARTIAL_ACK] = "partial ack",
        [LOSS_TIMEOUT] = "timeout",
        [LOSS_PROBE] = "probe of the MTU",
        [LOSS_RACK] = "rack",
        [LOSS_SYN] = "not taken from the syn",
    };
    return name_of(names, COUNT_OF(names), (size_t)h);
}

const char *plpmtu_state_name(enum plpmtu_state s)
{
    static const char *const names[PLPMTU_STATES] = {
        [PLPMTU_DISABLED] = "DISABLED",   [PLPMTU_BASE] = "BASE",
        [PLPMTU_SEARCHING] = "SEARCHING", [PLPMTU_SEARCH_COMPLETE] = "SEARCH_COMPLETE",
        [PLPMTU_ERROR] = "ERROR",
    };
    return name_of(names, COUNT_OF(names), (size_t)s);
}

const char *mtu_why_name(enum mtu_why w)
{
    static const char *const names[MTU_WHYS] = {
        [MTU_TOLD] = "told by ICMP",        [MTU_HELD] = "claimed by ICMP",
        [MTU_BLACK_HOLE] = "black hole",    [MTU_PROBE] = "probe",
        [MTU_PROBE_LOST] = "probe lost",    [MTU_RAISED] = "probe arrived",
        [MTU_SEARCHED] = "search complete",
    };
    return name_of(names, COUNT_OF(names), (size_t)w);
}

const char *ip_ecn_name(enum ip_ecn e)
{
    static const char *const names[IP_ECNS] = {
        [IP_ECN_NOT_ECT] = "not ECT",
        [IP_ECN_ECT1] = "ECT(1)",
        [IP_ECN_ECT0] = "ECT(0)",
        [IP_ECN_CE] = "CE",
    };
    return name_of(names, COUNT_OF(names), (size_t)e);
}

const char *ecn_mode_name(enum ecn_mode m)
{
    static const char *const names[ECN_MODES] = {
        [ECN_MODE_NONE] = "none",
        [ECN_MODE_CLASSIC] = "classic",
        [ECN_MODE_ACCURATE] = "accurate",
    };
    return name_of(names, COUNT_OF(names), (size_t)m);
}

const char *ecn_why_name(enum ecn_why w)
{
    static const char *const names[ECN_WHYS] = {
        [ECN_WHY_AGREED] = "agreed",         [ECN_WHY_BARE_SYN] = "bare syn",
        [ECN_WHY_BLACK_HOLE] = "black hole", [ECN_WHY_MANGLED] = "mangled",
        [ECN_WHY_ALL_MARKED] = "all marked",
    };
    return name_of(names, COUNT_OF(names), (size_t)w);
}

const char *fast_open_name(enum fast_open f)
{
    static const char *const names[FAST_OPENS] = {
        [FAST_OPEN_ASKED] = "cookie asked for", [FAST_OPEN_GIVEN] = "cookie given",
        [FAST_OPEN_LEARNT] = "cookie learnt",   [FAST_OPEN_SENT] = "sent",
        [FAST_OPEN_ACCEPTED] = "accepted",      [FAST_OPEN_INVALID] = "invalid cookie",
        [FAST_OPEN_FULL] = "too many pending",  [FAST_OPEN_IGNORED] = "not taken",
        [FAST_OPEN_UNHEARD] = "no answer",      [FAST_OPEN_PAUSED] = "paused",
    };
    return name_of(names, COUNT_OF(names), (size_t)f);
}

const char *neighbour_state_name(enum neighbour_state s)
{
    static const char *const names[NEIGHBOUR_STATES] = {
        [NEIGHBOUR_INCOMPLETE] = "incomplete",
        [NEIGHBOUR_REACHABLE] = "reachable",
        [NEIGHBOUR_STALE] = "stale",
        [NEIGHBOUR_FAILED] = "failed",
    };
    return name_of(names, COUNT_OF(names), (size_t)s);
}

const char *tls_early_name(enum tls_early e)
{
    static const char *const names[EARLIES] = {
        [EARLY_NONE] = "none",
        [EARLY_REJECTED] = "rejected",
        [EARLY_ACCEPTED] = "accepted",
    };
    return name_of(names, COUNT_OF(names), (size_t)e);
}

const char *tls_proof_name(enum tls_proof p)
{
    static const char *const names[PROOFS] = {
        [PROOF_CERTIFICATE] = "certificate",
        [PROOF_TICKET] = "ticket",
        [PROOF_PSK] = "pre-shared key",
    };
    return name_of(names, COUNT_OF(names), (size_t)p);
}

/* The names of the bits that are set in `bits`, lowest first, with spaces between. */
static const char *bits_text(unsigned bits, const char *const *names, size_t count, char *out)
{
    char *p = out;
    for (size_t i = 0; i < count; i++) {
        if ((bits >> i & 1) == 0) {
            continue;
        }
        if (p != out) {
            *p++ = ' ';
        }
        size_t len = strlen(names[i]);
        memcpy(p, names[i], len);
        p += len;
    }
    *p = '\0';
    return out;
}

const char *tcp_flags_text(uint16_t flags, char out[TCP_FLAGS_TEXT_MAX])
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK",
                                        "URG", "ECE", "CWR", "AE"};
    return bits_text(flags, names, COUNT_OF(names), out);
}

const char *tcp_opts_text(uint8_t opts, char out[TCP_OPTS_TEXT_MAX])
{
    static const char *const names[] = {"MSS", "WSCALE", "SACK-OK", "TS", "SACK", "ACCECN", "TFO"};
    return bits_text(opts, names, COUNT_OF(names), out);
}

const char *drop_name(enum drop_reason reason)
{
    static const char *const names[] = {
#define DROP(name, text, clause) #name,
#include "stack/trace/drops.def"
#undef DROP
    };
    return name_of(names, COUNT_OF(names), (size_t)reason);
}

const char *drop_text(enum drop_reason reason)
{
    static const char *const texts[] = {
#define DROP(name, text, clause) text,
#include "stack/trace/drops.def"
#undef DROP
    };
    return name_of(texts, COUNT_OF(texts), (size_t)reason);
}

const char *drop_clause(enum drop_reason reason)
{
    static const char *const clauses[] = {
#define DROP(name, text, clause) clause,
#include "stack/trace/drops.def"
#undef DROP
    };
    return name_of(clauses, COUNT_OF(clauses), (size_t)reason);
}

const char *event_name(enum event_type type)
{
    static const char *const names[] = {
#define EVENT(name, text, fields) #name,
#include "stack/trace/events.def"
#undef EVENT
    };
    return name_of(names, COUNT_OF(names), (size_t)type);
}

const char *event_text(enum event_type type)
{
    static const char *const texts[] = {
#define EVENT(name, text, fields) text,
#include "stack/trace/events.def"
#undef EVENT
    };
    return name_of(texts, COUNT_OF(texts), (size_t)type);
}
