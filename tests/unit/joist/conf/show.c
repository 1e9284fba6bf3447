// SPDX-License-Identifier: MIT
/* What `config show` prints loads again and prints the same. */
#include "support.h"

static char *
show(const struct jst_conf *conf, void (*print)(const struct jst_conf *, FILE *))
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    assert_non_null(out);
    print(conf, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static const char *const files[] = {
    "[[sites]]\nroot = \"www\"\n",
    "[[sites]]\nroot = \"www\"\nspa = true\nheaders = { x-a = \"q\\\"uo\\\\te\" }\n"
    "error_pages = { 404 = \"/404.html\", 500 = \"/500.html\" }\n",
    "[[sites]]\nhost = \"a\"\nproxy = \"http://o/base\"\nlimits = { body_bytes = \"10MB\" }\n"
    "timeouts = { body_idle = \"0\" }\n"
    "[[sites.routes]]\npath = \"/x\"\nstrip_prefix = true\n"
    "[[sites.routes]]\nexact = \"/y\"\nrespond = { status = 204 }\n"
    "[[sites.routes]]\nmatch_headers = { x-b = \"1\" }\nroot = \".\"\ntry_files = [\"$path\"]\n",
    "[server]\nthreads = 2\n[upstreams.\"a b\"]\ntargets = [\"http://x\", {url = \"unix:/y\", "
    "weight = 3}]\n[[routes]]\nname = \"n\"\nupstream = \"a b\"\n[routes.matchers]\nhosts = "
    "[\"h\"]\npath_prefix = \"/p\"\n[[routes]]\nupstream = { targets = [\"http://z\"] }\n",
    "[[listeners]]\nbind = \":443\"\nalpn = [\"http/1.1\"]\n[listeners.tls]\ncert = "
    "\"c\"\nkey = \"k\"\ngroups = [\"P-256\"]\nclient_auth = { ca = \"a\" }\n"
    "[[listeners]]\nbind = \":80\"\nredirect_https = 8443\n[ech]\nkeys = \"e\"\n[[sites]]\nhost "
    "= \"a\"\nroot = \"www\"\nhsts = true\ntls = { cert = [\"e\", \"r\"], key = [\"f\", "
    "\"s\"] }\n[[sites]]\nroot = \"www\"\ntls = \"off\"\n",
    "[[listeners]]\nbind = \":443\"\ntls = { cert = \"c\" }\n"
    "[upstreams.a]\nca = \"ca\"\nhttp1_only = true\ncert = \"c\"\nkey = \"k\"\ntargets = "
    "[\"https://x\", \"http://y\", { url = \"https://z\", sni = \"s\", http1_only = false, cert = "
    "\"own\" }]\n[[sites]]\nproxy = \"a\"\nhsts = \"365d\"\n",
    "[[sites]]\nhost = \"a\"\nroot = \"www\"\ntls = { cert = \"both.pem\" }\n",
    "[[listeners]]\nbind = \":80\"\nproxy_protocol = true\nproxy_protocol_from = [\"::1\"]\n"
    "[[listeners]]\nbind = \":81\"\nproxy_protocol = false\n[[listeners]]\nbind = \":82\"\n"
    "proxy_protocol = \"v2\"\n[upstreams.a]\ntargets = [{ url = \"http://x\", proxy_protocol = "
    "\"v1\" }]\n[[sites]]\nproxy = \"a\"\n",
    "[upstreams.\"a b\"]\nretry = { on = [\"failure\", 502] }\nhealth = { type = \"tcp\" }\n"
    "[upstreams.\"a b\".slots.\"x y\"]\ntargets = [\"http://x\"]\nsticky = { cookie = \"c\" }\n"
    "[upstreams.\"a b\".slots.z]\ntargets = [\"http://x\"]\nsticky = { client = true }\n"
    "max_inflight = 1\nqueue = { max = 1 }\nhedge = \"9ms\"\nhealth = { port = 9 }\n"
    "[[upstreams.\"a b\".rules]]\nslot = \"z\"\nheader = \"h\"\nvalues = \"1\"\n"
    "[[upstreams.\"a b\".rules]]\nslot = \"z\"\ncookie = \"h\"\npercent = 7\n"
    "[[sites]]\nproxy = \"a b\"\n[[routes]]\nmatchers = { hosts = [\"h\"] }\nupstream = { "
    "slots = { a = { targets = [\"http://a\"] } } }\n",
    "[log]\naccess = \"off\"\n[[sites]]\nrespond = \"line\\none \\u0001 $${x} é\"\n",
};

static void
test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < JST_COUNT(files); i++) {
        struct loaded first = load_good(files[i]);
        char *once = show(first.conf, jst_conf_show);
        struct loaded second = load_good(once);
        char *twice = show(second.conf, jst_conf_show);

        assert_string_equal(once, twice);
        assert_int_equal(first.conf->engine.routes_n, second.conf->engine.routes_n);
        assert_int_equal(first.conf->engine.pools_n, second.conf->engine.pools_n);
        assert_int_equal(first.conf->engine.certs_n, second.conf->engine.certs_n);
        assert_int_equal(first.conf->engine.listeners_n, second.conf->engine.listeners_n);
        free(once);
        free(twice);
        unload(&first);
        unload(&second);
    }
}

static void
test_defaults_are_shown(void **state)
{
    struct loaded l = load_good(files[0]);
    char *text = show(l.conf, jst_conf_show);

    (void)state;
    assert_non_null(strstr(text, "threads = \"auto\"\n"));
    assert_non_null(strstr(text, "drain = \"30s\"\n"));
    assert_non_null(strstr(text, "body_bytes = \"1GiB\"\n"));
    assert_non_null(strstr(text, "[log.access]\nformat = \"combined\"\n"));
    assert_non_null(strstr(text, "[[listeners]]\nbind = \":8080\"\n"));
    assert_non_null(strstr(text, "index = [\"index.html\"]\n"));
    assert_null(strstr(text, "proxy ="));
    free(text);
    unload(&l);
}

static void
test_secrets_are_not_shown(void **state)
{
    struct loaded l =
        load_good("[[sites]]\nroot = \".\"\n[[sites.routes]]\nproxy = \"http://x\"\n"
                  "match_headers = { x-origin-secret = \"hunter2\", Authorization = \"hunter2\" }\n"
                  "headers = { set-cookie = \"hunter2\", x-plain = \"shown\" }\n");
    char *toml = show(l.conf, jst_conf_show), *json = show(l.conf, jst_conf_show_json);

    (void)state;
    assert_null(strstr(toml, "hunter2"));
    assert_null(strstr(json, "hunter2"));
    assert_non_null(strstr(toml, "x-plain = \"shown\""));
    assert_non_null(strstr(json, "\"x-plain\":\"shown\""));
    free(toml);
    free(json);
    unload(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_defaults_are_shown),
        cmocka_unit_test(test_secrets_are_not_shown),
    };

    return cmocka_run_group_tests_name("conf/show", tests, NULL, NULL);
}
