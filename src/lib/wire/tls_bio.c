// SPDX-License-Identifier: MIT
/*
 * Between OpenSSL and the socket: intake in big reads, of which OpenSSL gets whole records; output
 * collected, so that it leaves in one call.
 */
#include "wire/tls_int.h"

#include "sys/call.h"
#include "sys/sock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define OUT_CAP JST_BUF_READ

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

/* ---- intake ---- */

/* The length of the record that begins here; 0: its header is not complete. After what can be none
 * all is handed on as it comes, for OpenSSL to refuse. */
static uint32_t
record_bytes(struct jst_tls_op *op)
{
    const unsigned char *p = (const unsigned char *)op->in->data + op->in_at;
    uint32_t n = op->in_n - op->in_at;
    uint32_t body;

    if (op->t->unframed || n < JST_TLS_HEAD_BYTES) {
        return op->t->unframed ? n : 0;
    }
    body = (uint32_t)p[3] << 8 | p[4];
    if (p[0] < 20 || p[0] > 24 || p[1] != 3 || JST_TLS_HEAD_BYTES + body > JST_TLS_WIRE_MAX) {
        op->t->unframed = true;
        return n;
    }
    return JST_TLS_HEAD_BYTES + body;
}

static bool
take_intake(struct jst_tls_op *op)
{
    struct jst_tls_conn *t = op->t;

    op->in = jst_buf_take(JST_BUF_READ);
    if (op->in == NULL) {
        op->err = JOIST_E_NOMEM;
        return false;
    }
    if (t->held_n > 0) {
        memcpy(op->in->data, t->held, t->held_n);
        op->in_n = t->held_n;
        t->held_n = 0;
        free(t->held);
        t->held = NULL;
    }
    return true;
}

/* Receive once. False: nothing came. */
static bool
receive(struct jst_tls_op *op)
{
    struct jst_conn *c = op->c;
    size_t cap;
    ssize_t n;

    if ((c->flags & JST_CONN_SOCKET) == 0 || op->eof || op->err != 0) {
        return false;
    }
    if (op->in_at > 0) {
        memmove(op->in->data, op->in->data + op->in_at, op->in_n - op->in_at);
        op->in_n -= op->in_at;
        op->in_at = 0;
    }
    cap = JST_MIN(op->in->cap - op->in_n, op->want);
    do {
        n = jst_call_recv(c->io.fd, op->in->data + op->in_n, cap, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        op->in_n += (uint32_t)n;
        if ((size_t)n < cap && (c->flags & JST_CONN_HANGUP) == 0) {
            c->flags &= (uint16_t)~JST_CONN_SOCKET; /* epoll(7): a short read has emptied it */
        }
        return true;
    }
    c->flags &= (uint16_t)~JST_CONN_SOCKET;
    if (n == 0) {
        op->eof = true;
    } else if (errno != EAGAIN) {
        op->err = jst_errno_code(errno);
    }
    return false;
}

static bool
next_record(struct jst_tls_op *op)
{
    if (op->t->idle_records > JST_TLS_IDLE_RECORDS_MAX) {
        op->err = JOIST_E_LIMIT;
        return false;
    }
    if (op->in == NULL && !take_intake(op)) {
        return false;
    }
    for (;;) {
        uint32_t need = record_bytes(op);

        if (need > 0 && need <= op->in_n - op->in_at) {
            op->in_ready = need;
            if (op->t->phase == JST_TLS_OPEN) {
                op->t->idle_records++;
            }
            return true;
        }
        if (!receive(op)) {
            return false;
        }
    }
}

static int
bio_read(BIO *b, char *to, int n)
{
    struct jst_tls_conn *t = BIO_get_data(b);
    struct jst_tls_op *op = t->op;
    uint32_t k;

    BIO_clear_retry_flags(b);
    if (op == NULL || n <= 0) {
        return -1;
    }
    if (op->in_ready == 0 && !next_record(op)) {
        if (op->eof || op->err != 0) {
            return op->eof ? 0 : -1;
        }
        BIO_set_retry_read(b);
        return -1;
    }
    k = JST_MIN(op->in_ready, (uint32_t)n);
    memcpy(to, op->in->data + op->in_at, k);
    op->in_at += k;
    op->in_ready -= k;
    return (int)k;
}

/* ---- output ---- */

static void
free_sealed(struct jst_buf *b)
{
    free(b);
}

/* Put sealed bytes behind those that wait at the head of `out`, before all that is not sealed. A
 * buffer with its own free_fn: nobody prints plain text into its room. */
static int
hold_sealed(struct jst_conn *c, struct jst_tls_conn *t, const char *p, size_t n)
{
    struct jst_chain head = {0};
    struct jst_buf *b;
    int rc;

    if (!t->op->writes && ++t->answers > JST_TLS_ANSWERS_MAX) {
        return JOIST_E_LIMIT;
    }
    b = malloc(sizeof(*b) + n);
    if (b == NULL) {
        return JOIST_E_NOMEM;
    }
    *b = (struct jst_buf){
        .refs = 1, .cap = (uint32_t)n, .data = (char *)(b + 1), .free_fn = free_sealed};
    memcpy(b->data, p, n);
    rc = jst_chain_cut(&head, &c->out, t->sealed);
    if (rc == JOIST_OK) {
        rc = jst_chain_add(&head, b, b->data, n);
        jst_chain_join(&head, &c->out);
        c->out = head;
    }
    jst_buf_unref(b);
    if (rc == JOIST_OK) {
        t->sealed += (uint32_t)n;
    }
    return rc;
}

/* Send now, if the socket takes it; the rest is put behind what is sealed already. */
static void
send_out(struct jst_tls_op *op)
{
    struct jst_conn *c = op->c;
    size_t n = op->out_n;
    ssize_t sent = 0;

    op->out_n = 0;
    if (n == 0 || (c->flags & (JST_CONN_FAILED | JST_CONN_CLOSED)) != 0) {
        return;
    }
    if (op->t->sealed == 0 && (c->flags & JST_CONN_WRITABLE) != 0) {
        do {
            sent = jst_call_send(c->io.fd, op->out->data, n, MSG_NOSIGNAL);
        } while (sent < 0 && errno == EINTR);
        if (sent < 0 && errno != EAGAIN) {
            op->err = op->err == 0 ? jst_errno_code(errno) : op->err;
            return;
        }
        sent = JST_MAX(sent, 0);
        op->sent += (size_t)sent;
        if ((size_t)sent == n) {
            return;
        }
        c->flags &= (uint16_t)~JST_CONN_WRITABLE;
    }
    if (op->err == 0) {
        op->err = hold_sealed(c, op->t, op->out->data + sent, n - (size_t)sent);
    }
}

static int
bio_write(BIO *b, const char *from, int n)
{
    struct jst_tls_conn *t = BIO_get_data(b);
    struct jst_tls_op *op = t->op;
    uint32_t k;

    BIO_clear_retry_flags(b);
    if (op == NULL || n <= 0) {
        return -1;
    }
    if (op->out == NULL) {
        op->out = jst_buf_take(OUT_CAP);
        if (op->out == NULL) {
            op->err = JOIST_E_NOMEM;
            return -1;
        }
    }
    if (op->out_n == OUT_CAP) {
        send_out(op); /* a flight longer than the buffer */
        if (op->err != 0) {
            return -1;
        }
    }
    k = JST_MIN(OUT_CAP - op->out_n, (uint32_t)n);
    memcpy(op->out->data + op->out_n, from, k);
    op->out_n += k;
    return (int)k;
}

/* ---- one call ---- */

void
jst_tls_op_begin(struct jst_tls_op *op, struct jst_conn *c, size_t want)
{
    struct jst_tls_conn *t = jst_tls_of(c);

    JST_ASSERT_HOT(t->op == NULL);
    *op = (struct jst_tls_op){.c = c, .t = t, .want = (uint32_t)JST_MAX(want, JST_TLS_WIRE_MAX)};
    t->op = op;
}

void
jst_tls_op_end(struct jst_tls_op *op)
{
    struct jst_tls_conn *t = op->t;

    if (op->in != NULL && op->in_n > op->in_at) {
        uint32_t n = op->in_n - op->in_at;

        t->held = malloc(n);
        if (t->held != NULL) {
            memcpy(t->held, op->in->data + op->in_at, n);
            t->held_n = n;
        } else {
            op->err = JOIST_E_NOMEM;
        }
    }
    send_out(op);
    jst_buf_unref(op->in);
    jst_buf_unref(op->out);
    t->op = NULL;
}

/* ---- the method ---- */

static long
bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    const struct jst_tls_conn *t = BIO_get_data(b);

    (void)num;
    (void)ptr;
    switch (cmd) {
    case BIO_CTRL_FLUSH: /* the op's end does it */
        return 1;
    case BIO_CTRL_EOF:
        return t != NULL && t->op != NULL && t->op->eof;
    default:
        return 0;
    }
}

static int
bio_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

static void
init(void)
{
    BIO_METHOD *m;

    /* libjoist reads no environment and no file that it was not given; and a host program's exit
     * must not take OpenSSL away from reactors that still run. */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1) {
        return;
    }
    m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "joist");
    if (m == NULL) {
        return;
    }
    if (BIO_meth_set_read(m, bio_read) == 1 && BIO_meth_set_write(m, bio_write) == 1 &&
        BIO_meth_set_ctrl(m, bio_ctrl) == 1 && BIO_meth_set_create(m, bio_create) == 1) {
        method = m;
    } else {
        BIO_meth_free(m);
    }
}

void
jst_tls_init_once(void)
{
    (void)pthread_once(&once, init);
}

int
jst_tls_attach_bio(struct jst_tls_conn *t)
{
    BIO *b = method != NULL ? BIO_new(method) : NULL;

    if (b == NULL) {
        return JOIST_E_NOMEM;
    }
    BIO_set_data(b, t);
    SSL_set_bio(t->ssl, b, b);
    return JOIST_OK;
}

struct jst_tls_conn *
jst_tls_of_ssl(const SSL *ssl)
{
    return BIO_get_data(SSL_get_rbio(ssl));
}
