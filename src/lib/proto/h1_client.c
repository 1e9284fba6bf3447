// SPDX-License-Identifier: MIT
#include "proto/h1_client_int.h"
#include "proto/proxy_header.h"
#include "wire/race.h"
#include "wire/tls.h"

#include <stdlib.h>

/* ---- time ---- */

/* Which clock runs now? Called when the phase changes or bytes have moved. */
void
jst_h1c_touch(struct jst_h1_client *c)
{
    const struct jst_call *call = c->call;
    uint64_t ms = 0;

    if (!c->connected) {
        return; /* the connect's clock goes on */
    }
    JST_ASSERT(call != NULL || (c->phase != H1C_HEAD && c->phase != H1C_BODY));
    switch ((enum jst_h1c_phase)c->phase) {
    case H1C_IDLE:
        ms = c->keepalive_ms;
        break;
    case H1C_HEAD:
        if (c->request_done) {
            ms = call->timeouts->upstream_response_ms;
        } else if (c->waits_continue) {
            ms = JST_CONTINUE_WAIT_MS;
        } else if (c->conn.out.bytes > 0) {
            ms = call->timeouts->upstream_idle_ms;
        }
        break;
    case H1C_BODY:
        /* Without credit it is our client that is waited for, and that has a clock of its own. */
        if (call->credit > 0 || c->conn.out.bytes > 0) {
            ms = call->timeouts->upstream_idle_ms;
        }
        break;
    case H1C_TUNNEL:
        break;
    case H1C_FLUSH:
        ms = JST_UPSTREAM_IDLE_MS_DEFAULT; /* the call is gone, and its times with it */
        break;
    case H1C_GONE:
        return;
    }
    jst_timer_set(c->conn.loop, &c->timer, ms > 0 ? jst_loop_now_ms(c->conn.loop) + ms : JST_NEVER);
}

/* ---- ending ---- */

void
jst_h1c_let_go(struct jst_h1_client *c, int why, bool reset)
{
    if (c->phase == H1C_GONE) {
        return;
    }
    JST_ASSERT(c->call == NULL);
    c->phase = H1C_GONE;
    jst_timer_stop(&c->timer);
    c->base.ev->on_gone(&c->base, c->base.ev_ctx, why);
    jst_conn_close(&c->conn, reset);
}

/* The call and the connection know each other no more. */
struct jst_call *
jst_h1c_detach(struct jst_h1_client *c)
{
    struct jst_call *call = c->call;

    c->call = NULL;
    c->serial++;
    call->client = NULL;
    return call;
}

void
jst_h1c_fail(struct jst_h1_client *c, int why, const char *detail)
{
    const struct jst_client_events *ev = c->base.ev;
    void *ctx = c->base.ev_ctx;
    bool tunnel = c->phase == H1C_TUNNEL;
    struct jst_call *call = jst_h1c_detach(c);

    call->detail = detail;
    if ((why == JOIST_E_TLS || why == JOIST_E_CERT) && call->arena != NULL) {
        call->tls_error = jst_arena_copy(call->arena, jst_tls_error(&c->conn));
    }
    if (c->local != NULL && !c->connected) { /* it was its own dial */
        c->base.error = jst_tls_error(&c->conn);
        ev->on_address(&c->base, ctx, NULL, false);
    }
    jst_h1c_let_go(c, why, true);
    if (tunnel) {
        if (!c->request_done) {
            jst_source_cancel(call->on_request, why);
        }
        if (!c->response_done) {
            jst_sink_abort(call->on_response, why);
        }
    } else if (!ev->on_lost(ctx, call, why)) {
        jst_sink_abort(call->on_response, why);
    }
}

/* Both directions of a tunnel have ended: the rest leaves without the call. */
void
jst_h1c_end_tunnel(struct jst_h1_client *c)
{
    (void)jst_h1c_detach(c);
    if (c->conn.out.bytes == 0) {
        jst_h1c_let_go(c, 0, false);
        return;
    }
    c->phase = H1C_FLUSH;
    jst_h1c_touch(c);
}

/* ---- what the pool asks ---- */

static void
retire(struct jst_client *base)
{
    struct jst_h1_client *c = jst_h1c_of(base);

    c->retired = true;
    if (c->phase == H1C_IDLE) {
        jst_h1c_let_go(c, 0, false);
    }
}

static void
give_up(struct jst_h1_client *c, int why)
{
    if (c->call != NULL) {
        jst_h1c_fail(c, why, NULL);
    } else {
        jst_h1c_let_go(c, why, true);
    }
}

static void
cut(struct jst_client *base, int why)
{
    give_up(jst_h1c_of(base), why);
}

static bool
probe(struct jst_client *base)
{
    return !jst_conn_is_dead(&jst_h1c_of(base)->conn);
}

static const struct jst_client_ops client_ops = {
    .start = jst_h1c_start,
    .retire = retire,
    .cut = cut,
    .probe = probe,
};

/* ---- events ---- */

/* A response that nobody asked for, or the end of the stream: either way it serves no more. */
static void
check_idle(struct jst_h1_client *c)
{
    char byte;
    int rc;

    if (c->phase != H1C_IDLE || !c->connected) {
        return;
    }
    rc = jst_conn_read(&c->conn, &byte, 1);
    if (rc != JOIST_E_AGAIN) {
        jst_h1c_let_go(c, rc == JOIST_E_CLOSED ? 0 : rc > 0 ? JOIST_E_PROTO : rc, false);
    }
}

/* Bytes that came before anything of the request has left do not answer it: they are what the
 * origin said too much before, or to nobody. Taken for a response they would be somebody else's. A
 * new connection is another matter: an origin that is full may say so at once. */
static bool
has_stray(struct jst_h1_client *c)
{
    char byte;

    return c->phase == H1C_HEAD && c->call->reused && !c->sending &&
           jst_conn_read(&c->conn, &byte, 1) > 0;
}

static void
on_readable(struct jst_conn *conn)
{
    struct jst_h1_client *c = JST_CONTAINER(conn, struct jst_h1_client, conn);

    if (c->call != NULL && has_stray(c)) {
        jst_h1c_fail(c, JOIST_E_RESET, "bytes before the request");
    } else if (c->call != NULL) {
        jst_h1c_pump(c);
    } else {
        check_idle(c);
    }
}

static void
on_sent(struct jst_conn *conn, size_t n)
{
    struct jst_h1_client *c = JST_CONTAINER(conn, struct jst_h1_client, conn);

    c->sending = c->sending || n > 0;
    if (c->call != NULL) {
        jst_h1c_credit_body(c);
        jst_h1c_touch(c);
    } else if (c->phase == H1C_FLUSH && conn->out.bytes == 0) {
        jst_h1c_let_go(c, 0, false);
    }
}

static void
on_connected(struct jst_conn *conn)
{
    struct jst_h1_client *c = JST_CONTAINER(conn, struct jst_h1_client, conn);

    c->connected = true;
    if (c->local != NULL) {
        JST_STAT_ADD(c->local, upstream_tls, 1);
        JST_STAT_ADD(c->local, upstream_tls_resumed, jst_tls_info(conn)->resumed ? 1 : 0);
    }
    if (c->call != NULL) {
        c->call->connected = true;
        jst_h1c_ask_body(c);
    }
    jst_h1c_touch(c);
}

static void
on_failed(struct jst_conn *conn, int why)
{
    struct jst_h1_client *c = JST_CONTAINER(conn, struct jst_h1_client, conn);

    if (c->local != NULL && !c->connected && (why == JOIST_E_TLS || why == JOIST_E_CERT)) {
        JST_STAT_ADD(c->local, upstream_tls_failures, 1);
    }
    give_up(c, why);
}

static void
on_address(struct jst_conn *conn, const struct jst_addr *addr, bool ok)
{
    struct jst_h1_client *c = JST_CONTAINER(conn, struct jst_h1_client, conn);

    if (ok && c->shake_ms > 0) {
        uint64_t until_ms = jst_loop_now_ms(conn->loop) + c->shake_ms;

        jst_timer_set(conn->loop, &c->timer, JST_MIN(c->timer.deadline_ms, until_ms));
    }
    c->base.ev->on_address(&c->base, c->base.ev_ctx, addr, ok);
}

static void
on_timer(struct jst_timer *t)
{
    struct jst_h1_client *c = JST_CONTAINER(t, struct jst_h1_client, timer);

    if (c->call == NULL) {
        jst_h1c_let_go(c, c->connected ? 0 : JOIST_E_TIMEOUT, false);
    } else if (c->connected && c->phase == H1C_HEAD && c->waits_continue) {
        c->waits_continue = false; /* RFC 9110 10.1.1: not to be waited for indefinitely */
        jst_h1c_ask_body(c);
        jst_h1c_touch(c);
    } else {
        jst_h1c_fail(c, JOIST_E_TIMEOUT, NULL);
    }
}

static void
run_task(struct jst_task *t)
{
    struct jst_h1_client *c = JST_CONTAINER(t, struct jst_h1_client, task);

    if (c->call == NULL) {
        return;
    }
    if (c->failed < 0) {
        jst_h1c_fail(c, c->failed, NULL);
        return;
    }
    jst_h1c_pump(c);
}

static void
on_closed(struct jst_conn *conn)
{
    struct jst_h1_client *c = JST_CONTAINER(conn, struct jst_h1_client, conn);

    JST_ASSERT(c->call == NULL && c->phase == H1C_GONE);
    jst_task_cancel(conn->loop, &c->task);
    jst_timer_fini(conn->loop, &c->timer);
    jst_h1_decoder_fini(&c->decoder);
    jst_buf_unref(c->held);
    c->magic = 0;
    free(c);
}

static const struct jst_conn_events conn_events = {
    .on_readable = on_readable,
    .on_sent = on_sent,
    .on_connected = on_connected,
    .on_failed = on_failed,
    .on_closed = on_closed,
    .on_address = on_address,
};

/* Memory and clock, with no connection yet. */
static struct jst_h1_client *
make_client(struct jst_loop *l, uint64_t keepalive_ms, const struct jst_client_events *ev,
            void *ev_ctx)
{
    struct jst_h1_client *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return NULL;
    }
    if (jst_timer_init(l, &c->timer, on_timer) < 0) {
        free(c);
        return NULL;
    }
    c->magic = JST_H1C_MAGIC;
    c->base.ops = &client_ops;
    c->base.ev = ev;
    c->base.ev_ctx = ev_ctx;
    c->base.calls_max = 1;
    jst_list_init(&c->base.pool_link);
    c->task.run = run_task;
    c->keepalive_ms = keepalive_ms;
    c->phase = H1C_IDLE;
    return c;
}

static void
free_client(struct jst_loop *l, struct jst_h1_client *c)
{
    jst_timer_fini(l, &c->timer);
    free(c);
}

/* The PROXY header first, then TLS: what waits in `out` when TLS begins goes ahead of it. */
static int
begin_named(struct jst_h1_client *c, struct jst_local *local, const struct jst_client_to *to)
{
    char header[JST_PROXY_PRINT_BYTES_MAX];
    size_t n = jst_proxy_header_print(header, to->peer, to->proxy_version);
    int rc = jst_chain_add_copy(&c->conn.out, header, n);

    if (rc == JOIST_OK && to->tls != NULL) {
        c->local = local;
        c->shake_ms = to->shake_ms;
        rc = jst_tls_connect(&c->conn, to->tls, to->session);
    }
    if (rc < 0) { /* the pool never hears of it */
        c->phase = H1C_GONE;
        jst_conn_close(&c->conn, true);
    }
    return rc;
}

int
jst_h1_client_open(struct jst_client **out, struct jst_local *local, const struct jst_client_to *to,
                   const struct jst_client_events *ev, void *ev_ctx)
{
    const struct jst_race_to where = {to->addrs, to->order, to->addrs_n, to->step_ms};
    struct jst_loop *l = local->loop;
    struct jst_h1_client *c = make_client(l, to->keepalive_ms, ev, ev_ctx);
    int rc;

    if (c == NULL) {
        return JOIST_E_NOMEM;
    }
    rc = jst_conn_race(&c->conn, l, &where, &conn_events);
    if (rc < 0) {
        free_client(l, c);
        return rc;
    }
    if (to->proxy_version > 0) {
        rc = begin_named(c, local, to);
        if (rc < 0) {
            return rc;
        }
    }
    jst_timer_set(l, &c->timer,
                  to->connect_ms > 0 ? jst_loop_now_ms(l) + to->connect_ms : JST_NEVER);
    *out = &c->base;
    return JOIST_OK;
}

int
jst_h1_client_adopt(struct jst_client **out, struct jst_local *local, struct jst_conn *conn,
                    uint64_t keepalive_ms, const struct jst_client_events *ev, void *ev_ctx)
{
    struct jst_h1_client *c = make_client(local->loop, keepalive_ms, ev, ev_ctx);
    int rc;

    if (c == NULL) {
        return JOIST_E_NOMEM;
    }
    rc = jst_conn_move(&c->conn, conn, &conn_events);
    if (rc < 0) {
        free_client(local->loop, c);
        return rc;
    }
    c->connected = true;
    jst_h1c_touch(c);
    *out = &c->base;
    return JOIST_OK;
}
