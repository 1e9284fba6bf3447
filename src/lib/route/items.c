// SPDX-License-Identifier: MIT
#include "route/items.h"

#include "route/table.h"

#include <joist/conf.h>

#include <stdlib.h>

/* ---- hosts by number ---- */

struct host_set {
    uint32_t *slots; /* host number + 1 */
    size_t slots_n;  /* a power of two, more than twice the hosts */
};

/* A wildcard becomes ".example.com": what is left of a request's host without its first label. */
static struct jst_slice
copy_host(char *out, const char *host)
{
    struct jst_slice from = jst_slice_z(host);

    if (jst_slice_starts(from, JST_S("*."))) {
        from = jst_slice(from.p + 1, from.n - 1);
    }
    for (size_t i = 0; i < from.n; i++) {
        out[i] = jst_lower(from.p[i]);
    }
    return jst_slice(out, from.n);
}

static uint32_t
number_of_host(struct jst_route_items *items, struct host_set *set, struct jst_slice host)
{
    size_t i = jst_route_hash(host) & (set->slots_n - 1);

    for (; set->slots[i] != 0; i = (i + 1) & (set->slots_n - 1)) {
        if (jst_slice_eq(items->hosts[set->slots[i] - 1], host)) {
            return set->slots[i] - 1;
        }
    }
    items->hosts[items->hosts_n++] = host;
    set->slots[i] = (uint32_t)items->hosts_n;
    return set->slots[i] - 1;
}

/* ---- items ---- */

/* A set is told by the sum of its members' hashes: the order they were written in does not matter.
 */
static uint64_t
hash_conds(const struct joist_route_conf *route)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < route->methods_n; i++) {
        sum += jst_hash(jst_slice_z(route->methods[i]), 2);
    }
    for (size_t i = 0; i < route->headers_n; i++) {
        struct jst_slice name = jst_slice_z(route->headers[i].name);
        uint64_t h = 3;

        for (size_t k = 0; k < name.n; k++) {
            char c = jst_lower(name.p[k]);

            h = jst_hash(jst_slice(&c, 1), h);
        }
        sum += jst_hash(jst_slice_z(route->headers[i].value), h);
    }
    return sum;
}

static int
compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* For qsort(): see struct jst_route_items. */
static int
compare_items(const void *left, const void *right)
{
    const struct jst_route_item *a = left;
    const struct jst_route_item *b = right;
    int order = compare_numbers(a->host, b->host);

    if (order == 0) {
        size_t n = JST_MIN(a->path.n, b->path.n);

        order = n > 0 ? memcmp(a->path.p, b->path.p, n) : 0;
    }
    if (order == 0) {
        order = compare_numbers(a->path.n, b->path.n);
    }
    if (order == 0) {
        order = compare_numbers(b->is_exact, a->is_exact);
    }
    if (order == 0) {
        order = compare_numbers(b->conds_n, a->conds_n);
    }
    return order != 0 ? order : compare_numbers(a->number, b->number);
}

static void
add_item(struct jst_route_items *items, const struct joist_route_conf *route, uint32_t number,
         uint32_t host)
{
    struct jst_route_item *item = &items->v[items->n++];

    item->route = route;
    item->number = number;
    item->host = host;
    item->path = route->path_kind == JOIST_PATH_ANY ? jst_slice("", 0) : jst_slice_z(route->path);
    item->is_exact = route->path_kind == JOIST_PATH_EXACT;
    item->conds_n = (uint32_t)(route->methods_n > 0) + (uint32_t)route->headers_n;
    item->conds_hash = item->conds_n > 0 ? hash_conds(route) : 0;
}

static void
add_route(struct jst_route_items *items, struct host_set *set, char **text,
          const struct joist_route_conf *route, uint32_t number)
{
    if (route->hosts_n == 0) {
        add_item(items, route, number, number_of_host(items, set, jst_slice("", 0)));
        return;
    }
    for (size_t i = 0; i < route->hosts_n; i++) {
        struct jst_slice host = copy_host(*text, route->hosts[i]);

        *text += host.n;
        add_item(items, route, number, number_of_host(items, set, host));
    }
}

/* A route that names the same host twice has two equal items, now side by side. */
static void
drop_repeated(struct jst_route_items *items)
{
    size_t kept = 0;

    for (size_t i = 0; i < items->n; i++) {
        if (kept == 0 || items->v[i].number != items->v[kept - 1].number ||
            items->v[i].host != items->v[kept - 1].host) {
            items->v[kept++] = items->v[i];
        }
    }
    items->n = kept;
}

int
jst_route_items_init(struct jst_route_items *out, const struct joist_route_conf *routes, size_t n)
{
    struct jst_route_items items = {0};
    struct host_set set = {.slots_n = 8};
    size_t pairs = 0;
    size_t text_n = 0;
    char *text;

    for (size_t i = 0; i < n; i++) {
        pairs += JST_MAX(routes[i].hosts_n, 1);
        for (size_t k = 0; k < routes[i].hosts_n; k++) {
            text_n += strlen(routes[i].hosts[k]);
        }
    }
    if (n > JST_ROUTES_MAX || pairs > JST_ROUTE_PAIRS_MAX) {
        return JOIST_E_LIMIT;
    }
    while (set.slots_n <= pairs * 2) {
        set.slots_n *= 2;
    }
    items.v = calloc(JST_MAX(pairs, 1), sizeof(*items.v));
    items.hosts = calloc(JST_MAX(pairs, 1), sizeof(*items.hosts));
    items.text = text = malloc(JST_MAX(text_n, 1));
    set.slots = calloc(set.slots_n, sizeof(*set.slots));
    if (items.v == NULL || items.hosts == NULL || items.text == NULL || set.slots == NULL) {
        free(set.slots);
        jst_route_items_fini(&items);
        return JOIST_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        add_route(&items, &set, &text, &routes[i], (uint32_t)i);
    }
    free(set.slots);
    qsort(items.v, items.n, sizeof(*items.v), compare_items);
    drop_repeated(&items);
    *out = items;
    return JOIST_OK;
}

void
jst_route_items_fini(struct jst_route_items *items)
{
    free(items->v);
    free(items->hosts);
    free(items->text);
    *items = (struct jst_route_items){0};
}
