// SPDX-License-Identifier: MIT
#pragma once
/*
 * One call's pick: what its pool's strategy chooses among the listed targets that fit the call.
 *
 * Job:     strategy.c chooses; pick.c says what fits, whether the chosen one may go, and what else
 *          there is if it may not.
 * Threads: the reactor's.
 */
#include "upstream/live.h"

struct jst_ask {
    struct jst_upool *p;
    const struct jst_call *call;
    bool picky; /* not all that are listed fit */
    bool again; /* those that it has been to fit too */
    bool look;  /* take nothing: others wait already */
    bool full;  /* found out: one that it could go to has no slot free */
};

/* ---- strategy.c ---- */

/** A listed target that fits (one at least is listed); -1: none was found, which does not say that
 *  there is none. */
int jst_strategy_choose(const struct jst_ask *a);

/** Below `below`, each as likely. */
uint64_t jst_strategy_draw(struct jst_upool *p, uint64_t below);

/* ---- pick.c ---- */

/** Of a picky one. */
bool jst_ask_takes(const struct jst_ask *a, uint32_t i);

static inline bool
jst_ask_fits(const struct jst_ask *a, uint32_t i)
{
    return !a->picky || jst_ask_takes(a, i);
}
