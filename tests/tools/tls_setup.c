// SPDX-License-Identifier: MIT
#include "tls_client.h"

#include <netdb.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int
version_of(const char *text)
{
    static const struct {
        const char *text;
        int version;
    } known[] = {{"1.0", TLS1_VERSION},
                 {"1.1", TLS1_1_VERSION},
                 {"1.2", TLS1_2_VERSION},
                 {"1.3", TLS1_3_VERSION}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].text, text) == 0) {
            return known[i].version;
        }
    }
    die("version");
}

static void
set_lists(SSL_CTX *ctx)
{
    if ((opt.min != NULL && SSL_CTX_set_min_proto_version(ctx, version_of(opt.min)) != 1) ||
        (opt.max != NULL && SSL_CTX_set_max_proto_version(ctx, version_of(opt.max)) != 1)) {
        die("versions");
    }
    if (opt.groups != NULL && SSL_CTX_set1_groups_list(ctx, opt.groups) != 1) {
        die("groups");
    }
    if (opt.sigalgs != NULL && SSL_CTX_set1_sigalgs_list(ctx, opt.sigalgs) != 1) {
        die("sigalgs");
    }
    if (opt.ciphers != NULL && SSL_CTX_set_cipher_list(ctx, opt.ciphers) != 1) {
        die("ciphers");
    }
    if (opt.suites != NULL && SSL_CTX_set_ciphersuites(ctx, opt.suites) != 1) {
        die("suites");
    }
}

static void
set_files(SSL_CTX *ctx)
{
    if (opt.ca != NULL) {
        if (SSL_CTX_load_verify_file(ctx, opt.ca) != 1) {
            die("ca");
        }
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    }
    if (opt.cert != NULL && SSL_CTX_use_certificate_chain_file(ctx, opt.cert) != 1) {
        die("cert");
    }
    if (opt.key != NULL && SSL_CTX_use_PrivateKey_file(ctx, opt.key, SSL_FILETYPE_PEM) != 1) {
        die("key");
    }
}

SSL_CTX *
make_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL) {
        die("context");
    }
    /* The tests ask for what is old, too: the server must be the one to refuse it. */
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    SSL_CTX_set_info_callback(ctx, on_info);
    if (opt.no_tickets) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    }
    if (opt.grease) {
#ifdef HAVE_ECH
        SSL_CTX_set_options(ctx, SSL_OP_ECH_GREASE);
#else
        die("this OpenSSL has no ECH");
#endif
    }
    set_lists(ctx);
    set_files(ctx);
    return ctx;
}

static void
set_alpn(SSL *ssl)
{
    unsigned char wire[256];
    size_t n = 0;

    for (const char *p = opt.alpn; *p != '\0';) {
        size_t len = strcspn(p, ",");

        if (len == 0 || n + 1 + len > sizeof(wire)) {
            die("alpn");
        }
        wire[n] = (unsigned char)len;
        memcpy(wire + n + 1, p, len);
        n += 1 + len;
        p += len + (p[len] == ',');
    }
    if (SSL_set_alpn_protos(ssl, wire, (unsigned)n) != 0) {
        die("alpn");
    }
}

static void
set_ech(SSL *ssl)
{
#ifdef HAVE_ECH
    if (SSL_set1_ech_config_list(ssl, (const uint8_t *)opt.ech, strlen(opt.ech)) != 1) {
        die("ech");
    }
    if (opt.ech_outer != NULL && SSL_ech_set1_outer_server_name(ssl, opt.ech_outer, 0) != 1) {
        die("ech-outer");
    }
#else
    (void)ssl;
    die("this OpenSSL has no ECH");
#endif
}

SSL *
make_connection(SSL_CTX *ctx, int fd)
{
    SSL *ssl = SSL_new(ctx);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        die("connection");
    }
    if (opt.sni != NULL && SSL_set_tlsext_host_name(ssl, opt.sni) != 1) {
        die("sni");
    }
    if (opt.ca != NULL && opt.sni != NULL &&
        X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), opt.sni, 0) != 1) {
        die("verify name");
    }
    if (opt.status) {
        SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
    }
    if (opt.alpn != NULL) {
        set_alpn(ssl);
    }
    if (opt.ech != NULL) {
        set_ech(ssl);
    }
    if (opt.session_in != NULL) {
        FILE *file = fopen(opt.session_in, "r");
        SSL_SESSION *session = file != NULL ? PEM_read_SSL_SESSION(file, NULL, NULL, NULL) : NULL;

        if (session == NULL || SSL_set_session(ssl, session) != 1) {
            die("session-in");
        }
        SSL_SESSION_free(session);
        fclose(file);
    }
    return ssl;
}

int
connect_to(const char *target)
{
    char host[256];
    const char *colon = strrchr(target, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    if (colon == NULL || (size_t)(colon - target) >= sizeof(host)) {
        die("target");
    }
    memcpy(host, target, (size_t)(colon - target));
    host[colon - target] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        die("target");
    }
    int fd = socket(found->ai_family, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        die("connect");
    }
    freeaddrinfo(found);
    return fd;
}
