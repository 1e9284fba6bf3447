// SPDX-License-Identifier: MIT
#pragma once
/*
 * One reactor's list of a pool's targets that may be picked now, with their weights of now.
 *
 * Job:     made anew when something has changed (jst_states_epoch()) or a time is over (somebody
 *          comes back, a slow start goes a step on), so that a pick only reads it.
 * Not:     pools that need none: `single`, and turns by equal weights, where nothing is tracked.
 * Owner:   struct jst_upool. Threads: the reactor's.
 */
#include "base/base.h"

struct jst_upool;

/* A target that may be picked. */
struct jst_view_entry {
    uint64_t turn; /* when it is due: see strategy.c; wraps */
    uint64_t sum;  /* of the weights up to and with this one */
    uint32_t target;
    uint32_t weight; /* in JST_WEIGHT_PARTS; a slow start makes it less */
};

struct jst_view_target {
    uint64_t turn;     /* kept while it is not listed */
    uint32_t weight;   /* 0: not listed */
    uint32_t inflight; /* this reactor's requests of this pool */
    bool has_turn;
};

#define JST_WEIGHT_PARTS 16u

/** From one turn to the next. */
static inline uint32_t
jst_view_stride(uint32_t weight)
{
    return (1u << 31) / weight; /* weights end at 65535 * JST_WEIGHT_PARTS: exact to a 2,000th */
}

struct jst_view {
    uint64_t epoch;
    uint64_t until_ms; /* look again then */
    uint64_t
        retry_ms;  /* when the first of those that are not listed comes back; JST_NEVER: unknown */
    uint64_t turn; /* that of the one picked last */
    uint32_t n;
    uint32_t next;     /* turns of equal weights; where ties are searched from */
    uint32_t inflight; /* sum of all targets' */
    bool even;         /* all weights are the same */
    bool panic;        /* too few are in order: all that have an address are listed */
    bool made;
    struct jst_view_target *v; /* one a target */
    struct jst_view_entry list[];
};

/** NULL: no memory. */
struct jst_view *jst_view_create(uint32_t targets);
void jst_view_destroy(struct jst_view **take);

/** Turns of those that are listed, to where jst_view_inherit() looks for them. */
void jst_view_keep_turns(struct jst_view *view);

/** Target `i` goes on with the turn that it had as `was` in `from`. */
void jst_view_inherit(struct jst_view *view, uint32_t i, const struct jst_view *from, uint32_t was);

/** Before each pick. */
void jst_view_refresh(struct jst_upool *p);
