// SPDX-License-Identifier: MIT
#pragma once
/*
 * Reactor: one thread's events, tasks, timers and mail.
 *
 * Job:     wait for descriptors, then run: events, tasks, timers, deferred work, endings.
 * Not:     it reads and writes no socket; wire/ does.
 * Flow:    one turn = epoll_wait -> for each event: its callback, then the tasks that it posted ->
 *          expired timers -> deferred work (writes) -> endings (frees).
 * Owner:   the engine (or a test) owns the loop; embedded structs belong to their objects.
 * Threads: all calls on the loop's thread, but jst_loop_send().
 * Limits:  JST_LOOP_EVENTS_MAX events a turn, JST_LOOP_TASKS_MAX tasks after an event; what is left
 *          over goes on in the next turn.
 * Clock:   read once a turn; tests pass their own.
 */
#include "base/base.h"
#include "base/bounds.h"

struct jst_loop;

/* ---- descriptors: registered once, edge-triggered, both directions ---- */

#define JST_IO_READ   1u /* bytes, an accept, or the end of the stream */
#define JST_IO_WRITE  2u /* room to write; a connect has ended */
#define JST_IO_HANGUP 4u /* the peer has closed its direction (RDHUP) or both */
#define JST_IO_ERROR  8u

struct jst_io {
    int fd; /* borrowed from the owner of this struct */
    void (*on_io)(struct jst_io *io, unsigned events);
};

/** Returns 0, JOIST_E_NOMEM or JOIST_E_LIMIT (fs.epoll.max_user_watches). */
int jst_io_add(struct jst_loop *l, struct jst_io *io);

/** The same for a listening socket shared with other loops: level-triggered, one loop is woken. */
int jst_io_add_shared(struct jst_loop *l, struct jst_io *io);

/** From now on events of from's descriptor, also those of this turn that are still to come, go to
 *  `to` (whose fd is set by this); what is ready is told again. JOIST_E_NOMEM: nothing has changed.
 */
int jst_io_move(struct jst_loop *l, struct jst_io *to, const struct jst_io *from);

/** Call before closing the descriptor. No callback comes any more, also none of this turn; `io`
 *  must stay in memory until the turn is over (see jst_loop_end). */
void jst_io_remove(struct jst_loop *l, struct jst_io *io);

/* ---- tasks: run after the current event, never inside the call that posts them ---- */

struct jst_task {
    struct jst_task *next;
    void (*run)(struct jst_task *t);
    bool queued;
};

/** Posting a queued task again does nothing. */
void jst_loop_post(struct jst_loop *l, struct jst_task *t);

/** Run once after all events of this turn: for writes, so that a turn's output leaves together. */
void jst_loop_defer(struct jst_loop *l, struct jst_task *t);

/** Run at the very end of the turn, after deferred work: for freeing. */
void jst_loop_end(struct jst_loop *l, struct jst_task *t);

/** Take a queued task out of whatever queue it is in. */
void jst_task_cancel(struct jst_loop *l, struct jst_task *t);

/* ---- timers: lazy; moving a deadline later costs one store ---- */

#define JST_NEVER UINT64_MAX

struct jst_timer {
    uint64_t deadline_ms; /* JST_NEVER: off */
    uint64_t armed_ms;    /* what the heap knows; never later than deadline_ms while in the heap */
    uint32_t slot;        /* index in the heap + 1; 0: not in it */
    uint32_t reserved;
    void (*on_timer)(struct jst_timer *t);
};

/** Reserves the timer's place, so that setting it cannot fail. Returns 0 or JOIST_E_NOMEM. */
int jst_timer_init(struct jst_loop *l, struct jst_timer *t, void (*on_timer)(struct jst_timer *));

/** Gives the place back. A zeroed timer is fine. */
void jst_timer_fini(struct jst_loop *l, struct jst_timer *t);

void jst_timer_set(struct jst_loop *l, struct jst_timer *t, uint64_t deadline_ms);

static inline void
jst_timer_stop(struct jst_timer *t)
{
    t->deadline_ms = JST_NEVER; /* it leaves the heap when its old time comes */
}

/* ---- mail: the only door for other threads ---- */

struct jst_mail {
    struct jst_mail *next;
    void (*deliver)(struct jst_mail *m, struct jst_loop *l); /* on the loop's thread; owns m */
};

/** Any thread. Mail of one sender arrives in order. */
void jst_loop_send(struct jst_loop *l, struct jst_mail *m);

/* ---- the loop ---- */

struct jst_clock {
    uint64_t (*now_ns)(void *ctx); /* monotonic */
    int64_t (*wall_us)(void *ctx); /* Unix epoch */
    void *ctx;
};

/** `clock` NULL: the system's. JOIST_E_NOMEM, JOIST_E_NOFILE. */
int jst_loop_create(struct jst_loop **out, const struct jst_clock *clock);

/** Delivers no more mail: undelivered mail is dropped by calling its deliver with l NULL. */
void jst_loop_destroy(struct jst_loop **take);

/** One turn. Waits at most `wait_ms` (0: not at all; -1: until something happens). */
void jst_loop_turn(struct jst_loop *l, int wait_ms);

/** Turns until jst_loop_stop(). */
void jst_loop_run(struct jst_loop *l);
void jst_loop_stop(struct jst_loop *l);

/** The time at this turn's start. */
uint64_t jst_loop_now_ns(const struct jst_loop *l);
uint64_t jst_loop_now_ms(const struct jst_loop *l);
int64_t jst_loop_wall_us(const struct jst_loop *l);

/** The monotonic time of this moment, read anew: for measuring what happens within a turn. */
uint64_t jst_loop_read_ns(const struct jst_loop *l);
