// SPDX-License-Identifier: MIT
/* The state of a pool, as a struct for the embedder (joist/upstream.h). */
#include "base/str.h"
#include "engine/slots.h"
#include "upstream/health.h"
#include "upstream/pool.h"
#include "upstream/queue.h"
#include "upstream/track.h"

#include <stdlib.h>

/* What is handed out is its first member; all of it lives in the arena. */
struct reading {
    struct joist_upstream_state out;
    struct jst_arena arena;
};

struct reader {
    struct joist_engine *e;
    struct jst_arena *arena;
};

/* ---- one target ---- */

static const char *
copy_text(struct jst_arena *arena, struct jst_slice text)
{
    char *copy = jst_arena_alloc(arena, text.n + 1);

    if (copy != NULL) {
        if (text.n > 0) {
            memcpy(copy, text.p, text.n);
        }
        copy[text.n] = '\0';
    }
    return copy;
}

static int
print_addresses(struct joist_target_state *out, struct jst_arena *arena, const struct jst_addrs *a)
{
    uint32_t n = a->fixed ? 1 : a->n; /* not who stands in */
    const char **texts = jst_arena_alloc(arena, n * sizeof(*texts) + 1);

    if (texts == NULL) {
        return JOIST_E_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        char text[JST_ADDR_TEXT_BYTES];

        texts[i] = copy_text(arena, jst_slice(text, jst_addr_print(text, &a->v[i])));
        if (texts[i] == NULL) {
            return JOIST_E_NOMEM;
        }
    }
    out->addresses = texts;
    out->addresses_n = n;
    return JOIST_OK;
}

/* Those of a name may be replaced at any time: a copy. */
static int
read_addresses(struct joist_target_state *out, const struct reader *r, const struct jst_target *t)
{
    struct jst_addrs *copy;
    int rc;

    if (t->dns == NULL) {
        return t->addrs != NULL ? print_addresses(out, r->arena, t->addrs) : JOIST_OK;
    }
    if (jst_name_addrs(t->dns) == NULL) {
        return JOIST_OK;
    }
    copy = jst_name_copy_addrs(r->e->names, t->dns);
    rc = copy != NULL ? print_addresses(out, r->arena, copy) : JOIST_E_NOMEM;
    free(copy);
    return rc;
}

static int
read_check(struct joist_target_check *out, struct jst_arena *arena, const struct jst_pool *p,
           uint32_t i)
{
    struct jst_health_report report;

    if (!jst_health_read(p, i, &report) || report.last_us == 0) {
        return JOIST_OK;
    }
    out->time_us = report.last_us;
    out->ms = (uint32_t)JST_MIN(report.took_us / 1000, (uint64_t)UINT32_MAX);
    out->ok = report.last_good;
    out->text = copy_text(arena, jst_slice_z(report.text));
    return out->text != NULL ? JOIST_OK : JOIST_E_NOMEM;
}

static void
read_status(struct joist_target_state *out, const struct jst_tstate *t, uint64_t now)
{
    uint64_t ejected = __atomic_load_n(&t->ejected_until_ms, __ATOMIC_ACQUIRE);
    uint64_t open = jst_breaker_open_until(&t->breaker);

    if (!jst_tstate_takes_new(t)) {
        out->status = JOIST_TARGET_DRAINING;
    } else if (out->down) {
        out->status = JOIST_TARGET_DOWN;
    } else if (ejected > now) {
        out->status = JOIST_TARGET_EJECTED;
        out->wait_ms = ejected - now;
    } else if (jst_breaker_state(&t->breaker) == JST_BREAKER_OPEN) {
        out->status = JOIST_TARGET_BREAKER_OPEN;
        out->wait_ms = open > now ? open - now : 0;
    } else if (jst_breaker_state(&t->breaker) == JST_BREAKER_HALF_OPEN) {
        out->status = JOIST_TARGET_BREAKER_HALF_OPEN;
    }
}

/* As picks see it: view.c. */
static uint32_t
effective_weight(const struct jst_tracking *tracking, const struct jst_tstate *t, uint32_t own,
                 uint64_t now)
{
    uint64_t since = __atomic_load_n(&t->since_ms, __ATOMIC_RELAXED);
    uint64_t age = now > since ? now - since : 0;
    uint32_t full = jst_tstate_weight(t, own);

    if (!jst_tstate_takes_new(t)) {
        return 0;
    }
    return age >= tracking->slow_start_ms
               ? full
               : (uint32_t)JST_MAX((uint64_t)full * age / tracking->slow_start_ms, 1u);
}

static void
read_counts(struct joist_target_state *out, const struct jst_tracking *tracking,
            const struct jst_tstate *t, uint64_t now)
{
    out->inflight = jst_tstate_inflight(t);
    out->latency_us = jst_tstate_latency_us(t, now);
    out->failures = __atomic_load_n(&t->failures, __ATOMIC_RELAXED);
    out->ejections = __atomic_load_n(&t->ejections, __ATOMIC_RELAXED);
    out->requests = __atomic_load_n(&t->requests, __ATOMIC_RELAXED);
    out->requests_failed = __atomic_load_n(&t->requests_failed, __ATOMIC_RELAXED);
    out->draining = __atomic_load_n(&t->draining, __ATOMIC_RELAXED) != 0;
    out->down = __atomic_load_n(&t->down, __ATOMIC_RELAXED) != 0;
    out->effective_weight = effective_weight(tracking, t, out->weight, now);
    read_status(out, t, now);
}

static int
read_target(struct joist_target_state *out, const struct reader *r, const struct jst_pool *p,
            uint32_t i)
{
    const struct jst_target *t = &p->v[i];
    const char *bar = strchr(t->key, '|');
    size_t n = bar != NULL ? (size_t)(bar - t->key) : strlen(t->key);

    out->url = copy_text(r->arena, jst_slice(t->key, n));
    out->weight = out->effective_weight = t->weight;
    out->check.text = "";
    if (out->url == NULL || read_addresses(out, r, t) < 0 ||
        read_check(&out->check, r->arena, p, i) < 0) {
        return JOIST_E_NOMEM;
    }
    if (p->tracking != NULL) {
        read_counts(out, p->tracking, p->tracking->v[i], jst_engine_now_ms());
    }
    if (!jst_pool_has_address(p, i)) {
        out->status = JOIST_TARGET_NO_ADDRESS;
        out->wait_ms = 0;
    }
    return JOIST_OK;
}

/* ---- a pool ---- */

static void
read_queue(struct joist_upstream_state *out, const struct jst_tracking *t)
{
    const struct jst_queue *q = t != NULL ? jst_queue_of(t->pool) : NULL;

    if (q != NULL) {
        out->paused = jst_queue_state(q) == JST_QUEUE_PAUSED;
        out->stopped = jst_queue_state(q) == JST_QUEUE_STOPPED;
        out->queue_n = jst_queue_waiting(q);
    }
}

static int
fill(struct reading *r, struct joist_engine *e, const struct jst_pool *p, const char *name)
{
    struct reader reader = {e, &r->arena};
    struct joist_target_state *v = jst_arena_zalloc(&r->arena, p->n * sizeof(*v) + 1);

    r->out.name = copy_text(&r->arena, jst_slice_z(name));
    if (v == NULL || r->out.name == NULL) {
        return JOIST_E_NOMEM;
    }
    r->out.strategy = p->strategy;
    r->out.counts = p->tracking != NULL;
    r->out.dynamic = r->out.counts && p->tracking->dynamic;
    r->out.panic = r->out.counts && __atomic_load_n(&p->tracking->panicking, __ATOMIC_RELAXED);
    read_queue(&r->out, p->tracking);
    r->out.targets = v;
    r->out.targets_n = p->n;
    for (uint32_t i = 0; i < p->n; i++) {
        if (read_target(&v[i], &reader, p, i) < 0) {
            return JOIST_E_NOMEM;
        }
    }
    return JOIST_OK;
}

static int
hold_pool(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    struct jst_pool **to = ctx;

    (void)out;
    *to = jst_pool_ref(now);
    return JOIST_OK;
}

int
joist_upstream_read(struct joist_engine *e, const char *pool, struct joist_upstream_state **out)
{
    struct jst_pool *p = NULL;
    struct reading *r = NULL;
    int rc = jst_engine_edit_pool(e, jst_slice_z(pool), hold_pool, &p);

    if (rc < 0) {
        return rc;
    }
    r = calloc(1, sizeof(*r));
    rc = JOIST_E_NOMEM;
    if (r != NULL) {
        jst_arena_init(&r->arena);
        rc = fill(r, e, p, pool);
    }
    if (rc == JOIST_OK) {
        rc = jst_slots_read(&r->out, e, &r->arena);
    }
    jst_pool_unref(&p);
    if (rc == JOIST_OK) {
        *out = &r->out;
    } else if (r != NULL) {
        jst_arena_fini(&r->arena);
        free(r);
    }
    return rc;
}

void
joist_upstream_state_free(struct joist_upstream_state **take)
{
    struct joist_upstream_state *out = *take;

    *take = NULL;
    if (out != NULL) {
        struct reading *r = JST_CONTAINER(out, struct reading, out);

        jst_arena_fini(&r->arena);
        free(r);
    }
}

/* ---- all pools ---- */

/* One piece of memory: pointers, then texts. */
int
joist_upstreams_list(struct joist_engine *e, struct joist_upstream_names **out)
{
    struct joist_upstream_names *list;
    const struct jst_snapshot *s;
    size_t bytes = sizeof(*list);
    const char **names;
    char *text;

    if (joist_engine_state(e) == JOIST_STATE_READY) {
        return JOIST_E_STATE;
    }
    pthread_mutex_lock(&e->control);
    s = e->current;
    for (size_t i = 0; i < s->pools_n; i++) {
        bytes += sizeof(*names) + s->pool_names[i].n + 1;
    }
    list = calloc(1, bytes);
    if (list != NULL) {
        names = (const char **)(list + 1);
        text = (char *)(names + s->pools_n);
        for (size_t i = 0; i < s->pools_n; i++) {
            memcpy(text, s->pool_names[i].p, s->pool_names[i].n);
            names[i] = text;
            text += s->pool_names[i].n + 1;
        }
        list->n = s->pools_n;
        list->names = names;
        *out = list;
    }
    pthread_mutex_unlock(&e->control);
    return list != NULL ? JOIST_OK : JOIST_E_NOMEM;
}

void
joist_upstreams_free(struct joist_upstream_names **take)
{
    free(*take);
    *take = NULL;
}
