// SPDX-License-Identifier: MIT
#pragma once
/*
 * A reactor's cache of what paths lead to: resolved files, their headers ready made, contents.
 *
 * Job:     site and path -> entry (a file, "add a slash", or a status) -> variant (headers, body).
 * Not:     it sends nothing and knows no request; static_send.c does.
 * Flow:    jst_files_find() -> table, or files_look.c (names to files) -> jst_files_load() ->
 *          files_load.c (open, read, print headers)
 * Owner:   jst_files owns entries, entries own variants. Both live until the next call of find or
 *          load; bodies and descriptors live on in the chains that hold references to them.
 * Threads: the reactor's.
 * Limits:  below; what is used least goes first (a clock: FIFO with a second chance).
 * Why:     a small file that is asked for again costs no system call, no allocation, no copy.
 *          Once in JST_FILES_CHECK_MS an entry is resolved anew and compared, so that changes,
 *          new files, new index pages and new compressed siblings are all seen.
 */
#include "base/list.h"
#include "http/local.h"
#include "http/message.h"

#include <limits.h>

struct jst_site;

#define JST_FILES_CHECK_MS    1000u  /* how old an answer may be before the disk is asked again */
#define JST_FILES_SMALL_BYTES 65536u /* up to this, contents are kept in memory */
#define JST_FILES_BYTES_MAX   (32u * 1024 * 1024) /* of all contents and headers */
#define JST_FILES_FOUND_MAX   4096u               /* entries that lead to a file */
#define JST_FILES_MISSED_MAX  512u /* entries that do not: a scan must not push out the others */
#define JST_FILES_OPEN_MAX    256u /* descriptors held for large files */
#define JST_FILES_ROOTS_MAX   256u /* root folders held open; a power of two */
#define JST_FILES_CHAIN_MAX   16u  /* entries of one hash bucket, whatever paths a peer makes up */
/* An idle cache gives its descriptors back: a deleted file's space is freed only then. */
#define JST_FILES_SWEEP_MS 10000u

/* In the order in which equals are preferred, last first. */
enum jst_coding {
    JST_CODING_IDENTITY,
    JST_CODING_GZIP,
    JST_CODING_BR,
    JST_CODING_ZSTD,
    JST_CODINGS,
};

/** What tells that a file is still the same one. */
struct jst_file_id {
    uint64_t dev;
    uint64_t ino;
    uint64_t size;
    int64_t modified_ns;
    int64_t changed_ns;
};

#define JST_VARIANT_FIELDS_MAX 8

/** One file in one coding, ready to send. */
struct jst_variant {
    struct jst_buf *body;  /* owned; small files */
    struct jst_file *file; /* owned; large files. Both NULL: empty */
    struct jst_file_id id;
    int64_t modified_s; /* Last-Modified; INT64_MIN: the file has no meaningful date */
    bool racy; /* read so soon after its last change that another may have the same times */
    struct jst_slice type; /* static storage */
    struct jst_slice etag;
    struct jst_slice block; /* the fields printed, with Content-Length */
    size_t block_304;       /* where in `block` the part begins that a 304 repeats, and */
    uint32_t fields_304;    /* where in `fields` */
    uint32_t fields_n;
    struct jst_field fields[JST_VARIANT_FIELDS_MAX];
    size_t bytes; /* of memory, with the body */
    char text[];  /* the block's bytes */
};

enum jst_found {
    JST_FOUND_FILE,
    JST_FOUND_LISTING, /* a folder without index whose entries are shown */
    JST_FOUND_MOVED,   /* a folder, asked for without the slash at its end */
    JST_FOUND_STATUS,  /* 404, 403, or what try_files says */
};

/** Where a path leads. */
struct jst_lookup {
    enum jst_found found;
    uint16_t status; /* JST_FOUND_STATUS */
    unsigned there;  /* bits 1 << coding: the file and its siblings */
    struct jst_file_id ids[JST_CODINGS];
    size_t file_n;
    char file[PATH_MAX]; /* below the root, NUL-terminated; "" is the root */
};

/** The same, kept. */
struct jst_entry {
    struct jst_list kept;                      /* the clock */
    struct jst_list holding;                   /* entries with descriptors, last used last */
    struct jst_entry *next;                    /* of the bucket */
    struct jst_variant *variants[JST_CODINGS]; /* owned; NULL: not loaded */
    struct jst_file_id ids[JST_CODINGS];
    uint64_t hash;
    uint64_t checked_ms;
    uint64_t used_ms;
    size_t bytes;
    enum jst_found found;
    uint16_t status;
    unsigned there;
    bool used; /* since the clock's hand came by */
    bool is_page;
    bool is_missed; /* counted among the missed ones */
    size_t key_n;
    size_t path_n;
    size_t file_n;
    char text[]; /* site's key, path, file with NUL */
};

/**
 * Where does `path` of this site lead? `is_page`: an error page, a file that the configuration
 * names: neither try_files nor the rule about dotfiles holds.
 * JOIST_E_NOMEM, JOIST_E_NOFILE, JOIST_E_IO: nobody can tell right now.
 */
int jst_files_find(struct jst_entry **out, struct jst_files *f, const struct jst_site *site,
                   struct jst_slice path, bool is_page);

/**
 * The variant to send; `coding` is one of e->there (a listing: identity). Files that cannot be
 * read turn the entry into its status for a while: JOIST_E_ACCESS (403), JOIST_E_NOTFOUND (404).
 * Siblings that cannot be read leave e->there: JOIST_E_AGAIN, choose anew. Others as above.
 */
int jst_files_load(struct jst_variant **out, struct jst_files *f, const struct jst_site *site,
                   struct jst_entry *e, enum jst_coding coding);

/** Let go of all descriptors and contents (descriptors are out). */
void jst_files_clear(struct jst_files *f);

/** ".gz" and the like, or empty; and the name in Content-Encoding. */
struct jst_slice jst_coding_suffix(enum jst_coding coding);
struct jst_slice jst_coding_name(enum jst_coding coding);
