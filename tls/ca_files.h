/* The files of a CA's directory: whole or not there, keys for their owner only, one writer at a time.
 */
#ifndef VITRINE_TLS_CA_FILES_H
#define VITRINE_TLS_CA_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CA_PATH_MAX 4096U

/* "DIR/NAMEEND"; false and a sentence when it is too long. */
bool ca_path(char out[CA_PATH_MAX], const char *dir, const char *name, const char *end, char *error,
             size_t error_size);
bool ca_file_exists(const char *dir, const char *name, const char *end);
/* Writes `text` under another name and renames it, so that nobody ever sees a part of it. */
bool ca_file_write(const char *dir, const char *name, const char *end, const char *text,
                   mode_t mode, char *error, size_t error_size);
/* Waits for other processes that work in `dir`; with `make` the directory is made, parents included,
 * if it is missing. A descriptor for ca_unlock; -1: failed. */
int ca_lock(const char *dir, bool make, char *error, size_t error_size);
void ca_unlock(int lock);

#endif
