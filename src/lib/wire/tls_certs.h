// SPDX-License-Identifier: MIT
#pragma once
/*
 * Private to wire/tls*: certificates by name.
 *
 * Job:     loaded pairs of certificate and key; a table from names to those that serve them.
 * Flow:    jst_tls_certs_create() -> jst_tls_certs_find() in each handshake (tls_hello.c).
 * Owner:   struct jst_tls_certs owns all; a site lives as long as it.
 * Threads: immutable after create.
 * Limits:  the lookup costs two hashes whatever the number; authorities' certificates are kept
 *          once.
 */
#include "wire/tls.h"

#include <openssl/ssl.h>

/* Kinds of keys that may stand side by side. */
enum jst_tls_key_kind {
    JST_TLS_KEY_EC,
    JST_TLS_KEY_RSA,
    JST_TLS_KEY_ED, /* Ed25519, Ed448 */
    JST_TLS_KEYS_,
};

/* A certificate, its key and chain. */
struct jst_tls_pair {
    X509 *cert;
    EVP_PKEY *key;
    STACK_OF(X509) * chain;
    unsigned char *ocsp; /* NULL: nothing to staple */
    size_t ocsp_n;
    int64_t ocsp_until_s; /* the response says nothing any more */
    enum jst_tls_key_kind kind;
};

/* What one name is served with: one of each kind. */
struct jst_tls_site {
    const struct jst_tls_pair *pairs[JST_TLS_KEYS_];
};

/** Load one pair; reports. JOIST_E_INVAL, JOIST_E_NOMEM. */
int jst_tls_pair_load(struct jst_tls_pair *out, const struct joist_cert_conf *conf, int64_t now_s,
                      struct jst_tls_report *r);
void jst_tls_pair_fini(struct jst_tls_pair *p);

/** Take the OCSP response of `conf`, if it has one that can be sent; else report why not: only
 * where the certificate names a responder. */
void jst_tls_ocsp_load(struct jst_tls_pair *p, const struct joist_cert_conf *conf, const char *site,
                       int64_t now_s, struct jst_tls_report *r);

/** Lower-case name: exact, else by one-label wildcard, else NULL. */
const struct jst_tls_site *jst_tls_certs_find(const struct jst_tls_certs *certs,
                                              struct jst_slice name);

/** That of the first certificate, for who has no default of its own; NULL: there is none. */
const struct jst_tls_site *jst_tls_certs_first(const struct jst_tls_certs *certs);
struct jst_tls_certs *jst_tls_certs_ref(struct jst_tls_certs *certs);

/** A site of its own from pairs that the caller owns; later ones of a kind are passed over. */
void jst_tls_site_add(struct jst_tls_site *site, const struct jst_tls_pair *pair);
bool jst_tls_site_is_empty(const struct jst_tls_site *site);

/** Say one thing that is wrong, with the site's name before it. */
void jst_tls_say(struct jst_tls_report *r, enum joist_log_level level, int code,
                 const struct joist_pos *pos, const char *fmt, ...) JST_PRINTF(5, 6);

/** Read a whole file of at most JST_TLS_FILE_MAX bytes (malloc; NUL behind it). JOIST_E_NOMEM,
 *  JOIST_E_NOTFOUND, JOIST_E_ACCESS, JOIST_E_LIMIT, JOIST_E_IO. */
#define JST_TLS_FILE_MAX (4u * 1024 * 1024)
int jst_tls_read_file(char **out, size_t *n, const char *path);

/** False: out of memory. It must not keep `x` without a count of its own. */
typedef bool jst_tls_take_cert_f(void *ctx, X509 *x);

/** Give each certificate of a PEM file to `take`; `what` and the path are named in reports.
 *  JOIST_E_INVAL (reported: unreadable, none in it, broken between them), JOIST_E_NOMEM. */
int jst_tls_read_authorities(const char *path, const char *what, const struct joist_pos *pos,
                             jst_tls_take_cert_f *take, void *ctx, struct jst_tls_report *r);

/** Why the last call of OpenSSL failed, in its words. Static. */
const char *jst_tls_last_words(void);

/** A private key of PEM text; encrypted ones are refused, nobody is asked. NULL: it is none. */
EVP_PKEY *jst_tls_parse_key(const char *pem, size_t n);
