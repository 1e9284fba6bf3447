// SPDX-License-Identifier: MIT
#include "codec/ip_text.h"

#define GROUPS 8u

bool
jst_ip4_read(uint8_t out[4], struct jst_slice text)
{
    for (unsigned i = 0; i < 4; i++) {
        struct jst_slice part = jst_slice_cut(&text, '.');
        uint64_t v;

        if (part.n > 3 || (part.n > 1 && part.p[0] == '0') || !jst_slice_u64(&v, part) ||
            v > UINT8_MAX || (text.p == NULL) != (i == 3)) {
            return false;
        }
        out[i] = (uint8_t)v;
    }
    return true;
}

static int
hex_value(char c)
{
    c = jst_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
read_group(uint8_t out[2], struct jst_slice text)
{
    unsigned v = 0;

    if (text.n == 0 || text.n > 4) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        int digit = hex_value(text.p[i]);

        if (digit < 0) {
            return false;
        }
        v = v << 4 | (unsigned)digit;
    }
    out[0] = (uint8_t)(v >> 8);
    out[1] = (uint8_t)v;
    return true;
}

/* Groups with single colons between them, the last two perhaps as IPv4. Returns how many, or -1;
 * of an empty text 0. */
static int
read_groups(uint8_t *out, unsigned max, struct jst_slice text, bool ip4_ok)
{
    unsigned n = 0;

    while (text.p != NULL && text.n > 0) {
        struct jst_slice part = jst_slice_cut(&text, ':');

        if (text.p != NULL && text.n == 0) { /* a colon at the end */
            return -1;
        }
        if (ip4_ok && text.p == NULL && jst_slice_find(part, '.') >= 0) {
            return n + 2 <= max && jst_ip4_read(out + 2 * n, part) ? (int)n + 2 : -1;
        }
        if (n == max || !read_group(out + 2 * n, part)) {
            return -1;
        }
        n++;
    }
    return (int)n;
}

/* Where "::" is, or -1. */
static ptrdiff_t
find_gap(struct jst_slice text)
{
    for (size_t i = 0; i + 1 < text.n; i++) {
        if (text.p[i] == ':' && text.p[i + 1] == ':') {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

bool
jst_ip6_read(uint8_t out[16], struct jst_slice text)
{
    ptrdiff_t gap = find_gap(text);
    uint8_t tail[2 * GROUPS];
    int before;
    int after;

    if (gap < 0) {
        return read_groups(out, GROUPS, text, true) == (int)GROUPS;
    }
    memset(out, 0, 2 * GROUPS);
    before = read_groups(out, GROUPS - 1, jst_slice(text.p, (size_t)gap), false);
    text = jst_slice(text.p + gap + 2, text.n - (size_t)gap - 2);
    if (before < 0 || jst_slice_starts(text, JST_S(":"))) {
        return false;
    }
    after = read_groups(tail, GROUPS - 1 - (unsigned)before, text, true);
    if (after < 0) {
        return false;
    }
    memcpy(out + 2 * GROUPS - 2 * (size_t)after, tail, 2 * (size_t)after);
    return true;
}
