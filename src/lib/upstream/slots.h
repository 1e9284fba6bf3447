// SPDX-License-Identifier: MIT
#pragma once
/*
 * An upstream that is made of slots (generations): which of them takes a request.
 *
 * Job:     the rules of the configuration in their order, then what was said while it runs (this
 *          slot is active, that one gets so many percent), then the configuration's weights.
 * Not:     targets: each slot is a pool, and picks among its own.
 * Flow:    engine/request.c: jst_slots_choose() for each request to such an upstream;
 *          engine/slots.c says what is to change.
 * Owner:   the snapshot. What was said while it runs is shared by all configurations' upstream of
 *          that name (struct jst_pstate), and finds its slots there by name.
 * Threads: jst_slots_choose() any, without a lock: what was said is one atomic word, so that every
 *          reactor sees a change at once and whole. What changes it: one at a time (the engine's
 *          `control` lock). Create and destroy: any.
 * Limits:  JST_SLOTS_MAX slots; twice as many names while two configurations share the state.
 */
#include "http/message.h"
#include "upstream/state.h"

#include <joist/conf.h>

struct jst_rand;
struct jst_slots;
struct jst_upool;
struct jst_slots_told; /* what was said; hangs on jst_pstate */

/** One bit for each slot, in the configuration's order. */
typedef uint32_t jst_slot_set;

/** Compile the slots and rules of a pool that has some. `numbers`: of the slots' pools, for
 *  jst_slots_pool(). JOIST_E_NOMEM; JOIST_E_LIMIT (too many names of slots at once). */
int jst_slots_create(struct jst_slots **out, const struct joist_pool_conf *conf,
                     const size_t *numbers, struct jst_states *states);
void jst_slots_destroy(struct jst_slots **take);

size_t jst_slots_n(const struct jst_slots *s);
/** Number of the slot's pool. */
size_t jst_slots_pool(const struct jst_slots *s, size_t slot);
struct jst_slice jst_slots_name(const struct jst_slots *s, size_t slot);
uint32_t jst_slots_weight(const struct jst_slots *s, size_t slot);
/** Number of the slot with that name; jst_slots_n(): none. */
size_t jst_slots_find(const struct jst_slots *s, struct jst_slice name);

/** The slot for a request with these fields. `usable`: those that have targets at all; of others
 *  none is chosen, whatever rules and weights say, unless all are so. */
size_t jst_slots_choose(const struct jst_slots *s, const struct jst_fields *fields,
                        jst_slot_set usable, struct jst_rand *rand);

/** Those whose pools have targets; `upools`: of all pools, by number. */
jst_slot_set jst_upools_usable(const struct jst_slots *s, struct jst_upool *const *upools);

/* ---- what is said while it runs; each is one atomic change ---- */

/** All that no rule decides goes to this slot; no split any more. */
void jst_slots_switch(struct jst_slots *s, size_t slot);

/** So many percent (0..100) of what no rule decides goes to this slot, the rest as before. */
void jst_slots_split(struct jst_slots *s, size_t slot, uint32_t percent);

/** As the configuration says it. */
void jst_slots_reset(struct jst_slots *s);

/** Nothing goes to it, not by rules either, until one of the calls above names it. */
void jst_slots_close(struct jst_slots *s, size_t slot);

/* ---- reading ---- */

/** The slot that was switched to; jst_slots_n(): none, the weights decide. */
size_t jst_slots_active(const struct jst_slots *s);
bool jst_slots_is_closed(const struct jst_slots *s, size_t slot);

/** Its share of what no rule decides, in 1/10000. */
uint32_t jst_slots_share(const struct jst_slots *s, size_t slot, jst_slot_set usable);

/* ---- inside ---- */

/** FNV-1a, 32 bits. */
uint32_t jst_fnv1a_32(struct jst_slice text);

/** With its jst_pstate. */
void jst_slots_told_free(struct jst_slots_told **take);
