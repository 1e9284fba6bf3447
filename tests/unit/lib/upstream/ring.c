// SPDX-License-Identifier: MIT
/* The ring of a consistent hash: shares, and which keys move when targets come, go or weigh more.
 */
#include "upstream/hash_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TARGETS_MAX 64u
#define KEYS        20000u

struct targets {
    char text[TARGETS_MAX][32];
    const char *keys[TARGETS_MAX];
    uint16_t weights[TARGETS_MAX];
    uint32_t n;
};

/* Numbers first, first + 1, ... of weight `weight`. */
static void
make(struct targets *t, uint32_t first, uint32_t n, uint16_t weight)
{
    t->n = n;
    for (uint32_t i = 0; i < n; i++) {
        (void)snprintf(t->text[i], sizeof(t->text[i]), "http://10.0.0.%u:80", first + i);
        t->keys[i] = t->text[i];
        t->weights[i] = weight;
    }
}

/* Where each key goes: the number in the target's name. */
static void
place_all(uint32_t out[KEYS], const struct targets *t)
{
    struct jst_hash_ring *r = jst_hash_ring_create(t->keys, t->weights, t->n);
    char key[24];

    assert_non_null(r);
    for (uint32_t k = 0; k < KEYS; k++) {
        size_t n = (size_t)snprintf(key, sizeof(key), "192.0.2.%u", k);
        uint32_t p = jst_hash_ring_find(r, jst_hash(jst_slice(key, n), 0));
        unsigned number;

        assert_int_equal(sscanf(t->keys[jst_hash_ring_target(r, p)], "http://10.0.0.%u:", &number),
                         1);
        out[k] = number;
    }
    jst_hash_ring_destroy(&r);
    assert_null(r);
}

static unsigned
count(const uint32_t at[KEYS], uint32_t number)
{
    unsigned n = 0;

    for (uint32_t k = 0; k < KEYS; k++) {
        n += at[k] == number;
    }
    return n;
}

static uint32_t before[KEYS], after[KEYS];

static void
test_shares(void **state)
{
    struct targets t;

    (void)state;
    make(&t, 0, 10, 1);
    t.weights[3] = 4;
    place_all(before, &t);
    for (uint32_t i = 0; i < 10; i++) {
        double due = (double)KEYS * t.weights[i] / 13;

        assert_true(count(before, i) > due * 0.7 && count(before, i) < due * 1.3);
    }
}

static void
test_one_leaves(void **state)
{
    struct targets t;

    (void)state;
    make(&t, 0, 20, 1);
    place_all(before, &t);
    make(&t, 1, 19, 1); /* without number 0: all others have another place in the list */
    place_all(after, &t);
    for (uint32_t k = 0; k < KEYS; k++) {
        assert_true(before[k] == 0 ? after[k] != 0 : after[k] == before[k]);
    }
    assert_in_range(count(before, 0), KEYS / 20 / 2, KEYS / 20 * 2);
}

static void
test_weight_grows(void **state)
{
    struct targets t;
    unsigned moved = 0;

    (void)state;
    make(&t, 0, 10, 1);
    place_all(before, &t);
    t.weights[7] = 2;
    place_all(after, &t);
    for (uint32_t k = 0; k < KEYS; k++) {
        moved += before[k] != after[k];
        assert_true(before[k] == after[k] || after[k] == 7);
    }
    assert_in_range(moved, KEYS * 5 / 100, KEYS * 12 / 100); /* from 1/10 to 2/11: 8.2 % */
}

/* Of weights that differ by far the smallest still has a point, and memory is bounded. */
static void
test_heavy(void **state)
{
    struct targets t;
    struct jst_hash_ring *r;

    (void)state;
    make(&t, 0, TARGETS_MAX, 65535);
    t.weights[0] = 1;
    r = jst_hash_ring_create(t.keys, t.weights, t.n);
    assert_non_null(r);
    assert_true(jst_hash_ring_points(r) <= TARGETS_MAX * 128);
    jst_hash_ring_destroy(&r);
}

static void
test_round(void **state)
{
    struct targets t;
    struct jst_hash_ring *r;
    bool seen[4] = {false};
    uint32_t p;

    (void)state;
    make(&t, 0, 4, 1);
    r = jst_hash_ring_create(t.keys, t.weights, t.n);
    assert_non_null(r);
    p = jst_hash_ring_find(r, UINT64_MAX);
    for (uint32_t k = 0; k < jst_hash_ring_points(r); k++) {
        seen[jst_hash_ring_target(r, p)] = true;
        p = jst_hash_ring_next(r, p);
    }
    assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
    assert_int_equal(p, jst_hash_ring_find(r, UINT64_MAX));
    jst_hash_ring_destroy(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),       cmocka_unit_test(test_one_leaves),
        cmocka_unit_test(test_weight_grows), cmocka_unit_test(test_heavy),
        cmocka_unit_test(test_round),
    };

    return cmocka_run_group_tests_name("upstream/ring", tests, NULL, NULL);
}
