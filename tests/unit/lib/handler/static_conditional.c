// SPDX-License-Identifier: MIT
/* Conditional requests: RFC 9110 13, in the order of 13.2.2. */
#include "site.h"

#include <time.h>

#include "codec/date.h"

static char etag[128];
static char modified[32], before[32], after[32];

static void
print_date(char out[32], int64_t unix_s)
{
    jst_date_print(out, unix_s);
    out[JST_DATE_BYTES] = '\0';
}

static int
set_up(void **state)
{
    struct site *t = site_begin(state, (struct joist_static_conf){0});
    int64_t modified_s = time(NULL) - 3600;

    site_put(t, "a.txt", "hello");
    site_age(t, "a.txt", modified_s);
    print_date(modified, modified_s);
    print_date(before, modified_s - 1);
    print_date(after, modified_s + 1);
    assert_int_equal(site_get(t, "/a.txt"), 200);
    assert_string_equal(site_field(t, "Last-Modified"), modified);
    snprintf(etag, sizeof(etag), "%s", site_field(t, "ETag"));
    return 0;
}

/* @ stands for the tag, M for Last-Modified, B and A for a second before and after. */
static const char *
fill_in(const char *template)
{
    static char text[1024];
    char *to = text;

    for (; *template != '\0'; template ++) {
        const char *word = *template == '@'   ? etag
                           : *template == '$' ? modified
                           : *template == '<' ? before
                           : *template == '>' ? after
                                              : NULL;

        if (word != NULL) {
            to += snprintf(to, 200, "%s", word);
        } else {
            *to++ = *template;
        }
    }
    *to = '\0';
    return text;
}

static const struct {
    uint16_t status;
    const char *fields; /* @ the tag, $ its date, < and > a second before and after */
} cases[] = {
    /* 13.1.1: If-Match, strong comparison */
    {200, "If-Match: @"},
    {200, "If-Match: *"},
    {200, "If-Match: \"x\", @"},
    {200, "If-Match: \"x\"\nIf-Match: @"},
    {412, "If-Match: \"x\""},
    {412, "If-Match: W/@"},
    {412, "If-Match: "},
    /* 13.1.2: If-None-Match, weak comparison */
    {304, "If-None-Match: @"},
    {304, "If-None-Match: W/@"},
    {304, "If-None-Match: *"},
    {304, "If-None-Match: \"x\", W/\"y\", @"},
    {304, "If-None-Match: \"x\"\nIf-None-Match: @"},
    {200, "If-None-Match: \"x\""},
    {200, "If-None-Match: x"},
    /* 13.1.3: If-Modified-Since */
    {304, "If-Modified-Since: $"},
    {304, "If-Modified-Since: >"},
    {200, "If-Modified-Since: <"},
    {200, "If-Modified-Since: yesterday"},
    {200, "If-Modified-Since: $\nIf-Modified-Since: $"},
    /* 13.1.4: If-Unmodified-Since */
    {200, "If-Unmodified-Since: $"},
    {200, "If-Unmodified-Since: >"},
    {412, "If-Unmodified-Since: <"},
    {200, "If-Unmodified-Since: never"},
    /* 13.2.2: what goes first */
    {200, "If-Match: @\nIf-Unmodified-Since: <"},        /* step 1 over 2 */
    {412, "If-Match: \"x\"\nIf-None-Match: @"},          /* 1 before 3 */
    {304, "If-Match: @\nIf-None-Match: @"},              /* 1, then 3 */
    {412, "If-Unmodified-Since: <\nIf-None-Match: @"},   /* 2 before 3 */
    {200, "If-None-Match: \"x\"\nIf-Modified-Since: >"}, /* 3 over 4 */
    {304, "If-None-Match: @\nIf-Modified-Since: <"},
    {304, "If-None-Match: @\nRange: bytes=0-1"}, /* 3 before 5 */
    {412, "If-Match: \"x\"\nRange: bytes=0-1"},
    /* 13.1.5: If-Range */
    {206, "Range: bytes=0-1\nIf-Range: @"},
    {206, "Range: bytes=0-1\nIf-Range: $"},
    {200, "Range: bytes=0-1\nIf-Range: \"x\""},
    {200, "Range: bytes=0-1\nIf-Range: W/@"}, /* never a weak one */
    {200, "Range: bytes=0-1\nIf-Range: <"},
    {200, "Range: bytes=0-1\nIf-Range: >"}, /* exactly that date */
    {200, "Range: bytes=0-1\nIf-Range: rubbish"},
    {200, "Range: bytes=9-\nIf-Range: \"x\""}, /* ignored before it could be 416 */
    {416, "Range: bytes=9-\nIf-Range: @"},
    {200, "If-Range: \"x\""},
};

static void
test_cases(void **state)
{
    struct site *t = *state;

    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        uint16_t status = site_ask(t, "GET", "/a.txt", fill_in(cases[i].fields));

        if (status != cases[i].status) {
            fail_msg("%s: %u, not %u", cases[i].fields, status, cases[i].status);
        }
    }
}

static void
test_not_modified_says_what_a_cache_needs(void **state)
{
    struct site *t = *state;

    assert_int_equal(site_ask(t, "GET", "/a.txt", fill_in("If-None-Match: @")), 304);
    assert_string_equal(site_field(t, "ETag"), etag);
    assert_null(site_field(t, "Content-Type"));
    assert_null(site_field(t, "Last-Modified"));
    assert_string_equal(t->block, t->head); /* no Content-Length either */
    assert_int_equal(site_ask(t, "HEAD", "/a.txt", fill_in("If-Modified-Since: $")), 304);
}

static void
test_range_is_for_get_alone(void **state)
{
    assert_int_equal(site_ask(*state, "HEAD", "/a.txt", "Range: bytes=0-1"), 200);
}

static void
test_a_date_of_this_second_is_no_strong_validator(void **state)
{
    struct site *t = *state;
    int64_t now_s = jst_loop_wall_us(t->loop) / 1000000;

    site_put(t, "new.txt", "hello");
    site_age(t, "new.txt", now_s);
    print_date(modified, now_s);
    assert_int_equal(site_get(t, "/new.txt"), 200);
    assert_string_equal(site_field(t, "Last-Modified"), modified);
    assert_int_equal(site_ask(t, "GET", "/new.txt", fill_in("Range: bytes=0-1\nIf-Range: $")), 200);
    site_wait(t, 3000);
    assert_int_equal(site_ask(t, "GET", "/new.txt", fill_in("Range: bytes=0-1\nIf-Range: $")), 206);
}

/* RFC 9110 8.8.2.1: no Last-Modified later than the message. */
static void
test_a_date_in_the_future_is_now(void **state)
{
    struct site *t = *state;
    int64_t now_s = jst_loop_wall_us(t->loop) / 1000000;
    int64_t told_s;

    site_put(t, "late.txt", "hello");
    site_age(t, "late.txt", now_s + 86400);
    assert_int_equal(site_get(t, "/late.txt"), 200);
    assert_true(jst_date_parse(&told_s, jst_slice_z(site_field(t, "Last-Modified")), now_s));
    assert_true(told_s <= now_s + 1);
}

/* Reproducible archives give all files the same first second of 1970, and often the same size. */
static void
test_a_date_that_means_nothing(void **state)
{
    struct site *t = *state;
    char tag[128];

    site_put(t, "old.txt", "hello");
    site_age(t, "old.txt", 1);
    assert_int_equal(site_get(t, "/old.txt"), 200);
    assert_null(site_field(t, "Last-Modified"));
    snprintf(tag, sizeof(tag), "%s", site_field(t, "ETag"));
    assert_int_equal(site_ask(t, "GET", "/old.txt", fill_in("If-Modified-Since: >")), 200);
    site_put(t, "old.txt", "world");
    site_age(t, "old.txt", 1);
    site_wait(t, 1001);
    assert_int_equal(site_get(t, "/old.txt"), 200);
    site_expect_body(t, "world");
    assert_string_not_equal(site_field(t, "ETag"), tag);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_cases),
        SITE_TEST(test_not_modified_says_what_a_cache_needs),
        SITE_TEST(test_range_is_for_get_alone),
        SITE_TEST(test_a_date_of_this_second_is_no_strong_validator),
        SITE_TEST(test_a_date_in_the_future_is_now),
        SITE_TEST(test_a_date_that_means_nothing),
    };

    return cmocka_run_group_tests_name("handler/static_conditional", tests, NULL, NULL);
}
