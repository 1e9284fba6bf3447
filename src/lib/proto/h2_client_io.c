// SPDX-License-Identifier: MIT
#include "proto/h2_client_int.h"

#include "wire/readbuf.h"

/* Frames are printed ahead of the socket up to so many bytes; the rest waits in its calls, so that
 * what is urgent need not. */
#define OUT_BYTES JST_STREAM_WINDOW_BYTES
/* Reads of one connection before others get their turn. */
#define READS_MAX 8

/* ---- output ---- */

void
jst_h2c_want_flush(struct jst_h2_client *c)
{
    struct jst_chain nothing = {0};

    if (c->state == H2C_CLOSED || c->flush.queued) {
        return;
    }
    jst_loop_defer(c->conn.loop, &c->flush);
    jst_conn_write(&c->conn, &nothing); /* its write comes behind the flush, in the same turn */
}

/* Bodies that must wait for a window hold no read buffers. */
static void
compact_bodies(struct jst_h2_client *c)
{
    c->has_body = false;
    JST_LIST_FOREACH (at, &c->calls) {
        struct jst_h2c_call *x = JST_CONTAINER(at, struct jst_h2c_call, link);

        if (x->body.bytes > 0) {
            jst_chain_compact(&x->body);
        }
    }
}

/* nghttp2, or our callbacks in it, have found what ends the connection. After an error that nghttp2
 * returned there is nothing more to be had of it. */
static void
fail_protocol(struct jst_h2_client *c, int why, const char *detail, uint32_t code)
{
    if (c->state != H2C_OPEN) {
        jst_h2c_close(c, true);
        return;
    }
    if (c->is_flood) {
        JST_LOG(c->local->log, WARN, H2_FLOOD, "side=upstream calls=%u err=\"%s\"", c->base.calls,
                detail);
    } else if (why == JOIST_E_PROTO) {
        JST_LOG(c->local->log, WARN, H2_ERROR, "side=upstream calls=%u err=\"%s\"", c->base.calls,
                detail != NULL ? detail : "");
    }
    jst_h2c_fail_all(c, why, detail, code);
}

static int
print_frames(struct jst_h2_client *c)
{
    while (c->conn.out.bytes < OUT_BYTES) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(c->session, &p);

        if (n == 0) {
            return JOIST_OK;
        }
        if (n < 0 || jst_chain_add_copy(&c->conn.out, (const char *)p, (size_t)n) < 0) {
            return n == NGHTTP2_ERR_FLOODED ? JOIST_E_PROTO : JOIST_E_NOMEM;
        }
    }
    return JOIST_OK;
}

void
jst_h2c_run_flush(struct jst_task *t)
{
    struct jst_h2_client *c = JST_CONTAINER(t, struct jst_h2_client, flush);
    struct jst_chain nothing = {0};
    int rc;

    if (c->state == H2C_CLOSED) {
        return;
    }
    rc = print_frames(c);
    if (c->state == H2C_CLOSED) {
        return;
    }
    if (rc < 0) {
        fail_protocol(c, rc, NULL, JST_H2C_NO_GOAWAY);
        return;
    }
    jst_conn_write(&c->conn, &nothing);
    if (c->has_body) {
        compact_bodies(c);
    }
    if (c->why < 0) {
        fail_protocol(c, c->why, c->detail, NGHTTP2_PROTOCOL_ERROR);
        c->why = 0;
    } else if (c->state == H2C_LEAVING) {
        jst_conn_shutdown(&c->conn);
        if (c->conn.out.bytes == 0) {
            jst_h2c_close(c, false);
        }
    }
}

static void
on_sent(struct jst_conn *conn, size_t n)
{
    struct jst_h2_client *c = JST_CONTAINER(conn, struct jst_h2_client, conn);

    (void)n;
    if (c->state == H2C_LEAVING && conn->out.bytes == 0 && !c->flush.queued) {
        jst_h2c_close(c, false);
    } else if (c->state == H2C_OPEN && nghttp2_session_want_write(c->session) != 0) {
        jst_h2c_want_flush(c);
    }
}

/* ---- input ---- */

void
jst_h2c_want_deliver(struct jst_h2c_call *x)
{
    if (jst_list_is_empty(&x->fresh)) {
        jst_list_insert(&x->c->fresh, &x->fresh);
    }
    jst_loop_post(x->c->conn.loop, &x->c->task);
}

static void
deliver_fresh(struct jst_h2_client *c)
{
    while (!jst_list_is_empty(&c->fresh)) {
        struct jst_h2c_call *x = JST_CONTAINER(c->fresh.next, struct jst_h2c_call, fresh);

        jst_list_remove(&x->fresh);
        jst_h2c_deliver(x);
    }
}

void
jst_h2c_run_task(struct jst_task *t)
{
    deliver_fresh(JST_CONTAINER(t, struct jst_h2_client, task));
}

/* A call whose response is not complete, or NULL. */
static struct jst_h2c_call *
find_cut(struct jst_h2_client *c)
{
    JST_LIST_FOREACH (at, &c->calls) {
        struct jst_h2c_call *x = JST_CONTAINER(at, struct jst_h2c_call, link);

        if (!x->remote_ended) {
            return x;
        }
    }
    return NULL;
}

static bool
has_complete(const struct jst_h2_client *c)
{
    JST_LIST_FOREACH (at, &c->calls) {
        if (JST_CONTAINER(at, struct jst_h2c_call, link)->remote_ended) {
            return true;
        }
    }
    return false;
}

/* The socket has ended. Responses that came as a whole are still handed on as their readers take
 * them. */
static void
on_end(struct jst_h2_client *c, int why)
{
    struct jst_h2c_call *x;

    if (c->base.calls == 0) {
        jst_h2c_let_go(c, why == JOIST_E_CLOSED ? 0 : why, JST_H2C_NO_GOAWAY);
        return;
    }
    if (!has_complete(c)) {
        jst_h2c_fail_all(c, why, NULL, JST_H2C_NO_GOAWAY);
        return;
    }
    c->goaway = true;
    c->base.calls_max = 0;
    while ((x = find_cut(c)) != NULL) {
        jst_h2c_fail(x, why, jst_h2c_detail_of(x, why), NGHTTP2_CANCEL);
    }
}

/* Something came: whatever made us doubt, it lives. */
static void
note_life(struct jst_h2_client *c)
{
    c->reads++;
    if (c->ping_ms != JST_NEVER) {
        c->ping_ms = JST_NEVER;
        jst_h2c_update_max(c);
    }
}

/* Instead of SETTINGS, the answer of an HTTP/1.1 server to what it cannot read (RFC 9113 3.4). No
 * frame begins so: its length would be above every limit. */
static bool
is_http1(const struct jst_h2_client *c, struct jst_slice in)
{
    static const struct jst_slice start = {"HTTP/1.", 7};

    return c->reads == 1 && memcmp(in.p, start.p, JST_MIN(in.n, start.n)) == 0;
}

/* Returns whether to read on. */
static bool
read_once(struct jst_h2_client *c)
{
    struct jst_buf *buf = jst_readbuf_get();
    int n = buf != NULL ? jst_conn_read(&c->conn, buf->data, JST_BUF_READ) : JOIST_E_NOMEM;
    ssize_t used;

    if (n < 0) {
        if (n != JOIST_E_AGAIN) {
            on_end(c, n);
        }
        return false;
    }
    note_life(c);
    if (is_http1(c, jst_slice(buf->data, (size_t)n))) {
        fail_protocol(c, JOIST_E_PROTO,
                      c->tls ? "it does not speak HTTP/2, but HTTP/1"
                             : "it does not speak HTTP/2 (h2c), but HTTP/1",
                      JST_H2C_NO_GOAWAY);
        return false;
    }
    c->reading = buf;
    used = nghttp2_session_mem_recv(c->session, (const uint8_t *)buf->data, (size_t)n);
    c->reading = NULL;
    if (used < 0) {
        int why = c->why < 0 ? c->why : used == NGHTTP2_ERR_NOMEM ? JOIST_E_NOMEM : JOIST_E_PROTO;

        deliver_fresh(c); /* what was complete before it stays so */
        fail_protocol(c, why, c->detail != NULL ? c->detail : nghttp2_strerror((int)used),
                      JST_H2C_NO_GOAWAY);
        return false;
    }
    deliver_fresh(c);
    if (c->state == H2C_OPEN && nghttp2_session_want_write(c->session) != 0) {
        jst_h2c_want_flush(c);
    }
    return c->state == H2C_OPEN;
}

static void
on_readable(struct jst_conn *conn)
{
    struct jst_h2_client *c = JST_CONTAINER(conn, struct jst_h2_client, conn);
    unsigned n = 0;

    while (c->state == H2C_OPEN && (jst_conn_is_readable(conn) || jst_conn_has_hangup(conn))) {
        if (!read_once(c)) {
            return;
        }
        if (++n == READS_MAX) {
            jst_conn_want_read(conn);
            return;
        }
    }
}

static void
on_failed(struct jst_conn *conn, int why)
{
    struct jst_h2_client *c = JST_CONTAINER(conn, struct jst_h2_client, conn);

    if (c->state == H2C_OPEN) {
        on_end(c, why);
    } else if (c->state == H2C_LEAVING) {
        jst_h2c_close(c, true);
    }
}

/* ---- time ---- */

void
jst_h2c_arm(struct jst_h2_client *c, uint64_t at_ms)
{
    if (c->state == H2C_OPEN && at_ms < c->timer.deadline_ms) {
        jst_timer_set(c->conn.loop, &c->timer, at_ms);
    }
}

/* A call got no answer, and nobody else anything either: is the origin still there at all? */
static void
suspect(struct jst_h2_client *c)
{
    if (c->ping_ms != JST_NEVER) {
        return;
    }
    (void)nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
    c->ping_ms = jst_loop_now_ms(c->conn.loop) + JST_H2C_PING_MS;
    jst_h2c_update_max(c);
    jst_h2c_want_flush(c);
}

static void
expire(struct jst_h2c_call *x)
{
    struct jst_h2_client *c = x->c;
    bool silent = x->reads == c->reads;

    if (x->waits_continue) {
        x->waits_continue = false; /* RFC 9110 10.1.1: not to be waited for indefinitely */
        jst_h2c_ask_body(x);
        jst_h2c_touch(x);
        return;
    }
    if (silent && c->base.calls == 1) {
        jst_h2c_fail_all(c, JOIST_E_TIMEOUT, NULL, JST_H2C_NO_GOAWAY);
        return;
    }
    if (silent) {
        suspect(c); /* before the call fails: what follows must not come here again */
    }
    jst_h2c_fail(x, JOIST_E_TIMEOUT, NULL, NGHTTP2_CANCEL);
}

/* The first that is due, or NULL; then `*next_ms` is when to look again. */
static struct jst_h2c_call *
find_due(struct jst_h2_client *c, uint64_t now_ms, uint64_t *next_ms)
{
    JST_LIST_FOREACH (at, &c->calls) {
        struct jst_h2c_call *x = JST_CONTAINER(at, struct jst_h2c_call, link);

        if (x->deadline_ms <= now_ms) {
            return x;
        }
        *next_ms = JST_MIN(*next_ms, x->deadline_ms);
    }
    return NULL;
}

void
jst_h2c_on_timer(struct jst_timer *t)
{
    struct jst_h2_client *c = JST_CONTAINER(t, struct jst_h2_client, timer);
    uint64_t now_ms = jst_loop_now_ms(c->conn.loop);
    uint64_t next_ms = JST_NEVER;
    struct jst_h2c_call *x;

    if (c->state != H2C_OPEN) {
        jst_h2c_close(c, true);
        return;
    }
    jst_timer_stop(t); /* what is still to come arms it again */
    if (c->ping_ms <= now_ms) {
        jst_h2c_fail_all(c, JOIST_E_CLOSED, NULL, JST_H2C_NO_GOAWAY);
        return;
    }
    if (c->base.calls == 0 && c->idle_ms <= now_ms) {
        jst_h2c_let_go(c, 0, NGHTTP2_NO_ERROR);
        return;
    }
    while ((x = find_due(c, now_ms, &next_ms)) != NULL) {
        x->deadline_ms = JST_NEVER;
        expire(x);
    }
    next_ms = JST_MIN(next_ms, c->ping_ms);
    jst_h2c_arm(c, c->base.calls == 0 ? JST_MIN(next_ms, c->idle_ms) : next_ms);
}

/* ---- the connection's events ---- */

static void
on_closed(struct jst_conn *conn)
{
    struct jst_h2_client *c = JST_CONTAINER(conn, struct jst_h2_client, conn);

    JST_ASSERT(jst_list_is_empty(&c->calls) && c->state == H2C_CLOSED);
    jst_task_cancel(conn->loop, &c->flush);
    jst_task_cancel(conn->loop, &c->task);
    jst_h2c_destroy(c);
}

const struct jst_conn_events jst_h2c_conn_events = {
    .on_readable = on_readable,
    .on_sent = on_sent,
    .on_failed = on_failed,
    .on_closed = on_closed,
};
