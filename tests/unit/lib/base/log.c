// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct {
    unsigned lines;
    enum joist_log_level level;
    enum jst_event event;
    char text[2 * JST_LOG_LINE_BYTES];
    size_t n;
} seen;

static void
take(struct jst_log *log, enum joist_log_level level, enum jst_event event, struct jst_slice text)
{
    (void)log;
    seen.lines++;
    seen.level = level;
    seen.event = event;
    seen.n = text.n;
    memcpy(seen.text, text.p, text.n);
    seen.text[text.n] = '\0';
}

static int
evaluated(int *count)
{
    return ++*count;
}

static void
test_levels(void **state)
{
    struct jst_log log = {JOIST_LOG_WARN, take};
    struct jst_log *none = NULL;
    int count = 0;

    (void)state;
    seen.lines = 0;
    JST_LOG(&log, INFO, LISTENING, "n=%d", evaluated(&count));
    JST_LOG(none, ERROR, LISTENING, "n=%d", evaluated(&count));
    assert_int_equal(seen.lines, 0);
    assert_int_equal(count, 0); /* arguments cost nothing below the level */
    JST_LOG(&log, WARN, CONNS_LIMIT, "n=%d", evaluated(&count));
    assert_int_equal(seen.lines, 1);
    assert_int_equal(seen.level, JOIST_LOG_WARN);
    assert_int_equal(seen.event, JST_EVENT_CONNS_LIMIT);
    assert_string_equal(seen.text, "n=1");
    JST_LOG(&log, ERROR, SWAPPED, "%s", "x");
    assert_int_equal(seen.lines, 2);
    jst_log_write(NULL, JOIST_LOG_ERROR, JST_EVENT_SWAPPED, "x");
    assert_int_equal(seen.lines, 2);
}

static void
test_long_lines_are_cut(void **state)
{
    struct jst_log log = {JOIST_LOG_DEBUG, take};
    char text[3000];

    (void)state;
    memset(text, 'l', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    JST_LOG(&log, INFO, LISTENING, "%s", text);
    assert_int_equal(seen.n, JST_LOG_LINE_BYTES - 1);
}

static void
test_names_and_rates(void **state)
{
    (void)state;
    assert_string_equal(jst_event_name(JST_EVENT_LISTENING), "LISTENING");
    assert_string_equal(jst_event_name(JST_EVENT_DRAINED), "DRAINED");
    assert_int_equal(jst_event_rate(JST_EVENT_LISTENING), 0);
    assert_int_equal(jst_event_rate(JST_EVENT_OUT_OF_MEMORY), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_long_lines_are_cut),
        cmocka_unit_test(test_names_and_rates),
    };

    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
