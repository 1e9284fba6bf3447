// SPDX-License-Identifier: MIT
#pragma once
/*
 * What the files of the client's side of HTTP/2 share; nobody else includes it.
 *
 * h2_server.c           the connection: clocks, events, drain, its end
 * h2_server_clock.c     which clock runs
 * h2_server_read.c      bytes to nghttp2
 * h2_server_in.c        what its callbacks make of them
 * h2_server_flood.c     what is counted against the client
 * h2_server_stream.c    one request: begin, refuse, done
 * h2_server_body.c      its body under credit
 * h2_server_response.c  the response's sink
 * h2_server_out.c       what goes out: frames to conn->out, credit back
 *
 * Rules:   nghttp2_session_mem_recv() runs in on_readable and the posted task alone, and
 *          nghttp2_session_mem_send() in the turn's end alone, so that neither is nested. Sinks
 *          and sources only note and submit. The session dies in on_closed.
 */
#include "proto/h2_mem.h"
#include "proto/h2_server.h"
#include "proto/h2_stream_int.h"

enum jst_h2_state {
    H2_OPEN,
    H2_FLUSH,  /* nothing is read any more: close when the output has left */
    H2_LINGER, /* our direction is closed; read and drop until the peer's is */
    H2_DEAD,   /* closed; waiting for on_closed */
};

/* What is counted within a window of time (bounds.h JST_H2_FLOOD_*). */
struct jst_h2_flood {
    uint64_t since_ms;
    uint32_t resets;
    uint32_t pings;
    uint32_t settings;
    uint32_t empty;
    uint32_t windows;
    uint32_t errors;
    const char *what; /* a limit was passed: the connection ends; NULL: none */
};

struct jst_h2_server {
    struct jst_conn conn; /* first: freed with it */
    struct jst_list link;
    struct jst_timer timer;
    struct jst_task read_task;      /* go on reading, or close what broke */
    struct jst_task send_task;      /* at the turn's end: frames into conn->out */
    struct jst_server_owner *owner; /* borrowed */
    nghttp2_session *ng;            /* owned */
    struct jst_h2_mem mem;          /* owned; the session's */
    struct jst_list streams;        /* struct jst_h2_stream; owned */
    struct jst_h2_stream *recent;   /* borrowed: the last that a callback meant, or NULL */
    struct jst_buf *first;          /* owned; read before us; NULL when used */
    struct jst_buf *reading;        /* borrowed: where the bytes lie that nghttp2 is looking at */
    size_t first_n;
    size_t granted;         /* of all streams */
    size_t queued;          /* bytes in all streams' `out` */
    uint64_t idle_since_ms; /* since when there is no stream */
    uint64_t out_since_ms;  /* since when the client takes no output; FLUSH, LINGER: since then */
    uint32_t sent;          /* bytes since then */
    struct jst_h2_flood flood;
    uint32_t streams_n;
    uint32_t lingered;
    uint8_t state;   /* enum jst_h2_state */
    bool draining;   /* the first GOAWAY was queued */
    bool drained;    /* the last one was */
    bool served;     /* a request came: idle time is keep-alive time */
    bool broken;     /* out of memory inside of nghttp2: reset */
    bool terminated; /* an error's GOAWAY was queued */
    struct jst_peer peer;
};

/* ---- h2_server.c ---- */

/* Cut the connection now; `reset`: with an RST. */
void jst_h2_close(struct jst_h2_server *c, bool reset);

/* Close after what is queued has left. */
void jst_h2_finish(struct jst_h2_server *c);

/* nghttp2 ran out of memory, or the like: reset, but not from inside a sink. */
void jst_h2_break(struct jst_h2_server *c);

/* GOAWAY with an error after this; streams end. */
void jst_h2_terminate(struct jst_h2_server *c, uint32_t error);

/* GOAWAY without an error: what is under way may end. */
void jst_h2_drain(struct jst_h2_server *c);

/* The last GOAWAY of a drain, once. */
void jst_h2_drain_end(struct jst_h2_server *c);

/* ---- h2_server_clock.c ---- */

/* A stream began or ended, or the state changed: choose the clock that runs now. */
void jst_h2_touch(struct jst_h2_server *c);

/* Look at the clocks at this time at the latest. */
void jst_h2_wake(struct jst_h2_server *c, uint64_t at_ms);

/* Bytes have left. */
void jst_h2_count_sent(struct jst_h2_server *c, size_t n);

void jst_h2_on_timer(struct jst_timer *t);

/* ---- h2_server_in.c ---- */

int jst_h2_session_create(struct jst_h2_server *c);

/* NULL: not known any more. Callbacks come in rows for the same stream. */
struct jst_h2_stream *jst_h2_find_stream(struct jst_h2_server *c, int32_t id);

/* ---- h2_server_read.c ---- */

/* Do whatever can be done now. Never called from inside a sink or source. */
void jst_h2_pump(struct jst_h2_server *c);

/* ---- h2_server_flood.c ---- */

/* Count a frame that begins; c->flood.what is set when it is one too many. */
void jst_h2_flood_frame(struct jst_h2_server *c, const nghttp2_frame_hd *hd);
/* And a DATA frame that has come whole. */
void jst_h2_flood_data(struct jst_h2_server *c, const nghttp2_frame *frame);

/* Count a stream that had to be reset with this error. */
void jst_h2_flood_reset(struct jst_h2_server *c, uint32_t error);

/* Bytes have left: they pay for window updates. */
void jst_h2_flood_sent(struct jst_h2_server *c, size_t n);

/* End the connection for it. */
void jst_h2_flood_end(struct jst_h2_server *c, const char *what);

/* ---- h2_server_out.c ---- */

/* Frames at the turn's end. */
void jst_h2_want_send(struct jst_h2_server *c);
void jst_h2_run_send(struct jst_task *t);

/* Credit for the response's source, as much as stream and connection may hold. */
void jst_h2_grant(struct jst_h2_stream *x);

/* Bytes of its response have gone on, or were dropped. */
void jst_h2_settle_grant(struct jst_h2_stream *x, size_t n);

/* For nghttp2's tables. */
ssize_t jst_h2_read_data(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t max, uint32_t *flags,
                         nghttp2_data_source *source, void *user);
int jst_h2_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *header, size_t n,
                     nghttp2_data_source *source, void *user);
