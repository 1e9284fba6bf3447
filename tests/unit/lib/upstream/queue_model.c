// SPDX-License-Identifier: MIT
/*
 * Random interleavings of calls, answers, callers that leave, mail, pauses and targets that go and
 * come, over several reactors, against what must hold at every moment: no target has more than its
 * limit; nobody waits while one is free; who came first goes first.
 *
 * The clock stands still between steps of the targets: what is found here, no timer has found.
 */
#include "rig.h"
#include "upstream/queue.h"

#include <stdlib.h>

enum { REACTORS = 3, TARGETS = 3, CALLS = 24, STEPS = 2000, SEEDS = 60 };

static const struct joist_target_conf targets[TARGETS] = {
    {.url = "http://127.0.0.1:1", .weight = 1},
    {.url = "http://127.0.0.1:2", .weight = 1},
    {.url = "http://127.0.0.1:3", .weight = 1},
};

struct client {
    struct caller c;
    struct rig *r;
    uint64_t arrived;
    bool used;
    bool started;
};

struct model {
    struct rig r[REACTORS];
    struct client clients[CALLS];
    uint64_t arrivals;
    uint64_t last_started; /* the latest arrival among those that went */
    uint64_t rand;
    uint32_t limit;
    bool paused;
    bool stale; /* a target has changed, and those who wait have not looked */
    unsigned served;
    unsigned left;
};

static uint32_t
draw(struct model *m, uint32_t below)
{
    m->rand = m->rand * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(m->rand >> 33) % below;
}

static struct jst_queue *
queue_of(const struct model *m)
{
    return jst_queue_of(m->r[0].pool->tracking->pool);
}

static struct jst_tstate *
state_of(const struct model *m, uint32_t i)
{
    return m->r[0].pool->tracking->v[i];
}

/* ---- what must hold ---- */

static void
check_limits(const struct model *m)
{
    for (uint32_t i = 0; i < TARGETS; i++) {
        assert_true(jst_tstate_inflight(state_of(m, i)) <= m->limit);
    }
}

static void
note_started(struct model *m)
{
    for (size_t i = 0; i < CALLS; i++) {
        struct client *x = &m->clients[i];

        if (x->used && !x->started && x->c.call.client != NULL) {
            x->started = true;
            m->last_started = JST_MAX(m->last_started, x->arrived);
        }
    }
}

static bool
is_any_free(const struct model *m)
{
    for (uint32_t i = 0; i < TARGETS; i++) {
        if (jst_tstate_inflight(state_of(m, i)) < m->limit && state_of(m, i)->down == 0) {
            return true;
        }
    }
    return false;
}

static void
look(struct model *m)
{
    if (m->stale) {
        m->stale = false;
        for (size_t k = 0; k < REACTORS; k++) {
            rig_wait(&m->r[k], k == 0 ? JST_QUEUE_LOOK_MS : 0);
        }
    }
}

/* When all mail is delivered. */
static void
check_rest(struct model *m)
{
    uint32_t running = 0;
    uint32_t inflight = 0;

    look(m);

    for (int k = 0; k < 4; k++) {
        for (size_t i = 0; i < REACTORS; i++) {
            rig_turn(&m->r[i]);
        }
    }
    note_started(m);
    for (size_t i = 0; i < CALLS; i++) {
        const struct client *x = &m->clients[i];

        assert_int_equal(x->c.why, 0);
        running += x->used && x->started;
        if (x->used && !x->started) {
            assert_true(m->paused || !is_any_free(m));
            /* unless it was given a target that went away before it came there */
            assert_true(x->arrived > m->last_started || x->c.call.queue_seq != 0);
        }
    }
    for (uint32_t i = 0; i < TARGETS; i++) {
        inflight += jst_tstate_inflight(state_of(m, i));
    }
    assert_int_equal(running, inflight);
}

/* ---- what may happen ---- */

static void
step_begin(struct model *m, struct client *x)
{
    struct rig *r = &m->r[draw(m, REACTORS)];

    *x = (struct client){.r = r, .arrived = ++m->arrivals, .used = true};
    run_call(r, &x->c, JST_METHOD_GET);
    note_started(m);
}

static void
step_answer(struct model *m, struct client *x)
{
    struct jst_head head = {.status = 200};
    struct fake *f = JST_CONTAINER(x->c.call.client, struct fake, base);

    jst_sink_head(x->c.call.on_response, &head);
    fake_finish_call(f, &x->c.call);
    jst_sink_end(x->c.call.on_response, NULL);
    memset(x, 0, sizeof(*x)); /* its memory is used again */
    m->served++;
}

static void
step_leave(struct model *m, struct client *x)
{
    if (x->started) {
        jst_account_leave(&x->c.call);
        fake_finish_call(JST_CONTAINER(x->c.call.client, struct fake, base), &x->c.call);
    } else {
        jst_upstream_cancel(&x->c.call, JOIST_E_CANCELED);
        jst_upstream_abort(&x->c.call, JOIST_E_CANCELED);
    }
    memset(x, 0, sizeof(*x));
    m->left++;
}

/* One at least stays: else those who wait fail, as they must. */
static void
step_target(struct model *m)
{
    uint32_t i = 1 + draw(m, TARGETS - 1);

    state_of(m, i)->down = !state_of(m, i)->down;
    jst_states_changed(m->r[0].states);
    m->stale = true;
}

static void
step_pause(struct model *m)
{
    if (m->paused) {
        jst_queue_resume(queue_of(m), rig_now_ms(&m->r[0]));
    } else {
        jst_queue_pause(queue_of(m), 0, rig_now_ms(&m->r[0]));
    }
    m->paused = !m->paused;
}

static void
step(struct model *m)
{
    struct client *x = &m->clients[draw(m, CALLS)];
    uint32_t what = draw(m, 100);

    if (what < 25) {
        rig_turn(&m->r[draw(m, REACTORS)]);
    } else if (what < 27) {
        step_target(m);
    } else if (what < 29 && (m->paused || draw(m, 4) == 0)) {
        step_pause(m);
    } else if (!x->used) {
        step_begin(m, x);
    } else if (what < 40) {
        note_started(m);
        step_leave(m, x);
    } else if (x->c.call.client != NULL) {
        note_started(m);
        step_answer(m, x);
    }
    check_limits(m);
    if (draw(m, 8) == 0) {
        check_rest(m);
    }
}

static void
end(struct model *m)
{
    if (m->paused) {
        step_pause(m);
    }
    for (bool more = true; more;) {
        more = false;
        check_rest(m);
        for (size_t i = 0; i < CALLS; i++) {
            if (m->clients[i].used && m->clients[i].started) {
                step_answer(m, &m->clients[i]);
                more = true;
            }
        }
    }
    for (size_t i = 0; i < CALLS; i++) {
        assert_false(m->clients[i].used);
    }
    assert_int_equal(queue_of(m)->waiting_n, 0);
}

static void
run(uint64_t seed)
{
    static const enum joist_strategy strategies[] = {JOIST_STRATEGY_ROUND_ROBIN,
                                                     JOIST_STRATEGY_LEAST_CONN,
                                                     JOIST_STRATEGY_RANDOM, JOIST_STRATEGY_HASH};
    struct joist_pool_conf conf = {.name = "a",
                                   .strategy = strategies[seed % JST_COUNT(strategies)],
                                   .targets = targets,
                                   .targets_n = TARGETS,
                                   .idle_max = 32,
                                   .max_inflight = 1 + (uint32_t)seed % 3,
                                   .queue = {.max = CALLS}};
    struct model *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    m->rand = seed;
    m->limit = conf.max_inflight;
    rig_init_conf(&m->r[0], &conf);
    for (size_t i = 1; i < REACTORS; i++) {
        rig_init_beside(&m->r[i], &m->r[0]);
    }
    for (int i = 0; i < STEPS; i++) {
        step(m);
    }
    end(m);
    assert_true(m->served > STEPS / 50 && m->left > 0);
    for (size_t i = 0; i < REACTORS; i++) {
        rig_finish(&m->r[i]);
    }
    for (size_t i = REACTORS; i-- > 1;) {
        rig_fini_beside(&m->r[i]);
    }
    rig_fini(&m->r[0]);
    free(m);
}

static void
test_nobody_waits_for_nothing_and_none_has_too_many(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(seed);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_waits_for_nothing_and_none_has_too_many),
    };

    return cmocka_run_group_tests_name("upstream/queue_model", tests, NULL, NULL);
}
