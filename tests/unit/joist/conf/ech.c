// SPDX-License-Identifier: MIT
/* ECH keys: which one is offered, which ones still decrypt. */
#include "support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REST "[[listeners]]\nbind = \":443\"\ntls = { cert = \"c.pem\" }\n[[sites]]\nroot = \".\"\n"

static char folder[64];

static int
make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/jst-ech-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
remove_folder(void **state)
{
    char command[100];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

/* An empty file that was written so many days ago. */
static void
put(const char *name, int days)
{
    struct timespec at[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - days * 86400L}};
    char path[256];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(futimens(fd, at), 0);
    assert_int_equal(close(fd), 0);
}

static struct loaded
load_folder(const char *more)
{
    char text[512];

    (void)snprintf(text, sizeof(text), "[ech]\ndir = \"%s\"\n%s" REST, folder, more);
    return load_text(text);
}

static void
expect_key(const struct loaded *l, size_t i, const char *name, bool retry)
{
    const struct joist_ech_key_conf *key = &l->conf->engine.ech_keys[i];
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    expect_text("path", key->path, path);
    assert_int_equal(key->retry, retry);
    assert_int_equal(key->pos.line, 2);
    assert_int_equal(key->pos.column, 7);
}

static void
test_list(void **state)
{
    struct loaded l = load_good("[ech]\nkeys = [\"b.pem\",\n \"a.pem\"]\n" REST);
    const struct joist_conf *c = &l.conf->engine;

    (void)state;
    assert_int_equal(c->ech_keys_n, 2);
    assert_string_equal(c->ech_keys[0].path, "b.pem");
    assert_true(c->ech_keys[0].retry);
    assert_int_equal(c->ech_keys[0].pos.line, 2);
    assert_string_equal(c->ech_keys[1].path, "a.pem");
    assert_false(c->ech_keys[1].retry);
    assert_int_equal(c->ech_keys[1].pos.line, 3);
    unload(&l);
    l = load_good("[ech]\nkeys = \"a.pem\"\n" REST);
    assert_int_equal(l.conf->engine.ech_keys_n, 1);
    assert_true(l.conf->engine.ech_keys[0].retry);
    unload(&l);
    l = load_good(REST);
    assert_int_equal(l.conf->engine.ech_keys_n, 0);
    unload(&l);
}

static void
test_empty_folder(void **state)
{
    struct loaded l = load_folder("");

    (void)state;
    assert_int_equal(l.rc, JOIST_E_INVAL);
    assert_non_null(strstr(l.text, "2:7: error: there is no ECH key (*.pem) in the folder\n"));
    assert_non_null(strstr(l.text, "help: make a key: joist ech new"));
    unload(&l);
}

/* The last by name is offered; those before it count for a week after the next one was written. */
static void
test_rotation(void **state)
{
    struct loaded l;

    (void)state;
    put("2026-08.pem", 60);
    put("2026-09.pem", 40);
    put("2026-10.pem", 9);
    put("2026-11.pem", 3);
    put(".2026-12.pem", 0);
    put("readme.txt", 0);
    l = load_folder("");
    assert_int_equal(l.rc, JOIST_OK);
    assert_int_equal(l.conf->engine.ech_keys_n, 2);
    expect_key(&l, 0, "2026-11.pem", true);
    expect_key(&l, 1, "2026-10.pem", false);
    assert_int_equal(l.report.warnings_n, 2);
    assert_non_null(strstr(l.text, "warning: ECH key '2026-09.pem' is left out: '2026-10.pem' took "
                                   "its place more than 7d ago\n"));
    unload(&l);
    l = load_folder("keep = \"10d\"\n");
    assert_int_equal(l.conf->engine.ech_keys_n, 3);
    expect_key(&l, 2, "2026-09.pem", false);
    unload(&l);
    l = load_folder("keep = \"1h\"\n");
    assert_int_equal(l.conf->engine.ech_keys_n, 1);
    expect_key(&l, 0, "2026-11.pem", true);
    unload(&l);
    l = load_folder("keep = \"0\"\n");
    assert_int_equal(l.conf->engine.ech_keys_n, 4);
    assert_int_equal(l.report.warnings_n, 0);
    unload(&l);
}

static void
test_wrong(void **state)
{
    (void)state;
    expect_message("[ech]\n" REST, "1:1: error: [ech] lacks 'keys' or 'dir'\n");
    expect_message("[ech]\nkeys = \"a\"\ndir = \"b\"\n" REST,
                   "'keys' and 'dir' exclude each other");
    expect_message("[ech]\nkeys = \"a\"\nkeep = \"1d\"\n" REST, "3:1: error: 'keep' needs 'dir'");
    expect_message("[ech]\nkeys = []\n" REST, "2:8: error: 'keys' must not be an empty list");
    expect_message("[ech]\nkeys = [\"\"]\n" REST, "'keys': '' must not be empty");
    expect_message("[ech]\ndir = \"/no/such/folder\"\n" REST,
                   "2:7: error: cannot read the folder '/no/such/folder': No such file");
    expect_message("[ech]\ndir = \"b\"\nkeep = 7\n" REST, "'keep' must be a duration");
    expect_message("[ech]\nkeys = \"a\"\n[[sites]]\nroot = \".\"\n",
                   "1:1: error: there is no listener with TLS for [ech]");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_empty_folder),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_wrong),
    };

    return cmocka_run_group_tests_name("conf/ech", tests, make_folder, remove_folder);
}
