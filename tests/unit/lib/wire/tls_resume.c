// SPDX-License-Identifier: MIT
/* Sessions that are taken up again, 0-RTT data, Encrypted ClientHello. */
#include "tls_help.h"

#include "wire/tls_tickets.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct jst_tls_tickets *tickets;

/* ---- resumption between our own two sides ---- */

/* One connection; returns whether it was a resumed one, as both sides see it. */
static bool
once(struct jst_tls_server *server, struct jst_tls_client *client, struct jst_tls_session **slot)
{
    struct help_end s = {.hungry = true};
    struct help_end c = {.hungry = true};
    bool resumed;

    help_shake(&s, &c, server, client, slot);
    assert_string_equal(c.error, "");
    assert_int_equal(c.connected, 1);
    resumed = jst_tls_info(&s.conn)->resumed;
    assert_int_equal(jst_tls_info(&c.conn)->resumed, resumed);
    help_turns(2);
    help_close(&s);
    help_close(&c);
    return resumed;
}

static void
test_across_servers(void **state)
{
    struct jst_tls_server *one = help_server("leaf", tickets);
    struct jst_tls_server *two = help_server("leaf", tickets); /* as after a reload */
    struct jst_tls_client *client = help_client("ca", "a.example");
    struct jst_tls_session *slot = NULL;

    (void)state;
    assert_false(once(one, client, &slot));
    assert_non_null(slot);
    assert_true(once(one, client, &slot));
    assert_non_null(slot); /* each resumption brings the next ticket */
    assert_true(once(two, client, &slot));
    jst_tls_server_unref(&one);
    assert_true(once(two, client, &slot));
    jst_tls_session_free(&slot);
    assert_false(once(two, client, &slot));
    jst_tls_session_free(&slot);
    jst_tls_session_free(&slot); /* harmless */
    jst_tls_server_unref(&two);
    jst_tls_client_unref(&client);
}

static void
test_rotation(void **state)
{
    struct jst_tls_server *server = help_server("leaf", tickets);
    struct jst_tls_client *client = help_client("ca", "a.example");
    struct jst_tls_session *slot = NULL;

    (void)state;
    assert_false(once(server, client, &slot));
    assert_int_equal(jst_tls_tickets_rotate(tickets), 0);
    assert_int_equal(jst_tls_tickets_rotate(tickets), 0);
    assert_true(once(server, client, &slot)); /* two before still open */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(jst_tls_tickets_rotate(tickets), 0);
    }
    assert_false(once(server, client, &slot));
    jst_tls_session_free(&slot);
    jst_tls_server_unref(&server);
    jst_tls_client_unref(&client);
}

/* What another context verified is not believed. */
static void
test_sessions_belong_to_their_client(void **state)
{
    struct jst_tls_server *server = help_server("leaf", tickets);
    struct jst_tls_client *a = help_client("ca", "a.example");
    struct jst_tls_client *b = help_client("ca", "b.example");
    struct jst_tls_session *slot = NULL;
    struct help_end s = {0};
    struct help_end c = {0};

    (void)state;
    assert_false(once(server, a, &slot));
    help_shake(&s, &c, server, b, &slot);
    assert_int_equal(c.why, JOIST_E_CERT);
    help_close(&s);
    help_close(&c);
    jst_tls_session_free(&slot);
    jst_tls_server_unref(&server);
    jst_tls_client_unref(&a);
    jst_tls_client_unref(&b);
}

static void
test_forgotten_place(void **state)
{
    struct jst_tls_server *server = help_server("leaf", tickets);
    struct jst_tls_client *client = help_client("ca", "a.example");
    struct jst_tls_session *slot = NULL;
    struct help_end s = {0};
    struct help_end c = {.hungry = true};
    int fds[2];

    (void)state;
    help_pair(fds, 0);
    help_open_server(&s, fds[0], server);
    help_open_client(&c, fds[1], client, &slot);
    jst_tls_forget_session(&c.conn);
    help_until(&c.connected);
    help_turns(4);
    assert_null(slot);
    help_close(&s);
    help_close(&c);
    jst_tls_server_unref(&server);
    jst_tls_client_unref(&client);
}

/* ---- with a bare client ---- */

struct raw_case {
    struct jst_tls_server *server;
    SSL_SESSION *offered;
    int max_version;
    const char *early; /* 0-RTT data */
    bool end_early;    /* our side shuts its direction before the handshake is over */
    /* results */
    SSL_SESSION *session;
    bool resumed;
    bool early_ok;
    struct help_end s;
    char in[256];
};

static void
run_raw(struct raw_case *k)
{
    SSL_CTX *ctx = help_raw_ctx();
    char byte[8];
    size_t n;
    SSL *ssl;
    int fds[2];

    help_pair(fds, 0);
    if (k->max_version != 0) {
        assert_int_equal(SSL_CTX_set_max_proto_version(ctx, k->max_version), 1);
    }
    ssl = help_raw(ctx, fds[1], "a.example");
    if (k->offered != NULL) {
        assert_int_equal(SSL_set_session(ssl, k->offered), 1);
    }
    k->s = (struct help_end){.hungry = true, .in = k->in, .in_cap = sizeof(k->in)};
    help_open_server(&k->s, fds[0], k->server);
    if (k->early != NULL) {
        assert_int_equal(SSL_write_early_data(ssl, k->early, strlen(k->early), &n), 1);
        help_turns(2); /* before our side finishes */
        k->early_ok = k->s.early_seen;
        if (k->early_ok) {
            assert_int_equal(k->s.connected, 1);
            assert_true(jst_tls_info(&k->s.conn)->early);
            assert_int_equal(k->s.got, strlen(k->early));
            help_say(&k->s, "early answer", 12);
            if (k->end_early) {
                jst_conn_shutdown(&k->s.conn);
            }
            help_turns(2);
        }
    }
    assert_int_equal(help_raw_connect(ssl), 1);
    assert_int_equal(k->s.connected, 1);
    assert_int_equal(SSL_write(ssl, "late", 4), 4);
    help_turns(3);
    assert_memory_equal(k->in + k->s.got - 4, "late", 4);
    assert_false(jst_tls_info(&k->s.conn)->early);
    if (!k->end_early) {
        help_say(&k->s, "end", 3);
    }
    for (int i = 0; i < 10 && k->s.conn.out.bytes > 0; i++) {
        help_turns(1);
    }
    n = 0;
    while (n < (k->end_early ? 12u : k->early_ok ? 15u : 3u)) {
        int got = help_raw_read(ssl, byte, sizeof(byte));

        assert_true(got > 0);
        n += (size_t)got;
    }
    if (k->end_early) { /* close_notify, not a mere FIN */
        assert_int_equal(help_raw_read(ssl, byte, sizeof(byte)), -SSL_ERROR_ZERO_RETURN);
    }
    k->resumed = SSL_session_reused(ssl) == 1;
    assert_int_equal(k->resumed, jst_tls_info(&k->s.conn)->resumed);
    k->session = SSL_get1_session(ssl);
    (void)SSL_shutdown(ssl); /* else the session counts as bad */
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    help_close(&k->s);
    close(fds[1]);
}

static void
test_tickets_of_12(void **state)
{
    struct raw_case k = {.server = help_server("leaf", tickets), .max_version = TLS1_2_VERSION};

    (void)state;
    run_raw(&k);
    assert_false(k.resumed);
    k.offered = k.session;
    run_raw(&k);
    assert_true(k.resumed);
    SSL_SESSION_free(k.offered);
    SSL_SESSION_free(k.session);
    jst_tls_server_unref(&k.server);
}

static struct jst_tls_server *
early_server(void)
{
    struct joist_cert_conf cert = {.cert = help_path("leaf", "pem"),
                                   .key = help_path("leaf", "key")};
    struct joist_tls_conf tls = {
        .certs = &cert, .certs_n = 1, .min_version = 12, .early_data = true};
    struct jst_tls_server_conf conf = {.tls = &tls, .tickets = tickets, .h1 = true};

    return help_server_of(&conf);
}

static void
test_early_data(void **state)
{
    struct jst_tls_server *one = early_server();
    struct raw_case k = {.server = one};
    SSL_SESSION *first;

    (void)state;
    run_raw(&k); /* also a full handshake goes well where early data is on */
    assert_false(k.resumed);
    first = k.session;
    assert_int_equal(SSL_SESSION_get_max_early_data(first), JST_TLS_EARLY_BYTES_MAX);
    k.server = early_server(); /* as after a reload */
    k.offered = first;
    k.early = "GET / HTTP/1.1\r\n\r\n";
    run_raw(&k);
    assert_true(k.resumed && k.early_ok);
    assert_int_equal(k.s.got, strlen(k.early) + 4);
    SSL_SESSION_free(k.session);
    k.end_early = true;
    run_raw(&k);
    assert_true(k.early_ok);
    k.end_early = false;
    SSL_SESSION_free(k.session);
    jst_tls_server_unref(&one);
    one = help_server("leaf", tickets); /* one that takes none: the client sends it again */
    jst_tls_server_unref(&k.server);
    k.server = one;
    run_raw(&k);
    assert_true(k.resumed && !k.early_ok);
    assert_int_equal(k.s.got, 4);
    SSL_SESSION_free(k.session);
    SSL_SESSION_free(first);
    jst_tls_server_unref(&one);
}

/* A session that was made where no certificate is asked for opens no listener that asks. */
static void
test_policies_do_not_mix(void **state)
{
    struct joist_cert_conf cert = {.cert = help_path("leaf", "pem"),
                                   .key = help_path("leaf", "key")};
    struct joist_tls_conf tls = {.certs = &cert,
                                 .certs_n = 1,
                                 .min_version = 12,
                                 .client_auth = JOIST_CLIENT_AUTH_REQUEST,
                                 .client_ca = help_path("ca", "pem")};
    struct jst_tls_server_conf conf = {.tls = &tls, .tickets = tickets, .h1 = true};
    struct raw_case k = {.server = help_server("leaf", tickets)};
    struct jst_tls_server *open = k.server;

    (void)state;
    run_raw(&k);
    k.offered = k.session;
    k.server = help_server_of(&conf);
    run_raw(&k);
    assert_false(k.resumed);
    SSL_SESSION_free(k.offered);
    k.offered = k.session;
    run_raw(&k); /* but its own it takes */
    assert_true(k.resumed);
    SSL_SESSION_free(k.offered);
    SSL_SESSION_free(k.session);
    jst_tls_server_unref(&k.server);
    jst_tls_server_unref(&open);
}

/* ---- ECH ---- */
#ifdef OSSL_ECH_CURRENT_VERSION

static struct jst_tls_server *
ech_server(const char *const *keys, size_t n)
{
    static const char *const inner[] = {"a.example"};
    static const char *const outer[] = {"front.example"};
    struct joist_cert_conf v[] = {
        {.cert = help_path("leaf", "pem"),
         .key = help_path("leaf", "key"),
         .hosts = inner,
         .hosts_n = 1},
        {.cert = help_path("front", "pem"),
         .key = help_path("front", "key"),
         .hosts = outer,
         .hosts_n = 1},
    };
    struct joist_ech_key_conf ech[4];
    struct joist_tls_conf tls = {.min_version = 12, .reject_unknown_sni = true};
    struct jst_tls_server_conf conf = {
        .tls = &tls, .tickets = tickets, .h1 = true, .ech_keys = ech, .ech_keys_n = n};
    struct jst_tls_server *s;

    for (size_t i = 0; i < n; i++) {
        ech[i] = (struct joist_ech_key_conf){.path = help_path(keys[i], "ech"), .retry = i == 0};
    }
    assert_int_equal(jst_tls_certs_create(&conf.certs, v, 2, time(NULL), NULL), 0);
    s = help_server_of(&conf);
    jst_tls_certs_unref(&conf.certs);
    return s;
}

struct ech_case {
    struct jst_tls_server *server;
    const unsigned char *list; /* NULL: GREASE */
    size_t list_n;
    int connected;
    int status;
    size_t retry_n;
    struct help_end s;
    char sni[64];
    bool ech;
    bool ech_failed;
};

static void
run_ech(struct ech_case *k)
{
    SSL_CTX *ctx = help_raw_ctx();
    unsigned char *retry = NULL;
    char *inner = NULL;
    char *outer = NULL;
    char byte[4];
    SSL *ssl;
    int fds[2];

    help_pair(fds, 0);
    ssl = help_raw(ctx, fds[1], "a.example");
    if (k->list != NULL) {
        assert_int_equal(SSL_set1_ech_config_list(ssl, k->list, k->list_n), 1);
    } else {
        (void)SSL_set_options(ssl, SSL_OP_ECH_GREASE);
    }
    k->s = (struct help_end){.hungry = true};
    k->ech = k->ech_failed = false;
    k->sni[0] = '\0';
    help_open_server(&k->s, fds[0], k->server);
    k->connected = help_raw_connect(ssl);
    (void)help_raw_read(ssl, byte, sizeof(byte));
    k->status = SSL_ech_get1_status(ssl, &inner, &outer);
    if (SSL_ech_get1_retry_config(ssl, &retry, &k->retry_n) != 1) {
        k->retry_n = 0;
    }
    if (k->s.connected) {
        const struct jst_tls_info *info = jst_tls_info(&k->s.conn);

        (void)snprintf(k->sni, sizeof(k->sni), "%.*s", JST_PRI(info->sni));
        k->ech = info->ech;
        k->ech_failed = info->ech_failed;
    }
    OPENSSL_free(retry);
    OPENSSL_free(inner);
    OPENSSL_free(outer);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    help_close(&k->s);
    close(fds[1]);
}

static void
test_ech(void **state)
{
    static const char *const keys[] = {"new", "old"};
    unsigned char fresh[1024];
    unsigned char before[1024];
    unsigned char strange[1024];
    size_t fresh_n = help_make_ech("new", "front.example", fresh, sizeof(fresh));
    size_t before_n = help_make_ech("old", "front.example", before, sizeof(before));
    size_t strange_n = help_make_ech("strange", "front.example", strange, sizeof(strange));
    struct ech_case k = {.server = ech_server(keys, 2)};

    (void)state;
    k.list = fresh;
    k.list_n = fresh_n;
    run_ech(&k);
    assert_int_equal(k.connected, 1);
    assert_true(k.ech && !k.ech_failed);
    assert_string_equal(k.sni, "a.example");
    k.list = before; /* rotated away, still opened */
    k.list_n = before_n;
    run_ech(&k);
    assert_int_equal(k.connected, 1);
    assert_true(k.ech);
    assert_string_equal(k.sni, "a.example");
    k.list = strange;
    k.list_n = strange_n;
    run_ech(&k);
    assert_int_not_equal(k.status, SSL_ECH_STATUS_SUCCESS);
    assert_int_equal(k.retry_n, fresh_n); /* only what is offered for retry */
    assert_false(k.ech);
    assert_string_not_equal(k.sni, "a.example");
    k.list = NULL;
    run_ech(&k);
    assert_int_equal(k.connected, 1);
    assert_false(k.ech);
    assert_true(k.ech_failed);
    assert_string_equal(k.sni, "a.example"); /* in clear: there was no other name */
    jst_tls_server_unref(&k.server);
}

static void
test_wrong_ech_files(void **state)
{
    struct joist_cert_conf cert = {.cert = help_path("leaf", "pem"),
                                   .key = help_path("leaf", "key")};
    struct joist_ech_key_conf ech = {
        .path = help_path("missing", "ech"), .retry = true, .pos = {"joist.toml", 5, 1}};
    struct joist_tls_conf tls = {.certs = &cert, .certs_n = 1, .min_version = 12};
    struct jst_tls_server_conf conf = {.tls = &tls, .h1 = true, .ech_keys = &ech, .ech_keys_n = 1};
    struct jst_tls_server *s = NULL;
    struct help_report r;

    (void)state;
    help_report_init(&r);
    assert_int_equal(jst_tls_server_create(&s, &conf, &r.r), JOIST_E_INVAL);
    assert_int_equal(r.line, 5);
    ech.path = help_path("leaf", "key"); /* a key, but no configuration */
    help_report_init(&r);
    assert_int_equal(jst_tls_server_create(&s, &conf, &r.r), JOIST_E_INVAL);
    assert_non_null(strstr(r.text, "ECHCONFIG"));
    (void)help_make_ech("lone", "front.example", NULL, 0);
    ech.path = help_path("lone", "ech");
    ech.retry = false;
    help_report_init(&r);
    assert_int_equal(jst_tls_server_create(&s, &conf, &r.r), JOIST_E_INVAL);
    assert_non_null(strstr(r.text, "retry"));
}

#endif

static int
begin(void **state)
{
    int rc = help_begin(state);

    if (rc == 0) {
        help_make_ca("ca");
        help_make_leaf("leaf", "DNS:a.example", "ca");
        help_make_leaf("front", "DNS:front.example", "ca");
        rc = jst_tls_tickets_create(&tickets);
    }
    return rc;
}

static int
finish(void **state)
{
    jst_tls_tickets_destroy(&tickets);
    jst_tls_tickets_destroy(&tickets); /* harmless */
    return help_finish(state);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_across_servers),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_sessions_belong_to_their_client),
        cmocka_unit_test(test_forgotten_place),
        cmocka_unit_test(test_tickets_of_12),
        cmocka_unit_test(test_early_data),
        cmocka_unit_test(test_policies_do_not_mix),
#ifdef OSSL_ECH_CURRENT_VERSION
        cmocka_unit_test(test_ech),
        cmocka_unit_test(test_wrong_ech_files),
#endif
    };

    return cmocka_run_group_tests_name("wire/tls_resume", tests, begin, finish);
}
