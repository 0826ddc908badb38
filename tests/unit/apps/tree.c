/* Directories that tests make; see tree.h. */
#include "tests/unit/apps/tree.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

void tree_make(char *out, size_t size)
{
    snprintf(out, size, "/tmp/vitrine-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(out));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

void tree_remove(const char *dir)
{
    ck_assert_int_eq(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void tree_put(const char *dir, const char *name, const void *content, size_t len)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(content, 1, len, f), len);
    ck_assert_int_eq(fclose(f), 0);
}
