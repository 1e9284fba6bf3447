// SPDX-License-Identifier: MIT
#include "engine/check.h"
#include "codec/h1.h"
#include "codec/uri.h"
#include "handler/handler.h"
#include "route/route.h"
#include "sys/addr.h"
#include "upstream/resolve.h"

#include <stdio.h>
#include <stdlib.h>

#define WRONG(r, pos, ...) jst_report_at((r), JOIST_LOG_ERROR, JOIST_E_INVAL, (pos), __VA_ARGS__)

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
has_pool(const char *const *sorted, size_t n, const char *name)
{
    return bsearch(&name, sorted, n, sizeof(*sorted), compare_names) != NULL;
}

/* ---- listeners ---- */

static void
check_proxy_protocol(struct jst_report *r, const struct joist_listener_conf *l)
{
    struct jst_cidr net;

    if ((unsigned)l->proxy_protocol > JOIST_PROXY_PROTOCOL_ANY) {
        WRONG(r, &l->pos, "there is no such version of the PROXY protocol");
    }
    if (l->proxy_protocol == JOIST_PROXY_PROTOCOL_OFF && l->proxy_protocol_from_n > 0) {
        WRONG(r, &l->pos, "proxy_protocol_from means nothing without proxy_protocol");
    }
    for (size_t i = 0; i < l->proxy_protocol_from_n; i++) {
        if (jst_cidr_parse(&net, jst_slice_z(l->proxy_protocol_from[i])) < 0) {
            WRONG(r, &l->pos, "proxy_protocol_from: '%s' is no network, as in \"10.0.0.0/8\"",
                  l->proxy_protocol_from[i]);
        }
    }
}

static void
check_listeners(struct jst_report *r, const struct joist_conf *conf)
{
    struct jst_addr a;

    if (conf->listeners_n > JST_LISTENERS_MAX) {
        WRONG(r, NULL, "there are at most %u listeners, not %zu", JST_LISTENERS_MAX,
              conf->listeners_n);
    }
    if (conf->listeners_n == 0) {
        WRONG(r, NULL, "no listener: say where to listen, as in bind = \":8080\"");
    }
    for (size_t i = 0; i < conf->listeners_n; i++) {
        const struct joist_listener_conf *l = &conf->listeners[i];

        check_proxy_protocol(r, l);
        if (l->reuse_fds ? l->fds_n == 0 : l->bind == NULL) {
            WRONG(r, &l->pos, "a listener needs an address to bind");
            continue;
        }
        if (l->bind != NULL && jst_addr_parse(&a, jst_slice_z(l->bind)) < 0) {
            WRONG(r, &l->pos,
                  "cannot listen on '%s': write \":8080\", \"127.0.0.1:8080\", \"[::1]:8080\" or "
                  "\"unix:/path\"",
                  l->bind);
        }
        for (size_t j = 0; j < i; j++) {
            if (l->bind != NULL && conf->listeners[j].bind != NULL &&
                strcmp(l->bind, conf->listeners[j].bind) == 0 &&
                !(jst_addr_parse(&a, jst_slice_z(l->bind)) == JOIST_OK && jst_addr_port(&a) == 0)) {
                WRONG(r, &l->pos, "two listeners bind '%s'", l->bind);
            }
        }
    }
}

/* ---- pools ---- */

void
jst_report_target(struct jst_report *r, const struct joist_target_conf *t)
{
    struct jst_url url;
    struct jst_addr a;

    if (t->url == NULL || jst_url_parse(&url, jst_slice_z(t->url)) < 0) {
        WRONG(r, &t->pos,
              "'%s' is no origin: write \"http://host:port\", \"https://host\", "
              "\"h2c://host:port\" or "
              "\"unix:/path\"",
              t->url != NULL ? t->url : "");
    } else if (t->proxy_protocol != JOIST_PROXY_PROTOCOL_OFF &&
               jst_slice_eq(url.scheme, JST_S("h2c"))) {
        WRONG(r, &t->pos,
              "target '%s': the PROXY protocol names one client for a connection, and HTTP/2 "
              "shares it: write http://",
              t->url);
    }
    if ((unsigned)t->proxy_protocol > JOIST_PROXY_PROTOCOL_V2) {
        WRONG(r, &t->pos, "a target gets version 1 or 2 of the PROXY protocol");
    }
    if (t->srv && t->url != NULL && jst_url_parse(&url, jst_slice_z(t->url)) == JOIST_OK &&
        (url.port == 0 || jst_addr_literal(&a, url.host, 0) == JOIST_OK)) {
        WRONG(r, &t->pos,
              "'%s' is no service: srv needs a name, as in "
              "\"http://_http._tcp.example.com\"",
              t->url);
    }
    if (t->weight < 1 || t->weight > 65535) {
        WRONG(r, &t->pos, "a weight is a number from 1 to 65535, not %u", t->weight);
    }
}

/* Of the last one with that name. */
static const struct joist_pos *
place_of_pool(const struct joist_conf *conf, const char *name)
{
    const struct joist_pos *pos = NULL;

    for (size_t i = 0; i < conf->pools_n; i++) {
        if (conf->pools[i].name != NULL && strcmp(conf->pools[i].name, name) == 0) {
            pos = &conf->pools[i].pos;
        }
    }
    return pos;
}

static const char **
check_pools(struct jst_report *r, const struct joist_conf *conf)
{
    const char **names = malloc((conf->pools_n + 1) * sizeof(*names));

    for (size_t i = 0; i < conf->pools_n; i++) {
        const struct joist_pool_conf *p = &conf->pools[i];

        if (names != NULL) {
            names[i] = p->name != NULL ? p->name : "";
        }
        if (p->targets_n == 0 && p->slots_n == 0 && !p->dynamic) {
            WRONG(r, &p->pos, "upstream '%s' has no targets", p->name);
        }
        jst_report_balance(r, p);
        jst_report_sticky(r, p);
        jst_report_tries(r, p);
        jst_report_slots(r, conf, p);
        jst_report_health(r, p);
        for (size_t t = 0; t < p->targets_n; t++) {
            jst_report_target(r, &p->targets[t]);
            for (size_t u = 0; u < t && p->targets_n < 4096; u++) {
                if (p->targets[t].url != NULL && p->targets[u].url != NULL &&
                    strcmp(p->targets[t].url, p->targets[u].url) == 0) {
                    WRONG(r, &p->targets[t].pos, "target '%s' is there twice", p->targets[t].url);
                    break;
                }
            }
        }
    }
    if (names == NULL) {
        jst_report_at(r, JOIST_LOG_ERROR, JOIST_E_NOMEM, NULL, "out of memory");
        return NULL;
    }
    qsort(names, conf->pools_n, sizeof(*names), compare_names);
    for (size_t i = 1; i < conf->pools_n; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            WRONG(r, place_of_pool(conf, names[i]), "two upstreams are named '%s'", names[i]);
        }
    }
    return names;
}

static void
check_dns(struct jst_report *r, const struct joist_dns_conf *dns)
{
    if (dns->servers_n > JST_DNS_SERVERS_MAX) {
        WRONG(r, NULL, "there are %zu servers of DNS, more than %u", dns->servers_n,
              JST_DNS_SERVERS_MAX);
    }
    for (size_t i = 0; i < dns->servers_n; i++) {
        if (dns->servers[i] == NULL || !jst_names_is_server(jst_slice_z(dns->servers[i]))) {
            WRONG(r, NULL, "'%s' is no address of a DNS server: write \"127.0.0.1:53\"",
                  dns->servers[i] != NULL ? dns->servers[i] : "");
        }
    }
    if (dns->min_ttl_ms > dns->max_ttl_ms) {
        WRONG(r, NULL, "the min_ttl of DNS is above its max_ttl");
    }
}

/* ---- routes ---- */

static bool
is_field_value(const char *value)
{
    for (const char *p = value; *p != '\0'; p++) {
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Text that is printed into a head. What an embedder was given by its users must not end a line. */
static void
check_text(struct jst_report *r, const struct joist_pos *pos, const char *what, const char *text)
{
    if (text != NULL && !is_field_value(text)) {
        WRONG(r, pos, "%s holds a control character", what);
    }
}

static void
warn_root(struct jst_report *r, const struct joist_route_conf *conf)
{
    const char *root = conf->handler.files.root;
    int rc = jst_static_root_check(root);

    if (rc < 0) {
        jst_report_at(r, JOIST_LOG_WARN, rc, &conf->pos,
                      "root '%s' %s; its requests get 404 until it can be opened", root,
                      rc == JOIST_E_NOTFOUND ? "is not there"
                      : rc == JOIST_E_ACCESS ? "may not be read"
                                             : "is not a folder");
    }
}

static void
check_static(struct jst_report *r, const struct joist_route_conf *route)
{
    const struct joist_static_conf *c = &route->handler.files;

    if (c->root == NULL || c->root[0] == '\0') {
        WRONG(r, &route->pos, "a static site needs a root folder");
    } else {
        warn_root(r, route);
    }
    check_text(r, &route->pos, "cache_control", c->cache_control);
    for (size_t i = 0; i < c->index_n; i++) {
        if (c->index[i][0] == '\0' || strchr(c->index[i], '/') != NULL) {
            WRONG(r, &route->pos, "index '%s' is not a file name", c->index[i]);
        }
    }
    for (size_t i = 0; i < c->error_pages_n; i++) {
        if (c->error_pages[i].status < 400 || c->error_pages[i].status > 599) {
            WRONG(r, &route->pos, "error pages are for 400 to 599, not %u",
                  c->error_pages[i].status);
        }
    }
}

/* Both are sent as they are: in the request line and in Host. */
static void
check_proxy(struct jst_report *r, const struct joist_route_conf *route)
{
    const struct joist_proxy_conf *c = &route->handler.proxy;
    struct jst_slice base = jst_slice_z(c->path_base);
    struct jst_slice host;
    uint16_t port;

    for (size_t i = 0; i < base.n; i++) {
        char b = base.p[i];

        if (base.p[0] != '/' || b <= 0x20 || b >= 0x7f || b == '?' || b == '#') {
            WRONG(r, &route->pos, "the origin's path '%s' is no path", c->path_base);
            break;
        }
    }
    if (c->host != NULL && c->host[0] != '\0' &&
        !jst_host_split(jst_slice_z(c->host), &host, &port)) {
        WRONG(r, &route->pos, "'%s' is no host to send to an origin", c->host);
    }
}

static void
check_handler(struct jst_report *r, const struct joist_route_conf *route, const char **pools,
              size_t pools_n)
{
    uint16_t status;

    switch (route->kind) {
    case JOIST_HANDLER_STATIC:
        check_static(r, route);
        return;
    case JOIST_HANDLER_PROXY:
        if (route->handler.proxy.pool == NULL ||
            (pools != NULL && !has_pool(pools, pools_n, route->handler.proxy.pool))) {
            WRONG(r, &route->pos, "there is no upstream '%s'",
                  route->handler.proxy.pool != NULL ? route->handler.proxy.pool : "");
        }
        check_proxy(r, route);
        return;
    case JOIST_HANDLER_RESPOND:
        status = route->handler.respond.status;
        if (status < 200 || status > 599) {
            WRONG(r, &route->pos, "a status is a number from 200 to 599, not %u", status);
        } else if ((status == 204 || status == 304) && route->handler.respond.body_n > 0) {
            WRONG(r, &route->pos, "a response with status %u has no body (RFC 9110 6.4.1)", status);
        }
        check_text(r, &route->pos, "content_type", route->handler.respond.content_type);
        return;
    case JOIST_HANDLER_REDIRECT:
        status = route->handler.redirect.status;
        if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) {
            WRONG(r, &route->pos, "a redirect is 301, 302, 303, 307 or 308, not %u", status);
        }
        if (route->handler.redirect.to == NULL || route->handler.redirect.to[0] == '\0') {
            WRONG(r, &route->pos, "a redirect needs a target, as in \"https://example.com$uri\"");
        }
        check_text(r, &route->pos, "a redirect's target", route->handler.redirect.to);
        return;
    case JOIST_HANDLER_NONE:
        break;
    }
    WRONG(r, &route->pos, "the route answers nothing: give it root, proxy, respond or redirect");
}

static void
check_pairs(struct jst_report *r, const struct joist_pos *pos, const struct joist_pair *v, size_t n,
            bool set)
{
    for (size_t i = 0; i < n; i++) {
        struct jst_slice name = jst_slice_z(v[i].name);
        enum jst_field_id id = jst_field_id(name);

        if (!jst_is_token(name)) {
            WRONG(r, pos, "'%s' is no header name", v[i].name);
        } else if (!is_field_value(v[i].value)) {
            WRONG(r, pos, "the value of header '%s' holds a control character", v[i].name);
        } else if (set && (id == JST_FIELD_CONTENT_LENGTH || jst_field_is_hop(id))) {
            WRONG(r, pos, "header '%s' is set by the server itself", v[i].name);
        }
    }
}

static void
check_limits(struct jst_report *r, const struct joist_pos *pos, const struct joist_limits_conf *l)
{
    if (l->header_bytes < JST_HEADER_BYTES_MIN || l->header_bytes > JST_HEADER_BYTES_MAX) {
        WRONG(r, pos, "header_bytes is from %u to %u, not %u", JST_HEADER_BYTES_MIN,
              JST_HEADER_BYTES_MAX, l->header_bytes);
    }
    if (l->header_count < 1 || l->header_count > JST_HEADER_COUNT_MAX) {
        WRONG(r, pos, "header_count is from 1 to %u, not %u", JST_HEADER_COUNT_MAX,
              l->header_count);
    }
}

static void
check_route(struct jst_report *r, const struct joist_route_conf *route)
{
    const char *why;

    for (size_t i = 0; i < route->hosts_n; i++) {
        if (jst_route_host_check(route->hosts[i], &why) < 0) {
            WRONG(r, &route->pos, "host '%s': %s", route->hosts[i], why);
        }
    }
    if (route->path_kind != JOIST_PATH_ANY && jst_route_path_check(route->path, &why) < 0) {
        WRONG(r, &route->pos, "path '%s': %s", route->path != NULL ? route->path : "", why);
    }
    for (size_t i = 0; i < route->methods_n; i++) {
        if (!jst_is_token(jst_slice_z(route->methods[i]))) {
            WRONG(r, &route->pos, "'%s' is no method", route->methods[i]);
        }
    }
    check_pairs(r, &route->pos, route->headers, route->headers_n, false);
    check_pairs(r, &route->pos, route->response_headers, route->response_headers_n, true);
    if (route->limits != NULL) {
        check_limits(r, &route->pos, route->limits);
    }
}

/* A host that both name, as the second writes it; NULL: none. */
static const char *
find_common_host(const struct joist_route_conf *a, const struct joist_route_conf *b)
{
    for (size_t i = 0; i < b->hosts_n; i++) {
        for (size_t j = 0; j < a->hosts_n; j++) {
            if (jst_slice_ieq(jst_slice_z(b->hosts[i]), jst_slice_z(a->hosts[j]))) {
                return b->hosts[i];
            }
        }
    }
    return NULL;
}

static void
report_duplicate(struct jst_report *r, const struct joist_route_conf *first,
                 const struct joist_route_conf *second)
{
    const struct joist_pos *had = &first->pos;
    const char *host = second->path_kind == JOIST_PATH_ANY ? find_common_host(first, second) : NULL;
    char where[160];

    if (had->file != NULL) {
        (void)snprintf(where, sizeof(where), "%s:%u", had->file, had->line);
    } else {
        (void)snprintf(where, sizeof(where), "line %u", had->line);
    }
    if (host != NULL) {
        WRONG(r, &second->pos, "host '%s' is taken already: %s has the same conditions", host,
              where);
    } else {
        WRONG(r, &second->pos, "the route can never be chosen: %s has the same conditions", where);
    }
}

bool
jst_report_conf(struct jst_report *r, const struct joist_conf *conf)
{
    const char **pools = check_pools(r, conf);
    bool tls = jst_report_tls(r, conf);

    struct jst_cidr net;
    size_t first;
    size_t second;
    int rc;

    check_listeners(r, conf);
    check_limits(r, NULL, &conf->limits);
    check_dns(r, &conf->dns);
    if (conf->limits.h2_streams < 1 || conf->limits.h2_streams > JST_H2_STREAMS_MAX) {
        WRONG(r, NULL, "h2_streams is from 1 to %u, not %u", JST_H2_STREAMS_MAX,
              conf->limits.h2_streams);
    }
    if (conf->threads > JST_THREADS_MAX) {
        WRONG(r, NULL, "threads is at most %u, not %u", JST_THREADS_MAX, conf->threads);
    }
    if (conf->server_header != NULL && !is_field_value(conf->server_header)) {
        WRONG(r, NULL, "server_header holds a control character");
    }
    for (size_t i = 0; i < conf->trusted_proxies_n; i++) {
        if (jst_cidr_parse(&net, jst_slice_z(conf->trusted_proxies[i])) < 0) {
            WRONG(r, NULL, "trusted proxy '%s' is no network, as in \"10.0.0.0/8\"",
                  conf->trusted_proxies[i]);
        }
    }
    for (size_t i = 0; i < conf->routes_n; i++) {
        check_route(r, &conf->routes[i]);
        check_handler(r, &conf->routes[i], pools, conf->pools_n);
    }
    rc = r->errors == 0 ? jst_routes_find_duplicate(conf->routes, conf->routes_n, &first, &second)
                        : 0;
    if (rc == JOIST_E_NOMEM) {
        jst_report_at(r, JOIST_LOG_ERROR, rc, NULL, "out of memory");
    } else if (rc == 1) {
        report_duplicate(r, &conf->routes[first], &conf->routes[second]);
    }
    free(pools);
    return tls;
}
