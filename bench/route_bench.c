// SPDX-License-Identifier: MIT
/*
 * How long does a route take to find, and what does a site cost? Prints one JSON object.
 *
 *   route_bench [SITES [ROUTES]]    default: 10000 sites of 10 routes each
 *
 * Look-ups go to random sites and routes, so that the processor's caches do not hold the answer.
 */
#include "base/rand.h"
#include "base/str.h"
#include "route/route.h"

#include <joist/conf.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define QUERIES 65536u
#define ROUNDS  16u

/* What sites have; further routes of a site get a number. */
static const char *const common_paths[] = {
    "/",           "/api",   "/api/v1",     "/api/v1/users", "/static",
    "/assets/img", "/admin", "/auth/login", "/healthz",      "/ws",
};

struct site_names {
    char (*hosts)[48];
    const char **host_p;
    char (*paths)[48];
};

struct queries {
    struct jst_route_query v[QUERIES];
    char hosts[QUERIES][48];
    char paths[QUERIES][64];
    size_t expect[QUERIES];
};

static uint64_t
now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

__attribute__((noreturn)) static void
exit_out_of_memory(void)
{
    (void)fprintf(stderr, "route_bench: out of memory\n");
    exit(EXIT_FAILURE);
}

static void *
must_have(void *p)
{
    if (p == NULL) {
        exit_out_of_memory();
    }
    return p;
}

static void
make_routes(struct joist_route_conf *routes, struct site_names *names, size_t sites, size_t each)
{
    names->hosts = must_have(calloc(sites, sizeof(*names->hosts)));
    names->host_p = must_have(calloc(sites, sizeof(*names->host_p)));
    names->paths = must_have(calloc(each, sizeof(*names->paths)));
    for (size_t k = 0; k < each; k++) {
        (void)jst_fmt(names->paths[k], sizeof(names->paths[k]),
                      k < JST_COUNT(common_paths) ? "%s" : "%s/%zu",
                      k < JST_COUNT(common_paths) ? common_paths[k] : "/service", k);
    }
    for (size_t i = 0; i < sites; i++) {
        (void)jst_fmt(names->hosts[i], sizeof(names->hosts[i]), "site-%zu.example.com", i);
        names->host_p[i] = names->hosts[i];
        for (size_t k = 0; k < each; k++) {
            routes[i * each + k] = (struct joist_route_conf){
                .hosts = &names->host_p[i],
                .hosts_n = 1,
                .path_kind = JOIST_PATH_PREFIX,
                .path = names->paths[k],
            };
        }
    }
}

static void
make_queries(struct queries *q, const struct joist_route_conf *routes, size_t sites, size_t each)
{
    static const uint8_t seed[32] = {42};
    struct jst_rand rand;

    jst_rand_init(&rand, seed);
    for (size_t i = 0; i < QUERIES; i++) {
        size_t number =
            (size_t)(jst_rand_next(&rand) % sites) * each + (size_t)(jst_rand_next(&rand) % each);
        const struct joist_route_conf *route = &routes[number];
        /* A name that no other route has, so that the answer is known. */
        const char *below = strcmp(route->path, "/") == 0 ? "index-42.html" : "/index-42.html";
        size_t host_n = jst_fmt(q->hosts[i], sizeof(q->hosts[i]), "%s", route->hosts[0]);
        size_t path_n = jst_fmt(q->paths[i], sizeof(q->paths[i]), "%s%s", route->path, below);

        q->v[i] = (struct jst_route_query){
            .host = jst_slice(q->hosts[i], host_n),
            .path = jst_slice(q->paths[i], path_n),
            .method = JST_S("GET"),
        };
        q->expect[i] = number;
    }
}

/* Nanoseconds a look-up in the fastest of the rounds: the others were disturbed. */
static double
time_queries(const struct jst_routes *table, const struct queries *q)
{
    double best = 1e18;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t start = now_ns();
        double each;

        for (size_t i = 0; i < QUERIES; i++) {
            if (jst_routes_find(table, &q->v[i]) != (int)q->expect[i]) {
                (void)fprintf(stderr, "route_bench: %s%s found the wrong route\n", q->hosts[i],
                              q->paths[i]);
                exit(EXIT_FAILURE);
            }
        }
        each = (double)(now_ns() - start) / QUERIES;
        best = JST_MIN(best, each);
    }
    return best;
}

int
main(int argc, char **argv)
{
    size_t sites = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 10000;
    size_t each = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : 10;
    struct joist_route_conf *routes;
    struct site_names names;
    static struct queries q; /* some megabytes: not on the stack */
    struct jst_routes *table = NULL;
    uint64_t start;
    double build_ms;

    if (sites == 0 || each == 0 || sites > JST_ROUTES_MAX || each > JST_ROUTES_MAX / sites) {
        (void)fprintf(stderr, "usage: route_bench [SITES [ROUTES]]: at most %u in all\n",
                      JST_ROUTES_MAX);
        return 2;
    }
    routes = must_have(calloc(sites * each, sizeof(*routes)));
    make_routes(routes, &names, sites, each);
    make_queries(&q, routes, sites, each);
    start = now_ns();
    if (jst_routes_build(&table, routes, sites * each) < 0) {
        exit_out_of_memory();
    }
    build_ms = (double)(now_ns() - start) / 1e6;
    printf("{\"sites\": %zu, \"routes_per_site\": %zu, \"load_ms\": %.1f, \"lookup_ns\": %.1f, "
           "\"bytes\": %zu, \"bytes_per_site\": %zu}\n",
           sites, each, build_ms, time_queries(table, &q), jst_routes_bytes(table),
           jst_routes_bytes(table) / sites);
    jst_routes_destroy(&table);
    free(names.hosts);
    free(names.host_p);
    free(names.paths);
    free(routes);
    return EXIT_SUCCESS;
}
