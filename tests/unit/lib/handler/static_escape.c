// SPDX-License-Identifier: MIT
/* Nothing outside the root is ever sent, whatever the path, whatever the links. */
#include "site.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
set_up(void **state)
{
    struct site *t = site_begin(state, (struct joist_static_conf){0});
    char *www;

    site_put(t, "secret.txt", "SECRET");
    site_put(t, "www/a.txt", "inside");
    site_put(t, "www/sub/b.txt", "inside");
    site_put(t, "www-other/c.txt", "SECRET");
    www = strdup(site_path(t, "www"));
    assert_non_null(www);
    site_swap(t, (struct joist_static_conf){.root = www, .dotfiles = true, .listing = true});
    free(www);
    return 0;
}

static void
expect_nothing_of(struct site *t, const char *path)
{
    uint16_t status = site_get(t, path);

    if (status != 404 || memmem(t->body, t->body_n, "SECRET", 6) != NULL) {
        fail_msg("%s: %u", path, status);
    }
}

static void
test_paths(void **state)
{
    static const char *const paths[] = {
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/sub/../a.txt", /* the engine would have made "/a.txt" of it; here it is refused */
        "/..",
        "/.",
        "/./a.txt",
        "//../secret.txt",
        "/%2e%2e/secret.txt", /* decoded once, not twice */
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/sub%2fb.txt",
        "/..\\secret.txt",
        "/a.txt%00.png",
        "/../www-other/c.txt",
        "../secret.txt",
        "secret.txt",
        "",
        "*",
        "/proc/self/environ",
        "//etc/passwd",
        "///etc/passwd",
        "/~root/",
    };

    for (size_t i = 0; i < JST_COUNT(paths); i++) {
        expect_nothing_of(*state, paths[i]);
    }
}

static void
test_a_nul_in_the_path(void **state)
{
    static const char path[] = "/a.txt\0.png";
    struct site *t = *state;

    site_get(t, "/a.txt");
    t->heads = t->ends = 0;
    t->body_n = 0;
    t->handler->ops->serve(t->handler, &t->stream, jst_slice(path, sizeof(path) - 1),
                           jst_slice(path, sizeof(path) - 1));
    assert_int_equal(t->status, 404);
}

static void
test_links(void **state)
{
    struct site *t = *state;
    char *outside = strdup(site_path(t, "secret.txt"));
    char *inside = strdup(site_path(t, "www/a.txt"));
    static const struct {
        const char *name;
        const char *to;
        bool leads_inside;
    } links[] = {
        {"www/ok", "a.txt", true},
        {"www/sub/up", "../a.txt", true},
        {"www/folder", "sub", true},
        {"www/out", "../secret.txt", false},
        {"www/sub/out", "../../secret.txt", false},
        {"www/parent", "..", false},
        {"www/other", "../www-other", false},
        {"www/passwd", "/etc/passwd", false},
        {"www/magic", "/proc/self/root/etc/passwd", false},
        {"www/loop", "loop", false},
        {"www/dangling", "nowhere", false},
        {"www/a.css.gz", "../secret.txt", false},
        {"www/index.html", "../secret.txt", false},
    };

    assert_true(outside != NULL && inside != NULL);
    for (size_t i = 0; i < JST_COUNT(links); i++) {
        assert_int_equal(symlink(links[i].to, site_path(t, links[i].name)), 0);
    }
    assert_int_equal(symlink(outside, site_path(t, "www/absolute")), 0);
    assert_int_equal(symlink(inside, site_path(t, "www/absolute_inside")), 0);
    for (size_t i = 0; i < JST_COUNT(links); i++) {
        const char *path = links[i].name + strlen("www");

        if (!links[i].leads_inside) {
            expect_nothing_of(t, path);
        } else if (strcmp(path, "/folder") != 0) {
            assert_int_equal(site_get(t, path), 200);
            site_expect_body(t, "inside");
        }
    }
    assert_int_equal(site_get(t, "/folder/b.txt"), 200);
    assert_int_equal(site_get(t, "/folder"), 301);
    expect_nothing_of(t, "/parent/secret.txt");
    expect_nothing_of(t, "/parent/");
    expect_nothing_of(t, "/other/c.txt");
    expect_nothing_of(t, "/other/");
    expect_nothing_of(t, "/absolute");
    expect_nothing_of(t, "/absolute_inside");
    /* An index that leads out is none; the listing does not show what cannot be fetched. */
    assert_int_equal(site_get(t, "/"), 200);
    assert_non_null(memmem(t->body, t->body_n, ">ok<", 4));
    assert_null(memmem(t->body, t->body_n, ">out<", 5));
    assert_null(memmem(t->body, t->body_n, ">parent<", 8));
    assert_null(memmem(t->body, t->body_n, ">absolute<", 10));
    free(outside);
    free(inside);
}

static void
test_compressed_siblings_do_not_lead_out(void **state)
{
    struct site *t = *state;
    char *www = strdup(site_path(t, "www"));

    assert_non_null(www);
    assert_int_equal(symlink("../secret.txt", site_path(t, "www/a.txt.gz")), 0);
    site_swap(t, (struct joist_static_conf){.root = www, .precompressed = true});
    assert_int_equal(site_ask(t, "GET", "/a.txt", "Accept-Encoding: gzip"), 200);
    site_expect_body(t, "inside");
    free(www);
}

static void
test_only_regular_files(void **state)
{
    struct site *t = *state;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(mkfifo(site_path(t, "www/fifo"), 0644), 0);
    assert_int_equal(mkfifo(site_path(t, "www/fifo.html"), 0644), 0);
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", site_path(t, "www/sock"));
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    expect_nothing_of(t, "/fifo"); /* and does not wait for a writer */
    expect_nothing_of(t, "/sock");
    if (mknod(site_path(t, "www/zero"), S_IFCHR | 0644, (1 << 8) | 5) == 0) {
        expect_nothing_of(t, "/zero");
    }
    assert_int_equal(site_get(t, "/"), 200);
    assert_null(memmem(t->body, t->body_n, "fifo", 4));
    assert_null(memmem(t->body, t->body_n, "sock", 4));
    close(fd);
}

static void
test_long_paths(void **state)
{
    struct site *t = *state;
    char *path = malloc(10000);

    assert_non_null(path);
    for (size_t n = 250; n < 9000; n += n < 300 ? 1 : 97) {
        memset(path, 'x', n);
        path[0] = '/';
        path[n] = '\0';
        expect_nothing_of(t, path);
        for (size_t i = 0; i < n; i++) {
            path[i] = "/a"[i % 2];
        }
        expect_nothing_of(t, path);
    }
    for (size_t n = PATH_MAX - 20; n < PATH_MAX + 20; n++) { /* folders around the limit */
        for (size_t i = 0; i < n; i++) {
            path[i] = "/a"[i % 2];
        }
        path[n - 1] = '/';
        path[n] = '\0';
        expect_nothing_of(t, path);
    }
    free(path);
}

struct race {
    const struct site *site;
    int www;
    bool stop; /* atomic */
};

static void *
swap_for_ever(void *arg)
{
    struct race *r = arg;

    while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
        renameat2(r->www, "moving", r->www, "evil", RENAME_EXCHANGE);
    }
    return NULL;
}

/* A folder and a link that leads out change places all the time. */
static void
test_a_link_swapped_in(void **state)
{
    struct site *t = *state;
    struct race race = {.site = t};
    unsigned found = 0;
    pthread_t thread;

    site_put(t, "www/moving/secret.txt", "inside");
    assert_int_equal(symlink("..", site_path(t, "www/evil")), 0);
    race.www = open(site_path(t, "www"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(pthread_create(&thread, NULL, swap_for_ever, &race), 0);
    for (int i = 0; i < 3000; i++) {
        uint16_t status = site_get(t, "/moving/secret.txt");

        assert_true(status == 200 || status == 404);
        assert_null(memmem(t->body, t->body_n, "SECRET", 6));
        found += status == 200;
        site_wait(t, 1000); /* so that it is looked for again */
    }
    __atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    close(race.www);
    assert_true(found > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_paths),
        SITE_TEST(test_a_nul_in_the_path),
        SITE_TEST(test_links),
        SITE_TEST(test_compressed_siblings_do_not_lead_out),
        SITE_TEST(test_only_regular_files),
        SITE_TEST(test_long_paths),
        SITE_TEST(test_a_link_swapped_in),
    };

    return cmocka_run_group_tests_name("handler/static_escape", tests, NULL, NULL);
}
