// SPDX-License-Identifier: MIT
#pragma once
/*
 * Arena: many small allocations that end together.
 *
 * Owner:   whoever holds the struct (a request, a configuration snapshot); fini frees all at once.
 * Threads: one at a time. Chunks come from the thread's buffer cache and go to the cache of the
 *          thread that calls fini, which may be another one.
 * Limits:  none of its own; callers bound what they put in.
 */
#include "base/buf.h"

struct jst_arena {
    struct jst_buf *chunks; /* linked by next_free, newest first */
    char *p;
    char *end;
    size_t bytes; /* taken from the system, for budgets and the benchmark */
};

/** A zeroed arena is ready to use; nothing is taken before the first allocation. */
static inline void
jst_arena_init(struct jst_arena *a)
{
    *a = (struct jst_arena){0};
}

void jst_arena_fini(struct jst_arena *a);

void *jst_arena_grow_(struct jst_arena *a, size_t n);

/** 16-byte aligned memory, not zeroed; NULL when out of memory. */
static inline void *
jst_arena_alloc(struct jst_arena *a, size_t n)
{
    char *p = a->p;

    n = (n + 15) & ~(size_t)15;
    if (JST_UNLIKELY(p == NULL || (size_t)(a->end - p) < n)) {
        return jst_arena_grow_(a, n);
    }
    a->p = p + n;
    return p;
}

void *jst_arena_zalloc(struct jst_arena *a, size_t n);

/** A copy with a NUL behind it (not counted); p is NULL when out of memory. */
struct jst_slice jst_arena_copy(struct jst_arena *a, struct jst_slice s);

/** A NUL-terminated copy; NULL when out of memory or if `z` is NULL. */
char *jst_arena_copy_z(struct jst_arena *a, const char *z);
