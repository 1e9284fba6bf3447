// SPDX-License-Identifier: MIT
#pragma once
/*
 * Single values: from text or a number into the member that the schema names, and back.
 *
 * Threads: pure, any.
 */
#include "conf/schema.h"

enum jst_value_result {
    JST_VALUE_OK,
    JST_VALUE_MALFORMED, /* not of this type's form, or no known word */
    JST_VALUE_RANGE,     /* below min or above max */
    JST_VALUE_LATER,     /* a known word that is not there yet */
};

/** BOOL, UINT, DURATION, SIZE, WORD; TEXT keeps the pointer (`text` is NUL-terminated). A key with
 * a `truth` takes "true" and "false" too. */
enum jst_value_result jst_value_from_text(void *object, const struct jst_key *key,
                                          struct jst_slice text);

/** UINT, SIZE; a DURATION only if 0. */
enum jst_value_result jst_value_from_number(void *object, const struct jst_key *key, int64_t v);

void jst_value_set_bool(void *object, const struct jst_key *key, bool v);

/** Of WORD, and of TEXTS with words. */
bool jst_word_is_known(const struct jst_key *key, struct jst_slice text);
const struct jst_word_later *jst_word_find_later(const struct jst_key *key, struct jst_slice text);

/** BOOL, UINT, DURATION, SIZE, WORD. */
uint64_t jst_value_get(const void *object, const struct jst_key *key);

/** As TOML writes it, with quotes where it has them. For a TEXT that is NULL: 0. */
size_t jst_value_print(char *out, size_t cap, const void *object, const struct jst_key *key);

/** Where the key's value lives. */
static inline void *
jst_value_at(void *object, const struct jst_key *key)
{
    return (char *)object + key->offset;
}

static inline const void *
jst_value_at_const(const void *object, const struct jst_key *key)
{
    return (const char *)object + key->offset;
}
