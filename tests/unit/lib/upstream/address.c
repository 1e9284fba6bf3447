// SPDX-License-Identifier: MIT
/* Which address of a name a connection goes to, and which next: ranks, families, those that failed;
 * what is done when a handshake fails. */
#include "rig.h"

#include <stdlib.h>

static const char *const one[] = {"http://127.0.0.1:1001"};

static struct jst_addrs *
addrs_of(struct rig *r)
{
    return r->name->addrs;
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

static struct jst_live *
live_of(struct rig *r)
{
    return r->upool->v[0].live;
}

/* How often each is the first. */
static void
count(struct rig *r, unsigned *hits, unsigned turns)
{
    uint8_t order[JST_TARGET_ADDRS_MAX];

    memset(hits, 0, 8 * sizeof(*hits));
    while (turns-- > 0) {
        assert_int_equal(jst_live_order(live_of(r), addrs_of(r), order), addrs_of(r)->n);
        hits[order[0]]++;
    }
}

static void
lose(struct rig *r, uint32_t i)
{
    struct jst_client c = {0};

    jst_live_note_address(live_of(r), &c, &addrs_of(r)->v[i], false);
}

static void
expect_order(struct rig *r, const char *wanted)
{
    uint8_t order[JST_TARGET_ADDRS_MAX];
    char text[JST_TARGET_ADDRS_MAX + 1] = {0};
    uint32_t n = jst_live_order(live_of(r), addrs_of(r), order);

    for (uint32_t i = 0; i < n; i++) {
        text[i] = (char)('0' + order[i]);
    }
    assert_string_equal(text, wanted);
}

static void
set_ip6(struct rig *r, uint32_t i)
{
    assert_int_equal(jst_addr_literal(&addrs_of(r)->v[i], JST_S("::1"), (uint16_t)(2000 + i)), 0);
}

static void
test_in_turn(void **state)
{
    struct rig r;
    unsigned hits[8];

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    rig_give_addrs(&r, 4);
    count(&r, hits, 40);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(hits[i], 10);
    }
    lose(&r, 1);
    count(&r, hits, 30);
    assert_int_equal(hits[1], 0);
    assert_true(hits[0] > 0 && hits[2] > 0 && hits[3] > 0);
    rig_wait(&r, JST_ADDR_SKIP_MS);
    count(&r, hits, 40);
    assert_int_equal(hits[1], 10);
    rig_fini(&r);
}

static void
test_families_alternate(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    rig_give_addrs(&r, 5);
    set_ip6(&r, 0);
    set_ip6(&r, 1);
    expect_order(&r, "02134");
    expect_order(&r, "12034");
    expect_order(&r, "20314");
    lose(&r, 0);
    expect_order(&r, "31240"); /* that one last */
    rig_fini(&r);
}

static void
test_one_family_in_turn(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    rig_give_addrs(&r, 3);
    expect_order(&r, "012");
    expect_order(&r, "120");
    lose(&r, 0);
    lose(&r, 1);
    lose(&r, 2);
    expect_order(&r, "201"); /* all have failed: as ever */
    rig_fini(&r);
}

static void
test_priorities(void **state)
{
    static const struct jst_addr_rank ranks[] = {{1, 0}, {1, 0}, {2, 0}, {3, 0}};
    struct rig r;

    (void)state;
    rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    set_ranks(&r, ranks, 4);
    set_ip6(&r, 2); /* no reason to come earlier */
    expect_order(&r, "0123");
    expect_order(&r, "1023");
    lose(&r, 0);
    expect_order(&r, "1230");
    lose(&r, 1);
    expect_order(&r, "2301");
    rig_fini(&r);
}

static void
test_weights(void **state)
{
    static const struct jst_addr_rank ranks[] = {{1, 60}, {1, 30}, {1, 10}, {1, 0}};
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
    rig_fini(&r);
}

/* Who waits half a second at most shall have seen all that there are. */
static void
test_steps_fit_the_time(void **state)
{
    static const struct {
        uint64_t connect_ms;
        uint32_t addrs;
        uint32_t step_ms;
    } cases[] = {{5000, 2, JST_RACE_STEP_MS}, {300, 2, 150}, {4, 20, 1}, {0, 2, JST_RACE_STEP_MS}};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct rig r;
        struct jst_client *c;
        struct jst_client_to to = {.connect_ms = cases[i].connect_ms};

        rig_init(&r, one, NULL, 1, JOIST_STRATEGY_SINGLE);
        rig_give_addrs(&r, cases[i].addrs);
        assert_int_equal(jst_live_open(&c, live_of(&r), &to, addrs_of(&r), 0), 0);
        assert_int_equal(fakes[0].addrs_n, cases[i].addrs);
        assert_int_equal(fakes[0].step_ms, cases[i].step_ms);
        assert_int_equal(fakes[0].shake_ms, 0); /* there is none */
        fake_fail(&fakes[0], JOIST_E_REFUSED, false);
        rig_fini(&r);
    }
}

/* ---- TLS ---- */

static void
test_handshake_that_hangs(void **state)
{
    struct rig r;
    struct caller a;

    (void)state;
    rig_init_tls(&r, "https://127.0.0.1:1", NULL);
    rig_give_addrs(&r, 2);
    run_call(&r, &a, JST_METHOD_POST);
    assert_int_equal(fakes[0].shake_ms, 2500); /* of 5000 */
    fake_tell(&fakes[0], 0, true);
    rig_wait(&r, 2500);
    fakes[0].base.ev->on_address(&fakes[0].base, fakes[0].base.ev_ctx, NULL, false);
    fake_fail(&fakes[0], JOIST_E_TIMEOUT, false);
    assert_int_equal(fakes_n, 2);
    assert_int_equal(fakes[1].port, 2001);
    assert_int_equal(fakes[1].shake_ms, 0); /* the last one */
    rig_turn(&r);
    assert_int_equal(a.why, 0);
    fake_tell(&fakes[1], 0, true);
    fake_fail(&fakes[1], JOIST_E_RESET, false);
    rig_turn(&r);
    assert_int_equal(fakes_n, 2); /* no third one */
    assert_int_equal(a.why, JOIST_E_RESET);
    rig_fini(&r);
}

/* Together they have upstream_connect_ms, not each. */
static void
test_no_second_handshake_after_the_time(void **state)
{
    struct rig r;
    struct caller a;

    (void)state;
    rig_init_tls(&r, "https://127.0.0.1:1", NULL);
    rig_give_addrs(&r, 2);
    run_call(&r, &a, JST_METHOD_GET);
    rig_wait(&r, 5000);
    assert_int_equal(a.why, JOIST_E_TIMEOUT);
    fake_fail(&fakes[0], JOIST_E_TIMEOUT, false);
    assert_int_equal(fakes_n, 1);
    rig_fini(&r);
}

/* The others have the same one. */
static void
test_certificate_ends_it(void **state)
{
    struct rig r;
    struct caller a;

    (void)state;
    rig_init_tls(&r, "https://127.0.0.1:1", NULL);
    rig_give_addrs(&r, 2);
    run_call(&r, &a, JST_METHOD_GET);
    fake_tell(&fakes[0], 0, true);
    fake_fail(&fakes[0], JOIST_E_CERT, false);
    rig_turn(&r);
    assert_int_equal(fakes_n, 1);
    assert_int_equal(a.why, JOIST_E_CERT);
    rig_fini(&r);
}

/* ---- what changes meanwhile ---- */

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

static void
give_two(struct jst_name *name, uint32_t version)
{
    struct jst_addrs *addrs = calloc(1, sizeof(*addrs) + 2 * sizeof(addrs->v[0]));

    assert_non_null(addrs);
    addrs->n = 2;
    addrs->even = true;
    addrs->version = version;
    assert_int_equal(jst_addr_literal(&addrs->v[0], JST_S("127.0.0.1"), 2003), 0);
    assert_int_equal(jst_addr_literal(&addrs->v[1], JST_S("127.0.0.2"), 2003), 0);
    free(name->addrs);
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

/* It was under way to two addresses; the one that wins is still the name's, or not. */
static void
test_race_outlives_a_change(void **state)
{
    static const struct {
        const char *ip;
        bool kept;
    } cases[] = {{"127.0.0.1", true}, {"127.0.0.9", false}};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct jst_names *names;
        struct rig r;
        struct caller a;
        struct jst_addr won;

        begin_named(&r, &names, "http://app.test");
        give_two(r.pool->v[0].dns, 2);
        jst_upstreams_refresh(r.local.upstreams);
        run_call(&r, &a, JST_METHOD_GET);
        assert_int_equal(fakes[0].addrs_n, 2);
        move(&r, 3, cases[i].ip);
        assert_int_equal(jst_addr_literal(&won, JST_S("127.0.0.1"), 2003), 0);
        fakes[0].base.ev->on_address(&fakes[0].base, fakes[0].base.ev_ctx, &won, true);
        fake_finish(&fakes[0]);
        assert_int_equal(fakes[0].gone, !cases[i].kept);
        assert_int_equal(a.why, 0);
        rig_finish(&r);
        end_named(&r, &names);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_turn),
        cmocka_unit_test(test_families_alternate),
        cmocka_unit_test(test_one_family_in_turn),
        cmocka_unit_test(test_priorities),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_steps_fit_the_time),
        cmocka_unit_test(test_handshake_that_hangs),
        cmocka_unit_test(test_no_second_handshake_after_the_time),
        cmocka_unit_test(test_certificate_ends_it),
        cmocka_unit_test(test_moved_meanwhile),
        cmocka_unit_test(test_connections_to_an_address_that_is_gone),
        cmocka_unit_test(test_http2_to_an_address_that_is_gone),
        cmocka_unit_test(test_dial_to_an_address_that_is_gone),
        cmocka_unit_test(test_race_outlives_a_change),
    };

    return cmocka_run_group_tests_name("upstream/address", tests, NULL, NULL);
}
