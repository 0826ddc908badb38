/* The shell lines of scripts, as far as they mean something to a host of ours:
 *
 *   sysctl [-q] [-w] NAME=VALUE …     NAME with dots; a value with blanks stands in quotes
 *   …/set_sysctls.py /proc/sys/A/B=VALUE …
 *   …/defaults.sh                     that file, beside the script, else what it usually says; of it
 *                                     the sysctls of the table count
 *   sockstat … | grep STATE | grep N  counts connections
 *   true, :, echo, ethtool, …         nothing
 *
 * and the sysctls of the table in sysctl.c. Anything else makes the script skipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/shell_states.h"
#include "tests/conformance/shell_words.h"
#include "tests/conformance/sysctl.h"

#define DEFAULTS_BYTES_MAX 65536U /* of a defaults.sh */
#define PATH_TEXT 1024U

/* The suites of packetdrill's authors and of the Linux kernel begin each script with their defaults.sh. This
 * is what it sets, for scripts that stand without it. */
static const char usual_defaults[] = "sysctl net.ipv4.tcp_rmem='4096 540000 15728640'\n"
                                     "sysctl net.ipv4.tcp_wmem='4096 262144 4194304'\n"
                                     "sysctl net.ipv4.tcp_congestion_control=cubic\n"
                                     "sysctl net.ipv4.tcp_slow_start_after_idle=0\n"
                                     "sysctl net.ipv4.tcp_early_retrans=4\n";

enum setting_result shell_cannot(const struct shell_target *t, const char *what, const char *which)
{
    (void)snprintf(t->why, SETTING_WHY, "%.40s '%.200s'", what, which);
    return SETTING_UNSUPPORTED;
}

static bool ends_with(const char *word, const char *end)
{
    size_t n = strlen(word);
    size_t m = strlen(end);
    return n >= m && strcmp(word + n - m, end) == 0;
}

static enum setting_result arguments(const struct shell_target *t, const char **at,
                                     enum setting_result (*set)(const struct shell_target *t,
                                                                const char *setting))
{
    char word[WORD_MAX];
    while (shell_word(at, word)) {
        enum setting_result r = word[0] == '-' ? SETTING_OK : set(t, word);
        if (r != SETTING_OK) {
            return r;
        }
    }
    return SETTING_OK;
}

static enum setting_result ignore(const struct shell_target *t, const char *setting)
{
    (void)t;
    (void)setting;
    return SETTING_OK;
}

/* A queueing discipline that sends at once: this host has no other. */
static bool plain_queue(const char *arguments)
{
    char word[WORD_MAX];
    bool plain = false;
    while (shell_word(&arguments, word)) {
        plain = plain || strcmp(word, "pfifo") == 0 || strcmp(word, "pfifo_fast") == 0 ||
                strcmp(word, "noqueue") == 0;
        if (strcmp(word, "limit") == 0) {
            return false;
        }
    }
    return plain;
}

static bool means_nothing(const char *word, const char *arguments)
{
    static const char *const names[] = {"true", ":", "echo", "ethtool", "sleep", "sync", "dmesg"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i], word) == 0) {
            return true;
        }
    }
    if (strcmp(word, "ip") == 0) {
        return strncmp(arguments, " tcp_metrics", 12) == 0; /* a new host remembers nothing */
    }
    if (strcmp(word, "tc") == 0) {
        return plain_queue(arguments);
    }
    /* the script ends, and its host with it */
    return strncmp(word, "/tmp/sysctl_restore_", 20) == 0;
}

static enum setting_result run_text(const struct shell_target *t, const char *text);

/* The file itself if it is there, else what the suites' own says. */
static enum setting_result run_defaults(const struct shell_target *t, const char *name)
{
    struct shell_target inner = *t;
    char path[PATH_TEXT];
    inner.defaults = true;
    int n = snprintf(path, sizeof path, "%s/%s", name[0] == '/' ? "" : t->dir, name);
    FILE *f = n > 0 && (size_t)n < sizeof path ? fopen(path, "rb") : NULL;
    char *text = f != NULL ? malloc(DEFAULTS_BYTES_MAX) : NULL;
    if (text == NULL) {
        if (f != NULL) {
            (void)fclose(f);
        }
        return run_text(&inner, usual_defaults);
    }
    text[fread(text, 1, DEFAULTS_BYTES_MAX - 1, f)] = '\0';
    (void)fclose(f);
    enum setting_result r = run_text(&inner, text);
    free(text);
    return r;
}

static enum setting_result one_command(const struct shell_target *t, const char **at)
{
    char word[WORD_MAX];
    if (!shell_word(at, word)) {
        return **at == '\0' ? SETTING_OK : shell_cannot(t, "command", *at);
    }
    if (ends_with(word, "sysctl")) {
        return arguments(t, at, sysctl_set);
    }
    if (ends_with(word, "sockstat")) {
        return shell_count_states(at, t->world, t->why);
    }
    if (ends_with(word, "set_sysctls.py")) {
        return arguments(t, at, sysctl_set_path);
    }
    if (ends_with(word, "defaults.sh") && !t->defaults) {
        enum setting_result r = run_defaults(t, word);
        return r == SETTING_OK ? arguments(t, at, ignore) : r;
    }
    if (t->defaults || means_nothing(word, *at)) {
        return arguments(t, at, ignore);
    }
    return shell_cannot(t, "command", word);
}

static enum setting_result run_text(const struct shell_target *t, const char *text)
{
    const char *at = text;
    shell_between(&at);
    while (*at != '\0') {
        enum setting_result r = one_command(t, &at);
        if (r != SETTING_OK) {
            return r;
        }
        if (*at == '|' && !t->defaults) {
            return shell_cannot(t, "commands", text);
        }
        at += *at == '|' ? strcspn(at, "\n") : 0;
        shell_between(&at);
    }
    return SETTING_OK;
}

enum setting_result shell_run(const char *text, const char *dir, struct world *w, struct sockets *s,
                              char why[SETTING_WHY])
{
    struct shell_target t = {.world = w, .sockets = s, .dir = dir, .why = why};
    return run_text(&t, text);
}
