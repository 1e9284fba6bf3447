// SPDX-License-Identifier: MIT
/*
 * Flow control of HTTP/2 is credit: a handler that takes nothing keeps the window shut, a client
 * that opens no window stops the origin; what goes first is the client's wish.
 */
#include "h2_peer.h"

#include "base/bounds.h"

#include <stdio.h>
#include <stdlib.h>

#define MANY (64u * 1024 * 1024)

/* A handler of the test's own, one for each stream: takes what it has asked for, gives what it may.
 */
struct handler {
    struct jst_stream *s;
    struct jst_sink sink;
    struct jst_source origin;
    struct jst_task task;
    size_t taken;
    size_t asked;
    size_t given;
    size_t credit;
    size_t total; /* of the response; 0: it answers nothing */
    bool ended;
    bool aborted;
    bool canceled;
    bool had_trailers;
};

#define HANDLERS_MAX 200
static struct handler handlers[HANDLERS_MAX];
static size_t handlers_n;
static size_t response_bytes;
static struct h2_peer h;

static void
sink_data(struct jst_sink *s, struct jst_chain *move)
{
    struct handler *t = JST_CONTAINER(s, struct handler, sink);

    assert_false(t->ended || t->aborted);
    t->taken += move->bytes;
    assert_true(t->taken <= t->asked); /* a source keeps to its credit */
    jst_chain_clear(move);
}

static void
sink_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct handler *t = JST_CONTAINER(s, struct handler, sink);

    assert_false(t->ended || t->aborted);
    t->ended = true;
    t->had_trailers = trailers != NULL && trailers->n > 0;
}

static void
sink_abort(struct jst_sink *s, int why)
{
    struct handler *t = JST_CONTAINER(s, struct handler, sink);

    assert_int_not_equal(why, 0);
    assert_false(t->ended || t->aborted);
    t->aborted = true;
}

static const struct jst_sink_ops sink_ops = {
    .data = sink_data, .end = sink_end, .abort = sink_abort};

static void
give(struct jst_task *task)
{
    static const char zeros[JST_STREAM_WINDOW_BYTES];
    struct handler *t = JST_CONTAINER(task, struct handler, task);
    size_t n = JST_MIN(JST_MIN(t->credit, t->total - t->given), sizeof(zeros));
    struct jst_chain data = {0};

    if (t->canceled || n == 0) {
        return;
    }
    assert_int_equal(jst_chain_add_static(&data, zeros, n), 0);
    t->credit -= n;
    t->given += n;
    jst_sink_data(t->s->response, &data);
    if (t->given == t->total) {
        jst_sink_end(t->s->response, NULL);
    } else if (t->credit > 0) {
        jst_loop_post(t->s->local->loop, &t->task);
    }
}

static void
origin_resume(struct jst_source *s, size_t credit)
{
    struct handler *t = JST_CONTAINER(s, struct handler, origin);

    assert_false(t->canceled);
    assert_true(credit > 0);
    t->credit += credit;
    jst_loop_post(t->s->local->loop, &t->task);
}

static void
origin_cancel(struct jst_source *s, int why)
{
    struct handler *t = JST_CONTAINER(s, struct handler, origin);

    assert_int_not_equal(why, 0);
    assert_false(t->canceled);
    t->canceled = true;
}

static const struct jst_source_ops origin_ops = {origin_resume, origin_cancel};

static void
on_request(struct jst_service *svc, struct jst_stream *s)
{
    struct handler *t = &handlers[handlers_n++];
    struct jst_head head = {.status = 200, .length = response_bytes};

    (void)svc;
    assert_true(handlers_n <= HANDLERS_MAX);
    *t = (struct handler){.s = s, .total = response_bytes};
    t->sink.ops = &sink_ops;
    t->origin.ops = &origin_ops;
    t->task.run = give;
    s->handler = &t->sink;
    if (t->total > 0) {
        s->origin = &t->origin;
        jst_sink_head(s->response, &head);
    }
}

static void
begin(struct rig *g, size_t response, bool manual)
{
    memset(handlers, 0, sizeof(handlers));
    handlers_n = 0;
    response_bytes = response;
    rig_init(g);
    rig_start(g);
    g->r.svc.on_request = on_request;
    h2_open(g, &h, manual);
    h2_run(g, &h, NULL);
}

static int32_t
post(struct h2_body *body)
{
    nghttp2_nv v[] = {H2_NV(":method", "POST"), H2_NV(":scheme", "http"), H2_NV(":authority", "a"),
                      H2_NV(":path", "/")};

    return h2_request(&h, v, 4, body);
}

static void
test_a_handler_that_takes_nothing(void **state)
{
    static char bytes[4000000];
    struct h2_body body = {.p = bytes, .n = sizeof(bytes), .may = sizeof(bytes)};
    struct rig g;
    struct handler *t = &handlers[0];

    (void)state;
    begin(&g, 0, false);
    (void)post(&body);
    h2_run(&g, &h, NULL);
    assert_int_equal(body.given, JST_H2_WINDOW_BYTES);
    assert_int_equal(t->taken, 0);
    for (size_t step = 1; step < 1000000; step *= 7) { /* what it asks for it gets, and no more */
        t->asked += step;
        jst_source_resume(t->s->body, step);
        h2_run(&g, &h, NULL);
        assert_int_equal(t->taken, t->asked);
        assert_true(body.given <= t->asked + JST_STREAM_WINDOW_BYTES);
    }
    t->asked += sizeof(bytes);
    jst_source_resume(t->s->body, sizeof(bytes));
    h2_run(&g, &h, NULL);
    assert_int_equal(t->taken, sizeof(bytes));
    assert_true(t->ended);
    h2_end(&g, &h);
    assert_true(t->canceled || t->total == 0);
}

/* After a large credit was used up, what may come without one is small again. */
static void
test_the_window_shrinks_again(void **state)
{
    static char bytes[2000000];
    struct h2_body body = {.p = bytes, .n = sizeof(bytes), .may = sizeof(bytes)};
    struct rig g;
    struct handler *t = &handlers[0];

    (void)state;
    begin(&g, 0, false);
    (void)post(&body);
    h2_run(&g, &h, NULL);
    t->asked = 500000;
    jst_source_resume(t->s->body, 500000);
    h2_run(&g, &h, NULL);
    assert_int_equal(t->taken, 500000);
    for (int i = 0; i < 100; i++) {
        t->asked += 1000;
        jst_source_resume(t->s->body, 1000);
        h2_run(&g, &h, NULL);
    }
    assert_int_equal(t->taken, 600000);
    assert_true(body.given - t->taken <= JST_H2_WINDOW_BYTES + 1000);
    h2_end(&g, &h);
}

static void
test_a_client_that_opens_no_window(void **state)
{
    struct rig g;
    struct h2_reply *r;
    struct handler *t = &handlers[0];

    (void)state;
    begin(&g, MANY, true);
    r = h2_reply(&h, h2_get(&h, "a", "/"));
    h2_run(&g, &h, NULL);
    assert_int_equal(r->body_n, 65535);
    assert_true(t->given <= 65535 + JST_STREAM_WINDOW_BYTES);
    for (int i = 1; i <= 20; i++) {
        assert_int_equal(nghttp2_session_consume(h.ng, r->id, 60000), 0);
        h2_run(&g, &h, NULL);
        assert_int_equal(r->body_n, 65535 + 60000 * i);
        assert_true(t->given <= r->body_n + JST_STREAM_WINDOW_BYTES);
    }
    h2_end(&g, &h);
    assert_true(t->canceled && !t->aborted);
}

/* A connection's memory is bounded however many of its streams are stuck. */
static void
test_many_streams_that_are_stuck(void **state)
{
    struct rig g;
    size_t given = 0;

    (void)state;
    begin(&g, MANY, true);
    for (int i = 0; i < 120; i++) {
        (void)h2_get(&h, "a", "/");
    }
    h2_run(&g, &h, NULL);
    assert_int_equal(handlers_n, 120);
    for (size_t i = 0; i < handlers_n; i++) {
        given += handlers[i].given;
        assert_true(handlers[i].given > 0); /* each gets something */
    }
    assert_true(given <= 5u * 1024 * 1024);
    h2_end(&g, &h);
}

static void
test_a_client_that_does_not_read(void **state)
{
    struct rig g;
    struct handler *t = &handlers[0];

    (void)state;
    begin(&g, MANY, false);
    (void)nghttp2_session_set_local_window_size(h.ng, 0, 0, INT32_MAX);
    (void)h2_get(&h, "a", "/");
    (void)nghttp2_session_set_local_window_size(h.ng, 0, 1, INT32_MAX);
    h2_push(&h);
    (void)nghttp2_session_set_local_window_size(h.ng, 0, 1, INT32_MAX);
    h2_push(&h);
    for (int i = 0; i < 300; i++) {
        (void)peer_step(&h.p, SIZE_MAX, 0);
        rig_turn(&g);
    }
    assert_true(t->given <= g.r.local.stats.bytes_out + JST_STREAM_WINDOW_BYTES + 200000);
    h2_run(&g, &h, NULL);
    assert_int_equal(t->given, MANY);
    assert_int_equal(h2_reply(&h, 1)->body_n, MANY);
    assert_true(h2_reply(&h, 1)->ended);
    h2_end(&g, &h);
}

static void
test_both_ways_at_once(void **state)
{
    static char bytes[1000000];
    struct h2_body body = {.p = bytes, .n = sizeof(bytes), .may = sizeof(bytes)};
    struct rig g;
    struct h2_reply *r;
    struct handler *t = &handlers[0];

    (void)state;
    begin(&g, 20000000, false);
    r = h2_reply(&h, post(&body));
    h2_push(&h);
    rig_turn(&g);
    for (int i = 0; i < 100000 && t->taken < sizeof(bytes); i++) {
        if (t->s != NULL && t->asked < sizeof(bytes) && t->taken == t->asked) {
            t->asked += 50000;
            jst_source_resume(t->s->body, 50000);
        }
        h2_push(&h);
        (void)peer_step(&h.p, 20000, 20000);
        h2_pull(&h);
        rig_turn(&g);
    }
    assert_int_equal(t->taken, sizeof(bytes));
    h2_run(&g, &h, NULL);
    assert_true(t->ended);
    assert_int_equal(r->body_n, 20000000);
    assert_true(r->ended && r->closed);
    h2_end(&g, &h);
}

/* RFC 9218: urgency decides; equal ones that are incremental share. */
static void
test_priority_orders_the_output(void **state)
{
    nghttp2_nv v[] = {H2_NV(":method", "GET"), H2_NV(":scheme", "http"), H2_NV(":authority", "a"),
                      H2_NV(":path", "/"), H2_NV("priority", "u=6")};
    nghttp2_nv urgent[] = {H2_NV(":method", "GET"), H2_NV(":scheme", "http"),
                           H2_NV(":authority", "a"), H2_NV(":path", "/"), H2_NV("priority", "u=1")};
    struct rig g;
    struct h2_reply *late;
    struct h2_reply *early;

    (void)state;
    begin(&g, 400000, false);
    late = h2_reply(&h, h2_request(&h, v, 5, NULL));
    early = h2_reply(&h, h2_request(&h, urgent, 5, NULL));
    h2_run(&g, &h, NULL);
    assert_true(late->ended && early->ended);
    assert_true(early->order < late->order);
    h2_end(&g, &h);
}

static void
test_a_priority_update_orders_the_output(void **state)
{
    struct rig g;
    struct h2_reply *a;
    struct h2_reply *b;
    static const char update[] = {0, 0, 0, 3, 'u', '=', '0'};

    (void)state;
    begin(&g, 400000, true);
    (void)nghttp2_session_set_local_window_size(h.ng, 0, 0, 10000000);
    a = h2_reply(&h, h2_get(&h, "a", "/"));
    b = h2_reply(&h, h2_get(&h, "a", "/"));
    h2_run(&g, &h, NULL); /* both are stuck behind their windows */
    assert_int_equal(a->body_n, 65535);
    assert_int_equal(b->body_n, 65535);
    h2_frame(&h, NGHTTP2_PRIORITY_UPDATE, 0, 0, update, sizeof(update));
    (void)nghttp2_session_set_local_window_size(h.ng, 0, a->id, 1000000);
    (void)nghttp2_session_set_local_window_size(h.ng, 0, b->id, 1000000);
    h2_run(&g, &h, NULL);
    assert_true(a->ended && b->ended);
    assert_true(b->order < a->order);
    h2_end(&g, &h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_handler_that_takes_nothing),
        cmocka_unit_test(test_the_window_shrinks_again),
        cmocka_unit_test(test_a_client_that_opens_no_window),
        cmocka_unit_test(test_many_streams_that_are_stuck),
        cmocka_unit_test(test_a_client_that_does_not_read),
        cmocka_unit_test(test_both_ways_at_once),
        cmocka_unit_test(test_priority_orders_the_output),
        cmocka_unit_test(test_a_priority_update_orders_the_output),
    };

    return cmocka_run_group_tests_name("loop/h2_flow", tests, NULL, NULL);
}
