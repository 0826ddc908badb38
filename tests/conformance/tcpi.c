/* The fields of other systems' tcp_info, from ours. Counts of packets are bytes over the segment size. */
#include <string.h>

#include "tests/conformance/run.h"

#define SSTHRESH_UNSET 0x7fffffff

enum ca_state { CA_OPEN, CA_DISORDER, CA_CWR, CA_RECOVERY, CA_LOSS };

static double state_of(const struct tcp_info *i)
{
    static const uint8_t numbers[TCP_STATES] = {
        [TCP_CLOSED] = 7,      [TCP_LISTEN] = 10,    [TCP_SYN_SENT] = 2,   [TCP_SYN_RCVD] = 3,
        [TCP_ESTABLISHED] = 1, [TCP_FIN_WAIT_1] = 4, [TCP_FIN_WAIT_2] = 5, [TCP_CLOSE_WAIT] = 8,
        [TCP_CLOSING] = 11,    [TCP_LAST_ACK] = 9,   [TCP_TIME_WAIT] = 6,
    };
    return numbers[i->state];
}

static double ca_state_of(const struct tcp_info *i)
{
    if (i->ecn_reduced && !i->recovering && !i->after_timeout) {
        return CA_CWR;
    }
    if (i->recovering) {
        return CA_RECOVERY;
    }
    if (i->after_timeout) {
        return CA_LOSS;
    }
    return i->duplicates > 0 ? CA_DISORDER : CA_OPEN;
}

static double packets(const struct tcp_info *i, uint32_t bytes)
{
    uint32_t mss = i->snd_mss != 0 ? i->snd_mss : 1;
    uint32_t count = bytes / mss + (bytes % mss != 0 ? 1U : 0U);
    return count;
}

static double whole_packets(const struct tcp_info *i, uint32_t bytes)
{
    uint32_t mss = i->snd_mss != 0 ? i->snd_mss : 1;
    uint32_t count = bytes / mss;
    return count;
}

static double microseconds(nsec span)
{
    int64_t whole = span / NS_PER_US;
    return (double)whole;
}

#define FIELD(name, value)                                                                         \
    if (strcmp(field, name) == 0) {                                                                \
        *out = (double)(value);                                                                    \
        return true;                                                                               \
    }

static bool window_field(const struct tcp_info *i, const char *field, double *out)
{
    FIELD("snd_cwnd", whole_packets(i, i->cwnd))
    FIELD("snd_ssthresh",
          i->ssthresh == UINT32_MAX ? SSTHRESH_UNSET : whole_packets(i, i->ssthresh))
    FIELD("unacked", packets(i, i->snd_nxt - i->snd_una))
    FIELD("lost", packets(i, i->lost))
    FIELD("sacked", packets(i, i->sacked))
    FIELD("snd_wnd", i->snd_wnd)
    FIELD("rcv_wnd", i->rcv_wnd)
    FIELD("snd_mss", i->snd_mss)
    FIELD("rcv_mss", i->rcv_mss)
    FIELD("advmss", i->mss_out)
    FIELD("pmtu", i->mtu)
    FIELD("snd_wscale", i->snd_wscale)
    FIELD("rcv_wscale", i->rcv_wscale)
    FIELD("notsent_bytes", i->unsent)
    return false;
}

static bool other_field(const struct tcp_info *i, const char *field, double *out)
{
    FIELD("state", state_of(i))
    FIELD("ca_state", ca_state_of(i))
    FIELD("retransmits", i->backoff)
    FIELD("backoff", i->backoff)
    FIELD("probes", i->probes)
    FIELD("options", (i->ts_ok ? 1U : 0U) | (i->sack_ok ? 2U : 0U) | (i->wscale_ok ? 4U : 0U) |
                         (i->ecn_mode != ECN_MODE_NONE ? 8U : 0U) |
                         (i->ect_in > 0 || i->ce_in > 0 ? 16U : 0U))
    FIELD("syn_bytes", i->syn_bytes)
    FIELD("rto", microseconds(i->rto))
    FIELD("rtt", microseconds(i->srtt))
    FIELD("rttvar", microseconds(i->rttvar))
    FIELD("min_rtt", microseconds(i->rtt_min))
    FIELD("pacing_rate", (double)i->pacing_rate)
    FIELD("delivery_rate", (double)i->delivery_rate)
    FIELD("delivery_rate_app_limited", i->delivery_app_limited)
    FIELD("total_retrans", i->retransmitted)
    FIELD("bytes_acked", i->bytes_out)
    FIELD("bytes_received", i->bytes_in)
    FIELD("segs_in", i->segments_in)
    FIELD("segs_out", i->segments_out)
    FIELD("delivered_ce", i->marked_out)
    FIELD("received_ce", i->ce_in)
    FIELD("delivered_ce_bytes", i->out_ce_bytes)
    FIELD("delivered_e0_bytes", i->out_e0_bytes)
    FIELD("delivered_e1_bytes", i->out_e1_bytes)
    FIELD("received_ce_bytes", i->in_ce_bytes)
    FIELD("received_e0_bytes", i->in_e0_bytes)
    FIELD("received_e1_bytes", i->in_e1_bytes)
    return false;
}

/* What other systems do not have: urgent data, and how often the application was told of what. */
static bool own_field(const struct tcp_info *i, const struct sock *k, const char *field,
                      double *out)
{
    FIELD("urgent_unread", i->urgent_unread)
    FIELD("urgent_unsent", i->urgent_unsent)
    FIELD("soft_error_type", i->soft_error_type)
    FIELD("soft_error_code", i->soft_error_code)
    FIELD("notices_icmp", k != NULL ? k->notices[REPORT_ICMP] : 0)
    FIELD("notices_silence", k != NULL ? k->notices[REPORT_RETRANSMISSIONS] : 0)
    FIELD("notices_urgent", k != NULL ? k->notices[REPORT_URGENT] : 0)
    return false;
}

static bool constant(const char *field, double *out)
{
    FIELD("TCP_ESTABLISHED", 1)
    FIELD("TCP_SYN_SENT", 2)
    FIELD("TCP_SYN_RECV", 3)
    FIELD("TCP_FIN_WAIT1", 4)
    FIELD("TCP_FIN_WAIT2", 5)
    FIELD("TCP_TIME_WAIT", 6)
    FIELD("TCP_CLOSE", 7)
    FIELD("TCP_CLOSE_WAIT", 8)
    FIELD("TCP_LAST_ACK", 9)
    FIELD("TCP_LISTEN", 10)
    FIELD("TCP_CLOSING", 11)
    FIELD("TCPI_CLOSED", 7) /* the names that FreeBSD's scripts have for them */
    FIELD("TCPI_LISTEN", 10)
    FIELD("TCPI_SYN_SENT", 2)
    FIELD("TCPI_SYN_RECEIVED", 3)
    FIELD("TCPI_ESTABLISHED", 1)
    FIELD("TCPI_FIN_WAIT_1", 4)
    FIELD("TCPI_FIN_WAIT_2", 5)
    FIELD("TCPI_CLOSE_WAIT", 8)
    FIELD("TCPI_CLOSING", 11)
    FIELD("TCPI_LAST_ACK", 9)
    FIELD("TCPI_TIME_WAIT", 6)
    FIELD("TCP_CA_Open", CA_OPEN)
    FIELD("TCP_CA_Disorder", CA_DISORDER)
    FIELD("TCP_CA_CWR", CA_CWR)
    FIELD("TCP_CA_Recovery", CA_RECOVERY)
    FIELD("TCP_CA_Loss", CA_LOSS)
    FIELD("TCPI_OPT_TIMESTAMPS", 1)
    FIELD("TCPI_OPT_SACK", 2)
    FIELD("TCPI_OPT_WSCALE", 4)
    FIELD("TCPI_OPT_ECN", 8)
    FIELD("TCPI_OPT_ECN_SEEN", 16)
    FIELD("TCP_INFINITE_SSTHRESH", SSTHRESH_UNSET)
    return false;
}

bool tcpi_lookup(void *arg, const char *name, double *out)
{
    const struct run *r = arg;
    struct tcp_info info = {.snd_mss = 1};
    if (strncmp(name, "tcpi_", 5) != 0) {
        return constant(name, out);
    }
    if (r->sockets.latest != NULL) {
        sock_info(r->sockets.latest, &info);
    }
    return window_field(&info, name + 5, out) || other_field(&info, name + 5, out) ||
           own_field(&info, r->sockets.latest, name + 5, out);
}
