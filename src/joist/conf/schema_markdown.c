// SPDX-License-Identifier: MIT
/*
 * The schema as the tables of docs/configuration.md. A test holds the page against this.
 */
#include "conf/conf.h"
#include "conf/schema.h"

static const char *
type_text(const struct jst_key *key)
{
    switch (key->type) {
    case JST_KEY_BOOL:
        return "true or false";
    case JST_KEY_UINT:
        return key->truth != NULL ? "true, false or number" : "number";
    case JST_KEY_DURATION:
        return key->truth != NULL ? "true, false or duration" : "duration";
    case JST_KEY_SIZE:
        return "size";
    case JST_KEY_PERCENT:
        return "share";
    case JST_KEY_TEXT:
        return "string";
    case JST_KEY_WORD:
        return key->truth != NULL ? "true, false or word" : "word";
    case JST_KEY_TEXTS:
        return key->words != NULL                    ? "list of words"
               : (key->flags & JST_KEY_ONE_OK) != 0  ? "string or list of strings"
               : (key->flags & JST_KEY_NUMBERS) != 0 ? "list of strings and numbers"
                                                     : "list of strings";
    case JST_KEY_PAIRS:
        return "table of strings";
    case JST_KEY_PAGES:
        return "table of paths";
    case JST_KEY_TABLE:
        return key->block->short_key != NULL ? "string or table" : "table";
    case JST_KEY_TABLES:
        return key->block->short_key != NULL ? "list of strings or tables" : "list of tables";
    case JST_KEY_NAMED:
        return "table of tables";
    case JST_KEY_LATER:
        break;
    }
    JST_UNREACHABLE();
}

/* A '|' would end the cell. */
static void
print_cell(FILE *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '|') {
            (void)fputc('\\', out);
        }
        (void)fputc(*p, out);
    }
}

static void
print_range(FILE *out, const struct jst_key *key)
{
    if ((key->type == JST_KEY_UINT || key->type == JST_KEY_SIZE) && key->max > 0 &&
        key->max < UINT32_MAX) {
        (void)fprintf(out, ", %llu to %llu", (unsigned long long)key->min,
                      (unsigned long long)key->max);
    }
    if (key->words == NULL || (key->type != JST_KEY_WORD && key->type != JST_KEY_TEXTS)) {
        return;
    }
    for (size_t i = 0; key->words[i] != NULL; i++) {
        (void)fprintf(out, "%s`\"%s\"`", i == 0 ? ": " : ", ", key->words[i]);
    }
}

static void
print_default(FILE *out, const struct jst_key *key)
{
    bool bare = key->type == JST_KEY_BOOL || key->truth != NULL ||
                (key->type == JST_KEY_UINT && key->words == NULL);

    if ((key->flags & JST_KEY_REQUIRED) != 0) {
        (void)fputs("**must be given**", out);
    } else if (key->fallback != NULL && key->type == JST_KEY_TEXTS) {
        (void)fprintf(out, "`[\"%s\"]`", key->fallback);
    } else if (key->fallback != NULL) {
        (void)fprintf(out, bare ? "`%s`" : "`\"%s\"`", key->fallback);
    }
}

/* [TLS to origins](#tls-to-origins), [[upstreams.NAME]](#upstreamsname) */
static void
print_link(FILE *out, const char *title)
{
    (void)fprintf(out, "[%s](#", title);
    for (const char *p = title; *p != '\0'; p++) {
        if (strchr("[].", *p) == NULL) {
            (void)fputc(*p == ' ' ? '-' : jst_lower(*p), out);
        }
    }
    (void)fputc(')', out);
}

static void
print_block(FILE *out, const struct jst_block *block)
{
    (void)fprintf(out, "\n### %s\n\n%s.\n", block->title, block->doc);
    if (block->like != NULL || block->base != NULL) {
        (void)fputs("Takes the keys of ", out);
        print_link(out, block->like != NULL ? block->like->title : block->base->title);
        (void)fputs(" too.\n", out);
    }
    (void)fputs("\n| key | type | default | meaning |\n|---|---|---|---|\n", out);
    for (size_t i = 0; i < (block->like != NULL ? block->own_n : block->keys_n); i++) {
        const struct jst_key *key = &block->keys[i];

        if (key->type == JST_KEY_LATER || (key->flags & JST_KEY_NAME) != 0) {
            continue;
        }
        (void)fprintf(out, "| `%s` | %s", key->name, type_text(key));
        print_range(out, key);
        (void)fputs(" | ", out);
        print_default(out, key);
        (void)fputs(" | ", out);
        print_cell(out, key->doc);
        if (key->type < JST_KEY_TABLE && key->example != NULL && key->fallback == NULL) {
            (void)fputs("; for example `", out);
            print_cell(out, key->example);
            (void)fputc('`', out);
        }
        (void)fputs(" |\n", out);
    }
}

void
jst_schema_print_markdown(FILE *out)
{
    for (int id = 0; id < JST_BLOCKS_N; id++) {
        print_block(out, jst_schema_block((enum jst_block_id)id));
    }
}
