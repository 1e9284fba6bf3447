// SPDX-License-Identifier: MIT
#include "upstream/pool.h"
#include "upstream/track.h"

#include <stdlib.h>

/* Addresses: of a Unix socket, a literal, or a name. */
static int
find_addrs(struct jst_target *t, struct jst_names *names)
{
    struct jst_addr a;
    int rc = t->host.n == 0 ? jst_addr_parse(&a, t->name)
             : t->srv       ? JOIST_E_INVAL
                            : jst_addr_literal(&a, t->host, t->port);

    if (rc == JOIST_OK) {
        t->addrs = calloc(1, sizeof(*t->addrs) + sizeof(t->addrs->v[0]));
        if (t->addrs == NULL) {
            return JOIST_E_NOMEM;
        }
        t->addrs->n = 1;
        t->addrs->even = true;
        t->addrs->v[0] = a;
        return JOIST_OK;
    }
    return names != NULL && t->host.n > 0 ? jst_name_get(&t->dns, names, t->host, t->port, t->srv)
                                          : JOIST_OK;
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
add_target(struct jst_pool *p, const struct joist_target_conf *conf, struct jst_names *names,
           struct jst_tls_report *report)
{
    struct jst_target *t = &p->v[p->n++];
    int rc = jst_target_init(t, conf, report);

    p->even = p->even && t->weight == p->v[0].weight;
    return rc < 0 ? rc : find_addrs(t, names);
}

int
jst_pool_create(struct jst_pool **out, const struct joist_pool_conf *conf, struct jst_names *names,
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
        int rc = add_target(p, &conf->targets[i], names, report);

        if (rc == JOIST_E_NOMEM) {
            jst_pool_destroy(&p);
            return rc;
        }
        wrong = wrong || rc < 0; /* the others' faults are told too */
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

bool
jst_pool_has_address(const struct jst_pool *p, size_t target)
{
    return jst_target_addrs(&p->v[target]) != NULL;
}
