// SPDX-License-Identifier: MIT
#pragma once
/*
 * HTTP/1.1, the origin's side: one connection, one call at a time (RFC 9112).
 *
 * Job:     print requests, read responses under credit, keep the connection while that is safe.
 * Not:     it picks no origin and decides no retry; upstream/ does.
 * Flow:    open -> (connected) -> start(call) -> head to conn->out -> on_response->head/data/end ->
 *          on_idle -> start(next) ... -> on_gone.
 * Owner:   frees itself after its connection is closed; on_gone is the last that the pool hears.
 * Threads: the reactor's.
 * Limits:  JST_RESPONSE_HEAD_BYTES_MAX, JST_RESPONSE_FIELDS_MAX, JST_INTERIM_MAX; times come from
 *          each call; bytes that were read beyond a call's credit: at most one read buffer.
 * Start:   h1_client_read.c: jst_h1c_pump(), take(); h1_client_call.c: jst_h1c_start().
 *
 * Phases:
 *   phase     bytes            end of stream        our timer            next
 *   IDLE      gone             gone                 keepalive -> gone    HEAD by start()
 *   HEAD      interim, final   fail (maybe retry)   response -> fail     BODY, TUNNEL
 *   BODY      data             end, or fail         idle -> fail         IDLE, GONE
 *   TUNNEL    data             end (half-close)     none                 FLUSH, GONE
 *   FLUSH     –                –                    idle -> gone         GONE
 *   GONE      –                –                    –                    freed
 */
#include "http/client.h"
#include "wire/conn.h"

/** HTTP/1.1, plain; with TLS only where a PROXY header goes ahead of it: a connection of one call.
 */
jst_client_open_f jst_h1_client_open;

/** Go on with a connection (moved, see jst_conn_move()) that is open, after a TLS handshake.
 *  JOIST_E_NOMEM, JOIST_E_LIMIT: `conn` stays the caller's. */
int jst_h1_client_adopt(struct jst_client **out, struct jst_local *local, struct jst_conn *conn,
                        uint64_t keepalive_ms, const struct jst_client_events *ev, void *ev_ctx);
