// SPDX-License-Identifier: MIT
#include "proto/h2_request.h"

#include "base/str.h"
#include "codec/scan.h"
#include "proto/request.h"

/* RFC 6455 4.1: 16 bytes in base64. */
#define WS_KEY_BYTES 24

/* ---- target ---- */

/* nghttp2 has checked :path, but the grammar is HTTP/1's here, so that both refuse the same. */
static bool
read_target(struct jst_stream *s, struct jst_slice path, struct jst_slice *raw)
{
    const char *end = path.p + path.n;
    const char *p = jst_scan(path.p, path.p, end, JST_SCAN_PATH);

    s->req.target = path;
    *raw = jst_slice(path.p, (size_t)(p - path.p));
    if (p < end && *p == '?') {
        const char *query = p + 1;

        p = jst_scan(path.p, query, end, JST_SCAN_QUERY);
        s->req.query = jst_slice(query, (size_t)(p - query));
    }
    return p == end && raw->n > 0 &&
           (raw->p[0] == '/' ||
            (s->req.method == JST_METHOD_OPTIONS && path.n == 1 && raw->p[0] == '*'));
}

static uint16_t
port_or_default(uint16_t port, struct jst_slice scheme)
{
    return port != 0 ? port : jst_slice_eq(scheme, JST_S("https")) ? 443 : 80;
}

/* RFC 9113 8.3.1: :authority and Host must not differ. Whoever sends two names hopes that somebody
 * behind us takes the other one. */
static enum jst_h1_err
read_authority(struct jst_stream *s, const struct jst_h2_block *b, struct jst_slice *host)
{
    struct jst_slice other;
    uint16_t port;
    uint16_t other_port;

    if (b->hosts > 1) {
        return JST_H1_E_HOST_REPEATED;
    }
    s->req.authority = b->authority.n > 0 ? b->authority : b->host;
    if (s->req.authority.n == 0) {
        return JST_H1_E_HOST_MISSING;
    }
    if (!jst_host_split(s->req.authority, host, &port)) {
        return JST_H1_E_HOST_INVALID;
    }
    if (b->authority.n > 0 && b->hosts == 1) {
        if (!jst_host_split(b->host, &other, &other_port)) {
            return JST_H1_E_HOST_INVALID;
        }
        if (!jst_slice_ieq(*host, other) ||
            port_or_default(port, s->req.scheme) != port_or_default(other_port, s->req.scheme)) {
            return JST_H1_E_HOST_MISMATCH;
        }
    }
    return JST_H1_OK;
}

/* ---- extended CONNECT ---- */

static void
print_key(char out[WS_KEY_BYTES], struct jst_rand *rand)
{
    uint64_t bytes[2] = {jst_rand_next(rand), jst_rand_next(rand)};
    struct jst_str s = jst_str(out, WS_KEY_BYTES);

    jst_str_add_base64(&s, jst_slice((const char *)bytes, sizeof(bytes)));
}

/* RFC 8441 5.1: what HTTP/1.1 says with GET and Upgrade. An HTTP/1.1 origin wants a key (RFC 6455
 * 4.1), of which HTTP/2 has none: it gets one of ours. */
static uint16_t
read_protocol(struct jst_stream *s, struct jst_h2_block *b)
{
    struct jst_field *v;
    char *key;

    if (!jst_slice_ieq(b->protocol, JST_S("websocket"))) {
        return 501;
    }
    s->req.method = JST_METHOD_GET;
    s->req.method_text = JST_S("GET");
    s->req.upgrade = true;
    s->req.upgrade_to = JST_S("websocket");
    s->req.own_key = true;
    s->req.has_body = false;
    s->req.length = 0;
    jst_fields_drop_name(&b->fields, JST_S("Sec-WebSocket-Key"));
    v = jst_arena_alloc(&s->arena, (b->fields.n + 1) * sizeof(*v));
    key = jst_arena_alloc(&s->arena, WS_KEY_BYTES);
    if (v == NULL || key == NULL) {
        return 503;
    }
    if (b->fields.n > 0) {
        memcpy(v, b->fields.v, b->fields.n * sizeof(*v));
    }
    print_key(key, &s->local->rand);
    b->fields = (struct jst_fields){v, b->fields.n, b->fields.n + 1};
    (void)jst_fields_add(&b->fields, JST_S("Sec-WebSocket-Key"), jst_slice(key, WS_KEY_BYTES));
    return 0;
}

/* ---- all ---- */

/* What was too much for the collector. */
static uint16_t
refuse_block(struct jst_stream *s, const struct jst_h2_block *b)
{
    if (b->no_memory) {
        return 503;
    }
    if (b->too_many) {
        return jst_request_refuse(s, JST_H1_E_FIELD_COUNT);
    }
    JST_STAT_ADD(s->local, limit_header_bytes, 1);
    return 431;
}

static void
fill(struct jst_head *req, const struct jst_h2_block *b, bool end_stream)
{
    req->length = b->has_length ? b->length : end_stream ? 0 : JST_LENGTH_UNKNOWN;
    req->has_body = !end_stream;
    req->te_trailers = b->te_trailers;
    req->expect_continue = b->expect && req->has_body;
    req->version_minor = 1;
}

uint16_t
jst_h2_read_request(struct jst_stream *s, struct jst_h2_block *b, bool end_stream,
                    const struct joist_limits_conf *limits)
{
    struct jst_slice host = JST_SLICE_NONE;
    struct jst_slice raw = JST_SLICE_NONE;
    enum jst_h1_err why;
    uint16_t status = 0;
    int rc;

    s->req.scheme = s->peer->tls != NULL ? JST_S("https") : JST_S("http");
    s->req.method_text = b->method.p != NULL ? b->method : JST_S("-");
    s->req.method = jst_method_of(b->method);
    s->req.target = b->path;
    if (jst_h2_block_finish(b) < 0) {
        return refuse_block(s, b);
    }
    if (b->method.n > JST_H1_METHOD_MAX_BYTES) {
        return jst_request_refuse(s, JST_H1_E_METHOD);
    }
    fill(&s->req, b, end_stream);
    why = read_authority(s, b, &host);
    if (why != JST_H1_OK) {
        return jst_request_refuse(s, why);
    }
    if (limits->uri_bytes > 0 && b->path.n > limits->uri_bytes) {
        JST_STAT_ADD(s->local, limit_uri_bytes, 1);
        return 414;
    }
    if (b->expect_bad) {
        return jst_request_refuse(s, JST_H1_E_EXPECT);
    }
    if (b->protocol.p != NULL) {
        status = end_stream ? jst_request_refuse(s, JST_H1_E_TARGET) : read_protocol(s, b);
    }
    s->req.fields = b->fields;
    if (status != 0) {
        return status;
    }
    rc = jst_request_set_host(s, host);
    if (rc == JOIST_OK && s->req.method != JST_METHOD_CONNECT) {
        rc = read_target(s, b->path, &raw) ? jst_request_set_path(s, raw) : JOIST_E_PROTO;
    }
    if (rc == JOIST_E_PROTO) {
        return jst_request_refuse(s, JST_H1_E_TARGET);
    }
    return rc < 0 ? 503 : 0;
}
