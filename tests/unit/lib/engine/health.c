// SPDX-License-Identifier: MIT
/* Health checks of a whole engine, through the public header: verdicts and swaps, bad settings. */
#include <joist/joist.h>
#include <joist/upstream.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LOOKS_MAX 20000 /* a millisecond or more each */

struct setup {
    struct joist_conf conf;
    struct joist_listener_conf listener;
    struct joist_route_conf route;
    struct joist_target_conf target;
    struct joist_health_conf health;
    struct joist_pool_conf pool;
    struct joist_engine *engine;
    char url[64];
};

static struct joist_engine *
start_origin(uint16_t status)
{
    struct joist_listener_conf listener;
    struct joist_route_conf route;
    struct joist_conf conf;
    struct joist_engine *e = NULL;

    joist_conf_init(&conf);
    joist_listener_conf_init(&listener);
    joist_route_conf_init(&route);
    listener.bind = "127.0.0.1:0";
    route.kind = JOIST_HANDLER_RESPOND;
    route.handler.respond = (struct joist_respond_conf){.status = status};
    conf.threads = 1;
    conf.listeners = &listener;
    conf.listeners_n = 1;
    conf.routes = &route;
    conf.routes_n = 1;
    assert_int_equal(joist_engine_create(&e, &conf, NULL, NULL), 0);
    assert_int_equal(joist_engine_start(e), 0);
    return e;
}

static void
fill(struct setup *s, uint16_t port)
{
    memset(s, 0, sizeof(*s));
    (void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", port);
    joist_conf_init(&s->conf);
    joist_listener_conf_init(&s->listener);
    joist_route_conf_init(&s->route);
    joist_health_conf_init(&s->health);
    joist_pool_conf_init(&s->pool);
    s->health.path = "/up";
    s->health.interval_ms = 10;
    s->health.timeout_ms = 20000;
    s->health.down = 2;
    s->target = (struct joist_target_conf){.url = s->url, .weight = 1};
    s->pool.name = "app";
    s->pool.slow_start_ms = 1; /* with and without health its state is kept */
    s->pool.health = &s->health;
    s->pool.targets = &s->target;
    s->pool.targets_n = 1;
    s->listener.bind = "127.0.0.1:0";
    s->route.kind = JOIST_HANDLER_PROXY;
    s->route.handler.proxy.pool = "app";
    s->conf.threads = 2;
    s->conf.listeners = &s->listener;
    s->conf.listeners_n = 1;
    s->conf.pools = &s->pool;
    s->conf.pools_n = 1;
    s->conf.routes = &s->route;
    s->conf.routes_n = 1;
}

static bool
is_down(struct joist_engine *e, char text[256])
{
    struct joist_upstream_state *state = NULL;
    bool down;

    assert_int_equal(joist_upstream_read(e, "app", &state), 0);
    down = state->targets[0].status == JOIST_TARGET_DOWN;
    (void)snprintf(text, 256, "%s", state->targets[0].check.text);
    joist_upstream_state_free(&state);
    return down;
}

static void
wait_until(struct joist_engine *e, bool down)
{
    const struct timespec ms = {0, 1000000};
    char text[256];

    for (int i = 0; i < LOOKS_MAX && is_down(e, text) != down; i++) {
        (void)nanosleep(&ms, NULL);
    }
    assert_int_equal(is_down(e, text), down);
}

static void
test_a_verdict_outlives_swaps_until_nobody_checks(void **state)
{
    struct joist_engine *origin = start_origin(500);
    struct joist_stats stats;
    struct setup s;
    char text[256];

    (void)state;
    fill(&s, joist_engine_port(origin, 0));
    assert_int_equal(joist_engine_create(&s.engine, &s.conf, NULL, NULL), 0);
    assert_int_equal(joist_engine_start(s.engine), 0);
    wait_until(s.engine, true);
    (void)is_down(s.engine, text);
    assert_non_null(strstr(text, "/up: status 500, expected 200-299, after"));
    for (int i = 0; i < 20; i++) {
        assert_int_equal(joist_engine_swap(s.engine, &s.conf, NULL, NULL), 0);
        assert_true(is_down(s.engine, text));
    }
    joist_engine_stats(s.engine, &stats);
    assert_int_equal(stats.targets_down, 1);
    assert_true(stats.health_checks >= 2 && stats.health_failures == stats.health_checks);
    assert_int_equal(stats.upstream_connects, 0); /* those are of requests */
    s.pool.health = NULL;
    assert_int_equal(joist_engine_swap(s.engine, &s.conf, NULL, NULL), 0);
    wait_until(s.engine, false);
    s.pool.health = &s.health;
    assert_int_equal(joist_engine_swap(s.engine, &s.conf, NULL, NULL), 0);
    wait_until(s.engine, true);
    joist_engine_destroy(&s.engine);
    joist_engine_destroy(&origin);
}

static void
test_an_engine_that_never_starts_ends(void **state)
{
    struct setup s;

    (void)state;
    fill(&s, 9);
    assert_int_equal(joist_engine_create(&s.engine, &s.conf, NULL, NULL), 0);
    joist_engine_destroy(&s.engine);
}

static void
test_it_ends_at_once_while_checks_hang(void **state)
{
    struct joist_engine *origin = start_origin(200);
    struct setup s;

    (void)state;
    fill(&s, joist_engine_port(origin, 0));
    for (int i = 0; i < 20; i++) { /* at whatever moment of a check */
        assert_int_equal(joist_engine_create(&s.engine, &s.conf, NULL, NULL), 0);
        assert_int_equal(joist_engine_start(s.engine), 0);
        joist_engine_destroy(&s.engine);
    }
    joist_engine_destroy(&origin);
}

/* ---- what is no check ---- */

struct told {
    unsigned n;
    char text[512];
};

static void
on_report(void *ctx, enum joist_log_level level, const struct joist_err *err)
{
    struct told *t = ctx;

    if (level == JOIST_LOG_ERROR) {
        t->n++;
        (void)snprintf(t->text, sizeof(t->text), "%s", err->message);
    }
}

static void
refuse(struct setup *s, const char *what)
{
    struct told told = {0};

    assert_int_equal(joist_conf_check(&s->conf, on_report, &told), JOIST_E_INVAL);
    assert_int_equal(told.n, 1);
    if (strstr(told.text, what) == NULL) {
        fail_msg("'%s' has no '%s'", told.text, what);
    }
    joist_health_conf_init(&s->health);
}

static void
test_settings_that_are_no_check_are_refused(void **state)
{
    static const struct joist_status_range ranges[] = {{99, 200}, {200, 600}, {300, 200}};
    struct setup s;

    (void)state;
    fill(&s, 9);
    s.health.interval_ms = 9;
    refuse(&s, "health.interval in ms is from 10 to");
    s.health.timeout_ms = 0;
    refuse(&s, "health.timeout in ms is from 1 to");
    s.health.up = 0;
    refuse(&s, "health.up is from 1");
    s.health.down = 0;
    refuse(&s, "health.down is from 1");
    s.health.path = "up";
    refuse(&s, "health.path");
    s.health.path = "/u p";
    refuse(&s, "health.path");
    s.health.path = "/up\r\nX: y";
    refuse(&s, "health.path");
    s.health.method = "GE T";
    refuse(&s, "health.method");
    s.health.method = "CONNECT";
    refuse(&s, "health.method");
    s.health.host = "a\r\nb";
    refuse(&s, "health.host");
    s.health.body = "";
    refuse(&s, "health.body");
    s.health.method = "HEAD";
    s.health.body = "ok";
    refuse(&s, "answer to HEAD has no body");
    s.health.type = (enum joist_health_type)7;
    refuse(&s, "no health check 7");
    for (size_t i = 0; i < 3; i++) {
        s.health.expect = &ranges[i];
        s.health.expect_n = 1;
        refuse(&s, "health.expect");
    }
    s.health.port = 80;
    s.target.url = "unix:/run/app.sock";
    refuse(&s, "health.port is not for a Unix socket");
    assert_int_equal(joist_conf_check(&s.conf, NULL, NULL), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_verdict_outlives_swaps_until_nobody_checks),
        cmocka_unit_test(test_an_engine_that_never_starts_ends),
        cmocka_unit_test(test_it_ends_at_once_while_checks_hang),
        cmocka_unit_test(test_settings_that_are_no_check_are_refused),
    };

    return cmocka_run_group_tests_name("engine/health", tests, NULL, NULL);
}
