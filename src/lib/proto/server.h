// SPDX-License-Identifier: MIT
#pragma once
/*
 * Client connections of any protocol: what they share, and how one begins.
 *
 * Job:     take an accepted socket, read its PROXY header if one is due, speak TLS on it if the
 *          listener does, and give the connection to the protocol that was agreed on (ALPN), or
 *          that its first bytes show.
 * Flow:    accept -> jst_server_open() -> [PROXY header ->] h1 | TLS handshake -> h1 or h2 ->
 *          on_gone.
 * Owner:   each connection frees itself after it is closed; on_gone is its last word.
 * Threads: the reactor's.
 * Limits:  header and handshake together: the header timeout.
 */
#include "base/list.h"
#include "http/stream.h"
#include "wire/tls.h"

/** What a reactor's connections obey; may be changed between turns (a swap), stays in place. */
struct jst_server_conf {
    struct joist_limits_conf limits;
    struct joist_timeouts_conf timeouts;
    struct jst_slice server_line; /* "Server: joist\r\n", or empty */
};

struct jst_server_owner {
    struct jst_service *svc;
    const struct jst_server_conf *conf;
    struct jst_local *local;
    struct jst_list *conns;      /* HTTP/1.1 connections link themselves here, */
    struct jst_list *h2_conns;   /* HTTP/2 ones here, */
    struct jst_list *handshakes; /* and those that have no protocol yet here */
    /** A PROXY header has come: peer->addr is the client's from now on. An error (JOIST_E_LIMIT:
     *  it has too many connections) closes the connection. May be NULL. */
    int (*on_source)(struct jst_server_owner *owner, struct jst_peer *peer);
    /** Its last word. Counters conns_open and conns_accepted are the protocol's; this is for what
     *  the engine counts. */
    void (*on_gone)(struct jst_server_owner *owner, const struct jst_peer *peer);
};

/** How a listener speaks. */
struct jst_server_how {
    struct jst_tls_server *tls; /* borrowed during the call; NULL: plain */
    unsigned proxy_versions; /* a PROXY header of these comes first (proxy_protocol.h); 0: none */
    bool h1;
    bool h2;
};

/** Take over an accepted socket. `peer` is copied (its tls is set after the handshake, its addr by
 *  a PROXY header); `owner` is borrowed until on_gone. JOIST_E_NOMEM, JOIST_E_LIMIT: then no
 * callback comes and the descriptor stays the caller's. */
int jst_server_open(struct jst_server_owner *owner, int fd, const struct jst_peer *peer,
                    const struct jst_server_how *how);

/** Close what is idle, end the rest with its current requests (h2: GOAWAY). Handshakes of which
 *  anything has come go on, and one request after them. */
void jst_server_drain_all(struct jst_server_owner *owner);

/** Cut all; and only tunnels (see enum joist_tunnel_policy). */
void jst_server_close_all(struct jst_server_owner *owner);
void jst_server_close_tunnels(struct jst_server_owner *owner);

/** The same for what came by one listener (peer.listener). */
void jst_server_drain_listener(struct jst_server_owner *owner, uint16_t listener);
void jst_server_close_listener(struct jst_server_owner *owner, uint16_t listener);
void jst_server_close_listener_tunnels(struct jst_server_owner *owner, uint16_t listener);

#define JST_ANY_LISTENER (-1)

/** Did it come by that listener, or is any meant? */
static inline bool
jst_server_is_of(const struct jst_peer *peer, int listener)
{
    return listener == JST_ANY_LISTENER || peer->listener == listener;
}
