/* Keys of tickets under a clock of our own: what is sealed opens for as long as it should, and no longer. */
#include <check.h>
#include <string.h>

#include "tls/internal.h"
#include "tls/ticket_keys.h"

Suite *ticket_keys_suite(void);

#define LIFE (100 * NS_PER_SEC)
#define TEXT "what a ticket says"

static struct ticket_keys keys;

struct ticket {
    uint8_t bytes[TICKET_OVERHEAD + sizeof(TEXT)];
};

static void set_up(void)
{
    ck_assert_int_eq(tls_rng_start(), 0);
    ticket_keys_init(&keys, LIFE, tls_rng);
}

static void tear_down(void)
{
    ticket_keys_done(&keys);
}

static struct ticket seal(nsec now)
{
    struct ticket t;
    memcpy(t.bytes + TICKET_HEAD, TEXT, sizeof(TEXT));
    ck_assert_int_eq(ticket_keys_seal(&keys, now, t.bytes, sizeof(TEXT)), 0);
    return t;
}

static enum ticket_verdict open(struct ticket t, nsec now, nsec sealed)
{
    struct slice plain;
    nsec issued;
    enum ticket_verdict v = ticket_keys_open(&keys, now, t.bytes, sizeof(t.bytes), &plain, &issued);
    if (v == TICKET_GOOD || v == TICKET_OLD) {
        ck_assert_int_eq(issued, sealed);
        ck_assert_uint_eq(plain.len, sizeof(TEXT));
        ck_assert_mem_eq(plain.data, TEXT, sizeof(TEXT));
    }
    return v;
}

START_TEST(what_is_sealed_opens)
{
    struct ticket a = seal(5), b = seal(5);
    ck_assert_int_eq(open(a, 5, 5), TICKET_GOOD);
    ck_assert_int_eq(open(b, 6, 5), TICKET_GOOD);
    /* nothing of the text is to be seen, and no two are alike */
    ck_assert(memcmp(a.bytes + TICKET_HEAD, TEXT, sizeof(TEXT)) != 0);
    ck_assert(memcmp(a.bytes + TICKET_HEAD, b.bytes + TICKET_HEAD, sizeof(TEXT)) != 0);
    ck_assert(memcmp(a.bytes + TICKET_NAME, b.bytes + TICKET_NAME, TICKET_NONCE) != 0);
}
END_TEST

/* A ticket has its lifetime, wherever in the life of its key it was sealed. */
START_TEST(a_ticket_has_its_lifetime)
{
    static const nsec when[] = {0, 1, LIFE / 2, LIFE - 1};
    nsec at = when[_i];
    seal(0); /* makes the key */
    struct ticket t = seal(at);
    ck_assert_int_eq(open(t, at + LIFE - 1, at), TICKET_GOOD);
    /* Beyond it the key may be gone as well. */
    enum ticket_verdict late = open(t, at + LIFE, at);
    ck_assert(late == TICKET_OLD || late == TICKET_STRANGE);
    ck_assert_int_eq(open(t, 2 * LIFE, at), TICKET_STRANGE);
}
END_TEST

START_TEST(keys_change)
{
    struct ticket first = seal(0), last = seal(LIFE - 1), next = seal(LIFE);
    ck_assert_mem_eq(first.bytes, last.bytes, TICKET_NAME);
    ck_assert(memcmp(last.bytes, next.bytes, TICKET_NAME) != 0);
    ck_assert_int_eq(open(last, LIFE + 1, LIFE - 1), TICKET_GOOD);
    ck_assert_int_eq(open(next, LIFE + 1, LIFE), TICKET_GOOD);
    struct ticket third = seal(2 * LIFE);
    ck_assert_int_eq(open(first, 2 * LIFE, 0), TICKET_STRANGE);
    ck_assert_int_eq(open(next, 2 * LIFE - 1, LIFE), TICKET_GOOD);
    ck_assert_int_eq(open(third, 2 * LIFE, 2 * LIFE), TICKET_GOOD);
}
END_TEST

/* Two servers with one secret and one clock, which never speak to each other. */
START_TEST(shared_keys_open_each_others_tickets)
{
    static const uint8_t secret[TICKET_SECRET] = "known to both of them, in secret";
    struct ticket_keys theirs, strangers;
    uint8_t mine[TICKET_OVERHEAD + sizeof(TEXT)];
    struct slice plain;
    nsec issued;
    ticket_keys_init(&theirs, LIFE, tls_rng);
    ticket_keys_init(&strangers, LIFE, tls_rng);
    ticket_keys_share(&keys, secret);
    ticket_keys_share(&theirs, secret);
    struct ticket t = seal(5 * LIFE + 70);
    static const nsec later[] = {0, LIFE - 71, LIFE - 70,
                                 LIFE - 1}; /* the third has changed keys */
    for (size_t i = 0; i < COUNT_OF(later); i++) {
        memcpy(mine, t.bytes, sizeof mine);
        ck_assert_int_eq(
            ticket_keys_open(&theirs, 5 * LIFE + 70 + later[i], mine, sizeof mine, &plain, &issued),
            TICKET_GOOD);
        ck_assert_int_eq(issued, 5 * LIFE + 70);
        ck_assert_mem_eq(plain.data, TEXT, sizeof(TEXT));
    }
    memcpy(mine, t.bytes, sizeof mine);
    ck_assert_int_eq(ticket_keys_open(&theirs, 6 * LIFE + 70, mine, sizeof mine, &plain, &issued),
                     TICKET_OLD);
    memcpy(mine, t.bytes, sizeof mine);
    ck_assert_int_eq(ticket_keys_open(&theirs, 7 * LIFE, mine, sizeof mine, &plain, &issued),
                     TICKET_STRANGE);
    memcpy(mine, t.bytes, sizeof mine);
    ck_assert_int_eq(
        ticket_keys_open(&strangers, 5 * LIFE + 70, mine, sizeof mine, &plain, &issued),
        TICKET_STRANGE);
    ticket_keys_done(&theirs);
    ticket_keys_done(&strangers);
}
END_TEST

static bool holds(const void *where, size_t len, const uint8_t *what, size_t what_len)
{
    return memmem(where, len, what, what_len) != NULL;
}

/* Also of an idle server: the sweep turns them. */
START_TEST(old_keys_are_wiped)
{
    struct ticket t = seal(0);
    ck_assert(holds(&keys, sizeof(keys), t.bytes, TICKET_NAME));
    ticket_keys_turn(&keys, 2 * LIFE - 1);
    ck_assert(holds(&keys, sizeof(keys), t.bytes, TICKET_NAME));
    ticket_keys_turn(&keys, 2 * LIFE);
    ck_assert(!holds(&keys, sizeof(keys), t.bytes, TICKET_NAME));
    ck_assert(!keys.key[0].live && !keys.key[1].live);
    seal(3 * LIFE);
    ticket_keys_done(&keys);
    ck_assert(!keys.key[0].live && !keys.key[1].live);
}
END_TEST

START_TEST(a_changed_byte_is_noticed)
{
    struct ticket t = seal(0);
    t.bytes[_i] ^= 0x10;
    ck_assert_int_eq(open(t, 1, 0), _i < (int)TICKET_NAME ? TICKET_STRANGE : TICKET_FORGED);
}
END_TEST

START_TEST(no_ticket_at_all)
{
    struct ticket t = seal(0);
    struct slice plain;
    nsec issued;
    for (size_t len = 0; len < sizeof(t.bytes); len++) {
        struct ticket part = t;
        ck_assert_int_ne(ticket_keys_open(&keys, 0, part.bytes, len, &plain, &issued), TICKET_GOOD);
    }
    /* one of the future: the clock was set back, or it is another's */
    struct ticket early = seal(50);
    ck_assert_int_eq(open(early, 49, 50), TICKET_OLD);
}
END_TEST

static int no_rng(void *arg, unsigned char *out, size_t len)
{
    (void)arg;
    (void)out;
    (void)len;
    return -77;
}

START_TEST(without_randomness_nothing_is_sealed)
{
    struct ticket t;
    keys.rng = no_rng;
    ck_assert_int_eq(ticket_keys_seal(&keys, 0, t.bytes, sizeof(TEXT)), -77);
    ck_assert(!keys.key[0].live && !keys.key[1].live);
}
END_TEST

Suite *ticket_keys_suite(void)
{
    Suite *s = suite_create("ticket_keys");
    TCase *t = tcase_create("ticket_keys");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, what_is_sealed_opens);
    tcase_add_loop_test(t, a_ticket_has_its_lifetime, 0, 4);
    tcase_add_test(t, keys_change);
    tcase_add_test(t, shared_keys_open_each_others_tickets);
    tcase_add_test(t, old_keys_are_wiped);
    tcase_add_loop_test(t, a_changed_byte_is_noticed, 0, TICKET_OVERHEAD + sizeof(TEXT));
    tcase_add_test(t, no_ticket_at_all);
    tcase_add_test(t, without_randomness_nothing_is_sealed);
    suite_add_tcase(s, t);
    return s;
}
