// SPDX-License-Identifier: MIT
#include "proto/h1_server_int.h"
#include "wire/readbuf.h"

/* From readable bytes to heads and body pieces. */

/* RFC 8446 5.1: the first byte of a client that begins with TLS. */
#define TLS_HANDSHAKE 0x16

/* What a request line holds beside its target, at most: method, spaces, version, some room. */
#define LINE_REST_BYTES 64u

/* Reads of one connection before the others get their turn. */
#define READS_MAX 16

/* Looking for the end of a chunked body without credit: a chunk's line or the last one. */
#define FRAMING_READ_BYTES 64u

/* ---- stored input ---- */

void
jst_h1_drop_stored(struct jst_h1_server *c)
{
    jst_buf_unref(c->in);
    c->in = NULL;
    c->in_n = c->in_off = c->in_seen = 0;
}

/* Keep bytes behind those kept already. False when out of memory. */
static bool
store(struct jst_h1_server *c, struct jst_slice more)
{
    struct jst_buf *b;

    if (more.n == 0) {
        return true;
    }
    if (c->in != NULL && c->in->cap - c->in_off - c->in_n >= more.n) {
        memcpy(c->in->data + c->in_off + c->in_n, more.p, more.n);
        c->in_n += (uint32_t)more.n;
        return true;
    }
    b = jst_buf_take((size_t)c->in_n + more.n + 1024);
    if (b == NULL) {
        return false;
    }
    if (c->in_n > 0) {
        JST_ASSERT(c->in != NULL);
        memcpy(b->data, c->in->data + c->in_off, c->in_n);
    }
    memcpy(b->data + c->in_n, more.p, more.n);
    jst_buf_unref(c->in);
    c->in = b;
    c->in_off = 0;
    c->in_n += (uint32_t)more.n;
    return true;
}

static struct jst_slice
stored(const struct jst_h1_server *c)
{
    return c->in_n > 0 ? jst_slice(c->in->data + c->in_off, c->in_n) : JST_SLICE_NONE;
}

/* What is left of stored input after a step that may have consumed some. */
static void
keep_stored(struct jst_h1_server *c, struct jst_slice rest)
{
    if (rest.n == 0) {
        jst_h1_drop_stored(c);
        return;
    }
    c->in_off += c->in_n - (uint32_t)rest.n;
    c->in_n = (uint32_t)rest.n;
}

/* ---- heads ---- */

/* The head is incomplete: may it still become one? */
static uint16_t
judge_partial(struct jst_h1_server *c, struct jst_slice in)
{
    const struct joist_limits_conf *limits = &c->owner->conf->limits;
    struct jst_local *local = c->owner->local;

    if (!jst_h1_may_be_request(in)) {
        JST_STAT_ADD(local, bad_messages, 1);
        JST_LOG(local->log, INFO, BAD_REQUEST, "status=400 err=\"%s\"",
                in.p[0] == TLS_HANDSHAKE ? "it speaks TLS, and this port plain HTTP"
                                         : "it does not speak HTTP/1");
        return 400;
    }
    if (limits->uri_bytes > 0 && in.n > limits->uri_bytes + LINE_REST_BYTES &&
        memchr(in.p, '\n', limits->uri_bytes + LINE_REST_BYTES) == NULL) {
        JST_STAT_ADD(local, limit_uri_bytes, 1);
        return 414;
    }
    if (in.n >= limits->header_bytes) {
        JST_STAT_ADD(local, limit_header_bytes, 1);
        return 431;
    }
    return 0;
}

/* Find a request head at the front of `in`; begin it. False: more bytes are needed. */
static bool
try_head(struct jst_h1_server *c, struct jst_slice *in, size_t *seen)
{
    struct jst_slice head;
    size_t skip = *seen == 0 && !c->skipped_empty ? jst_h1_skip_empty(*in) : 0;
    size_t n;
    uint16_t status;

    c->skipped_empty = c->skipped_empty || skip > 0; /* one between two requests, however cut */
    in->p += skip;
    in->n -= skip;
    n = jst_h1_head_end(*in, seen);
    if (n == 0) {
        status = in->n > 0 ? judge_partial(c, *in) : 0;
        if (status == 0) {
            return false;
        }
        in->n = 0;
        jst_h1_refuse_head(c, status, status == 400 ? JOIST_E_PROTO : JOIST_E_LIMIT);
        return true;
    }
    head = jst_slice(in->p, n);
    in->p += n;
    in->n -= n;
    *seen = 0;
    if (n > c->owner->conf->limits.header_bytes) {
        JST_STAT_ADD(c->owner->local, limit_header_bytes, 1);
        jst_h1_refuse_head(c, 431, JOIST_E_LIMIT);
        return true;
    }
    jst_h1_take_head(c, head);
    return true;
}

/* ---- reading ---- */

/* Is a chunked body between two chunks? The last one's end comes without credit; but nothing comes
 * before the handler has asked at all. */
static bool
is_between_chunks(const struct jst_h1_exchange *x)
{
    return x->decoder.kind == JST_H1_BODY_CHUNKED && x->s.request_bytes > 0 &&
           x->decoder.chunked.state != JST_CHUNKED_DATA;
}

/* One step over bytes in hand. Returns true while it may go on. */
static bool
consume(struct jst_h1_server *c, struct jst_buf *buf, struct jst_slice *in)
{
    struct jst_h1_exchange *x = c->x;
    size_t before = in->n;
    size_t seen;
    bool found;

    switch ((enum jst_h1_state)c->state) {
    case H1_HEAD:
        if (c->sniff_h2 && jst_h1_sniff(c, in)) {
            return false;
        }
        seen = c->in_seen;
        found = try_head(c, in, &seen);
        c->in_seen = found ? 0 : (uint32_t)seen;
        return found && in->n > 0;
    case H1_BODY:
        JST_ASSERT(x != NULL);
        if (x->discarding ? !x->keep : x->body_credit == 0 && !is_between_chunks(x)) {
            return false;
        }
        if (jst_h1_take_body(x, buf, in)) {
            jst_h1_maybe_done(x);
        }
        return in->n > 0 && (in->n < before || c->state != H1_BODY);
    case H1_WAIT:
        return false;
    case H1_FLUSH:
    case H1_DEAD:
        in->n = 0;
        return false;
    case H1_LINGER:
        c->lingered += (uint32_t)JST_MIN(in->n, JST_LINGER_BYTES_MAX);
        in->n = 0;
        if (c->lingered >= JST_LINGER_BYTES_MAX) {
            jst_h1_close(c, true);
        }
        return false;
    }
    JST_UNREACHABLE();
}

static void
on_end(struct jst_h1_server *c)
{
    struct jst_h1_exchange *x = c->x;

    switch ((enum jst_h1_state)c->state) {
    case H1_HEAD:
        if (c->conn.out.bytes > 0) {
            jst_h1_finish(c); /* answers to pipelined requests are still leaving */
        } else {
            jst_h1_close(c, false);
        }
        break;
    case H1_BODY:
        if (jst_h1_decoder_eof_ok(&x->decoder)) { /* a tunnel's half-close */
            jst_h1_end_request(x);
            jst_h1_maybe_done(x);
            break;
        }
        jst_h1_close(c, false);
        break;
    case H1_WAIT:
        JST_ASSERT(x != NULL);
        /* The response is complete and leaving: a client that has closed its side may read it. */
        if (x->response_ended || x->tunnel) {
            break;
        }
        jst_h1_close(c, false);
        break;
    case H1_FLUSH:
    case H1_DEAD:
        break;
    case H1_LINGER:
        jst_h1_close(c, false);
        break;
    }
}

/* How much to ask the socket for; 0: nothing now. */
static size_t
read_size(const struct jst_h1_server *c)
{
    const struct jst_h1_exchange *x = c->x;

    switch ((enum jst_h1_state)c->state) {
    case H1_HEAD:
        return c->conn.out.bytes > JST_RESPONSE_TAIL_BYTES ? 0 : JST_HEAD_READ_BYTES;
    case H1_BODY:
        JST_ASSERT(x != NULL);
        if (x->discarding) {
            return x->keep ? JST_STREAM_WINDOW_BYTES : 0;
        }
        if (x->body_credit == 0 && is_between_chunks(x)) {
            return FRAMING_READ_BYTES;
        }
        /* Framing comes on top; bytes beyond the credit would have to be kept. */
        return (size_t)JST_MIN(x->body_credit, JST_STREAM_WINDOW_BYTES);
    case H1_LINGER:
        return JST_STREAM_WINDOW_BYTES;
    default:
        return 0;
    }
}

/* Read once and use it. False: nothing more to read now. */
static bool
read_once(struct jst_h1_server *c)
{
    size_t size = read_size(c);
    struct jst_buf *buf;
    struct jst_slice in;
    int n;

    if (size == 0 || !jst_conn_is_readable(&c->conn)) {
        return false;
    }
    buf = jst_readbuf_get();
    if (buf == NULL) {
        jst_h1_close(c, false);
        return false;
    }
    n = jst_conn_read(&c->conn, buf->data, size);
    if (n == JOIST_E_AGAIN) {
        return false;
    }
    if (n < 0) {
        if (n == JOIST_E_CLOSED) {
            on_end(c);
        } else {
            jst_h1_close(c, false);
        }
        return false;
    }
    JST_STAT_ADD(c->owner->local, bytes_in, n);
    in = jst_slice(buf->data, (size_t)n);
    if (c->in_n > 0) { /* a head that came in pieces */
        if (!store(c, in)) {
            jst_h1_close(c, false);
        }
        return true;
    }
    while (consume(c, buf, &in)) {
    }
    if (in.n > 0 && c->state != H1_DEAD) {
        bool was_idle = c->in_n == 0 && c->state == H1_HEAD;

        if (!store(c, in)) {
            jst_h1_close(c, false);
            return false;
        }
        if (was_idle) {
            jst_h1_touch(c); /* the head's clock starts with its first byte */
        }
    }
    return c->state != H1_DEAD;
}

static void
consume_stored(struct jst_h1_server *c)
{
    while (c->in_n > 0 && c->state != H1_DEAD) {
        struct jst_buf *buf = jst_buf_ref(c->in);
        struct jst_slice in = stored(c);
        bool more = consume(c, buf, &in);

        keep_stored(c, in);
        jst_buf_unref(buf);
        if (!more) {
            return;
        }
    }
}

/* Do whatever can be done now. Never called from inside a sink or source. */
void
jst_h1_pump(struct jst_h1_server *c)
{
    for (int i = 0; i < READS_MAX; i++) {
        consume_stored(c);
        if (!read_once(c)) {
            break;
        }
    }
    if (c->state == H1_WAIT ? jst_conn_has_hangup(&c->conn)
                            : c->state == H1_BODY && c->in_n == 0 && read_size(c) == 0 &&
                                  jst_conn_is_at_end(&c->conn)) {
        on_end(c);
        return;
    }
    if (c->state != H1_DEAD && jst_conn_is_readable(&c->conn) && read_size(c) > 0) {
        jst_loop_post(c->conn.loop, &c->pump_task);
    }
}

/* What a sink or source call could not do itself, because it must not call back. */
static void
settle(struct jst_h1_exchange *x)
{
    if (x->end_due && x->head_sent) { /* an upgrade was refused: the request is an ordinary one */
        x->end_due = false;
        jst_h1_end_request(x);
    } else if (x->response_ended && !x->request_ended && !x->tunnel) {
        /* answered before the request's end */
        x->request_ended = true;
        x->hold++;
        jst_sink_abort(x->s.handler, JOIST_E_CANCELED);
        x->hold--;
        jst_h1_discard(x);
    }
    jst_h1_maybe_done(x);
}

void
jst_h1_run_pump(struct jst_task *t)
{
    struct jst_h1_server *c = JST_CONTAINER(t, struct jst_h1_server, pump_task);
    struct jst_h1_exchange *x = c->x;

    if (c->state == H1_DEAD) {
        return;
    }
    if (c->broken) {
        jst_h1_close(c, true);
        return;
    }
    if (x != NULL) {
        settle(x);
    }
    jst_h1_pump(c);
}
