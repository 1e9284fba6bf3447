// SPDX-License-Identifier: MIT
/*
 * From the bytes of a head to the request that services see.
 */
#include "proto/h1_request.h"

#include "../http/recorder.h"

static const struct joist_limits_conf plain = {
    .header_bytes = 65536, .header_count = 10, .uri_bytes = 100};

struct read {
    struct jst_stream s;
    struct jst_local local;
    struct jst_peer peer;
    struct jst_h1_head h;
    uint16_t status;
};

/* The bytes are gone when this returns: what is kept must be in the arena. */
static void
read_head(struct read *r, const char *text)
{
    char bytes[4096];
    size_t n = strlen(text);

    *r = (struct read){0};
    r->s.local = &r->local;
    r->s.peer = &r->peer;
    assert_true(n <= sizeof(bytes));
    memcpy(bytes, text, n);
    r->status = jst_h1_read_request(&r->s, &r->h, jst_slice(bytes, n), &plain);
    memset(bytes, '#', sizeof(bytes));
}

static void
done(struct read *r)
{
    jst_arena_fini(&r->s.arena);
    jst_buf_thread_fini();
}

static void
assert_text(struct jst_slice s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

static void
test_parts(void **state)
{
    struct read r;

    (void)state;
    read_head(&r, "GET /a/./b%20c?x=%20 HTTP/1.1\r\nHost: EXAMPLE.com.:8080\r\n"
                  "Connection: X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n\r\n");
    assert_int_equal(r.status, 0);
    assert_int_equal(r.s.req.method, JST_METHOD_GET);
    assert_text(r.s.req.method_text, "GET");
    assert_text(r.s.req.scheme, "http");
    assert_text(r.s.req.authority, "EXAMPLE.com.:8080");
    assert_text(r.s.req.host, "example.com");
    assert_text(r.s.req.target, "/a/./b%20c?x=%20");
    assert_text(r.s.req.raw_path, "/a/./b%20c");
    assert_text(r.s.req.path, "/a/b c");
    assert_text(r.s.req.query, "x=%20");
    assert_false(r.s.req.has_body);
    assert_int_equal(r.s.req.length, 0);
    assert_null(jst_fields_find_name(&r.s.req.fields, JST_S("x-hop"))); /* dropped */
    assert_non_null(jst_fields_find_name(&r.s.req.fields, JST_S("x-end")));
    assert_null(jst_fields_find(&r.s.req.fields, JST_FIELD_HOST)); /* framing and host apart */
    done(&r);
}

static void
test_forms(void **state)
{
    struct read r;

    (void)state;
    read_head(&r, "GET http://Other.test/p?q HTTP/1.1\r\nHost: other.test\r\n\r\n");
    assert_int_equal(r.status, 0);
    assert_text(r.s.req.host, "other.test");
    assert_text(r.s.req.path, "/p");
    done(&r);
    read_head(&r, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(r.status, 0);
    assert_text(r.s.req.path, "*");
    done(&r);
    read_head(&r, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    assert_int_equal(r.status, 0);
    assert_int_equal(r.s.req.method, JST_METHOD_CONNECT);
    done(&r);
    read_head(&r, "GET / HTTP/1.0\r\n\r\n"); /* no Host: allowed then */
    assert_int_equal(r.status, 0);
    assert_int_equal(r.s.req.version_minor, 0);
    assert_text(r.s.req.host, "");
    assert_false(r.h.keep_alive);
    done(&r);
}

static void
test_bodies(void **state)
{
    struct read r;

    (void)state;
    read_head(&r, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n");
    assert_true(r.s.req.has_body);
    assert_int_equal(r.s.req.length, 7);
    done(&r);
    read_head(&r, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_false(r.s.req.has_body);
    done(&r);
    read_head(&r, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                  "Expect: 100-continue\r\n\r\n");
    assert_true(r.s.req.has_body);
    assert_true(r.s.req.length == JST_LENGTH_UNKNOWN);
    assert_true(r.s.req.expect_continue);
    for (uint32_t i = 0; i < r.s.req.fields.n; i++) {
        assert_true(r.s.req.fields.v[i].drop || r.s.req.fields.v[i].id == JST_FIELD_EXPECT);
    }
    done(&r);
}

static void
test_upgrade(void **state)
{
    struct read r;

    (void)state;
    read_head(&r, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_true(r.s.req.upgrade);
    assert_text(r.s.req.upgrade_to, "websocket");
    done(&r);
    read_head(&r, "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Content-Length: 3\r\n\r\n"); /* RFC 9110 7.8: it would have to wait */
    assert_false(r.s.req.upgrade);
    done(&r);
    read_head(&r, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n");
    assert_false(r.s.req.upgrade); /* not named by Connection */
    done(&r);
}

static void
test_refusals(void **state)
{
    static const struct {
        const char *head;
        uint16_t status;
        size_t counter; /* in struct joist_stats */
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400, offsetof(struct joist_stats, bad_messages)},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400,
         offsetof(struct joist_stats, bad_messages)},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, offsetof(struct joist_stats, bad_messages)},
        {"GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", 400, offsetof(struct joist_stats, bad_messages)},
        {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, offsetof(struct joist_stats, bad_messages)},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, offsetof(struct joist_stats, bad_messages)},
        {"GET /123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
         "5678901234567890 HTTP/1.1\r\nHost: a\r\n\r\n",
         414, offsetof(struct joist_stats, limit_uri_bytes)},
        {"GET / HTTP/1.1\r\nHost: a\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n0:\r\n"
         "\r\n",
         431, offsetof(struct joist_stats, limit_header_count)},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct read r;

        read_head(&r, cases[i].head);
        if (r.status != cases[i].status) {
            fail_msg("%s: %u instead of %u", cases[i].head, r.status, cases[i].status);
        }
        assert_int_equal(*(uint64_t *)(void *)((char *)&r.local.stats + cases[i].counter), 1);
        done(&r);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),    cmocka_unit_test(test_forms),
        cmocka_unit_test(test_bodies),   cmocka_unit_test(test_upgrade),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests_name("proto/h1_request", tests, NULL, NULL);
}
