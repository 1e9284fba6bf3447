// SPDX-License-Identifier: MIT
/* The shim over toml++: what becomes of each kind of value, places, and bounds. */
#include "support.h"

#include "base/arena.h"

static struct jst_node *
parse(struct jst_arena *arena, const char *text)
{
    struct jst_toml_error err;
    struct jst_node *root = NULL;
    int rc = jst_toml_parse(&root, arena, jst_slice_z(text), 1, &err);

    if (rc != JOIST_OK) {
        fail_msg("%u:%u: %s", err.line, err.column, err.message);
    }
    return root;
}

static void
check_place(const struct jst_span *at, uint32_t line, uint32_t column, uint32_t width)
{
    assert_int_equal(at->line, line);
    assert_int_equal(at->column, column);
    assert_int_equal(at->width, width);
}

static void
test_kinds(void **state)
{
    struct jst_arena arena = {0};
    struct jst_node *root = parse(&arena, "s = \"a\\tb\"\ni = -7\nf = 1.5\nb = true\n"
                                          "d = 1979-05-27\nl = [1, 2]\nt = { x = 1 }\n");

    (void)state;
    assert_int_equal(root->kind, JST_NODE_TABLE);
    assert_int_equal(root->count, 7);
    assert_string_equal(jst_node_find(root, "s")->v.text.p, "a\tb");
    assert_int_equal(jst_node_find(root, "i")->v.integer, -7);
    assert_true(jst_node_find(root, "f")->v.real > 1.4);
    assert_true(jst_node_find(root, "b")->v.boolean);
    assert_int_equal(jst_node_find(root, "d")->kind, JST_NODE_TIME);
    assert_int_equal(jst_node_find(root, "l")->count, 2);
    assert_int_equal(jst_node_find(jst_node_find(root, "t"), "x")->v.integer, 1);
    assert_null(jst_node_find(root, "nothing"));
    jst_arena_fini(&arena);
}

static void
test_places(void **state)
{
    struct jst_arena arena = {0};
    struct jst_node *root =
        parse(&arena, "\nkey = \"vé\"\n[a.b]\n\tx\t= 12\n[[l]]\n[[l]]\ny = 1\n");
    struct jst_node *key = jst_node_find(root, "key"), *b = jst_node_find(root, "a")->first;

    (void)state;
    check_place(&key->key_at, 2, 1, 3);
    check_place(&key->at, 2, 7, 4); /* columns count characters, not bytes */
    check_place(&b->at, 3, 1, 5);
    check_place(&b->first->key_at, 4, 2, 1);
    check_place(&b->first->at, 4, 6, 2);
    check_place(&jst_node_find(root, "l")->first->at, 5, 1, 5);
    check_place(&jst_node_find(root, "l")->last->at, 6, 1, 5);
    jst_arena_fini(&arena);
}

/* toml++ sorts keys; we keep the order of the file. */
static void
test_order(void **state)
{
    struct jst_arena arena = {0};
    struct jst_node *root = parse(&arena, "z = 1\na = 2\nm = 3\n");

    (void)state;
    assert_string_equal(root->first->key.p, "z");
    assert_string_equal(root->first->next->key.p, "a");
    assert_string_equal(root->last->key.p, "m");
    jst_arena_fini(&arena);
}

struct wrong {
    const char *text;
    uint32_t line;
    uint32_t column; /* 0: any */
    const char *message;
};

static void
test_syntax_errors(void **state)
{
    static const struct wrong wrongs[] = {
        {"a = \n", 1, 5, "expected value"},
        {"a = 1\nb = 2 c = 3\n", 2, 7, "expected"},
        {"a = 1\na = 2\n", 2, 0, "cannot redefine"},
        {"[a]\n[a]\n", 2, 0, "redefine"},
        {"x = \"open\n", 1, 0, "string"},
        {"x = [1, 2\n", 1, 0, "array"},
        {"= 1\n", 1, 1, "expected"},
        {"a = 1\nx = [0, }]\n", 2, 9, "something else was expected here"},
        {"a = \"\xff\"\n", 1, 0, "utf-8"},
        {"a = \"\x01\"\n", 1, 0, "control character"},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(wrongs); i++) {
        struct jst_arena arena = {0};
        struct jst_toml_error err;
        struct jst_node *root = NULL;

        assert_int_equal(jst_toml_parse(&root, &arena, jst_slice_z(wrongs[i].text), 1, &err),
                         JOIST_E_INVAL);
        if (err.line != wrongs[i].line || (wrongs[i].column && err.column != wrongs[i].column) ||
            strcasestr(err.message, wrongs[i].message) == NULL) {
            fail_msg("%s: %u:%u: %s", wrongs[i].text, err.line, err.column, err.message);
        }
        jst_arena_fini(&arena);
    }
}

/* `x.x.x. ... = 1`, and `{a={a={a= ...`, and [[[[ ...: none may eat the stack. */
static void
expect_refused(const char *unit, size_t times, const char *lead, const char *tail)
{
    size_t n = strlen(lead) + times * strlen(unit) + strlen(tail);
    char *text = malloc(n + 1), *p = text;
    struct jst_arena arena = {0};
    struct jst_toml_error err;
    struct jst_node *root = NULL;

    assert_non_null(text);
    p = stpcpy(p, lead);
    for (size_t i = 0; i < times; i++) {
        p = stpcpy(p, unit);
    }
    (void)stpcpy(p, tail);
    assert_int_equal(jst_toml_parse(&root, &arena, jst_slice(text, n), 1, &err), JOIST_E_INVAL);
    assert_true(err.line >= 1);
    jst_arena_fini(&arena);
    free(text);
}

static void
test_depth(void **state)
{
    (void)state;
    expect_refused("x.", 200000, "", "x = 1\n");
    expect_refused("x . ", 200000, "[", "x]\n");
    expect_refused("\"x\".", 200000, "", "x = 1\n");
    expect_refused("x={", 100000, "", "");
    expect_refused("[", 100000, "x=", "");
    expect_refused("{x=", 60, "x=", "1}}}}");
}

/* Dots in strings, comments and numbers are no parts of keys. */
static void
test_dots_elsewhere(void **state)
{
    struct jst_arena arena = {0};

    (void)state;
    (void)parse(&arena,
                "# ................................................\n"
                "a = \"................................................\" # .......\n"
                "b = '................................................'\n"
                "c = \"\"\"\n................................................\n\"\"\"\"\"\n"
                "d = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0,\n"
                " 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]\n"
                "e = \"quote \\\" ................................................\"\n");
    jst_arena_fini(&arena);
}

/* ---- long texts are parsed in parts ---- */

#define SITES 3000
#define SITE_TEXT                                                                                  \
    "[[sites]]\nhost = \"a.test\" # [[sites]]\nx = [\n[1], [2]]\n"                                 \
    "s = \"\"\"\n[[sites]]\n\"\"\"\n[[sites.routes]]\npath = \"/\"\n"
#define SITE_LINES 9

/* SITES sites, then `tail`. */
static char *
long_text(const char *tail)
{
    char *text = malloc(SITES * strlen(SITE_TEXT) + strlen(tail) + 1), *p = text;

    assert_non_null(text);
    for (int i = 0; i < SITES; i++) {
        p = stpcpy(p, SITE_TEXT);
    }
    (void)stpcpy(p, tail);
    return text;
}

static void
test_parts(void **state)
{
    struct jst_arena arena = {0};
    char *text = long_text("[other]\ny = 1\n");
    struct jst_node *root = parse(&arena, text), *sites = jst_node_find(root, "sites");
    uint32_t line = 1;

    (void)state;
    assert_int_equal(root->count, 2);
    assert_int_equal(sites->count, SITES);
    for (struct jst_node *c = sites->first; c != NULL; c = c->next, line += SITE_LINES) {
        check_place(&c->at, line, 1, 9);
        check_place(&jst_node_find(c, "routes")->first->first->at, line + 8, 8, 3);
        assert_string_equal(jst_node_find(c, "s")->v.text.p, "[[sites]]\n");
    }
    check_place(&jst_node_find(root, "other")->at, line, 1, 7);
    jst_arena_fini(&arena);
    free(text);
}

/* What a part alone would get wrong. */
static void
test_parts_that_belong_together(void **state)
{
    struct jst_arena arena = {0};
    char *other = long_text("[[list]]\n"), *text;
    struct jst_node *root;

    (void)state;
    /* The last route belongs to a site that stands before another list. */
    text = malloc(2 * strlen(other) + 100);
    assert_non_null(text);
    (void)stpcpy(stpcpy(text, other), "[[sites.routes]]\npath = \"/last\"\n");
    root = parse(&arena, text);
    assert_int_equal(jst_node_find(root, "sites")->count, SITES);
    assert_int_equal(jst_node_find(jst_node_find(root, "sites")->last, "routes")->count, 2);
    jst_arena_fini(&arena);
    free(text);
    free(other);
}

static void
expect_error_at(const char *tail, uint32_t line, const char *message)
{
    struct jst_arena arena = {0};
    struct jst_toml_error err;
    struct jst_node *root = NULL;
    char *text = long_text(tail);

    assert_int_equal(jst_toml_parse(&root, &arena, jst_slice_z(text), 1, &err), JOIST_E_INVAL);
    if (err.line != SITES * SITE_LINES + line || strstr(err.message, message) == NULL) {
        fail_msg("%s: %u: %s", tail, err.line, err.message);
    }
    jst_arena_fini(&arena);
    free(text);
}

static void
test_errors_in_parts(void **state)
{
    (void)state;
    expect_error_at("x = \n", 1, "expected value");
    expect_error_at("[sites]\n", 1, "redefine");
    expect_error_at("[a]\n[[sites]]\n[a]\n", 3, "redefine");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),           cmocka_unit_test(test_places),
        cmocka_unit_test(test_order),           cmocka_unit_test(test_syntax_errors),
        cmocka_unit_test(test_depth),           cmocka_unit_test(test_dots_elsewhere),
        cmocka_unit_test(test_parts),           cmocka_unit_test(test_parts_that_belong_together),
        cmocka_unit_test(test_errors_in_parts),
    };

    return cmocka_run_group_tests_name("conf/toml", tests, NULL, NULL);
}
