// SPDX-License-Identifier: MIT
/*
 * What an embedder passes on from its own users must not break a message: text that goes into a
 * head is checked, like the configuration file's.
 */
#include <joist/joist.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct joist_conf conf;
static struct joist_listener_conf listener = {.bind = "127.0.0.1:0"};
static struct joist_target_conf target = {.url = "http://127.0.0.1:9", .weight = 1};
static struct joist_pool_conf pool;
static struct joist_route_conf route;

static void
begin(enum joist_handler_kind kind)
{
    joist_conf_init(&conf);
    joist_route_conf_init(&route);
    joist_pool_conf_init(&pool);
    pool.name = "p";
    pool.targets = &target;
    pool.targets_n = 1;
    route.kind = kind;
    conf.listeners = &listener;
    conf.listeners_n = 1;
    conf.pools = &pool;
    conf.pools_n = 1;
    conf.routes = &route;
    conf.routes_n = 1;
    if (kind == JOIST_HANDLER_STATIC) {
        joist_static_conf_init(&route.handler.files);
        route.handler.files.root = "/";
    } else if (kind == JOIST_HANDLER_PROXY) {
        route.handler.proxy = (struct joist_proxy_conf){.pool = "p"};
    } else if (kind == JOIST_HANDLER_RESPOND) {
        route.handler.respond = (struct joist_respond_conf){.status = 200};
    } else {
        route.handler.redirect = (struct joist_redirect_conf){.to = "/x", .status = 302};
    }
}

static int
check(void)
{
    return joist_conf_check(&conf, NULL, NULL);
}

static const char *const broken[] = {"a\r\nSet-Cookie: x=1", "a\nb", "a\rb", "\x7f", "a\x01"};

static void
test_each(enum joist_handler_kind kind, const char **place, const char *good)
{
    begin(kind);
    assert_int_equal(check(), 0);
    *place = good;
    assert_int_equal(check(), 0);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        *place = broken[i];
        assert_int_equal(check(), JOIST_E_INVAL);
    }
}

static void
test_heads_cannot_be_split(void **state)
{
    (void)state;
    test_each(JOIST_HANDLER_REDIRECT, &route.handler.redirect.to, "https://x.test$uri");
    test_each(JOIST_HANDLER_RESPOND, &route.handler.respond.content_type, "text/html");
    test_each(JOIST_HANDLER_STATIC, &route.handler.files.cache_control, "max-age=60, public");
    test_each(JOIST_HANDLER_PROXY, &route.handler.proxy.host, "x.test:80");
    test_each(JOIST_HANDLER_PROXY, &route.handler.proxy.path_base, "/base/x");
    test_each(JOIST_HANDLER_RESPOND, &conf.server_header, "s");
}

static void
test_a_base_is_a_path(void **state)
{
    static const char *const wrong[] = {"base", "/a b", "/a?b", "/a#b"};

    (void)state;
    begin(JOIST_HANDLER_PROXY);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        route.handler.proxy.path_base = wrong[i];
        assert_int_equal(check(), JOIST_E_INVAL);
    }
    route.handler.proxy.path_base = "";
    assert_int_equal(check(), 0);
    route.handler.proxy.path_base = NULL;
    route.handler.proxy.host = "a b";
    assert_int_equal(check(), JOIST_E_INVAL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads_cannot_be_split),
        cmocka_unit_test(test_a_base_is_a_path),
    };

    return cmocka_run_group_tests_name("security/conf", tests, NULL, NULL);
}
