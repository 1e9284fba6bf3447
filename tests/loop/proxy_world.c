// SPDX-License-Identifier: MIT
#include "proxy_world.h"

#include "wire/readbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TURNS_MAX 2000

/* ---- sides ---- */

void
side_send(struct side *s, const char *text)
{
    size_t n = strlen(text);

    assert_int_equal(send(s->fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

size_t
side_send_some(struct side *s, const char *p, size_t n)
{
    ssize_t k = send(s->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

    return k > 0 ? (size_t)k : 0;
}

void
side_read(struct side *s)
{
    for (int i = 0; i < 64 && s->fd >= 0 && !s->eof && !s->reset; i++) {
        ssize_t k;

        if (s->n > sizeof(s->in) / 2) { /* keep the newest half */
            memmove(s->in, s->in + s->n / 2, s->n - s->n / 2);
            s->n -= s->n / 2;
        }
        k = recv(s->fd, s->in + s->n, sizeof(s->in) - 1 - s->n, MSG_DONTWAIT);
        if (k < 0 && errno == EAGAIN) {
            return;
        }
        s->reset = k < 0;
        s->eof = k == 0;
        if (k > 0) {
            s->n += (size_t)k;
            s->total += (uint64_t)k;
        }
        s->in[s->n] = '\0';
    }
}

bool
side_has(const struct side *s, const char *text)
{
    return memmem(s->in, s->n, text, strlen(text)) != NULL;
}

void
side_forget(struct side *s)
{
    s->n = 0;
    s->in[0] = '\0';
}

void
side_close(struct side *s)
{
    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
}

void
side_reset(struct side *s)
{
    struct linger now = {1, 0};

    assert_int_equal(setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    side_close(s);
}

/* ---- the service ---- */

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

static struct world *
world_of(struct jst_service *svc)
{
    return JST_CONTAINER(svc, struct world, svc);
}

static void
on_request(struct jst_service *svc, struct jst_stream *s)
{
    struct world *w = world_of(svc);

    s->engine = w;
    s->timeouts = &w->timeouts;
    s->client_ip = jst_slice_z(w->client_ip);
    s->request_id = JST_S("test-id");
    for (uint32_t i = 0; i < s->req.fields.n && !w->trusted; i++) {
        uint16_t id = s->req.fields.v[i].id;

        if (id == JST_FIELD_FORWARDED || id == JST_FIELD_X_FORWARDED_FOR ||
            id == JST_FIELD_X_FORWARDED_HOST || id == JST_FIELD_X_FORWARDED_PROTO) {
            s->req.fields.v[i].drop = true;
        }
    }
    w->proxy->ops->serve(w->proxy, s, s->req.path, s->req.raw_path);
}

static void
on_done(struct jst_service *svc, struct jst_stream *s)
{
    struct world *w = world_of(svc);

    w->done++;
    jst_upool_let_go(&s->upools);
    w->last_why = s->why;
    w->last_status = s->status;
    w->last_gone = s->client_gone;
}

static void
on_gone(struct jst_server_owner *owner, const struct jst_peer *peer)
{
    (void)owner;
    (void)peer;
}

static struct jst_upool *
find_upool(const struct jst_stream *s, size_t pool)
{
    assert_int_equal(pool, 0);
    return ((const struct world *)s->engine)->upool;
}

static void
write_log(struct jst_log *log, enum joist_log_level level, enum jst_event event,
          struct jst_slice text)
{
    struct world *w = JST_CONTAINER(log, struct world, log);

    (void)level;
    (void)snprintf(w->last_log, sizeof(w->last_log), "%s %.*s", jst_event_name(event),
                   JST_PRI(text));
}

/* ---- life ---- */

static void
listen_origin(struct world *w)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);

    w->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(w->listen_fd >= 0);
    assert_int_equal(bind(w->listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(w->listen_fd, 16), 0);
    assert_int_equal(getsockname(w->listen_fd, (struct sockaddr *)&at, &n), 0);
    w->port = ntohs(at.sin_port);
}

void
world_pool(struct world *w, const struct joist_pool_conf *conf)
{
    jst_upool_release(&w->upool);
    jst_pool_unref(&w->pool);
    assert_int_equal(jst_pool_create(&w->pool, conf, NULL, NULL), 0);
    assert_int_equal(jst_upool_acquire(&w->upool, w->local.upstreams, w->pool,
                                       w->timeouts.upstream_keepalive_ms),
                     0);
}

static void
default_pool(struct world *w)
{
    char url[64];
    struct joist_target_conf target = {.url = url, .weight = 1};
    struct joist_pool_conf pool = {
        .name = "origin", .targets = &target, .targets_n = 1, .idle_max = 8};

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", w->port);
    world_pool(w, &pool);
}

void
world_init(struct world *w, const struct joist_proxy_conf *conf)
{
    static const struct joist_proxy_conf plain = {.pool = "origin"};
    struct jst_clock clock = {now_ns, wall_us, w};
    struct jst_proxy_env env = {find_upool, true, true};

    memset(w, 0, sizeof(*w));
    w->now_ns = 1000000000;
    w->log = (struct jst_log){JOIST_LOG_DEBUG, write_log};
    (void)snprintf(w->client_ip, sizeof(w->client_ip), "192.0.2.7");
    w->timeouts = (struct joist_timeouts_conf){
        .header_ms = 10000,
        .body_idle_ms = 60000,
        .keepalive_ms = 75000,
        .upstream_connect_ms = 5000,
        .upstream_response_ms = 60000,
        .upstream_idle_ms = 60000,
        .upstream_keepalive_ms = 4000,
    };
    w->conf.timeouts = w->timeouts;
    w->conf.limits = (struct joist_limits_conf){65536, 100, 8192, 0, 0, 0, 128};
    assert_int_equal(jst_loop_create(&w->loop, &clock), 0);
    w->local.loop = w->loop;
    w->local.log = &w->log;
    w->svc = (struct jst_service){on_request, on_done};
    jst_list_init(&w->conns);
    jst_list_init(&w->h2_conns);
    jst_list_init(&w->handshakes);
    w->owner = (struct jst_server_owner){.svc = &w->svc,
                                         .conf = &w->conf,
                                         .local = &w->local,
                                         .conns = &w->conns,
                                         .h2_conns = &w->h2_conns,
                                         .handshakes = &w->handshakes,
                                         .on_gone = on_gone};
    listen_origin(w);
    assert_int_equal(jst_upstreams_create(&w->local.upstreams, &w->local, jst_dial), 0);
    assert_int_equal(jst_proxy_create(&w->proxy, conf != NULL ? conf : &plain, 0, &env), 0);
    default_pool(w);
}

void
world_fini(struct world *w)
{
    jst_h1_server_close_all(&w->conns, JST_ANY_LISTENER);
    for (int i = 0; i < 3; i++) {
        jst_loop_turn(w->loop, 0);
    }
    assert_true(jst_list_is_empty(&w->conns));
    assert_int_equal(w->local.stats.conns_open, 0);
    jst_upool_release(&w->upool);
    jst_upstreams_destroy(&w->local.upstreams);
    assert_int_equal(w->local.stats.upstream_idle, 0);
    for (int i = 0; i < 3; i++) {
        jst_loop_turn(w->loop, 0);
    }
    jst_pool_unref(&w->pool);
    jst_handler_destroy(w->proxy);
    jst_loop_destroy(&w->loop);
    close(w->listen_fd);
    jst_readbuf_thread_fini();
    jst_buf_thread_fini();
}

void
world_client(struct world *w, struct side *client)
{
    struct jst_peer peer = {.local_port = 80};
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(jst_addr_literal(&peer.addr, JST_S("192.0.2.7"), 4711), 0);
    assert_int_equal(jst_h1_server_open(&w->owner, fds[0], &peer, false), 0);
    memset(client, 0, sizeof(*client));
    client->fd = fds[1];
}

/* ---- running ---- */

void
world_run(struct world *w, struct side *a, struct side *b)
{
    int still = 0;

    for (int i = 0; i < TURNS_MAX && still < 3; i++) {
        uint64_t before = (a != NULL ? a->total : 0) + (b != NULL ? b->total : 0);

        jst_loop_turn(w->loop, 0);
        if (a != NULL) {
            side_read(a);
        }
        if (b != NULL) {
            side_read(b);
        }
        still = (a != NULL ? a->total : 0) + (b != NULL ? b->total : 0) == before ? still + 1 : 0;
    }
}

void
world_wait(struct world *w, struct side *side, const char *text)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        side_read(side);
        if (side_has(side, text)) {
            return;
        }
        jst_loop_turn(w->loop, i < 20 ? 0 : 1);
    }
    fail_msg("\"%s\" did not come; there is: %s (log: %s)", text, side->in, w->last_log);
}

void
world_wait_closed(struct world *w, struct side *side)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        side_read(side);
        if (side->eof || side->reset) {
            return;
        }
        jst_loop_turn(w->loop, i < 20 ? 0 : 1);
    }
    fail_msg("it was not closed; there is: %s (log: %s)", side->in, w->last_log);
}

bool
world_has_connection(struct world *w)
{
    struct pollfd p = {.fd = w->listen_fd, .events = POLLIN};

    world_run(w, NULL, NULL);
    return poll(&p, 1, 0) > 0;
}

void
world_accept(struct world *w, struct side *origin)
{
    memset(origin, 0, sizeof(*origin));
    for (int i = 0; i < TURNS_MAX; i++) {
        origin->fd = accept4(w->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (origin->fd >= 0) {
            (void)setsockopt(origin->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
            return;
        }
        jst_loop_turn(w->loop, i < 20 ? 0 : 1);
    }
    fail_msg("no connection to the origin (log: %s)", w->last_log);
}

void
world_pass(struct world *w, uint64_t ms)
{
    world_run(w, NULL, NULL);
    w->now_ns += ms * 1000000;
    world_run(w, NULL, NULL);
}
