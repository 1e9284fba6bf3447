// SPDX-License-Identifier: MIT
/*
 * How long does it take to choose a target? Prints one JSON object: nanoseconds a pick for each
 * strategy, with equal weights and with weights of 1 to 10.
 *
 *   pick_bench [TARGETS]    default: 1000
 *
 * Targets have some requests under way and different latencies, as they would; no pick is followed
 * by a request.
 */
#include "upstream/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PICKS  200000u
#define ROUNDS 9u

static const struct {
    const char *name;
    enum joist_strategy strategy;
    bool even;
} rows[] = {
    {"single", JOIST_STRATEGY_SINGLE, true},
    {"round_robin", JOIST_STRATEGY_ROUND_ROBIN, true},
    {"round_robin_weighted", JOIST_STRATEGY_ROUND_ROBIN, false},
    {"random", JOIST_STRATEGY_RANDOM, true},
    {"random_weighted", JOIST_STRATEGY_RANDOM, false},
    {"least_conn", JOIST_STRATEGY_LEAST_CONN, true},
    {"least_conn_weighted", JOIST_STRATEGY_LEAST_CONN, false},
    {"least_latency", JOIST_STRATEGY_LEAST_LATENCY, true},
    {"hash", JOIST_STRATEGY_HASH, true},
    {"hash_weighted", JOIST_STRATEGY_HASH, false},
};

static uint64_t
now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
must(int rc)
{
    if (rc < 0) {
        (void)fprintf(stderr, "pick_bench: %s\n", joist_error_text(rc));
        exit(EXIT_FAILURE);
    }
}

static int
open_nothing(struct jst_client **out, struct jst_local *local, const struct jst_client_to *to,
             const struct jst_client_events *ev, void *ev_ctx)
{
    (void)out;
    (void)local;
    (void)to;
    (void)ev;
    (void)ev_ctx;
    return JOIST_E_REFUSED;
}

static struct joist_target_conf *
make_targets(size_t n, bool even)
{
    struct joist_target_conf *targets = calloc(n, sizeof(*targets) + 40);
    char *text = (char *)&targets[n];

    must(targets != NULL ? 0 : JOIST_E_NOMEM);
    for (size_t i = 0; i < n; i++, text += 40) {
        (void)snprintf(text, 40, "http://10.%zu.%zu.%zu:80", i >> 16, i >> 8 & 255, i & 255);
        targets[i].url = text;
        targets[i].weight = even ? 1 : (uint32_t)(1 + i * 7 % 10);
    }
    return targets;
}

static void
make_load(const struct jst_pool *pool, struct jst_rand *rand)
{
    for (uint32_t i = 0; pool->tracking != NULL && i < pool->n; i++) {
        pool->tracking->v[i]->inflight = (uint32_t)(jst_rand_next(rand) % 20);
        jst_tstate_add_latency(pool->tracking->v[i], 500 + jst_rand_next(rand) % 5000, 0);
    }
}

/* Nanoseconds a pick in the fastest of the rounds: the others were disturbed. */
static double
time_picks(struct jst_upool *p)
{
    char client[32];
    struct jst_call call = {.client_ip = {client, 12}};
    double best = 1e18;

    memset(client, '7', sizeof(client));
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t start = now_ns();
        double each;

        for (unsigned i = 0; i < PICKS; i++) {
            jst_breaker_ticket ticket;

            memcpy(client, &i, sizeof(i)); /* another one each time */
            if (jst_upool_pick(p, &call, &ticket) < 0) {
                must(JOIST_E_UNAVAILABLE);
            }
        }
        each = (double)(now_ns() - start) / PICKS;
        best = JST_MIN(best, each);
    }
    return best;
}

static double
run(size_t n, enum joist_strategy strategy, bool even)
{
    static const uint8_t seed[32] = {42};
    struct joist_target_conf *targets = make_targets(n, even);
    struct joist_pool_conf conf = {
        .name = "a", .strategy = strategy, .targets = targets, .targets_n = n};
    struct jst_local local = {0};
    struct jst_states *states;
    struct jst_pool *pool;
    struct jst_upool *upool;
    double ns;

    jst_rand_init(&local.rand, seed);
    must(jst_loop_create(&local.loop, NULL));
    must(jst_upstreams_create(&local.upstreams, &local, open_nothing));
    must(jst_states_create(&states));
    must(jst_pool_create(&pool, &conf, NULL, NULL));
    must(jst_pool_track(pool, &conf, states, 0));
    must(jst_upool_acquire(&upool, local.upstreams, pool, 1000));
    make_load(pool, &local.rand);
    ns = time_picks(upool);
    jst_upool_release(&upool);
    jst_upstreams_destroy(&local.upstreams);
    jst_pool_unref(&pool);
    jst_states_destroy(&states);
    jst_loop_destroy(&local.loop);
    free(targets);
    return ns;
}

int
main(int argc, char **argv)
{
    size_t n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 1000;

    if (n == 0 || n > 100000) {
        (void)fprintf(stderr, "usage: pick_bench [TARGETS]: at most 100000\n");
        return 2;
    }
    printf("{\"targets\": %zu", n);
    for (size_t i = 0; i < JST_COUNT(rows); i++) {
        printf(", \"%s_ns\": %.1f", rows[i].name, run(n, rows[i].strategy, rows[i].even));
    }
    printf("}\n");
    return EXIT_SUCCESS;
}
