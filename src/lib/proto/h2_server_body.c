// SPDX-License-Identifier: MIT
#include "proto/h2_server_int.h"

/* The request's body: handed on under credit, which is also the stream's window; read to its end
 * for nobody where the answer was complete before. */

/* WINDOW_UPDATE in steps that are worth a frame. */
#define WINDOW_STEP_BYTES 16384u

/* ---- windows ---- */

/* Bytes that nobody will take are no reason to hold the connection's window shut. */
void
jst_h2_stream_drop_in(struct jst_h2_stream *x)
{
    size_t n = x->in.bytes;

    jst_chain_clear(&x->in);
    if (n > 0 && x->c->state != H2_DEAD && nghttp2_session_consume_connection(x->c->ng, n) < 0) {
        jst_h2_break(x->c);
    }
}

/* What the client may send and what waits here stay below what somebody takes; but never below the
 * window that every stream begins with, unless nobody will take anything any more. */
static void
open_window(struct jst_h2_stream *x)
{
    uint64_t have = (uint64_t)x->open + x->in.bytes;
    uint64_t want = JST_MAX(x->credit, (uint64_t)JST_H2_WINDOW_BYTES);

    want = JST_MIN(want, (uint64_t)JST_STREAM_WINDOW_BYTES);
    if (x->closed || x->recv_ended || (x->request_ended && !x->discarding) ||
        want < have + WINDOW_STEP_BYTES) {
        return;
    }
    x->open += (uint32_t)(want - have);
    if (nghttp2_submit_window_update(x->c->ng, NGHTTP2_FLAG_NONE, x->id, (int32_t)(want - have)) <
        0) {
        jst_h2_break(x->c);
    }
    jst_h2_want_send(x->c);
}

/* ---- for nobody ---- */

/* RFC 9113 8.1: the answer is complete, and the rest of the request is for nobody. A reset says so,
 * but some clients take it for a failure of the whole: so what is short is read to its end. */
void
jst_h2_stream_discard(struct jst_h2_stream *x)
{
    uint64_t left = x->s.req.length - x->s.request_bytes;

    if (x->s.req.length != JST_LENGTH_UNKNOWN && left > JST_DISCARD_BYTES_MAX) {
        jst_h2_stream_reset(x, NGHTTP2_NO_ERROR);
        return;
    }
    x->discarding = true;
    x->since_ms = jst_loop_now_ms(x->c->conn.loop);
    jst_h2_wake(x->c, x->since_ms + JST_LINGER_MS);
    jst_h2_stream_drop_in(x);
    open_window(x);
}

void
jst_h2_stream_stop_discarding(struct jst_h2_stream *x)
{
    x->discarding = false;
    jst_h2_stream_reset(x, NGHTTP2_NO_ERROR);
    jst_h2_stream_maybe_done(x);
}

/* ---- bytes that come ---- */

void
jst_h2_stream_end_request(struct jst_h2_stream *x)
{
    x->request_ended = true;
    x->hold++;
    jst_sink_end(x->s.handler, x->has_trailers ? &x->block.fields : NULL);
    x->hold--;
}

/* Hand on what credit allows, and the end behind it. */
void
jst_h2_stream_deliver(struct jst_h2_stream *x)
{
    struct jst_chain now = {0};
    size_t n = (size_t)JST_MIN(x->credit, x->in.bytes);

    if (x->request_ended || (x->s.req.upgrade && !x->tunnel)) {
        return;
    }
    if (n > 0) {
        if (jst_chain_cut(&now, &x->in, n) < 0) {
            jst_h2_stream_refuse(x, 503, JOIST_E_NOMEM);
            return;
        }
        x->credit -= n;
        if (nghttp2_session_consume_connection(x->c->ng, n) < 0) {
            jst_h2_break(x->c);
        }
        x->hold++;
        jst_sink_data(x->s.handler, &now);
        x->hold--;
        open_window(x);
        jst_h2_want_send(x->c);
    }
    if (x->recv_ended && x->in.bytes == 0 && !x->request_ended) {
        jst_h2_stream_end_request(x);
    }
}

/* The stream's window stays shut behind it, unless only the request's end is missing. */
static void
take_for_nobody(struct jst_h2_stream *x, size_t n)
{
    if (nghttp2_session_consume_connection(x->c->ng, n) < 0) {
        jst_h2_break(x->c);
    }
    jst_h2_want_send(x->c);
    if (x->discarding) {
        open_window(x);
        x->discarded += (uint32_t)JST_MIN(n, JST_STREAM_WINDOW_BYTES);
        if (x->discarded > JST_DISCARD_BYTES_MAX) {
            jst_h2_stream_stop_discarding(x);
        }
    }
}

void
jst_h2_stream_data(struct jst_h2_stream *x, const char *p, size_t n)
{
    struct jst_h2_server *c = x->c;

    x->s.request_bytes += n;
    x->open -= (uint32_t)JST_MIN(n, x->open);
    jst_h2_stream_progress(x, n);
    if (x->request_ended) {
        take_for_nobody(x, n);
        return;
    }
    if (jst_chain_add(&x->in, c->reading, p, n) < 0) {
        jst_h2_stream_refuse(x, 503, JOIST_E_NOMEM);
        return;
    }
    if (x->s.body_max_bytes > 0 && x->s.request_bytes > x->s.body_max_bytes && !x->tunnel) {
        JST_STAT_ADD(c->owner->local, limit_body_bytes, 1);
        jst_h2_stream_refuse(x, 413, JOIST_E_LIMIT);
        return;
    }
    x->hold++;
    jst_h2_stream_deliver(x);
    if (x->in.bytes > 0) {
        jst_chain_compact(&x->in);
    }
    x->hold--;
    jst_h2_stream_maybe_done(x);
}

void
jst_h2_stream_recv_end(struct jst_h2_stream *x)
{
    x->recv_ended = true;
    x->discarding = false;
    if (!x->begun) {
        return;
    }
    x->hold++;
    jst_h2_stream_deliver(x);
    x->hold--;
    jst_h2_stream_maybe_done(x);
}

static struct jst_h2_stream *
stream_of_body(struct jst_source *s)
{
    return JST_CONTAINER(s, struct jst_h2_stream, body);
}

static void
body_resume(struct jst_source *s, size_t credit)
{
    struct jst_h2_stream *x = stream_of_body(s);

    if (x->request_ended) {
        return;
    }
    if (x->expect && !x->head_sent && !x->response_ended) {
        jst_h2_send_continue(x);
    }
    if (x->credit == 0) {
        x->since_ms = jst_loop_now_ms(x->c->conn.loop);
    }
    x->credit += credit;
    open_window(x);
    jst_loop_post(x->c->conn.loop, &x->task);
}

static void
body_cancel(struct jst_source *s, int why)
{
    struct jst_h2_stream *x = stream_of_body(s);

    (void)why;
    if (!x->request_ended) {
        x->request_ended = true;
        jst_loop_post(x->c->conn.loop, &x->task);
    }
}

const struct jst_source_ops jst_h2_body_ops = {
    .resume = body_resume,
    .cancel = body_cancel,
};

/* What a sink or source call could not do itself, because it must not call back. */
void
jst_h2_stream_run(struct jst_task *t)
{
    struct jst_h2_stream *x = JST_CONTAINER(t, struct jst_h2_stream, task);

    if (x->c->state == H2_DEAD) {
        return;
    }
    x->hold++;
    if (x->request_ended) {
        jst_h2_stream_drop_in(x);
    } else if (x->end_due && x->head_sent && !x->tunnel) {
        /* An upgrade was refused: the request is an ordinary one, without a body. */
        x->end_due = false;
        jst_h2_stream_end_request(x);
    } else {
        jst_h2_stream_deliver(x);
    }
    x->hold--;
    jst_h2_stream_maybe_done(x);
}
