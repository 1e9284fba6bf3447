// SPDX-License-Identifier: MIT
#include "upstream/hash_ring.h"

#include <stdlib.h>

/* Points of a weight of one. The more, the more even: with 64 most shares are within an eighth
 * of its due. */
#define POINTS_EACH 64u
/* On average at most; then all weights count half as many points, or a quarter, ... That is the one
 * step at which other keys move too. */
#define POINTS_AVERAGE_MAX 128u
/* So many stand in a line of memory: then the index stays small. */
#define POINTS_A_PART 4u

struct point {
    uint32_t at;
    uint32_t target;
};

struct jst_hash_ring {
    uint32_t n;
    uint32_t shift;  /* hash's top 32 bits >> shift: number in `index` */
    uint32_t *index; /* owned: the first point at or behind the start of each part of the ring */
    struct point v[];
};

static uint64_t
points_of(uint16_t weight, unsigned halved)
{
    return JST_MAX((uint64_t)weight * POINTS_EACH >> halved, 1u);
}

static uint64_t
count_points(const uint16_t *weights, uint32_t n, unsigned halved)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        sum += points_of(weights[i], halved);
    }
    return sum;
}

/* Every bit of the hash counts in every bit of the point. */
static uint32_t
place(uint64_t hash, uint64_t number)
{
    uint64_t x = hash + number * 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((x ^ x >> 31) >> 32);
}

/* By place, a byte at a time; points of one place stay in their targets' order. A pool that changes
 * sorts anew with each change, so this is ten times as fast as comparing. */
static int
sort_points(struct jst_hash_ring *r)
{
    struct point *other = malloc(JST_MAX(r->n, 1u) * sizeof(*other));
    struct point *from = r->v;
    struct point *to = other;

    if (other == NULL) {
        return JOIST_E_NOMEM;
    }
    for (unsigned shift = 0; shift < 32; shift += 8) { /* four times: it ends where it began */
        uint32_t ends[256] = {0};
        struct point *was = from;

        for (uint32_t i = 0; i < r->n; i++) {
            ends[from[i].at >> shift & 0xff]++;
        }
        for (unsigned k = 1; k < 256; k++) {
            ends[k] += ends[k - 1];
        }
        for (uint32_t i = r->n; i-- > 0;) {
            to[--ends[from[i].at >> shift & 0xff]] = from[i];
        }
        from = to;
        to = was;
    }
    free(other);
    return JOIST_OK;
}

static int
make_index(struct jst_hash_ring *r)
{
    uint32_t bits = 1;
    uint32_t p = 0;
    size_t parts;

    while (bits < 28 && POINTS_A_PART << bits < r->n) {
        bits++;
    }
    parts = (size_t)1 << bits;
    r->shift = 32 - bits;
    r->index = malloc(parts * sizeof(*r->index));
    if (r->index == NULL) {
        return JOIST_E_NOMEM;
    }
    for (size_t i = 0; i < parts; i++) {
        while (p < r->n && r->v[p].at < (uint32_t)(i << r->shift)) {
            p++;
        }
        r->index[i] = p;
    }
    return JOIST_OK;
}

struct jst_hash_ring *
jst_hash_ring_create(const char *const *keys, const uint16_t *weights, uint32_t n)
{
    struct jst_hash_ring *r;
    unsigned halved = 0;
    uint64_t points;

    while ((points = count_points(weights, n, halved)) > (uint64_t)n * POINTS_AVERAGE_MAX) {
        halved++;
    }
    if (points > UINT32_MAX / 2) {
        return NULL;
    }
    r = malloc(sizeof(*r) + (size_t)points * sizeof(r->v[0]));
    if (r == NULL) {
        return NULL;
    }
    r->n = 0;
    r->index = NULL;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t hash = jst_hash(jst_slice_z(keys[i]), 0);

        for (uint64_t k = points_of(weights[i], halved); k > 0; k--) {
            r->v[r->n++] = (struct point){place(hash, k), i};
        }
    }
    if (sort_points(r) < 0 || make_index(r) < 0) {
        jst_hash_ring_destroy(&r);
    }
    return r;
}

void
jst_hash_ring_destroy(struct jst_hash_ring **take)
{
    if (*take != NULL) {
        free((*take)->index);
    }
    free(*take);
    *take = NULL;
}

uint32_t
jst_hash_ring_find(const struct jst_hash_ring *r, uint64_t hash)
{
    uint32_t at = place(hash, 0);
    uint32_t p = r->index[at >> r->shift];

    while (p < r->n && r->v[p].at < at) {
        p++;
    }
    return p < r->n ? p : 0;
}

uint32_t
jst_hash_ring_next(const struct jst_hash_ring *r, uint32_t point)
{
    return point + 1 < r->n ? point + 1 : 0;
}

uint32_t
jst_hash_ring_target(const struct jst_hash_ring *r, uint32_t point)
{
    return r->v[point].target;
}

uint32_t
jst_hash_ring_points(const struct jst_hash_ring *r)
{
    return r->n;
}
