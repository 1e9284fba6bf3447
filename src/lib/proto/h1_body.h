// SPDX-License-Identifier: MIT
#pragma once
/*
 * HTTP/1.1 bodies, both sides: framing taken off what is read and put on what is written.
 *
 * Job:     cut body bytes out of read buffers by length, chunks or end of connection; print chunks.
 * Not:     it reads no socket; h1_server.c and h1_client.c do.
 * Flow:    jst_h1_decoder_init(head's framing) -> jst_h1_decode()* until `done`, or
 *          jst_h1_decoder_eof_ok() at the end of the connection -> jst_h1_decoder_trailers().
 * Owner:   the decoder owns the bytes of a trailer section; pieces own references to the buffer.
 * Threads: any, one at a time.
 * Limits:  JST_TRAILER_BYTES_MAX, JST_TRAILER_FIELDS_MAX; pieces below JST_H1_COPY_BYTES behind
 *          another one are copied together.
 */
#include "base/bounds.h"
#include "base/buf.h"
#include "codec/h1.h"

/* Below this a copy costs less than a piece of its own. */
#define JST_H1_COPY_BYTES 2048u

struct jst_h1_decoder {
    struct jst_buf *trailer; /* owned: bytes of a trailer section; NULL without one */
    uint64_t left;           /* LENGTH: body bytes to come */
    struct jst_chunked chunked;
    uint32_t trailer_n;
    size_t trailer_seen;
    uint8_t kind; /* enum jst_h1_body */
    bool done;    /* the body, and trailers if any, are complete */
};

/** Done at once with NONE, or with LENGTH and 0 bytes. */
void jst_h1_decoder_init(struct jst_h1_decoder *d, enum jst_h1_body kind, uint64_t length);

/**
 * Take body bytes at `in->p` (inside `buf`), at most `max_body` of them; advances `*in`, appends to
 * `*out`. Framing costs nothing of `max_body`, so that an end is seen without credit. What is left
 * in `*in` is either beyond `max_body` or, when `done`, the next message's.
 * CLOSE and TUNNEL are never done by themselves.
 * Returns 0, or JOIST_E_PROTO (malformed chunks or trailers), JOIST_E_LIMIT (trailers too large):
 * both with `*why`; JOIST_E_NOMEM.
 */
int jst_h1_decode(struct jst_h1_decoder *d, struct jst_buf *buf, struct jst_slice *in,
                  size_t max_body, struct jst_chain *out, enum jst_h1_err *why);

/** The connection has ended: is the body whole? */
bool jst_h1_decoder_eof_ok(const struct jst_h1_decoder *d);

/** When done: the trailer fields, in `storage` (v and cap set by the caller, cap at least
 *  JST_TRAILER_FIELDS_MAX); their bytes live as long as the decoder. NULL if there are none. */
const struct jst_fields *jst_h1_decoder_trailers(struct jst_h1_decoder *d,
                                                 struct jst_fields *storage);

/** A zeroed decoder is fine. */
void jst_h1_decoder_fini(struct jst_h1_decoder *d);

/** Append `*move` as one chunk. No bytes: nothing (an empty chunk would be the last one).
 *  JOIST_E_NOMEM: `*out` may hold half a chunk; only closing the connection is left. */
int jst_h1_encode_chunk(struct jst_chain *out, struct jst_chain *move);

/** Append the last chunk, `trailers` (may be NULL; dropped ones are left out) and the final empty
 *  line. JOIST_E_NOMEM as above. */
int jst_h1_encode_last_chunk(struct jst_chain *out, const struct jst_fields *trailers);
