// SPDX-License-Identifier: MIT
/* HTTP dates (RFC 9110 5.6.7) against the C library's calendar. */
#include "codec/date.h"

#include <time.h>

#include "support.h"

#define NOW 1763600000 /* 20 November 2025 */

static void
test_parse(void **state)
{
    static const struct {
        const char *text;
        int64_t unix_s;
    } table[] = {
        /* the three examples of RFC 9110 5.6.7 */
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
        {"Tue, 29 Feb 2000 12:00:00 GMT", 951825600},
        {"Thu, 29 Feb 2024 00:00:00 GMT", 1709164800},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800}, /* a leap second */
        {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
        {"Wed Nov 16 08:49:37 1994", 784975777},
        {"Mon, 06 Nov 1994 08:49:37 GMT", 784111777}, /* a wrong weekday says nothing */
        /* two digits: within 50 years of now */
        {"Friday, 01-Jan-75 00:00:00 GMT", 3313526400},
        {"Thursday, 01-Jan-76 00:00:00 GMT", 189302400},
        {"Friday, 01-Jan-99 00:00:00 GMT", 915148800},
        {"Saturday, 01-Jan-00 00:00:00 GMT", 946684800},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        struct jst_slice text = jst_slice_z(table[i].text);
        char *bytes = exact_copy(text);
        int64_t unix_s = -7;

        if (!jst_date_parse(&unix_s, jst_slice(bytes, text.n), NOW) || unix_s != table[i].unix_s) {
            fail_msg("%s: %lld", table[i].text, (long long)unix_s);
        }
        free(bytes);
        for (size_t cut = 0; cut < text.n; cut++) {
            bytes = exact_copy(jst_slice(text.p, cut));
            assert_false(jst_date_parse(&unix_s, jst_slice(bytes, cut), NOW));
            free(bytes);
        }
    }
}

static void
test_refused(void **state)
{
    static const char *const table[] = {
        "",
        "0",
        "now",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Sun, 30 Feb 2024 08:49:37 GMT",
        "Sun, 32 Jan 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:00:61 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08-49-37 GMT",
        "Day, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06 Nov 94 08:49:37 GMT",
        "Sund, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov 06 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        int64_t unix_s;

        if (jst_date_parse(&unix_s, jst_slice_z(table[i]), NOW)) {
            fail_msg("%s", table[i]);
        }
    }
}

static void
print_by_libc(char out[JST_DATE_BYTES + 1], int64_t unix_s)
{
    time_t t = (time_t)unix_s;
    struct tm tm;

    assert_non_null(gmtime_r(&t, &tm));
    assert_int_equal(strftime(out, JST_DATE_BYTES + 1, "%a, %d %b %Y %H:%M:%S GMT", &tm),
                     JST_DATE_BYTES);
}

/* Some day of each fortnight from 1970 to 9999, and every day around the leap days. */
static void
test_print(void **state)
{
    (void)state;
    for (int64_t s = 0; s <= 253402300799; s += 14 * 86400 + 12345) {
        char want[JST_DATE_BYTES + 1];
        char got[JST_DATE_BYTES];
        int64_t back;

        print_by_libc(want, s);
        jst_date_print(got, s);
        assert_memory_equal(got, want, JST_DATE_BYTES);
        assert_true(jst_date_parse(&back, jst_slice(got, JST_DATE_BYTES), NOW) && back == s);
    }
    for (int64_t s = 0; s < 6000 * INT64_C(86400); s += 86399) {
        char want[JST_DATE_BYTES + 1];
        char got[JST_DATE_BYTES];

        print_by_libc(want, 900000000 + s);
        jst_date_print(got, 900000000 + s);
        assert_memory_equal(got, want, JST_DATE_BYTES);
    }
}

static void
test_print_clamps(void **state)
{
    char got[JST_DATE_BYTES];

    (void)state;
    jst_date_print(got, -5);
    check_slice("before", jst_slice(got, JST_DATE_BYTES), "Thu, 01 Jan 1970 00:00:00 GMT");
    jst_date_print(got, INT64_MAX);
    check_slice("after", jst_slice(got, JST_DATE_BYTES), "Fri, 31 Dec 9999 23:59:59 GMT");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_print_clamps),
    };

    return cmocka_run_group_tests_name("codec/date", tests, NULL, NULL);
}
