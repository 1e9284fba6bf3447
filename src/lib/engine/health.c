// SPDX-License-Identifier: MIT
/*
 * The engine's side of health checks: a thread with a loop of its own, so that no reactor is slowed
 * down by them, and a log source for what they find. The thread runs only if some pool has checks.
 */
#include "upstream/health.h"
#include "engine/engine_int.h"
#include "proto/dial.h"
#include "proto/h2_mem.h"
#include "sys/thread.h"
#include "wire/readbuf.h"

#include <stdlib.h>

struct jst_checker {
    struct jst_health *health; /* owned */
    struct jst_local local;    /* its loop is owned */
    struct jst_log_source *log;
    pthread_t thread;
    bool started;
};

static void *
run(void *arg)
{
    struct jst_checker *c = arg;

    jst_health_run(c->health);
    jst_h2_mem_thread_fini();
    jst_readbuf_thread_fini();
    jst_buf_thread_fini();
    return NULL;
}

static int
on_needed(void *ctx)
{
    struct jst_checker *c = ctx;
    int rc = jst_thread_start(&c->thread, run, c);

    c->started = rc == JOIST_OK;
    return rc;
}

static const struct jst_health_events events = {.on_needed = on_needed};

int
jst_checker_create(struct joist_engine *e)
{
    struct jst_checker *c = calloc(1, sizeof(*c));
    int rc;

    if (c == NULL) {
        return JOIST_E_NOMEM;
    }
    e->checker = c;
    c->log = jst_logger_source(e->logger, e->threads + 2);
    jst_reactor_seed(&c->local.rand);
    rc = jst_loop_create(&c->local.loop, NULL);
    if (rc < 0) {
        return rc;
    }
    c->local.log = &c->log->log;
    c->log->loop = c->local.loop;
    rc = jst_health_create(&c->health, &c->local, jst_dial, e->names, &events, c);
    e->health = c->health;
    return rc;
}

void
jst_checker_destroy(struct joist_engine *e)
{
    struct jst_checker *c = e->checker;

    e->checker = NULL;
    e->health = NULL;
    if (c == NULL) {
        return;
    }
    if (c->started) {
        jst_health_stop(c->health);
        pthread_join(c->thread, NULL);
    }
    c->log->loop = NULL;
    jst_loop_destroy(&c->local.loop); /* what came too late is dropped here */
    jst_health_destroy(&c->health);
    free(c);
}

void
jst_checker_add_stats(const struct joist_engine *e, struct joist_stats *out)
{
    const struct joist_stats *own = &e->checker->local.stats;

    /* Connections of checks are no connections for requests: only these are told. */
    out->health_checks += __atomic_load_n(&own->health_checks, __ATOMIC_RELAXED);
    out->health_failures += __atomic_load_n(&own->health_failures, __ATOMIC_RELAXED);
    out->targets_down += __atomic_load_n(&own->targets_down, __ATOMIC_RELAXED);
}
