// SPDX-License-Identifier: MIT
#include "upstream/guard.h"

#include "upstream/budget.h"

static struct jst_loop *
loop_of(const struct jst_guard *g)
{
    return g->u->local->loop;
}

/* ---- the end of it ---- */

/* Give back all that is not the arena's. */
static void
release(struct jst_guard *g)
{
    g->phase = JST_GUARD_OVER;
    if (g->released) {
        return;
    }
    g->released = true;
    jst_timer_fini(loop_of(g), &g->total);
    jst_timer_fini(loop_of(g), &g->timer);
    jst_task_cancel(loop_of(g), &g->feed);
    jst_list_remove(&g->link);
    jst_replay_fini(&g->body);
    if (g->budget != NULL) {
        jst_budget_give(g->budget, g->tokens);
        jst_budget_leave(g->budget);
    }
}

/* Cancel what is under way. */
static void
leave_tries(struct jst_guard *g)
{
    jst_hedge_drop(g);
    if (g->phase != JST_GUARD_WAITING) {
        jst_source_cancel(&g->now->response, JOIST_E_CANCELED);
        jst_account_leave(g->now);
    }
}

bool
jst_guard_take_token(struct jst_guard *g)
{
    if (g->budget == NULL) {
        return true;
    }
    if (!jst_budget_take(g->budget, g->rules->budget_percent)) {
        JST_STAT_ADD(g->u->local, upstream_budget_denials, 1);
        return false;
    }
    g->tokens++;
    return true;
}

/* ---- what the tries tell ---- */

/* The caller's call says what the try did that it hears of. */
static void
tell_facts(struct jst_guard *g)
{
    if (g->now == g->call) {
        return;
    }
    *g->call->target_name = *g->now->target_name;
    g->call->h2 = g->now->h2;
    g->call->connected = g->now->connected;
    g->call->detail = g->now->detail;
    g->call->tls_error = g->now->tls_error;
}

static void
pass_head(struct jst_guard *g, const struct jst_head *head)
{
    int no_body = g->no_body;

    g->phase = JST_GUARD_PASSING;
    jst_hedge_drop(g);
    jst_timer_stop(&g->timer);
    jst_replay_stop_keeping(&g->body);
    if (head->status == 101) {
        jst_timer_stop(&g->total);
    }
    tell_facts(g);
    if (no_body < 0) {
        g->no_body = 0;
        jst_source_cancel(g->from, no_body);
        if (g->phase == JST_GUARD_OVER) { /* it has left */
            return;
        }
    }
    jst_sink_head(g->to, head);
}

void
jst_guard_take_head(struct jst_guard *g, const struct jst_head *head)
{
    if (head->status >= 200 || head->status == 101) {
        if (g->phase == JST_GUARD_TRYING && !jst_guard_retry_status(g, head->status)) {
            pass_head(g, head);
        }
        return;
    }
    if (head->status == 100) { /* of every try that wants it; the client needs one */
        if (g->continued) {
            return;
        }
        g->continued = true;
    }
    jst_sink_head(g->to, head);
}

void
jst_guard_take_data(struct jst_guard *g, struct jst_chain *move)
{
    if (g->phase == JST_GUARD_DRAINING) {
        g->drained += move->bytes;
        jst_chain_clear(move);
        return;
    }
    jst_sink_data(g->to, move);
}

void
jst_guard_take_end(struct jst_guard *g, const struct jst_fields *trailers)
{
    if (g->phase == JST_GUARD_DRAINING) {
        g->phase = JST_GUARD_WAITING;
        return;
    }
    release(g);
    jst_sink_end(g->to, trailers);
}

void
jst_guard_take_abort(struct jst_guard *g, int why)
{
    if (g->phase == JST_GUARD_DRAINING) {
        g->phase = JST_GUARD_WAITING;
        return;
    }
    if (g->phase == JST_GUARD_TRYING && jst_guard_retry_failure(g, why)) {
        return;
    }
    tell_facts(g);
    release(g);
    jst_sink_abort(g->to, why);
}

static struct jst_guard *
of_sink(struct jst_sink *s)
{
    return JST_CONTAINER(s, struct jst_guard, sink);
}

static void
on_head(struct jst_sink *s, const struct jst_head *head)
{
    jst_guard_take_head(of_sink(s), head);
}

static void
on_data(struct jst_sink *s, struct jst_chain *move)
{
    jst_guard_take_data(of_sink(s), move);
}

static void
on_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    jst_guard_take_end(of_sink(s), trailers);
}

static void
on_abort(struct jst_sink *s, int why)
{
    jst_guard_take_abort(of_sink(s), why);
}

static const struct jst_sink_ops sink_ops = {on_head, on_data, on_end, on_abort};

/* ---- what they want of the request's body ---- */

static void
on_resume(struct jst_source *s, size_t credit)
{
    struct jst_guard *g = JST_CONTAINER(s, struct jst_guard, source);
    bool feed;
    size_t more = jst_replay_ask(&g->body, credit, &feed);

    if (feed && !g->released) {
        jst_loop_post(loop_of(g), &g->feed);
    }
    if (more > 0) {
        jst_source_resume(g->from, more);
    }
}

/* As long as there may be another try, the body has to come. */
static void
on_cancel(struct jst_source *s, int why)
{
    struct jst_guard *g = JST_CONTAINER(s, struct jst_guard, source);

    if (g->phase == JST_GUARD_TRYING || g->phase == JST_GUARD_DRAINING) {
        g->no_body = why;
    } else {
        jst_source_cancel(g->from, why);
    }
}

static const struct jst_source_ops source_ops = {on_resume, on_cancel};

static void
run_feed(struct jst_task *t)
{
    struct jst_guard *g = JST_CONTAINER(t, struct jst_guard, feed);

    if (g->body.under_way) {
        jst_replay_feed(&g->body, g->now);
    }
}

/* ---- from try to try ---- */

static void
begin_try(struct jst_guard *g)
{
    struct jst_call *call = g->call;

    g->phase = JST_GUARD_TRYING;
    g->now = call;
    g->hedge = NULL; /* if there was one, it was listened to at last */
    g->no_body = 0;
    jst_list_remove(&g->link);
    jst_call_reset(call);
    call->credit += g->drained;
    g->drained = 0;
    call->on_response = &g->sink;
    jst_replay_begin(&g->body, call);
    jst_call_admit(call);
}

static void
on_timer(struct jst_timer *t)
{
    struct jst_guard *g = JST_CONTAINER(t, struct jst_guard, timer);

    if (g->phase == JST_GUARD_TRYING) {
        jst_hedge_start(g);
        return;
    }
    if (g->phase == JST_GUARD_DRAINING) { /* the rest of it is not worth waiting for */
        jst_source_cancel(&g->now->response, JOIST_E_CANCELED);
        jst_account_leave(g->now);
    }
    begin_try(g);
}

void
jst_guard_wait(struct jst_guard *g, uint64_t wait_ms)
{
    jst_list_insert(&g->u->guards, &g->link);
    jst_timer_set(loop_of(g), &g->timer, jst_loop_now_ms(loop_of(g)) + wait_ms);
}

/* ---- the whole request's time ---- */

static void
on_total(struct jst_timer *t)
{
    struct jst_guard *g = JST_CONTAINER(t, struct jst_guard, total);

    leave_tries(g);
    tell_facts(g);
    release(g);
    g->call->detail = "the whole request took too long";
    g->call->out_of_time = true;
    jst_sink_abort(g->to, JOIST_E_TIMEOUT);
}

/* ---- the caller ---- */

void
jst_guard_data(struct jst_guard *g, struct jst_chain *move)
{
    if (g->released) {
        jst_sink_data(&g->now->request, move);
    } else {
        jst_replay_data(&g->body, g->now, move);
    }
}

void
jst_guard_end(struct jst_guard *g, const struct jst_fields *trailers)
{
    jst_account_request_end(g->now);
    if (g->released) {
        jst_sink_end(&g->now->request, trailers);
    } else if (jst_replay_end(&g->body, g->now, trailers) < 0) {
        leave_tries(g);
        jst_guard_close(g, JOIST_E_NOMEM);
    }
}

void
jst_guard_resume(struct jst_guard *g, size_t credit)
{
    if (g->phase == JST_GUARD_WAITING) {
        g->call->credit += credit;
        return;
    }
    jst_hedge_resume(g, credit);
    jst_source_resume(&g->now->response, credit);
}

void
jst_guard_leave(struct jst_guard *g)
{
    leave_tries(g);
    release(g);
}

void
jst_guard_close(struct jst_guard *g, int why)
{
    release(g);
    g->now = g->call;
    g->call->on_response = g->to;
    g->call->tries_left = 0;
    jst_call_fail_later(g->call, why);
}

/* ---- the beginning ---- */

static const struct joist_retry_conf connects_alone = {
    .attempts = JST_RETRY_CONNECTS_DEFAULT, .budget_percent = JST_RETRY_BUDGET_PERCENT_DEFAULT};

static int
init(struct jst_guard *g, struct jst_call *call)
{
    struct jst_loop *loop = call->upool->u->local->loop;

    if (jst_timer_init(loop, &g->total, on_total) < 0) {
        return JOIST_E_NOMEM;
    }
    if (jst_timer_init(loop, &g->timer, on_timer) < 0) {
        jst_timer_fini(loop, &g->total);
        return JOIST_E_NOMEM;
    }
    g->sink.ops = &sink_ops;
    g->source.ops = &source_ops;
    g->feed.run = run_feed;
    g->u = call->upool->u;
    g->call = g->now = call;
    g->to = call->on_response;
    g->from = call->on_request;
    g->rules = &connects_alone;
    jst_list_init(&g->link);
    jst_replay_init(&g->body, call->req);
    return JOIST_OK;
}

int
jst_guard_begin(struct jst_call *call)
{
    const struct jst_tracking *t = call->upool->pool->tracking;
    struct jst_guard *g = jst_arena_zalloc(call->arena, sizeof(*g));
    uint64_t total_ms = call->timeouts->upstream_total_ms;

    if (g == NULL || init(g, call) < 0) {
        return JOIST_E_NOMEM;
    }
    if (t != NULL && t->retry.attempts > 0) {
        g->rules = &t->retry;
    }
    if (t != NULL && (t->retry.attempts > 1 || t->hedge_ms > 0)) {
        g->budget = &t->pool->budget;
        jst_budget_enter(g->budget);
    }
    if (total_ms > 0) {
        jst_timer_set(loop_of(g), &g->total, jst_loop_now_ms(loop_of(g)) + total_ms);
    }
    if (t != NULL && t->hedge_ms > 0) {
        jst_hedge_arm(g, t->hedge_ms);
    }
    call->guard = g;
    call->on_response = &g->sink;
    call->on_request = &g->source;
    return JOIST_OK;
}
