// SPDX-License-Identifier: MIT
#pragma once
/*
 * Asking an origin: the interface between upstream/ and handlers on one side and the protocols'
 * client halves on the other. No sockets here.
 *
 * Flow:    handler fills a call -> jst_upstream_call() (upstream/) takes or opens a client ->
 *          client->ops->start() -> call->request takes the body, call->on_response gets the answer.
 * Owner:   the caller owns the call (it lives in the stream's arena) and may forget it after the
 *          response's end or abort, or after cancelling; a tunnel's after both directions' ends.
 * Threads: the reactor's.
 */
#include "base/list.h"
#include "http/stream.h"

struct jst_client;

#define JST_CALL_TRIED_MAX 10u
#define JST_TARGET_NONE    UINT32_MAX

/* How a call is counted; private to upstream/ (account.c). */
struct jst_account {
    struct jst_sink sink; /* stands before `to`, which was the call's on_response */
    struct jst_sink *to;
    struct jst_list link; /* among its reactor's, while open */
    uint64_t start_ns;
    uint32_t ticket; /* of the breaker's probe; 0: an ordinary call */
    bool open;       /* it counts as in flight */
    bool answered;   /* the head came */
    bool tunnel;     /* it was 101 */
    bool judged;
    /* after 101: it is in flight until both directions have ended */
    struct jst_source source; /* stands before `from`, which was the call's on_request */
    struct jst_source *from;
    bool request_ended;
    bool response_ended;
};

/** An upool that a call is, or was, at. */
struct jst_upool_hold {
    struct jst_upool_hold *next;
    struct jst_upool *upool; /* counted */
};

/* Whom its client is bound to; private to upstream/ (sticky.c). */
struct jst_bond {
    uint64_t key; /* in the table; 0: the client is not known */
    uint64_t id;  /* jst_tstate.sticky_id of the target; 0: nobody */
    bool looked;  /* the request was asked */
    bool renew;   /* our own cookie has to be set again */
    bool stays;   /* whoever answers this call, its client is bound as it was */
};

/** One request to an origin. */
struct jst_call {
    /* set by the caller before the start; borrowed for the call's life (a retry prints them again)
     */
    const struct jst_head *req;    /* what to send */
    struct jst_sink *on_response;  /* gets interim heads, head, data, end or abort */
    struct jst_source *on_request; /* gets resume(credit) when the client wants request body, and
                                      cancel if it wants none any more (the response goes on) */
    /* whom a PROXY header names; NULL: nobody */
    const struct jst_peer *peer;
    const struct joist_timeouts_conf *timeouts;
    struct jst_slice extra;     /* header lines printed behind req's fields, each with CRLF */
    struct jst_slice host;      /* value for Host */
    struct jst_slice path;      /* request target: path (already encoded) */
    struct jst_slice path_base; /* put before `path` */
    struct jst_slice query;     /* p NULL: none */
    struct jst_slice client_ip; /* who asks, in text: pools that hash look at it */
    struct jst_slice id;        /* the request's, for logs */
    bool upgrade;               /* ask to switch to req->upgrade_to */
    /* set by the client at start() */
    struct jst_sink request; /* data, end, abort of the request's body (abort cancels all). A call
                                without a body gets neither, but after 101: then it is a tunnel */
    struct jst_source response; /* resume(credit) for the response's body; cancel ends the call */
    struct jst_client *client;  /* private to the protocol; NULL when the call is over */
    void *stream;               /* private to the protocol */
    size_t credit;              /* private to the protocol: response bytes that may be given */
    /* facts, kept by the client: what a retry is decided by */
    bool reused;     /* went out on a connection that had served before */
    bool asked_body; /* on_request was resumed */
    bool sent_body;  /* body bytes were handed to the connection */
    bool ended;      /* the end of the request's body was given */
    bool got_bytes;  /* something of a response came */
    bool connected;
    bool unprocessed; /* the origin said that it did nothing with it (h2: GOAWAY, REFUSED_STREAM) */
    const char *detail;         /* what was wrong with the response; static, for logs; or NULL */
    struct jst_slice tls_error; /* JOIST_E_CERT, JOIST_E_TLS: in words; in the caller's arena, which
                                   `arena` is */
    struct jst_arena *arena;    /* set by the caller: the stream's */
    bool h2;                    /* it went out over HTTP/2 (set by upstream/) */
    bool out_of_time;           /* JOIST_E_TIMEOUT was the whole request's (set by upstream/) */
    uint32_t retry_after_s;     /* JOIST_E_UNAVAILABLE: when it may be better (set by upstream/); 0:
                                   not known */
    /* set by the caller: what it lets go of when the call is over (jst_upool_let_go()); NULL: it
     * has seen to it itself that its upool stays */
    struct jst_upool_hold **holds;
    /* private to upstream/ */
    struct jst_upool *upool;
    struct jst_upool_hold hold;
    struct jst_slice *target_name;         /* the caller's: says where it is tried */
    void (*forget)(struct jst_call *call); /* while it waits: how it leaves what it waits in */
    struct jst_account account;
    struct jst_guard *guard; /* arena; NULL: nothing stands between it and its caller */
    struct jst_bond bond;
    struct jst_waiter *waiter; /* while it waits for a target (queued.c); owned */
    uint64_t queue_seq;        /* where it stood when it was refused what it had waited for */
    uint64_t queue_since_ms;
    uint8_t queue_refusals;
    bool never_waits; /* for a target */
    struct jst_task task;
    struct jst_list wait_link;        /* waits for a connection */
    struct jst_chain held;            /* request body that came while it waited; owned */
    struct jst_fields *held_trailers; /* arena; NULL: none */
    uint64_t wait_until_ms;
    int why;
    uint32_t target;                    /* JST_TARGET_NONE: none yet */
    uint32_t tries;                     /* connections that were begun anew because of an address */
    uint32_t addrs_version;             /* of the addresses that the last of them was begun with */
    uint32_t tried[JST_CALL_TRIED_MAX]; /* targets that it has been at, but for the present one */
    struct jst_slice tried_name;        /* the last that it was at, and ... */
    int tried_why;                      /* ... what became of that: JOIST_E_*, and perhaps */
    uint16_t tried_status;              /* a status; or 0 */
    uint8_t tried_n;
    bool only_untried;    /* rather none than one of those again */
    uint8_t tries_before; /* the present one */
    uint8_t tries_left;
    uint8_t retries;
    uint8_t lane;
    bool held_end;
    bool host_made; /* it is the target's name, for want of one */
};

/** One connection to an origin that can take calls (h1: one at a time; h2: calls_max at once). */
struct jst_client_ops {
    /** Begin a call. Never fails here: an error comes as on_response->abort(), posted. What of the
     *  body's end is known (call->ended) goes out with it; bytes come later. */
    void (*start)(struct jst_client *c, struct jst_call *call);
    /** Close when idle now (then on_gone comes before this returns), or as soon as the current
     * calls end; takes no new ones. */
    void (*retire)(struct jst_client *c);
    /** Close now; calls under way are aborted with `why`. on_gone comes before this returns. */
    void (*cut)(struct jst_client *c, int why);
    /** Is it surely usable right now (checks the socket; costs a system call)? */
    bool (*probe)(struct jst_client *c);
};

/** What a client tells the pool that holds it. Never inside start() or open. */
struct jst_client_events {
    /** No call is under way any more and another may be started. Comes before the last response's
     *  `end`. */
    void (*on_idle)(struct jst_client *c, void *ctx);
    /** It was full (calls == calls_max) and can take another, while others are under way. */
    void (*on_room)(struct jst_client *c, void *ctx);
    /** `c` was a dial: the protocol is known now, and `now` goes on in its place; `c` must not be
     *  touched after this. */
    void (*on_opened)(struct jst_client *c, struct jst_client *now, void *ctx);
    /** It is going away (closed by the origin, an error, cancelled, retired); `why` is 0 or
     *  JOIST_E_*. The pool must not touch it after this. */
    void (*on_gone)(struct jst_client *c, void *ctx, int why);
    /** `call` has failed; its client may be gone (then on_gone came before), or goes on (h2). True:
     *  the pool has started it again, or will; false: the caller is told. */
    bool (*on_lost)(void *ctx, struct jst_call *call, int why);
    /** Of several addresses: this one could not be connected to, or was overtaken; or (`ok`) it is
     *  the one, and goes on from here. NULL: that one came to nothing after all, in its TLS
     *  handshake. May come within open; nothing is closed or begun inside of it. */
    void (*on_address)(struct jst_client *c, void *ctx, const struct jst_addr *addr, bool ok);
};

struct jst_client {
    const struct jst_client_ops *ops;
    const struct jst_client_events *ev; /* the pool's */
    void *ev_ctx;                       /* the pool's: its target */
    uint32_t calls;                     /* under way; the client counts */
    uint32_t calls_max;                 /* h1: 1; h2: what the origin allows; 0: takes no more */
    struct jst_slice error;             /* a dial's: what failed, in words; during its on_gone */
    bool dial;                          /* no protocol yet: it takes no calls, on_opened comes */
    bool h2;                            /* set by the dial */
    uint32_t calls_hint; /* set by the pool: what an earlier connection allowed, until this one's
                            origin has said its own; 0: not known */
    /* the pool's */
    bool pool_idle;
    bool pool_fresh; /* just opened for those who wait: no doubt that it lives, and its origin may
                        have said something first */
    uint8_t lane;
    uint32_t tries;         /* a dial's: how many were begun for the same callers before */
    uint32_t addrs_begun;   /* version of the addresses that it was begun with */
    uint32_t addrs_version; /* ... that its own was last seen among */
    uint64_t addr_key;      /* says which one that is; 0: not known yet */
    struct jst_list pool_link;
};

struct jst_tls_client;  /* wire/ */
struct jst_tls_session; /* wire/ */

/** What to connect to, and how to speak there; borrowed during the call. */
struct jst_client_to {
    const struct jst_addr *addrs;
    const uint8_t *order; /* of `addrs`, those that are tried, see wire/race.h */
    uint32_t addrs_n;     /* of `order`; 1.. */
    uint32_t step_ms;     /* from one to the next */
    uint32_t shake_ms;    /* with several: the TLS handshake has so long at most; 0: no limit */
    struct jst_tls_client *tls;       /* NULL: plain; the client keeps a count of its own */
    struct jst_tls_session **session; /* see jst_tls_connect(); outlives the client */
    bool h2;                          /* plain: HTTP/2 by prior knowledge. With TLS ALPN decides */
    bool dial;             /* a dial in any case: who asks wants to know of the connect */
    uint64_t connect_ms;   /* with TLS the handshake is part of it; 0: for ever */
    uint64_t keepalive_ms; /* idle for so long: it closes */
    uint8_t proxy_version; /* begin with a PROXY header, ahead of TLS, for HTTP/1.1; 0: none */
    const struct jst_peer *peer; /* ... that names this client; NULL: nobody */
};

/** Opens connections: the engine plugs proto/dial.h into upstream/. With plain HTTP/1.1, and with a
 * PROXY header, one call may be started at once; that the connect (or the TLS handshake) fails is
 * that call's error. Else it is a dial, which takes no call: on_opened or on_gone comes. Returns 0,
 * or what hindered even the attempt: JOIST_E_NOMEM, NOFILE, REFUSED, UNREACH. */
typedef int jst_client_open_f(struct jst_client **out, struct jst_local *local,
                              const struct jst_client_to *to, const struct jst_client_events *ev,
                              void *ev_ctx);
