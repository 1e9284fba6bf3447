// SPDX-License-Identifier: MIT
/* Tokens, comma-separated lists, host[:port], and the vector scans against the plain table. */
#include "codec/h1.h"
#include "codec/scan.h"

#include "support.h"

static void
test_token(void **state)
{
    static const char not_token[] = "\"(),/:;<=>?@[\\]{} \t\x7f\x80\xff\x01";

    (void)state;
    assert_true(jst_is_token(JST_S("!#$%&'*+-.^_`|~09azAZ")));
    assert_false(jst_is_token(JST_SLICE_NONE));
    for (size_t i = 0; i < sizeof(not_token); i++) { /* with the NUL */
        assert_false(jst_is_token(jst_slice(&not_token[i], 1)));
    }
}

static void
test_list(void **state)
{
    static const struct {
        const char *list;
        const char *elements[4];
    } table[] = {
        {"", {0}},
        {" , ,\t,", {0}},
        {"a", {"a"}},
        {" a ,\tb\t,,c ", {"a", "b", "c"}},
        {"a b, c;d=e", {"a b", "c;d=e"}},
        {"\"a,b\", c", {"\"a,b\"", "c"}},
        {"x=\"a\\\",b\",c", {"x=\"a\\\",b\"", "c"}},
        {"\"open, a, b", {"\"open, a, b"}}, /* nothing in it counts as an element */
        {"\"open\\", {"\"open\\"}},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        struct jst_slice rest = jst_slice_z(table[i].list);
        struct jst_slice element;
        size_t n = 0;

        while (jst_list_next(&rest, &element)) {
            check_slice(table[i].list, element, table[i].elements[n++]);
        }
        assert_null(table[i].elements[n]);
    }
    assert_true(jst_list_has(JST_S("gzip, Trailers"), JST_S("trailers")));
    assert_false(jst_list_has(JST_S("gzip, xtrailers"), JST_S("trailers")));
    assert_false(jst_list_has(JST_S("\"trailers, \""), JST_S("trailers")));
}

static void
test_host_split(void **state)
{
    static const struct {
        const char *authority;
        const char *host; /* NULL: malformed */
        uint16_t port;
    } table[] = {
        {"example.com", "example.com", 0},
        {"EXAMPLE.com:8080", "EXAMPLE.com", 8080},
        {"example.com:", "example.com", 0}, /* RFC 3986 3.2.3: the port may be empty */
        {"example.com:00080", "example.com", 80},
        {"example.com.", "example.com", 0},
        {"example.com.:80", "example.com", 80},
        {"127.0.0.1:1", "127.0.0.1", 1},
        {"a_b-c~d", "a_b-c~d", 0},
        {"a%2Db", "a%2Db", 0},
        {"a!$&'()*+,;=b", "a!$&'()*+,;=b", 0},
        {"[::1]", "[::1]", 0},
        {"[::]:65535", "[::]", 65535},
        {"[2001:db8:0:1:2:3:4:5]", "[2001:db8:0:1:2:3:4:5]", 0},
        {"[2001:DB8::]", "[2001:DB8::]", 0},
        {"[1:2:3:4:5:6:7::]", "[1:2:3:4:5:6:7::]", 0},
        {"[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]", 0},
        {"[1:2:3:4:5:6:192.0.2.1]", "[1:2:3:4:5:6:192.0.2.1]", 0},
        {"", NULL, 0},
        {".", NULL, 0},
        {"a..", NULL, 0},
        {":80", NULL, 0},
        {"a:0", NULL, 0}, /* no connection goes there */
        {"a:65536", NULL, 0},
        {"a:99999999999999999999", NULL, 0},
        {"a:8a", NULL, 0},
        {"a:+1", NULL, 0},
        {"a:1:2", NULL, 0},
        {"u@a", NULL, 0},
        {"u:p@a:1", NULL, 0},
        {"a b", NULL, 0},
        {"a/", NULL, 0},
        {"a%", NULL, 0},
        {"a%2", NULL, 0},
        {"a%2g", NULL, 0},
        {"a\\b", NULL, 0},
        {"a\"", NULL, 0},
        {"[", NULL, 0},
        {"[]", NULL, 0},
        {"[::1", NULL, 0},
        {"[::1]x", NULL, 0},
        {"[::1]80", NULL, 0},
        {"[:1]", NULL, 0},
        {"[1:]", NULL, 0},
        {"[:::]", NULL, 0},
        {"[1::2::3]", NULL, 0},
        {"[1:2:3:4:5:6:7:8:9]", NULL, 0},
        {"[1:2:3:4:5:6:7]", NULL, 0},
        {"[1:2:3:4:5:6:7:8::]", NULL, 0},
        {"[12345::]", NULL, 0},
        {"[g::]", NULL, 0},
        {"[::1.2.3]", NULL, 0},
        {"[::1.2.3.256]", NULL, 0},
        {"[::01.2.3.4]", NULL, 0},
        {"[1:2:3:4:5:6:7:1.2.3.4]", NULL, 0},
        {"[fe80::1%25eth0]", NULL, 0}, /* RFC 6874 zones mean nothing on another machine */
        {"[v1.a]", NULL, 0},
        {"[127.0.0.1]", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        struct jst_slice in = jst_slice_z(table[i].authority);
        char *bytes = exact_copy(in);
        struct jst_slice host;
        uint16_t port;
        bool ok = jst_host_split(jst_slice(bytes, in.n), &host, &port);

        if (ok != (table[i].host != NULL)) {
            fail_msg("\"%s\" gave %d", table[i].authority, ok);
        }
        if (ok) {
            check_slice(table[i].authority, host, table[i].host);
            assert_int_equal(port, table[i].port);
        }
        free(bytes);
    }
}

/* Each byte value at each place of runs around the vector's width. */
static void
test_scan(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 40; n++) {
        char *bytes = exact_copy(jst_slice("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", n));

        for (size_t at = 0; at < n; at++) {
            for (unsigned c = 0; c < 256; c++) {
                const char *stop = bytes + at;

                bytes[at] = (char)c;
#define CHECK(what)                                                                                \
    assert_ptr_equal(jst_scan(bytes, bytes, bytes + n, what),                                      \
                     jst_scan_stops((char)c, what) ? stop : bytes + n)
                CHECK(JST_SCAN_TEXT);
                CHECK(JST_SCAN_PATH);
                CHECK(JST_SCAN_QUERY);
                CHECK(JST_SCAN_COLON);
#undef CHECK
                /* what lies before the start does not stop it */
                assert_ptr_equal(jst_scan(bytes, stop + 1, bytes + n, JST_SCAN_TEXT), bytes + n);
            }
            bytes[at] = 'a';
        }
        free(bytes);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_host_split),
        cmocka_unit_test(test_scan),
    };

    return cmocka_run_group_tests_name("codec/token", tests, NULL, NULL);
}
