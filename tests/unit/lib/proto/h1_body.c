// SPDX-License-Identifier: MIT
#include "proto/h1_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TEXT_MAX 65536

struct result {
    char body[TEXT_MAX];
    size_t body_n;
    size_t left; /* bytes of the input that were not taken */
    unsigned pieces;
    bool done;
    int rc;
    enum jst_h1_err why;
    char trailers[256];
};

static void
take_pieces(struct result *r, struct jst_chain *out)
{
    for (const struct jst_seg *s = out->first; s != NULL; s = s->next) {
        assert_true(r->body_n + s->n <= sizeof(r->body));
        memcpy(r->body + r->body_n, s->p, s->n);
        r->body_n += s->n;
        r->pieces++;
    }
    jst_chain_clear(out);
}

static void
take_trailers(struct result *r, struct jst_h1_decoder *d)
{
    struct jst_field v[JST_TRAILER_FIELDS_MAX];
    struct jst_fields storage = {v, 0, JST_TRAILER_FIELDS_MAX};
    const struct jst_fields *t = jst_h1_decoder_trailers(d, &storage);
    size_t n = 0;

    for (uint32_t i = 0; t != NULL && i < t->n; i++) {
        n += (size_t)snprintf(r->trailers + n, sizeof(r->trailers) - n, "%.*s=%.*s;",
                              JST_PRI(t->v[i].name), JST_PRI(t->v[i].value));
    }
}

/* Feed `text` in pieces of `step` bytes with `credit` body bytes a call. */
static void
decode(struct result *r, enum jst_h1_body kind, uint64_t length, const char *text, size_t n,
       size_t step, size_t credit)
{
    struct jst_h1_decoder d;
    size_t at = 0;

    memset(r, 0, sizeof(*r));
    jst_h1_decoder_init(&d, kind, length);
    while (at < n && !d.done && r->rc == 0) {
        struct jst_buf *buf = jst_buf_take(step);
        struct jst_slice in = {buf->data, JST_MIN(step, n - at)};

        memcpy(buf->data, text + at, in.n);
        at += in.n;
        for (int stuck = 0; in.n > 0 && !d.done && r->rc == 0 && stuck < 2;) {
            struct jst_chain out = {0};
            size_t before = in.n;

            r->rc = jst_h1_decode(&d, buf, &in, credit, &out, &r->why);
            assert_true(out.bytes <= credit);
            take_pieces(r, &out);
            stuck = in.n == before ? stuck + 1 : 0;
        }
        r->left = in.n;
        jst_buf_unref(buf);
    }
    r->left += n - at;
    r->done = d.done;
    if (d.done) {
        take_trailers(r, &d);
    }
    jst_h1_decoder_fini(&d);
}

static void
test_length(void **state)
{
    static struct result r;

    (void)state;
    for (size_t step = 1; step < 12; step++) {
        for (size_t credit = 1; credit < 12; credit++) {
            decode(&r, JST_H1_BODY_LENGTH, 5, "helloGET /", 10, step, credit);
            assert_int_equal(r.rc, 0);
            assert_true(r.done);
            assert_int_equal(r.left, 5);
            assert_memory_equal(r.body, "hello", 5);
        }
    }
    decode(&r, JST_H1_BODY_LENGTH, 0, "x", 1, 1, 1);
    assert_true(r.done);
    assert_int_equal(r.left, 1);
    decode(&r, JST_H1_BODY_NONE, 0, "x", 1, 1, 1);
    assert_true(r.done);
    assert_int_equal(r.left, 1);
}

static void
test_chunked_in_every_cut(void **state)
{
    static const char text[] = "5\r\nhello\r\n0001;name=\"v\"\r\n \r\n5\r\nworld\r\n0\r\n"
                               "X-One: 1\r\nX-Two: 2\r\n\r\nGET /";
    static struct result r;

    (void)state;
    for (size_t step = 1; step < sizeof(text); step++) {
        for (size_t credit = 1; credit < 14; credit++) {
            decode(&r, JST_H1_BODY_CHUNKED, 0, text, sizeof(text) - 1, step, credit);
            assert_int_equal(r.rc, 0);
            assert_true(r.done);
            assert_int_equal(r.left, 5);
            assert_int_equal(r.body_n, 11);
            assert_memory_equal(r.body, "hello world", 11);
            assert_string_equal(r.trailers, "X-One=1;X-Two=2;");
        }
    }
}

static void
test_end_needs_no_credit(void **state)
{
    static const char text[] = "3\r\nabc\r\n0\r\n\r\n";
    struct jst_buf *buf = jst_buf_take(64);
    struct jst_slice in = {buf->data, sizeof(text) - 1};
    struct jst_h1_decoder d;
    struct jst_chain out = {0};
    enum jst_h1_err why = JST_H1_OK;

    (void)state;
    memcpy(buf->data, text, sizeof(text));
    jst_h1_decoder_init(&d, JST_H1_BODY_CHUNKED, 0);
    assert_int_equal(jst_h1_decode(&d, buf, &in, 0, &out, &why), 0);
    assert_int_equal(out.bytes, 0);
    assert_int_equal(in.n, sizeof(text) - 1 - 3);
    assert_int_equal(jst_h1_decode(&d, buf, &in, 3, &out, &why), 0);
    assert_int_equal(out.bytes, 3);
    assert_true(d.done);
    assert_int_equal(in.n, 0);
    jst_chain_clear(&out);
    jst_h1_decoder_fini(&d);
    assert_int_equal(buf->refs, 1);
    jst_buf_unref(buf);
}

static void
test_refused(void **state)
{
    static const struct {
        const char *text;
        enum jst_h1_err why;
    } cases[] = {
        {"g\r\n", JST_H1_E_CHUNK_SIZE},
        {"-1\r\n", JST_H1_E_CHUNK_SIZE},
        {"0x5\r\nhello\r\n", JST_H1_E_CHUNK_SIZE},
        {"fffffffffffffffff\r\n", JST_H1_E_CHUNK_SIZE},
        {"1\r\nab\r\n", JST_H1_E_CHUNK_END},
        {"1\r\na\n0\r\n", JST_H1_E_CHUNK_END},
        {"0\r\nContent-Length: 5\r\n\r\n", JST_H1_E_TRAILER},
        {"0\r\nTransfer-Encoding: chunked\r\n\r\n", JST_H1_E_TRAILER},
    };
    static struct result r;

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        for (size_t step = 1; step < 8; step++) {
            decode(&r, JST_H1_BODY_CHUNKED, 0, cases[i].text, strlen(cases[i].text), step, 100);
            assert_int_equal(r.rc, JOIST_E_PROTO);
            assert_int_equal(r.why, cases[i].why);
        }
    }
}

static void
test_endless_trailers(void **state)
{
    static char text[3 + 2 * JST_TRAILER_BYTES_MAX];
    static struct result r;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "0\r\n", 3);
    decode(&r, JST_H1_BODY_CHUNKED, 0, text, sizeof(text), 1000, 10);
    assert_int_equal(r.rc, JOIST_E_LIMIT);
    assert_int_equal(r.why, JST_H1_E_TRAILER_BYTES);
}

static void
test_tiny_chunks_are_few_pieces(void **state)
{
    static char text[6 * 4000 + 6];
    static struct result r;

    (void)state;
    for (size_t i = 0; i < 4000; i++) {
        memcpy(text + i * 6, "1\r\nx\r\n", 6);
    }
    memcpy(text + 24000, "0\r\n\r\n", 5);
    decode(&r, JST_H1_BODY_CHUNKED, 0, text, 24005, sizeof(text), SIZE_MAX);
    assert_true(r.done);
    assert_int_equal(r.body_n, 4000);
    assert_true(r.pieces <= 4);
}

static void
test_end_of_connection(void **state)
{
    struct jst_h1_decoder d;

    (void)state;
    jst_h1_decoder_init(&d, JST_H1_BODY_CLOSE, 0);
    assert_false(d.done);
    assert_true(jst_h1_decoder_eof_ok(&d));
    jst_h1_decoder_init(&d, JST_H1_BODY_TUNNEL, 0);
    assert_true(jst_h1_decoder_eof_ok(&d));
    jst_h1_decoder_init(&d, JST_H1_BODY_LENGTH, 1);
    assert_false(jst_h1_decoder_eof_ok(&d));
    jst_h1_decoder_init(&d, JST_H1_BODY_CHUNKED, 0);
    assert_false(jst_h1_decoder_eof_ok(&d));
}

static void
assert_chain(struct jst_chain *c, const char *text)
{
    char all[TEXT_MAX];

    assert_int_equal(c->bytes, strlen(text));
    assert_int_equal(jst_chain_peek(c, all, sizeof(all)), strlen(text));
    assert_memory_equal(all, text, strlen(text));
}

static void
test_encode(void **state)
{
    static char big[JST_H1_COPY_BYTES * 2];
    struct jst_field v[2] = {{.name = JST_S("X-A"), .value = JST_S("1")},
                             {.name = JST_S("X-B"), .value = JST_S("2"), .drop = true}};
    struct jst_fields trailers = {v, 2, 2};
    struct jst_chain out = {0};
    struct jst_chain move = {0};

    (void)state;
    assert_int_equal(jst_h1_encode_chunk(&out, &move), 0);
    assert_int_equal(out.bytes, 0); /* an empty chunk would end the body */
    assert_int_equal(jst_chain_add_static(&move, "abc", 3), 0);
    assert_int_equal(jst_chain_add_static(&move, "defghijklmnopq", 14), 0);
    assert_int_equal(jst_h1_encode_chunk(&out, &move), 0);
    assert_true(jst_chain_is_empty(&move));
    assert_int_equal(jst_h1_encode_last_chunk(&out, &trailers), 0);
    assert_chain(&out, "11\r\nabcdefghijklmnopq\r\n0\r\nX-A: 1\r\n\r\n");
    jst_chain_clear(&out);
    memset(big, 'x', sizeof(big));
    assert_int_equal(jst_chain_add_static(&move, big, sizeof(big)), 0);
    assert_int_equal(jst_h1_encode_chunk(&out, &move), 0);
    assert_int_equal(jst_h1_encode_last_chunk(&out, NULL), 0);
    assert_int_equal(out.bytes, 6 + sizeof(big) + 2 + 5);
    assert_ptr_equal(out.first->next->p, big); /* not copied */
    jst_chain_clear(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_chunked_in_every_cut),
        cmocka_unit_test(test_end_needs_no_credit),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_endless_trailers),
        cmocka_unit_test(test_tiny_chunks_are_few_pieces),
        cmocka_unit_test(test_end_of_connection),
        cmocka_unit_test(test_encode),
    };

    return cmocka_run_group_tests_name("proto/h1_body", tests, NULL, NULL);
}
