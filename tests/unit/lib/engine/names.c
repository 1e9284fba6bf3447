// SPDX-License-Identifier: MIT
/*
 * Names whose addresses change all the time, under traffic and while configurations change: no
 * request fails. A DNS server of our own says another set with each answer.
 */
#include "traffic.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS   3
#define NAMES     3
#define SWAPS     60
#define ASKED_MIN 60u /* each second question is for IPv6 */

/* ---- DNS ---- */

struct dns {
    pthread_t thread;
    int fd;
    char address[32];
    unsigned asked; /* atomic */
};

/* Where the question ends, or 0. */
static size_t
question_end(const unsigned char *p, size_t n)
{
    size_t at = 12;

    while (at < n && p[at] != 0) {
        at += 1u + p[at];
    }
    return at + 5 <= n ? at + 5 : 0;
}

static size_t
add_address(unsigned char *p, size_t at, unsigned char last)
{
    const unsigned char record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, last};

    memcpy(p + at, record, sizeof(record));
    return at + sizeof(record);
}

/* 127.0.0.1 is always there; one where nobody listens comes and goes, and another one. */
static size_t
make_answer(unsigned char *p, size_t n, unsigned number)
{
    size_t at = question_end(p, n);

    if (at == 0) {
        return 0;
    }
    p[2] = 0x84;
    p[3] = 0;
    memset(p + 6, 0, 6); /* no records: so far, and of other kinds */
    if (p[at - 3] != 1) {
        return at; /* IPv6 */
    }
    p[7] = number / 2 % 2 ? 2 : 1;
    if (p[7] == 2) {
        at = add_address(p, at, (unsigned char)(8 + number / 4 % 2));
    }
    return add_address(p, at, 1);
}

static void *
run_dns(void *arg)
{
    struct dns *d = arg;
    struct sockaddr_in from;
    unsigned char p[1024];

    for (;;) {
        socklen_t from_n = sizeof(from);
        ssize_t n = recvfrom(d->fd, p, 512, 0, (struct sockaddr *)&from, &from_n);
        size_t answer_n;

        if (n <= 1) { /* a byte is the end */
            return NULL;
        }
        answer_n = make_answer(p, (size_t)n, __atomic_fetch_add(&d->asked, 1, __ATOMIC_RELAXED));
        (void)sendto(d->fd, p, answer_n, 0, (struct sockaddr *)&from, from_n);
    }
}

static void
dns_start(struct dns *d)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);

    memset(d, 0, sizeof(*d));
    d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(d->fd >= 0);
    assert_int_equal(bind(d->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(d->fd, (struct sockaddr *)&at, &n), 0);
    (void)snprintf(d->address, sizeof(d->address), "127.0.0.1:%u", ntohs(at.sin_port));
    assert_int_equal(pthread_create(&d->thread, NULL, run_dns, d), 0);
}

static void
dns_stop(struct dns *d)
{
    struct sockaddr_in at;
    socklen_t n = sizeof(at);

    assert_int_equal(getsockname(d->fd, (struct sockaddr *)&at, &n), 0);
    assert_int_equal(sendto(d->fd, "", 1, 0, (struct sockaddr *)&at, n), 1);
    pthread_join(d->thread, NULL);
    close(d->fd);
}

/* ---- traffic ---- */

struct traffic {
    pthread_t thread;
    uint16_t port;
    int stop; /* atomic */
    unsigned requests;
    char wrong[128];
};

static void *
run_traffic(void *arg)
{
    static _Thread_local struct client c;
    static _Thread_local struct reply r;
    struct traffic *t = arg;

    if (client_connect(&c, t->port) < 0) {
        (void)snprintf(t->wrong, sizeof(t->wrong), "cannot connect");
        return NULL;
    }
    while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED) && t->wrong[0] == '\0') {
        char path[16];

        (void)snprintf(path, sizeof(path), "/n%u", t->requests % NAMES);
        client_get(&c, &r, path);
        if (r.status != 200) {
            (void)snprintf(t->wrong, sizeof(t->wrong), "status %d (%.60s)", r.status, r.body);
        }
        t->requests++;
    }
    client_close(&c);
    return NULL;
}

struct world {
    struct setup s;
    struct joist_target_conf targets[NAMES];
    char urls[NAMES][64];
    char names[NAMES][8];
    char paths[NAMES][8];
    const char *servers[1];
};

/* One target with alternatives; a target an address, with nothing known of it; the same, counted.
 */
static const enum joist_strategy strategies[NAMES] = {
    JOIST_STRATEGY_SINGLE, JOIST_STRATEGY_ROUND_ROBIN, JOIST_STRATEGY_LEAST_CONN};

static void
fill(struct world *w, const struct origin *o, const struct dns *d)
{
    setup_init(&w->s, 2);
    w->servers[0] = d->address;
    w->s.conf.dns.servers = w->servers;
    w->s.conf.dns.servers_n = 1;
    w->s.conf.dns.min_ttl_ms = 100;
    w->s.conf.dns.max_ttl_ms = 100;
    for (unsigned i = 0; i < NAMES; i++) {
        struct joist_pool_conf *pool = &w->s.pools[i];
        struct joist_route_conf *route;

        (void)snprintf(w->urls[i], sizeof(w->urls[i]), "http://n%u.test:%u", i, o->port);
        (void)snprintf(w->names[i], sizeof(w->names[i]), "n%u", i);
        (void)snprintf(w->paths[i], sizeof(w->paths[i]), "/n%u", i);
        w->targets[i] = (struct joist_target_conf){.url = w->urls[i], .weight = 1};
        joist_pool_conf_init(pool);
        pool->strategy = strategies[i];
        pool->name = w->names[i];
        pool->targets = &w->targets[i];
        pool->targets_n = 1;
        route = setup_route(&w->s, w->paths[i], JOIST_HANDLER_PROXY);
        route->handler.proxy = (struct joist_proxy_conf){.pool = w->names[i]};
    }
    w->s.conf.pools = w->s.pools;
    w->s.conf.pools_n = NAMES;
}

static void
test_names_change_under_traffic(void **state)
{
    static struct world w;
    struct origin o;
    struct dns d;
    struct traffic t[CLIENTS] = {0};
    struct joist_engine *e;

    (void)state;
    origin_start(&o);
    dns_start(&d);
    fill(&w, &o, &d);
    e = setup_start(&w.s);
    assert_int_equal(w.s.reports.warnings, 0); /* the first answers were waited for */
    for (size_t i = 0; i < CLIENTS; i++) {
        t[i].port = joist_engine_port(e, 0);
        assert_int_equal(pthread_create(&t[i].thread, NULL, run_traffic, &t[i]), 0);
    }
    for (unsigned i = 0; i < SWAPS || __atomic_load_n(&d.asked, __ATOMIC_RELAXED) < ASKED_MIN;
         i++) {
        assert_true(i < 2000);
        assert_int_equal(joist_engine_swap(e, &w.s.conf, reports_take, &w.s.reports), 0);
        usleep(20000); /* names take their time: this is what changes beside the swaps */
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        __atomic_store_n(&t[i].stop, 1, __ATOMIC_RELAXED);
        pthread_join(t[i].thread, NULL);
        assert_string_equal(t[i].wrong, "");
        assert_true(t[i].requests > 0);
    }
    assert_int_equal(w.s.reports.warnings, 0); /* a swap knows the names already */
    joist_engine_destroy(&e);
    dns_stop(&d);
    origin_stop(&o);
}

/* Nobody answers: the start waits for a bounded time, and the end for nothing. */
static void
test_server_that_is_silent(void **state)
{
    static struct world w;
    struct origin o;
    struct dns d;
    struct joist_engine *e;

    (void)state;
    origin_start(&o);
    dns_start(&d);
    dns_stop(&d);
    fill(&w, &o, &d);
    w.s.conf.dns.timeout_ms = 100;
    assert_int_equal(joist_engine_create(&e, &w.s.conf, reports_take, &w.s.reports), 0);
    assert_int_equal(w.s.reports.warnings, NAMES);
    joist_engine_destroy(&e);
    origin_stop(&o);
}

/* A configuration whose names are not used any more leaves nothing behind. */
static void
test_names_come_and_go(void **state)
{
    static struct world w;
    static struct setup plain;
    struct origin o;
    struct dns d;
    struct joist_engine *e;

    (void)state;
    origin_start(&o);
    dns_start(&d);
    setup_init(&plain, 2);
    setup_respond(&plain, "/", "none");
    e = setup_start(&plain);
    for (unsigned i = 0; i < 10; i++) {
        fill(&w, &o, &d);
        assert_int_equal(joist_engine_swap(e, &w.s.conf, reports_take, &w.s.reports), 0);
        assert_int_equal(w.s.reports.errors, 0);
        assert_int_equal(joist_engine_swap(e, &plain.conf, reports_take, &plain.reports), 0);
    }
    joist_engine_destroy(&e);
    dns_stop(&d);
    origin_stop(&o);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_change_under_traffic),
        cmocka_unit_test(test_server_that_is_silent),
        cmocka_unit_test(test_names_come_and_go),
    };

    return cmocka_run_group_tests_name("engine/names", tests, NULL, NULL);
}
