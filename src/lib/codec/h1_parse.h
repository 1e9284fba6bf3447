// SPDX-License-Identifier: MIT
#pragma once
/*
 * What request and response heads have in common; only for the h1_*.c files and chunked.c.
 *
 * Flow:    h1_request.c, h1_response.c: start line -> jst_h1_read_fields() -> jst_h1_read_framing()
 * Threads: pure, any.
 */
#include "codec/h1.h"

/* Where the parser stands. `begin` is for jst_scan(). */
struct jst_h1_cursor {
    const char *begin;
    const char *p;
    const char *end;
};

/* What the field lines said that framing and routing need; the last value of each name. */
struct jst_h1_facts {
    struct jst_slice host;
    struct jst_slice length;
    struct jst_slice coding;
    uint32_t hosts;
    uint32_t lengths;
    uint32_t codings;
    uint32_t connections;
    uint32_t expects;
    bool has_upgrade;
    /* from the Connection fields */
    uint32_t names; /* options that name a field */
    bool close;
    bool keep_alive;
    bool upgrade;
};

/** All field lines up to and with the empty one, which must be the last of the bytes. */
enum jst_h1_err jst_h1_read_fields(struct jst_h1_head *h, struct jst_h1_facts *facts,
                                   struct jst_h1_cursor *c);

/** The line end of a start line. JST_H1_E_LINE if another byte is there. */
enum jst_h1_err jst_h1_read_eol(struct jst_h1_cursor *c);

/** "HTTP/1.x" at the cursor: JST_H1_E_VERSION for another version, JST_H1_E_LINE for none. */
enum jst_h1_err jst_h1_read_version(uint8_t *minor, struct jst_h1_cursor *c);

/** Content-Length and Transfer-Encoding (RFC 9112 6.1 to 6.3). Sets body to NONE, LENGTH or
 *  CHUNKED by these fields alone, and length, has_length. */
enum jst_h1_err jst_h1_read_framing(struct jst_h1_head *h, const struct jst_h1_facts *facts);

/** Connection: close, keep-alive, upgrade, and the names of fields that end here. */
enum jst_h1_err jst_h1_read_connection(struct jst_h1_head *h, struct jst_h1_facts *facts);
