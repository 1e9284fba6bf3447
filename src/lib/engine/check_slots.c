// SPDX-License-Identifier: MIT
/* A pool that is made of slots: each is another pool, and rules say who goes where. */
#include "base/bounds.h"
#include "engine/check.h"

#define WRONG(r, pos, ...) jst_report_at((r), JOIST_LOG_ERROR, JOIST_E_INVAL, (pos), __VA_ARGS__)

static bool
is_same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static const struct joist_pool_conf *
find_pool(const struct joist_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->pools_n; i++) {
        if (is_same(conf->pools[i].name, name)) {
            return &conf->pools[i];
        }
    }
    return NULL;
}

static void
check_slot(struct jst_report *r, const struct joist_conf *conf, const struct joist_pool_conf *p,
           size_t i)
{
    const struct joist_slot_conf *slot = &p->slots[i];
    const struct joist_pool_conf *pool = find_pool(conf, slot->pool);

    if (slot->name == NULL || slot->name[0] == '\0') {
        WRONG(r, &slot->pos, "upstream '%s': a slot needs a name", p->name);
    }
    if (pool == NULL) {
        WRONG(r, &slot->pos, "there is no upstream '%s'", slot->pool != NULL ? slot->pool : "");
    } else if (pool->slots_n > 0) {
        WRONG(r, &slot->pos, "upstream '%s' has slots, and cannot be one", slot->pool);
    }
    if (slot->weight > 65535) {
        WRONG(r, &slot->pos, "the weight of a slot is from 0 to 65535, not %u", slot->weight);
    }
    for (size_t j = 0; j < i; j++) {
        if (is_same(p->slots[j].name, slot->name)) {
            WRONG(r, &slot->pos, "upstream '%s': slot '%s' is there twice", p->name, slot->name);
        }
    }
}

static void
check_rule(struct jst_report *r, const struct joist_pool_conf *p,
           const struct joist_slot_rule_conf *rule)
{
    bool found = false;

    for (size_t i = 0; i < p->slots_n; i++) {
        found = found || is_same(p->slots[i].name, rule->slot);
    }
    if (!found) {
        WRONG(r, &rule->pos, "upstream '%s': there is no slot '%s'", p->name,
              rule->slot != NULL ? rule->slot : "");
    }
    if ((rule->header == NULL) == (rule->cookie == NULL)) {
        WRONG(r, &rule->pos, "upstream '%s': a rule looks at a header or at a cookie", p->name);
    }
    if (rule->percent > 100) {
        WRONG(r, &rule->pos, "upstream '%s': a rule's percent is from 0 to 100, not %u", p->name,
              rule->percent);
    }
}

void
jst_report_slots(struct jst_report *r, const struct joist_conf *conf,
                 const struct joist_pool_conf *p)
{
    uint64_t sum = 0;

    if (p->slots_n == 0) {
        if (p->slot_rules_n > 0) {
            WRONG(r, &p->pos, "upstream '%s' has rules, but no slots", p->name);
        }
        return;
    }
    if (p->targets_n > 0) {
        WRONG(r, &p->pos, "upstream '%s' has slots, and cannot have targets too", p->name);
    }
    if (p->slots_n > JST_SLOTS_MAX) {
        WRONG(r, &p->pos, "upstream '%s': there are at most %u slots, not %zu", p->name,
              JST_SLOTS_MAX, p->slots_n);
        return;
    }
    for (size_t i = 0; i < p->slots_n; i++) {
        check_slot(r, conf, p, i);
        sum += p->slots[i].weight;
    }
    if (sum == 0) {
        WRONG(r, &p->pos, "upstream '%s': all slots have the weight 0", p->name);
    }
    for (size_t i = 0; i < p->slot_rules_n; i++) {
        check_rule(r, p, &p->slot_rules[i]);
    }
}
