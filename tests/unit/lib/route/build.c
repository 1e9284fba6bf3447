// SPDX-License-Identifier: MIT
/* Building with an allocator that fails: at each place in turn, cleanly and without a leak. The
 * files are compiled into this test, so that their allocations can be counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static unsigned allocations_left; /* before one fails */
static bool has_failed;

static bool
may_allocate(void)
{
    if (allocations_left == 0) {
        has_failed = true;
        return false;
    }
    allocations_left--;
    return true;
}

static void *
counted_malloc(size_t n)
{
    return may_allocate() ? malloc(n) : NULL;
}

static void *
counted_calloc(size_t n, size_t size)
{
    return may_allocate() ? calloc(n, size) : NULL;
}

static void *
counted_realloc(void *p, size_t n)
{
    return may_allocate() ? realloc(p, n) : NULL;
}

#define malloc  counted_malloc
#define calloc  counted_calloc
#define realloc counted_realloc

#include "route/build.c"
#include "route/duplicate.c"
#include "route/items.c"

static const char *const hosts[] = {"example.com", "www.example.com"};
static const char *const methods[] = {"GET", "PURGE"};
static const struct joist_pair headers[] = {{"x-a", "1"}, {"x-b", "*"}};

static const struct joist_route_conf routes[] = {
    {.hosts = hosts, .hosts_n = 2, .path_kind = JOIST_PATH_PREFIX, .path = "/"},
    {.hosts = hosts,
     .hosts_n = 2,
     .path_kind = JOIST_PATH_PREFIX,
     .path = "/a",
     .methods = methods,
     .methods_n = 2},
    {.path_kind = JOIST_PATH_EXACT, .path = "/b", .headers = headers, .headers_n = 2},
    {.path_kind = JOIST_PATH_EXACT, .path = "/b", .headers = headers, .headers_n = 2},
};

static void
test_build(void **state)
{
    struct jst_route_query q = {JST_S("www.example.com"), JST_S("/a/x"), JST_S("PURGE"), NULL};
    unsigned n = 0;
    int rc;

    (void)state;
    do {
        struct jst_routes *table = NULL;

        has_failed = false;
        allocations_left = n++;
        rc = jst_routes_build(&table, routes, JST_COUNT(routes));
        if (rc == JOIST_OK) {
            /* shrinking may fail: then the table is larger than it must be, and right */
            assert_int_equal(jst_routes_find(table, &q), 1);
            jst_routes_destroy(&table);
        } else {
            assert_int_equal(rc, JOIST_E_NOMEM);
            assert_null(table);
        }
    } while (has_failed);
    assert_int_equal(rc, JOIST_OK);
    assert_true(n > 10);
}

static void
test_find_duplicate(void **state)
{
    unsigned n = 0;
    int rc;

    (void)state;
    do {
        size_t first = 99;
        size_t second = 99;

        has_failed = false;
        allocations_left = n++;
        rc = jst_routes_find_duplicate(routes, JST_COUNT(routes), &first, &second);
        assert_int_equal(first, has_failed ? 99 : 2);
        assert_int_equal(second, has_failed ? 99 : 3);
        assert_int_equal(rc, has_failed ? JOIST_E_NOMEM : 1);
    } while (has_failed);
    assert_true(n > 4);
}

/* No routes at all, and a destroy of nothing. */
static void
test_empty(void **state)
{
    struct jst_routes *table = NULL;
    struct jst_route_query q = {JST_S("a"), JST_S("/"), JST_S("GET"), NULL};

    (void)state;
    allocations_left = 1000;
    assert_int_equal(jst_routes_build(&table, NULL, 0), JOIST_OK);
    assert_int_equal(jst_routes_find(table, &q), JOIST_E_NOTFOUND);
    assert_true(jst_routes_bytes(table) > 0);
    jst_routes_destroy(&table);
    jst_routes_destroy(&table);
}

/* One route with many hosts many times: more pairs than there may be. */
static void
test_too_many(void **state)
{
    enum { ROUTES = 41, HOSTS = 100000 };
    static const char *many[HOSTS];
    struct joist_route_conf big[ROUTES];
    struct jst_routes *table = NULL;

    (void)state;
    for (size_t i = 0; i < HOSTS; i++) {
        many[i] = "a";
    }
    for (size_t i = 0; i < ROUTES; i++) {
        big[i] = (struct joist_route_conf){.hosts = many, .hosts_n = HOSTS};
    }
    allocations_left = 1000;
    assert_int_equal(jst_routes_build(&table, big, ROUTES), JOIST_E_LIMIT);
    assert_null(table);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),
        cmocka_unit_test(test_find_duplicate),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests_name("route/build", tests, NULL, NULL);
}
