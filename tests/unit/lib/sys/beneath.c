// SPDX-License-Identifier: MIT
/* Nothing below a folder leads out of it, with openat2 and with the walk that replaces it. */
#include "sys/beneath.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef int open_f(int *fd, int dir, const char *path, int flags);

struct tree {
    char top[64]; /* holds secret.txt and root/ */
    int top_fd;
    int root_fd;
};

static void
put(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int
set_up(void **state)
{
    struct tree *t = calloc(1, sizeof(*t));
    char outside[PATH_MAX];
    char inside[PATH_MAX];

    assert_non_null(t);
    snprintf(t->top, sizeof(t->top), "/tmp/beneath-XXXXXX");
    assert_non_null(mkdtemp(t->top));
    t->top_fd = open(t->top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    put(t->top_fd, "secret.txt", "secret");
    assert_int_equal(mkdirat(t->top_fd, "root", 0755), 0);
    assert_int_equal(mkdirat(t->top_fd, "root/sub", 0755), 0);
    put(t->top_fd, "root/a.txt", "inside");
    put(t->top_fd, "root/sub/b.txt", "inside");
    snprintf(outside, sizeof(outside), "%s/secret.txt", t->top);
    snprintf(inside, sizeof(inside), "%s/root/a.txt", t->top);
    assert_int_equal(symlinkat("a.txt", t->top_fd, "root/link"), 0);
    assert_int_equal(symlinkat("../a.txt", t->top_fd, "root/sub/up"), 0);
    assert_int_equal(symlinkat("sub", t->top_fd, "root/folder"), 0);
    assert_int_equal(symlinkat("../secret.txt", t->top_fd, "root/out"), 0);
    assert_int_equal(symlinkat("..", t->top_fd, "root/parent"), 0);
    assert_int_equal(symlinkat(outside, t->top_fd, "root/absolute"), 0);
    assert_int_equal(symlinkat(inside, t->top_fd, "root/absolute_inside"), 0);
    assert_int_equal(symlinkat("/proc/self/fd", t->top_fd, "root/magic"), 0);
    assert_int_equal(symlinkat("loop", t->top_fd, "root/loop"), 0);
    assert_int_equal(symlinkat("root", t->top_fd, "alias"), 0);
    assert_int_equal(mkfifoat(t->top_fd, "root/fifo", 0644), 0);
    snprintf(inside, sizeof(inside), "%s/alias", t->top);
    assert_int_equal(jst_beneath_root(&t->root_fd, inside), JOIST_OK);
    *state = t;
    return 0;
}

static int
tear_down(void **state)
{
    struct tree *t = *state;
    char command[128];

    close(t->root_fd);
    close(t->top_fd);
    snprintf(command, sizeof(command), "rm -rf '%s'", t->top);
    assert_int_equal(system(command), 0);
    free(t);
    return 0;
}

/* The first byte of the file, or the error. */
static int
try_open(open_f *open_it, const struct tree *t, const char *path)
{
    char c = 0;
    int fd;
    int rc = open_it(&fd, t->root_fd, path, O_RDONLY);

    if (rc < 0) {
        return rc;
    }
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(read(fd, &c, 1), 1);
    close(fd);
    return c;
}

static const char *const leaving[] = {
    "../secret.txt",
    "sub/../../secret.txt",
    "out",
    "parent/secret.txt",
    "absolute",
    "absolute_inside",
    "/etc/passwd",
    "magic/0",
    "sub/../parent/x",
    "loop",
    "a.txt/",
    "a.txt/b",
    "missing",
    "sub/missing",
    "..",
};

static void
test_never_leaves(void **state)
{
    for (size_t i = 0; i < JST_COUNT(leaving); i++) {
        assert_int_equal(try_open(jst_beneath_open, *state, leaving[i]), JOIST_E_NOTFOUND);
        assert_int_equal(try_open(jst_beneath_walk, *state, leaving[i]), JOIST_E_NOTFOUND);
    }
}

static void
test_opens_what_is_inside(void **state)
{
    static const char *const files[] = {"a.txt", "sub/b.txt", "sub//b.txt", "./a.txt"};
    static const char *const links[] = {"link", "sub/up", "folder/b.txt"};

    for (size_t i = 0; i < JST_COUNT(files); i++) {
        assert_int_equal(try_open(jst_beneath_open, *state, files[i]), 'i');
        assert_int_equal(try_open(jst_beneath_walk, *state, files[i]), 'i');
    }
    for (size_t i = 0; i < JST_COUNT(links); i++) {
        assert_int_equal(try_open(jst_beneath_open, *state, links[i]), 'i');
        assert_int_equal(try_open(jst_beneath_walk, *state, links[i]), JOIST_E_NOTFOUND);
    }
}

static void
test_the_folder_itself(void **state)
{
    const struct tree *t = *state;
    static open_f *const ways[] = {jst_beneath_open, jst_beneath_walk};
    static const char *const names[] = {"", ".", "sub", "sub/"};

    for (size_t i = 0; i < JST_COUNT(ways) * JST_COUNT(names); i++) {
        struct stat st;
        int fd;

        assert_int_equal(ways[i % 2](&fd, t->root_fd, names[i / 2], O_PATH), JOIST_OK);
        assert_int_equal(fstat(fd, &st), 0);
        assert_true(S_ISDIR(st.st_mode));
        close(fd);
    }
}

static void
test_long_names_are_not_found(void **state)
{
    char *path = malloc(2 * PATH_MAX);

    assert_non_null(path);
    memset(path, 'x', 300);
    path[300] = '\0';
    assert_int_equal(try_open(jst_beneath_open, *state, path), JOIST_E_NOTFOUND);
    assert_int_equal(try_open(jst_beneath_walk, *state, path), JOIST_E_NOTFOUND);
    for (size_t i = 0; i < PATH_MAX; i++) {
        path[2 * i] = '.';
        path[2 * i + 1] = '/';
    }
    path[2 * PATH_MAX - 1] = '\0';
    assert_int_equal(try_open(jst_beneath_open, *state, path), JOIST_E_NOTFOUND);
    free(path);
}

static void
test_a_fifo_does_not_block(void **state)
{
    const struct tree *t = *state;
    int fd;

    assert_int_equal(jst_beneath_open(&fd, t->root_fd, "fifo", O_RDONLY), JOIST_OK);
    close(fd);
    assert_int_equal(jst_beneath_walk(&fd, t->root_fd, "fifo", O_RDONLY), JOIST_OK);
    close(fd);
}

static void
test_roots(void **state)
{
    const struct tree *t = *state;
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof(path), "%s/nowhere", t->top);
    assert_int_equal(jst_beneath_root(&fd, path), JOIST_E_NOTFOUND);
    snprintf(path, sizeof(path), "%s/secret.txt", t->top);
    assert_int_equal(jst_beneath_root(&fd, path), JOIST_E_INVAL);
}

struct race {
    const struct tree *tree;
    bool stop; /* atomic */
};

/* Swap a folder and a link that leads out, as fast as it goes. */
static void *
swap_for_ever(void *arg)
{
    struct race *r = arg;

    while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
        renameat2(r->tree->top_fd, "root/moving", r->tree->top_fd, "root/evil", RENAME_EXCHANGE);
    }
    return NULL;
}

static void
test_a_link_swapped_in_never_wins(void **state)
{
    const struct tree *t = *state;
    struct race race = {.tree = t};
    int inside = 0;
    pthread_t thread;

    assert_int_equal(mkdirat(t->top_fd, "root/moving", 0755), 0);
    put(t->top_fd, "root/moving/secret.txt", "inside");
    assert_int_equal(symlinkat("..", t->top_fd, "root/evil"), 0);
    assert_int_equal(pthread_create(&thread, NULL, swap_for_ever, &race), 0);
    /* On, until it was once found inside: so it was not refused throughout. */
    for (int i = 0; i < 4000 || (inside == 0 && i < 4000000); i++) {
        open_f *way = i % 2 == 0 ? jst_beneath_open : jst_beneath_walk;
        int got = try_open(way, t, "moving/secret.txt");

        assert_int_not_equal(got, 's'); /* of "secret", outside */
        inside += got == 'i';
    }
    __atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_true(inside > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_never_leaves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_opens_what_is_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_folder_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_names_are_not_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_fifo_does_not_block, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_roots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_link_swapped_in_never_wins, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("sys/beneath", tests, NULL, NULL);
}
