// SPDX-License-Identifier: MIT
#pragma once
/*
 * TOML text -> a plain C tree with a place for every key and value.
 *
 * Job:     syntax only; what the keys mean is schema.h and fill.h.
 * Not:     it reads no files (include.h) and knows no `include` or `${NAME}`.
 * Flow:    include.c -> jst_toml_parse() -> toml_shim.cc (toml++) -> jst_node tree in an arena
 * Owner:   the arena that was passed in; nodes point into it, never into the text.
 * Limits:  JST_TOML_BYTES_MAX of text, JST_TOML_DEPTH_MAX levels.
 * Threads: any, one arena each.
 * Start:   toml_shim.cc: copy_node(), then tests/unit/joist/conf/toml.c
 */
#include "base/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct jst_arena;

/* 10,000 sites with 10 routes each are 7 MB. */
#define JST_TOML_BYTES_MAX (256u * 1024 * 1024)
/* The schema's deepest key has 6 levels; parsers below this recurse. */
#define JST_TOML_DEPTH_MAX 32u

/** A place in a file. Lines and columns count from 1, columns in code points; line 0: nowhere. */
struct jst_span {
    uint32_t file; /* index into the sources of struct jst_diags */
    uint32_t line;
    uint32_t column;
    uint32_t width; /* of what stands there on that line, at least 1 */
};

enum jst_node_kind {
    JST_NODE_TABLE,
    JST_NODE_ARRAY,
    JST_NODE_STRING,
    JST_NODE_INTEGER,
    JST_NODE_FLOAT,
    JST_NODE_BOOL,
    JST_NODE_TIME, /* any of TOML's dates and times: the configuration has no use for them */
};

struct jst_node {
    enum jst_node_kind kind;
    bool expanded;      /* a string that had a ${NAME}: its value came from outside */
    bool broken;        /* a string whose ${NAME} could not be replaced, and that was reported */
    struct jst_span at; /* the value; for [a.b] and [[a]] the header */
    struct jst_span key_at; /* the key; like `at` for an array's elements */
    struct jst_slice key;   /* NUL-terminated; empty for an array's elements */
    union {
        struct jst_slice text; /* NUL-terminated; may hold NULs inside */
        int64_t integer;
        double real;
        bool boolean;
    } v;
    size_t count; /* children of a table (in the order of the file) or array */
    struct jst_node *first;
    struct jst_node *last;
    struct jst_node *next;
};

struct jst_toml_error {
    uint32_t line;
    uint32_t column;
    char message[400];
};

/**
 * Parse `text` (UTF-8). Every error has a line of at least 1.
 * JOIST_E_INVAL (then *err says why and where), JOIST_E_NOMEM.
 */
int jst_toml_parse(struct jst_node **out, struct jst_arena *arena, struct jst_slice text,
                   uint32_t file, struct jst_toml_error *err);

/** A table's child, or NULL. */
struct jst_node *jst_node_find(const struct jst_node *table, const char *key);

/** Append a child to a table or array. */
void jst_node_push(struct jst_node *parent, struct jst_node *child);

/** "a table", "a list", "a string", ... for messages. */
const char *jst_node_kind_text(enum jst_node_kind kind);

/* toml.c's side of the shim: zeroed memory of the arena, or NULL. */
void *jst_toml_alloc(struct jst_arena *arena, size_t n);

/* toml_shim.cc's side: as jst_toml_parse(), for text that passed the checks there. `lines` stand
 * before the text in its file. */
int jst_toml_shim_parse(struct jst_node **out, struct jst_arena *arena, struct jst_slice text,
                        uint32_t file, uint32_t lines, struct jst_toml_error *err);

#ifdef __cplusplus
}
#endif
