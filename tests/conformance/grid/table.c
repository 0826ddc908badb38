/* The table of grid.def as rows. */
#include "tests/conformance/grid/grid.h"

#define DROP_NO_DROP NO_DROP
#define EVENT(...) {.event = &(const struct grid_event){__VA_ARGS__}},
#define CELL(states_, answer_, after_, sees_, drop_, clause_, ids_)                                \
    {.states = (states_),                                                                          \
     .answer = (answer_),                                                                          \
     .after = (after_),                                                                            \
     .sees = (sees_),                                                                              \
     .drop = (int)DROP_##drop_,                                                                    \
     .clause = (clause_),                                                                          \
     .ids = (ids_)},
#define ABSENT(states_, why_) {.states = (states_), .absent = (why_)},

static const struct grid_row rows[] = {
#include "tests/conformance/grid/grid.def"
};

size_t grid_row_count(void)
{
    return COUNT_OF(rows);
}

const struct grid_row *grid_row(size_t i)
{
    return &rows[i];
}

const struct grid_event *grid_event_of(size_t i)
{
    while (rows[i].event == NULL) {
        i--;
    }
    return rows[i].event;
}

const char *grid_state_name(unsigned state)
{
    static const char *const names[GRID_STATES] = {
        "CLOSED",      "LISTEN",     "SYN-SENT",   "SYN-RECEIVED", "SYN-RECEIVED-CROSSED",
        "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",   "CLOSING",
        "LAST-ACK",    "TIME-WAIT",
    };
    for (unsigned i = 0; i < GRID_STATES; i++) {
        if (state == 1U << i) {
            return names[i];
        }
    }
    return "?";
}

static bool covers_all(const struct grid_event *e, unsigned seen, unsigned twice)
{
    for (unsigned i = 0; i < GRID_STATES; i++) {
        unsigned state = 1U << i;
        if ((seen & state) == 0 || (twice & state) != 0) {
            printf("FAIL  %s x %s  stands in the table %s\n", grid_state_name(state), e->name,
                   (twice & state) != 0 ? "twice" : "nowhere");
        }
    }
    return seen == ALL && twice == 0;
}

bool grid_complete(void)
{
    bool complete = true;
    unsigned seen = 0;
    unsigned twice = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].event != NULL) {
            seen = 0;
            twice = 0;
        }
        twice |= seen & rows[i].states;
        seen |= rows[i].states;
        if (i + 1 == COUNT_OF(rows) || rows[i + 1].event != NULL) {
            complete = covers_all(grid_event_of(i), seen, twice) && complete;
        }
    }
    return complete;
}
