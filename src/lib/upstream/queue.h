// SPDX-License-Identifier: MIT
#pragma once
/*
 * Who waits for a pool's targets, of all reactors: while each has max_inflight requests under way,
 * or while the pool is paused.
 *
 * Job:     count slots of targets exactly; give one that becomes free to whoever has waited for
 *          the longest and can use it, whichever reactor that is on; hold all while paused.
 * Not:     no calls: what they are kept in, and for how long, is queued.c, on their reactor.
 * Flow:    pick: full -> jst_queue_enter() -> another call ends: jst_slot_give() takes the slot
 *          again, for the first who waits -> mail -> its reactor.
 * Owner:   struct jst_pstate: one for all configurations' pool of that name, made with the first
 *          that limits its targets or is dynamic.
 * Threads: any. Slots are taken and given back without a lock. Who waits is under the queue's lock,
 *          the last that is taken: nothing is called with it held but jst_loop_send().
 * Waking:  who gives a slot back counts it out before he looks whether somebody waits; who begins
 *          to wait counts himself in before he looks for a slot. So one of them sees the other.
 * Order:   as long as somebody waits, picks take no slot: whoever comes stands behind him.
 */
#include "base/list.h"
#include "http/client.h"
#include "upstream/state.h"

#include <pthread.h>

struct jst_pool;
struct jst_tracking;

enum jst_queue_state {
    JST_QUEUE_OPEN,
    JST_QUEUE_PAUSED,  /* all wait */
    JST_QUEUE_STOPPED, /* nobody may go, nor wait */
};

struct jst_queue {
    /* under the lock */
    pthread_mutex_t lock;
    struct jst_list lines; /* one for each pool of that name that somebody waits for */
    uint64_t next_seq;
    uint64_t pass;
    /* atomic */
    uint32_t waiting_n; /* changed under the lock */
    uint32_t state;     /* the same; enum jst_queue_state */
    uint64_t paused_ms; /* since when */
    uint64_t pause_ms;  /* for how long a call may be held then; 0: for ever */
    uint64_t resumed_ms;
};

#define JST_GRANT_ANY  UINT32_MAX       /* no limit: pick one */
#define JST_GRANT_NONE (UINT32_MAX - 1) /* the pool was stopped */

struct jst_queue_line; /* queue.c */

/* One that waits. It is in a line, or mail is on its way to its reactor. */
struct jst_waiter {
    /* under the lock */
    struct jst_mail mail;
    struct jst_list link;
    struct jst_queue_line *line; /* NULL: it waits no more */
    struct jst_loop *loop;       /* borrowed: where the mail goes; until it waits no more */
    struct jst_pool *pool;       /* counted: by what it waits for, and then for its slot */
    uint64_t seq;                /* smaller: came earlier */
    uint32_t target;             /* what it was given, with its slot: number in `pool`, or above */
    /* targets that it must not be given; only compared */
    const struct jst_tstate *except[JST_CALL_TRIED_MAX];
    uint8_t except_n;
    /* the reactor's (queued.c) */
    struct jst_call *call; /* NULL: its caller has left */
    struct jst_list here;
    uint64_t since_ms;
};

/* ---- slots ---- */

/** Count one in, unless `max` are there already. */
bool jst_slot_take(struct jst_tstate *t, uint32_t max);

/** Count one out of target `i`. Who waits may get it. */
void jst_slot_give(const struct jst_tracking *t, uint32_t i, uint64_t now_ms);

/* ---- the queue ---- */

/** That of the pool, made if there is none. JOIST_E_NOMEM. */
int jst_queue_make(struct jst_pstate *p);
void jst_queue_destroy(struct jst_queue **take); /* nobody waits */

/** NULL: nobody ever waits. */
static inline struct jst_queue *
jst_queue_of(const struct jst_pstate *p)
{
    return __atomic_load_n(&p->queue, __ATOMIC_ACQUIRE);
}

static inline uint32_t
jst_queue_waiting(const struct jst_queue *q)
{
    return __atomic_load_n(&q->waiting_n, __ATOMIC_SEQ_CST);
}

static inline bool
jst_queue_is_used(const struct jst_queue *q)
{
    return jst_queue_waiting(q) > 0;
}

static inline enum jst_queue_state
jst_queue_state(const struct jst_queue *q)
{
    return (enum jst_queue_state)__atomic_load_n(&q->state, __ATOMIC_ACQUIRE);
}

/**
 * Stand in line; w->pool, seq (0: at the end), except and loop are set. 0: mail will come. 1: it
 * need not wait, w->target says where to go, and no mail comes. JOIST_E_BUSY: `max` wait already.
 * JOIST_E_NOMEM. `look`: is a slot free perhaps?
 */
int jst_queue_enter(struct jst_queue *q, struct jst_waiter *w, uint32_t max, bool look,
                    uint64_t now_ms);

/** False: it waits no more, mail is on its way. */
bool jst_queue_leave(struct jst_queue *q, struct jst_waiter *w);

/** Wait for targets of this pool instead, at the same place; counts are moved. False: it waits no
 *  more, or there is no memory; then nothing has changed. */
bool jst_queue_move(struct jst_queue *q, struct jst_waiter *w, struct jst_pool *to,
                    uint64_t now_ms);

/** Targets of the pool may have come back: are there free ones among them? */
void jst_queue_look(struct jst_queue *q, const struct jst_pool *pool, uint64_t now_ms);

/* ---- pause; changes of one queue must not overlap ---- */

/** Calls are held from now on, each for `hold_ms` at most (0: for ever), as many as the pool's
 * queue.max says. Of one that is paused, `hold_ms` is changed. */
void jst_queue_pause(struct jst_queue *q, uint64_t hold_ms, uint64_t now_ms);

/** Those that are held go, in order, as targets have room; also after a stop. */
void jst_queue_resume(struct jst_queue *q, uint64_t now_ms);

/** Those that wait, and all that come, fail. What is under way goes on. */
void jst_queue_stop(struct jst_queue *q);
