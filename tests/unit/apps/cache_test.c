/* Files in memory: what is shared, what is found out, what is given back. The files are real ones; what is counted
 * are the calls that the cache makes. */
#include "apps/http/cache.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stack/tcp/sendq.h"
#include "tests/unit/apps/tree.h"

#define OLD INT64_C(1000000000) /* when the files were written, seconds since 1970 */
#define NOW (OLD + 1000000)
#define BIG (3 * HTTP_CACHE_PIECE + 1000U)

static struct {
    struct http_cache cache;
    char root[64];
    int root_fd;
    uint8_t *big;
    unsigned looks, reads, descriptors;
} rig;

static bool counted_open(int root_fd, const char *path, struct http_file *out)
{
    bool found = http_system_files.open(root_fd, path, out);
    rig.looks++;
    rig.descriptors += found ? 1 : 0;
    return found;
}

static ssize_t counted_read(int fd, void *out, size_t len, uint64_t at)
{
    rig.reads++;
    return http_system_files.read(fd, out, len, at);
}

static void counted_close(int fd)
{
    rig.descriptors--;
    http_system_files.close(fd);
}

static bool counted_same(int root_fd, const char *path, const struct http_file *f)
{
    bool same = http_system_files.same(root_fd, path, f);
    rig.looks += same ? 1 : 0; /* else it is opened */
    return same;
}

static const struct http_files counted[2] = {
    {.open = counted_open, .read = counted_read, .close = counted_close},
    {counted_open, counted_read, counted_close, counted_same},
};

static void put(const char *name, const void *content, size_t len, int64_t modified)
{
    tree_put(rig.root, name, content, len);
    struct timespec times[2] = {{.tv_sec = modified}, {.tv_sec = modified}};
    ck_assert_int_eq(utimensat(rig.root_fd, name, times, 0), 0);
}

static void set_up(const struct http_files *calls)
{
    memset(&rig, 0, sizeof rig);
    tree_make(rig.root, sizeof rig.root);
    rig.root_fd = http_root_open(rig.root);
    ck_assert_int_ge(rig.root_fd, 0);
    rig.big = malloc(BIG);
    ck_assert_ptr_nonnull(rig.big);
    for (size_t i = 0; i < BIG; i++) {
        rig.big[i] = (uint8_t)(i * 2654435761U >> 13);
    }
    put("big", rig.big, BIG, OLD);
    put("a.txt", "0123456789", 10, OLD);
    http_cache_init(&rig.cache, calls, rig.root_fd, HTTP_CACHE_BYTES);
}

static void set_up_opening(void)
{
    set_up(&counted[0]);
}

static void set_up_looking(void)
{
    set_up(&counted[1]);
}

static void tear_down(void)
{
    http_cache_done(&rig.cache);
    ck_assert_uint_eq(rig.descriptors, 0);
    ck_assert_uint_eq(rig.cache.bytes, 0);
    close(rig.root_fd);
    tree_remove(rig.root);
    free(rig.big);
}

static struct http_cached *open_at(const char *path, nsec now)
{
    struct http_cached *f = http_cache_open(&rig.cache, path, now, NOW);
    ck_assert_ptr_nonnull(f);
    return f;
}

/* All bytes of a file from the cache, and none of them past it. */
static void expect_content(struct http_cached *f, const void *content, size_t len)
{
    struct slab *slab;
    size_t at = 0;
    while (at < len) {
        struct slice run = http_cache_run(&rig.cache, f, at, 1, &slab);
        ck_assert_uint_gt(run.len, 0);
        ck_assert_uint_le(run.len, len - at);
        ck_assert_mem_eq(run.data, (const uint8_t *)content + at, run.len);
        at += run.len;
    }
    ck_assert_uint_eq(http_cache_run(&rig.cache, f, at, 1, &slab).len, 0);
}

START_TEST(a_file_is_read_once)
{
    for (nsec now = 1; now < 5; now++) {
        struct http_cached *f = open_at("/big", now);
        ck_assert_uint_eq(f->file.size, BIG);
        expect_content(f, rig.big, BIG);
        http_cache_close(&rig.cache, f);
        ck_assert_uint_eq(rig.descriptors, 0);
    }
    ck_assert_uint_eq(rig.reads, 4); /* pieces */
    ck_assert_uint_eq(rig.looks, 4); /* looked at each time */
}
END_TEST

START_TEST(requests_of_one_moment_look_once)
{
    struct http_cached *a = open_at("/a.txt", 7), *b = open_at("/a.txt", 7);
    ck_assert_ptr_eq(a, b);
    ck_assert_uint_eq(rig.looks, 1);
    http_cache_close(&rig.cache, a);
    expect_content(b, "0123456789", 10);
    http_cache_close(&rig.cache, b);
}
END_TEST

START_TEST(a_changed_file_is_another)
{
    struct http_cached *a = open_at("/a.txt", 1);
    expect_content(a, "0123456789", 10);
    put("a.txt", "abcdefghij", 10, OLD + 1);
    struct http_cached *b = open_at("/a.txt", 2);
    expect_content(b, "abcdefghij", 10);
    expect_content(a, "0123456789", 10); /* its answer goes on as it began */
    http_cache_close(&rig.cache, a);
    http_cache_close(&rig.cache, b);
    ck_assert_int_eq(unlinkat(rig.root_fd, "a.txt", 0), 0);
    ck_assert_ptr_null(http_cache_open(&rig.cache, "/a.txt", 3, NOW));
}
END_TEST

/* Written to within the grain of its time of modification, a file can change and look the same. */
START_TEST(a_file_just_written_is_not_shared)
{
    put("a.txt", "0123456789", 10, NOW - 1);
    struct http_cached *a = open_at("/a.txt", 1);
    expect_content(a, "0123456789", 10);
    put("a.txt", "abcdefghij", 10, NOW - 1);
    struct http_cached *b = open_at("/a.txt", 2);
    expect_content(b, "abcdefghij", 10);
    http_cache_close(&rig.cache, a);
    http_cache_close(&rig.cache, b);
    ck_assert_uint_eq(rig.cache.bytes, 0);
}
END_TEST

START_TEST(a_file_that_shrinks_has_no_more_bytes)
{
    struct slab *slab;
    uint8_t out[16];
    struct http_cached *f = open_at("/big", 1);
    struct slice first = http_cache_run(&rig.cache, f, 0, 1, &slab);
    ck_assert_uint_eq(first.len, HTTP_CACHE_PIECE);
    char path[128];
    snprintf(path, sizeof path, "%s/big", rig.root);
    ck_assert_int_eq(truncate(path, 10), 0);
    ck_assert_uint_eq(http_cache_run(&rig.cache, f, HTTP_CACHE_PIECE, 1, &slab).len, 0);
    ck_assert_int_le(http_cache_read(&rig.cache, f, out, sizeof out, HTTP_CACHE_PIECE), 0);
    struct slice again = http_cache_run(&rig.cache, f, 0, 1, &slab);
    ck_assert_mem_eq(again.data, rig.big, HTTP_CACHE_PIECE); /* what was read stays what it was */
    http_cache_close(&rig.cache, f);
}
END_TEST

START_TEST(bytes_have_a_limit)
{
    struct slab *slab;
    rig.cache.max_bytes = 2 * HTTP_CACHE_PIECE + 4096;
    struct http_cached *f = open_at("/big", 1);
    for (unsigned round = 0; round < 3; round++) {
        expect_content(f, rig.big, BIG);
        ck_assert_uint_le(rig.cache.bytes, rig.cache.max_bytes);
    }
    ck_assert_uint_gt(http_cache_run(&rig.cache, f, 0, 1, &slab).len, 0);
    http_cache_close(&rig.cache, f);
}
END_TEST

/* What connections still send counts; with all of it in use, reading goes past the cache. */
START_TEST(what_is_being_sent_stays_and_counts)
{
    struct slab_limits limits = {.bufs = 8};
    struct slab_pools pools;
    struct sendq q;
    struct slab *slab;
    uint8_t out[100];
    slab_pools_init(&pools, &limits);
    sendq_init(&q, seq_of(1));
    rig.cache.max_bytes = 2 * HTTP_CACHE_PIECE + 4096;
    struct http_cached *f = open_at("/big", 1);
    for (unsigned i = 0; i < 2; i++) {
        struct slice run = http_cache_run(&rig.cache, f, i * HTTP_CACHE_PIECE, 1, &slab);
        run.len = 2;
        ck_assert(sendq_refer(&q, &pools, run, slab));
    }
    ck_assert_uint_eq(http_cache_run(&rig.cache, f, 2 * HTTP_CACHE_PIECE, 1, &slab).len, 0);
    ck_assert_int_eq(http_cache_read(&rig.cache, f, out, 100, 2 * HTTP_CACHE_PIECE), 100);
    ck_assert_mem_eq(out, rig.big + (size_t)2 * HTTP_CACHE_PIECE, 100);
    sendq_acked(&q, seq_of(3));
    ck_assert_uint_eq(http_cache_run(&rig.cache, f, 2 * HTTP_CACHE_PIECE, 1, &slab).len,
                      HTTP_CACHE_PIECE);
    http_cache_close(&rig.cache, f);
    http_cache_done(&rig.cache); /* ends before the connection does */
    struct packet p;
    packet_init(&p);
    ck_assert_uint_eq(sendq_slices(&q, seq_of(3), 2, &p), 2);
    ck_assert_mem_eq(p.payload[0].data, rig.big + HTTP_CACHE_PIECE, 2);
    sendq_done(&q);
    slab_pools_done(&pools);
    http_cache_init(&rig.cache, &counted[0], rig.root_fd, HTTP_CACHE_BYTES);
}
END_TEST

START_TEST(what_nobody_uses_is_given_back)
{
    struct http_cached *f = open_at("/big", 1);
    expect_content(f, rig.big, BIG);
    http_cache_close(&rig.cache, f);
    http_cache_sweep(&rig.cache, HTTP_CACHE_UNUSED);
    ck_assert_uint_gt(rig.cache.bytes, BIG);
    http_cache_sweep(&rig.cache, HTTP_CACHE_UNUSED + 1);
    ck_assert_uint_eq(rig.cache.bytes, 0);
    f = open_at("/big", 2);
    expect_content(f, rig.big, BIG);
    http_cache_close(&rig.cache, f);
}
END_TEST

/* A descriptor that was closed meanwhile is opened again, if the path still names that version. */
START_TEST(a_piece_that_is_missing_is_read_later)
{
    struct http_cached *f = open_at("/big", 5);
    http_cache_close(&rig.cache, f);
    f = open_at("/big", 5);
    ck_assert_int_lt(f->file.fd, 0);
    expect_content(f, rig.big, BIG);
    http_cache_close(&rig.cache, f);
    http_cache_sweep(&rig.cache, 2 * HTTP_CACHE_UNUSED);
    f = open_at("/big", 5);
    put("big", rig.big, BIG, OLD + 5);
    struct slab *slab;
    ck_assert_uint_eq(http_cache_run(&rig.cache, f, 0, 5, &slab).len, 0);
    http_cache_close(&rig.cache, f);
}
END_TEST

/* A new file under the old name, of the same size and age. */
START_TEST(a_replaced_file_is_another)
{
    struct http_cached *f = open_at("/a.txt", 1);
    expect_content(f, "0123456789", 10);
    http_cache_close(&rig.cache, f);
    put("b.txt", "abcdefghij", 10, OLD);
    ck_assert_int_eq(renameat(rig.root_fd, "b.txt", rig.root_fd, "a.txt"), 0);
    f = open_at("/a.txt", 2);
    expect_content(f, "abcdefghij", 10);
    http_cache_close(&rig.cache, f);
}
END_TEST

/* A large file: kept when it is asked for again, with no more memory than is being sent until then. */
START_TEST(a_large_file_is_kept_the_second_time)
{
    size_t large = 8 * HTTP_CACHE_PIECE;
    uint8_t *content = malloc(large);
    ck_assert_ptr_nonnull(content);
    for (size_t i = 0; i < large; i++) {
        content[i] = (uint8_t)(i >> 9);
    }
    put("large", content, large, OLD);
    struct http_cached *f = open_at("/large", 1);
    ck_assert(!http_cache_keeps(f));
    for (size_t at = 0; at < large; at += HTTP_CACHE_PIECE) {
        struct slab *slab;
        struct slice run = http_cache_run(&rig.cache, f, at, 1, &slab);
        ck_assert_mem_eq(run.data, content + at, HTTP_CACHE_PIECE);
        ck_assert_uint_lt(rig.cache.bytes, 2 * HTTP_CACHE_PIECE);
    }
    http_cache_close(&rig.cache, f);
    ck_assert_uint_eq(rig.cache.bytes, 0);
    ck_assert_uint_eq(rig.reads, 8);
    for (nsec now = 2; now < 4; now++) {
        f = open_at("/large", now);
        expect_content(f, content, large);
        http_cache_close(&rig.cache, f);
        ck_assert_uint_eq(rig.reads, 16);
    }
    free(content);
}
END_TEST

START_TEST(files_have_a_limit)
{
    for (unsigned i = 0; i < HTTP_CACHE_FILES + 10; i++) {
        char name[16], path[16];
        snprintf(name, sizeof name, "f%u", i);
        snprintf(path, sizeof path, "/f%u", i);
        put(name, "x", 1, OLD);
        http_cache_close(&rig.cache, open_at(path, 1 + i));
        ck_assert_uint_le(rig.cache.file_count, HTTP_CACHE_FILES);
    }
}
END_TEST

Suite *cache_suite(void);
static void add_case(Suite *s, const char *name, void (*begin)(void))
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, begin, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_file_is_read_once);
    tcase_add_test(t, requests_of_one_moment_look_once);
    tcase_add_test(t, a_changed_file_is_another);
    tcase_add_test(t, a_file_just_written_is_not_shared);
    tcase_add_test(t, a_file_that_shrinks_has_no_more_bytes);
    tcase_add_test(t, bytes_have_a_limit);
    tcase_add_test(t, what_is_being_sent_stays_and_counts);
    tcase_add_test(t, what_nobody_uses_is_given_back);
    tcase_add_test(t, a_piece_that_is_missing_is_read_later);
    tcase_add_test(t, a_replaced_file_is_another);
    tcase_add_test(t, a_large_file_is_kept_the_second_time);
    tcase_add_test(t, files_have_a_limit);
    suite_add_tcase(s, t);
}

Suite *cache_suite(void)
{
    Suite *s = suite_create("cache");
    add_case(s, "files are opened to find out", set_up_opening);
    add_case(s, "files are looked at", set_up_looking);
    return s;
}
