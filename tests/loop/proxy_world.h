// SPDX-License-Identifier: MIT
#pragma once
/*
 * A proxy in one process, one thread: a client's socket, the server half, the proxy handler, pools,
 * the client half, and an origin that the test plays itself. The clock is the test's.
 *
 * Flow:    world_init() -> world_client() -> send(), wait_for() on either side -> world_fini(),
 *          which checks that nothing is left open.
 */
#include "handler/handler.h"
#include "http/stream.h"
#include "proto/dial.h"
#include "proto/h1_server.h"
#include "upstream/upstream.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* One side of a connection that the test plays. */
struct side {
    int fd;           /* -1: closed */
    char in[1 << 16]; /* what came, NUL behind it */
    size_t n;
    uint64_t total; /* bytes that came, also those that were dropped */
    bool eof;
    bool reset;
};

struct world {
    struct jst_loop *loop;
    struct jst_local local;
    struct jst_log log;
    char last_log[1024];
    uint64_t now_ns;
    struct jst_server_owner owner;
    struct jst_server_conf conf;
    struct jst_list conns;
    struct jst_list h2_conns;
    struct jst_list handshakes;
    struct jst_service svc;
    struct jst_pool *pool;
    struct jst_upool *upool;
    struct jst_handler *proxy;
    struct joist_timeouts_conf timeouts;
    int listen_fd;
    uint16_t port;
    unsigned done; /* requests */
    int last_why;
    uint16_t last_status;
    bool last_gone;
    bool trusted; /* leave forwarding fields of clients in place */
    char client_ip[64];
};

/* NULL for the defaults. */
void world_init(struct world *w, const struct joist_proxy_conf *conf);
void world_fini(struct world *w);

/* Another origin of the same pool comes with a URL of its own. */
void world_pool(struct world *w, const struct joist_pool_conf *conf);

/* A client's connection to the proxy. */
void world_client(struct world *w, struct side *client);

/* Run the loop and read from both sides (each may be NULL) until nothing moves any more. */
void world_run(struct world *w, struct side *a, struct side *b);

/* ... until `text` has come; fails the test after a bounded number of turns. */
void world_wait(struct world *w, struct side *side, const char *text);
void world_wait_closed(struct world *w, struct side *side);

/* Take the next connection to the origin. */
void world_accept(struct world *w, struct side *origin);
bool world_has_connection(struct world *w);

/* Move the clock, and let timers run. */
void world_pass(struct world *w, uint64_t ms);

void side_send(struct side *s, const char *text);
size_t side_send_some(struct side *s, const char *p, size_t n); /* what the socket takes */
void side_read(struct side *s);
bool side_has(const struct side *s, const char *text);
void side_forget(struct side *s); /* what came so far */
void side_close(struct side *s);
void side_reset(struct side *s);
