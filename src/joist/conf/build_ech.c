// SPDX-License-Identifier: MIT
/*
 * ECH keys: which of them count, and which one is offered.
 *
 * Of a folder the last file by name is the current key. Each other one was current until the next
 * was written: after that it decrypts for `keep`, because clients and name servers remember it for
 * a while, and is then left out.
 */
#include "base/units.h"
#include "conf/build.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define ECH_FILES_MAX 1000 /* of a folder: a key each week for 19 years */

/* The first one is the one that is offered. */
static void
add_key(struct jst_build *b, const char *path, const struct jst_node *node)
{
    bool first = b->ech_keys_n == 0;

    b->ech_keys[b->ech_keys_n++] = (struct joist_ech_key_conf){
        .path = path, .retry = first, .pos = jst_build_pos(b, &node->at)};
}

static bool
make_keys(struct jst_build *b, size_t n)
{
    b->ech_keys = jst_build_take(b, n * sizeof(*b->ech_keys));
    return b->ech_keys != NULL;
}

/* ---- a list of files ---- */

static void
add_listed(struct jst_build *b, const struct jst_part_ech *ech)
{
    const struct jst_node *node = jst_node_find(ech->part.node, "keys");
    const struct jst_node *at = node->kind == JST_NODE_ARRAY ? node->first : node;

    if (!make_keys(b, ech->keys.n)) {
        return;
    }
    for (size_t i = 0; i < ech->keys.n; i++, at = at->next) {
        add_key(b, ech->keys.v[i], at);
    }
}

/* ---- a folder ---- */

struct folder {
    struct jst_build *b;
    const struct jst_part_ech *ech;
    const struct jst_node *node; /* the value of `dir` */
    struct dirent **entries;     /* sorted by name */
    size_t n;
};

static int
is_key_file(const struct dirent *e)
{
    return e->d_name[0] != '.' && jst_slice_ends(jst_slice_z(e->d_name), JST_S(".pem"));
}

/* By bytes: the locale does not decide which key is the newest. */
static int
compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* NULL when out of memory. */
static const char *
path_of(const struct folder *d, size_t i)
{
    const char *path = jst_diags_fmt(d->b->report, "%s/%s", d->ech->dir, d->entries[i]->d_name);

    path = jst_arena_copy_z(&d->b->conf->arena, path);
    if (path == NULL) {
        d->b->rc = JOIST_E_NOMEM;
    }
    return path;
}

/* Has the one that took its place been there for longer than `keep`? */
static bool
is_over(const struct folder *d, size_t i)
{
    const char *next = path_of(d, i + 1);
    int64_t age_ms;
    struct stat st;

    if (next == NULL || d->ech->keep_ms == 0 || stat(next, &st) < 0) {
        return false; /* what cannot be read is the engine's to report */
    }
    age_ms = ((int64_t)time(NULL) - st.st_mtim.tv_sec) * 1000;
    return age_ms > (int64_t)d->ech->keep_ms;
}

static void
warn_left_out(const struct folder *d, size_t i)
{
    char keep[40];

    (void)jst_duration_print(keep, sizeof(keep), d->ech->keep_ms);
    jst_diags_warn(d->b->report, &d->node->at, "delete the file, or keep its key for longer",
                   "ECH key '%s' is left out: '%s' took its place more than %s ago",
                   d->entries[i]->d_name, d->entries[i + 1]->d_name, keep);
}

/* The current one first, then those before it. */
static void
add_folder(const struct folder *d)
{
    for (size_t i = d->n; i-- > 0 && d->b->rc == JOIST_OK;) {
        const char *path = path_of(d, i);

        if (i + 1 < d->n && is_over(d, i)) {
            warn_left_out(d, i);
        } else if (path != NULL) {
            add_key(d->b, path, d->node);
        }
    }
}

static void
read_folder(struct jst_build *b, const struct jst_part_ech *ech)
{
    struct folder d = {.b = b, .ech = ech, .node = jst_node_find(ech->part.node, "dir")};
    int n = scandir(ech->dir, &d.entries, is_key_file, compare_names);

    if (n < 0 && errno == ENOMEM) {
        b->rc = JOIST_E_NOMEM;
    } else if (n < 0) {
        jst_diags_error(b->report, &d.node->at, NULL, "cannot read the folder '%s': %s",
                        d.node->expanded ? "..." : ech->dir, strerror(errno));
    } else if (n == 0) {
        jst_diags_error(b->report, &d.node->at,
                        "make a key: joist ech new --name public.example --dir FOLDER",
                        "there is no ECH key (*.pem) in the folder");
    } else if (n > ECH_FILES_MAX) {
        jst_diags_error(b->report, &d.node->at, "delete old ones",
                        "there are more than %d ECH keys in the folder", ECH_FILES_MAX);
    } else if (make_keys(b, (size_t)n)) {
        d.n = (size_t)n;
        add_folder(&d);
    }
    for (int i = 0; i < n; i++) {
        free(d.entries[i]);
    }
    free(d.entries);
}

void
jst_build_ech(struct jst_build *b)
{
    const struct jst_part_ech *ech = b->conf->file->ech;

    if (ech == NULL || ech->part.bad || b->rc != JOIST_OK) {
        return;
    }
    if (ech->dir != NULL) {
        read_folder(b, ech);
    } else {
        add_listed(b, ech);
    }
    b->conf->engine.ech_keys = b->ech_keys;
    b->conf->engine.ech_keys_n = b->ech_keys_n;
}
