/* vitrine-simgrid: runs the cells, some at once, and writes or compares the table. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/simgrid/cell.h"

#define CELLS_MAX 256U
#define JOBS_MAX 64U

static const char usage[] =
    "usage: vitrine-simgrid [OPTION…]\n"
    "\n"
    "Runs flows of this stack over many links under virtual time. Exit status 0: every bar holds.\n"
    "\n"
    "  --page        runs all cells and prints the page\n"
    "  --check FILE  runs the quick cells and compares their lines with those in FILE\n"
    "  --only TEXT   runs the cells whose names have TEXT in them, and prints their lines (may be "
    "repeated: all)\n"
    "  --seconds N   flows last so long instead of what the cells say, for study\n"
    "  --jobs N      in so many processes [one for each core]\n"
    "\n"
    "VITRINE_TRACE=1 prints every event of the senders' host.\n";

#define ONLY_MAX 8U

struct args {
    const char *check;
    const char *only[ONLY_MAX];
    unsigned only_count;
    bool page;
    unsigned jobs;
    unsigned seconds; /* 0: what the cells say */
};

/* What the processes share. */
struct common {
    atomic_uint next; /* cell that nobody has taken */
    bool chosen[CELLS_MAX];
    struct grid_outcome outcome[CELLS_MAX];
};

static bool wanted(const struct args *a, const struct grid_cell *c)
{
    for (unsigned i = 0; i < a->only_count; i++) {
        if (strstr(c->name, a->only[i]) == NULL) {
            return false;
        }
    }
    return a->check == NULL || c->quick;
}

static void work(struct common *m, const struct args *a, const struct grid_cell *cells,
                 unsigned count)
{
    unsigned i;
    while ((i = atomic_fetch_add(&m->next, 1)) < count) {
        struct grid_cell cell = cells[i];
        if (a->seconds > 0) {
            cell.lasts = a->seconds * NS_PER_SEC;
        }
        if (m->chosen[i]) {
            grid_run(&cell, &m->outcome[i]);
        }
    }
}

/* false: a process came to a bad end. */
static bool run_all(struct common *m, const struct args *a, const struct grid_cell *cells,
                    unsigned count)
{
    bool good = true;
    fflush(NULL);
    for (unsigned i = 0; i < a->jobs; i++) {
        pid_t child = fork();
        if (child == 0) {
            work(m, a, cells, count);
            exit(0); /* through atexit, so that the sanitizer looks for leaks */
        }
        good = good && child > 0;
    }
    int status;
    while (wait(&status) > 0) {
        good = good && status == 0;
    }
    return good;
}

static bool stands_in(const char *text, const char *line)
{
    size_t len = strlen(line);
    for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line)) {
        if (at[len] == '\n' && (at == text || at[-1] == '\n')) {
            return true;
        }
    }
    return false;
}

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = f != NULL ? calloc(1, 1U << 20U) : NULL;
    if (text != NULL && fread(text, 1, (1U << 20U) - 1, f) == 0) {
        free(text);
        text = NULL;
    }
    if (f != NULL) {
        fclose(f);
    }
    return text;
}

/* Says what is wrong with each chosen cell; returns with how many. `table`: to compare with; NULL: nothing. */
static unsigned judge(const struct common *m, const struct grid_cell *cells, unsigned count,
                      const char *table, FILE *out, unsigned *passed)
{
    unsigned failed = 0;
    char line[GRID_LINE];
    for (unsigned i = 0; i < count; i++) {
        if (!m->chosen[i]) {
            continue;
        }
        grid_line(&cells[i], &m->outcome[i], line);
        const char *missed = grid_short_of(&cells[i], &m->outcome[i]);
        bool differs = table != NULL && !stands_in(table, line);
        if (missed != NULL) {
            fprintf(out, "%s: %s\n", cells[i].name, missed);
        }
        if (differs) {
            fprintf(out, "differs from the table (make sim-grid writes it anew):\n%s\n", line);
        }
        failed += missed != NULL || differs;
        *passed += missed == NULL && !differs;
    }
    return failed;
}

static int run(const struct args *a)
{
    const struct grid_cell *cells;
    unsigned count = grid_cells(&cells);
    struct common *m =
        mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *table = a->check != NULL ? read_all(a->check) : NULL;
    if (m == MAP_FAILED || count > CELLS_MAX || (a->check != NULL && table == NULL)) {
        fputs("vitrine-simgrid: no memory, or nothing to compare with\n", stderr);
        return 2;
    }
    for (unsigned i = 0; i < count; i++) {
        m->chosen[i] = wanted(a, &cells[i]);
    }
    bool good = run_all(m, a, cells, count);
    char line[GRID_LINE];
    for (unsigned i = 0; i < count && !a->page && a->check == NULL; i++) {
        if (m->chosen[i]) {
            grid_line(&cells[i], &m->outcome[i], line);
            puts(line);
        }
    }
    if (a->page) {
        grid_page(stdout, m->outcome);
    }
    unsigned passed = 0;
    unsigned failed = judge(m, cells, count, table, a->check != NULL ? stdout : stderr, &passed);
    fprintf(a->check != NULL ? stdout : stderr, "%u passed, %u failed\n", passed, failed);
    free(table);
    munmap(m, sizeof *m);
    return good && failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct args a = {.jobs = cores > 0 ? (unsigned)cores : 1};
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--page") == 0) {
            a.page = true;
        } else if (more && strcmp(argv[i], "--check") == 0) {
            a.check = argv[++i];
        } else if (more && strcmp(argv[i], "--only") == 0 && a.only_count < ONLY_MAX) {
            a.only[a.only_count++] = argv[++i];
        } else if (more && strcmp(argv[i], "--jobs") == 0) {
            a.jobs = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (more && strcmp(argv[i], "--seconds") == 0) {
            a.seconds = (unsigned)strtoul(argv[++i], NULL, 10);
        } else {
            fputs(usage, strcmp(argv[i], "--help") == 0 ? stdout : stderr);
            return strcmp(argv[i], "--help") == 0 ? 0 : 2;
        }
    }
    a.jobs = a.jobs < 1 ? 1 : a.jobs > JOBS_MAX ? JOBS_MAX : a.jobs;
    return run(&a);
}
