// SPDX-License-Identifier: MIT
#pragma once
/*
 * Files -> one tree: the main file and what its `include` lists name.
 *
 * Job:     read, parse, follow includes, put what belongs together into one table.
 * Flow:    load.c -> jst_include_load() -> toml.h for each file
 * Limits:  JST_INCLUDE_DEPTH_MAX levels, JST_INCLUDE_FILES_MAX files.
 * Merge:   lists of tables ([[sites]] ...) follow each other in the order of the files, the
 *          including file first; [upstreams.NAME] come together; any other table or key may
 *          stand in one file only.
 */
#include "conf/diags.h"

#define JST_INCLUDE_DEPTH_MAX 8u
#define JST_INCLUDE_FILES_MAX 20000u

/**
 * Everything that is wrong goes to `report`; *out is what could be read, NULL if nothing could.
 * JOIST_E_NOMEM, else 0.
 */
int jst_include_load(struct jst_node **out, struct jst_arena *arena, const char *path,
                     struct jst_diags *report);

/** The same for text that is in memory: `name` stands for the file. Takes the text (malloc'd). */
int jst_include_text(struct jst_node **out, struct jst_arena *arena, const char *name, char **take,
                     size_t n, struct jst_diags *report);
