// SPDX-License-Identifier: MIT
/* Pools of origins: the named ones, those of a route alone, and one for each origin that is written
 * as a URL, however many sites say it. */
#include "conf/build.h"
#include "conf/nearest.h"

static struct jst_pool_slot *
find_slot(struct jst_build *b, struct jst_slice key)
{
    size_t i = (size_t)jst_hash(key, 0) & (b->slots_n - 1);

    while (b->slots[i].key.p != NULL && !jst_slice_eq(b->slots[i].key, key)) {
        i = (i + 1) & (b->slots_n - 1);
    }
    return &b->slots[i];
}

static struct joist_pool_conf *
add_pool(struct jst_build *b, const char *name, const struct joist_target_conf *targets, size_t n,
         const struct jst_span *at)
{
    struct joist_pool_conf *pool = &b->pools[b->pools_n++];

    joist_pool_conf_init(pool);
    pool->name = name;
    pool->targets = targets;
    pool->targets_n = n;
    pool->strategy = JOIST_STRATEGY_SINGLE;
    pool->idle_max = b->idle_max;
    pool->pos = jst_build_pos(b, at);
    return pool;
}

/* What its check has let through: "client", "path", "header:NAME", "cookie:NAME". */
static void
set_hash(struct joist_pool_conf *pool, const char *key)
{
    const char *colon = key != NULL ? strchr(key, ':') : NULL;

    if (colon != NULL) {
        pool->hash_by = key[0] == 'h' ? JOIST_HASH_HEADER : JOIST_HASH_COOKIE;
        pool->hash_name = colon + 1;
    } else if (key != NULL && key[0] == 'p') {
        pool->hash_by = JOIST_HASH_PATH;
    }
}

void
jst_build_written_pool(struct jst_build *b, const char *name, const struct jst_part_pool *part)
{
    struct joist_target_conf *targets = jst_build_take(b, part->targets_n * sizeof(*targets));
    struct joist_pool_conf *pool;

    if (targets == NULL || name == NULL) {
        return;
    }
    for (size_t i = 0; i < part->targets_n; i++) {
        const struct jst_part_target *t = &part->targets[i];

        targets[i] = (struct joist_target_conf){
            .url = t->url,
            .weight = t->weight,
            .srv = t->srv,
            .tls = jst_part_is_https(t->url) ? &t->tls : NULL,
            .proxy_protocol = (enum joist_proxy_protocol)t->proxy_protocol,
            .pos = jst_build_pos(b, &t->part.node->at),
        };
    }
    pool = add_pool(b, name, targets, part->targets_n, &part->part.node->at);
    if (part->slots_n > 0) { /* all that it says is what its slots start from */
        jst_build_slots(b, pool, part);
        return;
    }
    pool->strategy = (enum joist_strategy)part->strategy;
    pool->idle_max = part->idle_max;
    set_hash(pool, part->hash_key);
    pool->slow_start_ms = part->slow_start_ms;
    pool->panic_percent = part->panic;
    jst_build_parts(b, pool, part);
}

const char *
jst_build_pool_of_origin(struct jst_build *b, struct jst_slice origin, const struct jst_node *value)
{
    struct jst_pool_slot *slot = find_slot(b, origin);
    struct joist_target_conf *target;

    if (slot->key.p != NULL) {
        return slot->name;
    }
    target = jst_build_take(b, sizeof(*target));
    origin = jst_arena_copy(&b->conf->arena, origin);
    if (target == NULL || origin.p == NULL) {
        b->rc = JOIST_E_NOMEM;
        return NULL;
    }
    *target = (struct joist_target_conf){
        .url = origin.p, .weight = 1, .pos = jst_build_pos(b, &value->at)};
    *slot = (struct jst_pool_slot){origin, origin.p};
    (void)add_pool(b, origin.p, target, 1, &value->at);
    return origin.p;
}

/* "app.green" is a pool, too. What is no name at all but looks like a slot's is not to become a
 * table [upstreams.app.red]. */
static const char *
try_slots(struct jst_build *b, struct jst_nearest *near, const char *name,
          const struct jst_part_pool *pool)
{
    size_t n = pool->name != NULL ? strlen(pool->name) : 0;

    if (pool->name == NULL || pool->slots_n == 0) {
        return NULL;
    }
    for (size_t i = 0; i < pool->slots_n; i++) {
        const char *whole =
            pool->slots[i].name == NULL
                ? NULL
                : jst_diags_fmt(b->report, "%s.%s", pool->name, pool->slots[i].name);

        if (whole != NULL) {
            jst_nearest_try(near, whole);
        }
    }
    return strncmp(name, pool->name, n) == 0 && name[n] == '.'
               ? jst_diags_fmt(b->report, "add [upstreams.%s.slots.%s]", pool->name, name + n + 1)
               : NULL;
}

static void
report_no_pool(struct jst_build *b, const char *name, const struct jst_node *value)
{
    const struct jst_part_file *file = b->conf->file;
    struct jst_nearest near;
    const char *help = NULL;

    if (value->expanded) { /* it may be a secret that landed in the wrong place */
        jst_diags_error(b->report, &value->at, NULL, "its value is neither an origin nor a pool");
        return;
    }
    jst_nearest_init(&near, jst_slice_z(name));
    for (size_t i = 0; i < file->upstreams_n; i++) {
        if (file->upstreams[i].name != NULL) {
            const char *slot = try_slots(b, &near, name, &file->upstreams[i]);

            jst_nearest_try(&near, file->upstreams[i].name);
            help = slot != NULL ? slot : help;
        }
    }
    if (near.best != NULL) {
        help = jst_diags_fmt(b->report, "did you mean '%s'?", near.best);
    } else if (help == NULL) {
        help = jst_diags_fmt(b->report, "add [upstreams.%s], or write a URL: \"http://%s\"", name,
                             name);
    }
    jst_diags_error(b->report, &value->at, help, "there is no pool '%s'", name);
}

/* A name is good if its pool was written, even if it was left out for an error inside. */
const char *
jst_build_pool_of_name(struct jst_build *b, const char *name, const struct jst_node *value)
{
    struct jst_pool_slot *slot = find_slot(b, jst_slice_z(name));

    if (slot->key.p == NULL) {
        report_no_pool(b, name, value);
        return NULL;
    }
    return slot->name;
}

/* Sites may refer to a slot alone, to look at it before others do. */
static void
note_slots(struct jst_build *b, const struct jst_part_pool *part)
{
    for (size_t i = 0; i < part->slots_n; i++) {
        const char *name = jst_build_slot_name(b, part->name, &part->slots[i]);

        if (name != NULL) {
            *find_slot(b, jst_slice_z(name)) =
                (struct jst_pool_slot){jst_slice_z(name), part->part.bad ? NULL : name};
        }
    }
}

void
jst_build_named_pools(struct jst_build *b)
{
    const struct jst_part_file *file = b->conf->file;

    for (size_t i = 0; i < file->upstreams_n; i++) {
        const struct jst_part_pool *part = &file->upstreams[i];
        struct jst_slice key = jst_slice_z(part->name);

        if (key.p == NULL) {
            continue;
        }
        *find_slot(b, key) = (struct jst_pool_slot){key, part->part.bad ? NULL : part->name};
        note_slots(b, part);
        if (!part->part.bad) {
            jst_build_written_pool(b, part->name, part);
        }
    }
}
