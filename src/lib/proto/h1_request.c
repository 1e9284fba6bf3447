// SPDX-License-Identifier: MIT
#include "proto/h1_request.h"

#include "proto/request.h"

static bool
is_framing(enum jst_field_id id)
{
    return id == JST_FIELD_CONTENT_LENGTH || id == JST_FIELD_TRANSFER_ENCODING ||
           id == JST_FIELD_HOST;
}

static void
fill(struct jst_head *req, const struct jst_h1_head *h)
{
    req->method = h->method;
    req->method_text = h->method_text;
    req->authority = h->authority;
    req->target = h->target;
    req->query = h->query;
    req->length = h->body == JST_H1_BODY_LENGTH ? h->length
                  : h->body == JST_H1_BODY_NONE ? 0
                                                : JST_LENGTH_UNKNOWN;
    req->has_body = h->body != JST_H1_BODY_NONE && req->length != 0;
    req->te_trailers = h->te_trailers;
    req->expect_continue = h->expect_continue;
    req->version_minor = h->version_minor;
    req->fields = h->fields;
    /* RFC 9110 7.8: an Upgrade that comes with a body would have to wait for it; ignore it. */
    if (h->upgrade && !req->has_body) {
        const struct jst_field *f = NULL;

        for (uint32_t i = 0; i < h->fields.n && f == NULL; i++) {
            f = h->fields.v[i].id == JST_FIELD_UPGRADE ? &h->fields.v[i] : NULL;
        }
        req->upgrade = f != NULL;
        req->upgrade_to = f != NULL ? f->value : JST_SLICE_NONE;
    }
    for (uint32_t i = 0; i < req->fields.n; i++) {
        struct jst_field *f = &req->fields.v[i];

        f->drop = f->drop || is_framing((enum jst_field_id)f->id);
    }
}

uint16_t
jst_h1_read_request(struct jst_stream *s, struct jst_h1_head *h, struct jst_slice head,
                    const struct joist_limits_conf *limits)
{
    struct jst_slice kept = jst_arena_copy(&s->arena, head);
    size_t cap = JST_MIN((size_t)limits->header_count, JST_HEADER_COUNT_MAX);
    struct jst_field scratch[JST_HEADER_COUNT_MAX];
    enum jst_h1_err why;
    int rc;

    h->fields = (struct jst_fields){scratch, 0, (uint32_t)cap};
    s->req.scheme = s->peer->tls ? JST_S("https") : JST_S("http");
    if (kept.p == NULL) {
        return 503;
    }
    why = jst_h1_parse_request(h, kept);
    s->req.method_text = h->method_text;
    s->req.target = h->target;
    s->req.query = h->query;
    if (why != JST_H1_OK) {
        return jst_request_refuse(s, why);
    }
    if (limits->uri_bytes > 0 && h->target.n > limits->uri_bytes) {
        JST_STAT_ADD(s->local, limit_uri_bytes, 1);
        return 414;
    }
    h->fields.v = jst_arena_alloc(&s->arena, h->fields.n * sizeof(struct jst_field));
    if (h->fields.v == NULL) {
        return 503;
    }
    memcpy(h->fields.v, scratch, h->fields.n * sizeof(struct jst_field));
    h->fields.cap = h->fields.n;
    fill(&s->req, h);
    rc = jst_request_set_host(s, h->host);
    if (rc == JOIST_OK && h->form != JST_H1_FORM_AUTHORITY) {
        rc = jst_request_set_path(s, h->path);
    }
    if (rc == JOIST_E_PROTO) {
        return jst_request_refuse(s, JST_H1_E_TARGET);
    }
    return rc < 0 ? 503 : 0;
}
