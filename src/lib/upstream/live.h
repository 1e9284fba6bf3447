// SPDX-License-Identifier: MIT
#pragma once
/*
 * The living side of pools on one reactor: targets by identity, their idle connections, the
 * pointers of the strategies. Inside upstream/ only.
 *
 * Owner:   jst_upstreams owns the live targets; each upool holds a count on its own. The struct
 *          itself stays until the last upool has let go.
 * Threads: the reactor's.
 */
#include "upstream/pool.h"

#define JST_LIVE_MAGIC 0x6c697665u /* "live" */

struct jst_live {
    struct jst_live *next;   /* in its bucket */
    char *key;               /* owned */
    struct jst_upstreams *u; /* borrowed */
    struct jst_list idle;    /* clients, most recently used first */
    struct jst_list busy;    /* clients with a call, or on their way out */
    uint64_t keepalive_ms;   /* of the newest pool that names it, as is idle_max */
    uint64_t hash;
    uint32_t refs; /* upools */
    uint32_t idle_n;
    uint32_t idle_max;
    uint32_t addr_at; /* the address that worked last */
    uint32_t magic;   /* it travels as the clients' ev_ctx */
};

struct jst_upstreams {
    struct jst_local *local; /* borrowed */
    jst_client_open_f *open;
    struct jst_live **buckets; /* owned */
    uint32_t buckets_n;        /* a power of two */
    uint32_t lives_n;
    uint32_t refs; /* its creator, and upools */
    bool closing;  /* destroyed: nothing new is begun */
};

struct jst_upool_target {
    struct jst_live *live; /* counted */
    int64_t current;       /* smooth weighted round robin */
};

struct jst_upool {
    struct jst_upstreams *u;     /* counted */
    const struct jst_pool *pool; /* borrowed from the snapshot */
    uint32_t next;               /* plain round robin */
    struct jst_upool_target v[];
};

/** Number of the target for the next call, or -1 if none has an address. */
int jst_upool_pick(struct jst_upool *p);

/** An idle connection, most recently used first, now busy; NULL if there is none. `probe`: only one
 *  that is surely alive. */
struct jst_client *jst_live_take_idle(struct jst_live *live, bool probe);

/** What clients tell; their context is the live target. */
extern const struct jst_client_events jst_live_events;

/** In call.c: may the call be run again? Then it was started. */
bool jst_call_restart(struct jst_live *live, struct jst_call *call, int why);
