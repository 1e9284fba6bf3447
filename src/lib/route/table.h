// SPDX-License-Identifier: MIT
#pragma once
/*
 * The compiled table of routes; only for build.c and find.c.
 *
 * host text --hash--> slot --> host --> its nodes, sorted by path --> the rules of a node
 *
 * A node is one path of one host. The longest node path that a request's path begins with is the
 * greatest node not after it in byte order, or one of that node's parents: everything between a
 * prefix of a text and the text itself begins with that prefix. So one binary search and a walk
 * up the parents see every node that can match, the longest first.
 *
 * Why not a hash of each prefix: the same speed for small sites, but requests with many slashes
 * would buy many look-ups; here the walk is bounded by the routes that the configuration nests.
 */
#include "route/route.h"

#define JST_ROUTE_NONE UINT32_MAX

/* Open addressing, at most half full; host + 1, 0 is a free slot. */
struct jst_route_slot {
    uint32_t hash;
    uint32_t host;
};

struct jst_route_host {
    uint32_t text; /* lower case; ".example.com" for "*.example.com"; "" for any host */
    uint32_t text_n;
    uint32_t nodes;
    uint32_t nodes_n;
};

struct jst_route_node {
    uint32_t text; /* "" takes any path */
    uint32_t text_n;
    uint32_t parent; /* within the host: the longest other node that begins this one, or NONE */
    uint32_t rules;  /* exact ones first, most conditions first, then in their order */
};

struct jst_route_rule {
    uint32_t route : 30;
    uint32_t is_exact : 1; /* only this path itself, not what lies below */
    uint32_t is_last : 1;  /* of its node */
    uint32_t cond;         /* or NONE */
};

struct jst_route_cond {
    uint32_t methods;  /* bit 1 << enum jst_method; 0: any method */
    uint32_t pairs;    /* first other methods (name only), then headers */
    uint16_t others_n; /* methods that have no number */
    uint16_t headers_n;
};

struct jst_route_pair {
    struct jst_slice name;
    struct jst_slice value; /* p is NULL: any value */
    uint32_t id;            /* enum jst_field_id of a header */
};

struct jst_routes {
    struct jst_route_slot *slots;
    struct jst_route_host *hosts;
    struct jst_route_node *nodes;
    struct jst_route_rule *rules;
    struct jst_route_cond *conds;
    struct jst_route_pair *pairs; /* slices point into `text` */
    char *text;                   /* hosts, paths (each different one once), names and values */
    uint32_t slots_n;             /* a power of two */
    uint32_t any_host;            /* or NONE */
    size_t bytes;
};

/** Hosts are looked up by this hash of their lower-case text. */
static inline uint32_t
jst_route_hash(struct jst_slice host)
{
    return (uint32_t)jst_hash(host, 0);
}

static inline uint32_t
jst_route_find_host(const struct jst_routes *r, struct jst_slice host)
{
    uint32_t hash = jst_route_hash(host);

    for (uint32_t i = hash & (r->slots_n - 1);; i = (i + 1) & (r->slots_n - 1)) {
        const struct jst_route_slot *slot = &r->slots[i];
        const struct jst_route_host *h;

        if (slot->host == 0) {
            return JST_ROUTE_NONE;
        }
        h = &r->hosts[slot->host - 1];
        if (slot->hash == hash && jst_slice_eq(host, jst_slice(r->text + h->text, h->text_n))) {
            return slot->host - 1;
        }
    }
}
