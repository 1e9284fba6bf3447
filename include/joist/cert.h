// SPDX-License-Identifier: MIT
#pragma once
/*
 * Certificates and ECH keys for who has none yet: made, read, described.
 *
 * Threads: any; nothing is kept between calls. Files are written with mode 0600, in one step.
 */
#include <joist/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** What a certificate file says of its first certificate. */
struct joist_cert_info {
    char subject[256]; /* RFC 2253 */
    char issuer[256];
    char names[1024];  /* subjectAltName: DNS names and addresses, ", " between */
    char key_type[32]; /* "ECDSA P-256", "RSA 2048" */
    int64_t not_before_s;
    int64_t not_after_s;
    bool self_signed;
};

/** JOIST_E_NOTFOUND, ACCESS, INVAL (no certificate in it), IO, NOMEM; err (may be NULL) says more.
 */
int joist_cert_read(struct joist_cert_info *out, const char *path, struct joist_err *err);

/** Make a self-signed certificate (ECDSA P-256) for DNS names and address literals, and write
 *  certificate and key; the same path twice: one file that holds both. The first name is the
 *  subject. JOIST_E_INVAL (no name, or one that is none), ACCESS, IO, NOMEM. */
int joist_cert_create_self_signed(const char *cert_path, const char *key_path,
                                  const char *const *names, size_t names_n, uint32_t days,
                                  struct joist_err *err);

/** What a file of `joist ech new` holds. */
struct joist_ech_info {
    char public_name[256];
    char config_list[2048]; /* ECHConfigList, base64: the ech= of an HTTPS record (RFC 9848) */
    uint8_t config_id;
    bool has_key;
};

/** Make an ECH key (X25519, HKDF-SHA256, AES-128-GCM; RFC 9849) and write it as PEM.
 *  A file that is there is never replaced. JOIST_E_INVAL (not a host name), UNSUPPORTED (this
 * OpenSSL knows no ECH), INUSE (the file is there), ACCESS, NOTFOUND (its folder is not), IO,
 * NOMEM. */
int joist_ech_create(const char *path, const char *public_name, struct joist_err *err);

/** JOIST_E_NOTFOUND, ACCESS, INVAL, UNSUPPORTED, IO, NOMEM. */
int joist_ech_read(struct joist_ech_info *out, const char *path, struct joist_err *err);

/** The TLS library: "OpenSSL 4.0.2 ..."; and what it lacks ("ECH"), or "". Static storage. */
const char *joist_tls_library(void);
const char *joist_tls_missing(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
