/* seeds OUT SCRIPT…: makes seeds for the fuzz targets out of packet scripts (tests/conformance).
 *
 *   OUT/tcp_program   what a script sends in and calls, as a program (tests/fuzz/program.h)
 *   OUT/tcp_states    the same, behind the byte that chooses the empty host
 *   OUT/tcp_options   the first segments with options, from the TCP header on
 *   OUT/pkt_script    the script itself
 *
 * A program need not do quite what its script did: it is where a search begins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stack/base/cursor.h"
#include "tests/conformance/parser.h"
#include "tests/conformance/wire.h"
#include "tests/fuzz/program.h"

#define TEXT_MAX (64U * 1024U)
#define IP_HEADER 20U
#define OPTION_SEEDS 3U /* of one script */

enum { SEQ_NEXT = 0, SEQ_FROM_ISS = 4, OPTIONS_RAW = 2 };

struct seeds {
    const char *out;  /* directory */
    const char *name; /* of the script, for file names */
    uint8_t program[4096];
    struct wr w;
    bool active;      /* the script connects: slot 2 */
    unsigned options; /* seeds for tcp_options so far */
};

static void put_file(const struct seeds *s, const char *target, unsigned nth, struct slice bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", s->out, target);
    (void)mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s-%u", s->out, target, s->name, nth);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(bytes.data, 1, bytes.len, f) != bytes.len || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static void put_op(struct seeds *s, enum program_op op)
{
    wr_u8(&s->w, (uint8_t)((s->active ? 0x20U : 0U) | (unsigned)op));
}

/* The least exponent with which the mantissa fits; see OP_TIME. */
static void put_time(struct seeds *s, nsec span)
{
    uint64_t ticks = (uint64_t)span >> 16U;
    uint8_t exponent = 0;
    for (; ticks > 255; ticks >>= 1U) {
        exponent++;
    }
    if (ticks > 0) {
        wr_u8(&s->w, OP_TIME);
        wr_u8(&s->w, (uint8_t)ticks);
        wr_u8(&s->w, exponent);
    }
}

static uint8_t window_byte(uint32_t win)
{
    uint32_t exponent = 0;
    for (; win > 15; win >>= 1U) {
        exponent++;
    }
    return (uint8_t)(exponent << 4U | win);
}

static uint8_t length_byte(uint32_t len)
{
    return (uint8_t)(len < 128 ? len : u32_min(255, len / 12U + 127U));
}

static void tcp_seed(struct seeds *s, const struct packet_line *k)
{
    static uint8_t packet[WIRE_PACKET_MAX];
    static const uint8_t payload[WIRE_PACKET_MAX];
    struct wire_ends ends = {.src = 0x0a090001, .dst = 0x0a090002, .ttl = 64};
    struct packet_line cut = *k;
    cut.len = u32_min(k->len, 40);
    size_t len = wire_tcp(packet, &ends, &cut, payload) - IP_HEADER;
    size_t options = (size_t)(packet[IP_HEADER + 12] >> 4U) * 4U - 20U;
    if (options > 0 && s->options < OPTION_SEEDS) {
        put_file(s, "tcp_options", s->options++, (struct slice){packet + IP_HEADER, len});
    }
    bool far = k->seq > UINT16_MAX;
    bool far_ack = k->ack > UINT16_MAX;
    put_op(s, OP_SEGMENT);
    wr_u8(&s->w, k->flags);
    wr_u8(&s->w, (uint8_t)((far ? SEQ_NEXT : SEQ_FROM_ISS) |
                           (far_ack ? SEQ_NEXT : SEQ_FROM_ISS) << 3U | OPTIONS_RAW << 6U));
    if (!far) {
        wr_be16(&s->w, (uint16_t)k->seq);
    }
    if (!far_ack) {
        wr_be16(&s->w, (uint16_t)k->ack);
    }
    wr_u8(&s->w, (uint8_t)options);
    wr_bytes(&s->w, packet + IP_HEADER + 20, options);
    wr_u8(&s->w, window_byte(k->win));
    if ((k->flags & TCP_URG) != 0) {
        wr_u8(&s->w, (uint8_t)k->urg);
    }
    wr_u8(&s->w, length_byte(k->len));
}

static void packet_seed(struct seeds *s, const struct packet_line *k)
{
    if (!k->inbound) {
        return;
    }
    if (k->kind == PACKET_TCP) {
        tcp_seed(s, k);
    } else if (k->kind == PACKET_ICMP) {
        put_op(s, OP_ICMP);
        wr_u8(&s->w, k->type);
        wr_u8(&s->w, k->code);
        wr_be16(&s->w, 0);
        wr_be16(&s->w, k->mtu);
    }
}

static uint8_t amount_of(const struct call *c)
{
    for (unsigned i = c->argc; i > 0; i--) {
        if (c->args[i - 1]->kind == EXPR_NUMBER && c->args[i - 1]->number > 15) {
            return (uint8_t)u32_min(255, (uint32_t)c->args[i - 1]->number / 16U);
        }
    }
    return 4;
}

static void call_seed(struct seeds *s, const struct call *c)
{
    static const struct {
        const char *name;
        enum program_op op;
        bool amount;
    } calls[] = {
        {"listen", OP_LISTEN, true},      {"connect", OP_CONNECT, true}, {"read", OP_READ, true},
        {"recv", OP_READ, true},          {"write", OP_WRITE, true},     {"send", OP_WRITE, true},
        {"shutdown", OP_SHUTDOWN, false}, {"close", OP_CLOSE, false},
    };
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        if (strcmp(c->name, calls[i].name) != 0) {
            continue;
        }
        bool opens = calls[i].op == OP_LISTEN || calls[i].op == OP_CONNECT;
        s->active = s->active || calls[i].op == OP_CONNECT;
        put_op(s, calls[i].op);
        if (calls[i].amount) {
            wr_u8(&s->w, opens ? 0 : amount_of(c));
        }
    }
}

static void script_seeds(struct seeds *s, const struct script *script)
{
    nsec at = 0;
    s->w = wr_of(s->program, sizeof s->program);
    wr_u8(&s->w, 0); /* the state, for tcp_states */
    for (const struct script_event *e = script->events; e != NULL; e = e->next) {
        nsec wait = e->when.from - (e->when.kind == WHEN_ABSOLUTE ? at : 0);
        put_time(s, nsec_max(wait, 0));
        at = e->when.kind == WHEN_ABSOLUTE ? e->when.from : at + wait;
        if (e->kind == SCRIPT_PACKET) {
            packet_seed(s, e->u.packet);
        } else if (e->kind == SCRIPT_CALL) {
            call_seed(s, e->u.call);
        }
    }
    if (!s->w.failed) {
        size_t len = wr_len(&s->w);
        put_file(s, "tcp_states", 0, (struct slice){s->program, len});
        put_file(s, "tcp_program", 0, (struct slice){s->program + 1, len - 1});
    }
}

static size_t read_text(const char *path, char *text)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(1);
    }
    size_t len = fread(text, 1, TEXT_MAX, f);
    fclose(f);
    return len;
}

int main(int argc, char **argv)
{
    static char text[TEXT_MAX];
    static struct script script;
    static const struct defines none;
    if (argc < 3 || (mkdir(argv[1], 0777) != 0 && access(argv[1], W_OK) != 0)) {
        fprintf(stderr, "usage: seeds OUT SCRIPT...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        char name[32];
        snprintf(name, sizeof name, "script-%d", i - 1);
        struct seeds s = {.out = argv[1], .name = name};
        size_t len = read_text(argv[i], text);
        put_file(&s, "pkt_script", 0, (struct slice){(const uint8_t *)text, len});
        script_parse(&script, text, len, &none, NULL);
        if (script.error == NULL && script.unsupported == NULL) {
            script_seeds(&s, &script);
        }
        script_done(&script);
    }
    return 0;
}
