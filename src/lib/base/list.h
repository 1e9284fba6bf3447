// SPDX-License-Identifier: MIT
#pragma once
/*
 * Intrusive doubly linked list with a head that is a node of the same kind.
 *
 * Threads: none of its own.
 */
#include "base/base.h"

struct jst_list {
    struct jst_list *prev;
    struct jst_list *next;
};

static inline void
jst_list_init(struct jst_list *l)
{
    l->prev = l->next = l;
}

static inline bool
jst_list_is_empty(const struct jst_list *l)
{
    return l->next == l;
}

/** Insert `node` before `at`; with the head as `at` that is the end of the list. */
static inline void
jst_list_insert(struct jst_list *at, struct jst_list *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

/** Take out; the node is then an empty list of its own, so removing twice is harmless. */
static inline void
jst_list_remove(struct jst_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    jst_list_init(node);
}

/** `pos` may be removed inside the loop. */
#define JST_LIST_FOREACH(pos, head)                                                                \
    for (struct jst_list *pos = (head)->next, *pos##_next = pos->next; pos != (head);              \
         pos = pos##_next, pos##_next = pos->next)
