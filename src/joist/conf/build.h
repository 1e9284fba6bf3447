// SPDX-License-Identifier: MIT
#pragma once
/*
 * What build.c (sites and routes), build_pools.c, build_tls.c (listeners and certificates) and
 * build_ech.c share while the engine's structs are made.
 */
#include "conf/conf.h"

/* A pool that can be referred to: a named one, or the origin of `proxy = "http://..."`, which
 * 10,000 sites may share. */
struct jst_pool_slot {
    struct jst_slice key; /* p NULL: free */
    const char *name;
};

struct jst_build {
    struct jst_conf *conf;
    struct jst_diags *report;
    struct joist_route_conf *routes;
    size_t routes_n;
    struct joist_pool_conf *pools;
    size_t pools_n;
    struct joist_ech_key_conf *ech_keys;
    size_t ech_keys_n;
    struct jst_pool_slot *slots; /* open addressing; a power of two, at most half full */
    size_t slots_n;
    uint32_t idle_max; /* of pools that nobody wrote down */
    int rc;
};

/** Zeroed memory of the configuration; NULL and b->rc set when there is none. */
void *jst_build_take(struct jst_build *b, size_t n);

struct joist_pos jst_build_pos(const struct jst_build *b, const struct jst_span *at);

struct joist_pos jst_build_pos_of_part(const struct jst_build *b, const struct jst_part *part);

/* build_tls.c, build_ech.c */
void jst_build_listeners(struct jst_build *b);
void jst_build_certs(struct jst_build *b);
void jst_build_ech(struct jst_build *b);

/* build_pools.c; `value` is the node that names the pool or origin, for messages. */
void jst_build_named_pools(struct jst_build *b);
void jst_build_written_pool(struct jst_build *b, const char *name,
                            const struct jst_part_pool *part);

/** "NAME.SLOT"; NULL when out of memory or the slot has no name. */
const char *jst_build_slot_name(struct jst_build *b, const char *pool,
                                const struct jst_part_pool *slot);

/* build_slots.c: what a pool says beyond its targets; its slots, each a pool that is added. */
void jst_build_parts(struct jst_build *b, struct joist_pool_conf *to,
                     const struct jst_part_pool *part);
void jst_build_slots(struct jst_build *b, struct joist_pool_conf *to,
                     const struct jst_part_pool *part);

/** The pool of one origin, made when it is met first; NULL when out of memory. */
const char *jst_build_pool_of_origin(struct jst_build *b, struct jst_slice origin,
                                     const struct jst_node *value);

/** The pool of a name; NULL if there is none (reported) or it has an error inside. */
const char *jst_build_pool_of_name(struct jst_build *b, const char *name,
                                   const struct jst_node *value);
