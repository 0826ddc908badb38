/* The file of a recording (apps/tape/format.h), damaged in any way, cut off, or made by somebody who knows how the checks
 * are computed: what is read lies in the file, the reader gets on with each record, and stops at its end.
 *
 * First byte: 0, the rest is the file as it is; else the rest is cut into records of a good file, of which one byte is
 * changed. What was there before that byte's record is read as it was written, and no more.
 */
#include "apps/tape/format.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 64U

struct written {
    struct slice content[RECORDS_MAX]; /* of the input */
    enum tape_type type[RECORDS_MAX];
    size_t begins[RECORDS_MAX + 1]; /* bytes of the file; the last: its end */
    unsigned count;
};

/* Reads all that there is; the number of records. */
static unsigned read_all(struct slice file, const struct written *as)
{
    char why[128] = "";
    struct tape_reader r;
    struct tape_record record;
    unsigned n = 0;
    if (!tape_open(&r, file, why, sizeof(why))) {
        FUZZ_CHECK(why[0] != '\0');
        return 0;
    }
    FUZZ_CHECK(strlen(r.header.build) <= TAPE_BUILD_MAX && r.at <= file.len);
    for (size_t before = r.at; tape_next(&r, &record) == TAPE_FOUND_RECORD; before = r.at, n++) {
        FUZZ_CHECK(r.at > before && r.at <= file.len && record.type < TAPE_TYPES);
        FUZZ_CHECK(record.content.len <= TAPE_CONTENT_MAX);
        FUZZ_CHECK(record.content.data >= file.data + before &&
                   record.content.data + record.content.len <= file.data + r.at);
        if (as != NULL) {
            FUZZ_CHECK(n < as->count && record.type == as->type[n] && r.at == as->begins[n + 1]);
            FUZZ_CHECK(record.content.len == as->content[n].len &&
                       memcmp(record.content.data, as->content[n].data, record.content.len) == 0);
        }
    }
    return n;
}

static struct slice write_file(struct written *f, struct slice in)
{
    size_t room = TAPE_HEADER_MAX + RECORDS_MAX * TAPE_OVERHEAD + in.len;
    uint8_t *bytes = malloc(room);
    FUZZ_CHECK(bytes != NULL);
    struct wr w = wr_of(bytes, room);
    struct rd r = rd_slice(in);
    struct tape_chain chain;
    struct tape_header header = {.version = TAPE_VERSION, .build = "a build"};
    tape_write_header(&w, &chain, &header);
    f->begins[0] = wr_len(&w);
    while (f->count < RECORDS_MAX && rd_left(&r) >= 2) {
        unsigned n = f->count++;
        f->type[n] = (enum tape_type)(TAPE_END + 1 + rd_u8(&r) % (TAPE_TYPES - TAPE_END - 1));
        size_t len = rd_u8(&r);
        f->content[n] = rd_take(&r, len < rd_left(&r) ? len : rd_left(&r));
        tape_write_record(&w, &chain, f->type[n], &f->content[n], 1);
        f->begins[n + 1] = wr_len(&w);
    }
    FUZZ_CHECK(!w.failed);
    return (struct slice){bytes, wr_len(&w)};
}

static void change(uint8_t *bytes, struct written *f, size_t at, uint8_t by)
{
    unsigned whole = 0;
    bytes[at] ^= by;
    while (whole < f->count && f->begins[whole + 1] <= at) {
        whole++;
    }
    f->count = at < f->begins[0] ? 0 : whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) {
        return -1;
    }
    if (data[0] == 0) {
        uint8_t *bytes = fuzz_copy(data + 1, size - 1);
        (void)read_all((struct slice){bytes, size - 1}, NULL);
        free(bytes);
        return 0;
    }
    struct written f = {0};
    struct slice file = write_file(&f, (struct slice){data + 4, size - 4});
    uint8_t *bytes = fuzz_copy(file.data, file.len);
    free((uint8_t *)file.data);
    FUZZ_CHECK(read_all((struct slice){bytes, file.len}, &f) == f.count);
    change(bytes, &f, ((size_t)data[1] << 8U | data[2]) % file.len, data[3]);
    if (data[3] != 0) {
        FUZZ_CHECK(read_all((struct slice){bytes, file.len}, &f) == f.count);
    }
    free(bytes);
    return 0;
}
