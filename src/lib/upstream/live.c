// SPDX-License-Identifier: MIT
#include "upstream/control.h"
#include "upstream/guard.h"

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

/* Where a piece of one key is in its copy. */
static struct jst_slice
same_piece(const char *copy, const char *key, struct jst_slice piece)
{
    return piece.n > 0 ? jst_slice(copy + (piece.p - key), piece.n) : JST_SLICE_NONE;
}

static struct jst_live *
make_live(struct jst_upstreams *u, const struct jst_target *t, uint64_t hash)
{
    struct jst_live *live = calloc(1, sizeof(*live));

    if (live == NULL) {
        return NULL;
    }
    live->u = u;
    live->key = strdup(t->key);
    if (live->key == NULL || jst_live_trim_init(live) < 0 || jst_wait_init(live) < 0) {
        jst_timer_fini(u->local->loop, &live->trim);
        free(live->key);
        free(live);
        return NULL;
    }
    live->magic = JST_LIVE_MAGIC;
    live->hash = hash;
    live->name = same_piece(live->key, t->key, t->label);
    live->tls_name = same_piece(live->key, t->key, t->tls_name);
    live->proxy_version = t->proxy_version;
    live->direct = (t->tls == NULL && !t->h2c) || t->proxy_version > 0;
    live->lanes[JST_LANE_ANY].proto = t->h2c                         ? JST_LANE_H2
                                      : t->tls != NULL && !t->tls_h1 ? JST_LANE_H1
                                                                     : JST_LANE_UNKNOWN;
    live->lanes[JST_LANE_UPGRADE].proto = JST_LANE_H1;
    if (t->dns == NULL && t->addrs != NULL) {
        live->own_addr = jst_addr_id(&t->addrs->v[0]);
    }
    if (t->dns != NULL) {
        const struct jst_addrs *addrs = jst_name_addrs(t->dns);

        live->dns = jst_name_ref(t->dns);
        live->addrs_version = addrs != NULL ? addrs->version : 0;
        live->addr_at = (uint32_t)jst_rand_next(&u->local->rand); /* as with targets */
    }
    jst_list_init(&live->idle);
    jst_list_init(&live->room);
    jst_list_init(&live->busy);
    return live;
}

static struct jst_live *
acquire_live(struct jst_upstreams *u, const struct jst_target *t)
{
    struct jst_slice key = jst_slice_z(t->key);
    uint64_t hash = jst_hash(key, 0);
    struct jst_live **at;

    if (u->lives_n >= u->buckets_n && grow_buckets(u) < 0 && u->buckets_n == 0) {
        return NULL;
    }
    at = find_place(u, key, hash);
    if (*at == NULL) {
        *at = make_live(u, t, hash);
        if (*at == NULL) {
            return NULL;
        }
        u->lives_n++;
    }
    (*at)->refs++;
    return *at;
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
    jst_live_close_idle(live, 0);
    /* Only dials that nobody waits for, and what flushes the rest of a tunnel, can be left. */
    while (jst_live_cut_one(live, JOIST_E_CANCELED)) {
    }
    jst_wait_fini(live);
    jst_timer_fini(u->local->loop, &live->trim);
    live->magic = 0;
    jst_name_unref(&live->dns);
    free(live->key);
    free(live);
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
    jst_list_init(&u->calls);
    jst_list_init(&u->cuts);
    jst_list_init(&u->guards);
    if (jst_queued_init(u) < 0) {
        free(u);
        return JOIST_E_NOMEM;
    }
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
            jst_live_close_idle(live, 0);
        }
    }
}

void
jst_upstreams_refresh(struct jst_upstreams *u)
{
    for (uint32_t i = 0; i < u->buckets_n; i++) {
        for (struct jst_live *live = u->buckets[i]; live != NULL; live = live->next) {
            jst_live_refresh(live);
        }
    }
}

/* Cut the first that is there; cutting may release pools, and so change the table. */
static bool
cut_first(const struct jst_upstreams *u)
{
    for (uint32_t i = 0; i < u->buckets_n; i++) {
        for (struct jst_live *live = u->buckets[i]; live != NULL; live = live->next) {
            if (jst_live_cut_one(live, JOIST_E_CANCELED)) {
                return true;
            }
        }
    }
    return false;
}

void
jst_upstreams_destroy(struct jst_upstreams **take)
{
    struct jst_upstreams *u = *take;

    *take = NULL;
    if (u == NULL) {
        return;
    }
    u->closing = true;
    jst_cut_forget_all(u);
    jst_queued_fail_all(u, JOIST_E_CANCELED);
    jst_upstreams_close_idle(u);
    while (cut_first(u)) {
    }
    for (uint32_t i = 0; i < u->buckets_n; i++) {
        for (struct jst_live *live = u->buckets[i]; live != NULL; live = live->next) {
            jst_wait_fail_all(live, JOIST_E_CANCELED);
        }
    }
    while (!jst_list_is_empty(&u->guards)) {
        jst_guard_close(JST_CONTAINER(u->guards.next, struct jst_guard, link), JOIST_E_CANCELED);
    }
    jst_queued_fini(u);
    unref(u);
}

/* Plain pools read their targets alone. */
static bool
needs_view(const struct jst_pool *pool)
{
    bool plain = pool->strategy == JOIST_STRATEGY_SINGLE ||
                 (pool->strategy == JOIST_STRATEGY_ROUND_ROBIN && pool->even);

    return pool->tracking != NULL || !plain;
}

/* The same target in a pool that this one takes the place of: nothing has to be looked up. */
static struct jst_live *
inherit_live(struct jst_upool *p, uint32_t i, const struct jst_upool *like, uint32_t *near)
{
    uint32_t was = jst_pool_find(like->pool, p->pool->v[i].key, *near);

    if (was == like->pool->n) {
        return NULL;
    }
    *near = was + 1;
    if (p->view != NULL && like->view != NULL) {
        jst_view_inherit(p->view, i, like->view, was);
    }
    like->v[was].live->refs++;
    return like->v[was].live;
}

static int
acquire_lives(struct jst_upool *p, const struct jst_upool *like, uint64_t keepalive_ms)
{
    struct jst_pool *pool = p->pool;
    uint32_t near = 0;

    if (like != NULL && like->view != NULL) {
        jst_view_keep_turns(like->view);
    }
    for (uint32_t i = 0; i < pool->n; i++) {
        struct jst_live *live = like != NULL ? inherit_live(p, i, like, &near) : NULL;

        live = live != NULL ? live : acquire_live(p->u, &pool->v[i]);
        if (live == NULL) {
            return JOIST_E_NOMEM;
        }
        live->keepalive_ms = keepalive_ms;
        live->idle_max = pool->idle_max;
        p->v[i].live = live;
    }
    return JOIST_OK;
}

/* Reactors shall not all begin with the same one. */
static void
begin_turns(struct jst_upool *p, const struct jst_upool *like)
{
    if (p->pool->n == 0) {
        return;
    }
    p->next =
        (uint32_t)(like != NULL ? like->next : jst_rand_next(&p->u->local->rand)) % p->pool->n;
    if (p->view != NULL) {
        p->view->next = like != NULL && like->view != NULL ? like->view->next : p->next;
        p->view->turn = like != NULL && like->view != NULL ? like->view->turn : 0;
    }
}

int
jst_upool_acquire(struct jst_upool **out, struct jst_upstreams *u, struct jst_pool *pool,
                  uint64_t keepalive_ms)
{
    return jst_upool_acquire_like(out, u, pool, keepalive_ms, NULL);
}

int
jst_upool_acquire_like(struct jst_upool **out, struct jst_upstreams *u, struct jst_pool *pool,
                       uint64_t keepalive_ms, const struct jst_upool *like)
{
    struct jst_upool *p = calloc(1, sizeof(*p) + pool->n * sizeof(p->v[0]));

    if (p == NULL) {
        return JOIST_E_NOMEM;
    }
    p->u = u;
    p->refs = 1;
    p->pool = jst_pool_ref(pool);
    u->refs++;
    if (needs_view(pool) && (p->view = jst_view_create(pool->n)) == NULL) {
        jst_upool_release(&p);
        return JOIST_E_NOMEM;
    }
    if (acquire_lives(p, like, keepalive_ms) < 0) {
        jst_upool_release(&p);
        return JOIST_E_NOMEM;
    }
    begin_turns(p, like);
    *out = p;
    return JOIST_OK;
}

void
jst_upool_release(struct jst_upool **take)
{
    struct jst_upool *p = *take;

    *take = NULL;
    if (p == NULL || --p->refs > 0) {
        return;
    }
    for (uint32_t i = 0; i < p->pool->n && p->v[i].live != NULL; i++) {
        release_live(p->v[i].live);
    }
    jst_view_destroy(&p->view);
    jst_pool_unref(&p->pool);
    unref(p->u);
    free(p);
}
