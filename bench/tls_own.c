// SPDX-License-Identifier: MIT
/*
 * What OpenSSL itself keeps for an idle server connection: `tls_own CERT KEY GROUPS`.
 *
 * Handshakes over memory BIOs in one process, the clients freed afterwards; what malloc has handed
 * out more than before, for each server that is left. Prints JSON. The settings are those of a
 * server: SSL_MODE_RELEASE_BUFFERS, one ticket. The memory BIOs, which hold nothing then, are part
 * of it.
 */
#include <malloc.h>
#include <openssl/ssl.h>
#include <stdio.h>

#define SERVERS 500

static int
shake_hands(SSL *client, SSL *server)
{
    char byte;

    for (int i = 0; i < 20; i++) {
        int c = SSL_do_handshake(client);
        int s = SSL_do_handshake(server);

        if (c == 1 && s == 1) {
            (void)SSL_read(client, &byte, 1); /* takes the ticket in */
            return 1;
        }
    }
    return 0;
}

static SSL *
make_server(SSL_CTX *server_ctx, SSL_CTX *client_ctx)
{
    SSL *client = SSL_new(client_ctx);
    SSL *server = SSL_new(server_ctx);
    BIO *up = BIO_new(BIO_s_mem());
    BIO *down = BIO_new(BIO_s_mem());
    int done;

    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    (void)BIO_up_ref(up);
    (void)BIO_up_ref(down);
    SSL_set_bio(client, down, up);
    SSL_set_bio(server, up, down);
    done = shake_hands(client, server);
    SSL_free(client);
    SSL_set_bio(server, NULL, NULL);
    if (!done) {
        SSL_free(server);
        return NULL;
    }
    return server;
}

int
main(int argc, char **argv)
{
    static SSL *servers[SERVERS];
    SSL_CTX *server_ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
    size_t before;
    size_t after;

    if (argc != 4 || SSL_CTX_use_certificate_chain_file(server_ctx, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(server_ctx, argv[2], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_set1_groups_list(client_ctx, argv[3]) != 1) {
        (void)fprintf(stderr, "usage: %s CERT KEY GROUPS\n", argv[0]);
        return 2;
    }
    (void)SSL_CTX_set_mode(server_ctx, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_num_tickets(server_ctx, 1);
    SSL_CTX_set_session_cache_mode(server_ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_cache_mode(client_ctx, SSL_SESS_CACHE_OFF);
    SSL_free(make_server(server_ctx, client_ctx)); /* what is made once is not counted */
    before = mallinfo2().uordblks;
    for (int i = 0; i < SERVERS; i++) {
        servers[i] = make_server(server_ctx, client_ctx);
        if (servers[i] == NULL) {
            return 1;
        }
    }
    after = mallinfo2().uordblks;
    (void)printf("{\"kib_per_conn\": %.3f}\n", (double)(after - before) / 1024.0 / SERVERS);
    for (int i = 0; i < SERVERS; i++) {
        SSL_free(servers[i]);
    }
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
    return 0;
}
