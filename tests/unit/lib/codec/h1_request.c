// SPDX-License-Identifier: MIT
/* Request heads: what each good one means, and what is refused, with the paragraph that says so. */
#include "codec/h1.h"

#include "support.h"

#define FIELDS_MAX 8

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: example.com\r\n"
#define END  "\r\n"

/* ---- refused ---- */

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
    /* request line */
    NO(LINE, "RFC 9112 3: a request line is there", END),
    NO(LINE, "RFC 9112 2.2: empty lines are skipped by somebody else", END LINE HOST END),
    NO(LINE, "RFC 9112 3: three parts", "GET\r\n" HOST END),
    NO(LINE, "RFC 1945 4.1: HTTP/0.9 is not spoken", "GET /\r\n" END),
    NO(LINE, "RFC 1945 4.1", "GET /\r\n" HOST END),
    NO(LINE, "RFC 9112 3: no version", "GET / \r\n" HOST END),
    NO(METHOD, "RFC 9112 3: no leading space", " GET / HTTP/1.1\r\n" HOST END),
    NO(METHOD, "RFC 9110 9.1", "G@T / HTTP/1.1\r\n" HOST END),
    NO(METHOD, "RFC 9110 9.1", "GET\t/ HTTP/1.1\r\n" HOST END),
    NO(METHOD, "RFC 9110 9.1", "G\0T / HTTP/1.1\r\n" HOST END),
    NO(METHOD, "RFC 9110 9.1", "G\xc3\xa9T / HTTP/1.1\r\n" HOST END),
    NO(METHOD, "IANA: the longest has 17",
       "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3: one space", "GET  / HTTP/1.1\r\n" HOST END),
    NO(LINE, "RFC 9112 3: one space", "GET /  HTTP/1.1\r\n" HOST END),
    NO(LINE, "RFC 9112 3: no trailing space", "GET / HTTP/1.1 \r\n" HOST END),
    NO(LINE, "RFC 9112 3.2: no space in a target", "GET /a b HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3: tab is no space", "GET\x20/\tHTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 3986 2: NUL", "GET /\0 HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 3986 2: control byte", "GET /\x01 HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 3986 2: DEL", "GET /\x7f HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 3986 2: ASCII only", "GET /\xc3\xa9 HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 3986 2: ASCII only, in the query", "GET /?\x80 HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2: no fragment", "GET /#a HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2: no fragment", "GET /?a#b HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.1: starts with a slash", "GET index.html HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.1", "GET ?a=b HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.2: http and https", "GET ftp://example.com/ HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.2", "GET http:/example.com/ HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.2", "GET http:example.com HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9110 4.2.1: no empty host", "GET http:///a HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9110 4.2.1: no empty host", "GET http://:80/ HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9110 4.2.4: no userinfo", "GET http://u@example.com/ HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.3: CONNECT takes host:port", "CONNECT / HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9110 9.3.6: with a port", "CONNECT example.com HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9110 9.3.6: with a port", "CONNECT example.com: HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.3", "CONNECT example.com:443/ HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.3", "CONNECT example.com:443?a HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.3", "CONNECT http://example.com:443 HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.3: authority-form is CONNECT's",
       "GET example.com:80 HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.4: asterisk is OPTIONS's", "GET * HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.4", "OPTIONS ** HTTP/1.1\r\n" HOST END),
    NO(TARGET, "RFC 9112 3.2.4", "OPTIONS *?a HTTP/1.1\r\n" HOST END),
    NO(VERSION, "RFC 9110 15.6.6", "GET / HTTP/2.0\r\n" HOST END),
    NO(VERSION, "RFC 9113 3.4: the preface", "PRI * HTTP/2.0\r\n" END),
    NO(VERSION, "RFC 9110 15.6.6", "GET / HTTP/0.9\r\n" HOST END),
    NO(VERSION, "RFC 9110 15.6.6", "GET / HTTP/3.0\r\n" HOST END),
    NO(LINE, "RFC 9112 2.3: case-sensitive", "GET / http/1.1\r\n" HOST END),
    NO(LINE, "RFC 9112 2.3: one digit", "GET / HTTP/1.10\r\n" HOST END),
    NO(LINE, "RFC 9112 2.3: one digit", "GET / HTTP/11.1\r\n" HOST END),
    NO(LINE, "RFC 9112 2.3: one digit", "GET / HTTP/1.\r\n" HOST END),
    NO(LINE, "RFC 9112 2.3: one digit", "GET / HTTP/1\r\n" HOST END),
    NO(LINE, "RFC 9112 2.3", "GET / HTTP/1.1x\r\n" HOST END),
    NO(LINE, "RFC 9112 2.3", "GET / HTTPS/1.1\r\n" HOST END),
    NO(LINE, "RFC 9112 2.3", "GET / FTP/1.1\r\n" HOST END),
    NO(BARE_LF, "RFC 9112 2.2", "GET / HTTP/1.1\n" HOST END),
    NO(BARE_CR, "RFC 9112 2.2", "GET / HTTP/1.1\r" HOST END),
    NO(BARE_CR, "RFC 9112 2.2", "GET / HTTP/1.1\r\r\n" HOST END),
    /* lines */
    NO(BARE_LF, "RFC 9112 2.2", LINE "Host: a\n" END),
    NO(BARE_LF, "RFC 9112 2.2", LINE HOST "X: a\nY: b\r\n" END),
    NO(BARE_LF, "RFC 9112 2.2: the last line", LINE HOST "\n"),
    NO(BARE_LF, "RFC 9112 2.2: without a colon", LINE HOST "X\nY: b\r\n" END),
    NO(BARE_CR, "RFC 9112 2.2", LINE HOST "X: a\rb\r\n" END),
    NO(BARE_CR, "RFC 9112 2.2", LINE HOST "X: a\r\r\n" END),
    NO(BARE_CR, "RFC 9112 2.2: the last line", LINE HOST "\r\r\n"),
    NO(BARE_CR, "RFC 9112 2.2: in a name", LINE HOST "X\rY: b\r\n" END),
    NO(FOLD, "RFC 9112 5.2", LINE HOST "X: a\r\n b\r\n" END),
    NO(FOLD, "RFC 9112 5.2", LINE HOST "X: a\r\n\tb\r\n" END),
    NO(FOLD, "RFC 9112 2.2: after the request line", LINE " Host: a\r\n" END),
    NO(FOLD, "RFC 9112 2.2", LINE HOST " \r\n" END),
    NO(FIELD_SPACE, "RFC 9112 5.1", LINE HOST "X : a\r\n" END),
    NO(FIELD_SPACE, "RFC 9112 5.1", LINE HOST "X\t: a\r\n" END),
    NO(FIELD_SPACE, "RFC 9112 5.1", LINE HOST "Content-Length : 5\r\n" END),
    NO(FIELD_SPACE, "RFC 9112 5.1", LINE HOST "Transfer-Encoding : chunked\r\n" END),
    NO(FIELD_NAME, "RFC 9110 5.1: empty", LINE HOST ": a\r\n" END),
    NO(FIELD_NAME, "RFC 9110 5.1: no colon", LINE HOST "X\r\n" END),
    NO(FIELD_NAME, "RFC 9110 5.1: no colon at all", LINE "Host\r\n" END),
    NO(FIELD_NAME, "RFC 9110 5.1: space inside", LINE HOST "X Y: a\r\n" END),
    NO(FIELD_NAME, "RFC 9110 5.1", LINE HOST "X\0: a\r\n" END),
    NO(FIELD_NAME, "RFC 9110 5.1", LINE HOST "X(y): a\r\n" END),
    NO(FIELD_NAME, "RFC 9110 5.1", LINE HOST "\"X\": a\r\n" END),
    NO(FIELD_NAME, "RFC 9110 5.1", LINE HOST "X\x80: a\r\n" END),
    NO(BARE_CR, "RFC 9110 5.1: a CR is not a dash", LINE HOST "Content\rLength: 5\r\n" END),
    NO(FIELD_VALUE, "RFC 9110 5.5: NUL", LINE HOST "X: a\0b\r\n" END),
    NO(FIELD_VALUE, "RFC 9110 5.5: control byte", LINE HOST "X: a\x01\r\n" END),
    NO(FIELD_VALUE, "RFC 9110 5.5: vertical tab is no white space",
       LINE HOST "X:\x0b"
                 "a\r\n" END),
    NO(FIELD_VALUE, "RFC 9110 5.5: DEL", LINE HOST "X: \x7f\r\n" END),
    NO(FIELD_COUNT, "RFC 6585 5",
       LINE HOST "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: 7\r\nH: 8\r\n" END),
    NO(LINE, "RFC 9112 2.1: ends with an empty line", LINE HOST),
    NO(LINE, "RFC 9112 2.1: and nothing follows", LINE HOST END "X: a\r\n"),
    /* Host */
    NO(HOST_MISSING, "RFC 9112 3.2", LINE END),
    NO(HOST_MISSING, "RFC 9112 3.2", LINE "X: a\r\n" END),
    NO(HOST_MISSING, "RFC 9112 3.2: absolute-form too", "GET http://example.com/ HTTP/1.1\r\n" END),
    NO(HOST_REPEATED, "RFC 9112 3.2", LINE HOST "Host: other.example\r\n" END),
    NO(HOST_REPEATED, "RFC 9112 3.2: equal ones too", LINE HOST HOST END),
    NO(HOST_REPEATED, "RFC 9112 3.2: in HTTP/1.0 too", "GET / HTTP/1.0\r\n" HOST HOST END),
    NO(HOST_INVALID, "RFC 9110 7.2", LINE "Host: a b\r\n" END),
    NO(HOST_INVALID, "RFC 9110 7.2", LINE "Host: a/b\r\n" END),
    NO(HOST_INVALID, "RFC 9110 7.2", LINE "Host: a?b\r\n" END),
    NO(HOST_INVALID, "RFC 9110 7.2", LINE "Host: a#b\r\n" END),
    NO(HOST_INVALID, "RFC 9110 7.2", LINE "Host: a\\b\r\n" END),
    NO(HOST_INVALID, "RFC 9110 4.2.4: userinfo", LINE "Host: u@a\r\n" END),
    NO(HOST_INVALID, "RFC 9110 7.2", LINE "Host: <a>\r\n" END),
    NO(HOST_INVALID, "RFC 9110 7.2: a URL", LINE "Host: http://a\r\n" END),
    NO(HOST_INVALID, "RFC 3986 3.2.2", LINE "Host: \xc3\xa9\r\n" END),
    NO(HOST_INVALID, "RFC 3986 3.2.3", LINE "Host: a:b\r\n" END),
    NO(HOST_INVALID, "RFC 3986 3.2.3", LINE "Host: a:65536\r\n" END),
    NO(HOST_INVALID, "RFC 3986 3.2.3", LINE "Host: a:-1\r\n" END),
    NO(HOST_INVALID, "RFC 3986 3.2.3", LINE "Host: a:80:80\r\n" END),
    NO(HOST_INVALID, "RFC 3986 3.2.2", LINE "Host: [::1\r\n" END),
    NO(HOST_INVALID, "RFC 3986 3.2.2", LINE "Host: ::1\r\n" END),
    NO(HOST_MISMATCH, "RFC 9112 3.2.2",
       "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n" END),
    NO(HOST_MISMATCH, "RFC 9112 3.2.2",
       "GET http://a.example/ HTTP/1.1\r\nHost: a.example:81\r\n" END),
    NO(HOST_MISMATCH, "RFC 9112 3.2.2",
       "GET https://a.example/ HTTP/1.1\r\nHost: a.example:80\r\n" END),
    NO(HOST_MISMATCH, "RFC 9112 3.2.2", "GET http://a.example/ HTTP/1.1\r\nHost:\r\n" END),
    NO(HOST_MISMATCH, "RFC 9112 3.2.3",
       "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:80\r\n" END),
    NO(HOST_MISMATCH, "RFC 9112 3.2.3",
       "CONNECT a.example:443 HTTP/1.1\r\nHost: b.example:443\r\n" END),
    /* Content-Length */
    NO(LENGTH_INVALID, "RFC 9110 8.6: empty", LINE HOST "Content-Length:\r\n" END),
    NO(LENGTH_INVALID, "RFC 9110 8.6: sign", LINE HOST "Content-Length: +5\r\n" END),
    NO(LENGTH_INVALID, "RFC 9110 8.6: sign", LINE HOST "Content-Length: -1\r\n" END),
    NO(LENGTH_INVALID, "RFC 9110 8.6: hex", LINE HOST "Content-Length: 0x5\r\n" END),
    NO(LENGTH_INVALID, "RFC 9110 8.6: space", LINE HOST "Content-Length: 5 5\r\n" END),
    NO(LENGTH_INVALID, "RFC 9110 8.6: fraction", LINE HOST "Content-Length: 5.0\r\n" END),
    NO(LENGTH_INVALID, "RFC 9110 8.6: exponent", LINE HOST "Content-Length: 5e3\r\n" END),
    NO(LENGTH_INVALID, "RFC 9110 8.6: quotes", LINE HOST "Content-Length: \"5\"\r\n" END),
    NO(LENGTH_INVALID, "RFC 9110 8.6: words", LINE HOST "Content-Length: five\r\n" END),
    NO(LENGTH_INVALID, "RFC 9110 8.6: 2^63",
       LINE HOST "Content-Length: 9223372036854775808\r\n" END),
    NO(LENGTH_INVALID, "RFC 9110 8.6: 2^64",
       LINE HOST "Content-Length: 18446744073709551616\r\n" END),
    NO(LENGTH_REPEATED, "RFC 9112 6.3", LINE HOST "Content-Length: 5\r\nContent-Length: 6\r\n" END),
    NO(LENGTH_REPEATED, "RFC 9112 6.3: equal",
       LINE HOST "Content-Length: 5\r\nContent-Length: 5\r\n" END),
    NO(LENGTH_REPEATED, "RFC 9112 6.3: list", LINE HOST "Content-Length: 5, 5\r\n" END),
    NO(LENGTH_REPEATED, "RFC 9112 6.3: list", LINE HOST "Content-Length: 5,\r\n" END),
    NO(LENGTH_REPEATED, "RFC 9112 6.3: case",
       LINE HOST "content-length: 5\r\nCONTENT-LENGTH: 5\r\n" END),
    /* Transfer-Encoding */
    NO(LENGTH_AND_TE, "RFC 9112 6.1",
       LINE HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END),
    NO(LENGTH_AND_TE, "RFC 9112 6.1",
       LINE HOST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n" END),
    NO(LENGTH_AND_TE, "RFC 9112 6.1: whatever the coding",
       LINE HOST "Transfer-Encoding: x\r\nContent-Length: 5\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.1: empty", LINE HOST "Transfer-Encoding:\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.3: chunked is not last",
       LINE HOST "Transfer-Encoding: gzip\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.3", LINE HOST "Transfer-Encoding: identity\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.3", LINE HOST "Transfer-Encoding: chunked, gzip\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.3", LINE HOST "Transfer-Encoding: chunked, identity\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.3: another token", LINE HOST "Transfer-Encoding: xchunked\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.3: another token", LINE HOST "Transfer-Encoding: chunkedx\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.1: twice", LINE HOST "Transfer-Encoding: chunked, chunked\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.1: twice",
       LINE HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.1: two lines",
       LINE HOST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n" END),
    NO(TE_INVALID, "RFC 9112 7.1: no parameters",
       LINE HOST "Transfer-Encoding: chunked;a=b\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.1: quotes", LINE HOST "Transfer-Encoding: \"chunked\"\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.1: empty element", LINE HOST "Transfer-Encoding: , chunked\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.1: empty element", LINE HOST "Transfer-Encoding: chunked,\r\n" END),
    NO(TE_INVALID, "RFC 9112 6.1", LINE HOST "Transfer-Encoding: chun ked\r\n" END),
    NO(FIELD_VALUE, "RFC 9110 5.5",
       LINE HOST "Transfer-Encoding: \x0b"
                 "chunked\r\n" END),
    NO(TE_UNKNOWN, "RFC 9112 6.1: 501", LINE HOST "Transfer-Encoding: gzip, chunked\r\n" END),
    NO(TE_UNKNOWN, "RFC 9112 6.1: 501", LINE HOST "Transfer-Encoding: x, y, Chunked\r\n" END),
    NO(TE_IN_10, "RFC 9112 6.1", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n" END),
    /* Expect, Connection */
    NO(EXPECT, "RFC 9110 10.1.1", LINE HOST "Expect: 200-ok\r\n" END),
    NO(EXPECT, "RFC 9110 10.1.1", LINE HOST "Expect: 100-continue, other\r\n" END),
    NO(EXPECT, "RFC 9110 10.1.1", LINE HOST "Expect: 100-continue=1\r\n" END),
    NO(FIELD_COUNT, "bounded work: 33 names in Connection",
       LINE HOST
       "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,1,2,3,4,5,6,7\r\n" END),
};

static void
test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(refused); i++) {
        const struct refused *r = &refused[i];
        struct jst_field fields[FIELDS_MAX];
        struct jst_h1_head h = {.fields = {fields, 0, FIELDS_MAX}};
        char *bytes = exact_copy(r->head);
        enum jst_h1_err err = jst_h1_parse_request(&h, jst_slice(bytes, r->head.n));

        if (err != r->err) {
            fail_msg("%s (%.*s): \"%s\" instead of \"%s\"", r->source, JST_PRI(r->head),
                     jst_h1_err_text(err), jst_h1_err_text(r->err));
        }
        free(bytes);
    }
}

/* A head that is cut anywhere is refused as well, and nothing outside of it is read. */
static void
test_cut_short(void **state)
{
    static const char whole[] = "POST /a/b?c=d HTTP/1.1\r\nHost: example.com:8080\r\n"
                                "Content-Length: 12\r\nConnection: keep-alive, X-A\r\nX-A: b\r\n"
                                "Expect: 100-continue\r\n\r\n";
    size_t n = sizeof(whole) - 1;

    (void)state;
    for (size_t cut = 0; cut <= n; cut++) {
        struct jst_field fields[FIELDS_MAX];
        struct jst_h1_head h = {.fields = {fields, 0, FIELDS_MAX}};
        char *bytes = exact_copy(jst_slice(whole, cut));
        enum jst_h1_err err = jst_h1_parse_request(&h, jst_slice(bytes, cut));

        if ((err == JST_H1_OK) != (cut == n)) {
            fail_msg("cut at %zu: %s", cut, jst_h1_err_text(err));
        }
        free(bytes);
    }
}

/* ---- accepted ---- */

struct accepted {
    const char *head;
    const char *method;
    const char *authority;
    const char *path;
    const char *query; /* NULL: none */
    enum jst_h1_form form;
    enum jst_h1_body body;
    uint64_t length;
    bool keep_alive;
};

#define PLAIN JST_H1_FORM_ORIGIN, JST_H1_BODY_NONE, 0, true

static const struct accepted accepted[] = {
    {LINE HOST END, "GET", "example.com", "/", NULL, PLAIN},
    {"get / HTTP/1.1\r\n" HOST END, "get", "example.com", "/", NULL, PLAIN},
    {"M-SEARCH!#$ / HTTP/1.1\r\n" HOST END, "M-SEARCH!#$", "example.com", "/", NULL, PLAIN},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\n" HOST END, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF",
     "example.com", "/", NULL, PLAIN},
    {"GET /a%20b/c?d=e&f?g HTTP/1.1\r\n" HOST END, "GET", "example.com", "/a%20b/c", "d=e&f?g",
     PLAIN},
    {"GET /? HTTP/1.1\r\n" HOST END, "GET", "example.com", "/", "", PLAIN},
    {"GET //a//b HTTP/1.1\r\n" HOST END, "GET", "example.com", "//a//b", NULL, PLAIN},
    {"GET /a\"<>[]^`{|} HTTP/1.1\r\n" HOST END, "GET", "example.com", "/a\"<>[]^`{|}", NULL, PLAIN},
    {LINE "host:example.com:8080\r\n" END, "GET", "example.com:8080", "/", NULL, PLAIN},
    {LINE "HOST: \t example.com \t \r\n" END, "GET", "example.com", "/", NULL, PLAIN},
    {LINE "Host: [::1]:80\r\n" END, "GET", "[::1]:80", "/", NULL, PLAIN},
    {LINE "Host:\r\n" END, "GET", "", "/", NULL, PLAIN},
    {"GET / HTTP/1.2\r\n" HOST END, "GET", "example.com", "/", NULL, PLAIN},
    {LINE HOST "Connection: Close\r\n" END, "GET", "example.com", "/", NULL, JST_H1_FORM_ORIGIN,
     JST_H1_BODY_NONE, 0, false},
    {LINE HOST "Connection: keep-alive\r\nConnection: x, close\r\n" END, "GET", "example.com", "/",
     NULL, JST_H1_FORM_ORIGIN, JST_H1_BODY_NONE, 0, false},
    {"GET / HTTP/1.0\r\n" END, "GET", "", "/", NULL, JST_H1_FORM_ORIGIN, JST_H1_BODY_NONE, 0,
     false},
    {"GET / HTTP/1.0\r\n" HOST "Connection: Keep-Alive\r\n" END, "GET", "example.com", "/", NULL,
     PLAIN},
    {"GET / HTTP/1.0\r\n" HOST "Expect: whatever\r\n" END, "GET", "example.com", "/", NULL,
     JST_H1_FORM_ORIGIN, JST_H1_BODY_NONE, 0, false},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 12\r\n" END, "POST", "example.com", "/", NULL,
     JST_H1_FORM_ORIGIN, JST_H1_BODY_LENGTH, 12, true},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: \t007 \r\n" END, "POST", "example.com", "/", NULL,
     JST_H1_FORM_ORIGIN, JST_H1_BODY_LENGTH, 7, true},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n" END, "POST", "example.com", "/", NULL,
     PLAIN},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n" END, "POST",
     "example.com", "/", NULL, JST_H1_FORM_ORIGIN, JST_H1_BODY_LENGTH, INT64_MAX, true},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n" END, "POST", "example.com", "/",
     NULL, JST_H1_FORM_ORIGIN, JST_H1_BODY_CHUNKED, 0, true},
    {"POST / HTTP/1.1\r\n" HOST "transfer-encoding:\tCHUNked\t\r\n" END, "POST", "example.com", "/",
     NULL, JST_H1_FORM_ORIGIN, JST_H1_BODY_CHUNKED, 0, true},
    {"GET http://Example.com HTTP/1.1\r\n" HOST END, "GET", "Example.com", "/", NULL,
     JST_H1_FORM_ABSOLUTE, JST_H1_BODY_NONE, 0, true},
    {"GET HTTP://example.com:80/a?b HTTP/1.1\r\n" HOST END, "GET", "example.com:80", "/a", "b",
     JST_H1_FORM_ABSOLUTE, JST_H1_BODY_NONE, 0, true},
    {"GET https://example.com?b/c HTTP/1.1\r\nHost: example.com:443\r\n" END, "GET", "example.com",
     "/", "b/c", JST_H1_FORM_ABSOLUTE, JST_H1_BODY_NONE, 0, true},
    {"GET http://example.com./ HTTP/1.1\r\n" HOST END, "GET", "example.com.", "/", NULL,
     JST_H1_FORM_ABSOLUTE, JST_H1_BODY_NONE, 0, true},
    {"GET http://[::1]:8080/ HTTP/1.1\r\nHost: [::1]:8080\r\n" END, "GET", "[::1]:8080", "/", NULL,
     JST_H1_FORM_ABSOLUTE, JST_H1_BODY_NONE, 0, true},
    {"OPTIONS * HTTP/1.1\r\n" HOST END, "OPTIONS", "example.com", "*", NULL, JST_H1_FORM_ASTERISK,
     JST_H1_BODY_NONE, 0, true},
    /* RFC 9112 3.2.4 */
    {"OPTIONS http://example.com HTTP/1.1\r\n" HOST END, "OPTIONS", "example.com", "*", NULL,
     JST_H1_FORM_ASTERISK, JST_H1_BODY_NONE, 0, true},
    {"OPTIONS http://example.com/ HTTP/1.1\r\n" HOST END, "OPTIONS", "example.com", "/", NULL,
     JST_H1_FORM_ABSOLUTE, JST_H1_BODY_NONE, 0, true},
    /* RFC 9112 3.2.3, its own example */
    {"CONNECT example.com:80 HTTP/1.1\r\n" HOST END, "CONNECT", "example.com:80", "", NULL,
     JST_H1_FORM_AUTHORITY, JST_H1_BODY_NONE, 0, true},
    {"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n" END, "CONNECT", "[::1]:443", "", NULL,
     JST_H1_FORM_AUTHORITY, JST_H1_BODY_NONE, 0, true},
};

static void
test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(accepted); i++) {
        const struct accepted *a = &accepted[i];
        struct jst_field fields[FIELDS_MAX];
        struct jst_h1_head h = {.fields = {fields, 0, FIELDS_MAX}};
        struct jst_slice head = jst_slice_z(a->head);
        char *bytes = exact_copy(head);
        enum jst_h1_err err = jst_h1_parse_request(&h, jst_slice(bytes, head.n));

        if (err != JST_H1_OK) {
            fail_msg("%s refused: %s", a->head, jst_h1_err_text(err));
        }
        check_slice(a->head, h.method_text, a->method);
        check_slice(a->head, h.authority, a->authority);
        check_slice(a->head, h.path, a->path);
        assert_int_equal(h.query.p != NULL, a->query != NULL);
        check_slice(a->head, h.query, a->query);
        assert_int_equal(h.form, a->form);
        assert_int_equal(h.body, a->body);
        assert_int_equal(h.length, a->length);
        if (h.keep_alive != a->keep_alive) {
            fail_msg("%s: keep_alive is %d", a->head, h.keep_alive);
        }
        free(bytes);
    }
}

/* ---- details ---- */

static struct jst_field fields_of_last[16];

static struct jst_h1_head
parse(const char *head)
{
    struct jst_h1_head h = {.fields = {fields_of_last, 0, JST_COUNT(fields_of_last)}};

    assert_int_equal(jst_h1_parse_request(&h, jst_slice_z(head)), JST_H1_OK);
    return h;
}

static void
test_fields_as_received(void **state)
{
    struct jst_h1_head h =
        parse(LINE "HoSt: a\r\nX-Odd: \t v \xff\t w\t \r\nEmpty:\r\nUser-Agent:x\r\n" END);

    (void)state;
    assert_int_equal(h.fields.n, 4);
    check_slice("name", h.fields.v[0].name, "HoSt");
    assert_int_equal(h.fields.v[0].id, JST_FIELD_HOST);
    check_slice("value", h.fields.v[1].value, "v \xff\t w");
    assert_int_equal(h.fields.v[1].id, JST_FIELD_OTHER);
    assert_int_equal(h.fields.v[2].value.n, 0);
    assert_int_equal(h.fields.v[3].id, JST_FIELD_USER_AGENT);
    assert_false(h.fields.v[3].drop);
}

/* RFC 9110 7.6.1: what Connection names, and what is hop-by-hop anyway, does not go on. */
static void
test_hop_by_hop(void **state)
{
    static const bool drop[] = {false, true, true, false, true, true, false, true};
    struct jst_h1_head h =
        parse(LINE HOST "Connection: x-a, Host, cookie, Range\r\nX-A: 1\r\nX-B: 2\r\n"
                        "Range: bytes=0-\r\nx-A: 3\r\nCookie: c\r\nTE: gzip, Trailers\r\n" END);

    (void)state;
    assert_int_equal(h.fields.n, JST_COUNT(drop));
    for (uint32_t i = 0; i < h.fields.n; i++) {
        if (h.fields.v[i].drop != drop[i]) {
            fail_msg("%.*s: drop is %d", JST_PRI(h.fields.v[i].name), h.fields.v[i].drop);
        }
    }
    assert_true(h.te_trailers);
}

static void
test_flags(void **state)
{
    struct jst_h1_head h;

    (void)state;
    h = parse(LINE HOST "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" END);
    assert_true(h.upgrade);
    h = parse(LINE HOST "Upgrade: websocket\r\n" END);
    assert_false(h.upgrade);
    h = parse(LINE HOST "Connection: upgrade\r\n" END);
    assert_false(h.upgrade);
    h = parse("GET / HTTP/1.0\r\n" HOST "Connection: upgrade\r\nUpgrade: websocket\r\n" END);
    assert_false(h.upgrade); /* RFC 9110 7.8 */
    h = parse(LINE HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n" END);
    assert_true(h.expect_continue);
    h = parse(LINE HOST "Expect: 100-continue\r\n" END);
    assert_false(h.expect_continue); /* RFC 9110 10.1.1: without content it means nothing */
    h = parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n" END);
    assert_false(h.expect_continue);
    h = parse("GET HTTPS://a/ HTTP/1.1\r\nHost: a\r\n" END);
    check_slice("scheme", h.scheme, "HTTPS");
    check_slice("target", h.target, "HTTPS://a/");
}

/* ---- before the head is complete ---- */

static void
test_may_be_request(void **state)
{
    static const struct {
        struct jst_slice in;
        bool may;
    } table[] = {
        {{"", 0}, true},
        {{"G", 1}, true},
        {{"GET /\x01", 6}, true}, /* the parser's business */
        {{" ", 1}, false},
        {{"\r", 1}, true},
        {{"\r\n", 2}, false},
        {{"\n", 1}, false},
        {{"\x16\x03\x01", 3}, false}, /* a TLS ClientHello */
        {{"GE\0", 3}, false},
        {{"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF", 32}, true},
        {{"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF /", 34}, true},
        {{"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG", 33}, false},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        if (jst_h1_may_be_request(table[i].in) != table[i].may) {
            fail_msg("\"%.*s\"", JST_PRI(table[i].in));
        }
    }
}

static void
test_methods(void **state)
{
    (void)state;
    for (int m = JST_METHOD_GET; m <= JST_METHOD_PATCH; m++) {
        assert_int_equal(jst_method_of(jst_method_name((enum jst_method)m)), m);
    }
    assert_int_equal(jst_method_of(JST_S("get")), JST_METHOD_OTHER);
    assert_int_equal(jst_method_of(JST_S("GETS")), JST_METHOD_OTHER);
    assert_int_equal(jst_method_of(JST_SLICE_NONE), JST_METHOD_OTHER);
}

static void
test_err_status(void **state)
{
    (void)state;
    assert_int_equal(jst_h1_err_status(JST_H1_E_LINE), 400);
    assert_int_equal(jst_h1_err_status(JST_H1_E_VERSION), 505);
    assert_int_equal(jst_h1_err_status(JST_H1_E_FIELD_COUNT), 431);
    assert_int_equal(jst_h1_err_status(JST_H1_E_TE_UNKNOWN), 501);
    assert_int_equal(jst_h1_err_status(JST_H1_E_EXPECT), 417);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_accepted),       cmocka_unit_test(test_fields_as_received),
        cmocka_unit_test(test_hop_by_hop),     cmocka_unit_test(test_flags),
        cmocka_unit_test(test_may_be_request), cmocka_unit_test(test_methods),
        cmocka_unit_test(test_err_status),
    };

    return cmocka_run_group_tests_name("codec/h1_request", tests, NULL, NULL);
}
