// SPDX-License-Identifier: MIT
#include "engine/accept.h"

#include "engine/engine_int.h"
#include "sys/sock.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void
tell_limit(struct jst_reactor *r, uint32_t open)
{
    const struct joist_limits_conf *limits = &r->h1.limits;

    JST_STAT_ADD(&r->local, conns_refused, 1);
    JST_STAT_ADD(&r->local, limit_conns, 1);
    JST_LOG(&r->log->log, WARN, CONNS_LIMIT, "open=%u conns_max=%u conns_per_ip=%u", open,
            limits->conns_max, limits->conns_per_ip);
}

static bool
admit(struct jst_reactor *r, const struct jst_peer *peer)
{
    struct joist_engine *e = r->engine;
    const struct joist_limits_conf *limits = &r->h1.limits;
    uint32_t open = __atomic_add_fetch(&e->conns_open, 1, __ATOMIC_RELAXED);

    if ((limits->conns_max == 0 || open <= limits->conns_max) &&
        (peer->uncounted ||
         jst_client_table_enter(e->clients, &peer->addr, limits->conns_per_ip) == JOIST_OK)) {
        return true;
    }
    (void)__atomic_sub_fetch(&e->conns_open, 1, __ATOMIC_RELAXED);
    tell_limit(r, open - 1);
    return false;
}

int
jst_accept_source(struct jst_reactor *r, struct jst_peer *peer)
{
    struct joist_engine *e = r->engine;
    int rc = jst_client_table_enter(e->clients, &peer->addr, r->h1.limits.conns_per_ip);

    peer->uncounted = rc < 0;
    if (rc < 0) {
        tell_limit(r, __atomic_load_n(&e->conns_open, __ATOMIC_RELAXED));
    }
    return rc;
}

void
jst_accept_dismiss(struct jst_reactor *r, const struct jst_peer *peer)
{
    if (!peer->uncounted) {
        jst_client_table_leave(r->engine->clients, &peer->addr);
    }
    (void)__atomic_sub_fetch(&r->engine->conns_open, 1, __ATOMIC_RELAXED);
}

/* As the current configuration wants the listener to speak: what is open already goes on as it
 * began.
 */
static void
take_conn(struct jst_acceptor *a, int fd, const struct jst_addr *from)
{
    struct jst_reactor *r = a->reactor;
    const struct jst_front *front = &r->gen->snap->fronts->v[a->number];
    struct jst_server_how how = {.tls = front->tls,
                                 .proxy_versions = jst_front_proxy_versions(front, from),
                                 .h1 = front->h1,
                                 .h2 = front->h2};
    struct jst_peer peer = {.addr = *from,
                            .local_port = jst_addr_port(&a->listener->addr),
                            .listener = a->number,
                            .fd = fd,
                            .uncounted = how.proxy_versions != 0};

    if (!admit(r, &peer)) {
        close(fd);
        return;
    }
    if (jst_server_open(&r->owner, fd, &peer, &how) < 0) {
        JST_LOG(&r->log->log, ERROR, OUT_OF_MEMORY, "what=connection");
        close(fd);
        jst_accept_dismiss(r, &peer);
    }
}

/* A shared socket is level-triggered: looking at it while nothing can be accepted would be all that
 * the thread does. */
static void
watch_shared(struct jst_reactor *r, bool on)
{
    for (size_t i = 0; i < r->acceptors_n; i++) {
        struct jst_acceptor *a = &r->acceptors[i];

        if (!a->listener->shared || a->stopped) {
            continue;
        }
        jst_io_remove(r->loop, &a->io);
        if (on && jst_io_add_shared(r->loop, &a->io) < 0) {
            jst_timer_set(r->loop, &r->accept_timer,
                          jst_loop_now_ms(r->loop) + JST_ACCEPT_PAUSE_MS);
        }
    }
}

static void
pause_accepting(struct jst_reactor *r, int why)
{
    JST_LOG(&r->log->log, ERROR, ACCEPT_FAILED, "err=\"%s\" pause_ms=%u", joist_error_text(why),
            JST_ACCEPT_PAUSE_MS);
    jst_timer_set(r->loop, &r->accept_timer, jst_loop_now_ms(r->loop) + JST_ACCEPT_PAUSE_MS);
    watch_shared(r, false);
}

/* True if there may be more. */
static bool
accept_batch(struct jst_acceptor *a)
{
    struct jst_reactor *r = a->reactor;
    struct jst_addr from;

    for (int i = 0; i < JST_ACCEPT_BATCH; i++) {
        int fd = jst_sock_accept(a->io.fd, &from);

        if (fd == JOIST_E_AGAIN) {
            return false;
        }
        if (fd == JOIST_E_RESET) {
            continue;
        }
        if (fd < 0) {
            pause_accepting(r, fd);
            return false;
        }
        take_conn(a, fd, &from);
    }
    return true;
}

static void
accept_some(struct jst_acceptor *a)
{
    if (accept_batch(a) && !a->listener->shared) {
        /* Edge-triggered: the rest would never be announced. */
        jst_loop_post(a->reactor->loop, &a->task);
    }
}

static void
on_acceptable(struct jst_io *io, unsigned events)
{
    struct jst_acceptor *a = JST_CONTAINER(io, struct jst_acceptor, io);

    (void)events;
    if (a->reactor->accepting && !a->stopped && a->reactor->accept_timer.deadline_ms == JST_NEVER) {
        accept_some(a);
    }
}

static void
run_accept(struct jst_task *t)
{
    struct jst_acceptor *a = JST_CONTAINER(t, struct jst_acceptor, task);

    if (a->reactor->accepting) {
        accept_some(a);
    }
}

void
jst_accept_on_timer(struct jst_timer *t)
{
    struct jst_reactor *r = JST_CONTAINER(t, struct jst_reactor, accept_timer);

    if (!r->accepting) {
        return;
    }
    watch_shared(r, true);
    for (size_t i = 0; i < r->acceptors_n; i++) {
        if (!r->acceptors[i].stopped) {
            accept_some(&r->acceptors[i]);
        }
    }
}

int
jst_accept_init(struct jst_reactor *r, size_t number)
{
    struct joist_engine *e = r->engine;

    r->acceptors = calloc(e->listeners_n + 1, sizeof(*r->acceptors));
    if (r->acceptors == NULL) {
        return JOIST_E_NOMEM;
    }
    for (size_t i = 0; i < e->listeners_n; i++) {
        struct jst_listener *l = &e->listeners[i];

        r->acceptors[r->acceptors_n++] = (struct jst_acceptor){
            .io = {l->fds[l->shared ? 0 : number % l->fds_n], on_acceptable},
            .reactor = r,
            .listener = l,
            .number = (uint16_t)i,
            .task = {.run = run_accept},
        };
    }
    return JOIST_OK;
}

int
jst_accept_start(struct jst_reactor *r)
{
    for (size_t i = 0; i < r->acceptors_n; i++) {
        struct jst_acceptor *a = &r->acceptors[i];
        int rc =
            a->listener->shared ? jst_io_add_shared(r->loop, &a->io) : jst_io_add(r->loop, &a->io);

        if (rc < 0) {
            return rc;
        }
    }
    r->accepting = true;
    return JOIST_OK;
}

/* `serve_queue`: who waits in the listening socket's queue has been promised service; take them
 * before the socket goes. */
static void
stop_acceptor(struct jst_acceptor *a, bool serve_queue)
{
    struct jst_loop *l = a->reactor->loop;

    if (a->stopped) {
        return;
    }
    for (int n = 0; serve_queue && n < JST_LISTEN_BACKLOG / JST_ACCEPT_BATCH; n++) {
        if (!accept_batch(a)) {
            break;
        }
    }
    a->stopped = true;
    jst_task_cancel(l, &a->task);
    jst_io_remove(l, &a->io);
    if (!a->listener->lent && !a->listener->shared) {
        (void)shutdown(a->io.fd, SHUT_RD); /* newcomers are refused, not queued */
    }
}

void
jst_accept_stop(struct jst_reactor *r, bool serve_queue)
{
    if (!r->accepting) {
        return;
    }
    for (size_t i = 0; i < r->acceptors_n; i++) {
        stop_acceptor(&r->acceptors[i], serve_queue);
    }
    r->accepting = false;
}

void
jst_accept_stop_one(struct jst_reactor *r, size_t listener)
{
    if (r->accepting) {
        stop_acceptor(&r->acceptors[listener], true);
    }
}
