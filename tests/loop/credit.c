// SPDX-License-Identifier: MIT
/*
 * Credit bounds what is under way: a handler that takes nothing, a client that reads nothing, each
 * stops the other side after a window, not later.
 */
#include "harness.h"

#include "base/bounds.h"

#include <stdio.h>

#define MANY (64u * 1024 * 1024)

/* A handler of the test's own: takes what it has asked for, and gives as much as it may. */
struct handler {
    struct jst_stream *s;
    struct jst_sink sink;
    struct jst_source origin;
    struct jst_task task;
    size_t taken; /* request bytes */
    size_t asked;
    size_t given; /* response bytes */
    size_t credit;
    size_t total; /* of the response; 0: it answers nothing */
    bool ended;
    bool aborted;
    bool canceled;
};

static struct handler h;

static void
sink_data(struct jst_sink *s, struct jst_chain *move)
{
    (void)s;
    assert_false(h.ended || h.aborted);
    h.taken += move->bytes;
    assert_true(h.taken <= h.asked); /* a source keeps to its credit */
    jst_chain_clear(move);
}

static void
sink_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    (void)s;
    (void)trailers;
    assert_false(h.ended || h.aborted);
    h.ended = true;
}

static void
sink_abort(struct jst_sink *s, int why)
{
    (void)s;
    assert_int_not_equal(why, 0);
    assert_false(h.ended || h.aborted);
    h.aborted = true;
}

static const struct jst_sink_ops sink_ops = {
    .data = sink_data, .end = sink_end, .abort = sink_abort};

static void
give(struct jst_task *t)
{
    static const char zeros[JST_STREAM_WINDOW_BYTES];
    size_t n = JST_MIN(JST_MIN(h.credit, h.total - h.given), sizeof(zeros));
    struct jst_chain data = {0};

    (void)t;
    if (h.canceled || n == 0) {
        return;
    }
    assert_int_equal(jst_chain_add_static(&data, zeros, n), 0);
    h.credit -= n;
    h.given += n;
    jst_sink_data(h.s->response, &data);
    if (h.given == h.total) {
        jst_sink_end(h.s->response, NULL);
    } else if (h.credit > 0) {
        jst_loop_post(h.s->local->loop, &h.task);
    }
}

static void
origin_resume(struct jst_source *s, size_t credit)
{
    (void)s;
    assert_false(h.canceled);
    assert_true(credit > 0);
    h.credit += credit;
    jst_loop_post(h.s->local->loop, &h.task);
}

static void
origin_cancel(struct jst_source *s, int why)
{
    (void)s;
    assert_int_not_equal(why, 0);
    assert_false(h.canceled);
    h.canceled = true;
}

static const struct jst_source_ops origin_ops = {origin_resume, origin_cancel};

static void
on_request(struct jst_service *svc, struct jst_stream *s)
{
    struct jst_head head = {.status = 200, .length = h.total};

    (void)svc;
    h.s = s;
    h.sink.ops = &sink_ops;
    h.origin.ops = &origin_ops;
    h.task.run = give;
    s->handler = &h.sink;
    if (h.total > 0) {
        s->origin = &h.origin;
        jst_sink_head(s->response, &head);
    }
}

static void
begin(struct rig *g, struct peer *client, size_t response)
{
    h = (struct handler){.total = response};
    rig_init(g);
    rig_start(g);
    g->r.svc.on_request = on_request;
    rig_client(g, client);
}

/* Send as much as the other side lets in. */
static void
stuff(struct rig *g, struct peer *client)
{
    for (int i = 0; i < 200; i++) {
        (void)peer_step(client, SIZE_MAX, 0);
        rig_turn(g);
    }
}

static void
test_a_handler_that_takes_nothing(void **state)
{
    static char body[4000000];
    struct rig g;
    struct peer client;

    (void)state;
    begin(&g, &client, 0);
    peer_say(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n");
    peer_send(&client, body, sizeof(body));
    stuff(&g, &client);
    assert_int_equal(h.taken, 0);
    assert_true(g.r.local.stats.bytes_in <= JST_HEAD_READ_BYTES);
    for (size_t step = 1; step < 1000000; step *= 7) { /* what it asks for it gets, and no more */
        h.asked += step;
        jst_source_resume(h.s->body, step);
        stuff(&g, &client);
        assert_int_equal(h.taken, h.asked);
        assert_true(g.r.local.stats.bytes_in <= JST_HEAD_READ_BYTES + h.asked);
    }
    h.asked += sizeof(body);
    jst_source_resume(h.s->body, sizeof(body));
    stuff(&g, &client);
    assert_int_equal(h.taken, sizeof(body));
    assert_true(h.ended);
    peer_fini(&client);
    rig_fini(&g);
}

/* Chunks have framing, which costs no credit but is bounded as well. */
static void
test_chunks_that_are_not_taken(void **state)
{
    struct rig g;
    struct peer client;

    (void)state;
    begin(&g, &client, 0);
    peer_say(&client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 200000; i++) {
        peer_say(&client, "1\r\nx\r\n");
    }
    peer_say(&client, "0\r\n\r\n");
    stuff(&g, &client);
    assert_true(g.r.local.stats.bytes_in <= JST_HEAD_READ_BYTES);
    h.asked = 1000;
    jst_source_resume(h.s->body, 1000);
    stuff(&g, &client);
    assert_int_equal(h.taken, 1000);
    assert_true(g.r.local.stats.bytes_in <= 2 * JST_HEAD_READ_BYTES);
    h.asked = 200000; /* all of it: the end needs no credit */
    jst_source_resume(h.s->body, 199000);
    stuff(&g, &client);
    assert_int_equal(h.taken, 200000);
    assert_true(h.ended);
    peer_fini(&client);
    rig_fini(&g);
}

static void
test_a_client_that_reads_nothing(void **state)
{
    struct rig g;
    struct peer client;
    size_t before;

    (void)state;
    begin(&g, &client, MANY);
    peer_say(&client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    stuff(&g, &client);
    before = h.given;
    assert_true(h.given <= g.r.local.stats.bytes_out + JST_STREAM_WINDOW_BYTES);
    stuff(&g, &client);
    assert_int_equal(h.given, before);
    for (uint64_t read = 0; read < MANY && !client.eof;) { /* never more than a window ahead */
        rig_turn(&g);
        (void)peer_step(&client, 0, 100000);
        peer_forget(&client);
        read = client.total;
        assert_true(h.given <= g.r.local.stats.bytes_out + JST_STREAM_WINDOW_BYTES);
    }
    assert_int_equal(h.given, MANY);
    peer_fini(&client);
    rig_run(&g, NULL, NULL);
    rig_fini(&g);
}

static void
test_both_ways_at_once(void **state)
{
    static char body[1000000];
    struct rig g;
    struct peer client;

    (void)state;
    begin(&g, &client, 20000000);
    peer_say(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    peer_send(&client, body, sizeof(body));
    rig_turn(&g);
    (void)peer_step(&client, 200, 0);
    rig_turn(&g);
    while (h.taken < sizeof(body)) {
        h.asked += 1000;
        jst_source_resume(h.s->body, 1000);
        for (int i = 0; i < 3; i++) {
            (void)peer_step(&client, 5000, 3000);
            rig_turn(&g);
        }
        assert_true(h.given <= g.r.local.stats.bytes_out + JST_STREAM_WINDOW_BYTES);
        assert_false(h.aborted || h.canceled);
    }
    rig_run(&g, &client, NULL);
    assert_true(h.ended);
    assert_int_equal(h.given, 20000000);
    assert_true(client.total > 20000000);
    assert_false(peer_is_over(&client)); /* both were complete: it is kept */
    peer_fini(&client);
    rig_run(&g, NULL, NULL);
    rig_fini(&g);
}

/* Cancel and abort come once each, in this order, and nothing after them. */
static void
test_a_client_that_leaves(void **state)
{
    static char body[100000];
    struct rig g;
    struct peer client;

    (void)state;
    begin(&g, &client, MANY);
    peer_say(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    peer_send(&client, body, sizeof(body));
    stuff(&g, &client);
    h.asked = 10;
    jst_source_resume(h.s->body, 10);
    stuff(&g, &client);
    assert_int_equal(h.taken, 10);
    peer_fini(&client);
    rig_run(&g, NULL, NULL);
    assert_true(h.canceled && h.aborted && !h.ended);
    rig_assert_idle(&g);
    rig_fini(&g);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_handler_that_takes_nothing),
        cmocka_unit_test(test_chunks_that_are_not_taken),
        cmocka_unit_test(test_a_client_that_reads_nothing),
        cmocka_unit_test(test_both_ways_at_once),
        cmocka_unit_test(test_a_client_that_leaves),
    };

    return cmocka_run_group_tests_name("loop/credit", tests, NULL, NULL);
}
