// SPDX-License-Identifier: MIT
#pragma once
/*
 * What happens to a request between its protocol and its handler.
 */
#include "engine/reactor.h"

/** jst_service.on_request: choose the route, check limits, put filters in place, serve. */
void jst_request_begin(struct jst_service *svc, struct jst_stream *s);

/** jst_service.on_done: write the access log, let the generation go. */
void jst_request_done(struct jst_service *svc, struct jst_stream *s);

/** For the proxy handler: this reactor's side of a pool of the request's generation. */
struct jst_upool *jst_request_upool(const struct jst_stream *s, size_t pool);
