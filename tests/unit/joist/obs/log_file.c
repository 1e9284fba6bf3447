// SPDX-License-Identifier: MIT
/* Log files: batches, rotation, lines that do not fit, disks that are full. */
#include "obs/log_file.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static char path[128];

static int
make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/jst-log-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/x.log", folder);
    return 0;
}

static int
remove_folder(void **state)
{
    char command[100];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static void
print(struct jst_str *line, const void *what, void *ctx)
{
    (void)ctx;
    jst_str_add(line, jst_slice_z(what));
    jst_str_add_char(line, '\n');
}

static struct jst_log_file *
open_log(void)
{
    struct jst_log_file *s = NULL;
    struct joist_err err = {0};

    (void)unlink(path);
    if (jst_log_file_open(&s, path, &err) != JOIST_OK) {
        fail_msg("%s", err.message);
    }
    return s;
}

static void
expect_file(const char *file, const char *want)
{
    char text[256];
    FILE *f = fopen(file, "r");
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    assert_string_equal(text, want);
}

static void
test_batch(void **state)
{
    struct jst_log_file *s = open_log();
    struct stat st;

    (void)state;
    jst_log_file_line(s, print, "one", NULL);
    jst_log_file_line(s, print, "two", NULL);
    expect_file(path, "");
    jst_log_file_flush(s, 0);
    expect_file(path, "one\ntwo\n");
    jst_log_file_line(s, print, "three", NULL);
    jst_log_file_close(&s);
    assert_null(s);
    expect_file(path, "one\ntwo\nthree\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0137, 0); /* 0640 at most */
}

static void
test_appends(void **state)
{
    struct jst_log_file *s = open_log();
    struct joist_err err;

    (void)state;
    jst_log_file_line(s, print, "one", NULL);
    jst_log_file_close(&s);
    assert_int_equal(jst_log_file_open(&s, path, &err), JOIST_OK);
    jst_log_file_line(s, print, "two", NULL);
    jst_log_file_close(&s);
    expect_file(path, "one\ntwo\n");
}

static void
test_rotation(void **state)
{
    struct jst_log_file *s = open_log();
    char moved[140];

    (void)state;
    (void)snprintf(moved, sizeof(moved), "%s.1", path);
    jst_log_file_line(s, print, "one", NULL);
    jst_log_file_flush(s, 10000);
    assert_int_equal(rename(path, moved), 0);
    jst_log_file_line(s, print, "two", NULL);
    jst_log_file_flush(s, 10000 + JST_LOG_FILE_CHECK_MS - 1); /* looked up not that soon */
    expect_file(moved, "one\ntwo\n");
    jst_log_file_line(s, print, "three", NULL);
    jst_log_file_flush(s, 10000 + JST_LOG_FILE_CHECK_MS);
    expect_file(moved, "one\ntwo\n");
    expect_file(path, "three\n");
    assert_int_equal(jst_log_file_dropped(s), 0);
    jst_log_file_close(&s);
}

/* The folder went too: the old file still takes the lines. */
static void
test_rotation_without_folder(void **state)
{
    struct joist_err err = {0};
    struct jst_log_file *s = NULL;
    char dir[100], file[120], moved[100];

    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s/d", folder);
    (void)snprintf(file, sizeof(file), "%s/y.log", dir);
    (void)snprintf(moved, sizeof(moved), "%s/e", folder);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(jst_log_file_open(&s, file, &err), JOIST_OK);
    assert_int_equal(rename(dir, moved), 0);
    jst_log_file_line(s, print, "one", NULL);
    jst_log_file_flush(s, JST_LOG_FILE_CHECK_MS);
    assert_int_equal(jst_log_file_dropped(s), 0);
    jst_log_file_close(&s);
    (void)snprintf(file, sizeof(file), "%s/y.log", moved);
    expect_file(file, "one\n");
}

static void
test_full_disk(void **state)
{
    struct joist_err err = {0};
    struct jst_log_file *s = NULL;

    (void)state;
    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    assert_int_equal(jst_log_file_open(&s, "/dev/full", &err), JOIST_OK);
    jst_log_file_line(s, print, "one", NULL);
    jst_log_file_line(s, print, "two", NULL);
    jst_log_file_flush(s, 0);
    assert_int_equal(jst_log_file_dropped(s), 2);
    jst_log_file_line(s, print, "three", NULL);
    jst_log_file_flush(s, 0);
    assert_int_equal(jst_log_file_dropped(s), 3);
    jst_log_file_close(&s);
}

/* A write that is cut by a limit ends inside a line; what comes later starts on its own. */
static void
test_torn_line(void **state)
{
    struct rlimit old, small;
    struct jst_log_file *s = open_log();

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 10;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    jst_log_file_line(s, print, "first", NULL);
    jst_log_file_line(s, print, "second", NULL);
    jst_log_file_flush(s, 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    expect_file(path, "first\nseco");
    assert_int_equal(jst_log_file_dropped(s), 1);
    jst_log_file_line(s, print, "third", NULL);
    jst_log_file_close(&s);
    expect_file(path, "first\nseco\nthird\n");
}

static void
test_long_line(void **state)
{
    struct jst_log_file *s = open_log();
    char *text = malloc(JST_LOG_FILE_BYTES + 1);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', JST_LOG_FILE_BYTES);
    text[JST_LOG_FILE_BYTES] = '\0';
    jst_log_file_line(s, print, "before", NULL);
    jst_log_file_line(s, print, text, NULL); /* with its newline one byte too long */
    jst_log_file_line(s, print, "after", NULL);
    assert_int_equal(jst_log_file_dropped(s), 1);
    jst_log_file_close(&s);
    expect_file(path, "before\nafter\n");
    free(text);
}

static void
test_more_than_the_buffer(void **state)
{
    struct jst_log_file *s = open_log();
    struct stat st;
    char line[1001];

    (void)state;
    memset(line, 'y', 1000);
    line[1000] = '\0';
    for (int i = 0; i < 1000; i++) {
        jst_log_file_line(s, print, line, NULL);
    }
    jst_log_file_close(&s);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 1001 * 1000);
}

static void
test_cannot_open(void **state)
{
    struct joist_err err = {0};
    struct jst_log_file *s = NULL;

    (void)state;
    assert_int_equal(jst_log_file_open(&s, "/nowhere/at/all.log", &err), JOIST_E_NOTFOUND);
    assert_null(s);
    assert_non_null(strstr(err.message, "cannot open the log '/nowhere/at/all.log'"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch),       cmocka_unit_test(test_appends),
        cmocka_unit_test(test_rotation),    cmocka_unit_test(test_rotation_without_folder),
        cmocka_unit_test(test_full_disk),   cmocka_unit_test(test_torn_line),
        cmocka_unit_test(test_long_line),   cmocka_unit_test(test_more_than_the_buffer),
        cmocka_unit_test(test_cannot_open),
    };

    return cmocka_run_group_tests_name("obs/log_file", tests, make_folder, remove_folder);
}
