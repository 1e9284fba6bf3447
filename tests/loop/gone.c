// SPDX-License-Identifier: MIT
/*
 * Clients that leave at every stage, drains in every state, origins that leave in the middle: what
 * is under way elsewhere ends at once, and nothing is left over.
 */
#include "harness.h"

#include <stdio.h>

#define WS    "GET /ws HTTP/1.1\r\nHost: p.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
#define WS_OK "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"

/* What each side says before somebody leaves. */
struct stage {
    const char *name;
    const char *request;
    const char *answer; /* NULL: the origin has said nothing */
    bool proxied;
    bool cut;    /* the request is not answered in full */
    bool tunnel; /* the client's end is only one half's: the origin's follows */
};

static const struct stage stages[] = {
    {"nothing said", "", NULL, false, false, false},
    {"inside of the head", "GET / HTTP/1.1\r\nHos", NULL, false, false, false},
    {"inside of a body for nobody",
     "POST / HTTP/1.1\r\nHost: r.test\r\nContent-Length: 100\r\n\r\nabc", NULL, false, false,
     false},
    {"inside of a body", "POST / HTTP/1.1\r\nHost: p.test\r\nContent-Length: 100\r\n\r\nabc", NULL,
     true, true, false},
    {"inside of a chunk",
     "POST / HTTP/1.1\r\nHost: p.test\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc", NULL, true,
     true, false},
    {"waiting", "GET / HTTP/1.1\r\nHost: p.test\r\n\r\n", NULL, true, true, false},
    {"waiting, with another behind",
     "GET /1 HTTP/1.1\r\nHost: p.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: p.test\r\n\r\n", NULL, true,
     true, false},
    {"after an interim response", "GET / HTTP/1.1\r\nHost: p.test\r\n\r\n",
     "HTTP/1.1 103 Early Hints\r\n\r\n", true, true, false},
    {"waiting for 100 (Continue)",
     "POST / HTTP/1.1\r\nHost: p.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", NULL,
     true, true, false},
    {"inside of the response", "GET / HTTP/1.1\r\nHost: p.test\r\n\r\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", true, true, false},
    {"inside of a chunked response", "GET / HTTP/1.1\r\nHost: p.test\r\n\r\n",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true, true, false},
    {"inside of a response until the close", "GET / HTTP/1.0\r\nHost: p.test\r\n\r\n",
     "HTTP/1.1 200 OK\r\n\r\nabc", true, true, false},
    {"answered before the body's end",
     "POST / HTTP/1.1\r\nHost: p.test\r\nContent-Length: 100\r\n\r\nabc",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true, false, false},
    {"in a tunnel", WS, WS_OK "abc", true, true, true},
    {"between requests", "GET / HTTP/1.1\r\nHost: r.test\r\n\r\n", NULL, false, false, false},
};

/* Bring it to the stage; true if the origin is in it. */
static bool
begin(struct rig *g, const struct stage *st, struct peer *client, struct peer *origin)
{
    bool there = false;

    rig_client(g, client);
    peer_say(client, st->request);
    rig_run(g, client, NULL);
    if (st->proxied) {
        there = rig_accept(g, origin);
        assert_true(there);
        rig_run(g, client, origin);
        if (st->answer != NULL) {
            peer_say(origin, st->answer);
        }
        rig_run(g, client, origin);
    }
    return there;
}

static void
test_client_gone(void **state)
{
    struct rig g;

    (void)state;
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        struct peer client;
        struct peer origin;

        rig_init(&g);
        rig_start(&g);
        (void)begin(&g, &stages[i], &client, &origin);
        peer_fini(&client);
        rig_run(&g, stages[i].proxied ? &origin : NULL, NULL);
        if (stages[i].proxied) {
            if (!peer_is_over(&origin)) {
                fail_msg("%s: the origin was not let go", stages[i].name);
            }
            peer_fini(&origin);
            rig_run(&g, NULL, NULL);
        }
        rig_assert_idle(&g);
        if (g.r.local.stats.client_gone != (stages[i].cut && !stages[i].tunnel ? 1u : 0u)) {
            fail_msg("%s: client_gone is %u", stages[i].name,
                     (unsigned)g.r.local.stats.client_gone);
        }
        assert_int_equal(g.r.local.stats.upstream_failures, 0); /* it is not the origin's fault */
        rig_fini(&g);
    }
}

static void
test_client_gone_inside_of_a_download(void **state)
{
    static char large[3000000];
    struct rig g;
    struct peer client;

    (void)state;
    rig_init(&g);
    rig_start(&g);
    rig_file(&g, "large", large, sizeof(large));
    rig_client(&g, &client);
    peer_say(&client, "GET /large HTTP/1.1\r\nHost: s.test\r\n\r\n");
    (void)peer_step(&client, SIZE_MAX, 0);
    rig_turn(&g);
    rig_turn(&g);
    (void)peer_step(&client, 0, 5000);
    assert_int_equal(g.r.local.stats.requests_open, 1);
    peer_fini(&client);
    rig_run(&g, NULL, NULL);
    rig_assert_idle(&g);
    assert_int_equal(g.last_gone, true);
    rig_fini(&g);
}

/* ---- origins ---- */

static void
test_origin_gone(void **state)
{
    struct rig g;

    (void)state;
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        struct peer client;
        struct peer origin;
        bool answered;

        if (!stages[i].proxied || !stages[i].cut) {
            continue;
        }
        rig_init(&g);
        rig_start(&g);
        (void)begin(&g, &stages[i], &client, &origin);
        answered = peer_has(&client, "HTTP/1.1 200 ") || peer_has(&client, "HTTP/1.1 101 ");
        peer_fini(&origin);
        rig_run(&g, &client, NULL);
        while (rig_accept(&g, &origin)) { /* an idempotent request is not tried again: it was new */
            peer_fini(&origin);
            rig_run(&g, &client, NULL);
        }
        if (!answered) {
            peer_assert_has(&client, "HTTP/1.1 502 Bad Gateway\r\n");
        } else if (!peer_is_over(&client)) {
            fail_msg("%s: the client was not cut", stages[i].name);
        }
        assert_false(peer_has(&client, "\r\n0\r\n")); /* never a short body as a whole one */
        peer_fini(&client);
        rig_run(&g, NULL, NULL);
        rig_assert_idle(&g);
        rig_fini(&g);
    }
}

/* ---- tunnels ---- */

static void
test_tunnel_closes_by_halves(void **state)
{
    static const struct stage tunnel = {"tunnel", WS, WS_OK "first", true, true, true};
    struct rig g;

    (void)state;
    for (int origin_first = 0; origin_first < 2; origin_first++) {
        struct peer client;
        struct peer origin;
        struct peer *a = origin_first ? &origin : &client;
        struct peer *b = origin_first ? &client : &origin;

        rig_init(&g);
        rig_start(&g);
        (void)begin(&g, &tunnel, &client, &origin);
        assert_int_equal(g.r.local.stats.tunnels_open, 1);
        peer_assert_has(&client, "\r\n\r\nfirst");
        peer_say(a, "last of a");
        peer_shut(a);
        rig_run(&g, &client, &origin);
        peer_assert_has(b, "last of a");
        assert_true(b->eof);
        assert_false(peer_is_over(a));
        rig_pass(&g, 24ull * 3600 * 1000); /* half a tunnel may live as long as a whole one */
        peer_say(b, "last of b");
        rig_run(&g, &client, &origin);
        peer_assert_has(a, "last of b");
        assert_int_equal(g.r.local.stats.tunnels_open, 1);
        peer_shut(b);
        rig_run(&g, &client, &origin);
        assert_true(a->eof);
        rig_assert_idle(&g);
        assert_int_equal(g.last_why, 0);
        assert_int_equal(g.r.local.stats.client_gone, 0);
        peer_fini(&client);
        peer_fini(&origin);
        rig_fini(&g);
    }
}

/* ---- drains ---- */

static void
test_drain_closes_the_idle(void **state)
{
    struct rig g;
    struct peer fresh;
    struct peer kept;

    (void)state;
    rig_init(&g);
    rig_start(&g);
    rig_client(&g, &fresh);
    rig_client(&g, &kept);
    peer_say(&kept, "GET / HTTP/1.1\r\nHost: r.test\r\n\r\n");
    rig_run(&g, &kept, NULL);
    jst_server_drain_all(&g.r.owner);
    rig_run(&g, &kept, &fresh);
    assert_true(kept.eof && fresh.eof);
    assert_int_equal(fresh.total, 0);
    rig_assert_idle(&g);
    peer_fini(&fresh);
    peer_fini(&kept);
    rig_fini(&g);
}

static void
test_drain_inside_of_a_head(void **state)
{
    struct rig g;
    struct peer client;

    (void)state;
    rig_init(&g);
    rig_start(&g);
    rig_client(&g, &client);
    peer_say(&client, "GET / HTTP/1.1\r\nHo");
    rig_run(&g, &client, NULL);
    jst_server_drain_all(&g.r.owner);
    rig_run(&g, &client, NULL);
    assert_false(peer_is_over(&client));
    peer_say(&client, "st: r.test\r\n\r\nGET /more HTTP/1.1\r\nHost: r.test\r\n\r\n");
    rig_run(&g, &client, NULL);
    peer_assert_has(&client, "HTTP/1.1 200 OK\r\n");
    peer_assert_has(&client, "\r\nConnection: close\r\n");
    assert_true(client.eof);
    assert_int_equal(g.done, 1);
    peer_fini(&client);
    rig_run(&g, NULL, NULL);
    rig_assert_idle(&g);
    rig_fini(&g);
}

/* At each stage the request goes on to its end, and the connection ends behind it. */
static void
test_drain_lets_requests_end(void **state)
{
    static const struct {
        const char *request, *before, *rest_of_request, *rest_of_answer, *whole_end;
        bool says_close;
    } cases[] = {
        {"POST / HTTP/1.1\r\nHost: p.test\r\nContent-Length: 6\r\n\r\nabc", NULL, "def",
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "\r\n\r\nok", true},
        {"GET / HTTP/1.1\r\nHost: p.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: p.test\r\n\r\n", NULL, "",
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "\r\n\r\nok", true},
        {"GET / HTTP/1.1\r\nHost: p.test\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok",
         "", "ay", "okay", false},
        {"GET / HTTP/1.1\r\nHost: p.test\r\n\r\n",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "", "0\r\n\r\n",
         "\r\n0\r\n\r\n", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stage st = {"", cases[i].request, cases[i].before, true, false, false};
        struct peer client;
        struct peer origin;
        struct rig g;

        rig_init(&g);
        rig_start(&g);
        (void)begin(&g, &st, &client, &origin);
        jst_server_drain_all(&g.r.owner);
        rig_run(&g, &client, &origin);
        assert_false(peer_is_over(&client) || peer_is_over(&origin));
        peer_say(&client, cases[i].rest_of_request);
        rig_run(&g, &client, &origin);
        peer_say(&origin, cases[i].rest_of_answer);
        rig_run(&g, &client, &origin);
        peer_assert_has(&client, cases[i].whole_end);
        assert_int_equal(peer_has(&client, "\r\nConnection: close\r\n"), cases[i].says_close);
        assert_true(client.eof);
        assert_int_equal(g.done, 1);
        assert_int_equal(g.last_why, 0);
        peer_fini(&client);
        peer_fini(&origin);
        rig_run(&g, NULL, NULL);
        rig_assert_idle(&g);
        rig_fini(&g);
    }
}

static void
test_drain_and_tunnels(void **state)
{
    static const struct stage tunnel = {"tunnel", WS, WS_OK, true, true, true};
    struct peer client;
    struct peer origin;
    struct rig g;

    (void)state;
    rig_init(&g);
    rig_start(&g);
    (void)begin(&g, &tunnel, &client, &origin);
    jst_server_drain_all(&g.r.owner);
    peer_say(&client, "still");
    rig_run(&g, &client, &origin);
    peer_assert_has(&origin, "still");
    jst_server_close_tunnels(&g.r.owner);
    rig_run(&g, &client, &origin);
    assert_true(peer_is_over(&client) && peer_is_over(&origin));
    rig_assert_idle(&g);
    peer_fini(&client);
    peer_fini(&origin);
    rig_fini(&g);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_gone),
        cmocka_unit_test(test_client_gone_inside_of_a_download),
        cmocka_unit_test(test_origin_gone),
        cmocka_unit_test(test_tunnel_closes_by_halves),
        cmocka_unit_test(test_drain_closes_the_idle),
        cmocka_unit_test(test_drain_inside_of_a_head),
        cmocka_unit_test(test_drain_lets_requests_end),
        cmocka_unit_test(test_drain_and_tunnels),
    };

    return cmocka_run_group_tests_name("loop/gone", tests, NULL, NULL);
}
