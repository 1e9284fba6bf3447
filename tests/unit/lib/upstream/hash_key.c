// SPDX-License-Identifier: MIT
#include "upstream/hash_key.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
test_cookies(void **state)
{
    static const struct {
        const char *field, *name, *value;
    } cases[] = {
        {"sid=abc", "sid", "abc"},
        {"a=1; sid=abc; b=2", "sid", "abc"},
        {"a=1;sid=abc", "sid", "abc"},
        {"a=1; sid=\"abc\"", "sid", "abc"},
        {"sid=a=b", "sid", "a=b"},
        {"sid=first; sid=second", "sid", "first"},
        {"xsid=1; sidx=2", "sid", NULL},
        {"SID=1", "sid", NULL}, /* names of cookies have their case */
        {"sid", "sid", NULL},
        {"sid=", "sid", ""},
        {"sid=\"", "sid", "\""},
        {"", "sid", NULL},
        {";;;=;", "sid", NULL},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct jst_slice value =
            jst_cookie_find(jst_slice_z(cases[i].field), jst_slice_z(cases[i].name));

        if (cases[i].value == NULL ? value.p != NULL
                                   : !jst_slice_eq(value, jst_slice_z(cases[i].value))) {
            fail_msg("'%s' gave '%.*s'", cases[i].field, JST_PRI(value));
        }
    }
}

static void
test_keys(void **state)
{
    struct jst_field v[] = {
        {.name = JST_S("Cookie"), .value = JST_S("a=1"), .id = JST_FIELD_COOKIE},
        {.name = JST_S("X-User"), .value = JST_S("eve")},
        {.name = JST_S("Cookie"), .value = JST_S("sid=abc"), .id = JST_FIELD_COOKIE},
    };
    struct jst_head req = {.path = JST_S("/p"), .fields = {v, 3, 3}};
    struct jst_call call = {.req = &req, .client_ip = JST_S("192.0.2.1")};
    static const struct {
        enum joist_hash_by by;
        const char *name, *key;
    } cases[] = {
        {JOIST_HASH_CLIENT, NULL, "192.0.2.1"}, {JOIST_HASH_PATH, NULL, "/p"},
        {JOIST_HASH_HEADER, "x-user", "eve"},   {JOIST_HASH_HEADER, "x-none", "192.0.2.1"},
        {JOIST_HASH_COOKIE, "sid", "abc"},      {JOIST_HASH_COOKIE, "none", "192.0.2.1"},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        assert_true(jst_slice_eq(jst_hash_key(&call, cases[i].by, jst_slice_z(cases[i].name)),
                                 jst_slice_z(cases[i].key)));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests_name("upstream/hash_key", tests, NULL, NULL);
}
