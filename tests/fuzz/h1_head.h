// SPDX-License-Identifier: MIT
#pragma once
/* What must hold of every head that is accepted, request or response. */
#include "base/str.h"
#include "codec/h1.h"
#include "codec/scan.h"
#include "parse.h"

#define FIELDS_MAX 64

/* The end of the head is the same however the bytes come: all at once, or cut at `cut`. */
static inline size_t
find_end(struct jst_slice in, size_t cut)
{
    size_t whole_seen = 0;
    size_t cut_seen = 0;
    size_t whole = jst_h1_head_end(in, &whole_seen);
    size_t end = jst_h1_head_end(jst_slice(in.p, cut), &cut_seen);

    if (end == 0) {
        JST_ASSERT(cut_seen <= cut);
        end = jst_h1_head_end(in, &cut_seen);
    }
    JST_ASSERT(end == whole && whole <= in.n);
    return whole;
}

static inline void
check_accepted(const struct jst_h1_head *h, struct jst_slice head)
{
    unsigned lengths = 0;
    unsigned codings = 0;

    for (uint32_t i = 0; i < h->fields.n; i++) {
        const struct jst_field *f = &h->fields.v[i];

        JST_ASSERT(lies_inside(f->name, head) && lies_inside(f->value, head));
        JST_ASSERT(jst_is_token(f->name));
        JST_ASSERT(jst_all_bytes_are(f->value, JST_BYTE_TEXT));
        JST_ASSERT(jst_slice_eq(jst_slice_trim(f->value), f->value));
        JST_ASSERT(f->id == (uint16_t)jst_field_id(f->name));
        lengths += f->id == JST_FIELD_CONTENT_LENGTH;
        codings += f->id == JST_FIELD_TRANSFER_ENCODING;
    }
    JST_ASSERT(lengths + codings <= 1);
    JST_ASSERT((lengths == 1) == h->has_length);
    JST_ASSERT(h->body != JST_H1_BODY_CHUNKED || codings == 1);
    JST_ASSERT(h->body != JST_H1_BODY_LENGTH || h->length > 0);
    JST_ASSERT(h->length <= JST_H1_LENGTH_MAX_BYTES);
}

/* The fields as a printer would write them, and the empty line. */
static inline void
print_fields(struct jst_str *out, const struct jst_fields *fields)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        jst_str_add(out, fields->v[i].name);
        jst_str_add(out, JST_S(": "));
        jst_str_add(out, fields->v[i].value);
        jst_str_add(out, JST_S("\r\n"));
    }
    jst_str_add(out, JST_S("\r\n"));
    JST_ASSERT(!out->full);
}

/* Framing, connection and fields are what they were. */
static inline void
check_same(const struct jst_h1_head *a, const struct jst_h1_head *b)
{
    JST_ASSERT(a->body == b->body && a->length == b->length && a->has_length == b->has_length);
    JST_ASSERT(a->keep_alive == b->keep_alive && a->upgrade == b->upgrade);
    JST_ASSERT(a->te_trailers == b->te_trailers && a->expect_continue == b->expect_continue);
    JST_ASSERT(a->fields.n == b->fields.n);
    for (uint32_t i = 0; i < a->fields.n; i++) {
        JST_ASSERT(jst_slice_eq(a->fields.v[i].name, b->fields.v[i].name));
        JST_ASSERT(jst_slice_eq(a->fields.v[i].value, b->fields.v[i].value));
        JST_ASSERT(a->fields.v[i].drop == b->fields.v[i].drop);
    }
}
