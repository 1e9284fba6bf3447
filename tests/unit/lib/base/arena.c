// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
test_pieces_do_not_overlap(void **state)
{
    static char *piece[2000];
    static size_t size[2000];
    struct jst_arena a;

    (void)state;
    jst_arena_init(&a);
    assert_int_equal(a.bytes, 0);
    for (size_t i = 0; i < 2000; i++) {
        size[i] = i % 100 == 99 ? 300000 : i % 10 == 9 ? 5000 : i % 40;
        piece[i] = jst_arena_alloc(&a, size[i]);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % 16, 0);
        memset(piece[i], (int)(i % 251), size[i]);
    }
    for (size_t i = 0; i < 2000; i++) {
        for (size_t k = 0; k < size[i]; k += 97) {
            assert_int_equal((uint8_t)piece[i][k], i % 251);
        }
    }
    assert_true(a.bytes >= 20 * 300000);
    jst_arena_fini(&a);
    assert_null(a.chunks);
    assert_int_equal(a.bytes, 0);
    jst_arena_fini(&a); /* harmless */
    jst_buf_thread_fini();
}

static void
test_big_one_leaves_the_current_chunk(void **state)
{
    struct jst_arena a;
    char *before;
    char *after;

    (void)state;
    jst_arena_init(&a);
    before = jst_arena_alloc(&a, 16);
    assert_non_null(jst_arena_alloc(&a, 1000000));
    after = jst_arena_alloc(&a, 16);
    assert_ptr_equal(after, before + 16);
    jst_arena_fini(&a);
    jst_buf_thread_fini();
}

static void
test_copies(void **state)
{
    struct jst_arena a;
    struct jst_slice s;
    char *z;

    (void)state;
    jst_arena_init(&a);
    s = jst_arena_copy(&a, JST_S("text"));
    assert_int_equal(s.n, 4);
    assert_string_equal(s.p, "text");
    s = jst_arena_copy(&a, JST_SLICE_NONE);
    assert_int_equal(s.n, 0);
    assert_string_equal(s.p, ""); /* not NULL: that would mean no memory */
    assert_null(jst_arena_copy_z(&a, NULL));
    assert_string_equal(jst_arena_copy_z(&a, "zero"), "zero");
    memset(jst_arena_alloc(&a, 500), 1, 500);
    z = jst_arena_zalloc(&a, 500);
    for (size_t i = 0; i < 500; i++) {
        assert_int_equal(z[i], 0);
    }
    jst_arena_fini(&a);
    jst_buf_thread_fini();
}

static void
test_absurd_sizes(void **state)
{
    struct jst_arena a;

    (void)state;
    jst_arena_init(&a);
    assert_null(jst_arena_alloc(&a, SIZE_MAX / 2 + 100));
    assert_null(jst_arena_alloc(&a, (size_t)UINT32_MAX * 2));
    assert_non_null(jst_arena_alloc(&a, 1));
    jst_arena_fini(&a);
    jst_buf_thread_fini();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_do_not_overlap),
        cmocka_unit_test(test_big_one_leaves_the_current_chunk),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_absurd_sizes),
    };

    return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
