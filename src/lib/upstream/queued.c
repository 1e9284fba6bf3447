// SPDX-License-Identifier: MIT
/*
 * A reactor's calls that wait for a target: what they are given by mail (queue.c), when their time
 * is over, when their caller leaves.
 *
 *   waits in line  -> mail: a slot -> confirmed here: it goes; else it stands where it stood
 *                  -> its time is over, its pool is stopped, no target is left: it fails
 *                  -> its caller leaves: freed
 *   mail under way -> its caller leaves: the mail gives the slot to the next
 *
 * A slot that becomes free finds its call by itself. That a target has come back, or has an
 * address, or may be used again because too few are left, is looked for every JST_QUEUE_LOOK_MS.
 */
#include "base/bounds.h"
#include "upstream/live.h"
#include "upstream/queue.h"

#include <stdlib.h>

/* What it was given it could not use so often: then it waits for the next look. */
#define REFUSALS_MAX 3u

static struct jst_waiter *
waiter_at(struct jst_list *node)
{
    return JST_CONTAINER(node, struct jst_waiter, here);
}

static uint64_t
now_of(const struct jst_upstreams *u)
{
    return jst_loop_now_ms(u->local->loop);
}

static struct jst_queue *
queue_of(const struct jst_waiter *w)
{
    return jst_queue_of(w->pool->tracking->pool);
}

static void
free_waiter(struct jst_waiter *w)
{
    jst_pool_unref(&w->pool);
    free(w);
}

/* The call waits no more. */
static void
part(struct jst_waiter *w)
{
    struct jst_call *call = w->call;

    JST_STAT_SUB(call->upool->u->local, upstream_queued, 1);
    jst_list_remove(&w->here);
    w->call = NULL;
    call->waiter = NULL;
}

/* ---- failing ---- */

void
jst_queued_refuse(struct jst_call *call)
{
    jst_call_refuse(call, JOIST_E_UNAVAILABLE, "the upstream is stopped");
}

static void
fail_busy(struct jst_call *call)
{
    JST_STAT_ADD(call->upool->u->local, upstream_queue_full, 1);
    call->retry_after_s = 1;
    jst_call_refuse(call, JOIST_E_BUSY, NULL);
}

static void
fail_expired(struct jst_call *call, bool paused)
{
    JST_STAT_ADD(call->upool->u->local, upstream_queue_timeout, 1);
    jst_call_refuse(call, JOIST_E_EXPIRED,
                    paused ? "waited too long: the upstream is paused"
                           : "waited too long: all targets were at max_inflight");
}

/* ---- what it was given ---- */

static bool
is_slot(uint32_t target)
{
    return target < JST_GRANT_NONE;
}

/* Its caller is gone, or it cannot use it: whoever comes next may. */
static void
give_back(const struct jst_waiter *w, uint64_t now_ms)
{
    if (is_slot(w->target)) {
        jst_slot_give(w->pool->tracking, w->target, now_ms);
    }
}

static void
go_on(struct jst_call *call, uint32_t target, bool confirmed, jst_breaker_ticket ticket)
{
    if (target == JST_GRANT_NONE) {
        jst_queued_refuse(call);
    } else if (confirmed) {
        jst_call_go(call, target, ticket);
    } else {
        jst_call_admit(call);
    }
}

/* Frees it. */
static void
use(struct jst_call *call, struct jst_waiter *w)
{
    jst_breaker_ticket ticket = 0;
    uint32_t target = w->target;
    bool confirmed = is_slot(target) && call->upool->pool == w->pool &&
                     jst_upool_confirm(call->upool, call, target, &ticket);

    if (!confirmed) {
        give_back(w, now_of(call->upool->u));
        call->queue_seq = w->seq;
        call->queue_since_ms = w->since_ms;
        if (is_slot(target) && call->queue_refusals < REFUSALS_MAX) {
            call->queue_refusals++;
        }
    }
    free_waiter(w);
    go_on(call, target, confirmed, ticket);
}

static void
deliver(struct jst_mail *m, struct jst_loop *l)
{
    struct jst_waiter *w = JST_CONTAINER(m, struct jst_waiter, mail);
    struct jst_call *call = w->call;

    JST_ASSERT(l != NULL || call == NULL);
    if (call == NULL) {
        give_back(w, jst_loop_now_ms(w->loop));
        free_waiter(w);
        return;
    }
    part(w);
    jst_hold_stop(call);
    use(call, w);
}

/* ---- leaving ---- */

/* False: mail is on its way, which frees it. */
static bool
step_out(struct jst_waiter *w)
{
    return jst_queue_leave(queue_of(w), w);
}

static void
forget(struct jst_call *call)
{
    struct jst_waiter *w = call->waiter;

    part(w);
    if (step_out(w)) {
        free_waiter(w);
    }
}

/* It is in no line, and no mail is on its way. */
static struct jst_call *
take_out(struct jst_waiter *w)
{
    struct jst_call *call = w->call;

    part(w);
    free_waiter(w);
    jst_hold_stop(call);
    jst_chain_clear(&call->held);
    return call;
}

/* ---- time ---- */

static uint64_t
after(uint64_t from_ms, uint64_t ms)
{
    return ms > 0 ? from_ms + ms : JST_NEVER;
}

/* While the pool is paused only that counts. */
static bool
is_over(const struct jst_waiter *w, uint64_t now_ms, bool *paused)
{
    const struct jst_queue *q = queue_of(w);
    uint64_t since = w->since_ms;

    *paused = jst_queue_state(q) == JST_QUEUE_PAUSED;
    if (*paused) {
        since = JST_MAX(since, __atomic_load_n(&q->paused_ms, __ATOMIC_RELAXED));
        return now_ms >= after(since, __atomic_load_n(&q->pause_ms, __ATOMIC_RELAXED));
    }
    since = JST_MAX(since, __atomic_load_n(&q->resumed_ms, __ATOMIC_RELAXED));
    return now_ms >= after(since, w->pool->tracking->queue_ms);
}

/* ---- looking ---- */

/* The pool's targets are others now. With mail on its way, use() sees that it is of the old one. */
static void
follow(struct jst_waiter *w, uint64_t now_ms)
{
    jst_call_follow(w->call);
    if (JST_UNLIKELY(w->call->upool->pool != w->pool)) {
        (void)jst_queue_move(queue_of(w), w, w->call->upool->pool, now_ms);
    }
}

/* No target is left. Of a pool this is looked at once, and for all who wait for it. */
static bool
is_in_vain(struct jst_waiter *w, uint64_t now_ms)
{
    struct jst_upool *p = w->call->upool;

    if (w->except_n > 0) {
        return !jst_upool_may_wait(p, w->call);
    }
    if (p->looked_ms != now_ms) {
        p->looked_ms = now_ms;
        p->in_vain = !jst_upool_may_wait(p, w->call);
        jst_queue_look(queue_of(w), p->pool, now_ms);
    }
    return p->in_vain;
}

static void
look(struct jst_waiter *w, uint64_t now_ms)
{
    bool paused;

    if (is_over(w, now_ms, &paused)) {
        if (step_out(w)) {
            fail_expired(take_out(w), paused);
        }
        return;
    }
    follow(w, now_ms);
    if (!paused && is_in_vain(w, now_ms) && step_out(w)) {
        jst_call_refuse(take_out(w), JOIST_E_UNAVAILABLE, NULL);
    }
}

static void
on_timer(struct jst_timer *t)
{
    struct jst_upstreams *u = JST_CONTAINER(t, struct jst_upstreams, queued_timer);
    uint64_t now_ms = now_of(u);

    JST_LIST_FOREACH (node, &u->queued) {
        look(waiter_at(node), now_ms);
    }
    if (!jst_list_is_empty(&u->queued)) {
        jst_timer_set(u->local->loop, t, now_ms + JST_QUEUE_LOOK_MS);
    }
}

void
jst_upstreams_look(struct jst_upstreams *u)
{
    if (!jst_list_is_empty(&u->queued)) {
        jst_timer_set(u->local->loop, &u->queued_timer, now_of(u));
    }
}

/* ---- entering ---- */

static struct jst_waiter *
make(struct jst_call *call, uint64_t now_ms)
{
    struct jst_upool *p = call->upool;
    struct jst_waiter *w = calloc(1, sizeof(*w));

    if (w == NULL) {
        return NULL;
    }
    jst_list_init(&w->link);
    jst_list_init(&w->here);
    w->mail.deliver = deliver;
    w->loop = p->u->local->loop;
    w->pool = jst_pool_ref(p->pool);
    w->seq = call->queue_seq;
    w->since_ms = call->queue_seq != 0 ? call->queue_since_ms : now_ms;
    for (uint32_t i = 0; call->only_untried && i < call->tried_n; i++) {
        w->except[w->except_n++] = p->pool->tracking->v[call->tried[i]];
    }
    return w;
}

static void
wait(struct jst_call *call, struct jst_waiter *w, uint64_t now_ms)
{
    struct jst_upstreams *u = call->upool->u;

    w->call = call;
    call->waiter = w;
    jst_hold_begin(call, forget);
    if (jst_list_is_empty(&u->queued)) {
        jst_timer_set(u->local->loop, &u->queued_timer, now_ms + JST_QUEUE_LOOK_MS);
    }
    jst_list_insert(&u->queued, &w->here);
    JST_STAT_ADD(u->local, upstream_queued, 1);
}

void
jst_queued_add(struct jst_call *call)
{
    const struct jst_tracking *t = call->upool->pool->tracking;
    uint64_t now_ms = now_of(call->upool->u);
    struct jst_waiter *w;
    int rc;

    if (call->upool->u->closing) {
        jst_call_fail_later(call, JOIST_E_UNAVAILABLE);
        return;
    }
    w = make(call, now_ms);
    if (w == NULL) {
        jst_call_fail_later(call, JOIST_E_NOMEM);
        return;
    }
    rc = jst_queue_enter(jst_queue_of(t->pool), w, t->queue_max,
                         call->queue_refusals < REFUSALS_MAX, now_ms);
    if (rc == 0) {
        wait(call, w, now_ms);
        return;
    }
    if (rc > 0) {
        use(call, w);
        return;
    }
    free_waiter(w);
    if (rc == JOIST_E_BUSY) {
        fail_busy(call);
    } else {
        jst_call_fail_later(call, rc);
    }
}

/* ---- life ---- */

int
jst_queued_init(struct jst_upstreams *u)
{
    jst_list_init(&u->queued);
    return jst_timer_init(u->local->loop, &u->queued_timer, on_timer);
}

void
jst_queued_fini(struct jst_upstreams *u)
{
    JST_ASSERT(jst_list_is_empty(&u->queued));
    jst_timer_fini(u->local->loop, &u->queued_timer);
}

void
jst_queued_fail_all(struct jst_upstreams *u, int why)
{
    while (!jst_list_is_empty(&u->queued)) {
        struct jst_call *call = waiter_at(u->queued.next)->call;

        forget(call);
        jst_hold_stop(call);
        jst_chain_clear(&call->held);
        jst_call_refuse(call, why, NULL);
    }
}
