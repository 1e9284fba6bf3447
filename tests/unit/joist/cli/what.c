// SPDX-License-Identifier: MIT
#include "cli/what.h"
#include "cli/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static void
test_tokens(void **state)
{
    static const struct {
        const char *word;
        enum jst_token token;
    } rows[] = {
        {"joist.toml", JST_TOKEN_TOML},
        {"nowhere/x.toml", JST_TOKEN_TOML},
        {"/", JST_TOKEN_FOLDER},
        {".", JST_TOKEN_FOLDER},
        {"/etc/", JST_TOKEN_FOLDER},
        {"/etc/passwd", JST_TOKEN_NO_TOML},
        {"http://127.0.0.1:3000", JST_TOKEN_ORIGIN},
        {"https://example.com/base", JST_TOKEN_ORIGIN},
        {"h2c://127.0.0.1:50051", JST_TOKEN_ORIGIN},
        {"unix:/run/app.sock", JST_TOKEN_ORIGIN},
        {":3000", JST_TOKEN_ORIGIN},
        {"localhost:3000", JST_TOKEN_ORIGIN},
        {"app:3000", JST_TOKEN_ORIGIN},
        {"10.0.0.1:80", JST_TOKEN_ORIGIN},
        {"[::1]:3000", JST_TOKEN_ORIGIN},
        {"[::g]:3000", JST_TOKEN_UNKNOWN},
        {"ftp://example.com", JST_TOKEN_BAD_URL},
        {"://", JST_TOKEN_BAD_URL},
        {"443", JST_TOKEN_HTTPS_PORT},
        {"1", JST_TOKEN_HTTPS_PORT},
        {"65535", JST_TOKEN_HTTPS_PORT},
        {"https:8443", JST_TOKEN_HTTPS_PORT},
        {"http:80", JST_TOKEN_HTTP_PORT},
        {"0", JST_TOKEN_BAD_PORT},
        {"65536", JST_TOKEN_BAD_PORT},
        {"100000", JST_TOKEN_BAD_PORT},
        {"99999999999999999999", JST_TOKEN_BAD_PORT},
        {":0", JST_TOKEN_BAD_PORT},
        {"localhost:65536", JST_TOKEN_BAD_PORT},
        {"http:", JST_TOKEN_BAD_PORT},
        {"http:-1", JST_TOKEN_BAD_PORT},
        {"https:8443x", JST_TOKEN_BAD_PORT},
        {"example.com", JST_TOKEN_HOSTS},
        {"example.com,www.example.com", JST_TOKEN_HOSTS},
        {"*.example.com", JST_TOKEN_HOSTS},
        {"localhost", JST_TOKEN_HOSTS},
        {"localhost,a.test", JST_TOKEN_HOSTS},
        {"192.0.2.7", JST_TOKEN_HOSTS},
        {"xn--bcher-kva.example", JST_TOKEN_HOSTS},
        {"192.0.2.700", JST_TOKEN_UNKNOWN},
        {"a.1", JST_TOKEN_UNKNOWN},
        {"example.com,", JST_TOKEN_UNKNOWN},
        {",example.com", JST_TOKEN_UNKNOWN},
        {"a.test,,b.test", JST_TOKEN_UNKNOWN},
        {"a.test,b", JST_TOKEN_UNKNOWN},
        {"*", JST_TOKEN_UNKNOWN},
        {"*.*.test", JST_TOKEN_UNKNOWN},
        {"-a.test", JST_TOKEN_UNKNOWN},
        {"a-.test", JST_TOKEN_UNKNOWN},
        {"a..test", JST_TOKEN_UNKNOWN},
        {"a.test.", JST_TOKEN_UNKNOWN},
        {"word", JST_TOKEN_UNKNOWN},
        {"", JST_TOKEN_UNKNOWN},
        {"./nowhere", JST_TOKEN_UNKNOWN},
        {"nowhere/at/all", JST_TOKEN_UNKNOWN},
        {"other.conf", JST_TOKEN_UNKNOWN},
        {"w:half", JST_TOKEN_APP},
        {"c:1", JST_TOKEN_APP},
        {"r:10000,3600s,10r", JST_TOKEN_APP},
        {"app.js", JST_TOKEN_APP},
        {"server.ts", JST_TOKEN_APP},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(rows); i++) {
        if (jst_token_of(rows[i].word) != rows[i].token) {
            fail_msg("'%s' is %d, not %d", rows[i].word, (int)jst_token_of(rows[i].word),
                     (int)rows[i].token);
        }
    }
}

static void
test_ports(void **state)
{
    (void)state;
    assert_int_equal(jst_token_port(JST_S("1")), 1);
    assert_int_equal(jst_token_port(JST_S("0443")), 443);
    assert_int_equal(jst_token_port(JST_S("65535")), 65535);
    assert_int_equal(jst_token_port(JST_S("65536")), 0);
    assert_int_equal(jst_token_port(JST_S("4294967297")), 0);
    assert_int_equal(jst_token_port(JST_S("99999999999999999999999999")), 0);
    assert_int_equal(jst_token_port(JST_S("")), 0);
    assert_int_equal(jst_token_port(JST_S("+1")), 0);
    assert_int_equal(jst_token_port(JST_S("80x")), 0);
}

static void
test_urls(void **state)
{
    struct jst_arena arena;

    (void)state;
    jst_arena_init(&arena);
    assert_string_equal(jst_token_url(&arena, ":3000"), "http://localhost:3000");
    assert_string_equal(jst_token_url(&arena, "[::1]:3000"), "http://[::1]:3000");
    assert_string_equal(jst_token_url(&arena, "app:80"), "http://app:80");
    assert_string_equal(jst_token_url(&arena, "https://a.test/x"), "https://a.test/x");
    assert_string_equal(jst_token_url(&arena, "unix:/run/3000:3000"), "unix:/run/3000:3000");
    jst_arena_fini(&arena);
}

static void
test_cert_fits(void **state)
{
    static const char *const both[] = {"localhost", "::1"};
    static const char *const upper[] = {"LOCALHOST"};
    static const char *const part[] = {"local"};
    int64_t now = time(NULL);
    struct joist_cert_info info = {.not_before_s = now - 10,
                                   .not_after_s = now + 30 * 86400,
                                   .names = "localhost, 127.0.0.1, ::1"};

    (void)state;
    assert_true(jst_cert_fits(&info, both, 2));
    assert_true(jst_cert_fits(&info, upper, 1));
    assert_true(jst_cert_fits(&info, NULL, 0));
    assert_false(jst_cert_fits(&info, part, 1));
    info.not_after_s = now + 3 * 86400;
    assert_false(jst_cert_fits(&info, both, 2));
    info.not_after_s = now + 30 * 86400;
    info.not_before_s = now + 60;
    assert_false(jst_cert_fits(&info, both, 2));
}

/* The ports as the engine is told them, before any is tried. */
static void
check_plan(struct jst_what w, const char *first, const char *last, size_t n, uint16_t leads_to)
{
    struct jst_plan p;

    assert_int_equal(jst_plan_init(&p, &w), JST_EXIT_OK);
    jst_plan_listeners(&p);
    assert_int_equal(p.conf.listeners_n, n);
    assert_string_equal(p.listeners[0].bind, first);
    assert_string_equal(p.listeners[n - 1].bind, last);
    assert_int_equal(p.listeners[n - 1].https_port, leads_to);
    jst_plan_fini(&p);
}

static void
test_listeners(void **state)
{
    (void)state;
    check_plan((struct jst_what){.redirect = true}, "127.0.0.1:443", "[::1]:80", 4, 443);
    check_plan((struct jst_what){.redirect = false}, "127.0.0.1:443", "[::1]:443", 2, 0);
    check_plan((struct jst_what){.redirect = true, .everywhere = true}, ":443", ":80", 2, 443);
    check_plan((struct jst_what){.redirect = true, .http_port = 8080}, "127.0.0.1:8080",
               "[::1]:8080", 2, 0);
    check_plan((struct jst_what){.redirect = true, .https_port = 80, .everywhere = true}, ":80",
               ":5000", 2, 80);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),    cmocka_unit_test(test_ports),
        cmocka_unit_test(test_urls),      cmocka_unit_test(test_cert_fits),
        cmocka_unit_test(test_listeners),
    };

    return cmocka_run_group_tests_name("cli/what", tests, NULL, NULL);
}
