/* vitrine-pkt: runs scripts in the packetdrill language against the stack, under virtual time.
 *
 *   vitrine-pkt [-v] [--tsv] [-D NAME=value]… [--setting=value]… FILE|DIR…
 *
 * One line for each script: its path, pass, FAIL or skip, and the reason. Exit status 0 only if none
 * failed. A directory stands for all files below it whose names end in .pkt.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/conformance/run.h"

#define EVENTS_SHOWN 24U
#define PATH_TEXT 1024U
#define SETTINGS_MAX 32U
#define TREE_DEPTH 16U

struct totals {
    unsigned passed, failed, skipped;
};

struct program {
    struct run_options options;
    struct defines defines;
    struct script_setting settings[SETTINGS_MAX];
    unsigned setting_count;
    bool tsv, verbose;
    struct totals totals;
};

static const char usage_text[] =
    "usage: vitrine-pkt [-v] [--tsv] [-D NAME=value]... [--SETTING=value]... FILE|DIR...\n"
    "  -v               shows the host's last events with each failure\n"
    "  --tsv            path, result, line and reason, with tabs between them\n"
    "  -D NAME=value    the name stands for the value in the scripts (#ifdef NAME, too)\n"
    "  --local_ip=A --remote_ip=A --ip_version=ipv4 --mtu=N --tolerance_usecs=N ...\n"
    "                   as in scripts; these win over what a script says\n";

/* ---- one script ---- */

static void report(struct program *p, const char *path, const struct verdict *v)
{
    static const char *const words[] = {
        [VERDICT_PASS] = "pass", [VERDICT_FAIL] = "FAIL", [VERDICT_SKIP] = "skip"};
    unsigned *counters[] = {[VERDICT_PASS] = &p->totals.passed,
                            [VERDICT_FAIL] = &p->totals.failed,
                            [VERDICT_SKIP] = &p->totals.skipped};
    (*counters[v->kind])++;
    if (p->tsv) {
        (void)printf("%s\t%s\t%u\t%s\n", path, words[v->kind], v->line, v->text);
        return;
    }
    (void)printf("%s  %s", words[v->kind], path);
    if (v->line != 0) {
        (void)printf(":%u", v->line);
    }
    (void)printf("%s%s\n", v->text[0] != '\0' ? ": " : "", v->text);
    if (p->verbose && v->kind == VERDICT_FAIL) {
        (void)fputs(v->events, stdout);
    }
}

static char *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(SCRIPT_BYTES_MAX + 2);
    if (f == NULL || text == NULL) {
        free(text);
        if (f != NULL) {
            (void)fclose(f);
        }
        return NULL;
    }
    *len = fread(text, 1, SCRIPT_BYTES_MAX + 1, f);
    (void)fclose(f);
    return text;
}

static void run_file(struct program *p, const char *path)
{
    static struct verdict v;
    size_t len = 0;
    char *text = read_file(path, &len);
    if (text == NULL) {
        v = (struct verdict){.kind = VERDICT_FAIL};
        (void)snprintf(v.text, sizeof v.text, "cannot be opened");
    } else {
        const char *slash = strrchr(path, '/');
        char dir[PATH_TEXT];
        int n = slash != NULL ? (int)(slash - path) : 1;
        (void)snprintf(dir, sizeof dir, "%.*s", n, slash != NULL ? path : ".");
        run_script(text, len, dir, &p->options, &v);
    }
    report(p, path, &v);
    free(text);
}

/* ---- trees of scripts ---- */

static bool is_script(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".pkt") == 0;
}

static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void run_path(struct program *p, const char *path, unsigned depth, bool named);

static void run_tree(struct program *p, const char *dir, unsigned depth)
{
    struct dirent **names;
    int n = scandir(dir, &names, visible, alphasort);
    for (int i = 0; i < n; i++) {
        char path[PATH_TEXT];
        int len = snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        if (len > 0 && (size_t)len < sizeof path) {
            run_path(p, path, depth + 1, false);
        }
        free(names[i]);
    }
    if (n >= 0) {
        free(names);
    }
}

static void run_path(struct program *p, const char *path, unsigned depth, bool named)
{
    struct stat s;
    if (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) {
        if (depth < TREE_DEPTH) {
            run_tree(p, path, depth);
        }
    } else if (named || is_script(path)) {
        run_file(p, path);
    }
}

/* ---- the command line ---- */

/* `name=value`, cut in two in place; the value of a name alone is `otherwise`. */
static const char *cut(char *text, const char *otherwise)
{
    char *equals = strchr(text, '=');
    if (equals == NULL) {
        return otherwise;
    }
    *equals = '\0';
    return equals + 1;
}

static bool add_setting(struct program *p, char *text)
{
    if (p->setting_count == SETTINGS_MAX) {
        return false;
    }
    struct script_setting *s = &p->settings[p->setting_count++];
    s->value = cut(text, "");
    s->name = text;
    if (s > p->settings) {
        s[-1].next = s;
    }
    p->options.settings = p->settings;
    return true;
}

static bool add_define(struct program *p, char *text)
{
    if (text == NULL || *text == '\0') {
        return false;
    }
    const char *value = cut(text, "1");
    return define_add(&p->defines, text, value);
}

/* One option, at argv[*i]; false: it is none that can be. */
static bool take_option(struct program *p, char **argv, int *i)
{
    char *arg = argv[*i];
    if (strcmp(arg, "-v") == 0) {
        p->verbose = true;
        p->options.events = EVENTS_SHOWN;
        return true;
    }
    if (strcmp(arg, "--tsv") == 0) {
        p->tsv = true;
        return true;
    }
    if (strncmp(arg, "-D", 2) == 0) {
        return add_define(p, arg[2] != '\0' ? arg + 2 : argv[++*i]);
    }
    return strncmp(arg, "--", 2) == 0 && add_setting(p, arg + 2);
}

int main(int argc, char **argv)
{
    static struct program p;
    unsigned paths = 0;
    p.options.defines = &p.defines;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!take_option(&p, argv, &i)) {
                (void)fputs(usage_text, stderr);
                return 2;
            }
        } else {
            argv[1 + paths++] = argv[i]; /* options may stand behind paths */
        }
    }
    if (paths == 0) {
        (void)fputs(usage_text, stderr);
        return 2;
    }
    for (unsigned i = 0; i < paths; i++) {
        run_path(&p, argv[1 + i], 0, true);
    }
    if (!p.tsv) {
        (void)printf("%u passed, %u failed, %u skipped\n", p.totals.passed, p.totals.failed,
                     p.totals.skipped);
    }
    return p.totals.failed == 0 ? 0 : 1;
}
