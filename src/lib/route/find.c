// SPDX-License-Identifier: MIT
#include "base/str.h"
#include "route/table.h"

/* ---- host ---- */

/* The host's own routes, or those of its wildcard, or those of any host: the first that exists.
 * A host that has routes of its own never falls through to a wider one. */
static uint32_t
choose_host(const struct jst_routes *r, struct jst_slice host)
{
    char lower[JST_ROUTE_HOST_MAX_BYTES];
    struct jst_slice key = {lower, host.n};
    uint32_t found;
    ptrdiff_t dot;

    if (host.n == 0 || host.n > sizeof(lower) || host.p[0] == '.') {
        return r->any_host;
    }
    for (size_t i = 0; i < host.n; i++) {
        lower[i] = jst_lower(host.p[i]);
    }
    found = jst_route_find_host(r, key);
    if (found != JST_ROUTE_NONE) {
        return found;
    }
    dot = jst_slice_find(key, '.');
    if (dot > 0) {
        found = jst_route_find_host(r, jst_slice(key.p + dot, key.n - (size_t)dot));
    }
    return found != JST_ROUTE_NONE ? found : r->any_host;
}

bool
jst_routes_has_host(const struct jst_routes *r, struct jst_slice host)
{
    return choose_host(r, host) != JST_ROUTE_NONE;
}

/* ---- conditions ---- */

static bool
method_fits(const struct jst_routes *r, const struct jst_route_cond *cond, struct jst_slice method)
{
    enum jst_method m = jst_method_of(method);

    if (cond->methods == 0 && cond->others_n == 0) {
        return true;
    }
    if (m != JST_METHOD_OTHER) {
        return (cond->methods & 1u << m) != 0;
    }
    for (uint32_t i = 0; i < cond->others_n; i++) {
        if (jst_slice_eq(r->pairs[cond->pairs + i].name, method)) {
            return true;
        }
    }
    return false;
}

/* Any of the fields of that name may have the value. Fields that end here (Upgrade) count too. */
static bool
header_fits(const struct jst_route_pair *pair, const struct jst_fields *fields)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        const struct jst_field *f = &fields->v[i];

        if (f->id == pair->id && (pair->value.p == NULL || jst_slice_eq(f->value, pair->value)) &&
            (pair->id != JST_FIELD_OTHER || jst_slice_ieq(f->name, pair->name))) {
            return true;
        }
    }
    return false;
}

static bool
headers_fit(const struct jst_routes *r, const struct jst_route_cond *cond,
            const struct jst_fields *fields)
{
    const struct jst_route_pair *headers = &r->pairs[cond->pairs + cond->others_n];

    for (uint32_t i = 0; i < cond->headers_n; i++) {
        if (fields == NULL || !header_fits(&headers[i], fields)) {
            return false;
        }
    }
    return true;
}

/* ---- path ---- */

static struct jst_slice
node_path(const struct jst_routes *r, const struct jst_route_node *node)
{
    return jst_slice(r->text + node->text, node->text_n);
}

/* The greatest node that is not after `path` in byte order, or NULL. */
static const struct jst_route_node *
last_not_after(const struct jst_routes *r, const struct jst_route_host *host, struct jst_slice path)
{
    const struct jst_route_node *nodes = &r->nodes[host->nodes];
    uint32_t low = 0;
    uint32_t high = host->nodes_n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct jst_slice p = node_path(r, &nodes[middle]);
        int order = memcmp(p.p, path.p, JST_MIN(p.n, path.n));

        if (order < 0 || (order == 0 && p.n <= path.n)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? &nodes[low - 1] : NULL;
}

static size_t
common_length(struct jst_slice a, struct jst_slice b)
{
    size_t n = JST_MIN(a.n, b.n);
    size_t i = 0;

    while (i < n && a.p[i] == b.p[i]) {
        i++;
    }
    return i;
}

/* "/api" takes /api and /api/x; "/api/" takes what is below it; "" takes all. */
static bool
ends_on_boundary(struct jst_slice prefix, struct jst_slice path)
{
    return prefix.n == path.n || prefix.n == 0 || prefix.p[prefix.n - 1] == '/' ||
           path.p[prefix.n] == '/';
}

/* Walks over the rules of one host whose path fits, the most specific first. */
struct walk {
    const struct jst_routes *r;
    const struct jst_route_node *nodes;
    const struct jst_route_node *node;
    const struct jst_route_rule *rule;
    struct jst_slice path;
    size_t common; /* bytes that the node where the walk began shares with the path */
    bool is_whole; /* the current node's path is the request's path */
};

/* The current node if it fits, else the nearest of its parents that does. */
static void
settle(struct walk *w)
{
    while (w->node != NULL) {
        const struct jst_route_node *node = w->node;

        if (node->text_n <= w->common && ends_on_boundary(node_path(w->r, node), w->path)) {
            w->is_whole = node->text_n == w->path.n;
            w->rule = &w->r->rules[node->rules];
            return;
        }
        w->node = node->parent != JST_ROUTE_NONE ? &w->nodes[node->parent] : NULL;
    }
}

static void
start_walk(struct walk *w, const struct jst_routes *r, const struct jst_route_query *q)
{
    uint32_t host = choose_host(r, q->host);

    *w = (struct walk){.r = r, .path = q->path};
    if (host == JST_ROUTE_NONE) {
        return;
    }
    w->nodes = &r->nodes[r->hosts[host].nodes];
    w->node = last_not_after(r, &r->hosts[host], q->path);
    if (w->node != NULL) {
        w->common = common_length(node_path(r, w->node), q->path);
    }
    settle(w);
}

/* The next rule, or NULL after the last. */
static const struct jst_route_rule *
next_rule(struct walk *w)
{
    while (w->node != NULL) {
        const struct jst_route_rule *rule = w->rule++;

        if (rule->is_last) {
            uint32_t parent = w->node->parent;
            bool fits = !rule->is_exact || w->is_whole;

            w->node = parent != JST_ROUTE_NONE ? &w->nodes[parent] : NULL;
            settle(w);
            if (fits) {
                return rule;
            }
        } else if (!rule->is_exact || w->is_whole) {
            return rule;
        }
    }
    return NULL;
}

int
jst_routes_find(const struct jst_routes *r, const struct jst_route_query *q)
{
    const struct jst_route_rule *rule;
    struct walk w;

    start_walk(&w, r, q);
    while ((rule = next_rule(&w)) != NULL) {
        const struct jst_route_cond *cond;

        if (JST_LIKELY(rule->cond == JST_ROUTE_NONE)) {
            return (int)rule->route;
        }
        cond = &r->conds[rule->cond];
        if (method_fits(r, cond, q->method) && headers_fit(r, cond, q->fields)) {
            return (int)rule->route;
        }
    }
    return JOIST_E_NOTFOUND;
}

/* ---- Allow ---- */

static void
add_method(struct jst_str *list, struct jst_slice name)
{
    struct jst_slice rest = jst_str_slice(list);
    struct jst_slice one;

    while (jst_list_next(&rest, &one)) {
        if (jst_slice_eq(one, name)) {
            return;
        }
    }
    if (list->n > 0) {
        jst_str_add(list, JST_S(", "));
    }
    jst_str_add(list, name);
}

size_t
jst_routes_allowed(const struct jst_routes *r, const struct jst_route_query *q, char *out,
                   size_t cap)
{
    struct jst_str list = jst_str(out, cap);
    const struct jst_route_rule *rule;
    struct walk w;
    size_t whole = 0;

    start_walk(&w, r, q);
    while ((rule = next_rule(&w)) != NULL) {
        const struct jst_route_cond *cond =
            rule->cond != JST_ROUTE_NONE ? &r->conds[rule->cond] : NULL;

        if (cond == NULL || !headers_fit(r, cond, q->fields)) {
            continue;
        }
        for (unsigned m = JST_METHOD_GET; m <= JST_METHOD_PATCH; m++) {
            if ((cond->methods & 1u << m) != 0) {
                add_method(&list, jst_method_name((enum jst_method)m));
            }
        }
        for (uint32_t i = 0; i < cond->others_n; i++) {
            add_method(&list, r->pairs[cond->pairs + i].name);
        }
        if (list.full) {
            break; /* what fits is still true, if not all */
        }
        whole = list.n;
    }
    return list.full ? whole : list.n;
}

size_t
jst_routes_bytes(const struct jst_routes *r)
{
    return r->bytes;
}
