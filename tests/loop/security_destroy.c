// SPDX-License-Identifier: MIT
/*
 * An engine that is destroyed without a drain ends although clients go on connecting and asking.
 */
#include <joist/joist.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CLIENTS       4
#define CLIENT_S      8 /* how long each goes on, so that the test ends even if destroy hangs */
#define DESTROY_MAX_S 4.0

struct client {
    pthread_t thread;
    uint16_t port;
};

static double
now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One connection: ask, read, ask again until it is cut. */
static void
ask_on(int fd, double until_s)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    char in[4096];

    while (now_s() < until_s &&
           send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1 &&
           recv(fd, in, sizeof(in), 0) > 0) {
    }
}

static void *
run_client(void *arg)
{
    const struct client *c = arg;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(c->port)};
    struct timeval patience = {.tv_sec = 1};
    double until_s = now_s() + CLIENT_S;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while (now_s() < until_s) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
            close(fd);
            break; /* nobody listens any more */
        }
        ask_on(fd, until_s);
        close(fd);
    }
    return NULL;
}

static void
wait_requests(const struct joist_engine *e, uint64_t n)
{
    static const struct timespec step = {.tv_nsec = 1000000};
    struct joist_stats stats = {0};
    double until_s = now_s() + CLIENT_S;

    while (stats.requests < n && now_s() < until_s) {
        (void)nanosleep(&step, NULL);
        joist_engine_stats(e, &stats);
    }
    assert_true(stats.requests >= n);
}

static void
test_destroy_under_traffic(void **state)
{
    struct joist_listener_conf listener = {.bind = "127.0.0.1:0"};
    struct joist_route_conf route;
    struct joist_conf conf;
    struct joist_engine *e = NULL;
    struct client clients[CLIENTS];
    double began_s;

    (void)state;
    joist_conf_init(&conf);
    joist_route_conf_init(&route);
    route.kind = JOIST_HANDLER_RESPOND;
    route.handler.respond = (struct joist_respond_conf){.status = 200, .body = "ok", .body_n = 2};
    conf.threads = 2;
    conf.listeners = &listener;
    conf.listeners_n = 1;
    conf.routes = &route;
    conf.routes_n = 1;
    assert_int_equal(joist_engine_create(&e, &conf, NULL, NULL), 0);
    assert_int_equal(joist_engine_start(e), 0);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].port = joist_engine_port(e, 0);
        assert_int_equal(pthread_create(&clients[i].thread, NULL, run_client, &clients[i]), 0);
    }
    wait_requests(e, 100);
    began_s = now_s();
    joist_engine_destroy(&e);
    assert_true(now_s() - began_s < DESTROY_MAX_S);
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_destroy_under_traffic)};

    return cmocka_run_group_tests_name("security/destroy", tests, NULL, NULL);
}
