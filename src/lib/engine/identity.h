// SPDX-License-Identifier: MIT
#pragma once
/*
 * Who asks: the client's address behind trusted proxies, its certificate, the request's identifier;
 * and what nobody may claim about these.
 *
 * Owner:   texts live in the stream's arena.
 * Threads: the reactor's.
 */
#include "engine/reactor.h"

/** Before routing. Where the listener asks for client certificates: put X-Client-Verify, -Subject
 * and -Fingerprint into the request's fields. The same names from the client itself are erased; a
 *  trusted proxy's stay, unless the listener asks. JOIST_E_NOMEM: the request must not go on. */
int jst_identify_certificate(struct jst_stream *s, const struct jst_front *front);

/** For logs and origins: fill s->client_ip and s->request_id, drop what the peer must not say. */
void jst_identify(struct jst_stream *s);

/** Append to the request's fields, which grow as needed. The bytes are borrowed. JOIST_E_NOMEM. */
int jst_identity_add(struct jst_stream *s, struct jst_slice name, struct jst_slice value);
