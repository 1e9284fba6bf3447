// SPDX-License-Identifier: MIT
#include "proto/h2_client_int.h"

/* ---- what leaves ---- */

static int
on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct jst_h2_client *c = user_data;
    struct jst_h2c_call *x;

    (void)session;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        x = jst_h2c_of_stream(c, frame->hd.stream_id);
        if (x != NULL) {
            x->sent = true;
        }
    } else if (frame->hd.type == NGHTTP2_GOAWAY && c->state == H2C_OPEN && c->why == 0) {
        c->why = JOIST_E_PROTO; /* nghttp2's own finding */
        c->detail = c->got_settings ? nghttp2_http2_strerror(frame->goaway.error_code)
                                    : "it does not speak HTTP/2";
    }
    return 0;
}

/* Behind the last DATA, and before it is sent: nghttp2 keeps the order. */
static int
submit_trailers(struct jst_h2c_call *x)
{
    nghttp2_nv v[JST_TRAILER_FIELDS_MAX];
    struct jst_h2_nvs nvs = {v, 0, JST_TRAILER_FIELDS_MAX, false};

    jst_h2_nvs_add_fields(&nvs, &x->request_trailers);
    return nghttp2_submit_trailer(x->c->session, x->stream_id, nvs.v, nvs.n);
}

static ssize_t
read_body(nghttp2_session *session, int32_t stream_id, uint8_t *out, size_t length, uint32_t *flags,
          nghttp2_data_source *source, void *user_data)
{
    struct jst_h2_client *c = user_data;
    struct jst_h2c_call *x = jst_h2c_of_stream(c, stream_id);
    size_t n;

    (void)session;
    (void)out;
    (void)source;
    if (x == NULL) {
        return NGHTTP2_ERR_DEFERRED; /* RST_STREAM is on its way */
    }
    n = JST_MIN(length, x->body.bytes);
    if (n == 0 && !x->end_due) {
        x->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (c->conn.out.bytes >= JST_STREAM_WINDOW_BYTES) {
        return NGHTTP2_ERR_PAUSE;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n == x->body.bytes && x->end_due) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (x->request_trailers.n > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (submit_trailers(x) != 0) {
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
            }
        }
    }
    return (ssize_t)n;
}

const nghttp2_data_provider jst_h2c_body = {.read_callback = read_body};

static int
send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *frame_header,
          size_t length, nghttp2_data_source *source, void *user_data)
{
    struct jst_h2_client *c = user_data;
    struct jst_h2c_call *x = jst_h2c_of_stream(c, frame->hd.stream_id);

    (void)session;
    (void)source;
    if (x == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (jst_h2_put_data(&c->conn.out, frame_header, &x->body, length) < 0) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    c->work++;
    x->unpaid += length;
    jst_h2c_credit_body(x);
    jst_h2c_touch(x);
    return 0;
}

/* ---- the session ---- */

static int
set_callbacks(nghttp2_session_callbacks **out)
{
    nghttp2_session_callbacks *cb;

    if (nghttp2_session_callbacks_new(&cb) != 0) {
        return JOIST_E_NOMEM;
    }
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, jst_h2c_on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, jst_h2c_on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, jst_h2c_on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(cb, jst_h2c_on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, jst_h2c_on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, jst_h2c_on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, jst_h2c_on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, jst_h2c_on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
    nghttp2_session_callbacks_set_send_data_callback(cb, send_data);
    *out = cb;
    return JOIST_OK;
}

static int
set_options(nghttp2_option **out)
{
    nghttp2_option *o;

    if (nghttp2_option_new(&o) != 0) {
        return JOIST_E_NOMEM;
    }
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_peer_max_concurrent_streams(o, JST_H2C_STREAMS_DEFAULT);
    nghttp2_option_set_max_outbound_ack(o, JST_H2_OUT_FRAMES_MAX);
    nghttp2_option_set_max_continuations(o, JST_H2_CONTINUATIONS_MAX);
    /* What we accepted as a request we can send, with what is added on the way. */
    nghttp2_option_set_max_send_header_block_length(o, 2 * JST_HEADER_BYTES_MAX);
    *out = o;
    return JOIST_OK;
}

static int
say_hello(nghttp2_session *session)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, JST_H2C_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, JST_RESPONSE_HEAD_BYTES_MAX},
    };

    if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, JST_COUNT(settings)) != 0 ||
        nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                              JST_H2C_CONN_WINDOW_BYTES) != 0) {
        return JOIST_E_NOMEM;
    }
    return JOIST_OK;
}

int
jst_h2c_open_session(struct jst_h2_client *c)
{
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_option *options = NULL;
    int rc = set_callbacks(&cb);

    if (rc == JOIST_OK) {
        rc = set_options(&options);
    }
    if (rc == JOIST_OK &&
        nghttp2_session_client_new3(&c->session, cb, c, options, &c->mem.calls) != 0) {
        rc = JOIST_E_NOMEM;
    }
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(cb);
    return rc == JOIST_OK ? say_hello(c->session) : rc;
}
