// SPDX-License-Identifier: MIT
#include "proto/h2_server_int.h"

/* What goes out: at the turn's end the frames. */

/* Frames are made as long as no more than this waits for the socket: what is still in the streams
 * can be put in order by priority, what is here cannot. */
#define OUT_BYTES_MAX 131072u

/* Response bytes of all streams together that may be under way, beyond the least that each has. */
#define GRANTED_MAX (2u * 1024 * 1024)
#define GRANT_LEAST 16384u

/* ---- credit ---- */

void
jst_h2_grant(struct jst_h2_stream *x)
{
    struct jst_h2_server *c = x->c;
    size_t room = c->granted < GRANTED_MAX ? GRANTED_MAX - c->granted : 0;
    size_t n;

    if (x->s.origin == NULL || x->response_ended || x->granted >= JST_STREAM_WINDOW_BYTES) {
        return;
    }
    n = JST_MIN(JST_STREAM_WINDOW_BYTES - x->granted, room);
    if (x->granted + n < GRANT_LEAST) {
        n = GRANT_LEAST - x->granted;
    }
    /* In steps that are worth a call. */
    if (n == 0 || (n < JST_STREAM_WINDOW_BYTES / 4 && x->granted > 0 && x->out.bytes > 0)) {
        return;
    }
    x->granted += n;
    c->granted += n;
    jst_source_resume(x->s.origin, n);
}

void
jst_h2_settle_grant(struct jst_h2_stream *x, size_t n)
{
    n = JST_MIN(n, x->granted); /* what came without a source had no credit */
    x->granted -= n;
    x->c->granted -= n;
}

/* ---- frames ---- */

static int
submit_trailers(struct jst_h2_stream *x)
{
    nghttp2_nv v[JST_TRAILER_FIELDS_MAX];
    struct jst_h2_nvs o = {v, 0, JST_COUNT(v), false};

    jst_h2_nvs_add_fields(&o, &x->trailers);
    return nghttp2_submit_trailer(x->c->ng, x->id, o.v, o.n);
}

/* How much of the stream's data goes into the next frame; jst_h2_send_data() takes it. */
ssize_t
jst_h2_read_data(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t max, uint32_t *flags,
                 nghttp2_data_source *source, void *user)
{
    struct jst_h2_stream *x = jst_h2_find_stream(user, id);
    struct jst_h2_server *c = user;
    size_t n;

    (void)ng;
    (void)buf;
    (void)source;
    if (x == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (x->out.bytes == 0 && !x->response_ended) {
        x->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (c->conn.out.bytes >= OUT_BYTES_MAX) {
        return NGHTTP2_ERR_PAUSE;
    }
    n = JST_MIN(max, x->out.bytes);
    *flags = NGHTTP2_DATA_FLAG_NO_COPY;
    if (n == x->out.bytes && x->response_ended) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (x->trailers.n > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (submit_trailers(x) < 0) {
                return NGHTTP2_ERR_CALLBACK_FAILURE;
            }
        }
    }
    return (ssize_t)n;
}

int
jst_h2_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *header, size_t n,
                 nghttp2_data_source *source, void *user)
{
    struct jst_h2_server *c = user;
    struct jst_h2_stream *x = jst_h2_find_stream(user, frame->hd.stream_id);

    (void)ng;
    (void)source;
    if (x == NULL || n > x->out.bytes) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (jst_h2_put_data(&c->conn.out, header, &x->out, n) < 0) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    c->queued -= n;
    jst_h2_settle_grant(x, n);
    jst_h2_stream_progress(x, n);
    if (x->out.bytes == 0) {
        x->since_ms = jst_loop_now_ms(c->conn.loop);
    }
    jst_h2_grant(x);
    return 0;
}

void
jst_h2_want_send(struct jst_h2_server *c)
{
    struct jst_chain none = {0};

    if (c->state != H2_OPEN || c->send_task.queued) {
        return;
    }
    /* The order matters: frames first, then in the same turn the write. */
    jst_loop_defer(c->conn.loop, &c->send_task);
    jst_conn_write(&c->conn, &none);
}

/* What stays in a stream waits for the peer: hold no read buffers. */
static void
compact_waiting(struct jst_h2_server *c)
{
    JST_LIST_FOREACH (node, &c->streams) {
        jst_chain_compact(&JST_CONTAINER(node, struct jst_h2_stream, link)->out);
    }
}

static void
make_frames(struct jst_h2_server *c)
{
    while (c->conn.out.bytes < OUT_BYTES_MAX) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(c->ng, &p);

        if (n == 0) {
            break;
        }
        if (n < 0 || jst_chain_add_copy(&c->conn.out, (const char *)p, (size_t)n) < 0) {
            c->broken = true;
            return;
        }
    }
}

void
jst_h2_run_send(struct jst_task *t)
{
    struct jst_h2_server *c = JST_CONTAINER(t, struct jst_h2_server, send_task);
    struct jst_chain none = {0};

    if (c->state != H2_OPEN) {
        return;
    }
    if (c->broken || c->mem.failed) {
        jst_h2_close(c, true);
        return;
    }
    if (c->conn.out.bytes == 0) {
        c->out_since_ms = jst_loop_now_ms(c->conn.loop);
    }
    make_frames(c);
    if (c->broken || c->mem.failed) {
        jst_h2_close(c, true);
        return;
    }
    if (c->queued > 0) {
        compact_waiting(c);
    }
    jst_conn_write(&c->conn, &none);
    if (!nghttp2_session_want_read(c->ng) && !nghttp2_session_want_write(c->ng)) {
        jst_h2_finish(c);
    }
}
