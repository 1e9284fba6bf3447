// SPDX-License-Identifier: MIT
/* Upgrades go to targets that can switch; which those are is learnt, and forgotten. */
#include "rig.h"

#include "http/client.h"

#define WEBSOCKET JST_S("websocket")

static const char *const mixed[] = {"h2c://127.0.0.1:1", "http://127.0.0.1:2"};
static const char *const alone[] = {"h2c://127.0.0.1:1"};

static void
ask(struct rig *r, struct caller *c)
{
    run_upgrade(r, c, WEBSOCKET);
}

/* The origin's SETTINGS say no: the client fails the call before it is sent. */
static void
refuse(struct rig *r, struct fake *f, struct caller *c)
{
    fake_lose(f, &c->call, JOIST_E_UNSUPPORTED, false);
    rig_turn(r);
}

static struct fake *
open_h2(struct rig *r, struct fake *dial)
{
    struct fake *f = fake_opened(dial, true, 8);

    rig_turn(r);
    return f;
}

/* It was not known: the first upgrade goes on elsewhere, the others go there at once. */
static void
test_learnt_and_moved(void **state)
{
    struct caller a, b, plain;
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, mixed, NULL, 2, JOIST_STRATEGY_SINGLE);
    ask(&r, &a);
    f = open_h2(&r, &fakes[0]);
    assert_ptr_equal(f->call, &a.call);
    refuse(&r, f, &a);
    assert_int_equal(a.why, 0);
    assert_int_equal(a.call.target, 1);
    ask(&r, &b);
    assert_int_equal(b.call.target, 1);
    run_call(&r, &plain, JST_METHOD_GET);
    assert_int_equal(plain.call.target, 0); /* for all else it is as good as ever */
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_none_can(void **state)
{
    struct caller a, b;
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, alone, NULL, 1, JOIST_STRATEGY_ROUND_ROBIN);
    ask(&r, &a);
    f = open_h2(&r, &fakes[0]);
    refuse(&r, f, &a);
    assert_int_equal(a.why, JOIST_E_UNSUPPORTED); /* a try that failed: 502 */
    ask(&r, &b);
    rig_turn(&r);
    assert_int_equal(b.why, JOIST_E_UNAVAILABLE); /* there is none to try: 503 */
    rig_finish(&r);
    rig_fini(&r);
}

/* The origin comes back as another version. */
static void
test_forgotten_with_the_connection(void **state)
{
    struct caller a, b, c;
    struct fake *f;
    struct rig r;

    (void)state;
    rig_init(&r, alone, NULL, 1, JOIST_STRATEGY_SINGLE);
    ask(&r, &a);
    f = open_h2(&r, &fakes[0]);
    refuse(&r, f, &a);
    fake_fail(f, JOIST_E_CLOSED, true);
    ask(&r, &b);
    f = open_h2(&r, &fakes[fakes_n - 1]);
    assert_ptr_equal(f->call, &b.call);
    ask(&r, &c);
    assert_ptr_equal(f->call, &c.call);
    rig_finish(&r);
    rig_fini(&r);
}

static void
test_other_protocols_need_http1(void **state)
{
    struct caller c;
    struct rig r;

    (void)state;
    rig_init(&r, mixed, NULL, 2, JOIST_STRATEGY_SINGLE);
    run_upgrade(&r, &c, JST_S("tcp"));
    assert_int_equal(c.call.target, 1);
    rig_finish(&r);
    rig_fini(&r);
    rig_init(&r, alone, NULL, 1, JOIST_STRATEGY_SINGLE);
    run_upgrade(&r, &c, JST_S("tcp"));
    rig_turn(&r);
    assert_int_equal(c.why, JOIST_E_UNAVAILABLE);
    assert_int_equal(fakes_n, 0);
    rig_fini(&r);
}

/* https may always speak HTTP/1.1; that WebSocket can go by HTTP/2 is not doubted by others. */
static void
test_https_has_both(void **state)
{
    struct caller plain, other, socket;
    struct fake *h2;
    struct rig r;

    (void)state;
    rig_init_tls(&r, "https://127.0.0.1:1", NULL);
    run_call(&r, &plain, JST_METHOD_GET);
    h2 = open_h2(&r, &fakes[0]);
    run_upgrade(&r, &other, JST_S("tcp"));
    assert_int_equal(other.call.lane, JST_LANE_UPGRADE); /* at once */
    ask(&r, &socket);
    assert_int_equal(socket.call.lane, JST_LANE_ANY);
    assert_ptr_equal(h2->call, &socket.call);
    refuse(&r, h2, &socket);
    assert_int_equal(socket.call.lane, JST_LANE_UPGRADE);
    ask(&r, &socket);
    assert_int_equal(socket.call.lane, JST_LANE_UPGRADE);
    for (size_t i = 0; i < fakes_n; i++) {
        if (fakes[i].base.dial && !fakes[i].gone) {
            (void)fake_opened(&fakes[i], false, 1);
        }
    }
    rig_turn(&r);
    rig_finish(&r);
    rig_fini(&r);
}

/* Each strategy passes over those that cannot. */
static void
test_every_strategy(void **state)
{
    static const enum joist_strategy strategies[] = {
        JOIST_STRATEGY_SINGLE,        JOIST_STRATEGY_ROUND_ROBIN, JOIST_STRATEGY_LEAST_CONN,
        JOIST_STRATEGY_LEAST_LATENCY, JOIST_STRATEGY_HASH,        JOIST_STRATEGY_RANDOM,
    };
    static const char *const urls[] = {"h2c://127.0.0.1:1", "http://127.0.0.1:2",
                                       "h2c://127.0.0.1:3", "http://127.0.0.1:4"};
    static const uint8_t seed[32] = {5};
    struct rig r;

    (void)state;
    for (size_t s = 0; s < JST_COUNT(strategies); s++) {
        unsigned seen = 0;

        rig_init(&r, urls, NULL, 4, strategies[s]);
        jst_rand_init(&r.local.rand, seed);
        for (unsigned i = 0; i < 200; i++) {
            char ip[8] = {'k', (char)('a' + i % 26), (char)('a' + i / 26)};
            struct jst_head req = {.upgrade_to = JST_S("tcp")};
            struct jst_call call = {.req = &req, .upgrade = true, .client_ip = jst_slice(ip, 3)};
            jst_breaker_ticket ticket;

            seen |= 1u << jst_upool_pick(r.upool, &call, &ticket);
        }
        assert_int_equal(seen, strategies[s] == JOIST_STRATEGY_SINGLE ? 2 : 10);
        rig_fini(&r);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learnt_and_moved),
        cmocka_unit_test(test_none_can),
        cmocka_unit_test(test_forgotten_with_the_connection),
        cmocka_unit_test(test_other_protocols_need_http1),
        cmocka_unit_test(test_https_has_both),
        cmocka_unit_test(test_every_strategy),
    };

    return cmocka_run_group_tests_name("upstream/tunnel", tests, NULL, NULL);
}
