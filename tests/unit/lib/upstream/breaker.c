// SPDX-License-Identifier: MIT
/* The breaker: its rules one by one, and against a plain model with random interleavings. */
#include "upstream/breaker.h"

#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct joist_breaker_conf conf = {
    .error_percent = 50, .min_requests = 10, .window_ms = 10000, .open_ms = 1000};

static bool
ask(struct jst_breaker *b, uint64_t now)
{
    jst_breaker_ticket ticket;

    return jst_breaker_ask(b, now, &ticket);
}

/* Closed, until so many failures have come. Returns after how many it opened. */
static unsigned
fail_until_open(struct jst_breaker *b, uint64_t now, uint64_t random)
{
    for (unsigned i = 1; i < 1000; i++) {
        if (jst_breaker_report(b, &conf, 0, false, now, random)) {
            return i;
        }
    }
    return 0;
}

static void
test_needs_enough_requests(void **state)
{
    struct jst_breaker b = {0};

    (void)state;
    assert_int_equal(fail_until_open(&b, 50000, 0), 10);
    assert_int_equal(jst_breaker_state(&b), JST_BREAKER_OPEN);
    assert_int_equal(jst_breaker_open_until(&b), 51000);
    assert_false(ask(&b, 50999));
}

static void
test_share_counts(void **state)
{
    struct jst_breaker b = {0};

    (void)state;
    for (int i = 0; i < 300; i++) { /* a third fails */
        assert_false(jst_breaker_report(&b, &conf, 0, i % 3 != 0, 50000, 0));
    }
    assert_int_equal(jst_breaker_state(&b), JST_BREAKER_CLOSED);
    assert_int_equal(fail_until_open(&b, 50000, 0), 100); /* half of all now */
}

static void
test_window_forgets(void **state)
{
    struct jst_breaker b = {0};

    (void)state;
    for (int i = 0; i < 9; i++) {
        assert_false(jst_breaker_report(&b, &conf, 0, false, 50000, 0));
    }
    for (int i = 0; i < 9; i++) { /* ten seconds later those do not count any more */
        assert_false(jst_breaker_report(&b, &conf, 0, false, 60000, 0));
    }
    assert_true(jst_breaker_report(&b, &conf, 0, false, 60000, 0));
}

static void
test_one_probe(void **state)
{
    struct jst_breaker b = {0};
    jst_breaker_ticket probe, other;

    (void)state;
    (void)fail_until_open(&b, 0, 0);
    assert_true(jst_breaker_allows(&b, 1000));
    assert_true(jst_breaker_ask(&b, 1000, &probe));
    assert_int_not_equal(probe, 0);
    assert_false(jst_breaker_allows(&b, 1000));
    assert_false(ask(&b, 9999999)); /* however long it takes */
    jst_breaker_leave(&b, probe);
    assert_true(jst_breaker_ask(&b, 1000, &other));
    assert_int_not_equal(probe, other);
    assert_false(jst_breaker_report(&b, &conf, probe, true, 1000, 0)); /* it has left before */
    assert_int_equal(jst_breaker_state(&b), JST_BREAKER_HALF_OPEN);
    assert_true(jst_breaker_report(&b, &conf, other, true, 1000, 0));
    assert_int_equal(jst_breaker_state(&b), JST_BREAKER_CLOSED);
    assert_int_equal(fail_until_open(&b, 1000, 0), 10); /* without a memory */
}

static void
test_probe_fails(void **state)
{
    struct jst_breaker b = {0};
    jst_breaker_ticket probe;

    (void)state;
    (void)fail_until_open(&b, 0, 0);
    assert_true(jst_breaker_ask(&b, 1000, &probe));
    assert_true(jst_breaker_report(&b, &conf, probe, false, 1500, 0));
    assert_int_equal(jst_breaker_open_until(&b), 2500);
    assert_false(ask(&b, 2499));
    assert_true(ask(&b, 2500));
}

static void
test_jitter(void **state)
{
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;

    (void)state;
    for (uint64_t random = 0; random < 5000; random++) {
        struct jst_breaker b = {0};

        (void)fail_until_open(&b, 0, random);
        least = JST_MIN(least, jst_breaker_open_until(&b));
        most = JST_MAX(most, jst_breaker_open_until(&b));
    }
    assert_int_equal(least, 1000);
    assert_int_equal(most, 1300);
}

/* ---- against a model ---- */

#define STEPS       40000u
#define FLIGHTS     24u
#define RESULTS_MAX 4096u

/* What the header promises, written down without regard to speed. */
struct model {
    enum jst_breaker_state state;
    uint64_t until_ms;
    jst_breaker_ticket probe; /* under way; 0: none */
    struct {
        uint64_t slot;
        bool ok;
    } results[RESULTS_MAX]; /* while closed */
    size_t results_n;
};

static bool
model_trips(const struct model *m, uint64_t slot)
{
    unsigned total = 0;
    unsigned errors = 0;

    for (size_t i = 0; i < m->results_n; i++) {
        if (slot - m->results[i].slot < JST_BREAKER_BUCKETS) {
            total++;
            errors += !m->results[i].ok;
        }
    }
    return total >= conf.min_requests && errors * 100 >= total * conf.error_percent;
}

static void
model_open(struct model *m, uint64_t now)
{
    m->state = JST_BREAKER_OPEN;
    m->until_ms = now + conf.open_ms;
    m->probe = 0;
}

static bool
model_report(struct model *m, jst_breaker_ticket ticket, bool ok, uint64_t now)
{
    uint64_t slot = now / (conf.window_ms / JST_BREAKER_BUCKETS);

    if (ticket != 0) {
        if (ticket != m->probe) {
            return false;
        }
        m->probe = 0;
        m->state = JST_BREAKER_CLOSED;
        m->results_n = 0;
        if (!ok) {
            model_open(m, now);
        }
        return true;
    }
    if (m->state != JST_BREAKER_CLOSED) {
        return false;
    }
    if (m->results_n == RESULTS_MAX) { /* the older half is out of the window long since */
        memmove(m->results, m->results + RESULTS_MAX / 2, RESULTS_MAX / 2 * sizeof(m->results[0]));
        m->results_n = RESULTS_MAX / 2;
    }
    m->results[m->results_n].slot = slot;
    m->results[m->results_n++].ok = ok;
    if (!ok && model_trips(m, slot)) {
        model_open(m, now);
        return true;
    }
    return false;
}

static bool
model_ask(struct model *m, uint64_t now)
{
    return m->state == JST_BREAKER_CLOSED ||
           (m->state == JST_BREAKER_OPEN ? now >= m->until_ms : m->probe == 0);
}

/* Requests begin and end in any order, some leave, time goes on in jumps of all sizes. */
static void
run_against_model(uint8_t seed_byte)
{
    uint8_t seed[32] = {seed_byte};
    struct jst_rand rand;
    struct jst_breaker b = {0};
    static struct model m;
    struct {
        bool open;
        jst_breaker_ticket ticket;
    } flights[FLIGHTS] = {0};
    uint64_t now = 50000;
    unsigned opened = 0;

    memset(&m, 0, sizeof(m));
    jst_rand_init(&rand, seed);
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t r = jst_rand_next(&rand);
        unsigned k = (unsigned)(r >> 8) % FLIGHTS;

        if (r % 16 == 0) {
            now += (r >> 16) % (r % 256 == 0 ? 20000 : 300);
        }
        if (!flights[k].open) {
            bool may = model_ask(&m, now);

            assert_int_equal(jst_breaker_allows(&b, now), may);
            assert_int_equal(jst_breaker_ask(&b, now, &flights[k].ticket), may);
            flights[k].open = may;
            assert_int_equal(may && flights[k].ticket != 0, may && m.state != JST_BREAKER_CLOSED);
            if (may && m.state != JST_BREAKER_CLOSED) {
                m.state = JST_BREAKER_HALF_OPEN;
                m.probe = flights[k].ticket;
            }
        } else if (r % 8 == 1) {
            jst_breaker_leave(&b, flights[k].ticket);
            m.probe = m.probe == flights[k].ticket ? 0 : m.probe;
            flights[k].open = false;
        } else {
            bool ok = (r >> 20) % 100 < (now / 30000 % 2 == 0 ? 40u : 70u);
            bool changed = model_report(&m, flights[k].ticket, ok, now);

            assert_int_equal(jst_breaker_report(&b, &conf, flights[k].ticket, ok, now, 0), changed);
            opened += changed && m.state == JST_BREAKER_OPEN;
            flights[k].open = false;
        }
        assert_int_equal(jst_breaker_state(&b), m.state);
    }
    assert_true(opened > 20); /* or the run has shown nothing */
}

static void
test_model(void **state)
{
    (void)state;
    for (uint8_t seed = 1; seed <= 10; seed++) {
        run_against_model(seed);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_needs_enough_requests),
        cmocka_unit_test(test_share_counts),
        cmocka_unit_test(test_window_forgets),
        cmocka_unit_test(test_one_probe),
        cmocka_unit_test(test_probe_fails),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_model),
    };

    return cmocka_run_group_tests_name("upstream/breaker", tests, NULL, NULL);
}
