// SPDX-License-Identifier: MIT
#include "proto/h2_server_int.h"

/* What costs us more than the client: counted within a window of time, and ended when it is too
 * much (bounds.h JST_H2_FLOOD_*). */

/* So many bytes sent pay for one WINDOW_UPDATE: a client that reads fast sends many. */
#define WINDOW_UPDATE_BYTES 1024u
/* Heads, interim ones, trailers, WINDOW_UPDATE, RST_STREAM of a stream that are not sent yet. */
#define QUEUED_PER_STREAM 8u

static void
count(struct jst_h2_server *c, uint32_t *counter, uint32_t max, const char *what)
{
    struct jst_h2_flood *f = &c->flood;
    uint64_t now_ms = jst_loop_now_ms(c->conn.loop);

    if (now_ms - f->since_ms >= JST_H2_FLOOD_WINDOW_MS) {
        *f = (struct jst_h2_flood){.since_ms = now_ms, .what = f->what};
    }
    if (++*counter > max && f->what == NULL) {
        f->what = what;
    }
}

/* Frames that may wait to be sent: what an honest client can have made us answer in one turn. */
static size_t
queue_max(const struct jst_h2_server *c)
{
    return JST_H2_OUT_FRAMES_MAX + (size_t)QUEUED_PER_STREAM * c->owner->conf->limits.h2_streams;
}

void
jst_h2_flood_frame(struct jst_h2_server *c, const nghttp2_frame_hd *hd)
{
    struct jst_h2_flood *f = &c->flood;

    /* Refusals are counted when they leave, and to a client that reads nothing they never do. */
    if (f->what == NULL && nghttp2_session_get_outbound_queue_size(c->ng) > queue_max(c)) {
        f->what = "answers";
    }
    switch (hd->type) {
    case NGHTTP2_PING:
        if ((hd->flags & NGHTTP2_FLAG_ACK) == 0) {
            count(c, &f->pings, JST_H2_FLOOD_PINGS, "ping");
        }
        break;
    case NGHTTP2_SETTINGS:
        if ((hd->flags & NGHTTP2_FLAG_ACK) == 0) {
            count(c, &f->settings, JST_H2_FLOOD_SETTINGS, "settings");
        }
        break;
    case NGHTTP2_DATA:
        if (hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0) {
            count(c, &f->empty, JST_H2_FLOOD_EMPTY, "empty");
        }
        break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
        if (hd->length == 0) {
            count(c, &f->empty, JST_H2_FLOOD_EMPTY, "empty");
        }
        break;
    case NGHTTP2_WINDOW_UPDATE:
    case NGHTTP2_PRIORITY:
    case NGHTTP2_PRIORITY_UPDATE:
        count(c, &f->windows, JST_H2_FLOOD_WINDOWS, "window_update");
        break;
    case NGHTTP2_RST_STREAM:
        JST_STAT_ADD(c->owner->local, h2_resets, 1);
        count(c, &f->resets, JST_H2_FLOOD_RESETS, "rst_stream");
        break;
    default: /* RFC 9113 5.5: unknown types are ignored; each costs as little as the smallest */
        if (hd->type > NGHTTP2_CONTINUATION) {
            count(c, &f->windows, JST_H2_FLOOD_WINDOWS, "unknown");
        }
        break;
    }
}

/* Padding around nothing: an empty frame in disguise. */
void
jst_h2_flood_data(struct jst_h2_server *c, const nghttp2_frame *frame)
{
    if (frame->hd.length > 0 && frame->hd.length == frame->data.padlen &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        count(c, &c->flood.empty, JST_H2_FLOOD_EMPTY, "empty");
    }
}

void
jst_h2_flood_sent(struct jst_h2_server *c, size_t n)
{
    uint32_t paid = (uint32_t)JST_MIN(n / WINDOW_UPDATE_BYTES, JST_H2_FLOOD_WINDOWS);

    c->flood.windows -= JST_MIN(c->flood.windows, paid);
}

/* Ours, for something that the client did wrong. */
void
jst_h2_flood_reset(struct jst_h2_server *c, uint32_t error)
{
    if (error == NGHTTP2_PROTOCOL_ERROR || error == NGHTTP2_STREAM_CLOSED ||
        error == NGHTTP2_FLOW_CONTROL_ERROR || error == NGHTTP2_FRAME_SIZE_ERROR ||
        error == NGHTTP2_REFUSED_STREAM || error == NGHTTP2_ENHANCE_YOUR_CALM) {
        count(c, &c->flood.errors, JST_H2_FLOOD_ERRORS, "errors");
    }
}

void
jst_h2_flood_end(struct jst_h2_server *c, const char *what)
{
    if (c->terminated) {
        return;
    }
    JST_STAT_ADD(c->owner->local, h2_floods, 1);
    JST_LOG(c->owner->local->log, WARN, H2_FLOOD, "what=%s", what);
    jst_h2_terminate(c, NGHTTP2_ENHANCE_YOUR_CALM);
}
