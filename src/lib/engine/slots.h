// SPDX-License-Identifier: MIT
#pragma once
/*
 * What slots.c and deploy.c share: finding a slot of the current configuration.
 *
 * Threads: the caller's, with the engine's `control` lock held.
 */
#include "engine/upstream_change.h"

#include <joist/upstream.h>

struct jst_slot_at {
    struct jst_slots *slots;
    const char *upstream;
    size_t slot;
    size_t pool; /* number of the slot's pool */
};

/** `slot` NULL: only the upstream. JOIST_E_STATE, JOIST_E_NOTFOUND, JOIST_E_UNSUPPORTED (no slots).
 */
int jst_slot_find(struct jst_slot_at *out, struct joist_engine *e, const char *pool,
                  const char *slot, struct joist_err *err);

/** Slots of the current configuration that have targets. */
jst_slot_set jst_slot_usable(const struct joist_engine *e, const struct jst_slots *slots);

/** For joist_upstream_read(): the slots of out->name, in `arena`. Takes the lock. JOIST_E_NOMEM. */
int jst_slots_read(struct joist_upstream_state *out, struct joist_engine *e,
                   struct jst_arena *arena);
