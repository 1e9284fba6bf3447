// SPDX-License-Identifier: MIT
/* Clients that are bound to targets: by our own cookie, an application's, a header, an address. */
#include "rig.h"

#include "upstream/sticky_cookie.h"
#include "upstream/sticky_table.h"

#include <stdio.h>
#include <stdlib.h>

#define CLIENTS 2000u

static struct joist_target_conf targets[64];
static char urls[64][40];

/* Somebody who asks again and again, with the cookies that he was given. */
struct client {
    char cookie[128]; /* of the Cookie field; or empty */
    char header[64];
    char ip[24];
    int at;            /* where he came last */
    char set[160];     /* the last Set-Cookie; or empty */
    char passed[128];  /* the Cookie field that the origin saw */
    const char *gives; /* Set-Cookie of the application; or NULL */
};

static struct client clients[CLIENTS];

static void
start(struct rig *r, size_t n, enum joist_strategy strategy, const struct joist_sticky_conf *sticky)
{
    static const uint8_t seed[32] = {11};
    struct joist_pool_conf conf = {
        .name = "app",
        .strategy = strategy,
        .sticky = sticky,
        .panic_percent = 30,
        .targets = targets,
        .targets_n = n,
    };

    for (size_t i = 0; i < n; i++) {
        (void)snprintf(urls[i], sizeof(urls[i]), "http://10.2.0.%zu:80", i);
        targets[i] = (struct joist_target_conf){.url = urls[i], .weight = 1};
    }
    rig_init_conf(r, &conf);
    jst_rand_init(&r->local.rand, seed);
    memset(clients, 0, sizeof(clients));
    for (size_t i = 0; i < CLIENTS; i++) {
        (void)snprintf(clients[i].ip, sizeof(clients[i].ip), "192.0.2.%zu", i);
    }
}

static struct jst_tstate *
state_of(const struct rig *r, int i)
{
    return r->pool->tracking->v[i];
}

static void
set_flag(struct rig *r, uint32_t *flag, uint32_t v)
{
    __atomic_store_n(flag, v, __ATOMIC_RELAXED);
    jst_states_changed(r->states);
}

static void
copy_text(char *out, size_t cap, struct jst_slice text)
{
    (void)snprintf(out, cap, "%.*s", JST_PRI(text));
}

/* The answer's head on its way to the client. */
static void
answer(struct client *c, struct jst_call *call)
{
    struct jst_field v[4];
    struct jst_head head = {.status = 200, .fields = {v, 0, 4}};
    struct jst_head copy;
    const struct jst_head *sent;
    const struct jst_field *f;

    if (c->gives != NULL) {
        assert_int_equal(jst_fields_add(&head.fields, JST_S("Set-Cookie"), jst_slice_z(c->gives)),
                         0);
    }
    sent = jst_sticky_head(call, &head, &copy);
    f = jst_fields_find(&sent->fields, JST_FIELD_SET_COOKIE);
    c->set[0] = '\0';
    if (f != NULL) {
        copy_text(c->set, sizeof(c->set), f->value);
    }
}

/* A request and its answer; what the cookie jar has then. -1: nobody takes it. */
static int
ask(struct rig *r, struct client *c)
{
    struct jst_field v[2];
    struct jst_arena arena = {0};
    struct jst_head req = {.fields = {v, 0, 2}};
    struct jst_call call = {.req = &req, .arena = &arena, .upool = r->upool};
    jst_breaker_ticket ticket;
    const struct jst_field *f;

    if (c->cookie[0] != '\0') {
        (void)jst_fields_add(&req.fields, JST_S("Cookie"), jst_slice_z(c->cookie));
    }
    if (c->header[0] != '\0') {
        (void)jst_fields_add(&req.fields, JST_S("X-User"), jst_slice_z(c->header));
    }
    call.client_ip = jst_slice_z(c->ip);
    c->at = jst_upool_pick(r->upool, &call, &ticket);
    f = jst_fields_find(&call.req->fields, JST_FIELD_COOKIE);
    c->passed[0] = '\0';
    if (f != NULL) {
        copy_text(c->passed, sizeof(c->passed), f->value);
    }
    if (c->at >= 0) {
        call.target = (uint32_t)c->at;
        answer(c, &call);
    }
    if (c->set[0] != '\0') {
        copy_text(c->cookie, sizeof(c->cookie),
                  jst_slice(c->set, strcspn(c->set, ";"))); /* what browsers send back */
    }
    jst_arena_fini(&arena);
    return c->at;
}

/* The same, and its cookies stay as they are. */
static int
pick_for(struct rig *r, const struct client *c)
{
    struct client same = *c;

    return ask(r, &same);
}

/* ---- our own cookie ---- */

static struct joist_sticky_conf
own_cookie(uint64_t ttl_ms)
{
    return (struct joist_sticky_conf){.by = JOIST_STICKY_COOKIE, .name = "j", .ttl_ms = ttl_ms};
}

static void
test_own_cookie(void **state)
{
    struct joist_sticky_conf conf = own_cookie(0);
    struct client *c = &clients[0];
    struct rig r;
    int at;

    (void)state;
    start(&r, 5, JOIST_STRATEGY_ROUND_ROBIN, &conf);
    at = ask(&r, c);
    assert_true(strncmp(c->set, "j=", 2) == 0);
    assert_non_null(strstr(c->set, "; Path=/; HttpOnly; SameSite=Lax"));
    assert_null(strstr(c->set, "10.2.0"));
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(ask(&r, c), at);
        assert_string_equal(c->set, ""); /* once */
        assert_string_equal(c->passed, "");
    }
    rig_fini(&r);
}

/* The same in another process: it stands for pool and target alone. */
static void
test_own_cookie_is_stable(void **state)
{
    struct joist_sticky_conf conf = own_cookie(0);
    char first[160];
    struct rig r;

    (void)state;
    start(&r, 5, JOIST_STRATEGY_SINGLE, &conf);
    (void)ask(&r, &clients[0]);
    memcpy(first, clients[0].set, sizeof(first));
    rig_fini(&r);
    start(&r, 3, JOIST_STRATEGY_SINGLE, &conf);
    (void)ask(&r, &clients[0]);
    assert_string_equal(clients[0].set, first);
    rig_fini(&r);
}

static void
test_own_cookie_is_renewed(void **state)
{
    struct joist_sticky_conf conf = own_cookie(600000);
    struct client *c = &clients[0];
    unsigned sets = 0;
    struct rig r;
    int at;

    (void)state;
    start(&r, 5, JOIST_STRATEGY_RANDOM, &conf);
    at = ask(&r, c);
    assert_non_null(strstr(c->set, "; Max-Age=600;"));
    for (unsigned minute = 0; minute < 60; minute++) {
        rig_wait(&r, 60000);
        assert_int_equal(ask(&r, c), at); /* used all the time: never over */
        sets += c->set[0] != '\0';
    }
    assert_in_range(sets, 8, 12); /* after half of ten minutes */
    rig_wait(&r, 601000);
    (void)ask(&r, c);
    assert_string_not_equal(c->set, ""); /* its time was over: a new one */
    rig_fini(&r);
}

static void
test_other_cookies_pass(void **state)
{
    struct joist_sticky_conf conf = own_cookie(0);
    struct client *c = &clients[0];
    char mark[64];
    struct rig r;
    int at;

    (void)state;
    start(&r, 5, JOIST_STRATEGY_ROUND_ROBIN, &conf);
    at = ask(&r, c);
    memcpy(mark, c->cookie, sizeof(mark));
    (void)snprintf(c->cookie, sizeof(c->cookie), "a=1; %.40s; b=2", mark);
    assert_int_equal(ask(&r, c), at);
    assert_string_equal(c->passed, "a=1; b=2");
    (void)snprintf(c->cookie, sizeof(c->cookie), "a=1; b=2");
    (void)ask(&r, c);
    assert_string_equal(c->passed, "a=1; b=2");
    /* the first of two counts */
    (void)snprintf(c->cookie, sizeof(c->cookie), "%.40s; j=0000000000000001", mark);
    assert_int_equal(ask(&r, c), at);
    assert_string_equal(c->set, "");
    (void)snprintf(c->cookie, sizeof(c->cookie), "j=0000000000000001; %.40s", mark);
    (void)ask(&r, c);
    assert_string_not_equal(c->set, "");
    rig_fini(&r);
}

static void
test_forged_cookies_say_nothing(void **state)
{
    static const char *const forged[] = {
        "j=0000000000000001",   "j=",
        "j=http://10.2.0.3:80", "j=3",
        "j=ffffffffffffffff",   "j=\x80\xff\x01",
        "j=0000000000000000",   "j=\"\"",
    };
    struct joist_sticky_conf conf = own_cookie(0);
    unsigned seen = 0;
    struct rig r;

    (void)state;
    start(&r, 5, JOIST_STRATEGY_ROUND_ROBIN, &conf);
    for (size_t i = 0; i < 10 * JST_COUNT(forged); i++) {
        struct client *c = &clients[i];

        (void)snprintf(c->cookie, sizeof(c->cookie), "%s", forged[i % JST_COUNT(forged)]);
        seen |= 1u << ask(&r, c);
        assert_string_not_equal(c->set, ""); /* he gets one of ours */
        assert_string_equal(c->passed, "");
        assert_int_equal(ask(&r, c), c->at);
    }
    assert_int_equal(seen, 0x1f); /* it was the strategy that chose */
    rig_fini(&r);
}

/* ---- who is moved ---- */

static unsigned
ask_all(struct rig *r)
{
    unsigned moved = 0;

    for (size_t i = 0; i < CLIENTS; i++) {
        int before = clients[i].at;

        moved += ask(r, &clients[i]) != before;
        assert_true(clients[i].at >= 0);
    }
    return moved;
}

static unsigned
count_at(int target)
{
    unsigned n = 0;

    for (size_t i = 0; i < CLIENTS; i++) {
        n += clients[i].at == target;
    }
    return n;
}

/* Those of the target alone; and they stay where they went when it is back. */
static void
check_moves(const struct joist_sticky_conf *conf, enum joist_strategy strategy)
{
    unsigned were;
    struct rig r;

    start(&r, 8, strategy, conf);
    (void)ask_all(&r);
    were = count_at(3);
    assert_in_range(were, CLIENTS / 16, CLIENTS / 4);
    assert_int_equal(ask_all(&r), 0);
    set_flag(&r, &state_of(&r, 3)->down, 1);
    assert_int_equal(ask_all(&r), were);
    assert_int_equal(count_at(3), 0);
    for (int i = 0; i < 8; i++) {
        assert_true(i == 3 || count_at(i) > CLIENTS / 16);
    }
    set_flag(&r, &state_of(&r, 3)->down, 0);
    assert_int_equal(ask_all(&r), 0);
    rig_fini(&r);
}

static void
test_only_its_own_are_moved(void **state)
{
    static const enum joist_strategy strategies[] = {
        JOIST_STRATEGY_ROUND_ROBIN, JOIST_STRATEGY_RANDOM, JOIST_STRATEGY_LEAST_CONN,
        JOIST_STRATEGY_LEAST_LATENCY};
    struct joist_sticky_conf own = own_cookie(0);
    struct joist_sticky_conf client = {
        .by = JOIST_STICKY_CLIENT, .ttl_ms = 1000000, .table_max = CLIENTS * 2};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(strategies); i++) {
        check_moves(&own, strategies[i]);
        check_moves(&client, strategies[i]);
    }
}

static void
test_out_in_each_way(void **state)
{
    struct joist_sticky_conf conf = own_cookie(0);
    struct client *c = &clients[0];
    struct rig r;
    int at, other;

    (void)state;
    start(&r, 5, JOIST_STRATEGY_ROUND_ROBIN, &conf);
    at = ask(&r, c);
    __atomic_store_n(&state_of(&r, at)->ejected_until_ms, rig_now_ms(&r) + 1000, __ATOMIC_RELEASE);
    jst_states_changed(r.states);
    other = ask(&r, c);
    assert_int_not_equal(other, at);
    assert_string_not_equal(c->set, ""); /* he moves there */
    assert_int_equal(ask(&r, c), other);
    rig_fini(&r);
}

/* Until its deadline, unless it is removed or broken. */
static void
test_draining_keeps_its_own(void **state)
{
    struct joist_sticky_conf conf = own_cookie(0);
    struct client *c = &clients[0];
    struct rig r;
    int at;

    (void)state;
    start(&r, 3, JOIST_STRATEGY_ROUND_ROBIN, &conf);
    at = ask(&r, c);
    state_of(&r, at)->drain_until_ms = rig_now_ms(&r) + 1000;
    set_flag(&r, &state_of(&r, at)->draining, JST_DRAIN_TOLD);
    for (size_t i = 1; i < 50; i++) {
        assert_int_equal(ask(&r, c), at);
        assert_int_not_equal(ask(&r, &clients[i]), at);
    }
    set_flag(&r, &state_of(&r, at)->draining, JST_DRAIN_TOLD | JST_DRAIN_REMOVED);
    assert_int_not_equal(pick_for(&r, c), at);
    set_flag(&r, &state_of(&r, at)->draining, JST_DRAIN_TOLD);
    assert_int_equal(pick_for(&r, c), at);
    set_flag(&r, &state_of(&r, at)->down, 1);
    assert_int_not_equal(pick_for(&r, c), at);
    set_flag(&r, &state_of(&r, at)->down, 0);
    rig_wait(&r, 999);
    assert_int_equal(pick_for(&r, c), at);
    rig_wait(&r, 1);
    assert_int_not_equal(pick_for(&r, c), at);
    rig_fini(&r);
}

static void
test_weight_zero_keeps_its_own(void **state)
{
    struct joist_sticky_conf conf = own_cookie(0);
    struct client *c = &clients[0];
    struct rig r;
    int at;

    (void)state;
    start(&r, 3, JOIST_STRATEGY_ROUND_ROBIN, &conf);
    at = ask(&r, c);
    set_flag(&r, &state_of(&r, at)->weight_override, 0);
    for (size_t i = 1; i < 50; i++) {
        assert_int_equal(ask(&r, c), at);
        assert_int_not_equal(ask(&r, &clients[i]), at);
    }
    rig_fini(&r);
}

/* A call that was at its target goes elsewhere; its client goes with it if that one answers. */
static void
test_tried_is_not_asked_again(void **state)
{
    struct joist_sticky_conf conf = {.by = JOIST_STICKY_CLIENT, .ttl_ms = 1000, .table_max = 10};
    struct jst_head req = {0};
    struct jst_arena arena = {0};
    struct jst_call call = {.req = &req, .arena = &arena, .client_ip = JST_S("192.0.2.0")};
    jst_breaker_ticket ticket;
    struct rig r;
    int at, other;

    (void)state;
    start(&r, 3, JOIST_STRATEGY_ROUND_ROBIN, &conf);
    at = ask(&r, &clients[0]);
    call.upool = r.upool;
    assert_int_equal(jst_upool_pick(r.upool, &call, &ticket), at);
    call.tried[call.tried_n++] = (uint32_t)at;
    other = jst_upool_pick(r.upool, &call, &ticket);
    assert_int_not_equal(other, at);
    assert_int_equal(ask(&r, &clients[0]), at); /* nobody has answered there yet */
    call.target = (uint32_t)other;
    answer(&clients[0], &call);
    assert_int_equal(ask(&r, &clients[0]), other);
    rig_fini(&r);
}

/* ---- what else a client is known by ---- */

static void
test_header(void **state)
{
    struct joist_sticky_conf conf = {
        .by = JOIST_STICKY_HEADER, .name = "x-user", .ttl_ms = 1000, .table_max = 100};
    struct rig r;
    int eve;

    (void)state;
    start(&r, 5, JOIST_STRATEGY_ROUND_ROBIN, &conf);
    memcpy(clients[0].header, "eve", 4);
    memcpy(clients[1].header, "eve", 4); /* from elsewhere */
    memcpy(clients[2].header, "bob", 4);
    eve = ask(&r, &clients[0]);
    assert_int_not_equal(ask(&r, &clients[2]), eve); /* the next in turn */
    assert_int_equal(ask(&r, &clients[1]), eve);
    assert_int_not_equal(ask(&r, &clients[3]), ask(&r, &clients[3])); /* without: in turn */
    assert_string_equal(clients[0].set, "");
    rig_wait(&r, 1001);
    assert_int_not_equal(ask(&r, &clients[0]), eve); /* its time is over */
    rig_fini(&r);
}

static void
test_application_cookie(void **state)
{
    struct joist_sticky_conf conf = {
        .by = JOIST_STICKY_APP_COOKIE, .name = "sid", .ttl_ms = 1000, .table_max = 100};
    struct client *c = &clients[0];
    struct rig r;
    int at;

    (void)state;
    start(&r, 5, JOIST_STRATEGY_ROUND_ROBIN, &conf);
    c->gives = "sid=4711; Path=/";
    at = ask(&r, c);
    c->gives = NULL;
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(ask(&r, c), at);
        assert_string_equal(c->passed, "sid=4711"); /* the application wants it */
    }
    memcpy(clients[1].cookie, "sid=4712", 9); /* nobody knows it: after a restart, say */
    at = ask(&r, &clients[1]);
    assert_int_equal(ask(&r, &clients[1]), at);
    c->gives = "other=1"; /* of another name */
    (void)ask(&r, c);
    assert_int_equal(jst_sticky_table_count(r.pool->tracking->pool->sticky), 2);
    rig_fini(&r);
}

/* A change of the configuration keeps who is bound, and changes the cap. */
static void
test_table_outlives_a_swap(void **state)
{
    struct joist_sticky_conf conf = {.by = JOIST_STICKY_CLIENT, .ttl_ms = 1000, .table_max = 100};
    struct joist_pool_conf next = {.name = "app",
                                   .strategy = JOIST_STRATEGY_ROUND_ROBIN,
                                   .sticky = &conf,
                                   .targets = targets,
                                   .targets_n = 4};
    struct jst_pool *pool = NULL;
    struct jst_upool *was;
    struct rig r;
    int at[3];

    (void)state;
    start(&r, 5, JOIST_STRATEGY_ROUND_ROBIN, &conf);
    for (size_t i = 0; i < 3; i++) {
        at[i] = ask(&r, &clients[i]);
    }
    conf.table_max = 2;
    rig_make_pool(&pool, &next);
    assert_int_equal(jst_pool_track(pool, &next, r.states, rig_now_ms(&r)), 0);
    assert_int_equal(jst_sticky_table_count(pool->tracking->pool->sticky), 2);
    was = r.upool;
    assert_int_equal(jst_upool_acquire(&r.upool, r.local.upstreams, pool, 1000), 0);
    for (size_t i = 1; i < 3; i++) {
        if (at[i] < 4) {
            assert_int_equal(ask(&r, &clients[i]), at[i]);
        } else { /* it has left */
            assert_in_range(ask(&r, &clients[i]), 0, 3);
        }
    }
    jst_upool_release(&was);
    jst_pool_unref(&r.pool);
    r.pool = pool;
    rig_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_cookie),
        cmocka_unit_test(test_own_cookie_is_stable),
        cmocka_unit_test(test_own_cookie_is_renewed),
        cmocka_unit_test(test_other_cookies_pass),
        cmocka_unit_test(test_forged_cookies_say_nothing),
        cmocka_unit_test(test_only_its_own_are_moved),
        cmocka_unit_test(test_out_in_each_way),
        cmocka_unit_test(test_draining_keeps_its_own),
        cmocka_unit_test(test_weight_zero_keeps_its_own),
        cmocka_unit_test(test_tried_is_not_asked_again),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_application_cookie),
        cmocka_unit_test(test_table_outlives_a_swap),
    };

    return cmocka_run_group_tests_name("upstream/sticky", tests, NULL, NULL);
}
