/* apps/http/files.c: what is below the root can be had, and nothing else. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/http/files.h"
#include "tests/unit/apps/tree.h"

static char base[64], root[80];

static void put(const char *name, const char *content)
{
    tree_put(base, name, content, strlen(content));
}

static void make_dir(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", base, name);
    ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void link_to(const char *target, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", base, name);
    ck_assert_int_eq(symlink(target, path), 0);
}

static void set_up(void)
{
    char path[256];
    tree_make(base, sizeof base);
    snprintf(root, sizeof root, "%s/root", base);
    make_dir("root");
    make_dir("root/dir");
    make_dir("root/empty");
    make_dir("rootbeer");
    put("secret", "secret");
    put("rootbeer/secret", "secret");
    put("root/a.txt", "hello");
    put("root/dir/index.html", "<p>");
    put("root/dir/inner.css", "p{}");
    put("root/a..b", "dots");
    link_to("/etc/passwd", "root/absolute");
    link_to("../secret", "root/relative");
    link_to("..", "root/up");
    link_to("a.txt", "root/inside");
    link_to("loop", "root/loop");
    snprintf(path, sizeof path, "%s/root/fifo", base);
    ck_assert_int_eq(mkfifo(path, 0644), 0);
}

static void tear_down(void)
{
    tree_remove(base);
}

static const struct {
    const char *path, *content; /* NULL: there is nothing */
} cases[] = {
    {"/a.txt", "hello"},
    {"/a..b", "dots"},
    {"//a.txt", "hello"},
    {"/dir//inner.css", "p{}"},
    {"/dir", "<p>"},
    {"/dir/", "<p>"},
    {"/dir/inner.css", "p{}"},
    {"/inside", "hello"}, /* a link that stays inside */
    {"/", NULL},          /* no index.html there */
    {"/empty", NULL},
    {"/empty/", NULL},
    {"/missing", NULL},
    {"/a.txt/", NULL},
    {"/a.txt/x", NULL},
    {"/../secret", NULL},
    {"/..", NULL},
    {"/dir/../../secret", NULL},
    {"/../rootbeer/secret", NULL},
    {"/absolute", NULL},
    {"/relative", NULL},
    {"/up/secret", NULL},
    {"/up/root/a.txt", NULL}, /* out and in again is out */
    {"/loop", NULL},
    {"/fifo", NULL}, /* and does not wait */
    {"/proc/self/root/etc/passwd", NULL},
};

START_TEST(opens_only_what_is_below)
{
    int fd = http_root_open(root);
    ck_assert_int_ge(fd, 0);
    struct http_file f;
    bool found = http_file_open(fd, cases[_i].path, &f);
    ck_assert_msg(found == (cases[_i].content != NULL), "%s", cases[_i].path);
    if (found) {
        char content[64] = "";
        ck_assert_uint_eq(f.size, strlen(cases[_i].content));
        ck_assert_int_eq(read(f.fd, content, sizeof content - 1), (int)f.size);
        ck_assert_str_eq(content, cases[_i].content);
        ck_assert(f.etag[0] == '"' && f.etag[strlen(f.etag) - 1] == '"');
        close(f.fd);
    }
    close(fd);
}
END_TEST

START_TEST(leaves_no_descriptor_open)
{
    int fd = http_root_open(root);
    int before = dup(fd);
    close(before);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct http_file f;
        if (http_file_open(fd, cases[i].path, &f)) {
            close(f.fd);
        }
    }
    int after = dup(fd); /* the lowest free number has not moved */
    ck_assert_int_eq(after, before);
    close(after);
    close(fd);
}
END_TEST

START_TEST(tells_a_changed_file)
{
    struct http_file a, b;
    int fd = http_root_open(root);
    ck_assert(http_file_open(fd, "/a.txt", &a));
    ck_assert(http_file_same(fd, "/a.txt", &a));
    put("root/a.txt", "hello!");
    ck_assert(!http_file_same(fd, "/a.txt", &a));
    ck_assert(!http_file_same(fd, "/none", &a));
    ck_assert(http_file_open(fd, "/a.txt", &b));
    ck_assert_str_ne(a.etag, b.etag);
    close(a.fd);
    close(b.fd);
    close(fd);
}
END_TEST

START_TEST(no_root_no_files)
{
    struct http_file f;
    ck_assert(!http_file_open(-1, "/a.txt", &f));
    ck_assert_int_lt(http_root_open("/tmp/vitrine-there-is-nothing"), 0);
}
END_TEST

START_TEST(knows_types)
{
    ck_assert_str_eq(http_type_of("/a.html"), "text/html; charset=utf-8");
    ck_assert_str_eq(http_type_of("/a.b/c.PNG"), "image/png");
    ck_assert_str_eq(http_type_of("/a.json"), "application/json");
    ck_assert_str_eq(http_type_of("/a.html/b"), "application/octet-stream");
    ck_assert_str_eq(http_type_of("/a."), "application/octet-stream");
    ck_assert_str_eq(http_type_of("index.html"), "text/html; charset=utf-8");
}
END_TEST

Suite *files_suite(void);
Suite *files_suite(void)
{
    Suite *s = suite_create("files");
    TCase *t = tcase_create("files");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, opens_only_what_is_below, 0, (int)COUNT_OF(cases));
    tcase_add_test(t, leaves_no_descriptor_open);
    tcase_add_test(t, tells_a_changed_file);
    tcase_add_test(t, no_root_no_files);
    tcase_add_test(t, knows_types);
    suite_add_tcase(s, t);
    return s;
}
