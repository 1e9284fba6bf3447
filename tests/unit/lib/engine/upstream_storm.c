// SPDX-License-Identifier: MIT
/*
 * Many threads change one pool under traffic: no request fails, and nothing is left of 10,000
 * changes. With TSan and ASan it is worth more.
 */
#include "dynamic.h"

#include <stdlib.h>

#define CLIENTS  3
#define CHANGERS 3
#define CHANGES  3400 /* each */

struct asker {
    pthread_t thread;
    uint16_t port;
    int *stop; /* atomic */
    unsigned failed;
    unsigned answered;
};

static void *
run_asker(void *arg)
{
    struct asker *a = arg;
    struct client *c = calloc(1, sizeof(*c));
    struct reply *r = calloc(1, sizeof(*r));

    if (client_connect(c, a->port) < 0) {
        a->failed++;
    }
    while (!__atomic_load_n(a->stop, __ATOMIC_RELAXED) && a->failed == 0) {
        client_get(c, r, "/");
        a->failed += r->status != 200;
        a->answered++;
    }
    client_close(c);
    free(r);
    free(c);
    return NULL;
}

/* Of its own target: nobody else touches it, so every change must work. */
struct changer {
    pthread_t thread;
    struct joist_engine *e;
    const char *url;
    unsigned failed;
};

static void *
run_changer(void *arg)
{
    struct changer *c = arg;
    struct joist_target_conf t = {.url = c->url, .weight = 1};

    for (unsigned i = 0; i < CHANGES / 4; i++) {
        c->failed += joist_upstream_add(c->e, "origin", &t, NULL) != 0;
        c->failed += joist_upstream_weight(c->e, "origin", c->url, i % 7, NULL) != 0;
        c->failed += joist_upstream_drain(c->e, "origin", c->url, JOIST_FOREVER, JOIST_TUNNEL_KEEP,
                                          NULL) != 0;
        c->failed += joist_upstream_remove(c->e, "origin", c->url, NULL) != 0;
    }
    return NULL;
}

static void
storm(struct joist_engine *e, const struct letters *l)
{
    struct changer changers[CHANGERS];

    for (size_t i = 0; i < CHANGERS; i++) {
        changers[i] = (struct changer){.e = e, .url = l->urls[i + 1]};
        assert_int_equal(pthread_create(&changers[i].thread, NULL, run_changer, &changers[i]), 0);
    }
    for (size_t i = 0; i < CHANGERS; i++) {
        pthread_join(changers[i].thread, NULL);
        assert_int_equal(changers[i].failed, 0);
    }
}

enum with {
    PLAIN,
    TRIES, /* with all that stands between a call and its target, or makes two calls of one */
    QUEUE, /* one request at a time for each target: calls wait */
};

static void
run(enum joist_strategy strategy, enum with with)
{
    static const struct joist_hedge_conf hedge = {.after_ms = 1};
    struct joist_retry_conf retry;
    static struct front f;
    struct letters l;
    const char *urls[] = {l.urls[0]};
    struct asker askers[CLIENTS] = {0};
    struct joist_upstream_state *s = NULL;
    struct joist_stats stats;
    struct joist_engine *e;
    int stop = 0;

    letters_start(&l);
    front_fill(&f, 2, urls, 1);
    f.s.pools[0].strategy = strategy;
    if (with == QUEUE) {
        f.s.pools[0].max_inflight = 1;
        f.s.pools[0].queue.timeout_ms = 60000;
    }
    if (with == TRIES) {
        joist_retry_conf_init(&retry);
        retry.budget_percent = 100;
        f.s.pools[0].retry = &retry;
        f.s.pools[0].hedge = &hedge;
        f.s.conf.timeouts.upstream_total_ms = 60000;
    }
    e = setup_start(&f.s);
    for (size_t i = 0; i < CLIENTS; i++) {
        askers[i].port = joist_engine_port(e, 0);
        askers[i].stop = &stop;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, run_asker, &askers[i]), 0);
    }
    storm(e, &l);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < CLIENTS; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].failed, 0);
        assert_true(askers[i].answered > 0);
    }
    assert_int_equal(joist_upstream_wait_drained(e, "origin", NULL, JOIST_FOREVER, NULL), 0);
    assert_int_equal(joist_upstream_read(e, "origin", &s), 0);
    assert_int_equal(s->targets_n, 1);
    joist_upstream_state_free(&s);
    joist_engine_stats(e, &stats);
    assert_true(stats.upstream_idle <= CLIENTS); /* to the one that is left */
    joist_engine_destroy(&e);
    letters_stop(&l);
}

static void
test_round_robin(void **state)
{
    (void)state;
    run(JOIST_STRATEGY_ROUND_ROBIN, PLAIN);
}

static void
test_hash(void **state)
{
    (void)state;
    run(JOIST_STRATEGY_HASH, PLAIN);
}

static void
test_with_further_tries(void **state)
{
    (void)state;
    run(JOIST_STRATEGY_LEAST_CONN, TRIES);
}

static void
test_with_a_queue(void **state)
{
    (void)state;
    run(JOIST_STRATEGY_ROUND_ROBIN, QUEUE);
}

/* New configurations come in between: some changes fail then, but no request does. */
static void *
run_swaps(void *arg)
{
    struct changer *c = arg;
    struct joist_target_conf t = {.url = c->url, .weight = 1};

    for (unsigned i = 0; i < 400; i++) {
        (void)joist_upstream_add(c->e, "origin", &t, NULL);
        (void)joist_upstream_remove(c->e, "origin", c->url, NULL);
    }
    return NULL;
}

static void
test_with_swaps(void **state)
{
    static struct front f;
    struct letters l;
    const char *urls[] = {l.urls[0]};
    struct asker asker = {0};
    struct changer changer;
    struct joist_engine *e;
    int stop = 0;

    (void)state;
    letters_start(&l);
    front_fill(&f, 2, urls, 1);
    e = setup_start(&f.s);
    asker.port = joist_engine_port(e, 0);
    asker.stop = &stop;
    changer = (struct changer){.e = e, .url = l.urls[1]};
    assert_int_equal(pthread_create(&asker.thread, NULL, run_asker, &asker), 0);
    assert_int_equal(pthread_create(&changer.thread, NULL, run_swaps, &changer), 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(joist_engine_swap(e, &f.s.conf, NULL, NULL), 0);
    }
    pthread_join(changer.thread, NULL);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(asker.thread, NULL);
    assert_int_equal(asker.failed, 0);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_robin),        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_with_further_tries), cmocka_unit_test(test_with_a_queue),
        cmocka_unit_test(test_with_swaps),
    };

    return cmocka_run_group_tests_name("engine/upstream_storm", tests, NULL, NULL);
}
