/* What mbedTLS does not export, and its debug text says: the Handshake Secret of TLS 1.3, the pre-master secret of TLS 1.2.
 *
 * Debug text is no interface: it is read here for the labels of mbedTLS 3.6, and where one is missing the schedule begins
 * with the secrets that are exported. The text comes only while a watched session takes a step: the level is mbedTLS' own
 * and for all, but who has no debug function pays one comparison.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/debug.h>

#include "tls/internal.h"

#define LEVEL 4 /* at which buffers are dumped */

void tls_overhear_begin(struct tls_session *t)
{
    t->context->overheard = t;
    mbedtls_debug_set_threshold(LEVEL);
}

void tls_overhear_end(struct tls_session *t)
{
    mbedtls_debug_set_threshold(0);
    t->context->overheard = NULL;
}

/* "dumping 'LABEL' (N bytes)": where its bytes go; NULL: nobody wants them. */
static struct tls_value *wanted(struct tls_sight *s, const char *text)
{
    static const char handshake[] = "dumping 'Handshake secret' (";
    static const char premaster[] = "dumping 'premaster secret' (";
    if (strncmp(text, handshake, sizeof(handshake) - 1) == 0) {
        return &s->schedule.library_handshake;
    }
    return strncmp(text, premaster, sizeof(premaster) - 1) == 0 ? &s->schedule.shared : NULL;
}

/* A line of a dump: "0010:  de ad …  ascii". */
static void hear_line(struct tls_sight *s, const char *text)
{
    struct tls_value *v = s->hearing;
    const char *p = strchr(text, ':');
    for (int i = 0; p != NULL && i < 16 && s->still_to_hear > 0; i++) {
        char *end;
        unsigned long byte = strtoul(i == 0 ? p + 1 : p, &end, 16);
        if (end == p || byte > 255 || v->len == sizeof(v->data)) {
            break;
        }
        v->data[v->len++] = (uint8_t)byte;
        s->still_to_hear--;
        p = end;
    }
    if (s->still_to_hear == 0) {
        s->hearing = NULL;
    }
}

/* A library that is built for threads says first which session it is: "0x55d0c0ffee: ". */
static const char *without_session(const char *text)
{
    const char *end = strncmp(text, "0x", 2) == 0 ? strstr(text, ": ") : NULL;
    return end != NULL ? end + 2 : text;
}

void tls_overhear(void *arg, int level, const char *file, int line, const char *text)
{
    const struct tls_context *c = arg;
    struct tls_sight *s = c->overheard != NULL ? c->overheard->sight : NULL;
    (void)level;
    (void)file;
    (void)line;
    if (s == NULL) {
        return;
    }
    text = without_session(text);
    if (s->hearing != NULL && strncmp(text, "dumping", 7) != 0) {
        hear_line(s, text);
        return;
    }
    s->hearing = wanted(s, text);
    if (s->hearing != NULL) {
        s->hearing->len = 0;
        s->still_to_hear = strtoul(strchr(text, '(') + 1, NULL, 10);
    }
}
