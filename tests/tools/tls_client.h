// SPDX-License-Identifier: MIT
#pragma once
/*
 * The parts of tls_client: what it was asked for, what it says, how it is set up.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdlib.h>

#if OPENSSL_VERSION_NUMBER >= 0x40000000L && !defined(OPENSSL_NO_ECH)
#include <openssl/ech.h>
#define HAVE_ECH 1
#endif

struct options {
    const char *target; /* host:port */
    const char *sni;
    const char *alpn; /* "h2,http/1.1" */
    const char *groups;
    const char *sigalgs;
    const char *ciphers;
    const char *suites;
    const char *min;
    const char *max;
    const char *ca; /* verify by it; NULL: do not verify */
    const char *cert;
    const char *key;
    const char *session_in;
    const char *session_out;
    const char *ech;       /* base64 of an ECHConfigList */
    const char *ech_outer; /* instead of the list's public name */
    bool grease;
    bool early;      /* send standard input as early data */
    bool status;     /* ask for a staple */
    bool no_tickets; /* TLS 1.2 without the ticket extension */
    bool end_after;  /* leave at the end of standard input instead of the peer's */
};

extern struct options opt;

/* -- tls_facts.c: JSON lines on standard error -- */

void facts_end(const char *how);             /* the peer's end, or that sending failed */
void facts_handshake(SSL *ssl);              /* what was agreed on */
_Noreturn void facts_no_handshake(SSL *ssl); /* why not; exits with 1 */
_Noreturn void die(const char *what);        /* this tool's own failure; exits with 1 */
void on_info(const SSL *ssl, int where, int value);
int on_session(SSL *ssl, SSL_SESSION *session);

/* -- tls_setup.c: by `opt`; die() where it cannot be -- */

SSL_CTX *make_context(void);
SSL *make_connection(SSL_CTX *ctx, int fd);
int connect_to(const char *target);
