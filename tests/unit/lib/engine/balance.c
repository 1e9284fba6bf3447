// SPDX-License-Identifier: MIT
/*
 * Pools whose state four reactors share, under traffic and swaps: engines as clients' peer and as
 * origins. What was learnt outlives each swap, and a request in flight never loses its books.
 */
#include <joist/joist.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CLIENTS  6
#define SWAPS    60
#define THREADS  4
#define FAILURES 5
#define GOOD_N   2

struct client {
    pthread_t thread;
    uint16_t port;
    bool *stop;        /* atomic */
    unsigned answered; /* by 200 */
    unsigned failed;   /* by 5xx */
};

static struct joist_engine *
start_origin(uint16_t status)
{
    static struct joist_listener_conf listener;
    struct joist_route_conf route;
    struct joist_conf conf;
    struct joist_engine *e = NULL;

    joist_conf_init(&conf);
    joist_listener_conf_init(&listener);
    joist_route_conf_init(&route);
    listener.bind = "127.0.0.1:0";
    route.kind = JOIST_HANDLER_RESPOND;
    route.handler.respond =
        (struct joist_respond_conf){.status = status, .body = "ok", .body_n = 2};
    conf.threads = 1;
    conf.limits.conns_per_ip = 0;
    conf.listeners = &listener;
    conf.listeners_n = 1;
    conf.routes = &route;
    conf.routes_n = 1;
    assert_int_equal(joist_engine_create(&e, &conf, NULL, NULL), 0);
    assert_int_equal(joist_engine_start(e), 0);
    return e;
}

/* A request, and its whole answer: both are short, and end as "ok" does or with a page. */
static bool
ask(struct client *c, int fd)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a.test\r\nAccept: text/plain\r\n\r\n";
    char in[4096];
    ssize_t n;

    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1) {
        return false;
    }
    n = recv(fd, in, sizeof(in), 0);
    if (n < 12) {
        return false;
    }
    if (memcmp(in, "HTTP/1.1 200", 12) == 0) {
        c->answered++;
    } else {
        c->failed++;
    }
    return true;
}

static void *
run_client(void *arg)
{
    struct client *c = arg;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(c->port)};
    struct timeval patience = {.tv_sec = 5};

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while (!__atomic_load_n(c->stop, __ATOMIC_ACQUIRE)) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0) {
            for (unsigned i = 0; i < 20 && ask(c, fd); i++) {
            }
        }
        close(fd);
    }
    return NULL;
}

static void
wait_requests(const struct joist_engine *e, uint64_t n)
{
    static const struct timespec step = {.tv_nsec = 1000000};
    struct joist_stats stats = {0};

    for (unsigned i = 0; i < 30000 && stats.requests < n; i++) {
        (void)nanosleep(&step, NULL);
        joist_engine_stats(e, &stats);
    }
    assert_true(stats.requests >= n);
}

struct world {
    struct joist_engine *good[GOOD_N];
    struct joist_engine *bad;
    struct joist_listener_conf listener;
    struct joist_target_conf targets[GOOD_N + 1];
    char urls[GOOD_N + 1][40];
    struct joist_pool_conf pool;
    struct joist_route_conf route;
    struct joist_conf conf;
    struct client clients[CLIENTS];
    bool stop;
};

static void
add_target(struct world *w, size_t i, const struct joist_engine *origin)
{
    (void)snprintf(w->urls[i], sizeof(w->urls[i]), "http://127.0.0.1:%u",
                   joist_engine_port(origin, 0));
    w->targets[i] = (struct joist_target_conf){.url = w->urls[i], .weight = 1};
}

static void
make_world(struct world *w)
{
    memset(w, 0, sizeof(*w));
    for (size_t i = 0; i < GOOD_N; i++) {
        w->good[i] = start_origin(200);
        add_target(w, i, w->good[i]);
    }
    w->bad = start_origin(503);
    add_target(w, GOOD_N, w->bad);
    joist_conf_init(&w->conf);
    joist_listener_conf_init(&w->listener);
    joist_pool_conf_init(&w->pool);
    joist_route_conf_init(&w->route);
    w->listener.bind = "127.0.0.1:0";
    w->pool.name = "app";
    w->pool.targets = w->targets;
    w->pool.targets_n = GOOD_N + 1;
    w->route.kind = JOIST_HANDLER_PROXY;
    w->route.handler.proxy.pool = "app";
    w->conf.threads = THREADS;
    w->conf.limits.conns_per_ip = 0;
    w->conf.listeners = &w->listener;
    w->conf.listeners_n = 1;
    w->conf.pools = &w->pool;
    w->conf.pools_n = 1;
    w->conf.routes = &w->route;
    w->conf.routes_n = 1;
}

/* Traffic, and meanwhile one swap after the other, each with another strategy. */
static void
run(struct world *w)
{
    static const enum joist_strategy strategies[] = {
        JOIST_STRATEGY_LEAST_CONN, JOIST_STRATEGY_LEAST_LATENCY, JOIST_STRATEGY_HASH,
        JOIST_STRATEGY_RANDOM,     JOIST_STRATEGY_ROUND_ROBIN,
    };
    struct joist_engine *e = NULL;

    assert_int_equal(joist_engine_create(&e, &w->conf, NULL, NULL), 0);
    assert_int_equal(joist_engine_start(e), 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        w->clients[i].port = joist_engine_port(e, 0);
        w->clients[i].stop = &w->stop;
        assert_int_equal(pthread_create(&w->clients[i].thread, NULL, run_client, &w->clients[i]),
                         0);
    }
    wait_requests(e, 300);
    for (size_t i = 0; i < SWAPS; i++) {
        w->pool.strategy = strategies[i % (sizeof(strategies) / sizeof(strategies[0]))];
        w->targets[0].weight = (uint32_t)(1 + i % 3);
        assert_int_equal(joist_engine_swap(e, &w->conf, NULL, NULL), 0);
        wait_requests(e, 300 + i * 20);
    }
    __atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
    for (size_t i = 0; i < CLIENTS; i++) {
        pthread_join(w->clients[i].thread, NULL);
    }
    joist_engine_destroy(&e);
    assert_null(e);
}

static void
end_world(struct world *w)
{
    for (size_t i = 0; i < GOOD_N; i++) {
        joist_engine_destroy(&w->good[i]);
    }
    joist_engine_destroy(&w->bad);
}

static uint64_t
requests_of(const struct joist_engine *e)
{
    struct joist_stats stats;

    joist_engine_stats(e, &stats);
    return stats.requests;
}

/* It gets what makes it fail, and what was under way then: in all of this, with 60 swaps. */
static void
test_put_aside_over_swaps(void **state)
{
    static const struct joist_outlier_conf outlier = {FAILURES, 60000, 50};
    struct world w;

    (void)state;
    make_world(&w);
    w.pool.outlier = &outlier;
    run(&w);
    assert_in_range(requests_of(w.bad), FAILURES, FAILURES + CLIENTS);
    assert_true(requests_of(w.good[0]) > 100 && requests_of(w.good[1]) > 100);
    end_world(&w);
}

static void
test_breaker_over_swaps(void **state)
{
    static const struct joist_breaker_conf breaker = {
        .error_percent = 50, .min_requests = FAILURES, .window_ms = 60000, .open_ms = 60000};
    struct world w;

    (void)state;
    make_world(&w);
    w.pool.breaker = &breaker;
    run(&w);
    assert_in_range(requests_of(w.bad), FAILURES, FAILURES + CLIENTS);
    end_world(&w);
}

/* It opens, probes and opens again all the time, on all reactors at once. */
static void
test_flapping(void **state)
{
    static const struct joist_breaker_conf breaker = {
        .error_percent = 20, .min_requests = 2, .window_ms = 1000, .open_ms = 2};
    static const struct joist_outlier_conf outlier = {3, 3, 60};
    unsigned answered = 0;
    unsigned failed = 0;
    struct world w;

    (void)state;
    make_world(&w);
    w.pool.breaker = &breaker;
    w.pool.outlier = &outlier;
    w.pool.slow_start_ms = 50;
    run(&w);
    for (size_t i = 0; i < CLIENTS; i++) {
        answered += w.clients[i].answered;
        failed += w.clients[i].failed;
    }
    assert_true(answered > 1000);
    assert_true(failed < answered / 2);
    end_world(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_aside_over_swaps),
        cmocka_unit_test(test_breaker_over_swaps),
        cmocka_unit_test(test_flapping),
    };

    return cmocka_run_group_tests_name("engine/balance", tests, NULL, NULL);
}
