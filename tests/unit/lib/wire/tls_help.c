// SPDX-License-Identifier: MIT
#include "tls_help.h"

#include "wire/readbuf.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/hpke.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct jst_loop *help_loop;
static char folder[64];

/* ---- files ---- */

const char *
help_path(const char *name, const char *suffix)
{
    static char paths[16][128];
    static unsigned at;
    char *out = paths[at++ % 16];

    (void)snprintf(out, sizeof(paths[0]), "%s/%s.%s", folder, name, suffix);
    return out;
}

void
help_write(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static EVP_PKEY *
make_key(enum help_key kind)
{
    EVP_PKEY *k = kind == HELP_RSA  ? EVP_RSA_gen(2048)
                  : kind == HELP_ED ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                    : EVP_EC_gen("P-256");

    assert_non_null(k);
    return k;
}

static void
load(const char *name, X509 **x, EVP_PKEY **k)
{
    FILE *f = fopen(help_path(name, "pem"), "r");

    assert_non_null(f);
    *x = PEM_read_X509(f, NULL, NULL, NULL);
    (void)fclose(f);
    f = fopen(help_path(name, "key"), "r");
    assert_non_null(f);
    *k = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    (void)fclose(f);
    assert_true(*x != NULL && *k != NULL);
}

static void
add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static void
save(const char *name, X509 *x, EVP_PKEY *k)
{
    FILE *f = fopen(help_path(name, "pem"), "w");

    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, x), 1);
    assert_int_equal(fclose(f), 0);
    f = fopen(help_path(name, "key"), "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(f), 0);
}

void
help_make(const struct help_spec *spec)
{
    static long serial;
    EVP_PKEY *key = make_key(spec->key);
    X509 *x = X509_new();
    X509_NAME *name = X509_NAME_new();
    EVP_PKEY *signer = key;
    X509 *issuer = x;

    assert_true(x != NULL && name != NULL);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                (const unsigned char *)spec->name, -1, -1, 0),
                     1);
    assert_int_equal(X509_set_subject_name(x, name), 1);
    X509_NAME_free(name);
    if (spec->issuer != NULL) {
        load(spec->issuer, &issuer, &signer);
    }
    assert_int_equal(X509_set_version(x, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), time(NULL) % 100000 + ++serial), 1);
    assert_int_equal(X509_set_issuer_name(x, X509_get_subject_name(issuer)), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), spec->from_s));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), spec->until_s));
    assert_int_equal(X509_set_pubkey(x, key), 1);
    add_ext(x, issuer, NID_basic_constraints, spec->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    add_ext(x, issuer, NID_subject_key_identifier, "hash");
    if (spec->issuer != NULL) {
        add_ext(x, issuer, NID_authority_key_identifier, "keyid");
    }
    if (spec->is_ca) {
        add_ext(x, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    if (spec->responder != NULL) {
        char value[256];

        (void)snprintf(value, sizeof(value), "OCSP;URI:%s", spec->responder);
        add_ext(x, issuer, NID_info_access, value);
    }
    if (spec->san != NULL) {
        add_ext(x, issuer, NID_subject_alt_name, spec->san);
    }
    assert_true(X509_sign(x, signer, EVP_PKEY_is_a(signer, "ED25519") == 1 ? NULL : EVP_sha256()) >
                0);
    save(spec->name, x, key);
    if (spec->issuer != NULL) {
        X509_free(issuer);
        EVP_PKEY_free(signer);
    }
    X509_free(x);
    EVP_PKEY_free(key);
}

void
help_make_leaf(const char *name, const char *san, const char *issuer)
{
    help_make(&(struct help_spec){
        .name = name, .san = san, .issuer = issuer, .from_s = -3600, .until_s = 86400});
}

void
help_make_ca(const char *name)
{
    help_make(&(struct help_spec){.name = name, .is_ca = true, .from_s = -3600, .until_s = 86400});
}

#ifdef OSSL_ECH_CURRENT_VERSION
size_t
help_make_ech(const char *name, const char *public_name, unsigned char *list, size_t cap)
{
    OSSL_HPKE_SUITE suite = OSSL_HPKE_SUITE_DEFAULT;
    OSSL_ECHSTORE *store = OSSL_ECHSTORE_new(NULL, NULL);
    BIO *b = BIO_new_file(help_path(name, "ech"), "w");
    size_t n = 0;

    assert_true(store != NULL && b != NULL);
    assert_int_equal(
        OSSL_ECHSTORE_new_config(store, OSSL_ECH_CURRENT_VERSION, 0, public_name, suite), 1);
    assert_int_equal(OSSL_ECHSTORE_write_pem(store, OSSL_ECHSTORE_LAST, b), 1);
    BIO_free(b);
    if (list != NULL) {
        char line[2048];
        FILE *f = fopen(help_path(name, "ech"), "r");
        char text[2048] = "";
        bool in = false;
        int k;

        assert_non_null(f);
        while (fgets(line, sizeof(line), f) != NULL) {
            if (strstr(line, "-----") != NULL) {
                in = strstr(line, "BEGIN ECHCONFIG") != NULL;
            } else if (in) {
                line[strcspn(line, "\n")] = '\0';
                assert_true(strlen(text) + strlen(line) < sizeof(text));
                memcpy(text + strlen(text), line, strlen(line) + 1);
            }
        }
        (void)fclose(f);
        assert_true(strlen(text) / 4 * 3 <= cap);
        k = EVP_DecodeBlock(list, (unsigned char *)text, (int)strlen(text));
        assert_true(k > 0);
        n = (size_t)k;
        n -= text[strlen(text) - 1] == '=';
        n -= text[strlen(text) - 2] == '=';
    }
    OSSL_ECHSTORE_free(store);
    return n;
}

#endif

/* ---- ends ---- */

static struct help_end *
of(struct jst_conn *c)
{
    return JST_CONTAINER(c, struct help_end, conn);
}

static void
on_readable(struct jst_conn *c)
{
    static char block[65536];
    struct help_end *e = of(c);

    e->readable++;
    while (e->hungry) {
        int n = jst_conn_read(c, block, e->take > 0 ? e->take : sizeof(block));

        if (n < 0) {
            e->end = n;
            return;
        }
        assert_true(n > 0);
        if (jst_tls_info(c) != NULL && jst_tls_info(c)->early) {
            e->early_seen = true;
        }
        if (e->got + (size_t)n <= e->in_cap) {
            memcpy(e->in + e->got, block, (size_t)n);
        }
        e->got += (size_t)n;
    }
}

static void
on_sent(struct jst_conn *c, size_t n)
{
    of(c)->sent += n;
}

static void
on_connected(struct jst_conn *c)
{
    struct help_end *e = of(c);

    e->connected++;
    if (e->move_to != NULL) {
        assert_int_equal(jst_conn_move(&e->move_to->conn, c, e->move_ev), 0);
    }
}

static void
on_failed(struct jst_conn *c, int why)
{
    struct help_end *e = of(c);
    struct jst_slice error = jst_tls_error(c);

    e->failed++;
    e->why = why;
    (void)snprintf(e->error, sizeof(e->error), "%.*s", JST_PRI(error));
}

static void
on_closed(struct jst_conn *c)
{
    of(c)->closed++;
}

const struct jst_conn_events help_events = {on_readable, on_sent,   on_connected,
                                            on_failed,   on_closed, NULL};

int
help_begin(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/joist-tls-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    return jst_loop_create(&help_loop, NULL);
}

int
help_finish(void **state)
{
    char command[128];

    (void)state;
    jst_loop_destroy(&help_loop);
    jst_readbuf_thread_fini();
    jst_buf_thread_fini();
    (void)snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

void
help_turns(int n)
{
    for (int i = 0; i < n; i++) {
        jst_loop_turn(help_loop, 0);
    }
}

void
help_until(const unsigned *flag)
{
    for (int i = 0; i < 2000 && *flag == 0; i++) {
        jst_loop_turn(help_loop, 1);
    }
    assert_true(*flag != 0);
}

void
help_pair(int fds[2], int buffer_bytes)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    for (int i = 0; i < 2 && buffer_bytes > 0; i++) {
        assert_int_equal(
            setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes)), 0);
    }
}

void
help_open_server(struct help_end *e, int fd, struct jst_tls_server *s)
{
    assert_int_equal(jst_conn_open(&e->conn, help_loop, fd, &help_events), 0);
    assert_int_equal(jst_tls_accept(&e->conn, s), 0);
}

void
help_open_client(struct help_end *e, int fd, struct jst_tls_client *t,
                 struct jst_tls_session **slot)
{
    assert_int_equal(jst_conn_open(&e->conn, help_loop, fd, &help_events), 0);
    assert_int_equal(jst_tls_connect(&e->conn, t, slot), 0);
}

void
help_close(struct help_end *e)
{
    if (e->closed == 0) {
        jst_conn_close(&e->conn, false);
        help_turns(3);
    }
    assert_int_equal(e->closed, 1);
}

void
help_say(struct help_end *e, const char *p, size_t n)
{
    struct jst_chain data = {0};

    assert_int_equal(jst_chain_add_copy(&data, p, n), 0);
    jst_conn_write(&e->conn, &data);
    assert_true(jst_chain_is_empty(&data));
}

/* ---- contexts ---- */

static void
report(struct jst_tls_report *base, enum joist_log_level level, int code,
       const struct joist_pos *pos, const char *text)
{
    struct help_report *r = JST_CONTAINER(base, struct help_report, r);

    assert_true(code < 0);
    r->errors += level == JOIST_LOG_ERROR;
    r->warnings += level == JOIST_LOG_WARN;
    r->line = pos != NULL ? pos->line : 0;
    (void)snprintf(r->text, sizeof(r->text), "%s", text);
}

void
help_report_init(struct help_report *r)
{
    *r = (struct help_report){.r = {report}};
}

struct jst_tls_server *
help_server_of(struct jst_tls_server_conf *conf)
{
    struct help_report r;
    struct jst_tls_server *s = NULL;
    int rc;

    help_report_init(&r);
    conf->now_s = time(NULL);
    rc = jst_tls_server_create(&s, conf, &r.r);
    if (rc != 0) {
        fail_msg("server: %s: %s", joist_error_name(rc), r.text);
    }
    return s;
}

struct jst_tls_server *
help_server(const char *name, struct jst_tls_tickets *tickets)
{
    struct joist_cert_conf cert = {.cert = help_path(name, "pem"), .key = help_path(name, "key")};
    struct joist_tls_conf tls = {.certs = &cert, .certs_n = 1, .min_version = 12};
    struct jst_tls_server_conf conf = {.tls = &tls, .tickets = tickets, .h1 = true, .h2 = true};

    return help_server_of(&conf);
}

struct jst_tls_client *
help_client(const char *ca, const char *host)
{
    struct joist_target_tls_conf tls = {.ca = help_path(ca, "pem")};
    struct jst_tls_client_conf conf = {
        .tls = &tls, .host = jst_slice_z(host), .h1 = true, .h2 = true};
    struct help_report r;
    struct jst_tls_client *t = NULL;
    int rc;

    help_report_init(&r);
    rc = jst_tls_client_create(&t, &conf, &r.r);
    if (rc != 0) {
        fail_msg("client: %s: %s", joist_error_name(rc), r.text);
    }
    return t;
}

/* ---- both together, and a bare OpenSSL client ---- */

void
help_shake(struct help_end *s, struct help_end *c, struct jst_tls_server *server,
           struct jst_tls_client *client, struct jst_tls_session **slot)
{
    int fds[2];

    help_pair(fds, 0);
    help_open_server(s, fds[0], server);
    help_open_client(c, fds[1], client, slot);
    for (int i = 0; i < 200 && (s->connected + s->failed == 0 || c->connected + c->failed == 0);
         i++) {
        jst_loop_turn(help_loop, 1);
    }
    help_turns(3);
}

SSL_CTX *
help_raw_ctx(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    assert_non_null(ctx);
    return ctx;
}

SSL *
help_raw(SSL_CTX *ctx, int fd, const char *sni)
{
    SSL *ssl = SSL_new(ctx);

    assert_non_null(ssl);
    assert_int_equal(SSL_set_fd(ssl, fd), 1);
    if (sni != NULL) {
        assert_int_equal(SSL_set_tlsext_host_name(ssl, sni), 1);
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

int
help_raw_connect(SSL *ssl)
{
    for (int i = 0; i < 200; i++) {
        int rc;

        ERR_clear_error();
        rc = SSL_connect(ssl);
        if (rc == 1) {
            help_turns(3);
            return 1;
        }
        if (SSL_get_error(ssl, rc) != SSL_ERROR_WANT_READ) {
            return -SSL_get_error(ssl, rc);
        }
        jst_loop_turn(help_loop, 1);
    }
    return -SSL_ERROR_WANT_READ;
}

int
help_raw_read(SSL *ssl, char *out, int cap)
{
    for (int i = 0; i < 50; i++) {
        int rc;

        ERR_clear_error();
        rc = SSL_read(ssl, out, cap);
        if (rc > 0) {
            return rc;
        }
        if (SSL_get_error(ssl, rc) != SSL_ERROR_WANT_READ) {
            return -SSL_get_error(ssl, rc);
        }
        jst_loop_turn(help_loop, 1);
    }
    return -SSL_ERROR_WANT_READ;
}
