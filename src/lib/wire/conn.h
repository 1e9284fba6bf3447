// SPDX-License-Identifier: MIT
#pragma once
/*
 * A byte connection: reads, writes in turns' ends, closes in two phases. TCP and Unix sockets.
 *
 * Job:     move bytes between a socket and chains, remember what is not written yet.
 * Not:     it never says HTTP; what the bytes mean is proto/'s.
 * Flow:    on_readable -> jst_conn_read() ... jst_conn_write() -> (end of the turn) send/writev/
 *          sendfile -> on_sent -> ... -> jst_conn_close() -> on_closed.
 * Owner:   memory belongs to the protocol's connection, which embeds the struct as its first
 *          member; it may be freed in on_closed, not before.
 * Threads: the loop's.
 * Limits:  JST_WRITE_BATCH_BYTES a turn and connection.
 * Why:     writes wait for the turn's end so that a head and its body, or several pipelined
 *          answers, leave in one system call.
 */
#include "base/buf.h"
#include "loop/loop.h"
#include "sys/addr.h"

struct jst_conn;
struct jst_layer; /* private to wire/: what stands between a connection and its socket: TLS */
struct jst_race;  /* private to wire/: attempts at several addresses (race.h) */

struct jst_conn_events {
    /** Bytes, or the end, may be read (once per edge: read until JOIST_E_AGAIN, or remember with
     *  jst_conn_is_readable()). */
    void (*on_readable)(struct jst_conn *c);
    /** `n` bytes have left for the kernel; c->out.bytes are still waiting. May be NULL. */
    void (*on_sent)(struct jst_conn *c, size_t n);
    /** A jst_conn_connect() has succeeded, and with TLS the handshake is complete. May be NULL. */
    void (*on_connected)(struct jst_conn *c);
    /** The socket is dead (reset, failed connect, failed write): a JOIST_E_* code. Comes from the
     *  loop, once; jst_conn_close() is still due. */
    void (*on_failed)(struct jst_conn *c, int why);
    /** After jst_conn_close(): nothing will be called any more; free the memory here. */
    void (*on_closed)(struct jst_conn *c);
    /** Of a jst_conn_race() to several addresses: this one could not be connected to, or was
     *  overtaken by one that was begun later; or (`ok`) it is the one. Close nothing inside of it.
     *  May be NULL. */
    void (*on_address)(struct jst_conn *c, const struct jst_addr *addr, bool ok);
};

struct jst_conn {
    struct jst_io io;                 /* owns io.fd */
    struct jst_loop *loop;            /* borrowed */
    const struct jst_conn_events *ev; /* borrowed */
    struct jst_chain out;       /* owned: accepted by jst_conn_write(), not yet in the kernel */
    struct jst_layer *layer;    /* private to wire/: owned; NULL: plain */
    struct jst_race *race;      /* private to wire/: owned; NULL: it goes to one address */
    struct jst_task write_task; /* private to wire/: flush, then the end */
    struct jst_task read_task;  /* private to wire/: wanted reads and failures */
    uint64_t dropped;           /* bytes of `out` that a failure threw away: they never left */
    uint32_t sent_now; /* private to wire/: written ahead of the turn's end, not yet reported */
    uint16_t flags;    /* private to wire/ */
    int16_t why;       /* private to wire/ */
};

/** Take over a connected, non-blocking socket. JOIST_E_NOMEM, JOIST_E_LIMIT: then the descriptor
 *  stays the caller's. */
int jst_conn_open(struct jst_conn *c, struct jst_loop *l, int fd, const struct jst_conn_events *ev);

/** Start a connection. Writes may be queued at once. Ends in on_connected or on_failed, from the
 *  loop. Returns an error only if nothing was started: JOIST_E_NOFILE, JOIST_E_NOMEM, or the
 *  connect's own immediate error; then no callback comes and close must not be called. */
int jst_conn_connect(struct jst_conn *c, struct jst_loop *l, const struct jst_addr *to,
                     const struct jst_conn_events *ev);

/** Go on with the connection of `from` in `to`, whose memory is another owner's: socket, TLS,
 * output that waits, readiness (on_readable is posted if something may be read). `from` is closed
 * by this: its on_closed comes at the end of the turn. JOIST_E_NOMEM, JOIST_E_LIMIT: `from` stays
 * as it is. */
int jst_conn_move(struct jst_conn *to, struct jst_conn *from, const struct jst_conn_events *ev);

/** Read at most `cap` bytes. Returns the count, JOIST_E_AGAIN, JOIST_E_CLOSED at the end of the
 *  stream, or JOIST_E_RESET/JOIST_E_IO (with TLS also JOIST_E_TLS and JOIST_E_LIMIT). A read that
 * is shorter than `cap` clears readability, so no second call is spent on EAGAIN. */
int jst_conn_read(struct jst_conn *c, char *out, size_t cap);

/** Look at what the kernel holds, as it came on the wire, and leave it there. Returns as
 *  jst_conn_read(). */
int jst_conn_peek(const struct jst_conn *c, char *out, size_t cap);

/** The address that a connection's socket is bound to. JOIST_E_IO: it is none. */
int jst_conn_local(struct jst_addr *out, int fd);

/** May a read find something without a new event? */
bool jst_conn_is_readable(const struct jst_conn *c);

/** Queue; the write happens at the end of the turn (big output: at once, but on_sent still comes at
 *  the turn's end). Empties `*move`. Who prints straight into c->out calls this with an empty
 *  chain behind it. After a failure, shutdown or close the bytes are dropped. */
void jst_conn_write(struct jst_conn *c, struct jst_chain *move);

/** After what is queued: close our direction (FIN). */
void jst_conn_shutdown(struct jst_conn *c);

/** Has the peer reset, or both directions ended? Idle connections ask before they are reused. */
bool jst_conn_is_dead(const struct jst_conn *c);

/** Did a write fail? Then what waited was dropped, and on_failed comes. */
bool jst_conn_has_failed(const struct jst_conn *c);

/** Has a hangup of the peer's direction been seen by the loop (even if not read yet)? */
bool jst_conn_has_hangup(const struct jst_conn *c);

/** ... and is nothing left to read before the end? Costs a system call after a hangup. */
bool jst_conn_is_at_end(const struct jst_conn *c);

/** Begin the end: what is queued is dropped, the socket closed, on_closed comes at the end of the
 *  turn. Idempotent. `reset`: with an RST, so that the peer cannot take a cut body for a whole. */
void jst_conn_close(struct jst_conn *c, bool reset);

/** Something may have been left over by a short read: post on_readable again after this event.
 *  While a TLS handshake is under way it goes on instead. */
void jst_conn_want_read(struct jst_conn *c);
