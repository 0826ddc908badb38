/* Worlds and processes. */
#include "tests/sim/run.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SLOWER 10U
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOWER 10U
#endif
#endif
#ifndef SLOWER
#define SLOWER 1U
#endif
#define HANG_AFTER (60U * SLOWER) /* seconds of one world */

/* ---- one world ---- */

static void to_file(void *arg, const void *data, size_t len)
{
    fwrite(data, 1, len,
           arg); /* a capture that is cut short shows the failure less well, and that is all */
}

void sim_run(const struct sim_plan *plan, const char *capture, struct sim_result *out)
{
    static struct sim_world *w; /* one at a time, and kept for the next */
    *out = (struct sim_result){.kind = plan->kind};
    w = w != NULL ? w : malloc(sizeof *w);
    FILE *file = capture != NULL ? fopen(capture, "wbe") : NULL;
    struct pcapng blocks = {.write = to_file, .arg = file};
    if (file != NULL) {
        pcapng_section(&blocks, "vitrine-sim");
    }
    bool built = w != NULL && sim_world_init(w, plan, file != NULL ? &blocks : NULL);
    if (built) {
        sim_world_run(w);
        sim_world_done(w);
    }
    if (file != NULL) {
        fclose(file);
    }
    if (!built) {
        out->failure = (struct sim_failure){.set = true, .rule = "plan", .text = "cannot be built"};
        return;
    }
    out->failure = w->failure;
    out->hash = w->hash;
    out->events = w->events;
    out->frames = w->frames;
    out->bytes = w->bytes;
    out->lasted = w->now - w->began;
}

/* ---- processes ---- */

static void *shared_memory(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* How a child ended that did not come to its end. */
static void set_crash(struct sim_failure *f, int status)
{
    *f = (struct sim_failure){.set = true};
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        snprintf(f->rule, sizeof f->rule, "hang");
        snprintf(f->text, sizeof f->text, "still running after %u s", HANG_AFTER);
    } else if (WIFSIGNALED(status)) {
        snprintf(f->rule, sizeof f->rule, "signal %d", WTERMSIG(status));
        snprintf(f->text, sizeof f->text, "the process was ended by: %s",
                 strsignal(WTERMSIG(status)));
    } else {
        snprintf(f->rule, sizeof f->rule, "exit %d", WEXITSTATUS(status));
        snprintf(f->text, sizeof f->text, "the process ended, as a sanitizer makes it");
    }
}

static int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
    }
    return status;
}

void sim_run_guarded(const struct sim_plan *plan, const char *capture, struct sim_result *out)
{
    struct sim_result *there = shared_memory(sizeof *there);
    *out = (struct sim_result){.kind = plan->kind, .failure = {.set = true, .rule = "no process"}};
    fflush(NULL);
    pid_t child = there != NULL ? fork() : -1;
    if (child == 0) {
        alarm(HANG_AFTER);
        sim_run(plan, capture, there);
        _exit(0);
    }
    if (child > 0) {
        int status = wait_for(child);
        *out = *there;
        if (status != 0) {
            set_crash(&out->failure, status);
        }
    }
    if (there != NULL) {
        munmap(there, sizeof *there);
    }
}

/* ---- many worlds ---- */

/* What a worker and its parent share. */
struct worker {
    pid_t pid;
    uint64_t seed; /* that it runs */
    bool busy;     /* `seed` has no result yet */
    enum sim_kind kind;
    struct sim_tally tally[SIM_KINDS];
};

struct common {
    atomic_uint_fast64_t next; /* seed that nobody has taken */
    uint64_t end;
    atomic_uint failed_count;
    struct sim_failed_seed failed[SIM_FAILURES];
    struct worker worker[];
};

static void note_failure(struct common *c, uint64_t seed, enum sim_kind kind,
                         const struct sim_failure *f)
{
    unsigned at = atomic_fetch_add(&c->failed_count, 1);
    if (at < SIM_FAILURES) {
        c->failed[at] = (struct sim_failed_seed){.seed = seed, .kind = kind, .failure = *f};
    }
}

static void work(struct common *c, struct worker *me)
{
    struct sim_plan *plan = malloc(sizeof *plan);
    struct sim_result result;
    if (plan == NULL) {
        _exit(1);
    }
    for (;;) {
        me->seed = atomic_fetch_add(&c->next, 1);
        if (me->seed >= c->end) {
            break;
        }
        me->busy = true;
        alarm(HANG_AFTER);
        sim_draw(plan, me->seed);
        me->kind = plan->kind;
        sim_run(plan, NULL, &result);
        struct sim_tally *t = &me->tally[plan->kind];
        t->worlds++;
        t->failed += result.failure.set;
        t->events += result.events;
        t->frames += result.frames;
        t->bytes += result.bytes;
        t->lasted += result.lasted;
        me->busy = false;
        if (result.failure.set) {
            note_failure(c, me->seed, plan->kind, &result.failure);
        }
    }
    alarm(0);
    free(plan);
    exit(0); /* through atexit, so that the sanitizer looks for leaks */
}

/* Whether the child could be made. */
static bool start(struct common *c, struct worker *worker)
{
    fflush(NULL);
    worker->busy = false;
    pid_t child = fork();
    if (child == 0) {
        work(c, worker);
    }
    worker->pid = child > 0 ? child : 0;
    return child > 0;
}

/* A worker has ended: if it fell over a world, another goes on behind that. */
static void reap(struct common *c, struct worker *worker, int status)
{
    worker->pid = 0;
    if (status == 0) {
        return;
    }
    struct sim_failure f;
    set_crash(&f, status);
    note_failure(c, worker->busy ? worker->seed : 0, worker->kind, &f);
    worker->tally[worker->kind].worlds++;
    worker->tally[worker->kind].failed++;
    if (worker->busy) { /* else it is a leak, found at the end */
        start(c, worker);
    }
}

static void wait_for_all(struct common *c, unsigned jobs)
{
    int status;
    pid_t child;
    while ((child = wait(&status)) > 0) {
        for (unsigned i = 0; i < jobs; i++) {
            if (c->worker[i].pid == child) {
                reap(c, &c->worker[i], status);
            }
        }
    }
}

static int by_seed(const void *a, const void *b)
{
    const struct sim_failed_seed *x = a;
    const struct sim_failed_seed *y = b;
    return x->seed < y->seed ? -1 : x->seed > y->seed;
}

static void collect(struct common *c, unsigned jobs, struct sim_report *r)
{
    for (unsigned i = 0; i < jobs; i++) {
        for (unsigned k = 0; k < SIM_KINDS; k++) {
            const struct sim_tally *t = &c->worker[i].tally[k];
            struct sim_tally *sum = &r->kind[k];
            sum->worlds += t->worlds;
            sum->failed += t->failed;
            sum->events += t->events;
            sum->frames += t->frames;
            sum->bytes += t->bytes;
            sum->lasted += t->lasted;
            r->failed_total += t->failed;
            r->passed_total += t->worlds - t->failed;
        }
    }
    unsigned failed = atomic_load(&c->failed_count);
    r->failed_count = failed < SIM_FAILURES ? failed : SIM_FAILURES;
    memcpy(r->failed, c->failed, r->failed_count * sizeof r->failed[0]);
    qsort(r->failed, r->failed_count, sizeof r->failed[0], by_seed);
}

struct sim_report *sim_run_many(uint64_t from, uint64_t count, unsigned jobs)
{
    size_t size = sizeof(struct common) + jobs * sizeof(struct worker);
    struct common *c = shared_memory(size);
    struct sim_report *r = calloc(1, sizeof *r);
    if (c == NULL || r == NULL) {
        free(r);
        return NULL;
    }
    atomic_init(&c->next, from);
    c->end = from + count;
    unsigned started = 0;
    for (unsigned i = 0; i < jobs; i++) {
        started += start(c, &c->worker[i]);
    }
    wait_for_all(c, jobs);
    collect(c, jobs, r);
    munmap(c, size);
    if (started == 0) {
        free(r);
        return NULL;
    }
    return r;
}

/* ---- smaller ---- */

static bool still_fails(const struct sim_plan *plan, const char *rule, struct sim_failure *found)
{
    struct sim_result result;
    sim_run_guarded(plan, NULL, &result);
    *found = result.failure;
    return found->set && strcmp(found->rule, rule) == 0;
}

/* Takes away, again and again, whatever can go; stops when a whole round has changed nothing. A
 * reduction that succeeds is tried again at once: sizes are halved more than once. */
void sim_shrink(struct sim_plan *plan, struct sim_failure *failure, unsigned tries,
                struct sim_shrunk *out)
{
    struct sim_plan smaller;
    struct sim_failure found;
    bool changed = true;
    *out = (struct sim_shrunk){.count = 0};
    while (changed) {
        changed = false;
        for (unsigned number = 0; number < sim_reductions();) {
            smaller = *plan;
            if (!sim_reduce(&smaller, number)) {
                number++;
                continue;
            }
            if (out->tried == tries || out->count == SIM_REDUCTIONS_MAX) {
                return;
            }
            out->tried++;
            if (!still_fails(&smaller, failure->rule, &found)) {
                number++;
                continue;
            }
            *plan = smaller;
            *failure = found;
            out->numbers[out->count++] = number;
            changed = true;
        }
    }
}
