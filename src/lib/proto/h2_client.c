// SPDX-License-Identifier: MIT
#include "proto/h2_client_int.h"

#include <stdlib.h>

/* ---- room for calls ---- */

static uint32_t
room_of(const struct jst_h2_client *c)
{
    uint32_t hint = c->base.calls_hint;
    uint32_t max = hint > 0 ? JST_MIN(hint, JST_H2C_STREAMS_DEFAULT) : JST_H2C_STREAMS_DEFAULT;

    if (c->state != H2C_OPEN || c->retired || c->goaway || c->exhausted ||
        c->ping_ms != JST_NEVER) {
        return 0;
    }
    if (c->got_settings) {
        max = nghttp2_session_get_remote_settings(c->session,
                                                  NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
        max = JST_MIN(max, JST_H2C_STREAMS_MAX);
    }
    return jst_list_is_empty(&c->spare) ? JST_MIN(c->base.calls, max) : max;
}

void
jst_h2c_update_max(struct jst_h2_client *c)
{
    bool was_full = c->base.calls >= c->base.calls_max;

    c->base.calls_max = room_of(c);
    if (was_full && c->base.calls > 0 && c->base.calls < c->base.calls_max) {
        c->base.ev->on_room(&c->base, c->base.ev_ctx);
    }
}

void
jst_h2c_leave(struct jst_h2_client *c)
{
    bool was_full = c->base.calls >= c->base.calls_max;

    JST_ASSERT(c->base.calls > 0);
    c->base.calls--;
    c->base.calls_max = room_of(c);
    if (c->state != H2C_OPEN) {
        return;
    }
    if (c->base.calls > 0) {
        if (was_full && c->base.calls < c->base.calls_max) {
            c->base.ev->on_room(&c->base, c->base.ev_ctx);
        }
    } else if (c->base.calls_max == 0) {
        jst_h2c_let_go(c, 0, NGHTTP2_NO_ERROR);
    } else {
        c->idle_ms =
            c->keepalive_ms > 0 ? jst_loop_now_ms(c->conn.loop) + c->keepalive_ms : JST_NEVER;
        jst_h2c_arm(c, c->idle_ms);
        c->base.ev->on_idle(&c->base, c->base.ev_ctx);
    }
}

/* ---- ending ---- */

void
jst_h2c_close(struct jst_h2_client *c, bool reset)
{
    c->state = H2C_CLOSED;
    jst_timer_stop(&c->timer);
    jst_conn_close(&c->conn, reset);
}

/* The pool hears of it, and nobody else is started here. */
static void
begin_end(struct jst_h2_client *c, int why)
{
    c->state = H2C_LEAVING;
    c->base.calls_max = 0;
    jst_timer_stop(&c->timer);
    jst_tls_forget_session(&c->conn); /* its place is the pool's, which may go before us */
    c->base.ev->on_gone(&c->base, c->base.ev_ctx, why);
}

static void
say_goodbye(struct jst_h2_client *c, uint32_t code)
{
    if (code == JST_H2C_NO_GOAWAY || jst_conn_has_failed(&c->conn) ||
        nghttp2_session_terminate_session(c->session, code) != 0) {
        jst_h2c_close(c, code == JST_H2C_NO_GOAWAY);
        return;
    }
    jst_timer_set(c->conn.loop, &c->timer, jst_loop_now_ms(c->conn.loop) + JST_LINGER_MS);
    jst_h2c_want_flush(c);
}

void
jst_h2c_let_go(struct jst_h2_client *c, int why, uint32_t code)
{
    if (c->state != H2C_OPEN) {
        return;
    }
    JST_ASSERT(jst_list_is_empty(&c->calls));
    begin_end(c, why);
    say_goodbye(c, code);
}

/* Where a connection's end met a call. */
const char *
jst_h2c_detail_of(const struct jst_h2c_call *x, int why)
{
    if (why != JOIST_E_CLOSED || x->call == NULL) {
        return NULL;
    }
    return x->phase == H2C_BODY ? "closed inside a response body"
           : x->call->got_bytes ? "closed inside a response head"
                                : NULL;
}

void
jst_h2c_fail_all(struct jst_h2_client *c, int why, const char *detail, uint32_t code)
{
    if (c->state != H2C_OPEN) {
        return;
    }
    begin_end(c, why);
    /* What one call's failure leads to may end others here. */
    while (!jst_list_is_empty(&c->calls)) {
        struct jst_h2c_call *x = JST_CONTAINER(c->calls.next, struct jst_h2c_call, link);

        if (x->call != NULL && !x->sent) {
            x->call->unprocessed = true;
        }
        jst_h2c_fail(x, why, detail != NULL ? detail : jst_h2c_detail_of(x, why), NGHTTP2_CANCEL);
    }
    say_goodbye(c, code);
}

/* ---- what the pool asks ---- */

static void
retire(struct jst_client *base)
{
    struct jst_h2_client *c = jst_h2c_of(base);

    c->retired = true;
    base->calls_max = 0;
    if (base->calls == 0) {
        jst_h2c_let_go(c, 0, NGHTTP2_NO_ERROR);
    }
}

static void
cut(struct jst_client *base, int why)
{
    jst_h2c_fail_all(jst_h2c_of(base), why, NULL, JST_H2C_NO_GOAWAY);
}

/* Under way there are calls to tell what is wrong; idle it has nothing to read but what ends it, or
 * is not worth the doubt. */
static bool
probe(struct jst_client *base)
{
    const struct jst_h2_client *c = jst_h2c_of(base);

    if (base->calls > 0) {
        return !jst_conn_has_failed(&c->conn) && !jst_conn_has_hangup(&c->conn);
    }
    return !jst_conn_is_dead(&c->conn);
}

static const struct jst_client_ops client_ops = {
    .start = jst_h2c_start,
    .retire = retire,
    .cut = cut,
    .probe = probe,
};

/* ---- life ---- */

void
jst_h2c_destroy(struct jst_h2_client *c)
{
    jst_h2_mem_end(&c->mem, c->session);
    while (!jst_list_is_empty(&c->spare)) {
        struct jst_h2c_call *x = JST_CONTAINER(c->spare.next, struct jst_h2c_call, link);

        jst_list_remove(&x->link);
        free(x);
    }
    jst_arena_fini(&c->scratch);
    jst_timer_fini(c->local->loop, &c->timer);
    c->magic = 0;
    free(c);
}

static void
init(struct jst_h2_client *c, struct jst_local *local, uint64_t keepalive_ms)
{
    c->magic = JST_H2C_MAGIC;
    jst_h2_mem_init(&c->mem);
    c->local = local;
    c->base.ops = &client_ops;
    c->base.calls_max = JST_H2C_STREAMS_DEFAULT;
    jst_list_init(&c->base.pool_link);
    jst_list_init(&c->calls);
    jst_list_init(&c->fresh);
    jst_list_init(&c->spare);
    c->flush.run = jst_h2c_run_flush;
    c->task.run = jst_h2c_run_task;
    c->keepalive_ms = keepalive_ms;
    c->ping_ms = JST_NEVER;
    c->idle_ms = keepalive_ms > 0 ? jst_loop_now_ms(local->loop) + keepalive_ms : JST_NEVER;
}

int
jst_h2_client_adopt(struct jst_client **out, struct jst_local *local, struct jst_conn *conn,
                    uint64_t keepalive_ms, const struct jst_client_events *ev, void *ev_ctx)
{
    struct jst_h2_client *c = calloc(1, sizeof(*c));
    int rc;

    if (c == NULL) {
        return JOIST_E_NOMEM;
    }
    init(c, local, keepalive_ms);
    c->base.ev = ev;
    c->base.ev_ctx = ev_ctx;
    rc = jst_timer_init(local->loop, &c->timer, jst_h2c_on_timer);
    if (rc == JOIST_OK) {
        rc = jst_h2c_add_spare(c);
    }
    if (rc == JOIST_OK) {
        rc = jst_h2c_open_session(c);
    }
    if (rc == JOIST_OK) {
        rc =
            jst_conn_move(&c->conn, conn, &jst_h2c_conn_events); /* last: it cannot be taken back */
    }
    if (rc < 0) {
        jst_h2c_destroy(c);
        return rc;
    }
    c->tls = jst_tls_info(&c->conn) != NULL;
    jst_h2c_arm(c, c->idle_ms);
    jst_h2c_want_flush(c);
    *out = &c->base;
    return JOIST_OK;
}
