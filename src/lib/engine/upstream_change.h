// SPDX-License-Identifier: MIT
#pragma once
/*
 * One change of a pool that runs, as the public calls make it (joist/upstream.h).
 *
 * Flow:    jst_change_init() -> jst_change_run(), which calls the change's own function under the
 *          engine's `control` lock -> that asks jst_change_find() first.
 */
#include "engine/engine_int.h"

struct jst_change {
    const char *pool;
    const char *url; /* NULL: all targets */
    char identity[JST_IDENTITY_BYTES];
    struct joist_err *err;
    struct joist_engine *e;
    /* of one change or another */
    struct jst_pool *fresh; /* has the target that is added; owned */
    uint32_t weight;
    uint32_t weight_before;
    uint64_t drain;
    uint64_t drain_until_ms;
};

/** A jst_report.fn: its ctx is such an `err`, which keeps the first that is wrong. */
void jst_change_report(void *ctx, enum joist_log_level level, const struct joist_err *err);

/** `url` NULL: all targets are meant. JOIST_E_INVAL. */
int jst_change_init(struct jst_change *c, struct joist_engine *e, const char *pool, const char *url,
                    struct joist_err *err);

/** May the pool be changed, and has it the target? */
int jst_change_find(const struct jst_change *c, const struct jst_pool *now);

/** See jst_engine_change_pool(). Whatever goes wrong is in c->err. */
int jst_change_run(struct jst_change *c, jst_pool_edit_f *edit, jst_pool_done_f *done);
