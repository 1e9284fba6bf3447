// SPDX-License-Identifier: MIT
#include "wire/conn.h"

#include "sys/call.h"
#include "sys/sock.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    READABLE = 1 << 0, /* a read may find something */
    WRITABLE = 1 << 1, /* the last write was not cut short */
    CONNECTING = 1 << 2,
    HANGUP = 1 << 3, /* the peer's FIN has been announced: read on until it is seen */
    ENDED = 1 << 4,  /* ... and it was read */
    FAILED = 1 << 5, /* on_failed is due or done */
    SHUT_WANTED = 1 << 6,
    SHUT_DONE = 1 << 7,
    CLOSED = 1 << 8,
};

static void
fail(struct jst_conn *c, int why)
{
    if ((c->flags & (FAILED | CLOSED)) != 0) {
        return;
    }
    c->flags |= FAILED;
    c->why = (int16_t)why;
    jst_chain_clear(&c->out);
    jst_loop_post(c->loop, &c->read_task);
}

/* ---- writing ---- */

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
        c->flags &= (uint16_t)~WRITABLE;
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
        c->flags &= (uint16_t)~WRITABLE;
    } else if (sent == 0) { /* the file is shorter than when its length was promised */
        fail(c, JOIST_E_IO);
    }
    return sent;
}

static void
shutdown_now(struct jst_conn *c)
{
    c->flags |= SHUT_DONE;
    (void)shutdown(c->io.fd, SHUT_WR); /* if it fails the peer is gone, which a read will tell */
}

/* Write until the socket is full or a batch is over. */
static size_t
write_some(struct jst_conn *c)
{
    size_t total = 0;

    while (c->out.first != NULL && (c->flags & WRITABLE) && total < JST_WRITE_BATCH_BYTES) {
        ssize_t sent = c->out.first->file != NULL ? write_file(c) : write_memory(c);

        if (sent < 0 && errno == EINTR) {
            c->flags |= WRITABLE;
            continue;
        }
        if (sent <= 0) {
            if (sent < 0 && errno != EAGAIN) {
                fail(c, jst_errno_code(errno));
            }
            break;
        }
        jst_chain_drop(&c->out, (size_t)sent);
        total += (size_t)sent;
    }
    return total;
}

static void
flush(struct jst_conn *c)
{
    size_t total = c->sent_now + write_some(c);

    c->sent_now = 0;
    if ((c->flags & FAILED) != 0) {
        return; /* `out` was cleared, not sent: on_failed() tells */
    }
    if (c->out.first != NULL && (c->flags & WRITABLE)) {
        jst_loop_defer(c->loop, &c->write_task); /* the others' turn first */
    } else if (c->out.first != NULL) {
        jst_chain_compact(&c->out); /* it waits for the peer: hold no read buffers */
    } else if ((c->flags & (SHUT_WANTED | SHUT_DONE)) == SHUT_WANTED) {
        shutdown_now(c);
    }
    /* Also with 0 when the socket takes nothing: somebody's clock must run while bytes wait. */
    if ((total > 0 || c->out.first != NULL) && c->ev->on_sent != NULL) {
        c->ev->on_sent(c, total);
    }
}

static void
run_write_task(struct jst_task *t)
{
    struct jst_conn *c = JST_CONTAINER(t, struct jst_conn, write_task);

    if ((c->flags & CLOSED) != 0) {
        if (c->read_task.queued) {
            jst_task_cancel(c->loop, &c->read_task);
        }
        if (c->io.fd >= 0) { /* queued for writing when it was closed: end it in the endings */
            close(c->io.fd);
            c->io.fd = -1;
            jst_loop_end(c->loop, &c->write_task);
            return;
        }
        c->ev->on_closed(c);
        return;
    }
    if ((c->flags & (CONNECTING | FAILED)) == 0) {
        flush(c);
    }
}

void
jst_conn_write(struct jst_conn *c, struct jst_chain *move)
{
    if ((c->flags & (FAILED | CLOSED | SHUT_WANTED)) != 0) {
        jst_chain_clear(move);
        if ((c->flags & (FAILED | CLOSED)) != 0) {
            jst_chain_clear(&c->out);
        }
        return;
    }
    jst_chain_join(&c->out, move);
    if ((c->flags & (WRITABLE | CONNECTING)) != WRITABLE) {
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
    if ((c->flags & (FAILED | CLOSED | SHUT_WANTED)) != 0) {
        return;
    }
    c->flags |= SHUT_WANTED;
    if ((c->flags & CONNECTING) == 0) {
        jst_loop_defer(c->loop, &c->write_task);
    }
}

/* ---- reading ---- */

int
jst_conn_read(struct jst_conn *c, char *out, size_t cap)
{
    ssize_t n;

    JST_ASSERT_HOT(cap > 0 && cap <= INT32_MAX);
    if ((c->flags & (READABLE | CLOSED)) != READABLE) {
        return (c->flags & ENDED) ? JOIST_E_CLOSED : JOIST_E_AGAIN;
    }
    do {
        n = jst_call_recv(c->io.fd, out, cap, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        if ((size_t)n < cap && (c->flags & HANGUP) == 0) {
            c->flags &= (uint16_t)~READABLE; /* epoll(7): a short read has emptied the socket */
        }
        return (int)n;
    }
    c->flags &= (uint16_t)~READABLE;
    if (n == 0) {
        c->flags |= ENDED | HANGUP;
        return JOIST_E_CLOSED;
    }
    return jst_errno_code(errno);
}

bool
jst_conn_is_readable(const struct jst_conn *c)
{
    return (c->flags & (READABLE | CLOSED)) == READABLE;
}

bool
jst_conn_has_failed(const struct jst_conn *c)
{
    return (c->flags & FAILED) != 0;
}

bool
jst_conn_has_hangup(const struct jst_conn *c)
{
    return (c->flags & (HANGUP | ENDED)) != 0;
}

bool
jst_conn_is_at_end(const struct jst_conn *c)
{
    char byte;

    return jst_conn_has_hangup(c) && (c->flags & CLOSED) == 0 &&
           recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

bool
jst_conn_is_dead(const struct jst_conn *c)
{
    char byte;

    if ((c->flags & (FAILED | CLOSED | HANGUP | ENDED)) != 0) {
        return true;
    }
    /* Anything to read here, data or the end, means that it cannot take a new request. */
    return recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

void
jst_conn_want_read(struct jst_conn *c)
{
    if ((c->flags & CLOSED) == 0) {
        jst_loop_post(c->loop, &c->read_task);
    }
}

static void
run_read_task(struct jst_task *t)
{
    struct jst_conn *c = JST_CONTAINER(t, struct jst_conn, read_task);

    /* After a failed write there may still be a response to read. */
    if ((c->flags & (CLOSED | CONNECTING)) == 0) {
        c->ev->on_readable(c);
    }
    if ((c->flags & (FAILED | CLOSED)) == FAILED && c->why != 0) {
        int why = c->why;

        c->why = 0;
        c->ev->on_failed(c, why);
    }
}

/* ---- events ---- */

static void
finish_connect(struct jst_conn *c)
{
    int rc = jst_sock_error(c->io.fd);

    c->flags &= (uint16_t)~CONNECTING;
    if (rc < 0) {
        fail(c, rc);
        return;
    }
    c->flags |= WRITABLE;
    if (c->out.first != NULL || (c->flags & SHUT_WANTED) != 0) {
        jst_loop_defer(c->loop, &c->write_task);
    }
    if (c->ev->on_connected != NULL) {
        c->ev->on_connected(c);
    }
}

static void
on_io(struct jst_io *io, unsigned events)
{
    struct jst_conn *c = JST_CONTAINER(io, struct jst_conn, io);

    if ((c->flags & CONNECTING) != 0) {
        if ((events & JST_IO_WRITE) == 0) {
            return;
        }
        finish_connect(c);
        if ((c->flags & (CLOSED | FAILED)) != 0) {
            return;
        }
    }
    if ((events & JST_IO_WRITE) != 0 && (c->flags & WRITABLE) == 0) {
        c->flags |= WRITABLE;
        if (c->out.first != NULL) {
            jst_loop_defer(c->loop, &c->write_task);
        }
    }
    if ((events & JST_IO_HANGUP) != 0) {
        c->flags |= HANGUP;
    }
    if ((events & JST_IO_READ) != 0) {
        c->flags |= READABLE;
        c->ev->on_readable(c);
    }
    if ((events & JST_IO_ERROR) != 0) {
        fail(c, JOIST_E_RESET);
    }
}

/* ---- life ---- */

static int
start(struct jst_conn *c, struct jst_loop *l, int fd, const struct jst_conn_events *ev,
      unsigned flags)
{
    *c = (struct jst_conn){
        .io = {fd, on_io},
        .loop = l,
        .ev = ev,
        .write_task = {.run = run_write_task},
        .read_task = {.run = run_read_task},
        .flags = (uint16_t)flags,
    };
    return jst_io_add(l, &c->io);
}

int
jst_conn_open(struct jst_conn *c, struct jst_loop *l, int fd, const struct jst_conn_events *ev)
{
    return start(c, l, fd, ev, WRITABLE);
}

int
jst_conn_connect(struct jst_conn *c, struct jst_loop *l, const struct jst_addr *to,
                 const struct jst_conn_events *ev)
{
    int fd = jst_sock_connect(to);
    int rc;

    if (fd < 0) {
        return fd;
    }
    rc = start(c, l, fd, ev, CONNECTING);
    if (rc < 0) {
        close(fd);
    }
    return rc;
}

void
jst_conn_close(struct jst_conn *c, bool reset)
{
    if ((c->flags & CLOSED) != 0) {
        return;
    }
    c->flags |= CLOSED;
    jst_chain_clear(&c->out);
    jst_io_remove(c->loop, &c->io);
    if (reset) {
        jst_sock_set_reset(c->io.fd);
    }
    if (c->read_task.queued) {
        jst_task_cancel(c->loop, &c->read_task);
    }
    if (!c->write_task.queued) {
        close(c->io.fd);
        c->io.fd = -1;
        jst_loop_end(c->loop, &c->write_task);
    }
}
