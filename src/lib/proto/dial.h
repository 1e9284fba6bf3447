// SPDX-License-Identifier: MIT
#pragma once
/*
 * Connections to origins: connect, TLS, and the protocol's client on top.
 *
 * Flow:    plain HTTP/1.1: jst_h1_client_open() as it is. Else: connect (and shake hands) as a
 *          client that takes no call yet (base.dial) -> HTTP/1.1 or HTTP/2 client on the same
 *          connection -> ev->on_opened(), or on_gone() with what failed in base.error.
 * Owner:   like any client's: the pool's until on_gone or on_opened.
 * Threads: the reactor's.
 * Limits:  connect_ms, for connect and handshake together.
 */
#include "http/client.h"

jst_client_open_f jst_dial;
