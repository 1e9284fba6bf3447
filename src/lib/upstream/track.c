// SPDX-License-Identifier: MIT
#include "upstream/track.h"

#include "upstream/health_conf.h"
#include "upstream/health_record.h"
#include "upstream/pool.h"
#include "upstream/queue.h"

#include <stdlib.h>

static bool
needs_tracking(const struct joist_pool_conf *conf)
{
    return conf->strategy == JOIST_STRATEGY_LEAST_CONN ||
           conf->strategy == JOIST_STRATEGY_LEAST_LATENCY ||
           conf->strategy == JOIST_STRATEGY_HASH || conf->outlier != NULL ||
           conf->breaker != NULL || conf->slow_start_ms > 0 || conf->health != NULL ||
           conf->retry != NULL || conf->hedge != NULL || conf->sticky != NULL ||
           conf->max_inflight > 0 || conf->dynamic;
}

/* What it was told counts here too, so that its share of the keys follows. */
static uint16_t
weight_of(const struct jst_pool *p, uint32_t i)
{
    const struct jst_tstate *t = p->tracking->v[i];

    return t->override_of == p->v[i].weight ? (uint16_t)jst_tstate_weight(t, p->v[i].weight)
                                            : p->v[i].weight;
}

static struct jst_hash_ring *
make_ring(const struct jst_pool *p)
{
    const char **keys = malloc(p->n * sizeof(*keys) + 1);
    uint16_t *weights = malloc(p->n * sizeof(*weights) + 1);
    struct jst_hash_ring *ring = NULL;

    if (keys != NULL && weights != NULL) {
        for (uint32_t i = 0; i < p->n; i++) {
            keys[i] = p->v[i].key;
            weights[i] = weight_of(p, i);
        }
        ring = jst_hash_ring_create(keys, weights, p->n);
    }
    free(keys);
    free(weights);
    return ring;
}

static int
copy_text(char **out, const char *text)
{
    *out = text != NULL ? strdup(text) : NULL;
    return text == NULL || *out != NULL ? JOIST_OK : JOIST_E_NOMEM;
}

/* What is made of the targets: anew for each set of them. */
static int
index_targets(struct jst_tracking *t, const struct jst_pool *p)
{
    if (p->strategy == JOIST_STRATEGY_HASH && p->n > 0 && (t->ring = make_ring(p)) == NULL) {
        return JOIST_E_NOMEM;
    }
    if (t->sticky != NULL && (t->sticky_index = jst_sticky_index_create(t)) == NULL) {
        return JOIST_E_NOMEM;
    }
    return JOIST_OK;
}

static int
fill_retry(struct jst_tracking *t, const struct joist_pool_conf *conf)
{
    const struct joist_retry_conf *retry = conf->retry;

    t->retry.budget_percent = JST_RETRY_BUDGET_PERCENT_DEFAULT;
    t->hedge_ms = conf->hedge != NULL ? conf->hedge->after_ms : 0;
    if (retry == NULL) {
        return JOIST_OK;
    }
    t->retry = *retry;
    t->retry.attempts = JST_MIN(JST_MAX(retry->attempts, 1u), JST_RETRY_ATTEMPTS_MAX);
    t->retry.on = NULL;
    if (retry->on_n > 0) {
        t->retry_on = malloc(retry->on_n * sizeof(*t->retry_on));
        if (t->retry_on == NULL) {
            return JOIST_E_NOMEM;
        }
        memcpy(t->retry_on, retry->on, retry->on_n * sizeof(*t->retry_on));
        t->retry.on = t->retry_on;
    }
    return JOIST_OK;
}

static int
add_health(struct jst_tracking *t, const struct joist_health_conf *conf)
{
    int rc = conf != NULL ? jst_health_conf_create(&t->health, conf) : JOIST_OK;

    for (uint32_t i = 0; t->health != NULL && i < t->n && rc == JOIST_OK; i++) {
        rc = jst_health_record_create(t->v[i]);
    }
    return rc;
}

static int
fill(struct jst_tracking *t, const struct jst_pool *p, const struct joist_pool_conf *conf,
     uint64_t now_ms)
{
    if (copy_text(&t->name, conf->name) < 0 || copy_text(&t->hash_name, conf->hash_name) < 0 ||
        fill_retry(t, conf) < 0) {
        return JOIST_E_NOMEM;
    }
    t->pool = jst_states_acquire_pool(t->states, t->name != NULL ? t->name : "");
    if (t->pool == NULL) {
        return JOIST_E_NOMEM;
    }
    if (conf->outlier != NULL) {
        t->outlier = *conf->outlier;
    }
    if (conf->breaker != NULL) {
        t->breaker = *conf->breaker;
    }
    t->dynamic = conf->dynamic;
    t->hash_by = conf->hash_by;
    t->slow_start_ms = conf->slow_start_ms;
    t->panic_percent = conf->panic_percent;
    t->max_inflight = conf->max_inflight;
    t->queue_max = conf->queue.max;
    t->queue_ms = conf->queue.timeout_ms;
    if ((conf->max_inflight > 0 || conf->dynamic) && jst_queue_make(t->pool) < 0) {
        return JOIST_E_NOMEM;
    }
    for (; t->n < p->n; t->n++) {
        t->v[t->n] = jst_states_acquire(t->states, t->pool->id.key, p->v[t->n].key, now_ms);
        if (t->v[t->n] == NULL) {
            return JOIST_E_NOMEM;
        }
    }
    if (add_health(t, conf->health) < 0 ||
        (conf->sticky != NULL && jst_sticky_create(&t->sticky, conf->sticky, t->pool) < 0)) {
        return JOIST_E_NOMEM;
    }
    return index_targets(t, p);
}

int
jst_pool_track(struct jst_pool *p, const struct joist_pool_conf *conf, struct jst_states *states,
               uint64_t now_ms)
{
    int rc;

    if (!needs_tracking(conf)) {
        return JOIST_OK;
    }
    p->tracking = calloc(1, sizeof(*p->tracking) + p->n * sizeof(p->tracking->v[0]));
    if (p->tracking == NULL) {
        return JOIST_E_NOMEM;
    }
    p->tracking->states = states;
    rc = fill(p->tracking, p, conf, now_ms);
    if (rc < 0) {
        jst_tracking_destroy(&p->tracking);
    }
    return rc;
}

static int
derive_states(struct jst_tracking *t, const struct jst_pool *p, const struct jst_pool *from,
              uint64_t now_ms)
{
    for (uint32_t near = 0; t->n < p->n; t->n++) {
        const struct jst_target *target = &p->v[t->n];
        uint32_t i = jst_pool_find(from, target->key, near);

        t->v[t->n] = i < from->n
                         ? jst_states_ref(t->states, from->tracking->v[i])
                         : jst_states_acquire(t->states, t->pool->id.key, target->key, now_ms);
        if (t->v[t->n] == NULL) {
            return JOIST_E_NOMEM;
        }
        if (t->health != NULL && jst_health_record_create(t->v[t->n]) < 0) {
            t->n++;
            return JOIST_E_NOMEM;
        }
        near = i < from->n ? i + 1 : near;
    }
    return JOIST_OK;
}

int
jst_tracking_derive(struct jst_pool *p, const struct jst_pool *from, uint64_t now_ms)
{
    struct jst_tracking *t = malloc(sizeof(*t) + p->n * sizeof(t->v[0]));

    p->tracking = NULL;
    if (t == NULL) {
        return JOIST_E_NOMEM;
    }
    /* What is behind that changes beneath us. */
    memcpy(t, from->tracking, offsetof(struct jst_tracking, panicking));
    t->derived = true;
    t->panicking = __atomic_load_n(&from->tracking->panicking, __ATOMIC_RELAXED);
    t->judging = false;
    t->ring = NULL;
    t->sticky_index = NULL;
    t->n = 0;
    p->tracking = t; /* from here on freed with the pool */
    if (derive_states(t, p, from, now_ms) < 0) {
        return JOIST_E_NOMEM;
    }
    return index_targets(t, p);
}

void
jst_tracking_destroy(struct jst_tracking **take)
{
    struct jst_tracking *t = *take;

    *take = NULL;
    if (t == NULL) {
        return;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        jst_states_release(t->states, &t->v[i]);
    }
    jst_hash_ring_destroy(&t->ring);
    jst_sticky_index_destroy(&t->sticky_index);
    if (t->derived) {
        free(t);
        return;
    }
    jst_sticky_destroy(&t->sticky);
    jst_states_release_pool(t->states, &t->pool);
    jst_health_conf_destroy(&t->health);
    free(t->name);
    free(t->hash_name);
    free(t->retry_on);
    free(t);
}
