// SPDX-License-Identifier: MIT
/*
 * Names of origins that did not resolve when their configuration was compiled: a thread of its own
 * tries them again. It runs only if there ever were any.
 */
#include "engine/engine_int.h"
#include "sys/thread.h"

#include <time.h>

#define RESOLVE_EVERY_S 5

static void
on_resolved(void *ctx, struct jst_slice name)
{
    struct joist_engine *e = ctx;
    struct jst_log_source *source = jst_logger_source(e->logger, e->reactors_n + 1);

    JST_LOG(&source->log, INFO, UPSTREAM_RESOLVED, "target=%.*s", JST_PRI(name));
}

static void
resolve_pools(struct joist_engine *e, struct jst_snapshot *snap)
{
    int left = 0;

    for (size_t i = 0; i < snap->pools_n; i++) {
        left += jst_pool_resolve_again(snap->pools[i], on_resolved, e);
    }
    __atomic_store_n(&snap->unresolved, left, __ATOMIC_RELAXED);
}

static void *
run_resolver(void *arg)
{
    struct joist_engine *e = arg;
    struct timespec until;

    pthread_mutex_lock(&e->lock);
    while (!e->resolver_stop) {
        struct jst_snapshot *snap;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += RESOLVE_EVERY_S;
        (void)pthread_cond_timedwait(&e->changed, &e->lock, &until);
        if (e->resolver_stop || __atomic_load_n(&e->current->unresolved, __ATOMIC_RELAXED) == 0) {
            continue;
        }
        snap = jst_snapshot_ref(e->current);
        pthread_mutex_unlock(&e->lock);
        resolve_pools(e, snap); /* may block for seconds */
        jst_snapshot_unref(&snap);
        pthread_mutex_lock(&e->lock);
    }
    pthread_mutex_unlock(&e->lock);
    jst_buf_thread_fini(); /* the last reference to a snapshot may have been ours */
    return NULL;
}

void
jst_resolver_start(struct joist_engine *e)
{
    if (!e->resolver_started && e->current->unresolved > 0) {
        e->resolver_started = jst_thread_start(&e->resolver, run_resolver, e) == JOIST_OK;
    }
}

void
jst_resolver_stop(struct joist_engine *e)
{
    if (!e->resolver_started) {
        return;
    }
    pthread_mutex_lock(&e->lock);
    e->resolver_stop = true;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->resolver, NULL);
}
