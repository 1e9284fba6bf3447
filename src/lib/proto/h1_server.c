// SPDX-License-Identifier: MIT
#include "proto/h1_server.h"

#include "proto/h1_server_int.h"
#include "proto/h2_server.h"

#include <stdlib.h>

static struct jst_h1_server *
server_of(struct jst_conn *conn)
{
    return JST_CONTAINER(conn, struct jst_h1_server, conn);
}

static uint64_t
deadline_in(const struct jst_h1_server *c, uint64_t ms)
{
    return ms > 0 ? jst_loop_now_ms(c->conn.loop) + ms : JST_NEVER;
}

/* ---- time ---- */

/* Which clock runs now? Called when the state changes or bytes have moved. */
void
jst_h1_touch(struct jst_h1_server *c)
{
    const struct joist_timeouts_conf *t = &c->owner->conf->timeouts;
    const struct jst_h1_exchange *x = c->x;
    uint64_t ms = 0;

    if (x != NULL && x->s.timeouts != NULL) {
        t = x->s.timeouts;
    }
    switch ((enum jst_h1_state)c->state) {
    case H1_HEAD:
        if (c->conn.out.bytes > 0) {
            ms = t->body_idle_ms;
        } else if (c->in_n > 0 || !c->served) {
            ms = t->header_ms;
        } else {
            ms = t->keepalive_ms;
        }
        break;
    case H1_BODY:
    case H1_WAIT:
        JST_ASSERT(x != NULL);
        /* No clock while the other side is what we wait for: it has clocks of its own. */
        if (c->conn.out.bytes > 0 ||
            (c->state == H1_BODY && (x->body_credit > 0 || x->discarding) && !x->tunnel)) {
            ms = t->body_idle_ms;
        }
        break;
    case H1_FLUSH:
        ms = t->body_idle_ms;
        break;
    case H1_LINGER:
        ms = JST_LINGER_MS;
        break;
    case H1_DEAD:
        break;
    }
    c->progress = 0;
    jst_timer_set(c->conn.loop, &c->timer, deadline_in(c, ms));
}

void
jst_h1_progress(struct jst_h1_server *c, size_t n)
{
    c->progress += (uint32_t)JST_MIN(n, JST_PROGRESS_BYTES);
    if (c->progress >= JST_PROGRESS_BYTES || c->timer.deadline_ms == JST_NEVER) {
        jst_h1_touch(c);
    }
}

/* ---- ending ---- */

void
jst_h1_close(struct jst_h1_server *c, bool reset)
{
    if (c->state == H1_DEAD) {
        return;
    }
    c->state = H1_DEAD;
    jst_timer_stop(&c->timer);
    if (c->x != NULL) {
        /* A complete exchange that is still here waits for its response to leave; `hold`: or it is
         * just being ended. */
        c->x->s.client_gone = c->x->s.client_gone || !c->x->response_ended ||
                              (c->x->body_complete && c->x->hold == 0);
        jst_h1_kill(c->x, JOIST_E_CLOSED);
    }
    jst_conn_close(&c->conn, reset);
}

static void
begin_linger(struct jst_h1_server *c)
{
    bool unread =
        jst_conn_is_readable(&c->conn) || c->in_n > 0 || (c->x != NULL && !c->x->body_complete);

    if (c->reset_at_end || (!unread && jst_conn_has_hangup(&c->conn))) {
        jst_h1_close(c, c->reset_at_end);
        return;
    }
    /* RFC 9112 9.6: closing with unread bytes would reset the connection, and the reset could
     * overtake the response. */
    jst_conn_shutdown(&c->conn);
    c->state = H1_LINGER;
    jst_h1_touch(c);
    jst_loop_post(c->conn.loop, &c->pump_task);
}

void
jst_h1_finish(struct jst_h1_server *c)
{
    if (c->state == H1_DEAD || c->state == H1_LINGER) {
        return;
    }
    c->state = H1_FLUSH;
    if (c->conn.out.bytes == 0) {
        begin_linger(c);
        return;
    }
    jst_h1_touch(c);
}

/* ---- the socket's events ---- */

static void
on_readable(struct jst_conn *conn)
{
    jst_h1_pump(server_of(conn));
}

static void
on_sent(struct jst_conn *conn, size_t n)
{
    struct jst_h1_server *c = server_of(conn);
    struct jst_h1_exchange *x = c->x;

    JST_STAT_ADD(c->owner->local, bytes_out, n);
    if (conn->out.bytes == 0) {
        jst_h1_touch(c);
    } else {
        jst_h1_progress(c, n);
    }
    if (c->state == H1_FLUSH && conn->out.bytes == 0) {
        begin_linger(c);
        return;
    }
    if (x == NULL) {
        if (c->state == H1_HEAD && (c->in_n > 0 || jst_conn_is_readable(conn))) {
            jst_loop_post(conn->loop, &c->pump_task);
        }
        return;
    }
    if (!x->response_ended && x->s.origin != NULL && x->response_debt > conn->out.bytes) {
        size_t back = x->response_debt - conn->out.bytes;

        if (back >= JST_STREAM_WINDOW_BYTES / 4 || conn->out.bytes == 0) {
            x->response_debt -= back;
            jst_source_resume(x->s.origin, back);
        }
    }
    jst_h1_maybe_done(x);
}

static void
on_failed(struct jst_conn *conn, int why)
{
    struct jst_h1_server *c = server_of(conn);

    /* Not the peer: a file had fewer bytes than promised. */
    if (why == JOIST_E_IO && c->x != NULL) {
        c->x->s.why = why;
        JST_LOG(c->owner->local->log, WARN, FILE_CHANGED, "path=\"%.*s\"",
                JST_PRI(c->x->s.req.path));
    }
    jst_h1_close(c, false);
}

static void
on_timer(struct jst_timer *t)
{
    struct jst_h1_server *c = JST_CONTAINER(t, struct jst_h1_server, timer);
    struct jst_local *local = c->owner->local;

    if (c->state == H1_HEAD && c->conn.out.bytes == 0 && (c->in_n > 0 || !c->served)) {
        JST_STAT_ADD(local, timeout_header, 1);
        if (c->in_n == 0) {
            jst_h1_close(c, false); /* connected and said nothing */
        } else {
            jst_h1_refuse_head(c, 408, JOIST_E_TIMEOUT);
        }
        return;
    }
    if (c->state == H1_HEAD && c->conn.out.bytes == 0) {
        JST_STAT_ADD(local, timeout_keepalive, 1);
        jst_h1_close(c, false);
        return;
    }
    if (c->state == H1_BODY && c->conn.out.bytes == 0 && !c->x->discarding) {
        JST_STAT_ADD(local, timeout_body, 1);
        jst_h1_refuse(c->x, 408, JOIST_E_TIMEOUT);
        return;
    }
    if (c->state != H1_LINGER) {
        JST_STAT_ADD(local, timeout_body, 1);
        if (c->x != NULL && c->x->s.why == 0) {
            c->x->s.why = JOIST_E_TIMEOUT;
        }
    }
    jst_h1_close(c, c->state != H1_LINGER);
}

static void
on_closed(struct jst_conn *conn)
{
    struct jst_h1_server *c = server_of(conn);

    JST_ASSERT(c->x == NULL);
    jst_task_cancel(conn->loop, &c->pump_task);
    jst_timer_fini(conn->loop, &c->timer);
    jst_h1_drop_stored(c);
    jst_list_remove(&c->link);
    if (!c->passed_on) {
        JST_STAT_SUB(c->owner->local, conns_open, 1);
        c->owner->on_gone(c->owner, &c->peer);
    }
    free(c);
}

static const struct jst_conn_events conn_events = {
    .on_readable = on_readable,
    .on_sent = on_sent,
    .on_failed = on_failed,
    .on_closed = on_closed,
};

/* ---- life ---- */

/* RFC 9113 3.4. */
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

bool
jst_h1_sniff(struct jst_h1_server *c, struct jst_slice *in)
{
    size_t n = JST_MIN(in->n, sizeof(preface) - 1);

    if (memcmp(in->p, preface, n) != 0) {
        c->sniff_h2 = false;
        return false;
    }
    if (n < sizeof(preface) - 1) {
        return true;
    }
    if (jst_h2_server_adopt(c->owner, &c->conn, &c->peer, *in) < 0) {
        jst_h1_close(c, true);
    } else {
        c->passed_on = true;
        c->state = H1_DEAD;
        jst_timer_stop(&c->timer);
    }
    in->n = 0;
    return true;
}

/* All but the connection. */
static struct jst_h1_server *
create(struct jst_server_owner *owner, const struct jst_peer *peer)
{
    struct jst_h1_server *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return NULL;
    }
    if (jst_timer_init(owner->local->loop, &c->timer, on_timer) < 0) {
        free(c);
        return NULL;
    }
    c->owner = owner;
    c->pump_task.run = jst_h1_run_pump;
    c->peer = *peer;
    c->state = H1_HEAD;
    return c;
}

static void
begin(struct jst_h1_server *c)
{
    c->draining = c->peer.last;
    jst_list_insert(c->owner->conns, &c->link);
    jst_h1_touch(c);
}

int
jst_h1_server_open(struct jst_server_owner *owner, int fd, const struct jst_peer *peer,
                   bool sniff_h2)
{
    struct jst_h1_server *c = create(owner, peer);
    int rc;

    if (c == NULL) {
        return JOIST_E_NOMEM;
    }
    rc = jst_conn_open(&c->conn, owner->local->loop, fd, &conn_events);
    if (rc < 0) {
        jst_timer_fini(owner->local->loop, &c->timer);
        free(c);
        return rc;
    }
    c->sniff_h2 = sniff_h2;
    JST_STAT_ADD(owner->local, conns_open, 1);
    JST_STAT_ADD(owner->local, conns_accepted, 1);
    begin(c);
    return JOIST_OK;
}

int
jst_h1_server_adopt(struct jst_server_owner *owner, struct jst_conn *conn,
                    const struct jst_peer *peer, bool sniff_h2)
{
    struct jst_h1_server *c = create(owner, peer);
    int rc;

    if (c == NULL) {
        return JOIST_E_NOMEM;
    }
    rc = jst_conn_move(&c->conn, conn, &conn_events);
    if (rc < 0) {
        jst_timer_fini(owner->local->loop, &c->timer);
        free(c);
        return rc;
    }
    c->peer.tls = jst_tls_info(&c->conn);
    c->sniff_h2 = sniff_h2;
    begin(c);
    return JOIST_OK;
}

void
jst_h1_server_drain_all(struct jst_list *conns, int listener)
{
    JST_LIST_FOREACH (node, conns) {
        struct jst_h1_server *c = JST_CONTAINER(node, struct jst_h1_server, link);

        if (!jst_server_is_of(&c->peer, listener)) {
            continue;
        }
        c->draining = c->peer.last = true;
        if (c->state == H1_HEAD && c->in_n == 0) {
            if (c->conn.out.bytes > 0) {
                jst_h1_finish(c);
            } else {
                jst_h1_close(c, false);
            }
        }
    }
}

void
jst_h1_server_close_all(struct jst_list *conns, int listener)
{
    JST_LIST_FOREACH (node, conns) {
        struct jst_h1_server *c = JST_CONTAINER(node, struct jst_h1_server, link);

        if (jst_server_is_of(&c->peer, listener)) {
            jst_h1_close(c, true);
        }
    }
}

void
jst_h1_server_close_tunnels(struct jst_list *conns, int listener)
{
    JST_LIST_FOREACH (node, conns) {
        struct jst_h1_server *c = JST_CONTAINER(node, struct jst_h1_server, link);

        if (jst_server_is_of(&c->peer, listener) && c->x != NULL && c->x->tunnel) {
            jst_h1_close(c, false);
        }
    }
}
