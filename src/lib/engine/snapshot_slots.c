// SPDX-License-Identifier: MIT
/* Upstreams of a snapshot that are made of slots, each another pool of it. */
#include "base/bounds.h"
#include "engine/snapshot.h"
#include "upstream/slots.h"

/* Most often a slot's pool stands just behind the pool that it is of. */
static size_t
find_pool(const struct joist_conf *conf, const char *name, size_t near)
{
    for (size_t i = 0; i < conf->pools_n; i++) {
        size_t at = (near + i) % conf->pools_n;

        if (strcmp(conf->pools[at].name, name) == 0) {
            return at;
        }
    }
    JST_UNREACHABLE(); /* checked before */
}

static int
make(struct jst_snapshot *s, const struct joist_conf *conf, size_t pool, struct jst_states *states)
{
    const struct joist_pool_conf *p = &conf->pools[pool];
    size_t numbers[JST_SLOTS_MAX];

    for (size_t i = 0; i < p->slots_n; i++) {
        numbers[i] = find_pool(conf, p->slots[i].pool, i == 0 ? pool : numbers[i - 1]);
        s->is_slot[numbers[i]] = true;
    }
    return jst_slots_create(&s->slots[pool], p, numbers, states);
}

int
jst_snapshot_make_slots(struct jst_snapshot *s, const struct joist_conf *conf,
                        struct jst_states *states)
{
    for (size_t i = 0; i < conf->pools_n; i++) {
        int rc = conf->pools[i].slots_n > 0 ? make(s, conf, i, states) : JOIST_OK;

        if (rc < 0) {
            return rc;
        }
    }
    return JOIST_OK;
}

void
jst_snapshot_free_slots(struct jst_snapshot *s)
{
    for (size_t i = 0; i < s->pools_n; i++) {
        jst_slots_destroy(&s->slots[i]);
    }
}

size_t
jst_snapshot_choose_slot(const struct jst_snapshot *s, size_t pool, struct jst_upool *const *upools,
                         const struct jst_stream *stream)
{
    const struct jst_slots *slots = s->slots[pool];

    return jst_slots_pool(slots,
                          jst_slots_choose(slots, &stream->req.fields,
                                           jst_upools_usable(slots, upools), &stream->local->rand));
}
