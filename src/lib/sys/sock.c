// SPDX-License-Identifier: MIT
#include "sys/sock.h"

#include "base/bounds.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int
jst_errno_code(int err)
{
    switch (err) {
    case 0:
        return JOIST_OK;
    case EAGAIN:
    case EINTR:
    case EINPROGRESS:
        return JOIST_E_AGAIN;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
    case ENOTCONN:
        return JOIST_E_RESET;
    case ECONNREFUSED:
        return JOIST_E_REFUSED;
    case ENOENT: /* a Unix socket that is not there */
        return JOIST_E_NOTFOUND;
    case ETIMEDOUT:
        return JOIST_E_TIMEOUT;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return JOIST_E_UNREACH;
    case EADDRINUSE:
        return JOIST_E_INUSE;
    case EACCES:
    case EPERM:
        return JOIST_E_ACCESS;
    case EMFILE:
    case ENFILE:
        return JOIST_E_NOFILE;
    case ENOMEM:
    case ENOBUFS:
        return JOIST_E_NOMEM;
    case EINVAL:
        return JOIST_E_INVAL;
    default:
        return JOIST_E_IO;
    }
}

static void
set_option(int fd, int level, int option)
{
    int on = 1;

    (void)setsockopt(fd, level, option, &on, sizeof(on)); /* a refusal costs speed, not truth */
}

/* A file left behind by a process that is gone would make bind fail for ever. */
static void
remove_stale_socket(const struct jst_addr *at)
{
    struct stat st;
    int fd;

    if (lstat(at->u.un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        return;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    if (connect(fd, &at->u.any, at->len) != 0 && errno == ECONNREFUSED) {
        (void)unlink(at->u.un.sun_path);
    }
    close(fd);
}

int
jst_sock_listen(const struct jst_addr *at, bool shared_port)
{
    int family = at->u.any.sa_family;
    int off = 0;
    int rc;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return jst_errno_code(errno);
    }
    if (family == AF_UNIX) {
        remove_stale_socket(at);
    } else {
        set_option(fd, SOL_SOCKET, SO_REUSEADDR);
        set_option(fd, IPPROTO_TCP, TCP_NODELAY);
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE);
        if (shared_port) {
            set_option(fd, SOL_SOCKET, SO_REUSEPORT);
        }
    }
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, &at->u.any, at->len) == 0 && listen(fd, JST_LISTEN_BACKLOG) == 0) {
        return fd;
    }
    rc = jst_errno_code(errno);
    close(fd);
    return rc;
}

void
jst_sock_share_port(int fd)
{
    set_option(fd, SOL_SOCKET, SO_REUSEPORT); /* refused: the next bind will say so */
}

int
jst_sock_accept(int fd, struct jst_addr *peer)
{
    int got;

    peer->len = sizeof(peer->u);
    got = accept4(fd, &peer->u.any, &peer->len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (got >= 0) {
        return got;
    }
    /* accept(2): errors of the new connection come through here and are like a reset. */
    switch (errno) {
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EOPNOTSUPP:
    case EPERM: /* refused by a packet filter */
        return JOIST_E_RESET;
    default:
        return jst_errno_code(errno);
    }
}

int
jst_sock_connect(const struct jst_addr *to)
{
    int fd = socket(to->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc;

    if (fd < 0) {
        return jst_errno_code(errno);
    }
    if (to->u.any.sa_family != AF_UNIX) {
        set_option(fd, IPPROTO_TCP, TCP_NODELAY);
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE);
    }
    if (connect(fd, &to->u.any, to->len) == 0 || errno == EINPROGRESS) {
        return fd;
    }
    /* EAGAIN from a Unix socket: its queue is full, and nothing would tell when it is not. */
    rc = errno == EAGAIN ? JOIST_E_REFUSED : jst_errno_code(errno);
    close(fd);
    return rc;
}

int
jst_sock_error(int fd)
{
    int err = 0;
    socklen_t n = sizeof(err);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0) {
        return jst_errno_code(errno);
    }
    return jst_errno_code(err);
}

int
jst_sock_local(int fd, struct jst_addr *out)
{
    out->len = sizeof(out->u);
    return getsockname(fd, &out->u.any, &out->len) == 0 ? JOIST_OK : JOIST_E_IO;
}

void
jst_sock_set_reset(int fd)
{
    struct linger l = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}
