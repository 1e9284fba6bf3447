// SPDX-License-Identifier: MIT
#include "proto/h2_request.h"
#include "proto/h2_server_int.h"

/* One request and its response: begun by a header block, ended when both directions have. */

/* ---- ending ---- */

static void
forget(struct jst_h2_stream *x)
{
    if (!x->closed) {
        nghttp2_session_set_stream_user_data(x->c->ng, x->id, NULL);
    }
}

/* Bytes that nobody will take are no reason to hold the connection's window shut. */
static void
drop_in(struct jst_h2_stream *x)
{
    size_t n = x->in.bytes;

    jst_chain_clear(&x->in);
    x->owed += n;
    if (n > 0 && x->c->state != H2_DEAD && nghttp2_session_consume_connection(x->c->ng, n) < 0) {
        jst_h2_break(x->c);
    }
}

static void
drop_out(struct jst_h2_stream *x)
{
    x->c->queued -= x->out.bytes;
    jst_chain_clear(&x->out);
}

static void
free_stream(struct jst_h2_stream *x)
{
    struct jst_h2_server *c = x->c;
    struct jst_arena arena = x->s.arena; /* it holds x itself */

    forget(x);
    drop_in(x);
    drop_out(x);
    jst_task_cancel(c->conn.loop, &x->task);
    c->granted -= x->granted;
    c->streams_n--;
    jst_list_remove(&x->link);
    jst_arena_fini(&arena);
    jst_h2_touch(c);
}

/* The service's last word on it. */
static void
report(struct jst_h2_stream *x)
{
    struct jst_local *local = x->s.local;

    if (!x->begun || x->reported) {
        return;
    }
    x->reported = true;
    x->hold++;
    x->c->owner->svc->on_done(x->c->owner->svc, &x->s);
    x->hold--;
    x->s.timeouts = NULL; /* the route's */
    JST_STAT_SUB(local, requests_open, 1);
    if (x->tunnel) {
        JST_STAT_SUB(local, tunnels_open, 1);
    }
    if (x->s.client_gone) {
        JST_STAT_ADD(local, client_gone, 1);
    }
}

static void
maybe_done(struct jst_h2_stream *x)
{
    if (x->hold > 0 || !x->request_ended || !x->response_ended || !x->sent_end) {
        return;
    }
    report(x);
    if (!x->discarding) {
        free_stream(x);
    }
}

void
jst_h2_stream_kill(struct jst_h2_stream *x, int why)
{
    x->hold++;
    if (x->s.why == 0) {
        x->s.why = why;
    }
    if (!x->response_ended) {
        x->response_ended = true;
        if (x->s.origin != NULL) {
            jst_source_cancel(x->s.origin, why);
        }
    }
    if (!x->request_ended) {
        x->request_ended = true;
        if (x->s.handler != NULL) {
            jst_sink_abort(x->s.handler, why);
        }
    }
    x->sent_end = true;
    x->discarding = false;
    x->hold--;
    maybe_done(x);
}

void
jst_h2_stream_reset(struct jst_h2_stream *x, uint32_t error)
{
    drop_out(x);
    if (!x->closed && nghttp2_submit_rst_stream(x->c->ng, NGHTTP2_FLAG_NONE, x->id, error) < 0) {
        jst_h2_break(x->c);
    }
    jst_h2_want_send(x->c);
}

/* The request's end for the handler, before it came: the answer was complete without. */
static void
abort_request(struct jst_h2_stream *x)
{
    if (!x->request_ended) {
        x->request_ended = true;
        x->hold++;
        jst_sink_abort(x->s.handler, JOIST_E_CANCELED);
        x->hold--;
    }
}

/* RFC 9113 8.1: the answer is complete, and the rest of the request is for nobody. A reset says so,
 * but some clients take it for a failure of the whole: so what is short is read to its end. */
static void
discard(struct jst_h2_stream *x)
{
    uint64_t left = x->s.req.length - x->s.request_bytes;

    if (x->s.req.length != JST_LENGTH_UNKNOWN && left > JST_DISCARD_BYTES_MAX) {
        jst_h2_stream_reset(x, NGHTTP2_NO_ERROR);
        return;
    }
    x->discarding = true;
    x->since_ms = jst_loop_now_ms(x->c->conn.loop);
    jst_h2_wake(x->c, x->since_ms + JST_LINGER_MS);
    drop_in(x);
    if (x->owed > 0 && nghttp2_session_consume_stream(x->c->ng, x->id, x->owed) < 0) {
        jst_h2_break(x->c);
    }
    x->owed = 0;
}

void
jst_h2_stream_stop_discarding(struct jst_h2_stream *x)
{
    x->discarding = false;
    jst_h2_stream_reset(x, NGHTTP2_NO_ERROR);
    maybe_done(x);
}

void
jst_h2_stream_sent_end(struct jst_h2_stream *x)
{
    x->sent_end = true;
    if (x->tunnel && !x->recv_ended) {
        return; /* a half-close: the client may go on */
    }
    abort_request(x);
    if (!x->recv_ended) {
        discard(x);
    }
    maybe_done(x);
}

void
jst_h2_stream_closed(struct jst_h2_stream *x, uint32_t error)
{
    x->closed = true;
    if (!x->begun && error != NGHTTP2_NO_ERROR && !x->reset) {
        JST_STAT_ADD(x->c->owner->local, bad_messages, 1);
        JST_LOG(x->c->owner->local->log, INFO, BAD_REQUEST, "proto=h2 stream=%d err=\"%s\"", x->id,
                nghttp2_http2_strerror(error));
    }
    /* By itself it closes only behind both ends; else by a reset, theirs or ours. */
    if (x->reset && x->begun && !x->sent_end) {
        x->s.client_gone = true;
    }
    jst_h2_stream_kill(x, x->reset ? JOIST_E_RESET : JOIST_E_PROTO);
}

void
jst_h2_stream_refuse(struct jst_h2_stream *x, uint16_t status, int why)
{
    if (x->s.why == 0) {
        x->s.why = why;
    }
    x->hold++;
    if (!x->response_ended && x->s.origin != NULL) {
        jst_source_cancel(x->s.origin, why);
        x->s.origin = NULL;
    }
    if (!x->request_ended) {
        x->request_ended = true;
        if (x->s.handler != NULL) {
            jst_sink_abort(x->s.handler, why);
        }
    }
    drop_in(x);
    if (!x->response_ended && !x->head_sent) {
        jst_stream_respond_error(&x->s, status, NULL);
    } else if (!x->sent_end && (!x->response_ended || why == JOIST_E_TIMEOUT)) {
        x->response_ended = true;
        x->sent_end = true;
        jst_h2_stream_reset(x, NGHTTP2_CANCEL);
    }
    x->hold--;
    maybe_done(x);
}

/* ---- time ---- */

bool
jst_h2_stream_waits(const struct jst_h2_stream *x)
{
    if (!x->begun || x->discarding || x->out.bytes > 0 || (x->response_ended && !x->sent_end)) {
        return true;
    }
    return !x->request_ended && !x->recv_ended && x->credit > 0 && !x->tunnel && !x->s.req.upgrade;
}

void
jst_h2_stream_progress(struct jst_h2_stream *x, size_t n)
{
    x->moved += (uint32_t)JST_MIN(n, JST_PROGRESS_BYTES);
    if (x->moved >= JST_PROGRESS_BYTES) {
        x->moved = 0;
        x->since_ms = jst_loop_now_ms(x->c->conn.loop);
    }
}

/* ---- request body ---- */

/* Open the stream's window for what was handed on, as far as somebody takes more: what the client
 * may send and what waits here stay below the credit, or the window every stream begins with. */
static void
open_window(struct jst_h2_stream *x)
{
    uint64_t want = JST_MAX((uint64_t)JST_H2_WINDOW_BYTES, x->credit + x->in.bytes);
    size_t open = x->window - x->owed;
    size_t n = want > open ? (size_t)JST_MIN(want - open, x->owed) : 0;

    if (n == 0 || x->closed || x->recv_ended) {
        return;
    }
    x->owed -= n;
    if (nghttp2_session_consume_stream(x->c->ng, x->id, n) < 0) {
        jst_h2_break(x->c);
    }
    jst_h2_want_send(x->c);
}

/* A window wider than every stream's first, where the handler takes more at once. */
static void
widen_window(struct jst_h2_stream *x)
{
    uint64_t want = JST_MIN(x->credit, (uint64_t)JST_STREAM_WINDOW_BYTES);

    if (want <= x->window || x->closed || x->recv_ended) {
        return;
    }
    if (nghttp2_session_set_local_window_size(x->c->ng, NGHTTP2_FLAG_NONE, x->id, (int32_t)want) <
        0) {
        jst_h2_break(x->c);
        return;
    }
    x->window = (uint32_t)want;
    jst_h2_want_send(x->c);
}

static void
end_request(struct jst_h2_stream *x)
{
    x->request_ended = true;
    x->hold++;
    jst_sink_end(x->s.handler, x->has_trailers ? &x->block.fields : NULL);
    x->hold--;
}

/* Hand on what credit allows, and the end behind it. */
static void
deliver(struct jst_h2_stream *x)
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
        x->owed += n;
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
        end_request(x);
    }
}

/* The stream's window stays shut behind it, unless only the request's end is missing. */
static void
take_for_nobody(struct jst_h2_stream *x, size_t n)
{
    nghttp2_session *ng = x->c->ng;

    x->owed += x->discarding ? 0 : n;
    if (nghttp2_session_consume_connection(ng, n) < 0 ||
        (x->discarding && nghttp2_session_consume_stream(ng, x->id, n) < 0)) {
        jst_h2_break(x->c);
    }
    jst_h2_want_send(x->c);
    if (x->discarding) {
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
    deliver(x);
    if (x->in.bytes > 0) {
        jst_chain_compact(&x->in);
    }
    x->hold--;
    maybe_done(x);
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
    deliver(x);
    x->hold--;
    maybe_done(x);
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
    widen_window(x);
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

static const struct jst_source_ops body_ops = {
    .resume = body_resume,
    .cancel = body_cancel,
};

/* What a sink or source call could not do itself, because it must not call back. */
static void
run_task(struct jst_task *t)
{
    struct jst_h2_stream *x = JST_CONTAINER(t, struct jst_h2_stream, task);

    if (x->c->state == H2_DEAD) {
        return;
    }
    x->hold++;
    if (x->request_ended) {
        drop_in(x);
    } else if (x->end_due && x->head_sent && !x->tunnel) {
        /* An upgrade was refused: the request is an ordinary one, without a body. */
        x->end_due = false;
        end_request(x);
    } else {
        deliver(x);
    }
    x->hold--;
    maybe_done(x);
}

/* ---- begin ---- */

struct jst_h2_stream *
jst_h2_stream_create(struct jst_h2_server *c, int32_t id)
{
    const struct joist_limits_conf *limits = &c->owner->conf->limits;
    struct jst_arena arena;
    struct jst_h2_stream *x;

    jst_arena_init(&arena);
    x = jst_arena_zalloc(&arena, sizeof(*x));
    if (x == NULL) {
        JST_LOG(c->owner->local->log, ERROR, OUT_OF_MEMORY, "what=request");
        return NULL;
    }
    x->c = c;
    x->id = id;
    x->window = JST_H2_WINDOW_BYTES;
    x->response.ops = &jst_h2_response_ops;
    x->body.ops = &body_ops;
    x->task.run = run_task;
    x->since_ms = jst_loop_now_ms(c->conn.loop);
    x->s.arena = arena;
    x->s.response = &x->response;
    x->s.body = &x->body;
    x->s.local = c->owner->local;
    x->s.svc = c->owner->svc;
    x->s.peer = &c->peer;
    x->s.start_ns = jst_loop_now_ns(c->conn.loop);
    x->s.version_major = 2;
    x->s.early = c->peer.tls != NULL && c->peer.tls->early;
    x->s.route = -1;
    x->block.arena = &x->s.arena;
    x->block.fields_max = JST_MIN(limits->header_count, JST_HEADER_COUNT_MAX);
    x->block.bytes_max = limits->header_bytes;
    jst_list_insert(&c->streams, &x->link);
    c->streams_n++;
    return x;
}

static void
serve(struct jst_h2_stream *x, bool end_stream)
{
    struct jst_h2_server *c = x->c;

    x->hold++;
    c->owner->svc->on_request(c->owner->svc, &x->s);
    JST_ASSERT(x->s.handler != NULL || x->request_ended);
    if (x->s.timeouts != NULL && x->s.timeouts->body_idle_ms > 0) {
        jst_h2_wake(c, jst_loop_now_ms(c->conn.loop) + x->s.timeouts->body_idle_ms);
    }
    if (x->s.origin != NULL && !x->response_ended) {
        jst_h2_grant(x);
    }
    if (x->s.req.upgrade && !x->request_ended && !x->head_sent) {
        x->end_due = true;
    } else if (x->s.req.upgrade && !x->request_ended && !x->tunnel) {
        end_request(x);
    } else if (end_stream) {
        x->recv_ended = true;
        deliver(x);
    }
    x->hold--;
    maybe_done(x);
}

void
jst_h2_stream_begin(struct jst_h2_stream *x, bool end_stream)
{
    struct jst_h2_server *c = x->c;
    struct jst_local *local = c->owner->local;
    uint16_t status;

    JST_STAT_ADD(local, requests, 1);
    JST_STAT_ADD(local, requests_open, 1);
    x->begun = true;
    c->served = true;
    status = jst_h2_read_request(&x->s, &x->block, end_stream, &c->owner->conf->limits);
    jst_h2_touch(c);
    if (status != 0) {
        x->recv_ended = end_stream;
        x->request_ended = true;
        jst_h2_stream_refuse(x, status, JOIST_E_PROTO);
        return;
    }
    x->expect = x->s.req.expect_continue;
    serve(x, end_stream);
}
