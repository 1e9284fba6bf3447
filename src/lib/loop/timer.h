// SPDX-License-Identifier: MIT
#pragma once
/*
 * The loop's timers: a binary heap by the time each timer is armed for.
 *
 * Why: a connection's deadline moves with every request; only its struct's `deadline_ms` is written
 *      then. When the armed time comes, a timer with a later deadline is armed again.
 * Owner: the loop. Threads: the loop's.
 */
#include "loop/loop.h"

struct jst_timers {
    struct jst_timer **heap; /* owned array of borrowed timers */
    uint32_t n;
    uint32_t cap;
    uint32_t reserved; /* timers initialized: cap is never less */
};

void jst_timers_init(struct jst_timers *ts);
void jst_timers_fini(struct jst_timers *ts);

/** When to look again; JST_NEVER if nothing is armed. May be earlier than any deadline. */
uint64_t jst_timers_next(const struct jst_timers *ts);

/** Call back what has expired. */
void jst_timers_run(struct jst_timers *ts, uint64_t now_ms);

struct jst_timers *jst_loop_timers_(struct jst_loop *l);
