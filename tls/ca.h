/* A development certificate authority in a directory: ca.pem and ca.key, and the certificates that
 * it issued as NAME.pem and NAME.key. Certificates by RFC 5280, keys readable by their owner only.
 *
 * Every file is written whole under another name and then renamed; two processes that work in one
 * directory wait for each other. On failure a function returns false and a sentence in `error`.
 */
#ifndef VITRINE_TLS_CA_H
#define VITRINE_TLS_CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CA_DAYS 3650U    /* how long a CA is valid */
#define CA_LEAF_DAYS 90U /* and what it issues, unless told otherwise */
#define CA_RENEW_DAYS 7U /* ca_ensure renews what ends within so many days */

enum ca_key { CA_KEY_EC, CA_KEY_RSA }; /* P-256; 2048 bits */

struct ca_request {
    const char *const *names; /* DNS names, the first is the subject; NULL-terminated, or NULL */
    const char *const *ips;   /* IPv4 and IPv6 addresses as text; NULL-terminated, or NULL */
    bool client;              /* for a client (RFC 5280 4.2.1.12), not a server */
    enum ca_key key;
    unsigned days; /* 0: CA_LEAF_DAYS; never beyond the CA's own end */
    int64_t now;   /* seconds since 1970; 0: the clock */
};

/* A new CA in `dir`, which is made if it is missing. Fails when there is one. */
bool ca_create(const char *dir, char *error, size_t error_size);
/* Issues DIR/OUT.pem with DIR/OUT.key, replacing what is there. */
bool ca_issue(const char *dir, const char *out, const struct ca_request *request, char *error,
              size_t error_size);
/* What a server needs: ca, server (EC) and server-rsa in `dir`, for at least these names and
 * addresses. Whatever is missing, damaged, about to expire or for other names is made anew. */
bool ca_ensure(const char *dir, const char *const *names, const char *const *ips, char *error,
               size_t error_size);

#endif
