/* Connection lookup, and ephemeral ports (RFC 6056, RFC 6335). */
#include "stack/tcp/demux.h"

#include "tests/unit/tcp/tcp_rig.h"

#define ENTRIES 2000U

static struct tcp_tuple tuple_number(unsigned i)
{
    return (struct tcp_tuple){.local = {ip4_addr(OUR_IP), (uint16_t)(80 + i % 3)},
                              .remote = {ip4_addr(PEER_IP + i % 7), (uint16_t)(1000 + i)}};
}

START_TEST(each_tuple_is_found_alone)
{
    static struct tcp_entry entries[ENTRIES];
    struct tcp *t = &rig.host.tcp;
    for (unsigned i = 0; i < ENTRIES; i++) {
        entries[i] = (struct tcp_entry){.tuple = tuple_number(i)};
        demux_add(t, &entries[i]);
    }
    for (unsigned i = 0; i < ENTRIES; i++) {
        struct tcp_tuple tuple = tuple_number(i);
        ck_assert_ptr_eq(demux_find(t, &tuple), &entries[i]);
        tuple.local.port = 9;
        ck_assert_ptr_null(demux_find(t, &tuple));
        tuple =
            (struct tcp_tuple){.local = tuple_number(i).remote, .remote = tuple_number(i).local};
        ck_assert_ptr_null(demux_find(t, &tuple));
    }
    for (unsigned i = 0; i < ENTRIES; i++) {
        struct tcp_tuple tuple = tuple_number(i);
        demux_remove(t, &entries[i]);
        demux_remove(t, &entries[i]); /* again: no effect */
        ck_assert_ptr_null(demux_find(t, &tuple));
    }
    ck_assert_uint_eq(t->connections.count, 0);
}
END_TEST

START_TEST(the_hash_is_keyed)
{
    struct tcp_tuple tuple = tuple_number(1);
    struct siphash_key a = {1, 2};
    struct siphash_key b = {1, 3};
    ck_assert_uint_ne(demux_hash(&a, &tuple), demux_hash(&b, &tuple));
}
END_TEST

START_TEST(ephemeral_ports_lie_in_their_range_and_differ)
{
    rig_restart(&(struct tcp_config){.port_first = 60000, .port_last = 60007});
    bool seen[8] = {false};
    for (unsigned i = 0; i < 8; i++) {
        struct peer p = peer_new();
        app_connect(&p, NULL);
        ck_assert_uint_ge(p.our_port, 60000);
        ck_assert_uint_le(p.our_port, 60007);
        ck_assert(!seen[p.our_port - 60000]);
        seen[p.our_port - 60000] = true;
    }
    struct peer other = peer_new(); /* towards another port there is room */
    other.port = 81;
    app_connect(&other, NULL);
    struct tcp_connect_args args = {.remote = {.addr = ip4_addr(PEER_IP), .port = PEER_PORT},
                                    .events = &app_events};
    struct stream *s;
    ck_assert_int_eq(tcp_connect(&rig.host.tcp, &args, &s), TCP_ERR_RESOURCES);
    discard_sent();
    run_for(SEC(400)); /* all time out */
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
    discard_sent();
}
END_TEST

/* RFC 6056 3.3: an outsider cannot tell the next port from the last one of another destination. requires: 5927-4.2-1 */
START_TEST(the_first_port_depends_on_the_destination)
{
    unsigned apart = 0;
    uint16_t before = 0;
    for (unsigned i = 0; i < 8; i++) {
        struct tcp_tuple want = {.local = {ip4_addr(OUR_IP), 0},
                                 .remote = {ip4_addr(PEER_IP), (uint16_t)(1000 + i)}};
        uint16_t port = demux_ephemeral_port(&rig.host.tcp, &want);
        apart += port != before + 1 ? 1 : 0;
        before = port;
    }
    ck_assert_uint_ge(apart, 7);
}
END_TEST

Suite *demux_suite(void);

Suite *demux_suite(void)
{
    Suite *s = suite_create("demux");
    TCase *tc = rig_case(s, "demux");
    ADD(tc, each_tuple_is_found_alone);
    ADD(tc, the_hash_is_keyed);
    ADD(tc, ephemeral_ports_lie_in_their_range_and_differ);
    ADD(tc, the_first_port_depends_on_the_destination);
    return s;
}
