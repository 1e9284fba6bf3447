// SPDX-License-Identifier: MIT
/* Waiting until a pool is well: one thread waits, the other one is the checker's. */
#include "health_rig.h"
#include "upstream/track.h"

#include <pthread.h>

#define LOOKS_MAX 2000 /* of 10 ms each, in the worst case */

struct waiting {
    struct world w;
    struct jst_pool *pool; /* not in use */
    struct jst_health_wait_conf conf;
    struct jst_health_waited out[3];
    pthread_t thread;
    int rc;
    bool over; /* atomic */
};

static void *
run_wait(void *arg)
{
    struct waiting *x = arg;

    x->rc = jst_health_wait(x->w.health, x->pool, &x->conf, x->out);
    __atomic_store_n(&x->over, true, __ATOMIC_RELEASE);
    return NULL;
}

static void
begin(struct waiting *x, uint32_t need, uint64_t timeout_ms)
{
    memset(x, 0, sizeof(*x));
    world_init(&x->w);
    x->pool = world_make(&x->w, 0, 3);
    x->conf = (struct jst_health_wait_conf){.timeout_ms = timeout_ms, .need = need};
    assert_int_equal(pthread_create(&x->thread, NULL, run_wait, x), 0);
    for (int i = 0; i < LOOKS_MAX && fakes_n < 3; i++) {
        jst_loop_turn(x->w.local.loop, 10);
    }
    assert_int_equal(fakes_n, 3);
}

/* It has its answer. */
static void
end(struct waiting *x, int rc)
{
    assert_int_equal(pthread_join(x->thread, NULL), 0);
    assert_true(__atomic_load_n(&x->over, __ATOMIC_ACQUIRE));
    assert_int_equal(x->rc, rc);
}

static void
fini(struct waiting *x)
{
    world_fini_with(&x->w, &x->pool);
}

static bool
is_out(const struct waiting *x, size_t target)
{
    return __atomic_load_n(&x->pool->tracking->v[target]->down, __ATOMIC_RELAXED) != 0;
}

static void
test_all_must_pass(void **state)
{
    struct waiting x;

    (void)state;
    begin(&x, 0, 60000);
    for (int round = 0; round < 2; round++) { /* `up` is 2 */
        assert_false(__atomic_load_n(&x.over, __ATOMIC_ACQUIRE));
        for (size_t i = 0; i < 3; i++) {
            answer(&x.w, PORT(i), 200);
        }
        if (round == 0) {
            world_wait(&x.w, 550); /* sooner than the interval of a second */
        }
    }
    end(&x, JOIST_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_true(x.out[i].passed);
        assert_int_equal(x.out[i].checks, 2);
    }
    fini(&x);
}

static void
test_enough_may_pass(void **state)
{
    struct jst_health_report r;
    struct waiting x;

    (void)state;
    begin(&x, 2, 60000);
    refuse(&x.w, PORT(1));
    answer(&x.w, PORT(0), 200);
    answer(&x.w, PORT(2), 200);
    world_wait(&x.w, 550);
    answer(&x.w, PORT(0), 200);
    answer(&x.w, PORT(2), 200);
    end(&x, JOIST_OK);
    assert_false(x.out[1].passed);
    assert_non_null(strstr(x.out[1].text, "connection refused"));
    assert_true(is_out(&x, 1)); /* it is not used before it is well */
    assert_false(is_out(&x, 0));
    assert_true(jst_health_read(x.pool, 0, &r));
    assert_int_equal(r.verdict, JST_HEALTH_UP);
    fini(&x);
}

static void
test_too_few_in_time_change_nothing(void **state)
{
    struct waiting x;

    (void)state;
    begin(&x, 0, 3000);
    answer(&x.w, PORT(0), 200);
    refuse(&x.w, PORT(1));
    for (int i = 0; i < 6; i++) {
        world_wait(&x.w, 500);
    }
    end(&x, JOIST_E_TIMEOUT);
    for (size_t i = 0; i < 3; i++) {
        assert_false(is_out(&x, i));
    }
    assert_non_null(strstr(x.out[2].text, "not connected within 500 ms"));
    for (size_t i = 0; i < fakes_n; i++) {
        assert_true(fakes[i].gone);
    }
    fini(&x);
}

static void
test_one_that_fails_again_has_not_passed(void **state)
{
    struct waiting x;

    (void)state;
    begin(&x, 0, 5000);
    for (int round = 0; round < 2; round++) {
        answer(&x.w, PORT(0), 200);
        world_wait(&x.w, 550);
    }
    refuse(&x.w, PORT(0));
    world_wait(&x.w, 5000);
    end(&x, JOIST_E_TIMEOUT);
    assert_false(x.out[0].passed);
    fini(&x);
}

static void
test_who_is_in_use_is_left_alone(void **state)
{
    struct waiting x;

    (void)state;
    begin(&x, 1, 60000);
    for (size_t i = 0; i < 3; i++) {
        refuse(&x.w, PORT(i));
    }
    world_set(&x.w, 0, 1); /* the same name and target: its own checks begin */
    refuse(&x.w, PORT(0));
    world_wait(&x.w, 550);
    for (int round = 0; round < 2; round++) {
        answer(&x.w, PORT(2), 200);
        world_wait(&x.w, 550);
    }
    end(&x, JOIST_OK);
    assert_false(is_down(&x.w, 0)); /* by the one failure of its own */
    assert_true(is_out(&x, 1));
    fini(&x);
}

static void
test_the_end_of_all_is_told(void **state)
{
    struct waiting x;

    (void)state;
    begin(&x, 0, 0);
    fini(&x); /* stops the checker */
    end(&x, JOIST_E_CANCELED);
}

static void
test_more_than_there_are_is_refused(void **state)
{
    struct jst_health_wait_conf conf = {.need = 2};
    struct jst_health_waited out[1];
    struct world w;

    (void)state;
    world_init(&w);
    w.pool = world_make(&w, 0, 1);
    assert_int_equal(jst_health_wait(w.health, w.pool, &conf, out), JOIST_E_INVAL);
    world_fini(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_must_pass),
        cmocka_unit_test(test_enough_may_pass),
        cmocka_unit_test(test_too_few_in_time_change_nothing),
        cmocka_unit_test(test_one_that_fails_again_has_not_passed),
        cmocka_unit_test(test_who_is_in_use_is_left_alone),
        cmocka_unit_test(test_the_end_of_all_is_told),
        cmocka_unit_test(test_more_than_there_are_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
