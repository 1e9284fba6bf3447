// SPDX-License-Identifier: MIT
#pragma once
/*
 * What the tests of the public API share: configurations, plain blocking clients, an origin on
 * threads of its own. Nothing of the library but include/joist is seen here.
 */
#include <joist/joist.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

/* ---- what was reported ---- */

struct reports {
    unsigned errors;
    unsigned warnings;
    int first_code;
    char text[8192]; /* all messages, a line each */
};

void reports_take(void *ctx, enum joist_log_level level, const struct joist_err *err);

/* ---- a configuration with one listener and room for some routes ---- */

struct setup {
    struct joist_conf conf;
    struct joist_listener_conf listeners[4];
    struct joist_route_conf routes[8];
    struct joist_pool_conf pools[4];
    struct joist_target_conf target;
    struct reports reports;
};

void setup_init(struct setup *s, unsigned threads); /* listens on a free port of 127.0.0.1 */
struct joist_route_conf *setup_route(struct setup *s, const char *path, enum joist_handler_kind k);
void setup_respond(struct setup *s, const char *path, const char *body);
void setup_pool(struct setup *s, const char *url);
struct joist_engine *setup_start(struct setup *s); /* create and start, must work */

/* ---- clients ---- */

struct client {
    int fd;
    void *tls; /* NULL: plain; see secure.h */
    ssize_t (*pull)(struct client *c, void *to, size_t n);
    ssize_t (*push)(struct client *c, const void *from, size_t n);
    char in[65536];
    size_t n;
};

struct reply {
    int status; /* 0: the connection ended first */
    char head[4096];
    char body[32768];
    size_t body_n;
};

int client_connect(struct client *c, uint16_t port); /* 0, or -1 */
int client_connect_unix(struct client *c, const char *path);
void client_send(struct client *c, const char *text);
void client_reply(struct client *c, struct reply *r); /* with Content-Length only */
void client_get(struct client *c, struct reply *r, const char *path);
int client_is_ended(struct client *c); /* waits for the end; 0 if it does not come in time */
void client_close(struct client *c);

/* ---- an origin ---- */

#define ORIGIN_CONNS_MAX 64

struct origin {
    int listen_fd;
    uint16_t port;
    char url[64];
    pthread_t thread;
    pthread_t workers[ORIGIN_CONNS_MAX];
    int fds[ORIGIN_CONNS_MAX];
    unsigned conns;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned held; /* requests for a path that ends with "/hold" which wait now */
    int released;
};

void origin_start(struct origin *o); /* answers with the path it was asked for */
void origin_wait_held(struct origin *o, unsigned n);
void origin_release(struct origin *o);
void origin_stop(struct origin *o);
