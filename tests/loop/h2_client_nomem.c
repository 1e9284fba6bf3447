// SPDX-License-Identifier: MIT
#include "alloc.h"
#include "h2_origin.h"

/* Far more than a run needs. */
#define ALLOCATIONS_MAX 3000

static struct world w;

/* Only the library's allocations fail. */
static void
on_harness(bool inside)
{
    if (inside) {
        alloc_pause();
    } else {
        alloc_resume();
    }
}

static bool
try_init(unsigned n)
{
    alloc_fail_at(n, false);
    alloc_pause();
    return world_try_init(&w, 4000, on_harness) == 0;
}

static bool
stop(void)
{
    bool failed = alloc_off();

    w.on_harness = NULL;
    world_fini(&w);
    return failed;
}

static void
test_adopt(void **state)
{
    unsigned n = 1;

    (void)state;
    for (;; n++) {
        bool is_open = try_init(n);
        bool failed = stop();

        assert_true(n < ALLOCATIONS_MAX);
        assert_true(is_open || failed);
        if (!failed) {
            break;
        }
    }
    assert_true(n > 5);
}

static bool
is_over(const struct call *t)
{
    return t->ended || t->why != 0;
}

static void
end_call(struct call *t)
{
    if (!is_over(t) && t->call.client != NULL && w.c != NULL) {
        call_cancel(t);
    }
}

/* Uploads, downloads with credit that comes late, trailers both ways, a tunnel. */
static void
run_calls(void)
{
    static const char page[20000];
    struct jst_field v[] = {{.name = JST_S("X-Sum"), .value = JST_S("9")}};
    struct jst_fields trailers = {v, 1, 1};
    struct call *up = world_call(&w, "/up");
    struct call *down = world_call(&w, "/down");
    struct call *chat = world_call(&w, "/chat");

    call_body(up, JST_LENGTH_UNKNOWN);
    call_websocket(chat);
    down->auto_credit = 0;
    call_start(up);
    if (w.c != NULL && w.c->calls < w.c->calls_max) {
        call_start(down);
    }
    if (w.c != NULL && w.c->calls < w.c->calls_max) {
        call_start(chat);
    }
    origin_settings(&w, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1);
    origin_ack(&w);
    world_run(&w);
    if (up->call.client != NULL) {
        call_send(up, page, sizeof(page));
        call_end(up, &trailers);
    }
    world_run(&w);
    origin_headers(&w, 1, ":status: 200\nx-long-name-of-a-field: its value\n", false);
    origin_headers(&w, 3, ":status: 200\ncookie: a=b\ncookie: c=d\n", false);
    origin_headers(&w, 5, ":status: 200\n", false);
    origin_data(&w, 1, "abc", 3, false);
    origin_data(&w, 3, page, sizeof(page), false);
    origin_data(&w, 5, "abc", 3, true);
    origin_headers(&w, 1, "grpc-status: 0\n", true);
    origin_headers(&w, 3, "grpc-status: 0\n", true);
    world_run(&w);
    if (down->call.client != NULL) {
        jst_source_resume(&down->call.response, 10000);
        world_run(&w);
    }
    if (down->call.client != NULL) {
        jst_source_resume(&down->call.response, 10000);
        world_run(&w);
    }
    end_call(up);
    end_call(down);
    end_call(chat);
    if (w.c != NULL && chat->call.client != NULL) { /* its response is over, our side is not */
        call_cancel(chat);
    }
    world_run(&w);
}

static void
test_calls(void **state)
{
    unsigned n = 1;

    (void)state;
    for (;; n++) {
        assert_true(n < ALLOCATIONS_MAX);
        if (try_init(n)) {
            run_calls();
        }
        if (!stop()) {
            break;
        }
    }
    assert_true(n > 20);
    assert_int_equal(w.lost, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adopt),
        cmocka_unit_test(test_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
