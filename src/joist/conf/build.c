// SPDX-License-Identifier: MIT
/*
 * The file's structs -> the engine's: sites become routes, origins become pools.
 *
 * Parts that have an error inside are left out; their errors are reported already, and the rest
 * can still be checked.
 */
#include "conf/build.h"
#include "conf/nearest.h"
#include "conf/schema.h"

void *
jst_build_take(struct jst_build *b, size_t n)
{
    void *p = jst_arena_zalloc(&b->conf->arena, JST_MAX(n, 1));

    if (p == NULL) {
        b->rc = JOIST_E_NOMEM;
    }
    return p;
}

struct joist_pos
jst_build_pos(const struct jst_build *b, const struct jst_span *at)
{
    return (struct joist_pos){jst_diags_file(b->report, at->file), at->line, at->column};
}

struct joist_pos
jst_build_pos_of_part(const struct jst_build *b, const struct jst_part *part)
{
    return part->node != NULL ? jst_build_pos(b, &part->node->at) : (struct joist_pos){0};
}

/* The value of a route's key; the route itself if its site says it. */
static const struct jst_node *
value_of(const struct jst_part *part, const char *key)
{
    const struct jst_node *child = jst_node_find(part->node, key);

    return child != NULL ? child : part->node;
}

/* ---- handlers ---- */

static const char *const spa_files[] = {"$path", "$path/", "/index.html"};

static void
set_static(struct joist_static_conf *to, const struct jst_part_handler *h)
{
    joist_static_conf_init(to);
    to->root = h->root;
    to->index = h->index.v;
    to->index_n = h->index.n;
    to->try_files = h->spa ? spa_files : h->try_files.v;
    to->try_files_n = h->spa ? JST_COUNT(spa_files) : h->try_files.n;
    to->error_pages = h->error_pages.v;
    to->error_pages_n = h->error_pages.n;
    to->cache_control = h->cache_control;
    to->listing = h->listing;
    to->precompressed = h->precompressed;
    to->dotfiles = h->dotfiles;
}

/* "http://host:port/base/" is the origin "http://host:port" with "/base" before each path. */
static bool
set_proxy(struct jst_build *b, struct joist_proxy_conf *to, const struct jst_part_route *part)
{
    struct jst_slice url = jst_slice_z(part->handler.proxy), rest;
    const struct jst_node *value = value_of(&part->part, "proxy");
    size_t scheme = jst_origin_scheme_bytes(url);
    ptrdiff_t slash;

    to->host = part->handler.proxy_host;
    if (jst_slice_find(url, ':') < 0) {
        to->pool = jst_build_pool_of_name(b, part->handler.proxy, value);
        return to->pool != NULL;
    }
    rest = jst_slice(url.p + scheme, url.n - scheme);
    slash = scheme > 0 ? jst_slice_find(rest, '/') : -1;
    if (slash >= 0) {
        struct jst_slice base = jst_slice(rest.p + slash, rest.n - (size_t)slash);

        url.n = scheme + (size_t)slash;
        while (base.n > 0 && base.p[base.n - 1] == '/') {
            base.n--;
        }
        to->path_base = base.n > 0 ? jst_arena_copy(&b->conf->arena, base).p : NULL;
    }
    to->pool = jst_build_pool_of_origin(b, url, value);
    return to->pool != NULL;
}

static bool
set_upstream(struct jst_build *b, struct joist_proxy_conf *to, const struct jst_part_route *part,
             size_t number)
{
    const struct jst_part_pool *pool = part->handler.upstream;
    const char *name;

    to->host = part->handler.proxy_host;
    if (pool->name != NULL) {
        const struct jst_node *node = pool->part.node;

        to->pool = jst_build_pool_of_name(
            b, pool->name, node->kind == JST_NODE_TABLE ? value_of(&pool->part, "name") : node);
        return to->pool != NULL;
    }
    /* No written name has a ':'. */
    name = jst_diags_fmt(b->report, "route:%zu", number + 1);
    name = jst_arena_copy_z(&b->conf->arena, name);
    jst_build_written_pool(b, name, pool);
    to->pool = name;
    return name != NULL;
}

static void
set_respond(struct joist_respond_conf *to, const struct jst_part_respond *part)
{
    to->status = (uint16_t)part->status;
    to->body = part->body;
    to->body_n = part->body != NULL ? strlen(part->body) : 0;
    to->content_type = part->content_type;
}

/* False if the route is to be left out. */
static bool
set_handler(struct jst_build *b, struct joist_route_conf *to, const struct jst_part_route *part,
            size_t number)
{
    const struct jst_part_handler *h = &part->handler;

    to->response_headers = h->headers.v;
    to->response_headers_n = h->headers.n;
    to->hsts_s = h->hsts_ms / 1000;
    to->limits = h->limits != NULL ? &h->limits->v : NULL;
    to->timeouts = h->timeouts != NULL ? &h->timeouts->v : NULL;
    if (h->root != NULL) {
        to->kind = JOIST_HANDLER_STATIC;
        set_static(&to->handler.files, h);
    } else if (h->proxy != NULL) {
        to->kind = JOIST_HANDLER_PROXY;
        return set_proxy(b, &to->handler.proxy, part);
    } else if (h->upstream != NULL) {
        to->kind = JOIST_HANDLER_PROXY;
        return set_upstream(b, &to->handler.proxy, part, number);
    } else if (h->respond != NULL) {
        to->kind = JOIST_HANDLER_RESPOND;
        set_respond(&to->handler.respond, h->respond);
    } else if (h->redirect != NULL) {
        to->kind = JOIST_HANDLER_REDIRECT;
        to->handler.redirect.to = h->redirect->to;
        to->handler.redirect.status = (uint16_t)h->redirect->status;
    } else {
        return false; /* a site that only has routes */
    }
    return true;
}

/* ---- routes ---- */

static void
set_hosts(struct joist_route_conf *to, const struct jst_part_route *site)
{
    if (site->host != NULL) {
        to->hosts = &site->host;
        to->hosts_n = 1;
    } else {
        to->hosts = site->hosts.v;
        to->hosts_n = site->hosts.n;
    }
}

static void
set_path(struct joist_route_conf *to, const char *prefix, const char *exact)
{
    to->path_kind = exact != NULL    ? JOIST_PATH_EXACT
                    : prefix != NULL ? JOIST_PATH_PREFIX
                                     : JOIST_PATH_ANY;
    to->path = exact != NULL ? exact : prefix;
}

static struct joist_route_conf *
begin_route(struct jst_build *b, const struct jst_part_route *part)
{
    struct joist_route_conf *to = &b->routes[b->routes_n];

    joist_route_conf_init(to);
    to->name = part->name;
    to->strip_prefix = part->strip_prefix;
    to->pos = jst_build_pos_of_part(b, &part->part);
    return to;
}

static void
add_site(struct jst_build *b, const struct jst_part_route *site)
{
    struct joist_route_conf *to = begin_route(b, site);

    if (site->part.bad) {
        return;
    }
    set_hosts(to, site);
    b->routes_n += set_handler(b, to, site, 0) ? 1 : 0;
    for (size_t i = 0; i < site->routes_n && b->rc == JOIST_OK; i++) {
        const struct jst_part_route *part = &site->routes[i];

        to = begin_route(b, part);
        set_hosts(to, site);
        set_path(to, part->path, part->exact);
        to->methods = part->methods.v;
        to->methods_n = part->methods.n;
        to->headers = part->match_headers.v;
        to->headers_n = part->match_headers.n;
        b->routes_n += set_handler(b, to, part, 0) ? 1 : 0;
    }
}

static void
add_route(struct jst_build *b, const struct jst_part_route *part, size_t number)
{
    struct joist_route_conf *to = begin_route(b, part);
    const struct jst_part_matchers *m = part->matchers;

    if (part->part.bad) {
        return;
    }
    if (m != NULL) {
        to->hosts = m->hosts.v;
        to->hosts_n = m->hosts.n;
        set_path(to, m->path_prefix, m->path);
        to->methods = m->methods.v;
        to->methods_n = m->methods.n;
        to->headers = m->headers.v;
        to->headers_n = m->headers.n;
    }
    b->routes_n += set_handler(b, to, part, number) ? 1 : 0;
}

/* ---- the rest ---- */

static void
set_server(struct jst_build *b)
{
    const struct jst_part_file *file = b->conf->file;
    const struct jst_part_server *server = file->server;
    struct joist_conf *to = &b->conf->engine;

    joist_conf_init(to);
    to->threads = server->threads;
    to->drain_ms = server->drain_ms;
    to->tunnels = (enum joist_tunnel_policy)server->tunnels;
    to->server_header = server->server_header;
    to->via = server->via;
    to->debug = server->debug;
    to->trusted_proxies = server->trusted_proxies.v;
    to->trusted_proxies_n = server->trusted_proxies.n;
    to->limits = file->limits->v;
    to->timeouts = file->timeouts->v;
    to->log.level = (enum joist_log_level)file->log->level;
    to->dns = file->dns->v;
    to->dns.servers = file->dns->servers.v;
    to->dns.servers_n = file->dns->servers.n;
}

static bool
make_room(struct jst_build *b)
{
    const struct jst_part_file *file = b->conf->file;
    size_t routes = file->routes_n + file->sites_n, pools, slots = 16;

    for (size_t i = 0; i < file->sites_n; i++) {
        routes += file->sites[i].routes_n;
    }
    pools = file->upstreams_n + routes;
    for (size_t i = 0; i < file->upstreams_n; i++) {
        pools += file->upstreams[i].slots_n;
    }
    for (size_t i = 0; i < file->routes_n; i++) {
        const struct jst_part_pool *own = file->routes[i].handler.upstream;

        pools += own != NULL ? own->slots_n : 0;
    }
    while (slots < 2 * pools) {
        slots *= 2;
    }
    /* One more: begin_route() prepares a place before it is known whether it is needed. */
    b->routes = jst_build_take(b, (routes + 1) * sizeof(*b->routes));
    b->pools = jst_build_take(b, pools * sizeof(*b->pools));
    b->slots = jst_build_take(b, slots * sizeof(*b->slots));
    b->slots_n = slots;
    return b->rc == JOIST_OK;
}

/* There are some, but for a mistake that is reported already: [sites], [[site]]. */
static bool
has_misspelt_sites(const struct jst_node *root)
{
    for (const struct jst_node *c = root->first; c != NULL; c = c->next) {
        struct jst_nearest near;

        jst_nearest_init(&near, c->key);
        jst_nearest_try(&near, "sites");
        jst_nearest_try(&near, "routes");
        if (near.best != NULL && !(near.distance == 0 && c->kind == JST_NODE_ARRAY)) {
            return true;
        }
    }
    return false;
}

int
jst_conf_build(struct jst_conf *conf, struct jst_diags *report)
{
    const struct jst_part_file *file = conf->file;
    struct jst_build b = {.conf = conf, .report = report};
    struct joist_pool_conf defaults;

    if (!make_room(&b)) {
        return b.rc;
    }
    joist_pool_conf_init(&defaults);
    b.idle_max = defaults.idle_max;
    set_server(&b);
    jst_build_listeners(&b);
    jst_build_certs(&b);
    jst_build_ech(&b);
    jst_build_named_pools(&b);
    for (size_t i = 0; i < file->sites_n && b.rc == JOIST_OK; i++) {
        add_site(&b, &file->sites[i]);
    }
    for (size_t i = 0; i < file->routes_n && b.rc == JOIST_OK; i++) {
        add_route(&b, &file->routes[i], i);
    }
    conf->engine.routes = b.routes;
    conf->engine.routes_n = b.routes_n;
    conf->engine.pools = b.pools;
    conf->engine.pools_n = b.pools_n;
    if (file->sites_n + file->routes_n == 0 && !has_misspelt_sites(conf->root)) {
        jst_diags_error(report, &conf->root->at,
                        "add [[sites]] with root = \"FOLDER\" or proxy = \"http://HOST:PORT\"",
                        "nothing to serve: there are no sites and no routes");
    }
    return b.rc;
}
