/* Quantities in options; see units.h. */
#include "apps/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

/* A number that is not below zero, and then exactly one of the units. */
static bool take(const char *text, const struct unit *units, size_t count, double *out)
{
    char *end;
    if ((text[0] < '0' || text[0] > '9') && text[0] != '.') {
        return false; /* strtod would take a sign, "inf" and "nan" */
    }
    double number = strtod(text, &end);
    for (size_t i = 0; i < count; i++) {
        if (end != text && strcmp(end, units[i].name) == 0) {
            *out = number * units[i].factor;
            return isfinite(*out);
        }
    }
    return false;
}

static bool wrong(const char *option, const char *text, const char *wanted)
{
    fprintf(stderr, "vitrine: --%s takes %s, not '%s'\n", option, wanted, text);
    return false;
}

bool unit_rate(const char *option, const char *text, uint64_t *bits_per_second)
{
    static const struct unit units[] = {
        {"", 1},         {"k", 1e3},      {"m", 1e6},      {"g", 1e9},      {"K", 1e3},
        {"M", 1e6},      {"G", 1e9},      {"bit", 1},      {"kbit", 1e3},   {"mbit", 1e6},
        {"gbit", 1e9},   {"Mbit", 1e6},   {"Gbit", 1e9},   {"bit/s", 1},    {"kbit/s", 1e3},
        {"mbit/s", 1e6}, {"gbit/s", 1e9}, {"Mbit/s", 1e6}, {"Gbit/s", 1e9}, {"bps", 1},
        {"kbps", 1e3},   {"Mbps", 1e6},   {"Gbps", 1e9},   {"mbps", 1e6},   {"gbps", 1e9}};
    double value;
    if (!take(text, units, COUNT_OF(units), &value) || value < 1 || value > 1e12) {
        return wrong(option, text, "bits a second, as 10m or 1.5g");
    }
    *bits_per_second = (uint64_t)(value + 0.5);
    return true;
}

bool unit_time(const char *option, const char *text, nsec *out)
{
    static const struct unit units[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};
    double value = 0;
    if (strcmp(text, "0") != 0 && (!take(text, units, COUNT_OF(units), &value) || value > 3600e9)) {
        return wrong(option, text, "a time with its unit, as 20ms, 300us or 1.5s");
    }
    *out = (nsec)(value + 0.5);
    return true;
}

bool unit_share(const char *option, const char *text, uint32_t *of_a_million)
{
    static const struct unit percent[] = {{"%", 1e4}};
    double value = 0;
    if (strcmp(text, "0") != 0 &&
        (!take(text, percent, COUNT_OF(percent), &value) || value > 1e6)) {
        return wrong(option, text, "a share from 0% to 100%");
    }
    *of_a_million = (uint32_t)(value + 0.5);
    return true;
}

static const struct unit bytes_units[] = {
    {"", 1},     {"k", 1e3},    {"m", 1e6},      {"g", 1e9}, {"K", 1e3},
    {"M", 1e6},  {"Ki", 1024},  {"Mi", 1048576}, {"B", 1},   {"kB", 1e3},
    {"MB", 1e6}, {"KiB", 1024}, {"MiB", 1048576}};

bool unit_queue(const char *option, const char *text, uint32_t *bytes, double *products)
{
    static const struct unit bdp[] = {{"bdp", 1}};
    double value;
    if (take(text, bdp, COUNT_OF(bdp), products) && *products > 0 && *products <= 1000) {
        *bytes = 0;
        return true;
    }
    *products = 0;
    if (!take(text, bytes_units, COUNT_OF(bytes_units), &value) || value > UINT32_MAX) {
        return wrong(option, text, "bytes, as 100k, or bandwidth-delay products, as 1bdp");
    }
    *bytes = (uint32_t)(value + 0.5);
    return true;
}
