// SPDX-License-Identifier: MIT
#pragma once
/*
 * Names of origins: their addresses, asked for again when their time is over.
 *
 * Job:     one record for each name (host and port, or service), shared by all pools of all
 *          configurations; a thread that asks DNS and /etc/hosts through c-ares.
 * Not:     it chooses no address and opens no connection; it makes no thread (the engine does).
 * Flow:    jst_pool_create() adds names -> on_needed() -> jst_names_run() on a thread -> the first
 *          answers (jst_names_wait()) -> later ones -> on_changed() -> each reactor:
 *          jst_upstreams_refresh(), then jst_names_seen().
 * Owner:   the engine; it outlives the snapshots, whose targets count the names they use.
 * Threads: names are added and waited for by any; jst_names_run() by one. A name's addresses are
 * one atomic pointer. What was there before is freed when all reactors have said that they have
 *          seen the change, and until then no other change of that name is made known.
 * Limits:  JST_TARGET_ADDRS_MAX addresses a name, JST_DNS_FLIGHTS_MAX look-ups at once.
 */
#include "base/base.h"

#include <joist/conf.h>

struct jst_names;

struct jst_names_events {
    /** The first name is there: let a thread call jst_names_run(). On the thread that added it.
     *  Below 0: there will be none; nothing is waited for. */
    int (*on_needed)(void *ctx);
    /** Tell every reader. On the thread of jst_names_run(), as all that follow. */
    void (*on_changed)(void *ctx);
    /** Names have other addresses, or first ones: whoever made something of them makes it anew
     *  (jst_pool_has_moved()). Many changes may be told as one. Below 0: it is told again later.
     * May be NULL. */
    int (*on_moved)(void *ctx);
    /** It has addresses, but cannot be found any more: they stay. Told once. */
    void (*on_lost)(void *ctx, struct jst_slice name, const char *why);
    /** It is found again, or for the first time after it was missing at the start. */
    void (*on_found)(void *ctx, struct jst_slice name);
};

/** JOIST_E_NOMEM, JOIST_E_NOFILE. */
int jst_names_create(struct jst_names **out, const struct jst_names_events *ev, void *ctx);
/** Nobody may use a name of it any more. */
void jst_names_destroy(struct jst_names **take);

/** Is it "127.0.0.1", "127.0.0.1:53", "::1" or "[::1]:53"? */
bool jst_names_is_server(struct jst_slice text);

/** Settings for all look-ups that begin later; checked before. JOIST_E_NOMEM. */
int jst_names_set(struct jst_names *n, const struct joist_dns_conf *conf);

/** Until each name that was added has had its first answer, `ms` at most. */
void jst_names_wait(struct jst_names *n, uint64_t ms);

/** From now on `readers` reactors run, and answers may change. */
void jst_names_serve(struct jst_names *n, unsigned readers);

/** One reader has seen what on_changed told. Any thread. */
void jst_names_seen(struct jst_names *n);

/** Until jst_names_stop(). */
void jst_names_run(struct jst_names *n);
void jst_names_stop(struct jst_names *n);
