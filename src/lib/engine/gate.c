// SPDX-License-Identifier: MIT
#include "engine/gate.h"

#include "base/str.h"
#include "sys/addr.h"

#define HTTPS_PORT 443

/* RFC 9110 7.4: the connection was made for a name; another one is served here only if the same
 * certificate stands for both, or a client would be answered by a site that it did not verify. What
 * speaks plain by now knows no certificate at all. */
static bool
is_misdirected(const struct jst_stream *s, const struct jst_front *front)
{
    const struct jst_tls_info *tls = s->peer->tls;

    if (tls == NULL || tls->sni.n == 0 || s->req.host.n == 0 ||
        jst_slice_eq(tls->sni, s->req.host)) {
        return false;
    }
    return front->tls == NULL || !jst_tls_server_same_cert(front->tls, tls->sni, s->req.host);
}

/* The handshake sees to it; but the connection may be older than the demand. */
static bool
lacks_certificate(const struct jst_stream *s, const struct jst_front *front)
{
    return front->needs_cert && (s->peer->tls == NULL || s->peer->tls->fingerprint.n == 0);
}

/* Clients send no address as a name (RFC 6066 3), so none is refused for it. */
static bool
is_address(struct jst_slice host)
{
    struct jst_addr a;

    return host.p[0] == '[' || jst_addr_literal(&a, host, 0) == JOIST_OK;
}

/* Would one of the listeners with TLS shake hands for this host? Where there is none, the redirect
 * leads to somebody else's, of whom nothing is known. */
static bool
is_certified(const struct jst_fronts *fronts, struct jst_slice host)
{
    bool refused = false;

    for (size_t i = 0; i < fronts->n; i++) {
        const struct jst_tls_server *tls = fronts->v[i].tls;

        if (tls != NULL && jst_tls_server_takes(tls, host)) {
            return true;
        }
        refused = refused || tls != NULL;
    }
    return !refused || is_address(host);
}

/* The host is what the client says: who says a name that is not served here must not be led there
 * (a cache would keep it for others). The answers are those of the TLS side. */
static struct jst_gate
check_redirect(const struct jst_stream *s, uint16_t https_port)
{
    const struct jst_snapshot *snap = jst_gen_of(s)->snap;

    if (s->req.host.n == 0) {
        return (struct jst_gate){400, "no host to redirect to", 0};
    }
    if (!jst_routes_has_host(snap->table, s->req.host)) {
        return (struct jst_gate){404, "no route", 0};
    }
    if (!is_certified(snap->fronts, s->req.host)) {
        JST_STAT_ADD(s->local, misdirected, 1);
        return (struct jst_gate){421, "no certificate is for this name", 0};
    }
    return (struct jst_gate){301, NULL, https_port};
}

struct jst_gate
jst_gate_check(const struct jst_stream *s, const struct jst_front *front)
{
    if (s->req.method == JST_METHOD_CONNECT) {
        return (struct jst_gate){501, "CONNECT is for forward proxies", 0};
    }
    if (JST_UNLIKELY(front->https_port != 0) && s->peer->tls == NULL) {
        return check_redirect(s, front->https_port);
    }
    if (JST_UNLIKELY(is_misdirected(s, front))) {
        JST_STAT_ADD(s->local, misdirected, 1);
        return (struct jst_gate){421, "this connection is for a name of another certificate", 0};
    }
    if (JST_UNLIKELY(lacks_certificate(s, front))) {
        JST_STAT_ADD(s->local, misdirected, 1);
        return (struct jst_gate){421, "this connection began without a client certificate", 0};
    }
    if (JST_UNLIKELY(s->early)) {
        /* RFC 8470 4: it may be a replay. Opening a tunnel is not safe either. */
        if (!jst_method_is_safe(s->req.method) || s->req.upgrade) {
            JST_STAT_ADD(s->local, early_refused, 1);
            return (struct jst_gate){425, "not a safe method, and in early data", 0};
        }
        JST_STAT_ADD(s->local, early_data, 1);
    }
    return (struct jst_gate){0, NULL, 0};
}

void
jst_refuse(struct jst_stream *s, uint16_t status, const char *why, const struct jst_field *extra)
{
    struct jst_field storage[2];
    struct jst_fields fields = {storage, 0, 2};

    jst_stream_ignore_body(s);
    if (extra != NULL) {
        storage[fields.n++] = *extra;
    }
    if (jst_gen_of(s)->snap->debug) {
        (void)jst_fields_add(&fields, JST_S("X-Joist-Error"), jst_slice_z(why));
    }
    jst_stream_respond_error(s, status, &fields);
}

static void
redirect(struct jst_stream *s, uint16_t port)
{
    bool whole = jst_slice_eq(s->req.raw_path, JST_S("*"));
    struct jst_slice path = whole ? JST_S("/") : s->req.raw_path;
    size_t cap = s->req.host.n + path.n + s->req.query.n + 32;
    struct jst_str where = jst_str(jst_arena_alloc(&s->arena, cap), cap);
    struct jst_field storage[1];
    struct jst_fields extra = {storage, 0, 1};

    if (where.p == NULL) {
        jst_refuse(s, 503, "out of memory", NULL);
        return;
    }
    jst_str_add(&where, JST_S("https://"));
    jst_str_add(&where, s->req.host);
    if (port != HTTPS_PORT) {
        jst_str_add_char(&where, ':');
        jst_str_add_u64(&where, port);
    }
    jst_str_add(&where, path);
    if (s->req.query.p != NULL) {
        jst_str_add_char(&where, '?');
        jst_str_add(&where, s->req.query);
    }
    JST_ASSERT(!where.full);
    (void)jst_fields_add(&extra, JST_S("Location"), jst_str_slice(&where));
    jst_stream_ignore_body(s);
    jst_stream_respond(s, 301, JST_SLICE_NONE, JST_SLICE_NONE, &extra);
}

void
jst_gate_answer(struct jst_stream *s, const struct jst_gate *gate)
{
    if (gate->status == 301) {
        redirect(s, gate->https_port);
    } else {
        jst_refuse(s, gate->status, gate->why, NULL);
    }
}
