/* Where the events go: the ladder or the account of causes to the terminal, and every event to a file as lines of
 * JSON. */
#ifndef VITRINE_APPS_TERMINAL_H
#define VITRINE_APPS_TERMINAL_H

#include <stdio.h>

#include "apps/ladder.h"
#include "apps/narrate.h"

/* Lines for a descriptor. A terminal that does not keep up loses some; the stack never waits for it. */
struct lines_out {
    int fd;
    uint64_t lost; /* lines, not yet told of */
};

/* The ladder on a descriptor. */
struct terminal {
    struct ladder ladder;
    struct lines_out out;
    bool open;
};

void terminal_open(struct terminal *t, int fd, struct recorder *r);
void terminal_close(struct terminal *t); /* after the recorder's end, or when it was never opened */

/* The account of causes on a descriptor, a line each. */
struct narration {
    struct narrator narrator;
    struct lines_out out;
    nsec began;
    bool open;
};

/* false: no memory. */
bool narration_open(struct narration *n, int fd, struct recorder *r);
void narration_close(struct narration *n); /* like terminal_close */

struct event_file {
    struct listener listener;
    FILE *file; /* NULL: none, or it failed */
};

/* `name` NULL: nothing is opened. false: it cannot be had, said on stderr. */
bool event_file_open(struct event_file *f, const char *name, struct recorder *r);
/* One more line, newline included. */
void event_file_line(struct event_file *f, const char *line, size_t len);
void event_file_flush(struct event_file *f);
void event_file_close(struct event_file *f);

#endif
