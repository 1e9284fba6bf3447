// SPDX-License-Identifier: MIT
/* Further tries of requests that were sent: which, how long after, with what body. */
#include "tries.h"

/* ---- what is tried again ---- */

static void
test_which_failures(void **state)
{
    static const struct {
        enum jst_method method;
        int why;
        bool unprocessed;
        bool on_failure;
        bool on_timeout;
        bool again;
    } cases[] = {
        {JST_METHOD_GET, JOIST_E_RESET, false, true, false, true},
        {JST_METHOD_GET, JOIST_E_CLOSED, false, true, false, true},
        {JST_METHOD_PUT, JOIST_E_PROTO, false, true, false, true},
        {JST_METHOD_DELETE, JOIST_E_IO, false, true, false, true},
        {JST_METHOD_GET, JOIST_E_RESET, false, false, true, false},
        {JST_METHOD_GET, JOIST_E_TIMEOUT, false, true, false, false},
        {JST_METHOD_GET, JOIST_E_TIMEOUT, false, false, true, true},
        {JST_METHOD_POST, JOIST_E_RESET, false, true, true, false},
        {JST_METHOD_POST, JOIST_E_TIMEOUT, false, true, true, false},
        {JST_METHOD_PATCH, JOIST_E_CLOSED, false, true, true, false},
        {JST_METHOD_GET, JOIST_E_NOMEM, false, true, true, false},
        {JST_METHOD_GET, JOIST_E_CANCELED, false, true, true, false},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct joist_retry_conf retry = tries_retry(2);
        struct caller a;
        struct rig r;

        retry.on_failure = cases[i].on_failure;
        retry.on_timeout = cases[i].on_timeout;
        tries_init(&r, &retry, NULL, 3);
        run_call(&r, &a, cases[i].method);
        fake_fail(tries_last(), cases[i].why, true);
        assert_int_equal(a.why, cases[i].again ? 0 : cases[i].why);
        rig_turn(&r);
        assert_int_equal(fakes_n, cases[i].again ? 2 : 1);
        if (cases[i].again) {
            assert_int_not_equal(a.call.target, a.call.tried[0]);
            tries_connect();
            tries_head(&a.call, 200);
            tries_end(tries_last(), &a.call);
            assert_int_equal(a.status, 200);
            assert_int_equal(a.ends, 1);
        }
        tries_finish(&r);
    }
}

static void
test_a_status_is_not_passed_on(void **state)
{
    struct joist_retry_conf retry = tries_retry(2);
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_GET);
    tries_connect();
    tries_head(&a.call, 503);
    tries_end(tries_last(), &a.call);
    assert_int_equal(a.status, 0);
    assert_int_equal(a.ends, 0);
    assert_int_equal(r.upool->view->inflight, 0);
    assert_int_equal(r.pool->tracking->v[a.call.tried[0]]->failures, 1); /* judged, once */
    assert_false(fakes[0].gone); /* it was read to its end: the connection is kept */
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    tries_connect();
    tries_head(&a.call, 200);
    tries_end(tries_last(), &a.call);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.ends, 1);
    assert_int_equal(r.local.stats.upstream_tried_again, 1);
    tries_finish(&r);
}

/* Its body is not at its end when the time for the next try has come. */
static void
test_a_slow_body_is_cut(void **state)
{
    struct joist_retry_conf retry = tries_retry(2);
    struct jst_chain body = {0};
    struct caller a;
    struct rig r;
    size_t credit;

    (void)state;
    retry.backoff_ms = retry.backoff_max_ms = 100;
    tries_init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_GET);
    jst_upstream_resume(&a.call, 1000);
    tries_connect();
    tries_head(&a.call, 503);
    assert_int_equal(jst_chain_add_copy(&body, "12345", 5), 0);
    credit = a.call.credit -= 5;
    jst_sink_data(a.call.on_response, &body);
    assert_int_equal(body.bytes, 0);
    assert_int_equal(r.upool->view->inflight, 1);
    rig_wait(&r, 101);
    assert_true(fakes[0].gone);
    assert_int_equal(fakes_n, 2);
    assert_int_equal(a.call.credit, credit + 5); /* as if nothing had come */
    assert_int_equal(r.upool->view->inflight, 1);
    tries_connect();
    tries_head(&a.call, 200);
    tries_end(tries_last(), &a.call);
    assert_int_equal(a.ends, 1);
    tries_finish(&r);
}

/* When there is no other try left the answer is passed on as it is. */
static void
test_the_last_status_is_the_answer(void **state)
{
    struct joist_retry_conf retry = tries_retry(3);
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, &retry, NULL, 2);
    run_call(&r, &a, JST_METHOD_GET);
    for (unsigned i = 0; i < 3; i++) { /* the third time at one that it was at before */
        assert_int_equal(a.status, 0);
        a.call.connected = true;
        tries_head(&a.call, i == 2 ? 429 : 503);
        tries_end(JST_CONTAINER(a.call.client, struct fake, base), &a.call);
        rig_turn(&r);
    }
    assert_int_equal(a.status, 429);
    assert_int_equal(a.ends, 1);
    assert_int_equal(a.why, 0);
    tries_finish(&r);
}

static void
test_a_post_gets_its_503(void **state)
{
    struct joist_retry_conf retry = tries_retry(3);
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_POST);
    tries_connect();
    tries_head(&a.call, 503);
    assert_int_equal(a.status, 503);
    tries_end(tries_last(), &a.call);
    tries_finish(&r);
}

static void
test_nothing_after_a_head(void **state)
{
    struct joist_retry_conf retry = tries_retry(3);
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_GET);
    tries_connect();
    tries_head(&a.call, 103); /* this one does not count */
    assert_int_equal(a.status, 103);
    fake_fail(tries_last(), JOIST_E_RESET, true);
    rig_turn(&r);
    tries_connect();
    tries_head(&a.call, 200);
    fake_fail(tries_last(), JOIST_E_RESET, true);
    assert_int_equal(a.why, JOIST_E_RESET);
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    tries_finish(&r);
}

static void
test_off(void **state)
{
    struct joist_retry_conf retry = tries_retry(1);
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_GET);
    assert_null(a.call.guard);
    fake_fail(tries_last(), JOIST_E_REFUSED, false);
    assert_int_equal(a.why, JOIST_E_REFUSED);
    tries_finish(&r);
}

/* Connects first, whatever the method; the budget has no say in them. */
static void
test_connects(void **state)
{
    struct joist_retry_conf retry = tries_retry(5);
    struct caller a;
    struct rig r;

    (void)state;
    retry.budget_percent = 0;
    retry.backoff_ms = retry.backoff_max_ms = 50;
    tries_init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_POST);
    fake_fail(tries_last(), JOIST_E_REFUSED, false);
    rig_turn(&r);
    assert_int_equal(fakes_n, 2); /* at once */
    fake_fail(tries_last(), JOIST_E_REFUSED, false);
    rig_wait(&r, 51);
    assert_int_equal(fakes_n, 3);
    fake_fail(tries_last(), JOIST_E_REFUSED, false);
    rig_wait(&r, 101); /* nobody is left: none is asked twice */
    rig_turn(&r);
    assert_int_equal(fakes_n, 3);
    assert_int_equal(a.why, JOIST_E_REFUSED);
    assert_int_equal(r.pool->tracking->pool->budget.tries, 0);
    tries_finish(&r);
}

static void
test_backoff_is_bounded(void **state)
{
    struct joist_retry_conf retry = tries_retry(10);
    uint64_t longest = 0;
    struct caller a;
    struct rig r;

    (void)state;
    retry.backoff_ms = 10;
    retry.backoff_max_ms = 40;
    tries_init(&r, &retry, NULL, 3);
    jst_rand_init(&r.local.rand, (const uint8_t[32]){7, 8, 9, [20] = 4});
    run_call(&r, &a, JST_METHOD_GET);
    for (unsigned i = 1; i < 10; i++) {
        uint64_t begun = rig_now_ms(&r);

        fake_fail(tries_last(), JOIST_E_RESET, true);
        while (fakes_n == i) {
            rig_wait(&r, 1);
        }
        assert_true(rig_now_ms(&r) - begun <= (i == 1 ? 11 : i == 2 ? 21 : 41));
        longest = JST_MAX(longest, rig_now_ms(&r) - begun);
    }
    assert_true(longest > 2);
    fake_fail(tries_last(), JOIST_E_RESET, true);
    assert_int_equal(a.why, JOIST_E_RESET);
    tries_finish(&r);
}

/* ---- the body ---- */

static void
give_body(struct caller *a, size_t n)
{
    static const char bytes[4096];
    struct jst_chain c = {0};

    while (n > 0) {
        size_t k = JST_MIN(n, sizeof(bytes));

        assert_int_equal(jst_chain_add_copy(&c, bytes, k), 0);
        jst_upstream_data(&a->call, &c);
        assert_int_equal(c.bytes, 0);
        n -= k;
    }
}

struct body_source {
    struct jst_source source;
    size_t credit;
    unsigned cancels;
};

static void
more_credit(struct jst_source *s, size_t credit)
{
    JST_CONTAINER(s, struct body_source, source)->credit += credit;
}

static void
no_more(struct jst_source *s, int why)
{
    (void)why;
    JST_CONTAINER(s, struct body_source, source)->cancels++;
}

static const struct jst_source_ops body_ops = {more_credit, no_more};

static void
run_with_body(struct rig *r, struct caller *a, struct body_source *from, enum jst_method method)
{
    *from = (struct body_source){.source = {&body_ops}};
    rig_prepare(a, method);
    a->req.has_body = true;
    a->req.length = JST_LENGTH_UNKNOWN;
    a->call.on_request = &from->source;
    jst_upstream_call(r->upool, &a->call, &a->target);
}

static void
ask_body(struct caller *a, size_t credit)
{
    a->call.asked_body = true;
    jst_source_resume(a->call.on_request, credit);
}

static void
test_body_is_sent_again(void **state)
{
    struct joist_retry_conf retry = tries_retry(3);
    struct body_source from;
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, &retry, NULL, 3);
    run_with_body(&r, &a, &from, JST_METHOD_PUT);
    tries_connect();
    ask_body(&a, 100000);
    assert_int_equal(from.credit, 100000);
    give_body(&a, 5000);
    assert_int_equal(fakes[0].body_bytes, 5000);
    ask_body(&a, 3000); /* so much has left */
    fake_fail(tries_last(), JOIST_E_RESET, true);
    give_body(&a, 2000); /* while it waits */
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    assert_int_equal(fakes[1].body_bytes, 0); /* not before it is asked for */
    assert_false(a.call.asked_body);
    tries_connect();
    ask_body(&a, 100000);
    assert_int_equal(fakes[1].body_bytes, 0); /* nor from within */
    rig_turn(&r);
    assert_int_equal(fakes[1].body_bytes, 7000);
    assert_int_equal(from.credit, 103000); /* what was asked for before is not asked for again */
    ask_body(&a, 7000);
    assert_int_equal(from.credit, 107000);
    give_body(&a, 100);
    jst_upstream_end(&a.call, NULL);
    assert_int_equal(fakes[1].body_bytes, 7100);
    assert_int_equal(fakes[1].ends, 1);
    fake_fail(tries_last(), JOIST_E_CLOSED, true); /* and the whole of it */
    rig_turn(&r);
    tries_connect();
    ask_body(&a, 100000);
    rig_turn(&r);
    assert_int_equal(fakes[2].body_bytes, 7100);
    assert_int_equal(fakes[2].ends, 1);
    tries_head(&a.call, 200);
    tries_end(tries_last(), &a.call);
    tries_finish(&r);
}

/* What a try that is given up asks for is no credit of the next one. */
static void
test_who_is_given_up_asks_for_nothing(void **state)
{
    struct joist_retry_conf retry = tries_retry(2);
    struct body_source from;
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, &retry, NULL, 3);
    run_with_body(&r, &a, &from, JST_METHOD_PUT);
    tries_connect();
    ask_body(&a, 10000);
    give_body(&a, 5000);
    tries_head(&a.call, 503);
    ask_body(&a, 5000); /* the rest of it has left, and its response still goes on */
    assert_int_equal(from.credit, 10000);
    tries_end(&fakes[0], &a.call);
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    tries_connect();
    rig_turn(&r);
    assert_int_equal(fakes[1].body_bytes, 0);
    ask_body(&a, 3000);
    rig_turn(&r);
    assert_int_equal(fakes[1].body_bytes, 3000);
    ask_body(&a, 7000);
    assert_int_equal(from.credit, 10000);
    rig_turn(&r);
    assert_int_equal(fakes[1].body_bytes, 5000);
    jst_upstream_end(&a.call, NULL);
    tries_head(&a.call, 200);
    tries_end(&fakes[1], &a.call);
    tries_finish(&r);
}

static void
test_a_large_body_is_not_kept(void **state)
{
    struct joist_retry_conf retry = tries_retry(3);
    struct body_source from;
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, &retry, NULL, 3);
    run_with_body(&r, &a, &from, JST_METHOD_PUT);
    fake_fail(tries_last(), JOIST_E_REFUSED, false); /* none of it has come */
    rig_turn(&r);
    tries_connect();
    ask_body(&a, 262144);
    give_body(&a, JST_RETRY_BODY_BYTES + 1);
    assert_int_equal(a.call.guard->body.kept.bytes, 0);
    fake_fail(tries_last(), JOIST_E_RESET, true);
    assert_int_equal(a.why, JOIST_E_RESET);
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    tries_finish(&r);
}

/* A try that wants no body: only who answers may say so to the client. */
static void
test_refused_body(void **state)
{
    struct joist_retry_conf retry = tries_retry(2);
    struct body_source from;
    struct caller a;
    struct rig r;

    (void)state;
    tries_init(&r, &retry, NULL, 3);
    run_with_body(&r, &a, &from, JST_METHOD_PUT);
    tries_connect();
    ask_body(&a, 1000);
    jst_source_cancel(a.call.on_request, JOIST_E_CANCELED);
    tries_head(&a.call, 503);
    tries_end(tries_last(), &a.call);
    assert_int_equal(from.cancels, 0);
    rig_turn(&r);
    tries_connect();
    jst_source_cancel(a.call.on_request, JOIST_E_CANCELED);
    assert_int_equal(from.cancels, 0);
    tries_head(&a.call, 413);
    assert_int_equal(from.cancels, 1);
    assert_int_equal(a.status, 413);
    tries_end(tries_last(), &a.call);
    tries_finish(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_failures),
        cmocka_unit_test(test_a_status_is_not_passed_on),
        cmocka_unit_test(test_a_slow_body_is_cut),
        cmocka_unit_test(test_the_last_status_is_the_answer),
        cmocka_unit_test(test_a_post_gets_its_503),
        cmocka_unit_test(test_nothing_after_a_head),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_connects),
        cmocka_unit_test(test_backoff_is_bounded),
        cmocka_unit_test(test_body_is_sent_again),
        cmocka_unit_test(test_who_is_given_up_asks_for_nothing),
        cmocka_unit_test(test_a_large_body_is_not_kept),
        cmocka_unit_test(test_refused_body),
    };

    return cmocka_run_group_tests_name("upstream/retry", tests, NULL, NULL);
}
