// SPDX-License-Identifier: MIT
#pragma once
/*
 * Which route takes a request: host, path, method, headers. Pure; reads an immutable table.
 *
 * Job:     compile the routes of a configuration once, answer lookups from any thread.
 * Not:     it runs nothing; a route is a number, the engine knows what stands behind it.
 * Flow:    engine (snapshot) -> jst_routes_build(); proto -> engine -> jst_routes_find()
 * Owner:   the snapshot owns the table; strings are copied into it.
 * Threads: build on one; find on any, at the same time, without locks.
 * Limits:  JST_ROUTES_MAX and the others below.
 * Start:   README.md for what wins over what, table.h for how it is found.
 */
#include "codec/h1.h"

#define JST_ROUTES_MAX           1000000u
#define JST_ROUTE_PAIRS_MAX      4000000u /* of route and host */
#define JST_ROUTE_HOST_MAX_BYTES 253u     /* RFC 1035 2.3.4, less the length bytes */
#define JST_ROUTE_PATH_MAX_BYTES 8192u    /* as long as a request target is by default */

struct jst_routes;
struct joist_route_conf;

struct jst_route_query {
    struct jst_slice host; /* without port; compared without case; a trailing dot is cut before */
    struct jst_slice path; /* normalized, from '/' */
    struct jst_slice method;
    const struct jst_fields *fields; /* for header conditions; may be NULL */
};

/** Compile. The caller has checked hosts and paths with the functions below. Route i is number i.
 *  JOIST_E_NOMEM; JOIST_E_LIMIT if there are too many. */
int jst_routes_build(struct jst_routes **out, const struct joist_route_conf *routes, size_t n);
void jst_routes_destroy(struct jst_routes **take);

/** The number of the most specific route (see struct joist_route_conf), or JOIST_E_NOTFOUND. A
 *  host that has routes of its own does not fall through to a wildcard's or to those of any host.
 *  A route for GET takes HEAD too. */
int jst_routes_find(const struct jst_routes *r, const struct jst_route_query *q);

/** After JOIST_E_NOTFOUND: is there a route that all but the method fits? Then the answer is 405
 *  with these methods as an Allow list ("GET, HEAD"); returns its length, or 0. */
size_t jst_routes_allowed(const struct jst_routes *r, const struct jst_route_query *q, char *out,
                          size_t cap);

/** Is there any route for this host: its own, its wildcard's, or one for any host? */
bool jst_routes_has_host(const struct jst_routes *r, struct jst_slice host);

/** Bytes that the table takes, for the benchmark. */
size_t jst_routes_bytes(const struct jst_routes *r);

/** One route's host or path patterns: is it well-formed? JOIST_E_INVAL with a sentence in `why`
 *  ("a wildcard stands for one whole label, as in *.example.com"). */
int jst_route_host_check(const char *host, const char **why);
int jst_route_path_check(const char *path, const char **why);

/** Do two routes say exactly the same on a host that they share (there the second could never be
 *  chosen)? Finds the pair whose second comes first; returns 1 and the two numbers, 0 if none, or
 *  JOIST_E_NOMEM, JOIST_E_LIMIT. */
int jst_routes_find_duplicate(const struct joist_route_conf *routes, size_t n, size_t *first,
                              size_t *second);
