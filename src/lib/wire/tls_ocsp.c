// SPDX-License-Identifier: MIT
/* OCSP responses to staple: read, judged, held to their time (RFC 6960 4.2.2.1). */
#include "wire/tls_certs.h"
#include "wire/tls_int.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <stdlib.h>

/* A certificate of an authority without OCSP: that there is no response then is no news. */
static bool
names_responder(X509 *cert)
{
    STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(cert);
    bool found = urls != NULL;

    X509_email_free(urls);
    return found;
}

static int64_t
seconds_of(const ASN1_GENERALIZEDTIME *t)
{
    struct tm tm;

    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* When the response's answers end. False: it is no successful response about something. */
static bool
read_until(int64_t *until_s, const unsigned char *der, size_t n)
{
    OCSP_RESPONSE *resp = d2i_OCSP_RESPONSE(NULL, &der, (long)n);
    OCSP_BASICRESP *basic = NULL;
    bool good = false;

    if (resp != NULL && OCSP_response_status(resp) == OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        basic = OCSP_response_get1_basic(resp);
    }
    *until_s = INT64_MAX;
    for (int i = 0; basic != NULL && i < OCSP_resp_count(basic); i++) {
        ASN1_GENERALIZEDTIME *next = NULL;

        good = OCSP_single_get0_status(OCSP_resp_get0(basic, i), NULL, NULL, NULL, &next) >= 0;
        if (next != NULL) { /* 2.4: without one, newer information is always available */
            *until_s = JST_MIN(*until_s, seconds_of(next));
        }
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(resp);
    ERR_clear_error();
    return good;
}

/* The response's bytes, malloc; or why there are none. */
static int
take_bytes(char **der, size_t *n, const struct joist_cert_conf *conf)
{
    if (conf->ocsp_der_n == 0) {
        return jst_tls_read_file(der, n, conf->ocsp);
    }
    *n = conf->ocsp_der_n;
    *der = malloc(*n);
    if (*der == NULL) {
        return JOIST_E_NOMEM;
    }
    memcpy(*der, conf->ocsp_der, *n);
    return JOIST_OK;
}

/* Nothing here is an error: a handshake goes well without a staple. */
void
jst_tls_ocsp_load(struct jst_tls_pair *p, const struct joist_cert_conf *conf, const char *site,
                  int64_t now_s, struct jst_tls_report *r)
{
    const char *what = conf->ocsp != NULL ? conf->ocsp : "handed in";
    struct jst_tls_report *to = names_responder(p->cert) ? r : NULL;
    char *der = NULL;
    size_t n = 0;
    int rc;

    if (conf->ocsp == NULL && conf->ocsp_der_n == 0) {
        return;
    }
    rc = take_bytes(&der, &n, conf);
    if (rc < 0) {
        jst_tls_say(to, JOIST_LOG_WARN, rc, &conf->cert_pos, "site '%s': OCSP response '%s': %s",
                    site, what, joist_error_text(rc));
    } else if (!read_until(&p->ocsp_until_s, (const unsigned char *)der, n)) {
        jst_tls_say(to, JOIST_LOG_WARN, JOIST_E_INVAL, &conf->cert_pos,
                    "site '%s': OCSP response '%s' is not one of success, and is not sent", site,
                    what);
    } else if (p->ocsp_until_s <= now_s) {
        jst_tls_say(to, JOIST_LOG_WARN, JOIST_E_INVAL, &conf->cert_pos,
                    "site '%s': OCSP response '%s' is out of date, and is not sent: get a new one",
                    site, what);
    } else {
        p->ocsp = (unsigned char *)der;
        p->ocsp_n = n;
        return;
    }
    free(der);
}
