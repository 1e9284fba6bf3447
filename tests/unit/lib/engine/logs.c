// SPDX-License-Identifier: MIT
/*
 * What the log callbacks get: events, access records, and the count of what they missed.
 */
#include "traffic.h"

#include <stdio.h>

struct taken {
    pthread_mutex_t lock; /* held by a test: the log thread is stuck */
    unsigned events;
    unsigned accesses;
    unsigned unflushed; /* records since the last that was marked as a batch's last */
    char names[4096];
    struct joist_access last;
    char texts[4096]; /* of the last */
};

static void
on_event(void *ctx, const struct joist_log_event *e, bool more)
{
    struct taken *t = ctx;
    size_t n = strlen(t->names);

    pthread_mutex_lock(&t->lock);
    t->events++;
    t->unflushed = more ? t->unflushed + 1 : 0;
    (void)snprintf(t->names + n, sizeof(t->names) - n, "%s %.*s\n", e->name, (int)e->text.n,
                   e->text.p);
    pthread_mutex_unlock(&t->lock);
}

static void
on_access(void *ctx, const struct joist_access *a, bool more)
{
    struct taken *t = ctx;
#define TEXT(x) (int)a->x.n, a->x.n > 0 ? a->x.p : ""

    pthread_mutex_lock(&t->lock);
    t->accesses++;
    t->unflushed = more ? t->unflushed + 1 : 0;
    t->last = *a;
    (void)snprintf(t->texts, sizeof(t->texts),
                   "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s",
                   TEXT(method), TEXT(host), TEXT(path), TEXT(query), TEXT(proto), TEXT(scheme),
                   TEXT(user_agent), TEXT(referer), TEXT(request_type), TEXT(response_type),
                   TEXT(client_addr), TEXT(remote_addr), TEXT(service), TEXT(target));
    pthread_mutex_unlock(&t->lock);
#undef TEXT
}

static void
begin(struct setup *s, struct taken *t)
{
    memset(t, 0, sizeof(*t));
    pthread_mutex_init(&t->lock, NULL);
    setup_init(s, 1);
    setup_respond(s, "/", "hi");
    s->routes[0].name = "greeting";
    s->conf.log = (struct joist_log_conf){JOIST_LOG_INFO, on_event, on_access, t};
}

static void
test_access_record(void **state)
{
    static const char *const trusted[] = {"127.0.0.0/8"};
    static struct setup s;
    static struct client c;
    static struct reply r;
    static struct taken t;
    struct joist_engine *e;
    uint16_t port;

    (void)state;
    begin(&s, &t);
    s.conf.trusted_proxies = trusted;
    s.conf.trusted_proxies_n = 1;
    e = setup_start(&s);
    port = joist_engine_port(e, 0);
    assert_int_equal(client_connect(&c, port), 0);
    client_send(&c, "POST /a%20b?q=1 HTTP/1.1\r\nHost: Example.COM:80\r\nUser-Agent: ua/1\r\n"
                    "Referer: http://r/\r\nContent-Type: text/x\r\nContent-Length: 4\r\n"
                    "X-Forwarded-For: 198.51.100.9\r\nX-Request-Id: id-7\r\n\r\nbody");
    client_reply(&c, &r);
    assert_int_equal(r.status, 200);
    client_close(&c);
    joist_engine_destroy(&e); /* writes out what is left */
    assert_int_equal(t.accesses, 1);
    assert_int_equal(t.unflushed, 0);
    assert_string_equal(t.texts, "POST|example.com|/a%20b|q=1|HTTP/1.1|http|ua/1|http://r/|text/x|"
                                 "text/plain; charset=utf-8|198.51.100.9|127.0.0.1|greeting|");
    assert_int_equal(t.last.status, 200);
    assert_int_equal(t.last.port, port);
    assert_int_equal(t.last.response_bytes, 2);
    assert_int_equal(t.last.why, 0);
    assert_false(t.last.tls || t.last.aborted);
    assert_true(t.last.time_us > 1600000000000000);
    assert_true(t.last.duration_ns < 10000000000u);
}

static void
test_events(void **state)
{
    static struct setup s;
    static struct client c;
    static struct reply r;
    static struct taken t;
    struct joist_engine *e;

    (void)state;
    begin(&s, &t);
    e = setup_start(&s);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    for (int i = 0; i < 100; i++) { /* BAD_REQUEST has a rate of its own */
        client_send(&c, "GET / HTTP/1.1\r\n\r\n");
        client_reply(&c, &r);
        assert_int_equal(r.status, 400);
        client_close(&c);
        assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    }
    assert_int_equal(joist_engine_swap(e, &s.conf, NULL, NULL), 0);
    assert_int_equal(joist_engine_drain(e, 1000), 0);
    assert_int_equal(joist_engine_wait(e, 10000), 0);
    client_close(&c);
    joist_engine_destroy(&e);
    assert_non_null(strstr(t.names, "LISTENING listener="));
    assert_non_null(strstr(t.names, "BAD_REQUEST status=400 "));
    assert_non_null(strstr(t.names, "SWAPPED routes=1 "));
    assert_non_null(strstr(t.names, "DRAINING deadline_ms=1000"));
    assert_non_null(strstr(t.names, "DRAINED "));
    assert_int_equal(t.accesses, 100);
    assert_true(t.events < 4 + 100);
    assert_int_equal(t.unflushed, 0);
}

/* Level and NULL callbacks: nothing is called. */
static void
test_no_callbacks(void **state)
{
    static struct setup s;
    static struct client c;
    static struct reply r;
    static struct taken t;
    struct joist_engine *e;

    (void)state;
    begin(&s, &t);
    s.conf.log.on_access = NULL;
    s.conf.log.level = JOIST_LOG_ERROR;
    e = setup_start(&s);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_send(&c, "GET / HTTP/1.1\r\n\r\n");
    client_reply(&c, &r);
    client_close(&c);
    joist_engine_destroy(&e);
    assert_int_equal(t.events, 0);

    begin(&s, &t);
    s.conf.log.on_event = NULL;
    e = setup_start(&s);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_get(&c, &r, "/");
    client_close(&c);
    joist_engine_destroy(&e);
    assert_int_equal(t.events, 0);
    assert_int_equal(t.accesses, 1);
}

/* The log thread hangs: requests go on, lines are dropped and counted. */
static void
test_full_ring_drops_and_counts(void **state)
{
    static struct setup s;
    static struct client c;
    static struct reply r;
    static struct taken t;
    static char path[6000];
    struct joist_stats stats;
    struct joist_engine *e;
    const unsigned requests = 600; /* of 6 KB each: thrice the ring */

    (void)state;
    memset(path, 'p', sizeof(path) - 1);
    path[0] = '/';
    begin(&s, &t);
    pthread_mutex_lock(&t.lock);
    e = setup_start(&s);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    for (unsigned i = 0; i < requests; i++) {
        client_get(&c, &r, path);
        assert_int_equal(r.status, 200);
    }
    joist_engine_stats(e, &stats);
    assert_true(stats.log_dropped > requests / 3);
    assert_true(stats.log_dropped < requests);
    pthread_mutex_unlock(&t.lock);
    client_close(&c);
    joist_engine_destroy(&e);
    assert_int_equal(t.accesses + stats.log_dropped, requests);
    assert_non_null(strstr(t.names, "LOG_DROPPED lines=")); /* and it says so */
    assert_int_equal(t.unflushed, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_access_record),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_no_callbacks),
        cmocka_unit_test(test_full_ring_drops_and_counts),
    };

    return cmocka_run_group_tests_name("engine/logs", tests, NULL, NULL);
}
