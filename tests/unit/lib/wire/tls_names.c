// SPDX-License-Identifier: MIT
/* Which certificate a name gets, what is said of wrong files, client certificates, verification. */
#include "tls_help.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- by name ---- */

static struct joist_cert_conf
cert_of(const char *name, const char *const *hosts, size_t n)
{
    return (struct joist_cert_conf){.cert = help_path(name, "pem"),
                                    .key = help_path(name, "key"),
                                    .hosts = hosts,
                                    .hosts_n = n,
                                    .cert_pos = {"joist.toml", 7, 1},
                                    .key_pos = {"joist.toml", 8, 1}};
}

static struct jst_tls_certs *
make_certs(void)
{
    static const char *const a[] = {"A.example"};
    static const char *const wild[] = {"*.wild.example", "wild.example"};
    struct joist_cert_conf v[] = {cert_of("a", a, 1), cert_of("wild", wild, 2),
                                  cert_of("a-rsa", a, 1)};
    struct jst_tls_certs *certs = NULL;
    struct help_report r;

    help_report_init(&r);
    assert_int_equal(jst_tls_certs_create(&certs, v, 3, time(NULL), &r.r), 0);
    assert_int_equal(r.errors, 0);
    return certs;
}

/* The common name of the certificate that a bare client sees; "" if the handshake fails. */
static const char *
served(struct jst_tls_server *server, const char *sni, const char *sigalgs)
{
    static char cn[256];
    SSL_CTX *ctx = help_raw_ctx();
    struct help_end s = {0};
    SSL *ssl;
    int fds[2];

    help_pair(fds, 0);
    ssl = help_raw(ctx, fds[1], sni);
    if (sigalgs != NULL) {
        assert_int_equal(SSL_set1_sigalgs_list(ssl, sigalgs), 1);
    }
    help_open_server(&s, fds[0], server);
    cn[0] = '\0';
    if (help_raw_connect(ssl) == 1) {
        BIO *b = BIO_new(BIO_s_mem());
        int n;

        X509_NAME_print_ex(b, X509_get_subject_name(SSL_get0_peer_certificate(ssl)), 0,
                           XN_FLAG_RFC2253);
        n = BIO_read(b, cn, sizeof(cn) - 1);
        cn[n > 0 ? n : 0] = '\0';
        BIO_free(b);
    } else {
        (void)snprintf(cn, sizeof(cn), "%s", s.error);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    help_close(&s);
    close(fds[1]);
    return cn;
}

static void
test_certificate_by_name(void **state)
{
    struct joist_cert_conf own = cert_of("own", NULL, 0);
    struct joist_tls_conf tls = {.certs = &own, .certs_n = 1, .min_version = 12};
    struct jst_tls_server_conf conf = {.tls = &tls, .certs = make_certs(), .h1 = true};
    struct jst_tls_server *server = help_server_of(&conf);

    (void)state;
    assert_string_equal(served(server, "a.example", NULL), "CN=a");
    assert_string_equal(served(server, "A.Example", NULL), "CN=a");
    assert_string_equal(served(server, "a.example", "rsa_pss_rsae_sha256"), "CN=a-rsa");
    assert_string_equal(served(server, "x.wild.example", NULL), "CN=wild");
    assert_string_equal(served(server, "wild.example", NULL), "CN=wild");
    assert_string_equal(served(server, "x.y.wild.example", NULL), "CN=own");
    assert_string_equal(served(server, "other.example", NULL), "CN=own");
    assert_string_equal(served(server, NULL, NULL), "CN=own");
    assert_true(jst_tls_server_same_cert(server, JST_S("x.wild.example"), JST_S("wild.example")));
    assert_true(jst_tls_server_same_cert(server, JST_S("b.other"), JST_S("c.other")));
    assert_false(jst_tls_server_same_cert(server, JST_S("a.example"), JST_S("wild.example")));
    assert_false(jst_tls_server_same_cert(server, JST_S("a.example"), JST_S("c.other")));
    jst_tls_server_unref(&server);
    tls.certs_n = 0; /* none of its own: the first of all */
    tls.reject_unknown_sni = true;
    server = help_server_of(&conf);
    assert_string_equal(served(server, NULL, NULL), "CN=a");
    assert_string_equal(served(server, "covered.example", NULL), "CN=a"); /* by its own names */
    assert_string_equal(served(server, "x.wild.example", NULL), "CN=wild");
    assert_string_equal(served(server, "other.example", NULL),
                        "no certificate is for the name other.example");
    assert_string_equal(served(server, "x\" client=1.2.3.4 err=\"y\n", NULL),
                        "no certificate is for the name ?");
    jst_tls_server_unref(&server);
    jst_tls_certs_unref(&conf.certs);
}

static void
test_many_names(void **state)
{
    enum { N = 3000 };
    static char names[N][32];
    static const char *hosts[N];
    static struct joist_cert_conf v[N];
    struct jst_tls_certs *certs = NULL;
    struct help_report r;
    struct joist_tls_conf tls = {.min_version = 12};
    struct jst_tls_server_conf conf = {.tls = &tls, .h1 = true};
    struct jst_tls_server *server;

    (void)state;
    for (int i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%d.wild.example", i);
        hosts[i] = names[i];
        v[i] = cert_of(i % 2 ? "wild" : "own", &hosts[i], 1);
    }
    help_report_init(&r);
    assert_int_equal(jst_tls_certs_create(&certs, v, N, time(NULL), &r.r), 0);
    conf.certs = certs;
    server = help_server_of(&conf);
    assert_string_equal(served(server, "n2999.wild.example", NULL), "CN=wild");
    assert_string_equal(served(server, "n1500.wild.example", NULL), "CN=own");
    jst_tls_server_unref(&server);
    jst_tls_certs_unref(&certs);
}

/* ---- reports ---- */

static void
refused(const struct joist_cert_conf *conf, const char *words, unsigned line)
{
    struct jst_tls_certs *certs = NULL;
    struct help_report r;

    help_report_init(&r);
    assert_int_equal(jst_tls_certs_create(&certs, conf, 1, time(NULL), &r.r), JOIST_E_INVAL);
    assert_null(certs);
    assert_int_equal(r.errors, 1);
    assert_int_equal(r.line, line);
    if (strstr(r.text, words) == NULL || strstr(r.text, "'shop'") == NULL) {
        fail_msg("'%s' does not say '%s'", r.text, words);
    }
}

static void
warned(const struct joist_cert_conf *conf, const char *words)
{
    struct jst_tls_certs *certs = NULL;
    struct help_report r;

    help_report_init(&r);
    assert_int_equal(jst_tls_certs_create(&certs, conf, 1, time(NULL), &r.r), 0);
    assert_int_equal(r.errors, 0);
    assert_int_equal(r.warnings, words != NULL);
    if (words != NULL && (strstr(r.text, words) == NULL || strstr(r.text, "'shop'") == NULL)) {
        fail_msg("'%s' does not say '%s'", r.text, words);
    }
    jst_tls_certs_unref(&certs);
}

static void
join(const char *to, const char *const *from)
{
    FILE *out = fopen(to, "w");

    assert_non_null(out);
    for (; *from != NULL; from++) {
        FILE *in = fopen(*from, "r");
        int ch;

        assert_non_null(in);
        while ((ch = fgetc(in)) != EOF) {
            assert_int_equal(fputc(ch, out), ch);
        }
        (void)fclose(in);
    }
    assert_int_equal(fclose(out), 0);
}

static void
test_wrong_files(void **state)
{
    static const char *const a[] = {"a.example"};
    struct joist_cert_conf v = cert_of("a", a, 1);
    struct joist_cert_conf good;

    (void)state;
    v.site = "shop";
    good = v;
    v.key = help_path("own", "key");
    refused(&v, "does not match", 8);
    v = good;
    v.cert = help_path("missing", "pem");
    refused(&v, "it is not there", 7);
    v = good;
    v.key = help_path("missing", "key");
    refused(&v, "it is not there", 8);
    v = good;
    help_write(help_path("junk", "pem"), "junk", 4);
    v.cert = help_path("junk", "pem");
    refused(&v, "not a PEM certificate", 7);
    v = good;
    v.key = help_path("junk", "pem");
    refused(&v, "no PEM private key", 8);
    v = good;
    v.key = NULL; /* must be in the certificate's file then */
    refused(&v, "no PEM private key", 7);
    join(help_path("both", "pem"),
         (const char *[]){help_path("a", "pem"), help_path("a", "key"), NULL});
    v.cert = help_path("both", "pem");
    warned(&v, NULL);
    v = good;
    join(help_path("cut", "pem"),
         (const char *[]){help_path("a", "pem"), help_path("junk", "pem"), NULL});
    v.cert = help_path("cut", "pem");
    warned(&v, NULL); /* text between certificates is allowed (RFC 7468 2) */
}

static void
test_odd_files(void **state)
{
    static const char *const a[] = {"a.example"};
    static const char *const other[] = {"a.example", "*.other.example"};
    struct joist_cert_conf v = cert_of("a", a, 1);

    (void)state;
    v.site = "shop";
    warned(&v, NULL);
    v.hosts = other;
    v.hosts_n = 2;
    warned(&v, "is not for '*.other.example'");
    v = cert_of("old", a, 1);
    v.site = "shop";
    warned(&v, "has expired");
    v = cert_of("future", a, 1);
    v.site = "shop";
    warned(&v, "not valid yet");
    v = cert_of("a", a, 1);
    v.site = "shop";
    join(help_path("a-chain", "pem"),
         (const char *[]){help_path("a", "pem"), help_path("ca", "pem"), NULL});
    v.cert = help_path("a-chain", "pem");
    warned(&v, NULL);
    join(help_path("a-odd", "pem"),
         (const char *[]){help_path("a", "pem"), help_path("other-ca", "pem"), NULL});
    v.cert = help_path("a-odd", "pem");
    warned(&v, "did not sign");
    v.cert = help_path("a", "pem");
    v.ocsp = help_path("missing", "ocsp");
    warned(&v, NULL); /* it names no responder: nobody expects a response */
}

static void
test_wrong_listener(void **state)
{
    struct joist_cert_conf own = cert_of("own", NULL, 0);
    const char *groups[] = {"X25519", "X448x"};
    struct joist_tls_conf tls = {.min_version = 12, .pos = {"joist.toml", 3, 1}};
    struct jst_tls_server_conf conf = {.tls = &tls, .h1 = true};
    struct jst_tls_server *server = NULL;
    struct help_report r;

    (void)state;
    help_report_init(&r);
    assert_int_equal(jst_tls_server_create(&server, &conf, &r.r), JOIST_E_INVAL);
    assert_int_equal(r.line, 3);
    tls.certs = &own;
    tls.certs_n = 1;
    tls.groups = groups;
    tls.groups_n = 2;
    help_report_init(&r);
    assert_int_equal(jst_tls_server_create(&server, &conf, &r.r), JOIST_E_INVAL);
    assert_non_null(strstr(r.text, "'X448x'"));
    tls.groups_n = 1;
    tls.client_auth = JOIST_CLIENT_AUTH_REQUIRE;
    help_report_init(&r);
    assert_int_equal(jst_tls_server_create(&server, &conf, &r.r), JOIST_E_INVAL);
    tls.client_ca = help_path("junk2", "pem");
    assert_int_equal(jst_tls_server_create(&server, &conf, &r.r), JOIST_E_INVAL);
    tls.client_ca = help_path("ca", "pem");
    server = help_server_of(&conf);
    jst_tls_server_unref(&server);
}

/* ---- staples ---- */

/* An answer about the certificate <name>, signed with its own key. */
static void
make_ocsp(const char *name, long until_s)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -7200);
    ASN1_TIME *until = X509_gmtime_adj(NULL, until_s);
    unsigned char *der = NULL;
    OCSP_RESPONSE *resp;
    OCSP_CERTID *id;
    EVP_PKEY *key;
    FILE *f = fopen(help_path(name, "pem"), "r");
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    int n;

    (void)fclose(f);
    f = fopen(help_path(name, "key"), "r");
    key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    (void)fclose(f);
    id = OCSP_cert_to_id(NULL, x, x);
    assert_non_null(OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, now, until));
    assert_int_equal(OCSP_basic_sign(basic, x, key, EVP_sha256(), NULL, 0), 1);
    resp = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    n = i2d_OCSP_RESPONSE(resp, &der);
    assert_true(n > 0);
    help_write(help_path(name, "ocsp"), (char *)der, (size_t)n);
    OPENSSL_free(der);
    OCSP_RESPONSE_free(resp);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(now);
    ASN1_TIME_free(until);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* Bytes of the staple that a client gets; 0: none. */
static long
stapled(struct jst_tls_server *server, const char *sni, int version)
{
    SSL_CTX *ctx = help_raw_ctx();
    struct help_end s = {0};
    unsigned char *resp = NULL;
    long n;
    SSL *ssl;
    int fds[2];

    help_pair(fds, 0);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
    ssl = help_raw(ctx, fds[1], sni);
    assert_int_equal(SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp), 1);
    help_open_server(&s, fds[0], server);
    assert_int_equal(help_raw_connect(ssl), 1);
    n = SSL_get_tlsext_status_ocsp_resp(ssl, &resp);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    help_close(&s);
    close(fds[1]);
    return n > 0 ? n : 0;
}

/* The caller frees. */
static unsigned char *
read_all(const char *path, size_t *n)
{
    FILE *f = fopen(path, "r");
    unsigned char *p = malloc(65536);

    assert_true(f != NULL && p != NULL);
    *n = fread(p, 1, 65536, f);
    (void)fclose(f);
    return p;
}

static void
test_staple(void **state)
{
    static const char *const a[] = {"a.example"};
    static const char *const own[] = {"own.example"};
    struct joist_cert_conf v[] = {cert_of("own", own, 1), cert_of("a", a, 1)};
    struct joist_tls_conf tls = {.min_version = 12};
    struct jst_tls_server_conf conf = {.tls = &tls, .h1 = true};
    struct jst_tls_server *server;
    unsigned char *der;

    (void)state;
    make_ocsp("a", 3600);
    v[1].ocsp = help_path("a", "ocsp");
    assert_int_equal(jst_tls_certs_create(&conf.certs, v, 2, time(NULL), NULL), 0);
    server = help_server_of(&conf);
    assert_true(stapled(server, "a.example", TLS1_3_VERSION) > 100);
    assert_true(stapled(server, "a.example", TLS1_2_VERSION) > 100);
    assert_int_equal(stapled(server, "own.example", TLS1_3_VERSION), 0);
    jst_tls_server_unref(&server);
    jst_tls_certs_unref(&conf.certs);
    /* Handed in instead of a file. */
    v[1].ocsp_der = der = read_all(help_path("a", "ocsp"), &v[1].ocsp_der_n);
    v[1].ocsp = NULL;
    assert_int_equal(jst_tls_certs_create(&conf.certs, v, 2, time(NULL), NULL), 0);
    server = help_server_of(&conf);
    free(der);
    assert_true(stapled(server, "a.example", TLS1_3_VERSION) > 100);
    jst_tls_server_unref(&server);
    jst_tls_certs_unref(&conf.certs);
}

static void
test_wrong_staple(void **state)
{
    static const char *const hosts[] = {"ocsp.example"};
    struct joist_cert_conf v = cert_of("ocsp", hosts, 1);

    (void)state;
    v.site = "shop";
    join(help_path("ocsp-chain", "pem"),
         (const char *[]){help_path("ocsp", "pem"), help_path("ca", "pem"), NULL});
    v.cert = help_path("ocsp-chain", "pem");
    help_write(help_path("bad", "ocsp"), "no", 2);
    v.ocsp = help_path("bad", "ocsp");
    warned(&v, "is not one of success");
    v.ocsp = help_path("missing", "ocsp");
    warned(&v, "OCSP response");
    make_ocsp("ocsp", -60);
    v.ocsp = help_path("ocsp", "ocsp");
    warned(&v, "out of date");
    make_ocsp("ocsp", 3600);
    warned(&v, NULL);
}

/* ---- client certificates ---- */

static struct jst_tls_client *
client_with(const char *cert)
{
    struct joist_target_tls_conf tls = {.ca = help_path("ca", "pem"),
                                        .cert = cert != NULL ? help_path(cert, "pem") : NULL,
                                        .key = cert != NULL ? help_path(cert, "key") : NULL};
    struct jst_tls_client_conf conf = {.tls = &tls, .host = JST_S("a.example"), .h1 = true};
    struct jst_tls_client *t = NULL;

    assert_int_equal(jst_tls_client_create(&t, &conf, NULL), 0);
    return t;
}

static void
offer(struct jst_tls_server *server, const char *cert, struct help_end *s)
{
    struct jst_tls_client *client = client_with(cert);
    struct help_end c = {.hungry = true};

    *s = (struct help_end){.hungry = true};
    help_shake(s, &c, server, client, NULL);
    help_close(&c);
    jst_tls_client_unref(&client);
}

static void
test_client_certificates(void **state)
{
    struct joist_cert_conf own = cert_of("a", NULL, 0);
    struct joist_tls_conf tls = {.certs = &own,
                                 .certs_n = 1,
                                 .min_version = 12,
                                 .client_auth = JOIST_CLIENT_AUTH_REQUIRE,
                                 .client_ca = help_path("ca", "pem")};
    struct jst_tls_server_conf conf = {.tls = &tls, .h1 = true};
    struct jst_tls_server *server = help_server_of(&conf);
    struct help_end s;

    (void)state;
    offer(server, "user", &s);
    assert_int_equal(s.connected, 1);
    assert_true(jst_slice_eq(jst_tls_info(&s.conn)->subject, JST_S("CN=user")));
    assert_int_equal(jst_tls_info(&s.conn)->fingerprint.n, 64);
    help_close(&s);
    offer(server, NULL, &s);
    assert_int_equal(s.why, JOIST_E_CERT);
    assert_string_equal(s.error, "client certificate: none was sent");
    help_close(&s);
    offer(server, "stranger", &s);
    assert_int_equal(s.why, JOIST_E_CERT);
    assert_non_null(strstr(s.error, "client certificate: "));
    help_close(&s);
    jst_tls_server_unref(&server);
    tls.client_auth = JOIST_CLIENT_AUTH_REQUEST;
    server = help_server_of(&conf);
    offer(server, NULL, &s);
    assert_int_equal(s.connected, 1);
    assert_int_equal(jst_tls_info(&s.conn)->subject.n, 0);
    help_close(&s);
    offer(server, "stranger", &s);
    assert_int_equal(s.why, JOIST_E_CERT);
    help_close(&s);
    jst_tls_server_unref(&server);
}

/* ---- verification of origins ---- */

static void
verify(const char *leaf, const char *ca, const char *host, const char *words)
{
    struct jst_tls_server *server = help_server(leaf, NULL);
    struct jst_tls_client *client = help_client(ca, host);
    struct help_end s = {0};
    struct help_end c = {0};

    help_shake(&s, &c, server, client, NULL);
    if (words == NULL) {
        assert_string_equal(c.error, "");
        assert_int_equal(c.connected, 1);
    } else {
        assert_int_equal(c.connected, 0);
        assert_int_equal(c.why, JOIST_E_CERT);
        assert_string_equal(c.error, words);
        assert_int_equal(s.failed, 1); /* it hears of it by alert */
    }
    help_close(&s);
    help_close(&c);
    jst_tls_server_unref(&server);
    jst_tls_client_unref(&client);
}

static void
test_verification(void **state)
{
    (void)state;
    verify("a", "ca", "a.example", NULL);
    verify("a", "ca", "127.0.0.1", NULL);
    verify("a", "ca", "b.example", "hostname mismatch (b.example)");
    verify("a", "ca", "127.0.0.2", "IP address mismatch (127.0.0.2)");
    verify("old", "ca", "a.example", "certificate has expired (a.example)");
    verify("future", "ca", "a.example",
           "certificate is not yet valid or the system clock is incorrect (a.example)");
    verify("a", "other-ca", "a.example", "unable to get local issuer certificate (a.example)");
    verify("self", "other-ca", "a.example", "self-signed certificate (a.example)");
}

/* RFC 9525 6.3: what looks like a name in the subject is none. */
static void
test_common_name_is_no_host_name(void **state)
{
    (void)state;
    verify("common.example", "ca", "common.example", "hostname mismatch (common.example)");
}

static void
test_names_of_origins(void **state)
{
    struct joist_target_tls_conf tls = {
        .ca = help_path("ca", "pem"), .sni = "wild.example", .verify_name = "a.example"};
    struct jst_tls_client_conf conf = {.tls = &tls, .host = JST_S("10.0.0.1"), .h1 = true};
    struct jst_tls_server *server = help_server("a", NULL);
    struct jst_tls_client *client = NULL;
    struct help_end s = {0};
    struct help_end c = {0};

    (void)state;
    assert_int_equal(jst_tls_client_create(&client, &conf, NULL), 0);
    help_shake(&s, &c, server, client, NULL);
    assert_int_equal(c.connected, 1);
    assert_int_equal(jst_tls_info(&c.conn)->alpn, JST_ALPN_H1);
    assert_true(jst_slice_eq(jst_tls_info(&s.conn)->sni, JST_S("wild.example")));
    help_close(&s);
    help_close(&c);
    jst_tls_server_unref(&server);
    jst_tls_client_unref(&client);
    tls.ca = help_path("missing", "pem");
    assert_int_equal(jst_tls_client_create(&client, &conf, NULL), JOIST_E_INVAL);
    tls.ca = NULL; /* the system's: it does not know ours */
    assert_int_equal(jst_tls_client_create(&client, &conf, NULL), 0);
    jst_tls_client_unref(&client);
}

static int
begin(void **state)
{
    int rc = help_begin(state);

    if (rc != 0) {
        return rc;
    }
    help_make_ca("ca");
    help_make_ca("other-ca");
    help_make_leaf("a", "DNS:a.example,DNS:covered.example,IP:127.0.0.1", "ca");
    help_make(&(struct help_spec){.name = "a-rsa",
                                  .san = "DNS:a.example",
                                  .issuer = "ca",
                                  .key = HELP_RSA,
                                  .from_s = -3600,
                                  .until_s = 86400});
    help_make_leaf("wild", "DNS:*.wild.example,DNS:wild.example", "ca");
    help_make_leaf("own", "DNS:own.example", "ca");
    help_make(&(struct help_spec){.name = "ocsp",
                                  .san = "DNS:ocsp.example",
                                  .responder = "http://ocsp.example/",
                                  .issuer = "ca",
                                  .from_s = -3600,
                                  .until_s = 86400});
    help_make_leaf("user", NULL, "ca");
    help_make_leaf("common.example", NULL, "ca"); /* CN=common.example, no other name */
    help_make_leaf("stranger", NULL, "other-ca");
    help_make_leaf("self", "DNS:a.example", NULL);
    help_make(&(struct help_spec){
        .name = "old", .san = "DNS:a.example", .issuer = "ca", .from_s = -7200, .until_s = -3600});
    help_make(&(struct help_spec){.name = "future",
                                  .san = "DNS:a.example",
                                  .issuer = "ca",
                                  .from_s = 3600,
                                  .until_s = 86400});
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificate_by_name),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_odd_files),
        cmocka_unit_test(test_wrong_listener),
        cmocka_unit_test(test_staple),
        cmocka_unit_test(test_wrong_staple),
        cmocka_unit_test(test_client_certificates),
        cmocka_unit_test(test_verification),
        cmocka_unit_test(test_names_of_origins),
        cmocka_unit_test(test_common_name_is_no_host_name),
    };

    return cmocka_run_group_tests_name("wire/tls_names", tests, begin, help_finish);
}
