// SPDX-License-Identifier: MIT
#include "base/rand.h"

/* xoshiro256** by Blackman and Vigna: a few cycles a number, passes the usual test suites. */

static uint64_t
rotate_left(uint64_t x, unsigned k)
{
    return (x << k) | (x >> (64 - k));
}

void
jst_rand_init(struct jst_rand *r, const uint8_t seed[32])
{
    memcpy(r->s, seed, sizeof(r->s));
    r->s[0] |= 1; /* all zeros would stay zeros */
}

uint64_t
jst_rand_next(struct jst_rand *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}
