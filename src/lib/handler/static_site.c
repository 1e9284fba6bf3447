// SPDX-License-Identifier: MIT
/* A site made from its configuration: checked nowhere here, compiled once. */
#include "base/str.h"
#include "handler/static.h"
#include "sys/beneath.h"

#include <stdlib.h>
#include <unistd.h>

#define PATH_WORD "$path"

/* Hands out pieces of one block of memory whose size was counted before. */
struct packer {
    char *p;
    char *end;
};

static void *
pack(struct packer *k, size_t n)
{
    char *p = k->p;

    n = (n + 15) & ~(size_t)15;
    JST_ASSERT(n <= (size_t)(k->end - p));
    k->p = p + n;
    return p;
}

static struct jst_slice
pack_text(struct packer *k, const char *text)
{
    size_t n = text != NULL ? strlen(text) : 0;
    char *p = pack(k, n + 1);

    memcpy(p, text != NULL ? text : "", n + 1);
    return jst_slice(p, n);
}

static size_t
count_text(const char *text)
{
    return (text != NULL ? strlen(text) : 0) + 17; /* NUL and rounding */
}

static const char *const default_index[] = {"index.html"};
static const char *const default_tries[] = {"$path", "$path/"};

/* The configuration with its defaults filled in. */
static struct joist_static_conf
fill_in(const struct joist_static_conf *conf)
{
    struct joist_static_conf full = *conf;

    if (full.index_n == 0) {
        full.index = default_index;
        full.index_n = JST_COUNT(default_index);
    }
    if (full.try_files_n == 0) {
        full.try_files = default_tries;
        full.try_files_n = JST_COUNT(default_tries);
    }
    return full;
}

static size_t
count_key(const struct joist_static_conf *conf)
{
    size_t n = 16 + count_text(conf->root) + count_text(conf->cache_control);

    for (size_t i = 0; i < conf->index_n; i++) {
        n += count_text(conf->index[i]);
    }
    for (size_t i = 0; i < conf->try_files_n; i++) {
        n += count_text(conf->try_files[i]);
    }
    return n;
}

static size_t
count_bytes(const struct joist_static_conf *conf)
{
    size_t n = 2 * count_key(conf) + 4 * 16; /* once as the key, once as texts of their own */

    for (size_t i = 0; i < conf->error_pages_n; i++) {
        n += count_text(conf->error_pages[i].path);
    }
    return n + conf->index_n * sizeof(struct jst_slice) +
           conf->try_files_n * sizeof(struct jst_try) +
           conf->error_pages_n * sizeof(struct jst_error_page);
}

static void
add_word(struct jst_str *key, const char *word)
{
    jst_str_add(key, jst_slice_z(word));
    jst_str_add_char(key, '\0');
}

/* Two sites with the same key give the same answers, so they share entries, also over a swap. */
static void
make_key(struct jst_site *site, struct packer *k, const struct joist_static_conf *conf)
{
    size_t cap = count_key(conf);
    struct jst_str key = jst_str(pack(k, cap), cap);

    add_word(&key, conf->root);
    add_word(&key, conf->cache_control);
    jst_str_add_char(&key,
                     (char)('0' + conf->listing + 2 * conf->precompressed + 4 * conf->dotfiles));
    for (size_t i = 0; i < conf->index_n; i++) {
        add_word(&key, conf->index[i]);
    }
    jst_str_add_char(&key, '\n');
    for (size_t i = 0; i < conf->try_files_n; i++) {
        add_word(&key, conf->try_files[i]);
    }
    JST_ASSERT(!key.full);
    site->key = jst_str_slice(&key);
    site->key_hash = jst_hash(site->key, 0);
}

static struct jst_try
compile_try(struct jst_slice text)
{
    const char *at = text.n > 0 ? memmem(text.p, text.n, PATH_WORD, sizeof(PATH_WORD) - 1) : NULL;
    struct jst_try t = {.kind = JST_TRY_FILE, .before = text};
    uint64_t status;

    if (text.n > 0 && text.p[0] == '=') {
        t.kind = JST_TRY_STATUS;
        t.status = 404;
        if (jst_slice_u64(&status, jst_slice(text.p + 1, text.n - 1)) && status >= 400 &&
            status <= 599) {
            t.status = (uint16_t)status;
        }
        return t;
    }
    if (at != NULL) {
        t.has_path = true;
        t.before = jst_slice(text.p, (size_t)(at - text.p));
        at += sizeof(PATH_WORD) - 1;
        t.after = jst_slice(at, (size_t)(text.p + text.n - at));
    }
    if (jst_slice_ends(text, JST_S("/"))) {
        t.kind = JST_TRY_FOLDER;
    }
    return t;
}

static void
compile(struct jst_site *site, struct packer *k, const struct joist_static_conf *conf)
{
    make_key(site, k, conf);
    site->root = pack_text(k, conf->root).p;
    site->cache_control = pack_text(k, conf->cache_control);
    site->index_n = conf->index_n;
    site->index = pack(k, conf->index_n * sizeof(site->index[0]));
    for (size_t i = 0; i < conf->index_n; i++) {
        site->index[i] = pack_text(k, conf->index[i]);
    }
    site->tries_n = conf->try_files_n;
    site->tries = pack(k, conf->try_files_n * sizeof(site->tries[0]));
    for (size_t i = 0; i < conf->try_files_n; i++) {
        site->tries[i] = compile_try(pack_text(k, conf->try_files[i]));
    }
    site->pages_n = conf->error_pages_n;
    site->pages = pack(k, conf->error_pages_n * sizeof(site->pages[0]));
    for (size_t i = 0; i < conf->error_pages_n; i++) {
        site->pages[i].status = conf->error_pages[i].status;
        site->pages[i].path = pack_text(k, conf->error_pages[i].path);
    }
    site->listing = conf->listing;
    site->precompressed = conf->precompressed;
    site->dotfiles = conf->dotfiles;
}

static void
destroy(struct jst_handler *h)
{
    struct jst_site *site = JST_CONTAINER(h, struct jst_site, handler);

    free(site->memory);
    free(site);
}

int
jst_static_create(struct jst_handler **out, const struct joist_static_conf *conf)
{
    static const struct jst_handler_ops ops = {jst_static_serve, destroy};
    struct joist_static_conf full = fill_in(conf);
    struct jst_site *site = calloc(1, sizeof(*site));
    size_t n = count_bytes(&full);

    if (site == NULL) {
        return JOIST_E_NOMEM;
    }
    site->memory = malloc(n);
    if (site->memory == NULL) {
        free(site);
        return JOIST_E_NOMEM;
    }
    site->handler.ops = &ops;
    compile(site, &(struct packer){site->memory, site->memory + n}, &full);
    *out = &site->handler;
    return JOIST_OK;
}

int
jst_static_root_check(const char *root)
{
    int fd;
    int rc = jst_beneath_root(&fd, root);

    if (rc == JOIST_OK) {
        close(fd);
    }
    return rc;
}

bool
jst_site_allows(const struct jst_site *site, struct jst_slice path)
{
    struct jst_slice rest = path;

    if (path.n == 0 || path.p[0] != '/' || memchr(path.p, '\0', path.n) != NULL) {
        return false;
    }
    while (rest.p != NULL) {
        struct jst_slice segment = jst_slice_cut(&rest, '/');

        if (segment.n == 0 || segment.p[0] != '.') {
            continue;
        }
        if (jst_slice_eq(segment, JST_S(".")) || jst_slice_eq(segment, JST_S(".."))) {
            return false;
        }
        if (!site->dotfiles && !jst_slice_eq(segment, JST_S(".well-known"))) {
            return false;
        }
    }
    return true;
}
