// SPDX-License-Identifier: MIT
/* What targets of a running engine are told: weights, drains; and the wait for a drain's end. */
#include "base/str.h"
#include "engine/upstream_change.h"
#include "upstream/track.h"

#include <stdlib.h>

/* ---- weights ---- */

static int
derive_like(struct jst_pool **out, struct jst_pool *now)
{
    const struct jst_target **v = malloc(now->n * sizeof(*v) + 1);
    int rc = JOIST_E_NOMEM;

    if (v != NULL) {
        for (uint32_t i = 0; i < now->n; i++) {
            v[i] = &now->v[i];
        }
        rc = jst_pool_derive(out, now, v, now->n, jst_engine_now_ms());
    }
    free(v);
    return rc;
}

static int
edit_weight(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    struct jst_change *c = ctx;
    int rc = jst_change_find(c, now);

    if (rc < 0) {
        return rc;
    }
    c->weight_before = jst_control_told_weight(now, c->identity);
    jst_control_weight(now, c->identity, c->weight);
    return now->strategy == JOIST_STRATEGY_HASH ? derive_like(out, now) : JOIST_OK;
}

/* A hash has a ring by weights, and there was no memory for another one. */
static int
edit_weight_back(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    const struct jst_change *c = ctx;

    (void)out;
    jst_control_weight(now, c->identity, c->weight_before);
    return JOIST_OK;
}

int
joist_upstream_weight(struct joist_engine *e, const char *pool, const char *url, uint32_t weight,
                      struct joist_err *err)
{
    struct jst_change c;
    int rc = jst_change_init(&c, e, pool, url != NULL ? url : "", err);

    if (rc < 0) {
        return rc;
    }
    if (weight > JST_WEIGHT_MAX && weight != JOIST_WEIGHT_CONFIGURED) {
        return jst_fail(err, JOIST_E_INVAL, "a weight is a number from 0 to %u, not %u",
                        JST_WEIGHT_MAX, weight);
    }
    c.weight = weight == JOIST_WEIGHT_CONFIGURED ? JST_WEIGHT_OWN : weight;
    rc = jst_change_run(&c, edit_weight, NULL);
    if (rc == JOIST_E_NOMEM) {
        (void)jst_engine_edit_pool(e, jst_slice_z(c.pool), edit_weight_back, &c);
    }
    return rc;
}

/* ---- drains ---- */

static int
edit_drain(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    const struct jst_change *c = ctx;
    int rc = jst_change_find(c, now);

    (void)out;
    if (rc < 0) {
        return rc;
    }
    jst_control_drain(now, c->identity, c->drain, c->drain_until_ms);
    if (c->drain == 0) {
        JST_LOG(&c->e->log->log, INFO, UPSTREAM_READY, "upstream=%s target=%s", c->pool,
                c->url != NULL ? c->identity : "all");
    } else {
        JST_LOG(&c->e->log->log, INFO, UPSTREAM_DRAINING, "upstream=%s target=%s", c->pool,
                c->url != NULL ? c->identity : "all");
    }
    return rc;
}

/* First nothing new comes, then what is there gets its deadline: none is forgotten. Should a
 * reactor have no memory for that, all of it is taken back. */
struct planned {
    struct jst_change c; /* first: edit_drain() gets this one's pointer */
    struct jst_cut_plan plan;
};

static int
edit_planned(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    struct planned *d = ctx;
    int rc;

    d->plan.drain = d->c.drain = ++d->c.e->drains_n;
    rc = edit_drain(&d->c, now, out);
    if (rc < 0) {
        return rc;
    }
    rc = jst_order_cut(d->c.e, &d->plan);
    if (rc < 0) {
        jst_control_drain(now, d->c.identity, 0, 0);
    }
    return rc;
}

int
joist_upstream_drain(struct joist_engine *e, const char *pool, const char *url,
                     uint64_t deadline_ms, enum joist_tunnel_policy tunnels, struct joist_err *err)
{
    struct planned d = {.plan = {.after_ms = deadline_ms, .tunnels = tunnels}};
    int rc = jst_change_init(&d.c, e, pool, url, err);
    uint64_t now_ms;

    if (rc < 0) {
        return rc;
    }
    if ((unsigned)tunnels > JOIST_TUNNEL_DELAY) {
        return jst_fail(err, JOIST_E_INVAL, "what becomes of tunnels is keep, cut or delay");
    }
    now_ms = jst_engine_now_ms();
    d.c.drain_until_ms = deadline_ms < JST_NEVER - now_ms ? now_ms + deadline_ms : JST_NEVER;
    return jst_change_run(&d.c, edit_planned, NULL);
}

int
joist_upstream_ready(struct joist_engine *e, const char *pool, const char *url,
                     struct joist_err *err)
{
    struct jst_change c;
    int rc = jst_change_init(&c, e, pool, url, err);

    return rc < 0 ? rc : jst_change_run(&c, edit_drain, NULL);
}

/* ---- waiting ---- */

static int
edit_counts(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    const struct jst_change *c = ctx;

    (void)out;
    return now->tracking != NULL
               ? JOIST_OK
               : jst_fail(c->err, JOIST_E_UNSUPPORTED,
                          "upstream '%.200s' does not count its requests", c->pool);
}

int
joist_upstream_wait_drained(struct joist_engine *e, const char *pool, const char *url,
                            uint64_t timeout_ms, struct joist_err *err)
{
    struct jst_change c;
    int rc = jst_change_init(&c, e, pool, url, err);

    if (rc == JOIST_OK) {
        rc = jst_change_run(&c, edit_counts, NULL);
    }
    if (rc == JOIST_OK) {
        rc = jst_states_wait_idle(e->states, c.pool, c.identity, timeout_ms);
        if (rc < 0) {
            (void)jst_fail(err, rc, "upstream '%.200s': requests are still under way", c.pool);
        }
    }
    return rc;
}
