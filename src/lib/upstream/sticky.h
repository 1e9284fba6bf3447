// SPDX-License-Identifier: MIT
#pragma once
/*
 * Affinity: the same client to the same target. Inside upstream/ only.
 *
 * Job:     say whom a call's client is bound to; bind it to who answers; set our own cookie, and
 *          keep it from the origin.
 * Not:     whether that target can take it: pick.c.
 * Flow:    jst_upool_pick() -> jst_sticky_find() -> that target, or another by the pool's strategy,
 *          then jst_sticky_bind() -> the final head, in account.c -> jst_sticky_head().
 * Owner:   struct jst_sticky: the pool that was configured, copies of it share it. The table: the
 *          state of that pool's name.
 * Threads: constant, but for the table (sticky_table.h). Calls are their reactor's.
 */
#include "upstream/upstream.h"

struct jst_pstate;
struct jst_sticky;
struct jst_sticky_index;
struct jst_tracking;

/** `conf` is copied; the table of `shared` is made, or gets another maximum. JOIST_E_NOMEM. */
int jst_sticky_create(struct jst_sticky **out, const struct joist_sticky_conf *conf,
                      struct jst_pstate *shared);
void jst_sticky_destroy(struct jst_sticky **take);

/** The targets of `t` by what stands for them. NULL: no memory. */
struct jst_sticky_index *jst_sticky_index_create(const struct jst_tracking *t);
void jst_sticky_index_destroy(struct jst_sticky_index **take);

/** Number of the target that the call's client is bound to; -1: nobody, or one that is gone. The
 *  first time our own cookie is taken out of what will be sent. */
int jst_sticky_find(const struct jst_upool *p, struct jst_call *call);

/** It was bound to nobody, or to one that cannot take it: now to that one. */
void jst_sticky_bind(const struct jst_upool *p, struct jst_call *call, uint32_t target);

/** The final head has come from call->target: what the client gets, `head` itself or `copy`. */
const struct jst_head *jst_sticky_head(struct jst_call *call, const struct jst_head *head,
                                       struct jst_head *copy);
