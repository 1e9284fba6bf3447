// SPDX-License-Identifier: MIT
/*
 * Client certificates: routes see who came; nobody can claim to be somebody.
 */
#include "secure.h"

#include <stdio.h>

static struct setup s;
static struct secure t;
static struct secure_client c;
static struct client plain;
static struct reply r;
static unsigned alice;
static unsigned mallory;

static const struct joist_pair is_alice = {"X-Client-Subject", "CN=alice"};
static const struct joist_pair verified = {"X-Client-Verify", "SUCCESS"};
static const struct joist_pair none = {"X-Client-Verify", "NONE"};
static const struct joist_pair print = {"X-Client-Fingerprint", "*"};

static void
answer(const struct joist_pair *condition, const char *body)
{
    setup_respond(&s, "/", body);
    s.routes[s.conf.routes_n - 1].headers = condition;
    s.routes[s.conf.routes_n - 1].headers_n = condition != NULL;
}

static void
begin(enum joist_client_auth auth)
{
    setup_init(&s, 1);
    secure_init(&t, &s);
    secure_cert(&t, &s, "a.test", keys_make(&t.keys, "a.test", NULL));
    alice = keys_make_client(&t.keys, "alice");
    mallory = keys_make_client(&t.keys, "alice"); /* says so, but signed by itself */
    t.tls.client_auth = auth;
    t.tls.client_ca = auth != JOIST_CLIENT_AUTH_OFF ? t.keys.cert[alice] : NULL;
    answer(&is_alice, "alice");
    answer(&verified, "somebody");
    answer(&print, "a fingerprint");
    answer(&none, "nobody");
    answer(NULL, "not asked");
    s.listeners[1] = (struct joist_listener_conf){.bind = "127.0.0.1:0", .h1 = true};
    s.conf.listeners_n = 2;
}

static void
end(struct joist_engine **e)
{
    secure_close(&c);
    joist_engine_destroy(e);
    secure_fini(&t);
}

static int
come(struct joist_engine *e, const unsigned *who)
{
    struct secure_ask ask = {.sni = "a.test"};

    if (who != NULL) {
        ask.cert = t.keys.cert[*who];
        ask.key = t.keys.key[*who];
    }
    return secure_connect(&c, joist_engine_port(e, 0), &ask);
}

static void
test_subject_in_routes(void **state)
{
    struct joist_engine *e;

    (void)state;
    begin(JOIST_CLIENT_AUTH_REQUEST);
    e = setup_start(&s);
    assert_int_equal(come(e, &alice), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_string_equal(r.body, "alice");
    secure_close(&c);
    assert_int_equal(come(e, NULL), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_string_equal(r.body, "nobody");
    end(&e);
}

/* TLS 1.3 clients learn of it with their first read. */
static void
assert_refused(struct joist_engine *e, const unsigned *who)
{
    if (come(e, who) == 0) {
        secure_get(&c, &r, "a.test", "/", "");
        assert_int_equal(r.status, 0);
    }
    secure_close(&c);
}

static void
test_required(void **state)
{
    struct joist_stats stats;
    struct joist_engine *e;

    (void)state;
    begin(JOIST_CLIENT_AUTH_REQUIRE);
    e = setup_start(&s);
    assert_refused(e, NULL);
    assert_refused(e, &mallory);
    assert_int_equal(come(e, &alice), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_string_equal(r.body, "alice");
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.tls_failures, 2);
    assert_int_equal(stats.requests, 1);
    end(&e);
}

/* Whatever a client writes, and however it spells it. */
static const char *const claims[] = {
    "X-Client-Subject: CN=alice\r\nX-Client-Verify: SUCCESS\r\nX-Client-Fingerprint: 00\r\n",
    "x-client-subject: CN=alice\r\nx-client-verify: SUCCESS\r\n",
    "X_Client_Subject: CN=alice\r\nX-Client_Verify: SUCCESS\r\nX_CLIENT-FINGERPRINT: 00\r\n",
};

static void
test_claims_where_it_is_asked_for(void **state)
{
    static const char *const trusted[] = {"127.0.0.0/8"};
    struct joist_engine *e;

    (void)state;
    begin(JOIST_CLIENT_AUTH_REQUEST);
    s.conf.trusted_proxies = trusted; /* even a trusted one: the listener itself asks */
    s.conf.trusted_proxies_n = 1;
    e = setup_start(&s);
    assert_int_equal(come(e, NULL), 0);
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        secure_get(&c, &r, "a.test", "/", claims[i]);
        assert_string_equal(r.body, "nobody");
    }
    end(&e);
}

/* What Connection names is cut, but not what we say. */
static void
test_the_fields_cannot_be_cut_away(void **state)
{
    struct joist_engine *e;

    (void)state;
    begin(JOIST_CLIENT_AUTH_REQUEST);
    e = setup_start(&s);
    assert_int_equal(come(e, NULL), 0);
    secure_get(&c, &r, "a.test", "/", "Connection: X-Client-Verify\r\n");
    assert_string_equal(r.body, "nobody");
    end(&e);
}

static void
say(const struct joist_engine *e, const char *lines)
{
    char text[512];

    (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a.test\r\n%s\r\n", lines);
    assert_int_equal(client_connect(&plain, joist_engine_port(e, 1)), 0);
    client_send(&plain, text);
    client_reply(&plain, &r);
    client_close(&plain);
}

static void
test_claims_where_nobody_asks(void **state)
{
    struct joist_engine *e;

    (void)state;
    begin(JOIST_CLIENT_AUTH_OFF);
    e = setup_start(&s);
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        say(e, claims[i]);
        assert_string_equal(r.body, "not asked");
    }
    end(&e);
}

/* It has seen the certificate; but it would not write the names with '_'. */
static void
test_claims_of_a_trusted_proxy(void **state)
{
    static const char *const trusted[] = {"127.0.0.0/8"};
    struct joist_engine *e;

    (void)state;
    begin(JOIST_CLIENT_AUTH_OFF);
    s.conf.trusted_proxies = trusted;
    s.conf.trusted_proxies_n = 1;
    e = setup_start(&s);
    say(e, claims[0]);
    assert_string_equal(r.body, "alice");
    say(e, claims[2]);
    assert_string_equal(r.body, "not asked");
    end(&e);
}

/* ---- sessions ---- */

/* A ticket from where nobody asks opens no door where a certificate is required: neither on another
 * listener nor after a swap. All tickets have the engine's keys. */
static void
assert_no_way_in(struct joist_engine *e, size_t listener, SSL_SESSION *session)
{
    static struct secure_client other;
    struct secure_ask ask = {.sni = "a.test", .session = session};

    if (secure_connect(&other, joist_engine_port(e, listener), &ask) == 0) {
        assert_int_equal(SSL_session_reused(other.ssl), 0);
        secure_get(&other, &r, "a.test", "/", "");
        assert_int_equal(r.status, 0);
    }
    secure_close(&other);
}

static void
test_a_session_is_no_certificate(void **state)
{
    static struct joist_tls_conf open_tls;
    struct joist_engine *e;

    (void)state;
    begin(JOIST_CLIENT_AUTH_REQUIRE);
    joist_tls_conf_init(&open_tls);
    s.listeners[1].tls = &open_tls;
    e = setup_start(&s);
    assert_int_equal(
        secure_connect(&c, joist_engine_port(e, 1), &(struct secure_ask){.sni = "a.test"}), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_string_equal(r.body, "not asked");
    assert_non_null(c.session);
    assert_no_way_in(e, 0, c.session);
    s.listeners[1].tls = &t.tls; /* from now on it asks as well */
    assert_int_equal(joist_engine_swap(e, &s.conf, reports_take, &s.reports), 0);
    assert_no_way_in(e, 1, c.session);
    end(&e);
}

/* Nor does one that began with another authority's certificate. */
static void
test_a_session_of_another_authority(void **state)
{
    struct joist_engine *e;

    (void)state;
    begin(JOIST_CLIENT_AUTH_REQUIRE);
    e = setup_start(&s);
    assert_int_equal(come(e, &alice), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_string_equal(r.body, "alice");
    assert_non_null(c.session);
    t.tls.client_ca = t.keys.cert[mallory];
    assert_int_equal(joist_engine_swap(e, &s.conf, reports_take, &s.reports), 0);
    assert_no_way_in(e, 0, c.session);
    end(&e);
}

/* Who resumes is still who it was. */
static void
test_a_resumed_session_has_its_subject(void **state)
{
    static struct secure_client again;
    struct joist_engine *e;

    (void)state;
    begin(JOIST_CLIENT_AUTH_REQUIRE);
    e = setup_start(&s);
    assert_int_equal(come(e, &alice), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_int_equal(secure_connect(&again, joist_engine_port(e, 0),
                                    &(struct secure_ask){.sni = "a.test", .session = c.session}),
                     0);
    assert_int_equal(SSL_session_reused(again.ssl), 1);
    secure_get(&again, &r, "a.test", "/", "");
    assert_string_equal(r.body, "alice");
    secure_close(&again);
    end(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subject_in_routes),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_claims_where_it_is_asked_for),
        cmocka_unit_test(test_the_fields_cannot_be_cut_away),
        cmocka_unit_test(test_claims_where_nobody_asks),
        cmocka_unit_test(test_claims_of_a_trusted_proxy),
        cmocka_unit_test(test_a_session_is_no_certificate),
        cmocka_unit_test(test_a_session_of_another_authority),
        cmocka_unit_test(test_a_resumed_session_has_its_subject),
    };

    return cmocka_run_group_tests_name("engine/tls_client_cert", tests, NULL, NULL);
}
