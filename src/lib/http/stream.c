// SPDX-License-Identifier: MIT
#include "http/stream.h"

#include "base/str.h"

#define RESPOND_FIELDS_MAX 16

static void
send_memory(struct jst_stream *s, struct jst_slice body)
{
    struct jst_chain data = {0};

    if (body.n > 0 && s->req.method != JST_METHOD_HEAD) {
        if (jst_chain_add_copy(&data, body.p, body.n) < 0) {
            jst_chain_clear(&data);
            jst_sink_abort(s->response, JOIST_E_NOMEM);
            return;
        }
        jst_sink_data(s->response, &data);
    }
    jst_sink_end(s->response, NULL);
}

void
jst_stream_respond(struct jst_stream *s, uint16_t status, struct jst_slice content_type,
                   struct jst_slice body, const struct jst_fields *extra)
{
    struct jst_field storage[RESPOND_FIELDS_MAX];
    struct jst_head head = {.status = status, .length = body.n};

    head.fields = (struct jst_fields){storage, 0, RESPOND_FIELDS_MAX};
    if (content_type.n > 0) {
        (void)jst_fields_add(&head.fields, JST_S("Content-Type"), content_type);
    }
    for (uint32_t i = 0; extra != NULL && i < extra->n; i++) {
        int rc = jst_fields_add(&head.fields, extra->v[i].name, extra->v[i].value);

        JST_ASSERT(rc == JOIST_OK); /* handlers add a few fields, all their own */
    }
    jst_sink_head(s->response, &head);
    send_memory(s, body);
}

/* ---- error pages ---- */

#define PAGE_BYTES 2048

static bool
wants_html(const struct jst_stream *s)
{
    const struct jst_field *accept = jst_fields_find(&s->req.fields, JST_FIELD_ACCEPT);
    struct jst_slice rest = accept != NULL ? accept->value : JST_SLICE_NONE;
    struct jst_slice item;

    while (jst_list_next(&rest, &item)) {
        if (jst_slice_ieq(jst_slice_trim(jst_slice_cut(&item, ';')), JST_S("text/html"))) {
            return true;
        }
    }
    return false;
}

static void
add_html(struct jst_str *page, uint16_t status, struct jst_slice reason, struct jst_slice id)
{
    jst_str_fmt(page,
                "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
                "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n"
                "<meta name=color-scheme content=\"light dark\">\n<title>%u %.*s</title>\n"
                "<style>body{font:16px/1.5 system-ui,sans-serif;margin:20vh auto 0;max-width:32em;"
                "padding:0 1.5em}h1{font-size:1.5em;font-weight:600;margin:0}"
                "h1 b{opacity:.45;font-weight:600;margin-right:.4em}p{opacity:.65}</style>\n"
                "<h1><b>%u</b>%.*s</h1>\n",
                status, JST_PRI(reason), status, JST_PRI(reason));
    if (status >= 500 && id.n > 0) {
        jst_str_fmt(page, "<p>Request %.*s</p>\n", JST_PRI(id));
    }
}

/* An identifier that came from a trusted peer is still somebody else's text. */
static struct jst_slice
shown_id(struct jst_slice id)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.')) {
            return JST_SLICE_NONE;
        }
    }
    return id.n <= 128 ? id : JST_SLICE_NONE;
}

void
jst_stream_respond_error(struct jst_stream *s, uint16_t status, const struct jst_fields *extra)
{
    char memory[PAGE_BYTES];
    struct jst_str page = jst_str(memory, sizeof(memory));
    struct jst_slice reason = jst_status_reason(status);
    struct jst_slice id = shown_id(s->request_id);
    bool html = wants_html(s);

    if (reason.n == 0) {
        reason = JST_S("Error");
    }
    if (html) {
        add_html(&page, status, reason, id);
    } else {
        jst_str_fmt(&page, "%u %.*s\n", status, JST_PRI(reason));
        if (status >= 500 && id.n > 0) {
            jst_str_fmt(&page, "request %.*s\n", JST_PRI(id));
        }
    }
    jst_stream_respond(
        s, status, html ? JST_S("text/html; charset=utf-8") : JST_S("text/plain; charset=utf-8"),
        jst_str_slice(&page), extra);
}

/* ---- a handler's side that takes nothing ---- */

static void
drop_head(struct jst_sink *s, const struct jst_head *head)
{
    (void)s;
    (void)head;
}

static void
drop_data(struct jst_sink *s, struct jst_chain *move)
{
    (void)s;
    jst_chain_clear(move);
}

static void
drop_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    (void)s;
    (void)trailers;
}

static void
drop_abort(struct jst_sink *s, int why)
{
    (void)s;
    (void)why;
}

static const struct jst_sink_ops drop_ops = {drop_head, drop_data, drop_end, drop_abort};

void
jst_stream_ignore_body(struct jst_stream *s)
{
    static struct jst_sink drop = {&drop_ops};

    s->handler = &drop;
    if (s->req.has_body) {
        jst_source_cancel(s->body, JOIST_E_CANCELED);
    }
}

void
jst_stream_note_type(struct jst_stream *s, const struct jst_head *head)
{
    const struct jst_field *f =
        s->wants_log ? jst_fields_find(&head->fields, JST_FIELD_CONTENT_TYPE) : NULL;

    if (f != NULL) {
        s->response_type = jst_arena_copy(&s->arena, f->value);
    }
}
