// SPDX-License-Identifier: MIT
/* A listener's context: made from the configuration, and the beginning of a connection with it. */
#include "wire/tls_server.h"

#include "wire/tls_int.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the default certificate ---- */

static int
load_own_pairs(struct jst_tls_server *s, const struct jst_tls_server_conf *conf,
               struct jst_tls_report *r)
{
    int result = JOIST_OK;

    s->pairs = calloc(conf->tls->certs_n + 1, sizeof(*s->pairs));
    if (s->pairs == NULL) {
        return JOIST_E_NOMEM;
    }
    for (size_t i = 0; i < conf->tls->certs_n; i++) {
        struct joist_cert_conf own = conf->tls->certs[i];
        int rc;

        own.hosts_n = 0; /* it is the default: for any name */
        rc = jst_tls_pair_load(&s->pairs[s->pairs_n], &own, conf->now_s, r);
        if (rc == JOIST_OK) {
            jst_tls_site_add(&s->fallback, &s->pairs[s->pairs_n++]);
        }
        result = rc < 0 ? rc : result;
    }
    return result;
}

static int
set_fallback(struct jst_tls_server *s, const struct jst_tls_server_conf *conf,
             struct jst_tls_report *r)
{
    const struct jst_tls_site *first = jst_tls_certs_first(s->certs);
    int rc = load_own_pairs(s, conf, r);

    if (rc < 0) {
        return rc;
    }
    if (s->pairs_n == 0 && first != NULL) {
        s->fallback = *first;
    }
    if (jst_tls_site_is_empty(&s->fallback)) {
        jst_tls_say(r, JOIST_LOG_ERROR, JOIST_E_INVAL, &conf->tls->pos,
                    "a listener with TLS needs a certificate: its own, or a site's");
        return JOIST_E_INVAL;
    }
    for (size_t i = 0; i < JST_TLS_KEYS_; i++) {
        const struct jst_tls_pair *p = s->fallback.pairs[i];

        if (p != NULL && SSL_CTX_use_cert_and_key(s->ctx, p->cert, p->key, p->chain, 1) != 1) {
            return JOIST_E_NOMEM;
        }
    }
    return JOIST_OK;
}

/* ---- client certificates ---- */

struct authorities {
    SSL_CTX *ctx;
    EVP_MD_CTX *md; /* of all of them, in their order */
};

static bool
add_authority(void *to, X509 *x)
{
    const struct authorities *a = to;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;

    return X509_STORE_add_cert(SSL_CTX_get_cert_store(a->ctx), x) == 1 &&
           SSL_CTX_add_client_CA(a->ctx, x) == 1 && X509_digest(x, EVP_sha256(), digest, &n) == 1 &&
           EVP_DigestUpdate(a->md, digest, n) == 1;
}

static int
load_authorities(struct jst_tls_server *s, const struct joist_tls_conf *tls, EVP_MD_CTX *md,
                 struct jst_tls_report *r)
{
    struct authorities a = {s->ctx, md};

    if (tls->client_ca == NULL) {
        jst_tls_say(r, JOIST_LOG_ERROR, JOIST_E_INVAL, &tls->pos,
                    "client certificates need the file of their authorities (client_ca)");
        return JOIST_E_INVAL;
    }
    return jst_tls_read_authorities(tls->client_ca, "client_ca", &tls->pos, add_authority, &a, r);
}

/* A session may be resumed by any listener that asks the same of clients, and by no other: its
 * context says what was asked. */
static int
set_client_auth(struct jst_tls_server *s, const struct joist_tls_conf *tls,
                struct jst_tls_report *r)
{
    unsigned char mode = (unsigned char)tls->client_auth;
    unsigned char id[EVP_MAX_MD_SIZE];
    unsigned id_n = 0;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int rc = JOIST_E_NOMEM;

    if (md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(md, &mode, 1) != 1) {
        goto done;
    }
    rc = JOIST_OK;
    if (tls->client_auth != JOIST_CLIENT_AUTH_OFF) {
        s->client_auth = true;
        SSL_CTX_set_verify(s->ctx,
                           tls->client_auth == JOIST_CLIENT_AUTH_REQUIRE
                               ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                               : SSL_VERIFY_PEER,
                           NULL);
        rc = load_authorities(s, tls, md, r);
    }
    if (rc == JOIST_OK &&
        (EVP_DigestFinal_ex(md, id, &id_n) != 1 ||
         SSL_CTX_set_session_id_context(s->ctx, id, JST_MIN(id_n, SSL_MAX_SID_CTX_LENGTH)) != 1)) {
        rc = JOIST_E_NOMEM;
    }
done:
    EVP_MD_CTX_free(md);
    return rc;
}

/* ---- the rest ---- */

static int
set_groups(SSL_CTX *ctx, const struct joist_tls_conf *tls, struct jst_tls_report *r)
{
    char list[512];
    size_t n = 0;

    if (tls->groups_n == 0) {
        return jst_tls_set_groups(ctx, jst_tls_groups_server) ? JOIST_OK : JOIST_E_NOMEM;
    }
    for (size_t i = 0; i < tls->groups_n; i++) {
        const char *g = tls->groups[i];
        int k = snprintf(list + n, sizeof(list) - n, "%s%s", i > 0 ? ":" : "", g);

        /* Alone first, so that the one that is wrong can be named. */
        if (strpbrk(g, ":/?*-!") != NULL ? strncmp(g, "P-", 2) != 0 || strpbrk(g, ":/?*!") != NULL
                                         : false) {
            k = -1;
        }
        if (k < 0 || (size_t)k >= sizeof(list) - n || !jst_tls_set_groups(ctx, g)) {
            ERR_clear_error();
            jst_tls_say(r, JOIST_LOG_ERROR, JOIST_E_INVAL, &tls->pos,
                        "'%s' is no key exchange group that is known here", g);
            return JOIST_E_INVAL;
        }
        n += (size_t)k;
    }
    return jst_tls_set_groups(ctx, list) ? JOIST_OK : JOIST_E_INVAL;
}

static void
set_resumption(struct jst_tls_server *s)
{
    (void)SSL_CTX_set_session_cache_mode(s->ctx, SSL_SESS_CACHE_OFF); /* tickets alone */
    (void)SSL_CTX_set_timeout(s->ctx, (long)JST_TLS_TICKET_LIFE_S);
    if (s->tickets == NULL) {
        (void)SSL_CTX_set_options(s->ctx, SSL_OP_NO_TICKET);
        (void)SSL_CTX_set_num_tickets(s->ctx, 0);
        return;
    }
    (void)SSL_CTX_set_num_tickets(s->ctx, 1); /* each costs a signature's tenth; one is enough */
    if (s->early) {
        /* RFC 8446 8: replays are met above, by taking only safe requests early and marking them
         * (RFC 8470). What OpenSSL could do keeps state in one process's memory. */
        (void)SSL_CTX_set_options(s->ctx, SSL_OP_NO_ANTI_REPLAY);
        (void)SSL_CTX_set_max_early_data(s->ctx, JST_TLS_EARLY_BYTES_MAX);
        (void)SSL_CTX_set_recv_max_early_data(s->ctx, JST_TLS_EARLY_BYTES_MAX);
    }
}

static int
configure(struct jst_tls_server *s, const struct jst_tls_server_conf *conf,
          struct jst_tls_report *r)
{
    const struct joist_tls_conf *tls = conf->tls;
    int rc = jst_tls_set_policy(s->ctx, tls->min_version);

    if (rc < 0) {
        return rc;
    }
    /* A client that closes without close_notify cuts its own request, which HTTP's framing shows;
     * what we answer is whole. */
    (void)SSL_CTX_set_options(s->ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                          SSL_OP_IGNORE_UNEXPECTED_EOF);
    set_resumption(s);
    jst_tls_set_callbacks(s);
    rc = set_fallback(s, conf, r);
    if (rc == JOIST_OK) {
        rc = set_groups(s->ctx, tls, r);
    }
    if (rc == JOIST_OK) {
        rc = set_client_auth(s, tls, r);
    }
    if (rc == JOIST_OK && conf->ech_keys_n > 0) {
        rc = jst_tls_ech_load(s->ctx, conf->ech_keys, conf->ech_keys_n, r);
    }
    return rc;
}

int
jst_tls_server_create(struct jst_tls_server **out, const struct jst_tls_server_conf *conf,
                      struct jst_tls_report *r)
{
    struct jst_tls_server *s = calloc(1, sizeof(*s));
    int rc = JOIST_E_NOMEM;

    if (s == NULL) {
        return rc;
    }
    jst_tls_init_once();
    s->refs = 1;
    s->certs = conf->certs != NULL ? jst_tls_certs_ref(conf->certs) : NULL;
    s->tickets = conf->tickets;
    s->h2 = conf->h2;
    s->h1 = conf->h1 || !conf->h2;
    s->early = conf->tls->early_data && conf->tickets != NULL;
    s->ech = conf->ech_keys_n > 0;
    s->reject_unknown_sni = conf->tls->reject_unknown_sni;
    s->plain_answer = conf->plain_answer;
    ERR_clear_error();
    s->ctx = SSL_CTX_new(TLS_server_method());
    if (s->ctx != NULL) {
        rc = configure(s, conf, r);
    }
    if (rc < 0) {
        jst_tls_server_unref(&s);
        return rc;
    }
    *out = s;
    return JOIST_OK;
}

struct jst_tls_server *
jst_tls_server_ref(struct jst_tls_server *s)
{
    (void)__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void
jst_tls_server_unref(struct jst_tls_server **take)
{
    struct jst_tls_server *s = *take;

    *take = NULL;
    if (s == NULL || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    SSL_CTX_free(s->ctx);
    for (size_t i = 0; i < s->pairs_n; i++) {
        jst_tls_pair_fini(&s->pairs[i]);
    }
    free(s->pairs);
    jst_tls_certs_unref(&s->certs);
    free(s);
}

bool
jst_tls_server_same_cert(const struct jst_tls_server *s, struct jst_slice a, struct jst_slice b)
{
    bool unknown;
    const struct jst_tls_site *of_a = jst_tls_server_find(s, a, &unknown);
    const struct jst_tls_site *of_b = jst_tls_server_find(s, b, &unknown);

    return of_a == of_b || memcmp(of_a->pairs, of_b->pairs, sizeof(of_a->pairs)) == 0;
}

bool
jst_tls_server_has_early(const struct jst_tls_server *s)
{
    return s->early;
}

int
jst_tls_accept(struct jst_conn *c, struct jst_tls_server *s)
{
    struct jst_tls_conn *t;
    int rc = jst_tls_attach(c, s->ctx, &t);

    if (rc < 0) {
        return rc;
    }
    t->server = jst_tls_server_ref(s);
    SSL_set_accept_state(t->ssl);
    jst_tls_begin(c, t);
    return JOIST_OK;
}

int
jst_tls_sha1(unsigned char out[20], struct jst_slice in)
{
    unsigned n = 20;

    jst_tls_init_once();
    return EVP_Digest(in.p, in.n, out, &n, EVP_sha1(), NULL) == 1 ? JOIST_OK : JOIST_E_NOMEM;
}
