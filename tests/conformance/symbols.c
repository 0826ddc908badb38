#include "tests/conformance/symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Newer than the headers of some systems (include/uapi/linux/tcp.h). */
#ifndef TCP_INQ
#define TCP_INQ 36
#endif
#ifndef TCP_CM_INQ
#define TCP_CM_INQ TCP_INQ
#endif
#ifndef TCP_TX_DELAY
#define TCP_TX_DELAY 37
#endif

struct symbol {
    const char *name;
    int64_t value;
};

static const struct symbol symbols[] = {
#define SYMBOL(name) {#name, (int64_t)name},
#include "tests/conformance/symbols.def"
#undef SYMBOL
};

bool symbol_value(const char *name, int64_t *out)
{
    for (size_t i = 0; i < COUNT_OF(symbols); i++) {
        if (strcmp(symbols[i].name, name) == 0) {
            *out = symbols[i].value;
            return true;
        }
    }
    return false;
}

const char *errno_name(int number)
{
    static char other[16];
    for (size_t i = 0; i < COUNT_OF(symbols); i++) {
        const struct symbol *s = &symbols[i];
        bool error = s->name[0] == 'E' && strncmp(s->name, "EPOLL", 5) != 0;
        if (error && s->value == number) {
            return s->name;
        }
    }
    (void)snprintf(other, sizeof other, "%d", number);
    return other;
}
