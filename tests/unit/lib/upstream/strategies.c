// SPDX-License-Identifier: MIT
/* Each strategy's shares, on a fake clock and with a fixed seed. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

#define TARGETS_MAX 1000u

static struct joist_target_conf targets[TARGETS_MAX];
static char urls[TARGETS_MAX][40];
static unsigned picked[TARGETS_MAX];

static void
start(struct rig *r, size_t n, struct joist_pool_conf *conf)
{
    static const uint8_t seed[32] = {7};

    for (size_t i = 0; i < n; i++) {
        (void)snprintf(urls[i], sizeof(urls[i]), "http://10.0.%zu.%zu:80", i / 250, i % 250);
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

static void
pick_many(struct rig *r, unsigned turns)
{
    memset(picked, 0, sizeof(picked));
    for (unsigned i = 0; i < turns; i++) {
        int k = pick(r, NULL);

        assert_true(k >= 0);
        picked[k]++;
    }
}

/* ---- in turn ---- */

static void
test_turns_are_exact(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_ROUND_ROBIN};
    unsigned sum = 0;
    struct rig r;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        targets[i].weight = (uint32_t)(1 + i * i % 37);
        sum += targets[i].weight;
    }
    start(&r, 100, &conf);
    pick_many(&r, 50 * sum);
    for (size_t i = 0; i < 100; i++) {
        assert_in_range(picked[i], 50 * targets[i].weight - 1, 50 * targets[i].weight + 1);
    }
    stop(&r);
}

/* A heavy target's turns stand between the others'. */
static void
test_turns_are_spread(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_ROUND_ROBIN};
    unsigned since = 0;
    struct rig r;

    (void)state;
    targets[0].weight = 10;
    start(&r, 11, &conf); /* it gets every second one */
    for (unsigned i = 0; i < 2000; i++) {
        if (pick(&r, NULL) == 0) {
            since = 0;
        } else {
            assert_true(++since <= 11);
        }
    }
    stop(&r);
}

/* ---- by chance ---- */

static void
test_random(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_RANDOM};
    struct rig r;

    (void)state;
    targets[2].weight = 7;
    start(&r, 4, &conf);
    pick_many(&r, 100000);
    assert_in_range(picked[2], 69000, 71000);
    assert_in_range(picked[0], 9500, 10500);
    assert_in_range(picked[1], 9500, 10500);
    assert_in_range(picked[3], 9500, 10500);
    stop(&r);
    start(&r, 10, &conf); /* equal weights */
    pick_many(&r, 100000);
    for (size_t i = 0; i < 10; i++) {
        assert_in_range(picked[i], 9500, 10500);
    }
    stop(&r);
}

/* ---- least in flight ---- */

static void
hold(struct rig *r, int i, int n)
{
    (void)__atomic_add_fetch(&r->pool->tracking->v[i]->inflight, (uint32_t)n, __ATOMIC_RELAXED);
}

static uint32_t
inflight(const struct rig *r, size_t i)
{
    return jst_tstate_inflight(r->pool->tracking->v[i]);
}

static void
test_least_conn_is_exact(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_LEAST_CONN};
    struct rig r;

    (void)state;
    targets[1].weight = 3;
    start(&r, 8, &conf);
    for (unsigned turn = 0; turn < 20000; turn++) {
        int k = pick(&r, NULL);
        unsigned leaves = (unsigned)jst_rand_next(&r.local.rand) % 8;

        for (size_t i = 0; i < 8; i++) {
            assert_true(inflight(&r, (size_t)k) * targets[i].weight <=
                        inflight(&r, i) * targets[k].weight);
        }
        hold(&r, k, 1);
        if (turn > 100 && inflight(&r, leaves) > 0) {
            hold(&r, (int)leaves, -1);
        }
    }
    stop(&r);
}

/* Without load all are equal: then by weight, in turn. */
static void
test_least_conn_ties(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_LEAST_CONN};
    struct rig r;

    (void)state;
    targets[1].weight = 3;
    start(&r, 4, &conf);
    pick_many(&r, 6000);
    assert_in_range(picked[1], 2990, 3010);
    assert_in_range(picked[0], 990, 1010);
    stop(&r);
}

static void
test_least_conn_of_many(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_LEAST_CONN};
    uint32_t most = 0;
    struct rig r;

    (void)state;
    start(&r, 1000, &conf);
    for (unsigned i = 0; i < 10000; i++) { /* ten each would be even */
        hold(&r, pick(&r, NULL), 1);
    }
    for (size_t i = 0; i < 1000; i++) {
        most = JST_MAX(most, inflight(&r, i));
    }
    assert_in_range(most, 10, 12); /* by chance alone it were 22 or so */
    stop(&r);
}

/* ---- least latency ---- */

/* One call after the other, target 0 being so much slower. */
static void
run_latencies(struct rig *r, unsigned calls, uint64_t slow_us)
{
    memset(picked, 0, sizeof(picked));
    for (unsigned i = 0; i < calls; i++) {
        int k = pick(r, NULL);

        picked[k]++;
        jst_tstate_add_latency(r->pool->tracking->v[k], k == 0 ? slow_us : 1000, rig_now_ms(r));
        if (i % 10 == 9) {
            rig_wait(r, 10);
        }
    }
}

static void
test_slow_one_gets_little(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_LEAST_LATENCY};
    struct rig r;

    (void)state;
    start(&r, 4, &conf);
    run_latencies(&r, 90000, 50000);    /* 90 seconds */
    assert_in_range(picked[0], 3, 900); /* tried again now and then */
    for (size_t i = 1; i < 4; i++) {
        assert_in_range(picked[i], 28000, 32000);
    }
    run_latencies(&r, 60000, 1000); /* it has recovered, and is found again */
    assert_true(picked[0] > 5000);
    stop(&r);
}

static void
test_latency_counts_inflight(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_LEAST_LATENCY};
    struct rig r;

    (void)state;
    start(&r, 2, &conf);
    jst_tstate_add_latency(r.pool->tracking->v[0], 1000, rig_now_ms(&r));
    jst_tstate_add_latency(r.pool->tracking->v[1], 3000, rig_now_ms(&r));
    assert_int_equal(pick(&r, NULL), 0);
    hold(&r, 0, 3); /* 4 x 1 ms is more than 1 x 3 ms */
    assert_int_equal(pick(&r, NULL), 1);
    hold(&r, 0, -3);
    stop(&r);
}

static void
test_cold_one_is_tried(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_LEAST_LATENCY};
    struct rig r;

    (void)state;
    start(&r, 2, &conf);
    jst_tstate_add_latency(r.pool->tracking->v[0], 1000, rig_now_ms(&r));
    assert_int_equal(pick(&r, NULL), 1);
    stop(&r);
}

/* ---- hash ---- */

static int
pick_key(struct rig *r, unsigned key)
{
    char text[24];
    struct jst_call call = {
        .client_ip = jst_slice(text, (size_t)snprintf(text, sizeof(text), "192.0.2.%u", key))};

    return pick(r, &call);
}

/* Who is put aside gives its keys away, and takes them again. */
static void
test_hash_moves_little(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_HASH};
    static int before[5000];
    unsigned of_three = 0;
    struct rig r;

    (void)state;
    start(&r, 10, &conf);
    for (unsigned k = 0; k < 5000; k++) {
        before[k] = pick_key(&r, k);
        of_three += before[k] == 3;
    }
    assert_in_range(of_three, 300, 700);
    r.pool->tracking->v[3]->down = 1;
    jst_states_changed(r.states);
    for (unsigned k = 0; k < 5000; k++) {
        int now = pick_key(&r, k);

        assert_true(before[k] == 3 ? now != 3 : now == before[k]);
    }
    r.pool->tracking->v[3]->down = 0;
    jst_states_changed(r.states);
    for (unsigned k = 0; k < 5000; k++) {
        assert_int_equal(pick_key(&r, k), before[k]);
    }
    stop(&r);
}

/* All want the same key: nobody gets more than 1.25 times its share. */
static void
test_hash_is_bounded(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_HASH};
    static struct caller callers[100];
    unsigned most = 0;
    struct rig r;

    (void)state;
    start(&r, 4, &conf);
    memset(picked, 0, sizeof(picked));
    for (size_t i = 0; i < JST_COUNT(callers); i++) {
        run_call(&r, &callers[i], JST_METHOD_GET);
        picked[callers[i].call.target]++;
    }
    for (size_t i = 0; i < 4; i++) {
        most = JST_MAX(most, picked[i]);
    }
    assert_in_range(most, 25, 32);
    for (size_t i = 0; i < JST_COUNT(callers); i++) {
        jst_account_leave(&callers[i].call);
    }
    rig_finish(&r);
    stop(&r);
}

/* ---- slow start ---- */

static void
test_slow_start(void **state)
{
    struct joist_pool_conf conf = {.strategy = JOIST_STRATEGY_ROUND_ROBIN, .slow_start_ms = 10000};
    struct rig r;
    unsigned last = 0;

    (void)state;
    start(&r, 4, &conf);
    rig_wait(&r, 20000);
    r.pool->tracking->v[2]->since_ms = rig_now_ms(&r); /* it has just come back */
    jst_states_changed(r.states);
    pick_many(&r, 4000);
    assert_in_range(picked[2], 60, 120); /* a sixteenth of the others' share */
    for (unsigned i = 0; i < 10; i++) {
        last = picked[2];
        rig_wait(&r, 1000);
        pick_many(&r, 4000);
        assert_true(picked[2] + 5 >= last);
    }
    assert_int_equal(picked[2], 1000);
    stop(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns_are_exact),
        cmocka_unit_test(test_turns_are_spread),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_least_conn_is_exact),
        cmocka_unit_test(test_least_conn_ties),
        cmocka_unit_test(test_least_conn_of_many),
        cmocka_unit_test(test_slow_one_gets_little),
        cmocka_unit_test(test_latency_counts_inflight),
        cmocka_unit_test(test_cold_one_is_tried),
        cmocka_unit_test(test_hash_moves_little),
        cmocka_unit_test(test_hash_is_bounded),
        cmocka_unit_test(test_slow_start),
    };

    return cmocka_run_group_tests_name("upstream/strategies", tests, NULL, NULL);
}
