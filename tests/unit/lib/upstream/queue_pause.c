// SPDX-License-Identifier: MIT
/* Pools that are paused, resumed, stopped. */
#include "rig.h"
#include "upstream/queue.h"

static const struct joist_target_conf two[] = {{.url = "http://127.0.0.1:1", .weight = 1},
                                               {.url = "http://127.0.0.1:2", .weight = 1}};

static struct joist_pool_conf
conf_of(uint32_t max_inflight)
{
    return (struct joist_pool_conf){.name = "a",
                                    .strategy = JOIST_STRATEGY_ROUND_ROBIN,
                                    .targets = two,
                                    .targets_n = 2,
                                    .idle_max = 8,
                                    .max_inflight = max_inflight,
                                    .queue = {.max = 4, .timeout_ms = 1000},
                                    .dynamic = true};
}

static struct jst_queue *
queue_of(const struct rig *r)
{
    return jst_queue_of(r->pool->tracking->pool);
}

static uint32_t
inflight(const struct rig *r, uint32_t i)
{
    return jst_tstate_inflight(r->pool->tracking->v[i]);
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
answer(struct caller *c)
{
    struct jst_head head = {.status = 200};
    struct fake *f = JST_CONTAINER(c->call.client, struct fake, base);

    jst_sink_head(c->call.on_response, &head);
    fake_finish_call(f, &c->call);
    jst_sink_end(c->call.on_response, NULL);
}

static void
test_a_paused_pool_holds_and_then_serves_all(void **state)
{
    struct joist_pool_conf conf = conf_of(0);
    struct caller before, v[4];
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    get(&r, &before);
    jst_queue_pause(queue_of(&r), 30000, rig_now_ms(&r));
    run_many(&r, v, 4);
    answer(&before); /* what is under way goes on */
    assert_int_equal(before.ends, 1);
    rig_turn(&r);
    for (size_t i = 0; i < 4; i++) {
        assert_false(is_running(&v[i]));
    }
    assert_int_equal(r.local.stats.upstream_queued, 4);
    jst_queue_resume(queue_of(&r), rig_now_ms(&r));
    rig_turn(&r);
    for (size_t i = 0; i < 4; i++) {
        assert_true(is_running(&v[i]));
    }
    assert_int_equal(inflight(&r, 0), 2); /* as the strategy spreads them */
    for (size_t i = 0; i < 4; i++) {
        answer(&v[i]);
    }
    assert_int_equal(inflight(&r, 0) + inflight(&r, 1), 0);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_a_resumed_pool_keeps_its_limit_and_the_order(void **state)
{
    struct joist_pool_conf conf = conf_of(1);
    struct caller v[4];
    struct rig r, other;

    (void)state;
    rig_init_conf(&r, &conf);
    rig_init_beside(&other, &r);
    jst_queue_pause(queue_of(&r), 30000, rig_now_ms(&r));
    for (size_t i = 0; i < 4; i++) {
        get(i % 2 == 0 ? &other : &r, &v[i]);
    }
    jst_queue_resume(queue_of(&r), rig_now_ms(&r));
    for (size_t i = 0; i < 4; i += 2) {
        rig_turn(&other);
        rig_turn(&r);
        for (size_t k = i; k < 4; k++) {
            assert_int_equal(is_running(&v[k]), k < i + 2);
        }
        assert_int_equal(inflight(&r, 0), 1);
        assert_int_equal(inflight(&r, 1), 1);
        answer(&v[i]);
        answer(&v[i + 1]);
    }
    rig_finish(&r);
    rig_finish(&other);
    rig_fini_beside(&other);
    rig_fini(&r);
}

static void
test_a_pause_holds_each_call_for_so_long(void **state)
{
    struct joist_pool_conf conf = conf_of(0);
    struct caller c;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    jst_queue_pause(queue_of(&r), 30000, rig_now_ms(&r));
    rig_wait(&r, 5000);
    get(&r, &c);
    rig_wait(&r, 29999); /* the queue's own time is shorter, and does not count */
    assert_int_equal(c.why, 0);
    rig_wait(&r, 20);
    assert_int_equal(c.why, JOIST_E_EXPIRED);
    assert_string_equal(c.call.detail, "waited too long: the upstream is paused");
    rig_finish(&r);
    rig_fini(&r);
}

/* Who was held had no chance: his time in the queue begins with the resume. */
static void
test_after_a_pause_the_queues_time_begins(void **state)
{
    struct joist_pool_conf conf = conf_of(1);
    struct caller v[3];
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    jst_queue_pause(queue_of(&r), 30000, rig_now_ms(&r));
    run_many(&r, v, 3);
    rig_wait(&r, 20000);
    jst_queue_resume(queue_of(&r), rig_now_ms(&r));
    rig_wait(&r, 900);
    assert_true(is_running(&v[0]) && is_running(&v[1]));
    assert_int_equal(v[2].why, 0);
    rig_wait(&r, 120);
    assert_int_equal(v[2].why, JOIST_E_EXPIRED);
    answer(&v[0]);
    answer(&v[1]);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_a_pause_holds_no_more_than_the_queue(void **state)
{
    struct joist_pool_conf conf = conf_of(0);
    struct caller v[5];
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    jst_queue_pause(queue_of(&r), 30000, rig_now_ms(&r));
    run_many(&r, v, 5);
    rig_turn(&r);
    assert_int_equal(v[4].why, JOIST_E_BUSY);
    jst_queue_resume(queue_of(&r), rig_now_ms(&r));
    rig_turn(&r);
    for (size_t i = 0; i < 4; i++) {
        answer(&v[i]);
    }
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_a_stop_fails_who_waits_and_who_comes(void **state)
{
    struct joist_pool_conf conf = conf_of(1);
    struct caller v[3], late;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    run_many(&r, v, 3);
    jst_queue_stop(queue_of(&r));
    get(&r, &late);
    rig_turn(&r);
    rig_turn(&r);
    assert_int_equal(v[2].why, JOIST_E_UNAVAILABLE);
    assert_int_equal(late.why, JOIST_E_UNAVAILABLE);
    assert_string_equal(late.call.detail, "the upstream is stopped");
    answer(&v[0]); /* what is under way goes on */
    answer(&v[1]);
    assert_int_equal(v[1].ends, 1);
    jst_queue_resume(queue_of(&r), rig_now_ms(&r));
    get(&r, &late);
    assert_true(is_running(&late));
    answer(&late);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_a_pause_outlives_a_swap(void **state)
{
    struct joist_pool_conf conf = conf_of(0);
    struct jst_pool *next;
    struct jst_upool *before;
    struct caller c;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    jst_queue_pause(queue_of(&r), 30000, rig_now_ms(&r));
    rig_make_pool(&next, &conf);
    assert_int_equal(jst_pool_track(next, &conf, r.states, rig_now_ms(&r)), 0);
    before = r.upool;
    jst_pool_unref(&r.pool);
    r.pool = next;
    assert_int_equal(jst_upool_acquire(&r.upool, r.local.upstreams, next, 1000), 0);
    jst_upool_release(&before);
    get(&r, &c);
    assert_false(is_running(&c));
    jst_queue_resume(queue_of(&r), rig_now_ms(&r));
    rig_turn(&r);
    assert_true(is_running(&c));
    answer(&c);
    rig_finish(&r);
    rig_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_paused_pool_holds_and_then_serves_all),
        cmocka_unit_test(test_a_resumed_pool_keeps_its_limit_and_the_order),
        cmocka_unit_test(test_a_pause_holds_each_call_for_so_long),
        cmocka_unit_test(test_after_a_pause_the_queues_time_begins),
        cmocka_unit_test(test_a_pause_holds_no_more_than_the_queue),
        cmocka_unit_test(test_a_stop_fails_who_waits_and_who_comes),
        cmocka_unit_test(test_a_pause_outlives_a_swap),
    };

    return cmocka_run_group_tests_name("upstream/queue_pause", tests, NULL, NULL);
}
