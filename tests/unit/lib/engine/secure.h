// SPDX-License-Identifier: MIT
#pragma once
/*
 * What the tests of TLS share: certificates made on the spot, and a client on OpenSSL itself. It
 * verifies nothing: which certificate came is for the test to look at.
 */
#include "traffic.h"

#include <openssl/ssl.h>

/* ---- a folder with certificates ---- */

struct keys {
    char dir[64];
    char cert[8][128]; /* of each secure_make(), in order */
    char key[8][128];
    unsigned n;
};

void keys_init(struct keys *k);
void keys_fini(struct keys *k);

/* A self-signed certificate for up to two names; the second may be NULL. Returns its number. */
unsigned keys_make(struct keys *k, const char *name, const char *other);

/* The same by OpenSSL itself, fit for a client: CN=`subject`, valid for TLS clients, its own
 * authority. */
unsigned keys_make_client(struct keys *k, const char *subject);

/* And one with an RSA key, for a server of that name. */
unsigned keys_make_rsa(struct keys *k, const char *name);

/* A file with that text. */
unsigned keys_make_text(struct keys *k, const char *text);

/* ---- configuration ---- */

struct secure {
    struct keys keys;
    struct joist_tls_conf tls;
    struct joist_cert_conf certs[8];
    const char *hosts[8];
};

/* Listener 0 of `s` speaks TLS; certs get added by secure_cert(). */
void secure_init(struct secure *t, struct setup *s);
void secure_use(struct secure *t, struct setup *s); /* again, for another configuration */
void secure_fini(struct secure *t);

/* The certificate number `key` of the folder stands for `host`. */
void secure_cert(struct secure *t, struct setup *s, const char *host, unsigned key);

/* ---- the client ---- */

struct secure_ask {
    const char *sni;
    SSL_SESSION *session; /* offered; may be NULL */
    const char *early;    /* sent as early data; needs a session that allows it */
    const char *cert;     /* the client's own */
    const char *key;
    bool grease; /* ECH with a key that nobody has (RFC 9849 6.2) */
};

struct secure_client {
    struct client c;
    SSL_CTX *ctx;
    SSL *ssl;
    SSL_SESSION *session; /* the newest ticket */
    char subject[256];    /* of the server's certificate */
};

/* Connect and shake hands: 0, or -1 if the handshake failed. Close it in any case. */
int secure_connect(struct secure_client *c, uint16_t port, const struct secure_ask *ask);

/* Shake hands on a connection that is open; must work. Takes it. */
void secure_adopt(struct secure_client *c, struct client *take, const char *sni);
void secure_close(struct secure_client *c);

/* GET with that Host, and more header lines (each with CRLF; may be ""). */
void secure_get(struct secure_client *c, struct reply *r, const char *host, const char *path,
                const char *lines);
