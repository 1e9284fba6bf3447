// SPDX-License-Identifier: MIT
/*
 * From several threads' sources through the rings to one writer: nothing lost, order kept, rates
 * held.
 */
#include "engine/logger.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SOURCES 3
#define LINES   3000u

struct sink {
    unsigned next[SOURCES]; /* each one's next line, or a later one */
    unsigned lines[SOURCES];
    unsigned wrong;
    size_t longest; /* path */
    unsigned events;
    unsigned suppressed;
    bool flushed;
};

static void
on_access(void *ctx, const struct joist_access *a, bool more)
{
    struct sink *s = ctx;
    unsigned source = a->status;
    unsigned number = (unsigned)strtoul(a->path.n > 0 ? a->path.p : "x", NULL, 10);

    /* Lines of one source come in order; texts that were not given stay away. */
    s->wrong += source >= SOURCES || number < s->next[source] || a->query.p != NULL ||
                a->host.n != 4 || memcmp(a->host.p, "host", 4) != 0;
    s->next[source % SOURCES] = number + 1;
    s->lines[source % SOURCES]++;
    s->longest = JST_MAX(s->longest, a->path.n);
    s->flushed = !more;
}

static void
on_event(void *ctx, const struct joist_log_event *e, bool more)
{
    struct sink *s = ctx;
    const char *at = memmem(e->text.p, e->text.n, "suppressed=", 11);

    (void)more;
    s->events++;
    s->suppressed += at != NULL ? (unsigned)strtoul(at + 11, NULL, 10) : 0;
}

static void *
run_source(void *arg)
{
    struct jst_log_source *source = arg;
    struct joist_access a = {.host = {"host", 4}};
    char path[32];

    a.status = (uint16_t)(source - jst_logger_source(source->logger, 0));
    for (unsigned i = 0; i < LINES; i++) {
        int n = snprintf(path, sizeof(path), "%u ", i);

        a.path = (struct joist_text){path, (size_t)n};
        jst_logger_access(source, &a);
    }
    return NULL;
}

static void
test_sources(void **state)
{
    struct sink s = {0};
    struct joist_log_conf conf = {JOIST_LOG_INFO, NULL, on_access, &s};
    struct jst_logger *l = NULL;
    pthread_t threads[SOURCES];
    uint64_t dropped[SOURCES];

    (void)state;
    assert_int_equal(jst_logger_create(&l, &conf, SOURCES), 0);
    assert_true(jst_logger_wants_access(l));
    assert_true(jst_logger_has_conf(l, &conf));
    assert_int_equal(jst_logger_start(l), 0);
    for (size_t i = 0; i < SOURCES; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_source, jst_logger_source(l, i)), 0);
    }
    for (size_t i = 0; i < SOURCES; i++) {
        pthread_join(threads[i], NULL);
        dropped[i] = jst_logger_source(l, i)->dropped;
    }
    jst_logger_destroy(&l); /* writes what is left */
    assert_null(l);
    assert_int_equal(s.wrong, 0);
    for (size_t i = 0; i < SOURCES; i++) { /* each line has come, or is counted */
        assert_int_equal(s.lines[i] + dropped[i], LINES);
    }
    assert_true(s.flushed);
}

static void
test_never_started(void **state)
{
    struct sink s = {0};
    struct joist_log_conf conf = {JOIST_LOG_WARN, on_event, NULL, &s};
    struct jst_logger *l = NULL;
    struct jst_log *log;

    (void)state;
    assert_int_equal(jst_logger_create(&l, &conf, 1), 0);
    assert_false(jst_logger_wants_access(l));
    log = &jst_logger_source(l, 0)->log;
    JST_LOG(log, INFO, LISTENING, "below the level");
    JST_LOG(log, WARN, LISTENING, "n=%d", 1);
    JST_LOG(log, ERROR, LISTENING, "n=%d", 2);
    assert_int_equal(s.events, 0); /* never on the caller's stack */
    jst_logger_destroy(&l);
    assert_int_equal(s.events, 2);
    jst_logger_destroy(&l);
}

/* ---- rates ---- */

static uint64_t clock_s = 1000;

static uint64_t
now_ns(void *ctx)
{
    (void)ctx;
    return clock_s * 1000000000u;
}

static int64_t
wall_us(void *ctx)
{
    (void)ctx;
    return (int64_t)clock_s * 1000000;
}

static void
test_rates(void **state)
{
    struct jst_clock clock = {now_ns, wall_us, NULL};
    struct sink s = {0};
    struct joist_log_conf conf = {JOIST_LOG_INFO, on_event, NULL, &s};
    struct jst_log_source *source;
    struct jst_logger *l = NULL;
    struct jst_loop *loop = NULL;

    (void)state;
    assert_int_equal(jst_loop_create(&loop, &clock), 0);
    assert_int_equal(jst_logger_create(&l, &conf, 1), 0);
    source = jst_logger_source(l, 0);
    source->loop = loop;
    for (int i = 0; i < 25; i++) {
        JST_LOG(&source->log, WARN, BAD_REQUEST, "i=%d", i); /* ten a second */
        JST_LOG(&source->log, WARN, SWAPPED, "i=%d", i);     /* all */
    }
    clock_s++;
    jst_loop_turn(loop, 0);
    JST_LOG(&source->log, WARN, BAD_REQUEST, "next"); /* tells of those that were not written */
    clock_s++;
    jst_loop_turn(loop, 0);
    JST_LOG(&source->log, WARN, BAD_REQUEST, "last");
    jst_logger_destroy(&l);
    assert_int_equal(s.events, 10 + 25 + 2);
    assert_int_equal(s.suppressed, 15);
    jst_loop_destroy(&loop);
}

static void
test_long_texts_are_cut(void **state)
{
    static char path[100000] = "7 ";
    struct sink s = {.next = {7}};
    struct joist_log_conf conf = {JOIST_LOG_INFO, NULL, on_access, &s};
    struct joist_access a = {.host = {"host", 4}, .path = {path, sizeof(path)}};
    struct jst_logger *l = NULL;

    (void)state;
    assert_int_equal(jst_logger_create(&l, &conf, 1), 0);
    jst_logger_access(jst_logger_source(l, 0), &a);
    jst_logger_destroy(&l);
    assert_int_equal(s.lines[0], 1);
    assert_int_equal(s.wrong, 0);
    assert_true(s.longest > 1000 && s.longest < 20000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_never_started),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_long_texts_are_cut),
    };

    return cmocka_run_group_tests_name("engine/logger", tests, NULL, NULL);
}
