// SPDX-License-Identifier: MIT
/* Further tries of requests that were sent, the whole request's time, and hedges. */
#include "rig.h"

#include "upstream/guard.h"

static const struct joist_target_conf three[] = {{.url = "http://127.0.0.1:1", .weight = 1},
                                                 {.url = "http://127.0.0.1:2", .weight = 1},
                                                 {.url = "http://127.0.0.1:3", .weight = 1}};
static const uint16_t on_503[] = {503, 429};

static struct joist_retry_conf
retry_conf(uint32_t attempts)
{
    return (struct joist_retry_conf){
        .attempts = attempts, .on_failure = true, .on = on_503, .on_n = 2, .budget_percent = 100};
}

static void
init(struct rig *r, const struct joist_retry_conf *retry, const struct joist_hedge_conf *hedge,
     size_t n)
{
    struct joist_pool_conf conf = {.name = "a",
                                   .strategy = JOIST_STRATEGY_ROUND_ROBIN,
                                   .targets = three,
                                   .targets_n = n,
                                   .idle_max = 8,
                                   .panic_percent = 50,
                                   .retry = retry,
                                   .hedge = hedge};

    rig_init_conf(r, &conf);
}

static struct fake *
last(void)
{
    return &fakes[fakes_n - 1];
}

/* The connection stands, and the request is out. */
static struct jst_call *
connect_last(void)
{
    struct jst_call *call = last()->call;

    assert_non_null(call);
    call->connected = true;
    return call;
}

static void
head_of(struct jst_call *call, uint16_t status)
{
    struct jst_head head = {.status = status};

    call->got_bytes = true;
    jst_sink_head(call->on_response, &head);
}

static void
end_of(struct fake *f, struct jst_call *call)
{
    fake_finish_call(f, call);
    jst_sink_end(call->on_response, NULL);
}

static void
check_quiet(const struct rig *r)
{
    const struct jst_tracking *t = r->pool->tracking;

    assert_int_equal(r->upool->view->inflight, 0);
    for (uint32_t i = 0; i < t->n; i++) {
        assert_int_equal(jst_tstate_inflight(t->v[i]), 0);
    }
    assert_int_equal(t->pool->budget.requests, 0);
    assert_int_equal(t->pool->budget.tries, 0);
    assert_true(jst_list_is_empty(&r->local.upstreams->guards));
}

static void
finish(struct rig *r)
{
    check_quiet(r);
    rig_finish(r);
    rig_fini(r);
}

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
        struct joist_retry_conf retry = retry_conf(2);
        struct caller a;
        struct rig r;

        retry.on_failure = cases[i].on_failure;
        retry.on_timeout = cases[i].on_timeout;
        init(&r, &retry, NULL, 3);
        run_call(&r, &a, cases[i].method);
        fake_fail(last(), cases[i].why, true);
        assert_int_equal(a.why, cases[i].again ? 0 : cases[i].why);
        rig_turn(&r);
        assert_int_equal(fakes_n, cases[i].again ? 2 : 1);
        if (cases[i].again) {
            assert_int_not_equal(a.call.target, a.call.tried[0]);
            connect_last();
            head_of(&a.call, 200);
            end_of(last(), &a.call);
            assert_int_equal(a.status, 200);
            assert_int_equal(a.ends, 1);
        }
        finish(&r);
    }
}

static void
test_a_status_is_not_passed_on(void **state)
{
    struct joist_retry_conf retry = retry_conf(2);
    struct caller a;
    struct rig r;

    (void)state;
    init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_GET);
    connect_last();
    head_of(&a.call, 503);
    end_of(last(), &a.call);
    assert_int_equal(a.status, 0);
    assert_int_equal(a.ends, 0);
    assert_int_equal(r.upool->view->inflight, 0);
    assert_int_equal(r.pool->tracking->v[a.call.tried[0]]->failures, 1); /* judged, once */
    assert_false(fakes[0].gone); /* it was read to its end: the connection is kept */
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    connect_last();
    head_of(&a.call, 200);
    end_of(last(), &a.call);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.ends, 1);
    assert_int_equal(r.local.stats.upstream_tried_again, 1);
    finish(&r);
}

/* Its body is not at its end when the time for the next try has come. */
static void
test_a_slow_body_is_cut(void **state)
{
    struct joist_retry_conf retry = retry_conf(2);
    struct jst_chain body = {0};
    struct caller a;
    struct rig r;
    size_t credit;

    (void)state;
    retry.backoff_ms = retry.backoff_max_ms = 100;
    init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_GET);
    jst_upstream_resume(&a.call, 1000);
    connect_last();
    head_of(&a.call, 503);
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
    connect_last();
    head_of(&a.call, 200);
    end_of(last(), &a.call);
    assert_int_equal(a.ends, 1);
    finish(&r);
}

/* When there is no other try left the answer is passed on as it is. */
static void
test_the_last_status_is_the_answer(void **state)
{
    struct joist_retry_conf retry = retry_conf(3);
    struct caller a;
    struct rig r;

    (void)state;
    init(&r, &retry, NULL, 2);
    run_call(&r, &a, JST_METHOD_GET);
    for (unsigned i = 0; i < 3; i++) { /* the third time at one that it was at before */
        assert_int_equal(a.status, 0);
        a.call.connected = true;
        head_of(&a.call, i == 2 ? 429 : 503);
        end_of(JST_CONTAINER(a.call.client, struct fake, base), &a.call);
        rig_turn(&r);
    }
    assert_int_equal(a.status, 429);
    assert_int_equal(a.ends, 1);
    assert_int_equal(a.why, 0);
    finish(&r);
}

static void
test_a_post_gets_its_503(void **state)
{
    struct joist_retry_conf retry = retry_conf(3);
    struct caller a;
    struct rig r;

    (void)state;
    init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_POST);
    connect_last();
    head_of(&a.call, 503);
    assert_int_equal(a.status, 503);
    end_of(last(), &a.call);
    finish(&r);
}

static void
test_nothing_after_a_head(void **state)
{
    struct joist_retry_conf retry = retry_conf(3);
    struct caller a;
    struct rig r;

    (void)state;
    init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_GET);
    connect_last();
    head_of(&a.call, 103); /* this one does not count */
    assert_int_equal(a.status, 103);
    fake_fail(last(), JOIST_E_RESET, true);
    rig_turn(&r);
    connect_last();
    head_of(&a.call, 200);
    fake_fail(last(), JOIST_E_RESET, true);
    assert_int_equal(a.why, JOIST_E_RESET);
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    finish(&r);
}

static void
test_off(void **state)
{
    struct joist_retry_conf retry = retry_conf(1);
    struct caller a;
    struct rig r;

    (void)state;
    init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_GET);
    assert_null(a.call.guard);
    fake_fail(last(), JOIST_E_REFUSED, false);
    assert_int_equal(a.why, JOIST_E_REFUSED);
    finish(&r);
}

/* Connects first, whatever the method; the budget has no say in them. */
static void
test_connects(void **state)
{
    struct joist_retry_conf retry = retry_conf(5);
    struct caller a;
    struct rig r;

    (void)state;
    retry.budget_percent = 0;
    retry.backoff_ms = retry.backoff_max_ms = 50;
    init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_POST);
    fake_fail(last(), JOIST_E_REFUSED, false);
    rig_turn(&r);
    assert_int_equal(fakes_n, 2); /* at once */
    fake_fail(last(), JOIST_E_REFUSED, false);
    rig_wait(&r, 51);
    assert_int_equal(fakes_n, 3);
    fake_fail(last(), JOIST_E_REFUSED, false);
    rig_wait(&r, 101); /* nobody is left: none is asked twice */
    rig_turn(&r);
    assert_int_equal(fakes_n, 3);
    assert_int_equal(a.why, JOIST_E_REFUSED);
    assert_int_equal(r.pool->tracking->pool->budget.tries, 0);
    finish(&r);
}

static void
test_backoff_is_bounded(void **state)
{
    struct joist_retry_conf retry = retry_conf(10);
    uint64_t longest = 0;
    struct caller a;
    struct rig r;

    (void)state;
    retry.backoff_ms = 10;
    retry.backoff_max_ms = 40;
    init(&r, &retry, NULL, 3);
    jst_rand_init(&r.local.rand, (const uint8_t[32]){7, 8, 9, [20] = 4});
    run_call(&r, &a, JST_METHOD_GET);
    for (unsigned i = 1; i < 10; i++) {
        uint64_t begun = rig_now_ms(&r);

        fake_fail(last(), JOIST_E_RESET, true);
        while (fakes_n == i) {
            rig_wait(&r, 1);
        }
        assert_true(rig_now_ms(&r) - begun <= (i == 1 ? 11 : i == 2 ? 21 : 41));
        longest = JST_MAX(longest, rig_now_ms(&r) - begun);
    }
    assert_true(longest > 2);
    fake_fail(last(), JOIST_E_RESET, true);
    assert_int_equal(a.why, JOIST_E_RESET);
    finish(&r);
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
    memset(a, 0, sizeof(*a));
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
    struct joist_retry_conf retry = retry_conf(3);
    struct body_source from;
    struct caller a;
    struct rig r;

    (void)state;
    init(&r, &retry, NULL, 3);
    run_with_body(&r, &a, &from, JST_METHOD_PUT);
    connect_last();
    ask_body(&a, 100000);
    assert_int_equal(from.credit, 100000);
    give_body(&a, 5000);
    assert_int_equal(fakes[0].body_bytes, 5000);
    ask_body(&a, 3000); /* so much has left */
    fake_fail(last(), JOIST_E_RESET, true);
    give_body(&a, 2000); /* while it waits */
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    assert_int_equal(fakes[1].body_bytes, 0); /* not before it is asked for */
    assert_false(a.call.asked_body);
    connect_last();
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
    fake_fail(last(), JOIST_E_CLOSED, true); /* and the whole of it */
    rig_turn(&r);
    connect_last();
    ask_body(&a, 100000);
    rig_turn(&r);
    assert_int_equal(fakes[2].body_bytes, 7100);
    assert_int_equal(fakes[2].ends, 1);
    head_of(&a.call, 200);
    end_of(last(), &a.call);
    finish(&r);
}

static void
test_a_large_body_is_not_kept(void **state)
{
    struct joist_retry_conf retry = retry_conf(3);
    struct body_source from;
    struct caller a;
    struct rig r;

    (void)state;
    init(&r, &retry, NULL, 3);
    run_with_body(&r, &a, &from, JST_METHOD_PUT);
    fake_fail(last(), JOIST_E_REFUSED, false); /* none of it has come */
    rig_turn(&r);
    connect_last();
    ask_body(&a, 262144);
    give_body(&a, JST_RETRY_BODY_BYTES + 1);
    assert_int_equal(a.call.guard->body.kept.bytes, 0);
    fake_fail(last(), JOIST_E_RESET, true);
    assert_int_equal(a.why, JOIST_E_RESET);
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    finish(&r);
}

/* A try that wants no body: only who answers may say so to the client. */
static void
test_refused_body(void **state)
{
    struct joist_retry_conf retry = retry_conf(2);
    struct body_source from;
    struct caller a;
    struct rig r;

    (void)state;
    init(&r, &retry, NULL, 3);
    run_with_body(&r, &a, &from, JST_METHOD_PUT);
    connect_last();
    ask_body(&a, 1000);
    jst_source_cancel(a.call.on_request, JOIST_E_CANCELED);
    head_of(&a.call, 503);
    end_of(last(), &a.call);
    assert_int_equal(from.cancels, 0);
    rig_turn(&r);
    connect_last();
    jst_source_cancel(a.call.on_request, JOIST_E_CANCELED);
    assert_int_equal(from.cancels, 0);
    head_of(&a.call, 413);
    assert_int_equal(from.cancels, 1);
    assert_int_equal(a.status, 413);
    end_of(last(), &a.call);
    finish(&r);
}

/* ---- the budget ---- */

static void
test_budget(void **state)
{
    struct joist_retry_conf retry = retry_conf(2);
    struct caller v[40];
    unsigned again = 0;
    struct rig r;

    (void)state;
    retry.budget_percent = 25;
    init(&r, &retry, NULL, 3);
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
    finish(&r);
}

static void
test_budget_has_a_floor(void **state)
{
    struct joist_retry_conf retry = retry_conf(2);
    struct caller v[5];
    unsigned again = 0;
    struct rig r;

    (void)state;
    retry.budget_percent = 1;
    init(&r, &retry, NULL, 3);
    run_many(&r, v, JST_COUNT(v));
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        fake_fail(&fakes[i], JOIST_E_RESET, true);
        again += v[i].why == 0;
    }
    assert_int_equal(again, JST_RETRY_BUDGET_MIN);
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        jst_upstream_abort(&v[i].call, JOIST_E_CANCELED);
    }
    finish(&r);
}

/* ---- leaving ---- */

static void
test_leaving_at_each_point(void **state)
{
    enum { CONNECTING, SENT, WAITING, DRAINING, AGAIN, ANSWERED, POINTS_ };

    (void)state;
    for (unsigned point = 0; point < POINTS_ * 2; point++) {
        struct joist_retry_conf retry = retry_conf(2);
        struct caller a;
        struct rig r;

        retry.backoff_ms = retry.backoff_max_ms = 50;
        init(&r, &retry, NULL, 3);
        run_call(&r, &a, JST_METHOD_GET);
        if (point / 2 >= SENT) {
            connect_last();
        }
        if (point / 2 == DRAINING) {
            head_of(&a.call, 503);
        } else if (point / 2 >= WAITING) {
            fake_fail(last(), JOIST_E_RESET, true);
        }
        if (point / 2 >= AGAIN) {
            rig_wait(&r, 51);
            connect_last();
        }
        if (point / 2 == ANSWERED) {
            head_of(&a.call, 200);
        }
        if (point % 2 == 0) {
            jst_upstream_cancel(&a.call, JOIST_E_CANCELED);
            jst_upstream_abort(&a.call, JOIST_E_CANCELED);
        } else {
            jst_upstream_abort(&a.call, JOIST_E_CANCELED);
            jst_upstream_cancel(&a.call, JOIST_E_CANCELED);
        }
        check_quiet(&r);
        rig_wait(&r, 1000);
        assert_int_equal(a.why, 0);
        assert_int_equal(a.ends, 0);
        assert_int_equal(fakes_n, point / 2 >= AGAIN ? 2 : 1);
        finish(&r);
    }
}

static void
test_closing_while_it_waits(void **state)
{
    struct joist_retry_conf retry = retry_conf(2);
    struct caller a, b;
    struct rig r;

    (void)state;
    retry.backoff_ms = retry.backoff_max_ms = 1000;
    init(&r, &retry, NULL, 3);
    run_call(&r, &a, JST_METHOD_GET);
    fake_fail(last(), JOIST_E_RESET, true);
    run_call(&r, &b, JST_METHOD_GET);
    connect_last();
    head_of(&b.call, 503);
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
    memset(a, 0, sizeof(*a));
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
    fake_fail(last(), JOIST_E_REFUSED, false); /* with it, connects are tried elsewhere as well */
    rig_turn(&r);
    assert_int_equal(fakes_n, 2);
    connect_last();
    rig_wait(&r, 999);
    assert_int_equal(a.why, 0);
    rig_wait(&r, 1);
    assert_int_equal(a.why, JOIST_E_TIMEOUT);
    assert_true(a.call.out_of_time);
    assert_true(last()->gone);
    rig_fini(&r);
}

static void
test_total_at_each_point(void **state)
{
    (void)state;
    for (unsigned point = 0; point < 4; point++) {
        struct joist_retry_conf retry = retry_conf(2);
        struct caller a;
        struct rig r;

        retry.backoff_ms = retry.backoff_max_ms = 1000000;
        init(&r, &retry, NULL, 3);
        run_timed(&r, &a, 500);
        if (point > 0) {
            connect_last();
        }
        if (point == 1) {
            fake_fail(last(), JOIST_E_RESET, true);
        } else if (point > 1) {
            head_of(&a.call, point == 2 ? 503 : 200);
        }
        rig_wait(&r, 500);
        assert_int_equal(a.why, JOIST_E_TIMEOUT);
        assert_int_equal(a.status, point == 3 ? 200 : 0);
        finish(&r);
    }
}

static void
test_total_spares_tunnels(void **state)
{
    struct joist_retry_conf retry = retry_conf(2);
    struct caller a;
    struct rig r;

    (void)state;
    init(&r, &retry, NULL, 3);
    run_timed(&r, &a, 500);
    connect_last();
    head_of(&a.call, 101);
    rig_wait(&r, 100000);
    assert_int_equal(a.why, 0);
    assert_false(last()->gone);
    jst_upstream_cancel(&a.call, JOIST_E_CANCELED);
    finish(&r);
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
    init(&r, NULL, &hedge_100, 3);
    run_call(&r, &a, JST_METHOD_GET);
    jst_upstream_resume(&a.call, 1000);
    connect_last();
    rig_wait(&r, 99);
    assert_int_equal(fakes_n, 1);
    rig_wait(&r, 1);
    assert_int_equal(fakes_n, 2);
    second = connect_last();
    assert_ptr_not_equal(second, &a.call);
    assert_int_not_equal(second->target, a.call.target);
    assert_int_equal(second->credit, 1000);
    assert_int_equal(r.upool->view->inflight, 2);
    head_of(second, 200);
    assert_int_equal(a.status, 200);
    assert_true(fakes[0].gone); /* cancelled, and not judged */
    assert_int_equal(r.pool->tracking->v[a.call.target]->failures, 0);
    assert_int_equal(r.upool->view->inflight, 1);
    assert_true(jst_slice_eq(a.target, r.pool->v[second->target].name));
    end_of(&fakes[1], second);
    assert_int_equal(a.ends, 1);
    assert_int_equal(r.local.stats.upstream_hedges, 1);
    assert_int_equal(r.local.stats.upstream_hedges_won, 1);
    finish(&r);
}

static void
test_hedge_loses(void **state)
{
    struct caller a;
    struct rig r;

    (void)state;
    init(&r, NULL, &hedge_100, 3);
    run_call(&r, &a, JST_METHOD_GET);
    rig_wait(&r, 100);
    connect_last();
    a.call.connected = true;
    head_of(&a.call, 200);
    assert_true(fakes[1].gone);
    assert_int_equal(r.upool->view->inflight, 1);
    end_of(&fakes[0], &a.call);
    assert_int_equal(a.ends, 1);
    assert_int_equal(r.local.stats.upstream_hedges_won, 0);
    finish(&r);
}

/* One of both fails: the other one is what counts; both: that is the answer, or another try. */
static void
test_hedge_and_failures(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        bool first_fails = (i & 1) != 0;
        bool both = (i & 2) != 0;
        struct joist_retry_conf retry = retry_conf((i & 4) != 0 ? 2 : 1);
        struct jst_call *second;
        struct caller a;
        struct rig r;

        init(&r, &retry, &hedge_100, 3);
        run_call(&r, &a, JST_METHOD_GET);
        a.call.connected = true;
        rig_wait(&r, 100);
        second = connect_last();
        fake_fail(&fakes[first_fails ? 0 : 1], JOIST_E_RESET, true);
        assert_int_equal(a.why, 0);
        if (both) {
            fake_fail(&fakes[first_fails ? 1 : 0], JOIST_E_CLOSED, true);
            assert_int_equal(a.why, (i & 4) != 0 ? 0 : JOIST_E_CLOSED);
            rig_turn(&r);
            assert_int_equal(fakes_n, (i & 4) != 0 ? 3 : 2);
            if ((i & 4) != 0) {
                assert_ptr_equal(last()->call, &a.call);
                assert_int_equal(fakes[2].port, 6 - fakes[0].port - fakes[1].port);
                jst_upstream_cancel(&a.call, JOIST_E_CANCELED);
            }
        } else {
            head_of(first_fails ? second : &a.call, 200);
            end_of(&fakes[first_fails ? 1 : 0], first_fails ? second : &a.call);
            assert_int_equal(a.ends, 1);
        }
        finish(&r);
    }
}

static void
test_what_is_not_hedged(void **state)
{
    struct caller a;
    struct rig r;

    (void)state;
    init(&r, NULL, &hedge_100, 3);
    run_call(&r, &a, JST_METHOD_PUT);
    rig_wait(&r, 1000);
    assert_int_equal(fakes_n, 1);
    jst_upstream_cancel(&a.call, JOIST_E_CANCELED);
    run_call(&r, &a, JST_METHOD_GET);
    connect_last();
    head_of(&a.call, 200); /* answered */
    rig_wait(&r, 1000);
    assert_int_equal(fakes_n, 2);
    jst_upstream_abort(&a.call, JOIST_E_CANCELED);
    finish(&r);
    init(&r, NULL, &hedge_100, 1); /* nowhere to go */
    run_call(&r, &a, JST_METHOD_GET);
    rig_wait(&r, 1000);
    assert_int_equal(fakes_n, 1);
    jst_upstream_abort(&a.call, JOIST_E_CANCELED);
    finish(&r);
}

static void
test_leaving_with_a_hedge(void **state)
{
    struct caller v[5];
    struct rig r;

    (void)state;
    init(&r, NULL, &hedge_100, 3);
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
    finish(&r);
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
        cmocka_unit_test(test_a_large_body_is_not_kept),
        cmocka_unit_test(test_refused_body),
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

    return cmocka_run_group_tests_name("upstream/retry", tests, NULL, NULL);
}
