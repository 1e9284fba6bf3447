// SPDX-License-Identifier: MIT
#include "proto/h1_print.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct jst_head
get_head(void)
{
    return (struct jst_head){
        .method = JST_METHOD_GET, .method_text = JST_S("GET"), .length = JST_LENGTH_UNKNOWN};
}

static void
assert_prints(const struct jst_call *call, const char *text)
{
    struct jst_chain out = {0};
    char all[4096];
    size_t n;

    assert_int_equal(jst_h1_print_request(&out, call), 0);
    n = jst_chain_peek(&out, all, sizeof(all) - 1);
    all[n] = '\0';
    assert_string_equal(all, text);
    jst_chain_clear(&out);
}

static void
test_plain(void **state)
{
    struct jst_field v[] = {
        {.name = JST_S("Accept"), .value = JST_S("*/*"), .id = JST_FIELD_ACCEPT},
        {.name = JST_S("host"), .value = JST_S("client"), .id = JST_FIELD_HOST},
        {.name = JST_S("Content-Length"), .value = JST_S("9"), .id = JST_FIELD_CONTENT_LENGTH},
        {.name = JST_S("X-Gone"), .value = JST_S("1"), .drop = true},
        {.name = JST_S("X-Empty"), .value = JST_SLICE_NONE},
    };
    struct jst_head req = get_head();
    struct jst_call call = {.req = &req, .host = JST_S("h"), .path = JST_S("/p")};

    (void)state;
    assert_prints(&call, "GET /p HTTP/1.1\r\nHost: h\r\n\r\n");
    req.fields = (struct jst_fields){v, JST_COUNT(v), JST_COUNT(v)};
    call.path_base = JST_S("/base");
    call.query = JST_S("");
    call.extra = JST_S("Via: 1.1 joist\r\n");
    assert_prints(&call, "GET /base/p? HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nX-Empty: \r\n"
                         "Via: 1.1 joist\r\n\r\n");
}

static void
test_framing(void **state)
{
    struct jst_head req = get_head();
    struct jst_call call = {.req = &req, .host = JST_S("h"), .path = JST_S("/")};

    (void)state;
    req.method = JST_METHOD_POST;
    req.method_text = JST_S("POST");
    assert_prints(&call, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    req.has_body = true;
    assert_prints(&call, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    req.length = UINT64_MAX - 1;
    assert_prints(&call,
                  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551614\r\n\r\n");
}

static void
test_connection(void **state)
{
    struct jst_head req = get_head();
    struct jst_call call = {.req = &req, .host = JST_S("h"), .path = JST_S("/")};

    (void)state;
    req.te_trailers = true;
    assert_prints(&call, "GET / HTTP/1.1\r\nHost: h\r\nConnection: te\r\nTE: trailers\r\n\r\n");
    call.upgrade = true;
    req.upgrade_to = JST_S("websocket");
    assert_prints(&call, "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade, te\r\nTE: trailers\r\n"
                         "Upgrade: websocket\r\n\r\n");
    req.te_trailers = false;
    assert_prints(&call, "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n"
                         "Upgrade: websocket\r\n\r\n");
}

static void
test_big_head_behind_other_output(void **state)
{
    static char value[100000];
    struct jst_field v[] = {{.name = JST_S("X"), .value = {value, sizeof(value)}}};
    struct jst_head req = get_head();
    struct jst_call call = {.req = &req, .host = JST_S("h"), .path = JST_S("/")};
    struct jst_chain out = {0};

    (void)state;
    memset(value, 'v', sizeof(value));
    req.fields = (struct jst_fields){v, 1, 1};
    assert_int_equal(jst_chain_add_static(&out, "before", 6), 0);
    assert_int_equal(jst_h1_print_request(&out, &call), 0);
    assert_int_equal(out.bytes, 6 + 26 + 3 + sizeof(value) + 4 - 1);
    jst_chain_clear(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_big_head_behind_other_output),
    };

    return cmocka_run_group_tests_name("proto/h1_print", tests, NULL, NULL);
}
