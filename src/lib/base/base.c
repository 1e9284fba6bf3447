// SPDX-License-Identifier: MIT
#include "base/base.h"

#include <stdlib.h>

void (*jst_panic_hook)(const char *cond, const char *file, int line);

void
jst_assert_failed(const char *cond, const char *file, int line)
{
    void (*hook)(const char *, const char *, int) = jst_panic_hook;

    /* Taken out first: an assertion that fails inside the hook must not come back here. */
    jst_panic_hook = NULL;
    if (hook != NULL) {
        hook(cond, file, line);
    }
    abort();
}

bool
jst_slice_ieq(struct jst_slice a, struct jst_slice b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (a.p[i] != b.p[i] && jst_lower(a.p[i]) != jst_lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

bool
jst_slice_starts(struct jst_slice s, struct jst_slice prefix)
{
    return s.n >= prefix.n && jst_slice_eq(jst_slice(s.p, prefix.n), prefix);
}

bool
jst_slice_ends(struct jst_slice s, struct jst_slice suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0);
}

struct jst_slice
jst_slice_trim(struct jst_slice s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
        s.n--;
    }
    return s;
}

struct jst_slice
jst_slice_cut(struct jst_slice *rest, char sep)
{
    struct jst_slice all = *rest;
    const char *at = all.n > 0 ? memchr(all.p, sep, all.n) : NULL;

    if (at == NULL) {
        *rest = JST_SLICE_NONE;
        return all;
    }
    *rest = jst_slice(at + 1, (size_t)(all.p + all.n - at) - 1);
    return jst_slice(all.p, (size_t)(at - all.p));
}

ptrdiff_t
jst_slice_find(struct jst_slice s, char c)
{
    const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

    return at != NULL ? at - s.p : -1;
}

bool
jst_slice_u64(uint64_t *out, struct jst_slice s)
{
    uint64_t v = 0;

    if (s.n == 0) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

        /* 19 digits always fit. */
        if (digit > 9 || (i >= 19 && v > (UINT64_MAX - digit) / 10)) {
            return false;
        }
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

/* Multiply and fold: both halves of the product, so that every input bit reaches every output bit.
 * The two odd constants are the golden ratio's fraction and the first of splitmix64. */
static uint64_t
mix_words(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product =
        (unsigned __int128)(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xbf58476d1ce4e5b9u);

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t
load_word(const char *p, size_t n)
{
    uint64_t w = 0;

    memcpy(&w, p, n);
    return w;
}

uint64_t
jst_hash(struct jst_slice s, uint64_t seed)
{
    const char *p = s.p;
    size_t left = s.n;
    uint64_t h = seed ^ s.n;

    while (left > 16) {
        h = mix_words(h ^ load_word(p, 8), load_word(p + 8, 8));
        p += 16;
        left -= 16;
    }
    if (left >= 8) {
        /* The two words overlap unless exactly 16 are left: the length is in the seed. */
        return mix_words(h ^ load_word(p, 8), load_word(p + left - 8, 8));
    }
    if (left >= 4) {
        return mix_words(h ^ load_word(p, 4), load_word(p + left - 4, 4));
    }
    if (left > 0) {
        uint64_t w = (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[left / 2] << 8 |
                     (uint64_t)(unsigned char)p[left - 1] << 16;

        return mix_words(h ^ w, 0);
    }
    return mix_words(h, 0);
}
