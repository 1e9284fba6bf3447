// SPDX-License-Identifier: MIT
#pragma once
/*
 * HTTP/1.1 grammar (RFC 9112): heads, chunked bodies; strict, never repaired.
 *
 * Job:     turn the bytes of one complete head into a struct, decide the framing; decode chunks.
 * Not:     no I/O, no buffers, no allocation; printing of heads belongs to proto/h1.
 * Flow:    proto/h1 -> jst_h1_head_end() until the head is complete -> jst_h1_parse_request()
 *          -> jst_chunked_feed() over the body.
 * Threads: pure, any.
 * Limits:  header count = capacity of the field array; bytes are limited by the caller.
 */
#include "codec/field.h"
#include "codec/method.h"

/* Limits of the grammar. */
#define JST_H1_METHOD_MAX_BYTES     32u                   /* twice the longest in IANA's registry */
#define JST_H1_LENGTH_MAX_BYTES     ((uint64_t)INT64_MAX) /* what a file offset can hold */
#define JST_H1_CONNECTION_NAMES_MAX 32u /* each is compared with each field: bounds the work */
#define JST_CHUNK_DIGITS_MAX        15u /* 2^60 - 1: cannot overflow 64 bits */
/* RFC 9112 7.1.1 asks for a limit on extensions, which nobody uses: of one line, and of a body's
 * lines together, so that tiny chunks cannot carry a multiple of their data. */
#define JST_CHUNK_LINE_MAX_BYTES 256u
#define JST_CHUNK_EXT_MAX_BYTES  16384u

enum jst_h1_body {
    JST_H1_BODY_NONE,   /* ends with the head */
    JST_H1_BODY_LENGTH, /* exactly `length` bytes */
    JST_H1_BODY_CHUNKED,
    JST_H1_BODY_CLOSE,  /* responses only: until the connection closes */
    JST_H1_BODY_TUNNEL, /* responses only: 101, or 2xx to CONNECT: raw bytes both ways */
};

/* The forms of a request target (RFC 9112 3.2). */
enum jst_h1_form {
    JST_H1_FORM_ORIGIN,    /* /path?query */
    JST_H1_FORM_ABSOLUTE,  /* http://host/path */
    JST_H1_FORM_AUTHORITY, /* host:port, CONNECT only */
    JST_H1_FORM_ASTERISK,  /* *, OPTIONS only */
};

/** A parsed head. All slices point into the bytes that were parsed. */
struct jst_h1_head {
    /* request line */
    struct jst_slice method_text;
    struct jst_slice target;    /* as received */
    struct jst_slice authority; /* from absolute-form or authority-form, else from Host; may be
                                   empty with HTTP/1.0 or an empty Host */
    struct jst_slice host;      /* of the authority: without port and trailing dot; may be empty */
    struct jst_slice scheme;    /* absolute-form: "http" or "https" as received, else empty */
    struct jst_slice path;      /* origin- or absolute-form: from '/' to '?' or the end, still
                                   percent-encoded; "/" if absolute-form has none; "*" for asterisk */
    struct jst_slice query;     /* after '?', without it; p is NULL if there is no '?' */
    enum jst_method method;
    enum jst_h1_form form;
    /* status line */
    uint16_t status;         /* 100..599 */
    struct jst_slice reason; /* may be empty */
    /* both */
    uint8_t version_minor; /* 0 or 1; HTTP/1.2 … 1.9 are treated as 1 (RFC 9110 2.5) */
    enum jst_h1_body body; /* NONE also with "Content-Length: 0" */
    uint64_t length;       /* with JST_H1_BODY_LENGTH; for HEAD and 304 see has_length */
    bool has_length; /* a Content-Length was there (`length` holds it even if there is no body) */
    bool keep_alive; /* by version and Connection, before anybody's own wishes */
    bool expect_continue; /* HTTP/1.1 request with Expect: 100-continue and a body */
    bool upgrade;     /* Connection names upgrade and an Upgrade field is there (HTTP/1.1 only) */
    bool te_trailers; /* TE lists trailers */
    struct jst_fields fields; /* v and cap are the caller's; names lists in Connection are marked
                                 `drop`, and so are the hop-by-hop fields */
};

/* Why a head was refused; each has the status to answer and a paragraph. */
#define JST_H1_ERR_MAP(X)                                                                          \
    X(LINE, 400, "malformed request or status line", "RFC 9112 3, 4")                              \
    X(METHOD, 400, "method is not a token", "RFC 9110 9.1")                                        \
    X(TARGET, 400, "malformed request target", "RFC 9112 3.2")                                     \
    X(VERSION, 505, "HTTP version not supported", "RFC 9110 15.6.6")                               \
    X(BARE_LF, 400, "line ends with LF alone", "RFC 9112 2.2")                                     \
    X(BARE_CR, 400, "CR without LF", "RFC 9112 2.2")                                               \
    X(FOLD, 400, "folded header line", "RFC 9112 5.2")                                             \
    X(FIELD_NAME, 400, "malformed header name", "RFC 9110 5.1")                                    \
    X(FIELD_SPACE, 400, "white space before the colon", "RFC 9112 5.1")                            \
    X(FIELD_VALUE, 400, "control byte in a header value", "RFC 9110 5.5")                          \
    X(FIELD_COUNT, 431, "too many header fields", "RFC 6585 5")                                    \
    X(HOST_MISSING, 400, "HTTP/1.1 request without Host", "RFC 9112 3.2")                          \
    X(HOST_REPEATED, 400, "more than one Host", "RFC 9112 3.2")                                    \
    X(HOST_INVALID, 400, "malformed Host", "RFC 9110 7.2")                                         \
    X(HOST_MISMATCH, 400, "Host differs from the target's authority", "RFC 9112 3.2.2")            \
    X(LENGTH_INVALID, 400, "malformed Content-Length", "RFC 9110 8.6")                             \
    X(LENGTH_REPEATED, 400, "more than one Content-Length", "RFC 9112 6.3")                        \
    X(LENGTH_AND_TE, 400, "Content-Length with Transfer-Encoding", "RFC 9112 6.3")                 \
    X(TE_INVALID, 400, "malformed or repeated Transfer-Encoding", "RFC 9112 6.1")                  \
    X(TE_UNKNOWN, 501, "transfer coding not supported", "RFC 9112 6.1")                            \
    X(TE_IN_10, 400, "Transfer-Encoding in an HTTP/1.0 message", "RFC 9112 6.1")                   \
    X(EXPECT, 417, "expectation cannot be met", "RFC 9110 10.1.1")                                 \
    X(CHUNK_SIZE, 400, "malformed chunk size", "RFC 9112 7.1")                                     \
    X(CHUNK_EXT, 400, "chunk extension too long or malformed", "RFC 9112 7.1.1")                   \
    X(CHUNK_END, 400, "chunk data not followed by CRLF", "RFC 9112 7.1")                           \
    X(TRAILER, 400, "malformed or forbidden trailer field", "RFC 9110 6.5.1")                      \
    X(TRAILER_BYTES, 431, "trailer section too large", "RFC 6585 5")

enum jst_h1_err {
    JST_H1_OK = 0,
#define X(name, status, text, source) JST_H1_E_##name,
    JST_H1_ERR_MAP(X)
#undef X
};

uint16_t jst_h1_err_status(enum jst_h1_err err);
const char *jst_h1_err_text(enum jst_h1_err err);

/**
 * Where does the head end? Looks at `in` from `*seen` on and moves `*seen` forward, so that bytes
 * that come one at a time cost O(n) in all. A line end is LF with or without CR; an empty line
 * ends the head (whether bare LFs are allowed is the parser's decision). Empty lines before the
 * request line are not the end (RFC 9112 2.2): skip them with jst_h1_skip_empty() first.
 * Returns the length of the head with its empty line, or 0 if it is not complete.
 */
size_t jst_h1_head_end(struct jst_slice in, size_t *seen);

/** How many bytes of CRLF at the start are to be skipped (RFC 9112 2.2); at most one CRLF pair is
 *  tolerated between requests: more is left for the parser to refuse. */
size_t jst_h1_skip_empty(struct jst_slice in);

/** Can these first bytes still become a request line? False as soon as the method part holds a
 *  byte that no method has, or is longer than 32 bytes: refuse before the head is complete. */
bool jst_h1_may_be_request(struct jst_slice in);

/**
 * Parse a complete request head (as long as jst_h1_head_end() said, empty line included) and
 * decide framing. `h->fields.v` and `.cap` must be set; everything else is overwritten.
 * Returns JST_H1_OK or why it is refused (then `h` is partly filled: for logs only).
 */
enum jst_h1_err jst_h1_parse_request(struct jst_h1_head *h, struct jst_slice head);

/**
 * Parse a complete response head. `request` is the method of the request it answers (HEAD and
 * CONNECT change the framing). 1xx (but 101), 204 and 304 have no body. A response with both
 * Content-Length and Transfer-Encoding, with several lengths (even equal ones in a list), or with a
 * coding other than chunked is refused.
 */
enum jst_h1_err jst_h1_parse_response(struct jst_h1_head *h, struct jst_slice head,
                                      enum jst_method request);

/** "Not Found" for 404; an empty slice for a status nobody registered. */
struct jst_slice jst_status_reason(uint16_t status);

/* ---- chunked (RFC 9112 7.1) ---- */

enum jst_chunked_state {
    JST_CHUNKED_SIZE = 0, /* a zeroed decoder is ready to use */
    JST_CHUNKED_SIZE_EXT,
    JST_CHUNKED_SIZE_LF,
    JST_CHUNKED_DATA,
    JST_CHUNKED_DATA_CR,
    JST_CHUNKED_DATA_LF,
    JST_CHUNKED_TRAILER, /* the end: the caller collects the trailer section, see below */
};

struct jst_chunked {
    uint64_t left;       /* of the current chunk; at most 2^60-1 */
    uint32_t ext_bytes;  /* extensions so far: bounded by JST_CHUNK_EXT_MAX_BYTES */
    uint16_t line_bytes; /* extension of this line: bounded by JST_CHUNK_LINE_MAX_BYTES */
    uint8_t digits;
    uint8_t state; /* enum jst_chunked_state */
};

/**
 * Take the next piece of `*in`: advances `*in`, and sets `*data` to the body bytes found (they
 * point into `in`; empty if none). Call until `in->n` is 0 or the state is TRAILER.
 * In TRAILER: `*in` starts at the trailer section (perhaps just CRLF). The caller keeps bytes until
 * jst_h1_trailer_end() says it is complete, parses with jst_h1_parse_trailers(), and is done.
 * Returns 1 if `*data` has bytes, 0 if more input is needed or TRAILER is reached, or
 * JOIST_E_PROTO with `*why` set.
 */
int jst_chunked_feed(struct jst_chunked *d, struct jst_slice *in, struct jst_slice *data,
                     enum jst_h1_err *why);

/** Length of the trailer section with its closing empty line, 0 if incomplete; `seen` as above. */
size_t jst_h1_trailer_end(struct jst_slice in, size_t *seen);

/** Parse a complete trailer section. Fields that change framing, routing or authentication
 *  (Content-Length, Transfer-Encoding, Host, Trailer, Authorization, Content-Type, …; RFC 9110
 *  6.5.1) are refused. */
enum jst_h1_err jst_h1_parse_trailers(struct jst_fields *fields, struct jst_slice section);

/* ---- tokens and lists (RFC 9110 5.6), for everyone ---- */

bool jst_is_token(struct jst_slice s);

/** Next element of a comma-separated list, trimmed; empty elements are passed over; false at the
 *  end. Quoted strings are kept whole. */
bool jst_list_next(struct jst_slice *rest, struct jst_slice *element);

/** Does the list hold the token, in any case? */
bool jst_list_has(struct jst_slice list, struct jst_slice token);

/** host[:port] of a Host header or authority: reg-name, IPv4 or [IPv6]; userinfo is refused.
 *  `*port` is 0 without one. The brackets of an IPv6 address stay in `*host`; one trailing dot of a
 *  name is cut. False if malformed. */
bool jst_host_split(struct jst_slice authority, struct jst_slice *host, uint16_t *port);
