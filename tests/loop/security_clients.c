// SPDX-License-Identifier: MIT
/*
 * conns_per_ip cannot be walked around with the addresses that every IPv6 host has plenty of.
 */
#include "engine/client_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct jst_addr
address(const char *text)
{
    struct jst_addr a;

    assert_int_equal(jst_addr_literal(&a, jst_slice_z(text), 4711), 0);
    return a;
}

static void
test_one_network_is_one_client(void **state)
{
    struct jst_client_table *t;
    struct jst_addr other = address("2001:db8:1:3::1");
    char text[64];

    (void)state;
    assert_int_equal(jst_client_table_create(&t), 0);
    for (unsigned i = 0; i < 8; i++) {
        struct jst_addr a;

        (void)snprintf(text, sizeof(text), "2001:db8:1:2::%x:%x", i, 77 * i);
        a = address(text);
        assert_int_equal(jst_client_table_enter(t, &a, 4), i < 4 ? 0 : JOIST_E_LIMIT);
    }
    assert_int_equal(jst_client_table_enter(t, &other, 4), 0);
    other = address("2001:db8:1:2:ffff::");
    jst_client_table_leave(t, &other); /* whoever of them */
    assert_int_equal(jst_client_table_enter(t, &other, 4), 0);
    assert_int_equal(jst_client_table_enter(t, &other, 4), JOIST_E_LIMIT);
    jst_client_table_destroy(&t);
}

static void
test_ipv4_is_counted_by_address(void **state)
{
    struct jst_client_table *t;
    struct jst_addr a = address("192.0.2.1");
    struct jst_addr b = address("::ffff:192.0.2.2");
    struct jst_addr same = address("::ffff:192.0.2.1");

    (void)state;
    assert_int_equal(jst_client_table_create(&t), 0);
    assert_int_equal(jst_client_table_enter(t, &a, 1), 0);
    assert_int_equal(jst_client_table_enter(t, &b, 1), 0);
    assert_int_equal(jst_client_table_enter(t, &same, 1), JOIST_E_LIMIT);
    jst_client_table_destroy(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_network_is_one_client),
        cmocka_unit_test(test_ipv4_is_counted_by_address),
    };

    return cmocka_run_group_tests_name("security/clients", tests, NULL, NULL);
}
