// SPDX-License-Identifier: MIT
#include "rig.h"

#include <stdlib.h>

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

static struct jst_arena arena; /* all callers', until the rig's end */

static const struct jst_clock fake_clock = {.now_ns = read_clock, .wall_us = read_wall};

static void
on_abort(struct jst_sink *s, int why)
{
    JST_CONTAINER(s, struct caller, sink)->why = why;
}

static void
on_head(struct jst_sink *s, const struct jst_head *head)
{
    JST_CONTAINER(s, struct caller, sink)->status = head->status;
}

static void
on_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    (void)trailers;
    JST_CONTAINER(s, struct caller, sink)->ends++;
}

static const struct jst_sink_ops sink_ops = {.head = on_head, .end = on_end, .abort = on_abort};

void
rig_make_pool(struct jst_pool **out, const struct joist_pool_conf *conf)
{
    assert_int_equal(jst_pool_create(out, conf, NULL, NULL), 0);
}

void
rig_init_conf(struct rig *r, const struct joist_pool_conf *conf)
{
    memset(r, 0, sizeof(*r));
    fake_reset();
    clock_ns = 1000000000;
    assert_int_equal(jst_loop_create(&r->local.loop, &fake_clock), 0);
    assert_int_equal(jst_upstreams_create(&r->local.upstreams, &r->local, fake_open), 0);
    rig_make_pool(&r->pool, conf);
    assert_int_equal(jst_states_create(&r->states), 0);
    assert_int_equal(jst_pool_track(r->pool, conf, r->states, rig_now_ms(r)), 0);
    assert_int_equal(jst_upool_acquire(&r->upool, r->local.upstreams, r->pool, 1000), 0);
}

void
rig_init(struct rig *r, const char *const *urls, const uint32_t *weights, size_t n,
         enum joist_strategy strategy)
{
    struct joist_target_conf targets[8];
    struct joist_pool_conf conf = {
        .strategy = strategy, .targets = targets, .targets_n = n, .idle_max = 2};

    for (size_t i = 0; i < n; i++) {
        targets[i] =
            (struct joist_target_conf){.url = urls[i], .weight = weights != NULL ? weights[i] : 1};
    }
    rig_init_conf(r, &conf);
}

void
rig_init_tls(struct rig *r, const char *url, const struct joist_target_tls_conf *tls)
{
    struct joist_target_conf target = {.url = url, .weight = 1, .tls = tls};
    struct joist_pool_conf conf = {.targets = &target, .targets_n = 1, .idle_max = 2};

    rig_init_conf(r, &conf);
}

void
rig_init_beside(struct rig *r, const struct rig *first)
{
    memset(r, 0, sizeof(*r));
    assert_int_equal(jst_loop_create(&r->local.loop, &fake_clock), 0);
    assert_int_equal(jst_upstreams_create(&r->local.upstreams, &r->local, fake_open), 0);
    r->states = first->states;
    r->pool = jst_pool_ref(first->pool);
    assert_int_equal(jst_upool_acquire(&r->upool, r->local.upstreams, r->pool, 1000), 0);
}

void
rig_fini_beside(struct rig *r)
{
    jst_upool_release(&r->upool);
    jst_upstreams_destroy(&r->local.upstreams);
    jst_pool_unref(&r->pool);
    jst_loop_destroy(&r->local.loop);
}

void
rig_fini(struct rig *r)
{
    jst_upool_release(&r->upool);
    jst_upstreams_destroy(&r->local.upstreams);
    assert_int_equal(r->local.stats.upstream_idle, 0);
    for (size_t i = 0; i < fakes_n; i++) {
        assert_true(fakes[i].gone);
    }
    jst_pool_unref(&r->pool);
    jst_states_destroy(&r->states);
    if (r->name != NULL) {
        assert_int_equal(r->name->refs, 0);
        jst_name_free(r->name);
    }
    jst_loop_destroy(&r->local.loop);
    jst_arena_fini(&arena);
}

void
rig_give_addrs(struct rig *r, uint32_t n)
{
    struct jst_addrs *addrs = calloc(1, sizeof(*addrs) + n * sizeof(addrs->v[0]));
    struct jst_target *t = &r->pool->v[0];

    assert_non_null(addrs);
    addrs->n = n;
    addrs->even = true;
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(jst_addr_literal(&addrs->v[i], JST_S("127.0.0.1"), (uint16_t)(2000 + i)),
                         0);
    }
    if (r->name == NULL) {
        r->name = calloc(1, sizeof(*r->name));
        assert_non_null(r->name);
        t->dns = jst_name_ref(r->name);
        r->upool->v[0].live->dns = jst_name_ref(r->name);
    }
    free(r->name->addrs);
    r->name->addrs = addrs;
}

void
rig_wait(struct rig *r, uint64_t ms)
{
    clock_ns += ms * 1000000;
    jst_loop_turn(r->local.loop, 0);
    jst_loop_turn(r->local.loop, 0); /* what the timers have posted */
}

uint64_t
rig_now_ms(const struct rig *r)
{
    return jst_loop_now_ms(r->local.loop);
}

void
rig_prepare(struct caller *c, enum jst_method method)
{
    memset(c, 0, sizeof(*c));
    c->sink.ops = &sink_ops;
    c->req.method = method;
    c->timeouts.upstream_connect_ms = 5000;
    c->call.req = &c->req;
    c->call.on_response = &c->sink;
    c->call.timeouts = &c->timeouts;
    c->call.arena = &arena;
}

void
run_call(struct rig *r, struct caller *c, enum jst_method method)
{
    rig_prepare(c, method);
    jst_upstream_call(r->upool, &c->call, &c->target);
}

void
run_upgrade(struct rig *r, struct caller *c, struct jst_slice to)
{
    rig_prepare(c, JST_METHOD_GET);
    c->req.upgrade_to = to;
    c->req.upgrade = c->call.upgrade = true;
    jst_upstream_call(r->upool, &c->call, &c->target);
}

void
run_many(struct rig *r, struct caller *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        run_call(r, &v[i], JST_METHOD_GET);
    }
}

void
rig_turn(struct rig *r)
{
    jst_loop_turn(r->local.loop, 0);
}

void
rig_finish(struct rig *r)
{
    for (size_t i = 0; i < fakes_n; i++) {
        while (!fakes[i].gone && fakes[i].base.calls > 0) {
            fake_finish(&fakes[i]);
        }
    }
    jst_upstreams_close_idle(r->local.upstreams);
}
