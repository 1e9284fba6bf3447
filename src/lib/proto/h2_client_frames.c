// SPDX-License-Identifier: MIT
#include "proto/h2_client_int.h"

/* ---- floods ---- */

static enum jst_h2c_flood
kind_of(const nghttp2_frame_hd *hd)
{
    switch (hd->type) {
    case NGHTTP2_PING:
        return H2C_FLOOD_PING;
    case NGHTTP2_SETTINGS:
        return H2C_FLOOD_SETTINGS;
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
        return hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0 ? H2C_FLOOD_EMPTY
                                                                             : H2C_FLOODS_;
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_GOAWAY:
        return H2C_FLOODS_; /* each ends something */
    default:
        return H2C_FLOOD_OTHER;
    }
}

/* An origin may send many of them for many bytes, but not for nothing. */
static bool
is_flood(struct jst_h2_client *c, enum jst_h2c_flood kind)
{
    static const uint32_t limits[H2C_FLOODS_] = {
        [H2C_FLOOD_PING] = JST_H2_FLOOD_PINGS,
        [H2C_FLOOD_SETTINGS] = JST_H2_FLOOD_SETTINGS,
        [H2C_FLOOD_EMPTY] = JST_H2_FLOOD_EMPTY,
        [H2C_FLOOD_OTHER] = JST_H2_FLOOD_WINDOWS,
    };
    uint64_t now_ms = jst_loop_now_ms(c->conn.loop);

    if (now_ms - c->flood_ms >= JST_H2_FLOOD_WINDOW_MS) {
        c->flood_ms = now_ms;
        c->work = 0;
        memset(c->floods, 0, sizeof(c->floods));
    }
    if (kind == H2C_FLOODS_) {
        c->work++;
        return false;
    }
    return ++c->floods[kind] > limits[kind] + c->work * 2;
}

int
jst_h2c_on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user_data)
{
    static const char *const names[H2C_FLOODS_] = {"flood of PING", "flood of SETTINGS",
                                                   "flood of empty frames",
                                                   "flood of WINDOW_UPDATE or its like"};
    struct jst_h2_client *c = user_data;
    enum jst_h2c_flood kind = kind_of(hd);

    (void)session;
    if (!is_flood(c, kind)) {
        return 0;
    }
    c->is_flood = true;
    c->why = JOIST_E_PROTO;
    c->detail = names[kind];
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* ---- what comes ---- */

int
jst_h2c_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct jst_h2_client *c = user_data;
    struct jst_h2c_call *x = jst_h2c_of_stream(c, frame->hd.stream_id);

    (void)session;
    c->block_call = NULL;
    if (x != NULL && x->call != NULL) {
        jst_h2c_begin_block(x);
    }
    return 0;
}

int
jst_h2c_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                  size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
                  void *user_data)
{
    struct jst_h2_client *c = user_data;

    (void)session;
    (void)frame;
    (void)flags;
    if (c->block_call != NULL) {
        jst_h2_block_add(&c->block, jst_slice((const char *)name, name_n),
                         jst_slice((const char *)value, value_n));
    }
    return 0;
}

/* nghttp2 would pass over it in silence. */
int
jst_h2c_on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                          size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
                          void *user_data)
{
    struct jst_h2_client *c = user_data;

    (void)session;
    (void)frame;
    (void)name;
    (void)name_n;
    (void)value;
    (void)value_n;
    (void)flags;
    if (c->block_call != NULL) {
        jst_h2c_fail(c->block_call, JOIST_E_PROTO, "malformed header field (RFC 9113 8.2.1)",
                     NGHTTP2_PROTOCOL_ERROR);
    }
    return 0;
}

int
jst_h2c_on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data,
                size_t n, void *user_data)
{
    struct jst_h2_client *c = user_data;
    struct jst_h2c_call *x = jst_h2c_of_stream(c, stream_id);

    (void)flags;
    /* The connection's window never waits for one call. */
    if (nghttp2_session_consume_connection(session, n) != 0) {
        c->why = JOIST_E_NOMEM;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (x != NULL && x->call != NULL && jst_h2c_take_data(x, data, n) < 0) {
        jst_h2c_fail(x, JOIST_E_NOMEM, NULL, NGHTTP2_INTERNAL_ERROR);
    }
    return 0;
}

/* The upgrades that waited for them. */
static void
take_settings(struct jst_h2_client *c)
{
    c->got_settings = true;
    JST_LIST_FOREACH (at, &c->calls) {
        struct jst_h2c_call *x = JST_CONTAINER(at, struct jst_h2c_call, link);

        if (x->phase != H2C_WAIT) {
            continue;
        }
        x->phase = H2C_HEAD;
        if (jst_h2c_may_connect(c, x->call)) {
            jst_h2c_submit(x);
        } else {
            x->failed = JOIST_E_UNSUPPORTED;
            x->detail = "it takes no such upgrade over HTTP/2";
            jst_h2c_want_deliver(x);
        }
    }
    jst_h2c_update_max(c);
    if (c->base.calls == 0 && c->base.calls_max == 0) {
        jst_h2c_let_go(c, 0, NGHTTP2_NO_ERROR);
    }
}

/* RFC 9113 6.8: what it has not begun it will not. nghttp2 closes the streams above the last that
 * it names; these here were not even sent. */
static struct jst_h2c_call *
find_unsent(struct jst_h2_client *c)
{
    JST_LIST_FOREACH (at, &c->calls) {
        struct jst_h2c_call *x = JST_CONTAINER(at, struct jst_h2c_call, link);

        if (!x->sent) {
            return x;
        }
    }
    return NULL;
}

static void
take_goaway(struct jst_h2_client *c)
{
    struct jst_h2c_call *x;

    c->goaway = true;
    c->base.calls_max = 0;
    if (c->base.calls == 0) {
        jst_h2c_let_go(c, 0, NGHTTP2_NO_ERROR);
        return;
    }
    while ((x = find_unsent(c)) != NULL) {
        x->call->unprocessed = true;
        jst_h2c_fail(x, JOIST_E_CLOSED, NULL, NGHTTP2_CANCEL);
    }
}

int
jst_h2c_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct jst_h2_client *c = user_data;
    struct jst_h2c_call *x;

    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (c->block_call != NULL) {
            jst_h2c_take_block(c->block_call, (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0);
        }
        break;
    case NGHTTP2_DATA:
        x = jst_h2c_of_stream(c, frame->hd.stream_id);
        if (x != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            jst_h2c_take_end(x);
        }
        break;
    case NGHTTP2_RST_STREAM:
        x = jst_h2c_of_stream(c, frame->hd.stream_id);
        if (x != NULL) {
            x->was_reset = true;
        }
        break;
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
            take_settings(c);
        }
        break;
    case NGHTTP2_GOAWAY:
        take_goaway(c);
        break;
    default:
        break;
    }
    return 0;
}

/* A frame that breaks the rules; nghttp2 resets the stream, or ends the connection. */
int
jst_h2c_on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                         void *user_data)
{
    struct jst_h2c_call *x = jst_h2c_of_stream(user_data, frame->hd.stream_id);

    (void)session;
    if (x != NULL && !x->remote_ended) {
        jst_h2c_fail(x, JOIST_E_PROTO, nghttp2_strerror(error), NGHTTP2_PROTOCOL_ERROR);
    }
    return 0;
}

/* ---- streams' ends ---- */

static void
fail_closed(struct jst_h2c_call *x, uint32_t code)
{
    const struct jst_h2_client *c = x->c;

    if (code == NGHTTP2_REFUSED_STREAM && x->call != NULL) {
        x->call->unprocessed = true; /* RFC 9113 8.7 */
        jst_h2c_fail(x, c->goaway ? JOIST_E_CLOSED : JOIST_E_RESET, "it refused the stream", code);
    } else if (code == NGHTTP2_HTTP_1_1_REQUIRED) {
        jst_h2c_fail(x, JOIST_E_UNSUPPORTED, "it wants HTTP/1.1 for this", code);
    } else if (x->was_reset) {
        jst_h2c_fail(x, JOIST_E_RESET, nghttp2_http2_strerror(code), code);
    } else if (code == NGHTTP2_PROTOCOL_ERROR) { /* nghttp2's own finding */
        jst_h2c_fail(x, JOIST_E_PROTO, "malformed response (RFC 9113 8.1.1)", code);
    } else {
        jst_h2c_fail(x, JOIST_E_PROTO, nghttp2_http2_strerror(code), code);
    }
}

int
jst_h2c_on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *user_data)
{
    struct jst_h2c_call *x = jst_h2c_of_stream(user_data, stream_id);
    uint32_t serial;

    (void)session;
    if (x == NULL) {
        return 0;
    }
    x->open = false;
    serial = x->serial;
    if (x->call == NULL) { /* a tunnel's last bytes */
        struct jst_h2_client *c = x->c;

        (void)jst_h2c_detach(x);
        jst_h2c_leave(c);
        return 0;
    }
    if (x->remote_ended && (x->phase != H2C_TUNNEL || code == NGHTTP2_NO_ERROR)) {
        return 0;
    }
    if (x->held.bytes > 0) { /* what came before the reset comes before the abort */
        jst_h2c_deliver(x);
    }
    if (x->serial == serial) {
        fail_closed(x, code);
    }
    return 0;
}
