// SPDX-License-Identifier: MIT
/*
 * How streams and connections of HTTP/2 end: a client that leaves, an origin that breaks off, a
 * drain, time.
 */
#include "h2_peer.h"

#include "base/bounds.h"

#include <stdlib.h>

static struct h2_peer h;

/* A proxied request under way, its origin accepted. */
static struct h2_reply *
ask(struct rig *g, struct peer *origin)
{
    struct h2_reply *r = h2_reply(&h, h2_get(&h, "p.test", "/"));

    h2_run(g, &h, NULL);
    assert_true(rig_accept(g, origin));
    h2_run(g, &h, origin);
    peer_assert_has(origin, "GET / HTTP/1.1\r\n");
    return r;
}

static void
test_a_client_that_resets_its_request(void **state)
{
    struct rig g;
    struct peer origin;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    r = ask(&g, &origin);
    (void)nghttp2_submit_rst_stream(h.ng, 0, r->id, NGHTTP2_CANCEL);
    h2_run(&g, &h, &origin);
    assert_true(peer_is_over(&origin)); /* it works for nobody */
    assert_int_equal(g.done, 1);
    assert_true(g.last_gone);
    assert_int_equal(g.r.local.stats.client_gone, 1);
    assert_int_equal(g.r.local.stats.requests_open, 0);
    assert_false(h.goaway);
    peer_fini(&origin);
    h2_end(&g, &h);
}

static void
test_a_client_that_leaves(void **state)
{
    struct rig g;
    struct peer origin;

    (void)state;
    h2_begin(&g, &h);
    (void)ask(&g, &origin);
    peer_close(&h.p);
    rig_run(&g, NULL, &origin);
    assert_true(peer_is_over(&origin));
    assert_int_equal(g.done, 1);
    assert_true(g.last_gone);
    assert_int_equal(g.r.local.stats.h2_conns_open, 0);
    peer_fini(&origin);
    h2_end(&g, &h);
}

static void
test_an_origin_that_breaks_off(void **state)
{
    struct rig g;
    struct peer origin;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    r = ask(&g, &origin);
    peer_say(&origin, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    h2_run(&g, &h, &origin);
    assert_string_equal(r->body, "half");
    peer_close(&origin);
    h2_run(&g, &h, NULL);
    assert_true(r->closed);
    assert_false(r->ended); /* never a short body that looks whole */
    assert_int_equal(r->error, NGHTTP2_INTERNAL_ERROR);
    assert_false(h.goaway); /* and the others are none the wiser */
    assert_int_equal(h2_reply(&h, h2_get(&h, "r.test", "/"))->error, 0);
    h2_run(&g, &h, NULL);
    assert_int_equal(h.replies[1].status, 200);
    peer_fini(&origin);
    h2_end(&g, &h);
}

static void
test_an_origin_that_is_not_there(void **state)
{
    struct rig g;
    struct peer origin;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    r = ask(&g, &origin);
    peer_close(&origin);
    h2_run(&g, &h, NULL);
    if (rig_accept(&g, &origin)) { /* it was tried again */
        peer_close(&origin);
        h2_run(&g, &h, NULL);
    }
    assert_int_equal(r->status, 502);
    assert_true(r->ended && r->closed);
    assert_int_equal(r->error, 0);
    peer_fini(&origin);
    h2_end(&g, &h);
}

/* ---- drain ---- */

static void
test_a_drain_lets_streams_end(void **state)
{
    struct rig g;
    struct peer origin;
    struct h2_reply *r;
    struct h2_reply *late;

    (void)state;
    h2_begin(&g, &h);
    r = ask(&g, &origin);
    jst_server_drain_all(&g.r.owner);
    rig_run(&g, &h.p, NULL);
    late = h2_reply(&h, h2_get(&h, "r.test", "/")); /* on its way when the first GOAWAY was sent */
    h2_push(&h);
    h2_run(&g, &h, &origin);
    assert_int_equal(h.goaways, 2);
    assert_int_equal(h.goaway_error, NGHTTP2_NO_ERROR);
    assert_int_equal(h.goaway_last, late->id);
    assert_int_equal(late->status, 200);
    assert_false(h.p.eof);
    peer_say(&origin, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    h2_run(&g, &h, &origin);
    assert_string_equal(r->body, "ok");
    assert_true(h.p.eof); /* the last one: the connection ends by itself */
    peer_fini(&origin);
    h2_end(&g, &h);
}

/* It answers no ping, so the last GOAWAY comes behind the last stream. */
static void
test_a_drain_without_a_ping(void **state)
{
    struct rig g;
    struct peer origin;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    r = ask(&g, &origin);
    jst_server_drain_all(&g.r.owner);
    rig_run(&g, &h.p, NULL);
    peer_say(&origin, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    rig_run(&g, &h.p, &origin);
    assert_true(h.p.eof);
    h2_pull(&h);
    assert_string_equal(r->body, "ok");
    assert_int_equal(h.goaways, 2);
    assert_int_equal(h.goaway_last, r->id);
    peer_fini(&origin);
    h2_end(&g, &h);
}

static void
test_a_drain_closes_what_is_idle(void **state)
{
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    jst_server_drain_all(&g.r.owner);
    h2_run(&g, &h, NULL);
    assert_true(h.goaway);
    assert_int_equal(h.goaway_last, 0);
    assert_true(h.p.eof);
    h2_end(&g, &h);
}

static void
begin_last(struct jst_service *svc, struct jst_stream *s)
{
    s->close_after = true;
    jst_request_begin(svc, s);
}

static void
test_a_service_that_wants_no_more(void **state)
{
    struct rig g;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    g.r.svc.on_request = begin_last;
    r = h2_reply(&h, h2_get(&h, "r.test", "/"));
    h2_run(&g, &h, NULL);
    assert_int_equal(r->status, 200);
    assert_true(h.goaway);
    assert_true(h.p.eof);
    h2_end(&g, &h);
}

static void
test_tunnels_can_be_cut(void **state)
{
    static const nghttp2_nv v[] = {
        H2_NV(":method", "CONNECT"), H2_NV(":protocol", "websocket"),
        H2_NV(":scheme", "http"),    H2_NV(":authority", "p.test"),
        H2_NV(":path", "/"),
    };
    struct h2_body body = {.open = true};
    struct rig g;
    struct peer origin;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    r = h2_reply(&h, h2_request(&h, v, 5, &body));
    h2_run(&g, &h, NULL);
    assert_true(rig_accept(&g, &origin));
    h2_run(&g, &h, &origin);
    h2_say_websocket(&origin, "", "");
    h2_run(&g, &h, &origin);
    assert_int_equal(r->status, 200);
    assert_int_equal(g.r.local.stats.tunnels_open, 1);
    jst_server_close_tunnels(&g.r.owner);
    h2_run(&g, &h, &origin);
    assert_true(r->closed);
    assert_true(peer_is_over(&origin));
    assert_int_equal(g.r.local.stats.tunnels_open, 0);
    assert_false(peer_is_over(&h.p));
    peer_fini(&origin);
    h2_end(&g, &h);
}

/* ---- time ---- */

static void
test_a_client_that_says_nothing(void **state)
{
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    rig_pass(&g, JST_HEADER_MS_DEFAULT - 100);
    h2_run(&g, &h, NULL);
    assert_false(h.goaway);
    rig_pass(&g, 200);
    h2_run(&g, &h, NULL);
    assert_true(h.goaway && h.p.eof);
    assert_int_equal(g.r.local.stats.timeout_header, 1);
    h2_end(&g, &h);
}

static void
test_keepalive(void **state)
{
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    for (int i = 0; i < 3; i++) {
        (void)h2_get(&h, "r.test", "/");
        h2_run(&g, &h, NULL);
        rig_pass(&g, JST_KEEPALIVE_MS_DEFAULT - 100);
        h2_run(&g, &h, NULL);
        assert_false(h.goaway);
    }
    rig_pass(&g, 200);
    h2_run(&g, &h, NULL);
    assert_true(h.goaway && h.p.eof);
    assert_int_equal(g.r.local.stats.timeout_keepalive, 1);
    assert_int_equal(g.r.local.stats.requests, 3);
    h2_end(&g, &h);
}

/* Half a header block holds up everything else on the connection. */
static void
test_a_head_that_does_not_end(void **state)
{
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    h2_frame(&h, NGHTTP2_HEADERS, 0, 1, "\x82", 1);
    rig_run(&g, &h.p, NULL);
    rig_pass(&g, JST_HEADER_MS_DEFAULT + 100);
    rig_run(&g, &h.p, NULL);
    assert_true(peer_is_over(&h.p));
    assert_int_equal(g.r.local.stats.timeout_header, 1);
    h2_end(&g, &h);
}

static void
test_a_body_that_does_not_come(void **state)
{
    nghttp2_nv post[] = {H2_NV(":method", "POST"), H2_NV(":scheme", "http"),
                         H2_NV(":authority", "p.test"), H2_NV(":path", "/")};
    struct h2_body body = {.p = "abc", .n = 3, .may = 1};
    struct rig g;
    struct peer origin;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    r = h2_reply(&h, h2_request(&h, post, 4, &body));
    h2_run(&g, &h, NULL);
    assert_true(rig_accept(&g, &origin));
    h2_run(&g, &h, &origin);
    rig_pass(&g, JST_BODY_IDLE_MS_DEFAULT - 100);
    h2_run(&g, &h, &origin);
    assert_int_equal(r->status, 0);
    rig_pass(&g, 200);
    h2_run(&g, &h, &origin);
    assert_int_equal(r->status, 408);
    assert_true(peer_is_over(&origin));
    assert_int_equal(g.r.local.stats.timeout_body, 1);
    rig_pass(&g, 3000);
    h2_run(&g, &h, &origin);
    assert_true(r->closed);
    assert_false(h.goaway);
    peer_fini(&origin);
    h2_end(&g, &h);
}

/* Tiny windows: the answer is there, and the client does not let it go. */
static void
test_a_client_that_opens_no_window(void **state)
{
    static char bytes[200000];
    struct rig g;
    struct h2_reply *r;

    (void)state;
    rig_init(&g);
    rig_start(&g);
    rig_file(&g, "a.bin", bytes, sizeof(bytes));
    h2_open(&g, &h, true);
    r = h2_reply(&h, h2_get(&h, "s.test", "/a.bin"));
    h2_run(&g, &h, NULL);
    assert_int_equal(r->body_n, 65535);
    for (int i = 0; i < 59; i++) { /* a byte a second is no progress */
        rig_pass(&g, 1000);
        (void)nghttp2_submit_window_update(h.ng, 0, r->id, 1);
        (void)nghttp2_submit_window_update(h.ng, 0, 0, 1);
        h2_run(&g, &h, NULL);
    }
    assert_false(r->closed);
    rig_pass(&g, 2000);
    h2_run(&g, &h, NULL);
    assert_true(r->closed);
    assert_int_equal(r->error, NGHTTP2_CANCEL);
    assert_int_equal(g.r.local.stats.timeout_body, 1);
    h2_end(&g, &h);
}

static void
test_a_client_that_does_not_read(void **state)
{
    static char bytes[3000000];
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    rig_file(&g, "a.bin", bytes, sizeof(bytes));
    (void)nghttp2_session_set_local_window_size(h.ng, 0, 0, 10000000);
    (void)h2_get(&h, "s.test", "/a.bin");
    h2_push(&h);
    (void)nghttp2_session_set_local_window_size(h.ng, 0, 1, 10000000);
    h2_push(&h);
    for (int i = 0; i < 100; i++) {
        (void)peer_step(&h.p, SIZE_MAX, 0);
        rig_turn(&g);
    }
    rig_pass(&g, JST_BODY_IDLE_MS_DEFAULT + 100);
    assert_int_equal(g.r.local.stats.h2_conns_open, 0);
    assert_int_equal(g.r.local.stats.timeout_body, 1);
    h2_end(&g, &h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_that_resets_its_request),
        cmocka_unit_test(test_a_client_that_leaves),
        cmocka_unit_test(test_an_origin_that_breaks_off),
        cmocka_unit_test(test_an_origin_that_is_not_there),
        cmocka_unit_test(test_a_drain_lets_streams_end),
        cmocka_unit_test(test_a_drain_without_a_ping),
        cmocka_unit_test(test_a_drain_closes_what_is_idle),
        cmocka_unit_test(test_a_service_that_wants_no_more),
        cmocka_unit_test(test_tunnels_can_be_cut),
        cmocka_unit_test(test_a_client_that_says_nothing),
        cmocka_unit_test(test_keepalive),
        cmocka_unit_test(test_a_head_that_does_not_end),
        cmocka_unit_test(test_a_body_that_does_not_come),
        cmocka_unit_test(test_a_client_that_opens_no_window),
        cmocka_unit_test(test_a_client_that_does_not_read),
    };

    return cmocka_run_group_tests_name("loop/h2_ends", tests, NULL, NULL);
}
