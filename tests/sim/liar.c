/* Somebody off the path who knows the ends of a connection, and guesses its numbers (RFC 5961, RFC 5927): what he sends
 * must change nothing. His guesses are wrong, for one that is right in 2^32 is no fault of ours: they lie far from every
 * window.
 */
#include "stack/base/cursor.h"
#include "stack/link/frame_facts.h"
#include "stack/trace/names.h"
#include "tests/sim/world.h"

#define FAR (UINT32_C(1) << 29U) /* from the true number, either way; windows are below 2^26 */

static uint32_t wrong(struct lcg *g, uint32_t number)
{
    uint32_t much = lcg_below(g, 1U << 16) << 14U;
    return number + FAR + much + lcg_below(g, 1U << 14);
}

struct buf *sim_lie(struct sim_world *w, const struct buf *frame, struct slab_pools *pools)
{
    /* no SYN alone: a listener, and TIME-WAIT, may well take it */
    static const uint8_t flags[] = {TCP_ACK,
                                    TCP_ACK | TCP_PSH,
                                    TCP_ACK | TCP_FIN,
                                    TCP_RST,
                                    TCP_ACK | TCP_RST,
                                    TCP_ACK | TCP_URG,
                                    TCP_ACK | TCP_ECE | TCP_CWR,
                                    TCP_FIN | TCP_PSH | TCP_URG};
    struct frame_facts f;
    if (w->plan.liar == 0 || lcg_below(&w->liar, 1000) >= w->plan.liar) {
        return NULL;
    }
    frame_look(buf_slice(frame), &f);
    struct buf *lie = f.is_tcp ? buf_copy_of(pools, buf_data(frame), frame->len) : NULL;
    if (lie == NULL) {
        return NULL;
    }
    struct wr numbers = wr_of(buf_data(lie) + f.tcp + 4, 8);
    wr_be32(&numbers, wrong(&w->liar, f.seq));
    wr_be32(&numbers, wrong(&w->liar, f.ack));
    buf_data(lie)[f.tcp + 13] = flags[lcg_below(&w->liar, COUNT_OF(flags))];
    for (uint32_t i = 0; i < f.len; i++) {
        buf_data(lie)[f.payload + i] ^= 0xff;
    }
    frame_fix_checksums(lie);
    return lie;
}
