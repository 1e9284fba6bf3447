// SPDX-License-Identifier: MIT
#include "wire/layer.h"

#include "sys/call.h"
#include "sys/sock.h"

#include <errno.h>
#include <unistd.h>

void
jst_conn_fail(struct jst_conn *c, int why)
{
    if ((c->flags & (JST_CONN_FAILED | JST_CONN_CLOSED)) != 0) {
        return;
    }
    c->flags |= JST_CONN_FAILED;
    c->why = (int16_t)why;
    c->dropped += c->out.bytes;
    jst_chain_clear(&c->out);
    jst_loop_post(c->loop, &c->read_task);
}

/* ---- reading ---- */

int
jst_conn_read(struct jst_conn *c, char *out, size_t cap)
{
    ssize_t n;

    JST_ASSERT_HOT(cap > 0 && cap <= INT32_MAX);
    if ((c->flags & JST_CONN_SHAKING) != 0) {
        return JOIST_E_AGAIN;
    }
    if (c->layer != NULL && (c->flags & JST_CONN_CLOSED) == 0) {
        return c->layer->ops->read(c, out, cap);
    }
    if ((c->flags & (JST_CONN_READABLE | JST_CONN_CLOSED)) != JST_CONN_READABLE) {
        return (c->flags & JST_CONN_ENDED) ? JOIST_E_CLOSED : JOIST_E_AGAIN;
    }
    do {
        n = jst_call_recv(c->io.fd, out, cap, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        if ((size_t)n < cap && (c->flags & JST_CONN_HANGUP) == 0) {
            c->flags &=
                (uint16_t)~JST_CONN_READABLE; /* epoll(7): a short read has emptied the socket */
        }
        return (int)n;
    }
    c->flags &= (uint16_t)~JST_CONN_READABLE;
    if (n == 0) {
        c->flags |= JST_CONN_ENDED | JST_CONN_HANGUP;
        return JOIST_E_CLOSED;
    }
    return jst_errno_code(errno);
}

int
jst_conn_peek(const struct jst_conn *c, char *out, size_t cap)
{
    ssize_t n;

    JST_ASSERT((c->flags & JST_CONN_CLOSED) == 0);
    do {
        n = jst_call_recv(c->io.fd, out, cap, MSG_PEEK);
    } while (n < 0 && errno == EINTR);
    return n > 0 ? (int)n : n == 0 ? JOIST_E_CLOSED : jst_errno_code(errno);
}

int
jst_conn_local(struct jst_addr *out, int fd)
{
    return jst_sock_local(fd, out);
}

bool
jst_conn_is_readable(const struct jst_conn *c)
{
    return (c->flags & (JST_CONN_READABLE | JST_CONN_CLOSED | JST_CONN_SHAKING)) ==
           JST_CONN_READABLE;
}

bool
jst_conn_has_failed(const struct jst_conn *c)
{
    return (c->flags & JST_CONN_FAILED) != 0;
}

bool
jst_conn_has_hangup(const struct jst_conn *c)
{
    return (c->flags & (JST_CONN_HANGUP | JST_CONN_ENDED)) != 0;
}

/* What is asked is const; the answer may have to be decrypted first. */
static int
peek_layer(const struct jst_conn *c)
{
    if ((c->flags & JST_CONN_SHAKING) != 0) {
        return JOIST_E_AGAIN;
    }
    return c->layer->ops->peek((struct jst_conn *)(uintptr_t)c);
}

bool
jst_conn_is_at_end(const struct jst_conn *c)
{
    char byte;

    if (!jst_conn_has_hangup(c) || (c->flags & JST_CONN_CLOSED) != 0) {
        return false;
    }
    if (c->layer != NULL) {
        int rc = peek_layer(c);

        return rc < 0 && rc != JOIST_E_AGAIN;
    }
    return recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

bool
jst_conn_is_dead(const struct jst_conn *c)
{
    char byte;

    if ((c->flags & (JST_CONN_FAILED | JST_CONN_CLOSED | JST_CONN_HANGUP | JST_CONN_ENDED)) != 0) {
        return true;
    }
    if (c->layer != NULL) {
        return peek_layer(c) != JOIST_E_AGAIN; /* tickets and the like are no data */
    }
    /* Anything to read here, data or the end, means that it cannot take a new request. */
    return recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

void
jst_conn_want_read(struct jst_conn *c)
{
    if ((c->flags & JST_CONN_CLOSED) == 0) {
        jst_loop_post(c->loop, &c->read_task);
    }
}

/* It can be used now: let what was queued meanwhile leave, and tell. */
static void
begin_use(struct jst_conn *c)
{
    if (c->out.first != NULL || (c->flags & JST_CONN_SHUT_WANTED) != 0) {
        jst_loop_defer(c->loop, &c->write_task);
    }
    if (c->ev->on_connected != NULL) {
        c->ev->on_connected(c);
    }
}

/* Returns whether the connection can be used now. */
static bool
go_on_shaking(struct jst_conn *c)
{
    int rc = c->layer->ops->shake(c);

    if (rc < 0) {
        if (rc != JOIST_E_AGAIN) {
            jst_conn_fail(c, rc);
        }
        return false;
    }
    c->flags &= (uint16_t)~JST_CONN_SHAKING;
    begin_use(c);
    return (c->flags & (JST_CONN_CLOSED | JST_CONN_FAILED)) == 0;
}

static void
run_read_task(struct jst_task *t)
{
    struct jst_conn *c = JST_CONTAINER(t, struct jst_conn, read_task);
    const unsigned busy =
        JST_CONN_SHAKING | JST_CONN_CONNECTING | JST_CONN_CLOSED | JST_CONN_FAILED;

    /* After a failed write there may still be a response to read; with TLS also the alert that says
     * why, and nobody has to be told first (its end without close_notify is no end). */
    if ((c->flags & (busy | JST_CONN_FAILED)) == JST_CONN_FAILED && c->layer != NULL) {
        c->flags |= JST_CONN_READABLE | JST_CONN_SOCKET;
    }
    if ((c->flags & busy) == JST_CONN_SHAKING) {
        if (go_on_shaking(c) && jst_conn_is_readable(c)) {
            c->ev->on_readable(c);
        }
    } else if ((c->flags & (JST_CONN_CLOSED | JST_CONN_CONNECTING | JST_CONN_SHAKING)) == 0) {
        c->ev->on_readable(c);
    }
    if ((c->flags & (JST_CONN_FAILED | JST_CONN_CLOSED)) == JST_CONN_FAILED && c->why != 0) {
        int why = c->why;

        c->why = 0;
        c->ev->on_failed(c, why);
    }
}

/* ---- events ---- */

void
jst_conn_connected(struct jst_conn *c, int rc)
{
    c->flags &= (uint16_t)~JST_CONN_CONNECTING;
    if (rc < 0) {
        jst_conn_fail(c, rc);
        return;
    }
    c->flags |= JST_CONN_WRITABLE;
    if ((c->flags & JST_CONN_SHAKING) == 0) {
        begin_use(c);
    } else if (c->out.first != NULL) { /* what goes ahead of TLS */
        jst_loop_defer(c->loop, &c->write_task);
    }
}

static void
finish_connect(struct jst_conn *c)
{
    int rc = jst_sock_error(c->io.fd);

    if (c->race != NULL) {
        jst_race_own_done(c, rc);
    } else {
        jst_conn_connected(c, rc);
    }
}

static void
on_io(struct jst_io *io, unsigned events)
{
    struct jst_conn *c = JST_CONTAINER(io, struct jst_conn, io);

    if ((c->flags & JST_CONN_CONNECTING) != 0) {
        if ((events & JST_IO_WRITE) == 0) {
            return;
        }
        finish_connect(c);
        if ((c->flags & (JST_CONN_CLOSED | JST_CONN_FAILED | JST_CONN_CONNECTING)) != 0) {
            return;
        }
    }
    if ((events & JST_IO_WRITE) != 0 && (c->flags & JST_CONN_WRITABLE) == 0) {
        c->flags |= JST_CONN_WRITABLE;
        if (c->out.first != NULL) {
            jst_loop_defer(c->loop, &c->write_task);
        }
    }
    if ((events & JST_IO_HANGUP) != 0) {
        c->flags |= JST_CONN_HANGUP;
    }
    if ((events & JST_IO_READ) != 0) {
        c->flags |= JST_CONN_READABLE | JST_CONN_SOCKET;
    }
    if ((c->flags & JST_CONN_SHAKING) != 0 ? go_on_shaking(c) && jst_conn_is_readable(c)
                                           : (events & JST_IO_READ) != 0) {
        c->ev->on_readable(c);
    }
    if ((events & JST_IO_ERROR) != 0) {
        jst_conn_fail(c, JOIST_E_RESET);
    }
}

/* ---- life ---- */

void
jst_conn_init(struct jst_conn *c, struct jst_loop *l, int fd, const struct jst_conn_events *ev,
              unsigned flags)
{
    *c = (struct jst_conn){
        .io = {fd, on_io},
        .loop = l,
        .ev = ev,
        .write_task = {.run = jst_conn_run_write},
        .read_task = {.run = run_read_task},
        .flags = (uint16_t)flags,
    };
}

static int
start(struct jst_conn *c, struct jst_loop *l, int fd, const struct jst_conn_events *ev,
      unsigned flags)
{
    jst_conn_init(c, l, fd, ev, flags);
    return jst_io_add(l, &c->io);
}

int
jst_conn_open(struct jst_conn *c, struct jst_loop *l, int fd, const struct jst_conn_events *ev)
{
    return start(c, l, fd, ev, JST_CONN_WRITABLE);
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
    rc = start(c, l, fd, ev, JST_CONN_CONNECTING);
    if (rc < 0) {
        close(fd);
    }
    return rc;
}

int
jst_conn_move(struct jst_conn *to, struct jst_conn *from, const struct jst_conn_events *ev)
{
    struct jst_loop *l = from->loop;
    int rc;

    JST_ASSERT((from->flags & JST_CONN_CLOSED) == 0);
    *to = *from;
    to->ev = ev;
    to->write_task = (struct jst_task){.run = jst_conn_run_write};
    to->read_task = (struct jst_task){.run = run_read_task};
    rc = jst_io_move(l, &to->io, &from->io);
    if (rc < 0) {
        return rc;
    }
    from->io.fd = -1;
    from->out = (struct jst_chain){0};
    from->layer = NULL;
    from->flags = JST_CONN_CLOSED;
    if (to->out.first != NULL || (to->flags & JST_CONN_SHUT_WANTED) != 0 || to->sent_now > 0) {
        jst_loop_defer(l, &to->write_task);
    }
    if ((to->flags & (JST_CONN_READABLE | JST_CONN_FAILED | JST_CONN_HANGUP)) != 0 ||
        from->read_task.queued) {
        jst_loop_post(l, &to->read_task);
    }
    jst_task_cancel(l, &from->read_task);
    jst_task_cancel(l, &from->write_task);
    jst_loop_end(l, &from->write_task);
    return JOIST_OK;
}

/* A clean end, if nothing is missing: what was cut must not look whole. */
static void
say_goodbye(struct jst_conn *c)
{
    const unsigned no = JST_CONN_FAILED | JST_CONN_SHAKING | JST_CONN_CONNECTING |
                        JST_CONN_NOTIFIED | JST_CONN_SHUT_DONE;

    if (c->layer != NULL && (c->flags & no) == 0 && c->out.first == NULL) {
        (void)c->layer->ops->finish(c);
    }
}

void
jst_conn_close(struct jst_conn *c, bool reset)
{
    if ((c->flags & JST_CONN_CLOSED) != 0) {
        return;
    }
    if (!reset) {
        say_goodbye(c);
    }
    c->flags |= JST_CONN_CLOSED;
    jst_chain_clear(&c->out);
    if (c->race != NULL) {
        jst_race_stop(c);
    }
    if (c->io.fd >= 0) {
        jst_io_remove(c->loop, &c->io);
        if (reset) {
            jst_sock_set_reset(c->io.fd);
        }
    }
    if (c->read_task.queued) {
        jst_task_cancel(c->loop, &c->read_task);
    }
    if (!c->write_task.queued) {
        if (c->io.fd >= 0) {
            close(c->io.fd);
        }
        c->io.fd = -1;
        jst_loop_end(c->loop, &c->write_task);
    }
}
