// SPDX-License-Identifier: MIT
/*
 * Configurations change under traffic: no request fails, none sees a mix, no connection is closed.
 */
#include "traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLIENTS 4
#define SWAPS   200

struct gen {
    char text[32];
    char base[32];
    struct joist_pair header;
};

/* Two routes, each of which tells its generation in two ways. */
static void
fill(struct setup *s, struct gen *g, unsigned number, const char *origin)
{
    struct joist_route_conf *r;

    setup_init(s, 2);
    (void)snprintf(g->text, sizeof(g->text), "gen-%u", number);
    (void)snprintf(g->base, sizeof(g->base), "/gen-%u", number);
    g->header = (struct joist_pair){"X-Gen", g->text};
    setup_respond(s, "/own", g->text);
    setup_pool(s, origin);
    r = setup_route(s, "/proxied", JOIST_HANDLER_PROXY);
    r->strip_prefix = true;
    r->handler.proxy = (struct joist_proxy_conf){.pool = "origin", .path_base = g->base};
    for (size_t i = 0; i < s->conf.routes_n; i++) {
        s->routes[i].response_headers = &g->header;
        s->routes[i].response_headers_n = 1;
    }
}

struct traffic {
    pthread_t thread;
    uint16_t port;
    int stop; /* atomic */
    unsigned requests;
    unsigned seen; /* different generations */
    char wrong[256];
};

/* The header and the body must name the same generation. */
static void
check(struct traffic *t, const struct reply *r)
{
    const char *head = strstr(r->head, "\r\nX-Gen: gen-");
    const char *body = strstr(r->body, "gen-");
    unsigned long of_head = head != NULL ? strtoul(head + 13, NULL, 10) : 0;
    unsigned long of_body = body != NULL ? strtoul(body + 4, NULL, 10) : 1;

    if (r->status != 200 || head == NULL || of_head != of_body) {
        (void)snprintf(t->wrong, sizeof(t->wrong), "status %d, header %lu, body %lu (%.60s)",
                       r->status, of_head, of_body, r->body);
    }
}

static void *
run_traffic(void *arg)
{
    static _Thread_local struct client c;
    static _Thread_local struct reply r;
    struct traffic *t = arg;
    char last[sizeof(r.body)] = "";

    if (client_connect(&c, t->port) < 0) {
        (void)snprintf(t->wrong, sizeof(t->wrong), "cannot connect");
        return NULL;
    }
    while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED) && t->wrong[0] == '\0') {
        bool proxied = t->requests % 2 == 1;

        client_get(&c, &r, proxied ? "/proxied/x" : "/own");
        check(t, &r);
        t->requests++;
        t->seen += !proxied && strcmp(last, r.body) != 0;
        if (!proxied) {
            (void)snprintf(last, sizeof(last), "%s", r.body);
        }
    }
    client_close(&c);
    return NULL;
}

static void
test_swap_under_traffic(void **state)
{
    static struct setup s;
    struct origin o;
    struct gen g;
    struct traffic t[CLIENTS] = {0};
    struct joist_stats stats;
    struct joist_engine *e;
    unsigned requests = 0;

    (void)state;
    origin_start(&o);
    fill(&s, &g, 0, o.url);
    e = setup_start(&s);
    for (size_t i = 0; i < CLIENTS; i++) {
        t[i].port = joist_engine_port(e, 0);
        assert_int_equal(pthread_create(&t[i].thread, NULL, run_traffic, &t[i]), 0);
    }
    for (unsigned i = 1; i <= SWAPS; i++) {
        fill(&s, &g, i, o.url);
        assert_int_equal(joist_engine_swap(e, &s.conf, reports_take, &s.reports), 0);
        usleep(1000); /* let some requests pass: what is tested is their mixing */
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        __atomic_store_n(&t[i].stop, 1, __ATOMIC_RELAXED);
        pthread_join(t[i].thread, NULL);
        assert_string_equal(t[i].wrong, "");
        assert_true(t[i].seen > SWAPS / 20);
        requests += t[i].requests;
    }
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.requests, requests);
    assert_int_equal(stats.status_2xx, requests);
    assert_int_equal(stats.conns_accepted, CLIENTS);
    assert_true(stats.upstream_connects <= CLIENTS); /* kept over swaps: found by identity */
    assert_int_equal(stats.upstream_failures, 0);
    joist_engine_destroy(&e);
    origin_stop(&o);
}

/* What a request began with holds until its end, however often the configuration changes. */
static void
test_a_long_request_keeps_its_configuration(void **state)
{
    static struct setup s;
    static struct client c;
    static struct client other;
    static struct reply r;
    struct origin o;
    struct gen g;
    struct joist_engine *e;

    (void)state;
    origin_start(&o);
    fill(&s, &g, 0, o.url);
    e = setup_start(&s);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_send(&c, "GET /proxied/hold HTTP/1.1\r\nHost: a.test\r\n\r\n");
    origin_wait_held(&o, 1);
    for (unsigned i = 1; i <= 5; i++) {
        fill(&s, &g, i, o.url);
        assert_int_equal(joist_engine_swap(e, &s.conf, reports_take, &s.reports), 0);
    }
    assert_int_equal(client_connect(&other, joist_engine_port(e, 0)), 0);
    client_get(&other, &r, "/own");
    assert_string_equal(r.body, "gen-5");
    origin_release(&o);
    client_reply(&c, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "/gen-0/hold");
    assert_non_null(strstr(r.head, "\r\nX-Gen: gen-0\r\n"));
    client_get(&c, &r, "/own"); /* the same connection, the new configuration */
    assert_string_equal(r.body, "gen-5");
    client_close(&c);
    client_close(&other);
    joist_engine_destroy(&e);
    origin_stop(&o);
}

/* A target that the new configuration does not name: its idle connections go. */
static void
test_swap_to_another_origin(void **state)
{
    static struct setup s;
    static struct client c;
    static struct reply r;
    struct joist_stats stats;
    struct origin a;
    struct origin b;
    struct gen g;
    struct joist_engine *e;

    (void)state;
    origin_start(&a);
    origin_start(&b);
    fill(&s, &g, 0, a.url);
    e = setup_start(&s);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_get(&c, &r, "/proxied/x");
    assert_int_equal(r.status, 200);
    fill(&s, &g, 1, b.url);
    assert_int_equal(joist_engine_swap(e, &s.conf, reports_take, &s.reports), 0);
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.upstream_idle, 0);
    client_get(&c, &r, "/proxied/x");
    assert_string_equal(r.body, "/gen-1/x");
    assert_int_equal(b.conns, 1);
    client_close(&c);
    joist_engine_destroy(&e);
    origin_stop(&a);
    origin_stop(&b);
}

/* Wrong or different ones change nothing. */
static void
test_what_cannot_be_swapped(void **state)
{
    static struct setup s;
    static struct client c;
    static struct reply r;
    struct gen g;
    struct joist_engine *e;

    (void)state;
    fill(&s, &g, 0, "http://127.0.0.1:1");
    e = setup_start(&s);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);

    fill(&s, &g, 1, "http://127.0.0.1:1");
    s.conf.threads = 1;
    assert_int_equal(joist_engine_swap(e, &s.conf, NULL, NULL), JOIST_E_UNSUPPORTED);
    fill(&s, &g, 1, "http://127.0.0.1:1");
    s.listeners[0].bind = "0.0.0.0:0";
    assert_int_equal(joist_engine_swap(e, &s.conf, NULL, NULL), JOIST_E_UNSUPPORTED);
    s.listeners[0].bind = "unix:/tmp/joist-never.sock";
    assert_int_equal(joist_engine_swap(e, &s.conf, NULL, NULL), JOIST_E_UNSUPPORTED);
    fill(&s, &g, 1, "http://127.0.0.1:1");
    s.listeners[1].bind = "127.0.0.1:0";
    s.conf.listeners_n = 2;
    assert_int_equal(joist_engine_swap(e, &s.conf, NULL, NULL), JOIST_E_UNSUPPORTED);
    fill(&s, &g, 1, "http://127.0.0.1:1");
    s.conf.log.level = JOIST_LOG_DEBUG;
    assert_int_equal(joist_engine_swap(e, &s.conf, NULL, NULL), JOIST_E_UNSUPPORTED);
    fill(&s, &g, 1, "http://127.0.0.1:1");
    s.routes[0].handler.respond.status = 99;
    s.routes[1].path = "no-slash";
    assert_int_equal(joist_engine_swap(e, &s.conf, reports_take, &s.reports), JOIST_E_INVAL);
    assert_int_equal(s.reports.errors, 2);

    client_get(&c, &r, "/own");
    assert_string_equal(r.body, "gen-0");
    assert_int_equal(joist_engine_state(e), JOIST_STATE_RUNNING);
    client_close(&c);
    joist_engine_destroy(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_swap_under_traffic),
        cmocka_unit_test(test_a_long_request_keeps_its_configuration),
        cmocka_unit_test(test_swap_to_another_origin),
        cmocka_unit_test(test_what_cannot_be_swapped),
    };

    return cmocka_run_group_tests_name("engine/swap", tests, NULL, NULL);
}
