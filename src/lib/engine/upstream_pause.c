// SPDX-License-Identifier: MIT
/* The public calls that pause a pool, resume it, and stop it (joist/upstream.h). */
#include "engine/engine_int.h"
#include "upstream/queue.h"
#include "upstream/track.h"

#include <stdio.h>

enum order { PAUSE, RESUME, STOP };

struct change {
    struct joist_engine *e;
    const char *pool;
    uint64_t hold_ms;
    enum order order;
};

static void
tell(const struct change *c, struct jst_queue *q)
{
    struct jst_log *log = &c->e->log->log;
    uint64_t now_ms = jst_engine_now_ms();
    uint32_t held = jst_queue_waiting(q);

    switch (c->order) {
    case PAUSE:
        jst_queue_pause(q, c->hold_ms == JOIST_FOREVER ? 0 : JST_MAX(c->hold_ms, 1u), now_ms);
        JST_LOG(log, INFO, UPSTREAM_PAUSED, "upstream=%s", c->pool);
        break;
    case RESUME:
        jst_queue_resume(q, now_ms);
        JST_LOG(log, INFO, UPSTREAM_RESUMED, "upstream=%s held=%u", c->pool, held);
        break;
    case STOP:
        jst_queue_stop(q);
        JST_LOG(log, INFO, UPSTREAM_STOPPED, "upstream=%s held=%u", c->pool, held);
        break;
    }
}

/* No target changes: it is called so that nothing else changes meanwhile. */
static int
edit(void *ctx, struct jst_pool *now, struct jst_pool **out)
{
    struct jst_queue *q = now->tracking != NULL ? jst_queue_of(now->tracking->pool) : NULL;

    (void)out;
    if (q == NULL) {
        return JOIST_E_UNSUPPORTED;
    }
    tell(ctx, q);
    return JOIST_OK;
}

static int
run(struct change *c, struct joist_err *err)
{
    int rc;

    c->pool = c->pool != NULL ? c->pool : "";
    rc = jst_engine_edit_pool(c->e, jst_slice_z(c->pool), edit, c);
    if (rc == JOIST_OK || err == NULL) {
        return rc;
    }
    *err = (struct joist_err){.code = rc};
    (void)snprintf(err->message, sizeof(err->message), "upstream '%.200s' %s", c->pool,
                   rc == JOIST_E_NOTFOUND ? "is not there"
                   : rc == JOIST_E_UNSUPPORTED
                       ? "cannot be paused: its configuration must say dynamic or max_inflight"
                       : "cannot be paused: the engine does not run");
    return rc;
}

int
joist_upstream_pause(struct joist_engine *e, const char *pool, uint64_t hold_ms,
                     struct joist_err *err)
{
    struct change c = {.e = e, .pool = pool, .hold_ms = hold_ms, .order = PAUSE};

    return run(&c, err);
}

int
joist_upstream_resume(struct joist_engine *e, const char *pool, struct joist_err *err)
{
    struct change c = {.e = e, .pool = pool, .order = RESUME};

    return run(&c, err);
}

int
joist_upstream_stop(struct joist_engine *e, const char *pool, struct joist_err *err)
{
    struct change c = {.e = e, .pool = pool, .order = STOP};

    return run(&c, err);
}
