// SPDX-License-Identifier: MIT
/* Slots start from what their pool says, its tables included. */
#include "conf/fill.h"

/* A cookie and a header exclude each other: of `sticky`, what a slot says takes the place of all
 * that its pool says. */
static void
inherit_tables(struct jst_fill *f, const struct jst_part_pool *pool)
{
    f->inherit[JST_BLOCK_HEALTH] = pool->health;
    f->inherit[JST_BLOCK_OUTLIER] = pool->outlier;
    f->inherit[JST_BLOCK_BREAKER] = pool->breaker;
    f->inherit[JST_BLOCK_RETRY] = pool->retry;
    f->inherit[JST_BLOCK_HEDGE] = pool->hedge;
    f->inherit[JST_BLOCK_QUEUE] = pool->queue;
}

void
jst_fill_inherit_slot(struct jst_fill *f, struct jst_part_pool *from,
                      const struct jst_part_pool *pool)
{
    *from = *pool;
    from->name = NULL;
    from->targets = NULL;
    from->targets_n = 0;
    from->rules = NULL;
    from->rules_n = 0;
    from->weight = 1; /* the schema's default */
    f->inherit[JST_BLOCK_SLOT] = from;
    inherit_tables(f, pool);
}

void
jst_fill_inherit_slot_end(struct jst_fill *f)
{
    static const struct jst_part_pool none;

    f->inherit[JST_BLOCK_SLOT] = NULL;
    inherit_tables(f, &none);
}
