// SPDX-License-Identifier: MIT
#pragma once
/*
 * An HTTP/2 client connection on a socket pair, and an origin that the test plays frame by frame.
 * The clock is the test's.
 *
 * Flow:    world_init() -> world_call() ... world_run() -> origin_headers(), origin_data() ...
 *          -> world_run() -> look at the calls -> world_fini(), which checks that nothing is left.
 */
#include "proto/h2_client.h"

#include <nghttp2/nghttp2.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CALLS_MAX  300
#define FRAMES_MAX 4096

/* One call, and what came of it. */
struct call {
    struct jst_call call;
    struct jst_head req;
    struct jst_field fields[16];
    struct jst_sink on_response;
    struct jst_source on_request;
    struct jst_arena arena;
    struct world *w;
    /* of the response */
    unsigned heads; /* all, interim ones too */
    uint16_t statuses[32];
    char head[4096]; /* "name: value\n" of the last head */
    uint64_t length;
    bool has_body;
    bool upgraded;
    uint64_t bytes;
    char body[256]; /* the first bytes */
    char trailers[512];
    bool ended;
    int why;   /* of abort */
    int order; /* which of the calls ended so, from 1 */
    /* of the request */
    size_t asked; /* credit given to us */
    int canceled; /* why */
    /* what to do */
    size_t auto_credit; /* give back what came */
    struct call *cancel_on_abort;
    bool start_on_end; /* ... the next call */
    bool restart;      /* on_lost says: started elsewhere */
};

/* A frame that came to the origin. */
struct frame {
    uint8_t type;
    uint8_t flags;
    int32_t id;
    uint32_t n;
    uint32_t value; /* RST_STREAM, WINDOW_UPDATE: the payload; GOAWAY: the code */
    char text[512]; /* HEADERS: "name: value\n"; DATA: the first bytes */
};

struct world {
    struct jst_loop *loop;
    struct jst_local local;
    struct jst_log log;
    char last_log[1024];
    uint64_t now_ns;
    struct jst_conn first; /* adopted from */
    struct jst_client *c;  /* NULL: gone */
    struct joist_timeouts_conf timeouts;
    struct call calls[CALLS_MAX];
    unsigned calls_n;
    /* what the pool heard */
    unsigned idle;
    unsigned room;
    unsigned gone;
    int gone_why;
    unsigned lost;
    unsigned ends;
    unsigned reads; /* of the origin, that brought something: writes of the client */
    /* the origin */
    void (*on_harness)(bool inside); /* may be NULL: around what is not the library's */
    int fd;
    bool eof;
    bool stopped; /* reads nothing */
    bool preface;
    nghttp2_hd_inflater *inflater;
    unsigned char in[1 << 17];
    size_t in_n;
    struct frame *frames;
    size_t frames_n;
    uint64_t data_bytes;
};

void world_init(struct world *w, uint64_t keepalive_ms);
/* JOIST_E_NOMEM: there is no client, but all else. */
int world_try_init(struct world *w, uint64_t keepalive_ms, void (*on_harness)(bool inside));
void world_fini(struct world *w);

/* Prepare a GET; change it, then start. */
struct call *world_call(struct world *w, const char *path);
void call_field(struct call *t, struct jst_slice name, struct jst_slice value);
void call_body(struct call *t, uint64_t length); /* a POST */
void call_websocket(struct call *t);
void call_start(struct call *t);
void call_send(struct call *t, const char *p, size_t n);
void call_end(struct call *t, const struct jst_fields *trailers);
void call_cancel(struct call *t);

/* Run the loop and read at the origin until nothing moves. */
void world_run(struct world *w);
void world_pass(struct world *w, uint64_t ms);

/* ---- the origin ---- */

void origin_send(struct world *w, const void *p, size_t n);
void origin_frame(struct world *w, unsigned type, unsigned flags, int32_t id, const void *p,
                  size_t n);
/* SETTINGS with one value (id 0: none), and the acknowledgement of the client's. */
void origin_settings(struct world *w, unsigned id, uint32_t value);
void origin_ack(struct world *w);
/* Fields as "name: value\n" lines. */
void origin_headers(struct world *w, int32_t id, const char *lines, bool end);
void origin_data(struct world *w, int32_t id, const char *p, size_t n, bool end);
void origin_u32(struct world *w, unsigned type, int32_t id, uint32_t value);
void origin_goaway(struct world *w, int32_t last, uint32_t code);
void origin_close(struct world *w);

/* The n-th frame of that kind (from 0), or NULL; `id` 0: of any stream. */
const struct frame *find_frame(const struct world *w, unsigned type, int32_t id, unsigned n);
const struct frame *get_frame(const struct world *w, unsigned type, int32_t id, unsigned n);
