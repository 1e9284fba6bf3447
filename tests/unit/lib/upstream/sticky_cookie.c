// SPDX-License-Identifier: MIT
#include "upstream/sticky_cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void
test_marks_come_back(void **state)
{
    static const struct {
        struct jst_mark mark;
        const char *text;
    } cases[] = {
        {{0x0123456789abcdefu, -1}, "0123456789abcdef"},
        {{1, 0}, "0000000000000001.0"},
        {{UINT64_MAX, 1763748000}, "ffffffffffffffff.6920a8a0"},
        {{5, 0xffffffffff}, "0000000000000005.ffffffffff"},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        char text[JST_MARK_BYTES_MAX];
        size_t n = jst_mark_print(text, &cases[i].mark);
        struct jst_mark m;

        assert_true(jst_slice_eq(jst_slice(text, n), jst_slice_z(cases[i].text)));
        assert_true(jst_mark_parse(&m, jst_slice(text, n)));
        assert_int_equal(m.target, cases[i].mark.target);
        assert_int_equal(m.set_s, cases[i].mark.set_s);
    }
}

static void
test_hostile_marks(void **state)
{
    static const char *const cases[] = {
        "",
        "1",
        "0123456789abcde",
        "0123456789ABCDEF",
        "0123456789abcdeg",
        "0123456789abcdef.",
        "0123456789abcdef.-1",
        "0123456789abcdef.+1",
        "0123456789abcdef. 1",
        "0123456789abcdef.0x1",
        "0123456789abcdef.10000000000", /* 11 digits */
        "0123456789abcdef.1.2",
        "0123456789abcdef:1",
        "0123456789abcdef0",
        " 0123456789abcdef",
        "0123456789abcdef ",
        "\x80\xff\x01\x7f\x80\xff\x01\x7f\x80\xff\x01\x7f\x80\xff\x01\x7f",
        "http://10.0.0.1:80",
    };
    static char big[100000];
    struct jst_mark m = {77, 77};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        if (jst_mark_parse(&m, jst_slice_z(cases[i]))) {
            fail_msg("'%s' is taken", cases[i]);
        }
    }
    memset(big, 'a', sizeof(big));
    assert_false(jst_mark_parse(&m, jst_slice(big, sizeof(big))));
    big[16] = '.';
    assert_false(jst_mark_parse(&m, jst_slice(big, sizeof(big))));
    memset(big, 0, sizeof(big));
    assert_false(jst_mark_parse(&m, jst_slice(big, 16)));
    assert_false(jst_mark_parse(&m, JST_SLICE_NONE));
    assert_int_equal(m.target, 77);
}

static void
test_cookie_without(void **state)
{
    static const struct {
        const char *field, *left;
    } cases[] = {
        {"j=1", ""},
        {"j=1; a=2", "a=2"},
        {"a=2; j=1", "a=2"},
        {"a=2; j=1; b=3", "a=2; b=3"},
        {"j=1; a=2; j=3", "a=2"},
        {"a;b;j=1;c", "a; b; c"},
        {"a=\"x;y\"; j=1", "a=\"x; y\""}, /* no quoted ';' in RFC 6265 */
        {"a=2; J=1; xj=1; jx=1", "a=2; J=1; xj=1; jx=1"},
        {"a=2;;  ;j", "a=2;;  ;j"}, /* not there: as it was */
        {"", ""},
    };
    struct jst_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct jst_slice left = jst_cookie_without(&arena, jst_slice_z(cases[i].field), JST_S("j"));

        if (!jst_slice_eq(left, jst_slice_z(cases[i].left))) {
            fail_msg("'%s' gave '%.*s'", cases[i].field, JST_PRI(left));
        }
    }
    jst_arena_fini(&arena);
}

static void
test_set_cookie_value(void **state)
{
    static const struct {
        const char *field, *value;
    } cases[] = {
        {"sid=abc", "abc"},
        {"sid=abc; Path=/; HttpOnly", "abc"},
        {" sid = abc ;Path=/", "abc"},
        {"sid=\"abc\"; Secure", "abc"},
        {"sid=a=b", "a=b"},
        {"sid=", ""},
        {"sid", NULL},
        {"SID=abc", NULL},
        {"x=1; sid=abc", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct jst_slice v = jst_set_cookie_value(jst_slice_z(cases[i].field), JST_S("sid"));

        if (cases[i].value == NULL ? v.p != NULL : !jst_slice_eq(v, jst_slice_z(cases[i].value))) {
            fail_msg("'%s' gave '%.*s'", cases[i].field, JST_PRI(v));
        }
    }
}

static void
test_set_cookie_text(void **state)
{
    static const struct {
        struct jst_set_cookie c;
        const char *text;
    } cases[] = {
        {{JST_S("j"), JST_S("v"), JST_S("/"), 0, true, false, JOIST_SAME_SITE_LAX},
         "j=v; Path=/; HttpOnly; SameSite=Lax"},
        {{JST_S("j"), JST_S("v"), JST_S("/a/b"), 600, false, true, JOIST_SAME_SITE_STRICT},
         "j=v; Path=/a/b; Max-Age=600; Secure; SameSite=Strict"},
        {{JST_S("j"), JST_S("v"), JST_S("/"), UINT64_MAX, true, true, JOIST_SAME_SITE_NONE},
         "j=v; Path=/; Max-Age=18446744073709551615; HttpOnly; Secure; SameSite=None"},
        {{JST_S("j"), JST_S("v"), JST_S("/"), 0, true, false, JOIST_SAME_SITE_NONE},
         "j=v; Path=/; HttpOnly"},
    };
    struct jst_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct jst_slice text = jst_set_cookie_print(&arena, &cases[i].c);

        if (!jst_slice_eq(text, jst_slice_z(cases[i].text))) {
            fail_msg("%.*s", JST_PRI(text));
        }
    }
    jst_arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks_come_back), cmocka_unit_test(test_hostile_marks),
        cmocka_unit_test(test_cookie_without),  cmocka_unit_test(test_set_cookie_value),
        cmocka_unit_test(test_set_cookie_text),
    };

    return cmocka_run_group_tests_name("upstream/sticky_cookie", tests, NULL, NULL);
}
