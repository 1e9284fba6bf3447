// SPDX-License-Identifier: MIT
#include "proto/h1_client_int.h"
#include "proto/websocket.h"
#include "wire/readbuf.h"

/* Room behind a response's fields for those that handlers add. */
#define FIELDS_ADDED_MAX 8u
/* Smallest read of a body: framing costs no credit, and tiny credits shall not cost a call each. */
#define BODY_READ_MIN 4096u
/* Beginning a head with less room than this is not worth a read. */
#define HEAD_ROOM_MIN 512u

/* ---- the end of a response ---- */

static bool
may_reuse(const struct jst_h1_client *c, bool extra)
{
    if (!c->keep_alive || !c->request_done || c->retired || extra || c->held_n > 0 ||
        c->conn.out.bytes > 0 || jst_conn_has_hangup(&c->conn)) {
        return false;
    }
    /* A read that was filled to the brim does not tell whether there is more behind it. */
    return !jst_conn_is_readable(&c->conn) || !jst_conn_is_dead(&c->conn);
}

/* The response is complete. The last that is done with the call, and the connection may have a new
 * one when this returns: pipelined requests start inside of `end`. */
static void
finish(struct jst_h1_client *c, bool extra)
{
    struct jst_field storage[JST_TRAILER_FIELDS_MAX];
    struct jst_fields trailers = {storage, 0, JST_TRAILER_FIELDS_MAX};
    struct jst_h1_decoder decoder = c->decoder;
    bool reuse = may_reuse(c, extra);
    struct jst_call *call = jst_h1c_detach(c);

    c->decoder = (struct jst_h1_decoder){0};
    if (!c->request_done) {
        c->request_done = true;
        jst_source_cancel(call->on_request, JOIST_E_CLOSED);
    }
    if (reuse) {
        c->phase = H1C_IDLE;
        c->served = true;
        jst_h1c_touch(c);
        c->base.ev->on_idle(&c->base, c->base.ev_ctx);
    } else {
        jst_h1c_let_go(c, 0, false);
    }
    jst_sink_end(call->on_response, jst_h1_decoder_trailers(&decoder, &trailers));
    jst_h1_decoder_fini(&decoder);
}

/* ---- heads ---- */

static void
fill_head(struct jst_head *head, const struct jst_h1_head *h)
{
    *head = (struct jst_head){
        .status = h->status,
        .reason = h->reason,
        .length = h->has_length ? h->length : JST_LENGTH_UNKNOWN,
        .has_body = h->body != JST_H1_BODY_NONE,
        .version_minor = h->version_minor,
        .fields = h->fields,
    };
    head->fields.cap += FIELDS_ADDED_MAX;
    for (uint32_t i = 0; i < h->fields.n; i++) {
        struct jst_field *f = &head->fields.v[i];

        if (f->id == JST_FIELD_CONTENT_LENGTH) {
            f->drop = true; /* `length` says it */
        } else if (f->id == JST_FIELD_UPGRADE && h->status == 101) {
            head->upgrade = true;
            head->upgrade_to = f->value;
        }
    }
}

/* Returns whether to go on with this call. */
static bool
take_interim(struct jst_h1_client *c, const struct jst_h1_head *h)
{
    struct jst_call *call = c->call;
    uint32_t serial = c->serial;
    struct jst_head head;

    if (c->interim_n++ >= JST_INTERIM_MAX) {
        jst_h1c_fail(c, JOIST_E_PROTO, "too many interim responses");
        return false;
    }
    c->keep_alive = c->keep_alive && h->keep_alive;
    fill_head(&head, h);
    jst_sink_head(call->on_response, &head);
    if (c->serial != serial) {
        return false;
    }
    if (h->status == 100 && c->waits_continue) {
        c->waits_continue = false;
        jst_h1c_ask_body(c);
    }
    jst_h1c_touch(c);
    return c->serial == serial;
}

static void
open_tunnel(struct jst_h1_client *c)
{
    uint32_t serial = c->serial;

    c->phase = H1C_TUNNEL;
    c->request_done = false;
    jst_source_resume(c->call->on_request, JST_STREAM_WINDOW_BYTES);
    if (c->serial == serial) {
        jst_h1c_touch(c);
    }
}

static void
take_final(struct jst_h1_client *c, const struct jst_h1_head *h)
{
    struct jst_call *call = c->call;
    uint32_t serial = c->serial;
    const char *why = NULL;
    struct jst_head head;

    fill_head(&head, h);
    if (h->body == JST_H1_BODY_TUNNEL) {
        why = !call->upgrade || !c->request_done ? "it switched protocols unasked"
              : call->req->own_key               ? jst_websocket_refuse(&head, call->req)
                                                 : NULL;
    }
    if (why != NULL) {
        jst_h1c_fail(c, JOIST_E_PROTO, why);
        return;
    }
    c->keep_alive = c->keep_alive && h->keep_alive;
    jst_h1_decoder_fini(&c->decoder);
    jst_h1_decoder_init(&c->decoder, h->body, h->length);
    c->phase = H1C_BODY;
    if (c->waits_continue) { /* answered without the body: it is not wanted */
        c->waits_continue = false;
        c->request_done = true;
        c->keep_alive = false; /* what was promised with the head is not going to come */
        jst_source_cancel(call->on_request, JOIST_E_CANCELED);
        if (c->serial != serial) {
            return;
        }
    }
    jst_sink_head(call->on_response, &head);
    if (c->serial == serial && h->body == JST_H1_BODY_TUNNEL) {
        open_tunnel(c);
    }
}

/* Take one head off `*in`. Returns whether another may follow in this phase. */
static bool
take_head(struct jst_h1_client *c, struct jst_slice *in)
{
    static const struct jst_slice start = {"HTTP/", 5};
    struct jst_field v[JST_RESPONSE_FIELDS_MAX + FIELDS_ADDED_MAX];
    struct jst_h1_head h = {.fields = {v, 0, JST_RESPONSE_FIELDS_MAX}};
    struct jst_slice text;
    enum jst_h1_err err;
    size_t n;

    if (memcmp(in->p, start.p, JST_MIN(in->n, start.n)) != 0) {
        jst_h1c_fail(c, JOIST_E_PROTO, "it does not speak HTTP/1");
        return false;
    }
    n = jst_h1_head_end(*in, &c->head_seen);
    if (n == 0) {
        if (in->n >= JST_RESPONSE_HEAD_BYTES_MAX) {
            jst_h1c_fail(c, JOIST_E_PROTO, "response head too large");
        }
        return false;
    }
    text = jst_slice(in->p, n);
    in->p += n;
    in->n -= n;
    c->head_seen = 0;
    err = jst_h1_parse_response(&h, text, c->call->req->method);
    if (err != JST_H1_OK) {
        jst_h1c_fail(c, JOIST_E_PROTO, jst_h1_err_text(err));
        return false;
    }
    if (h.status < 200 && h.status != 101) {
        return take_interim(c, &h);
    }
    take_final(c, &h);
    return false;
}

/* ---- bodies ---- */

static void
take_body(struct jst_h1_client *c, struct jst_buf *buf, struct jst_slice *in)
{
    struct jst_call *call = c->call;
    uint32_t serial = c->serial;

    for (;;) {
        struct jst_chain data = {0};
        enum jst_h1_err why = JST_H1_OK;
        int rc = jst_h1_decode(&c->decoder, buf, in, call->credit, &data, &why);

        if (rc < 0) {
            jst_chain_clear(&data);
            jst_h1c_fail(c, why != JST_H1_OK ? JOIST_E_PROTO : rc,
                         why != JST_H1_OK ? jst_h1_err_text(why) : NULL);
            return;
        }
        if (data.bytes > 0) {
            call->credit -= data.bytes;
            jst_sink_data(call->on_response, &data);
            JST_ASSERT_HOT(jst_chain_is_empty(&data));
            if (c->serial != serial) {
                return;
            }
        }
        if (c->decoder.done) {
            finish(c, in->n > 0);
            return;
        }
        if (in->n == 0 || call->credit == 0) {
            break;
        }
    }
    jst_h1c_touch(c);
}

/* Bytes that cannot be used yet. `own`: the buffer is ours and nobody reads into it. */
static void
hold(struct jst_h1_client *c, struct jst_buf *buf, struct jst_slice in, bool own)
{
    JST_ASSERT_HOT(c->held == NULL && in.n > 0);
    if (!own && (c->phase == H1C_HEAD || in.n <= JST_BUF_PAGE)) {
        struct jst_buf *small = jst_buf_take(in.n + HEAD_ROOM_MIN);

        if (small == NULL) {
            jst_h1c_fail(c, JOIST_E_NOMEM, NULL);
            return;
        }
        memcpy(small->data, in.p, in.n);
        c->held = small;
        c->held_off = 0;
    } else {
        c->held = jst_buf_ref(buf);
        c->held_off = (uint32_t)(in.p - buf->data);
    }
    c->held_n = (uint32_t)in.n;
}

/* Do all that these bytes allow and keep the rest. */
static void
take(struct jst_h1_client *c, struct jst_buf *buf, struct jst_slice in, bool own)
{
    uint32_t serial = c->serial;

    while (c->phase == H1C_HEAD && in.n > 0 && take_head(c, &in)) {
    }
    if (c->serial == serial && c->phase != H1C_HEAD) {
        take_body(c, buf, &in);
    }
    if (c->serial == serial && in.n > 0) {
        hold(c, buf, in, own);
    }
}

static void
take_held(struct jst_h1_client *c)
{
    struct jst_buf *buf = c->held;
    struct jst_slice in = jst_slice(buf->data + c->held_off, c->held_n);

    c->held = NULL;
    c->held_n = 0;
    take(c, buf, in, true);
    jst_buf_unref(buf);
}

/* ---- reading ---- */

static void
on_end(struct jst_h1_client *c)
{
    struct jst_call *call = c->call;

    switch ((enum jst_h1c_phase)c->phase) {
    case H1C_HEAD:
        jst_h1c_fail(c, JOIST_E_CLOSED, call->got_bytes ? "closed inside a response head" : NULL);
        return;
    case H1C_BODY:
        if (jst_h1_decoder_eof_ok(&c->decoder)) {
            finish(c, true);
        } else {
            jst_h1c_fail(c, JOIST_E_CLOSED, "closed inside a response body");
        }
        return;
    case H1C_TUNNEL:
        c->response_done = true;
        if (c->request_done) {
            jst_h1c_end_tunnel(c);
        }
        jst_sink_end(call->on_response, NULL);
        return;
    default:
        JST_UNREACHABLE();
    }
}

/* Room behind the part of a head that is held. */
static int
grow_held(struct jst_h1_client *c)
{
    size_t room = c->held->cap - c->held_off - c->held_n;
    struct jst_buf *bigger;

    if (room >= HEAD_ROOM_MIN) {
        return JOIST_OK;
    }
    bigger = jst_buf_take((size_t)c->held_n * 2 + HEAD_ROOM_MIN);
    if (bigger == NULL) {
        return JOIST_E_NOMEM;
    }
    memcpy(bigger->data, c->held->data + c->held_off, c->held_n);
    jst_buf_unref(c->held);
    c->held = bigger;
    c->held_off = 0;
    return JOIST_OK;
}

static int
read_more_head(struct jst_h1_client *c)
{
    int n = grow_held(c);
    char *to;

    if (n < 0) {
        return n;
    }
    to = c->held->data + c->held_off + c->held_n;
    n = jst_conn_read(&c->conn, to, (size_t)(c->held->data + c->held->cap - to));
    if (n > 0) {
        c->held_n += (uint32_t)n;
        take_held(c);
    }
    return n;
}

static int
read_fresh(struct jst_h1_client *c)
{
    struct jst_buf *buf = jst_readbuf_get();
    size_t cap = JST_BUF_READ;
    int n;

    if (buf == NULL) {
        return JOIST_E_NOMEM;
    }
    if (c->phase != H1C_HEAD) {
        cap = JST_MIN(JST_MAX(c->call->credit, BODY_READ_MIN), JST_BUF_READ);
    }
    n = jst_conn_read(&c->conn, buf->data, cap);
    if (n > 0) {
        c->call->got_bytes = true;
        take(c, buf, jst_slice(buf->data, (size_t)n), false);
    }
    return n;
}

/* Use what is held, or read once. Returns whether to try again. */
static bool
step(struct jst_h1_client *c)
{
    uint32_t serial = c->serial;
    int rc;

    if (c->phase != H1C_HEAD) {
        if (c->call->credit == 0 || c->response_done) {
            return false;
        }
        if (c->held_n > 0) {
            take_held(c);
            return c->serial == serial;
        }
    }
    if (!jst_conn_is_readable(&c->conn) && !jst_conn_has_hangup(&c->conn)) {
        return false;
    }
    rc = c->held_n > 0 ? read_more_head(c) : read_fresh(c);
    if (rc >= 0) {
        return c->serial == serial;
    }
    if (rc == JOIST_E_CLOSED) {
        on_end(c);
    } else if (rc != JOIST_E_AGAIN) {
        jst_h1c_fail(c, rc, NULL);
    }
    return false;
}

void
jst_h1c_pump(struct jst_h1_client *c)
{
    /* Bounded by the credit, which our client gives back later and not while we run. */
    while (step(c)) {
    }
}
