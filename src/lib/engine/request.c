// SPDX-License-Identifier: MIT
#include "engine/request.h"

#include "codec/uri.h"

#define REQUEST_ID_BYTES   36 /* a UUID, RFC 9562 */
#define REQUEST_ID_MAX     128
#define METHODS_TEXT_BYTES 256

static struct jst_reactor *
reactor_of(struct jst_service *svc)
{
    return JST_CONTAINER(svc, struct jst_reactor, svc);
}

static const struct jst_gen *
gen_of(const struct jst_stream *s)
{
    const struct jst_gen *g = s->engine;

    JST_ASSERT_HOT(g->magic == JST_GEN_MAGIC);
    return g;
}

static const struct jst_snapshot *
snapshot_of(const struct jst_stream *s)
{
    return gen_of(s)->snap;
}

struct jst_upool *
jst_request_upool(const struct jst_stream *s, size_t pool)
{
    return gen_of(s)->upools[pool];
}

/* ---- who asks, and under what name ---- */

static char *
put_hex(char *p, uint64_t v, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--) {
        *p++ = "0123456789abcdef"[(v >> (4 * (i - 1))) & 15];
    }
    return p;
}

static struct jst_slice
make_id(struct jst_stream *s)
{
    char *text = jst_arena_alloc(&s->arena, REQUEST_ID_BYTES);
    uint64_t a = jst_rand_next(&s->local->rand);
    uint64_t b = jst_rand_next(&s->local->rand);
    char *p = text;

    if (text == NULL) {
        return JST_SLICE_NONE;
    }
    p = put_hex(p, a >> 32, 8);
    *p++ = '-';
    p = put_hex(p, a >> 16 & 0xffff, 4);
    *p++ = '-';
    p = put_hex(p, 0x4000 | (a & 0xfff), 4); /* version 4 */
    *p++ = '-';
    p = put_hex(p, 0x8000 | (b >> 48 & 0x3fff), 4); /* variant 10 */
    *p++ = '-';
    (void)put_hex(p, b & 0xffffffffffffu, 12);
    return jst_slice(text, REQUEST_ID_BYTES);
}

static bool
is_plain_id(struct jst_slice v)
{
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] <= ' ' || v.p[i] > '~' || v.p[i] == '"') {
            return false;
        }
    }
    return v.n > 0 && v.n <= REQUEST_ID_MAX;
}

static void
choose_id(struct jst_stream *s)
{
    const struct jst_field *f = jst_fields_find(&s->req.fields, JST_FIELD_X_REQUEST_ID);

    s->request_id = f != NULL && is_plain_id(f->value) ? f->value : make_id(s);
}

/* Bytes of an address, perhaps with a port, and nothing else: it goes to logs and origins. */
static bool
looks_like_address(struct jst_slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = jst_lower(text.p[i]);

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '.' || c == ':' ||
              c == '[' || c == ']')) {
            return false;
        }
    }
    return text.n > 0 && text.n <= 64;
}

/* The nearest address in X-Forwarded-For that is not a proxy of ours: the last one that somebody
 * we trust has seen himself. */
static struct jst_slice
forwarded_client(const struct jst_stream *s, struct jst_slice peer)
{
    const struct jst_snapshot *snap = snapshot_of(s);
    struct jst_slice client = peer;

    for (uint32_t i = s->req.fields.n; i > 0; i--) {
        const struct jst_field *f = &s->req.fields.v[i - 1];
        struct jst_slice list = f->value;

        if (f->id != JST_FIELD_X_FORWARDED_FOR || f->drop) {
            continue;
        }
        while (list.n > 0) {
            size_t at = list.n;
            struct jst_slice one;

            while (at > 0 && list.p[at - 1] != ',') {
                at--;
            }
            one = jst_slice_trim(jst_slice(list.p + at, list.n - at));
            list.n = at > 0 ? at - 1 : 0;
            if (!looks_like_address(one)) {
                return client;
            }
            client = one;
            if (!jst_snapshot_trusts_text(snap, one)) {
                return client;
            }
        }
    }
    return client;
}

/* Does `name` mean one of the fields that say who asks? Origins that follow CGI (RFC 3875 4.1.18)
 * read '_' and '-' as the same letter; `disguised` tells that it is spelled that way. */
static bool
is_forwarding_name(struct jst_slice name, bool *disguised)
{
    static const struct jst_slice family = {"x-forwarded-", 12};
    static const struct jst_slice names[] = {
        {"forwarded", 9}, {"x-real-ip", 9}, {"x-request-id", 12}};
    char plain[12];
    size_t n = JST_MIN(name.n, sizeof(plain));
    struct jst_slice start = {plain, n};

    if (n == 0 || (jst_lower(name.p[0]) != 'x' && jst_lower(name.p[0]) != 'f')) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        plain[i] = name.p[i] == '_' ? '-' : jst_lower(name.p[i]);
    }
    *disguised = jst_slice_find(name, '_') >= 0;
    for (size_t i = 0; i < JST_COUNT(names); i++) {
        if (name.n == names[i].n && jst_slice_eq(start, names[i])) {
            return true;
        }
    }
    return name.n > family.n && jst_slice_eq(start, family);
}

/* What a peer may say about who asks: nothing, if it is not trusted. Even of a trusted one nothing
 * in disguise: that is its client's, which it did not recognize. */
static void
drop_forwarding(struct jst_fields *fields, bool trusted)
{
    for (uint32_t i = 0; i < fields->n; i++) {
        struct jst_field *f = &fields->v[i];
        bool disguised = false;

        switch (f->id) {
        case JST_FIELD_FORWARDED:
        case JST_FIELD_X_FORWARDED_FOR:
        case JST_FIELD_X_FORWARDED_HOST:
        case JST_FIELD_X_FORWARDED_PROTO:
        case JST_FIELD_X_REQUEST_ID:
            f->drop = f->drop || !trusted;
            break;
        case JST_FIELD_OTHER:
            f->drop =
                f->drop || (is_forwarding_name(f->name, &disguised) && (disguised || !trusted));
            break;
        default:
            break;
        }
    }
}

static void
identify(struct jst_stream *s)
{
    char text[JST_ADDR_TEXT_BYTES];
    struct jst_slice peer = {text, jst_addr_print_ip(text, &s->peer->addr)};
    bool trusted =
        snapshot_of(s)->trusted_n > 0 && jst_snapshot_trusts(snapshot_of(s), &s->peer->addr);

    drop_forwarding(&s->req.fields, trusted);
    if (trusted) {
        peer = forwarded_client(s, peer);
    }
    s->client_ip = jst_arena_copy(&s->arena, peer);
    choose_id(s);
}

/* ---- dispatch ---- */

static void
answer_unrouted(struct jst_stream *s, const struct jst_route_query *q)
{
    char allow[METHODS_TEXT_BYTES];
    size_t n = jst_routes_allowed(snapshot_of(s)->table, q, allow, sizeof(allow));
    struct jst_field storage[1];
    struct jst_fields extra = {storage, 0, 1};

    jst_stream_ignore_body(s);
    if (n == 0) {
        jst_stream_respond_error(s, 404, NULL);
        return;
    }
    (void)jst_fields_add(&extra, JST_S("Allow"), jst_slice(allow, n));
    jst_stream_respond_error(s, 405, &extra);
}

/* RFC 9110 9.3.7: about the server, not a resource. */
static void
answer_options(struct jst_stream *s)
{
    jst_stream_ignore_body(s);
    jst_stream_respond(s, 204, JST_SLICE_NONE, JST_SLICE_NONE, NULL);
}

/* Could a segment be "." or ".."? Those that only begin with a dot count as well. */
static bool
may_climb(struct jst_slice raw)
{
    for (size_t i = 1; i < raw.n; i++) {
        if (raw.p[i - 1] == '/' &&
            (raw.p[i] == '.' || (raw.n - i >= 3 && raw.p[i] == '%' && raw.p[i + 1] == '2' &&
                                 (raw.p[i + 2] | 0x20) == 'e'))) {
            return true;
        }
    }
    return false;
}

/* What the handler sees: decoded and raw path without the route's prefix. The raw one is cut only
 * where it spells the prefix as it is and cannot lead above it; else the decoded path, encoded
 * again, stands for it. */
static bool
strip(struct jst_stream *s, size_t n, struct jst_slice *path, struct jst_slice *raw)
{
    bool same = raw->n >= n && memcmp(raw->p, path->p, n) == 0 &&
                (raw->n == n || raw->p[n] == '/') && !may_climb(*raw);
    char *p;
    int rc;

    path->p += n;
    path->n -= n;
    if (path->n == 0) {
        *path = JST_S("/");
    }
    if (same) {
        raw->p += n;
        raw->n -= n;
        if (raw->n == 0) {
            *raw = JST_S("/");
        }
        return true;
    }
    p = jst_arena_alloc(&s->arena, 3 * path->n);
    rc = p != NULL ? jst_path_encode(p, 3 * path->n, *path) : JOIST_E_NOMEM;
    *raw = jst_slice(p, rc > 0 ? (size_t)rc : 0);
    return rc > 0;
}

static void
serve(struct jst_stream *s, const struct jst_route *route)
{
    struct jst_slice path = s->req.path;
    struct jst_slice raw = s->req.raw_path;

    s->timeouts = &route->timeouts;
    s->body_max_bytes = route->body_max_bytes;
    if (route->headers.n > 0 && jst_set_headers_insert(s, &route->headers) < 0) {
        jst_stream_ignore_body(s);
        jst_stream_respond_error(s, 503, NULL);
        return;
    }
    if (s->body_max_bytes > 0 && s->req.has_body && s->req.length != JST_LENGTH_UNKNOWN &&
        s->req.length > s->body_max_bytes) {
        JST_STAT_ADD(s->local, limit_body_bytes, 1);
        s->close_after = true;
        jst_stream_ignore_body(s);
        jst_stream_respond_error(s, 413, NULL);
        return;
    }
    if (route->strip_n > 0 && !strip(s, route->strip_n, &path, &raw)) {
        jst_stream_ignore_body(s);
        jst_stream_respond_error(s, 503, NULL);
        return;
    }
    route->handler->ops->serve(route->handler, s, path, raw);
}

void
jst_request_begin(struct jst_service *svc, struct jst_stream *s)
{
    struct jst_reactor *r = reactor_of(svc);
    struct jst_route_query q = {s->req.host, s->req.path, s->req.method_text, &s->req.fields};
    const struct jst_snapshot *snap = r->gen->snap;
    int found;

    r->gen->uses++;
    s->engine = r->gen;
    s->timeouts = &snap->h1.timeouts;
    s->wants_log = r->wants_access;
    if (s->req.method == JST_METHOD_CONNECT) { /* no forward proxy */
        jst_stream_ignore_body(s);
        jst_stream_respond_error(s, 501, NULL);
        return;
    }
    if (jst_slice_eq(s->req.path, JST_S("*"))) {
        q.path = JST_S("/");
    }
    found = jst_routes_find(snap->table, &q);
    if (r->wants_access || (found >= 0 && snap->routes[found].is_proxy)) {
        identify(s);
    }
    if (found < 0) {
        answer_unrouted(s, &q);
        return;
    }
    s->route = found;
    if (jst_slice_eq(s->req.path, JST_S("*")) && !snap->routes[found].is_proxy) {
        answer_options(s);
        return;
    }
    serve(s, &snap->routes[found]);
}

/* ---- the end ---- */

static struct joist_text
text_of(struct jst_slice s)
{
    return (struct joist_text){s.n > 0 ? s.p : NULL, s.n};
}

static struct joist_text
field_text(const struct jst_stream *s, enum jst_field_id id)
{
    const struct jst_field *f = jst_fields_find(&s->req.fields, id);

    return text_of(f != NULL ? f->value : JST_SLICE_NONE);
}

static void
log_access(struct jst_reactor *r, const struct jst_stream *s)
{
    const struct jst_snapshot *snap = s->engine != NULL ? snapshot_of(s) : r->gen->snap;
    char ip[JST_ADDR_TEXT_BYTES];
    struct jst_slice remote = {ip, jst_addr_print_ip(ip, &s->peer->addr)};
    struct jst_slice path = s->req.raw_path.n > 0 ? s->req.raw_path : s->req.target;
    struct joist_access a = {
        .time_us = jst_loop_wall_us(r->loop),
        .duration_ns = jst_loop_read_ns(r->loop) - s->start_ns,
        .upstream_ns = s->upstream_ns,
        .request_bytes = s->request_bytes,
        .response_bytes = s->response_bytes,
        .status = s->status == 0 ? 499 : s->status,
        .remote_port = jst_addr_port(&s->peer->addr),
        .port = s->peer->local_port,
        .tls = s->peer->tls != NULL,
        .aborted = s->client_gone || (s->why != 0 && s->status != 0 && s->status < 400),
        .why = s->why,
    };

    a.client_port = a.remote_port;
    a.method = text_of(s->req.method_text);
    a.host = text_of(s->req.host);
    a.path = text_of(path);
    a.query = text_of(s->req.query);
    a.proto = text_of(s->req.version_minor == 0 ? JST_S("HTTP/1.0") : JST_S("HTTP/1.1"));
    a.scheme = text_of(s->req.scheme);
    a.request_id = text_of(s->request_id);
    a.user_agent = field_text(s, JST_FIELD_USER_AGENT);
    a.referer = field_text(s, JST_FIELD_REFERER);
    a.request_type = field_text(s, JST_FIELD_CONTENT_TYPE);
    a.response_type = text_of(s->response_type);
    a.client_addr = text_of(s->client_ip.n > 0 ? s->client_ip : remote);
    a.remote_addr = text_of(remote);
    a.service = text_of(s->route >= 0 ? snap->routes[s->route].name : JST_SLICE_NONE);
    a.target = text_of(s->target_name);
    jst_logger_access(r->log, &a);
}

void
jst_request_done(struct jst_service *svc, struct jst_stream *s)
{
    struct jst_reactor *r = reactor_of(svc);

    if (r->wants_access) {
        log_access(r, s);
    }
    if (s->engine != NULL) {
        jst_gen_unuse(s->engine);
        s->engine = NULL;
    }
}
