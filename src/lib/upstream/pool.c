// SPDX-License-Identifier: MIT
#include "upstream/pool.h"
#include "upstream/track.h"

#include <stdlib.h>

static int
keep_addrs(struct jst_target *t, const struct jst_addr *v, size_t n)
{
    struct jst_addrs *addrs = malloc(sizeof(*addrs) + n * sizeof(addrs->v[0]));

    if (addrs == NULL) {
        return JOIST_E_NOMEM;
    }
    addrs->n = (uint32_t)n;
    memcpy(addrs->v, v, n * sizeof(addrs->v[0]));
    __atomic_store_n(&t->addrs, addrs, __ATOMIC_RELEASE);
    return JOIST_OK;
}

/* Find addresses: of a Unix socket, a literal, or a name (which blocks). */
static int
resolve(struct jst_target *t)
{
    struct jst_addr v[JST_TARGET_ADDRS_MAX];
    size_t n = JST_COUNT(v);
    int rc;

    if (t->host.n == 0) {
        n = 1;
        rc = jst_addr_parse(&v[0], t->name);
    } else if (jst_addr_literal(&v[0], t->host, t->port) == JOIST_OK) {
        n = 1;
        rc = JOIST_OK;
    } else {
        rc = jst_addr_resolve(v, &n, t->host, t->port);
    }
    if (rc < 0 || n == 0) {
        return rc == JOIST_E_NOMEM ? rc : JOIST_E_RESOLVE;
    }
    return keep_addrs(t, v, n);
}

int
jst_pool_check(const struct joist_pool_conf *conf, struct jst_tls_report *report)
{
    int rc = JOIST_OK;

    for (size_t i = 0; i < conf->targets_n && rc != JOIST_E_NOMEM; i++) {
        struct jst_target t = {0};
        int one = jst_target_init(&t, &conf->targets[i], report);

        jst_target_fini(&t);
        rc = one < 0 ? one : rc;
    }
    return rc;
}

static int
add_target(struct jst_pool *p, const struct joist_target_conf *conf, struct jst_tls_report *report)
{
    struct jst_target *t = &p->v[p->n++];
    int rc = jst_target_init(t, conf, report);

    p->even = p->even && t->weight == p->v[0].weight;
    return rc < 0 ? rc : resolve(t);
}

int
jst_pool_create(struct jst_pool **out, const struct joist_pool_conf *conf,
                void (*on_unresolved)(void *ctx, const struct joist_target_conf *t), void *ctx,
                struct jst_tls_report *report)
{
    struct jst_pool *p = calloc(1, sizeof(*p) + conf->targets_n * sizeof(p->v[0]));
    bool wrong = false;

    if (p == NULL) {
        return JOIST_E_NOMEM;
    }
    p->strategy = conf->strategy;
    p->idle_max = conf->idle_max;
    p->even = true;
    for (size_t i = 0; i < conf->targets_n; i++) {
        int rc = add_target(p, &conf->targets[i], report);

        if (rc == JOIST_E_RESOLVE && on_unresolved != NULL) {
            on_unresolved(ctx, &conf->targets[i]);
        }
        if (rc == JOIST_E_NOMEM) {
            jst_pool_destroy(&p);
            return rc;
        }
        wrong = wrong || (rc < 0 && rc != JOIST_E_RESOLVE); /* the others' faults are told too */
    }
    if (wrong) {
        jst_pool_destroy(&p);
        return JOIST_E_INVAL;
    }
    *out = p;
    return JOIST_OK;
}

void
jst_pool_destroy(struct jst_pool **take)
{
    struct jst_pool *p = *take;

    *take = NULL;
    if (p == NULL) {
        return;
    }
    jst_tracking_destroy(&p->tracking);
    for (uint32_t i = 0; i < p->n; i++) {
        jst_target_fini(&p->v[i]);
    }
    free(p);
}

int
jst_pool_resolve_again(struct jst_pool *p, void (*on_resolved)(void *ctx, struct jst_slice name),
                       void *ctx)
{
    int missing = 0;

    for (uint32_t i = 0; i < p->n; i++) {
        if (jst_target_addrs(&p->v[i]) != NULL) {
            continue;
        }
        if (resolve(&p->v[i]) < 0) {
            missing++;
        } else if (on_resolved != NULL) {
            on_resolved(ctx, p->v[i].name);
        }
    }
    return missing;
}
