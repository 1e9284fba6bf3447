// SPDX-License-Identifier: MIT
/*
 * HTTPS through the public API: certificates by name, what routes and logs see, what is refused.
 */
#include "secure.h"

#include <joist/cert.h>
#include <stdio.h>
#include <unistd.h>

static struct setup s;
static struct secure t;
static struct secure_client c;
static struct client plain;
static struct reply r;

/* Two sites with a certificate each; the first is the default. */
static void
begin(void)
{
    setup_init(&s, 1);
    secure_init(&t, &s);
    secure_cert(&t, &s, "a.test", keys_make(&t.keys, "a.test", "also.test"));
    secure_cert(&t, &s, "b.test", keys_make(&t.keys, "b.test", NULL));
    setup_respond(&s, "/", "hello");
}

static void
end(struct joist_engine **e)
{
    secure_close(&c);
    joist_engine_destroy(e);
    secure_fini(&t);
}

static int
ask(const struct joist_engine *e, const char *sni)
{
    return secure_connect(&c, joist_engine_port(e, 0), &(struct secure_ask){.sni = sni});
}

static void
test_a_request(void **state)
{
    struct joist_stats stats;
    struct joist_engine *e;

    (void)state;
    begin();
    e = setup_start(&s);
    assert_int_equal(ask(e, "a.test"), 0);
    assert_string_equal(c.subject, "/CN=a.test");
    assert_string_equal(SSL_get_version(c.ssl), "TLSv1.3");
    secure_get(&c, &r, "a.test", "/", "");
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "hello");
    secure_get(&c, &r, "a.test", "/", ""); /* kept alive */
    assert_int_equal(r.status, 200);
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.tls_handshakes, 1);
    assert_int_equal(stats.tls_failures, 0);
    assert_int_equal(stats.requests, 2);
    assert_int_equal(stats.conns_open, 1);
    end(&e);
}

static void
test_certificates_by_name(void **state)
{
    static const struct {
        const char *sni;
        const char *subject;
    } cases[] = {
        {"a.test", "/CN=a.test"}, {"b.test", "/CN=b.test"}, {"B.Test", "/CN=b.test"},
        {"c.test", "/CN=a.test"}, {NULL, "/CN=a.test"},
    };
    struct joist_stats stats;
    struct joist_engine *e;

    (void)state;
    begin();
    e = setup_start(&s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ask(e, cases[i].sni), 0);
        assert_string_equal(c.subject, cases[i].subject);
        secure_close(&c);
    }
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.tls_unknown_sni, 1);
    end(&e);
}

/* RFC 9110 7.4: the default's names may share a connection, another certificate's may not. */
static void
test_misdirected(void **state)
{
    static const struct {
        const char *sni;
        const char *host;
        int status;
    } cases[] = {
        {"a.test", "a.test", 200},       {"a.test", "A.TEST:443", 200}, {"a.test", "b.test", 421},
        {"b.test", "a.test", 421},       {"b.test", "b.test", 200},     {"a.test", "c.test", 200},
        {"b.test", "c.test", 421},       {"b.test", "127.0.0.1", 421},  {NULL, "b.test", 200},
        {"c.test", "unknown.test", 200},
    };
    struct joist_stats stats;
    struct joist_engine *e;
    unsigned misdirected = 0;

    (void)state;
    begin();
    s.conf.debug = true;
    e = setup_start(&s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ask(e, cases[i].sni), 0);
        secure_get(&c, &r, cases[i].host, "/", "");
        if (r.status != cases[i].status) {
            fail_msg("%s on a connection to %s: %d", cases[i].host, cases[i].sni, r.status);
        }
        misdirected += r.status == 421;
        assert_int_equal(strstr(r.head, "\r\nX-Joist-Error: ") != NULL, r.status == 421);
        secure_close(&c);
    }
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.misdirected, misdirected);
    end(&e);
}

/* Everything that asks for another certificate is told so, and the connection stays usable. */
static void
test_misdirected_keeps_the_connection(void **state)
{
    struct joist_engine *e;

    (void)state;
    begin();
    e = setup_start(&s);
    assert_int_equal(ask(e, "a.test"), 0);
    secure_get(&c, &r, "b.test", "/", "");
    assert_int_equal(r.status, 421);
    assert_null(strstr(r.head, "X-Joist-Error"));
    secure_get(&c, &r, "a.test", "/", "");
    assert_int_equal(r.status, 200);
    end(&e);
}

static void
test_unknown_name_is_refused_if_so_wished(void **state)
{
    struct joist_stats stats;
    struct joist_engine *e;

    (void)state;
    begin();
    t.tls.reject_unknown_sni = true;
    e = setup_start(&s);
    assert_int_equal(ask(e, "c.test"), -1);
    secure_close(&c);
    assert_int_equal(ask(e, "b.test"), 0);
    secure_get(&c, &r, "b.test", "/", ""); /* now the server, too, has finished */
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.tls_failures, 1);
    assert_int_equal(stats.tls_handshakes, 1);
    end(&e);
}

/* ---- logs ---- */

struct record {
    unsigned n;
    char texts[1024];
};

static void
on_access(void *ctx, const struct joist_access *a, bool more)
{
    struct record *to = ctx;
#define TEXT(x) (int)a->x.n, a->x.n > 0 ? a->x.p : ""

    (void)more;
    to->n++;
    (void)snprintf(to->texts, sizeof(to->texts), "%d%d%d%d %.*s %.*s %.*s %.*s %.*s %.*s %.*s",
                   a->tls, a->tls_resumed, a->tls_ech, a->early_data, TEXT(proto), TEXT(scheme),
                   TEXT(tls_version), TEXT(tls_cipher), TEXT(tls_group), TEXT(tls_sni),
                   TEXT(client_subject));
#undef TEXT
}

static void
test_the_record_tells_of_tls(void **state)
{
    struct record record = {0};
    struct joist_engine *e;

    (void)state;
    begin();
    s.conf.log = (struct joist_log_conf){.on_access = on_access, .ctx = &record};
    e = setup_start(&s);
    assert_int_equal(ask(e, "A.test"), 0);
    secure_get(&c, &r, "a.test", "/", "");
    end(&e);
    assert_int_equal(record.n, 1);
    assert_string_equal(
        record.texts, "1000 HTTP/1.1 https TLSv1.3 TLS_AES_256_GCM_SHA384 X25519MLKEM768 a.test ");
}

/* ---- header fields ---- */

static void
test_hsts_over_tls_alone(void **state)
{
    static const struct joist_pair own = {"Strict-Transport-Security", "max-age=5"};
    struct joist_engine *e;

    (void)state;
    begin();
    s.listeners[1] = (struct joist_listener_conf){.bind = "127.0.0.1:0", .h1 = true};
    s.conf.listeners_n = 2;
    s.routes[0].hsts_s = 31536000;
    setup_respond(&s, "/own", "own");
    s.routes[1].hsts_s = 31536000;
    s.routes[1].response_headers = &own;
    s.routes[1].response_headers_n = 1;
    e = setup_start(&s);
    assert_int_equal(ask(e, "a.test"), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_non_null(strstr(r.head, "\r\nStrict-Transport-Security: max-age=31536000\r\n"));
    secure_get(&c, &r, "a.test", "/own", "");
    assert_non_null(strstr(r.head, "\r\nStrict-Transport-Security: max-age=5\r\n"));
    assert_null(strstr(r.head, "31536000"));
    assert_int_equal(client_connect(&plain, joist_engine_port(e, 1)), 0);
    client_get(&plain, &r, "/");
    assert_int_equal(r.status, 200);
    assert_null(strstr(r.head, "Strict-Transport-Security"));
    client_close(&plain);
    end(&e);
}

/* ---- connections ---- */

/* Who never finishes the handshake is a connection all the same. */
static void
test_a_handshake_counts_as_connection(void **state)
{
    struct joist_engine *e;

    (void)state;
    begin();
    s.conf.limits.conns_per_ip = 1;
    e = setup_start(&s);
    assert_int_equal(client_connect(&plain, joist_engine_port(e, 0)), 0);
    assert_int_equal(ask(e, "a.test"), -1); /* in one queue, behind the silent one */
    client_close(&plain);
    end(&e);
}

static void
test_a_drain_ends_handshakes(void **state)
{
    struct joist_engine *e;

    (void)state;
    begin();
    e = setup_start(&s);
    assert_int_equal(client_connect(&plain, joist_engine_port(e, 0)), 0);
    assert_int_equal(ask(e, "a.test"), 0); /* so the silent one was accepted */
    assert_int_equal(joist_engine_drain(e, 60000), 0);
    assert_int_equal(joist_engine_wait(e, 20000), 0);
    assert_int_equal(client_is_ended(&plain), 1);
    client_close(&plain);
    end(&e);
}

/* Bytes that are no TLS cost their connection, and nobody else anything. */
static void
test_garbage(void **state)
{
    struct joist_stats stats;
    struct joist_engine *e;

    (void)state;
    begin();
    e = setup_start(&s);
    assert_int_equal(client_connect(&plain, joist_engine_port(e, 0)), 0);
    client_send(&plain, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_int_equal(client_is_ended(&plain), 1);
    client_close(&plain);
    assert_int_equal(ask(e, "a.test"), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_int_equal(r.status, 200);
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.tls_failures, 1);
    assert_int_equal(stats.conns_open, 1);
    end(&e);
}

/* GREASE looks like a key of before: it gets retry keys, and the name in clear text counts. */
static void
test_grease_is_counted(void **state)
{
    struct joist_ech_key_conf key = {.retry = true};
    struct joist_stats stats;
    struct joist_engine *e;
    char path[128];

    (void)state;
    if (joist_tls_missing()[0] != '\0') {
        skip();
    }
    begin();
    (void)snprintf(path, sizeof(path), "%s/ech.pem", t.keys.dir);
    assert_int_equal(joist_ech_create(path, "public.test", NULL), 0);
    key.path = path;
    s.conf.ech_keys = &key;
    s.conf.ech_keys_n = 1;
    e = setup_start(&s);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(secure_connect(&c, joist_engine_port(e, 0),
                                    &(struct secure_ask){.sni = "b.test", .grease = true}),
                     0);
    assert_string_equal(c.subject, "/CN=b.test");
    secure_get(&c, &r, "b.test", "/", ""); /* by then the server has counted */
    assert_int_equal(r.status, 200);
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.tls_ech_retries, 1);
    assert_int_equal(stats.tls_ech, 0);
    end(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request),
        cmocka_unit_test(test_certificates_by_name),
        cmocka_unit_test(test_misdirected),
        cmocka_unit_test(test_misdirected_keeps_the_connection),
        cmocka_unit_test(test_unknown_name_is_refused_if_so_wished),
        cmocka_unit_test(test_the_record_tells_of_tls),
        cmocka_unit_test(test_hsts_over_tls_alone),
        cmocka_unit_test(test_a_handshake_counts_as_connection),
        cmocka_unit_test(test_a_drain_ends_handshakes),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_grease_is_counted),
    };

    return cmocka_run_group_tests_name("engine/tls", tests, NULL, NULL);
}
