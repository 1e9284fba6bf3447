// SPDX-License-Identifier: MIT
#pragma once
/*
 * A reactor: one thread, its loop, its connections, and the generation it serves with.
 *
 * Flow:    jst_reactor_create() -> start() (thread) -> accept -> proto -> request.c -> ...
 *          Control comes by mail: prepare/commit a generation, drain, stop.
 * Owner:   the engine. Threads: create, start and destroy by the engine's caller; the rest is the
 *          reactor's own.
 */
#include "engine/client_table.h"
#include "engine/listener.h"
#include "engine/logger.h"
#include "engine/snapshot.h"

#include <pthread.h>

struct joist_engine;
struct jst_reactor;

#define JST_GEN_MAGIC 0x67656e31u /* "gen1" */

/** A snapshot as one reactor uses it: counted without atomics, one count a request. */
struct jst_gen {
    struct jst_snapshot *snap; /* owned reference */
    struct jst_upool **upools; /* owned; as many as snap has pools */
    uint64_t uses;             /* requests that began with it, and one while it is current */
    uint32_t magic;            /* it travels as jst_stream.engine */
};

struct jst_acceptor {
    struct jst_io io; /* borrowed descriptor */
    struct jst_reactor *reactor;
    const struct jst_listener *listener;
    uint16_t number;              /* the listener's */
    bool stopped;                 /* for good */
    struct jst_task task;         /* more to accept than one batch */
    struct jst_timer drain_timer; /* of this listener alone */
};

struct jst_reactor {
    /* owned */
    struct jst_loop *loop;
    struct jst_acceptor *acceptors;
    size_t acceptors_n;
    struct jst_gen *gen;        /* current */
    struct jst_gen *next_gen;   /* prepared, not yet current */
    struct jst_upool *replaced; /* what gen had at replaced_at, until all reactors have another */
    size_t replaced_at;
    struct jst_timer accept_timer; /* after EMFILE */
    struct jst_timer drain_timer;
    /* borrowed */
    struct joist_engine *engine;
    struct jst_log_source *log;
    /* plain */
    struct jst_local local;
    struct jst_service svc;
    struct jst_server_conf h1;
    struct jst_server_owner owner;
    struct jst_list conns; /* HTTP/1.1 */
    struct jst_list h2_conns;
    struct jst_list handshakes;
    bool accepting;
    bool draining;
    bool drained;
    bool wants_access;
    pthread_t thread;
    bool started;
};

int jst_reactor_create(struct jst_reactor **out, struct joist_engine *e, size_t number);
int jst_reactor_start(struct jst_reactor *r);

/** Ends the thread if it runs; what is open is cut. */
void jst_reactor_destroy(struct jst_reactor **take);

/** Before the thread runs, or on it: make a generation of `snap` ready (takes a reference), then
 *  make it current, or let it go again (none prepared is fine). JOIST_E_NOMEM. */
int jst_reactor_prepare(struct jst_reactor *r, struct jst_snapshot *snap);
void jst_reactor_commit(struct jst_reactor *r);
void jst_reactor_discard(struct jst_reactor *r);

/** On its thread: another pool in the place of one of the current generation. What begins from now
 *  on goes by it. JOIST_E_NOMEM: nothing has changed. One end follows, with `undo` if another
 *  reactor could not; without a replacement it does nothing. */
int jst_reactor_replace(struct jst_reactor *r, size_t pool, struct jst_pool *by);
void jst_reactor_replace_end(struct jst_reactor *r, bool undo);

/** On its thread. */
void jst_reactor_drain(struct jst_reactor *r, uint64_t deadline_ms);
void jst_reactor_drain_listener(struct jst_reactor *r, size_t listener, uint64_t deadline_ms);

/** With random bytes of the system's; for each thread that has a jst_local. */
void jst_reactor_seed(struct jst_rand *rand);

/** One use less; the last frees it. */
void jst_gen_unuse(struct jst_gen *g);

/** What a request began with; from jst_request_begin() on. */
static inline const struct jst_gen *
jst_gen_of(const struct jst_stream *s)
{
    const struct jst_gen *g = s->engine;

    JST_ASSERT_HOT(g->magic == JST_GEN_MAGIC);
    return g;
}
