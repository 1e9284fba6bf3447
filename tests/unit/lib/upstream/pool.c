// SPDX-License-Identifier: MIT
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>

static struct jst_pool *
make_pool(const char *const *urls, const uint32_t *weights, size_t n, enum joist_strategy strategy)
{
    struct joist_target_conf targets[8];
    struct joist_pool_conf conf = {.strategy = strategy, .targets = targets, .targets_n = n};
    struct jst_pool *p = NULL;

    for (size_t i = 0; i < n; i++) {
        targets[i] =
            (struct joist_target_conf){.url = urls[i], .weight = weights != NULL ? weights[i] : 1};
    }
    assert_int_equal(jst_pool_create(&p, &conf, NULL, NULL, NULL), 0);
    return p;
}

static void
test_targets(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:3000/base", "http://[::1]:80",
                                       "unix:/run/app.sock", "http://127.0.0.1"};
    static const char *const names[] = {"127.0.0.1:3000", "[::1]:80", "unix:/run/app.sock",
                                        "127.0.0.1:80"};
    struct jst_pool *p = make_pool(urls, NULL, 4, JOIST_STRATEGY_SINGLE);

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char text[JST_ADDR_TEXT_BYTES];

        assert_true(jst_slice_eq(p->v[i].name, jst_slice_z(names[i])));
        assert_non_null(p->v[i].addrs);
        assert_int_equal(p->v[i].addrs->n, 1);
        (void)jst_addr_print(text, &p->v[i].addrs->v[0]);
        assert_string_equal(text, names[i]);
    }
    assert_string_equal(p->v[0].key, "http://127.0.0.1:3000");
    jst_pool_destroy(&p);
    assert_null(p);
    jst_pool_destroy(&p);
}

static void
count_unresolved(void *ctx, const struct joist_target_conf *t)
{
    assert_string_equal(t->url, "http://name.invalid:1");
    ++*(int *)ctx;
}

static void
test_unresolved(void **state)
{
    struct joist_target_conf targets[] = {{.url = "http://name.invalid:1", .weight = 1},
                                          {.url = "http://127.0.0.1:1", .weight = 1}};
    struct joist_pool_conf conf = {.targets = targets, .targets_n = 2};
    struct jst_pool *p = NULL;
    int told = 0;

    (void)state;
    assert_int_equal(jst_pool_create(&p, &conf, count_unresolved, &told, NULL), 0);
    assert_int_equal(told, 1);
    assert_null(p->v[0].addrs);
    assert_int_equal(jst_pool_resolve_again(p, NULL, NULL), 1);
    jst_pool_destroy(&p);
    targets[0].url = "nonsense";
    assert_int_equal(jst_pool_create(&p, &conf, NULL, NULL, NULL), JOIST_E_INVAL);
    assert_null(p);
}

/* The order in which a pool's targets are picked, as letters. */
static void
pick_order(char *out, size_t turns, const struct jst_pool *p, uint32_t first)
{
    struct jst_local local = {0};
    struct jst_upool *u;

    assert_int_equal(jst_loop_create(&local.loop, NULL), 0);
    assert_int_equal(jst_upstreams_create(&local.upstreams, &local, fake_open), 0);
    assert_int_equal(jst_upool_acquire(&u, local.upstreams, p, 1), 0);
    u->next = first;
    for (size_t i = 0; i < turns; i++) {
        int k = jst_upool_pick(u);

        out[i] = k < 0 ? '-' : (char)('a' + k);
    }
    out[turns] = '\0';
    jst_upool_release(&u);
    jst_upstreams_destroy(&local.upstreams);
    jst_loop_destroy(&local.loop);
}

static void
test_strategies(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:1", "http://127.0.0.1:2",
                                       "http://127.0.0.1:3"};
    static const uint32_t weights[] = {5, 1, 1};
    struct jst_pool *p = make_pool(urls, NULL, 3, JOIST_STRATEGY_SINGLE);
    char order[32];

    (void)state;
    pick_order(order, 4, p, 0);
    assert_string_equal(order, "aaaa");
    free(p->v[0].addrs);
    p->v[0].addrs = NULL;
    pick_order(order, 2, p, 0);
    assert_string_equal(order, "--");
    jst_pool_destroy(&p);

    p = make_pool(urls, NULL, 3, JOIST_STRATEGY_ROUND_ROBIN);
    pick_order(order, 7, p, 1);
    assert_string_equal(order, "bcabcab");
    free(p->v[1].addrs);
    p->v[1].addrs = NULL;
    pick_order(order, 6, p, 0);
    assert_string_equal(order, "acacac");
    jst_pool_destroy(&p);

    p = make_pool(urls, weights, 3, JOIST_STRATEGY_ROUND_ROBIN);
    pick_order(order, 14, p, 0);
    assert_string_equal(order, "aabacaaaabacaa");
    free(p->v[0].addrs);
    p->v[0].addrs = NULL;
    pick_order(order, 4, p, 0);
    assert_string_equal(order, "bcbc");
    jst_pool_destroy(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_unresolved),
        cmocka_unit_test(test_strategies),
    };

    return cmocka_run_group_tests_name("upstream/pool", tests, NULL, NULL);
}
