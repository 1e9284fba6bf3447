// SPDX-License-Identifier: MIT
/* Certificates and ECH keys while memory is short: an error or the whole file, never half of one.
 */
#include "../../fail_malloc.h"

#include <joist/cert.h>

#include "base/base.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef CANNOT_FAIL_MALLOC
static void
test_nothing(void **state)
{
    (void)state;
    skip();
}
#else

/* More allocations than any of the calls makes. */
#define ALLOCATIONS_MAX 20000u

static char folder[64], path[96];

static int
make_folder(void **state)
{
    (void)state;
    (void)jst_fmt(folder, sizeof(folder), "/tmp/joist-pki-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)jst_fmt(path, sizeof(path), "%s/x.pem", folder);
    return 0;
}

static int
remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder); /* nothing else was left in it */
}

/* Let the n-th allocation fail, for every n. `whole` is to succeed on whatever file there is. */
static void
fail_each(int (*call)(void), int (*whole)(void))
{
    size_t n;

    assert_int_equal(call(), 0); /* what OpenSSL makes once for the process is made */
    for (n = 1; n < ALLOCATIONS_MAX; n++) {
        int rc;

        (void)unlink(path);
        failed = false;
        fail_at = n;
        rc = call();
        fail_at = 0;
        if (!failed) {
            break;
        }
        assert_true(rc <= 0);
        if (access(path, F_OK) == 0) {
            assert_int_equal(whole(), 0);
        }
    }
    assert_true(n > 10 && n < ALLOCATIONS_MAX);
}

static int
make_cert(void)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", "a.example"};

    return joist_cert_create_self_signed(path, path, names, 4, 1, NULL);
}

static int
read_cert(void)
{
    struct joist_cert_info info;

    return joist_cert_read(&info, path, NULL);
}

static int
make_ech(void)
{
    (void)unlink(path);
    return joist_ech_create(path, "public.example", NULL);
}

static int
read_ech(void)
{
    struct joist_ech_info info;

    return joist_ech_read(&info, path, NULL);
}

static void
test_cert(void **state)
{
    (void)state;
    fail_each(make_cert, read_cert);
}

static void
test_ech(void **state)
{
    (void)state;
    if (joist_tls_missing()[0] != '\0') {
        skip();
    }
    fail_each(make_ech, read_ech);
}
#endif

int
main(void)
{
#ifdef CANNOT_FAIL_MALLOC
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing)};
#else
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cert, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_ech, make_folder, remove_folder),
    };
#endif

    return cmocka_run_group_tests_name("wire/pki_memory", tests, NULL, NULL);
}
