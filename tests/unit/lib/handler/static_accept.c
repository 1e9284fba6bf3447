// SPDX-License-Identifier: MIT
/* Compressed siblings and who gets them. */
#include "site.h"

#include <time.h>
#include <unistd.h>

static int
set_up(void **state)
{
    struct site *t = site_begin(state, (struct joist_static_conf){.precompressed = true});

    site_put(t, "all.js", "plain");
    site_put(t, "all.js.gz", "gzip!");
    site_put(t, "all.js.br", "br");
    site_put(t, "all.js.zst", "zstd");
    site_put(t, "gz.css", "plain");
    site_put(t, "gz.css.gz", "gzip!");
    site_put(t, "none.txt", "plain");
    return 0;
}

static const struct {
    const char *accept; /* NULL: no such field */
    const char *all;    /* what all.js comes as; NULL: 406 */
    const char *gz;     /* what gz.css comes as */
} cases[] = {
    {NULL, "", ""},
    {"", "", ""},
    {"gzip", "gzip", "gzip"},
    {"GZip", "gzip", "gzip"},
    {"x-gzip", "gzip", "gzip"},
    {"br", "br", ""},
    {"zstd", "zstd", ""},
    {"gzip, deflate, br, zstd", "zstd", "gzip"},
    {"gzip, deflate, br", "br", "gzip"},
    {"deflate", "", ""},
    {"gzip;q=1, br;q=0.5", "gzip", "gzip"},
    {"gzip;q=0.2, br;q=0.201", "br", "gzip"},
    {"gzip;q=0", "", ""},
    {"gzip;q=0, br", "br", ""},
    {"gzip;q=0.000", "", ""},
    {"*", "zstd", "gzip"},
    {"*;q=0.1, br", "br", "gzip"},
    {"zstd;q=0, *", "br", "gzip"},
    {"identity", "", ""},
    {"identity, gzip", "gzip", "gzip"}, /* equal wishes: the smaller one */
    {"identity, gzip;q=0.9", "", ""},
    {"identity;q=0.5, gzip;q=0.4", "", ""},
    {"identity;q=0, gzip", "gzip", "gzip"},
    {"identity;q=0, br", "br", NULL},
    {"identity;q=0", NULL, NULL},
    {"*;q=0", NULL, NULL},
    {"gzip, *;q=0", "gzip", "gzip"},
    {"br, *;q=0", "br", NULL},
    {"identity, *;q=0", "", ""},
    {"gzip;q=2", "", ""}, /* malformed weights count as a no */
    {"gzip;q=x", "", ""},
    {"gzip;q=0.1234", "", ""},
    {"gzip;q=", "", ""},
    {"gzip ; q=0.5", "gzip", "gzip"},
    {"gzip;level=9;q=0", "", ""},
    {"br\nAccept-Encoding: gzip", "br", "gzip"}, /* one list on two lines */
};

static void
expect_coding(struct site *t, const char *path, const char *accept, const char *coding)
{
    char fields[256] = "";

    if (accept != NULL) {
        snprintf(fields, sizeof(fields), "Accept-Encoding: %s", accept);
    }
    site_ask(t, "GET", path, fields);
    if (coding == NULL) {
        assert_int_equal(t->status, 406);
        assert_string_equal(site_field(t, "Vary"), "Accept-Encoding");
        return;
    }
    assert_int_equal(t->status, 200);
    assert_string_equal(site_field(t, "Vary"), "Accept-Encoding");
    if (coding[0] == '\0') {
        assert_null(site_field(t, "Content-Encoding"));
        site_expect_body(t, "plain");
        return;
    }
    assert_non_null(site_field(t, "Content-Encoding"));
    assert_string_equal(site_field(t, "Content-Encoding"), coding);
    site_expect_body(t, strcmp(coding, "gzip") == 0 ? "gzip!" : coding);
}

static void
test_cases(void **state)
{
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        expect_coding(*state, "/all.js", cases[i].accept, cases[i].all);
        expect_coding(*state, "/gz.css", cases[i].accept, cases[i].gz);
    }
}

static void
test_the_type_is_the_original_s(void **state)
{
    struct site *t = *state;

    site_ask(t, "GET", "/all.js", "Accept-Encoding: gzip");
    assert_string_equal(site_field(t, "Content-Type"), "text/javascript; charset=utf-8");
    assert_int_equal(site_get(t, "/all.js.gz"), 200); /* asked for by its own name */
    assert_string_equal(site_field(t, "Content-Type"), "application/gzip");
    assert_null(site_field(t, "Content-Encoding"));
}

static void
test_tags_differ_by_coding(void **state)
{
    static const char *const accepts[] = {"identity", "gzip", "br", "zstd"};
    char tags[4][128];
    char fields[512];
    struct site *t = *state;

    for (size_t i = 0; i < 4; i++) {
        snprintf(fields, sizeof(fields), "Accept-Encoding: %s", accepts[i]);
        site_ask(t, "GET", "/all.js", fields);
        snprintf(tags[i], sizeof(tags[i]), "%s", site_field(t, "ETag"));
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(tags[i], tags[k]);
        }
    }
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            snprintf(fields, sizeof(fields), "Accept-Encoding: %s\nIf-None-Match: %s", accepts[i],
                     tags[k]);
            assert_int_equal(site_ask(t, "GET", "/all.js", fields), i == k ? 304 : 200);
            assert_string_equal(site_field(t, "Vary"), "Accept-Encoding");
        }
    }
}

static void
test_without_siblings_nothing_varies(void **state)
{
    struct site *t = *state;

    assert_int_equal(site_ask(t, "GET", "/none.txt", "Accept-Encoding: gzip, br"), 200);
    assert_null(site_field(t, "Vary"));
    site_swap(t, (struct joist_static_conf){0});
    assert_int_equal(site_ask(t, "GET", "/all.js", "Accept-Encoding: gzip, identity;q=0"), 200);
    site_expect_body(t, "plain");
    assert_null(site_field(t, "Vary"));
}

static void
test_siblings_come_and_go(void **state)
{
    struct site *t = *state;

    expect_coding(t, "/gz.css", "br, gzip;q=0.5", "gzip");
    site_put(t, "gz.css.br", "br");
    site_wait(t, 1001);
    expect_coding(t, "/gz.css", "br, gzip;q=0.5", "br");
    assert_int_equal(unlink(site_path(t, "gz.css.br")), 0);
    site_wait(t, 1001);
    expect_coding(t, "/gz.css", "br, gzip;q=0.5", "gzip");
}

/* A sibling made from an older version of the file must not be shown in its place. */
static void
test_an_older_sibling_is_left_out(void **state)
{
    struct site *t = *state;

    site_age(t, "gz.css.gz", time(NULL) - 7200);
    assert_int_equal(site_ask(t, "GET", "/gz.css", "Accept-Encoding: gzip"), 200);
    site_expect_body(t, "plain");
    assert_null(site_field(t, "Content-Encoding"));
}

static void
test_ranges_are_of_the_coded_bytes(void **state)
{
    struct site *t = *state;

    assert_int_equal(site_ask(t, "GET", "/gz.css", "Accept-Encoding: gzip\nRange: bytes=1-2"), 206);
    site_expect_body(t, "zi");
    assert_string_equal(site_field(t, "Content-Encoding"), "gzip");
    assert_string_equal(site_field(t, "Content-Range"), "bytes 1-2/5");
}

static void
test_an_error_page_is_sent_as_it_is_taken(void **state)
{
    static const struct joist_error_page_conf pages[] = {{404, "/gz.css"}};
    struct site *t = *state;

    site_swap(t, (struct joist_static_conf){
                     .precompressed = true, .error_pages = pages, .error_pages_n = 1});
    assert_int_equal(site_ask(t, "GET", "/x", "Accept-Encoding: gzip"), 404);
    site_expect_body(t, "gzip!");
    assert_string_equal(site_field(t, "Content-Encoding"), "gzip");
    assert_int_equal(site_ask(t, "GET", "/x", "Accept-Encoding: identity;q=0"), 404);
    site_expect_body(t, "plain");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_cases),
        SITE_TEST(test_the_type_is_the_original_s),
        SITE_TEST(test_tags_differ_by_coding),
        SITE_TEST(test_without_siblings_nothing_varies),
        SITE_TEST(test_siblings_come_and_go),
        SITE_TEST(test_an_older_sibling_is_left_out),
        SITE_TEST(test_ranges_are_of_the_coded_bytes),
        SITE_TEST(test_an_error_page_is_sent_as_it_is_taken),
    };

    return cmocka_run_group_tests_name("handler/static_accept", tests, NULL, NULL);
}
