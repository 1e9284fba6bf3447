// SPDX-License-Identifier: MIT
#pragma once
/*
 * A request's host and path as routing sees them: the same for every protocol version.
 *
 * Job:     one spelling of host and path, one way to count and log a refusal.
 * Flow:    h1_request.c, h2_request.c -> these -> s->req.
 * Owner:   what needs other bytes than the client's lives in the stream's arena.
 * Threads: the reactor's.
 */
#include "http/stream.h"

/** `host` (without port and trailing dot, in any case) into s->req.host. JOIST_E_NOMEM. */
int jst_request_set_host(struct jst_stream *s, struct jst_slice host);

/** `raw` (from '/' to before '?', or "*") into s->req.raw_path and path. JOIST_E_PROTO (it cannot
 *  be normalized), JOIST_E_NOMEM. */
int jst_request_set_path(struct jst_stream *s, struct jst_slice raw);

/** Count and log; returns the status to answer. */
uint16_t jst_request_refuse(struct jst_stream *s, enum jst_h1_err why);
