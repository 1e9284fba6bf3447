// SPDX-License-Identifier: MIT
#pragma once
/*
 * A bounded ring of records from one thread to another: how logs leave a reactor.
 *
 * Job:     carry records of different sizes in order; when it is full, say so at once.
 * Owner:   whoever embeds it. Threads: one pushes, one pulls; nothing else.
 * Limits:  JST_RING_BYTES; a record at most a quarter of it.
 * Why:     the data plane never waits for a disk (a dropped line is counted).
 */
#include "base/base.h"

#define JST_RING_BYTES (1u << 20) /* some 2,000 long access records, or 1 s at 2,000 requests/s */

struct jst_ring {
    char *memory;     /* owned */
    uint64_t written; /* by the pusher; released after the bytes */
    char pad[64];     /* the two counters live on different cache lines */
    uint64_t read;    /* by the puller */
};

int jst_ring_init(struct jst_ring *r);
void jst_ring_fini(struct jst_ring *r);

/** Room for a record of `n` bytes, 8-byte aligned; NULL if the ring is full or n too large. Follow
 *  with jst_ring_commit(). */
void *jst_ring_reserve(struct jst_ring *r, size_t n);
void jst_ring_commit(struct jst_ring *r, size_t n);

/** The oldest record, or NULL. It stays until jst_ring_release(). `*n` is as it was reserved. */
const void *jst_ring_front(struct jst_ring *r, size_t *n);

/** Does another record stand behind the oldest one, which has `n` bytes? For the puller. */
bool jst_ring_has_more(const struct jst_ring *r, size_t n);
void jst_ring_release(struct jst_ring *r);
