/* Dates in HTTP (RFC 9110 5.6.7); see date.h. The calendar is computed here, without the locale
 * and time zone of the process. */
#include "apps/http/date.h"

#include <stdio.h>
#include <string.h>

#include "apps/http/field.h"

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* Days from 1970-01-01 to a date of the Gregorian calendar; the year begins in March here, so that
 * the leap day is its last. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2 ? 1 : 0;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t n, int *year, unsigned *month, unsigned *day)
{
    n += 719468;
    int64_t era = (n >= 0 ? n : n - 146096) / 146097;
    int64_t doe = n - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2 ? 1 : 0));
}

const char *http_date(int64_t seconds, char out[HTTP_DATE_MAX])
{
    int64_t day_number = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400;
    unsigned second = (unsigned)(seconds - day_number * 86400);
    int year;
    unsigned month, day;
    date_from_days(day_number, &year, &month, &day);
    unsigned weekday = (unsigned)(((day_number + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    snprintf(out, HTTP_DATE_MAX, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[weekday], day % 100,
             months[(month - 1) % 12], (unsigned)year % 10000, second / 3600, second / 60 % 60,
             second % 60);
    return out;
}

/* `n` digits. */
static int64_t number(struct rd *r, size_t n)
{
    uint64_t v = 0;
    if (!http_field_number(rd_take(r, n), &v)) {
        r->failed = true;
    }
    return (int64_t)v;
}

static void expect(struct rd *r, const char *word)
{
    struct slice s = rd_take(r, strlen(word));
    if (!r->failed && memcmp(s.data, word, s.len) != 0) {
        r->failed = true;
    }
}

static int64_t month_number(struct rd *r)
{
    struct slice s = rd_take(r, 3);
    for (size_t i = 0; i < COUNT_OF(months) && !r->failed; i++) {
        if (memcmp(s.data, months[i], 3) == 0) {
            return (int64_t)i + 1;
        }
    }
    r->failed = true;
    return 1;
}

bool http_date_parse(struct slice s, int64_t *seconds)
{
    struct rd r = rd_slice(s);
    rd_skip(&r, 3); /* the name of the day follows from the rest */
    expect(&r, ", ");
    int64_t day = number(&r, 2);
    expect(&r, " ");
    int64_t month = month_number(&r);
    expect(&r, " ");
    int64_t year = number(&r, 4);
    expect(&r, " ");
    int64_t hour = number(&r, 2);
    expect(&r, ":");
    int64_t minute = number(&r, 2);
    expect(&r, ":");
    int64_t second = number(&r, 2);
    expect(&r, " GMT");
    if (r.failed || rd_left(&r) != 0 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 60) {
        return false;
    }
    *seconds = days_from_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}
