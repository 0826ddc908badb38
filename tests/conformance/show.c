/* Packets as text, in the language of scripts. */
#include "stack/base/text.h"
#include "tests/conformance/match.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, FLAG_ACK = 0x10, FLAG_SYN = 0x02 };

static void show_flags(struct text *t, uint8_t flags, bool ae)
{
    static const struct {
        uint8_t flag;
        const char *letter;
    } letters[] = {{0x02, "S"}, {0x01, "F"}, {0x04, "R"}, {0x08, "P"},
                   {0x20, "U"}, {0x40, "E"}, {0x80, "W"}, {0x10, "."}};
    for (size_t i = 0; i < COUNT_OF(letters); i++) {
        if ((flags & letters[i].flag) != 0) {
            text_add(t, letters[i].letter);
        }
    }
    text_add(t, ae ? "A" : "");
    if (flags == 0 && !ae) {
        text_add(t, "-");
    }
}

static void show_option(struct text *t, const struct option *o)
{
    switch (o->kind) {
    case OPT_EOL:
        text_add(t, "eol");
        break;
    case OPT_NOP:
        text_add(t, "nop");
        break;
    case OPT_MSS:
        text_addf(t, "mss %u", o->value);
        break;
    case OPT_WSCALE:
        text_addf(t, "wscale %u", o->value);
        break;
    case OPT_SACK_OK:
        text_add(t, "sackOK");
        break;
    case OPT_SACK:
        text_add(t, "sack");
        for (unsigned i = 0; i < o->count; i++) {
            text_addf(t, " %u:%u", o->sack[i][0], o->sack[i][1]);
        }
        break;
    case OPT_TS:
        text_addf(t, "TS val %u ecr %u", o->value, o->echo);
        break;
    case OPT_FO:
        text_add(t, o->count > 0 ? "FO " : "FO");
        for (unsigned i = 0; i < o->count; i++) {
            text_addf(t, "%02x", o->cookie[i]);
        }
        break;
    case OPT_ACCECN0:
    case OPT_ACCECN1:
        text_add(t, o->kind == OPT_ACCECN0 ? "ECN e0b/ceb/e1b" : "ECN e1b/ceb/e0b");
        for (unsigned i = 0; i < o->count; i++) {
            text_addf(t, " %u", o->counters[i]);
        }
        break;
    default:
        text_addf(t, "option %u", o->kind);
        break;
    }
}

static void show_tcp(struct text *t, const struct flow *w, const struct wire_packet *k)
{
    bool known = w != NULL && w->local_known;
    uint32_t seq = known ? k->seq - w->local_offset : k->seq;
    if ((k->flags & FLAG_SYN) != 0 && !known) {
        seq = 0;
    }
    if (w == NULL || k->src_port != w->local_port || k->dst_port != w->remote_port) {
        text_addf(t, "%u > %u ", k->src_port, k->dst_port);
    }
    show_flags(t, k->flags, k->ae);
    text_addf(t, " %u:%u(%zu)", seq, seq + (uint32_t)k->len, k->len);
    if ((k->flags & FLAG_ACK) != 0) {
        text_addf(t, " ack %u", k->ack);
    }
    text_addf(t, " win %u", k->win);
    for (unsigned i = 0; i < k->option_count; i++) {
        text_add(t, i == 0 ? " <" : ",");
        show_option(t, &k->options[i]);
    }
    text_add(t, k->option_count > 0 ? ">" : "");
}

void show_packet(const struct flow *w, const struct wire_packet *k, char out[MATCH_TEXT])
{
    struct text t = text_of(out, MATCH_TEXT);
    if (k->fault != NULL) {
        text_addf(&t, "a faulty packet (%s)", k->fault);
    } else if (k->protocol == PROTO_TCP) {
        show_tcp(&t, w, k);
    } else if (k->protocol == PROTO_UDP) {
        text_addf(&t, "udp (%zu)", k->len);
    } else if (k->protocol == PROTO_ICMP) {
        text_addf(&t, "icmp type %u code %u mtu %u", k->type, k->code, k->mtu);
    }
}
