// SPDX-License-Identifier: MIT
/*
 * Timers against a model: each fires at the first run that is not before its deadline, once.
 */
#include "loop/timer.h"

#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TIMERS 300

struct item {
    struct jst_timer t;
    uint64_t due; /* the model's */
    bool in_use;
};

static struct jst_loop *l;
static struct item items[TIMERS];
static uint64_t now;
static unsigned fired;

static void
on_timer(struct jst_timer *t)
{
    struct item *item = JST_CONTAINER(t, struct item, t);

    assert_true(item->in_use);
    assert_true(item->due <= now); /* never before its time, never after a stop */
    assert_int_equal(t->deadline_ms, JST_NEVER);
    item->due = JST_NEVER;
    fired++;
}

static int
begin(void **state)
{
    (void)state;
    memset(items, 0, sizeof(items));
    for (size_t i = 0; i < TIMERS; i++) {
        items[i].due = JST_NEVER;
    }
    now = 1000;
    fired = 0;
    return jst_loop_create(&l, NULL);
}

static int
finish(void **state)
{
    (void)state;
    jst_loop_destroy(&l);
    return 0;
}

static void
run_at(uint64_t ms)
{
    now = ms;
    jst_timers_run(jst_loop_timers_(l), now);
}

static void
set(struct item *item, uint64_t due)
{
    item->due = due;
    jst_timer_set(l, &item->t, due);
}

static void
start(struct item *item)
{
    assert_int_equal(jst_timer_init(l, &item->t, on_timer), 0);
    item->in_use = true;
    item->due = JST_NEVER;
}

static void
test_one(void **state)
{
    (void)state;
    start(&items[0]);
    assert_true(jst_timers_next(jst_loop_timers_(l)) == JST_NEVER);
    set(&items[0], 1500);
    assert_int_equal(jst_timers_next(jst_loop_timers_(l)), 1500);
    run_at(1499);
    assert_int_equal(fired, 0);
    run_at(1500);
    assert_int_equal(fired, 1);
    run_at(5000);
    assert_int_equal(fired, 1);
    jst_timer_fini(l, &items[0].t);
}

/* Later costs nothing and fires later; earlier works at once; stopped is silent. */
static void
test_moved_and_stopped(void **state)
{
    (void)state;
    start(&items[0]);
    set(&items[0], 1500);
    set(&items[0], 3000);
    assert_int_equal(jst_timers_next(jst_loop_timers_(l)), 1500); /* lazy */
    run_at(2000);
    assert_int_equal(fired, 0);
    assert_int_equal(jst_timers_next(jst_loop_timers_(l)), 3000);
    set(&items[0], 2500);
    assert_int_equal(jst_timers_next(jst_loop_timers_(l)), 2500);
    run_at(2500);
    assert_int_equal(fired, 1);
    set(&items[0], 2600);
    jst_timer_stop(&items[0].t);
    run_at(9000);
    assert_int_equal(fired, 1);
    assert_true(jst_timers_next(jst_loop_timers_(l)) == JST_NEVER);
    set(&items[0], 100); /* long ago */
    run_at(9001);
    assert_int_equal(fired, 2);
    jst_timer_fini(l, &items[0].t);
}

static void
on_again(struct jst_timer *t)
{
    fired++;
    jst_timer_set(l, t, now);
}

static void
test_one_turn_each(void **state)
{
    struct jst_timer t;

    (void)state;
    assert_int_equal(jst_timer_init(l, &t, on_again), 0);
    jst_timer_set(l, &t, now);
    run_at(now);
    assert_int_equal(fired, 1); /* not for ever */
    run_at(now);
    assert_int_equal(fired, 2);
    jst_timer_fini(l, &t);
    jst_timer_fini(l, &t); /* harmless */
}

static size_t
below(struct jst_rand *r, size_t n)
{
    return (size_t)(jst_rand_next(r) % n);
}

static void
step(struct item *item, struct jst_rand *r)
{
    if (!item->in_use) {
        start(item);
        return;
    }
    switch (below(r, 8)) {
    case 0:
        jst_timer_fini(l, &item->t);
        item->in_use = false;
        item->due = JST_NEVER;
        break;
    case 1:
        jst_timer_stop(&item->t);
        item->due = JST_NEVER;
        break;
    default:
        set(item, now + below(r, 2000));
        break;
    }
}

static void
test_random(void **state)
{
    const char *env = getenv("SEED");
    uint8_t seed[32] = {0};
    struct jst_rand r;

    (void)state;
    seed[2] = env != NULL ? (uint8_t)strtoul(env, NULL, 10) : 3;
    jst_rand_init(&r, seed);
    for (int i = 0; i < 20000; i++) {
        uint64_t next = JST_NEVER;

        step(&items[below(&r, TIMERS)], &r);
        if (below(&r, 5) == 0) {
            run_at(now + below(&r, 300));
            for (size_t k = 0; k < TIMERS; k++) { /* all that were due are gone */
                assert_true(items[k].due > now);
            }
        }
        for (size_t k = 0; k < TIMERS; k++) {
            next = JST_MIN(next, items[k].due);
        }
        assert_true(jst_timers_next(jst_loop_timers_(l)) <= next);
    }
    assert_true(fired > 500);
    for (size_t k = 0; k < TIMERS; k++) {
        jst_timer_fini(l, &items[k].t);
    }
    assert_int_equal(jst_loop_timers_(l)->reserved, 0);
    assert_int_equal(jst_loop_timers_(l)->n, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one, begin, finish),
        cmocka_unit_test_setup_teardown(test_moved_and_stopped, begin, finish),
        cmocka_unit_test_setup_teardown(test_one_turn_each, begin, finish),
        cmocka_unit_test_setup_teardown(test_random, begin, finish),
    };

    return cmocka_run_group_tests_name("loop/timer", tests, NULL, NULL);
}
