// SPDX-License-Identifier: MIT
#include "proxy_world.h"

#include <stdio.h>

#define GET "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void
test_get_and_reuse(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    world_init(&w, NULL);
    world_client(&w, &client);
    for (int i = 0; i < 3; i++) {
        side_send(&client, "GET /x?y=1 HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n\r\n");
        if (i == 0) {
            world_accept(&w, &origin);
        }
        world_wait(&w, &origin, "\r\n\r\n");
        assert_int_equal(memcmp(origin.in, "GET /x?y=1 HTTP/1.1\r\nHost: a.test\r\n", 35), 0);
        assert_true(side_has(&origin, "\r\nAccept: */*\r\n"));
        assert_true(side_has(&origin, "\r\nX-Forwarded-For: 192.0.2.7\r\n"));
        assert_true(side_has(&origin, "\r\nX-Forwarded-Proto: http\r\n"));
        assert_true(side_has(&origin, "\r\nX-Forwarded-Host: a.test\r\n"));
        assert_true(
            side_has(&origin, "\r\nForwarded: for=192.0.2.7;host=\"a.test\";proto=http\r\n"));
        assert_true(side_has(&origin, "\r\nX-Request-Id: test-id\r\n"));
        assert_true(side_has(&origin, "\r\nVia: 1.1 joist\r\n"));
        assert_false(side_has(&origin, "Connection:"));
        assert_false(side_has(&origin, "Content-Length:"));
        side_forget(&origin);
        side_send(&origin, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok");
        world_wait(&w, &client, "\r\n\r\nok");
        assert_true(side_has(&client, "HTTP/1.1 200 OK\r\n"));
        assert_true(side_has(&client, "\r\nX-A: b\r\n"));
        assert_true(side_has(&client, "\r\nVia: 1.1 joist\r\n"));
        side_forget(&client);
    }
    assert_int_equal(w.local.stats.upstream_connects, 1);
    assert_int_equal(w.local.stats.upstream_reuses, 2);
    assert_int_equal(w.local.stats.upstream_idle, 1);
    assert_int_equal(w.done, 3);
    side_close(&client);
    side_close(&origin);
    world_fini(&w);
}

static void
test_every_cut_of_a_response(void **state)
{
    static const char response[] =
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        "5;ext=1\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Sum: 42\r\n\r\n";
    struct world w;
    static struct side client, origin;

    (void)state;
    world_init(&w, NULL);
    world_client(&w, &client);
    for (size_t cut = 1; cut < sizeof(response) - 1; cut++) {
        side_send(&client, "GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\n"
                           "Connection: TE\r\n\r\n");
        if (cut == 1) {
            world_accept(&w, &origin);
        }
        world_wait(&w, &origin, "\r\n\r\n");
        assert_true(side_has(&origin, "\r\nConnection: te\r\nTE: trailers\r\n"));
        side_forget(&origin);
        assert_int_equal(side_send_some(&origin, response, cut), cut);
        world_run(&w, &client, &origin);
        side_send(&origin, response + cut);
        world_wait(&w, &client, "X-Sum: 42\r\n\r\n");
        assert_true(side_has(&client, "HTTP/1.1 103 Early Hints\r\n"));
        assert_true(side_has(&client, "Transfer-Encoding: chunked\r\n"));
        side_forget(&client);
    }
    assert_int_equal(w.local.stats.upstream_connects, 1);
    side_close(&client);
    side_close(&origin);
    world_fini(&w);
}

static void
test_request_bodies(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    world_init(&w, NULL);
    world_client(&w, &client);
    side_send(&client, "POST /l HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhe");
    world_accept(&w, &origin);
    world_wait(&w, &origin, "\r\nContent-Length: 5\r\n");
    world_wait(&w, &origin, "\r\n\r\nhe");
    side_send(&client, "llo");
    world_wait(&w, &origin, "\r\n\r\nhello");
    side_send(&origin, OK2);
    world_wait(&w, &client, "\r\n\r\nok");
    side_forget(&origin);
    side_forget(&client);
    side_send(&client, "POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n");
    world_wait(&w, &origin, "\r\nTransfer-Encoding: chunked\r\n");
    world_wait(&w, &origin, "3\r\nabc\r\n");
    side_send(&client, "2\r\nde\r\n0\r\nX-T: 1\r\n\r\n");
    world_wait(&w, &origin, "2\r\nde\r\n0\r\nX-T: 1\r\n\r\n");
    side_send(&origin, OK2);
    world_wait(&w, &client, "\r\n\r\nok");
    side_forget(&origin);
    side_send(&client, "POST /e HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
    world_wait(&w, &origin, "\r\nContent-Length: 0\r\n");
    assert_int_equal(w.local.stats.upstream_connects, 1);
    side_close(&client);
    world_wait_closed(&w, &origin); /* cancelled at once */
    assert_true(w.last_gone);
    side_close(&origin);
    world_fini(&w);
}

static void
test_close_delimited_and_heads_without_body(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    world_init(&w, NULL);
    world_client(&w, &client);
    side_send(&client, GET);
    world_accept(&w, &origin);
    world_wait(&w, &origin, "\r\n\r\n");
    side_send(&origin, "HTTP/1.0 200 OK\r\n\r\nuntil the end");
    world_wait(&w, &client, "until the end");
    side_close(&origin);
    world_wait(&w, &client, "0\r\n\r\n"); /* chunked towards an HTTP/1.1 client */
    assert_true(side_has(&client, "Via: 1.0 joist\r\n"));
    side_forget(&client);
    side_send(&client, "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    world_accept(&w, &origin);
    world_wait(&w, &origin, "HEAD / HTTP/1.1\r\n");
    side_send(&origin, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    world_wait(&w, &client, "Content-Length: 1000\r\n");
    side_forget(&client);
    side_send(&client, GET);
    side_forget(&origin);
    world_wait(&w, &origin, "\r\n\r\n");
    side_send(&origin, "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n");
    world_wait(&w, &client, "HTTP/1.1 304 Not Modified\r\n");
    side_forget(&client);
    side_send(&client, GET);
    side_forget(&origin);
    world_wait(&w, &origin, "\r\n\r\n");
    side_send(&origin, "HTTP/1.1 204 No Content\r\n\r\n");
    world_wait(&w, &client, "HTTP/1.1 204 No Content\r\n");
    assert_int_equal(w.local.stats.upstream_connects, 2);
    side_close(&client);
    side_close(&origin);
    world_fini(&w);
}

static void
test_fields_that_do_not_cross(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    world_init(&w, NULL);
    world_client(&w, &client);
    side_send(&client, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: x-drop, keep-alive\r\n"
                       "X-Drop: 1\r\nKeep-Alive: 5\r\nProxy-Authorization: b\r\n"
                       "X-Forwarded-For: 6.6.6.6\r\nX-Request-Id: theirs\r\nX-Keep: 1\r\n\r\n");
    world_accept(&w, &origin);
    world_wait(&w, &origin, "\r\n\r\n");
    assert_false(side_has(&origin, "X-Drop"));
    assert_false(side_has(&origin, "Keep-Alive"));
    assert_false(side_has(&origin, "Proxy-Authorization"));
    assert_false(side_has(&origin, "6.6.6.6"));
    assert_false(side_has(&origin, "theirs"));
    assert_true(side_has(&origin, "\r\nX-Keep: 1\r\n"));
    side_send(&origin, "HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: 3\r\n"
                       "Content-Length: 2\r\n\r\nok");
    world_wait(&w, &client, "\r\n\r\nok");
    assert_false(side_has(&client, "X-Hop"));
    assert_false(side_has(&client, "Keep-Alive"));
    side_close(&client);
    side_close(&origin);
    world_fini(&w);
}

static void
test_trusted_forwarding_is_appended(void **state)
{
    struct joist_proxy_conf conf = {.pool = "origin", .path_base = "/base/", .host = "o.test"};
    struct world w;
    static struct side client, origin;

    (void)state;
    world_init(&w, &conf);
    w.trusted = true;
    world_client(&w, &client);
    side_send(&client, "GET /p HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 1.1.1.1\r\n"
                       "X-Forwarded-For: 2.2.2.2\r\nForwarded: for=1.1.1.1\r\n"
                       "X-Forwarded-Proto: https\r\nVia: 2 edge\r\n\r\n");
    world_accept(&w, &origin);
    world_wait(&w, &origin, "\r\n\r\n");
    assert_true(side_has(&origin, "GET /base/p HTTP/1.1\r\nHost: o.test\r\n"));
    assert_true(side_has(&origin, "\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.7\r\n"));
    assert_true(side_has(&origin, "\r\nForwarded: for=1.1.1.1, for=192.0.2.7;host=\"a.test\";"));
    assert_true(side_has(&origin, "\r\nX-Forwarded-Proto: https\r\n"));
    assert_false(side_has(&origin, "X-Forwarded-Proto: http\r\n"));
    assert_true(side_has(&origin, "\r\nVia: 2 edge\r\n"));
    assert_true(side_has(&origin, "\r\nVia: 1.1 joist\r\n"));
    side_close(&client);
    side_close(&origin);
    world_fini(&w);
}

static void
test_max_forwards(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    world_init(&w, NULL);
    world_client(&w, &client);
    side_send(&client, "OPTIONS * HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\n\r\n");
    world_wait(&w, &client, "\r\nAllow: GET");
    side_forget(&client);
    side_send(&client, "TRACE /t HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\nCookie: s\r\n\r\n");
    world_wait(&w, &client, "TRACE /t HTTP/1.1\r\n");
    assert_true(side_has(&client, "message/http"));
    assert_false(side_has(&client, "Cookie"));
    assert_false(world_has_connection(&w));
    side_send(&client, "OPTIONS * HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 7\r\n\r\n");
    world_accept(&w, &origin);
    world_wait(&w, &origin, "\r\n\r\n");
    assert_true(side_has(&origin, "OPTIONS * HTTP/1.1\r\n"));
    assert_true(side_has(&origin, "\r\nMax-Forwards: 6\r\n"));
    assert_false(side_has(&origin, "Max-Forwards: 7"));
    side_close(&client);
    side_close(&origin);
    world_fini(&w);
}

static void
test_pipelined_requests(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    world_init(&w, NULL);
    world_client(&w, &client);
    side_send(&client, "GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n"
                       "GET /2 HTTP/1.1\r\nHost: a.test\r\n\r\n"
                       "GET /3 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    world_accept(&w, &origin);
    for (int i = 1; i <= 3; i++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "GET /%d HTTP/1.1\r\n", i);
        world_wait(&w, &origin, line);
        assert_int_equal(w.done, i - 1);
        side_send(&origin, OK2);
        (void)snprintf(line, sizeof(line), "ok");
        world_run(&w, &client, &origin);
        assert_int_equal(w.done, i);
    }
    assert_int_equal(w.local.stats.upstream_connects, 1);
    side_close(&client);
    side_close(&origin);
    world_fini(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_and_reuse),
        cmocka_unit_test(test_every_cut_of_a_response),
        cmocka_unit_test(test_request_bodies),
        cmocka_unit_test(test_close_delimited_and_heads_without_body),
        cmocka_unit_test(test_fields_that_do_not_cross),
        cmocka_unit_test(test_trusted_forwarding_is_appended),
        cmocka_unit_test(test_max_forwards),
        cmocka_unit_test(test_pipelined_requests),
    };

    return cmocka_run_group_tests_name("loop/proxy_basic", tests, NULL, NULL);
}
