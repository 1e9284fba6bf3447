// SPDX-License-Identifier: MIT
/* One check: which answers are good, and what is said of the others. */
#include "health_rig.h"

#include <stdlib.h>

static const char *
text_after(struct world *w)
{
    static struct jst_health_report r;

    r = report_of(w, 0);
    return r.text;
}

static void
test_only_expected_statuses_are_good(void **state)
{
    static const struct joist_status_range expect[] = {{200, 204}, {401, 401}};
    static const struct {
        uint16_t status;
        bool good;
    } v[] = {{200, true}, {204, true}, {205, false}, {301, false}, {401, true}, {404, false}};
    struct world w;

    (void)state;
    world_init(&w);
    w.conf.expect = expect;
    w.conf.expect_n = 2;
    world_set(&w, 0, 1);
    for (size_t i = 0; i < JST_COUNT(v); i++) {
        answer(&w, PORT(0), v[i].status);
        assert_int_equal(report_of(&w, 0).last_good, v[i].good);
        assert_int_equal(report_of(&w, 0).status, v[i].status);
        world_wait(&w, 1100);
    }
    assert_non_null(strstr(text_after(&w), "status 404, expected 200-204, 401, after"));
    world_fini(&w);
}

static void
test_interim_answers_decide_nothing(void **state)
{
    struct world w;
    struct fake *f;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 1);
    f = connect_to(&w, PORT(0));
    give_head(f, 103);
    world_turn(&w);
    assert_int_equal(report_of(&w, 0).checks, 0);
    give_head(f, 200);
    give_end(&w, f);
    assert_true(report_of(&w, 0).last_good);
    world_fini(&w);
}

static void
test_the_text_is_found_across_pieces(void **state)
{
    struct world w;
    struct fake *f;

    (void)state;
    world_init(&w);
    w.conf.body = "abab ready";
    world_set(&w, 0, 1);
    f = connect_to(&w, PORT(0));
    give_head(f, 200);
    give_body(f, "is it ab");
    give_body(f, "abab re"); /* the text begins two bytes later than it seemed */
    world_turn(&w);
    assert_int_equal(report_of(&w, 0).checks, 0);
    give_body(f, "ady!");
    world_turn(&w);
    assert_true(report_of(&w, 0).last_good); /* before the end */
    give_end(&w, f);
    assert_true(f->gone);
    world_fini(&w);
}

static void
test_a_body_without_the_text_fails(void **state)
{
    struct world w;
    struct fake *f;

    (void)state;
    world_init(&w);
    w.conf.body = "\"ready\"";
    world_set(&w, 0, 1);
    f = connect_to(&w, PORT(0));
    give_head(f, 200);
    give_body(f, "\"ready");
    give_end(&w, f);
    assert_false(report_of(&w, 0).last_good);
    assert_non_null(
        strstr(text_after(&w), "status 200, but the text ''ready'' is not in its body, after"));
    world_fini(&w);
}

static void
test_only_64_kib_are_searched(void **state)
{
    static char big[JST_HEALTH_BODY_BYTES];
    struct world w;
    struct fake *f;

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    world_init(&w);
    w.conf.body = "ready";
    world_set(&w, 0, 1);
    f = connect_to(&w, PORT(0));
    give_head(f, 200);
    give_body(f, big);
    give_body(f, "ready");
    world_turn(&w);
    assert_false(report_of(&w, 0).last_good);
    assert_non_null(strstr(text_after(&w), "is not in the first 64 KiB of its body"));
    assert_true(f->gone);
    world_fini(&w);
}

static void
test_a_body_cut_short_fails_where_it_is_looked_at(void **state)
{
    struct world w;
    struct fake *f;

    (void)state;
    world_init(&w);
    w.conf.body = "ready";
    world_set(&w, 0, 1);
    f = connect_to(&w, PORT(0));
    give_head(f, 200);
    fake_fail(f, JOIST_E_RESET, true);
    world_turn(&w);
    assert_non_null(strstr(text_after(&w), "/up: peer reset the connection after"));
    world_fini(&w);
}

static void
test_the_head_decides_where_no_text_is_wanted(void **state)
{
    struct world w;
    struct fake *f;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 1);
    f = connect_to(&w, PORT(0));
    give_head(f, 200);
    world_turn(&w);
    assert_true(report_of(&w, 0).last_good);
    assert_false(f->gone); /* the rest is waited for */
    world_wait(&w, 500);   /* so long, and no longer */
    assert_true(f->gone);
    assert_int_equal(report_of(&w, 0).checks, 1);
    assert_true(report_of(&w, 0).last_good);
    world_fini(&w);
}

static void
test_the_request_is_as_configured(void **state)
{
    struct world w;
    struct fake *f;

    (void)state;
    world_init(&w);
    w.conf.method = "OPTIONS";
    w.conf.path = "/up?deep=1";
    w.conf.host = "check.example";
    w.conf.port = 4711;
    world_set(&w, 0, 1);
    f = connect_to(&w, 4711);
    assert_true(jst_slice_eq(f->call->req->method_text, JST_S("OPTIONS")));
    assert_true(jst_slice_eq(f->call->path, JST_S("/up")));
    assert_true(jst_slice_eq(f->call->query, JST_S("deep=1")));
    assert_true(jst_slice_eq(f->call->host, JST_S("check.example")));
    assert_true(jst_slice_eq(jst_fields_find(&f->call->req->fields, JST_FIELD_USER_AGENT)->value,
                             JST_S("joist-health/" JOIST_VERSION)));
    give_head(f, 200);
    give_end(&w, f);
    assert_non_null(strstr(text_after(&w), "OPTIONS http://127.0.0.1:4711/up?deep=1: status 200"));
    world_fini(&w);
}

static void
test_tcp_is_content_with_a_connection(void **state)
{
    struct world w;
    struct fake *f;

    (void)state;
    world_init(&w);
    w.conf.type = JOIST_HEALTH_TCP;
    world_set(&w, 0, 2);
    f = connect_to(&w, PORT(0));
    assert_int_equal(f->started, 0);
    assert_true(f->gone);
    assert_non_null(strstr(text_after(&w), "connect to http://127.0.0.1:1000: connected after"));
    refuse(&w, PORT(1));
    assert_non_null(strstr(report_of(&w, 1).text, ": connection refused after"));
    world_fini(&w);
}

static void
test_each_check_is_on_a_connection_of_its_own(void **state)
{
    struct world w;
    struct fake *first;
    struct fake *second;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 1);
    first = connect_to(&w, PORT(0));
    give_head(first, 200);
    give_end(&w, first);
    assert_true(first->gone);
    world_wait(&w, 1100);
    second = connect_to(&w, PORT(0));
    assert_ptr_not_equal(first, second);
    world_fini(&w);
}

static void
test_an_origin_that_hangs_up_unasked_fails(void **state)
{
    struct world w;
    struct fake *f;

    (void)state;
    world_init(&w);
    world_set(&w, 0, 1);
    f = fake_opened(dial_to(PORT(0)), false, 1);
    fake_fail(f, JOIST_E_CLOSED, true); /* before the request was begun */
    world_turn(&w);
    assert_non_null(strstr(text_after(&w), ": peer closed the connection after"));
    world_fini(&w);
}

static void
test_all_addresses_of_a_name_race(void **state)
{
    struct world w;
    struct fake *dial;

    (void)state;
    world_init(&w);
    w.pool = world_make(&w, 0, 1);
    free(w.pool->v[0].addrs);
    w.pool->v[0].addrs = calloc(1, sizeof(struct jst_addrs) + 2 * sizeof(struct jst_addr));
    assert_non_null(w.pool->v[0].addrs);
    w.pool->v[0].addrs->n = 2;
    for (uint16_t i = 0; i < 2; i++) {
        assert_int_equal(
            jst_addr_literal(&w.pool->v[0].addrs->v[i], JST_S("127.0.0.1"), (uint16_t)(2000 + i)),
            0);
    }
    world_set_pool(&w);
    world_turn(&w);
    dial = dial_to(2000);
    assert_non_null(dial);
    assert_int_equal(dial->addrs_n, 2);
    assert_int_equal(jst_addr_port(&dial->addrs[1]), 2001);
    world_fini(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_expected_statuses_are_good),
        cmocka_unit_test(test_interim_answers_decide_nothing),
        cmocka_unit_test(test_the_text_is_found_across_pieces),
        cmocka_unit_test(test_a_body_without_the_text_fails),
        cmocka_unit_test(test_only_64_kib_are_searched),
        cmocka_unit_test(test_a_body_cut_short_fails_where_it_is_looked_at),
        cmocka_unit_test(test_the_head_decides_where_no_text_is_wanted),
        cmocka_unit_test(test_the_request_is_as_configured),
        cmocka_unit_test(test_tcp_is_content_with_a_connection),
        cmocka_unit_test(test_each_check_is_on_a_connection_of_its_own),
        cmocka_unit_test(test_an_origin_that_hangs_up_unasked_fails),
        cmocka_unit_test(test_all_addresses_of_a_name_race),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
