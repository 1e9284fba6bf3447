// SPDX-License-Identifier: MIT
#include "proto/h2_fields.h"

#include "proto/h2_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct jst_arena arena;

static struct jst_h2_block
block(uint32_t fields_max, uint32_t bytes_max)
{
    return (struct jst_h2_block){.arena = &arena, .fields_max = fields_max, .bytes_max = bytes_max};
}

static void
add(struct jst_h2_block *b, const char *name, const char *value)
{
    jst_h2_block_add(b, jst_slice_z(name), jst_slice_z(value));
}

static void
assert_text(struct jst_slice s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

static void
test_a_request_comes_in(void **state)
{
    struct jst_h2_block b = block(100, 65536);

    (void)state;
    add(&b, ":method", "GET");
    add(&b, ":path", "/a");
    add(&b, ":scheme", "https");
    add(&b, ":authority", "a.test");
    add(&b, "user-agent", "x");
    add(&b, "x-own", "y");
    add(&b, "te", "trailers");
    add(&b, "content-length", "12");
    add(&b, "priority", "u=1");
    add(&b, "expect", "100-continue");
    assert_int_equal(jst_h2_block_finish(&b), 0);
    assert_text(b.method, "GET");
    assert_text(b.path, "/a");
    assert_text(b.scheme, "https");
    assert_text(b.authority, "a.test");
    assert_null(b.protocol.p);
    assert_true(b.has_length && b.te_trailers && b.expect && !b.expect_bad);
    assert_int_equal(b.length, 12);
    assert_text(b.priority, "u=1");
    assert_int_equal(b.fields.n, 4);
    assert_text(b.fields.v[0].name, "User-Agent"); /* as HTTP/1 origins know it */
    assert_int_equal(b.fields.v[0].id, JST_FIELD_USER_AGENT);
    assert_text(b.fields.v[1].name, "x-own");
    jst_arena_fini(&arena);
}

static void
test_cookies_are_joined(void **state)
{
    struct jst_h2_block b = block(100, 65536);
    const struct jst_field *f;

    (void)state;
    add(&b, "cookie", "a=1");
    add(&b, "x-own", "y");
    add(&b, "cookie", "b=2");
    add(&b, "cookie", "");
    assert_int_equal(jst_h2_block_finish(&b), 0);
    f = jst_fields_find(&b.fields, JST_FIELD_COOKIE);
    assert_non_null(f);
    assert_text(f->value, "a=1; b=2; ");
    assert_true(b.fields.v[2].drop && b.fields.v[3].drop);
    jst_arena_fini(&arena);
}

static void
test_limits(void **state)
{
    struct jst_h2_block b = block(3, 100);

    (void)state;
    for (int i = 0; i < 4; i++) {
        add(&b, "x-own", "y");
    }
    assert_true(b.too_many && !b.too_big);
    assert_int_equal(jst_h2_block_finish(&b), JOIST_E_LIMIT);
    b = block(100, 100);
    add(&b, "x-own", "y"); /* 10 bytes as a line of HTTP/1 */
    for (int i = 0; i < 9; i++) {
        add(&b, "x-own", "y");
    }
    assert_int_equal(jst_h2_block_finish(&b), 0);
    add(&b, "x-own", "y");
    assert_true(b.too_big);
    assert_int_equal(b.excess, 10);
    assert_int_equal(jst_h2_block_finish(&b), JOIST_E_LIMIT);
    assert_int_equal(b.fields.n, 10);
    jst_arena_fini(&arena);
}

static void
test_a_length_that_is_none_is_the_largest(void **state)
{
    static const char *const bad[] = {"", "x", "1x", "99999999999999999999", "-1"};

    (void)state;
    for (size_t i = 1; i < JST_COUNT(bad); i++) {
        struct jst_h2_block b = block(100, 1000);

        add(&b, "content-length", bad[i]);
        assert_int_equal(b.length, JST_H1_LENGTH_MAX_BYTES);
    }
    jst_arena_fini(&arena);
}

static bool
has(const struct jst_h2_nvs *o, const char *name, const char *value)
{
    for (size_t i = 0; i < o->n; i++) {
        if (o->v[i].namelen == strlen(name) && memcmp(o->v[i].name, name, o->v[i].namelen) == 0) {
            return o->v[i].valuelen == strlen(value) &&
                   memcmp(o->v[i].value, value, o->v[i].valuelen) == 0;
        }
    }
    return false;
}

static void
test_fields_go_out(void **state)
{
    static const char *const in[][2] = {
        {"Content-Type", "a"},
        {"Connection", "close"},
        {"Keep-Alive", "1"},
        {"Upgrade", "b"},
        {"Transfer-Encoding", "chunked"},
        {"Host", "c"},
        {"TE", "trailers"},
        {"Proxy-Connection", "d"},
        {"Content-Length", "3"},
        {"X-Own", "e"},
        {"X-Gone", "f"},
    };
    struct jst_field v[JST_COUNT(in)];
    struct jst_fields fields = {v, 0, JST_COUNT(v)};
    nghttp2_nv nv[JST_COUNT(in)];
    struct jst_h2_nvs o = {nv, 0, JST_COUNT(nv), false};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(in); i++) {
        assert_int_equal(jst_fields_add(&fields, jst_slice_z(in[i][0]), jst_slice_z(in[i][1])), 0);
    }
    v[10].drop = true;
    jst_h2_nvs_add_fields(&o, &fields);
    assert_int_equal(o.n, 2);
    assert_true(has(&o, "content-type", "a") && has(&o, "X-Own", "e"));
    o = (struct jst_h2_nvs){nv, 0, 1, false};
    jst_h2_nvs_add_fields(&o, &fields);
    assert_true(o.full);
    assert_int_equal(o.n, 1);
}

/* In any case, each of them, and the rest stays in order. */
static void
test_a_field_is_taken_out(void **state)
{
    static const char *const names[] = {"x-key", "a", "X-Key", "b", "X-KEY"};
    nghttp2_nv nv[JST_COUNT(names)];
    struct jst_h2_nvs o = {nv, 0, JST_COUNT(nv), false};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(names); i++) {
        jst_h2_nvs_add(&o, jst_slice_z(names[i]), JST_S("1"));
    }
    jst_h2_nvs_drop(&o, JST_S("X-key"));
    assert_int_equal(o.n, 2);
    assert_memory_equal(o.v[0].name, "a", 1);
    assert_memory_equal(o.v[1].name, "b", 1);
}

static void
test_a_printed_block_goes_out(void **state)
{
    nghttp2_nv nv[8];
    struct jst_h2_nvs o = {nv, 0, JST_COUNT(nv), false};

    (void)state;
    jst_h2_nvs_add_block(&o, JST_S("Content-Length: 5\r\nETag: \"a:b\"\r\nConnection: close\r\n"
                                   "X-Empty:\r\nLast: x"));
    assert_int_equal(o.n, 4);
    assert_true(has(&o, "content-length", "5") && has(&o, "etag", "\"a:b\""));
    assert_true(has(&o, "X-Empty", ""));
    jst_h2_nvs_add_block(&o, JST_S("\r\n\n:\r\n"));
    assert_int_equal(o.n, 4);
}

static void
test_data_behind_its_header(void **state)
{
    static const uint8_t header[9] = "headerXY";
    static char big[20000];
    struct jst_chain out = {0};
    struct jst_chain body = {0};
    char text[64] = {0};

    (void)state;
    assert_int_equal(jst_chain_add_copy(&body, "abcdef", 6), 0);
    assert_int_equal(jst_h2_put_data(&out, header, &body, 4), 0);
    assert_int_equal(body.bytes, 2);
    assert_int_equal(out.bytes, 13);
    assert_ptr_equal(out.first, out.last); /* small: copied, one piece */
    assert_int_equal(jst_chain_peek(&out, text, sizeof(text)), 13);
    assert_memory_equal(text + 9, "abcd", 4);
    assert_int_equal(jst_h2_put_data(&out, header, &body, 0), 0);
    assert_int_equal(out.bytes, 22);
    assert_int_equal(jst_chain_add_static(&body, big, sizeof(big)), 0);
    assert_int_equal(jst_h2_put_data(&out, header, &body, 16384), 0);
    assert_ptr_equal(out.last->p, big); /* large: where it was */
    assert_int_equal(out.bytes, 22 + 9 + 16384);
    jst_chain_clear(&out);
    jst_chain_clear(&body);
}

static void
test_memory_of_a_session(void **state)
{
    struct jst_h2_mem m;
    char *p;
    char *q;

    (void)state;
    jst_h2_mem_init(&m);
    p = m.calls.calloc(3, 5, m.calls.mem_user_data);
    assert_non_null(p);
    assert_int_equal(p[14], 0);
    memcpy(p, "abc", 4);
    q = m.calls.realloc(p, 1000, m.calls.mem_user_data);
    assert_string_equal(q, "abc");
    assert_ptr_equal(m.calls.realloc(q, 10, m.calls.mem_user_data), q);
    m.calls.free(q, m.calls.mem_user_data);
    m.calls.free(NULL, m.calls.mem_user_data);
    assert_true(jst_list_is_empty(&m.blocks));
    assert_null(m.calls.calloc(SIZE_MAX / 2, 3, m.calls.mem_user_data));
    assert_null(m.calls.malloc(SIZE_MAX, m.calls.mem_user_data));
    assert_true(m.failed);
    assert_non_null(m.calls.realloc(NULL, 10, m.calls.mem_user_data));
    jst_h2_mem_end(&m, NULL); /* frees what is left */
    assert_true(jst_list_is_empty(&m.blocks));
    jst_h2_mem_thread_fini();
}

static void
test_memory_is_used_again(void **state)
{
    struct jst_h2_mem m;
    char *p[3];

    (void)state;
    jst_h2_mem_init(&m);
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < 3; i++) {
            p[i] = m.calls.malloc(i * 128, m.calls.mem_user_data); /* 0 is a size, too */
            assert_non_null(p[i]);
            memset(p[i], 0x55, i * 128);
        }
        for (size_t i = 0; i < 3; i++) {
            m.calls.free(p[i], m.calls.mem_user_data);
        }
    }
    p[0] = m.calls.calloc(1, 200, m.calls.mem_user_data);
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(p[0][i], 0); /* whatever it was before */
    }
    jst_h2_mem_end(&m, NULL);
    jst_h2_mem_thread_fini();
    jst_h2_mem_thread_fini(); /* harmless */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_comes_in),
        cmocka_unit_test(test_cookies_are_joined),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_a_length_that_is_none_is_the_largest),
        cmocka_unit_test(test_fields_go_out),
        cmocka_unit_test(test_a_printed_block_goes_out),
        cmocka_unit_test(test_a_field_is_taken_out),
        cmocka_unit_test(test_data_behind_its_header),
        cmocka_unit_test(test_memory_of_a_session),
        cmocka_unit_test(test_memory_is_used_again),
    };

    return cmocka_run_group_tests_name("proto/h2_fields", tests, NULL, NULL);
}
