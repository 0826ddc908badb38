/* `--tcp NAME=VALUE,…`: how TCP behaves on a host, by name. Each setting is a field of struct tcp_config, or
 * of struct tcp_options where it is one of each connection. */
#ifndef VITRINE_APPS_TCP_SETTINGS_H
#define VITRINE_APPS_TCP_SETTINGS_H

#include <stdio.h>

#include "stack/tcp/tcp.h"

/* Takes a list such as "cc=newreno,rack=off,send_buffer=4m". false: said on stderr what is wrong; what stands
 * before it has been taken. */
bool tcp_settings_take(const char *list, struct tcp_config *host, struct tcp_options *each);
/* Every setting, a line each: its name, what it takes, what it does. */
void tcp_settings_list(FILE *out);

#endif
