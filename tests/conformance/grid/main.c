/* vitrine-grid: runs every cell of the grid.
 *
 *   vitrine-grid [--verbose] [EVENT…]     a line for each cell that fails, then "N passed, N failed"
 *   vitrine-grid --page                   the grid as a page (docs/grid.md)
 *   vitrine-grid --ids                    the requirements that cells hold: id, tab, cell
 *   vitrine-grid --compare FILE           runs all; fails also when FILE is not the page
 */
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/grid/grid.h"

struct result {
    unsigned passed, failed;
    bool verbose;
};

static void run_row(const struct grid_event *e, const struct grid_row *row, struct result *out)
{
    for (unsigned i = 0; i < GRID_STATES; i++) {
        unsigned state = 1U << i;
        if ((row->states & state) == 0) {
            continue;
        }
        struct grid_fault fault;
        grid_run(e, state, row, &fault);
        bool good = fault.text[0] == '\0';
        out->passed += good ? 1 : 0;
        out->failed += good ? 0 : 1;
        if (!good) {
            printf("FAIL  %s x %s  (%s)  %s\n", grid_state_name(state), e->name, row->clause,
                   fault.text);
        } else if (out->verbose) {
            printf("pass  %s x %s\n", grid_state_name(state), e->name);
        }
    }
}

static bool asked_for(const char *name, int argc, char **argv)
{
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            continue;
        }
        any = true;
        if (strcmp(argv[i], name) == 0) {
            return true;
        }
    }
    return !any;
}

/* Whether the file is the page of today. */
static bool page_is(const char *path)
{
    char *page = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&page, &len);
    FILE *in = fopen(path, "r");
    bool same = out != NULL && in != NULL;
    if (out != NULL) {
        grid_page(out);
        fclose(out);
    }
    for (size_t i = 0; same && i < len; i++) {
        same = fgetc(in) == (unsigned char)page[i];
    }
    same = same && fgetc(in) == EOF;
    if (in != NULL) {
        fclose(in);
    }
    free(page);
    return same;
}

int main(int argc, char **argv)
{
    const char *page = NULL;
    struct result result = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--page") == 0) {
            grid_page(stdout);
            return 0;
        }
        if (strcmp(argv[i], "--ids") == 0) {
            grid_ids(stdout);
            return 0;
        }
        if (strcmp(argv[i], "--compare") == 0 && i + 1 < argc) {
            page = argv[i + 1];
            argv[i + 1] = argv[i];
        }
        result.verbose = result.verbose || strcmp(argv[i], "--verbose") == 0;
    }
    bool complete = grid_complete();
    for (size_t i = 0; i < grid_row_count(); i++) {
        const struct grid_row *row = grid_row(i);
        const struct grid_event *e = grid_event_of(i);
        if (row->event == NULL && row->absent == NULL && asked_for(e->name, argc, argv)) {
            run_row(e, row, &result);
        }
    }
    result.failed += complete ? 0 : 1;
    if (page != NULL && !page_is(page)) {
        printf("FAIL  %s is not what the table says: make grid\n", page);
        result.failed++;
    }
    printf("%u passed, %u failed\n", result.passed, result.failed);
    return result.failed == 0 ? 0 : 1;
}
