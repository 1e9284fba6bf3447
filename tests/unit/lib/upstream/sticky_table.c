// SPDX-License-Identifier: MIT
/* The table of who is bound where: cap, time to live, least recently used; against a plain model.
 */
#include "upstream/sticky_table.h"

#include "base/rand.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct jst_sticky_table *
make(uint32_t max)
{
    struct jst_sticky_table *t = NULL;

    assert_int_equal(jst_sticky_table_create(&t, max), 0);
    return t;
}

static void
test_bind_and_find(void **state)
{
    struct jst_sticky_table *t = make(100);
    uint64_t eve = jst_sticky_table_key(t, JST_S("eve"));
    uint64_t bob = jst_sticky_table_key(t, JST_S("bob"));

    (void)state;
    assert_true(eve != bob);
    assert_int_equal(jst_sticky_table_find(t, eve, 0, 1000), 0);
    jst_sticky_table_put(t, eve, 7, 0, 1000);
    jst_sticky_table_put(t, bob, 8, 0, 1000);
    assert_int_equal(jst_sticky_table_find(t, eve, 500, 1000), 7);
    jst_sticky_table_put(t, eve, 9, 600, 1000); /* it moves */
    assert_int_equal(jst_sticky_table_find(t, eve, 700, 1000), 9);
    assert_int_equal(jst_sticky_table_find(t, bob, 999, 1000), 8);
    assert_int_equal(jst_sticky_table_count(t), 2);
    jst_sticky_table_destroy(&t);
    jst_sticky_table_destroy(&t);
}

/* Since it was used last, not since it was bound. */
static void
test_time_to_live(void **state)
{
    struct jst_sticky_table *t = make(100);

    (void)state;
    jst_sticky_table_put(t, 1, 7, 0, 1000);
    for (uint64_t now = 900; now < 9000; now += 900) {
        assert_int_equal(jst_sticky_table_find(t, 1, now, 1000), 7);
    }
    assert_int_equal(jst_sticky_table_find(t, 1, 8100 + 1000, 1000), 0);
    assert_int_equal(jst_sticky_table_count(t), 0);
    jst_sticky_table_destroy(&t);
}

static void
test_least_recently_used_goes(void **state)
{
    struct jst_sticky_table *t = make(3);

    (void)state;
    for (uint64_t key = 1; key <= 3; key++) {
        jst_sticky_table_put(t, key, key * 10, key, 1000);
    }
    assert_int_equal(jst_sticky_table_find(t, 1, 4, 1000), 10); /* now 2 is the oldest */
    jst_sticky_table_put(t, 4, 40, 5, 1000);
    assert_int_equal(jst_sticky_table_count(t), 3);
    assert_int_equal(jst_sticky_table_find(t, 2, 6, 1000), 0);
    assert_int_equal(jst_sticky_table_find(t, 1, 6, 1000), 10);
    assert_int_equal(jst_sticky_table_find(t, 3, 6, 1000), 30);
    assert_int_equal(jst_sticky_table_find(t, 4, 6, 1000), 40);
    jst_sticky_table_destroy(&t);
}

static void
test_another_limit(void **state)
{
    struct jst_sticky_table *t = make(5000);

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        char text[4] = {(char)i, (char)(i >> 8), (char)(i >> 16), 0};

        jst_sticky_table_put(t, jst_sticky_table_key(t, jst_slice(text, 3)), 1, i, 1000000);
        assert_true(jst_sticky_table_count(t) <= 5000);
    }
    assert_in_range(jst_sticky_table_count(t), 4900, 5000);
    jst_sticky_table_limit(t, 100);
    assert_true(jst_sticky_table_count(t) <= 100);
    jst_sticky_table_limit(t, 1);
    assert_true(jst_sticky_table_count(t) <= 16);
    jst_sticky_table_destroy(&t);
}

/* ---- against a model ---- */

#define KEYS 64u

struct model {
    uint64_t target[KEYS];
    uint64_t until[KEYS];
    uint64_t used[KEYS]; /* 0: not there */
    uint64_t turn;
    unsigned n;
};

static void
drop_oldest(struct model *m)
{
    unsigned oldest = KEYS;

    for (unsigned k = 0; k < KEYS; k++) {
        if (m->used[k] != 0 && (oldest == KEYS || m->used[k] < m->used[oldest])) {
            oldest = k;
        }
    }
    m->used[oldest] = 0;
    m->n--;
}

static uint64_t
model_find(struct model *m, unsigned k, uint64_t now, uint64_t ttl)
{
    if (m->used[k] == 0) {
        return 0;
    }
    if (m->until[k] <= now) {
        m->used[k] = 0;
        m->n--;
        return 0;
    }
    m->until[k] = now + ttl;
    m->used[k] = ++m->turn;
    return m->target[k];
}

static void
model_put(struct model *m, unsigned k, uint64_t target, uint64_t now, uint64_t ttl, unsigned max)
{
    if (m->used[k] == 0) {
        unsigned before = m->n;

        for (unsigned i = 0; i < KEYS && before == m->n;
             i++) { /* the oldest, if its time is over */
            bool oldest = m->used[i] != 0;

            for (unsigned j = 0; j < KEYS; j++) {
                oldest = oldest && (m->used[j] == 0 || m->used[j] >= m->used[i]);
            }
            if (oldest && (m->until[i] <= now || m->n >= max)) {
                drop_oldest(m);
            }
        }
        m->n++;
    }
    m->target[k] = target;
    m->until[k] = now + ttl;
    m->used[k] = ++m->turn;
}

static void
test_random_use(void **state)
{
    static const uint8_t seed[32] = {3};
    struct jst_sticky_table *t = make(20);
    struct model m = {0};
    struct jst_rand rand;
    uint64_t now = 1;

    (void)state;
    jst_rand_init(&rand, seed);
    for (unsigned turn = 0; turn < 100000; turn++) {
        unsigned k = (unsigned)(jst_rand_next(&rand) % KEYS);
        uint64_t target = 1 + jst_rand_next(&rand) % 5;

        now += jst_rand_next(&rand) % 4;
        if (jst_rand_next(&rand) % 3 > 0) {
            assert_int_equal(jst_sticky_table_find(t, k + 1, now, 50), model_find(&m, k, now, 50));
        } else {
            jst_sticky_table_put(t, k + 1, target, now, 50);
            model_put(&m, k, target, now, 50, 20);
        }
        assert_int_equal(jst_sticky_table_count(t), m.n);
        assert_true(m.n <= 20);
    }
    jst_sticky_table_destroy(&t);
}

/* ---- from many threads ---- */

static void *
use_it(void *arg)
{
    struct jst_sticky_table *t = arg;
    static const uint8_t seed[32] = {5};
    struct jst_rand rand;

    jst_rand_init(&rand, seed);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t key = 1 + (jst_rand_next(&rand) % 3000) * 0x9e3779b97f4a7c15u;
        uint64_t found = jst_sticky_table_find(t, key, i, 1000);

        if (found != 0 && found != key) {
            return t;
        }
        jst_sticky_table_put(t, key, key, i, 1000);
    }
    return NULL;
}

static void
test_threads(void **state)
{
    struct jst_sticky_table *t = make(2000);
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < JST_COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_it, t), 0);
    }
    for (size_t i = 0; i < JST_COUNT(threads); i++) {
        void *wrong = NULL;

        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    assert_true(jst_sticky_table_count(t) <= 2000);
    jst_sticky_table_destroy(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bind_and_find),
        cmocka_unit_test(test_time_to_live),
        cmocka_unit_test(test_least_recently_used_goes),
        cmocka_unit_test(test_another_limit),
        cmocka_unit_test(test_random_use),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests_name("upstream/sticky_table", tests, NULL, NULL);
}
