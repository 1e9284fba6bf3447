// SPDX-License-Identifier: MIT
#include "conf/toml.h"

#include "base/arena.h"
#include "base/str.h"

/*
 * Before toml++ sees the text, it is looked through once, for two reasons:
 *
 * - toml++ 3.3 recurses once for each part of a dotted key and has no limit for it. So the parts
 *   are counted: dots outside strings and comments since the last thing that ends a key.
 * - It looks through all lists of tables for each [[header]], which is 0.3 s for 10,000 sites with
 *   routes, and four times that for twice as many. So a long text is parsed in parts, cut where
 *   a [[list]] of the top level begins, and put together afterwards. If anything about that is not
 *   plain, the text is parsed whole: then toml++ says what is wrong.
 *
 * In a valid document this sees strings as toml++ does; an invalid one may be refused here or
 * there.
 */
#define PART_BYTES 65536u

struct cut {
    size_t offset;
    uint32_t lines; /* before it */
};

struct scan {
    const char *start;
    const char *p;
    const char *end;
    uint32_t line;
    const char *line_start;
    int depth;        /* of brackets and braces */
    struct cut *cuts; /* the first is the beginning */
    size_t cuts_n;
};

void *
jst_toml_alloc(struct jst_arena *arena, size_t n)
{
    return jst_arena_zalloc(arena, n);
}

const char *
jst_node_kind_text(enum jst_node_kind kind)
{
    switch (kind) {
    case JST_NODE_TABLE:
        return "a table";
    case JST_NODE_ARRAY:
        return "a list";
    case JST_NODE_STRING:
        return "a string";
    case JST_NODE_INTEGER:
        return "a whole number";
    case JST_NODE_FLOAT:
        return "a fraction";
    case JST_NODE_BOOL:
        return "true or false";
    case JST_NODE_TIME:
        return "a date or time";
    }
    JST_UNREACHABLE();
}

struct jst_node *
jst_node_find(const struct jst_node *table, const char *key)
{
    size_t n = strlen(key);

    for (struct jst_node *c = table->first; c != NULL; c = c->next) {
        if (c->key.n == n && memcmp(c->key.p, key, n) == 0) {
            return c;
        }
    }
    return NULL;
}

void
jst_node_push(struct jst_node *parent, struct jst_node *child)
{
    child->next = NULL;
    if (parent->last == NULL) {
        parent->first = child;
    } else {
        parent->last->next = child;
    }
    parent->last = child;
    parent->count++;
}

static bool
at_triple(const struct scan *s, char quote)
{
    return s->end - s->p >= 3 && s->p[0] == quote && s->p[1] == quote && s->p[2] == quote;
}

static void
note_newline(struct scan *s)
{
    s->line++;
    s->line_start = s->p + 1;
}

/* At an opening quote; leaves p behind the closing one, or at the end of line of a broken string.
 */
static void
skip_string(struct scan *s)
{
    char quote = *s->p;
    bool triple = at_triple(s, quote);

    s->p += triple ? 3 : 1;
    for (; s->p < s->end; s->p++) {
        if (*s->p == '\n') {
            if (!triple) {
                return;
            }
            note_newline(s);
        } else if (*s->p == '\\' && quote == '"' && s->p + 1 < s->end) {
            s->p++;
            if (*s->p == '\n') {
                note_newline(s);
            }
        } else if (*s->p == quote && (!triple || at_triple(s, quote))) {
            s->p += triple ? 3 : 1;
            /* TOML 1.0: up to two more quotes before the closing three belong to the string. */
            for (int i = 0; triple && i < 2 && s->p < s->end && *s->p == quote; i++) {
                s->p++;
            }
            return;
        }
    }
}

/* "[[name]]", the first thing on its line. */
static bool
is_list_header(const struct scan *s)
{
    const char *p = s->p;

    for (const char *before = s->line_start; before < p; before++) {
        if (*before != ' ' && *before != '\t') {
            return false;
        }
    }
    if (s->end - p < 5 || p[0] != '[' || p[1] != '[') {
        return false;
    }
    for (p += 2; p < s->end && ((jst_lower(*p) >= 'a' && jst_lower(*p) <= 'z') || *p == '_'); p++) {
    }
    return p > s->p + 2 && s->end - p >= 2 && p[0] == ']' && p[1] == ']';
}

static void
note_bracket(struct scan *s)
{
    size_t offset = (size_t)(s->line_start - s->start);

    if (*s->p == ']' || *s->p == '}') {
        s->depth--;
        return;
    }
    if (s->depth == 0 && offset >= s->cuts[s->cuts_n - 1].offset + PART_BYTES &&
        is_list_header(s)) {
        s->cuts[s->cuts_n++] = (struct cut){offset, s->line - 1};
    }
    s->depth++;
}

/* False if a key has too many parts: p is there. */
static bool
scan_text(struct scan *s)
{
    unsigned parts = 0;

    while (s->p < s->end) {
        char c = *s->p;

        if (c == '"' || c == '\'') {
            skip_string(s);
            continue;
        }
        if (c == '#') {
            const char *eol = memchr(s->p, '\n', (size_t)(s->end - s->p));

            s->p = eol != NULL ? eol : s->end;
            continue;
        }
        if (c == '.') {
            if (++parts >= JST_TOML_DEPTH_MAX) {
                return false;
            }
        } else if (c == '=' || c == ',' || c == '\n') {
            parts = 0;
        } else if (c == '[' || c == '{' || c == ']' || c == '}') {
            parts = 0;
            note_bracket(s);
        }
        if (c == '\n') {
            note_newline(s);
        }
        s->p++;
    }
    return true;
}

/* A list that was written as [[headers]], not as a value. */
static bool
is_header_list(const struct jst_node *node)
{
    return node->kind == JST_NODE_ARRAY && node->first != NULL &&
           node->first->kind == JST_NODE_TABLE && node->at.line == node->first->at.line &&
           node->at.column == node->first->at.column;
}

/* False if the parts do not simply follow each other. */
static bool
join(struct jst_node *root, struct jst_node *part)
{
    for (struct jst_node *c = part->first, *next; c != NULL; c = next) {
        struct jst_node *had = jst_node_find(root, c->key.p);

        next = c->next;
        if (had == NULL) {
            jst_node_push(root, c);
        } else if (is_header_list(had) && is_header_list(c)) {
            had->last->next = c->first;
            had->last = c->last;
            had->count += c->count;
        } else {
            return false;
        }
    }
    return true;
}

/* JOIST_E_UNSUPPORTED: parse it whole. */
static int
parse_parts(struct jst_node **out, struct jst_arena *arena, const struct scan *s, uint32_t file)
{
    struct jst_node *root = NULL;
    struct jst_toml_error err;

    for (size_t i = 0; i < s->cuts_n; i++) {
        size_t from = s->cuts[i].offset;
        size_t to = i + 1 < s->cuts_n ? s->cuts[i + 1].offset : (size_t)(s->end - s->start);
        struct jst_node *part = NULL;
        int rc = jst_toml_shim_parse(&part, arena, jst_slice(s->start + from, to - from), file,
                                     s->cuts[i].lines, &err);

        if (rc < 0) {
            return rc == JOIST_E_NOMEM ? rc : JOIST_E_UNSUPPORTED;
        }
        if (root == NULL) {
            root = part;
        } else if (!join(root, part)) {
            return JOIST_E_UNSUPPORTED;
        }
    }
    *out = root;
    return JOIST_OK;
}

int
jst_toml_parse(struct jst_node **out, struct jst_arena *arena, struct jst_slice text, uint32_t file,
               struct jst_toml_error *err)
{
    struct scan s = {.start = text.p, .p = text.p, .end = text.p + text.n, .line = 1};
    int rc = JOIST_E_UNSUPPORTED;

    *err = (struct jst_toml_error){.line = 1, .column = 1};
    if (text.n > JST_TOML_BYTES_MAX) {
        (void)jst_fmt(err->message, sizeof(err->message), "the file is over %u MiB",
                      JST_TOML_BYTES_MAX / (1024 * 1024));
        return JOIST_E_INVAL;
    }
    s.line_start = text.p;
    s.cuts = jst_arena_zalloc(arena, (text.n / PART_BYTES + 1) * sizeof(*s.cuts));
    s.cuts_n = 1;
    if (s.cuts == NULL) {
        return JOIST_E_NOMEM;
    }
    if (text.n > 0 && !scan_text(&s)) {
        err->line = s.line;
        err->column = (uint32_t)(s.p - s.line_start) + 1;
        (void)jst_fmt(err->message, sizeof(err->message), "a key has more than %u parts",
                      JST_TOML_DEPTH_MAX);
        return JOIST_E_INVAL;
    }
    if (s.cuts_n > 1) {
        rc = parse_parts(out, arena, &s, file);
    }
    return rc == JOIST_E_UNSUPPORTED ? jst_toml_shim_parse(out, arena, text, file, 0, err) : rc;
}
