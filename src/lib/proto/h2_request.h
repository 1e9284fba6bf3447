// SPDX-License-Identifier: MIT
#pragma once
/*
 * From a header block of HTTP/2 to a stream's request (RFC 9113 8.3.1, RFC 8441).
 */
#include "http/stream.h"
#include "proto/h2_fields.h"

/**
 * Fill s->req from `b`, which is complete. `end_stream`: no body follows.
 * Returns 0, or the status to refuse the request with; counters and log are taken care of, and
 * s->req holds what was understood, for the access log.
 */
uint16_t jst_h2_read_request(struct jst_stream *s, struct jst_h2_block *b, bool end_stream,
                             const struct joist_limits_conf *limits);
