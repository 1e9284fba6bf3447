// SPDX-License-Identifier: MIT
/* The port that leads to https: where to, and for which hosts. */
#include "secure.h"

#include <stdio.h>

static struct setup s;
static struct secure t;
static struct client plain;
static struct reply r;

static void
test_redirect_to_https(void **state)
{
    static const struct {
        const char *request;
        int status;
        const char *has;
    } cases[] = {
        {"GET /x%20y?q=1&r HTTP/1.1\r\nHost: A.test:8080\r\n\r\n", 301,
         "\r\nLocation: https://a.test:5001/x%20y?q=1&r\r\n"},
        {"GET //evil.test HTTP/1.1\r\nHost: a.test\r\n\r\n", 301,
         "\r\nLocation: https://a.test:5001//evil.test\r\n"},
        {"POST /form? HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc", 301,
         "\r\nLocation: https://a.test:5001/form?\r\n"},
        {"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", 301,
         "\r\nLocation: https://a.test:5001/\r\n"},
        {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 301, "\r\nLocation: https://[::1]:5001/\r\n"},
        {"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 301, "\r\nServer: joist\r\n"},
        {"GET / HTTP/1.0\r\n\r\n", 400, "\r\n"},
    };
    struct joist_engine *e;

    (void)state;
    setup_init(&s, 1);
    s.listeners[0].https_port = 5001;
    setup_respond(&s, "/", "never seen");
    e = setup_start(&s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(client_connect(&plain, joist_engine_port(e, 0)), 0);
        client_send(&plain, cases[i].request);
        client_reply(&plain, &r);
        if (r.status != cases[i].status || strstr(r.head, cases[i].has) == NULL) {
            fail_msg("%s: %s", cases[i].request, r.head);
        }
        client_close(&plain);
    }
    joist_engine_destroy(&e);
}

/* What a client calls this server is no reason to lead it there: the host must be served. */
static void
test_redirect_of_served_hosts_alone(void **state)
{
    static const struct {
        const char *host;
        int status;
    } cases[] = {
        {"a.test", 301},    {"A.Test.", 301},     {"x.b.test", 301},  {"b.test", 404},
        {"evil.test", 404}, {"x.y.b.test", 404},  {"127.0.0.1", 404}, {"[::1]", 404},
        {"localhost", 404}, {"evil.a.test", 404},
    };
    struct joist_route_conf *route;
    struct joist_engine *e;
    char request[128];

    (void)state;
    setup_init(&s, 1);
    s.conf.debug = true;
    s.listeners[0].https_port = 443;
    setup_respond(&s, "/only/here", "never seen");
    route = &s.routes[s.conf.routes_n - 1];
    route->hosts = (const char *const[]){"a.test", "*.b.test"};
    route->hosts_n = 2;
    e = setup_start(&s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n",
                       cases[i].host);
        assert_int_equal(client_connect(&plain, joist_engine_port(e, 0)), 0);
        client_send(&plain, request);
        client_reply(&plain, &r);
        if (r.status != cases[i].status ||
            (strstr(r.head, "\r\nLocation: ") != NULL) != (r.status == 301)) {
            fail_msg("%s: %s", cases[i].host, r.head);
        }
        client_close(&plain);
    }
    joist_engine_destroy(&e);
}

/* Nor may it lead to a handshake that will be refused. */
static void
test_redirect_where_unknown_names_are_refused(void **state)
{
    static const struct {
        const char *host;
        int status;
    } cases[] = {{"a.test", 301}, {"also.test", 301}, {"c.test", 421}, {"127.0.0.1", 301}};
    struct joist_engine *e;
    char request[128];

    (void)state;
    setup_init(&s, 1);
    secure_init(&t, &s);
    secure_cert(&t, &s, "a.test", keys_make(&t.keys, "a.test", "also.test"));
    setup_respond(&s, "/", "hello");
    t.tls.reject_unknown_sni = true;
    s.listeners[1] = (struct joist_listener_conf){.bind = "127.0.0.1:0", .https_port = 443};
    s.conf.listeners_n = 2;
    e = setup_start(&s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n",
                       cases[i].host);
        assert_int_equal(client_connect(&plain, joist_engine_port(e, 1)), 0);
        client_send(&plain, request);
        client_reply(&plain, &r);
        if (r.status != cases[i].status) {
            fail_msg("%s: %s", cases[i].host, r.head);
        }
        client_close(&plain);
    }
    joist_engine_destroy(&e);
    secure_fini(&t);
}

static void
test_redirect_to_the_usual_port(void **state)
{
    struct joist_engine *e;

    (void)state;
    setup_init(&s, 1);
    s.listeners[0].https_port = 443;
    setup_respond(&s, "/", "never seen");
    e = setup_start(&s);
    assert_int_equal(client_connect(&plain, joist_engine_port(e, 0)), 0);
    client_get(&plain, &r, "/x");
    assert_int_equal(r.status, 301);
    assert_non_null(strstr(r.head, "\r\nLocation: https://a.test/x\r\n"));
    client_close(&plain);
    joist_engine_destroy(&e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redirect_to_https),
        cmocka_unit_test(test_redirect_of_served_hosts_alone),
        cmocka_unit_test(test_redirect_where_unknown_names_are_refused),
        cmocka_unit_test(test_redirect_to_the_usual_port),
    };

    return cmocka_run_group_tests_name("engine/tls_redirect", tests, NULL, NULL);
}
