// SPDX-License-Identifier: MIT
/* The callbacks of a server's handshake: name, certificates, staple, protocol, tickets. */
#include "wire/tls_int.h"
#include "wire/tls_server.h"
#include "wire/tls_tickets.h"

#include "base/str.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#define NAME_BYTES_MAX 255 /* RFC 1035 2.3.4; RFC 6066 3 */

/* ---- the name ---- */

/* The default's certificates may have been made for the name all the same. */
static bool
fallback_covers(const struct jst_tls_server *s, struct jst_slice name)
{
    for (size_t i = 0; i < JST_TLS_KEYS_; i++) {
        const struct jst_tls_pair *p = s->fallback.pairs[i];

        if (p != NULL && X509_check_host(p->cert, name.p, name.n, 0, NULL) == 1) {
            return true;
        }
    }
    return false;
}

bool
jst_tls_server_takes(const struct jst_tls_server *s, struct jst_slice name)
{
    return !s->reject_unknown_sni || jst_tls_certs_find(s->certs, name) != NULL ||
           fallback_covers(s, name);
}

const struct jst_tls_site *
jst_tls_server_find(const struct jst_tls_server *s, struct jst_slice name, bool *unknown)
{
    const struct jst_tls_site *site = jst_tls_certs_find(s->certs, name);

    *unknown = site == NULL && name.n > 0;
    return site != NULL ? site : &s->fallback;
}

/* Lower case, without the final dot that some clients send against RFC 6066 3. */
static struct jst_slice
normal_name(char *out, size_t cap, const char *name)
{
    size_t n = name != NULL ? strlen(name) : 0;

    if (n > 0 && name[n - 1] == '.') {
        n--;
    }
    if (n > cap) {
        return JST_SLICE_NONE;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = jst_lower(name[i]);
    }
    return jst_slice(out, n);
}

/* As a log line may show it: a stranger has made it up. */
static struct jst_slice
shown(struct jst_slice name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
              c == '_')) {
            return JST_S("?");
        }
    }
    return name;
}

static int
on_name(SSL *ssl, int *alert, void *arg)
{
    const struct jst_tls_server *s = arg;
    struct jst_tls_conn *t = jst_tls_of_ssl(ssl);
    char text[NAME_BYTES_MAX];
    struct jst_slice name =
        normal_name(text, sizeof(text), SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    bool unknown;

    t->site = jst_tls_server_find(s, name, &unknown);
    t->info.sni_unknown = unknown;
    if (unknown && !jst_tls_server_takes(s, name)) {
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        jst_tls_note(t, "no certificate is for the name %.*s", JST_PRI(shown(name)));
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return name.n > 0 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* ---- certificates ---- */

static int
on_certificate(SSL *ssl, void *arg)
{
    const struct jst_tls_server *s = arg;
    const struct jst_tls_conn *t = jst_tls_of_ssl(ssl);

    if (t->site == NULL || t->site == &s->fallback || SSL_session_reused(ssl) == 1) {
        return 1; /* the context's own, or none is sent */
    }
    SSL_certs_clear(ssl);
    for (size_t i = 0; i < JST_TLS_KEYS_; i++) {
        const struct jst_tls_pair *p = t->site->pairs[i];

        if (p != NULL && SSL_use_cert_and_key(ssl, p->cert, p->key, p->chain, 1) != 1) {
            return 0;
        }
    }
    return 1;
}

static const struct jst_tls_pair *
pair_in_use(const struct jst_tls_conn *t, const struct jst_tls_server *s, const SSL *ssl)
{
    const struct jst_tls_site *site = t->site != NULL ? t->site : &s->fallback;
    const X509 *x = SSL_get_certificate(ssl);

    for (size_t i = 0; i < JST_TLS_KEYS_; i++) {
        if (site->pairs[i] != NULL && site->pairs[i]->cert == x) {
            return site->pairs[i];
        }
    }
    return NULL;
}

static int
on_status(SSL *ssl, void *arg)
{
    const struct jst_tls_pair *p = pair_in_use(jst_tls_of_ssl(ssl), arg, ssl);
    unsigned char *copy;

    if (p == NULL || p->ocsp == NULL || p->ocsp_until_s <= (int64_t)time(NULL)) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    copy = OPENSSL_memdup(p->ocsp, p->ocsp_n);
    if (copy == NULL || SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)p->ocsp_n) != 1) {
        OPENSSL_free(copy);
        return SSL_TLSEXT_ERR_NOACK;
    }
    return SSL_TLSEXT_ERR_OK; /* it is the connection's now */
}

/* ---- ALPN ---- */

/* Our order counts: h2 where it is on. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
        unsigned in_n, void *arg)
{
    const struct jst_tls_server *s = arg;
    const unsigned char *h1 = NULL;

    for (unsigned at = 0; at < in_n && in_n - at > in[at]; at += 1u + in[at]) {
        struct jst_slice name = {(const char *)in + at + 1, in[at]};

        if (s->h2 && jst_slice_eq(name, JST_S("h2"))) {
            *out = in + at + 1;
            *out_n = in[at];
            return SSL_TLSEXT_ERR_OK;
        }
        if (s->h1 && h1 == NULL && jst_slice_eq(name, JST_S("http/1.1"))) {
            h1 = in + at + 1;
        }
    }
    if (h1 != NULL) {
        *out = h1;
        *out_n = 8;
        return SSL_TLSEXT_ERR_OK;
    }
    jst_tls_note(jst_tls_of_ssl(ssl), "no application protocol in common");
    return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2: no_application_protocol */
}

/* ---- tickets ---- */

static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
          EVP_MAC_CTX *mac, int seal)
{
    const struct jst_tls_conn *t = jst_tls_of_ssl(ssl);

    return jst_tls_tickets_crypt(t->server->tickets, SSL_version(ssl) >= TLS1_3_VERSION, name, iv,
                                 cipher, mac, seal);
}

void
jst_tls_set_callbacks(struct jst_tls_server *s)
{
    (void)SSL_CTX_set_tlsext_servername_callback(s->ctx, on_name);
    (void)SSL_CTX_set_tlsext_servername_arg(s->ctx, s);
    SSL_CTX_set_cert_cb(s->ctx, on_certificate, s);
    (void)SSL_CTX_set_tlsext_status_cb(s->ctx, on_status);
    (void)SSL_CTX_set_tlsext_status_arg(s->ctx, s);
    SSL_CTX_set_alpn_select_cb(s->ctx, on_alpn, s);
    if (s->tickets != NULL) {
        (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(s->ctx, on_ticket);
    }
}

/* ---- facts ---- */

static size_t
put_hex(char *out, const unsigned char *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    return 2 * n;
}

static BIO *
print_subject(const X509 *x)
{
    BIO *b = BIO_new(BIO_s_mem());

    if (b != NULL &&
        X509_NAME_print_ex(b, X509_get_subject_name(x), 0,
                           XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) < 0) {
        BIO_free(b);
        return NULL;
    }
    return b;
}

/* Of a verified client certificate, and of the name: copied into one piece of memory. */
int
jst_tls_server_fill_info(struct jst_tls_conn *t)
{
    const X509 *peer = t->server->client_auth ? SSL_get0_peer_certificate(t->ssl) : NULL;
    const char *sni = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_n = 0;
    BIO *subject = NULL;
    char *text = NULL;
    long n = 0;
    char *at;

    if (t->server->ech) {
        jst_tls_ech_status(t->ssl, &t->info.ech, &t->info.ech_failed);
    }
    if (peer != NULL) {
        /* A ticket must not make a certificate live longer than its issuer said. */
        if (t->info.resumed && ASN1_TIME_cmp_time_t(X509_get0_notAfter(peer), time(NULL)) < 0) {
            jst_tls_note(t, "client certificate: certificate has expired");
            return JOIST_E_CERT;
        }
        subject = print_subject(peer);
        n = subject != NULL ? BIO_get_mem_data(subject, &text) : -1;
        if (n < 0 || X509_digest(peer, EVP_sha256(), digest, &digest_n) != 1) {
            BIO_free(subject);
            return JOIST_E_NOMEM;
        }
    }
    at = malloc((size_t)n + 2u * digest_n + (sni != NULL ? strlen(sni) : 0) + 1);
    if (at == NULL) {
        BIO_free(subject);
        return JOIST_E_NOMEM;
    }
    t->texts = at;
    t->info.sni = normal_name(at, NAME_BYTES_MAX, sni);
    at += t->info.sni.n;
    if (peer != NULL) {
        memcpy(at, text, (size_t)n);
        t->info.subject = jst_slice(at, (size_t)n);
        at += n;
        t->info.fingerprint = jst_slice(at, put_hex(at, digest, digest_n));
    }
    BIO_free(subject);
    return JOIST_OK;
}
