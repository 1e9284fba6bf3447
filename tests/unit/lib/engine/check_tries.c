// SPDX-License-Identifier: MIT
/* Settings of further tries, hedges and the queue that are wrong: each is an error with its place.
 */
#include "traffic.h"

static struct setup s;
static struct joist_retry_conf retry;
static struct joist_hedge_conf hedge;
static uint16_t status;

static void
begin(void)
{
    setup_init(&s, 1);
    setup_pool(&s, "http://127.0.0.1:1");
    joist_retry_conf_init(&retry);
    status = 503;
    retry.on = &status;
    retry.on_n = 1;
    hedge.after_ms = 50;
    s.pools[0].retry = &retry;
    s.pools[0].hedge = &hedge;
    s.pools[0].pos = (struct joist_pos){"joist.toml", 3, 1};
}

static void
check_refused(const char *text)
{
    assert_true(joist_conf_check(&s.conf, reports_take, &s.reports) < 0);
    assert_int_equal(s.reports.errors, 1);
    assert_non_null(strstr(s.reports.text, "3:1 upstream"));
    if (strstr(s.reports.text, text) == NULL) {
        fail_msg("%s", s.reports.text);
    }
}

/* Times that would run over the end of the clock, and what no try can follow. */
static void
test_faults(void **state)
{
    (void)state;
    begin();
    retry.attempts = 11;
    check_refused("retry.attempts is from 1 to 10, not 11");
    begin();
    retry.backoff_ms = UINT64_MAX;
    check_refused("retry.backoff in ms");
    begin();
    retry.backoff_max_ms = UINT64_MAX;
    check_refused("retry.backoff_max in ms");
    begin();
    retry.budget_percent = 101;
    check_refused("retry.budget in percent");
    begin();
    status = 101;
    check_refused("a status of retry.on is from 300 to 599, not 101");
    begin();
    hedge.after_ms = UINT64_MAX;
    check_refused("hedge.after in ms");
    begin();
    s.pools[0].queue.timeout_ms = UINT64_MAX;
    check_refused("queue.timeout in ms");
}

static void
test_good_ones(void **state)
{
    (void)state;
    begin();
    assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), 0);
    retry.attempts = 1;
    retry.backoff_ms = retry.backoff_max_ms = 0;
    retry.budget_percent = 0;
    s.pools[0].queue.timeout_ms = 0; /* for ever */
    assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_good_ones),
    };

    return cmocka_run_group_tests_name("engine/check_tries", tests, NULL, NULL);
}
