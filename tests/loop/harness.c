// SPDX-License-Identifier: MIT
#include "harness.h"

#include "base/str.h"
#include "handler/handler.h"
#include "proto/h1_client.h"
#include "sys/sock.h"
#include "wire/readbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTLE_TURNS_MAX 20000
#define SEED_DEFAULT     20250117

/* ---- peers ---- */

void
peer_init(struct peer *p, int fd)
{
    *p = (struct peer){.fd = fd};
}

void
peer_fini(struct peer *p)
{
    peer_close(p);
    free(p->in);
    free(p->out);
    *p = (struct peer){.fd = -1};
}

static void
append(char **mem, size_t *n, size_t *cap, const char *bytes, size_t add)
{
    if (*n + add + 1 > *cap) {
        *cap = (*n + add + 1) * 2;
        *mem = realloc(*mem, *cap);
        assert_non_null(*mem);
    }
    memcpy(*mem + *n, bytes, add);
    *n += add;
    (*mem)[*n] = '\0';
}

void
peer_send(struct peer *p, const char *bytes, size_t n)
{
    append(&p->out, &p->out_n, &p->out_cap, bytes, n);
}

void
peer_say(struct peer *p, const char *text)
{
    peer_send(p, text, strlen(text));
}

void
peer_shut(struct peer *p)
{
    p->shut_wanted = true;
}

void
peer_close(struct peer *p)
{
    if (p->fd >= 0) {
        close(p->fd);
        p->fd = -1;
    }
    p->out_n = 0;
}

static bool
step_out(struct peer *p, size_t max)
{
    size_t n = JST_MIN(p->out_n, max);
    ssize_t sent;

    if (n == 0 && p->out_n == 0 && p->shut_wanted) {
        p->shut_wanted = false;
        (void)shutdown(p->fd, SHUT_WR);
        return true;
    }
    if (n == 0) {
        return false;
    }
    sent = send(p->fd, p->out, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) {
        if (sent < 0 && errno != EAGAIN) {
            p->out_n = 0; /* nobody is there any more */
        }
        return false;
    }
    p->out_n -= (size_t)sent;
    memmove(p->out, p->out + sent, p->out_n);
    return true;
}

static bool
step_in(struct peer *p, size_t max)
{
    char bytes[65536];
    ssize_t n;

    if (p->eof || p->reset || max == 0) {
        return false;
    }
    n = recv(p->fd, bytes, JST_MIN(max, sizeof(bytes)), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    p->eof = n == 0;
    p->reset = n < 0;
    if (n > 0) {
        append(&p->in, &p->in_n, &p->in_cap, bytes, (size_t)n);
        p->total += (uint64_t)n;
    }
    return true;
}

bool
peer_step(struct peer *p, size_t send_max, size_t read_max)
{
    bool moved = false;

    if (p->fd >= 0) {
        moved = step_out(p, send_max);
        moved = step_in(p, read_max) || moved;
    }
    return moved;
}

void
peer_drop(struct peer *p, size_t n)
{
    assert_true(n <= p->in_n);
    p->in_n -= n;
    if (p->in != NULL) {
        memmove(p->in, p->in + n, p->in_n + 1);
    }
}

void
peer_forget(struct peer *p)
{
    peer_drop(p, p->in_n);
}

bool
peer_has(const struct peer *p, const char *text)
{
    return p->in_n > 0 && memmem(p->in, p->in_n, text, strlen(text)) != NULL;
}

void
peer_assert_has(const struct peer *p, const char *text)
{
    if (!peer_has(p, text)) {
        fail_msg("\"%s\" did not come; there is: \"%.2000s\"%s%s", text, p->in != NULL ? p->in : "",
                 p->eof ? " and the end" : "", p->reset ? " and a reset" : "");
    }
}

bool
peer_is_over(const struct peer *p)
{
    return p->eof || p->reset;
}

/* ---- the clock and the service ---- */

static uint64_t
now_ns(void *ctx)
{
    return ((struct rig *)ctx)->now_ns;
}

static int64_t
wall_us(void *ctx)
{
    return (int64_t)(((struct rig *)ctx)->now_ns / 1000) + 1700000000000000;
}

static struct rig *
rig_of(struct jst_reactor *r)
{
    return JST_CONTAINER(r, struct rig, r);
}

static void
on_done(struct jst_service *svc, struct jst_stream *s)
{
    struct rig *g = rig_of(JST_CONTAINER(svc, struct jst_reactor, svc));

    g->done++;
    g->last_why = s->why;
    g->last_status = s->status;
    g->last_gone = s->client_gone;
    jst_request_done(svc, s);
}

static void
on_gone(struct jst_server_owner *owner, const struct jst_peer *peer)
{
    (void)peer;
    rig_of(JST_CONTAINER(owner, struct jst_reactor, owner))->gone++;
}

/* ---- configuration ---- */

static void
add_route(struct rig *g, size_t i, const char *const *host, enum joist_handler_kind kind)
{
    joist_route_conf_init(&g->routes[i]);
    g->routes[i].hosts = host;
    g->routes[i].hosts_n = 1;
    g->routes[i].kind = kind;
}

static void
fill_routes(struct rig *g)
{
    static const char *const hosts[] = {"p.test", "s.test", "r.test", "x.test"};

    add_route(g, 0, &hosts[0], JOIST_HANDLER_PROXY);
    g->routes[0].handler.proxy = (struct joist_proxy_conf){.pool = "origin"};
    add_route(g, 1, &hosts[1], JOIST_HANDLER_STATIC);
    joist_static_conf_init(&g->routes[1].handler.files);
    g->routes[1].handler.files.root = g->root;
    add_route(g, 2, &hosts[2], JOIST_HANDLER_RESPOND);
    g->routes[2].handler.respond =
        (struct joist_respond_conf){.status = 200, .body = "hello\n", .body_n = 6};
    add_route(g, 3, &hosts[3], JOIST_HANDLER_REDIRECT);
    g->routes[3].handler.redirect =
        (struct joist_redirect_conf){.to = "https://example.com$uri", .status = 308};
}

static void
fill_conf(struct rig *g)
{
    joist_conf_init(&g->conf);
    g->conf.threads = 1;
    g->listener = (struct joist_listener_conf){.bind = "127.0.0.1:0"};
    g->conf.listeners = &g->listener;
    g->conf.listeners_n = 1;
    (void)jst_fmt(g->url, sizeof(g->url), "unix:%s/origin.sock", g->dir);
    g->target = (struct joist_target_conf){.url = g->url, .weight = 1};
    joist_pool_conf_init(&g->pool);
    g->pool.name = "origin";
    g->pool.targets = &g->target;
    g->pool.targets_n = 1;
    g->conf.pools = &g->pool;
    g->conf.pools_n = 1;
    fill_routes(g);
    g->conf.routes = g->routes;
    g->conf.routes_n = RIG_ROUTES;
}

static void
listen_origin(struct rig *g)
{
    struct jst_addr at;

    assert_int_equal(jst_addr_parse(&at, jst_slice_z(g->url)), 0);
    g->listen_fd = jst_sock_listen(&at, false);
    assert_true(g->listen_fd >= 0);
}

void
rig_init(struct rig *g)
{
    const char *seed = getenv("SEED");
    uint8_t bytes[32] = {0};

    *g = (struct rig){.now_ns = 5000000000, .listen_fd = -1};
    g->seed = seed != NULL ? strtoull(seed, NULL, 10) : SEED_DEFAULT;
    memcpy(bytes, &g->seed, sizeof(g->seed));
    jst_rand_init(&g->rand, bytes);
    (void)jst_fmt(g->dir, sizeof(g->dir), "/tmp/joist-loop-XXXXXX");
    assert_non_null(mkdtemp(g->dir));
    (void)jst_fmt(g->root, sizeof(g->root), "%s/www", g->dir);
    assert_int_equal(mkdir(g->root, 0755), 0);
    fill_conf(g);
    listen_origin(g);
}

/* ---- life ---- */

int
rig_try_start(struct rig *g)
{
    struct jst_clock clock = {now_ns, wall_us, g};
    struct jst_report report = {0};
    struct jst_fronts *fronts = NULL;
    struct jst_reactor *r = &g->r;
    int rc;

    jst_list_init(&r->conns);
    jst_list_init(&r->h2_conns);
    jst_list_init(&r->handshakes);
    r->svc = (struct jst_service){jst_request_begin, on_done};
    r->owner = (struct jst_server_owner){.svc = &r->svc,
                                         .conf = &r->h1,
                                         .local = &r->local,
                                         .conns = &r->conns,
                                         .h2_conns = &r->h2_conns,
                                         .handshakes = &r->handshakes,
                                         .on_gone = on_gone};
    jst_rand_init(&r->local.rand, (const uint8_t *)"a fixed seed for request ids....");
    if ((rc = jst_logger_create(&g->logger, &g->conf.log, 1)) < 0 ||
        (rc = jst_fronts_create(&fronts, &g->conf, NULL, &report)) < 0 ||
        (rc = jst_snapshot_create(&g->snap, &g->conf, &fronts, NULL, &report)) < 0 ||
        (rc = jst_loop_create(&r->loop, &clock)) < 0) {
        return rc;
    }
    r->log = jst_logger_source(g->logger, 0);
    r->log->loop = r->loop;
    r->wants_access = jst_logger_wants_access(g->logger);
    r->local.loop = r->loop;
    r->local.log = &r->log->log;
    if ((rc = jst_upstreams_create(&r->local.upstreams, &r->local, jst_h1_client_open)) < 0 ||
        (rc = jst_files_create(&r->local.files, &r->local)) < 0 ||
        (rc = jst_reactor_prepare(r, g->snap)) < 0) {
        return rc;
    }
    jst_reactor_commit(r);
    return JOIST_OK;
}

void
rig_start(struct rig *g)
{
    assert_int_equal(rig_try_start(g), 0);
}

static void
close_all(struct rig *g)
{
    jst_server_close_all(&g->r.owner);
    for (int i = 0; i < 4; i++) {
        rig_turn(g);
    }
    jst_upstreams_destroy(&g->r.local.upstreams);
    for (int i = 0; i < 4; i++) {
        rig_turn(g);
    }
}

void
rig_stop(struct rig *g)
{
    struct jst_reactor *r = &g->r;

    if (r->loop != NULL) {
        close_all(g);
        jst_files_destroy(&r->local.files);
        if (r->gen != NULL) {
            jst_gen_unuse(r->gen);
        }
        if (r->log != NULL) {
            r->log->loop = NULL;
        }
        jst_loop_destroy(&r->loop);
    }
    jst_snapshot_unref(&g->snap);
    jst_logger_destroy(&g->logger);
    jst_readbuf_thread_fini();
    jst_buf_thread_fini();
    g->r = (struct jst_reactor){0};
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void
rig_fini(struct rig *g)
{
    if (g->r.loop != NULL) {
        close_all(g);
        rig_assert_idle(g);
        assert_int_equal(g->r.local.stats.upstream_idle, 0);
        assert_int_equal(g->gone, g->r.local.stats.conns_accepted);
        assert_int_equal(g->done, g->r.local.stats.requests);
    }
    rig_stop(g);
    close(g->listen_fd);
    (void)nftw(g->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
rig_assert_idle(struct rig *g)
{
    const struct joist_stats *st = &g->r.local.stats;

    rig_turn(g);
    rig_turn(g);
    assert_int_equal(st->conns_open, 0);
    assert_int_equal(st->requests_open, 0);
    assert_int_equal(st->tunnels_open, 0);
    assert_true(jst_list_is_empty(&g->r.conns));
    assert_true(jst_list_is_empty(&g->r.h2_conns));
    assert_int_equal(st->h2_conns_open, 0);
    assert_int_equal(g->r.gen->uses, 1);
}

void
rig_file(const struct rig *g, const char *name, const char *text, size_t n)
{
    char path[256];
    int fd;

    (void)jst_fmt(path, sizeof(path), "%s/%s", g->root, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), (ssize_t)n);
    close(fd);
}

/* ---- running ---- */

void
rig_turn(struct rig *g)
{
    jst_loop_turn(g->r.loop, 0);
}

void
rig_pass(struct rig *g, uint64_t ms)
{
    rig_turn(g);
    g->now_ns += ms * 1000000;
    for (int i = 0; i < 4; i++) {
        rig_turn(g);
    }
}

void
rig_settle(struct rig *g, struct peer **peers, size_t n)
{
    uint64_t moved_bytes = 0;
    int still = 0;

    for (int i = 0; i < SETTLE_TURNS_MAX && still < 4; i++) {
        const struct joist_stats *st = &g->r.local.stats;
        uint64_t before = moved_bytes;
        bool moved = false;

        rig_turn(g);
        for (size_t k = 0; k < n; k++) {
            moved = (peers[k] != NULL && peer_step(peers[k], SIZE_MAX, SIZE_MAX)) || moved;
        }
        moved_bytes = st->bytes_in + st->bytes_out;
        still = moved || moved_bytes != before ? 0 : still + 1;
    }
    assert_int_equal(still, 4);
}

void
rig_run(struct rig *g, struct peer *a, struct peer *b)
{
    struct peer *both[2] = {a, b};

    rig_settle(g, both, 2);
}

int
rig_try_client(struct rig *g, struct peer *p)
{
    struct jst_peer peer = {.local_port = 80};
    struct jst_server_how how = {
        .proxy_versions = g->proxy_versions, .h1 = true, .h2 = g->sniff_h2};
    int fds[2];
    int rc;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(jst_addr_literal(&peer.addr, JST_S("192.0.2.7"), 4711), 0);
    peer_init(p, fds[1]);
    rc = jst_server_open(&g->r.owner, fds[0], &peer, &how);
    if (rc < 0) {
        close(fds[0]);
        peer_fini(p);
    }
    return rc;
}

void
rig_client(struct rig *g, struct peer *p)
{
    assert_int_equal(rig_try_client(g, p), 0);
}

bool
rig_accept(struct rig *g, struct peer *p)
{
    struct jst_addr from;
    int fd = jst_sock_accept(g->listen_fd, &from);

    if (fd < 0) {
        return false;
    }
    peer_init(p, fd);
    return true;
}

size_t
rig_below(struct rig *g, size_t n)
{
    return (size_t)(jst_rand_next(&g->rand) % n);
}
