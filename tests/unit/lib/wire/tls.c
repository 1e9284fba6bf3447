// SPDX-License-Identifier: MIT
/* A server and a client of ours over a socket pair: what they agree on, data both ways, ends. */
#include "tls_help.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void
end(struct help_end *s, struct help_end *c, struct jst_tls_server **server,
    struct jst_tls_client **client)
{
    help_close(s);
    help_close(c);
    jst_tls_server_unref(server);
    jst_tls_client_unref(client);
}

static void
test_handshake(void **state)
{
    struct jst_tls_server *server = help_server("leaf", NULL);
    struct jst_tls_client *client = help_client("ca", "a.example");
    char in[64];
    struct help_end s = {.hungry = true, .in = in, .in_cap = sizeof(in)};
    struct help_end c = {.hungry = true};
    const struct jst_tls_info *info;

    (void)state;
    help_shake(&s, &c, server, client, NULL);
    assert_string_equal(c.error, "");
    assert_string_equal(s.error, "");
    assert_int_equal(s.connected, 1);
    assert_int_equal(c.connected, 1);
    info = jst_tls_info(&s.conn);
    assert_non_null(info);
    assert_true(jst_slice_eq(info->version, JST_S("TLSv1.3")));
    assert_true(jst_slice_eq(info->group, JST_S("X25519MLKEM768")));
    assert_true(jst_slice_eq(info->sni, JST_S("a.example")));
    assert_int_equal(info->alpn, JST_ALPN_H2);
    assert_false(info->resumed);
    assert_false(info->early);
    assert_int_equal(info->subject.n, 0);
    info = jst_tls_info(&c.conn);
    assert_int_equal(info->alpn, JST_ALPN_H2);
    assert_true(info->cipher.n > 0);
    help_say(&c, "hello", 5);
    help_turns(4);
    assert_int_equal(s.got, 5);
    assert_memory_equal(in, "hello", 5);
    assert_int_equal(s.end, JOIST_E_AGAIN);
    assert_false(jst_conn_is_readable(&s.conn));
    assert_false(jst_conn_is_dead(&s.conn));
    jst_conn_shutdown(&c.conn);
    help_turns(4);
    assert_int_equal(s.end, JOIST_E_CLOSED);
    assert_true(jst_conn_is_dead(&s.conn));
    end(&s, &c, &server, &client);
}

static void
test_version_12(void **state)
{
    struct jst_tls_server *server = help_server("rsa", NULL);
    SSL_CTX *ctx = help_raw_ctx();
    struct help_end s = {.hungry = true};
    const struct jst_tls_info *info;
    SSL *ssl;
    int fds[2];

    (void)state;
    help_pair(fds, 0);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION), 1);
    ssl = help_raw(ctx, fds[1], "a.example");
    help_open_server(&s, fds[0], server);
    assert_int_equal(help_raw_connect(ssl), 1);
    assert_int_equal(s.connected, 1);
    info = jst_tls_info(&s.conn);
    assert_true(jst_slice_eq(info->version, JST_S("TLSv1.2")));
    assert_true(jst_slice_starts(info->cipher, JST_S("TLS_ECDHE_RSA_WITH_")));
    assert_int_equal(info->alpn, JST_ALPN_NONE);
    assert_int_equal(SSL_write(ssl, "x", 1), 1);
    help_turns(3);
    assert_int_equal(s.got, 1);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    help_close(&s);
    close(fds[1]);
    jst_tls_server_unref(&server);
}

static void
test_no_version_in_common(void **state)
{
    struct joist_cert_conf cert = {.cert = help_path("leaf", "pem"),
                                   .key = help_path("leaf", "key")};
    struct joist_tls_conf tls = {.certs = &cert, .certs_n = 1, .min_version = 13};
    struct jst_tls_server_conf conf = {.tls = &tls, .h1 = true};
    struct jst_tls_server *server = help_server_of(&conf);
    SSL_CTX *ctx = help_raw_ctx();
    struct help_end s = {0};
    SSL *ssl;
    int fds[2];

    (void)state;
    help_pair(fds, 0);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION), 1);
    ssl = help_raw(ctx, fds[1], "a.example");
    help_open_server(&s, fds[0], server);
    assert_true(help_raw_connect(ssl) < 0);
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.why, JOIST_E_TLS);
    assert_string_equal(s.error, "unsupported protocol");
    assert_null(jst_tls_info(&s.conn));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    help_close(&s);
    close(fds[1]);
    jst_tls_server_unref(&server);
}

static void
test_alpn_without_overlap(void **state)
{
    static const unsigned char other[] = "\x03"
                                         "foo";
    struct jst_tls_server *server = help_server("leaf", NULL);
    SSL_CTX *ctx = help_raw_ctx();
    struct help_end s = {0};
    SSL *ssl;
    int fds[2];

    (void)state;
    help_pair(fds, 0);
    ssl = help_raw(ctx, fds[1], "a.example");
    assert_int_equal(SSL_set_alpn_protos(ssl, other, 4), 0);
    help_open_server(&s, fds[0], server);
    assert_true(help_raw_connect(ssl) < 0);
    assert_int_equal(s.why, JOIST_E_TLS);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    help_close(&s);
    close(fds[1]);
    jst_tls_server_unref(&server);
}

/* ---- data ---- */

#define BIG 3000000

static void
fill(char *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)((i * 31 + i / 977 + seed) & 0xff);
    }
}

static void
transfer(int buffer_bytes, size_t take)
{
    struct jst_tls_server *server = help_server("leaf", NULL);
    struct jst_tls_client *client = help_client("ca", "a.example");
    char *there = malloc(BIG);
    char *back = malloc(BIG);
    char *expect = malloc(BIG);
    struct help_end s = {.hungry = true, .in = there, .in_cap = BIG, .take = take};
    struct help_end c = {.hungry = true, .in = back, .in_cap = BIG, .take = take};
    int fds[2];

    assert_true(there != NULL && back != NULL && expect != NULL);
    help_pair(fds, buffer_bytes);
    help_open_server(&s, fds[0], server);
    help_open_client(&c, fds[1], client, NULL);
    fill(expect, BIG, 1);
    help_say(&c, expect, BIG); /* queued before there is a connection */
    fill(expect, BIG, 2);
    help_until(&s.connected);
    help_say(&s, expect, BIG);
    jst_conn_shutdown(&s.conn);
    for (int i = 0; i < 20000 && (s.got < BIG || c.got < BIG || c.end != JOIST_E_CLOSED); i++) {
        jst_loop_turn(help_loop, 0);
    }
    assert_int_equal(s.got, BIG);
    assert_int_equal(c.got, BIG);
    assert_int_equal(c.end, JOIST_E_CLOSED);
    assert_memory_equal(back, expect, BIG);
    fill(expect, BIG, 1);
    assert_memory_equal(there, expect, BIG);
    assert_int_equal(s.conn.out.bytes, 0);
    assert_true(s.sent > BIG);
    free(there);
    free(back);
    free(expect);
    end(&s, &c, &server, &client);
}

static void
test_big_transfers(void **state)
{
    (void)state;
    transfer(0, 0);
}

static void
test_big_transfers_through_tiny_sockets(void **state)
{
    (void)state;
    transfer(4608, 1000);
}

/* Pieces of every size, copied together or not, and a file between them. */
static void
test_pieces_and_files(void **state)
{
    static char want[400000];
    static char got[400000];
    static char more[100000];
    struct jst_tls_server *server = help_server("leaf", NULL);
    struct jst_tls_client *client = help_client("ca", "a.example");
    struct help_end s = {0};
    struct help_end c = {.hungry = true, .in = got, .in_cap = sizeof(got)};
    int fd = memfd_create("tls", MFD_CLOEXEC);
    struct jst_file *f;
    struct jst_chain data = {0};
    size_t n = 0;

    (void)state;
    assert_true(fd >= 0);
    fill(more, sizeof(more), 9);
    assert_int_equal(write(fd, more, sizeof(more)), sizeof(more));
    f = jst_file_create(fd);
    fill(want, sizeof(want), 4);
    help_shake(&s, &c, server, client, NULL);
    for (size_t k = 1; n + k < 200000; k = k * 3 / 2 + 1) {
        assert_int_equal(jst_chain_add_static(&data, want + n, k), 0);
        n += k;
    }
    assert_int_equal(jst_chain_add_file(&data, f, 100, 90000), 0);
    memcpy(want + n, more + 100, 90000);
    n += 90000;
    assert_int_equal(jst_chain_add_static(&data, want + n, 7), 0);
    n += 7;
    jst_conn_write(&s.conn, &data);
    for (int i = 0; i < 200 && c.got < n; i++) {
        jst_loop_turn(help_loop, 0);
    }
    assert_int_equal(c.got, n);
    assert_memory_equal(got, want, n);
    jst_file_unref(f);
    end(&s, &c, &server, &client);
}

static void
test_file_that_shrank(void **state)
{
    struct jst_tls_server *server = help_server("leaf", NULL);
    struct jst_tls_client *client = help_client("ca", "a.example");
    struct help_end s = {0};
    struct help_end c = {.hungry = true};
    int fd = memfd_create("tls", MFD_CLOEXEC);
    struct jst_file *f = jst_file_create(fd);
    struct jst_chain data = {0};

    (void)state;
    help_shake(&s, &c, server, client, NULL);
    assert_int_equal(ftruncate(fd, 5000), 0);
    assert_int_equal(jst_chain_add_file(&data, f, 0, 10000), 0);
    jst_conn_write(&s.conn, &data);
    help_turns(4);
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.why, JOIST_E_IO);
    help_close(&s);
    help_turns(2);
    assert_int_equal(c.end, JOIST_E_RESET); /* it must not look whole */
    jst_file_unref(f);
    end(&s, &c, &server, &client);
}

/* Short output leaves in one record: the second end reads it with one call. */
static void
test_a_turn_is_one_record(void **state)
{
    struct jst_tls_server *server = help_server("leaf", NULL);
    struct jst_tls_client *client = help_client("ca", "a.example");
    struct help_end s = {0};
    struct help_end c = {0};
    size_t before;

    (void)state;
    help_shake(&s, &c, server, client, NULL);
    before = s.sent;
    help_say(&s, "one ", 4);
    assert_int_equal(jst_chain_add_static(&s.conn.out, "two ", 4), 0);
    assert_int_equal(jst_chain_add_copy(&s.conn.out, "three", 5), 0);
    jst_conn_write(&s.conn, &(struct jst_chain){0});
    help_turns(1);
    assert_int_equal(s.sent - before, 13 + 22); /* RFC 8446 5.2: header 5, type 1, tag 16 */
    end(&s, &c, &server, &client);
}

/* ---- ends ---- */

static void
test_close_notify_or_truncation(void **state)
{
    struct jst_tls_server *server = help_server("leaf", NULL);
    struct jst_tls_client *client = help_client("ca", "a.example");
    struct help_end s = {.hungry = true};
    struct help_end c = {.hungry = true};

    (void)state;
    help_shake(&s, &c, server, client, NULL);
    help_say(&s, "part", 4);
    help_turns(2);
    assert_int_equal(shutdown(s.conn.io.fd, SHUT_WR), 0); /* below TLS */
    help_turns(3);
    assert_int_equal(c.got, 4);
    assert_int_equal(c.end, JOIST_E_RESET);
    help_close(&s);
    help_close(&c);
    s = (struct help_end){.hungry = true};
    c = (struct help_end){.hungry = true};
    help_shake(&s, &c, server, client, NULL);
    assert_int_equal(shutdown(c.conn.io.fd, SHUT_WR), 0);
    help_turns(3);
    assert_int_equal(s.end, JOIST_E_CLOSED);
    help_say(&s, "answer", 6); /* it may still be fetched */
    help_turns(3);
    assert_int_equal(c.got, 6);
    help_close(&s);
    help_close(&c);
    s = (struct help_end){.hungry = true};
    c = (struct help_end){.hungry = true};
    help_shake(&s, &c, server, client, NULL);
    jst_conn_close(&s.conn, false); /* with nothing queued it says goodbye */
    help_turns(3);
    assert_int_equal(c.end, JOIST_E_CLOSED);
    end(&s, &c, &server, &client);
}

static void
test_is_at_end(void **state)
{
    struct jst_tls_server *server = help_server("leaf", NULL);
    struct jst_tls_client *client = help_client("ca", "a.example");
    struct help_end s = {0};
    struct help_end c = {0};
    char in[8];

    (void)state;
    help_shake(&s, &c, server, client, NULL);
    help_say(&c, "last", 4);
    jst_conn_shutdown(&c.conn);
    help_turns(3);
    assert_true(jst_conn_has_hangup(&s.conn));
    assert_false(jst_conn_is_at_end(&s.conn)); /* bytes are before it */
    assert_int_equal(jst_conn_read(&s.conn, in, sizeof(in)), 4);
    assert_true(jst_conn_is_at_end(&s.conn)); /* close_notify alone */
    assert_int_equal(jst_conn_read(&s.conn, in, sizeof(in)), JOIST_E_CLOSED);
    help_say(&s, "still", 5); /* our direction goes on */
    help_turns(3);
    assert_int_equal(jst_conn_read(&c.conn, in, sizeof(in)), 5);
    end(&s, &c, &server, &client);
}

/* A record cut by the reader's room stays readable without a new event. */
static void
test_reads_in_small_steps(void **state)
{
    struct jst_tls_server *server = help_server("leaf", NULL);
    struct jst_tls_client *client = help_client("ca", "a.example");
    struct help_end s = {0};
    struct help_end c = {0};
    char in[4];

    (void)state;
    help_shake(&s, &c, server, client, NULL);
    help_say(&c, "0123456789", 10);
    help_turns(3);
    assert_int_equal(jst_conn_read(&s.conn, in, 4), 4);
    assert_true(jst_conn_is_readable(&s.conn));
    assert_int_equal(jst_conn_read(&s.conn, in, 4), 4);
    assert_int_equal(jst_conn_read(&s.conn, in, 4), 2);
    assert_memory_equal(in, "89", 2);
    assert_false(jst_conn_is_readable(&s.conn));
    assert_int_equal(jst_conn_read(&s.conn, in, 4), JOIST_E_AGAIN);
    end(&s, &c, &server, &client);
}

/* ---- moves ---- */

static void
test_move_after_the_handshake(void **state)
{
    struct jst_tls_server *server = help_server("leaf", NULL);
    struct jst_tls_client *client = help_client("ca", "a.example");
    struct help_end after = {.hungry = true};
    struct help_end s = {.move_to = &after, .move_ev = &help_events};
    struct help_end c = {.hungry = true};
    int fds[2];

    (void)state;
    help_pair(fds, 0);
    help_open_server(&s, fds[0], server);
    help_open_client(&c, fds[1], client, NULL);
    help_say(&c, "with the Finished", 17);
    help_until(&c.connected);
    help_turns(4);
    assert_int_equal(s.closed, 1);
    assert_int_equal(s.readable, 0);
    assert_int_equal(after.got, 17);
    assert_non_null(jst_tls_info(&after.conn));
    help_say(&after, "back", 4);
    help_turns(3);
    assert_int_equal(c.got, 4);
    end(&after, &c, &server, &client);
}

/* Bytes that wait in both directions go along: half of a record, and sealed output. */
static void
test_move_in_mid_stream(void **state)
{
    struct jst_tls_server *server = help_server("leaf", NULL);
    struct jst_tls_client *client = help_client("ca", "a.example");
    char *block = calloc(1, BIG);
    struct help_end s = {.take = 999};
    struct help_end c = {0};
    struct help_end after = {.hungry = true};
    int fds[2];
    int first;

    (void)state;
    assert_non_null(block);
    help_pair(fds, 4608);
    help_open_server(&s, fds[0], server);
    help_open_client(&c, fds[1], client, NULL);
    help_until(&s.connected);
    help_until(&c.connected);
    help_say(&s, block, BIG);
    help_say(&c, block, 100000);
    help_turns(3);
    assert_true(s.conn.out.bytes > 0);
    first = jst_conn_read(&s.conn, block, 1000);
    s.got += first > 0 ? (size_t)first : 0;
    assert_int_equal(jst_conn_move(&after.conn, &s.conn, &help_events), 0);
    help_turns(1);
    assert_int_equal(s.closed, 1);
    c.hungry = true;
    jst_conn_want_read(&c.conn);
    for (int i = 0; i < 20000 && (c.got < BIG || s.got + after.got < 100000); i++) {
        jst_loop_turn(help_loop, 0);
    }
    assert_int_equal(c.got, BIG);
    assert_int_equal(s.got + after.got, 100000);
    free(block);
    end(&after, &c, &server, &client);
}

static int
begin(void **state)
{
    int rc = help_begin(state);

    if (rc == 0) {
        help_make_ca("ca");
        help_make_leaf("leaf", "DNS:a.example,DNS:*.wild.example,IP:127.0.0.1", "ca");
        help_make(&(struct help_spec){.name = "rsa",
                                      .san = "DNS:a.example",
                                      .issuer = "ca",
                                      .key = HELP_RSA,
                                      .from_s = -3600,
                                      .until_s = 86400});
    }
    return rc;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_version_12),
        cmocka_unit_test(test_no_version_in_common),
        cmocka_unit_test(test_alpn_without_overlap),
        cmocka_unit_test(test_big_transfers),
        cmocka_unit_test(test_big_transfers_through_tiny_sockets),
        cmocka_unit_test(test_pieces_and_files),
        cmocka_unit_test(test_file_that_shrank),
        cmocka_unit_test(test_a_turn_is_one_record),
        cmocka_unit_test(test_close_notify_or_truncation),
        cmocka_unit_test(test_is_at_end),
        cmocka_unit_test(test_reads_in_small_steps),
        cmocka_unit_test(test_move_after_the_handshake),
        cmocka_unit_test(test_move_in_mid_stream),
    };

    return cmocka_run_group_tests_name("wire/tls", tests, begin, help_finish);
}
