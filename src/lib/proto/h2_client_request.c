// SPDX-License-Identifier: MIT
#include "proto/h2_client_int.h"

#include "base/str.h"

/* Fields of the common request; more take memory of the call's arena. */
#define NVS_ON_STACK 64u
/* Path and query of the common request. */
#define PATH_ON_STACK 1024u
/* Pseudo-header fields, Content-Length, TE. */
#define NVS_OWN 8u

/* ---- the start ---- */

static struct jst_slice
path_of(const struct jst_call *call, struct jst_str s)
{
    if (call->path_base.n == 0 && call->query.p == NULL) {
        return call->path;
    }
    jst_str_add(&s, call->path_base);
    jst_str_add(&s, call->path);
    if (call->query.p != NULL) {
        jst_str_add_char(&s, '?');
        jst_str_add(&s, call->query);
    }
    return jst_str_slice(&s);
}

/* RFC 7541 7.1.3: requests of many clients share a connection's table; what is secret stays out. */
static void
mark_secrets(struct jst_h2_nvs *nvs)
{
    for (size_t i = 0; i < nvs->n; i++) {
        struct jst_slice name = jst_slice((const char *)nvs->v[i].name, nvs->v[i].namelen);

        if ((name.n == 6 && jst_slice_ieq(name, JST_S("cookie"))) ||
            (name.n == 13 && jst_slice_ieq(name, JST_S("authorization")))) {
            nvs->v[i].flags |= NGHTTP2_NV_FLAG_NO_INDEX;
        }
    }
}

static void
add_head(struct jst_h2_nvs *nvs, const struct jst_h2c_call *x, struct jst_slice path,
         struct jst_str length)
{
    const struct jst_call *call = x->call;
    const struct jst_head *req = call->req;

    jst_h2_nvs_add(nvs, JST_S(":method"), call->upgrade ? JST_S("CONNECT") : req->method_text);
    if (call->upgrade) {
        jst_h2_nvs_add(nvs, JST_S(":protocol"), JST_S("websocket"));
    }
    jst_h2_nvs_add(nvs, JST_S(":scheme"), x->c->tls ? JST_S("https") : JST_S("http"));
    jst_h2_nvs_add(nvs, JST_S(":authority"), call->host);
    jst_h2_nvs_add(nvs, JST_S(":path"), path);
    if (req->has_body ? req->length != JST_LENGTH_UNKNOWN
                      : jst_method_expects_body(req->method) && !call->upgrade) {
        jst_str_add_u64(&length, req->has_body ? req->length : 0);
        jst_h2_nvs_add(nvs, JST_S("content-length"), jst_str_slice(&length));
    }
    if (req->te_trailers) {
        jst_h2_nvs_add(nvs, JST_S("te"), JST_S("trailers"));
    }
}

static int
submit(struct jst_h2c_call *x, struct jst_h2_nvs *nvs, char *path, size_t path_cap)
{
    const struct jst_call *call = x->call;
    bool has_body = call->upgrade || !x->end_due;
    char length[20];
    int32_t id;

    add_head(nvs, x, path_of(call, jst_str(path, path_cap)), jst_str(length, sizeof(length)));
    jst_h2_nvs_add_fields(nvs, &call->req->fields);
    jst_h2_nvs_add_block(nvs, call->extra);
    mark_secrets(nvs);
    if (call->upgrade) {
        /* RFC 8441 5: what HTTP/1's handshake proves, the frames prove here. */
        jst_h2_nvs_drop(nvs, JST_S("sec-websocket-key"));
    }
    JST_ASSERT(!nvs->full);
    id = nghttp2_submit_request(x->c->session, NULL, nvs->v, nvs->n,
                                has_body ? &jst_h2c_body : NULL, x);
    if (id < 0) {
        x->c->exhausted = x->c->exhausted || id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE;
        x->call->unprocessed = true;
        return id == NGHTTP2_ERR_NOMEM ? JOIST_E_NOMEM : JOIST_E_CLOSED;
    }
    x->stream_id = id;
    x->open = true;
    return JOIST_OK;
}

static size_t
count_lines(struct jst_slice block)
{
    size_t n = 0;

    for (size_t i = 0; i < block.n; i++) {
        n += block.p[i] == '\n';
    }
    return n;
}

void
jst_h2c_submit(struct jst_h2c_call *x)
{
    const struct jst_call *call = x->call;
    nghttp2_nv some[NVS_ON_STACK];
    char short_path[PATH_ON_STACK];
    size_t path_n = call->path_base.n + call->path.n + call->query.n + 1;
    struct jst_h2_nvs nvs = {some, 0, NVS_OWN + call->req->fields.n + count_lines(call->extra),
                             false};
    char *path = short_path;

    if (nvs.cap > NVS_ON_STACK) {
        nvs.v = jst_arena_alloc(&x->arena, nvs.cap * sizeof(*nvs.v));
    }
    if (path_n > sizeof(short_path)) {
        path = jst_arena_alloc(&x->arena, path_n);
    }
    x->failed = nvs.v != NULL && path != NULL ? submit(x, &nvs, path, path_n) : JOIST_E_NOMEM;
    if (x->failed < 0) {
        jst_h2c_want_deliver(x);
        return;
    }
    JST_STAT_ADD(x->c->local, upstream_h2, 1);
    jst_h2c_want_flush(x->c);
}

static struct jst_h2c_call *
take_spare(struct jst_h2_client *c)
{
    struct jst_h2c_call *x = JST_CONTAINER(c->spare.next, struct jst_h2c_call, link);

    JST_ASSERT(!jst_list_is_empty(&c->spare));
    jst_list_remove(&x->link);
    *x = (struct jst_h2c_call){.c = c, .serial = x->serial};
    jst_list_init(&x->fresh);
    jst_list_insert(&c->calls, &x->link);
    c->base.calls++;
    if (jst_list_is_empty(&c->spare)) {
        (void)jst_h2c_add_spare(c); /* without memory there is room for no more calls */
    }
    return x;
}

static void
begin(struct jst_h2c_call *x)
{
    struct jst_h2_client *c = x->c;

    if (x->call->upgrade && !c->got_settings && jst_h2c_is_websocket(x->call)) {
        x->phase = H2C_WAIT;
        return;
    }
    x->phase = H2C_HEAD;
    if (x->call->upgrade && !jst_h2c_may_connect(c, x->call)) {
        x->failed = JOIST_E_UNSUPPORTED;
        x->detail = "it takes no such upgrade over HTTP/2";
        jst_h2c_want_deliver(x);
        return;
    }
    jst_h2c_submit(x);
}

void
jst_h2c_start(struct jst_client *base, struct jst_call *call)
{
    struct jst_h2_client *c = jst_h2c_of(base);
    const struct jst_head *req = call->req;
    struct jst_h2c_call *x = take_spare(c);

    JST_ASSERT(c->state == H2C_OPEN);
    x->call = call;
    x->reads = c->reads;
    x->request_done = !req->has_body || call->ended;
    x->end_due = x->request_done && !call->upgrade;
    x->waits_continue = !x->request_done && req->expect_continue && !call->asked_body;
    call->client = base;
    call->stream = x;
    call->request.ops = &jst_h2c_request_ops;
    call->response.ops = &jst_h2c_response_ops;
    call->reused = c->served;
    call->connected = true;
    call->got_bytes = false;
    call->unprocessed = false;
    begin(x);
    jst_h2c_update_max(c);
    jst_h2c_ask_body(x);
    jst_h2c_touch(x);
}
