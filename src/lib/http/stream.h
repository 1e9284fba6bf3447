// SPDX-License-Identifier: MIT
#pragma once
/*
 * One request and its response, without any protocol: sinks, sources, and the stream they meet in.
 *
 * Job:     the contract between proto/ (client's side), handlers, and proto/ (origin's side).
 * Flow:    proto fills a stream -> svc->on_request() picks a handler, which sets s->handler and
 *          s->origin -> request body: handler->data()/end() -> response: s->response->head()/
 *          data()/end().
 * Rules:   1. Data moves forward only, by calling the next sink; `data` takes the whole chain.
 *          2. The only calls backward are resume(credit) and cancel(why). resume is posted by the
 *             source: it never calls a sink before it returns. A source sends no more bytes than
 *             the credit it was given; `end` and `abort` need none.
 *          3. Exactly one of `end` and `abort` ends a direction, once. `head` comes before any
 * data; interim heads (1xx but 101) may come before the final one.
 *          4. After cancel(), or after calling abort(), neither side calls the other again in that
 *             direction. cancel is for the reader: "I want no more of this".
 *          5. A sink may be called from within its own source's start, never from within resume.
 *          6. A request with req.upgrade and no body stays open: `end` comes only after a final
 *             head that is not 101; after 101 data flows both ways, and `end` is a half-close.
 *          7. When the request cannot go on (client gone, limit, time), proto cancels `origin` and
 *             aborts `handler`, in this order; after the first the handler answers nothing more.
 * Owner:   proto owns the stream; everything in s->arena dies with it. svc->on_done() is the last
 *          call and comes when both directions have ended.
 * Threads: the reactor's.
 */
#include "base/arena.h"
#include "codec/tls_info.h"
#include "http/local.h"
#include "http/message.h"
#include "loop/loop.h"
#include "sys/addr.h"

struct jst_sink;
struct jst_source;
struct jst_stream;
struct jst_upool_hold;

struct jst_sink_ops {
    void (*head)(struct jst_sink *s, const struct jst_head *head);
    void (*data)(struct jst_sink *s, struct jst_chain *move);
    void (*end)(struct jst_sink *s, const struct jst_fields *trailers); /* trailers may be NULL */
    void (*abort)(struct jst_sink *s, int why);                         /* why: JOIST_E_* */
};

struct jst_sink {
    const struct jst_sink_ops *ops;
};

struct jst_source_ops {
    void (*resume)(struct jst_source *s, size_t credit);
    void (*cancel)(struct jst_source *s, int why);
};

struct jst_source {
    const struct jst_source_ops *ops;
};

static inline void
jst_sink_head(struct jst_sink *s, const struct jst_head *head)
{
    s->ops->head(s, head);
}

static inline void
jst_sink_data(struct jst_sink *s, struct jst_chain *move)
{
    s->ops->data(s, move);
}

static inline void
jst_sink_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    s->ops->end(s, trailers);
}

static inline void
jst_sink_abort(struct jst_sink *s, int why)
{
    s->ops->abort(s, why);
}

static inline void
jst_source_resume(struct jst_source *s, size_t credit)
{
    s->ops->resume(s, credit);
}

static inline void
jst_source_cancel(struct jst_source *s, int why)
{
    s->ops->cancel(s, why);
}

/** What stands above proto/: the engine (or a test). */
struct jst_service {
    /** A request head is complete. Must set s->handler and may set s->origin before it returns; may
     *  answer at once. The request's body comes only after s->body was resumed (a request without
     *  one ends by itself right after this call). */
    void (*on_request)(struct jst_service *svc, struct jst_stream *s);
    /** Both directions have ended: log it; s dies when this returns. */
    void (*on_done)(struct jst_service *svc, struct jst_stream *s);
};

/** What the client's connection is, for logs and forwarding headers. Lives with the connection. */
struct jst_peer {
    struct jst_addr addr; /* the TCP peer's, or whom its PROXY header names */
    uint16_t local_port;
    uint16_t listener; /* number of the listener that it came by; the service's own */
    int fd;            /* its socket: to ask for its addresses, for nothing else */
    bool uncounted;    /* its address is not known yet, nor counted; the service's own */
    bool last;         /* its listener drains: one request, or what HTTP/2 brings along with it */
    const struct jst_tls_info *tls; /* NULL: plain */
};

struct jst_stream {
    /* owned */
    struct jst_arena arena;
    struct jst_head req;
    /* wiring: `response` and `body` are set by proto; `handler` and `origin` by the service */
    struct jst_sink *response; /* the service's and handler's way to the client */
    struct jst_source *body;   /* where the request's body comes from */
    struct jst_sink *handler;  /* takes the request's data, end, abort (head is never called) */
    struct jst_source *origin; /* where the response comes from: proto resumes and cancels it; NULL
                                  if it is complete in one go (data of at most a window) */
    /* borrowed */
    struct jst_local *local; /* the reactor's tools; local->loop is the loop */
    struct jst_service *svc;
    const struct jst_peer *peer;
    void *engine;                  /* the engine's own: the generation the request began with */
    struct jst_upool_hold *upools; /* what calls for it have held; the engine lets go of them */
    const struct joist_timeouts_conf *timeouts; /* set by the service with the route */
    /* plain: kept by proto for logs */
    uint64_t start_ns;
    uint64_t body_max_bytes; /* 413 above; set by the service, 0: no limit */
    uint64_t request_bytes;
    uint64_t response_bytes;
    uint64_t upstream_ns;  /* set by the proxy handler */
    int why;               /* JOIST_E_* of what cut it, 0 if nothing did */
    uint16_t status;       /* final status sent; 0: none yet */
    uint8_t version_major; /* 1, 2: what the client speaks */
    bool early;            /* came in 0-RTT data: may be a replay (RFC 8470) */
    bool client_gone;
    bool close_after; /* the service wants no further request on this connection (drain) */
    int route;        /* number of the route, -1 none */
    struct jst_slice request_id;    /* arena */
    struct jst_slice client_ip;     /* arena; after trusted_proxies */
    struct jst_slice target_name;   /* origin's address, for logs */
    struct jst_slice response_type; /* Content-Type, arena; only if an access log wants it */
    bool wants_log;                 /* set by the service: collect response_type */
};

/** Answer from memory: head with Content-Type and length, body, end. `body` is copied. For HEAD
 *  the body is left out. `extra` (may be NULL) adds fields. Any time before another head. */
void jst_stream_respond(struct jst_stream *s, uint16_t status, struct jst_slice content_type,
                        struct jst_slice body, const struct jst_fields *extra);

/** Answer with the small page that goes with a status ("404 Not Found"), in HTML or plain text by
 *  Accept, naming the request id for 5xx. */
void jst_stream_respond_error(struct jst_stream *s, uint16_t status,
                              const struct jst_fields *extra);

/** For handlers that answer without reading: cancels s->body if there is one, and sets s->handler
 * to a sink that drops what may still come. */
void jst_stream_ignore_body(struct jst_stream *s);

/** Of the final head: what an access log will want of it, if there is one. */
void jst_stream_note_type(struct jst_stream *s, const struct jst_head *head);
