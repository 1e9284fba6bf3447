// SPDX-License-Identifier: MIT
/* A pool's targets change beneath its calls: derived pools, the upool that takes another's place,
 * calls that go on in it, and drains whose time is over. */
#include "rig.h"
#include "upstream/control.h"

static const struct joist_target_conf targets[] = {{.url = "http://127.0.0.1:1", .weight = 1},
                                                   {.url = "http://127.0.0.1:2", .weight = 1},
                                                   {.url = "http://127.0.0.1:3", .weight = 1},
                                                   {.url = "http://127.0.0.1:4", .weight = 1}};

static const struct joist_hedge_conf hedge = {.after_ms = 100};
static const struct joist_retry_conf retry = {
    .attempts = 3, .on_failure = true, .budget_percent = 100};

struct world {
    struct rig r;
    struct jst_pool *spare;   /* of all four targets: where new ones are taken from */
    struct jst_pool *changed; /* what took r.pool's place; NULL: nothing did */
    struct jst_upool *current;
};

static struct joist_pool_conf
conf_of(size_t n)
{
    return (struct joist_pool_conf){.name = "a",
                                    .strategy = JOIST_STRATEGY_ROUND_ROBIN,
                                    .targets = targets,
                                    .targets_n = n,
                                    .idle_max = 8,
                                    .dynamic = true};
}

static void
start_conf(struct world *w, const struct joist_pool_conf *conf)
{
    struct joist_pool_conf all = conf_of(4);

    rig_init_conf(&w->r, conf);
    rig_make_pool(&w->spare, &all);
    w->changed = NULL;
    w->current = w->r.upool;
    jst_upool_keep_at(w->r.upool, &w->current);
}

static void
start(struct world *w, size_t n)
{
    struct joist_pool_conf conf = conf_of(n);

    start_conf(w, &conf);
}

static void
stop(struct world *w)
{
    if (w->current != w->r.upool) {
        jst_upool_release(&w->current);
    }
    jst_pool_unref(&w->changed);
    jst_pool_unref(&w->spare);
    rig_fini(&w->r);
}

/* From now on the pool has these of the four. */
static void
change(struct world *w, const uint32_t *which, uint32_t n)
{
    struct jst_pool *from = w->changed != NULL ? w->changed : w->r.pool;
    const struct jst_target *v[4];
    struct jst_upool *next = NULL;
    struct jst_pool *by = NULL;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t there = jst_pool_find(from, w->spare->v[which[i]].key, i);

        v[i] = there < from->n ? &from->v[there] : &w->spare->v[which[i]];
    }
    assert_int_equal(jst_pool_derive(&by, from, v, n, rig_now_ms(&w->r)), 0);
    assert_int_equal(jst_upool_acquire_like(&next, w->r.local.upstreams, by, 1000, w->current), 0);
    if (w->current != w->r.upool) {
        jst_upool_release(&w->current);
    }
    w->current = next;
    jst_upool_keep_at(next, &w->current);
    jst_pool_unref(&w->changed);
    w->changed = by;
}

static void
call_at(struct world *w, struct caller *c, struct jst_upool_hold **holds)
{
    memset(c, 0, sizeof(*c));
    run_call(&w->r, c, JST_METHOD_GET); /* fills it; then once more, with a place for holds */
    fake_finish(JST_CONTAINER(c->call.client, struct fake, base));
    jst_arena_init(&c->arena);
    c->call.on_response = &c->sink;
    c->call.holds = holds;
    jst_upstream_call(w->current, &c->call, &c->target);
}

/* ---- derived pools ---- */

static void
test_what_is_known_of_targets_stays(void **state)
{
    static const uint32_t without_first[] = {1, 2, 3};
    struct jst_tstate *second;
    struct world w;

    (void)state;
    start(&w, 3);
    second = w.r.pool->tracking->v[1];
    change(&w, without_first, 3);
    assert_ptr_equal(w.changed->tracking->v[0], second);
    assert_ptr_equal(w.changed->v[0].key, w.r.pool->v[1].key);
    assert_ptr_equal(w.current->v[0].live, w.r.upool->v[1].live);
    assert_ptr_equal(w.changed->tracking->pool, w.r.pool->tracking->pool);
    assert_int_equal(w.changed->tracking->v[2]->since_ms, rig_now_ms(&w.r)); /* the new one */
    stop(&w);
}

static void
test_many_changes_make_no_chain(void **state)
{
    static const uint32_t two[] = {0, 1};
    static const uint32_t three[] = {0, 1, 2};
    struct world w;

    (void)state;
    start(&w, 2);
    for (unsigned i = 0; i < 100; i++) {
        change(&w, three, 3);
        change(&w, two, 2);
    }
    assert_ptr_equal(w.changed->base, w.r.pool);
    assert_null(w.r.pool->base);
    stop(&w); /* sees that nothing is left */
}

static void
test_turns_go_on(void **state)
{
    static const uint32_t all[] = {0, 1, 2};
    struct jst_upool_hold *holds = NULL;
    unsigned hits[3] = {0};
    struct caller c[9];
    struct world w;

    (void)state;
    start(&w, 3);
    for (size_t i = 0; i < JST_COUNT(c); i++) {
        struct caller *one = &c[i];

        memset(one, 0, sizeof(*one));
        run_call(&(struct rig){.local = w.r.local, .upool = w.current}, one, JST_METHOD_GET);
        hits[one->call.target]++;
        change(&w, all, 3); /* a change before each: nobody is favoured by that */
        jst_upool_let_go(&holds);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hits[i], 3);
    }
    rig_finish(&w.r);
    stop(&w);
}

/* ---- calls ---- */

static void
test_a_call_goes_on_in_the_pool_as_it_is_now(void **state)
{
    static const uint32_t first_and_third[] = {0, 2};
    struct jst_upool_hold *holds = NULL;
    struct caller c;
    struct world w;
    uint32_t was;

    (void)state;
    start(&w, 2);
    call_at(&w, &c, &holds);
    was = c.call.target;
    change(&w, first_and_third, 2);
    fake_fail(JST_CONTAINER(c.call.client, struct fake, base), JOIST_E_REFUSED, false);
    rig_turn(&w.r);
    assert_int_equal(c.why, 0);
    assert_ptr_equal(c.call.upool, w.current);
    assert_int_equal(c.call.tried_n, was == 0); /* the other one is not there any more */
    assert_true(was != 0 || c.call.target == 1);
    rig_finish(&w.r);
    jst_upool_let_go(&holds);
    assert_null(holds);
    jst_arena_fini(&c.arena);
    stop(&w);
}

/* The hedge goes by a newer edition, where there are more targets than its call's has. */
static void
test_a_hedge_in_the_pool_as_it_is_now(void **state)
{
    static const uint32_t all[] = {0, 1, 2, 3};
    struct jst_upool_hold *holds = NULL;
    struct joist_pool_conf conf = conf_of(2);
    struct caller c;
    struct world w;

    (void)state;
    conf.hedge = &hedge;
    conf.retry = &retry;
    start_conf(&w, &conf);
    rig_prepare(&c, JST_METHOD_GET);
    c.call.holds = &holds;
    jst_upstream_call(w.current, &c.call, &c.target);
    c.call.connected = true;
    change(&w, all, 4);
    jst_control_removed(w.r.pool, ""); /* those of before: not in the way of new ones */
    rig_wait(&w.r, 100);
    assert_int_equal(fakes_n, 2);
    assert_ptr_equal(fakes[1].call->upool, w.current);
    fakes[1].call->connected = true;
    fake_fail(&fakes[0], JOIST_E_RESET, true);
    fake_fail(&fakes[1], JOIST_E_RESET, true);
    rig_wait(&w.r, 1000);
    assert_int_equal(c.why, 0);
    assert_int_equal(fakes_n, 3);
    assert_ptr_equal(c.call.upool, w.current);
    assert_true(fakes[2].port != fakes[0].port);
    for (uint8_t i = 0; i < c.call.tried_n; i++) {
        assert_true(c.call.tried[i] < w.changed->n);
    }
    jst_upstream_cancel(&c.call, JOIST_E_CANCELED);
    rig_finish(&w.r);
    jst_upool_let_go(&holds);
    stop(&w);
}

static void
test_who_was_removed_is_chosen_by_nobody(void **state)
{
    struct caller c;
    struct world w;
    char identity[64];

    (void)state;
    start(&w, 2);
    assert_int_equal(jst_target_identity(identity, sizeof(identity), "http://127.0.0.1:1/x"), 0);
    assert_string_equal(identity, "http://127.0.0.1:1");
    jst_control_removed(w.r.pool, identity); /* the pool of before, which some still are at */
    for (unsigned i = 0; i < 6; i++) {
        run_call(&w.r, &c, JST_METHOD_GET);
        assert_int_equal(c.call.target, 1);
    }
    jst_control_settle(w.r.pool); /* a configuration has it again */
    run_call(&w.r, &c, JST_METHOD_GET);
    run_call(&w.r, &c, JST_METHOD_GET);
    assert_int_equal(jst_tstate_inflight(w.r.pool->tracking->v[0]), 1);
    rig_finish(&w.r);
    stop(&w);
}

/* ---- drains ---- */

static void
cancel(struct jst_source *s, int why)
{
    struct jst_call *call = JST_CONTAINER(s, struct jst_call, response);

    (void)why;
    fake_finish_call(JST_CONTAINER(call->client, struct fake, base), call);
}

static const struct jst_source_ops can_cancel = {.cancel = cancel};

static void
test_a_deadline_cuts_its_own_drain_alone(void **state)
{
    struct jst_cut_plan plan = {.drain = 7, .after_ms = 100, .tunnels = JOIST_TUNNEL_KEEP};
    struct caller c[2];
    struct world w;
    char identity[64];
    uint32_t first;

    (void)state;
    start(&w, 2);
    run_many(&w.r, c, 2);
    first = c[0].call.target == 0 ? 0 : 1;
    c[first].call.response.ops = &can_cancel;
    assert_int_equal(jst_target_identity(identity, sizeof(identity), targets[0].url), 0);
    jst_control_drain(w.r.pool, identity, plan.drain, JST_NEVER);
    assert_int_equal(jst_cut_begin(w.r.local.upstreams, &plan), 0);
    rig_wait(&w.r, 99);
    rig_turn(&w.r);
    assert_int_equal(c[first].why, 0);
    rig_wait(&w.r, 2);
    rig_turn(&w.r);
    rig_turn(&w.r);
    assert_int_equal(c[first].why, JOIST_E_CANCELED);
    assert_int_equal(c[1 - first].why, 0);
    assert_int_equal(jst_tstate_inflight(w.r.pool->tracking->v[0]), 0);
    assert_int_equal(jst_tstate_inflight(w.r.pool->tracking->v[1]), 1);
    rig_finish(&w.r);
    stop(&w);
}

static void
test_a_newer_drain_has_another_deadline(void **state)
{
    struct jst_cut_plan plan = {.drain = 1, .after_ms = 100, .tunnels = JOIST_TUNNEL_KEEP};
    struct caller c;
    struct world w;

    (void)state;
    start(&w, 1);
    run_call(&w.r, &c, JST_METHOD_GET);
    c.call.response.ops = &can_cancel;
    jst_control_drain(w.r.pool, "", 1, JST_NEVER);
    assert_int_equal(jst_cut_begin(w.r.local.upstreams, &plan), 0);
    plan = (struct jst_cut_plan){.drain = 2, .after_ms = 300, .tunnels = JOIST_TUNNEL_KEEP};
    jst_control_drain(w.r.pool, "", 2, JST_NEVER);
    assert_int_equal(jst_cut_begin(w.r.local.upstreams, &plan), 0);
    rig_wait(&w.r, 200);
    rig_turn(&w.r);
    rig_turn(&w.r);
    assert_int_equal(c.why, 0);
    rig_wait(&w.r, 101);
    rig_turn(&w.r);
    rig_turn(&w.r);
    assert_int_equal(c.why, JOIST_E_CANCELED);
    rig_finish(&w.r);
    stop(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_known_of_targets_stays),
        cmocka_unit_test(test_many_changes_make_no_chain),
        cmocka_unit_test(test_turns_go_on),
        cmocka_unit_test(test_a_call_goes_on_in_the_pool_as_it_is_now),
        cmocka_unit_test(test_a_hedge_in_the_pool_as_it_is_now),
        cmocka_unit_test(test_who_was_removed_is_chosen_by_nobody),
        cmocka_unit_test(test_a_deadline_cuts_its_own_drain_alone),
        cmocka_unit_test(test_a_newer_drain_has_another_deadline),
    };

    return cmocka_run_group_tests_name("upstream/edition", tests, NULL, NULL);
}
