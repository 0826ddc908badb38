/* Directories that tests make below /tmp. */
#ifndef VITRINE_TESTS_TREE_H
#define VITRINE_TESTS_TREE_H

#include <stddef.h>

/* A new directory; its name in `out`. */
void tree_make(char *out, size_t size);
void tree_remove(const char *dir); /* with all that is in it */
/* Writes DIR/NAME. */
void tree_put(const char *dir, const char *name, const void *content, size_t len);

#endif
