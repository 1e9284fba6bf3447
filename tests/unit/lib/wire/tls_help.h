// SPDX-License-Identifier: MIT
#pragma once
/*
 * What the tests of wire/tls share: certificates made in a folder of their own, and a server and a
 * client connection of ours on one loop, joined by a socket pair.
 */
#include "wire/tls.h"

#include <openssl/ssl.h>
#if __has_include(<openssl/ech.h>)
#include <openssl/ech.h>
#endif

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum help_key { HELP_EC, HELP_RSA, HELP_ED };

struct help_spec {
    const char *name;      /* of the files and the subject */
    const char *san;       /* "DNS:a.example,IP:127.0.0.1"; NULL: none */
    const char *responder; /* URL of OCSP; NULL: none */
    const char *issuer;    /* name of one made before; NULL: self-signed */
    enum help_key key;
    bool is_ca;
    long from_s; /* from now */
    long until_s;
};

/* Makes <name>.pem and <name>.key (and returns the path of the first). */
void help_make(const struct help_spec *spec);
/* The usual: valid for a day, EC. */
void help_make_leaf(const char *name, const char *san, const char *issuer);
void help_make_ca(const char *name);
/* A path in the folder: "name.suffix". Good until some calls later. */
const char *help_path(const char *name, const char *suffix);
void help_write(const char *path, const char *text, size_t n);
/* An ECH key file for a public name; `retry` of its configurations are printed into `list` as an
 * ECHConfigList (binary), if not NULL. */
size_t help_make_ech(const char *name, const char *public_name, unsigned char *list, size_t cap);

/* ---- two ends ---- */

struct help_end {
    struct jst_conn conn; /* first */
    unsigned readable;
    unsigned connected;
    unsigned failed;
    unsigned closed;
    int why;
    int end; /* what the last read said, if not bytes */
    size_t sent;
    char error[256];
    bool hungry; /* reads all it can in on_readable */
    size_t take; /* ... at most so many at once; 0: 64 KiB */
    size_t got;
    char *in; /* what was read, if `in_cap` has room */
    size_t in_cap;
    bool early_seen;          /* some of it was read as 0-RTT data */
    struct help_end *move_to; /* on_connected: go on there */
    const struct jst_conn_events *move_ev;
};

extern struct jst_loop *help_loop;
extern const struct jst_conn_events help_events;

/* Group set-up and tear-down: the folder, the loop. */
int help_begin(void **state);
int help_finish(void **state);
void help_turns(int n);
/* Turns until `*flag` is not 0; fails after a bounded number. */
void help_until(const unsigned *flag);

void help_pair(int fds[2], int buffer_bytes);
/* Opens both on a socket pair; the TLS begins with the first turn. */
void help_open_server(struct help_end *e, int fd, struct jst_tls_server *s);
void help_open_client(struct help_end *e, int fd, struct jst_tls_client *t,
                      struct jst_tls_session **slot);
void help_close(struct help_end *e);
void help_say(struct help_end *e, const char *p, size_t n);

/* ---- contexts ---- */

/* The last report's text and how many there were. */
struct help_report {
    struct jst_tls_report r; /* first */
    unsigned errors;
    unsigned warnings;
    char text[512];
    unsigned line;
};
void help_report_init(struct help_report *r);

/* A server with one certificate <name>. */
struct jst_tls_server *help_server(const char *name, struct jst_tls_tickets *tickets);
struct jst_tls_server *help_server_of(struct jst_tls_server_conf *conf);
/* A client that trusts <ca> and asks for `host`. */
struct jst_tls_client *help_client(const char *ca, const char *host);

/* ---- both together, and a bare OpenSSL client ---- */

/* Opens both, turns until each is connected or has failed. */
void help_shake(struct help_end *s, struct help_end *c, struct jst_tls_server *server,
                struct jst_tls_client *client, struct jst_tls_session **slot);

/* A bare client on `fd` (which stays the caller's) that verifies nothing. */
SSL_CTX *help_raw_ctx(void);
SSL *help_raw(SSL_CTX *ctx, int fd, const char *sni);
/* SSL_connect() with turns of the loop between; 1, or the SSL_get_error() negated. */
int help_raw_connect(SSL *ssl);
/* SSL_read() likewise: the count, or the SSL_get_error() negated. */
int help_raw_read(SSL *ssl, char *out, int cap);
