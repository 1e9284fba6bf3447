// SPDX-License-Identifier: MIT
#pragma once
/*
 * What a TLS handshake agreed on: plain facts, for routing, headers and logs.
 *
 * Owner:   filled by wire/tls; lives with the connection. Texts are static or live as long.
 * Threads: the connection's.
 */
#include "base/base.h"

enum jst_alpn {
    JST_ALPN_NONE, /* the peer named none: HTTP/1.1 */
    JST_ALPN_H1,
    JST_ALPN_H2,
};

struct jst_tls_info {
    struct jst_slice version; /* "TLSv1.3" */
    struct jst_slice cipher;  /* "TLS_AES_256_GCM_SHA384" */
    struct jst_slice group;   /* "X25519MLKEM768"; empty with plain RSA or a PSK without exchange */
    struct jst_slice sni; /* asked for, lower case; the inner name where ECH was used; or empty */
    /* of a client's verified certificate, else empty */
    struct jst_slice subject;     /* RFC 2253 */
    struct jst_slice fingerprint; /* SHA-256 of the certificate, hexadecimal, lower case */
    uint8_t alpn;                 /* enum jst_alpn */
    bool resumed;
    bool ech;
    bool sni_unknown; /* a name was asked for that no certificate is for: the default was sent */
    bool ech_failed;  /* ECH was tried with a key that is not ours, or as GREASE: `sni` is the outer
                         name, and retry configurations were sent */
    bool early; /* what is read now is 0-RTT data: it may be a replay. Cleared when the handshake is
                   complete */
};
