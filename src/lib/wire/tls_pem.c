// SPDX-License-Identifier: MIT
/* Files of certificates and keys: read, parsed, held against each other. */
#include "wire/tls_certs.h"
#include "wire/tls_int.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

/* The whole file as a BIO over memory that the caller frees (keys: wiped). */
static BIO *
open_file(char **memory, size_t *n, const char *path, int *rc)
{
    BIO *b = NULL;

    *rc = jst_tls_read_file(memory, n, path);
    if (*rc == JOIST_OK) {
        b = BIO_new_mem_buf(*memory, (int)*n);
        *rc = b != NULL ? JOIST_OK : JOIST_E_NOMEM;
    }
    return b;
}

/* ---- certificates ---- */

static int
parse_chain(struct jst_tls_pair *p, BIO *b)
{
    X509 *x;

    p->cert = PEM_read_bio_X509(b, NULL, NULL, NULL);
    if (p->cert == NULL) {
        return JOIST_E_INVAL;
    }
    p->chain = sk_X509_new_null();
    if (p->chain == NULL) {
        return JOIST_E_NOMEM;
    }
    while ((x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(p->chain, x) == 0) {
            X509_free(x);
            return JOIST_E_NOMEM;
        }
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        return JOIST_E_INVAL; /* something between the certificates is broken */
    }
    ERR_clear_error();
    return JOIST_OK;
}

static int
load_chain(struct jst_tls_pair *p, const struct joist_cert_conf *conf, const char *site,
           struct jst_tls_report *r)
{
    char *memory = NULL;
    size_t n = 0;
    int rc;
    BIO *b = open_file(&memory, &n, conf->cert, &rc);

    if (rc < 0) {
        jst_tls_say(r, JOIST_LOG_ERROR, rc, &conf->cert_pos, "site '%s': certificate '%s': %s",
                    site, conf->cert, joist_error_text(rc));
    } else {
        ERR_clear_error();
        rc = parse_chain(p, b);
        if (rc < 0) {
            jst_tls_say(r, JOIST_LOG_ERROR, rc, &conf->cert_pos,
                        "site '%s': certificate '%s': not a PEM certificate (%s)", site, conf->cert,
                        jst_tls_last_words());
        }
    }
    BIO_free(b);
    OPENSSL_cleanse(memory, n); /* the key may be in the same file */
    free(memory);
    return rc;
}

/* ---- keys ---- */

/* Without it OpenSSL would ask the terminal. */
static int
no_password(char *buf, int size, int rwflag, void *ctx)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)ctx;
    return -1;
}

EVP_PKEY *
jst_tls_parse_key(const char *pem, size_t n)
{
    BIO *b = BIO_new_mem_buf(pem, (int)n);
    EVP_PKEY *key = b != NULL ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;

    BIO_free(b);
    return key;
}

static bool
kind_of(enum jst_tls_key_kind *kind, const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
        *kind = JST_TLS_KEY_EC;
        return true;
    case EVP_PKEY_RSA:
        *kind = JST_TLS_KEY_RSA;
        return true;
    case EVP_PKEY_ED25519:
    case EVP_PKEY_ED448:
        *kind = JST_TLS_KEY_ED;
        return true;
    default:
        return false;
    }
}

static int
load_key(struct jst_tls_pair *p, const struct joist_cert_conf *conf, const char *site,
         struct jst_tls_report *r)
{
    const char *path = conf->key != NULL ? conf->key : conf->cert;
    const struct joist_pos *pos = conf->key != NULL ? &conf->key_pos : &conf->cert_pos;
    char *memory = NULL;
    size_t n = 0;
    int rc = jst_tls_read_file(&memory, &n, path);

    if (rc < 0) {
        jst_tls_say(r, JOIST_LOG_ERROR, rc, pos, "site '%s': key '%s': %s", site, path,
                    joist_error_text(rc));
        return rc;
    }
    ERR_clear_error();
    p->key = jst_tls_parse_key(memory, n);
    OPENSSL_cleanse(memory, n);
    free(memory);
    if (p->key == NULL) {
        jst_tls_say(r, JOIST_LOG_ERROR, JOIST_E_INVAL, pos,
                    "site '%s': key '%s': no PEM private key that can be read without a password",
                    site, path);
    } else if (!kind_of(&p->kind, p->key)) {
        jst_tls_say(r, JOIST_LOG_ERROR, JOIST_E_INVAL, pos,
                    "site '%s': key '%s': of a kind that is not supported (ECDSA, RSA and Ed25519 "
                    "are)",
                    site, path);
    } else if (X509_check_private_key(p->cert, p->key) != 1) {
        jst_tls_say(r, JOIST_LOG_ERROR, JOIST_E_INVAL, pos,
                    "site '%s': key '%s' does not match certificate '%s'", site, path, conf->cert);
    } else {
        return JOIST_OK;
    }
    ERR_clear_error();
    return JOIST_E_INVAL;
}

/* What a handshake would refuse: keys and signatures that are too weak. */
static int
try_pair(const struct jst_tls_pair *p, const struct joist_cert_conf *conf, const char *site,
         struct jst_tls_report *r)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int rc = JOIST_OK;

    if (ctx == NULL) {
        return JOIST_E_NOMEM;
    }
    if (SSL_CTX_use_cert_and_key(ctx, p->cert, p->key, p->chain, 1) != 1) {
        jst_tls_say(r, JOIST_LOG_ERROR, JOIST_E_INVAL, &conf->cert_pos,
                    "site '%s': certificate '%s' cannot be used: %s", site, conf->cert,
                    jst_tls_last_words());
        rc = JOIST_E_INVAL;
    }
    SSL_CTX_free(ctx);
    return rc;
}

/* ---- what is odd, but no error ---- */

static void
warn_times(const struct jst_tls_pair *p, const struct joist_cert_conf *conf, const char *site,
           int64_t now_s, struct jst_tls_report *r)
{
    time_t now = (time_t)now_s;

    if (ASN1_TIME_cmp_time_t(X509_get0_notAfter(p->cert), now) < 0) {
        jst_tls_say(r, JOIST_LOG_WARN, JOIST_E_CERT, &conf->cert_pos,
                    "site '%s': certificate '%s' has expired", site, conf->cert);
    } else if (ASN1_TIME_cmp_time_t(X509_get0_notBefore(p->cert), now) > 0) {
        jst_tls_say(r, JOIST_LOG_WARN, JOIST_E_CERT, &conf->cert_pos,
                    "site '%s': certificate '%s' is not valid yet", site, conf->cert);
    }
}

static void
warn_names(const struct jst_tls_pair *p, const struct joist_cert_conf *conf, const char *site,
           struct jst_tls_report *r)
{
    for (size_t i = 0; i < conf->hosts_n; i++) {
        const char *host = conf->hosts[i];
        char any[260];

        if (host == NULL) {
            continue;
        }
        if (host[0] == '*') { /* a name that the wildcard stands for */
            (void)snprintf(any, sizeof(any), "any%s", host + 1);
            host = any;
        }
        if (X509_check_host(p->cert, host, strlen(host), 0, NULL) != 1 &&
            X509_check_ip_asc(p->cert, host, 0) != 1) {
            jst_tls_say(r, JOIST_LOG_WARN, JOIST_E_CERT, &conf->cert_pos,
                        "site '%s': certificate '%s' is not for '%s'", site, conf->cert,
                        conf->hosts[i]);
        }
    }
}

/* Each one signed by the next. A leaf alone that names its issuer's address comes from a public
 * authority, and those sign with intermediates, which clients do not have. */
static void
warn_chain(const struct jst_tls_pair *p, const struct joist_cert_conf *conf, const char *site,
           struct jst_tls_report *r)
{
    X509 *below = p->cert;

    for (int i = 0; i < sk_X509_num(p->chain); i++) {
        X509 *above = sk_X509_value(p->chain, i);

        if (X509_check_issued(above, below) != X509_V_OK) {
            jst_tls_say(r, JOIST_LOG_WARN, JOIST_E_CERT, &conf->cert_pos,
                        "site '%s': certificate '%s': number %d of the chain did not sign the one "
                        "before it",
                        site, conf->cert, i + 2);
            return;
        }
        below = above;
    }
    if (sk_X509_num(p->chain) == 0 && (X509_get_extension_flags(p->cert) & EXFLAG_SS) == 0 &&
        X509_get_ext_by_NID(p->cert, NID_info_access, -1) >= 0) {
        jst_tls_say(r, JOIST_LOG_WARN, JOIST_E_CERT, &conf->cert_pos,
                    "site '%s': certificate '%s' comes without its chain: clients may not trust it",
                    site, conf->cert);
    }
}

/* ---- a pair ---- */

int
jst_tls_pair_load(struct jst_tls_pair *out, const struct joist_cert_conf *conf, int64_t now_s,
                  struct jst_tls_report *r)
{
    const char *site = conf->site != NULL                            ? conf->site
                       : conf->hosts_n > 0 && conf->hosts[0] != NULL ? conf->hosts[0]
                                                                     : "default";
    struct jst_tls_pair p = {0};
    int rc;

    jst_tls_init_once();
    if (conf->cert == NULL) {
        jst_tls_say(r, JOIST_LOG_ERROR, JOIST_E_INVAL, &conf->cert_pos,
                    "site '%s': no certificate file is named", site);
        return JOIST_E_INVAL;
    }
    rc = load_chain(&p, conf, site, r);
    if (rc == JOIST_OK) {
        rc = load_key(&p, conf, site, r);
    }
    if (rc == JOIST_OK) {
        rc = try_pair(&p, conf, site, r);
    }
    if (rc < 0) {
        jst_tls_pair_fini(&p);
        return rc == JOIST_E_NOMEM ? rc : JOIST_E_INVAL;
    }
    warn_times(&p, conf, site, now_s, r);
    warn_names(&p, conf, site, r);
    warn_chain(&p, conf, site, r);
    jst_tls_ocsp_load(&p, conf, site, now_s, r);
    *out = p;
    return JOIST_OK;
}

void
jst_tls_pair_fini(struct jst_tls_pair *p)
{
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
    sk_X509_pop_free(p->chain, X509_free);
    free(p->ocsp);
    *p = (struct jst_tls_pair){0};
}
