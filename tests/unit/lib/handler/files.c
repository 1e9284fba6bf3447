// SPDX-License-Identifier: MIT
/* The cache: what it answers from memory, when it looks again, and what it lets go. */
#include "site.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

static int
set_up(void **state)
{
    struct site *t = site_begin(state, (struct joist_static_conf){0});

    site_put(t, "a.txt", "old");
    return 0;
}

static unsigned
count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n;
}

static void
test_answers_from_memory(void **state)
{
    struct site *t = *state;

    assert_int_equal(site_get(t, "/a.txt"), 200);
    assert_int_equal(unlink(site_path(t, "a.txt")), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(site_get(t, "/a.txt"), 200);
        site_expect_body(t, "old");
        site_wait(t, 99);
    }
    assert_int_equal(t->local.stats.static_cache_misses, 1);
    assert_int_equal(t->local.stats.static_cache_hits, 10);
    site_wait(t, 10);
    assert_int_equal(site_get(t, "/a.txt"), 404);
}

static void
test_sees_changes_within_a_second(void **state)
{
    struct site *t = *state;

    site_get(t, "/a.txt");
    site_put(t, "a.txt", "new text");
    site_get(t, "/a.txt");
    site_expect_body(t, "old");
    site_wait(t, 1000);
    site_get(t, "/a.txt");
    site_expect_body(t, "new text");
}

static void
test_sees_a_file_renamed_into_place(void **state)
{
    struct site *t = *state;
    char *from = strdup(site_path(t, "b.txt"));

    assert_non_null(from);
    site_get(t, "/a.txt");
    site_put(t, "b.txt", "new");
    assert_int_equal(rename(from, site_path(t, "a.txt")), 0);
    site_wait(t, 1000);
    site_get(t, "/a.txt");
    site_expect_body(t, "new");
    free(from);
}

/* The same size and the same times, to the nanosecond: only the inode's change tells, or, where
 * that too is the same, that it was read too soon after it. */
static void
test_sees_a_change_that_left_the_times(void **state)
{
    struct site *t = *state;

    site_age(t, "a.txt", 1000000);
    site_get(t, "/a.txt");
    site_put(t, "a.txt", "NEW");
    site_age(t, "a.txt", 1000000);
    site_wait(t, 1000);
    site_get(t, "/a.txt");
    site_expect_body(t, "NEW");
}

static void
test_missing_is_remembered_for_a_second(void **state)
{
    struct site *t = *state;

    assert_int_equal(site_get(t, "/b.txt"), 404);
    site_put(t, "b.txt", "b");
    assert_int_equal(site_get(t, "/b.txt"), 404);
    site_wait(t, 1000);
    assert_int_equal(site_get(t, "/b.txt"), 200);
}

static void
test_a_new_index_page_is_seen(void **state)
{
    static const char *const index[] = {"index.html", "index.htm"};
    struct site *t = *state;

    site_swap(t, (struct joist_static_conf){.index = index, .index_n = 2});
    site_put(t, "d/index.htm", "second");
    site_get(t, "/d/");
    site_expect_body(t, "second");
    site_put(t, "d/index.html", "first");
    site_wait(t, 1000);
    site_get(t, "/d/");
    site_expect_body(t, "first");
}

/* As releases are switched: "current" is a link, and is renamed over. */
static void
test_a_root_that_is_a_link(void **state)
{
    struct site *t = *state;
    char *current = strdup(site_path(t, "current"));
    char *next = strdup(site_path(t, "next"));

    assert_true(current != NULL && next != NULL);
    site_put(t, "v1/x.txt", "one");
    site_put(t, "v2/x.txt", "two");
    assert_int_equal(symlink("v1", current), 0);
    site_swap(t, (struct joist_static_conf){.root = current});
    site_get(t, "/x.txt");
    site_expect_body(t, "one");
    assert_int_equal(symlink("v2", next), 0);
    assert_int_equal(rename(next, current), 0);
    site_wait(t, 1000);
    site_get(t, "/x.txt");
    site_expect_body(t, "two");
    free(current);
    free(next);
}

/* A new configuration with the same words finds what the old one had loaded. */
static void
test_a_swap_keeps_what_is_loaded(void **state)
{
    struct site *t = *state;

    site_get(t, "/a.txt");
    site_swap(t, (struct joist_static_conf){0});
    site_get(t, "/a.txt");
    assert_int_equal(t->local.stats.static_cache_misses, 1);
    site_swap(t, (struct joist_static_conf){.cache_control = "no-cache"});
    site_get(t, "/a.txt");
    assert_string_equal(site_field(t, "Cache-Control"), "no-cache");
    assert_int_equal(t->local.stats.static_cache_misses, 2);
}

/* Those that are used survive any number of others. */
static void
test_bounded_and_fair(void **state)
{
    const struct jst_files *f = ((struct site *)*state)->local.files;
    struct site *t = *state;
    char name[32];

    site_get(t, "/a.txt");
    for (unsigned i = 0; i < 6000; i++) {
        snprintf(name, sizeof(name), "/n%u", i);
        site_put(t, name + 1, "x");
        assert_int_equal(site_get(t, name), 200);
        if (i % 100 == 0) {
            site_get(t, "/a.txt");
        }
        snprintf(name, sizeof(name), "/missing%u", i);
        assert_int_equal(site_get(t, name), 404);
    }
    assert_int_equal(f->found_n, JST_FILES_FOUND_MAX);
    assert_int_equal(f->missed_n, JST_FILES_MISSED_MAX);
    assert_int_equal(t->local.stats.static_cache_misses, 1 + 2 * 6000);
    assert_int_equal(t->local.stats.static_cache_hits, 60);
}

static void
test_bounded_in_bytes(void **state)
{
    static char big[JST_FILES_SMALL_BYTES];
    const struct jst_files *f = ((struct site *)*state)->local.files;
    struct site *t = *state;
    char name[32];

    for (unsigned i = 0; i < 600; i++) {
        snprintf(name, sizeof(name), "/n%u", i);
        site_put_bytes(t, name + 1, big, sizeof(big));
        assert_int_equal(site_get(t, name), 200);
        assert_true(f->bytes <= JST_FILES_BYTES_MAX);
    }
    assert_true(f->bytes > JST_FILES_BYTES_MAX - 2 * sizeof(big));
}

static void
test_bounded_in_descriptors(void **state)
{
    static char big[JST_FILES_SMALL_BYTES + 1];
    const struct jst_files *f = ((struct site *)*state)->local.files;
    unsigned before = count_descriptors();
    struct site *t = *state;
    char name[32];

    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "/n%u", i);
        site_put_bytes(t, name + 1, big, sizeof(big));
        assert_int_equal(site_get(t, name), 200);
    }
    assert_int_equal(f->holding_n, JST_FILES_OPEN_MAX);
    assert_int_equal(count_descriptors(), before + JST_FILES_OPEN_MAX + 1); /* and the root */
    site_wait(t, JST_FILES_SWEEP_MS + 1);
    assert_int_equal(f->holding_n, 0);
    for (int i = 0; i < 7; i++) {
        site_wait(t, JST_FILES_SWEEP_MS);
    }
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(site_get(t, "/n0"), 200);
}

/* A file that is kept open and grows in place: its length is told as it is now. */
static void
test_a_large_file_that_grows(void **state)
{
    static char big[100000];
    struct site *t = *state;
    int fd;

    site_put_bytes(t, "log.bin", big, sizeof(big));
    assert_int_equal(site_get(t, "/log.bin"), 200);
    fd = open(site_path(t, "log.bin"), O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "more", 4), 4);
    close(fd);
    assert_int_equal(site_get(t, "/log.bin"), 200);
    assert_int_equal(t->body_n, sizeof(big) + 4);
    assert_int_equal(truncate(site_path(t, "log.bin"), 10), 0);
    assert_int_equal(site_get(t, "/log.bin"), 200);
    assert_int_equal(t->body_n, 10);
}

/* What is being sent lives on when the cache lets it go. */
static struct jst_chain kept;

static void
keep_data(struct jst_sink *s, struct jst_chain *move)
{
    (void)s;
    jst_chain_join(&kept, move);
}

static void
keep_head(struct jst_sink *s, const struct jst_head *head)
{
    (void)s;
    (void)head;
}

static void
keep_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    (void)s;
    (void)trailers;
}

static void
test_a_body_outlives_its_entry(void **state)
{
    static const struct jst_sink_ops ops = {keep_head, keep_data, keep_end, NULL};
    struct site *t = *state;
    struct jst_sink sink = {&ops};
    struct jst_stream s = {.response = &sink, .local = &t->local};
    char text[8] = "";

    s.req.method = JST_METHOD_GET;
    t->handler->ops->serve(t->handler, &s, JST_S("/a.txt"), JST_S("/a.txt"));
    site_put(t, "a.txt", "changed");
    site_wait(t, 1000);
    assert_int_equal(site_get(t, "/a.txt"), 200);
    site_expect_body(t, "changed");
    assert_int_equal(jst_chain_peek(&kept, text, sizeof(text)), 3);
    assert_string_equal(text, "old");
    jst_chain_clear(&kept);
}

static void
test_unreadable(void **state)
{
    struct site *t = *state;
    bool is_root = geteuid() == 0;

    site_put(t, "locked.txt", "x");
    site_put(t, "closed/x.txt", "x");
    site_put(t, "gz.css", "plain");
    site_put(t, "gz.css.gz", "gzip");
    assert_int_equal(chmod(site_path(t, "locked.txt"), 0), 0);
    assert_int_equal(chmod(site_path(t, "closed"), 0), 0);
    assert_int_equal(chmod(site_path(t, "gz.css.gz"), 0), 0);
    if (is_root) { /* to whom all is readable */
        assert_int_equal(seteuid(65534), 0);
    }
    assert_int_equal(site_get(t, "/locked.txt"), 403);
    assert_int_equal(site_get(t, "/locked.txt"), 403);
    assert_int_equal(t->events[JST_EVENT_FILE_UNREADABLE], 1);
    assert_int_equal(site_get(t, "/closed/x.txt"), 403);
    assert_int_equal(t->events[JST_EVENT_FILE_UNREADABLE], 2);
    site_wait(t, 1000);
    assert_int_equal(site_get(t, "/locked.txt"), 403);
    site_swap(t, (struct joist_static_conf){.precompressed = true});
    assert_int_equal(site_ask(t, "GET", "/gz.css", "Accept-Encoding: gzip"), 200);
    site_expect_body(t, "plain");
    if (is_root) {
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(chmod(site_path(t, "locked.txt"), 0644), 0);
    site_wait(t, 1000);
    assert_int_equal(site_get(t, "/locked.txt"), 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_answers_from_memory),
        SITE_TEST(test_sees_changes_within_a_second),
        SITE_TEST(test_sees_a_file_renamed_into_place),
        SITE_TEST(test_sees_a_change_that_left_the_times),
        SITE_TEST(test_missing_is_remembered_for_a_second),
        SITE_TEST(test_a_new_index_page_is_seen),
        SITE_TEST(test_a_root_that_is_a_link),
        SITE_TEST(test_a_swap_keeps_what_is_loaded),
        SITE_TEST(test_bounded_and_fair),
        SITE_TEST(test_bounded_in_bytes),
        SITE_TEST(test_bounded_in_descriptors),
        SITE_TEST(test_a_large_file_that_grows),
        SITE_TEST(test_a_body_outlives_its_entry),
        SITE_TEST(test_unreadable),
    };

    return cmocka_run_group_tests_name("handler/files", tests, NULL, NULL);
}
