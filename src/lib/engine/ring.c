// SPDX-License-Identifier: MIT
#include "engine/ring.h"

#include <stdlib.h>

/* Each record has its size in front; a record never wraps: SKIP fills the end of the memory. */
#define SKIP UINT64_MAX
#define HEAD sizeof(uint64_t)

static size_t
rounded(size_t n)
{
    return HEAD + ((n + 7) & ~(size_t)7);
}

int
jst_ring_init(struct jst_ring *r)
{
    *r = (struct jst_ring){0};
    r->memory = malloc(JST_RING_BYTES);
    return r->memory != NULL ? JOIST_OK : JOIST_E_NOMEM;
}

void
jst_ring_fini(struct jst_ring *r)
{
    free(r->memory);
    *r = (struct jst_ring){0};
}

void *
jst_ring_reserve(struct jst_ring *r, size_t n)
{
    size_t need = rounded(n);
    uint64_t read = __atomic_load_n(&r->read, __ATOMIC_ACQUIRE);
    size_t at = r->written % JST_RING_BYTES;
    size_t to_end = JST_RING_BYTES - at;
    size_t free_bytes = JST_RING_BYTES - (size_t)(r->written - read);
    uint64_t skip = SKIP;

    if (n > JST_RING_BYTES / 4 || free_bytes < need + (to_end < need ? to_end : 0)) {
        return NULL;
    }
    if (to_end < need) {
        memcpy(r->memory + at, &skip, HEAD);
        __atomic_store_n(&r->written, r->written + to_end, __ATOMIC_RELEASE);
        at = 0;
    }
    return r->memory + at + HEAD;
}

void
jst_ring_commit(struct jst_ring *r, size_t n)
{
    uint64_t size = n;

    memcpy(r->memory + r->written % JST_RING_BYTES, &size, HEAD);
    __atomic_store_n(&r->written, r->written + rounded(n), __ATOMIC_RELEASE);
}

const void *
jst_ring_front(struct jst_ring *r, size_t *n)
{
    for (;;) {
        uint64_t written = __atomic_load_n(&r->written, __ATOMIC_ACQUIRE);
        size_t at = r->read % JST_RING_BYTES;
        uint64_t size;

        if (written == r->read) {
            return NULL;
        }
        memcpy(&size, r->memory + at, HEAD);
        if (size != SKIP) {
            *n = (size_t)size;
            return r->memory + at + HEAD;
        }
        __atomic_store_n(&r->read, r->read + (JST_RING_BYTES - at), __ATOMIC_RELEASE);
    }
}

bool
jst_ring_has_more(const struct jst_ring *r, size_t n)
{
    return __atomic_load_n(&r->written, __ATOMIC_ACQUIRE) != r->read + rounded(n);
}

void
jst_ring_release(struct jst_ring *r)
{
    size_t n;

    if (jst_ring_front(r, &n) != NULL) {
        __atomic_store_n(&r->read, r->read + rounded(n), __ATOMIC_RELEASE);
    }
}
