// SPDX-License-Identifier: MIT
/*
 * The public calls about targets of a running engine (joist/upstream.h): what every change does;
 * targets that come and go. What they are told is in upstream_tell.c, reading in upstream_read.c.
 */
#include "base/str.h"
#include "engine/upstream_change.h"
#include "upstream/track.h"

#include <stdlib.h>

/* ---- one change ---- */

int
jst_change_init(struct jst_change *c, struct joist_engine *e, const char *pool, const char *url,
                struct joist_err *err)
{
    *c = (struct jst_change){.pool = pool != NULL ? pool : "", .url = url, .err = err, .e = e};
    if (url != NULL && jst_target_identity(c->identity, sizeof(c->identity), url) < 0) {
        return jst_fail(err, JOIST_E_INVAL, "'%.200s' is no origin: write \"http://host:port\"",
                        url);
    }
    return JOIST_OK;
}

int
jst_change_find(const struct jst_change *c, const struct jst_pool *now)
{
    if (now->tracking == NULL || !now->tracking->dynamic) {
        return jst_fail(c->err, JOIST_E_UNSUPPORTED,
                        "upstream '%.200s' cannot be changed: its configuration must say dynamic",
                        c->pool);
    }
    if (c->url != NULL && !jst_control_has(now, c->identity)) {
        return jst_fail(c->err, JOIST_E_NOTFOUND, "upstream '%.200s' has no target '%.200s'",
                        c->pool, c->url);
    }
    return JOIST_OK;
}

/* What the engine itself has to say goes into err as well. */
int
jst_change_run(struct jst_change *c, jst_pool_edit_f *edit, jst_pool_done_f *done)
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
               ? jst_fail(c->err, rc, "there is no upstream '%.200s'", c->pool)
               : jst_fail(c->err, rc, "upstream '%.200s': %s", c->pool,
                          rc == JOIST_E_STATE ? "the engine does not run" : joist_error_text(rc));
}

/* ---- add ---- */

void
jst_change_report(void *ctx, enum joist_log_level level, const struct joist_err *err)
{
    struct joist_err *to = ctx;

    if (to != NULL && level == JOIST_LOG_ERROR && to->code == JOIST_OK) { /* the first */
        *to = *err;
    }
}

/* A pool of one: it knows how to make a target. */
static int
make_fresh(struct jst_change *c, const struct joist_target_conf *target)
{
    struct jst_report r = {.fn = jst_change_report, .ctx = c->err};
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
                   : jst_fail(c->err, rc, "target '%.200s': %s", target->url, joist_error_text(rc));
    }
    if (!jst_pool_has_address(c->fresh, 0)) {
        jst_names_wait(c->e->names, JST_DNS_FIRST_MS);
    }
    return JOIST_OK;
}

static int
check_new(const struct jst_change *c, const struct jst_pool *now)
{
    for (uint32_t i = 0; i < c->fresh->n; i++) {
        if (jst_pool_has(now, c->fresh->v[i].key)) {
            return jst_fail(c->err, JOIST_E_EXISTS, "upstream '%.200s' has target '%.200s' already",
                            c->pool, c->identity);
        }
    }
    if (now->n + c->fresh->n > JST_POOL_TARGETS_MAX) {
        return jst_fail(c->err, JOIST_E_LIMIT,
                        "upstream '%.200s' has %u targets: no more are taken", c->pool, now->n);
    }
    return JOIST_OK;
}

static int
edit_add(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    struct jst_change *c = ctx;
    const char *url = c->url;
    const struct jst_target **v;
    uint32_t n = 0;
    int rc;

    c->url = NULL; /* it need not be there */
    rc = jst_change_find(c, now);
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
    const struct jst_change *c = ctx;

    for (uint32_t i = 0; i < now->n; i++) { /* a name may have become several */
        if (!jst_target_has_identity(&now->v[i], c->identity) ||
            jst_pool_find(before, now->v[i].key, i) < before->n) {
            continue;
        }
        jst_control_added(now, i, jst_engine_now_ms());
        JST_LOG(&c->e->log->log, INFO, UPSTREAM_ADDED, "upstream=%s target=%.*s targets=%u",
                c->pool, JST_PRI(now->v[i].label), now->n);
    }
}

int
joist_upstream_add(struct joist_engine *e, const char *pool, const struct joist_target_conf *target,
                   struct joist_err *err)
{
    struct jst_change c;
    int rc = jst_change_init(&c, e, pool, target->url != NULL ? target->url : "", err);

    if (rc == JOIST_OK) {
        rc = make_fresh(&c, target);
    }
    if (rc == JOIST_OK) {
        rc = jst_change_run(&c, edit_add, done_add);
    }
    jst_pool_unref(&c.fresh);
    return rc;
}

/* ---- remove ---- */

static int
edit_remove(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    const struct jst_change *c = ctx;
    int rc = jst_change_find(c, now);
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
    const struct jst_change *c = ctx;

    jst_control_removed(before, c->identity);
    JST_LOG(&c->e->log->log, INFO, UPSTREAM_REMOVED, "upstream=%s target=%s targets=%u", c->pool,
            c->identity, now->n);
}

int
joist_upstream_remove(struct joist_engine *e, const char *pool, const char *url,
                      struct joist_err *err)
{
    struct jst_change c;
    int rc = jst_change_init(&c, e, pool, url != NULL ? url : "", err);

    return rc < 0 ? rc : jst_change_run(&c, edit_remove, done_remove);
}
