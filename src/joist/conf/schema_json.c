// SPDX-License-Identifier: MIT
/*
 * The schema as JSON Schema (draft 2020-12), for editors and for tests of configurations made by
 * programs. A value may always be a string with ${NAME}: what comes out of it is not known before.
 */
#include "conf/conf.h"
#include "conf/json.h"
#include "conf/schema.h"

struct print {
    FILE *out;
    unsigned depth;
};

static void
newline(struct print *p)
{
    (void)fprintf(p->out, "\n%*s", (int)(2 * p->depth), "");
}

/* `,` before every member but the first. */
static void
member(struct print *p, bool *first, const char *name)
{
    if (!*first) {
        (void)fputc(',', p->out);
    }
    *first = false;
    newline(p);
    jst_json_print(p->out, jst_slice_z(name));
    (void)fputs(": ", p->out);
}

static void
print_ref(struct print *p, const struct jst_block *block)
{
    (void)fprintf(p->out, "{\"$ref\": \"#/$defs/%s\"}", block->name);
}

#define ENV_REF "{\"$ref\": \"#/$defs/env\"}"

static void
print_words(struct print *p, const char *const *words)
{
    (void)fputs("{\"enum\": [", p->out);
    for (size_t i = 0; words[i] != NULL; i++) {
        (void)fputs(i > 0 ? ", " : "", p->out);
        jst_json_print(p->out, jst_slice_z(words[i]));
    }
    (void)fputs("]}", p->out);
}

static void
print_integer(struct print *p, const struct jst_key *key)
{
    (void)fprintf(p->out, "{\"type\": \"integer\", \"minimum\": %llu",
                  (unsigned long long)key->min);
    if (key->max > 0) {
        (void)fprintf(p->out, ", \"maximum\": %llu", (unsigned long long)key->max);
    }
    (void)fputc('}', p->out);
}

/* One entry of `anyOf` or more. */
static void
print_scalar(struct print *p, const struct jst_key *key)
{
    if (key->truth != NULL) {
        (void)fputs("{\"type\": \"boolean\"}, ", p->out);
    }
    switch (key->type) {
    case JST_KEY_BOOL:
        (void)fputs("{\"type\": \"boolean\"}", p->out);
        break;
    case JST_KEY_UINT:
        print_integer(p, key);
        if (key->words != NULL) {
            (void)fputs(", ", p->out);
            print_words(p, key->words);
        }
        break;
    case JST_KEY_DURATION:
        (void)fputs("{\"type\": \"string\", \"pattern\": \"^(0|[0-9]+(ms|s|m|h|d))$\"}", p->out);
        (void)fputs(key->min == 0 ? ", {\"const\": 0}" : "", p->out);
        break;
    case JST_KEY_SIZE:
        print_integer(p, key);
        (void)fputs(", {\"type\": \"string\", \"pattern\": "
                    "\"^[0-9]+(|B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$\"}",
                    p->out);
        break;
    case JST_KEY_PERCENT:
        (void)fputs("{\"type\": \"string\", \"pattern\": \"^(100|[0-9]{1,2})%$\"}", p->out);
        break;
    case JST_KEY_WORD:
        print_words(p, key->words);
        break;
    default:
        JST_UNREACHABLE();
    }
}

static void
print_short(struct print *p, const struct jst_block *block)
{
    size_t i = jst_block_get(block, block->short_key);
    const struct jst_key *key = jst_block_key(block, i);

    if (key->type == JST_KEY_WORD) {
        print_words(p, key->words);
    } else if (key->type == JST_KEY_DURATION) {
        print_scalar(p, key);
        (void)fputs(", " ENV_REF, p->out);
    } else {
        (void)fputs("{\"type\": \"string\"}", p->out);
    }
}

static void
print_object(struct print *p, const struct jst_block *block)
{
    if (block->short_key == NULL) {
        print_ref(p, block);
        return;
    }
    (void)fputs("{\"anyOf\": [", p->out);
    print_ref(p, block);
    (void)fputs(", ", p->out);
    print_short(p, block);
    (void)fputs("]}", p->out);
}

static void
print_texts(struct print *p, const struct jst_key *key)
{
    bool one = (key->flags & JST_KEY_ONE_OK) != 0;

    (void)fputs(one ? ", \"anyOf\": [{\"type\": \"string\"}, {" : ", ", p->out);
    (void)fputs("\"type\": \"array\", \"items\": ", p->out);
    if (key->words != NULL) {
        (void)fputs("{\"anyOf\": [", p->out);
        print_words(p, key->words);
        (void)fputs(", " ENV_REF "]}", p->out);
    } else if ((key->flags & JST_KEY_NUMBERS) != 0) {
        (void)fputs("{\"type\": [\"string\", \"integer\"]}", p->out);
    } else {
        (void)fputs("{\"type\": \"string\"}", p->out);
    }
    if (key->words != NULL || one) {
        (void)fputs(", \"minItems\": 1", p->out);
    }
    (void)fputs(one ? "}]" : "", p->out);
}

/* The members that say which values are good, each with its comma before it. */
static void
print_type(struct print *p, const struct jst_key *key)
{
    switch (key->type) {
    case JST_KEY_TEXT:
        (void)fputs(", \"type\": \"string\"", p->out);
        return;
    case JST_KEY_TEXTS:
        print_texts(p, key);
        return;
    case JST_KEY_PAIRS:
        (void)fputs(", \"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}",
                    p->out);
        return;
    case JST_KEY_PAGES:
        (void)fputs(", \"type\": \"object\", \"propertyNames\": {\"pattern\": \"^[45][0-9]{2}$\"}"
                    ", \"additionalProperties\": {\"type\": \"string\"}",
                    p->out);
        return;
    case JST_KEY_TABLE:
        (void)fputs(", \"anyOf\": [", p->out);
        print_object(p, key->block);
        (void)fputc(']', p->out);
        return;
    case JST_KEY_TABLES:
        (void)fputs(", \"anyOf\": [{\"type\": \"array\", \"items\": ", p->out);
        print_object(p, key->block);
        (void)fputc('}', p->out);
        if ((key->flags & JST_KEY_ONE_OK) != 0) {
            (void)fputs(", ", p->out);
            print_ref(p, key->block);
        }
        (void)fputc(']', p->out);
        return;
    case JST_KEY_NAMED:
        (void)fputs(", \"type\": \"object\", \"additionalProperties\": ", p->out);
        print_ref(p, key->block);
        return;
    default:
        (void)fputs(", \"anyOf\": [", p->out);
        print_scalar(p, key);
        (void)fputs(", " ENV_REF "]", p->out);
    }
}

static void
print_default(struct print *p, const struct jst_key *key)
{
    bool plain =
        key->type == JST_KEY_BOOL || key->truth != NULL ||
        (key->type == JST_KEY_UINT && (key->fallback[0] >= '0' && key->fallback[0] <= '9'));

    (void)fputs(", \"default\": ", p->out);
    if (key->type == JST_KEY_TEXTS) {
        (void)fputc('[', p->out);
        jst_json_print(p->out, jst_slice_z(key->fallback));
        (void)fputc(']', p->out);
    } else if (plain) {
        (void)fputs(key->fallback, p->out);
    } else {
        jst_json_print(p->out, jst_slice_z(key->fallback));
    }
}

static void
print_key(struct print *p, const struct jst_key *key)
{
    (void)fputs("{\"description\": ", p->out);
    jst_json_print(p->out, jst_slice_z(key->doc));
    if (key->fallback != NULL) {
        print_default(p, key);
    }
    print_type(p, key);
    (void)fputc('}', p->out);
}

static void
print_properties(struct print *p, const struct jst_block *block)
{
    bool first = true;

    (void)fputc('{', p->out);
    p->depth++;
    for (size_t i = 0; i < jst_block_keys_n(block); i++) {
        const struct jst_key *key = jst_block_key(block, i);

        if (key->type != JST_KEY_LATER && (key->flags & JST_KEY_NAME) == 0) {
            member(p, &first, key->name);
            print_key(p, key);
        }
    }
    p->depth--;
    newline(p);
    (void)fputc('}', p->out);
}

static void
print_required(struct print *p, const struct jst_block *block)
{
    bool first = true;

    (void)fputc('[', p->out);
    for (size_t i = 0; i < jst_block_keys_n(block); i++) {
        if ((jst_block_key(block, i)->flags & JST_KEY_REQUIRED) != 0) {
            (void)fputs(first ? "" : ", ", p->out);
            jst_json_print(p->out, jst_slice_z(jst_block_key(block, i)->name));
            first = false;
        }
    }
    (void)fputc(']', p->out);
}

/* A key counts as given unless it says false. */
static void
print_given(struct print *p, const struct jst_block *block, const char *name)
{
    const struct jst_key *key = jst_block_key(block, jst_block_get(block, name));

    (void)fprintf(p->out, "{\"required\": [\"%s\"]", name);
    if (key->type == JST_KEY_BOOL || key->truth != NULL) {
        (void)fprintf(p->out, ", \"properties\": {\"%s\": {\"not\": {\"const\": false}}}", name);
    }
    (void)fputc('}', p->out);
}

static void
print_rule(struct print *p, const struct jst_block *block, const struct jst_rule *rule)
{
    const char *before[] = {"{\"not\": {\"allOf\": [", "{\"if\": ", "{\"anyOf\": ["};
    const char *between[] = {", ", ", \"then\": ", ", "};
    const char *after[] = {"]}}", "}", "]}"};

    (void)fputs(before[rule->kind], p->out);
    print_given(p, block, rule->a);
    (void)fputs(between[rule->kind], p->out);
    print_given(p, block, rule->b);
    for (size_t i = 0; i < JST_COUNT(rule->more) && rule->more[i] != NULL; i++) {
        (void)fputs(between[rule->kind], p->out);
        print_given(p, block, rule->more[i]);
    }
    (void)fputs(after[rule->kind], p->out);
}

static void
print_rules(struct print *p, const struct jst_block *block)
{
    size_t own = block->rules_n, base = block->base != NULL ? block->base->rules_n : 0;

    (void)fputc('[', p->out);
    p->depth++;
    for (size_t i = 0; i < own + base; i++) {
        (void)fputs(i > 0 ? "," : "", p->out);
        newline(p);
        print_rule(p, block, i < own ? &block->rules[i] : &block->base->rules[i - own]);
    }
    p->depth--;
    newline(p);
    (void)fputc(']', p->out);
}

/* The members of a block's schema, without the braces. */
static void
print_block(struct print *p, bool *first, const struct jst_block *block)
{
    member(p, first, "description");
    jst_json_print(p->out, jst_slice_z(block->doc));
    member(p, first, "type");
    (void)fputs("\"object\"", p->out);
    member(p, first, "additionalProperties");
    (void)fputs("false", p->out);
    member(p, first, "required");
    print_required(p, block);
    member(p, first, "properties");
    print_properties(p, block);
    if (block->rules_n + (block->base != NULL ? block->base->rules_n : 0) > 0) {
        member(p, first, "allOf");
        print_rules(p, block);
    }
}

static void
print_defs(struct print *p)
{
    bool first = true;

    (void)fputc('{', p->out);
    p->depth++;
    member(p, &first, "env");
    (void)fputs("{\"description\": \"A value from the environment\", \"type\": \"string\", "
                "\"pattern\": \"[$][{]\"}",
                p->out);
    for (int id = JST_BLOCK_FILE + 1; id < JST_BLOCKS_N; id++) {
        const struct jst_block *block = jst_schema_block((enum jst_block_id)id);
        bool inside = true;

        if (block->bytes > 0) {
            member(p, &first, block->name);
            (void)fputc('{', p->out);
            p->depth++;
            print_block(p, &inside, block);
            p->depth--;
            newline(p);
            (void)fputc('}', p->out);
        }
    }
    p->depth--;
    newline(p);
    (void)fputc('}', p->out);
}

void
jst_schema_print_json(FILE *out)
{
    struct print p = {out, 1};
    bool first = true;

    (void)fputc('{', out);
    member(&p, &first, "$schema");
    (void)fputs("\"https://json-schema.org/draft/2020-12/schema\"", out);
    member(&p, &first, "title");
    (void)fputs("\"joist.toml\"", out);
    print_block(&p, &first, jst_schema_root());
    member(&p, &first, "$defs");
    print_defs(&p);
    (void)fputs("\n}\n", out);
}
