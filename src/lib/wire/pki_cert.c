// SPDX-License-Identifier: MIT
/* joist_cert_create_self_signed(). */
#include <joist/cert.h>

#include "base/str.h"
#include "sys/addr.h"
#include "wire/pki_file.h"
#include "wire/pki_name.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* RFC 5280 4.1.2.2: at most 20 octets, positive; 159 random bits can neither grow nor be zero. */
#define SERIAL_BITS 159
/* Clocks of other machines may be late. */
#define BACKDATED_S 3600
/* RFC 5280 A.1: ub-common-name */
#define COMMON_NAME_MAX 64
/* 100 years: still before the year 9999, where the time format ends. */
#define DAYS_MAX 36500u

/* A wildcard stands for one label, the first. */
static bool
is_host_name(const char *name)
{
    return jst_pki_is_host_name(strncmp(name, "*.", 2) == 0 ? name + 2 : name, true);
}

/* An address as RFC 5280 4.2.1.6 wants it: 4 or 16 bytes; 0 if it is none. */
static int
read_address(uint8_t out[16], const char *text)
{
    struct jst_addr a;

    if (jst_addr_literal(&a, jst_slice_z(text), 0) < 0) {
        return 0;
    }
    if (a.u.any.sa_family == AF_INET) {
        memcpy(out, &a.u.in4.sin_addr, 4);
        return 4;
    }
    memcpy(out, &a.u.in6.sin6_addr, 16);
    return 16;
}

/* One subjectAltName entry; false: no memory, or it is neither a name nor an address. */
static bool
add_name(GENERAL_NAMES *names, const char *name, bool *invalid)
{
    GENERAL_NAME *entry = GENERAL_NAME_new();
    uint8_t address[16];
    int bytes = read_address(address, name);
    ASN1_STRING *text = ASN1_STRING_type_new(bytes > 0 ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

    *invalid = bytes == 0 && !is_host_name(name);
    if (entry == NULL || text == NULL || *invalid ||
        ASN1_STRING_set(text, bytes > 0 ? (const void *)address : name,
                        bytes > 0 ? bytes : (int)strlen(name)) != 1) {
        ASN1_STRING_free(text);
        GENERAL_NAME_free(entry);
        return false;
    }
    GENERAL_NAME_set0_value(entry, bytes > 0 ? GEN_IPADD : GEN_DNS, text);
    if (sk_GENERAL_NAME_push(names, entry) == 0) {
        GENERAL_NAME_free(entry);
        return false;
    }
    return true;
}

static int
add_names(X509 *x, const char *const *names, size_t names_n, struct joist_err *err)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    bool ok = all != NULL, invalid = false;

    for (size_t i = 0; i < names_n && ok; i++) {
        ok = add_name(all, names[i], &invalid);
        if (invalid) {
            GENERAL_NAMES_free(all);
            return jst_fail(err, JOIST_E_INVAL, "'%s' is neither a host name nor an address",
                            names[i]);
        }
    }
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(all);
    return ok ? JOIST_OK : jst_fail(err, JOIST_E_NOMEM, "out of memory");
}

static bool
add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;
    bool ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static bool
set_serial(X509 *x)
{
    BIGNUM *n = BN_new();
    bool ok = n != NULL && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;

    BN_free(n);
    return ok;
}

static bool
set_subject(X509 *x, const char *name)
{
    X509_NAME *subject = X509_NAME_new();
    /* A longer one does not fit into a common name; clients look at subjectAltName alone. */
    int n = (int)JST_MIN(strlen(name), (size_t)COMMON_NAME_MAX);
    bool ok = subject != NULL &&
              X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
                                         n, -1, 0) == 1 &&
              X509_set_subject_name(x, subject) == 1 && X509_set_issuer_name(x, subject) == 1;

    X509_NAME_free(subject);
    return ok;
}

/* Not an authority: whoever trusts this file trusts one server, not what its key may sign. */
static bool
add_extensions(X509 *x)
{
    return add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x, NID_ext_key_usage, "serverAuth") &&
           add_extension(x, NID_subject_key_identifier, "hash");
}

static int
make(X509 *x, EVP_PKEY *key, const char *const *names, size_t names_n, uint32_t days,
     struct joist_err *err)
{
    int rc = add_names(x, names, names_n, err);

    if (rc < 0) {
        return rc;
    }
    if (X509_set_version(x, X509_VERSION_3) != 1 || !set_serial(x) ||
        X509_time_adj_ex(X509_getm_notBefore(x), 0, -BACKDATED_S, NULL) == NULL ||
        X509_time_adj_ex(X509_getm_notAfter(x), (int)JST_MIN(days, DAYS_MAX), 0, NULL) == NULL ||
        X509_set_pubkey(x, key) != 1 || !set_subject(x, names[0]) || !add_extensions(x) ||
        X509_sign(x, key, EVP_sha256()) <= 0) {
        return jst_fail(err, JOIST_E_NOMEM, "cannot make a certificate");
    }
    return JOIST_OK;
}

/* The key first: a certificate without its key is of no use, the other way round of no harm. */
static int
write_files(const char *cert_path, const char *key_path, X509 *x, EVP_PKEY *key,
            struct joist_err *err)
{
    bool joined = strcmp(cert_path, key_path) == 0;
    BIO *cert_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_secmem());
    int rc = JOIST_OK;

    if (cert_pem == NULL || key_pem == NULL || PEM_write_bio_X509(cert_pem, x) != 1 ||
        PEM_write_bio_PrivateKey(joined ? cert_pem : key_pem, key, NULL, NULL, 0, NULL, NULL) !=
            1) {
        rc = jst_fail(err, JOIST_E_NOMEM, "out of memory");
    }
    if (rc == JOIST_OK && !joined) {
        rc = jst_pki_write(key_path, key_pem, true, err);
    }
    if (rc == JOIST_OK) {
        rc = jst_pki_write(cert_path, cert_pem, true, err);
    }
    BIO_free(cert_pem);
    BIO_free(key_pem);
    return rc;
}

int
joist_cert_create_self_signed(const char *cert_path, const char *key_path, const char *const *names,
                              size_t names_n, uint32_t days, struct joist_err *err)
{
    EVP_PKEY *key;
    X509 *x;
    int rc;

    if (names_n == 0) {
        return jst_fail(err, JOIST_E_INVAL, "a certificate needs a name");
    }
    key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    x = X509_new();
    if (key == NULL || x == NULL) {
        rc = jst_fail(err, JOIST_E_NOMEM, "out of memory");
    } else {
        rc = make(x, key, names, names_n, days, err);
    }
    if (rc == JOIST_OK) {
        rc = write_files(cert_path, key_path, x, key, err);
    }
    X509_free(x);
    EVP_PKEY_free(key);
    return rc;
}
