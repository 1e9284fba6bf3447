// SPDX-License-Identifier: MIT
/* Pools: checks, further tries, affinity, slots; what the engine is told, and what is refused. */
#include "support.h"

#define SITE "[[sites]]\nroot = \".\"\n"
#define POOL "[upstreams.a]\ntargets = [\"http://a\"]\n"

static const struct {
    const char *toml;
    const char *says;
} wrongs[] = {
    /* checks */
    {POOL "health = { type = \"udp\" }\n" SITE, "3:19: error: 'type' must be \"tcp\" or \"http\""},
    {POOL "health = \"up\"\n" SITE, "3:10: error: 'health': 'up' must start with '/'"},
    {POOL "health = { path = \"/a b\" }\n" SITE, "is what is sent"},
    {POOL "health = { expect = [\"2xx\"] }\n" SITE, "3:22: error: 'expect': '2xx' is no status"},
    {POOL "health = { expect = [200, 99] }\n" SITE, "3:27: error: 'expect': '99' is no status"},
    {POOL "health = { expect = [\"299-200\"] }\n" SITE, "'299-200' is no status"},
    {POOL "health = { expect = [\"200-\"] }\n" SITE, "'200-' is no status"},
    {POOL "health = { expect = [true] }\n" SITE, "must be a list of strings and whole numbers"},
    {POOL "health = { port = 65536 }\n" SITE, "'port' must be 0 to 65535"},
    {POOL "health = { down = 0 }\n" SITE, "'down' must be 1 to 1000"},
    {POOL "health = { interval = \"1ms\" }\n" SITE, "'interval' must be \"10ms\" to"},
    {POOL "health = { type = \"tcp\", path = \"/\" }\n" SITE,
     "3:26: error: 'path' is for checks with type = \"http\""},
    {POOL "health = { method = \"G T\" }\n" SITE, "'G T' is not a method"},
    /* further tries */
    {POOL "retry = { attempts = 0 }\n" SITE, "3:22: error: 'attempts' must be 1 to 10"},
    {POOL "retry = { attempts = 11 }\n" SITE, "'attempts' must be 1 to 10"},
    {POOL "retry = { on = [\"reset\"] }\n" SITE,
     "3:17: error: 'on': 'reset' is not what is tried again: write \"connect\", \"failure\""},
    {POOL "retry = { on = [\"failure\", 200] }\n" SITE, "3:28: error: 'on': '200' is not what"},
    {POOL "retry = { on = [\"502-504\"] }\n" SITE, "'502-504' is not what is tried again"},
    {POOL "retry = { budget = 20 }\n" SITE, "'budget' must be a share such as \"50%\""},
    {POOL "hedge = {}\n" SITE, "3:9: error: [upstreams.NAME.hedge] lacks the key 'after'"},
    {POOL "hedge = \"0\"\n" SITE, "'hedge' must be \"1ms\" to"},
    /* affinity */
    {POOL "sticky = {}\n" SITE,
     "3:10: error: [upstreams.NAME.sticky] lacks 'cookie', 'app_cookie', 'header' or 'client'"},
    {POOL "sticky = { client = false }\n" SITE, "lacks 'cookie', 'app_cookie'"},
    {POOL "sticky = { cookie = \"a\", header = \"b\" }\n" SITE,
     "3:26: error: 'cookie' and 'header' exclude each other"},
    {POOL "sticky = { header = \"b\", script = true }\n" SITE, "'script' needs 'cookie'"},
    {POOL "sticky = { cookie = \"a\", table_max = 3 }\n" SITE, "exclude each other"},
    {POOL "sticky = { cookie = \"a b\" }\n" SITE, "'cookie': 'a b' is not"},
    {POOL "sticky = { cookie = \"a\", same_site = \"none\", insecure = true }\n" SITE,
     "3:46: error: same_site = \"none\" and 'insecure' exclude each other"},
    /* slots */
    {"[upstreams.a]\n" SITE, "1:1: error: [upstreams.NAME] lacks 'targets' or 'slots'"},
    {POOL "[upstreams.a.slots.b]\ntargets = [\"http://b\"]\n" SITE,
     "'targets' and 'slots' exclude each other"},
    {"[upstreams.a.slots.b]\nweight = 1\n" SITE,
     "1:1: error: [upstreams.NAME.slots.SLOT] lacks the key 'targets'"},
    {"[upstreams.a.slots.b]\ntargets = [\"http://b\"]\nweight = 65536\n" SITE,
     "3:10: error: 'weight' must be 0 to 65535"},
    {"[upstreams.a.slots.b]\ntargets = [\"http://b\"]\nweight = 0\n" SITE,
     "all slots have the weight 0"},
    {"[upstreams.a.slots.\"b.c\"]\ntargets = [\"http://b\"]\n" SITE, "is not a slot's name"},
    {"[upstreams.a.slots.b]\ntargets = [\"http://b\"]\nslots = {}\n" SITE, "unknown key 'slots'"},
    {POOL "[[upstreams.a.rules]]\nslot = \"b\"\nheader = \"x\"\n" SITE, "'rules' needs 'slots'"},
    {"[upstreams.a.slots.green]\ntargets = [\"http://b\"]\n[[upstreams.a.rules]]\n"
     "slot = \"grene\"\nheader = \"x\"\n" SITE,
     "4:8: error: there is no slot 'grene'\n"},
    {"[upstreams.a.slots.b]\ntargets = [\"http://b\"]\n[[upstreams.a.rules]]\nslot = \"b\"\n" SITE,
     "3:1: error: [[upstreams.NAME.rules]] lacks 'header' or 'cookie'"},
    {"[upstreams.a.slots.b]\ntargets = [\"http://b\"]\n[[upstreams.a.rules]]\nslot = \"b\"\n"
     "cookie = \"c\"\nvalues = [\"1\"]\npercent = 3\n" SITE,
     "7:1: error: 'values' and 'percent' exclude each other"},
    {"[upstreams.a.slots.b]\ntargets = [\"http://b\"]\n[[upstreams.a.rules]]\nslot = \"b\"\n"
     "cookie = \"c\"\npercent = 101\n" SITE,
     "6:11: error: 'percent' must be 0 to 100"},
    {"[upstreams.a]\nca = \"x\"\n[upstreams.a.slots.b]\ntargets = [\"http://b\"]\n" SITE,
     "2:1: error: 'ca' is for origins with https://"},
    {"[[routes]]\nupstream = { name = \"a\", health = \"/\" }\n", "exclude each other"},
};

static void
test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(wrongs); i++) {
        expect_message(wrongs[i].toml, wrongs[i].says);
    }
}

static void
test_queue_without_a_limit_is_a_warning(void **state)
{
    struct loaded l = load_text(POOL "queue = {}\n" SITE);

    (void)state;
    assert_int_equal(l.rc, JOIST_OK);
    assert_non_null(strstr(l.text, "joist.toml:3:1: warning: without 'max_inflight'"));
    unload(&l);
    l = load_good(POOL "queue = { max = 3 }\nmax_inflight = 1\n" SITE);
    assert_int_equal(l.conf->engine.pools[0].queue.max, 3);
    assert_int_equal(l.conf->engine.pools[0].queue.timeout_ms, 2000);
    unload(&l);
}

static void
test_values(void **state)
{
    struct loaded l = load_good(
        "[timeouts]\nupstream_total = \"90s\"\n" POOL
        "health = { path = \"/up?x\", method = \"HEAD\", host = \"h\", port = 9000, "
        "expect = [\"200-204\", 404], body = \"ok\", interval = \"1s\", timeout = \"100ms\", "
        "up = 2, down = 4 }\n"
        "retry = { attempts = 3, backoff = \"1ms\", backoff_max = \"2ms\", "
        "on = [\"connect\", \"timeout\", \"502\", 503], budget = \"7%\" }\n"
        "hedge = \"50ms\"\nmax_inflight = 9\nqueue = { timeout = \"0\" }\n"
        "sticky = { app_cookie = \"SID\", ttl = \"1m\", table_max = 5 }\ndynamic = true\n" SITE
        "timeouts = { upstream_total = \"5s\" }\n");
    const struct joist_pool_conf *p = &l.conf->engine.pools[0];

    (void)state;
    assert_int_equal(l.conf->engine.timeouts.upstream_total_ms, 90000);
    assert_int_equal(l.conf->engine.routes[0].timeouts->upstream_total_ms, 5000);
    assert_int_equal(p->health->type, JOIST_HEALTH_HTTP);
    expect_text("path", p->health->path, "/up?x");
    expect_text("method", p->health->method, "HEAD");
    expect_text("host", p->health->host, "h");
    expect_text("body", p->health->body, "ok");
    assert_int_equal(p->health->port, 9000);
    assert_int_equal(p->health->expect_n, 2);
    assert_int_equal(p->health->expect[0].last, 204);
    assert_int_equal(p->health->expect[1].first, 404);
    assert_int_equal(p->health->expect[1].last, 404);
    assert_int_equal(p->health->interval_ms, 1000);
    assert_int_equal(p->health->timeout_ms, 100);
    assert_int_equal(p->health->up, 2);
    assert_int_equal(p->health->down, 4);
    assert_int_equal(p->retry->attempts, 3);
    assert_int_equal(p->retry->backoff_ms, 1);
    assert_int_equal(p->retry->backoff_max_ms, 2);
    assert_false(p->retry->on_failure);
    assert_true(p->retry->on_timeout);
    assert_int_equal(p->retry->on_n, 2);
    assert_int_equal(p->retry->on[1], 503);
    assert_int_equal(p->retry->budget_percent, 7);
    assert_int_equal(p->hedge->after_ms, 50);
    assert_int_equal(p->max_inflight, 9);
    assert_int_equal(p->queue.max, 512);
    assert_int_equal(p->queue.timeout_ms, 0);
    assert_int_equal(p->sticky->by, JOIST_STICKY_APP_COOKIE);
    expect_text("sticky", p->sticky->name, "SID");
    assert_int_equal(p->sticky->ttl_ms, 60000);
    assert_int_equal(p->sticky->table_max, 5);
    assert_true(p->dynamic);
    unload(&l);
}

static void
test_short_forms(void **state)
{
    struct loaded l = load_good(POOL "health = \"/up\"\nsticky = { client = true }\n" SITE);
    const struct joist_pool_conf *p = &l.conf->engine.pools[0];

    (void)state;
    expect_text("path", p->health->path, "/up");
    assert_int_equal(p->sticky->by, JOIST_STICKY_CLIENT);
    assert_null(p->retry);
    assert_null(p->hedge);
    unload(&l);
}

/* What the schema says is what the engine does when nobody says anything. */
static void
test_defaults(void **state)
{
    struct loaded l =
        load_good(POOL "health = {}\nretry = {}\nsticky = { cookie = \"joist_affinity\" }\n" SITE);
    const struct joist_pool_conf *p = &l.conf->engine.pools[0];
    struct joist_health_conf health;
    struct joist_retry_conf retry;
    struct joist_sticky_conf sticky;
    struct joist_pool_conf pool;

    (void)state;
    joist_health_conf_init(&health);
    joist_retry_conf_init(&retry);
    joist_sticky_conf_init(&sticky);
    joist_pool_conf_init(&pool);
    assert_int_equal(p->health->type, health.type);
    expect_text("path", p->health->path, health.path);
    expect_text("method", p->health->method, health.method);
    assert_null(p->health->host);
    assert_int_equal(p->health->port, health.port);
    assert_int_equal(p->health->expect_n, 1);
    assert_int_equal(p->health->expect[0].first, 200);
    assert_int_equal(p->health->expect[0].last, 299);
    assert_int_equal(p->health->interval_ms, health.interval_ms);
    assert_int_equal(p->health->timeout_ms, health.timeout_ms);
    assert_int_equal(p->health->up, health.up);
    assert_int_equal(p->health->down, health.down);
    assert_int_equal(p->retry->attempts, retry.attempts);
    assert_int_equal(p->retry->backoff_ms, retry.backoff_ms);
    assert_int_equal(p->retry->backoff_max_ms, retry.backoff_max_ms);
    assert_int_equal(p->retry->on_failure, retry.on_failure);
    assert_int_equal(p->retry->on_timeout, retry.on_timeout);
    assert_int_equal(p->retry->on_n, retry.on_n);
    assert_int_equal(p->retry->budget_percent, retry.budget_percent);
    assert_int_equal(p->sticky->by, sticky.by);
    expect_text("name", p->sticky->name, sticky.name);
    expect_text("path", p->sticky->path, sticky.path);
    assert_int_equal(p->sticky->ttl_ms, sticky.ttl_ms);
    assert_int_equal(p->sticky->table_max, sticky.table_max);
    assert_int_equal(p->sticky->same_site, sticky.same_site);
    assert_int_equal(p->queue.max, pool.queue.max);
    assert_int_equal(p->queue.timeout_ms, pool.queue.timeout_ms);
    assert_int_equal(p->max_inflight, pool.max_inflight);
    assert_int_equal(p->panic_percent, pool.panic_percent);
    unload(&l);
}

/* The schema's defaults of `queue` are those of a pool without one. */
static void
test_defaults_of_queue(void **state)
{
    struct loaded l = load_good(POOL "queue = {}\nmax_inflight = 1\n" SITE);
    struct joist_pool_conf pool;

    (void)state;
    joist_pool_conf_init(&pool);
    assert_memory_equal(&l.conf->engine.pools[0].queue, &pool.queue, sizeof(pool.queue));
    unload(&l);
}

#define SLOTS                                                                                      \
    "[upstreams.app]\nhealth = { path = \"/up\", down = 7 }\nretry = {}\nmax_inflight = 4\n"       \
    "sticky = { cookie = \"c\" }\nca = \"ca.pem\"\n"                                               \
    "[upstreams.app.slots.blue]\ntargets = [\"https://b\"]\nweight = 9\n"                          \
    "[upstreams.app.slots.green]\ntargets = [\"http://g\"]\nhealth = { interval = \"1s\" }\n"      \
    "sticky = { header = \"h\" }\nmax_inflight = 2\n"                                              \
    "[[upstreams.app.rules]]\nslot = \"green\"\nheader = \"X-Canary\"\nvalues = [\"1\", \"2\"]\n"  \
    "[[upstreams.app.rules]]\nslot = \"green\"\ncookie = \"r\"\npercent = 10\n"                    \
    "[[upstreams.app.rules]]\nslot = \"blue\"\ncookie = \"s\"\n"

static void
test_slots(void **state)
{
    struct loaded l = load_good(SLOTS "[[sites]]\nproxy = \"app\"\n[[sites]]\nhost = \"p.test\"\n"
                                      "proxy = \"app.green\"\n");
    const struct joist_pool_conf *app = &l.conf->engine.pools[0];
    const struct joist_pool_conf *blue = app + 1, *green = app + 2;

    (void)state;
    assert_int_equal(l.conf->engine.pools_n, 3);
    expect_text("app", app->name, "app");
    assert_int_equal(app->targets_n, 0);
    assert_int_equal(app->slots_n, 2);
    expect_text("slot", app->slots[0].name, "blue");
    expect_text("pool", app->slots[0].pool, "app.blue");
    assert_int_equal(app->slots[0].weight, 9);
    assert_int_equal(app->slots[1].weight, 1);
    assert_int_equal(app->slots[1].pos.line, 10);
    assert_null(app->health); /* those are its slots' */
    expect_text("blue", blue->name, "app.blue");
    expect_text("green", green->name, "app.green");
    assert_int_equal(app->slot_rules_n, 3);
    assert_int_equal(app->slot_rules[0].values_n, 2);
    expect_text("cookie", app->slot_rules[1].cookie, "r");
    assert_int_equal(app->slot_rules[1].percent, 10);
    assert_int_equal(app->slot_rules[2].percent, 100);
    expect_text("route", l.conf->engine.routes[1].handler.proxy.pool, "app.green");
    unload(&l);
}

static void
test_slots_start_from_their_pool(void **state)
{
    struct loaded l = load_good(SLOTS "[[sites]]\nproxy = \"app\"\n");
    const struct joist_pool_conf *blue = &l.conf->engine.pools[1], *green = blue + 1;

    (void)state;
    assert_int_equal(blue->health->down, 7);
    assert_int_equal(blue->health->interval_ms, 5000);
    assert_int_equal(green->health->down, 7); /* a table's keys one by one */
    assert_int_equal(green->health->interval_ms, 1000);
    assert_non_null(blue->retry);
    assert_non_null(green->retry);
    assert_int_equal(blue->max_inflight, 4);
    assert_int_equal(green->max_inflight, 2);
    expect_text("ca", blue->targets[0].tls->ca, "ca.pem");
    assert_null(green->targets[0].tls);
    assert_int_equal(blue->sticky->by, JOIST_STICKY_COOKIE);
    assert_int_equal(green->sticky->by, JOIST_STICKY_HEADER); /* but not what excludes it */
    unload(&l);
}

static void
test_slots_of_a_route(void **state)
{
    struct loaded l = load_good("[[routes]]\n[routes.upstream.slots.a]\ntargets = [\"http://a\"]\n"
                                "[routes.upstream.slots.b]\ntargets = [\"http://a\"]\n");

    (void)state;
    assert_int_equal(l.conf->engine.pools_n, 3);
    expect_text("pool", l.conf->engine.pools[0].slots[1].pool, "route:1.b");
    unload(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_queue_without_a_limit_is_a_warning),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_short_forms),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_defaults_of_queue),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_slots_start_from_their_pool),
        cmocka_unit_test(test_slots_of_a_route),
    };

    return cmocka_run_group_tests_name("conf/upstream", tests, NULL, NULL);
}
