/* Directories of tests, and the openssl command where there is one. */
#include "tests/unit/tls/tls_files.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

void files_remove(const char *dir)
{
    if (nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0) {
        fprintf(stderr, "%s could not be removed\n", dir);
    }
}

#define NOT_THERE 127 /* exit status when there is no openssl */

static void run_openssl(const char *dir, const char *arguments, int out)
{
    char words[512], *argv[24] = {"openssl"}, *rest = words;
    snprintf(words, sizeof(words), "%s", arguments);
    for (int i = 1; i < 23 && (argv[i] = strsep(&rest, " ")) != NULL; i++) {
    }
    if (chdir(dir) == 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0) {
        execvp("openssl", argv);
    }
    _exit(NOT_THERE);
}

bool openssl_says(const char *dir, const char *arguments, const char *expected)
{
    char said[8192];
    size_t len = 0;
    int ends[2], status;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        run_openssl(dir, arguments, ends[1]);
    }
    close(ends[1]);
    for (ssize_t n; (n = read(ends[0], said + len, sizeof(said) - 1 - len)) > 0;) {
        len += (size_t)n;
    }
    close(ends[0]);
    said[len] = '\0';
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE) {
        return true;
    }
    return strstr(said, expected) != NULL;
}
