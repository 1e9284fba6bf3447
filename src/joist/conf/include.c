// SPDX-License-Identifier: MIT
#include "conf/include.h"

#include "conf/interpolate.h"
#include "conf/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct load {
    struct jst_arena *arena;
    struct jst_diags *report;
    size_t files;
    int rc;
};

/* A file that is being read, and the one whose `include` named it. */
struct level {
    const struct level *above;
    const char *path;
    dev_t dev;
    ino_t ino;
    unsigned depth;
};

static void load_file(struct load *l, struct jst_node **out, const char *path,
                      const struct level *above, const struct jst_span *asked_at);

static bool
read_all(char **out, size_t *n, int fd, size_t size)
{
    char *text = malloc(size > 0 ? size : 1);
    size_t done = 0;

    while (text != NULL && done < size) {
        ssize_t got = read(fd, text + done, size - done);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            free(text);
            return false;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *out = text;
    *n = done;
    return text != NULL;
}

static const char *
fault_of(const struct stat *st)
{
    if (S_ISDIR(st->st_mode)) {
        return "it is a folder";
    }
    if (!S_ISREG(st->st_mode)) {
        return "it is not a plain file";
    }
    return st->st_size > (off_t)JST_TOML_BYTES_MAX ? "it is too big" : NULL;
}

/* Open and read; what is wrong is reported where the file was asked for. */
static bool
read_file(struct load *l, char **text, size_t *n, struct stat *st, const char *path,
          const struct jst_span *asked_at)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool failed = fd < 0 || fstat(fd, st) < 0;
    const char *why = NULL;

    if (!failed) {
        why = fault_of(st);
        failed = why == NULL && !read_all(text, n, fd, (size_t)st->st_size);
    }
    if (failed) {
        why = strerror(errno);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (why != NULL) {
        jst_diags_error(l->report, asked_at,
                        asked_at == NULL && fd >= 0 && S_ISDIR(st->st_mode)
                            ? "to serve a folder, write a file with [[sites]] and root = \"FOLDER\""
                            : NULL,
                        "cannot read '%s': %s", path, why);
    }
    return why == NULL;
}

/* `[listeners]` in one file and `[[listeners]]` in another are one list. */
static bool
make_list(struct load *l, const struct jst_key *key, struct jst_node *node)
{
    struct jst_node *only;

    if (node->kind != JST_NODE_TABLE || (key->flags & JST_KEY_ONE_OK) == 0) {
        return node->kind == JST_NODE_ARRAY;
    }
    only = jst_toml_alloc(l->arena, sizeof(*only));
    if (only == NULL) {
        l->rc = JOIST_E_NOMEM;
        return false;
    }
    *only = *node;
    node->kind = JST_NODE_ARRAY;
    node->count = 0;
    node->first = node->last = NULL;
    jst_node_push(node, only);
    return true;
}

static void
append_children(struct jst_node *to, struct jst_node *from)
{
    for (struct jst_node *c = from->first, *next; c != NULL; c = next) {
        next = c->next;
        jst_node_push(to, c);
    }
}

static void
report_twice(struct load *l, const struct jst_node *had, const struct jst_node *node)
{
    jst_diags_error(l->report, &node->key_at, NULL, "'%s' stands in %s:%u already", node->key.p,
                    jst_diags_file(l->report, had->key_at.file), had->key_at.line);
}

static void
merge_named(struct load *l, struct jst_node *had, struct jst_node *more)
{
    for (struct jst_node *c = more->first, *next; c != NULL; c = next) {
        struct jst_node *same = jst_node_find(had, c->key.p);

        next = c->next;
        if (same != NULL) {
            report_twice(l, same, c);
        } else {
            jst_node_push(had, c);
        }
    }
}

static void
merge_key(struct load *l, struct jst_node *root, struct jst_node *node)
{
    struct jst_node *had = jst_node_find(root, node->key.p);
    ptrdiff_t i = jst_block_find(jst_schema_root(), node->key);
    const struct jst_key *key = i >= 0 ? jst_block_key(jst_schema_root(), (size_t)i) : NULL;

    if (had == NULL) {
        jst_node_push(root, node);
    } else if (key != NULL && key->type == JST_KEY_TABLES && make_list(l, key, had) &&
               make_list(l, key, node)) {
        append_children(had, node);
    } else if (key != NULL && key->type == JST_KEY_NAMED && had->kind == JST_NODE_TABLE &&
               node->kind == JST_NODE_TABLE) {
        merge_named(l, had, node);
    } else if (node->key.n != 7 || strcmp(node->key.p, "include") != 0) {
        report_twice(l, had, node);
    }
}

static const char *
join_path(struct load *l, const char *file, const char *name)
{
    const char *slash = strrchr(file, '/');

    if (name[0] == '/' || slash == NULL) {
        return name;
    }
    return jst_diags_fmt(l->report, "%.*s%s", (int)(slash - file) + 1, file, name);
}

static void
include_pattern(struct load *l, struct jst_node *root, const struct level *level,
                const struct jst_node *item)
{
    const char *pattern = join_path(l, level->path, item->v.text.p);
    glob_t found = {0};
    int rc = glob(pattern, GLOB_MARK, NULL, &found);

    if (rc == GLOB_NOMATCH && strpbrk(item->v.text.p, "*?[") == NULL) {
        jst_diags_error(l->report, &item->at, NULL, "cannot read '%s': %s", pattern,
                        strerror(ENOENT));
    } else if (rc != 0 && rc != GLOB_NOMATCH) {
        jst_diags_error(l->report, &item->at, NULL, "cannot look for '%s': %s", pattern,
                        rc == GLOB_NOSPACE ? "out of memory" : "a folder cannot be read");
    }
    for (size_t i = 0; rc == 0 && i < found.gl_pathc && l->rc == JOIST_OK; i++) {
        struct jst_node *more = NULL;

        load_file(l, &more, found.gl_pathv[i], level, &item->at);
        for (struct jst_node *c = more != NULL ? more->first : NULL, *next; c != NULL; c = next) {
            next = c->next;
            merge_key(l, root, c);
        }
    }
    globfree(&found);
}

static void
follow_includes(struct load *l, struct jst_node *root, const struct level *level)
{
    const struct jst_node *list = jst_node_find(root, "include");

    if (list == NULL || list->kind != JST_NODE_ARRAY) {
        return; /* a wrong type is reported with the other keys */
    }
    for (const struct jst_node *item = list->first; item != NULL; item = item->next) {
        if (item->kind == JST_NODE_STRING && item->v.text.n > 0) {
            include_pattern(l, root, level, item);
        }
    }
}

/* What a person meant who wrote this; NULL: no idea. The words are the parser's. */
static const char *
help_with_toml(const char *message)
{
    static const char *const remedies[][2] = {
        {"unescaped control characters", "is the closing quote missing? A string ends on its line"},
        {"could not determine value type", "text stands in plain quotes: \"...\""},
        {"expected '=', saw ':'", "this is TOML, not YAML: write KEY = VALUE"},
        {"expected '=', saw", "this is TOML: write KEY = VALUE"},
        {"while parsing boolean", "write true or false"},
        {"utf-8", "the file must be plain text in UTF-8"},
        {"saw '{' (while parsing root", "this is TOML, not JSON: write KEY = VALUE and [TABLE]"},
        {"saw ',' (while parsing key-value", "several values stand in brackets: [\"a\", \"b\"]"},
        {"as array-of-tables", "[[NAME]] stands before the [NAME.PART] that belong to it"},
    };

    for (size_t i = 0; i < JST_COUNT(remedies); i++) {
        if (strstr(message, remedies[i][0]) != NULL) {
            return remedies[i][1];
        }
    }
    return NULL;
}

static void
parse(struct load *l, struct jst_node **out, const char *path, char **take, size_t n)
{
    struct jst_toml_error err;
    struct jst_slice text = {*take, n};
    uint32_t file = jst_diags_add_source(l->report, path, take, n);
    int rc = file == 0 ? JOIST_E_NOMEM : jst_toml_parse(out, l->arena, text, file, &err);

    if (rc == JOIST_E_INVAL) {
        struct jst_span at = {file, err.line, err.column, 1};

        jst_diags_error(l->report, &at, help_with_toml(err.message), "not valid TOML: %s",
                        err.message);
    } else if (rc == JOIST_OK) {
        rc = jst_interpolate(*out, l->arena, l->report);
    }
    if (rc == JOIST_E_NOMEM) {
        l->rc = rc;
    }
}

static bool
is_allowed(struct load *l, const struct level *level, const struct jst_span *asked_at)
{
    if (++l->files > JST_INCLUDE_FILES_MAX) {
        if (l->files == JST_INCLUDE_FILES_MAX + 1) {
            jst_diags_error(l->report, asked_at, NULL, "more than %u files are included",
                            JST_INCLUDE_FILES_MAX);
        }
        return false;
    }
    if (level->depth > JST_INCLUDE_DEPTH_MAX) {
        jst_diags_error(l->report, asked_at, NULL, "includes are nested more than %u deep",
                        JST_INCLUDE_DEPTH_MAX);
        return false;
    }
    for (const struct level *a = level->above; a != NULL; a = a->above) {
        if (a->dev == level->dev && a->ino == level->ino) {
            jst_diags_error(l->report, asked_at, NULL, "'%s' includes itself%s", level->path,
                            a == level->above ? "" : " by way of other files");
            return false;
        }
    }
    return true;
}

static void
load_file(struct load *l, struct jst_node **out, const char *path, const struct level *above,
          const struct jst_span *asked_at)
{
    struct level level = {.above = above,
                          .path = jst_diags_fmt(l->report, "%s", path),
                          .depth = above != NULL ? above->depth + 1 : 0};
    struct stat st = {0};
    char *text = NULL;
    size_t n = 0;

    if (!read_file(l, &text, &n, &st, path, asked_at)) {
        return;
    }
    level.dev = st.st_dev;
    level.ino = st.st_ino;
    if (!is_allowed(l, &level, asked_at)) {
        free(text);
        return;
    }
    parse(l, out, path, &text, n);
    if (*out != NULL) {
        follow_includes(l, *out, &level);
    }
}

int
jst_include_load(struct jst_node **out, struct jst_arena *arena, const char *path,
                 struct jst_diags *report)
{
    struct load l = {.arena = arena, .report = report};

    *out = NULL;
    load_file(&l, out, path, NULL, NULL);
    return l.rc;
}

int
jst_include_text(struct jst_node **out, struct jst_arena *arena, const char *name, char **take,
                 size_t n, struct jst_diags *report)
{
    struct load l = {.arena = arena, .report = report};
    struct level level = {.path = name};

    *out = NULL;
    parse(&l, out, name, take, n);
    if (*out != NULL) {
        follow_includes(&l, *out, &level);
    }
    return l.rc;
}
