// SPDX-License-Identifier: MIT
/* Listeners, and the certificates of listeners and sites. */
#include "conf/build.h"

/* The i-th file of a key that takes one or several; the whole table if the key is not there. */
static struct joist_pos
pos_of_file(const struct jst_build *b, const struct jst_part *part, const char *name, size_t i)
{
    const struct jst_node *node = jst_node_find(part->node, name);

    if (node != NULL && node->kind == JST_NODE_ARRAY) {
        for (node = node->first; i > 0 && node->next != NULL; i--) {
            node = node->next;
        }
    }
    return node != NULL ? jst_build_pos(b, &node->at) : jst_build_pos_of_part(b, part);
}

static const char *
file_at(const struct jst_texts *list, size_t i)
{
    return i < list->n ? list->v[i] : NULL;
}

/* One for each file of `cert`; `to` has the room. */
static void
set_certs(const struct jst_build *b, struct joist_cert_conf *to, const struct jst_part *part,
          const struct jst_part_certs *from)
{
    for (size_t i = 0; i < from->cert.n; i++) {
        bool own_key = i < from->key.n;

        to[i] = (struct joist_cert_conf){
            .cert = from->cert.v[i],
            .key = file_at(&from->key, i),
            .ocsp = file_at(&from->ocsp, i),
            .cert_pos = pos_of_file(b, part, "cert", i),
            .key_pos = pos_of_file(b, part, own_key ? "key" : "cert", i),
        };
    }
}

/* ---- listeners ---- */

static void
set_client_auth(struct joist_tls_conf *to, const struct jst_part_client_auth *from)
{
    if (from != NULL) {
        to->client_ca = from->ca;
        to->client_auth = (enum joist_client_auth)(JOIST_CLIENT_AUTH_REQUEST + from->mode);
    }
}

static const struct joist_tls_conf *
make_tls(struct jst_build *b, const struct jst_part_listener_tls *from)
{
    struct joist_tls_conf *to = jst_build_take(b, sizeof(*to));
    struct joist_cert_conf *certs = jst_build_take(b, from->certs.cert.n * sizeof(*certs));

    if (to == NULL || certs == NULL) {
        return NULL;
    }
    joist_tls_conf_init(to);
    if (from->certs.cert.n > 0) { /* else there may be no table either */
        set_certs(b, certs, &from->part, &from->certs);
    }
    to->certs = certs;
    to->certs_n = from->certs.cert.n;
    to->min_version = from->min_version == JST_TLS_MIN_13 ? 13 : 12;
    to->groups = from->groups.v;
    to->groups_n = from->groups.n;
    set_client_auth(to, from->client_auth);
    to->reject_unknown_sni = from->reject_unknown_sni != 0;
    to->early_data = from->early_data;
    to->pos = jst_build_pos_of_part(b, &from->part);
    return to;
}

static bool
has_protocol(const struct jst_part_listener *part, const char *name)
{
    for (size_t i = 0; i < part->alpn.n; i++) {
        if (strcmp(part->alpn.v[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void
set_listener(struct jst_build *b, struct joist_listener_conf *to,
             const struct jst_part_listener *from)
{
    joist_listener_conf_init(to);
    to->name = from->name;
    to->bind = from->bind;
    to->tls = from->tls != NULL ? make_tls(b, from->tls) : NULL;
    to->h1 = has_protocol(from, "http/1.1");
    to->h2 = has_protocol(from, "h2");
    to->https_port = (uint16_t)from->redirect_https;
    to->proxy_protocol = (enum joist_proxy_protocol)from->proxy_protocol;
    to->proxy_protocol_from = from->proxy_protocol_from.v;
    to->proxy_protocol_from_n = from->proxy_protocol_from.n;
    to->pos = jst_build_pos_of_part(b, &from->part);
}

void
jst_build_listeners(struct jst_build *b)
{
    const struct jst_part_file *file = b->conf->file;
    struct joist_listener_conf *to = jst_build_take(b, file->listeners_n * sizeof(*to));
    size_t used = 0;

    for (size_t i = 0; to != NULL && i < file->listeners_n && b->rc == JOIST_OK; i++) {
        if (!file->listeners[i].part.bad) {
            set_listener(b, &to[used++], &file->listeners[i]);
        }
    }
    b->conf->engine.listeners = to;
    b->conf->engine.listeners_n = used;
}

/* ---- sites ---- */

static size_t
count_certs(const struct jst_part_route *site)
{
    bool some = !site->part.bad && site->tls != NULL && site->tls->mode == JST_SITE_TLS_FILES;

    return some ? site->tls->certs.cert.n : 0;
}

static void
set_site_certs(const struct jst_build *b, struct joist_cert_conf *to,
               const struct jst_part_route *site)
{
    set_certs(b, to, &site->tls->part, &site->tls->certs);
    for (size_t i = 0; i < site->tls->certs.cert.n; i++) {
        to[i].hosts = site->host != NULL ? &site->host : site->hosts.v;
        to[i].hosts_n = site->host != NULL ? 1 : site->hosts.n;
        to[i].site = site->name;
    }
}

void
jst_build_certs(struct jst_build *b)
{
    const struct jst_part_file *file = b->conf->file;
    struct joist_cert_conf *to;
    size_t n = 0;

    for (size_t i = 0; i < file->sites_n; i++) {
        n += count_certs(&file->sites[i]);
    }
    to = jst_build_take(b, n * sizeof(*to));
    b->conf->engine.certs = to;
    b->conf->engine.certs_n = to != NULL ? n : 0;
    for (size_t i = 0; to != NULL && i < file->sites_n; i++) {
        n = count_certs(&file->sites[i]);
        if (n > 0) {
            set_site_certs(b, to, &file->sites[i]);
            to += n;
        }
    }
}
