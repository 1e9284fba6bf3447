// SPDX-License-Identifier: MIT
#include "engine/snapshot.h"

#include "base/str.h"
#include "engine/request.h"
#include "upstream/expand.h"

#include <stdlib.h>
#include <time.h>

static void
report_unresolved(const struct jst_snapshot *s, const struct joist_conf *conf, struct jst_report *r)
{
    for (size_t i = 0; i < s->pools_n; i++) {
        for (size_t t = 0; t < conf->pools[i].targets_n; t++) {
            const struct joist_target_conf *target = &conf->pools[i].targets[t];

            if (!jst_pool_has_address(s->pools[i], t)) {
                jst_report_at(r, JOIST_LOG_WARN, JOIST_E_RESOLVE, &target->pos,
                              "origin '%s' does not resolve; its requests get 503 until it does",
                              target->url);
            }
        }
    }
}

static int
make_pools(struct jst_snapshot *s, const struct joist_conf *conf, struct jst_names *names,
           struct jst_report *r)
{
    struct jst_tls_reporter tls = jst_tls_reporter(r, JOIST_LOG_DEBUG);
    int rc;

    s->pools = jst_arena_zalloc(&s->arena, conf->pools_n * sizeof(struct jst_pool *) + 1);
    s->pool_names = jst_arena_zalloc(&s->arena, conf->pools_n * sizeof(*s->pool_names) + 1);
    s->slots = jst_arena_zalloc(&s->arena, conf->pools_n * sizeof(struct jst_slots *) + 1);
    s->is_slot = jst_arena_zalloc(&s->arena, conf->pools_n * sizeof(*s->is_slot) + 1);
    if (s->pools == NULL || s->pool_names == NULL || s->slots == NULL || s->is_slot == NULL) {
        return JOIST_E_NOMEM;
    }
    for (; s->pools_n < conf->pools_n; s->pools_n++) {
        s->pool_names[s->pools_n] =
            jst_arena_copy(&s->arena, jst_slice_z(conf->pools[s->pools_n].name));
        if (s->pool_names[s->pools_n].p == NULL) {
            return JOIST_E_NOMEM;
        }
        rc = jst_pool_create(&s->pools[s->pools_n], &conf->pools[s->pools_n], names, &tls.base);
        if (rc < 0) {
            return rc;
        }
    }
    if (names != NULL) {
        jst_names_wait(names, JST_DNS_FIRST_MS);
    }
    report_unresolved(s, conf, r);
    return JOIST_OK;
}

/* ---- routes ---- */

struct name_index {
    const char *name;
    size_t i;
};

static int
compare_index(const void *a, const void *b)
{
    return strcmp(((const struct name_index *)a)->name, ((const struct name_index *)b)->name);
}

static struct name_index *
index_pools(const struct joist_conf *conf)
{
    struct name_index *index = malloc((conf->pools_n + 1) * sizeof(*index));

    for (size_t i = 0; index != NULL && i < conf->pools_n; i++) {
        index[i] = (struct name_index){conf->pools[i].name, i};
    }
    if (index != NULL) {
        qsort(index, conf->pools_n, sizeof(*index), compare_index);
    }
    return index;
}

static int
make_handler(struct jst_handler **out, const struct joist_route_conf *route,
             const struct joist_conf *conf, const struct name_index *pools)
{
    struct jst_proxy_env env = {jst_request_upool, conf->via, conf->debug};
    struct name_index key = {route->handler.proxy.pool, 0};
    const struct name_index *found;

    switch (route->kind) {
    case JOIST_HANDLER_STATIC:
        return jst_static_create(out, &route->handler.files);
    case JOIST_HANDLER_RESPOND:
        return jst_respond_create(out, &route->handler.respond);
    case JOIST_HANDLER_REDIRECT:
        return jst_redirect_create(out, &route->handler.redirect);
    case JOIST_HANDLER_PROXY:
        found = bsearch(&key, pools, conf->pools_n, sizeof(*pools), compare_index);
        JST_ASSERT(found != NULL); /* checked before */
        return jst_proxy_create(out, &route->handler.proxy, found->i, &env);
    case JOIST_HANDLER_NONE:
        break;
    }
    JST_UNREACHABLE();
}

/* RFC 6797 6.1.1 and 7.2: over TLS alone; what the route says itself goes first. */
static int
make_tls_headers(struct jst_snapshot *s, struct jst_route *out, uint64_t hsts_s)
{
    char text[64];
    size_t n = out->headers.n;
    struct jst_field *v;

    out->tls_headers = out->headers;
    for (size_t i = 0; i < n; i++) {
        if (jst_slice_ieq(out->headers.v[i].name, JST_S("Strict-Transport-Security"))) {
            return JOIST_OK;
        }
    }
    if (hsts_s == 0) {
        return JOIST_OK;
    }
    v = jst_arena_zalloc(&s->arena, (n + 1) * sizeof(*v));
    if (v == NULL) {
        return JOIST_E_NOMEM;
    }
    if (n > 0) {
        memcpy(v, out->headers.v, n * sizeof(*v));
    }
    v[n].name = JST_S("Strict-Transport-Security");
    v[n].value = jst_arena_copy(
        &s->arena,
        jst_slice(text, jst_fmt(text, sizeof(text), "max-age=%llu", (unsigned long long)hsts_s)));
    out->tls_headers = (struct jst_header_set){v, n + 1};
    return v[n].value.p != NULL ? JOIST_OK : JOIST_E_NOMEM;
}

static int
copy_headers(struct jst_snapshot *s, struct jst_header_set *out,
             const struct joist_route_conf *route)
{
    struct jst_field *v;

    out->n = route->response_headers_n;
    out->v = v = jst_arena_zalloc(&s->arena, out->n * sizeof(*v) + 1);
    if (v == NULL) {
        return JOIST_E_NOMEM;
    }
    for (size_t i = 0; i < out->n; i++) {
        v[i].name = jst_arena_copy(&s->arena, jst_slice_z(route->response_headers[i].name));
        v[i].value = jst_arena_copy(&s->arena, jst_slice_z(route->response_headers[i].value));
        if (v[i].name.p == NULL || v[i].value.p == NULL) {
            return JOIST_E_NOMEM;
        }
        v[i].id = (uint16_t)jst_field_id(v[i].name);
    }
    return JOIST_OK;
}

/* A name for logs where the configuration gives none: "example.com/api". */
static struct jst_slice
route_name(struct jst_snapshot *s, const struct joist_route_conf *route)
{
    char text[512];
    const char *host = route->hosts_n > 0 ? route->hosts[0] : "*";
    const char *path = route->path_kind != JOIST_PATH_ANY ? route->path : "";
    size_t n;

    if (route->name != NULL) {
        return jst_arena_copy(&s->arena, jst_slice_z(route->name));
    }
    n = jst_fmt(text, sizeof(text), "%s%s", host, path);
    return jst_arena_copy(&s->arena, jst_slice(text, n));
}

/* A slash at the prefix's end stays: what is left must begin with one, or it would be joined to an
 * origin's base path or name, or be no path at all. */
static size_t
stripped_bytes(const struct joist_route_conf *route)
{
    size_t n =
        route->strip_prefix && route->path_kind == JOIST_PATH_PREFIX ? strlen(route->path) : 0;

    while (n > 0 && route->path[n - 1] == '/') {
        n--;
    }
    return n;
}

static int
make_route(struct jst_snapshot *s, struct jst_route *out, const struct joist_route_conf *route,
           const struct joist_conf *conf, const struct name_index *pools)
{
    int rc = make_handler(&out->handler, route, conf, pools);

    if (rc < 0) {
        return rc;
    }
    s->routes_n++; /* from here on its handler is freed with the snapshot */
    out->name = route_name(s, route);
    out->strip_n = stripped_bytes(route);
    out->body_max_bytes =
        route->limits != NULL ? route->limits->body_bytes : conf->limits.body_bytes;
    out->timeouts = route->timeouts != NULL ? *route->timeouts : conf->timeouts;
    out->is_proxy = route->kind == JOIST_HANDLER_PROXY;
    if (out->name.p == NULL) {
        return JOIST_E_NOMEM;
    }
    rc = copy_headers(s, &out->headers, route);
    return rc < 0 ? rc : make_tls_headers(s, out, route->hsts_s);
}

static int
make_routes(struct jst_snapshot *s, const struct joist_conf *conf)
{
    struct name_index *pools = index_pools(conf);
    int rc = JOIST_E_NOMEM;

    s->routes = jst_arena_zalloc(&s->arena, conf->routes_n * sizeof(*s->routes) + 1);
    if (pools == NULL || s->routes == NULL) {
        goto out;
    }
    for (size_t i = 0; i < conf->routes_n; i++) {
        rc = make_route(s, &s->routes[i], &conf->routes[i], conf, pools);
        if (rc < 0) {
            goto out;
        }
    }
    rc = jst_routes_build(&s->table, conf->routes, conf->routes_n);
out:
    free(pools);
    return rc;
}

/* ---- the rest ---- */

static int
make_rest(struct jst_snapshot *s, const struct joist_conf *conf)
{
    char line[512];
    size_t n = 0;

    s->trusted_n = conf->trusted_proxies_n;
    s->trusted = jst_arena_alloc(&s->arena, s->trusted_n * sizeof(*s->trusted) + 1);
    if (s->trusted == NULL) {
        return JOIST_E_NOMEM;
    }
    for (size_t i = 0; i < s->trusted_n; i++) {
        int rc = jst_cidr_parse(&s->trusted[i], jst_slice_z(conf->trusted_proxies[i]));

        JST_ASSERT(rc == JOIST_OK); /* checked before */
    }
    if (conf->server_header != NULL && conf->server_header[0] != '\0') {
        n = jst_fmt(line, sizeof(line), "Server: %s\r\n", conf->server_header);
    }
    s->h1.server_line = jst_arena_copy(&s->arena, jst_slice(line, n));
    if (s->h1.server_line.p == NULL) {
        return JOIST_E_NOMEM;
    }
    s->h1.limits = conf->limits;
    s->h1.timeouts = conf->timeouts;
    s->tunnels = conf->tunnels;
    s->debug = conf->debug;
    return JOIST_OK;
}

static void
destroy(struct jst_snapshot *s)
{
    struct jst_arena arena = s->arena; /* it holds s itself */

    for (size_t i = 0; i < s->routes_n; i++) {
        jst_handler_destroy(s->routes[i].handler);
    }
    jst_snapshot_free_slots(s);
    for (size_t i = 0; i < s->pools_n; i++) {
        jst_pool_unref(&s->pools[i]);
    }
    jst_routes_destroy(&s->table);
    jst_fronts_destroy(&s->fronts);
    jst_arena_fini(&arena);
}

int
jst_snapshot_create(struct jst_snapshot **out, const struct joist_conf *conf,
                    struct jst_fronts **take_fronts, struct jst_names *names, struct jst_report *r)
{
    struct jst_arena arena;
    struct jst_snapshot *s;
    int rc;

    jst_arena_init(&arena);
    s = jst_arena_zalloc(&arena, sizeof(*s));
    if (s == NULL) {
        jst_fronts_destroy(take_fronts);
        return JOIST_E_NOMEM;
    }
    s->arena = arena;
    s->refs = 1;
    s->fronts = *take_fronts;
    *take_fronts = NULL;
    rc = make_rest(s, conf);
    if (rc == JOIST_OK) {
        rc = make_pools(s, conf, names, r);
    }
    if (rc == JOIST_OK) {
        rc = make_routes(s, conf);
    }
    if (rc < 0) {
        destroy(s);
        return rc;
    }
    *out = s;
    return JOIST_OK;
}

/* Of the clock that the loops read. */
static uint64_t
now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int
jst_snapshot_track(struct jst_snapshot *s, const struct joist_conf *conf, struct jst_states *states)
{
    int rc = jst_snapshot_make_slots(s, conf, states);

    for (size_t i = 0; i < s->pools_n && rc == JOIST_OK; i++) {
        struct joist_pool_conf pool = conf->pools[i];

        pool.dynamic = pool.dynamic || s->is_slot[i]; /* a deploy gives it other targets */
        rc = jst_pool_track(s->pools[i], &pool, states, now_ms());
    }
    return rc;
}

int
jst_snapshot_expand(struct jst_snapshot *s, struct jst_names *names)
{
    for (size_t i = 0; i < s->pools_n; i++) {
        int rc = jst_snapshot_expand_pool(&s->pools[i], names);

        if (rc < 0) {
            return rc;
        }
    }
    return JOIST_OK;
}

int
jst_snapshot_expand_pool(struct jst_pool **pool, struct jst_names *names)
{
    struct jst_pool *by;
    int rc = jst_pool_expand(&by, *pool, names, now_ms());

    if (rc == JOIST_OK && by != NULL) {
        jst_pool_unref(pool);
        *pool = by;
    }
    return rc;
}

struct jst_snapshot *
jst_snapshot_ref(struct jst_snapshot *s)
{
    (void)__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void
jst_snapshot_unref(struct jst_snapshot **take)
{
    struct jst_snapshot *s = *take;

    *take = NULL;
    if (s != NULL && __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        destroy(s);
    }
}

bool
jst_snapshot_trusts(const struct jst_snapshot *s, const struct jst_addr *a)
{
    for (size_t i = 0; i < s->trusted_n; i++) {
        if (jst_cidr_has(&s->trusted[i], a)) {
            return true;
        }
    }
    return false;
}

bool
jst_snapshot_trusts_text(const struct jst_snapshot *s, struct jst_slice ip)
{
    for (size_t i = 0; i < s->trusted_n; i++) {
        if (jst_cidr_has_text(&s->trusted[i], ip)) {
            return true;
        }
    }
    return false;
}
