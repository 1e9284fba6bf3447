// SPDX-License-Identifier: MIT
#pragma once
/*
 * Building text into memory of known size.
 *
 * Threads: pure, any.
 */
#include "base/base.h"

/** snprintf that always terminates and returns what was written (never more than cap - 1). */
size_t jst_fmt(char *out, size_t cap, const char *fmt, ...) JST_PRINTF(3, 4);

/** Fill *err (may be NULL) and return `code`. */
int jst_fail(struct joist_err *err, int code, const char *fmt, ...) JST_PRINTF(3, 4);

/** Sticky builder: a piece that does not fit marks it `full`, and one check at the end tells. */
struct jst_str {
    char *p;
    size_t n;
    size_t cap;
    bool full;
};

static inline struct jst_str
jst_str(char *memory, size_t cap)
{
    return (struct jst_str){memory, 0, cap, false};
}

static inline void
jst_str_add(struct jst_str *s, struct jst_slice piece)
{
    if (JST_UNLIKELY(s->full || piece.n > s->cap - s->n)) {
        s->full = true;
        return;
    }
    if (piece.n > 0) {
        memcpy(s->p + s->n, piece.p, piece.n);
        s->n += piece.n;
    }
}

static inline void
jst_str_add_char(struct jst_str *s, char c)
{
    if (JST_UNLIKELY(s->full || s->n == s->cap)) {
        s->full = true;
        return;
    }
    s->p[s->n++] = c;
}

void jst_str_add_u64(struct jst_str *s, uint64_t v);
void jst_str_add_hex(struct jst_str *s, uint64_t v); /* lower case, no leading zeros */
void jst_str_add_base64(struct jst_str *s, struct jst_slice bytes); /* RFC 4648 4, padded */
void jst_str_fmt(struct jst_str *s, const char *fmt, ...) JST_PRINTF(2, 3);

static inline struct jst_slice
jst_str_slice(const struct jst_str *s)
{
    return jst_slice(s->p, s->n);
}
