// SPDX-License-Identifier: MIT
#include "upstream/state.h"

#include "base/bounds.h"
#include "base/str.h"
#include "upstream/health_record.h"
#include "upstream/queue.h"
#include "upstream/slots.h"
#include "upstream/sticky_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define BUCKETS_FIRST 64u
#define WAIT_MS_MAX   (365ull * 24 * 3600 * 1000) /* what a time can hold */

/* By key. */
struct table {
    struct jst_state_id **buckets; /* owned */
    size_t buckets_n;              /* a power of two */
    size_t n;
};

struct jst_states {
    _Alignas(JST_CACHE_LINE) uint64_t epoch; /* atomic; read by each pick: alone in its line */
    char line_end[JST_CACHE_LINE - sizeof(uint64_t)];
    pthread_mutex_t lock;
    pthread_cond_t idle;
    unsigned waiting; /* for `idle` */
    struct table targets;
    struct table pools;
};

static int
init_table(struct table *t)
{
    t->buckets = calloc(BUCKETS_FIRST, sizeof(struct jst_state_id *));
    t->buckets_n = BUCKETS_FIRST;
    return t->buckets != NULL ? JOIST_OK : JOIST_E_NOMEM;
}

/* By the monotonic clock: a step of the wall clock must not make waits longer. */
static void
init_idle(struct jst_states *s)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->idle, &attr);
    pthread_condattr_destroy(&attr);
}

int
jst_states_create(struct jst_states **out)
{
    struct jst_states *s = aligned_alloc(JST_CACHE_LINE, sizeof(*s));

    if (s == NULL) {
        return JOIST_E_NOMEM;
    }
    memset(s, 0, sizeof(*s));
    if (init_table(&s->targets) < 0 || init_table(&s->pools) < 0) {
        free(s->targets.buckets);
        free(s);
        return JOIST_E_NOMEM;
    }
    s->epoch = 1;
    pthread_mutex_init(&s->lock, NULL);
    init_idle(s);
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
    JST_ASSERT(s->targets.n == 0 && s->pools.n == 0);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    free(s->targets.buckets);
    free(s->pools.buckets);
    free(s);
}

/* ---- by key; all with the lock held ---- */

static struct jst_state_id **
find_place(const struct table *t, const char *key, uint64_t hash)
{
    struct jst_state_id **at = &t->buckets[hash & (t->buckets_n - 1)];

    while (*at != NULL && ((*at)->hash != hash || strcmp((*at)->key, key) != 0)) {
        at = &(*at)->next;
    }
    return at;
}

/* Without memory the chains get longer: nothing else. */
static void
grow(struct table *t)
{
    size_t n = t->buckets_n * 2;
    struct jst_state_id **buckets = calloc(n, sizeof(struct jst_state_id *));

    if (buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < t->buckets_n; i++) {
        struct jst_state_id *id;

        while ((id = t->buckets[i]) != NULL) {
            t->buckets[i] = id->next;
            id->next = buckets[id->hash & (n - 1)];
            buckets[id->hash & (n - 1)] = id;
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->buckets_n = n;
}

static struct jst_state_id *
find(const struct table *t, const char *key)
{
    return *find_place(t, key, jst_hash(jst_slice_z(key), 0));
}

static void
insert(struct table *t, struct jst_state_id *id, char *take_key)
{
    if (t->n >= t->buckets_n) {
        grow(t);
    }
    id->key = take_key;
    id->hash = jst_hash(jst_slice_z(take_key), 0);
    *find_place(t, id->key, id->hash) = id;
    t->n++;
}

/* True: nobody has it any more. */
static bool
let_go(struct table *t, struct jst_state_id *id)
{
    struct jst_state_id **at;

    if (--id->refs > 0) {
        return false;
    }
    at = find_place(t, id->key, id->hash);
    JST_ASSERT(*at == id);
    *at = id->next;
    t->n--;
    free(id->key);
    return true;
}

/* ---- targets ---- */

/* Length first: no name can look like the beginning of a key. */
static char *
make_key(const char *pool, const char *key)
{
    size_t cap = strlen(pool) + strlen(key) + 32;
    char *text = malloc(cap);

    if (text != NULL) {
        (void)jst_fmt(text, cap, "%zu:%s|%s", strlen(pool), pool, key);
    }
    return text;
}

static struct jst_tstate *
make_target(struct jst_states *s, char *take_key, size_t part, uint64_t now_ms)
{
    struct jst_tstate *t = aligned_alloc(JST_CACHE_LINE, sizeof(*t));

    if (t == NULL) {
        free(take_key);
        return NULL;
    }
    memset(t, 0, sizeof(*t));
    t->since_ms = now_ms;
    t->weight_override = JST_WEIGHT_OWN;
    t->sticky_id = jst_sticky_id(take_key, part);
    insert(&s->targets, &t->id, take_key);
    return t;
}

struct jst_tstate *
jst_states_acquire(struct jst_states *s, const char *pool, const char *key, uint64_t now_ms)
{
    char *full = make_key(pool, key);
    struct jst_state_id *id;
    struct jst_tstate *t;

    if (full == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&s->lock);
    id = find(&s->targets, full);
    if (id != NULL) {
        t = JST_CONTAINER(id, struct jst_tstate, id);
        free(full);
    } else {
        t = make_target(s, full, strlen(full) - strlen(key), now_ms);
    }
    if (t != NULL) {
        t->id.refs++;
    }
    pthread_mutex_unlock(&s->lock);
    return t;
}

struct jst_tstate *
jst_states_ref(struct jst_states *s, struct jst_tstate *t)
{
    pthread_mutex_lock(&s->lock);
    t->id.refs++;
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
    if (let_go(&s->targets, &t->id)) {
        jst_health_record_destroy(&t->health);
        free(t);
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- waiting for the end of what is in flight ---- */

void
jst_states_tell_idle(struct jst_states *s, struct jst_tstate *t)
{
    pthread_mutex_lock(&s->lock);
    if (s->waiting > 0) {
        pthread_cond_broadcast(&s->idle);
    } else { /* who waited has given up: let nobody call for it any more */
        __atomic_store_n(&t->waited, 0, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&s->lock);
}

/* Is it one of the targets whose keys begin so, up to their end or to "|"? */
static bool
begins_with(const struct jst_state_id *id, const char *prefix, bool all)
{
    size_t n = strlen(prefix);

    return strncmp(id->key, prefix, n) == 0 && (all || id->key[n] == '\0' || id->key[n] == '|');
}

/* Those that are in flight are from now on waited for. */
static bool
is_idle(struct jst_states *s, const char *prefix, bool all)
{
    bool idle = true;

    for (size_t i = 0; i < s->targets.buckets_n; i++) {
        for (struct jst_state_id *id = s->targets.buckets[i]; id != NULL; id = id->next) {
            struct jst_tstate *t = JST_CONTAINER(id, struct jst_tstate, id);

            if (begins_with(id, prefix, all)) {
                __atomic_store_n(&t->waited, 1, __ATOMIC_SEQ_CST);
                idle = __atomic_load_n(&t->inflight, __ATOMIC_SEQ_CST) == 0 && idle;
            }
        }
    }
    return idle;
}

int
jst_states_wait_idle(struct jst_states *s, const char *pool, const char *identity,
                     uint64_t timeout_ms)
{
    char *prefix = make_key(pool, identity);
    bool all = identity[0] == '\0';
    struct timespec until = {0};
    int rc = 0;

    if (prefix == NULL) {
        return JOIST_E_NOMEM;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    timeout_ms = JST_MIN(timeout_ms, WAIT_MS_MAX);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&s->lock);
    s->waiting++;
    while (!is_idle(s, prefix, all) && rc == 0) {
        rc = pthread_cond_timedwait(&s->idle, &s->lock, &until);
    }
    s->waiting--;
    rc = is_idle(s, prefix, all) ? JOIST_OK : JOIST_E_TIMEOUT;
    pthread_mutex_unlock(&s->lock);
    free(prefix);
    return rc;
}

/* ---- pools ---- */

static struct jst_pstate *
make_pool(struct jst_states *s, const char *name)
{
    struct jst_pstate *p = calloc(1, sizeof(*p));
    char *key = strdup(name);

    if (p == NULL || key == NULL) {
        free(key);
        free(p);
        return NULL;
    }
    insert(&s->pools, &p->id, key);
    return p;
}

struct jst_pstate *
jst_states_acquire_pool(struct jst_states *s, const char *pool)
{
    struct jst_state_id *id;
    struct jst_pstate *p;

    pthread_mutex_lock(&s->lock);
    id = find(&s->pools, pool);
    p = id != NULL ? JST_CONTAINER(id, struct jst_pstate, id) : make_pool(s, pool);
    if (p != NULL) {
        p->id.refs++;
    }
    pthread_mutex_unlock(&s->lock);
    return p;
}

void
jst_states_release_pool(struct jst_states *s, struct jst_pstate **take)
{
    struct jst_pstate *p = *take;

    *take = NULL;
    if (p == NULL) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    if (let_go(&s->pools, &p->id)) {
        jst_queue_destroy(&p->queue);
        jst_slots_told_free(&p->slots);
        jst_sticky_table_destroy(&p->sticky);
        free(p);
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
