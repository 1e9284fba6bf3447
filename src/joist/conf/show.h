// SPDX-License-Identifier: MIT
#pragma once
/*
 * What show.c (TOML) and show_json.c share: which keys have something to say, and reading them.
 */
#include "conf/conf.h"
#include "conf/schema.h"

#define JST_SHOW_REDACTED "(redacted)"

/** Keys without a meaning here: not given and without a default, of another handler, of a pool that
 *  is only referred to. */
bool jst_show_is_idle(const struct jst_block *block, const void *object, const struct jst_key *key);

/** Is the value of this header a key to something? */
bool jst_show_is_secret(const char *name);

/** The pointer of TEXT, TABLE, TABLES, NAMED; the count behind that of lists. */
const void *jst_show_pointer(const void *object, const struct jst_key *key);
size_t jst_show_count(const void *object, const struct jst_key *key);

/** Enough for any value of the file with all of it escaped (six bytes for one). */
size_t jst_show_scratch_bytes(const struct jst_conf *conf);
