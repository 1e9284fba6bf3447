// SPDX-License-Identifier: MIT
#pragma once
/*
 * Private to wire/: what may stand between a jst_conn and its socket, and what both sides share.
 *
 * Job:     conn*.c knows a layer by these calls alone; tls_conn.c is the one there is.
 * Flow:    jst_tls_accept()/jst_tls_connect() set c->layer -> shake() until it is 0 -> read(),
 *          write(), finish() -> destroy() after on_closed.
 * Threads: the connection's.
 */
#include "wire/conn.h"

/* jst_conn.flags */
enum {
    JST_CONN_READABLE = 1 << 0, /* a read may find something */
    JST_CONN_WRITABLE = 1 << 1, /* the last write was not cut short */
    JST_CONN_CONNECTING = 1 << 2,
    JST_CONN_HANGUP = 1 << 3, /* the peer's FIN has been announced: read on until it is seen */
    JST_CONN_ENDED = 1 << 4,  /* ... and it was read */
    JST_CONN_FAILED = 1 << 5, /* on_failed is due or done */
    JST_CONN_SHUT_WANTED = 1 << 6,
    JST_CONN_SHUT_DONE = 1 << 7,
    JST_CONN_CLOSED = 1 << 8,
    JST_CONN_SHAKING = 1 << 9,  /* the layer's handshake is not over: nothing but it is moved */
    JST_CONN_SOCKET = 1 << 10,  /* with a layer: the socket itself may have bytes */
    JST_CONN_NOTIFIED = 1 << 11 /* with a layer: it has said that our direction ends */
};

struct jst_layer_ops {
    /** Go on with the handshake. 0: it is over; JOIST_E_AGAIN; else why it failed. */
    int (*shake)(struct jst_conn *c);
    /** As jst_conn_read(), whatever READABLE says. */
    int (*read)(struct jst_conn *c, char *out, size_t cap);
    /** What would a read find? 1: bytes; JOIST_E_AGAIN; else the end or an error. */
    int (*peek)(struct jst_conn *c);
    /** Write from c->out until the socket is full or a batch is over; while SHAKING only what the
     *  layer itself has put there. Returns what the kernel took. */
    size_t (*write)(struct jst_conn *c);
    /** Tell the peer that our direction ends (what does not leave at once is put into c->out).
     * False: it cannot be told yet; write_task is deferred when it can. */
    bool (*finish)(struct jst_conn *c);
    void (*destroy)(struct jst_layer *layer);
};

struct jst_layer {
    const struct jst_layer_ops *ops;
};

/** All fields but the registration with the loop. */
void jst_conn_init(struct jst_conn *c, struct jst_loop *l, int fd, const struct jst_conn_events *ev,
                   unsigned flags);

/** The connect is over: it succeeded, or failed as `rc` says. */
void jst_conn_connected(struct jst_conn *c, int rc);

/* ---- race.c; while c->race != NULL ---- */

/** The connect of the connection's own socket is over. */
void jst_race_own_done(struct jst_conn *c, int rc);
/** End it: c->race is NULL then. The connection's own socket, if it has one, is left. */
void jst_race_stop(struct jst_conn *c);

/** on_failed will come; `out` is dropped. Once. */
void jst_conn_fail(struct jst_conn *c, int why);

/** write_task's work: flush, or the end. */
void jst_conn_run_write(struct jst_task *t);
