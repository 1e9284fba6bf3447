// SPDX-License-Identifier: MIT
#include "conf/value.h"

#include "base/str.h"
#include "base/units.h"

static enum jst_value_result
store(void *object, const struct jst_key *key, uint64_t v)
{
    uint64_t max = key->max > 0 ? key->max : key->width == 4 ? UINT32_MAX : UINT64_MAX;
    uint32_t v32 = (uint32_t)v;

    if (v < key->min || v > max) {
        return JST_VALUE_RANGE;
    }
    JST_ASSERT(key->width == 4 || key->width == 8);
    memcpy(jst_value_at(object, key), key->width == 4 ? (void *)&v32 : (void *)&v, key->width);
    return JST_VALUE_OK;
}

static ptrdiff_t
find_word(const char *const *words, struct jst_slice text)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        if (jst_slice_eq(jst_slice_z(words[i]), text)) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

const struct jst_word_later *
jst_word_find_later(const struct jst_key *key, struct jst_slice text)
{
    const struct jst_word_later *w = key->words_later;

    while (w != NULL && w->word != NULL && !jst_slice_eq(jst_slice_z(w->word), text)) {
        w++;
    }
    return w != NULL && w->word != NULL ? w : NULL;
}

bool
jst_word_is_known(const struct jst_key *key, struct jst_slice text)
{
    return find_word(key->words, text) >= 0;
}

static enum jst_value_result
word_from_text(void *object, const struct jst_key *key, struct jst_slice text)
{
    ptrdiff_t i = find_word(key->words, text);
    unsigned number = (unsigned)i;

    if (i >= 0) {
        JST_ASSERT(key->width == sizeof(number));
        memcpy(jst_value_at(object, key), &number, sizeof(number));
        return JST_VALUE_OK;
    }
    return jst_word_find_later(key, text) != NULL ? JST_VALUE_LATER : JST_VALUE_MALFORMED;
}

/* A key that is a number, or a word, or yes or no: no is 0, which nobody may write as a number, or
 * the first word. */
static enum jst_value_result
truth_from_text(void *object, const struct jst_key *key, bool yes)
{
    struct jst_key plain = *key;

    plain.truth = NULL;
    if (yes) {
        return jst_value_from_text(object, &plain, jst_slice_z(key->truth));
    }
    if (key->type == JST_KEY_WORD) {
        return word_from_text(object, key, jst_slice_z(key->words[0]));
    }
    plain.min = 0;
    return store(object, &plain, 0);
}

static enum jst_value_result
uint_from_text(void *object, const struct jst_key *key, struct jst_slice text)
{
    uint64_t v;
    uint32_t zero = 0;

    if (find_word(key->words, text) == 0) {
        memcpy(jst_value_at(object, key), &zero, sizeof(zero));
        return JST_VALUE_OK;
    }
    return jst_slice_u64(&v, text) ? store(object, key, v) : JST_VALUE_MALFORMED;
}

enum jst_value_result
jst_value_from_text(void *object, const struct jst_key *key, struct jst_slice text)
{
    uint64_t v;

    if (key->truth != NULL &&
        (jst_slice_eq(text, JST_S("true")) || jst_slice_eq(text, JST_S("false")))) {
        return truth_from_text(object, key, text.n == 4);
    }
    switch (key->type) {
    case JST_KEY_BOOL:
        if (!jst_slice_eq(text, JST_S("true")) && !jst_slice_eq(text, JST_S("false"))) {
            return JST_VALUE_MALFORMED;
        }
        jst_value_set_bool(object, key, text.n == 4);
        return JST_VALUE_OK;
    case JST_KEY_UINT:
        return uint_from_text(object, key, text);
    case JST_KEY_DURATION:
        return jst_duration_parse(&v, text) == JOIST_OK ? store(object, key, v)
                                                        : JST_VALUE_MALFORMED;
    case JST_KEY_SIZE:
        return jst_size_parse(&v, text) == JOIST_OK ? store(object, key, v) : JST_VALUE_MALFORMED;
    case JST_KEY_PERCENT:
        return text.n > 1 && text.p[text.n - 1] == '%' &&
                       jst_slice_u64(&v, jst_slice(text.p, text.n - 1))
                   ? store(object, key, v)
                   : JST_VALUE_MALFORMED;
    case JST_KEY_WORD:
        return word_from_text(object, key, text);
    case JST_KEY_TEXT:
        memcpy(jst_value_at(object, key), &text.p, sizeof(text.p));
        return JST_VALUE_OK;
    default:
        JST_UNREACHABLE();
    }
}

enum jst_value_result
jst_value_from_number(void *object, const struct jst_key *key, int64_t v)
{
    if (v < 0) {
        return JST_VALUE_RANGE;
    }
    if (key->type == JST_KEY_DURATION && v != 0) {
        return JST_VALUE_MALFORMED;
    }
    return store(object, key, (uint64_t)v);
}

void
jst_value_set_bool(void *object, const struct jst_key *key, bool v)
{
    JST_ASSERT(key->type == JST_KEY_BOOL && key->width == sizeof(bool));
    memcpy(jst_value_at(object, key), &v, sizeof(v));
}

uint64_t
jst_value_get(const void *object, const struct jst_key *key)
{
    const void *at = jst_value_at_const(object, key);
    uint64_t v64;
    uint32_t v32;
    bool b;

    if (key->type == JST_KEY_BOOL) {
        memcpy(&b, at, sizeof(b));
        return b;
    }
    if (key->width == 4) {
        memcpy(&v32, at, sizeof(v32));
        return v32;
    }
    JST_ASSERT(key->width == 8);
    memcpy(&v64, at, sizeof(v64));
    return v64;
}

static size_t
print_text(char *out, size_t cap, const char *text)
{
    struct jst_str s = jst_str(out, cap - 1);

    jst_str_add_char(&s, '"');
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;

        if (c == '"' || c == '\\') {
            jst_str_add_char(&s, '\\');
            jst_str_add_char(&s, *p);
        } else if (c == '\n') {
            jst_str_add(&s, JST_S("\\n"));
        } else if (c < 0x20 || c == 0x7f) {
            jst_str_fmt(&s, "\\u%04x", c);
        } else if (c == '$' && p[1] == '{') {
            jst_str_add(&s, JST_S("$$")); /* it was meant as it stands */
        } else {
            jst_str_add_char(&s, *p);
        }
    }
    jst_str_add_char(&s, '"');
    out[s.n] = '\0';
    return s.n;
}

size_t
jst_value_print(char *out, size_t cap, const void *object, const struct jst_key *key)
{
    char unit[40];
    const char *text;

    if (key->truth != NULL && jst_value_get(object, key) == 0) {
        return jst_fmt(out, cap, "false");
    }
    switch (key->type) {
    case JST_KEY_BOOL:
        return jst_fmt(out, cap, "%s", jst_value_get(object, key) != 0 ? "true" : "false");
    case JST_KEY_UINT:
        if (key->words != NULL && jst_value_get(object, key) == 0) {
            return jst_fmt(out, cap, "\"%s\"", key->words[0]);
        }
        return jst_fmt(out, cap, "%llu", (unsigned long long)jst_value_get(object, key));
    case JST_KEY_DURATION:
        (void)jst_duration_print(unit, sizeof(unit), jst_value_get(object, key));
        return jst_fmt(out, cap, "\"%s\"", unit);
    case JST_KEY_SIZE:
        (void)jst_size_print(unit, sizeof(unit), jst_value_get(object, key));
        return jst_fmt(out, cap, "\"%s\"", unit);
    case JST_KEY_PERCENT:
        return jst_fmt(out, cap, "\"%llu%%\"", (unsigned long long)jst_value_get(object, key));
    case JST_KEY_WORD:
        return jst_fmt(out, cap, "\"%s\"", key->words[jst_value_get(object, key)]);
    case JST_KEY_TEXT:
        memcpy(&text, jst_value_at_const(object, key), sizeof(text));
        return text != NULL ? print_text(out, cap, text) : 0;
    default:
        JST_UNREACHABLE();
    }
}
