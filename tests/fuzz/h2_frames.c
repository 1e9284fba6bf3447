// SPDX-License-Identifier: MIT
/* Frames of a client: whatever comes, each request ends once in each direction and is reported
 * once, credit is kept, and when the connection is gone nothing is left. The first byte of the
 * input says what the service does, the rest follows the preface. */
#include "proto/server.h"
#include "wire/readbuf.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_MAX    60000
#define TURNS        12
#define REQUESTS_MAX 2000
#define CREDIT       1000u

enum {
    ANSWER_LATE = 1, /* not at once, but when the body has ended */
    TAKE_BODY = 2,
    ECHO = 4,
    LONG_ANSWER = 8, /* longer than windows are */
    ABORT = 16,
    SWITCH = 32, /* upgrades are taken */
    SHUT_EARLY = 64,
};

struct request {
    struct jst_stream *s;
    struct jst_sink sink;
    struct jst_source origin;
    size_t credit;
    bool request_over;
    bool response_over;
};

struct world {
    uint64_t now_ns;
    struct jst_local local;
    struct jst_server_conf conf;
    struct jst_server_owner owner;
    struct jst_service svc;
    struct jst_list conns;
    struct jst_list h2_conns;
    struct jst_list handshakes;
    unsigned mode;
    unsigned begun;
    unsigned done;
    unsigned gone;
};

static struct world w;

static uint64_t
now_ns(void *ctx)
{
    (void)ctx;
    return w.now_ns;
}

static int64_t
wall_us(void *ctx)
{
    (void)ctx;
    return 1700000000000000;
}

/* ---- the service ---- */

static void
answer(struct request *r)
{
    static const char zeros[100000];
    struct jst_field fields[1];
    struct jst_head head = {.status = 200, .length = JST_LENGTH_UNKNOWN};
    struct jst_chain data = {0};
    size_t n = (w.mode & LONG_ANSWER) != 0 ? sizeof(zeros) : 20;

    if (r->response_over) {
        return;
    }
    r->response_over = true;
    r->s->origin = NULL;
    head.fields = (struct jst_fields){fields, 0, 1};
    (void)jst_fields_add(&head.fields, JST_S("X-Fuzz"), JST_S("Yes"));
    jst_sink_head(r->s->response, &head);
    JST_ASSERT(jst_chain_add_static(&data, zeros, n) == JOIST_OK);
    jst_sink_data(r->s->response, &data);
    if ((w.mode & ABORT) != 0) {
        r->request_over = true;
        jst_sink_abort(r->s->response, JOIST_E_IO);
    } else {
        jst_sink_end(r->s->response, &head.fields);
    }
}

static struct request *
of_sink(struct jst_sink *s)
{
    return JST_CONTAINER(s, struct request, sink);
}

static void
sink_head(struct jst_sink *s, const struct jst_head *head)
{
    (void)s;
    (void)head;
    JST_UNREACHABLE();
}

static void
sink_data(struct jst_sink *s, struct jst_chain *move)
{
    struct request *r = of_sink(s);

    JST_ASSERT(!r->request_over);
    JST_ASSERT(move->bytes > 0 && move->bytes <= r->credit);
    r->credit -= move->bytes;
    if ((w.mode & ECHO) != 0 && (w.mode & SWITCH) != 0 && r->s->req.upgrade) {
        jst_sink_data(r->s->response, move);
    }
    jst_chain_clear(move);
    if (r->credit == 0) {
        r->credit = CREDIT;
        jst_source_resume(r->s->body, CREDIT);
    }
}

static void
sink_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct request *r = of_sink(s);

    (void)trailers;
    JST_ASSERT(!r->request_over);
    r->request_over = true;
    if ((w.mode & SWITCH) != 0 && r->s->req.upgrade) {
        r->response_over = true;
        jst_sink_end(r->s->response, NULL);
    } else if ((w.mode & ANSWER_LATE) != 0) {
        answer(r);
    }
}

static void
sink_abort(struct jst_sink *s, int why)
{
    struct request *r = of_sink(s);

    JST_ASSERT(why != 0);
    JST_ASSERT(!r->request_over);
    r->request_over = true;
}

static const struct jst_sink_ops sink_ops = {sink_head, sink_data, sink_end, sink_abort};

static void
origin_resume(struct jst_source *s, size_t credit)
{
    (void)s;
    JST_ASSERT(credit > 0);
}

static void
origin_cancel(struct jst_source *s, int why)
{
    struct request *r = JST_CONTAINER(s, struct request, origin);

    JST_ASSERT(why != 0 && !r->response_over);
    r->response_over = true;
}

static const struct jst_source_ops origin_ops = {origin_resume, origin_cancel};

static void
on_request(struct jst_service *svc, struct jst_stream *s)
{
    struct request *r = jst_arena_zalloc(&s->arena, sizeof(*r));
    struct jst_head head = {.status = 101, .length = JST_LENGTH_UNKNOWN};

    (void)svc;
    JST_ASSERT(r != NULL);
    JST_ASSERT(s->req.path.n > 0 || s->req.method == JST_METHOD_CONNECT);
    w.begun++;
    r->s = s;
    r->sink.ops = &sink_ops;
    r->origin.ops = &origin_ops;
    s->engine = r;
    s->handler = &r->sink;
    s->origin = &r->origin;
    if ((w.mode & SWITCH) != 0 && s->req.upgrade) {
        head.upgrade = true;
        head.upgrade_to = s->req.upgrade_to;
        jst_sink_head(s->response, &head);
    } else if ((w.mode & ANSWER_LATE) == 0) {
        answer(r);
    }
    if ((w.mode & TAKE_BODY) != 0 && !r->request_over) {
        r->credit = CREDIT;
        jst_source_resume(s->body, CREDIT);
    }
}

static void
on_done(struct jst_service *svc, struct jst_stream *s)
{
    struct request *r = s->engine;

    (void)svc;
    w.done++;
    if (r != NULL) {
        JST_ASSERT(r->request_over && r->response_over);
        s->engine = NULL;
    } else {
        w.begun++; /* refused before the service was asked */
    }
}

static void
on_gone(struct jst_server_owner *owner, const struct jst_peer *peer)
{
    (void)owner;
    (void)peer;
    w.gone++;
}

/* ---- one input ---- */

static void
begin(unsigned mode)
{
    struct jst_clock clock = {now_ns, wall_us, NULL};

    w = (struct world){.now_ns = 1000000000, .mode = mode};
    jst_list_init(&w.conns);
    jst_list_init(&w.h2_conns);
    jst_list_init(&w.handshakes);
    JST_ASSERT(jst_loop_create(&w.local.loop, &clock) == JOIST_OK);
    w.conf.limits = (struct joist_limits_conf){
        .header_bytes = 8192, .header_count = 50, .uri_bytes = 1000, .h2_streams = 100};
    w.conf.timeouts = (struct joist_timeouts_conf){
        .header_ms = 10000, .body_idle_ms = 20000, .keepalive_ms = 30000};
    w.svc = (struct jst_service){on_request, on_done};
    w.owner = (struct jst_server_owner){.svc = &w.svc,
                                        .conf = &w.conf,
                                        .local = &w.local,
                                        .conns = &w.conns,
                                        .h2_conns = &w.h2_conns,
                                        .handshakes = &w.handshakes,
                                        .on_gone = on_gone};
}

static void
turn(int fd)
{
    char bytes[65536];

    for (int i = 0; i < TURNS; i++) {
        jst_loop_turn(w.local.loop, 0);
        while (fd >= 0 && recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
        }
    }
}

static void
end(void)
{
    turn(-1);
    JST_ASSERT(w.gone == 1);
    JST_ASSERT(w.done == w.begun && w.done == w.local.stats.requests);
    JST_ASSERT(w.local.stats.requests_open == 0 && w.local.stats.conns_open == 0);
    JST_ASSERT(w.local.stats.tunnels_open == 0 && w.local.stats.h2_conns_open == 0);
    jst_loop_destroy(&w.local.loop);
    jst_readbuf_thread_fini();
    jst_buf_thread_fini();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    struct jst_server_how how = {.h2 = true};
    struct jst_peer peer = {.local_port = 80};
    int fds[2];
    size_t half;

    if (size < 2 || size > INPUT_MAX) {
        return 0;
    }
    begin(data[0]);
    JST_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    JST_ASSERT(jst_server_open(&w.owner, fds[0], &peer, &how) == JOIST_OK);
    data++;
    size--;
    half = size / 2;
    JST_ASSERT(send(fds[1], preface, sizeof(preface) - 1, 0) == sizeof(preface) - 1);
    JST_ASSERT(send(fds[1], data, half, 0) == (ssize_t)half);
    turn(fds[1]);
    if (w.gone == 0) {
        (void)send(fds[1], data + half, size - half, MSG_NOSIGNAL);
    }
    if ((w.mode & SHUT_EARLY) != 0) {
        (void)shutdown(fds[1], SHUT_WR);
    }
    turn(fds[1]);
    w.now_ns += 25000000000; /* clocks run out */
    turn(fds[1]);
    close(fds[1]);
    end();
    return 0;
}
