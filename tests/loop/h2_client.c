// SPDX-License-Identifier: MIT
#include "h2_origin.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get, setup, teardown),
    };

    (void)greet;
    (void)assert_has;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
