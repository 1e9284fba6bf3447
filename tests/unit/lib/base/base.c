// SPDX-License-Identifier: MIT
/* Slices, numbers, the hash, and what a failed assertion does. */
#include "base/base.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_compare(void **state)
{
    (void)state;
    assert_true(jst_slice_eq(JST_SLICE_NONE, JST_S("")));
    assert_true(jst_slice_ieq(JST_S("Content-Length"), JST_S("cONTENT-lENGTH")));
    assert_false(jst_slice_ieq(JST_S("a"), JST_S("ab")));
    assert_false(jst_slice_ieq(JST_S("@"), JST_S("`"))); /* bit 0x20 alone is not case */
    assert_false(jst_slice_ieq(JST_S("\r"), JST_S("-")));
    assert_false(jst_slice_ieq(JST_S("\xc9"), JST_S("\xe9")));
    assert_true(jst_slice_starts(JST_S("abc"), JST_S("ab")));
    assert_true(jst_slice_starts(JST_S("abc"), JST_SLICE_NONE));
    assert_false(jst_slice_starts(JST_S("ab"), JST_S("abc")));
    assert_true(jst_slice_ends(JST_S("abc"), JST_S("bc")));
    assert_true(jst_slice_ends(JST_SLICE_NONE, JST_SLICE_NONE));
    assert_false(jst_slice_ends(JST_S("bc"), JST_S("abc")));
}

static void
test_trim(void **state)
{
    (void)state;
    assert_true(jst_slice_eq(jst_slice_trim(JST_S(" \ta b\t ")), JST_S("a b")));
    assert_true(jst_slice_eq(jst_slice_trim(JST_S("\r\n")), JST_S("\r\n")));
    assert_int_equal(jst_slice_trim(JST_S(" \t ")).n, 0);
    assert_int_equal(jst_slice_trim(JST_SLICE_NONE).n, 0);
}

static void
test_cut(void **state)
{
    static const struct {
        const char *text;
        const char *pieces[5];
    } table[] = {
        {"", {""}},
        {"a", {"a"}},
        {"a,b", {"a", "b"}},
        {",", {"", ""}},
        {"a,,b,", {"a", "", "b", ""}},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        struct jst_slice rest = jst_slice_z(table[i].text);
        size_t n = 0;

        while (rest.p != NULL) {
            struct jst_slice piece = jst_slice_cut(&rest, ',');

            assert_non_null(table[i].pieces[n]);
            assert_true(jst_slice_eq(piece, jst_slice_z(table[i].pieces[n])));
            n++;
        }
        assert_null(table[i].pieces[n]);
    }
    assert_int_equal(jst_slice_find(JST_S("abc"), 'c'), 2);
    assert_int_equal(jst_slice_find(JST_S("abc"), 'd'), -1);
    assert_int_equal(jst_slice_find(JST_SLICE_NONE, 'd'), -1);
}

static void
test_u64(void **state)
{
    static const char *const refused[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "1a", "18446744073709551616", "99999999999999999999",
    };
    uint64_t v = 7;

    (void)state;
    assert_true(jst_slice_u64(&v, JST_S("0")) && v == 0);
    assert_true(jst_slice_u64(&v, JST_S("00000000000000000000000042")) && v == 42);
    assert_true(jst_slice_u64(&v, JST_S("18446744073709551615")) && v == UINT64_MAX);
    for (size_t i = 0; i < JST_COUNT(refused); i++) {
        v = 7;
        assert_false(jst_slice_u64(&v, jst_slice_z(refused[i])));
        assert_int_equal(v, 7);
    }
}

/* Each length reads its own bytes and no others, and a change of any of them changes the hash. */
static void
test_hash(void **state)
{
    char bytes[64];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)('a' + i % 26);
    }
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        char *copy = malloc(n > 0 ? n : 1);
        uint64_t whole = jst_hash(jst_slice(bytes, n), 1);

        assert_non_null(copy);
        memcpy(copy, bytes, n);
        assert_true(jst_hash(jst_slice(copy, n), 1) == whole);
        assert_true(jst_hash(jst_slice(copy, n), 2) != whole);
        for (size_t i = 0; i < n; i++) {
            copy[i] ^= 1;
            assert_true(jst_hash(jst_slice(copy, n), 1) != whole);
            copy[i] ^= 1;
        }
        free(copy);
    }
}

/* Keys that differ in a counter, as hosts do, spread over a table's low bits. */
static void
test_hash_spreads(void **state)
{
    enum { KEYS = 4096, SLOTS = 8192 };
    static uint8_t used[SLOTS];
    unsigned worst = 0;

    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        char key[32];
        int n = snprintf(key, sizeof(key), "site-%u.example.com", i);
        size_t slot = (size_t)jst_hash(jst_slice(key, (size_t)n), 0) % SLOTS;

        worst = JST_MAX(worst, ++used[slot]);
    }
    assert_true(worst <= 8); /* a good hash has about 6 here */
}

static int hook_fd;

static void
on_panic(const char *cond, const char *file, int line)
{
    (void)file;
    (void)line;
    assert_int_equal(write(hook_fd, cond, strlen(cond)), (ssize_t)strlen(cond));
    JST_ASSERT(false && "the hook fails too: it is not called again");
}

static void
test_assert(void **state)
{
    int fds[2];
    char text[64] = {0};
    int status;
    pid_t pid;

    (void)state;
    JST_ASSERT(1 + 1 == 2);
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        hook_fd = fds[1];
        jst_panic_hook = on_panic;
        JST_ASSERT(1 + 1 == 3);
        _exit(0);
    }
    close(fds[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_int_equal(read(fds[0], text, sizeof(text) - 1), strlen("1 + 1 == 3"));
    assert_string_equal(text, "1 + 1 == 3");
    close(fds[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare), cmocka_unit_test(test_trim),
        cmocka_unit_test(test_cut),     cmocka_unit_test(test_u64),
        cmocka_unit_test(test_hash),    cmocka_unit_test(test_hash_spreads),
        cmocka_unit_test(test_assert),
    };

    return cmocka_run_group_tests_name("base/base", tests, NULL, NULL);
}
