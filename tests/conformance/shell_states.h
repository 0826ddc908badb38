/* `sockstat … | grep -c TIME_WAIT | grep 1`: with this FreeBSD's scripts count the connections in a state. */
#ifndef VITRINE_CONFORMANCE_SHELL_STATES_H
#define VITRINE_CONFORMANCE_SHELL_STATES_H

#include "tests/conformance/settings.h"

/* The command line at `*at`, up to its end, against a host (`w` NULL: only whether it is understood). WRONG: the
 * number is another. */
enum setting_result shell_count_states(const char **at, const struct world *w,
                                       char why[SETTING_WHY]);

#endif
