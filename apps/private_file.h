/* A file that is its owner's only, replaced as a whole. */
#ifndef VITRINE_APPS_PRIVATE_FILE_H
#define VITRINE_APPS_PRIVATE_FILE_H

#include "stack/base/types.h"

/* Nobody ever sees a part of it. False: errno says why. */
bool private_file_replace(const char *file, const void *data, size_t len);

#endif
