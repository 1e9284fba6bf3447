// SPDX-License-Identifier: MIT
#include "proto/h1_print.h"
#include "proto/h1_server_int.h"

/* ---- the head ---- */

/* What we add ourselves beside fields and block: status line, Date, framing, Connection. */
#define OWN_BYTES 256

static size_t
head_bytes(const struct jst_head *head, struct jst_slice server)
{
    return OWN_BYTES + server.n + head->reason.n + head->block.n + head->upgrade_to.n +
           (head->block.p == NULL ? jst_h1_print_bytes(&head->fields) : 0);
}

static void
add_status_line(struct jst_str *s, uint16_t status, struct jst_slice reason)
{
    jst_str_add(s, JST_S("HTTP/1.1 "));
    jst_str_add_u64(s, status);
    jst_str_add_char(s, ' ');
    jst_str_add(s, reason.n > 0 ? reason : jst_status_reason(status));
    jst_str_add(s, JST_S("\r\n"));
}

/* Sees on the way which of our own fields the message brings itself. */
static void
add_fields(struct jst_str *s, const struct jst_fields *fields, bool *has_date, bool *has_server)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        const struct jst_field *f = &fields->v[i];

        if (f->drop) {
            continue;
        }
        *has_date = *has_date || f->id == JST_FIELD_DATE;
        *has_server = *has_server || f->id == JST_FIELD_SERVER;
        jst_h1_print_field(s, f->name, f->value);
    }
}

static void
add_framing(struct jst_str *s, const struct jst_h1_exchange *x, const struct jst_head *head)
{
    if (x->tunnel) {
        jst_str_add(s, JST_S("Connection: Upgrade\r\n"));
        jst_h1_print_field(s, JST_S("Upgrade"), head->upgrade_to);
    } else if (head->block.p != NULL) {
        return; /* holds its length */
    } else if (x->chunked) {
        jst_str_add(s, JST_S("Transfer-Encoding: chunked\r\n"));
    } else if (head->length != JST_LENGTH_UNKNOWN && head->status != 204 &&
               (head->status != 304 || head->length > 0)) {
        /* RFC 9110 8.6: none with 1xx and 204; with HEAD and 304 only the length of a GET. */
        jst_str_add(s, JST_S("Content-Length: "));
        jst_str_add_u64(s, head->length);
        jst_str_add(s, JST_S("\r\n"));
    }
}

static void
add_connection(struct jst_str *s, const struct jst_h1_exchange *x)
{
    if (x->tunnel) {
        return;
    }
    if (!x->keep) {
        jst_str_add(s, JST_S("Connection: close\r\n"));
    } else if (x->s.req.version_minor == 0) {
        jst_str_add(s, JST_S("Connection: keep-alive\r\n"));
    }
}

static int
print_head(struct jst_h1_exchange *x, const struct jst_head *head)
{
    struct jst_slice server = x->c->owner->conf->server_line;
    bool has_date = false;
    bool has_server = server.n == 0;
    struct jst_h1_print p;
    int rc = jst_h1_print_open(&p, &x->c->conn.out, head_bytes(head, server));

    if (rc < 0) {
        return rc;
    }
    add_status_line(&p.s, head->status, head->reason);
    if (head->block.p != NULL) {
        jst_str_add(&p.s, head->block);
    } else {
        add_fields(&p.s, &head->fields, &has_date, &has_server);
    }
    if (!has_date) {
        jst_h1_print_field(&p.s, JST_S("Date"), jst_local_date(x->s.local));
    }
    if (!has_server) {
        jst_str_add(&p.s, server);
    }
    add_framing(&p.s, x, head);
    add_connection(&p.s, x);
    jst_str_add(&p.s, JST_S("\r\n"));
    return jst_h1_print_close(&p);
}

/* ---- interim responses ---- */

static void
queue_output(struct jst_h1_exchange *x)
{
    struct jst_chain none = {0};

    jst_conn_write(&x->c->conn, &none);
}

void
jst_h1_send_continue(struct jst_h1_exchange *x)
{
    struct jst_slice line = JST_S("HTTP/1.1 100 Continue\r\n\r\n");

    x->expect = false;
    if (jst_chain_add_copy(&x->c->conn.out, line.p, line.n) == JOIST_OK) {
        JST_STAT_ADD(x->s.local, status_1xx, 1);
        queue_output(x);
    }
}

static void
send_interim(struct jst_h1_exchange *x, const struct jst_head *head)
{
    bool yes = true;
    struct jst_h1_print p;

    /* RFC 9110 15.2: a 1.0 client knows none; and 100 only if it waits for it. */
    if (x->s.req.version_minor == 0 || (head->status == 100 && !x->expect)) {
        return;
    }
    if (head->status == 100) {
        jst_h1_send_continue(x);
        return;
    }
    if (jst_h1_print_open(&p, &x->c->conn.out, head_bytes(head, JST_SLICE_NONE)) < 0) {
        return; /* interim responses are hints */
    }
    add_status_line(&p.s, head->status, head->reason);
    add_fields(&p.s, &head->fields, &yes, &yes);
    jst_str_add(&p.s, JST_S("\r\n"));
    if (jst_h1_print_close(&p) == JOIST_OK) {
        JST_STAT_ADD(x->s.local, status_1xx, 1);
        queue_output(x);
    }
}

/* ---- the sink ---- */

static struct jst_h1_exchange *
exchange_of(struct jst_sink *s)
{
    return JST_CONTAINER(s, struct jst_h1_exchange, response);
}

static void
start_tunnel(struct jst_h1_exchange *x)
{
    struct jst_h1_server *c = x->c;

    x->tunnel = true;
    x->keep = false;
    x->end_due = false;
    x->body_complete = false;
    jst_h1_decoder_init(&x->decoder, JST_H1_BODY_TUNNEL, 0);
    c->state = H1_BODY;
    JST_STAT_ADD(x->s.local, tunnels_open, 1);
    jst_loop_post(c->conn.loop, &c->pump_task);
}

static void
choose_framing(struct jst_h1_exchange *x, const struct jst_head *head)
{
    bool is_head = x->s.req.method == JST_METHOD_HEAD;

    x->no_body = is_head || head->status == 204 || head->status == 304;
    x->response_left = x->no_body ? 0 : head->length;
    if (x->no_body || x->tunnel || head->length != JST_LENGTH_UNKNOWN) {
        return;
    }
    if (x->s.req.version_minor == 0) {
        x->until_close = true;
        x->keep = false;
    } else {
        x->chunked = true;
    }
}

/* Out of memory inside of a message. Closing is not for inside of a handler's call. */
static void
give_up(struct jst_h1_exchange *x)
{
    x->c->broken = true;
    x->c->reset_at_end = true;
    x->keep = false;
    jst_loop_post(x->c->conn.loop, &x->c->pump_task);
}

static void
response_head(struct jst_sink *s, const struct jst_head *head)
{
    struct jst_h1_exchange *x = exchange_of(s);

    if (x->response_ended || x->c->broken) {
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
    x->keep = x->keep && !x->c->draining && !x->s.close_after;
    if (x->expect) {
        x->keep = false; /* the body was not asked for, but may come all the same */
    }
    if (head->status == 101) {
        start_tunnel(x);
    }
    choose_framing(x, head);
    jst_stream_note_type(&x->s, head);
    if (print_head(x, head) < 0) {
        give_up(x);
        return;
    }
    queue_output(x);
    if (x->end_due) {
        jst_loop_post(x->c->conn.loop, &x->c->pump_task);
    }
}

static void
response_data(struct jst_sink *s, struct jst_chain *move)
{
    struct jst_h1_exchange *x = exchange_of(s);
    struct jst_conn *conn = &x->c->conn;
    size_t n = move->bytes;
    int rc;

    if (x->response_ended || x->no_body || x->c->broken) {
        jst_chain_clear(move);
        return;
    }
    JST_ASSERT(x->head_sent);
    if (!x->chunked && !x->until_close && !x->tunnel) {
        JST_ASSERT(n <= x->response_left); /* a handler must keep its word */
        x->response_left -= n;
    }
    x->s.response_bytes += n;
    x->response_debt += n;
    rc = x->chunked ? jst_h1_encode_chunk(&conn->out, move) : jst_chain_append(&conn->out, move);
    if (rc < 0) {
        jst_chain_clear(move);
        give_up(x);
        return;
    }
    jst_conn_write(conn, move);
}

static void
response_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct jst_h1_exchange *x = exchange_of(s);
    struct jst_h1_server *c = x->c;

    if (x->response_ended || c->broken) {
        return;
    }
    JST_ASSERT(x->head_sent);
    JST_ASSERT(x->chunked || x->until_close || x->tunnel || x->no_body || x->response_left == 0);
    x->response_ended = true;
    if (x->chunked &&
        jst_h1_encode_last_chunk(&c->conn.out, x->s.req.te_trailers ? trailers : NULL) < 0) {
        c->reset_at_end = true;
        x->keep = false;
    }
    queue_output(x);
    if (x->tunnel) {
        jst_conn_shutdown(&c->conn); /* half-close: the client may go on */
    } else if (!x->request_ended && (x->hold == 0 || !x->body_complete)) {
        /* Not while its request is being begun: that ends it by itself. */
        jst_loop_post(c->conn.loop, &c->pump_task);
    }
    jst_h1_maybe_done(x);
}

static void
response_abort(struct jst_sink *s, int why)
{
    struct jst_h1_exchange *x = exchange_of(s);
    struct jst_h1_server *c = x->c;

    if (x->response_ended) {
        return;
    }
    if (x->s.why == 0) {
        x->s.why = why;
    }
    x->response_ended = true;
    x->keep = false;
    if (!x->request_ended) {
        x->request_ended = true;
        jst_h1_discard(x);
    }
    /* What came so far may leave, but never as a whole: a length or a last chunk is missing, and
     * where the connection's end would be the body's end only a reset tells. */
    c->reset_at_end = true;
    jst_h1_maybe_done(x);
}

const struct jst_sink_ops jst_h1_response_ops = {
    .head = response_head,
    .data = response_data,
    .end = response_end,
    .abort = response_abort,
};
