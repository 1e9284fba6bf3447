// SPDX-License-Identifier: MIT
#pragma once
/*
 * The words that the tables of schema.c and schema_upstream.c are written in.
 */
#include "conf/parts.h"
#include "conf/schema.h"

/*
 * One line a key. `doc` is a sentence for the reference page and the editor's tooltip; it starts
 * with a capital and ends without a full stop.
 */
#define AT(part_, member)                                                                          \
    .offset = offsetof(struct part_, member), .width = sizeof(((struct part_ *)0)->member)
#define KEY(part_, member, key_type, ...)                                                          \
    {                                                                                              \
        .name = #member, .name_n = sizeof(#member) - 1, .type = key_type, AT(part_, member),       \
        __VA_ARGS__                                                                                \
    }
#define KEY_AS(key_name, part_, member, key_type, ...)                                             \
    {                                                                                              \
        .name = key_name, .name_n = sizeof(key_name) - 1, .type = key_type, AT(part_, member),     \
        __VA_ARGS__                                                                                \
    }
#define LATER(key_name, part)                                                                      \
    {                                                                                              \
        .name = key_name, .name_n = sizeof(key_name) - 1, .type = JST_KEY_LATER, .doc = part       \
    }
#define LIST(array)  .keys = (array), .keys_n = JST_COUNT(array)
#define RULES(array) .rules = (array), .rules_n = JST_COUNT(array)
#define WORDS(...)                                                                                 \
    .words = (const char *const[])                                                                 \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define WORDS_LATER(...)                                                                           \
    .words_later = (const struct jst_word_later[])                                                 \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }
#define RULE(rule_kind, first, second, remedy)                                                     \
    .kind = JST_RULE_##rule_kind, .a = (first), .b = (second), .help = (remedy)
#define NOT_BOTH(first, second)                                                                    \
    {                                                                                              \
        RULE(NOT_BOTH, first, second, NULL)                                                        \
    }
#define NEEDS(first, second, remedy)                                                               \
    {                                                                                              \
        RULE(NEEDS, first, second, remedy)                                                         \
    }
#define ONE_OF(first, second, remedy)                                                              \
    {                                                                                              \
        RULE(ONE_OF, first, second, remedy)                                                        \
    }

/* schema_upstream.c: the blocks of pools, JST_BLOCK_ROUTE_POOL to JST_BLOCK_ORIGIN_TLS. */
#define JST_UPSTREAM_BLOCKS_N (JST_BLOCK_ORIGIN_TLS - JST_BLOCK_ROUTE_POOL + 1)
extern const struct jst_block jst_upstream_blocks[JST_UPSTREAM_BLOCKS_N];
#define UPSTREAM_BLOCK(id) (&jst_upstream_blocks[JST_BLOCK_##id - JST_BLOCK_ROUTE_POOL])

#define BLOCK(block_id, struct_type) .id = JST_BLOCK_##block_id, .bytes = sizeof(struct struct_type)
