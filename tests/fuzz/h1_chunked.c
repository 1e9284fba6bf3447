// SPDX-License-Identifier: MIT
/* Chunked bodies: the same data, the same verdict and the same rest, however the bytes are cut. */
#include "codec/h1.h"
#include "parse.h"

struct outcome {
    char *data;
    size_t n;
    size_t taken; /* bytes of the input */
    int rc;
    uint8_t state;
    enum jst_h1_err why;
};

/* Feed pieces that end at `cut`, then each `step` bytes. */
static void
decode(struct outcome *out, struct jst_slice in, size_t cut, size_t step)
{
    struct jst_chunked d = {0};
    size_t at = 0;

    *out = (struct outcome){.data = exact_copy(in)};
    while (at < in.n && out->rc == 0 && d.state != JST_CHUNKED_TRAILER) {
        size_t n = at < cut ? cut - at : JST_MIN(step, in.n - at);
        char *bytes = exact_copy(jst_slice(in.p + at, n));
        struct jst_slice piece = {bytes, n};
        struct jst_slice data;

        while ((out->rc = jst_chunked_feed(&d, &piece, &data, &out->why)) == 1) {
            JST_ASSERT(data.n > 0 && lies_inside(data, jst_slice(bytes, n)));
            memcpy(out->data + out->n, data.p, data.n);
            out->n += data.n;
        }
        JST_ASSERT(out->rc < 0 || piece.n == 0 || d.state == JST_CHUNKED_TRAILER);
        at += n - piece.n;
        free(bytes);
    }
    out->taken = at;
    out->state = d.state;
}

static void
compare(const struct outcome *a, struct jst_slice in, size_t cut, size_t step)
{
    struct outcome b;

    decode(&b, in, cut, step);
    JST_ASSERT(a->rc == b.rc && a->state == b.state && a->taken == b.taken && a->n == b.n);
    JST_ASSERT(a->rc == 0 || a->why == b.why);
    JST_ASSERT(memcmp(a->data, b.data, a->n) == 0);
    free(b.data);
}

static void
check_trailers(struct jst_slice in, size_t cut)
{
    size_t whole_seen = 0;
    size_t cut_seen = 0;
    size_t end = jst_h1_trailer_end(in, &whole_seen);
    size_t cut_end = jst_h1_trailer_end(jst_slice(in.p, cut), &cut_seen);
    struct jst_field v[8];
    struct jst_fields fields = {v, 0, JST_COUNT(v)};
    char *bytes;

    if (cut_end == 0) {
        cut_end = jst_h1_trailer_end(in, &cut_seen);
    }
    JST_ASSERT(end == cut_end && end <= in.n);
    bytes = exact_copy(jst_slice(in.p, end));
    if (jst_h1_parse_trailers(&fields, jst_slice(bytes, end)) == JST_H1_OK) {
        for (uint32_t i = 0; i < fields.n; i++) {
            JST_ASSERT(jst_is_token(fields.v[i].name));
            JST_ASSERT(fields.v[i].id != JST_FIELD_CONTENT_LENGTH);
            JST_ASSERT(fields.v[i].id != JST_FIELD_TRANSFER_ENCODING);
        }
    }
    free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jst_slice in = {(const char *)data, size};
    size_t cut = size > 0 ? data[size / 2] % size : 0;
    struct outcome whole;

    decode(&whole, in, 0, size);
    compare(&whole, in, cut, size);
    compare(&whole, in, 0, 1);
    if (whole.state == JST_CHUNKED_TRAILER) {
        struct jst_slice rest = {in.p + whole.taken, in.n - whole.taken};

        check_trailers(rest, rest.n > 0 ? cut % rest.n : 0);
    }
    free(whole.data);
    return 0;
}
