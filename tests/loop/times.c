// SPDX-License-Identifier: MIT
/*
 * Every timeout fires at its time and not before. The clock is the test's.
 */
#include "harness.h"

#include "base/bounds.h"

#define GET_P  "GET / HTTP/1.1\r\nHost: p.test\r\n\r\n"
#define GET_R  "GET / HTTP/1.1\r\nHost: r.test\r\n\r\n"
#define POST_P "POST / HTTP/1.1\r\nHost: p.test\r\nContent-Length: 1000\r\n\r\n"

/* Odd figures, so that no two clocks can be taken for each other. */
#define HEADER_MS             10100u
#define BODY_MS               20200u
#define KEEPALIVE_MS          30300u
#define RESPONSE_MS           40400u
#define UPSTREAM_IDLE_MS      50500u
#define UPSTREAM_KEEPALIVE_MS 4100u

static void
begin(struct rig *g, struct peer *client)
{
    rig_init(g);
    g->conf.timeouts = (struct joist_timeouts_conf){
        .header_ms = HEADER_MS,
        .body_idle_ms = BODY_MS,
        .keepalive_ms = KEEPALIVE_MS,
        .upstream_connect_ms = 5000,
        .upstream_response_ms = RESPONSE_MS,
        .upstream_idle_ms = UPSTREAM_IDLE_MS,
        .upstream_keepalive_ms = UPSTREAM_KEEPALIVE_MS,
    };
    rig_start(g);
    rig_client(g, client);
}

/* Nothing happens until `ms` are over, then something does: the end, or bytes. */
static void
assert_fires_at(struct rig *g, struct peer *watched, struct peer *other, uint64_t ms)
{
    uint64_t before;

    rig_run(g, watched, other);
    before = watched->total;
    rig_pass(g, ms - 1);
    rig_run(g, watched, other);
    assert_int_equal(watched->total, before);
    assert_false(peer_is_over(watched));
    rig_pass(g, 1);
    rig_run(g, watched, other);
    assert_true(peer_is_over(watched) || watched->total > before);
}

static void
test_header(void **state)
{
    struct rig g;
    struct peer silent;
    struct peer half;
    struct peer slow;

    (void)state;
    begin(&g, &silent);
    assert_fires_at(&g, &silent, NULL, HEADER_MS);
    assert_true(silent.eof);
    assert_int_equal(silent.total, 0); /* nobody has asked for anything */

    rig_client(&g, &half);
    rig_pass(&g, 5000);
    peer_say(&half, "GET / HTTP/1.1\r\nHo");
    assert_fires_at(&g, &half, NULL, HEADER_MS); /* from the first byte */
    peer_assert_has(&half, "HTTP/1.1 408 Request Timeout\r\n");
    peer_assert_has(&half, "\r\nConnection: close\r\n");

    rig_client(&g, &slow);
    peer_say(&slow, "GET / HTTP/1.1\r\nX: ");
    for (unsigned ms = 0; ms + 1000 < HEADER_MS; ms += 1000) {
        peer_say(&slow, "y");
        rig_run(&g, &slow, NULL);
        assert_int_equal(slow.total, 0);
        rig_pass(&g, 1000);
    }
    rig_pass(&g, 1000);
    rig_run(&g, &slow, NULL);
    peer_assert_has(&slow, "HTTP/1.1 408 ");
    assert_int_equal(g.r.local.stats.timeout_header, 3);
    peer_fini(&silent);
    peer_fini(&half);
    peer_fini(&slow);
    rig_fini(&g);
}

static void
test_keepalive(void **state)
{
    struct rig g;
    struct peer client;

    (void)state;
    begin(&g, &client);
    for (int i = 0; i < 3; i++) {
        peer_say(&client, GET_R);
        rig_run(&g, &client, NULL);
        peer_assert_has(&client, "hello\n");
        peer_forget(&client);
        rig_pass(&g, KEEPALIVE_MS - 1);
    }
    peer_say(&client, GET_R);
    assert_fires_at(&g, &client, NULL, KEEPALIVE_MS);
    assert_true(client.eof);
    assert_int_equal(g.r.local.stats.timeout_keepalive, 1);
    peer_fini(&client);
    rig_fini(&g);
}

static void
test_second_head(void **state)
{
    struct rig g;
    struct peer client;

    (void)state;
    begin(&g, &client);
    peer_say(&client, GET_R);
    rig_run(&g, &client, NULL);
    rig_pass(&g, KEEPALIVE_MS - 5);
    peer_say(&client, "GET / HT"); /* from now on the head's clock counts */
    assert_fires_at(&g, &client, NULL, HEADER_MS);
    peer_assert_has(&client, "HTTP/1.1 408 ");
    peer_fini(&client);

    rig_client(&g, &client);
    peer_say(&client, GET_R "GET / HT"); /* in one piece */
    assert_fires_at(&g, &client, NULL, HEADER_MS);
    peer_assert_has(&client, "HTTP/1.1 408 ");
    peer_fini(&client);
    rig_fini(&g);
}

static void
test_body(void **state)
{
    struct rig g;
    struct peer client;
    struct peer origin;

    (void)state;
    begin(&g, &client);
    peer_say(&client, POST_P);
    rig_run(&g, &client, NULL);
    assert_true(rig_accept(&g, &origin));
    rig_pass(&g, BODY_MS - 100);
    for (int i = 0; i < 300; i++) { /* progress */
        peer_say(&client, "b");
    }
    assert_fires_at(&g, &client, &origin, BODY_MS);
    peer_assert_has(&client, "HTTP/1.1 408 ");
    rig_run(&g, &client, &origin);
    assert_true(peer_is_over(&origin)); /* cancelled */
    assert_int_equal(g.r.local.stats.timeout_body, 1);
    peer_fini(&client);
    peer_fini(&origin);
    rig_fini(&g);
}

/* A byte now and then is no progress. */
static void
test_body_a_byte_at_a_time(void **state)
{
    struct rig g;
    struct peer client;
    struct peer origin;
    unsigned ms;

    (void)state;
    begin(&g, &client);
    peer_say(&client, POST_P);
    rig_run(&g, &client, NULL);
    assert_true(rig_accept(&g, &origin));
    for (ms = 0; ms < 2 * BODY_MS && client.total == 0; ms += 1000) {
        peer_say(&client, "b");
        rig_run(&g, &client, &origin);
        rig_pass(&g, 1000);
        rig_run(&g, &client, &origin);
    }
    assert_true(ms >= BODY_MS && ms <= BODY_MS + 2000);
    peer_assert_has(&client, "HTTP/1.1 408 ");
    peer_fini(&client);
    peer_fini(&origin);
    rig_fini(&g);
}

static void
test_upstream_response(void **state)
{
    struct rig g;
    struct peer client;
    struct peer origin;

    (void)state;
    begin(&g, &client);
    peer_say(&client, POST_P);
    rig_run(&g, &client, NULL);
    assert_true(rig_accept(&g, &origin));
    rig_pass(&g, BODY_MS - 100);
    for (int i = 0; i < 1000; i++) {
        peer_say(&client, "b");
    }
    assert_fires_at(&g, &client, &origin, RESPONSE_MS); /* from the request's last byte */
    peer_assert_has(&client, "HTTP/1.1 504 Gateway Timeout\r\n");
    assert_int_equal(g.r.local.stats.timeout_response, 1);
    assert_false(client.eof); /* the request was whole: the connection goes on */
    peer_fini(&client);
    peer_fini(&origin);
    rig_fini(&g);
}

static void
test_upstream_idle(void **state)
{
    struct rig g;
    struct peer client;
    struct peer origin;

    (void)state;
    begin(&g, &client);
    peer_say(&client, GET_P);
    rig_run(&g, &client, NULL);
    assert_true(rig_accept(&g, &origin));
    peer_say(&origin, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    rig_run(&g, &client, &origin);
    rig_pass(&g, UPSTREAM_IDLE_MS - 1000);
    peer_say(&origin, "some");
    assert_fires_at(&g, &client, &origin, UPSTREAM_IDLE_MS);
    assert_true(peer_is_over(&client)); /* cut: there is no other way to say it */
    assert_int_equal(g.last_why, JOIST_E_TIMEOUT);
    peer_fini(&client);
    peer_fini(&origin);
    rig_fini(&g);
}

static void
test_upstream_keepalive(void **state)
{
    struct rig g;
    struct peer client;
    struct peer origin;

    (void)state;
    begin(&g, &client);
    peer_say(&client, GET_P);
    rig_run(&g, &client, NULL);
    assert_true(rig_accept(&g, &origin));
    peer_say(&origin, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    rig_run(&g, &client, &origin);
    assert_int_equal(g.r.local.stats.upstream_idle, 1);
    assert_fires_at(&g, &origin, &client, UPSTREAM_KEEPALIVE_MS);
    assert_int_equal(g.r.local.stats.upstream_idle, 0);
    peer_fini(&client);
    peer_fini(&origin);
    rig_fini(&g);
}

/* Queue requests for ever, read nothing. */
static void
stuff(struct rig *g, struct peer *client, const char *request)
{
    for (int i = 0; i < 4000; i++) {
        if (client->out_n < 65536) {
            peer_say(client, request);
        }
        (void)peer_step(client, SIZE_MAX, 0);
        rig_turn(g);
    }
}

static void
assert_cut_after(struct rig *g, struct peer *client, uint64_t ms)
{
    rig_pass(g, ms - 1);
    assert_int_equal(g->r.local.stats.conns_open, 1);
    rig_pass(g, 1);
    assert_int_equal(g->r.local.stats.conns_open, 0);
    assert_int_equal(g->r.local.stats.timeout_body, 1);
    peer_fini(client);
    rig_fini(g);
}

static void
test_never_reading_pipeliner(void **state)
{
    static char large[30000];
    struct rig g;
    struct peer client;

    (void)state;
    for (int i = 0; i < 2; i++) {
        rig_init(&g);
        g.conf.timeouts.body_idle_ms = BODY_MS;
        if (i == 1) {
            memset(large, 'l', sizeof(large));
            g.routes[2].handler.respond.body = large;
            g.routes[2].handler.respond.body_n = sizeof(large);
        }
        rig_start(&g);
        rig_client(&g, &client);
        stuff(&g, &client, GET_R);
        assert_true(g.r.local.stats.requests > 5);
        assert_cut_after(&g, &client, BODY_MS);
    }
}

static void
test_never_reading_download(void **state)
{
    static char large[4000000];
    struct rig g;
    struct peer client;

    (void)state;
    begin(&g, &client);
    rig_file(&g, "large", large, sizeof(large));
    peer_say(&client, "GET /large HTTP/1.1\r\nHost: s.test\r\n\r\n");
    (void)peer_step(&client, SIZE_MAX, 0);
    for (int i = 0; i < 10; i++) {
        rig_turn(&g);
    }
    assert_cut_after(&g, &client, BODY_MS);
}

static void
test_linger(void **state)
{
    struct rig g;
    struct peer client;

    (void)state;
    begin(&g, &client);
    peer_say(&client, "BAD\x01 / HTTP/1.1\r\n\r\n");
    rig_run(&g, &client, NULL);
    peer_assert_has(&client, "HTTP/1.1 400 ");
    assert_true(client.eof); /* our FIN; the peer's is waited for */
    assert_int_equal(g.r.local.stats.conns_open, 1);
    rig_pass(&g, JST_LINGER_MS - 1);
    assert_int_equal(g.r.local.stats.conns_open, 1);
    rig_pass(&g, 1);
    assert_int_equal(g.r.local.stats.conns_open, 0);
    peer_fini(&client);

    rig_client(&g, &client); /* one that closes is not waited for */
    peer_say(&client, "BAD\x01 / HTTP/1.1\r\n\r\n");
    rig_run(&g, &client, NULL);
    peer_shut(&client);
    rig_run(&g, &client, NULL);
    assert_int_equal(g.r.local.stats.conns_open, 0);
    peer_fini(&client);
    rig_fini(&g);
}

/* 0 means for ever. */
static void
test_no_timeouts(void **state)
{
    struct rig g;
    struct peer client;
    struct peer origin;

    (void)state;
    rig_init(&g);
    g.conf.timeouts = (struct joist_timeouts_conf){0};
    rig_start(&g);
    rig_client(&g, &client);
    rig_pass(&g, 1000ull * 3600 * 1000);
    peer_say(&client, "POST / HTTP/1.1\r\nHost: p.test\r\n");
    rig_run(&g, &client, NULL);
    rig_pass(&g, 1000ull * 3600 * 1000);
    peer_say(&client, "Content-Length: 2\r\n\r\na");
    rig_run(&g, &client, NULL);
    rig_pass(&g, 1000ull * 3600 * 1000);
    peer_say(&client, "b");
    rig_run(&g, &client, NULL);
    assert_true(rig_accept(&g, &origin));
    rig_pass(&g, 1000ull * 3600 * 1000);
    peer_say(&origin, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
    rig_run(&g, &client, &origin);
    rig_pass(&g, 1000ull * 3600 * 1000);
    peer_say(&origin, "k");
    rig_run(&g, &client, &origin);
    peer_assert_has(&client, "\r\n\r\nok");
    rig_pass(&g, 1000ull * 3600 * 1000);
    assert_int_equal(g.r.local.stats.conns_open, 1);
    assert_int_equal(g.r.local.stats.upstream_idle, 1);
    peer_fini(&client);
    peer_fini(&origin);
    rig_fini(&g);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_keepalive),
        cmocka_unit_test(test_second_head),
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_body_a_byte_at_a_time),
        cmocka_unit_test(test_upstream_response),
        cmocka_unit_test(test_upstream_idle),
        cmocka_unit_test(test_upstream_keepalive),
        cmocka_unit_test(test_never_reading_pipeliner),
        cmocka_unit_test(test_never_reading_download),
        cmocka_unit_test(test_linger),
        cmocka_unit_test(test_no_timeouts),
    };

    return cmocka_run_group_tests_name("loop/times", tests, NULL, NULL);
}
