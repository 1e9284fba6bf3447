// SPDX-License-Identifier: MIT
/*
 * `joist config show --json`: the typed structs as JSON, of the shape of the JSON Schema.
 */
#include "conf/json.h"
#include "conf/show.h"
#include "conf/value.h"

#include <stdlib.h>

struct show {
    FILE *out;
    char *scratch;
    size_t cap;
};

static void print_block(struct show *s, const struct jst_block *block, const void *object);

static void
print_text(struct show *s, const char *text)
{
    jst_json_print(s->out, jst_slice_z(text));
}

static void
print_pairs(struct show *s, const struct jst_pairs *list)
{
    for (size_t i = 0; i < list->n; i++) {
        (void)fputs(i > 0 ? "," : "", s->out);
        print_text(s, list->v[i].name);
        (void)fputc(':', s->out);
        print_text(s, jst_show_is_secret(list->v[i].name) ? JST_SHOW_REDACTED : list->v[i].value);
    }
}

static void
print_pages(struct show *s, const struct jst_pages *list)
{
    for (size_t i = 0; i < list->n; i++) {
        (void)fprintf(s->out, "%s\"%u\":", i > 0 ? "," : "", list->v[i].status);
        print_text(s, list->v[i].path);
    }
}

static void
print_texts(struct show *s, const struct jst_texts *list)
{
    for (size_t i = 0; i < list->n; i++) {
        (void)fputs(i > 0 ? "," : "", s->out);
        print_text(s, list->v[i]);
    }
}

/* The objects of TABLES and NAMED, with their names before them if they have some. */
static void
print_objects(struct show *s, const struct jst_key *key, const void *object)
{
    const char *child = jst_show_pointer(object, key);
    size_t n = jst_show_count(object, key);

    for (size_t i = 0; i < n; i++, child += key->block->bytes) {
        (void)fputs(i > 0 ? "," : "", s->out);
        if (key->type == JST_KEY_NAMED) {
            print_text(s, jst_show_pointer(child, jst_block_key(key->block, 0)));
            (void)fputc(':', s->out);
        }
        print_block(s, key->block, child);
    }
}

static void
print_value(struct show *s, const struct jst_key *key, const void *object)
{
    const void *at = jst_value_at_const(object, key);
    bool list = key->type == JST_KEY_TEXTS || key->type == JST_KEY_TABLES;

    switch (key->type) {
    case JST_KEY_TEXT:
        print_text(s, jst_show_pointer(object, key));
        return;
    case JST_KEY_TABLE:
        print_block(s, key->block, jst_show_pointer(object, key));
        return;
    case JST_KEY_BOOL:
    case JST_KEY_UINT:
    case JST_KEY_DURATION:
    case JST_KEY_SIZE:
    case JST_KEY_PERCENT:
    case JST_KEY_WORD:
        /* TOML and JSON write these the same. */
        (void)jst_value_print(s->scratch, s->cap, object, key);
        (void)fputs(s->scratch, s->out);
        return;
    default:
        break;
    }
    (void)fputc(list ? '[' : '{', s->out);
    if (key->type == JST_KEY_TEXTS) {
        print_texts(s, at);
    } else if (key->type == JST_KEY_PAIRS) {
        print_pairs(s, at);
    } else if (key->type == JST_KEY_PAGES) {
        print_pages(s, at);
    } else {
        print_objects(s, key, object);
    }
    (void)fputc(list ? ']' : '}', s->out);
}

static void
print_block(struct show *s, const struct jst_block *block, const void *object)
{
    bool first = true;

    (void)fputc('{', s->out);
    for (size_t i = 0; i < jst_block_keys_n(block); i++) {
        const struct jst_key *key = jst_block_key(block, i);

        if (!jst_show_is_idle(block, object, key)) {
            (void)fprintf(s->out, "%s\"%s\":", first ? "" : ",", key->name);
            print_value(s, key, object);
            first = false;
        }
    }
    (void)fputc('}', s->out);
}

void
jst_conf_show_json(const struct jst_conf *conf, FILE *out)
{
    struct show s = {.out = out, .cap = jst_show_scratch_bytes(conf)};

    s.scratch = malloc(s.cap);
    if (s.scratch != NULL) {
        print_block(&s, jst_schema_root(), conf->file);
        (void)fputc('\n', out);
    }
    free(s.scratch);
}
