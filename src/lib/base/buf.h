// SPDX-License-Identifier: MIT
#pragma once
/*
 * Reference-counted byte buffers, and chains of pieces of them: how bodies move without copies.
 *
 * Job:     lend memory from per-thread caches; keep bytes alive while a piece points at them.
 * Not:     no I/O; wire/ writes chains, proto/ makes and cuts them.
 * Owner:   a chain owns one reference for each of its pieces. A function that takes
 *          `struct jst_chain *move` empties it; the struct stays the caller's.
 * Threads: a buffer or chain stays on the thread that took it. A buffer with its own `free_fn` may
 *          be made elsewhere, as long as only one thread counts references at a time.
 * Limits:  a thread keeps some free buffers of each size (buf.c); the rest goes back to malloc.
 */
#include "base/base.h"

#include <sys/types.h>

struct jst_buf {
    uint32_t refs;
    uint32_t cap;
    char *data;
    void (*free_fn)(struct jst_buf *); /* NULL: lent from the thread's cache */
    struct jst_buf *next_free;
};

/* Size classes that the cache keeps. Other sizes are rounded up; above the largest is plain
 * malloc. JST_BUF_READ is what one read from a socket may fill. */
#define JST_BUF_SMALL 4096u
#define JST_BUF_PAGE  16384u
#define JST_BUF_READ  262144u

/* May threads keep free memory? */
#if defined(__SANITIZE_ADDRESS__)
#define JST_BUF_CACHED 0 /* a cache would hide a use after free */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define JST_BUF_CACHED 0
#endif
#endif
#ifndef JST_BUF_CACHED
#define JST_BUF_CACHED 1
#endif

/** A buffer of at least `cap` bytes with one reference, or NULL when out of memory. */
struct jst_buf *jst_buf_take(size_t cap);

static inline struct jst_buf *
jst_buf_ref(struct jst_buf *b)
{
    b->refs++;
    return b;
}

void jst_buf_free_(struct jst_buf *b);

/** NULL is fine. */
static inline void
jst_buf_unref(struct jst_buf *b)
{
    if (b != NULL && --b->refs == 0) {
        jst_buf_free_(b);
    }
}

/** Give this thread's caches back to malloc (a reactor's last act). */
void jst_buf_thread_fini(void);

/** An open file that pieces of a chain may point into (sendfile). Counted like a buffer. */
struct jst_file {
    uint32_t refs;
    int fd;
};

/** Takes the descriptor. NULL when out of memory (then fd stays the caller's). */
struct jst_file *jst_file_create(int fd);
void jst_file_unref(struct jst_file *f); /* the last one closes the descriptor */

/** A piece: memory in a buffer, static memory (buf and file NULL), or a range of a file. */
struct jst_seg {
    struct jst_seg *next;
    struct jst_buf *buf;   /* owned reference, or NULL */
    struct jst_file *file; /* owned reference, or NULL */
    const char *p;         /* memory: first byte */
    off_t off;             /* file: offset of the first byte */
    size_t n;              /* bytes, never 0 in a chain */
};

struct jst_chain {
    struct jst_seg *first;
    struct jst_seg *last;
    size_t bytes;
};

static inline bool
jst_chain_is_empty(const struct jst_chain *c)
{
    return c->first == NULL;
}

/** Append a piece of `b` (takes a reference of its own). Empty pieces are passed over.
 *  JOIST_E_NOMEM, then nothing is appended. */
int jst_chain_add(struct jst_chain *c, struct jst_buf *b, const char *p, size_t n);

/** Append static memory: it must outlive every chain. */
int jst_chain_add_static(struct jst_chain *c, const char *p, size_t n);

/** Append a copy, filling up the last buffer where it is ours alone and has room. */
int jst_chain_add_copy(struct jst_chain *c, const char *p, size_t n);

int jst_chain_add_file(struct jst_chain *c, struct jst_file *f, off_t off, size_t n);

/** Room of at least `n` (<= JST_BUF_PAGE) bytes at the end of the chain to print into; follow with
 *  jst_chain_commit(). NULL when out of memory. */
char *jst_chain_reserve(struct jst_chain *c, size_t n);
void jst_chain_commit(struct jst_chain *c, size_t n);

/** Append all of `*move`, emptying it. */
void jst_chain_join(struct jst_chain *c, struct jst_chain *move);

/** The same, but a single small piece (JST_COPY_BYTES_MAX) is copied into the room behind the last
 *  one: a head and its body then leave in one piece, and a read buffer stays free.
 *  JOIST_E_NOMEM: the bytes are dropped. */
int jst_chain_append(struct jst_chain *c, struct jst_chain *move);

/** Move the first `n` bytes (n <= src->bytes) to the end of `dst`. JOIST_E_NOMEM: nothing moved. */
int jst_chain_cut(struct jst_chain *dst, struct jst_chain *src, size_t n);

/** Drop the first `n` bytes (n <= bytes). */
void jst_chain_drop(struct jst_chain *c, size_t n);
void jst_chain_clear(struct jst_chain *c);

/** Before keeping a chain for long: copy small pieces out of big buffers, so that a few bytes do
 *  not hold a read buffer. Out of memory leaves pieces as they are. */
void jst_chain_compact(struct jst_chain *c);

/** Copy up to `cap` bytes of the memory pieces at the front; stops at a file piece. */
size_t jst_chain_peek(const struct jst_chain *c, char *out, size_t cap);
