/* The runner's verdicts: each way in which a script can be wrong is seen, with its line, and what cannot be
 * run is skipped by name. A runner that let everything pass would prove nothing.
 */
#include "tests/conformance/run.h"

#include <check.h>
#include <string.h>

Suite *run_suite(void);

#define OPEN                                                                                       \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"                                                \
    "+0 bind(3, ..., ...) = 0\n"                                                                   \
    "+0 listen(3, 1) = 0\n"                                                                        \
    "+0 < S 0:0(0) win 65535 <mss 1000>\n"                                                         \
    "+0 > S. 0:0(0) ack 1 <mss 1460>\n"                                                            \
    "+.1 < . 1:1(0) ack 1 win 65535\n"                                                             \
    "+0 accept(3, ..., ...) = 4\n"                                                                 \
    "+0 write(4, ..., 100) = 100\n" /* line 8; line 9 follows */

#define LISTEN                                                                                     \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"                                                \
    "+0 bind(3, ..., ...) = 0\n"                                                                   \
    "+0 listen(3, 1) = 0\n"                                                                        \
    "+0 < S 0:0(0) win 65535 <mss 1000,nop,wscale 7>\n" /* line 4; line 5 follows */

static struct verdict v;
static struct defines defines;

static void run(const char *text)
{
    struct run_options options = {.defines = &defines, .events = 4};
    run_script(text, strlen(text), ".", &options, &v);
}

struct sample {
    const char *text;
    enum verdict_kind kind;
    unsigned line;
    const char *part; /* of the text; NULL: any */
};

static const struct sample samples[] = {
    {OPEN "+0 > P. 1:101(100) ack 1\n", VERDICT_PASS, 0, NULL},
    {OPEN "* > P. 1:101(100) ack 1\n", VERDICT_PASS, 0, NULL},
    {OPEN "+0 > P. 1:101(100) ack 1 win 65535\n", VERDICT_PASS, 0, NULL},
    /* a packet is not what was expected */
    {OPEN "+0 > . 1:101(100) ack 1\n", VERDICT_FAIL, 9, "other flags"},
    {OPEN "+0 > P. 2:102(100) ack 1\n", VERDICT_FAIL, 9, "sequence number is 1, expected 2"},
    {OPEN "+0 > P. 1:100(99) ack 1\n", VERDICT_FAIL, 9, "payload length is 100, expected 99"},
    {OPEN "+0 > P. 1:101(100) ack 2\n", VERDICT_FAIL, 9, "ack is 1, expected 2"},
    {OPEN "+0 > P. 1:101(100) ack 1 win 9\n", VERDICT_FAIL, 9, "win is 65535, expected 9"},
    {OPEN "+0 > P. 1:101(100) ack 1 urg 5\n", VERDICT_FAIL, 9, "urgent pointer is 0, expected 5"},
    {OPEN "+0 > P. 1:101(100) ack 1 <nop,nop,sackOK>\n", VERDICT_FAIL, 9, "option 4 is missing"},
    {OPEN "+0 > [ce] P. 1:101(100) ack 1\n", VERDICT_FAIL, 9, "not ECN-capable"},
    {OPEN "+0 > [ttl 1] P. 1:101(100) ack 1\n", VERDICT_FAIL, 9, "ttl is 64, expected 1"},
    {OPEN "+0 > udp (100)\n", VERDICT_FAIL, 9, "protocol is 6, expected 17"},
    {OPEN "+0 > 8080 > 5 P. 1:101(100) ack 1\n", VERDICT_FAIL, 9, "destination port"},
    /* or not when it was expected, or not at all, or too much */
    {OPEN "+.1 > P. 1:101(100) ack 1\n", VERDICT_FAIL, 9, "expected at 0.200000 s"},
    {OPEN "+.05~+.1 > P. 1:101(100) ack 1\n", VERDICT_FAIL, 9, "expected at 0.150000 to"},
    {OPEN "+0 > P. 1:101(100) ack 1\n+.1 > . 101:101(0) ack 1\n", VERDICT_FAIL, 10,
     "nothing was sent by"},
    {OPEN "+.1 < . 1:1(0) ack 101 win 9\n", VERDICT_FAIL, 9, "unexpected packet at 0.100000 s"},
    {OPEN "+0 > P. 1:101(100) ack 1\n+1 `true`\n", VERDICT_FAIL, 10, "unexpected packet at 0.4"},
    /* the handshake shows the options in the SYN-ACK */
    {"0 < S 0:0(0) win 1\n+0 > S. 0:0(0) ack 1\n", VERDICT_FAIL, 2, "other flags"},
    /* calls */
    {OPEN "+0 read(4, ..., 5) = 5\n", VERDICT_FAIL, 9, "read waits"},
    {OPEN "+0 write(4, ..., 5) = 4\n", VERDICT_FAIL, 9, "write returned 5, expected 4"},
    {OPEN "+0 close(9) = 0\n", VERDICT_FAIL, 9, "close returned -1 EBADF, expected 0"},
    {OPEN "+0 close(9) = -1 EINVAL\n", VERDICT_FAIL, 9, "EBADF, expected -1 EINVAL"},
    {OPEN "+0 > P. 1:101(100) ack 1\n+0...0.2 read(4, ..., 5) = 5\n"
          "+.1 < . 1:6(5) ack 101 win 9\n+.04 > . 101:101(0) ack 6\n",
     VERDICT_FAIL, 10, "read returned at 0.200000 s, expected at 0.300000 s"},
    {OPEN "+0 > P. 1:101(100) ack 1\n+0...0.2 read(4, ..., 5) = 5\n", VERDICT_FAIL, 10,
     "read has not returned"},
    {OPEN "+0 ioctl(4, SIOCOUTQ, [99]) = 0\n", VERDICT_FAIL, 9, "it tells 100, expected 99"},
    {OPEN "+0 poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 0) = 1\n", VERDICT_FAIL, 9,
     "revents of 4 are 0x0"},
    {OPEN "+0 %{ assert tcpi_snd_mss == 1 }%\n", VERDICT_FAIL, 9, "tcpi_snd_mss = 1000"},
    /* what cannot be read */
    {OPEN "+0 > Z\n", VERDICT_FAIL, 9, "cannot be read: unknown TCP flag 'Z'"},
    {"--mtu=abc\n", VERDICT_FAIL, 1, "wrong value"},
    /* what is not supported is found before anything fails */
    {OPEN "+0 > Z. 1:1(0)\n", VERDICT_FAIL, 9, "cannot be read"},
    {OPEN "+0 splice(1) = 0\n", VERDICT_SKIP, 9, "system call 'splice'"},
    {OPEN "+0 > . 5:5(0)\n+0 setsockopt(4, SOL_SOCKET, SO_WRONG, [1], 4) = 0\n", VERDICT_SKIP, 10,
     "constant 'SO_WRONG'"},
    {OPEN "+0 setsockopt(4, SOL_TCP, TCP_DEFER_ACCEPT, [1], 4) = 0\n", VERDICT_SKIP, 9,
     "TCP_DEFER_ACCEPT"},
    {OPEN "+0 recv(4, ..., 5, MSG_OOB) = 1\n", VERDICT_SKIP, 9, "out of its place"},
    {OPEN "+0 ioctl(4, SIOCATMARK, [1]) = 0\n", VERDICT_FAIL, 9, "it tells 0, expected 1"},
    {OPEN "+0 %{ assert tcpi_reord_seen == 0 }%\n", VERDICT_SKIP, 9, "tcpi_reord_seen"},
    {"`iptables -F`\n", VERDICT_SKIP, 1, "command 'iptables'"},
    {"`sysctl -q net.ipv4.tcp_ecn=9`\n", VERDICT_SKIP, 1, "net.ipv4.tcp_ecn=9"},
    {"`./defaults.sh\n./set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0 /proc/sys/net/ipv4/x=1`\n",
     VERDICT_SKIP, 1, "net.ipv4.x=1"},
    /* a defaults.sh that is not there sets what it usually does: a large buffer, CUBIC */
    {"`./no/defaults.sh >/dev/null 2>&1`\n" LISTEN "+0 > S. 0:0(0) ack 1 <mss 1460,wscale 9>\n",
     VERDICT_FAIL, 6, "wscale is 8, expected 9"},
    {"`sysctl -q net.ipv4.tcp_rmem=\"1 2 $((100*1024))\" # that is 102400\n true; :`\n" LISTEN
     "+0 > S. 0:0(0) ack 1 <mss 1460,wscale 2>\n",
     VERDICT_FAIL, 7, "wscale is 1, expected 2"},
    {"`nstat | grep -q x`\n", VERDICT_SKIP, 1, "command 'nstat'"},
    {OPEN "+0 > P. 1:101(100) ack 1\n"
          "+0 `sockstat -4 -P tcp -s | grep x | grep -c ESTABLISHED | grep 1`\n"
          "+0 `sockstat | grep -c ESTABLISHED | grep 2; true`\n",
     VERDICT_FAIL, 11, "1 connections in ESTABLISHED, expected 2"},
    {"`sockstat | grep -c x`\n", VERDICT_SKIP, 1, "sockstat"},
    {"`true | grep x`\n", VERDICT_SKIP, 1, "commands 'true | grep x'"},
    {"`tc qdisc add dev tun0 root fq`\n", VERDICT_SKIP, 1, "command 'tc'"},
    {"`tc qdisc add dev tun0 root pfifo 2>/dev/null`\n`ip tcp_metrics flush all`\n"
     "`/tmp/sysctl_restore_1.sh`\n0 close(9) = 0\n",
     VERDICT_FAIL, 4, "EBADF"},
    /* a comment behind a setting */
    {"--mtu=700 // small\n--send_omit_free\t// =\n" LISTEN
     "+0 > S. 0:0(0) ack 1 <mss 1460,wscale 3>\n",
     VERDICT_FAIL, 7, "mss is 660, expected 1460"},
    /* the host is its own gateway, as on a tunnel */
    {"--local_ip=192.168.0.1\n--gateway_ip=192.168.0.1\n" OPEN "+0 > . 1:101(100) ack 1\n",
     VERDICT_FAIL, 11, "other flags"},
    {"--push=any\n" OPEN "+0 > . 1:101(100) ack 1\n+0 close(9) = 0\n", VERDICT_FAIL, 11, "EBADF"},
    {"--push=any\n" OPEN "+0 > F. 1:101(100) ack 1\n", VERDICT_FAIL, 10, "other flags"},
    {"--push=some\n", VERDICT_FAIL, 1, "wrong value"},
    {"--acks=never\n", VERDICT_FAIL, 1, "wrong value"},
    {"--windows=any\n" LISTEN "+0 > S. 0:0(0) ack 1 win 5 <mss 1460,wscale 9>\n"
     "+0 getsockopt(3, SOL_SOCKET, SO_RCVBUF, [77], [4]) = 0\n+0 close(9) = 0\n",
     VERDICT_FAIL, 8, "EBADF"},
    {"--windows=any\n" LISTEN "+0 > S. 0:0(0) ack 1 win 5 <mss 1460>\n", VERDICT_FAIL, 6,
     "option 3 was not expected"},
    {OPEN "+0 getsockopt(3, SOL_SOCKET, SO_RCVBUF, [77], [4]) = 0\n", VERDICT_FAIL, 9,
     "expected 77"},
    {OPEN "+0 setsockopt(3, SOL_SOCKET, SO_RCVBUF, [5000], 4) = 0\n"
          "+0 getsockopt(3, SOL_SOCKET, SO_RCVBUF, [10000], [4]) = 0\n+0 close(9) = 0\n",
     VERDICT_FAIL, 11, "EBADF"},
    {"--acks=prompt\n" OPEN "+0 > P. 1:101(100) ack 1\n+.1 < P. 1:2(1) ack 101 win 65535\n"
     "+0 > . 101:101(0) ack 2\n+0 close(9) = 0\n",
     VERDICT_FAIL, 13, "EBADF"},
    /* what nobody asked for */
    {OPEN "+.1 < . 1:1(0) ack 1 win 65535\n", VERDICT_FAIL, 9, "unexpected packet"},
    {"--unasked=late\n" OPEN "+.1 < . 1:1(0) ack 101 win 65535\n+0 close(9) = 0\n", VERDICT_FAIL,
     11, "EBADF"},
    {"--lenient\n" OPEN "+.1 < . 1:1(0) ack 101 win 65535\n+0 > F. 101:101(0) ack 1\n",
     VERDICT_FAIL, 11, "other flags"},
    /* of a connection that was closed before the next began; its FIN is still to be sent again */
    {OPEN "+0 > P. 1:101(100) ack 1\n+0 close(4) = 0\n+0 close(3) = 0\n"
          "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n"
          "+0 listen(3, 1) = 0\n+3 < S 0:0(0) win 65535 <mss 1000>\n"
          "+0 > S. 0:0(0) ack 1 <mss 1460>\n+0 < icmp echo_request\n+.1 close(9) = 0\n",
     VERDICT_FAIL, 18, "EBADF"},
    {OPEN "+0 < icmp type_8 code_0\n+0 > P. 1:101(100) ack 1\n+0 close(9) = 0\n", VERDICT_FAIL, 11,
     "EBADF"},
    {"0 < [1:1(0)] S 1:1(0) win 1\n", VERDICT_FAIL, 1, "only an ICMP message"},
    {"0 < icmp type_300\n", VERDICT_FAIL, 1, "unknown ICMP type"},
    {"0 < icmp unreachable code_x\n", VERDICT_FAIL, 1, "unknown ICMP code"},
    /* buffers that are not there */
    {OPEN "+0 write(4, NULL, 10) = 10\n", VERDICT_FAIL, 9, "EFAULT, expected 10"},
    {OPEN "+0 recv(4, NULL, 10, 0) = 10\n", VERDICT_FAIL, 9, "EFAULT, expected 10"},
    {OPEN "+0 getsockopt(4, SOL_TCP, TCP_INFO, {tcpi_state=9}, [104]) = 0\n", VERDICT_SKIP, 9,
     "fields of a structure"},
    {OPEN "+0 send(4, ..., 10, MSG_EOR) = 10\n", VERDICT_SKIP, 9, "MSG_EOR"},
    {OPEN "+0 %{ assert tcpi_state == TCPI_CLOSING }%\n", VERDICT_FAIL, 9, "tcpi_state = 1"},
    /* control messages */
    {OPEN "+0 recvmsg(4, {msg_iov(1)=[{..., 9}], msg_control=[{cmsg_type=TCP_CM_INQ, "
          "cmsg_data=1}]}, MSG_DONTWAIT) = 1\n",
     VERDICT_FAIL, 9, "EAGAIN, expected 1"},
    {OPEN "+0 < P. 1:6(5) ack 1 win 9\n+0 setsockopt(4, SOL_TCP, TCP_INQ, [1], 4) = 0\n"
          "+0 recvmsg(4, {msg_iov(1)=[{..., 2}], msg_control=[{cmsg_type=TCP_CM_INQ, "
          "cmsg_data=1}]}, 0) = 2\n",
     VERDICT_FAIL, 11, "TCP_CM_INQ tells 3, expected 1"},
    {OPEN "+0 recvmsg(4, {msg_iov(1)=[{..., 2}], msg_control=[{cmsg_type=IP_TTL}]}, 0) = 2\n",
     VERDICT_SKIP, 9, "control messages"},
    /* another system's names */
    {"0.0 `sysctl -w net.inet.tcp.rfc1323=0`\n" LISTEN "+0 > S. 0:0(0) ack 1 <mss 1460,wscale 1>\n",
     VERDICT_FAIL, 6, "option 3 is missing"},
    {"`sysctl -w net.inet.tcp.icmp_may_rst=0`\n", VERDICT_SKIP, 1, "icmp_may_rst=0"},
    /* larger than the peer takes: several of ours */
    {OPEN "+0 > P. 1:101(100) ack 1\n+.1 < . 1:1(0) ack 101 win 65535\n"
          "+0 setsockopt(4, IPPROTO_TCP, TCP_NODELAY, [1], 4) = 0\n"
          "+0 write(4, ..., 1400) = 1400\n+0 > P. 101:1501(1400) ack 1\n+0 close(9) = 0\n",
     VERDICT_FAIL, 14, "EBADF"},
    {"--ip_version=ipv6\n", VERDICT_SKIP, 1, "IPv6 not in the stack yet"},
    {"0 socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = 3\n", VERDICT_SKIP, 1, "IPv6"},
    {"0 socket(..., SOCK_RAW, 0) = 3\n", VERDICT_SKIP, 1, "SOCK_RAW"},
    {"0 socket(..., SOCK_DGRAM, 0) = 3\n+0 bind(3, ..., ...) = 0\n+0 < udp (9)\n"
     "+0 read(3, ..., 9) = 8\n",
     VERDICT_FAIL, 4, "read returned 9, expected 8"},
};

START_TEST(verdicts)
{
    const struct sample *s = &samples[_i];
    run(s->text);
    ck_assert_msg(v.kind == s->kind, "verdict %d, line %u: %s", v.kind, v.line, v.text);
    ck_assert_msg(v.line == s->line, "line %u: %s", v.line, v.text);
    ck_assert_msg(s->part == NULL || strstr(v.text, s->part) != NULL, "%s", v.text);
}
END_TEST

START_TEST(a_failure_shows_the_latest_events)
{
    run(OPEN "+0 > . 1:1(0) ack 1\n");
    ck_assert_int_eq(v.kind, VERDICT_FAIL);
    ck_assert_msg(strstr(v.events, "tcp_out") != NULL, "%s", v.events);
}
END_TEST

START_TEST(ten_seconds_take_no_time)
{
    run(OPEN "+0 > P. 1:101(100) ack 1\n+.1 < . 1:1(0) ack 101 win 65535\n+100000 `true`\n");
    ck_assert_msg(v.kind == VERDICT_PASS, "%s", v.text);
}
END_TEST

START_TEST(the_command_line_wins)
{
    static const struct script_setting mtu = {.name = "mtu", .value = "700"};
    struct run_options options = {.defines = &defines, .settings = &mtu};
    static const char text[] = "--mtu=1500\n" OPEN;
    run_script(text, strlen(text), ".", &options, &v);
    ck_assert_msg(strstr(v.text, "mss is 660, expected 1460") != NULL, "%s", v.text);
}
END_TEST

Suite *run_suite(void)
{
    Suite *s = suite_create("run");
    TCase *t = tcase_create("verdicts");
    tcase_add_loop_test(t, verdicts, 0, (int)COUNT_OF(samples));
    tcase_add_test(t, a_failure_shows_the_latest_events);
    tcase_add_test(t, ten_seconds_take_no_time);
    tcase_add_test(t, the_command_line_wins);
    suite_add_tcase(s, t);
    return s;
}
