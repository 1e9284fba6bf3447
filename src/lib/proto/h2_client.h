// SPDX-License-Identifier: MIT
#pragma once
/*
 * HTTP/2, the origin's side (RFC 9113), on nghttp2: many calls on one connection.
 *
 * Job:     a struct jst_client whose calls_max follows the origin's SETTINGS; calls to streams and
 *          back; windows follow credit; an upgrade call becomes an extended CONNECT (RFC 8441) where
 *          the origin takes it; GOAWAY lets what it covers end and loses the rest to the pool, which
 *          may start it again.
 * Not:     it opens nothing itself: dial.c does.
 * Flow:    jst_h2_client_adopt() -> ops->start() -> frames -> on_response; on_idle, on_room, on_gone.
 * Owner:   frees itself after the connection is closed.
 * Threads: the reactor's.
 * Limits:  bounds.h JST_H2C_*.
 */
#include "http/client.h"
#include "wire/tls.h"

/** Go on with a connection (moved, see jst_conn_move()) that is open, or still connecting. `ev` may
 *  be called from the loop only. JOIST_E_NOMEM, JOIST_E_LIMIT: `conn` stays the caller's. */
int jst_h2_client_adopt(struct jst_client **out, struct jst_local *local, struct jst_conn *conn,
                        uint64_t keepalive_ms, const struct jst_client_events *ev, void *ev_ctx);
