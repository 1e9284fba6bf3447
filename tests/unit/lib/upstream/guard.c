// SPDX-License-Identifier: MIT
/* The budget of further tries, callers that leave, the whole request's time, and hedges. */
#include "tries.h"

/* ---- the budget ---- */

static void
test_budget(void **state)
{
    struct joist_retry_conf retry = tries_retry(2);
    struct caller v[40];
    unsigned again = 0;
    struct rig r;

    (void)state;
    retry.budget_percent = 25;
    tries_init(&r, &retry, NULL, 3);
    run_many(&r, v, JST_COUNT(v));
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        fake_fail(JST_CONTAINER(v[i].call.client, struct fake, base), JOIST_E_RESET, true);
        again += v[i].why == 0;
    }
    /* Who may not leaves the budget too, so that its share shrinks. */
    assert_in_range(again, 5, 10);
    assert_int_equal(r.local.stats.upstream_budget_denials, JST_COUNT(v) - again);
    assert_int_equal(r.pool->tracking->pool->budget.tries, again);
    rig_turn(&r);
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        if (v[i].why == 0) {
            jst_upstream_cancel(&v[i].call, JOIST_E_CANCELED);
        }
    }
    tries_finish(&r);
}

static void
test_budget_has_a_floor(void **state)
{
    struct joist_retry_conf retry = tries_retry(2);
    struct caller v[5];
    unsigned again = 0;
    struct rig r;

    (void)state;
    retry.budget_percent = 1;
    tries_init(&r, &retry, NULL, 3);
    run_many(&r, v, JST_COUNT(v));
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        fake_fail(&fakes[i], JOIST_E_RESET, true);
        again += v[i].why == 0;
    }
    assert_int_equal(again, JST_RETRY_BUDGET_MIN);
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        jst_upstream_abort(&v[i].call, JOIST_E_CANCELED);
    }
    tries_finish(&r);
}

/* ---- leaving ---- */

static void
test_leaving_at_each_point(void **state)
{
    enum { CONNECTING, SENT, WAITING, DRAINING, AGAIN, ANSWERED, POINTS_ };

    (void)state;
    for (unsigned point = 0; point < POINTS_ * 2; point++) {
        struct joist_retry_conf retry = tries_retry(2);
        struct caller a;
        struct rig r;

        retry.backoff_ms = retry.backoff_max_ms = 50;
        tries_init(&r, &retry, NULL, 3);
        run_call(&r, &a, JST_METHOD_GET);
        if (point / 2 >= SENT) {
            tries_connect();
        }
        if (point / 2 == DRAINING) {
            tries_head(&a.call, 503);
        } else if (point / 2 >= WAITING) {
            fake_fail(tries_last(), JOIST_E_RESET, true);
        }
        if (point / 2 >= AGAIN) {
            rig_wait(&r, 51);
            tries_connect();
        }
        if (point / 2 == ANSWERED) {
            tries_head(&a.call, 200);
        }
        if (point % 2 == 0) {
            jst_upstream_cancel(&a.call, JOIST_E_CANCELED);
            jst_upstream_abort(&a.call, JOIST_E_CANCELED);
        } else {
            jst_upstream_abort(&a.call, JOIST_E_CANCELED);
            jst_upstream_cancel(&a.call, JOIST_E_CANCELED);
        }
        tries_check_quiet(&r);
        rig_wait(&r, 1000);
        assert_int_equal(a.why, 0);
        assert_int_equal(a.ends, 0);
        assert_int_equal(fakes_n, point / 2 >= AGAIN ? 2 : 1);
        tries_finish(&r);
    }
}

static void
test_closing_while_it_waits(void **state)
{
    struct joist_retry_conf retry = tries_retry(2);
    struct caller a, b;
    struct rig r;

    (void)state;
    retry.backoff_ms = retry.backoff_max_ms = 1000;
    tries_init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_GET);
    fake_fail(tries_last(), JOIST_E_RESET, true);
    run_call(&r, &b, JST_METHOD_GET);
    tries_connect();
    tries_head(&b.call, 503);
    jst_upstreams_destroy(&r.local.upstreams);
    rig_turn(&r);
    assert_int_equal(a.why, JOIST_E_CANCELED);
    assert_int_equal(b.why, JOIST_E_CANCELED);
    assert_int_equal(r.upool->view->inflight, 0);
    rig_fini(&r);
}

/* ---- the whole request's time ---- */

static void
run_timed(struct rig *r, struct caller *a, uint64_t total_ms)
{
    rig_prepare(a, JST_METHOD_GET);
    a->timeouts.upstream_total_ms = total_ms;
    jst_upstream_call(r->upool, &a->call, &a->target);
}

static void
test_total_of_plain_pools(void **state)
{
    static const char *const plain[] = {"http://127.0.0.1:1", "http://127.0.0.1:2"};
    struct caller a;
    struct rig r;

    (void)state;
    rig_init(&r, plain, NULL, 2, JOIST_STRATEGY_ROUND_ROBIN);
    run_timed(&r, &a, 1000);
    fake_fail(tries_last(), JOIST_E_REFUSED,
              false); /* with it, connects are tried elsewhere as well */
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    tries_connect();
    rig_wait(&r, 999);
    assert_int_equal(a.why, 0);
    rig_wait(&r, 1);
    assert_int_equal(a.why, JOIST_E_TIMEOUT);
    assert_true(a.call.out_of_time);
    assert_true(tries_last()->gone);
    rig_fini(&r);
}

static void
test_total_at_each_point(void **state)
{
    (void)state;
    for (unsigned point = 0; point < 4; point++) {
        struct joist_retry_conf retry = tries_retry(2);
        struct caller a;
        struct rig r;

        retry.backoff_ms = retry.backoff_max_ms = 1000000;
        tries_init(&r, &retry, NULL, 3);
        run_timed(&r, &a, 500);
        if (point > 0) {
            tries_connect();
        }
        if (point == 1) {
            fake_fail(tries_last(), JOIST_E_RESET, true);
        } else if (point > 1) {
            tries_head(&a.call, point == 2 ? 503 : 200);
        }
        rig_wait(&r, 500);
        assert_int_equal(a.why, JOIST_E_TIMEOUT);
        assert_int_equal(a.status, point == 3 ? 200 : 0);
        tries_finish(&r);
    }
}

static void
test_total_spares_tunnels(void **state)
{
    struct joist_retry_conf retry = tries_retry(2);
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, &retry, NULL, 3);
    run_timed(&r, &a, 500);
    tries_connect();
    tries_head(&a.call, 101);
    rig_wait(&r, 100000);
    assert_int_equal(a.why, 0);
    assert_false(tries_last()->gone);
    jst_upstream_cancel(&a.call, JOIST_E_CANCELED);
    tries_finish(&r);
}

/* ---- hedges ---- */

static const struct joist_hedge_conf hedge_100 = {.after_ms = 100};

static void
test_hedge_wins(void **state)
{
    struct jst_call *second;
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, NULL, &hedge_100, 3);
    run_call(&r, &a, JST_METHOD_GET);
    jst_upstream_resume(&a.call, 1000);
    tries_connect();
    rig_wait(&r, 99);
    assert_int_equal(fakes_n, 1);
    rig_wait(&r, 1);
    assert_int_equal(fakes_n, 2);
    second = tries_connect();
    assert_ptr_not_equal(second, &a.call);
    assert_int_not_equal(second->target, a.call.target);
    assert_int_equal(second->credit, 1000);
    assert_int_equal(r.upool->view->inflight, 2);
    tries_head(second, 200);
    assert_int_equal(a.status, 200);
    assert_true(fakes[0].gone); /* cancelled, and not judged */
    assert_int_equal(r.pool->tracking->v[a.call.target]->failures, 0);
    assert_int_equal(r.upool->view->inflight, 1);
    assert_true(jst_slice_eq(a.target, r.pool->v[second->target].name));
    tries_end(&fakes[1], second);
    assert_int_equal(a.ends, 1);
    assert_int_equal(r.local.stats.upstream_hedges, 1);
    assert_int_equal(r.local.stats.upstream_hedges_won, 1);
    tries_finish(&r);
}

static void
test_hedge_loses(void **state)
{
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, NULL, &hedge_100, 3);
    run_call(&r, &a, JST_METHOD_GET);
    rig_wait(&r, 100);
    tries_connect();
    a.call.connected = true;
    tries_head(&a.call, 200);
    assert_true(fakes[1].gone);
    assert_int_equal(r.upool->view->inflight, 1);
    tries_end(&fakes[0], &a.call);
    assert_int_equal(a.ends, 1);
    assert_int_equal(r.local.stats.upstream_hedges_won, 0);
    tries_finish(&r);
}

/* One of both fails: the other one is what counts; both: that is the answer, or another try. */
static void
test_hedge_and_failures(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        bool first_fails = (i & 1) != 0;
        bool both = (i & 2) != 0;
        struct joist_retry_conf retry = tries_retry((i & 4) != 0 ? 2 : 1);
        struct jst_call *second;
        struct caller a;
        struct rig r;

        tries_init(&r, &retry, &hedge_100, 3);
        run_call(&r, &a, JST_METHOD_GET);
        a.call.connected = true;
        rig_wait(&r, 100);
        second = tries_connect();
        fake_fail(&fakes[first_fails ? 0 : 1], JOIST_E_RESET, true);
        assert_int_equal(a.why, 0);
        if (both) {
            fake_fail(&fakes[first_fails ? 1 : 0], JOIST_E_CLOSED, true);
            assert_int_equal(a.why, (i & 4) != 0 ? 0 : JOIST_E_CLOSED);
            rig_turn(&r);
            assert_int_equal(fakes_n, (i & 4) != 0 ? 3 : 2);
            if ((i & 4) != 0) {
                assert_ptr_equal(tries_last()->call, &a.call);
                assert_int_equal(fakes[2].port, 6 - fakes[0].port - fakes[1].port);
                jst_upstream_cancel(&a.call, JOIST_E_CANCELED);
            }
        } else {
            tries_head(first_fails ? second : &a.call, 200);
            tries_end(&fakes[first_fails ? 1 : 0], first_fails ? second : &a.call);
            assert_int_equal(a.ends, 1);
        }
        tries_finish(&r);
    }
}

static void
test_what_is_not_hedged(void **state)
{
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, NULL, &hedge_100, 3);
    run_call(&r, &a, JST_METHOD_PUT);
    rig_wait(&r, 1000);
    assert_int_equal(fakes_n, 1);
    jst_upstream_cancel(&a.call, JOIST_E_CANCELED);
    run_call(&r, &a, JST_METHOD_GET);
    tries_connect();
    tries_head(&a.call, 200); /* answered */
    rig_wait(&r, 1000);
    assert_int_equal(fakes_n, 2);
    jst_upstream_abort(&a.call, JOIST_E_CANCELED);
    tries_finish(&r);
    tries_init(&r, NULL, &hedge_100, 1); /* nowhere to go */
    run_call(&r, &a, JST_METHOD_GET);
    rig_wait(&r, 1000);
    assert_int_equal(fakes_n, 1);
    jst_upstream_abort(&a.call, JOIST_E_CANCELED);
    tries_finish(&r);
}

static void
test_leaving_with_a_hedge(void **state)
{
    struct caller v[5];
    struct rig r;

    (void)state;
    tries_init(&r, NULL, &hedge_100, 3);
    run_many(&r, v, JST_COUNT(v));
    rig_wait(&r, 100);
    assert_int_equal(fakes_n, JST_COUNT(v) + 3); /* the budget allows three */
    assert_int_equal(r.local.stats.upstream_budget_denials, 2);
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        jst_upstream_cancel(&v[i].call, JOIST_E_CANCELED);
    }
    for (size_t i = 0; i < fakes_n; i++) {
        assert_true(fakes[i].gone);
    }
    tries_finish(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_budget_has_a_floor),
        cmocka_unit_test(test_leaving_at_each_point),
        cmocka_unit_test(test_closing_while_it_waits),
        cmocka_unit_test(test_total_of_plain_pools),
        cmocka_unit_test(test_total_at_each_point),
        cmocka_unit_test(test_total_spares_tunnels),
        cmocka_unit_test(test_hedge_wins),
        cmocka_unit_test(test_hedge_loses),
        cmocka_unit_test(test_hedge_and_failures),
        cmocka_unit_test(test_what_is_not_hedged),
        cmocka_unit_test(test_leaving_with_a_hedge),
    };

    return cmocka_run_group_tests_name("upstream/guard", tests, NULL, NULL);
}
