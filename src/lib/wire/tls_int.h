// SPDX-License-Identifier: MIT
#pragma once
/*
 * Private to wire/tls*: one connection's state, and what the files of TLS call in each other.
 *
 * Flow:    each call of the layer is one "op": a struct on the stack that owns the intake's and the
 *          output's buffers while OpenSSL runs, and puts what is left over where it belongs at its
 *          end. No callback to protocols comes inside of an op.
 * Owner:   struct jst_tls_conn belongs to its jst_conn (layer); it holds counts of contexts.
 * Threads: the connection's.
 */
#include "wire/layer.h"
#include "wire/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

/* A record on the wire: header, content, and what encryption may add (RFC 8446 5.2, RFC
 * 5246 6.2.3).
 */
#define JST_TLS_HEAD_BYTES 5u
#define JST_TLS_WIRE_MAX   (JST_TLS_HEAD_BYTES + JST_TLS_RECORD_BYTES + 2048u)
/* Sealed and sent with one call. */
#define JST_TLS_BATCH_BYTES 131072u
/* Answers that OpenSSL gave by itself and that wait for the socket: who makes us answer (KeyUpdate)
 * and reads nothing is ended. */
#define JST_TLS_ANSWERS_MAX 64u
/* Records in a row without data for us, after the handshake: tickets, a KeyUpdate now and then.
 * OpenSSL would go on reading as long as they come, and the thread's other connections wait. */
#define JST_TLS_IDLE_RECORDS_MAX 64u

enum jst_tls_phase {
    JST_TLS_SHAKE, /* the handshake, before anything may be read */
    JST_TLS_EARLY, /* 0-RTT data is read; the handshake is not over */
    JST_TLS_LATE,  /* 0-RTT data is over, the client's Finished is not here yet */
    JST_TLS_OPEN,
};

struct jst_tls_op {
    struct jst_conn *c;
    struct jst_tls_conn *t;
    struct jst_buf *in;  /* what was received; NULL: nothing yet */
    struct jst_buf *out; /* what OpenSSL wants sent */
    uint32_t in_at;
    uint32_t in_n;
    uint32_t in_ready; /* from in_at: whole records, that OpenSSL may have */
    uint32_t want;     /* how much is worth receiving */
    uint32_t out_n;
    size_t sent; /* what the kernel took */
    bool writes; /* it was our side that wanted something sent */
    bool eof;
    int err; /* of the socket or of memory */
};

struct jst_tls_conn {
    struct jst_layer layer; /* first */
    /* owned */
    SSL *ssl;
    struct jst_tls_server *server; /* counted; one of these two */
    struct jst_tls_client *client;
    char *held;  /* the beginning of a record */
    char *early; /* 0-RTT data that nobody has read yet */
    char *error; /* words, after a failure */
    char *texts; /* of info */
    /* borrowed */
    struct jst_tls_session **slot;
    struct jst_tls_op *op;           /* while one runs */
    const struct jst_tls_site *site; /* server: whose certificates were chosen */
    /* plain */
    struct jst_tls_info info;
    uint32_t held_n;
    uint32_t early_n;
    uint32_t early_at;
    uint32_t sealed;       /* bytes at the head of c->out that are records already */
    uint16_t answers;      /* of them such that nobody here asked for */
    uint16_t idle_records; /* that OpenSSL got since it last had data for us */
    int16_t read_rc;       /* what every further read finds; 0: go on */
    uint8_t phase;         /* enum jst_tls_phase */
    bool known;            /* info may be shown */
    bool unframed;         /* what came is no record */
    bool broken;           /* OpenSSL has given up: no call but SSL_free() */
};

static inline struct jst_tls_conn *
jst_tls_of(const struct jst_conn *c)
{
    return JST_CONTAINER(c->layer, struct jst_tls_conn, layer);
}

/* The connection of a callback of OpenSSL. */
struct jst_tls_conn *jst_tls_of_ssl(const SSL *ssl);

/* ---- tls_bio.c ---- */
void jst_tls_init_once(void);
int jst_tls_attach_bio(struct jst_tls_conn *t);
void jst_tls_op_begin(struct jst_tls_op *op, struct jst_conn *c, size_t want);
/* Sends what there is and keeps what is left over. */
void jst_tls_op_end(struct jst_tls_op *op);
/* What a call finds in the thread's queue it takes for its own (SSL_get_error(3)). Emptying is dear
 * and hardly ever needed. */
static inline void
jst_tls_forget_errors(void)
{
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

/* OpenSSL has taken all that was received and the kernel has no more. After a read that gave less
 * than was asked for nothing is left in OpenSSL either: the next one would find nothing. */
static inline bool
jst_tls_op_is_drained(const struct jst_tls_op *op)
{
    return op->t->phase == JST_TLS_OPEN && op->t->held_n == 0 && op->in_at == op->in_n &&
           !op->eof && op->err == 0 && (op->c->flags & JST_CONN_SOCKET) == 0;
}

/* Room for one more record? */
static inline bool
jst_tls_op_has_room(const struct jst_tls_op *op)
{
    return op->out_n < JST_TLS_BATCH_BYTES;
}

/* ---- tls_conn.c, tls_out.c ---- */
extern const struct jst_layer_ops jst_tls_layer_ops;
/* Make a connection's state; the caller fills it and begins, or frees it with the layer's
 * destroy().
 */
int jst_tls_attach(struct jst_conn *c, SSL_CTX *ctx, struct jst_tls_conn **out);
void jst_tls_begin(struct jst_conn *c, struct jst_tls_conn *t);
size_t jst_tls_write(struct jst_conn *c);

/* ---- tls_info.c ---- */
/* What was agreed on, after the handshake (or when early data may be read). JOIST_E_NOMEM. */
int jst_tls_fill_info(struct jst_tls_conn *t);
/* Why OpenSSL failed: keeps the words, returns the code. */
int jst_tls_note_failure(struct jst_tls_conn *t, const struct jst_tls_op *op);
void jst_tls_note(struct jst_tls_conn *t, const char *fmt, ...) JST_PRINTF(2, 3);

/* ---- tls_hello.c, tls_server.c, tls_client.c ---- */
bool jst_tls_server_has_early(const struct jst_tls_server *s);
/* Name, ECH, client certificate. JOIST_E_NOMEM; JOIST_E_CERT: it has expired since. */
int jst_tls_server_fill_info(struct jst_tls_conn *t);
/* For messages; static as long as the client's context. */
const char *jst_tls_client_verify_name(const struct jst_tls_client *t);
