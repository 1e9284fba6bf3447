// SPDX-License-Identifier: MIT
#include "tls_client.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

static void
put_text(const char *name, const char *value)
{
    fprintf(stderr, ", \"%s\": ", name);
    if (value == NULL) {
        fputs("null", stderr);
        return;
    }
    fputc('"', stderr);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            fputc('\\', stderr);
        }
        fputc((unsigned char)*value < 0x20 ? ' ' : *value, stderr);
    }
    fputc('"', stderr);
}

static void
put_number(const char *name, long value)
{
    fprintf(stderr, ", \"%s\": %ld", name, value);
}

static void
put_bool(const char *name, bool value)
{
    fprintf(stderr, ", \"%s\": %s", name, value ? "true" : "false");
}

static void
put_base64(const char *name, const unsigned char *p, size_t n)
{
    char *text = malloc(n * 2 + 8);

    if (text != NULL) {
        EVP_EncodeBlock((unsigned char *)text, p, (int)n);
        put_text(name, text);
        free(text);
    }
}

static void
begin(const char *event)
{
    fprintf(stderr, "{\"event\": \"%s\"", event);
}

static void
finish(void)
{
    fputs("}\n", stderr);
}

void
die(const char *what)
{
    unsigned long e = ERR_peek_last_error();

    begin("failed");
    put_text("where", what);
    put_text("reason", e != 0 ? ERR_reason_error_string(e) : strerror(errno));
    finish();
    exit(1);
}

/* Alerts of the peer, fatal ones and warnings. */
void
on_info(const SSL *ssl, int where, int value)
{
    (void)ssl;
    if ((where & SSL_CB_ALERT) != 0 && (where & SSL_CB_READ) != 0) {
        begin("alert");
        put_text("text", SSL_alert_desc_string_long(value));
        put_number("code", value & 0xff);
        finish();
    }
}

int
on_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    begin("ticket");
    put_number("lifetime", (long)SSL_SESSION_get_ticket_lifetime_hint(session));
    put_number("early_max", (long)SSL_SESSION_get_max_early_data(session));
    finish();
    if (opt.session_out != NULL) {
        FILE *file = fopen(opt.session_out, "w");

        if (file == NULL || PEM_write_SSL_SESSION(file, session) != 1 || fclose(file) != 0) {
            die("session-out");
        }
    }
    return 0;
}

static void
put_ech(SSL *ssl)
{
#ifdef HAVE_ECH
    char *inner = NULL;
    char *outer = NULL;
    unsigned char *retry = NULL;
    size_t retry_n = 0;

    put_number("ech", SSL_ech_get1_status(ssl, &inner, &outer));
    put_text("ech_inner", inner);
    put_text("ech_outer", outer);
    if (SSL_ech_get1_retry_config(ssl, &retry, &retry_n) == 1 && retry_n > 0) {
        put_base64("ech_retry", retry, retry_n);
    }
    OPENSSL_free(inner);
    OPENSSL_free(outer);
    OPENSSL_free(retry);
#else
    (void)ssl;
#endif
}

static void
put_peer(SSL *ssl)
{
    X509 *cert = SSL_get0_peer_certificate(ssl);
    char text[512];

    put_number("chain", sk_X509_num(SSL_get_peer_cert_chain(ssl)));
    if (cert == NULL) {
        return;
    }
    put_text("subject", X509_NAME_oneline(X509_get_subject_name(cert), text, sizeof(text)));
    put_text("key", EVP_PKEY_get0_type_name(X509_get0_pubkey(cert)));
    put_number("verify", SSL_get_verify_result(ssl));
}

static const char *
early_text(SSL *ssl)
{
    switch (SSL_get_early_data_status(ssl)) {
    case SSL_EARLY_DATA_ACCEPTED:
        return "accepted";
    case SSL_EARLY_DATA_REJECTED:
        return "rejected";
    default:
        return "not sent";
    }
}

void
facts_handshake(SSL *ssl)
{
    const unsigned char *alpn = NULL;
    unsigned alpn_n = 0;
    char text[256] = "";
    unsigned char *staple = NULL;

    SSL_get0_alpn_selected(ssl, &alpn, &alpn_n);
    if (alpn_n > 0 && alpn_n < sizeof(text)) {
        memcpy(text, alpn, alpn_n);
    }
    begin("handshake");
    put_text("version", SSL_get_version(ssl));
    put_text("cipher", SSL_get_cipher_name(ssl));
    put_text("group", SSL_get0_group_name(ssl));
    put_text("alpn", text);
    put_bool("resumed", SSL_session_reused(ssl) == 1);
    put_text("early", early_text(ssl));
    put_number("staple", SSL_get_tlsext_status_ocsp_resp(ssl, &staple));
    put_peer(ssl);
    put_ech(ssl);
    finish();
}

void
facts_no_handshake(SSL *ssl)
{
    unsigned long e = ERR_peek_last_error();

    begin("failed");
    put_text("where", "handshake");
    put_text("reason", e != 0 ? ERR_reason_error_string(e) : "connection closed");
    put_number("verify", SSL_get_verify_result(ssl));
    put_ech(ssl);
    finish();
    exit(1);
}

void
facts_end(const char *how)
{
    begin("end");
    put_text("how", how);
    finish();
}
