// SPDX-License-Identifier: MIT
#pragma once
/*
 * Upstream pools: choose a target, reuse or open a connection, run a call on it.
 *
 * Job:     pools (immutable, in the snapshot), live targets (per reactor, by identity), their
 *          connections, calls that wait for one, running again what an origin did nothing with.
 * Not:     no protocol: connections are opened through jst_client_open_f.
 * Flow:    engine: jst_pool_create() -> snapshot; each reactor: jst_upool_acquire() for each of the
 *          snapshot's pools -> jst_upstream_call() by the proxy handler -> client -> events.
 * Owner:   jst_pool is counted; a reactor owns its jst_upstreams and in it the live targets,
 *          which stay as long as some acquired pool names them (identity: scheme, host, port, TLS),
 *          so connections survive a swap of configurations.
 * Threads: jst_pool is immutable, but for the addresses of names (one atomic pointer a name);
 *          jst_upstreams belongs to its reactor.
 */
#include "http/client.h"

#include <joist/conf.h>

struct jst_names;      /* resolve.h */
struct jst_pool;       /* immutable */
struct jst_states;     /* state.h */
struct jst_tls_report; /* wire/tls.h */
struct jst_upstreams;  /* a reactor's live side */
struct jst_upool;      /* a reactor's live side of one pool, valid until it is released */
struct jst_upool_hold;

/** Compile. Names are added to `names`, which looks them up (NULL: they stay without an address).
 *  Files of TLS are read; what is wrong with it is told to `report` (may be NULL). JOIST_E_NOMEM,
 *  JOIST_E_INVAL (no URL; TLS, after reporting all). */
int jst_pool_create(struct jst_pool **out, const struct joist_pool_conf *conf,
                    struct jst_names *names, struct jst_tls_report *report);

/** How many targets it has. */
size_t jst_pool_size(const struct jst_pool *p);

/** Has the target of that number an address? */
bool jst_pool_has_address(const struct jst_pool *p, size_t target);

/** It is counted: by the snapshot, and by each reactor's side of it. The last one frees it. */
struct jst_pool *jst_pool_ref(struct jst_pool *p);
void jst_pool_unref(struct jst_pool **take);

/** Only look: what create would report of TLS, and no name is resolved. JOIST_E_INVAL,
 *  JOIST_E_NOMEM. */
int jst_pool_check(const struct joist_pool_conf *conf, struct jst_tls_report *report);

/** Once, before the pool is used: if its strategy or another part of it wants to know more of its
 *  targets than their addresses (needs_tracking() in track.c), that is shared through `states`,
 *  which must outlive the pool. `now_ms`: of the monotonic clock. JOIST_E_NOMEM. */
int jst_pool_track(struct jst_pool *p, const struct joist_pool_conf *conf,
                   struct jst_states *states, uint64_t now_ms);

/** Open connections through `open`. JOIST_E_NOMEM. */
int jst_upstreams_create(struct jst_upstreams **out, struct jst_local *local,
                         jst_client_open_f *open);

/** All idle connections are closed, calls under way are cut (JOIST_E_CANCELED). The sockets close
 *  at the end of the turn: one more must be run. Pools may be released before or after. */
void jst_upstreams_destroy(struct jst_upstreams **take);

/** Make the reactor's side of a pool: live targets are found by identity or made.
 *  JOIST_E_NOMEM. Release when the snapshot's last request on this reactor is over. */
int jst_upool_acquire(struct jst_upool **out, struct jst_upstreams *u, struct jst_pool *p,
                      uint64_t keepalive_ms);
/** The same, in the place of `like`, of whose targets it has most: live targets and turns are taken
 *  over from it. NULL: of none. */
int jst_upool_acquire_like(struct jst_upool **out, struct jst_upstreams *u, struct jst_pool *p,
                           uint64_t keepalive_ms, const struct jst_upool *like);
/** It stays while calls hold it. */
void jst_upool_release(struct jst_upool **take);

/** Its generation keeps it at `*current`, and will keep there whatever takes its place: calls that
 *  are to go to another target look there. `current` outlives its calls. */
void jst_upool_keep_at(struct jst_upool *p, struct jst_upool *const *current);

/** A pool has other targets now: calls that wait for one look among them at the end of the turn. */
void jst_upstreams_look(struct jst_upstreams *u);

/** What calls have held (jst_call.holds): when they are all over. */
void jst_upool_let_go(struct jst_upool_hold **holds);

/** Addresses of names have changed: idle connections to those that are gone are closed, busy ones
 *  take no new call. What jst_target_addrs() gave before is not to be used after this. */
void jst_upstreams_refresh(struct jst_upstreams *u);

/** Close idle connections (drain). */
void jst_upstreams_close_idle(struct jst_upstreams *u);

/**
 * Run `call` on a target of the pool. Errors come posted through call->on_response->abort():
 * JOIST_E_UNAVAILABLE (no target can be used, or the pool is stopped), JOIST_E_BUSY (too many wait
 * for a target), JOIST_E_EXPIRED (it waited too long), JOIST_E_REFUSED, JOIST_E_UNREACH,
 * JOIST_E_NOTFOUND (a Unix socket that is not there), JOIST_E_TIMEOUT (connect or response),
 * JOIST_E_RESET, JOIST_E_CLOSED, JOIST_E_IO, JOIST_E_PROTO (malformed response), JOIST_E_CERT and
 * JOIST_E_TLS (call->tls_error says more), JOIST_E_UNSUPPORTED (an upgrade), JOIST_E_NOFILE,
 * JOIST_E_NOMEM. Unseen by the caller, the call is started again
 *
 * - on another connection, when the TLS handshake at one of several addresses comes to nothing, or
 *   the name has other addresses by now. That one cannot be connected to starts nothing again: the
 *   next one is tried beneath it (wire/race.h);
 * - on another target, when none of them can (up to JST_RETRY_CONNECTS_DEFAULT targets);
 * - on another connection, when a kept one turns out closed before any byte of a response, the
 *   method is idempotent (RFC 9110 9.2.2) and no body was sent. Other methods have a kept
 *   connection probed before it is used;
 * - on another connection, whatever the method, when the origin said that it did nothing with it
 *   (call->unprocessed) and no body was sent; JST_UPSTREAM_RETRIES_MAX times in all;
 * - over HTTP/1.1, when it is an upgrade that the origin's HTTP/2 does not take;
 * - on any target, others first, when it was sent and failed, and the pool's retry or hedge says so
 *   (guard.h).
 *
 * A pool's retry and hedge, and timeouts->upstream_total_ms (JOIST_E_TIMEOUT, call->out_of_time),
 * are seen to as well; until a head is passed on nothing of that is seen but interim heads. They
 * need call->arena.
 *
 * `*target` names the one chosen (lives as long as the pool); an empty call->host becomes its name.
 */
void jst_upstream_call(struct jst_upool *p, struct jst_call *call, struct jst_slice *target);

/** The name of its pool, for logs; "": the pool counts nothing, and has none. Lives as long as the
 *  pool. */
const char *jst_upstream_name(const struct jst_call *call);

/** What the caller says of its call while it is under way, instead of speaking to call->request and
 *  call->response itself: tries may change beneath it. */
void jst_upstream_data(struct jst_call *call, struct jst_chain *move);
void jst_upstream_end(struct jst_call *call, const struct jst_fields *trailers);
void jst_upstream_resume(struct jst_call *call, size_t credit);
/** The request cannot go on; or no response is wanted any more. Nothing is told to the caller after
 *  this. Both may come, in either order. */
void jst_upstream_abort(struct jst_call *call, int why);
void jst_upstream_cancel(struct jst_call *call, int why);
