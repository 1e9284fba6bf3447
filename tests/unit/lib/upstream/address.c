// SPDX-License-Identifier: MIT
/* Which address of a name a connection goes to: ranks, those that failed, attempts and their time.
 */
#include "rig.h"
#include "upstream/resolve_int.h"

#include <stdlib.h>

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

/* ---- a name whose addresses change ---- */

static int
no_thread(void *ctx)
{
    (void)ctx;
    return JOIST_E_NOMEM;
}

static const struct jst_names_events no_events = {.on_needed = no_thread};

static void
give(struct jst_name *name, uint32_t version, const char *ip)
{
    struct jst_addrs *addrs = calloc(1, sizeof(*addrs) + sizeof(addrs->v[0]));

    assert_non_null(addrs);
    addrs->n = 1;
    addrs->even = true;
    addrs->version = version;
    assert_int_equal(jst_addr_literal(&addrs->v[0], jst_slice_z(ip), (uint16_t)(2000 + version)),
                     0);
    free(name->addrs); /* as after a round */
    name->addrs = addrs;
}

/* What the resolver tells, on the reactor. */
static void
move(struct rig *r, uint32_t version, const char *ip)
{
    give(r->pool->v[0].dns, version, ip);
    jst_upstreams_refresh(r->local.upstreams);
}

static void
begin_named(struct rig *r, struct jst_names **names, const char *url)
{
    struct joist_target_conf target = {.url = url, .weight = 1};
    struct joist_pool_conf conf = {.targets = &target, .targets_n = 1, .idle_max = 4};

    rig_init(r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    jst_upool_release(&r->upool);
    jst_pool_unref(&r->pool);
    assert_int_equal(jst_names_create(names, &no_events, NULL), 0);
    assert_int_equal(jst_pool_create(&r->pool, &conf, *names, NULL), 0);
    give(r->pool->v[0].dns, 1, "127.0.0.1");
    assert_int_equal(jst_upool_acquire(&r->upool, r->local.upstreams, r->pool, 1000), 0);
}

static void
end_named(struct rig *r, struct jst_names **names)
{
    rig_fini(r);
    jst_names_destroy(names); /* it asserts that nobody counts a name any more */
}

static void
test_connections_to_an_address_that_is_gone(void **state)
{
    struct jst_names *names;
    struct rig r;
    struct caller a, b, c;

    (void)state;
    begin_named(&r, &names, "http://app.test");
    run_call(&r, &a, JST_METHOD_GET);
    run_call(&r, &b, JST_METHOD_GET);
    fake_finish(&fakes[0]);
    assert_false(fakes[0].gone);
    move(&r, 2, "127.0.0.2");
    assert_true(fakes[0].gone);  /* it was idle */
    assert_false(fakes[1].gone); /* its call goes on */
    run_call(&r, &c, JST_METHOD_GET);
    assert_int_equal(fakes[2].port, 2002);
    fake_finish(&fakes[1]);
    assert_true(fakes[1].gone);
    assert_int_equal(a.why + b.why + c.why, 0);
    fake_finish(&fakes[2]);
    assert_false(fakes[2].gone);
    rig_finish(&r);
    end_named(&r, &names);
}

static void
test_http2_to_an_address_that_is_gone(void **state)
{
    struct jst_names *names;
    struct rig r;
    struct caller a, b;
    struct fake *old;

    (void)state;
    begin_named(&r, &names, "h2c://app.test");
    run_call(&r, &a, JST_METHOD_GET);
    old = fake_opened(&fakes[0], true, 8);
    rig_turn(&r);
    assert_ptr_equal(old->call, &a.call);
    move(&r, 2, "127.0.0.2");
    assert_false(old->gone);
    run_call(&r, &b, JST_METHOD_GET); /* there is room on it, but not for new ones */
    assert_ptr_equal(old->call, &a.call);
    assert_int_equal(fakes[fakes_n - 1].port, 2002);
    (void)fake_opened(&fakes[fakes_n - 1], true, 8);
    rig_turn(&r);
    fake_finish_call(old, &a.call);
    assert_true(old->gone);
    assert_int_equal(a.why + b.why, 0);
    rig_finish(&r);
    end_named(&r, &names);
}

/* A dial that was under way to the old address comes through. */
static void
test_dial_to_an_address_that_is_gone(void **state)
{
    struct jst_names *names;
    struct rig r;
    struct caller a;
    struct fake *old;

    (void)state;
    begin_named(&r, &names, "h2c://app.test");
    run_call(&r, &a, JST_METHOD_GET);
    move(&r, 2, "127.0.0.2");
    old = fake_opened(&fakes[0], true, 8);
    assert_true(old->gone);
    rig_turn(&r);
    assert_int_equal(fakes[fakes_n - 1].port, 2002); /* another one for who waits */
    (void)fake_opened(&fakes[fakes_n - 1], true, 8);
    rig_turn(&r);
    assert_int_equal(a.why, 0);
    rig_finish(&r);
    end_named(&r, &names);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_turn),
        cmocka_unit_test(test_priorities),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_time_of_attempts),
        cmocka_unit_test(test_moved_meanwhile),
        cmocka_unit_test(test_connections_to_an_address_that_is_gone),
        cmocka_unit_test(test_http2_to_an_address_that_is_gone),
        cmocka_unit_test(test_dial_to_an_address_that_is_gone),
    };

    return cmocka_run_group_tests_name("upstream/address", tests, NULL, NULL);
}
