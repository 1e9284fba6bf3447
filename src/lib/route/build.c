// SPDX-License-Identifier: MIT
/*
 * From the configuration's routes to the table: one item for each pair of route and host, sorted;
 * equal paths become one node, each item a rule. Nothing here runs while requests are served.
 */
#include "route/items.h"
#include "route/table.h"

#include <joist/conf.h>

#include <stdlib.h>

struct builder {
    struct jst_routes *r;
    struct jst_route_items items;
    uint32_t *paths; /* open addressing: number of a node with that path + 1 */
    size_t paths_n;  /* a power of two */
    size_t text_n;
    size_t text_cap;
    uint32_t nodes_n;
    uint32_t rules_n;
    uint32_t conds_n;
    uint32_t pairs_n;
};

/* ---- sizes, so that nothing has to grow ---- */

static size_t
power_above(size_t n)
{
    size_t p = 8;

    while (p < n) {
        p *= 2;
    }
    return p;
}

struct totals {
    size_t conds;
    size_t pairs;
    size_t text;
};

static struct totals
count_totals(const struct joist_route_conf *routes, size_t n, const struct jst_route_items *items)
{
    struct totals t = {0};

    for (size_t i = 0; i < n; i++) {
        const struct joist_route_conf *route = &routes[i];

        t.conds += route->methods_n + route->headers_n > 0;
        t.pairs += route->methods_n + route->headers_n;
        t.text += route->path != NULL ? strlen(route->path) : 0;
        for (size_t k = 0; k < route->methods_n; k++) {
            t.text += strlen(route->methods[k]);
        }
        for (size_t k = 0; k < route->headers_n; k++) {
            t.text += strlen(route->headers[k].name) + strlen(route->headers[k].value);
        }
    }
    for (size_t i = 0; i < items->hosts_n; i++) {
        t.text += items->hosts[i].n;
    }
    return t;
}

/* An empty array still gets memory, so that NULL means one thing. */
static void *
take_array(struct jst_routes *r, size_t n, size_t size)
{
    r->bytes += n * size;
    return calloc(JST_MAX(n, 1), size);
}

static int
take_memory(struct builder *b, const struct joist_route_conf *routes, size_t n)
{
    struct jst_routes *r = b->r;
    struct totals t = count_totals(routes, n, &b->items);

    if (t.text > UINT32_MAX) {
        return JOIST_E_LIMIT;
    }
    r->slots_n = (uint32_t)power_above(b->items.hosts_n * 2);
    b->paths_n = power_above(b->items.n * 2);
    b->text_cap = t.text;
    r->bytes = sizeof(*r);
    r->slots = take_array(r, r->slots_n, sizeof(*r->slots));
    r->hosts = take_array(r, b->items.hosts_n, sizeof(*r->hosts));
    r->nodes = calloc(JST_MAX(b->items.n, 1), sizeof(*r->nodes));
    r->rules = calloc(JST_MAX(b->items.n, 1), sizeof(*r->rules));
    r->conds = take_array(r, t.conds, sizeof(*r->conds));
    r->pairs = take_array(r, t.pairs, sizeof(*r->pairs));
    r->text = malloc(JST_MAX(t.text, 1));
    b->paths = calloc(b->paths_n, sizeof(*b->paths));
    if (r->slots == NULL || r->hosts == NULL || r->nodes == NULL || r->rules == NULL ||
        r->conds == NULL || r->pairs == NULL || r->text == NULL || b->paths == NULL) {
        return JOIST_E_NOMEM;
    }
    return JOIST_OK;
}

/* ---- text ---- */

static uint32_t
add_text(struct builder *b, struct jst_slice s)
{
    uint32_t at = (uint32_t)b->text_n;

    JST_ASSERT(s.n <= b->text_cap - b->text_n);
    if (s.n > 0) {
        memcpy(b->r->text + at, s.p, s.n);
    }
    b->text_n += s.n;
    return at;
}

static struct jst_slice
add_slice(struct builder *b, struct jst_slice s)
{
    return jst_slice(b->r->text + add_text(b, s), s.n);
}

/* Ten thousand sites with an "/api" share one: less memory, and it stays in the processor's cache.
 */
static uint32_t
add_path(struct builder *b, struct jst_slice path, uint32_t node)
{
    size_t i = (size_t)jst_hash(path, 1) & (b->paths_n - 1);

    for (; b->paths[i] != 0; i = (i + 1) & (b->paths_n - 1)) {
        const struct jst_route_node *other = &b->r->nodes[b->paths[i] - 1];

        if (jst_slice_eq(path, jst_slice(b->r->text + other->text, other->text_n))) {
            return other->text;
        }
    }
    b->paths[i] = node + 1;
    return add_text(b, path);
}

/* ---- conditions ---- */

static void
add_methods(struct builder *b, struct jst_route_cond *cond, const struct joist_route_conf *route)
{
    for (size_t i = 0; i < route->methods_n; i++) {
        struct jst_slice name = jst_slice_z(route->methods[i]);
        enum jst_method m = jst_method_of(name);

        if (m != JST_METHOD_OTHER) {
            cond->methods |= 1u << m;
            /* RFC 9110 9.3.2: what may be got may be asked for by HEAD. */
            cond->methods |= m == JST_METHOD_GET ? 1u << JST_METHOD_HEAD : 0;
        } else {
            b->r->pairs[b->pairs_n++].name = add_slice(b, name);
            cond->others_n++;
        }
    }
}

static uint32_t
add_cond(struct builder *b, const struct joist_route_conf *route)
{
    struct jst_route_cond *cond = &b->r->conds[b->conds_n];

    if (route->methods_n + route->headers_n == 0) {
        return JST_ROUTE_NONE;
    }
    cond->pairs = b->pairs_n;
    add_methods(b, cond, route);
    for (size_t i = 0; i < route->headers_n; i++) {
        struct jst_route_pair *pair = &b->r->pairs[b->pairs_n++];
        struct jst_slice value = jst_slice_z(route->headers[i].value);

        pair->name = add_slice(b, jst_slice_z(route->headers[i].name));
        pair->value = jst_slice_eq(value, JST_S("*")) ? JST_SLICE_NONE : add_slice(b, value);
        pair->id = jst_field_id(pair->name);
        cond->headers_n++;
    }
    return b->conds_n++;
}

/* ---- nodes ---- */

/* A route with several hosts has its conditions once: they are remembered by route number. */
static void
add_rule(struct builder *b, const struct jst_route_item *item, uint32_t *cond_of_route)
{
    struct jst_route_rule *rule = &b->r->rules[b->rules_n++];

    if (cond_of_route[item->number] == 0) {
        cond_of_route[item->number] = add_cond(b, item->route) + 1;
    }
    rule->route = item->number & 0x3fffffff;
    rule->is_exact = item->is_exact;
    rule->is_last = 0;
    rule->cond = cond_of_route[item->number] - 1;
}

/* Nodes come sorted, so the parent is the node before, or one of its parents. */
static uint32_t
find_parent(const struct builder *b, const struct jst_route_host *host, struct jst_slice path)
{
    const struct jst_route_node *nodes = &b->r->nodes[host->nodes];
    uint32_t at = host->nodes_n > 0 ? host->nodes_n - 1 : JST_ROUTE_NONE;

    while (at != JST_ROUTE_NONE &&
           !jst_slice_starts(path, jst_slice(b->r->text + nodes[at].text, nodes[at].text_n))) {
        at = nodes[at].parent;
    }
    return at;
}

static void
add_host_nodes(struct builder *b, struct jst_route_host *host, const struct jst_route_item *items,
               size_t n, uint32_t *cond_of_route)
{
    host->nodes = b->nodes_n;
    for (size_t i = 0; i < n; i++) {
        struct jst_slice path = items[i].path;

        if (i == 0 || !jst_slice_eq(path, items[i - 1].path)) {
            struct jst_route_node *node = &b->r->nodes[b->nodes_n];

            node->parent = find_parent(b, host, path);
            node->text = add_path(b, path, b->nodes_n);
            node->text_n = (uint32_t)path.n;
            node->rules = b->rules_n;
            b->nodes_n++;
            host->nodes_n++;
        }
        add_rule(b, &items[i], cond_of_route);
        if (i + 1 == n || !jst_slice_eq(path, items[i + 1].path)) {
            b->r->rules[b->rules_n - 1].is_last = 1;
        }
    }
}

/* ---- hosts ---- */

static void
add_host(struct builder *b, uint32_t number)
{
    struct jst_routes *r = b->r;
    struct jst_slice name = b->items.hosts[number];
    uint32_t hash = jst_route_hash(name);
    uint32_t i = hash & (r->slots_n - 1);

    r->hosts[number].text = add_text(b, name);
    r->hosts[number].text_n = (uint32_t)name.n;
    if (name.n == 0) {
        r->any_host = number;
        return;
    }
    while (r->slots[i].host != 0) {
        i = (i + 1) & (r->slots_n - 1);
    }
    r->slots[i] = (struct jst_route_slot){hash, number + 1};
}

/* The other names of a site have the same routes: they share its nodes. */
static bool
same_routes(const struct jst_route_item *a, size_t a_n, const struct jst_route_item *b, size_t b_n)
{
    if (a_n != b_n) {
        return false;
    }
    for (size_t i = 0; i < a_n; i++) {
        if (a[i].number != b[i].number) {
            return false;
        }
    }
    return true;
}

static int
fill_table(struct builder *b, size_t routes_n)
{
    const struct jst_route_items *items = &b->items;
    uint32_t *cond_of_route = calloc(JST_MAX(routes_n, 1), sizeof(*cond_of_route));
    size_t before = 0;
    size_t before_n = 0;
    size_t n;

    if (cond_of_route == NULL) {
        return JOIST_E_NOMEM;
    }
    for (size_t i = 0; i < items->n; i += n) {
        uint32_t number = items->v[i].host;
        struct jst_route_host *host = &b->r->hosts[number];

        for (n = 1; i + n < items->n && items->v[i + n].host == number; n++) {
        }
        add_host(b, number);
        if (same_routes(&items->v[before], before_n, &items->v[i], n)) {
            host->nodes = b->r->hosts[items->v[before].host].nodes;
            host->nodes_n = b->r->hosts[items->v[before].host].nodes_n;
        } else {
            add_host_nodes(b, host, &items->v[i], n, cond_of_route);
        }
        before = i;
        before_n = n;
    }
    free(cond_of_route);
    return JOIST_OK;
}

/* Give back what shared nodes and paths left over. Shrinking does not fail in a way that matters:
 * then the larger array stays. */
static void *
trim_array(struct jst_routes *r, void *array, size_t n, size_t size)
{
    void *smaller = realloc(array, JST_MAX(n, 1) * size);

    r->bytes += n * size;
    return smaller != NULL ? smaller : array;
}

int
jst_routes_build(struct jst_routes **out, const struct joist_route_conf *routes, size_t n)
{
    struct builder b = {.r = calloc(1, sizeof(*b.r))};
    int rc = b.r != NULL ? jst_route_items_init(&b.items, routes, n) : JOIST_E_NOMEM;

    if (rc == JOIST_OK) {
        b.r->any_host = JST_ROUTE_NONE;
        rc = take_memory(&b, routes, n);
    }
    if (rc == JOIST_OK) {
        rc = fill_table(&b, n);
    }
    if (rc == JOIST_OK) {
        b.r->nodes = trim_array(b.r, b.r->nodes, b.nodes_n, sizeof(*b.r->nodes));
        b.r->rules = trim_array(b.r, b.r->rules, b.rules_n, sizeof(*b.r->rules));
        b.r->bytes += b.text_n;
        *out = b.r;
        b.r = NULL;
    }
    free(b.paths);
    jst_route_items_fini(&b.items);
    jst_routes_destroy(&b.r);
    return rc;
}

void
jst_routes_destroy(struct jst_routes **take)
{
    struct jst_routes *r = *take;

    *take = NULL;
    if (r == NULL) {
        return;
    }
    free(r->slots);
    free(r->hosts);
    free(r->nodes);
    free(r->rules);
    free(r->conds);
    free(r->pairs);
    free(r->text);
    free(r);
}
