// SPDX-License-Identifier: MIT
/*
 * A deploy: a slot gets other targets when they are known to be well, then all requests, and what
 * ran before ends. Until then nothing changes; so whatever goes wrong, nothing has changed.
 *
 * Only the last step holds the `control` lock: the wait for health may take minutes, and other
 * changes need not wait for it. If there is another configuration by then, the deploy is refused.
 */
#include "base/bounds.h"
#include "base/str.h"
#include "engine/check.h"
#include "engine/slots.h"
#include "engine/upstream_change.h"
#include "upstream/health.h"
#include "upstream/track.h"

#include <stdlib.h>

struct deploy {
    struct joist_engine *e;
    const char *pool;
    const char *slot;
    const struct joist_deploy_conf *conf;
    struct joist_err *err;
    char *slot_pool;         /* owned; name of the slot's pool */
    struct jst_pool *before; /* counted; what the slot has now */
    struct jst_pool *fresh;  /* counted; the targets, in a pool that knows nothing else */
    struct jst_pool *next;   /* counted; the slot's pool with them */
    int drain_rc;            /* of the generation before */
};

void
joist_deploy_conf_init(struct joist_deploy_conf *conf)
{
    *conf = (struct joist_deploy_conf){
        .timeout_ms = JST_DEPLOY_MS_DEFAULT,
        .drain_ms = JOIST_FOREVER,
        .tunnels = JOIST_TUNNEL_KEEP,
    };
}

/* ---- what is there ---- */

static int
hold_slot(struct deploy *d)
{
    struct jst_slot_at at = {0};
    int rc;

    pthread_mutex_lock(&d->e->control);
    rc = jst_slot_find(&at, d->e, d->pool, d->slot, d->err);
    if (rc == JOIST_OK) {
        struct jst_slice name = d->e->current->pool_names[at.pool];

        d->before = jst_pool_ref(d->e->current->pools[at.pool]);
        d->slot_pool = strndup(name.p, name.n);
        rc = d->slot_pool != NULL ? JOIST_OK : JOIST_E_NOMEM;
    }
    pthread_mutex_unlock(&d->e->control);
    return rc;
}

/* ---- the targets ---- */

static int
check_targets(const struct deploy *d, struct jst_report *r)
{
    const struct joist_deploy_conf *c = d->conf;

    if (c->targets_n == 0) {
        return jst_fail(d->err, JOIST_E_INVAL, "a deploy needs targets");
    }
    if (c->healthy_min > c->targets_n) {
        return jst_fail(d->err, JOIST_E_INVAL, "%u of the targets cannot be well: there are %zu",
                        c->healthy_min, c->targets_n);
    }
    if ((unsigned)c->tunnels > JOIST_TUNNEL_DELAY) {
        return jst_fail(d->err, JOIST_E_INVAL, "what becomes of tunnels is keep, cut or delay");
    }
    for (size_t i = 0; i < c->targets_n; i++) {
        jst_report_target(r, &c->targets[i]);
    }
    return r->errors == 0 ? JOIST_OK : JOIST_E_INVAL;
}

static int
check_twice(const struct deploy *d)
{
    for (uint32_t i = 0; i < d->fresh->n; i++) {
        if (jst_pool_find(d->fresh, d->fresh->v[i].key, d->fresh->n) < i) {
            return jst_fail(d->err, JOIST_E_EXISTS, "target '%.*s' is there twice",
                            JST_PRI(d->fresh->v[i].name));
        }
    }
    return JOIST_OK;
}

static int
make_fresh(struct deploy *d)
{
    struct jst_report r = {.fn = jst_change_report, .ctx = d->err};
    struct jst_tls_reporter tls = jst_tls_reporter(&r, JOIST_LOG_ERROR);
    struct joist_pool_conf conf;
    int rc = check_targets(d, &r);

    if (rc < 0) {
        return rc;
    }
    joist_pool_conf_init(&conf);
    conf.targets = d->conf->targets;
    conf.targets_n = d->conf->targets_n;
    rc = jst_pool_create(&d->fresh, &conf, d->e->names, &tls.base);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < conf.targets_n; i++) {
        if (!jst_pool_has_address(d->fresh, i)) {
            jst_names_wait(d->e->names, JST_DNS_FIRST_MS);
            break;
        }
    }
    return check_twice(d);
}

static int
make_next(struct deploy *d)
{
    const struct jst_target **v = malloc(d->fresh->n * sizeof(*v));
    int rc;

    if (v == NULL) {
        return JOIST_E_NOMEM;
    }
    for (uint32_t i = 0; i < d->fresh->n; i++) {
        v[i] = &d->fresh->v[i];
    }
    rc = jst_pool_derive(&d->next, d->before, v, d->fresh->n, jst_engine_now_ms());
    free(v);
    return rc;
}

/* ---- are they well? ---- */

static void
tell_results(const struct deploy *d, const struct jst_health_waited *waited,
             struct joist_deploy_result *results)
{
    for (uint32_t i = 0; i < d->next->n && results != NULL; i++) {
        results[i] = (struct joist_deploy_result){
            .ok = waited[i].passed, .checks = waited[i].checks, .text = ""};
        (void)jst_fmt(results[i].text, sizeof(results[i].text), "%s", waited[i].text);
    }
}

/* The first that is not well says why all is in vain. */
static void
tell_failure(const struct deploy *d, const struct jst_health_waited *waited, int rc)
{
    uint32_t first = 0, bad = 0;

    for (uint32_t i = 0; i < d->next->n; i++) {
        first = !waited[i].passed && bad == 0 ? i : first;
        bad += waited[i].passed ? 0 : 1;
    }
    (void)jst_fail(d->err, rc, "%u of %u targets are not well: %.*s: %.200s", bad, d->next->n,
                   JST_PRI(d->next->v[first].name),
                   waited[first].text[0] != '\0' ? waited[first].text : joist_error_text(rc));
}

static int
wait_until_well(struct deploy *d, struct joist_deploy_result *results)
{
    struct jst_health_wait_conf conf = {
        .health = d->conf->health, .timeout_ms = d->conf->timeout_ms, .need = d->conf->healthy_min};
    struct jst_health_waited *waited = calloc(d->next->n, sizeof(*waited));
    int rc;

    if (waited == NULL) {
        return JOIST_E_NOMEM;
    }
    rc = jst_health_wait(d->e->health, d->next, &conf, waited);
    tell_results(d, waited, results);
    if (rc == JOIST_E_TIMEOUT) {
        tell_failure(d, waited, rc);
    }
    free(waited);
    return rc;
}

/* ---- the change ---- */

/* Targets that came and went meanwhile are replaced like the others. */
static bool
is_of_one_configuration(const struct jst_pool *a, const struct jst_pool *b)
{
    return (a->base != NULL ? a->base : a) == (b->base != NULL ? b->base : b);
}

static int
edit(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    struct deploy *d = ctx;
    struct jst_slot_at at = {0};

    if (!is_of_one_configuration(now, d->before) ||
        jst_slot_find(&at, d->e, d->pool, d->slot, NULL) < 0) {
        return jst_fail(
            d->err, JOIST_E_STATE,
            "slot '%.200s' of upstream '%.200s' has got another configuration meanwhile", d->slot,
            d->pool);
    }
    jst_control_replacing(now, d->next, jst_engine_now_ms());
    *out = jst_pool_ref(d->next);
    return JOIST_OK;
}

/* Slots that have had a share of the requests are the generation before. */
static jst_slot_set
find_old(const struct jst_slot_at *at, jst_slot_set usable)
{
    jst_slot_set old = 0;

    for (size_t i = 0; i < jst_slots_n(at->slots); i++) {
        bool is = i != at->slot && jst_slots_share(at->slots, i, usable) > 0;

        old |= (jst_slot_set)is << i;
    }
    return old;
}

/* Their targets are not told to drain: who waits there for room, or for another try, is still to be
 * served. Nothing new comes, as the slots are closed. */
static void
drain_slots(struct deploy *d, const struct jst_slot_at *at, jst_slot_set old, uint64_t drain)
{
    for (size_t i = 0; i < jst_slots_n(at->slots); i++) {
        if ((old >> i & 1) != 0) {
            jst_slots_close(at->slots, i);
            jst_control_mark(d->e->current->pools[jst_slots_pool(at->slots, i)], drain);
        }
    }
}

/* Without a deadline, and with tunnels that stay, what runs there ends by itself. */
static bool
has_deadline(const struct joist_deploy_conf *c)
{
    return c->drain_ms != JOIST_FOREVER || c->tunnels == JOIST_TUNNEL_CUT;
}

static void
done(void *ctx, struct jst_pool *before, struct jst_pool *now)
{
    struct deploy *d = ctx;
    struct jst_cut_plan plan = {.after_ms = d->conf->drain_ms, .tunnels = d->conf->tunnels};
    jst_slot_set old = 0;
    struct jst_slot_at at = {0};

    (void)jst_slot_find(&at, d->e, d->pool, d->slot, NULL); /* edit() has found it */
    plan.drain = has_deadline(d->conf) ? ++d->e->drains_n : 0;
    /* Addresses of names are targets only now (replace.c). */
    jst_control_replacing(before, now, jst_engine_now_ms());
    jst_control_replaced(before, now, plan.drain);
    if (!d->conf->stay) {
        old = find_old(&at, jst_slot_usable(d->e, at.slots));
        jst_slots_switch(at.slots, at.slot);
    }
    if (plan.drain != 0) {
        drain_slots(d, &at, old, plan.drain);
        d->drain_rc = jst_order_cut(d->e, &plan);
    }
    JST_LOG(&d->e->log->log, INFO, UPSTREAM_DEPLOYED, "upstream=%s slot=%s targets=%u switched=%s",
            d->pool, d->slot, now->n, d->conf->stay ? "no" : "yes");
}

static int
put_in_place(struct deploy *d)
{
    int rc = jst_engine_change_pool(d->e, jst_slice_z(d->slot_pool), edit, done, d);

    if (rc == JOIST_OK && d->drain_rc < 0) {
        return jst_fail(d->err, d->drain_rc, "deployed, but what ran before gets no deadline: %s",
                        joist_error_text(d->drain_rc));
    }
    return rc;
}

/* ---- all of it ---- */

static int
run(struct deploy *d, struct joist_deploy_result *results)
{
    int rc = hold_slot(d);

    if (rc == JOIST_OK) {
        rc = make_fresh(d);
    }
    if (rc == JOIST_OK) {
        rc = make_next(d);
    }
    if (rc == JOIST_OK) {
        rc = wait_until_well(d, results);
    }
    return rc == JOIST_OK ? put_in_place(d) : rc;
}

int
joist_upstream_deploy(struct joist_engine *e, const char *pool, const char *slot,
                      const struct joist_deploy_conf *conf, struct joist_deploy_result *results,
                      struct joist_err *err)
{
    struct joist_err own = {0};
    struct deploy d = {.e = e,
                       .pool = pool != NULL ? pool : "",
                       .slot = slot != NULL ? slot : "",
                       .conf = conf,
                       .err = &own};
    int rc;

    for (size_t i = 0; results != NULL && i < conf->targets_n; i++) {
        results[i] = (struct joist_deploy_result){0};
    }
    rc = run(&d, results);
    jst_pool_unref(&d.next);
    jst_pool_unref(&d.fresh);
    jst_pool_unref(&d.before);
    free(d.slot_pool);
    if (rc < 0 && own.code != rc) {
        (void)jst_fail(&own, rc, "upstream '%.200s': %s", d.pool, joist_error_text(rc));
    }
    if (rc < 0) {
        pthread_mutex_lock(&e->control); /* the log's source has one user at a time */
        JST_LOG(&e->log->log, WARN, UPSTREAM_DEPLOY_FAILED, "upstream=%s slot=%s reason=\"%s\"",
                d.pool, d.slot, own.message);
        pthread_mutex_unlock(&e->control);
    }
    if (err != NULL) {
        *err = own;
    }
    return rc;
}
