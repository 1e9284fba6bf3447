// SPDX-License-Identifier: MIT
#include "codec/date.h"

static const char days[7][10] = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
};
static const char months[12][4] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};

#define SECONDS_A_DAY 86400
#define LAST_SECOND   253402300799 /* Fri, 31 Dec 9999 23:59:59 GMT: four digits hold no more */

/* A date of the Gregorian calendar and a time of day. */
struct civil {
    int64_t year;
    unsigned month; /* 1 to 12 */
    unsigned day;   /* 1 to 31 */
    unsigned hour;
    unsigned minute;
    unsigned second; /* 60: a leap second */
};

/* ---- the calendar ---- */

/* Counted from 1 March, so that the leap day is the last of its year; an era is the 400 years
 * after which the calendar repeats: 146097 days. 719468 days lie between 0000-03-01 and 1970. */
static int64_t
days_of_civil(int64_t year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t month_of_year = (month + 9) % 12;
    int64_t day_of_year = (153 * month_of_year + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static void
civil_of_days(struct civil *out, int64_t days_since_1970)
{
    int64_t z = days_since_1970 + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_of_year = (5 * day_of_year + 2) / 153;

    out->day = (unsigned)(day_of_year - (153 * month_of_year + 2) / 5 + 1);
    out->month = (unsigned)(month_of_year < 10 ? month_of_year + 3 : month_of_year - 9);
    out->year = year_of_era + era * 400 + (out->month <= 2);
}

static unsigned
days_of_month(int64_t year, unsigned month)
{
    static const uint8_t lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : lengths[month - 1];
}

/* ---- printing ---- */

static void
put_two(char *out, unsigned v)
{
    out[0] = (char)('0' + v / 10);
    out[1] = (char)('0' + v % 10);
}

void
jst_date_print(char out[JST_DATE_BYTES], int64_t unix_s)
{
    int64_t s = JST_MAX(0, JST_MIN(unix_s, LAST_SECOND));
    int64_t day = s / SECONDS_A_DAY;
    unsigned time = (unsigned)(s % SECONDS_A_DAY);
    struct civil c;

    civil_of_days(&c, day);
    memcpy(out, "Sun, 00 Jan 0000 00:00:00 GMT", JST_DATE_BYTES);
    memcpy(out, days[(day + 4) % 7], 3); /* 1 January 1970 was a Thursday */
    put_two(out + 5, c.day);
    memcpy(out + 8, months[c.month - 1], 3);
    put_two(out + 12, (unsigned)(c.year / 100));
    put_two(out + 14, (unsigned)(c.year % 100));
    put_two(out + 17, time / 3600);
    put_two(out + 20, time / 60 % 60);
    put_two(out + 23, time % 60);
}

/* ---- reading ---- */

/* Sticky: the first thing that is not there makes it bad, and one look at the end tells. */
struct reader {
    struct jst_slice rest;
    bool bad;
};

static void
read_text(struct reader *r, struct jst_slice text)
{
    if (r->bad || !jst_slice_starts(r->rest, text)) {
        r->bad = true;
        return;
    }
    r->rest = jst_slice(r->rest.p + text.n, r->rest.n - text.n);
}

static unsigned
read_digits(struct reader *r, size_t n)
{
    uint64_t v;

    if (r->bad || r->rest.n < n || !jst_slice_u64(&v, jst_slice(r->rest.p, n))) {
        r->bad = true;
        return 0;
    }
    r->rest = jst_slice(r->rest.p + n, r->rest.n - n);
    return (unsigned)v;
}

static unsigned
read_month(struct reader *r)
{
    for (unsigned m = 0; !r->bad && m < JST_COUNT(months); m++) {
        if (jst_slice_starts(r->rest, jst_slice(months[m], 3))) {
            read_text(r, jst_slice(months[m], 3));
            return m + 1;
        }
    }
    r->bad = true;
    return 1;
}

static void
read_time(struct reader *r, struct civil *c)
{
    c->hour = read_digits(r, 2);
    read_text(r, JST_S(":"));
    c->minute = read_digits(r, 2);
    read_text(r, JST_S(":"));
    c->second = read_digits(r, 2);
}

/* "06 Nov 1994 08:49:37 GMT" behind "Sun, " */
static void
read_fixdate(struct reader *r, struct civil *c)
{
    c->day = read_digits(r, 2);
    read_text(r, JST_S(" "));
    c->month = read_month(r);
    read_text(r, JST_S(" "));
    c->year = read_digits(r, 4);
    read_text(r, JST_S(" "));
    read_time(r, c);
    read_text(r, JST_S(" GMT"));
}

/* "06-Nov-94 08:49:37 GMT" behind "Sunday, " */
static void
read_rfc850(struct reader *r, struct civil *c, int64_t now_s)
{
    struct civil now;

    c->day = read_digits(r, 2);
    read_text(r, JST_S("-"));
    c->month = read_month(r);
    read_text(r, JST_S("-"));
    c->year = read_digits(r, 2);
    read_text(r, JST_S(" "));
    read_time(r, c);
    read_text(r, JST_S(" GMT"));
    /* RFC 9110 5.6.7: more than 50 years in the future is the past instead. */
    civil_of_days(&now, now_s / SECONDS_A_DAY);
    c->year += now.year / 100 * 100;
    if (c->year > now.year + 50) {
        c->year -= 100;
    } else if (c->year <= now.year - 50) {
        c->year += 100;
    }
}

/* "Nov  6 08:49:37 1994" behind "Sun " */
static void
read_asctime(struct reader *r, struct civil *c)
{
    c->month = read_month(r);
    read_text(r, JST_S(" "));
    if (!r->bad && r->rest.n > 0 && r->rest.p[0] == ' ') {
        read_text(r, JST_S(" "));
        c->day = read_digits(r, 1);
    } else {
        c->day = read_digits(r, 2);
    }
    read_text(r, JST_S(" "));
    read_time(r, c);
    read_text(r, JST_S(" "));
    c->year = read_digits(r, 4);
}

bool
jst_date_parse(int64_t *unix_s, struct jst_slice text, int64_t now_s)
{
    struct reader r = {text, false};
    struct civil c = {0};
    size_t day = 0;
    struct jst_slice name;

    while (day < JST_COUNT(days) && !jst_slice_starts(text, jst_slice(days[day], 3))) {
        day++;
    }
    if (day == JST_COUNT(days)) {
        return false;
    }
    /* What follows the first three letters tells the form. That the weekday is the date's own is
     * not asked for: it says nothing that the date does not. */
    name = jst_slice_z(days[day]);
    if (text.n > 3 && text.p[3] == ',') {
        read_text(&r, jst_slice(name.p, 3));
        read_text(&r, JST_S(", "));
        read_fixdate(&r, &c);
    } else if (text.n > 3 && text.p[3] == ' ') {
        read_text(&r, jst_slice(name.p, 3));
        read_text(&r, JST_S(" "));
        read_asctime(&r, &c);
    } else {
        read_text(&r, name);
        read_text(&r, JST_S(", "));
        read_rfc850(&r, &c, now_s);
    }
    if (r.bad || r.rest.n != 0 || c.day == 0 || c.day > days_of_month(c.year, c.month) ||
        c.hour > 23 || c.minute > 59 || c.second > 60) {
        return false;
    }
    *unix_s = days_of_civil(c.year, c.month, c.day) * SECONDS_A_DAY +
              (int64_t)(c.hour * 3600 + c.minute * 60 + c.second);
    return true;
}
