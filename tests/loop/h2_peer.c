// SPDX-License-Identifier: MIT
#include "h2_peer.h"

#include "base/str.h"
#include "proto/websocket.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS_MAX 4000

struct h2_reply *
h2_reply(struct h2_peer *h, int32_t id)
{
    struct h2_reply *r;

    for (size_t i = 0; i < h->replies_n; i++) {
        if (h->replies[i].id == id) {
            return &h->replies[i];
        }
    }
    assert_true(h->replies_n < H2_REPLIES_MAX);
    r = &h->replies[h->replies_n++];
    *r = (struct h2_reply){.id = id};
    return r;
}

/* ---- callbacks ---- */

static int
on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
          const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    struct h2_reply *r = h2_reply(user, frame->hd.stream_id);
    char *to = r->status >= 200 ? r->trailers : r->head;
    size_t cap = r->status >= 200 ? sizeof(r->trailers) : sizeof(r->head);
    size_t n;

    (void)ng;
    (void)flags;
    if (name_n == 7 && memcmp(name, ":status", 7) == 0) {
        unsigned status = (unsigned)atoi((const char *)value);

        if (status >= 200) {
            r->status = 0;
            r->head[0] = '\0';
        } else {
            r->interim++;
            r->last_interim = status;
        }
        (void)jst_fmt(r->head, sizeof(r->head), ":status: %u\n", status);
        return 0;
    }
    n = strlen(to);
    (void)jst_fmt(to + n, cap - n, "%.*s: %.*s\n", (int)name_n, name, (int)value_n, value);
    return 0;
}

static int
on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
    struct h2_peer *h = user;

    (void)ng;
    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) {
        struct h2_reply *r = h2_reply(h, frame->hd.stream_id);

        if (frame->hd.type == NGHTTP2_HEADERS && r->status == 0 &&
            strncmp(r->head, ":status: 1", 10) != 0) {
            r->status = (unsigned)atoi(r->head + 9);
        }
        r->ended = r->ended || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    } else if (frame->hd.type == NGHTTP2_GOAWAY) {
        h->goaway = true;
        h->goaways++;
        h->goaway_error = frame->goaway.error_code;
        h->goaway_last = frame->goaway.last_stream_id;
    } else if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        h->pings++;
    }
    return 0;
}

static int
on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
    struct h2_peer *h = user;
    struct h2_reply *r = h2_reply(h, id);

    (void)ng;
    (void)flags;
    if (r->body_n + n + 1 > r->body_cap) {
        r->body_cap = (r->body_n + n + 1) * 2;
        r->body = realloc(r->body, r->body_cap);
        assert_non_null(r->body);
    }
    memcpy(r->body + r->body_n, p, n);
    r->body_n += n;
    r->body[r->body_n] = '\0';
    r->order = ++h->data_frames;
    return 0;
}

static int
on_close(nghttp2_session *ng, int32_t id, uint32_t error, void *user)
{
    struct h2_reply *r = h2_reply(user, id);

    (void)ng;
    r->closed = true;
    r->error = error;
    return 0;
}

static ssize_t
read_body(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t max, uint32_t *flags,
          nghttp2_data_source *source, void *user)
{
    struct h2_body *b = source->ptr;
    size_t n = JST_MIN(JST_MIN(b->n, b->may) - b->given, max);

    (void)user;
    if (n == 0 && (b->given < b->n || b->open)) {
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n > 0) {
        memcpy(buf, b->p + b->given, n);
    }
    b->given += n;
    if (b->given == b->n && !b->open) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (b->trailers_n > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            assert_int_equal(nghttp2_submit_trailer(ng, id, b->trailers, b->trailers_n), 0);
        }
    }
    return (ssize_t)n;
}

/* ---- life ---- */

void
h2_speak(struct h2_peer *h, bool manual)
{
    nghttp2_session_callbacks *cb;
    nghttp2_option *o;

    assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
    assert_int_equal(nghttp2_option_new(&o), 0);
    nghttp2_option_set_no_auto_window_update(o, manual);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    assert_int_equal(nghttp2_session_client_new2(&h->ng, cb, h, o), 0);
    nghttp2_option_del(o);
    nghttp2_session_callbacks_del(cb);
    assert_int_equal(nghttp2_submit_settings(h->ng, 0, NULL, 0), 0);
}

int
h2_try_open(struct rig *g, struct h2_peer *h, bool manual)
{
    struct jst_peer peer = {.local_port = 80};
    struct jst_server_how how = {.h2 = true};
    int fds[2];
    int rc;

    *h = (struct h2_peer){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(jst_addr_literal(&peer.addr, JST_S("192.0.2.7"), 4711), 0);
    peer_init(&h->p, fds[1]);
    rc = jst_server_open(&g->r.owner, fds[0], &peer, &how);
    if (rc < 0) {
        close(fds[0]);
        peer_fini(&h->p);
        return rc;
    }
    h2_speak(h, manual);
    return 0;
}

void
h2_open(struct rig *g, struct h2_peer *h, bool manual)
{
    assert_int_equal(h2_try_open(g, h, manual), 0);
}

void
h2_close(struct h2_peer *h)
{
    for (size_t i = 0; i < h->replies_n; i++) {
        free(h->replies[i].body);
    }
    h->replies_n = 0;
    nghttp2_session_del(h->ng);
    h->ng = NULL;
    peer_fini(&h->p);
}

void
h2_begin(struct rig *g, struct h2_peer *h)
{
    rig_init(g);
    rig_start(g);
    h2_open(g, h, false);
    h2_run(g, h, NULL);
}

void
h2_end(struct rig *g, struct h2_peer *h)
{
    h2_close(h);
    rig_run(g, NULL, NULL);
    rig_assert_idle(g);
    rig_fini(g);
}

/* ---- running ---- */

void
h2_push(struct h2_peer *h)
{
    const uint8_t *p;
    ssize_t n;

    while (h->p.fd >= 0 && (n = nghttp2_session_mem_send(h->ng, &p)) > 0) {
        peer_send(&h->p, (const char *)p, (size_t)n);
    }
}

void
h2_pull(struct h2_peer *h)
{
    ssize_t n;

    if (h->p.in_n == 0) {
        return;
    }
    n = nghttp2_session_mem_recv(h->ng, (const uint8_t *)h->p.in, h->p.in_n);
    h->dead = h->dead || n < 0;
    peer_forget(&h->p);
}

void
h2_run(struct rig *g, struct h2_peer *h, struct peer *origin)
{
    for (int i = 0; i < ROUNDS_MAX; i++) {
        h2_push(h);
        rig_run(g, &h->p, origin);
        if (h->p.in_n == 0) {
            return;
        }
        h2_pull(h);
    }
    fail_msg("it does not come to rest");
}

/* ---- requests ---- */

int32_t
h2_request(struct h2_peer *h, const nghttp2_nv *v, size_t n, struct h2_body *body)
{
    nghttp2_data_provider data = {.source = {.ptr = body}, .read_callback = read_body};
    int32_t id = nghttp2_submit_request(h->ng, NULL, v, n, body != NULL ? &data : NULL, NULL);

    assert_true(id > 0);
    return id;
}

void
h2_say_websocket(struct peer *origin, const char *lines, const char *first)
{
    static const char name[] = "Sec-WebSocket-Key: ";
    const char *key = strstr(origin->in, name);
    char accept[JST_WEBSOCKET_ACCEPT_BYTES];
    char text[512];

    assert_non_null(key);
    key += sizeof(name) - 1;
    assert_int_equal(jst_websocket_accept(accept, jst_slice(key, strcspn(key, "\r"))), 0);
    (void)jst_fmt(text, sizeof(text),
                  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                  "Upgrade: websocket\r\nSec-WebSocket-Accept: %.*s\r\n%s\r\n%s",
                  (int)sizeof(accept), accept, lines, first);
    peer_say(origin, text);
}

int32_t
h2_get(struct h2_peer *h, const char *host, const char *path)
{
    nghttp2_nv v[] = {
        H2_NV(":method", "GET"),
        H2_NV(":scheme", "http"),
        {(uint8_t *)":authority", (uint8_t *)(uintptr_t)host, 10, strlen(host), 0},
        {(uint8_t *)":path", (uint8_t *)(uintptr_t)path, 5, strlen(path), 0},
    };

    return h2_request(h, v, 4, NULL);
}

void
h2_frame(struct h2_peer *h, uint8_t type, uint8_t flags, uint32_t id, const void *p, size_t n)
{
    char head[9] = {(char)(n >> 16),  (char)(n >> 8),   (char)n,         (char)type, (char)flags,
                    (char)(id >> 24), (char)(id >> 16), (char)(id >> 8), (char)id};

    peer_send(&h->p, head, sizeof(head));
    if (n > 0) {
        peer_send(&h->p, p, n);
    }
}
