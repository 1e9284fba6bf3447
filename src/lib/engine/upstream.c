// SPDX-License-Identifier: MIT
/*
 * The public calls about targets of a running engine (joist/upstream.h): changes. Reading is in
 * upstream_read.c.
 */
#include "engine/engine_int.h"
#include "upstream/control.h"
#include "upstream/track.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what went wrong ---- */

static int fail(struct joist_err *err, int code, const char *fmt, ...) JST_PRINTF(3, 4);

static int
fail(struct joist_err *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (err != NULL) {
        *err = (struct joist_err){.code = code};
        va_start(ap, fmt);
        (void)vsnprintf(err->message, sizeof(err->message), fmt, ap);
        va_end(ap);
    }
    return code;
}

/* ---- one change ---- */

struct change {
    const char *pool;
    const char *url; /* NULL: all targets */
    char identity[JST_IDENTITY_BYTES];
    struct joist_err *err;
    struct joist_engine *e;
    /* of one change or another */
    struct jst_pool *fresh; /* has the target that is added; owned */
    uint32_t weight;
    uint32_t weight_before;
    uint64_t drain;
};

static int
init_change(struct change *c, struct joist_engine *e, const char *pool, const char *url,
            struct joist_err *err)
{
    *c = (struct change){.pool = pool != NULL ? pool : "", .url = url, .err = err, .e = e};
    if (url != NULL && jst_target_identity(c->identity, sizeof(c->identity), url) < 0) {
        return fail(err, JOIST_E_INVAL, "'%.200s' is no origin: write \"http://host:port\"", url);
    }
    return JOIST_OK;
}

static int
find_targets(const struct change *c, const struct jst_pool *now)
{
    if (now->tracking == NULL || !now->tracking->dynamic) {
        return fail(c->err, JOIST_E_UNSUPPORTED,
                    "upstream '%.200s' cannot be changed: its configuration must say dynamic",
                    c->pool);
    }
    if (c->url != NULL && !jst_control_has(now, c->identity)) {
        return fail(c->err, JOIST_E_NOTFOUND, "upstream '%.200s' has no target '%.200s'", c->pool,
                    c->url);
    }
    return JOIST_OK;
}

/* What the engine itself has to say goes into err as well. */
static int
run_change(struct change *c, jst_pool_edit_f *edit, jst_pool_done_f *done)
{
    int rc;

    if (c->err != NULL) {
        c->err->code = JOIST_OK;
    }
    rc = jst_engine_change_pool(c->e, jst_slice_z(c->pool), edit, done, c);
    if (rc >= 0 || (c->err != NULL && c->err->code == rc)) {
        return rc;
    }
    return rc == JOIST_E_NOTFOUND
               ? fail(c->err, rc, "there is no upstream '%.200s'", c->pool)
               : fail(c->err, rc, "upstream '%.200s': %s", c->pool,
                      rc == JOIST_E_STATE ? "the engine does not run" : joist_error_text(rc));
}

/* ---- add ---- */

static void
take_report(void *ctx, enum joist_log_level level, const struct joist_err *err)
{
    struct joist_err *to = ctx;

    if (to != NULL && level == JOIST_LOG_ERROR && to->code == JOIST_OK) { /* the first */
        *to = *err;
    }
}

/* A pool of one: it knows how to make a target. */
static int
make_fresh(struct change *c, const struct joist_target_conf *target)
{
    struct jst_report r = {.fn = take_report, .ctx = c->err};
    struct jst_tls_reporter tls = jst_tls_reporter(&r, JOIST_LOG_ERROR);
    struct joist_pool_conf conf;
    int rc;

    if (c->err != NULL) {
        *c->err = (struct joist_err){0};
    }
    jst_report_target(&r, target);
    if (r.errors > 0) {
        return JOIST_E_INVAL;
    }
    joist_pool_conf_init(&conf);
    conf.targets = target;
    conf.targets_n = 1;
    rc = jst_pool_create(&c->fresh, &conf, c->e->names, &tls.base);
    if (rc < 0) {
        return c->err != NULL && c->err->code == rc
                   ? rc
                   : fail(c->err, rc, "target '%.200s': %s", target->url, joist_error_text(rc));
    }
    if (!jst_pool_has_address(c->fresh, 0)) {
        jst_names_wait(c->e->names, JST_DNS_FIRST_MS);
    }
    return JOIST_OK;
}

static int
check_new(const struct change *c, const struct jst_pool *now)
{
    for (uint32_t i = 0; i < c->fresh->n; i++) {
        if (jst_pool_find(now, c->fresh->v[i].key, now->n) < now->n) {
            return fail(c->err, JOIST_E_EXISTS, "upstream '%.200s' has target '%.200s' already",
                        c->pool, c->identity);
        }
    }
    if (now->n + c->fresh->n > JST_POOL_TARGETS_MAX) {
        return fail(c->err, JOIST_E_LIMIT, "upstream '%.200s' has %u targets: no more are taken",
                    c->pool, now->n);
    }
    return JOIST_OK;
}

static int
edit_add(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    struct change *c = ctx;
    const char *url = c->url;
    const struct jst_target **v;
    uint32_t n = 0;
    int rc;

    c->url = NULL; /* it need not be there */
    rc = find_targets(c, now);
    c->url = url;
    if (rc < 0 || (rc = check_new(c, now)) < 0) {
        return rc;
    }
    v = malloc((now->n + c->fresh->n) * sizeof(*v));
    if (v == NULL) {
        return JOIST_E_NOMEM;
    }
    for (uint32_t i = 0; i < now->n; i++) {
        v[n++] = &now->v[i];
    }
    for (uint32_t i = 0; i < c->fresh->n; i++) {
        v[n++] = &c->fresh->v[i];
    }
    rc = jst_pool_derive(out, now, v, n, jst_engine_now_ms());
    free(v);
    return rc;
}

static void
done_add(void *ctx, struct jst_pool *before, struct jst_pool *now)
{
    const struct change *c = ctx;

    for (uint32_t i = before->n; i < now->n; i++) {
        jst_control_added(now, i, jst_engine_now_ms());
        JST_LOG(&c->e->log->log, INFO, UPSTREAM_ADDED, "upstream=%s target=%.*s targets=%u",
                c->pool, JST_PRI(now->v[i].name), now->n);
    }
}

int
joist_upstream_add(struct joist_engine *e, const char *pool, const struct joist_target_conf *target,
                   struct joist_err *err)
{
    struct change c;
    int rc = init_change(&c, e, pool, target->url != NULL ? target->url : "", err);

    if (rc == JOIST_OK) {
        rc = make_fresh(&c, target);
    }
    if (rc == JOIST_OK) {
        rc = run_change(&c, edit_add, done_add);
    }
    jst_pool_unref(&c.fresh);
    return rc;
}

/* ---- remove ---- */

static int
edit_remove(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    const struct change *c = ctx;
    int rc = find_targets(c, now);
    const struct jst_target **v;
    uint32_t n = 0;

    if (rc < 0) {
        return rc;
    }
    v = malloc(now->n * sizeof(*v));
    if (v == NULL) {
        return JOIST_E_NOMEM;
    }
    for (uint32_t i = 0; i < now->n; i++) {
        if (!jst_target_has_identity(&now->v[i], c->identity)) {
            v[n++] = &now->v[i];
        }
    }
    rc = jst_pool_derive(out, now, v, n, jst_engine_now_ms());
    free(v);
    return rc;
}

static void
done_remove(void *ctx, struct jst_pool *before, struct jst_pool *now)
{
    const struct change *c = ctx;

    jst_control_removed(before, c->identity);
    JST_LOG(&c->e->log->log, INFO, UPSTREAM_REMOVED, "upstream=%s target=%s targets=%u", c->pool,
            c->identity, now->n);
}

int
joist_upstream_remove(struct joist_engine *e, const char *pool, const char *url,
                      struct joist_err *err)
{
    struct change c;
    int rc = init_change(&c, e, pool, url != NULL ? url : "", err);

    return rc < 0 ? rc : run_change(&c, edit_remove, done_remove);
}

/* ---- what targets are told ---- */

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
    struct change *c = ctx;
    int rc = find_targets(c, now);

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
    const struct change *c = ctx;

    (void)out;
    jst_control_weight(now, c->identity, c->weight_before);
    return JOIST_OK;
}

int
joist_upstream_weight(struct joist_engine *e, const char *pool, const char *url, uint32_t weight,
                      struct joist_err *err)
{
    struct change c;
    int rc = init_change(&c, e, pool, url != NULL ? url : "", err);

    if (rc < 0) {
        return rc;
    }
    if (weight > JST_WEIGHT_MAX && weight != JOIST_WEIGHT_CONFIGURED) {
        return fail(err, JOIST_E_INVAL, "a weight is a number from 0 to %u, not %u", JST_WEIGHT_MAX,
                    weight);
    }
    c.weight = weight == JOIST_WEIGHT_CONFIGURED ? JST_WEIGHT_OWN : weight;
    rc = run_change(&c, edit_weight, NULL);
    if (rc == JOIST_E_NOMEM) {
        (void)jst_engine_edit_pool(e, jst_slice_z(c.pool), edit_weight_back, &c);
    }
    return rc;
}

static int
edit_drain(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    const struct change *c = ctx;
    int rc = find_targets(c, now);

    (void)out;
    if (rc < 0) {
        return rc;
    }
    jst_control_drain(now, c->identity, c->drain);
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
    struct change c; /* first: edit_drain() gets this one's pointer */
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
        jst_control_drain(now, d->c.identity, 0);
    }
    return rc;
}

int
joist_upstream_drain(struct joist_engine *e, const char *pool, const char *url,
                     uint64_t deadline_ms, enum joist_tunnel_policy tunnels, struct joist_err *err)
{
    struct planned d = {.plan = {.after_ms = deadline_ms, .tunnels = tunnels}};
    int rc = init_change(&d.c, e, pool, url, err);

    if (rc < 0) {
        return rc;
    }
    if ((unsigned)tunnels > JOIST_TUNNEL_DELAY) {
        return fail(err, JOIST_E_INVAL, "what becomes of tunnels is keep, cut or delay");
    }
    return run_change(&d.c, edit_planned, NULL);
}

int
joist_upstream_ready(struct joist_engine *e, const char *pool, const char *url,
                     struct joist_err *err)
{
    struct change c;
    int rc = init_change(&c, e, pool, url, err);

    return rc < 0 ? rc : run_change(&c, edit_drain, NULL);
}

/* ---- waiting ---- */

static int
edit_counts(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    const struct change *c = ctx;

    (void)out;
    return now->tracking != NULL ? JOIST_OK
                                 : fail(c->err, JOIST_E_UNSUPPORTED,
                                        "upstream '%.200s' does not count its requests", c->pool);
}

int
joist_upstream_wait_drained(struct joist_engine *e, const char *pool, const char *url,
                            uint64_t timeout_ms, struct joist_err *err)
{
    struct change c;
    int rc = init_change(&c, e, pool, url, err);

    if (rc == JOIST_OK) {
        rc = run_change(&c, edit_counts, NULL);
    }
    if (rc == JOIST_OK) {
        rc = jst_states_wait_idle(e->states, c.pool, c.identity, timeout_ms);
        if (rc < 0) {
            (void)fail(err, rc, "upstream '%.200s': requests are still under way", c.pool);
        }
    }
    return rc;
}
