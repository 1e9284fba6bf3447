// SPDX-License-Identifier: MIT
/* One range and several, of small files (in memory) and large ones (sent from the file). */
#include "site.h"

#include <unistd.h>

#define LARGE_BYTES 300000u

static char large[LARGE_BYTES];

static int
set_up(void **state)
{
    struct site *t = site_begin(state, (struct joist_static_conf){0});

    for (size_t i = 0; i < LARGE_BYTES; i++) {
        large[i] = (char)('a' + i * i % 26);
    }
    site_put(t, "small.txt", "0123456789");
    site_put_bytes(t, "large.bin", large, LARGE_BYTES);
    return 0;
}

static const struct {
    const char *range;
    uint16_t status;
    const char *content_range;
    const char *body;
} cases[] = {
    {"bytes=0-0", 206, "bytes 0-0/10", "0"},
    {"bytes=2-4", 206, "bytes 2-4/10", "234"},
    {"bytes=7-", 206, "bytes 7-9/10", "789"},
    {"bytes=-3", 206, "bytes 7-9/10", "789"},
    {"bytes=5-99", 206, "bytes 5-9/10", "56789"},
    {"bytes=-99", 206, "bytes 0-9/10", "0123456789"},
    {"BYTES=1-1", 206, "bytes 1-1/10", "1"},
    {"bytes=2-3,4-5", 206, "bytes 2-5/10", "2345"}, /* they touch */
    {"bytes=2-5,3-9", 206, "bytes 2-9/10", "23456789"},
    {"bytes=1-1,20-30", 206, "bytes 1-1/10", "1"},
    {"bytes=10-", 416, "bytes */10", NULL},
    {"bytes=20-30,40-", 416, "bytes */10", NULL},
    {"bytes=-0", 416, "bytes */10", NULL},
    {"bytes=4-2", 200, NULL, "0123456789"},
    {"bytes=x", 200, NULL, "0123456789"},
    {"bytes", 200, NULL, "0123456789"},
    {"bytes=", 200, NULL, "0123456789"},
    {"lines=0-1", 200, NULL, "0123456789"},
    {"bytes=0-1\nRange: bytes=3-4", 200, NULL, "0123456789"}, /* repeated: no value at all */
};

static void
test_one_range(void **state)
{
    struct site *t = *state;
    char fields[128];

    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        snprintf(fields, sizeof(fields), "Range: %s", cases[i].range);
        if (site_ask(t, "GET", "/small.txt", fields) != cases[i].status) {
            fail_msg("%s: %u", cases[i].range, t->status);
        }
        if (cases[i].content_range == NULL) {
            assert_null(site_field(t, "Content-Range"));
        } else {
            assert_string_equal(site_field(t, "Content-Range"), cases[i].content_range);
        }
        if (cases[i].body != NULL) {
            site_expect_body(t, cases[i].body);
            assert_non_null(site_field(t, "ETag"));
            assert_non_null(site_field(t, "Last-Modified"));
        }
    }
}

static void
test_a_large_file(void **state)
{
    struct site *t = *state;

    assert_int_equal(site_get(t, "/large.bin"), 200);
    assert_int_equal(t->body_n, LARGE_BYTES);
    assert_memory_equal(t->body, large, LARGE_BYTES);
    assert_int_equal(site_ask(t, "GET", "/large.bin", "Range: bytes=1000-250999"), 206);
    assert_int_equal(t->body_n, 250000);
    assert_memory_equal(t->body, large + 1000, t->body_n);
}

/* Take multipart/byteranges apart as a client would, and hold each part to the file. */
static unsigned
check_multipart(struct site *t, const char *file, size_t file_n)
{
    char delimiter[128];
    const char *type = site_field(t, "Content-Type");
    const char *p = t->body;
    unsigned parts = 0;
    size_t n;

    assert_memory_equal(type, "multipart/byteranges; boundary=", 31);
    n = (size_t)snprintf(delimiter, sizeof(delimiter), "\r\n--%s", type + 31);
    assert_null(site_field(t, "Content-Range"));
    assert_true(t->body_n > n);
    for (;;) {
        size_t first, last, size;

        assert_memory_equal(p, delimiter, n);
        p += n;
        if (memcmp(p, "--\r\n", 4) == 0) {
            assert_ptr_equal(p + 4, t->body + t->body_n);
            return parts;
        }
        assert_memory_equal(p, "\r\nContent-Type: ", 16);
        p = strstr(p + 2, "\r\n");
        assert_int_equal(
            sscanf(p, "\r\nContent-Range: bytes %zu-%zu/%zu\r\n", &first, &last, &size), 3);
        assert_int_equal(size, file_n);
        p = strstr(p, "\r\n\r\n") + 4;
        assert_memory_equal(p, file + first, last - first + 1);
        p += last - first + 1;
        parts++;
    }
}

static void
test_several_ranges(void **state)
{
    struct site *t = *state;

    assert_int_equal(site_ask(t, "GET", "/small.txt", "Range: bytes=0-1, 4-5, -1"), 206);
    assert_int_equal(check_multipart(t, "0123456789", 10), 3);
    assert_int_equal(site_ask(t, "GET", "/small.txt", "Range: bytes=8-9,0-1"), 206);
    assert_int_equal(check_multipart(t, "0123456789", 10), 2); /* in the order asked for */
    assert_int_equal(site_ask(t, "GET", "/large.bin", "Range: bytes=0-99999,150000-150000,-100000"),
                     206);
    assert_int_equal(check_multipart(t, large, LARGE_BYTES), 3);
}

/* As many as allowed, and one more: then the whole file, not an amplified answer. */
static void
test_too_many_ranges(void **state)
{
    struct site *t = *state;
    char fields[4096] = "Range: bytes=0-0";
    size_t n = strlen(fields);

    for (unsigned i = 1; i < JST_RANGES_MAX; i++) {
        n += (size_t)snprintf(fields + n, sizeof(fields) - n, ",%u-%u", i * 10, i * 10);
    }
    assert_int_equal(site_ask(t, "GET", "/large.bin", fields), 206);
    assert_int_equal(check_multipart(t, large, LARGE_BYTES), JST_RANGES_MAX);
    snprintf(fields + n, sizeof(fields) - n, ",9999-9999");
    assert_int_equal(site_ask(t, "GET", "/large.bin", fields), 200);
    assert_int_equal(t->body_n, LARGE_BYTES);
}

/* Up to 64 KiB contents are kept in memory; a byte more, and the descriptor is. */
static void
test_around_the_limit_of_small(void **state)
{
    struct site *t = *state;

    for (size_t n = JST_FILES_SMALL_BYTES - 1; n <= JST_FILES_SMALL_BYTES + 1; n++) {
        char name[32];

        snprintf(name, sizeof(name), "/f%zu", n);
        site_put_bytes(t, name + 1, large, n);
        assert_int_equal(site_get(t, name), 200);
        assert_int_equal(t->body_n, n);
        assert_memory_equal(t->body, large, n);
    }
    assert_int_equal(t->local.files->holding_n, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_one_range),
        SITE_TEST(test_a_large_file),
        SITE_TEST(test_several_ranges),
        SITE_TEST(test_too_many_ranges),
        SITE_TEST(test_around_the_limit_of_small),
    };

    return cmocka_run_group_tests_name("handler/static_ranges", tests, NULL, NULL);
}
