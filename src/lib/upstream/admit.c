// SPDX-License-Identifier: MIT
/* A call on its way to a target: which one, and whether there is one to have. */
#include "upstream/live.h"
#include "upstream/queue.h"

void
jst_call_refuse(struct jst_call *call, int why, const char *detail)
{
    const struct jst_pool *pool = call->upool->pool;

    if (call->tries_before > 0) {
        call->tries_left = 0;
        jst_call_fail_later(call, call->tried_why);
        return;
    }
    if (pool->n > 0) { /* one of those that were in vain, for the log */
        *call->target_name = pool->v[0].label;
    }
    call->detail = detail;
    jst_call_fail_later(call, why);
}

static void
refuse(struct jst_call *call)
{
    if (call->tries_before == 0) {
        call->retry_after_s = jst_upool_retry_after_s(call->upool);
    }
    jst_call_refuse(call, JOIST_E_UNAVAILABLE,
                    call->upool->pool->n == 0
                        ? "the upstream has no targets"
                        : "no target can take it: down, draining, put aside or cut off");
}

void
jst_call_go(struct jst_call *call, uint32_t target, jst_breaker_ticket ticket)
{
    const struct jst_target *t = &call->upool->pool->v[target];

    call->queue_seq = 0;
    call->queue_refusals = 0;
    call->target = target;
    *call->target_name = t->label;
    if (JST_UNLIKELY(call->tries_before > 0)) {
        jst_retry_log(call);
    }
    jst_account_begin(call, ticket);
    if (call->host.n == 0 || call->host_made) { /* an HTTP/1.0 client that named no host */
        call->host_made = true;
        call->host = t->host.n > 0 ? t->name : JST_S("localhost");
    }
    if (call->upool->u->closing) {
        jst_call_fail_later(call, JOIST_E_UNAVAILABLE);
        return;
    }
    jst_call_place(call);
}

static enum jst_queue_state
state_of(const struct jst_pool *pool)
{
    const struct jst_queue *q = pool->tracking != NULL ? jst_queue_of(pool->tracking->pool) : NULL;

    return q != NULL ? jst_queue_state(q) : JST_QUEUE_OPEN;
}

static void
admit_closed(struct jst_call *call, enum jst_queue_state state)
{
    if (call->never_waits) {
        refuse(call);
    } else if (state == JST_QUEUE_PAUSED) {
        jst_queued_add(call);
    } else {
        jst_queued_refuse(call);
    }
}

void
jst_call_admit(struct jst_call *call)
{
    jst_breaker_ticket ticket;
    enum jst_queue_state state;
    int i;

    jst_call_follow(call);
    state = state_of(call->upool->pool);
    if (JST_UNLIKELY(state != JST_QUEUE_OPEN)) {
        admit_closed(call, state);
        return;
    }
    i = jst_upool_pick(call->upool, call, &ticket);
    if (i == JST_PICK_FULL && !call->never_waits) {
        jst_queued_add(call);
    } else if (i < 0) {
        refuse(call);
    } else {
        jst_call_go(call, (uint32_t)i, ticket);
    }
}
