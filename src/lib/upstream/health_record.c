// SPDX-License-Identifier: MIT
#include "upstream/health_record.h"

#include "upstream/pool.h"
#include "upstream/track.h"

#include <stdlib.h>

int
jst_health_record_create(struct jst_tstate *state)
{
    struct jst_health_record *r;
    struct jst_health_record *other = NULL;

    if (jst_health_record_of(state) != NULL) {
        return JOIST_OK;
    }
    r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return JOIST_E_NOMEM;
    }
    pthread_mutex_init(&r->lock, NULL);
    if (!__atomic_compare_exchange_n(&state->health, &other, r, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        jst_health_record_destroy(&r);
    }
    return JOIST_OK;
}

void
jst_health_record_destroy(struct jst_health_record **take)
{
    if (*take != NULL) {
        pthread_mutex_destroy(&(*take)->lock);
    }
    free(*take);
    *take = NULL;
}

struct jst_health_record *
jst_health_record_of(const struct jst_tstate *state)
{
    return __atomic_load_n(&state->health, __ATOMIC_ACQUIRE);
}

void
jst_health_record_read(struct jst_health_record *r, struct jst_health_report *out)
{
    pthread_mutex_lock(&r->lock);
    *out = r->report;
    pthread_mutex_unlock(&r->lock);
}

void
jst_health_record_write(struct jst_health_record *r, const struct jst_health_report *from)
{
    pthread_mutex_lock(&r->lock);
    r->report = *from;
    pthread_mutex_unlock(&r->lock);
}

bool
jst_health_read(const struct jst_pool *pool, size_t target, struct jst_health_report *out)
{
    if (pool->tracking == NULL || pool->tracking->health == NULL || target >= pool->n) {
        return false;
    }
    jst_health_record_read(jst_health_record_of(pool->tracking->v[target]), out);
    return true;
}
