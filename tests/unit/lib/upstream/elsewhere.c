// SPDX-License-Identifier: MIT
/* What no connection was made for goes to another target, whatever the pool. */
#include "rig.h"

static const char *const plain[] = {"http://127.0.0.1:1", "http://127.0.0.1:2",
                                    "http://127.0.0.1:3", "http://127.0.0.1:4",
                                    "http://127.0.0.1:5"};
static const char *const h2c[] = {"h2c://127.0.0.1:1", "h2c://127.0.0.1:2"};

static struct fake *
last(void)
{
    return &fakes[fakes_n - 1];
}

static void
test_refused_goes_elsewhere(void **state)
{
    struct caller a;
    struct rig r;
    uint32_t first;

    (void)state;
    rig_init(&r, plain, NULL, 3, JOIST_STRATEGY_ROUND_ROBIN);
    run_call(&r, &a, JST_METHOD_POST);
    first = a.call.target;
    fake_fail(last(), JOIST_E_REFUSED, false);
    assert_int_equal(fakes_n, 1); /* not from within */
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    assert_int_equal(a.why, 0);
    assert_int_not_equal(a.call.target, first);
    assert_int_equal(a.call.tried_n, 1);
    assert_int_equal(a.call.tried[0], first);
    assert_int_equal(r.local.stats.upstream_tried_again, 1);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_three_targets_at_most(void **state)
{
    struct caller a;
    struct rig r;

    (void)state;
    rig_init(&r, plain, NULL, 5, JOIST_STRATEGY_ROUND_ROBIN);
    run_call(&r, &a, JST_METHOD_GET);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(a.why, 0);
        assert_int_equal(fakes_n, i);
        fake_fail(last(), JOIST_E_UNREACH, false);
        rig_turn(&r);
    }
    assert_int_equal(fakes_n, 3);
    assert_int_equal(a.why, JOIST_E_UNREACH);
    rig_fini(&r);
}

/* No descriptor, refused by the kernel at once: posted both. */
static void
test_that_cannot_even_begin(void **state)
{
    static const struct {
        int why;
        bool elsewhere;
    } cases[] = {{JOIST_E_REFUSED, true},
                 {JOIST_E_UNREACH, true},
                 {JOIST_E_NOTFOUND, true},
                 {JOIST_E_NOFILE, false},
                 {JOIST_E_NOMEM, false}};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct caller a;
        struct rig r;

        rig_init(&r, plain, NULL, 2, JOIST_STRATEGY_ROUND_ROBIN);
        fake_open_rc = cases[i].why;
        run_call(&r, &a, JST_METHOD_GET);
        assert_int_equal(a.why, 0);
        fake_open_rc = 0;
        rig_turn(&r);
        assert_int_equal(fakes_n, cases[i].elsewhere);
        assert_int_equal(a.why, cases[i].elsewhere ? 0 : cases[i].why);
        rig_finish(&r);
        rig_fini(&r);
    }
}

static void
test_what_was_sent_stays(void **state)
{
    static const struct {
        bool connected;
        bool sent_body;
        bool got_bytes;
    } cases[] = {{true, false, false}, {false, true, false}, {false, false, true}};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct caller a;
        struct rig r;

        rig_init(&r, plain, NULL, 3, JOIST_STRATEGY_ROUND_ROBIN);
        run_call(&r, &a, JST_METHOD_GET);
        a.call.sent_body = cases[i].sent_body;
        a.call.got_bytes = cases[i].got_bytes;
        fake_fail(last(), JOIST_E_RESET, cases[i].connected);
        assert_int_equal(a.why, JOIST_E_RESET);
        rig_turn(&r);
        assert_int_equal(fakes_n, 1);
        rig_fini(&r);
    }
}

static void
test_one_target_is_all_there_is(void **state)
{
    struct caller a;
    struct rig r;

    (void)state;
    rig_init(&r, plain, NULL, 1, JOIST_STRATEGY_ROUND_ROBIN);
    run_call(&r, &a, JST_METHOD_GET);
    fake_fail(last(), JOIST_E_REFUSED, false);
    assert_int_equal(a.why, JOIST_E_REFUSED);
    rig_fini(&r);
}

/* A failed dial fails all that wait for it: all go elsewhere, and are served there. */
static void
test_dials_take_all_elsewhere(void **state)
{
    struct caller v[3];
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 2, JOIST_STRATEGY_ROUND_ROBIN);
    run_many(&r, v, 3);
    assert_int_equal(fakes_n, 2); /* two wait for one, the third for the other */
    fake_fail(&fakes[v[0].call.target == v[2].call.target ? 0 : 1], JOIST_E_CERT, false);
    rig_turn(&r);
    f = fake_opened(&fakes[1], true, 8);
    rig_turn(&r);
    assert_int_equal(f->base.calls, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(v[i].why, 0);
    }
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_who_waits_too_long_goes_elsewhere(void **state)
{
    struct caller a;
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, h2c, NULL, 2, JOIST_STRATEGY_ROUND_ROBIN);
    run_call(&r, &a, JST_METHOD_GET);
    rig_wait(&r, 5000);
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    assert_int_equal(a.why, 0);
    f = fake_opened(&fakes[1], true, 8);
    rig_turn(&r);
    assert_int_equal(f->base.calls, 1);
    fake_fail(&fakes[0], JOIST_E_TIMEOUT, false);
    rig_finish(&r);
    rig_fini(&r);
}

/* Its caller goes between two tries. */
static void
test_leaving_in_between(void **state)
{
    struct caller a, b;
    struct rig r;

    (void)state;
    rig_init(&r, plain, NULL, 3, JOIST_STRATEGY_LEAST_CONN);
    run_call(&r, &a, JST_METHOD_GET);
    fake_fail(last(), JOIST_E_REFUSED, false);
    jst_upstream_cancel(&a.call, JOIST_E_CANCELED);
    jst_upstream_abort(&a.call, JOIST_E_CANCELED);
    run_call(&r, &b, JST_METHOD_GET);
    fake_fail(last(), JOIST_E_REFUSED, false);
    jst_upstream_abort(&b.call, JOIST_E_CANCELED);
    jst_upstream_cancel(&b.call, JOIST_E_CANCELED);
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    assert_int_equal(a.why | b.why, 0);
    assert_int_equal(r.upool->view->inflight, 0);
    rig_fini(&r);
}

static void
test_closing_in_between(void **state)
{
    struct caller a;
    struct rig r;

    (void)state;
    rig_init(&r, plain, NULL, 3, JOIST_STRATEGY_ROUND_ROBIN);
    run_call(&r, &a, JST_METHOD_GET);
    fake_fail(last(), JOIST_E_REFUSED, false);
    jst_upstreams_destroy(&r.local.upstreams);
    rig_turn(&r);
    assert_int_equal(a.why, JOIST_E_REFUSED);
    assert_int_equal(fakes_n, 1);
    rig_fini(&r);
}

/* Each target is judged by its own part. */
static void
test_books(void **state)
{
    struct caller a;
    struct rig r;

    (void)state;
    rig_init(&r, plain, NULL, 2, JOIST_STRATEGY_LEAST_CONN);
    run_call(&r, &a, JST_METHOD_GET);
    fake_fail(last(), JOIST_E_REFUSED, false);
    assert_int_equal(r.pool->tracking->v[a.call.tried[0]]->failures, 1);
    assert_int_equal(r.upool->view->inflight, 0);
    rig_turn(&r);
    assert_int_equal(r.upool->view->inflight, 1);
    fake_finish(last());
    jst_sink_end(a.call.on_response, NULL);
    assert_int_equal(a.ends, 1);
    assert_int_equal(r.upool->view->inflight, 0);
    assert_int_equal(r.pool->tracking->v[a.call.target]->failures, 0);
    assert_int_equal(r.pool->tracking->v[a.call.tried[0]]->failures, 1);
    rig_finish(&r);
    rig_fini(&r);
}

/* Two turn them all down: what came of the last is the answer. */
static void
test_none_left(void **state)
{
    struct caller a;
    struct rig r;

    (void)state;
    rig_init(&r, plain, NULL, 2, JOIST_STRATEGY_ROUND_ROBIN);
    run_call(&r, &a, JST_METHOD_GET);
    fake_fail(last(), JOIST_E_REFUSED, false);
    rig_turn(&r);
    fake_fail(last(), JOIST_E_UNREACH, false);
    rig_turn(&r);
    assert_int_equal(a.why, JOIST_E_UNREACH);
    assert_int_equal(fakes_n, 2);
    rig_fini(&r);
}

/* The Host that a request lacks is each target's own. */
static void
test_host_of_each(void **state)
{
    struct caller a;
    struct rig r;
    struct jst_slice first;

    (void)state;
    rig_init(&r, plain, NULL, 2, JOIST_STRATEGY_ROUND_ROBIN);
    run_call(&r, &a, JST_METHOD_GET);
    first = a.call.host;
    fake_fail(last(), JOIST_E_REFUSED, false);
    rig_turn(&r);
    assert_false(jst_slice_eq(a.call.host, first));
    rig_finish(&r);
    rig_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_goes_elsewhere),
        cmocka_unit_test(test_three_targets_at_most),
        cmocka_unit_test(test_that_cannot_even_begin),
        cmocka_unit_test(test_what_was_sent_stays),
        cmocka_unit_test(test_one_target_is_all_there_is),
        cmocka_unit_test(test_dials_take_all_elsewhere),
        cmocka_unit_test(test_who_waits_too_long_goes_elsewhere),
        cmocka_unit_test(test_leaving_in_between),
        cmocka_unit_test(test_closing_in_between),
        cmocka_unit_test(test_books),
        cmocka_unit_test(test_none_left),
        cmocka_unit_test(test_host_of_each),
    };

    return cmocka_run_group_tests_name("upstream/elsewhere", tests, NULL, NULL);
}
