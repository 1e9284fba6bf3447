// SPDX-License-Identifier: MIT
/*
 * One target of a pool: what its URL and its TLS settings come to.
 */
#include "upstream/pool.h"

#include "base/str.h"
#include "codec/uri.h"
#include "wire/tls.h"

#include <stdlib.h>
#include <sys/stat.h>

/* Digits and punctuation of a key, besides texts. */
#define KEY_FIXED_BYTES 384u
#define HOST_BYTES_MAX  253u /* RFC 1035 2.3.4, as text */

static const struct joist_target_tls_conf all_default;

static const struct joist_target_tls_conf *
tls_of(const struct joist_target_conf *conf)
{
    return conf->tls != NULL ? conf->tls : &all_default;
}

static struct jst_slice
first_given(const char *a, const char *b, struct jst_slice c)
{
    return a != NULL ? jst_slice_z(a) : b != NULL ? jst_slice_z(b) : c;
}

/* ---- identity ---- */

/* Length first: no text can look like the next piece. */
static void
add_piece(struct jst_str *s, const char *what, struct jst_slice text)
{
    jst_str_fmt(s, "|%s=%zu:", what, text.n);
    jst_str_add(s, text);
}

/* The file behind a path counts too: after it was replaced, connections and sessions of before have
 * been verified by other rules. */
static void
add_file(struct jst_str *s, const char *what, const char *path)
{
    struct stat st;

    if (path == NULL) {
        return;
    }
    add_piece(s, what, jst_slice_z(path));
    if (stat(path, &st) == 0) {
        jst_str_fmt(s, "@%llx.%llx.%llx.%llx", (unsigned long long)st.st_ino,
                    (unsigned long long)st.st_size, (unsigned long long)st.st_mtim.tv_sec,
                    (unsigned long long)st.st_mtim.tv_nsec);
    }
}

static void
add_tls(struct jst_str *s, struct jst_target *t, const struct joist_target_tls_conf *tls)
{
    struct jst_slice name = first_given(tls->verify_name, tls->sni, t->host);

    add_piece(s, "name", name);
    t->tls_name = jst_slice(s->p + s->n - name.n, name.n);
    add_piece(s, "sni", first_given(tls->sni, NULL, JST_SLICE_NONE));
    add_file(s, "ca", tls->ca);
    add_file(s, "cert", tls->cert);
    add_file(s, "key", tls->key);
    if (tls->http1_only) {
        jst_str_add(s, JST_S("|h1"));
    }
}

static size_t
key_bytes(const struct jst_url *url, const struct joist_target_tls_conf *tls)
{
    const char *const texts[] = {tls->sni, tls->sni,  tls->verify_name,
                                 tls->ca,  tls->cert, tls->key};
    size_t n = KEY_FIXED_BYTES + url->scheme.n + 2 * url->host.n + url->path.n;

    for (size_t i = 0; i < JST_COUNT(texts); i++) {
        n += texts[i] != NULL ? strlen(texts[i]) : 0;
    }
    return n;
}

/* "http://host:port", or "unix:/path". */
static void
add_url(struct jst_str *s, struct jst_target *t, const struct jst_url *url)
{
    size_t name_at;

    jst_str_add(s, url->scheme);
    if (url->port == 0) {
        jst_str_add_char(s, ':');
        jst_str_add(s, url->path);
        t->name = jst_str_slice(s);
        return;
    }
    jst_str_add(s, JST_S("://"));
    name_at = s->n;
    jst_str_add(s, url->is_ipv6 ? JST_S("[") : JST_S(""));
    t->host = jst_slice(s->p + s->n, url->host.n);
    jst_str_add(s, url->host);
    jst_str_add(s, url->is_ipv6 ? JST_S("]:") : JST_S(":"));
    jst_str_add_u64(s, url->port);
    t->name = jst_slice(s->p + name_at, s->n - name_at);
}

int
jst_target_identity(char *out, size_t cap, const char *url)
{
    struct jst_str s = jst_str(out, cap);
    struct jst_target t;
    struct jst_url parts;

    if (jst_url_parse(&parts, jst_slice_z(url)) < 0) {
        return JOIST_E_INVAL;
    }
    add_url(&s, &t, &parts);
    jst_str_add_char(&s, '\0');
    return s.full ? JOIST_E_INVAL : JOIST_OK;
}

bool
jst_target_has_identity(const struct jst_target *t, const char *identity)
{
    size_t n = strlen(identity);

    return n == 0 || (strncmp(t->key, identity, n) == 0 && (t->key[n] == '\0' || t->key[n] == '|'));
}

/* "http://host:port", "unix:/path", or "https://host:port|name=4:host|...", and what of it is name
 * and host. */
static int
make_key(struct jst_target *t, const struct jst_url *url, const struct joist_target_tls_conf *tls)
{
    size_t cap = key_bytes(url, tls);
    struct jst_str s = jst_str(malloc(cap), cap);

    if (s.p == NULL) {
        return JOIST_E_NOMEM;
    }
    t->key = s.p;
    add_url(&s, t, url);
    if (t->srv) {
        jst_str_add(&s, JST_S("|srv"));
    }
    if (t->proxy_version > 0) {
        jst_str_fmt(&s, "|proxy=v%u", t->proxy_version);
    }
    if (jst_slice_eq(url->scheme, JST_S("https"))) {
        add_tls(&s, t, tls);
    }
    jst_str_add_char(&s, '\0');
    JST_ASSERT(!s.full);
    t->label = t->name;
    return JOIST_OK;
}

/* ---- TLS ---- */

static int
refuse(struct jst_tls_report *report, const struct joist_target_conf *conf, const char *what)
{
    char text[512];

    if (report != NULL) {
        (void)jst_fmt(text, sizeof(text), "origin '%.200s': %s", conf->url, what);
        report->fn(report, JOIST_LOG_ERROR, JOIST_E_INVAL, &conf->pos, text);
    }
    return JOIST_E_INVAL;
}

/* A certificate can hold only these (RFC 9525 6.3, RFC 1034 3.5; an underscore is seen in inner
 * networks). */
static bool
is_dns_label(struct jst_slice label)
{
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return label.n > 0 && label.n <= 63 && label.p[0] != '-' && label.p[label.n - 1] != '-';
}

/* A dot in front would mean any name below it (X509_check_host(3)). */
static bool
is_dns_name(struct jst_slice host)
{
    if (host.n == 0 || host.n > HOST_BYTES_MAX) {
        return false;
    }
    while (host.n > 0) {
        if (!is_dns_label(jst_slice_cut(&host, '.'))) {
            return false;
        }
    }
    return true;
}

static bool
is_verifiable(struct jst_slice name)
{
    struct jst_addr a;

    return jst_addr_literal(&a, name, 0) == JOIST_OK || is_dns_name(name);
}

/* What speaks for the name must be sure before anything is sent. */
static int
check_tls(const struct jst_target *t, const struct joist_target_conf *conf, bool https,
          struct jst_tls_report *report)
{
    const struct joist_target_tls_conf *tls = tls_of(conf);

    if (!https) {
        return conf->tls == NULL ? JOIST_OK
                                 : refuse(report, conf, "has settings of TLS, but is not https");
    }
    if (t->srv && tls->verify_name == NULL && tls->sni == NULL) {
        return refuse(report, conf, "no certificate is for a service: give sni or verify_name");
    }
    if (!is_verifiable(t->tls_name)) {
        return refuse(report, conf, "its name cannot be in a certificate: give sni or verify_name");
    }
    if (tls->sni != NULL && !is_dns_name(jst_slice_z(tls->sni))) {
        return refuse(report, conf, "sni is no host name");
    }
    return JOIST_OK;
}

static int
make_tls(struct jst_target *t, const struct joist_target_conf *conf, struct jst_tls_report *report)
{
    struct jst_tls_client_conf c = {
        .tls = conf->tls, .host = t->host, .h1 = true, .pos = &conf->pos};
    int rc;

    c.h2 = !tls_of(conf)->http1_only && t->proxy_version == 0;
    rc = jst_tls_client_create(&t->tls, &c, report);
    if (rc == JOIST_OK && c.h2) {
        c.h2 = false;
        rc = jst_tls_client_create(&t->tls_h1, &c, report);
    }
    return rc;
}

/* ---- life ---- */

int
jst_target_init(struct jst_target *t, const struct joist_target_conf *conf,
                struct jst_tls_report *report)
{
    struct jst_url url;
    bool https;
    int rc;

    if (jst_url_parse(&url, jst_slice_z(conf->url)) < 0) {
        return JOIST_E_INVAL;
    }
    t->refs = malloc(sizeof(*t->refs));
    if (t->refs == NULL) {
        return JOIST_E_NOMEM;
    }
    *t->refs = 1;
    https = jst_slice_eq(url.scheme, JST_S("https"));
    t->h2c = jst_slice_eq(url.scheme, JST_S("h2c"));
    t->srv = conf->srv;
    t->port = url.port;
    t->proxy_version = (uint8_t)conf->proxy_protocol;
    t->weight = (uint16_t)JST_MIN(JST_MAX(conf->weight, 1u), UINT16_MAX);
    rc = make_key(t, &url, tls_of(conf));
    if (rc == JOIST_OK) {
        rc = check_tls(t, conf, https, report);
    }
    return rc == JOIST_OK && https ? make_tls(t, conf, report) : rc;
}

void
jst_target_copy(struct jst_target *out, const struct jst_target *from)
{
    (void)__atomic_add_fetch(from->refs, 1, __ATOMIC_RELAXED);
    *out = *from;
}

void
jst_target_fini(struct jst_target *t)
{
    if (t->refs != NULL && __atomic_sub_fetch(t->refs, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    free(t->refs);
    jst_tls_client_unref(&t->tls);
    jst_tls_client_unref(&t->tls_h1);
    free(t->key);
    free(t->addrs);
    jst_name_unref(&t->dns);
    if (t->named != NULL) {
        jst_target_fini(t->named);
        free(t->named);
    }
}
