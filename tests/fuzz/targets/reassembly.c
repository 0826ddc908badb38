/* TCP reassembly (RFC 9293 3.10.7.4, SHLD-31) against a model: one byte of memory for each sequence
 * number. Segments overlap in every way, pools run dry, and the numbers go through zero.
 *
 * A step of the input is: what (1), where (2), how much (2), or for a take, how far (2).
 */
#include "stack/tcp/reassembly.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define SPACE 2048U /* sequence numbers that the model covers */
#define STEPS_MAX 200U
#define SEGMENT_MAX 600U
#define ABSENT 0U

static struct world {
    struct slab_pools pools;
    struct pool ranges;
    struct reassembly r;
    tcp_seq base;         /* the sequence number of model[0] */
    uint32_t next;        /* all before it was taken; counts from `base` */
    uint32_t max;         /* ranges */
    uint8_t stamp;        /* a segment's bytes are all different from those of the one before */
    uint8_t model[SPACE]; /* the byte that came first; ABSENT */
    uint8_t segment[SEGMENT_MAX];
} w;

static uint32_t model_bytes(void)
{
    uint32_t n = 0;
    for (uint32_t i = w.next; i < SPACE; i++) {
        n += w.model[i] != ABSENT ? 1 : 0;
    }
    return n;
}

static void check_bytes(const struct list *bufs, uint32_t from, uint32_t to)
{
    for (struct list *n = bufs->next; n != bufs; n = n->next) {
        struct slice s = buf_slice(buf_of_link(n));
        FUZZ_CHECK(s.len > 0 && from + s.len <= to);
        FUZZ_CHECK(memcmp(s.data, w.model + from, s.len) == 0);
        from += (uint32_t)s.len;
    }
    FUZZ_CHECK(from == to);
}

/* The ranges are those of the model, apart from each other, and hold its bytes. */
static void check_ranges(void)
{
    uint32_t count = 0;
    uint32_t below = w.next; /* at the edge no range is left by a take */
    for (struct list *n = w.r.ranges.next; n != &w.r.ranges; n = n->next) {
        struct tcp_range *range = CONTAINER_OF(n, struct tcp_range, link);
        uint32_t start = seq_span(w.base, range->start);
        uint32_t end = seq_span(w.base, range->end);
        FUZZ_CHECK(start > below || (count == 0 && start == below));
        FUZZ_CHECK(start < end && end <= SPACE);
        FUZZ_CHECK(start == 0 || start == w.next || w.model[start - 1] == ABSENT);
        FUZZ_CHECK(end == SPACE || w.model[end] == ABSENT);
        check_bytes(&range->bufs, start, end);
        below = end;
        count++;
    }
    FUZZ_CHECK(count == w.r.count && count == w.ranges.in_use && count <= w.max);
    FUZZ_CHECK(w.r.bytes == model_bytes());
}

static void check_sack(void)
{
    struct tcp_sack_block blocks[TCP_SACK_BLOCKS];
    unsigned n = reassembly_sack(&w.r, blocks, TCP_SACK_BLOCKS);
    FUZZ_CHECK(n == u32_min(w.r.count, TCP_SACK_BLOCKS));
    for (unsigned i = 0; i < n; i++) {
        uint32_t start = seq_span(w.base, blocks[i].start);
        uint32_t end = seq_span(w.base, blocks[i].end);
        FUZZ_CHECK(start < end && end <= SPACE && w.model[start] != ABSENT &&
                   w.model[end - 1] != ABSENT);
    }
}

/* What was there first stays. A segment of which nothing could be kept is refused; one of which a part
 * could is not, so the model takes from the ranges how far it came. */
static void insert(uint32_t start, uint32_t len)
{
    w.stamp = (uint8_t)(w.stamp % 200 + 1);
    for (uint32_t i = 0; i < len; i++) {
        w.segment[i] = (uint8_t)(w.stamp + i % 50);
    }
    struct buf *b = buf_copy_of(&w.pools, w.segment, len);
    if (b == NULL) {
        return;
    }
    uint32_t before = w.r.bytes;
    bool kept = reassembly_insert(&w.r, &w.ranges, w.max, seq_add(w.base, start), b);
    FUZZ_CHECK(w.r.bytes >= before && (kept || w.r.bytes == before));
    uint32_t fresh = w.r.bytes - before;
    for (uint32_t i = start; i < start + len && fresh > 0; i++) {
        if (w.model[i] == ABSENT) {
            w.model[i] = w.segment[i - start];
            fresh--;
        }
    }
    FUZZ_CHECK(fresh == 0);
}

static void take(uint32_t to)
{
    struct list out;
    list_init(&out);
    w.next = u32_min(SPACE, w.next + to);
    uint32_t n = reassembly_take(&w.r, &w.ranges, seq_add(w.base, w.next), &out);
    FUZZ_CHECK(w.next + n <= SPACE);
    check_bytes(&out, w.next, w.next + n);
    w.next += n;
    FUZZ_CHECK(w.next == SPACE || w.model[w.next] == ABSENT);
    buf_free_queue(&out);
}

static void step(struct rd *in)
{
    uint8_t what = rd_u8(in);
    uint32_t where = rd_be16(in);
    if (what % 8 == 0) {
        take(where % 300);
    } else if (what % 16 == 1) {
        w.pools.bufs.fail_at = 1 + where % 4;
    } else if (what % 16 == 2) {
        w.ranges.fail_at = 1 + where % 4;
    } else if (w.next < SPACE) {
        uint32_t start = w.next + where % (SPACE - w.next);
        uint32_t most = u32_min(what >= 128 ? 8 : SEGMENT_MAX, SPACE - start);
        insert(start, 1 + rd_be16(in) % most);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slab_limits limits = {.slabs = {256, 256, 1, 1}, .bufs = 512};
    struct rd in = rd_of(data, size);
    w = (struct world){.base = seq_of(rd_be32(&in)), .max = 1U + rd_u8(&in) % 32U};
    slab_pools_init(&w.pools, &limits);
    pool_init(&w.ranges, "ranges", sizeof(struct tcp_range), 64);
    reassembly_init(&w.r, 1);
    for (unsigned i = 0; i < STEPS_MAX && rd_left(&in) > 0; i++) {
        step(&in);
        check_ranges();
        check_sack();
    }
    reassembly_done(&w.r, &w.ranges);
    FUZZ_CHECK(w.ranges.in_use == 0 && w.pools.bufs.in_use == 0);
    pool_done(&w.ranges);
    slab_pools_done(&w.pools);
    return 0;
}
