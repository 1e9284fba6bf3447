// SPDX-License-Identifier: MIT
#pragma once
/*
 * HTTP/1.1, the client's side: a connection's requests, one after the other (RFC 9112).
 *
 * Job:     read heads, turn bodies into data under credit, print responses, keep or close.
 * Not:     no routing, no handlers: the service that it is given decides what a request means.
 * Flow:    accept -> jst_h1_server_open() -> on_readable -> parse -> svc->on_request() -> response
 *          sink -> conn->out -> svc->on_done() -> the next request, or on_gone.
 * Owner:   frees itself after the connection is closed; on_gone is its last word.
 * Threads: the reactor's.
 * Limits:  struct jst_server_conf; body limits come from the service with each stream.
 * Start:   h1_read.c: jst_h1_pump(), then h1_exchange.c: begin(), h1_response.c: response_head().
 */
#include "proto/server.h"

struct jst_h1_server;

/** Go on with an open connection (moved, see jst_conn_move()) as HTTP/1.1. `peer` is copied;
 * `owner` is borrowed until on_gone; `sniff_h2` as below. JOIST_E_NOMEM, JOIST_E_LIMIT: then no
 * callback comes and `conn` stays the caller's. */
int jst_h1_server_adopt(struct jst_server_owner *owner, struct jst_conn *conn,
                        const struct jst_peer *peer, bool sniff_h2);

/** Take over an accepted socket, plain. `peer` is copied; `owner` is borrowed until on_gone.
 *  `sniff_h2`: a connection that begins with the preface of HTTP/2 (RFC 9113 3.4) is handed to
 *  jst_h2_server_adopt().
 *  JOIST_E_NOMEM, JOIST_E_LIMIT: then no callback comes and the descriptor stays the caller's. */
int jst_h1_server_open(struct jst_server_owner *owner, int fd, const struct jst_peer *peer,
                       bool sniff_h2);

/** For each connection of owner->conns: close if idle, else after the current response. */
void jst_h1_server_drain_all(struct jst_list *conns, int listener);

/** Cut all. */
void jst_h1_server_close_all(struct jst_list *conns, int listener);

/** Cut tunnels (see enum joist_tunnel_policy). */
void jst_h1_server_close_tunnels(struct jst_list *conns, int listener);
