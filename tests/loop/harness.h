// SPDX-License-Identifier: MIT
#pragma once
/*
 * One reactor without its thread: a compiled configuration, the engine's own service, connections
 * over socket pairs, an origin on a Unix socket, and a clock that the test moves.
 *
 * Flow:    rig_init() -> (change rig.conf) -> rig_start() -> rig_client() -> peer_send(),
 *          rig_settle(), rig_pass() ... -> rig_fini(), which checks that nothing is left open.
 * Hosts:   p.test goes to the origin, s.test to files in rig.root, r.test answers "hello\n",
 *          x.test redirects.
 * Random:  rig.rand comes from the environment's SEED, else from a fixed one; failures name it.
 */
#include "engine/request.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* One end of a connection that the test plays. */
struct peer {
    int fd;   /* -1: closed */
    char *in; /* owned; what came, NUL behind it */
    size_t in_n;
    size_t in_cap;
    char *out; /* owned; what is still to be sent */
    size_t out_n;
    size_t out_cap;
    uint64_t total;   /* bytes that came, also those forgotten */
    bool shut_wanted; /* close our direction behind `out` */
    bool eof;
    bool reset;
};

#define RIG_ROUTES 4

struct rig {
    uint64_t now_ns;
    struct jst_reactor r;
    struct jst_snapshot *snap;
    struct jst_logger *logger;
    /* may be changed between rig_init() and rig_start() */
    struct joist_conf conf;
    struct joist_listener_conf listener;
    struct joist_target_conf target;
    struct joist_pool_conf pool;
    struct joist_route_conf routes[RIG_ROUTES];
    /* the test's */
    char dir[64];
    char root[96];
    char url[128];
    int listen_fd; /* the origin's */
    uint64_t seed;
    struct jst_rand rand;
    unsigned gone; /* connections */
    unsigned done; /* requests */
    int last_why;
    uint16_t last_status;
    bool last_gone;
    bool sniff_h2;           /* rig_client() may begin with HTTP/2 */
    unsigned proxy_versions; /* ... has to begin with a PROXY header of these */
    void *ctx;               /* for services of a test's own */
};

void rig_init(struct rig *g);
void rig_start(struct rig *g);

/* The same, for runs in which memory may be out: JOIST_E_* instead of a failed test. */
int rig_try_start(struct rig *g);
void rig_stop(struct rig *g); /* also what a failed rig_try_start() left; counts nothing */
void rig_fini(struct rig *g); /* closes, checks the counters, stops, removes the folder */

/* A file below the static root. */
void rig_file(const struct rig *g, const char *name, const char *text, size_t n);

void rig_turn(struct rig *g);
void rig_pass(struct rig *g, uint64_t ms);

/* Turn and exchange bytes with up to `n` peers until nothing moves any more. */
void rig_settle(struct rig *g, struct peer **peers, size_t n);
void rig_run(struct rig *g, struct peer *a, struct peer *b); /* either may be NULL */

void rig_client(struct rig *g, struct peer *p);
int rig_try_client(struct rig *g, struct peer *p); /* JOIST_E_NOMEM */
bool rig_accept(struct rig *g, struct peer *p);    /* at the origin; false: nobody waits */

/* Counters are back where they were before the first connection. */
void rig_assert_idle(struct rig *g);

/* 0..n-1 */
size_t rig_below(struct rig *g, size_t n);

/* ---- peers ---- */

void peer_init(struct peer *p, int fd);
void peer_fini(struct peer *p);
void peer_send(struct peer *p, const char *bytes, size_t n);
void peer_say(struct peer *p, const char *text);
void peer_shut(struct peer *p); /* a FIN behind what is queued */
void peer_close(struct peer *p);

/* Send at most `send_max` and read at most `read_max` bytes; true if anything moved. */
bool peer_step(struct peer *p, size_t send_max, size_t read_max);
void peer_forget(struct peer *p);         /* what came so far */
void peer_drop(struct peer *p, size_t n); /* the first bytes of it */
bool peer_has(const struct peer *p, const char *text);
void peer_assert_has(const struct peer *p, const char *text);
bool peer_is_over(const struct peer *p);
