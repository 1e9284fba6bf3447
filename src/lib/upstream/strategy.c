// SPDX-License-Identifier: MIT
/*
 * Each strategy chooses a target among those that the view lists.
 *
 *   strategy       cost          how
 *   single         constant      the first in order; the others stand by, in order
 *   round_robin    constant      equal weights: one after the other
 *                  log(targets)  others: the one whose turn is due, in a heap. A turn comes after
 *                                1/weight, so a heavy target's are spread between the others'
 *   random         log(targets)  a number below the sum of weights, searched in the sums
 *   least_conn     constant      the least in flight for its weight: exact among up to EXACT_MAX
 *                                targets, else the best of SAMPLES by chance; ties by turn
 *   least_latency  constant      the better of two by chance: time to first byte x (in flight + 1)
 *   hash           constant      see hash_ring.h; with a bound on what one may have in flight
 */
#include "upstream/strategy.h"
#include "upstream/hash_key.h"

#define EXACT_MAX 16u
#define SAMPLES   5u
/* Faster than this is as fast: what differs below is noise. It is also what a target is taken for
 * that was not tried yet, so that it is. */
#define LATENCY_FLOOR_US 100u
/* Of its share of all in flight, in quarters (the bounded loads of Mirrokni, Thorup, Zadimoghaddam:
 * 1.25). */
#define BOUND_QUARTERS 5u
#define RING_STEPS_MAX 256u

/* So many turns, or draws, come to one that does not fit before any will do. */
#define PASSES_MAX 16u

uint64_t
jst_strategy_draw(struct jst_upool *p, uint64_t below)
{
    return (uint64_t)(((unsigned __int128)jst_rand_next(&p->u->local->rand) * below) >> 64);
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
next_turn(struct jst_view *view)
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

static int
in_turn(const struct jst_ask *a)
{
    for (uint32_t k = 0; k < PASSES_MAX; k++) {
        uint32_t i = next_turn(a->p->view);

        if (jst_ask_fits(a, i)) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- in order ---- */

static int
first_listed(const struct jst_ask *a)
{
    const struct jst_view *view = a->p->view;

    for (uint32_t k = 0; k < view->n; k++) {
        if (jst_ask_fits(a, view->list[k].target)) {
            return (int)view->list[k].target;
        }
    }
    return -1;
}

/* ---- by chance ---- */

static uint32_t
draw_target(struct jst_upool *p)
{
    const struct jst_view_entry *list = p->view->list;
    uint32_t n = p->view->n;
    uint32_t low = 0;
    uint64_t x;

    if (p->view->even) {
        return list[jst_strategy_draw(p, n)].target;
    }
    x = jst_strategy_draw(p, list[n - 1].sum);
    while (n > 1) { /* the first whose sum is above x is in [low, low + n) */
        uint32_t half = n / 2;

        low = list[low + half - 1].sum <= x ? low + half : low;
        n -= half;
    }
    return list[low].target;
}

static int
at_random(const struct jst_ask *a)
{
    for (uint32_t k = 0; k < PASSES_MAX; k++) {
        uint32_t i = draw_target(a->p);

        if (jst_ask_fits(a, i)) {
            return (int)i;
        }
    }
    return -1;
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

/* The better one that fits; either may be NULL. */
static struct jst_view_entry *
less_loaded(const struct jst_ask *a, struct jst_view_entry *e, struct jst_view_entry *best)
{
    if (!jst_ask_fits(a, e->target)) {
        return best;
    }
    return best == NULL || has_less(a->p, e, best) ? e : best;
}

static int
least_conn(const struct jst_ask *a)
{
    struct jst_upool *p = a->p;
    struct jst_view *view = p->view;
    struct jst_view_entry *sample[SAMPLES];
    struct jst_view_entry *best = NULL;

    if (view->n <= EXACT_MAX) {
        for (uint32_t i = 0; i < view->n; i++) {
            best = less_loaded(a, &view->list[i], best);
        }
    } else {
        for (size_t i = 0; i < SAMPLES; i++) { /* first ask the memory for all of them */
            sample[i] = &view->list[jst_strategy_draw(p, view->n)];
            __builtin_prefetch(&p->pool->tracking->v[sample[i]->target]->inflight);
        }
        for (size_t i = 0; i < SAMPLES; i++) {
            best = less_loaded(a, sample[i], best);
        }
    }
    if (best == NULL) {
        return -1;
    }
    take_turn(view, best);
    return (int)best->target;
}

/* ---- least latency ---- */

static double
cost(const struct jst_upool *p, const struct jst_view_entry *e)
{
    const struct jst_tstate *state = p->pool->tracking->v[e->target];
    uint32_t us = jst_tstate_latency_us(state, jst_loop_now_ms(p->u->local->loop));

    return (double)JST_MAX(us, LATENCY_FLOOR_US) * ((double)jst_tstate_inflight(state) + 1) /
           e->weight;
}

static int
least_latency(const struct jst_ask *a)
{
    struct jst_upool *p = a->p;
    const struct jst_view_entry *list = p->view->list;
    const struct jst_view_entry *first = &list[jst_strategy_draw(p, p->view->n)];
    const struct jst_view_entry *second = first;

    if (p->view->n > 1) {
        second = &list[jst_strategy_draw(p, p->view->n - 1)];
        second += second >= first;
    }
    if (!jst_ask_fits(a, first->target) || !jst_ask_fits(a, second->target)) {
        first = jst_ask_fits(a, second->target) ? second : first;
        return jst_ask_fits(a, first->target) ? (int)first->target : -1;
    }
    return (int)(cost(p, second) < cost(p, first) ? second : first)->target;
}

/* ---- hash ---- */

static bool
is_below_bound(const struct jst_view *view, uint32_t i)
{
    const struct jst_view_target *t = &view->v[i];

    return (uint64_t)t->inflight * 4 * view->list[view->n - 1].sum <
           (uint64_t)BOUND_QUARTERS * (view->inflight + 1) * t->weight;
}

static int
by_hash(const struct jst_ask *a)
{
    const struct jst_tracking *t = a->p->pool->tracking;
    const struct jst_view *view = a->p->view;
    uint64_t hash = jst_hash(jst_hash_key(a->call, t->hash_by, jst_slice_z(t->hash_name)), 0);
    uint32_t point = jst_hash_ring_find(t->ring, hash);
    int first = -1; /* the first that is listed: should all be at their bound */

    for (uint32_t k = 0; k < RING_STEPS_MAX; k++) {
        uint32_t i = jst_hash_ring_target(t->ring, point);

        if (view->v[i].weight > 0 && jst_ask_fits(a, i)) {
            if (is_below_bound(view, i)) {
                return (int)i;
            }
            first = first < 0 ? (int)i : first;
        }
        point = jst_hash_ring_next(t->ring, point);
    }
    if (first < 0) {
        first = (int)view->list[hash % view->n].target;
    }
    return jst_ask_fits(a, (uint32_t)first) ? first : -1;
}

/* ---- all of them ---- */

int
jst_strategy_choose(const struct jst_ask *a)
{
    switch (a->p->pool->strategy) {
    case JOIST_STRATEGY_SINGLE:
        return first_listed(a);
    case JOIST_STRATEGY_ROUND_ROBIN:
        return in_turn(a);
    case JOIST_STRATEGY_LEAST_CONN:
        return least_conn(a);
    case JOIST_STRATEGY_LEAST_LATENCY:
        return least_latency(a);
    case JOIST_STRATEGY_HASH:
        return by_hash(a);
    case JOIST_STRATEGY_RANDOM:
        return at_random(a);
    }
    JST_UNREACHABLE();
}
