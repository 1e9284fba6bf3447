// SPDX-License-Identifier: MIT
/* joist_ech_create() and joist_ech_read(): RFC 9849 keys in the PEM form of OpenSSL. */
#include <joist/cert.h>

#include "wire/ech_api.h"
#include "wire/pki_file.h"

#ifdef JST_HAS_ECH

#include "base/str.h"
#include "wire/pki_name.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

/* RFC 9849 4: ECHConfigList is a length, then each config: version, length, and the contents,
 * which begin with the config_id. */
#define CONFIG_ID_AT 6

/* RFC 9849 4.1: nothing that reads as an IPv4 address: the last label must not be a number. */
static bool
is_public_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *last = dot != NULL ? dot + 1 : name;

    return jst_pki_is_host_name(name, false) && last[strspn(last, "0123456789")] != '\0';
}

int
joist_ech_create(const char *path, const char *public_name, struct joist_err *err)
{
    OSSL_HPKE_SUITE suite = OSSL_HPKE_SUITE_DEFAULT;
    OSSL_ECHSTORE *store = NULL;
    BIO *pem = NULL;
    int rc;

    if (!is_public_name(public_name)) {
        return jst_fail(err, JOIST_E_INVAL,
                        "'%s' is no host name: the public name is what clients show to "
                        "everybody on the way, as in public.example",
                        public_name);
    }
    store = OSSL_ECHSTORE_new(NULL, NULL);
    pem = BIO_new(BIO_s_secmem());
    if (store == NULL || pem == NULL ||
        OSSL_ECHSTORE_new_config(store, OSSL_ECH_CURRENT_VERSION, 0, public_name, suite) != 1 ||
        OSSL_ECHSTORE_write_pem(store, OSSL_ECHSTORE_LAST, pem) != 1) {
        rc = jst_fail(err, JOIST_E_NOMEM, "cannot make an ECH key");
    } else {
        rc = jst_pki_write(path, pem, false, err);
    }
    BIO_free(pem);
    OSSL_ECHSTORE_free(store);
    return rc;
}

/* The ECHConfigList as it stands in the file, in base64 on one line. */
static bool
read_list(struct joist_ech_info *out, BIO *bio)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long n = 0;
    bool found = false;

    while (!found && PEM_read_bio(bio, &name, &header, &der, &n) == 1) {
        found = strcmp(name, "ECHCONFIG") == 0 && n > CONFIG_ID_AT &&
                (size_t)(n + 2) / 3 * 4 < sizeof(out->config_list);
        if (found) {
            (void)EVP_EncodeBlock((unsigned char *)out->config_list, der, (int)n);
            out->config_id = der[CONFIG_ID_AT];
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)n);
    }
    return found;
}

static bool
read_store(struct joist_ech_info *out, BIO *bio)
{
    OSSL_ECHSTORE *store = OSSL_ECHSTORE_new(NULL, NULL);
    char *public_name = NULL, *printed = NULL;
    time_t loaded = 0;
    int has_private = 0, for_retry = 0;
    bool ok = store != NULL && OSSL_ECHSTORE_read_pem(store, bio, OSSL_ECH_FOR_RETRY) == 1 &&
              OSSL_ECHSTORE_get1_info(store, 0, &loaded, &public_name, &printed, &has_private,
                                      &for_retry) == 1;

    if (ok) {
        (void)jst_fmt(out->public_name, sizeof(out->public_name), "%s",
                      public_name != NULL ? public_name : "");
        out->has_key = has_private != 0;
    }
    OPENSSL_free(public_name);
    OPENSSL_free(printed);
    OSSL_ECHSTORE_free(store);
    return ok;
}

static int
read_with(struct joist_ech_info *out, const char *path,
          bool (*read)(struct joist_ech_info *, BIO *), struct joist_err *err)
{
    BIO *bio = NULL;
    int rc = jst_pki_open(&bio, path, err);

    if (rc < 0) {
        return rc;
    }
    if (!read(out, bio)) {
        rc = jst_fail(err, JOIST_E_INVAL,
                      "'%s' is no ECH key: PEM with PRIVATE KEY and ECHCONFIG is expected, as "
                      "`joist ech new` writes it",
                      path);
    }
    BIO_free_all(bio);
    return rc;
}

int
joist_ech_read(struct joist_ech_info *out, const char *path, struct joist_err *err)
{
    struct joist_ech_info info = {0};
    int rc;

    ERR_set_mark();
    rc = read_with(&info, path, read_list, err);
    if (rc == JOIST_OK) {
        rc = read_with(&info, path, read_store, err);
    }
    ERR_pop_to_mark();
    if (rc == JOIST_OK) {
        *out = info;
    }
    return rc;
}

const char *
joist_tls_missing(void)
{
    return "";
}

#else

int
joist_ech_create(const char *path, const char *public_name, struct joist_err *err)
{
    (void)path;
    (void)public_name;
    return jst_fail(err, JOIST_E_UNSUPPORTED, "%s knows no ECH: OpenSSL 4.0 does",
                    joist_tls_library());
}

int
joist_ech_read(struct joist_ech_info *out, const char *path, struct joist_err *err)
{
    (void)out;
    (void)path;
    return jst_fail(err, JOIST_E_UNSUPPORTED, "%s knows no ECH: OpenSSL 4.0 does",
                    joist_tls_library());
}

const char *
joist_tls_missing(void)
{
    return "ECH";
}

#endif
