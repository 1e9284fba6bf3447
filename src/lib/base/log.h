// SPDX-License-Identifier: MIT
#pragma once
/*
 * Log events: named once here, written through whoever embeds us.
 *
 * Threads: a jst_log belongs to one thread (a reactor has its own; it ends in a ring).
 * Limits:  a line is at most JST_LOG_LINE_BYTES; each event at most so many lines a second as its
 *          entry says, the rest is counted and told with the next line of that event.
 */
#include "base/base.h"

#include <joist/conf.h>

#define JST_LOG_LINE_BYTES 1024

/* name, lines a second (0: no limit), what it means */
#define JST_EVENT_MAP(X)                                                                           \
    X(LISTENING, 0, "a listener is bound")                                                         \
    X(ACCEPT_FAILED, 1, "a connection could not be accepted; accepting pauses")                    \
    X(CONNS_LIMIT, 1, "a connection was refused by conns_max or conns_per_ip")                     \
    X(BAD_REQUEST, 10, "a request was refused as malformed")                                       \
    X(BAD_RESPONSE, 10, "an origin's response was refused as malformed")                           \
    X(UPSTREAM_FAILED, 10, "an exchange with an origin failed")                                    \
    X(UPSTREAM_RETRIED, 10, "a request was tried once more, mostly on another target")             \
    X(UPSTREAM_EJECTED, 10, "a target failed too often in a row and is put aside")                 \
    X(UPSTREAM_RETURNED, 10, "a target that was put aside is used again")                          \
    X(UPSTREAM_BREAKER_OPEN, 10, "a target's breaker has opened: it gets no requests")             \
    X(UPSTREAM_BREAKER_CLOSED, 10, "a target's breaker has closed again")                          \
    X(UPSTREAM_DOWN, 10, "health checks have found a target down: it gets no requests")            \
    X(UPSTREAM_UP, 10, "health checks have found a target well again")                             \
    X(UPSTREAM_CHECK_FAILED, 10, "a health check failed; the target is not down yet")              \
    X(UPSTREAM_PANIC, 10, "too few targets of an upstream are in order: all are used")             \
    X(UPSTREAM_PANIC_OVER, 10, "enough targets of an upstream are in order again")                 \
    X(UPSTREAM_ADDED, 10, "a target was added to an upstream that runs")                           \
    X(UPSTREAM_REMOVED, 10, "a target was removed from an upstream that runs")                     \
    X(UPSTREAM_DRAINING, 10, "targets were told to take nothing new")                              \
    X(UPSTREAM_READY, 10, "targets that were draining take requests again")                        \
    X(UPSTREAM_PAUSED, 10, "requests of an upstream are held")                                     \
    X(UPSTREAM_RESUMED, 10, "an upstream takes requests again")                                    \
    X(UPSTREAM_STOPPED, 10, "requests of an upstream are refused")                                 \
    X(UPSTREAM_SWITCHED, 10, "an upstream's requests go to another slot")                          \
    X(UPSTREAM_SPLIT, 10, "a share of an upstream's requests goes to a slot")                      \
    X(UPSTREAM_DEPLOYED, 10, "a slot has got other targets, which are well")                       \
    X(UPSTREAM_DEPLOY_FAILED, 10, "a deploy has changed nothing, as its targets are not well")     \
    X(UPSTREAM_RESOLVED, 10, "an origin's name resolves again")                                    \
    X(UPSTREAM_UNRESOLVED, 10, "an origin's name resolves no more; its last addresses stay")       \
    X(PROXY_FAILED, 10, "a PROXY header was missing or wrong; the connection was closed")          \
    X(TLS_FAILED, 10, "a client's TLS handshake failed")                                           \
    X(UPSTREAM_TLS_FAILED, 10, "an origin's TLS handshake failed, or its certificate")             \
    X(H2_FLOOD, 10, "an HTTP/2 connection was ended by a flood limit")                             \
    X(H2_ERROR, 10, "an HTTP/2 connection was ended by a protocol error")                          \
    X(ROOT_MISSING, 10, "the folder of a static site cannot be opened")                            \
    X(FILE_UNREADABLE, 10, "a file is there but cannot be read")                                   \
    X(FILE_CHANGED, 10, "a file shrank while it was being sent; the response was cut")             \
    X(OUT_OF_MEMORY, 1, "an allocation failed; the request was refused")                           \
    X(LOG_DROPPED, 0, "lines were lost because they came faster than they could be written")       \
    X(SWAPPED, 0, "a new configuration is current")                                                \
    X(LISTENER_DRAINING, 0, "no new connections are accepted by one listener")                     \
    X(DRAINING, 0, "no new connections are accepted")                                              \
    X(DRAINED, 0, "the drain is over")

enum jst_event {
#define X(name, rate, text) JST_EVENT_##name,
    JST_EVENT_MAP(X)
#undef X
        JST_EVENTS_
};

struct jst_log {
    enum joist_log_level level; /* lines below are not even formatted */
    void (*write)(struct jst_log *log, enum joist_log_level level, enum jst_event event,
                  struct jst_slice text);
};

const char *jst_event_name(enum jst_event event);
unsigned jst_event_rate(enum jst_event event);

/** Format and write; `log` NULL or a level below its own: nothing. */
void jst_log_write(struct jst_log *log, enum joist_log_level level, enum jst_event event,
                   const char *fmt, ...) JST_PRINTF(4, 5);

/* Arguments are evaluated only if the level is on. Text is "key=value key=value", no secrets. */
#define JST_LOG(log, LEVEL, EVENT, ...)                                                            \
    do {                                                                                           \
        if ((log) != NULL && (log)->level <= JOIST_LOG_##LEVEL) {                                  \
            jst_log_write((log), JOIST_LOG_##LEVEL, JST_EVENT_##EVENT, __VA_ARGS__);               \
        }                                                                                          \
    } while (0)
