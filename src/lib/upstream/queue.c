// SPDX-License-Identifier: MIT
#include "upstream/queue.h"

#include "upstream/pool.h"
#include "upstream/track.h"

#include <stdlib.h>

/* Who waits for one pool. Configurations that follow each other may name other targets under the
 * same name, and other limits. */
struct jst_queue_line {
    struct jst_list link;
    struct jst_list waiters; /* in order */
    struct jst_pool *pool;   /* that of all of them, which they count */
    uint64_t pass;           /* of jst_queue_resume(): the last that came by */
};

/* ---- slots ---- */

bool
jst_slot_take(struct jst_tstate *t, uint32_t max)
{
    uint32_t n = __atomic_load_n(&t->inflight, __ATOMIC_SEQ_CST);

    do {
        if (n >= max) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&t->inflight, &n, n + 1, true, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    return true;
}

/* ---- life ---- */

int
jst_queue_make(struct jst_pstate *p)
{
    struct jst_queue *none = NULL;
    struct jst_queue *q;

    if (jst_queue_of(p) != NULL) {
        return JOIST_OK;
    }
    q = calloc(1, sizeof(*q));
    if (q == NULL) {
        return JOIST_E_NOMEM;
    }
    pthread_mutex_init(&q->lock, NULL);
    jst_list_init(&q->lines);
    q->next_seq = 1;
    if (!__atomic_compare_exchange_n(&p->queue, &none, q, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        jst_queue_destroy(&q); /* somebody was quicker */
    }
    return JOIST_OK;
}

void
jst_queue_destroy(struct jst_queue **take)
{
    struct jst_queue *q = *take;

    *take = NULL;
    if (q == NULL) {
        return;
    }
    JST_ASSERT(q->waiting_n == 0 && jst_list_is_empty(&q->lines));
    pthread_mutex_destroy(&q->lock);
    free(q);
}

/* ---- lines; from here on with the lock held ---- */

static struct jst_queue_line *
line_at(struct jst_list *node)
{
    return JST_CONTAINER(node, struct jst_queue_line, link);
}

static struct jst_waiter *
waiter_at(struct jst_list *node)
{
    return JST_CONTAINER(node, struct jst_waiter, link);
}

static struct jst_queue_line *
find_line(struct jst_queue *q, struct jst_pool *pool)
{
    JST_LIST_FOREACH (node, &q->lines) {
        if (line_at(node)->pool == pool) {
            return line_at(node);
        }
    }
    return NULL;
}

static struct jst_queue_line *
get_line(struct jst_queue *q, struct jst_pool *pool)
{
    struct jst_queue_line *line = find_line(q, pool);

    if (line != NULL || (line = malloc(sizeof(*line))) == NULL) {
        return line;
    }
    line->pool = pool;
    line->pass = q->pass;
    jst_list_init(&line->waiters);
    jst_list_insert(&q->lines, &line->link);
    return line;
}

/* Nearly always at the end. */
static void
stand_in(struct jst_queue_line *line, struct jst_waiter *w)
{
    struct jst_list *at = &line->waiters;

    while (at->prev != &line->waiters && waiter_at(at->prev)->seq > w->seq) {
        at = at->prev;
    }
    jst_list_insert(at, &w->link);
    w->line = line;
}

static void
step_out(struct jst_waiter *w)
{
    struct jst_queue_line *line = w->line;

    jst_list_remove(&w->link);
    w->line = NULL;
    if (jst_list_is_empty(&line->waiters)) {
        jst_list_remove(&line->link);
        free(line);
    }
}

static void
count_out(struct jst_queue *q)
{
    (void)__atomic_sub_fetch(&q->waiting_n, 1, __ATOMIC_SEQ_CST);
}

/* `self`: the one that asks, who is told by the return. Once the mail is sent, the waiter is its
 * reactor's. */
static void
grant(struct jst_queue *q, struct jst_waiter *w, uint32_t target, const struct jst_waiter *self)
{
    step_out(w);
    count_out(q);
    w->target = target;
    if (w != self) {
        jst_loop_send(w->loop, &w->mail);
    }
}

/* ---- who may go where ---- */

/* As the reactors' views have it: asked here for a reactor that is not ours, and again there. */
static bool
is_usable(const struct jst_pool *p, uint32_t i, uint64_t now_ms)
{
    const struct jst_tracking *t = p->tracking;

    return jst_target_addrs(&p->v[i]) != NULL && jst_tstate_takes_new(t->v[i]) &&
           (!jst_tstate_is_out(t->v[i], now_ms) ||
            __atomic_load_n(&t->panicking, __ATOMIC_RELAXED)) &&
           (t->breaker.error_percent == 0 || jst_breaker_allows(&t->v[i]->breaker, now_ms));
}

static bool
has_room(const struct jst_tracking *t, const struct jst_tstate *state)
{
    return t->max_inflight == 0 ||
           __atomic_load_n(&state->inflight, __ATOMIC_SEQ_CST) < t->max_inflight;
}

static bool
takes(const struct jst_waiter *w, const struct jst_tstate *state)
{
    for (uint32_t k = 0; k < w->except_n; k++) {
        if (w->except[k] == state) {
            return false;
        }
    }
    return true;
}

static struct jst_waiter *
first_in_line(const struct jst_queue_line *line, const struct jst_tstate *state)
{
    JST_LIST_FOREACH (node, &line->waiters) {
        if (takes(waiter_at(node), state)) {
            return waiter_at(node);
        }
    }
    return NULL;
}

/* Number of that target in the pool; `near`: it is so in most. */
static uint32_t
find_target(const struct jst_tracking *t, const struct jst_tstate *state, uint32_t near)
{
    if (near < t->n && t->v[near] == state) {
        return near;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->v[i] == state) {
            return i;
        }
    }
    return t->n;
}

/* Who has waited for the longest, of those that the target has room for. */
static struct jst_waiter *
first_for(struct jst_queue *q, const struct jst_tstate *state, uint32_t near, uint64_t now_ms,
          uint32_t *target)
{
    struct jst_waiter *first = NULL;

    JST_LIST_FOREACH (node, &q->lines) {
        const struct jst_queue_line *line = line_at(node);
        const struct jst_tracking *t = line->pool->tracking;
        uint32_t i = has_room(t, state) ? find_target(t, state, near) : t->n;
        struct jst_waiter *w = NULL;

        if (i < t->n && is_usable(line->pool, i, now_ms)) {
            w = first_in_line(line, state);
        }
        if (w != NULL && (first == NULL || w->seq < first->seq)) {
            first = w;
            *target = i;
        }
    }
    return first;
}

/* Give away one slot of the target. False: it has none, or nobody wants it. */
static bool
offer(struct jst_queue *q, struct jst_tstate *state, uint32_t near, uint64_t now_ms,
      const struct jst_waiter *self)
{
    struct jst_waiter *w;
    uint32_t i = 0;

    while ((w = first_for(q, state, near, now_ms, &i)) != NULL) {
        uint32_t max = w->pool->tracking->max_inflight;

        if (max == 0) { /* nothing is counted yet: the pick will spread them */
            grant(q, w, JST_GRANT_ANY, self);
            return true;
        }
        if (jst_slot_take(state, max)) {
            grant(q, w, i, self);
            return true;
        } /* somebody who saw nobody wait has it: look again */
    }
    return false;
}

/* Slots of all the pool's targets, one of each in turn. The caller holds the pool: those who wait
 * for it may be gone before this ends. */
static void
offer_all(struct jst_queue *q, const struct jst_pool *pool, uint64_t now_ms,
          const struct jst_waiter *self)
{
    const struct jst_tracking *t = pool->tracking;
    bool more = true;

    while (more && q->waiting_n > 0) {
        more = false;
        for (uint32_t i = 0; i < t->n; i++) {
            more = offer(q, t->v[i], i, now_ms, self) || more;
        }
    }
}

/* ---- from outside ---- */

/* Who waits for the target to be idle (joist_upstream_wait_drained()): either this one sees that
 * somebody does, or who waits sees that it is the last. */
static void
count_slot_out(const struct jst_tracking *t, struct jst_tstate *state)
{
    if (__atomic_sub_fetch(&state->inflight, 1, __ATOMIC_SEQ_CST) == 0 &&
        __atomic_load_n(&state->waited, __ATOMIC_SEQ_CST) != 0) {
        jst_states_tell_idle(t->states, state);
    }
}

void
jst_slot_give(const struct jst_tracking *t, uint32_t i, uint64_t now_ms)
{
    struct jst_queue *q = jst_queue_of(t->pool);

    count_slot_out(t, t->v[i]);
    if (JST_LIKELY(q == NULL || !jst_queue_is_used(q))) {
        return;
    }
    pthread_mutex_lock(&q->lock);
    while (q->state == JST_QUEUE_OPEN && offer(q, t->v[i], i, now_ms, NULL)) {
    }
    pthread_mutex_unlock(&q->lock);
}

static int
enter(struct jst_queue *q, struct jst_waiter *w, uint32_t max, bool look, uint64_t now_ms)
{
    struct jst_queue_line *line;

    if (q->state == JST_QUEUE_STOPPED) {
        w->target = JST_GRANT_NONE;
        return 1;
    }
    if (w->seq == 0 && q->waiting_n >= max) { /* who stood here before keeps his place */
        return JOIST_E_BUSY;
    }
    line = get_line(q, w->pool);
    if (line == NULL) {
        return JOIST_E_NOMEM;
    }
    w->seq = w->seq != 0 ? w->seq : q->next_seq++;
    stand_in(line, w);
    (void)__atomic_add_fetch(&q->waiting_n, 1, __ATOMIC_SEQ_CST);
    if (look && q->state == JST_QUEUE_OPEN) {
        offer_all(q, w->pool, now_ms, w);
    }
    return w->line == NULL;
}

int
jst_queue_enter(struct jst_queue *q, struct jst_waiter *w, uint32_t max, bool look, uint64_t now_ms)
{
    int rc;

    w->line = NULL;
    pthread_mutex_lock(&q->lock);
    rc = enter(q, w, max, look, now_ms);
    pthread_mutex_unlock(&q->lock);
    return rc;
}

bool
jst_queue_leave(struct jst_queue *q, struct jst_waiter *w)
{
    bool waits;

    pthread_mutex_lock(&q->lock);
    waits = w->line != NULL;
    if (waits) {
        step_out(w);
        count_out(q);
    }
    pthread_mutex_unlock(&q->lock);
    return waits;
}

bool
jst_queue_move(struct jst_queue *q, struct jst_waiter *w, struct jst_pool *to, uint64_t now_ms)
{
    struct jst_pool *before = NULL;
    struct jst_queue_line *line;

    pthread_mutex_lock(&q->lock);
    if (w->line != NULL && (line = get_line(q, to)) != NULL) {
        step_out(w);
        before = w->pool;
        w->pool = jst_pool_ref(to);
        stand_in(line, w);
        if (q->state == JST_QUEUE_OPEN) {
            offer_all(q, to, now_ms, NULL);
        }
    }
    pthread_mutex_unlock(&q->lock);
    if (before == NULL) {
        return false;
    }
    jst_pool_unref(&before);
    return true;
}

void
jst_queue_look(struct jst_queue *q, const struct jst_pool *pool, uint64_t now_ms)
{
    pthread_mutex_lock(&q->lock);
    if (q->state == JST_QUEUE_OPEN && q->waiting_n > 0) {
        offer_all(q, pool, now_ms, NULL);
    }
    pthread_mutex_unlock(&q->lock);
}

/* ---- pause ---- */

void
jst_queue_pause(struct jst_queue *q, uint64_t hold_ms, uint64_t now_ms)
{
    pthread_mutex_lock(&q->lock);
    __atomic_store_n(&q->pause_ms, hold_ms, __ATOMIC_RELAXED);
    if (q->state != JST_QUEUE_PAUSED) {
        __atomic_store_n(&q->paused_ms, now_ms, __ATOMIC_RELAXED);
        __atomic_store_n(&q->state, JST_QUEUE_PAUSED, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&q->lock);
}

/* A pool of a line that this pass has not come by; counted. */
static struct jst_pool *
next_pool(struct jst_queue *q)
{
    JST_LIST_FOREACH (node, &q->lines) {
        if (line_at(node)->pass != q->pass) {
            line_at(node)->pass = q->pass;
            return jst_pool_ref(line_at(node)->pool);
        }
    }
    return NULL;
}

void
jst_queue_resume(struct jst_queue *q, uint64_t now_ms)
{
    struct jst_pool *pool;

    pthread_mutex_lock(&q->lock);
    __atomic_store_n(&q->resumed_ms, now_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&q->state, JST_QUEUE_OPEN, __ATOMIC_RELEASE);
    q->pass++;
    while ((pool = next_pool(q)) != NULL) {
        offer_all(q, pool, now_ms, NULL);
        pthread_mutex_unlock(&q->lock);
        jst_pool_unref(&pool); /* the last one frees states, under their own lock */
        pthread_mutex_lock(&q->lock);
    }
    pthread_mutex_unlock(&q->lock);
}

void
jst_queue_stop(struct jst_queue *q)
{
    pthread_mutex_lock(&q->lock);
    __atomic_store_n(&q->state, JST_QUEUE_STOPPED, __ATOMIC_RELEASE);
    while (!jst_list_is_empty(&q->lines)) {
        grant(q, waiter_at(line_at(q->lines.next)->waiters.next), JST_GRANT_NONE, NULL);
    }
    pthread_mutex_unlock(&q->lock);
}
