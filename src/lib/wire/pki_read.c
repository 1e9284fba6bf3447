// SPDX-License-Identifier: MIT
/* joist_cert_read(): what a certificate says of itself; and which TLS library this is. */
#include <joist/cert.h>

#include "base/str.h"
#include "sys/addr.h"
#include "wire/pki_file.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

static void
print_name(char *out, size_t cap, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    long n = 0;

    out[0] = '\0';
    if (bio != NULL && name != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        n = BIO_get_mem_data(bio, &p);
    }
    if (n > 0) {
        (void)jst_fmt(out, cap, "%.*s", (int)n, p);
    }
    BIO_free(bio);
}

/* A name in a certificate may hold any byte: none of them is to reach a terminal as it is. */
static void
add_printable(struct jst_str *s, const unsigned char *p, int n)
{
    for (int i = 0; i < n; i++) {
        if (p[i] > 0x20 && p[i] < 0x7f) {
            jst_str_add_char(s, (char)p[i]);
        } else {
            jst_str_fmt(s, "\\x%02x", p[i]);
        }
    }
}

/* "" if it has neither 4 nor 16 bytes. */
static void
print_address(char out[JST_ADDR_TEXT_BYTES], const unsigned char *p, int n)
{
    struct jst_addr a = {.len = sizeof(a.u.in6)};

    out[0] = '\0';
    if (n == 4) {
        a.u.in4.sin_family = AF_INET;
        memcpy(&a.u.in4.sin_addr, p, 4);
    } else if (n == 16) {
        a.u.in6.sin6_family = AF_INET6;
        memcpy(&a.u.in6.sin6_addr, p, 16);
    } else {
        return;
    }
    (void)jst_addr_print_ip(out, &a);
}

static void
add_alt_name(struct jst_str *s, const GENERAL_NAME *name)
{
    char address[JST_ADDR_TEXT_BYTES];
    int type;
    const ASN1_STRING *text = GENERAL_NAME_get0_value(name, &type);

    if (type != GEN_DNS && type != GEN_IPADD) {
        return;
    }
    if (s->n > 0) {
        jst_str_add(s, JST_S(", "));
    }
    if (type == GEN_IPADD) {
        print_address(address, ASN1_STRING_get0_data(text), ASN1_STRING_length(text));
        jst_str_add(s, jst_slice_z(address));
    } else {
        add_printable(s, ASN1_STRING_get0_data(text), ASN1_STRING_length(text));
    }
}

/* As many whole names as there is room for. */
static void
print_alt_names(char *out, size_t cap, const X509 *x)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    struct jst_str s = jst_str(out, cap - 1);
    size_t whole = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !s.full; i++) {
        add_alt_name(&s, sk_GENERAL_NAME_value(names, i));
        whole = s.full ? whole : s.n;
    }
    out[whole] = '\0';
    GENERAL_NAMES_free(names);
}

static void
print_key_type(char *out, size_t cap, const X509 *x)
{
    static const char *const curves[][2] = {
        {"prime256v1", "P-256"}, {"secp384r1", "P-384"}, {"secp521r1", "P-521"}};
    EVP_PKEY *key = X509_get0_pubkey(x);
    char group[32];
    const char *curve = group;

    if (key == NULL) {
        (void)jst_fmt(out, cap, "unknown");
    } else if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) {
        (void)jst_fmt(out, cap, "RSA %d", EVP_PKEY_get_bits(key));
    } else if (EVP_PKEY_is_a(key, "EC") &&
               EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1) {
        for (size_t i = 0; i < JST_COUNT(curves); i++) {
            curve = strcmp(group, curves[i][0]) == 0 ? curves[i][1] : curve;
        }
        (void)jst_fmt(out, cap, "ECDSA %s", curve);
    } else {
        const char *name = EVP_PKEY_get0_type_name(key);

        (void)jst_fmt(out, cap, "%s", name != NULL ? name : "unknown");
    }
}

static int64_t
seconds_of(const ASN1_TIME *t)
{
    struct tm tm;

    return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int
joist_cert_read(struct joist_cert_info *out, const char *path, struct joist_err *err)
{
    BIO *bio = NULL;
    X509 *x;
    int rc = jst_pki_open(&bio, path, err);

    if (rc < 0) {
        return rc;
    }
    ERR_set_mark();
    x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    ERR_pop_to_mark();
    BIO_free_all(bio);
    if (x == NULL) {
        return jst_fail(err, JOIST_E_INVAL,
                        "there is no certificate in '%s': PEM, with "
                        "BEGIN CERTIFICATE, is expected",
                        path);
    }
    *out = (struct joist_cert_info){
        .not_before_s = seconds_of(X509_get0_notBefore(x)),
        .not_after_s = seconds_of(X509_get0_notAfter(x)),
        .self_signed = X509_self_signed(x, 0) == 1,
    };
    print_name(out->subject, sizeof(out->subject), X509_get_subject_name(x));
    print_name(out->issuer, sizeof(out->issuer), X509_get_issuer_name(x));
    print_alt_names(out->names, sizeof(out->names), x);
    print_key_type(out->key_type, sizeof(out->key_type), x);
    X509_free(x);
    return JOIST_OK;
}

const char *
joist_tls_library(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
