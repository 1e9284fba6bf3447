// SPDX-License-Identifier: MIT
#pragma once
/*
 * A loop, a pool of fake connections, and callers that remember how their call ended.
 */
#include "fake.h"
#include "upstream/resolve_int.h"
#include "upstream/state.h"

struct rig {
    struct jst_local local;
    struct jst_states *states;
    struct jst_pool *pool;
    struct jst_upool *upool;
    struct jst_name *name; /* see rig_give_addrs() */
};

struct caller {
    struct jst_call call;
    struct jst_head req;
    struct jst_sink sink;
    struct jst_arena arena;
    struct joist_timeouts_conf timeouts;
    struct jst_slice target;
    int why;
    uint16_t status; /* of the head that came */
    unsigned ends;
};

void rig_make_pool(struct jst_pool **out, const struct joist_pool_conf *conf);
void rig_init_conf(struct rig *r, const struct joist_pool_conf *conf);

void rig_init(struct rig *r, const char *const *urls, const uint32_t *weights, size_t n,
              enum joist_strategy strategy);
/* With one target whose TLS is set. */
void rig_init_tls(struct rig *r, const char *url, const struct joist_target_tls_conf *tls);
/* Another reactor, with the same pool and clock; before the first one's fini, its own. */
void rig_init_beside(struct rig *r, const struct rig *first);
void rig_fini_beside(struct rig *r);
/* Every fake must be gone then. */
void rig_fini(struct rig *r);

/* One turn of the loop: what was posted. */
void rig_turn(struct rig *r);

/* All calls under way end well, idle connections are closed. */
void rig_finish(struct rig *r);

/* What a resolver would have found: `n` addresses for the first target, ports 2000 and up. */
void rig_give_addrs(struct rig *r, uint32_t n);

/* Another clock: `ms` later. */
void rig_wait(struct rig *r, uint64_t ms);
uint64_t rig_now_ms(const struct rig *r);

/* A caller whose call is not begun. */
void rig_prepare(struct caller *c, enum jst_method method);
void run_call(struct rig *r, struct caller *c, enum jst_method method);
/* `to`: what it wants to switch to. */
void run_upgrade(struct rig *r, struct caller *c, struct jst_slice to);
void run_many(struct rig *r, struct caller *v, size_t n);
