// SPDX-License-Identifier: MIT
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 20

/* ---- configurations ---- */

void
reports_take(void *ctx, enum joist_log_level level, const struct joist_err *err)
{
    struct reports *r = ctx;
    size_t n = strlen(r->text);

    if (level == JOIST_LOG_ERROR) {
        r->first_code = r->errors == 0 ? err->code : r->first_code;
        r->errors++;
    } else {
        r->warnings++;
    }
    (void)snprintf(r->text + n, sizeof(r->text) - n, "%u:%u %s\n", err->line, err->column,
                   err->message);
}

void
setup_init(struct setup *s, unsigned threads)
{
    memset(s, 0, sizeof(*s));
    joist_conf_init(&s->conf);
    s->conf.threads = threads;
    s->listeners[0].bind = "127.0.0.1:0";
    s->conf.listeners = s->listeners;
    s->conf.listeners_n = 1;
    s->conf.routes = s->routes;
    s->conf.pools = s->pools;
}

struct joist_route_conf *
setup_route(struct setup *s, const char *path, enum joist_handler_kind kind)
{
    struct joist_route_conf *r = &s->routes[s->conf.routes_n++];

    joist_route_conf_init(r);
    r->path_kind = JOIST_PATH_PREFIX;
    r->path = path;
    r->kind = kind;
    return r;
}

void
setup_respond(struct setup *s, const char *path, const char *body)
{
    struct joist_route_conf *r = setup_route(s, path, JOIST_HANDLER_RESPOND);

    r->handler.respond.status = 200;
    r->handler.respond.body = body;
    r->handler.respond.body_n = strlen(body);
}

void
setup_pool(struct setup *s, const char *url)
{
    struct joist_pool_conf *p = &s->pools[s->conf.pools_n++];

    joist_pool_conf_init(p);
    p->name = "origin";
    s->target.url = url;
    s->target.weight = 1;
    p->targets = &s->target;
    p->targets_n = 1;
}

struct joist_engine *
setup_start(struct setup *s)
{
    struct joist_engine *e = NULL;
    int rc = joist_engine_create(&e, &s->conf, reports_take, &s->reports);

    if (rc != 0) {
        fail_msg("create: %s; %s", joist_error_name(rc), s->reports.text);
    }
    assert_int_equal(joist_engine_start(e), 0);
    return e;
}

/* ---- clients ---- */

static int
connect_to(struct client *c, int family, const struct sockaddr *to, socklen_t n)
{
    struct timeval patience = {PATIENCE_S, 0};

    c->n = 0;
    c->tls = NULL;
    c->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, to, n) < 0) {
        client_close(c);
        return -1;
    }
    (void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return 0;
}

int
client_connect(struct client *c, uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    int rc = connect_to(c, AF_INET, (struct sockaddr *)&to, sizeof(to));

    if (rc == 0) {
        (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    return rc;
}

int
client_connect_unix(struct client *c, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    return connect_to(c, AF_UNIX, (struct sockaddr *)&to, sizeof(to));
}

void
client_close(struct client *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    c->fd = -1;
}

void
client_send(struct client *c, const char *text)
{
    (void)(c->tls != NULL ? c->push(c, text, strlen(text))
                          : send(c->fd, text, strlen(text), MSG_NOSIGNAL));
}

static int
fill(struct client *c)
{
    size_t room = sizeof(c->in) - 1 - c->n;
    ssize_t n =
        c->tls != NULL ? c->pull(c, c->in + c->n, room) : recv(c->fd, c->in + c->n, room, 0);

    if (n <= 0) {
        return 0;
    }
    c->n += (size_t)n;
    c->in[c->n] = '\0';
    return 1;
}

static void
take(struct client *c, char *to, size_t cap, size_t n)
{
    size_t kept = n < cap ? n : cap - 1;

    memcpy(to, c->in, kept);
    to[kept] = '\0';
    c->n -= n;
    memmove(c->in, c->in + n, c->n + 1);
}

void
client_reply(struct client *c, struct reply *r)
{
    const char *end = NULL;
    const char *length;

    memset(r, 0, sizeof(*r));
    c->in[c->n] = '\0';
    while ((end = strstr(c->in, "\r\n\r\n")) == NULL) {
        if (!fill(c)) {
            return;
        }
    }
    take(c, r->head, sizeof(r->head), (size_t)(end + 4 - c->in));
    length = strstr(r->head, "\r\nContent-Length: ");
    r->body_n = length != NULL ? strtoul(length + 18, NULL, 10) : 0;
    while (c->n < r->body_n) {
        if (!fill(c)) {
            return; /* status stays 0 */
        }
    }
    take(c, r->body, sizeof(r->body), r->body_n);
    r->status = (int)strtol(r->head + 9, NULL, 10);
}

void
client_get(struct client *c, struct reply *r, const char *path)
{
    char text[16384];

    (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a.test\r\n\r\n", path);
    client_send(c, text);
    client_reply(c, r);
}

int
client_is_ended(struct client *c)
{
    for (;;) {
        ssize_t n = recv(c->fd, c->in, sizeof(c->in), 0);

        if (n <= 0) {
            return n == 0 || errno == ECONNRESET;
        }
    }
}

/* ---- the origin ---- */

static void
hold(struct origin *o)
{
    pthread_mutex_lock(&o->lock);
    o->held++;
    pthread_cond_broadcast(&o->changed);
    while (!o->released) {
        pthread_cond_wait(&o->changed, &o->lock);
    }
    pthread_mutex_unlock(&o->lock);
}

/* One request without a body; false at the end of the connection. */
static int
serve_one(struct origin *o, struct client *c)
{
    char head[4096];
    char answer[8192];
    char path[2048] = "";
    const char *end;

    while ((end = c->n > 0 ? strstr(c->in, "\r\n\r\n") : NULL) == NULL) {
        if (!fill(c)) {
            return 0;
        }
    }
    take(c, head, sizeof(head), (size_t)(end + 4 - c->in));
    (void)sscanf(head, "%*s %2047s", path);
    if (strlen(path) >= 5 && strcmp(path + strlen(path) - 5, "/hold") == 0) {
        hold(o);
    }
    (void)snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                   strlen(path), path);
    client_send(c, answer);
    return 1;
}

struct work {
    struct origin *o;
    int fd;
};

static void *
run_worker(void *arg)
{
    struct work *w = arg;
    struct client *c = calloc(1, sizeof(*c));

    c->fd = w->fd;
    while (serve_one(w->o, c)) {
    }
    (void)shutdown(w->fd, SHUT_RDWR); /* closed by origin_stop() */
    free(c);
    free(w);
    return NULL;
}

static void *
run_acceptor(void *arg)
{
    struct origin *o = arg;

    for (;;) {
        struct work *w;
        int fd = accept(o->listen_fd, NULL, NULL);

        if (fd < 0) {
            return NULL;
        }
        w = malloc(sizeof(*w));
        *w = (struct work){o, fd};
        pthread_mutex_lock(&o->lock);
        if (o->conns == ORIGIN_CONNS_MAX) {
            pthread_mutex_unlock(&o->lock);
            free(w);
            close(fd);
            continue;
        }
        o->fds[o->conns] = fd;
        (void)pthread_create(&o->workers[o->conns++], NULL, run_worker, w);
        pthread_mutex_unlock(&o->lock);
    }
}

void
origin_start(struct origin *o)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);

    memset(o, 0, sizeof(*o));
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->changed, NULL);
    o->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(o->listen_fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(o->listen_fd, 64), 0);
    assert_int_equal(getsockname(o->listen_fd, (struct sockaddr *)&at, &n), 0);
    o->port = ntohs(at.sin_port);
    (void)snprintf(o->url, sizeof(o->url), "http://127.0.0.1:%u", o->port);
    assert_int_equal(pthread_create(&o->thread, NULL, run_acceptor, o), 0);
}

void
origin_wait_held(struct origin *o, unsigned n)
{
    pthread_mutex_lock(&o->lock);
    while (o->held < n) {
        pthread_cond_wait(&o->changed, &o->lock);
    }
    pthread_mutex_unlock(&o->lock);
}

void
origin_release(struct origin *o)
{
    pthread_mutex_lock(&o->lock);
    o->released = 1;
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
}

void
origin_stop(struct origin *o)
{
    origin_release(o);
    (void)shutdown(o->listen_fd, SHUT_RDWR);
    pthread_join(o->thread, NULL);
    for (unsigned i = 0; i < o->conns; i++) {
        (void)shutdown(o->fds[i], SHUT_RDWR);
        pthread_join(o->workers[i], NULL);
        close(o->fds[i]);
    }
    close(o->listen_fd);
    pthread_mutex_destroy(&o->lock);
    pthread_cond_destroy(&o->changed);
}
