// SPDX-License-Identifier: MIT
#pragma once
/*
 * One stream of a client's connection, and what the files of the client's side do with it; only
 * h2_server_int.h includes it.
 */
#include "proto/h2_fields.h"
#include "proto/server.h"

struct jst_h2_server;

/* One request and its response. Lives in its own stream's arena. */
struct jst_h2_stream {
    struct jst_stream s;
    struct jst_h2_server *c; /* borrowed */
    struct jst_list link;
    struct jst_sink response;
    struct jst_source body;
    struct jst_task task;       /* what a sink or source could not do itself */
    struct jst_h2_block block;  /* the head, later the trailers */
    struct jst_chain in;        /* request body without credit: at most the stream's window */
    struct jst_chain out;       /* response body that is not in frames yet */
    struct jst_fields trailers; /* of the response; arena */
    uint64_t credit;            /* bytes of request body the handler still takes */
    uint64_t response_left;     /* with a Content-Length: bytes still due */
    uint64_t since_ms;          /* since when the client has made no progress */
    uint32_t moved;             /* bytes since then */
    size_t granted;             /* credit that the response's source has, and bytes in `out` */
    uint32_t open;              /* what the client may still send */
    uint32_t discarded;         /* bytes read for nobody after the response's end */
    int32_t id;
    uint32_t hold;      /* we are inside a call to the service or handler: do not end now */
    bool begun;         /* the service has it; before, nobody but us */
    bool expect;        /* the client waits for 100 (Continue), which was not sent yet */
    bool recv_ended;    /* END_STREAM came */
    bool has_trailers;  /* of the request: in `block` */
    bool request_ended; /* end or abort was given to the handler, or it cancelled */
    bool end_due;       /* an upgrade request's end waits for the final head */
    bool head_sent;
    bool response_ended; /* end or abort came from the handler, or it was cancelled */
    bool deferred;       /* nghttp2 waits for data */
    bool no_body;        /* HEAD, 204, 304: data is dropped */
    bool bounded;        /* response_left counts */
    bool tunnel;
    bool sent_end;   /* END_STREAM is in conn->out, or nothing more will be sent */
    bool closed;     /* nghttp2 knows it no more */
    bool reset;      /* by the client */
    bool reported;   /* on_done() was called */
    bool discarding; /* answered; only the request's end is missing */
};

/* ---- h2_server_stream.c ---- */

struct jst_h2_stream *jst_h2_stream_create(struct jst_h2_server *c, int32_t id);

/* Its head is complete: begin, whatever comes of it. */
void jst_h2_stream_begin(struct jst_h2_stream *x, bool end_stream);

/* End it if both directions have ended. */
void jst_h2_stream_maybe_done(struct jst_h2_stream *x);

/* nghttp2 has closed it. */
void jst_h2_stream_closed(struct jst_h2_stream *x, uint32_t error);

/* Answer with `status` if nothing was sent yet, else reset it. */
void jst_h2_stream_refuse(struct jst_h2_stream *x, uint16_t status, int why);

/* RST_STREAM; nothing of it is sent any more. */
void jst_h2_stream_reset(struct jst_h2_stream *x, uint32_t error);

/* Both directions end now: tell the handler, count, keep nothing. */
void jst_h2_stream_kill(struct jst_h2_stream *x, int why);

/* END_STREAM is in conn->out. */
void jst_h2_stream_sent_end(struct jst_h2_stream *x);

/* Enough: the client has not ended its request in time. */
void jst_h2_stream_stop_discarding(struct jst_h2_stream *x);

/* Count bytes of its bodies as progress of the client. */
void jst_h2_stream_progress(struct jst_h2_stream *x, size_t n);

/* Is it the client that it waits for? */
bool jst_h2_stream_waits(const struct jst_h2_stream *x);

/* ---- h2_server_body.c ---- */

extern const struct jst_source_ops jst_h2_body_ops;

/* The stream's task: what a sink or source call could not do itself, because it must not call back.
 */
void jst_h2_stream_run(struct jst_task *t);

/* Hand on what credit allows, and the end behind it. */
void jst_h2_stream_deliver(struct jst_h2_stream *x);

/* `end` for the handler. */
void jst_h2_stream_end_request(struct jst_h2_stream *x);

/* What waits of the body is for nobody. */
void jst_h2_stream_drop_in(struct jst_h2_stream *x);

/* Answered before the request's end. */
void jst_h2_stream_discard(struct jst_h2_stream *x);

/* A piece of its body; it lies in c->reading. */
void jst_h2_stream_data(struct jst_h2_stream *x, const char *p, size_t n);

/* END_STREAM came. */
void jst_h2_stream_recv_end(struct jst_h2_stream *x);

/* ---- h2_server_response.c ---- */

extern const struct jst_sink_ops jst_h2_response_ops;

void jst_h2_send_continue(struct jst_h2_stream *x);
