// SPDX-License-Identifier: MIT
#include "proto/h2_server_int.h"
#include "wire/readbuf.h"

/* Bytes from the connection to nghttp2. */

/* Reads of one connection before the others get their turn. */
#define READS_MAX 16

/* False: nothing more is to be read. */
static bool
feed(struct jst_h2_server *c, struct jst_buf *buf, size_t n)
{
    ssize_t rc;

    c->reading = buf;
    rc = nghttp2_session_mem_recv(c->ng, (const uint8_t *)buf->data, n);
    c->reading = NULL;
    if (c->state != H2_OPEN) {
        return false;
    }
    if (c->broken || c->mem.failed) {
        jst_h2_close(c, true);
        return false;
    }
    if (c->flood.what != NULL) {
        jst_h2_flood_end(c, c->flood.what);
    } else if (rc == NGHTTP2_ERR_FLOODED) {
        jst_h2_flood_end(c, "answers");
    } else if (rc == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) {
        jst_h2_flood_end(c, "continuation");
    } else if (rc == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
        JST_STAT_ADD(c->owner->local, h2_errors, 1);
        JST_LOG(c->owner->local->log, INFO, H2_ERROR, "err=\"no preface of HTTP/2\"");
        jst_h2_terminate(c, NGHTTP2_PROTOCOL_ERROR);
    } else if (rc < 0) {
        jst_h2_close(c, true); /* out of memory */
        return false;
    }
    jst_h2_want_send(c);
    return !c->terminated && nghttp2_session_want_read(c->ng);
}

static void
on_end(struct jst_h2_server *c)
{
    if (c->state == H2_OPEN && c->streams_n == 0 && c->conn.out.bytes > 0) {
        jst_h2_finish(c); /* complete answers are still leaving */
        return;
    }
    if (c->state != H2_FLUSH) {
        jst_h2_close(c, false);
    }
}

static bool
read_once(struct jst_h2_server *c)
{
    struct jst_buf *buf;
    int n;

    if (c->state == H2_FLUSH || c->state == H2_DEAD || !jst_conn_is_readable(&c->conn) ||
        (c->state == H2_OPEN && (c->terminated || !nghttp2_session_want_read(c->ng)))) {
        return false;
    }
    buf = jst_readbuf_get();
    if (buf == NULL) {
        jst_h2_close(c, true);
        return false;
    }
    n = jst_conn_read(&c->conn, buf->data, JST_STREAM_WINDOW_BYTES);
    if (n == JOIST_E_AGAIN) {
        return false;
    }
    if (n < 0) {
        if (n == JOIST_E_CLOSED) {
            on_end(c);
        } else {
            jst_h2_close(c, false);
        }
        return false;
    }
    JST_STAT_ADD(c->owner->local, bytes_in, n);
    if (c->state == H2_LINGER) {
        c->lingered += (uint32_t)n;
        if (c->lingered >= JST_LINGER_BYTES_MAX) {
            jst_h2_close(c, true);
        }
        return true;
    }
    return feed(c, buf, (size_t)n);
}

void
jst_h2_pump(struct jst_h2_server *c)
{
    if (c->first != NULL && c->state == H2_OPEN) {
        struct jst_buf *buf = c->first;

        c->first = NULL;
        (void)feed(c, buf, c->first_n);
        jst_buf_unref(buf);
    }
    for (int i = 0; i < READS_MAX; i++) {
        if (!read_once(c)) {
            return;
        }
    }
    if (jst_conn_is_readable(&c->conn)) {
        jst_loop_post(c->conn.loop, &c->read_task);
    }
}
