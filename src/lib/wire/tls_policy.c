// SPDX-License-Identifier: MIT
/* What every context obeys, on both sides. */
#include "wire/tls_server.h"

/* ECDHE and AEAD alone (RFC 9325 4.2). AES-128 first: it is the fastest where there is AES in
 * hardware, and clients without it put CHACHA20 first, which the server then takes. */
static const char ciphers12[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
/* The slash: who could do the first is asked for it, although that costs a second ClientHello where
 * its key share is for another. What is recorded today must not be opened by tomorrow's machines.
 */
const char jst_tls_groups_server[] = "X25519MLKEM768/X25519:P-256:P-384";
/* Key shares of the first two: an origin without the first needs no second round trip. */
const char jst_tls_groups_client[] = "*X25519MLKEM768:*X25519:P-256:P-384";

bool
jst_tls_set_groups(SSL_CTX *ctx, const char *list)
{
    /* The macro behind SSL_CTX_set1_groups_list() would cast the const away, unseen. */
    return SSL_CTX_ctrl(ctx, SSL_CTRL_SET_GROUPS_LIST, 0, (void *)(uintptr_t)list) == 1;
}

int
jst_tls_set_policy(SSL_CTX *ctx, unsigned min_version)
{
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_ENABLE_PARTIAL_WRITE);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    if (SSL_CTX_set_min_proto_version(ctx, min_version >= 13 ? TLS1_3_VERSION : TLS1_2_VERSION) !=
            1 ||
        SSL_CTX_set_cipher_list(ctx, ciphers12) != 1) {
        return JOIST_E_NOMEM;
    }
    return JOIST_OK;
}
