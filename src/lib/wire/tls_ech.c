// SPDX-License-Identifier: MIT
/* Encrypted ClientHello (RFC 9849), the server's side: keys from PEM files into OpenSSL's store. */
#include "wire/ech_api.h"
#include "wire/tls_int.h"
#include "wire/tls_server.h"

#include <openssl/err.h>
#include <stdlib.h>

#ifdef JST_HAS_ECH
static int
load_key(OSSL_ECHSTORE *store, const struct joist_ech_key_conf *conf, struct jst_tls_report *r)
{
    char *memory = NULL;
    size_t n = 0;
    BIO *b = NULL;
    int before = 0;
    int after = 0;
    int rc = conf->path != NULL ? jst_tls_read_file(&memory, &n, conf->path) : JOIST_E_INVAL;

    if (rc < 0) {
        jst_tls_say(r, JOIST_LOG_ERROR, rc, &conf->pos, "ECH key '%s': %s",
                    conf->path != NULL ? conf->path : "", joist_error_text(rc));
        return rc == JOIST_E_NOMEM ? rc : JOIST_E_INVAL;
    }
    ERR_clear_error();
    (void)OSSL_ECHSTORE_num_keys(store, &before);
    b = BIO_new_mem_buf(memory, (int)n);
    if (b == NULL) {
        rc = JOIST_E_NOMEM;
    } else if (OSSL_ECHSTORE_read_pem(store, b,
                                      conf->retry ? OSSL_ECH_FOR_RETRY : OSSL_ECH_NO_RETRY) != 1 ||
               OSSL_ECHSTORE_num_keys(store, &after) != 1 || after <= before) {
        jst_tls_say(r, JOIST_LOG_ERROR, JOIST_E_INVAL, &conf->pos,
                    "ECH key '%s': no PRIVATE KEY with its ECHCONFIG (%s)", conf->path,
                    jst_tls_last_words());
        rc = JOIST_E_INVAL;
    }
    BIO_free(b);
    OPENSSL_cleanse(memory, n);
    free(memory);
    return rc;
}

int
jst_tls_ech_load(SSL_CTX *ctx, const struct joist_ech_key_conf *v, size_t n,
                 struct jst_tls_report *r)
{
    OSSL_ECHSTORE *store = OSSL_ECHSTORE_new(NULL, NULL);
    int result = store != NULL ? JOIST_OK : JOIST_E_NOMEM;
    bool retry = false;

    for (size_t i = 0; i < n && store != NULL; i++) {
        int rc = load_key(store, &v[i], r);

        result = rc < 0 ? rc : result;
        retry = retry || v[i].retry;
    }
    if (result == JOIST_OK && !retry) {
        jst_tls_say(r, JOIST_LOG_ERROR, JOIST_E_INVAL, &v[0].pos,
                    "ECH: no key is offered to clients that used another one (retry)");
        result = JOIST_E_INVAL;
    }
    if (result == JOIST_OK && SSL_CTX_set1_echstore(ctx, store) != 1) {
        result = JOIST_E_NOMEM;
    }
    OSSL_ECHSTORE_free(store);
    return result;
}

void
jst_tls_ech_status(SSL *ssl, bool *ok, bool *failed)
{
    char *inner = NULL;
    char *outer = NULL;
    int status = SSL_ech_get1_status(ssl, &inner, &outer);

    *ok = status == SSL_ECH_STATUS_SUCCESS;
    *failed = status == SSL_ECH_STATUS_FAILED || status == SSL_ECH_STATUS_GREASE;
    OPENSSL_free(inner);
    OPENSSL_free(outer);
}
#else
int
jst_tls_ech_load(SSL_CTX *ctx, const struct joist_ech_key_conf *v, size_t n,
                 struct jst_tls_report *r)
{
    (void)ctx;
    (void)n;
    jst_tls_say(r, JOIST_LOG_ERROR, JOIST_E_UNSUPPORTED, &v[0].pos,
                "this OpenSSL knows no Encrypted ClientHello: leave [ech] out, or build with 4.0");
    return JOIST_E_UNSUPPORTED;
}

void
jst_tls_ech_status(SSL *ssl, bool *ok, bool *failed)
{
    (void)ssl;
    *ok = *failed = false;
}
#endif
