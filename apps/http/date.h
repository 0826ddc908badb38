/* Dates in HTTP: IMF-fixdate. RFC 9110 5.6.7. */
#ifndef VITRINE_APPS_HTTP_DATE_H
#define VITRINE_APPS_HTTP_DATE_H

#include "stack/base/types.h"

#define HTTP_DATE_MAX 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" with its NUL */

/* Seconds since 1970, UTC. */
const char *http_date(int64_t seconds, char out[HTTP_DATE_MAX]);
/* Only IMF-fixdate, which is what this server sends. false: not one. */
bool http_date_parse(struct slice s, int64_t *seconds);

#endif
