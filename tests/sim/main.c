/* vitrine-sim: worlds made from seeds, many at once or one that is looked at closely. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/run.h"

#define SEEDS_DEFAULT 10000U
#define SHRINK_TRIES 3000U
#define CAPTURES "build/sim" /* where the frames of a single world go */
#define SHOWN 20U            /* failures that are listed */

static const char usage[] =
    "usage: vitrine-sim [OPTION…]\n"
    "\n"
    "Runs hosts of this stack on wires that delay, lose, reorder and tamper, under virtual time.\n"
    "A world follows wholly from its seed: topology, weather, applications, options, faults.\n"
    "\n"
    "  --seeds N      runs N worlds, spread over the cores [10000]; a million is fine\n"
    "  --from S       begins with seed S [1]\n"
    "  --jobs N       in so many processes [one for each core]\n"
    "  --no-shrink    does not look for a smaller world when one fails\n"
    "\n"
    "  --seed S       runs one world, tells what it is made of, and writes all of its frames to\n"
    "                 build/sim/S.pcapng\n"
    "  --shrunk A,B…  with --seed: after these reductions\n"
    "  --capture FILE with --seed: writes the frames there\n"
    "  --shrink S     looks for a smaller world that fails as that of seed S does\n"
    "\n"
    "VITRINE_TRACE=1 prints every event of every host. Exit status 0: every world passed.\n";

struct args {
    uint64_t seeds, from, seed;
    unsigned jobs;
    bool one, shrink, no_shrink;
    const char *shrunk, *capture;
};

static void print_failure(const struct sim_failure *f)
{
    printf("  %s\n  %s\n  at %.6f s, event %" PRIu64 "\n", f->rule, f->text, (double)f->at / 1e9,
           f->event);
}

static void print_list(const struct sim_shrunk *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        printf("%s%u", i == 0 ? " --shrunk " : ",", s->numbers[i]);
    }
}

/* ---- one world ---- */

/* false: a number that is none. */
static bool apply(struct sim_plan *plan, const char *list)
{
    while (list != NULL && *list != '\0') {
        char *end;
        errno = 0;
        unsigned long number = strtoul(list, &end, 10);
        if (end == list || errno != 0 || (*end != ',' && *end != '\0') ||
            !sim_reduce(plan, (unsigned)number)) {
            return false;
        }
        list = *end == ',' ? end + 1 : end;
    }
    return true;
}

static int run_one(const struct args *a)
{
    static struct sim_plan plan;
    struct sim_result r;
    char path[64];
    sim_draw(&plan, a->seed);
    if (!apply(&plan, a->shrunk)) {
        fputs("vitrine-sim: --shrunk: no such reduction of this world\n", stderr);
        return 2;
    }
    snprintf(path, sizeof path, "%s/%" PRIu64 ".pcapng", CAPTURES, a->seed);
    mkdir(CAPTURES, 0777);
    const char *capture = a->capture != NULL ? a->capture : path;
    sim_print(stdout, &plan);
    sim_run_guarded(&plan, capture, &r);
    printf("%" PRIu64 " events, %" PRIu64 " frames of %" PRIu64
           " bytes in %.3f s of virtual time; frames' hash %016" PRIx64 "\nframes: %s\n",
           r.events, r.frames, r.bytes, (double)r.lasted / 1e9, r.hash, capture);
    if (r.failure.set) {
        puts("FAILED");
        print_failure(&r.failure);
    }
    printf("%d passed, %d failed\n", !r.failure.set, r.failure.set);
    return r.failure.set ? 1 : 0;
}

/* The smaller world of a seed that fails, and how to run it. */
static bool shrink(uint64_t seed)
{
    static struct sim_plan plan;
    static struct sim_shrunk shrunk;
    struct sim_result r;
    sim_draw(&plan, seed);
    sim_run_guarded(&plan, NULL, &r);
    if (!r.failure.set) {
        printf("seed %" PRIu64 " passes: there is nothing to shrink\n", seed);
        return false;
    }
    sim_shrink(&plan, &r.failure, SHRINK_TRIES, &shrunk);
    printf("\nthe smallest world found that fails like seed %" PRIu64
           " (%u reductions, %u worlds tried):\n",
           seed, shrunk.count, shrunk.tried);
    sim_print(stdout, &plan);
    print_failure(&r.failure);
    printf("repeat it: build/vitrine-sim --seed %" PRIu64, seed);
    print_list(&shrunk);
    puts("");
    return true;
}

/* ---- many ---- */

static void print_tallies(const struct sim_report *r)
{
    printf("%-8s %8s %8s %12s %12s %12s %10s\n", "kind", "worlds", "failed", "events", "frames",
           "MB", "hours");
    for (unsigned i = 0; i < SIM_KINDS; i++) {
        const struct sim_tally *t = &r->kind[i];
        printf("%-8s %8" PRIu64 " %8" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12.1f %10.1f\n",
               sim_kind_name((enum sim_kind)i), t->worlds, t->failed, t->events, t->frames,
               (double)t->bytes / 1e6, (double)t->lasted / (double)SIM_HOUR);
    }
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run_many(const struct args *a)
{
    double began = seconds_now();
    struct sim_report *r = sim_run_many(a->from, a->seeds, a->jobs);
    if (r == NULL) {
        fputs("vitrine-sim: no memory or no processes\n", stderr);
        return 2;
    }
    print_tallies(r);
    for (unsigned i = 0; i < r->failed_count && i < SHOWN; i++) {
        const struct sim_failed_seed *f = &r->failed[i];
        printf("seed %" PRIu64 " (%s) FAILED\n", f->seed, sim_kind_name(f->kind));
        print_failure(&f->failure);
    }
    if (r->failed_count > 0 && !a->no_shrink && r->failed[0].seed != 0) {
        shrink(r->failed[0].seed);
    }
    if (r->failed_count > 0) {
        printf("repeat: make sim SEED=%" PRIu64 "\n", r->failed[0].seed);
    }
    printf("%.1f s in %u processes\n", seconds_now() - began, a->jobs);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", r->passed_total, r->failed_total);
    int status = r->failed_total == 0 && r->passed_total == a->seeds ? 0 : 1;
    free(r);
    return status;
}

/* ---- options ---- */

static bool number(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

/* An option with a value. false: there is no such option, or the value is none. */
static bool take_value(struct args *a, const char *name, const char *value)
{
    uint64_t n = 0;
    if (strcmp(name, "--shrunk") == 0) {
        a->shrunk = value;
        return true;
    }
    if (strcmp(name, "--capture") == 0) {
        a->capture = value;
        return true;
    }
    if (!number(value, &n)) {
        return false;
    }
    if (strcmp(name, "--seeds") == 0) {
        a->seeds = n;
    } else if (strcmp(name, "--from") == 0) {
        a->from = n;
    } else if (strcmp(name, "--jobs") == 0 && n >= 1 && n <= 256) {
        a->jobs = (unsigned)n;
    } else if (strcmp(name, "--seed") == 0) {
        a->one = true;
        a->seed = n;
    } else if (strcmp(name, "--shrink") == 0) {
        a->shrink = true;
        a->seed = n;
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct args a = {.seeds = SEEDS_DEFAULT, .from = 1, .jobs = cores > 0 ? (unsigned)cores : 1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--no-shrink") == 0) {
            a.no_shrink = true;
        } else if (i + 1 < argc && take_value(&a, argv[i], argv[i + 1])) {
            i++;
        } else {
            fprintf(stderr, "vitrine-sim: %s\n%s", argv[i], usage);
            return 2;
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (a.one) {
        return run_one(&a);
    }
    if (a.shrink) {
        return shrink(a.seed) ? 1 : 0;
    }
    return run_many(&a);
}
