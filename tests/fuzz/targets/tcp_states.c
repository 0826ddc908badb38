/* Frames into a host in each state of TCP: the first byte of the input chooses the state, a short
 * program of our own leads there, and the rest of the input goes on from it (program.h).
 */
#include "stack/tcp/conn.h"
#include "stack/tcp/rest.h"
#include "tests/fuzz/program.h"

#define SYN 0x02, 0x00
#define ACK 0x10, 0x00
#define FIN 0x11, 0x00
#define WIDE 0xfb, 0
#define ACTIVE 0x20 /* slot 2 */

#define LISTEN OP_LISTEN, 0
#define CONNECT (ACTIVE | OP_CONNECT), 0
#define PASSIVE_OPEN LISTEN, OP_SEGMENT, SYN, WIDE, OP_SEGMENT, ACK, WIDE
#define ACTIVE_OPEN CONNECT, (ACTIVE | OP_SEGMENT), 0x12, 0x00, WIDE
#define LOSSY OP_WRITE, 255 /* data that is not acknowledged */

static const struct {
    uint8_t len;
    uint8_t steps[40];
    uint8_t slot;
    enum tcp_state state;
} ways[] = {
#define WAY(slot, state, ...)                                                                      \
    {                                                                                              \
        sizeof((uint8_t[]){__VA_ARGS__}), {__VA_ARGS__}, slot, state                               \
    }
    WAY(0, TCP_CLOSED, OP_HABIT, 0),
    WAY(0, TCP_CLOSED, LISTEN), /* LISTEN has no block */
    WAY(2, TCP_SYN_SENT, CONNECT),
    WAY(0, TCP_SYN_RCVD, LISTEN, OP_SEGMENT, SYN, WIDE),
    WAY(2, TCP_SYN_RCVD, CONNECT, (ACTIVE | OP_SEGMENT), SYN, WIDE),
    WAY(0, TCP_ESTABLISHED, PASSIVE_OPEN),
    WAY(2, TCP_ESTABLISHED, ACTIVE_OPEN),
    WAY(0, TCP_ESTABLISHED, PASSIVE_OPEN, LOSSY),
    WAY(0, TCP_ESTABLISHED, LISTEN, OP_SEGMENT, SYN, 0, 0, OP_SEGMENT, ACK, 0, 0, LOSSY),
    WAY(0, TCP_FIN_WAIT_1, PASSIVE_OPEN, OP_SHUTDOWN),
    WAY(0, TCP_FIN_WAIT_1, PASSIVE_OPEN, LOSSY, OP_CLOSE),
    WAY(0, TCP_FIN_WAIT_2, PASSIVE_OPEN, OP_SHUTDOWN, OP_SEGMENT, ACK, WIDE),
    WAY(0, TCP_FIN_WAIT_2, PASSIVE_OPEN, OP_CLOSE, OP_SEGMENT, ACK, WIDE),
    WAY(0, TCP_CLOSE_WAIT, PASSIVE_OPEN, OP_SEGMENT, FIN, WIDE),
    WAY(0, TCP_CLOSE_WAIT, PASSIVE_OPEN, LOSSY, OP_SEGMENT, 0x11, 0x08, WIDE),
    WAY(0, TCP_CLOSING, PASSIVE_OPEN, OP_SHUTDOWN, OP_SEGMENT, 0x11, 0x08, WIDE),
    WAY(0, TCP_LAST_ACK, PASSIVE_OPEN, OP_SEGMENT, FIN, WIDE, OP_SHUTDOWN),
    WAY(0, TCP_TIME_WAIT, PASSIVE_OPEN, OP_SHUTDOWN, OP_SEGMENT, ACK, WIDE, OP_SEGMENT, FIN, WIDE),
#undef WAY
};

static enum tcp_state state_of(struct program *p, unsigned slot)
{
    struct program_view v = program_view(p, slot);
    struct tcp_entry *e = demux_find(&p->net.host.tcp, &v.tuple);
    if (e != NULL && e->timewait) {
        return TCP_TIME_WAIT;
    }
    if (!v.open) {
        return TCP_CLOSED;
    }
    static struct tcp_conn room;
    return rest_look(handle_of_entry(e), &room)->state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct program p;
    struct rd in = rd_of(data, size);
    unsigned way = rd_u8(&in) % COUNT_OF(ways);
    struct rd steps = rd_of(ways[way].steps, ways[way].len);
    program_init(&p);
    program_run(&p, &steps);
    FUZZ_CHECK(state_of(&p, ways[way].slot) == ways[way].state);
    program_run(&p, &in);
    program_done(&p);
    return 0;
}
