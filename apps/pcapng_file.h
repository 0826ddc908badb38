/* A pcapng on disk or in a pipe that is written while the service runs: never waited for, bounded, and when it
 * cannot go on, it says so once and ends.
 *
 * With a size the file is one of a row: NAME-00001.EXT, NAME-00002.EXT…, each whole in itself and no larger (unless
 * one frame is). With a number of files the oldest make room. In a pipe that is read too slowly frames are
 * left out, and the next one tells how many (epb_dropcount).
 */
#ifndef VITRINE_APPS_PCAPNG_FILE_H
#define VITRINE_APPS_PCAPNG_FILE_H

#include "stack/link/pcapng.h"

#define PCAPNG_FILE_BUFFER (8U * 1024U * 1024U) /* bytes that may wait for a pipe's reader */
#define PCAPNG_FILE_SIZE_MIN 4096U
#define PCAPNG_FILES_MAX 99999U

struct pcapng_file_options {
    const char *name; /* NULL: none is written */
    uint64_t
        size; /* bytes of one file, from PCAPNG_FILE_SIZE_MIN on; 0: one file without a limit */
    uint32_t files; /* how many are kept; 0: all */
};

struct pcapng_file {
    struct pcapng blocks;
    struct pcapng_file_options options;
    const char *interface;
    int fd; /* -1: closed, or it failed */
    bool regular;
    uint32_t number;   /* of the current file, from 1; 0: there is but one */
    uint64_t in_file;  /* bytes that it has */
    uint32_t frames;   /* in it, those that wait included */
    uint64_t missing;  /* frames left out since the latest one that was taken */
    uint64_t left_out; /* … in all */
    uint8_t *buffer;   /* of PCAPNG_FILE_BUFFER: whole blocks, and the rest of one that was begun */
    size_t waiting;    /* bytes */
};

/* `interface` must live as long as the file. false: said on stderr, nothing is left open. */
bool pcapng_file_open(struct pcapng_file *f, const struct pcapng_file_options *o,
                      const char *interface);
bool pcapng_file_works(const struct pcapng_file *f);
void pcapng_file_frame(struct pcapng_file *f, const struct pcapng_frame *frame);
void pcapng_file_missed(struct pcapng_file *f); /* a frame that could not be had */
/* false: there is no room for them now. */
bool pcapng_file_secrets(struct pcapng_file *f, const char *lines, size_t len);
void pcapng_file_flush(struct pcapng_file *f); /* what can be written without waiting */
void pcapng_file_close(struct pcapng_file *f); /* waits for a pipe's reader for a second at most */

#endif
