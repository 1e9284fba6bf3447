// SPDX-License-Identifier: MIT
/* Health checks: when they are made, what their answers come to, what outlives a configuration. */
#include "health_rig.h"
#include "upstream/track.h"

#include <stdlib.h>

#define INTERVAL_MAX_MS 1100 /* of the rig's second, with its tenth */

static void
fail_times(struct world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        refuse(w, PORT(0));
        world_wait(w, INTERVAL_MAX_MS);
    }
}

static void
test_all_targets_are_checked_at_once(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(dial_to(PORT(i)));
        assert_int_equal(report_of(&w, i).verdict, JST_HEALTH_UNKNOWN);
        assert_false(is_down(&w, i));
    }
    world_fini(&w);
}

static void
test_it_is_down_after_so_many_in_a_row(void **state)
{
    struct world w;
    uint64_t epoch;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 1);
    fail_times(&w, 2);
    assert_false(is_down(&w, 0));
    assert_int_equal(report_of(&w, 0).bad, 2);
    epoch = jst_states_epoch(w.states);
    refuse(&w, PORT(0));
    assert_true(is_down(&w, 0));
    assert_int_equal(report_of(&w, 0).verdict, JST_HEALTH_DOWN);
    assert_true(jst_states_epoch(w.states) != epoch);
    assert_int_equal(w.local.stats.targets_down, 1);
    assert_int_equal(w.local.stats.health_checks, 3);
    assert_int_equal(w.local.stats.health_failures, 3);
    world_fini(&w);
}

static void
test_it_is_up_after_so_many_in_a_row(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 1);
    fail_times(&w, 3);
    answer(&w, PORT(0), 200);
    assert_true(is_down(&w, 0));
    world_wait(&w, INTERVAL_MAX_MS);
    answer(&w, PORT(0), 204);
    assert_false(is_down(&w, 0));
    assert_int_equal(w.local.stats.targets_down, 0);
    assert_int_equal(__atomic_load_n(&w.pool->tracking->v[0]->since_ms, __ATOMIC_RELAXED),
                     jst_loop_now_ms(w.local.loop)); /* its slow start */
    world_fini(&w);
}

static void
test_flapping_below_the_threshold_changes_nothing(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 1);
    for (int i = 0; i < 10; i++) {
        fail_times(&w, 2);
        answer(&w, PORT(0), 200);
        world_wait(&w, INTERVAL_MAX_MS);
        assert_false(is_down(&w, 0));
    }
    assert_int_equal(w.lines[JST_EVENT_UPSTREAM_DOWN], 0);
    assert_int_equal(w.lines[JST_EVENT_UPSTREAM_CHECK_FAILED], 10); /* each row once */
    world_fini(&w);
}

static void
test_a_change_is_told_once_with_its_reason(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 1);
    for (int i = 0; i < 6; i++) {
        answer(&w, PORT(0), 500);
        world_wait(&w, INTERVAL_MAX_MS);
    }
    assert_int_equal(w.lines[JST_EVENT_UPSTREAM_DOWN], 1);
    assert_string_equal(w.line,
                        "upstream=p target=127.0.0.1:1000 failures=3 "
                        "check=\"GET http://127.0.0.1:1000/up: status 500, expected 200-299, "
                        "after 0 ms\"");
    for (int i = 0; i < 4; i++) {
        answer(&w, PORT(0), 200);
        world_wait(&w, INTERVAL_MAX_MS);
    }
    assert_int_equal(w.lines[JST_EVENT_UPSTREAM_UP], 1);
    assert_non_null(
        strstr(w.line, "down_ms=5500 check=\"GET http://127.0.0.1:1000/up: status 200"));
    world_fini(&w);
}

/* Against the rules written down another way, with random answers. */
static void
test_thresholds_follow_a_model(void **state)
{
    struct world w;
    unsigned good = 0;
    unsigned bad = 0;
    bool down = false;
    unsigned changes = 0;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 1);
    srand(7);
    for (int i = 0; i < 5000; i++) {
        bool well = rand() % 100 < (i / 500 % 2 == 0 ? 70 : 30);

        if (well) {
            answer(&w, PORT(0), 200);
        } else {
            refuse(&w, PORT(0));
        }
        good = well ? good + 1 : 0;
        bad = well ? 0 : bad + 1;
        if (down ? good >= 2 : bad >= 3) {
            down = !down;
            changes++;
        }
        assert_int_equal(is_down(&w, 0), down);
        fake_reset();
        world_wait(&w, INTERVAL_MAX_MS);
    }
    assert_true(changes > 100);
    assert_int_equal(w.lines[JST_EVENT_UPSTREAM_DOWN] + w.lines[JST_EVENT_UPSTREAM_UP], changes);
    world_fini(&w);
}

static void
test_intervals_differ_by_a_tenth(void **state)
{
    unsigned early = 0;
    unsigned late = 0;
    struct world w;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 1);
    for (int i = 0; i < 100; i++) {
        unsigned ms = 0;

        answer(&w, PORT(0), 200);
        while (dial_to(PORT(0)) == NULL && ms <= INTERVAL_MAX_MS) {
            world_wait(&w, 1);
            ms++;
        }
        assert_in_range(ms, 900, INTERVAL_MAX_MS);
        early += ms < 960;
        late += ms > 1040;
    }
    assert_true(early > 10 && late > 10);
    world_fini(&w);
}

static void
test_a_check_that_hangs_fails_in_time(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 2);
    (void)connect_to(&w, PORT(1));
    world_wait(&w, 499);
    assert_int_equal(report_of(&w, 0).checks, 0);
    world_wait(&w, 1);
    assert_string_equal(report_of(&w, 0).text,
                        "GET http://127.0.0.1:1000/up: not connected within 500 ms");
    assert_string_equal(report_of(&w, 1).text,
                        "GET http://127.0.0.1:1001/up: no answer within 500 ms");
    for (size_t i = 0; i < fakes_n; i++) {
        assert_true(fakes[i].gone);
    }
    world_fini(&w);
}

static void
test_a_verdict_outlives_a_configuration(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 2);
    fail_times(&w, 3);
    refuse(&w, PORT(0));
    world_set(&w, 0, 3); /* one more */
    assert_true(is_down(&w, 0));
    assert_int_equal(report_of(&w, 0).bad, 4);
    assert_int_equal(w.local.stats.targets_down, 1);
    assert_null(dial_to(PORT(0)));     /* its turn comes when it would have come */
    assert_non_null(dial_to(PORT(2))); /* the new one's at once */
    world_fini(&w);
}

static void
test_a_check_goes_on_across_a_change(void **state)
{
    struct world w;
    struct fake *f;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 2);
    f = connect_to(&w, PORT(1));
    world_set(&w, 1, 1); /* it has another number now */
    give_head(f, 200);
    give_end(&w, f);
    assert_int_equal(report_of(&w, 0).checks, 1);
    assert_true(report_of(&w, 0).last_good);
    world_fini(&w);
}

static void
test_who_is_removed_is_checked_no_more(void **state)
{
    struct world w;
    struct fake *f;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 2);
    f = connect_to(&w, PORT(1));
    world_set(&w, 0, 1);
    assert_true(f->gone);
    world_wait(&w, INTERVAL_MAX_MS);
    assert_null(dial_to(PORT(1)));
    world_fini(&w);
}

static void
test_without_checks_nobody_is_down(void **state)
{
    struct world w;
    struct jst_health_report r;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 1);
    fail_times(&w, 3);
    assert_true(is_down(&w, 0));
    w.conf.interval_ms = 0; /* the rig's pools have none then */
    world_set(&w, 0, 1);
    assert_false(is_down(&w, 0));
    assert_false(jst_health_read(w.pool, 0, &r));
    assert_int_equal(w.local.stats.targets_down, 0);
    world_wait(&w, INTERVAL_MAX_MS);
    assert_null(dial_to(PORT(0)));
    world_fini(&w);
}

static void
test_one_pool_can_be_set(void **state)
{
    struct world w;
    struct jst_pool *before;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 1);
    before = w.pool;
    w.pool = world_make(&w, 0, 2);
    world_set_pool(&w);
    jst_pool_unref(&before);
    world_turn(&w);
    assert_non_null(dial_to(PORT(1)));
    assert_non_null(dial_to(PORT(0))); /* what was under way goes on */
    world_fini(&w);
}

static void
test_so_many_checks_at_once(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    world_set(&w, 0, TARGETS_MAX);
    assert_int_equal(fakes_n, JST_HEALTH_CHECKS_MAX);
    assert_null(dial_to(PORT(TARGETS_MAX - 1)));
    world_wait(&w, 500); /* they fail: the others have their turn */
    assert_int_equal(fakes_n, TARGETS_MAX);
    assert_non_null(dial_to(PORT(TARGETS_MAX - 1)));
    world_fini(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_targets_are_checked_at_once),
        cmocka_unit_test(test_it_is_down_after_so_many_in_a_row),
        cmocka_unit_test(test_it_is_up_after_so_many_in_a_row),
        cmocka_unit_test(test_flapping_below_the_threshold_changes_nothing),
        cmocka_unit_test(test_a_change_is_told_once_with_its_reason),
        cmocka_unit_test(test_thresholds_follow_a_model),
        cmocka_unit_test(test_intervals_differ_by_a_tenth),
        cmocka_unit_test(test_a_check_that_hangs_fails_in_time),
        cmocka_unit_test(test_a_verdict_outlives_a_configuration),
        cmocka_unit_test(test_a_check_goes_on_across_a_change),
        cmocka_unit_test(test_who_is_removed_is_checked_no_more),
        cmocka_unit_test(test_without_checks_nobody_is_down),
        cmocka_unit_test(test_one_pool_can_be_set),
        cmocka_unit_test(test_so_many_checks_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
