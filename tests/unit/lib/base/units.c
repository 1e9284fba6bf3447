// SPDX-License-Identifier: MIT
/* Durations and sizes: read what people write, print it back the short way. */
#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct pair {
    const char *text;
    uint64_t value;
    const char *printed; /* NULL: as `text` */
};

typedef int parse_f(uint64_t *, struct jst_slice);
typedef size_t print_f(char *, size_t, uint64_t);

static void
check_pairs(const struct pair *pairs, size_t n, parse_f *parse, print_f *print)
{
    for (size_t i = 0; i < n; i++) {
        const char *want = pairs[i].printed != NULL ? pairs[i].printed : pairs[i].text;
        uint64_t value = 7;
        char out[32];

        if (parse(&value, jst_slice_z(pairs[i].text)) != JOIST_OK || value != pairs[i].value) {
            fail_msg("%s is read as %llu", pairs[i].text, (unsigned long long)value);
        }
        assert_int_equal(print(out, sizeof(out), value), strlen(want));
        assert_string_equal(out, want);
    }
}

static void
check_refused(const char *const *texts, size_t n, parse_f *parse)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value = 7;

        if (parse(&value, jst_slice_z(texts[i])) != JOIST_E_INVAL || value != 7) {
            fail_msg("\"%s\" is accepted", texts[i]);
        }
    }
}

static void
test_durations(void **state)
{
    static const struct pair pairs[] = {
        {"0", 0, NULL},
        {"0s", 0, "0"},
        {"1ms", 1, NULL},
        {"250ms", 250, NULL},
        {"1000ms", 1000, "1s"},
        {"1500ms", 1500, NULL},
        {"30s", 30000, NULL},
        {"60s", 60000, "1m"},
        {"90s", 90000, NULL},
        {"5m", 300000, NULL},
        {"1h", 3600000, NULL},
        {"007d", 604800000, "7d"},
        {"3650d", UINT64_C(315360000000), NULL},
    };
    static const char *const refused[] = {
        "",
        "s",
        "5",
        "-1s",
        "+1s",
        "1.5s",
        " 1s",
        "1s ",
        "1 s",
        "1S",
        "1Ms",
        "1min",
        "1h5m",
        "1us",
        "0x1s",
        "3651d",
        "99999999999999999999s",
        "18446744073709551615h",
    };

    (void)state;
    check_pairs(pairs, JST_COUNT(pairs), jst_duration_parse, jst_duration_print);
    check_refused(refused, JST_COUNT(refused), jst_duration_parse);
}

static void
test_sizes(void **state)
{
    static const struct pair pairs[] = {
        {"0", 0, NULL},
        {"0MiB", 0, "0"},
        {"512", 512, NULL},
        {"512B", 512, "512"},
        {"1000", 1000, "1kB"},
        {"1KB", 1000, "1kB"},
        {"1024", 1024, "1KiB"},
        {"16KiB", 16384, NULL},
        {"64KiB", 65536, NULL},
        {"1MiB", 1048576, NULL},
        {"10MB", 10000000, NULL},
        {"2GiB", UINT64_C(2147483648), NULL},
        {"1GB", 1000000000, NULL},
        {"1TiB", UINT64_C(1) << 40, NULL},
        {"3TB", UINT64_C(3000000000000), NULL},
        {"4194304TiB", UINT64_C(1) << 62, NULL},
    };
    static const char *const refused[] = {
        "",   "KiB",  "-1",   "+1",   "1.5MB", " 1",  "1 ",  "1 MB",       "1k",
        "1M", "1kib", "1KIB", "1Kib", "1PiB",  "0x1", "1e3", "4194305TiB", "18446744073709551616",
    };

    (void)state;
    check_pairs(pairs, JST_COUNT(pairs), jst_size_parse, jst_size_print);
    check_refused(refused, JST_COUNT(refused), jst_size_parse);
}

/* Whatever is printed is read back as the same number, and fits 32 bytes. */
static void
test_print_is_exact(void **state)
{
    (void)state;
    for (uint64_t v = 1; v < UINT64_C(1) << 38; v = v * 3 + 1) {
        char out[32];
        uint64_t back;
        size_t n = jst_duration_print(out, sizeof(out), v);

        assert_true(jst_duration_parse(&back, jst_slice(out, n)) == JOIST_OK && back == v);
        n = jst_size_print(out, sizeof(out), v << 20);
        assert_true(jst_size_parse(&back, jst_slice(out, n)) == JOIST_OK && back == v << 20);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_print_is_exact),
    };

    return cmocka_run_group_tests_name("base/units", tests, NULL, NULL);
}
