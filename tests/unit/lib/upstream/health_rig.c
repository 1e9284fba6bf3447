// SPDX-License-Identifier: MIT
#include "health_rig.h"

#include "base/str.h"
#include "upstream/track.h"

static uint64_t clock_ns;

static uint64_t
read_clock(void *ctx)
{
    (void)ctx;
    return clock_ns;
}

static int64_t
read_wall(void *ctx)
{
    (void)ctx;
    return (int64_t)(clock_ns / 1000);
}

static const struct jst_clock fake_clock = {.now_ns = read_clock, .wall_us = read_wall};

static int
on_needed(void *ctx)
{
    (void)ctx;
    return 0;
}

static const struct jst_health_events events = {on_needed};

static void
write_log(struct jst_log *log, enum joist_log_level level, enum jst_event event,
          struct jst_slice text)
{
    struct world *w = JST_CONTAINER(log, struct world, log);

    (void)level;
    w->lines[event]++;
    (void)jst_fmt(w->line, sizeof(w->line), "%.*s", JST_PRI(text));
}

void
world_init(struct world *w)
{
    static const uint8_t seed[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

    memset(w, 0, sizeof(*w));
    fake_reset();
    clock_ns = 1000000000000;
    w->log = (struct jst_log){JOIST_LOG_INFO, write_log};
    w->local.log = &w->log;
    jst_rand_init(&w->local.rand, seed);
    assert_int_equal(jst_loop_create(&w->local.loop, &fake_clock), 0);
    assert_int_equal(jst_states_create(&w->states), 0);
    assert_int_equal(jst_health_create(&w->health, &w->local, fake_open, NULL, &events, NULL), 0);
    w->conf = (struct joist_health_conf){
        .type = JOIST_HEALTH_HTTP,
        .path = "/up",
        .interval_ms = 1000,
        .timeout_ms = 500,
        .up = 2,
        .down = 3,
    };
}

void
world_fini(struct world *w)
{
    world_fini_with(w, NULL);
}

void
world_fini_with(struct world *w, struct jst_pool **take)
{
    jst_health_stop(w->health);
    jst_health_run(w->health);
    for (size_t i = 0; i < fakes_n; i++) {
        assert_true(fakes[i].gone);
    }
    jst_pool_unref(&w->pool);
    if (take != NULL) {
        jst_pool_unref(take);
    }
    jst_loop_destroy(&w->local.loop);
    jst_health_destroy(&w->health);
    jst_states_destroy(&w->states);
}

struct jst_pool *
world_make(struct world *w, size_t first, size_t n)
{
    static struct joist_target_conf targets[TARGETS_MAX];
    static char urls[TARGETS_MAX][40];
    struct joist_pool_conf conf = {
        .name = "p", .strategy = JOIST_STRATEGY_ROUND_ROBIN, .targets = targets, .targets_n = n};
    struct jst_pool *pool;

    conf.health = w->conf.interval_ms > 0 ? &w->conf : NULL;
    conf.slow_start_ms = 1; /* with or without checks: it is tracked */
    for (size_t i = 0; i < n; i++) {
        (void)jst_fmt(urls[i], sizeof(urls[i]), "http://127.0.0.1:%u", PORT(first + i));
        targets[i] = (struct joist_target_conf){.url = urls[i], .weight = 1};
    }
    assert_int_equal(jst_pool_create(&pool, &conf, NULL, NULL), 0);
    assert_int_equal(jst_pool_track(pool, &conf, w->states, jst_loop_now_ms(w->local.loop)), 0);
    return pool;
}

void
world_set(struct world *w, size_t first, size_t n)
{
    struct jst_pool *before = w->pool;
    struct jst_health_set *set;

    w->pool = world_make(w, first, n);
    assert_int_equal(jst_health_prepare(w->health, &set, &w->pool, 1), 0);
    jst_health_commit(w->health, &set);
    jst_pool_unref(&before);
    world_turn(w);
}

void
world_set_pool(struct world *w)
{
    struct jst_health_set *set;

    assert_int_equal(jst_health_prepare_pool(w->health, &set, w->pool), 0);
    jst_health_commit(w->health, &set);
}

void
world_turn(struct world *w)
{
    for (int i = 0; i < 3; i++) { /* mail, what it posts, what that posts */
        jst_loop_turn(w->local.loop, 0);
    }
}

void
world_wait(struct world *w, uint64_t ms)
{
    clock_ns += ms * 1000000;
    world_turn(w);
}

struct fake *
dial_to(uint16_t port)
{
    for (size_t i = fakes_n; i-- > 0;) {
        if (fakes[i].base.dial && !fakes[i].gone && fakes[i].port == port) {
            return &fakes[i];
        }
    }
    return NULL;
}

struct fake *
connect_to(struct world *w, uint16_t port)
{
    struct fake *dial = dial_to(port);
    struct fake *f;

    assert_non_null(dial);
    f = fake_opened(dial, false, 1);
    world_turn(w);
    return f;
}

void
give_head(struct fake *f, uint16_t status)
{
    struct jst_head head = {.status = status, .length = JST_LENGTH_UNKNOWN};

    assert_non_null(f->call);
    jst_sink_head(f->call->on_response, &head);
}

void
give_body(struct fake *f, const char *text)
{
    struct jst_chain body = {0};

    assert_int_equal(jst_chain_add_copy(&body, text, strlen(text)), 0);
    jst_sink_data(f->call->on_response, &body);
}

void
give_end(struct world *w, struct fake *f)
{
    struct jst_call *call = f->call;

    fake_finish(f);
    jst_sink_end(call->on_response, NULL);
    world_turn(w);
}

void
answer(struct world *w, uint16_t port, uint16_t status)
{
    struct fake *f = connect_to(w, port);

    give_head(f, status);
    give_end(w, f);
}

void
refuse(struct world *w, uint16_t port)
{
    struct fake *dial = dial_to(port);

    assert_non_null(dial);
    fake_fail(dial, JOIST_E_REFUSED, false);
    world_turn(w);
}

struct jst_health_report
report_of(const struct world *w, size_t target)
{
    struct jst_health_report r;

    assert_true(jst_health_read(w->pool, target, &r));
    return r;
}

bool
is_down(const struct world *w, size_t target)
{
    return __atomic_load_n(&w->pool->tracking->v[target]->down, __ATOMIC_RELAXED) != 0;
}
