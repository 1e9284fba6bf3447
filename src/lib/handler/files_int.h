// SPDX-License-Identifier: MIT
#pragma once
/*
 * The cache's own parts: table (files.c), names to files (files_look.c), roots (files_root.c),
 * contents and headers (files_load.c), folders as pages (listing.c).
 */
#include "base/buf.h"
#include "handler/static.h"

#include <sys/stat.h>

#define JST_FILES_BUCKETS 4096u /* a power of two */

struct jst_root {
    char *path; /* owned; NULL: a free slot */
    int fd;     /* owned; -1: it cannot be opened now */
    int rc;     /* why */
    uint64_t checked_ms;
    uint64_t used_ms;
};

struct jst_files {
    struct jst_local *local;    /* borrowed; outlives us */
    struct jst_entry **buckets; /* owned */
    struct jst_root roots[JST_FILES_ROOTS_MAX];
    struct jst_list found; /* newest first; the hand is at the end */
    struct jst_list missed;
    struct jst_list holding;
    struct jst_timer sweep;
    uint64_t seed;
    size_t bytes;
    uint32_t found_n;
    uint32_t missed_n;
    uint32_t holding_n;
};

/* ---- files.c ---- */

/** See to it that on_sweep() comes: something is held open. */
void jst_files_sweep_later(struct jst_files *f);

/* ---- files_entry.c ---- */

struct jst_entry *jst_entry_find(const struct jst_files *f, const struct jst_site *site,
                                 struct jst_slice path, uint64_t hash, bool is_page);

/** A copy of what was looked up, in no table yet. NULL when out of memory. */
struct jst_entry *jst_entry_create(const struct jst_lookup *look, const struct jst_site *site,
                                   struct jst_slice path);

/** Into the table; others may have to go. */
void jst_entry_insert(struct jst_files *f, struct jst_entry *e);

/** Out of the table, and free. */
void jst_entry_remove(struct jst_files *f, struct jst_entry *e);

/** It holds a descriptor, and was used now. */
void jst_entry_hold(struct jst_files *f, struct jst_entry *e);

/** Drop one variant, or all; not loaded is fine. */
void jst_entry_unload(struct jst_files *f, struct jst_entry *e, enum jst_coding coding);
void jst_entry_unload_all(struct jst_files *f, struct jst_entry *e);

/** Let entries go until all budgets are kept; `keep` stays. */
void jst_files_keep_budgets(struct jst_files *f, const struct jst_entry *keep);

/* ---- files_root.c ---- */

/** The descriptor of the site's root (borrowed until the next call), looked at anew once in
 *  JST_FILES_CHECK_MS. As jst_beneath_root(). */
int jst_root_get(int *fd, struct jst_files *f, const char *path);

/** Close those that were last used before `used_ms`; true if some are still open. */
bool jst_roots_sweep(struct jst_files *f, uint64_t used_ms);

/* ---- files_look.c ---- */

int jst_files_look(struct jst_lookup *out, struct jst_files *f, const struct jst_site *site,
                   struct jst_slice path, bool is_page);

/** Open and fstat. */
int jst_files_open(int *fd, struct stat *st, int root, const char *file, int flags);
struct jst_file_id jst_file_id(const struct stat *st);

static inline bool
jst_file_id_eq(const struct jst_file_id *a, const struct jst_file_id *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

/* ---- files_load.c ---- */

/** What a variant's headers are made from. */
struct jst_variant_conf {
    struct jst_slice type;
    struct jst_slice cache_control; /* empty: none */
    enum jst_coding coding;
    bool vary;       /* other codings are there */
    bool is_listing; /* neither tag, date nor ranges; scripts and the like are locked out */
};

/** Without body or file: the caller puts one in, of id->size bytes. NULL when out of memory. */
struct jst_variant *jst_variant_create(const struct jst_file_id *id,
                                       const struct jst_variant_conf *conf, int64_t now_us);
void jst_variant_destroy(struct jst_variant **take);

/** Open, read and print. As jst_files_load(). */
int jst_variant_load(struct jst_variant **out, struct jst_files *f, const struct jst_site *site,
                     const struct jst_entry *e, enum jst_coding coding);

/** Memory for a body, of exactly this size. NULL when out of memory. */
struct jst_buf *jst_body_create(size_t n);

/* ---- listing.c ---- */

/** The folder's page as a variant. As jst_files_load(). */
int jst_listing_load(struct jst_variant **out, struct jst_files *f, const struct jst_site *site,
                     const struct jst_entry *e);
