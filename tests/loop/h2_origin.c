// SPDX-License-Identifier: MIT
#include "h2_origin.h"

#include "wire/readbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS_MAX 4000

/* ---- the pool ---- */

static void
on_idle(struct jst_client *c, void *ctx)
{
    struct world *w = ctx;

    assert_ptr_equal(c, w->c);
    assert_int_equal(c->calls, 0);
    assert_true(c->calls_max > 0);
    w->idle++;
}

static void
on_room(struct jst_client *c, void *ctx)
{
    struct world *w = ctx;

    assert_ptr_equal(c, w->c);
    assert_true(c->calls > 0 && c->calls < c->calls_max);
    w->room++;
}

static void
on_gone(struct jst_client *c, void *ctx, int why)
{
    struct world *w = ctx;

    assert_ptr_equal(c, w->c);
    w->c = NULL;
    w->gone++;
    w->gone_why = why;
}

static bool
on_lost(void *ctx, struct jst_call *call, int why)
{
    struct world *w = ctx;
    struct call *t = JST_CONTAINER(call, struct call, call);

    assert_null(call->client);
    w->lost++;
    if (t->restart) {
        t->why = why;
        t->order = (int)++w->ends;
    }
    return t->restart;
}

static const struct jst_client_events events = {
    .on_idle = on_idle,
    .on_room = on_room,
    .on_gone = on_gone,
    .on_lost = on_lost,
};

/* ---- calls ---- */

static void
print_fields(char *out, size_t cap, const struct jst_fields *f)
{
    size_t n = 0;

    out[0] = '\0';
    for (uint32_t i = 0; f != NULL && i < f->n; i++) {
        if (!f->v[i].drop && n < cap) {
            n += (size_t)snprintf(out + n, cap - n, "%.*s: %.*s\n", JST_PRI(f->v[i].name),
                                  JST_PRI(f->v[i].value));
        }
    }
}

static struct call *
call_of(struct jst_sink *s)
{
    struct call *t = JST_CONTAINER(s, struct call, on_response);

    assert_false(t->ended || t->why != 0);
    return t;
}

static void
response_head(struct jst_sink *s, const struct jst_head *head)
{
    struct call *t = call_of(s);

    assert_true(t->heads < JST_COUNT(t->statuses));
    t->statuses[t->heads++] = head->status;
    t->length = head->length;
    t->has_body = head->has_body;
    t->upgraded = head->upgrade;
    assert_true(head->fields.cap >= head->fields.n + 8);
    print_fields(t->head, sizeof(t->head), &head->fields);
}

static void
response_data(struct jst_sink *s, struct jst_chain *move)
{
    struct call *t = call_of(s);
    size_t n = move->bytes;

    assert_true(t->heads > 0);
    if (t->bytes < sizeof(t->body) - 1) {
        (void)jst_chain_peek(move, t->body + t->bytes, sizeof(t->body) - 1 - t->bytes);
    }
    t->bytes += n;
    jst_chain_clear(move);
    if (t->auto_credit > 0) {
        jst_source_resume(&t->call.response, n);
    }
}

static void
response_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct call *t = call_of(s);

    t->ended = true;
    t->order = (int)++t->w->ends;
    print_fields(t->trailers, sizeof(t->trailers), trailers);
    if (t->start_on_end) {
        struct call *next = world_call(t->w, "/next");

        call_start(next);
    }
}

static void
response_abort(struct jst_sink *s, int why)
{
    struct call *t = call_of(s);

    t->why = why;
    t->order = (int)++t->w->ends;
    if (t->cancel_on_abort != NULL) {
        call_cancel(t->cancel_on_abort);
    }
}

static const struct jst_sink_ops response_ops = {response_head, response_data, response_end,
                                                 response_abort};

static void
body_resume(struct jst_source *s, size_t credit)
{
    JST_CONTAINER(s, struct call, on_request)->asked += credit;
}

static void
body_cancel(struct jst_source *s, int why)
{
    JST_CONTAINER(s, struct call, on_request)->canceled = why;
}

static const struct jst_source_ops request_ops = {body_resume, body_cancel};

struct call *
world_call(struct world *w, const char *path)
{
    struct call *t = &w->calls[w->calls_n++];

    assert_true(w->calls_n <= CALLS_MAX);
    t->w = w;
    t->on_response.ops = &response_ops;
    t->on_request.ops = &request_ops;
    t->auto_credit = 1;
    t->req = (struct jst_head){.method = JST_METHOD_GET,
                               .method_text = JST_S("GET"),
                               .scheme = JST_S("http"),
                               .length = JST_LENGTH_UNKNOWN,
                               .fields = {t->fields, 0, JST_COUNT(t->fields)}};
    t->call = (struct jst_call){.req = &t->req,
                                .on_response = &t->on_response,
                                .on_request = &t->on_request,
                                .timeouts = &w->timeouts,
                                .host = JST_S("origin.test"),
                                .path = jst_slice_z(path),
                                .arena = &t->arena};
    return t;
}

void
call_field(struct call *t, struct jst_slice name, struct jst_slice value)
{
    assert_int_equal(jst_fields_add(&t->req.fields, name, value), 0);
}

void
call_body(struct call *t, uint64_t length)
{
    t->req.method = JST_METHOD_POST;
    t->req.method_text = JST_S("POST");
    t->req.has_body = true;
    t->req.length = length;
}

void
call_websocket(struct call *t)
{
    t->req.upgrade = true;
    t->req.upgrade_to = JST_S("websocket");
    t->call.upgrade = true;
    call_field(t, JST_S("Sec-WebSocket-Version"), JST_S("13"));
    call_field(t, JST_S("Sec-WebSocket-Key"), JST_S("dGhlIHNhbXBsZSBub25jZQ=="));
}

void
call_start(struct call *t)
{
    struct world *w = t->w;

    if (w->on_harness != NULL) {
        w->on_harness(false);
    }
    w->c->ops->start(w->c, &t->call);
    if (w->on_harness != NULL) {
        w->on_harness(true);
    }
    if (t->auto_credit > 0) {
        jst_source_resume(&t->call.response, JST_STREAM_WINDOW_BYTES);
    }
}

void
call_send(struct call *t, const char *p, size_t n)
{
    struct jst_chain data = {0};

    assert_int_equal(jst_chain_add_copy(&data, p, n), 0);
    jst_sink_data(&t->call.request, &data);
    assert_true(jst_chain_is_empty(&data));
}

void
call_end(struct call *t, const struct jst_fields *trailers)
{
    jst_sink_end(&t->call.request, trailers);
}

void
call_cancel(struct call *t)
{
    jst_source_cancel(&t->call.response, JOIST_E_CANCELED);
}

/* ---- life ---- */

static uint64_t
now_ns(void *ctx)
{
    return ((struct world *)ctx)->now_ns;
}

static int64_t
wall_us(void *ctx)
{
    return (int64_t)(((struct world *)ctx)->now_ns / 1000) + 1700000000000000;
}

static void
write_log(struct jst_log *log, enum joist_log_level level, enum jst_event event,
          struct jst_slice text)
{
    struct world *w = JST_CONTAINER(log, struct world, log);

    (void)level;
    snprintf(w->last_log, sizeof(w->last_log), "%s %.*s", jst_event_name(event), JST_PRI(text));
}

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

static void
first_closed(struct jst_conn *c)
{
    (void)c;
}

static const struct jst_conn_events first_events = {
    .on_readable = first_readable,
    .on_failed = first_failed,
    .on_closed = first_closed,
};

int
world_try_init(struct world *w, uint64_t keepalive_ms, void (*on_harness)(bool inside))
{
    struct jst_clock clock = {now_ns, wall_us, w};
    int fds[2];
    int rc;

    memset(w, 0, sizeof(*w));
    w->on_harness = on_harness;
    w->now_ns = 1000000000ull * 1000;
    w->log = (struct jst_log){JOIST_LOG_DEBUG, write_log};
    w->timeouts = (struct joist_timeouts_conf){
        .upstream_connect_ms = 1000, .upstream_response_ms = 10000, .upstream_idle_ms = 5000};
    w->frames = calloc(FRAMES_MAX, sizeof(*w->frames));
    assert_non_null(w->frames);
    assert_int_equal(nghttp2_hd_inflate_new(&w->inflater), 0);
    assert_int_equal(jst_loop_create(&w->loop, &clock), 0);
    w->local.loop = w->loop;
    w->local.log = &w->log;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    w->fd = fds[1];
    assert_int_equal(jst_conn_open(&w->first, w->loop, fds[0], &first_events), 0);
    if (on_harness != NULL) {
        on_harness(false);
    }
    rc = jst_h2_client_adopt(&w->c, &w->local, &w->first, keepalive_ms, &events, w);
    if (on_harness != NULL) {
        on_harness(true);
    }
    if (rc < 0) {
        assert_null(w->c);
        jst_conn_close(&w->first, false);
    }
    return rc;
}

void
world_init(struct world *w, uint64_t keepalive_ms)
{
    assert_int_equal(world_try_init(w, keepalive_ms, NULL), 0);
    jst_loop_turn(w->loop, 0);
}

void
world_fini(struct world *w)
{
    if (w->c != NULL) {
        w->c->ops->cut(w->c, JOIST_E_CANCELED);
    }
    world_run(w);
    assert_null(w->c);
    for (unsigned i = 0; i < w->calls_n; i++) {
        assert_null(w->calls[i].call.client);
        jst_arena_fini(&w->calls[i].arena);
    }
    if (w->fd >= 0) {
        close(w->fd);
    }
    jst_loop_destroy(&w->loop);
    nghttp2_hd_inflate_del(w->inflater);
    free(w->frames);
    jst_readbuf_thread_fini();
    jst_buf_thread_fini();
}

/* ---- the origin reads ---- */

static uint32_t
get_u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
inflate(struct world *w, struct frame *f, const unsigned char *p, size_t n, bool last)
{
    size_t at = 0;

    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(w->inflater, &nv, &flags, p, n, last);

        assert_true(used >= 0);
        p += used;
        n -= (size_t)used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 && at < sizeof(f->text)) {
            at += (size_t)snprintf(f->text + at, sizeof(f->text) - at, "%s: %s\n", (char *)nv.name,
                                   (char *)nv.value);
        }
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
            nghttp2_hd_inflate_end_headers(w->inflater);
            return;
        }
        if (n == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) {
            return;
        }
    }
}

static void
take_frame(struct world *w, const unsigned char *h, uint32_t n)
{
    struct frame *f = &w->frames[w->frames_n++];
    const unsigned char *p = h + 9;

    assert_true(w->frames_n <= FRAMES_MAX);
    f->type = h[3];
    f->flags = h[4];
    f->id = (int32_t)(get_u32(h + 5) & 0x7fffffff);
    f->n = n;
    switch (f->type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
        inflate(w, f, p, n, (f->flags & NGHTTP2_FLAG_END_HEADERS) != 0);
        break;
    case NGHTTP2_DATA:
        memcpy(f->text, p, JST_MIN(n, sizeof(f->text) - 1));
        w->data_bytes += n;
        break;
    case NGHTTP2_GOAWAY:
        f->value = get_u32(p + 4);
        break;
    default:
        f->value = n >= 4 ? get_u32(p) : 0;
        break;
    }
}

static bool
read_origin(struct world *w)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    ssize_t k;
    size_t at = 0;

    if (w->fd < 0 || w->eof || w->stopped) {
        return false;
    }
    k = recv(w->fd, w->in + w->in_n, sizeof(w->in) - w->in_n, MSG_DONTWAIT);
    if (k <= 0) {
        w->eof = k == 0 || errno != EAGAIN;
        return w->eof;
    }
    w->reads++;
    w->in_n += (size_t)k;
    if (!w->preface) {
        assert_true(w->in_n >= sizeof(preface) - 1);
        assert_memory_equal(w->in, preface, sizeof(preface) - 1);
        at = sizeof(preface) - 1;
        w->preface = true;
    }
    while (w->in_n - at >= 9) {
        uint32_t n = get_u32(w->in + at) >> 8;

        assert_true(n <= 16384);
        if (w->in_n - at < 9 + n) {
            break;
        }
        take_frame(w, w->in + at, n);
        at += 9 + n;
    }
    memmove(w->in, w->in + at, w->in_n - at);
    w->in_n -= at;
    return true;
}

static void
turn(struct world *w)
{
    if (w->on_harness != NULL) {
        w->on_harness(false);
    }
    jst_loop_turn(w->loop, 0);
    if (w->on_harness != NULL) {
        w->on_harness(true);
    }
}

void
world_run(struct world *w)
{
    unsigned still = 0;

    for (unsigned i = 0; still < 3; i++) {
        assert_true(i < TURNS_MAX);
        turn(w);
        still = read_origin(w) ? 0 : still + 1;
    }
}

void
world_pass(struct world *w, uint64_t ms)
{
    w->now_ns += ms * 1000000;
    world_run(w);
}

const struct frame *
find_frame(const struct world *w, unsigned type, int32_t id, unsigned n)
{
    for (size_t i = 0; i < w->frames_n; i++) {
        const struct frame *f = &w->frames[i];

        if (f->type == type && (id == 0 || f->id == id) && n-- == 0) {
            return f;
        }
    }
    return NULL;
}

const struct frame *
get_frame(const struct world *w, unsigned type, int32_t id, unsigned n)
{
    const struct frame *f = find_frame(w, type, id, n);

    assert_non_null(f);
    return f;
}

/* ---- the origin writes ---- */

void
origin_send(struct world *w, const void *p, size_t n)
{
    const char *at = p;

    for (unsigned i = 0; n > 0; i++) {
        ssize_t k = send(w->fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        assert_true(i < TURNS_MAX);
        if (k < 0 && errno == EAGAIN) {
            jst_loop_turn(w->loop, 0);
            (void)read_origin(w);
            continue;
        }
        if (k < 0) {
            return; /* the client is gone, as some tests want it */
        }
        at += k;
        n -= (size_t)k;
    }
}

void
origin_frame(struct world *w, unsigned type, unsigned flags, int32_t id, const void *p, size_t n)
{
    unsigned char h[9] = {(unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n,
                          (unsigned char)type, (unsigned char)flags};

    h[5] = (unsigned char)(id >> 24);
    h[6] = (unsigned char)(id >> 16);
    h[7] = (unsigned char)(id >> 8);
    h[8] = (unsigned char)id;
    origin_send(w, h, sizeof(h));
    if (n > 0) {
        origin_send(w, p, n);
    }
}

void
origin_ack(struct world *w)
{
    origin_frame(w, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, NULL, 0);
}

void
origin_settings(struct world *w, unsigned id, uint32_t value)
{
    unsigned char p[6] = {(unsigned char)(id >> 8),     (unsigned char)id,
                          (unsigned char)(value >> 24), (unsigned char)(value >> 16),
                          (unsigned char)(value >> 8),  (unsigned char)value};

    origin_frame(w, NGHTTP2_SETTINGS, 0, 0, p, id != 0 ? sizeof(p) : 0);
}

/* RFC 7541 6.2.2: literal without indexing, new name. */
static size_t
put_field(unsigned char *out, const char *name, size_t name_n, const char *value, size_t value_n)
{
    assert_true(name_n < 127 && value_n < 127);
    out[0] = 0;
    out[1] = (unsigned char)name_n;
    memcpy(out + 2, name, name_n);
    out[2 + name_n] = (unsigned char)value_n;
    memcpy(out + 3 + name_n, value, value_n);
    return 3 + name_n + value_n;
}

void
origin_headers(struct world *w, int32_t id, const char *lines, bool end)
{
    static unsigned char block[1 << 16];
    size_t n = 0;

    while (*lines != '\0') {
        const char *eol = strchr(lines, '\n');
        const char *colon = strchr(lines + 1, ':');

        assert_true(eol != NULL && colon != NULL && n < sizeof(block) - 512);
        n += put_field(block + n, lines, (size_t)(colon - lines), colon + 2,
                       (size_t)(eol - colon - 2));
        lines = eol + 1;
    }
    if (n > 16384) { /* in two */
        origin_frame(w, NGHTTP2_HEADERS, end ? NGHTTP2_FLAG_END_STREAM : 0, id, block, 16384);
        assert_true(n <= 2 * 16384);
        origin_frame(w, NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, id, block + 16384,
                     n - 16384);
        return;
    }
    origin_frame(w, NGHTTP2_HEADERS,
                 NGHTTP2_FLAG_END_HEADERS | (end ? (unsigned)NGHTTP2_FLAG_END_STREAM : 0u), id,
                 block, n);
}

void
origin_data(struct world *w, int32_t id, const char *p, size_t n, bool end)
{
    do {
        size_t part = JST_MIN(n, 16384u);

        n -= part;
        origin_frame(w, NGHTTP2_DATA, end && n == 0 ? NGHTTP2_FLAG_END_STREAM : 0, id, p, part);
        p += part;
    } while (n > 0);
}

void
origin_u32(struct world *w, unsigned type, int32_t id, uint32_t value)
{
    unsigned char p[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                          (unsigned char)(value >> 8), (unsigned char)value};

    origin_frame(w, type, 0, id, p, sizeof(p));
}

void
origin_goaway(struct world *w, int32_t last, uint32_t code)
{
    unsigned char p[8] = {(unsigned char)(last >> 24), (unsigned char)(last >> 16),
                          (unsigned char)(last >> 8),  (unsigned char)last,
                          (unsigned char)(code >> 24), (unsigned char)(code >> 16),
                          (unsigned char)(code >> 8),  (unsigned char)code};

    origin_frame(w, NGHTTP2_GOAWAY, 0, 0, p, sizeof(p));
}

void
origin_close(struct world *w)
{
    close(w->fd);
    w->fd = -1;
}
