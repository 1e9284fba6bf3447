// SPDX-License-Identifier: MIT
/* Settings of affinity that are wrong: each is an error with its place. */
#include "traffic.h"

static struct setup s;
static struct joist_sticky_conf sticky;

static void
no_name(void)
{
    sticky.name = NULL;
}

static void
empty_name(void)
{
    sticky.name = "";
}

static void
no_token(void)
{
    sticky.name = "a;b";
}

static void
unknown_kind(void)
{
    sticky.by = (enum joist_sticky_by)9;
}

static void
unknown_site(void)
{
    sticky.same_site = (enum joist_same_site)7;
}

static void
none_not_secure(void)
{
    sticky.same_site = JOIST_SAME_SITE_NONE;
    sticky.insecure = true;
}

static void
path_of_two(void)
{
    sticky.path = "/a; Domain=b";
}

static void
path_elsewhere(void)
{
    sticky.path = "a";
}

static void
short_life(void)
{
    sticky.ttl_ms = 999;
}

static void
long_life(void)
{
    sticky.ttl_ms = 401ull * 86400000;
}

static void
no_table(void)
{
    sticky.by = JOIST_STICKY_CLIENT;
    sticky.table_max = 0;
}

static void
no_life(void)
{
    sticky.by = JOIST_STICKY_HEADER;
    sticky.ttl_ms = 0;
}

static void
begin(void)
{
    setup_init(&s, 1);
    setup_pool(&s, "http://127.0.0.1:1");
    joist_sticky_conf_init(&sticky);
    s.pools[0].sticky = &sticky;
    s.pools[0].pos = (struct joist_pos){"joist.toml", 3, 1};
}

static void
test_faults(void **state)
{
    static const struct {
        void (*make)(void);
        const char *text;
    } cases[] = {
        {no_name, "name of a cookie"},
        {empty_name, "name of a cookie"},
        {no_token, "name of a cookie or header, not 'a;b'"},
        {unknown_kind, "sticky by 9 is unknown"},
        {unknown_site, "no SameSite 7"},
        {none_not_secure, "SameSite=None that is not Secure"},
        {path_of_two, "path begins with '/', not '/a; Domain=b'"},
        {path_elsewhere, "path begins with '/', not 'a'"},
        {short_life, "a second at least, not 999 ms"},
        {long_life, "ends at 400 days"},
        {no_table, "table_max is from 1"},
        {no_life, "need a ttl"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        cases[i].make();
        assert_true(joist_conf_check(&s.conf, reports_take, &s.reports) < 0);
        assert_int_equal(s.reports.errors, 1);
        if (strstr(s.reports.text, cases[i].text) == NULL ||
            strstr(s.reports.text, "3:1 upstream") == NULL) {
            fail_msg("%zu: %s", i, s.reports.text);
        }
    }
}

static void
test_good_ones(void **state)
{
    (void)state;
    begin();
    assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), 0);
    sticky.ttl_ms = 0; /* of the browser's session */
    sticky.table_max = 0;
    assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), 0);
    sticky = (struct joist_sticky_conf){.by = JOIST_STICKY_CLIENT, .ttl_ms = 1, .table_max = 1};
    assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_good_ones),
    };

    return cmocka_run_group_tests_name("engine/check_sticky", tests, NULL, NULL);
}
