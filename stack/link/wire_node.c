/* The nodes of a wire: what each does with a frame. */
#include "stack/link/wire_node.h"

#define BITS_PER_SECOND_MAX UINT64_C(10000000000000) /* 10 Tbit/s: keeps the sums below 2^63 */

static bool chance(struct random *r, uint32_t of_a_million)
{
    return of_a_million != 0 && random_below(r, WIRE_MILLION) < of_a_million;
}

static bool settings_are_good(const struct wire_node_config *c)
{
    switch (c->kind) {
    case WIRE_RATE:
        return c->rate.bits_per_second > 0 && c->rate.bits_per_second <= BITS_PER_SECOND_MAX &&
               c->rate.overhead <= UINT16_MAX;
    case WIRE_DELAY:
        return c->delay.base >= 0 && c->delay.jitter >= 0;
    case WIRE_LOSS:
        return c->loss.chance <= WIRE_MILLION;
    case WIRE_BURST:
        return c->burst.p <= WIRE_MILLION && c->burst.r <= WIRE_MILLION &&
               c->burst.loss_good <= WIRE_MILLION && c->burst.loss_bad <= WIRE_MILLION;
    case WIRE_REORDER:
        return c->reorder.chance <= WIRE_MILLION && c->reorder.delay >= 0;
    case WIRE_DUPLICATE:
        return c->duplicate.chance <= WIRE_MILLION && c->duplicate.delay >= 0;
    case WIRE_CORRUPT:
        return c->corrupt.chance <= WIRE_MILLION && c->corrupt.bits <= WIRE_CORRUPT_BITS;
    case WIRE_BATCH:
        return c->batch.period > 0;
    case WIRE_QUEUE:
    case WIRE_MTU:
    case WIRE_TAMPER:
        return true;
    }
    return false;
}

bool wire_node_init(struct wire_node *n, const struct wire_node_config *config,
                    struct random *random)
{
    uint8_t seed[32];
    random_bytes(random, seed, sizeof seed);
    *n = (struct wire_node){.config = *config, .busy_until = INT64_MIN, .latest = INT64_MIN};
    random_init(&n->random, seed);
    if (config->kind == WIRE_TAMPER &&
        !tamper_init(&n->tamper, config->tamper.rules, config->tamper.count)) {
        return false;
    }
    return settings_are_good(config);
}

/* n frames in a row take n * len * 8 / rate, to the nanosecond: what the division leaves over is
 * carried to the next frame. */
static void pass_rate(struct wire_node *n, uint32_t len, nsec now, struct wire_verdict *v)
{
    if (now > n->busy_until) {
        n->busy_until = now;
        n->fraction = 0;
    }
    uint64_t rate = n->config.rate.bits_per_second;
    uint64_t bits = ((uint64_t)len + n->config.rate.overhead) * 8;
    uint64_t time = bits * (uint64_t)NS_PER_SEC + n->fraction;
    n->busy_until += (nsec)(time / rate);
    n->fraction = time % rate;
    n->held += len;
    if (n->held > n->effects.held_most) {
        n->effects.held_most = n->held;
    }
    v->due = n->busy_until;
}

static void pass_queue(struct wire_node *n, struct buf *frame, struct wire_verdict *v)
{
    uint64_t held = n->rate->held;
    if (n->config.queue.limit > 0 && held + frame->len > n->config.queue.limit) {
        v->drop = true;
    } else if (n->config.queue.mark > 0 && held > n->config.queue.mark && frame_mark(frame)) {
        n->effects.marked++;
    }
}

static void pass_delay(struct wire_node *n, nsec now, struct wire_verdict *v)
{
    v->due = now + n->config.delay.base;
    if (n->config.delay.jitter > 0) {
        v->due += (nsec)(random_u64(&n->random) % ((uint64_t)n->config.delay.jitter + 1));
    }
    if (v->due < n->latest) {
        if (n->config.delay.keep_order) {
            v->due = n->latest;
        } else {
            n->effects.reordered++;
        }
    }
    n->latest = nsec_max(n->latest, v->due);
}

/* A frame is lost by the state that it finds; then the state may change. */
static void pass_burst(struct wire_node *n, struct wire_verdict *v)
{
    v->drop = chance(&n->random, n->bad ? n->config.burst.loss_bad : n->config.burst.loss_good);
    if (chance(&n->random, n->bad ? n->config.burst.r : n->config.burst.p)) {
        n->bad = !n->bad;
    }
}

static void pass_reorder(struct wire_node *n, nsec now, struct wire_verdict *v)
{
    if (chance(&n->random, n->config.reorder.chance)) {
        v->due = now + n->config.reorder.delay;
        n->effects.reordered++;
    }
}

static void pass_duplicate(struct wire_node *n, nsec now, struct wire_verdict *v)
{
    if (chance(&n->random, n->config.duplicate.chance)) {
        v->copy = true;
        v->copy_due = now + n->config.duplicate.delay;
    }
}

static bool contains(const uint32_t *numbers, uint32_t count, uint32_t wanted)
{
    for (uint32_t i = 0; i < count; i++) {
        if (numbers[i] == wanted) {
            return true;
        }
    }
    return false;
}

/* Flips `count` different bits of the `len` bytes at `at`, which are `count` at the least. */
static void flip_bits(struct random *r, uint8_t *at, uint32_t len, uint32_t count)
{
    uint32_t flipped[WIRE_CORRUPT_BITS];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bit = random_below(r, len * 8);
        while (contains(flipped, i, bit)) {
            bit = random_below(r, len * 8);
        }
        flipped[i] = bit;
        at[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

/* Where bits may flip: `*from` bytes into the frame, so many bytes. */
static uint32_t corruptible(const struct wire_node *n, const struct buf *frame, uint32_t *from)
{
    *from = 0;
    if (n->config.corrupt.anywhere) {
        return frame->len;
    }
    struct frame_facts f;
    frame_look(buf_slice(frame), &f);
    *from = f.ip;
    return f.ip_len;
}

static void pass_corrupt(struct wire_node *n, struct buf *frame, struct wire_verdict *v)
{
    uint32_t from;
    uint32_t len = corruptible(n, frame, &from);
    if (len == 0 || !chance(&n->random, n->config.corrupt.chance)) {
        return;
    }
    n->effects.corrupted++;
    v->corrupted = true;
    /* A checksum made only after the bits flipped would vouch for them. Of a super-segment nobody
     * here can make it: the receiver would refuse the segment that was hit. */
    if (!frame_finish_checksum(frame)) {
        v->drop = true;
        return;
    }
    frame->offload = (struct offload){.csum = CSUM_UNKNOWN};
    if (n->config.corrupt.in_word) {
        from += 2 * random_below(&n->random, len / 2);
        len = 2;
    }
    flip_bits(&n->random, buf_data(frame) + from, len, u32_max(n->config.corrupt.bits, 1));
}

static void pass_batch(struct wire_node *n, nsec now, struct wire_verdict *v)
{
    nsec over = now % n->config.batch.period; /* below zero when the moment is */
    v->due = over > 0 ? now + n->config.batch.period - over : now - over;
}

static void pass_tamper(struct wire_node *n, struct buf *frame, nsec now, struct wire_verdict *v)
{
    struct tamper_verdict t = tamper_judge(&n->tamper, frame);
    n->effects.tampered += t.acted > 0;
    v->drop = t.drop;
    v->due = now + t.delay;
    v->copy = t.copy;
    v->copy_due = v->due + t.copy_delay;
}

struct wire_verdict wire_node_pass(struct wire_node *n, struct buf *frame, nsec now)
{
    struct wire_verdict v = {.due = now};
    n->effects.seen++;
    n->effects.seen_bytes += frame->len;
    switch (n->config.kind) {
    case WIRE_RATE:
        pass_rate(n, frame->len, now, &v);
        break;
    case WIRE_QUEUE:
        pass_queue(n, frame, &v);
        break;
    case WIRE_DELAY:
        pass_delay(n, now, &v);
        break;
    case WIRE_LOSS:
        v.drop = chance(&n->random, n->config.loss.chance);
        break;
    case WIRE_BURST:
        pass_burst(n, &v);
        break;
    case WIRE_REORDER:
        pass_reorder(n, now, &v);
        break;
    case WIRE_DUPLICATE:
        pass_duplicate(n, now, &v);
        break;
    case WIRE_CORRUPT:
        pass_corrupt(n, frame, &v);
        break;
    case WIRE_MTU:
        v.drop = frame_packet_len(frame) > n->config.mtu.mtu;
        break;
    case WIRE_BATCH:
        pass_batch(n, now, &v);
        break;
    case WIRE_TAMPER:
        pass_tamper(n, frame, now, &v);
        break;
    }
    v.copy = v.copy && !v.drop;
    n->effects.dropped += v.drop;
    n->effects.duplicated += v.copy;
    return v;
}

void wire_node_left(struct wire_node *n, uint32_t len)
{
    n->held -= len;
}
