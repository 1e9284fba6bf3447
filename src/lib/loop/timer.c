// SPDX-License-Identifier: MIT
#include "loop/timer.h"

#include <stdlib.h>

void
jst_timers_init(struct jst_timers *ts)
{
    *ts = (struct jst_timers){0};
}

void
jst_timers_fini(struct jst_timers *ts)
{
    free(ts->heap);
    jst_timers_init(ts);
}

static void
put(struct jst_timers *ts, uint32_t i, struct jst_timer *t)
{
    ts->heap[i] = t;
    t->slot = i + 1;
}

static void
sift_up(struct jst_timers *ts, uint32_t i, struct jst_timer *t)
{
    while (i > 0) {
        uint32_t parent = (i - 1) / 2;

        if (ts->heap[parent]->armed_ms <= t->armed_ms) {
            break;
        }
        put(ts, i, ts->heap[parent]);
        i = parent;
    }
    put(ts, i, t);
}

static void
sift_down(struct jst_timers *ts, uint32_t i, struct jst_timer *t)
{
    for (;;) {
        uint32_t child = 2 * i + 1;

        if (child >= ts->n) {
            break;
        }
        if (child + 1 < ts->n && ts->heap[child + 1]->armed_ms < ts->heap[child]->armed_ms) {
            child++;
        }
        if (ts->heap[child]->armed_ms >= t->armed_ms) {
            break;
        }
        put(ts, i, ts->heap[child]);
        i = child;
    }
    put(ts, i, t);
}

static void
heap_insert(struct jst_timers *ts, struct jst_timer *t)
{
    JST_ASSERT(ts->n < ts->cap);
    sift_up(ts, ts->n++, t);
}

static void
heap_remove(struct jst_timers *ts, struct jst_timer *t)
{
    uint32_t i = t->slot - 1;
    struct jst_timer *last = ts->heap[--ts->n];

    t->slot = 0;
    if (last == t) {
        return;
    }
    if (i > 0 && last->armed_ms < ts->heap[(i - 1) / 2]->armed_ms) {
        sift_up(ts, i, last);
    } else {
        sift_down(ts, i, last);
    }
}

int
jst_timer_init(struct jst_loop *l, struct jst_timer *t, void (*on_timer)(struct jst_timer *))
{
    struct jst_timers *ts = jst_loop_timers_(l);

    if (ts->reserved == ts->cap) {
        uint32_t cap = ts->cap > 0 ? ts->cap * 2 : 64;
        struct jst_timer **heap = realloc(ts->heap, cap * sizeof(struct jst_timer *));

        if (heap == NULL) {
            return JOIST_E_NOMEM;
        }
        ts->heap = heap;
        ts->cap = cap;
    }
    ts->reserved++;
    *t = (struct jst_timer){.deadline_ms = JST_NEVER, .reserved = 1, .on_timer = on_timer};
    return JOIST_OK;
}

void
jst_timer_fini(struct jst_loop *l, struct jst_timer *t)
{
    struct jst_timers *ts = jst_loop_timers_(l);

    if (t->slot != 0) {
        heap_remove(ts, t);
    }
    if (t->reserved != 0) {
        ts->reserved--;
        t->reserved = 0;
    }
    t->deadline_ms = JST_NEVER;
}

void
jst_timer_set(struct jst_loop *l, struct jst_timer *t, uint64_t deadline_ms)
{
    struct jst_timers *ts;

    t->deadline_ms = deadline_ms;
    if (deadline_ms == JST_NEVER || (t->slot != 0 && t->armed_ms <= deadline_ms)) {
        return;
    }
    ts = jst_loop_timers_(l);
    if (t->slot != 0) {
        t->armed_ms = deadline_ms;
        sift_up(ts, t->slot - 1, t);
        return;
    }
    t->armed_ms = deadline_ms;
    heap_insert(ts, t);
}

uint64_t
jst_timers_next(const struct jst_timers *ts)
{
    return ts->n > 0 ? ts->heap[0]->armed_ms : JST_NEVER;
}

void
jst_timers_run(struct jst_timers *ts, uint64_t now_ms)
{
    /* A callback may set its timer to "now" again: each timer gets one turn. */
    for (uint32_t left = ts->n; left > 0 && ts->n > 0; left--) {
        struct jst_timer *t = ts->heap[0];

        if (t->armed_ms > now_ms) {
            return;
        }
        if (t->deadline_ms > now_ms) {
            if (t->deadline_ms == JST_NEVER) {
                heap_remove(ts, t);
            } else {
                t->armed_ms = t->deadline_ms;
                sift_down(ts, 0, t);
            }
            continue;
        }
        heap_remove(ts, t);
        t->deadline_ms = JST_NEVER;
        t->on_timer(t);
    }
}
