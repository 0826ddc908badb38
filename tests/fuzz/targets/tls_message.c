/* The readers of handshake messages (tls/message.h): any bytes as a message of any type and version. Every field is
 * whole, its text ends within its bound, what it points at lies in the message, and its depth is at most one more than
 * the one before.
 *
 * First byte: the type; second: the version.
 */
#include "tests/fuzz/fuzz.h"
#include "tls/message.h"

#include <stdlib.h>
#include <string.h>

struct seen {
    struct slice message;
    unsigned depth;
};

static void check(void *arg, const struct tls_field *f)
{
    struct seen *s = arg;
    FUZZ_CHECK(f->name != NULL && f->name[0] != '\0' && f->value != NULL && f->note != NULL);
    FUZZ_CHECK(strlen(f->value) < TLS_FIELD_TEXT);
    FUZZ_CHECK(f->depth <= s->depth + 1);
    FUZZ_CHECK(f->count <= TLS_FIELD_NUMBERS && (f->count > 0) == (f->numbers != NULL));
    FUZZ_CHECK(f->more == 0 || f->count == TLS_FIELD_NUMBERS);
    if (f->bytes.len > 0) {
        FUZZ_CHECK(f->bytes.data >= s->message.data &&
                   f->bytes.data + f->bytes.len <= s->message.data + s->message.len);
    }
    for (const char *p = f->value; *p != '\0'; p++) {
        FUZZ_CHECK((unsigned char)*p >= ' ');
    }
    s->depth = f->depth;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[TLS_SUMMARY_MAX];
    if (size < 2) {
        return -1;
    }
    uint8_t *bytes = fuzz_copy(data + 2, size - 2);
    struct tls_message_view m = {.type = data[0],
                                 .version = (data[1] & 1U) != 0 ? TLS_1_3 : TLS_1_2,
                                 .bytes = {bytes, size - 2},
                                 .verdict = ""};
    struct seen s = {.message = m.bytes};
    tls_message_fields(&m, check, &s);
    FUZZ_CHECK(strlen(tls_message_summary(&m, line)) < sizeof(line));
    free(bytes);
    return 0;
}
