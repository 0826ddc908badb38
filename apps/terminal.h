/* Where the events go: the ladder to the terminal, and every event to a file as lines of JSON. */
#ifndef VITRINE_APPS_TERMINAL_H
#define VITRINE_APPS_TERMINAL_H

#include <stdio.h>

#include "apps/ladder.h"

/* The ladder on a descriptor. A terminal that does not keep up loses lines; the stack never waits
 * for it. */
struct terminal {
    struct ladder ladder;
    int fd;
    bool open;
    uint64_t lost; /* lines, not yet told of */
};

void terminal_open(struct terminal *t, int fd, struct recorder *r);
void terminal_close(struct terminal *t); /* after the recorder's end, or when it was never opened */

struct event_file {
    struct listener listener;
    FILE *file; /* NULL: none, or it failed */
};

/* `name` NULL: nothing is opened. false: it cannot be had, said on stderr. */
bool event_file_open(struct event_file *f, const char *name, struct recorder *r);
void event_file_flush(struct event_file *f);
void event_file_close(struct event_file *f);

#endif
