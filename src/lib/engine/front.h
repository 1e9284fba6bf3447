// SPDX-License-Identifier: MIT
#pragma once
/*
 * Listeners as one configuration wants them: how they speak, with which certificates.
 *
 * Flow:    jst_fronts_create() (reads the files) -> snapshot -> accept.c, request.c.
 * Owner:   the snapshot. A connection holds what it needs of its TLS context by itself.
 * Threads: immutable after create; read by all reactors.
 */
#include "engine/check.h"
#include "sys/addr.h"

struct jst_front {
    struct jst_tls_server *tls; /* owned; NULL: plain */
    uint16_t https_port;        /* requests get a redirect there; 0: they are served */
    bool h1;
    bool h2;
    bool asks_cert;              /* of clients: X-Client-* is ours to say */
    bool needs_cert;             /* nobody is served without */
    unsigned proxy_versions;     /* of a PROXY header (proxy_protocol.h); 0: none is taken */
    struct jst_cidr *proxy_from; /* owned; who sends it */
    size_t proxy_from_n;         /* 0: everyone */
};

struct jst_fronts {
    struct jst_tls_certs *certs; /* owned; NULL: none */
    size_t n;
    struct jst_front v[];
};

/** Load certificates and keys of a configuration that was checked, in the order of its listeners.
 *  `tickets`: borrowed, outlives every connection. JOIST_E_INVAL (all that is wrong was reported),
 *  JOIST_E_NOMEM. */
int jst_fronts_create(struct jst_fronts **out, const struct joist_conf *conf,
                      struct jst_tls_tickets *tickets, struct jst_report *r);
void jst_fronts_destroy(struct jst_fronts **take);

/** The versions of the PROXY header that a connection from `a` has to begin with; 0: none. */
unsigned jst_front_proxy_versions(const struct jst_front *f, const struct jst_addr *a);
