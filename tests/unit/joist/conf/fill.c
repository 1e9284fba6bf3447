// SPDX-License-Identifier: MIT
/* Everything that may be wrong with a file, one line each: the place, the words, the remedy. */
#include "support.h"

#define SITE "[[sites]]\nroot = \".\"\n"
#define POOL "[upstreams.a]\ntargets = [\"http://a\"]\n"

struct wrong {
    const char *toml;
    const char *says;
};

static const struct wrong wrongs[] = {
    /* keys */
    {"[server]\nthraeds = 1\n" SITE, "joist.toml:2:1: error: unknown key 'thraeds' in [server]\n"
                                     "     2 | thraeds = 1\n"
                                     "       | ^~~~~~~\n"
                                     "help: did you mean 'threads'?\n"},
    {"[[sites]]\nrooot = \"/srv\"\n", "help: did you mean 'root'?"},
    {"[sevrer]\n" SITE, "1:2: error: unknown key 'sevrer' in the file"},
    {"[server]\nroot = \".\"\n" SITE, "help: 'root' is a key of [[sites]]"},
    {SITE "threads = 3\n", "help: 'threads' is a key of [server]"},
    {SITE "limits = { conns_max = 3 }\n", "help: 'conns_max' is a key of [limits]"},
    {"[log]\nzzzzzzzz = 1\n" SITE, "help: keys of [log]: level, error, access"},
    {"[server]\n\"\" = 1\n" SITE, "unknown key '' in [server]"},
    /* keys of later issues */
    {"[acme]\n" SITE, "'acme' is not there yet (ACME)"},
    {"[server]\nuser = \"www\"\n" SITE, "'user' is not there yet"},
    {"[[routes]]\nroot = \".\"\nfilters = []\n", "'filters' is not there yet"},
    {"[[sites]]\nproxy = \"fcgi://a\"\n", "FastCGI is not there yet"},
    {"[[sites]]\nproxy = \"h2://a\"\n", "h2c:// speaks it without TLS"},
    /* balancing */
    {POOL "strategy = \"fastest\"\n" SITE, "3:12: error: 'strategy' must be"},
    {POOL "hash_key = \"cokie\"\n" SITE, "3:12: error: 'hash_key': 'cokie' is not what"},
    {POOL "hash_key = \"header:\"\n" SITE, "lacks the name"},
    {POOL "hash_key = \"header:a b\"\n" SITE, "lacks the name"},
    {POOL "panic = \"101%\"\n" SITE, "3:9: error: 'panic' must be \"0%\" to \"100%\""},
    {POOL "panic = 50\n" SITE, "'panic' must be a share such as \"50%\""},
    {POOL "panic = \"half\"\n" SITE, "'panic' must be a share"},
    {POOL "slow_start = \"2h\"\n" SITE, "'slow_start' must be \"0\" to \"1h\""},
    {POOL "outlier = { consecutive_5xx = 0 }\n" SITE, "3:31: error: 'consecutive_5xx' must be 1"},
    {POOL "outlier = { max_ejected = \"0%\" }\n" SITE, "'max_ejected' must be \"1%\""},
    {POOL "breaker = { error_rate = \"0%\" }\n" SITE, "'error_rate' must be \"1%\""},
    {POOL "breaker = { open = \"0\" }\n" SITE, "'open' must be \"1ms\" to"},
    {POOL "breaker = { opne = \"1s\" }\n" SITE, "did you mean 'open'?"},
    /* types */
    {"[server]\nthreads = \"4\"\n" SITE, "'threads' must be a whole number or \"auto\", not '4'"},
    {"[server]\nthreads = 1.5\n" SITE, "not a fraction"},
    {"[server]\nvia = \"yes\"\n" SITE, "2:7: error: 'via' must be true or false, not a string"},
    {"[server]\ndrain = 30\n" SITE, "'drain' must be a duration such as \"250ms\""},
    {"[server]\ndrain = \"30 s\"\n" SITE, "\"1h\", not '30 s'"},
    {"[limits]\nbody_bytes = \"10XB\"\n" SITE, "'body_bytes' must be a size"},
    {"[server]\ntrusted_proxies = \"10.0.0.0/8\"\n" SITE, "must be a list of strings"},
    {"[server]\ntrusted_proxies = [1]\n" SITE, "2:20: error: 'trusted_proxies' must be a list"},
    {"server = 3\n" SITE, "1:10: error: 'server' must be a table, not a whole number"},
    {"[sites]\nroot = \".\"\n", "'sites' must be a list of tables, not one table\n"},
    {"sites = [1]\n", "'sites' must be a list of tables, not a whole number"},
    {"upstreams = []\n" SITE, "'upstreams' must be a table of tables, not a list"},
    {"[upstreams]\na = \"http://x\"\n" SITE, "'a' must be a table, not a string"},
    {SITE "headers = { a = 1 }\n", "'a' must be a string, not a whole number"},
    {"[[sites]]\nroot = 1979-05-27\n", "'root' must be a string, not a date or time"},
    /* ranges and words */
    {"[server]\nthreads = 0\n" SITE, "2:11: error: 'threads' must be 1 to 256"},
    {"[server]\nthreads = -1\n" SITE, "'threads' must be 1 to 256"},
    {"[limits]\nheader_bytes = \"2MiB\"\n" SITE, "'header_bytes' must be 512 to 1048576"},
    {"[limits]\nconns_max = 5000000000\n" SITE, "'conns_max' must be 0 to 4294967295"},
    {"[log]\nlevel = \"inf\"\n" SITE, "help: did you mean \"info\"?"},
    {"[log]\naccess = \"of\"\n" SITE,
     "'access' must be \"off\", \"combined\" or \"json\", not 'of'"},
    {"[log]\naccess = { format = \"xml\" }\n" SITE, "'format' must be \"off\""},
    {"[[sites]]\nrespond = { status = 600 }\n", "'status' must be 200 to 599"},
    {"[[sites]]\nredirect = { to = \"/\", status = 304 }\n", "2:33: error: 'status' of a redirect"},
    /* single values */
    {"[listeners]\nbind = \"localhost\"\n" SITE,
     "2:8: error: 'bind': 'localhost' is not an address"},
    {"[server]\ntrusted_proxies = [\"10.0.0.0/33\"]\n" SITE, "is not a network"},
    {"[[sites]]\nhost = \"http://a\"\nroot = \".\"\n", "write it without scheme, port and path"},
    {"[[sites]]\nhost = \"*\"\nroot = \".\"\n", "leave it out for any host"},
    {"[[sites]]\nhosts = [\"ok\", \"a b\"]\nroot = \".\"\n", "2:16: error: 'hosts': 'a b' is not"},
    {SITE "[[sites.routes]]\npath = \"api\"\n", "'path': 'api' must start with '/'"},
    {SITE "[[sites.routes]]\nmethods = [\"GE T\"]\n", "'GE T' is not a method"},
    {SITE "headers = { \"a b\" = \"\" }\n", "3:13: error: 'headers': 'a b' is not a header name"},
    {SITE "headers = { a = \"x\\r\\ny: z\" }\n", "has a control character"},
    {SITE "cache_control = \"\\n\"\n", "has a control character"},
    {"[[sites]]\nroot = \"a\\u0000b\"\n", "'root' has a NUL character"},
    {"[[sites]]\nroot = \"\"\n", "'root': '' must not be empty"},
    {"[[sites]]\nproxy = \"localhost:3000\"\n", "is not an origin: write \"http://host:port\""},
    {"[[sites]]\nproxy = \"http://u:p@h\"\n", "must not hold a name and password"},
    {"[[sites]]\nproxy = \"http://\"\n", "lacks the host"},
    {"[[sites]]\nproxy = \"http://h/?x\"\n", "must end before '?' and '#'"},
    {"[[sites]]\nproxy = \"unix:\"\n", "lacks the socket's path"},
    {"[upstreams.a]\ntargets = [\"http://a/b\"]\n" SITE, "must end after the port"},
    {"[upstreams.\"a:b\"]\ntargets = [\"http://a\"]\n" SITE, "is not a pool's name"},
    {"[[sites]]\nredirect = \"a b\"\n", "is not a Location"},
    {SITE "error_pages = { 200 = \"/x\" }\n", "'200' is not an error status"},
    {SITE "error_pages = { 404 = \"x\" }\n", "'x' must start with '/'"},
    /* keys together */
    {"[[sites]]\nroot = \".\"\nproxy = \"http://a\"\n",
     "3:1: error: 'root' and 'proxy' exclude each other"},
    {"[[sites]]\nproxy = \"http://a\"\nroot = \".\"\n",
     "3:1: error: 'proxy' and 'root' exclude each other"},
    {SITE "respond = \"x\"\n", "'root' and 'respond' exclude each other"},
    {"[[sites]]\nhost = \"a\"\nhosts = [\"b\"]\nroot = \".\"\n", "'host' and 'hosts' exclude"},
    {SITE "spa = true\ntry_files = [\"$path\"]\n", "'spa' and 'try_files' exclude each other"},
    {SITE "[[sites.routes]]\npath = \"/a\"\nexact = \"/b\"\n", "'path' and 'exact' exclude"},
    {SITE "[[sites.routes]]\nstrip_prefix = true\n", "4:1: error: 'strip_prefix' needs 'path'"},
    {"[[routes]]\nroot = \".\"\nstrip_prefix = true\n", "needs 'matchers.path_prefix'"},
    {"[[sites]]\nhost = \"a\"\n", "1:1: error: this site answers nothing"},
    {"[[routes]]\nname = \"a\"\n", "this route answers nothing"},
    {"[[sites]]\nproxy = \"http://a\"\nlisting = true\n", "'listing' is for files"},
    {SITE "proxy_host = \"a\"\n", "'proxy_host' is for origins"},
    {"[[listeners]]\nname = \"a\"\n" SITE, "1:1: error: [[listeners]] lacks the key 'bind'"},
    {"[upstreams.a]\n" SITE, "[upstreams.NAME] lacks 'targets' or 'slots'"},
    {"[[routes]]\nupstream = {}\n", "lacks 'name', 'targets' or 'slots'"},
    {"[[routes]]\nupstream = { name = \"a\", strategy = \"single\" }\n", "exclude each other"},
    {"[[sites]]\nredirect = {}\n", "lacks the key 'to'"},
    /* references */
    {"[upstreams.app]\ntargets = [\"http://a\"]\n[[sites]]\nproxy = \"ap\"\n",
     "4:9: error: there is no pool 'ap'\n"},
    {"[[sites]]\nproxy = \"app\"\n", "help: add [upstreams.app]"},
    {"[[routes]]\nupstream = \"app\"\n", "2:12: error: there is no pool 'app'"},
    /* all of it */
    {"", "nothing to serve"},
    {"[server]\nthreads = 1\n", "1:1: error: nothing to serve"},
};

static void
test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(wrongs); i++) {
        expect_message(wrongs[i].toml, wrongs[i].says);
    }
}

/* All errors of a file, in the order of its lines. */
static void
test_all_at_once(void **state)
{
    struct loaded l = load_text("[server]\nthreads = 0\nvai = true\n[[sites]]\nproxy = \"nope\"\n"
                                "[[sites]]\nroot = 3\n");

    (void)state;
    assert_int_equal(l.report.errors_n, 4);
    assert_int_equal(l.report.diags[0].at.line, 2);
    assert_int_equal(l.report.diags[1].at.line, 3);
    assert_int_equal(l.report.diags[2].at.line, 5);
    assert_int_equal(l.report.diags[3].at.line, 7);
    unload(&l);
}

/* One mistake is one error: what follows from it is not said. */
static void
test_no_cascade(void **state)
{
    static const char *const ones[] = {
        "[[sites]]\nrooot = \"x\"\n",
        "[[sites]]\nproxy = 3\n",
        "[upstreams.app]\ntargets = 3\n[[sites]]\nproxy = \"app\"\n",
        "[[sites]]\nroot = \"${JST_TEST_NOT_SET}\"\n",
        ("[listeners]\nbind = \"${JST_TEST_NOT_SET}\"\n" SITE),
    };

    (void)state;
    for (size_t i = 0; i < JST_COUNT(ones); i++) {
        struct loaded l = load_text(ones[i]);

        if (l.report.errors_n != 1) {
            fail_msg("%s: %s", ones[i], l.text);
        }
        unload(&l);
    }
}

static void
test_bounded_report(void **state)
{
    char *text = malloc(20 * 1000 + 1), *p = text;
    struct loaded l;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < 1000; i++) {
        p += snprintf(p, 20, "k%d = 1\n", i);
    }
    l = load_text(text);
    assert_int_equal(l.report.diags_n, JST_DIAGS_MAX);
    assert_int_equal(l.report.errors_n, 1001);
    assert_non_null(strstr(l.text, "... and 801 more"));
    unload(&l);
    free(text);
}

/* What the schema says is what the engine does when nobody says anything. */
static void
test_defaults(void **state)
{
    struct loaded l = load_good(SITE);
    struct joist_conf engine;
    struct joist_static_conf files;
    struct joist_pool_conf pool;
    const struct joist_conf *c = &l.conf->engine;

    (void)state;
    joist_conf_init(&engine);
    joist_static_conf_init(&files);
    joist_pool_conf_init(&pool);
    assert_int_equal(c->threads, engine.threads);
    assert_int_equal(c->drain_ms, engine.drain_ms);
    assert_int_equal(c->tunnels, engine.tunnels);
    assert_string_equal(c->server_header, engine.server_header);
    assert_int_equal(c->via, engine.via);
    assert_int_equal(c->log.level, engine.log.level);
    assert_memory_equal(&c->limits, &engine.limits, sizeof(c->limits));
    assert_memory_equal(&c->timeouts, &engine.timeouts, sizeof(c->timeouts));
    assert_int_equal(c->routes[0].handler.files.precompressed, files.precompressed);
    assert_int_equal(c->routes[0].handler.files.listing, files.listing);
    assert_int_equal(c->routes[0].handler.files.dotfiles, files.dotfiles);
    assert_int_equal(c->routes[0].handler.files.index_n, files.index_n);
    assert_string_equal(c->routes[0].handler.files.index[0], files.index[0]);
    unload(&l);
    l = load_good("[upstreams.a]\ntargets = [\"http://a\"]\n" SITE);
    assert_int_equal(l.conf->engine.pools[0].strategy, pool.strategy);
    assert_int_equal(l.conf->engine.pools[0].idle_max, pool.idle_max);
    unload(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong),      cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_no_cascade), cmocka_unit_test(test_bounded_report),
        cmocka_unit_test(test_defaults),
    };

    return cmocka_run_group_tests_name("conf/fill", tests, NULL, NULL);
}
