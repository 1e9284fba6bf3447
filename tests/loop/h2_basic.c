// SPDX-License-Identifier: MIT
/*
 * HTTP/2 through the whole pipeline: what HTTP/1.1 can, it can.
 */
#include "h2_peer.h"

#include <stdlib.h>

static struct h2_peer h;

static bool
has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void
test_get(void **state)
{
    struct rig g;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    r = h2_reply(&h, h2_get(&h, "r.test", "/"));
    h2_run(&g, &h, NULL);
    assert_int_equal(r->status, 200);
    assert_string_equal(r->body, "hello\n");
    assert_true(r->ended && r->closed);
    assert_int_equal(r->error, 0);
    assert_true(has(r->head, "server: joist\n"));
    assert_true(has(r->head, "content-length: 6\n"));
    assert_true(has(r->head, "date: "));
    assert_int_equal(g.r.local.stats.requests, 1);
    assert_int_equal(g.r.local.stats.status_2xx, 1);
    assert_int_equal(g.r.local.stats.h2_conns_open, 1);
    h2_end(&g, &h);
}

static void
test_head_and_not_modified(void **state)
{
    nghttp2_nv head[] = {H2_NV(":method", "HEAD"), H2_NV(":scheme", "http"),
                         H2_NV(":authority", "s.test"), H2_NV(":path", "/a.txt")};
    nghttp2_nv again[] = {H2_NV(":method", "GET"), H2_NV(":scheme", "http"),
                          H2_NV(":authority", "s.test"), H2_NV(":path", "/a.txt"),
                          H2_NV("if-modified-since", "Fri, 01 Jan 2038 00:00:00 GMT")};
    struct rig g;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    rig_file(&g, "a.txt", "some text\n", 10);
    r = h2_reply(&h, h2_request(&h, head, 4, NULL));
    h2_run(&g, &h, NULL);
    assert_int_equal(r->status, 200);
    assert_true(has(r->head, "content-length: 10\n"));
    assert_true(has(r->head, "content-type: text/plain"));
    assert_int_equal(r->body_n, 0);
    assert_true(r->ended);
    r = h2_reply(&h, h2_request(&h, again, 5, NULL));
    h2_run(&g, &h, NULL);
    assert_int_equal(r->status, 304);
    assert_false(has(r->head, "content-length"));
    assert_true(r->ended);
    h2_end(&g, &h);
}

static void
fill(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)(i * 7 + i / 256);
    }
}

/* Large enough to go as pieces of the file: a frame's header, then the file. */
static void
test_a_large_file(void **state)
{
    static char bytes[3000000];
    struct rig g;
    struct h2_reply *r;
    struct h2_reply *small;

    (void)state;
    h2_begin(&g, &h);
    fill(bytes, sizeof(bytes));
    rig_file(&g, "big.bin", bytes, sizeof(bytes));
    rig_file(&g, "small.txt", "tiny", 4);
    r = h2_reply(&h, h2_get(&h, "s.test", "/big.bin"));
    small = h2_reply(&h, h2_get(&h, "s.test", "/small.txt"));
    h2_run(&g, &h, NULL);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->body_n, sizeof(bytes));
    assert_memory_equal(r->body, bytes, sizeof(bytes));
    assert_true(r->ended);
    assert_string_equal(small->body, "tiny");
    h2_end(&g, &h);
}

static void
test_many_at_once(void **state)
{
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    h2_run(&g, &h, NULL);
    for (int i = 0; i < 300; i++) { /* more than are allowed at once */
        (void)h2_get(&h, i % 2 == 0 ? "r.test" : "x.test", "/a");
    }
    h2_run(&g, &h, NULL);
    assert_int_equal(h.replies_n, 300);
    for (size_t i = 0; i < h.replies_n; i++) {
        assert_int_equal(h.replies[i].status, h.replies[i].id % 4 == 1 ? 200 : 308);
        assert_true(h.replies[i].ended);
        assert_int_equal(h.replies[i].error, 0);
    }
    assert_int_equal(g.r.local.stats.requests, 300);
    h2_end(&g, &h);
}

/* ---- through a proxy, to an origin of HTTP/1.1 ---- */

static void
test_a_post_with_trailers_both_ways(void **state)
{
    nghttp2_nv post[] = {H2_NV(":method", "POST"),      H2_NV(":scheme", "http"),
                         H2_NV(":authority", "p.test"), H2_NV(":path", "/up?x=1"),
                         H2_NV("te", "trailers"),       H2_NV("cookie", "a=1"),
                         H2_NV("cookie", "b=2"),        H2_NV("x-own", "yes")};
    nghttp2_nv trailer[] = {H2_NV("x-sum", "abc")};
    struct h2_body body = {
        .p = "some body", .n = 9, .may = 9, .trailers = trailer, .trailers_n = 1};
    struct rig g;
    struct peer origin;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    r = h2_reply(&h, h2_request(&h, post, 8, &body));
    h2_run(&g, &h, NULL);
    assert_true(rig_accept(&g, &origin));
    h2_run(&g, &h, &origin);
    peer_assert_has(&origin, "POST /up?x=1 HTTP/1.1\r\nHost: p.test\r\n");
    peer_assert_has(&origin, "Cookie: a=1; b=2\r\n");
    peer_assert_has(&origin, "x-own: yes\r\n");
    peer_assert_has(&origin, "TE: trailers\r\n");
    peer_assert_has(&origin, "9\r\nsome body\r\n");
    peer_assert_has(&origin, "x-sum: abc\r\n");
    peer_say(&origin, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n"
                      "Connection: close\r\nX-Own: Two\r\n\r\n"
                      "5\r\nhello\r\n0\r\nX-End: done\r\n\r\n");
    h2_run(&g, &h, &origin);
    assert_int_equal(r->status, 200);
    assert_string_equal(r->body, "hello");
    assert_true(has(r->head, "x-own: Two\n"));
    assert_false(has(r->head, "connection"));
    assert_false(has(r->head, "transfer-encoding"));
    assert_true(has(r->trailers, "x-end: done\n"));
    assert_true(r->ended && r->closed);
    peer_fini(&origin);
    h2_end(&g, &h);
}

static void
test_interim_responses_and_continue(void **state)
{
    nghttp2_nv post[] = {H2_NV(":method", "POST"),        H2_NV(":scheme", "http"),
                         H2_NV(":authority", "p.test"),   H2_NV(":path", "/"),
                         H2_NV("expect", "100-continue"), H2_NV("content-length", "4")};
    struct h2_body body = {.p = "body", .n = 4, .may = 0};
    struct rig g;
    struct peer origin;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    r = h2_reply(&h, h2_request(&h, post, 6, &body));
    h2_run(&g, &h, NULL);
    assert_true(rig_accept(&g, &origin));
    h2_run(&g, &h, &origin);
    peer_say(&origin, "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
                      "HTTP/1.1 100 Continue\r\n\r\n");
    h2_run(&g, &h, &origin);
    assert_int_equal(r->interim, 2);
    assert_int_equal(r->last_interim, 100);
    body.may = 4;
    assert_int_equal(nghttp2_session_resume_data(h.ng, r->id), 0);
    h2_run(&g, &h, &origin);
    peer_assert_has(&origin, "\r\n\r\nbody");
    peer_say(&origin, "HTTP/1.1 204 No Content\r\n\r\n");
    h2_run(&g, &h, &origin);
    assert_int_equal(r->status, 204);
    assert_true(r->ended && r->closed);
    assert_int_equal(g.r.local.stats.status_1xx, 2);
    peer_fini(&origin);
    h2_end(&g, &h);
}

/* ---- extended CONNECT (RFC 8441) ---- */

static const nghttp2_nv websocket[] = {
    H2_NV(":method", "CONNECT"), H2_NV(":protocol", "websocket"),
    H2_NV(":scheme", "http"),    H2_NV(":authority", "p.test"),
    H2_NV(":path", "/chat"),     H2_NV("sec-websocket-version", "13"),
};

static void
test_a_websocket(void **state)
{
    struct h2_body body = {.p = "from the client", .n = 15, .open = true};
    struct rig g;
    struct peer origin;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    h2_run(&g, &h, NULL); /* their SETTINGS allow it */
    r = h2_reply(&h, h2_request(&h, websocket, JST_COUNT(websocket), &body));
    h2_run(&g, &h, NULL);
    assert_true(rig_accept(&g, &origin));
    h2_run(&g, &h, &origin);
    peer_assert_has(&origin, "GET /chat HTTP/1.1\r\n");
    peer_assert_has(&origin, "Upgrade: websocket\r\n");
    peer_assert_has(&origin, "Sec-WebSocket-Key: ");
    h2_say_websocket(&origin, "Sec-WebSocket-Protocol: chat\r\n", "first");
    peer_forget(&origin);
    h2_run(&g, &h, &origin);
    assert_int_equal(r->status, 200);
    assert_false(has(r->head, "upgrade"));
    assert_false(has(r->head, "sec-websocket-accept"));
    assert_true(has(r->head, "sec-websocket-protocol: chat\n"));
    assert_string_equal(r->body, "first");
    assert_int_equal(g.r.local.stats.tunnels_open, 1);
    body.may = 15;
    assert_int_equal(nghttp2_session_resume_data(h.ng, r->id), 0);
    h2_run(&g, &h, &origin);
    peer_assert_has(&origin, "from the client");
    body.open = false; /* a half-close: the other way goes on */
    assert_int_equal(nghttp2_session_resume_data(h.ng, r->id), 0);
    h2_run(&g, &h, &origin);
    assert_true(origin.eof);
    assert_false(r->ended);
    peer_say(&origin, " last");
    peer_shut(&origin);
    h2_run(&g, &h, &origin);
    assert_string_equal(r->body, "first last");
    assert_true(r->ended && r->closed);
    assert_int_equal(r->error, 0);
    assert_int_equal(g.r.local.stats.tunnels_open, 0);
    peer_fini(&origin);
    h2_end(&g, &h);
}

static void
test_a_websocket_that_is_refused(void **state)
{
    struct h2_body body = {.open = true};
    struct rig g;
    struct peer origin;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    h2_run(&g, &h, NULL);
    r = h2_reply(&h, h2_request(&h, websocket, JST_COUNT(websocket), &body));
    h2_run(&g, &h, NULL);
    assert_true(rig_accept(&g, &origin));
    h2_run(&g, &h, &origin);
    peer_say(&origin, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    h2_run(&g, &h, &origin);
    assert_int_equal(r->status, 403);
    assert_string_equal(r->body, "no");
    assert_true(r->ended);
    rig_pass(&g, 3000); /* its direction is not waited for longer than that */
    h2_run(&g, &h, &origin);
    assert_true(r->closed);
    peer_fini(&origin);
    h2_end(&g, &h);
}

static void
test_other_protocols_and_plain_connect(void **state)
{
    nghttp2_nv other[] = {H2_NV(":method", "CONNECT"), H2_NV(":protocol", "connect-udp"),
                          H2_NV(":scheme", "http"), H2_NV(":authority", "p.test"),
                          H2_NV(":path", "/")};
    nghttp2_nv plain[] = {H2_NV(":method", "CONNECT"), H2_NV(":authority", "p.test:443")};
    struct h2_body none = {.open = true};
    struct rig g;
    struct h2_reply *a;
    struct h2_reply *b;

    (void)state;
    h2_begin(&g, &h);
    h2_run(&g, &h, NULL);
    a = h2_reply(&h, h2_request(&h, other, 5, &none));
    b = h2_reply(&h, h2_request(&h, plain, 2, &none));
    h2_run(&g, &h, NULL);
    assert_int_equal(a->status, 501);
    assert_int_equal(b->status, 501);
    h2_end(&g, &h);
}

/* ---- how a plain connection begins ---- */

static void
test_sniffing(void **state)
{
    for (size_t cut = 1; cut <= 30; cut += 7) { /* in one piece or in several */
        struct rig g;
        struct h2_reply *r;

        (void)state;
        rig_init(&g);
        g.sniff_h2 = true;
        rig_start(&g);
        h = (struct h2_peer){0};
        rig_client(&g, &h.p);
        h2_speak(&h, false);
        r = h2_reply(&h, h2_get(&h, "r.test", "/"));
        h2_push(&h);
        for (int i = 0; i < 40; i++) {
            (void)peer_step(&h.p, cut, 0);
            rig_turn(&g);
        }
        h2_run(&g, &h, NULL);
        assert_int_equal(r->status, 200);
        assert_string_equal(r->body, "hello\n");
        assert_int_equal(g.r.local.stats.conns_open, 1);
        assert_int_equal(g.r.local.stats.h2_conns, 1);
        h2_end(&g, &h);
    }
}

static void
test_http_1_where_sniffed(void **state)
{
    static const char *const requests[] = {"GET / HTTP/1.1\r\nHost: r.test\r\n\r\n",
                                           "POST / HTTP/1.1\r\nHost: r.test\r\n"
                                           "Content-Length: 0\r\n\r\n",
                                           "PRI / HTTP/1.1\r\nHost: r.test\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(requests); i++) {
        struct rig g;
        struct peer p;

        rig_init(&g);
        g.sniff_h2 = true;
        rig_start(&g);
        rig_client(&g, &p);
        peer_say(&p, requests[i]);
        rig_run(&g, &p, NULL);
        peer_assert_has(&p, "HTTP/1.1 200 OK\r\n");
        assert_int_equal(g.r.local.stats.h2_conns, 0);
        peer_fini(&p);
        rig_run(&g, NULL, NULL);
        rig_fini(&g);
    }
}

static void
test_no_sniffing(void **state)
{
    struct rig g;
    struct peer p;

    (void)state;
    rig_init(&g);
    rig_start(&g);
    rig_client(&g, &p);
    peer_say(&p, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    rig_run(&g, &p, NULL);
    peer_assert_has(&p, "HTTP/1.1 505 ");
    assert_true(p.eof);
    peer_fini(&p);
    rig_run(&g, NULL, NULL);
    rig_fini(&g);
}

static void
test_http_1_where_only_2_is_spoken(void **state)
{
    struct rig g;

    (void)state;
    rig_init(&g);
    rig_start(&g);
    h2_open(&g, &h, false); /* the preface waits: it would come first */
    peer_say(&h.p, "GET / HTTP/1.1\r\nHost: r.test\r\n\r\n");
    rig_run(&g, &h.p, NULL);
    h2_pull(&h);
    assert_true(h.goaway);
    assert_int_equal(h.goaway_error, NGHTTP2_PROTOCOL_ERROR);
    assert_true(h.p.eof);
    assert_int_equal(g.r.local.stats.h2_errors, 1);
    h2_end(&g, &h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_head_and_not_modified),
        cmocka_unit_test(test_a_large_file),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_a_post_with_trailers_both_ways),
        cmocka_unit_test(test_interim_responses_and_continue),
        cmocka_unit_test(test_a_websocket),
        cmocka_unit_test(test_a_websocket_that_is_refused),
        cmocka_unit_test(test_other_protocols_and_plain_connect),
        cmocka_unit_test(test_sniffing),
        cmocka_unit_test(test_http_1_where_sniffed),
        cmocka_unit_test(test_no_sniffing),
        cmocka_unit_test(test_http_1_where_only_2_is_spoken),
    };

    return cmocka_run_group_tests_name("loop/h2_basic", tests, NULL, NULL);
}
