// SPDX-License-Identifier: MIT
#include "proto/h1_print.h"

/* ---- room ---- */

int
jst_h1_print_open(struct jst_h1_print *p, struct jst_chain *out, size_t cap)
{
    char *memory;

    p->out = out;
    p->own = NULL;
    if (cap <= JST_BUF_PAGE) {
        memory = jst_chain_reserve(out, cap);
    } else {
        p->own = jst_buf_take(cap);
        memory = p->own != NULL ? p->own->data : NULL;
    }
    p->s = jst_str(memory, cap);
    return memory != NULL ? JOIST_OK : JOIST_E_NOMEM;
}

int
jst_h1_print_close(struct jst_h1_print *p)
{
    int rc = JOIST_OK;

    JST_ASSERT(!p->s.full);
    if (p->own == NULL) {
        jst_chain_commit(p->out, p->s.n);
    } else {
        rc = jst_chain_add(p->out, p->own, p->s.p, p->s.n);
        jst_buf_unref(p->own);
    }
    return rc;
}

size_t
jst_h1_print_bytes(const struct jst_fields *fields)
{
    size_t n = 0;

    for (uint32_t i = 0; i < fields->n; i++) {
        n += fields->v[i].name.n + fields->v[i].value.n + 4;
    }
    return n;
}

/* ---- the request ---- */

/* Fields that are printed from facts, or concern the client's connection alone. */
static const bool not_copied[JST_FIELD_IDS_] = {
    [JST_FIELD_HOST] = true,
    [JST_FIELD_CONTENT_LENGTH] = true,
    [JST_FIELD_TRANSFER_ENCODING] = true,
    [JST_FIELD_CONNECTION] = true,
    [JST_FIELD_KEEP_ALIVE] = true,
    [JST_FIELD_PROXY_CONNECTION] = true,
    [JST_FIELD_TE] = true,
    [JST_FIELD_TRAILER] = true,
    [JST_FIELD_UPGRADE] = true,
};

/* " HTTP/1.1", "Host: ", the framing and connection lines, line ends, 20 digits, and some air. */
#define FIXED_BYTES 256u

static bool
is_copied(const struct jst_field *f)
{
    return !f->drop && !not_copied[f->id];
}

/* At least what the head takes. */
static size_t
size_of(const struct jst_call *call)
{
    const struct jst_head *req = call->req;

    return FIXED_BYTES + req->method_text.n + call->path_base.n + call->path.n + call->query.n +
           call->host.n + req->upgrade_to.n + call->extra.n + jst_h1_print_bytes(&req->fields);
}

static void
add_framing(struct jst_str *s, const struct jst_head *req)
{
    if (!req->has_body) {
        if (jst_method_expects_body(req->method)) {
            jst_str_add(s, JST_S("Content-Length: 0\r\n"));
        }
    } else if (req->length == JST_LENGTH_UNKNOWN) {
        jst_str_add(s, JST_S("Transfer-Encoding: chunked\r\n"));
    } else {
        jst_str_add(s, JST_S("Content-Length: "));
        jst_str_add_u64(s, req->length);
        jst_str_add(s, JST_S("\r\n"));
    }
}

/* RFC 9110 7.6.1, 7.8, 10.1.4: Upgrade and TE count only if Connection names them. */
static void
add_connection(struct jst_str *s, const struct jst_call *call)
{
    bool te = call->req->te_trailers;

    if (!te && !call->upgrade) {
        return;
    }
    jst_str_add(s, JST_S("Connection: "));
    if (call->upgrade) {
        jst_str_add(s, JST_S("upgrade"));
    }
    if (te) {
        jst_str_add(s, call->upgrade ? JST_S(", te") : JST_S("te"));
        jst_str_add(s, JST_S("\r\nTE: trailers"));
    }
    if (call->upgrade) {
        jst_str_add(s, JST_S("\r\nUpgrade: "));
        jst_str_add(s, call->req->upgrade_to);
    }
    jst_str_add(s, JST_S("\r\n"));
}

static void
print(struct jst_str *s, const struct jst_call *call)
{
    const struct jst_head *req = call->req;

    jst_str_add(s, req->method_text);
    jst_str_add_char(s, ' ');
    jst_str_add(s, call->path_base);
    jst_str_add(s, call->path);
    if (call->query.p != NULL) {
        jst_str_add_char(s, '?');
        jst_str_add(s, call->query);
    }
    jst_str_add(s, JST_S(" HTTP/1.1\r\nHost: "));
    jst_str_add(s, call->host);
    jst_str_add(s, JST_S("\r\n"));
    for (uint32_t i = 0; i < req->fields.n; i++) {
        const struct jst_field *f = &req->fields.v[i];

        if (is_copied(f)) {
            jst_h1_print_field(s, f->name, f->value);
        }
    }
    add_framing(s, req);
    add_connection(s, call);
    jst_str_add(s, call->extra);
    jst_str_add(s, JST_S("\r\n"));
}

int
jst_h1_print_request(struct jst_chain *out, const struct jst_call *call)
{
    struct jst_h1_print p;
    int rc = jst_h1_print_open(&p, out, size_of(call));

    if (rc == JOIST_OK) {
        print(&p.s, call);
        rc = jst_h1_print_close(&p);
    }
    return rc;
}
