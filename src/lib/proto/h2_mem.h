// SPDX-License-Identifier: MIT
#pragma once
/*
 * nghttp2's memory, known block by block: so that a session which ran out of it can be given up
 * without nghttp2_session_del(), which then may free some blocks twice (seen with 1.52).
 *
 * A thread keeps some small blocks for the next stream: nghttp2 takes and gives the same few sizes
 * for each one.
 *
 * Owner:   whoever owns the session embeds it; blocks die one by one, or all with jst_h2_mem_end().
 * Threads: the session's.
 */
#include "base/list.h"

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

struct jst_h2_mem {
    nghttp2_mem calls; /* for nghttp2_session_*_new3() */
    struct jst_list blocks;
    bool failed; /* an allocation did: the session must not go on */
};

/** Stays where it is from here on. */
void jst_h2_mem_init(struct jst_h2_mem *m);

/** The session's end. NULL: there is none (a failed create); what is left of it is freed. */
void jst_h2_mem_end(struct jst_h2_mem *m, nghttp2_session *ng);

/** Give back what this thread keeps (a reactor's last act). */
void jst_h2_mem_thread_fini(void);
