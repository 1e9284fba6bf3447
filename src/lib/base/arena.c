// SPDX-License-Identifier: MIT
#include "base/arena.h"

void *
jst_arena_grow_(struct jst_arena *a, size_t n)
{
    /* A first small chunk fits the common request; then bigger steps, so that a configuration of
     * megabytes is not made of thousands of chunks. */
    size_t cap = a->chunks == NULL             ? JST_BUF_SMALL
                 : a->bytes < 4 * JST_BUF_PAGE ? JST_BUF_PAGE
                                               : JST_BUF_READ;
    struct jst_buf *b;

    if (n > SIZE_MAX / 2) {
        return NULL;
    }
    b = jst_buf_take(JST_MAX(cap, n));
    if (b == NULL) {
        return NULL;
    }
    a->bytes += b->cap;
    if (n > cap / 2 && a->chunks != NULL) { /* a big one: keep filling the current chunk */
        b->next_free = a->chunks->next_free;
        a->chunks->next_free = b;
        return b->data;
    }
    b->next_free = a->chunks;
    a->chunks = b;
    a->p = b->data + n;
    a->end = b->data + b->cap;
    return b->data;
}

void
jst_arena_fini(struct jst_arena *a)
{
    while (a->chunks != NULL) {
        struct jst_buf *b = a->chunks;

        a->chunks = b->next_free;
        jst_buf_unref(b);
    }
    jst_arena_init(a);
}

void *
jst_arena_zalloc(struct jst_arena *a, size_t n)
{
    void *p = jst_arena_alloc(a, n);

    return p != NULL ? memset(p, 0, n) : NULL;
}

struct jst_slice
jst_arena_copy(struct jst_arena *a, struct jst_slice s)
{
    char *p = jst_arena_alloc(a, s.n + 1);

    if (p == NULL) {
        return JST_SLICE_NONE;
    }
    if (s.n > 0) {
        memcpy(p, s.p, s.n);
    }
    p[s.n] = '\0';
    return jst_slice(p, s.n);
}

char *
jst_arena_copy_z(struct jst_arena *a, const char *z)
{
    char *p;
    size_t n;

    if (z == NULL) {
        return NULL;
    }
    n = strlen(z) + 1;
    p = jst_arena_alloc(a, n);
    return p != NULL ? memcpy(p, z, n) : NULL;
}
