// SPDX-License-Identifier: MIT
#include "h2_origin.h"

#include <stdio.h>

static struct world w;

static int
setup(void **state)
{
    (void)state;
    world_init(&w, 4000);
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
    world_run(&w);
    origin_settings(&w, 0, 0);
    origin_ack(&w);
    world_run(&w);
}

static void
assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

static void
test_get(void **state)
{
    struct call *t = world_call(&w, "/a");
    const struct frame *f;

    (void)state;
    call_field(t, JST_S("Accept"), JST_S("*/*"));
    t->fields[0].id = JST_FIELD_ACCEPT;
    t->call.extra = JST_S("X-Forwarded-For: 1.2.3.4\r\nVia: 1.1 joist\r\n");
    t->call.path_base = JST_S("/base");
    t->call.query = JST_S("q=1");
    t->req.te_trailers = true;
    call_start(t);
    assert_int_equal(w.c->calls, 1);
    world_run(&w);
    f = get_frame(&w, NGHTTP2_HEADERS, 1, 0);
    assert_true(f->flags & NGHTTP2_FLAG_END_STREAM);
    assert_string_equal(f->text, ":method: GET\n:scheme: http\n:authority: origin.test\n"
                                 ":path: /base/a?q=1\nte: trailers\naccept: */*\n"
                                 "x-forwarded-for: 1.2.3.4\nvia: 1.1 joist\n");
    origin_settings(&w, 0, 0);
    origin_headers(&w, 1, ":status: 200\ncontent-type: text/plain\ncontent-length: 5\n", false);
    origin_data(&w, 1, "hello", 5, true);
    world_run(&w);
    assert_int_equal(t->statuses[0], 200);
    assert_int_equal(t->length, 5);
    assert_true(t->has_body);
    assert_string_equal(t->head, "Content-Type: text/plain\n");
    assert_string_equal(t->body, "hello");
    assert_true(t->ended);
    assert_int_equal(w.idle, 1);
    assert_int_equal(w.c->calls, 0);
    assert_null(find_frame(&w, NGHTTP2_RST_STREAM, 0, 0));
    assert_int_equal(w.local.stats.upstream_h2, 1);
}

/* ---- many at once ---- */

static void
test_hundred(void **state)
{
    unsigned writes;

    (void)state;
    greet();
    writes = w.reads;
    for (unsigned i = 0; i < 100; i++) {
        call_start(world_call(&w, "/x"));
    }
    assert_int_equal(w.c->calls, 100);
    world_run(&w);
    assert_int_equal(w.reads, writes + 1); /* all of them left in one write */
    for (int i = 99; i >= 0; i--) {
        origin_headers(&w, 2 * i + 1, ":status: 200\n", false);
    }
    for (int i = 0; i < 100; i++) {
        origin_data(&w, 2 * i + 1, "abc", 3, true);
    }
    world_run(&w);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(w.calls[i].ended);
        assert_string_equal(w.calls[i].body, "abc");
    }
    assert_int_equal(w.idle, 1);
    assert_int_equal(w.c->calls, 0);
}

static void
test_next_starts_in_end(void **state)
{
    struct call *t = world_call(&w, "/a");

    (void)state;
    greet();
    t->start_on_end = true;
    call_start(t);
    world_run(&w);
    origin_headers(&w, 1, ":status: 204\n", true);
    world_run(&w);
    assert_true(t->ended);
    assert_false(t->has_body);
    assert_int_equal(w.idle, 1);
    assert_true(t->call.reused == false && w.calls[1].call.reused);
    assert_has(get_frame(&w, NGHTTP2_HEADERS, 3, 0)->text, ":path: /next\n");
    origin_headers(&w, 3, ":status: 200\ncontent-length: 0\n", true);
    world_run(&w);
    assert_true(w.calls[1].ended);
    assert_int_equal(w.idle, 2);
}

static void
test_room_follows_settings(void **state)
{
    (void)state;
    world_run(&w);
    assert_int_equal(w.c->calls_max, JST_H2C_STREAMS_DEFAULT);
    origin_settings(&w, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2);
    origin_ack(&w);
    world_run(&w);
    assert_int_equal(w.c->calls_max, 2);
    call_start(world_call(&w, "/1"));
    call_start(world_call(&w, "/2"));
    world_run(&w);
    origin_headers(&w, 1, ":status: 200\n", true);
    world_run(&w);
    assert_int_equal(w.room, 1);
    call_start(world_call(&w, "/3"));
    world_run(&w);
    /* lowered below what is under way: that ends first */
    origin_settings(&w, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1);
    world_run(&w);
    origin_headers(&w, 3, ":status: 200\n", true);
    world_run(&w);
    assert_int_equal(w.room, 1);
    assert_int_equal(w.c->calls, 1);
    /* raised: there is room again */
    origin_settings(&w, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100000);
    world_run(&w);
    assert_int_equal(w.room, 2);
    assert_int_equal(w.c->calls_max, JST_H2C_STREAMS_MAX);
    origin_headers(&w, 5, ":status: 200\n", true);
    world_run(&w);
    assert_int_equal(w.idle, 1);
}

/* Calls that are too many for the origin's first SETTINGS are sent as others end. */
static void
test_lowered_while_starting(void **state)
{
    (void)state;
    origin_settings(&w, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1);
    origin_ack(&w);
    for (unsigned i = 0; i < 3; i++) {
        call_start(world_call(&w, "/x"));
    }
    world_run(&w);
    origin_settings(&w, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1);
    for (int id = 1; id <= 5; id += 2) {
        world_run(&w);
        origin_headers(&w, id, ":status: 200\n", true);
    }
    world_run(&w);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(w.calls[i].ended);
    }
    assert_int_equal(w.idle, 1);
}

/* ---- flow control ---- */

static char large[600000];

static void
test_stuck_reader_blocks_nobody(void **state)
{
    struct call *stuck = world_call(&w, "/stuck");
    struct call *other = world_call(&w, "/other");
    size_t window = JST_H2C_WINDOW_BYTES;

    (void)state;
    greet();
    stuck->auto_credit = 0;
    call_start(stuck);
    call_start(other);
    jst_source_resume(&stuck->call.response, 1000);
    world_run(&w);
    origin_headers(&w, 1, ":status: 200\n", false);
    origin_data(&w, 1, large, window, false);
    world_run(&w);
    assert_int_equal(stuck->bytes, 1000);
    assert_null(find_frame(&w, NGHTTP2_WINDOW_UPDATE, 1, 0));
    /* far more than a connection's window through the other one */
    origin_headers(&w, 3, ":status: 200\n", false);
    for (unsigned i = 0; i < 100; i++) {
        origin_data(&w, 3, large, window / 2, i == 99);
        world_run(&w);
        assert_int_equal(other->bytes, (i + 1) * (window / 2));
    }
    assert_true(other->ended);
    assert_non_null(find_frame(&w, NGHTTP2_WINDOW_UPDATE, 3, 40));
    assert_non_null(find_frame(&w, NGHTTP2_WINDOW_UPDATE, 0, 0));
    assert_int_equal(stuck->bytes, 1000);
    /* small steps get on: no window update is owed for ever */
    for (unsigned i = 0; i < 20; i++) {
        jst_source_resume(&stuck->call.response, 20000);
        world_run(&w);
    }
    assert_int_equal(stuck->bytes, window);
    assert_non_null(find_frame(&w, NGHTTP2_WINDOW_UPDATE, 1, 0));
    call_cancel(stuck);
}

/* Whatever is announced is never more than a window beyond what was handed on and given back. */
static void
test_window_follows_credit(void **state)
{
    struct call *t = world_call(&w, "/");
    size_t announced = JST_H2C_WINDOW_BYTES;
    size_t sent = 0;
    size_t credit = 65536;

    (void)state;
    greet();
    t->auto_credit = 0;
    call_start(t);
    jst_source_resume(&t->call.response, credit);
    world_run(&w);
    origin_headers(&w, 1, ":status: 200\n", false);
    for (unsigned i = 0; i < 200; i++) {
        size_t n = JST_MIN(announced - sent, 30000u);

        origin_data(&w, 1, large, n, false);
        sent += n;
        world_run(&w);
        assert_true(t->bytes <= credit);
        assert_true(t->bytes == JST_MIN(sent, credit));
        jst_source_resume(&t->call.response, 10000);
        credit += 10000;
        world_run(&w);
        announced = JST_H2C_WINDOW_BYTES;
        for (unsigned k = 0; find_frame(&w, NGHTTP2_WINDOW_UPDATE, 1, k) != NULL; k++) {
            announced += find_frame(&w, NGHTTP2_WINDOW_UPDATE, 1, k)->value;
        }
        assert_true(announced <= credit + JST_H2C_WINDOW_BYTES);
        assert_true(announced <= t->bytes + JST_H2C_WINDOW_BYTES);
    }
    assert_true(sent > 1000000);
    call_cancel(t);
}

static void
test_upload(void **state)
{
    struct call *t = world_call(&w, "/up");
    size_t sent = 0;

    (void)state;
    greet();
    call_body(t, sizeof(large));
    call_start(t);
    assert_int_equal(t->asked, JST_STREAM_WINDOW_BYTES);
    world_run(&w);
    assert_has(get_frame(&w, NGHTTP2_HEADERS, 1, 0)->text, "content-length: 600000\n");
    assert_false(get_frame(&w, NGHTTP2_HEADERS, 1, 0)->flags & NGHTTP2_FLAG_END_STREAM);
    while (sent < JST_STREAM_WINDOW_BYTES) {
        size_t n = JST_MIN(50000u, JST_STREAM_WINDOW_BYTES - sent);

        call_send(t, large, n);
        sent += n;
    }
    world_run(&w);
    assert_int_equal(w.data_bytes, 65535); /* RFC 9113 6.9.2: the window an origin has by default */
    assert_true(t->asked < JST_STREAM_WINDOW_BYTES + 65536);
    while (sent < sizeof(large)) {
        size_t n = JST_MIN(t->asked - sent, sizeof(large) - sent);

        if (n > 0) {
            call_send(t, large, n);
            sent += n;
        }
        origin_u32(&w, NGHTTP2_WINDOW_UPDATE, 1, 40000);
        origin_u32(&w, NGHTTP2_WINDOW_UPDATE, 0, 40000);
        world_run(&w);
        assert_true(t->asked <= w.data_bytes + JST_STREAM_WINDOW_BYTES);
    }
    call_end(t, NULL);
    origin_u32(&w, NGHTTP2_WINDOW_UPDATE, 1, 1000000);
    origin_u32(&w, NGHTTP2_WINDOW_UPDATE, 0, 1000000);
    world_run(&w);
    assert_int_equal(w.data_bytes, sizeof(large));
    assert_true(t->call.sent_body && t->call.ended);
    origin_headers(&w, 1, ":status: 201\n", true);
    world_run(&w);
    assert_true(t->ended);
    assert_int_equal(w.idle, 1);
    assert_null(find_frame(&w, NGHTTP2_RST_STREAM, 0, 0));
}

/* An origin that does not read: what is printed ahead is bounded, and then goes on. */
static void
test_origin_that_reads_late(void **state)
{
    struct call *t[8];

    (void)state;
    greet();
    origin_settings(&w, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1u << 30);
    origin_u32(&w, NGHTTP2_WINDOW_UPDATE, 0, 1u << 30);
    world_run(&w);
    w.stopped = true;
    for (unsigned i = 0; i < JST_COUNT(t); i++) {
        t[i] = world_call(&w, "/up");
        call_body(t[i], JST_LENGTH_UNKNOWN);
        call_start(t[i]);
        call_send(t[i], large, JST_STREAM_WINDOW_BYTES);
        call_end(t[i], NULL);
    }
    world_run(&w);
    w.stopped = false;
    world_run(&w);
    assert_int_equal(w.data_bytes, JST_COUNT(t) * JST_STREAM_WINDOW_BYTES);
    for (unsigned i = 0; i < JST_COUNT(t); i++) {
        origin_headers(&w, (int32_t)(2 * i + 1), ":status: 200\n", true);
    }
    world_run(&w);
    for (unsigned i = 0; i < JST_COUNT(t); i++) {
        assert_true(t[i]->ended);
    }
}

/* ---- messages ---- */

static void
test_trailers_and_interim(void **state)
{
    struct jst_field v[] = {{.name = JST_S("X-Sum"), .value = JST_S("9")}};
    struct jst_fields trailers = {v, 1, 1};
    struct call *t = world_call(&w, "/");

    (void)state;
    greet();
    call_body(t, JST_LENGTH_UNKNOWN);
    call_start(t);
    world_run(&w);
    call_send(t, "body", 4);
    call_end(t, &trailers);
    v[0].value = JST_S("?"); /* only borrowed until end() returned */
    world_run(&w);
    assert_string_equal(get_frame(&w, NGHTTP2_DATA, 1, 0)->text, "body");
    assert_false(get_frame(&w, NGHTTP2_DATA, 1, 0)->flags & NGHTTP2_FLAG_END_STREAM);
    assert_string_equal(get_frame(&w, NGHTTP2_HEADERS, 1, 1)->text, "x-sum: 9\n");
    assert_true(get_frame(&w, NGHTTP2_HEADERS, 1, 1)->flags & NGHTTP2_FLAG_END_STREAM);
    origin_headers(&w, 1, ":status: 103\nlink: </a>\n", false);
    origin_headers(&w, 1, ":status: 200\n", false);
    origin_data(&w, 1, "x", 1, false);
    origin_headers(&w, 1, "grpc-status: 0\ngrpc-message: fine\n", true);
    world_run(&w);
    assert_int_equal(t->heads, 2);
    assert_int_equal(t->statuses[0], 103);
    assert_int_equal(t->statuses[1], 200);
    assert_string_equal(t->body, "x");
    assert_string_equal(t->trailers, "grpc-status: 0\ngrpc-message: fine\n");
    assert_true(t->ended);
}

/* Data and trailers that wait for credit outlive the stream. */
static void
test_trailers_wait_for_credit(void **state)
{
    struct call *t = world_call(&w, "/");

    (void)state;
    greet();
    t->auto_credit = 0;
    call_start(t);
    world_run(&w);
    origin_headers(&w, 1, ":status: 200\n", false);
    origin_data(&w, 1, "0123456789", 10, false);
    origin_headers(&w, 1, "x-sum: 45\n", true);
    world_run(&w);
    assert_false(t->ended);
    assert_int_equal(t->heads, 1);
    jst_source_resume(&t->call.response, 4);
    world_run(&w);
    assert_string_equal(t->body, "0123");
    origin_close(&w); /* the rest is there already */
    world_run(&w);
    assert_false(t->ended);
    jst_source_resume(&t->call.response, 100);
    world_run(&w);
    assert_true(t->ended);
    assert_string_equal(t->trailers, "x-sum: 45\n");
    assert_int_equal(w.gone, 1);
}

static void
test_head_method(void **state)
{
    struct call *t = world_call(&w, "/");

    (void)state;
    greet();
    t->req.method = JST_METHOD_HEAD;
    t->req.method_text = JST_S("HEAD");
    call_start(t);
    world_run(&w);
    origin_headers(&w, 1, ":status: 200\ncontent-length: 1234\n", true);
    world_run(&w);
    assert_true(t->ended);
    assert_false(t->has_body);
    assert_int_equal(t->length, 1234);
}

static void
test_empty_post(void **state)
{
    struct call *t = world_call(&w, "/");

    (void)state;
    greet();
    call_body(t, 0);
    t->req.has_body = false;
    call_start(t);
    world_run(&w);
    assert_has(get_frame(&w, NGHTTP2_HEADERS, 1, 0)->text, "content-length: 0\n");
    assert_true(get_frame(&w, NGHTTP2_HEADERS, 1, 0)->flags & NGHTTP2_FLAG_END_STREAM);
    call_cancel(t);
}

static void
test_large_request_head(void **state)
{
    static char value[30000];
    static char path[3000];
    struct call *t = world_call(&w, "/");

    (void)state;
    greet();
    memset(value, 'v', sizeof(value));
    memset(path, 'p', sizeof(path));
    path[0] = '/';
    t->call.path = jst_slice(path, sizeof(path));
    t->call.query = JST_S("q");
    for (unsigned i = 0; i < 3; i++) {
        call_field(t, JST_S("X-Large"), jst_slice(value, sizeof(value)));
    }
    call_start(t);
    world_run(&w);
    assert_non_null(find_frame(&w, NGHTTP2_CONTINUATION, 1, 0));
    origin_headers(&w, 1, ":status: 200\n", true);
    world_run(&w);
    assert_true(t->ended);
}

static void
test_expect_continue(void **state)
{
    struct call *waits = world_call(&w, "/1");
    struct call *refused = world_call(&w, "/2");
    struct call *unheard = world_call(&w, "/3");

    (void)state;
    greet();
    for (unsigned i = 0; i < 3; i++) {
        call_body(&w.calls[i], 4);
        w.calls[i].req.expect_continue = true;
        call_field(&w.calls[i], JST_S("Expect"), JST_S("100-continue"));
        call_start(&w.calls[i]);
    }
    world_run(&w);
    assert_has(get_frame(&w, NGHTTP2_HEADERS, 1, 0)->text, "expect: 100-continue\n");
    assert_int_equal(waits->asked, 0);
    origin_headers(&w, 1, ":status: 100\n", false);
    origin_headers(&w, 3, ":status: 417\n", true);
    world_run(&w);
    assert_true(waits->asked > 0);
    assert_int_equal(refused->asked, 0);
    assert_true(refused->canceled != 0 && refused->ended);
    assert_non_null(find_frame(&w, NGHTTP2_RST_STREAM, 3, 0));
    assert_int_equal(unheard->asked, 0);
    world_pass(&w, JST_CONTINUE_WAIT_MS);
    assert_true(unheard->asked > 0);
    call_cancel(waits);
    call_cancel(unheard);
}

/* RFC 9113 8.1: a response may come before the request's end, and a reset behind it. */
static void
test_early_response(void **state)
{
    struct call *t = world_call(&w, "/1");
    struct call *u = world_call(&w, "/2");

    (void)state;
    greet();
    call_body(t, 100);
    call_body(u, 100);
    call_start(t);
    call_start(u);
    world_run(&w);
    origin_headers(&w, 1, ":status: 413\n", true);
    world_run(&w);
    assert_true(t->ended && t->why == 0);
    assert_int_equal(t->canceled, JOIST_E_CLOSED);
    assert_non_null(find_frame(&w, NGHTTP2_RST_STREAM, 1, 0));
    origin_headers(&w, 3, ":status: 413\n", true);
    origin_u32(&w, NGHTTP2_RST_STREAM, 3, NGHTTP2_NO_ERROR);
    world_run(&w);
    assert_true(u->ended && u->why == 0);
    assert_int_equal(w.idle, 1);
}

/* ---- calls that fail alone ---- */

static void
test_cancel(void **state)
{
    struct call *t = world_call(&w, "/1");
    struct call *unsent = world_call(&w, "/2");
    struct call *other = world_call(&w, "/3");

    (void)state;
    greet();
    call_start(t);
    call_start(other);
    world_run(&w);
    call_start(unsent);
    call_cancel(unsent);
    origin_headers(&w, 1, ":status: 200\n", false);
    origin_data(&w, 1, large, 20000, false);
    world_run(&w);
    assert_int_equal(t->bytes, 20000);
    call_cancel(t);
    world_run(&w);
    assert_int_equal(get_frame(&w, NGHTTP2_RST_STREAM, 1, 0)->value, NGHTTP2_CANCEL);
    assert_null(find_frame(&w, NGHTTP2_HEADERS, 5, 0));
    origin_data(&w, 1, large, 20000, true); /* was on its way */
    origin_headers(&w, 3, ":status: 200\n", true);
    world_run(&w);
    assert_int_equal(t->bytes, 20000);
    assert_false(t->ended || t->why != 0);
    assert_true(other->ended);
    assert_int_equal(w.idle, 1);
}

static void
test_resets(void **state)
{
    static const struct {
        uint32_t code;
        int why;
        bool unprocessed;
    } v[] = {
        {NGHTTP2_REFUSED_STREAM, JOIST_E_RESET, true},
        {NGHTTP2_NO_ERROR, JOIST_E_RESET, false},
        {NGHTTP2_CANCEL, JOIST_E_RESET, false},
        {NGHTTP2_PROTOCOL_ERROR, JOIST_E_RESET, false},
        {NGHTTP2_HTTP_1_1_REQUIRED, JOIST_E_UNSUPPORTED, false},
        {12345, JOIST_E_RESET, false},
    };

    (void)state;
    greet();
    for (unsigned i = 0; i < JST_COUNT(v); i++) {
        call_start(world_call(&w, "/"));
    }
    world_run(&w);
    for (unsigned i = 0; i < JST_COUNT(v); i++) {
        origin_u32(&w, NGHTTP2_RST_STREAM, (int32_t)(2 * i + 1), v[i].code);
    }
    world_run(&w);
    for (unsigned i = 0; i < JST_COUNT(v); i++) {
        assert_int_equal(w.calls[i].why, v[i].why);
        assert_int_equal(w.calls[i].call.unprocessed, v[i].unprocessed);
    }
    assert_int_equal(w.lost, JST_COUNT(v));
    assert_int_equal(w.idle, 1);
    assert_int_equal(w.gone, 0);
}

/* Each is a stream's error: malformed, and told so; the connection and its other calls go on. */
static void
test_malformed_responses(void **state)
{
    static const char *const heads[] = {
        "content-type: text/plain\n", /* no :status */
        ":status: 20\n",              /* RFC 9113 8.3.2 */
        ":status: 051\n",
        ":status: 600\n",
        ":status: 200\n:status: 200\n",                         /* twice */
        ":status: 101\n",                                       /* 8.6 */
        ":status: 200\nx: y\n:other: 1\n",                      /* pseudo behind a field */
        ":status: 200\n:path: /\n",                             /* a request's */
        ":status: 200\nconnection: close\n",                    /* 8.2.2 */
        ":status: 200\ntransfer-encoding: chunked\n",           /* 8.2.2 */
        ":status: 200\nX-Upper: 1\n",                           /* 8.2 */
        ":status: 200\nx-control: a\001b\n",                    /* 8.2.1 */
        ":status: 200\nx space: 1\n",                           /* 8.2.1 */
        ":status: 200\ncontent-length: 5\ncontent-length: 6\n", /* RFC 9110 8.6 */
        ":status: 200\ncontent-length: x\n",                    /* RFC 9110 8.6 */
    };
    struct call *other = world_call(&w, "/other");

    (void)state;
    greet();
    call_start(other);
    for (unsigned i = 0; i < JST_COUNT(heads); i++) {
        struct call *t = world_call(&w, "/");

        call_start(t);
        world_run(&w);
        origin_headers(&w, (int32_t)(2 * i + 3), heads[i], false);
        world_run(&w);
        if (t->why != JOIST_E_PROTO || t->call.detail == NULL) {
            fail_msg("%d heads %u for %s", t->why, t->heads, heads[i]);
        }
        assert_int_equal(t->heads, 0);
        assert_non_null(find_frame(&w, NGHTTP2_RST_STREAM, (int32_t)(2 * i + 3), 0));
    }
    origin_headers(&w, 1, ":status: 200\n", true);
    world_run(&w);
    assert_true(other->ended);
    assert_int_equal(w.gone, 0);
}

static void
test_wrong_lengths(void **state)
{
    (void)state;
    greet();
    for (unsigned i = 0; i < 4; i++) {
        call_start(world_call(&w, "/"));
    }
    world_run(&w);
    for (int id = 1; id <= 5; id += 2) {
        origin_headers(&w, id, ":status: 200\ncontent-length: 5\n", false);
    }
    origin_data(&w, 1, "1234", 4, true);
    origin_data(&w, 3, "123456", 6, false);
    origin_data(&w, 5, "12345", 5, true);
    origin_headers(&w, 7, ":status: 200\ncontent-length: 5\n", true);
    world_run(&w);
    assert_int_equal(w.calls[0].why, JOIST_E_PROTO);
    assert_int_equal(w.calls[1].why, JOIST_E_PROTO);
    assert_true(w.calls[2].ended);
    assert_int_equal(w.calls[3].why, JOIST_E_PROTO);
    assert_int_equal(w.idle, 1);
}

static void
test_too_much_head(void **state)
{
    static char lines[20000];
    size_t n = 0;

    (void)state;
    greet();
    for (unsigned i = 0; i < 3; i++) {
        call_start(world_call(&w, "/"));
    }
    world_run(&w);
    n += (size_t)snprintf(lines, sizeof(lines), ":status: 200\n");
    for (unsigned i = 0; i < JST_RESPONSE_FIELDS_MAX; i++) {
        n += (size_t)snprintf(lines + n, sizeof(lines) - n, "x: 1\n");
    }
    origin_headers(&w, 1, lines, true);
    world_run(&w);
    assert_true(w.calls[0].ended);
    (void)snprintf(lines + n, sizeof(lines) - n, "x: 1\n");
    origin_headers(&w, 3, lines, true);
    for (unsigned i = 0; i <= JST_INTERIM_MAX; i++) {
        origin_headers(&w, 5, ":status: 103\n", false);
    }
    world_run(&w);
    assert_int_equal(w.calls[1].why, JOIST_E_PROTO);
    assert_string_equal(w.calls[1].call.detail, "header section too large");
    assert_int_equal(w.calls[2].why, JOIST_E_PROTO);
    assert_string_equal(w.calls[2].call.detail, "too many interim responses");
    assert_int_equal(w.gone, 0);
}

static void
test_forbidden_trailer(void **state)
{
    struct call *t = world_call(&w, "/");

    (void)state;
    greet();
    call_start(t);
    world_run(&w);
    origin_headers(&w, 1, ":status: 200\n", false);
    origin_headers(&w, 1, "set-cookie: a=b\n", true);
    world_run(&w);
    assert_int_equal(t->why, JOIST_E_PROTO);
    assert_string_equal(t->call.detail, "forbidden trailer field");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
        T(get),
        T(hundred),
        T(next_starts_in_end),
        T(room_follows_settings),
        T(lowered_while_starting),
        T(stuck_reader_blocks_nobody),
        T(window_follows_credit),
        T(upload),
        T(origin_that_reads_late),
        T(trailers_and_interim),
        T(trailers_wait_for_credit),
        T(head_method),
        T(empty_post),
        T(large_request_head),
        T(expect_continue),
        T(early_response),
        T(cancel),
        T(resets),
        T(malformed_responses),
        T(wrong_lengths),
        T(too_much_head),
        T(forbidden_trailer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
