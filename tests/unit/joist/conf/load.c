// SPDX-License-Identifier: MIT
/* Files, includes, variables; and the engine's messages brought to their place. */
#include "support.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int
make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/jst-conf-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
remove_folder(void **state)
{
    char command[100];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static void
put(const char *name, const char *text)
{
    char path[256];
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    for (char *p = path + strlen(folder) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        (void)mkdir(path, 0700);
        *p = '/';
    }
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static struct loaded
load(const char *name)
{
    struct loaded l = {0};
    char path[256];
    size_t n = 0;
    FILE *out = open_memstream(&l.text, &n);

    assert_non_null(out);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    jst_diags_init(&l.report);
    l.rc = jst_conf_load(&l.conf, path, &l.report);
    jst_diags_print(&l.report, out, false);
    assert_int_equal(fclose(out), 0);
    return l;
}

static void
expect(const char *name, const char *wanted)
{
    struct loaded l = load(name);

    if (l.rc != JOIST_E_INVAL || strstr(l.text, wanted) == NULL) {
        fail_msg("should say: %s\nbut says: %s", wanted, l.text);
    }
    unload(&l);
}

static void
test_includes(void **state)
{
    struct loaded l;

    (void)state;
    put("a/main.toml", "include = [\"sites/*.toml\", \"more.toml\"]\n[server]\nthreads = 2\n"
                       "[listeners]\nbind = \":1\"\n[[sites]]\nhost = \"main\"\nroot = \"www\"\n");
    put("a/sites/2.toml", "[[sites]]\nhost = \"two\"\nroot = \"www\"\n");
    put("a/sites/1.toml", "[[sites]]\nhost = \"one\"\nproxy = \"pool\"\n"
                          "[upstreams.pool]\ntargets = [\"http://x\"]\n");
    put("a/more.toml", "[[listeners]]\nbind = \":2\"\n[limits]\nbody_bytes = 5\n"
                       "[upstreams.other]\ntargets = [\"http://y\"]\n");
    l = load("a/main.toml");
    if (l.rc != JOIST_OK) {
        fail_msg("%s", l.text);
    }
    assert_int_equal(l.conf->engine.routes_n, 3);
    assert_string_equal(l.conf->engine.routes[0].hosts[0], "main");
    assert_string_equal(l.conf->engine.routes[1].hosts[0], "one");
    assert_string_equal(l.conf->engine.routes[2].hosts[0], "two");
    assert_int_equal(l.conf->engine.listeners_n, 2);
    assert_int_equal(l.conf->engine.pools_n, 2);
    assert_int_equal(l.conf->engine.limits.body_bytes, 5);
    /* Folders are relative to the file that names them. */
    assert_non_null(strstr(l.conf->engine.routes[0].handler.files.root, "/a/www"));
    assert_non_null(strstr(l.conf->engine.routes[2].handler.files.root, "/a/sites/www"));
    unload(&l);
}

static void
test_include_errors(void **state)
{
    (void)state;
    put("b/lost.toml", "include = [\"nowhere.toml\"]\n[[sites]]\nroot = \".\"\n");
    expect("b/lost.toml", "b/lost.toml:1:12: error: cannot read ");
    put("b/none.toml", "include = [\"nowhere/*.toml\"]\n[[sites]]\nroot = \".\"\nbad = 1\n");
    expect("b/none.toml", "b/none.toml:4:1: error: unknown key 'bad'");
    put("b/self.toml", "include = [\"self.toml\"]\n[[sites]]\nroot = \".\"\n");
    expect("b/self.toml", "includes itself\n");
    put("b/x.toml", "include = [\"y.toml\"]\n");
    put("b/y.toml", "include = [\"x.toml\"]\n");
    expect("b/x.toml", "b/y.toml:1:12: error: '");
    expect("b/x.toml", "includes itself by way of other files");
    put("b/twice.toml",
        "include = [\"t2.toml\"]\n[server]\nthreads = 1\n[[sites]]\nroot = \".\"\n");
    put("b/t2.toml", "[server]\nvia = true\n[upstreams.a]\ntargets = [\"x\"]\n");
    expect("b/twice.toml", "t2.toml:1:2: error: 'server' stands in ");
    expect("b/twice.toml", "t2.toml:4:12: error: 'targets': 'x' is not an origin");
    put("b/broken.toml", "include = [\"syntax.toml\"]\nx = 1\n[[sites]]\nroot = \".\"\n");
    put("b/syntax.toml", "a = \n");
    expect("b/broken.toml", "syntax.toml:1:5: error: not valid TOML: ");
    expect("b/broken.toml", "broken.toml:2:1: error: unknown key 'x'");
    expect("b", "cannot read");
    expect("b/not-there.toml", "No such file");
}

static void
test_include_depth(void **state)
{
    char name[32], text[64];

    (void)state;
    for (int i = 0; i < 12; i++) {
        (void)snprintf(name, sizeof(name), "c/%d.toml", i);
        (void)snprintf(text, sizeof(text), "include = [\"%d.toml\"]\n", i + 1);
        put(name, text);
    }
    put("c/12.toml", "[[sites]]\nroot = \".\"\n");
    expect("c/0.toml", "c/8.toml:1:12: error: includes are nested more than 8 deep");
}

static void
test_variables(void **state)
{
    struct loaded l;

    (void)state;
    assert_int_equal(setenv("JST_TEST_HOST", "example.test", 1), 0);
    assert_int_equal(setenv("JST_TEST_THREADS", "3", 1), 0);
    assert_int_equal(setenv("JST_TEST_EMPTY", "", 1), 0);
    assert_int_equal(unsetenv("JST_TEST_NOT_SET"), 0);
    l = load_good("[server]\nthreads = \"${JST_TEST_THREADS}\"\nvia = \"${JST_TEST_VIA:false}\"\n"
                  "server_header = \"a${JST_TEST_EMPTY}b\"\n"
                  "[[sites]]\nhosts = [\"www.${JST_TEST_HOST}\"]\n"
                  "redirect = \"https://${JST_TEST_HOST}$uri$${x}${JST_TEST_NOT_SET:}\"\n"
                  "[[sites.routes]]\npath = \"/p\"\nrespond = \"$5 $$ ${JST_TEST_NOT_SET:a:b}\"\n");
    assert_int_equal(l.conf->engine.threads, 3);
    assert_false(l.conf->engine.via);
    assert_string_equal(l.conf->engine.server_header, "ab");
    assert_string_equal(l.conf->engine.routes[0].hosts[0], "www.example.test");
    assert_string_equal(l.conf->engine.routes[0].handler.redirect.to,
                        "https://example.test$uri${x}");
    assert_string_equal(l.conf->engine.routes[1].handler.respond.body, "$5 $$ a:b");
    unload(&l);
    expect_message("[[sites]]\nroot = \"${JST_TEST_NOT_SET}\"\n",
                   "2:8: error: the environment has no variable 'JST_TEST_NOT_SET'");
    expect_message("[[sites]]\nroot = \"${open\"\n", "'${' without '}'");
    expect_message("[[sites]]\nroot = \"${a b}\"\n", "is not the name of an environment variable");
    /* What came from outside may be a secret: messages do not show it. */
    assert_int_equal(setenv("JST_TEST_SECRET", "hunter2", 1), 0);
    l = load_text("[server]\nthreads = \"${JST_TEST_SECRET}\"\n[[sites]]\nroot = \".\"\n");
    assert_non_null(strstr(l.text, "not its value"));
    assert_null(strstr(l.text, "hunter2"));
    unload(&l);
}

/* The engine knows where a route begins; the message is shown where its value stands. */
static void
test_engine_messages(void **state)
{
    struct loaded l = load_good("[[sites]]\nhost = \"ok.test\"\nroot = \".\"\n"
                                "[[sites]]\nhosts = [\"b.test\", \"c.*.test\"]\nroot = \".\"\n");
    struct jst_conf_report_to to = {l.conf, &l.report};
    struct joist_err err = {.code = JOIST_E_INVAL,
                            .line = 4,
                            .column = 1,
                            .file = "joist.toml",
                            .message = "host 'c.*.test': a wildcard stands for one whole label"};

    (void)state;
    jst_conf_on_report(&to, JOIST_LOG_ERROR, &err);
    assert_int_equal(l.report.errors_n, 1);
    assert_int_equal(l.report.diags[0].at.line, 5);
    assert_int_equal(l.report.diags[0].at.column, 20);
    assert_int_equal(l.report.diags[0].at.width, 10);
    err.line = 1;
    jst_conf_on_report(&to, JOIST_LOG_WARN, &err); /* it quotes nothing of that site */
    assert_int_equal(l.report.warnings_n, 1);
    assert_int_equal(l.report.diags[1].at.line, 1);
    unload(&l);
}

/* Of what a pool says for all of its targets the engine knows the targets. */
static void
test_messages_of_targets(void **state)
{
    struct loaded l =
        load_good("[upstreams.o]\nca = \"ca.pem\"\ntargets = [\"https://a.test\", { url "
                  "= \"https://b.test\", cert = \"c.pem\" }]\n"
                  "[[sites]]\nproxy = \"o\"\n");
    struct jst_conf_report_to to = {l.conf, &l.report};
    struct joist_err err = {.code = JOIST_E_NOTFOUND,
                            .line = 3,
                            .column = 12,
                            .file = "joist.toml",
                            .message = "authorities 'ca.pem': it is not there"};

    (void)state;
    jst_conf_on_report(&to, JOIST_LOG_ERROR, &err);
    err.column = 30;
    jst_conf_on_report(&to, JOIST_LOG_ERROR, &err); /* the same again, for the other target */
    assert_int_equal(l.report.errors_n, 1);
    assert_int_equal(l.report.diags[0].at.line, 2);
    assert_int_equal(l.report.diags[0].at.column, 6);
    (void)snprintf(err.message, sizeof(err.message), "certificate 'c.pem': it is not there");
    jst_conf_on_report(&to, JOIST_LOG_ERROR, &err);
    assert_int_equal(l.report.errors_n, 2);
    assert_int_equal(l.report.diags[1].at.line, 3);
    assert_int_equal(l.report.diags[1].at.column, 63);
    unload(&l);
}

/* What the engine alone can see is reported by jst_conf_check(), with its place. */
static void
test_check(void **state)
{
    struct loaded l = load_good("[[sites]]\nhost = \"a..b\"\nrespond = \"x\"\n"
                                "[[sites]]\nhost = \"same.test\"\nrespond = \"x\"\n"
                                "[[sites]]\nhost = \"same.test\"\nrespond = \"y\"\n");

    (void)state;
    assert_int_equal(jst_conf_check(l.conf, &l.report), JOIST_E_INVAL);
    assert_true(l.report.errors_n >= 1);
    assert_int_equal(l.report.diags[0].at.line, 2);
    assert_int_equal(l.report.diags[0].at.column, 8);
    unload(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_includes),        cmocka_unit_test(test_include_errors),
        cmocka_unit_test(test_include_depth),   cmocka_unit_test(test_variables),
        cmocka_unit_test(test_engine_messages), cmocka_unit_test(test_messages_of_targets),
        cmocka_unit_test(test_check),
    };

    return cmocka_run_group_tests_name("conf/load", tests, make_folder, remove_folder);
}
