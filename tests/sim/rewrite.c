/* What middleboxes do to segments on their way. */
#include <string.h>

#include "stack/link/ethernet.h"
#include "stack/trace/names.h"
#include "tests/sim/plan.h"

#define KIND_END 0U
#define KIND_NOP 1U
#define KIND_MSS 2U
#define KIND_WSCALE 3U
#define KIND_SACK_OK 4U
#define KIND_TIMESTAMPS 8U
#define TCP_HEADER_FIXED 20U
#define CLAMPED_MSS 500U

/* The option of that kind; NULL: there is none. `*len` is its length. */
static uint8_t *find_option(struct buf *frame, const struct frame_facts *f, uint8_t kind,
                            uint8_t *len)
{
    uint8_t *at = buf_data(frame) + f->tcp + TCP_HEADER_FIXED;
    uint8_t *end = buf_data(frame) + f->payload;
    while (at < end && *at != KIND_END) {
        if (*at == KIND_NOP) {
            at++;
            continue;
        }
        if (end - at < 2 || at[1] < 2 || at[1] > end - at) {
            return NULL;
        }
        if (*at == kind) {
            *len = at[1];
            return at;
        }
        at += at[1];
    }
    return NULL;
}

/* A middlebox changes checksums by what it changes (RFC 1624): what was corrupted before it stays so. What it would make
 * of such a segment is refused all the same, so it is left alone. */
static bool is_intact(struct buf *frame, const struct frame_facts *f)
{
    uint8_t *ip = buf_data(frame) + f->ip + 10;
    uint8_t *tcp = buf_data(frame) + f->tcp + 16;
    uint8_t was[4] = {ip[0], ip[1], tcp[0], tcp[1]};
    frame_fix_checksums(frame);
    bool intact = memcmp(was, ip, 2) == 0 && memcmp(was + 2, tcp, 2) == 0;
    memcpy(ip, was, 2);
    memcpy(tcp, was + 2, 2);
    return intact;
}

static bool strip(struct buf *frame, const struct frame_facts *f, uint8_t kind)
{
    uint8_t len;
    uint8_t *option = find_option(frame, f, kind, &len);
    if (option != NULL && (f->flags & TCP_SYN) != 0 && is_intact(frame, f)) {
        memset(option, KIND_NOP, len);
        frame_fix_checksums(frame);
    }
    return true;
}

bool sim_strip_sack_ok(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    (void)arg;
    return strip(frame, facts, KIND_SACK_OK);
}

bool sim_strip_timestamps(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    (void)arg;
    return strip(frame, facts, KIND_TIMESTAMPS);
}

bool sim_strip_wscale(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    (void)arg;
    return strip(frame, facts, KIND_WSCALE);
}

bool sim_clamp_mss(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    (void)arg;
    uint8_t len;
    uint8_t *option = find_option(frame, facts, KIND_MSS, &len);
    bool wide = option != NULL && len == 4 && (option[2] << 8 | option[3]) > (int)CLAMPED_MSS;
    if (wide && is_intact(frame, facts)) {
        option[2] = CLAMPED_MSS >> 8;
        option[3] = CLAMPED_MSS & 0xffU;
        frame_fix_checksums(frame);
    }
    return true;
}

/* As some paths do with what was once the type of service. */
bool sim_clear_ecn(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    (void)arg;
    (void)facts;
    uint8_t *ip = buf_data(frame) + ETHERNET_HEADER;
    uint32_t mark = ip[1] & IP_ECN_MASK;
    ip[1] &= (uint8_t)~IP_ECN_MASK;
    /* RFC 1624 3: the checksum grows by what the word has lost; it must not hide what was corrupted before */
    uint32_t sum = ((uint32_t)ip[10] << 8U | ip[11]) + mark;
    sum = (sum & UINT16_MAX) + (sum >> 16U);
    ip[10] = (uint8_t)(sum >> 8U);
    ip[11] = (uint8_t)sum;
    return true;
}

bool sim_mark_all(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    (void)arg;
    (void)facts;
    (void)frame_mark(frame);
    return true;
}

bool sim_break_checksum(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    (void)arg;
    buf_data(frame)[facts->tcp + 16] ^= 0x55U;
    return true;
}

bool sim_forge_payload(void *arg, struct buf *frame, const struct frame_facts *facts)
{
    (void)arg;
    if (facts->len > 0 && is_intact(frame, facts)) {
        buf_data(frame)[facts->payload] ^= 0x20U;
        frame_fix_checksums(frame);
    }
    return true;
}

const char *sim_rewrite_name(sim_rewrite *f)
{
    static const struct {
        sim_rewrite *f;
        const char *name;
    } all[] = {
        {sim_strip_sack_ok, "strip SACK-permitted"},
        {sim_strip_timestamps, "strip timestamps"},
        {sim_strip_wscale, "strip window scale"},
        {sim_clamp_mss, "clamp MSS"},
        {sim_clear_ecn, "clear ECN"},
        {sim_mark_all, "mark all"},
        {sim_break_checksum, "break checksum"},
        {sim_forge_payload, "forge payload"},
    };
    for (unsigned i = 0; i < COUNT_OF(all); i++) {
        if (all[i].f == f) {
            return all[i].name;
        }
    }
    return "rewrite";
}
