/* RFC 9768 3.2 and appendix A. */
#include "stack/tcp/accecn.h"

#include "stack/tcp/conn.h"

#define CEP_START 5U           /* RFC 9768 3.2.1 */
#define COUNTER_MASK 0xffffffU /* 3.2.3: 24 bits */
#define CE_WITH_UNACKED 2U     /* 3.2.2.5.1: so many CE make an ACK, while data waits for one … */
#define CE_WITHOUT 3U          /* … and when none does: an ACK of ACKs */
#define SEEN_ALL 7U            /* every counter */
#define AVERAGE_ONE 8U         /* the unit of `average` */
#define AVERAGE_MANY 4U        /* packets in one ACK: A.2.1 asks for "well below 8" */
#define OPTION_MIN 2U          /* bytes of an option without fields */
#define FIELD_BYTES 3U
#define SYN_ACKS_WITH_FLAGS 2U /* 3.2.3.2.2: of those that are not answered */

static const uint32_t start_bytes[ACCECN_COUNTERS] = {[ACCECN_E0] = 1, [ACCECN_E1] = 1};

/* ---- arithmetic ---- */

static const uint8_t handshake_codes[IP_ECNS] = {
    [IP_ECN_NOT_ECT] = 2, [IP_ECN_ECT1] = 3, [IP_ECN_ECT0] = 4, [IP_ECN_CE] = 6};

uint8_t accecn_handshake_code(enum ip_ecn came)
{
    return handshake_codes[came];
}

enum ip_ecn accecn_handshake_meaning(uint8_t code)
{
    for (unsigned i = 0; i < IP_ECNS; i++) {
        if (handshake_codes[i] == code) {
            return (enum ip_ecn)i;
        }
    }
    return IP_ECNS;
}

uint32_t accecn_byte_delta(uint32_t counter, uint32_t field)
{
    return (field - counter) & COUNTER_MASK;
}

uint32_t accecn_delta(uint32_t counter, uint8_t ace)
{
    return (ace - counter) & 7U;
}

uint32_t accecn_safest(uint32_t delta, uint32_t packets)
{
    return delta > packets ? delta : packets - ((packets - delta) & 7U);
}

uint32_t accecn_likely(uint32_t delta, uint32_t safest, uint32_t bytes, uint32_t mss)
{
    bool fits = bytes <= (uint64_t)mss * delta; /* segments of the least number hold them */
    bool tiny =
        (uint64_t)bytes * 2 < (uint64_t)mss * safest; /* those of the most were half empty */
    return fits && tiny ? delta : safest;
}

/* ---- the handshake ---- */

void accecn_begin(struct tcp_conn *c, enum ip_ecn came)
{
    struct tcp_accecn *a = &c->accecn;
    *a = (struct tcp_accecn){.cep = CEP_START, .peer_cep = CEP_START, .peer_syn = (uint8_t)came};
    for (unsigned i = 0; i < ACCECN_COUNTERS; i++) {
        a->bytes[i] = a->peer_bytes[i] = start_bytes[i];
    }
    a->no_option = c->tcp->config.no_accecn_option;
}

/* The whole option, whatever has changed: so that the peer can tell if the path writes into it. */
static void whole_option(const struct tcp_accecn *a, struct tcp_segment *s)
{
    s->opts |= TCP_OPT_HAS_ACCECN;
    s->accecn_fields = ACCECN_COUNTERS;
    for (unsigned i = 0; i < ACCECN_COUNTERS; i++) {
        s->accecn[i] = a->bytes[i] & COUNTER_MASK;
    }
}

bool accecn_stamp_syn_ack(struct tcp_conn *c, struct tcp_segment *s)
{
    struct tcp_accecn *a = &c->accecn;
    bool fallback = !c->tcp->config.no_ecn_fallback;
    if (fallback && c->backoff >= SYN_ACKS_WITH_FLAGS) {
        return false;
    }
    segment_set_ace(s, accecn_handshake_code((enum ip_ecn)a->peer_syn));
    a->no_option = a->no_option || (fallback && a->option_sent);
    if (!a->no_option) {
        uint32_t room = TCP_OPTIONS_MAX - segment_options_len(s);
        whole_option(a, s);
        while (OPTION_MIN + FIELD_BYTES * s->accecn_fields >
               room) { /* beside a cookie of RFC 7413 */
            s->accecn_fields--;
        }
        a->option_sent = true;
    }
    return true;
}

/* 3.2.3.2.3, 3.2.3.2.4: whether options get through, and untouched. The counters of ECT begin at 1. */
static void try_first_option(struct tcp_accecn *a, const struct tcp_segment *s)
{
    a->options_come = (s->opts & TCP_OPT_HAS_ACCECN) != 0;
    bool e0 = segment_accecn_has(s, ACCECN_E0);
    bool e1 = segment_accecn_has(s, ACCECN_E1);
    a->ignore_options = (e0 && s->accecn[ACCECN_E0] == 0) || (e1 && s->accecn[ACCECN_E1] == 0);
}

static void count_syn_ack(struct tcp_accecn *a, const struct tcp_segment *s)
{
    a->peer_syn = s->ecn;
    if (s->ecn == IP_ECN_CE && !a->syn_ack_ce) { /* 3.2.2.2: once, however many come */
        a->syn_ack_ce = true;
        a->cep++;
    }
}

void accecn_take_syn_ack(struct tcp_conn *c, const struct tcp_segment *s)
{
    struct tcp_accecn *a = &c->accecn;
    enum ip_ecn ours =
        accecn_handshake_meaning(segment_ace(s)); /* IP_ECNS: as it was sent (3.1.3) */
    count_syn_ack(a, s);
    a->client = true;
    a->syn_marked = ours == IP_ECN_CE;
    if (ours != IP_ECN_NOT_ECT && ours != IP_ECNS) { /* 3.2.2.3 */
        ecn_stop(c, ECN_WHY_MANGLED, false);
    }
    a->third_due = true;
    a->try_option = !a->no_option;
    try_first_option(a, s);
}

void accecn_syn_ack_again(struct tcp_conn *c, const struct tcp_segment *s)
{
    count_syn_ack(&c->accecn, s);
    c->accecn.third_due = true;
}

/* ---- the receiver ---- */

/* A super-segment stands for several packets, all with the same codepoint. */
static uint32_t packets_of(const struct tcp_segment *s)
{
    uint32_t size = s->payload != NULL ? s->payload->offload.gso_size : 0;
    return size == 0 || s->len <= size ? 1 : (s->len + size - 1) / size;
}

static void count_bytes(struct tcp_accecn *a, enum accecn_counter which, uint32_t len)
{
    if (len > 0) {
        a->bytes[which] += len;
        a->seen |= (uint8_t)(1U << which);
        a->untold |= (uint8_t)(1U << which);
    }
}

static void count_packet(struct tcp_accecn *a, const struct tcp_segment *s)
{
    switch ((enum ip_ecn)s->ecn) {
    case IP_ECN_CE:
        a->cep += packets_of(s);
        count_bytes(a, ACCECN_CE, s->len);
        break;
    case IP_ECN_ECT0:
        count_bytes(a, ACCECN_E0, s->len);
        break;
    case IP_ECN_ECT1:
        count_bytes(a, ACCECN_E1, s->len);
        break;
    default:
        break;
    }
}

/* 3.2.2.5.1: data with the first mark after a packet without is acknowledged at once, and so is a number of
 * marks, before the counter can go round. */
void accecn_receive(struct tcp_conn *c, const struct tcp_segment *s)
{
    struct tcp_accecn *a = &c->accecn;
    bool ce = s->ecn == IP_ECN_CE;
    count_packet(a, s);
    bool changed = ce && !a->latest_ce && s->len > 0;
    a->latest_ce = ce;
    bool text = segment_span(s) > 0;
    a->of_acks = a->of_acks && !text;
    if (!ce) {
        return;
    }
    a->ce_unacked = (uint8_t)u32_min(a->ce_unacked + packets_of(s), UINT8_MAX);
    bool waiting = s->len > 0 || c->delack.unacked > 0;
    if (changed || a->ce_unacked >= (waiting ? CE_WITH_UNACKED : CE_WITHOUT)) {
        a->of_acks = a->of_acks || (!text && c->delack.unacked == 0 && !c->ack_due);
        c->ack_due = true;
        conn_mark_dirty(c);
    }
}

/* How many fields an option of that order needs for these counters; the rest is cut off its end. */
static unsigned fields_for(uint8_t counters, bool order1)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ACCECN_COUNTERS; i++) {
        unsigned which = order1 ? ACCECN_COUNTERS - 1 - i : i;
        n = ((uint32_t)counters >> which & 1U) != 0 ? i + 1 : n;
    }
    return n;
}

/* The shorter order for these counters, if there is room for it. */
static bool choose_option(struct tcp_segment *s, const struct tcp_accecn *a, uint8_t counters,
                          uint32_t room)
{
    unsigned n0 = fields_for(counters, false);
    unsigned n1 = fields_for(counters, true);
    bool order1 = n1 < n0;
    unsigned n = order1 ? n1 : n0;
    if (OPTION_MIN + FIELD_BYTES * n > room) {
        return false;
    }
    whole_option(a, s);
    s->accecn_order1 = order1;
    s->accecn_fields = (uint8_t)n;
    return true;
}

void accecn_add_option(const struct tcp_conn *c, struct tcp_segment *s, bool text)
{
    const struct tcp_accecn *a = &c->accecn;
    bool whole = a->third_due || (a->try_option && text);
    if (c->ecn.mode != ECN_MODE_ACCURATE || a->no_option || (a->untold == 0 && !whole)) {
        return;
    }
    uint32_t room = TCP_OPTIONS_MAX - segment_options_len(s);
    if (!choose_option(s, a, whole ? SEEN_ALL : a->seen, room)) {
        (void)choose_option(s, a, a->untold, room); /* all that changed, or no option at all */
    }
}

void accecn_stamp(struct tcp_conn *c, struct tcp_segment *s)
{
    struct tcp_accecn *a = &c->accecn;
    bool pure = segment_span(s) == 0 && s->sack_count == 0;
    if (a->third_due && pure) { /* 3.2.2.1 */
        segment_set_ace(s, accecn_handshake_code((enum ip_ecn)a->peer_syn));
        a->third_due = false;
    } else {
        segment_set_ace(s, accecn_ace(a));
    }
    uint32_t rest = s->len % c->snd_mss; /* of a super-segment */
    uint32_t len = rest > 0 ? rest : u32_min(s->len, c->snd_mss);
    if (len > 0 && (a->least == 0 || len < a->least)) {
        a->least = (uint16_t)len;
    }
}

void accecn_sent(struct tcp_conn *c, const struct tcp_segment *s)
{
    struct tcp_accecn *a = &c->accecn;
    a->ce_unacked = 0;
    a->of_acks = false;
    if ((s->opts & TCP_OPT_HAS_ACCECN) != 0) {
        a->untold = 0;
        a->option_sent = a->option_sent || s->len > 0;
        a->try_option = a->try_option && s->len == 0;
    }
}

/* ---- the sender ---- */

/* 3.2.3.1: by how much the peer's counter of marked bytes has grown; false: the option does not say. */
static bool read_option(struct tcp_accecn *a, const struct tcp_segment *s, uint32_t *marked)
{
    bool there = s->accecn_fields > 0 && !a->ignore_options;
    a->options_come = a->options_come || there;
    *marked = 0;
    for (unsigned i = 0; there && i < ACCECN_COUNTERS; i++) {
        if (segment_accecn_has(s, (enum accecn_counter)i)) {
            uint32_t delta = accecn_byte_delta(a->peer_bytes[i], s->accecn[i]);
            a->peer_bytes[i] += delta;
            *marked = i == ACCECN_CE ? delta : *marked;
        }
    }
    return there;
}

/* How many packets of ours were marked, of `packets` that are newly delivered. An option that leaves the marked
 * bytes out says that they have not changed (3.2.3). */
static uint32_t marked_packets(struct tcp_conn *c, uint32_t delta, uint32_t packets, bool option,
                               uint32_t bytes)
{
    struct tcp_accecn *a = &c->accecn;
    uint32_t safest = accecn_safest(delta, packets);
    uint32_t now = packets * AVERAGE_ONE;
    a->average = a->average == 0 ? now : a->average - a->average / AVERAGE_ONE + packets;
    if (option) {
        return accecn_likely(delta, safest, bytes, c->snd_mss);
    }
    /* ACKs of many packets are the rule here: they are no sign that others were lost (A.2.1) */
    return a->average >= AVERAGE_MANY * AVERAGE_ONE ? delta : safest;
}

static void tell(struct tcp_conn *c, struct tcp_ack *ack, uint32_t packets, uint32_t bytes)
{
    ack->marked = packets;
    ack->ece = packets > 0;
    c->ecn.marked_out += packets;
    if (packets > 0) {
        TRACE(c->tcp->recorder, c->id, tcp_marked, .packets = packets, .bytes = bytes,
              .total = c->ecn.marked_out);
    }
}

/* 3.2.2.1, table 4: the ACK that ends the handshake says with which codepoint our SYN-ACK, which is not
 * ECN-capable, has come. */
static void hear_third(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack)
{
    struct tcp_accecn *a = &c->accecn;
    uint8_t ace = segment_ace(s);
    enum ip_ecn came = accecn_handshake_meaning(ace);
    if (ace == 0) {
        ecn_stop(c, ECN_WHY_MANGLED, true);
    } else if (came != IP_ECN_NOT_ECT && came != IP_ECNS) {
        ecn_stop(c, ECN_WHY_MANGLED, false);
    }
    if (came == IP_ECN_CE) {
        a->peer_cep++;
        tell(c, ack, 1, 0);
    }
}

/* The first ACK of our SYN. One that is a SYN too, or crossed ours, has no counter (3.2.2). */
static void hear_handshake(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack)
{
    struct tcp_accecn *a = &c->accecn;
    if (!c->passive) {
        return;
    }
    try_first_option(a, s);
    if (s->len == 0 && s->sack_count == 0 && (s->flags & TCP_FIN) == 0) {
        hear_third(c, s, ack);
        return;
    }
    uint32_t delta = accecn_delta(a->peer_cep, segment_ace(s));
    a->peer_cep += delta;
    tell(c, ack, delta, 0);
}

void accecn_hear(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack)
{
    struct tcp_accecn *a = &c->accecn;
    if (seq_eq(ack->old_una, c->iss)) {
        hear_handshake(c, s, ack);
        return;
    }
    if (ack->delivered == 0) {
        return; /* 3.2.2.2: later news may have come already */
    }
    uint8_t ace = segment_ace(s);
    if (!a->heard && ace == 0) { /* 3.2.2.4 */
        ecn_stop(c, ECN_WHY_MANGLED, true);
    }
    a->heard = true;
    a->option_passed = a->option_passed || (a->option_sent && ack->ack_rtt > 0);
    uint32_t packets = (ack->delivered + c->snd_mss - 1U) / c->snd_mss;
    uint32_t delta = accecn_delta(a->peer_cep, ace);
    uint32_t bytes;
    bool option = read_option(a, s, &bytes);
    /* What it counts may be told already, by ACKs that had no room for an option. */
    uint32_t told = u32_min(a->since_option, bytes / c->snd_mss) * c->snd_mss;
    uint32_t marked = marked_packets(c, delta, packets, option, bytes - told);
    a->peer_cep += marked;
    bool few = a->least > 0 && ack->delivered / a->least < 8;
    if (bytes > 0 && a->since_option + marked == 0 &&
        few) { /* 3.2.3.2.5: no one counts marked bytes without packets */
        ecn_stop(c, ECN_WHY_MANGLED, false);
    }
    a->since_option = option ? 0 : a->since_option + marked;
    tell(c, ack, marked, option ? bytes - told : marked * c->snd_mss);
}

void accecn_on_loss(struct tcp_conn *c)
{
    struct tcp_accecn *a = &c->accecn;
    if (a->option_sent && !a->option_passed && !c->tcp->config.no_ecn_fallback) {
        a->no_option = true;
    }
}
