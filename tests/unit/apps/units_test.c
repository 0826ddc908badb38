/* Quantities in options, and what `vitrine wire` makes of its own. */
#include "apps/units.h"

#include <check.h>
#include <string.h>

#include "apps/cable_options.h"

START_TEST(rates)
{
    static const struct {
        const char *text;
        uint64_t want; /* 0: refused */
    } cases[] = {{"10m", 10000000}, {"1.5g", 1500000000},
                 {"64kbit", 64000}, {"100Mbit/s", 100000000},
                 {"9600", 9600},    {"1Gbps", 1000000000},
                 {"1t", 0},         {"0", 0},
                 {"-1m", 0},        {"", 0},
                 {"m", 0},          {"10 m", 0},
                 {"nan", 0},        {"inf", 0},
                 {"1e99g", 0}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t got = 0;
        bool good = unit_rate("rate", cases[i].text, &got);
        ck_assert_msg(good == (cases[i].want != 0) && (!good || got == cases[i].want), "%s: %llu",
                      cases[i].text, (unsigned long long)got);
    }
}
END_TEST

START_TEST(times)
{
    nsec t;
    ck_assert(unit_time("delay", "20ms", &t) && t == 20 * NS_PER_MS);
    ck_assert(unit_time("delay", "1.5s", &t) && t == 1500 * NS_PER_MS);
    ck_assert(unit_time("delay", "300us", &t) && t == 300 * NS_PER_US);
    ck_assert(unit_time("delay", "0", &t) && t == 0);
    ck_assert(!unit_time("delay", "20", &t)); /* of what? */
    ck_assert(!unit_time("delay", "2h", &t));
    ck_assert(!unit_time("delay", "-1ms", &t));
    ck_assert(!unit_time("delay", "3601s", &t));
}
END_TEST

START_TEST(shares)
{
    uint32_t s;
    ck_assert(unit_share("loss", "1%", &s) && s == 10000);
    ck_assert(unit_share("loss", "0.1%", &s) && s == 1000);
    ck_assert(unit_share("loss", "100%", &s) && s == 1000000);
    ck_assert(unit_share("loss", "0", &s) && s == 0);
    ck_assert(!unit_share("loss", "0.01", &s)); /* one percent, or a hundredth of one? */
    ck_assert(!unit_share("loss", "101%", &s));
}
END_TEST

START_TEST(sizes)
{
    uint32_t b;
    double products;
    ck_assert(unit_queue("queue", "64Ki", &b, &products) && b == 65536);
    ck_assert(!unit_queue("queue", "5g", &b, &products));
    ck_assert(unit_queue("queue", "100k", &b, &products) && b == 100000 && !(products > 0));
    ck_assert(unit_queue("queue", "0.5bdp", &b, &products) && b == 0);
    ck_assert_double_eq(products, 0.5);
    ck_assert(!unit_queue("queue", "0bdp", &b, &products));
}
END_TEST

/* ---- vitrine wire ---- */

static struct cable_options parsed;

static bool parse(const char *line)
{
    static char copy[512];
    char *argv[32] = {(char[]){"wire"}};
    int argc = 1;
    ck_assert_uint_lt(strlen(line), sizeof copy);
    memcpy(copy, line, strlen(line) + 1);
    for (char *rest = copy, *word; (word = strsep(&rest, " ")) != NULL;) {
        argv[argc++] = word;
    }
    return cable_options_parse(argc, argv, &parsed) == OPTIONS_GOOD;
}

START_TEST(an_option_is_for_both_ways_or_for_one)
{
    ck_assert(parse("--a t0 --b t1 --loss 1% --loss-ba 2% --delay-ab 5ms"));
    ck_assert_uint_eq(parsed.way[0].loss, 10000);
    ck_assert_uint_eq(parsed.way[1].loss, 20000);
    ck_assert_int_eq(parsed.way[0].delay, 5 * NS_PER_MS);
    ck_assert_int_eq(parsed.way[1].delay, 0);
}
END_TEST

/* 100 Mbit/s for 20 ms are 250,000 bytes; a queue of one product has room for 10 full frames. */
START_TEST(a_bandwidth_delay_product_takes_both_delays)
{
    ck_assert(parse("--a t0 --b t1 --queue 1bdp --rate 100m --delay-ab 5ms --delay-ba 15ms"));
    ck_assert_uint_eq(parsed.way[0].queue, 250000);
    ck_assert_uint_eq(parsed.way[1].queue, 250000);
    ck_assert(parse("--a t0 --b t1 --queue 1bdp --rate 10m --delay 500us"));
    ck_assert_uint_eq(parsed.way[0].queue, 15140);
}
END_TEST

START_TEST(ends_are_taps_in_namespaces)
{
    ck_assert(parse("--a t0@123 --b t1@blue"));
    ck_assert_str_eq(parsed.tap[0], "t0");
    ck_assert_str_eq(parsed.netns[0], "/proc/123/ns/net");
    ck_assert_str_eq(parsed.netns[1], "/run/netns/blue");
    ck_assert(parse("--a t0 --b t1@/x/net"));
    ck_assert_ptr_null(parsed.netns[0]);
    ck_assert_str_eq(parsed.netns[1], "/x/net");
    ck_assert(!parse("--a t0@ --b t1"));
    ck_assert(!parse("--a @x --b t1"));
    ck_assert(!parse("--a t0"));
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
    ck_assert(!parse("--a t0 --b t1 --queue 100k")); /* in front of what? */
    ck_assert(!parse("--a t0 --b t1 --reorder 1%"));
    ck_assert(!parse("--a t0 --b t1 --burst-loss 1%"));
    ck_assert(!parse("--a t0 --b t1 --burst-loss 1%,2%,3%,4%"));
    ck_assert(!parse("--a t0 --b t1 --loss 1"));
    ck_assert(!parse("--a t0 --b t1 extra"));
    ck_assert(!parse("--a t0 --b t1 --mtu 67"));
}
END_TEST

/* Every node once, the queue directly in front of the rate. */
START_TEST(nodes_come_in_the_order_of_a_link)
{
    struct wire_node_config nodes[WIRE_NODES];
    unsigned count;
    ck_assert(parse("--a t0 --b t1 --mtu 1400 --rate 1m --queue 20k --ecn 10k --delay 1ms "
                    "--jitter 2ms --reorder 1%,5ms --loss 2% --burst-loss 1%,50% --corrupt 3% "
                    "--duplicate 4%,1ms"));
    cable_nodes(&parsed, 1, nodes, &count);
    static const enum wire_node_kind want[] = {WIRE_MTU,   WIRE_QUEUE,   WIRE_RATE,
                                               WIRE_DELAY, WIRE_REORDER, WIRE_LOSS,
                                               WIRE_BURST, WIRE_CORRUPT, WIRE_DUPLICATE};
    ck_assert_uint_eq(count, COUNT_OF(want));
    for (unsigned i = 0; i < count; i++) {
        ck_assert_uint_eq(nodes[i].kind, want[i]);
    }
    ck_assert_uint_eq(nodes[1].queue.limit, 20000);
    ck_assert_uint_eq(nodes[1].queue.mark, 10000);
    ck_assert_int_eq(nodes[3].delay.jitter, 2 * NS_PER_MS);
    ck_assert_uint_eq(nodes[6].burst.loss_bad, WIRE_MILLION);
    ck_assert(parse("--a t0 --b t1"));
    cable_nodes(&parsed, 0, nodes, &count);
    ck_assert_uint_eq(count, 0);
}
END_TEST

Suite *units_suite(void);

Suite *units_suite(void)
{
    Suite *s = suite_create("units");
    TCase *t = tcase_create("units");
    tcase_add_test(t, rates);
    tcase_add_test(t, times);
    tcase_add_test(t, shares);
    tcase_add_test(t, sizes);
    tcase_add_test(t, an_option_is_for_both_ways_or_for_one);
    tcase_add_test(t, a_bandwidth_delay_product_takes_both_delays);
    tcase_add_test(t, ends_are_taps_in_namespaces);
    tcase_add_test(t, what_makes_no_sense_is_refused);
    tcase_add_test(t, nodes_come_in_the_order_of_a_link);
    suite_add_tcase(s, t);
    return s;
}
