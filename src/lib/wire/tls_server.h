// SPDX-License-Identifier: MIT
#pragma once
/*
 * Private to wire/tls*: one listener's context.
 *
 * Job:     one SSL_CTX whatever the number of certificates; the callbacks of a handshake choose.
 * Owner:   counted: the snapshot holds it, and each connection.
 * Threads: immutable after create.
 */
#include "wire/tls_certs.h"

struct jst_tls_server {
    uint32_t refs; /* atomic */
    /* owned */
    SSL_CTX *ctx;
    struct jst_tls_certs *certs; /* counted; may be NULL */
    struct jst_tls_pair *pairs;  /* of the listener itself */
    size_t pairs_n;
    /* borrowed */
    struct jst_tls_tickets *tickets;
    struct jst_slice plain_answer; /* static */
    /* plain */
    struct jst_tls_site fallback; /* the default: its certificates are the context's own */
    bool h1;
    bool h2;
    bool early;
    bool ech;
    bool client_auth;
    bool reject_unknown_sni;
};

/* ---- tls_hello.c: the callbacks of a handshake ---- */
void jst_tls_set_callbacks(struct jst_tls_server *s);

/** Whose certificates does this name get? `*unknown`: nobody's, so the default's. */
const struct jst_tls_site *jst_tls_server_find(const struct jst_tls_server *s,
                                               struct jst_slice name, bool *unknown);

/* ---- tls_ech.c ---- */
/** JOIST_E_INVAL (reported), JOIST_E_UNSUPPORTED, JOIST_E_NOMEM. */
int jst_tls_ech_load(SSL_CTX *ctx, const struct joist_ech_key_conf *v, size_t n,
                     struct jst_tls_report *r);
/** After the handshake: did ECH succeed, was it tried in vain? */
void jst_tls_ech_status(SSL *ssl, bool *ok, bool *failed);

/* ---- tls_policy.c: what every context obeys ---- */
extern const char jst_tls_groups_server[];
extern const char jst_tls_groups_client[];
/** Versions, suites, options of both sides. JOIST_E_NOMEM. */
int jst_tls_set_policy(SSL_CTX *ctx, unsigned min_version);
/* False: a group that OpenSSL does not know, or no memory. */
bool jst_tls_set_groups(SSL_CTX *ctx, const char *list);
