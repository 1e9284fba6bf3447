// SPDX-License-Identifier: MIT
#pragma once
/*
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"): a hash whose collisions
 * nobody finds who does not know the key. For tables whose keys peers choose freely; where a fast
 * hash with a seed is enough, jst_hash().
 *
 * Threads: pure, any.
 */
#include "base/base.h"

struct jst_siphash_key {
    uint64_t k0, k1;
};

uint64_t jst_siphash(struct jst_slice in, const struct jst_siphash_key *key);
