/* A recording being written. The file is mapped, a window at a time, so that a record costs a copy and no
 * system call, and what has been recorded outlives the process however it ends. The disk's room for a
 * window is taken before the window is used, so a full disk is an error here and not a signal. */
#ifndef VITRINE_APPS_TAPE_WRITER_H
#define VITRINE_APPS_TAPE_WRITER_H

#include "apps/tape/format.h"

struct tape_writer {
    int fd;             /* -1: not open */
    uint8_t *window;    /* mapped */
    uint64_t window_at; /* bytes from the file's start */
    uint64_t at;        /* where the next record goes */
    uint64_t limit;     /* bytes that the file may have */
    struct tape_chain chain;
};

/* How a recording ended; in its last record. */
enum tape_end {
    TAPE_END_DONE,   /* with the command */
    TAPE_END_LIMIT,  /* the file had the size it may have */
    TAPE_END_FAILED, /* it could not be written any more */
};

/* Replaces `file`; only its owner may read it. 0, or a negative errno. */
int tape_writer_open(struct tape_writer *w, const char *file, uint64_t limit,
                     const struct tape_header *header);
/* 0; -EFBIG at the limit; or another negative errno. After an error only close may follow. */
int tape_writer_put(struct tape_writer *w, enum tape_type type, const struct slice *parts,
                    size_t count);
void tape_writer_close(struct tape_writer *w, enum tape_end how);

#endif
