// SPDX-License-Identifier: MIT
#include "upstream/pool.h"
#include "upstream/track.h"

#include "base/str.h"
#include "wire/tls.h"

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

/* ---- looking only ---- */

struct named {
    char *key; /* owned */
    const struct joist_target_conf *conf;
};

static int
compare_named(const void *a, const void *b)
{
    const struct named *x = a;
    const struct named *y = b;
    int order = strcmp(x->key, y->key);

    return order != 0 ? order : x->conf < y->conf ? -1 : x->conf > y->conf;
}

/* "http://a" and "http://a:80" are one target. The same text is told by who reads the texts. */
static int
report_twice(struct named *v, size_t n, struct jst_tls_report *report)
{
    int rc = JOIST_OK;

    qsort(v, n, sizeof(*v), compare_named);
    for (size_t i = 1; i < n; i++) {
        char text[512];

        if (strcmp(v[i - 1].key, v[i].key) != 0 ||
            strcmp(v[i - 1].conf->url, v[i].conf->url) == 0) {
            continue;
        }
        rc = JOIST_E_INVAL;
        if (report != NULL) {
            (void)jst_fmt(text, sizeof(text), "target '%.200s' is there twice, as '%.200s'",
                          v[i].conf->url, v[i - 1].conf->url);
            report->fn(report, JOIST_LOG_ERROR, rc, &v[i].conf->pos, text);
        }
    }
    return rc;
}

int
jst_pool_check(const struct joist_pool_conf *conf, struct jst_tls_report *report)
{
    struct named *v = malloc((conf->targets_n + 1) * sizeof(*v));
    int rc = v != NULL ? JOIST_OK : JOIST_E_NOMEM;
    size_t n = 0;

    for (size_t i = 0; i < conf->targets_n && rc != JOIST_E_NOMEM; i++) {
        struct jst_target t = {0};
        int one = jst_target_init(&t, &conf->targets[i], report);

        if (one == JOIST_OK) {
            v[n++] = (struct named){t.key, &conf->targets[i]};
            t.key = NULL;
        }
        jst_target_fini(&t);
        rc = one < 0 ? one : rc;
    }
    if (rc == JOIST_OK) {
        rc = report_twice(v, n, report);
    }
    for (size_t i = 0; i < n; i++) {
        free(v[i].key);
    }
    free(v);
    return rc;
}

/* ---- making ---- */

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
    p->refs = 1;
    p->strategy = conf->strategy;
    p->idle_max = conf->idle_max;
    p->expands = conf->strategy != JOIST_STRATEGY_SINGLE;
    p->even = true;
    for (size_t i = 0; i < conf->targets_n; i++) {
        int rc = add_target(p, &conf->targets[i], names, report);

        if (rc == JOIST_E_NOMEM) {
            jst_pool_unref(&p);
            return rc;
        }
        wrong = wrong || rc < 0; /* the others' faults are told too */
    }
    if (wrong) {
        jst_pool_unref(&p);
        return JOIST_E_INVAL;
    }
    *out = p;
    return JOIST_OK;
}

struct jst_pool *
jst_pool_ref(struct jst_pool *p)
{
    (void)__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
    return p;
}

void
jst_pool_unref(struct jst_pool **take)
{
    struct jst_pool *p = *take;

    *take = NULL;
    if (p == NULL || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    jst_tracking_destroy(&p->tracking);
    for (uint32_t i = 0; i < p->n; i++) {
        jst_target_fini(&p->v[i]);
    }
    jst_pool_unref(&p->base);
    free(p);
}

size_t
jst_pool_size(const struct jst_pool *p)
{
    return p->n;
}

bool
jst_pool_has_address(const struct jst_pool *p, size_t target)
{
    return jst_target_addrs(&p->v[target]) != NULL;
}
