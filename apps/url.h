/* Where `vitrine get` goes: a URL taken apart (RFC 3986 3, RFC 9110 4.2), and names to addresses without DNS. */
#ifndef VITRINE_APPS_URL_H
#define VITRINE_APPS_URL_H

#include "stack/base/addr.h"

#define URL_HOST_MAX 254U
#define URL_TARGET_MAX 4096U

struct url {
    bool tls;      /* https */
    uint16_t port; /* given, or the scheme's */
    char host[URL_HOST_MAX];
    char target[URL_TARGET_MAX]; /* path and query, "/" at the least; the fragment stays at home */
};

/* "https://NAME[:PORT][/PATH][?QUERY]"; without a scheme it is http. On failure false and a sentence. */
bool url_parse(const char *text, struct url *out, const char **why);

/* The address of `name`: itself if it is one; else what `fixed` says, "NAME:ADDRESS" each; else the hosts file's.
 * false: nobody knows it. */
bool hosts_find(const char *name, const char *const *fixed, size_t count, const char *file,
                struct ip_addr *out);

#endif
