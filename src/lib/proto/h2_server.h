// SPDX-License-Identifier: MIT
#pragma once
/*
 * HTTP/2, the client's side (RFC 9113), on nghttp2: many streams of one connection, each a
 * struct jst_stream like those of HTTP/1.1.
 *
 * Job:     frames to streams and back; windows follow credit; priorities (RFC 9218); extended
 *          CONNECT (RFC 8441) becomes a request with `upgrade`; floods end the connection.
 * Not:     no routing, no handlers; no TLS: it is given a connection that is open.
 * Flow:    jst_h2_server_adopt() -> on_readable -> nghttp2 -> svc->on_request() -> response sink ->
 *          frames -> conn -> svc->on_done(); GOAWAY at the end.
 * Owner:   frees itself after the connection is closed; on_gone is its last word.
 * Threads: the reactor's.
 * Limits:  bounds.h JST_H2_*, limits.h2_streams, and those of HTTP/1.1 that have a meaning here.
 */
#include "proto/server.h"

/** Go on with an open connection as HTTP/2. `first`: bytes read already (the preface among them),
 * or empty. `peer` is copied. JOIST_E_NOMEM, JOIST_E_LIMIT: `conn` stays the caller's. */
int jst_h2_server_adopt(struct jst_server_owner *owner, struct jst_conn *conn,
                        const struct jst_peer *peer, struct jst_slice first);

/** Take over an accepted socket, plain, on which nothing but HTTP/2 is spoken. As above, but the
 *  descriptor stays the caller's on an error. */
int jst_h2_server_open(struct jst_server_owner *owner, int fd, const struct jst_peer *peer);

void jst_h2_server_drain_all(struct jst_list *conns, int listener);
void jst_h2_server_close_all(struct jst_list *conns, int listener);
void jst_h2_server_close_tunnels(struct jst_list *conns, int listener);
