// SPDX-License-Identifier: MIT
/*
 * Requests in 0-RTT data (RFC 8470): safe methods only, marked, counted.
 */
#include "secure.h"

static struct setup s;
static struct secure t;
static struct secure_client c;
static struct secure_client again;
static struct reply r;

/* The route that answers "early" sees the mark; that is what an origin would see too. */
static struct joist_engine *
begin(bool early_data)
{
    static const struct joist_pair mark = {"Early-Data", "1"};

    setup_init(&s, 1);
    secure_init(&t, &s);
    secure_cert(&t, &s, "a.test", keys_make(&t.keys, "a.test", NULL));
    t.tls.early_data = early_data;
    setup_respond(&s, "/", "early");
    s.routes[0].headers = &mark;
    s.routes[0].headers_n = 1;
    setup_respond(&s, "/", "late");
    return setup_start(&s);
}

static void
end(struct joist_engine **e)
{
    secure_close(&again);
    secure_close(&c);
    joist_engine_destroy(e);
    secure_fini(&t);
}

/* A first connection for its session, then `request` as early data of a second. */
static void
send_early(struct joist_engine *e, const char *request)
{
    assert_int_equal(
        secure_connect(&c, joist_engine_port(e, 0), &(struct secure_ask){.sni = "a.test"}), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_string_equal(r.body, "late");
    assert_non_null(c.session);
    assert_true(SSL_SESSION_get_max_early_data(c.session) > 0);
    assert_int_equal(secure_connect(&again, joist_engine_port(e, 0),
                                    &(struct secure_ask){
                                        .sni = "a.test", .session = c.session, .early = request}),
                     0);
    assert_int_equal(SSL_get_early_data_status(again.ssl), SSL_EARLY_DATA_ACCEPTED);
}

static void
test_a_safe_request_is_marked(void **state)
{
    struct joist_stats stats;
    struct joist_engine *e = begin(true);

    (void)state;
    send_early(e, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    client_reply(&again.c, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "early");
    secure_get(&again, &r, "a.test", "/", ""); /* the handshake is over by now */
    assert_string_equal(r.body, "late");
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.early_data, 1);
    assert_int_equal(stats.early_refused, 0);
    end(&e);
}

static void
test_an_unsafe_request_is_refused(void **state)
{
    struct joist_stats stats;
    struct joist_engine *e = begin(true);

    (void)state;
    send_early(e, "DELETE /x HTTP/1.1\r\nHost: a.test\r\n\r\n");
    client_reply(&again.c, &r);
    assert_int_equal(r.status, 425);
    assert_non_null(strstr(r.head, "HTTP/1.1 425 Too Early\r\n"));
    joist_engine_stats(e, &stats);
    assert_int_equal(stats.early_data, 0);
    assert_int_equal(stats.early_refused, 1);
    client_send(&again.c, "DELETE /x HTTP/1.1\r\nHost: a.test\r\n\r\n"); /* as it is told to */
    client_reply(&again.c, &r);
    assert_int_equal(r.status, 200);
    end(&e);
}

/* Opening a tunnel has an effect that a replay would repeat. */
static void
test_an_upgrade_is_refused(void **state)
{
    struct joist_engine *e = begin(true);

    (void)state;
    send_early(e, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\n"
                  "Upgrade: websocket\r\n\r\n");
    client_reply(&again.c, &r);
    assert_int_equal(r.status, 425);
    end(&e);
}

/* RFC 8470 5.1: what an intermediary in front of us says stays. */
static void
test_a_mark_of_the_client_stays(void **state)
{
    struct joist_engine *e = begin(true);

    (void)state;
    assert_int_equal(
        secure_connect(&c, joist_engine_port(e, 0), &(struct secure_ask){.sni = "a.test"}), 0);
    secure_get(&c, &r, "a.test", "/", "Early-Data: 1\r\n");
    assert_string_equal(r.body, "early");
    end(&e);
}

/* A client that says otherwise is not believed. */
static void
test_a_wrong_mark_is_replaced(void **state)
{
    struct joist_engine *e = begin(true);

    (void)state;
    send_early(e, "GET / HTTP/1.1\r\nHost: a.test\r\nEarly-Data: 0\r\n\r\n");
    client_reply(&again.c, &r);
    assert_string_equal(r.body, "early");
    end(&e);
}

static void
test_off_by_default(void **state)
{
    struct joist_engine *e = begin(false);

    (void)state;
    assert_int_equal(
        secure_connect(&c, joist_engine_port(e, 0), &(struct secure_ask){.sni = "a.test"}), 0);
    secure_get(&c, &r, "a.test", "/", "");
    assert_non_null(c.session);
    assert_int_equal(SSL_SESSION_get_max_early_data(c.session), 0);
    end(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_safe_request_is_marked),
        cmocka_unit_test(test_an_unsafe_request_is_refused),
        cmocka_unit_test(test_an_upgrade_is_refused),
        cmocka_unit_test(test_a_mark_of_the_client_stays),
        cmocka_unit_test(test_a_wrong_mark_is_replaced),
        cmocka_unit_test(test_off_by_default),
    };

    return cmocka_run_group_tests_name("engine/tls_early", tests, NULL, NULL);
}
