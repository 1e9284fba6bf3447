// SPDX-License-Identifier: MIT
#pragma once
/*
 * A client of HTTP/2 that the test plays: nghttp2's client session on a harness peer.
 *
 * Flow:    h2_open() -> h2_request() ... -> h2_run() -> h2_reply() -> h2_close().
 */
#include "harness.h"

#include <nghttp2/nghttp2.h>

#define H2_REPLIES_MAX 1200

struct h2_reply {
    int32_t id;
    unsigned status;  /* of the final head */
    unsigned interim; /* heads before it */
    unsigned last_interim;
    char head[2048]; /* "name: value\n" of the final head */
    char trailers[512];
    char *body; /* owned; NUL behind it */
    size_t body_n;
    size_t body_cap;
    size_t order; /* which data frame of all was its last one */
    bool ended;   /* END_STREAM came */
    bool closed;
    uint32_t error; /* it was closed with */
};

struct h2_body { /* of a request */
    const char *p;
    size_t n;
    size_t given;
    size_t may; /* so much may be given now */
    bool open;  /* more may come: no END_STREAM behind it */
    const nghttp2_nv *trailers;
    size_t trailers_n;
};

struct h2_peer {
    struct peer p;
    nghttp2_session *ng;
    struct h2_reply replies[H2_REPLIES_MAX];
    size_t replies_n;
    size_t data_frames;
    bool goaway;
    unsigned goaways;
    uint32_t goaway_error;
    int32_t goaway_last;
    unsigned pings; /* answered */
    bool dead;      /* nghttp2 found fault with what came */
};

#define H2_NV(n, v)                                                                                \
    {                                                                                              \
        (uint8_t *)(n), (uint8_t *)(v), sizeof(n) - 1, sizeof(v) - 1, 0                            \
    }

/* Connect to a listener of HTTP/2 alone; `manual`: windows are opened by the test. */
void h2_open(struct rig *g, struct h2_peer *h, bool manual);
int h2_try_open(struct rig *g, struct h2_peer *h, bool manual);
void h2_close(struct h2_peer *h);

/* A whole rig with such a client, which knows the server's SETTINGS; and its end: nothing is left.
 */
void h2_begin(struct rig *g, struct h2_peer *h);
void h2_end(struct rig *g, struct h2_peer *h);

/* Begin to speak on a connection that is there already. */
void h2_speak(struct h2_peer *h, bool manual);

/* Move bytes until nothing moves any more. `origin` may be NULL. */
void h2_run(struct rig *g, struct h2_peer *h, struct peer *origin);

/* Frames of ours into p.out; what came to nghttp2. */
void h2_push(struct h2_peer *h);
void h2_pull(struct h2_peer *h);

/* As an HTTP/1.1 origin: the 101 to the request of a WebSocket that is there, with more header
 * lines (each with CRLF; may be "") and what follows them at once. */
void h2_say_websocket(struct peer *origin, const char *lines, const char *first);

int32_t h2_get(struct h2_peer *h, const char *host, const char *path);
int32_t h2_request(struct h2_peer *h, const nghttp2_nv *v, size_t n, struct h2_body *body);
struct h2_reply *h2_reply(struct h2_peer *h, int32_t id);

/* A frame as it is. */
void h2_frame(struct h2_peer *h, uint8_t type, uint8_t flags, uint32_t id, const void *p, size_t n);
