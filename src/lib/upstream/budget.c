// SPDX-License-Identifier: MIT
#include "upstream/budget.h"

#include "base/bounds.h"

bool
jst_budget_take(struct jst_budget *b, uint32_t percent)
{
    uint64_t share = (uint64_t)__atomic_load_n(&b->requests, __ATOMIC_RELAXED) * percent / 100;
    uint32_t tries = __atomic_add_fetch(&b->tries, 1, __ATOMIC_RELAXED);

    if (percent >= 100 || tries <= JST_MAX(share, JST_RETRY_BUDGET_MIN)) {
        return true;
    }
    jst_budget_give(b, 1);
    return false;
}
