// SPDX-License-Identifier: MIT
/* What is said of keys and values that do not fit: the words, and the remedy. */
#include "base/units.h"
#include "conf/fill.h"
#include "conf/nearest.h"
#include "conf/value.h"

#define QUOTED_MAX 80

/* What stands there, for a message; a value from the environment may be a secret. */
const char *
jst_fill_quote(struct jst_fill *f, const struct jst_node *node)
{
    struct jst_slice s = node->v.text;

    if (node->expanded) {
        return "its value";
    }
    if (s.n > QUOTED_MAX) {
        return jst_diags_fmt(f->report, "'%.*s...'", QUOTED_MAX, s.p);
    }
    return jst_diags_fmt(f->report, "'%s'", s.p);
}

static const char *
join_words(struct jst_fill *f, const char *const *words)
{
    const char *text = "";

    for (size_t i = 0; words[i] != NULL; i++) {
        text = jst_diags_fmt(f->report, "%s%s\"%s\"", text,
                             i == 0                 ? ""
                             : words[i + 1] == NULL ? " or "
                                                    : ", ",
                             words[i]);
    }
    return text;
}

static const char *
expected(struct jst_fill *f, const struct jst_key *key)
{
    switch (key->type) {
    case JST_KEY_BOOL:
        return "true or false";
    case JST_KEY_UINT:
        if (key->truth != NULL) {
            return "true, false or a whole number";
        }
        return key->words == NULL
                   ? "a whole number"
                   : jst_diags_fmt(f->report, "a whole number or %s", join_words(f, key->words));
    case JST_KEY_DURATION:
        return key->truth != NULL ? "true, false or a duration such as \"1h\" or \"365d\""
                                  : "a duration such as \"250ms\", \"30s\", \"5m\" or \"1h\"";
    case JST_KEY_SIZE:
        return "a size such as \"16KiB\", \"1MiB\" or \"10MB\"";
    case JST_KEY_PERCENT:
        return "a share such as \"50%\"";
    case JST_KEY_TEXT:
        return "a string";
    case JST_KEY_WORD:
        return jst_diags_fmt(f->report, "%s%s", key->truth != NULL ? "true, false, " : "",
                             join_words(f, key->words));
    case JST_KEY_TEXTS:
        if (key->words != NULL) {
            return jst_diags_fmt(f->report, "a list of %s", join_words(f, key->words));
        }
        if ((key->flags & JST_KEY_NUMBERS) != 0) {
            return "a list of strings and whole numbers";
        }
        return (key->flags & JST_KEY_ONE_OK) != 0 ? "a string or a list of strings"
                                                  : "a list of strings";
    case JST_KEY_PAIRS:
        return "a table of strings";
    case JST_KEY_PAGES:
        return "a table of statuses and paths";
    case JST_KEY_TABLE:
        return key->block->short_key != NULL ? "a string or a table" : "a table";
    case JST_KEY_TABLES:
        return key->block->short_key != NULL ? "a list of strings or tables" : "a list of tables";
    case JST_KEY_NAMED:
        return "a table of tables";
    case JST_KEY_LATER:
        break;
    }
    JST_UNREACHABLE();
}

const char *
jst_fill_help(struct jst_fill *f, const struct jst_key *key)
{
    return key->example != NULL
               ? jst_diags_fmt(f->report, "for example: %s = %s", key->name, key->example)
               : NULL;
}

void
jst_fill_wrong_type(struct jst_fill *f, const struct jst_key *key, const struct jst_node *node)
{
    jst_diags_error(f->report, &node->at, jst_fill_help(f, key), "'%s' must be %s, not %s",
                    key->name, expected(f, key), jst_node_kind_text(node->kind));
}

static void
report_range(struct jst_fill *f, const struct jst_key *key, const struct jst_node *node)
{
    unsigned long long min = key->min, max = key->max;

    if (key->type == JST_KEY_DURATION && max > 0) {
        char least[40], most[40];

        (void)jst_duration_print(least, sizeof(least), min);
        (void)jst_duration_print(most, sizeof(most), max);
        jst_diags_error(f->report, &node->at, NULL, "'%s' must be \"%s\" to \"%s\"", key->name,
                        least, most);
    } else if (key->type == JST_KEY_DURATION && min > 0) {
        char text[40];

        (void)jst_duration_print(text, sizeof(text), min);
        jst_diags_error(f->report, &node->at, NULL, "'%s' must be at least \"%s\"", key->name,
                        text);
    } else if (key->type == JST_KEY_PERCENT) {
        jst_diags_error(f->report, &node->at, NULL, "'%s' must be \"%llu%%\" to \"%llu%%\"",
                        key->name, min, max);
    } else if (max == 0 && min == 0) {
        jst_diags_error(f->report, &node->at, NULL, "'%s' is out of range", key->name);
    } else if (max == 0) {
        jst_diags_error(f->report, &node->at, NULL, "'%s' must be at least %llu", key->name, min);
    } else {
        jst_diags_error(f->report, &node->at, NULL, "'%s' must be %llu to %llu", key->name, min,
                        max);
    }
}

void
jst_fill_report_malformed(struct jst_fill *f, const struct jst_key *key,
                          const struct jst_node *node)
{
    const char *help =
        key->type == JST_KEY_WORD || key->type == JST_KEY_TEXTS ? jst_fill_help(f, key) : NULL;
    struct jst_nearest near;

    if (node->kind != JST_NODE_STRING) {
        jst_fill_wrong_type(f, key, node);
        return;
    }
    if (key->words != NULL && !node->expanded) {
        jst_nearest_init(&near, node->v.text);
        for (size_t i = 0; key->words[i] != NULL; i++) {
            jst_nearest_try(&near, key->words[i]);
        }
        if (near.best != NULL) {
            help = jst_diags_fmt(f->report, "did you mean \"%s\"?", near.best);
        }
    }
    jst_diags_error(f->report, &node->at, help, "'%s' must be %s, not %s", key->name,
                    expected(f, key), jst_fill_quote(f, node));
}

static void
report_later(struct jst_fill *f, const struct jst_key *key, const struct jst_node *node)
{
    const char *help = jst_fill_help(f, key);

    if (help == NULL) {
        help = jst_diags_fmt(f->report, "there is %s", expected(f, key));
    }
    jst_diags_error(f->report, &node->at, help, "'%s' = %s is not there yet (%s)", key->name,
                    jst_fill_quote(f, node), jst_word_find_later(key, node->v.text)->part);
}

void
jst_fill_report_result(struct jst_fill *f, const struct jst_key *key, const struct jst_node *node,
                       enum jst_value_result result)
{
    switch (result) {
    case JST_VALUE_OK:
        return;
    case JST_VALUE_MALFORMED:
        jst_fill_report_malformed(f, key, node);
        return;
    case JST_VALUE_RANGE:
        report_range(f, key, node);
        return;
    case JST_VALUE_LATER:
        report_later(f, key, node);
        return;
    }
}

/* ---- keys that are not known ---- */

/* What other servers call it when they may leave out a check that is always made here. */
static const char *
find_remedy(struct jst_slice name)
{
    static const char *const words[] = {"verify",     "tls_verify",          "ssl_verify",
                                        "insecure",   "proxy_ssl_verify",    "skip_verify",
                                        "verify_tls", "insecure_skip_verify"};

    for (size_t i = 0; i < JST_COUNT(words); i++) {
        if (jst_slice_ieq(name, jst_slice_z(words[i]))) {
            return "origins are always verified: `ca` of the pool takes a self-signed certificate "
                   "too, `verify_name` another name";
        }
    }
    return NULL;
}

/* The key may be right and only stand in the wrong place. */
static const char *
find_elsewhere(struct jst_fill *f, struct jst_slice name)
{
    const char *text = NULL;

    for (int id = 0; id < JST_BLOCKS_N; id++) {
        const struct jst_block *b = jst_schema_block((enum jst_block_id)id);
        ptrdiff_t i = b->bytes > 0 ? jst_block_find(b, name) : -1;

        if (i >= 0 && jst_block_key(b, (size_t)i)->type != JST_KEY_LATER &&
            (jst_block_key(b, (size_t)i)->flags & JST_KEY_NAME) == 0) {
            text = text == NULL
                       ? jst_diags_fmt(f->report, "'%.*s' is a key of %s", JST_PRI(name), b->title)
                       : jst_diags_fmt(f->report, "%s, %s", text, b->title);
        }
    }
    return text;
}

static const char *
list_keys(struct jst_fill *f, const struct jst_block *block)
{
    const char *text = "";

    for (size_t i = 0; i < block->keys_n; i++) {
        const struct jst_key *key = &block->keys[i];

        if (key->type != JST_KEY_LATER && (key->flags & JST_KEY_NAME) == 0) {
            text = jst_diags_fmt(f->report, "%s%s%s", text, text[0] != '\0' ? ", " : "", key->name);
        }
    }
    return jst_diags_fmt(f->report, "keys of %s: %s", block->title, text);
}

void
jst_fill_report_unknown(struct jst_fill *f, const struct jst_block *block,
                        const struct jst_node *node)
{
    struct jst_nearest near;
    const char *help;

    jst_nearest_init(&near, node->key);
    for (size_t i = 0; i < jst_block_keys_n(block); i++) {
        if (jst_block_key(block, i)->type != JST_KEY_LATER) {
            jst_nearest_try(&near, jst_block_key(block, i)->name);
        }
    }
    help = find_remedy(node->key);
    if (help == NULL && near.best != NULL) {
        help = jst_diags_fmt(f->report, "did you mean '%s'?", near.best);
    } else if (help == NULL) {
        help = find_elsewhere(f, node->key);
    }
    if (help == NULL && block->base == NULL) {
        help = list_keys(f, block);
    }
    jst_diags_error(f->report, &node->key_at, help, "unknown key '%.*s' in %s",
                    (int)JST_MIN(node->key.n, 80), node->key.p, block->title);
}
