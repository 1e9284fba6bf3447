// SPDX-License-Identifier: MIT
#include "proxy_world.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define GET "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* One exchange up to the origin having the request. */
static void
begin(struct world *w, struct side *client, struct side *origin, const char *request)
{
    world_init(w, NULL);
    world_client(w, client);
    side_send(client, request);
    world_accept(w, origin);
    world_wait(w, origin, "\r\n\r\n");
}

static void
finish(struct world *w, struct side *client, struct side *origin)
{
    side_close(client);
    side_close(origin);
    world_fini(w);
}

static void
test_malformed_responses(void **state)
{
    static const char *const responses[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    };
    struct world w;
    static struct side client, origin;

    (void)state;
    for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
        begin(&w, &client, &origin, GET);
        side_send(&origin, responses[i]);
        world_wait(&w, &client, "HTTP/1.1 502 Bad Gateway\r\n");
        world_wait_closed(&w, &origin);
        assert_int_equal(w.local.stats.bad_responses, 1);
        assert_int_equal(w.local.stats.upstream_failures, 1);
        assert_non_null(strstr(w.last_log, "BAD_RESPONSE target=127.0.0.1:"));
        assert_int_equal(w.last_why, JOIST_E_PROTO);
        finish(&w, &client, &origin);
    }
}

static void
test_too_much_of_a_head(void **state)
{
    struct world w;
    static struct side client, origin;
    static char field[4096];

    (void)state;
    begin(&w, &client, &origin, GET);
    for (int i = 0; i < 40; i++) {
        side_send(&origin, "HTTP/1.1 103 Early Hints\r\n\r\n");
    }
    world_wait(&w, &client, "HTTP/1.1 502 Bad Gateway\r\n");
    finish(&w, &client, &origin);

    begin(&w, &client, &origin, GET);
    memset(field, 'a', sizeof(field) - 1);
    side_send(&origin, "HTTP/1.1 200 OK\r\nX: ");
    for (int i = 0; i < 80 && !origin.reset && !origin.eof; i++) {
        (void)side_send_some(&origin, field, sizeof(field) - 1);
        world_run(&w, &client, &origin);
    }
    world_wait(&w, &client, "HTTP/1.1 502 Bad Gateway\r\n");
    assert_non_null(strstr(w.last_log, "too large"));
    finish(&w, &client, &origin);
}

static void
test_gone_inside_of_a_body(void **state)
{
    static const char *const responses[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    };
    struct world w;
    static struct side client, origin;

    (void)state;
    for (int i = 0; i < 6; i++) {
        begin(&w, &client, &origin, GET);
        side_send(&origin, responses[i % 3]);
        if (i % 3 < 2) {
            world_wait(&w, &client, "abc");
            if (i < 3) {
                side_close(&origin);
            } else {
                side_reset(&origin);
            }
        }
        world_wait_closed(&w, &client);
        assert_false(side_has(&client, "\r\n0\r\n\r\n"));
        assert_false(side_has(&client, "502"));
        assert_int_equal(w.done, 1);
        assert_int_not_equal(w.last_why, 0);
        finish(&w, &client, &origin);
    }
}

static void
test_gone_before_a_response(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    begin(&w, &client, &origin, GET);
    side_close(&origin);
    world_wait(&w, &client, "HTTP/1.1 502 Bad Gateway\r\n"); /* a fresh one is not tried again */
    assert_int_equal(w.local.stats.upstream_retries, 0);
    assert_non_null(strstr(w.last_log, "UPSTREAM_FAILED"));
    side_forget(&client);
    side_send(&client, GET);
    world_accept(&w, &origin);
    world_wait(&w, &origin, "\r\n\r\n");
    side_send(&origin, "HTTP/1.1 200 ");
    world_run(&w, &client, &origin);
    side_close(&origin);
    world_wait(&w, &client, "HTTP/1.1 502 Bad Gateway\r\n");
    close(w.listen_fd);
    side_forget(&client);
    side_send(&client, GET);
    world_wait(&w, &client, "HTTP/1.1 502 Bad Gateway\r\n");
    assert_non_null(strstr(w.last_log, "phase=connect"));
    w.listen_fd = dup(client.fd); /* what world_fini() closes */
    finish(&w, &client, &origin);
}

static void
test_kept_connection_found_closed(void **state)
{
    struct world w;
    static struct side client, origin, second;

    (void)state;
    begin(&w, &client, &origin, GET);
    side_send(&origin, OK2);
    world_wait(&w, &client, "ok");
    side_forget(&client);
    side_forget(&origin);
    side_send(&client, GET);
    world_wait(&w, &origin, "\r\n\r\n"); /* it has the request and closes: the race */
    side_close(&origin);
    world_accept(&w, &second);
    world_wait(&w, &second, "\r\n\r\n");
    side_send(&second, OK2);
    world_wait(&w, &client, "ok");
    assert_int_equal(w.local.stats.upstream_retries, 1);
    assert_int_equal(w.local.stats.upstream_failures, 0);
    side_forget(&client);
    side_forget(&second);
    side_send(&client, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx");
    world_wait(&w, &second, "\r\n\r\nx");
    side_close(&second);
    world_wait(&w, &client, "HTTP/1.1 502 Bad Gateway\r\n"); /* may have been done: not again */
    assert_int_equal(w.local.stats.upstream_retries, 1);
    finish(&w, &client, &origin);
}

static void
test_idle_connections(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    begin(&w, &client, &origin, GET);
    side_send(&origin, OK2);
    world_wait(&w, &client, "ok");
    assert_int_equal(w.local.stats.upstream_idle, 1);
    side_close(&origin); /* leaves at once */
    world_run(&w, &client, NULL);
    assert_int_equal(w.local.stats.upstream_idle, 0);

    side_forget(&client);
    side_send(&client, GET);
    world_accept(&w, &origin);
    world_wait(&w, &origin, "\r\n\r\n");
    side_send(&origin, OK2 "HTTP/1.1 200 OK\r\n"); /* more than was asked for */
    world_wait(&w, &client, "ok");
    world_wait_closed(&w, &origin);
    side_close(&origin);
    assert_int_equal(w.local.stats.upstream_idle, 0);

    side_forget(&client);
    side_send(&client, GET);
    world_accept(&w, &origin);
    world_wait(&w, &origin, "\r\n\r\n");
    side_send(&origin, OK2);
    world_wait(&w, &client, "ok");
    assert_int_equal(w.local.stats.upstream_idle, 1);
    side_send(&origin, "HTTP/1.1 408 Request Timeout\r\n\r\n"); /* unasked */
    world_wait_closed(&w, &origin);
    assert_int_equal(w.local.stats.upstream_idle, 0);
    side_close(&origin);

    side_forget(&client);
    side_send(&client, GET);
    world_accept(&w, &origin);
    world_wait(&w, &origin, "\r\n\r\n");
    side_send(&origin, OK2);
    world_wait(&w, &client, "ok");
    world_pass(&w, 3900);
    assert_int_equal(w.local.stats.upstream_idle, 1);
    world_pass(&w, 200);
    assert_int_equal(w.local.stats.upstream_idle, 0);
    world_wait_closed(&w, &origin);
    finish(&w, &client, &origin);
}

static void
test_responses_that_end_the_connection(void **state)
{
    static const char *const responses[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    };
    struct world w;
    static struct side client, origin;

    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(&w, &client, &origin, GET);
        side_send(&origin, responses[i]);
        world_wait(&w, &client, "ok");
        world_wait_closed(&w, &origin);
        assert_int_equal(w.local.stats.upstream_idle, 0);
        finish(&w, &client, &origin);
    }
    begin(&w, &client, &origin, GET);
    side_send(&origin, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok");
    world_wait(&w, &client, "ok");
    assert_int_equal(w.local.stats.upstream_idle, 1);
    finish(&w, &client, &origin);
}

static void
test_timeouts(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    begin(&w, &client, &origin, GET);
    world_pass(&w, 59900);
    assert_int_equal(client.total, 0);
    world_pass(&w, 200);
    world_wait(&w, &client, "HTTP/1.1 504 Gateway Timeout\r\n");
    world_wait_closed(&w, &origin);
    assert_int_equal(w.local.stats.timeout_response, 1);
    finish(&w, &client, &origin);

    begin(&w, &client, &origin, GET);
    side_send(&origin, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    world_wait(&w, &client, "abc");
    for (int i = 0; i < 3; i++) {
        world_pass(&w, 50000);
        side_send(&origin, "d");
        world_run(&w, &client, &origin);
    }
    assert_false(client.eof || client.reset);
    world_pass(&w, 60100);
    world_wait_closed(&w, &client);
    assert_int_equal(w.last_why, JOIST_E_TIMEOUT);
    finish(&w, &client, &origin);
}

/* A listening socket whose queue is full: further connects hang. */
static void
test_connect_timeout(void **state)
{
    struct world w;
    static struct side client;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct joist_target_conf target = {.weight = 1};
    struct joist_pool_conf pool = {.targets = &target, .targets_n = 1, .idle_max = 8};
    socklen_t n = sizeof(at);
    int full = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fillers[8];
    char url[64];

    (void)state;
    assert_int_equal(bind(full, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(full, 0), 0);
    assert_int_equal(getsockname(full, (struct sockaddr *)&at, &n), 0);
    for (size_t i = 0; i < JST_COUNT(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (struct sockaddr *)&at, sizeof(at));
    }
    world_init(&w, NULL);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(at.sin_port));
    target.url = url;
    world_pool(&w, &pool);
    world_client(&w, &client);
    side_send(&client, GET);
    world_pass(&w, 4900);
    assert_int_equal(client.total, 0);
    world_pass(&w, 200);
    world_wait(&w, &client, "HTTP/1.1 504 Gateway Timeout\r\n");
    assert_int_equal(w.local.stats.timeout_connect, 1);
    side_close(&client);
    world_fini(&w);
    for (size_t i = 0; i < JST_COUNT(fillers); i++) {
        close(fillers[i]);
    }
    close(full);
}

static void
test_client_leaves(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    begin(&w, &client, &origin, GET);
    side_close(&client);
    world_wait_closed(&w, &origin);
    assert_int_equal(w.local.stats.upstream_idle, 0);
    assert_true(w.last_gone);
    finish(&w, &client, &origin);

    begin(&w, &client, &origin, GET);
    side_send(&origin, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    world_wait(&w, &client, "abc");
    side_close(&client);
    world_wait_closed(&w, &origin);
    finish(&w, &client, &origin);

    begin(&w, &client, &origin, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nabc");
    side_close(&client);
    world_wait_closed(&w, &origin);
    finish(&w, &client, &origin);

    world_init(&w, NULL);
    world_client(&w, &client); /* before the connection to the origin stands */
    side_send(&client, GET);
    jst_loop_turn(w.loop, 0);
    side_close(&client);
    world_run(&w, NULL, NULL);
    assert_int_equal(w.done, 1);
    finish(&w, &client, &origin);
}

static void
test_bad_request_body_is_not_completed(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    begin(&w, &client, &origin,
          "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    side_send(&client, "xyz\r\n");
    world_wait(&w, &client, "HTTP/1.1 400 Bad Request\r\n");
    world_wait_closed(&w, &origin);
    assert_false(side_has(&origin, "0\r\n\r\n"));
    finish(&w, &client, &origin);
}

static void
test_no_address(void **state)
{
    struct joist_target_conf target = {.url = "http://name.invalid:80", .weight = 1};
    struct joist_pool_conf pool = {.targets = &target, .targets_n = 1, .idle_max = 8};
    struct world w;
    static struct side client;

    (void)state;
    world_init(&w, NULL);
    world_pool(&w, &pool);
    world_client(&w, &client);
    side_send(&client, GET);
    world_wait(&w, &client, "HTTP/1.1 503 Service Unavailable\r\n");
    side_forget(&client);
    side_send(&client, GET);
    side_close(&client);
    world_run(&w, NULL, NULL);
    world_fini(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed_responses),
        cmocka_unit_test(test_too_much_of_a_head),
        cmocka_unit_test(test_gone_inside_of_a_body),
        cmocka_unit_test(test_gone_before_a_response),
        cmocka_unit_test(test_kept_connection_found_closed),
        cmocka_unit_test(test_idle_connections),
        cmocka_unit_test(test_responses_that_end_the_connection),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_bad_request_body_is_not_completed),
        cmocka_unit_test(test_no_address),
    };

    return cmocka_run_group_tests_name("loop/proxy_failures", tests, NULL, NULL);
}
