// SPDX-License-Identifier: MIT
/* What calls do to the state of their target: in flight, put aside, breaker, panic; over a swap. */
#include "rig.h"

#include <stdlib.h>

static const struct joist_target_conf four[] = {{.url = "http://127.0.0.1:1", .weight = 1},
                                                {.url = "http://127.0.0.1:2", .weight = 1},
                                                {.url = "http://127.0.0.1:3", .weight = 1},
                                                {.url = "http://127.0.0.1:4", .weight = 1}};
static const struct joist_outlier_conf outlier = {
    .failures = 3, .eject_ms = 1000, .max_ejected_percent = 50};
static const struct joist_breaker_conf breaker = {
    .error_percent = 50, .min_requests = 4, .window_ms = 10000, .open_ms = 1000};

static struct joist_pool_conf
conf_of(size_t n)
{
    return (struct joist_pool_conf){.name = "a",
                                    .strategy = JOIST_STRATEGY_ROUND_ROBIN,
                                    .targets = four,
                                    .targets_n = n,
                                    .idle_max = 8,
                                    .panic_percent = 50};
}

static struct jst_tstate *
state_of(const struct rig *r, uint32_t i)
{
    return r->pool->tracking->v[i];
}

static uint32_t
inflight(const struct rig *r)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < r->pool->n; i++) {
        n += jst_tstate_inflight(state_of(r, i));
    }
    return n;
}

/* The origin answers, and the response ends. */
static void
answer(struct caller *c, uint16_t status)
{
    struct jst_head head = {.status = status};
    struct fake *f = JST_CONTAINER(c->call.client, struct fake, base);

    jst_sink_head(c->call.on_response, &head);
    fake_finish_call(f, &c->call);
    jst_sink_end(c->call.on_response, NULL);
}

/* Calls, each answered at once: those of target `bad` with 502. Returns how many it got. */
static unsigned
run_answers(struct rig *r, unsigned n, uint32_t bad)
{
    unsigned hits = 0;
    struct caller c;

    for (unsigned i = 0; i < n; i++) {
        run_call(r, &c, JST_METHOD_GET);
        if (c.call.client == NULL) {
            rig_turn(r);
            continue;
        }
        hits += c.call.target == bad;
        answer(&c, c.call.target == bad ? 502 : 200);
    }
    return hits;
}

static bool
is_ejected(const struct rig *r, uint32_t i)
{
    return state_of(r, i)->ejected_until_ms > rig_now_ms(r);
}

/* ---- in flight ---- */

static void
test_each_end_counts_once(void **state)
{
    struct joist_pool_conf conf = conf_of(1);
    struct caller a, b, c;
    struct rig r;

    (void)state;
    conf.strategy = JOIST_STRATEGY_LEAST_CONN;
    rig_init_conf(&r, &conf);
    run_call(&r, &a, JST_METHOD_GET);
    run_call(&r, &b, JST_METHOD_POST);
    run_call(&r, &c, JST_METHOD_GET);
    assert_int_equal(inflight(&r), 3);
    answer(&a, 200);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.ends, 1);
    assert_int_equal(inflight(&r), 2);
    fake_fail(&fakes[1], JOIST_E_RESET, true);
    assert_int_equal(b.why, JOIST_E_RESET);
    assert_int_equal(inflight(&r), 1);
    jst_account_leave(&c.call);
    jst_account_leave(&c.call);
    assert_int_equal(inflight(&r), 0);
    fake_finish(&fakes[2]);
    jst_account_leave(&a.call);
    assert_int_equal(inflight(&r), 0);
    assert_int_equal(r.upool->view->inflight, 0);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_plain_pools_are_not_counted(void **state)
{
    struct joist_pool_conf conf = conf_of(4);
    struct caller a;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    assert_null(r.pool->tracking);
    assert_null(r.upool->view);
    run_call(&r, &a, JST_METHOD_GET);
    assert_ptr_equal(a.call.on_response, &a.sink); /* nothing stands between */
    fake_finish(&fakes[0]);
    rig_finish(&r);
    rig_fini(&r);
}

/* ---- putting aside ---- */

static void
test_failures_in_a_row(void **state)
{
    struct joist_pool_conf conf = conf_of(4);
    struct rig r;

    (void)state;
    conf.outlier = &outlier;
    rig_init_conf(&r, &conf);
    assert_int_equal(run_answers(&r, 400, 2), 3); /* and no more */
    assert_true(is_ejected(&r, 2));
    assert_int_equal(r.local.stats.upstream_ejections, 1);
    rig_wait(&r, 999);
    assert_int_equal(run_answers(&r, 100, 2), 0);
    rig_wait(&r, 1);
    assert_int_equal(run_answers(&r, 400, 2), 3); /* it is back, and fails again */
    assert_int_equal(state_of(&r, 2)->ejected_until_ms - rig_now_ms(&r), 2000); /* for longer */
    rig_wait(&r, 2000);
    assert_int_equal(run_answers(&r, 40, 99), 0);
    rig_wait(&r, 10000); /* well for long: forgotten */
    assert_int_equal(run_answers(&r, 400, 2), 3);
    assert_int_equal(state_of(&r, 2)->ejected_until_ms - rig_now_ms(&r), 1000);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_a_success_between(void **state)
{
    struct joist_pool_conf conf = conf_of(1);
    struct caller c;
    struct rig r;

    (void)state;
    conf.outlier = &(struct joist_outlier_conf){3, 1000, 100};
    rig_init_conf(&r, &conf);
    for (unsigned i = 0; i < 30; i++) {
        run_call(&r, &c, JST_METHOD_GET);
        answer(&c, i % 3 == 2 ? 200 : 500);
    }
    assert_false(is_ejected(&r, 0));
    rig_finish(&r);
    rig_fini(&r);
}

/* What the client did says nothing; a reset does. */
static void
test_what_counts(void **state)
{
    static const struct {
        int why;
        bool counts;
    } cases[] = {{JOIST_E_RESET, true}, {JOIST_E_TIMEOUT, true},   {JOIST_E_REFUSED, true},
                 {JOIST_E_PROTO, true}, {JOIST_E_CANCELED, false}, {JOIST_E_NOMEM, false},
                 {JOIST_E_CERT, true},  {JOIST_E_NOFILE, false},   {JOIST_E_UNAVAILABLE, false}};
    struct joist_pool_conf conf = conf_of(1);
    struct caller c;
    struct rig r;

    (void)state;
    conf.outlier = &(struct joist_outlier_conf){3, 1000, 100};
    rig_init_conf(&r, &conf);
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        uint32_t before = state_of(&r, 0)->failures;

        state_of(&r, 0)->ejected_until_ms = 0;
        run_call(&r, &c, JST_METHOD_POST);
        fake_fail(JST_CONTAINER(c.call.client, struct fake, base), cases[i].why, true);
        assert_int_equal(state_of(&r, 0)->failures - before, cases[i].counts);
    }
    run_call(&r, &c, JST_METHOD_GET);
    jst_account_leave(&c.call);
    fake_finish(JST_CONTAINER(c.call.client, struct fake, base));
    assert_int_equal(state_of(&r, 0)->failures, 5);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_cap(void **state)
{
    struct joist_pool_conf conf = conf_of(4);
    struct caller c;
    struct rig r;
    unsigned out = 0;

    (void)state;
    conf.outlier = &outlier;
    rig_init_conf(&r, &conf);
    for (unsigned i = 0; i < 200; i++) { /* all fail */
        run_call(&r, &c, JST_METHOD_GET);
        answer(&c, 503);
    }
    for (uint32_t i = 0; i < 4; i++) {
        out += is_ejected(&r, i);
    }
    assert_int_equal(out, 2);                           /* half of them: no more */
    assert_int_equal(r.local.stats.upstream_panics, 0); /* and half are no panic */
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_panic(void **state)
{
    struct joist_pool_conf conf = conf_of(4);
    unsigned seen[4] = {0};
    struct caller c;
    struct rig r;

    (void)state;
    conf.outlier = &outlier;
    conf.panic_percent = 75;
    rig_init_conf(&r, &conf);
    for (uint32_t i = 0; i < 2; i++) {
        state_of(&r, i)->ejected_until_ms = rig_now_ms(&r) + 1000;
    }
    jst_states_changed(r.states);
    for (unsigned i = 0; i < 100; i++) {
        run_call(&r, &c, JST_METHOD_GET);
        seen[c.call.target]++;
        answer(&c, 200);
    }
    assert_int_equal(seen[0], 25); /* two of four are fewer than 75 %: all are used */
    assert_int_equal(r.local.stats.upstream_panics, 100);
    assert_true(r.pool->tracking->panicking);
    rig_wait(&r, 1000);
    (void)run_answers(&r, 4, 99);
    assert_false(r.pool->tracking->panicking);
    assert_int_equal(r.local.stats.upstream_panics, 100);
    rig_finish(&r);
    rig_fini(&r);
}

/* ---- the breaker ---- */

static void
test_all_cut_off(void **state)
{
    struct joist_pool_conf conf = conf_of(1);
    struct caller c, probe;
    struct rig r;

    (void)state;
    conf.strategy = JOIST_STRATEGY_SINGLE;
    conf.breaker = &breaker;
    rig_init_conf(&r, &conf);
    assert_int_equal(run_answers(&r, 20, 0), 4);
    assert_int_equal(r.local.stats.upstream_breaker_opens, 1);
    run_call(&r, &c, JST_METHOD_GET);
    assert_int_equal(c.call.retry_after_s, 1);
    rig_turn(&r);
    assert_int_equal(c.why, JOIST_E_UNAVAILABLE);
    rig_wait(&r, 1300);
    run_call(&r, &probe, JST_METHOD_GET); /* the one that is let through */
    assert_non_null(probe.call.client);
    run_call(&r, &c, JST_METHOD_GET);
    rig_turn(&r);
    assert_int_equal(c.why, JOIST_E_UNAVAILABLE);
    answer(&probe, 200);
    assert_int_equal(jst_breaker_state(&state_of(&r, 0)->breaker), JST_BREAKER_CLOSED);
    assert_int_equal(run_answers(&r, 20, 99), 0);
    rig_finish(&r);
    rig_fini(&r);
}

/* Two reactors, one probe; and one whose client leaves is given to another. */
static void
test_one_probe_of_all(void **state)
{
    struct joist_pool_conf conf = conf_of(2);
    struct jst_upool *first, *second;
    struct caller probe, v[8];
    unsigned probes = 0;
    struct rig r;

    (void)state;
    conf.breaker = &breaker;
    rig_init_conf(&r, &conf);
    assert_int_equal(jst_upool_acquire(&second, r.local.upstreams, r.pool, 1000), 0);
    first = r.upool;
    (void)run_answers(&r, 20, 1);
    rig_wait(&r, 1300);
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        r.upool = i % 2 == 0 ? first : second;
        run_call(&r, &v[i], JST_METHOD_GET);
        probes += v[i].call.target == 1;
        probe = v[i].call.target == 1 ? v[i] : probe;
    }
    assert_int_equal(probes, 1);
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        jst_account_leave(&v[i].call);
    }
    rig_finish(&r);
    assert_int_equal(jst_breaker_state(&state_of(&r, 1)->breaker), JST_BREAKER_HALF_OPEN);
    r.upool = first;
    assert_int_equal(run_answers(&r, 20, 99), 0);
    assert_int_equal(jst_breaker_state(&state_of(&r, 1)->breaker), JST_BREAKER_CLOSED);
    assert_int_equal(inflight(&r), 0);
    jst_upool_release(&second);
    rig_finish(&r);
    rig_fini(&r);
}

/* ---- a swap ---- */

static void
test_state_outlives_a_swap(void **state)
{
    struct joist_pool_conf conf = conf_of(4);
    struct jst_tstate *kept;
    struct jst_pool *next;
    struct rig r;

    (void)state;
    conf.outlier = &outlier;
    rig_init_conf(&r, &conf);
    (void)run_answers(&r, 100, 2);
    assert_true(is_ejected(&r, 2));
    kept = state_of(&r, 2);

    conf.strategy = JOIST_STRATEGY_LEAST_CONN; /* another strategy, and one target less */
    conf.targets_n = 3;
    rig_make_pool(&next, &conf);
    assert_int_equal(jst_pool_track(next, &conf, r.states, rig_now_ms(&r)), 0);
    jst_upool_release(&r.upool);
    jst_pool_unref(&r.pool);
    r.pool = next;
    assert_int_equal(jst_upool_acquire(&r.upool, r.local.upstreams, next, 1000), 0);
    assert_ptr_equal(state_of(&r, 2), kept);
    assert_int_equal(run_answers(&r, 100, 2), 0);
    rig_finish(&r);
    rig_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_end_counts_once),
        cmocka_unit_test(test_plain_pools_are_not_counted),
        cmocka_unit_test(test_failures_in_a_row),
        cmocka_unit_test(test_a_success_between),
        cmocka_unit_test(test_what_counts),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_panic),
        cmocka_unit_test(test_all_cut_off),
        cmocka_unit_test(test_one_probe_of_all),
        cmocka_unit_test(test_state_outlives_a_swap),
    };

    return cmocka_run_group_tests_name("upstream/account", tests, NULL, NULL);
}
