// SPDX-License-Identifier: MIT
#include "conf/fill.h"

#include "conf/value.h"

#define KEYS_MAX 64

static void fill_block(struct jst_fill *f, const struct jst_block *block, void *object,
                       const struct jst_node *node);

void *
jst_fill_take(struct jst_fill *f, size_t bytes)
{
    void *p = jst_arena_zalloc(f->arena, JST_MAX(bytes, 1));

    if (p == NULL) {
        f->rc = JOIST_E_NOMEM;
    }
    return p;
}

static void
set_pointer(void *object, const struct jst_key *key, const void *p)
{
    memcpy(jst_value_at(object, key), &p, sizeof(p));
}

/* The array's address, and its count in the member behind it. */
static void
set_array(void *object, const struct jst_key *key, const void *p, size_t n)
{
    set_pointer(object, key, p);
    memcpy((char *)jst_value_at(object, key) + sizeof(p), &n, sizeof(n));
}

static void
default_texts(struct jst_fill *f, const struct jst_key *key, void *object)
{
    struct jst_texts *list = jst_value_at(object, key);

    list->v = jst_fill_take(f, sizeof(*list->v));
    if (list->v != NULL) {
        list->v[0] = key->fallback;
        list->n = 1;
    }
}

/* A block made of defaults, the same one each time; NULL when out of memory. */
static const void *
make_defaults(struct jst_fill *f, const struct jst_block *block)
{
    void *object = f->defaults[block->id];

    if (object != NULL) {
        return object;
    }
    object = jst_fill_take(f, block->bytes);
    for (size_t i = 0; object != NULL && i < jst_block_keys_n(block); i++) {
        const struct jst_key *key = jst_block_key(block, i);

        if (key->fallback != NULL && key->type == JST_KEY_TEXTS) {
            default_texts(f, key, object);
        } else if (key->fallback != NULL) {
            /* 0 stands for "no limit" in places where nobody may write it. */
            enum jst_value_result rc = jst_value_from_text(object, key, jst_slice_z(key->fallback));

            JST_ASSERT(rc == JST_VALUE_OK);
        }
    }
    f->defaults[block->id] = object;
    return object;
}

/* ---- keys that hold blocks ---- */

/* An object of `block` from a table, or from the plain value that stands for its short key. */
static void
fill_object(struct jst_fill *f, const struct jst_key *key, void *object,
            const struct jst_node *node)
{
    const struct jst_block *block = key->block;
    size_t errors = f->report->errors_n, skipped = f->skipped;
    struct jst_part *part = object;

    if (node->kind == JST_NODE_TABLE) {
        fill_block(f, block, object, node);
    } else if (block->short_key != NULL && node->kind != JST_NODE_ARRAY) {
        size_t i = jst_block_get(block, block->short_key);
        struct jst_key as = *jst_block_key(block, i);

        as.name = key->name; /* messages speak of what was written */
        as.example = key->example;
        jst_fill_value(f, &as, object, node);
        part->given |= 1ull << i;
        part->node = node;
        if (f->rc == JOIST_OK && f->report->errors_n == errors && f->skipped == skipped) {
            jst_rules_check(f, block, object);
        }
    } else {
        jst_fill_wrong_type(f, key, node);
    }
    part->bad = f->report->errors_n > errors || f->skipped > skipped;
}

void *
jst_fill_make(struct jst_fill *f, const struct jst_block *block, size_t count)
{
    const void *from = f->inherit[block->id];
    char *objects = jst_fill_take(f, count * block->bytes);

    if (from == NULL) {
        from = make_defaults(f, block);
    }
    for (size_t i = 0; objects != NULL && from != NULL && i < count; i++) {
        struct jst_part *part = (void *)(objects + i * block->bytes);

        memcpy(part, from, block->bytes);
        *part = (struct jst_part){0};
    }
    return from != NULL ? objects : NULL;
}

static void
fill_table(struct jst_fill *f, const struct jst_key *key, void *object, const struct jst_node *node)
{
    void *child = jst_fill_make(f, key->block, 1);

    if (child != NULL) {
        fill_object(f, key, child, node);
        set_pointer(object, key, child);
    }
}

static void
fill_tables(struct jst_fill *f, const struct jst_key *key, void *object,
            const struct jst_node *node)
{
    bool one = node->kind == JST_NODE_TABLE && (key->flags & JST_KEY_ONE_OK) != 0;
    size_t n = one ? 1 : node->count;
    const struct jst_node *c = one ? node : node->first;
    char *objects;

    if (node->kind == JST_NODE_TABLE && !one) {
        const char *help =
            key->block->title[0] == '['
                ? jst_diags_fmt(f->report, "write %s, with two brackets", key->block->title)
                : jst_diags_fmt(f->report, "write %s = [{ ... }]", key->name);

        jst_diags_error(f->report, &node->at, help, "'%s' must be a list of tables, not one table",
                        key->name);
        return;
    }
    if (node->kind != JST_NODE_ARRAY && !one) {
        jst_fill_wrong_type(f, key, node);
        return;
    }
    objects = jst_fill_make(f, key->block, n);
    for (size_t i = 0; objects != NULL && i < n; i++, c = c->next) {
        fill_object(f, key, objects + i * key->block->bytes, c);
    }
    set_array(object, key, objects, objects != NULL ? n : 0);
}

static void
fill_named(struct jst_fill *f, const struct jst_key *key, void *object, const struct jst_node *node)
{
    const struct jst_key *name = jst_block_key(key->block, 0);
    size_t i = 0;
    char *objects;
    const char *why;

    if (node->kind != JST_NODE_TABLE) {
        jst_fill_wrong_type(f, key, node);
        return;
    }
    JST_ASSERT((name->flags & JST_KEY_NAME) != 0);
    objects = jst_fill_make(f, key->block, node->count);
    for (const struct jst_node *c = node->first; c != NULL && objects != NULL; c = c->next, i++) {
        void *child = objects + i * key->block->bytes;

        if (c->kind != JST_NODE_TABLE) {
            jst_diags_error(f->report, &c->key_at,
                            jst_diags_fmt(f->report, "write [%s.NAME]", key->name),
                            "'%.*s' must be a table, not %s", (int)JST_MIN(c->key.n, 80), c->key.p,
                            jst_node_kind_text(c->kind));
            ((struct jst_part *)child)->bad = true;
            continue;
        }
        if (!name->check(c->key, &why)) {
            jst_diags_error(f->report, &c->key_at, NULL, "'%s' %s", c->key.p, why);
        }
        fill_object(f, key, child, c);
        (void)jst_value_from_text(child, name, c->key);
    }
    set_array(object, key, objects, objects != NULL ? node->count : 0);
}

/* A site's routes start from what the site says, without what says which requests it takes. */
static void
fill_site_routes(struct jst_fill *f, const struct jst_key *key, struct jst_part_route *site,
                 const struct jst_node *node)
{
    struct jst_part_route from = {.handler = site->handler};
    const void *limits = f->inherit[JST_BLOCK_ROUTE_LIMITS];
    const void *timeouts = f->inherit[JST_BLOCK_ROUTE_TIMEOUTS];

    f->inherit[JST_BLOCK_SITE_ROUTE] = &from;
    if (site->handler.limits != NULL) {
        f->inherit[JST_BLOCK_ROUTE_LIMITS] = site->handler.limits;
    }
    if (site->handler.timeouts != NULL) {
        f->inherit[JST_BLOCK_ROUTE_TIMEOUTS] = site->handler.timeouts;
    }
    fill_tables(f, key, site, node);
    f->inherit[JST_BLOCK_SITE_ROUTE] = NULL;
    f->inherit[JST_BLOCK_ROUTE_LIMITS] = limits;
    f->inherit[JST_BLOCK_ROUTE_TIMEOUTS] = timeouts;
}

/* Targets start from what their pool says of TLS. */
static void
fill_targets(struct jst_fill *f, const struct jst_key *key, struct jst_part_pool *pool,
             const struct jst_node *node)
{
    const struct jst_part_target *defaults = make_defaults(f, key->block);
    struct jst_part_target from;

    if (defaults != NULL) {
        from = *defaults;
        from.tls = pool->tls;
        f->inherit[JST_BLOCK_TARGET] = &from;
        fill_tables(f, key, pool, node);
        f->inherit[JST_BLOCK_TARGET] = NULL;
    }
}

static void
fill_key(struct jst_fill *f, const struct jst_key *key, void *object, const struct jst_node *node)
{
    switch (key->type) {
    case JST_KEY_TABLE:
        fill_table(f, key, object, node);
        return;
    case JST_KEY_TABLES:
        if (key->block->id == JST_BLOCK_SITE_ROUTE) {
            fill_site_routes(f, key, object, node);
        } else if (key->block->id == JST_BLOCK_TARGET) {
            fill_targets(f, key, object, node);
        } else {
            fill_tables(f, key, object, node);
        }
        return;
    case JST_KEY_NAMED:
        if (key->block->id == JST_BLOCK_SLOT) {
            struct jst_part_pool from;

            jst_fill_inherit_slot(f, &from, object);
            fill_named(f, key, object, node);
            jst_fill_inherit_slot_end(f);
        } else {
            fill_named(f, key, object, node);
        }
        return;
    case JST_KEY_LATER:
        jst_diags_error(f->report, &node->key_at, NULL, "'%s' is not there yet (%s)", key->name,
                        key->doc);
        return;
    default:
        jst_fill_value(f, key, object, node);
    }
}

static void
fill_absent(struct jst_fill *f, const struct jst_block *block, const struct jst_key *key,
            void *object, const struct jst_node *node)
{
    static const struct jst_node empty = {.kind = JST_NODE_TABLE};

    if ((key->flags & JST_KEY_ALWAYS) != 0) {
        fill_table(f, key, object, &empty);
    } else if ((key->flags & JST_KEY_REQUIRED) != 0) {
        jst_diags_error(f->report, &node->at,
                        jst_diags_fmt(f->report, "for example: %s = %s", key->name, key->example),
                        "%s lacks the key '%s'", block->title, key->name);
    }
}

/* What the whole file says is what sites and routes start from. */
static void
note_inherited(struct jst_fill *f, const struct jst_key *key, const void *object)
{
    const void *child;

    memcpy(&child, jst_value_at_const(object, key), sizeof(child));
    if (key->block->id == JST_BLOCK_LIMITS) {
        f->inherit[JST_BLOCK_ROUTE_LIMITS] = child;
    } else if (key->block->id == JST_BLOCK_TIMEOUTS) {
        f->inherit[JST_BLOCK_ROUTE_TIMEOUTS] = child;
    }
}

/* By the schema's order, so that [limits] is known before the sites that differ from it, wherever
 * it stands; the base's keys first, so that a site is known before its routes. */
static void
fill_block(struct jst_fill *f, const struct jst_block *block, void *object,
           const struct jst_node *node)
{
    const struct jst_node *found[KEYS_MAX] = {0};
    size_t n = jst_block_keys_n(block);
    struct jst_part *part = object;

    JST_ASSERT(n <= KEYS_MAX);
    part->node = node;
    for (const struct jst_node *c = node->first; c != NULL; c = c->next) {
        ptrdiff_t i = jst_block_find(block, c->key);

        if (i < 0 || (jst_block_key(block, (size_t)i)->flags & JST_KEY_NAME) != 0) {
            jst_fill_report_unknown(f, block, c);
            part->unknown = true;
        } else {
            found[i] = c;
            part->given |= 1ull << i;
        }
    }
    for (size_t j = 0; j < n && f->rc == JOIST_OK; j++) {
        size_t i = (j + block->keys_n) % n;
        const struct jst_key *key = jst_block_key(block, i);

        if (found[i] != NULL) {
            fill_key(f, key, object, found[i]);
        } else {
            fill_absent(f, block, key, object, node);
        }
        if (key->type == JST_KEY_TABLE) {
            note_inherited(f, key, object);
        }
    }
    if (f->rc == JOIST_OK) {
        jst_rules_check(f, block, object);
    }
}

struct jst_part_file *
jst_fill_file(struct jst_fill *f, const struct jst_node *root)
{
    const struct jst_block *block = jst_schema_root();
    struct jst_part_file *file = jst_fill_make(f, block, 1);

    if (file != NULL) {
        fill_block(f, block, file, root);
    }
    if (f->rc == JOIST_OK) {
        jst_fill_listeners(f, file, root);
    }
    return f->rc == JOIST_OK ? file : NULL;
}
