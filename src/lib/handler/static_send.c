// SPDX-License-Identifier: MIT
/* A file that was found, sent: whole, in parts, or not at all. */
#include "base/str.h"
#include "handler/static.h"

int
jst_variant_add(struct jst_chain *c, const struct jst_variant *v, uint64_t first, uint64_t n)
{
    if (v->body != NULL) {
        return jst_chain_add(c, v->body, v->body->data + first, (size_t)n);
    }
    return v->file != NULL ? jst_chain_add_file(c, v->file, (off_t)first, (size_t)n) : JOIST_OK;
}

void
jst_static_send_head_and_body(struct jst_stream *s, const struct jst_head *head,
                              struct jst_chain *body)
{
    jst_sink_head(s->response, head);
    if (!jst_chain_is_empty(body) && s->req.method != JST_METHOD_HEAD) {
        jst_sink_data(s->response, body);
    }
    jst_chain_clear(body);
    jst_sink_end(s->response, NULL);
}

/* Fields are only read by whoever gets a head, but a head's array is not const. */
static struct jst_fields
fields_from(const struct jst_variant *v, uint32_t first)
{
    uint32_t n = v->fields_n - first;
    union {
        const struct jst_field *in;
        struct jst_field *out;
    } u = {.in = v->fields + first};

    return (struct jst_fields){u.out, n, n};
}

static void
send_whole(struct jst_stream *s, const struct jst_variant *v)
{
    struct jst_head head = {
        .status = 200, .length = v->id.size, .block = v->block, .fields = fields_from(v, 0)};
    struct jst_chain body = {0};

    if (jst_variant_add(&body, v, 0, v->id.size) < 0) {
        jst_stream_respond_error(s, 503, NULL);
        return;
    }
    jst_static_send_head_and_body(s, &head, &body);
}

/* RFC 9110 15.4.5: ETag, Vary, Cache-Control; with an ETag, Last-Modified tells nothing more. */
static void
send_not_modified(struct jst_stream *s, const struct jst_variant *v)
{
    struct jst_head head = {
        .status = 304,
        .length = JST_LENGTH_UNKNOWN,
        .block = jst_slice(v->block.p + v->block_304, v->block.n - v->block_304),
        .fields = fields_from(v, v->fields_304),
    };

    jst_sink_head(s->response, &head);
    jst_sink_end(s->response, NULL);
}

static void
send_unsatisfiable(const struct jst_site *site, struct jst_stream *s, const struct jst_variant *v)
{
    char text[32];
    struct jst_str value = jst_str(text, sizeof(text));
    struct jst_field storage[1];
    struct jst_fields extra = {storage, 0, 1};

    jst_str_add(&value, JST_S("bytes */"));
    jst_str_add_u64(&value, v->id.size);
    (void)jst_fields_add(&extra, JST_S("Content-Range"), jst_str_slice(&value));
    jst_static_error(site, s, 416, &extra);
}

struct jst_slice
jst_content_range(char out[JST_CONTENT_RANGE_BYTES], struct jst_range r, uint64_t size)
{
    struct jst_str value = jst_str(out, JST_CONTENT_RANGE_BYTES);

    jst_str_add(&value, JST_S("bytes "));
    jst_str_add_u64(&value, r.first);
    jst_str_add_char(&value, '-');
    jst_str_add_u64(&value, r.first + r.n - 1);
    jst_str_add_char(&value, '/');
    jst_str_add_u64(&value, size);
    JST_ASSERT(!value.full);
    return jst_str_slice(&value);
}

static bool
send_part(struct jst_stream *s, const struct jst_variant *v, struct jst_range r)
{
    char text[JST_CONTENT_RANGE_BYTES];
    struct jst_field storage[JST_VARIANT_FIELDS_MAX + 1];
    struct jst_head head = {.status = 206, .length = r.n};
    struct jst_chain body = {0};

    memcpy(storage, v->fields, v->fields_n * sizeof(storage[0]));
    head.fields = (struct jst_fields){storage, v->fields_n, JST_COUNT(storage)};
    (void)jst_fields_add(&head.fields, JST_S("Content-Range"),
                         jst_content_range(text, r, v->id.size));
    if (jst_variant_add(&body, v, r.first, r.n) < 0) {
        return false;
    }
    jst_static_send_head_and_body(s, &head, &body);
    return true;
}

static void
send_ranges(const struct jst_site *site, struct jst_stream *s, const struct jst_variant *v,
            struct jst_slice header)
{
    struct jst_range ranges[JST_RANGES_MAX];
    int n = jst_range_parse(ranges, JST_RANGES_MAX, header, v->id.size);

    if (n == 0) {
        send_whole(s, v);
    } else if (n < 0) {
        send_unsatisfiable(site, s, v);
    } else if (!(n == 1 ? send_part(s, v, ranges[0])
                        : jst_multipart_send(s, v, ranges, (size_t)n))) {
        jst_stream_respond_error(s, 503, NULL);
    }
}

void
jst_static_send(const struct jst_site *site, struct jst_stream *s, const struct jst_variant *v)
{
    struct jst_wants wants;
    int64_t now_s;

    jst_wants_read(&wants, &s->req.fields);
    if (JST_LIKELY(!wants.any) || v->etag.n == 0) { /* a listing has nothing to compare */
        send_whole(s, v);
        return;
    }
    now_s = jst_loop_wall_us(s->local->loop) / 1000000;
    switch (jst_conditions_judge(&wants, &s->req, v, now_s)) {
    case JST_VERDICT_NOT_MODIFIED:
        send_not_modified(s, v);
        return;
    case JST_VERDICT_FAILED:
        jst_static_error(site, s, 412, NULL);
        return;
    case JST_VERDICT_SEND:
        break;
    }
    /* RFC 9110 14.2: Range is defined for GET alone. */
    if (wants.range != NULL && s->req.method == JST_METHOD_GET &&
        jst_if_range_holds(&wants, v, now_s)) {
        send_ranges(site, s, v, wants.range->value);
        return;
    }
    send_whole(s, v);
}
