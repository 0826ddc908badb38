/* Tokens of scripts: numbers to the nanosecond, what joins, comments, defines and directives. */
#include "tests/conformance/lexer.h"

#include <check.h>
#include <string.h>

Suite *lexer_suite(void);

static struct arena arena;
static struct defines defines;
static struct lexer lexer;

static void set_up(void)
{
    arena = (struct arena){0};
    defines = (struct defines){0};
}

static void tear_down(void)
{
    arena_done(&arena);
}

static void begin(const char *text)
{
    lexer_init(&lexer, &arena, &defines, text, strlen(text));
}

static struct token expect(enum token_kind kind)
{
    struct token t = lexer_next(&lexer);
    ck_assert_msg(lexer.error == NULL, "%s", lexer.error);
    ck_assert_int_eq(t.kind, kind);
    return t;
}

static void expect_word(const char *text)
{
    ck_assert_str_eq(expect(TOKEN_WORD).text, text);
}

static void expect_sign(char sign, bool joined)
{
    struct token t = expect(TOKEN_SIGN);
    ck_assert_int_eq(t.sign, sign);
    ck_assert_int_eq(t.joined, joined);
}

START_TEST(numbers_and_seconds)
{
    begin("0 4294967295 0xfF 1.5 .25 0.000000001 0...0.5");
    ck_assert_int_eq(expect(TOKEN_NUMBER).number, 0);
    ck_assert_int_eq(expect(TOKEN_NUMBER).number, INT64_C(4294967295));
    ck_assert_int_eq(expect(TOKEN_NUMBER).number, 255);
    ck_assert_int_eq(expect(TOKEN_SECONDS).number, INT64_C(1500000000));
    ck_assert_int_eq(expect(TOKEN_SECONDS).number, INT64_C(250000000));
    ck_assert_int_eq(expect(TOKEN_SECONDS).number, 1);
    ck_assert_int_eq(expect(TOKEN_NUMBER).number, 0);
    expect(TOKEN_DOTS);
    ck_assert_int_eq(expect(TOKEN_SECONDS).number, INT64_C(500000000));
    expect(TOKEN_END);
}
END_TEST

START_TEST(what_is_joined)
{
    begin("S. P . 1:1");
    expect_word("S");
    expect_sign('.', true);
    expect_word("P");
    expect_sign('.', false);
    ck_assert(!expect(TOKEN_NUMBER).joined);
    expect_sign(':', true);
    ck_assert(expect(TOKEN_NUMBER).joined);
}
END_TEST

START_TEST(comments_and_lines)
{
    begin("a // b\n# c\n/* d\n e */ f # g\nh");
    ck_assert_uint_eq(expect(TOKEN_WORD).line, 1);
    struct token t = expect(TOKEN_WORD);
    ck_assert_str_eq(t.text, "f");
    ck_assert_uint_eq(t.line, 4);
    ck_assert_uint_eq(expect(TOKEN_WORD).line, 5);
    expect(TOKEN_END);
}
END_TEST

START_TEST(texts_commands_and_code)
{
    begin("\"a\\n\\\"b\\0c\" `x # y\nz` %{ p }\n}% --mtu=3\n--mtu=1500 \n w");
    struct token t = expect(TOKEN_TEXT);
    ck_assert_int_eq(t.number, 6);
    ck_assert_mem_eq(t.text, "a\n\"b\0c", 6);
    ck_assert_str_eq(expect(TOKEN_SHELL).text, "x # y\nz");
    ck_assert_str_eq(expect(TOKEN_CODE).text, " p }\n");
    expect_sign('-', false); /* not at the start of a line */
    expect_sign('-', true);
    expect_word("mtu");
    expect_sign('=', true);
    expect(TOKEN_NUMBER);
    ck_assert_str_eq(expect(TOKEN_SETTING).text, "mtu=1500");
    expect_word("w");
}
END_TEST

START_TEST(a_define_stands_for_its_value)
{
    ck_assert(define_add(&defines, "N", "1 + M"));
    ck_assert(define_add(&defines, "M", "2"));
    begin("N x \"N\"");
    ck_assert_int_eq(expect(TOKEN_NUMBER).number, 1);
    expect_sign('+', false);
    ck_assert_int_eq(expect(TOKEN_NUMBER).number, 2);
    expect_word("x");
    ck_assert_str_eq(expect(TOKEN_TEXT).text, "N");
    expect(TOKEN_END);
}
END_TEST

START_TEST(branches)
{
    ck_assert(define_add(&defines, "YES", "1"));
    begin("#ifdef YES\na\n#ifdef NO\nb\n#else\nc\n#endif\n#else\nd\n#ifdef X\n#endif\ne\n#endif\n"
          "#ifndef YES\nf\n#endif\n#define G 5\nG\n#undef G\nG");
    expect_word("a");
    expect_word("c");
    ck_assert_int_eq(expect(TOKEN_NUMBER).number, 5);
    struct token t = expect(TOKEN_WORD);
    ck_assert_str_eq(t.text, "G");
    ck_assert_uint_eq(t.line, 20);
    expect(TOKEN_END);
}
END_TEST

static const char *read_one(void *arg, struct arena *a, const char *name, size_t *len)
{
    (void)arg;
    if (strcmp(name, "loop") == 0) {
        *len = 16;
        return arena_text(a, "#include \"loop\"\n", 16);
    }
    *len = 4;
    return strcmp(name, "one") == 0 ? arena_text(a, "in 1", 4) : NULL;
}

START_TEST(an_include_stands_for_its_file)
{
    begin("a\n#include \"one\"\nb");
    lexer.read = read_one;
    expect_word("a");
    expect_word("in");
    expect(TOKEN_NUMBER);
    ck_assert_uint_eq(expect(TOKEN_WORD).line, 3);
    expect(TOKEN_END);
}
END_TEST

struct bad {
    const char *text, *error;
};

static const struct bad bad[] = {
    {"\"abc", "\" without \""},
    {"\"abc\n\"", "\" without \""},
    {"`abc", "` without `"},
    {"%{ abc", "%{ without }%"},
    {"/* abc", "comment without end"},
    {"#ifdef X\na", "#ifdef without #endif"},
    {"#ifndef X\na", "#ifdef without #endif"},
    {"99999999999999999999", "number too large"},
    {"0x11111111111111111", "number too large"},
    {"9999999999.5", "time too large"},
    {"#include one", "#include needs a name in quotes"},
    {"#include \"none\"", "cannot read \"none\""},
    {"#include \"loop\"", "#include too deep"},
    {"SELF", "a define stands for itself"},
    {"#define\n", "#define needs a name, and there are not too many"},
};

START_TEST(what_cannot_be_read_is_named)
{
    const struct bad *b = &bad[_i];
    ck_assert(define_add(&defines, "SELF", "SELF"));
    begin(b->text);
    lexer.read = read_one;
    for (unsigned i = 0; i < 10 && lexer_next(&lexer).kind != TOKEN_END; i++) {
    }
    ck_assert_msg(lexer.error != NULL, "no error in %s", b->text);
    ck_assert_str_eq(lexer.error, b->error);
    ck_assert_int_eq(lexer_next(&lexer).kind, TOKEN_END);
}
END_TEST

Suite *lexer_suite(void)
{
    Suite *s = suite_create("lexer");
    TCase *t = tcase_create("tokens");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, numbers_and_seconds);
    tcase_add_test(t, what_is_joined);
    tcase_add_test(t, comments_and_lines);
    tcase_add_test(t, texts_commands_and_code);
    tcase_add_test(t, a_define_stands_for_its_value);
    tcase_add_test(t, branches);
    tcase_add_test(t, an_include_stands_for_its_file);
    tcase_add_loop_test(t, what_cannot_be_read_is_named, 0, (int)COUNT_OF(bad));
    suite_add_tcase(s, t);
    return s;
}
