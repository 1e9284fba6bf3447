// SPDX-License-Identifier: MIT
/* Who is passed over: targets that a call has been to, that take nothing new, that are out. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

#define TARGETS 6u

static struct joist_target_conf targets[64];
static char urls[64][40];

static void
start(struct rig *r, size_t n, struct joist_pool_conf *conf)
{
    static const uint8_t seed[32] = {9};

    for (size_t i = 0; i < n; i++) {
        (void)snprintf(urls[i], sizeof(urls[i]), "http://10.1.0.%zu:80", i);
        targets[i].url = urls[i];
        targets[i].weight = targets[i].weight > 0 ? targets[i].weight : 1;
    }
    conf->name = "a";
    conf->targets = targets;
    conf->targets_n = n;
    rig_init_conf(r, conf);
    jst_rand_init(&r->local.rand, seed);
}

static void
stop(struct rig *r)
{
    rig_fini(r);
    memset(targets, 0, sizeof(targets));
}

static int
pick(struct rig *r, struct jst_call *call)
{
    jst_breaker_ticket ticket;

    return jst_upool_pick(r->upool, call, &ticket);
}

static struct jst_tstate *
state_of(const struct rig *r, size_t i)
{
    return r->pool->tracking->v[i];
}

/* ---- tried ---- */

static void
try_next(struct jst_call *call, int i)
{
    call->tried[call->tried_n++] = (uint32_t)i;
}

/* One that it was not at, as long as there is one; then any, unless only_untried. */
static void
go_round(struct rig *r, uint32_t n, unsigned key)
{
    char ip[24];
    struct jst_call call = {.client_ip =
                                jst_slice(ip, (size_t)snprintf(ip, sizeof(ip), "192.0.2.%u", key))};
    bool seen[64] = {false};

    for (uint32_t k = 0; k < n; k++) {
        int i = pick(r, &call);

        assert_in_range(i, 0, n - 1);
        assert_false(seen[i]);
        seen[i] = true;
        try_next(&call, i);
    }
    assert_in_range(pick(r, &call), 0, n - 1);
    call.only_untried = true;
    assert_int_equal(pick(r, &call), -1);
}

static void
test_tried_come_last(void **state)
{
    static const enum joist_strategy strategies[] = {
        JOIST_STRATEGY_SINGLE,        JOIST_STRATEGY_ROUND_ROBIN, JOIST_STRATEGY_LEAST_CONN,
        JOIST_STRATEGY_LEAST_LATENCY, JOIST_STRATEGY_HASH,        JOIST_STRATEGY_RANDOM,
    };
    struct rig r;

    (void)state;
    for (size_t s = 0; s < JST_COUNT(strategies); s++) {
        for (unsigned weighted = 0; weighted < 2; weighted++) {
            struct joist_pool_conf conf = {.strategy = strategies[s]};

            targets[1].weight = weighted ? 500 : 1;
            start(&r, TARGETS, &conf);
            for (unsigned key = 0; key < 200; key++) {
                go_round(&r, TARGETS, key);
            }
            stop(&r);
        }
    }
}

/* The best of the rest is still the best. */
static void
test_least_conn_of_the_rest(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_LEAST_CONN};
    struct jst_call call = {0};
    struct rig r;

    (void)state;
    start(&r, 4, &conf);
    for (uint32_t i = 0; i < 4; i++) {
        state_of(&r, i)->inflight = i;
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pick(&r, &call), i);
        try_next(&call, i);
    }
    stop(&r);
}

/* A key's second choice is the one that it would have without the first. */
static void
test_hash_goes_round_the_ring(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_HASH};
    struct rig r;

    (void)state;
    start(&r, TARGETS, &conf);
    for (unsigned key = 0; key < 300; key++) {
        char ip[24];
        struct jst_call call = {
            .client_ip = jst_slice(ip, (size_t)snprintf(ip, sizeof(ip), "192.0.2.%u", key))};
        int first = pick(&r, &call);
        int second;

        try_next(&call, first);
        second = pick(&r, &call);
        call.tried_n = 0;
        state_of(&r, (size_t)first)->down = 1;
        jst_states_changed(r.states);
        assert_int_equal(pick(&r, &call), second);
        state_of(&r, (size_t)first)->down = 0;
        jst_states_changed(r.states);
        assert_int_equal(pick(&r, &call), first);
    }
    stop(&r);
}

/* ---- single ---- */

static void
test_single_falls_back_in_order(void **state)
{
    struct joist_outlier_conf outlier = {
        .failures = 3, .eject_ms = 1000, .max_ejected_percent = 90};
    struct joist_pool_conf conf = {
        .strategy = JOIST_STRATEGY_SINGLE, .outlier = &outlier, .panic_percent = 100};
    struct rig r;

    (void)state;
    start(&r, 3, &conf);
    assert_int_equal(pick(&r, NULL), 0);
    state_of(&r, 0)->down = 1;
    jst_states_changed(r.states);
    assert_int_equal(pick(&r, NULL), 1);
    state_of(&r, 1)->ejected_until_ms = rig_now_ms(&r) + 500;
    jst_states_changed(r.states);
    assert_int_equal(pick(&r, NULL), 2); /* no panic while one stands by */
    assert_int_equal(r.local.stats.upstream_panics, 0);
    state_of(&r, 2)->down = 1;
    jst_states_changed(r.states);
    assert_int_equal(pick(&r, NULL), 0); /* now there is */
    assert_int_equal(r.local.stats.upstream_panics, 1);
    rig_wait(&r, 600);
    assert_int_equal(pick(&r, NULL), 1);
    state_of(&r, 0)->down = 0;
    jst_states_changed(r.states);
    assert_int_equal(pick(&r, NULL), 0);
    stop(&r);
}

/* ---- what takes nothing new ---- */

static void
test_draining_takes_nothing(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_LEAST_CONN, .panic_percent = 100};
    struct rig r;

    (void)state;
    start(&r, 4, &conf);
    for (size_t i = 0; i < 3; i++) {
        state_of(&r, i)->draining = JST_DRAIN_TOLD;
    }
    jst_states_changed(r.states);
    for (unsigned k = 0; k < 100; k++) {
        assert_int_equal(pick(&r, NULL), 3);
    }
    assert_int_equal(r.local.stats.upstream_panics, 0); /* they are not broken */
    state_of(&r, 3)->down = 1;
    jst_states_changed(r.states);
    assert_int_equal(pick(&r, NULL), 3); /* a panic uses what is broken, not what is drained */
    state_of(&r, 3)->draining = JST_DRAIN_TOLD;
    jst_states_changed(r.states);
    assert_int_equal(pick(&r, NULL), -1);
    state_of(&r, 0)->draining = 0;
    jst_states_changed(r.states);
    assert_int_equal(pick(&r, NULL), 0);
    stop(&r);
}

/* ---- another weight ---- */

static void
count(struct rig *r, unsigned turns, unsigned picked[4])
{
    memset(picked, 0, 4 * sizeof(*picked));
    for (unsigned i = 0; i < turns; i++) {
        int k = pick(r, NULL);

        assert_in_range(k, 0, 3);
        picked[k]++;
    }
}

static void
set_weight(struct rig *r, size_t i, uint32_t weight)
{
    __atomic_store_n(&state_of(r, i)->weight_override, weight, __ATOMIC_RELAXED);
    jst_states_changed(r->states);
}

static void
test_weight_is_overridden(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_ROUND_ROBIN, .dynamic = true};
    unsigned picked[4];
    struct rig r;

    (void)state;
    targets[2].weight = 2;
    start(&r, 4, &conf);
    set_weight(&r, 0, 5); /* 5 1 2 1 */
    count(&r, 900, picked);
    assert_in_range(picked[0], 499, 501);
    assert_in_range(picked[1], 99, 101);
    assert_in_range(picked[2], 199, 201);
    set_weight(&r, 0, 0);
    count(&r, 400, picked);
    assert_int_equal(picked[0], 0);
    assert_in_range(picked[2], 199, 201);
    set_weight(&r, 0, JST_WEIGHT_OWN); /* 1 1 2 1 */
    count(&r, 500, picked);
    assert_in_range(picked[0], 98, 102);
    assert_in_range(picked[2], 198, 202);
    stop(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tried_come_last),
        cmocka_unit_test(test_least_conn_of_the_rest),
        cmocka_unit_test(test_hash_goes_round_the_ring),
        cmocka_unit_test(test_single_falls_back_in_order),
        cmocka_unit_test(test_draining_takes_nothing),
        cmocka_unit_test(test_weight_is_overridden),
    };

    return cmocka_run_group_tests_name("upstream/pick", tests, NULL, NULL);
}
