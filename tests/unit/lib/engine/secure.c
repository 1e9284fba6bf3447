// SPDX-License-Identifier: MIT
#include "secure.h"

#include <joist/cert.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- certificates ---- */

void
keys_init(struct keys *k)
{
    *k = (struct keys){0};
    (void)snprintf(k->dir, sizeof(k->dir), "/tmp/joist-keys-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
}

void
keys_fini(struct keys *k)
{
    for (unsigned i = 0; i < k->n; i++) {
        (void)unlink(k->cert[i]);
        (void)unlink(k->key[i]);
    }
    assert_int_equal(rmdir(k->dir), 0);
}

static unsigned
next(struct keys *k)
{
    unsigned i = k->n++;
    char dir[sizeof(k->dir)];

    assert_true(i < 8);
    memcpy(dir, k->dir, sizeof(dir));
    (void)snprintf(k->cert[i], sizeof(k->cert[i]), "%s/cert-%u.pem", dir, i);
    (void)snprintf(k->key[i], sizeof(k->key[i]), "%s/key-%u.pem", dir, i);
    return i;
}

unsigned
keys_make(struct keys *k, const char *name, const char *other)
{
    const char *names[] = {name, other};
    unsigned i = next(k);

    assert_int_equal(joist_cert_create_self_signed(k->cert[i], k->key[i], names,
                                                   other != NULL ? 2 : 1, 30, NULL),
                     0);
    return i;
}

static void
add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(e);
    assert_int_equal(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
}

static void
write_pem(const char *path, X509 *cert, EVP_PKEY *key)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(cert != NULL ? PEM_write_X509(f, cert)
                                  : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL),
                     1);
    (void)fclose(f);
}

/* Takes the key. */
static unsigned
make_by_hand(struct keys *k, EVP_PKEY *key, const char *subject, const char *usage,
             const char *names)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_NAME_new();
    unsigned i = next(k);

    assert_non_null(key);
    assert_non_null(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)subject, -1, -1,
                               0);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_subject_name(cert, name);
    X509_set_issuer_name(cert, name);
    X509_set_pubkey(cert, key);
    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert, NID_ext_key_usage, usage);
    if (names != NULL) {
        add_extension(cert, NID_subject_alt_name, names);
    }
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    write_pem(k->cert[i], cert, NULL);
    write_pem(k->key[i], NULL, key);
    X509_NAME_free(name);
    X509_free(cert);
    EVP_PKEY_free(key);
    return i;
}

unsigned
keys_make_client(struct keys *k, const char *subject)
{
    return make_by_hand(k, EVP_EC_gen("P-256"), subject, "clientAuth", NULL);
}

unsigned
keys_make_rsa(struct keys *k, const char *name)
{
    char names[128];

    (void)snprintf(names, sizeof(names), "DNS:%s", name);
    return make_by_hand(k, EVP_RSA_gen(2048), name, "serverAuth", names);
}

unsigned
keys_make_text(struct keys *k, const char *text)
{
    unsigned i = next(k);
    FILE *f = fopen(k->cert[i], "w");

    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
    return i;
}

/* ---- configuration ---- */

void
secure_use(struct secure *t, struct setup *s)
{
    s->listeners[0].h1 = true;
    s->listeners[0].tls = &t->tls;
    s->conf.certs = t->certs;
}

void
secure_init(struct secure *t, struct setup *s)
{
    memset(t, 0, sizeof(*t));
    keys_init(&t->keys);
    joist_tls_conf_init(&t->tls);
    secure_use(t, s);
}

void
secure_fini(struct secure *t)
{
    keys_fini(&t->keys);
}

void
secure_cert(struct secure *t, struct setup *s, const char *host, unsigned key)
{
    size_t i = s->conf.certs_n++;

    t->hosts[i] = host;
    t->certs[i] = (struct joist_cert_conf){
        .cert = t->keys.cert[key], .key = t->keys.key[key], .hosts = &t->hosts[i], .hosts_n = 1};
}

/* ---- the client ---- */

static ssize_t
pull(struct client *c, void *to, size_t n)
{
    return SSL_read(c->tls, to, (int)n);
}

static ssize_t
push(struct client *c, const void *from, size_t n)
{
    return SSL_write(c->tls, from, (int)n);
}

static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct secure_client *c = SSL_get_app_data(ssl);

    SSL_SESSION_free(c->session);
    c->session = session;
    return 1; /* the count is ours now */
}

static void
read_subject(struct secure_client *c)
{
    X509 *cert = SSL_get1_peer_certificate(c->ssl);

    if (cert != NULL) {
        X509_NAME_oneline(X509_get_subject_name(cert), c->subject, sizeof(c->subject));
        X509_free(cert);
    }
}

static void
prepare(struct secure_client *c, const struct secure_ask *ask)
{
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL's writes to a connection that was closed */
    memset(c, 0, sizeof(*c));
    c->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c->ctx, keep_session);
    if (ask->cert != NULL) {
        assert_int_equal(SSL_CTX_use_certificate_chain_file(c->ctx, ask->cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(c->ctx, ask->key, SSL_FILETYPE_PEM), 1);
    }
    c->ssl = SSL_new(c->ctx);
    SSL_set_app_data(c->ssl, c);
    if (ask->sni != NULL) {
        SSL_set_tlsext_host_name(c->ssl, ask->sni);
    }
    if (ask->session != NULL) {
        assert_int_equal(SSL_set_session(c->ssl, ask->session), 1);
    }
}

static void
use_fd(struct secure_client *c)
{
    SSL_set_fd(c->ssl, c->c.fd);
    c->c.tls = c->ssl;
    c->c.pull = pull;
    c->c.push = push;
}

void
secure_adopt(struct secure_client *c, struct client *take, const char *sni)
{
    prepare(c, &(struct secure_ask){.sni = sni});
    c->c.fd = take->fd;
    take->fd = -1;
    use_fd(c);
    assert_int_equal(SSL_connect(c->ssl), 1);
    read_subject(c);
}

int
secure_connect(struct secure_client *c, uint16_t port, const struct secure_ask *ask)
{
    size_t sent;

    prepare(c, ask);
    if (client_connect(&c->c, port) < 0) {
        return -1;
    }
    use_fd(c);
#ifdef SSL_OP_ECH_GREASE
    if (ask->grease) {
        SSL_set_options(c->ssl, SSL_OP_ECH_GREASE);
    }
#endif
    if (ask->early != NULL &&
        SSL_write_early_data(c->ssl, ask->early, strlen(ask->early), &sent) != 1) {
        return -1;
    }
    if (SSL_connect(c->ssl) != 1) {
        return -1;
    }
    read_subject(c);
    return 0;
}

void
secure_close(struct secure_client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    SSL_SESSION_free(c->session);
    client_close(&c->c);
    c->ssl = NULL;
    c->ctx = NULL;
    c->session = NULL;
}

void
secure_get(struct secure_client *c, struct reply *r, const char *host, const char *path,
           const char *lines)
{
    char text[16384];

    (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, host, lines);
    client_send(&c->c, text);
    client_reply(&c->c, r);
}
