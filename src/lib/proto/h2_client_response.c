// SPDX-License-Identifier: MIT
#include "proto/h2_client_int.h"
#include "proto/websocket.h"

/* Room behind a response's fields for those that we and handlers add. */
#define FIELDS_ADDED_MAX 10u

/* ---- the end of a response ---- */

/* The response is complete. The last that is done with the call; a pipelined request may start a
 * new one inside of `end`. */
static void
finish(struct jst_h2c_call *x)
{
    struct jst_h2_client *c = x->c;
    struct jst_arena arena = x->arena; /* holds the trailers */
    struct jst_fields trailers = x->response_trailers;
    bool request_done = x->request_done;
    struct jst_call *call;

    x->arena = (struct jst_arena){0};
    /* RFC 9113 8.1: it answered without the rest of the request. What has ended both ways is closed
     * already. */
    jst_h2c_reset(x, NGHTTP2_CANCEL);
    call = jst_h2c_detach(x);
    c->served = true;
    if (!request_done) {
        jst_source_cancel(call->on_request, JOIST_E_CLOSED);
    }
    jst_h2c_leave(c);
    jst_sink_end(call->on_response, trailers.n > 0 ? &trailers : NULL);
    jst_arena_fini(&arena);
}

static void
end_response(struct jst_h2c_call *x)
{
    struct jst_call *call = x->call;

    if (x->phase != H2C_TUNNEL) {
        finish(x);
        return;
    }
    x->response_done = true;
    x->c->served = true;
    if (x->request_done) {
        jst_h2c_end_tunnel(x);
    }
    jst_sink_end(call->on_response, NULL);
}

/* ---- heads ---- */

void
jst_h2c_begin_block(struct jst_h2c_call *x)
{
    struct jst_h2_client *c = x->c;
    bool is_head = x->phase == H2C_HEAD;

    jst_arena_fini(&c->scratch);
    c->block_call = x;
    c->block = (struct jst_h2_block){
        .arena = is_head ? &c->scratch : &x->arena, /* trailers wait for the data before them */
        .fields_max = is_head ? JST_RESPONSE_FIELDS_MAX : JST_TRAILER_FIELDS_MAX,
        .bytes_max = is_head ? JST_RESPONSE_HEAD_BYTES_MAX : JST_TRAILER_BYTES_MAX,
    };
    x->call->got_bytes = true;
}

static int
fill_head(struct jst_head *head, struct jst_h2_client *c, bool end_stream)
{
    const struct jst_h2_block *b = &c->block;
    enum jst_method method = c->block_call->call->req->method;
    bool bodiless = method == JST_METHOD_HEAD || b->status == 304;
    uint32_t cap = b->fields.n + FIELDS_ADDED_MAX;
    struct jst_field *v;

    /* nghttp2 is content with three digits; RFC 9113 8.6: 101 has no place here. */
    if (b->status < 100 || b->status > 599 || b->status == 101) {
        return JOIST_E_PROTO;
    }
    v = jst_arena_alloc(&c->scratch, cap * sizeof(*v));
    if (v == NULL) {
        return JOIST_E_NOMEM;
    }
    if (b->fields.n > 0) {
        memcpy(v, b->fields.v, b->fields.n * sizeof(*v));
    }
    *head = (struct jst_head){
        .status = b->status,
        .length = b->has_length             ? b->length
                  : end_stream && !bodiless ? 0
                                            : JST_LENGTH_UNKNOWN,
        .has_body = !end_stream && !bodiless && b->status >= 200 && b->status != 204,
        .version_minor = 1,
        .fields = {v, b->fields.n, cap},
    };
    return JOIST_OK;
}

static void
take_interim(struct jst_h2c_call *x, const struct jst_head *head)
{
    uint32_t serial = x->serial;

    if (x->interim_n++ >= JST_INTERIM_MAX) {
        jst_h2c_fail(x, JOIST_E_PROTO, "too many interim responses", NGHTTP2_ENHANCE_YOUR_CALM);
        return;
    }
    jst_sink_head(x->call->on_response, head);
    if (x->serial != serial) {
        return;
    }
    if (head->status == 100 && x->waits_continue) {
        x->waits_continue = false;
        jst_h2c_ask_body(x);
    }
    jst_h2c_touch(x);
}

static void
open_tunnel(struct jst_h2c_call *x)
{
    uint32_t serial = x->serial;

    x->phase = H2C_TUNNEL;
    x->request_done = false;
    jst_source_resume(x->call->on_request, JST_STREAM_WINDOW_BYTES);
    if (x->serial == serial) {
        jst_h2c_touch(x);
    }
}

/* RFC 8441 5: 2xx accepts it; anything else is a response like any, and our side of the stream has
 * nothing to say. */
static void
take_upgraded(struct jst_h2c_call *x, struct jst_head *head)
{
    char accept[JST_WEBSOCKET_ACCEPT_BYTES];
    uint32_t serial = x->serial;
    int rc = jst_h2c_fill_101(head, x->call->req, accept);

    if (rc < 0) {
        jst_h2c_fail(x, rc, NULL, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    x->phase = H2C_BODY; /* nothing is taken of the request before the head is out */
    jst_sink_head(x->call->on_response, head);
    if (x->serial == serial) {
        open_tunnel(x);
    }
}

static void
take_final(struct jst_h2c_call *x, struct jst_head *head)
{
    struct jst_call *call = x->call;
    uint32_t serial = x->serial;

    if (call->upgrade && head->status < 300) {
        take_upgraded(x, head);
        return;
    }
    x->phase = H2C_BODY;
    if (call->upgrade) {
        x->end_due = true;
        jst_h2c_resume_body(x);
    }
    if (x->waits_continue) { /* answered without the body: it is not wanted, and finish() resets */
        x->waits_continue = false;
        x->request_done = true;
        jst_source_cancel(call->on_request, JOIST_E_CANCELED);
        if (x->serial != serial) {
            return;
        }
    }
    jst_sink_head(call->on_response, head);
    if (x->serial == serial) {
        jst_h2c_touch(x);
    }
}

static void
take_trailers(struct jst_h2c_call *x)
{
    const struct jst_fields *f = &x->c->block.fields;

    for (uint32_t i = 0; i < f->n; i++) {
        if (!jst_field_may_trail((enum jst_field_id)f->v[i].id, f->v[i].name)) {
            jst_h2c_fail(x, JOIST_E_PROTO, "forbidden trailer field", NGHTTP2_PROTOCOL_ERROR);
            return;
        }
    }
    x->response_trailers = *f;
}

void
jst_h2c_take_block(struct jst_h2c_call *x, bool end_stream)
{
    struct jst_h2_client *c = x->c;
    uint32_t serial = x->serial;
    struct jst_head head = {0};
    int rc = jst_h2_block_finish(&c->block);

    if (rc == JOIST_OK && x->phase == H2C_HEAD) {
        rc = fill_head(&head, c, end_stream);
    }
    c->block_call = NULL;
    if (rc < 0) {
        jst_h2c_fail(x, rc == JOIST_E_LIMIT ? JOIST_E_PROTO : rc,
                     rc == JOIST_E_LIMIT   ? "header section too large"
                     : rc == JOIST_E_PROTO ? "malformed status (RFC 9110 15)"
                                           : NULL,
                     rc == JOIST_E_LIMIT ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
    } else if (x->phase == H2C_BODY) {
        take_trailers(x);
    } else if (x->phase == H2C_HEAD && head.status < 200) {
        take_interim(x, &head);
    } else if (x->phase == H2C_HEAD) {
        take_final(x, &head);
    }
    if (x->serial == serial && end_stream) {
        jst_h2c_take_end(x);
    }
    jst_arena_fini(&c->scratch);
}

/* ---- bodies ---- */

void
jst_h2c_take_end(struct jst_h2c_call *x)
{
    x->remote_ended = true;
    jst_h2c_want_deliver(x);
}

int
jst_h2c_take_data(struct jst_h2c_call *x, const uint8_t *data, size_t n)
{
    struct jst_buf *buf = x->c->reading;
    const char *p = (const char *)data;
    int rc;

    if (buf != NULL && p >= buf->data && p + n <= buf->data + buf->cap) {
        rc = jst_chain_add(&x->held, buf, p, n);
    } else {
        rc = jst_chain_add_copy(&x->held, p, n);
    }
    x->unannounced += n;
    jst_h2c_want_deliver(x);
    return rc;
}

/* Data that credit allows. Returns whether the call is still there. */
static bool
deliver_data(struct jst_h2c_call *x)
{
    size_t n = JST_MIN(x->held.bytes, x->call->credit);
    struct jst_chain data = {0};
    uint32_t serial = x->serial;

    if (n == 0) {
        return true;
    }
    if (jst_chain_cut(&data, &x->held, n) < 0) {
        jst_h2c_fail(x, JOIST_E_NOMEM, NULL, NGHTTP2_INTERNAL_ERROR);
        return false;
    }
    x->call->credit -= n;
    jst_sink_data(x->call->on_response, &data);
    JST_ASSERT_HOT(jst_chain_is_empty(&data));
    return x->serial == serial;
}

void
jst_h2c_deliver(struct jst_h2c_call *x)
{
    if (x->call == NULL || x->response_done) {
        return;
    }
    if (x->failed < 0) {
        jst_h2c_fail(x, x->failed, x->detail, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    if (x->phase == H2C_HEAD || x->phase == H2C_WAIT || !deliver_data(x)) {
        return;
    }
    if (x->held.bytes == 0 && x->remote_ended) {
        end_response(x);
        return;
    }
    jst_chain_compact(&x->held); /* what waits holds no read buffer */
    jst_h2c_pay_window(x);
    jst_h2c_touch(x);
}
