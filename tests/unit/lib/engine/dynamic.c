// SPDX-License-Identifier: MIT
#include "dynamic.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- letters ---- */

void
letters_start(struct letters *l)
{
    static const char *const texts[ORIGINS] = {"a", "b", "c", "d"};

    for (size_t i = 0; i < ORIGINS; i++) {
        static struct setup s;

        setup_init(&s, 1);
        s.conf.limits.conns_per_ip = 0;
        setup_respond(&s, "/", texts[i]);
        l->engines[i] = setup_start(&s);
        (void)snprintf(l->urls[i], sizeof(l->urls[i]), "http://127.0.0.1:%u",
                       joist_engine_port(l->engines[i], 0));
    }
}

void
letters_stop(struct letters *l)
{
    for (size_t i = 0; i < ORIGINS; i++) {
        joist_engine_destroy(&l->engines[i]);
    }
}

/* ---- the proxy ---- */

void
front_fill(struct front *f, unsigned threads, const char *const *urls, size_t n)
{
    struct joist_pool_conf *p = &f->s.pools[0];

    setup_init(&f->s, threads);
    joist_pool_conf_init(p);
    f->s.conf.pools_n = 1;
    f->s.conf.limits.conns_per_ip = 0;
    p->name = "origin";
    p->strategy = JOIST_STRATEGY_ROUND_ROBIN;
    p->dynamic = true;
    for (size_t i = 0; i < n; i++) {
        f->targets[i] = (struct joist_target_conf){.url = urls[i], .weight = 1};
    }
    p->targets = f->targets;
    p->targets_n = n;
    setup_route(&f->s, "/", JOIST_HANDLER_PROXY)->handler.proxy.pool = "origin";
}

int
front_ask(struct joist_engine *e, const char *path, char body[16])
{
    struct client *c = calloc(1, sizeof(*c));
    struct reply *r = calloc(1, sizeof(*r));
    int status;

    assert_int_equal(client_connect(c, joist_engine_port(e, 0)), 0);
    client_get(c, r, path);
    client_close(c);
    status = r->status;
    (void)snprintf(body, 16, "%.15s", r->body);
    free(r);
    free(c);
    return status;
}

/* ---- tunnels ---- */

static void
serve_tunnel(int fd)
{
    static const char switched[] =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    char in[4096];
    size_t n = 0;
    ssize_t got;

    do { /* the head, which ends before any byte of the tunnel comes */
        got = recv(fd, in + n, sizeof(in) - 1 - n, 0);
        n += got > 0 ? (size_t)got : 0;
        in[n] = '\0';
    } while (got > 0 && strstr(in, "\r\n\r\n") == NULL);
    (void)send(fd, switched, sizeof(switched) - 1, MSG_NOSIGNAL);
    while ((got = recv(fd, in, sizeof(in), 0)) > 0) {
        (void)send(fd, in, (size_t)got, MSG_NOSIGNAL);
    }
}

static void *
run_echo(void *arg)
{
    struct echo *o = arg;
    int fd = accept(o->listen_fd, NULL, NULL);

    if (fd >= 0) {
        serve_tunnel(fd);
        close(fd);
    }
    return NULL;
}

void
echo_start(struct echo *o)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);

    o->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(o->listen_fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(o->listen_fd, 4), 0);
    assert_int_equal(getsockname(o->listen_fd, (struct sockaddr *)&at, &n), 0);
    (void)snprintf(o->url, sizeof(o->url), "http://127.0.0.1:%u", ntohs(at.sin_port));
    assert_int_equal(pthread_create(&o->thread, NULL, run_echo, o), 0);
}

void
echo_stop(struct echo *o)
{
    (void)shutdown(o->listen_fd, SHUT_RDWR);
    pthread_join(o->thread, NULL);
    close(o->listen_fd);
}

void
tunnel_open(struct client *c, struct joist_engine *e)
{
    struct reply r;

    assert_int_equal(client_connect(c, joist_engine_port(e, 0)), 0);
    client_send(c, "GET /tunnel HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n"
                   "Upgrade: echo\r\n\r\n");
    client_reply(c, &r);
    assert_int_equal(r.status, 101);
    assert_true(tunnel_is_alive(c));
}

int
tunnel_is_alive(struct client *c)
{
    char back;

    client_send(c, "x");
    return recv(c->fd, &back, 1, 0) == 1 && back == 'x';
}
