// SPDX-License-Identifier: MIT
/*
 * The public calls about slots of a running engine (joist/upstream.h): switch, split. A deploy,
 * which gives a slot other targets before it switches, is in deploy.c.
 */
#include "engine/slots.h"
#include "base/str.h"
#include "engine/upstream_change.h"
#include "upstream/track.h"

int
jst_slot_find(struct jst_slot_at *out, struct joist_engine *e, const char *pool, const char *slot,
              struct joist_err *err)
{
    const struct jst_snapshot *s = e->current;
    size_t i;

    pool = pool != NULL ? pool : "";
    if (!jst_engine_has_reactors(e)) {
        return jst_fail(err, JOIST_E_STATE, "the engine does not run");
    }
    i = jst_snapshot_find_pool(s, jst_slice_z(pool));
    if (i == s->pools_n) {
        return jst_fail(err, JOIST_E_NOTFOUND, "there is no upstream '%.200s'", pool);
    }
    if (s->slots[i] == NULL) {
        return jst_fail(err, JOIST_E_UNSUPPORTED, "upstream '%.200s' has no slots", pool);
    }
    *out = (struct jst_slot_at){.slots = s->slots[i], .upstream = pool};
    if (slot == NULL) {
        return JOIST_OK;
    }
    out->slot = jst_slots_find(out->slots, jst_slice_z(slot));
    if (out->slot == jst_slots_n(out->slots)) {
        return jst_fail(err, JOIST_E_NOTFOUND, "upstream '%.200s' has no slot '%.200s'", pool,
                        slot);
    }
    out->pool = jst_slots_pool(out->slots, out->slot);
    return JOIST_OK;
}

jst_slot_set
jst_slot_usable(const struct joist_engine *e, const struct jst_slots *slots)
{
    jst_slot_set set = 0;

    for (size_t i = 0; i < jst_slots_n(slots); i++) {
        bool has = jst_pool_size(e->current->pools[jst_slots_pool(slots, i)]) > 0;

        set |= (jst_slot_set)has << i;
    }
    return set;
}

/* No deadline of a deploy that switched away from it is for what comes now. */
static void
make_ready(struct joist_engine *e, const struct jst_slot_at *at)
{
    if (jst_slots_is_closed(at->slots, at->slot)) {
        jst_control_mark(e->current->pools[at->pool], 0);
    }
}

static int
check_targets(struct joist_engine *e, const struct jst_slot_at *at, struct joist_err *err)
{
    if (jst_pool_size(e->current->pools[at->pool]) > 0) {
        return JOIST_OK;
    }
    return jst_fail(err, JOIST_E_UNAVAILABLE, "slot '%.*s' of upstream '%.200s' has no targets",
                    JST_PRI(jst_slots_name(at->slots, at->slot)), at->upstream);
}

static int
do_switch(struct joist_engine *e, const struct jst_slot_at *at, const char *slot,
          struct joist_err *err)
{
    int rc;

    if (slot == NULL) {
        for (size_t i = 0; i < jst_slots_n(at->slots); i++) {
            struct jst_slot_at each = {at->slots, at->upstream, i, jst_slots_pool(at->slots, i)};

            make_ready(e, &each);
        }
        jst_slots_reset(at->slots);
        JST_LOG(&e->log->log, INFO, UPSTREAM_SWITCHED, "upstream=%s slot=all", at->upstream);
        return JOIST_OK;
    }
    rc = check_targets(e, at, err);
    if (rc == JOIST_OK) {
        make_ready(e, at);
        jst_slots_switch(at->slots, at->slot);
        JST_LOG(&e->log->log, INFO, UPSTREAM_SWITCHED, "upstream=%s slot=%s", at->upstream, slot);
    }
    return rc;
}

int
joist_upstream_switch(struct joist_engine *e, const char *pool, const char *slot,
                      struct joist_err *err)
{
    struct jst_slot_at at = {0};
    int rc;

    pthread_mutex_lock(&e->control);
    rc = jst_slot_find(&at, e, pool, slot, err);
    if (rc == JOIST_OK) {
        rc = do_switch(e, &at, slot, err);
    }
    pthread_mutex_unlock(&e->control);
    return rc;
}

int
joist_upstream_split(struct joist_engine *e, const char *pool, const char *slot, uint32_t percent,
                     struct joist_err *err)
{
    struct jst_slot_at at = {0};
    int rc;

    if (percent > 100 || slot == NULL) {
        return jst_fail(err, JOIST_E_INVAL, "a split gives a slot from 0 to 100 percent");
    }
    pthread_mutex_lock(&e->control);
    rc = jst_slot_find(&at, e, pool, slot, err);
    if (rc == JOIST_OK && percent > 0) {
        rc = check_targets(e, &at, err);
    }
    if (rc == JOIST_OK) {
        make_ready(e, &at);
        jst_slots_split(at.slots, at.slot, percent);
        JST_LOG(&e->log->log, INFO, UPSTREAM_SPLIT, "upstream=%s slot=%s percent=%u", at.upstream,
                slot, percent);
    }
    pthread_mutex_unlock(&e->control);
    return rc;
}

/* ---- reading ---- */

static uint32_t
count_inflight(const struct jst_pool *p)
{
    uint32_t n = 0;

    for (uint32_t i = 0; p->tracking != NULL && i < p->n; i++) {
        n += jst_tstate_inflight(p->tracking->v[i]);
    }
    return n;
}

static int
read_slots(struct joist_slot_state *v, const struct joist_engine *e, const struct jst_slots *slots,
           struct jst_arena *arena)
{
    jst_slot_set usable = jst_slot_usable(e, slots);

    for (size_t i = 0; i < jst_slots_n(slots); i++) {
        size_t pool = jst_slots_pool(slots, i);

        v[i] = (struct joist_slot_state){
            .name = jst_arena_copy(arena, jst_slots_name(slots, i)).p,
            .pool = jst_arena_copy(arena, e->current->pool_names[pool]).p,
            .weight = jst_slots_weight(slots, i),
            .share = jst_slots_share(slots, i, usable),
            .active = jst_slots_active(slots) == i,
            .closed = jst_slots_is_closed(slots, i),
            .targets_n = jst_pool_size(e->current->pools[pool]),
            .inflight = count_inflight(e->current->pools[pool]),
        };
        if (v[i].name == NULL || v[i].pool == NULL) {
            return JOIST_E_NOMEM;
        }
    }
    return JOIST_OK;
}

int
jst_slots_read(struct joist_upstream_state *out, struct joist_engine *e, struct jst_arena *arena)
{
    struct joist_slot_state *v;
    int rc = JOIST_OK;
    size_t i;

    pthread_mutex_lock(&e->control);
    i = jst_snapshot_find_pool(e->current, jst_slice_z(out->name));
    if (i < e->current->pools_n && e->current->slots[i] != NULL) {
        const struct jst_slots *slots = e->current->slots[i];

        v = jst_arena_zalloc(arena, jst_slots_n(slots) * sizeof(*v));
        rc = v != NULL ? read_slots(v, e, slots, arena) : JOIST_E_NOMEM;
        out->slots = v;
        out->slots_n = rc == JOIST_OK ? jst_slots_n(slots) : 0;
    }
    pthread_mutex_unlock(&e->control);
    return rc;
}
