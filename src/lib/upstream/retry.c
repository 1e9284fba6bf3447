// SPDX-License-Identifier: MIT
/*
 * A call that no connection was made for goes to another target.
 *
 * Nothing of it has left, so that it is safe whatever the method, and no origin sees more of it
 * than one request: it needs no configuration and no budget. The target that failed is judged
 * first.
 */
#include "upstream/live.h"

void
jst_retry_init(struct jst_call *call)
{
    uint32_t tries = JST_MIN(call->upool->pool->n, JST_RETRY_CONNECTS_DEFAULT);

    call->tries_before = 0;
    call->tries_left = (uint8_t)(tries > 0 ? tries - 1 : 0);
}

void
jst_retry_leave_target(struct jst_call *call, int why)
{
    JST_ASSERT(call->tried_n < JST_CALL_TRIED_MAX && call->tries_left > 0);
    jst_account_fail(call, why);
    call->tried[call->tried_n++] = call->target;
    call->tried_name = jst_call_target(call)->name;
    call->tried_why = why;
    call->tries_before++;
    call->tries_left--;
}

void
jst_retry_log(const struct jst_call *call)
{
    struct jst_local *local = call->upool->u->local;

    JST_STAT_ADD(local, upstream_tried_again, 1);
    JST_LOG(local->log, WARN, UPSTREAM_RETRIED, "target=%.*s err=\"%s\" next=%.*s try=%u id=%.*s",
            JST_PRI(call->tried_name), joist_error_text(call->tried_why),
            JST_PRI(*call->target_name), call->tries_before + 1u, JST_PRI(call->id));
}

/* ---- elsewhere ---- */

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

    if (call->tries_left == 0 || call->connected || call->sent_body || call->got_bytes ||
        !jst_is_fault(why) || u->closing) {
        return false;
    }
    jst_retry_leave_target(call, why);
    call->only_untried = true; /* a second look would find nobody there either */
    jst_hold_begin(call, forget);
    call->task.run = run;
    jst_loop_post(u->local->loop, &call->task);
    return true;
}
