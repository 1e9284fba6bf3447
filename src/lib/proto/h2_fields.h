// SPDX-License-Identifier: MIT
#pragma once
/*
 * What both sides of HTTP/2 share: fields to and from nghttp2, and DATA frames without copies.
 *
 * Job:     collect a header block field by field (RFC 9113 8.2, 8.3); make nghttp2's array of a
 *          message's fields; put a piece of a body behind its frame header.
 * Not:     no streams, no sessions; what the fields mean for routing is h2_request.c's. nghttp2 has
 *          checked the grammar before (its HTTP messaging validation stays on).
 * Owner:   bytes are copied into the arena that the collector was given.
 * Threads: pure, any.
 */
#include "base/arena.h"
#include "http/message.h"

#include <nghttp2/nghttp2.h>

/* ---- coming in ---- */

/* RFC 9113 6.5.2: what a field counts beside its name and value. */
#define JST_H2_FIELD_OVERHEAD 32u

/** A header or trailer section on its way in. Zero it, then set the first three. */
struct jst_h2_block {
    struct jst_arena *arena; /* borrowed */
    uint32_t fields_max;
    uint32_t bytes_max; /* names and values with ": " and CRLF, as HTTP/1 would count them */
    /* pseudo-header fields; p NULL: not there */
    struct jst_slice method;
    struct jst_slice scheme;
    struct jst_slice authority;
    struct jst_slice path;
    struct jst_slice protocol;
    uint16_t status; /* 0: none */
    /* what some fields say; these stay out of `fields` but for Expect */
    struct jst_slice host;     /* Host; p NULL: not there */
    struct jst_slice priority; /* RFC 9218; it is among `fields` as well */
    uint64_t length;           /* Content-Length */
    uint32_t hosts;
    bool has_length;
    bool te_trailers;
    bool expect;     /* Expect: 100-continue */
    bool expect_bad; /* another expectation: 417 */
    /* the rest, in order; cookies still in pieces until jst_h2_block_finish() */
    struct jst_fields fields;
    uint32_t bytes;
    uint32_t excess; /* bytes beyond bytes_max, which were not kept */
    uint32_t cookies;
    bool too_many; /* fields_max was exceeded: what came after was not kept */
    bool too_big;  /* bytes_max was */
    bool no_memory;
};

/** One field. Never fails: the three marks above tell, and nothing more is kept then (pseudo-header
 *  fields came first, so that a refusal can be logged). */
void jst_h2_block_add(struct jst_h2_block *b, struct jst_slice name, struct jst_slice value);

/** The section is complete: joins the pieces of Cookie (RFC 9113 8.2.3). JOIST_E_LIMIT (too_many or
 *  too_big), JOIST_E_NOMEM. */
int jst_h2_block_finish(struct jst_h2_block *b);

/* ---- going out ---- */

/** nghttp2's array under way. The bytes are borrowed until nghttp2_submit_*() returns, which copies
 *  them (and turns names into lower case); names that are static and in lower case stay where they
 *  are. */
struct jst_h2_nvs {
    nghttp2_nv *v; /* the caller's */
    size_t n;
    size_t cap;
    bool full; /* sticky: one did not fit */
};

/** `name` is a literal in lower case. */
void jst_h2_nvs_add(struct jst_h2_nvs *o, struct jst_slice name, struct jst_slice value);

/** All that are not dropped, without those that HTTP/2 has no place for (RFC 9113 8.2.2:
 *  Connection and its kin, TE), and without Host and Content-Length, which come from facts. */
void jst_h2_nvs_add_fields(struct jst_h2_nvs *o, const struct jst_fields *f);

/** Take every field of this name out again, in any case. */
void jst_h2_nvs_drop(struct jst_h2_nvs *o, struct jst_slice name);

/** "name: value" lines as printed for HTTP/1 (struct jst_head.block); Content-Length included. */
void jst_h2_nvs_add_block(struct jst_h2_nvs *o, struct jst_slice block);

/**
 * A DATA frame at the end of `out`: its header and the first `n` bytes of `body`. Pieces up to
 * JST_COPY_BYTES_MAX are copied, larger ones and files are moved. For nghttp2_send_data_callback
 * with padding 0. JOIST_E_NOMEM: the connection cannot go on.
 */
int jst_h2_put_data(struct jst_chain *out, const uint8_t *frame_header, struct jst_chain *body,
                    size_t n);
