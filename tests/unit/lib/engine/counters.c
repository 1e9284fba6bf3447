// SPDX-License-Identifier: MIT
/*
 * What a request counts as: its status, and the one limit that it broke.
 */
#include "traffic.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SOME_64 "0123456789012345678901234567890123456789012345678901234567890123"

struct expectation {
    const char *name;
    const char *request;
    int status;
    size_t of_status; /* offsets in struct joist_stats */
    size_t of_reason; /* the same again: none */
};

#define COUNTER(name) offsetof(struct joist_stats, name)

static const struct expectation table[] = {
    {"plain", "GET /own HTTP/1.1\r\nHost: a.test\r\n\r\n", 200, COUNTER(status_2xx),
     COUNTER(status_2xx)},
    {"redirect", "GET /moved HTTP/1.1\r\nHost: a.test\r\n\r\n", 301, COUNTER(status_3xx),
     COUNTER(status_3xx)},
    {"no route", "GET /none HTTP/1.1\r\nHost: a.test\r\n\r\n", 404, COUNTER(status_4xx),
     COUNTER(status_4xx)},
    {"ours", "GET /broken HTTP/1.1\r\nHost: a.test\r\n\r\n", 500, COUNTER(status_5xx),
     COUNTER(status_5xx)},
    {"body", "POST /own HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n", 413,
     COUNTER(status_4xx), COUNTER(limit_body_bytes)},
    {"target", "GET /" SOME_64 SOME_64 " HTTP/1.1\r\nHost: a.test\r\n\r\n", 414,
     COUNTER(status_4xx), COUNTER(limit_uri_bytes)},
    {"head",
     "GET /own HTTP/1.1\r\nHost: a.test\r\nX: " SOME_64 SOME_64 SOME_64 SOME_64 SOME_64 SOME_64
         SOME_64 SOME_64 "\r\n\r\n",
     431, COUNTER(status_4xx), COUNTER(limit_header_bytes)},
    {"fields", "GET /own HTTP/1.1\r\nHost: a.test\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", 431,
     COUNTER(status_4xx), COUNTER(limit_header_count)},
    {"malformed", "GET /own HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n", 400,
     COUNTER(status_4xx), COUNTER(bad_messages)},
};

/* Those that a request may count in; each is to move for what names it, and for nothing else. */
static const size_t watched[] = {
    COUNTER(requests),         COUNTER(status_1xx),         COUNTER(status_2xx),
    COUNTER(status_3xx),       COUNTER(status_4xx),         COUNTER(status_5xx),
    COUNTER(limit_body_bytes), COUNTER(limit_header_bytes), COUNTER(limit_header_count),
    COUNTER(limit_uri_bytes),  COUNTER(limit_conns),        COUNTER(bad_messages),
};

static uint64_t
value_of(const struct joist_stats *stats, size_t offset)
{
    uint64_t v;

    memcpy(&v, (const char *)stats + offset, sizeof(v));
    return v;
}

static void
check(struct joist_engine *e, const struct expectation *x)
{
    static struct client c;
    static struct reply r;
    struct joist_stats before;
    struct joist_stats after;

    joist_engine_stats(e, &before);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_send(&c, x->request);
    client_reply(&c, &r);
    client_close(&c);
    joist_engine_stats(e, &after);
    if (r.status != x->status) {
        fail_msg("%s: status %d, not %d", x->name, r.status, x->status);
    }
    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
        size_t at = watched[i];
        uint64_t wanted = at == COUNTER(requests) || at == x->of_status || at == x->of_reason;

        if (value_of(&after, at) - value_of(&before, at) != wanted) {
            fail_msg("%s: the counter at %zu moved by %llu, not %llu", x->name, at,
                     (unsigned long long)(value_of(&after, at) - value_of(&before, at)),
                     (unsigned long long)wanted);
        }
    }
}

static void
test_what_a_request_counts_as(void **state)
{
    static struct setup s;
    struct joist_route_conf *route;
    struct joist_engine *e;

    (void)state;
    setup_init(&s, 1);
    s.conf.limits.body_bytes = 4;
    s.conf.limits.uri_bytes = 100;
    s.conf.limits.header_bytes = 512;
    s.conf.limits.header_count = 4;
    setup_respond(&s, "/own", "hi");
    setup_respond(&s, "/broken", "oh");
    s.routes[1].handler.respond.status = 500;
    route = setup_route(&s, "/moved", JOIST_HANDLER_REDIRECT);
    route->handler.redirect = (struct joist_redirect_conf){.to = "/own", .status = 301};
    e = setup_start(&s);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        check(e, &table[i]);
    }
    joist_engine_destroy(&e);
}

/* An address that this machine does not have (RFC 5737: for documentation). */
static void
test_no_such_address(void **state)
{
    static struct setup s;
    struct joist_engine *e = NULL;

    (void)state;
    setup_init(&s, 1);
    setup_respond(&s, "/", "hi");
    s.listeners[0].bind = "192.0.2.1:0";
    assert_int_equal(joist_engine_create(&e, &s.conf, reports_take, &s.reports), JOIST_E_UNREACH);
    assert_null(e);
    assert_int_equal(s.reports.errors, 1);
    assert_int_equal(s.reports.first_code, JOIST_E_UNREACH);
    assert_non_null(strstr(s.reports.text, "192.0.2.1:0"));
}

static void
test_texts_of_errors(void **state)
{
    (void)state;
    assert_string_equal(joist_error_name(JOIST_OK), "OK");
    assert_string_equal(joist_error_name(JOIST_E_NOMEM), "NOMEM");
    assert_string_equal(joist_error_text(JOIST_E_NOMEM), "out of memory");
    assert_string_equal(joist_error_name(JOIST_E_BASE_), "UNKNOWN");
    assert_string_equal(joist_error_name(1), "UNKNOWN");
    assert_string_equal(joist_error_text(-1), "unknown error");
    for (int code = JOIST_E_AGAIN; code <= JOIST_E_IO; code++) {
        assert_string_not_equal(joist_error_name(code), "UNKNOWN");
        assert_string_not_equal(joist_error_text(code), "unknown error");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_request_counts_as),
        cmocka_unit_test(test_no_such_address),
        cmocka_unit_test(test_texts_of_errors),
    };

    return cmocka_run_group_tests_name("engine/counters", tests, NULL, NULL);
}
