// SPDX-License-Identifier: MIT
/* Every allocation failing once: an error each time, never a crash, and whole again after it. */
#include "../../fail_malloc.h"
#include "site.h"

#ifndef CANNOT_FAIL_MALLOC
static void
fail_from(size_t n)
{
    jst_buf_thread_fini(); /* what its caches hold would not be asked of malloc */
    failed = false;
    fail_at = n;
}

/* True if the allocation was reached. */
static bool
fail_no_more(void)
{
    fail_at = 0;
    return failed;
}

static const char *const tries[] = {"$path", "$path/", "=404"};
static const struct joist_error_page_conf pages[] = {{404, "/404.html"}};
static const struct joist_static_conf full = {
    .try_files = tries,
    .try_files_n = 3,
    .error_pages = pages,
    .error_pages_n = 1,
    .cache_control = "no-cache",
    .precompressed = true,
    .listing = true,
};

static void
test_handlers(void **state)
{
    struct joist_static_conf files = full;
    struct joist_respond_conf respond = {.status = 200, .body = "x", .body_n = 1};
    struct joist_redirect_conf redirect = {.to = "/x", .status = 301};
    bool reached = true;

    (void)state;
    files.root = "/tmp";
    for (size_t n = 1; reached; n++) {
        struct jst_handler *h[3] = {NULL, NULL, NULL};
        int rc;

        fail_from(n);
        rc = jst_static_create(&h[0], &files);
        rc = rc < 0 ? rc : jst_respond_create(&h[1], &respond);
        rc = rc < 0 ? rc : jst_redirect_create(&h[2], &redirect);
        reached = fail_no_more();
        assert_int_equal(rc, reached ? JOIST_E_NOMEM : JOIST_OK);
        for (size_t i = 0; i < 3; i++) {
            jst_handler_destroy(h[i]);
        }
    }
}

static void
test_cache(void **state)
{
    struct site *t = site_begin(state, full);
    bool reached = true;

    for (size_t n = 1; reached; n++) {
        struct jst_files *f = NULL;
        int rc;

        fail_from(n);
        rc = jst_files_create(&f, &t->local);
        reached = fail_no_more();
        assert_int_equal(rc, reached ? JOIST_E_NOMEM : JOIST_OK);
        jst_files_destroy(&f);
    }
    site_end(state);
}

/* Memory that is out makes 503, or a cut where the head had gone; and the next request is fine. */
static void
expect_survival(struct site *t, const char *path, const char *fields, uint16_t status)
{
    bool reached = true;

    t->may_abort = true;
    for (size_t n = 1; reached; n++) {
        assert_true(n < 1000);
        jst_files_destroy(&t->local.files); /* what was found before must be looked for again */
        assert_int_equal(jst_files_create(&t->local.files, &t->local), JOIST_OK);
        fail_from(n);
        site_ask(t, "GET", path, fields);
        reached = fail_no_more();
        if (t->aborts == 0 && t->status != status) {
            assert_true(reached);
            assert_true(t->status == 503 || t->status == 404); /* an own page that is left out */
        }
        site_wait(t, 1000);
        assert_int_equal(site_ask(t, "GET", path, fields), status);
        assert_int_equal(t->aborts, 0);
    }
}

static void
test_requests(void **state)
{
    static char big[100000];
    struct site *t = site_begin(state, full);

    site_put(t, "404.html", "mine");
    site_put(t, "a.css", "plain");
    site_put(t, "a.css.gz", "gzip");
    site_put(t, "d/x", "x");
    site_put_bytes(t, "big", big, sizeof(big));
    expect_survival(t, "/a.css", "Accept-Encoding: gzip", 200);
    expect_survival(t, "/a.css", "Range: bytes=0-1,3-3", 206);
    expect_survival(t, "/big", "Range: bytes=0-1,3-3", 206);
    expect_survival(t, "/big", NULL, 200);
    expect_survival(t, "/d", NULL, 301);
    expect_survival(t, "/d/", NULL, 200);
    expect_survival(t, "/nothing", NULL, 404);
    site_end(state);
}
#endif

int
main(void)
{
#ifdef CANNOT_FAIL_MALLOC
    puts("1..0 # SKIP this build's malloc cannot be replaced");
    return 0;
#else
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handlers),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_requests),
    };

    return cmocka_run_group_tests_name("handler/memory", tests, NULL, NULL);
#endif
}
