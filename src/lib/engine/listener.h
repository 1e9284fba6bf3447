// SPDX-License-Identifier: MIT
#pragma once
/*
 * Listening sockets: bound by the engine, one for each reactor, accepted from by the reactors.
 *
 * Why:     SO_REUSEPORT sockets, made once, keep their queues when configurations change. A Unix
 *          socket cannot be shared that way: all reactors watch one.
 * Owner:   the engine, unless the embedder lent them.
 */
#include "engine/snapshot.h"

struct jst_listener {
    struct jst_slice name; /* owned, malloc */
    struct jst_addr asked; /* as configured */
    struct jst_addr addr;  /* as bound: with the port that the system chose */
    int *fds;              /* owned array; one a reactor, or the same one several times (Unix) */
    size_t fds_n;
    bool lent;   /* the descriptors are the embedder's */
    bool shared; /* one descriptor for all */
};

/** Bind. Errors are reported with the name of the process that has the port, where it can be known.
 *  JOIST_E_INUSE, ACCESS, UNREACH, NOFILE, NOMEM, INVAL. */
int jst_listener_open(struct jst_listener *l, const struct joist_listener_conf *conf,
                      size_t reactors, struct jst_report *r);
void jst_listener_close(struct jst_listener *l);
