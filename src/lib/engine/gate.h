// SPDX-License-Identifier: MIT
#pragma once
/*
 * What is answered before there is a route: methods that are not served, redirects to https, hosts
 * of another certificate, unsafe requests in early data.
 *
 * Flow:    request.c -> jst_gate_check() -> (jst_identify()) -> jst_gate_answer(), or on to
 *          routing.
 * Threads: the reactor's.
 */
#include "engine/reactor.h"

struct jst_gate {
    uint16_t status;     /* 0: go on */
    const char *why;     /* for X-Joist-Error; static */
    uint16_t https_port; /* where the redirect leads, with 301 */
};

/** Look; counts what it refuses. */
struct jst_gate jst_gate_check(const struct jst_stream *s, const struct jst_front *front);

/** Answer: nothing may follow. */
void jst_gate_answer(struct jst_stream *s, const struct jst_gate *gate);

/** The engine's own error pages, with X-Joist-Error where debugging is on. `extra` may be NULL, or
 *  has one field at most. */
void jst_refuse(struct jst_stream *s, uint16_t status, const char *why,
                const struct jst_field *extra);
