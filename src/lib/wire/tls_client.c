// SPDX-License-Identifier: MIT
/* TLS to origins: always verified, sessions kept where the caller says. */
#include "wire/tls_int.h"
#include "wire/tls_server.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define POLICY_BYTES 16

struct jst_tls_client {
    uint32_t refs; /* atomic */
    /* owned */
    SSL_CTX *ctx;
    char *sni;         /* NULL: none is sent */
    char *verify_name; /* name or address that the certificate must have */
    /* plain */
    unsigned char policy[POLICY_BYTES]; /* what a session was verified by; see make_policy() */
};

/* A session stands for a verification: it is offered again only under the same rules. */
struct jst_tls_session {
    SSL_SESSION *s;
    unsigned char policy[POLICY_BYTES];
};

/* ---- sessions ---- */

void
jst_tls_session_free(struct jst_tls_session **take)
{
    struct jst_tls_session *v = *take;

    *take = NULL;
    if (v != NULL) {
        SSL_SESSION_free(v->s);
        free(v);
    }
}

/* A ticket has come: the newest is the one to use. A copy, because OpenSSL spoils the session of a
 * connection that ends without close_notify, and many origins end theirs so. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
    struct jst_tls_conn *t = jst_tls_of_ssl(ssl);
    struct jst_tls_session *v;

    if (t->slot == NULL || SSL_SESSION_is_resumable(session) != 1) {
        return 0;
    }
    v = malloc(sizeof(*v));
    if (v == NULL) {
        return 0;
    }
    v->s = SSL_SESSION_dup(session);
    if (v->s == NULL) {
        free(v);
        return 0;
    }
    memcpy(v->policy, t->client->policy, sizeof(v->policy));
    jst_tls_session_free(t->slot);
    *t->slot = v;
    return 0; /* the session itself stays OpenSSL's */
}

/* What is in the slot is offered. A ticket of TLS 1.3 serves once (RFC 8446 C.4). */
static void
offer_session(struct jst_tls_conn *t)
{
    struct jst_tls_session *v = t->slot != NULL ? *t->slot : NULL;

    if (v == NULL) {
        return;
    }
    if (memcmp(v->policy, t->client->policy, sizeof(v->policy)) != 0) {
        jst_tls_session_free(t->slot);
        return;
    }
    (void)SSL_set_session(t->ssl, v->s); /* without it the handshake is a full one */
    if (SSL_SESSION_get_protocol_version(v->s) >= TLS1_3_VERSION) {
        jst_tls_session_free(t->slot);
    }
}

void
jst_tls_forget_session(struct jst_conn *c)
{
    if (c->layer != NULL) {
        jst_tls_of(c)->slot = NULL;
    }
}

/* ---- what to verify ---- */

static char *
copy_name(struct jst_slice name)
{
    char *z = malloc(name.n + 1);

    for (size_t i = 0; z != NULL && i <= name.n; i++) {
        z[i] = i < name.n ? jst_lower(name.p[i]) : '\0';
    }
    return z;
}

static bool
is_address(const char *name)
{
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(name);
    bool is = ip != NULL;

    ASN1_OCTET_STRING_free(ip);
    ERR_clear_error();
    return is;
}

/* Never from a request: from the configuration or the target's own address alone. */
static int
set_names(struct jst_tls_client *t, const struct jst_tls_client_conf *conf,
          struct jst_tls_report *r)
{
    const struct joist_target_tls_conf *tls = conf->tls;
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(t->ctx);
    struct jst_slice sni = jst_slice_z(tls != NULL ? tls->sni : NULL);
    struct jst_slice verify = jst_slice_z(tls != NULL ? tls->verify_name : NULL);
    int ok;

    if (verify.n == 0) {
        verify = sni.n > 0 ? sni : conf->host;
    }
    if (verify.n == 0 || verify.n > 255 || sni.n > 255 || conf->host.n > 255 ||
        memchr(verify.p, '\0', verify.n) != NULL) {
        jst_tls_say(r, JOIST_LOG_ERROR, JOIST_E_INVAL, conf->pos,
                    "an https target needs a name that its certificate is verified by");
        return JOIST_E_INVAL;
    }
    t->verify_name = copy_name(verify);
    t->sni = copy_name(sni.n > 0 ? sni : conf->host);
    if (t->verify_name == NULL || t->sni == NULL) {
        return JOIST_E_NOMEM;
    }
    if (is_address(t->sni) || t->sni[0] == '\0') { /* RFC 6066 3: no addresses */
        free(t->sni);
        t->sni = NULL;
    }
    /* RFC 9525 6.3: a subject's common name is no host name, also where there are no others. */
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    ok = is_address(t->verify_name) ? X509_VERIFY_PARAM_set1_ip_asc(param, t->verify_name)
                                    : X509_VERIFY_PARAM_set1_host(param, t->verify_name, 0);
    return ok == 1 ? JOIST_OK : JOIST_E_NOMEM;
}

/* ---- authorities, our own certificate ---- */

static bool
trust(void *ctx, X509 *x)
{
    return X509_STORE_add_cert(ctx, x) == 1;
}

/* The system's folder of authorities is read as they are needed, once each: loading all of them
 * would cost half a megabyte for each target. */
static int
load_authorities(struct jst_tls_client *t, const struct jst_tls_client_conf *conf,
                 struct jst_tls_report *r)
{
    const char *ca = conf->tls != NULL ? conf->tls->ca : NULL;
    X509_STORE *store = SSL_CTX_get_cert_store(t->ctx);

    if (ca == NULL) {
        return X509_STORE_load_path(store, X509_get_default_cert_dir()) == 1 ? JOIST_OK
                                                                             : JOIST_E_NOMEM;
    }
    return jst_tls_read_authorities(ca, "authorities", conf->pos, trust, store, r);
}

static int
load_own(struct jst_tls_client *t, const struct jst_tls_client_conf *conf, struct jst_tls_report *r)
{
    const struct joist_target_tls_conf *tls = conf->tls;
    struct joist_cert_conf own = {.site = t->verify_name};
    struct jst_tls_pair p = {0};
    int rc;

    if (tls == NULL || tls->cert == NULL) {
        return JOIST_OK;
    }
    own.cert = tls->cert;
    own.key = tls->key;
    if (conf->pos != NULL) {
        own.cert_pos = own.key_pos = *conf->pos;
    }
    rc = jst_tls_pair_load(&p, &own, time(NULL), r);
    if (rc == JOIST_OK && SSL_CTX_use_cert_and_key(t->ctx, p.cert, p.key, p.chain, 1) != 1) {
        rc = JOIST_E_NOMEM;
    }
    jst_tls_pair_fini(&p);
    return rc;
}

/* ---- life ---- */

static int
set_alpn(struct jst_tls_client *t, const struct jst_tls_client_conf *conf)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    bool h2 = conf->h2 && !(conf->tls != NULL && conf->tls->http1_only);
    bool h1 = conf->h1 || !h2;
    const unsigned char *p = h2 ? both : both + 3;
    unsigned n = (h2 ? 3u : 0u) + (h1 ? 9u : 0u);

    return SSL_CTX_set_alpn_protos(t->ctx, p, n) == 0 ? JOIST_OK : JOIST_E_NOMEM;
}

/* Random: a context that was made anew trusts no session of the one before. The files behind it may
 * have changed, and one full handshake for each target and reload is cheap. */
static int
make_policy(struct jst_tls_client *t)
{
    return RAND_bytes(t->policy, sizeof(t->policy)) == 1 ? JOIST_OK : JOIST_E_IO;
}

static int
configure(struct jst_tls_client *t, const struct jst_tls_client_conf *conf,
          struct jst_tls_report *r)
{
    int rc = jst_tls_set_policy(t->ctx, 12);

    if (rc < 0) {
        return rc;
    }
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_session_cache_mode(t->ctx,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(t->ctx, on_session);
    if (!jst_tls_set_groups(t->ctx, jst_tls_groups_client)) {
        return JOIST_E_NOMEM;
    }
    rc = set_names(t, conf, r);
    rc = rc == JOIST_OK ? load_authorities(t, conf, r) : rc;
    rc = rc == JOIST_OK ? load_own(t, conf, r) : rc;
    rc = rc == JOIST_OK ? set_alpn(t, conf) : rc;
    return rc == JOIST_OK ? make_policy(t) : rc;
}

int
jst_tls_client_create(struct jst_tls_client **out, const struct jst_tls_client_conf *conf,
                      struct jst_tls_report *r)
{
    struct jst_tls_client *t = calloc(1, sizeof(*t));
    int rc = JOIST_E_NOMEM;

    if (t == NULL) {
        return rc;
    }
    jst_tls_init_once();
    t->refs = 1;
    ERR_clear_error();
    t->ctx = SSL_CTX_new(TLS_client_method());
    if (t->ctx != NULL) {
        rc = configure(t, conf, r);
    }
    if (rc < 0) {
        jst_tls_client_unref(&t);
        return rc;
    }
    *out = t;
    return JOIST_OK;
}

struct jst_tls_client *
jst_tls_client_ref(struct jst_tls_client *t)
{
    (void)__atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
    return t;
}

void
jst_tls_client_unref(struct jst_tls_client **take)
{
    struct jst_tls_client *t = *take;

    *take = NULL;
    if (t == NULL || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    SSL_CTX_free(t->ctx);
    free(t->sni);
    free(t->verify_name);
    free(t);
}

const char *
jst_tls_client_verify_name(const struct jst_tls_client *t)
{
    return t->verify_name;
}

int
jst_tls_connect(struct jst_conn *c, struct jst_tls_client *client, struct jst_tls_session **session)
{
    struct jst_tls_conn *t;
    int rc = jst_tls_attach(c, client->ctx, &t);

    if (rc < 0) {
        return rc;
    }
    t->client = jst_tls_client_ref(client);
    t->slot = session;
    if (client->sni != NULL && SSL_set_tlsext_host_name(t->ssl, client->sni) != 1) {
        t->layer.ops->destroy(&t->layer);
        return JOIST_E_NOMEM;
    }
    offer_session(t);
    SSL_set_connect_state(t->ssl);
    jst_tls_begin(c, t);
    return JOIST_OK;
}
