// SPDX-License-Identifier: MIT
#include "upstream/state.h"

#include "base/bounds.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS_FIRST 64u

struct jst_states {
    _Alignas(JST_CACHE_LINE) uint64_t epoch; /* atomic; read by each pick: alone in its line */
    _Alignas(JST_CACHE_LINE) pthread_mutex_t lock;
    struct jst_tstate **buckets; /* owned */
    size_t buckets_n;            /* a power of two */
    size_t n;
};

int
jst_states_create(struct jst_states **out)
{
    struct jst_states *s = aligned_alloc(JST_CACHE_LINE, sizeof(*s));

    if (s == NULL) {
        return JOIST_E_NOMEM;
    }
    memset(s, 0, sizeof(*s));
    s->buckets = calloc(BUCKETS_FIRST, sizeof(struct jst_tstate *));
    if (s->buckets == NULL) {
        free(s);
        return JOIST_E_NOMEM;
    }
    s->buckets_n = BUCKETS_FIRST;
    s->epoch = 1;
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return JOIST_OK;
}

void
jst_states_destroy(struct jst_states **take)
{
    struct jst_states *s = *take;

    *take = NULL;
    if (s == NULL) {
        return;
    }
    JST_ASSERT(s->n == 0);
    pthread_mutex_destroy(&s->lock);
    free(s->buckets);
    free(s);
}

/* ---- by identity; all with the lock held ---- */

static struct jst_tstate **
find_place(const struct jst_states *s, const char *key, uint64_t hash)
{
    struct jst_tstate **at = &s->buckets[hash & (s->buckets_n - 1)];

    while (*at != NULL && ((*at)->hash != hash || strcmp((*at)->key, key) != 0)) {
        at = &(*at)->next;
    }
    return at;
}

/* Without memory the chains get longer: nothing else. */
static void
grow(struct jst_states *s)
{
    size_t n = s->buckets_n * 2;
    struct jst_tstate **buckets = calloc(n, sizeof(struct jst_tstate *));

    if (buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < s->buckets_n; i++) {
        struct jst_tstate *t;

        while ((t = s->buckets[i]) != NULL) {
            s->buckets[i] = t->next;
            t->next = buckets[t->hash & (n - 1)];
            buckets[t->hash & (n - 1)] = t;
        }
    }
    free(s->buckets);
    s->buckets = buckets;
    s->buckets_n = n;
}

static struct jst_tstate *
make(const char *key, uint64_t hash, uint64_t now_ms)
{
    struct jst_tstate *t = aligned_alloc(JST_CACHE_LINE, sizeof(*t));

    if (t == NULL) {
        return NULL;
    }
    memset(t, 0, sizeof(*t));
    t->key = strdup(key);
    if (t->key == NULL) {
        free(t);
        return NULL;
    }
    t->hash = hash;
    t->since_ms = now_ms;
    return t;
}

struct jst_tstate *
jst_states_acquire(struct jst_states *s, const char *key, uint64_t now_ms)
{
    uint64_t hash = jst_hash(jst_slice_z(key), 0);
    struct jst_tstate **at;
    struct jst_tstate *t;

    pthread_mutex_lock(&s->lock);
    if (s->n >= s->buckets_n) {
        grow(s);
    }
    at = find_place(s, key, hash);
    if (*at == NULL) {
        *at = make(key, hash, now_ms);
        s->n += *at != NULL;
    }
    t = *at;
    if (t != NULL) {
        t->refs++;
    }
    pthread_mutex_unlock(&s->lock);
    return t;
}

void
jst_states_release(struct jst_states *s, struct jst_tstate **take)
{
    struct jst_tstate *t = *take;

    *take = NULL;
    if (t == NULL) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    if (--t->refs == 0) {
        struct jst_tstate **at = find_place(s, t->key, t->hash);

        JST_ASSERT(*at == t);
        *at = t->next;
        s->n--;
        free(t->key);
        free(t);
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- changes ---- */

void
jst_states_changed(struct jst_states *s)
{
    (void)__atomic_add_fetch(&s->epoch, 1, __ATOMIC_ACQ_REL);
}

uint64_t
jst_states_epoch(const struct jst_states *s)
{
    return __atomic_load_n(&s->epoch, __ATOMIC_ACQUIRE);
}

/* ---- time to first byte ---- */

/* Average and the time of the last sample in one word, so that both are of the same moment. */
#define LATENCY(at_ms, us) ((uint64_t)(uint32_t)(at_ms) << 32 | (uint32_t)(us))

uint32_t
jst_tstate_latency_us(const struct jst_tstate *t, uint64_t now_ms)
{
    uint64_t v = __atomic_load_n(&t->latency, __ATOMIC_RELAXED);
    uint32_t age_ms = (uint32_t)now_ms - (uint32_t)(v >> 32);
    uint32_t halves = age_ms / JST_LATENCY_HALF_MS;

    return halves < 32 ? (uint32_t)v >> halves : 0;
}

/* Two that add at the same moment: one sample is lost, and nobody misses it. */
void
jst_tstate_add_latency(struct jst_tstate *t, uint64_t us, uint64_t now_ms)
{
    uint64_t was = jst_tstate_latency_us(t, now_ms);
    uint64_t v = was == 0 ? us : (was * 3 + us) / 4;

    v = JST_MIN(JST_MAX(v, 1u), (uint64_t)UINT32_MAX);
    __atomic_store_n(&t->latency, LATENCY(now_ms, v), __ATOMIC_RELAXED);
}
