// SPDX-License-Identifier: MIT
#pragma once
/*
 * What targets are told from outside while they run: another weight, to drain, that they were
 * removed; and what is cut when a drain's time is over.
 *
 * Flow:    engine/upstream.c -> jst_control_*() writes the shared states (state.h), then
 *          jst_states_changed(); each reactor sees it at its next pick. Deadlines go to the
 *          reactors: jst_cut_plan().
 * Threads: jst_control_*(): any, one at a time (the engine's `control` lock). jst_cut_*(): the
 *          reactor's.
 */
#include "upstream/pool.h"

#define JST_IDENTITY_BYTES 512u

/** Of an identity (jst_target_identity()); "": of every target. */
bool jst_control_has(const struct jst_pool *p, const char *identity);

/** Each for the targets of that identity in a tracked pool. */
void jst_control_weight(struct jst_pool *p, const char *identity, uint32_t weight);
/** What the first of them was told. */
uint32_t jst_control_told_weight(const struct jst_pool *p, const char *identity);
/** `drain`: a number of this drain, by which jst_cut_plan() finds its calls; 0: the drain is over.
 *  `until_ms`: its deadline, by the monotonic clock; clients that are bound there come until then.
 */
void jst_control_drain(struct jst_pool *p, const char *identity, uint64_t drain, uint64_t until_ms);
void jst_control_removed(struct jst_pool *p, const char *identity);
/** It is in the pool anew: whatever it was told before. */
void jst_control_added(struct jst_pool *p, uint32_t target, uint64_t now_ms);

/** New addresses of names are told what those of the same name were told. `before`: the pool whose
 *  place `p` is about to take. */
void jst_control_inherit(struct jst_pool *p, const struct jst_pool *before);

/** `next` is about to take the place of `before`: what was told to its new targets when they were
 *  in the pool some time ago counts no more. */
void jst_control_replacing(const struct jst_pool *before, struct jst_pool *next, uint64_t now_ms);
/** It has: targets that are gone drain by that number (0: without one) and are removed, those that
 *  stay are ready. */
void jst_control_replaced(struct jst_pool *before, struct jst_pool *now, uint64_t drain);

/** What runs at any of its targets is found by that number (0: by none); they take requests as
 *  before. */
void jst_control_mark(struct jst_pool *p, uint64_t drain);

/** The pool is of the current configuration now: none of its targets is removed, and told weights
 *  hold as long as the configuration's stay. */
void jst_control_settle(struct jst_pool *p);

/* ---- on a reactor ---- */

struct jst_cut_plan {
    uint64_t drain;
    uint64_t after_ms; /* JST_NEVER: not */
    enum joist_tunnel_policy tunnels;
};

/** Calls that the drain has found at its targets are cut then, tunnels by their policy.
 *  JOIST_E_NOMEM, JOIST_E_LIMIT. */
int jst_cut_begin(struct jst_upstreams *u, const struct jst_cut_plan *plan);

/** With its reactor's side: no deadline comes any more. */
void jst_cut_forget_all(struct jst_upstreams *u);
