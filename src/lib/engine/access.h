// SPDX-License-Identifier: MIT
#pragma once
/*
 * The access record of a finished request.
 *
 * Threads: the reactor's; the record is copied into its ring.
 */
#include "engine/reactor.h"

void jst_access_log(struct jst_reactor *r, const struct jst_stream *s);
