// SPDX-License-Identifier: MIT
#include "proto/h2_server.h"

#include "proto/h2_server_int.h"

#include <stdlib.h>

static struct jst_h2_server *
server_of(struct jst_conn *conn)
{
    return JST_CONTAINER(conn, struct jst_h2_server, conn);
}

/* ---- ending ---- */

static void
kill_streams(struct jst_h2_server *c, int why)
{
    JST_LIST_FOREACH (node, &c->streams) {
        struct jst_h2_stream *x = JST_CONTAINER(node, struct jst_h2_stream, link);

        x->s.client_gone = x->s.client_gone || (x->begun && !x->sent_end);
        jst_h2_stream_kill(x, why);
    }
}

void
jst_h2_close(struct jst_h2_server *c, bool reset)
{
    if (c->state == H2_DEAD) {
        return;
    }
    c->state = H2_DEAD;
    jst_timer_stop(&c->timer);
    kill_streams(c, JOIST_E_CLOSED);
    jst_conn_close(&c->conn, reset);
}

static void
begin_linger(struct jst_h2_server *c)
{
    if (jst_conn_has_hangup(&c->conn) && !jst_conn_is_readable(&c->conn)) {
        jst_h2_close(c, false);
        return;
    }
    /* RFC 9113 9.1: a reset that unread bytes cause could overtake the GOAWAY. */
    jst_conn_shutdown(&c->conn);
    c->state = H2_LINGER;
    jst_h2_touch(c);
    jst_loop_post(c->conn.loop, &c->read_task);
}

void
jst_h2_finish(struct jst_h2_server *c)
{
    if (c->state != H2_OPEN) {
        return;
    }
    c->state = H2_FLUSH;
    kill_streams(c, JOIST_E_PROTO);
    if (c->conn.out.bytes == 0) {
        begin_linger(c);
        return;
    }
    jst_h2_touch(c);
}

void
jst_h2_break(struct jst_h2_server *c)
{
    c->broken = true;
    jst_loop_post(c->conn.loop, &c->read_task);
}

void
jst_h2_terminate(struct jst_h2_server *c, uint32_t error)
{
    c->terminated = true;
    if (nghttp2_session_terminate_session(c->ng, error) < 0) {
        jst_h2_break(c);
    }
    jst_h2_want_send(c);
}

void
jst_h2_drain_end(struct jst_h2_server *c)
{
    if (!c->draining || c->drained || c->state != H2_OPEN) {
        return;
    }
    c->drained = true;
    if (nghttp2_submit_goaway(c->ng, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(c->ng), NGHTTP2_NO_ERROR,
                              NULL, 0) < 0) {
        jst_h2_break(c);
    }
    jst_h2_want_send(c);
}

/* RFC 9113 6.8: announce first, so that requests on their way here are not lost; name the last
 * stream when the client has answered a ping. */
void
jst_h2_drain(struct jst_h2_server *c)
{
    if (c->draining || c->state != H2_OPEN) {
        return;
    }
    c->draining = true;
    if (nghttp2_submit_shutdown_notice(c->ng) < 0 ||
        nghttp2_submit_ping(c->ng, NGHTTP2_FLAG_NONE, NULL) < 0) {
        jst_h2_break(c);
    }
    jst_h2_want_send(c);
}

/* ---- the socket's events ---- */

static void
on_readable(struct jst_conn *conn)
{
    jst_h2_pump(server_of(conn));
}

static void
on_sent(struct jst_conn *conn, size_t n)
{
    struct jst_h2_server *c = server_of(conn);

    JST_STAT_ADD(c->owner->local, bytes_out, n);
    jst_h2_count_sent(c, n);
    if (c->state == H2_FLUSH) {
        if (conn->out.bytes == 0) {
            begin_linger(c);
        }
        return;
    }
    if (c->state == H2_OPEN && n > 0 && nghttp2_session_want_write(c->ng)) {
        jst_h2_run_send(&c->send_task);
    }
}

static void
on_failed(struct jst_conn *conn, int why)
{
    struct jst_h2_server *c = server_of(conn);

    /* Not the peer: a file had fewer bytes than promised. Which one is not known any more. */
    if (why == JOIST_E_IO) {
        JST_LOG(c->owner->local->log, WARN, FILE_CHANGED, "proto=h2");
    }
    jst_h2_close(c, why == JOIST_E_IO);
}

static void
run_read(struct jst_task *t)
{
    struct jst_h2_server *c = JST_CONTAINER(t, struct jst_h2_server, read_task);

    if (c->broken) {
        JST_LOG(c->owner->local->log, ERROR, OUT_OF_MEMORY, "what=h2");
        jst_h2_close(c, true);
        return;
    }
    jst_h2_pump(c);
}

static void
on_closed(struct jst_conn *conn)
{
    struct jst_h2_server *c = server_of(conn);

    JST_ASSERT(jst_list_is_empty(&c->streams));
    jst_task_cancel(conn->loop, &c->read_task);
    jst_task_cancel(conn->loop, &c->send_task);
    jst_timer_fini(conn->loop, &c->timer);
    jst_h2_mem_end(&c->mem, c->ng);
    jst_buf_unref(c->first);
    jst_list_remove(&c->link);
    JST_STAT_SUB(c->owner->local, conns_open, 1);
    JST_STAT_SUB(c->owner->local, h2_conns_open, 1);
    c->owner->on_gone(c->owner, &c->peer);
    free(c);
}

static const struct jst_conn_events conn_events = {
    .on_readable = on_readable,
    .on_sent = on_sent,
    .on_failed = on_failed,
    .on_closed = on_closed,
};

/* ---- life ---- */

static void
free_half(struct jst_h2_server *c, struct jst_loop *l)
{
    jst_timer_fini(l, &c->timer);
    jst_h2_mem_end(&c->mem, c->ng);
    jst_buf_unref(c->first);
    free(c);
}

static int
create(struct jst_h2_server **out, struct jst_server_owner *owner, const struct jst_peer *peer,
       struct jst_slice first)
{
    struct jst_h2_server *c = calloc(1, sizeof(*c));
    int rc = JOIST_E_NOMEM;

    if (c == NULL) {
        return rc;
    }
    c->owner = owner;
    c->peer = *peer;
    c->read_task.run = run_read;
    c->send_task.run = jst_h2_run_send;
    jst_h2_mem_init(&c->mem);
    jst_list_init(&c->streams);
    jst_list_init(&c->link);
    if (first.n > 0) {
        c->first = jst_buf_take(first.n);
        if (c->first == NULL) {
            goto fail;
        }
        memcpy(c->first->data, first.p, first.n);
        c->first_n = first.n;
    }
    rc = jst_timer_init(owner->local->loop, &c->timer, jst_h2_on_timer);
    if (rc < 0) {
        goto fail;
    }
    rc = jst_h2_session_create(c);
    if (rc < 0) {
        goto fail;
    }
    *out = c;
    return JOIST_OK;
fail:
    free_half(c, owner->local->loop);
    return rc;
}

static void
begin(struct jst_h2_server *c)
{
    struct jst_local *local = c->owner->local;

    jst_list_insert(c->owner->h2_conns, &c->link);
    JST_STAT_ADD(local, h2_conns, 1);
    JST_STAT_ADD(local, h2_conns_open, 1);
    jst_h2_touch(c);
    jst_h2_want_send(c); /* our SETTINGS */
    if (c->first != NULL) {
        jst_loop_post(c->conn.loop, &c->read_task);
    }
}

int
jst_h2_server_adopt(struct jst_server_owner *owner, struct jst_conn *conn,
                    const struct jst_peer *peer, struct jst_slice first)
{
    struct jst_h2_server *c;
    int rc = create(&c, owner, peer, first);

    if (rc < 0) {
        return rc;
    }
    rc = jst_conn_move(&c->conn, conn, &conn_events);
    if (rc < 0) {
        free_half(c, owner->local->loop);
        return rc;
    }
    c->peer.tls = jst_tls_info(&c->conn);
    begin(c);
    return JOIST_OK;
}

int
jst_h2_server_open(struct jst_server_owner *owner, int fd, const struct jst_peer *peer)
{
    struct jst_h2_server *c;
    int rc = create(&c, owner, peer, JST_SLICE_NONE);

    if (rc < 0) {
        return rc;
    }
    rc = jst_conn_open(&c->conn, owner->local->loop, fd, &conn_events);
    if (rc < 0) {
        free_half(c, owner->local->loop);
        return rc;
    }
    JST_STAT_ADD(owner->local, conns_open, 1);
    JST_STAT_ADD(owner->local, conns_accepted, 1);
    begin(c);
    return JOIST_OK;
}

void
jst_h2_server_drain_all(struct jst_list *conns, int listener)
{
    JST_LIST_FOREACH (node, conns) {
        struct jst_h2_server *c = JST_CONTAINER(node, struct jst_h2_server, link);

        if (!jst_server_is_of(&c->peer, listener)) {
            continue;
        }
        jst_h2_drain(c);
        if (c->streams_n == 0) {
            jst_h2_drain_end(c);
        }
    }
}

void
jst_h2_server_close_all(struct jst_list *conns, int listener)
{
    JST_LIST_FOREACH (node, conns) {
        struct jst_h2_server *c = JST_CONTAINER(node, struct jst_h2_server, link);

        if (jst_server_is_of(&c->peer, listener)) {
            jst_h2_close(c, true);
        }
    }
}

void
jst_h2_server_close_tunnels(struct jst_list *conns, int listener)
{
    JST_LIST_FOREACH (node, conns) {
        struct jst_h2_server *c = JST_CONTAINER(node, struct jst_h2_server, link);

        JST_LIST_FOREACH (at, &c->streams) {
            struct jst_h2_stream *x = JST_CONTAINER(at, struct jst_h2_stream, link);

            if (jst_server_is_of(&c->peer, listener) && x->tunnel) {
                jst_h2_stream_reset(x, NGHTTP2_CANCEL);
                jst_h2_stream_kill(x, JOIST_E_CANCELED);
            }
        }
    }
}
