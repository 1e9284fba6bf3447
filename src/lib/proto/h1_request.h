// SPDX-License-Identifier: MIT
#pragma once
/*
 * From the bytes of a request head to a stream's request.
 */
#include "http/stream.h"

/**
 * Copy `head` (complete) into the stream's arena, parse it, fill s->req. `h` is the caller's
 * scratch; its slices live as long as the stream.
 * Returns 0, or the status to refuse the request with; counters and log are taken care of, and
 * s->req holds what was understood, for the access log.
 */
uint16_t jst_h1_read_request(struct jst_stream *s, struct jst_h1_head *h, struct jst_slice head,
                             const struct joist_limits_conf *limits);
