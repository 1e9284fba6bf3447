// SPDX-License-Identifier: MIT
#include "engine/request.h"

#include "codec/uri.h"
#include "engine/access.h"
#include "engine/gate.h"
#include "engine/identity.h"

#define METHODS_TEXT_BYTES 256

static struct jst_reactor *
reactor_of(struct jst_service *svc)
{
    return JST_CONTAINER(svc, struct jst_reactor, svc);
}

struct jst_upool *
jst_request_upool(const struct jst_stream *s, size_t pool)
{
    const struct jst_gen *g = jst_gen_of(s);

    if (JST_LIKELY(g->snap->slots[pool] == NULL)) {
        return g->upools[pool];
    }
    return g->upools[jst_snapshot_choose_slot(g->snap, pool, g->upools, s)];
}

/* ---- dispatch ---- */

static void
answer_unrouted(struct jst_stream *s, const struct jst_route_query *q)
{
    char allow[METHODS_TEXT_BYTES];
    size_t n = jst_routes_allowed(jst_gen_of(s)->snap->table, q, allow, sizeof(allow));
    struct jst_field field = {.name = JST_S("Allow"), .value = jst_slice(allow, n)};

    if (n == 0) {
        jst_refuse(s, 404, "no route", NULL);
        return;
    }
    jst_refuse(s, 405, "no route for this method", &field);
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

    const struct jst_header_set *set = s->peer->tls != NULL ? &route->tls_headers : &route->headers;

    s->timeouts = &route->timeouts;
    s->body_max_bytes = route->body_max_bytes;
    if (set->n > 0 && jst_set_headers_insert(s, set) < 0) {
        jst_refuse(s, 503, "out of memory", NULL);
        return;
    }
    if (s->body_max_bytes > 0 && s->req.has_body && s->req.length != JST_LENGTH_UNKNOWN &&
        s->req.length > s->body_max_bytes) {
        JST_STAT_ADD(s->local, limit_body_bytes, 1);
        s->close_after = s->version_major < 2; /* a stream is refused without its connection */
        jst_refuse(s, 413, "the body is larger than the limit", NULL);
        return;
    }
    if (route->strip_n > 0 && !strip(s, route->strip_n, &path, &raw)) {
        jst_refuse(s, 503, "out of memory", NULL);
        return;
    }
    route->handler->ops->serve(route->handler, s, path, raw);
}

/* RFC 8470 5.1: whoever forwards what may be a replay says so, once, whatever the client said. */
static int
mark_early(struct jst_stream *s)
{
    jst_fields_drop_name(&s->req.fields, JST_S("Early-Data"));
    return jst_identity_add(s, JST_S("Early-Data"), JST_S("1"));
}

/* Things that a route may look at. */
static int
add_facts(struct jst_stream *s, const struct jst_front *front)
{
    int rc = jst_identify_certificate(s, front);

    return rc == JOIST_OK && s->early ? mark_early(s) : rc;
}

static void
route(struct jst_reactor *r, struct jst_stream *s)
{
    struct jst_route_query q = {s->req.host, s->req.path, s->req.method_text, &s->req.fields};
    const struct jst_snapshot *snap = jst_gen_of(s)->snap;
    bool is_server_wide = jst_slice_eq(s->req.path, JST_S("*"));
    int found;

    if (is_server_wide) {
        q.path = JST_S("/");
    }
    found = jst_routes_find(snap->table, &q);
    if (r->wants_access || (found >= 0 && snap->routes[found].is_proxy)) {
        jst_identify(s);
    }
    if (found < 0) {
        answer_unrouted(s, &q);
        return;
    }
    s->route = found;
    if (is_server_wide && !snap->routes[found].is_proxy) {
        answer_options(s);
        return;
    }
    serve(s, &snap->routes[found]);
}

void
jst_request_begin(struct jst_service *svc, struct jst_stream *s)
{
    struct jst_reactor *r = reactor_of(svc);
    const struct jst_snapshot *snap = r->gen->snap;
    const struct jst_front *front = &snap->fronts->v[s->peer->listener];
    struct jst_gate gate;

    JST_ASSERT_HOT(s->peer->listener < snap->fronts->n);
    r->gen->uses++;
    s->engine = r->gen;
    s->timeouts = &snap->h1.timeouts;
    s->wants_log = r->wants_access;
    gate = jst_gate_check(s, front);
    if (gate.status == 0 && add_facts(s, front) < 0) {
        gate = (struct jst_gate){503, "out of memory", 0};
    }
    if (gate.status == 0) {
        route(r, s);
        return;
    }
    if (r->wants_access) {
        jst_identify(s);
    }
    jst_gate_answer(s, &gate);
}

/* ---- the end ---- */

void
jst_request_done(struct jst_service *svc, struct jst_stream *s)
{
    struct jst_reactor *r = reactor_of(svc);

    if (r->wants_access) {
        jst_access_log(r, s);
    }
    if (s->upools != NULL) {
        jst_upool_let_go(&s->upools);
    }
    if (s->engine != NULL) {
        jst_gen_unuse(s->engine);
        s->engine = NULL;
    }
}
