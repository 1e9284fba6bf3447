// SPDX-License-Identifier: MIT
#pragma once
/*
 * The key exchanges that make sense today, by the names of IANA's registry, and what people call
 * the NIST curves: what a configuration may name, as a file and as a struct.
 */
#define JST_TLS_GROUPS                                                                             \
    "X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "MLKEM512", "MLKEM768",           \
        "MLKEM1024", "X25519", "X448", "P-256", "P-384", "P-521", "secp256r1", "secp384r1",        \
        "secp521r1", "ffdhe2048", "ffdhe3072", "ffdhe4096"
