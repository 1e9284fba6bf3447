// SPDX-License-Identifier: MIT
/* Keys of pools that depend on each other: what rules.c does for the rest. */
#include "conf/fill.h"
#include "conf/nearest.h"

static bool
has_key(const struct jst_part *part, const char *name)
{
    return part->node != NULL && jst_node_find(part->node, name) != NULL;
}

/* What only a request can have would be silently without effect. */
static void
check_health(struct jst_fill *f, const struct jst_part_health *health)
{
    static const char *const of_http[] = {"path", "method", "host", "expect", "body"};

    if (health->type != JOIST_HEALTH_TCP || health->part.node->kind != JST_NODE_TABLE) {
        return;
    }
    for (size_t i = 0; i < JST_COUNT(of_http); i++) {
        if (has_key(&health->part, of_http[i])) {
            jst_diags_error(f->report, jst_rules_place(&health->part, of_http[i]), NULL,
                            "'%s' is for checks with type = \"http\"", of_http[i]);
        }
    }
}

static void
check_sticky(struct jst_fill *f, const struct jst_part_sticky *sticky)
{
    if (sticky->same_site == JOIST_SAME_SITE_NONE && sticky->v.insecure) {
        jst_diags_error(f->report, jst_rules_place(&sticky->part, "insecure"),
                        "browsers drop cookies that say SameSite=None without Secure",
                        "same_site = \"none\" and 'insecure' exclude each other");
    }
}

static bool
is_given(const struct jst_block *block, const struct jst_part *part, const char *name)
{
    return (part->given & 1ull << jst_block_get(block, name)) != 0;
}

/* Of a pool with slots, each of them may have another strategy. */
static void
check_strategy(struct jst_fill *f, const struct jst_block *block, const struct jst_part_pool *pool)
{
    if (pool->slots_n > 0) {
        return;
    }
    if (is_given(block, &pool->part, "hash_key") && pool->strategy != JOIST_STRATEGY_HASH) {
        jst_diags_error(f->report, jst_rules_place(&pool->part, "hash_key"), NULL,
                        "'hash_key' is for strategy = \"hash\"");
    }
    if (is_given(block, &pool->part, "slow_start") && pool->slow_start_ms > 0 &&
        pool->strategy == JOIST_STRATEGY_SINGLE) {
        jst_diags_error(f->report, jst_rules_place(&pool->part, "slow_start"), NULL,
                        "'slow_start' means nothing to strategy = \"single\"");
    }
}

static void
warn_queue(struct jst_fill *f, const struct jst_part_pool *pool)
{
    if (has_key(&pool->part, "queue") && pool->max_inflight == 0 && pool->slots_n == 0) {
        jst_diags_warn(f->report, jst_rules_place(&pool->part, "queue"),
                       "for example: max_inflight = 100",
                       "without 'max_inflight' nobody waits but while the pool is paused");
    }
}

/* A name may have several addresses, each of them a target: that is not known here. */
static bool
is_one_address(const char *url)
{
    const char *host = strstr(url, "://");

    return host == NULL || host[3] == '[' ||
           host[3 + strspn(host + 3, "0123456789.")] ==
               (strchr(host + 3, ':') != NULL ? ':' : '\0');
}

static void
warn_hedge(struct jst_fill *f, const struct jst_part_pool *pool)
{
    if (has_key(&pool->part, "hedge") && pool->targets_n == 1 && !pool->dynamic &&
        pool->targets[0].url != NULL && is_one_address(pool->targets[0].url)) {
        jst_diags_warn(f->report, jst_rules_place(&pool->part, "hedge"), NULL,
                       "'hedge' asks a second target, and there is one alone");
    }
}

/* ---- slots ---- */

static void
check_rule_slot(struct jst_fill *f, const struct jst_part_pool *pool,
                const struct jst_part_slot_rule *rule)
{
    const struct jst_node *node = jst_node_find(rule->part.node, "slot");
    struct jst_nearest near;

    jst_nearest_init(&near, jst_slice_z(rule->slot));
    for (size_t i = 0; i < pool->slots_n; i++) {
        const char *name = pool->slots[i].name;

        if (name != NULL && strcmp(name, rule->slot) == 0) {
            return;
        }
        if (name != NULL) {
            jst_nearest_try(&near, name);
        }
    }
    if (node != NULL && node->expanded) {
        jst_diags_error(f->report, &node->at, NULL, "its value is no slot");
        return;
    }
    jst_diags_error(f->report, node != NULL ? &node->at : &rule->part.node->at,
                    near.best != NULL ? jst_diags_fmt(f->report, "did you mean '%s'?", near.best)
                                      : NULL,
                    "there is no slot '%s'", rule->slot);
}

static void
check_slots(struct jst_fill *f, const struct jst_part_pool *pool)
{
    uint64_t sum = 0;
    bool bad = false;

    for (size_t i = 0; i < pool->slots_n; i++) {
        sum += pool->slots[i].weight;
        bad = bad || pool->slots[i].part.bad;
    }
    if (pool->slots_n > 0 && sum == 0 && !bad) {
        jst_diags_error(f->report, jst_rules_place(&pool->part, "slots"), NULL,
                        "all slots have the weight 0: one must take the requests");
    }
    for (size_t i = 0; i < pool->rules_n && pool->slots_n > 0; i++) {
        if (pool->rules[i].slot != NULL) {
            check_rule_slot(f, pool, &pool->rules[i]);
        }
    }
}

void
jst_rules_check_upstream(struct jst_fill *f, const struct jst_block *block, void *object)
{
    const struct jst_part_pool *pool = object;

    switch (block->id) {
    case JST_BLOCK_HEALTH:
        check_health(f, object);
        return;
    case JST_BLOCK_STICKY:
        check_sticky(f, object);
        return;
    case JST_BLOCK_SLOT:
        check_strategy(f, block, pool);
        warn_queue(f, pool);
        warn_hedge(f, pool);
        return;
    case JST_BLOCK_POOL:
    case JST_BLOCK_ROUTE_POOL:
        check_strategy(f, block, pool);
        warn_queue(f, pool);
        warn_hedge(f, pool);
        check_slots(f, pool);
        return;
    default:
        return;
    }
}
