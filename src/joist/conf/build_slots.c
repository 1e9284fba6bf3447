// SPDX-License-Identifier: MIT
/* What pools say beyond their targets: checks, further tries, affinity; and their slots, each a
 * pool of its own. */
#include "conf/build.h"
#include "conf/schema.h"

static const struct joist_health_conf *
make_health(struct jst_build *b, const struct jst_part_health *part)
{
    struct joist_health_conf *to = jst_build_take(b, sizeof(*to));
    struct joist_status_range *expect = jst_build_take(b, part->expect.n * sizeof(*expect));

    if (to == NULL || expect == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < part->expect.n; i++) {
        bool ok = jst_status_range_parse(&expect[i].first, &expect[i].last,
                                         jst_slice_z(part->expect.v[i]));

        JST_ASSERT(ok); /* its check let it through */
    }
    *to = part->v;
    to->type = (enum joist_health_type)part->type;
    to->port = (uint16_t)part->port;
    to->expect = expect;
    to->expect_n = part->expect.n;
    return to;
}

static const struct joist_retry_conf *
make_retry(struct jst_build *b, const struct jst_part_retry *part)
{
    struct joist_retry_conf *to = jst_build_take(b, sizeof(*to));
    uint16_t *statuses = jst_build_take(b, part->on.n * sizeof(*statuses));

    if (to == NULL || statuses == NULL) {
        return NULL;
    }
    *to = part->v;
    to->on = statuses;
    for (size_t i = 0; i < part->on.n; i++) {
        struct jst_slice on = jst_slice_z(part->on.v[i]);
        uint16_t first, last;

        if (jst_slice_eq(on, JST_S("failure"))) {
            to->on_failure = true;
        } else if (jst_slice_eq(on, JST_S("timeout"))) {
            to->on_timeout = true;
        } else if (jst_status_range_parse(&first, &last, on)) {
            statuses[to->on_n++] = first;
        } /* "connect" counts always */
    }
    return to;
}

static const struct joist_sticky_conf *
make_sticky(struct jst_build *b, const struct jst_part_sticky *part)
{
    struct joist_sticky_conf *to = jst_build_take(b, sizeof(*to));

    if (to == NULL) {
        return NULL;
    }
    *to = part->v;
    to->same_site = (enum joist_same_site)part->same_site;
    if (part->cookie != NULL) {
        to->by = JOIST_STICKY_COOKIE;
        to->name = part->cookie;
    } else if (part->app_cookie != NULL) {
        to->by = JOIST_STICKY_APP_COOKIE;
        to->name = part->app_cookie;
    } else if (part->header != NULL) {
        to->by = JOIST_STICKY_HEADER;
        to->name = part->header;
    } else {
        to->by = JOIST_STICKY_CLIENT;
    }
    return to;
}

void
jst_build_parts(struct jst_build *b, struct joist_pool_conf *to, const struct jst_part_pool *part)
{
    to->outlier = part->outlier != NULL ? &part->outlier->v : NULL;
    to->breaker = part->breaker != NULL ? &part->breaker->v : NULL;
    to->health = part->health != NULL ? make_health(b, part->health) : NULL;
    to->retry = part->retry != NULL ? make_retry(b, part->retry) : NULL;
    to->hedge = part->hedge != NULL ? &part->hedge->v : NULL;
    to->sticky = part->sticky != NULL ? make_sticky(b, part->sticky) : NULL;
    to->max_inflight = part->max_inflight;
    if (part->queue != NULL) {
        to->queue = part->queue->v;
    }
    to->dynamic = part->dynamic;
}

/* ---- slots ---- */

static const struct joist_slot_rule_conf *
make_rules(struct jst_build *b, const struct jst_part_pool *part)
{
    struct joist_slot_rule_conf *rules = jst_build_take(b, part->rules_n * sizeof(*rules));

    for (size_t i = 0; rules != NULL && i < part->rules_n; i++) {
        const struct jst_part_slot_rule *r = &part->rules[i];

        rules[i] = (struct joist_slot_rule_conf){
            .slot = r->slot,
            .header = r->header,
            .cookie = r->cookie,
            .values = r->values.v,
            .values_n = r->values.n,
            .percent = r->percent,
            .pos = jst_build_pos_of_part(b, &r->part),
        };
    }
    return rules;
}

const char *
jst_build_slot_name(struct jst_build *b, const char *pool, const struct jst_part_pool *slot)
{
    const char *name;

    if (slot->name == NULL) {
        return NULL;
    }
    name = jst_diags_fmt(b->report, "%s.%s", pool, slot->name);
    name = jst_arena_copy_z(&b->conf->arena, name);
    if (name == NULL) {
        b->rc = JOIST_E_NOMEM;
    }
    return name;
}

void
jst_build_slots(struct jst_build *b, struct joist_pool_conf *to, const struct jst_part_pool *part)
{
    struct joist_slot_conf *slots = jst_build_take(b, part->slots_n * sizeof(*slots));

    to->slot_rules = make_rules(b, part);
    to->slot_rules_n = part->rules_n;
    to->slots = slots;
    to->slots_n = part->slots_n;
    for (size_t i = 0; slots != NULL && i < part->slots_n; i++) {
        const struct jst_part_pool *slot = &part->slots[i];
        const char *name = jst_build_slot_name(b, to->name, slot);

        if (name == NULL) {
            return;
        }
        slots[i] = (struct joist_slot_conf){
            .name = slot->name,
            .pool = name,
            .weight = slot->weight,
            .pos = jst_build_pos_of_part(b, &slot->part),
        };
        jst_build_written_pool(b, name, slot);
    }
}
