// SPDX-License-Identifier: MIT
#pragma once
/*
 * A folder as a page: its entries (listing.c) and the HTML (listing_page.c).
 *
 * Threads: the reactor's; reading a folder waits for the disk, once a second at most for each.
 * Limits:  JST_LISTING_ENTRIES_MAX; a page that is cut says so.
 */
#include "base/base.h"

/* A page of two megabytes; nobody reads further, and each entry costs a system call. */
#define JST_LISTING_ENTRIES_MAX 10000u

struct jst_listed {
    char *name; /* owned */
    uint64_t size;
    int64_t modified_s;
    bool is_folder;
};

struct jst_listing {
    struct jst_listed *v; /* owned; sorted: folders first, then as people count */
    size_t n;
    size_t cap;
    struct jst_slice path; /* borrowed; as requested, ends with '/' */
    bool is_cut;           /* there are more */
};

/** Text that grows; sticky: out of memory marks it `failed`. */
struct jst_text {
    char *p; /* owned: free it */
    size_t n;
    size_t cap;
    bool failed;
};

/** The whole page. Every name is escaped, for HTML and for links, and links are relative: they hold
 *  wherever the folder is mounted. */
void jst_listing_print(struct jst_text *out, const struct jst_listing *l);
