/* Which build of the program this is: a recording names the one that made it. */
#ifndef VITRINE_APPS_TAPE_BUILD_H
#define VITRINE_APPS_TAPE_BUILD_H

#include "apps/tape/format.h"

/* "vitrine 0.1.0, build 4f1c…": the version, and the build ID that the linker has given to the program (a
 * hash of its contents, ELF's NT_GNU_BUILD_ID); "unknown" where there is none. */
void tape_build(char out[TAPE_BUILD_MAX + 1]);

#endif
