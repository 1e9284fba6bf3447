// SPDX-License-Identifier: MIT
#include "recorder.h"

static void
test_respond(void **state)
{
    struct jst_field storage[1];
    struct jst_fields extra = {storage, 0, 1};
    struct recorder r;

    (void)state;
    recorder_init(&r);
    assert_int_equal(jst_fields_add(&extra, JST_S("Allow"), JST_S("GET")), 0);
    jst_stream_respond(&r.s, 405, JST_S("text/x"), JST_S("the body"), &extra);
    assert_int_equal(r.heads, 1);
    assert_int_equal(r.head.status, 405);
    assert_int_equal(r.head.length, 8);
    assert_string_equal(recorder_field(&r, "content-type"), "text/x");
    assert_string_equal(recorder_field(&r, "allow"), "GET");
    assert_string_equal(r.data, "the body");
    assert_int_equal(r.ends, 1);
    recorder_fini(&r);
}

static void
test_head_has_the_length_alone(void **state)
{
    struct recorder r;

    (void)state;
    recorder_init(&r);
    r.s.req.method = JST_METHOD_HEAD;
    jst_stream_respond(&r.s, 200, JST_S("text/x"), JST_S("the body"), NULL);
    assert_int_equal(r.head.length, 8);
    assert_int_equal(r.data_n, 0);
    assert_int_equal(r.ends, 1);
    recorder_fini(&r);
}

static void
test_empty_body_and_type(void **state)
{
    struct recorder r;

    (void)state;
    recorder_init(&r);
    jst_stream_respond(&r.s, 204, JST_SLICE_NONE, JST_SLICE_NONE, NULL);
    assert_int_equal(r.head.fields.n, 0);
    assert_int_equal(r.head.length, 0);
    assert_int_equal(r.data_n, 0);
    assert_int_equal(r.ends, 1);
    recorder_fini(&r);
}

static void
respond_error(struct recorder *r, uint16_t status, const char *accept, const char *id)
{
    static struct jst_field storage[1];

    recorder_init(r);
    r->s.req.fields = (struct jst_fields){storage, 0, 1};
    r->s.request_id = jst_slice_z(id);
    if (accept != NULL) {
        assert_int_equal(jst_fields_add(&r->s.req.fields, JST_S("Accept"), jst_slice_z(accept)), 0);
        storage[0].id = JST_FIELD_ACCEPT;
    }
    jst_stream_respond_error(&r->s, status, NULL);
    assert_int_equal(r->head.status, status);
    assert_int_equal(r->head.length, r->data_n);
    assert_int_equal(r->ends, 1);
}

static void
test_error_pages(void **state)
{
    struct recorder r;

    (void)state;
    respond_error(&r, 404, NULL, "id-1");
    assert_string_equal(recorder_field(&r, "Content-Type"), "text/plain; charset=utf-8");
    assert_string_equal(r.data, "404 Not Found\n"); /* no id: it is the client's matter */
    recorder_fini(&r);

    respond_error(&r, 502, "application/json, */*", "id-1");
    assert_string_equal(r.data, "502 Bad Gateway\nrequest id-1\n");
    recorder_fini(&r);

    respond_error(&r, 503, "application/xhtml+xml, text/HTML ;q=0.9, */*", "id-1");
    assert_string_equal(recorder_field(&r, "Content-Type"), "text/html; charset=utf-8");
    assert_non_null(strstr(r.data, "<title>503 Service Unavailable</title>"));
    assert_non_null(strstr(r.data, "<p>Request id-1</p>"));
    recorder_fini(&r);

    respond_error(&r, 599, NULL, NULL); /* a status without a registered reason */
    assert_string_equal(r.data, "599 Error\n");
    recorder_fini(&r);
}

/* An id may come from a peer: it is shown only if it is harmless. */
static void
test_ids_of_strangers(void **state)
{
    static const char *const ids[] = {"<script>", "a b", "a\r\nb", "\xc3\xa4", "a\"b"};
    char long_id[200];
    struct recorder r;

    (void)state;
    for (size_t i = 0; i < JST_COUNT(ids); i++) {
        respond_error(&r, 500, "text/html", ids[i]);
        assert_null(strstr(r.data, "<p>"));
        recorder_fini(&r);
    }
    memset(long_id, 'x', sizeof(long_id));
    long_id[sizeof(long_id) - 1] = '\0';
    respond_error(&r, 500, "text/html", long_id);
    assert_null(strstr(r.data, "xxx"));
    recorder_fini(&r);
}

static void
test_ignore_body(void **state)
{
    struct jst_chain data = {0};
    struct recorder r;

    (void)state;
    recorder_init(&r);
    jst_stream_ignore_body(&r.s);
    assert_non_null(r.s.handler);
    assert_int_equal(r.canceled, 0); /* there is none */
    r.s.req.has_body = true;
    jst_stream_ignore_body(&r.s);
    assert_int_equal(r.canceled, JOIST_E_CANCELED);
    assert_int_equal(jst_chain_add_static(&data, "x", 1), 0);
    jst_sink_data(r.s.handler, &data);
    assert_true(jst_chain_is_empty(&data));
    jst_sink_end(r.s.handler, NULL);
    jst_sink_abort(r.s.handler, JOIST_E_CLOSED);
    recorder_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_respond),
        cmocka_unit_test(test_head_has_the_length_alone),
        cmocka_unit_test(test_empty_body_and_type),
        cmocka_unit_test(test_error_pages),
        cmocka_unit_test(test_ids_of_strangers),
        cmocka_unit_test(test_ignore_body),
    };

    return cmocka_run_group_tests_name("http/stream", tests, NULL, NULL);
}
