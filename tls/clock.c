/* The two clocks of TLS: the time of day, by which certificates are valid and ticket keys change, and a
 * clock that only goes forward, by which tickets age. mbedTLS asks here (MBEDTLS_PLATFORM_TIME_ALT,
 * MBEDTLS_PLATFORM_MS_TIME_ALT). */
#include <mbedtls/platform_time.h>
#include <time.h>

#include "tls/internal.h"

int64_t tls_machine_seconds(void)
{
    return (int64_t)time(NULL);
}

int64_t tls_machine_milliseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME,
                  &t); /* it goes on while the machine sleeps, as a ticket's age does */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static mbedtls_time_t seconds(mbedtls_time_t *out)
{
    mbedtls_time_t now = (mbedtls_time_t)tls_system_now->seconds();
    if (out != NULL) {
        *out = now;
    }
    return now;
}

mbedtls_ms_time_t mbedtls_ms_time(void)
{
    return tls_system_now->milliseconds();
}

void tls_clock_start(void)
{
    mbedtls_platform_set_time(seconds);
}
