// SPDX-License-Identifier: MIT
#pragma once
/*
 * One connection to the first of several addresses that lets one in (RFC 8305, Happy Eyeballs).
 *
 * Job:     begin with the first address; with the next one when the one before has failed, or has
 *          not connected for `step_ms`; who connects first is the connection, the others are
 * closed. Not:     no order of its own, no names, no limit of time for all: who asks says when it
 * is over. Flow:    jst_conn_race() -> attempts -> on_address() for each that failed or was
 * overtaken and for the winner -> on_connected (or the TLS handshake), or on_failed with the last
 * error. Owner:   the connection, until somebody has won or it is closed. Threads: the loop's.
 * Limits:  JST_RACE_OPEN_MAX sockets at once: the oldest gives way. Without descriptors those that
 *          are under way go on alone, and the next address waits for its time.
 * Why:     the first attempt uses the connection's own socket, so that the usual case, where it
 *          wins, costs a timer and one piece of memory; a single address costs neither.
 */
#include "wire/conn.h"

/** v[order[0]] is tried first, then v[order[1]] ...; copied. */
struct jst_race_to {
    const struct jst_addr *v;
    const uint8_t *order;
    uint32_t n; /* 1.. */
    uint64_t step_ms;
};

/** As jst_conn_connect(), to the first of them that answers. ev->on_address may come before this
 *  returns, for those that fail at once. Returns an error only if nothing was started, that of the
 *  last one. */
int jst_conn_race(struct jst_conn *c, struct jst_loop *l, const struct jst_race_to *to,
                  const struct jst_conn_events *ev);
