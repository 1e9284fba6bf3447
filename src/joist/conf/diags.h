// SPDX-License-Identifier: MIT
#pragma once
/*
 * What is wrong with a configuration, all of it, and the text it is wrong in.
 *
 * Job:     collect errors and warnings with their places, sort them, print them for people
 *          (the line, an underline, a remedy) or as JSON.
 * Flow:    every file of conf/ -> jst_diags_error(); the engine -> jst_conf_on_report();
 *          cli -> jst_diags_print()
 * Owner:   the caller's struct; it owns the texts of the files and every message.
 * Limits:  JST_DIAGS_MAX entries are kept, the rest is counted.
 * Threads: one.
 */
#include <stdio.h>

#include <joist/joist.h>

#include "base/arena.h"
#include "conf/toml.h"

#define JST_DIAGS_MAX 200u

struct jst_diag_source {
    const char *name;      /* as the user gave it */
    struct jst_slice text; /* owned by the report (malloc) */
};

struct jst_diag {
    enum joist_log_level level; /* ERROR or WARN */
    struct jst_span at;         /* file 0: no place */
    const char *text;
    const char *help; /* NULL: none */
    size_t order;     /* as it came, for a stable sort */
};

struct jst_diags {
    struct jst_arena arena;
    struct jst_diag_source *sources; /* index 0 is "no file" */
    size_t sources_n;
    size_t sources_cap;
    struct jst_diag *diags;
    size_t diags_n;
    size_t diags_cap;
    size_t errors_n; /* all of them, kept or not */
    size_t warnings_n;
    bool out_of_memory; /* something is missing from the list: treat as an error */
};

void jst_diags_init(struct jst_diags *r);
void jst_diags_fini(struct jst_diags *r);

/** Take a file's text (malloc'd). Returns its index for spans, 0 when out of memory. */
uint32_t jst_diags_add_source(struct jst_diags *r, const char *name, char **take, size_t n);

/** The name of a span's file, or NULL. Lives as long as the report. */
const char *jst_diags_file(const struct jst_diags *r, uint32_t file);

/** `at` and `help` may be NULL; `help` is copied. */
void jst_diags_error(struct jst_diags *r, const struct jst_span *at, const char *help,
                     const char *fmt, ...) JST_PRINTF(4, 5);
void jst_diags_warn(struct jst_diags *r, const struct jst_span *at, const char *help,
                    const char *fmt, ...) JST_PRINTF(4, 5);

/** Text that lives as long as the report; "" when out of memory. */
const char *jst_diags_fmt(struct jst_diags *r, const char *fmt, ...) JST_PRINTF(2, 3);

/** Any error, or memory ran out while collecting. */
bool jst_diags_has_errors(const struct jst_diags *r);

/** Sorted by place. Nothing is printed when there is nothing to say. */
void jst_diags_print(struct jst_diags *r, FILE *out, bool colours);

/** [{"level":"error","file":"x.toml","line":1,"column":2,"message":"...","help":"..."}] */
void jst_diags_print_json(struct jst_diags *r, FILE *out);
