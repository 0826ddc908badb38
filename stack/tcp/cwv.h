/* Congestion window validation: a window that is not used says less of the path the longer that lasts.
 *
 * It does not grow (send_uses_window). While nothing has filled it for a whole RTO, it goes half of the way to what
 * was used of it, but not below the restart window; ssthresh remembers three quarters of it, so that slow
 * start leads back (RFC 2861 3.2). After silence it is the restart window at once (RFC 5681 4.1).
 *
 * RFC 7661 keeps the window for five minutes instead, and tells the sender to pace what it then may send at
 * once. Our senders are not paced unless they ask for it: so the older, more careful way. An algorithm that owns the
 * window is left alone: it has a rate.
 */
#ifndef VITRINE_TCP_CWV_H
#define VITRINE_TCP_CWV_H

#include "stack/base/types.h"

struct tcp_conn;

struct tcp_cwv {
    uint32_t used; /* the most in flight since, bytes */
    nsec since;    /* when the window was last full, or made smaller; 0: nothing was sent yet */
};

/* What a flush could send is sent. */
void cwv_flushed(struct tcp_conn *c, nsec now);

#endif
