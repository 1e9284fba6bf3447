// SPDX-License-Identifier: MIT
#include "conf/interpolate.h"

#include <stdlib.h>

/* A value of 1 MiB is no configuration any more. */
#define EXPANDED_BYTES_MAX (1024u * 1024)

struct expander {
    struct jst_arena *arena;
    struct jst_diags *report;
    int rc;
};

/* Two passes over one string: the first counts, the second writes. */
struct output {
    char *p; /* NULL: only count */
    size_t n;
};

static void
put(struct output *o, struct jst_slice s)
{
    if (o->p != NULL && s.n > 0) {
        memcpy(o->p + o->n, s.p, s.n);
    }
    o->n += s.n;
}

static bool
is_name(struct jst_slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = jst_lower(s.p[i]);

        if (!((c >= 'a' && c <= 'z') || c == '_' || (i > 0 && c >= '0' && c <= '9'))) {
            return false;
        }
    }
    return s.n > 0;
}

/* `s` starts behind "${"; returns what it took, 0 after an error that was reported. */
static size_t
expand_one(struct expander *e, struct output *o, const struct jst_node *node, struct jst_slice s)
{
    ptrdiff_t end = jst_slice_find(s, '}');
    struct jst_slice inside, name;
    const char *value;
    char key[256];

    if (end < 0) {
        jst_diags_error(e->report, &node->at, "write $${ for a plain ${", "'${' without '}'");
        return 0;
    }
    inside = jst_slice(s.p, (size_t)end);
    name = jst_slice_cut(&inside, ':');
    if (!is_name(name) || name.n >= sizeof(key)) {
        jst_diags_error(e->report, &node->at, "write $${ for a plain ${",
                        "'${%.*s}' is not the name of an environment variable",
                        JST_PRI(jst_slice(name.p, JST_MIN(name.n, 60))));
        return 0;
    }
    memcpy(key, name.p, name.n);
    key[name.n] = '\0';
    value = getenv(key);
    if (value == NULL && inside.p == NULL) {
        jst_diags_error(e->report, &node->at,
                        jst_diags_fmt(e->report, "set it, or give a default: ${%s:...}", key),
                        "the environment has no variable '%s'", key);
        return 0;
    }
    put(o, value != NULL ? jst_slice_z(value) : inside);
    return (size_t)end + 1;
}

/* False after an error. */
static bool
expand(struct expander *e, struct output *o, const struct jst_node *node)
{
    struct jst_slice s = node->v.text;
    size_t i = 0;

    while (i < s.n) {
        if (s.n - i >= 3 && memcmp(s.p + i, "$${", 3) == 0) {
            put(o, JST_S("${"));
            i += 3;
        } else if (s.n - i >= 2 && memcmp(s.p + i, "${", 2) == 0) {
            size_t took = expand_one(e, o, node, jst_slice(s.p + i + 2, s.n - i - 2));

            if (took == 0) {
                return false;
            }
            i += 2 + took;
        } else {
            put(o, jst_slice(s.p + i, 1));
            i++;
        }
        if (o->n > EXPANDED_BYTES_MAX) {
            jst_diags_error(e->report, &node->at, NULL, "the value is over 1 MiB");
            return false;
        }
    }
    return true;
}

static void
expand_string(struct expander *e, struct jst_node *node)
{
    struct output o = {0};
    char *p;

    if (node->v.text.n < 2 || strstr(node->v.text.p, "${") == NULL) {
        return;
    }
    if (!expand(e, &o, node)) {
        node->broken = true;
        return;
    }
    p = jst_toml_alloc(e->arena, o.n + 1);
    if (p == NULL) {
        e->rc = JOIST_E_NOMEM;
        return;
    }
    o = (struct output){p, 0};
    (void)expand(e, &o, node);
    node->v.text = jst_slice(p, o.n);
    node->expanded = true;
}

/* The tree's depth is bounded by JST_TOML_DEPTH_MAX. */
static void
walk(struct expander *e, struct jst_node *node)
{
    if (node->kind == JST_NODE_STRING) {
        expand_string(e, node);
    }
    for (struct jst_node *c = node->first; c != NULL; c = c->next) {
        walk(e, c);
    }
}

int
jst_interpolate(struct jst_node *root, struct jst_arena *arena, struct jst_diags *report)
{
    struct expander e = {arena, report, JOIST_OK};

    walk(&e, root);
    return e.rc;
}
