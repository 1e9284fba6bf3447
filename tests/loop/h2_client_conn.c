// SPDX-License-Identifier: MIT
#include "h2_origin.h"

static struct world w;

static int
setup(void **state)
{
    (void)state;
    world_init(&w, 4000);
    world_run(&w);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    world_fini(&w);
    return 0;
}

static void
greet(void)
{
    origin_settings(&w, 0, 0);
    origin_ack(&w);
    world_run(&w);
}

static struct call *
start(const char *path)
{
    struct call *t = world_call(&w, path);

    call_start(t);
    return t;
}

/* ---- GOAWAY ---- */

static void
test_goaway_midway(void **state)
{
    struct call *first = start("/1");
    struct call *second = start("/2");
    struct call *third = start("/3");

    (void)state;
    greet();
    call_start(world_call(&w, "/unsent"));
    origin_headers(&w, 1, ":status: 200\n", false);
    origin_goaway(&w, 3, NGHTTP2_NO_ERROR);
    world_run(&w);
    assert_int_equal(w.c->calls_max, 0);
    assert_int_equal(third->why, JOIST_E_CLOSED);
    assert_true(third->call.unprocessed);
    assert_int_equal(w.calls[3].why, JOIST_E_CLOSED);
    assert_true(w.calls[3].call.unprocessed);
    assert_int_equal(w.gone, 0);
    assert_int_equal(w.idle, 0);
    assert_int_equal(w.room, 0);
    origin_data(&w, 1, "x", 1, true);
    world_run(&w);
    assert_true(first->ended);
    assert_int_equal(w.gone, 0);
    origin_headers(&w, 3, ":status: 200\n", true);
    world_run(&w);
    assert_true(second->ended);
    assert_false(second->call.unprocessed);
    assert_int_equal(w.gone, 1);
    assert_int_equal(w.gone_why, 0);
    assert_true(w.eof);
}

static void
test_goaway_idle(void **state)
{
    (void)state;
    greet();
    origin_goaway(&w, 0, NGHTTP2_NO_ERROR);
    world_run(&w);
    assert_int_equal(w.gone, 1);
    assert_non_null(find_frame(&w, NGHTTP2_GOAWAY, 0, 0));
    assert_true(w.eof);
}

/* RFC 9113 6.8: first a notice that names no stream, then the real one. */
static void
test_goaway_twice(void **state)
{
    struct call *first = start("/1");
    struct call *second = start("/2");

    (void)state;
    greet();
    origin_goaway(&w, INT32_MAX, NGHTTP2_NO_ERROR);
    world_run(&w);
    assert_int_equal(w.c->calls_max, 0);
    assert_int_equal(w.lost, 0);
    origin_goaway(&w, 1, NGHTTP2_NO_ERROR);
    world_run(&w);
    assert_int_equal(second->why, JOIST_E_CLOSED);
    assert_true(second->call.unprocessed);
    origin_headers(&w, 1, ":status: 200\n", true);
    world_run(&w);
    assert_true(first->ended);
    assert_int_equal(w.gone, 1);
}

/* ---- the connection's end ---- */

static void
test_origin_closes(void **state)
{
    struct call *a = start("/1");
    struct call *b = start("/2");
    struct call *c = start("/3");

    (void)state;
    greet();
    origin_headers(&w, 1, ":status: 200\n", false);
    origin_data(&w, 1, "part", 4, false);
    world_run(&w);
    a->cancel_on_abort = b; /* a client that goes takes its other calls along */
    c->restart = true;
    origin_close(&w);
    world_run(&w);
    assert_int_equal(w.gone, 1);
    assert_int_equal(a->why, JOIST_E_CLOSED);
    assert_string_equal(a->body, "part");
    assert_string_equal(a->call.detail, "closed inside a response body");
    assert_int_equal(b->why, 0);
    assert_null(b->call.client);
    assert_int_equal(c->why, JOIST_E_CLOSED);
    assert_false(c->call.unprocessed);
    assert_int_equal(a->order, 1);
    assert_int_equal(c->order, 2);
    assert_int_equal(w.lost, 2);
}

static void
test_origin_closes_idle(void **state)
{
    (void)state;
    greet();
    assert_true(w.c->ops->probe(w.c));
    origin_close(&w);
    assert_false(w.c->ops->probe(w.c));
    world_run(&w);
    assert_int_equal(w.gone, 1);
    assert_int_equal(w.gone_why, 0);
}

static void
test_cut(void **state)
{
    struct call *a = start("/1");
    struct call *b = start("/2");

    (void)state;
    greet();
    w.c->ops->cut(w.c, JOIST_E_CANCELED);
    assert_int_equal(a->why, JOIST_E_CANCELED);
    assert_int_equal(b->why, JOIST_E_CANCELED);
    assert_int_equal(w.gone, 1);
    world_run(&w);
    assert_true(w.eof);
}

static void
test_retire(void **state)
{
    struct call *a = start("/1");

    (void)state;
    greet();
    w.c->ops->retire(w.c);
    assert_int_equal(w.c->calls_max, 0);
    origin_headers(&w, 1, ":status: 200\n", true);
    world_run(&w);
    assert_true(a->ended);
    assert_int_equal(w.idle, 0);
    assert_int_equal(w.gone, 1);
    assert_int_equal(get_frame(&w, NGHTTP2_GOAWAY, 0, 0)->value, NGHTTP2_NO_ERROR);
}

static void
test_retire_idle(void **state)
{
    (void)state;
    greet();
    w.c->ops->retire(w.c);
    assert_int_equal(w.gone, 1);
    world_run(&w);
    assert_non_null(find_frame(&w, NGHTTP2_GOAWAY, 0, 0));
}

/* ---- time ---- */

static void
test_keepalive(void **state)
{
    (void)state;
    greet();
    (void)start("/1");
    world_run(&w);
    world_pass(&w, 3000);
    origin_headers(&w, 1, ":status: 200\n", true);
    world_run(&w);
    world_pass(&w, 3999);
    assert_int_equal(w.gone, 0);
    world_pass(&w, 1);
    assert_int_equal(w.gone, 1);
    assert_int_equal(w.gone_why, 0);
}

static void
test_one_call_times_out(void **state)
{
    struct call *slow = start("/slow");
    struct call *other;

    (void)state;
    greet();
    world_pass(&w, 6000);
    other = start("/other");
    world_run(&w);
    origin_headers(&w, 3, ":status: 200\n", false);
    world_pass(&w, 4000);
    assert_int_equal(slow->why, JOIST_E_TIMEOUT);
    assert_int_equal(get_frame(&w, NGHTTP2_RST_STREAM, 1, 0)->value, NGHTTP2_CANCEL);
    assert_int_equal(w.gone, 0);
    assert_int_equal(w.c->calls_max, JST_H2C_STREAMS_MAX);
    /* a body that stands still has a clock of its own */
    world_pass(&w, 999);
    assert_int_equal(other->why, 0);
    origin_data(&w, 3, "x", 1, false);
    world_run(&w);
    world_pass(&w, 4999);
    assert_int_equal(other->why, 0);
    world_pass(&w, 1);
    assert_int_equal(other->why, JOIST_E_TIMEOUT);
    assert_int_equal(w.idle, 1);
}

/* The client's clock is somebody else's. */
static void
test_no_clock_without_credit(void **state)
{
    struct call *t = world_call(&w, "/");

    (void)state;
    greet();
    t->auto_credit = 0;
    call_start(t);
    jst_source_resume(&t->call.response, 2);
    world_run(&w);
    origin_headers(&w, 1, ":status: 200\n", false);
    origin_data(&w, 1, "abcd", 4, false);
    world_run(&w);
    world_pass(&w, 3600000);
    assert_int_equal(t->why, 0);
    jst_source_resume(&t->call.response, 100);
    world_run(&w);
    assert_string_equal(t->body, "abcd");
    world_pass(&w, 5000);
    assert_int_equal(t->why, JOIST_E_TIMEOUT);
}

static void
test_dead_peer(void **state)
{
    struct call *t;

    (void)state;
    greet();
    t = start("/");
    world_run(&w);
    world_pass(&w, 10000);
    assert_int_equal(t->why, JOIST_E_TIMEOUT);
    assert_int_equal(w.gone, 1);
}

/* Others are under way: only a PING without an answer ends them. */
static void
test_suspect(void **state)
{
    struct joist_timeouts_conf patient = {.upstream_response_ms = 60000, .upstream_idle_ms = 60000};
    struct call *slow;
    struct call *other;
    unsigned char answer[8] = {0};

    (void)state;
    greet();
    slow = start("/1");
    other = world_call(&w, "/2");
    other->call.timeouts = &patient;
    call_start(other);
    world_run(&w);
    world_pass(&w, 10000);
    assert_int_equal(slow->why, JOIST_E_TIMEOUT);
    assert_int_equal(w.gone, 0);
    assert_int_equal(w.c->calls_max, 0);
    assert_non_null(find_frame(&w, NGHTTP2_PING, 0, 0));
    origin_frame(&w, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, answer, sizeof(answer));
    world_run(&w);
    assert_int_equal(w.c->calls_max, JST_H2C_STREAMS_MAX);
    assert_int_equal(w.room, 1);
    slow = start("/3");
    world_run(&w);
    world_pass(&w, 10000);
    assert_int_equal(slow->why, JOIST_E_TIMEOUT);
    assert_int_equal(other->why, 0);
    world_pass(&w, JST_H2C_PING_MS);
    assert_int_equal(other->why, JOIST_E_CLOSED);
    assert_int_equal(w.gone, 1);
}

/* ---- extended CONNECT ---- */

static void
open_websocket(struct call *t)
{
    call_websocket(t);
    call_start(t);
    world_run(&w);
    assert_null(find_frame(&w, NGHTTP2_HEADERS, 1, 0)); /* the SETTINGS must come first */
    origin_settings(&w, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1);
    origin_ack(&w);
    world_run(&w);
    assert_string_equal(get_frame(&w, NGHTTP2_HEADERS, 1, 0)->text,
                        ":method: CONNECT\n:protocol: websocket\n:scheme: http\n"
                        ":authority: origin.test\n:path: /chat\nsec-websocket-version: 13\n");
    assert_false(get_frame(&w, NGHTTP2_HEADERS, 1, 0)->flags & NGHTTP2_FLAG_END_STREAM);
}

static void
test_websocket(void **state)
{
    struct call *t = world_call(&w, "/chat");

    (void)state;
    open_websocket(t);
    origin_headers(&w, 1, ":status: 200\nsec-websocket-protocol: chat\n", false);
    world_run(&w);
    assert_int_equal(t->statuses[0], 101);
    assert_true(t->upgraded);
    /* RFC 6455 1.3 has this pair */
    assert_string_equal(t->head, "sec-websocket-protocol: chat\n"
                                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n");
    assert_int_equal(t->asked, JST_STREAM_WINDOW_BYTES);
    call_send(t, "ping", 4);
    origin_data(&w, 1, "pong", 4, false);
    world_run(&w);
    assert_string_equal(get_frame(&w, NGHTTP2_DATA, 1, 0)->text, "ping");
    assert_string_equal(t->body, "pong");
    world_pass(&w, 3600000); /* a tunnel has no clock here */
    assert_int_equal(t->why, 0);
    origin_data(&w, 1, NULL, 0, true); /* a half-close */
    world_run(&w);
    assert_true(t->ended);
    assert_int_equal(w.idle, 0);
    call_send(t, "more", 4);
    call_end(t, NULL);
    assert_null(t->call.client);
    world_run(&w); /* what was given leaves without the call */
    assert_string_equal(get_frame(&w, NGHTTP2_DATA, 1, 1)->text, "more");
    assert_true(get_frame(&w, NGHTTP2_DATA, 1, 1)->flags & NGHTTP2_FLAG_END_STREAM);
    assert_int_equal(w.idle, 1);
    assert_null(find_frame(&w, NGHTTP2_RST_STREAM, 1, 0));
}

static void
test_websocket_half_close(void **state)
{
    struct call *t = world_call(&w, "/chat");

    (void)state;
    open_websocket(t);
    origin_headers(&w, 1, ":status: 200\n", false);
    world_run(&w);
    call_end(t, NULL);
    world_run(&w);
    assert_true(get_frame(&w, NGHTTP2_DATA, 1, 0)->flags & NGHTTP2_FLAG_END_STREAM);
    assert_false(t->ended);
    origin_data(&w, 1, "bye", 3, true);
    world_run(&w);
    assert_string_equal(t->body, "bye");
    assert_true(t->ended);
    assert_int_equal(w.idle, 1);
}

static void
test_websocket_refused(void **state)
{
    struct call *t = world_call(&w, "/chat");

    (void)state;
    open_websocket(t);
    origin_headers(&w, 1, ":status: 403\ncontent-length: 2\n", false);
    origin_data(&w, 1, "no", 2, true);
    world_run(&w);
    assert_int_equal(t->statuses[0], 403);
    assert_false(t->upgraded);
    assert_string_equal(t->body, "no");
    assert_true(t->ended);
    assert_int_equal(w.idle, 1);
}

static void
test_websocket_reset(void **state)
{
    struct call *t = world_call(&w, "/chat");

    (void)state;
    open_websocket(t);
    origin_headers(&w, 1, ":status: 200\n", false);
    world_run(&w);
    origin_u32(&w, NGHTTP2_RST_STREAM, 1, NGHTTP2_CANCEL);
    world_run(&w);
    assert_int_equal(t->canceled, JOIST_E_RESET);
    assert_int_equal(t->why, JOIST_E_RESET);
    assert_int_equal(w.lost, 0);
    assert_int_equal(w.idle, 1);
}

static void
test_upgrade_unsupported(void **state)
{
    struct call *waits = world_call(&w, "/chat");
    struct call *known = world_call(&w, "/chat");
    struct call *other = world_call(&w, "/chat");

    (void)state;
    call_websocket(waits);
    call_start(waits);
    greet();
    assert_int_equal(waits->why, JOIST_E_UNSUPPORTED);
    assert_non_null(waits->call.detail);
    call_websocket(known);
    call_start(known);
    assert_int_equal(known->why, 0); /* told from the loop, never from start() */
    call_websocket(other);
    other->req.upgrade_to = JST_S("other");
    call_start(other);
    world_run(&w);
    assert_int_equal(known->why, JOIST_E_UNSUPPORTED);
    assert_int_equal(other->why, JOIST_E_UNSUPPORTED);
    assert_null(find_frame(&w, NGHTTP2_HEADERS, 0, 0));
    assert_int_equal(w.c->calls, 0);
}

/* ---- what breaks the connection ---- */

static void
assert_broken(struct call *t)
{
    assert_int_equal(w.gone, 1);
    assert_int_equal(t->why, JOIST_E_PROTO);
    assert_non_null(t->call.detail);
    assert_true(w.eof);
}

static void
test_not_http2(void **state)
{
    struct call *t = start("/");

    (void)state;
    world_run(&w);
    origin_send(&w, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", 47);
    world_run(&w);
    assert_broken(t);
    assert_string_equal(t->call.detail, "it does not speak HTTP/2 (h2c), but HTTP/1");
    assert_non_null(strstr(w.last_log, "H2_ERROR side=upstream"));
}

struct bad {
    unsigned type;
    unsigned flags;
    int32_t id;
    const char *payload;
    size_t n;
};

/* RFC 9113's connection errors. */
static void
test_broken_frames(void **state)
{
    static const struct bad v[] = {
        {NGHTTP2_DATA, 0, 0, "x", 1},                                             /* 6.1 */
        {NGHTTP2_DATA, 0, 2, "x", 1},                                             /* 5.1 idle */
        {NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\x05x", 2},                       /* 6.1 padding */
        {NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 0, "\x88", 1},                /* 6.2 */
        {NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\xff\xff\xff", 3},        /* 4.3 */
        {NGHTTP2_RST_STREAM, 0, 0, "\0\0\0\0", 4},                                /* 6.4 */
        {NGHTTP2_RST_STREAM, 0, 1, "\0\0", 2},                                    /* 6.4 */
        {NGHTTP2_SETTINGS, 0, 1, NULL, 0},                                        /* 6.5 */
        {NGHTTP2_SETTINGS, 0, 0, "\0\x05\0\0\0", 5},                              /* 6.5 */
        {NGHTTP2_SETTINGS, 0, 0, "\0\x04\xff\xff\xff\xff", 6},                    /* 6.5.2 */
        {NGHTTP2_SETTINGS, 0, 0, "\0\x05\0\0\0\x01", 6},                          /* 6.5.2 */
        {NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1, "\0\0\0\x02\x82", 5}, /* 8.4 */
        {NGHTTP2_PING, 0, 0, "1234567", 7},                                       /* 6.7 */
        {NGHTTP2_PING, 0, 1, "12345678", 8},                                      /* 6.7 */
        {NGHTTP2_GOAWAY, 0, 1, "\0\0\0\0\0\0\0\0", 8},                            /* 6.8 */
        {NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\0", 4},                             /* 6.9 */
        {NGHTTP2_WINDOW_UPDATE, 0, 0, "\x7f\xff\xff\xff", 4},                     /* 6.9.1 */
        {NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, "\x88", 1},           /* 6.10 */
    };

    (void)state;
    for (unsigned i = 0; i < JST_COUNT(v); i++) {
        struct call *t;

        world_init(&w, 4000);
        world_run(&w);
        greet();
        t = start("/");
        world_run(&w);
        origin_frame(&w, v[i].type, v[i].flags, v[i].id, v[i].payload, v[i].n);
        world_run(&w);
        if (w.gone != 1 || t->why != JOIST_E_PROTO) {
            fail_msg("frame %u of the table: gone %u, why %d", i, w.gone, t->why);
        }
        assert_broken(t);
        assert_non_null(find_frame(&w, NGHTTP2_GOAWAY, 0, 0));
        world_fini(&w);
    }
}

static void
test_beyond_the_window(void **state)
{
    static const char large[16384];
    struct call *t = world_call(&w, "/");

    (void)state;
    greet();
    t->auto_credit = 0;
    call_start(t);
    world_run(&w);
    origin_headers(&w, 1, ":status: 200\n", false);
    for (unsigned i = 0; i <= JST_H2C_WINDOW_BYTES / sizeof(large); i++) {
        origin_data(&w, 1, large, sizeof(large), false);
    }
    world_run(&w);
    assert_int_equal(t->why, JOIST_E_PROTO); /* of the stream, or the connection: RFC 9113 6.9.1 */
}

static void
flood(unsigned type, unsigned flags, int32_t id, const char *payload, size_t n, unsigned times)
{
    struct call *t;

    greet();
    t = start("/");
    world_run(&w);
    origin_headers(&w, 1, ":status: 200\n", false);
    for (unsigned i = 0; i < times && w.c != NULL; i++) {
        origin_frame(&w, type, flags, id, payload, n);
        if (i % 64 == 0) {
            world_run(&w);
        }
    }
    world_run(&w);
    assert_int_equal(w.gone, 1);
    assert_int_equal(t->why, JOIST_E_PROTO);
    assert_non_null(strstr(t->call.detail, "flood"));
    assert_non_null(strstr(w.last_log, "flood"));
}

static void
test_flood_of_pings(void **state)
{
    (void)state;
    flood(NGHTTP2_PING, 0, 0, "12345678", 8, 500);
}

static void
test_flood_of_settings(void **state)
{
    (void)state;
    flood(NGHTTP2_SETTINGS, 0, 0, NULL, 0, 500);
}

static void
test_flood_of_empty_data(void **state)
{
    (void)state;
    flood(NGHTTP2_DATA, 0, 1, NULL, 0, 500);
}

static void
test_flood_of_windows(void **state)
{
    (void)state;
    flood(NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4, 6000);
}

/* A PING for each piece of a body is what some origins do to measure. */
static void
test_pings_with_work_are_no_flood(void **state)
{
    struct call *t;

    (void)state;
    greet();
    t = start("/");
    world_run(&w);
    origin_headers(&w, 1, ":status: 200\n", false);
    for (unsigned i = 0; i < 1000; i++) {
        origin_data(&w, 1, "data", 4, i == 999);
        origin_frame(&w, NGHTTP2_PING, 0, 0, "12345678", 8);
        world_run(&w);
    }
    assert_true(t->ended);
    assert_int_equal(w.gone, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
        T(goaway_midway),
        T(goaway_idle),
        T(goaway_twice),
        T(origin_closes),
        T(origin_closes_idle),
        T(cut),
        T(retire),
        T(retire_idle),
        T(keepalive),
        T(one_call_times_out),
        T(no_clock_without_credit),
        T(dead_peer),
        T(suspect),
        T(websocket),
        T(websocket_half_close),
        T(websocket_refused),
        T(websocket_reset),
        T(upgrade_unsupported),
        T(not_http2),
        cmocka_unit_test(test_broken_frames),
        T(beyond_the_window),
        T(flood_of_pings),
        T(flood_of_settings),
        T(flood_of_empty_data),
        T(flood_of_windows),
        T(pings_with_work_are_no_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
