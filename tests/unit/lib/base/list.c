// SPDX-License-Identifier: MIT
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct item {
    int number;
    struct jst_list link;
};

static void
assert_numbers(struct jst_list *l, const char *digits)
{
    JST_LIST_FOREACH (node, l) {
        assert_int_equal(JST_CONTAINER(node, struct item, link)->number, *digits - '0');
        assert_ptr_equal(node->next->prev, node);
        digits++;
    }
    assert_int_equal(*digits, '\0');
}

static void
test_order(void **state)
{
    struct item v[4] = {{1, {0}}, {2, {0}}, {3, {0}}, {4, {0}}};
    struct jst_list l;

    (void)state;
    jst_list_init(&l);
    assert_true(jst_list_is_empty(&l));
    assert_numbers(&l, "");
    jst_list_insert(&l, &v[0].link);
    jst_list_insert(&l, &v[1].link);
    jst_list_insert(l.next, &v[2].link); /* in front */
    jst_list_insert(&v[1].link, &v[3].link);
    assert_numbers(&l, "3142");
    jst_list_remove(&v[0].link);
    assert_numbers(&l, "342");
    jst_list_remove(&v[0].link); /* harmless */
    assert_numbers(&l, "342");
}

static void
test_remove_while_walking(void **state)
{
    struct item v[9];
    struct jst_list l;

    (void)state;
    jst_list_init(&l);
    for (int i = 0; i < 9; i++) {
        v[i].number = i + 1;
        jst_list_insert(&l, &v[i].link);
    }
    JST_LIST_FOREACH (node, &l) {
        if (JST_CONTAINER(node, struct item, link)->number % 3 != 0) {
            jst_list_remove(node);
        }
    }
    assert_numbers(&l, "369");
    JST_LIST_FOREACH (node, &l) {
        jst_list_remove(node);
    }
    assert_true(jst_list_is_empty(&l));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_remove_while_walking),
    };

    return cmocka_run_group_tests_name("base/list", tests, NULL, NULL);
}
