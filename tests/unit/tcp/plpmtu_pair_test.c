/* Path MTU discovery over whole transfers (RFC 4821): two hosts, and a wire between them that loses what is too large
 * and says nothing. */
#include "stack/tcp/plpmtu.h"

#include "stack/tcp/conn.h"
#include "tests/unit/tcp/pair_rig.h"

static const struct {
    uint32_t link, hole; /* bytes of IP packet */
    bool no_sack, bbr, always;
    uint32_t loss;
} paths[] = {
    {1500, 1400, false, false, false, 0},      {1500, 1400, true, false, false, 0},
    {1500, 1400, false, true, false, 0},       {1500, 1400, false, false, true, 0},
    {1500, 1500, false, false, true, 0},       {9000, 1500, false, false, false, 0},
    {9000, 8000, true, false, true, 0},        {1500, 800, false, false, false, 0},
    {1500, 1280, false, false, false, 10000},  {65000, 1500, false, false, true, 0},
    {1500, 1400, false, false, false, 100000},
};

/* What the path takes is found to within eight bytes, and everything arrives. */
/* requires: 4821-7.3-1, 4821-7.7-1, 4821-5.2-1, 8899-3-9 */
START_TEST(what_the_path_takes_is_found)
{
    static struct pair pair;
    struct pair_config k = {.bits_per_second = 50000000,
                            .one_way = NS_PER_MS,
                            .queue = 15 * paths[_i].hole,
                            .loss = paths[_i].loss,
                            .mtu = paths[_i].link,
                            .hole = paths[_i].hole,
                            .total = 60000000};
    k.sender.no_sack = paths[_i].no_sack;
    k.sender.cc = paths[_i].bbr ? &cc_bbr : NULL;
    k.sender.mtu_probing = paths[_i].always ? TCP_MTU_PROBING_ALWAYS : TCP_MTU_PROBING_DEFAULT;
    pair_begin(&pair, &k);
    pair_run_to(&pair, 300 * NS_PER_SEC);
    ck_assert_uint_eq(pair.read, k.total);
    uint32_t mtu = pair_info(pair.sender).mtu;
    ck_assert_uint_le(mtu, paths[_i].hole);
    ck_assert_uint_gt(mtu + 8, paths[_i].hole);
    ck_assert_int_eq(tcp_of_stream(pair.sender)->plpmtu.state, PLPMTU_SEARCH_COMPLETE);
    /* the next connection to there knows */
    ck_assert_uint_eq(ip_mtu(&pair.host[0].ip, ip4_addr(0x0a090002U)), mtu);
    pair_end(&pair);
}
END_TEST

START_TEST(switched_off_the_black_hole_swallows_all)
{
    static struct pair pair;
    struct pair_config k = {
        .bits_per_second = 50000000, .one_way = 5 * NS_PER_MS, .mtu = 1500, .hole = 1400};
    k.sender.mtu_probing = TCP_MTU_PROBING_OFF;
    pair_begin(&pair, &k);
    pair_run_to(&pair, 100 * NS_PER_SEC);
    ck_assert_uint_eq(pair.read, 0);
    pair_end(&pair);
}
END_TEST

Suite *plpmtu_pair_suite(void);

Suite *plpmtu_pair_suite(void)
{
    Suite *s = suite_create("plpmtu_pair");
    TCase *t = tcase_create("transfers");
    suite_add_tcase(s, t);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, what_the_path_takes_is_found, 0, COUNT_OF(paths));
    tcase_add_test(t, switched_off_the_black_hole_swallows_all);
    return s;
}
