// SPDX-License-Identifier: MIT
#pragma once
/*
 * The tree -> typed structs, by the schema. Reports everything that does not fit.
 *
 * Job:     unknown keys, wrong types, ranges, missing keys, defaults, what routes take over from
 *          their site.
 * Not:     names that refer to other blocks (build.c), what needs sockets or disks (the engine).
 * Flow:    load.c -> jst_fill_file() -> rules.c for keys that depend on each other
 * Start:   fill.c: fill_block(), then tests/unit/joist/conf/fill.c
 */
#include "conf/diags.h"
#include "conf/parts.h"
#include "conf/schema.h"

/* The schema's sentence on `listeners` names it too. */
#define JST_FILL_DEFAULT_BIND ":8080"

struct jst_fill {
    struct jst_arena *arena;
    struct jst_diags *report;
    int rc;                            /* sticky: JOIST_E_NOMEM */
    size_t skipped;                    /* broken strings so far: reported, but before this began */
    const void *inherit[JST_BLOCKS_N]; /* what a block starts from, instead of the defaults */
    void *defaults[JST_BLOCKS_N];
};

/** NULL only when out of memory. A part with an error inside has `bad` set. */
struct jst_part_file *jst_fill_file(struct jst_fill *f, const struct jst_node *root);

/** Zeroed memory of the configuration; NULL and f->rc set when there is none. */
void *jst_fill_take(struct jst_fill *f, size_t bytes);

/* fill_value.c: one key that is not a block. */
void jst_fill_value(struct jst_fill *f, const struct jst_key *key, void *object,
                    const struct jst_node *node);

/** "'threads' must be a whole number, not a string". */
void jst_fill_wrong_type(struct jst_fill *f, const struct jst_key *key,
                         const struct jst_node *node);

/* rules.c: keys of one block together. */
void jst_rules_check(struct jst_fill *f, const struct jst_block *block, void *object);
