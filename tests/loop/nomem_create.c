// SPDX-License-Identifier: MIT
/*
 * Everything that is created is created, or says JOIST_E_NOMEM and leaves nothing behind: the n-th
 * allocation fails, for each n until a run needs no n-th.
 */
#include "alloc.h"
#include "harness.h"

#include "handler/handler.h"
#include "proto/h1_client.h"
#include "upstream/state.h"

#include <stdio.h>
#include <unistd.h>

#define ALLOCS_MAX 3000
/* Allocations that may fail without harm: arrays that are made smaller. */
#define SPARE_ALLOCS_MAX 4

/* ---- a configuration that has one of everything ---- */

struct full {
    struct joist_conf conf;
    struct joist_listener_conf listeners[2];
    struct joist_target_conf targets[3];
    struct joist_pool_conf pools[2];
    struct joist_route_conf routes[5];
};

static void
fill(struct full *f)
{
    static const char *const hosts[] = {"a.test", "*.b.test", "c.test"};
    static const char *const methods[] = {"GET", "POST"};
    static const char *const tries[] = {"$path", "$path.html", "/index.html", "=404"};
    static const char *const trusted[] = {"10.0.0.0/8", "::1"};
    static const struct joist_pair headers[] = {{"X-A", "1"}, {"Server", ""}};
    static const struct joist_outlier_conf outlier = {5, 1000, 50};
    static const struct joist_error_page_conf pages[] = {{404, "/404.html"}};
    struct joist_route_conf *r = f->routes;

    memset(f, 0, sizeof(*f));
    joist_conf_init(&f->conf);
    f->conf.threads = 2;
    f->conf.trusted_proxies = trusted;
    f->conf.trusted_proxies_n = 2;
    f->listeners[0].bind = "127.0.0.1:0";
    f->listeners[1] = (struct joist_listener_conf){.name = "b", .bind = "127.0.0.1:0"};
    f->targets[0] = (struct joist_target_conf){.url = "http://127.0.0.1:1", .weight = 1};
    f->targets[1] = (struct joist_target_conf){.url = "unix:/tmp/joist-none.sock", .weight = 2};
    f->targets[2] = (struct joist_target_conf){.url = "http://[::1]:1/base", .weight = 1};
    for (size_t i = 0; i < 2; i++) {
        joist_pool_conf_init(&f->pools[i]);
        f->pools[i].name = i == 0 ? "one" : "two";
        f->pools[i].targets = &f->targets[i];
        f->pools[i].targets_n = i + 1;
        f->pools[i].strategy = i == 0 ? JOIST_STRATEGY_ROUND_ROBIN : JOIST_STRATEGY_HASH;
        f->pools[i].outlier = i == 0 ? NULL : &outlier;
    }
    for (size_t i = 0; i < 5; i++) {
        joist_route_conf_init(&r[i]);
        r[i].hosts = &hosts[i % 3];
        r[i].hosts_n = 1;
        r[i].response_headers = headers;
        r[i].response_headers_n = 2;
        r[i].path_kind = JOIST_PATH_PREFIX;
        r[i].path = i < 3 ? "/" : "/deep/er";
    }
    r[0].kind = JOIST_HANDLER_STATIC;
    joist_static_conf_init(&r[0].handler.files);
    r[0].handler.files.root = "/tmp";
    r[0].handler.files.try_files = tries;
    r[0].handler.files.try_files_n = 4;
    r[0].handler.files.error_pages = pages;
    r[0].handler.files.error_pages_n = 1;
    r[0].handler.files.cache_control = "no-cache";
    r[1].kind = JOIST_HANDLER_PROXY;
    r[1].handler.proxy = (struct joist_proxy_conf){"two", "/base", "origin.test"};
    r[2].kind = JOIST_HANDLER_RESPOND;
    r[2].handler.respond = (struct joist_respond_conf){200, "hello", 5, "text/x"};
    r[3].kind = JOIST_HANDLER_REDIRECT;
    r[3].handler.redirect = (struct joist_redirect_conf){"https://$host$uri", 301};
    r[4].kind = JOIST_HANDLER_PROXY;
    r[4].handler.proxy = (struct joist_proxy_conf){.pool = "one"};
    r[4].methods = methods;
    r[4].methods_n = 2;
    r[4].headers = headers;
    r[4].headers_n = 1;
    r[4].name = "named";
    f->conf.listeners = f->listeners;
    f->conf.listeners_n = 2;
    f->conf.pools = f->pools;
    f->conf.pools_n = 2;
    f->conf.routes = r;
    f->conf.routes_n = 5;
}

/* ---- one function for each thing that is created: makes it and lets it go ---- */

static int
make_engine(void)
{
    struct joist_engine *e = NULL;
    struct full f;
    int rc;

    fill(&f);
    rc = joist_engine_create(&e, &f.conf, NULL, NULL);
    assert_true((rc == 0) == (e != NULL)); /* untouched on failure */
    joist_engine_destroy(&e);
    return rc;
}

static int
make_check(void)
{
    struct full f;

    fill(&f);
    return joist_conf_check(&f.conf, NULL, NULL);
}

static int
make_loop(void)
{
    struct jst_loop *l = NULL;
    int rc = jst_loop_create(&l, NULL);

    jst_loop_destroy(&l);
    return rc;
}

static void
on_timer(struct jst_timer *t)
{
    (void)t;
}

static int
make_timers(void)
{
    static struct jst_timer timers[300];
    struct jst_loop *l = NULL;
    int rc = jst_loop_create(&l, NULL);

    for (size_t i = 0; i < 300 && rc == 0; i++) {
        rc = jst_timer_init(l, &timers[i], on_timer);
    }
    jst_loop_destroy(&l);
    return rc;
}

static int
make_logger(void)
{
    struct joist_log_conf conf = {0};
    struct jst_logger *l = NULL;
    int rc = jst_logger_create(&l, &conf, 3);

    jst_logger_destroy(&l);
    return rc;
}

static int
make_client_table(void)
{
    struct jst_client_table *t = NULL;
    struct jst_addr a;
    int rc = jst_client_table_create(&t);

    for (unsigned i = 0; i < 200 && rc == 0; i++) {
        assert_int_equal(jst_addr_literal(&a, JST_S("192.0.2.1"), 1), 0);
        a.u.in4.sin_addr.s_addr += i << 24;
        rc = jst_client_table_enter(t, &a, 0);
    }
    jst_client_table_destroy(&t);
    return rc;
}

static int
make_pool(void)
{
    struct jst_pool *p = NULL;
    struct full f;
    int rc;

    fill(&f);
    rc = jst_pool_create(&p, &f.pools[1], NULL, NULL);
    jst_pool_unref(&p);
    return rc;
}

static int
make_upstreams(void)
{
    struct jst_local local = {0};
    struct jst_states *states = NULL;
    struct jst_upool *up = NULL;
    struct jst_pool *p = NULL;
    struct full f;
    int rc;

    fill(&f);
    if ((rc = jst_states_create(&states)) == 0 && (rc = jst_loop_create(&local.loop, NULL)) == 0 &&
        (rc = jst_upstreams_create(&local.upstreams, &local, jst_h1_client_open)) == 0 &&
        (rc = jst_pool_create(&p, &f.pools[1], NULL, NULL)) == 0 &&
        (rc = jst_pool_track(p, &f.pools[1], states, 0)) == 0) {
        rc = jst_upool_acquire(&up, local.upstreams, p, 1000);
    }
    if (up != NULL) {
        jst_upool_release(&up);
    }
    jst_upstreams_destroy(&local.upstreams);
    jst_pool_unref(&p);
    jst_states_destroy(&states);
    jst_loop_destroy(&local.loop);
    return rc;
}

static int
make_routes(void)
{
    struct jst_routes *t = NULL;
    struct full f;
    int rc;

    fill(&f);
    rc = jst_routes_build(&t, f.routes, 5);
    jst_routes_destroy(&t);
    return rc;
}

static int
make_files(void)
{
    struct jst_local local = {0};
    int rc = jst_loop_create(&local.loop, NULL);

    if (rc == 0) {
        rc = jst_files_create(&local.files, &local);
    }
    jst_files_destroy(&local.files);
    jst_loop_destroy(&local.loop);
    return rc;
}

static int
make_handlers(void)
{
    struct jst_proxy_env env = {0};
    struct jst_handler *h[4] = {NULL};
    struct full f;
    int rc;

    fill(&f);
    if ((rc = jst_static_create(&h[0], &f.routes[0].handler.files)) == 0 &&
        (rc = jst_proxy_create(&h[1], &f.routes[1].handler.proxy, 0, &env)) == 0 &&
        (rc = jst_respond_create(&h[2], &f.routes[2].handler.respond)) == 0) {
        rc = jst_redirect_create(&h[3], &f.routes[3].handler.redirect);
    }
    for (size_t i = 0; i < 4; i++) {
        jst_handler_destroy(h[i]);
    }
    return rc;
}

static int
make_rig(void)
{
    struct rig g;
    struct peer client;
    int rc;

    alloc_pause();
    rig_init(&g);
    alloc_resume();
    rc = rig_try_start(&g);
    if (rc == 0) {
        rc = rig_try_client(&g, &client);
        if (rc == 0) {
            alloc_pause();
            peer_fini(&client);
            alloc_resume();
        }
    }
    alloc_pause();
    rig_stop(&g);
    rig_fini(&g);
    alloc_resume();
    return rc;
}

static const struct {
    const char *name;
    int (*make)(void);
} things[] = {
    {"check", make_check},   {"engine", make_engine},       {"loop", make_loop},
    {"timers", make_timers}, {"logger", make_logger},       {"client_table", make_client_table},
    {"pool", make_pool},     {"upstreams", make_upstreams}, {"routes", make_routes},
    {"files", make_files},   {"handlers", make_handlers},   {"reactor and connection", make_rig},
};

static void
test_every_create(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(things); i++) {
        unsigned passed_over = 0;
        unsigned n;
        int rc;

        assert_int_equal(things[i].make(), 0);
        for (n = 1; n < ALLOCS_MAX; n++) {
            jst_buf_thread_fini(); /* what the last run kept would save allocations */
            alloc_fail_at(n, false);
            rc = things[i].make();
            if (!alloc_off()) {
                assert_int_equal(rc, 0);
                break;
            }
            if (rc == 0 && passed_over < SPARE_ALLOCS_MAX) {
                passed_over++;
            } else if (rc != JOIST_E_NOMEM) {
                fail_msg("%s: allocation %u failed, the code is %s", things[i].name, n,
                         joist_error_name(rc));
            }
        }
        assert_true(n > 1 && n < ALLOCS_MAX);
    }
    jst_buf_thread_fini();
}

/* A swap without memory changes nothing; the next one works. All threads' allocations count. */
static void
test_swap(void **state)
{
    struct joist_engine *e = NULL;
    struct full f;
    unsigned passed_over = 0;
    unsigned n;
    int rc = JOIST_E_NOMEM;

    (void)state;
    fill(&f);
    assert_int_equal(joist_engine_create(&e, &f.conf, NULL, NULL), 0);
    assert_int_equal(joist_engine_start(e), 0);
    for (n = 1; n < ALLOCS_MAX; n++) {
        bool hit;

        alloc_fail_at(n, true);
        rc = joist_engine_swap(e, &f.conf, NULL, NULL);
        hit = alloc_off();
        assert_int_equal(joist_engine_state(e), JOIST_STATE_RUNNING);
        if (!hit) {
            break;
        }
        passed_over += rc == 0;
        assert_true(rc == JOIST_E_NOMEM || passed_over <= SPARE_ALLOCS_MAX);
    }
    assert_int_equal(rc, 0);
    assert_true(n > 10 && n < ALLOCS_MAX);
    joist_engine_destroy(&e);
}

/* Each change, too: on all reactors or on none. */
static void
test_changes(void **state)
{
    struct joist_target_conf t = {.url = "http://127.0.0.1:2", .weight = 1};
    struct joist_engine *e = NULL;
    unsigned passed_over = 0;
    unsigned n = 0;
    struct full f;
    bool hit = true;

    (void)state;
    fill(&f);
    f.pools[0].dynamic = true;
    assert_int_equal(joist_engine_create(&e, &f.conf, NULL, NULL), 0);
    assert_int_equal(joist_engine_start(e), 0);
    while (hit && ++n < ALLOCS_MAX) {
        struct joist_upstream_state *s = NULL;
        int rc;

        alloc_fail_at(n, true);
        rc = joist_upstream_add(e, "one", &t, NULL);
        rc = rc == 0 ? joist_upstream_drain(e, "one", t.url, 10, JOIST_TUNNEL_DELAY, NULL) : rc;
        rc = rc == 0 ? joist_upstream_read(e, "one", &s) : rc;
        rc = rc == 0 ? joist_upstream_remove(e, "one", t.url, NULL) : rc;
        hit = alloc_off();
        joist_upstream_state_free(&s);
        passed_over += hit && rc == 0;
        assert_true(rc == (hit ? JOIST_E_NOMEM : 0) || passed_over <= SPARE_ALLOCS_MAX);
        rc = joist_upstream_remove(e, "one", t.url, NULL); /* as far as it had come */
        assert_true(rc == 0 || rc == JOIST_E_NOTFOUND);
        assert_int_equal(joist_upstream_read(e, "one", &s), 0);
        assert_int_equal(s->targets_n, 1);
        joist_upstream_state_free(&s);
    }
    assert_true(n > 10 && n < ALLOCS_MAX);
    joist_engine_destroy(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_create),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_changes),
    };

    return cmocka_run_group_tests_name("loop/nomem_create", tests, NULL, NULL);
}
