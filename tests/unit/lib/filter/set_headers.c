// SPDX-License-Identifier: MIT
#include "filter/set_headers.h"

#include "../http/recorder.h"

static const struct jst_field settings[] = {
    {.name = {"X-New", 5}, .value = {"new", 3}},
    {.name = {"server", 6}, .value = {"mine", 4}, .id = JST_FIELD_SERVER},
    {.name = {"X-Powered-By", 12}, .value = {"", 0}},
};
static const struct jst_header_set set = {settings, JST_COUNT(settings)};

static void
send_head(struct recorder *r, uint16_t status)
{
    struct jst_field v[5] = {
        {.name = JST_S("Server"), .value = JST_S("origin"), .id = JST_FIELD_SERVER},
        {.name = JST_S("X-Powered-By"), .value = JST_S("secret")},
        {.name = JST_S("X-Kept"), .value = JST_S("kept")},
        {.name = JST_S("X-Dropped"), .value = JST_S("d"), .drop = true},
        {.name = JST_S("Server"), .value = JST_S("twice"), .id = JST_FIELD_SERVER},
    };
    struct jst_head head = {.status = status, .length = 7, .fields = {v, 5, 5}};

    head.block = JST_S("Server: origin\r\n");
    jst_sink_head(r->s.response, &head);
}

static void
test_sets_replaces_removes(void **state)
{
    struct recorder r;

    (void)state;
    recorder_init(&r);
    assert_int_equal(jst_set_headers_insert(&r.s, &set), 0);
    assert_ptr_not_equal(r.s.response, &r.sink);
    send_head(&r, 200);
    assert_int_equal(r.head.fields.n, 3);
    assert_string_equal(recorder_field(&r, "X-New"), "new");
    assert_string_equal(recorder_field(&r, "Server"), "mine");
    assert_string_equal(recorder_field(&r, "X-Kept"), "kept");
    assert_string_equal(recorder_field(&r, "X-Powered-By"), "");
    assert_null(r.head.block.p); /* it was printed without them */
    assert_int_equal(r.head.length, 7);
    recorder_fini(&r);
}

static void
test_interim_heads_pass(void **state)
{
    struct recorder r;

    (void)state;
    recorder_init(&r);
    assert_int_equal(jst_set_headers_insert(&r.s, &set), 0);
    send_head(&r, 103);
    assert_int_equal(r.head.fields.n, 5);
    send_head(&r, 101); /* a final one */
    assert_string_equal(recorder_field(&r, "Server"), "mine");
    assert_int_equal(r.heads, 2);
    recorder_fini(&r);
}

static void
test_the_rest_passes(void **state)
{
    struct jst_chain data = {0};
    struct recorder r;

    (void)state;
    recorder_init(&r);
    assert_int_equal(jst_set_headers_insert(&r.s, &set), 0);
    send_head(&r, 200);
    assert_int_equal(jst_chain_add_static(&data, "abc", 3), 0);
    jst_sink_data(r.s.response, &data);
    assert_string_equal(r.data, "abc");
    jst_sink_end(r.s.response, NULL);
    assert_int_equal(r.ends, 1);
    jst_sink_abort(r.s.response, JOIST_E_IO);
    assert_int_equal(r.aborted, JOIST_E_IO);
    recorder_fini(&r);
}

/* Two filters, one around the other: the outer one has the last word. */
static void
test_two_filters(void **state)
{
    static const struct jst_field outer[] = {{.name = {"X-NEW", 5}, .value = {"outer", 5}}};
    static const struct jst_header_set outer_set = {outer, 1};
    struct recorder r;

    (void)state;
    recorder_init(&r);
    assert_int_equal(jst_set_headers_insert(&r.s, &outer_set), 0);
    assert_int_equal(jst_set_headers_insert(&r.s, &set), 0);
    send_head(&r, 200);
    assert_string_equal(recorder_field(&r, "x-new"), "outer");
    assert_int_equal(r.head.fields.n, 3);
    recorder_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_replaces_removes),
        cmocka_unit_test(test_interim_heads_pass),
        cmocka_unit_test(test_the_rest_passes),
        cmocka_unit_test(test_two_filters),
    };

    return cmocka_run_group_tests_name("filter/set_headers", tests, NULL, NULL);
}
