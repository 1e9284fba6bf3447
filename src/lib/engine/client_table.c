// SPDX-License-Identifier: MIT
#include "engine/client_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

/* Open addressing with linear probing; removal moves followers back, so no tombstones gather. */
struct entry {
    uint8_t key[16];
    uint32_t n; /* 0: free */
};

struct jst_client_table {
    pthread_mutex_t lock;
    struct entry *v; /* owned */
    size_t cap;      /* power of two */
    size_t used;
    uint64_t seed; /* addresses are the peers' choice */
};

int
jst_client_table_create(struct jst_client_table **out)
{
    struct jst_client_table *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        return JOIST_E_NOMEM;
    }
    t->cap = 64;
    t->v = calloc(t->cap, sizeof(*t->v));
    if (t->v == NULL) {
        free(t);
        return JOIST_E_NOMEM;
    }
    if (getrandom(&t->seed, sizeof(t->seed), 0) < 0) {
        t->seed = (uint64_t)(uintptr_t)t; /* a kernel older than 3.17 */
    }
    pthread_mutex_init(&t->lock, NULL);
    *out = t;
    return JOIST_OK;
}

void
jst_client_table_destroy(struct jst_client_table **take)
{
    struct jst_client_table *t = *take;

    *take = NULL;
    if (t != NULL) {
        pthread_mutex_destroy(&t->lock);
        free(t->v);
        free(t);
    }
}

/* Who is one client? Of IPv4 an address. Of IPv6 a network of 64 bits (RFC 4291 2.5.4): every host
 * in it may take as many addresses as it likes. */
static void
client_key(uint8_t key[16], const struct jst_addr *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 2.5.5.2 */

    jst_addr_key(key, a);
    if (memcmp(key, mapped, sizeof(mapped)) != 0) {
        memset(key + 8, 0, 8);
    }
}

static size_t
home_of(const struct jst_client_table *t, const uint8_t key[16])
{
    return (size_t)jst_hash(jst_slice((const char *)key, 16), t->seed) & (t->cap - 1);
}

static struct entry *
find_slot(const struct jst_client_table *t, const uint8_t key[16])
{
    size_t i = home_of(t, key);

    while (t->v[i].n > 0 && memcmp(t->v[i].key, key, 16) != 0) {
        i = (i + 1) & (t->cap - 1);
    }
    return &t->v[i];
}

static int
grow(struct jst_client_table *t)
{
    struct jst_client_table bigger = *t;

    bigger.cap = t->cap * 2;
    bigger.v = calloc(bigger.cap, sizeof(*bigger.v));
    if (bigger.v == NULL) {
        return JOIST_E_NOMEM;
    }
    for (size_t i = 0; i < t->cap; i++) {
        if (t->v[i].n > 0) {
            *find_slot(&bigger, t->v[i].key) = t->v[i];
        }
    }
    free(t->v);
    t->v = bigger.v;
    t->cap = bigger.cap;
    return JOIST_OK;
}

static void
remove_slot(struct jst_client_table *t, size_t i)
{
    size_t mask = t->cap - 1;

    t->v[i].n = 0;
    t->used--;
    for (size_t j = (i + 1) & mask; t->v[j].n > 0; j = (j + 1) & mask) {
        size_t home = home_of(t, t->v[j].key);

        if (((j - home) & mask) >= ((j - i) & mask)) { /* i lies between its home and it */
            t->v[i] = t->v[j];
            t->v[j].n = 0;
            i = j;
        }
    }
}

int
jst_client_table_enter(struct jst_client_table *t, const struct jst_addr *a, uint32_t max)
{
    uint8_t key[16];
    struct entry *e;
    int rc = JOIST_OK;

    if (a->u.any.sa_family == AF_UNIX) {
        return JOIST_OK;
    }
    client_key(key, a);
    pthread_mutex_lock(&t->lock);
    if (t->used * 2 >= t->cap) {
        rc = grow(t);
    }
    e = rc == JOIST_OK ? find_slot(t, key) : NULL;
    if (e != NULL && max > 0 && e->n >= max) {
        rc = JOIST_E_LIMIT;
    } else if (e != NULL) {
        if (e->n == 0) {
            memcpy(e->key, key, 16);
            t->used++;
        }
        e->n++;
    }
    pthread_mutex_unlock(&t->lock);
    return rc;
}

void
jst_client_table_leave(struct jst_client_table *t, const struct jst_addr *a)
{
    uint8_t key[16];
    struct entry *e;

    if (a->u.any.sa_family == AF_UNIX) {
        return;
    }
    client_key(key, a);
    pthread_mutex_lock(&t->lock);
    e = find_slot(t, key);
    JST_ASSERT(e->n > 0);
    if (--e->n == 0) {
        remove_slot(t, (size_t)(e - t->v));
    }
    pthread_mutex_unlock(&t->lock);
}
