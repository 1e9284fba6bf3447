// SPDX-License-Identifier: MIT
#pragma once
/*
 * Fast random numbers for identifiers and choices; not for secrets.
 *
 * Threads: one generator belongs to one thread.
 */
#include "base/base.h"

struct jst_rand {
    uint64_t s[4];
};

/** Seed from 32 bytes (the caller asks the system for them, or fixes them in a test). */
void jst_rand_init(struct jst_rand *r, const uint8_t seed[32]);
uint64_t jst_rand_next(struct jst_rand *r);
