// SPDX-License-Identifier: MIT
/* Which slot of an upstream takes a request: rules, what was said while it runs, weights. */
#include "upstream/slots.h"
#include "../../fail_malloc.h"
#include "base/buf.h"
#include "base/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define DRAWS 20000u
#define EVERY (~(jst_slot_set)0)

static struct jst_states *states;
static struct jst_rand rnd;
static const size_t numbers[] = {10, 11, 12, 13};

static struct joist_slot_conf blue_green[] = {
    {.name = "blue", .pool = "app.blue", .weight = 3},
    {.name = "green", .pool = "app.green", .weight = 1},
};

static struct jst_slots *
make(struct joist_slot_conf *slots, size_t n, const struct joist_slot_rule_conf *rules,
     size_t rules_n)
{
    struct joist_pool_conf conf = {
        .name = "app", .slots = slots, .slots_n = n, .slot_rules = rules, .slot_rules_n = rules_n};
    struct jst_slots *s = NULL;

    assert_int_equal(jst_slots_create(&s, &conf, numbers, states), JOIST_OK);
    return s;
}

static struct jst_slots *
make_plain(void)
{
    return make(blue_green, 2, NULL, 0);
}

static size_t
choose(const struct jst_slots *s, struct jst_field *v, uint32_t n)
{
    struct jst_fields fields = {v, n, n};

    return jst_slots_choose(s, &fields, EVERY, &rnd);
}

/* How many of DRAWS come to the slot. */
static uint32_t
count(const struct jst_slots *s, size_t slot, jst_slot_set usable)
{
    struct jst_fields none = {0};
    uint32_t n = 0;

    for (uint32_t i = 0; i < DRAWS; i++) {
        n += jst_slots_choose(s, &none, usable, &rnd) == slot;
    }
    return n;
}

/* Five standard deviations of DRAWS draws are less than 2 %. */
static void
expect_share(const struct jst_slots *s, size_t slot, uint32_t percent)
{
    uint32_t n = count(s, slot, EVERY), wanted = DRAWS / 100 * percent;

    assert_in_range(n, wanted > DRAWS / 50 ? wanted - DRAWS / 50 : 0, wanted + DRAWS / 50);
    assert_int_equal(jst_slots_share(s, slot, EVERY), percent * 100);
}

static int
begin(void **state)
{
    static const uint8_t seed[32] = {7};

    (void)state;
    jst_rand_init(&rnd, seed);
    return jst_states_create(&states);
}

static int
end(void **state)
{
    (void)state;
    jst_states_destroy(&states);
    return 0;
}

/* http://www.isthe.com/chongo/tech/comp/fnv/: test vectors of FNV-1a, 32 bits */
static void
test_fnv_vectors(void **state)
{
    static const struct {
        const char *text;
        uint32_t hash;
    } vectors[] = {{"", 0x811c9dc5},
                   {"a", 0xe40c292c},
                   {"b", 0xe70c2de5},
                   {"foobar", 0xbf9cf968},
                   {"chongo was here!\n", 0xd49930d5}};

    (void)state;
    for (size_t i = 0; i < JST_COUNT(vectors); i++) {
        assert_int_equal(jst_fnv1a_32(jst_slice_z(vectors[i].text)), vectors[i].hash);
    }
}

static void
test_weights(void **state)
{
    struct jst_slots *s = make_plain();

    (void)state;
    expect_share(s, 0, 75);
    expect_share(s, 1, 25);
    assert_int_equal(jst_slots_pool(s, 1), 11);
    assert_int_equal(jst_slots_active(s), 2);
    jst_slots_destroy(&s);
}

static void
test_a_slot_without_targets_is_not_chosen(void **state)
{
    struct joist_slot_conf slots[] = {{.name = "a", .pool = "a", .weight = 1},
                                      {.name = "b", .pool = "b", .weight = 0},
                                      {.name = "c", .pool = "c", .weight = 0}};
    struct joist_slot_rule_conf rules[] = {{.slot = "b", .header = "x", .percent = 100}};
    struct jst_field field = {.name = JST_S("X"), .value = JST_S("1")};
    struct jst_fields fields = {&field, 1, 1};
    struct jst_slots *s = make(slots, 3, rules, 1);

    (void)state;
    assert_int_equal(count(s, 0, 1), DRAWS);
    assert_int_equal(count(s, 1, 1 << 1 | 1 << 2), DRAWS); /* the first that there is */
    assert_int_equal(count(s, 0, 0), DRAWS);               /* to say that there is none */
    assert_int_equal(jst_slots_choose(s, &fields, 1, &rnd), 0);
    jst_slots_switch(s, 1);
    assert_int_equal(count(s, 0, 1), DRAWS);
    jst_slots_destroy(&s);
}

static void
test_rules_in_their_order(void **state)
{
    static const char *const ones[] = {"1", "yes"};
    struct joist_slot_rule_conf rules[] = {
        {.slot = "green", .header = "X-Canary", .values = ones, .values_n = 2},
        {.slot = "blue", .cookie = "old", .percent = 100},
        {.slot = "green", .cookie = "new", .percent = 100},
    };
    struct jst_field canary = {.name = JST_S("x-canary"), .value = JST_S("yes")};
    struct jst_field other = {.name = JST_S("X-Canary"), .value = JST_S("no")};
    struct jst_field both = {
        .name = JST_S("Cookie"), .value = JST_S("new=1; old="), .id = JST_FIELD_COOKIE};
    struct jst_field new = {
        .name = JST_S("Cookie"), .value = JST_S("a=b; new=1"), .id = JST_FIELD_COOKIE};
    struct jst_slots *s = make(blue_green, 2, rules, 3);
    struct jst_field two[] = {both, canary};

    (void)state;
    jst_slots_switch(s, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(choose(s, &canary, 1), 1);
        assert_int_equal(choose(s, two, 2), 1);
        assert_int_equal(choose(s, &other, 1), 0);
        assert_int_equal(choose(s, &new, 1), 1);
    }
    jst_slots_switch(s, 1);
    assert_int_equal(choose(s, &both, 1), 0); /* the first rule that fits, though it says less */
    assert_int_equal(choose(s, &other, 1), 1);
    jst_slots_destroy(&s);
}

/* The same values each time; a larger share has all that a smaller one has. */
static void
test_percent_of_values(void **state)
{
    char text[32];
    struct jst_field field = {.name = JST_S("Cookie"), .id = JST_FIELD_COOKIE};
    uint32_t in[] = {0, 0, 0, 0}, percents[] = {0, 10, 50, 100};
    bool was[1000] = {false};

    (void)state;
    for (size_t p = 0; p < JST_COUNT(percents); p++) {
        struct joist_slot_rule_conf rule = {
            .slot = "green", .cookie = "who", .percent = percents[p]};
        struct jst_slots *s = make(blue_green, 2, &rule, 1);

        jst_slots_switch(s, 0);
        for (uint32_t i = 0; i < JST_COUNT(was); i++) {
            bool is;

            (void)snprintf(text, sizeof(text), "who=user-%u", i);
            field.value = jst_slice_z(text);
            is = choose(s, &field, 1) == 1;
            assert_int_equal(is, choose(s, &field, 1) == 1);
            assert_true(is || !was[i]);
            was[i] = is;
            in[p] += is;
        }
        jst_slots_destroy(&s);
    }
    assert_int_equal(in[0], 0);
    assert_in_range(in[1], 50, 150);
    assert_in_range(in[2], 400, 600);
    assert_int_equal(in[3], 1000);
}

/* On the edge of the share: FNV-1a-32("a") is 0xe40c292c, which is 89.08 % of its range. */
static void
test_the_edge_of_a_share(void **state)
{
    struct jst_field field = {
        .name = JST_S("Cookie"), .value = JST_S("who=a"), .id = JST_FIELD_COOKIE};

    (void)state;
    for (uint32_t percent = 89; percent <= 90; percent++) {
        struct joist_slot_rule_conf rule = {.slot = "green", .cookie = "who", .percent = percent};
        struct jst_slots *s = make(blue_green, 2, &rule, 1);

        jst_slots_switch(s, 0);
        assert_int_equal(choose(s, &field, 1), percent == 90);
        jst_slots_destroy(&s);
    }
}

static void
test_switch_and_split(void **state)
{
    struct jst_slots *s = make_plain();

    (void)state;
    jst_slots_switch(s, 1);
    expect_share(s, 1, 100);
    assert_int_equal(jst_slots_active(s), 1);
    jst_slots_split(s, 0, 10);
    expect_share(s, 0, 10);
    expect_share(s, 1, 90);
    jst_slots_split(s, 0, 0);
    expect_share(s, 1, 100);
    jst_slots_split(s, 0, 100);
    expect_share(s, 0, 100);
    jst_slots_switch(s, 1); /* no split any more */
    expect_share(s, 1, 100);
    jst_slots_reset(s);
    expect_share(s, 0, 75);
    jst_slots_destroy(&s);
}

static void
test_a_split_of_weights(void **state)
{
    struct joist_slot_conf slots[] = {{.name = "a", .pool = "a", .weight = 3},
                                      {.name = "b", .pool = "b", .weight = 1},
                                      {.name = "c", .pool = "c", .weight = 0}};
    struct jst_slots *s = make(slots, 3, NULL, 0);

    (void)state;
    jst_slots_split(s, 2, 20);
    expect_share(s, 0, 60);
    expect_share(s, 1, 20);
    expect_share(s, 2, 20);
    jst_slots_destroy(&s);
}

static void
test_a_closed_slot_gets_nothing(void **state)
{
    struct joist_slot_rule_conf rule = {.slot = "blue", .header = "x", .percent = 100};
    struct jst_field field = {.name = JST_S("X"), .value = JST_S("1")};
    struct jst_slots *s = make(blue_green, 2, &rule, 1);

    (void)state;
    assert_int_equal(choose(s, &field, 1), 0);
    jst_slots_close(s, 0);
    assert_true(jst_slots_is_closed(s, 0));
    assert_int_equal(choose(s, &field, 1), 1);
    assert_int_equal(count(s, 1, EVERY), DRAWS);
    jst_slots_close(s, 1); /* all: then none */
    assert_in_range(count(s, 0, EVERY), 1, DRAWS - 1);
    jst_slots_switch(s, 0);
    assert_false(jst_slots_is_closed(s, 0));
    assert_int_equal(count(s, 0, EVERY), DRAWS);
    jst_slots_destroy(&s);
}

/* What was said is of the slot, whatever place another configuration gives it. */
static void
test_what_was_said_outlives_a_configuration(void **state)
{
    struct joist_slot_conf turned[] = {
        blue_green[1], {.name = "red", .pool = "r", .weight = 9}, blue_green[0]};
    struct jst_slots *first = make_plain(), *second, *third;

    (void)state;
    jst_slots_switch(first, 1);
    jst_slots_split(first, 0, 10);
    second = make(turned, 3, NULL, 0);
    jst_slots_destroy(&first);
    expect_share(second, 0, 90);
    expect_share(second, 2, 10);
    third = make(turned + 1, 2, NULL, 0); /* without green, to which was switched */
    jst_slots_destroy(&second);
    assert_int_equal(jst_slots_active(third), 2);
    expect_share(third, 1, 10);
    expect_share(third, 0, 90);
    jst_slots_destroy(&third);
    first = make_plain(); /* nobody was there to remember */
    expect_share(first, 0, 75);
    jst_slots_destroy(&first);
}

/* A slot that is new may get the number of one that is gone, but nothing of what was said of it. */
static void
test_nothing_is_said_of_a_new_slot(void **state)
{
    struct joist_slot_conf others[] = {{.name = "x", .pool = "x", .weight = 1},
                                       {.name = "y", .pool = "y", .weight = 1}};
    struct jst_slots *first = make_plain(), *second;

    (void)state;
    jst_slots_switch(first, 0);
    jst_slots_close(first, 1);
    second = make(others, 2, NULL, 0);
    jst_slots_destroy(&first);
    first = make_plain();
    jst_slots_destroy(&second);
    expect_share(first, 0, 75);
    assert_false(jst_slots_is_closed(first, 1));
    jst_slots_destroy(&first);
}

static void
test_the_last_names_are_refused(void **state)
{
    static char names[4][32][8];
    struct joist_slot_conf slots[32];
    struct joist_pool_conf conf = {.name = "app", .slots = slots, .slots_n = 32};
    size_t at[32] = {0};
    struct jst_slots *s[4] = {NULL};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 32; j++) {
            (void)snprintf(names[i][j], sizeof(names[i][j]), "%zu-%zu", i, j);
            slots[j] =
                (struct joist_slot_conf){.name = names[i][j], .pool = names[i][j], .weight = 1};
        }
        assert_int_equal(jst_slots_create(&s[i], &conf, at, states),
                         i < 2 ? JOIST_OK : JOIST_E_LIMIT);
    }
    jst_slots_destroy(&s[0]);
    assert_int_equal(jst_slots_create(&s[2], &conf, at, states), JOIST_OK);
    jst_slots_destroy(&s[1]);
    jst_slots_destroy(&s[2]);
}

/* With every allocation failing once: an error each time, and nothing is left behind. */
static void
test_without_memory(void **state)
{
#ifndef CANNOT_FAIL_MALLOC
    static const char *const values[] = {"1", "2"};
    struct joist_slot_rule_conf rules[] = {
        {.slot = "green", .header = "x", .values = values, .values_n = 2},
        {.slot = "blue", .cookie = "y", .percent = 10},
    };
    struct joist_pool_conf conf = {
        .name = "app", .slots = blue_green, .slots_n = 2, .slot_rules = rules, .slot_rules_n = 2};
    size_t n = 1;

    (void)state;
    for (;; n++) {
        struct jst_slots *s = NULL;
        int rc;

        jst_buf_thread_fini(); /* what its caches hold would not be asked of malloc */
        failed = false;
        fail_at = n;
        rc = jst_slots_create(&s, &conf, numbers, states);
        fail_at = 0;
        assert_int_equal(rc, failed ? JOIST_E_NOMEM : JOIST_OK);
        jst_slots_destroy(&s);
        if (!failed) {
            break;
        }
    }
    assert_true(n > 5); /* it does allocate */
#else
    (void)state;
#endif
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fnv_vectors, begin, end),
        cmocka_unit_test_setup_teardown(test_weights, begin, end),
        cmocka_unit_test_setup_teardown(test_a_slot_without_targets_is_not_chosen, begin, end),
        cmocka_unit_test_setup_teardown(test_rules_in_their_order, begin, end),
        cmocka_unit_test_setup_teardown(test_percent_of_values, begin, end),
        cmocka_unit_test_setup_teardown(test_the_edge_of_a_share, begin, end),
        cmocka_unit_test_setup_teardown(test_switch_and_split, begin, end),
        cmocka_unit_test_setup_teardown(test_a_split_of_weights, begin, end),
        cmocka_unit_test_setup_teardown(test_a_closed_slot_gets_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_what_was_said_outlives_a_configuration, begin, end),
        cmocka_unit_test_setup_teardown(test_nothing_is_said_of_a_new_slot, begin, end),
        cmocka_unit_test_setup_teardown(test_the_last_names_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(test_without_memory, begin, end),
    };

    return cmocka_run_group_tests_name("upstream/slots", tests, NULL, NULL);
}
