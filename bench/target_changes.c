// SPDX-License-Identifier: MIT
/*
 * A proxy whose targets change while it is under load, through the public API alone.
 *
 *   target_changes PORT CHANGES_PER_S ORIGIN...    http://127.0.0.1:ORIGIN; at least two
 *
 * The first half of the origins stays; of the rest each is in turn added, weighed and removed by a
 * thread of its own: one of the three is a change. SIGTERM ends it: then it prints one JSON object:
 * how many changes were made and failed, and what the slowest took.
 */
#include <joist/joist.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TARGETS_MAX 1000

struct run {
    struct joist_engine *engine;
    char urls[TARGETS_MAX][48];
    size_t n;
    unsigned per_s;
    int stop; /* atomic */
    /* of the changing thread, until it is joined */
    unsigned long changes, failed;
    uint64_t slowest_ns, sum_ns;
};

static uint64_t
now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int
change(const struct run *r, unsigned long number)
{
    size_t stay = r->n / 2;
    size_t others = r->n - stay;
    const char *url = r->urls[stay + (number / 3) % others];
    struct joist_target_conf target = {.url = url, .weight = 1};

    switch (number % 3) {
    case 0:
        return joist_upstream_add(r->engine, "origins", &target, NULL);
    case 1:
        return joist_upstream_weight(r->engine, "origins", url, 3, NULL);
    default:
        /* It stays for a while, so that there is something to lose: what goes is an older one. */
        url = r->urls[stay + (number / 3 + 1) % others];
        return number / 3 + 1 < others ? 0 : joist_upstream_remove(r->engine, "origins", url, NULL);
    }
}

static void *
run_changes(void *arg)
{
    struct run *r = arg;
    uint64_t at = now_ns();

    while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
        struct timespec until = {(time_t)(at / 1000000000u), (long)(at % 1000000000u)};
        uint64_t start, took;

        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        start = now_ns();
        r->failed += change(r, r->changes++) != 0;
        took = now_ns() - start;
        r->sum_ns += took;
        r->slowest_ns = took > r->slowest_ns ? took : r->slowest_ns;
        at += 1000000000u / r->per_s;
    }
    return NULL;
}

static struct joist_engine *
start(struct run *r, const char *port)
{
    static struct joist_target_conf targets[TARGETS_MAX];
    struct joist_listener_conf listener;
    struct joist_route_conf route;
    struct joist_pool_conf pool;
    struct joist_conf conf;
    struct joist_engine *e = NULL;
    char bind[32];

    joist_conf_init(&conf);
    joist_listener_conf_init(&listener);
    joist_route_conf_init(&route);
    joist_pool_conf_init(&pool);
    (void)snprintf(bind, sizeof(bind), "127.0.0.1:%s", port);
    for (size_t i = 0; i < r->n / 2; i++) {
        targets[i] = (struct joist_target_conf){.url = r->urls[i], .weight = 1};
    }
    listener.bind = bind;
    pool.name = "origins";
    pool.strategy = JOIST_STRATEGY_ROUND_ROBIN;
    pool.dynamic = true;
    pool.targets = targets;
    pool.targets_n = r->n / 2;
    route.kind = JOIST_HANDLER_PROXY;
    route.handler.proxy.pool = "origins";
    conf.limits.conns_per_ip = 0;
    conf.listeners = &listener;
    conf.listeners_n = 1;
    conf.pools = &pool;
    conf.pools_n = 1;
    conf.routes = &route;
    conf.routes_n = 1;
    if (joist_engine_create(&e, &conf, NULL, NULL) < 0 || joist_engine_start(e) < 0) {
        joist_engine_destroy(&e);
    }
    return e;
}

int
main(int argc, char **argv)
{
    static struct run r;
    pthread_t thread;
    sigset_t ends;
    int got;

    if (argc < 5 || argc - 3 > TARGETS_MAX) {
        (void)fprintf(stderr, "usage: target_changes PORT CHANGES_PER_S ORIGIN ORIGIN...\n");
        return 2;
    }
    r.per_s = (unsigned)strtoul(argv[2], NULL, 10);
    r.n = (size_t)argc - 3;
    for (size_t i = 0; i < r.n; i++) {
        (void)snprintf(r.urls[i], sizeof(r.urls[i]), "http://127.0.0.1:%s", argv[i + 3]);
    }
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
    r.engine = start(&r, argv[1]);
    if (r.engine == NULL) {
        (void)fprintf(stderr, "target_changes: cannot start on port %s\n", argv[1]);
        return 1;
    }
    if (r.per_s > 0 && pthread_create(&thread, NULL, run_changes, &r) != 0) {
        return 1;
    }
    (void)sigwait(&ends, &got);
    __atomic_store_n(&r.stop, 1, __ATOMIC_RELAXED);
    if (r.per_s > 0) {
        (void)pthread_join(thread, NULL);
    }
    joist_engine_destroy(&r.engine);
    (void)printf("{\"changes\": %lu, \"failed\": %lu, \"change_us\": %.1f, \"slowest_us\": %.1f}\n",
                 r.changes, r.failed,
                 r.changes > 0 ? (double)r.sum_ns / 1000.0 / (double)r.changes : 0.0,
                 (double)r.slowest_ns / 1000.0);
    return 0;
}
