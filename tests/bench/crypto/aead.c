/* What a record costs to seal and to open, and a key to make, with each engine. The engines take turns in each round, so
 * that what else the machine does hits all of them; medians of the rounds are told, as a table for
 * docs/measurements/crypto.md. What they make is compared first.
 */
#include "tls/aead.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/crypto/keys.h"

#define ROUNDS 41
#define ENGINES_MAX 4U
#define ADDITIONAL 5U /* a TLS 1.3 record's */
#define ROUND_NS 300000.0

enum work { SEAL, OPEN, MAKE, WORKS };

static const char *const work_names[WORKS] = {"seal", "open", "make the key, seal, give it back"};
static const char *const algorithm_names[AEAD_ALGORITHMS] = {"AES-128-GCM", "AES-256-GCM",
                                                             "ChaCha20-Poly1305"};
static const size_t sizes[] = {64, 1024, 4096, 16384};

static const struct aead_engine *engines[ENGINES_MAX];
static unsigned engine_count;
static uint8_t key[AEAD_KEY_MAX] = {1, 2, 3}, nonce[AEAD_NONCE] = {4, 5}, additional[ADDITIONAL];
static uint8_t text[16384], sealed[16384 + AEAD_TAG], out[16384 + AEAD_TAG];

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "bench-crypto: %s\n", what);
    exit(1);
}

static void work_once(const struct aead_engine *e, struct aead *k, enum aead_algorithm a,
                      enum work w, size_t len)
{
    struct slice aad = {additional, ADDITIONAL}, plain = {text, len};
    struct slice record = {sealed, len + AEAD_TAG};
    struct aead *used = w == MAKE ? e->create(a, key) : k;
    bool good = w == OPEN ? aead_open(e, used, nonce, aad, &record, 1, out)
                          : aead_seal(e, used, nonce, aad, &plain, 1, out);
    if (!good) {
        die("an engine failed");
    }
    if (w == MAKE) {
        e->destroy(used);
    }
}

static double time_of(const struct aead_engine *e, struct aead *k, enum aead_algorithm a,
                      enum work w, size_t len, unsigned times)
{
    double start = now_ns();
    for (unsigned i = 0; i < times; i++) {
        work_once(e, k, a, w, len);
    }
    return (now_ns() - start) / times;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void row(enum aead_algorithm a, enum work w, size_t len, struct aead *const *keys)
{
    static double ns[ENGINES_MAX][ROUNDS];
    unsigned times[ENGINES_MAX] = {0};
    for (unsigned i = 0; i < engine_count; i++) {
        double once = time_of(engines[i], keys[i], a, w, len, 20);
        times[i] = once < ROUND_NS ? (unsigned)(ROUND_NS / once) + 1 : 1;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < engine_count; i++) {
            ns[i][round] = time_of(engines[i], keys[i], a, w, len, times[i]);
        }
    }
    printf("| %s | %s | %zu |", algorithm_names[a], work_names[w], len);
    for (unsigned i = 0; i < engine_count; i++) {
        qsort(ns[i], ROUNDS, sizeof(ns[i][0]), ascending);
        printf(" %.0f (%.0f to %.0f) |", ns[i][ROUNDS / 2], ns[i][ROUNDS / 4],
               ns[i][ROUNDS * 3 / 4]);
    }
    printf("\n");
    fflush(stdout);
}

/* Every engine makes the same of it, or the times would say nothing. */
static void check(size_t len, struct aead *const *keys)
{
    struct slice aad = {additional, ADDITIONAL}, plain = {text, len};
    for (unsigned i = 0; i < engine_count; i++) {
        if (!aead_seal(engines[i], keys[i], nonce, aad, &plain, 1, i == 0 ? sealed : out) ||
            (i > 0 && memcmp(out, sealed, len + AEAD_TAG) != 0)) {
            die("the engines do not agree");
        }
    }
}

static void key_sizes(enum aead_algorithm a)
{
    enum { KEYS = 1000 };
    static struct aead *keys[KEYS];
    printf("| %s |", algorithm_names[a]);
    for (unsigned e = 0; e < engine_count; e++) {
        size_t before = mallinfo2().uordblks;
        for (unsigned i = 0; i < KEYS; i++) {
            keys[i] = engines[e]->create(a, key);
            if (keys[i] == NULL) {
                die("no key");
            }
        }
        size_t after = mallinfo2().uordblks;
        printf(" %zu |", (after - before) / KEYS);
        for (unsigned i = 0; i < KEYS; i++) {
            engines[e]->destroy(keys[i]);
        }
    }
    printf("\n");
}

static void head(const char *columns, unsigned texts)
{
    printf("\n|%s", columns);
    for (unsigned i = 0; i < engine_count; i++) {
        printf(" %s |", engines[i]->name);
    }
    printf("\n|");
    for (unsigned i = 0; i < texts + engine_count; i++) {
        printf("%s", i < texts ? "---|" : "---:|");
    }
    printf("\n");
}

int main(void)
{
    while (engine_count < ENGINES_MAX &&
           (engines[engine_count] = aead_engine(engine_count)) != NULL) {
        engine_count++;
    }
    printf("Nanoseconds: the median of %d rounds, and its quartiles.\n", ROUNDS);
    head(" Algorithm | Work | Bytes |", 3);
    for (enum aead_algorithm a = 0; a < AEAD_ALGORITHMS; a++) {
        struct aead *keys[ENGINES_MAX] = {NULL};
        for (unsigned i = 0; i < engine_count; i++) {
            keys[i] = engines[i]->create(a, key);
            if (keys[i] == NULL) {
                die("no key");
            }
        }
        for (size_t s = 0; s < COUNT_OF(sizes); s++) {
            check(sizes[s], keys);
            row(a, SEAL, sizes[s], keys);
            row(a, OPEN, sizes[s], keys);
        }
        row(a, MAKE, sizes[0], keys);
        for (unsigned i = 0; i < engine_count; i++) {
            engines[i]->destroy(keys[i]);
        }
    }
    printf("\nBytes of memory that a key takes, with what malloc adds.\n");
    head(" Algorithm |", 1);
    for (enum aead_algorithm a = 0; a < AEAD_ALGORITHMS; a++) {
        key_sizes(a);
    }
    return keys_measure() ? 0 : 1;
}
