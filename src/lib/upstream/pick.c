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

static bool
was_tried(const struct jst_call *call, uint32_t i)
{
    for (uint32_t k = 0; k < call->tried_n; k++) {
        if (call->tried[k] == i) {
            return true;
        }
    }
    return false;
}

/* HTTP/1.1 switches to anything, and https may always speak that on a connection of its own. HTTP/2
 * alone takes WebSockets by extended CONNECT (RFC 8441), unless it has said that it does not. */
static bool
can_switch(const struct jst_ask *a, uint32_t i)
{
    return !a->p->pool->v[i].h2c ||
           (!a->p->v[i].live->upgrade_h1 && jst_call_is_websocket(a->call));
}

bool
jst_ask_takes(const struct jst_ask *a, uint32_t i)
{
    return (a->again || !was_tried(a->call, i)) && (!a->call->upgrade || can_switch(a, i));
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

/* Any that fits, but rather one that it has not been to. */
static int
pick_any(struct jst_ask *a, jst_breaker_ticket *ticket)
{
    int i = pick(a, ticket);

    if (i < 0 && a->picky && a->call->tried_n > 0 && !a->call->only_untried) {
        a->again = true;
        i = pick(a, ticket);
    }
    return i;
}

/* ---- for one client ---- */

/* In order, though it may take nothing new? */
static bool
takes_bound(const struct jst_upool *p, uint32_t i)
{
    const struct jst_tstate *state = p->pool->tracking->v[i];

    return p->view->v[i].weight > 0 ||
           (!jst_tstate_takes_new(state) && jst_tstate_takes_bound(state, now_ms(p)) &&
            !jst_tstate_is_out(state, now_ms(p)));
}

/* Where its client was before; else another, to which it goes from now on. One that this call has
 * been to keeps its client until another has answered; one that cannot make the tunnel keeps it. */
static int
pick_bound(struct jst_ask *a, struct jst_call *call, jst_breaker_ticket *ticket)
{
    int bound = jst_sticky_find(a->p, call);
    bool passed = bound >= 0 && !jst_ask_fits(a, (uint32_t)bound);
    int i;

    if (bound >= 0 && !passed && takes_bound(a->p, (uint32_t)bound) &&
        may_go(a, (uint32_t)bound, ticket)) {
        return bound;
    }
    if (passed && !was_tried(call, (uint32_t)bound)) {
        call->bond.stays = true;
    }
    i = pick_any(a, ticket);
    if (i >= 0 && !passed) {
        jst_sticky_bind(a->p, call, (uint32_t)i);
    }
    return i;
}

static bool
is_waited_for(const struct jst_upool *p)
{
    const struct jst_tracking *t = p->pool->tracking;

    return t != NULL && t->max_inflight > 0 && jst_queue_is_used(jst_queue_of(t->pool));
}

static bool
is_picky(const struct jst_call *call)
{
    return call != NULL && (call->tried_n > 0 || call->upgrade);
}

int
jst_upool_pick(struct jst_upool *p, struct jst_call *call, jst_breaker_ticket *ticket)
{
    struct jst_ask a = {.p = p, .call = call, .picky = is_picky(call), .look = is_waited_for(p)};
    int i;

    *ticket = 0;
    if (p->view != NULL) {
        jst_view_refresh(p);
        if (p->view->panic && p->view->n > 0) {
            JST_STAT_ADD(p->u->local, upstream_panics, 1);
        }
    }
    if (call != NULL && p->pool->tracking != NULL && p->pool->tracking->sticky != NULL) {
        i = pick_bound(&a, call, ticket);
    } else {
        i = pick_any(&a, ticket);
    }
    return i < 0 && a.full ? JST_PICK_FULL : i;
}

bool
jst_upool_may_wait(struct jst_upool *p, const struct jst_call *call)
{
    struct jst_ask a = {.p = p, .call = call, .picky = is_picky(call), .look = true};
    jst_breaker_ticket ticket;

    jst_view_refresh(p);
    (void)pick_any(&a, &ticket);
    return a.full;
}

bool
jst_upool_confirm(struct jst_upool *p, const struct jst_call *call, uint32_t target,
                  jst_breaker_ticket *ticket)
{
    struct jst_ask a = {
        .p = p, .call = call, .picky = is_picky(call), .again = !call->only_untried};

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
