// SPDX-License-Identifier: MIT
#pragma once
/*
 * The pairs of route and host, sorted as the table wants them; only while building and checking.
 *
 * Owner:   the caller of init; slices point into the configuration, but for the host names.
 */
#include "base/base.h"

struct joist_route_conf;

struct jst_route_item {
    const struct joist_route_conf *route;
    struct jst_slice path; /* "" if any */
    uint64_t conds_hash;   /* the same for the same set of conditions, in any order */
    uint32_t host;         /* index into hosts */
    uint32_t number;       /* of the route */
    uint32_t conds_n;
    bool is_exact;
};

struct jst_route_items {
    struct jst_route_item *v; /* by host, path, exact first, most conditions first, number */
    struct jst_slice *hosts;  /* lower case, ".example.com" for a wildcard, "" for any host */
    char *text;               /* of the host names */
    size_t n;
    size_t hosts_n;
};

/** JOIST_E_NOMEM, JOIST_E_LIMIT; then there is nothing to fini. */
int jst_route_items_init(struct jst_route_items *out, const struct joist_route_conf *routes,
                         size_t n);
void jst_route_items_fini(struct jst_route_items *items);
