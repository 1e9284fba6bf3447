// SPDX-License-Identifier: MIT
/* Addresses and networks: read, print, compare. */
#include "sys/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct jst_addr
parse(const char *text)
{
    struct jst_addr a;

    if (jst_addr_parse(&a, jst_slice_z(text)) != JOIST_OK) {
        fail_msg("%s refused", text);
    }
    return a;
}

static void
test_parse_print(void **state)
{
    static const struct {
        const char *text;
        const char *printed; /* NULL: as `text` */
        const char *ip;
        uint16_t port;
        int family;
        socklen_t len;
    } table[] = {
        {"127.0.0.1:80", NULL, "127.0.0.1", 80, AF_INET, sizeof(struct sockaddr_in)},
        {"0.0.0.0:0", NULL, "0.0.0.0", 0, AF_INET, sizeof(struct sockaddr_in)},
        {"[::1]:80", NULL, "::1", 80, AF_INET6, sizeof(struct sockaddr_in6)},
        {"[2001:DB8:0:0::1]:65535", "[2001:db8::1]:65535", "2001:db8::1", 65535, AF_INET6,
         sizeof(struct sockaddr_in6)},
        {":80", "[::]:80", "::", 80, AF_INET6, sizeof(struct sockaddr_in6)},
        {"[::ffff:192.0.2.1]:80", "192.0.2.1:80", "192.0.2.1", 80, AF_INET6,
         sizeof(struct sockaddr_in6)},
        {"unix:/run/x.sock", NULL, "unix", 0, AF_UNIX,
         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof("/run/x.sock"))},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        struct jst_addr a = parse(table[i].text);
        const char *want = table[i].printed != NULL ? table[i].printed : table[i].text;
        char out[JST_ADDR_TEXT_BYTES];

        assert_int_equal(a.u.any.sa_family, table[i].family);
        assert_int_equal(a.len, table[i].len);
        assert_int_equal(jst_addr_port(&a), table[i].port);
        assert_int_equal(jst_addr_print(out, &a), strlen(want));
        assert_string_equal(out, want);
        assert_int_equal(jst_addr_print_ip(out, &a), strlen(table[i].ip));
        assert_string_equal(out, table[i].ip);
    }
}

static void
test_refused(void **state)
{
    static const char *const table[] = {
        "",
        "80",
        ":",
        ":65536",
        ":-1",
        ":+80",
        ": 80",
        ":80 ",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.256:80",
        "127.1:80",
        "0x7f.0.0.1:80",
        "localhost:80", /* names are not resolved here */
        "::1:80",
        "[::1]",
        "[::1]:",
        "[::1]80",
        "[127.0.0.1]:80",
        "[::1:80",
        "[]:80",
        "unix:",
        /* 108 bytes */
        "unix:/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaa",
    };
    struct jst_addr a;

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        if (jst_addr_parse(&a, jst_slice_z(table[i])) != JOIST_E_INVAL) {
            fail_msg("\"%s\" accepted", table[i]);
        }
    }
    assert_int_equal(jst_addr_parse(&a, jst_slice("unix:/a\0b", 9)), JOIST_E_INVAL);
    assert_int_equal(jst_addr_literal(&a, jst_slice("127.0.0.1\0", 10), 80), JOIST_E_INVAL);
}

static void
test_longest_unix(void **state)
{
    struct jst_addr a;
    char text[5 + 107];
    char out[JST_ADDR_TEXT_BYTES];

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "unix:/", 6);
    assert_int_equal(jst_addr_parse(&a, jst_slice(text, sizeof(text))), JOIST_OK);
    assert_int_equal(jst_addr_print(out, &a), sizeof(text));
    assert_memory_equal(out, text, sizeof(text));
}

/* What accept() gives for a client of a Unix socket that never bound: a family and nothing else. */
static void
test_unnamed_unix(void **state)
{
    struct jst_addr a = {.len = sizeof(sa_family_t)};
    char out[JST_ADDR_TEXT_BYTES];

    (void)state;
    a.u.any.sa_family = AF_UNIX;
    memset(a.u.un.sun_path, 'x', sizeof(a.u.un.sun_path));
    (void)jst_addr_print(out, &a);
    assert_string_equal(out, "unix:");
}

static void
test_eq(void **state)
{
    struct jst_addr a = parse("127.0.0.1:80");
    struct jst_addr b = parse("127.0.0.1:80");
    struct jst_addr any;

    (void)state;
    assert_true(jst_addr_eq(&a, &b));
    b = parse("127.0.0.1:81");
    assert_false(jst_addr_eq(&a, &b));
    b = parse("127.0.0.2:80");
    assert_false(jst_addr_eq(&a, &b));
    b = parse("[::1]:80");
    assert_false(jst_addr_eq(&a, &b));
    a = parse("[::1]:80");
    assert_true(jst_addr_eq(&a, &b));
    b = parse("[::2]:80");
    assert_false(jst_addr_eq(&a, &b));
    a = parse("unix:/a");
    b = parse("unix:/a");
    assert_true(jst_addr_eq(&a, &b));
    b = parse("unix:/ab");
    assert_false(jst_addr_eq(&a, &b));
    jst_addr_any4(&any, 80);
    a = parse("0.0.0.0:80");
    assert_true(jst_addr_eq(&any, &a));
}

static void
test_cidr(void **state)
{
    static const struct {
        const char *net;
        const char *addr;
        bool has;
    } table[] = {
        {"10.0.0.0/8", "10.255.255.255:1", true},
        {"10.0.0.0/8", "11.0.0.0:1", false},
        {"10.1.2.3/8", "10.9.9.9:1", true},
        {"10.0.0.0/8", "[::ffff:10.1.1.1]:1", true}, /* a dual-stack socket's client */
        {"192.0.2.1", "192.0.2.1:1", true},
        {"192.0.2.1", "192.0.2.2:1", false},
        {"192.0.2.0/25", "192.0.2.127:1", true},
        {"192.0.2.0/25", "192.0.2.128:1", false},
        {"192.0.2.0/31", "192.0.2.1:1", true},
        {"0.0.0.0/0", "255.255.255.255:1", true},
        {"0.0.0.0/0", "[::1]:1", false},
        {"::1", "[::1]:1", true},
        {"::1", "[::2]:1", false},
        {"fd00::/8", "[fdff::1]:1", true},
        {"fd00::/8", "[fe00::1]:1", false},
        {"2001:db8::/33", "[2001:db8:7fff::]:1", true},
        {"2001:db8::/33", "[2001:db8:8000::]:1", false},
        {"::/0", "[2001:db8::1]:1", true},
        {"::/0", "10.0.0.1:1", false},
        {"::/0", "unix:/a", false},
    };
    static const char *const refused[] = {
        "",       "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "10.0.0.0/8/8",
        "::/129", "[::1]",       "localhost", "10.0.0.0/ 8", "unix:/a",
    };
    struct jst_cidr net;

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        struct jst_addr a = parse(table[i].addr);

        assert_int_equal(jst_cidr_parse(&net, jst_slice_z(table[i].net)), JOIST_OK);
        if (jst_cidr_has(&net, &a) != table[i].has) {
            fail_msg("%s in %s", table[i].addr, table[i].net);
        }
    }
    for (size_t i = 0; i < JST_COUNT(refused); i++) {
        if (jst_cidr_parse(&net, jst_slice_z(refused[i])) != JOIST_E_INVAL) {
            fail_msg("\"%s\" accepted", refused[i]);
        }
    }
}

static void
test_cidr_text(void **state)
{
    static const struct {
        const char *text;
        bool has;
    } table[] = {
        {"10.1.2.3", true},  {" 10.1.2.3\t", true},     {"10.1.2.3:8080", true},
        {"11.1.2.3", false}, {"::ffff:10.1.2.3", true}, {"[::ffff:10.1.2.3]:80", true},
        {"[::1]", false},    {"10.1.2.3:99999", false}, {"10.1.2.3:", false},
        {"unknown", false},  {"_hidden", false},        {"", false},
        {"10.1.2", false},   {"\"10.1.2.3\"", false},
    };
    struct jst_cidr net;

    (void)state;
    assert_int_equal(jst_cidr_parse(&net, JST_S("10.0.0.0/8")), JOIST_OK);
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        if (jst_cidr_has_text(&net, jst_slice_z(table[i].text)) != table[i].has) {
            fail_msg("\"%s\"", table[i].text);
        }
    }
}

static void
test_key(void **state)
{
    struct jst_addr a = parse("192.0.2.1:80");
    struct jst_addr b = parse("[::ffff:192.0.2.1]:81");
    struct jst_addr c = parse("unix:/a");
    uint8_t key_a[16];
    uint8_t key_b[16];
    static const uint8_t zeros[16];

    (void)state;
    jst_addr_key(key_a, &a);
    jst_addr_key(key_b, &b);
    assert_memory_equal(key_a, key_b, 16); /* one client, whatever the socket's family */
    jst_addr_key(key_a, &c);
    assert_memory_equal(key_a, zeros, 16);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_print),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_longest_unix), cmocka_unit_test(test_unnamed_unix),
        cmocka_unit_test(test_eq),           cmocka_unit_test(test_cidr),
        cmocka_unit_test(test_cidr_text),    cmocka_unit_test(test_key),
    };

    return cmocka_run_group_tests_name("sys/addr", tests, NULL, NULL);
}
