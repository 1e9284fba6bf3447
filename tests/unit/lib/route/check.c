// SPDX-License-Identifier: MIT
/* Which hosts and paths a route may have, and which two routes say the same. */
#include "route/route.h"

#include <joist/conf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

typedef int check_f(const char *, const char **);

static void
check_all(check_f *check, const char *const *texts, size_t n, int rc)
{
    for (size_t i = 0; i < n; i++) {
        const char *why = NULL;

        if (check(texts[i], &why) != rc) {
            fail_msg("\"%s\": %s", texts[i], why != NULL ? why : "accepted");
        }
        assert_int_equal(why != NULL, rc != JOIST_OK);
    }
}

static void
test_hosts(void **state)
{
    static const char *const good[] = {
        "example.com",        "EXAMPLE.com", "a",
        "*.example.com",      "*.com",       "xn--bcher-kva.example",
        "_dmarc.example.com", "127.0.0.1",   "[::1]",
        LABEL_63 ".com",
    };
    static const char *const bad[] = {
        "",
        "*",
        "*.",
        "*.*.com",
        "a.*.com",
        "*a.com",
        "a*.com",
        ".com",
        "a..b",
        "a.",
        "a.com:80",
        "http://a.com",
        "a.com/",
        "a b",
        "u@a",
        "b\xc3\xbc"
        "cher.example",
        "[::1]:80",
        "[::1",
        "[x]",
        "::1",
        LABEL_63 "a.com",
        LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63,
    };

    (void)state;
    check_all(jst_route_host_check, good, JST_COUNT(good), JOIST_OK);
    check_all(jst_route_host_check, bad, JST_COUNT(bad), JOIST_E_INVAL);
}

static void
test_paths(void **state)
{
    static const char *const good[] = {"/", "/a", "/a/", "/a b", "/\xc3\xa9", "/...", "/.a"};
    static const char *const bad[] = {"",      "a",    "/a?b",  "/a#b", "/%20",  "/a/*", "/./a",
                                      "/a/..", "/a\\", "/\x01", "/a/.", "/a//b", "//"};

    (void)state;
    check_all(jst_route_path_check, good, JST_COUNT(good), JOIST_OK);
    check_all(jst_route_path_check, bad, JST_COUNT(bad), JOIST_E_INVAL);
}

#define HOSTS(...)                                                                                 \
    .hosts = (const char *const[]){__VA_ARGS__},                                                   \
    .hosts_n = JST_COUNT(((const char *const[]){__VA_ARGS__}))
#define METHODS(...)                                                                               \
    .methods = (const char *const[]){__VA_ARGS__},                                                 \
    .methods_n = JST_COUNT(((const char *const[]){__VA_ARGS__}))
#define HEADERS(...)                                                                               \
    .headers = (const struct joist_pair[]){__VA_ARGS__},                                           \
    .headers_n = JST_COUNT(((const struct joist_pair[]){__VA_ARGS__}))
#define PREFIX(text) .path_kind = JOIST_PATH_PREFIX, .path = text
#define EXACT(text)  .path_kind = JOIST_PATH_EXACT, .path = text

static void
test_duplicates(void **state)
{
    const struct {
        struct joist_route_conf a;
        struct joist_route_conf b;
        bool same;
    } table[] = {
        {{PREFIX("/")}, {PREFIX("/")}, true},
        {{.path_kind = JOIST_PATH_ANY}, {.path_kind = JOIST_PATH_ANY, .path = "/ignored"}, true},
        {{PREFIX("/")}, {.path_kind = JOIST_PATH_ANY}, false},
        {{PREFIX("/a")}, {EXACT("/a")}, false},
        {{PREFIX("/a")}, {PREFIX("/a/")}, false},
        {{HOSTS("a"), PREFIX("/")}, {HOSTS("A"), PREFIX("/")}, true},
        {{HOSTS("a", "b"), PREFIX("/")}, {HOSTS("c", "b"), PREFIX("/")}, true},
        {{HOSTS("a"), PREFIX("/")}, {HOSTS("*.a"), PREFIX("/")}, false},
        {{HOSTS("a"), PREFIX("/")}, {PREFIX("/")}, false},
        {{HOSTS("a", "a"), PREFIX("/")}, {HOSTS("b"), PREFIX("/")}, false}, /* one route */
        {{METHODS("GET", "POST")}, {METHODS("POST", "GET")}, true},
        {{METHODS("GET")}, {METHODS("POST")}, false},
        {{METHODS("GET")}, {.methods_n = 0}, false},
        {{METHODS("GET")}, {METHODS("GET", "POST")}, false},
        {{HEADERS({"x-a", "1"}, {"x-b", "2"})}, {HEADERS({"X-B", "2"}, {"X-A", "1"})}, true},
        {{HEADERS({"x-a", "1"})}, {HEADERS({"x-a", "2"})}, false},
        {{HEADERS({"x-a", "1"})}, {HEADERS({"x-a", "*"})}, false},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        struct joist_route_conf routes[] = {
            {EXACT("/first")}, table[i].a, {EXACT("/between")}, table[i].b};
        size_t first = 99;
        size_t second = 99;
        int rc = jst_routes_find_duplicate(routes, JST_COUNT(routes), &first, &second);

        if (rc != table[i].same) {
            fail_msg("pair %zu: %d", i, rc);
        }
        if (rc == 1) {
            assert_int_equal(first, 1);
            assert_int_equal(second, 3);
        }
    }
}

static void
test_first_duplicate(void **state)
{
    const struct joist_route_conf routes[] = {
        {PREFIX("/z")}, {PREFIX("/a")}, {PREFIX("/a")}, {PREFIX("/z")}, {PREFIX("/a")},
    };
    size_t first;
    size_t second;

    (void)state;
    assert_int_equal(jst_routes_find_duplicate(routes, JST_COUNT(routes), &first, &second), 1);
    assert_int_equal(first, 1);
    assert_int_equal(second, 2);
    assert_int_equal(jst_routes_find_duplicate(NULL, 0, &first, &second), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_first_duplicate),
    };

    return cmocka_run_group_tests_name("route/check", tests, NULL, NULL);
}
