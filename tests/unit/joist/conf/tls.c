// SPDX-License-Identifier: MIT
/* Keys of TLS: what becomes of good ones, and what is said of bad ones. */
#include "support.h"

#define SITE     "[[sites]]\nroot = \".\"\n"
#define NAMED    "[[sites]]\nhost = \"a.test\"\nroot = \".\"\n"
#define LISTENER "[[listeners]]\nbind = \":443\"\n"
#define TLS      "[listeners.tls]\ncert = \"c.pem\"\n"

/* ---- good ---- */

static void
test_default_listeners(void **state)
{
    struct loaded l = load_good(NAMED "tls = { cert = \"c.pem\", key = \"k.pem\" }\n");
    const struct joist_conf *c = &l.conf->engine;

    (void)state;
    assert_int_equal(c->listeners_n, 2);
    assert_string_equal(c->listeners[0].bind, ":443");
    assert_non_null(c->listeners[0].tls);
    assert_int_equal(c->listeners[0].tls->certs_n, 0);
    assert_int_equal(c->listeners[0].tls->min_version, 12);
    assert_true(c->listeners[0].h1 && c->listeners[0].h2);
    assert_int_equal(c->listeners[0].https_port, 0);
    assert_string_equal(c->listeners[1].bind, ":80");
    assert_null(c->listeners[1].tls);
    assert_int_equal(c->listeners[1].https_port, 443);
    assert_true(c->listeners[1].h1 && !c->listeners[1].h2);
    unload(&l);
}

static void
test_site_certs(void **state)
{
    struct loaded l =
        load_good(LISTENER TLS NAMED
                  "name = \"shop\"\ntls = { cert = \"c.pem\", key = \"k.pem\" }\n"
                  "[[sites]]\nhosts = [\"b.test\", \"*.b.test\"]\nroot = \".\"\n[sites.tls]\n"
                  "cert = [\"ecdsa.pem\",\n  \"rsa.pem\"]\nkey = [\"ecdsa.key\", \"rsa.key\"]\n"
                  "ocsp = [\"e.der\", \"r.der\"]\n"
                  "[[sites]]\nhost = \"c.test\"\nroot = \".\"\ntls = \"off\"\n"
                  "[[sites]]\nroot = \".\"\ntls = { mode = \"off\" }\n");
    const struct joist_cert_conf *c = l.conf->engine.certs;

    (void)state;
    assert_int_equal(l.conf->engine.certs_n, 3);
    assert_string_equal(c[0].cert, "c.pem");
    assert_string_equal(c[0].key, "k.pem");
    assert_null(c[0].ocsp);
    assert_string_equal(c[0].site, "shop");
    assert_int_equal(c[0].hosts_n, 1);
    assert_string_equal(c[0].hosts[0], "a.test");
    assert_int_equal(c[0].cert_pos.line, 9);
    assert_int_equal(c[0].cert_pos.column, 16);
    assert_int_equal(c[0].key_pos.column, 31);
    assert_string_equal(c[1].cert, "ecdsa.pem");
    assert_string_equal(c[2].cert, "rsa.pem");
    assert_string_equal(c[2].key, "rsa.key");
    assert_string_equal(c[2].ocsp, "r.der");
    assert_null(c[2].site);
    assert_int_equal(c[2].hosts_n, 2);
    assert_string_equal(c[2].hosts[1], "*.b.test");
    assert_int_equal(c[1].cert_pos.line, 14);
    assert_int_equal(c[2].cert_pos.line, 15);
    assert_int_equal(c[2].cert_pos.column, 3);
    assert_int_equal(c[2].key_pos.line, 16);
    assert_int_equal(c[2].key_pos.column, 21);
    unload(&l);
}

static void
test_key_in_certificate_file(void **state)
{
    struct loaded l = load_good(NAMED "tls = { cert = \"both.pem\" }\n");
    const struct joist_cert_conf *c = l.conf->engine.certs;

    (void)state;
    assert_null(c[0].key);
    assert_int_equal(c[0].key_pos.line, c[0].cert_pos.line);
    assert_int_equal(c[0].key_pos.column, c[0].cert_pos.column);
    unload(&l);
}

static void
test_listener(void **state)
{
    struct loaded l = load_good(
        LISTENER "alpn = [\"http/1.1\"]\n[listeners.tls]\ncert = [\"e.pem\", \"r.pem\"]\n"
                 "key = [\"e.key\", \"r.key\"]\nocsp = [\"e.der\", \"r.der\"]\n"
                 "min_version = \"1.3\"\ngroups = [\"X25519MLKEM768\", \"P-256\"]\n"
                 "client_auth = { ca = \"ca.pem\" }\nunknown_sni = \"reject\"\nearly_data = true\n"
                 "[[listeners]]\nbind = \":8443\"\n"
                 "tls = { cert = \"d.pem\", client_auth = { ca = \"x\", mode = \"request\" } }\n"
                 "[[listeners]]\nbind = \":80\"\nredirect_https = true\n"
                 "[[listeners]]\nbind = \":81\"\nredirect_https = 8443\n"
                 "[[listeners]]\nbind = \":82\"\nredirect_https = false\n"
                 "alpn = [\"h2\", \"http/1.1\"]\n"
                 "[[listeners]]\nbind = \":83\"\nalpn = [\"h2\"]\n" SITE);
    const struct joist_listener_conf *c = l.conf->engine.listeners;
    const struct joist_tls_conf *tls = c[0].tls;

    (void)state;
    assert_int_equal(l.conf->engine.listeners_n, 6);
    assert_true(c[0].h1 && !c[0].h2);
    assert_int_equal(tls->certs_n, 2);
    assert_string_equal(tls->certs[1].cert, "r.pem");
    assert_string_equal(tls->certs[1].key, "r.key");
    assert_string_equal(tls->certs[1].ocsp, "r.der");
    assert_int_equal(tls->certs[1].cert_pos.line, 5);
    assert_int_equal(tls->min_version, 13);
    assert_int_equal(tls->groups_n, 2);
    assert_string_equal(tls->groups[1], "P-256");
    assert_int_equal(tls->client_auth, JOIST_CLIENT_AUTH_REQUIRE);
    assert_string_equal(tls->client_ca, "ca.pem");
    assert_true(tls->reject_unknown_sni);
    assert_true(tls->early_data);
    assert_int_equal(tls->pos.line, 4);
    assert_true(c[1].h1 && c[1].h2);
    assert_int_equal(c[1].tls->min_version, 12);
    assert_int_equal(c[1].tls->client_auth, JOIST_CLIENT_AUTH_REQUEST);
    assert_false(c[1].tls->reject_unknown_sni);
    assert_false(c[1].tls->early_data);
    assert_int_equal(c[1].tls->groups_n, 0);
    assert_int_equal(c[2].https_port, 443);
    assert_int_equal(c[3].https_port, 8443);
    assert_int_equal(c[4].https_port, 0);
    assert_true(c[4].h1 && c[4].h2);
    assert_true(!c[5].h1 && c[5].h2);
    unload(&l);
}

static void
test_hsts_debug_streams(void **state)
{
    struct loaded l = load_good("[server]\ndebug = true\n[limits]\nh2_streams = 7\n" LISTENER TLS
                                "[[sites]]\nhost = \"a\"\nroot = \".\"\nhsts = true\n"
                                "[[sites.routes]]\npath = \"/x\"\n"
                                "[[sites.routes]]\npath = \"/y\"\nhsts = \"1h\"\n"
                                "[[sites.routes]]\npath = \"/z\"\nhsts = false\n"
                                "[[sites]]\nroot = \".\"\n"
                                "[[routes]]\nroot = \".\"\nhsts = \"365d\"\n");
    const struct joist_route_conf *r = l.conf->engine.routes;

    (void)state;
    assert_true(l.conf->engine.debug);
    assert_int_equal(l.conf->engine.limits.h2_streams, 7);
    assert_int_equal(r[0].hsts_s, 63072000);
    assert_int_equal(r[1].hsts_s, 63072000);
    assert_int_equal(r[2].hsts_s, 3600);
    assert_int_equal(r[3].hsts_s, 0);
    assert_int_equal(r[4].hsts_s, 0);
    assert_int_equal(r[5].hsts_s, 31536000);
    unload(&l);
}

static void
test_origins(void **state)
{
    struct loaded l = load_good(
        "[upstreams.a]\nca = \"ca.pem\"\nsni = \"in.test\"\ncert = \"me.pem\"\nkey = \"me.key\"\n"
        "http1_only = true\ntargets = [\"https://a\", { url = \"https://b\", sni = \"b.in.test\", "
        "verify_name = \"10.0.0.2\", cert = \"b.pem\", http1_only = false }, \"h2c://c:1\"]\n"
        "[[sites]]\nhost = \"a\"\nproxy = \"https://o.test/base/\"\n"
        "[[sites]]\nhost = \"b\"\nproxy = \"https://o.test\"\n"
        "[[sites]]\nhost = \"c\"\nproxy = \"h2c://o.test:50051/x\"\n");
    const struct joist_conf *c = &l.conf->engine;
    const struct joist_target_conf *t = c->pools[0].targets;

    (void)state;
    assert_int_equal(c->pools_n, 3);
    expect_text("ca", t[0].tls->ca, "ca.pem");
    expect_text("sni", t[0].tls->sni, "in.test");
    expect_text("key", t[0].tls->key, "me.key");
    assert_null(t[0].tls->verify_name);
    assert_true(t[0].tls->http1_only);
    expect_text("ca", t[1].tls->ca, "ca.pem");
    expect_text("sni", t[1].tls->sni, "b.in.test");
    expect_text("verify_name", t[1].tls->verify_name, "10.0.0.2");
    expect_text("cert", t[1].tls->cert, "b.pem");
    assert_null(t[1].tls->key); /* the pool's key is for the pool's certificate */
    assert_false(t[1].tls->http1_only);
    assert_null(t[2].tls);
    expect_text("origin", c->pools[1].targets[0].url, "https://o.test");
    expect_text("base", c->routes[0].handler.proxy.path_base, "/base");
    expect_text("the same origin", c->routes[1].handler.proxy.pool, c->pools[1].name);
    expect_text("h2c", c->pools[2].targets[0].url, "h2c://o.test:50051");
    expect_text("base of h2c", c->routes[2].handler.proxy.path_base, "/x");
    unload(&l);
}

/* ---- bad ---- */

struct wrong {
    const char *toml;
    const char *says;
};

static const struct wrong wrongs[] = {
    /* sites */
    {NAMED "tls = \"auto\"\n", "4:7: error: 'tls' = 'auto' is not there yet (ACME)\n"},
    {NAMED "tls = \"internal\"\n", "'tls' = 'internal' is not there yet (internal certificates)"},
    {NAMED "tls = { mode = \"auto\" }\n", "4:16: error: 'mode' = 'auto' is not there yet (ACME)"},
    {NAMED "tls = \"auto\"\n",
     "help: for example: tls = { cert = \"cert.pem\", key = \"key.pem\" }"},
    {NAMED "tls = \"of\"\n", "help: did you mean \"off\"?"},
    {NAMED "tls = true\n", "'tls' must be "},
    {NAMED "tls = \"files\"\n", "'tls' of a site lacks the key 'cert'"},
    {NAMED "tls = {}\n", "4:7: error: 'tls' of a site lacks the key 'cert'"},
    {NAMED "tls = { key = \"k\" }\n", "4:9: error: 'key' needs 'cert'"},
    {NAMED "tls = { cret = \"c\", key = \"k\" }\n", "help: did you mean 'cert'?"},
    {NAMED "tls = { cert = \"c\", mode = \"off\" }\n", "4:21: error: 'cert' and 'mode' = 'off'"},
    {NAMED "tls = { cert = [], key = \"k\" }\n", "4:16: error: 'cert' must not be an empty list"},
    {NAMED "tls = { cert = 3 }\n", "'cert' must be a string or a list of strings, not a whole"},
    {NAMED "tls = { cert = \"\" }\n", "'cert': '' must not be empty"},
    {NAMED "tls = { cert = [\"a\", \"b\"], key = \"k\" }\n",
     "4:28: error: 'key' names 1 file and 'cert' 2: each certificate has its own\n"},
    {NAMED "tls = { cert = \"a\", key = \"k\", ocsp = [\"x\", \"y\"] }\n",
     "'ocsp' names 2 files and 'cert' 1"},
    {SITE "tls = { cert = \"c\", key = \"k\" }\n",
     "3:1: error: a site without 'host' has no names for a certificate\n"},
    {SITE "tls = { cert = \"c\", key = \"k\" }\n", "help: add host = \"example.com\""},
    {SITE "[[sites.routes]]\ntls = \"off\"\n", "'tls' is a key of "},
    {SITE "hsts = 5\n", "'hsts' must be true, false or a duration such as"},
    {SITE "hsts = \"10ms\"\n", "3:8: error: 'hsts' must be at least \"1s\""},
    {SITE "hsts = \"0\"\n", "'hsts' must be at least \"1s\""},
    {SITE "hsts = \"1y\"\n", "'hsts' must be true, false or a duration such as"},
    {SITE "hsts = { max_age = \"1h\" }\n", "'hsts' must be true, false or a duration"},
    /* listeners */
    {LISTENER NAMED "tls = { cert = \"c\" }\n",
     "6:1: error: there is no listener with TLS for this certificate\n"},
    {LISTENER NAMED "tls = { cert = \"c\" }\n", "help: add [[listeners]] with bind = \":443\""},
    {LISTENER "tls = {}\n" SITE, "3:1: error: a listener with TLS has no certificate"},
    {LISTENER "[listeners.tls]\n" SITE, "help: add cert = \"cert.pem\" and key = \"key.pem\" here"},
    {LISTENER "[listeners.tls]\nkey = \"k\"\n" SITE, "4:1: error: 'key' needs 'cert'"},
    {LISTENER "tls = true\n" SITE, "'tls' must be a table, not "},
    {LISTENER "alpn = [\"h3\"]\n" TLS SITE, "3:9: error: 'alpn' = 'h3' is not there yet (HTTP/3)"},
    {LISTENER "alpn = [\"h1\"]\n" TLS SITE, "help: did you mean \"h2\"?"},
    {LISTENER "alpn = [\"spdy\"]\n" TLS SITE, "'alpn' must be a list of \"h2\" or \"http/1.1\""},
    {LISTENER "alpn = []\n" TLS SITE, "3:8: error: 'alpn' must not be an empty list"},
    {LISTENER "alpn = \"h2\"\n" TLS SITE,
     "'alpn' must be a list of \"h2\" or \"http/1.1\", not a "},
    {LISTENER "redirect_https = true\n" TLS SITE,
     "4:12: error: 'redirect_https' and 'tls' exclude each other\n"},
    {LISTENER "redirect_https = 0\n" SITE, "'redirect_https' must be 1 to 65535"},
    {LISTENER "redirect_https = 65536\n" SITE, "'redirect_https' must be 1 to 65535"},
    {LISTENER "redirect_https = \"yes\"\n" SITE, "must be true, false or a whole number"},
    {LISTENER TLS "min_version = \"1.1\"\n" SITE, "'min_version' must be \"1.2\" or \"1.3\""},
    {LISTENER TLS "min_version = 1.2\n" SITE, "'min_version' must be \"1.2\" or \"1.3\""},
    {LISTENER TLS "groups = [\"X25519\", \"P256\"]\n" SITE, "5:21: error: 'groups' must be a list"},
    {LISTENER TLS "groups = [\"X25519\", \"P256\"]\n" SITE, "help: did you mean \"P-256\"?"},
    {LISTENER TLS "groups = []\n" SITE, "'groups' must not be an empty list"},
    {LISTENER TLS "client_auth = { mode = \"require\" }\n" SITE, "lacks the key 'ca'"},
    {LISTENER TLS "client_auth = { ca = \"x\", mode = \"maybe\" }\n" SITE,
     "'mode' must be \"request\" or \"require\""},
    {LISTENER TLS "unknown_sni = \"refuse\"\n" SITE, "'unknown_sni' must be \"default\" or"},
    {LISTENER TLS "early_data = 1\n" SITE, "'early_data' must be true or false"},
    {LISTENER TLS "versions = []\n" SITE, "unknown key 'versions' in [listeners.tls]"},
    {"[tls]\n" SITE, "help: 'tls' is a key of [[listeners]]"},
    /* origins */
    {"[upstreams.a]\nverify = false\ntargets = [\"https://a\"]\n" SITE,
     "help: origins are always verified: `ca` of the pool takes"},
    {SITE "ca = \"x\"\n", "help: 'ca' is a key of [listeners.tls.client_auth], "},
    {"[upstreams.a]\ntargets = [{ url = \"http://a\", sni = \"b\" }]\n" SITE,
     "2:32: error: 'sni' is for origins with https://"},
    {"[upstreams.a]\nca = \"c\"\ntargets = [\"http://a\", \"unix:/b\"]\n" SITE,
     "2:1: error: 'ca' is for origins with https://"},
    {"[upstreams.a]\nkey = \"c\"\ntargets = [\"https://a\"]\n" SITE, "'key' needs 'cert'"},
    {"[upstreams.a]\ntargets = [{ url = \"https://a\", verfy_name = \"b\" }]\n" SITE,
     "help: did you mean 'verify_name'?"},
    {"[upstreams.a]\nsni = \"https://a\"\ntargets = [\"https://a\"]\n" SITE,
     "'sni': 'https://a' is not a host name"},
    {"[upstreams.a]\ntargets = [\"https://a/b\"]\n" SITE, "must end after the port"},
    {"[upstreams.a]\ntargets = [\"h2c://a/b\"]\n" SITE, "must end after the port"},
    {"[[sites]]\nproxy = \"https://\"\n", "lacks the host"},
    {"[[sites]]\nproxy = \"https://u:p@h\"\n", "must not hold a name and password"},
    {"[[routes]]\nupstream = { name = \"a\", sni = \"b\" }\n",
     "'name' and 'sni' exclude each other"},
    /* the rest */
    {"[limits]\nh2_streams = 0\n" SITE, "'h2_streams' must be 1 to 65535"},
    {"[server]\ndebug = \"on\"\n" SITE, "'debug' must be true or false"},
};

static void
test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(wrongs); i++) {
        expect_message(wrongs[i].toml, wrongs[i].says);
    }
}

/* Good, but hardly what was meant: `says` is all that is warned of, line by line. */
static const struct {
    const char *toml;
    const char *says[3];
} doubts[] = {
    {SITE "hsts = true\n", {"3:1: warning: 'hsts' has no effect"}},
    {SITE "hsts = false\n", {NULL}},
    {SITE "hsts = true\n[[sites.routes]]\npath = \"/a\"\n[[sites.routes]]\npath = \"/b\"\n"
          "hsts = \"1h\"\n",
     {"3:1: warning: 'hsts' has", "8:1: warning: 'hsts' has"}},
    {"[[routes]]\nrespond = \"x\"\nhsts = \"1h\"\n", {"3:1: warning: 'hsts' has no effect"}},
    {LISTENER "redirect_https = 8443\n" SITE,
     {"3:1: warning: 'redirect_https' leads to port 8443, and no listener speaks TLS"}},
    {LISTENER "redirect_https = true\n[[listeners]]\nbind = \":1443\"\n"
              "tls = { cert = \"c\" }\n" SITE "hsts = true\n",
     {NULL}},
    {NAMED "tls = { cert = \"c\" }\nhsts = true\n", {NULL}},
};

static void
test_doubtful(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(doubts); i++) {
        struct loaded l = load_text(doubts[i].toml);
        size_t n = 0;

        for (; n < JST_COUNT(doubts[i].says) && doubts[i].says[n] != NULL; n++) {
            if (strstr(l.text, doubts[i].says[n]) == NULL) {
                fail_msg("%s: '%s' is not in '%s'", doubts[i].toml, doubts[i].says[n], l.text);
            }
        }
        if (l.report.errors_n != 0 || l.report.warnings_n != n) {
            fail_msg("%s: %s", doubts[i].toml, l.text);
        }
        unload(&l);
    }
}

/* One mistake is one error: what follows from it is not said. */
static void
test_no_cascade(void **state)
{
    static const char *const ones[] = {
        NAMED "tls = \"auto\"\n",
        SITE "tls = \"auto\"\n",
        NAMED "tls = { mode = \"auto\" }\n",
        NAMED "tls = { cret = \"c\" }\n",
        NAMED "tls = { cert = [\"a\", \"\"], key = [\"a\", \"b\"] }\n",
        SITE "tls = { cert = \"c\" }\n",
        LISTENER SITE "tls = { cert = \"c\", key = [] }\nhost = \"a\"\n" TLS,
        LISTENER "tls = 3\n" NAMED "tls = { cert = \"c\" }\n",
        LISTENER "tls = { cret = \"c\" }\n" SITE,
        LISTENER "tsl = { cert = \"c\" }\n" NAMED "tls = { cert = \"c\" }\n",
        LISTENER "tls = { cert = 3 }\n" SITE,
        "[upstreams.a]\nca = \"c\"\ntargets = [\"htps://a\"]\n" SITE,
        "[upstreams.a]\ntargets = [{ url = \"htps://a\", sni = \"b\" }]\n" SITE,
        "[ech]\nkyes = []\n" LISTENER TLS SITE,
        "[ech]\nkeys = \"a\"\n" LISTENER SITE,
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

/* Values out of the environment are strings; they do for these keys too. */
static void
test_variables(void **state)
{
    struct loaded l = load_good(LISTENER "alpn = [\"${JST_TEST_NOT_SET:h2}\"]\n" TLS
                                         "early_data = \"${JST_TEST_NOT_SET:true}\"\n"
                                         "[[listeners]]\nbind = \":80\"\n"
                                         "redirect_https = \"${JST_TEST_NOT_SET:true}\"\n" SITE
                                         "hsts = \"${JST_TEST_NOT_SET:false}\"\n");

    (void)state;
    assert_true(l.conf->engine.listeners[0].h2);
    assert_false(l.conf->engine.listeners[0].h1);
    assert_true(l.conf->engine.listeners[0].tls->early_data);
    assert_int_equal(l.conf->engine.listeners[1].https_port, 443);
    assert_int_equal(l.conf->engine.routes[0].hsts_s, 0);
    unload(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_listeners),
        cmocka_unit_test(test_site_certs),
        cmocka_unit_test(test_key_in_certificate_file),
        cmocka_unit_test(test_listener),
        cmocka_unit_test(test_hsts_debug_streams),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_doubtful),
        cmocka_unit_test(test_no_cascade),
        cmocka_unit_test(test_variables),
    };

    return cmocka_run_group_tests_name("conf/tls", tests, NULL, NULL);
}
