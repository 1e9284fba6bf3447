// SPDX-License-Identifier: MIT
#pragma once
/*
 * The checker's own structs; for health.c, health_target.c, health_verdict.c and health_wait.c.
 *
 *   a target      waits for its interval (timer) -> for its turn (JST_HEALTH_CHECKS_MAX at once)
 *                 -> is checked -> and again
 *   an entry      the targets of one pool that are checked: in use, or for somebody who waits
 *
 * Owner:   jst_health owns the entries, they their targets; a target that another pool of the same
 *          name has as well moves to that one's entry, with the check that is under way.
 * Threads: the checker's, but for what `lock` guards.
 */
#include "upstream/health_check.h"
#include "upstream/health_record.h"
#include "upstream/track.h"

#include <pthread.h>

struct jst_health_waiter;

struct jst_health {
    /* borrowed */
    struct jst_local *local;
    jst_client_open_f *open;
    struct jst_names *names;
    const struct jst_health_events *ev;
    void *ctx;
    /* under `lock` */
    pthread_mutex_t lock;
    pthread_cond_t done; /* somebody who waits has an answer, or has left */
    uint32_t waiters_n;
    bool started;
    bool stopping;
    /* the thread's */
    struct jst_mail stop;
    struct jst_list entries;
    struct jst_list turns; /* targets that are due while too many are checked */
    uint32_t checks_n;     /* under way */
    bool closing;
};

struct jst_health_entry {
    struct jst_list link;
    struct jst_list targets;
    struct jst_health *h;
    struct jst_pool *pool;              /* counted */
    const struct jst_health_conf *conf; /* the pool's, or the waiter's */
    struct jst_health_waiter *waiter;   /* NULL: it is in use */
    bool fresh;                         /* of the set that is just committed */
};

struct jst_health_target {
    struct jst_list link;
    struct jst_list turn;
    struct jst_health_entry *entry;
    struct jst_pool *checked; /* counted; whose target and configuration the present check uses */
    struct jst_timer timer;
    struct jst_health_check check;
    uint32_t number; /* in the entry's pool */
    uint32_t good;   /* of a waiter's: in a row */
};

/* ---- health_target.c ---- */

/** NULL: no pool, no memory. */
struct jst_health_entry *jst_health_entry_create(struct jst_health *h, struct jst_pool *pool,
                                                 const struct jst_health_conf *conf);
/** With its targets, whose checks are given up. */
void jst_health_entry_destroy(struct jst_health_entry **take);

/** A target of it, which is due at once. JOIST_E_NOMEM. */
int jst_health_target_create(struct jst_health_entry *e, uint32_t number);
void jst_health_target_destroy(struct jst_health_target *t);
/** Another pool has it now. */
void jst_health_target_move(struct jst_health_target *t, struct jst_health_entry *to,
                            uint32_t number);
/** Check who is due, as many as may be. */
void jst_health_pump(struct jst_health *h);

/* ---- health.c ---- */

/** The thread runs, or will; JOIST_E_CANCELED: not any more. With the lock held. */
int jst_health_need(struct jst_health *h);

/** As logs name it. */
static inline const char *
jst_health_name(const struct jst_pool *p)
{
    return p->tracking->pool->id.key;
}

/* ---- health_verdict.c ---- */

/** One more answer of a target in use. */
void jst_health_judge(struct jst_health_target *t, const struct jst_health_outcome *o);
/** A target that was not checked yet, nor is, begins with that verdict. */
void jst_health_begin_as(const struct jst_tracking *tracking, struct jst_tstate *state, bool good,
                         const struct jst_health_outcome *o, struct jst_local *local);
/** Of all its targets: nobody checks them any more, so nobody could find them well again. */
void jst_health_forget_verdicts(struct jst_health_entry *e);
/** The counter of targets that are down. */
void jst_health_count_down(struct jst_local *local, enum jst_health_verdict was,
                           enum jst_health_verdict is);

/* ---- health_wait.c ---- */

void jst_health_waited_for(struct jst_health_target *t, const struct jst_health_outcome *o);
void jst_health_wait_cancel(struct jst_health_waiter *w);
