// SPDX-License-Identifier: MIT
#pragma once
/*
 * A pool whose targets are names, with each address of a name as a target of its own.
 *
 * Job:     what balances, judges and limits targets sees addresses: each has a key of its own, its
 *          name's with "|addr=IP:port", and keeps the name for Host, SNI and verification.
 * Not:     pools of strategy `single`: there a name is one target, whose addresses are alternatives
 *          (address.c). It asks nobody for addresses and replaces no pool: engine/replace.c does.
 * Flow:    pool -> jst_pool_expand() -> a pool derived from it (jst_pool_derive()), again and again
 *          as answers change. Each address knows the target that it was made from.
 * Owner:   the caller's, as with jst_pool_derive().
 * Threads: any; jst_pool_has_moved() that of jst_names_run().
 * Limits:  JST_TARGET_ADDRS_MAX for each name.
 */
#include "upstream/pool.h"

/** As far as addresses are known; a name without any stays a target without one. Those that are as
 *  they were are the same targets. `*out` NULL: nothing is to change. JOIST_E_NOMEM. */
int jst_pool_expand(struct jst_pool **out, struct jst_pool *p, struct jst_names *names,
                    uint64_t now_ms);

/** Has one of its names got other addresses, and nobody has seen to it (on_moved of resolve.h)? */
bool jst_pool_has_moved(const struct jst_pool *p);
