// SPDX-License-Identifier: MIT
/* One call: where it goes, whether it may go again, and how it fails without a connection. */
#include "upstream/live.h"

/* ---- failing without a connection ---- */

static struct jst_loop *
loop_of(const struct jst_call *call)
{
    return call->upool->u->local->loop;
}

static void
forget_failure(struct jst_call *call)
{
    jst_task_cancel(loop_of(call), &call->task);
}

static void
run_failure(struct jst_task *t)
{
    struct jst_call *call = JST_CONTAINER(t, struct jst_call, task);

    jst_hold_stop(call);
    if (jst_retry_elsewhere(call, call->why)) {
        return;
    }
    jst_chain_clear(&call->held);
    jst_sink_abort(call->on_response, call->why);
}

void
jst_call_fail_later(struct jst_call *call, int why)
{
    jst_hold_begin(call, forget_failure);
    call->why = why;
    call->task.run = run_failure;
    jst_loop_post(loop_of(call), &call->task);
}

/* ---- starting ---- */

void
jst_call_start(struct jst_live *live, struct jst_client *c, struct jst_call *call)
{
    struct jst_local *local = live->u->local;

    call->h2 = c->h2;
    call->unprocessed = false;
    c->ops->start(c, call);
    if (call->reused) {
        JST_STAT_ADD(local, upstream_reuses, 1);
    }
    jst_live_started(live, c);
}

static void
start(struct jst_live *live, struct jst_client *c, struct jst_call *call)
{
    if (JST_UNLIKELY(call->held.bytes > 0 || call->held_end)) {
        jst_hold_start(live, c, call);
    } else {
        jst_call_start(live, c, call);
    }
}

static uint64_t
now_ms(const struct jst_live *live)
{
    return jst_loop_now_ms(live->u->local->loop);
}

/* For a connection of its own; not called when the time is over. */
static uint64_t
connect_ms_left(const struct jst_live *live, const struct jst_call *call)
{
    return call->wait_until_ms == JST_NEVER ? 0 : call->wait_until_ms - now_ms(live);
}

/* Plain HTTP/1.1: the call goes out on the connection that is opened for it. */
static void
connect_and_start(struct jst_live *live, struct jst_call *call)
{
    const struct jst_addrs *addrs = jst_target_addrs(jst_call_target(call));
    struct jst_client_to to = {
        .tls = jst_call_target(call)->tls, /* only with a PROXY header, else it is no direct one */
        .session = &live->lanes[call->lane].session,
        .connect_ms = connect_ms_left(live, call),
        .keepalive_ms = live->keepalive_ms,
        .proxy_version = live->proxy_version,
        .peer = call->peer,
    };
    struct jst_client *c = NULL;
    int rc = jst_live_open(&c, live, &to, addrs, call->tries);

    call->addrs_version = addrs->version;
    call->connected = false;
    if (rc < 0) {
        jst_call_fail_later(call, rc);
        return;
    }
    JST_ASSERT(!c->dial);
    start(live, c, call);
}

static void
connect_anew(struct jst_live *live, struct jst_call *call)
{
    uint64_t ms = call->timeouts->upstream_connect_ms;

    call->tries = 0;
    call->wait_until_ms = ms > 0 ? now_ms(live) + ms : JST_NEVER;
    connect_and_start(live, call);
}

bool
jst_call_needs_probe(const struct jst_call *call)
{
    return call->retries > 0 || !jst_method_is_idempotent(call->req->method);
}

/* A connection that is there, or a new one. */
static void
place(struct jst_live *live, struct jst_call *call)
{
    struct jst_client *c = NULL;

    if (live->lanes[call->lane].waiting_n == 0) { /* else it would overtake */
        c = jst_live_take(live, call->lane, jst_call_needs_probe(call));
    }
    if (c != NULL) {
        start(live, c, call);
    } else if (live->direct) {
        connect_anew(live, call);
    } else {
        jst_wait_add(live, call);
    }
}

/* ---- starting again ---- */

bool
jst_call_is_websocket(const struct jst_call *call)
{
    return jst_slice_ieq(call->req->upgrade_to, JST_S("websocket"));
}

/* Its HTTP/2 takes no such upgrade: nothing was sent. HTTP/1.1 may, now and as long as its HTTP/2
 * is not opened anew; else another target. */
static bool
switch_otherwise(struct jst_live *live, struct jst_call *call, int why)
{
    if (jst_call_is_websocket(call) && live->h2_n > 0) { /* of other upgrades it says nothing */
        live->upgrade_h1 = true;
    }
    if (call->lane != JST_LANE_ANY || jst_call_target(call)->tls_h1 == NULL) {
        return jst_retry_elsewhere(call, why);
    }
    call->lane = JST_LANE_UPGRADE;
    place(live, call);
    return true;
}

/* Did the origin surely do nothing with it? */
static bool
was_untouched(const struct jst_call *call, int why)
{
    if (call->got_bytes || call->sent_body) {
        return false;
    }
    if (call->unprocessed) { /* RFC 9113 8.7: may be sent again, whatever the method */
        return true;
    }
    /* RFC 9112 9.3.1: the origin closed it while our request was on its way. */
    return call->reused && jst_method_is_idempotent(call->req->method) &&
           (why == JOIST_E_CLOSED || why == JOIST_E_RESET || why == JOIST_E_IO);
}

bool
jst_call_restart(struct jst_live *live, struct jst_call *call, int why)
{
    if (live->u->closing || live->refs == 0) {
        return false;
    }
    if (!call->connected) {
        if (call->sent_body || !live->direct || now_ms(live) >= call->wait_until_ms ||
            !jst_target_may_reopen(jst_call_target(call), call->addrs_version, call->tries, why)) {
            return jst_retry_elsewhere(call, why);
        }
        call->tries++;
        connect_and_start(live, call);
        return true;
    }
    if (why == JOIST_E_UNSUPPORTED && call->upgrade && call->h2) {
        return switch_otherwise(live, call, why);
    }
    if (call->retries >= JST_UPSTREAM_RETRIES_MAX || !was_untouched(call, why)) {
        return false;
    }
    call->retries++;
    JST_STAT_ADD(live->u->local, upstream_retries, 1);
    if (live->direct) {
        connect_anew(live, call);
    } else {
        place(live, call);
    }
    return true;
}

/* ---- the first start ---- */

/* An upgrade that its HTTP/2 does not take, as far as is known? */
static bool
needs_http1(const struct jst_live *live, const struct jst_call *call)
{
    if (!call->upgrade || jst_call_target(call)->tls_h1 == NULL) {
        return false;
    }
    return live->upgrade_h1 ||
           (live->lanes[JST_LANE_ANY].proto == JST_LANE_H2 && !jst_call_is_websocket(call));
}

void
jst_call_place(struct jst_call *call)
{
    struct jst_live *live = jst_call_live(call);

    call->tls_error = JST_SLICE_NONE;
    call->lane = needs_http1(live, call) ? JST_LANE_UPGRADE : JST_LANE_ANY;
    place(live, call);
}

void
jst_call_reset(struct jst_call *call)
{
    call->client = NULL;
    call->forget = NULL;
    call->target = JST_TARGET_NONE;
    call->asked_body = call->sent_body = call->ended = false;
    call->reused = call->got_bytes = call->connected = call->unprocessed = false;
    call->h2 = call->held_end = false;
    jst_chain_clear(&call->held);
    call->held_trailers = NULL;
    call->detail = NULL;
    call->account.open = false;
    call->bond = (struct jst_bond){0};
    call->retry_after_s = 0;
    call->waiter = NULL;
    call->queue_seq = 0;
    call->queue_refusals = 0;
    jst_list_init(&call->wait_link);
}

void
jst_call_init(struct jst_upool *p, struct jst_call *call)
{
    call->upool = p;
    call->guard = NULL;
    call->held = (struct jst_chain){0};
    call->credit = 0;
    call->host_made = call->out_of_time = false;
    call->retries = 0;
    call->tried_n = 0;
    call->only_untried = call->never_waits = false;
    jst_call_reset(call);
    jst_call_hold(call);
    jst_retry_init(call);
}

static bool
needs_guard(const struct jst_call *call)
{
    const struct jst_tracking *t = call->upool->pool->tracking;

    return call->arena != NULL && (call->timeouts->upstream_total_ms > 0 ||
                                   (t != NULL && (t->retry.attempts > 1 || t->hedge_ms > 0)));
}

void
jst_upstream_call(struct jst_upool *p, struct jst_call *call, struct jst_slice *target)
{
    jst_call_init(p, call);
    call->target_name = target;
    if (JST_UNLIKELY(needs_guard(call)) && jst_guard_begin(call) < 0) {
        call->tries_left = 0;
        jst_call_fail_later(call, JOIST_E_NOMEM);
        return;
    }
    jst_call_admit(call);
}

const char *
jst_upstream_name(const struct jst_call *call)
{
    const struct jst_tracking *t = call->upool->pool->tracking;

    return t != NULL ? t->name : "";
}

/* ---- what its caller says ---- */

void
jst_upstream_data(struct jst_call *call, struct jst_chain *move)
{
    if (JST_UNLIKELY(call->guard != NULL)) {
        jst_guard_data(call->guard, move);
        return;
    }
    jst_sink_data(&call->request, move);
}

void
jst_upstream_end(struct jst_call *call, const struct jst_fields *trailers)
{
    if (JST_UNLIKELY(call->guard != NULL)) {
        jst_guard_end(call->guard, trailers);
        return;
    }
    jst_account_request_end(call);
    jst_sink_end(&call->request, trailers);
}

void
jst_upstream_resume(struct jst_call *call, size_t credit)
{
    if (JST_UNLIKELY(call->guard != NULL)) {
        jst_guard_resume(call->guard, credit);
        return;
    }
    jst_source_resume(&call->response, credit);
}

void
jst_upstream_abort(struct jst_call *call, int why)
{
    if (JST_UNLIKELY(call->guard != NULL)) {
        jst_guard_leave(call->guard);
        return;
    }
    jst_sink_abort(&call->request, why);
    jst_account_leave(call);
}

void
jst_upstream_cancel(struct jst_call *call, int why)
{
    if (JST_UNLIKELY(call->guard != NULL)) {
        jst_guard_leave(call->guard);
        return;
    }
    jst_source_cancel(&call->response, why);
    jst_account_leave(call);
}
