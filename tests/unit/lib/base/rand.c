// SPDX-License-Identifier: MIT
#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The algorithm is xoshiro256**: from the state 1, 2, 3, 4 it gives these. */
static void
test_known_sequence(void **state)
{
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    uint64_t words[4] = {1, 2, 3, 4};
    uint8_t seed[32];
    struct jst_rand r;

    (void)state;
    memcpy(seed, words, sizeof(seed));
    jst_rand_init(&r, seed);
    for (size_t i = 0; i < JST_COUNT(expected); i++) {
        assert_true(jst_rand_next(&r) == expected[i]);
    }
}

static void
test_zero_seed_moves(void **state)
{
    uint8_t seed[32] = {0};
    struct jst_rand r;
    uint64_t all = 0;

    (void)state;
    jst_rand_init(&r, seed);
    for (int i = 0; i < 100; i++) {
        all |= jst_rand_next(&r);
    }
    assert_true(all == UINT64_MAX); /* each bit was set at some time */
}

static void
test_bits_are_even(void **state)
{
    uint8_t seed[32] = "a seed that is as good as others";
    struct jst_rand r;
    unsigned ones[64] = {0};

    (void)state;
    jst_rand_init(&r, seed);
    for (int i = 0; i < 10000; i++) {
        uint64_t v = jst_rand_next(&r);

        for (int bit = 0; bit < 64; bit++) {
            ones[bit] += (unsigned)(v >> bit) & 1;
        }
    }
    for (int bit = 0; bit < 64; bit++) {
        assert_in_range(ones[bit], 4700, 5300); /* six deviations */
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_sequence),
        cmocka_unit_test(test_zero_seed_moves),
        cmocka_unit_test(test_bits_are_even),
    };

    return cmocka_run_group_tests_name("base/rand", tests, NULL, NULL);
}
