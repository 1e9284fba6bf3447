// SPDX-License-Identifier: MIT
#include "upstream/live.h"

static bool
is_usable(const struct jst_upool *p, uint32_t i)
{
    return jst_target_addrs(&p->pool->v[i]) != NULL;
}

static int
pick_in_turn(struct jst_upool *p)
{
    uint32_t n = p->pool->n;

    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = p->next;

        p->next = i + 1 < n ? i + 1 : 0;
        if (is_usable(p, i)) {
            return (int)i;
        }
    }
    return -1;
}

/* Each target's claim grows by its weight; the largest claim is served and pays the sum. That
 * spreads a heavy target's turns between the others' (5,1,1 gives a a b a c a a). */
static int
pick_weighted(struct jst_upool *p)
{
    int64_t sum = 0;
    int best = -1;

    for (uint32_t i = 0; i < p->pool->n; i++) {
        if (!is_usable(p, i)) {
            continue;
        }
        p->v[i].current += p->pool->v[i].weight;
        sum += p->pool->v[i].weight;
        if (best < 0 || p->v[i].current > p->v[best].current) {
            best = (int)i;
        }
    }
    if (best >= 0) {
        p->v[best].current -= sum;
    }
    return best;
}

int
jst_upool_pick(struct jst_upool *p)
{
    if (p->pool->n == 0) {
        return -1;
    }
    switch (p->pool->strategy) {
    case JOIST_STRATEGY_SINGLE:
        return is_usable(p, 0) ? 0 : -1;
    case JOIST_STRATEGY_ROUND_ROBIN:
        return p->pool->even ? pick_in_turn(p) : pick_weighted(p);
    }
    JST_UNREACHABLE();
}
