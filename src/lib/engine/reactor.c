// SPDX-License-Identifier: MIT
#include "engine/reactor.h"

#include "engine/accept.h"
#include "engine/engine_int.h"
#include "engine/request.h"
#include "proto/dial.h"
#include "proto/h2_mem.h"
#include "proto/server.h"
#include "sys/thread.h"
#include "wire/readbuf.h"

#include <stdlib.h>
#include <sys/random.h>

/* Closing ends at a turn's end; cancelled calls to origins close in the turn after. Two to spare.
 */
#define CLOSING_TURNS 4

/* ---- draining ---- */

static bool
has_conns(const struct jst_reactor *r)
{
    return !jst_list_is_empty(&r->conns) || !jst_list_is_empty(&r->h2_conns) ||
           !jst_list_is_empty(&r->handshakes);
}

static void
check_drained(struct jst_reactor *r)
{
    if (r->draining && !r->drained && !has_conns(r)) {
        r->drained = true;
        jst_timer_stop(&r->drain_timer);
        jst_upstreams_close_idle(r->local.upstreams);
        jst_engine_drained(r->engine);
    }
}

static void
on_conn_gone(struct jst_server_owner *owner, const struct jst_peer *peer)
{
    struct jst_reactor *r = JST_CONTAINER(owner, struct jst_reactor, owner);

    jst_accept_dismiss(r, peer);
    check_drained(r);
}

static int
on_conn_source(struct jst_server_owner *owner, struct jst_peer *peer)
{
    return jst_accept_source(JST_CONTAINER(owner, struct jst_reactor, owner), peer);
}

static void
on_drain_timer(struct jst_timer *t)
{
    struct jst_reactor *r = JST_CONTAINER(t, struct jst_reactor, drain_timer);

    jst_server_close_all(&r->owner);
}

void
jst_reactor_drain(struct jst_reactor *r, uint64_t deadline_ms)
{
    jst_accept_stop(r, true);
    r->draining = true;
    jst_server_drain_all(&r->owner);
    if (r->gen->snap->tunnels == JOIST_TUNNEL_CUT) {
        jst_server_close_tunnels(&r->owner);
    }
    if (!r->drained) {
        jst_timer_set(r->loop, &r->drain_timer, jst_loop_now_ms(r->loop) + deadline_ms);
    }
    check_drained(r);
}

static void
on_listener_timer(struct jst_timer *t)
{
    struct jst_acceptor *a = JST_CONTAINER(t, struct jst_acceptor, drain_timer);

    jst_server_close_listener(&a->reactor->owner, a->number);
}

void
jst_reactor_drain_listener(struct jst_reactor *r, size_t listener, uint64_t deadline_ms)
{
    struct jst_acceptor *a = &r->acceptors[listener];
    uint64_t now = jst_loop_now_ms(r->loop);

    jst_accept_stop_one(r, listener);
    jst_server_drain_listener(&r->owner, a->number);
    if (r->gen->snap->tunnels == JOIST_TUNNEL_CUT) {
        jst_server_close_listener_tunnels(&r->owner, a->number);
    }
    jst_timer_set(r->loop, &a->drain_timer,
                  deadline_ms < JST_NEVER - now ? now + deadline_ms : JST_NEVER);
}

static int
init_listener_timers(struct jst_reactor *r)
{
    int rc = JOIST_OK;

    for (size_t i = 0; i < r->acceptors_n && rc == JOIST_OK; i++) {
        rc = jst_timer_init(r->loop, &r->acceptors[i].drain_timer, on_listener_timer);
    }
    return rc;
}

/* ---- the thread ---- */

static void *
run(void *arg)
{
    struct jst_reactor *r = arg;

    jst_loop_run(r->loop);
    jst_accept_stop(r, false); /* else newcomers would keep the end from coming */
    jst_server_close_all(&r->owner);
    for (int i = 0; i < CLOSING_TURNS || has_conns(r); i++) {
        jst_loop_turn(r->loop, 0);
    }
    jst_upstreams_destroy(&r->local.upstreams);
    for (int i = 0; i < CLOSING_TURNS; i++) {
        jst_loop_turn(r->loop, 0);
    }
    jst_files_destroy(&r->local.files);
    jst_reactor_discard(r);
    jst_reactor_replace_end(r, false);
    if (r->gen != NULL) {
        jst_gen_unuse(r->gen);
        r->gen = NULL;
    }
    jst_h2_mem_thread_fini();
    jst_readbuf_thread_fini();
    jst_buf_thread_fini();
    return NULL;
}

int
jst_reactor_start(struct jst_reactor *r)
{
    int rc = jst_accept_start(r);

    if (rc == JOIST_OK) {
        rc = jst_thread_start(&r->thread, run, r);
        r->started = rc == JOIST_OK;
    }
    return rc;
}

/* ---- life ---- */

void
jst_reactor_seed(struct jst_rand *rand)
{
    uint8_t bytes[32] = {0};

    if (getrandom(bytes, sizeof(bytes), 0) < 0) {
        uintptr_t here = (uintptr_t)rand; /* identifiers only: unique enough */

        memcpy(bytes, &here, sizeof(here));
    }
    jst_rand_init(rand, bytes);
}

int
jst_reactor_create(struct jst_reactor **out, struct joist_engine *e, size_t number)
{
    struct jst_reactor *r = calloc(1, sizeof(*r));
    int rc;

    if (r == NULL) {
        return JOIST_E_NOMEM;
    }
    r->engine = e;
    r->log = jst_logger_source(e->logger, number + 1);
    r->wants_access = jst_logger_wants_access(e->logger);
    jst_list_init(&r->conns);
    jst_list_init(&r->h2_conns);
    jst_list_init(&r->handshakes);
    r->svc = (struct jst_service){jst_request_begin, jst_request_done};
    r->owner = (struct jst_server_owner){.svc = &r->svc,
                                         .conf = &r->h1,
                                         .local = &r->local,
                                         .conns = &r->conns,
                                         .h2_conns = &r->h2_conns,
                                         .handshakes = &r->handshakes,
                                         .on_source = on_conn_source,
                                         .on_gone = on_conn_gone};
    jst_reactor_seed(&r->local.rand);
    rc = jst_loop_create(&r->loop, NULL);
    if (rc < 0) {
        goto fail;
    }
    r->local.loop = r->loop;
    r->local.log = &r->log->log;
    r->log->loop = r->loop;
    if ((rc = jst_timer_init(r->loop, &r->accept_timer, jst_accept_on_timer)) < 0 ||
        (rc = jst_timer_init(r->loop, &r->drain_timer, on_drain_timer)) < 0 ||
        (rc = jst_upstreams_create(&r->local.upstreams, &r->local, jst_dial)) < 0 ||
        (rc = jst_files_create(&r->local.files, &r->local)) < 0 ||
        (rc = jst_accept_init(r, number)) < 0 || (rc = init_listener_timers(r)) < 0 ||
        (rc = jst_reactor_prepare(r, e->current)) < 0) {
        goto fail;
    }
    jst_reactor_commit(r);
    *out = r;
    return JOIST_OK;
fail:
    jst_reactor_destroy(&r);
    return rc;
}

static void
deliver_stop(struct jst_mail *m, struct jst_loop *l)
{
    (void)m;
    if (l != NULL) {
        jst_loop_stop(l);
    }
}

void
jst_reactor_destroy(struct jst_reactor **take)
{
    struct jst_reactor *r = *take;
    struct jst_mail stop = {.deliver = deliver_stop};

    *take = NULL;
    if (r == NULL) {
        return;
    }
    if (r->started) {
        jst_loop_send(r->loop, &stop);
        pthread_join(r->thread, NULL);
    } else if (r->loop != NULL) {
        jst_upstreams_destroy(&r->local.upstreams);
        jst_files_destroy(&r->local.files);
        if (r->gen != NULL) {
            jst_gen_unuse(r->gen);
        }
    }
    if (r->loop != NULL) {
        jst_timer_fini(r->loop, &r->accept_timer);
        jst_timer_fini(r->loop, &r->drain_timer);
        for (size_t i = 0; i < r->acceptors_n; i++) {
            jst_timer_fini(r->loop, &r->acceptors[i].drain_timer);
        }
    }
    r->log->loop = NULL;
    jst_loop_destroy(&r->loop);
    free(r->acceptors);
    free(r);
}
