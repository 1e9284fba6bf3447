// SPDX-License-Identifier: MIT
#include "engine/listener.h"

#include "sys/port_owner.h"
#include "sys/sock.h"

#include <stdlib.h>
#include <unistd.h>

static int
report_bind(struct jst_report *r, const struct joist_listener_conf *conf, const struct jst_addr *a,
            int code)
{
    uint16_t port = jst_addr_port(a);
    char owner[128];

    switch (code) {
    case JOIST_E_INUSE:
        if (a->u.any.sa_family != AF_UNIX && jst_port_owner(owner, sizeof(owner), port)) {
            jst_report_at(r, JOIST_LOG_ERROR, code, &conf->pos,
                          "cannot listen on '%s': port %u is in use by %s: stop it, or choose "
                          "another port",
                          conf->bind, port, owner);
        } else {
            jst_report_at(r, JOIST_LOG_ERROR, code, &conf->pos,
                          "cannot listen on '%s': it is in use by another process: stop it, or "
                          "choose another",
                          conf->bind);
        }
        break;
    case JOIST_E_ACCESS:
        jst_report_at(
            r, JOIST_LOG_ERROR, code, &conf->pos, "not allowed to listen on '%s'%s", conf->bind,
            port > 0 && port < 1024 ? ": ports below 1024 need root or CAP_NET_BIND_SERVICE" : "");
        break;
    case JOIST_E_UNREACH:
        jst_report_at(r, JOIST_LOG_ERROR, code, &conf->pos,
                      "cannot listen on '%s': this machine has no such address", conf->bind);
        break;
    default:
        jst_report_at(r, JOIST_LOG_ERROR, code, &conf->pos, "cannot listen on '%s': %s", conf->bind,
                      joist_error_text(code));
        break;
    }
    return code;
}

/* With SO_REUSEPORT from the start a second instance of ours would bind without a word and take
 * half of the connections: the first socket is bound and listens alone. */
static int
listen_alone(struct jst_addr *a)
{
    int fd = jst_sock_listen(a, false);

    if (fd == JOIST_E_UNREACH && a->u.any.sa_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr)) {
        jst_addr_any4(a, jst_addr_port(a)); /* a host without IPv6 */
        fd = jst_sock_listen(a, false);
    }
    return fd;
}

/* A socket that listens is never closed again, or who connects meanwhile would be reset. */
static int
open_all(struct jst_listener *l, size_t reactors)
{
    int fd = listen_alone(&l->addr);

    if (fd < 0) {
        return fd;
    }
    l->fds[l->fds_n++] = fd;
    if (jst_sock_local(fd, &l->addr) < 0) { /* with ":0", the port to use from now on */
        return JOIST_E_IO;
    }
    l->shared = l->addr.u.any.sa_family == AF_UNIX;
    while (!l->shared && l->fds_n < reactors) {
        jst_sock_share_port(l->fds[0]);
        fd = jst_sock_listen(&l->addr, true);
        if (fd < 0) {
            return fd;
        }
        l->fds[l->fds_n++] = fd;
    }
    return JOIST_OK;
}

int
jst_listener_open(struct jst_listener *l, const struct joist_listener_conf *conf, size_t reactors,
                  struct jst_report *r)
{
    const char *name = conf->name != NULL ? conf->name : conf->bind != NULL ? conf->bind : "lent";
    char *copy = strdup(name);
    int rc;

    *l = (struct jst_listener){.name = jst_slice_z(copy), .lent = conf->reuse_fds};
    l->fds = calloc(conf->reuse_fds ? conf->fds_n : reactors, sizeof(int));
    if (copy == NULL || l->fds == NULL) {
        return JOIST_E_NOMEM;
    }
    if (conf->reuse_fds) {
        memcpy(l->fds, conf->fds, conf->fds_n * sizeof(int));
        l->fds_n = conf->fds_n;
        l->shared = conf->fds_n < reactors;
        return jst_sock_local(l->fds[0], &l->addr);
    }
    rc = jst_addr_parse(&l->addr, jst_slice_z(conf->bind));
    JST_ASSERT(rc == JOIST_OK); /* checked before */
    l->asked = l->addr;
    rc = open_all(l, reactors);
    return rc < 0 ? report_bind(r, conf, &l->addr, rc) : JOIST_OK;
}

void
jst_listener_close(struct jst_listener *l)
{
    for (size_t i = 0; i < l->fds_n && !l->lent; i++) {
        close(l->fds[i]);
    }
    if (l->fds_n > 0 && !l->lent && l->addr.u.any.sa_family == AF_UNIX) {
        (void)unlink(l->addr.u.un.sun_path);
    }
    free(l->fds);
    free((void *)(uintptr_t)l->name.p);
    *l = (struct jst_listener){0};
}
