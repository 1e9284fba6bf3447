// SPDX-License-Identifier: MIT
/* Response heads: framing as RFC 9112 6.3 decides it, and what an origin must not send. */
#include "codec/h1.h"

#include "support.h"

#define OK     "HTTP/1.1 200 OK\r\n"
#define END    "\r\n"
#define GET    JST_METHOD_GET
#define CHUNKS "Transfer-Encoding: chunked\r\n"

struct refused {
    enum jst_h1_err err;
    const char *source;
    struct jst_slice head;
};

#define NO(err, source, head)                                                                      \
    {                                                                                              \
        JST_H1_E_##err, source,                                                                    \
        {                                                                                          \
            head, sizeof(head) - 1                                                                 \
        }                                                                                          \
    }

static const struct refused refused[] = {
    NO(LINE, "RFC 9112 4", END),
    NO(LINE, "RFC 9112 4", "200 OK\r\n" END),
    NO(LINE, "RFC 9112 4", "HTTP/1.1\r\n" END),
    NO(LINE, "RFC 9112 4", "HTTP/1.1 \r\n" END),
    NO(LINE, "RFC 9112 4: three digits", "HTTP/1.1 20 OK\r\n" END),
    NO(LINE, "RFC 9112 4: three digits", "HTTP/1.1 2000 OK\r\n" END),
    NO(LINE, "RFC 9112 4: three digits", "HTTP/1.1 0200 OK\r\n" END),
    NO(LINE, "RFC 9112 4: digits", "HTTP/1.1 2x0 OK\r\n" END),
    NO(LINE, "RFC 9112 4: digits", "HTTP/1.1 +20 OK\r\n" END),
    NO(LINE, "RFC 9110 15: 100 to 599", "HTTP/1.1 099 No\r\n" END),
    NO(LINE, "RFC 9110 15: 100 to 599", "HTTP/1.1 600 No\r\n" END),
    NO(LINE, "RFC 9112 4: one space", "HTTP/1.1  200 OK\r\n" END),
    NO(LINE, "RFC 9112 4: space, not tab", "HTTP/1.1\t200 OK\r\n" END),
    NO(LINE, "RFC 9112 4: space, not tab", "HTTP/1.1 200\tOK\r\n" END),
    NO(LINE, "RFC 9112 4: control byte", "HTTP/1.1 200 O\x01K\r\n" END),
    NO(LINE, "RFC 9112 4: NUL", "HTTP/1.1 200 O\0K\r\n" END),
    NO(LINE, "RFC 9112 4", " HTTP/1.1 200 OK\r\n" END),
    NO(LINE, "RFC 9112 2.3", "http/1.1 200 OK\r\n" END),
    NO(LINE, "RFC 9112 2.3", "ICY 200 OK\r\n" END),
    NO(VERSION, "RFC 9112 2.3", "HTTP/2.0 200 OK\r\n" END),
    NO(BARE_LF, "RFC 9112 2.2", "HTTP/1.1 200 OK\n" END),
    NO(BARE_CR, "RFC 9112 2.2", "HTTP/1.1 200 O\rK\r\n" END),
    NO(BARE_LF, "RFC 9112 2.2", OK "X: a\n" END),
    NO(FOLD, "RFC 9112 5.2", OK "X: a\r\n b\r\n" END),
    NO(FIELD_SPACE, "RFC 9112 5.1", OK "Content-Length : 5\r\n" END),
    NO(FIELD_VALUE, "RFC 9110 5.5", OK "X: a\0\r\n" END),
    NO(FIELD_NAME, "RFC 9110 5.1", OK "X Y: a\r\n" END),
    NO(LENGTH_AND_TE, "RFC 9112 6.3", OK CHUNKS "Content-Length: 5\r\n" END),
    NO(LENGTH_AND_TE, "RFC 9112 6.3: without content too",
       "HTTP/1.1 304 Not Modified\r\n" CHUNKS "Content-Length: 5\r\n" END),
    NO(LENGTH_REPEATED, "RFC 9112 6.3", OK "Content-Length: 5\r\nContent-Length: 5\r\n" END),
    NO(LENGTH_REPEATED, "RFC 9112 6.3", OK "Content-Length: 5, 5\r\n" END),
    NO(LENGTH_INVALID, "RFC 9110 8.6", OK "Content-Length: -5\r\n" END),
    NO(LENGTH_INVALID, "RFC 9110 8.6", OK "Content-Length: abc\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.1", OK CHUNKS CHUNKS END),
    NO(TE_INVALID, "RFC 9112 6.1", OK "Transfer-Encoding: chunked, gzip\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.1", OK "Transfer-Encoding: identity\r\n" END),
    NO(TE_UNKNOWN, "RFC 9112 6.1", OK "Transfer-Encoding: gzip, chunked\r\n" END),
    NO(TE_IN_10, "RFC 9112 6.1", "HTTP/1.0 200 OK\r\n" CHUNKS END),
    NO(LINE, "RFC 9110 15.2.2: 101 says to what", "HTTP/1.1 101 Switching Protocols\r\n" END),
    NO(LINE, "RFC 9110 15.2.2: and Connection says so",
       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" END),
    NO(LINE, "RFC 9110 7.8: not in HTTP/1.0",
       "HTTP/1.0 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" END),
    NO(LINE, "RFC 9112 2.1", OK "X: a\r\n"),
};

static void
test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(refused); i++) {
        const struct refused *r = &refused[i];
        struct jst_field fields[8];
        struct jst_h1_head h = {.fields = {fields, 0, JST_COUNT(fields)}};
        char *bytes = exact_copy(r->head);
        enum jst_h1_err err = jst_h1_parse_response(&h, jst_slice(bytes, r->head.n), GET);

        if (err != r->err) {
            fail_msg("%s (%.*s): \"%s\" instead of \"%s\"", r->source, JST_PRI(r->head),
                     jst_h1_err_text(err), jst_h1_err_text(r->err));
        }
        free(bytes);
    }
}

struct framed {
    const char *head;
    enum jst_method request;
    enum jst_h1_body body;
    uint64_t length;
    bool has_length;
    bool keep_alive;
};

static const struct framed framed[] = {
    {OK END, GET, JST_H1_BODY_CLOSE, 0, false, false},
    {OK "Content-Length: 5\r\n" END, GET, JST_H1_BODY_LENGTH, 5, true, true},
    {OK "Content-Length: 0\r\n" END, GET, JST_H1_BODY_NONE, 0, true, true},
    {OK CHUNKS END, GET, JST_H1_BODY_CHUNKED, 0, false, true},
    {OK CHUNKS "Connection: close\r\n" END, GET, JST_H1_BODY_CHUNKED, 0, false, false},
    {OK END, JST_METHOD_HEAD, JST_H1_BODY_NONE, 0, false, true},
    {OK "Content-Length: 5\r\n" END, JST_METHOD_HEAD, JST_H1_BODY_NONE, 5, true, true},
    {OK CHUNKS END, JST_METHOD_HEAD, JST_H1_BODY_NONE, 0, false, true},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n" END, GET, JST_H1_BODY_NONE, 5, true,
     true},
    {"HTTP/1.1 304 Not Modified\r\n" END, GET, JST_H1_BODY_NONE, 0, false, true},
    {"HTTP/1.1 204 No Content\r\n" END, GET, JST_H1_BODY_NONE, 0, false, true},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n" END, GET, JST_H1_BODY_NONE, 0, true, true},
    /* a body after these would be taken for the next response */
    {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n" END, GET, JST_H1_BODY_NONE, 5, true, false},
    {"HTTP/1.1 204 No Content\r\n" CHUNKS END, GET, JST_H1_BODY_NONE, 0, false, false},
    {"HTTP/1.1 100 Continue\r\n" END, GET, JST_H1_BODY_NONE, 0, false, true},
    {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n" END, GET, JST_H1_BODY_NONE, 0, false, true},
    {"HTTP/1.1 103 Early Hints\r\n" CHUNKS END, GET, JST_H1_BODY_NONE, 0, false, false},
    {"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n" END, GET, JST_H1_BODY_NONE, 0, true,
     true},
    {"HTTP/1.1 599 Odd\r\n" END, GET, JST_H1_BODY_CLOSE, 0, false, false},
    {"HTTP/1.0 200 OK\r\n" END, GET, JST_H1_BODY_CLOSE, 0, false, false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n" END, GET, JST_H1_BODY_LENGTH, 5, true, false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n" END, GET,
     JST_H1_BODY_LENGTH, 5, true, true},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" END, GET, JST_H1_BODY_CLOSE, 0, false, false},
    {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" END, GET,
     JST_H1_BODY_TUNNEL, 0, false, false},
    {OK END, JST_METHOD_CONNECT, JST_H1_BODY_TUNNEL, 0, false, false},
    {OK "Content-Length: 5\r\n" END, JST_METHOD_CONNECT, JST_H1_BODY_TUNNEL, 5, true, false},
    {"HTTP/1.1 407 No\r\nContent-Length: 5\r\n" END, JST_METHOD_CONNECT, JST_H1_BODY_LENGTH, 5,
     true, true},
};

static void
test_framing(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(framed); i++) {
        const struct framed *f = &framed[i];
        struct jst_field fields[8];
        struct jst_h1_head h = {.fields = {fields, 0, JST_COUNT(fields)}};
        enum jst_h1_err err = jst_h1_parse_response(&h, jst_slice_z(f->head), f->request);

        if (err != JST_H1_OK || h.body != f->body || h.length != f->length ||
            h.has_length != f->has_length || h.keep_alive != f->keep_alive) {
            fail_msg("%s: %s, body %d, length %d, has_length %d, keep_alive %d", f->head,
                     jst_h1_err_text(err), (int)h.body, (int)h.length, h.has_length, h.keep_alive);
        }
    }
}

static void
test_status_line(void **state)
{
    static const struct {
        const char *head;
        uint16_t status;
        const char *reason;
        uint8_t minor;
    } table[] = {
        {OK END, 200, "OK", 1},
        {"HTTP/1.1 200 \r\n" END, 200, "", 1},
        {"HTTP/1.1 200\r\n" END, 200, "", 1},
        {"HTTP/1.0 404 Not Found\r\n" END, 404, "Not Found", 0},
        {"HTTP/1.7 404 Not Found\r\n" END, 404, "Not Found", 1},
        {"HTTP/1.1 404 N\xc3\xa9\tx  \r\n" END, 404, "N\xc3\xa9\tx  ", 1},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        struct jst_field fields[8];
        struct jst_h1_head h = {.fields = {fields, 0, JST_COUNT(fields)}};

        assert_int_equal(jst_h1_parse_response(&h, jst_slice_z(table[i].head), GET), JST_H1_OK);
        assert_int_equal(h.status, table[i].status);
        assert_int_equal(h.version_minor, table[i].minor);
        check_slice(table[i].head, h.reason, table[i].reason);
    }
}

static void
test_hop_by_hop(void **state)
{
    struct jst_field fields[8];
    struct jst_h1_head h = {.fields = {fields, 0, JST_COUNT(fields)}};
    const char *head =
        OK "Connection: X-A, set-cookie\r\nX-A: 1\r\nSet-Cookie: a=b\r\n"
           "Keep-Alive: timeout=5\r\nProxy-Authenticate: x\r\nContent-Length: 1\r\n" END;
    static const bool drop[] = {true, true, false, true, true, false};

    (void)state;
    assert_int_equal(jst_h1_parse_response(&h, jst_slice_z(head), GET), JST_H1_OK);
    assert_int_equal(h.fields.n, JST_COUNT(drop));
    for (uint32_t i = 0; i < h.fields.n; i++) {
        assert_int_equal(h.fields.v[i].drop, drop[i]);
    }
}

static void
test_reasons(void **state)
{
    (void)state;
    check_slice("404", jst_status_reason(404), "Not Found");
    check_slice("100", jst_status_reason(100), "Continue");
    check_slice("511", jst_status_reason(511), "Network Authentication Required");
    assert_int_equal(jst_status_reason(299).n, 0);
    assert_int_equal(jst_status_reason(418).n, 0); /* RFC 9110 15.5.19: unused */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_framing),
        cmocka_unit_test(test_status_line), cmocka_unit_test(test_hop_by_hop),
        cmocka_unit_test(test_reasons),
    };

    return cmocka_run_group_tests_name("codec/h1_response", tests, NULL, NULL);
}
