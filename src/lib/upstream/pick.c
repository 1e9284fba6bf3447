// SPDX-License-Identifier: MIT
/*
 * Which target takes a call. Each strategy chooses among those that the view lists.
 *
 *   strategy       cost          how
 *   single         constant      the first
 *   round_robin    constant      equal weights: one after the other
 *                  log(targets)  others: the one whose turn is due, in a heap. A turn comes after
 *                                1/weight, so a heavy target's are spread between the others'
 *   random         log(targets)  a number below the sum of weights, searched in the sums
 *   least_conn     constant      the least in flight for its weight: exact among up to EXACT_MAX
 *                                targets, else the best of SAMPLES by chance; ties by turn
 *   least_latency  constant      the better of two by chance: time to first byte x (in flight + 1)
 *   hash           constant      see hash_ring.h; with a bound on what one may have in flight
 */
#include "upstream/hash_key.h"
#include "upstream/live.h"

#define EXACT_MAX 16u
#define SAMPLES   5u
/* Faster than this is as fast: what differs below is noise. It is also what a target is taken for
 * that was not tried yet, so that it is. */
#define LATENCY_FLOOR_US 100u
/* Of its share of all in flight, in quarters (the bounded loads of Mirrokni, Thorup, Zadimoghaddam:
 * 1.25). */
#define BOUND_QUARTERS 5u
#define RING_STEPS_MAX 256u

static uint64_t
draw(struct jst_upool *p, uint64_t below)
{
    return (uint64_t)(((unsigned __int128)jst_rand_next(&p->u->local->rand) * below) >> 64);
}

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

/* ---- in turn ---- */

static void
take_turn(struct jst_view *view, struct jst_view_entry *e)
{
    if ((int64_t)(e->turn - view->turn) > 0) {
        view->turn = e->turn;
    }
    e->turn = view->turn + jst_view_stride(e->weight);
}

static uint32_t
in_turn(struct jst_view *view)
{
    uint32_t target;

    if (view->even) {
        target = view->list[view->next].target;
        view->next = view->next + 1 < view->n ? view->next + 1 : 0;
        return target;
    }
    target = view->list[0].target;
    take_turn(view, &view->list[0]);
    jst_view_sift(view, 0);
    return target;
}

/* Without a view: equal weights, nothing tracked. */
static int
in_plain_turn(struct jst_upool *p)
{
    uint32_t n = p->pool->n;

    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = p->next;

        p->next = i + 1 < n ? i + 1 : 0;
        if (has_address(p, i)) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- by chance ---- */

static uint32_t
at_random(struct jst_upool *p)
{
    const struct jst_view_entry *list = p->view->list;
    uint32_t n = p->view->n;
    uint32_t low = 0;
    uint64_t x;

    if (p->view->even) {
        return list[draw(p, n)].target;
    }
    x = draw(p, list[n - 1].sum);
    while (n > 1) { /* the first whose sum is above x is in [low, low + n) */
        uint32_t half = n / 2;

        low = list[low + half - 1].sum <= x ? low + half : low;
        n -= half;
    }
    return list[low].target;
}

/* ---- least in flight ---- */

static bool
has_less(const struct jst_upool *p, const struct jst_view_entry *a, const struct jst_view_entry *b)
{
    const struct jst_tracking *t = p->pool->tracking;
    uint64_t of_a = (uint64_t)jst_tstate_inflight(t->v[a->target]) * b->weight;
    uint64_t of_b = (uint64_t)jst_tstate_inflight(t->v[b->target]) * a->weight;

    return of_a != of_b ? of_a < of_b : (int64_t)(a->turn - b->turn) < 0;
}

static uint32_t
least_conn(struct jst_upool *p)
{
    struct jst_view *view = p->view;
    struct jst_view_entry *sample[SAMPLES];
    struct jst_view_entry *best = &view->list[0];

    if (view->n <= EXACT_MAX) {
        for (uint32_t i = 1; i < view->n; i++) {
            best = has_less(p, &view->list[i], best) ? &view->list[i] : best;
        }
    } else {
        for (size_t i = 0; i < SAMPLES; i++) { /* first ask the memory for all of them */
            sample[i] = &view->list[draw(p, view->n)];
            __builtin_prefetch(&p->pool->tracking->v[sample[i]->target]->inflight);
        }
        best = sample[0];
        for (size_t i = 1; i < SAMPLES; i++) {
            best = has_less(p, sample[i], best) ? sample[i] : best;
        }
    }
    take_turn(view, best);
    return best->target;
}

/* ---- least latency ---- */

static double
cost(const struct jst_upool *p, const struct jst_view_entry *e)
{
    const struct jst_tstate *state = p->pool->tracking->v[e->target];
    uint32_t us = jst_tstate_latency_us(state, now_ms(p));

    return (double)JST_MAX(us, LATENCY_FLOOR_US) * ((double)jst_tstate_inflight(state) + 1) /
           e->weight;
}

static uint32_t
least_latency(struct jst_upool *p)
{
    const struct jst_view *view = p->view;
    uint32_t first = (uint32_t)draw(p, view->n);
    uint32_t second;

    if (view->n == 1) {
        return view->list[0].target;
    }
    second = (uint32_t)draw(p, view->n - 1);
    second += second >= first;
    return view->list[cost(p, &view->list[second]) < cost(p, &view->list[first]) ? second : first]
        .target;
}

/* ---- hash ---- */

static bool
is_below_bound(const struct jst_view *view, uint32_t i)
{
    const struct jst_view_target *t = &view->v[i];

    return (uint64_t)t->inflight * 4 * view->list[view->n - 1].sum <
           (uint64_t)BOUND_QUARTERS * (view->inflight + 1) * t->weight;
}

static uint32_t
by_hash(struct jst_upool *p, const struct jst_call *call)
{
    const struct jst_tracking *t = p->pool->tracking;
    const struct jst_view *view = p->view;
    uint64_t hash = jst_hash(jst_hash_key(call, t->hash_by, jst_slice_z(t->hash_name)), 0);
    uint32_t point = jst_hash_ring_find(t->ring, hash);
    uint32_t first = UINT32_MAX; /* the first that is listed: should all be at their bound */

    for (uint32_t k = 0; k < RING_STEPS_MAX; k++) {
        uint32_t i = jst_hash_ring_target(t->ring, point);

        if (view->v[i].weight > 0) {
            if (is_below_bound(view, i)) {
                return i;
            }
            first = first == UINT32_MAX ? i : first;
        }
        point = jst_hash_ring_next(t->ring, point);
    }
    return first != UINT32_MAX ? first : view->list[hash % view->n].target;
}

/* ---- all of them ---- */

static uint32_t
choose(struct jst_upool *p, const struct jst_call *call)
{
    switch (p->pool->strategy) {
    case JOIST_STRATEGY_SINGLE:
        return p->view->list[0].target;
    case JOIST_STRATEGY_ROUND_ROBIN:
        return in_turn(p->view);
    case JOIST_STRATEGY_LEAST_CONN:
        return least_conn(p);
    case JOIST_STRATEGY_LEAST_LATENCY:
        return least_latency(p);
    case JOIST_STRATEGY_HASH:
        return by_hash(p, call);
    case JOIST_STRATEGY_RANDOM:
        return at_random(p);
    }
    JST_UNREACHABLE();
}

static bool
may_go(struct jst_upool *p, uint32_t i, jst_breaker_ticket *ticket)
{
    const struct jst_tracking *t = p->pool->tracking;

    *ticket = 0;
    return has_address(p, i) && (t == NULL || t->breaker.error_percent == 0 ||
                                 jst_breaker_ask(&t->v[i]->breaker, now_ms(p), ticket));
}

/* The one chosen may not go after all: a probe is under way to it. Any other will do. */
static int
any_other(struct jst_upool *p, jst_breaker_ticket *ticket)
{
    uint32_t n = p->view->n;
    uint32_t start = n > 0 && p->pool->strategy != JOIST_STRATEGY_SINGLE ? (uint32_t)draw(p, n) : 0;

    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = p->view->list[start + k < n ? start + k : start + k - n].target;

        if (may_go(p, i, ticket)) {
            return (int)i;
        }
        if (p->pool->strategy == JOIST_STRATEGY_SINGLE) {
            return -1;
        }
    }
    return -1;
}

int
jst_upool_pick(struct jst_upool *p, const struct jst_call *call, jst_breaker_ticket *ticket)
{
    uint32_t i;

    *ticket = 0;
    if (p->pool->n == 0) {
        return -1;
    }
    if (p->view == NULL) {
        return p->pool->strategy != JOIST_STRATEGY_SINGLE ? in_plain_turn(p)
               : has_address(p, 0)                        ? 0
                                                          : -1;
    }
    jst_view_refresh(p);
    if (p->view->n == 0 ||
        (p->pool->strategy == JOIST_STRATEGY_SINGLE && p->view->v[0].weight == 0)) {
        return -1;
    }
    if (p->view->panic) {
        JST_STAT_ADD(p->u->local, upstream_panics, 1);
    }
    i = choose(p, call);
    return may_go(p, i, ticket) ? (int)i : any_other(p, ticket);
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
