// SPDX-License-Identifier: MIT
#pragma once
/* For the targets of TLS: a server connection of ours that is fed by hand. */
#include "wire/readbuf.h"
#include "wire/tls.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
    struct jst_conn conn; /* first */
    unsigned connected;
    unsigned failed;
    unsigned closed;
    int why;
};

static struct jst_loop *peer_loop;
static struct jst_tls_server *peer_server;
static char peer_pem[64];

static void
peer_on_readable(struct jst_conn *c)
{
    char block[4096];

    while (jst_conn_read(c, block, sizeof(block)) > 0) {
    }
}

static void
peer_on_connected(struct jst_conn *c)
{
    ((struct peer *)c)->connected++;
}

static void
peer_on_failed(struct jst_conn *c, int why)
{
    ((struct peer *)c)->failed++;
    ((struct peer *)c)->why = why;
}

static void
peer_on_closed(struct jst_conn *c)
{
    ((struct peer *)c)->closed++;
}

static const struct jst_conn_events peer_events = {
    peer_on_readable, NULL, peer_on_connected, peer_on_failed, peer_on_closed, NULL};

/* A self-signed certificate and its key in a file that has no name. */
static void
make_pem(void)
{
    int fd = memfd_create("pem", 0);
    FILE *f = fdopen(fd, "w");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();

    JST_ASSERT(f != NULL && key != NULL && x != NULL);
    JST_ASSERT(X509_set_version(x, 2) == 1 &&
               X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL &&
               X509_gmtime_adj(X509_getm_notAfter(x), 86400) != NULL &&
               X509_set_pubkey(x, key) == 1 && X509_sign(x, key, EVP_sha256()) > 0);
    JST_ASSERT(PEM_write_X509(f, x) == 1 &&
               PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 && fflush(f) == 0);
    (void)snprintf(peer_pem, sizeof(peer_pem), "/proc/self/fd/%d", fd); /* stays open */
    X509_free(x);
    EVP_PKEY_free(key);
}

static void
peer_init(void)
{
    static const char *const hosts[] = {"a.example", "*.wild.example"};
    struct joist_cert_conf cert;
    struct joist_tls_conf tls = {.min_version = 12, .early_data = true};
    struct jst_tls_server_conf conf = {.tls = &tls, .h1 = true, .h2 = true};

    if (peer_loop != NULL) {
        return;
    }
    make_pem();
    cert = (struct joist_cert_conf){.cert = peer_pem, .hosts = hosts, .hosts_n = 2};
    JST_ASSERT(jst_loop_create(&peer_loop, NULL) == 0);
    JST_ASSERT(jst_tls_tickets_create(&conf.tickets) == 0); /* for the process's life */
    JST_ASSERT(jst_tls_certs_create(&conf.certs, &cert, 1, 0, NULL) == 0);
    JST_ASSERT(jst_tls_server_create(&peer_server, &conf, NULL) == 0);
}

/* What comes back is thrown away. */
static void
peer_drain(int fd)
{
    char block[8192];

    while (recv(fd, block, sizeof(block), MSG_DONTWAIT) > 0) {
    }
}

/* Feed `n` bytes in pieces of `step`, then the end. The connection's state then; all is freed. */
static struct peer
peer_feed(const uint8_t *p, size_t n, size_t step)
{
    struct peer c = {0};
    int fds[2];

    JST_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    JST_ASSERT(jst_conn_open(&c.conn, peer_loop, fds[0], &peer_events) == 0);
    JST_ASSERT(jst_tls_accept(&c.conn, peer_server) == 0);
    for (size_t at = 0; at < n && c.failed == 0; at += step) {
        ssize_t sent = send(fds[1], p + at, JST_MIN(step, n - at), MSG_NOSIGNAL);

        JST_ASSERT(sent > 0);
        jst_loop_turn(peer_loop, 0);
        peer_drain(fds[1]);
    }
    (void)shutdown(fds[1], SHUT_WR);
    jst_loop_turn(peer_loop, 0);
    jst_loop_turn(peer_loop, 0);
    JST_ASSERT(c.failed <= 1);
    JST_ASSERT(c.connected + c.failed > 0); /* the end itself is a failure before the handshake's */
    jst_conn_close(&c.conn, false);
    jst_loop_turn(peer_loop, 0);
    jst_loop_turn(peer_loop, 0);
    JST_ASSERT(c.closed == 1 && c.conn.out.bytes == 0);
    close(fds[1]);
    return c;
}
