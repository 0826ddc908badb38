/* What a client remembers of TCP Fast Open (RFC 7413 4.1.3): the cookie that a server's address has given to an address
 * of ours, with the segment size that it announced; and where a SYN with a cookie, or with a request for one, has
 * failed (4.1.3.1). A cookie is good for all ports, a failure counts for one: a listener may have it off.
 *
 * 256 of both at the most; what was not used for longest goes first.
 */
#ifndef VITRINE_TCP_FAST_OPEN_PATHS_H
#define VITRINE_TCP_FAST_OPEN_PATHS_H

#include "stack/tcp/demux.h"
#include "stack/tcp/segment.h"
#include "stack/tcp/tcp.h"

#define FAST_OPEN_PATHS 256U
#define FAST_OPEN_PAUSE (60 * NS_PER_SEC) /* after a failure; doubles with each that follows it */
#define FAST_OPEN_PAUSES 7U               /* and is not longer than after so many: about an hour */

void fast_open_paths_init(struct tcp *t);
void fast_open_paths_done(struct tcp *t);

/* The cookie that `remote` has given to `local`, and its MSS, 0: it announced none. False: there is none. */
bool fast_open_cookie_find(struct tcp *t, struct ip_addr local, struct ip_addr remote,
                           struct fast_open_cookie *out, uint16_t *mss);
/* In the place of an older one, if there is one. */
void fast_open_cookie_keep(struct tcp *t, struct ip_addr local, struct ip_addr remote,
                           const struct fast_open_cookie *cookie, uint16_t mss);

/* What is known of one server. */
struct fast_open_known {
    struct ip_addr local, remote;
    struct fast_open_cookie cookie;
    uint16_t mss; /* bytes; 0: it announced none */
};

/* Tells of each cookie, but for servers that have a port where it failed lately. */
void fast_open_cookies_each(const struct tcp *t, nsec now,
                            void (*tell)(void *arg, const struct fast_open_known *known),
                            void *arg);

/* It has failed on this way lately: a SYN goes without. */
bool fast_open_paused(struct tcp *t, const struct tcp_tuple *tuple, nsec now);
void fast_open_pause(struct tcp *t, const struct tcp_tuple *tuple, nsec now);
/* It works: failures are forgotten. */
void fast_open_resume(struct tcp *t, const struct tcp_tuple *tuple);

#endif
