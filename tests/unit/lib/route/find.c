// SPDX-License-Identifier: MIT
/* Which route wins: host level, path, conditions, order; and a comparison with the plain reading of
 * those rules over random tables. */
#include "base/rand.h"
#include "route/route.h"

#include <joist/conf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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

static struct jst_routes *
build(const struct joist_route_conf *routes, size_t n)
{
    struct jst_routes *table = NULL;

    assert_int_equal(jst_routes_build(&table, routes, n), JOIST_OK);
    assert_non_null(table);
    return table;
}

static int
find(const struct jst_routes *table, const char *host, const char *path, const char *method,
     const struct jst_fields *fields)
{
    struct jst_route_query q = {jst_slice_z(host), jst_slice_z(path), jst_slice_z(method), fields};

    return jst_routes_find(table, &q);
}

#define NONE JOIST_E_NOTFOUND

struct lookup {
    const char *host;
    const char *path;
    int route;
};

static void
check_lookups(const struct jst_routes *table, const struct lookup *lookups, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int route = find(table, lookups[i].host, lookups[i].path, "GET", NULL);

        if (route != lookups[i].route) {
            fail_msg("%s%s takes %d, not %d", lookups[i].host, lookups[i].path, route,
                     lookups[i].route);
        }
    }
}

static void
test_hosts(void **state)
{
    const struct joist_route_conf routes[] = {
        {HOSTS("example.com", "WWW.Example.com"), PREFIX("/")},
        {HOSTS("*.example.com"), PREFIX("/")},
        {HOSTS("a.example.com"), PREFIX("/only")},
        {HOSTS("[2001:db8::1]"), PREFIX("/")},
        {PREFIX("/")},
    };
    static const struct lookup lookups[] = {
        {"example.com", "/", 0},
        {"EXAMPLE.COM", "/", 0},
        {"www.example.com", "/", 0}, /* exact before the wildcard */
        {"b.example.com", "/", 1},
        {"B.EXAMPLE.COM", "/x", 1},
        {"b.c.example.com", "/", 4}, /* one label only */
        {".example.com", "/", 4},
        {"*.example.com", "/", 1},
        {"example.com.evil", "/", 4},
        {"xexample.com", "/", 4},
        {"a.example.com", "/only/x", 2},
        {"a.example.com", "/", NONE}, /* no falling through to a wider level */
        {"[2001:DB8::1]", "/", 3},
        {"", "/", 4},
        {"com", "/", 4},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com",
         "/", 4}, /* longer than a name can be */
    };
    struct jst_routes *table = build(routes, JST_COUNT(routes));

    (void)state;
    check_lookups(table, lookups, JST_COUNT(lookups));
    jst_routes_destroy(&table);
    assert_null(table);
}

static void
test_no_default(void **state)
{
    const struct joist_route_conf routes[] = {{HOSTS("*.example.com"), PREFIX("/a")}};
    static const struct lookup lookups[] = {
        {"x.example.com", "/a", 0},
        {"x.example.com", "/", NONE},
        {"example.com", "/a", NONE},
        {"", "/a", NONE},
    };
    struct jst_routes *table = build(routes, JST_COUNT(routes));

    (void)state;
    check_lookups(table, lookups, JST_COUNT(lookups));
    jst_routes_destroy(&table);
    table = build(NULL, 0);
    assert_int_equal(find(table, "a", "/", "GET", NULL), NONE);
    jst_routes_destroy(&table);
}

static void
test_paths(void **state)
{
    const struct joist_route_conf routes[] = {
        {.path_kind = JOIST_PATH_ANY}, {PREFIX("/")},          {PREFIX("/api")},
        {PREFIX("/api-v2")},           {PREFIX("/api/users")}, {EXACT("/api")},
        {EXACT("/api/users/me")},      {PREFIX("/dir/")},      {EXACT("/")},
        {PREFIX("/apis/x")},
    };
    static const struct lookup lookups[] = {
        {"a", "/", 8},
        {"a", "/x", 1},
        {"a", "*", 0}, /* OPTIONS * */
        {"a", "/api", 5},
        {"a", "/api/", 2},
        {"a", "/api/x", 2},
        {"a", "/apis", 1}, /* not on a segment boundary */
        {"a", "/api-v2", 3},
        {"a", "/api-v2x", 1},
        {"a", "/api-v2/x", 3},
        {"a", "/API", 1}, /* paths have case */
        {"a", "/api/users", 4},
        {"a", "/api/users/", 4},
        {"a", "/api/users/me", 6},
        {"a", "/api/users/me/", 4},
        {"a", "/api/usersx", 2},
        {"a", "/dir", 1},
        {"a", "/dir/", 7},
        {"a", "/dir/x", 7},
        {"a", "/apis/x/y", 9},
        {"a", "/apis/w", 1},
        {"a", "//api", 1},
    };
    struct jst_routes *table = build(routes, JST_COUNT(routes));

    (void)state;
    check_lookups(table, lookups, JST_COUNT(lookups));
    jst_routes_destroy(&table);
}

static void
test_conditions(void **state)
{
    const struct joist_route_conf routes[] = {
        {PREFIX("/a")},
        {PREFIX("/a"), METHODS("POST", "PROPFIND")},
        {PREFIX("/a"), METHODS("POST"), HEADERS({"X-Canary", "1"})},
        {PREFIX("/a"), HEADERS({"upgrade", "*"})},
        {PREFIX("/a/b"), METHODS("GET")},
        {EXACT("/a/b"), METHODS("DELETE")},
        {PREFIX("/a"), HEADERS({"x-canary", "2"}, {"Accept", "text/html"})},
        {PREFIX("/a"), HEADERS({"x-canary", "2"})},
    };
    struct jst_field v[8];
    struct jst_fields none = {v, 0, 0};
    struct jst_fields fields = {v, 0, JST_COUNT(v)};
    struct jst_routes *table = build(routes, JST_COUNT(routes));

    (void)state;
    assert_int_equal(find(table, "h", "/a", "GET", &none), 0);
    assert_int_equal(find(table, "h", "/a", "POST", &none), 1);
    assert_int_equal(find(table, "h", "/a", "PROPFIND", NULL), 1);
    assert_int_equal(find(table, "h", "/a", "propfind", NULL), 0);
    /* what does not fit is passed over for the next less specific */
    assert_int_equal(find(table, "h", "/a/b", "GET", NULL), 4);
    assert_int_equal(find(table, "h", "/a/b", "HEAD", NULL), 4);
    assert_int_equal(find(table, "h", "/a/b", "DELETE", NULL), 5);
    assert_int_equal(find(table, "h", "/a/b/c", "DELETE", NULL), 0);
    assert_int_equal(find(table, "h", "/a/b", "POST", NULL), 1);

    (void)jst_fields_add(&fields, JST_S("x-CANARY"), JST_S("0"));
    assert_int_equal(find(table, "h", "/a", "POST", &fields), 1);
    (void)jst_fields_add(&fields, JST_S("X-Canary"), JST_S("1"));
    assert_int_equal(find(table, "h", "/a", "POST", &fields), 2); /* any line of that name */
    fields.n = 0;
    (void)jst_fields_add(&fields, JST_S("X-Canary"), JST_S("2"));
    assert_int_equal(find(table, "h", "/a", "GET", &fields), 7);
    (void)jst_fields_add(&fields, JST_S("Accept"), JST_S("text/html"));
    assert_int_equal(find(table, "h", "/a", "GET", &fields), 6); /* two conditions before one */
    fields.n = 0;
    (void)jst_fields_add(&fields, JST_S("Upgrade"), JST_S("websocket"));
    fields.v[0].drop = true; /* as the parser marks it */
    assert_int_equal(find(table, "h", "/a", "GET", &fields), 3);
    jst_routes_destroy(&table);
}

static void
test_order(void **state)
{
    const struct joist_route_conf routes[] = {
        {PREFIX("/a"), HEADERS({"x-a", "1"})},
        {PREFIX("/a"), METHODS("GET")},
        {PREFIX("/a"), HEADERS({"x-b", "1"})},
    };
    struct jst_field v[2];
    struct jst_fields fields = {v, 0, JST_COUNT(v)};
    struct jst_routes *table = build(routes, JST_COUNT(routes));

    (void)state;
    assert_int_equal(find(table, "h", "/a", "GET", NULL), 1);
    (void)jst_fields_add(&fields, JST_S("x-b"), JST_S("1"));
    assert_int_equal(find(table, "h", "/a", "GET", &fields), 1);
    assert_int_equal(find(table, "h", "/a", "POST", &fields), 2);
    (void)jst_fields_add(&fields, JST_S("x-a"), JST_S("1"));
    assert_int_equal(find(table, "h", "/a", "GET", &fields), 0);
    jst_routes_destroy(&table);
}

static void
check_allowed(const struct jst_routes *table, const char *path, const struct jst_fields *fields,
              const char *want)
{
    struct jst_route_query q = {JST_S("h"), jst_slice_z(path), JST_S("TRACE"), fields};
    char out[64];
    size_t n = jst_routes_allowed(table, &q, out, sizeof(out));

    assert_int_equal(jst_routes_find(table, &q), NONE);
    if (!jst_slice_eq(jst_slice(out, n), jst_slice_z(want))) {
        fail_msg("%s: \"%.*s\" instead of \"%s\"", path, (int)n, out, want);
    }
}

static void
test_allowed(void **state)
{
    const struct joist_route_conf routes[] = {
        {PREFIX("/a"), METHODS("GET")},
        {PREFIX("/a/b"), METHODS("POST", "PURGE", "GET")},
        {EXACT("/a/b"), METHODS("DELETE")},
        {PREFIX("/a"), METHODS("PUT"), HEADERS({"x-a", "1"})},
        {HOSTS("other"), PREFIX("/"), METHODS("PATCH")},
    };
    struct jst_field v[2];
    struct jst_fields fields = {v, 0, JST_COUNT(v)};
    struct jst_routes *table = build(routes, JST_COUNT(routes));
    struct jst_route_query q = {JST_S("h"), JST_S("/a/b"), JST_S("TRACE"), NULL};
    char out[16];

    (void)state;
    check_allowed(table, "/", NULL, "");
    check_allowed(table, "/a", NULL, "GET, HEAD");
    check_allowed(table, "/a/b/c", NULL, "GET, HEAD, POST, PURGE");
    check_allowed(table, "/a/b", NULL, "DELETE, GET, HEAD, POST, PURGE");
    (void)jst_fields_add(&fields, JST_S("X-A"), JST_S("1"));
    check_allowed(table, "/a", &fields, "PUT, GET, HEAD");
    /* as much as fits, whole names only */
    assert_int_equal(jst_routes_allowed(table, &q, out, sizeof(out)), strlen("DELETE"));
    jst_routes_destroy(&table);
}

/* ---- against the rules as they are written ---- */

static const char *const some_hosts[] = {"a", "b.a", "*.a", "c.b.a", "*.b.a"};
static const char *const some_paths[] = {"/",    "/a",     "/a/", "/a/b",  "/ab",
                                         "/a-b", "/a/b/c", "/b",  "/a/bc", "/a!"};
static const char *const asked_hosts[] = {"a", "b.a", "x.a", "c.b.a", "y.b.a", "z"};
static const char *const asked_paths[] = {"/",        "/a",    "/a/",   "/a/b", "/a/b/",
                                          "/a/b/c/d", "/ab",   "/abc",  "/a-b", "/a-",
                                          "/b/x",     "/a/bc", "/a!/x", "/c",   "*"};
static const char *const some_methods[] = {"GET", "POST", "PURGE"};

/* 2 exact, 1 wildcard, 0 any; -1 if it does not fit. */
static int
host_level(const struct joist_route_conf *route, const char *host)
{
    const char *dot = strchr(host, '.');
    int level = route->hosts_n == 0 ? 0 : -1;

    for (size_t i = 0; i < route->hosts_n; i++) {
        if (strcmp(route->hosts[i], host) == 0) {
            return 2;
        }
        if (route->hosts[i][0] == '*' && dot != NULL && strcmp(route->hosts[i] + 1, dot) == 0) {
            level = 1;
        }
    }
    return level;
}

/* The longer the more specific, an exact one most; -1 if it does not fit. */
static int
path_level(const struct joist_route_conf *route, const char *path)
{
    size_t n;

    if (route->path_kind == JOIST_PATH_ANY) {
        return 0;
    }
    n = strlen(route->path);
    if (strcmp(route->path, path) == 0) {
        return route->path_kind == JOIST_PATH_EXACT ? 1000 : (int)n;
    }
    if (route->path_kind == JOIST_PATH_EXACT || strncmp(route->path, path, n) != 0 ||
        (route->path[n - 1] != '/' && path[n] != '/')) {
        return -1;
    }
    return (int)n;
}

static bool
method_fits(const struct joist_route_conf *route, const char *method)
{
    for (size_t i = 0; i < route->methods_n; i++) {
        if (strcmp(route->methods[i], method) == 0) {
            return true;
        }
    }
    return route->methods_n == 0;
}

static int
find_plainly(const struct joist_route_conf *routes, size_t n, const char *host, const char *path,
             const char *method)
{
    int level = -1;
    int best = NONE;
    int best_path = -1;

    for (size_t i = 0; i < n; i++) {
        level = JST_MAX(level, host_level(&routes[i], host));
    }
    for (size_t i = 0; i < n; i++) {
        int p = path_level(&routes[i], path);

        if (level < 0 || host_level(&routes[i], host) != level || p < 0 ||
            !method_fits(&routes[i], method)) {
            continue;
        }
        if (p > best_path ||
            (p == best_path && routes[i].methods_n > 0 && routes[best].methods_n == 0)) {
            best = (int)i;
            best_path = p;
        }
    }
    return best;
}

static void
make_random(struct joist_route_conf *route, struct jst_rand *rand)
{
    uint64_t r = jst_rand_next(rand);

    *route = (struct joist_route_conf){0};
    route->hosts_n = r % 3;
    route->hosts = &some_hosts[(r >> 8) % (JST_COUNT(some_hosts) - 1)];
    route->path_kind = (enum joist_path_kind)((r >> 16) % 3);
    route->path = some_paths[(r >> 24) % JST_COUNT(some_paths)];
    route->methods_n = (r >> 32) % 4 == 0;
    route->methods = &some_methods[(r >> 40) % JST_COUNT(some_methods)];
}

static void
test_random_tables(void **state)
{
    static const uint8_t seed[32] = {7};
    struct jst_rand rand;

    (void)state;
    jst_rand_init(&rand, seed);
    for (unsigned round = 0; round < 300; round++) {
        struct joist_route_conf routes[24];
        size_t n = 1 + jst_rand_next(&rand) % JST_COUNT(routes);
        struct jst_routes *table;

        for (size_t i = 0; i < n; i++) {
            make_random(&routes[i], &rand);
        }
        table = build(routes, n);
        for (size_t h = 0; h < JST_COUNT(asked_hosts); h++) {
            for (size_t p = 0; p < JST_COUNT(asked_paths); p++) {
                for (size_t m = 0; m < JST_COUNT(some_methods); m++) {
                    int want =
                        find_plainly(routes, n, asked_hosts[h], asked_paths[p], some_methods[m]);
                    int got = find(table, asked_hosts[h], asked_paths[p], some_methods[m], NULL);

                    if (got != want) {
                        fail_msg("round %u: %s %s%s takes %d, not %d", round, some_methods[m],
                                 asked_hosts[h], asked_paths[p], got, want);
                    }
                }
            }
        }
        jst_routes_destroy(&table);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),         cmocka_unit_test(test_no_default),
        cmocka_unit_test(test_paths),         cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_order),         cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_random_tables),
    };

    return cmocka_run_group_tests_name("route/find", tests, NULL, NULL);
}
