// SPDX-License-Identifier: MIT
#pragma once
/*
 * TLS under the same jst_conn: contexts made from a configuration, connections that encrypt.
 *
 * Job:     OpenSSL's one place. Certificates by name, tickets, ECH, ALPN, verification.
 * Not:     it never says HTTP; it opens no sockets.
 * Flow:    jst_tls_certs_create() -> jst_tls_server_create() for each listener -> jst_conn_open()
 *          -> jst_tls_accept() -> handshake -> ev->on_connected -> jst_conn_read()/write() as ever.
 *          Origins: jst_tls_client_create() -> jst_conn_connect() -> jst_tls_connect().
 * Owner:   contexts are counted; a connection holds what it needs of them, so a snapshot may go
 *          while connections that began with it live.
 * Threads: contexts are immutable after create and shared by all reactors; struct jst_tls_tickets
 *          has one lock (docs/ARCHITECTURE.md); a connection belongs to its reactor.
 * Limits:  a handshake message is bounded by OpenSSL; a record by RFC 8446 5.1; the time of a
 *          handshake by whoever holds the connection (the header timeout).
 * Start:   tls_conn.c: the layer under jst_conn; tls_server.c; tls_client.c; tls_ech.c
 */
#include "codec/tls_info.h"
#include "wire/conn.h"

#include <joist/conf.h>

struct jst_tls_certs;   /* certificates by name; shared by the listeners of a snapshot */
struct jst_tls_server;  /* one listener's context */
struct jst_tls_client;  /* one origin's context */
struct jst_tls_tickets; /* keys of session tickets; outlives snapshots */
struct jst_tls_session; /* what resumes a connection to an origin */

/** Told of each thing that is wrong with a configuration. `pos` may be NULL. */
struct jst_tls_report {
    void (*fn)(struct jst_tls_report *r, enum joist_log_level level, int code,
               const struct joist_pos *pos, const char *text);
};

/* ---- certificates ---- */

/**
 * Load. Each of these is an error that names the site and file: unreadable, not PEM, key that does
 * not match, unsupported key. Expired, not yet valid, names that the certificate does not cover, a
 * chain that does not link (missing intermediate) are warnings. `now_s`: wall clock.
 * JOIST_E_INVAL (after reporting all), JOIST_E_NOMEM.
 */
int jst_tls_certs_create(struct jst_tls_certs **out, const struct joist_cert_conf *v, size_t n,
                         int64_t now_s, struct jst_tls_report *r);
void jst_tls_certs_unref(struct jst_tls_certs **take);

/* ---- tickets ---- */

/** Random keys; rotated by whoever asks after JST_TLS_TICKET_ROTATE_S; the two before still open
 *  tickets. JOIST_E_NOMEM, JOIST_E_IO (no random bytes). */
int jst_tls_tickets_create(struct jst_tls_tickets **out);
void jst_tls_tickets_destroy(struct jst_tls_tickets **take);

/* ---- server ---- */

struct jst_tls_server_conf {
    const struct joist_tls_conf *tls;
    struct jst_tls_certs *certs;     /* counted; may be NULL */
    struct jst_tls_tickets *tickets; /* borrowed: outlives every connection */
    const struct joist_ech_key_conf *ech_keys;
    size_t ech_keys_n;
    struct jst_slice plain_answer; /* static: sent as it is to who asks without TLS, in clear text
                                      that OpenSSL knows for a request; empty: nothing */
    bool h1;
    bool h2;
    int64_t now_s;
};

/** JOIST_E_INVAL (after reporting all), JOIST_E_NOMEM; JOIST_E_UNSUPPORTED: this OpenSSL knows no
 *  ECH and keys were given. */
int jst_tls_server_create(struct jst_tls_server **out, const struct jst_tls_server_conf *conf,
                          struct jst_tls_report *r);
struct jst_tls_server *jst_tls_server_ref(struct jst_tls_server *s);
void jst_tls_server_unref(struct jst_tls_server **take);

/** Would both names (lower case, no port) be served with the same certificate: each by its exact
 *  name, else one-label wildcard, else the default? No allocation. */
bool jst_tls_server_same_cert(const struct jst_tls_server *s, struct jst_slice a,
                              struct jst_slice b);

/** Would a handshake that asks for `name` (lower case) get a certificate? No only where unknown
 * names are refused. */
bool jst_tls_server_takes(const struct jst_tls_server *s, struct jst_slice name);

/**
 * Right after jst_conn_open(): speak TLS on `c`. on_connected comes when the handshake is complete
 * (with 0-RTT: when early data may be read), or on_failed with JOIST_E_TLS, JOIST_E_CERT (client's
 * certificate), JOIST_E_CLOSED, JOIST_E_RESET. on_readable comes only after it.
 * JOIST_E_NOMEM: `c` stays plain; close it.
 */
int jst_tls_accept(struct jst_conn *c, struct jst_tls_server *s);

/** Has anything of the peer's been read yet? What the kernel still holds is not looked at. */
bool jst_tls_has_read(const struct jst_conn *c);

/* ---- client ---- */

struct jst_tls_client_conf {
    const struct joist_target_tls_conf *tls; /* may be NULL */
    struct jst_slice host; /* the URL's: name or address literal (without brackets) */
    bool h1;
    bool h2;
    const struct joist_pos *pos; /* for reports; may be NULL */
};

/** Files are read here. JOIST_E_INVAL (reported), JOIST_E_NOMEM. */
int jst_tls_client_create(struct jst_tls_client **out, const struct jst_tls_client_conf *conf,
                          struct jst_tls_report *r);
struct jst_tls_client *jst_tls_client_ref(struct jst_tls_client *t);
void jst_tls_client_unref(struct jst_tls_client **take);

/**
 * Right after jst_conn_connect(): TLS begins when the socket is connected; on_connected comes when
 * the handshake is complete. `session`: a place of the caller's (the reactor's live target), which
 * must outlive `c` or be taken away with jst_tls_forget_session(); what is in it is offered, and
 * newer ones are put there. May be NULL. Failures: on_failed with JOIST_E_CERT (not verified; see
 * jst_tls_error()) or JOIST_E_TLS. JOIST_E_NOMEM: close `c`. What is in c->out already goes ahead
 * of the handshake, in the clear.
 */
int jst_tls_connect(struct jst_conn *c, struct jst_tls_client *t, struct jst_tls_session **session);
void jst_tls_forget_session(struct jst_conn *c);
void jst_tls_session_free(struct jst_tls_session **take);

/* ---- both ---- */

/** NULL: plain, or the handshake is not over. Lives with the connection (moves with it). */
const struct jst_tls_info *jst_tls_info(const struct jst_conn *c);

/** After on_failed: what was wrong, in words ("certificate has expired (api.internal)"); lives
 * until the connection is closed. Empty: nothing known. */
struct jst_slice jst_tls_error(const struct jst_conn *c);

/** SHA-1, for the handshake of WebSocket (RFC 6455 4.2.2) alone. JOIST_E_NOMEM. */
int jst_tls_sha1(unsigned char out[20], struct jst_slice in);
