// SPDX-License-Identifier: MIT
#include "upstream/view.h"

#include "upstream/live.h"

#include <stdlib.h>

/* A target without an address may get one at any time: nobody tells. */
#define LOOK_AGAIN_MS 250u
/* Steps of a slow start, each at least so long. */
#define SLOW_STEPS       16u
#define SLOW_STEP_MS_MIN 10u

struct jst_view *
jst_view_create(uint32_t targets)
{
    struct jst_view *view = calloc(1, sizeof(*view) + targets * sizeof(view->list[0]));

    if (view == NULL) {
        return NULL;
    }
    view->v = calloc(JST_MAX(targets, 1u), sizeof(*view->v));
    if (view->v == NULL) {
        free(view);
        return NULL;
    }
    return view;
}

void
jst_view_destroy(struct jst_view **take)
{
    if (*take != NULL) {
        free((*take)->v);
    }
    free(*take);
    *take = NULL;
}

/* A turn is in the list while the target is listed. */
void
jst_view_inherit(struct jst_view *view, uint32_t i, const struct jst_view *from, uint32_t was)
{
    view->v[i].has_turn = from->v[was].has_turn;
    view->v[i].turn = from->v[was].turn;
}

/* ---- who may be picked ---- */

/* Its time is over: one reactor says so. */
static void
bring_back(const struct jst_upool *p, uint32_t i, uint64_t now_ms)
{
    struct jst_tstate *state = p->pool->tracking->v[i];
    uint64_t until = __atomic_load_n(&state->ejected_until_ms, __ATOMIC_ACQUIRE);

    if (until == 0 || until > now_ms ||
        !__atomic_compare_exchange_n(&state->ejected_until_ms, &until, 0, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        return;
    }
    __atomic_store_n(&state->failures, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&state->since_ms, now_ms, __ATOMIC_RELAXED);
    jst_states_changed(p->pool->tracking->states);
    JST_LOG(p->u->local->log, INFO, UPSTREAM_RETURNED, "upstream=%s target=%.*s",
            p->pool->tracking->name, JST_PRI(p->pool->v[i].label));
}

/* Told to take nothing new: it is not broken, so it neither calls a panic nor helps in one. */
static bool
is_set_apart(const struct jst_upool *p, uint32_t i)
{
    const struct jst_tracking *t = p->pool->tracking;

    return t != NULL && !jst_tstate_takes_new(t->v[i]);
}

static void
look_at(struct jst_upool *p, uint32_t i, uint64_t now_ms, uint32_t *addressed, uint32_t *in_order)
{
    const struct jst_tracking *t = p->pool->tracking;
    struct jst_view *view = p->view;
    bool has_address = jst_target_addrs(&p->pool->v[i]) != NULL;
    bool apart = is_set_apart(p, i);
    bool out = false;

    if (t != NULL) {
        uint64_t until;

        bring_back(p, i, now_ms);
        out = jst_tstate_is_out(t->v[i], now_ms);
        until = __atomic_load_n(&t->v[i]->ejected_until_ms, __ATOMIC_ACQUIRE);
        if (until > now_ms) {
            view->until_ms = JST_MIN(view->until_ms, until);
            view->retry_ms = JST_MIN(view->retry_ms, until);
        }
    }
    if (!has_address) {
        view->until_ms = JST_MIN(view->until_ms, now_ms + LOOK_AGAIN_MS);
    }
    *addressed += has_address && !apart;
    *in_order += has_address && !apart && !out;
    view->v[i].weight = has_address && !apart && !out;
}

/* Is the breaker in the way? It is asked again when the target is picked. */
static bool
is_cut_off(struct jst_upool *p, uint32_t i, uint64_t now_ms)
{
    const struct jst_tracking *t = p->pool->tracking;
    uint64_t until;

    if (t == NULL || t->breaker.error_percent == 0 ||
        jst_breaker_allows(&t->v[i]->breaker, now_ms)) {
        return false;
    }
    until = jst_breaker_open_until(&t->v[i]->breaker);
    if (until == 0) { /* a probe is under way: the one picked is asked */
        return false;
    }
    p->view->until_ms = JST_MIN(p->view->until_ms, until);
    p->view->retry_ms = JST_MIN(p->view->retry_ms, until);
    return true;
}

static uint32_t
weight_of(struct jst_upool *p, uint32_t i, uint64_t now_ms)
{
    const struct jst_tracking *t = p->pool->tracking;
    uint32_t full = p->pool->v[i].weight * JST_WEIGHT_PARTS;
    uint64_t since, age;

    if (t != NULL) {
        full = jst_tstate_weight(t->v[i], p->pool->v[i].weight) * JST_WEIGHT_PARTS;
    }
    if (t == NULL || t->slow_start_ms == 0) {
        return full;
    }
    since = __atomic_load_n(&t->v[i]->since_ms, __ATOMIC_RELAXED);
    age = now_ms > since ? now_ms - since : 0; /* another reactor's clock may be ahead */
    if (age >= t->slow_start_ms) {
        return full;
    }
    p->view->until_ms = JST_MIN(p->view->until_ms, now_ms + JST_MAX(t->slow_start_ms / SLOW_STEPS,
                                                                    (uint64_t)SLOW_STEP_MS_MIN));
    return (uint32_t)JST_MAX((uint64_t)full * age / t->slow_start_ms, full / JST_WEIGHT_PARTS);
}

/* ---- panic ---- */

static void
tell_panic(struct jst_upool *p, bool panic, uint32_t in_order, uint32_t addressed)
{
    struct jst_tracking *t = p->pool->tracking;

    p->view->panic = panic;
    if (t == NULL || __atomic_load_n(&t->panicking, __ATOMIC_RELAXED) == panic ||
        __atomic_exchange_n(&t->panicking, panic, __ATOMIC_ACQ_REL) == panic) {
        return;
    }
    if (panic) {
        JST_LOG(p->u->local->log, WARN, UPSTREAM_PANIC, "upstream=%s usable=%u of=%u panic=%u%%",
                t->name, in_order, addressed, t->panic_percent);
    } else {
        JST_LOG(p->u->local->log, INFO, UPSTREAM_PANIC_OVER, "upstream=%s usable=%u of=%u", t->name,
                in_order, addressed);
    }
}

/* ---- the list ---- */

/* Its turn goes on where it was; who is new, or was away for long, starts now. */
static uint64_t
turn_of(struct jst_upool *p, uint32_t i, uint32_t weight)
{
    struct jst_view_target *v = &p->view->v[i];
    uint32_t stride = jst_view_stride(weight);
    int64_t ahead = (int64_t)(v->turn - p->view->turn);

    if (!v->has_turn || ahead < 0 || ahead > (int64_t)stride) {
        v->has_turn = true;
        v->turn = p->view->turn + jst_rand_next(&p->u->local->rand) % stride;
    }
    return v->turn;
}

static bool
is_before(const struct jst_view_entry *a, const struct jst_view_entry *b)
{
    return a->turn != b->turn ? (int64_t)(a->turn - b->turn) < 0 : a->target < b->target;
}

void
jst_view_sift(struct jst_view *view, uint32_t at)
{
    struct jst_view_entry moved = view->list[at];
    uint32_t child;

    while ((child = 2 * at + 1) < view->n) {
        child += child + 1 < view->n && is_before(&view->list[child + 1], &view->list[child]);
        if (!is_before(&view->list[child], &moved)) {
            break;
        }
        view->list[at] = view->list[child];
        at = child;
    }
    view->list[at] = moved;
}

static void
list(struct jst_upool *p, uint64_t now_ms)
{
    struct jst_view *view = p->view;
    uint64_t sum = 0;

    view->n = 0;
    view->even = true;
    for (uint32_t i = 0; i < p->pool->n; i++) {
        bool use = view->v[i].weight > 0 ||
                   (view->panic && jst_target_addrs(&p->pool->v[i]) != NULL && !is_set_apart(p, i));
        struct jst_view_entry *e = &view->list[view->n];

        view->v[i].weight = 0;
        if (!use || is_cut_off(p, i, now_ms)) {
            continue;
        }
        *e = (struct jst_view_entry){.target = i, .weight = weight_of(p, i, now_ms)};
        sum += e->weight;
        e->sum = sum;
        e->turn = turn_of(p, i, e->weight);
        view->v[i].weight = e->weight;
        view->even = view->even && e->weight == view->list[0].weight;
        view->n++;
    }
    if (p->pool->strategy == JOIST_STRATEGY_ROUND_ROBIN && !view->even) {
        for (uint32_t i = view->n / 2; i-- > 0;) {
            jst_view_sift(view, i);
        }
    }
    view->next = view->n > 0 ? view->next % view->n : 0;
}

void
jst_view_keep_turns(struct jst_view *view)
{
    for (uint32_t i = 0; i < view->n; i++) {
        view->v[view->list[i].target].turn = view->list[i].turn;
    }
}

/* With `single` the others only stand by: one that is in order is enough. */
static bool
is_panic(const struct jst_upool *p, uint32_t in_order, uint32_t addressed)
{
    const struct jst_tracking *t = p->pool->tracking;

    if (t == NULL || (p->pool->strategy == JOIST_STRATEGY_SINGLE && in_order > 0)) {
        return false;
    }
    return (uint64_t)in_order * 100 < (uint64_t)t->panic_percent * addressed;
}

static void
make(struct jst_upool *p, uint64_t now_ms)
{
    const struct jst_tracking *t = p->pool->tracking;
    struct jst_view *view = p->view;
    uint32_t addressed = 0;
    uint32_t in_order = 0;

    jst_view_keep_turns(view);
    view->epoch = t != NULL ? jst_states_epoch(t->states) : 0; /* first: what comes is seen again */
    view->until_ms = view->retry_ms = JST_NEVER;
    for (uint32_t i = 0; i < p->pool->n; i++) {
        look_at(p, i, now_ms, &addressed, &in_order);
    }
    tell_panic(p, is_panic(p, in_order, addressed), in_order, addressed);
    list(p, now_ms);
    view->made = true;
}

void
jst_view_refresh(struct jst_upool *p)
{
    const struct jst_tracking *t = p->pool->tracking;
    struct jst_view *view = p->view;
    bool timed = view->until_ms != JST_NEVER;

    if (JST_LIKELY(view->made && (t == NULL || jst_states_epoch(t->states) == view->epoch) &&
                   (!timed || jst_loop_now_ms(p->u->local->loop) < view->until_ms))) {
        return;
    }
    make(p, jst_loop_now_ms(p->u->local->loop));
}
