// SPDX-License-Identifier: MIT
/* A pool of the running configuration gets other targets: on all reactors, or on none. */
#include "engine/engine_int.h"
#include "upstream/control.h"
#include "upstream/expand.h"
#include "upstream/health.h"

#include <time.h>

bool
jst_engine_has_reactors(const struct joist_engine *e)
{
    enum joist_state state = joist_engine_state(e);

    return state == JOIST_STATE_RUNNING || state == JOIST_STATE_DRAINING;
}

/* Of the clock that the loops read. */
uint64_t
jst_engine_now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int
edit_at(struct joist_engine *e, size_t i, jst_pool_edit_f *edit, jst_pool_done_f *done, void *ctx)
{
    struct jst_health_set *checks = NULL;
    struct jst_pool *by = NULL;
    int rc = edit(ctx, e->current->pools[i], &by);

    if (rc < 0 || by == NULL) {
        return rc;
    }
    rc = jst_snapshot_expand_pool(&by, e->names);
    if (rc == JOIST_OK) {
        rc = jst_health_prepare_pool(e->health, &checks, by);
    }
    if (rc == JOIST_OK) {
        rc = jst_order_replace(e, i, by);
    }
    if (rc == JOIST_OK) {
        struct jst_pool *before = e->current->pools[i];

        jst_health_commit(e->health, &checks);
        e->current->pools[i] = by;
        if (done != NULL) {
            done(ctx, before, by);
        }
        by = before;
    }
    jst_health_discard(&checks);
    jst_pool_unref(&by);
    return rc;
}

int
jst_engine_edit_pool(struct joist_engine *e, struct jst_slice name, jst_pool_edit_f *edit,
                     void *ctx)
{
    return jst_engine_change_pool(e, name, edit, NULL, ctx);
}

int
jst_engine_change_pool(struct joist_engine *e, struct jst_slice name, jst_pool_edit_f *edit,
                       jst_pool_done_f *done, void *ctx)
{
    int rc = JOIST_E_STATE;

    pthread_mutex_lock(&e->control);
    if (jst_engine_has_reactors(e)) {
        size_t i = jst_snapshot_find_pool(e->current, name);

        rc = i < e->current->pools_n ? edit_at(e, i, edit, done, ctx) : JOIST_E_NOTFOUND;
    }
    pthread_mutex_unlock(&e->control);
    return rc;
}

/* ---- names ---- */

static int
expand(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    struct joist_engine *e = ctx;
    int rc = jst_pool_expand(out, now, e->names, jst_engine_now_ms());

    if (rc == JOIST_OK && *out != NULL) {
        jst_control_inherit(*out, now);
    }
    return rc;
}

/* Each pool by itself, so that nobody waits for all: a configuration that comes in between has seen
 * the addresses when it was put in place. */
int
jst_engine_follow_names(struct joist_engine *e)
{
    int first = JOIST_OK;
    bool more = true;

    for (size_t i = 0; more; i++) {
        int rc = JOIST_OK;

        pthread_mutex_lock(&e->control);
        more = jst_engine_has_reactors(e) && i < e->current->pools_n;
        if (more && jst_pool_has_moved(e->current->pools[i])) {
            rc = edit_at(e, i, expand, NULL, e);
        }
        pthread_mutex_unlock(&e->control);
        first = first < 0 ? first : rc;
    }
    return first;
}
