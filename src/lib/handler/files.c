// SPDX-License-Identifier: MIT
/* Finding, loading, and giving back what is idle. */
#include "handler/files.h"

#include "handler/files_int.h"

#include <stdlib.h>

/* How long a root folder stays open without a request: long enough to be kept by any traffic. */
#define ROOT_IDLE_MS (6 * JST_FILES_SWEEP_MS)

/* ---- finding ---- */

static bool
is_same(const struct jst_entry *e, const struct jst_lookup *look)
{
    if (e->found != look->found || e->there != look->there ||
        (e->found == JST_FOUND_STATUS && e->status != look->status) ||
        !jst_slice_eq(jst_slice(e->text + e->key_n + e->path_n, e->file_n),
                      jst_slice(look->file, look->file_n))) {
        return false;
    }
    for (size_t i = 0; i < JST_CODINGS; i++) {
        if ((e->there & 1u << i) != 0 && !jst_file_id_eq(&e->ids[i], &look->ids[i])) {
            return false;
        }
    }
    return true;
}

/* The disk says the same as before: what is loaded may stay, unless that cannot be known. */
static void
renew(struct jst_files *f, struct jst_entry *e, uint64_t now_ms)
{
    e->checked_ms = now_ms;
    for (enum jst_coding c = 0; c < JST_CODINGS; c++) {
        if (e->variants[c] != NULL && (e->variants[c]->racy || e->found == JST_FOUND_LISTING)) {
            jst_entry_unload(f, e, c);
        }
    }
}

/* Ask the disk. `e` is what was known before, or NULL. */
static int
look_again(struct jst_entry **out, struct jst_files *f, const struct jst_site *site,
           struct jst_slice path, uint64_t hash, bool is_page, struct jst_entry *e)
{
    uint64_t now_ms = jst_loop_now_ms(f->local->loop);
    struct jst_lookup look;
    int rc = jst_files_look(&look, f, site, path, is_page);

    JST_STAT_ADD(f->local, static_cache_misses, 1);
    if (rc < 0) {
        return rc;
    }
    if (e != NULL && is_same(e, &look)) {
        renew(f, e, now_ms);
    } else {
        if (e != NULL) {
            jst_entry_remove(f, e);
        }
        e = jst_entry_create(&look, site, path);
        if (e == NULL) {
            return JOIST_E_NOMEM;
        }
        e->hash = hash;
        e->is_page = is_page;
        e->checked_ms = now_ms;
        jst_entry_insert(f, e);
    }
    e->used_ms = now_ms;
    *out = e;
    return JOIST_OK;
}

int
jst_files_find(struct jst_entry **out, struct jst_files *f, const struct jst_site *site,
               struct jst_slice path, bool is_page)
{
    uint64_t now_ms = jst_loop_now_ms(f->local->loop);
    uint64_t hash = jst_hash(path, site->key_hash ^ (f->seed + is_page));
    struct jst_entry *e = jst_entry_find(f, site, path, hash, is_page);

    if (e == NULL || now_ms - e->checked_ms >= JST_FILES_CHECK_MS) {
        return look_again(out, f, site, path, hash, is_page, e);
    }
    JST_STAT_ADD(f->local, static_cache_hits, 1);
    e->used = true;
    e->used_ms = now_ms;
    *out = e;
    return JOIST_OK;
}

/* ---- loading ---- */

/* A file kept open may have grown or shrunk in place since: one more fstat is nothing beside the
 * sending of a large file. */
static bool
is_current(const struct jst_variant *v)
{
    struct jst_file_id id;
    struct stat st;

    if (v->file == NULL) {
        return true;
    }
    if (fstat(v->file->fd, &st) < 0) {
        return false;
    }
    id = jst_file_id(&st);
    /* The time of the last change of the inode also moves when its last name is taken away. */
    return id.size == v->id.size && id.modified_ns == v->id.modified_ns;
}

/* The file was there when we looked, but cannot be read: the entry says so until the next look. */
static int
refuse(struct jst_files *f, const struct jst_site *site, struct jst_entry *e,
       enum jst_coding coding, int rc)
{
    if (rc != JOIST_E_ACCESS && rc != JOIST_E_NOTFOUND) {
        return rc;
    }
    if (rc == JOIST_E_ACCESS) {
        JST_LOG(f->local->log, WARN, FILE_UNREADABLE, "root=%s file=%.*s%.*s err=\"%s\"",
                site->root, (int)e->file_n, e->text + e->key_n + e->path_n,
                JST_PRI(jst_coding_suffix(coding)), joist_error_text(JOIST_E_ACCESS));
    }
    if (coding != JST_CODING_IDENTITY) {
        e->there &= ~(1u << coding);
        return JOIST_E_AGAIN;
    }
    e->found = JST_FOUND_STATUS;
    e->status = rc == JOIST_E_ACCESS ? 403 : 404;
    return rc;
}

int
jst_files_load(struct jst_variant **out, struct jst_files *f, const struct jst_site *site,
               struct jst_entry *e, enum jst_coding coding)
{
    struct jst_variant *v = e->variants[coding];
    int rc;

    if (JST_LIKELY(v != NULL && v->file == NULL)) {
        *out = v;
        return JOIST_OK;
    }
    if (v != NULL && e->found == JST_FOUND_FILE && !is_current(v)) {
        jst_entry_unload(f, e, coding);
        v = NULL;
    }
    if (v == NULL) {
        rc = e->found == JST_FOUND_LISTING ? jst_listing_load(&v, f, site, e)
                                           : jst_variant_load(&v, f, site, e, coding);
        if (rc < 0) {
            return refuse(f, site, e, coding, rc);
        }
        e->variants[coding] = v;
        e->bytes += v->bytes;
        f->bytes += v->bytes;
    }
    if (v->file != NULL) {
        jst_entry_hold(f, e);
    }
    jst_files_keep_budgets(f, e);
    *out = v;
    return JOIST_OK;
}

/* ---- giving back ---- */

void
jst_files_sweep_later(struct jst_files *f)
{
    if (f->sweep.deadline_ms == JST_NEVER) {
        jst_timer_set(f->local->loop, &f->sweep,
                      jst_loop_now_ms(f->local->loop) + JST_FILES_SWEEP_MS);
    }
}

static void
on_sweep(struct jst_timer *t)
{
    struct jst_files *f = JST_CONTAINER(t, struct jst_files, sweep);
    uint64_t now_ms = jst_loop_now_ms(f->local->loop);
    bool roots_left;

    while (!jst_list_is_empty(&f->holding)) {
        struct jst_entry *e = JST_CONTAINER(f->holding.next, struct jst_entry, holding);

        if (now_ms - e->used_ms < JST_FILES_SWEEP_MS) {
            break;
        }
        jst_entry_unload_all(f, e);
    }
    roots_left = jst_roots_sweep(f, now_ms < ROOT_IDLE_MS ? 0 : now_ms - ROOT_IDLE_MS);
    if (roots_left || f->holding_n > 0) {
        jst_files_sweep_later(f);
    }
}

void
jst_files_clear(struct jst_files *f)
{
    while (!jst_list_is_empty(&f->holding)) {
        jst_entry_unload_all(f, JST_CONTAINER(f->holding.next, struct jst_entry, holding));
    }
}

int
jst_files_create(struct jst_files **out, struct jst_local *local)
{
    struct jst_files *f = calloc(1, sizeof(*f));
    int rc = JOIST_E_NOMEM;

    if (f == NULL) {
        return JOIST_E_NOMEM;
    }
    f->local = local;
    f->seed = jst_rand_next(&local->rand);
    jst_list_init(&f->found);
    jst_list_init(&f->missed);
    jst_list_init(&f->holding);
    f->buckets = calloc(JST_FILES_BUCKETS, sizeof(struct jst_entry *));
    if (f->buckets == NULL) {
        goto fail;
    }
    rc = jst_timer_init(local->loop, &f->sweep, on_sweep);
    if (rc < 0) {
        goto fail;
    }
    *out = f;
    return JOIST_OK;
fail:
    jst_files_destroy(&f);
    return rc;
}

void
jst_files_destroy(struct jst_files **take)
{
    struct jst_files *f = *take;

    *take = NULL;
    if (f == NULL) {
        return;
    }
    while (!jst_list_is_empty(&f->found)) {
        jst_entry_remove(f, JST_CONTAINER(f->found.next, struct jst_entry, kept));
    }
    while (!jst_list_is_empty(&f->missed)) {
        jst_entry_remove(f, JST_CONTAINER(f->missed.next, struct jst_entry, kept));
    }
    jst_roots_sweep(f, UINT64_MAX);
    jst_timer_fini(f->local->loop, &f->sweep);
    free(f->buckets);
    free(f);
}
