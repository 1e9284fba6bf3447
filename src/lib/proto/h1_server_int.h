// SPDX-License-Identifier: MIT
#pragma once
/*
 * What the four files of the client's side share; nobody else includes it.
 *
 * h1_server.c    the connection: clocks, events, its end
 * h1_read.c      what comes in: stored bytes, heads, the pump
 * h1_exchange.c  one request: begin, body, refuse, done
 * h1_response.c  what goes out: the response's sink
 */
#include "proto/h1_body.h"
#include "proto/h1_server.h"

enum jst_h1_state {
    H1_HEAD,   /* waiting for, or inside, a request head */
    H1_BODY,   /* reading the request's body */
    H1_WAIT,   /* request complete, response under way */
    H1_FLUSH,  /* no more requests: close when the output has left */
    H1_LINGER, /* our direction is closed; read and drop until the peer's is */
    H1_DEAD,   /* closed; waiting for on_closed */
};

/* One request and its response. Lives in its own stream's arena. */
struct jst_h1_exchange {
    struct jst_stream s;
    struct jst_h1_server *c; /* borrowed */
    struct jst_sink response;
    struct jst_source body;
    struct jst_h1_decoder decoder;
    uint64_t body_credit;   /* bytes of request body the handler still takes */
    uint64_t discarded;     /* bytes read for nobody */
    uint64_t response_left; /* with a Content-Length: bytes still due */
    size_t
        response_debt;  /* response bytes taken from the source and not yet given back as credit */
    uint32_t hold;      /* we are inside a call to the service or handler: do not end now */
    bool keep;          /* the connection serves another request after this */
    bool expect;        /* the client waits for 100 (Continue), which was not sent yet */
    bool request_ended; /* end or abort was given to the handler, or it cancelled */
    bool discarding;    /* the handler cancelled: read the rest for nobody */
    bool body_complete; /* the request's last byte was read */
    bool end_due;       /* an upgrade request's end waits for the final head */
    bool head_sent;
    bool response_ended;
    bool chunked;
    bool no_body; /* HEAD, 204, 304: data is dropped */
    bool tunnel;
    bool until_close;
};

struct jst_h1_server {
    struct jst_conn conn; /* first: freed with it */
    struct jst_list link;
    struct jst_timer timer;
    struct jst_task pump_task;
    struct jst_server_owner *owner; /* borrowed */
    struct jst_h1_exchange *x;      /* owned; NULL between requests */
    struct jst_buf *in; /* owned; bytes read but not consumed; NULL when there are none */
    uint32_t in_off;
    uint32_t in_n;
    uint32_t in_seen;  /* scanned for the end of the head */
    uint32_t progress; /* body bytes moved since the deadline was set */
    uint32_t lingered;
    uint8_t state; /* enum jst_h1_state */
    bool draining;
    bool served;        /* a request was answered: idle time is keep-alive time */
    bool skipped_empty; /* an empty line came before the next request line (RFC 9112 2.2) */
    bool sniff_h2;      /* the first bytes may be the preface of HTTP/2 */
    bool passed_on;     /* it goes on as HTTP/2 */
    bool reset_at_end;
    bool broken; /* something of a message could not be queued: nothing may follow, reset */
    struct jst_peer peer;
};

/* ---- h1_server.c ---- */

/* Cut the connection now; `reset`: with an RST. */
void jst_h1_close(struct jst_h1_server *c, bool reset);

/* Does the connection begin with HTTP/2? True: it is passed on, or more bytes must tell; nothing is
 * to be done with `in` now. */
bool jst_h1_sniff(struct jst_h1_server *c, struct jst_slice *in);

/* Close after what is queued has left; with an RST if reset_at_end. */
void jst_h1_finish(struct jst_h1_server *c);

/* The state changed or bytes moved: choose the clock that runs now, and start it. */
void jst_h1_touch(struct jst_h1_server *c);

/* Count body bytes as progress. */
void jst_h1_progress(struct jst_h1_server *c, size_t n);

/* ---- h1_read.c ---- */

/* Do whatever can be done now. Never called from inside a sink or source. */
void jst_h1_pump(struct jst_h1_server *c);
void jst_h1_run_pump(struct jst_task *t);
void jst_h1_drop_stored(struct jst_h1_server *c);

/* ---- h1_exchange.c ---- */

/* `head` is complete: begin its request, whatever comes of it. */
void jst_h1_take_head(struct jst_h1_server *c, struct jst_slice head);

/* Too much, too strange, or too slow, before a head was complete. */
void jst_h1_refuse_head(struct jst_h1_server *c, uint16_t status, int why);

/* The client broke something: tell it if nothing was sent yet, and close. */
void jst_h1_refuse(struct jst_h1_exchange *x, uint16_t status, int why);

/* Decode what `in` holds, as far as credit goes. False: the exchange is over. */
bool jst_h1_take_body(struct jst_h1_exchange *x, struct jst_buf *buf, struct jst_slice *in);

/* The request's last byte was read. */
void jst_h1_end_request(struct jst_h1_exchange *x);

/* Nobody wants the rest of the request's body. */
void jst_h1_discard(struct jst_h1_exchange *x);

/* Both directions end now: tell the handler, count, keep nothing. */
void jst_h1_kill(struct jst_h1_exchange *x, int why);

/* End the exchange if both directions have ended and the output has mostly left. */
void jst_h1_maybe_done(struct jst_h1_exchange *x);

/* ---- h1_response.c ---- */

extern const struct jst_sink_ops jst_h1_response_ops;

void jst_h1_send_continue(struct jst_h1_exchange *x);
