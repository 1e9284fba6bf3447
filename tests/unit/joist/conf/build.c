// SPDX-License-Identifier: MIT
/* From the file to what the engine is told: sites become routes, URLs become pools. */
#include "support.h"

static void
test_minimal(void **state)
{
    struct loaded l = load_good("[[sites]]\nroot = \"www\"\n");
    const struct joist_conf *c = &l.conf->engine;

    (void)state;
    assert_int_equal(c->listeners_n, 1);
    assert_string_equal(c->listeners[0].bind, ":8080");
    assert_int_equal(c->routes_n, 1);
    assert_int_equal(c->pools_n, 0);
    assert_int_equal(c->routes[0].kind, JOIST_HANDLER_STATIC);
    assert_int_equal(c->routes[0].path_kind, JOIST_PATH_ANY);
    assert_int_equal(c->routes[0].hosts_n, 0);
    assert_string_equal(c->routes[0].handler.files.root, "www");
    assert_string_equal(c->routes[0].pos.file, "joist.toml");
    assert_int_equal(c->routes[0].pos.line, 1);
    unload(&l);
}

static void
test_values(void **state)
{
    struct loaded l = load_good(
        "[server]\nthreads = 3\ndrain = \"5m\"\ntunnels = \"cut\"\nserver_header = \"\"\n"
        "via = false\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n"
        "[limits]\nheader_bytes = \"32KiB\"\nbody_bytes = 0\nconns_max = 7\n"
        "[timeouts]\nheader = \"250ms\"\nkeepalive = \"0\"\n"
        "[log]\nlevel = \"error\"\naccess = { format = \"json\", path = \"a.log\" }\n"
        "[listeners]\nbind = \"127.0.0.1:0\"\nname = \"edge\"\n"
        "[[sites]]\nrespond = { status = 404, body = \"no\", content_type = \"text/x\" }\n");
    const struct joist_conf *c = &l.conf->engine;

    (void)state;
    assert_int_equal(c->threads, 3);
    assert_int_equal(c->drain_ms, 300000);
    assert_int_equal(c->tunnels, JOIST_TUNNEL_CUT);
    assert_string_equal(c->server_header, "");
    assert_false(c->via);
    assert_int_equal(c->trusted_proxies_n, 2);
    assert_string_equal(c->trusted_proxies[1], "::1");
    assert_int_equal(c->limits.header_bytes, 32768);
    assert_int_equal(c->limits.body_bytes, 0);
    assert_int_equal(c->limits.conns_max, 7);
    assert_int_equal(c->timeouts.header_ms, 250);
    assert_int_equal(c->timeouts.keepalive_ms, 0);
    assert_int_equal(c->log.level, JOIST_LOG_ERROR);
    assert_int_equal(l.conf->file->log->access->format, JST_ACCESS_JSON);
    assert_string_equal(l.conf->file->log->access->path, "a.log");
    assert_string_equal(c->listeners[0].name, "edge");
    assert_int_equal(c->routes[0].handler.respond.status, 404);
    assert_int_equal(c->routes[0].handler.respond.body_n, 2);
    assert_string_equal(c->routes[0].handler.respond.content_type, "text/x");
    unload(&l);
}

static void
test_short_forms(void **state)
{
    struct loaded l =
        load_good("[log]\naccess = \"off\"\n[[sites]]\nhost = \"a\"\nrespond = \"hi\"\n"
                  "[[sites]]\nhost = \"b\"\nredirect = \"https://b$uri\"\n"
                  "[[sites]]\nhost = \"c\"\nroot = \".\"\nspa = true\n");
    const struct joist_route_conf *r = l.conf->engine.routes;

    (void)state;
    assert_int_equal(l.conf->file->log->access->format, JST_ACCESS_OFF);
    assert_int_equal(r[0].handler.respond.status, 200);
    assert_string_equal(r[0].handler.respond.body, "hi");
    assert_int_equal(r[1].handler.redirect.status, 302);
    assert_string_equal(r[1].handler.redirect.to, "https://b$uri");
    assert_int_equal(r[2].handler.files.try_files_n, 3);
    assert_string_equal(r[2].handler.files.try_files[2], "/index.html");
    unload(&l);
}

static void
test_site_and_its_routes(void **state)
{
    struct loaded l = load_good(
        "[timeouts]\nbody_idle = \"7s\"\nupstream_response = \"8s\"\n"
        "[[sites]]\nhosts = [\"a\", \"b\"]\nroot = \"www\"\nindex = [\"home.html\"]\n"
        "headers = { x-one = \"1\", x-two = \"2\" }\ntimeouts = { upstream_response = \"9s\" }\n"
        "[[sites.routes]]\npath = \"/assets\"\ncache_control = \"immutable\"\n"
        "headers = { X-Two = \"3\" }\n"
        "[[sites.routes]]\nexact = \"/login\"\nmethods = [\"POST\"]\nproxy = \"http://app:3000\"\n"
        "match_headers = { x-canary = \"1\" }\ntimeouts = { body_idle = \"1s\" }\n");
    const struct joist_conf *c = &l.conf->engine;
    const struct joist_route_conf *site = &c->routes[0], *assets = &c->routes[1],
                                  *login = &c->routes[2];

    (void)state;
    assert_int_equal(c->routes_n, 3);
    assert_int_equal(assets->hosts_n, 2);
    assert_string_equal(login->hosts[1], "b");
    assert_null(site->handler.files.cache_control);
    /* A route without an answer of its own answers as its site does, with its own changes. */
    assert_int_equal(assets->kind, JOIST_HANDLER_STATIC);
    assert_string_equal(assets->handler.files.root, "www");
    assert_string_equal(assets->handler.files.index[0], "home.html");
    assert_string_equal(assets->handler.files.cache_control, "immutable");
    assert_int_equal(assets->path_kind, JOIST_PATH_PREFIX);
    assert_int_equal(assets->response_headers_n, 2);
    assert_string_equal(assets->response_headers[0].value, "1");
    assert_string_equal(assets->response_headers[1].value, "3");
    assert_int_equal(assets->timeouts->upstream_response_ms, 9000);
    assert_int_equal(assets->timeouts->body_idle_ms, 7000);
    /* With one of its own, the site's is gone. */
    assert_int_equal(login->kind, JOIST_HANDLER_PROXY);
    assert_int_equal(login->path_kind, JOIST_PATH_EXACT);
    assert_string_equal(login->methods[0], "POST");
    assert_string_equal(login->headers[0].name, "x-canary");
    assert_int_equal(login->timeouts->body_idle_ms, 1000);
    assert_int_equal(login->timeouts->upstream_response_ms, 9000);
    assert_int_equal(c->timeouts.upstream_response_ms, 8000);
    unload(&l);
}

/* Tables that sites differ from may stand behind them. */
static void
test_order_of_tables(void **state)
{
    struct loaded l = load_good("[[sites]]\nroot = \".\"\nlimits = { body_bytes = \"1KiB\" }\n"
                                "[limits]\nuri_bytes = \"5kB\"\n");
    const struct joist_limits_conf *limits = l.conf->engine.routes[0].limits;

    (void)state;
    assert_int_equal(limits->body_bytes, 1024);
    assert_int_equal(limits->uri_bytes, 5000);
    unload(&l);
}

static void
test_pools(void **state)
{
    struct loaded l =
        load_good("[upstreams.app]\nstrategy = \"single\"\nidle_max = 3\n"
                  "targets = [\"http://a:1\", { url = \"unix:/run/b.sock\", weight = 5 }]\n"
                  "[[sites]]\nhost = \"a\"\nproxy = \"app\"\n"
                  "[[sites]]\nhost = \"b\"\nproxy = \"http://o:1\"\n"
                  "[[sites]]\nhost = \"c\"\nproxy = \"http://o:1/base/\"\nproxy_host = \"in.o\"\n"
                  "[[sites]]\nhost = \"d\"\nproxy = \"unix:/run/d.sock\"\n"
                  "[[routes]]\nupstream = \"app\"\n[routes.matchers]\npath_prefix = \"/x\"\n"
                  "[[routes]]\n[routes.matchers]\npath = \"/y\"\nhosts = [\"y\"]\n"
                  "[routes.upstream]\ntargets = [\"http://p\", \"http://q\"]\n");
    const struct joist_conf *c = &l.conf->engine;

    (void)state;
    assert_int_equal(c->pools_n, 4); /* app, o, d, and that of the last route */
    assert_int_equal(c->pools[0].strategy, JOIST_STRATEGY_SINGLE);
    assert_int_equal(c->pools[0].idle_max, 3);
    assert_int_equal(c->pools[0].targets_n, 2);
    assert_int_equal(c->pools[0].targets[1].weight, 5);
    assert_int_equal(c->pools[0].targets[1].pos.line, 4);
    expect_text("named", c->routes[0].handler.proxy.pool, "app");
    expect_text("origin", c->routes[1].handler.proxy.pool, c->pools[1].name);
    expect_text("the same origin", c->routes[2].handler.proxy.pool, c->pools[1].name);
    expect_text("origin's URL", c->pools[1].targets[0].url, "http://o:1");
    assert_null(c->routes[1].handler.proxy.path_base);
    expect_text("base", c->routes[2].handler.proxy.path_base, "/base");
    expect_text("host", c->routes[2].handler.proxy.host, "in.o");
    expect_text("socket", c->pools[2].targets[0].url, "unix:/run/d.sock");
    expect_text("by name", c->routes[4].handler.proxy.pool, "app");
    assert_int_equal(c->routes[5].path_kind, JOIST_PATH_EXACT);
    expect_text("own pool", c->routes[5].handler.proxy.pool, c->pools[3].name);
    assert_int_equal(c->pools[3].targets_n, 2);
    assert_int_equal(c->pools[3].strategy, JOIST_STRATEGY_ROUND_ROBIN);
    unload(&l);
}

/* A file is as long as its sites; each costs a bounded part. */
static void
test_many_sites(void **state)
{
    size_t cap = 2000 * 200, n = 0;
    char *text = malloc(cap);
    struct loaded l;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < 2000; i++) {
        n += (size_t)snprintf(text + n, cap - n,
                              "[[sites]]\nhost = \"s%d.test\"\nproxy = \"http://o:%d\"\n", i,
                              1 + i % 7);
    }
    l = load_good(text);
    assert_int_equal(l.conf->engine.routes_n, 2000);
    assert_int_equal(l.conf->engine.pools_n, 7);
    assert_string_equal(l.conf->engine.routes[1999].hosts[0], "s1999.test");
    unload(&l);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal),         cmocka_unit_test(test_values),
        cmocka_unit_test(test_short_forms),     cmocka_unit_test(test_site_and_its_routes),
        cmocka_unit_test(test_order_of_tables), cmocka_unit_test(test_pools),
        cmocka_unit_test(test_many_sites),
    };

    return cmocka_run_group_tests_name("conf/build", tests, NULL, NULL);
}
