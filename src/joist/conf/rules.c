// SPDX-License-Identifier: MIT
/*
 * Keys of one block that depend on each other: the schema's rules, and those of routes that no
 * table can say.
 */
#include "conf/fill.h"
#include "conf/value.h"

/* A key that says "false" says nothing. */
static bool
is_given(const struct jst_part *part, const struct jst_block *block, const char *name)
{
    size_t i = jst_block_get(block, name);
    const struct jst_key *key = jst_block_key(block, i);

    return (part->given & 1ull << i) != 0 &&
           ((key->type != JST_KEY_BOOL && key->truth == NULL) || jst_value_get(part, key) != 0);
}

const struct jst_span *
jst_rules_place(const struct jst_part *part, const char *name)
{
    const struct jst_node *node = part->node;
    const struct jst_node *child = node != NULL ? jst_node_find(node, name) : NULL;

    return child != NULL ? &child->key_at : node != NULL ? &node->at : NULL;
}

/* Two keys exclude each other: point at the one that stands later. */
static void
check_not_both(struct jst_fill *f, const struct jst_part *part, const struct jst_rule *rule)
{
    const struct jst_span *a = jst_rules_place(part, rule->a), *b = jst_rules_place(part, rule->b);
    bool a_later = a->line > b->line || (a->line == b->line && a->column > b->column);

    jst_diags_error(f->report, a_later ? a : b, rule->help, "'%s' and '%s' exclude each other",
                    a_later ? rule->b : rule->a, a_later ? rule->a : rule->b);
}

/* Neither a nor b is there. */
static void
check_one_of(struct jst_fill *f, const struct jst_block *block, const struct jst_part *part,
             const struct jst_rule *rule)
{
    const char *names = jst_diags_fmt(f->report, "'%s'%s '%s'", rule->a,
                                      rule->more[0] != NULL ? "," : " or", rule->b);

    for (size_t i = 0; i < JST_COUNT(rule->more) && rule->more[i] != NULL; i++) {
        bool last = i + 1 == JST_COUNT(rule->more) || rule->more[i + 1] == NULL;

        if (is_given(part, block, rule->more[i])) {
            return;
        }
        names = jst_diags_fmt(f->report, "%s%s '%s'", names, last ? " or" : ",", rule->more[i]);
    }
    jst_diags_error(f->report, &part->node->at, rule->help, "%s lacks %s", block->title, names);
}

static void
check_rule(struct jst_fill *f, const struct jst_block *block, const struct jst_part *part,
           const struct jst_rule *rule)
{
    bool a = is_given(part, block, rule->a), b = is_given(part, block, rule->b);

    switch (rule->kind) {
    case JST_RULE_NOT_BOTH:
        if (a && b) {
            check_not_both(f, part, rule);
        }
        return;
    case JST_RULE_NEEDS:
        if (a && !b) {
            jst_diags_error(f->report, jst_rules_place(part, rule->a), rule->help,
                            "'%s' needs '%s'", rule->a, rule->b);
        }
        return;
    case JST_RULE_ONE_OF:
        if (!a && !b && !part->unknown) {
            check_one_of(f, block, part, rule);
        }
        return;
    }
}

static void
check_rules(struct jst_fill *f, const struct jst_block *block, const struct jst_part *part)
{
    for (size_t i = 0; i < block->rules_n; i++) {
        check_rule(f, block, part, &block->rules[i]);
    }
}

/* ---- routes ---- */

/* A route that says itself what answers takes no answer over from its site. */
static void
drop_inherited(const struct jst_block *block, struct jst_part_route *route)
{
    const void *none = NULL;

    for (size_t i = 0; i < jst_block_keys_n(block); i++) {
        const struct jst_key *key = jst_block_key(block, i);

        if ((key->flags & JST_KEY_HANDLER) != 0 && (route->part.given & 1ull << i) == 0) {
            memcpy(jst_value_at(route, key), &none, sizeof(none));
        }
    }
}

/* Of `spa` and `try_files`, what the route says takes the place of what its site says. */
static void
choose_try_files(const struct jst_block *block, struct jst_part_route *route)
{
    if (is_given(&route->part, block, "try_files")) {
        route->handler.spa = false;
    } else if (is_given(&route->part, block, "spa")) {
        route->handler.try_files = (struct jst_texts){0};
    }
}

static bool
has_own_handler(const struct jst_block *block, const struct jst_part *part)
{
    for (size_t i = 0; i < jst_block_keys_n(block); i++) {
        if ((part->given & 1ull << i) != 0 &&
            (jst_block_key(block, i)->flags & JST_KEY_HANDLER) != 0) {
            return true;
        }
    }
    return false;
}

/* Written here, perhaps with a mistake that is reported already? */
static bool
is_written(const struct jst_part *part, const char *name)
{
    return part->node != NULL && jst_node_find(part->node, name) != NULL;
}

/* Keys that mean nothing to the handler that is there would be silently without effect. */
static void
check_belonging(struct jst_fill *f, const struct jst_block *block,
                const struct jst_part_route *route)
{
    const struct jst_part_handler *h = &route->handler;
    bool files = h->root != NULL || is_written(&route->part, "root");
    bool proxied = h->proxy != NULL || h->upstream != NULL || is_written(&route->part, "proxy") ||
                   is_written(&route->part, "upstream");

    for (size_t i = 0; i < jst_block_keys_n(block); i++) {
        const struct jst_key *key = jst_block_key(block, i);

        if ((route->part.given & 1ull << i) == 0) {
            continue;
        }
        if ((key->flags & JST_KEY_FILES) != 0 && !files) {
            jst_diags_error(f->report, jst_rules_place(&route->part, key->name), NULL,
                            "'%s' is for files, and this has no 'root'", key->name);
        } else if ((key->flags & JST_KEY_PROXIED) != 0 && !proxied) {
            jst_diags_error(f->report, jst_rules_place(&route->part, key->name), NULL,
                            "'%s' is for origins, and this has no 'proxy'", key->name);
        }
    }
}

static void
check_route(struct jst_fill *f, const struct jst_block *block, struct jst_part_route *route)
{
    const struct jst_part_handler *h = &route->handler;
    bool own = has_own_handler(block, &route->part);
    bool given = own || h->root != NULL || h->proxy != NULL || h->respond != NULL ||
                 h->redirect != NULL || h->upstream != NULL;

    if (own) {
        drop_inherited(block, route);
    }
    choose_try_files(block, route);
    if (given) {
        check_belonging(f, block, route);
    } else if (route->routes_n == 0 && !route->part.unknown) {
        jst_diags_error(f->report, &route->part.node->at,
                        "say what answers: root = \"FOLDER\", proxy = \"http://HOST:PORT\", "
                        "respond = \"TEXT\" or redirect = \"URL\"",
                        "this %s answers nothing", block->id == JST_BLOCK_SITE ? "site" : "route");
    }
    if (block->id == JST_BLOCK_ROUTE && route->strip_prefix &&
        (route->matchers == NULL || route->matchers->path_prefix == NULL)) {
        jst_diags_error(f->report, jst_rules_place(&route->part, "strip_prefix"), NULL,
                        "'strip_prefix' needs 'matchers.path_prefix'");
    }
}

static void
check_redirect(struct jst_fill *f, const struct jst_part_redirect *redirect)
{
    uint32_t s = redirect->status;

    if (s >= 304 && s <= 306) {
        const struct jst_node *child = jst_node_find(redirect->part.node, "status");

        jst_diags_error(f->report, child != NULL ? &child->at : &redirect->part.node->at, NULL,
                        "'status' of a redirect must be 301, 302, 303, 307 or 308");
    }
}

void
jst_rules_check(struct jst_fill *f, const struct jst_block *block, void *object)
{
    struct jst_part *part = object;

    check_rules(f, block, part);
    if (block->base != NULL) {
        /* Rules of the base name keys that this block has too. */
        for (size_t i = 0; i < block->base->rules_n; i++) {
            check_rule(f, block, part, &block->base->rules[i]);
        }
    }
    if (jst_block_is_route(block)) {
        check_route(f, block, object);
    }
    if (block->id == JST_BLOCK_REDIRECT) {
        check_redirect(f, object);
    }
    jst_rules_check_tls(f, block, object);
    jst_rules_check_upstream(f, block, object);
}
