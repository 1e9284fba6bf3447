// SPDX-License-Identifier: MIT
/*
 * Whether a call is tried once more, and where.
 *
 *   what has happened                  tried again
 *   no connection was made             always, on another target only: nothing of it has left, so
 *                                      that no origin sees more than one request. Needs no
 *                                      configuration, and no budget
 *   the origin did nothing with it     whatever the method (RFC 9113 8.7)
 *   it was sent and failed; a status   if the pool says so and the method is idempotent (RFC 9110
 *                                      9.2.2), on another target or else the same
 *
 * For all: what came of the body must still be there, and no head been passed on. What a target
 * did is judged before.
 */
#include "upstream/guard.h"

#include "base/str.h"

void
jst_retry_init(struct jst_call *call)
{
    const struct jst_pool *p = call->upool->pool;
    uint32_t tries = JST_MIN(p->n, JST_RETRY_CONNECTS_DEFAULT);

    if (p->tracking != NULL && p->tracking->retry.attempts > 0) {
        tries = p->tracking->retry.attempts;
    }
    call->tries_before = 0;
    call->tries_left = (uint8_t)(tries > 0 ? tries - 1 : 0);
}

static void
add_tried(struct jst_call *call, uint32_t target)
{
    if (call->tried_n < JST_CALL_TRIED_MAX) {
        call->tried[call->tried_n++] = target;
    }
}

static void
leave_target(struct jst_call *call, int why, uint16_t status)
{
    JST_ASSERT(call->tries_left > 0);
    add_tried(call, call->target);
    call->tried_name = *call->target_name;
    call->tried_why = why;
    call->tried_status = status;
    call->tries_before++;
    call->tries_left--;
}

void
jst_retry_log(const struct jst_call *call)
{
    struct jst_local *local = call->upool->u->local;
    char status[16];
    const char *what = joist_error_text(call->tried_why);

    if (call->tried_status > 0) {
        (void)jst_fmt(status, sizeof(status), "status %u", call->tried_status);
        what = status;
    }
    JST_STAT_ADD(local, upstream_tried_again, 1);
    JST_LOG(local->log, WARN, UPSTREAM_RETRIED, "target=%.*s err=\"%s\" next=%.*s try=%u id=%.*s",
            JST_PRI(call->tried_name), what, JST_PRI(*call->target_name), call->tries_before + 1u,
            JST_PRI(call->id));
}

/* Nothing of it has left: there is no connection, or one that cannot carry an upgrade. Who found no
 * target in time has not failed there. */
static bool
is_connect_failure(const struct jst_call *call, int why)
{
    if (call->target == JST_TARGET_NONE || call->got_bytes) {
        return false;
    }
    return why == JOIST_E_UNSUPPORTED ? call->upgrade : !call->connected && jst_is_fault(why);
}

/* ---- without a guard ---- */

static void
forget(struct jst_call *call)
{
    jst_task_cancel(call->upool->u->local->loop, &call->task);
}

static void
run(struct jst_task *t)
{
    struct jst_call *call = JST_CONTAINER(t, struct jst_call, task);

    jst_hold_stop(call);
    if (call->upool->u->closing) {
        jst_chain_clear(&call->held);
        jst_sink_abort(call->on_response, call->tried_why);
        return;
    }
    jst_call_admit(call);
}

bool
jst_retry_elsewhere(struct jst_call *call, int why)
{
    struct jst_upstreams *u = call->upool->u;

    if (call->guard != NULL || call->tries_left == 0 || call->sent_body ||
        !is_connect_failure(call, why) || u->closing) {
        return false;
    }
    jst_account_fail(call, why);
    leave_target(call, why, 0);
    call->target = JST_TARGET_NONE;
    call->only_untried = true; /* a second look would find nobody there either */
    jst_hold_begin(call, forget);
    call->task.run = run;
    jst_loop_post(u->local->loop, &call->task);
    return true;
}

/* ---- with one ---- */

/* Exponential, with full jitter: who failed together shall not come back together. */
static uint64_t
backoff_ms(const struct jst_guard *g, bool connect)
{
    const struct joist_retry_conf *rules = g->rules;
    uint32_t n = g->call->tries_before;
    uint64_t most = rules->backoff_ms;

    if (most == 0 || (connect && n == 1)) {
        return 0;
    }
    while (--n > 0 && most < rules->backoff_max_ms) {
        most *= 2;
    }
    most = JST_MIN(most, rules->backoff_max_ms);
    return jst_rand_next(&g->u->local->rand) % (most + 1);
}

static bool
may_repeat(const struct jst_guard *g, int why)
{
    const struct jst_call *call = g->now;

    if (!jst_is_fault(why) || call->target == JST_TARGET_NONE) {
        return false;
    }
    if (call->unprocessed && !call->got_bytes) {
        return g->rules->on_failure;
    }
    return jst_method_is_idempotent(call->req->method) &&
           (why == JOIST_E_TIMEOUT ? g->rules->on_timeout : g->rules->on_failure);
}

static bool
has_tries(const struct jst_guard *g)
{
    return g->call->tries_left > 0 && !g->u->closing && jst_replay_is_whole(&g->body);
}

/* One more at a time: the try before is over. */
static bool
fits_budget(struct jst_guard *g)
{
    return g->tokens > 0 || jst_guard_take_token(g);
}

/* The hedge may have gone by a newer edition of the pool, which counts its targets otherwise. */
static void
add_tried_of_hedge(struct jst_guard *g)
{
    const struct jst_pool *pool = g->call->upool->pool;
    const struct jst_target *t = jst_call_target(g->now);
    uint32_t i = jst_pool_find(pool, t->key, g->now->target);

    if (i < pool->n) {
        add_tried(g->call, i);
    }
}

static void
go_on(struct jst_guard *g, int why, uint16_t status, bool connect)
{
    if (g->now != g->call) { /* both were in vain */
        add_tried_of_hedge(g);
        *g->call->target_name = *g->now->target_name;
    }
    leave_target(g->call, why, status);
    g->call->only_untried = connect;
    jst_guard_wait(g, backoff_ms(g, connect));
}

bool
jst_guard_retry_failure(struct jst_guard *g, int why)
{
    bool connect = is_connect_failure(g->now, why);

    if (jst_hedge_is_alive(g)) {
        jst_hedge_promote(g);
        return true;
    }
    if (!has_tries(g) || (!connect && (!may_repeat(g, why) || !fits_budget(g))) ||
        jst_replay_rewind(&g->body) < 0) {
        return false;
    }
    g->phase = JST_GUARD_WAITING;
    go_on(g, why, 0, connect);
    return true;
}

bool
jst_guard_dislikes(const struct jst_guard *g, uint16_t status)
{
    for (size_t i = 0; i < g->rules->on_n; i++) {
        if (g->rules->on[i] == status) {
            return true;
        }
    }
    return false;
}

/* A response is only given up for another try if there is somebody to try, be it the same. */
static bool
has_target(const struct jst_guard *g)
{
    struct jst_upool *p = g->call->upool;
    const struct jst_tracking *t = p->pool->tracking;
    uint64_t now = jst_loop_now_ms(g->u->local->loop);

    jst_view_refresh(p);
    for (uint32_t i = 0; i < p->view->n; i++) {
        if (t->breaker.error_percent == 0 ||
            jst_breaker_allows(&t->v[p->view->list[i].target]->breaker, now)) {
            return true;
        }
    }
    return false;
}

bool
jst_guard_retry_status(struct jst_guard *g, uint16_t status)
{
    if (!jst_guard_dislikes(g, status)) {
        return false;
    }
    if (jst_hedge_is_alive(g)) {
        jst_hedge_promote(g);
        return true;
    }
    if (!has_tries(g) || !jst_method_is_idempotent(g->call->req->method) || !has_target(g) ||
        !fits_budget(g) || jst_replay_rewind(&g->body) < 0) {
        return false;
    }
    g->phase = JST_GUARD_DRAINING;
    go_on(g, JOIST_E_UNAVAILABLE, status, false);
    return true;
}
