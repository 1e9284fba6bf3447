// SPDX-License-Identifier: MIT
#pragma once
/*
 * What health checks know of a target: hangs on its state, so it outlives configurations.
 *
 * Owner:   struct jst_tstate. Threads: the checker writes, any may read: one lock each, held for a
 *          copy.
 */
#include "upstream/health.h"

#include <pthread.h>

struct jst_health_target;
struct jst_tstate;

struct jst_health_record {
    pthread_mutex_t lock;
    struct jst_health_report report;   /* under the lock */
    struct jst_health_target *checker; /* the checker's: who checks it now, or NULL */
};

/** Nothing, if it has one. Any thread. JOIST_E_NOMEM. */
int jst_health_record_create(struct jst_tstate *state);
void jst_health_record_destroy(struct jst_health_record **take);

struct jst_health_record *jst_health_record_of(const struct jst_tstate *state);

void jst_health_record_read(struct jst_health_record *r, struct jst_health_report *out);
void jst_health_record_write(struct jst_health_record *r, const struct jst_health_report *from);
