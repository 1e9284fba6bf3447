// SPDX-License-Identifier: MIT
#include "base/str.h"
#include "conf/fill.h"
#include "conf/value.h"

/* A string that may be kept: no NUL inside, and good for `check`. */
static bool
check_text(struct jst_fill *f, const struct jst_key *key, const struct jst_node *node,
           jst_check_f *check)
{
    const char *why = NULL;

    if (node->broken) {
        f->skipped++;
        return false;
    }
    if (memchr(node->v.text.p, '\0', node->v.text.n) != NULL) {
        jst_diags_error(f->report, &node->at, NULL, "'%s' has a NUL character", key->name);
        return false;
    }
    if (check == NULL || check(node->v.text, &why)) {
        return true;
    }
    jst_diags_error(f->report, &node->at, jst_fill_help(f, key), "'%s': %s %s", key->name,
                    jst_fill_quote(f, node), why);
    return false;
}

static bool
is_stream(struct jst_slice s)
{
    return jst_slice_eq(s, JST_S("stdout")) || jst_slice_eq(s, JST_S("stderr"));
}

/* Paths are relative to the file that has them, wherever the program was started. */
static struct jst_slice
resolve_path(struct jst_fill *f, const struct jst_key *key, const struct jst_node *node)
{
    const char *file = jst_diags_file(f->report, node->at.file);
    const char *slash = file != NULL ? strrchr(file, '/') : NULL;
    struct jst_slice text = node->v.text;

    if (text.p[0] == '/' || slash == NULL ||
        ((key->flags & JST_KEY_STREAM) != 0 && is_stream(text))) {
        return text;
    }
    while (jst_slice_starts(text, JST_S("./")) && text.n > 2) {
        text = jst_slice(text.p + 2, text.n - 2);
    }
    return jst_slice_z(jst_diags_fmt(f->report, "%.*s%s", (int)(slash - file) + 1, file, text.p));
}

/* The value as it is kept; NULL when out of memory. */
static const char *
kept_text(struct jst_fill *f, const struct jst_key *key, const struct jst_node *node)
{
    const char *text = node->v.text.p;

    if ((key->flags & JST_KEY_PATH) != 0) {
        /* The report's arena ends with the report: keep it in ours. */
        text = jst_arena_copy(f->arena, resolve_path(f, key, node)).p;
        if (text == NULL) {
            f->rc = JOIST_E_NOMEM;
        }
    }
    return text;
}

static void
fill_text(struct jst_fill *f, const struct jst_key *key, void *object, const struct jst_node *node)
{
    const char *text;

    if (check_text(f, key, node, key->check) && (text = kept_text(f, key, node)) != NULL) {
        (void)jst_value_from_text(object, key, jst_slice_z(text));
    }
}

static void
fill_scalar(struct jst_fill *f, const struct jst_key *key, void *object,
            const struct jst_node *node)
{
    bool number =
        key->type == JST_KEY_UINT || key->type == JST_KEY_SIZE || key->type == JST_KEY_DURATION;
    bool word = key->type == JST_KEY_WORD || key->type == JST_KEY_SIZE ||
                key->type == JST_KEY_PERCENT || key->type == JST_KEY_DURATION ||
                (key->type == JST_KEY_UINT && key->words != NULL);

    if (node->kind == JST_NODE_BOOL && key->type == JST_KEY_BOOL) {
        jst_value_set_bool(object, key, node->v.boolean);
    } else if (node->kind == JST_NODE_BOOL && key->truth != NULL) {
        (void)jst_value_from_text(object, key, node->v.boolean ? JST_S("true") : JST_S("false"));
    } else if (node->kind == JST_NODE_INTEGER && number) {
        jst_fill_report_result(f, key, node, jst_value_from_number(object, key, node->v.integer));
    } else if (node->kind == JST_NODE_STRING && !node->expanded && key->type == JST_KEY_UINT &&
               word && strcmp(node->v.text.p, key->words[0]) != 0) {
        jst_fill_report_malformed(f, key, node);
    } else if (node->kind == JST_NODE_STRING && (word || node->expanded)) {
        /* What comes out of ${NAME} is a string, whatever the key wants. */
        jst_fill_report_result(f, key, node, jst_value_from_text(object, key, node->v.text));
    } else {
        jst_fill_wrong_type(f, key, node);
    }
}

/* A number of a list is kept as the text that it stands for. */
static struct jst_node
number_as_text(struct jst_fill *f, const struct jst_node *node)
{
    struct jst_node as = *node;
    char text[24];

    (void)jst_fmt(text, sizeof(text), "%lld", (long long)node->v.integer);
    as.kind = JST_NODE_STRING;
    as.v.text = jst_arena_copy(f->arena, jst_slice_z(text));
    if (as.v.text.p == NULL) {
        f->rc = JOIST_E_NOMEM;
        as.v.text = JST_S("0");
    }
    return as;
}

/* Of lists that take certain words only. */
static bool
check_word(struct jst_fill *f, const struct jst_key *key, const struct jst_node *node)
{
    if (key->words == NULL || jst_word_is_known(key, node->v.text)) {
        return true;
    }
    jst_fill_report_result(f, key, node,
                           jst_word_find_later(key, node->v.text) != NULL ? JST_VALUE_LATER
                                                                          : JST_VALUE_MALFORMED);
    return false;
}

static void
fill_texts(struct jst_fill *f, const struct jst_key *key, void *object, const struct jst_node *node)
{
    bool one = node->kind == JST_NODE_STRING;
    struct jst_texts *list = jst_value_at(object, key);
    const char **v = jst_fill_take(f, (one ? 1 : node->count) * sizeof(*v));
    size_t n = 0;

    for (const struct jst_node *at = one ? node : node->first; at != NULL && v != NULL;
         at = one ? NULL : at->next) {
        bool number = at->kind == JST_NODE_INTEGER && (key->flags & JST_KEY_NUMBERS) != 0;
        struct jst_node text = number ? number_as_text(f, at) : *at;
        const struct jst_node *c = &text;

        if (c->kind != JST_NODE_STRING) {
            jst_fill_wrong_type(f, key, at);
        } else if (check_text(f, key, c, key->check) && check_word(f, key, c) &&
                   (v[n] = kept_text(f, key, c)) != NULL) {
            n++;
        }
    }
    if (!one && node->first == NULL && (key->words != NULL || (key->flags & JST_KEY_ONE_OK) != 0)) {
        jst_diags_error(f->report, &node->at, jst_fill_help(f, key),
                        "'%s' must not be an empty list", key->name);
    }
    *list = (struct jst_texts){v, v != NULL ? n : 0};
}

static void
add_pair(struct jst_pairs *list, const char *name, const char *value)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcasecmp(list->v[i].name, name) == 0) {
            list->v[i] = (struct joist_pair){name, value};
            return;
        }
    }
    list->v[list->n++] = (struct joist_pair){name, value};
}

static void
fill_pairs(struct jst_fill *f, const struct jst_key *key, void *object, const struct jst_node *node)
{
    struct jst_pairs *list = jst_value_at(object, key);
    struct jst_pairs had = (key->flags & JST_KEY_MERGE) != 0 ? *list : (struct jst_pairs){0};
    const char *why;

    list->v = jst_fill_take(f, (node->count + had.n) * sizeof(*list->v));
    list->n = 0;
    if (list->v == NULL) {
        return;
    }
    for (size_t i = 0; i < had.n; i++) {
        list->v[list->n++] = had.v[i];
    }
    for (const struct jst_node *c = node->first; c != NULL; c = c->next) {
        if (!key->check(c->key, &why)) {
            jst_diags_error(f->report, &c->key_at, jst_fill_help(f, key), "'%s': '%s' %s",
                            key->name, c->key.p, why);
        } else if (c->kind != JST_NODE_STRING) {
            jst_diags_error(f->report, &c->at, jst_fill_help(f, key),
                            "'%s' must be a string, not %s", c->key.p, jst_node_kind_text(c->kind));
        } else if (check_text(f, key, c, key->check_value)) {
            add_pair(list, c->key.p, c->v.text.p);
        }
    }
}

static void
fill_pages(struct jst_fill *f, const struct jst_key *key, void *object, const struct jst_node *node)
{
    struct jst_pages *list = jst_value_at(object, key);
    uint64_t status;

    list->v = jst_fill_take(f, node->count * sizeof(*list->v));
    list->n = 0;
    for (const struct jst_node *c = node->first; c != NULL && list->v != NULL; c = c->next) {
        if (!jst_slice_u64(&status, c->key) || status < 400 || status > 599) {
            jst_diags_error(f->report, &c->key_at, jst_fill_help(f, key),
                            "'%s': '%s' is not an error status: 400 to 599", key->name, c->key.p);
        } else if (c->kind != JST_NODE_STRING) {
            jst_diags_error(f->report, &c->at, jst_fill_help(f, key), "'%s' must be a path, not %s",
                            c->key.p, jst_node_kind_text(c->kind));
        } else if (check_text(f, key, c, key->check_value)) {
            list->v[list->n++] = (struct joist_error_page_conf){(uint16_t)status, c->v.text.p};
        }
    }
}

void
jst_fill_value(struct jst_fill *f, const struct jst_key *key, void *object,
               const struct jst_node *node)
{
    if (node->broken) {
        f->skipped++;
        return;
    }
    switch (key->type) {
    case JST_KEY_TEXT:
        if (node->kind == JST_NODE_STRING) {
            fill_text(f, key, object, node);
            return;
        }
        break;
    case JST_KEY_TEXTS:
        if (node->kind == JST_NODE_ARRAY ||
            (node->kind == JST_NODE_STRING && (key->flags & JST_KEY_ONE_OK) != 0)) {
            fill_texts(f, key, object, node);
            return;
        }
        break;
    case JST_KEY_PAIRS:
    case JST_KEY_PAGES:
        if (node->kind == JST_NODE_TABLE) {
            (key->type == JST_KEY_PAIRS ? fill_pairs : fill_pages)(f, key, object, node);
            return;
        }
        break;
    default:
        fill_scalar(f, key, object, node);
        return;
    }
    jst_fill_wrong_type(f, key, node);
}
