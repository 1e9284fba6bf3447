// SPDX-License-Identifier: MIT
#include "base/siphash.h"

struct state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t
rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void
run_round(struct state *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static void
add_word(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    run_round(s);
    run_round(s);
    s->v0 ^= word;
}

/* Little endian, as the paper has it: the same on every machine. */
static uint64_t
load_bytes(const char *p, size_t n)
{
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++) {
        word |= (uint64_t)(unsigned char)p[i] << (8 * i);
    }
    return word;
}

uint64_t
jst_siphash(struct jst_slice in, const struct jst_siphash_key *key)
{
    struct state s = {
        .v0 = key->k0 ^ 0x736f6d6570736575u,
        .v1 = key->k1 ^ 0x646f72616e646f6du,
        .v2 = key->k0 ^ 0x6c7967656e657261u,
        .v3 = key->k1 ^ 0x7465646279746573u,
    };
    size_t whole = in.n & ~(size_t)7;

    for (size_t i = 0; i < whole; i += 8) {
        add_word(&s, load_bytes(in.p + i, 8));
    }
    add_word(&s, (uint64_t)in.n << 56 | load_bytes(in.p + whole, in.n - whole));
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) {
        run_round(&s);
    }
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
