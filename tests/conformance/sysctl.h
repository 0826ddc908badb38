/* The sysctls that a script's commands set. */
#ifndef VITRINE_CONFORMANCE_SYSCTL_H
#define VITRINE_CONFORMANCE_SYSCTL_H

#include "tests/conformance/settings.h"

/* What a command works on. */
struct shell_target {
    struct world *world; /* NULL: only whether it could be done */
    struct sockets *sockets;
    const char *dir; /* of the script */
    bool defaults;   /* inside of a defaults.sh: what means nothing here is left out */
    char *why;
};

/* "net.ipv4.tcp_sack=1"; a name that is not in the table, or a value that this host cannot have, is SETTING_UNSUPPORTED,
 * unless a defaults.sh sets it. */
enum setting_result sysctl_set(const struct shell_target *t, const char *setting);
/* The same, as "/proc/sys/net/ipv4/tcp_sack=1". */
enum setting_result sysctl_set_path(const struct shell_target *t, const char *setting);
/* shell.c: the reason is "WHAT 'WHICH'"; SETTING_UNSUPPORTED. */
enum setting_result shell_cannot(const struct shell_target *t, const char *what, const char *which);

#endif
