// SPDX-License-Identifier: MIT
/*
 * The same with real threads: each reactor keeps calls under way on targets that count who is
 * there. The clocks stand still, so that no timer can mend a wake-up that was lost.
 */
#include "upstream/live.h"
#include "upstream/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { THREADS = 4, TARGETS = 3, LIMIT = 2, CALLERS = 12, ROUNDS = 1000, PATIENCE_S = 60 };

static const struct joist_target_conf targets[TARGETS] = {
    {.url = "http://127.0.0.1:1", .weight = 1},
    {.url = "http://127.0.0.1:2", .weight = 1},
    {.url = "http://127.0.0.1:3", .weight = 1},
};

/* Atomic: at each target now, and the most that ever were. */
static uint32_t present[TARGETS];
static uint32_t most[TARGETS];

struct caller {
    struct jst_call call;
    struct jst_head req;
    struct jst_sink sink;
    struct reactor *r;
    struct jst_slice target;
    unsigned rounds; /* left */
    unsigned turns;  /* until it is answered */
    bool running;
};

struct reactor {
    struct jst_local local;
    struct jst_upool *upool;
    struct caller callers[CALLERS];
    pthread_t thread;
    uint64_t rand;
    unsigned done;
    unsigned failed;
};

struct wire { /* a connection to nowhere: one call, then it is gone */
    struct jst_client base;
    struct jst_call *call;
};

static uint64_t
read_clock(void *ctx)
{
    (void)ctx;
    return 1000000000;
}

static int64_t
read_wall(void *ctx)
{
    (void)ctx;
    return 1000000;
}

static const struct jst_clock stopped = {.now_ns = read_clock, .wall_us = read_wall};

/* ---- targets ---- */

static void
no_data(struct jst_sink *s, struct jst_chain *move)
{
    (void)s;
    jst_chain_clear(move);
}

static void
no_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    (void)s;
    (void)trailers;
}

static void
close_wire(struct wire *w)
{
    w->base.ev->on_gone(&w->base, w->base.ev_ctx, 0);
    free(w);
}

static void
take_away(struct jst_call *call)
{
    struct wire *w = JST_CONTAINER(call->client, struct wire, base);

    (void)__atomic_sub_fetch(&present[call->target], 1, __ATOMIC_SEQ_CST);
    call->client = NULL;
    w->base.calls = 0;
    close_wire(w);
}

static void
cancel(struct jst_source *s, int why)
{
    struct jst_call *call = JST_CONTAINER(s, struct jst_call, response);

    (void)why;
    if (call->client != NULL) {
        take_away(call);
    }
}

static const struct jst_sink_ops request_ops = {.data = no_data, .end = no_end};
static const struct jst_source_ops response_ops = {.cancel = cancel};

static void
start(struct jst_client *c, struct jst_call *call)
{
    uint32_t n = __atomic_add_fetch(&present[call->target], 1, __ATOMIC_SEQ_CST);
    uint32_t was = __atomic_load_n(&most[call->target], __ATOMIC_RELAXED);

    while (n > was && !__atomic_compare_exchange_n(&most[call->target], &was, n, false,
                                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    JST_CONTAINER(c, struct wire, base)->call = call;
    c->calls = 1;
    call->client = c;
    call->connected = true;
    call->request.ops = &request_ops;
    call->response.ops = &response_ops;
}

static void
retire(struct jst_client *c)
{
    c->calls_max = 0;
}

static void
cut(struct jst_client *c, int why)
{
    (void)c;
    (void)why;
    abort(); /* all calls are over by then */
}

static bool
probe(struct jst_client *c)
{
    (void)c;
    return true;
}

static const struct jst_client_ops ops = {start, retire, cut, probe};

static int
open_wire(struct jst_client **out, struct jst_local *local, const struct jst_client_to *to,
          const struct jst_client_events *ev, void *ev_ctx)
{
    struct wire *w = calloc(1, sizeof(*w));

    (void)local;
    (void)to;
    if (w == NULL) {
        return JOIST_E_NOMEM;
    }
    w->base = (struct jst_client){.ops = &ops, .ev = ev, .ev_ctx = ev_ctx, .calls_max = 1};
    jst_list_init(&w->base.pool_link);
    *out = &w->base;
    return JOIST_OK;
}

/* ---- callers ---- */

static uint32_t
draw(struct reactor *r, uint32_t below)
{
    r->rand = r->rand * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(r->rand >> 33) % below;
}

static void
on_head(struct jst_sink *s, const struct jst_head *head)
{
    (void)s;
    (void)head;
}

static void
on_end(struct jst_sink *s, const struct jst_fields *trailers)
{
    struct caller *c = JST_CONTAINER(s, struct caller, sink);

    (void)trailers;
    c->running = false;
    c->r->done++;
}

static void
on_abort(struct jst_sink *s, int why)
{
    struct caller *c = JST_CONTAINER(s, struct caller, sink);

    (void)why;
    c->running = false;
    c->r->failed++;
}

static const struct jst_sink_ops sink_ops = {.head = on_head, .end = on_end, .abort = on_abort};
static const struct joist_timeouts_conf timeouts = {.upstream_connect_ms = 5000};

static void
begin(struct reactor *r, struct caller *c)
{
    c->r = r;
    c->rounds--;
    c->turns = draw(r, 3);
    c->running = true;
    memset(&c->call, 0, sizeof(c->call));
    c->sink.ops = &sink_ops;
    c->req.method = JST_METHOD_GET;
    c->call.req = &c->req;
    c->call.on_response = &c->sink;
    c->call.timeouts = &timeouts;
    jst_upstream_call(r->upool, &c->call, &c->target);
}

static void
leave(struct reactor *r, struct caller *c)
{
    jst_upstream_cancel(&c->call, JOIST_E_CANCELED);
    c->running = false;
    r->done++;
}

static void
answer(struct caller *c)
{
    struct jst_head head = {.status = 200};

    if (c->turns > 0) {
        c->turns--;
        return;
    }
    jst_sink_head(c->call.on_response, &head);
    take_away(&c->call);
    jst_sink_end(c->call.on_response, NULL);
}

/* False: all of its rounds are over. */
static bool
step(struct reactor *r, struct caller *c)
{
    if (!c->running) {
        if (c->rounds == 0) {
            return false;
        }
        begin(r, c);
    } else if (draw(r, 16) == 0) {
        leave(r, c); /* wherever it is: waiting, with mail under way, there */
    } else if (c->call.client != NULL) {
        answer(c);
    }
    return true;
}

static void *
run(void *arg)
{
    struct reactor *r = arg;
    time_t end = time(NULL) + PATIENCE_S;
    bool more = true;

    while (more && time(NULL) < end) {
        more = false;
        for (size_t i = 0; i < CALLERS; i++) {
            more = step(r, &r->callers[i]) || more;
        }
        jst_loop_turn(r->local.loop, 0);
    }
    jst_loop_turn(r->local.loop, 0);
    jst_buf_thread_fini();
    return NULL;
}

static void
init_reactor(struct reactor *r, struct jst_pool *pool, uint64_t seed)
{
    r->rand = seed;
    assert_int_equal(jst_loop_create(&r->local.loop, &stopped), 0);
    assert_int_equal(jst_upstreams_create(&r->local.upstreams, &r->local, open_wire), 0);
    assert_int_equal(jst_upool_acquire(&r->upool, r->local.upstreams, pool, 1000), 0);
    for (size_t i = 0; i < CALLERS; i++) {
        r->callers[i].rounds = ROUNDS;
    }
}

static void
fini_reactor(struct reactor *r)
{
    jst_upool_release(&r->upool);
    jst_upstreams_destroy(&r->local.upstreams);
    jst_loop_destroy(&r->local.loop);
}

static void
check(const struct reactor *r, const struct jst_pool *pool)
{
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(r[i].failed, 0);
        assert_int_equal(r[i].done, CALLERS * ROUNDS);
    }
    for (uint32_t i = 0; i < TARGETS; i++) {
        assert_int_equal(present[i], 0);
        assert_true(most[i] <= LIMIT);
        assert_true(most[i] > 0);
        assert_int_equal(jst_tstate_inflight(pool->tracking->v[i]), 0);
    }
    assert_int_equal(jst_queue_of(pool->tracking->pool)->waiting_n, 0);
}

static void
test_limits_hold_and_no_wake_up_is_lost_between_threads(void **state)
{
    struct joist_pool_conf conf = {.name = "a",
                                   .strategy = JOIST_STRATEGY_ROUND_ROBIN,
                                   .targets = targets,
                                   .targets_n = TARGETS,
                                   .max_inflight = LIMIT,
                                   .queue = {.max = THREADS * CALLERS}};
    struct reactor *r = calloc(THREADS, sizeof(*r));
    struct jst_states *states;
    struct jst_pool *pool;

    (void)state;
    assert_non_null(r);
    assert_int_equal(jst_states_create(&states), 0);
    assert_int_equal(jst_pool_create(&pool, &conf, NULL, NULL), 0);
    assert_int_equal(jst_pool_track(pool, &conf, states, 1000), 0);
    for (size_t i = 0; i < THREADS; i++) {
        init_reactor(&r[i], pool, i + 1);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&r[i].thread, NULL, run, &r[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(r[i].thread, NULL);
    }
    for (size_t i = 0; i < THREADS; i++) {
        fini_reactor(&r[i]);
    }
    check(r, pool);
    jst_pool_unref(&pool);
    jst_states_destroy(&states);
    free(r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_hold_and_no_wake_up_is_lost_between_threads),
    };

    return cmocka_run_group_tests_name("upstream/queue_threads", tests, NULL, NULL);
}
