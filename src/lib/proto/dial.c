// SPDX-License-Identifier: MIT
#include "proto/dial.h"

#include "proto/h1_client.h"
#include "proto/h2_client.h"
#include "proto/proxy_header.h"
#include "wire/race.h"
#include "wire/tls.h"

#include <stdlib.h>

#define JST_DIAL_MAGIC 0x6469616cu /* "dial" */

struct dial {
    struct jst_conn conn; /* first: freed with it */
    struct jst_client base;
    /* owned */
    struct jst_timer timer;
    struct jst_tls_client *tls; /* counted; NULL: plain */
    /* borrowed */
    struct jst_local *local;
    /* plain */
    uint64_t keepalive_ms;
    uint32_t shake_ms; /* see jst_client_to */
    uint32_t magic;
    bool h2;   /* plain: by prior knowledge */
    bool gone; /* the pool hears no more */
};

static struct dial *
dial_of(struct jst_conn *conn)
{
    struct dial *d = JST_CONTAINER(conn, struct dial, conn);

    JST_ASSERT_HOT(d->magic == JST_DIAL_MAGIC);
    return d;
}

/* ---- the end without a connection ---- */

static void
give_up(struct dial *d, int why)
{
    if (d->gone) {
        return;
    }
    d->gone = true;
    jst_timer_stop(&d->timer);
    if (why == JOIST_E_TLS || why == JOIST_E_CERT) {
        JST_STAT_ADD(d->local, upstream_tls_failures, 1);
        d->base.error = jst_tls_error(&d->conn);
    }
    if (d->tls != NULL && why != JOIST_E_CANCELED) {
        d->base.ev->on_address(&d->base, d->base.ev_ctx, NULL, false);
    }
    d->base.ev->on_gone(&d->base, d->base.ev_ctx, why);
    jst_conn_close(&d->conn, true);
}

static void
on_timer(struct jst_timer *t)
{
    give_up(JST_CONTAINER(t, struct dial, timer), JOIST_E_TIMEOUT);
}

static void
on_failed(struct jst_conn *conn, int why)
{
    give_up(dial_of(conn), why);
}

/* ---- the end with one ---- */

static void
count_handshake(struct dial *d, const struct jst_tls_info *info)
{
    JST_STAT_ADD(d->local, upstream_tls, 1);
    if (info->resumed) {
        JST_STAT_ADD(d->local, upstream_tls_resumed, 1);
    }
}

static void
on_connected(struct jst_conn *conn)
{
    struct dial *d = dial_of(conn);
    const struct jst_client_events *ev = d->base.ev;
    const struct jst_tls_info *info = jst_tls_info(conn);
    struct jst_client *now = NULL;
    bool h2 = d->h2;
    int rc;

    if (d->tls != NULL) {
        JST_ASSERT(info != NULL);
        count_handshake(d, info);
        h2 = info->alpn == JST_ALPN_H2;
    }
    rc = h2 ? jst_h2_client_adopt(&now, d->local, conn, d->keepalive_ms, ev, d->base.ev_ctx)
            : jst_h1_client_adopt(&now, d->local, conn, d->keepalive_ms, ev, d->base.ev_ctx);
    if (rc < 0) {
        give_up(d, rc);
        return;
    }
    d->gone = true;
    jst_timer_stop(&d->timer);
    now->h2 = h2;
    ev->on_opened(&d->base, now, d->base.ev_ctx);
}

static void
on_address(struct jst_conn *conn, const struct jst_addr *addr, bool ok)
{
    struct dial *d = dial_of(conn);

    if (ok && d->shake_ms > 0) {
        uint64_t until_ms = jst_loop_now_ms(conn->loop) + d->shake_ms;

        jst_timer_set(conn->loop, &d->timer, JST_MIN(d->timer.deadline_ms, until_ms));
    }
    d->base.ev->on_address(&d->base, d->base.ev_ctx, addr, ok);
}

static void
on_readable(struct jst_conn *conn)
{
    (void)conn; /* whoever adopts the connection is told again */
}

static void
on_closed(struct jst_conn *conn)
{
    struct dial *d = dial_of(conn);

    jst_timer_fini(conn->loop, &d->timer);
    jst_tls_client_unref(&d->tls);
    d->magic = 0;
    free(d);
}

static const struct jst_conn_events conn_events = {
    .on_readable = on_readable,
    .on_connected = on_connected,
    .on_failed = on_failed,
    .on_closed = on_closed,
    .on_address = on_address,
};

/* ---- what the pool asks ---- */

static void
start(struct jst_client *base, struct jst_call *call)
{
    (void)base;
    (void)call;
    JST_UNREACHABLE(); /* http/client.h: a dial takes no call */
}

static void
retire(struct jst_client *base)
{
    give_up(JST_CONTAINER(base, struct dial, base), JOIST_E_CANCELED);
}

static void
cut(struct jst_client *base, int why)
{
    give_up(JST_CONTAINER(base, struct dial, base), why);
}

static bool
probe(struct jst_client *base)
{
    (void)base;
    return false;
}

static const struct jst_client_ops client_ops = {
    .start = start,
    .retire = retire,
    .cut = cut,
    .probe = probe,
};

/* ---- the start ---- */

static int
add_proxy_header(struct dial *d, const struct jst_client_to *to)
{
    char header[JST_PROXY_PRINT_BYTES_MAX];

    return jst_chain_add_copy(&d->conn.out, header,
                              jst_proxy_header_print(header, to->peer, to->proxy_version));
}

static int
open_conn(struct dial *d, const struct jst_client_to *to)
{
    const struct jst_race_to where = {to->addrs, to->order, to->addrs_n, to->step_ms};
    struct jst_loop *l = d->local->loop;
    int rc = jst_timer_init(l, &d->timer, on_timer);

    if (rc == JOIST_OK) {
        rc = jst_conn_race(&d->conn, l, &where, &conn_events);
    }
    if (rc < 0) {
        jst_timer_fini(l, &d->timer);
        free(d);
        return rc;
    }
    if (to->proxy_version > 0) { /* ahead of TLS */
        rc = add_proxy_header(d, to);
    }
    if (rc == JOIST_OK && to->tls != NULL) {
        d->tls = jst_tls_client_ref(to->tls);
        rc = jst_tls_connect(&d->conn, d->tls, to->session);
    }
    if (rc < 0) {
        d->gone = true; /* it was never the pool's */
        jst_conn_close(&d->conn, true);
        return rc;
    }
    jst_timer_set(l, &d->timer,
                  to->connect_ms > 0 ? jst_loop_now_ms(l) + to->connect_ms : JST_NEVER);
    return JOIST_OK;
}

int
jst_dial(struct jst_client **out, struct jst_local *local, const struct jst_client_to *to,
         const struct jst_client_events *ev, void *ev_ctx)
{
    struct dial *d;
    int rc;

    if (!to->dial && ((to->tls == NULL && !to->h2) || to->proxy_version > 0)) {
        return jst_h1_client_open(out, local, to, ev, ev_ctx);
    }
    d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return JOIST_E_NOMEM;
    }
    d->magic = JST_DIAL_MAGIC;
    d->local = local;
    d->keepalive_ms = to->keepalive_ms;
    d->shake_ms = to->shake_ms;
    d->h2 = to->tls == NULL && to->h2;
    d->base.ops = &client_ops;
    d->base.ev = ev;
    d->base.ev_ctx = ev_ctx;
    d->base.dial = true;
    jst_list_init(&d->base.pool_link);
    rc = open_conn(d, to);
    if (rc == JOIST_OK) {
        *out = &d->base;
    }
    return rc;
}
