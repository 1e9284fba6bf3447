// SPDX-License-Identifier: MIT
#include "fake.h"
#include "wire/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct jst_pool *
make_pool(const char *const *urls, const uint32_t *weights, size_t n, enum joist_strategy strategy)
{
    struct joist_target_conf targets[8];
    struct joist_pool_conf conf = {.strategy = strategy, .targets = targets, .targets_n = n};
    struct jst_pool *p = NULL;

    for (size_t i = 0; i < n; i++) {
        targets[i] =
            (struct joist_target_conf){.url = urls[i], .weight = weights != NULL ? weights[i] : 1};
    }
    assert_int_equal(jst_pool_create(&p, &conf, NULL, NULL), 0);
    return p;
}

static void
test_targets(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:3000/base", "http://[::1]:80",
                                       "unix:/run/app.sock", "http://127.0.0.1"};
    static const char *const names[] = {"127.0.0.1:3000", "[::1]:80", "unix:/run/app.sock",
                                        "127.0.0.1:80"};
    struct jst_pool *p = make_pool(urls, NULL, 4, JOIST_STRATEGY_SINGLE);

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char text[JST_ADDR_TEXT_BYTES];

        assert_true(jst_slice_eq(p->v[i].name, jst_slice_z(names[i])));
        assert_non_null(p->v[i].addrs);
        assert_int_equal(p->v[i].addrs->n, 1);
        (void)jst_addr_print(text, &p->v[i].addrs->v[0]);
        assert_string_equal(text, names[i]);
    }
    assert_string_equal(p->v[0].key, "http://127.0.0.1:3000");
    jst_pool_unref(&p);
    assert_null(p);
    jst_pool_unref(&p);
}

/* ---- TLS ---- */

struct told {
    struct jst_tls_report report;
    unsigned n;
    char text[512];
    unsigned line;
};

static void
on_report(struct jst_tls_report *r, enum joist_log_level level, int code,
          const struct joist_pos *pos, const char *text)
{
    struct told *t = JST_CONTAINER(r, struct told, report);

    assert_int_equal(level, JOIST_LOG_ERROR);
    assert_true(code < 0);
    t->n++;
    t->line = pos != NULL ? pos->line : 0;
    (void)snprintf(t->text, sizeof(t->text), "%s", text);
}

static void
test_schemes(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:1", "https://127.0.0.1", "h2c://127.0.0.1",
                                       "unix:/run/a"};
    struct jst_pool *p = make_pool(urls, NULL, 4, JOIST_STRATEGY_SINGLE);

    (void)state;
    assert_true(p->v[0].tls == NULL && !p->v[0].h2c);
    assert_true(p->v[1].tls != NULL && p->v[1].tls_h1 != NULL);
    assert_int_equal(p->v[1].port, 443);
    assert_true(jst_slice_eq(p->v[1].tls_name, JST_S("127.0.0.1")));
    assert_true(p->v[2].tls == NULL && p->v[2].h2c);
    assert_int_equal(p->v[2].port, 80);
    assert_true(p->v[3].tls == NULL && !p->v[3].h2c);
    jst_pool_unref(&p);
}

/* What cannot decide the name that a certificate must have is refused before anything is sent. */
static void
test_undecided_names(void **state)
{
    static const struct joist_target_tls_conf none = {.sni = NULL};
    static const struct joist_target_tls_conf named = {.verify_name = "a.test"};
    static const struct joist_target_tls_conf wrong = {.verify_name = "a b"};
    static const struct joist_target_tls_conf address = {.sni = "a..$"};
    static const struct joist_target_tls_conf missing = {.ca = "/nowhere/ca.pem"};
    static const struct {
        const char *url;
        const struct joist_target_tls_conf *tls;
        bool ok;
    } cases[] = {
        {"https://127.0.0.1", NULL, true},      {"https://127.0.0.1", &named, true},
        {"https://[::1]", &none, true},         {"https://a$b", NULL, false},
        {"https://a$b", &wrong, false},         {"https://127.0.0.1", &wrong, false},
        {"https://127.0.0.1", &address, false}, {"unix:/run/a", &named, false},
        {"http://127.0.0.1", &named, false},    {"h2c://127.0.0.1", &none, false},
        {"https://127.0.0.1", &missing, false},
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(cases); i++) {
        struct joist_target_conf target = {
            .url = cases[i].url, .weight = 1, .tls = cases[i].tls, .pos = {"f", 7, 1}};
        struct joist_pool_conf conf = {.targets = &target, .targets_n = 1};
        struct told told = {.report = {on_report}};
        struct jst_pool *p = NULL;
        int rc = jst_pool_check(&conf, &told.report);

        if (rc != (cases[i].ok ? 0 : JOIST_E_INVAL) || told.n != !cases[i].ok) {
            fail_msg("%s: %d, told %u times: %s", cases[i].url, rc, told.n, told.text);
        }
        assert_int_equal(told.line, cases[i].ok ? 0 : 7);
        assert_int_equal(jst_pool_create(&p, &conf, NULL, NULL), rc);
        jst_pool_unref(&p);
    }
}

static void
test_every_fault_is_told(void **state)
{
    static const struct joist_target_tls_conf missing = {.ca = "/nowhere/ca.pem"};
    struct joist_target_conf targets[] = {
        {.url = "https://127.0.0.1:1", .weight = 1, .tls = &missing},
        {.url = "https://127.0.0.1:2", .weight = 1},
        {.url = "https://127.0.0.1:3", .weight = 1, .tls = &missing},
    };
    struct joist_pool_conf conf = {.targets = targets, .targets_n = 3};
    struct told told = {.report = {on_report}};
    struct jst_pool *p = NULL;

    (void)state;
    assert_int_equal(jst_pool_create(&p, &conf, NULL, &told.report), JOIST_E_INVAL);
    assert_int_equal(told.n, 2);
    assert_null(p);
}

static void
test_one_target_twice(void **state)
{
    struct joist_target_conf targets[] = {
        {.url = "http://127.0.0.1:81", .weight = 1, .pos = {"f", 1, 1}},
        {.url = "http://127.0.0.1:80", .weight = 1, .pos = {"f", 2, 1}},
        {.url = "http://127.0.0.1", .weight = 1, .pos = {"f", 3, 1}},
    };
    struct joist_pool_conf conf = {.targets = targets, .targets_n = 3};
    struct told told = {.report = {on_report}};

    (void)state;
    assert_int_equal(jst_pool_check(&conf, &told.report), JOIST_E_INVAL);
    assert_int_equal(told.n, 1);
    assert_int_equal(told.line, 3);
    assert_string_equal(told.text,
                        "target 'http://127.0.0.1' is there twice, as 'http://127.0.0.1:80'");
    conf.targets_n = 2;
    assert_int_equal(jst_pool_check(&conf, &told.report), 0);
}

/* All of TLS that makes a difference is part of what a target is. */
static void
test_identity(void **state)
{
    static const struct joist_target_tls_conf confs[] = {
        {.sni = NULL},
        {.sni = "a.test"},
        {.sni = "b.test"},
        {.verify_name = "a.test"},
        {.sni = "a.test", .verify_name = "b.test"},
        {.http1_only = true},
    };
    struct joist_target_conf targets[JST_COUNT(confs) + 1];
    struct joist_pool_conf conf = {.targets = targets, .targets_n = JST_COUNT(targets)};
    struct jst_pool *p;

    (void)state;
    for (size_t i = 0; i < JST_COUNT(targets); i++) {
        targets[i] = (struct joist_target_conf){
            .url = "https://127.0.0.1", .weight = 1, .tls = i > 0 ? &confs[i - 1] : NULL};
    }
    assert_int_equal(jst_pool_create(&p, &conf, NULL, NULL), 0);
    assert_string_equal(p->v[0].key, p->v[1].key); /* nothing given, or all at its default */
    for (size_t i = 1; i < JST_COUNT(targets); i++) {
        for (size_t j = 1; j < i; j++) {
            assert_string_not_equal(p->v[i].key, p->v[j].key);
        }
        assert_true(jst_slice_eq(p->v[i].name, JST_S("127.0.0.1:443")));
    }
    assert_null(p->v[JST_COUNT(targets) - 1].tls_h1); /* there `tls` itself offers no h2 */
    jst_pool_unref(&p);
}

static void
copy_file(const char *to, const char *from)
{
    char command[512];

    (void)snprintf(command, sizeof(command), "cp %s %s", from, to);
    assert_int_equal(system(command), 0);
}

/* A file that was replaced makes another target: what was verified by the old one is not kept. */
static void
test_identity_of_files(void **state)
{
    static const char system_ca[] = "/etc/ssl/certs/ca-certificates.crt";
    char path[] = "/tmp/joist-ca-XXXXXX";
    struct joist_target_tls_conf tls = {.ca = path};
    struct joist_target_conf target = {.url = "https://127.0.0.1", .weight = 1, .tls = &tls};
    struct joist_pool_conf conf = {.targets = &target, .targets_n = 1};
    struct jst_pool *a, *b, *c;
    FILE *f;
    int fd;

    (void)state;
    if (access(system_ca, R_OK) != 0) {
        skip();
    }
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    copy_file(path, system_ca);
    assert_int_equal(jst_pool_create(&a, &conf, NULL, NULL), 0);
    assert_int_equal(jst_pool_create(&b, &conf, NULL, NULL), 0);
    f = fopen(path, "a");
    assert_non_null(f);
    assert_true(fputs("\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(jst_pool_create(&c, &conf, NULL, NULL), 0);
    assert_string_equal(a->v[0].key, b->v[0].key);
    assert_string_not_equal(a->v[0].key, c->v[0].key);
    jst_pool_unref(&a);
    jst_pool_unref(&b);
    jst_pool_unref(&c);
    assert_int_equal(unlink(path), 0);
}

static void
test_unresolved(void **state)
{
    struct joist_target_conf targets[] = {{.url = "http://name.invalid:1", .weight = 1},
                                          {.url = "http://127.0.0.1:1", .weight = 1}};
    struct joist_pool_conf conf = {.targets = targets, .targets_n = 2};
    struct jst_pool *p = NULL;

    (void)state;
    assert_int_equal(jst_pool_create(&p, &conf, NULL, NULL), 0);
    assert_null(jst_target_addrs(&p->v[0]));
    assert_false(jst_pool_has_address(p, 0));
    assert_true(jst_pool_has_address(p, 1));
    jst_pool_unref(&p);
    targets[0].url = "nonsense";
    assert_int_equal(jst_pool_create(&p, &conf, NULL, NULL), JOIST_E_INVAL);
    assert_null(p);
}

/* The order in which a pool's targets are picked, as letters. */
static void
pick_order(char *out, size_t turns, struct jst_pool *p, uint32_t first)
{
    struct jst_local local = {0};
    struct jst_upool *u;

    assert_int_equal(jst_loop_create(&local.loop, NULL), 0);
    assert_int_equal(jst_upstreams_create(&local.upstreams, &local, fake_open), 0);
    assert_int_equal(jst_upool_acquire(&u, local.upstreams, p, 1), 0);
    u->next = first;
    for (size_t i = 0; i < turns; i++) {
        jst_breaker_ticket ticket;
        int k = jst_upool_pick(u, NULL, &ticket);

        out[i] = k < 0 ? '-' : (char)('a' + k);
    }
    out[turns] = '\0';
    jst_upool_release(&u);
    jst_upstreams_destroy(&local.upstreams);
    jst_loop_destroy(&local.loop);
}

static void
test_strategies(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:1", "http://127.0.0.1:2",
                                       "http://127.0.0.1:3"};
    static const uint32_t weights[] = {5, 1, 1};
    struct jst_pool *p = make_pool(urls, NULL, 3, JOIST_STRATEGY_SINGLE);
    char order[32];

    (void)state;
    pick_order(order, 4, p, 0);
    assert_string_equal(order, "aaaa");
    free(p->v[0].addrs);
    p->v[0].addrs = NULL;
    pick_order(order, 2, p, 0); /* the next stands by */
    assert_string_equal(order, "bb");
    jst_pool_unref(&p);

    p = make_pool(urls, NULL, 3, JOIST_STRATEGY_ROUND_ROBIN);
    pick_order(order, 7, p, 1);
    assert_string_equal(order, "bcabcab");
    free(p->v[1].addrs);
    p->v[1].addrs = NULL;
    pick_order(order, 6, p, 0);
    assert_string_equal(order, "acacac");
    jst_pool_unref(&p);

    p = make_pool(urls, weights, 3, JOIST_STRATEGY_ROUND_ROBIN);
    pick_order(order, 14, p, 0);
    assert_string_equal(order, "abcaaaaabcaaaa");
    free(p->v[0].addrs);
    p->v[0].addrs = NULL;
    pick_order(order, 4, p, 0);
    assert_string_equal(order, "bcbc");
    jst_pool_unref(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),           cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_undecided_names),   cmocka_unit_test(test_every_fault_is_told),
        cmocka_unit_test(test_one_target_twice),  cmocka_unit_test(test_identity),
        cmocka_unit_test(test_identity_of_files), cmocka_unit_test(test_unresolved),
        cmocka_unit_test(test_strategies),
    };

    return cmocka_run_group_tests_name("upstream/pool", tests, NULL, NULL);
}
