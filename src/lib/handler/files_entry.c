// SPDX-License-Identifier: MIT
/* Entries: the table, the clock that decides who goes, and the budgets. */
#include "handler/files_int.h"

#include <stdlib.h>

static struct jst_slice
path_of(const struct jst_entry *e)
{
    return jst_slice(e->text + e->key_n, e->path_n);
}

static bool
is_match(const struct jst_entry *e, const struct jst_site *site, struct jst_slice path,
         uint64_t hash, bool is_page)
{
    return e->hash == hash && e->is_page == is_page && jst_slice_eq(path_of(e), path) &&
           jst_slice_eq(jst_slice(e->text, e->key_n), site->key);
}

static struct jst_entry **
bucket_of(const struct jst_files *f, uint64_t hash)
{
    return &f->buckets[hash & (JST_FILES_BUCKETS - 1)];
}

struct jst_entry *
jst_entry_find(const struct jst_files *f, const struct jst_site *site, struct jst_slice path,
               uint64_t hash, bool is_page)
{
    struct jst_entry *e = *bucket_of(f, hash);

    while (e != NULL && !is_match(e, site, path, hash, is_page)) {
        e = e->next;
    }
    return e;
}

void
jst_entry_hold(struct jst_files *f, struct jst_entry *e)
{
    if (jst_list_is_empty(&e->holding)) {
        f->holding_n++;
        jst_files_sweep_later(f);
    }
    jst_list_remove(&e->holding);
    jst_list_insert(&f->holding, &e->holding);
}

void
jst_entry_unload(struct jst_files *f, struct jst_entry *e, enum jst_coding coding)
{
    struct jst_variant *v = e->variants[coding];
    bool holds = false;

    if (v == NULL) {
        return;
    }
    f->bytes -= v->bytes;
    e->bytes -= v->bytes;
    jst_variant_destroy(&e->variants[coding]);
    for (size_t i = 0; i < JST_CODINGS; i++) {
        holds = holds || (e->variants[i] != NULL && e->variants[i]->file != NULL);
    }
    if (!holds && !jst_list_is_empty(&e->holding)) {
        jst_list_remove(&e->holding);
        f->holding_n--;
    }
}

void
jst_entry_unload_all(struct jst_files *f, struct jst_entry *e)
{
    for (enum jst_coding c = 0; c < JST_CODINGS; c++) {
        jst_entry_unload(f, e, c);
    }
}

void
jst_entry_remove(struct jst_files *f, struct jst_entry *e)
{
    struct jst_entry **at = bucket_of(f, e->hash);

    while (*at != e) {
        at = &(*at)->next;
    }
    *at = e->next;
    jst_entry_unload_all(f, e);
    f->bytes -= e->bytes;
    jst_list_remove(&e->kept);
    if (e->is_missed) {
        f->missed_n--;
    } else {
        f->found_n--;
    }
    free(e);
}

/* Turn the clock's hand until one entry has gone: whoever was used since its last pass may stay,
 * and so may `keep`. */
static void
evict_one(struct jst_files *f, struct jst_list *clock, const struct jst_entry *keep)
{
    while (!jst_list_is_empty(clock)) {
        struct jst_entry *e = JST_CONTAINER(clock->prev, struct jst_entry, kept);

        if (!e->used && e != keep) {
            jst_entry_remove(f, e);
            return;
        }
        if (clock->next == clock->prev && e == keep) {
            return; /* nobody else is there */
        }
        e->used = false;
        jst_list_remove(&e->kept);
        jst_list_insert(clock->next, &e->kept);
    }
}

void
jst_files_keep_budgets(struct jst_files *f, const struct jst_entry *keep)
{
    while (f->found_n > JST_FILES_FOUND_MAX) {
        evict_one(f, &f->found, keep);
    }
    while (f->missed_n > JST_FILES_MISSED_MAX) {
        evict_one(f, &f->missed, keep);
    }
    while (f->bytes > JST_FILES_BYTES_MAX && f->found_n > 1) {
        evict_one(f, &f->found, keep);
    }
    while (f->holding_n > JST_FILES_OPEN_MAX) {
        jst_entry_unload_all(f, JST_CONTAINER(f->holding.next, struct jst_entry, holding));
    }
}

struct jst_entry *
jst_entry_create(const struct jst_lookup *look, const struct jst_site *site, struct jst_slice path)
{
    size_t n = site->key.n + path.n + look->file_n + 1;
    struct jst_entry *e = calloc(1, sizeof(*e) + n);

    if (e == NULL) {
        return NULL;
    }
    e->key_n = site->key.n;
    e->path_n = path.n;
    e->file_n = look->file_n;
    memcpy(e->text, site->key.p, site->key.n);
    memcpy(e->text + e->key_n, path.p, path.n);
    memcpy(e->text + e->key_n + e->path_n, look->file, look->file_n);
    e->bytes = sizeof(*e) + n;
    e->found = look->found;
    e->status = look->status;
    e->there = look->there;
    memcpy(e->ids, look->ids, sizeof(e->ids));
    e->is_missed = look->found == JST_FOUND_STATUS;
    jst_list_init(&e->holding);
    return e;
}

/* In front of its bucket. A bucket as long as this is no accident: its oldest goes. */
void
jst_entry_insert(struct jst_files *f, struct jst_entry *e)
{
    struct jst_entry **first = bucket_of(f, e->hash);
    unsigned length = 1;

    e->next = *first;
    *first = e;
    jst_list_insert(e->is_missed ? f->missed.next : f->found.next, &e->kept);
    if (e->is_missed) {
        f->missed_n++;
    } else {
        f->found_n++;
    }
    f->bytes += e->bytes;
    for (struct jst_entry *last = e; last != NULL; last = last->next, length++) {
        if (last->next == NULL && length > JST_FILES_CHAIN_MAX) {
            jst_entry_remove(f, last);
            break;
        }
    }
    jst_files_keep_budgets(f, e);
}
