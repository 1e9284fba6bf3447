// SPDX-License-Identifier: MIT
/* Byte ranges (RFC 9110 14) and entity tags (8.8.3). */
#include "codec/range.h"

#include "support.h"

#define CAP 4

static const struct {
    const char *header;
    uint64_t size;
    int n; /* 0: ignored; -1: none can be satisfied */
    struct jst_range ranges[CAP];
} ranges[] = {
    {"bytes=0-499", 10000, 1, {{0, 500}}},
    {"bytes=500-999", 10000, 1, {{500, 500}}},
    {"bytes=9500-", 10000, 1, {{9500, 500}}},
    {"bytes=-500", 10000, 1, {{9500, 500}}},
    {"bytes=0-0,-1", 10000, 2, {{0, 1}, {9999, 1}}},
    {"BYTES = 0-0", 10, 1, {{0, 1}}},
    {"bytes= 0-0 ,\t5-5", 10, 2, {{0, 1}, {5, 1}}},
    {"bytes=,0-0,,", 10, 1, {{0, 1}}},
    {"bytes=0-99", 10, 1, {{0, 10}}},
    {"bytes=-99", 10, 1, {{0, 10}}},
    {"bytes=0-18446744073709551615", 10, 1, {{0, 10}}},
    {"bytes=0-99999999999999999999999", 10, 1, {{0, 10}}},
    {"bytes=-99999999999999999999999", 10, 1, {{0, 10}}},
    {"bytes=10-20,0-0", 10, 1, {{0, 1}}}, /* those beyond the end are left out */
    {"bytes=0-0", UINT64_MAX, 1, {{0, 1}}},
    {"bytes=0-", UINT64_MAX, 1, {{0, UINT64_MAX}}},
    /* joined */
    {"bytes=0-4,5-9", 100, 1, {{0, 10}}},
    {"bytes=5-9,0-4", 100, 1, {{0, 10}}},
    {"bytes=0-4,6-9", 100, 2, {{0, 5}, {6, 4}}},
    {"bytes=0-9,2-3", 100, 1, {{0, 10}}},
    {"bytes=2-3,0-9", 100, 1, {{0, 10}}},
    {"bytes=50-59,0-9,55-69", 100, 2, {{50, 20}, {0, 10}}},
    {"bytes=0-9,20-29,5-24", 100, 1, {{0, 30}}},
    {"bytes=20-29,0-9,50-59,5-24", 100, 2, {{0, 30}, {50, 10}}},
    {"bytes=50-59,20-29,0-9,10-19", 100, 2, {{50, 10}, {0, 30}}},
    /* 416 */
    {"bytes=10-", 10, -1, {{0}}},
    {"bytes=10-20,30-", 10, -1, {{0}}},
    {"bytes=-0", 10, -1, {{0}}},
    {"bytes=18446744073709551616-", 10, -1, {{0}}},
    /* ignored */
    {"", 10, 0, {{0}}},
    {"bytes", 10, 0, {{0}}},
    {"bytes=", 10, 0, {{0}}},
    {"bytes=,", 10, 0, {{0}}},
    {"bytes=-", 10, 0, {{0}}},
    {"bytes=a-b", 10, 0, {{0}}},
    {"bytes=1", 10, 0, {{0}}},
    {"bytes=5-2", 10, 0, {{0}}},
    {"bytes=0-0,5-2", 10, 0, {{0}}},
    {"bytes=+0-1", 10, 0, {{0}}},
    {"bytes=0 - 1", 10, 0, {{0}}},
    {"bytes=0--1", 10, 0, {{0}}},
    {"bytes=0-1-2", 10, 0, {{0}}},
    {"bytes=0x0-1", 10, 0, {{0}}},
    {"bytes:0-1", 10, 0, {{0}}},
    {"lines=0-1", 10, 0, {{0}}},
    {"bytes=0-0,2-2,4-4,6-6,8-8", 10, 0, {{0}}}, /* RFC 9110 14.2: more than one asked for */
    {"bytes=0-,0-,0-,0-,0-", 10, 0, {{0}}},      /* the same though they would be joined */
    {"bytes=0-", 0, 0, {{0}}},
    {"bytes=-1", 0, 0, {{0}}},
};

static void
test_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(ranges); i++) {
        struct jst_slice header = jst_slice_z(ranges[i].header);
        struct jst_range *out = malloc(CAP * sizeof(*out));
        int n = jst_range_parse(out, CAP, header, ranges[i].size);
        int want = ranges[i].n < 0 ? JOIST_E_INVAL : ranges[i].n;

        if (n != want) {
            fail_msg("%s of %llu: %d", header.p, (unsigned long long)ranges[i].size, n);
        }
        for (int k = 0; k < n; k++) {
            if (out[k].first != ranges[i].ranges[k].first || out[k].n != ranges[i].ranges[k].n) {
                fail_msg("%s: range %d is %llu, %llu bytes", header.p, k,
                         (unsigned long long)out[k].first, (unsigned long long)out[k].n);
            }
        }
        free(out);
    }
}

static void
test_etags(void **state)
{
    static const struct {
        const char *list;
        const char *etag;
        bool strong;
        bool weak;
    } table[] = {
        /* the four of RFC 9110 8.8.3.2 */
        {"W/\"1\"", "W/\"1\"", false, true},
        {"W/\"1\"", "W/\"2\"", false, false},
        {"W/\"1\"", "\"1\"", false, true},
        {"\"1\"", "\"1\"", true, true},
        {"\"1\"", "W/\"1\"", false, true},
        {"*", "\"1\"", true, true},
        {" * ", "W/\"1\"", true, true},
        {"\"a\", \"b\" ,\"c\"", "\"c\"", true, true},
        {"\"a\",,W/\"b\"", "\"b\"", false, true},
        {"\"a,b\"", "\"b\"", false, false}, /* a comma may be inside */
        {"\"a,b\"", "\"a,b\"", true, true},
        {"\"a\\\"", "\"a\\\"", true, true}, /* a backslash escapes nothing */
        {"\"\"", "\"\"", true, true},
        {"\"A\"", "\"a\"", false, false},
        {"w/\"a\"", "\"a\"", false, false},
        {"a", "\"a\"", false, false},
        {"\"a", "\"a\"", false, false},
        {"\"a\"", "a", false, false},
        {"\"b\", *", "\"a\"", false, false},
        {"", "\"a\"", false, false},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        struct jst_slice list = jst_slice_z(table[i].list);
        struct jst_slice etag = jst_slice_z(table[i].etag);
        char *bytes = exact_copy(list);

        if (jst_etag_matches(jst_slice(bytes, list.n), etag, false) != table[i].strong ||
            jst_etag_matches(jst_slice(bytes, list.n), etag, true) != table[i].weak) {
            fail_msg("%s against %s", table[i].list, table[i].etag);
        }
        free(bytes);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_etags),
    };

    return cmocka_run_group_tests_name("codec/range", tests, NULL, NULL);
}
