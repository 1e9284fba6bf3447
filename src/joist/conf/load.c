// SPDX-License-Identifier: MIT
#include "conf/conf.h"
#include "conf/fill.h"
#include "conf/include.h"

#include <joist/joist.h>

#include <stdlib.h>

static int
finish(struct jst_conf **out, struct jst_conf *conf, const char *path, int rc,
       struct jst_diags *report)
{
    struct jst_fill fill = {.arena = &conf->arena, .report = report};

    conf->path = jst_arena_copy_z(&conf->arena, path);
    if (conf->path == NULL) {
        rc = JOIST_E_NOMEM;
    }

    if (rc == JOIST_OK && conf->root != NULL) {
        conf->file = jst_fill_file(&fill, conf->root);
        rc = conf->file != NULL ? jst_conf_build(conf, report) : JOIST_E_NOMEM;
    }
    if (rc < 0 || conf->file == NULL) {
        jst_conf_destroy(&conf);
    }
    if (conf != NULL) {
        *out = conf;
    }
    report->out_of_memory = report->out_of_memory || rc == JOIST_E_NOMEM;
    return rc < 0 ? rc : jst_diags_has_errors(report) ? JOIST_E_INVAL : JOIST_OK;
}

int
jst_conf_load(struct jst_conf **out, const char *path, struct jst_diags *report)
{
    struct jst_conf *conf = calloc(1, sizeof(*conf));

    *out = NULL;
    if (conf == NULL) {
        report->out_of_memory = true;
        return JOIST_E_NOMEM;
    }
    return finish(out, conf, path, jst_include_load(&conf->root, &conf->arena, path, report),
                  report);
}

int
jst_conf_load_text(struct jst_conf **out, const char *name, char **take, size_t n,
                   struct jst_diags *report)
{
    struct jst_conf *conf = calloc(1, sizeof(*conf));

    *out = NULL;
    if (conf == NULL) {
        report->out_of_memory = true;
        free(*take);
        *take = NULL;
        return JOIST_E_NOMEM;
    }
    return finish(out, conf, name,
                  jst_include_text(&conf->root, &conf->arena, name, take, n, report), report);
}

void
jst_conf_destroy(struct jst_conf **take)
{
    struct jst_conf *conf = *take;

    *take = NULL;
    if (conf != NULL) {
        jst_arena_fini(&conf->arena);
        free(conf);
    }
}

/* ---- the engine's words ---- */

static uint32_t
find_file(const struct jst_diags *report, const char *name)
{
    for (size_t i = 1; i < report->sources_n; i++) {
        if (strcmp(report->sources[i].name, name) == 0) {
            return (uint32_t)i;
        }
    }
    return 0;
}

/* The innermost: the whole file begins where its first table does. */
static const struct jst_node *
find_node(const struct jst_node *node, const struct jst_span *at)
{
    const struct jst_node *found = NULL;

    for (const struct jst_node *c = node->first; c != NULL && found == NULL; c = c->next) {
        found = find_node(c, at);
    }
    if (found == NULL && node->kind != JST_NODE_ARRAY && node->at.line == at->line &&
        node->at.column == at->column && node->at.file == at->file) {
        found = node;
    }
    return found;
}

/* Is `text` in quotes in the message, or the end of a path that is? (Folders are told to the engine
 * as seen from here.) */
static bool
is_quoted(const char *message, struct jst_slice text)
{
    while (text.n > 2 && jst_slice_starts(text, JST_S("./"))) {
        text = jst_slice(text.p + 2, text.n - 2);
    }
    for (const char *p = message; (p = strpbrk(p, "'\"")) != NULL; p++) {
        struct jst_slice inside = {p + 1, strcspn(p + 1, *p == '"' ? "\"" : "'")};

        if (jst_slice_eq(inside, text) ||
            (inside.n > text.n && inside.p[inside.n - text.n - 1] == '/' &&
             jst_slice_ends(inside, text))) {
            return true;
        }
    }
    return false;
}

/* The value of `node`, or else the one whose key, that the message quotes; not in tables of a list
 * below it, which are parts with places of their own. */
static const struct jst_node *
find_quoted(const struct jst_node *node, const char *message, bool keys)
{
    const struct jst_node *found = NULL;

    for (const struct jst_node *c = node->first; c != NULL && found == NULL; c = c->next) {
        bool parts =
            c->kind == JST_NODE_ARRAY && c->first != NULL && c->first->kind == JST_NODE_TABLE;
        struct jst_slice text = keys                         ? c->key
                                : c->kind == JST_NODE_STRING ? c->v.text
                                                             : JST_SLICE_NONE;

        if (text.n > 0 && is_quoted(message, text)) {
            found = c;
        } else if (!parts) {
            found = find_quoted(c, message, keys);
        }
    }
    return found;
}

/* The pool whose list of targets has `target`: what it says for all of them is theirs too. */
static const struct jst_node *
find_pool(const struct jst_node *node, const struct jst_node *target)
{
    const struct jst_node *found = NULL;

    for (const struct jst_node *c = node->first; c != NULL && found == NULL; c = c->next) {
        if (c->kind == JST_NODE_ARRAY && jst_slice_eq(c->key, JST_S("targets"))) {
            for (const struct jst_node *t = c->first; t != NULL; t = t->next) {
                found = t == target ? node : found;
            }
        } else {
            found = find_pool(c, target);
        }
    }
    return found;
}

/* Where to look: a message about a target may quote what its pool says. */
static const struct jst_node *
find_part(const struct jst_node *root, const struct jst_node *node, const char *message)
{
    bool table = node->kind == JST_NODE_TABLE;
    bool own = table ? find_quoted(node, message, false) != NULL
                     : node->kind == JST_NODE_STRING && is_quoted(message, node->v.text);
    const struct jst_node *pool = own ? NULL : find_pool(root, node);

    return pool != NULL && find_quoted(pool, message, false) != NULL ? pool : node;
}

/* The place of what the message quotes. `*secret` is set to a value from the environment, which
 * the message must not show. */
static struct jst_span
find_place(const struct jst_node *node, const char *message, const char **secret)
{
    const struct jst_node *value =
        node->kind == JST_NODE_TABLE ? find_quoted(node, message, false) : node;
    const struct jst_node *key = value == NULL ? find_quoted(node, message, true) : NULL;

    if (key != NULL) {
        return key->key_at;
    }
    if (value != NULL && value->expanded) {
        *secret = value->v.text.p;
    }
    return value != NULL ? value->at : node->at;
}

/* The message without the secret in it. */
static const char *
hide(struct jst_diags *report, const char *message, const char *secret)
{
    const char *at = secret != NULL && secret[0] != '\0' ? strstr(message, secret) : NULL;

    if (at == NULL) {
        return message;
    }
    return jst_diags_fmt(report, "%.*s...%s", (int)(at - message), message,
                         hide(report, at + strlen(secret), secret));
}

/* What a pool says for all of its targets is wrong for each, and told once. */
static bool
is_said(const struct jst_diags *report, const struct jst_span *at, const char *text)
{
    for (size_t i = 0; i < report->diags_n; i++) {
        const struct jst_diag *d = &report->diags[i];

        if (at->line > 0 && d->at.file == at->file && d->at.line == at->line &&
            d->at.column == at->column && strcmp(d->text, text) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * The engine knows of a route only where it begins. Its messages quote the value that is wrong, so
 * the place is moved there: to the host of a site, not to its header.
 */
void
jst_conf_on_report(void *ctx, enum joist_log_level level, const struct joist_err *err)
{
    const struct jst_conf_report_to *to = ctx;
    struct jst_diags *report = to->report;
    struct jst_span at = {0, err->line, err->column, 1};
    const struct jst_node *node = NULL;
    const char *secret = NULL;

    at.file = err->file[0] != '\0' ? find_file(report, err->file) : 0;
    if (at.file != 0 && report->diags_n < JST_DIAGS_MAX) {
        node = find_node(to->conf->root, &at);
    }
    if (node != NULL) {
        node = find_part(to->conf->root, node, err->message);
        at = find_place(node, err->message, &secret);
    }
    if (is_said(report, &at, hide(report, err->message, secret))) {
        return;
    }
    if (level >= JOIST_LOG_ERROR) {
        /* The default listener stands nowhere: one must know how to write another. */
        jst_diags_error(report, &at,
                        err->code == JOIST_E_INUSE && at.file == 0
                            ? "another port: add [[listeners]] with bind = \":8081\""
                            : NULL,
                        "%s", hide(report, err->message, secret));
    } else {
        jst_diags_warn(report, &at, NULL, "%s", hide(report, err->message, secret));
    }
}

int
jst_conf_check(const struct jst_conf *conf, struct jst_diags *report)
{
    struct jst_conf_report_to to = {conf, report};
    int rc;

    if (conf->engine.routes_n == 0 || conf->engine.listeners_n == 0) {
        return jst_diags_has_errors(report) ? JOIST_E_INVAL : JOIST_OK;
    }
    rc = joist_conf_check(&conf->engine, jst_conf_on_report, &to);
    if (rc < 0 && !jst_diags_has_errors(report)) {
        jst_diags_error(report, NULL, NULL, "cannot check: %s", joist_error_text(rc));
    }
    return rc < 0 ? rc : jst_diags_has_errors(report) ? JOIST_E_INVAL : JOIST_OK;
}
