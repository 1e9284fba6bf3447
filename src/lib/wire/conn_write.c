// SPDX-License-Identifier: MIT
/* Writing of jst_conn: the turn's output in one call, files by sendfile, then the end. */
#include "wire/layer.h"

#include "sys/call.h"
#include "sys/sock.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

/* Bytes sent, 0 if the socket is full, or an error. */
static ssize_t
write_memory(struct jst_conn *c)
{
    struct iovec iov[JST_WRITE_PIECES_MAX];
    struct jst_seg *s = c->out.first;
    struct msghdr msg = {.msg_iov = iov};
    size_t bytes = 0;
    size_t n = 0;
    ssize_t sent;

    if (s->next == NULL) { /* the common case, and a cheaper call */
        sent = jst_call_send(c->io.fd, s->p, s->n, MSG_NOSIGNAL);
        bytes = s->n;
    } else {
        for (; s != NULL && s->file == NULL && n < JST_WRITE_PIECES_MAX; s = s->next, n++) {
            iov[n] = (struct iovec){.iov_base = (void *)(uintptr_t)s->p, .iov_len = s->n};
            bytes += s->n;
        }
        msg.msg_iovlen = n;
        sent = jst_call_sendmsg(c->io.fd, &msg, MSG_NOSIGNAL | (s != NULL ? MSG_MORE : 0));
    }
    if (sent < 0 || (size_t)sent < bytes) {
        c->flags &= (uint16_t)~JST_CONN_WRITABLE;
    }
    return sent;
}

static ssize_t
write_file(struct jst_conn *c)
{
    struct jst_seg *s = c->out.first;
    off_t off = s->off;
    ssize_t sent =
        jst_call_sendfile(c->io.fd, s->file->fd, &off, JST_MIN(s->n, JST_WRITE_BATCH_BYTES));

    if (sent < 0) {
        c->flags &= (uint16_t)~JST_CONN_WRITABLE;
    } else if (sent == 0) { /* the file is shorter than when its length was promised */
        jst_conn_fail(c, JOIST_E_IO);
    }
    return sent;
}

static void
shutdown_now(struct jst_conn *c)
{
    c->flags |= JST_CONN_SHUT_DONE;
    (void)shutdown(c->io.fd, SHUT_WR); /* if it fails the peer is gone, which a read will tell */
}

/* Write until the socket is full or a batch is over. */
static size_t
write_some(struct jst_conn *c)
{
    size_t total = 0;

    if (c->layer != NULL) {
        return c->layer->ops->write(c);
    }
    while (c->out.first != NULL && (c->flags & JST_CONN_WRITABLE) &&
           total < JST_WRITE_BATCH_BYTES) {
        ssize_t sent = c->out.first->file != NULL ? write_file(c) : write_memory(c);

        if (sent < 0 && errno == EINTR) {
            c->flags |= JST_CONN_WRITABLE;
            continue;
        }
        if (sent <= 0) {
            if (sent < 0 && errno != EAGAIN) {
                jst_conn_fail(c, jst_errno_code(errno));
            }
            break;
        }
        jst_chain_drop(&c->out, (size_t)sent);
        total += (size_t)sent;
    }
    return total;
}

/* Nothing is queued any more, and nothing more may come: the layer's last word, then the FIN. */
static void
end_direction(struct jst_conn *c)
{
    if (c->layer != NULL && (c->flags & JST_CONN_NOTIFIED) == 0) {
        if (!c->layer->ops->finish(c)) {
            return;
        }
        c->flags |= JST_CONN_NOTIFIED;
    }
    if (c->out.first == NULL && (c->flags & JST_CONN_FAILED) == 0) {
        shutdown_now(c);
    }
}

static void
flush(struct jst_conn *c)
{
    size_t total = c->sent_now + write_some(c);

    c->sent_now = 0;
    if ((c->flags & JST_CONN_FAILED) != 0) {
        return; /* `out` was cleared, not sent: on_failed() tells */
    }
    if (c->out.first != NULL && (c->flags & JST_CONN_WRITABLE)) {
        jst_loop_defer(c->loop, &c->write_task); /* the others' turn first */
    } else if (c->out.first != NULL) {
        jst_chain_compact(&c->out); /* it waits for the peer: hold no read buffers */
    } else if ((c->flags & (JST_CONN_SHUT_WANTED | JST_CONN_SHUT_DONE)) == JST_CONN_SHUT_WANTED) {
        end_direction(c);
    }
    /* Also with 0 when the socket takes nothing: somebody's clock must run while bytes wait. */
    if ((total > 0 || c->out.first != NULL) && c->ev->on_sent != NULL) {
        c->ev->on_sent(c, total);
    }
}

/* Frees what stands under the connection last: it is asked for facts until the end. */
static void
tell_closed(struct jst_conn *c)
{
    struct jst_layer *layer = c->layer;

    c->ev->on_closed(c);
    if (layer != NULL) {
        layer->ops->destroy(layer);
    }
}

void
jst_conn_run_write(struct jst_task *t)
{
    struct jst_conn *c = JST_CONTAINER(t, struct jst_conn, write_task);

    if ((c->flags & JST_CONN_CLOSED) != 0) {
        if (c->read_task.queued) {
            jst_task_cancel(c->loop, &c->read_task);
        }
        if (c->io.fd >= 0) { /* queued for writing when it was closed: end it in the endings */
            close(c->io.fd);
            c->io.fd = -1;
            jst_loop_end(c->loop, &c->write_task);
            return;
        }
        tell_closed(c);
        return;
    }
    if ((c->flags & (JST_CONN_CONNECTING | JST_CONN_FAILED)) != 0) {
        return;
    }
    if ((c->flags & JST_CONN_SHAKING) != 0) {
        (void)c->layer->ops->write(c);
        return;
    }
    flush(c);
}

void
jst_conn_write(struct jst_conn *c, struct jst_chain *move)
{
    if ((c->flags & (JST_CONN_FAILED | JST_CONN_CLOSED | JST_CONN_SHUT_WANTED)) != 0) {
        jst_chain_clear(move);
        if ((c->flags & (JST_CONN_FAILED | JST_CONN_CLOSED)) != 0) {
            jst_chain_clear(&c->out);
        }
        return;
    }
    jst_chain_join(&c->out, move);
    if ((c->flags & (JST_CONN_WRITABLE | JST_CONN_CONNECTING | JST_CONN_SHAKING)) !=
        JST_CONN_WRITABLE) {
        return;
    }
    if (c->out.bytes >= JST_WRITE_NOW_BYTES) {
        c->sent_now += (uint32_t)write_some(c);
    }
    jst_loop_defer(c->loop, &c->write_task);
}

void
jst_conn_shutdown(struct jst_conn *c)
{
    if ((c->flags & (JST_CONN_FAILED | JST_CONN_CLOSED | JST_CONN_SHUT_WANTED)) != 0) {
        return;
    }
    c->flags |= JST_CONN_SHUT_WANTED;
    if ((c->flags & (JST_CONN_CONNECTING | JST_CONN_SHAKING)) == 0) {
        jst_loop_defer(c->loop, &c->write_task);
    }
}
