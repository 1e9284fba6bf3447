// SPDX-License-Identifier: MIT
#include "proto/h2_mem.h"

#include "base/buf.h"

#include <stdlib.h>

struct block {
    struct jst_list link;
    size_t n;
    size_t unused; /* what follows is aligned for anything */
};
_Static_assert(sizeof(struct block) % 16 == 0, "what follows is aligned for anything");

/* What a thread keeps: blocks of 128, 256, ... bytes, so many of each size as a few hundred streams
 * use; half a MiB at most. */
#define CLASS_BYTES 128u
#define CLASSES     8u
#define KEEP_BYTES  (JST_BUF_CACHED ? 65536u : 0u)

static _Thread_local struct {
    struct block *first; /* in a row by link.next */
    size_t bytes;
} kept[CLASSES];

static size_t
class_of(size_t n)
{
    return n > 0 ? (n - 1) / CLASS_BYTES : 0;
}

static struct block *
take_block(size_t n)
{
    size_t class = class_of(n);
    struct block *b;

    if (class < CLASSES && kept[class].first != NULL) {
        b = kept[class].first;
        kept[class].first = (struct block *)b->link.next;
        kept[class].bytes -= b->n;
        return b;
    }
    n = class < CLASSES ? (class + 1) * CLASS_BYTES : n;
    b = n <= SIZE_MAX / 2 ? malloc(sizeof(*b) + n) : NULL;
    if (b != NULL) {
        b->n = n;
    }
    return b;
}

static void
give_block(struct block *b)
{
    size_t class = class_of(b->n);

    if (class >= CLASSES || kept[class].bytes + b->n > KEEP_BYTES) {
        free(b);
        return;
    }
    b->link.next = (struct jst_list *)kept[class].first;
    kept[class].first = b;
    kept[class].bytes += b->n;
}

void
jst_h2_mem_thread_fini(void)
{
    for (size_t i = 0; i < CLASSES; i++) {
        while (kept[i].first != NULL) {
            struct block *b = kept[i].first;

            kept[i].first = (struct block *)b->link.next;
            free(b);
        }
        kept[i].bytes = 0;
    }
}

/* ---- nghttp2's calls ---- */

static void *
take(size_t n, void *mem)
{
    struct jst_h2_mem *m = mem;
    struct block *b = take_block(n);

    if (b == NULL) {
        m->failed = true;
        return NULL;
    }
    jst_list_insert(&m->blocks, &b->link);
    return b + 1;
}

static void
give(void *p, void *mem)
{
    (void)mem;
    if (p != NULL) {
        struct block *b = (struct block *)p - 1;

        jst_list_remove(&b->link);
        give_block(b);
    }
}

static void *
take_zeroed(size_t n, size_t size, void *mem)
{
    void *p = n == 0 || size <= SIZE_MAX / 2 / n ? take(n * size, mem) : NULL;

    return p != NULL ? memset(p, 0, n * size) : NULL;
}

static void *
take_again(void *p, size_t n, void *mem)
{
    void *other;
    size_t had = p != NULL ? ((struct block *)p - 1)->n : 0;

    if (n <= had) {
        return p;
    }
    other = take(n, mem);
    if (other == NULL) {
        return NULL;
    }
    if (had > 0) {
        memcpy(other, p, had);
    }
    give(p, mem);
    return other;
}

void
jst_h2_mem_init(struct jst_h2_mem *m)
{
    *m = (struct jst_h2_mem){.calls = {m, take, give, take_zeroed, take_again}};
    jst_list_init(&m->blocks);
}

void
jst_h2_mem_end(struct jst_h2_mem *m, nghttp2_session *ng)
{
    if (!m->failed) {
        nghttp2_session_del(ng);
    }
    JST_LIST_FOREACH (node, &m->blocks) {
        free(JST_CONTAINER(node, struct block, link));
    }
    jst_list_init(&m->blocks);
}
