// SPDX-License-Identifier: MIT
/* One spelling for each path, none that leads out of the root; origins as people write them. */
#include "codec/uri.h"

#include "support.h"

static const struct {
    const char *path;
    const char *normal; /* NULL: refused */
} paths[] = {
    {"/", "/"},
    {"/a", "/a"},
    {"/a/b/", "/a/b/"},
    {"//", "/"},
    {"//a//b", "/a/b"},
    {"/a//", "/a/"},
    {"/a///b////", "/a/b/"},
    {"/a%20b", "/a b"},
    {"/%41%5a%5A", "/AZZ"},
    {"/%c3%a9", "/\xc3\xa9"},
    {"/\xc3\xa9", "/\xc3\xa9"},
    {"/%3f%23%25", "/?#%"},
    {"/a;b=c:d@e!$&'()*+,", "/a;b=c:d@e!$&'()*+,"},
    {"/...", "/..."},
    {"/..a/.b/c../d.", "/..a/.b/c../d."},
    {"/.", "/"},
    {"/./", "/"},
    {"/a/.", "/a/"},
    {"/a/./b", "/a/b"},
    {"/a/..", "/"},
    {"/a/../", "/"},
    {"/a/../b", "/b"},
    {"/a/b/..", "/a/"},
    {"/a/b/../../c", "/c"},
    {"/a/b/./../c/.", "/a/c/"},
    {"/a/%2e%2E/b", "/b"},
    {"/a/.%2e/b", "/b"},
    {"/%2e", "/"},
    {"/%2e/a", "/a"},
    /* empty segments go, but not where ".." could mean one of them */
    {"/a/..//b", "/b"},
    {"/.//a", "/a"},
    {"/a/;b", "/a/;b"},
    /* an encoded slash is a slash to routes and files, as with nginx */
    {"/@scope%2fname", "/@scope/name"},
    {"/a%2F", "/a/"},
    {"/%2Fa", "/a"},
    {"/a/../b%2Fc", "/b/c"},
    /* refused */
    {"//..", NULL},
    {"/a//../b", NULL},
    {"/a//b/../c", NULL},
    {"/a//../..", NULL},
    {"/a/..;/b", NULL},
    {"/a/..;x=1", NULL},
    {"/a/.;/b", NULL},
    {"/a/%2e%2e%3b/b", NULL},
    {"", NULL},
    {"*", NULL},
    {"a", NULL},
    {"%2fa", NULL},
    {"/..", NULL},
    {"/../", NULL},
    {"/../a", NULL},
    {"/a/../..", NULL},
    {"/a/../../b", NULL},
    {"/./..", NULL},
    {"/%2e%2e", NULL},
    {"/%2e%2e/%2e%2e/etc/passwd", NULL},
    {"/..%2fetc", NULL},
    {"/a%2F..%2fb", NULL}, /* with ".." there are two readings */
    {"/a/..%2Fb", NULL},
    {"/a%2fb/../c", NULL},
    {"/a\\b", NULL},
    {"/a%5cb", NULL},
    {"/..\\..\\", NULL},
    {"/a%00", NULL},
    {"/a%0a", NULL},
    {"/a%7f", NULL},
    {"/a\x01", NULL},
    {"/a%", NULL},
    {"/a%4", NULL},
    {"/a%4g", NULL},
    {"/a%u0041", NULL},
    {"/a%%41", NULL},
    {"/a?b", NULL},
    {"/a#b", NULL},
};

static void
test_normalize(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(paths); i++) {
        struct jst_slice path = jst_slice_z(paths[i].path);
        char *in = exact_copy(path);
        char *out = exact_copy(path);
        int n = jst_path_normalize(out, path.n, jst_slice(in, path.n));

        if (paths[i].normal == NULL) {
            if (n != JOIST_E_PROTO) {
                fail_msg("\"%s\" gave %d", paths[i].path, n);
            }
            assert_false(jst_path_is_normal(path));
        } else {
            if (n < 0) {
                fail_msg("\"%s\" refused: %d", paths[i].path, n);
            }
            check_slice(paths[i].path, jst_slice(out, (size_t)n), paths[i].normal);
            assert_int_equal(jst_path_is_normal(path), strcmp(paths[i].path, paths[i].normal) == 0);
            /* in its own place */
            assert_int_equal(jst_path_normalize(in, path.n, jst_slice(in, path.n)), n);
            assert_memory_equal(in, out, (size_t)n);
        }
        free(in);
        free(out);
    }
}

static void
test_normalize_limits(void **state)
{
    char out[4];

    (void)state;
    assert_int_equal(jst_path_normalize(out, 4, JST_S("/abc")), 4);
    assert_int_equal(jst_path_normalize(out, 4, JST_S("/%61bc")), 4);
    assert_int_equal(jst_path_normalize(out, 4, JST_S("/abcd")), JOIST_E_LIMIT);
    assert_int_equal(jst_path_normalize(out, 0, JST_S("/")), JOIST_E_LIMIT);
    assert_int_equal(jst_path_normalize(out, 4, jst_slice("/\0", 2)), JOIST_E_PROTO);
}

static void
test_encode(void **state)
{
    static const struct {
        const char *path;
        const char *encoded;
    } table[] = {
        {"", ""},
        {"/a-._~!$&'()*+,;=:@/", "/a-._~!$&'()*+,;=:@/"},
        {"/a b\"<>?#%[]", "/a%20b%22%3C%3E%3F%23%25%5B%5D"},
        {"/\xc3\xa9\r\n", "/%C3%A9%0D%0A"},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        int n = jst_path_encode(out, sizeof(out), jst_slice_z(table[i].path));

        assert_true(n >= 0);
        check_slice(table[i].path, jst_slice(out, (size_t)n), table[i].encoded);
    }
    assert_int_equal(jst_path_encode(out, 3, JST_S("abc")), 3);
    assert_int_equal(jst_path_encode(out, 2, JST_S("abc")), JOIST_E_LIMIT);
    assert_int_equal(jst_path_encode(out, 2, JST_S("%")), JOIST_E_LIMIT);
}

static void
test_url(void **state)
{
    static const struct {
        const char *text;
        const char *scheme;
        const char *host;
        uint16_t port;
        const char *path;
        bool is_ipv6;
    } table[] = {
        {"http://127.0.0.1:3000", "http", "127.0.0.1", 3000, "", false},
        {"HTTP://Example.com", "http", "Example.com", 80, "", false},
        {"https://example.com/base/", "https", "example.com", 443, "/base/", false},
        {"https://[::1]/base", "https", "::1", 443, "/base", true},
        {"https://[2001:db8::1]:8443", "https", "2001:db8::1", 8443, "", true},
        {"h2c://app:50051", "h2c", "app", 50051, "", false},
        {"unix:/run/app.sock", "unix", "", 0, "/run/app.sock", false},
        {"unix:///run/app.sock", "unix", "", 0, "/run/app.sock", false},
    };
    static const char *const malformed[] = {
        "",
        "http",
        "http:",
        "http:/",
        "http://",
        "http:///a",
        "http://:80",
        "http://a:0",
        "http://a:",
        "http://a:65536",
        "http://a:b",
        "http://u@a",
        "http://u:p@a",
        "http://a?b",
        "http://a/b?c",
        "http://a/b#c",
        "http://a#c",
        "http://a b",
        "http://a/b c",
        "http://::1",
        "http://[::1",
        "ftp://a",
        "127.0.0.1:3000",
        "localhost:3000",
        "//a",
        "/a",
        "://a",
        "unix:",
        "unix:/",
        "unix:run/a",
        "unix://run/a",
        "unix:/run/\x01",
        "http://a/\xc3\xa9",
        "unix:/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaa",
    };
    struct jst_url url;

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        if (jst_url_parse(&url, jst_slice_z(table[i].text)) != JOIST_OK) {
            fail_msg("%s refused", table[i].text);
        }
        check_slice(table[i].text, url.scheme, table[i].scheme);
        check_slice(table[i].text, url.host, table[i].host);
        check_slice(table[i].text, url.path, table[i].path);
        assert_int_equal(url.port, table[i].port);
        assert_int_equal(url.is_ipv6, table[i].is_ipv6);
    }
    for (size_t i = 0; i < JST_COUNT(malformed); i++) {
        if (jst_url_parse(&url, jst_slice_z(malformed[i])) != JOIST_E_INVAL) {
            fail_msg("%s accepted", malformed[i]);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_normalize_limits),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_url),
    };

    return cmocka_run_group_tests_name("codec/uri", tests, NULL, NULL);
}
