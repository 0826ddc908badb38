/* External pre-shared keys; see psk.h. */
#include "tls/psk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/platform_util.h>

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_key(struct slice hex, struct tls_psk *out)
{
    if (hex.len % 2 != 0 || hex.len < 2 * TLS_PSK_KEY_MIN || hex.len > 2 * TLS_PSK_KEY_MAX) {
        return false;
    }
    for (size_t i = 0; i < hex.len; i += 2) {
        int high = hex_digit(hex.data[i]), low = hex_digit(hex.data[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out->key[i / 2] = (uint8_t)(high * 16 + low);
    }
    out->key_len = (uint8_t)(hex.len / 2);
    return true;
}

static bool parse_identity(struct slice text, struct tls_psk *out)
{
    if (text.len == 0 || text.len > TLS_PSK_IDENTITY_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f) {
            return false;
        }
    }
    memcpy(out->identity, text.data, text.len);
    return true;
}

bool tls_psk_parse(struct slice text, struct tls_psk *out, const char **why)
{
    size_t colon = text.len;
    *out = (struct tls_psk){.key_len = 0};
    while (colon > 0 && text.data[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0) {
        *why = "a pre-shared key is IDENTITY:HEX";
        return false;
    }
    if (!parse_identity((struct slice){text.data, colon - 1}, out)) {
        *why = "an identity has 1 to 128 printable characters and no space";
        return false;
    }
    if (!parse_key((struct slice){text.data + colon, text.len - colon}, out)) {
        *why = "a key has 16 to 48 bytes, as 32 to 96 hexadecimal digits";
        mbedtls_platform_zeroize(out, sizeof(*out));
        return false;
    }
    return true;
}

const struct tls_psk *tls_psks_find(const struct tls_psks *list, struct slice identity)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *have = list->psk[i].identity;
        if (strlen(have) == identity.len && memcmp(have, identity.data, identity.len) == 0) {
            return &list->psk[i];
        }
    }
    return NULL;
}

bool tls_psks_add(struct tls_psks *list, const struct tls_psk *psk, const char **why)
{
    const struct slice identity = {(const uint8_t *)psk->identity, strlen(psk->identity)};
    if (tls_psks_find(list, identity) != NULL) {
        *why = "this identity has a key already";
        return false;
    }
    struct tls_psk *more = NULL;
    if (list->count < TLS_PSKS_MAX) {
        more = calloc(list->count + 1, sizeof(*more)); /* not realloc: it would leave keys behind */
    }
    if (more == NULL) {
        *why = list->count < TLS_PSKS_MAX ? "out of memory" : "too many pre-shared keys";
        return false;
    }
    if (list->count > 0) {
        memcpy(more, list->psk, list->count * sizeof(*more));
    }
    more[list->count] = *psk;
    size_t count = list->count + 1;
    tls_psks_done(list);
    *list = (struct tls_psks){more, count};
    return true;
}

void tls_psks_done(struct tls_psks *list)
{
    if (list->psk != NULL) {
        mbedtls_platform_zeroize(list->psk, list->count * sizeof(*list->psk));
        free(list->psk);
    }
    *list = (struct tls_psks){NULL, 0};
}

bool tls_psks_read(struct tls_psks *list, const char *file, char *error, size_t error_size)
{
    char line[TLS_PSK_IDENTITY_MAX + 2 * TLS_PSK_KEY_MAX + 16];
    const char *why = NULL;
    struct tls_psk psk;
    FILE *f = fopen(file, "re");
    if (f == NULL) {
        snprintf(error, error_size, "%s: %s", file, strerror(errno));
        return false;
    }
    for (unsigned number = 1; why == NULL && fgets(line, sizeof(line), f) != NULL; number++) {
        size_t len = strcspn(line, "\r\n");
        if (len == 0 || line[0] == '#') {
            continue;
        }
        if (!tls_psk_parse((struct slice){(const uint8_t *)line, len}, &psk, &why) ||
            !tls_psks_add(list, &psk, &why)) {
            snprintf(error, error_size, "%s, line %u: %s", file, number, why);
        }
    }
    mbedtls_platform_zeroize(line, sizeof(line));
    mbedtls_platform_zeroize(&psk, sizeof(psk));
    fclose(f);
    return why == NULL;
}
