// SPDX-License-Identifier: MIT
#include "proto/h2_server_int.h"

/* What comes in: what nghttp2's callbacks make of it. */

/* A header block that is so many times what is allowed is not even answered with 431. */
#define BLOCK_FACTOR 2u

static struct jst_h2_server *
server_of(void *user)
{
    return user;
}

/* ---- callbacks ---- */

struct jst_h2_stream *
jst_h2_find_stream(struct jst_h2_server *c, int32_t id)
{
    if (c->recent == NULL || c->recent->id != id) {
        c->recent = nghttp2_session_get_stream_user_data(c->ng, id);
    }
    return c->recent;
}

static int
on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd, void *user)
{
    struct jst_h2_server *c = server_of(user);

    (void)ng;
    jst_h2_flood_frame(c, hd);
    return c->flood.what != NULL ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int
on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct jst_h2_server *c = server_of(user);
    struct jst_h2_stream *x;

    if (frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) { /* trailers */
        x = jst_h2_find_stream(user, frame->hd.stream_id);
        if (x != NULL) {
            x->block = (struct jst_h2_block){.arena = &x->s.arena,
                                             .fields_max = JST_TRAILER_FIELDS_MAX,
                                             .bytes_max = JST_TRAILER_BYTES_MAX};
            x->has_trailers = true;
        }
        return 0;
    }
    x = jst_h2_stream_create(c, frame->hd.stream_id);
    if (x == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    (void)nghttp2_session_set_stream_user_data(ng, frame->hd.stream_id, x);
    return 0;
}

static int
on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
          const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    struct jst_h2_stream *x = jst_h2_find_stream(server_of(user), frame->hd.stream_id);
    struct jst_h2_block *b;

    (void)flags;
    if (x == NULL) {
        return 0;
    }
    b = &x->block;
    if (b->excess > BLOCK_FACTOR * b->bytes_max) {
        /* the rest is only decompressed */
        return nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, x->id, NGHTTP2_ENHANCE_YOUR_CALM) <
                       0
                   ? NGHTTP2_ERR_CALLBACK_FAILURE
                   : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    jst_h2_block_add(b, jst_slice((const char *)name, name_n),
                     jst_slice((const char *)value, value_n));
    return 0;
}

static int
on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                  size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    (void)name;
    (void)name_n;
    (void)value;
    (void)value_n;
    (void)flags;
    (void)user;
    /* RFC 9113 8.2.1: malformed; never passed over in silence. */
    if (nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_PROTOCOL_ERROR) < 0) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* A field that must not trail, or too many of them. */
static bool
trailers_are_bad(struct jst_h2_stream *x)
{
    bool bad = jst_h2_block_finish(&x->block) < 0 || x->block.hosts > 0 || x->block.has_length;

    for (uint32_t i = 0; i < x->block.fields.n; i++) {
        const struct jst_field *f = &x->block.fields.v[i];

        bad = bad || !jst_field_may_trail((enum jst_field_id)f->id, f->name);
    }
    return bad;
}

static void
take_trailers(struct jst_h2_stream *x)
{
    if (trailers_are_bad(x)) {
        JST_STAT_ADD(x->s.local, bad_messages, 1);
        JST_LOG(x->s.local->log, INFO, BAD_REQUEST, "phase=body err=\"%s\"",
                jst_h1_err_text(JST_H1_E_TRAILER));
        jst_h2_stream_refuse(x, 400, JOIST_E_PROTO);
    }
}

static int
on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct jst_h2_stream *x;
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    (void)ng;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        x = jst_h2_find_stream(user, frame->hd.stream_id);
        if (x == NULL) {
            break;
        }
        if (!x->begun) {
            jst_h2_stream_begin(x, end);
            break;
        }
        x->hold++;
        if (!x->request_ended) {
            take_trailers(x);
        }
        x->hold--;
        jst_h2_stream_recv_end(x); /* trailers end the request; nghttp2 has made sure */
        break;
    case NGHTTP2_DATA:
        jst_h2_flood_data(server_of(user), frame);
        x = jst_h2_find_stream(user, frame->hd.stream_id);
        if (x != NULL && end) {
            jst_h2_stream_recv_end(x);
        }
        break;
    case NGHTTP2_RST_STREAM:
        x = jst_h2_find_stream(user, frame->hd.stream_id);
        if (x != NULL) {
            x->reset = true;
        }
        break;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
            jst_h2_drain_end(server_of(user));
        }
        break;
    case NGHTTP2_WINDOW_UPDATE:
    case NGHTTP2_SETTINGS:
        jst_h2_want_send(server_of(user)); /* data may move again */
        break;
    default:
        break;
    }
    return 0;
}

static int
on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
    struct jst_h2_stream *x = jst_h2_find_stream(server_of(user), id);

    (void)flags;
    if (x != NULL) {
        jst_h2_stream_data(x, (const char *)p, n);
        return 0;
    }
    return nghttp2_session_consume_connection(ng, n) < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int
on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error, void *user)
{
    struct jst_h2_stream *x = nghttp2_session_get_stream_user_data(ng, id);

    (void)user;
    if (x != NULL) {
        jst_h2_stream_closed(x, error);
    }
    return 0;
}

static int
on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct jst_h2_server *c = server_of(user);
    struct jst_h2_stream *x;

    (void)ng;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            x = jst_h2_find_stream(user, frame->hd.stream_id);
            if (x != NULL) {
                jst_h2_stream_sent_end(x);
            }
        }
        break;
    case NGHTTP2_RST_STREAM:
        jst_h2_flood_reset(c, frame->rst_stream.error_code);
        break;
    case NGHTTP2_GOAWAY:
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR && !c->terminated) {
            c->terminated = true;
            JST_STAT_ADD(c->owner->local, h2_errors, 1);
            JST_LOG(c->owner->local->log, INFO, H2_ERROR, "err=\"%s\"",
                    nghttp2_http2_strerror(frame->goaway.error_code));
        }
        break;
    default:
        break;
    }
    return 0;
}

/* ---- the session ---- */

static void
set_callbacks(nghttp2_session_callbacks *cb)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(cb, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(cb, jst_h2_send_data);
}

static void
set_options(nghttp2_option *o)
{
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_outbound_ack(o, JST_H2_OUT_FRAMES_MAX);
    nghttp2_option_set_max_continuations(o, JST_H2_CONTINUATIONS_MAX);
    /* What was accepted of an origin can be sent; what is larger nghttp2 drops without a word. */
    nghttp2_option_set_max_send_header_block_length(o, 2 * JST_RESPONSE_HEAD_BYTES_MAX);
    nghttp2_option_set_stream_reset_rate_limit(o, 10 * JST_H2_FLOOD_RESETS, JST_H2_FLOOD_RESETS);
    nghttp2_option_set_builtin_recv_extension_type(o, NGHTTP2_PRIORITY_UPDATE);
}

static int
submit_settings(struct jst_h2_server *c)
{
    const struct joist_limits_conf *limits = &c->owner->conf->limits;
    const nghttp2_settings_entry v[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->h2_streams},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->header_bytes},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    int rc = nghttp2_submit_settings(c->ng, NGHTTP2_FLAG_NONE, v, JST_COUNT(v));

    if (rc == 0) {
        rc = nghttp2_session_set_local_window_size(c->ng, NGHTTP2_FLAG_NONE, 0,
                                                   (int32_t)JST_H2_CONN_WINDOW_BYTES);
    }
    return rc == 0 ? JOIST_OK : JOIST_E_NOMEM;
}

int
jst_h2_session_create(struct jst_h2_server *c)
{
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_option *o = NULL;
    int rc = JOIST_E_NOMEM;

    if (nghttp2_session_callbacks_new(&cb) == 0 && nghttp2_option_new(&o) == 0) {
        set_callbacks(cb);
        set_options(o);
        if (nghttp2_session_server_new3(&c->ng, cb, c, o, &c->mem.calls) == 0) {
            rc = submit_settings(c);
        }
    }
    nghttp2_option_del(o);
    nghttp2_session_callbacks_del(cb);
    return rc;
}
