/* Cookies of TCP Fast Open (RFC 7413) in a file, so that the next process has them: a line of text for each pair of
 * addresses, "OURS THEIRS MSS COOKIE". Whoever reads it can use our address for a SYN with data, if he can send from it.
 */
#ifndef VITRINE_APPS_SAVED_COOKIES_H
#define VITRINE_APPS_SAVED_COOKIES_H

#include "stack/tcp/tcp.h"

/* The host knows what is in the file; one that is not there is as good as an empty one. False: said on stderr. */
bool saved_cookies_read(const char *file, struct tcp *t);
/* The file has what the host knows, but for servers where it did not work of late. False: said on stderr. */
bool saved_cookies_write(const char *file, struct tcp *t, nsec now);

#endif
