// SPDX-License-Identifier: MIT
/*
 * Two routes that no request can tell apart: a mistake of the configuration, found when it loads.
 */
#include "codec/h1.h"
#include "route/items.h"
#include "route/route.h"

#include <joist/conf.h>

#include <stdlib.h>

static bool
has_method(const struct joist_route_conf *route, const char *method)
{
    for (size_t i = 0; i < route->methods_n; i++) {
        if (strcmp(route->methods[i], method) == 0) {
            return true;
        }
    }
    return false;
}

static bool
has_header(const struct joist_route_conf *route, const struct joist_pair *header)
{
    for (size_t i = 0; i < route->headers_n; i++) {
        if (strcasecmp(route->headers[i].name, header->name) == 0 &&
            strcmp(route->headers[i].value, header->value) == 0) {
            return true;
        }
    }
    return false;
}

static bool
conds_are_part(const struct joist_route_conf *a, const struct joist_route_conf *b)
{
    for (size_t i = 0; i < a->methods_n; i++) {
        if (!has_method(b, a->methods[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < a->headers_n; i++) {
        if (!has_header(b, &a->headers[i])) {
            return false;
        }
    }
    return (a->methods_n == 0) == (b->methods_n == 0);
}

/* For qsort(): items of one place side by side, of these the ones with equal conditions, and of
 * those the first route first. */
static int
compare_places(const void *left, const void *right)
{
    const struct jst_route_item *a = left;
    const struct jst_route_item *b = right;
    uint64_t keys[][2] = {
        {a->host, b->host},       {a->path.n, b->path.n},         {a->is_exact, b->is_exact},
        {a->conds_n, b->conds_n}, {a->conds_hash, b->conds_hash},
    };

    for (size_t i = 0; i < JST_COUNT(keys); i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    int order = a->path.n > 0 ? memcmp(a->path.p, b->path.p, a->path.n) : 0;

    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

static bool
say_the_same(const struct jst_route_item *a, const struct jst_route_item *b)
{
    return a->host == b->host && a->is_exact == b->is_exact && a->conds_n == b->conds_n &&
           a->conds_hash == b->conds_hash && jst_slice_eq(a->path, b->path) &&
           conds_are_part(a->route, b->route) && conds_are_part(b->route, a->route);
}

int
jst_routes_find_duplicate(const struct joist_route_conf *routes, size_t n, size_t *first,
                          size_t *second)
{
    struct jst_route_items items;
    int rc = jst_route_items_init(&items, routes, n);
    int found = 0;

    if (rc < 0) {
        return rc;
    }
    qsort(items.v, items.n, sizeof(*items.v), compare_places);
    for (size_t i = 1; i < items.n; i++) {
        const struct jst_route_item *a = &items.v[i - 1];
        const struct jst_route_item *b = &items.v[i];

        if (say_the_same(a, b) && (found == 0 || b->number < *second)) {
            found = 1;
            *first = a->number;
            *second = b->number;
        }
    }
    jst_route_items_fini(&items);
    return found;
}
