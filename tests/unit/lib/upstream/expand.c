// SPDX-License-Identifier: MIT
/* Addresses of names as targets: which, what they are called, who stands in, what stays. */
#include "upstream/expand.h"
#include "../../fail_malloc.h"

#include "base/str.h"
#include "rig.h"
#include "upstream/control.h"
#include "upstream/track.h"

#include <stdlib.h>

struct world {
    struct rig rig;
    struct jst_names *names;
    struct jst_pool *pool;
};

static int
no_thread(void *ctx)
{
    (void)ctx;
    return JOIST_E_NOMEM;
}

static const struct jst_names_events no_events = {.on_needed = no_thread};
static const char *const one[] = {"http://127.0.0.1:1001"};

static void
begin(struct world *w, const struct joist_pool_conf *conf)
{
    rig_init(&w->rig, one, NULL, 1, JOIST_STRATEGY_SINGLE);
    assert_int_equal(jst_names_create(&w->names, &no_events, NULL), 0);
    assert_int_equal(jst_pool_create(&w->pool, conf, w->names, NULL), 0);
    assert_int_equal(jst_pool_track(w->pool, conf, w->rig.states, 1), 0);
}

static void
begin_with(struct world *w, const char *url, enum joist_strategy strategy)
{
    struct joist_target_conf target = {.url = url, .weight = 2};
    struct joist_pool_conf conf = {
        .name = "p", .strategy = strategy, .targets = &target, .targets_n = 1, .idle_max = 4};

    begin(w, &conf);
}

static void
finish(struct world *w)
{
    jst_pool_unref(&w->pool);
    jst_names_destroy(&w->names); /* it asserts that nobody counts a name any more */
    rig_fini(&w->rig);
}

static struct jst_name *
name_of(const struct world *w, uint32_t i)
{
    const struct jst_target *t = &w->pool->v[i];

    return t->named != NULL ? t->named->dns : t->dns;
}

/* "10.0.0.1 10.0.0.2", each with the port; and their ranks, or NULL. */
static void
answer(struct jst_name *name, const char *ips, const struct jst_addr_rank *ranks)
{
    struct jst_addrs *a = calloc(1, sizeof(*a) + JST_TARGET_ADDRS_MAX * sizeof(struct jst_addr));
    struct jst_slice rest = jst_slice_z(ips);

    assert_non_null(a);
    while (rest.n > 0) {
        struct jst_slice ip = jst_slice_cut(&rest, ' ');

        assert_int_equal(jst_addr_literal(&a->v[a->n], ip, 80), 0);
        if (ranks != NULL) {
            a->rank[a->n] = ranks[a->n];
        }
        a->n++;
    }
    free(name->addrs);
    name->addrs = a;
}

/* True: it is another pool now. */
static bool
expand(struct world *w)
{
    struct jst_pool *by;

    assert_int_equal(jst_pool_expand(&by, w->pool, w->names, 2), 0);
    if (by == NULL) {
        return false;
    }
    jst_pool_unref(&w->pool);
    w->pool = by;
    return true;
}

/* "10.0.0.1(10.0.0.2) ...": each target's address, and who stands in for it. */
static void
expect(const struct world *w, const char *wanted)
{
    char text[1024];
    char ip[JST_ADDR_TEXT_BYTES];
    size_t n = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < w->pool->n; i++) {
        const struct jst_addrs *a = w->pool->v[i].addrs;

        n += jst_fmt(text + n, sizeof(text) - n, "%s", i > 0 ? " " : "");
        for (uint32_t k = 0; a != NULL && k < a->n; k++) {
            (void)jst_addr_print_ip(ip, &a->v[k]);
            n += jst_fmt(text + n, sizeof(text) - n, "%s%s", k == 1 ? "(" : k > 1 ? " " : "", ip);
        }
        n += jst_fmt(text + n, sizeof(text) - n, "%s", a == NULL ? "?" : a->n > 1 ? ")" : "");
    }
    assert_string_equal(text, wanted);
}

static void
test_each_address_is_a_target(void **state)
{
    struct world w;
    const struct jst_target *t;

    (void)state;
    begin_with(&w, "http://app.test", JOIST_STRATEGY_LEAST_CONN);
    assert_false(expand(&w)); /* none is known yet */
    expect(&w, "?");
    answer(name_of(&w, 0), "10.0.0.1 10.0.0.2", NULL);
    assert_true(expand(&w));
    expect(&w, "10.0.0.1 10.0.0.2");
    t = &w.pool->v[1];
    assert_string_equal(t->key, "http://app.test:80|addr=10.0.0.2:80");
    assert_true(jst_slice_eq(t->name, JST_S("app.test:80")));
    assert_true(jst_slice_eq(t->host, JST_S("app.test")));
    assert_true(jst_slice_eq(t->label, JST_S("app.test:80|addr=10.0.0.2:80")));
    assert_true(jst_target_has_identity(t, "http://app.test:80"));
    assert_int_equal(t->weight, 2);
    assert_int_equal(w.pool->tracking->n, 2);
    finish(&w);
}

static void
test_tls_stays_that_of_the_name(void **state)
{
    static const struct joist_target_tls_conf tls = {.sni = "sni.test"};
    struct joist_target_conf target = {.url = "https://app.test:8443", .weight = 1, .tls = &tls};
    struct joist_pool_conf conf = {
        .strategy = JOIST_STRATEGY_RANDOM, .targets = &target, .targets_n = 1};
    struct world w;
    struct jst_tls_client *client;

    (void)state;
    begin(&w, &conf);
    client = w.pool->v[0].tls;
    answer(name_of(&w, 0), "::1", NULL);
    assert_true(expand(&w));
    assert_string_equal(w.pool->v[0].key,
                        "https://app.test:8443|addr=[::1]:80|name=8:sni.test|sni=8:sni.test");
    assert_true(jst_slice_eq(w.pool->v[0].tls_name, JST_S("sni.test")));
    assert_ptr_equal(w.pool->v[0].tls, client);
    finish(&w);
}

static void
test_same_answer_changes_nothing(void **state)
{
    struct world w;

    (void)state;
    begin_with(&w, "http://app.test", JOIST_STRATEGY_LEAST_CONN);
    answer(name_of(&w, 0), "10.0.0.1 10.0.0.2 ::1", NULL);
    assert_true(expand(&w));
    assert_false(expand(&w));
    answer(name_of(&w, 0), "10.0.0.1 10.0.0.2 ::1", NULL);
    assert_false(expand(&w));
    finish(&w);
}

static void
test_those_that_stay_are_the_same(void **state)
{
    struct world w;
    const char *key;
    struct jst_tstate *known;

    (void)state;
    begin_with(&w, "http://app.test", JOIST_STRATEGY_LEAST_CONN);
    answer(name_of(&w, 0), "10.0.0.1 10.0.0.2", NULL);
    assert_true(expand(&w));
    key = w.pool->v[1].key;
    known = w.pool->tracking->v[1];
    answer(name_of(&w, 0), "10.0.0.2 10.0.0.3", NULL);
    assert_true(expand(&w));
    expect(&w, "10.0.0.2 10.0.0.3");
    assert_ptr_equal(w.pool->v[0].key, key);
    assert_ptr_equal(w.pool->tracking->v[0], known);
    finish(&w);
}

/* Other addresses stand in, but it is the target that it was. */
static void
test_state_outlives_who_stands_in(void **state)
{
    struct world w;
    struct jst_tstate *known;

    (void)state;
    begin_with(&w, "http://app.test", JOIST_STRATEGY_LEAST_CONN);
    answer(name_of(&w, 0), "10.0.0.1 ::1", NULL);
    assert_true(expand(&w));
    expect(&w, "10.0.0.1(::1)");
    known = w.pool->tracking->v[0];
    answer(name_of(&w, 0), "10.0.0.1 ::2", NULL);
    assert_true(expand(&w));
    expect(&w, "10.0.0.1(::2)");
    assert_ptr_equal(w.pool->tracking->v[0], known);
    finish(&w);
}

static void
test_families(void **state)
{
    static const struct {
        const char *ips;
        const char *targets;
    } cases[] = {
        {"::1 10.0.0.1", "::1(10.0.0.1)"}, /* as many of both: the first */
        {"10.0.0.1 ::1", "10.0.0.1(::1)"},
        {"::1 10.0.0.1 10.0.0.2", "10.0.0.1(::1) 10.0.0.2(::1)"}, /* the one that has more */
        {"::1 10.0.0.1 ::2 10.0.0.2", "::1(10.0.0.1 10.0.0.2) ::2(10.0.0.2 10.0.0.1)"},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct world w;

        begin_with(&w, "http://app.test", JOIST_STRATEGY_LEAST_CONN);
        answer(name_of(&w, 0), cases[i].ips, NULL);
        assert_true(expand(&w));
        expect(&w, cases[i].targets);
        finish(&w);
    }
}

/* Nobody counts where a call went. */
static void
test_all_stand_in_where_nothing_is_tracked(void **state)
{
    struct world w;

    (void)state;
    begin_with(&w, "http://app.test", JOIST_STRATEGY_ROUND_ROBIN);
    answer(name_of(&w, 0), "10.0.0.1 10.0.0.2 10.0.0.3", NULL);
    assert_true(expand(&w));
    expect(&w, "10.0.0.1(10.0.0.2 10.0.0.3) 10.0.0.2(10.0.0.3 10.0.0.1) "
               "10.0.0.3(10.0.0.1 10.0.0.2)");
    finish(&w);
}

static void
test_service(void **state)
{
    static const struct jst_addr_rank ranks[] = {{1, 30}, {1, 0}, {5, 7}};
    struct joist_target_conf target = {
        .url = "http://_http._tcp.app.test", .weight = 2, .srv = true};
    struct joist_pool_conf conf = {
        .name = "p", .strategy = JOIST_STRATEGY_LEAST_CONN, .targets = &target, .targets_n = 1};
    struct world w;

    (void)state;
    begin(&w, &conf);
    answer(name_of(&w, 0), "10.0.0.1 10.0.0.2 10.0.0.3", ranks);
    assert_true(expand(&w));
    expect(&w, "10.0.0.1(10.0.0.3) 10.0.0.2(10.0.0.3)"); /* a lower priority stands in */
    assert_int_equal(w.pool->v[0].weight, 60);
    assert_int_equal(w.pool->v[1].weight, 2); /* RFC 2782: a small chance */
    assert_false(w.pool->even);
    finish(&w);
}

static void
test_single_is_one_target(void **state)
{
    struct world w;

    (void)state;
    begin_with(&w, "http://app.test", JOIST_STRATEGY_SINGLE);
    answer(name_of(&w, 0), "10.0.0.1 10.0.0.2", NULL);
    assert_false(expand(&w));
    assert_int_equal(w.pool->n, 1);
    finish(&w);
}

static void
test_among_others(void **state)
{
    struct joist_target_conf targets[] = {{.url = "http://192.0.2.1", .weight = 1},
                                          {.url = "http://a.test", .weight = 1},
                                          {.url = "http://b.test", .weight = 1},
                                          {.url = "unix:/run/app.sock", .weight = 1}};
    struct joist_pool_conf conf = {
        .name = "p", .strategy = JOIST_STRATEGY_LEAST_CONN, .targets = targets, .targets_n = 4};
    struct world w;

    (void)state;
    begin(&w, &conf);
    answer(name_of(&w, 1), "10.0.0.1 10.0.0.2", NULL);
    assert_true(expand(&w));
    expect(&w, "192.0.2.1 10.0.0.1 10.0.0.2 ? unix");
    answer(name_of(&w, 3), "10.0.0.3 10.0.0.4", NULL);
    assert_true(expand(&w));
    expect(&w, "192.0.2.1 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 unix");
    answer(name_of(&w, 1), "10.0.0.2", NULL);
    assert_true(expand(&w));
    expect(&w, "192.0.2.1 10.0.0.2 10.0.0.3 10.0.0.4 unix");
    finish(&w);
}

static void
test_moved_is_seen(void **state)
{
    struct world w;

    (void)state;
    begin_with(&w, "http://app.test", JOIST_STRATEGY_LEAST_CONN);
    answer(name_of(&w, 0), "10.0.0.1", NULL);
    assert_false(jst_pool_has_moved(w.pool));
    name_of(&w, 0)->moved = true;
    assert_true(jst_pool_has_moved(w.pool));
    assert_true(expand(&w));
    assert_true(jst_pool_has_moved(w.pool)); /* until the resolver says otherwise */
    name_of(&w, 0)->moved = false;
    assert_false(jst_pool_has_moved(w.pool));
    finish(&w);
}

/* The target's own address first, unless it has failed just now. */
static void
test_own_address_is_first(void **state)
{
    struct world w;
    struct jst_client c = {0};
    struct jst_upool *upool;
    struct jst_live *live;
    uint8_t order[JST_TARGET_ADDRS_MAX];

    (void)state;
    begin_with(&w, "http://app.test", JOIST_STRATEGY_ROUND_ROBIN);
    answer(name_of(&w, 0), "10.0.0.1 10.0.0.2 10.0.0.3", NULL);
    assert_true(expand(&w));
    assert_int_equal(jst_upool_acquire(&upool, w.rig.local.upstreams, w.pool, 1000), 0);
    live = upool->v[1].live;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(jst_live_order(live, w.pool->v[1].addrs, order), 3);
        assert_int_equal(order[0], 0);
        jst_live_note_address(live, &c, &w.pool->v[1].addrs->v[2], false); /* not its own */
    }
    jst_live_note_address(live, &c, &w.pool->v[1].addrs->v[0], false);
    assert_int_equal(jst_live_order(live, w.pool->v[1].addrs, order), 3);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[2], 0);
    rig_wait(&w.rig, JST_ADDR_SKIP_MS);
    assert_int_equal(jst_live_order(live, w.pool->v[1].addrs, order), 3);
    assert_int_equal(order[0], 0);
    jst_upool_release(&upool);
    finish(&w);
}

/* A name that drains, and is weighed: its new address knows. */
static void
test_new_address_is_told_what_its_name_was_told(void **state)
{
    struct world w;
    struct jst_pool *by;

    (void)state;
    begin_with(&w, "http://app.test", JOIST_STRATEGY_LEAST_CONN);
    jst_control_drain(w.pool, "http://app.test:80", 7, JST_NEVER);
    jst_control_weight(w.pool, "http://app.test:80", 9);
    answer(name_of(&w, 0), "10.0.0.1", NULL);
    for (int i = 0; i < 2; i++) { /* from the name, then from its other address */
        assert_int_equal(jst_pool_expand(&by, w.pool, w.names, 2), 0);
        assert_non_null(by);
        jst_control_inherit(by, w.pool);
        jst_pool_unref(&w.pool);
        w.pool = by;
        assert_false(jst_tstate_takes_new(by->tracking->v[i]));
        assert_int_equal(jst_tstate_weight(by->tracking->v[i], 2), 9);
        answer(name_of(&w, 0), "10.0.0.1 10.0.0.2", NULL);
    }
    assert_true(jst_pool_has(w.pool, "http://app.test:80"));
    assert_false(jst_pool_has(w.pool, "http://app.test:8"));
    finish(&w);
}

#ifndef CANNOT_FAIL_MALLOC
/* Each allocation failing once: the pool stays as it is. */
static void
test_without_memory(void **state)
{
    bool reached = true;

    (void)state;
    for (size_t n = 1; reached; n++) {
        struct jst_pool *by = NULL;
        struct world w;
        int rc;

        begin_with(&w, "http://app.test", JOIST_STRATEGY_LEAST_CONN);
        answer(name_of(&w, 0), "10.0.0.1 10.0.0.2 ::1", NULL);
        failed = false;
        fail_at = n;
        rc = jst_pool_expand(&by, w.pool, w.names, 2);
        fail_at = 0;
        reached = failed;
        assert_int_equal(rc, reached ? JOIST_E_NOMEM : JOIST_OK);
        assert_int_equal(by == NULL, reached);
        jst_pool_unref(&by);
        assert_true(expand(&w));
        finish(&w);
    }
}
#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_address_is_a_target),
        cmocka_unit_test(test_tls_stays_that_of_the_name),
        cmocka_unit_test(test_same_answer_changes_nothing),
        cmocka_unit_test(test_those_that_stay_are_the_same),
        cmocka_unit_test(test_state_outlives_who_stands_in),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_all_stand_in_where_nothing_is_tracked),
        cmocka_unit_test(test_service),
        cmocka_unit_test(test_single_is_one_target),
        cmocka_unit_test(test_among_others),
        cmocka_unit_test(test_moved_is_seen),
        cmocka_unit_test(test_own_address_is_first),
#ifndef CANNOT_FAIL_MALLOC
        cmocka_unit_test(test_without_memory),
#endif
        cmocka_unit_test(test_new_address_is_told_what_its_name_was_told),
    };

    return cmocka_run_group_tests_name("upstream/expand", tests, NULL, NULL);
}
