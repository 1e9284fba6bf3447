// SPDX-License-Identifier: MIT
#pragma once
/*
 * The immutable side of a pool: targets, weights, addresses. Inside upstream/ only.
 *
 * Owner:   a snapshot. Threads: any may read; addresses appear once, by one atomic store.
 */
#include "upstream/upstream.h"

#define JST_TARGET_ADDRS_MAX 8u /* of one name: as many as are worth a try one after the other */

struct jst_addrs {
    uint32_t n;
    struct jst_addr v[];
};

struct jst_target {
    char *key; /* owned; identity: scheme, host, port, and all of TLS that makes a difference; the
                  same in every pool is one target */
    struct jst_addrs *addrs;       /* owned; atomic; NULL: not resolved yet */
    struct jst_tls_client *tls;    /* counted; NULL: plain */
    struct jst_tls_client *tls_h1; /* counted; offers HTTP/1.1 alone; NULL: `tls` does, or plain */
    struct jst_slice name;         /* in key: as logs show it */
    struct jst_slice host;         /* in key: what is resolved; empty with a Unix socket */
    struct jst_slice tls_name;     /* in key: what the certificate is verified against; or empty */
    uint16_t port;
    uint16_t weight;
    bool h2c; /* HTTP/2 by prior knowledge */
};

struct jst_tracking; /* track.h */

struct jst_pool {
    struct jst_tracking *tracking; /* owned; NULL: nothing is counted */
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
    return __atomic_load_n(&t->addrs, __ATOMIC_ACQUIRE);
}
