// SPDX-License-Identifier: MIT
/*
 * Calls that wait for a connection: one dial for all, order, room, failures.
 */
#include "rig.h"

static const char *const h2c[] = {"h2c://127.0.0.1:1001"};
static const char https[] = "https://127.0.0.1:1001";

static void
test_one_dial_for_all(void **state)
{
    struct caller v[5];
    struct fake *a, *b;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_many(&r, v, 5);
    assert_int_equal(fakes_n, 1);
    assert_true(fakes[0].to_h2);
    a = fake_opened(&fakes[0], true, 3);
    rig_turn(&r);
    assert_int_equal(a->base.calls, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(a->calls[i], &v[i].call);
    }
    assert_int_equal(fakes_n, 3); /* full: one more dial for the two that are left */
    b = fake_opened(&fakes[2], true, 3);
    rig_turn(&r);
    assert_int_equal(b->base.calls, 2);
    assert_ptr_equal(b->calls[0], &v[3].call);
    assert_int_equal(r.local.stats.upstream_connects, 2);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_http1_after_all(void **state)
{
    struct caller v[3], w[2];
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init_tls(&r, https, NULL);
    run_many(&r, v, 3);
    assert_int_equal(fakes_n, 1); /* nobody knows yet what it speaks */
    f = fake_opened(&fakes[0], false, 1);
    rig_turn(&r);
    assert_ptr_equal(f->call, &v[0].call);
    assert_int_equal(fakes_n, 4); /* each of the others needs its own */
    assert_ptr_equal(fake_opened(&fakes[3], false, 1)->call, NULL);
    rig_turn(&r);
    assert_ptr_equal(fakes[4].call, &v[1].call);
    (void)fake_opened(&fakes[2], false, 1);
    rig_turn(&r);
    assert_ptr_equal(fakes[5].call, &v[2].call);
    run_many(&r, w, 2); /* learnt: both dial at once */
    assert_int_equal(fakes_n, 8);
    (void)fake_opened(&fakes[6], false, 1);
    fake_finish(f); /* a connection that comes free serves as well */
    rig_turn(&r);
    assert_int_equal(r.upool->v[0].live->lanes[0].waiting_n, 0);
    (void)fake_opened(&fakes[7], false, 1); /* nobody waits for it any more: it is kept */
    assert_int_equal(r.local.stats.upstream_idle, 1);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_room_is_used(void **state)
{
    struct caller v[2], a, b;
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_call(&r, &v[0], JST_METHOD_GET);
    f = fake_opened(&fakes[0], true, 2);
    rig_turn(&r);
    run_call(&r, &v[1], JST_METHOD_GET); /* at once, on the same connection */
    assert_int_equal(f->base.calls, 2);
    assert_int_equal(fakes_n, 2);
    run_call(&r, &a, JST_METHOD_GET); /* full */
    assert_int_equal(fakes_n, 3);
    fake_finish_call(f, &v[0].call);  /* room */
    run_call(&r, &b, JST_METHOD_GET); /* does not overtake the one that waits */
    rig_turn(&r);
    assert_ptr_equal(f->call, &a.call);
    fake_finish_call(f, &v[1].call);
    rig_turn(&r);
    assert_ptr_equal(f->call, &b.call);
    assert_int_equal(fakes_n, 3);
    fake_fail(&fakes[2], JOIST_E_TIMEOUT, false); /* nobody waits for it */
    assert_int_equal(a.why, 0);
    rig_finish(&r);
    rig_fini(&r);
}

/* What was opened for a call is not asked whether it lives: its origin's first words look like the
 * end of a kept one. */
static void
test_fresh_is_not_probed(void **state)
{
    struct caller a;
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_call(&r, &a, JST_METHOD_POST);
    f = fake_opened(&fakes[0], true, 5);
    f->dead = true;
    rig_turn(&r);
    assert_ptr_equal(f->call, &a.call);
    fake_finish(f);
    run_call(&r, &a, JST_METHOD_POST); /* now it was kept */
    assert_true(f->gone);
    f = fake_opened(&fakes[2], true, 5);
    rig_turn(&r);
    rig_finish(&r);
    rig_fini(&r);
}

/* SETTINGS may take room away that the pool believed in. */
static void
test_room_that_has_gone(void **state)
{
    struct caller a, b;
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_call(&r, &a, JST_METHOD_GET);
    f = fake_opened(&fakes[0], true, 5);
    rig_turn(&r);
    f->base.calls_max = 1;
    run_call(&r, &b, JST_METHOD_GET);
    assert_int_equal(fakes_n, 3);
    assert_int_equal(f->base.calls, 1);
    rig_finish(&r);
    rig_turn(&r);
    assert_int_equal(b.why, 0);
    rig_finish(&r);
    fake_fail(&fakes[2], JOIST_E_TIMEOUT, false);
    rig_fini(&r);
}

/* What one connection allows is what the next begins with. */
static void
test_streams_are_learnt(void **state)
{
    struct caller v[4];
    struct fake *a, *b;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_call(&r, &v[0], JST_METHOD_GET);
    a = fake_opened(&fakes[0], true, 100);
    rig_turn(&r);
    assert_int_equal(a->base.calls_hint, 0);
    a->base.calls_max = 1; /* its SETTINGS */
    fake_finish(a);
    run_call(&r, &v[0], JST_METHOD_GET);
    run_call(&r, &v[1], JST_METHOD_GET);
    run_call(&r, &v[2], JST_METHOD_GET);
    b = fake_opened(&fakes[2], true, 100);
    rig_turn(&r);
    assert_int_equal(b->base.calls_hint, 1);
    assert_int_equal(b->base.calls, 1);
    assert_int_equal(fakes_n, 5); /* a third one is on its way */
    (void)fake_opened(&fakes[4], true, 100);
    rig_turn(&r);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_connections_are_bounded(void **state)
{
    static struct caller v[JST_UPSTREAM_H2_CONNS_MAX + 2];
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_many(&r, v, JST_COUNT(v));
    for (size_t i = 0; i < JST_UPSTREAM_H2_CONNS_MAX; i++) {
        assert_int_equal(fakes_n, 2 * i + 1);
        (void)fake_opened(&fakes[fakes_n - 1], true, 1);
        rig_turn(&r);
    }
    assert_int_equal(fakes_n, 2 * JST_UPSTREAM_H2_CONNS_MAX);
    assert_int_equal(r.upool->v[0].live->lanes[0].waiting_n, 2);
    fake_finish(&fakes[1]); /* its room goes to the first who waits */
    rig_turn(&r);
    assert_ptr_equal(fakes[1].call, &v[JST_UPSTREAM_H2_CONNS_MAX].call);
    rig_wait(&r, 6000); /* longer than a connect may take */
    assert_int_equal(v[JST_UPSTREAM_H2_CONNS_MAX + 1].why, JOIST_E_TIMEOUT);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_dial_fails_for_all(void **state)
{
    struct caller v[3];
    struct rig r;

    (void)state;
    rig_init_tls(&r, https, NULL);
    run_many(&r, v, 3);
    fakes[0].base.error = JST_S("certificate has expired (a)");
    fake_fail(&fakes[0], JOIST_E_CERT, false);
    assert_int_equal(v[0].why, 0); /* not from within */
    rig_turn(&r);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(v[i].why, JOIST_E_CERT);
        assert_true(jst_slice_eq(v[i].call.tls_error, JST_S("certificate has expired (a)")));
        jst_arena_fini(&v[i].arena);
    }
    assert_int_equal(fakes_n, 1);
    rig_fini(&r);
}

static void
test_dial_fails_for_one(void **state)
{
    static const struct joist_target_tls_conf h1_only = {.http1_only = true};
    struct caller v[2];
    struct rig r;

    (void)state;
    rig_init_tls(&r, https, &h1_only);
    run_many(&r, v, 2);
    assert_int_equal(fakes_n, 2);
    fake_fail(&fakes[1], JOIST_E_TLS, false);
    rig_turn(&r);
    assert_int_equal(v[0].why, JOIST_E_TLS);
    assert_int_equal(v[1].why, 0);
    (void)fake_opened(&fakes[0], false, 1);
    rig_turn(&r);
    assert_ptr_equal(fakes[2].call, &v[1].call);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_all_addresses_fail(void **state)
{
    struct caller v[2];
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    rig_give_addrs(&r, 2);
    run_many(&r, v, 2);
    assert_int_equal(fakes[0].addrs_n, 2);
    fake_fail(&fakes[0], JOIST_E_REFUSED, false);
    rig_turn(&r);
    assert_int_equal(fakes_n, 1); /* one dial, for both callers and addresses */
    assert_int_equal(v[0].why, JOIST_E_REFUSED);
    assert_int_equal(v[1].why, JOIST_E_REFUSED);
    rig_fini(&r);
}

static void
test_dial_cannot_begin(void **state)
{
    struct caller a;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    fake_open_rc = JOIST_E_NOFILE;
    run_call(&r, &a, JST_METHOD_GET);
    assert_int_equal(a.why, 0);
    rig_turn(&r);
    assert_int_equal(a.why, JOIST_E_NOFILE);
    rig_fini(&r);
}

/* With a connection that works, a second one that fails harms nobody. */
static void
test_further_dial_fails(void **state)
{
    struct caller a, b;
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_call(&r, &a, JST_METHOD_GET);
    f = fake_opened(&fakes[0], true, 1);
    rig_turn(&r);
    run_call(&r, &b, JST_METHOD_GET);
    fake_fail(&fakes[2], JOIST_E_REFUSED, false);
    rig_turn(&r);
    assert_int_equal(b.why, 0);
    fake_finish(f);
    rig_turn(&r);
    assert_ptr_equal(f->call, &b.call);
    fake_finish(f);
    jst_upstreams_close_idle(r.local.upstreams);
    rig_fini(&r);
}

static void
test_idle_connections_are_bounded(void **state)
{
    struct caller v[4];
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE); /* idle_max 2 */
    run_many(&r, v, 4);
    for (size_t i = 0; i < 4; i++) {
        (void)fake_opened(&fakes[fakes_n - 1], true, 1);
        rig_turn(&r);
    }
    for (size_t i = 0; i < 4; i++) {
        fake_finish(&fakes[2 * i + 1]);
    }
    rig_wait(&r, JST_UPSTREAM_TRIM_MS);
    rig_wait(&r, JST_UPSTREAM_TRIM_MS);
    assert_int_equal(r.local.stats.upstream_idle, 2);
    run_call(&r, &v[0], JST_METHOD_POST);
    assert_int_equal(r.local.stats.upstream_idle, 1);
    assert_int_equal(r.local.stats.upstream_reuses, 1);
    rig_finish(&r);
    rig_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_dial_for_all),
        cmocka_unit_test(test_http1_after_all),
        cmocka_unit_test(test_room_is_used),
        cmocka_unit_test(test_fresh_is_not_probed),
        cmocka_unit_test(test_room_that_has_gone),
        cmocka_unit_test(test_streams_are_learnt),
        cmocka_unit_test(test_connections_are_bounded),
        cmocka_unit_test(test_dial_fails_for_all),
        cmocka_unit_test(test_dial_fails_for_one),
        cmocka_unit_test(test_all_addresses_fail),
        cmocka_unit_test(test_dial_cannot_begin),
        cmocka_unit_test(test_further_dial_fails),
        cmocka_unit_test(test_idle_connections_are_bounded),
    };

    return cmocka_run_group_tests_name("upstream/dials", tests, NULL, NULL);
}
