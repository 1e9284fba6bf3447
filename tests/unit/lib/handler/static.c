// SPDX-License-Identifier: MIT
/* What a path leads to, and what each method gets. */
#include "site.h"

#include <unistd.h>

static int
set_up(void **state)
{
    struct site *t = site_begin(state, (struct joist_static_conf){0});

    site_put(t, "index.html", "<p>top");
    site_put(t, "a.txt", "hello");
    site_put(t, "empty.css", "");
    site_put(t, "sub/index.html", "<p>sub");
    site_put(t, "bare/b.txt", "b");
    site_put(t, "page.html", "<p>page");
    site_put(t, ".env", "SECRET=1");
    site_put(t, ".git/config", "secret");
    site_put(t, ".well-known/acme-challenge/x", "token");
    site_put(t, "404.html", "<p>not here");
    site_put(t, "dir.txt/inner", "x");
    return 0;
}

static void
test_a_file(void **state)
{
    struct site *t = *state;

    assert_int_equal(site_get(t, "/a.txt"), 200);
    site_expect_body(t, "hello");
    assert_string_equal(site_field(t, "Content-Type"), "text/plain; charset=utf-8");
    assert_string_equal(site_field(t, "Accept-Ranges"), "bytes");
    assert_int_equal(strlen(site_field(t, "Last-Modified")), 29);
    assert_int_equal(site_field(t, "ETag")[0], '"');
    assert_null(site_field(t, "Vary"));
    assert_null(site_field(t, "Cache-Control"));
    assert_null(site_field(t, "Content-Length")); /* framing is not among the fields */
}

/* The block is what h1 prints: the same fields and the length. */
static void
test_the_block_says_what_the_fields_say(void **state)
{
    struct site *t = *state;
    char expected[4096];

    assert_int_equal(site_get(t, "/a.txt"), 200);
    snprintf(expected, sizeof(expected), "Content-Length: 5\n%s", t->head);
    assert_string_equal(t->block, expected);
}

static void
test_head_sends_no_body(void **state)
{
    struct site *t = *state;
    char etag[128];

    assert_int_equal(site_ask(t, "HEAD", "/a.txt", NULL), 200);
    assert_int_equal(t->length, 5);
    snprintf(etag, sizeof(etag), "%s", site_field(t, "ETag"));
    site_get(t, "/a.txt");
    assert_string_equal(site_field(t, "ETag"), etag);
}

static void
test_an_empty_file(void **state)
{
    struct site *t = *state;

    assert_int_equal(site_get(t, "/empty.css"), 200);
    assert_int_equal(t->length, 0);
    assert_int_equal(site_ask(t, "GET", "/empty.css", "Range: bytes=0-\n"), 200);
}

static void
test_folders(void **state)
{
    struct site *t = *state;

    assert_int_equal(site_get(t, "/"), 200);
    site_expect_body(t, "<p>top");
    assert_int_equal(site_get(t, "/sub/"), 200);
    site_expect_body(t, "<p>sub");
    assert_int_equal(site_get(t, "/sub"), 301);
    assert_string_equal(site_field(t, "Location"), "/sub/");
    assert_int_equal(site_get(t, "/sub?a=1&b=//x"), 301);
    assert_string_equal(site_field(t, "Location"), "/sub/?a=1&b=//x");
    assert_int_equal(site_get(t, "/sub?"), 301);
    assert_string_equal(site_field(t, "Location"), "/sub/?");
    assert_int_equal(site_get(t, "/bare"), 404); /* nothing to be seen there */
    assert_int_equal(site_get(t, "/bare/"), 404);
    assert_int_equal(site_get(t, "/dir.txt"), 404);
}

static void
test_a_file_is_no_folder(void **state)
{
    struct site *t = *state;

    assert_int_equal(site_get(t, "/a.txt/"), 404);
    assert_int_equal(site_get(t, "/a.txt/x"), 404);
    assert_int_equal(site_get(t, "/a.txt//"), 404);
}

/* A path that begins with two slashes would be another host in a Location. */
static void
test_a_redirect_never_names_a_host(void **state)
{
    struct site *t = *state;

    assert_int_equal(site_get(t, "//sub"), 301);
    assert_string_equal(site_field(t, "Location"), "/sub/");
    assert_int_equal(site_get(t, "////sub"), 301);
    assert_string_equal(site_field(t, "Location"), "/sub/");
}

static void
test_methods(void **state)
{
    static const char *const refused[] = {"POST", "PUT", "DELETE", "PATCH", "TRACE", "PURGE"};
    struct site *t = *state;

    for (size_t i = 0; i < JST_COUNT(refused); i++) {
        assert_int_equal(site_ask(t, refused[i], "/a.txt", NULL), 405);
        assert_string_equal(site_field(t, "Allow"), "GET, HEAD, OPTIONS");
    }
    assert_int_equal(site_ask(t, "OPTIONS", "/a.txt", NULL), 204);
    assert_string_equal(site_field(t, "Allow"), "GET, HEAD, OPTIONS");
}

static void
test_dotfiles(void **state)
{
    static const char *const hidden[] = {"/.env",   "/.git/config",    "/.git/", "/.git",
                                         "/sub/.x", "/.well-known/.x", "/."};
    struct site *t = *state;

    for (size_t i = 0; i < JST_COUNT(hidden); i++) {
        assert_int_equal(site_get(t, hidden[i]), 404);
    }
    assert_int_equal(site_get(t, "/.well-known/acme-challenge/x"), 200);
    site_swap(t, (struct joist_static_conf){.dotfiles = true});
    assert_int_equal(site_get(t, "/.env"), 200);
    assert_int_equal(site_get(t, "/.git/config"), 200);
    assert_int_equal(site_get(t, "/sub/../a.txt"), 404); /* dots that move are never a name */
    assert_int_equal(site_get(t, "/./a.txt"), 404);
}

static void
test_index_names(void **state)
{
    static const char *const index[] = {"main.html", "index.html"};
    struct site *t = *state;

    site_put(t, "sub/main.html", "<p>main");
    site_swap(t, (struct joist_static_conf){.index = index, .index_n = 2});
    assert_int_equal(site_get(t, "/sub/"), 200);
    site_expect_body(t, "<p>main");
    assert_int_equal(site_get(t, "/"), 200);
    site_expect_body(t, "<p>top");
}

static void
test_try_files(void **state)
{
    static const char *const spa[] = {"$path", "$path/", "/index.html"};
    static const char *const clean[] = {"$path", "$path.html", "$path/", "=410"};
    static const char *const inner[] = {"/none/$path", "/sub$path", "$path/index.html"};
    struct site *t = *state;

    site_swap(t, (struct joist_static_conf){.try_files = spa, .try_files_n = 3});
    assert_int_equal(site_get(t, "/a.txt"), 200);
    site_expect_body(t, "hello");
    assert_int_equal(site_get(t, "/users/7"), 200);
    site_expect_body(t, "<p>top");
    assert_string_equal(site_field(t, "Content-Type"), "text/html; charset=utf-8");
    assert_int_equal(site_get(t, "/bare/"), 200); /* no index in it: the application's */
    site_expect_body(t, "<p>top");
    assert_int_equal(site_get(t, "/.git/config"), 404);
    site_swap(t, (struct joist_static_conf){.try_files = clean, .try_files_n = 4});
    assert_int_equal(site_get(t, "/page"), 200);
    site_expect_body(t, "<p>page");
    assert_int_equal(site_get(t, "/page/"), 410);
    assert_int_equal(site_get(t, "/nothing"), 410);
    site_swap(t, (struct joist_static_conf){.try_files = inner, .try_files_n = 3});
    assert_int_equal(site_get(t, "/index.html"), 200);
    site_expect_body(t, "<p>sub");
    assert_int_equal(site_get(t, "/"), 200); /* "$path/index.html" */
    site_expect_body(t, "<p>top");
    assert_int_equal(site_get(t, "/a.txt"), 404);
}

static void
test_error_pages(void **state)
{
    static const struct joist_error_page_conf pages[] = {{404, "/404.html"}, {405, "/gone.html"}};
    struct site *t = *state;

    site_swap(t, (struct joist_static_conf){
                     .error_pages = pages, .error_pages_n = 2, .cache_control = "max-age=60"});
    assert_int_equal(site_get(t, "/nothing"), 404);
    site_expect_body(t, "<p>not here");
    assert_string_equal(site_field(t, "Content-Type"), "text/html; charset=utf-8");
    assert_null(site_field(t, "ETag")); /* it is no representation of the path */
    assert_null(site_field(t, "Last-Modified"));
    assert_null(site_field(t, "Cache-Control"));
    assert_int_equal(site_ask(t, "HEAD", "/nothing", NULL), 404);
    assert_int_equal(t->length, strlen("<p>not here"));
    assert_int_equal(site_ask(t, "GET", "/nothing", "If-None-Match: *\nRange: bytes=0-1\n"), 404);
    site_expect_body(t, "<p>not here");
    assert_int_equal(site_ask(t, "POST", "/a.txt", NULL), 405); /* its page is missing */
    assert_string_equal(site_field(t, "Allow"), "GET, HEAD, OPTIONS");
    assert_int_equal(site_get(t, "/404.html"), 200);
}

static void
test_cache_control(void **state)
{
    struct site *t = *state;

    site_swap(t, (struct joist_static_conf){.cache_control = "public, max-age=3600"});
    assert_int_equal(site_get(t, "/a.txt"), 200);
    assert_string_equal(site_field(t, "Cache-Control"), "public, max-age=3600");
    assert_int_equal(site_ask(t, "GET", "/a.txt", "If-None-Match: *\n"), 304);
    assert_string_equal(site_field(t, "Cache-Control"), "public, max-age=3600");
    assert_int_equal(site_get(t, "/nothing"), 404);
    assert_null(site_field(t, "Cache-Control"));
}

static void
test_a_missing_root(void **state)
{
    struct site *t = *state;
    char *away = strdup(site_path(t, "later"));

    assert_non_null(away);
    assert_int_equal(jst_static_root_check(away), JOIST_E_NOTFOUND);
    assert_int_equal(jst_static_root_check(site_path(t, "a.txt")), JOIST_E_INVAL);
    site_swap(t, (struct joist_static_conf){.root = away});
    assert_int_equal(site_get(t, "/x.txt"), 404);
    assert_int_equal(site_get(t, "/y.txt"), 404);
    assert_int_equal(t->events[JST_EVENT_ROOT_MISSING], 1);
    site_put(t, "later/x.txt", "now");
    assert_int_equal(jst_static_root_check(away), JOIST_OK);
    assert_int_equal(site_get(t, "/x.txt"), 404); /* looked for once a second */
    site_wait(t, 1001);
    assert_int_equal(site_get(t, "/x.txt"), 200);
    site_expect_body(t, "now");
    free(away);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_a_file),
        SITE_TEST(test_the_block_says_what_the_fields_say),
        SITE_TEST(test_head_sends_no_body),
        SITE_TEST(test_an_empty_file),
        SITE_TEST(test_folders),
        SITE_TEST(test_a_file_is_no_folder),
        SITE_TEST(test_a_redirect_never_names_a_host),
        SITE_TEST(test_methods),
        SITE_TEST(test_dotfiles),
        SITE_TEST(test_index_names),
        SITE_TEST(test_try_files),
        SITE_TEST(test_error_pages),
        SITE_TEST(test_cache_control),
        SITE_TEST(test_a_missing_root),
    };

    return cmocka_run_group_tests_name("handler/static", tests, NULL, NULL);
}
