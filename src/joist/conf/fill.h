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
#include "conf/value.h"

/* The schema's sentence on `listeners` names them too. */
#define JST_FILL_DEFAULT_BIND       ":8080"
#define JST_FILL_DEFAULT_BIND_HTTPS ":443"
#define JST_FILL_DEFAULT_BIND_HTTP  ":80"

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

/* ---- fill_words.c: what is said ---- */

/** "'threads' must be a whole number, not a string". */
void jst_fill_wrong_type(struct jst_fill *f, const struct jst_key *key,
                         const struct jst_node *node);
void jst_fill_report_malformed(struct jst_fill *f, const struct jst_key *key,
                               const struct jst_node *node);
void jst_fill_report_unknown(struct jst_fill *f, const struct jst_block *block,
                             const struct jst_node *node);

/** Nothing for JST_VALUE_OK (`value.h`). */
void jst_fill_report_result(struct jst_fill *f, const struct jst_key *key,
                            const struct jst_node *node, enum jst_value_result result);

/** What stands there; a value from the environment may be a secret. */
const char *jst_fill_quote(struct jst_fill *f, const struct jst_node *node);

/** "for example: threads = 4", or NULL. */
const char *jst_fill_help(struct jst_fill *f, const struct jst_key *key);

/** `count` objects of `block` in a row, each at what it starts from; NULL when out of memory. */
void *jst_fill_make(struct jst_fill *f, const struct jst_block *block, size_t count);

/* rules.c: keys of one block together. */
void jst_rules_check(struct jst_fill *f, const struct jst_block *block, void *object);

/** A key where it stands; the block's header for what came from elsewhere. NULL: nowhere. */
const struct jst_span *jst_rules_place(const struct jst_part *part, const char *name);

/* rules_tls.c: the same for TLS. */
void jst_rules_check_tls(struct jst_fill *f, const struct jst_block *block, void *object);

/* rules_upstream.c: the same for pools. */
void jst_rules_check_upstream(struct jst_fill *f, const struct jst_block *block, void *object);

/* fill_slots.c: between these two, slots start from their pool. `from` is lent until the second. */
void jst_fill_inherit_slot(struct jst_fill *f, struct jst_part_pool *from,
                           const struct jst_part_pool *pool);
void jst_fill_inherit_slot_end(struct jst_fill *f);

/* listeners.c: those that nobody wrote, and whether certificates and listeners find each other. */
void jst_fill_listeners(struct jst_fill *f, struct jst_part_file *file,
                        const struct jst_node *root);
