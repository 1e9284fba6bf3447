// SPDX-License-Identifier: MIT
/*
 * An origin's bytes into an HTTP/2 client connection with calls under way: a GET with much credit,
 * one with little, an upload, an upgrade.
 *
 * Property: every call hears exactly one end or abort, a head before data, and no more data than it
 *           gave credit for; and where the bytes are cut changes nothing of what is complete.
 * Input:    the first byte says where to cut. Even: the origin's SETTINGS came before, and so the
 *           upgrade's request is out. Odd: they are among the bytes, and cuts are not compared,
 *           since an answer may come before its question.
 */
#include "proto/h2_client.h"
#include "wire/readbuf.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLS 4

struct call {
    struct jst_call call;
    struct jst_head req;
    struct jst_field fields[2];
    struct jst_sink on_response;
    struct jst_source on_request;
    struct jst_arena arena;
    uint64_t credit;
    uint64_t bytes;
    uint16_t status;
    bool ended;
    bool aborted;
};

struct world {
    struct jst_loop *loop;
    struct jst_local local;
    struct jst_conn first;
    struct jst_client *c; /* NULL: gone */
    struct joist_timeouts_conf timeouts;
    struct call calls[CALLS];
    int fd;
};

/* ---- what a call hears ---- */

static struct call *
call_of(struct jst_sink *s)
{
    struct call *t = JST_CONTAINER(s, struct call, on_response);

    JST_ASSERT(!t->ended && !t->aborted);
    return t;
}

static void
on_head(struct jst_sink *s, const struct jst_head *head)
{
    struct call *t = call_of(s);

    JST_ASSERT(t->status < 200 && t->status != 101);
    JST_ASSERT(head->status >= 100 && head->status <= 599);
    for (uint32_t i = 0; i < head->fields.n; i++) {
        struct jst_slice v = head->fields.v[i].value;

        JST_ASSERT(head->fields.v[i].name.n > 0 && head->fields.v[i].name.p[0] != ':');
        for (size_t k = 0; k < v.n; k++) {
            JST_ASSERT(v.p[k] != '\0' && v.p[k] != '\r' && v.p[k] != '\n');
        }
    }
    t->status = head->status;
}

static void
on_data(struct jst_sink *s, struct jst_chain *move)
{
    struct call *t = call_of(s);

    JST_ASSERT(t->status >= 200 || t->status == 101);
    JST_ASSERT(move->bytes > 0 && move->bytes <= t->credit);
    t->credit -= move->bytes;
    t->bytes += move->bytes;
    jst_chain_clear(move);
}

static void
on_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct call *t = call_of(s);

    (void)trailers;
    JST_ASSERT(t->status >= 200 || t->status == 101);
    t->ended = true;
}

static void
on_abort(struct jst_sink *s, int why)
{
    JST_ASSERT(why < 0);
    call_of(s)->aborted = true;
}

static const struct jst_sink_ops response_ops = {on_head, on_data, on_end, on_abort};

static void
on_resume(struct jst_source *s, size_t credit)
{
    (void)s;
    JST_ASSERT(credit > 0);
}

static void
on_cancel(struct jst_source *s, int why)
{
    (void)s;
    JST_ASSERT(why < 0);
}

static const struct jst_source_ops request_ops = {on_resume, on_cancel};

/* ---- the pool ---- */

static void
pool_idle(struct jst_client *c, void *ctx)
{
    JST_ASSERT(((struct world *)ctx)->c == c && c->calls == 0);
}

static void
pool_room(struct jst_client *c, void *ctx)
{
    JST_ASSERT(((struct world *)ctx)->c == c && c->calls < c->calls_max);
}

static void
pool_gone(struct jst_client *c, void *ctx, int why)
{
    struct world *w = ctx;

    (void)why;
    JST_ASSERT(w->c == c);
    w->c = NULL;
}

static bool
pool_lost(void *ctx, struct jst_call *call, int why)
{
    (void)ctx;
    (void)why;
    JST_ASSERT(call->client == NULL);
    return false;
}

static const struct jst_client_events events = {
    .on_idle = pool_idle,
    .on_room = pool_room,
    .on_gone = pool_gone,
    .on_lost = pool_lost,
};

/* ---- a connection ---- */

static void
first_readable(struct jst_conn *c)
{
    (void)c;
}

static void
first_failed(struct jst_conn *c, int why)
{
    (void)c;
    (void)why;
}

static const struct jst_conn_events first_events = {
    .on_readable = first_readable, .on_failed = first_failed, .on_closed = first_readable};

static uint64_t
now_ns(void *ctx)
{
    (void)ctx;
    return 1000000000;
}

static int64_t
wall_us(void *ctx)
{
    (void)ctx;
    return 1700000000000000;
}

static void
give_credit(struct call *t, size_t n)
{
    t->credit += n;
    jst_source_resume(&t->call.response, n);
}

static void
start_call(struct world *w, struct call *t, size_t credit)
{
    t->on_response.ops = &response_ops;
    t->on_request.ops = &request_ops;
    t->req.scheme = JST_S("http");
    t->req.length = JST_LENGTH_UNKNOWN;
    t->req.fields = (struct jst_fields){t->fields, t->req.fields.n, JST_COUNT(t->fields)};
    t->call.req = &t->req;
    t->call.on_response = &t->on_response;
    t->call.on_request = &t->on_request;
    t->call.timeouts = &w->timeouts;
    t->call.host = JST_S("o.test");
    t->call.path = JST_S("/");
    t->call.arena = &t->arena;
    w->c->ops->start(w->c, &t->call);
    give_credit(t, credit);
}

static void
start_calls(struct world *w)
{
    struct call *t = w->calls;

    for (unsigned i = 0; i < CALLS; i++) {
        t[i].req.method = i == 2 ? JST_METHOD_POST : JST_METHOD_GET;
        t[i].req.method_text = jst_method_name(t[i].req.method);
    }
    t[2].req.has_body = true;
    t[3].req.upgrade = t[3].call.upgrade = true;
    t[3].req.upgrade_to = JST_S("websocket");
    t[3].fields[0] = (struct jst_field){.name = JST_S("Sec-WebSocket-Key"),
                                        .value = JST_S("dGhlIHNhbXBsZSBub25jZQ==")};
    t[3].req.fields.n = 1;
    start_call(w, &t[0], JST_STREAM_WINDOW_BYTES);
    start_call(w, &t[1], 7);
    start_call(w, &t[2], JST_STREAM_WINDOW_BYTES);
    start_call(w, &t[3], JST_STREAM_WINDOW_BYTES);
}

static void
begin(struct world *w)
{
    struct jst_clock clock = {now_ns, wall_us, NULL};
    int fds[2];

    memset(w, 0, sizeof(*w));
    JST_ASSERT(jst_loop_create(&w->loop, &clock) == 0);
    w->local.loop = w->loop;
    JST_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    w->fd = fds[1];
    JST_ASSERT(jst_conn_open(&w->first, w->loop, fds[0], &first_events) == 0);
    JST_ASSERT(jst_h2_client_adopt(&w->c, &w->local, &w->first, 0, &events, w) == 0);
    jst_loop_turn(w->loop, 0);
    start_calls(w);
    jst_loop_turn(w->loop, 0);
}

static void
drain(struct world *w)
{
    char bytes[4096];

    jst_loop_turn(w->loop, 0);
    while (recv(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
    }
}

static void
feed(struct world *w, const uint8_t *p, size_t n)
{
    for (unsigned idle = 0; n > 0 && idle < 8;) {
        ssize_t k = send(w->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        drain(w);
        idle = k > 0 ? 0 : idle + 1;
        if (k < 0 && errno != EAGAIN) {
            return;
        }
        p += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
    }
    drain(w);
}

static void
finish(struct world *w)
{
    struct jst_chain body = {0};

    if (w->calls[2].call.client != NULL) {
        JST_ASSERT(jst_chain_add_static(&body, "body", 4) == 0);
        jst_sink_data(&w->calls[2].call.request, &body);
        jst_sink_end(&w->calls[2].call.request, NULL);
    }
    if (w->calls[1].call.client != NULL) {
        give_credit(&w->calls[1], 100000);
    }
    drain(w);
    drain(w);
}

static void
stop(struct world *w)
{
    if (w->c != NULL) {
        w->c->ops->cut(w->c, JOIST_E_CANCELED);
    }
    close(w->fd);
    for (unsigned i = 0; i < 4; i++) {
        jst_loop_turn(w->loop, 0);
    }
    JST_ASSERT(w->c == NULL);
    for (unsigned i = 0; i < CALLS; i++) {
        const struct call *t = &w->calls[i];

        JST_ASSERT(t->call.client == NULL && (t->ended || t->aborted));
        jst_arena_fini(&w->calls[i].arena);
    }
    jst_loop_destroy(&w->loop);
}

static void
run(struct world *w, const uint8_t *data, size_t size, size_t cut)
{
    /* SETTINGS with ENABLE_CONNECT_PROTOCOL, and the acknowledgement of ours */
    static const uint8_t hello[] = {0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 8, 0,
                                    0, 0, 1, 0, 0, 0, 4, 1, 0, 0, 0, 0};

    begin(w);
    if (data[0] % 2 == 0) {
        feed(w, hello, sizeof(hello));
    }
    feed(w, data + 1, cut);
    feed(w, data + 1 + cut, size - 1 - cut);
    finish(w);
    stop(w);
    jst_readbuf_thread_fini();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world whole;
    static struct world split;
    size_t cut;

    if (size == 0) {
        return 0;
    }
    cut = size > 1 ? (size_t)data[0] * (size - 1) / 256 : 0;
    run(&whole, data, size, 0);
    run(&split, data, size, cut);
    if (data[0] % 2 != 0) {
        return 0;
    }
    for (unsigned i = 0; i < CALLS; i++) {
        const struct call *a = &whole.calls[i];
        const struct call *b = &split.calls[i];

        JST_ASSERT(a->ended == b->ended && a->status == b->status);
        JST_ASSERT(!a->ended || a->bytes == b->bytes);
    }
    return 0;
}
