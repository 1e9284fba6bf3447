// SPDX-License-Identifier: MIT
/* Calls that wait for a target, while their pool's targets go, come back and become others. */
#include "rig.h"
#include "upstream/queue.h"

#define A "http://127.0.0.1:1"
#define B "http://127.0.0.1:2"

static const struct joist_target_conf both[] = {{.url = A, .weight = 1}, {.url = B, .weight = 1}};
static const struct joist_breaker_conf breaker = {
    .error_percent = 50, .min_requests = 2, .window_ms = 10000, .open_ms = 500};

static struct joist_pool_conf
conf_of(const struct joist_target_conf *targets, size_t n, uint32_t max_inflight)
{
    return (struct joist_pool_conf){.name = "a",
                                    .strategy = JOIST_STRATEGY_ROUND_ROBIN,
                                    .targets = targets,
                                    .targets_n = n,
                                    .idle_max = 8,
                                    .max_inflight = max_inflight,
                                    .queue = {.max = 16, .timeout_ms = 10000}};
}

static struct jst_tstate *
state_of(const struct rig *r, uint32_t i)
{
    return r->pool->tracking->v[i];
}

static bool
is_running(const struct caller *c)
{
    return c->call.client != NULL;
}

static void
get(struct rig *r, struct caller *c)
{
    run_call(r, c, JST_METHOD_GET);
}

static void
answer_with(struct caller *c, uint16_t status)
{
    struct jst_head head = {.status = status};
    struct fake *f = JST_CONTAINER(c->call.client, struct fake, base);

    jst_sink_head(c->call.on_response, &head);
    fake_finish_call(f, &c->call);
    jst_sink_end(c->call.on_response, NULL);
}

static void
set_down(struct rig *r, uint32_t i, uint32_t down)
{
    state_of(r, i)->down = down;
    jst_states_changed(r->states);
}

/* ---- one goes, one comes ---- */

static void
test_a_target_that_comes_back_takes_who_waits(void **state)
{
    struct joist_pool_conf conf = conf_of(both, 2, 1);
    struct caller a, b;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    set_down(&r, 1, 1);
    get(&r, &a);
    get(&r, &b);
    assert_false(is_running(&b));
    set_down(&r, 1, 0);
    rig_wait(&r, 20);
    rig_turn(&r);
    assert_true(is_running(&b));
    assert_int_equal(b.call.target, 1);
    answer_with(&a, 200);
    answer_with(&b, 200);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_who_waits_fails_when_no_target_is_left(void **state)
{
    struct joist_pool_conf conf = conf_of(both, 2, 1);
    struct caller v[3];
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    run_many(&r, v, 3);
    set_down(&r, 0, 1);
    set_down(&r, 1, 1);
    rig_wait(&r, 20);
    rig_turn(&r);
    assert_int_equal(v[2].why, JOIST_E_UNAVAILABLE);
    answer_with(&v[0], 200);
    answer_with(&v[1], 200);
    rig_finish(&r);
    rig_fini(&r);
}

/* Its slot is free, but nobody may have it. */
static void
test_a_target_that_is_down_is_not_handed_on(void **state)
{
    struct joist_pool_conf conf = conf_of(both, 2, 1);
    struct caller v[3];
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    run_many(&r, v, 3);
    set_down(&r, v[0].call.target, 1);
    answer_with(&v[0], 200);
    rig_turn(&r);
    assert_false(is_running(&v[2]));
    answer_with(&v[1], 200);
    rig_turn(&r);
    assert_true(is_running(&v[2]));
    assert_int_equal(v[2].call.target, v[1].call.target);
    answer_with(&v[2], 200);
    rig_finish(&r);
    rig_fini(&r);
}

/* It went down while the mail was under way: its call keeps its place. */
static void
test_a_slot_that_became_useless_costs_no_place(void **state)
{
    struct joist_pool_conf conf = conf_of(both, 2, 1);
    struct caller v[4];
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    run_many(&r, v, 4);
    answer_with(&v[0], 200); /* to v[2] */
    set_down(&r, v[0].call.target, 1);
    rig_turn(&r);
    assert_false(is_running(&v[2]));
    assert_int_equal(jst_tstate_inflight(state_of(&r, v[0].call.target)), 0);
    answer_with(&v[1], 200);
    rig_turn(&r);
    assert_true(is_running(&v[2]));
    assert_false(is_running(&v[3]));
    answer_with(&v[2], 200);
    rig_turn(&r);
    answer_with(&v[3], 200);
    rig_finish(&r);
    rig_fini(&r);
}

/* ---- breakers ---- */

static void
test_who_waits_for_a_probe_goes_when_it_is_well(void **state)
{
    struct joist_pool_conf conf = conf_of(both, 1, 2);
    struct caller v[5];
    struct rig r;

    (void)state;
    conf.breaker = &breaker;
    rig_init_conf(&r, &conf);
    run_many(&r, v, 2);
    answer_with(&v[0], 500);
    answer_with(&v[1], 500);
    assert_int_equal(jst_breaker_state(&state_of(&r, 0)->breaker), JST_BREAKER_OPEN);
    rig_wait(&r, 700);
    state_of(&r, 0)->inflight = 1; /* another's call, that is still under way */
    get(&r, &v[0]);                /* the probe */
    assert_true(is_running(&v[0]));
    for (size_t i = 1; i < 4; i++) {
        get(&r, &v[i]);
        assert_false(is_running(&v[i]));
    }
    answer_with(&v[0], 200);
    rig_turn(&r);
    assert_true(is_running(&v[1]));
    assert_false(is_running(&v[2])); /* no more room */
    answer_with(&v[1], 200);
    rig_turn(&r);
    answer_with(&v[2], 200);
    rig_turn(&r);
    answer_with(&v[3], 200);
    assert_int_equal(jst_tstate_inflight(state_of(&r, 0)), 1);
    rig_finish(&r);
    rig_fini(&r);
}

/* ---- other configurations ---- */

static void
swap(struct rig *r, const struct joist_pool_conf *conf)
{
    struct jst_pool *next;

    rig_make_pool(&next, conf);
    assert_int_equal(jst_pool_track(next, conf, r->states, rig_now_ms(r)), 0);
    jst_pool_unref(&r->pool);
    r->pool = next;
    assert_int_equal(jst_upool_acquire(&r->upool, r->local.upstreams, next, 1000), 0);
}

static void
test_a_swap_keeps_the_order_and_the_count(void **state)
{
    struct joist_pool_conf conf = conf_of(both, 1, 1);
    struct joist_pool_conf after = conf_of(both, 2, 1);
    struct jst_upool *before;
    struct caller old[2], new[3];
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    run_many(&r, old, 2);
    before = r.upool;
    swap(&r, &after);
    get(&r, &new[0]); /* behind the one that waits; but its pool has a target more */
    assert_true(is_running(&new[0]));
    assert_int_equal(new[0].call.target, 1);
    get(&r, &new[1]);
    assert_false(is_running(&new[1]));
    answer_with(&new[0], 200); /* of no use to the older one */
    rig_turn(&r);
    assert_true(is_running(&new[1]));
    get(&r, &new[2]);
    answer_with(&old[0], 200);
    rig_turn(&r);
    assert_true(is_running(&old[1])); /* it came first */
    assert_false(is_running(&new[2]));
    answer_with(&old[1], 200);
    rig_turn(&r);
    assert_true(is_running(&new[2]));
    answer_with(&new[1], 200);
    answer_with(&new[2], 200);
    assert_int_equal(jst_tstate_inflight(state_of(&r, 0)), 0);
    rig_finish(&r);
    jst_upool_release(&before);
    rig_fini(&r);
}

static void
test_a_higher_limit_counts_at_once(void **state)
{
    struct joist_pool_conf conf = conf_of(both, 1, 1);
    struct joist_pool_conf after = conf_of(both, 1, 3);
    struct jst_upool *before;
    struct caller old[2], new[3];
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    run_many(&r, old, 2);
    before = r.upool;
    swap(&r, &after);
    for (size_t i = 0; i < 2; i++) {
        get(&r, &new[i]);
        assert_true(is_running(&new[i]));
    }
    get(&r, &new[2]);
    assert_false(is_running(&new[2]));
    answer_with(&new[0], 200);
    rig_turn(&r);
    assert_true(is_running(&new[2])); /* two are too many for the older one */
    answer_with(&new[1], 200);
    answer_with(&new[2], 200);
    rig_turn(&r);
    assert_false(is_running(&old[1]));
    answer_with(&old[0], 200);
    rig_turn(&r);
    assert_true(is_running(&old[1]));
    answer_with(&old[1], 200);
    rig_finish(&r);
    jst_upool_release(&before);
    rig_fini(&r);
}

static void
test_a_target_that_is_added_takes_who_waits(void **state)
{
    struct joist_pool_conf conf = conf_of(both, 1, 1);
    struct joist_pool_conf two = conf_of(both, 2, 1);
    struct jst_upool_hold *holds = NULL;
    const struct jst_target *targets[2];
    struct jst_pool *other, *derived;
    struct jst_upool *before, *current;
    struct caller a, b;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    current = r.upool;
    jst_upool_keep_at(current, &current);
    get(&r, &a);
    memset(&b, 0, sizeof(b));
    run_call(&r, &b, JST_METHOD_GET);
    assert_false(is_running(&b));
    b.call.holds = &holds;

    rig_make_pool(&other, &two);
    targets[0] = &r.pool->v[0];
    targets[1] = &other->v[1];
    assert_int_equal(jst_pool_derive(&derived, r.pool, targets, 2, rig_now_ms(&r)), 0);
    before = r.upool;
    assert_int_equal(jst_upool_acquire(&current, r.local.upstreams, derived, 1000), 0);
    rig_wait(&r, 20);
    rig_turn(&r);
    assert_true(is_running(&b));
    assert_int_equal(b.call.target, 1);
    answer_with(&b, 200);
    answer_with(&a, 200);
    rig_finish(&r);
    jst_upool_let_go(&holds);
    jst_arena_fini(&b.arena);
    jst_upool_release(&before);
    r.upool = current;
    jst_pool_unref(&derived);
    jst_pool_unref(&other);
    rig_fini(&r);
}

/* ---- further tries ---- */

/* The other target is full: better to wait for it than to fail, and not for the one that failed. */
static void
test_a_further_try_waits_for_another_target(void **state)
{
    struct joist_pool_conf conf = conf_of(both, 2, 1);
    struct caller a, b, late;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    get(&r, &a);
    get(&r, &b);
    fake_fail(JST_CONTAINER(b.call.client, struct fake, base), JOIST_E_REFUSED, false);
    rig_turn(&r);
    assert_false(is_running(&b));
    assert_int_equal(b.why, 0);
    get(&r, &late); /* what b cannot use, it can */
    assert_true(is_running(&late));
    assert_int_not_equal(late.call.target, a.call.target);
    answer_with(&late, 200);
    rig_turn(&r);
    assert_false(is_running(&b));
    answer_with(&a, 200);
    rig_turn(&r);
    assert_true(is_running(&b));
    assert_int_equal(b.call.target, a.call.target);
    answer_with(&b, 200);
    rig_finish(&r);
    rig_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_target_that_comes_back_takes_who_waits),
        cmocka_unit_test(test_who_waits_fails_when_no_target_is_left),
        cmocka_unit_test(test_a_target_that_is_down_is_not_handed_on),
        cmocka_unit_test(test_a_slot_that_became_useless_costs_no_place),
        cmocka_unit_test(test_who_waits_for_a_probe_goes_when_it_is_well),
        cmocka_unit_test(test_a_swap_keeps_the_order_and_the_count),
        cmocka_unit_test(test_a_higher_limit_counts_at_once),
        cmocka_unit_test(test_a_target_that_is_added_takes_who_waits),
        cmocka_unit_test(test_a_further_try_waits_for_another_target),
    };

    return cmocka_run_group_tests_name("upstream/queue_pools", tests, NULL, NULL);
}
