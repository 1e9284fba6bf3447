// SPDX-License-Identifier: MIT
/* From a path to a file: try_files, index names, compressed siblings. Only looks (O_PATH): nothing
 * is opened for reading here, so no FIFO waits and no device is touched. */
#include "base/str.h"
#include "handler/files_int.h"
#include "sys/beneath.h"

#include <fcntl.h>
#include <unistd.h>

/* What one search needs at hand. */
struct search {
    struct jst_files *f;
    const struct jst_site *site;
    int root;
    struct jst_lookup *out;
    struct jst_file_id id; /* of what look_at() found */
};

static int64_t
to_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct jst_file_id
jst_file_id(const struct stat *st)
{
    return (struct jst_file_id){
        .dev = st->st_dev,
        .ino = st->st_ino,
        .size = (uint64_t)st->st_size,
        .modified_ns = to_ns(st->st_mtim),
        .changed_ns = to_ns(st->st_ctim),
    };
}

int
jst_files_open(int *fd, struct stat *st, int root, const char *file, int flags)
{
    int rc = jst_beneath_open(fd, root, file, flags);

    if (rc < 0) {
        return rc;
    }
    if (fstat(*fd, st) < 0) {
        close(*fd);
        return JOIST_E_IO;
    }
    return JOIST_OK;
}

/* Is `file` there, and of this kind (S_IFREG, S_IFDIR)? Everything else counts as not found. */
static int
look_at(struct search *s, const char *file, mode_t kind)
{
    struct stat st;
    int fd;
    int rc = jst_files_open(&fd, &st, s->root, file, O_PATH);

    if (rc == JOIST_E_NOFILE) {
        jst_files_clear(s->f);
        rc = jst_files_open(&fd, &st, s->root, file, O_PATH);
    }
    if (rc < 0) {
        return rc;
    }
    close(fd);
    s->id = jst_file_id(&st);
    return (st.st_mode & S_IFMT) == kind ? JOIST_OK : JOIST_E_NOTFOUND;
}

/* Put a path together in out->file: without the slashes at its start, since it is opened below the
 * root. False if it is longer than the system allows: then no such file can be. */
static bool
set_file(struct jst_lookup *out, struct jst_slice before, struct jst_slice path,
         struct jst_slice after)
{
    struct jst_str file = jst_str(out->file, sizeof(out->file) - 1);
    size_t skip = 0;

    jst_str_add(&file, before);
    jst_str_add(&file, path);
    jst_str_add(&file, after);
    if (file.full) {
        return false;
    }
    while (skip < file.n && file.p[skip] == '/') {
        skip++;
    }
    out->file_n = file.n - skip;
    memmove(out->file, out->file + skip, out->file_n);
    out->file[out->file_n] = '\0';
    return true;
}

/* Which compressed siblings may stand for the file? One that is older than the file was made from
 * an older one: leaving it out costs bytes, serving it would show what is no longer true. */
static int
find_siblings(struct search *s)
{
    struct jst_lookup *out = s->out;
    int64_t modified_s = out->ids[JST_CODING_IDENTITY].modified_ns / 1000000000;

    for (enum jst_coding c = JST_CODING_GZIP; c < JST_CODINGS; c++) {
        struct jst_str name = jst_str(out->file, sizeof(out->file) - 1);
        int rc;

        name.n = out->file_n;
        jst_str_add(&name, jst_coding_suffix(c));
        if (name.full) {
            return JOIST_OK;
        }
        name.p[name.n] = '\0';
        rc = look_at(s, out->file, S_IFREG);
        out->file[out->file_n] = '\0';
        if (rc == JOIST_E_NOFILE || rc == JOIST_E_NOMEM) {
            return rc;
        }
        if (rc == JOIST_OK && s->id.modified_ns / 1000000000 >= modified_s) {
            out->ids[c] = s->id;
            out->there |= 1u << c;
        }
    }
    return JOIST_OK;
}

/* out->file is set: is it a file to serve? */
static int
find_file(struct search *s)
{
    int rc = look_at(s, s->out->file, S_IFREG);

    if (rc < 0) {
        return rc;
    }
    s->out->found = JST_FOUND_FILE;
    s->out->ids[JST_CODING_IDENTITY] = s->id;
    s->out->there = 1u << JST_CODING_IDENTITY;
    return s->site->precompressed ? find_siblings(s) : JOIST_OK;
}

static int
find_listing(struct search *s)
{
    int rc = look_at(s, s->out->file, S_IFDIR);

    if (rc == JOIST_OK) {
        s->out->found = JST_FOUND_LISTING;
        s->out->ids[JST_CODING_IDENTITY] = s->id;
        s->out->there = 1u << JST_CODING_IDENTITY;
    }
    return rc;
}

/* out->file names a folder, with a slash at its end unless it is the root. A listing's links are
 * relative, so it can be shown only where the request names the folder (`may_list`). */
static int
find_in_folder(struct search *s, bool may_list)
{
    struct jst_lookup *out = s->out;
    size_t n = out->file_n;

    for (size_t i = 0; i < s->site->index_n; i++) {
        struct jst_slice name = s->site->index[i];
        int rc = JOIST_E_NOTFOUND;

        if (name.n < sizeof(out->file) - n) {
            memcpy(out->file + n, name.p, name.n);
            out->file_n = n + name.n;
            out->file[out->file_n] = '\0';
            rc = find_file(s);
        }
        if (rc != JOIST_E_NOTFOUND) {
            return rc;
        }
    }
    out->file_n = n;
    out->file[n] = '\0';
    return may_list && s->site->listing ? find_listing(s) : JOIST_E_NOTFOUND;
}

static int
find_by_try(struct search *s, const struct jst_try *t, struct jst_slice path)
{
    bool has_slash = jst_slice_ends(path, JST_S("/"));
    int rc;

    if (t->kind == JST_TRY_STATUS) {
        s->out->found = JST_FOUND_STATUS;
        s->out->status = t->status;
        return JOIST_OK;
    }
    if (t->kind == JST_TRY_FILE) {
        if (t->has_path && has_slash && !jst_slice_starts(t->after, JST_S("/"))) {
            return JOIST_E_NOTFOUND; /* "/a.txt/" is no file, and "/a/.html" nobody asked for */
        }
        return set_file(s->out, t->before, t->has_path ? path : JST_SLICE_NONE, t->after)
                   ? find_file(s)
                   : JOIST_E_NOTFOUND;
    }
    if (!set_file(s->out, t->before, t->has_path ? path : JST_SLICE_NONE, t->after)) {
        return JOIST_E_NOTFOUND;
    }
    rc = find_in_folder(s, t->has_path);
    if (rc == JOIST_OK && t->has_path && !has_slash) {
        s->out->found = JST_FOUND_MOVED; /* or the page's relative links would lead astray */
    }
    return rc;
}

static int
find_by_path(struct search *s, struct jst_slice path)
{
    if (!jst_site_allows(s->site, path)) {
        return JOIST_E_NOTFOUND;
    }
    for (size_t i = 0; i < s->site->tries_n; i++) {
        int rc = find_by_try(s, &s->site->tries[i], path);

        if (rc != JOIST_E_NOTFOUND) {
            return rc;
        }
    }
    return JOIST_E_NOTFOUND;
}

static int
find_page(struct search *s, struct jst_slice path)
{
    if (!set_file(s->out, path, JST_SLICE_NONE, JST_SLICE_NONE)) {
        return JOIST_E_NOTFOUND;
    }
    return find_file(s);
}

int
jst_files_look(struct jst_lookup *out, struct jst_files *f, const struct jst_site *site,
               struct jst_slice path, bool is_page)
{
    struct search s = {.f = f, .site = site, .out = out};
    int rc = jst_root_get(&s.root, f, site->root);

    out->found = JST_FOUND_STATUS;
    out->status = 404;
    out->there = 0;
    out->file_n = 0;
    out->file[0] = '\0';
    if (rc == JOIST_E_INVAL) {
        return JOIST_OK; /* no folder: as good as missing */
    }
    if (rc == JOIST_OK) {
        rc = is_page ? find_page(&s, path) : find_by_path(&s, path);
    }
    if (rc == JOIST_E_ACCESS) {
        JST_LOG(f->local->log, WARN, FILE_UNREADABLE, "root=%s path=%.*s err=\"%s\"", site->root,
                JST_PRI(path), joist_error_text(JOIST_E_ACCESS));
        out->found = JST_FOUND_STATUS;
        out->status = 403;
        return JOIST_OK;
    }
    if (rc == JOIST_E_NOTFOUND) {
        out->found = JST_FOUND_STATUS;
        out->status = 404;
        return JOIST_OK;
    }
    return rc;
}
