// SPDX-License-Identifier: MIT
#pragma once
/*
 * The immutable side of a pool: targets, weights, addresses. Inside upstream/ only.
 *
 * Owner:   counted. Threads: any may read; addresses of names change by one atomic store.
 */
#include "upstream/upstream.h"

#define JST_TARGET_ADDRS_MAX 32u /* of one name; a reactor has a bit for each */

/* Of SRV records (RFC 2782); without them all are the same. */
struct jst_addr_rank {
    uint16_t priority;
    uint16_t weight;
};

struct jst_addrs {
    uint32_t n;
    uint32_t version; /* of the name's: another one has another set */
    bool even;        /* all ranks are the same */
    struct jst_addr_rank rank[JST_TARGET_ADDRS_MAX];
    struct jst_addr v[]; /* lowest priority first */
};

/* A name, shared by all targets that have it (resolve.c). */
struct jst_name;
struct jst_names;

/** Find or add, and count it. `srv`: `host` is a service, `port` does not count. JOIST_E_NOMEM. */
int jst_name_get(struct jst_name **out, struct jst_names *names, struct jst_slice host,
                 uint16_t port, bool srv);
struct jst_name *jst_name_ref(struct jst_name *name);
void jst_name_unref(struct jst_name **take);
/** NULL: none known yet. On a reactor, valid until the next jst_upstreams_refresh(). */
const struct jst_addrs *jst_name_addrs(const struct jst_name *name);

struct jst_target {
    char *key; /* owned; identity: scheme, host, port, and all of TLS that makes a difference; the
                  same in every pool is one target */
    struct jst_addrs *addrs;       /* owned; of a literal or Unix socket */
    struct jst_name *dns;          /* counted; what has the addresses instead */
    struct jst_tls_client *tls;    /* counted; NULL: plain */
    struct jst_tls_client *tls_h1; /* counted; offers HTTP/1.1 alone; NULL: `tls` does, or plain */
    struct jst_slice name;         /* in key: as logs show it */
    struct jst_slice host;         /* in key: what is resolved; empty with a Unix socket */
    struct jst_slice tls_name;     /* in key: what the certificate is verified against; or empty */
    uint16_t port;
    uint16_t weight;
    bool h2c;              /* HTTP/2 by prior knowledge */
    bool srv;              /* host is a service: SRV records say where */
    uint8_t proxy_version; /* each connection begins with a PROXY header, for one call; 0: none */
};

struct jst_tracking; /* track.h */

struct jst_pool {
    struct jst_tracking *tracking; /* owned; NULL: nothing is counted */
    uint32_t refs;                 /* atomic */
    enum joist_strategy strategy;
    uint32_t idle_max;
    bool even; /* all weights are the same */
    uint32_t n;
    struct jst_target v[];
};

/** All but the addresses. `t` zeroed; fini also after a failure. JOIST_E_INVAL (no URL; TLS, after
 *  reporting it), JOIST_E_NOMEM. */
int jst_target_init(struct jst_target *t, const struct joist_target_conf *conf,
                    struct jst_tls_report *report);
void jst_target_fini(struct jst_target *t);

/** NULL: none known yet. */
static inline const struct jst_addrs *
jst_target_addrs(const struct jst_target *t)
{
    return t->dns == NULL ? t->addrs : jst_name_addrs(t->dns);
}
