// SPDX-License-Identifier: MIT
/*
 * Slots of a running engine (joist/upstream.h): switch, split, and a deploy, which changes all or
 * nothing and fails no request.
 */
#include "dynamic.h"

#include <stdio.h>
#include <stdlib.h>

#define ASKS 24

static struct setup s;
static struct joist_slot_conf slots[2];
static struct joist_slot_rule_conf rule;
static struct joist_target_conf targets[2];
static struct client c;
static struct reply r;
static struct joist_err err;

/* "app" with blue, which takes all, and green, each with one target. */
static void
fill(unsigned threads, const char *blue, const char *green)
{
    setup_init(&s, threads);
    s.conf.limits.conns_per_ip = 0;
    slots[0] = (struct joist_slot_conf){.name = "blue", .pool = "app.blue", .weight = 1};
    slots[1] = (struct joist_slot_conf){.name = "green", .pool = "app.green"};
    targets[0] = (struct joist_target_conf){.url = blue, .weight = 1};
    targets[1] = (struct joist_target_conf){.url = green, .weight = 1};
    for (size_t i = 0; i < 3; i++) {
        joist_pool_conf_init(&s.pools[i]);
        s.pools[i].targets = i > 0 ? &targets[i - 1] : NULL;
        s.pools[i].targets_n = i > 0 ? 1 : 0;
    }
    s.pools[0].name = "app";
    s.pools[0].slots = slots;
    s.pools[0].slots_n = 2;
    s.pools[1].name = "app.blue";
    s.pools[2].name = "app.green";
    s.conf.pools_n = 3;
    rule = (struct joist_slot_rule_conf){.slot = "blue", .header = "X-Old", .percent = 100};
    s.pools[0].slot_rules = &rule;
    s.pools[0].slot_rules_n = 1;
    setup_route(&s, "/", JOIST_HANDLER_PROXY)->handler.proxy.pool = "app";
}

/* How many of so many requests were answered by this letter. All must be answered. */
static unsigned
count(struct joist_engine *e, unsigned asks, char letter)
{
    unsigned n = 0;

    for (unsigned i = 0; i < asks; i++) {
        char body[16];

        assert_int_equal(front_ask(e, "/", body), 200);
        n += body[0] == letter;
    }
    return n;
}

static int
ask_old(struct joist_engine *e)
{
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_send(&c, "GET / HTTP/1.1\r\nHost: a\r\nX-Old: 1\r\n\r\n");
    client_reply(&c, &r);
    client_close(&c);
    return r.status == 200 ? r.body[0] : r.status;
}

static int
deploy(struct joist_engine *e, const char *slot, const char *url,
       struct joist_deploy_result *result)
{
    struct joist_target_conf t = {.url = url, .weight = 1};
    struct joist_deploy_conf d;

    joist_deploy_conf_init(&d);
    d.targets = &t;
    d.targets_n = 1;
    d.timeout_ms = 20000;
    return joist_upstream_deploy(e, "app", slot, &d, result, &err);
}

/* ---- switch and split ---- */

static void
test_refused(void **state)
{
    struct joist_target_conf two[2] = {{.url = "http://127.0.0.1:1", .weight = 1},
                                       {.url = "http://127.0.0.1:1/", .weight = 1}};
    struct joist_deploy_conf d;
    struct joist_engine *e = NULL;

    (void)state;
    fill(1, "http://127.0.0.1:1", "http://127.0.0.1:2");
    assert_int_equal(joist_engine_create(&e, &s.conf, NULL, NULL), 0);
    assert_int_equal(joist_upstream_switch(e, "app", "blue", &err), JOIST_E_STATE);
    assert_int_equal(joist_engine_start(e), 0);
    assert_int_equal(joist_upstream_switch(e, "ap", "blue", &err), JOIST_E_NOTFOUND);
    assert_non_null(strstr(err.message, "'ap'"));
    assert_int_equal(joist_upstream_switch(e, "app", "red", &err), JOIST_E_NOTFOUND);
    assert_non_null(strstr(err.message, "'red'"));
    assert_int_equal(joist_upstream_switch(e, "app.blue", "blue", &err), JOIST_E_UNSUPPORTED);
    assert_int_equal(joist_upstream_split(e, "app", "blue", 101, &err), JOIST_E_INVAL);
    assert_int_equal(joist_upstream_split(e, "app", NULL, 1, NULL), JOIST_E_INVAL);
    assert_int_equal(joist_upstream_remove(e, "app.green", "http://127.0.0.1:2", &err), 0);
    assert_int_equal(joist_upstream_switch(e, "app", "green", &err), JOIST_E_UNAVAILABLE);
    assert_int_equal(joist_upstream_split(e, "app", "green", 1, &err), JOIST_E_UNAVAILABLE);
    assert_int_equal(deploy(e, "red", "http://127.0.0.1:1", NULL), JOIST_E_NOTFOUND);
    assert_int_equal(deploy(e, "green", "nothing", NULL), JOIST_E_INVAL);
    assert_non_null(strstr(err.message, "'nothing'"));
    joist_deploy_conf_init(&d);
    assert_int_equal(joist_upstream_deploy(e, "app", "green", &d, NULL, &err), JOIST_E_INVAL);
    d.targets = two;
    d.targets_n = 2;
    assert_int_equal(joist_upstream_deploy(e, "app", "green", &d, NULL, &err), JOIST_E_EXISTS);
    d.targets_n = 1;
    d.healthy_min = 2;
    assert_int_equal(joist_upstream_deploy(e, "app", "green", &d, NULL, NULL), JOIST_E_INVAL);
    joist_engine_destroy(&e);
}

static void
test_switch_is_seen_by_all_threads_at_once(void **state)
{
    struct joist_engine *e;
    struct letters l;

    (void)state;
    letters_start(&l);
    fill(4, l.urls[0], l.urls[1]);
    e = setup_start(&s);
    assert_int_equal(count(e, ASKS, 'a'), ASKS);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(joist_upstream_switch(e, "app", i % 2 == 0 ? "green" : "blue", &err), 0);
        assert_int_equal(count(e, ASKS, i % 2 == 0 ? 'b' : 'a'), ASKS);
    }
    assert_int_equal(joist_upstream_switch(e, "app", "green", &err), 0);
    assert_int_equal(ask_old(e), 'a'); /* rules go first */
    joist_engine_destroy(&e);
    letters_stop(&l);
}

static void
test_switch_and_split_outlive_a_swap(void **state)
{
    struct joist_engine *e;
    struct letters l;
    unsigned n;

    (void)state;
    letters_start(&l);
    fill(2, l.urls[0], l.urls[1]);
    e = setup_start(&s);
    assert_int_equal(joist_upstream_switch(e, "app", "green", &err), 0);
    assert_int_equal(joist_engine_swap(e, &s.conf, NULL, NULL), 0);
    assert_int_equal(count(e, ASKS, 'b'), ASKS);
    assert_int_equal(joist_upstream_split(e, "app", "blue", 50, &err), 0);
    assert_int_equal(joist_engine_swap(e, &s.conf, NULL, NULL), 0);
    n = count(e, 400, 'a'); /* six standard deviations are 60 */
    assert_in_range(n, 140, 260);
    assert_int_equal(joist_upstream_split(e, "app", "blue", 0, &err), 0);
    assert_int_equal(count(e, ASKS, 'b'), ASKS);
    assert_int_equal(joist_upstream_switch(e, "app", NULL, &err), 0);
    assert_int_equal(count(e, ASKS, 'a'), ASKS);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

/* ---- deploy ---- */

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
    struct client *own = calloc(1, sizeof(*own));
    struct reply *got = calloc(1, sizeof(*got));

    a->failed += client_connect(own, a->port) < 0;
    while (!__atomic_load_n(a->stop, __ATOMIC_RELAXED) && a->failed == 0) {
        client_get(own, got, "/");
        a->failed += got->status != 200;
        a->answered++;
    }
    client_close(own);
    free(got);
    free(own);
    return NULL;
}

static void
test_deploys_fail_no_request(void **state)
{
    struct asker askers[3] = {0};
    struct joist_engine *e;
    struct letters l;
    int stop = 0;

    (void)state;
    letters_start(&l);
    fill(2, l.urls[0], l.urls[1]);
    e = setup_start(&s);
    for (size_t i = 0; i < 3; i++) {
        askers[i].port = joist_engine_port(e, 0);
        askers[i].stop = &stop;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, run_asker, &askers[i]), 0);
    }
    for (unsigned i = 0; i < 40; i++) { /* now to the other slot, now in the same one */
        struct joist_deploy_result result;

        assert_int_equal(deploy(e, i / 2 % 2 == 0 ? "green" : "blue", l.urls[i % 4], &result), 0);
        assert_true(result.ok);
        assert_int_equal(count(e, 4, (char)('a' + i % 4)), 4);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].failed, 0);
        assert_true(askers[i].answered > 0);
    }
    joist_engine_destroy(&e);
    letters_stop(&l);
}

static void
expect_nothing_changed(struct joist_engine *e, const char *green)
{
    struct joist_upstream_state *state = NULL;

    assert_int_equal(count(e, ASKS, 'a'), ASKS);
    assert_int_equal(joist_upstream_read(e, "app.green", &state), 0);
    assert_int_equal(state->targets_n, 1);
    assert_string_equal(state->targets[0].url, green);
    assert_false(state->targets[0].draining);
    joist_upstream_state_free(&state);
    assert_int_equal(joist_upstream_read(e, "app", &state), 0);
    assert_int_equal(state->slots_n, 2);
    assert_int_equal(state->slots[0].share, 10000);
    assert_false(state->slots[0].active);
    assert_false(state->slots[0].closed);
    joist_upstream_state_free(&state);
}

static void
test_a_failed_deploy_changes_nothing(void **state)
{
    struct joist_health_conf health;
    struct joist_target_conf two[2];
    struct joist_deploy_result results[2];
    struct joist_deploy_conf d;
    struct joist_engine *e;
    struct letters l;

    (void)state;
    letters_start(&l);
    fill(2, l.urls[0], l.urls[1]);
    e = setup_start(&s);
    joist_health_conf_init(&health);
    health.interval_ms = 20;
    joist_deploy_conf_init(&d);
    two[0] = (struct joist_target_conf){.url = l.urls[2], .weight = 1};
    two[1] = (struct joist_target_conf){.url = "http://127.0.0.1:1", .weight = 1}; /* tcpmux */
    d.targets = two;
    d.targets_n = 2;
    d.timeout_ms = 500;
    d.health = &health;
    assert_int_equal(joist_upstream_deploy(e, "app", "green", &d, results, &err), JOIST_E_TIMEOUT);
    assert_non_null(strstr(err.message, "1 of 2 targets"));
    assert_non_null(strstr(err.message, "127.0.0.1:1"));
    assert_true(results[0].ok);
    assert_false(results[1].ok);
    assert_true(results[1].checks > 0);
    assert_true(results[1].text[0] != '\0');
    expect_nothing_changed(e, l.urls[1]);
    d.healthy_min = 1; /* it is enough that one is well */
    assert_int_equal(joist_upstream_deploy(e, "app", "green", &d, results, &err), 0);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

static void
test_a_deploy_that_stays_does_not_switch(void **state)
{
    struct joist_target_conf t;
    struct joist_deploy_conf d;
    struct joist_engine *e;
    struct letters l;

    (void)state;
    letters_start(&l);
    fill(2, l.urls[0], l.urls[1]);
    e = setup_start(&s);
    joist_deploy_conf_init(&d);
    t = (struct joist_target_conf){.url = l.urls[2], .weight = 1};
    d.targets = &t;
    d.targets_n = 1;
    d.stay = true;
    assert_int_equal(joist_upstream_deploy(e, "app", "green", &d, NULL, &err), 0);
    assert_int_equal(count(e, ASKS, 'a'), ASKS);
    assert_int_equal(joist_upstream_switch(e, "app", "green", &err), 0);
    assert_int_equal(count(e, ASKS, 'c'), ASKS);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

/* ---- the generation before ---- */

static void
test_what_runs_before_goes_on(void **state)
{
    struct joist_engine *e;
    struct letters l;
    struct echo o;

    (void)state;
    letters_start(&l);
    echo_start(&o);
    fill(2, o.url, l.urls[1]);
    e = setup_start(&s);
    tunnel_open(&c, e);
    assert_int_equal(deploy(e, "green", l.urls[2], NULL), 0);
    assert_int_equal(count(e, ASKS, 'c'), ASKS);
    assert_int_equal(deploy(e, "green", l.urls[3], NULL), 0); /* in its own place */
    assert_int_equal(count(e, ASKS, 'd'), ASKS);
    assert_true(tunnel_is_alive(&c));
    client_close(&c);
    joist_engine_destroy(&e);
    echo_stop(&o);
    letters_stop(&l);
}

static void
test_tunnels_are_cut_at_once_if_it_says_so(void **state)
{
    struct joist_target_conf t;
    struct joist_deploy_conf d;
    struct joist_engine *e;
    struct letters l;
    struct echo o;

    (void)state;
    letters_start(&l);
    echo_start(&o);
    fill(2, o.url, l.urls[1]);
    e = setup_start(&s);
    tunnel_open(&c, e);
    joist_deploy_conf_init(&d);
    t = (struct joist_target_conf){.url = l.urls[2], .weight = 1};
    d.targets = &t;
    d.targets_n = 1;
    d.tunnels = JOIST_TUNNEL_CUT;
    assert_int_equal(joist_upstream_deploy(e, "app", "green", &d, NULL, &err), 0);
    assert_true(client_is_ended(&c));
    client_close(&c);
    assert_int_equal(ask_old(e), 'c'); /* the rule's slot takes nothing any more */
    joist_engine_destroy(&e);
    echo_stop(&o);
    letters_stop(&l);
}

static void
test_requests_are_cut_after_the_time_and_back_again_works(void **state)
{
    struct joist_target_conf t;
    struct joist_deploy_conf d;
    struct joist_engine *e;
    struct letters l;
    struct origin o;

    (void)state;
    letters_start(&l);
    origin_start(&o);
    fill(2, o.url, l.urls[1]);
    e = setup_start(&s);
    assert_int_equal(client_connect(&c, joist_engine_port(e, 0)), 0);
    client_send(&c, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    origin_wait_held(&o, 1);
    joist_deploy_conf_init(&d);
    t = (struct joist_target_conf){.url = l.urls[2], .weight = 1};
    d.targets = &t;
    d.targets_n = 1;
    d.drain_ms = 50;
    assert_int_equal(joist_upstream_deploy(e, "app", "green", &d, NULL, &err), 0);
    assert_int_equal(count(e, ASKS, 'c'), ASKS);
    client_reply(&c, &r);
    assert_int_equal(r.status, 502);
    client_close(&c);
    assert_int_equal(joist_upstream_wait_drained(e, "app.blue", NULL, 20000, &err), 0);
    assert_int_equal(joist_upstream_switch(e, "app", "blue", &err), 0); /* ready again */
    assert_int_equal(count(e, ASKS, '/'), ASKS);
    origin_release(&o);
    joist_engine_destroy(&e);
    origin_stop(&o);
    letters_stop(&l);
}

static void
test_read(void **state)
{
    struct joist_upstream_state *got = NULL;
    struct joist_engine *e;
    struct letters l;

    (void)state;
    letters_start(&l);
    fill(2, l.urls[0], l.urls[1]);
    e = setup_start(&s);
    assert_int_equal(joist_upstream_switch(e, "app", "green", &err), 0);
    assert_int_equal(joist_upstream_split(e, "app", "blue", 10, &err), 0);
    assert_int_equal(joist_upstream_read(e, "app", &got), 0);
    assert_int_equal(got->targets_n, 0);
    assert_int_equal(got->slots_n, 2);
    assert_string_equal(got->slots[0].name, "blue");
    assert_string_equal(got->slots[0].pool, "app.blue");
    assert_int_equal(got->slots[0].weight, 1);
    assert_int_equal(got->slots[0].share, 1000);
    assert_false(got->slots[0].active);
    assert_true(got->slots[1].active);
    assert_int_equal(got->slots[1].share, 9000);
    assert_int_equal(got->slots[1].targets_n, 1);
    assert_int_equal(got->slots[1].inflight, 0);
    joist_upstream_state_free(&got);
    assert_int_equal(joist_upstream_read(e, "app.blue", &got), 0);
    assert_int_equal(got->slots_n, 0);
    joist_upstream_state_free(&got);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_switch_is_seen_by_all_threads_at_once),
        cmocka_unit_test(test_switch_and_split_outlive_a_swap),
        cmocka_unit_test(test_deploys_fail_no_request),
        cmocka_unit_test(test_a_failed_deploy_changes_nothing),
        cmocka_unit_test(test_a_deploy_that_stays_does_not_switch),
        cmocka_unit_test(test_what_runs_before_goes_on),
        cmocka_unit_test(test_tunnels_are_cut_at_once_if_it_says_so),
        cmocka_unit_test(test_requests_are_cut_after_the_time_and_back_again_works),
        cmocka_unit_test(test_read),
    };

    return cmocka_run_group_tests_name("engine/slots", tests, NULL, NULL);
}
