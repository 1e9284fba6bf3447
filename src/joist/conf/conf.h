// SPDX-License-Identifier: MIT
#pragma once
/*
 * A configuration file, loaded: what the engine is told, and what belongs to the program alone.
 *
 * Job:     text -> struct joist_conf, with every error and its place in one report.
 * Flow:    include.c (files) -> toml.h (syntax) -> fill.c (schema) -> build.c (engine's structs)
 * Owner:   struct jst_conf owns everything it points to, in one arena.
 * Threads: one.
 * Start:   load.c, then schema.c: the table of all keys
 */
#include "conf/diags.h"
#include "conf/parts.h"

struct jst_conf {
    struct jst_arena arena;
    const char *path; /* of the main file */
    struct jst_node *root;
    struct jst_part_file *file;
    struct joist_conf engine; /* `log` has the level; the callbacks are the program's to set */
};

/**
 * Load and check, as far as it goes without the engine. With errors in `report` *out may still be
 * there: for jst_conf_check(), which finds the rest, but not to be run.
 * JOIST_E_INVAL (*out may be NULL), JOIST_E_NOMEM (*out is NULL).
 */
int jst_conf_load(struct jst_conf **out, const char *path, struct jst_diags *report);

/** The same for text in memory; `name` stands for the file. Takes the text (malloc'd). */
int jst_conf_load_text(struct jst_conf **out, const char *name, char **take, size_t n,
                       struct jst_diags *report);

void jst_conf_destroy(struct jst_conf **take);

/** Let the engine check it, without binding anything. JOIST_E_INVAL, else 0. */
int jst_conf_check(const struct jst_conf *conf, struct jst_diags *report);

/** For joist_engine_create(): a joist_report_f that puts the engine's words to their place; its
 *  context is a struct jst_conf_report_to. */
struct jst_conf_report_to {
    const struct jst_conf *conf;
    struct jst_diags *report;
};
void jst_conf_on_report(void *ctx, enum joist_log_level level, const struct joist_err *err);

/** The effective configuration as TOML, defaults included, secrets left out. */
void jst_conf_show(const struct jst_conf *conf, FILE *out);

/** The same as one JSON object, of the shape that the JSON Schema describes. */
void jst_conf_show_json(const struct jst_conf *conf, FILE *out);

/** JSON Schema (draft 2020-12), and the tables of the reference page. */
void jst_schema_print_json(FILE *out);
void jst_schema_print_markdown(FILE *out);

/* build.c: the file's structs -> the engine's. Reports names that refer to nothing.
 * JOIST_E_NOMEM, else 0. */
int jst_conf_build(struct jst_conf *conf, struct jst_diags *report);
