// SPDX-License-Identifier: MIT
/* What a handshake agreed on, and why one failed, in words. */
#include "wire/tls_int.h"

#include "base/str.h"
#include "sys/call.h"
#include "wire/tls_server.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ERROR_BYTES_MAX 320

/* ---- facts ---- */

static enum jst_alpn
alpn_of(const SSL *ssl)
{
    const unsigned char *p = NULL;
    unsigned n = 0;
    struct jst_slice name;

    SSL_get0_alpn_selected(ssl, &p, &n);
    name = jst_slice((const char *)p, n);
    if (jst_slice_eq(name, JST_S("h2"))) {
        return JST_ALPN_H2;
    }
    return jst_slice_eq(name, JST_S("http/1.1")) ? JST_ALPN_H1 : JST_ALPN_NONE;
}

int
jst_tls_fill_info(struct jst_tls_conn *t)
{
    struct jst_tls_info *info = &t->info;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(t->ssl);

    info->version = jst_slice_z(SSL_get_version(t->ssl));
    info->cipher = jst_slice_z(cipher != NULL ? SSL_CIPHER_standard_name(cipher) : NULL);
    info->group = jst_slice_z(SSL_get0_group_name(t->ssl));
    info->alpn = (uint8_t)alpn_of(t->ssl);
    info->resumed = SSL_session_reused(t->ssl) == 1;
    info->early = t->phase == JST_TLS_EARLY;
    if (t->server != NULL) {
        int rc = jst_tls_server_fill_info(t);

        if (rc < 0) {
            return rc;
        }
    }
    t->known = true;
    return JOIST_OK;
}

/* ---- failures ---- */

void
jst_tls_note(struct jst_tls_conn *t, const char *fmt, ...)
{
    char *text = malloc(ERROR_BYTES_MAX);
    va_list args;

    if (text == NULL) {
        return; /* the code alone has to do */
    }
    va_start(args, fmt);
    (void)vsnprintf(text, ERROR_BYTES_MAX, fmt, args);
    va_end(args);
    free(t->error);
    t->error = text;
}

/* The last error of those that say something. */
static unsigned long
cause(void)
{
    unsigned long e = ERR_peek_last_error();

    return ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) == SSL_R_RECORD_LAYER_FAILURE
               ? ERR_peek_error()
               : e;
}

/* OpenSSL's own words, without the prefixes that say where in it. */
static const char *
words_of(unsigned long e)
{
    const char *text = e != 0 ? ERR_reason_error_string(e) : NULL;

    return text != NULL ? text : "TLS failed";
}

/* RFC 8446 6: an alert of the peer's is its reason, not ours. */
static void
note_reason(struct jst_tls_conn *t, unsigned long e, int reason)
{
    static const char *const prefixes[] = {"tls alert ",    "tlsv1 alert ", "sslv3 alert ",
                                           "tlsv13 alert ", "tlsv1 ",       "ssl/tls alert "};
    const char *words = words_of(e);

    if (reason == SSL_R_HTTP_REQUEST) {
        jst_tls_note(t, "it speaks plain HTTP, and this port speaks TLS");
        return;
    }
    if (reason == SSL_R_WRONG_VERSION_NUMBER && t->client != NULL) {
        jst_tls_note(t, "it does not speak TLS there");
        return;
    }
    if (reason <= SSL_AD_REASON_OFFSET) {
        jst_tls_note(t, "%s", words);
        return;
    }
    for (size_t i = 0; i < JST_COUNT(prefixes); i++) {
        size_t n = strlen(prefixes[i]);

        if (strncmp(words, prefixes[i], n) == 0) {
            words += n;
            break;
        }
    }
    jst_tls_note(t, "the peer sent the alert: %s", words);
}

static int
note_verify_failure(struct jst_tls_conn *t, long verify)
{
    const char *words = X509_verify_cert_error_string(verify);

    if (t->client != NULL) {
        jst_tls_note(t, "%s (%s)", words, jst_tls_client_verify_name(t->client));
    } else {
        jst_tls_note(t, "client certificate: %s", words);
    }
    return JOIST_E_CERT;
}

int
jst_tls_note_failure(struct jst_tls_conn *t, const struct jst_tls_op *op)
{
    unsigned long e = cause();
    int reason = ERR_GET_LIB(e) == ERR_LIB_SSL ? ERR_GET_REASON(e) : 0;
    long verify = SSL_get_verify_result(t->ssl);

    ERR_clear_error();
    if (op->err != 0) {
        return op->err;
    }
    if (reason == SSL_R_HTTP_REQUEST && t->server != NULL && t->server->plain_answer.n > 0) {
        /* As much as the socket takes: it is empty, and the peer is gone after it. */
        (void)jst_call_send(op->c->io.fd, t->server->plain_answer.p, t->server->plain_answer.n,
                            MSG_NOSIGNAL);
    }
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verify != X509_V_OK) {
        return note_verify_failure(t, verify);
    }
    if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        jst_tls_note(t, "client certificate: none was sent");
        return JOIST_E_CERT;
    }
    if (op->eof) {
        jst_tls_note(t, "the peer closed the connection during the handshake");
        return JOIST_E_CLOSED;
    }
    if (t->error == NULL) { /* a callback knows better */
        note_reason(t, e, reason);
    }
    return JOIST_E_TLS;
}
