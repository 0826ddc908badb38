/* How a script's host is set up: `--name=value` lines, and the shell commands that have a meaning here.
 *
 * The tables in settings.c and sysctl.c, and the commands of shell.c, are the whole truth: what is not in them makes
 * the script skipped, with its name as the reason.
 */
#ifndef VITRINE_CONFORMANCE_SETTINGS_H
#define VITRINE_CONFORMANCE_SETTINGS_H

#include "tests/conformance/sockets.h"

#define SETTING_WHY 256U /* bytes of a reason */

struct settings {
    struct world_config world;
    uint32_t
        gso_size;   /* larger segments of the peer stand for several of this size; 0: none does */
    bool any_push;  /* PSH of the host's segments with data is not looked at */
    nsec tolerance; /* of every moment that a script expects */
    uint16_t bind_port; /* where `...` stands for the address of a bind */
    uint16_t connect_port;
    bool any_window; /* windows, their scale and the buffers behind them are not looked at */
    bool
        late_unasked; /* what no line asks for fails only where a later line asks for something else */
    bool prompt_acks; /* every segment is acknowledged at once */
    uint32_t
        stamp_tick; /* microseconds of a tick of the script's timestamps; 0: they are not checked */
};

enum setting_result {
    SETTING_OK,
    SETTING_UNSUPPORTED, /* known, and not possible here: `why` */
    SETTING_WRONG,       /* unknown, or its value is: `why` */
};

void settings_init(struct settings *s);
enum setting_result settings_set(struct settings *s, const char *name, const char *value,
                                 char why[SETTING_WHY]);

/* shell.c: a command of a script in the folder `dir`, against a host that runs. `w` NULL: only whether it
 * could be. */
enum setting_result shell_run(const char *text, const char *dir, struct world *w, struct sockets *s,
                              char why[SETTING_WHY]);

#endif
