// SPDX-License-Identifier: MIT
/*
 * The ring of records: order, wrapping, fullness, and two threads on it.
 */
#include "engine/ring.h"

#include "base/rand.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A record of `n` bytes, all of them made from its number. */
static bool
push(struct jst_ring *r, unsigned number, size_t n)
{
    uint8_t *p = jst_ring_reserve(r, n);

    if (p == NULL) {
        return false;
    }
    assert_int_equal((uintptr_t)p % 8, 0);
    memset(p, (int)(number % 251), n);
    jst_ring_commit(r, n);
    return true;
}

static void
pull(struct jst_ring *r, unsigned number, size_t n)
{
    size_t found = 0;
    const uint8_t *p = jst_ring_front(r, &found);

    assert_non_null(p);
    assert_int_equal(found, n);
    for (size_t i = 0; i < n; i += 61) {
        assert_int_equal(p[i], number % 251);
    }
    jst_ring_release(r);
}

static void
test_more_behind_the_first(void **state)
{
    struct jst_ring r;
    size_t n;

    (void)state;
    assert_int_equal(jst_ring_init(&r), 0);
    assert_true(push(&r, 0, 61));
    assert_non_null(jst_ring_front(&r, &n));
    assert_false(jst_ring_has_more(&r, n));
    assert_true(push(&r, 1, 1));
    assert_true(jst_ring_has_more(&r, n));
    pull(&r, 0, 61);
    assert_non_null(jst_ring_front(&r, &n));
    assert_false(jst_ring_has_more(&r, n));
    jst_ring_fini(&r);
}

static void
test_empty_and_full(void **state)
{
    struct jst_ring r;
    unsigned n = 0;
    size_t size;

    (void)state;
    assert_int_equal(jst_ring_init(&r), 0);
    assert_null(jst_ring_front(&r, &size));
    jst_ring_release(&r); /* harmless */
    assert_null(jst_ring_reserve(&r, JST_RING_BYTES / 4 + 1));
    while (push(&r, n, 1000)) {
        n++;
    }
    assert_in_range(n, JST_RING_BYTES / 1008 - 1, JST_RING_BYTES / 1008);
    assert_false(push(&r, n, 1000));
    pull(&r, 0, 1000); /* a place is free again */
    assert_true(push(&r, n, 900));
    for (unsigned i = 1; i < n; i++) {
        pull(&r, i, 1000);
    }
    pull(&r, n, 900);
    assert_null(jst_ring_front(&r, &size));
    jst_ring_fini(&r);
}

/* What is reserved is not seen before its commit, and need not be committed. */
static void
test_reserve_alone_is_nothing(void **state)
{
    struct jst_ring r;
    size_t n;

    (void)state;
    assert_int_equal(jst_ring_init(&r), 0);
    assert_non_null(jst_ring_reserve(&r, 100));
    assert_null(jst_ring_front(&r, &n));
    assert_true(push(&r, 1, 10));
    pull(&r, 1, 10);
    jst_ring_fini(&r);
}

static void
test_random_sizes_wrap(void **state)
{
    enum { QUEUE = 1 << 16 };
    static size_t sizes[QUEUE];
    uint8_t seed[32] = {9};
    struct jst_rand rand;
    struct jst_ring r;
    unsigned in = 0;
    unsigned out = 0;
    unsigned full = 0;

    (void)state;
    jst_rand_init(&rand, seed);
    assert_int_equal(jst_ring_init(&r), 0);
    for (int i = 0; i < 60000; i++) {
        uint64_t v = jst_rand_next(&rand);
        size_t n = v % 7 == 0 ? v % (JST_RING_BYTES / 4) : v % 3000;

        if (v >> 32 & 1) {
            if (push(&r, in, n)) {
                sizes[in++ % QUEUE] = n;
            } else {
                full++;
            }
        } else if (out < in) {
            pull(&r, out, sizes[out % QUEUE]);
            out++;
        }
    }
    while (out < in) {
        pull(&r, out, sizes[out % QUEUE]);
        out++;
    }
    assert_true(full > 100);
    assert_true(r.written > 20ull * JST_RING_BYTES); /* went round many times */
    assert_int_equal(r.written, r.read);
    jst_ring_fini(&r);
}

/* ---- two threads ---- */

#define RECORDS 100000u

static size_t
size_of(unsigned number)
{
    return 4 + number * 2654435761u % 700;
}

static void *
run_pusher(void *arg)
{
    for (unsigned i = 0; i < RECORDS;) {
        uint8_t *p = jst_ring_reserve(arg, size_of(i));

        if (p == NULL) {
            sched_yield();
            continue;
        }
        memset(p, (int)(i % 251), size_of(i));
        jst_ring_commit(arg, size_of(i));
        i++;
    }
    return NULL;
}

static void
test_two_threads(void **state)
{
    struct jst_ring r;
    pthread_t pusher;
    size_t n;

    (void)state;
    assert_int_equal(jst_ring_init(&r), 0);
    assert_int_equal(pthread_create(&pusher, NULL, run_pusher, &r), 0);
    for (unsigned i = 0; i < RECORDS;) {
        if (jst_ring_front(&r, &n) == NULL) {
            sched_yield();
            continue;
        }
        pull(&r, i, size_of(i));
        i++;
    }
    pthread_join(pusher, NULL);
    assert_null(jst_ring_front(&r, &n));
    jst_ring_fini(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_behind_the_first),
        cmocka_unit_test(test_empty_and_full),
        cmocka_unit_test(test_reserve_alone_is_nothing),
        cmocka_unit_test(test_random_sizes_wrap),
        cmocka_unit_test(test_two_threads),
    };

    return cmocka_run_group_tests_name("engine/ring", tests, NULL, NULL);
}
