// SPDX-License-Identifier: MIT
/* Loading with every allocation failing once: an error each time, never a crash. */
#include "../../fail_malloc.h"
#include "support.h"

#ifndef CANNOT_FAIL_MALLOC
static const char *const texts[] = {
    "[server]\nthreads = 2\n[upstreams.app]\ntargets = [\"http://a\", { url = \"http://b\" }]\n"
    "[[sites]]\nhosts = [\"a.test\", \"b.test\"]\nproxy = \"app\"\nheaders = { x-a = \"1\" }\n"
    "[[sites.routes]]\npath = \"/x\"\nproxy = \"http://c/base\"\nlimits = { body_bytes = 1 }\n"
    "[[sites.routes]]\nroot = \"./www\"\nerror_pages = { 404 = \"/x\" }\n"
    "[[routes]]\nupstream = { targets = [\"unix:/x\"] }\nmatchers = { hosts = [\"c.test\"] }\n"
    "[[sites]]\nrespond = \"${JST_TEST_NOT_SET:default}\"\n",
    "[ech]\nkeys = [\"a\", \"b\"]\n[[sites]]\nhost = \"a.test\"\nroot = \".\"\nhsts = true\n"
    "tls = { cert = [\"e\", \"r\"], key = [\"f\", \"s\"] }\n[upstreams.app]\nca = \"ca\"\n"
    "targets = [\"https://a\", { url = \"h2c://b\" }]\n",
    "[ech]\ndir = \"tests/no/such/folder\"\n[[sites]]\nroot = \".\"\ntls = { cert = [] }\n",
    "[upstreams.a]\nhealth = \"/\"\nretry = { on = [502] }\nsticky = { client = true }\n"
    "[upstreams.a.slots.b]\ntargets = [\"http://a\"]\n[[upstreams.a.rules]]\nslot = \"b\"\n"
    "cookie = \"c\"\nvalues = \"1\"\n[[sites]]\nproxy = \"a.b\"\n",
    "[server]\nthreads = 0\nvai = 1\n[[sites]]\nroot = 3\nproxy = \"nope\"\n[sites.tls]\n",
};

/* True if the n-th allocation was reached, and failed. */
static bool
load_once(const char *text, size_t n)
{
    struct jst_diags report;
    struct jst_conf *conf = NULL;
    char *take = strdup(text);
    bool reached;
    int rc;

    assert_non_null(take);
    jst_buf_thread_fini(); /* what its caches hold would not be asked of malloc */
    jst_diags_init(&report);
    failed = false;
    fail_at = n;
    rc = jst_conf_load_text(&conf, "dir/joist.toml", &take, strlen(text), &report);
    fail_at = 0;
    reached = failed;
    failed = false;
    if (reached) {
        assert_true(rc < 0);
        assert_true(jst_diags_has_errors(&report));
    }
    jst_conf_destroy(&conf);
    jst_diags_fini(&report);
    return reached;
}

static void
test_every_allocation(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(texts); i++) {
        size_t n = 1;

        while (load_once(texts[i], n)) {
            n++;
        }
        assert_true(n > 20); /* it does allocate */
    }
}
#else
static void
test_every_allocation(void **state)
{
    (void)state;
    skip();
}
#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};

    return cmocka_run_group_tests_name("conf/memory", tests, NULL, NULL);
}
