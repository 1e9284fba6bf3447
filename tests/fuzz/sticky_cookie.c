// SPDX-License-Identifier: MIT
/*
 * Cookies of clients that are bound to a target: a value of ours means the same when it is printed
 * again; a field that a cookie was taken out of has none of that name, and no byte that was not
 * there; what an application sets lies inside its field. The first line is the name.
 */
#include "upstream/sticky_cookie.h"
#include "upstream/hash_key.h"

#include "parse.h"

static void
check_mark(struct jst_slice text)
{
    char again[JST_MARK_BYTES_MAX];
    struct jst_mark m, same;

    if (!jst_mark_parse(&m, text)) {
        return;
    }
    JST_ASSERT(text.n < JST_MARK_BYTES_MAX && m.set_s >= -1);
    JST_ASSERT(jst_mark_parse(&same, jst_slice(again, jst_mark_print(again, &m))));
    JST_ASSERT(same.target == m.target && same.set_s == m.set_s);
}

static void
check_without(struct jst_slice field, struct jst_slice name)
{
    struct jst_arena arena = {0};
    struct jst_slice left = jst_cookie_without(&arena, field, name);

    JST_ASSERT(left.p != NULL || field.n == 0);
    JST_ASSERT(jst_cookie_find(left, name).p == NULL);
    JST_ASSERT(left.n <= 2 * field.n);
    jst_arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jst_slice rest = jst_slice((const char *)data, size);
    struct jst_slice name = jst_slice_cut(&rest, '\n');
    struct jst_slice field;
    char *copy;

    if (rest.p == NULL) {
        return 0;
    }
    copy = exact_copy(rest);
    field = jst_slice(copy, rest.n);
    check_mark(field);
    check_without(field, name);
    JST_ASSERT(lies_inside(jst_set_cookie_value(field, name), field));
    free(copy);
    return 0;
}
