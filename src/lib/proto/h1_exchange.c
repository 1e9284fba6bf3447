// SPDX-License-Identifier: MIT
#include "proto/h1_request.h"
#include "proto/h1_server_int.h"

/* One request and its response: begun by a head, ended when both directions have. */

/* ---- ending ---- */

static void
free_exchange(struct jst_h1_server *c)
{
    struct jst_h1_exchange *x = c->x;
    struct jst_arena arena = x->s.arena; /* it holds x itself */

    c->x = NULL;
    JST_STAT_SUB(c->owner->local, requests_open, 1);
    if (x->tunnel) {
        JST_STAT_SUB(c->owner->local, tunnels_open, 1);
    }
    if (x->s.client_gone) {
        JST_STAT_ADD(c->owner->local, client_gone, 1);
    }
    jst_h1_decoder_fini(&x->decoder);
    jst_arena_fini(&arena);
}

void
jst_h1_maybe_done(struct jst_h1_exchange *x)
{
    struct jst_h1_server *c = x->c;
    bool keep;

    if (x->hold > 0 || !x->request_ended || !x->response_ended) {
        return;
    }
    if (c->state != H1_DEAD &&
        (c->conn.out.bytes > JST_RESPONSE_TAIL_BYTES || jst_conn_has_failed(&c->conn))) {
        return; /* it still waits, or was dropped: then the end comes with on_failed() */
    }
    keep = x->keep && !c->draining;
    if (keep && !x->body_complete && x->discarding && c->state != H1_DEAD) {
        return; /* the rest of the request is on its way to nowhere; jst_h1_pump() ends it */
    }
    keep = keep && x->body_complete;
    x->hold++;
    if (c->state == H1_DEAD) { /* what waited behind is the newest of what was queued */
        x->s.response_bytes -= JST_MIN(x->s.response_bytes, c->conn.out.bytes + c->conn.dropped);
    }
    c->owner->svc->on_done(c->owner->svc, &x->s);
    c->served = true;
    if (c->state == H1_DEAD) {
        free_exchange(c);
        return;
    }
    if (!keep) {
        jst_h1_finish(c); /* looks at c->x for unread body */
        if (c->x != NULL) {
            free_exchange(c);
        }
        return;
    }
    free_exchange(c);
    c->state = H1_HEAD;
    c->in_seen = 0;
    jst_h1_touch(c);
    if (c->in_n > 0 || jst_conn_is_readable(&c->conn)) {
        jst_loop_post(c->conn.loop, &c->pump_task);
    }
}

void
jst_h1_kill(struct jst_h1_exchange *x, int why)
{
    x->hold++;
    if (x->s.why == 0) {
        x->s.why = why;
    }
    x->keep = false;
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
    x->hold--;
    jst_h1_maybe_done(x);
}

/* The client broke something: tell it if nothing was sent yet, and close. */
void
jst_h1_refuse(struct jst_h1_exchange *x, uint16_t status, int why)
{
    struct jst_h1_server *c = x->c;

    x->hold++;
    x->keep = false;
    if (x->s.why == 0) {
        x->s.why = why;
    }
    if (!x->response_ended && !x->head_sent) {
        if (x->s.origin != NULL) {
            jst_source_cancel(x->s.origin, why);
            x->s.origin = NULL;
        }
        jst_stream_respond_error(&x->s, status, NULL);
    } else if (!x->response_ended) {
        c->reset_at_end = true; /* it must not take what it has for the whole */
    }
    x->hold--;
    jst_h1_kill(x, why);
}

/* ---- request body ---- */

void
jst_h1_end_request(struct jst_h1_exchange *x)
{
    struct jst_field storage[JST_TRAILER_FIELDS_MAX];
    struct jst_fields trailers = {storage, 0, JST_TRAILER_FIELDS_MAX};

    x->body_complete = true;
    if (x->c->state == H1_BODY) {
        x->c->state = H1_WAIT;
        jst_h1_touch(x->c); /* from here on the origin's clocks run, not the body's */
    }
    if (x->request_ended) {
        return;
    }
    x->request_ended = true;
    x->hold++;
    jst_sink_end(x->s.handler, jst_h1_decoder_trailers(&x->decoder, &trailers));
    x->hold--;
}

static void
refuse_body(struct jst_h1_exchange *x, int rc, enum jst_h1_err why)
{
    JST_STAT_ADD(x->s.local, bad_messages, 1);
    JST_LOG(x->s.local->log, INFO, BAD_REQUEST, "phase=body err=\"%s\"",
            why != JST_H1_OK ? jst_h1_err_text(why) : joist_error_text(rc));
    jst_h1_refuse(x, why != JST_H1_OK ? jst_h1_err_status(why) : 503, rc);
}

/* Decode what `in` holds, as far as credit goes. False: the exchange is over. */
bool
jst_h1_take_body(struct jst_h1_exchange *x, struct jst_buf *buf, struct jst_slice *in)
{
    struct jst_h1_server *c = x->c;
    struct jst_chain data = {0};
    enum jst_h1_err why = JST_H1_OK;
    size_t max = x->discarding ? JST_STREAM_WINDOW_BYTES : (size_t)x->body_credit;
    int rc = jst_h1_decode(&x->decoder, buf, in, max, &data, &why);
    size_t n = data.bytes;

    if (rc < 0) {
        jst_chain_clear(&data);
        refuse_body(x, rc, why);
        return false;
    }
    x->s.request_bytes += n;
    if (x->s.body_max_bytes > 0 && x->s.request_bytes > x->s.body_max_bytes && !x->tunnel) {
        jst_chain_clear(&data);
        JST_STAT_ADD(x->s.local, limit_body_bytes, 1);
        jst_h1_refuse(x, 413, JOIST_E_LIMIT);
        return false;
    }
    jst_h1_progress(c, n);
    x->hold++;
    if (x->discarding) {
        x->discarded += n;
        jst_chain_clear(&data);
    } else if (n > 0) {
        x->body_credit -= n;
        jst_sink_data(x->s.handler, &data);
    }
    if (x->decoder.done) {
        jst_h1_end_request(x);
    }
    x->hold--;
    if (x->discarding && x->discarded > JST_DISCARD_BYTES_MAX) {
        x->keep = false;
    }
    return true;
}

/* The rest of the body is for nobody. Read on only if that is cheaper than a new connection. */
void
jst_h1_discard(struct jst_h1_exchange *x)
{
    const struct jst_h1_decoder *d = &x->decoder;

    if (x->body_complete || x->discarding) {
        return;
    }
    x->discarding = true;
    if (x->expect || (d->kind == JST_H1_BODY_LENGTH && d->left > JST_DISCARD_BYTES_MAX)) {
        x->keep = false;
    }
    jst_h1_touch(x->c);
}

static struct jst_h1_exchange *
exchange_of_body(struct jst_source *s)
{
    return JST_CONTAINER(s, struct jst_h1_exchange, body);
}

static void
body_resume(struct jst_source *s, size_t credit)
{
    struct jst_h1_exchange *x = exchange_of_body(s);
    bool was_paused;

    if (x->request_ended || x->discarding) {
        return;
    }
    if (x->expect && !x->head_sent && !x->response_ended) {
        jst_h1_send_continue(x);
    }
    was_paused = x->body_credit == 0;
    x->body_credit += credit;
    if (!x->body_complete) {
        if (was_paused) { /* credit alone is no progress: a byte at a time would last for ever */
            jst_h1_touch(x->c);
        }
        jst_loop_post(x->c->conn.loop, &x->c->pump_task);
    }
}

static void
body_cancel(struct jst_source *s, int why)
{
    struct jst_h1_exchange *x = exchange_of_body(s);

    (void)why;
    if (x->request_ended) {
        return;
    }
    x->request_ended = true;
    jst_h1_discard(x);
    jst_loop_post(x->c->conn.loop, &x->c->pump_task);
}

static const struct jst_source_ops body_ops = {
    .resume = body_resume,
    .cancel = body_cancel,
};

/* ---- request head ---- */

static void
begin(struct jst_h1_exchange *x, const struct jst_h1_head *h)
{
    struct jst_h1_server *c = x->c;

    c->state = H1_BODY;
    if (c->conn.out.bytes > 0) {
        jst_h1_touch(c); /* earlier answers have not left: a client that reads none is cut */
    } else {
        jst_timer_stop(&c->timer);
    }
    jst_h1_decoder_init(&x->decoder, h->body, h->length);
    x->body_complete = x->decoder.done;
    x->hold++;
    c->owner->svc->on_request(c->owner->svc, &x->s);
    JST_ASSERT(x->s.handler != NULL || x->request_ended);
    if (x->s.origin != NULL && !x->response_ended) {
        jst_source_resume(x->s.origin, JST_STREAM_WINDOW_BYTES);
    }
    if (x->body_complete && c->state == H1_BODY) {
        c->state = H1_WAIT;
        if (!x->request_ended && x->s.req.upgrade && !x->head_sent) {
            x->end_due = true;
        } else if (!x->request_ended) {
            jst_h1_end_request(x);
        }
    }
    x->hold--;
    jst_h1_maybe_done(x);
}

/* A head that cannot be served: answer without asking the service, but let it log. */
static void
begin_refused(struct jst_h1_exchange *x, uint16_t status, int why)
{
    x->c->state = H1_WAIT;
    x->request_ended = true;
    x->body_complete = false; /* unknown: close after a pause for the client to read */
    jst_h1_refuse(x, status, why);
}

/* Counted as a request from here on; NULL when out of memory. */
static struct jst_h1_exchange *
create_exchange(struct jst_h1_server *c)
{
    struct jst_arena arena;
    struct jst_h1_exchange *x;

    jst_arena_init(&arena);
    x = jst_arena_zalloc(&arena, sizeof(*x));
    if (x == NULL) {
        JST_LOG(c->owner->local->log, ERROR, OUT_OF_MEMORY, "what=request");
        return NULL;
    }
    x->c = c;
    x->response.ops = &jst_h1_response_ops;
    x->body.ops = &body_ops;
    x->s.arena = arena;
    x->s.response = &x->response;
    x->s.body = &x->body;
    x->s.local = c->owner->local;
    x->s.svc = c->owner->svc;
    x->s.peer = &c->peer;
    x->s.start_ns = jst_loop_now_ns(c->conn.loop);
    x->s.version_major = 1;
    x->s.early = c->peer.tls != NULL && c->peer.tls->early;
    x->s.route = -1;
    c->x = x;
    c->skipped_empty = false;
    JST_STAT_ADD(c->owner->local, requests, 1);
    JST_STAT_ADD(c->owner->local, requests_open, 1);
    return x;
}

/* `head` is complete. Consumes it whatever comes of it. */
void
jst_h1_take_head(struct jst_h1_server *c, struct jst_slice head)
{
    struct jst_h1_exchange *x = create_exchange(c);
    struct jst_h1_head h;
    uint16_t status;

    if (x == NULL) {
        jst_h1_close(c, false);
        return;
    }
    status = jst_h1_read_request(&x->s, &h, head, &c->owner->conf->limits);
    x->keep = status == 0 && h.keep_alive && !c->draining;
    x->expect = status == 0 && h.expect_continue;
    if (status != 0) {
        begin_refused(x, status, JOIST_E_PROTO);
        return;
    }
    begin(x, &h);
}

/* Too much, too strange, or too slow, before a head was complete. */
void
jst_h1_refuse_head(struct jst_h1_server *c, uint16_t status, int why)
{
    struct jst_h1_exchange *x = create_exchange(c);

    if (x == NULL) {
        jst_h1_close(c, false);
        return;
    }
    x->s.req.method_text = JST_S("-");
    begin_refused(x, status, why);
}
