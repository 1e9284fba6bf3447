// SPDX-License-Identifier: MIT
#pragma once
/*
 * Who is bound to which target: a table of a pool, shared by all reactors.
 *
 * Job:     key (hash of what a client is known by) -> number of a target (jst_tstate.sticky_id).
 * Limits:  `max` entries: the least recently used goes for a new one. Each lives for a time since
 *          it was last used. The memory grows with the entries, 48 bytes or so each.
 * Owner:   struct jst_pstate: it outlives configurations.
 * Threads: any. The table is in parts, each with its lock, which is held for one look and taken
 *          with no other: a part's least recently used goes, not the table's.
 * Why:     keys are hashed with a secret of the process: clients choose what they are known by, and
 *          none can find one that falls together with another's. If two do by chance, they share a
 *          target, and nothing else.
 */
#include "base/base.h"

struct jst_sticky_table;

/** JOIST_E_NOMEM. */
int jst_sticky_table_create(struct jst_sticky_table **out, uint32_t max);
void jst_sticky_table_destroy(struct jst_sticky_table **take);

/** Another maximum: what is too much goes at once. A table that was made for 1,024 or more keeps at
 *  least an entry in each of its 16 parts. */
void jst_sticky_table_limit(struct jst_sticky_table *t, uint32_t max);

/** What a client is known by, as a key; never 0. */
uint64_t jst_sticky_table_key(const struct jst_sticky_table *t, struct jst_slice text);

/** Whom the key is bound to, or 0; it lives for `ttl_ms` from now. */
uint64_t jst_sticky_table_find(struct jst_sticky_table *t, uint64_t key, uint64_t now_ms,
                               uint64_t ttl_ms);

/** Bind, or bind to another. Without memory it is not, or another is not any more. */
void jst_sticky_table_put(struct jst_sticky_table *t, uint64_t key, uint64_t target,
                          uint64_t now_ms, uint64_t ttl_ms);

/** How many there are, those whose time is over too, until somebody finds that. */
uint32_t jst_sticky_table_count(struct jst_sticky_table *t);

/** Stands for a target: of pool, scheme, host, port and (an address of a name) address, so that it
 * is the same in every Joist, after every restart, and with other TLS, as clients carry it about.
 * `key`: of the pool, then, from `part` on, of the target. Never 0. */
uint64_t jst_sticky_id(const char *key, size_t part);
