// SPDX-License-Identifier: MIT
/* A folder's entries, read and sorted; listing_page.c makes the page. */
#include "handler/listing.h"

#include "base/str.h"
#include "handler/files_int.h"
#include "sys/beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Can a request name it? Paths with control bytes or backslashes are refused before they come here
 * (codec/uri.h), so a link to such a file would lead nowhere. */
static bool
is_reachable(const char *name)
{
    for (const unsigned char *p = (const unsigned char *)name; *p != '\0'; p++) {
        if (*p < 0x20 || *p == 0x7f || *p == '\\') {
            return false;
        }
    }
    return true;
}

static bool
is_shown(const struct jst_site *site, const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return false;
    }
    return (site->dotfiles || name[0] != '.') && is_reachable(name);
}

/* What a name leads to. Links are followed as a request would follow them: those that lead out are
 * not there. `folder` is the open folder, below which links could not be told apart from leaving
 * it; so links are opened from the root, by their whole path. */
static int
stat_entry(struct stat *st, int root, const char *file, int folder, const char *name)
{
    char path[PATH_MAX];
    int fd;
    int rc;

    if (fstatat(folder, name, st, AT_SYMLINK_NOFOLLOW) < 0) {
        return JOIST_E_NOTFOUND;
    }
    if (!S_ISLNK(st->st_mode)) {
        return JOIST_OK;
    }
    if (jst_fmt(path, sizeof(path), "%s%s", file, name) >= sizeof(path) - 1) {
        return JOIST_E_NOTFOUND;
    }
    rc = jst_files_open(&fd, st, root, path, O_PATH);
    if (rc == JOIST_OK) {
        close(fd);
    }
    return rc;
}

static int
add_entry(struct jst_listing *l, const char *name, const struct stat *st)
{
    struct jst_listed *e;

    if (l->n == l->cap) {
        size_t cap = l->cap > 0 ? l->cap * 2 : 64;
        struct jst_listed *v = realloc(l->v, cap * sizeof(l->v[0]));

        if (v == NULL) {
            return JOIST_E_NOMEM;
        }
        l->v = v;
        l->cap = cap;
    }
    e = &l->v[l->n];
    e->name = strdup(name);
    if (e->name == NULL) {
        return JOIST_E_NOMEM;
    }
    e->is_folder = S_ISDIR(st->st_mode);
    e->size = (uint64_t)st->st_size;
    e->modified_s = st->st_mtim.tv_sec;
    l->n++;
    return JOIST_OK;
}

/* The next name, or NULL at the end and on errors: what was read until then is shown. */
static const char *
next_name(DIR *dir)
{
    struct dirent *d = readdir(dir);

    return d != NULL ? d->d_name : NULL;
}

static int
read_entries(struct jst_listing *l, const struct jst_site *site, int root, const char *file,
             DIR *dir)
{
    const char *name;

    while ((name = next_name(dir)) != NULL) {
        struct stat st;
        int rc;

        if (!is_shown(site, name) || stat_entry(&st, root, file, dirfd(dir), name) != JOIST_OK ||
            (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) {
            continue;
        }
        if (l->n == JST_LISTING_ENTRIES_MAX) {
            l->is_cut = true;
            break;
        }
        rc = add_entry(l, name, &st);
        if (rc < 0) {
            return rc;
        }
    }
    return JOIST_OK;
}

/* As people count: without case, and "file2" before "file10". */
static int
compare_names(const char *a, const char *b)
{
    const char *whole_a = a;
    const char *whole_b = b;

    while (*a != '\0' && *b != '\0') {
        size_t digits_a = strspn(a, "0123456789");
        size_t digits_b = strspn(b, "0123456789");

        if (digits_a > 0 && digits_b > 0) {
            const char *from_a = a + strspn(a, "0");
            const char *from_b = b + strspn(b, "0");
            size_t n = (size_t)(a + digits_a - from_a);
            size_t m = (size_t)(b + digits_b - from_b);
            int order = n != m ? (n < m ? -1 : 1) : memcmp(from_a, from_b, n);

            if (order != 0) {
                return order;
            }
            a += digits_a;
            b += digits_b;
            continue;
        }
        if (jst_lower(*a) != jst_lower(*b)) {
            return (unsigned char)jst_lower(*a) < (unsigned char)jst_lower(*b) ? -1 : 1;
        }
        a++;
        b++;
    }
    if (*a != *b) {
        return *a == '\0' ? -1 : 1;
    }
    return strcmp(whole_a, whole_b);
}

static int
compare_entries(const void *a, const void *b)
{
    const struct jst_listed *x = a;
    const struct jst_listed *y = b;

    if (x->is_folder != y->is_folder) {
        return x->is_folder ? -1 : 1;
    }
    return compare_names(x->name, y->name);
}

static int
read_folder(struct jst_listing *l, const struct jst_site *site, int root, const char *file)
{
    int fd;
    int rc = jst_beneath_open(&fd, root, file, O_RDONLY | O_DIRECTORY);
    DIR *dir;

    if (rc < 0) {
        return rc;
    }
    dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return JOIST_E_NOMEM;
    }
    rc = read_entries(l, site, root, file, dir);
    closedir(dir);
    if (rc == JOIST_OK && l->n > 0) {
        qsort(l->v, l->n, sizeof(l->v[0]), compare_entries);
    }
    return rc;
}

static void
free_entries(struct jst_listing *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].name);
    }
    free(l->v);
}

/* ---- the page as a variant ---- */

/* A long page goes where large files are: in a file, though one without a name. */
static int
put_in_file(struct jst_variant *v, const char *page, size_t n)
{
    int fd = memfd_create("listing", MFD_CLOEXEC);
    size_t done = 0;

    if (fd < 0) {
        return errno == EMFILE || errno == ENFILE ? JOIST_E_NOFILE : JOIST_E_IO;
    }
    while (done < n) {
        ssize_t put = write(fd, page + done, n - done);

        if (put <= 0) {
            close(fd);
            return JOIST_E_NOMEM;
        }
        done += (size_t)put;
    }
    v->file = jst_file_create(fd);
    if (v->file == NULL) {
        close(fd);
        return JOIST_E_NOMEM;
    }
    return JOIST_OK;
}

static int
put_in_memory(struct jst_variant *v, const char *page, size_t n)
{
    v->body = jst_body_create(n);
    if (v->body == NULL) {
        return JOIST_E_NOMEM;
    }
    memcpy(v->body->data, page, n);
    v->bytes += sizeof(*v->body) + n;
    return JOIST_OK;
}

static int
make_variant(struct jst_variant **out, const char *page, size_t n)
{
    struct jst_file_id id = {.size = n};
    struct jst_variant_conf conf = {.type = JST_S("text/html; charset=utf-8"), .is_listing = true};
    struct jst_variant *v = jst_variant_create(&id, &conf, 0);
    int rc;

    if (v == NULL) {
        return JOIST_E_NOMEM;
    }
    rc = n > JST_FILES_SMALL_BYTES ? put_in_file(v, page, n) : put_in_memory(v, page, n);
    if (rc < 0) {
        jst_variant_destroy(&v);
        return rc;
    }
    *out = v;
    return JOIST_OK;
}

int
jst_listing_load(struct jst_variant **out, struct jst_files *f, const struct jst_site *site,
                 const struct jst_entry *e)
{
    struct jst_listing l = {.path = jst_slice(e->text + e->key_n, e->path_n)};
    struct jst_text page = {0};
    int root;
    int rc = jst_root_get(&root, f, site->root);

    if (rc == JOIST_OK) {
        rc = read_folder(&l, site, root, e->text + e->key_n + e->path_n);
    }
    if (rc == JOIST_OK) {
        jst_listing_print(&page, &l);
        rc = page.failed ? JOIST_E_NOMEM : make_variant(out, page.p, page.n);
    }
    free_entries(&l);
    free(page.p);
    return rc;
}
