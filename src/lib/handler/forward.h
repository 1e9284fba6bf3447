// SPDX-License-Identifier: MIT
#pragma once
/*
 * Which header fields cross the proxy, and which are added on the way.
 *
 * Job:     X-Forwarded-*, Forwarded (RFC 7239), Via, X-Request-Id, Max-Forwards, Upgrade.
 * Not:     trust: what an untrusted peer claims was dropped before (engine/). Hop-by-hop fields
 *          were dropped by the parser.
 * Owner:   results live in the stream's arena.
 */
#include "http/stream.h"

/** Drop what is replaced and print what is added, each line with CRLF. JOIST_E_NOMEM. */
int jst_forward_request(struct jst_slice *extra, struct jst_stream *s, bool via);

/** May the origin be asked to switch to what the client asks for? Not to h2c: a tunnel of requests
 *  that nobody looks at. */
bool jst_forward_upgrade(const struct jst_head *req);

/** RFC 9110 7.6.2: answer TRACE and OPTIONS here that may go no further. True if it was done. */
bool jst_forward_is_last(struct jst_stream *s);

/** The Via field of a message received as HTTP/major.minor. */
struct jst_slice jst_forward_via(uint8_t major, uint8_t minor);
