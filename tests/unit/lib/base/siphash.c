// SPDX-License-Identifier: MIT
#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The first of the paper's test vectors (its reference code, vectors.h): key 00 01 .. 0f, of the
 * bytes 00 01 .. (n - 1). */
static void
test_vectors(void **state)
{
    static const struct {
        size_t n;
        uint64_t hash;
    } cases[] = {
        {0, 0x726fdb47dd0e0e31u},  {1, 0x74f839c593dc67fdu}, {2, 0x0d6c8009d9a94f5au},
        {3, 0x85676696d7fb7e2du},  {7, 0xab0200f58b01d137u}, {8, 0x93f5f5799a932462u},
        {15, 0xa129ca6149be45e5u}, /* the example of appendix A */
    };
    const struct jst_siphash_key key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    char bytes[16];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)i;
    }
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        assert_int_equal(jst_siphash(jst_slice(bytes, cases[i].n), &key), cases[i].hash);
    }
}

/* The second word makes jst_hash() forget its seed. */
static void
test_key_counts_always(void **state)
{
    const struct jst_slice block = JST_S("12345678\xb9\xe5\xe4\x1c\x6d\x47\x58\xbf");
    const struct jst_siphash_key one = {1, 2};
    const struct jst_siphash_key other = {1, 3};

    (void)state;
    assert_true(jst_siphash(block, &one) != jst_siphash(block, &other));
    assert_true(jst_siphash(JST_SLICE_NONE, &one) != jst_siphash(JST_SLICE_NONE, &other));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_key_counts_always),
    };

    return cmocka_run_group_tests_name("base/siphash", tests, NULL, NULL);
}
