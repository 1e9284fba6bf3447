// SPDX-License-Identifier: MIT
#pragma once
/*
 * The engine's own struct; for engine.c, resolver.c, health.c and reactor.c.
 */
#include "engine/reactor.h"
#include "upstream/control.h"

struct jst_checker; /* health.c */
struct jst_health;  /* upstream/health.h */

/* To one reactor, which answers when it has carried it out (order_all() in order.c waits). */
struct jst_order {
    struct jst_mail mail;
    int (*carry_out)(const struct jst_order *o);
    struct jst_reactor *reactor;
    struct jst_snapshot *snap;
    uint64_t deadline_ms;
    size_t listener;
    size_t pool; /* number of the one that is replaced, */
    struct jst_pool *by;
    const struct jst_cut_plan *plan; /* of a drain of targets */
};

/* Names have changed: to one reactor, which says when it has seen it (resolver.c). */
struct jst_news {
    struct jst_mail mail;
    struct jst_reactor *reactor;
    struct jst_names *names;
};

struct joist_engine {
    /* owned */
    struct jst_names *names;
    struct jst_news *news; /* one a reactor */
    struct jst_snapshot *current;
    struct jst_logger *logger;
    struct jst_client_table *clients;
    struct jst_states *states;       /* what reactors know of targets together, across swaps */
    struct jst_tls_tickets *tickets; /* the engine's, so that sessions resume across swaps */
    struct jst_listener *listeners;
    size_t listeners_n;
    struct jst_reactor **reactors;
    size_t reactors_n;
    struct jst_order *orders;   /* one a reactor, so that giving them cannot fail */
    struct jst_order *ends;     /* one a reactor: of replacements, which nobody waits for */
    struct jst_log_source *log; /* borrowed: the caller's source */
    /* One at a time: orders, and what `current` is and has. Taken before `lock`; never held while
     * names are waited for, so the resolver's thread may take it. */
    pthread_mutex_t control;
    uint64_t drains_n; /* of targets, so far; under `control` */
    /* under `lock` */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t answers; /* reactors that have answered the current order */
    int answer_rc;  /* the first failure among them */
    size_t drained;
    /* plain */
    uint32_t conns_open; /* atomic */
    int state;           /* enum joist_state; atomic */
    size_t threads;      /* reactors that there will be */
    pthread_t resolver;
    bool resolver_started;
    struct jst_checker *checker; /* owned: the thread of health checks */
    struct jst_health *health;   /* the checker's; any thread may call it (upstream/health.h) */
};

void jst_engine_set_state(struct joist_engine *e, enum joist_state state);

/* ---- resolver.c ---- */

/** Names, as yet none; the thread starts with the first. JOIST_E_NOMEM, JOIST_E_NOFILE. */
int jst_resolver_create(struct joist_engine *e, const struct joist_conf *conf);

/** The reactors run: addresses may change from now on. */
void jst_resolver_serve(struct joist_engine *e);

/** Ends the thread. Before the reactors end. */
void jst_resolver_stop(struct joist_engine *e);

/* ---- health.c ---- */

/** Nothing is checked yet; the thread starts with the first pool that wants it. JOIST_E_NOMEM,
 *  JOIST_E_NOFILE. Destroy also after a failure. */
int jst_checker_create(struct joist_engine *e);
/** Ends the thread. While pools, names and logs are still there. */
void jst_checker_destroy(struct joist_engine *e);
void jst_checker_add_stats(const struct joist_engine *e, struct joist_stats *out);

/* ---- replace.c ---- */

/** Makes the pool that is to take the place of `now`: *out is counted for the caller. On failure
 *  nothing changes. It may leave *out NULL: then nothing is to change. */
typedef int jst_pool_edit_f(void *ctx, struct jst_pool *now, struct jst_pool **out);

/**
 * Change one pool of the current configuration on all reactors. From the return on nothing begins
 * with the pool of before; what runs there goes on. `edit` is called once, on the caller's thread,
 * while nothing else can change a pool or the configuration; it must not wait for names. Any
 * thread, also the resolver's, but no reactor's. JOIST_E_STATE (it does not run), JOIST_E_NOTFOUND
 * (no pool of that name), JOIST_E_NOMEM, and what `edit` returned.
 */
int jst_engine_edit_pool(struct joist_engine *e, struct jst_slice name, jst_pool_edit_f *edit,
                         void *ctx);

/** All reactors have `now`; nothing else can change yet. */
typedef void jst_pool_done_f(void *ctx, struct jst_pool *before, struct jst_pool *now);

/** The same; where the pool was changed, `done` (may be NULL) is called before it returns. */
int jst_engine_change_pool(struct joist_engine *e, struct jst_slice name, jst_pool_edit_f *edit,
                           jst_pool_done_f *done, void *ctx);

/** It was started and has not ended: `current` may be asked, and orders are carried out. */
bool jst_engine_has_reactors(const struct joist_engine *e);

/** Of the clock that the loops read. */
uint64_t jst_engine_now_ms(void);

/** Pools whose names have other addresses are made anew, one after the other. On the thread of
 *  jst_names_run(). JOIST_E_NOMEM: not all of them. */
int jst_engine_follow_names(struct joist_engine *e);

/* ---- order.c; each returns when all reactors have carried it out; `control` is held ---- */

/** Another pool at that place of the current generation; on failure on none. JOIST_E_NOMEM,
 *  JOIST_E_STATE. */
int jst_order_replace(struct joist_engine *e, size_t pool, struct jst_pool *by);

/** Make a generation of `snap` ready on all of them; on failure on none. JOIST_E_NOMEM. */
int jst_order_prepare(struct joist_engine *e, struct jst_snapshot *snap);

/** Make it current: cannot fail while they run. JOIST_E_STATE. */
int jst_order_commit(struct joist_engine *e);
int jst_order_drain(struct joist_engine *e, uint64_t deadline_ms);
int jst_order_drain_listener(struct joist_engine *e, size_t listener, uint64_t deadline_ms);

/** What a drain of targets finds is cut later (jst_cut_begin()). JOIST_E_NOMEM, JOIST_E_LIMIT. */
int jst_order_cut(struct joist_engine *e, const struct jst_cut_plan *plan);

/** A reactor has nothing left. Any thread. */
void jst_engine_drained(struct joist_engine *e);
