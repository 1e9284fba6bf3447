// SPDX-License-Identifier: MIT
#include "upstream/control.h"

#include "upstream/track.h"

bool
jst_control_has(const struct jst_pool *p, const char *identity)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (jst_target_has_identity(&p->v[i], identity)) {
            return true;
        }
    }
    return false;
}

uint32_t
jst_control_told_weight(const struct jst_pool *p, const char *identity)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (jst_target_has_identity(&p->v[i], identity)) {
            return __atomic_load_n(&p->tracking->v[i]->weight_override, __ATOMIC_RELAXED);
        }
    }
    return JST_WEIGHT_OWN;
}

void
jst_control_weight(struct jst_pool *p, const char *identity, uint32_t weight)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (jst_target_has_identity(&p->v[i], identity)) {
            p->tracking->v[i]->override_of = p->v[i].weight;
            __atomic_store_n(&p->tracking->v[i]->weight_override, weight, __ATOMIC_RELAXED);
        }
    }
    jst_states_changed(p->tracking->states);
}

static void
set_draining(struct jst_tstate *t, uint32_t clear, uint32_t set)
{
    (void)__atomic_and_fetch(&t->draining, ~clear, __ATOMIC_RELAXED);
    (void)__atomic_or_fetch(&t->draining, set, __ATOMIC_RELAXED);
}

void
jst_control_drain(struct jst_pool *p, const char *identity, uint64_t drain, uint64_t until_ms)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (jst_target_has_identity(&p->v[i], identity)) {
            struct jst_tstate *t = p->tracking->v[i];

            __atomic_store_n(&t->drain, drain, __ATOMIC_RELAXED);
            __atomic_store_n(&t->drain_until_ms, until_ms, __ATOMIC_RELAXED);
            set_draining(t, JST_DRAIN_TOLD, drain != 0 ? JST_DRAIN_TOLD : 0);
        }
    }
    jst_states_changed(p->tracking->states);
}

/* Calls that are at an older edition of the pool shall not choose it when they try again. */
void
jst_control_removed(struct jst_pool *p, const char *identity)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (jst_target_has_identity(&p->v[i], identity)) {
            set_draining(p->tracking->v[i], 0, JST_DRAIN_REMOVED);
        }
    }
    jst_states_changed(p->tracking->states);
}

void
jst_control_added(struct jst_pool *p, uint32_t target, uint64_t now_ms)
{
    struct jst_tstate *t = p->tracking->v[target];

    __atomic_store_n(&t->drain, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&t->draining, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&t->weight_override, JST_WEIGHT_OWN, __ATOMIC_RELAXED);
    __atomic_store_n(&t->since_ms, now_ms, __ATOMIC_RELAXED);
    jst_states_changed(p->tracking->states);
}

/* Another address of that name, or the name itself before it had one. */
static const struct jst_tstate *
find_sibling(const struct jst_pool *p, const struct jst_target *t)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const struct jst_target *named = p->v[i].named != NULL ? p->v[i].named : &p->v[i];

        if (named->key == t->named->key) {
            return p->tracking->v[i];
        }
    }
    return NULL;
}

void
jst_control_inherit(struct jst_pool *p, const struct jst_pool *before)
{
    for (uint32_t i = 0; p->tracking != NULL && i < p->n; i++) {
        const struct jst_target *t = &p->v[i];
        const struct jst_tstate *from = NULL;

        if (t->named != NULL && jst_pool_find(before, t->key, i) == before->n) {
            from = find_sibling(before, t);
        }
        if (from != NULL) {
            struct jst_tstate *to = p->tracking->v[i];

            to->override_of = from->override_of;
            __atomic_store_n(&to->weight_override, from->weight_override, __ATOMIC_RELAXED);
            __atomic_store_n(&to->drain, from->drain, __ATOMIC_RELAXED);
            __atomic_store_n(&to->drain_until_ms, from->drain_until_ms, __ATOMIC_RELAXED);
            set_draining(to, JST_DRAIN_TOLD, from->draining & JST_DRAIN_TOLD);
        }
    }
}

void
jst_control_mark(struct jst_pool *p, uint64_t drain)
{
    for (uint32_t i = 0; i < p->n; i++) {
        __atomic_store_n(&p->tracking->v[i]->drain, drain, __ATOMIC_RELAXED);
    }
}

void
jst_control_replacing(const struct jst_pool *before, struct jst_pool *next, uint64_t now_ms)
{
    for (uint32_t i = 0; i < next->n; i++) {
        if (jst_pool_find(before, next->v[i].key, i) == before->n) {
            jst_control_added(next, i, now_ms);
        }
    }
}

void
jst_control_replaced(struct jst_pool *before, struct jst_pool *now, uint64_t drain)
{
    for (uint32_t i = 0; i < before->n; i++) {
        struct jst_tstate *t = before->tracking->v[i];

        if (jst_pool_find(now, before->v[i].key, i) == now->n) {
            __atomic_store_n(&t->drain, drain, __ATOMIC_RELAXED);
            set_draining(t, 0, JST_DRAIN_REMOVED);
        } else {
            __atomic_store_n(&t->drain, 0, __ATOMIC_RELAXED);
            __atomic_store_n(&t->draining, 0, __ATOMIC_RELAXED);
        }
    }
    jst_states_changed(now->tracking->states);
}

void
jst_control_settle(struct jst_pool *p)
{
    if (p->tracking == NULL) {
        return;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        struct jst_tstate *t = p->tracking->v[i];

        set_draining(t, JST_DRAIN_REMOVED, 0);
        if (t->override_of != p->v[i].weight) {
            __atomic_store_n(&t->weight_override, JST_WEIGHT_OWN, __ATOMIC_RELAXED);
        }
    }
    jst_states_changed(p->tracking->states);
}
