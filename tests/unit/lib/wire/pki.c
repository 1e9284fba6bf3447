// SPDX-License-Identifier: MIT
#include <joist/cert.h>

#include "base/base.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static const char *
path_of(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)jst_fmt(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static int
make_folder(void **state)
{
    (void)state;
    (void)jst_fmt(folder, sizeof(folder), "/tmp/joist-pki-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
remove_folder(void **state)
{
    static const char *const names[] = {"cert.pem", "key.pem", "both.pem", "ech.pem", "junk.pem"};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(names); i++) {
        (void)unlink(path_of(names[i]));
    }
    return rmdir(folder); /* nothing else was left in it */
}

static unsigned
mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void
write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

static void
test_self_signed(void **state)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", "*.example.com"};
    const char *cert = path_of("cert.pem"), *key = path_of("key.pem");
    struct joist_cert_info info;
    struct joist_err err;
    int64_t now = time(NULL);

    (void)state;
    assert_int_equal(joist_cert_create_self_signed(cert, key, names, 4, 30, &err), 0);
    assert_int_equal(mode_of(cert), 0600);
    assert_int_equal(mode_of(key), 0600);
    assert_int_equal(joist_cert_read(&info, cert, &err), 0);
    assert_string_equal(info.subject, "CN=localhost");
    assert_string_equal(info.issuer, "CN=localhost");
    assert_string_equal(info.names, "localhost, 127.0.0.1, ::1, *.example.com");
    assert_string_equal(info.key_type, "ECDSA P-256");
    assert_true(info.self_signed);
    assert_true(info.not_before_s < now && info.not_before_s > now - 2 * 86400);
    assert_in_range(info.not_after_s, now + 30 * 86400 - 60, now + 30 * 86400 + 60);
    assert_int_equal(joist_cert_read(&info, key, &err), JOIST_E_INVAL);
}

static void
test_one_file_for_both(void **state)
{
    static const char *const names[] = {"one.example"};
    const char *both = path_of("both.pem");
    struct joist_cert_info info;
    char text[8192] = "";
    FILE *f;

    (void)state;
    write_text(both, "what was there before");
    assert_int_equal(chmod(both, 0644), 0);
    assert_int_equal(joist_cert_create_self_signed(both, both, names, 1, 1, NULL), 0);
    assert_int_equal(mode_of(both), 0600);
    assert_int_equal(joist_cert_read(&info, both, NULL), 0);
    assert_string_equal(info.names, "one.example");
    f = fopen(both, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
    (void)fclose(f);
    assert_non_null(strstr(text, "BEGIN PRIVATE KEY"));
    assert_null(strstr(text, "before"));
}

static void
test_names_that_are_none(void **state)
{
    static const char *const wrong[] = {"",           "a b",   "-a.example", "a..b",
                                        "a.example.", "*",     "*.*.a",      "a/b",
                                        "1.2.3.4:5",  "[::1]", "a\nb",       "x.\xc3\xa9.example"};
    struct joist_err err;

    (void)state;
    assert_int_equal(
        joist_cert_create_self_signed(path_of("cert.pem"), path_of("key.pem"), NULL, 0, 1, &err),
        JOIST_E_INVAL);
    for (size_t i = 0; i < JST_COUNT(wrong); i++) {
        assert_int_equal(joist_cert_create_self_signed(path_of("cert.pem"), path_of("key.pem"),
                                                       &wrong[i], 1, 1, &err),
                         JOIST_E_INVAL);
        assert_int_equal(access(path_of("cert.pem"), F_OK), -1);
    }
}

static void
test_places_that_are_none(void **state)
{
    static const char *const names[] = {"a.example"};
    struct joist_cert_info info;
    struct joist_err err;

    (void)state;
    assert_int_equal(joist_cert_create_self_signed("/nowhere/at/all.pem", "/nowhere/at/all.pem",
                                                   names, 1, 1, &err),
                     JOIST_E_NOTFOUND);
    assert_non_null(strstr(err.message, "/nowhere/at/all.pem"));
    assert_int_equal(joist_cert_read(&info, path_of("none.pem"), &err), JOIST_E_NOTFOUND);
    assert_int_equal(joist_cert_read(&info, folder, &err), JOIST_E_IO);
    write_text(path_of("junk.pem"),
               "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_int_equal(joist_cert_read(&info, path_of("junk.pem"), &err), JOIST_E_INVAL);
    assert_non_null(strstr(err.message, "no certificate"));
}

static void
test_ech(void **state)
{
    const char *path = path_of("ech.pem");
    struct joist_ech_info info, again;
    struct joist_err err;

    (void)state;
    if (strcmp(joist_tls_missing(), "") != 0) {
        assert_int_equal(joist_ech_create(path, "public.example", &err), JOIST_E_UNSUPPORTED);
        skip();
    }
    assert_int_equal(joist_ech_create(path, "public.example", &err), 0);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(joist_ech_read(&info, path, &err), 0);
    assert_string_equal(info.public_name, "public.example");
    assert_true(info.has_key);
    /* A length below 256, then 0xfe0d, RFC 9849's version, from the third byte on. */
    assert_int_equal(info.config_list[0], 'A');
    assert_memory_equal(info.config_list + 3, "+D", 2);
    assert_int_equal(strspn(info.config_list, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                              "0123456789+/="),
                     strlen(info.config_list));
    assert_int_equal(joist_ech_create(path, "other.example", &err), JOIST_E_INUSE);
    assert_int_equal(joist_ech_read(&again, path, &err), 0);
    assert_string_equal(again.config_list, info.config_list);
}

static void
test_ech_refused(void **state)
{
    static const char *const wrong[] = {"", "1.2.3.4", "a..b", "-a.b", "*.a.b", "a b", "a_b.c"};
    struct joist_ech_info info;
    struct joist_err err;

    (void)state;
    if (strcmp(joist_tls_missing(), "") != 0) {
        skip();
    }
    for (size_t i = 0; i < JST_COUNT(wrong); i++) {
        assert_int_equal(joist_ech_create(path_of("no.pem"), wrong[i], &err), JOIST_E_INVAL);
    }
    write_text(path_of("junk.pem"), "-----BEGIN ECHCONFIG-----\nAAAA\n-----END ECHCONFIG-----\n");
    assert_int_equal(joist_ech_read(&info, path_of("junk.pem"), &err), JOIST_E_INVAL);
    assert_int_equal(joist_ech_read(&info, path_of("none.pem"), &err), JOIST_E_NOTFOUND);
}

static void
test_library(void **state)
{
    (void)state;
    assert_memory_equal(joist_tls_library(), "OpenSSL ", 8);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(test_self_signed),
        TEST(test_one_file_for_both),
        TEST(test_names_that_are_none),
        TEST(test_places_that_are_none),
        TEST(test_ech),
        TEST(test_ech_refused),
        cmocka_unit_test(test_library),
    };

    return cmocka_run_group_tests_name("wire/pki", tests, NULL, NULL);
}
