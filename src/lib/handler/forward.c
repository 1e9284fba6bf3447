// SPDX-License-Identifier: MIT
#include "handler/forward.h"

#include "base/str.h"

/* Names and punctuation of all lines that are added, two addresses and a number. */
#define FIXED_BYTES 512u

/* What the client's request says already. */
struct claims {
    size_t list_bytes; /* X-Forwarded-For and Forwarded, to be joined */
    bool for_list;
    bool forwarded;
    bool proto;
    bool host;
    bool max_forwards;
    uint64_t hops_left;
};

static bool
is_hop_counted(enum jst_method m)
{
    return m == JST_METHOD_TRACE || m == JST_METHOD_OPTIONS;
}

static void
look(struct claims *c, struct jst_stream *s)
{
    for (uint32_t i = 0; i < s->req.fields.n; i++) {
        struct jst_field *f = &s->req.fields.v[i];

        if (f->drop) {
            continue;
        }
        switch (f->id) {
        case JST_FIELD_X_FORWARDED_FOR:
            c->for_list = true;
            c->list_bytes += f->value.n + 2;
            break;
        case JST_FIELD_FORWARDED:
            c->forwarded = true;
            c->list_bytes += f->value.n + 2;
            break;
        case JST_FIELD_X_FORWARDED_PROTO:
            c->proto = true;
            break;
        case JST_FIELD_X_FORWARDED_HOST:
            c->host = true;
            break;
        case JST_FIELD_X_REQUEST_ID:
            f->drop = true; /* the one that was chosen is printed */
            break;
        case JST_FIELD_MAX_FORWARDS:
            c->max_forwards =
                is_hop_counted(s->req.method) && jst_slice_u64(&c->hops_left, f->value);
            f->drop = c->max_forwards;
            break;
        default:
            break;
        }
    }
}

/* Join what all fields of a name hold, each followed by ", ", and drop them. */
static void
move_list(struct jst_str *out, struct jst_fields *fields, enum jst_field_id id)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        struct jst_field *f = &fields->v[i];

        if (f->id == id && !f->drop) {
            jst_str_add(out, f->value);
            jst_str_add(out, JST_S(", "));
            f->drop = true;
        }
    }
}

static void
add_line(struct jst_str *out, struct jst_slice name, struct jst_slice value)
{
    jst_str_add(out, name);
    jst_str_add(out, value);
    jst_str_add(out, JST_S("\r\n"));
}

static void
add_forwarded_for(struct jst_str *out, struct jst_stream *s, const struct claims *c,
                  struct jst_slice ip)
{
    if (ip.n == 0 && !c->for_list) {
        return;
    }
    jst_str_add(out, JST_S("X-Forwarded-For: "));
    move_list(out, &s->req.fields, JST_FIELD_X_FORWARDED_FOR);
    if (ip.n > 0) {
        jst_str_add(out, ip);
    } else {
        out->n -= 2; /* the last ", " */
    }
    jst_str_add(out, JST_S("\r\n"));
}

static void
add_forwarded(struct jst_str *out, struct jst_stream *s, const struct claims *c,
              struct jst_slice ip)
{
    jst_str_add(out, JST_S("Forwarded: "));
    if (c->forwarded) {
        move_list(out, &s->req.fields, JST_FIELD_FORWARDED);
    }
    jst_str_add(out, JST_S("for="));
    if (ip.n == 0) {
        jst_str_add(out, JST_S("unknown"));    /* RFC 7239 6.2 */
    } else if (jst_slice_find(ip, ':') >= 0) { /* 6: IPv6 in brackets and quoted */
        jst_str_add(out, JST_S("\"["));
        jst_str_add(out, ip);
        jst_str_add(out, JST_S("]\""));
    } else {
        jst_str_add(out, ip);
    }
    if (s->req.authority.n > 0) {
        jst_str_add(out, JST_S(";host=\""));
        jst_str_add(out, s->req.authority);
        jst_str_add_char(out, '"');
    }
    add_line(out, JST_S(";proto="), s->req.scheme);
}

/* The address that talks to us: with nobody in front of it that is the client's. */
static struct jst_slice
peer_ip(const struct jst_stream *s, const struct claims *c, char text[JST_ADDR_TEXT_BYTES])
{
    if (s->peer->addr.u.any.sa_family == AF_UNIX) {
        return JST_SLICE_NONE;
    }
    if (!c->for_list && s->client_ip.n > 0) {
        return s->client_ip;
    }
    return jst_slice(text, jst_addr_print_ip(text, &s->peer->addr));
}

int
jst_forward_request(struct jst_slice *extra, struct jst_stream *s, bool via)
{
    char text[JST_ADDR_TEXT_BYTES];
    struct claims c = {0};
    struct jst_slice ip;
    struct jst_str out;
    size_t cap;

    look(&c, s);
    ip = peer_ip(s, &c, text);
    cap = FIXED_BYTES + c.list_bytes + 2 * (ip.n + s->req.authority.n) + s->request_id.n +
          2 * s->req.scheme.n;
    out = jst_str(jst_arena_alloc(&s->arena, cap), cap);
    if (out.p == NULL) {
        return JOIST_E_NOMEM;
    }
    add_forwarded_for(&out, s, &c, ip);
    if (!c.proto) {
        add_line(&out, JST_S("X-Forwarded-Proto: "), s->req.scheme);
    }
    if (!c.host && s->req.authority.n > 0) {
        add_line(&out, JST_S("X-Forwarded-Host: "), s->req.authority);
    }
    add_forwarded(&out, s, &c, ip);
    if (s->request_id.n > 0) {
        add_line(&out, JST_S("X-Request-Id: "), s->request_id);
    }
    if (c.max_forwards) {
        jst_str_add(&out, JST_S("Max-Forwards: "));
        jst_str_add_u64(&out, c.hops_left > 0 ? c.hops_left - 1 : 0);
        jst_str_add(&out, JST_S("\r\n"));
    }
    if (via) {
        add_line(&out, JST_S("Via: "), jst_forward_via(s->version_major, s->req.version_minor));
    }
    JST_ASSERT(!out.full);
    *extra = jst_str_slice(&out);
    return JOIST_OK;
}

bool
jst_forward_upgrade(const struct jst_head *req)
{
    return req->upgrade && !req->has_body && !jst_list_has(req->upgrade_to, JST_S("h2c"));
}

struct jst_slice
jst_forward_via(uint8_t major, uint8_t minor)
{
    if (major == 2) {
        return JST_S("2.0 joist");
    }
    return minor == 0 ? JST_S("1.0 joist") : JST_S("1.1 joist");
}

/* ---- requests that end here ---- */

/* RFC 9110 9.3.8: reflect the request, but nothing that could be a secret. */
static bool
is_secret(const struct jst_field *f)
{
    return f->id == JST_FIELD_AUTHORIZATION || f->id == JST_FIELD_COOKIE ||
           f->id == JST_FIELD_OTHER;
}

static void
answer_trace(struct jst_stream *s)
{
    size_t cap = s->req.target.n + s->req.method_text.n + 32;
    struct jst_str out;

    for (uint32_t i = 0; i < s->req.fields.n; i++) {
        cap += s->req.fields.v[i].name.n + s->req.fields.v[i].value.n + 4;
    }
    out = jst_str(jst_arena_alloc(&s->arena, cap), cap);
    if (out.p == NULL) {
        jst_stream_respond_error(s, 503, NULL);
        return;
    }
    jst_str_add(&out, s->req.method_text);
    jst_str_add_char(&out, ' ');
    jst_str_add(&out, s->req.target);
    jst_str_add(&out, s->req.version_minor == 0 ? JST_S(" HTTP/1.0\r\n") : JST_S(" HTTP/1.1\r\n"));
    for (uint32_t i = 0; i < s->req.fields.n; i++) {
        const struct jst_field *f = &s->req.fields.v[i];

        if (!f->drop && !is_secret(f)) {
            jst_str_add(&out, f->name);
            add_line(&out, JST_S(": "), f->value);
        }
    }
    jst_str_add(&out, JST_S("\r\n"));
    JST_ASSERT(!out.full);
    jst_stream_respond(s, 200, JST_S("message/http"), jst_str_slice(&out), NULL);
}

static void
answer_options(struct jst_stream *s)
{
    struct jst_field v[1];
    struct jst_fields extra = {v, 0, 1};

    (void)jst_fields_add(&extra, JST_S("Allow"),
                         JST_S("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE"));
    jst_stream_respond(s, 200, JST_SLICE_NONE, JST_SLICE_NONE, &extra);
}

bool
jst_forward_is_last(struct jst_stream *s)
{
    const struct jst_field *f;
    uint64_t left;

    if (!is_hop_counted(s->req.method)) {
        return false;
    }
    f = jst_fields_find(&s->req.fields, JST_FIELD_MAX_FORWARDS);
    if (f == NULL || !jst_slice_u64(&left, f->value) || left > 0) {
        return false;
    }
    jst_stream_ignore_body(s);
    if (s->req.method == JST_METHOD_TRACE) {
        answer_trace(s);
    } else {
        answer_options(s);
    }
    return true;
}
