// SPDX-License-Identifier: MIT
/* Nearest words, JSON strings, the report's lines, and the schema's own good order. */
#include "support.h"

#include "conf/json.h"
#include "conf/nearest.h"
#include "conf/schema.h"

static const char *
nearest(const char *typed)
{
    static const char *const words[] = {"threads", "drain", "trusted_proxies", "via", "root"};
    struct jst_nearest n;

    jst_nearest_init(&n, jst_slice_z(typed));
    for (size_t i = 0; i < JST_COUNT(words); i++) {
        jst_nearest_try(&n, words[i]);
    }
    return n.best;
}

static void
test_nearest(void **state)
{
    (void)state;
    assert_string_equal(nearest("threads"), "threads");
    assert_string_equal(nearest("thread"), "threads");
    assert_string_equal(nearest("htreads"), "threads");
    assert_string_equal(nearest("Threads"), "threads");
    assert_string_equal(nearest("trusted-proxies"), "trusted_proxies");
    assert_string_equal(nearest("vai"), "via");
    assert_null(nearest("xyz"));
    assert_null(nearest(""));
    assert_null(nearest("completely_different"));
    assert_null(nearest("a_word_that_is_longer_than_any_that_could_ever_be_meant"));
}

static void
expect_json(struct jst_slice in, const char *want)
{
    char memory[256];
    struct jst_str s = jst_str(memory, sizeof(memory) - 1);

    jst_json_add(&s, in);
    assert_false(s.full);
    memory[s.n] = '\0';
    assert_string_equal(memory, want);
}

static void
test_json(void **state)
{
    (void)state;
    expect_json(JST_S(""), "\"\"");
    expect_json(JST_S("plain / text"), "\"plain / text\"");
    expect_json(JST_S("a\"b\\c"), "\"a\\\"b\\\\c\"");
    expect_json(JST_S("\n\t\0\x7f"), "\"\\u000a\\u0009\\u0000\\u007f\"");
    expect_json(JST_S("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    expect_json(JST_S("\xff"), "\"\\ufffd\"");
    expect_json(JST_S("\xc3"), "\"\\ufffd\"");            /* cut off */
    expect_json(JST_S("\xc0\xaf"), "\"\\ufffd\\ufffd\""); /* overlong */
    expect_json(JST_S("\xe0\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
    expect_json(JST_S("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\""); /* a surrogate */
    expect_json(JST_S("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

static void
test_report_lines(void **state)
{
    (void)state;
    /* Tabs and wide lines keep the caret under its word; control bytes do not reach a terminal. */
    expect_message("[[sites]]\n\troot\t= 3 # \x7f\n", "");
    expect_message("[[sites]]\n\troot\t= 3\n", "     2 | \troot\t= 3\n       | \t    \t  ^\n");
    expect_message("[[sites]]\r\nroot = 3\r\n", "     2 | root = 3\n       |        ^\n");
}

static void
test_long_line(void **state)
{
    char toml[600] = "[[sites]]\nheaders = { a = \"", *p = toml + strlen(toml);
    struct loaded l;

    (void)state;
    memset(p, 'x', 300);
    (void)stpcpy(p + 300, "\", b = 3 }\nroot = \".\"\n");
    l = load_text(toml);
    assert_non_null(strstr(l.text, "joist.toml:2:325: error: 'b' must be a string"));
    for (const char *line = l.text; line != NULL; line = strchr(line + 1, '\n')) {
        assert_true(strcspn(line + 1, "\n") < 160);
    }
    unload(&l);
}

static void
test_colours(void **state)
{
    struct loaded l = load_text("x = 1\n[[sites]]\nroot = \".\"\n");
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    (void)state;
    assert_non_null(out);
    jst_diags_print(&l.report, out, true);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "\033[1;31merror:\033[0m"));
    assert_null(strchr(l.text, '\033'));
    free(text);
    unload(&l);
}

static void
check_key(const struct jst_block *b, const struct jst_key *key)
{
    bool scalar = key->type < JST_KEY_TABLE;

    if (key->doc == NULL || key->doc[strlen(key->doc) - 1] == '.') {
        fail_msg("%s of %s: its sentence lacks or ends in a full stop", key->name, b->title);
    }
    if ((key->type == JST_KEY_TEXT || key->type == JST_KEY_TEXTS) && key->example == NULL &&
        key->fallback == NULL && (key->flags & JST_KEY_NAME) == 0) {
        fail_msg("%s of %s lacks an example", key->name, b->title);
    }
    if (key->type == JST_KEY_WORD) {
        assert_non_null(key->words);
        assert_non_null(key->fallback);
    }
    if (key->type == JST_KEY_PAIRS) {
        assert_non_null(key->check);
    }
    assert_true(scalar || key->type == JST_KEY_LATER || key->block != NULL);
    assert_int_equal(key->name_n, strlen(key->name));
    assert_ptr_equal(jst_block_key(b, jst_block_get(b, key->name)), key); /* no name twice */
}

static void
test_schema(void **state)
{
    (void)state;
    for (int id = 0; id < JST_BLOCKS_N; id++) {
        const struct jst_block *b = jst_schema_block((enum jst_block_id)id);

        assert_int_equal(b->id, id);
        assert_true(jst_block_keys_n(b) <= 64);
        for (size_t i = 0; i < jst_block_keys_n(b); i++) {
            check_key(b, jst_block_key(b, i));
        }
        for (size_t i = 0; i < b->rules_n; i++) {
            if (b->bytes > 0) {
                (void)jst_block_get(b, b->rules[i].a);
                (void)jst_block_get(b, b->rules[i].b);
                for (size_t j = 0; j < JST_COUNT(b->rules[i].more); j++) {
                    if (b->rules[i].more[j] != NULL) {
                        (void)jst_block_get(b, b->rules[i].more[j]);
                    }
                }
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest),      cmocka_unit_test(test_json),
        cmocka_unit_test(test_report_lines), cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_colours),      cmocka_unit_test(test_schema),
    };

    return cmocka_run_group_tests_name("conf/words", tests, NULL, NULL);
}
