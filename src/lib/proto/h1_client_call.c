// SPDX-License-Identifier: MIT
#include "proto/h1_client_int.h"

/* ---- the request ---- */

/* Ask for the body's first bytes. Not before the connection stands, so that nothing of them is lost
 * if another address has to be tried. */
void
jst_h1c_ask_body(struct jst_h1_client *c)
{
    if (c->connected && !c->request_done && !c->call->asked_body && !c->waits_continue) {
        c->call->asked_body = true;
        jst_source_resume(c->call->on_request, JST_STREAM_WINDOW_BYTES);
    }
}

/* Give credit for what has left, or surely has: what is still queued counts as body. */
void
jst_h1c_credit_body(struct jst_h1_client *c)
{
    size_t queued = c->conn.out.bytes;
    size_t left = c->unsent_body > queued ? c->unsent_body - queued : 0;

    if (left == 0 || c->request_done || (left < JST_STREAM_WINDOW_BYTES / 4 && queued > 0)) {
        return;
    }
    c->unsent_body -= left;
    jst_source_resume(c->call->on_request, left);
}

static bool
is_chunked(const struct jst_h1_client *c)
{
    return c->phase != H1C_TUNNEL && c->call->req->length == JST_LENGTH_UNKNOWN;
}

/* Hand what was printed into conn.out to the connection; after a failed print, give up later. */
static void
write_out(struct jst_h1_client *c, int rc)
{
    struct jst_chain nothing = {0};
    size_t queued = c->conn.out.bytes;

    if (rc < 0) {
        c->failed = rc;
        jst_loop_post(c->conn.loop, &c->task);
        return;
    }
    jst_conn_write(&c->conn, &nothing);
    c->sending = c->sending || c->conn.out.bytes < queued;
}

static void
request_data(struct jst_sink *sink, struct jst_chain *move)
{
    struct jst_call *call = JST_CONTAINER(sink, struct jst_call, request);
    struct jst_h1_client *c = jst_h1c_of_call(call);

    if (c == NULL || c->request_done) {
        jst_chain_clear(move);
        return;
    }
    call->sent_body = true;
    c->unsent_body += move->bytes;
    write_out(c, is_chunked(c) ? jst_h1_encode_chunk(&c->conn.out, move)
                               : jst_chain_append(&c->conn.out, move));
    jst_chain_clear(move); /* after a failure something may be left */
    jst_h1c_touch(c);
}

static void
request_end(struct jst_sink *sink, const struct jst_fields *trailers)
{
    struct jst_call *call = JST_CONTAINER(sink, struct jst_call, request);
    struct jst_h1_client *c = jst_h1c_of_call(call);

    if (c == NULL || c->request_done) {
        return;
    }
    c->request_done = true;
    call->ended = true;
    if (c->phase == H1C_TUNNEL) {
        jst_conn_shutdown(&c->conn);
        if (c->response_done) {
            jst_h1c_end_tunnel(c);
        }
        return;
    }
    c->waits_continue = false;
    if (is_chunked(c)) {
        write_out(c, jst_h1_encode_last_chunk(&c->conn.out, trailers));
    }
    jst_h1c_touch(c);
}

/* The caller wants no more: nothing is told to it. */
static void
cancel(struct jst_h1_client *c)
{
    (void)jst_h1c_detach(c);
    jst_h1c_let_go(c, JOIST_E_CANCELED, true);
}

static void
request_abort(struct jst_sink *sink, int why)
{
    struct jst_h1_client *c = jst_h1c_of_call(JST_CONTAINER(sink, struct jst_call, request));

    (void)why;
    if (c != NULL) {
        cancel(c);
    }
}

static const struct jst_sink_ops request_ops = {
    .data = request_data,
    .end = request_end,
    .abort = request_abort,
};

/* ---- the response's credit ---- */

static void
response_resume(struct jst_source *source, size_t credit)
{
    struct jst_call *call = JST_CONTAINER(source, struct jst_call, response);
    struct jst_h1_client *c = jst_h1c_of_call(call);
    bool was_paused = call->credit == 0;

    call->credit += credit;
    if (c == NULL || c->phase == H1C_HEAD || !was_paused) {
        return;
    }
    jst_h1c_touch(c);
    if (c->held_n > 0 || jst_conn_is_readable(&c->conn)) {
        jst_loop_post(c->conn.loop, &c->task);
    }
}

static void
response_cancel(struct jst_source *source, int why)
{
    struct jst_h1_client *c = jst_h1c_of_call(JST_CONTAINER(source, struct jst_call, response));

    (void)why;
    if (c != NULL) {
        cancel(c);
    }
}

static const struct jst_source_ops response_ops = {
    .resume = response_resume,
    .cancel = response_cancel,
};

/* ---- the start ---- */

void
jst_h1c_start(struct jst_client *base, struct jst_call *call)
{
    struct jst_h1_client *c = jst_h1c_of(base);
    const struct jst_head *req = call->req;
    int rc;

    JST_ASSERT(c->call == NULL && c->phase == H1C_IDLE);
    JST_ASSERT_HOT((c->conn.out.bytes == 0 || !c->connected) && c->held == NULL);
    c->call = call;
    c->phase = H1C_HEAD;
    c->head_seen = 0;
    c->unsent_body = 0;
    c->interim_n = 0;
    c->failed = 0;
    c->sending = false;
    c->keep_alive = true;
    c->response_done = false;
    c->request_done = !req->has_body || call->ended;
    c->waits_continue = !c->request_done && req->expect_continue && !call->asked_body;
    call->client = base;
    call->request.ops = &request_ops;
    call->response.ops = &response_ops;
    call->reused = c->served;
    call->connected = c->connected;
    call->got_bytes = false;
    rc = jst_h1_print_request(&c->conn.out, call);
    if (rc == JOIST_OK && req->has_body && call->ended && is_chunked(c)) {
        rc = jst_h1_encode_last_chunk(&c->conn.out, NULL); /* it ended while we connected */
    }
    write_out(c, rc);
    jst_h1c_ask_body(c);
    jst_h1c_touch(c);
}
