// SPDX-License-Identifier: MIT
/* Chunked bodies (RFC 9112 7.1): decoded the same however they are cut, refused where they lie. */
#include "codec/h1.h"

#include "support.h"

struct result {
    enum jst_h1_err err;
    enum jst_chunked_state state;
    size_t left_over; /* bytes not taken */
    size_t n;
    char data[4096];
};

/* Feed `in` in pieces of `step` bytes each. */
static void
decode(struct result *out, struct jst_slice in, size_t step)
{
    struct jst_chunked d = {0};

    memset(out, 0, sizeof(*out));
    for (size_t at = 0; at < in.n; at += step) {
        size_t n = JST_MIN(step, in.n - at);
        char *bytes = exact_copy(jst_slice(in.p + at, n));
        struct jst_slice piece = {bytes, n};
        struct jst_slice data;
        int rc;

        while ((rc = jst_chunked_feed(&d, &piece, &data, &out->err)) == 1) {
            assert_true(data.n > 0 && data.n <= sizeof(out->data) - out->n);
            memcpy(out->data + out->n, data.p, data.n);
            out->n += data.n;
        }
        free(bytes);
        out->state = (enum jst_chunked_state)d.state;
        if (rc < 0 || d.state == JST_CHUNKED_TRAILER) {
            out->left_over = piece.n + (in.n - at - n);
            return;
        }
        assert_int_equal(rc, 0);
        assert_int_equal(piece.n, 0);
    }
}

static void
test_decoded(void **state)
{
    static const struct {
        const char *in;
        const char *data;
        size_t left_over;
    } table[] = {
        {"0\r\n\r\n", "", 2},
        {"0\r\nX: a\r\n\r\n", "", 8},
        {"000000000000000\r\n", "", 0},
        {"5\r\nhello\r\n0\r\n", "hello", 0},
        {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /", "hello world", 7},
        {"000000000000005\r\nhello\r\n0\r\n", "hello", 0},
        {"1a\r\nabcdefghijklmnopqrstuvwxyz\r\n1A\r\nABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n0\r\n",
         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", 0},
        {"4\r\n\r\n0\r\r\n0\r\n", "\r\n0\r", 0},
        {"1;\r\na\r\n0;x\r\n", "a", 0},
        {"1;a=b;c=\"d;\\\"e\"; f\t=g\r\na\r\n0\r\n", "a", 0},
        {"1;\xff\r\na\r\n0\r\n", "a", 0},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        struct jst_slice in = jst_slice_z(table[i].in);

        for (size_t step = 1; step <= in.n; step++) {
            struct result r;

            decode(&r, in, step);
            if (r.err != JST_H1_OK || r.state != JST_CHUNKED_TRAILER ||
                r.left_over != table[i].left_over) {
                fail_msg("%s by %zu: %s, state %d, %zu left over", table[i].in, step,
                         jst_h1_err_text(r.err), (int)r.state, r.left_over);
            }
            check_slice(table[i].in, jst_slice(r.data, r.n), table[i].data);
        }
    }
}

#define NO(err, in)                                                                                \
    {                                                                                              \
        JST_H1_E_##err,                                                                            \
        {                                                                                          \
            in, sizeof(in) - 1                                                                     \
        }                                                                                          \
    }

static void
test_refused(void **state)
{
    static const struct {
        enum jst_h1_err err;
        struct jst_slice in;
    } table[] = {
        NO(CHUNK_SIZE, "\r\n"),
        NO(CHUNK_SIZE, ";a\r\n"),
        NO(CHUNK_SIZE, " 5\r\nhello\r\n"),
        NO(CHUNK_SIZE,
           "5 \r\nhello\r\n"), /* RFC 9112 7.1.1: white space only around an extension */
        NO(CHUNK_SIZE, "5 ;a\r\nhello\r\n"),
        NO(CHUNK_SIZE, "5\t\r\nhello\r\n"),
        NO(CHUNK_SIZE, "+5\r\nhello\r\n"),
        NO(CHUNK_SIZE, "-5\r\nhello\r\n"),
        NO(CHUNK_SIZE, "0x5\r\nhello\r\n"),
        NO(CHUNK_SIZE, "5h\r\nhello\r\n"),
        NO(CHUNK_SIZE, "g\r\n"),
        NO(CHUNK_SIZE, "5\0\r\nhello\r\n"),
        NO(CHUNK_SIZE, "5,5\r\nhello\r\n"),
        NO(CHUNK_SIZE, "0000000000000005\r\nhello\r\n"), /* 16 digits */
        NO(CHUNK_SIZE, "ffffffffffffffff\r\n"),
        NO(CHUNK_SIZE, "10000000000000005\r\nhello\r\n"), /* 5 modulo 2^64 */
        NO(BARE_LF, "5\nhello\r\n"),
        NO(BARE_LF, "\n"),
        NO(BARE_LF, "5;a\nhello\r\n"),
        NO(BARE_LF, "5;a=\"\n\"\r\nhello\r\n"),
        NO(BARE_CR, "5\rhello\r\n"),
        NO(BARE_CR, "5\r\rhello\r\n"),
        NO(BARE_CR, "5;a\rb\r\nhello\r\n"),
        NO(CHUNK_EXT, "5;a\0b\r\nhello\r\n"),
        NO(CHUNK_EXT, "5;\x01\r\nhello\r\n"),
        NO(CHUNK_EXT, "5;\x7f\r\nhello\r\n"),
        NO(CHUNK_END, "5\r\nhello0\r\n"),
        NO(CHUNK_END, "5\r\nhello\n0\r\n"),
        NO(CHUNK_END, "5\r\nhello\r0\r\n"),
        NO(CHUNK_END, "5\r\nhello\r\r\n"),
        NO(CHUNK_END, "4\r\nhello\r\n"),
        NO(CHUNK_SIZE, "5\r\nhello\r\n\r\n"),
        NO(BARE_LF, "0\n\r\n"),
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        for (size_t step = 1; step <= table[i].in.n; step++) {
            struct result r;

            decode(&r, table[i].in, step);
            if (r.err != table[i].err) {
                fail_msg("%.*s by %zu: \"%s\" instead of \"%s\"", JST_PRI(table[i].in), step,
                         jst_h1_err_text(r.err), jst_h1_err_text(table[i].err));
            }
        }
    }
}

/* The largest size that can be announced. */
static void
test_largest(void **state)
{
    struct jst_chunked d = {0};
    struct jst_slice in = JST_S("fffffffffffffff\r\na");
    struct jst_slice data;
    enum jst_h1_err why;

    (void)state;
    assert_int_equal(jst_chunked_feed(&d, &in, &data, &why), 1);
    assert_int_equal(data.n, 1);
    assert_true(d.left == (UINT64_C(1) << 60) - 2);
}

static int
feed_text(struct jst_chunked *d, const char *text, enum jst_h1_err *why)
{
    struct jst_slice in = jst_slice_z(text);
    struct jst_slice data;
    int rc;

    while ((rc = jst_chunked_feed(d, &in, &data, why)) == 1) {
    }
    return rc;
}

/* RFC 9112 7.1.1: one line's extension, and all of a body's. */
static void
test_extension_limits(void **state)
{
    struct jst_chunked d = {0};
    enum jst_h1_err why = JST_H1_OK;
    unsigned lines = 0;
    int rc;

    (void)state;
    assert_int_equal(feed_text(&d, "1;", &why), 0);
    for (unsigned i = 0; i < JST_CHUNK_LINE_MAX_BYTES; i++) {
        assert_int_equal(feed_text(&d, "x", &why), 0);
    }
    assert_int_equal(feed_text(&d, "x", &why), JOIST_E_PROTO);
    assert_int_equal(why, JST_H1_E_CHUNK_EXT);

    d = (struct jst_chunked){0};
    do {
        rc = feed_text(&d, "1;abcdefghijklmnopqrstuvwxyz012345\r\nx\r\n", &why);
        lines++;
    } while (rc == 0 && lines < JST_CHUNK_EXT_MAX_BYTES);
    assert_int_equal(rc, JOIST_E_PROTO);
    assert_int_equal(lines, JST_CHUNK_EXT_MAX_BYTES / 32 + 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoded),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_extension_limits),
    };

    return cmocka_run_group_tests_name("codec/chunked", tests, NULL, NULL);
}
