// SPDX-License-Identifier: MIT
/* Bytes of strangers: garbage, oversized, truncated, cut anywhere, answers that nobody reads. */
#include "tls_help.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

static struct jst_tls_server *server;

/* What a server does with these bytes, and with the end behind them. */
static void
feed(const void *p, size_t n, struct help_end *s)
{
    int fds[2];

    *s = (struct help_end){.hungry = true};
    help_pair(fds, 0);
    help_open_server(s, fds[0], server);
    assert_int_equal(write(fds[1], p, n), n);
    help_turns(3);
    assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
    help_turns(3);
    assert_int_equal(s->connected, 0);
    assert_int_equal(s->readable, 0);
    assert_int_equal(s->failed, 1);
    help_close(s);
    close(fds[1]);
}

static void
test_garbage(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    static char junk[40000];
    struct help_end s;

    (void)state;
    feed(http, sizeof(http) - 1, &s);
    assert_int_equal(s.why, JOIST_E_TLS);
    assert_string_equal(s.error, "it speaks plain HTTP, and this port speaks TLS");
    memset(junk, 0xab, sizeof(junk));
    feed(junk, sizeof(junk), &s);
    assert_int_equal(s.why, JOIST_E_TLS);
    memset(junk, 0, sizeof(junk));
    feed(junk, sizeof(junk), &s);
    assert_int_equal(s.why, JOIST_E_TLS);
    feed("\x16\x03", 2, &s);
    assert_int_equal(s.why, JOIST_E_CLOSED);
}

static void
test_oversized_record(void **state)
{
    static unsigned char record[5 + 65535] = {22, 3, 1, 0xff, 0xff, 1};
    struct help_end s;

    (void)state;
    feed(record, sizeof(record), &s);
    assert_int_equal(s.why, JOIST_E_TLS);
    assert_string_equal(s.error, "data length too long");
    record[3] = 0x40; /* 16384: may be, but it is no ClientHello */
    record[4] = 0;
    feed(record, sizeof(record), &s);
    assert_int_equal(s.why, JOIST_E_TLS);
}

/* ---- a real ClientHello ---- */

static size_t
make_hello(unsigned char *out, size_t cap)
{
    SSL_CTX *ctx = help_raw_ctx();
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *to = BIO_new(BIO_s_mem());
    int n;

    SSL_set_bio(ssl, in, to);
    assert_int_equal(SSL_set_tlsext_host_name(ssl, "a.example"), 1);
    SSL_set_connect_state(ssl);
    (void)SSL_connect(ssl);
    n = BIO_read(to, out, (int)cap);
    assert_true(n > 0 && (size_t)n < cap);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return (size_t)n;
}

static void
test_hello_cut_short_at_every_byte(void **state)
{
    unsigned char hello[4096];
    size_t n = make_hello(hello, sizeof(hello));

    (void)state;
    for (size_t cut = 0; cut < n; cut++) {
        struct help_end s;

        feed(hello, cut, &s);
        assert_int_equal(s.why, JOIST_E_CLOSED);
    }
}

/* In two parts, wherever the cut is, it is the same hello; and nothing more than its bytes is kept
 * while the rest is missing. */
static void
test_hello_in_two_parts(void **state)
{
    unsigned char hello[4096];
    size_t n = make_hello(hello, sizeof(hello));

    (void)state;
    for (size_t cut = 1; cut < n; cut += cut < 50 ? 1 : 37) {
        struct help_end s = {0};
        char in[8192];
        int fds[2];

        help_pair(fds, 0);
        help_open_server(&s, fds[0], server);
        assert_int_equal(write(fds[1], hello, cut), cut);
        help_turns(2);
        assert_int_equal(s.failed, 0);
        assert_true(read(fds[1], in, sizeof(in)) < 0);
        assert_int_equal(write(fds[1], hello + cut, n - cut), n - cut);
        help_turns(2);
        assert_true(read(fds[1], in, sizeof(in)) > 5);
        assert_int_equal(in[0], 22); /* a ServerHello */
        assert_int_equal(s.failed, 0);
        help_close(&s);
        close(fds[1]);
    }
}

/* ---- after the handshake ---- */

struct raw_pair {
    struct help_end s;
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

static void
open_raw(struct raw_pair *p, int buffer_bytes)
{
    int fds[2];

    *p = (struct raw_pair){.s = {.hungry = true}, .ctx = help_raw_ctx()};
    help_pair(fds, buffer_bytes);
    p->fd = fds[1];
    p->ssl = help_raw(p->ctx, fds[1], "a.example");
    help_open_server(&p->s, fds[0], server);
    assert_int_equal(help_raw_connect(p->ssl), 1);
}

static void
close_raw(struct raw_pair *p)
{
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx);
    help_close(&p->s);
    close(p->fd);
}

static void
test_record_that_was_changed(void **state)
{
    static const unsigned char bad[] = "\x17\x03\x03\x00\x20"
                                       "abcdefghijklmnopqrstuvwxyz012345";
    struct raw_pair p;

    (void)state;
    open_raw(&p, 0);
    assert_int_equal(write(p.fd, bad, sizeof(bad) - 1), sizeof(bad) - 1);
    help_turns(3);
    assert_int_equal(p.s.end, JOIST_E_TLS);
    assert_int_equal(p.s.got, 0);
    help_say(&p.s, "too late", 8);
    help_turns(3);
    assert_int_equal(p.s.failed, 1);
    close_raw(&p);
}

/* A record a byte at a time. */
static void
test_drips(void **state)
{
    struct raw_pair p;
    BIO *to = BIO_new(BIO_s_mem());
    char byte;

    (void)state;
    open_raw(&p, 0);
    SSL_set0_wbio(p.ssl, to);
    assert_int_equal(SSL_write(p.ssl, "drip", 4), 4);
    while (BIO_read(to, &byte, 1) == 1) {
        assert_int_equal(p.s.got, 0);
        assert_int_equal(write(p.fd, &byte, 1), 1);
        help_turns(1);
    }
    assert_int_equal(p.s.got, 4);
    close_raw(&p);
}

/* Who makes us answer and reads nothing is ended: answers are not heaped up. */
static void
test_key_updates_that_nobody_reads(void **state)
{
    struct raw_pair p;
    size_t most = 0;

    (void)state;
    open_raw(&p, 4608);
    for (int i = 0; i < 5000 && p.s.failed == 0 && p.s.end != JOIST_E_LIMIT; i++) {
        ERR_clear_error();
        if (SSL_key_update(p.ssl, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_write(p.ssl, "x", 1) != 1) {
            (void)SSL_write(p.ssl, "x", 1);
        }
        help_turns(1);
        most = JST_MAX(most, p.s.conn.out.bytes);
    }
    assert_true(most < 20000);
    assert_int_equal(p.s.end, JOIST_E_LIMIT);
    close_raw(&p);
}

/* All that the peer has to say, in one piece. */
static void
send_all(struct raw_pair *p, BIO *said)
{
    char *bytes = NULL;
    long n = BIO_get_mem_data(said, &bytes);

    assert_int_equal(write(p->fd, bytes, (size_t)n), n);
    (void)BIO_reset(said);
    help_turns(3);
}

/* Nor may they be all that comes: OpenSSL would go on reading them, and nobody else's turn would
 * come. */
static void
test_key_updates_without_data(void **state)
{
    struct raw_pair p;
    BIO *said = BIO_new(BIO_s_mem());

    (void)state;
    open_raw(&p, 0);
    SSL_set0_wbio(p.ssl, said);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(SSL_key_update(p.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_write(p.ssl, "x", 1), 1);
    }
    send_all(&p, said);
    assert_int_equal(p.s.got, 200);
    assert_int_equal(p.s.end, JOIST_E_AGAIN);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(SSL_key_update(p.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(p.ssl), 1);
    }
    send_all(&p, said);
    assert_int_equal(p.s.end, JOIST_E_LIMIT);
    close_raw(&p);
}

static int
begin(void **state)
{
    int rc = help_begin(state);

    if (rc == 0) {
        help_make_leaf("leaf", "DNS:a.example", NULL);
        server = help_server("leaf", NULL);
    }
    return rc;
}

static int
finish(void **state)
{
    jst_tls_server_unref(&server);
    return help_finish(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_oversized_record),
        cmocka_unit_test(test_hello_cut_short_at_every_byte),
        cmocka_unit_test(test_hello_in_two_parts),
        cmocka_unit_test(test_record_that_was_changed),
        cmocka_unit_test(test_drips),
        cmocka_unit_test(test_key_updates_that_nobody_reads),
        cmocka_unit_test(test_key_updates_without_data),
    };

    return cmocka_run_group_tests_name("wire/tls_intake", tests, begin, finish);
}
