// SPDX-License-Identifier: MIT
#include "proto/server.h"

#include "proto/h1_server.h"
#include "proto/h2_server.h"
#include "proto/proxy_header.h"

#include <stdlib.h>

/* A connection that cannot speak yet: its PROXY header or its TLS handshake is under way. It is all
 * that stands between accept and a protocol, so that neither protocol has to know of either. */
struct handshake {
    struct jst_conn conn; /* first: freed with it */
    struct jst_list link;
    struct jst_timer timer;
    struct jst_tls_server *tls;     /* counted; NULL: plain */
    struct jst_server_owner *owner; /* borrowed */
    struct jst_peer peer;
    uint8_t proxy_versions; /* a header of these is still to come; 0: none */
    bool h1;                /* plain: what is spoken behind the header */
    bool h2;
    bool closed;
    bool passed_on; /* a protocol has the connection now */
};

static struct handshake *
handshake_of(struct jst_conn *conn)
{
    return JST_CONTAINER(conn, struct handshake, conn);
}

/* ---- ending ---- */

static void
close_handshake(struct handshake *h, bool reset)
{
    if (!h->closed) {
        h->closed = true;
        jst_timer_stop(&h->timer);
        jst_conn_close(&h->conn, reset);
    }
}

static void
log_failure(struct handshake *h, struct jst_slice why)
{
    char ip[JST_ADDR_TEXT_BYTES];

    if (h->proxy_versions != 0) {
        JST_STAT_ADD(h->owner->local, proxy_failures, 1);
        JST_LOG(h->owner->local->log, WARN, PROXY_FAILED, "peer=%.*s err=\"%.*s\"",
                (int)jst_addr_print_ip(ip, &h->peer.addr), ip, JST_PRI(why));
        return;
    }
    JST_STAT_ADD(h->owner->local, tls_failures, 1);
    JST_LOG(h->owner->local->log, INFO, TLS_FAILED, "client=%.*s err=\"%.*s\"",
            (int)jst_addr_print_ip(ip, &h->peer.addr), ip, JST_PRI(why));
}

static void
on_failed(struct jst_conn *conn, int why)
{
    struct handshake *h = handshake_of(conn);
    struct jst_slice text = jst_tls_error(conn);

    if (!h->closed) {
        log_failure(h, text.n > 0 ? text : jst_slice_z(joist_error_text(why)));
        close_handshake(h, false);
    }
}

static void
on_timer(struct jst_timer *t)
{
    struct handshake *h = JST_CONTAINER(t, struct handshake, timer);

    JST_STAT_ADD(h->owner->local, timeout_header, 1);
    log_failure(h, JST_S("took too long"));
    close_handshake(h, true);
}

static void
on_closed(struct jst_conn *conn)
{
    struct handshake *h = handshake_of(conn);

    jst_timer_fini(conn->loop, &h->timer);
    jst_list_remove(&h->link);
    jst_tls_server_unref(&h->tls);
    if (!h->passed_on) {
        JST_STAT_SUB(h->owner->local, conns_open, 1);
        h->owner->on_gone(h->owner, &h->peer);
    }
    free(h);
}

/* ---- the handshake is complete ---- */

static void
count_handshake(struct jst_local *local, const struct jst_tls_info *info)
{
    JST_STAT_ADD(local, tls_handshakes, 1);
    JST_STAT_ADD(local, tls_resumed, info->resumed ? 1 : 0);
    JST_STAT_ADD(local, tls_ech, info->ech ? 1 : 0);
    JST_STAT_ADD(local, tls_ech_retries, info->ech_failed ? 1 : 0);
    JST_STAT_ADD(local, tls_unknown_sni, info->sni_unknown ? 1 : 0);
}

/* Its protocol takes the connection over. */
static void
pass_on(struct handshake *h, bool h2, bool sniff_h2)
{
    int rc = h2 ? jst_h2_server_adopt(h->owner, &h->conn, &h->peer, JST_SLICE_NONE)
                : jst_h1_server_adopt(h->owner, &h->conn, &h->peer, sniff_h2);

    if (rc < 0) {
        JST_LOG(h->owner->local->log, ERROR, OUT_OF_MEMORY, "what=connection");
        close_handshake(h, true);
        return;
    }
    h->passed_on = true;
    h->closed = true;
    jst_timer_stop(&h->timer);
}

static void
on_connected(struct jst_conn *conn)
{
    struct handshake *h = handshake_of(conn);
    const struct jst_tls_info *info = jst_tls_info(conn);

    JST_ASSERT(info != NULL);
    count_handshake(h->owner->local, info);
    pass_on(h, info->alpn == JST_ALPN_H2, false);
}

static void
begin_tls(struct handshake *h)
{
    if (jst_tls_accept(&h->conn, h->tls) < 0) {
        log_failure(h, JST_S("out of memory"));
        close_handshake(h, false);
    }
}

/* ---- a PROXY header ---- */

/* What stands behind the header is still in the socket: whoever comes next is told to read. */
static void
take_header(struct handshake *h, const struct jst_proxy_header *header, int n)
{
    char taken[JST_PROXY_V2_BYTES_MAX];
    struct jst_server_owner *owner = h->owner;

    if (jst_conn_read(&h->conn, taken, (size_t)n) != n) { /* it was there when we looked */
        close_handshake(h, true);
        return;
    }
    h->proxy_versions = 0;
    JST_STAT_ADD(owner->local, proxy_headers, 1);
    jst_proxy_header_source(&h->peer.addr, header);
    if (owner->on_source != NULL && owner->on_source(owner, &h->peer) < 0) {
        close_handshake(h, false);
    } else if (h->tls != NULL) {
        begin_tls(h);
        if (!h->closed) {
            jst_conn_want_read(&h->conn);
        }
    } else {
        pass_on(h, h->h2 && !h->h1, h->h2);
    }
}

/* Nothing is taken before the header is whole, so every byte behind it stays where it is. */
static void
look_for_header(struct handshake *h)
{
    char seen[JST_PROXY_V2_BYTES_MAX];
    struct jst_proxy_header header;
    int n = jst_conn_peek(&h->conn, seen, sizeof(seen));
    int rc;

    if (n == JOIST_E_AGAIN) {
        return;
    }
    if (n == JOIST_E_CLOSED || n == JOIST_E_RESET) { /* as checks of load balancers do */
        close_handshake(h, false);
        return;
    }
    rc = n < 0 ? n : jst_proxy_parse(&header, jst_slice(seen, (size_t)n), h->proxy_versions);
    if (rc > 0) {
        take_header(h, &header, rc);
    } else if (rc != JOIST_E_AGAIN || jst_conn_has_hangup(&h->conn)) {
        log_failure(h, rc == JOIST_E_AGAIN   ? JST_S("the header is cut short")
                       : rc == JOIST_E_LIMIT ? JST_S("the header is too long")
                       : rc == JOIST_E_PROTO ? JST_S("no PROXY header, or a malformed one")
                                             : jst_slice_z(joist_error_text(rc)));
        close_handshake(h, true);
    }
}

/* Of TLS nothing is read before on_connected; this is an end that came early. */
static void
on_readable(struct jst_conn *conn)
{
    struct handshake *h = handshake_of(conn);

    if (h->closed) {
        return;
    }
    if (h->proxy_versions != 0) {
        look_for_header(h);
    } else if (jst_conn_has_hangup(conn)) {
        on_failed(conn, JOIST_E_CLOSED);
    }
}

static const struct jst_conn_events handshake_events = {
    .on_readable = on_readable,
    .on_connected = on_connected,
    .on_failed = on_failed,
    .on_closed = on_closed,
};

/* ---- open ---- */

static int
open_handshake(struct jst_server_owner *owner, int fd, const struct jst_peer *peer,
               const struct jst_server_how *how)
{
    struct handshake *h = calloc(1, sizeof(*h));
    struct jst_loop *l = owner->local->loop;
    uint64_t ms = owner->conf->timeouts.header_ms;
    int rc = JOIST_E_NOMEM;

    if (h == NULL) {
        return rc;
    }
    rc = jst_timer_init(l, &h->timer, on_timer);
    if (rc < 0) {
        goto fail;
    }
    rc = jst_conn_open(&h->conn, l, fd, &handshake_events);
    if (rc < 0) {
        jst_timer_fini(l, &h->timer);
        goto fail;
    }
    h->owner = owner;
    h->peer = *peer;
    h->peer.tls = NULL;
    h->tls = how->tls != NULL ? jst_tls_server_ref(how->tls) : NULL;
    h->proxy_versions = (uint8_t)how->proxy_versions;
    h->h1 = how->h1;
    h->h2 = how->h2;
    jst_list_insert(owner->handshakes, &h->link);
    JST_STAT_ADD(owner->local, conns_open, 1);
    JST_STAT_ADD(owner->local, conns_accepted, 1);
    jst_timer_set(l, &h->timer, ms > 0 ? jst_loop_now_ms(l) + ms : JST_NEVER);
    if (h->proxy_versions == 0) {
        begin_tls(h); /* the descriptor is ours by now: should it fail, it ends as a connection */
    }
    return JOIST_OK;
fail:
    free(h);
    return rc;
}

int
jst_server_open(struct jst_server_owner *owner, int fd, const struct jst_peer *peer,
                const struct jst_server_how *how)
{
    if (how->tls != NULL || how->proxy_versions != 0) {
        return open_handshake(owner, fd, peer, how);
    }
    if (how->h2 && !how->h1) {
        return jst_h2_server_open(owner, fd, peer);
    }
    return jst_h1_server_open(owner, fd, peer, how->h2);
}

/* ---- all of a reactor, or of one listener ---- */

/* Its client has not said a thing; what has come and was not read yet counts as said. */
static bool
is_silent(const struct handshake *h)
{
    char byte;

    return !(h->conn.layer != NULL && jst_tls_has_read(&h->conn)) &&
           jst_conn_peek(&h->conn, &byte, 1) == JOIST_E_AGAIN;
}

static void
drain_handshakes(struct jst_server_owner *owner, int listener)
{
    JST_LIST_FOREACH (node, owner->handshakes) {
        struct handshake *h = JST_CONTAINER(node, struct handshake, link);

        if (h->closed || !jst_server_is_of(&h->peer, listener)) {
            continue;
        }
        h->peer.last = true;
        if (is_silent(h)) {
            close_handshake(h, false);
        }
    }
}

static void
close_handshakes(struct jst_server_owner *owner, int listener)
{
    JST_LIST_FOREACH (node, owner->handshakes) {
        struct handshake *h = JST_CONTAINER(node, struct handshake, link);

        if (jst_server_is_of(&h->peer, listener)) {
            close_handshake(h, true);
        }
    }
}

static void
drain(struct jst_server_owner *owner, int listener)
{
    drain_handshakes(owner, listener);
    jst_h1_server_drain_all(owner->conns, listener);
    jst_h2_server_drain_all(owner->h2_conns, listener);
}

static void
close_those(struct jst_server_owner *owner, int listener)
{
    close_handshakes(owner, listener);
    jst_h1_server_close_all(owner->conns, listener);
    jst_h2_server_close_all(owner->h2_conns, listener);
}

static void
close_tunnels(struct jst_server_owner *owner, int listener)
{
    jst_h1_server_close_tunnels(owner->conns, listener);
    jst_h2_server_close_tunnels(owner->h2_conns, listener);
}

void
jst_server_drain_all(struct jst_server_owner *owner)
{
    drain(owner, JST_ANY_LISTENER);
}

void
jst_server_close_all(struct jst_server_owner *owner)
{
    close_those(owner, JST_ANY_LISTENER);
}

void
jst_server_close_tunnels(struct jst_server_owner *owner)
{
    close_tunnels(owner, JST_ANY_LISTENER);
}

void
jst_server_drain_listener(struct jst_server_owner *owner, uint16_t listener)
{
    drain(owner, listener);
}

void
jst_server_close_listener(struct jst_server_owner *owner, uint16_t listener)
{
    close_those(owner, listener);
}

void
jst_server_close_listener_tunnels(struct jst_server_owner *owner, uint16_t listener)
{
    close_tunnels(owner, listener);
}
