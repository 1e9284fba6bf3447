// SPDX-License-Identifier: MIT
#include "proto/h1_body.h"

#include "base/str.h"

/* 16 hexadecimal digits and CRLF */
#define SIZE_LINE_BYTES 18u

void
jst_h1_decoder_init(struct jst_h1_decoder *d, enum jst_h1_body kind, uint64_t length)
{
    *d = (struct jst_h1_decoder){.kind = (uint8_t)kind};
    if (kind == JST_H1_BODY_LENGTH) {
        d->left = length;
        d->done = length == 0;
    }
    d->done = d->done || kind == JST_H1_BODY_NONE;
}

/* A body of tiny chunks must not become one piece a chunk. */
static int
add_piece(struct jst_chain *out, struct jst_buf *buf, const char *p, size_t n)
{
    if (n < JST_H1_COPY_BYTES && !jst_chain_is_empty(out)) {
        return jst_chain_add_copy(out, p, n);
    }
    return jst_chain_add(out, buf, p, n);
}

static void
advance(struct jst_slice *in, size_t n)
{
    in->p += n;
    in->n -= n;
}

static int
decode_plain(struct jst_h1_decoder *d, struct jst_buf *buf, struct jst_slice *in, size_t max_body,
             struct jst_chain *out)
{
    size_t n = JST_MIN(in->n, max_body);
    int rc;

    if (d->kind == JST_H1_BODY_LENGTH && n > d->left) {
        n = (size_t)d->left;
    }
    rc = add_piece(out, buf, in->p, n);
    if (rc < 0) {
        return rc;
    }
    advance(in, n);
    if (d->kind == JST_H1_BODY_LENGTH) {
        d->left -= n;
        d->done = d->left == 0;
    }
    return JOIST_OK;
}

/* Keep what there is of the trailer section, up to its end if that is in `*in`. */
static int
keep_trailer(struct jst_h1_decoder *d, struct jst_slice *in, size_t *end, enum jst_h1_err *why)
{
    uint32_t before = d->trailer_n;
    size_t n = JST_MIN(in->n, JST_TRAILER_BYTES_MAX - before);

    if (d->trailer == NULL) {
        d->trailer = jst_buf_take(JST_TRAILER_BYTES_MAX);
        if (d->trailer == NULL) {
            return JOIST_E_NOMEM;
        }
    }
    memcpy(d->trailer->data + before, in->p, n);
    *end = jst_h1_trailer_end(jst_slice(d->trailer->data, before + n), &d->trailer_seen);
    if (*end == 0 && before + n == JST_TRAILER_BYTES_MAX) {
        *why = JST_H1_E_TRAILER_BYTES;
        return JOIST_E_LIMIT;
    }
    d->trailer_n = *end > 0 ? (uint32_t)*end : before + (uint32_t)n;
    advance(in, d->trailer_n - before);
    return JOIST_OK;
}

static int
decode_trailer(struct jst_h1_decoder *d, struct jst_slice *in, enum jst_h1_err *why)
{
    struct jst_field v[JST_TRAILER_FIELDS_MAX];
    struct jst_fields fields = {v, 0, JST_TRAILER_FIELDS_MAX};
    size_t end = 0;
    int rc;

    if (d->trailer == NULL && in->n >= 2 && in->p[0] == '\r' && in->p[1] == '\n') {
        advance(in, 2); /* the common case: no trailers, nothing to keep */
        d->done = true;
        return JOIST_OK;
    }
    rc = keep_trailer(d, in, &end, why);
    if (rc < 0 || end == 0) {
        return rc;
    }
    *why = jst_h1_parse_trailers(&fields, jst_slice(d->trailer->data, end));
    if (*why != JST_H1_OK) {
        return JOIST_E_PROTO;
    }
    d->done = true;
    return JOIST_OK;
}

static int
decode_chunked(struct jst_h1_decoder *d, struct jst_buf *buf, struct jst_slice *in, size_t max_body,
               struct jst_chain *out, enum jst_h1_err *why)
{
    while (in->n > 0 && d->chunked.state != JST_CHUNKED_TRAILER) {
        bool in_data = d->chunked.state == JST_CHUNKED_DATA;
        struct jst_slice data = JST_SLICE_NONE;
        struct jst_slice part;
        int rc;

        if (in_data && max_body == 0) {
            return JOIST_OK;
        }
        /* Outside of data at least one byte is framing: a part of that many bytes cannot give more
         * body than may be taken. */
        part = jst_slice(in->p, JST_MIN(in->n, JST_MAX(max_body, 1)));
        rc = jst_chunked_feed(&d->chunked, &part, &data, why);
        if (rc < 0) {
            return rc;
        }
        JST_ASSERT_HOT(data.n <= max_body);
        advance(in, (size_t)(part.p - in->p));
        rc = add_piece(out, buf, data.p, data.n);
        if (rc < 0) {
            return rc;
        }
        max_body -= data.n;
    }
    if (d->chunked.state == JST_CHUNKED_TRAILER && in->n > 0) {
        return decode_trailer(d, in, why);
    }
    return JOIST_OK;
}

int
jst_h1_decode(struct jst_h1_decoder *d, struct jst_buf *buf, struct jst_slice *in, size_t max_body,
              struct jst_chain *out, enum jst_h1_err *why)
{
    JST_ASSERT_HOT(in->n == 0 || (in->p >= buf->data && in->p + in->n <= buf->data + buf->cap));
    if (d->done || in->n == 0) {
        return JOIST_OK;
    }
    if (d->kind == JST_H1_BODY_CHUNKED) {
        return decode_chunked(d, buf, in, max_body, out, why);
    }
    return decode_plain(d, buf, in, max_body, out);
}

bool
jst_h1_decoder_eof_ok(const struct jst_h1_decoder *d)
{
    return d->done || d->kind == JST_H1_BODY_CLOSE || d->kind == JST_H1_BODY_TUNNEL;
}

const struct jst_fields *
jst_h1_decoder_trailers(struct jst_h1_decoder *d, struct jst_fields *storage)
{
    JST_ASSERT_HOT(storage->cap >= JST_TRAILER_FIELDS_MAX);
    if (!d->done || d->trailer == NULL) {
        return NULL;
    }
    if (jst_h1_parse_trailers(storage, jst_slice(d->trailer->data, d->trailer_n)) != JST_H1_OK) {
        JST_UNREACHABLE(); /* it was parsed before `done` */
    }
    return storage->n > 0 ? storage : NULL;
}

void
jst_h1_decoder_fini(struct jst_h1_decoder *d)
{
    jst_buf_unref(d->trailer);
    d->trailer = NULL;
}

/* ---- printing ---- */

/* A whole small chunk in one piece of memory. */
static int
encode_small_chunk(struct jst_chain *out, struct jst_chain *move, struct jst_slice size_line)
{
    size_t n = size_line.n + move->bytes + 2;
    char *p = jst_chain_reserve(out, n);

    if (p == NULL) {
        return JOIST_E_NOMEM;
    }
    memcpy(p, size_line.p, size_line.n);
    (void)jst_chain_peek(move, p + size_line.n, move->bytes);
    memcpy(p + n - 2, "\r\n", 2);
    jst_chain_commit(out, n);
    jst_chain_clear(move);
    return JOIST_OK;
}

static bool
is_memory(const struct jst_chain *c)
{
    const struct jst_seg *s = c->first;

    while (s != NULL && s->file == NULL) {
        s = s->next;
    }
    return s == NULL;
}

int
jst_h1_encode_chunk(struct jst_chain *out, struct jst_chain *move)
{
    char line[SIZE_LINE_BYTES];
    struct jst_str size = jst_str(line, sizeof(line));
    int rc;

    if (jst_chain_is_empty(move)) {
        return JOIST_OK;
    }
    jst_str_add_hex(&size, move->bytes);
    jst_str_add(&size, JST_S("\r\n"));
    JST_ASSERT_HOT(!size.full);
    if (move->bytes < JST_H1_COPY_BYTES && is_memory(move)) {
        return encode_small_chunk(out, move, jst_str_slice(&size));
    }
    rc = jst_chain_add_copy(out, line, size.n);
    if (rc < 0) {
        return rc;
    }
    jst_chain_join(out, move);
    /* A copy, not static memory: the next chunk's size line then fits behind it. */
    return jst_chain_add_copy(out, "\r\n", 2);
}

static int
encode_field(struct jst_chain *out, const struct jst_field *f)
{
    const struct jst_slice parts[] = {f->name, JST_S(": "), f->value, JST_S("\r\n")};

    for (size_t i = 0; i < JST_COUNT(parts); i++) {
        if (jst_chain_add_copy(out, parts[i].p, parts[i].n) < 0) {
            return JOIST_E_NOMEM;
        }
    }
    return JOIST_OK;
}

int
jst_h1_encode_last_chunk(struct jst_chain *out, const struct jst_fields *trailers)
{
    int rc;

    if (trailers == NULL || trailers->n == 0) {
        return jst_chain_add_copy(out, "0\r\n\r\n", 5);
    }
    rc = jst_chain_add_copy(out, "0\r\n", 3);
    for (uint32_t i = 0; i < trailers->n && rc == JOIST_OK; i++) {
        if (!trailers->v[i].drop) {
            rc = encode_field(out, &trailers->v[i]);
        }
    }
    return rc < 0 ? rc : jst_chain_add_copy(out, "\r\n", 2);
}
