// SPDX-License-Identifier: MIT
#include "upstream/sticky_table.h"

#include "base/siphash.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#define CACHE_LINE 64
/* With fewer entries than this a part more does not pay. */
#define PARTS_MAX     16u
#define PARTED_FROM   1024u
#define ENTRIES_FIRST 64u
#define NONE          UINT32_MAX

struct entry {
    uint64_t key;
    uint64_t target;
    uint64_t until_ms;
    uint32_t chain; /* the next in its bucket, or of those that are free */
    uint32_t newer; /* by use */
    uint32_t older;
};

struct part {
    _Alignas(CACHE_LINE) pthread_mutex_t lock;
    struct entry *v;   /* owned */
    uint32_t *buckets; /* owned; `cap` of them */
    uint32_t cap;      /* a power of two, or 0 */
    uint32_t n;
    uint32_t max;
    uint32_t free;
    uint32_t newest;
    uint32_t oldest;
};

struct jst_sticky_table {
    struct jst_siphash_key secret;
    uint32_t parts_n;
    struct part parts[];
};

/* The hash's key is no secret: a cluster would have to share it. Who has guessed a pool and an
 * address can see that it was right, and nothing more. */
uint64_t
jst_sticky_id(const char *key, size_t part)
{
    static const struct jst_siphash_key fixed = {0x6a6f697374206166u, 0x66696e6974792031u};
    size_t n = part + strcspn(key + part, "|");
    uint64_t id;

    if (strncmp(key + n, "|addr=", 6) == 0) {
        n += 1 + strcspn(key + n + 1, "|");
    }
    id = jst_siphash(jst_slice(key, n), &fixed);
    return id != 0 ? id : 1;
}

/* ---- life ---- */

static uint32_t
share_of(const struct jst_sticky_table *t, uint32_t max)
{
    return JST_MAX(max / t->parts_n, 1u);
}

int
jst_sticky_table_create(struct jst_sticky_table **out, uint32_t max)
{
    uint32_t n = max >= PARTED_FROM ? PARTS_MAX : 1;
    struct jst_sticky_table *t;
    size_t bytes = sizeof(*t) + n * sizeof(t->parts[0]);

    t = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    if (t == NULL) {
        return JOIST_E_NOMEM;
    }
    memset(t, 0, bytes);
    t->parts_n = n;
    if (getrandom(&t->secret, sizeof(t->secret), 0) < 0) {
        t->secret.k0 = (uint64_t)(uintptr_t)t; /* a kernel older than 3.17 */
    }
    for (uint32_t i = 0; i < n; i++) {
        struct part *p = &t->parts[i];

        pthread_mutex_init(&p->lock, NULL);
        p->max = share_of(t, max);
        p->free = p->newest = p->oldest = NONE;
    }
    *out = t;
    return JOIST_OK;
}

void
jst_sticky_table_destroy(struct jst_sticky_table **take)
{
    struct jst_sticky_table *t = *take;

    *take = NULL;
    if (t == NULL) {
        return;
    }
    for (uint32_t i = 0; i < t->parts_n; i++) {
        pthread_mutex_destroy(&t->parts[i].lock);
        free(t->parts[i].v);
        free(t->parts[i].buckets);
    }
    free(t);
}

uint64_t
jst_sticky_table_key(const struct jst_sticky_table *t, struct jst_slice text)
{
    uint64_t key = jst_siphash(text, &t->secret);

    return key != 0 ? key : 1;
}

/* ---- one part; its lock is held ---- */

static struct part *
part_of(struct jst_sticky_table *t, uint64_t key)
{
    return &t->parts[(key >> 32) & (t->parts_n - 1)];
}

static uint32_t *
bucket_of(const struct part *p, uint64_t key)
{
    return &p->buckets[key & (p->cap - 1)];
}

static uint32_t
find(const struct part *p, uint64_t key)
{
    uint32_t i = p->cap > 0 ? *bucket_of(p, key) : NONE;

    while (i != NONE && p->v[i].key != key) {
        i = p->v[i].chain;
    }
    return i;
}

static void
unlink_use(struct part *p, uint32_t i)
{
    const struct entry *e = &p->v[i];

    *(e->newer != NONE ? &p->v[e->newer].older : &p->newest) = e->older;
    *(e->older != NONE ? &p->v[e->older].newer : &p->oldest) = e->newer;
}

static void
link_newest(struct part *p, uint32_t i)
{
    p->v[i].newer = NONE;
    p->v[i].older = p->newest;
    *(p->newest != NONE ? &p->v[p->newest].newer : &p->oldest) = i;
    p->newest = i;
}

static void
drop(struct part *p, uint32_t i)
{
    uint32_t *at = bucket_of(p, p->v[i].key);

    while (*at != i) {
        at = &p->v[*at].chain;
    }
    *at = p->v[i].chain;
    unlink_use(p, i);
    p->v[i].chain = p->free;
    p->free = i;
    p->n--;
}

static void
fill_buckets(struct part *p)
{
    memset(p->buckets, 0xff, p->cap * sizeof(*p->buckets)); /* NONE */
    for (uint32_t i = p->newest; i != NONE; i = p->v[i].older) {
        uint32_t *at = bucket_of(p, p->v[i].key);

        p->v[i].chain = *at;
        *at = i;
    }
}

/* All are taken: twice as many, up to `max`. False: no memory. */
static bool
grow(struct part *p)
{
    uint32_t cap = p->cap > 0 ? p->cap * 2 : ENTRIES_FIRST;
    uint32_t *buckets = malloc(cap * sizeof(*buckets));
    struct entry *v = buckets != NULL ? realloc(p->v, cap * sizeof(*v)) : NULL;

    if (v == NULL) {
        free(buckets);
        return false;
    }
    free(p->buckets);
    p->v = v;
    p->buckets = buckets;
    for (uint32_t i = cap; i-- > p->cap;) {
        p->v[i].chain = p->free;
        p->free = i;
    }
    p->cap = cap;
    fill_buckets(p);
    return true;
}

static void
add(struct part *p, uint64_t key, uint64_t now_ms)
{
    struct entry *e;
    uint32_t i;

    if (p->oldest != NONE && (p->n >= p->max || p->v[p->oldest].until_ms <= now_ms)) {
        drop(p, p->oldest);
    }
    if (p->free == NONE && !grow(p)) {
        if (p->oldest == NONE) {
            return;
        }
        drop(p, p->oldest);
    }
    i = p->free;
    e = &p->v[i];
    p->free = e->chain;
    e->key = key;
    e->chain = *bucket_of(p, key);
    *bucket_of(p, key) = i;
    link_newest(p, i);
    p->n++;
}

/* ---- all of them ---- */

uint64_t
jst_sticky_table_find(struct jst_sticky_table *t, uint64_t key, uint64_t now_ms, uint64_t ttl_ms)
{
    struct part *p = part_of(t, key);
    uint64_t target = 0;
    uint32_t i;

    pthread_mutex_lock(&p->lock);
    i = find(p, key);
    if (i != NONE && p->v[i].until_ms <= now_ms) {
        drop(p, i);
    } else if (i != NONE) {
        target = p->v[i].target;
        p->v[i].until_ms = now_ms + ttl_ms;
        unlink_use(p, i);
        link_newest(p, i);
    }
    pthread_mutex_unlock(&p->lock);
    return target;
}

void
jst_sticky_table_put(struct jst_sticky_table *t, uint64_t key, uint64_t target, uint64_t now_ms,
                     uint64_t ttl_ms)
{
    struct part *p = part_of(t, key);
    uint32_t i;

    pthread_mutex_lock(&p->lock);
    i = find(p, key);
    if (i == NONE) {
        add(p, key, now_ms);
    } else {
        unlink_use(p, i);
        link_newest(p, i);
    }
    if (p->newest != NONE && p->v[p->newest].key == key) {
        p->v[p->newest].target = target;
        p->v[p->newest].until_ms = now_ms + ttl_ms;
    }
    pthread_mutex_unlock(&p->lock);
}

void
jst_sticky_table_limit(struct jst_sticky_table *t, uint32_t max)
{
    for (uint32_t i = 0; i < t->parts_n; i++) {
        struct part *p = &t->parts[i];

        pthread_mutex_lock(&p->lock);
        p->max = share_of(t, max);
        while (p->n > p->max) {
            drop(p, p->oldest);
        }
        pthread_mutex_unlock(&p->lock);
    }
}

uint32_t
jst_sticky_table_count(struct jst_sticky_table *t)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->parts_n; i++) {
        pthread_mutex_lock(&t->parts[i].lock);
        n += t->parts[i].n;
        pthread_mutex_unlock(&t->parts[i].lock);
    }
    return n;
}
