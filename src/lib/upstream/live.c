// SPDX-License-Identifier: MIT
#include "upstream/live.h"

#include <stdlib.h>

#define BUCKETS_FIRST 16u

/* ---- live targets by identity ---- */

static struct jst_live **
find_place(const struct jst_upstreams *u, struct jst_slice key, uint64_t hash)
{
    struct jst_live **at = &u->buckets[hash & (u->buckets_n - 1)];

    while (*at != NULL && ((*at)->hash != hash || !jst_slice_eq(jst_slice_z((*at)->key), key))) {
        at = &(*at)->next;
    }
    return at;
}

static int
grow_buckets(struct jst_upstreams *u)
{
    uint32_t n = u->buckets_n > 0 ? u->buckets_n * 2 : BUCKETS_FIRST;
    struct jst_live **buckets = calloc(n, sizeof(struct jst_live *));

    if (buckets == NULL) {
        return JOIST_E_NOMEM;
    }
    for (uint32_t i = 0; i < u->buckets_n; i++) {
        struct jst_live *live;

        while ((live = u->buckets[i]) != NULL) {
            u->buckets[i] = live->next;
            live->next = buckets[live->hash & (n - 1)];
            buckets[live->hash & (n - 1)] = live;
        }
    }
    free(u->buckets);
    u->buckets = buckets;
    u->buckets_n = n;
    return JOIST_OK;
}

static struct jst_live *
make_live(struct jst_upstreams *u, struct jst_slice key, uint64_t hash)
{
    struct jst_live *live = calloc(1, sizeof(*live));

    JST_ASSERT(key.n > 0);
    if (live == NULL) {
        return NULL;
    }
    live->key = malloc(key.n + 1);
    if (live->key == NULL) {
        free(live);
        return NULL;
    }
    memcpy(live->key, key.p, key.n);
    live->key[key.n] = '\0';
    live->magic = JST_LIVE_MAGIC;
    live->hash = hash;
    live->u = u;
    jst_list_init(&live->idle);
    jst_list_init(&live->busy);
    return live;
}

static struct jst_live *
acquire_live(struct jst_upstreams *u, const char *key_z)
{
    struct jst_slice key = jst_slice_z(key_z);
    uint64_t hash = jst_hash(key, 0);
    struct jst_live **at;

    if (u->lives_n >= u->buckets_n && grow_buckets(u) < 0 && u->buckets_n == 0) {
        return NULL;
    }
    at = find_place(u, key, hash);
    if (*at == NULL) {
        *at = make_live(u, key, hash);
        if (*at == NULL) {
            return NULL;
        }
        u->lives_n++;
    }
    (*at)->refs++;
    return *at;
}

static struct jst_client *
client_at(struct jst_list *node)
{
    return JST_CONTAINER(node, struct jst_client, pool_link);
}

static void
close_idle(struct jst_live *live)
{
    JST_LIST_FOREACH (node, &live->idle) {
        struct jst_client *c = client_at(node);

        c->ops->retire(c);
    }
}

static void
cut_busy(struct jst_live *live, int why)
{
    /* Cutting one may end others: always the first. */
    while (!jst_list_is_empty(&live->busy)) {
        struct jst_client *c = client_at(live->busy.next);

        c->ops->cut(c, why);
    }
}

static void
release_live(struct jst_live *live)
{
    struct jst_upstreams *u = live->u;
    struct jst_live **at;

    if (--live->refs > 0) {
        return;
    }
    at = find_place(u, jst_slice_z(live->key), live->hash);
    JST_ASSERT(*at == live);
    *at = live->next;
    u->lives_n--;
    close_idle(live);
    cut_busy(live, JOIST_E_CANCELED); /* only what flushes the rest of a tunnel can be left */
    live->magic = 0;
    free(live->key);
    free(live);
}

/* ---- what clients tell ---- */

static struct jst_live *
live_of(void *ctx)
{
    struct jst_live *live = ctx;

    JST_ASSERT_HOT(live->magic == JST_LIVE_MAGIC);
    return live;
}

static void
set_idle(struct jst_live *live, struct jst_client *c, bool idle)
{
    if (c->pool_idle == idle) {
        return;
    }
    c->pool_idle = idle;
    if (idle) {
        live->idle_n++;
        JST_STAT_ADD(live->u->local, upstream_idle, 1);
    } else {
        live->idle_n--;
        JST_STAT_SUB(live->u->local, upstream_idle, 1);
    }
}

static void
on_idle(struct jst_client *c, void *ctx)
{
    struct jst_live *live = live_of(ctx);

    JST_ASSERT_HOT(!c->pool_idle);
    jst_list_remove(&c->pool_link);
    jst_list_insert(live->idle.next, &c->pool_link); /* before the first */
    set_idle(live, c, true);
    if (live->u->closing) {
        c->ops->retire(c);
    } else if (live->idle_n > live->idle_max) {
        struct jst_client *oldest = client_at(live->idle.prev);

        oldest->ops->retire(oldest);
    }
}

static void
on_gone(struct jst_client *c, void *ctx, int why)
{
    (void)why;
    set_idle(live_of(ctx), c, false);
    jst_list_remove(&c->pool_link);
}

static bool
on_lost(void *ctx, struct jst_call *call, int why)
{
    return jst_call_restart(live_of(ctx), call, why);
}

const struct jst_client_events jst_live_events = {
    .on_idle = on_idle,
    .on_gone = on_gone,
    .on_lost = on_lost,
};

struct jst_client *
jst_live_take_idle(struct jst_live *live, bool probe)
{
    while (!jst_list_is_empty(&live->idle)) {
        struct jst_client *c = client_at(live->idle.next);

        if (probe && !c->ops->probe(c)) {
            c->ops->retire(c); /* leaves the list */
            continue;
        }
        set_idle(live, c, false);
        jst_list_remove(&c->pool_link);
        jst_list_insert(&live->busy, &c->pool_link);
        return c;
    }
    return NULL;
}

/* ---- life ---- */

int
jst_upstreams_create(struct jst_upstreams **out, struct jst_local *local, jst_client_open_f *open)
{
    struct jst_upstreams *u = calloc(1, sizeof(*u));

    if (u == NULL) {
        return JOIST_E_NOMEM;
    }
    u->local = local;
    u->open = open;
    u->refs = 1;
    *out = u;
    return JOIST_OK;
}

static void
unref(struct jst_upstreams *u)
{
    if (--u->refs == 0) {
        JST_ASSERT(u->lives_n == 0);
        free(u->buckets);
        free(u);
    }
}

void
jst_upstreams_close_idle(struct jst_upstreams *u)
{
    for (uint32_t i = 0; i < u->buckets_n; i++) {
        for (struct jst_live *live = u->buckets[i]; live != NULL; live = live->next) {
            close_idle(live);
        }
    }
}

/* The first that has something to cut; cutting may release pools, and so change the table. */
static struct jst_live *
find_busy(const struct jst_upstreams *u)
{
    for (uint32_t i = 0; i < u->buckets_n; i++) {
        for (struct jst_live *live = u->buckets[i]; live != NULL; live = live->next) {
            if (!jst_list_is_empty(&live->busy)) {
                return live;
            }
        }
    }
    return NULL;
}

void
jst_upstreams_destroy(struct jst_upstreams **take)
{
    struct jst_upstreams *u = *take;
    struct jst_live *live;

    *take = NULL;
    if (u == NULL) {
        return;
    }
    u->closing = true;
    jst_upstreams_close_idle(u);
    while ((live = find_busy(u)) != NULL) {
        struct jst_client *c = client_at(live->busy.next);

        c->ops->cut(c, JOIST_E_CANCELED);
    }
    unref(u);
}

int
jst_upool_acquire(struct jst_upool **out, struct jst_upstreams *u, const struct jst_pool *pool,
                  uint64_t keepalive_ms)
{
    struct jst_upool *p = calloc(1, sizeof(*p) + pool->n * sizeof(p->v[0]));

    if (p == NULL) {
        return JOIST_E_NOMEM;
    }
    p->u = u;
    p->pool = pool;
    u->refs++;
    for (uint32_t i = 0; i < pool->n; i++) {
        struct jst_live *live = acquire_live(u, pool->v[i].key);

        if (live == NULL) {
            jst_upool_release(&p);
            return JOIST_E_NOMEM;
        }
        live->keepalive_ms = keepalive_ms;
        live->idle_max = pool->idle_max;
        p->v[i].live = live;
    }
    if (pool->n > 0) { /* reactors shall not all begin with the same one */
        p->next = (uint32_t)(jst_rand_next(&u->local->rand) % pool->n);
    }
    *out = p;
    return JOIST_OK;
}

void
jst_upool_release(struct jst_upool **take)
{
    struct jst_upool *p = *take;

    *take = NULL;
    if (p == NULL) {
        return;
    }
    for (uint32_t i = 0; i < p->pool->n && p->v[i].live != NULL; i++) {
        release_live(p->v[i].live);
    }
    unref(p->u);
    free(p);
}
