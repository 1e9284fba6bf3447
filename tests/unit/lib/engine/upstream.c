// SPDX-License-Identifier: MIT
/*
 * Targets of a running engine are changed (joist/upstream.h): what begins after a call goes by it,
 * what runs goes on, and what cannot be done is said.
 */
#include "dynamic.h"

#include <stdio.h>
#include <unistd.h>

#define ASKS 24

static struct front f;
static struct client c, other;
static struct reply r;
static struct joist_err err;

static struct joist_target_conf
target(const char *url)
{
    return (struct joist_target_conf){.url = url, .weight = 1};
}

static int
add(struct joist_engine *e, const char *url)
{
    struct joist_target_conf t = target(url);

    return joist_upstream_add(e, "origin", &t, &err);
}

/* How many of so many requests were answered by this letter. All must be answered. */
static unsigned
count(struct joist_engine *e, char letter)
{
    unsigned n = 0;

    for (unsigned i = 0; i < ASKS; i++) {
        char body[16];

        assert_int_equal(front_ask(e, "/", body), 200);
        n += body[0] == letter;
    }
    return n;
}

/* ---- what cannot be done ---- */

static void
test_refused(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:1"};
    struct joist_target_conf t = target("http://127.0.0.1:2");
    struct joist_engine *e = NULL;

    (void)state;
    front_fill(&f, 1, urls, 1);
    joist_pool_conf_init(&f.s.pools[1]);
    f.s.pools[1].name = "fixed";
    f.s.pools[1].targets = f.targets;
    f.s.pools[1].targets_n = 1;
    f.s.conf.pools_n = 2;
    assert_int_equal(joist_engine_create(&e, &f.s.conf, NULL, NULL), 0);
    assert_int_equal(joist_upstream_add(e, "origin", &t, &err), JOIST_E_STATE);
    assert_int_equal(joist_engine_start(e), 0);

    assert_int_equal(joist_upstream_add(e, "nobody", &t, &err), JOIST_E_NOTFOUND);
    assert_non_null(strstr(err.message, "'nobody'"));
    assert_int_equal(joist_upstream_add(e, "fixed", &t, &err), JOIST_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "dynamic"));
    assert_int_equal(add(e, "http://127.0.0.1:1/"), JOIST_E_EXISTS);
    assert_int_equal(err.code, JOIST_E_EXISTS);
    assert_int_equal(add(e, "127.0.0.1:1"), JOIST_E_INVAL);
    assert_int_equal(err.code, JOIST_E_INVAL);
    t.weight = 0;
    assert_int_equal(joist_upstream_add(e, "origin", &t, &err), JOIST_E_INVAL);
    assert_non_null(strstr(err.message, "65535"));
    t = target("https://_http._tcp.a.test");
    t.srv = true;
    assert_int_equal(joist_upstream_add(e, "origin", &t, &err), JOIST_E_INVAL);
    assert_non_null(strstr(err.message, "verify_name"));
    assert_int_equal(joist_upstream_remove(e, "origin", "http://127.0.0.1:3", &err),
                     JOIST_E_NOTFOUND);
    assert_int_equal(joist_upstream_weight(e, "origin", urls[0], 65536, &err), JOIST_E_INVAL);
    assert_int_equal(
        joist_upstream_drain(e, "origin", urls[0], 0, (enum joist_tunnel_policy)3, NULL),
        JOIST_E_INVAL);
    assert_int_equal(joist_upstream_ready(e, "fixed", NULL, NULL), JOIST_E_UNSUPPORTED);
    assert_int_equal(joist_listener_drain(e, 1, 0), JOIST_E_NOTFOUND);
    joist_engine_destroy(&e);
}

/* ---- add, remove, weigh ---- */

static void
test_all_threads_have_it_at_once(void **state)
{
    struct letters l;
    const char *urls[] = {l.urls[0]};
    struct joist_engine *e;

    (void)state;
    letters_start(&l);
    front_fill(&f, 4, urls, 1);
    e = setup_start(&f.s);
    for (unsigned i = 0; i < 12; i++) {
        const char *before = l.urls[i % 2];
        const char *now = l.urls[(i + 1) % 2];

        assert_int_equal(add(e, now), 0);
        assert_int_equal(joist_upstream_remove(e, "origin", before, &err), 0);
        assert_int_equal(count(e, (char)('a' + (i + 1) % 2)), ASKS);
    }
    joist_engine_destroy(&e);
    letters_stop(&l);
}

static void
test_weights(void **state)
{
    struct letters l;
    const char *urls[] = {l.urls[0], l.urls[1]};
    struct joist_engine *e;

    (void)state;
    letters_start(&l);
    front_fill(&f, 1, urls, 2);
    e = setup_start(&f.s);
    assert_int_equal(count(e, 'a'), ASKS / 2);
    assert_int_equal(joist_upstream_weight(e, "origin", l.urls[0], 5, &err), 0);
    assert_in_range(count(e, 'a'), ASKS * 5 / 6 - 1, ASKS * 5 / 6 + 1);
    assert_int_equal(joist_upstream_weight(e, "origin", l.urls[0], 0, &err), 0);
    assert_int_equal(count(e, 'a'), 0);
    assert_int_equal(joist_upstream_weight(e, "origin", l.urls[0], JOIST_WEIGHT_CONFIGURED, &err),
                     0);
    assert_in_range(count(e, 'a'), ASKS / 2 - 1, ASKS / 2 + 1);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

/* Keys are paths here: a target that weighs more has more of them. */
static unsigned
count_keys(struct joist_engine *e, char letter)
{
    unsigned n = 0;

    for (unsigned i = 0; i < 4 * ASKS; i++) {
        char path[16];
        char body[16];

        (void)snprintf(path, sizeof(path), "/%u", i);
        assert_int_equal(front_ask(e, path, body), 200);
        n += body[0] == letter;
    }
    return n;
}

static void
test_weights_of_a_hash(void **state)
{
    struct letters l;
    const char *urls[] = {l.urls[0], l.urls[1]};
    struct joist_engine *e;
    unsigned before;

    (void)state;
    letters_start(&l);
    front_fill(&f, 1, urls, 2);
    f.s.pools[0].strategy = JOIST_STRATEGY_HASH;
    f.s.pools[0].hash_by = JOIST_HASH_PATH;
    e = setup_start(&f.s);
    before = count_keys(e, 'a');
    assert_int_equal(joist_upstream_weight(e, "origin", l.urls[0], 20, &err), 0);
    assert_true(count_keys(e, 'a') > 3 * ASKS);
    assert_int_equal(joist_upstream_weight(e, "origin", l.urls[0], JOIST_WEIGHT_CONFIGURED, &err),
                     0);
    assert_int_equal(count_keys(e, 'a'), before);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

static void
test_a_pool_may_be_empty_for_a_while(void **state)
{
    struct letters l;
    const char *urls[] = {l.urls[0]};
    struct joist_engine *e;
    char body[16];

    (void)state;
    letters_start(&l);
    for (int strategy = JOIST_STRATEGY_SINGLE; strategy <= JOIST_STRATEGY_RANDOM; strategy++) {
        front_fill(&f, 1, urls, 1);
        f.s.pools[0].strategy = (enum joist_strategy)strategy;
        e = setup_start(&f.s);
        assert_int_equal(joist_upstream_remove(e, "origin", l.urls[0], &err), 0);
        assert_int_equal(front_ask(e, "/", body), 503);
        assert_int_equal(add(e, l.urls[1]), 0);
        assert_int_equal(front_ask(e, "/", body), 200);
        assert_string_equal(body, "b");
        joist_engine_destroy(&e);
    }
    letters_stop(&l);
}

static void
test_a_name_is_looked_up_first(void **state)
{
    const char *urls[] = {"http://127.0.0.1:1"};
    struct letters l;
    struct joist_engine *e;
    char body[16];
    char url[64];

    (void)state;
    letters_start(&l);
    front_fill(&f, 1, urls, 1);
    e = setup_start(&f.s);
    (void)snprintf(url, sizeof(url), "http://localhost:%u", joist_engine_port(l.engines[0], 0));
    assert_int_equal(add(e, url), 0);
    assert_int_equal(joist_upstream_remove(e, "origin", urls[0], &err), 0);
    assert_int_equal(front_ask(e, "/", body), 200);
    assert_int_equal(add(e, url), JOIST_E_EXISTS);
    assert_int_equal(joist_upstream_remove(e, "origin", url, &err), 0);
    assert_int_equal(front_ask(e, "/", body), 503);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

/* ---- what runs goes on ---- */

static void
test_a_slow_request_outlives_its_target(void **state)
{
    struct origin o;
    struct letters l;
    const char *urls[] = {o.url};
    struct joist_stats stats;
    struct joist_engine *e;

    (void)state;
    origin_start(&o);
    letters_start(&l);
    front_fill(&f, 1, urls, 1);
    e = setup_start(&f.s);
    assert_int_equal(client_connect(&other, joist_engine_port(e, 0)), 0);
    client_get(&other, &r, "/x"); /* leaves an idle connection there */
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_send(&c, "GET /hold HTTP/1.1\r\nHost: a.test\r\n\r\n");
    origin_wait_held(&o, 1);
    assert_int_equal(add(e, l.urls[0]), 0);
    assert_int_equal(joist_upstream_remove(e, "origin", o.url, &err), 0);
    assert_int_equal(count(e, 'a'), ASKS);
    assert_int_equal(joist_upstream_wait_drained(e, "origin", o.url, 1, &err), JOIST_E_TIMEOUT);
    origin_release(&o);
    client_reply(&c, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "/hold");
    assert_int_equal(joist_upstream_wait_drained(e, "origin", o.url, JOIST_FOREVER, &err), 0);
    client_get(&c, &r, "/"); /* the same connection, the pool as it is now */
    assert_string_equal(r.body, "a");
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.upstream_idle, 1); /* that of "a": none to who is gone */
    client_close(&c);
    client_close(&other);
    joist_engine_destroy(&e);
    letters_stop(&l);
    origin_stop(&o);
}

static void
test_a_tunnel_outlives_its_target(void **state)
{
    struct echo o;
    const char *urls[] = {o.url};
    struct joist_engine *e;

    (void)state;
    echo_start(&o);
    front_fill(&f, 1, urls, 1);
    e = setup_start(&f.s);
    tunnel_open(&c, e);
    assert_int_equal(joist_upstream_remove(e, "origin", o.url, &err), 0);
    assert_true(tunnel_is_alive(&c));
    assert_int_equal(joist_upstream_wait_drained(e, "origin", o.url, 1, &err), JOIST_E_TIMEOUT);
    client_close(&c);
    assert_int_equal(joist_upstream_wait_drained(e, "origin", o.url, JOIST_FOREVER, &err), 0);
    joist_engine_destroy(&e);
    echo_stop(&o);
}

/* ---- drain ---- */

static void
test_drain_and_ready(void **state)
{
    struct letters l;
    const char *urls[] = {l.urls[0], l.urls[1]};
    struct joist_engine *e;
    char body[16];

    (void)state;
    letters_start(&l);
    front_fill(&f, 2, urls, 2);
    e = setup_start(&f.s);
    assert_int_equal(
        joist_upstream_drain(e, "origin", l.urls[0], JOIST_FOREVER, JOIST_TUNNEL_KEEP, &err), 0);
    assert_int_equal(count(e, 'b'), ASKS);
    assert_int_equal(
        joist_upstream_drain(e, "origin", NULL, JOIST_FOREVER, JOIST_TUNNEL_KEEP, &err), 0);
    assert_int_equal(front_ask(e, "/", body), 503);
    assert_int_equal(joist_upstream_wait_drained(e, "origin", NULL, JOIST_FOREVER, &err), 0);
    assert_int_equal(joist_upstream_ready(e, "origin", l.urls[0], &err), 0);
    assert_int_equal(count(e, 'a'), ASKS);
    assert_int_equal(joist_upstream_ready(e, "origin", NULL, &err), 0);
    assert_in_range(count(e, 'a'), 1, ASKS - 1);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

/* Also where further tries, or the whole request's time, stand between it and its caller. */
static void
check_that_the_rest_is_cut(const struct joist_retry_conf *retry, uint64_t total_ms)
{
    struct origin o;
    const char *urls[] = {o.url};
    struct joist_engine *e;

    origin_start(&o);
    front_fill(&f, 1, urls, 1);
    f.s.pools[0].retry = retry;
    f.s.conf.timeouts.upstream_total_ms = total_ms;
    e = setup_start(&f.s);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_send(&c, "GET /hold HTTP/1.1\r\nHost: a.test\r\n\r\n");
    origin_wait_held(&o, 1);
    assert_int_equal(joist_upstream_drain(e, "origin", o.url, 20, JOIST_TUNNEL_KEEP, &err), 0);
    client_reply(&c, &r);
    assert_int_equal(r.status, 502);
    assert_int_equal(joist_upstream_wait_drained(e, "origin", o.url, JOIST_FOREVER, &err), 0);
    client_close(&c);
    joist_engine_destroy(&e);
    origin_stop(&o);
}

static void
test_what_is_left_at_the_deadline_is_cut(void **state)
{
    struct joist_retry_conf retry;

    (void)state;
    joist_retry_conf_init(&retry);
    retry.attempts = 3;
    retry.on_failure = retry.on_timeout = true;
    check_that_the_rest_is_cut(NULL, 0);
    check_that_the_rest_is_cut(&retry, 0);
    check_that_the_rest_is_cut(NULL, 60000);
}

/* Its deadline is no more, should it come after all. */
static void
test_ready_calls_a_deadline_off(void **state)
{
    struct origin o;
    const char *urls[] = {o.url};
    struct joist_engine *e;

    (void)state;
    origin_start(&o);
    front_fill(&f, 1, urls, 1);
    e = setup_start(&f.s);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_send(&c, "GET /hold HTTP/1.1\r\nHost: a.test\r\n\r\n");
    origin_wait_held(&o, 1);
    assert_int_equal(joist_upstream_drain(e, "origin", o.url, 150, JOIST_TUNNEL_KEEP, &err), 0);
    assert_int_equal(joist_upstream_ready(e, "origin", o.url, &err), 0);
    assert_int_equal(joist_upstream_wait_drained(e, "origin", o.url, 400, &err), JOIST_E_TIMEOUT);
    origin_release(&o);
    client_reply(&c, &r);
    assert_int_equal(r.status, 200);
    client_close(&c);
    joist_engine_destroy(&e);
    origin_stop(&o);
}

/* A tunnel, a drain: is the tunnel still there when the drain's time is over? */
static int
survives(enum joist_tunnel_policy policy, uint64_t deadline_ms)
{
    struct echo o;
    const char *urls[] = {o.url};
    struct joist_engine *e;
    int alive;

    echo_start(&o);
    front_fill(&f, 1, urls, 1);
    e = setup_start(&f.s);
    tunnel_open(&c, e);
    assert_int_equal(joist_upstream_drain(e, "origin", o.url, deadline_ms, policy, &err), 0);
    if (policy == JOIST_TUNNEL_KEEP) {
        assert_int_equal(joist_upstream_wait_drained(e, "origin", o.url, 50, &err),
                         JOIST_E_TIMEOUT);
    } else {
        assert_int_equal(joist_upstream_wait_drained(e, "origin", o.url, JOIST_FOREVER, &err), 0);
    }
    alive = tunnel_is_alive(&c);
    client_close(&c);
    joist_engine_destroy(&e);
    echo_stop(&o);
    return alive;
}

static void
test_tunnels_by_their_policy(void **state)
{
    (void)state;
    assert_true(survives(JOIST_TUNNEL_KEEP, 1));
    assert_false(survives(JOIST_TUNNEL_DELAY, 1));
    assert_false(survives(JOIST_TUNNEL_CUT, JOIST_FOREVER));
}

static void
test_one_listener_drains(void **state)
{
    struct origin o;
    const char *urls[] = {o.url};
    struct joist_engine *e;
    static struct client idle;

    (void)state;
    origin_start(&o);
    front_fill(&f, 2, urls, 1);
    f.s.listeners[1] = f.s.listeners[0];
    f.s.conf.listeners_n = 2;
    e = setup_start(&f.s);
    assert_int_equal(client_connect(&idle, joist_engine_port(e, 0)), 0);
    client_get(&idle, &r, "/x");
    assert_int_equal(client_connect(&other, joist_engine_port(e, 1)), 0);
    client_get(&other, &r, "/x");
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_send(&c, "GET /hold HTTP/1.1\r\nHost: a.test\r\n\r\n");
    origin_wait_held(&o, 1);
    assert_int_equal(joist_listener_drain(e, 0, JOIST_FOREVER), 0);
    assert_true(client_is_ended(&idle));
    origin_release(&o);
    client_reply(&c, &r);
    assert_int_equal(r.status, 200);
    assert_true(client_is_ended(&c));
    client_get(&other, &r, "/x");
    assert_int_equal(r.status, 200);
    client_close(&c);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), -1); /* refused */
    client_close(&idle);
    client_close(&other);
    joist_engine_destroy(&e);
    origin_stop(&o);
}

static void
test_a_listeners_rest_is_cut(void **state)
{
    struct origin o;
    const char *urls[] = {o.url};
    struct joist_engine *e;

    (void)state;
    origin_start(&o);
    front_fill(&f, 1, urls, 1);
    e = setup_start(&f.s);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_send(&c, "GET /hold HTTP/1.1\r\nHost: a.test\r\n\r\n");
    origin_wait_held(&o, 1);
    assert_int_equal(joist_listener_drain(e, 0, 10), 0);
    assert_true(client_is_ended(&c));
    client_close(&c);
    joist_engine_destroy(&e);
    origin_stop(&o);
}

/* ---- reading ---- */

static void
test_read(void **state)
{
    struct origin o;
    const char *urls[] = {o.url, "http://127.0.0.1:1"};
    struct joist_upstream_names *names = NULL;
    struct joist_upstream_state *s = NULL;
    struct joist_engine *e;

    (void)state;
    origin_start(&o);
    front_fill(&f, 1, urls, 1);
    e = setup_start(&f.s);
    assert_int_equal(joist_upstream_read(e, "nobody", &s), JOIST_E_NOTFOUND);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_send(&c, "GET /hold HTTP/1.1\r\nHost: a.test\r\n\r\n");
    origin_wait_held(&o, 1);
    assert_int_equal(add(e, urls[1]), 0);
    assert_int_equal(joist_upstream_weight(e, "origin", o.url, 7, &err), 0);
    assert_int_equal(
        joist_upstream_drain(e, "origin", urls[1], JOIST_FOREVER, JOIST_TUNNEL_KEEP, &err), 0);

    assert_int_equal(joist_upstream_read(e, "origin", &s), 0);
    assert_string_equal(s->name, "origin");
    assert_true(s->dynamic && s->counts && !s->panic && !s->paused);
    assert_int_equal(s->strategy, JOIST_STRATEGY_ROUND_ROBIN);
    assert_int_equal(s->targets_n, 2);
    assert_string_equal(s->targets[0].url, o.url);
    assert_int_equal(s->targets[0].status, JOIST_TARGET_UP);
    assert_int_equal(s->targets[0].weight, 1);
    assert_int_equal(s->targets[0].effective_weight, 7);
    assert_int_equal(s->targets[0].inflight, 1);
    assert_int_equal(s->targets[0].requests, 1);
    assert_int_equal(s->targets[0].addresses_n, 1);
    assert_string_equal(s->targets[0].addresses[0], o.url + strlen("http://"));
    assert_int_equal(s->targets[1].status, JOIST_TARGET_DRAINING);
    assert_int_equal(s->targets[1].effective_weight, 0);
    assert_string_equal(s->targets[1].check.text, "");
    joist_upstream_state_free(&s);
    assert_null(s);
    joist_upstream_state_free(&s);

    assert_int_equal(joist_upstreams_list(e, &names), 0);
    assert_int_equal(names->n, 1);
    assert_string_equal(names->names[0], "origin");
    joist_upstreams_free(&names);
    client_close(&c);
    joist_engine_destroy(&e);
    origin_stop(&o);
}

/* What the check of a target's health came to is read with it. A target that is added is checked.
 */
static void
test_read_of_checks(void **state)
{
    struct letters l;
    const char *urls[] = {l.urls[0]};
    struct joist_upstream_state *s = NULL;
    struct joist_health_conf health;
    struct joist_engine *e;
    bool done = false;

    (void)state;
    letters_start(&l);
    joist_health_conf_init(&health);
    health.down = 1;
    health.interval_ms = 20;
    front_fill(&f, 1, urls, 1);
    f.s.pools[0].health = &health;
    e = setup_start(&f.s);
    assert_int_equal(add(e, "http://127.0.0.1:1"), 0);
    for (unsigned i = 0; i < 1000 && !done; i++) {
        assert_int_equal(joist_upstream_read(e, "origin", &s), 0);
        done = s->targets[0].check.time_us > 0 && s->targets[1].down;
        if (done) {
            assert_true(s->targets[0].check.ok);
            assert_string_not_equal(s->targets[0].check.text, "");
            assert_false(s->targets[1].check.ok);
            assert_int_equal(s->targets[1].status, JOIST_TARGET_DOWN);
        }
        joist_upstream_state_free(&s);
        usleep(10000); /* the checker's turn */
    }
    assert_true(done);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

/* ---- and a new configuration ---- */

static void
test_a_swap_says_which_targets_there_are(void **state)
{
    struct letters l;
    const char *urls[] = {l.urls[0], l.urls[1]};
    struct joist_engine *e;

    (void)state;
    letters_start(&l);
    front_fill(&f, 2, urls, 2);
    e = setup_start(&f.s);
    assert_int_equal(add(e, l.urls[2]), 0);
    assert_int_equal(joist_upstream_remove(e, "origin", l.urls[0], &err), 0);
    assert_int_equal(count(e, 'a'), 0);
    assert_int_equal(joist_engine_swap(e, &f.s.conf, NULL, NULL), 0);
    assert_in_range(count(e, 'a'), 1, ASKS - 1); /* it is back, */
    assert_int_equal(count(e, 'c'), 0);          /* and this one gone */
    joist_engine_destroy(&e);
    letters_stop(&l);
}

static void
test_what_a_target_was_told_outlives_a_swap(void **state)
{
    struct letters l;
    const char *urls[] = {l.urls[0], l.urls[1], l.urls[2]};
    struct joist_upstream_state *s = NULL;
    struct joist_engine *e;

    (void)state;
    letters_start(&l);
    front_fill(&f, 2, urls, 3);
    e = setup_start(&f.s);
    assert_int_equal(
        joist_upstream_drain(e, "origin", l.urls[0], JOIST_FOREVER, JOIST_TUNNEL_KEEP, &err), 0);
    assert_int_equal(joist_upstream_weight(e, "origin", l.urls[1], 9, &err), 0);
    assert_int_equal(joist_upstream_weight(e, "origin", l.urls[2], 9, &err), 0);
    f.targets[2].weight = 4;
    assert_int_equal(joist_engine_swap(e, &f.s.conf, NULL, NULL), 0);
    assert_int_equal(joist_upstream_read(e, "origin", &s), 0);
    assert_int_equal(s->targets[0].status, JOIST_TARGET_DRAINING);
    assert_int_equal(s->targets[1].effective_weight, 9);
    assert_int_equal(s->targets[2].effective_weight, 4); /* the configuration has changed it */
    joist_upstream_state_free(&s);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_all_threads_have_it_at_once),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_weights_of_a_hash),
        cmocka_unit_test(test_a_pool_may_be_empty_for_a_while),
        cmocka_unit_test(test_a_name_is_looked_up_first),
        cmocka_unit_test(test_a_slow_request_outlives_its_target),
        cmocka_unit_test(test_a_tunnel_outlives_its_target),
        cmocka_unit_test(test_drain_and_ready),
        cmocka_unit_test(test_what_is_left_at_the_deadline_is_cut),
        cmocka_unit_test(test_ready_calls_a_deadline_off),
        cmocka_unit_test(test_tunnels_by_their_policy),
        cmocka_unit_test(test_one_listener_drains),
        cmocka_unit_test(test_a_listeners_rest_is_cut),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_of_checks),
        cmocka_unit_test(test_a_swap_says_which_targets_there_are),
        cmocka_unit_test(test_what_a_target_was_told_outlives_a_swap),
    };

    return cmocka_run_group_tests_name("engine/upstream", tests, NULL, NULL);
}
