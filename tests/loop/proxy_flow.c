// SPDX-License-Identifier: MIT
#include "proxy_world.h"

#define GET "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define OK2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define WS  "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
#define WS_OK                                                                                      \
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

/* Both socket buffers on the way and two windows; what a connection may hold in all. */
#define HELD_MAX (16u * 1024 * 1024)

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

/* Send until the other side takes no more. */
static uint64_t
stuff(struct world *w, struct side *from, uint64_t max)
{
    static char block[65536];
    uint64_t total = 0;

    for (int still = 0; still < 5 && total < max;) {
        size_t want = (size_t)JST_MIN(max - total, sizeof(block));
        size_t n = side_send_some(from, block, want);

        total += n;
        still = n == 0 ? still + 1 : 0;
        jst_loop_turn(w->loop, 0);
    }
    return total;
}

static void
test_client_that_reads_slowly(void **state)
{
    const uint64_t size = 100u * 1024 * 1024;
    struct world w;
    static struct side client, origin;
    uint64_t sent;

    (void)state;
    begin(&w, &client, &origin, GET);
    side_send(&origin, "HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n");
    sent = stuff(&w, &origin, size);
    assert_true(sent < HELD_MAX);
    world_pass(&w, 59000); /* nobody's clock but the client's runs, and that a minute */
    assert_false(origin.eof || origin.reset);
    while (sent < size) {
        uint64_t n;

        world_run(&w, &client, &origin);
        n = stuff(&w, &origin, size - sent);
        assert_true(n > 0);
        sent += n;
    }
    world_run(&w, &client, &origin);
    assert_true(client.total > size);
    assert_int_equal(w.done, 1);
    assert_int_equal(w.last_why, 0);
    assert_int_equal(w.local.stats.upstream_idle, 1);
    finish(&w, &client, &origin);
}

static void
test_origin_that_reads_slowly(void **state)
{
    const uint64_t size = 100u * 1024 * 1024;
    struct world w;
    static struct side client, origin;
    uint64_t sent;

    (void)state;
    begin(&w, &client, &origin,
          "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 104857600\r\n\r\n");
    sent = stuff(&w, &client, size);
    assert_true(sent < HELD_MAX);
    while (sent < size) {
        uint64_t n;

        world_run(&w, &client, &origin);
        n = stuff(&w, &client, size - sent);
        assert_true(n > 0);
        sent += n;
    }
    world_run(&w, &client, &origin);
    assert_true(origin.total > size);
    side_send(&origin, OK2);
    world_wait(&w, &client, "ok");
    assert_int_equal(w.local.stats.upstream_idle, 1);
    finish(&w, &client, &origin);
}

static void
test_origin_that_takes_nothing(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    begin(&w, &client, &origin,
          "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 104857600\r\n\r\n");
    (void)stuff(&w, &client, 100u * 1024 * 1024);
    world_pass(&w, 60100);
    world_wait(&w, &client, "HTTP/1.1 504 Gateway Timeout\r\n");
    finish(&w, &client, &origin);
}

static void
test_tiny_chunks(void **state)
{
    struct world w;
    static struct side client, origin;
    static char chunks[6 * 10000 + 6];

    (void)state;
    begin(&w, &client, &origin, GET);
    side_send(&origin, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t i = 0; i < 10000; i++) {
        memcpy(chunks + i * 6, "1\r\nx\r\n", 6);
    }
    memcpy(chunks + 60000, "0\r\n\r\n", 5);
    assert_int_equal(side_send_some(&origin, chunks, 60005), 60005);
    world_wait(&w, &client, "\r\n0\r\n\r\n");
    assert_int_equal(w.local.stats.upstream_idle, 1);
    finish(&w, &client, &origin);
}

#define EXPECT                                                                                     \
    "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"

static void
test_expect_continue(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    begin(&w, &client, &origin, EXPECT);
    assert_true(side_has(&origin, "\r\nExpect: 100-continue\r\n"));
    world_run(&w, &client, &origin);
    assert_int_equal(client.total, 0);
    side_send(&origin, "HTTP/1.1 100 Continue\r\n\r\n");
    world_wait(&w, &client, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(client.total, 25); /* once */
    side_send(&client, "body");
    world_wait(&w, &origin, "\r\n\r\nbody");
    side_send(&origin, OK2);
    world_wait(&w, &client, "ok");
    assert_int_equal(w.local.stats.upstream_idle, 1);
    assert_int_equal(w.local.stats.status_1xx, 1);
    finish(&w, &client, &origin);

    begin(&w, &client, &origin, EXPECT); /* an origin that knows nothing of it */
    world_pass(&w, 1100);
    world_wait(&w, &client, "HTTP/1.1 100 Continue\r\n\r\n");
    side_send(&client, "body");
    world_wait(&w, &origin, "\r\n\r\nbody");
    side_send(&origin, OK2);
    world_wait(&w, &client, "ok");
    finish(&w, &client, &origin);

    begin(&w, &client, &origin, EXPECT); /* refused before the body */
    side_send(&origin, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    world_wait(&w, &client, "HTTP/1.1 401 Unauthorized\r\n");
    world_wait(&w, &client, "no");
    assert_false(side_has(&client, "100 Continue"));
    world_wait_closed(&w, &origin); /* it still waits for a body that will not come */
    finish(&w, &client, &origin);
}

static void
test_response_before_the_request_has_ended(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    begin(&w, &client, &origin, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nabc");
    side_send(&origin, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok");
    world_wait(&w, &client, "\r\n\r\nok");
    side_send(&client, "defg"); /* the request goes on */
    world_wait(&w, &origin, "\r\n\r\nabcdefg");
    side_send(&origin, "ok");
    world_wait(&w, &client, "\r\n\r\nokok");
    world_wait_closed(&w, &origin);
    finish(&w, &client, &origin);

    begin(&w, &client, &origin,
          "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10485760\r\n\r\nabc");
    side_send(&origin, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n"
                       "Connection: close\r\n\r\nno");
    side_close(&origin); /* with our bytes unread: a reset follows the response */
    world_wait(&w, &client, "HTTP/1.1 413 Content Too Large\r\n");
    world_wait(&w, &client, "no");
    finish(&w, &client, &origin);
}

static void
test_tunnel(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    begin(&w, &client, &origin, WS);
    assert_true(side_has(&origin, "\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"));
    side_send(&origin, WS_OK "first");
    world_wait(&w, &client, "HTTP/1.1 101 Switching Protocols\r\n");
    world_wait(&w, &client, "\r\n\r\nfirst");
    assert_true(side_has(&client, "Upgrade: websocket\r\n"));
    assert_int_equal(w.local.stats.tunnels_open, 1);
    side_send(&client, "from client");
    world_wait(&w, &origin, "from client");
    world_pass(&w, 12ull * 3600 * 1000); /* it lives for hours */
    side_send(&origin, "from origin");
    world_wait(&w, &client, "from origin");
    side_send(&client, "still here");
    world_wait(&w, &origin, "still here");
    shutdown(client.fd, SHUT_WR);
    world_wait_closed(&w, &origin);
    assert_true(origin.eof);
    assert_false(client.eof);
    side_send(&origin, "last words");
    world_wait(&w, &client, "last words");
    side_close(&origin);
    world_wait_closed(&w, &client);
    assert_true(client.eof);
    assert_int_equal(w.done, 1);
    assert_int_equal(w.local.stats.tunnels_open, 0);
    finish(&w, &client, &origin);
}

static void
test_tunnel_closed_by_the_origin_first(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    begin(&w, &client, &origin, WS);
    side_send(&origin, WS_OK);
    world_wait(&w, &client, "101 Switching Protocols\r\n");
    side_send(&origin, "bye");
    shutdown(origin.fd, SHUT_WR);
    world_wait(&w, &client, "bye");
    world_wait_closed(&w, &client);
    assert_true(client.eof);
    side_send(&client, "not yet");
    world_wait(&w, &origin, "not yet");
    shutdown(client.fd, SHUT_WR);
    world_wait_closed(&w, &origin);
    world_run(&w, NULL, NULL);
    assert_int_equal(w.done, 1);
    finish(&w, &client, &origin);
}

static void
test_tunnel_cut(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    begin(&w, &client, &origin, WS);
    side_send(&origin, WS_OK);
    world_wait(&w, &client, "101 Switching Protocols\r\n");
    side_reset(&origin);
    world_wait_closed(&w, &client);
    world_run(&w, NULL, NULL);
    assert_int_equal(w.done, 1);
    finish(&w, &client, &origin);

    begin(&w, &client, &origin, WS);
    side_send(&origin, WS_OK);
    world_wait(&w, &client, "101 Switching Protocols\r\n");
    shutdown(origin.fd, SHUT_WR);
    world_wait_closed(&w, &client); /* half closed */
    side_close(&client);
    world_wait_closed(&w, &origin);
    world_run(&w, NULL, NULL);
    assert_int_equal(w.done, 1);
    finish(&w, &client, &origin);

    begin(&w, &client, &origin, WS);
    side_send(&origin, WS_OK);
    world_wait(&w, &client, "101 Switching Protocols\r\n");
    shutdown(origin.fd, SHUT_WR);
    world_wait_closed(&w, &client);
    side_reset(&origin); /* while the client's direction is open */
    world_run(&w, NULL, NULL);
    (void)side_send_some(&client, "into nothing", 12);
    world_run(&w, NULL, NULL);
    finish(&w, &client, &origin);
}

static void
test_tunnel_backpressure(void **state)
{
    struct world w;
    static struct side client, origin;
    uint64_t sent;

    (void)state;
    begin(&w, &client, &origin, WS);
    side_send(&origin, WS_OK);
    world_wait(&w, &client, "101 Switching Protocols\r\n");
    sent = stuff(&w, &origin, 100u * 1024 * 1024);
    assert_true(sent < HELD_MAX);
    assert_true(stuff(&w, &client, 100u * 1024 * 1024) < HELD_MAX);
    shutdown(origin.fd, SHUT_WR);
    world_run(&w, &client, NULL);
    assert_true(client.total > sent);
    assert_true(client.eof);
    finish(&w, &client, &origin);
}

static void
test_upgrade_refused_and_h2c(void **state)
{
    struct world w;
    static struct side client, origin;

    (void)state;
    begin(&w, &client, &origin, WS);
    side_send(&origin, OK2);
    world_wait(&w, &client, "ok");
    side_forget(&client);
    side_forget(&origin);
    side_send(&client, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                       "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
    world_wait(&w, &origin, "\r\n\r\n");
    assert_false(side_has(&origin, "Upgrade"));
    assert_false(side_has(&origin, "HTTP2-Settings"));
    side_send(&origin, OK2);
    world_wait(&w, &client, "ok");
    assert_int_equal(w.local.stats.upstream_connects, 1);
    finish(&w, &client, &origin);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_that_reads_slowly),
        cmocka_unit_test(test_origin_that_reads_slowly),
        cmocka_unit_test(test_origin_that_takes_nothing),
        cmocka_unit_test(test_tiny_chunks),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_response_before_the_request_has_ended),
        cmocka_unit_test(test_tunnel),
        cmocka_unit_test(test_tunnel_closed_by_the_origin_first),
        cmocka_unit_test(test_tunnel_cut),
        cmocka_unit_test(test_tunnel_backpressure),
        cmocka_unit_test(test_upgrade_refused_and_h2c),
    };

    return cmocka_run_group_tests_name("loop/proxy_flow", tests, NULL, NULL);
}
