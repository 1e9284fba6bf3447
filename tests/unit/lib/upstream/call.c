// SPDX-License-Identifier: MIT
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const one[] = {"http://127.0.0.1:1001"};

static void
test_last_used_is_first_used(void **state)
{
    struct rig r;
    struct caller a, b, c;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_call(&r, &a, JST_METHOD_GET);
    run_call(&r, &b, JST_METHOD_GET);
    run_call(&r, &c, JST_METHOD_GET);
    assert_int_equal(fakes_n, 3);
    fake_finish(&fakes[0]);
    fake_finish(&fakes[1]);
    assert_int_equal(r.local.stats.upstream_idle, 2);
    fake_finish(&fakes[2]); /* idle_max is 2: the oldest goes, if nothing needs it */
    assert_int_equal(r.local.stats.upstream_idle, 3);
    rig_wait(&r, JST_UPSTREAM_TRIM_MS);
    rig_wait(&r, JST_UPSTREAM_TRIM_MS);
    assert_true(fakes[0].gone);
    assert_int_equal(r.local.stats.upstream_idle, 2);
    run_call(&r, &a, JST_METHOD_GET);
    assert_ptr_equal(fakes[2].call, &a.call);
    run_call(&r, &b, JST_METHOD_GET);
    assert_ptr_equal(fakes[1].call, &b.call);
    assert_int_equal(r.local.stats.upstream_reuses, 2);
    assert_int_equal(r.local.stats.upstream_idle, 0);
    fake_finish(&fakes[1]);
    fake_finish(&fakes[2]);
    jst_upstreams_close_idle(r.local.upstreams);
    assert_int_equal(r.local.stats.upstream_idle, 0);
    rig_fini(&r);
}

static void
test_probe_before_post(void **state)
{
    struct rig r;
    struct caller a, b;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_call(&r, &a, JST_METHOD_GET);
    run_call(&r, &b, JST_METHOD_GET);
    fake_finish(&fakes[0]);
    fake_finish(&fakes[1]);
    fakes[1].dead = true;
    run_call(&r, &a, JST_METHOD_POST);
    assert_true(fakes[1].gone);
    assert_ptr_equal(fakes[0].call, &a.call);
    fake_finish(&fakes[0]);
    fakes[0].dead = true;
    run_call(&r, &a, JST_METHOD_GET); /* not probed: found out by the request itself */
    assert_ptr_equal(fakes[0].call, &a.call);
    fake_finish(&fakes[0]);
    rig_fini(&r);
}

static void
test_retry_once(void **state)
{
    static const struct {
        enum jst_method method;
        int why;
        bool got_bytes;
        bool sent_body;
        bool retried;
    } cases[] = {
        {JST_METHOD_GET, JOIST_E_CLOSED, false, false, true},
        {JST_METHOD_GET, JOIST_E_RESET, false, false, true},
        {JST_METHOD_PUT, JOIST_E_RESET, false, false, true},
        {JST_METHOD_PUT, JOIST_E_RESET, false, true, false},
        {JST_METHOD_GET, JOIST_E_CLOSED, true, false, false},
        {JST_METHOD_GET, JOIST_E_TIMEOUT, false, false, false},
        {JST_METHOD_GET, JOIST_E_PROTO, false, false, false},
        {JST_METHOD_POST, JOIST_E_CLOSED, false, false, false},
        {JST_METHOD_OTHER, JOIST_E_CLOSED, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct rig r;
        struct caller a;

        rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
        run_call(&r, &a, JST_METHOD_GET);
        fake_finish(&fakes[0]);
        run_call(&r, &a, cases[i].method);
        assert_true(a.call.reused);
        a.call.got_bytes = cases[i].got_bytes;
        a.call.sent_body = cases[i].sent_body;
        fake_fail(&fakes[0], cases[i].why, true);
        assert_int_equal(fakes_n, cases[i].retried ? 2 : 1);
        assert_int_equal(r.local.stats.upstream_retries, cases[i].retried);
        assert_int_equal(a.why, cases[i].retried ? 0 : cases[i].why);
        if (cases[i].retried) { /* the second failure is told */
            assert_false(a.call.reused);
            fake_fail(&fakes[1], JOIST_E_CLOSED, true);
            assert_int_equal(a.why, JOIST_E_CLOSED);
            assert_int_equal(fakes_n, 2);
        }
        rig_fini(&r);
    }
}

/* All of them are given to each connection, in another order; what it tells of them is remembered.
 */
static void
test_addresses_of_a_name(void **state)
{
    struct rig r;
    struct caller a, b, c, d;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    rig_give_addrs(&r, 2);
    run_call(&r, &a, JST_METHOD_POST);
    run_call(&r, &b, JST_METHOD_GET);
    assert_int_equal(fakes[0].port, 2000); /* in turn */
    assert_int_equal(fakes[1].port, 2001);
    fake_tell(&fakes[0], 0, false);
    fake_tell(&fakes[0], 1, true);
    run_call(&r, &c, JST_METHOD_GET);
    assert_int_equal(fakes[2].port, 2001); /* the other one has failed */
    fake_tell(&fakes[2], 0, false);
    fake_tell(&fakes[2], 1, false);
    fake_fail(&fakes[2], JOIST_E_REFUSED, false);
    assert_int_equal(c.why, JOIST_E_REFUSED); /* all were tried */
    assert_int_equal(fakes_n, 3);
    fake_finish(&fakes[0]);
    fake_finish(&fakes[1]);
    jst_upstreams_close_idle(r.local.upstreams);
    rig_wait(&r, JST_ADDR_SKIP_MS);
    run_call(&r, &c, JST_METHOD_GET);
    run_call(&r, &d, JST_METHOD_GET);
    assert_int_not_equal(fakes[3].port, fakes[4].port); /* both are first again */
    fake_finish(&fakes[3]);
    fake_finish(&fakes[4]);
    jst_upstreams_close_idle(r.local.upstreams);
    rig_fini(&r);
}

static void
test_failures_are_posted(void **state)
{
    struct rig r;
    struct caller a;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    fake_open_rc = JOIST_E_NOFILE;
    run_call(&r, &a, JST_METHOD_GET);
    assert_int_equal(a.why, 0);
    jst_source_resume(&a.call.response, 100);
    jst_loop_turn(r.local.loop, 0);
    assert_int_equal(a.why, JOIST_E_NOFILE);
    run_call(&r, &a, JST_METHOD_GET);
    jst_source_cancel(&a.call.response, JOIST_E_CANCELED);
    jst_loop_turn(r.local.loop, 0);
    assert_int_equal(a.why, 0);
    free(r.pool->v[0].addrs);
    r.pool->v[0].addrs = NULL;
    run_call(&r, &a, JST_METHOD_GET);
    jst_loop_turn(r.local.loop, 0);
    assert_int_equal(a.why, JOIST_E_UNAVAILABLE);
    rig_fini(&r);
}

static void
test_connections_outlive_a_pool(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:1001/other/base", "http://127.0.0.1:9"};
    struct joist_target_conf targets[] = {{.url = urls[1], .weight = 1},
                                          {.url = urls[0], .weight = 1}};
    struct joist_pool_conf conf = {.targets = targets, .targets_n = 2, .idle_max = 5};
    struct jst_pool *pool;
    struct jst_upool *upool;
    struct rig r;
    struct caller a;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_call(&r, &a, JST_METHOD_GET);
    fake_finish(&fakes[0]);
    assert_int_equal(jst_pool_create(&pool, &conf, NULL, NULL), 0);
    assert_int_equal(jst_upool_acquire(&upool, r.local.upstreams, pool, 1000), 0);
    jst_upool_release(&r.upool);
    assert_int_equal(r.local.stats.upstream_idle, 1); /* the same target by another name */
    r.upool = upool;
    jst_pool_unref(&r.pool);
    r.pool = pool;
    rig_fini(&r);
}

static void
test_destroy_cuts(void **state)
{
    struct rig r;
    struct caller a, b;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_call(&r, &a, JST_METHOD_GET);
    run_call(&r, &b, JST_METHOD_GET);
    fake_finish(&fakes[1]);
    jst_upstreams_destroy(&r.local.upstreams);
    assert_int_equal(a.why, JOIST_E_CANCELED);
    assert_true(fakes[0].gone && fakes[1].gone);
    run_call(&r, &a, JST_METHOD_GET);
    jst_loop_turn(r.local.loop, 0);
    assert_int_equal(a.why, JOIST_E_UNAVAILABLE);
    rig_fini(&r);
}

static void
test_many_targets(void **state)
{
    enum { N = 200 };
    struct rig r;
    struct jst_pool *pools[N];
    struct jst_upool *upools[N];

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    for (int i = 0; i < N; i++) {
        char url[64];
        struct joist_target_conf target = {.url = url, .weight = 1};
        struct joist_pool_conf conf = {.targets = &target, .targets_n = 1, .idle_max = 1};

        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", 1001 + i % 150);
        assert_int_equal(jst_pool_create(&pools[i], &conf, NULL, NULL), 0);
        assert_int_equal(jst_upool_acquire(&upools[i], r.local.upstreams, pools[i], 1), 0);
    }
    assert_int_equal(r.local.upstreams->lives_n, 150);
    for (int i = 0; i < N; i++) {
        jst_upool_release(&upools[i]);
        jst_pool_unref(&pools[i]);
    }
    assert_int_equal(r.local.upstreams->lives_n, 1);
    rig_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_used_is_first_used),
        cmocka_unit_test(test_probe_before_post),
        cmocka_unit_test(test_retry_once),
        cmocka_unit_test(test_addresses_of_a_name),
        cmocka_unit_test(test_failures_are_posted),
        cmocka_unit_test(test_connections_outlive_a_pool),
        cmocka_unit_test(test_destroy_cuts),
        cmocka_unit_test(test_many_targets),
    };

    return cmocka_run_group_tests_name("upstream/call", tests, NULL, NULL);
}
