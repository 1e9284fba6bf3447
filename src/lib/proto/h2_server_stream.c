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

static void
drop_out(struct jst_h2_stream *x)
{
    x->c->queued -= x->out.bytes;
    x->s.response_bytes -= x->out.bytes; /* they were never sent */
    jst_chain_clear(&x->out);
}

static void
free_stream(struct jst_h2_stream *x)
{
    struct jst_h2_server *c = x->c;
    struct jst_arena arena = x->s.arena; /* it holds x itself */

    forget(x);
    if (c->recent == x) {
        c->recent = NULL;
    }
    jst_h2_stream_drop_in(x);
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

void
jst_h2_stream_maybe_done(struct jst_h2_stream *x)
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
    drop_out(x);
    jst_h2_stream_maybe_done(x);
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

void
jst_h2_stream_sent_end(struct jst_h2_stream *x)
{
    x->sent_end = true;
    if (x->tunnel && !x->recv_ended) {
        return; /* a half-close: the client may go on */
    }
    abort_request(x);
    if (!x->recv_ended) {
        jst_h2_stream_discard(x);
    }
    jst_h2_stream_maybe_done(x);
}

void
jst_h2_stream_closed(struct jst_h2_stream *x, uint32_t error)
{
    x->closed = true;
    if (error != NGHTTP2_NO_ERROR && !x->reset && !x->sent_end) { /* nghttp2 has reset it */
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
    jst_h2_stream_drop_in(x);
    if (!x->response_ended && !x->head_sent) {
        jst_stream_respond_error(&x->s, status, NULL);
    } else if (!x->sent_end && (!x->response_ended || why == JOIST_E_TIMEOUT)) {
        x->response_ended = true;
        x->sent_end = true;
        jst_h2_stream_reset(x, NGHTTP2_CANCEL);
    }
    x->hold--;
    jst_h2_stream_maybe_done(x);
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
    x->open = JST_H2_WINDOW_BYTES;
    x->response.ops = &jst_h2_response_ops;
    x->body.ops = &jst_h2_body_ops;
    x->task.run = jst_h2_stream_run;
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
    c->recent = x;
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
        jst_h2_stream_end_request(x);
    } else if (end_stream) {
        x->recv_ended = true;
        jst_h2_stream_deliver(x);
    }
    x->hold--;
    jst_h2_stream_maybe_done(x);
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
    if (c->peer.last) {
        jst_h2_drain(c); /* not before: what it was opened for is served */
    }
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
