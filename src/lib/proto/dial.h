// SPDX-License-Identifier: MIT
#pragma once
/*
 * Connections to origins: connect, TLS, and the protocol's client on top.
 *
 * Flow:    plain h1: jst_h1_client_open() as it is. Else: connect (and shake hands) as a client that
 *          holds one call back -> h1 or h2 client on the same connection -> ev->on_opened() -> the
 *          call is started on it.
 * Owner:   like any client's: the pool's until on_gone or on_opened.
 * Threads: the reactor's.
 */
#include "http/client.h"

jst_client_open_f jst_dial;
