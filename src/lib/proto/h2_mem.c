// SPDX-License-Identifier: MIT
#include "proto/h2_mem.h"

#include "base/base.h"

#include <stdlib.h>

struct block {
    struct jst_list link;
    size_t n;
    size_t unused; /* what follows is aligned for anything */
};
_Static_assert(sizeof(struct block) % 16 == 0, "what follows is aligned for anything");

static void *
take(size_t n, void *mem)
{
    struct jst_h2_mem *m = mem;
    struct block *b = n <= SIZE_MAX / 2 ? malloc(sizeof(*b) + n) : NULL;

    if (b == NULL) {
        m->failed = true;
        return NULL;
    }
    b->n = n;
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
        free(b);
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
