// SPDX-License-Identifier: MIT
#include "base/str.h"
#include "handler/forward.h"
#include "handler/handler.h"
#include "upstream/upstream.h"

#include <stdlib.h>

/* What failed, in words: for logs and X-Joist-Error. */
#define REASON_BYTES 320u

struct proxy {
    struct jst_handler h; /* first: freed with it */
    struct jst_proxy_env env;
    size_t pool;
    struct jst_slice path_base;
    struct jst_slice host;
    char text[]; /* both slices' bytes */
};

/* One request on its way. Lives in the stream's arena; the call inside may be over before. */
struct exchange {
    struct jst_stream *s;
    const struct proxy *proxy; /* borrowed from the snapshot, which the stream keeps */
    struct jst_call call;
    struct jst_sink request;  /* s->handler */
    struct jst_source origin; /* s->origin */
    struct jst_sink on_response;
    struct jst_source on_request;
    uint64_t start_ns;
    bool head_sent;
    bool request_ended; /* its end, abort or cancel is done */
    bool tunnel;
};

/* ---- from the client ---- */

static struct exchange *
of_request(struct jst_sink *s)
{
    return JST_CONTAINER(s, struct exchange, request);
}

static void
request_head(struct jst_sink *s, const struct jst_head *head)
{
    (void)s;
    (void)head;
    JST_UNREACHABLE(); /* http/stream.h: a handler gets its head by serve() */
}

static void
request_data(struct jst_sink *s, struct jst_chain *move)
{
    jst_upstream_data(&of_request(s)->call, move);
}

static void
request_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct exchange *x = of_request(s);

    x->request_ended = true;
    if (x->s->req.has_body || x->tunnel) {
        jst_upstream_end(&x->call, trailers);
    }
}

static void
request_abort(struct jst_sink *s, int why)
{
    struct exchange *x = of_request(s);

    x->request_ended = true;
    jst_upstream_abort(&x->call, why);
}

static const struct jst_sink_ops request_ops = {
    request_head,
    request_data,
    request_end,
    request_abort,
};

static void
origin_resume(struct jst_source *s, size_t credit)
{
    jst_upstream_resume(&JST_CONTAINER(s, struct exchange, origin)->call, credit);
}

/* The client is gone: so is what was asked of the origin. */
static void
origin_cancel(struct jst_source *s, int why)
{
    jst_upstream_cancel(&JST_CONTAINER(s, struct exchange, origin)->call, why);
}

static const struct jst_source_ops origin_ops = {origin_resume, origin_cancel};

/* ---- failures ---- */

static uint16_t
status_of(int why)
{
    switch (why) {
    case JOIST_E_UNAVAILABLE:
    case JOIST_E_BUSY:
    case JOIST_E_NOFILE:
    case JOIST_E_NOMEM:
        return 503;
    case JOIST_E_TIMEOUT:
    case JOIST_E_EXPIRED:
        return 504;
    default:
        return 502;
    }
}

static void
count_failure(const struct exchange *x, int why)
{
    struct jst_local *local = x->s->local;

    JST_STAT_ADD(local, upstream_failures, 1);
    if (why == JOIST_E_PROTO) {
        JST_STAT_ADD(local, bad_responses, 1);
    } else if (x->call.out_of_time) {
        JST_STAT_ADD(local, timeout_total, 1);
    } else if (why == JOIST_E_TIMEOUT && x->call.connected) {
        JST_STAT_ADD(local, timeout_response, 1);
    } else if (why == JOIST_E_TIMEOUT) {
        JST_STAT_ADD(local, timeout_connect, 1);
    }
}

/* In words: "certificate was not accepted: certificate has expired (api.internal)". What peers have
 * a say in is cut, and made fit for a log line and a header. */
static struct jst_slice
describe(char text[REASON_BYTES], const struct exchange *x, int why)
{
    const char *detail = x->call.detail != NULL ? x->call.detail : joist_error_text(why);
    struct jst_slice tls = x->call.tls_error;
    size_t n = jst_fmt(text, REASON_BYTES, "%s%s%.*s", detail, tls.n > 0 ? ": " : "",
                       (int)JST_MIN(tls.n, REASON_BYTES), tls.n > 0 ? tls.p : "");

    for (size_t i = 0; i < n; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e || text[i] == '"') {
            text[i] = '?';
        }
    }
    return jst_slice(text, n);
}

static const char *
phase_of(const struct exchange *x, int why)
{
    return why == JOIST_E_UNAVAILABLE                      ? "pick"
           : why == JOIST_E_BUSY || why == JOIST_E_EXPIRED ? "queue"
           : !x->call.connected                            ? "connect"
           : x->head_sent                                  ? "body"
                                                           : "response";
}

static void
log_failure(const struct exchange *x, int why, struct jst_slice reason)
{
    struct jst_log *log = x->s->local->log;

    if (why == JOIST_E_PROTO) {
        JST_LOG(log, WARN, BAD_RESPONSE, "target=%.*s phase=%s err=\"%.*s\" id=%.*s",
                JST_PRI(x->s->target_name), phase_of(x, why), JST_PRI(reason),
                JST_PRI(x->s->request_id));
    } else if (x->call.target == JST_TARGET_NONE && *jst_upstream_name(&x->call) != '\0') {
        /* the fault of no target alone */
        JST_LOG(log, WARN, UPSTREAM_FAILED, "upstream=%s target=%.*s phase=%s err=\"%.*s\" id=%.*s",
                jst_upstream_name(&x->call), JST_PRI(x->s->target_name), phase_of(x, why),
                JST_PRI(reason), JST_PRI(x->s->request_id));
    } else {
        JST_LOG(log, WARN, UPSTREAM_FAILED, "target=%.*s phase=%s err=\"%.*s\" id=%.*s",
                JST_PRI(x->s->target_name), phase_of(x, why), JST_PRI(reason),
                JST_PRI(x->s->request_id));
    }
}

/* Our own response; where debugging is on, with what failed. */
static void
respond_failure(struct exchange *x, int why, struct jst_slice reason)
{
    char text[REASON_BYTES + 320];
    char seconds[16];
    struct jst_field v[2];
    struct jst_fields extra = {v, 0, JST_COUNT(v)};
    size_t n;

    if (x->call.retry_after_s > 0) { /* RFC 9110 10.2.3 */
        n = jst_fmt(seconds, sizeof(seconds), "%u", x->call.retry_after_s);
        (void)jst_fields_add(&extra, JST_S("Retry-After"), jst_slice(seconds, n));
    }
    if (!x->proxy->env.debug) {
        jst_stream_respond_error(x->s, status_of(why), &extra);
        return;
    }
    n = jst_fmt(text, sizeof(text), "target=%.*s phase=%s reason=%.*s",
                (int)JST_MIN(x->s->target_name.n, 256u), x->s->target_name.p, phase_of(x, why),
                JST_PRI(reason));
    for (size_t i = 0; i < n; i++) { /* a Unix socket's path may hold any byte */
        text[i] = (char)(text[i] >= 0x20 && text[i] <= 0x7e ? text[i] : '?');
    }
    (void)jst_fields_add(&extra, JST_S("X-Joist-Error"), jst_slice(text, n));
    jst_stream_respond_error(x->s, status_of(why), &extra);
}

/* ---- from the origin ---- */

static struct exchange *
of_response(struct jst_sink *s)
{
    return JST_CONTAINER(s, struct exchange, on_response);
}

static void
pass_head(struct exchange *x, const struct jst_head *head)
{
    struct jst_head with_via;

    if (!x->proxy->env.via) {
        jst_sink_head(x->s->response, head);
        return;
    }
    with_via = *head;
    (void)jst_fields_add(&with_via.fields, JST_S("Via"),
                         jst_forward_via(x->call.h2 ? 2 : 1, head->version_minor));
    jst_sink_head(x->s->response, &with_via);
}

static void
response_head(struct jst_sink *s, const struct jst_head *head)
{
    struct exchange *x = of_response(s);

    if (head->status < 200 && head->status != 101) {
        pass_head(x, head);
        return;
    }
    x->s->upstream_ns = jst_loop_now_ns(x->s->local->loop) - x->start_ns;
    x->head_sent = true;
    x->tunnel = head->status == 101;
    pass_head(x, head);
}

static void
response_data(struct jst_sink *s, struct jst_chain *move)
{
    jst_sink_data(of_response(s)->s->response, move);
}

static void
response_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    jst_sink_end(of_response(s)->s->response, trailers);
}

static void
response_abort(struct jst_sink *sink, int why)
{
    struct exchange *x = of_response(sink);
    struct jst_stream *s = x->s;
    struct jst_slice reason;
    char text[REASON_BYTES];

    reason = describe(text, x, why);
    count_failure(x, why);
    log_failure(x, why, reason);
    s->why = why;
    if (x->head_sent) {
        /* Never a short body that looks whole: the client's connection is cut. */
        jst_sink_abort(s->response, why);
        return;
    }
    s->origin = NULL;
    if (!x->request_ended) {
        x->request_ended = true;
        jst_stream_ignore_body(s);
    }
    respond_failure(x, why, reason);
}

static const struct jst_sink_ops on_response_ops = {
    response_head,
    response_data,
    response_end,
    response_abort,
};

static void
body_resume(struct jst_source *s, size_t credit)
{
    jst_source_resume(JST_CONTAINER(s, struct exchange, on_request)->s->body, credit);
}

static void
body_cancel(struct jst_source *s, int why)
{
    struct exchange *x = JST_CONTAINER(s, struct exchange, on_request);

    if (!x->request_ended) {
        x->request_ended = true;
        jst_source_cancel(x->s->body, why);
    }
}

static const struct jst_source_ops on_request_ops = {body_resume, body_cancel};

/* ---- start ---- */

static void
fill_call(struct exchange *x, struct jst_slice raw_path)
{
    const struct jst_head *req = &x->s->req;
    const struct proxy *p = x->proxy;
    bool is_asterisk = jst_slice_eq(raw_path, JST_S("*"));

    x->call.req = req;
    x->call.arena = &x->s->arena;
    x->call.holds = &x->s->upools;
    x->call.peer = x->s->peer;
    x->call.on_response = &x->on_response;
    x->call.on_request = &x->on_request;
    x->call.timeouts = x->s->timeouts;
    x->call.host = p->host.n > 0 ? p->host : req->authority;
    x->call.path_base = is_asterisk ? JST_SLICE_NONE : p->path_base;
    x->call.path = raw_path;
    x->call.query = req->query;
    x->call.client_ip = x->s->client_ip;
    x->call.id = x->s->request_id;
    x->call.upgrade = jst_forward_upgrade(req);
}

static void
serve(const struct jst_handler *h, struct jst_stream *s, struct jst_slice path,
      struct jst_slice raw_path)
{
    const struct proxy *p = JST_CONTAINER(h, const struct proxy, h);
    struct exchange *x;

    (void)path;
    if (jst_forward_is_last(s)) {
        return;
    }
    x = jst_arena_zalloc(&s->arena, sizeof(*x));
    if (x == NULL || jst_forward_request(&x->call.extra, s, p->env.via) < 0) {
        jst_stream_ignore_body(s);
        jst_stream_respond_error(s, 503, NULL);
        return;
    }
    x->s = s;
    x->proxy = p;
    x->request.ops = &request_ops;
    x->origin.ops = &origin_ops;
    x->on_response.ops = &on_response_ops;
    x->on_request.ops = &on_request_ops;
    x->start_ns = jst_loop_now_ns(s->local->loop);
    fill_call(x, raw_path);
    s->handler = &x->request;
    s->origin = &x->origin;
    jst_upstream_call(p->env.upool(s, p->pool), &x->call, &s->target_name);
}

static void
destroy(struct jst_handler *h)
{
    free(JST_CONTAINER(h, struct proxy, h));
}

static const struct jst_handler_ops ops = {serve, destroy};

int
jst_proxy_create(struct jst_handler **out, const struct joist_proxy_conf *conf, size_t pool,
                 const struct jst_proxy_env *env)
{
    struct jst_slice base = jst_slice_z(conf->path_base);
    struct jst_slice host = jst_slice_z(conf->host);
    struct proxy *p;

    while (base.n > 0 && base.p[base.n - 1] == '/') {
        base.n--; /* the path that follows begins with one */
    }
    p = malloc(sizeof(*p) + base.n + host.n);
    if (p == NULL) {
        return JOIST_E_NOMEM;
    }
    p->h.ops = &ops;
    p->env = *env;
    p->pool = pool;
    p->path_base = jst_slice(p->text, base.n);
    p->host = jst_slice(p->text + base.n, host.n);
    if (base.n > 0) {
        memcpy(p->text, base.p, base.n);
    }
    if (host.n > 0) {
        memcpy(p->text + base.n, host.p, host.n);
    }
    *out = &p->h;
    return JOIST_OK;
}
