// SPDX-License-Identifier: MIT
#pragma once
/*
 * The parts of TLS, and what all parts begin with; see parts.h, which includes this.
 */
#include <joist/conf.h>

#include "conf/toml.h"

struct jst_part {
    const struct jst_node *node; /* where it was written; NULL: made of defaults */
    uint64_t given;              /* bit i: key i of the block was written here */
    bool bad;                    /* something inside is wrong and was reported */
    bool unknown; /* it has a key that is not known: what seems to lack may be that */
};

struct jst_texts {
    const char **v;
    size_t n;
};

struct jst_part_client_auth {
    struct jst_part part;
    const char *ca;
    unsigned mode; /* JOIST_CLIENT_AUTH_REQUEST comes first, as 0 */
};

/* Certificates of a listener or a site: files of equal number, `key` and `ocsp` perhaps none. */
struct jst_part_certs {
    struct jst_texts cert;
    struct jst_texts key;
    struct jst_texts ocsp;
};

enum jst_tls_min {
    JST_TLS_MIN_12,
    JST_TLS_MIN_13,
};

struct jst_part_listener_tls {
    struct jst_part part;
    struct jst_part_certs certs;
    unsigned min_version; /* enum jst_tls_min */
    struct jst_texts groups;
    struct jst_part_client_auth *client_auth;
    unsigned reject_unknown_sni; /* 0 or 1 */
    bool early_data;
};

enum jst_site_tls_mode {
    JST_SITE_TLS_FILES,
    JST_SITE_TLS_OFF,
};

struct jst_part_site_tls {
    struct jst_part part;
    unsigned mode; /* enum jst_site_tls_mode */
    struct jst_part_certs certs;
};

struct jst_part_ech {
    struct jst_part part;
    struct jst_texts keys;
    const char *dir;
    uint64_t keep_ms;
};
