/* apps/echo.c on a mock stream: echo, discard and chargen (RFC 862, RFC 863, RFC 864). */
#include <check.h>
#include <string.h>

#include "apps/echo.h"
#include "tests/unit/apps/mock_stream.h"

static struct wheel wheel;
static struct recorder recorder;
static struct echo_service service;
static struct mock_stream mock;
static nsec now;

static void set_up(void)
{
    now = NS_PER_SEC;
    wheel_init(&wheel, now);
    ck_assert(recorder_init(&recorder, 16));
    recorder_begin(&recorder, CAUSE_APP, now);
    echo_init(&service, &wheel, &recorder, 1, 300 * NS_PER_SEC);
    mock_init(&mock, 4096);
}

static void tear_down(void)
{
    echo_done(&service);
    ck_assert_uint_eq(service.pool.in_use, 0);
    ck_assert_uint_eq(wheel.armed, 0);
    recorder_done(&recorder);
    mock_done(&mock);
}

static void advance(nsec by)
{
    now += by;
    wheel_advance(&wheel, now);
    recorder_begin(&recorder, CAUSE_APP, now);
}

START_TEST(gives_back_what_comes)
{
    mock.run = 3;
    echo_accept(&service, &mock.stream);
    mock_open(&mock);
    mock_give_text(&mock, "hello ");
    mock_give_text(&mock, "world");
    ck_assert_str_eq(mock.out, "hello world");
    ck_assert(!mock.shut);
    mock_end(&mock);
    ck_assert(mock.shut);
    mock_close(&mock, CLOSE_NORMAL);
}
END_TEST

START_TEST(gives_everything_back_before_it_ends)
{
    char text[10000];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)('a' + i % 26);
    }
    echo_accept(&service, &mock.stream);
    mock_give(&mock, text, sizeof text);
    mock_end(&mock);
    ck_assert(!mock.shut);
    ck_assert_uint_le(mock.out_len, 4096);
    while (mock.taken < mock.out_len) {
        ck_assert_uint_le(mock.out_len - mock.taken, 4096);
        mock_take(&mock, 1000);
    }
    ck_assert(mock.shut);
    ck_assert_uint_eq(mock.out_len, sizeof text);
    ck_assert_mem_eq(mock.out, text, sizeof text);
}
END_TEST

START_TEST(discards)
{
    discard_accept(&service, &mock.stream);
    for (int i = 0; i < 100; i++) {
        mock_give_text(&mock, "nobody reads this");
    }
    ck_assert_uint_eq(mock.in_len, 0);
    ck_assert_uint_eq(mock.out_len, 0);
    mock_end(&mock);
    ck_assert(mock.shut);
}
END_TEST

/* RFC 864: after 95 lines of 72 characters the first comes again; read as Python's string.printable would write it. */
START_TEST(generates_characters)
{
    chargen_accept(&service, &mock.stream);
    mock_open(&mock);
    ck_assert_uint_gt(mock.out_len, 148);
    ck_assert_mem_eq(
        mock.out,
        " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n"
        "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh\r\n",
        148);
    mock_give_text(&mock, "nobody reads this");
    ck_assert_uint_eq(mock.in_len, 0);
    while (mock.out_len < 95 * 74 + 148) {
        size_t before = mock.out_len;
        mock_take(&mock, 2500);
        ck_assert_uint_gt(mock.out_len, before);
    }
    ck_assert_mem_eq(mock.out + (size_t)94 * 74, "~ !", 3);
    ck_assert_mem_eq(mock.out + (size_t)95 * 74, mock.out, 148);
    mock_end(&mock);
    ck_assert(mock.shut);
}
END_TEST

static size_t refer(struct stream *s, struct slice bytes, struct slab *lent)
{
    size_t room;
    uint8_t *out = stream_reserve(s, 1, &room);
    ck_assert(bytes.data >= lent->bytes);
    ck_assert(bytes.data + bytes.len <= lent->bytes + lent->cap);
    size_t n = out == NULL ? 0 : size_min(room, size_min(bytes.len, 1001));
    if (n > 0) {
        memcpy(out, bytes.data, n);
        stream_commit(s, n);
    }
    return n;
}

/* A stream that takes bytes where they lie, and few at a time, says the same as one that has them copied. */
START_TEST(generates_the_same_characters_by_reference)
{
    struct mock_stream by_reference;
    struct stream_ops ops = *mock.stream.ops;
    service.pool.limit = 2;
    mock_init(&by_reference, 4096);
    ops.refer = refer;
    by_reference.stream.ops = &ops;
    chargen_accept(&service, &mock.stream);
    chargen_accept(&service, &by_reference.stream);
    mock_open(&mock);
    mock_open(&by_reference);
    while (mock.out_len < 30000 || by_reference.out_len < 30000) {
        mock_take(&mock, 2500);
        mock_take(&by_reference, 2500);
    }
    ck_assert_mem_eq(by_reference.out, mock.out, 30000);
    mock_end(&by_reference);
    mock_close(&by_reference, CLOSE_NORMAL);
    mock_done(&by_reference);
}
END_TEST

START_TEST(refuses_beyond_its_limit)
{
    struct mock_stream other;
    mock_init(&other, 100);
    echo_accept(&service, &mock.stream);
    echo_accept(&service, &other.stream);
    ck_assert(other.aborted && !mock.aborted);
    mock_done(&other);
}
END_TEST

START_TEST(ends_idle_connections)
{
    echo_accept(&service, &mock.stream);
    advance(200 * NS_PER_SEC);
    mock_give_text(&mock, "x");
    advance(200 * NS_PER_SEC);
    ck_assert(!mock.aborted);
    advance(101 * NS_PER_SEC);
    ck_assert(mock.aborted);
}
END_TEST

Suite *echo_suite(void);
Suite *echo_suite(void)
{
    Suite *s = suite_create("echo");
    TCase *t = tcase_create("echo");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, gives_back_what_comes);
    tcase_add_test(t, gives_everything_back_before_it_ends);
    tcase_add_test(t, discards);
    tcase_add_test(t, generates_characters);
    tcase_add_test(t, generates_the_same_characters_by_reference);
    tcase_add_test(t, refuses_beyond_its_limit);
    tcase_add_test(t, ends_idle_connections);
    suite_add_tcase(s, t);
    return s;
}
