// SPDX-License-Identifier: MIT
/* Where heads and trailer sections end, however they are cut, and what a trailer may hold. */
#include "codec/h1.h"

#include "support.h"

struct ended {
    const char *in;
    size_t end; /* 0: not complete */
};

static const struct ended heads[] = {
    {"", 0},
    {"GET / HTTP/1.1\r\n", 0},
    {"GET / HTTP/1.1\r\n\r", 0},
    {"GET / HTTP/1.1\r\n\r\n", 18},
    {"GET / HTTP/1.1\r\n\r\nGET /", 18},
    {"GET / HTTP/1.1\n\n", 16}, /* bare LFs are for the parser to refuse */
    {"GET / HTTP/1.1\n\r\n", 17},
    {"GET / HTTP/1.1\r\n\n", 17},
    {"A\r\n\rB\r\n\r\n", 9},
    {"A\r\rB\n\r\rC\n\n", 10},
    {"\r\nA\r\n\r\n", 7}, /* an empty line in front is no end: RFC 9112 2.2 */
};

static const struct ended trailers[] = {
    {"", 0},
    {"\r", 0},
    {"\r\n", 2},
    {"\r\nGET /", 2},
    {"\n", 1},
    {"A: b\r\n", 0},
    {"A: b\r\n\r\n", 8},
    {"A: b\r\n\r\nGET", 8},
    {"\rA\r\n\r\n", 6},
};

/* All at once, and one byte more at a time: the same end. */
static void
check_end(const struct ended *e, size_t (*find_end)(struct jst_slice, size_t *))
{
    struct jst_slice in = jst_slice_z(e->in);
    size_t seen = 0;
    size_t end = 0;

    if (find_end(in, &seen) != e->end) {
        fail_msg("\"%s\": whole", e->in);
    }
    seen = 0;
    for (size_t n = 0; n <= in.n && end == 0; n++) {
        char *bytes = exact_copy(jst_slice(in.p, n));
        size_t before = seen;

        end = find_end(jst_slice(bytes, n), &seen);
        assert_true(seen >= before && seen <= n);
        free(bytes);
    }
    if (end != e->end) {
        fail_msg("\"%s\": in pieces %zu", e->in, end);
    }
}

static void
test_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(heads); i++) {
        check_end(&heads[i], jst_h1_head_end);
    }
    for (size_t i = 0; i < JST_COUNT(trailers); i++) {
        check_end(&trailers[i], jst_h1_trailer_end);
    }
}

static void
test_skip_empty(void **state)
{
    (void)state;
    assert_int_equal(jst_h1_skip_empty(JST_S("\r\nGET")), 2);
    assert_int_equal(jst_h1_skip_empty(JST_S("\r\n\r\nGET")), 2);
    assert_int_equal(jst_h1_skip_empty(JST_S("\nGET")), 0);
    assert_int_equal(jst_h1_skip_empty(JST_S("\r")), 0);
    assert_int_equal(jst_h1_skip_empty(JST_SLICE_NONE), 0);

    /* An empty line that comes in two pieces: nothing counts as seen that may yet be skipped. */
    size_t seen = 0;

    assert_int_equal(jst_h1_head_end(JST_S("\r"), &seen), 0);
    assert_int_equal(seen, 0);
    assert_true(jst_h1_may_be_request(JST_S("\r")));
}

#define TRAILER(field)                                                                             \
    {                                                                                              \
        JST_H1_E_TRAILER, field ": x\r\n\r\n"                                                      \
    }

static void
test_trailers(void **state)
{
    static const struct {
        enum jst_h1_err err;
        const char *section;
    } table[] = {
        {JST_H1_OK, "\r\n"},
        {JST_H1_OK, "X-Checksum: abc\r\n\r\n"},
        {JST_H1_OK, "grpc-status: 0\r\nETag: \"a\"\r\n\r\n"},
        {JST_H1_E_BARE_LF, "\n"},
        {JST_H1_E_BARE_LF, "X: a\n\r\n"},
        {JST_H1_E_BARE_CR, "X: a\rb\r\n\r\n"},
        {JST_H1_E_FOLD, "X: a\r\n b\r\n\r\n"},
        {JST_H1_E_FOLD, " X: a\r\n\r\n"},
        {JST_H1_E_FIELD_SPACE, "X : a\r\n\r\n"},
        {JST_H1_E_FIELD_NAME, "X\r\n\r\n"},
        {JST_H1_E_FIELD_VALUE, "X: \x01\r\n\r\n"},
        {JST_H1_E_FIELD_COUNT, "A:\r\nB:\r\nC:\r\nD:\r\nE:\r\n\r\n"},
        {JST_H1_E_LINE, "X: a\r\n"},
        {JST_H1_E_LINE, "\r\nX: a\r\n\r\n"},
        TRAILER("Content-Length"),
        TRAILER("transfer-encoding"),
        TRAILER("Host"),
        TRAILER("Trailer"),
        TRAILER("Connection"),
        TRAILER("TE"),
        TRAILER("Upgrade"),
        TRAILER("Authorization"),
        TRAILER("Proxy-Authorization"),
        TRAILER("Cookie"),
        TRAILER("Set-Cookie"),
        TRAILER("Content-Type"),
        TRAILER("Content-Encoding"),
        TRAILER("Content-Range"),
        TRAILER("Cache-Control"),
        TRAILER("Expect"),
        TRAILER("Range"),
        TRAILER("If-Match"),
        TRAILER("Location"),
        TRAILER("X-Forwarded-For"),
        TRAILER("Forwarded"),
        TRAILER("X-Forwarded-Port"),
        TRAILER("x_forwarded_proto"),
        TRAILER("X-Real-IP"),
        TRAILER("X-Client-Verify"),
        TRAILER("x-client-subject"),
        TRAILER("X_Client_Fingerprint"),
        {JST_H1_OK, "X-Client: 1\r\nX-Forwarded: 1\r\nX-Client-Subjects: 1\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        struct jst_field v[4];
        struct jst_fields fields = {v, 0, JST_COUNT(v)};
        enum jst_h1_err err = jst_h1_parse_trailers(&fields, jst_slice_z(table[i].section));

        if (err != table[i].err) {
            fail_msg("%s: \"%s\" instead of \"%s\"", table[i].section, jst_h1_err_text(err),
                     jst_h1_err_text(table[i].err));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_skip_empty),
        cmocka_unit_test(test_trailers),
    };

    return cmocka_run_group_tests_name("codec/h1_head", tests, NULL, NULL);
}
