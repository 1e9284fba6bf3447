// SPDX-License-Identifier: MIT
/*
 * Settings of TLS that are wrong: each is an error with its place, and all come at once.
 */
#include "secure.h"

#include <stdio.h>

static struct setup s;
static struct secure t;
static struct joist_target_tls_conf origin;
static struct joist_ech_key_conf ech[2];
static const char *groups[4];

static void
begin(void)
{
    setup_init(&s, 1);
    secure_init(&t, &s);
    secure_cert(&t, &s, "a.test", keys_make(&t.keys, "a.test", NULL));
    setup_respond(&s, "/", "hello");
    setup_pool(&s, "https://127.0.0.1:1");
    origin = (struct joist_target_tls_conf){0};
    s.target.tls = &origin;
    s.listeners[0].pos = (struct joist_pos){"joist.toml", 1, 1};
    t.tls.pos = (struct joist_pos){"joist.toml", 2, 2};
    t.certs[0].cert_pos = (struct joist_pos){"joist.toml", 3, 3};
    s.target.pos = (struct joist_pos){"joist.toml", 4, 4};
    ech[0] = (struct joist_ech_key_conf){.path = "/nowhere/a.pem", .pos = {"joist.toml", 5, 5}};
    ech[1] = (struct joist_ech_key_conf){.path = "/nowhere/b.pem", .pos = {"joist.toml", 6, 6}};
    s.conf.ech_keys = ech;
}

static void
old_version(void)
{
    t.tls.min_version = 11;
}

static void
no_certificate(void)
{
    s.conf.certs_n = 0;
}

static void
no_file(void)
{
    t.certs[0].cert = "";
}

static void
host_with_port(void)
{
    t.hosts[0] = "a.test:443";
}

static void
same_twice(void)
{
    secure_cert(&t, &s, "A.test", 0);
    t.certs[1].site = "the other";
    t.certs[1].cert_pos = (struct joist_pos){"joist.toml", 9, 9};
}

static void
same_key_type(void)
{
    secure_cert(&t, &s, "a.test", keys_make(&t.keys, "a.test", NULL));
    t.certs[1].cert_pos = (struct joist_pos){"joist.toml", 9, 9};
}

static void
unknown_group(void)
{
    groups[0] = "X25519:P-256";
    t.tls.groups = groups;
    t.tls.groups_n = 1;
}

static void
group_twice(void)
{
    groups[0] = "X25519MLKEM768";
    groups[1] = "x25519mlkem768";
    t.tls.groups = groups;
    t.tls.groups_n = 2;
}

static void
no_client_ca(void)
{
    t.tls.client_auth = JOIST_CLIENT_AUTH_REQUEST;
}

static void
redirect_on_tls(void)
{
    s.listeners[0].https_port = 443;
}

static void
no_retry(void)
{
    s.conf.ech_keys_n = 2;
}

static void
ech_twice(void)
{
    s.conf.ech_keys_n = 2;
    ech[0].retry = true;
    ech[1].path = ech[0].path;
}

static void
ech_without_file(void)
{
    s.conf.ech_keys_n = 1;
    ech[0].retry = true;
    ech[0].path = NULL;
}

static void
sni_is_address(void)
{
    origin.sni = "10.0.0.1";
}

static void
wrong_verify_name(void)
{
    origin.verify_name = "*.example.com";
}

static void
key_alone(void)
{
    origin.key = "/nowhere/key.pem";
}

static void
tls_to_plain(void)
{
    s.target.url = "http://127.0.0.1:1";
}

static void
no_authority(void)
{
    origin.ca = "/nowhere/ca.pem";
}

static void
unreadable_ech(void)
{
    s.conf.ech_keys_n = 1;
    ech[0].retry = true;
}

static void
no_streams(void)
{
    s.conf.limits.h2_streams = 0;
}

static const struct {
    void (*spoil)(void);
    const char *says;
} cases[] = {
    {old_version, "2:2 the least version of TLS is 12 or 13, not 11"},
    {no_certificate, "2:2 TLS needs a certificate"},
    {no_file, "3:3 site 'a.test': a certificate needs a file"},
    {host_with_port, "3:3 site 'a.test:443': host 'a.test:443'"},
    {same_twice, "9:9 host 'A.test' has two certificates of one key type"},
    {same_key_type, "9:9 host 'a.test' has two certificates of one key type"},
    {unknown_group, "2:2 'X25519:P-256' is no key exchange"},
    {group_twice, "2:2 key exchange 'x25519mlkem768' is there twice"},
    {no_client_ca, "2:2 client certificates need client_ca"},
    {redirect_on_tls, "1:1 a listener with TLS has nothing to redirect"},
    {no_retry, "5:5 no ECH key is for retries"},
    {ech_twice, "6:6 ECH key '/nowhere/a.pem' is there twice"},
    {ech_without_file, "5:5 an ECH key needs a file"},
    {unreadable_ech, "5:5 "},
    {sni_is_address, "4:4 sni '10.0.0.1' is no host name"},
    {wrong_verify_name, "4:4 verify_name '*.example.com' is neither"},
    {key_alone, "4:4 origin 'https://127.0.0.1:1': a key needs its certificate"},
    {tls_to_plain, "4:4 origin 'http://127.0.0.1:1' does not speak TLS"},
    {no_authority, "4:4 "},
    {no_streams, "0:0 h2_streams is from 1 to 1024, not 0"},
};

static void
test_each_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        cases[i].spoil();
        assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), JOIST_E_INVAL);
        if (s.reports.errors != 1 || strstr(s.reports.text, cases[i].says) == NULL) {
            fail_msg("wanted one \"%s\", got: %s", cases[i].says, s.reports.text);
        }
        secure_fini(&t);
    }
}

static void
test_nothing_is_wrong(void **state)
{
    (void)state;
    begin();
    assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), 0);
    assert_string_equal(s.reports.text, "");
    secure_fini(&t);
}

static void
test_all_come_at_once(void **state)
{
    (void)state;
    begin();
    old_version();
    no_client_ca();
    redirect_on_tls();
    sni_is_address();
    assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), JOIST_E_INVAL);
    assert_int_equal(s.reports.errors, 4);
    secure_fini(&t);
}

/* Missing files of several parts, too. */
static void
test_all_files_come_at_once(void **state)
{
    (void)state;
    begin();
    t.certs[0].cert = "/nowhere/cert.pem";
    no_authority();
    assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), JOIST_E_INVAL);
    assert_int_equal(s.reports.errors, 2);
    secure_fini(&t);
}

/* Each client gets the one that it can verify. */
static void
test_two_key_types_for_one_host(void **state)
{
    (void)state;
    begin();
    secure_cert(&t, &s, "a.test", keys_make_rsa(&t.keys, "a.test"));
    assert_int_equal(joist_conf_check(&s.conf, reports_take, &s.reports), 0);
    assert_int_equal(s.reports.errors, 0);
    secure_fini(&t);
}

/* Harmless, but hardly meant. */
static void
test_warnings(void **state)
{
    struct joist_engine *e = NULL;

    (void)state;
    begin();
    t.tls.client_ca = t.keys.cert[0];
    assert_int_equal(joist_engine_create(&e, &s.conf, reports_take, &s.reports), 0);
    assert_int_equal(s.reports.warnings, 1);
    assert_non_null(strstr(s.reports.text, "client_ca is given"));
    joist_engine_destroy(&e);
    secure_fini(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_wrong),
        cmocka_unit_test(test_each_is_found),
        cmocka_unit_test(test_all_come_at_once),
        cmocka_unit_test(test_all_files_come_at_once),
        cmocka_unit_test(test_two_key_types_for_one_host),
        cmocka_unit_test(test_warnings),
    };

    return cmocka_run_group_tests_name("engine/check_tls", tests, NULL, NULL);
}
