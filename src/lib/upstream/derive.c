// SPDX-License-Identifier: MIT
/* A pool made from another one: other targets, all else the same. */
#include "upstream/pool.h"
#include "upstream/track.h"

#include <stdlib.h>

uint32_t
jst_pool_find(const struct jst_pool *p, const char *key, uint32_t near)
{
    if (near < p->n && p->v[near].key == key) {
        return near;
    }
    if (near + 1 < p->n && p->v[near + 1].key == key) { /* one before it is gone */
        return near + 1;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->v[i].key == key || strcmp(p->v[i].key, key) == 0) {
            return i;
        }
    }
    return p->n;
}

bool
jst_pool_has(const struct jst_pool *p, const char *key)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const struct jst_target *t = &p->v[i];

        if (strcmp(t->key, key) == 0 || (t->named != NULL && strcmp(t->named->key, key) == 0)) {
            return true;
        }
    }
    return false;
}

int
jst_pool_derive(struct jst_pool **out, struct jst_pool *from,
                const struct jst_target *const *targets, uint32_t n, uint64_t now_ms)
{
    struct jst_pool *p = malloc(sizeof(*p) + n * sizeof(p->v[0]));

    if (p == NULL) {
        return JOIST_E_NOMEM;
    }
    *p = (struct jst_pool){
        .base = jst_pool_ref(from->base != NULL ? from->base : from),
        .refs = 1,
        .strategy = from->strategy,
        .idle_max = from->idle_max,
        .even = true,
        .expands = from->expands,
        .n = n,
    };
    for (uint32_t i = 0; i < n; i++) {
        jst_target_copy(&p->v[i], targets[i]);
        p->even = p->even && p->v[i].weight == p->v[0].weight;
    }
    if (from->tracking != NULL && jst_tracking_derive(p, from, now_ms) < 0) {
        jst_pool_unref(&p);
        return JOIST_E_NOMEM;
    }
    *out = p;
    return JOIST_OK;
}
