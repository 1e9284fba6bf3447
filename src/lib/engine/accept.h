// SPDX-License-Identifier: MIT
#pragma once
/*
 * A reactor's listening sockets: take connections, refuse what is too many, stop.
 *
 * Owner:   the reactor's acceptors. Threads: init on the creator's, the rest on the reactor's.
 * Limits:  conns_max and conns_per_ip; JST_ACCEPT_BATCH connections before others get their turn.
 */
#include "engine/reactor.h"

/** One acceptor for each listener of the engine. JOIST_E_NOMEM. */
int jst_accept_init(struct jst_reactor *r, size_t number);

/** Watch them. JOIST_E_NOMEM, JOIST_E_LIMIT. */
int jst_accept_start(struct jst_reactor *r);

/** Look away for good. `serve_queue`: first take those who wait already. */
void jst_accept_stop(struct jst_reactor *r, bool serve_queue);
/** From one listener alone; who waits in its queue is served. */
void jst_accept_stop_one(struct jst_reactor *r, size_t listener);

/** After descriptors had run out: look again. */
void jst_accept_on_timer(struct jst_timer *t);

/** A PROXY header has named the client: count it in. JOIST_E_LIMIT (told), JOIST_E_NOMEM. */
int jst_accept_source(struct jst_reactor *r, struct jst_peer *peer);

/** A connection that was admitted is over. */
void jst_accept_dismiss(struct jst_reactor *r, const struct jst_peer *peer);
