/* Scripts as the parser reads them: times, packets, options, calls; and where it says they are wrong. */
#include "tests/conformance/script.h"

#include <check.h>
#include <string.h>

#include "tests/conformance/parser.h"

Suite *script_suite(void);

static struct script script;
static struct defines defines;

static void parse(const char *text)
{
    script_parse(&script, text, strlen(text), &defines, NULL);
}

/* The only event of a script that can be read. */
static const struct script_event *event_of(const char *text)
{
    parse(text);
    ck_assert_msg(script.error == NULL, "%s", script.error);
    ck_assert_ptr_nonnull(script.events);
    ck_assert_ptr_null(script.events->next);
    return script.events;
}

static const struct packet_line *packet_of(const char *text)
{
    const struct script_event *e = event_of(text);
    ck_assert_int_eq(e->kind, SCRIPT_PACKET);
    return e->u.packet;
}

static const struct call *call_of(const char *text)
{
    const struct script_event *e = event_of(text);
    ck_assert_int_eq(e->kind, SCRIPT_CALL);
    return e->u.call;
}

static void tear_down(void)
{
    script_done(&script);
}

struct time_case {
    const char *text;
    enum when_kind kind;
    nsec from, to;
};

static const struct time_case times[] = {
    {"1.5 > . 1:1(0)", WHEN_ABSOLUTE, 1500000000, 1500000000},
    {"2 > . 1:1(0)", WHEN_ABSOLUTE, 2000000000, 2000000000},
    {"+0 > . 1:1(0)", WHEN_RELATIVE, 0, 0},
    {"+.25 > . 1:1(0)", WHEN_RELATIVE, 250000000, 250000000},
    {"* > . 1:1(0)", WHEN_ANY, 0, 0},
    {"1~2.5 > . 1:1(0)", WHEN_ABSOLUTE, 1000000000, 2500000000},
    {"+0~+0.2 > . 1:1(0)", WHEN_RELATIVE, 0, 200000000},
    {"+.1~.2 > . 1:1(0)", WHEN_RELATIVE, 100000000, 200000000},
};

START_TEST(moments)
{
    const struct time_case *c = &times[_i];
    const struct script_event *e = event_of(c->text);
    ck_assert_int_eq(e->when.kind, c->kind);
    ck_assert_int_eq(e->when.from, c->from);
    ck_assert_int_eq(e->when.to, c->to);
}
END_TEST

START_TEST(a_segment)
{
    const struct packet_line *k =
        packet_of("+0 < [ect0, ttl 9] 40000 > 80 SEW. 7:1007(1000) ack 5 win 300 urg 2");
    ck_assert(k->inbound);
    ck_assert_int_eq(k->kind, PACKET_TCP);
    ck_assert_uint_eq(k->flags, 0x02 | 0x40 | 0x80 | 0x10);
    ck_assert_uint_eq(k->seq, 7);
    ck_assert_uint_eq(k->len, 1000);
    ck_assert(k->has_ack && k->has_win && k->has_urg);
    ck_assert_uint_eq(k->ack, 5);
    ck_assert_uint_eq(k->win, 300);
    ck_assert_uint_eq(k->urg, 2);
    ck_assert_uint_eq(k->ecn, ECN_ECT0);
    ck_assert_int_eq(k->ttl, 9);
    ck_assert_int_eq(k->tos, -1);
    ck_assert_int_eq(k->src_port, 40000);
    ck_assert_int_eq(k->dst_port, 80);
}
END_TEST

START_TEST(flags_of_all_kinds)
{
    static const struct {
        const char *text;
        uint8_t flags;
    } cases[] = {{"0 > - 0:0(0)", 0},    {"0 > . 0:0(0)", 0x10},  {"0 > F. 0:0(0)", 0x11},
                 {"0 > R 0:0(0)", 0x04}, {"0 > P. 0:0(0)", 0x18}, {"0 > FPU. 0:0(0)", 0x39},
                 {"0 > CE 0:0(0)", 0xc0}};
    ck_assert_uint_eq(packet_of(cases[_i].text)->flags, cases[_i].flags);
}
END_TEST

START_TEST(options_of_all_kinds)
{
    const struct packet_line *k =
        packet_of("0 > S 0:0(0) <mss 1460,sackOK,TS val 4294967295 ecr 9,nop,wscale 7,eol>");
    static const uint8_t kinds[] = {OPT_MSS, OPT_SACK_OK, OPT_TS, OPT_NOP, OPT_WSCALE, OPT_EOL};
    ck_assert_uint_eq(k->option_count, COUNT_OF(kinds));
    for (unsigned i = 0; i < COUNT_OF(kinds); i++) {
        ck_assert_uint_eq(k->options[i].kind, kinds[i]);
    }
    ck_assert_uint_eq(k->options[0].value, 1460);
    ck_assert_uint_eq(k->options[2].value, UINT32_MAX);
    ck_assert_uint_eq(k->options[2].echo, 9);
    ck_assert_uint_eq(k->options[4].value, 7);
}
END_TEST

START_TEST(sack_blocks_and_a_cookie)
{
    const struct packet_line *k = packet_of("0 > . 1:1(0) ack 1 <sack 1:11 21:31,FO 0a1b2c3d>");
    ck_assert_uint_eq(k->option_count, 2);
    ck_assert_uint_eq(k->options[0].count, 2);
    ck_assert_uint_eq(k->options[0].sack[1][0], 21);
    ck_assert_uint_eq(k->options[0].sack[1][1], 31);
    ck_assert_uint_eq(k->options[1].count, 4);
    ck_assert_mem_eq(k->options[1].cookie, "\x0a\x1b\x2c\x3d", 4);
}
END_TEST

START_TEST(any_options)
{
    ck_assert(packet_of("0 > S 0:0(0) <...>")->any_options);
}
END_TEST

START_TEST(icmp_messages)
{
    const struct packet_line *k =
        packet_of("0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]");
    ck_assert_int_eq(k->kind, PACKET_ICMP);
    ck_assert_uint_eq(k->type, 3);
    ck_assert_uint_eq(k->code, 4);
    ck_assert_uint_eq(k->mtu, 1200);
    ck_assert(k->quotes_tcp);
    ck_assert_uint_eq(k->quoted_seq, 1);
    ck_assert_uint_eq(k->quoted_len, 1460);
}
END_TEST

START_TEST(udp_datagrams)
{
    const struct packet_line *k = packet_of("0 < udp (100)");
    ck_assert_int_eq(k->kind, PACKET_UDP);
    ck_assert_uint_eq(k->len, 100);
}
END_TEST

START_TEST(a_call)
{
    const struct call *c = call_of("+0 setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8)"
                                   " = -1 EBADF (Bad file descriptor)");
    ck_assert_str_eq(c->name, "setsockopt");
    ck_assert_uint_eq(c->argc, 5);
    ck_assert_int_eq(c->args[0]->number, 3);
    ck_assert_int_eq(c->args[1]->kind, EXPR_SYMBOL);
    ck_assert_int_eq(c->args[3]->kind, EXPR_STRUCT);
    ck_assert_str_eq(c->args[3]->first->field, "onoff");
    ck_assert_int_eq(c->args[3]->first->next->number, 0);
    ck_assert_int_eq(c->result->number, -1);
    ck_assert_str_eq(c->error, "EBADF");
    ck_assert(!c->blocks);
}
END_TEST

START_TEST(a_call_that_waits)
{
    const struct call *c = call_of("+.1...0.35 read(4, ..., O_RDWR|O_NONBLOCK) = ...");
    ck_assert(c->blocks);
    ck_assert_int_eq(c->end, 350000000);
    ck_assert_int_eq(c->args[1]->kind, EXPR_ELLIPSIS);
    ck_assert_int_eq(c->args[2]->kind, EXPR_OR);
    ck_assert_int_eq(c->result->kind, EXPR_ELLIPSIS);
}
END_TEST

START_TEST(nested_arguments)
{
    const struct call *c = call_of(
        "0 sendmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 1000}], msg_flags=0}, 0) = 1000");
    const struct expr *iov = c->args[1]->first->next;
    ck_assert_str_eq(iov->field, "msg_iov");
    ck_assert_int_eq(iov->kind, EXPR_LIST);
    ck_assert_int_eq(iov->first->kind, EXPR_STRUCT);
    ck_assert_int_eq(iov->first->first->next->number, 1000);
}
END_TEST

START_TEST(settings_commands_and_code)
{
    parse("--mtu=1400\n--local_ip=10.0.0.1 // here\n`true`\n+1 `sysctl a=1`\n+0 %{ assert 1 }%\n");
    ck_assert_ptr_null(script.error);
    ck_assert_str_eq(script.settings->name, "mtu");
    ck_assert_str_eq(script.settings->value, "1400");
    ck_assert_str_eq(script.settings->next->value, "10.0.0.1");
    ck_assert_int_eq(script.events->kind, SCRIPT_SHELL);
    ck_assert_int_eq(script.events->next->when.from, NS_PER_SEC);
    ck_assert_int_eq(script.events->next->next->kind, SCRIPT_CODE);
    ck_assert_uint_eq(script.events->next->next->line, 5);
    ck_assert_str_eq(script.events->next->next->source, "+0 %{ assert 1 }%");
}
END_TEST

struct wrong {
    const char *text;
    unsigned line;
    const char *error;
};

static const struct wrong wrongs[] = {
    {"\n\n+0 > Q. 1:1(0)", 3, "unknown TCP flag 'Q'"},
    {"+0 > SS 1:1(0)", 1, "TCP flag 'S' stands twice"},
    {"+0 > . 1:5(5)", 1, "1:5 are not 5 bytes"},
    {"+0 < . 1:1(0) ack 1", 1, "an inbound segment needs a window"},
    {"+0 < S 0:0(0) win 1 <...>", 1, "an inbound segment cannot have any options"},
    {"+0 > . 1:1(0) ack 99999999999", 1, "acknowledgment out of range"},
    {"+0 < . 1:1(0) win 65536", 1, "window out of range"},
    {"+0 < S 0:0(0) win 1 <mss>", 1, "expected mss, got '>'"},
    {"+0 < S 0:0(0) win 1 <TS val 1>", 1, "expected 'ecr'"},
    {"+0 < . 0:0(0) win 1 <sack>", 1, "SACK without blocks"},
    {"+0 < . 0:0(0) win 1 <sack 1:2 3:4 5:6 7:8 9:10>", 1, "more than 4 SACK blocks"},
    {"+0 < . 0:0(0) win 1 <sack 1:2 3:4 5:6 7:8,TS val 1 ecr 2>", 1,
     "TCP options longer than 40 bytes"},
    {"+0 < S 0:0(0) win 1 <FO xyz>", 1, "not a Fast Open cookie"},
    {"+0 < icmp nothing", 1, "unknown ICMP type"},
    {"+0 < icmp unreachable never", 1, "unknown ICMP code 'never'"},
    {"+0 < icmp unreachable mtu 5", 1, "only frag_needed has an MTU"},
    {"+0 < [nonsense] . 1:1(0) win 1", 1, "unknown mark 'nonsense' of an IP header"},
    {"+0 read(3, ..., 5)", 1, "expected '=', got 'the end'"},
    {"+0 read(3, ..., 5 = 5", 1, "expected ')', got '='"},
    {"+0 read(3,,5) = 5", 1, "expected a number, got ','"},
    {"+0 f(1,2,3,4,5,6,7,8,9) = 0", 1, "too many arguments"},
    {"+0 f([[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]) = 0", 1, "too many brackets in brackets"},
    {"+x read(3) = 0", 1, "expected a time, got 'x'"},
    {"+1000000000 read(3) = 0", 1, "a time out of range"},
    {"+.2~+.1 > . 1:1(0)", 1, "the range ends before it begins"},
    {"+.2...0.1 read(3) = 0", 1, "the call returns before it begins"},
    {"+.2...0.3 > . 1:1(0)", 1, "only a call takes a time range with '...'"},
    {"+0", 1, "expected a packet, a call, a command or %{, got 'the end'"},
    {"+0 read(3) = 0\n--mtu=1", 2, "a setting behind the first event"},
    {"+0 read(3) = 0\n\n+0 write(\"", 3, "\" without \""},
};

START_TEST(what_is_wrong_is_named_with_its_line)
{
    const struct wrong *w = &wrongs[_i];
    parse(w->text);
    ck_assert_msg(script.error != NULL, "no error in %s", w->text);
    ck_assert_str_eq(script.error, w->error);
    ck_assert_uint_eq(script.error_line, w->line);
}
END_TEST

struct missing {
    const char *text, *what;
};

static const struct missing missings[] = {
    {"+0 < S 0:0(0) win 1 <md5 abc>", "line 1: TCP option 'md5'"},
    {"\n+0 > gre flags 0: . 1:1(0)", "line 2: encapsulation 'gre'"},
    {"+0 < sctp: INIT[]", "line 1: protocol 'sctp'"},
    {"+0 > (flowlabel 0x1) . 1:1(0)", "line 1: IPv6 flow label"},
};

START_TEST(what_is_not_supported_is_named)
{
    parse(missings[_i].text);
    ck_assert_ptr_nonnull(script.unsupported);
    ck_assert_str_eq(script.unsupported, missings[_i].what);
}
END_TEST

Suite *script_suite(void)
{
    Suite *s = suite_create("script");
    TCase *t = tcase_create("parser");
    tcase_add_checked_fixture(t, NULL, tear_down);
    tcase_add_loop_test(t, moments, 0, (int)COUNT_OF(times));
    tcase_add_test(t, a_segment);
    tcase_add_loop_test(t, flags_of_all_kinds, 0, 7);
    tcase_add_test(t, options_of_all_kinds);
    tcase_add_test(t, sack_blocks_and_a_cookie);
    tcase_add_test(t, any_options);
    tcase_add_test(t, icmp_messages);
    tcase_add_test(t, udp_datagrams);
    tcase_add_test(t, a_call);
    tcase_add_test(t, a_call_that_waits);
    tcase_add_test(t, nested_arguments);
    tcase_add_test(t, settings_commands_and_code);
    tcase_add_loop_test(t, what_is_wrong_is_named_with_its_line, 0, (int)COUNT_OF(wrongs));
    tcase_add_loop_test(t, what_is_not_supported_is_named, 0, (int)COUNT_OF(missings));
    suite_add_tcase(s, t);
    return s;
}
