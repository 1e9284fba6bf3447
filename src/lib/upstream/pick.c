// SPDX-License-Identifier: MIT
/*
 * Which target takes a call: the one that the strategy chooses among those that the view lists, if
 * it may go there; else any other.
 *
 * Some of those do not fit a call: it has been there, or asks for a tunnel that they cannot make.
 * Each strategy passes them over: the next in turn, the best of the rest, the next on the ring. If
 * none is left that it has not been to, one that it has been to is better than none, unless it says
 * otherwise (call->only_untried).
 *
 * Where targets have a limit, whoever may go has taken a slot. While calls wait for one, nobody
 * takes any here: he would overtake.
 */
#include "upstream/queue.h"
#include "upstream/strategy.h"

static bool
has_address(const struct jst_upool *p, uint32_t i)
{
    return jst_target_addrs(&p->pool->v[i]) != NULL;
}

static uint64_t
now_ms(const struct jst_upool *p)
{
    return jst_loop_now_ms(p->u->local->loop);
}

/* ---- what fits ---- */

bool
jst_ask_was_tried(const struct jst_ask *a, uint32_t i)
{
    const struct jst_call *call = a->call;

    for (uint32_t k = 0; k < call->tried_n; k++) {
        if (call->tried[k] == i) {
            return true;
        }
    }
    return false;
}

/* ---- without a view: equal weights, nothing tracked ---- */

static int
in_plain_turn(const struct jst_ask *a)
{
    struct jst_upool *p = a->p;
    uint32_t n = p->pool->n;

    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = p->next;

        p->next = i + 1 < n ? i + 1 : 0;
        if (has_address(p, i) && jst_ask_fits(a, i)) {
            return (int)i;
        }
    }
    return -1;
}

static int
first_plain(const struct jst_ask *a)
{
    for (uint32_t i = 0; i < a->p->pool->n; i++) {
        if (has_address(a->p, i) && jst_ask_fits(a, i)) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- with one ---- */

static bool
asks_breaker(const struct jst_upool *p, uint32_t i, jst_breaker_ticket *ticket)
{
    const struct jst_tracking *t = p->pool->tracking;

    return t->breaker.error_percent == 0 || jst_breaker_ask(&t->v[i]->breaker, now_ms(p), ticket);
}

/* The slot first: a breaker that was asked wants to hear how it went. */
static bool
may_go_limited(struct jst_ask *a, uint32_t i, jst_breaker_ticket *ticket)
{
    const struct jst_tracking *t = a->p->pool->tracking;

    if (a->look || !jst_slot_take(t->v[i], t->max_inflight)) {
        a->full = true;
        return false;
    }
    if (asks_breaker(a->p, i, ticket)) {
        return true;
    }
    jst_slot_give(t, i, now_ms(a->p));
    return false;
}

static bool
may_go(struct jst_ask *a, uint32_t i, jst_breaker_ticket *ticket)
{
    const struct jst_tracking *t = a->p->pool->tracking;

    *ticket = 0;
    if (!has_address(a->p, i)) {
        return false;
    }
    if (t != NULL && (t->max_inflight > 0 || a->look)) {
        return may_go_limited(a, i, ticket);
    }
    return t == NULL || asks_breaker(a->p, i, ticket);
}

/* The one chosen may not go after all: it is full, or a probe is under way to it. Any other will
 * do. */
static int
any_other(struct jst_ask *a, jst_breaker_ticket *ticket)
{
    struct jst_upool *p = a->p;
    uint32_t n = p->view->n;
    uint32_t start =
        n > 0 && p->pool->strategy != JOIST_STRATEGY_SINGLE ? (uint32_t)jst_strategy_draw(p, n) : 0;

    for (uint32_t k = 0; k < n && !(a->look && a->full); k++) {
        uint32_t i = p->view->list[start + k < n ? start + k : start + k - n].target;

        if (jst_ask_fits(a, i) && may_go(a, i, ticket)) {
            return (int)i;
        }
    }
    return -1;
}

static int
pick_plain(const struct jst_ask *a)
{
    return a->p->pool->strategy == JOIST_STRATEGY_SINGLE ? first_plain(a) : in_plain_turn(a);
}

static int
pick_listed(struct jst_ask *a, jst_breaker_ticket *ticket)
{
    int i = a->p->view->n > 0 && !a->look ? jst_strategy_choose(a) : -1;

    return i >= 0 && may_go(a, (uint32_t)i, ticket) ? i : any_other(a, ticket);
}

static int
pick(struct jst_ask *a, jst_breaker_ticket *ticket)
{
    return a->p->view == NULL ? pick_plain(a) : pick_listed(a, ticket);
}

static int
pick_or_again(struct jst_ask *a, jst_breaker_ticket *ticket)
{
    int i = pick(a, ticket);

    if (i < 0 && a->picky && !a->call->only_untried) {
        a->again = true;
        i = pick(a, ticket);
    }
    return i;
}

static bool
is_waited_for(const struct jst_upool *p)
{
    const struct jst_tracking *t = p->pool->tracking;

    return t != NULL && t->max_inflight > 0 && jst_queue_is_used(jst_queue_of(t->pool));
}

int
jst_upool_pick(struct jst_upool *p, const struct jst_call *call, jst_breaker_ticket *ticket)
{
    struct jst_ask a = {
        .p = p, .call = call, .picky = call != NULL && call->tried_n > 0, .look = is_waited_for(p)};
    int i;

    *ticket = 0;
    if (p->view != NULL) {
        jst_view_refresh(p);
        if (p->view->panic && p->view->n > 0) {
            JST_STAT_ADD(p->u->local, upstream_panics, 1);
        }
    }
    i = pick_or_again(&a, ticket);
    return i < 0 && a.full ? JST_PICK_FULL : i;
}

bool
jst_upool_may_wait(struct jst_upool *p, const struct jst_call *call)
{
    struct jst_ask a = {.p = p, .call = call, .picky = call->tried_n > 0, .look = true};
    jst_breaker_ticket ticket;

    jst_view_refresh(p);
    (void)pick_or_again(&a, &ticket);
    return a.full;
}

bool
jst_upool_confirm(struct jst_upool *p, const struct jst_call *call, uint32_t target,
                  jst_breaker_ticket *ticket)
{
    struct jst_ask a = {
        .p = p, .call = call, .picky = call->tried_n > 0, .again = !call->only_untried};

    *ticket = 0;
    jst_view_refresh(p);
    if (p->view->v[target].weight == 0) { /* whoever gave the slot may have seen more */
        p->view->made = false;
        jst_view_refresh(p);
    }
    return p->view->v[target].weight > 0 && jst_ask_fits(&a, target) &&
           asks_breaker(p, target, ticket);
}

uint32_t
jst_upool_retry_after_s(const struct jst_upool *p)
{
    uint64_t now = now_ms(p);

    if (p->view == NULL) {
        return 0;
    }
    if (p->view->n > 0) { /* all that are listed wait for a probe's end */
        return 1;
    }
    return p->view->retry_ms == JST_NEVER ? 0
           : p->view->retry_ms <= now     ? 1
                                          : (uint32_t)((p->view->retry_ms - now + 999) / 1000);
}
