// SPDX-License-Identifier: MIT
#include "engine/reactor.h"

#include <stdlib.h>

static void
free_gen(struct jst_gen *g)
{
    if (g == NULL) {
        return;
    }
    for (size_t i = 0; g->upools != NULL && i < g->snap->pools_n; i++) {
        jst_upool_release(&g->upools[i]);
    }
    free(g->upools);
    jst_snapshot_unref(&g->snap);
    g->magic = 0;
    free(g);
}

void
jst_gen_unuse(struct jst_gen *g)
{
    JST_ASSERT(g->uses > 0);
    if (--g->uses == 0) {
        free_gen(g);
    }
}

int
jst_reactor_prepare(struct jst_reactor *r, struct jst_snapshot *snap)
{
    struct jst_gen *g = calloc(1, sizeof(*g));

    JST_ASSERT(r->next_gen == NULL);
    if (g == NULL) {
        return JOIST_E_NOMEM;
    }
    g->magic = JST_GEN_MAGIC;
    g->snap = jst_snapshot_ref(snap);
    g->uses = 1;
    g->upools = calloc(snap->pools_n + 1, sizeof(struct jst_upool *));
    for (size_t i = 0; g->upools != NULL && i < snap->pools_n; i++) {
        int rc = jst_upool_acquire(&g->upools[i], r->local.upstreams, snap->pools[i],
                                   snap->h1.timeouts.upstream_keepalive_ms);

        if (rc < 0) {
            free_gen(g);
            return rc;
        }
        jst_upool_keep_at(g->upools[i], &g->upools[i]);
    }
    if (g->upools == NULL) {
        free_gen(g);
        return JOIST_E_NOMEM;
    }
    r->next_gen = g;
    return JOIST_OK;
}

void
jst_reactor_commit(struct jst_reactor *r)
{
    struct jst_gen *before = r->gen;

    JST_ASSERT(r->next_gen != NULL);
    r->gen = r->next_gen;
    r->next_gen = NULL;
    r->h1 = r->gen->snap->h1; /* its server_line lives as long as the generation is current */
    if (before != NULL) {
        jst_gen_unuse(before);
    }
}

void
jst_reactor_discard(struct jst_reactor *r)
{
    free_gen(r->next_gen);
    r->next_gen = NULL;
}

/* ---- one pool of the current generation ---- */

int
jst_reactor_replace(struct jst_reactor *r, size_t pool, struct jst_pool *by)
{
    struct jst_gen *g = r->gen;
    struct jst_upool *next;
    int rc;

    JST_ASSERT(r->replaced == NULL && pool < g->snap->pools_n);
    rc = jst_upool_acquire_like(&next, r->local.upstreams, by,
                                g->snap->h1.timeouts.upstream_keepalive_ms, g->upools[pool]);
    if (rc < 0) {
        return rc;
    }
    r->replaced = g->upools[pool];
    r->replaced_at = pool;
    g->upools[pool] = next;
    jst_upool_keep_at(next, &g->upools[pool]);
    return JOIST_OK;
}

void
jst_reactor_replace_end(struct jst_reactor *r, bool undo)
{
    struct jst_upool *gone = r->replaced;

    if (gone != NULL && undo) {
        gone = r->gen->upools[r->replaced_at];
        r->gen->upools[r->replaced_at] = r->replaced;
    }
    r->replaced = NULL;
    jst_upool_release(&gone);
    if (r->local.upstreams != NULL) { /* else the thread ends */
        jst_upstreams_look(r->local.upstreams);
    }
}
