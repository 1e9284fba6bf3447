// SPDX-License-Identifier: MIT
#include "upstream/pool.h"

#include "base/str.h"
#include "codec/uri.h"

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

/* "http://host:port" or "unix:/path", and what of it is name and host. */
static int
make_key(struct jst_target *t, const struct jst_url *url)
{
    bool is_unix = jst_slice_eq(url->scheme, JST_S("unix"));
    size_t cap = url->scheme.n + url->host.n + url->path.n + 16;
    struct jst_str s = jst_str(malloc(cap), cap);
    size_t name_at;

    if (s.p == NULL) {
        return JOIST_E_NOMEM;
    }
    t->key = s.p;
    jst_str_add(&s, url->scheme);
    if (is_unix) {
        jst_str_add_char(&s, ':');
        jst_str_add(&s, url->path);
        t->name = jst_str_slice(&s);
    } else {
        jst_str_add(&s, JST_S("://"));
        name_at = s.n;
        jst_str_add(&s, url->is_ipv6 ? JST_S("[") : JST_S(""));
        t->host = jst_slice(s.p + s.n, url->host.n);
        jst_str_add(&s, url->host);
        jst_str_add(&s, url->is_ipv6 ? JST_S("]:") : JST_S(":"));
        jst_str_add_u64(&s, url->port);
        t->name = jst_slice(s.p + name_at, s.n - name_at);
    }
    jst_str_add_char(&s, '\0');
    JST_ASSERT(!s.full);
    return JOIST_OK;
}

static int
init_target(struct jst_target *t, const struct joist_target_conf *conf)
{
    struct jst_url url;

    if (jst_url_parse(&url, jst_slice_z(conf->url)) < 0) {
        return JOIST_E_INVAL;
    }
    t->port = url.port;
    t->weight = (uint16_t)JST_MIN(JST_MAX(conf->weight, 1u), UINT16_MAX);
    return make_key(t, &url);
}

int
jst_pool_check(const struct joist_pool_conf *conf, struct jst_tls_report *report)
{
    (void)report;
    for (size_t i = 0; i < conf->targets_n; i++) {
        struct jst_url url;

        if (jst_url_parse(&url, jst_slice_z(conf->targets[i].url)) < 0) {
            return JOIST_E_INVAL;
        }
    }
    return JOIST_OK;
}

int
jst_pool_create(struct jst_pool **out, const struct joist_pool_conf *conf,
                void (*on_unresolved)(void *ctx, const struct joist_target_conf *t), void *ctx,
                struct jst_tls_report *report)
{
    struct jst_pool *p = calloc(1, sizeof(*p) + conf->targets_n * sizeof(p->v[0]));
    int rc = JOIST_E_NOMEM;

    if (p == NULL) {
        goto fail;
    }
    (void)report;
    p->strategy = conf->strategy;
    p->idle_max = conf->idle_max;
    p->even = true;
    for (size_t i = 0; i < conf->targets_n; i++) {
        struct jst_target *t = &p->v[p->n++];

        rc = init_target(t, &conf->targets[i]);
        if (rc < 0) {
            goto fail;
        }
        p->even = p->even && t->weight == p->v[0].weight;
        rc = resolve(t);
        if (rc == JOIST_E_RESOLVE && on_unresolved != NULL) {
            on_unresolved(ctx, &conf->targets[i]);
        }
        if (rc < 0 && rc != JOIST_E_RESOLVE) {
            goto fail;
        }
    }
    *out = p;
    return JOIST_OK;
fail:
    jst_pool_destroy(&p);
    return rc;
}

void
jst_pool_destroy(struct jst_pool **take)
{
    struct jst_pool *p = *take;

    *take = NULL;
    if (p == NULL) {
        return;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        free(p->v[i].key);
        free(p->v[i].addrs);
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
