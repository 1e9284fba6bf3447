// SPDX-License-Identifier: MIT
/*
 * A pool of a running engine is paused, resumed and stopped (joist/upstream.h), and its targets
 * have a limit: over threads, swaps and changes of targets.
 */
#include "dynamic.h"

#include <joist/upstream.h>

#define HELD 8

static struct front f;
static struct client c, clients[HELD];
static struct reply r;
static struct joist_err err;

static const char get[] = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
static const char hold[] = "GET /hold HTTP/1.1\r\nHost: a.test\r\n\r\n";

static struct joist_upstream_state *
read_pool(struct joist_engine *e)
{
    struct joist_upstream_state *state = NULL;

    assert_int_equal(joist_upstream_read(e, "origin", &state), 0);
    return state;
}

static void
wait_queued(struct joist_engine *e, uint32_t n)
{
    uint32_t now;

    do {
        struct joist_upstream_state *state = read_pool(e);

        now = state->queue_n;
        joist_upstream_state_free(&state);
    } while (now != n);
}

static void
ask(struct client *to, struct joist_engine *e, const char *request)
{
    assert_int_equal(client_connect(to, joist_engine_port(e, 0)), 0);
    client_send(to, request);
}

static int
status_of(struct client *from)
{
    client_reply(from, &r);
    client_close(from);
    return r.status;
}

/* ---- what cannot be done ---- */

static void
test_refused(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:1"};
    struct joist_engine *e = NULL;

    (void)state;
    front_fill(&f, 1, urls, 1);
    f.s.pools[0].dynamic = false;
    assert_int_equal(joist_engine_create(&e, &f.s.conf, NULL, NULL), 0);
    assert_int_equal(joist_upstream_pause(e, "origin", 1000, &err), JOIST_E_STATE);
    assert_int_equal(err.code, JOIST_E_STATE);
    assert_int_equal(joist_engine_start(e), 0);
    assert_int_equal(joist_upstream_stop(e, "nobody", &err), JOIST_E_NOTFOUND);
    assert_non_null(strstr(err.message, "'nobody'"));
    assert_int_equal(joist_upstream_resume(e, "origin", &err), JOIST_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "dynamic"));
    assert_int_equal(joist_upstream_resume(e, NULL, NULL), JOIST_E_NOTFOUND);
    joist_engine_destroy(&e);
}

/* ---- pause ---- */

static void
test_held_requests_are_served_after_a_resume(void **state)
{
    struct joist_upstream_state *seen;
    struct letters l;
    const char *urls[] = {l.urls[0], l.urls[1]};
    struct joist_engine *e;

    (void)state;
    letters_start(&l);
    front_fill(&f, 2, urls, 2);
    e = setup_start(&f.s);
    assert_int_equal(joist_upstream_pause(e, "origin", JOIST_FOREVER, &err), 0);
    for (size_t i = 0; i < HELD; i++) {
        ask(&clients[i], e, get);
    }
    wait_queued(e, HELD);
    seen = read_pool(e);
    assert_true(seen->paused);
    assert_int_equal(seen->targets[0].inflight + seen->targets[1].inflight, 0);
    joist_upstream_state_free(&seen);
    assert_int_equal(joist_engine_swap(e, &f.s.conf, NULL, NULL), 0); /* it is kept */
    seen = read_pool(e);
    assert_true(seen->paused);
    assert_int_equal(seen->queue_n, HELD);
    joist_upstream_state_free(&seen);
    assert_int_equal(joist_upstream_resume(e, "origin", &err), 0);
    for (size_t i = 0; i < HELD; i++) {
        assert_int_equal(status_of(&clients[i]), 200);
    }
    seen = read_pool(e);
    assert_false(seen->paused);
    joist_upstream_state_free(&seen);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

static void
test_a_pause_ends_for_each_with_504(void **state)
{
    struct letters l;
    const char *urls[] = {l.urls[0]};
    struct joist_engine *e;

    (void)state;
    letters_start(&l);
    front_fill(&f, 1, urls, 1);
    e = setup_start(&f.s);
    assert_int_equal(joist_upstream_pause(e, "origin", 10, &err), 0);
    ask(&c, e, get);
    assert_int_equal(status_of(&c), 504);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

static void
test_a_stop_answers_503_until_the_resume(void **state)
{
    struct joist_upstream_state *seen;
    struct letters l;
    const char *urls[] = {l.urls[0]};
    struct joist_engine *e;

    (void)state;
    letters_start(&l);
    front_fill(&f, 2, urls, 1);
    e = setup_start(&f.s);
    assert_int_equal(joist_upstream_pause(e, "origin", JOIST_FOREVER, &err), 0);
    ask(&clients[0], e, get);
    wait_queued(e, 1);
    assert_int_equal(joist_upstream_stop(e, "origin", &err), 0);
    assert_int_equal(status_of(&clients[0]), 503);
    ask(&c, e, get);
    assert_int_equal(status_of(&c), 503);
    seen = read_pool(e);
    assert_true(seen->stopped && !seen->paused);
    joist_upstream_state_free(&seen);
    assert_int_equal(joist_upstream_resume(e, "origin", &err), 0);
    ask(&c, e, get);
    assert_int_equal(status_of(&c), 200);
    joist_engine_destroy(&e);
    letters_stop(&l);
}

static void
test_an_engine_ends_with_requests_held(void **state)
{
    struct letters l;
    const char *urls[] = {l.urls[0]};
    struct joist_engine *e;

    (void)state;
    letters_start(&l);
    front_fill(&f, 2, urls, 1);
    e = setup_start(&f.s);
    assert_int_equal(joist_upstream_pause(e, "origin", JOIST_FOREVER, &err), 0);
    for (size_t i = 0; i < HELD; i++) {
        ask(&clients[i], e, get);
    }
    wait_queued(e, HELD);
    joist_engine_destroy(&e);
    for (size_t i = 0; i < HELD; i++) {
        client_close(&clients[i]);
    }
    letters_stop(&l);
}

/* ---- a limit ---- */

static void
test_who_waits_goes_to_a_target_that_is_added(void **state)
{
    static struct origin busy;
    struct joist_target_conf target = {.weight = 1};
    struct letters l;
    const char *urls[] = {busy.url};
    struct joist_engine *e;

    (void)state;
    letters_start(&l);
    origin_start(&busy);
    front_fill(&f, 2, urls, 1);
    f.s.pools[0].max_inflight = 1;
    f.s.pools[0].queue.timeout_ms = 0;
    e = setup_start(&f.s);
    ask(&c, e, hold);
    origin_wait_held(&busy, 1);
    for (size_t i = 0; i < HELD; i++) {
        ask(&clients[i], e, get);
    }
    wait_queued(e, HELD);
    target.url = l.urls[0];
    assert_int_equal(joist_upstream_add(e, "origin", &target, &err), 0);
    for (size_t i = 0; i < HELD; i++) {
        assert_int_equal(status_of(&clients[i]), 200);
        assert_int_equal(r.body[0], 'a');
    }
    origin_release(&busy);
    assert_int_equal(status_of(&c), 200);
    joist_engine_destroy(&e);
    origin_stop(&busy);
    letters_stop(&l);
}

/* Who waits with an older configuration is served by what that one has, and neither goes over the
 * limit. */
static void
test_who_waits_is_served_after_a_swap(void **state)
{
    static struct origin busy;
    struct letters l;
    const char *urls[] = {busy.url};
    struct joist_engine *e;

    (void)state;
    letters_start(&l);
    origin_start(&busy);
    front_fill(&f, 2, urls, 1);
    f.s.pools[0].max_inflight = 1;
    f.s.pools[0].queue.timeout_ms = 0;
    e = setup_start(&f.s);
    ask(&c, e, hold);
    origin_wait_held(&busy, 1);
    for (size_t i = 0; i < HELD; i++) {
        ask(&clients[i], e, get);
    }
    wait_queued(e, HELD);
    for (int i = 0; i < 3; i++) {
        f.targets[0].url = i % 2 == 0 ? l.urls[0] : busy.url;
        assert_int_equal(joist_engine_swap(e, &f.s.conf, NULL, NULL), 0);
    }
    origin_release(&busy);
    assert_int_equal(status_of(&c), 200);
    for (size_t i = 0; i < HELD; i++) {
        assert_int_equal(status_of(&clients[i]), 200);
    }
    joist_engine_destroy(&e);
    origin_stop(&busy);
    letters_stop(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_held_requests_are_served_after_a_resume),
        cmocka_unit_test(test_a_pause_ends_for_each_with_504),
        cmocka_unit_test(test_a_stop_answers_503_until_the_resume),
        cmocka_unit_test(test_an_engine_ends_with_requests_held),
        cmocka_unit_test(test_who_waits_goes_to_a_target_that_is_added),
        cmocka_unit_test(test_who_waits_is_served_after_a_swap),
    };

    return cmocka_run_group_tests_name("engine/upstream_pause", tests, NULL, NULL);
}
