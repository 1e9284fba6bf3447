// SPDX-License-Identifier: MIT
#include "tries.h"

static const struct joist_target_conf three[] = {{.url = "http://127.0.0.1:1", .weight = 1},
                                                 {.url = "http://127.0.0.1:2", .weight = 1},
                                                 {.url = "http://127.0.0.1:3", .weight = 1}};
static const uint16_t on_503[] = {503, 429};

struct joist_retry_conf
tries_retry(uint32_t attempts)
{
    return (struct joist_retry_conf){
        .attempts = attempts, .on_failure = true, .on = on_503, .on_n = 2, .budget_percent = 100};
}

void
tries_init(struct rig *r, const struct joist_retry_conf *retry,
           const struct joist_hedge_conf *hedge, size_t n)
{
    struct joist_pool_conf conf = {.name = "a",
                                   .strategy = JOIST_STRATEGY_ROUND_ROBIN,
                                   .targets = three,
                                   .targets_n = n,
                                   .idle_max = 8,
                                   .panic_percent = 50,
                                   .retry = retry,
                                   .hedge = hedge};

    rig_init_conf(r, &conf);
}

struct fake *
tries_last(void)
{
    return &fakes[fakes_n - 1];
}

/* The connection stands, and the request is out. */
struct jst_call *
tries_connect(void)
{
    struct jst_call *call = tries_last()->call;

    assert_non_null(call);
    call->connected = true;
    return call;
}

void
tries_head(struct jst_call *call, uint16_t status)
{
    struct jst_head head = {.status = status};

    call->got_bytes = true;
    jst_sink_head(call->on_response, &head);
}

void
tries_end(struct fake *f, struct jst_call *call)
{
    fake_finish_call(f, call);
    jst_sink_end(call->on_response, NULL);
}

void
tries_check_quiet(const struct rig *r)
{
    const struct jst_tracking *t = r->pool->tracking;

    assert_int_equal(r->upool->view->inflight, 0);
    for (uint32_t i = 0; i < t->n; i++) {
        assert_int_equal(jst_tstate_inflight(t->v[i]), 0);
    }
    assert_int_equal(t->pool->budget.requests, 0);
    assert_int_equal(t->pool->budget.tries, 0);
    assert_true(jst_list_is_empty(&r->local.upstreams->guards));
}

void
tries_finish(struct rig *r)
{
    tries_check_quiet(r);
    rig_finish(r);
    rig_fini(r);
}
