// SPDX-License-Identifier: MIT
/* Which address of a name a connection goes to: ranks, those that failed, attempts and their time.
 */
#include "rig.h"

static const char *const one[] = {"http://127.0.0.1:1001"};

static struct jst_addrs *
addrs_of(struct rig *r)
{
    return r->pool->v[0].addrs;
}

static void
set_ranks(struct rig *r, const struct jst_addr_rank *v, uint32_t n)
{
    static const uint8_t seed[32] = {1, 2, 3};

    jst_rand_init(&r->local.rand, seed);
    rig_give_addrs(r, n);
    addrs_of(r)->even = false;
    memcpy(addrs_of(r)->rank, v, n * sizeof(*v));
}

static void
count(struct rig *r, unsigned *hits, unsigned turns)
{
    memset(hits, 0, 8 * sizeof(*hits));
    while (turns-- > 0) {
        hits[jst_live_first_addr(r->upool->v[0].live, addrs_of(r))]++;
    }
}

static bool
try_next(struct rig *r, uint32_t *addr, uint32_t *tries, int why)
{
    return jst_live_next_addr(r->upool->v[0].live, addrs_of(r), addrs_of(r)->version, addr, tries,
                              why);
}

static void
test_in_turn(void **state)
{
    struct rig r;
    unsigned hits[8];
    uint32_t addr = 1, tries = 0;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    rig_give_addrs(&r, 4);
    count(&r, hits, 40);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(hits[i], 10);
    }
    assert_true(try_next(&r, &addr, &tries, JOIST_E_REFUSED));
    assert_int_equal(addr, 2);
    count(&r, hits, 30);
    assert_int_equal(hits[1], 0);
    assert_true(hits[0] > 0 && hits[2] > 0 && hits[3] > 0);
    rig_wait(&r, JST_ADDR_SKIP_MS);
    count(&r, hits, 40);
    assert_int_equal(hits[1], 10);
    assert_false(try_next(&r, &addr, &tries, JOIST_E_CERT)); /* the others would fail too */
    rig_fini(&r);
}

static void
test_priorities(void **state)
{
    static const struct jst_addr_rank ranks[] = {{1, 1}, {1, 1}, {2, 1}};
    struct rig r;
    unsigned hits[8];
    uint32_t addr = 0, tries = 0;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    set_ranks(&r, ranks, 3);
    count(&r, hits, 100);
    assert_int_equal(hits[2], 0);
    assert_true(hits[0] > 20 && hits[1] > 20);
    assert_true(try_next(&r, &addr, &tries, JOIST_E_REFUSED));
    assert_int_equal(addr, 1); /* its own kind first */
    assert_true(try_next(&r, &addr, &tries, JOIST_E_REFUSED));
    assert_int_equal(addr, 2);
    count(&r, hits, 10);
    assert_int_equal(hits[2], 10);
    assert_false(try_next(&r, &addr, &tries, JOIST_E_REFUSED));
    rig_fini(&r);
}

static void
test_weights(void **state)
{
    static const struct jst_addr_rank ranks[] = {{1, 60}, {1, 30}, {1, 10}, {1, 0}};
    static const struct jst_addr_rank zeros[] = {{1, 0}, {1, 0}, {2, 9}};
    struct rig r;
    unsigned hits[8];

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    set_ranks(&r, ranks, 4);
    count(&r, hits, 10000);
    assert_in_range(hits[0], 5700, 6300);
    assert_in_range(hits[1], 2700, 3300);
    assert_in_range(hits[2], 800, 1200);
    assert_int_equal(hits[3], 0);
    set_ranks(&r, zeros, 3);
    count(&r, hits, 10);
    assert_int_equal(hits[0], 5);
    assert_int_equal(hits[1], 5);
    rig_fini(&r);
}

static void
test_time_of_attempts(void **state)
{
    struct rig r;
    uint32_t addr = 0, tries = 0, slow = 0;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    assert_int_equal(jst_addr_attempt_ms(addrs_of(&r), 0, 5000), 5000); /* a single one */
    rig_give_addrs(&r, 2);
    assert_int_equal(jst_addr_attempt_ms(addrs_of(&r), 0, 5000), 2500);
    assert_int_equal(jst_addr_attempt_ms(addrs_of(&r), 1, 5000), 5000);
    assert_int_equal(jst_addr_attempt_ms(addrs_of(&r), 0, 300), JST_ADDR_ATTEMPT_MS);
    assert_int_equal(jst_addr_attempt_ms(addrs_of(&r), 0, 100), 100);
    assert_int_equal(jst_addr_attempt_ms(addrs_of(&r), 0, 0), JST_ADDR_ATTEMPT_MS);
    assert_int_equal(jst_addr_attempt_ms(addrs_of(&r), 1, 0), 0); /* for ever */
    rig_give_addrs(&r, 20);
    assert_int_equal(jst_addr_attempt_ms(addrs_of(&r), 0, 5000), 1250);
    assert_int_equal(jst_addr_attempt_ms(addrs_of(&r), 3, 5000), 5000);
    while (try_next(&r, &addr, &tries, JOIST_E_TIMEOUT)) {
        slow++;
    }
    assert_int_equal(slow + 1, JST_ADDR_SLOW_MAX);
    tries = 0;
    while (try_next(&r, &addr, &tries, JOIST_E_REFUSED)) {
    }
    assert_int_equal(tries + 1, 20); /* that costs no time */
    rig_fini(&r);
}

/* The call's address is of a set that is gone: it begins with the new one. */
static void
test_moved_meanwhile(void **state)
{
    struct rig r;
    struct caller a;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_call(&r, &a, JST_METHOD_POST);
    rig_give_addrs(&r, 1);
    addrs_of(&r)->version = 1;
    fake_fail(&fakes[0], JOIST_E_REFUSED, false);
    assert_int_equal(fakes_n, 2);
    assert_int_equal(fakes[1].port, 2000);
    fake_fail(&fakes[1], JOIST_E_REFUSED, false);
    assert_int_equal(a.why, JOIST_E_REFUSED);
    rig_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_turn),         cmocka_unit_test(test_priorities),
        cmocka_unit_test(test_weights),         cmocka_unit_test(test_time_of_attempts),
        cmocka_unit_test(test_moved_meanwhile),
    };

    return cmocka_run_group_tests_name("upstream/address", tests, NULL, NULL);
}
