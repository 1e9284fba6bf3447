// SPDX-License-Identifier: MIT
#include "wire/readbuf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
test_kept_pieces_take_it_away(void **state)
{
    struct jst_chain kept = {0};
    struct jst_buf *first = jst_readbuf_get();
    struct jst_buf *second;

    (void)state;
    assert_int_equal(first->cap, JST_BUF_READ);
    memcpy(first->data, "keep me", 7);
    assert_int_equal(jst_chain_add(&kept, first, first->data, 7), 0);
    second = jst_readbuf_get();
    assert_ptr_not_equal(first, second);
    assert_int_equal(second->refs, 1);
    memset(second->data, 'x', second->cap);
    assert_memory_equal(kept.first->p, "keep me", 7);
#ifndef JST_DEBUG
    assert_ptr_equal(jst_readbuf_get(), second); /* nothing was kept: the same hot memory */
#endif
    jst_chain_clear(&kept);
    jst_readbuf_thread_fini();
    jst_readbuf_thread_fini(); /* harmless */
    jst_buf_thread_fini();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_pieces_take_it_away),
    };

    return cmocka_run_group_tests_name("wire/readbuf", tests, NULL, NULL);
}
