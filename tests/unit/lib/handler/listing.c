// SPDX-License-Identifier: MIT
/* The page that shows a folder. */
#include "site.h"

#include <time.h>
#include <unistd.h>

static int
set_up(void **state)
{
    site_begin(state, (struct joist_static_conf){.listing = true});
    return 0;
}

static const char *
page(struct site *t, const char *path)
{
    assert_int_equal(site_get(t, path), 200);
    assert_string_equal(site_field(t, "Content-Type"), "text/html; charset=utf-8");
    t->body[t->body_n] = '\0';
    return t->body;
}

static void
expect_order(const char *text, const char *const *pieces, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *at = strstr(text, pieces[i]);

        if (at == NULL) {
            fail_msg("%s is missing or out of order", pieces[i]);
        }
        text = at + strlen(pieces[i]);
    }
}

static void
test_folders_first_and_as_people_count(void **state)
{
    static const char *const order[] = {">alpha<",     ">Zebra<",       ">file1.txt<",
                                        ">File2.txt<", ">file010.txt<", ">file10.txt<",
                                        ">zz.txt<"};
    struct site *t = *state;

    site_put(t, "d/zz.txt", "x");
    site_put(t, "d/file10.txt", "x");
    site_put(t, "d/file010.txt", "x");
    site_put(t, "d/file1.txt", "x");
    site_put(t, "d/File2.txt", "x");
    site_put(t, "d/Zebra/x", "x");
    site_put(t, "d/alpha/x", "x");
    page(t, "/d/");
    expect_order(t->body, order, JST_COUNT(order));
}

static void
test_sizes_and_dates(void **state)
{
    static char bytes[200000];
    struct site *t = *state;

    site_put_bytes(t, "a", bytes, 0);
    site_put_bytes(t, "b", bytes, 1023);
    site_put_bytes(t, "c", bytes, 1536);
    site_put_bytes(t, "d", bytes, 200000);
    site_age(t, "d", 1732110481);
    page(t, "/");
    assert_non_null(strstr(t->body, "<td>0 B</td>"));
    assert_non_null(strstr(t->body, "<td>1023 B</td>"));
    assert_non_null(strstr(t->body, "<td>1.5 KiB</td>"));
    assert_non_null(strstr(t->body, "<td>195 KiB</td>"));
    assert_non_null(
        strstr(t->body, "<time datetime=\"2024-11-20T13:48:01Z\">2024-11-20 13:48</time>"));
    assert_non_null(strstr(t->body, "<p>4 files, 197 KiB</p>"));
    assert_null(strstr(t->body, "Parent folder"));
}

static void
test_names_are_escaped(void **state)
{
    static const struct {
        const char *name;
        const char *href;
        const char *text;
    } cases[] = {
        {"<script>alert(1)<", "./%3Cscript%3Ealert(1)%3C", "&lt;script&gt;alert(1)&lt;"},
        {"a&b", "./a&amp;b", "a&amp;b"},
        {"\"quoted\"", "./%22quoted%22", "&quot;quoted&quot;"},
        {"it's", "./it&#39;s", "it&#39;s"},
        {"a b#c?d%e", "./a%20b%23c%3Fd%25e", "a b#c?d%e"},
        {"javascript:alert(1)", "./javascript:alert(1)", "javascript:alert(1)"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "./%C3%A4%E2%82%AC%F0%9F%98%80",
         "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"bad\xff\xc3", "./bad%FF%C3", "bad\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x82", "./%E2%82", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "./%ED%A0%80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };
    struct site *t = *state;

    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        site_put(t, cases[i].name, "x");
    }
    page(t, "/");
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        char row[256];

        snprintf(row, sizeof(row), "<td><a href=\"%s\">%s</a></td>", cases[i].href, cases[i].text);
        if (strstr(t->body, row) == NULL) {
            fail_msg("no %s", row);
        }
    }
    assert_null(strstr(t->body, "<script"));
}

/* What a request cannot name is not shown: it would be a dead link. */
static void
test_what_is_not_shown(void **state)
{
    struct site *t = *state;

    site_put(t, ".hidden", "x");
    site_put(t, "new\nline", "x");
    site_put(t, "back\\slash", "x");
    site_put(t, "shown", "x");
    page(t, "/");
    assert_non_null(strstr(t->body, ">shown<"));
    assert_non_null(strstr(t->body, "<p>1 file, 1 B</p>"));
    site_swap(t, (struct joist_static_conf){.listing = true, .dotfiles = true});
    page(t, "/");
    assert_non_null(strstr(t->body, ">.hidden<"));
}

static void
test_breadcrumb_is_relative(void **state)
{
    static const char *const crumbs[] = {"<a href=\"../../../\">Index</a><i>/</i>",
                                         "<a href=\"../../\">a&amp;b</a>", "<a href=\"../\">c</a>",
                                         "<b aria-current=\"page\">d</b>"};
    struct site *t = *state;

    site_put(t, "a&b/c/d/x", "x");
    page(t, "/a&b/c/d/");
    expect_order(t->body, crumbs, JST_COUNT(crumbs));
    assert_non_null(strstr(t->body, "<title>Index of /a&amp;b/c/d/</title>"));
    assert_non_null(strstr(t->body, "<a href=\"../\">Parent folder</a>"));
    assert_int_equal(site_get(t, "/a&b/c"), 301);
}

static void
test_no_validators_and_no_scripts(void **state)
{
    struct site *t = *state;

    page(t, "/");
    assert_non_null(strstr(t->body, "This folder is empty."));
    assert_null(site_field(t, "ETag"));
    assert_null(site_field(t, "Last-Modified"));
    assert_null(site_field(t, "Accept-Ranges"));
    assert_non_null(site_field(t, "Content-Security-Policy"));
    assert_int_equal(site_ask(t, "GET", "/", "If-None-Match: *\nRange: bytes=0-1"), 200);
    assert_int_equal(site_ask(t, "HEAD", "/", NULL), 200);
    assert_null(strstr(t->body, "http://www.example"));
}

static void
test_an_index_goes_first(void **state)
{
    struct site *t = *state;

    site_put(t, "d/index.html", "<p>mine");
    assert_int_equal(site_get(t, "/d/"), 200);
    site_expect_body(t, "<p>mine");
}

/* Shown anew after a second, though a file that grows leaves its folder as it was. */
static void
test_sees_changes(void **state)
{
    struct site *t = *state;

    site_put(t, "d/x", "x");
    page(t, "/d/");
    assert_non_null(strstr(t->body, "<td>1 B</td>"));
    site_put(t, "d/x", "xxxx");
    site_wait(t, 1000);
    page(t, "/d/");
    assert_non_null(strstr(t->body, "<td>4 B</td>"));
}

/* Large pages go out like large files; beyond a bound, the page says that there is more. */
static void
test_many_entries(void **state)
{
    struct site *t = *state;
    char name[64];

    for (unsigned i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "d/file-number-%u.txt", i);
        site_put(t, name, "");
    }
    page(t, "/d/");
    assert_true(t->body_n > JST_STREAM_WINDOW_BYTES);
    assert_int_equal(t->local.files->holding_n, 1);
    assert_non_null(strstr(t->body, "<p>2000 files, 0 B</p>"));
    assert_non_null(strstr(t->body, "file-number-1999.txt</a>"));
    assert_int_equal(memcmp(t->body + t->body_n - 8, "</html>\n", 8), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_folders_first_and_as_people_count),
        SITE_TEST(test_sizes_and_dates),
        SITE_TEST(test_names_are_escaped),
        SITE_TEST(test_what_is_not_shown),
        SITE_TEST(test_breadcrumb_is_relative),
        SITE_TEST(test_no_validators_and_no_scripts),
        SITE_TEST(test_an_index_goes_first),
        SITE_TEST(test_sees_changes),
        SITE_TEST(test_many_entries),
    };

    return cmocka_run_group_tests_name("handler/listing", tests, NULL, NULL);
}
