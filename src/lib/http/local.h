// SPDX-License-Identifier: MIT
#pragma once
/*
 * What a reactor lends to everything that runs on it: counters, log, date, random numbers.
 *
 * Owner:   the engine's reactor (or a test); handed to proto/, upstream/ and handlers by pointer.
 * Threads: the reactor's; counters may be read by any (relaxed atomics, one writer).
 */
#include "base/log.h"
#include "base/rand.h"
#include "codec/date.h"
#include "loop/loop.h"

#include <joist/joist.h>

struct jst_files;     /* handler/static's cache */
struct jst_upstreams; /* upstream/'s live targets */

struct jst_local {
    struct jst_loop *loop;
    struct jst_log *log; /* may be NULL */
    struct jst_files *files;
    struct jst_upstreams *upstreams;
    struct joist_stats stats;
    struct jst_rand rand;
    int64_t date_s; /* the second that `date` shows */
    char date[JST_DATE_BYTES];
};

#define JST_STAT_ADD(local, counter, n)                                                            \
    __atomic_store_n(&(local)->stats.counter, (local)->stats.counter + (uint64_t)(n),              \
                     __ATOMIC_RELAXED)
#define JST_STAT_SUB(local, counter, n)                                                            \
    __atomic_store_n(&(local)->stats.counter, (local)->stats.counter - (uint64_t)(n),              \
                     __ATOMIC_RELAXED)

/** Count a final response, or 101. */
static inline void
jst_local_count_status(struct jst_local *l, uint16_t status)
{
    switch (status / 100) {
    case 1: /* 101 */
    case 2:
        JST_STAT_ADD(l, status_2xx, 1);
        break;
    case 3:
        JST_STAT_ADD(l, status_3xx, 1);
        break;
    case 4:
        JST_STAT_ADD(l, status_4xx, 1);
        break;
    default:
        JST_STAT_ADD(l, status_5xx, 1);
        break;
    }
}

/** The Date header's value for this turn; printed once a second. JST_DATE_BYTES long. */
static inline struct jst_slice
jst_local_date(struct jst_local *l)
{
    int64_t now_s = jst_loop_wall_us(l->loop) / 1000000;

    if (l->date_s != now_s || l->date[0] == '\0') {
        l->date_s = now_s;
        jst_date_print(l->date, now_s);
    }
    return jst_slice(l->date, JST_DATE_BYTES);
}
