// SPDX-License-Identifier: MIT
#pragma once
/*
 * Retry budget: how many further tries of a pool's requests may be under way, in all reactors.
 *
 * Job:     when all targets are in trouble, tries must not double what they get.
 * Flow:    jst_budget_enter() with each request -> jst_budget_take() before a further try or a
 *          hedge -> both given back when the request is over.
 * Owner:   struct jst_pstate. Threads: any; two atomic numbers.
 */
#include "base/base.h"

struct jst_budget {
    uint32_t requests; /* atomic; under way, of pools that try again */
    uint32_t tries;    /* atomic; those of them that are, or wait for, a further try */
};

static inline void
jst_budget_enter(struct jst_budget *b)
{
    (void)__atomic_add_fetch(&b->requests, 1, __ATOMIC_RELAXED);
}

static inline void
jst_budget_leave(struct jst_budget *b)
{
    (void)__atomic_sub_fetch(&b->requests, 1, __ATOMIC_RELAXED);
}

/** One more, of `percent` of the requests under way; 100: any number. */
bool jst_budget_take(struct jst_budget *b, uint32_t percent);

static inline void
jst_budget_give(struct jst_budget *b, uint32_t n)
{
    (void)__atomic_sub_fetch(&b->tries, n, __ATOMIC_RELAXED);
}
