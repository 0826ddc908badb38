/* See answer.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/client/answer.h"

static _Noreturn void refuse(const struct answer *a, const char *why)
{
    fprintf(stderr, "bench-client: %s: %.*s\n", why, (int)strcspn(a->head, "\r\n"), a->head);
    exit(EXIT_FAILURE);
}

static uint64_t content_length(const struct answer *a)
{
    const char *field = strcasestr(a->head, "\r\ncontent-length:");
    if (field == NULL) {
        if (strncmp(a->head + 9, "204", 3) != 0) {
            refuse(a, "an answer without a length");
        }
        return 0;
    }
    return strtoull(field + strlen("\r\ncontent-length:"), NULL, 10);
}

bool answer_take(struct answer *a, const char *data, size_t len)
{
    if (!a->in_body) {
        size_t n = sizeof a->head - 1 - a->head_len;
        n = len < n ? len : n;
        memcpy(a->head + a->head_len, data, n);
        a->head[a->head_len + n] = '\0';
        const char *end = strstr(a->head, "\r\n\r\n");
        if (end == NULL) {
            if (a->head_len + n == sizeof a->head - 1) {
                refuse(a, "a head without an end");
            }
            a->head_len += n;
            return false;
        }
        if (strncmp(a->head, "HTTP/1.1 2", 10) != 0) {
            refuse(a, "no success");
        }
        size_t of_head = (size_t)(end + 4 - a->head) - a->head_len;
        a->left = content_length(a);
        a->in_body = true;
        len -= of_head;
    }
    if (len > a->left) {
        refuse(a, "more came than was announced");
    }
    a->left -= len;
    if (a->left > 0) {
        return false;
    }
    a->in_body = false;
    a->head_len = 0;
    return true;
}
