// SPDX-License-Identifier: MIT
#pragma once
/*
 * Response filter: set or remove header fields of every final response.
 *
 * Owner:   lives in the stream's arena; `set` is borrowed for the stream's life.
 * Threads: the reactor's.
 */
#include "http/stream.h"

/** `set`: value "" removes a field, anything else replaces it. */
struct jst_header_set {
    const struct jst_field *v;
    size_t n;
};

/** Put the filter between the handlers and s->response. JOIST_E_NOMEM. */
int jst_set_headers_insert(struct jst_stream *s, const struct jst_header_set *set);
