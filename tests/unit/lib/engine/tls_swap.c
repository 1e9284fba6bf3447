// SPDX-License-Identifier: MIT
/*
 * Certificates and settings of TLS change under open connections; what is wrong changes nothing.
 */
#include "secure.h"

#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>

static struct setup s;
static struct secure t;
static struct secure_client c;
static struct secure_client other;
static struct client plain;
static struct reply r;

static void
begin(void)
{
    setup_init(&s, 1);
    secure_init(&t, &s);
    (void)keys_make(&t.keys, "a.test", "first.test");
    (void)keys_make(&t.keys, "a.test", "second.test");
    secure_cert(&t, &s, "a.test", 0);
    setup_respond(&s, "/", "first");
}

/* The same listener, with the certificate of that number. */
static void
next(unsigned cert, const char *body)
{
    setup_init(&s, 1);
    secure_use(&t, &s);
    secure_cert(&t, &s, "a.test", cert);
    setup_respond(&s, "/", body);
}

static int
swap(struct joist_engine *e)
{
    return joist_engine_swap(e, &s.conf, reports_take, &s.reports);
}

static int
ask(struct secure_client *to, const struct joist_engine *e, SSL_SESSION *session)
{
    return secure_connect(to, joist_engine_port(e, 0),
                          &(struct secure_ask){.sni = "a.test", .session = session});
}

/* Which of the two certificates came? By the second name in it. */
static void
assert_cert(const struct secure_client *of, const char *name)
{
    X509 *cert = SSL_get1_peer_certificate(of->ssl);

    assert_non_null(cert);
    assert_int_equal(X509_check_host(cert, name, 0, 0, NULL), 1);
    X509_free(cert);
}

static void
test_a_new_certificate(void **state)
{
    struct joist_engine *e;

    (void)state;
    begin();
    e = setup_start(&s);
    assert_int_equal(ask(&c, e, NULL), 0);
    assert_cert(&c, "first.test");
    next(1, "second");
    assert_int_equal(swap(e), 0);
    assert_int_equal(ask(&other, e, NULL), 0);
    assert_cert(&other, "second.test");
    secure_get(&other, &r, "a.test", "/", "");
    assert_string_equal(r.body, "second");
    secure_get(&c, &r, "a.test", "/", ""); /* the old connection, the new routes */
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "second");
    secure_close(&c);
    secure_close(&other);
    joist_engine_destroy(&e);
    secure_fini(&t);
}

/* A handshake that began before the swap ends with what it began with. */
static void
test_a_swap_during_a_handshake(void **state)
{
    struct joist_stats stats = {0};
    struct joist_engine *e;

    (void)state;
    begin();
    e = setup_start(&s);
    assert_int_equal(client_connect(&plain, joist_engine_port(e, 0)), 0);
    for (int i = 0; i < 2000 && stats.conns_accepted == 0; i++) {
        (void)poll(NULL, 0, 5);
        joist_engine_stats(e, &stats);
    }
    assert_int_equal(stats.conns_accepted, 1);
    next(1, "second");
    assert_int_equal(swap(e), 0);
    secure_adopt(&c, &plain, "a.test");
    assert_cert(&c, "first.test");
    secure_get(&c, &r, "a.test", "/", "");
    assert_string_equal(r.body, "second");
    secure_close(&c);
    joist_engine_destroy(&e);
    secure_fini(&t);
}

static void
test_sessions_resume_across_a_swap(void **state)
{
    struct joist_stats stats;
    struct joist_engine *e;

    (void)state;
    begin();
    e = setup_start(&s);
    assert_int_equal(ask(&c, e, NULL), 0);
    assert_int_equal(SSL_session_reused(c.ssl), 0);
    secure_get(&c, &r, "a.test", "/", ""); /* tickets come with it */
    assert_non_null(c.session);
    next(0, "second");
    assert_int_equal(swap(e), 0);
    assert_int_equal(ask(&other, e, c.session), 0);
    assert_int_equal(SSL_session_reused(other.ssl), 1);
    secure_get(&other, &r, "a.test", "/", "");
    assert_string_equal(r.body, "second");
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.tls_handshakes, 2);
    assert_int_equal(stats.tls_resumed, 1);
    secure_close(&c);
    secure_close(&other);
    joist_engine_destroy(&e);
    secure_fini(&t);
}

/* Client certificates are asked for from now on: who came without is not served any more. */
static void
test_a_new_demand_for_client_certificates(void **state)
{
    struct joist_engine *e;

    (void)state;
    begin();
    e = setup_start(&s);
    assert_int_equal(ask(&c, e, NULL), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_string_equal(r.body, "first");
    next(0, "second");
    t.tls.client_auth = JOIST_CLIENT_AUTH_REQUIRE;
    t.tls.client_ca = t.keys.cert[0];
    assert_int_equal(swap(e), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_int_equal(r.status, 421);
    secure_close(&c);
    joist_engine_destroy(&e);
    secure_fini(&t);
}

static void
test_a_bad_certificate_changes_nothing(void **state)
{
    struct joist_engine *e;

    (void)state;
    begin();
    (void)keys_make_text(&t.keys, "no certificate at all\n");
    e = setup_start(&s);
    next(0, "second");
    t.certs[0].key = t.keys.key[1]; /* of the other */
    t.certs[0].key_pos = (struct joist_pos){"joist.toml", 12, 7};
    assert_int_equal(swap(e), JOIST_E_INVAL);
    assert_int_equal(s.reports.errors, 1);
    assert_non_null(strstr(s.reports.text, "12:7 "));
    next(2, "second");
    assert_int_equal(swap(e), JOIST_E_INVAL);
    assert_non_null(strstr(s.reports.text, "a.test"));
    next(0, "second");
    t.certs[0].cert = "/nowhere/cert.pem";
    assert_int_equal(swap(e), JOIST_E_INVAL);
    assert_non_null(strstr(s.reports.text, "/nowhere/cert.pem"));

    assert_int_equal(joist_engine_state(e), JOIST_STATE_RUNNING);
    assert_int_equal(ask(&c, e, NULL), 0);
    assert_cert(&c, "first.test");
    secure_get(&c, &r, "a.test", "/", "");
    assert_string_equal(r.body, "first");
    secure_close(&c);
    joist_engine_destroy(&e);
    secure_fini(&t);
}

/* One that is wrong from the start is told at once, with all others. */
static void
test_bad_certificates_at_create(void **state)
{
    struct joist_engine *e = NULL;

    (void)state;
    begin();
    secure_cert(&t, &s, "b.test", keys_make_text(&t.keys, "nothing\n"));
    secure_cert(&t, &s, "c.test", 0);
    t.certs[2].cert = "/nowhere/cert.pem";
    s.routes[0].handler.respond.status = 99;
    assert_int_equal(joist_engine_create(&e, &s.conf, reports_take, &s.reports), JOIST_E_INVAL);
    assert_null(e);
    assert_int_equal(s.reports.errors, 3);
    assert_non_null(strstr(s.reports.text, "b.test"));
    assert_non_null(strstr(s.reports.text, "c.test"));
    secure_fini(&t);
}

/* The same is told by who only asks. */
static void
test_bad_certificates_at_check(void **state)
{
    (void)state;
    begin();
    secure_cert(&t, &s, "b.test", keys_make_text(&t.keys, "nothing\n"));
    assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), JOIST_E_INVAL);
    assert_int_equal(s.reports.errors, 1);
    next(0, "first");
    assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), 0);
    assert_int_equal(s.reports.errors, 0);
    secure_fini(&t);
}

/* A warning is no error, names the site, and is given once. */
static void
test_a_name_that_is_not_covered(void **state)
{
    struct joist_engine *e;

    (void)state;
    begin();
    secure_cert(&t, &s, "z.test", 1);
    t.certs[1].site = "the shop";
    e = setup_start(&s);
    assert_int_equal(s.reports.errors, 0);
    assert_int_equal(s.reports.warnings, 1);
    assert_non_null(strstr(s.reports.text, "the shop"));
    assert_non_null(strstr(s.reports.text, "z.test"));
    joist_engine_destroy(&e);
    secure_fini(&t);
}

/* A listener may begin and cease to speak TLS; its socket stays. */
static void
test_from_plain_to_tls_and_back(void **state)
{
    struct joist_engine *e;

    (void)state;
    begin();
    s.listeners[0].tls = NULL;
    e = setup_start(&s);
    assert_int_equal(client_connect(&plain, joist_engine_port(e, 0)), 0);
    client_get(&plain, &r, "/");
    assert_string_equal(r.body, "first");
    next(0, "second");
    assert_int_equal(swap(e), 0);
    assert_int_equal(ask(&c, e, NULL), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_string_equal(r.body, "second");
    client_get(&plain, &r, "/"); /* what was open goes on as it began */
    assert_string_equal(r.body, "second");
    client_close(&plain);

    next(0, "third");
    s.listeners[0].tls = NULL;
    assert_int_equal(swap(e), 0);
    assert_int_equal(client_connect(&plain, joist_engine_port(e, 0)), 0);
    client_get(&plain, &r, "/");
    assert_string_equal(r.body, "third");
    secure_get(&c, &r, "a.test", "/", "");
    assert_string_equal(r.body, "third");
    secure_get(&c, &r, "b.test", "/", ""); /* no certificate could vouch for it */
    assert_int_equal(r.status, 421);
    client_close(&plain);
    secure_close(&c);
    joist_engine_destroy(&e);
    secure_fini(&t);
}

/* ---- under traffic ---- */

#define CLIENTS 3
#define SWAPS   60

struct traffic {
    pthread_t thread;
    const struct joist_engine *e;
    int stop; /* atomic */
    unsigned handshakes;
    unsigned resumed;
    char wrong[128];
};

/* Connections, every other one with the session of the one before. */
static void *
run_traffic(void *arg)
{
    static _Thread_local struct secure_client own;
    static _Thread_local struct reply reply;
    struct traffic *to = arg;
    SSL_SESSION *session = NULL;

    while (!__atomic_load_n(&to->stop, __ATOMIC_RELAXED) && to->wrong[0] == '\0') {
        SSL_SESSION *kept;

        reply.status = 0;
        if (ask(&own, to->e, session) == 0) {
            to->handshakes++;
            to->resumed += SSL_session_reused(own.ssl) == 1;
            secure_get(&own, &reply, "a.test", "/", "");
        }
        if (reply.status != 200) {
            (void)snprintf(to->wrong, sizeof(to->wrong), "status %d", reply.status);
        }
        kept = to->handshakes % 2 == 1 && own.session != NULL ? own.session : NULL;
        if (kept != NULL) {
            SSL_SESSION_up_ref(kept);
        }
        SSL_SESSION_free(session);
        session = kept;
        secure_close(&own);
    }
    SSL_SESSION_free(session);
    return NULL;
}

/* Certificates and tickets are shared by reactors that change at different moments. */
static void
test_swaps_under_traffic(void **state)
{
    static struct traffic v[CLIENTS];
    struct joist_stats stats;
    struct joist_engine *e;
    unsigned handshakes = 0;
    unsigned resumed = 0;

    (void)state;
    begin();
    s.conf.threads = 2;
    e = setup_start(&s);
    for (size_t i = 0; i < CLIENTS; i++) {
        v[i] = (struct traffic){.e = e};
        assert_int_equal(pthread_create(&v[i].thread, NULL, run_traffic, &v[i]), 0);
    }
    for (unsigned i = 0; i < SWAPS; i++) {
        next(i % 2, "hello");
        s.conf.threads = 2;
        assert_int_equal(swap(e), 0);
        (void)poll(NULL, 0, 2); /* let some handshakes pass: what is tested is their mixing */
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        __atomic_store_n(&v[i].stop, 1, __ATOMIC_RELAXED);
        pthread_join(v[i].thread, NULL);
        assert_string_equal(v[i].wrong, "");
        assert_true(v[i].handshakes > 0);
        handshakes += v[i].handshakes;
        resumed += v[i].resumed;
    }
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.tls_handshakes, handshakes);
    assert_int_equal(stats.tls_resumed, resumed);
    assert_int_equal(stats.tls_failures, 0);
    joist_engine_destroy(&e);
    secure_fini(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_certificate),
        cmocka_unit_test(test_a_swap_during_a_handshake),
        cmocka_unit_test(test_sessions_resume_across_a_swap),
        cmocka_unit_test(test_a_new_demand_for_client_certificates),
        cmocka_unit_test(test_a_bad_certificate_changes_nothing),
        cmocka_unit_test(test_bad_certificates_at_create),
        cmocka_unit_test(test_bad_certificates_at_check),
        cmocka_unit_test(test_a_name_that_is_not_covered),
        cmocka_unit_test(test_from_plain_to_tls_and_back),
        cmocka_unit_test(test_swaps_under_traffic),
    };

    return cmocka_run_group_tests_name("engine/tls_swap", tests, NULL, NULL);
}
