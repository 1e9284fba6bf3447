// SPDX-License-Identifier: MIT
/* What can be said of a configuration's TLS without loading the certificates of listeners. */
#include "base/tls_groups.h"
#include "engine/check.h"
#include "route/route.h"
#include "sys/addr.h"
#include "upstream/upstream.h"

#include <joist/cert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define WRONG(r, pos, ...) jst_report_at((r), JOIST_LOG_ERROR, JOIST_E_INVAL, (pos), __VA_ARGS__)

static bool
is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

/* ---- certificates ---- */

static const char *
name_of(const struct joist_cert_conf *c)
{
    return c->site != NULL ? c->site : c->hosts_n > 0 ? c->hosts[0] : "default";
}

static void
check_cert(struct jst_report *r, const struct joist_cert_conf *c)
{
    const char *why;

    if (is_empty(c->cert)) {
        WRONG(r, &c->cert_pos, "site '%s': a certificate needs a file", name_of(c));
    }
    for (size_t i = 0; i < c->hosts_n; i++) {
        if (jst_route_host_check(c->hosts[i], &why) < 0) {
            WRONG(r, &c->cert_pos, "site '%s': host '%s': %s", name_of(c), c->hosts[i], why);
        }
    }
}

/* ---- names that stand twice ---- */

struct cert_name {
    const char *host;
    const struct joist_cert_conf *cert;
    char kind[3]; /* of its key: "EC", "RS", "Ed"; empty: not read yet, "?": not readable */
};

static int
compare_cert_names(const void *a, const void *b)
{
    const struct cert_name *x = a;
    const struct cert_name *y = b;
    int order = strcasecmp(x->host, y->host);

    return order != 0 ? order : (x->cert > y->cert) - (x->cert < y->cert);
}

static void
read_kind(struct cert_name *n)
{
    struct joist_cert_info info;

    if (n->kind[0] == '\0') {
        int rc =
            joist_cert_read(&info, n->cert->cert, NULL); /* its loading reports what is wrong */

        (void)snprintf(n->kind, sizeof(n->kind), "%.2s", rc == JOIST_OK ? info.key_type : "?");
    }
}

/* Is there another one before it, for the same host and of the same kind? */
static const struct cert_name *
find_rival(struct cert_name *v, size_t i)
{
    for (size_t j = i; j > 0 && strcasecmp(v[j - 1].host, v[i].host) == 0; j--) {
        if (v[j - 1].cert == v[i].cert) {
            continue; /* one site that names its host twice */
        }
        read_kind(&v[i]);
        read_kind(&v[j - 1]);
        if (v[i].kind[0] != '?' && strcmp(v[i].kind, v[j - 1].kind) == 0) {
            return &v[j - 1];
        }
    }
    return NULL;
}

static struct cert_name *
list_names(size_t *n, const struct joist_conf *conf)
{
    struct cert_name *v;

    *n = 0;
    for (size_t i = 0; i < conf->certs_n; i++) {
        *n += conf->certs[i].hosts_n;
    }
    v = calloc(*n + 1, sizeof(*v));
    *n = 0;
    for (size_t i = 0; v != NULL && i < conf->certs_n; i++) {
        for (size_t h = 0; h < conf->certs[i].hosts_n; h++) {
            v[(*n)++] =
                (struct cert_name){.host = conf->certs[i].hosts[h], .cert = &conf->certs[i]};
        }
    }
    return v;
}

void
jst_report_cert_names(struct jst_report *r, const struct joist_conf *conf)
{
    size_t n;
    struct cert_name *v = list_names(&n, conf);

    if (v == NULL) {
        jst_report_at(r, JOIST_LOG_ERROR, JOIST_E_NOMEM, NULL, "out of memory");
        return;
    }
    qsort(v, n, sizeof(*v), compare_cert_names);
    for (size_t i = 1; i < n; i++) {
        const struct cert_name *rival = find_rival(v, i);

        if (rival != NULL) {
            WRONG(r, &v[i].cert->cert_pos,
                  "host '%s' has two certificates of one key type: '%s' (site '%s') and '%s' (site "
                  "'%s')",
                  v[i].host, rival->cert->cert, name_of(rival->cert), v[i].cert->cert,
                  name_of(v[i].cert));
        }
    }
    free(v);
}

/* ---- listeners ---- */

static const char *const groups[] = {JST_TLS_GROUPS};

static bool
is_group(const char *name)
{
    for (size_t i = 0; i < JST_COUNT(groups); i++) {
        if (strcasecmp(name, groups[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void
check_groups(struct jst_report *r, const struct joist_tls_conf *t)
{
    for (size_t i = 0; i < t->groups_n; i++) {
        if (t->groups[i] == NULL || !is_group(t->groups[i])) {
            WRONG(r, &t->pos,
                  "'%s' is no key exchange: X25519MLKEM768, X25519, P-256, P-384 and some more are",
                  t->groups[i] != NULL ? t->groups[i] : "");
            continue;
        }
        for (size_t j = 0; j < i; j++) {
            if (t->groups[j] != NULL && strcasecmp(t->groups[i], t->groups[j]) == 0) {
                WRONG(r, &t->pos, "key exchange '%s' is there twice", t->groups[i]);
            }
        }
    }
}

static void
check_listener_tls(struct jst_report *r, const struct joist_conf *conf,
                   const struct joist_tls_conf *t)
{
    if (t->min_version != 12 && t->min_version != 13) {
        WRONG(r, &t->pos, "the least version of TLS is 12 or 13, not %u", t->min_version);
    }
    if (t->certs_n == 0 && conf->certs_n == 0) {
        WRONG(r, &t->pos, "TLS needs a certificate: none is configured");
    }
    for (size_t i = 0; i < t->certs_n; i++) {
        check_cert(r, &t->certs[i]);
    }
    check_groups(r, t);
    if (t->client_auth != JOIST_CLIENT_AUTH_OFF && is_empty(t->client_ca)) {
        WRONG(r, &t->pos, "client certificates need client_ca: whom shall they be signed by?");
    } else if (t->client_auth == JOIST_CLIENT_AUTH_OFF && !is_empty(t->client_ca)) {
        jst_report_at(r, JOIST_LOG_WARN, JOIST_E_INVAL, &t->pos,
                      "client_ca is given, but client certificates are not asked for");
    }
}

static void
check_ech(struct jst_report *r, const struct joist_conf *conf, bool has_tls)
{
    bool retry = conf->ech_keys_n == 0;

    for (size_t i = 0; i < conf->ech_keys_n; i++) {
        const struct joist_ech_key_conf *k = &conf->ech_keys[i];

        retry = retry || k->retry;
        if (is_empty(k->path)) {
            WRONG(r, &k->pos, "an ECH key needs a file");
            continue;
        }
        for (size_t j = 0; j < i; j++) {
            if (!is_empty(conf->ech_keys[j].path) && strcmp(conf->ech_keys[j].path, k->path) == 0) {
                WRONG(r, &k->pos, "ECH key '%s' is there twice", k->path);
            }
        }
    }
    if (!retry) {
        WRONG(r, &conf->ech_keys[0].pos,
              "no ECH key is for retries: clients with an old one could not learn a new one");
    }
    if (conf->ech_keys_n > 0 && !has_tls) {
        jst_report_at(r, JOIST_LOG_WARN, JOIST_E_INVAL, &conf->ech_keys[0].pos,
                      "ECH keys are given, but no listener speaks TLS");
    }
}

/* ---- origins ---- */

/* A name as TLS knows it: no address, no port, no wildcard. */
static bool
is_tls_name(const char *name)
{
    struct jst_addr a;
    const char *why;

    return name[0] != '*' && name[0] != '[' && jst_route_host_check(name, &why) == JOIST_OK &&
           jst_addr_literal(&a, jst_slice_z(name), 0) < 0;
}

static bool
is_address(const char *text)
{
    struct jst_addr a;

    return jst_addr_literal(&a, jst_slice_z(text), 0) == JOIST_OK;
}

static void
check_target_tls(struct jst_report *r, const struct joist_target_conf *t)
{
    const struct joist_target_tls_conf *c = t->tls;

    if (t->url != NULL && !jst_slice_starts(jst_slice_z(t->url), JST_S("https://"))) {
        WRONG(r, &t->pos, "origin '%s' does not speak TLS: settings of it need https://", t->url);
    }
    if (c->sni != NULL && !is_tls_name(c->sni)) {
        WRONG(r, &t->pos, "sni '%s' is no host name", c->sni);
    }
    if (c->verify_name != NULL && !is_tls_name(c->verify_name) && !is_address(c->verify_name)) {
        WRONG(r, &t->pos, "verify_name '%s' is neither a host name nor an address", c->verify_name);
    }
    if (c->key != NULL && c->cert == NULL) {
        WRONG(r, &t->pos, "origin '%s': a key needs its certificate", t->url != NULL ? t->url : "");
    }
}

void
jst_report_target_files(struct jst_report *r, const struct joist_conf *conf,
                        enum joist_log_level from)
{
    struct jst_tls_reporter report = jst_tls_reporter(r, from);

    for (size_t i = 0; i < conf->pools_n; i++) {
        if (jst_pool_check(&conf->pools[i], &report.base) == JOIST_E_NOMEM) {
            jst_report_at(r, JOIST_LOG_ERROR, JOIST_E_NOMEM, NULL, "out of memory");
        }
    }
}

/* ---- all ---- */

bool
jst_report_tls(struct jst_report *r, const struct joist_conf *conf)
{
    unsigned before = r->errors;
    bool has_tls = false;

    for (size_t i = 0; i < conf->listeners_n; i++) {
        const struct joist_listener_conf *l = &conf->listeners[i];

        has_tls = has_tls || l->tls != NULL;
        if (l->tls != NULL) {
            check_listener_tls(r, conf, l->tls);
        }
        if (l->tls != NULL && l->https_port != 0) {
            WRONG(r, &l->pos,
                  "a listener with TLS has nothing to redirect: https_port is for plain "
                  "ones");
        }
    }
    for (size_t i = 0; i < conf->certs_n; i++) {
        check_cert(r, &conf->certs[i]);
    }
    check_ech(r, conf, has_tls);
    for (size_t i = 0; i < conf->pools_n; i++) {
        for (size_t j = 0; j < conf->pools[i].targets_n; j++) {
            if (conf->pools[i].targets[j].tls != NULL) {
                check_target_tls(r, &conf->pools[i].targets[j]);
            }
        }
    }
    return r->errors == before;
}
