// SPDX-License-Identifier: MIT
#include "cli/plan.h"

#include "base/str.h"

#include <stdio.h>

/* RFC 6797 6.1.1: a year, as browsers' lists want it */
#define HSTS_S 31536000u

static const char *const spa_files[] = {"$path", "$path/", "/index.html"};

/* What may be loaded by the welcome page: nothing but its own style. */
static const struct joist_pair welcome_headers[] = {
    {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                                "form-action 'none'; frame-ancestors 'none'"},
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
};

static void
set_welcome(struct joist_route_conf *r)
{
    r->name = "welcome";
    r->path_kind = JOIST_PATH_EXACT;
    r->path = "/";
    r->response_headers = welcome_headers;
    r->response_headers_n = JST_COUNT(welcome_headers);
    r->kind = JOIST_HANDLER_RESPOND;
    r->handler.respond = (struct joist_respond_conf){
        .status = 200,
        .body = jst_welcome_page(),
        .body_n = strlen(jst_welcome_page()),
        .content_type = "text/html; charset=utf-8",
    };
}

static void
set_folder(struct joist_route_conf *r, const struct jst_what *w)
{
    struct joist_static_conf *files = &r->handler.files;

    r->name = "files";
    r->kind = JOIST_HANDLER_STATIC;
    joist_static_conf_init(files);
    files->root = w->subject;
    files->listing = w->listing;
    files->precompressed = true;
    if (w->spa) {
        files->try_files = spa_files;
        files->try_files_n = JST_COUNT(spa_files);
    }
}

static bool
is_this_machine(struct jst_slice host)
{
    return jst_slice_ieq(host, JST_S("localhost")) || jst_slice_starts(host, JST_S("127.")) ||
           jst_slice_eq(host, JST_S("[::1]"));
}

/* The port of an origin on this machine: joist there would pass requests on to itself. 0: none,
 * or a URL that the engine will refuse. `target` ends after its authority. */
static uint16_t
port_beside(const char *target)
{
    const char *authority = strstr(target, "://");
    const char *colon = authority != NULL ? strrchr(authority + 3, ':') : NULL;
    struct jst_slice host;

    if (authority == NULL) {
        return 0; /* a socket's path */
    }
    host = jst_slice_z(authority + 3);
    if (colon == NULL || colon[strlen(colon) - 1] == ']') {
        return !is_this_machine(host)                                     ? 0
               : jst_slice_starts(jst_slice_z(target), JST_S("https://")) ? 443
                                                                          : 80;
    }
    host.n = (size_t)(colon - host.p);
    return is_this_machine(host) ? jst_token_port(jst_slice_z(colon + 1)) : 0;
}

static int
refuse_itself(const struct jst_plan *p)
{
    const struct jst_what *w = p->what;
    uint16_t port = p->origin_port;

    if (port == 0 || (port != w->https_port && port != w->http_port)) {
        return JST_EXIT_OK;
    }
    jst_cli_error("give joist another port than the origin has",
                  "'%s' is port %u of this machine, and so is joist: it would ask itself",
                  w->subject, port);
    return JST_EXIT_USAGE;
}

/* "http://host:3000/base/" is the origin "http://host:3000", with "/base" before each path. */
static int
set_origin(struct jst_plan *p, const char *url)
{
    struct jst_slice whole = jst_slice_z(url), base = JST_SLICE_NONE;
    const char *authority = strstr(url, "://");
    const char *slash = authority != NULL ? strchr(authority + 3, '/') : NULL;

    if (slash != NULL) {
        base = jst_slice_z(slash);
        whole.n = (size_t)(slash - url);
        while (base.n > 0 && base.p[base.n - 1] == '/') {
            base.n--;
        }
    }
    p->target = (struct joist_target_conf){.url = jst_arena_copy(&p->arena, whole).p,
                                           .weight = 1,
                                           .pos = {JST_PLAN_ORIGIN_FILE, 1, 1}};
    joist_pool_conf_init(&p->pool);
    p->pool.name = "origin";
    p->pool.targets = &p->target;
    p->pool.targets_n = 1;
    p->conf.pools = &p->pool;
    p->conf.pools_n = 1;
    p->route.name = "origin";
    p->route.pos = p->target.pos;
    p->route.kind = JOIST_HANDLER_PROXY;
    p->route.handler.proxy.pool = p->pool.name;
    p->route.handler.proxy.path_base = base.n > 0 ? jst_arena_copy(&p->arena, base).p : NULL;
    if (p->target.url == NULL) {
        return JST_EXIT_FAILED;
    }
    p->origin_port = port_beside(p->target.url);
    return refuse_itself(p);
}

/* Who names hosts wants these alone; and oneself, to look. */
static void
set_hosts(struct jst_plan *p)
{
    static const char *const own[] = {"localhost", "127.0.0.1", "[::1]"};
    const struct jst_what *w = p->what;
    size_t n = w->hosts_n;

    if (n == 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        p->hosts[i] = w->hosts[i];
    }
    for (size_t i = 0; i < JST_COUNT(own); i++) {
        bool given = false;

        for (size_t j = 0; j < w->hosts_n; j++) {
            given = given || strcasecmp(w->hosts[j], own[i]) == 0;
        }
        if (!given) {
            p->hosts[n++] = own[i];
        }
    }
    p->route.hosts = p->hosts;
    p->route.hosts_n = n;
}

int
jst_plan_init(struct jst_plan *p, const struct jst_what *what)
{
    int code = JST_EXIT_OK;

    *p = (struct jst_plan){.what = what};
    joist_conf_init(&p->conf);
    joist_route_conf_init(&p->route);
    set_hosts(p);
    if (what->kind == JST_WHAT_FOLDER) {
        set_folder(&p->route, what);
    } else if (what->kind == JST_WHAT_ORIGIN) {
        code = set_origin(p, what->url);
    } else {
        set_welcome(&p->route);
    }
    p->route.hsts_s = what->hsts ? HSTS_S : 0;
    p->conf.routes = &p->route;
    p->conf.routes_n = 1;
    p->https_port = what->http_port > 0 ? 0 : what->https_port > 0 ? what->https_port : 443;
    p->http_port = what->http_port > 0 ? what->http_port
                   : what->redirect    ? (p->https_port == 80 ? 5000 : 80)
                                       : 0;
    jst_plan_ports(p);
    return code;
}

void
jst_plan_fini(struct jst_plan *p)
{
    jst_arena_fini(&p->arena);
}

/* ---- listeners ---- */

static void
add_listener(struct jst_plan *p, const char *name, const char *address, uint16_t port,
             unsigned line)
{
    size_t n = p->conf.listeners_n++;
    struct joist_listener_conf *l = &p->listeners[n];

    (void)jst_fmt(p->binds[n], sizeof(p->binds[n]), "%s:%u", address, port);
    joist_listener_conf_init(l);
    l->name = name;
    l->bind = p->binds[n];
    l->h1 = true;
    l->pos = (struct joist_pos){name, line, 1};
    if (port == p->https_port) {
        l->tls = &p->tls;
        l->h2 = true;
    } else {
        l->https_port = p->https_port;
    }
}

static void
add_listeners(struct jst_plan *p, const char *name, uint16_t port)
{
    if (port == 0) {
        return;
    }
    if (p->what->everywhere) {
        add_listener(p, name, "", port, JST_PLAN_IPV4_LINE);
        return;
    }
    add_listener(p, name, "127.0.0.1", port, JST_PLAN_IPV4_LINE);
    if (!p->no_ipv6) {
        add_listener(p, name, "[::1]", port, JST_PLAN_IPV6_LINE);
    }
}

void
jst_plan_listeners(struct jst_plan *p)
{
    joist_tls_conf_init(&p->tls);
    p->cert_conf = (struct joist_cert_conf){
        .cert = p->cert.cert,
        .key = p->cert.key,
        .site = "--cert",
        .cert_pos = {JST_PLAN_CERT_FILE, 1, 1},
        .key_pos = {JST_PLAN_CERT_FILE, 2, 1},
    };
    p->tls.certs = &p->cert_conf;
    p->tls.certs_n = 1;
    p->tls.pos = p->cert_conf.cert_pos;
    p->conf.listeners = p->listeners;
    p->conf.listeners_n = 0;
    add_listeners(p, "https", p->https_port);
    add_listeners(p, "http", p->http_port);
}
