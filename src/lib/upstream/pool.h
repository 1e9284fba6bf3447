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
    char *key; /* owned; identity: scheme, host, port; one host is one target in every pool */
    struct jst_slice name;   /* in key: as logs show it */
    struct jst_slice host;   /* in key: what is resolved; empty with a Unix socket */
    struct jst_addrs *addrs; /* owned; atomic; NULL: not resolved yet */
    uint16_t port;
    uint16_t weight;
};

struct jst_pool {
    enum joist_strategy strategy;
    uint32_t idle_max;
    bool even; /* all weights are the same */
    uint32_t n;
    struct jst_target v[];
};

/** NULL: none known yet. */
static inline const struct jst_addrs *
jst_target_addrs(const struct jst_target *t)
{
    return __atomic_load_n(&t->addrs, __ATOMIC_ACQUIRE);
}
