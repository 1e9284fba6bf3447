// SPDX-License-Identifier: MIT
/* The end of an engine, or of one of its listeners, in good order. */
#include "engine/engine_int.h"
#include "sys/sock.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Each reactor has looked away from this socket of all of them: newcomers are to be refused, and
 * who came in between is not to wait for an answer. */
static void
close_shared(const struct jst_listener *l)
{
    struct jst_addr from;
    int fd;

    (void)shutdown(l->fds[0], SHUT_RD);
    while ((fd = jst_sock_accept(l->fds[0], &from)) >= 0) {
        close(fd);
    }
}

int
joist_engine_drain(struct joist_engine *e, uint64_t deadline_ms)
{
    enum joist_state state = joist_engine_state(e);
    int rc;

    if (state != JOIST_STATE_RUNNING && state != JOIST_STATE_DRAINING) {
        return JOIST_E_STATE;
    }
    pthread_mutex_lock(&e->control);
    if (state == JOIST_STATE_RUNNING) {
        JST_LOG(&e->log->log, INFO, DRAINING, "deadline_ms=%llu", (unsigned long long)deadline_ms);
    }
    jst_engine_set_state(e, JOIST_STATE_DRAINING);
    rc = jst_order_drain(e, deadline_ms);
    for (size_t i = 0; i < e->listeners_n && rc == JOIST_OK; i++) {
        if (e->listeners[i].shared && !e->listeners[i].lent) {
            close_shared(&e->listeners[i]);
        }
    }
    pthread_mutex_unlock(&e->control);
    return rc;
}

int
joist_listener_drain(struct joist_engine *e, size_t listener, uint64_t deadline_ms)
{
    enum joist_state state = joist_engine_state(e);
    struct jst_listener *l;
    int rc;

    if (state != JOIST_STATE_RUNNING && state != JOIST_STATE_DRAINING) {
        return JOIST_E_STATE;
    }
    if (listener >= e->listeners_n) {
        return JOIST_E_NOTFOUND;
    }
    l = &e->listeners[listener];
    pthread_mutex_lock(&e->control);
    JST_LOG(&e->log->log, INFO, LISTENER_DRAINING, "listener=%.*s deadline_ms=%llu",
            JST_PRI(l->name), (unsigned long long)deadline_ms);
    rc = jst_order_drain_listener(e, listener, deadline_ms);
    if (rc == JOIST_OK && l->shared && !l->lent) {
        close_shared(l);
    }
    pthread_mutex_unlock(&e->control);
    return rc;
}

int
joist_engine_wait(struct joist_engine *e, uint64_t timeout_ms)
{
    struct timespec until;
    int rc = 0;

    if (joist_engine_state(e) != JOIST_STATE_DRAINING) {
        return joist_engine_state(e) == JOIST_STATE_STOPPED ? JOIST_OK : JOIST_E_STATE;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(timeout_ms / 1000);
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&e->lock);
    while (e->drained < e->reactors_n && rc == 0) {
        rc = timeout_ms > 0 ? pthread_cond_timedwait(&e->changed, &e->lock, &until)
                            : pthread_cond_wait(&e->changed, &e->lock);
    }
    rc = e->drained < e->reactors_n ? JOIST_E_TIMEOUT : JOIST_OK;
    pthread_mutex_unlock(&e->lock);
    if (rc == JOIST_OK) {
        jst_engine_set_state(e, JOIST_STATE_STOPPED);
        pthread_mutex_lock(&e->control); /* the log's source has one user at a time */
        JST_LOG(&e->log->log, INFO, DRAINED, "reactors=%zu", e->reactors_n);
        pthread_mutex_unlock(&e->control);
    }
    return rc;
}
