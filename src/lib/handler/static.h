// SPDX-License-Identifier: MIT
#pragma once
/*
 * Static files, inside: what the files of this handler share.
 *
 * Job:     answer a request from a folder: find (files.h), judge conditions and ranges, send.
 * Flow:    static.c: serve() -> jst_files_find() -> jst_accept_choose() -> jst_files_load()
 *          -> jst_static_send() -> s->response
 * Owner:   the snapshot owns the site; the reactor's jst_files owns entries and variants.
 * Threads: a site is immutable; the rest runs on the reactor.
 * Limits:  ranges of one request (JST_RANGES_MAX), the cache's budgets (files.h).
 * Start:   static.c: serve(), then tests/unit/lib/handler/static.c; docs/static-files.md
 */
#include "handler/files.h"
#include "handler/handler.h"

#include "codec/range.h"

/* More ranges in one request are ignored and the whole file is sent: RFC 9110 14.2 names many
 * small ranges as an attack; PDF viewers ask for a few dozen at most. */
#define JST_RANGES_MAX 64

/* Fields that an error may bring along: Allow, Content-Range, Vary. */
#define JST_EXTRA_FIELDS_MAX 2

/* "bytes 0-18446744073709551615/18446744073709551615" with some room */
#define JST_CONTENT_RANGE_BYTES 80

enum jst_try_kind {
    JST_TRY_FILE,
    JST_TRY_FOLDER, /* ends with '/': an index in it, or its listing */
    JST_TRY_STATUS, /* "=404" */
};

/** One of try_files: `before`, the request's path if `has_path`, `after`. */
struct jst_try {
    enum jst_try_kind kind;
    bool has_path;
    uint16_t status;
    struct jst_slice before;
    struct jst_slice after;
};

struct jst_error_page {
    uint16_t status;
    struct jst_slice path;
};

/** A compiled joist_static_conf. */
struct jst_site {
    struct jst_handler handler;
    char *memory; /* owned: all that follows points into it */
    const char *root;
    struct jst_slice *index;
    size_t index_n;
    struct jst_try *tries;
    size_t tries_n;
    struct jst_error_page *pages;
    size_t pages_n;
    struct jst_slice cache_control;
    struct jst_slice key; /* all that a cached answer depends on beside its path */
    uint64_t key_hash;
    bool listing;
    bool precompressed;
    bool dotfiles;
};

/** The handler's serve. */
void jst_static_serve(const struct jst_handler *h, struct jst_stream *s, struct jst_slice path,
                      struct jst_slice raw_path);

/** May a request name this path at all? From '/', no "." or ".." segment, no NUL, and no segment
 *  that begins with a dot (but ".well-known") unless the site serves those. */
bool jst_site_allows(const struct jst_site *site, struct jst_slice path);

/* ---- content codings ---- */

/** What Accept-Encoding says, in thousandths; 0: not acceptable. */
struct jst_accept {
    uint16_t q[JST_CODINGS];
};

void jst_accept_parse(struct jst_accept *out, const struct jst_fields *fields);

/** Without a weight nothing is refused: then the file itself is acceptable. Tells the most common
 *  requests for files without siblings from the rest, in less time. */
bool jst_accept_is_plain(const struct jst_fields *fields);

/** The best of the codings in `there` (bits 1 << coding): the highest q, of equals the one that is
 *  usually smallest. JOIST_E_NOTFOUND if none is acceptable. */
int jst_accept_choose(const struct jst_accept *accept, unsigned there);

/* ---- conditions (RFC 9110 13) ---- */

enum jst_verdict {
    JST_VERDICT_SEND,
    JST_VERDICT_NOT_MODIFIED, /* 304 */
    JST_VERDICT_FAILED,       /* 412 */
};

/** What a request says about ranges and conditions, found in one pass over its fields. */
struct jst_wants {
    const struct jst_field *range; /* NULL also if there are several */
    const struct jst_field *if_range;
    const struct jst_field *if_modified_since;
    const struct jst_field *if_unmodified_since;
    bool if_match; /* one or more: jst_etag_matches() goes over all */
    bool if_none_match;
    bool any;
};

void jst_wants_read(struct jst_wants *out, const struct jst_fields *fields);

/** In the order of RFC 9110 13.2.2. */
enum jst_verdict jst_conditions_judge(const struct jst_wants *wants, const struct jst_head *req,
                                      const struct jst_variant *v, int64_t now_s);

/** Does If-Range, if there is one, allow the Range? */
bool jst_if_range_holds(const struct jst_wants *wants, const struct jst_variant *v, int64_t now_s);

/* ---- sending ---- */

/** 200, 206, 304, 412 or 416, whatever the request's conditions and ranges make of it. */
void jst_static_send(const struct jst_site *site, struct jst_stream *s,
                     const struct jst_variant *v);

/** Several ranges as multipart/byteranges. False when out of memory: nothing was sent. */
bool jst_multipart_send(struct jst_stream *s, const struct jst_variant *v,
                        const struct jst_range *ranges, size_t n);

/** The value of Content-Range. */
struct jst_slice jst_content_range(char out[JST_CONTENT_RANGE_BYTES], struct jst_range r,
                                   uint64_t size);

/** Head, data (not with HEAD), end. `body` is emptied. */
void jst_static_send_head_and_body(struct jst_stream *s, const struct jst_head *head,
                                   struct jst_chain *body);

/** Append `n` bytes of the variant from `first` on. JOIST_E_NOMEM. */
int jst_variant_add(struct jst_chain *c, const struct jst_variant *v, uint64_t first, uint64_t n);

/** The site's own page for the status, or the plain one. */
void jst_static_error(const struct jst_site *site, struct jst_stream *s, uint16_t status,
                      const struct jst_fields *extra);
