// SPDX-License-Identifier: MIT
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
test_fmt_ends_and_counts(void **state)
{
    char out[8];

    (void)state;
    assert_int_equal(jst_fmt(out, sizeof(out), "%d-%s", 12, "ab"), 5);
    assert_string_equal(out, "12-ab");
    assert_int_equal(jst_fmt(out, sizeof(out), "%s", "1234567"), 7);
    assert_string_equal(out, "1234567");
    assert_int_equal(jst_fmt(out, sizeof(out), "%s", "123456789"), 7);
    assert_string_equal(out, "1234567");
    out[0] = 'x';
    assert_int_equal(jst_fmt(out, 0, "abc"), 0);
    assert_int_equal(out[0], 'x');
    assert_int_equal(jst_fmt(out, 1, "abc"), 0);
    assert_string_equal(out, "");
}

static void
test_builder(void **state)
{
    char memory[64];
    struct jst_str s = jst_str(memory, sizeof(memory));

    (void)state;
    jst_str_add(&s, JST_S("a"));
    jst_str_add(&s, JST_SLICE_NONE);
    jst_str_add_char(&s, ' ');
    jst_str_add_u64(&s, 0);
    jst_str_add_char(&s, ' ');
    jst_str_add_u64(&s, UINT64_MAX);
    jst_str_add_char(&s, ' ');
    jst_str_add_hex(&s, 0);
    jst_str_add_hex(&s, 0x1aF);
    jst_str_fmt(&s, "<%u>", 7u);
    assert_false(s.full);
    assert_true(jst_slice_eq(jst_str_slice(&s), JST_S("a 0 18446744073709551615 01af<7>")));
}

/* What does not fit marks it, and nothing is added any more, not even what would fit. */
static void
test_full_is_sticky(void **state)
{
    char memory[5];
    struct jst_str s = jst_str(memory, 4);

    (void)state;
    memory[4] = '#';
    jst_str_add(&s, JST_S("abc"));
    jst_str_add(&s, JST_S("de"));
    assert_true(s.full);
    jst_str_add_char(&s, 'x');
    jst_str_add_u64(&s, 1);
    jst_str_fmt(&s, "y");
    assert_true(jst_slice_eq(jst_str_slice(&s), JST_S("abc")));
    assert_int_equal(memory[4], '#');

    s = jst_str(memory, 4);
    jst_str_add(&s, JST_S("abcd"));
    assert_false(s.full);
    jst_str_add_char(&s, 'e');
    assert_true(s.full);

    s = jst_str(memory, 4);
    jst_str_fmt(&s, "abcdef");
    assert_true(s.full);
    assert_int_equal(s.n, 0);
    assert_int_equal(memory[4], '#');
}

/* RFC 4648 10 */
static void
test_base64(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xef\xbe", "/+++"},
    };
    char memory[16];
    struct jst_str s;

    (void)state;
    for (size_t i = 0; i < JST_COUNT(pairs); i++) {
        s = jst_str(memory, sizeof(memory));
        jst_str_add_base64(&s, jst_slice_z(pairs[i][0]));
        assert_true(jst_slice_eq(jst_str_slice(&s), jst_slice_z(pairs[i][1])));
    }
    s = jst_str(memory, 7);
    jst_str_add_base64(&s, JST_S("foobar"));
    assert_true(s.full);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fmt_ends_and_counts),
        cmocka_unit_test(test_builder),
        cmocka_unit_test(test_full_is_sticky),
        cmocka_unit_test(test_base64),
    };

    return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
