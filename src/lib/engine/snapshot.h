// SPDX-License-Identifier: MIT
#pragma once
/*
 * A configuration, compiled: immutable, shared by all reactors until the last one lets go.
 *
 * Flow:    joist_conf -> jst_report_conf() (check) -> jst_fronts_create() ->
 *          jst_snapshot_create() -> reactors adopt it.
 * Owner:   counted: the engine holds one reference while it is current, each reactor's generation
 *          one more. Whoever lets go last frees it, on whatever thread.
 * Threads: read by all, written by none.
 */
#include "engine/front.h"
#include "filter/set_headers.h"
#include "handler/handler.h"
#include "proto/server.h"
#include "route/route.h"
#include "upstream/resolve.h"
#include "upstream/slots.h"
#include "upstream/upstream.h"

#include <joist/joist.h>

struct jst_route {
    struct jst_handler *handler; /* owned */
    struct jst_slice name;
    size_t strip_n; /* bytes of the path that the handler does not see */
    struct jst_header_set headers;
    struct jst_header_set tls_headers; /* instead, over TLS: with Strict-Transport-Security */
    uint64_t body_max_bytes;
    struct joist_timeouts_conf timeouts;
    bool is_proxy;
};

struct jst_snapshot {
    struct jst_arena arena;   /* owned: all that has no owner of its own below */
    struct jst_routes *table; /* owned */
    struct jst_route *routes; /* arena; handlers owned */
    size_t routes_n;
    struct jst_fronts *fronts;    /* owned; one for each listener */
    struct jst_pool **pools;      /* arena; pools counted. Of the current snapshot the engine puts
                                     others in their place (replace.c), reactors read them in prepare */
    struct jst_slice *pool_names; /* arena */
    size_t pools_n;
    struct jst_slots *
        *slots;    /* arena; owned; of pools that are made of slots, the others' are NULL */
    bool *is_slot; /* arena; of pools that are slots of others */
    struct jst_cidr *trusted; /* arena */
    size_t trusted_n;
    struct jst_server_conf h1; /* server_line in the arena */
    enum joist_tunnel_policy tunnels;
    bool debug;    /* X-Joist-Error */
    uint32_t refs; /* atomic */
};

/** Compile a configuration that has no errors; `fronts` are those that were made of it. Names are
 *  added to `names` (NULL: not looked up), and for a while their first answers are waited for;
 * those that have none are warnings to `r`. JOIST_E_NOMEM, JOIST_E_INVAL (a file of TLS that cannot
 * be used any more; reported). */
int jst_snapshot_create(struct jst_snapshot **out, const struct joist_conf *conf,
                        struct jst_fronts **take_fronts, struct jst_names *names,
                        struct jst_report *r);

/** Before a reactor gets it: what is known of its targets is found in `states`, which outlives it.
 *  JOIST_E_NOMEM, JOIST_E_LIMIT. */
int jst_snapshot_track(struct jst_snapshot *s, const struct joist_conf *conf,
                       struct jst_states *states);
/** ... and after that: addresses of names become targets, as far as they are known. JOIST_E_NOMEM
 */
int jst_snapshot_expand(struct jst_snapshot *s, struct jst_names *names);
/** The same for one pool, which another one may take the place of. Any thread. */
int jst_snapshot_expand_pool(struct jst_pool **pool, struct jst_names *names);

/** Number of the pool with that name; pools_n: none. */
static inline size_t
jst_snapshot_find_pool(const struct jst_snapshot *s, struct jst_slice name)
{
    size_t i = 0;

    while (i < s->pools_n && !jst_slice_eq(s->pool_names[i], name)) {
        i++;
    }
    return i;
}

/* ---- snapshot_slots.c ---- */

/** For jst_snapshot_track(). JOIST_E_NOMEM, JOIST_E_LIMIT. */
int jst_snapshot_make_slots(struct jst_snapshot *s, const struct joist_conf *conf,
                            struct jst_states *states);
void jst_snapshot_free_slots(struct jst_snapshot *s);

/** The pool that serves a request to a pool made of slots; `upools`: its generation's. */
size_t jst_snapshot_choose_slot(const struct jst_snapshot *s, size_t pool,
                                struct jst_upool *const *upools, const struct jst_stream *stream);

struct jst_snapshot *jst_snapshot_ref(struct jst_snapshot *s);
void jst_snapshot_unref(struct jst_snapshot **take);

/** Is the address one whose forwarding headers are believed? */
bool jst_snapshot_trusts(const struct jst_snapshot *s, const struct jst_addr *a);
bool jst_snapshot_trusts_text(const struct jst_snapshot *s, struct jst_slice ip);
