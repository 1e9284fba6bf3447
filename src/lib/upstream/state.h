// SPDX-License-Identifier: MIT
#pragma once
/*
 * What all reactors know together of a pool and of its targets: requests under way, failures in a
 * row, whether one was put aside or found down, its breaker, how fast it answers, what it was told
 * (to drain, another weight); and what hangs on a pool's name: budget, queue, slots.
 *
 * Job:     find the state of a pool by its name, and of a target by its pool's name and its key
 *          (jst_target.key): all configurations that name the same share it, so what was learnt
 *          outlives a change of configuration. A target of two pools has a state in each: they may
 *          check it and limit it differently.
 * Not:     connections (live.h: each reactor's own). What follows from all this: view.c, pick.c.
 * Owner:   the registry belongs to the engine and outlives every pool; states are counted by pools.
 * Threads: the registry's lock is taken when pools are made and freed, never for a request. What
 *          requests touch is atomic. Times are the loops' monotonic milliseconds: one clock.
 */
#include "upstream/breaker.h"
#include "upstream/budget.h"

#define JST_CACHE_LINE 64

/* By what a state is found; under the registry's lock. */
struct jst_state_id {
    struct jst_state_id *next; /* in its bucket */
    char *key;                 /* owned */
    uint64_t hash;
    uint32_t refs;
};

#define JST_WEIGHT_OWN UINT32_MAX
#define JST_WEIGHT_MAX 65535u

#define JST_DRAIN_TOLD    1u /* it takes nothing new, but from clients bound to it */
#define JST_DRAIN_REMOVED 2u /* it is in no current configuration; older ones still have it */

/* Of a target in a pool. */
struct jst_tstate {
    /* atomic, written by each request */
    _Alignas(JST_CACHE_LINE) uint32_t inflight;
    uint32_t waited;          /* 1: somebody waits until nothing is in flight */
    uint32_t failures;        /* in a row */
    uint32_t override_of;     /* here for its size alone: the configuration's weight when it was
                                 told another; under the engine's control lock */
    uint64_t requests;        /* in all */
    uint64_t requests_failed; /* of these */
    uint64_t latency;         /* see jst_tstate_latency_us() */
    char line_end[JST_CACHE_LINE - 40];
    /* atomic, written seldom: when it is put aside, comes back, or a check says so */
    _Alignas(JST_CACHE_LINE) uint64_t ejected_until_ms; /* 0: it is not */
    uint64_t ejected_ms;                                /* for how long the last time */
    uint64_t since_ms;        /* there, or back, since then (slow start); 0: from the beginning */
    uint32_t ejections;       /* one after the other, without having been well for long */
    uint32_t down;            /* 1: a health check found it so */
    uint32_t draining;        /* JST_DRAIN_*; 0: it is not */
    uint32_t weight_override; /* instead of the configuration's; 0: as if draining, but for good;
                                 JST_WEIGHT_OWN: none */
    uint64_t drain;           /* number of the drain that JST_DRAIN_TOLD is about; 0: none */
    uint64_t drain_until_ms;  /* ... and its deadline */
    uint64_t sticky_id;       /* constant: stands for it where clients are bound to it; never 0 */
    struct jst_breaker breaker;
    struct jst_health_record *health; /* owned; atomic: made once, by the first pool that checks it;
                                         or NULL */
    struct jst_state_id id;
};

/* Of a pool. Zeroed at first; what hangs on it is made and freed by the part that it belongs to. */
struct jst_pstate {
    struct jst_budget budget;     /* of further tries */
    struct jst_slots_told *slots; /* slots.c: what was said of them; NULL: it has none */
    struct jst_state_id id;
    struct jst_queue *queue; /* owned; atomic, set once: who waits for its targets (queue.h) */
    struct jst_sticky_table *sticky; /* owned; atomic; NULL: nobody was bound yet (sticky.c) */
};

struct jst_health_record; /* health_record.h */
struct jst_states;
struct jst_sticky_table;

/** JOIST_E_NOMEM. */
int jst_states_create(struct jst_states **out);

/** No pool has a state of it any more. */
void jst_states_destroy(struct jst_states **take);

/** Find or make the state of that target of that pool, and count. `now_ms`: of one that is new,
 *  since when it is there. NULL: no memory. */
struct jst_tstate *jst_states_acquire(struct jst_states *s, const char *pool, const char *key,
                                      uint64_t now_ms);
struct jst_tstate *jst_states_ref(struct jst_states *s, struct jst_tstate *t);
void jst_states_release(struct jst_states *s, struct jst_tstate **take);

/** Nothing is in flight there any more, and somebody waits for that. Any thread. */
void jst_states_tell_idle(struct jst_states *s, struct jst_tstate *t);

/** Until nothing is in flight at all targets of that pool with that identity (see
 *  jst_target_identity(); "": at all), also at removed ones. JOIST_E_NOMEM, JOIST_E_TIMEOUT. */
int jst_states_wait_idle(struct jst_states *s, const char *pool, const char *identity,
                         uint64_t timeout_ms);

/** The same for a pool. */
struct jst_pstate *jst_states_acquire_pool(struct jst_states *s, const char *pool);
void jst_states_release_pool(struct jst_states *s, struct jst_pstate **take);

/** Something that picks depend on has changed: every reactor looks again at its next pick. */
void jst_states_changed(struct jst_states *s);

/** Differs after each such change. */
uint64_t jst_states_epoch(const struct jst_states *s);

/* ---- time to first byte ---- */

/** A moving average, which halves with each JST_LATENCY_HALF_MS that nothing was added: who was
 *  slow once is tried again. 0: not known. */
uint32_t jst_tstate_latency_us(const struct jst_tstate *t, uint64_t now_ms);
void jst_tstate_add_latency(struct jst_tstate *t, uint64_t us, uint64_t now_ms);

static inline uint32_t
jst_tstate_inflight(const struct jst_tstate *t)
{
    return __atomic_load_n(&t->inflight, __ATOMIC_RELAXED);
}

/** Put aside, or found down? */
static inline bool
jst_tstate_is_out(const struct jst_tstate *t, uint64_t now_ms)
{
    return __atomic_load_n(&t->ejected_until_ms, __ATOMIC_ACQUIRE) > now_ms ||
           __atomic_load_n(&t->down, __ATOMIC_RELAXED) != 0;
}

/** Anything but what is bound to it? */
static inline bool
jst_tstate_takes_new(const struct jst_tstate *t)
{
    return __atomic_load_n(&t->draining, __ATOMIC_RELAXED) == 0 &&
           __atomic_load_n(&t->weight_override, __ATOMIC_RELAXED) != 0;
}

/** What is bound to it, though it may take nothing new: not when it is removed, nor behind the
 *  deadline of its drain. */
static inline bool
jst_tstate_takes_bound(const struct jst_tstate *t, uint64_t now_ms)
{
    uint32_t draining = __atomic_load_n(&t->draining, __ATOMIC_RELAXED);

    return draining == 0 || (draining == JST_DRAIN_TOLD &&
                             __atomic_load_n(&t->drain_until_ms, __ATOMIC_RELAXED) > now_ms);
}

/** Its weight now, which is `own` in the configuration. */
static inline uint32_t
jst_tstate_weight(const struct jst_tstate *t, uint32_t own)
{
    uint32_t v = __atomic_load_n(&t->weight_override, __ATOMIC_RELAXED);

    return v == JST_WEIGHT_OWN || v == 0 ? own : JST_MIN(v, JST_WEIGHT_MAX);
}
