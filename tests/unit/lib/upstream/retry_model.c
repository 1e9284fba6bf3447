// SPDX-License-Identifier: MIT
/*
 * Thousands of random lives of calls in pools with retries, hedges and times: connections that are
 * made or not, answers, failures at any point, callers that leave at any point, also from within.
 * Whatever happens:
 *
 * - every caller is told exactly one end, or none once it has left;
 * - nothing is left in flight, nor taken of the budget, which was never exceeded;
 * - no call is tried more often than allowed;
 * - a request that is not idempotent reaches one origin at most, but for what an origin did nothing
 *   with;
 * - each try gets the body from its first byte on, without a gap; after a head none begins.
 */
#include "rig.h"

#include "upstream/guard.h"

#define LIVES   4000u
#define STEPS   120u
#define CALLERS 8u

struct life {
    struct rig r;
    struct joist_retry_conf retry;
    struct joist_hedge_conf hedge;
    uint64_t total_ms;
    uint64_t requests_max;
    uint32_t attempts;
    bool hedged;
};

struct asker {
    struct caller c;
    struct jst_sink sink;
    struct jst_source source;
    size_t credit;    /* for body */
    size_t body_sent; /* by the caller */
    size_t body_seen; /* by the present try */
    unsigned starts;
    int reached; /* origins that may have done something with it */
    unsigned told;
    bool begun;
    bool left;
    bool head;
    bool ended;
    bool leaves_in_head;
    bool leaves_in_cancel;
};

static struct jst_rand rand_state;
static struct joist_stats sums; /* what the lives did come across */
static unsigned ends, aborts, after_status, with_body;
static struct life life;
static struct asker askers[CALLERS];

static uint32_t
draw(uint32_t below)
{
    return (uint32_t)(jst_rand_next(&rand_state) >> 33) % below;
}

static bool
chance(uint32_t percent)
{
    return draw(100) < percent;
}

static struct asker *
asker_of(const struct jst_call *call)
{
    return JST_CONTAINER(call->req, struct asker, c.req); /* a hedge has the same one */
}

/* ---- the caller ---- */

static void
leave(struct asker *a)
{
    bool both = chance(50);

    a->left = true;
    if (chance(50)) {
        jst_upstream_cancel(&a->c.call, JOIST_E_CANCELED);
        if (both) {
            jst_upstream_abort(&a->c.call, JOIST_E_CANCELED);
        }
    } else {
        jst_upstream_abort(&a->c.call, JOIST_E_CANCELED);
        if (both) {
            jst_upstream_cancel(&a->c.call, JOIST_E_CANCELED);
        }
    }
}

static struct asker *
of_sink(struct jst_sink *s)
{
    struct asker *a = JST_CONTAINER(s, struct asker, sink);

    assert_false(a->left);
    assert_int_equal(a->told, 0);
    return a;
}

static void
on_head(struct jst_sink *s, const struct jst_head *head)
{
    struct asker *a = of_sink(s);

    assert_false(a->head);
    a->head = head->status >= 200;
    if (a->head && a->leaves_in_head) {
        leave(a);
    }
}

static void
on_data(struct jst_sink *s, struct jst_chain *move)
{
    assert_true(of_sink(s)->head);
    jst_chain_clear(move);
}

static void
on_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct asker *a = of_sink(s);

    (void)trailers;
    assert_true(a->head);
    a->told++;
    ends++;
}

static void
on_abort(struct jst_sink *s, int why)
{
    assert_true(why < 0);
    of_sink(s)->told++;
    aborts++;
}

static const struct jst_sink_ops sink_ops = {on_head, on_data, on_end, on_abort};

static void
on_resume(struct jst_source *s, size_t credit)
{
    JST_CONTAINER(s, struct asker, source)->credit += credit;
}

static void
on_cancel(struct jst_source *s, int why)
{
    struct asker *a = JST_CONTAINER(s, struct asker, source);

    (void)why;
    assert_false(a->left);
    if (a->leaves_in_cancel) {
        leave(a);
    }
}

static const struct jst_source_ops source_ops = {on_resume, on_cancel};

static bool
is_over(const struct asker *a)
{
    return !a->begun || a->left || a->told > 0;
}

static void
begin(struct asker *a)
{
    static const enum jst_method methods[] = {JST_METHOD_GET, JST_METHOD_GET, JST_METHOD_PUT,
                                              JST_METHOD_POST, JST_METHOD_HEAD};
    enum jst_method method = methods[draw(JST_COUNT(methods))];

    memset(a, 0, sizeof(*a));
    rig_prepare(&a->c, method);
    a->begun = true;
    a->leaves_in_head = chance(10);
    a->leaves_in_cancel = chance(20);
    a->sink.ops = &sink_ops;
    a->source.ops = &source_ops;
    a->c.req.has_body = method == JST_METHOD_PUT || method == JST_METHOD_POST;
    a->c.req.length = chance(50) ? JST_LENGTH_UNKNOWN : 2000;
    a->c.call.on_response = &a->sink;
    a->c.call.on_request = &a->source;
    a->c.timeouts.upstream_total_ms = life.total_ms;
    jst_upstream_call(life.r.upool, &a->c.call, &a->c.target);
    jst_upstream_resume(&a->c.call, 10000);
}

/* Bytes say where in the body they are. */
static void
send_body(struct asker *a)
{
    size_t n = JST_MIN(a->credit, 1 + draw(chance(10) ? 60000 : 900));
    struct jst_chain body = {0};

    for (size_t i = 0; i < n; i++) {
        char byte = (char)((a->body_sent + i) % 251);

        assert_int_equal(jst_chain_add_copy(&body, &byte, 1), 0);
    }
    a->credit -= n;
    a->body_sent += n;
    if (n > 0) {
        jst_upstream_data(&a->c.call, &body);
        assert_int_equal(body.bytes, 0);
    }
    if (chance(20)) {
        a->ended = true;
        jst_upstream_end(&a->c.call, NULL);
    }
}

static void
step_caller(struct asker *a)
{
    if (is_over(a)) {
        begin(a);
    } else if (chance(15)) {
        leave(a);
    } else if (a->c.req.has_body && !a->ended) {
        send_body(a);
    } else {
        jst_upstream_resume(&a->c.call, draw(100));
    }
}

/* ---- origins ---- */

static void
saw_start(struct fake *f, struct jst_call *call)
{
    struct asker *a = asker_of(call);

    (void)f;
    assert_false(a->left || a->told > 0 || a->head);
    a->starts++;
    a->body_seen = 0;
    a->reached += call->connected;
    assert_true(a->c.call.tries_before < life.attempts);
    after_status += call->tried_status > 0;
    assert_true(a->starts <= life.attempts + JST_UPSTREAM_RETRIES_MAX + life.hedged);
    if (!jst_method_is_idempotent(call->req->method)) {
        assert_true(a->reached <= 1);
    }
}

static void
saw_body(struct jst_call *call, const struct jst_chain *body)
{
    struct asker *a = asker_of(call);

    for (const struct jst_seg *s = body->first; s != NULL; s = s->next) {
        for (size_t i = 0; i < s->n; i++) {
            assert_int_equal((unsigned char)s->p[i], a->body_seen % 251);
            a->body_seen++;
        }
    }
    assert_true(a->body_seen <= a->body_sent);
    with_body += a->starts > 1;
}

static void
connect_call(struct jst_call *call)
{
    if (call->connected) {
        return;
    }
    call->connected = true;
    asker_of(call)->reached++;
    if (!jst_method_is_idempotent(call->req->method)) {
        assert_true(asker_of(call)->reached <= 1);
    }
}

static void
ask_body(struct jst_call *call)
{
    if (call->req->has_body && !call->ended) {
        jst_source_resume(call->on_request, call->asked_body ? draw(2000) : 5000);
        call->asked_body = true;
    }
}

static void
end_answer(struct fake *f, struct jst_call *call)
{
    if (call->req->has_body && !call->ended) {
        jst_source_cancel(call->on_request, JOIST_E_CLOSED);
        if (f->gone || call->client != &f->base) {
            return;
        }
    }
    fake_finish_call(f, call);
    jst_sink_end(call->on_response, NULL);
}

static void
answer(struct fake *f, struct jst_call *call)
{
    static const uint16_t statuses[] = {100, 103, 200, 200, 503, 503, 500, 404};
    struct jst_head head = {.status = statuses[draw(JST_COUNT(statuses))]};

    if (!call->got_bytes) { /* or its head came already */
        if (head.status >= 200) {
            call->got_bytes = true;
        }
        jst_sink_head(call->on_response, &head);
    } else if (chance(50)) {
        struct jst_chain body = {0};

        assert_int_equal(jst_chain_add_static(&body, "x", 1), 0);
        call->credit--;
        jst_sink_data(call->on_response, &body);
    } else {
        end_answer(f, call);
    }
}

static void
fail_call(struct fake *f, struct jst_call *call)
{
    static const int connected[] = {JOIST_E_RESET, JOIST_E_CLOSED, JOIST_E_TIMEOUT, JOIST_E_PROTO,
                                    JOIST_E_NOMEM};
    static const int others[] = {JOIST_E_REFUSED, JOIST_E_TIMEOUT, JOIST_E_TLS, JOIST_E_NOFILE};

    if (!call->connected) {
        fake_fail(f, others[draw(JST_COUNT(others))], false);
    } else if (f->base.h2) {
        bool unprocessed = !call->got_bytes && chance(30);

        asker_of(call)->reached -= unprocessed;
        fake_lose(f, call, connected[draw(JST_COUNT(connected))], unprocessed);
    } else {
        fake_fail(f, connected[draw(JST_COUNT(connected))], true);
    }
}

static void
step_dial(struct fake *f)
{
    if (chance(60)) {
        (void)fake_opened(f, chance(70), 3);
    } else {
        fake_fail(f, chance(50) ? JOIST_E_REFUSED : JOIST_E_TLS, false);
    }
}

static void
step_origin(struct fake *f)
{
    struct jst_call *call;
    uint32_t what = draw(100);

    if (f->base.dial) {
        step_dial(f);
        return;
    }
    if (f->base.calls == 0) {
        f->dead = chance(50);
        return;
    }
    call = f->calls[draw(f->base.calls)];
    if (what < 30) {
        fail_call(f, call);
    } else {
        connect_call(call);
        if (what < 60) {
            ask_body(call);
        } else {
            answer(f, call);
        }
    }
}

static void
step_any_origin(void)
{
    for (size_t i = 0, at = fakes_n > 0 ? draw((uint32_t)fakes_n) : 0; i < fakes_n; i++) {
        struct fake *f = &fakes[(at + i) % fakes_n];

        if (!f->gone) {
            step_origin(f);
            return;
        }
    }
}

/* ---- lives ---- */

static struct jst_budget *
budget(void)
{
    const struct jst_tracking *t = life.r.pool->tracking;

    return t != NULL ? &t->pool->budget : NULL;
}

static void
check_budget(void)
{
    const struct jst_budget *b = budget();

    if (b != NULL && life.retry.budget_percent < 100) {
        life.requests_max = JST_MAX(life.requests_max, b->requests);
        assert_true(b->tries <= JST_MAX(life.requests_max * life.retry.budget_percent / 100,
                                        JST_RETRY_BUDGET_MIN));
    }
}

static void
seed_rand(struct jst_rand *rand, uint32_t seed)
{
    uint8_t bytes[32];

    memset(bytes, 0x5a, sizeof(bytes));
    memcpy(bytes, &seed, sizeof(seed));
    jst_rand_init(rand, bytes);
    for (unsigned i = 0; i < 16; i++) { /* until seeds that are alike have parted */
        (void)jst_rand_next(rand);
    }
}

static void
begin_life(uint32_t seed)
{
    static const struct joist_target_conf targets[] = {{.url = "http://127.0.0.1:1", .weight = 1},
                                                       {.url = "h2c://127.0.0.1:2", .weight = 1},
                                                       {.url = "http://127.0.0.1:3", .weight = 1}};
    static const struct joist_breaker_conf breaker = {50, 4, 1000, 20};
    static const uint16_t on[] = {503};
    static const uint32_t percents[] = {0, 30, 100};
    struct joist_pool_conf conf = {.name = "a",
                                   .strategy = draw(2) == 0 ? JOIST_STRATEGY_ROUND_ROBIN
                                                            : JOIST_STRATEGY_LEAST_CONN,
                                   .targets = targets,
                                   .targets_n = 1 + draw(3),
                                   .idle_max = 4};

    memset(&life, 0, sizeof(life));
    life.retry = (struct joist_retry_conf){.attempts = 1 + draw(4),
                                           .backoff_ms = draw(2) * 10,
                                           .backoff_max_ms = 15,
                                           .on_failure = chance(80),
                                           .on_timeout = chance(50),
                                           .on = on,
                                           .on_n = draw(2),
                                           .budget_percent = percents[draw(3)]};
    life.hedge.after_ms = 5;
    life.hedged = chance(30);
    life.total_ms = chance(30) ? 1 + draw(60) : 0;
    conf.hedge = life.hedged ? &life.hedge : NULL;
    conf.retry = chance(85) ? &life.retry : NULL;
    conf.breaker = chance(20) ? &breaker : NULL;
    life.attempts =
        conf.retry != NULL ? life.retry.attempts : (uint32_t)JST_MIN(conf.targets_n, 3u);
    if (conf.retry == NULL) {
        life.retry.budget_percent = JST_RETRY_BUDGET_PERCENT_DEFAULT;
    }
    rig_init_conf(&life.r, &conf);
    seed_rand(&life.r.local.rand, ~seed);
    fake_on_start = saw_start;
    fake_on_body = saw_body;
}

static void
end_life(void)
{
    bool cut = chance(30);

    if (cut) { /* the reactor ends: all are told, or have left */
        jst_upstreams_destroy(&life.r.local.upstreams);
        rig_wait(&life.r, 0);
        rig_wait(&life.r, 0);
    }
    for (size_t i = 0; i < CALLERS; i++) {
        if (cut) {
            assert_true(is_over(&askers[i]));
        } else if (!is_over(&askers[i])) {
            leave(&askers[i]);
        }
    }
    for (size_t i = 0; i < fakes_n; i++) {
        assert_int_equal(fakes[i].base.calls, 0);
    }
    rig_wait(&life.r, 100000);
    if (life.r.upool->view != NULL) {
        assert_int_equal(life.r.upool->view->inflight, 0);
    }
    if (budget() != NULL) {
        assert_int_equal(budget()->requests, 0);
        assert_int_equal(budget()->tries, 0);
        for (uint32_t i = 0; i < life.r.pool->n; i++) {
            assert_int_equal(jst_tstate_inflight(life.r.pool->tracking->v[i]), 0);
        }
    }
    if (!cut) {
        jst_upstreams_close_idle(life.r.local.upstreams);
    }
    sums.upstream_tried_again += life.r.local.stats.upstream_tried_again;
    sums.upstream_retries += life.r.local.stats.upstream_retries;
    sums.upstream_hedges += life.r.local.stats.upstream_hedges;
    sums.upstream_hedges_won += life.r.local.stats.upstream_hedges_won;
    sums.upstream_budget_denials += life.r.local.stats.upstream_budget_denials;
    rig_fini(&life.r);
}

static void
test_lives(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= LIVES; seed++) {
        seed_rand(&rand_state, seed);
        memset(askers, 0, sizeof(askers));
        begin_life(seed);
        for (uint32_t i = 0; i < STEPS && fakes_n < FAKES_MAX - 40; i++) {
            uint32_t what = draw(100);

            if (what < 25) {
                step_caller(&askers[draw(CALLERS)]);
            } else if (what < 80) {
                step_any_origin();
            } else {
                rig_wait(&life.r, draw(8));
            }
            check_budget();
        }
        end_life();
    }
    /* Else it would prove nothing. */
    assert_true(sums.upstream_tried_again > LIVES);
    assert_true(sums.upstream_retries > 100);
    assert_true(sums.upstream_hedges > 100 && sums.upstream_hedges_won > 10);
    assert_true(sums.upstream_budget_denials > 10);
    assert_true(ends > LIVES && aborts > LIVES && after_status > 100 && with_body > 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lives)};

    return cmocka_run_group_tests_name("upstream/retry_model", tests, NULL, NULL);
}
