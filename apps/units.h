/* Quantities in options, each with its unit. A function says on stderr what is wrong, and returns false
 * then. */
#ifndef VITRINE_APPS_UNITS_H
#define VITRINE_APPS_UNITS_H

#include "stack/base/types.h"

/* 10m, 1.5g, 64k: bits a second, by thousands; "bit", "bit/s" and "bps" may follow. Above 0. */
bool unit_rate(const char *option, const char *text, uint64_t *bits_per_second);
/* 20ms, 1.5s, 300us, 10ns; 0 needs no unit. Up to an hour. */
bool unit_time(const char *option, const char *text, nsec *out);
/* 1%, 0.05%, 0, 100%: of a million. */
bool unit_share(const char *option, const char *text, uint32_t *of_a_million);
/* 1500, 100k, 2m (by thousands), 64Ki, 1Mi (by 1024), with "B" behind them or not: bytes. Or 1bdp, 0.5bdp: then *bytes
 * is 0, and *products how many bandwidth-delay products. */
bool unit_queue(const char *option, const char *text, uint32_t *bytes, double *products);

#endif
