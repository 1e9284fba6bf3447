// SPDX-License-Identifier: MIT
#pragma once
/*
 * The engine's own struct; for engine.c, resolver.c and reactor.c.
 */
#include "engine/reactor.h"

/* To one reactor, which answers when it has carried it out (order_all() in order.c waits). */
struct jst_order {
    struct jst_mail mail;
    int (*carry_out)(const struct jst_order *o);
    struct jst_reactor *reactor;
    struct jst_snapshot *snap;
    uint64_t deadline_ms;
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
    struct jst_log_source *log; /* borrowed: the caller's source */
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
};

/* ---- resolver.c ---- */

/** Names, as yet none; the thread starts with the first. JOIST_E_NOMEM, JOIST_E_NOFILE. */
int jst_resolver_create(struct joist_engine *e, const struct joist_conf *conf);

/** The reactors run: addresses may change from now on. */
void jst_resolver_serve(struct joist_engine *e);

/** Ends the thread. Before the reactors end. */
void jst_resolver_stop(struct joist_engine *e);

/* ---- order.c; each returns when all reactors have carried it out ---- */

/** Make a generation of `snap` ready on all of them; on failure on none. JOIST_E_NOMEM. */
int jst_order_prepare(struct joist_engine *e, struct jst_snapshot *snap);

/** Make it current: cannot fail while they run. JOIST_E_STATE. */
int jst_order_commit(struct joist_engine *e);
int jst_order_drain(struct joist_engine *e, uint64_t deadline_ms);

/** A reactor has nothing left. Any thread. */
void jst_engine_drained(struct joist_engine *e);
