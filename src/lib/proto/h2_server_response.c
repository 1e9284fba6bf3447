// SPDX-License-Identifier: MIT
#include "base/str.h"
#include "proto/h2_server_int.h"

/* The response's sink: heads and data for nghttp2. Nothing leaves before the turn's end. */

/* Pseudo-header, Server, Date, Content-Length. */
#define OWN_FIELDS       4u
#define BLOCK_FIELDS_MAX 64u

/* ---- heads ---- */

static struct jst_slice
server_name(const struct jst_h2_server *c)
{
    struct jst_slice line = c->owner->conf->server_line;
    struct jst_slice name = jst_slice_cut(&line, ':');

    (void)name;
    return jst_slice_trim(jst_slice(line.p, line.n >= 2 ? line.n - 2 : 0)); /* less CRLF */
}

static uint32_t
fields_cap(const struct jst_head *head)
{
    return OWN_FIELDS + head->fields.n +
           (head->fields.n == 0 && head->block.n > 0 ? BLOCK_FIELDS_MAX : 0);
}

static void
add_status(struct jst_h2_nvs *o, char text[3], uint16_t status)
{
    text[0] = (char)('0' + status / 100 % 10);
    text[1] = (char)('0' + status / 10 % 10);
    text[2] = (char)('0' + status % 10);
    jst_h2_nvs_add(o, JST_S(":status"), jst_slice(text, 3));
}

static void
add_own(struct jst_h2_nvs *o, const struct jst_h2_stream *x, const struct jst_head *head)
{
    if (jst_fields_find(&head->fields, JST_FIELD_DATE) == NULL) {
        jst_h2_nvs_add(o, JST_S("date"), jst_local_date(x->s.local));
    }
    if (jst_fields_find(&head->fields, JST_FIELD_SERVER) == NULL) {
        struct jst_slice server = server_name(x->c);

        if (server.n > 0) {
            jst_h2_nvs_add(o, JST_S("server"), server);
        }
    }
}

static void
add_fields(struct jst_h2_nvs *o, const struct jst_h2_stream *x, const struct jst_head *head,
           char length[24])
{
    struct jst_str s = jst_str(length, 24);

    if (head->fields.n == 0 && head->block.n > 0) {
        jst_h2_nvs_add_block(o, head->block);
        return;
    }
    jst_h2_nvs_add_fields(o, &head->fields);
    if (x->tunnel) {
        /* RFC 8441 5: it answers a key that the client has not sent. */
        jst_h2_nvs_drop(o, JST_S("sec-websocket-accept"));
    }
    /* RFC 9110 8.6: none with 1xx and 204; with HEAD and 304 only the length of a GET. */
    if (!x->tunnel && head->length != JST_LENGTH_UNKNOWN && head->status != 204 &&
        (head->status != 304 || head->length > 0)) {
        jst_str_add_u64(&s, head->length);
        jst_h2_nvs_add(o, JST_S("content-length"), jst_str_slice(&s));
    }
}

static int
submit_head(struct jst_h2_stream *x, const struct jst_head *head, bool has_data)
{
    nghttp2_data_provider data = {.read_callback = jst_h2_read_data};
    struct jst_h2_nvs o = {.cap = fields_cap(head)};
    char status[3];
    char length[24];

    o.v = jst_arena_alloc(&x->s.arena, o.cap * sizeof(*o.v));
    if (o.v == NULL) {
        return JOIST_E_NOMEM;
    }
    /* RFC 8441 5: the answer to extended CONNECT is 200 where HTTP/1.1 says 101. */
    add_status(&o, status, x->tunnel ? 200 : head->status);
    add_own(&o, x, head);
    add_fields(&o, x, head, length);
    JST_ASSERT(!o.full || head->fields.n == 0);
    return nghttp2_submit_response(x->c->ng, x->id, o.v, o.n, has_data ? &data : NULL) < 0
               ? JOIST_E_NOMEM
               : JOIST_OK;
}

static void
send_interim(struct jst_h2_stream *x, const struct jst_head *head)
{
    struct jst_h2_nvs o = {.cap = fields_cap(head)};
    char status[3];

    if (head->status == 100) {
        if (x->expect) {
            jst_h2_send_continue(x);
        }
        return;
    }
    o.v = jst_arena_alloc(&x->s.arena, o.cap * sizeof(*o.v));
    if (o.v == NULL) {
        return; /* interim responses are hints */
    }
    add_status(&o, status, head->status);
    jst_h2_nvs_add_fields(&o, &head->fields);
    if (nghttp2_submit_headers(x->c->ng, NGHTTP2_FLAG_NONE, x->id, NULL, o.v, o.n, NULL) < 0) {
        jst_h2_break(x->c);
        return;
    }
    JST_STAT_ADD(x->s.local, status_1xx, 1);
    jst_h2_want_send(x->c);
}

void
jst_h2_send_continue(struct jst_h2_stream *x)
{
    nghttp2_nv v[1];
    struct jst_h2_nvs o = {v, 0, 1, false};
    char status[3];

    x->expect = false;
    add_status(&o, status, 100);
    if (nghttp2_submit_headers(x->c->ng, NGHTTP2_FLAG_NONE, x->id, NULL, o.v, o.n, NULL) < 0) {
        jst_h2_break(x->c);
        return;
    }
    JST_STAT_ADD(x->s.local, status_1xx, 1);
    jst_h2_want_send(x->c);
}

/* ---- the sink ---- */

static struct jst_h2_stream *
stream_of(struct jst_sink *s)
{
    return JST_CONTAINER(s, struct jst_h2_stream, response);
}

/* The response cannot go on: what came of it must not look whole. */
static void
cut(struct jst_h2_stream *x)
{
    x->response_ended = true;
    x->sent_end = true;
    x->request_ended = true; /* whoever aborts is not told anything more */
    jst_h2_settle_grant(x, x->granted);
    jst_h2_stream_reset(x, NGHTTP2_INTERNAL_ERROR);
    jst_loop_post(x->c->conn.loop, &x->task);
}

static void
response_head(struct jst_sink *s, const struct jst_head *head)
{
    struct jst_h2_stream *x = stream_of(s);

    if (x->response_ended) {
        return;
    }
    JST_ASSERT(!x->head_sent);
    if (head->status < 200 && head->status != 101) {
        send_interim(x, head);
        return;
    }
    x->head_sent = true;
    x->s.status = head->status;
    jst_local_count_status(x->s.local, head->status);
    if (head->status == 101) {
        x->tunnel = true;
        JST_STAT_ADD(x->s.local, tunnels_open, 1);
    }
    x->no_body = x->s.req.method == JST_METHOD_HEAD || head->status == 204 || head->status == 304;
    x->bounded = !x->no_body && !x->tunnel && head->length != JST_LENGTH_UNKNOWN;
    x->response_left = x->bounded ? head->length : 0;
    x->no_body = x->no_body || (x->bounded && head->length == 0);
    jst_stream_note_type(&x->s, head);
    if (submit_head(x, head, !x->no_body) < 0) {
        jst_h2_break(x->c);
        return;
    }
    if (x->s.close_after) {
        jst_h2_drain(x->c);
    }
    jst_h2_want_send(x->c);
    if (x->end_due || x->tunnel) {
        jst_loop_post(x->c->conn.loop, &x->task);
    }
}

static void
resume_data(struct jst_h2_stream *x)
{
    if (x->deferred) {
        x->deferred = false;
        if (nghttp2_session_resume_data(x->c->ng, x->id) == NGHTTP2_ERR_NOMEM) {
            jst_h2_break(x->c);
        }
    }
    jst_h2_want_send(x->c);
}

static void
response_data(struct jst_sink *s, struct jst_chain *move)
{
    struct jst_h2_stream *x = stream_of(s);
    size_t n = move->bytes;

    if (x->response_ended || x->no_body) {
        jst_h2_settle_grant(x, n);
        jst_chain_clear(move);
        return;
    }
    JST_ASSERT(x->head_sent);
    if (x->bounded) {
        JST_ASSERT(n <= x->response_left); /* a handler must keep its word */
        x->response_left -= n;
    }
    x->s.response_bytes += n;
    if (x->out.bytes == 0) {
        x->since_ms = jst_loop_now_ms(x->c->conn.loop);
        x->moved = 0;
    }
    if (jst_chain_append(&x->out, move) < 0) {
        jst_h2_break(x->c);
        return;
    }
    x->c->queued += n;
    resume_data(x);
}

static void
response_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct jst_h2_stream *x = stream_of(s);

    if (x->response_ended) {
        return;
    }
    JST_ASSERT(x->head_sent);
    JST_ASSERT(!x->bounded || x->response_left == 0);
    x->response_ended = true;
    if (trailers != NULL && trailers->n > 0 && !x->no_body &&
        jst_fields_copy(&x->trailers, &x->s.arena, trailers) < 0) {
        jst_h2_break(x->c);
        return;
    }
    if (x->out.bytes == 0) {
        x->since_ms = jst_loop_now_ms(x->c->conn.loop);
    }
    resume_data(x);
}

static void
response_abort(struct jst_sink *s, int why)
{
    struct jst_h2_stream *x = stream_of(s);

    if (x->response_ended) {
        return;
    }
    if (x->s.why == 0) {
        x->s.why = why;
    }
    cut(x);
}

const struct jst_sink_ops jst_h2_response_ops = {
    .head = response_head,
    .data = response_data,
    .end = response_end,
    .abort = response_abort,
};
