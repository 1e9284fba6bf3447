// SPDX-License-Identifier: MIT
/*
 * Calls that are started again, and what comes while they wait for that.
 */
#include "rig.h"

static const char *const h2c[] = {"h2c://127.0.0.1:1001"};

static void
test_unprocessed_is_run_again(void **state)
{
    static const struct {
        bool unprocessed;
        bool sent_body;
        bool got_bytes;
        bool again;
    } cases[] = {
        {true, false, false, true},
        {false, false, false, false},
        {true, true, false, false},
        {true, false, true, false},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct caller a;
        struct fake *f;
        struct rig r;

        rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
        run_call(&r, &a, JST_METHOD_POST);
        f = fake_opened(&fakes[0], true, 5);
        rig_turn(&r);
        a.call.sent_body = cases[i].sent_body;
        a.call.got_bytes = cases[i].got_bytes;
        fake_lose(f, &a.call, JOIST_E_RESET, cases[i].unprocessed);
        rig_turn(&r);
        assert_int_equal(f->base.calls, cases[i].again);
        assert_int_equal(a.why, cases[i].again ? 0 : JOIST_E_RESET);
        assert_int_equal(r.local.stats.upstream_retries, cases[i].again);
        rig_finish(&r);
        rig_fini(&r);
    }
}

static void
test_retries_are_bounded(void **state)
{
    struct caller a;
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_call(&r, &a, JST_METHOD_GET);
    f = fake_opened(&fakes[0], true, 5);
    rig_turn(&r);
    for (unsigned i = 0; i <= JST_UPSTREAM_RETRIES_MAX; i++) {
        assert_int_equal(a.why, 0);
        fake_lose(f, &a.call, JOIST_E_RESET, true);
        rig_turn(&r);
    }
    assert_int_equal(a.why, JOIST_E_RESET);
    assert_int_equal(r.local.stats.upstream_retries, JST_UPSTREAM_RETRIES_MAX);
    rig_finish(&r);
    rig_fini(&r);
}

/* GOAWAY covers none of them: all go to one new connection. */
static void
test_goaway(void **state)
{
    struct caller v[3];
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_many(&r, v, 3);
    f = fake_opened(&fakes[0], true, 5);
    rig_turn(&r);
    for (size_t i = 0; i < 3; i++) {
        v[i].call.unprocessed = true;
    }
    fake_fail(f, JOIST_E_CLOSED, true);
    rig_turn(&r);
    assert_int_equal(fakes_n, 3);
    f = fake_opened(&fakes[2], true, 5);
    rig_turn(&r);
    assert_int_equal(f->base.calls, 3);
    assert_int_equal(v[0].why, 0);
    rig_finish(&r);
    rig_fini(&r);
}

/* An origin that takes few requests a connection: who was refused goes first on the next. */
static void
test_refused_go_first(void **state)
{
    struct caller v[3], w[2];
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_many(&r, v, 3);
    f = fake_opened(&fakes[0], true, 3);
    rig_turn(&r);
    run_many(&r, w, 2); /* full: they wait */
    for (size_t i = 0; i < 3; i++) {
        v[i].call.unprocessed = true;
    }
    fake_fail(f, JOIST_E_CLOSED, true);
    rig_turn(&r);
    f = fake_opened(&fakes[2], true, 4);
    rig_turn(&r);
    assert_int_equal(f->base.calls, 4);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(f->calls[i], &v[i].call);
    }
    assert_ptr_equal(f->calls[3], &w[0].call);
    jst_source_cancel(&w[1].call.response, JOIST_E_CANCELED);
    rig_finish(&r);
    fake_fail(&fakes[4], JOIST_E_TIMEOUT, false);
    rig_fini(&r);
}

/* Body that was asked for on the connection of before comes while the call waits for another. */
static void
test_body_while_waiting(void **state)
{
    struct caller a;
    struct fake *f;
    struct jst_chain body = {0};
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_call(&r, &a, JST_METHOD_POST);
    a.req.has_body = true;
    f = fake_opened(&fakes[0], true, 5);
    rig_turn(&r);
    a.call.asked_body = true;
    a.call.unprocessed = true;
    fake_fail(f, JOIST_E_CLOSED, true);
    assert_int_equal(jst_chain_add_copy(&body, "12345", 5), 0);
    jst_sink_data(&a.call.request, &body);
    assert_int_equal(body.bytes, 0);
    jst_sink_end(&a.call.request, NULL);
    f = fake_opened(&fakes[2], true, 5);
    rig_turn(&r);
    assert_int_equal(f->body_bytes, 5);
    assert_int_equal(f->ends, 1);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_cancel_while_waiting(void **state)
{
    struct caller v[3];
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_many(&r, v, 3);
    jst_source_cancel(&v[0].call.response, JOIST_E_CANCELED);
    jst_sink_abort(&v[2].call.request, JOIST_E_CANCELED);
    f = fake_opened(&fakes[0], true, 5);
    rig_turn(&r);
    assert_int_equal(f->base.calls, 1);
    assert_ptr_equal(f->call, &v[1].call);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_destroy_while_waiting(void **state)
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
    jst_upstreams_destroy(&r.local.upstreams);
    rig_turn(&r);
    assert_true(f->gone && fakes[2].gone);
    assert_int_equal(a.why, JOIST_E_CANCELED);
    assert_int_equal(b.why, JOIST_E_CANCELED);
    rig_fini(&r);
}

/* An upgrade that the origin's HTTP/2 does not take goes out over HTTP/1.1, the next one at once.
 */
static void
test_upgrade_needs_http1(void **state)
{
    struct caller get, up, next;
    struct jst_target *t;
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init_tls(&r, "https://127.0.0.1:1001", NULL);
    t = &r.pool->v[0];
    assert_non_null(t->tls_h1);
    run_call(&r, &get, JST_METHOD_GET);
    f = fake_opened(&fakes[0], true, 5);
    rig_turn(&r);
    run_upgrade(&r, &up, JST_S("websocket"));
    assert_ptr_equal(f->call, &up.call);
    fake_lose(f, &up.call, JOIST_E_UNSUPPORTED, false);
    assert_int_equal(fakes_n, 3);
    assert_ptr_equal(fakes[2].tls, t->tls_h1);
    assert_ptr_not_equal(fakes[2].session, fakes[0].session);
    f = fake_opened(&fakes[2], false, 1);
    rig_turn(&r);
    assert_ptr_equal(f->call, &up.call);
    assert_true(r.upool->v[0].live->upgrade_h1);
    run_call(&r, &next, JST_METHOD_GET); /* no upgrade: stays with HTTP/2 */
    assert_ptr_equal(fakes[1].call, &next.call);
    rig_finish(&r);
    rig_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unprocessed_is_run_again),
        cmocka_unit_test(test_retries_are_bounded),
        cmocka_unit_test(test_goaway),
        cmocka_unit_test(test_refused_go_first),
        cmocka_unit_test(test_body_while_waiting),
        cmocka_unit_test(test_cancel_while_waiting),
        cmocka_unit_test(test_destroy_while_waiting),
        cmocka_unit_test(test_upgrade_needs_http1),
    };

    return cmocka_run_group_tests_name("upstream/again", tests, NULL, NULL);
}
