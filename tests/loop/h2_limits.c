// SPDX-License-Identifier: MIT
/*
 * What a client of HTTP/2 may not do: requests that are refused, streams that are reset, floods
 * that end the connection, and only it.
 */
#include "h2_peer.h"

#include "base/bounds.h"

#include <stdlib.h>

static struct h2_peer h;

/* One request with other fields; the status it gets. */
static unsigned
ask(struct rig *g, const nghttp2_nv *v, size_t n)
{
    struct h2_reply *r = h2_reply(&h, h2_request(&h, v, n, NULL));

    h2_run(g, &h, NULL);
    assert_true(r->ended && r->closed);
    assert_int_equal(r->error, 0);
    return r->status;
}

static void
test_hosts(void **state)
{
    static const struct {
        const char *authority;
        const char *host;
        unsigned status;
    } cases[] = {
        {"r.test", NULL, 200},     {NULL, "r.test", 200},
        {"r.test", "r.test", 200}, {"R.Test:80", "r.test", 200},
        {"r.test", "x.test", 400}, {"r.test:81", "r.test:82", 400},
        {NULL, NULL, 400},         {"r.test", "", 400},
        {"u@r.test", NULL, 400},   {"r.test.", NULL, 200},
    };
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        nghttp2_nv v[5] = {H2_NV(":method", "GET"), H2_NV(":scheme", "http"), H2_NV(":path", "/")};
        size_t n = 3;

        if (cases[i].authority != NULL) {
            v[n++] = (nghttp2_nv){(uint8_t *)":authority", (uint8_t *)(uintptr_t)cases[i].authority,
                                  10, strlen(cases[i].authority), 0};
        }
        if (cases[i].host != NULL) {
            v[n++] = (nghttp2_nv){(uint8_t *)"host", (uint8_t *)(uintptr_t)cases[i].host, 4,
                                  strlen(cases[i].host), 0};
        }
        /* nghttp2 itself refuses some: a reset instead of a 400 */
        struct h2_reply *r = h2_reply(&h, h2_request(&h, v, n, NULL));

        h2_run(&g, &h, NULL);
        assert_true(r->closed);
        if (r->status != cases[i].status &&
            !(cases[i].status == 400 && r->error == NGHTTP2_PROTOCOL_ERROR)) {
            fail_msg("case %zu: %u, error %u", i, r->status, r->error);
        }
    }
    h2_end(&g, &h);
}

static void
test_paths(void **state)
{
    static const struct {
        const char *path;
        unsigned status;
    } cases[] = {
        {"/a/../b", 200}, {"/../b", 400}, {"/%00", 400}, {"/a#b", 400},
        {"/a%zz", 400},   {"/?a=b", 200}, {"/\\", 400},
    };
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct h2_reply *r = h2_reply(&h, h2_get(&h, "r.test", cases[i].path));

        h2_run(&g, &h, NULL);
        assert_true(r->closed);
        if (r->status != cases[i].status &&
            !(cases[i].status == 400 && r->error == NGHTTP2_PROTOCOL_ERROR)) {
            fail_msg("case %zu: %u, error %u", i, r->status, r->error);
        }
    }
    h2_end(&g, &h);
}

static void
test_sizes(void **state)
{
    static char many[JST_HEADER_COUNT_DEFAULT + 1][8];
    static nghttp2_nv v[JST_HEADER_COUNT_DEFAULT + 5] = {
        H2_NV(":method", "GET"), H2_NV(":scheme", "http"), H2_NV(":authority", "r.test"),
        H2_NV(":path", "/")};
    static char big[70000];
    struct rig g;
    size_t n = 4;

    (void)state;
    rig_init(&g);
    g.conf.limits.header_bytes = 20000;
    rig_start(&g);
    h2_open(&g, &h, false);
    for (size_t i = 0; i < JST_COUNT(many); i++) {
        memcpy(many[i], "x-000", 6);
        many[i][2] = (char)('0' + i / 100);
        many[i][3] = (char)('0' + i / 10 % 10);
        many[i][4] = (char)('0' + i % 10);
        v[n++] = (nghttp2_nv){(uint8_t *)many[i], (uint8_t *)(uintptr_t) "v", 5, 1, 0};
    }
    assert_int_equal(ask(&g, v, n - 1), 200);
    assert_int_equal(ask(&g, v, n), 431);
    assert_int_equal(g.r.local.stats.limit_header_count, 1);
    memset(big, 'a', sizeof(big));
    v[4] = (nghttp2_nv){(uint8_t *)(uintptr_t) "x-a", (uint8_t *)big, 3, 12000, 0};
    v[5] = (nghttp2_nv){(uint8_t *)(uintptr_t) "x-b", (uint8_t *)big, 3, 5000, 0};
    assert_int_equal(ask(&g, v, 6), 200);
    v[5].valuelen = 9000;
    assert_int_equal(ask(&g, v, 6), 431);
    assert_int_equal(g.r.local.stats.limit_header_bytes, 1);
    big[0] = '/';
    v[3] = (nghttp2_nv){(uint8_t *)(uintptr_t) ":path", (uint8_t *)big, 5, 8193, 0};
    assert_int_equal(ask(&g, v, 4), 414);
    assert_int_equal(g.r.local.stats.limit_uri_bytes, 1);
    h2_end(&g, &h);
}

static void
test_a_body_that_is_too_large(void **state)
{
    static char bytes[200000];
    nghttp2_nv post[] = {H2_NV(":method", "POST"), H2_NV(":scheme", "http"),
                         H2_NV(":authority", "p.test"), H2_NV(":path", "/")};
    struct h2_body body = {.p = bytes, .n = sizeof(bytes), .may = sizeof(bytes)};
    struct rig g;
    struct peer origin;
    struct h2_reply *r;

    (void)state;
    rig_init(&g);
    g.conf.limits.body_bytes = 100000;
    rig_start(&g);
    h2_open(&g, &h, false);
    r = h2_reply(&h, h2_request(&h, post, 4, &body));
    h2_run(&g, &h, NULL);
    assert_true(rig_accept(&g, &origin));
    h2_run(&g, &h, &origin);
    assert_int_equal(r->status, 413);
    assert_true(r->ended && r->closed);
    assert_int_equal(g.r.local.stats.limit_body_bytes, 1);
    assert_int_equal(g.r.local.stats.requests_open, 0);
    peer_fini(&origin);
    h2_end(&g, &h);
}

/* RFC 9113 8.1.1, 8.2, 8.3: malformed, a stream error. The connection goes on. */
static void
test_malformed_requests(void **state)
{
    nghttp2_nv upper[] = {H2_NV(":method", "GET"), H2_NV(":scheme", "http"),
                          H2_NV(":authority", "r.test"), H2_NV(":path", "/"),
                          H2_NV("connection", "close")};
    nghttp2_nv te[] = {H2_NV(":method", "GET"), H2_NV(":scheme", "http"),
                       H2_NV(":authority", "r.test"), H2_NV(":path", "/"), H2_NV("te", "gzip")};
    nghttp2_nv length[] = {H2_NV(":method", "POST"), H2_NV(":scheme", "http"),
                           H2_NV(":authority", "r.test"), H2_NV(":path", "/"),
                           H2_NV("content-length", "5")};
    nghttp2_nv value[] = {H2_NV(":method", "GET"), H2_NV(":scheme", "http"),
                          H2_NV(":authority", "r.test"), H2_NV(":path", "/"),
                          H2_NV("x-a", "b\x01")};
    nghttp2_nv path[] = {H2_NV(":method", "GET"), H2_NV(":scheme", "http"),
                         H2_NV(":authority", "r.test")};
    const struct {
        const nghttp2_nv *v;
        size_t n;
    } cases[] = {{upper, 5}, {te, 5}, {length, 5}, {value, 5}, {path, 3}};
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct h2_reply *r = h2_reply(&h, h2_request(&h, cases[i].v, cases[i].n, NULL));

        h2_run(&g, &h, NULL);
        assert_true(r->closed);
        assert_int_equal(r->error, NGHTTP2_PROTOCOL_ERROR);
        assert_int_equal(g.r.local.stats.bad_messages, i + 1);
    }
    assert_int_equal(g.r.local.stats.requests, 0);
    assert_int_equal(h2_reply(&h, h2_get(&h, "r.test", "/"))->status, 0);
    h2_run(&g, &h, NULL);
    assert_int_equal(h.replies[h.replies_n - 1].status, 200);
    h2_end(&g, &h);
}

static void
test_more_body_than_announced(void **state)
{
    nghttp2_nv post[] = {H2_NV(":method", "POST"), H2_NV(":scheme", "http"),
                         H2_NV(":authority", "p.test"), H2_NV(":path", "/"),
                         H2_NV("content-length", "5")};
    struct h2_body body = {.p = "0123456789", .n = 10, .may = 10};
    struct rig g;
    struct peer origin;
    struct h2_reply *r;

    (void)state;
    h2_begin(&g, &h);
    r = h2_reply(&h, h2_request(&h, post, 5, &body));
    h2_run(&g, &h, NULL);
    assert_true(rig_accept(&g, &origin));
    h2_run(&g, &h, &origin);
    assert_true(r->closed);
    assert_int_equal(r->error, NGHTTP2_PROTOCOL_ERROR);
    assert_true(peer_is_over(&origin)); /* it never looks whole there */
    assert_int_equal(g.r.local.stats.requests_open, 0);
    peer_fini(&origin);
    h2_end(&g, &h);
}

/* ---- floods ---- */

/* It was ended, and counted; another connection is served. */
static void
assert_flooded(struct rig *g)
{
    struct peer other;

    rig_run(g, &h.p, NULL);
    h2_pull(&h);
    assert_true(h.goaway);
    assert_int_equal(h.goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(peer_is_over(&h.p));
    assert_int_equal(g->r.local.stats.h2_floods, 1);
    assert_int_equal(g->r.local.stats.h2_errors, 0);
    rig_client(g, &other);
    peer_say(&other, "GET / HTTP/1.1\r\nHost: r.test\r\n\r\n");
    rig_run(g, &other, NULL);
    peer_assert_has(&other, "HTTP/1.1 200 OK\r\n");
    peer_fini(&other);
    h2_end(g, &h);
}

static void
test_rapid_reset(void **state)
{
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    for (unsigned i = 0; i < 3 * JST_H2_FLOOD_RESETS; i++) {
        int32_t id = h2_get(&h, "p.test", "/");

        h2_push(&h);
        (void)nghttp2_submit_rst_stream(h.ng, 0, id, NGHTTP2_CANCEL);
        h2_push(&h);
    }
    rig_run(&g, &h.p, NULL);
    assert_true(g.r.local.stats.requests <= JST_H2_FLOOD_RESETS + 1); /* stopped at once */
    assert_flooded(&g);
}

static void
test_resets_that_are_few(void **state)
{
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    for (unsigned i = 0; i < 3 * JST_H2_FLOOD_RESETS; i++) { /* over a long time */
        int32_t id = h2_get(&h, "p.test", "/");

        h2_push(&h);
        (void)nghttp2_submit_rst_stream(h.ng, 0, id, NGHTTP2_CANCEL);
        h2_run(&g, &h, NULL);
        rig_pass(&g, 100);
    }
    assert_false(h.goaway);
    assert_int_equal(g.r.local.stats.h2_floods, 0);
    assert_int_equal(g.r.local.stats.h2_resets, 3 * JST_H2_FLOOD_RESETS);
    h2_end(&g, &h);
}

static void
test_pings(void **state)
{
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    for (unsigned i = 0; i < JST_H2_FLOOD_PINGS + 1; i++) {
        h2_frame(&h, NGHTTP2_PING, 0, 0, "12345678", 8);
    }
    assert_flooded(&g);
}

static void
test_settings(void **state)
{
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    for (unsigned i = 0; i < JST_H2_FLOOD_SETTINGS + 1; i++) {
        h2_frame(&h, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    }
    assert_flooded(&g);
}

static void
test_empty_data(void **state)
{
    nghttp2_nv post[] = {H2_NV(":method", "POST"), H2_NV(":scheme", "http"),
                         H2_NV(":authority", "p.test"), H2_NV(":path", "/")};
    struct h2_body body = {.open = true};
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    (void)h2_request(&h, post, 4, &body);
    h2_push(&h);
    for (unsigned i = 0; i < JST_H2_FLOOD_EMPTY + 1; i++) {
        h2_frame(&h, NGHTTP2_DATA, 0, 1, NULL, 0);
    }
    assert_flooded(&g);
}

static void
test_window_updates(void **state)
{
    static const char one[] = {0, 0, 0, 1};
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    for (unsigned i = 0; i < JST_H2_FLOOD_WINDOWS + 1; i++) {
        h2_frame(&h, NGHTTP2_WINDOW_UPDATE, 0, 0, one, 4);
    }
    assert_flooded(&g);
}

static void
test_malformed_streams(void **state)
{
    nghttp2_nv bad[] = {H2_NV(":method", "GET"), H2_NV(":scheme", "http"),
                        H2_NV(":authority", "r.test")};
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    for (unsigned i = 0; i < JST_H2_FLOOD_ERRORS + 20; i++) {
        (void)h2_request(&h, bad, 3, NULL);
        h2_push(&h);
        rig_run(&g, &h.p, NULL);
    }
    assert_flooded(&g);
}

static void
test_continuations(void **state)
{
    static const char block[] = {(char)0x82}; /* :method: GET */
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    h2_frame(&h, NGHTTP2_HEADERS, 0, 1, block, 1);
    for (unsigned i = 0; i < JST_H2_CONTINUATIONS_MAX + 2; i++) {
        h2_frame(&h, NGHTTP2_CONTINUATION, 0, 1, "\x84", 1);
    }
    assert_flooded(&g);
}

/* A block that expands to a thousand times its size costs no memory. */
static void
test_a_block_that_expands(void **state)
{
    static char block[16000];
    size_t n = 0;
    struct rig g;

    (void)state;
    h2_begin(&g, &h);
    block[n++] = (char)0x82;
    block[n++] = (char)0x86;
    block[n++] = (char)0x84;
    block[n++] = 0x40; /* a new name, indexed: "x", 4000 bytes */
    block[n++] = 1;
    block[n++] = 'x';
    block[n++] = 0x7f;
    block[n++] = (char)(0x80 | (3800 - 127) % 128);
    block[n++] = (3800 - 127) / 128;
    memset(block + n, 'v', 3800);
    n += 3800;
    memset(block + n, 0xbe, sizeof(block) - n); /* the same again, one byte each */
    h2_frame(&h, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, block,
             sizeof(block));
    rig_run(&g, &h.p, NULL);
    assert_int_equal(g.r.local.stats.requests_open, 0);
    assert_int_equal(g.r.local.stats.status_2xx, 0);
    h2_end(&g, &h);
}

/* ---- protocol errors ---- */

static void
test_protocol_errors_end_the_connection(void **state)
{
    static const struct {
        uint8_t type;
        uint8_t flags;
        uint32_t id;
        size_t n;
        uint32_t error;
    } cases[] = {
        {NGHTTP2_DATA, 0, 0, 1, NGHTTP2_PROTOCOL_ERROR},          /* 6.1 */
        {NGHTTP2_HEADERS, 4, 2, 1, NGHTTP2_PROTOCOL_ERROR},       /* 5.1.1 */
        {NGHTTP2_RST_STREAM, 0, 1, 3, NGHTTP2_FRAME_SIZE_ERROR},  /* 6.4 */
        {NGHTTP2_RST_STREAM, 0, 9, 4, NGHTTP2_PROTOCOL_ERROR},    /* 6.4: idle */
        {NGHTTP2_PING, 0, 0, 7, NGHTTP2_FRAME_SIZE_ERROR},        /* 6.7 */
        {NGHTTP2_PING, 0, 1, 8, NGHTTP2_PROTOCOL_ERROR},          /* 6.7 */
        {NGHTTP2_SETTINGS, 0, 0, 5, NGHTTP2_FRAME_SIZE_ERROR},    /* 6.5 */
        {NGHTTP2_SETTINGS, 1, 0, 6, NGHTTP2_FRAME_SIZE_ERROR},    /* 6.5 */
        {NGHTTP2_WINDOW_UPDATE, 0, 0, 4, NGHTTP2_PROTOCOL_ERROR}, /* 6.9: zero */
        {NGHTTP2_CONTINUATION, 4, 1, 1, NGHTTP2_PROTOCOL_ERROR},  /* 6.10 */
        {NGHTTP2_PUSH_PROMISE, 4, 1, 5, NGHTTP2_PROTOCOL_ERROR},  /* 8.4 */
        {NGHTTP2_PING, 0, 0, 20000, NGHTTP2_FRAME_SIZE_ERROR},    /* 4.2 */
    };
    static char zeros[20000];

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct rig g;

        h2_begin(&g, &h);
        h2_frame(&h, cases[i].type, cases[i].flags, cases[i].id, zeros, cases[i].n);
        rig_run(&g, &h.p, NULL);
        h2_pull(&h);
        if (!h.goaway || h.goaway_error != cases[i].error || !h.p.eof ||
            g.r.local.stats.h2_errors != 1) {
            fail_msg("case %zu: goaway %d error %u eof %d counted %d", i, h.goaway, h.goaway_error,
                     h.p.eof, (int)g.r.local.stats.h2_errors);
        }
        h2_end(&g, &h);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_a_body_that_is_too_large),
        cmocka_unit_test(test_malformed_requests),
        cmocka_unit_test(test_more_body_than_announced),
        cmocka_unit_test(test_rapid_reset),
        cmocka_unit_test(test_resets_that_are_few),
        cmocka_unit_test(test_pings),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_empty_data),
        cmocka_unit_test(test_window_updates),
        cmocka_unit_test(test_malformed_streams),
        cmocka_unit_test(test_continuations),
        cmocka_unit_test(test_a_block_that_expands),
        cmocka_unit_test(test_protocol_errors_end_the_connection),
    };

    return cmocka_run_group_tests_name("loop/h2_limits", tests, NULL, NULL);
}
