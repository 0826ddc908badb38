/* Initial sequence numbers by RFC 6528 3: the numbers of one four-tuple rise with the clock, so that
 * an old segment is not taken for a new one; those of different tuples lie apart by a secret
 * amount, so that nobody can guess one from another (MUST-8, MUST-9, SHLD-1).
 */
#include "stack/tcp/isn.h"

tcp_seq isn_choose(const struct tcp *t, const struct tcp_tuple *tuple, nsec now)
{
    uint32_t clock = (uint32_t)(now / ISN_TICK);
    uint32_t offset = (uint32_t)demux_hash(&t->isn_key, tuple);
    return seq_of(clock + offset);
}
