// SPDX-License-Identifier: MIT
/*
 * Connections counted by address: limits, growth, removal, several threads.
 */
#include "engine/client_table.h"

#include "base/rand.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct jst_addr
address(uint32_t number)
{
    struct jst_addr a;

    assert_int_equal(jst_addr_literal(&a, JST_S("10.0.0.0"), 80), 0);
    a.u.in4.sin_addr.s_addr = htonl(0x0a000000u + number);
    return a;
}

static void
test_limit(void **state)
{
    struct jst_client_table *t;
    struct jst_addr a = address(1);
    struct jst_addr b = address(2);
    struct jst_addr same;

    (void)state;
    assert_int_equal(jst_client_table_create(&t), 0);
    assert_int_equal(jst_addr_literal(&same, JST_S("::ffff:10.0.0.1"), 9), 0);
    assert_int_equal(jst_client_table_enter(t, &a, 2), 0);
    assert_int_equal(jst_client_table_enter(t, &same, 2), 0); /* mapped, another port: one client */
    assert_int_equal(jst_client_table_enter(t, &a, 2), JOIST_E_LIMIT);
    assert_int_equal(jst_client_table_enter(t, &b, 2), 0);
    assert_int_equal(jst_client_table_enter(t, &a, 0), 0); /* no limit */
    jst_client_table_leave(t, &a);
    jst_client_table_leave(t, &same);
    assert_int_equal(jst_client_table_enter(t, &a, 2), 0);
    assert_int_equal(jst_client_table_enter(t, &a, 2), JOIST_E_LIMIT);
    jst_client_table_destroy(&t);
    assert_null(t);
    jst_client_table_destroy(&t);
}

static void
test_unix_is_not_counted(void **state)
{
    struct jst_client_table *t;
    struct jst_addr a;

    (void)state;
    assert_int_equal(jst_client_table_create(&t), 0);
    assert_int_equal(jst_addr_parse(&a, JST_S("unix:/tmp/x")), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(jst_client_table_enter(t, &a, 1), 0);
    }
    jst_client_table_leave(t, &a);
    jst_client_table_destroy(&t);
}

#define CLIENTS 500
#define MAX     4

static void
test_against_a_model(void **state)
{
    struct jst_client_table *t;
    unsigned count[CLIENTS] = {0};
    uint8_t seed[32] = {5};
    struct jst_rand r;

    (void)state;
    jst_rand_init(&r, seed);
    assert_int_equal(jst_client_table_create(&t), 0);
    for (int i = 0; i < 100000; i++) {
        uint64_t v = jst_rand_next(&r);
        uint32_t k = (uint32_t)(v % CLIENTS);
        struct jst_addr a = address(k * 256); /* close together in many bits */

        if (v >> 32 & 1) {
            int rc = jst_client_table_enter(t, &a, MAX);

            assert_int_equal(rc, count[k] < MAX ? 0 : JOIST_E_LIMIT);
            count[k] += rc == 0;
        } else if (count[k] > 0) {
            jst_client_table_leave(t, &a);
            count[k]--;
        }
    }
    for (uint32_t k = 0; k < CLIENTS; k++) {
        struct jst_addr a = address(k * 256);

        for (; count[k] > 0; count[k]--) {
            jst_client_table_leave(t, &a);
        }
    }
    jst_client_table_destroy(&t);
}

static void *
run_clients(void *arg)
{
    for (uint32_t i = 0; i < 20000; i++) {
        struct jst_addr a = address(i % 64);

        if (jst_client_table_enter(arg, &a, 2) == 0) {
            jst_client_table_leave(arg, &a);
        }
    }
    return NULL;
}

static void
test_threads(void **state)
{
    struct jst_client_table *t;
    pthread_t threads[3];

    (void)state;
    assert_int_equal(jst_client_table_create(&t), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_clients, t), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    for (uint32_t k = 0; k < 64; k++) { /* all have left */
        struct jst_addr a = address(k);

        assert_int_equal(jst_client_table_enter(t, &a, 1), 0);
    }
    jst_client_table_destroy(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_unix_is_not_counted),
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests_name("engine/client_table", tests, NULL, NULL);
}
