// SPDX-License-Identifier: MIT
#pragma once
/*
 * A message head as everyone above proto/ sees it: no protocol version in it.
 *
 * Owner:   slices and field arrays live as long as each user of a head promises: a request's until
 *          its stream ends (the stream's arena), a response's until sink->head() returns.
 */
#include "codec/field.h"
#include "codec/h1.h"

#define JST_LENGTH_UNKNOWN UINT64_MAX

struct jst_head {
    /* request */
    enum jst_method method;
    struct jst_slice method_text;
    struct jst_slice scheme;    /* "http" or "https": how it reached us */
    struct jst_slice authority; /* as the client wrote it (Host or target); may be empty */
    struct jst_slice host;      /* lower case, without port and trailing dot, IPv6 in brackets */
    struct jst_slice target;    /* as received, for logs */
    struct jst_slice raw_path;  /* as received, from '/'; "*" for OPTIONS * */
    struct jst_slice path;      /* decoded, normalized; what routing and files use */
    struct jst_slice query;     /* without '?'; p NULL: there was none */
    /* response */
    uint16_t status;
    struct jst_slice reason; /* empty: the registered one */
    struct jst_slice block;  /* optional: `fields` already printed for HTTP/1, each with CRLF, and
                                with Content-Length, which `fields` never holds */
    /* both */
    uint64_t length;  /* of the body; JST_LENGTH_UNKNOWN: until `end`. A response to HEAD, or a 304,
                         may have the length that a GET would have had */
    bool has_body;    /* request: data may come before end */
    bool upgrade;     /* request: the client asks to leave HTTP for `upgrade_to`; response: 101 */
    bool own_key;     /* request: the key of its WebSocket is ours, so nobody else checks the answer
                         (RFC 6455 4.1) */
    bool te_trailers; /* request: the client takes trailers */
    bool expect_continue;        /* request: the client waits for 100 (Continue) */
    uint8_t version_minor;       /* HTTP/1.x as received, for Via and logs */
    struct jst_slice upgrade_to; /* value of Upgrade */
    struct jst_fields fields;    /* without those that carry framing; hop-by-hop ones are `drop` */
};
