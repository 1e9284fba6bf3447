// SPDX-License-Identifier: MIT
/* The layer under jst_conn: handshake, reads, the end. What it writes is in tls_out.c. */
#include "wire/tls_int.h"

#include <openssl/err.h>
#include <stdlib.h>

/* ---- the handshake ---- */

/* 0-RTT data came with the ClientHello: keep the first of it until somebody reads. */
static int
keep_early(struct jst_tls_conn *t, const char *p, size_t n)
{
    if (n > 0) {
        t->early = malloc(n);
        if (t->early == NULL) {
            return JOIST_E_NOMEM;
        }
        memcpy(t->early, p, n);
        t->early_n = (uint32_t)n;
        t->early_at = 0;
    }
    t->phase = JST_TLS_EARLY;
    return JOIST_OK;
}

/* 1: on with the handshake; 0: early data may be read; else as OpenSSL says. */
static int
shake_early(struct jst_tls_conn *t, int *rc)
{
    struct jst_buf *b = jst_buf_take(JST_BUF_PAGE);
    size_t n = 0;
    int got;

    if (b == NULL) {
        *rc = JOIST_E_NOMEM;
        return 0;
    }
    got = SSL_read_early_data(t->ssl, b->data, b->cap, &n);
    if (got == SSL_READ_EARLY_DATA_SUCCESS) {
        *rc = keep_early(t, b->data, n);
    }
    jst_buf_unref(b);
    if (got == SSL_READ_EARLY_DATA_FINISH) {
        return 1;
    }
    return got == SSL_READ_EARLY_DATA_SUCCESS ? 0 : -1;
}

/* OpenSSL keeps the key shares as long as the connection: with X25519MLKEM768 6 KiB that nobody
 * needs any more. The keys are emptied, not taken away: that it has no call for. */
static void
give_back_shares(SSL *ssl)
{
    EVP_PKEY *key = NULL;

    if (SSL_get_peer_tmp_key(ssl, &key) == 1) {
        (void)EVP_PKEY_set_type(key, EVP_PKEY_X25519);
        EVP_PKEY_free(key);
    }
    key = NULL;
    if (SSL_get_tmp_key(ssl, &key) == 1) {
        (void)EVP_PKEY_set_type(key, EVP_PKEY_X25519);
        EVP_PKEY_free(key);
    }
    ERR_clear_error();
}

static int
do_shake(struct jst_tls_conn *t, struct jst_tls_op *op)
{
    int rc = JOIST_OK;
    int got = 1;

    if (t->server != NULL && jst_tls_server_has_early(t->server) && t->phase == JST_TLS_SHAKE) {
        got = shake_early(t, &rc);
        if (got == 0) {
            return rc;
        }
        if (got == 1) {
            t->phase = JST_TLS_LATE; /* none came, or it was refused */
        }
    }
    if (got == 1) {
        got = SSL_do_handshake(t->ssl);
    }
    if (got == 1) {
        t->phase = JST_TLS_OPEN;
        give_back_shares(t->ssl);
        return JOIST_OK;
    }
    switch (SSL_get_error(t->ssl, -1)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return op->err != 0 ? op->err : JOIST_E_AGAIN;
    default:
        return jst_tls_note_failure(t, op);
    }
}

/* May a read find something without a new event? */
static void
update_readable(struct jst_conn *c, const struct jst_tls_conn *t)
{
    if ((c->flags & JST_CONN_SOCKET) != 0 || t->held_n > 0 || t->early_at < t->early_n ||
        SSL_has_pending(t->ssl) == 1 || t->read_rc != 0) {
        c->flags |= JST_CONN_READABLE;
    } else {
        c->flags &= (uint16_t)~JST_CONN_READABLE;
    }
}

static int
shake(struct jst_conn *c)
{
    struct jst_tls_conn *t = jst_tls_of(c);
    struct jst_tls_op op;
    int rc;

    if (t->broken) {
        return JOIST_E_TLS;
    }
    jst_tls_op_begin(&op, c, 0);
    ERR_clear_error();
    rc = do_shake(t, &op);
    jst_tls_op_end(&op);
    if (rc == JOIST_OK && op.err != 0) {
        rc = op.err;
    }
    if (rc == JOIST_OK) {
        rc = jst_tls_fill_info(t);
        update_readable(c, t);
    }
    t->broken = rc < 0 && rc != JOIST_E_AGAIN;
    return rc;
}

/* ---- reads ---- */

/* The client's Finished has come: what is read from now on is no replay. */
static void
end_early(struct jst_conn *c, struct jst_tls_conn *t)
{
    if (t->phase != JST_TLS_OPEN && SSL_is_init_finished(t->ssl)) {
        if ((c->flags & JST_CONN_SHUT_WANTED) != 0) {
            jst_loop_defer(c->loop, &c->write_task);
        }
        t->phase = JST_TLS_OPEN;
        t->info.early = false;
        give_back_shares(t->ssl);
    }
}

/* Why a read ended: JOIST_E_AGAIN, or what all further reads will find. */
static int
end_of_read(struct jst_tls_conn *t, const struct jst_tls_op *op, int got)
{
    switch (SSL_get_error(t->ssl, got)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        if (op->err == 0 && !op->eof) {
            return JOIST_E_AGAIN;
        }
        break;
    case SSL_ERROR_ZERO_RETURN:
        return JOIST_E_CLOSED;
    default:
        t->broken = true;
        break;
    }
    if (op->err != 0) {
        return op->err;
    }
    if (op->eof) { /* without close_notify: of an origin's response the rest may be missing */
        return t->client != NULL ? JOIST_E_RESET : JOIST_E_CLOSED;
    }
    return jst_tls_note_failure(t, op);
}

static size_t
take_early(struct jst_tls_conn *t, char *out, size_t cap)
{
    size_t n = JST_MIN(cap, t->early_n - t->early_at);

    memcpy(out, t->early + t->early_at, n);
    t->early_at += (uint32_t)n;
    if (t->early_at == t->early_n) {
        free(t->early);
        t->early = NULL;
        t->early_at = t->early_n = 0;
    }
    return n;
}

/* 1: `*n` bytes of 0-RTT data (or none, go on with the rest); else as SSL_read(). */
static int
read_early(struct jst_tls_conn *t, char *out, size_t cap, size_t *n)
{
    int got;

    if (t->early_n > 0) {
        *n = take_early(t, out, cap);
        return 1;
    }
    got = SSL_read_early_data(t->ssl, out, cap, n);
    if (got == SSL_READ_EARLY_DATA_FINISH) {
        t->phase = JST_TLS_LATE;
        return 1;
    }
    return got == SSL_READ_EARLY_DATA_SUCCESS ? 1 : 0;
}

/* Several records while there is room. Early data and the rest never come from one call. */
static size_t
read_records(struct jst_tls_conn *t, struct jst_tls_op *op, char *out, size_t cap, int *end)
{
    bool early = t->phase == JST_TLS_EARLY;
    size_t total = 0;

    while (total < cap) {
        size_t n = 0;
        int got;

        op->want = (uint32_t)JST_MAX(cap - total, JST_TLS_WIRE_MAX);
        jst_tls_forget_errors();
        if (t->phase == JST_TLS_EARLY) {
            got = read_early(t, out + total, cap - total, &n);
        } else if (early && total > 0) {
            break;
        } else {
            got = SSL_read_ex(t->ssl, out + total, cap - total, &n);
            end_early(op->c, t);
        }
        total += n;
        t->idle_records = n > 0 ? 0 : t->idle_records;
        if (got != 1 || (total < cap && jst_tls_op_is_drained(op))) {
            *end = got != 1 ? end_of_read(t, op, got) : JOIST_E_AGAIN;
            break;
        }
    }
    return total;
}

static int
layer_read(struct jst_conn *c, char *out, size_t cap)
{
    struct jst_tls_conn *t = jst_tls_of(c);
    struct jst_tls_op op;
    int end = 0;
    size_t n;

    if (t->read_rc != 0) {
        c->flags &= (uint16_t)~JST_CONN_READABLE;
        return t->read_rc;
    }
    if ((c->flags & JST_CONN_READABLE) == 0) {
        return JOIST_E_AGAIN;
    }
    jst_tls_op_begin(&op, c, cap);
    n = read_records(t, &op, out, cap, &end);
    jst_tls_op_end(&op);
    if (end != JOIST_E_AGAIN) {
        t->read_rc = (int16_t)end;
    }
    if (op.err != 0) { /* also of what had to be answered meanwhile */
        t->read_rc = (int16_t)op.err;
    }
    if (t->read_rc == JOIST_E_CLOSED) {
        c->flags |= JST_CONN_ENDED | JST_CONN_HANGUP;
    }
    if (end == JOIST_E_AGAIN && op.err == 0) {
        c->flags &= (uint16_t)~JST_CONN_READABLE;
    } else {
        update_readable(c, t);
    }
    if (n > 0) {
        return (int)n;
    }
    return t->read_rc != 0 ? t->read_rc : JOIST_E_AGAIN;
}

static int
layer_peek(struct jst_conn *c)
{
    struct jst_tls_conn *t = jst_tls_of(c);
    struct jst_tls_op op;
    int rc = 1, got;
    char byte;

    if (t->read_rc != 0) {
        return t->read_rc;
    }
    if (t->phase == JST_TLS_EARLY) {
        return t->early_n > 0 || (c->flags & JST_CONN_READABLE) != 0 ? 1 : JOIST_E_AGAIN;
    }
    c->flags |= JST_CONN_SOCKET; /* the question is what the kernel has, told or not */
    jst_tls_op_begin(&op, c, 0);
    ERR_clear_error();
    got = SSL_peek(t->ssl, &byte, 1);
    end_early(c, t);
    if (got != 1) {
        rc = end_of_read(t, &op, got);
        t->read_rc = (int16_t)(rc == JOIST_E_AGAIN ? 0 : rc);
    }
    jst_tls_op_end(&op);
    if (op.err != 0) {
        t->read_rc = (int16_t)op.err;
    }
    update_readable(c, t);
    return rc;
}

/* ---- the end ---- */

static bool
layer_finish(struct jst_conn *c)
{
    struct jst_tls_conn *t = jst_tls_of(c);
    struct jst_tls_op op;

    if (t->broken) {
        return true;
    }
    if (t->phase != JST_TLS_OPEN) { /* an answer to 0-RTT data: end_early() comes back to it */
        return false;
    }
    jst_tls_op_begin(&op, c, 0);
    ERR_clear_error();
    (void)SSL_shutdown(t->ssl); /* close_notify; the peer's own is a read's business */
    jst_tls_op_end(&op);
    if (op.err != 0) {
        jst_conn_fail(c, op.err);
    }
    return true;
}

static void
layer_destroy(struct jst_layer *layer)
{
    struct jst_tls_conn *t = JST_CONTAINER(layer, struct jst_tls_conn, layer);

    SSL_free(t->ssl);
    jst_tls_server_unref(&t->server);
    jst_tls_client_unref(&t->client);
    free(t->held);
    free(t->early);
    free(t->error);
    free(t->texts);
    free(t);
}

const struct jst_layer_ops jst_tls_layer_ops = {
    .shake = shake,
    .read = layer_read,
    .peek = layer_peek,
    .write = jst_tls_write,
    .finish = layer_finish,
    .destroy = layer_destroy,
};

/* ---- the beginning ---- */

int
jst_tls_attach(struct jst_conn *c, SSL_CTX *ctx, struct jst_tls_conn **out)
{
    struct jst_tls_conn *t = calloc(1, sizeof(*t));

    JST_ASSERT(c->layer == NULL && (c->flags & JST_CONN_CLOSED) == 0);
    if (t == NULL) {
        return JOIST_E_NOMEM;
    }
    t->layer.ops = &jst_tls_layer_ops;
    ERR_clear_error();
    t->ssl = SSL_new(ctx);
    if (t->ssl == NULL || jst_tls_attach_bio(t) < 0) {
        layer_destroy(&t->layer);
        return JOIST_E_NOMEM;
    }
    *out = t;
    return JOIST_OK;
}

void
jst_tls_begin(struct jst_conn *c, struct jst_tls_conn *t)
{
    c->layer = &t->layer;
    c->flags |= JST_CONN_SHAKING;
    t->sealed = (uint32_t)c->out.bytes; /* what was written before goes ahead, in the clear */
}

bool
jst_tls_has_read(const struct jst_conn *c)
{
    const struct jst_tls_conn *t = jst_tls_of(c);

    return t->held_n > 0 || BIO_number_read(SSL_get_rbio(t->ssl)) > 0;
}

const struct jst_tls_info *
jst_tls_info(const struct jst_conn *c)
{
    return c->layer != NULL && jst_tls_of(c)->known ? &jst_tls_of(c)->info : NULL;
}

struct jst_slice
jst_tls_error(const struct jst_conn *c)
{
    return c->layer != NULL ? jst_slice_z(jst_tls_of(c)->error) : JST_SLICE_NONE;
}
