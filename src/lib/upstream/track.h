// SPDX-License-Identifier: MIT
#pragma once
/*
 * What a pool adds when it wants to know more of its targets than their addresses: their shared
 * state, and what is made of it. Inside upstream/ only.
 *
 * Owner:   an immutable pool, until it is freed. NULL in pools that need none of it: they cost
 *          nothing.
 * Threads: constant, but for the states and two flags, which are atomic.
 */
#include "upstream/hash_ring.h"
#include "upstream/state.h"
#include "upstream/sticky.h"

struct jst_health_conf; /* health_conf.h */

struct jst_tracking {
    bool derived; /* what is owned below is the base pool's, but for v, ring and sticky_index */
    struct jst_states *states;  /* borrowed: the engine's */
    struct jst_pstate *pool;    /* counted; what all configurations' pool of that name share */
    char *name;                 /* owned; the pool's, for logs */
    char *hash_name;            /* owned; of the header or cookie; or NULL */
    struct jst_hash_ring *ring; /* owned; JOIST_STRATEGY_HASH */
    struct jst_sticky *sticky;  /* owned; NULL: clients are not bound */
    struct jst_sticky_index *sticky_index; /* owned, also of a derived one */
    struct jst_health_conf *health;        /* owned; NULL: off. Else each state has a record */
    enum joist_hash_by hash_by;
    struct joist_outlier_conf outlier; /* failures 0: off */
    struct joist_breaker_conf breaker; /* error_percent 0: off */
    struct joist_retry_conf
        retry;          /* attempts 0: as by default; budget_percent counts all the same */
    uint16_t *retry_on; /* owned; retry.on */
    uint64_t hedge_ms;  /* 0: off */
    uint64_t slow_start_ms;
    uint32_t panic_percent;
    uint32_t max_inflight; /* of a target, in all reactors; 0: no limit */
    uint32_t queue_max;    /* who may wait */
    uint64_t queue_ms;     /* and for how long; 0: for ever */
    uint32_t n;
    bool dynamic; /* its targets may be told things: control.c */
    /* what is above is constant, and copied by jst_tracking_derive() */
    bool panicking;         /* atomic: it was said */
    bool judging;           /* atomic: a reactor is about to put one aside */
    struct jst_tstate *v[]; /* counted; as many as the pool has targets */
};

struct jst_pool;

void jst_tracking_destroy(struct jst_tracking **take);

/** For jst_pool_derive(): tracking of `p` like that of `from`, whose base `p` has too. States are
 *  found again; those of targets that are new are since `now_ms`. JOIST_E_NOMEM. */
int jst_tracking_derive(struct jst_pool *p, const struct jst_pool *from, uint64_t now_ms);
