// SPDX-License-Identifier: MIT
/*
 * Pools whose targets change while calls are under way: a reactor gets another upool in the place
 * of the one before, which lives until the last call that was at it is over.
 */
#include "upstream/live.h"

void
jst_upool_keep_at(struct jst_upool *p, struct jst_upool *const *current)
{
    p->current = current;
}

static void
push_hold(struct jst_call *call, struct jst_upool_hold *hold, struct jst_upool *p)
{
    p->refs++;
    hold->upool = p;
    hold->next = *call->holds;
    *call->holds = hold;
}

void
jst_call_hold(struct jst_call *call)
{
    if (call->holds != NULL) {
        push_hold(call, &call->hold, call->upool);
    }
}

void
jst_upool_let_go(struct jst_upool_hold **holds)
{
    struct jst_upool_hold *next;

    for (struct jst_upool_hold *hold = *holds; hold != NULL; hold = next) {
        next = hold->next;
        jst_upool_release(&hold->upool);
    }
    *holds = NULL;
}

/* Where the call has been is told by numbers: they are others there. */
static void
translate_tried(struct jst_call *call, const struct jst_pool *from, const struct jst_pool *to)
{
    uint8_t n = 0;

    for (uint8_t i = 0; i < call->tried_n; i++) {
        uint32_t there = jst_pool_find(to, from->v[call->tried[i]].key, call->tried[i]);

        if (there < to->n) {
            call->tried[n++] = there;
        }
    }
    call->tried_n = n;
}

void
jst_call_follow(struct jst_call *call)
{
    struct jst_upool *p = call->upool;
    struct jst_upool *now = p->current != NULL ? *p->current : p;
    struct jst_upool_hold *hold;

    if (JST_LIKELY(now == p) || call->holds == NULL) {
        return;
    }
    hold = jst_arena_alloc(call->arena, sizeof(*hold));
    if (hold == NULL) { /* what is gone is not chosen there either: it says so itself */
        return;
    }
    push_hold(call, hold, now);
    translate_tried(call, p->pool, now->pool);
    call->upool = now;
}
