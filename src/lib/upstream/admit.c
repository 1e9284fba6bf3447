// SPDX-License-Identifier: MIT
/* A call on its way to a target: which one, and whether there is one to have. */
#include "upstream/live.h"

static void
refuse(struct jst_call *call)
{
    const struct jst_upool *p = call->upool;

    if (call->tries_before > 0) { /* no other: what came of the last one is the answer */
        call->tries_left = 0;
        jst_call_fail_later(call, call->tried_why);
        return;
    }
    if (p->pool->n > 0) { /* one of those that were in vain, for the log */
        *call->target_name = p->pool->v[0].name;
    }
    call->retry_after_s = jst_upool_retry_after_s(p);
    jst_call_fail_later(call, JOIST_E_UNAVAILABLE);
}

static void
go(struct jst_call *call, uint32_t target, jst_breaker_ticket ticket)
{
    const struct jst_target *t = &call->upool->pool->v[target];

    call->target = target;
    *call->target_name = t->name;
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

void
jst_call_admit(struct jst_call *call)
{
    jst_breaker_ticket ticket;
    int i;

    jst_call_follow(call);
    i = jst_upool_pick(call->upool, call, &ticket);

    if (i < 0) {
        refuse(call);
    } else {
        go(call, (uint32_t)i, ticket);
    }
}
