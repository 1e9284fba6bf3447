// SPDX-License-Identifier: MIT
#pragma once
/*
 * HTTP/2, the origin's side (RFC 9113), on nghttp2: many calls on one connection.
 *
 * Job:     a struct jst_client whose calls_max follows the origin's SETTINGS; calls to streams and
 *          back; windows follow credit; an upgrade call becomes an extended CONNECT (RFC 8441) if
 *          the origin takes it (else JOIST_E_UNSUPPORTED); GOAWAY lets what it covers end and loses
 *          the rest to the pool, marked `unprocessed`.
 * Not:     it opens nothing itself: dial.c does.
 * Flow:    jst_h2_client_adopt() -> ops->start() -> frames -> on_response; on_idle, on_room, and at
 *          the end on_gone.
 * Owner:   frees itself after the connection is closed.
 * Threads: the reactor's.
 * Limits:  bounds.h JST_H2C_*, JST_H2_FLOOD_*, and those of responses that HTTP/1.1 has.
 * Why:     a failed call says nothing of the connection: it is reset alone, and the others go on.
 *          Only when nothing at all has come is the connection doubted (a PING), then cut.
 * Start:   h2_client_request.c: jst_h2c_start(); h2_client_io.c: the flush and the reads;
 *          h2_client_frames.c: what nghttp2 tells; h2_client_response.c: what comes of it.
 */
#include "http/client.h"
#include "wire/tls.h"

/** Go on with a connection (moved, see jst_conn_move()) that is open. `ev` may be called from the
 *  loop only. JOIST_E_NOMEM, JOIST_E_LIMIT: `conn` stays the caller's. */
int jst_h2_client_adopt(struct jst_client **out, struct jst_local *local, struct jst_conn *conn,
                        uint64_t keepalive_ms, const struct jst_client_events *ev, void *ev_ctx);
