// SPDX-License-Identifier: MIT
/* Listeners that nobody wrote, what they speak, and whether certificates and listeners find each
 * other. */
#include "conf/fill.h"

static const char *const both[] = {"h2", "http/1.1"};

/* Written, good or not: what follows from a mistake is not said. */
static bool
brings_certificate(const struct jst_part_route *site)
{
    return site->tls != NULL && site->tls->mode == JST_SITE_TLS_FILES;
}

static const struct jst_part_route *
first_with_certificate(const struct jst_part_file *file)
{
    for (size_t i = 0; i < file->sites_n; i++) {
        if (brings_certificate(&file->sites[i])) {
            return &file->sites[i];
        }
    }
    return NULL;
}

static bool
is_written(const struct jst_part *part, const char *key)
{
    return part->node != NULL && jst_node_find(part->node, key) != NULL;
}

/* ---- none was written ---- */

/* With certificates there is https, and http leads there; else the port that needs no rights. */
static void
add_default_listeners(struct jst_fill *f, struct jst_part_file *file)
{
    bool tls = first_with_certificate(file) != NULL;
    size_t n = tls ? 2 : 1;
    struct jst_part_listener *l = jst_fill_make(f, jst_schema_block(JST_BLOCK_LISTENER), n);

    if (l == NULL) {
        return;
    }
    l[0].bind = JST_FILL_DEFAULT_BIND;
    if (tls) {
        l[0].bind = JST_FILL_DEFAULT_BIND_HTTPS;
        l[0].tls = jst_fill_make(f, jst_schema_block(JST_BLOCK_LISTENER_TLS), 1);
        l[1].bind = JST_FILL_DEFAULT_BIND_HTTP;
        l[1].redirect_https = 443;
    }
    file->listeners = l;
    file->listeners_n = n;
}

static void
set_default_alpn(struct jst_fill *f, struct jst_part_listener *l)
{
    size_t skip = l->tls != NULL ? 0 : 1, n = JST_COUNT(both) - skip;
    const char **v = jst_fill_take(f, n * sizeof(*v));

    if (v != NULL) {
        memcpy(v, both + skip, n * sizeof(*v));
        l->alpn = (struct jst_texts){v, n};
    }
}

/* ---- certificates and listeners ---- */

static bool
speaks_tls(const struct jst_part_listener *l)
{
    return l->tls != NULL || is_written(&l->part, "tls");
}

/* A listener of which nobody knows what it was meant to be. */
static bool
is_unclear(const struct jst_part_listener *l)
{
    return l->part.bad && !is_written(&l->part, "tls");
}

static void
check_listener(struct jst_fill *f, struct jst_part_listener *l, bool certs)
{
    if (l->tls == NULL || certs || l->tls->part.bad || l->tls->certs.cert.n > 0) {
        return;
    }
    jst_diags_error(f->report, jst_rules_place(&l->part, "tls"),
                    "add cert = \"cert.pem\" and key = \"key.pem\" here, or tls = { cert = ..., "
                    "key = ... } to a site",
                    "a listener with TLS has no certificate: neither its own nor one of a site");
    l->tls = NULL; /* so that the engine checks the rest of it and does not say this again */
}

/* Where it is written; not what its routes take over. */
static void
warn_of_hsts(struct jst_fill *f, const struct jst_part_route *routes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct jst_part_route *route = &routes[i];

        if (route->handler.hsts_ms > 0 && is_written(&route->part, "hsts")) {
            jst_diags_warn(f->report, jst_rules_place(&route->part, "hsts"), NULL,
                           "'hsts' has no effect: it is said over TLS alone (RFC 6797), and no "
                           "listener speaks TLS");
        }
        warn_of_hsts(f, route->routes, route->routes_n);
    }
}

/* What needs TLS that is not there. Not an error: somebody else may speak it. */
static void
warn_without_tls(struct jst_fill *f, const struct jst_part_file *file)
{
    for (size_t i = 0; i < file->listeners_n; i++) {
        const struct jst_part_listener *l = &file->listeners[i];

        if (l->redirect_https != 0) {
            jst_diags_warn(f->report, jst_rules_place(&l->part, "redirect_https"),
                           "add [[listeners]] with bind = \":443\" and tls = {}",
                           "'redirect_https' leads to port %u, and no listener speaks TLS",
                           l->redirect_https);
        }
    }
    warn_of_hsts(f, file->sites, file->sites_n);
    warn_of_hsts(f, file->routes, file->routes_n);
}

void
jst_fill_listeners(struct jst_fill *f, struct jst_part_file *file, const struct jst_node *root)
{
    const struct jst_part_route *site = first_with_certificate(file);
    bool usable = false;

    if (jst_node_find(root, "listeners") == NULL) {
        add_default_listeners(f, file);
    }
    for (size_t i = 0; i < file->listeners_n; i++) {
        struct jst_part_listener *l = &file->listeners[i];

        if (l->alpn.n == 0) {
            set_default_alpn(f, l);
        }
        check_listener(f, l, site != NULL);
        usable = usable || speaks_tls(l) || is_unclear(l);
    }
    if (usable || file->listeners_n == 0) {
        return;
    }
    if (file->ech != NULL) {
        jst_diags_error(f->report, &file->ech->part.node->at, NULL,
                        "there is no listener with TLS for [ech]");
        file->ech = NULL;
    }
    if (site != NULL) {
        jst_diags_error(f->report, jst_rules_place(&site->part, "tls"),
                        "add [[listeners]] with bind = \":443\" and tls = {}",
                        "there is no listener with TLS for this certificate");
        return;
    }
    warn_without_tls(f, file);
}
