// SPDX-License-Identifier: MIT
#pragma once
/*
 * Consistent hashing: a ring of points, each target's own made of its identity and weight alone.
 *
 * Job:     what a target gains or loses is what its points take from, or leave to, their
 *          neighbours; no other key moves. A key finds its first point through an index, in
 *          constant time.
 * Owner:   an immutable pool. Threads: constant once it is made.
 */
#include "base/base.h"

struct jst_hash_ring;

/** `keys` and `weights` of `n` targets, n > 0. NULL: no memory. */
struct jst_hash_ring *jst_hash_ring_create(const char *const *keys, const uint16_t *weights,
                                           uint32_t n);
void jst_hash_ring_destroy(struct jst_hash_ring **take);

/** The first point at or behind a hash; then the next one, round and round. */
uint32_t jst_hash_ring_find(const struct jst_hash_ring *r, uint64_t hash);
uint32_t jst_hash_ring_next(const struct jst_hash_ring *r, uint32_t point);

/** Whose it is. */
uint32_t jst_hash_ring_target(const struct jst_hash_ring *r, uint32_t point);
uint32_t jst_hash_ring_points(const struct jst_hash_ring *r);
