// SPDX-License-Identifier: MIT
/*
 * The end of a drain's patience, on one reactor: calls that are still at a target that drains are
 * cut. Which ones is decided when the time is over: a target that was made ready since, or drains
 * by another deadline, has another number.
 */
#include "upstream/control.h"
#include "upstream/live.h"

#include <stdlib.h>

struct jst_cut {
    struct jst_list link; /* in u->cuts */
    struct jst_timer timer;
    struct jst_upstreams *u;
    struct jst_cut_plan plan;
};

static bool
is_meant(const struct jst_call *call, const struct jst_cut_plan *plan, bool requests, bool tunnels)
{
    const struct jst_tstate *t = call->upool->pool->tracking->v[call->target];

    return __atomic_load_n(&t->drain, __ATOMIC_RELAXED) == plan->drain &&
           (call->account.tunnel ? tunnels : requests);
}

/* This one try; from the loop it is told that it has failed, and that is no fault of its target
 * which another try would mend. */
static void
cut_calls(struct jst_upstreams *u, const struct jst_cut_plan *plan, bool requests, bool tunnels)
{
    JST_LIST_FOREACH (node, &u->calls) {
        struct jst_call *call = JST_CONTAINER(node, struct jst_call, account.link);

        if (!is_meant(call, plan, requests, tunnels)) {
            continue;
        }
        jst_source_cancel(&call->response, JOIST_E_CANCELED);
        jst_account_leave(call);            /* takes it out of the list */
        if (call->account.response_ended) { /* a tunnel's other half */
            jst_source_cancel(call->account.from, JOIST_E_CANCELED);
        } else {
            call->detail = "cut: its target has drained for too long";
            jst_call_fail_later(call, JOIST_E_CANCELED);
        }
    }
}

static void
forget(struct jst_cut *cut)
{
    jst_list_remove(&cut->link);
    jst_timer_fini(cut->u->local->loop, &cut->timer);
    cut->u->cuts_n--;
    free(cut);
}

static void
on_deadline(struct jst_timer *timer)
{
    struct jst_cut *cut = JST_CONTAINER(timer, struct jst_cut, timer);

    cut_calls(cut->u, &cut->plan, true, cut->plan.tunnels != JOIST_TUNNEL_KEEP);
    forget(cut);
}

static int
wait_for_deadline(struct jst_upstreams *u, const struct jst_cut_plan *plan)
{
    struct jst_cut *cut;

    if (u->cuts_n >= JST_DRAINS_MAX) {
        return JOIST_E_LIMIT;
    }
    cut = calloc(1, sizeof(*cut));
    if (cut == NULL || jst_timer_init(u->local->loop, &cut->timer, on_deadline) < 0) {
        free(cut);
        return JOIST_E_NOMEM;
    }
    cut->u = u;
    cut->plan = *plan;
    jst_list_insert(&u->cuts, &cut->link);
    u->cuts_n++;
    jst_timer_set(u->local->loop, &cut->timer, jst_loop_now_ms(u->local->loop) + plan->after_ms);
    return JOIST_OK;
}

int
jst_cut_begin(struct jst_upstreams *u, const struct jst_cut_plan *plan)
{
    uint64_t now = jst_loop_now_ms(u->local->loop);
    int rc = plan->after_ms < JST_NEVER - now ? wait_for_deadline(u, plan) : JOIST_OK;

    if (rc == JOIST_OK && plan->tunnels == JOIST_TUNNEL_CUT) {
        cut_calls(u, plan, false, true);
    }
    return rc;
}

void
jst_cut_forget_all(struct jst_upstreams *u)
{
    JST_LIST_FOREACH (node, &u->cuts) {
        forget(JST_CONTAINER(node, struct jst_cut, link));
    }
}
