// SPDX-License-Identifier: MIT
/* Header fields by number: every known name is found in any case, and nothing else is. */
#include "codec/field.h"

#include <ctype.h>

#include "support.h"

/* A name that is missing from the switch in field.c shows up here. */
static void
test_every_name(void **state)
{
    (void)state;
    for (int id = JST_FIELD_OTHER + 1; id < JST_FIELD_IDS_; id++) {
        struct jst_slice name = jst_field_name((enum jst_field_id)id);
        char *bytes = exact_copy(name);

        assert_int_equal(jst_field_id(jst_slice(bytes, name.n)), id);
        for (size_t i = 0; i < name.n; i++) {
            bytes[i] = (char)toupper((unsigned char)bytes[i]);
        }
        assert_int_equal(jst_field_id(jst_slice(bytes, name.n)), id);
        for (size_t i = 0; i < name.n; i++) {
            bytes[i] = (char)tolower((unsigned char)bytes[i]);
        }
        assert_int_equal(jst_field_id(jst_slice(bytes, name.n)), id);
        free(bytes);
    }
}

/* No other byte in any place makes the same name: comparing without case folds letters alone. */
static void
test_no_other_name(void **state)
{
    (void)state;
    for (int id = JST_FIELD_OTHER + 1; id < JST_FIELD_IDS_; id++) {
        struct jst_slice name = jst_field_name((enum jst_field_id)id);
        char *bytes = exact_copy(name);

        for (size_t i = 0; i < name.n; i++) {
            for (int c = 0; c < 256; c++) {
                bytes[i] = (char)c;
                if (jst_field_id(jst_slice(bytes, name.n)) != JST_FIELD_OTHER &&
                    jst_lower(bytes[i]) != jst_lower(name.p[i]) &&
                    jst_field_id(jst_slice(bytes, name.n)) == (enum jst_field_id)id) {
                    fail_msg("%.*s with byte %d at %zu", JST_PRI(name), c, i);
                }
            }
            bytes[i] = name.p[i];
        }
        free(bytes);
    }
    assert_int_equal(jst_field_id(JST_SLICE_NONE), JST_FIELD_OTHER);
    assert_int_equal(jst_field_id(JST_S("X-Unknown")), JST_FIELD_OTHER);
    assert_int_equal(jst_field_id(JST_S("a-name-longer-than-any-that-is-known")), JST_FIELD_OTHER);
}

static void
test_hop(void **state)
{
    (void)state;
    assert_true(jst_field_is_hop(JST_FIELD_CONNECTION));
    assert_true(jst_field_is_hop(JST_FIELD_TRANSFER_ENCODING));
    assert_false(jst_field_is_hop(JST_FIELD_HOST));
    assert_false(jst_field_is_hop(JST_FIELD_OTHER));
}

static void
test_find_and_add(void **state)
{
    struct jst_field v[3];
    struct jst_fields f = {v, 0, JST_COUNT(v)};

    (void)state;
    assert_int_equal(jst_fields_add(&f, JST_S("X-One"), JST_S("1")), JOIST_OK);
    assert_int_equal(jst_fields_add(&f, JST_S("cookie"), JST_S("a=b")), JOIST_OK);
    assert_int_equal(jst_fields_add(&f, JST_S("x-one"), JST_S("2")), JOIST_OK);
    assert_int_equal(jst_fields_add(&f, JST_S("Date"), JST_S("")), JOIST_E_LIMIT);
    assert_int_equal(f.n, 3);

    assert_ptr_equal(jst_fields_find(&f, JST_FIELD_COOKIE), &v[1]);
    assert_ptr_equal(jst_fields_find_name(&f, JST_S("COOKIE")), &v[1]);
    assert_ptr_equal(jst_fields_find_name(&f, JST_S("X-ONE")), &v[0]);
    v[0].drop = true;
    assert_ptr_equal(jst_fields_find_name(&f, JST_S("X-ONE")), &v[2]);
    v[1].drop = true;
    assert_null(jst_fields_find(&f, JST_FIELD_COOKIE));
    assert_null(jst_fields_find_name(&f, JST_S("X-Two")));
}

static void
test_drop_hop(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        bool drop;
    } table[] = {
        {"x-a", "1", true}, /* named before the field that names it */
        {"Connection", "X-A, close, host", true},
        {"connection", "\tx-b\t,,Accept", true},
        {"X-B", "1", true},
        {"X-C", "1", false},
        {"Host", "a", false}, /* kept though it is named */
        {"Accept", "a", true},
        {"TE", "trailers", true},
        {"Proxy-Connection", "keep-alive", true},
        {"X-A", "2", true},
    };
    struct jst_field v[JST_COUNT(table)];
    struct jst_fields f = {v, 0, JST_COUNT(v)};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        (void)jst_fields_add(&f, jst_slice_z(table[i].name), jst_slice_z(table[i].value));
    }
    jst_fields_drop_hop(&f);
    for (size_t i = 0; i < JST_COUNT(table); i++) {
        if (v[i].drop != table[i].drop) {
            fail_msg("%s", table[i].name);
        }
    }
}

/* What was copied does not need the bytes of before; an empty value stays one. */
static void
test_copy(void **state)
{
    char bytes[] = "Grpc-Status0Grpc-Message";
    struct jst_field v[2];
    struct jst_fields from = {v, 0, 2};
    struct jst_fields to = {0};
    struct jst_arena arena;

    (void)state;
    jst_arena_init(&arena);
    assert_int_equal(jst_fields_add(&from, jst_slice(bytes, 11), jst_slice(bytes + 11, 1)), 0);
    assert_int_equal(jst_fields_add(&from, jst_slice(bytes + 12, 12), JST_SLICE_NONE), 0);
    v[1].drop = true;
    assert_int_equal(jst_fields_copy(&to, &arena, &from), 0);
    memset(bytes, '#', sizeof(bytes));
    assert_int_equal(to.n, 2);
    assert_true(jst_slice_eq(to.v[0].name, JST_S("Grpc-Status")));
    assert_true(jst_slice_eq(to.v[0].value, JST_S("0")));
    assert_true(jst_slice_eq(to.v[1].name, JST_S("Grpc-Message")));
    assert_int_equal(to.v[1].value.n, 0);
    assert_false(to.v[0].drop);
    assert_true(to.v[1].drop);
    jst_arena_fini(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_name), cmocka_unit_test(test_no_other_name),
        cmocka_unit_test(test_hop),        cmocka_unit_test(test_find_and_add),
        cmocka_unit_test(test_drop_hop),   cmocka_unit_test(test_copy),
    };

    return cmocka_run_group_tests_name("codec/field", tests, NULL, NULL);
}
