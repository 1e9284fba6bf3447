// SPDX-License-Identifier: MIT
#include "codec/range.h"

#include "codec/h1.h"

/* ---- ranges ---- */

/* A position beyond 64 bits is beyond the end of everything: as good as the largest number. */
static bool
read_position(uint64_t *out, struct jst_slice digits)
{
    if (jst_slice_u64(out, digits)) {
        return true;
    }
    *out = UINT64_MAX;
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] < '0' || digits.p[i] > '9') {
            return false;
        }
    }
    return digits.n > 0;
}

/* "0-499", "500-", "-500". False if malformed; a range that cannot be satisfied has n 0. */
static bool
read_range(struct jst_range *out, struct jst_slice spec, uint64_t size)
{
    struct jst_slice last = spec;
    struct jst_slice first = jst_slice_cut(&last, '-');
    uint64_t from;
    uint64_t to = UINT64_MAX;

    *out = (struct jst_range){0, 0};
    if (last.p == NULL) {
        return false; /* no dash */
    }
    if (first.n == 0) {
        if (!read_position(&from, last)) {
            return false;
        }
        out->n = JST_MIN(from, size);
        out->first = size - out->n;
        return true;
    }
    if (!read_position(&from, first) || (last.n > 0 && !read_position(&to, last)) || to < from) {
        return false;
    }
    if (from < size) {
        out->first = from;
        out->n = JST_MIN(to, size - 1) - from + 1;
    }
    return true;
}

static bool
ranges_touch(struct jst_range a, struct jst_range b)
{
    return a.first <= b.first + b.n && b.first <= a.first + a.n;
}

/* Put `add` to the `n` ranges in `out`, joined with all that it touches at the place of the first
 * of them. Returns the new number. */
static size_t
join_range(struct jst_range *out, size_t n, struct jst_range add)
{
    size_t place = n;
    size_t i = 0;

    while (i < n) {
        uint64_t end;

        if (i == place || !ranges_touch(out[i], add)) {
            i++;
            continue;
        }
        end = JST_MAX(out[i].first + out[i].n, add.first + add.n);
        add.first = JST_MIN(out[i].first, add.first);
        add.n = end - add.first;
        if (place == n) {
            place = i;
        } else {
            size_t gone = JST_MAX(i, place);

            place = JST_MIN(i, place);
            memmove(&out[gone], &out[gone + 1], (n - gone - 1) * sizeof(*out));
            n--;
        }
        out[place] = add;
        i = 0; /* the larger range may touch one that it did not before */
    }
    if (place == n) {
        out[n++] = add;
    }
    return n;
}

int
jst_range_parse(struct jst_range *out, size_t cap, struct jst_slice header, uint64_t size)
{
    struct jst_slice rest = header;
    struct jst_slice unit = jst_slice_cut(&rest, '=');
    struct jst_slice spec;
    size_t mentioned = 0;
    size_t n = 0;

    /* RFC 9110 14.1: range units are case-insensitive. Of an empty representation there is no
     * range that a Content-Range could name. */
    if (rest.p == NULL || !jst_slice_ieq(jst_slice_trim(unit), JST_S("bytes")) || size == 0) {
        return 0;
    }
    while (jst_list_next(&rest, &spec)) {
        struct jst_range r;

        if (++mentioned > cap || !read_range(&r, spec, size)) {
            return 0;
        }
        if (r.n > 0) {
            n = join_range(out, n, r);
        }
    }
    if (mentioned == 0) {
        return 0;
    }
    return n > 0 ? (int)n : JOIST_E_INVAL;
}

/* ---- entity tags ---- */

/* One tag at the start of `*rest`: 'W/' if weak, and the quoted part. False if there is none. */
static bool
read_etag(struct jst_slice *rest, struct jst_slice *quoted, bool *weak)
{
    struct jst_slice s = *rest;
    size_t n = 1;

    *weak = jst_slice_starts(s, JST_S("W/")); /* RFC 9110 8.8.3: case-sensitive */
    if (*weak) {
        s = jst_slice(s.p + 2, s.n - 2);
    }
    if (s.n < 2 || s.p[0] != '"') {
        return false;
    }
    while (n < s.n && s.p[n] != '"') { /* no backslash escapes: RFC 9110 8.8.3, etagc */
        n++;
    }
    if (n == s.n) {
        return false;
    }
    *quoted = jst_slice(s.p, n + 1);
    *rest = jst_slice(s.p + n + 1, s.n - n - 1);
    return true;
}

bool
jst_etag_matches(struct jst_slice list, struct jst_slice etag, bool weak)
{
    struct jst_slice rest = jst_slice_trim(list);
    struct jst_slice ours;
    bool ours_weak;

    if (jst_slice_eq(rest, JST_S("*"))) {
        return true;
    }
    if (!read_etag(&etag, &ours, &ours_weak)) {
        return false;
    }
    while (rest.n > 0) {
        struct jst_slice tag;
        bool tag_weak;

        if (rest.p[0] == ',' || rest.p[0] == ' ' || rest.p[0] == '\t') {
            rest = jst_slice(rest.p + 1, rest.n - 1);
            continue;
        }
        if (!read_etag(&rest, &tag, &tag_weak)) {
            return false;
        }
        if (jst_slice_eq(tag, ours) && (weak || (!tag_weak && !ours_weak))) {
            return true;
        }
    }
    return false;
}
