// SPDX-License-Identifier: MIT
/* Calls that wait because all targets have as many requests under way as they may. */
#include "upstream/queue.h"
#include "rig.h"

static const struct joist_target_conf four[] = {{.url = "http://127.0.0.1:1", .weight = 1},
                                                {.url = "http://127.0.0.1:2", .weight = 1},
                                                {.url = "http://127.0.0.1:3", .weight = 1},
                                                {.url = "http://127.0.0.1:4", .weight = 1}};

static struct joist_pool_conf
conf_of(size_t n, uint32_t max_inflight)
{
    return (struct joist_pool_conf){.name = "a",
                                    .strategy = JOIST_STRATEGY_ROUND_ROBIN,
                                    .targets = four,
                                    .targets_n = n,
                                    .idle_max = 8,
                                    .max_inflight = max_inflight,
                                    .queue = {.max = 16, .timeout_ms = 1000}};
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

static bool
is_waiting(const struct caller *c)
{
    return c->call.waiter != NULL;
}

/* The origin answers, and the response ends. */
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
get(struct rig *r, struct caller *c)
{
    run_call(r, c, JST_METHOD_GET);
}

/* ---- the limit ---- */

static void
test_no_target_has_more_than_its_limit(void **state)
{
    static const enum joist_strategy all[] = {
        JOIST_STRATEGY_SINGLE,        JOIST_STRATEGY_ROUND_ROBIN, JOIST_STRATEGY_LEAST_CONN,
        JOIST_STRATEGY_LEAST_LATENCY, JOIST_STRATEGY_HASH,        JOIST_STRATEGY_RANDOM,
    };

    (void)state;
    for (size_t k = 0; k < JST_COUNT(all); k++) {
        struct joist_pool_conf conf = conf_of(4, 2);
        struct caller v[12];
        struct rig r;

        conf.strategy = all[k];
        rig_init_conf(&r, &conf);
        run_many(&r, v, JST_COUNT(v));
        for (uint32_t i = 0; i < 4; i++) {
            assert_int_equal(jst_tstate_inflight(state_of(&r, i)), 2);
        }
        assert_int_equal(r.local.stats.upstream_queued, 4);
        for (size_t i = 0; i < JST_COUNT(v); i++) {
            rig_turn(&r);
            assert_true(is_running(&v[i]));
            answer(&v[i]);
        }
        assert_int_equal(r.local.stats.upstream_queued, 0);
        for (uint32_t i = 0; i < 4; i++) {
            assert_int_equal(jst_tstate_inflight(state_of(&r, i)), 0);
        }
        rig_finish(&r);
        rig_fini(&r);
    }
}

static void
test_a_failure_gives_its_slot_back(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct caller a, b;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    get(&r, &a);
    get(&r, &b);
    fake_fail(&fakes[0], JOIST_E_RESET, true);
    assert_int_equal(a.why, JOIST_E_RESET);
    rig_turn(&r);
    assert_true(is_running(&b));
    answer(&b);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_who_leaves_gives_his_slot_back(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct caller a, b;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    get(&r, &a);
    get(&r, &b);
    jst_account_leave(&a.call); /* as jst_upstream_cancel() does */
    jst_account_leave(&a.call);
    fake_finish(&fakes[0]);
    rig_turn(&r);
    assert_true(is_running(&b));
    assert_int_equal(jst_tstate_inflight(state_of(&r, 0)), 1);
    answer(&b);
    rig_finish(&r);
    rig_fini(&r);
}

/* ---- order ---- */

static void
test_who_came_first_goes_first_whichever_reactor(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct caller first, v[6];
    struct rig r[3];

    (void)state;
    rig_init_conf(&r[0], &conf);
    rig_init_beside(&r[1], &r[0]);
    rig_init_beside(&r[2], &r[0]);
    get(&r[2], &first);
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        get(&r[i % 3], &v[i]);
    }
    answer(&first);
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        for (size_t k = 3; k-- > 0;) {
            rig_turn(&r[k]);
        }
        for (size_t k = 0; k < JST_COUNT(v); k++) {
            assert_int_equal(is_running(&v[k]), k == i);
        }
        answer(&v[i]);
    }
    for (size_t k = 3; k-- > 0;) {
        rig_finish(&r[k]);
    }
    rig_fini_beside(&r[2]);
    rig_fini_beside(&r[1]);
    rig_fini(&r[0]);
}

/* The slot is somebody's while the mail is under way. */
static void
test_nobody_overtakes_who_waits(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct caller a, waits, late;
    struct rig r, other;

    (void)state;
    rig_init_conf(&r, &conf);
    rig_init_beside(&other, &r);
    get(&r, &a);
    get(&other, &waits);
    answer(&a);
    get(&r, &late);
    rig_turn(&r);
    assert_false(is_running(&late));
    rig_turn(&other);
    assert_true(is_running(&waits));
    answer(&waits);
    rig_turn(&r);
    assert_true(is_running(&late));
    answer(&late);
    rig_finish(&r);
    rig_finish(&other);
    rig_fini_beside(&other);
    rig_fini(&r);
}

/* Between the pick that found all full and the queue. */
static void
test_a_slot_that_became_free_meanwhile_is_seen(void **state)
{
    struct joist_pool_conf conf = conf_of(2, 1);
    struct jst_waiter w = {0};
    struct jst_queue *q;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    q = jst_queue_of(r.pool->tracking->pool);
    jst_list_init(&w.link);
    w.pool = r.pool;
    w.loop = r.local.loop;
    assert_int_equal(jst_queue_enter(q, &w, 16, true, rig_now_ms(&r)), 1);
    assert_int_equal(jst_queue_waiting(q), 0);
    assert_int_equal(jst_tstate_inflight(state_of(&r, w.target)), 1);
    jst_slot_give(r.pool->tracking, w.target, rig_now_ms(&r));
    rig_fini(&r);
}

/* ---- too many, too long ---- */

static void
test_a_full_queue_refuses(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct caller a, b, c;
    struct rig r;

    (void)state;
    conf.queue.max = 1;
    rig_init_conf(&r, &conf);
    get(&r, &a);
    get(&r, &b);
    get(&r, &c);
    rig_turn(&r);
    assert_int_equal(c.why, JOIST_E_BUSY);
    assert_int_equal(c.call.retry_after_s, 1);
    assert_int_equal(r.local.stats.upstream_queue_full, 1);
    assert_true(is_waiting(&b));
    answer(&a);
    rig_turn(&r);
    answer(&b);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_without_a_queue_nobody_waits(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct caller a, b;
    struct rig r;

    (void)state;
    conf.queue.max = 0;
    rig_init_conf(&r, &conf);
    get(&r, &a);
    get(&r, &b);
    rig_turn(&r);
    assert_int_equal(b.why, JOIST_E_BUSY);
    answer(&a);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_waiting_ends_in_time(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct caller a, b;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    get(&r, &a);
    get(&r, &b);
    rig_wait(&r, 20);
    rig_wait(&r, 979);
    assert_true(is_waiting(&b));
    rig_wait(&r, 20);
    assert_int_equal(b.why, JOIST_E_EXPIRED);
    assert_string_equal(b.call.detail, "waited too long: all targets were at max_inflight");
    assert_int_equal(r.local.stats.upstream_queue_timeout, 1);
    assert_int_equal(r.local.stats.upstream_queued, 0);
    answer(&a);
    assert_int_equal(jst_tstate_inflight(state_of(&r, 0)), 0);
    rig_finish(&r);
    rig_fini(&r);
}

/* ---- leaving ---- */

static void
test_who_leaves_the_queue_is_not_served(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct caller a, b, c;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    get(&r, &a);
    get(&r, &b);
    get(&r, &c);
    jst_upstream_cancel(&b.call, JOIST_E_CANCELED);
    jst_upstream_abort(&b.call, JOIST_E_CANCELED);
    answer(&a);
    rig_turn(&r);
    assert_false(is_running(&b));
    assert_true(is_running(&c));
    answer(&c);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_who_leaves_while_the_mail_is_under_way_passes_it_on(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct caller a, b, c;
    struct rig r, other;

    (void)state;
    rig_init_conf(&r, &conf);
    rig_init_beside(&other, &r);
    get(&r, &a);
    get(&other, &b);
    get(&r, &c);
    answer(&a);
    jst_upstream_cancel(&b.call, JOIST_E_CANCELED);
    memset(&b, 0, sizeof(b)); /* its memory is gone */
    rig_turn(&r);
    assert_false(is_running(&c));
    rig_turn(&other);
    rig_turn(&r);
    assert_true(is_running(&c));
    answer(&c);
    assert_int_equal(jst_tstate_inflight(state_of(&r, 0)), 0);
    rig_finish(&r);
    rig_fini_beside(&other);
    rig_fini(&r);
}

static void
test_a_reactor_that_ends_passes_on_what_it_was_sent(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct caller a, b, c;
    struct rig r, other;

    (void)state;
    rig_init_conf(&r, &conf);
    rig_init_beside(&other, &r);
    get(&r, &a);
    get(&other, &b);
    get(&r, &c);
    answer(&a);
    jst_upstream_cancel(&b.call, JOIST_E_CANCELED);
    rig_fini_beside(&other); /* the mail was not delivered */
    rig_turn(&r);
    assert_true(is_running(&c));
    answer(&c);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_the_end_of_a_reactor_fails_who_waits(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct caller a, b, c;
    struct rig r, other;

    (void)state;
    rig_init_conf(&r, &conf);
    rig_init_beside(&other, &r);
    get(&r, &a);
    get(&other, &b);
    get(&r, &c);
    jst_upstreams_destroy(&other.local.upstreams);
    rig_turn(&other);
    assert_int_equal(b.why, JOIST_E_CANCELED);
    answer(&a);
    rig_turn(&r);
    assert_true(is_running(&c));
    answer(&c);
    rig_finish(&r);
    rig_fini_beside(&other);
    rig_fini(&r);
}

/* ---- bodies ---- */

static void
test_the_end_of_a_body_is_kept_while_it_waits(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct caller a, b;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    get(&r, &a);
    get(&r, &b);
    jst_upstream_end(&b.call, NULL);
    answer(&a);
    rig_turn(&r);
    assert_true(is_running(&b));
    assert_true(b.call.ended);
    answer(&b);
    rig_finish(&r);
    rig_fini(&r);
}

/* ---- tunnels ---- */

static void
open_tunnel(struct rig *r, struct caller *c)
{
    struct jst_head head = {.status = 101};

    get(r, c);
    jst_sink_head(c->call.on_response, &head);
}

static void
test_a_tunnel_keeps_its_slot_until_both_have_ended(void **state)
{
    struct joist_pool_conf conf = conf_of(1, 1);
    struct rig r;

    (void)state;
    for (int origin_first = 0; origin_first < 2; origin_first++) {
        struct caller tunnel, b;

        rig_init_conf(&r, &conf);
        open_tunnel(&r, &tunnel);
        get(&r, &b);
        for (int k = 0; k < 2; k++) {
            assert_true(is_waiting(&b));
            rig_turn(&r);
            assert_false(is_running(&b));
            if (k == origin_first) {
                jst_upstream_end(&tunnel.call, NULL);
            } else {
                jst_sink_end(tunnel.call.on_response, NULL);
            }
        }
        rig_turn(&r);
        assert_true(is_running(&b));
        answer(&b);
        assert_int_equal(jst_tstate_inflight(state_of(&r, 0)), 0);
        rig_finish(&r);
        rig_fini(&r);
    }
}

static void
on_cancel(struct jst_source *s, int why)
{
    (void)s;
    (void)why;
}

static void
test_a_tunnel_that_breaks_after_its_response_gives_its_slot_back(void **state)
{
    static const struct jst_source_ops ops = {.cancel = on_cancel};
    struct jst_source from = {&ops};
    struct joist_pool_conf conf = conf_of(1, 1);
    struct jst_head head = {.status = 101};
    struct caller tunnel;
    struct rig r;

    (void)state;
    rig_init_conf(&r, &conf);
    get(&r, &tunnel);
    tunnel.call.on_request = &from;
    jst_sink_head(tunnel.call.on_response, &head);
    jst_sink_end(tunnel.call.on_response, NULL);
    assert_int_equal(jst_tstate_inflight(state_of(&r, 0)), 1);
    jst_source_cancel(tunnel.call.on_request, JOIST_E_RESET);
    assert_int_equal(jst_tstate_inflight(state_of(&r, 0)), 0);
    jst_account_leave(&tunnel.call);
    assert_int_equal(jst_tstate_inflight(state_of(&r, 0)), 0);
    rig_finish(&r);
    rig_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_target_has_more_than_its_limit),
        cmocka_unit_test(test_a_failure_gives_its_slot_back),
        cmocka_unit_test(test_who_leaves_gives_his_slot_back),
        cmocka_unit_test(test_who_came_first_goes_first_whichever_reactor),
        cmocka_unit_test(test_nobody_overtakes_who_waits),
        cmocka_unit_test(test_a_slot_that_became_free_meanwhile_is_seen),
        cmocka_unit_test(test_a_full_queue_refuses),
        cmocka_unit_test(test_without_a_queue_nobody_waits),
        cmocka_unit_test(test_waiting_ends_in_time),
        cmocka_unit_test(test_who_leaves_the_queue_is_not_served),
        cmocka_unit_test(test_who_leaves_while_the_mail_is_under_way_passes_it_on),
        cmocka_unit_test(test_a_reactor_that_ends_passes_on_what_it_was_sent),
        cmocka_unit_test(test_the_end_of_a_reactor_fails_who_waits),
        cmocka_unit_test(test_the_end_of_a_body_is_kept_while_it_waits),
        cmocka_unit_test(test_a_tunnel_keeps_its_slot_until_both_have_ended),
        cmocka_unit_test(test_a_tunnel_that_breaks_after_its_response_gives_its_slot_back),
    };

    return cmocka_run_group_tests_name("upstream/queue", tests, NULL, NULL);
}
