// SPDX-License-Identifier: MIT
#include "codec/h1.h"
#include "codec/scan.h"

/*
 * state     byte         next                 what
 * SIZE      hex digit    SIZE                 at most 15: cannot overflow
 *           ;            SIZE_EXT             after at least one digit
 *           CR           SIZE_LF              after at least one digit
 * SIZE_EXT  text         SIZE_EXT             passed over, counted
 *           CR           SIZE_LF
 * SIZE_LF   LF           DATA, or TRAILER     size 0 is the last chunk
 * DATA      any          DATA_CR at the end   handed out
 * DATA_CR   CR           DATA_LF
 * DATA_LF   LF           SIZE
 * Every other byte is refused: RFC 9112 7.1 has no white space around a size, and 2.2 no lone LF.
 */

static enum jst_h1_err
step_size(struct jst_chunked *d, char c)
{
    int digit = jst_hex_digit(c);

    if (digit >= 0) {
        if (d->digits == JST_CHUNK_DIGITS_MAX) {
            return JST_H1_E_CHUNK_SIZE;
        }
        d->digits++;
        d->left = d->left << 4 | (unsigned)digit;
        return JST_H1_OK;
    }
    if (d->digits > 0 && (c == ';' || c == '\r')) {
        d->state = c == ';' ? JST_CHUNKED_SIZE_EXT : JST_CHUNKED_SIZE_LF;
        return JST_H1_OK;
    }
    return c == '\n' ? JST_H1_E_BARE_LF : JST_H1_E_CHUNK_SIZE;
}

static enum jst_h1_err
step_ext(struct jst_chunked *d, char c)
{
    if (c == '\r') {
        d->state = JST_CHUNKED_SIZE_LF;
        return JST_H1_OK;
    }
    if (c == '\n') {
        return JST_H1_E_BARE_LF;
    }
    if (!jst_byte_is(c, JST_BYTE_TEXT) || ++d->line_bytes > JST_CHUNK_LINE_MAX_BYTES ||
        ++d->ext_bytes > JST_CHUNK_EXT_MAX_BYTES) {
        return JST_H1_E_CHUNK_EXT;
    }
    return JST_H1_OK;
}

static enum jst_h1_err
step_line_end(struct jst_chunked *d, char c)
{
    if (c != '\n') {
        return JST_H1_E_BARE_CR;
    }
    d->state = d->left > 0 ? JST_CHUNKED_DATA : JST_CHUNKED_TRAILER;
    d->line_bytes = 0;
    d->digits = 0;
    return JST_H1_OK;
}

/* One byte that is not chunk data. */
static enum jst_h1_err
step(struct jst_chunked *d, char c)
{
    switch (d->state) {
    case JST_CHUNKED_SIZE:
        return step_size(d, c);
    case JST_CHUNKED_SIZE_EXT:
        return step_ext(d, c);
    case JST_CHUNKED_SIZE_LF:
        return step_line_end(d, c);
    case JST_CHUNKED_DATA_CR:
        d->state = JST_CHUNKED_DATA_LF;
        return c == '\r' ? JST_H1_OK : JST_H1_E_CHUNK_END;
    case JST_CHUNKED_DATA_LF:
        d->state = JST_CHUNKED_SIZE;
        return c == '\n' ? JST_H1_OK : JST_H1_E_CHUNK_END;
    default:
        JST_UNREACHABLE();
    }
}

int
jst_chunked_feed(struct jst_chunked *d, struct jst_slice *in, struct jst_slice *data,
                 enum jst_h1_err *why)
{
    *data = JST_SLICE_NONE;
    while (in->n > 0 && d->state < JST_CHUNKED_TRAILER) {
        enum jst_h1_err err;

        if (d->state == JST_CHUNKED_DATA) {
            size_t n = d->left < in->n ? (size_t)d->left : in->n;

            *data = jst_slice(in->p, n);
            *in = jst_slice(in->p + n, in->n - n);
            d->left -= n;
            if (d->left == 0) {
                d->state = JST_CHUNKED_DATA_CR;
            }
            return 1;
        }
        err = step(d, *in->p);
        if (JST_UNLIKELY(err != JST_H1_OK)) {
            *why = err;
            return JOIST_E_PROTO;
        }
        in->p++;
        in->n--;
    }
    return 0;
}
