// SPDX-License-Identifier: MIT
/*
 * Writing through TLS: the plain pieces of c->out become records, many of them leave with one call.
 * The head of c->out may be records already (t->sealed bytes) that the socket did not take.
 */
#include "wire/tls_int.h"

#include "sys/call.h"
#include "sys/sock.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

/* Returns bytes sent, 0 if the socket is full or broken (then it has failed). */
static size_t
send_sealed(struct jst_conn *c, struct jst_tls_conn *t)
{
    struct iovec iov[JST_WRITE_PIECES_MAX];
    struct msghdr msg = {.msg_iov = iov};
    size_t left = t->sealed;
    ssize_t sent;

    for (struct jst_seg *s = c->out.first; left > 0 && msg.msg_iovlen < JST_WRITE_PIECES_MAX;
         s = s->next) {
        size_t n = JST_MIN(s->n, left);

        iov[msg.msg_iovlen++] = (struct iovec){(void *)(uintptr_t)s->p, n};
        left -= n;
    }
    do {
        sent = jst_call_sendmsg(c->io.fd, &msg, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN) {
        jst_conn_fail(c, jst_errno_code(errno));
        return 0;
    }
    sent = JST_MAX(sent, 0);
    if ((size_t)sent < t->sealed - left) {
        c->flags &= (uint16_t)~JST_CONN_WRITABLE;
    }
    jst_chain_drop(&c->out, (size_t)sent);
    t->sealed -= (uint32_t)sent;
    t->answers = t->sealed > 0 ? t->answers : 0;
    return (size_t)sent;
}

/* Into the op's output. Before the client's Finished it goes by another door (RFC 8446 4.4.4 allows
 * it: the answer to 0-RTT data need not wait). */
static int
seal(struct jst_tls_conn *t, struct jst_tls_op *op, const char *p, size_t n)
{
    size_t done = 0;

    while (n > 0) {
        int ok = t->phase == JST_TLS_OPEN ? SSL_write_ex(t->ssl, p, n, &done)
                                          : SSL_write_early_data(t->ssl, p, n, &done);

        if (ok != 1) {
            t->broken = true;
            return op->err != 0 ? op->err : jst_tls_note_failure(t, op);
        }
        p += done;
        n -= done;
    }
    return JOIST_OK;
}

/* Read a piece of a file, as much as the op has room for. */
static int
seal_file(struct jst_conn *c, struct jst_tls_op *op, char *plain)
{
    struct jst_seg *s = c->out.first;
    size_t room = JST_TLS_BATCH_BYTES - op->out_n;
    size_t want = JST_MIN(s->n, JST_MAX(room, JST_TLS_RECORD_BYTES));
    ssize_t n;
    int rc;

    do {
        n = pread(s->file->fd, plain, want, s->off);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        return JOIST_E_IO; /* 0: it is shorter than when its length was promised */
    }
    rc = seal(op->t, op, plain, (size_t)n);
    if (rc == JOIST_OK) {
        jst_chain_drop(&c->out, (size_t)n);
    }
    return rc;
}

/* A big piece goes as it is; small ones are put together, so that they make one record. */
static int
seal_memory(struct jst_conn *c, struct jst_tls_op *op, char *plain)
{
    const struct jst_seg *s = c->out.first;
    size_t n = JST_MIN(s->n, JST_TLS_RECORD_BYTES);
    const char *p = s->p;
    int rc;

    if (s->n < JST_TLS_RECORD_BYTES && s->next != NULL && s->next->file == NULL) {
        n = jst_chain_peek(&c->out, plain, JST_TLS_RECORD_BYTES);
        p = plain;
    }
    rc = seal(op->t, op, p, n);
    if (rc == JOIST_OK) {
        jst_chain_drop(&c->out, n);
    }
    return rc;
}

/* Is there need of memory to put pieces together? */
static bool
needs_plain(const struct jst_chain *out)
{
    return out->first->file != NULL || out->first->next != NULL;
}

/* Seal a batch and send it. What the socket does not take is at the head of `out` then. */
static size_t
write_batch(struct jst_conn *c)
{
    struct jst_buf *plain = NULL;
    char *room = NULL; /* for what must be gathered or read first */
    struct jst_tls_op op;
    int rc = JOIST_OK;

    if (needs_plain(&c->out)) {
        plain = jst_buf_take(JST_BUF_READ);
        if (plain == NULL) {
            jst_conn_fail(c, JOIST_E_NOMEM);
            return 0;
        }
        room = plain->data;
    }
    jst_tls_op_begin(&op, c, 0);
    op.writes = true;
    jst_tls_forget_errors();
    while (rc == JOIST_OK && c->out.first != NULL && jst_tls_op_has_room(&op)) {
        rc = c->out.first->file != NULL ? seal_file(c, &op, room) : seal_memory(c, &op, room);
    }
    jst_tls_op_end(&op);
    jst_buf_unref(plain);
    rc = op.err != 0 ? op.err : rc;
    if (rc < 0) {
        jst_conn_fail(c, rc);
    }
    return op.sent;
}

size_t
jst_tls_write(struct jst_conn *c)
{
    struct jst_tls_conn *t = jst_tls_of(c);
    size_t total = 0;

    while (c->out.first != NULL && (c->flags & JST_CONN_WRITABLE) != 0 &&
           total < JST_WRITE_BATCH_BYTES) {
        if (t->sealed > 0) {
            total += send_sealed(c, t);
        } else if ((c->flags & JST_CONN_SHAKING) != 0) {
            break;
        } else if (t->broken || (c->flags & JST_CONN_NOTIFIED) != 0) {
            jst_conn_fail(c, JOIST_E_TLS);
        } else {
            total += write_batch(c);
        }
        if ((c->flags & JST_CONN_FAILED) != 0) {
            break;
        }
    }
    return total;
}
