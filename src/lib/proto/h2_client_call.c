// SPDX-License-Identifier: MIT
#include "proto/h2_client_int.h"

#include <stdlib.h>

/* ---- time ---- */

void
jst_h2c_touch(struct jst_h2c_call *x)
{
    const struct jst_call *call = x->call;
    uint64_t ms = 0;

    switch ((enum jst_h2c_phase)x->phase) {
    case H2C_WAIT:
    case H2C_HEAD:
        if (x->request_done) {
            ms = call->timeouts->upstream_response_ms;
        } else if (x->waits_continue) {
            ms = JST_CONTINUE_WAIT_MS;
        } else if (x->body.bytes > 0) {
            ms = call->timeouts->upstream_idle_ms;
        }
        break;
    case H2C_BODY:
        /* Without credit it is our client that is waited for, and that has a clock of its own. */
        if ((call->credit > 0 && !x->remote_ended) || x->body.bytes > 0) {
            ms = call->timeouts->upstream_idle_ms;
        }
        break;
    case H2C_TUNNEL:
        break;
    case H2C_FLUSH:
        ms = JST_UPSTREAM_IDLE_MS_DEFAULT; /* the call is gone, and its times with it */
        break;
    }
    x->deadline_ms = ms > 0 ? jst_loop_now_ms(x->c->conn.loop) + ms : JST_NEVER;
    jst_h2c_arm(x->c, x->deadline_ms);
}

/* ---- ending ---- */

int
jst_h2c_add_spare(struct jst_h2_client *c)
{
    struct jst_h2c_call *x = calloc(1, sizeof(*x));

    if (x == NULL) {
        return JOIST_E_NOMEM;
    }
    x->c = c;
    jst_list_init(&x->fresh);
    jst_list_insert(&c->spare, &x->link);
    return JOIST_OK;
}

void
jst_h2c_reset(struct jst_h2c_call *x, uint32_t code)
{
    if (x->open && x->c->state == H2C_OPEN) {
        (void)nghttp2_submit_rst_stream(x->c->session, NGHTTP2_FLAG_NONE, x->stream_id, code);
        jst_h2c_want_flush(x->c);
    }
}

struct jst_call *
jst_h2c_detach(struct jst_h2c_call *x)
{
    struct jst_h2_client *c = x->c;
    struct jst_call *call = x->call;

    if (x->open) { /* what nghttp2 still says of the stream is for nobody */
        (void)nghttp2_session_set_stream_user_data(c->session, x->stream_id, NULL);
        x->open = false;
    }
    if (c->block_call == x) {
        c->block_call = NULL;
    }
    if (call != NULL) {
        call->client = NULL;
        call->stream = NULL;
        x->call = NULL;
    }
    x->serial++;
    jst_chain_clear(&x->body);
    jst_chain_clear(&x->held);
    jst_arena_fini(&x->arena);
    jst_list_remove(&x->fresh);
    jst_list_remove(&x->link);
    jst_list_insert(c->spare.next, &x->link); /* the one that was used last first */
    return call;
}

void
jst_h2c_fail(struct jst_h2c_call *x, int why, const char *detail, uint32_t code)
{
    struct jst_h2_client *c = x->c;
    const struct jst_client_events *ev = c->base.ev;
    void *ctx = c->base.ev_ctx;
    bool tunnel = x->phase == H2C_TUNNEL;
    bool request_done = x->request_done;
    bool response_done = x->response_done;
    struct jst_call *call;

    jst_h2c_reset(x, code);
    call = jst_h2c_detach(x);
    jst_h2c_leave(c);
    if (call == NULL) {
        return;
    }
    call->detail = detail;
    if ((why == JOIST_E_TLS || why == JOIST_E_CERT) && call->arena != NULL) {
        call->tls_error = jst_arena_copy(call->arena, jst_tls_error(&c->conn));
    }
    if (!tunnel) {
        if (!ev->on_lost(ctx, call, why)) {
            jst_sink_abort(call->on_response, why);
        }
        return;
    }
    if (!request_done) {
        jst_source_cancel(call->on_request, why);
    }
    if (!response_done) {
        jst_sink_abort(call->on_response, why);
    }
}

void
jst_h2c_end_tunnel(struct jst_h2c_call *x)
{
    if (!x->open) {
        (void)jst_h2c_detach(x);
        jst_h2c_leave(x->c);
        return;
    }
    x->call->client = NULL;
    x->call->stream = NULL;
    x->call = NULL;
    x->serial++;
    x->phase = H2C_FLUSH;
    jst_h2c_touch(x);
}

/* The caller wants no more: nothing is told to it. */
static void
cancel(struct jst_h2c_call *x)
{
    jst_h2c_reset(x, NGHTTP2_CANCEL);
    (void)jst_h2c_detach(x);
    jst_h2c_leave(x->c);
}

/* ---- the request's body ---- */

void
jst_h2c_ask_body(struct jst_h2c_call *x)
{
    if (!x->request_done && !x->call->asked_body && !x->waits_continue) {
        x->call->asked_body = true;
        jst_source_resume(x->call->on_request, JST_STREAM_WINDOW_BYTES);
    }
}

void
jst_h2c_credit_body(struct jst_h2c_call *x)
{
    size_t left = x->unpaid;

    if (left == 0 || x->call == NULL || x->request_done ||
        (left < JST_STREAM_WINDOW_BYTES / 4 && x->body.bytes > 0)) {
        return;
    }
    x->unpaid = 0;
    jst_source_resume(x->call->on_request, left);
}

void
jst_h2c_resume_body(struct jst_h2c_call *x)
{
    if (x->deferred && x->open) {
        x->deferred = false;
        (void)nghttp2_session_resume_data(x->c->session, x->stream_id);
    }
    jst_h2c_want_flush(x->c);
}

static void
request_data(struct jst_sink *sink, struct jst_chain *move)
{
    struct jst_h2c_call *x = jst_h2c_of_call(JST_CONTAINER(sink, struct jst_call, request));

    if (x == NULL || x->request_done) {
        jst_chain_clear(move);
        return;
    }
    x->call->sent_body = true;
    x->c->has_body = true;
    jst_chain_join(&x->body, move);
    jst_h2c_resume_body(x);
    jst_h2c_touch(x);
}

static void
request_end(struct jst_sink *sink, const struct jst_fields *trailers)
{
    struct jst_h2c_call *x = jst_h2c_of_call(JST_CONTAINER(sink, struct jst_call, request));

    if (x == NULL || x->request_done) {
        return;
    }
    x->request_done = true;
    x->call->ended = true;
    x->waits_continue = false;
    x->end_due = true;
    /* The caller's are gone when this returns; they can be sent only behind the body. */
    if (x->phase != H2C_TUNNEL && trailers != NULL && trailers->n > 0 &&
        jst_fields_copy(&x->request_trailers, &x->arena, trailers) < 0) {
        x->failed = JOIST_E_NOMEM;
        jst_h2c_want_deliver(x);
        return;
    }
    jst_h2c_resume_body(x);
    if (x->phase == H2C_TUNNEL && x->response_done) {
        jst_h2c_end_tunnel(x);
        return;
    }
    jst_h2c_touch(x);
}

static void
request_abort(struct jst_sink *sink, int why)
{
    struct jst_h2c_call *x = jst_h2c_of_call(JST_CONTAINER(sink, struct jst_call, request));

    (void)why;
    if (x != NULL) {
        cancel(x);
    }
}

const struct jst_sink_ops jst_h2c_request_ops = {
    .data = request_data,
    .end = request_end,
    .abort = request_abort,
};

/* ---- the response's credit ---- */

/* The origin may send what the call may be given, and no more than a window. What was announced
 * stays announced, so a credit that shrinks is made good by not announcing. */
void
jst_h2c_pay_window(struct jst_h2c_call *x)
{
    size_t free_bytes = JST_MIN(x->call->credit, JST_H2C_WINDOW_BYTES);
    size_t keep = JST_H2C_WINDOW_BYTES - free_bytes;
    size_t more = x->unannounced > keep ? x->unannounced - keep : 0;

    /* Big steps, but never a window too small to go on with. */
    if (more == 0 || x->remote_ended || !x->open ||
        (more < JST_H2C_WINDOW_BYTES / 4 && x->unannounced < JST_H2C_WINDOW_BYTES / 4 * 3)) {
        return;
    }
    x->unannounced -= more;
    (void)nghttp2_submit_window_update(x->c->session, NGHTTP2_FLAG_NONE, x->stream_id,
                                       (int32_t)more);
    jst_h2c_want_flush(x->c);
}

static void
response_resume(struct jst_source *source, size_t credit)
{
    struct jst_call *call = JST_CONTAINER(source, struct jst_call, response);
    struct jst_h2c_call *x = jst_h2c_of_call(call);
    bool was_paused = call->credit == 0;

    call->credit += credit;
    if (x == NULL) {
        return;
    }
    if (x->held.bytes > 0) {
        jst_h2c_want_deliver(x);
        return;
    }
    jst_h2c_pay_window(x);
    if (was_paused && x->phase == H2C_BODY) {
        jst_h2c_touch(x);
    }
}

static void
response_cancel(struct jst_source *source, int why)
{
    struct jst_h2c_call *x = jst_h2c_of_call(JST_CONTAINER(source, struct jst_call, response));

    (void)why;
    if (x != NULL) {
        cancel(x);
    }
}

const struct jst_source_ops jst_h2c_response_ops = {
    .resume = response_resume,
    .cancel = response_cancel,
};
